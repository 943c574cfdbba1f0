//! What a parsed document amounts to once its fragments are expanded, and what the operation that runs costs (`weights`).
//!
//! Each fragment is measured once an operation and remembered, so that a chain of fragments which spread each other
//! twice costs no more than its text. Sums saturate; recursion is bounded by the nesting that is allowed.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Value, Variables};
use chrono::NaiveDate;

use super::weights::{
    INTROSPECTION, LARGEST_PAGE, LONGEST_TREND, MUTATION, REQUEST, VALUE, size_of, weight_of,
};
use super::{Code, Excess, Limits, within};

/// Checks every operation and every fragment of a document against the limits. Answers what the operation that is chosen costs; where none
/// of several is, which is refused afterwards, what the dearest does.
pub(super) fn check(
    document: &ExecutableDocument,
    chosen: Option<&str>,
    variables: &Variables,
    limits: &Limits,
) -> Result<u64, Excess> {
    within(Code::QueryTooLarge, "number of fragments", document.fragments.len(), limits.fragments)?;
    let given: HashMap<&Name, Given> =
        variables.iter().map(|(name, value)| (name, Given::of(value))).collect();
    let mut total = Cost::default();
    let (mut spread, mut price) = (HashSet::new(), REQUEST);
    for (name, operation) in document.operations.iter() {
        let mut walk = Walk {
            document,
            limits,
            variables,
            given: &given,
            operation: Some(operation),
            known: HashMap::new(),
        };
        let mut cost = walk.selections(&operation.node.selection_set.node, 1)?;
        cost.directives = cost.directives.saturating_add(declared_directives(&operation.node));
        cost.complexity = cost.price(operation.node.ty);
        cost.check(limits)?;
        if chosen.is_none_or(|chosen| name.is_some_and(|name| name.as_str() == chosen)) {
            price = price.max(cost.complexity);
        }
        // One operation runs, but all of them are validated: what bounds that work is the sum.
        total.fields = total.fields.saturating_add(cost.fields);
        total.aliases = total.aliases.saturating_add(cost.aliases);
        total.directives = total.directives.saturating_add(cost.directives);
        total.check(limits)?;
        spread.extend(walk.known.into_keys());
    }
    // A fragment that no operation spreads is validated too.
    let mut walk =
        Walk { document, limits, variables, given: &given, operation: None, known: HashMap::new() };
    for name in document.fragments.keys().filter(|name| !spread.contains(name.as_str())) {
        let cost = walk.fragment(name, 1)?;
        Cost { own_fields: 0, ..cost }.check(limits)?;
    }
    Ok(price)
}

fn declared_directives(operation: &OperationDefinition) -> u64 {
    let of_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
    of_variables.sum::<usize>().saturating_add(operation.directives.len()) as u64
}

/// What a selection set amounts to, fragments expanded.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Fields of the set itself.
    own_fields: u64,
    fields: u64,
    aliases: u64,
    directives: u64,
    /// Levels of fields.
    depth: u64,
    /// Levels of selection sets: fields, inline fragments and spreads.
    nesting: u64,
    /// Items of the lists that arguments hold, as often as pages repeat them.
    items: u64,
    /// Bytes that arguments are given, as often as pages repeat them.
    given: u64,
    /// Fields as often as pages repeat them, each with its weight.
    complexity: u64,
    /// The same of what is asked about the schema.
    introspection: u64,
}

impl Cost {
    /// Adds what stands beside.
    fn beside(&mut self, other: Self) {
        self.own_fields = self.own_fields.saturating_add(other.own_fields);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.items = self.items.saturating_add(other.items);
        self.given = self.given.saturating_add(other.given);
        self.complexity = self.complexity.saturating_add(other.complexity);
        self.introspection = self.introspection.saturating_add(other.introspection);
    }

    /// What an operation costs that selects this.
    fn price(&self, kind: OperationType) -> u64 {
        let writes = match kind {
            OperationType::Mutation => self.own_fields.saturating_add(self.items).saturating_mul(MUTATION),
            OperationType::Query | OperationType::Subscription => self.items,
        };
        REQUEST
            .saturating_add(self.complexity)
            .saturating_add(writes)
            .saturating_add(self.introspection / INTROSPECTION)
    }

    fn with_directives(mut self, count: usize) -> Self {
        self.directives = self.directives.saturating_add(count as u64);
        self
    }

    fn check(&self, limits: &Limits) -> Result<(), Excess> {
        within(Code::QueryTooNested, "nesting of selections", self.nesting, limits.nesting)?;
        within(Code::QueryTooDeep, "depth", self.depth, limits.depth)?;
        within(Code::TooManyAliases, "number of aliases", self.aliases, limits.aliases)?;
        within(Code::TooManyDirectives, "number of directives", self.directives, limits.directives)?;
        within(Code::TooManyFields, "number of root fields", self.own_fields, limits.root_fields)?;
        within(Code::TooManyFields, "number of fields", self.fields, limits.fields)?;
        let of_schema = "complexity of what it asks about the schema";
        within(Code::QueryTooComplex, of_schema, self.introspection, limits.introspection)?;
        within(Code::QueryTooComplex, "complexity", self.complexity, limits.complexity)?;
        within(
            Code::VariablesTooLarge,
            "size in bytes of what its fields are given",
            self.given,
            limits.given,
        )
    }
}

/// One walk over an operation, or over the fragments alone.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    limits: &'a Limits,
    variables: &'a Variables,
    /// How much each variable is.
    given: &'a HashMap<&'a Name, Given>,
    operation: Option<&'a Positioned<OperationDefinition>>,
    /// The fragments met so far; `None` while one is being measured.
    known: HashMap<&'a str, Option<Cost>>,
}

impl<'a> Walk<'a> {
    /// `level` is how many selection sets this walk stands in: it bounds the recursion.
    fn selections(&mut self, set: &'a SelectionSet, level: usize) -> Result<Cost, Excess> {
        within(Code::QueryTooNested, "nesting of selections", level, self.limits.nesting)?;
        let mut cost = Cost::default();
        for selection in &set.items {
            cost.beside(
                match &selection.node {
                    Selection::Field(field) => self.field(&field.node, level)?,
                    Selection::InlineFragment(inline) => {
                        self.selections(&inline.node.selection_set.node, level + 1)?
                    }
                    Selection::FragmentSpread(spread) => {
                        self.fragment(&spread.node.fragment_name.node, level + 1)?
                    }
                }
                .with_directives(selection.node.directives().len()),
            );
        }
        cost.nesting = cost.nesting.saturating_add(1);
        Ok(cost)
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Cost, Excess> {
        let set = &field.selection_set.node;
        let below = if set.items.is_empty() { Cost::default() } else { self.selections(set, level + 1)? };
        let page = if set.items.is_empty() { 1 } else { self.page(field) };
        let repeated = below.complexity.saturating_mul(page);
        let about_schema = matches!(field.name.node.as_str(), "__schema" | "__type");
        let (complexity, introspection) = if about_schema { (0, repeated) } else { (repeated, 0) };
        let given = self.given(field);
        Ok(Cost {
            own_fields: 1,
            fields: below.fields.saturating_add(1),
            aliases: below.aliases.saturating_add(u64::from(field.alias.is_some())),
            depth: below.depth.saturating_add(1),
            items: below.items.saturating_mul(page).saturating_add(given.items),
            // Somebody walks through it also where a page has no room for anything.
            given: below.given.saturating_mul(page.max(1)).saturating_add(given.bytes),
            complexity: complexity.saturating_add(weight_of(&field.name.node)),
            introspection: below.introspection.saturating_add(introspection),
            ..below
        })
    }

    /// What a fragment amounts to. One that does not exist amounts to a field, so that a document which spreads it over and over is one of many
    /// fields to whoever walks through it afterwards; validation says that it is not there.
    fn fragment(&mut self, name: &'a Name, level: usize) -> Result<Cost, Excess> {
        match self.known.get(name.as_str()) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(Excess::cycle(name)),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Cost { fields: 1, own_fields: 1, complexity: 1, ..Cost::default() });
        };
        self.known.insert(name, None);
        let cost = self
            .selections(&fragment.node.selection_set.node, level)?
            .with_directives(fragment.node.directives.len());
        self.known.insert(name, Some(cost));
        Ok(cost)
    }

    /// How many objects a field may answer: its page, the ids it is asked for, or one.
    fn page(&self, field: &Field) -> u64 {
        if field.get_argument("ids").is_some() {
            return self.given(field).items;
        }
        let asked = ["first", "last"].into_iter().find_map(|name| match self.scalar(field, name)? {
            Value::Number(number) => Some(number.as_u64().unwrap_or(0).min(LARGEST_PAGE)),
            _ => None,
        });
        if let (Some(first), Some(last)) = (self.day(field, "since"), self.day(field, "until")) {
            let days = last.signed_duration_since(first).num_days().saturating_add(1);
            return u64::try_from(days).unwrap_or(0).min(LONGEST_TREND);
        }
        asked.unwrap_or_else(|| {
            let is_given = |name: &str| field.get_argument(name).is_some();
            size_of(&field.name.node, is_given)
        })
    }

    fn day(&self, field: &Field, name: &str) -> Option<NaiveDate> {
        match self.scalar(field, name)? {
            Value::String(day) => day.parse().ok(),
            _ => None,
        }
    }

    /// The value of an argument, a variable replaced by its value or default; null where that is no scalar.
    fn scalar(&self, field: &Field, name: &str) -> Option<Value> {
        let value = field.get_argument(name)?.node.clone();
        let scalar = |variable: Name| {
            let value = self.variables.get(&variable).or_else(|| self.default_of(&variable));
            Ok::<_, Infallible>(value.filter(|value| is_scalar(value)).cloned().unwrap_or_default())
        };
        let Ok(value) = value.into_const_with(scalar);
        Some(value)
    }

    /// How much a field is given.
    fn given(&self, field: &Field) -> Given {
        let mut given = Given::default();
        for (_, value) in &field.arguments {
            let counted = value.node.clone().into_const_with(|variable| {
                // Measured once a document: however often it is used, nobody walks through it again.
                let known = self.given.get(&variable).copied();
                given.add(known.or_else(|| self.default_of(&variable).map(Given::of)).unwrap_or_default());
                Ok::<_, Infallible>(Value::Null)
            });
            let Ok(literal) = counted;
            given.add(Given::of(&literal));
        }
        given
    }

    fn default_of(&self, variable: &Name) -> Option<&'a Value> {
        let definitions = &self.operation?.node.variable_definitions;
        let definition = definitions.iter().find(|definition| definition.node.name.node == *variable)?;
        definition.node.default_value()
    }
}

const fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::List(_) | Value::Object(_))
}

/// How much a value is.
#[derive(Clone, Copy, Default)]
struct Given {
    /// What its lists hold.
    items: u64,
    bytes: u64,
}

impl Given {
    fn of(value: &Value) -> Self {
        let mut given = Self { items: 0, bytes: VALUE };
        match value {
            Value::List(list) => {
                given.items = list.len() as u64;
                for item in list {
                    given.add(Self::of(item));
                }
            }
            Value::Object(fields) => {
                for field in fields.values() {
                    given.add(Self::of(field));
                }
            }
            Value::String(text) => given.bytes = given.bytes.saturating_add(text.len() as u64),
            _ => {}
        }
        given
    }

    fn add(&mut self, other: Self) {
        self.items = self.items.saturating_add(other.items);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
