//! Limits on a document before it is validated and run: the executor asks, so that they
//! hold on every way in. Not an extension of the schema: with one, async-graphql pays for it at every field.
//!
//! What an operation costs is counted on the way (`weights`); what each viewer may spend in a minute `spending` knows.
//!
//! Order: the size of the text and of its variables, the nesting of its brackets, its tokens (all before parsing, for the parser recurses), then what it
//! amounts to with fragments expanded (before async-graphql looks at it, whose own checks are exponential there).

mod budget;
#[cfg(test)]
mod cost_tests;
mod nesting;
mod once;
mod spending;
#[cfg(test)]
mod tests;
mod tokens;
mod weights;

use async_graphql::{ErrorExtensionValues, Request, ServerError, ServerResult, Value};

pub use spending::{Exhausted, Payer, Spending, Standing, object};

/// The bounds; every one is the largest value still allowed. Fragments count as often as they are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document's text. Default 32,768.
    pub query_bytes: usize,
    /// Open brackets at one point of the text, and selection sets within one another once fragments are expanded.
    /// Default 200.
    pub nesting: usize,
    /// Names, values and signs, each comment as one. Default 4,000.
    pub tokens: usize,
    /// Levels of fields. Default 20; the introspection that `GraphiQL` sends takes 15.
    pub depth: usize,
    /// Aliases. Default 50.
    pub aliases: usize,
    /// Fields at the root of one operation. Default 20.
    pub root_fields: usize,
    /// Fields. Default 2,000.
    pub fields: usize,
    /// Directives. Default 50.
    pub directives: usize,
    /// Fragments that the document defines. Default 100.
    pub fragments: usize,
    /// Values in the variables, those within others included. Default 5,000.
    pub values: usize,
    /// Bytes that fields are given, as often as pages repeat them: each of them holds its own. A variable counts as often as it is used; a
    /// value has 32 bytes, and a text its own besides. Default 8 MiB.
    pub given: usize,
    /// What an operation costs, in points: 50 a request, and one a field as often as pages repeat it: below a connection everything counts
    /// `first` or `last` times (20 where neither is given, at most 100), below `nodes(ids:)` once an id. A mutation costs 10 more, and 10
    /// for each item of a list that it is given; what reads many rows for one object 20; an item in any other argument 1.
    /// Default 30,000.
    pub complexity: usize,
    /// Fields about the schema, as often as its lists repeat them; what tools ask takes up to 240,000. 20 of them cost a point.
    /// Default 300,000.
    pub introspection: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_bytes: 32 * 1024,
            nesting: 200,
            tokens: 4_000,
            depth: 20,
            aliases: 50,
            root_fields: 20,
            fields: 2_000,
            directives: 50,
            fragments: 100,
            values: 5_000,
            given: 8 * 1024 * 1024,
            complexity: 30_000,
            introspection: 300_000,
        }
    }
}

/// Refuses what is above its bound.
fn within(code: Code, what: &'static str, found: impl TryInto<u64>, bound: usize) -> Result<(), Excess> {
    let found = found.try_into().unwrap_or(u64::MAX);
    if found <= bound as u64 { Ok(()) } else { Err(Excess::over(code, what, found, bound)) }
}

/// What a client reads in `extensions.code`.
#[derive(Clone, Copy)]
enum Code {
    QueryTooLarge,
    QueryTooNested,
    QueryTooDeep,
    QueryTooComplex,
    TooManyAliases,
    TooManyDirectives,
    TooManyFields,
    FragmentCycle,
    VariablesTooLarge,
    RepeatedKey,
    BadUserInput,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::QueryTooLarge => "QUERY_TOO_LARGE",
            Self::QueryTooNested => "QUERY_TOO_NESTED",
            Self::QueryTooDeep => "QUERY_TOO_DEEP",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::TooManyAliases => "TOO_MANY_ALIASES",
            Self::TooManyDirectives => "TOO_MANY_DIRECTIVES",
            Self::TooManyFields => "TOO_MANY_FIELDS",
            Self::FragmentCycle => "FRAGMENT_CYCLE",
            Self::VariablesTooLarge => "VARIABLES_TOO_LARGE",
            Self::RepeatedKey => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
        }
    }
}

/// A document above a limit.
struct Excess {
    code: Code,
    message: String,
}

impl Excess {
    fn over(code: Code, what: &'static str, found: u64, bound: usize) -> Self {
        Self { code, message: format!("the document's {what} is {found}; the limit is {bound}") }
    }

    fn key_twice(key: &str) -> Self {
        let message = format!("an object has the field `{key}` twice: which of them is meant is not clear");
        Self { code: Code::RepeatedKey, message }
    }

    fn repeated(key: &str) -> Self {
        let message =
            format!("the mutation `{key}` is selected twice: select it once, or give one of them an alias");
        Self { code: Code::BadUserInput, message }
    }

    fn not_alone() -> Self {
        let message = "a subscription selects one field, once: open a stream for each".to_owned();
        Self { code: Code::BadUserInput, message }
    }

    fn cycle(fragment: &str) -> Self {
        Self { code: Code::FragmentCycle, message: format!("the fragment `{fragment}` spreads itself") }
    }
}

impl From<Excess> for ServerError {
    fn from(excess: Excess) -> Self {
        let mut error = Self::new(excess.message, None);
        error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", excess.code.as_str());
        error
    }
}

impl Limits {
    /// Refuses a request above a limit; parses it, once and for all, on the way. Answers what the operation that runs costs.
    ///
    /// # Errors
    /// The first limit that is exceeded, or the syntax error.
    pub fn check(&self, request: &mut Request) -> ServerResult<u64> {
        within(Code::QueryTooLarge, "size in bytes", request.query.len(), self.query_bytes)?;
        let values = request.variables.values().map(values_in).fold(0, usize::saturating_add);
        within(Code::VariablesTooLarge, "number of values in variables", values, self.values)?;
        within(Code::QueryTooNested, "nesting of brackets", nesting::deepest(&request.query), self.nesting)?;
        let tokens = tokens::tokens(&request.query);
        within(Code::QueryTooLarge, "number of tokens", tokens.count, self.tokens)?;
        if let Some(key) = tokens.key_twice {
            return Err(Excess::key_twice(key).into());
        }
        // Parsed here and kept in the request: async-graphql's parsing step would run its own check at once.
        let (variables, chosen) = (std::mem::take(&mut request.variables), request.operation_name.take());
        let price = request.parsed_query().map(|document| {
            let price = budget::check(document, chosen.as_deref(), &variables, self)?;
            once::check(document)?;
            Ok::<_, Excess>(price)
        });
        (request.variables, request.operation_name) = (variables, chosen);
        Ok(price??)
    }
}

/// What it costs to refuse a request of so many bytes.
#[must_use]
pub const fn price_of_refusal(bytes: usize) -> u64 {
    weights::REFUSAL + bytes as u64 / weights::BYTES
}

/// How many values there are in one, itself included. It nests no deeper than JSON is read.
fn values_in(value: &Value) -> usize {
    match value {
        Value::List(list) => list.iter().map(values_in).fold(1, usize::saturating_add),
        Value::Object(fields) => fields.values().map(values_in).fold(1, usize::saturating_add),
        _ => 1,
    }
}
