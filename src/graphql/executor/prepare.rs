//! What becomes of a request before it is executed: its document is found, held against the limits, and paid for.

use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{Name, ServerError, Value};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::super::documents::{Asked, Origin, Validity};
use super::super::heavy::size_of;
use super::super::inputs::fill_defaults;
use super::super::limits::{Exhausted, Payer, Standing, object, price_of_refusal};
use super::{Executor, with_code};

/// How many bytes a message about a document may have before its long lines are left out, and how many a line.
const LONGEST_MESSAGE: usize = 1_000;
const LONGEST_LINE: usize = 200;

/// A request within the limits, parsed and paid for. Made by [`Executor::prepare`] alone, so no door can leave the limits out.
pub struct Prepared {
    pub(super) request: async_graphql::Request,
    pub(super) origin: Origin,
    pub(super) validity: Validity,
    /// The hash that came with its text, where that is to be kept.
    pub(super) hash: Option<String>,
    /// What one execution of it costs.
    pub(super) cost: u64,
    /// Where its viewer stood once it was paid for; none where there are no budgets.
    pub(super) standing: Option<Standing>,
    pub(super) tells_cost: bool,
}

/// Why a request is not executed.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// What it asks for: there is no such document, it is above a limit, or cannot be read.
    Document(ServerError),
    /// Its viewer's budget.
    Budget(Exhausted),
}

impl From<Refusal> for ServerError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Document(error) => error,
            Refusal::Budget(exhausted) => exhausted.into(),
        }
    }
}

impl From<Exhausted> for Refusal {
    fn from(exhausted: Exhausted) -> Self {
        Self::Budget(exhausted)
    }
}

impl Prepared {
    /// The same, which tells in `extensions.cost` what it costs, if that is asked for.
    #[must_use]
    pub fn telling_cost(self, tells_cost: bool) -> Self {
        Self { tells_cost, ..self }
    }

    /// The name of the operation that runs, where it has one.
    pub(super) fn operation_name(&mut self) -> Option<String> {
        if let Some(chosen) = &self.request.operation_name {
            return Some(chosen.clone());
        }
        match &self.request.parsed_query().ok()?.operations {
            DocumentOperations::Multiple(named) if named.len() == 1 => {
                named.keys().next().map(Name::to_string)
            }
            // Without a name, or refused because none of several was chosen.
            DocumentOperations::Multiple(_) | DocumentOperations::Single(_) => None,
        }
    }

    /// What kind of operation runs; none where none of several was chosen, which is refused when it is executed.
    pub fn kind(&mut self) -> Option<OperationType> {
        let chosen = self.request.operation_name.clone();
        let operations = &self.request.parsed_query().ok()?.operations;
        let mut candidates = operations.iter().filter(|(name, _)| {
            chosen.as_deref().is_none_or(|chosen| name.is_some_and(|name| name.as_str() == chosen))
        });
        match (candidates.next(), candidates.next()) {
            (Some((_, only)), None) => Some(only.node.ty),
            _ => None,
        }
    }

    /// Everything that the answer to it depends on beside who asks, when, and where denials are told, as a SHA-256: documents, operations and
    /// variables that are the same have the same.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        let Self { request, origin, tells_cost, .. } = self;
        let operation = request.operation_name.as_deref().map_or(Value::Null, Value::from);
        let parts = [
            Value::from(*origin == Origin::Trusted),
            Value::from(*tells_cost),
            operation,
            request.variables.clone().into_value(),
            Value::from(request.query.as_str()),
        ];
        // What cannot be written is like nothing else.
        let text = serde_json::to_string(&parts).unwrap_or_else(|_| Uuid::new_v4().to_string());
        Sha256::digest(text).into()
    }

    /// The same request once more, for the next event of a stream: parsed and held against the limits once.
    #[must_use]
    pub fn again(&mut self) -> Self {
        let mut again =
            async_graphql::Request::new(self.request.query.clone()).variables(self.request.variables.clone());
        again.operation_name.clone_from(&self.request.operation_name);
        if let Ok(document) = self.request.parsed_query() {
            again.set_parsed_query(document.clone());
        }
        Self { request: again, hash: self.hash.take(), validity: self.validity.clone(), ..*self }
    }
}

impl Executor {
    /// Whether a viewer has anything left to spend: asked before anything of a request is read.
    ///
    /// # Errors
    /// Where they have not.
    pub fn admit(&self, payer: Payer) -> Result<(), Exhausted> {
        self.spending.room(payer, self.clock.now())
    }

    /// Resolves when a viewer has anything left to spend.
    pub async fn admitted(&self, payer: Payer) {
        while let Some(at) = self.spending.room_at(payer, self.clock.now()) {
            self.clock.reaches(at).await;
        }
    }

    /// Has a viewer pay for so many bytes that were read in vain. Whoever has nothing left gets no deeper into debt: all who are nobody in
    /// particular pay from one account.
    pub fn refused(&self, payer: Payer, bytes: usize) {
        if self.admit(payer).is_ok() {
            self.spending.charge(payer, price_of_refusal(bytes), self.clock.now());
        }
    }

    /// Has a viewer pay for an event that was read for another stream of theirs as well.
    pub fn told(&self, payer: Payer, prepared: &Prepared) {
        self.spending.charge(payer, prepared.cost, self.clock.now());
    }

    /// Finds the document that is asked for, and refuses one above a limit, before anything of it runs; then has its viewer pay for it. The
    /// document of `request` is replaced by it.
    ///
    /// # Errors
    /// Where there is no such document, or it may not be sent; the first limit that is exceeded, or the syntax error; a budget that does
    /// not suffice; each with a code.
    pub async fn prepare(&self, asked: Asked, request: async_graphql::Request) -> Result<Prepared, Refusal> {
        let size = size_of(asked.text.as_deref(), &request.variables);
        self.heavy.work(size, || self.prepare_now(asked, request)).await
    }

    /// Does work on so many bytes of a request: much at once only beside few others.
    pub async fn work<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        self.heavy.work(bytes, work).await
    }

    fn prepare_now(&self, asked: Asked, request: async_graphql::Request) -> Result<Prepared, Refusal> {
        let (payer, size) = (asked.subject, asked.text.as_ref().map_or(0, String::len));
        self.admit(payer)?;
        let hash = asked.text.as_ref().and(asked.hash.clone());
        let mut prepared = self.found(asked, request).map_err(|error| {
            self.refused(payer, size);
            Refusal::Document(error)
        })?;
        prepared.standing = self.spending.take(payer, prepared.cost, self.clock.now())?;
        prepared.hash = hash.filter(|_| prepared.origin == Origin::AdHoc);
        Ok(prepared)
    }

    fn found(&self, asked: Asked, mut request: async_graphql::Request) -> Result<Prepared, ServerError> {
        let (source, origin) = self.documents.find(asked)?;
        let validity = source.lay_into(&mut request);
        Ok(Prepared { validity, ..self.checked(request, origin)? })
    }

    pub(super) fn checked(
        &self,
        mut request: async_graphql::Request,
        origin: Origin,
    ) -> Result<Prepared, ServerError> {
        let cost = self.limits.check(&mut request).and_then(|cost| {
            let (chosen, mut variables) =
                (request.operation_name.take(), std::mem::take(&mut request.variables));
            let document = request.parsed_query()?;
            fill_defaults(document, chosen.as_deref(), &mut variables);
            (request.operation_name, request.variables) = (chosen, variables);
            Ok(cost)
        });
        let cost = cost.map_err(|error| with_code(short(error), "GRAPHQL_PARSE_FAILED"))?;
        let validity = Validity::default();
        Ok(Prepared { request, origin, validity, hash: None, cost, standing: None, tells_cost: false })
    }

    /// What `extensions.cost` says of a request that costs so much.
    #[must_use]
    pub fn cost(&self, requested: u64, standing: Option<Standing>) -> Value {
        object([
            ("requested", requested.into()),
            ("limit", (self.limits.complexity as u64).into()),
            ("budget", standing.map_or(Value::Null, Standing::to_value)),
        ])
    }
}

/// The error without the long lines of its message: the parser repeats the line of a document that it does not understand, and marks
/// the place with as many spaces.
fn short(mut error: ServerError) -> ServerError {
    if error.message.len() > LONGEST_MESSAGE {
        let lines = error.message.lines().filter(|line| line.len() <= LONGEST_LINE);
        error.message = lines.collect::<Vec<_>>().join("\n");
    }
    error
}

#[cfg(test)]
mod tests {
    use async_graphql::{PathSegment, Variables};
    use chrono::TimeDelta;
    use futures_util::FutureExt as _;
    use serde_json::json;
    use sqlx::postgres::PgConnectOptions;

    use super::*;
    use crate::domain::clock::Clock;
    use crate::graphql::documents::{AdHoc, Documents};
    use crate::graphql::limits::{Limits, Spending};
    use crate::graphql::schema;
    use crate::store::Database;
    use crate::store::scope::PoolSettings;

    const TWO: &str = "query A { __typename } mutation B { __typename }";

    /// Over no database.
    fn executor(clock: Clock) -> Executor {
        let nowhere = Database::new(PgConnectOptions::new().host("/nowhere"), PoolSettings::default());
        Executor::new(schema(), nowhere, clock, Limits::default())
    }

    fn asked(text: &str) -> Asked {
        Asked { text: Some(text.to_owned()), ..Asked::default() }
    }

    async fn prepared(text: &str, request: async_graphql::Request) -> Prepared {
        executor(Clock::System).prepare(asked(text), request).await.unwrap()
    }

    fn choosing(operation: &str) -> async_graphql::Request {
        async_graphql::Request::new("").operation_name(operation)
    }

    #[tokio::test]
    async fn the_operation_that_runs_is_named_and_of_a_kind() {
        let none = || async_graphql::Request::new("");
        for (text, request, name, kind) in [
            ("{ __typename }", none(), None, Some(OperationType::Query)),
            ("query A { __typename }", none(), Some("A"), Some(OperationType::Query)),
            (TWO, choosing("A"), Some("A"), Some(OperationType::Query)),
            (TWO, choosing("B"), Some("B"), Some(OperationType::Mutation)),
            // None of two is chosen, or another one.
            (TWO, none(), None, None),
            (TWO, choosing("C"), Some("C"), None),
        ] {
            let mut prepared = prepared(text, request).await;
            assert_eq!(prepared.operation_name().as_deref(), name, "{text}");
            assert_eq!(prepared.kind(), kind, "{text}");
        }
    }

    #[tokio::test]
    async fn what_an_answer_depends_on_makes_its_identity() {
        let variables = |n: i32| {
            let variables = Variables::from_json(json!({ "n": n }));
            async_graphql::Request::new("").variables(variables)
        };
        let first = prepared(TWO, choosing("A")).await;
        assert_eq!(first.identity(), prepared(TWO, choosing("A")).await.identity());
        let trusted = Prepared { origin: Origin::Trusted, ..prepared(TWO, choosing("A")).await };
        let mut all = vec![
            first.identity(),
            first.telling_cost(true).identity(),
            trusted.identity(),
            prepared(TWO, choosing("B")).await.identity(),
            prepared("{ __typename }", async_graphql::Request::new("")).await.identity(),
            prepared("{ __typename }", variables(1)).await.identity(),
            prepared("{ __typename }", variables(2)).await.identity(),
        ];
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[tokio::test]
    async fn what_was_found_out_of_a_document_holds_for_all_who_ask_for_it() {
        let manifests = [("app".to_owned(), vec![("a".to_owned(), "{ viewer { id } }".to_owned())])].into();
        let documents = Documents::trusting(manifests, AdHoc::Everybody).unwrap();
        let executor = executor(Clock::System).trusting(documents).await.unwrap();
        let ask = async |asked| executor.prepare(asked, async_graphql::Request::new("")).await.unwrap();
        let trusted = ask(Asked { id: Some("a".to_owned()), ..Asked::default() }).await;
        assert!(trusted.origin == Origin::Trusted && trusted.validity.is_known());
        let other = ask(asked("{ viewer { name } }")).await;
        assert!(other.origin == Origin::AdHoc && !other.validity.is_known());
    }

    #[tokio::test]
    async fn whoever_has_nothing_left_waits_and_gets_no_deeper_into_debt() {
        let clock = Clock::fixed(Clock::System.now());
        let executor = executor(clock.clone()).spending(Spending::a_minute(100));
        assert!(executor.admit(None).is_ok());
        assert!(executor.admitted(None).now_or_never().is_some());
        // It costs 10 and 1 for each 64 bytes.
        executor.refused(None, 64 * 90);
        assert!(executor.admit(None).is_err());
        assert!(executor.admitted(None).now_or_never().is_none());
        for _ in 0..10 {
            executor.refused(None, 64 * 90);
        }
        clock.advance(TimeDelta::seconds(30));
        assert!(executor.admit(None).is_ok());
        assert!(executor.admitted(None).now_or_never().is_some());
    }

    /// 51 each time, of 160; whoever has less than 50 left has nothing.
    #[tokio::test]
    async fn an_event_that_was_read_for_another_stream_is_paid_for() {
        let executor = executor(Clock::fixed(Clock::System.now())).spending(Spending::a_minute(160));
        let prepared =
            executor.prepare(asked("{ __typename }"), async_graphql::Request::new("")).await.unwrap();
        executor.told(None, &prepared);
        assert!(executor.admit(None).is_ok());
        executor.told(None, &prepared);
        assert!(executor.admit(None).is_err());
    }

    #[test]
    fn a_long_message_loses_its_long_lines() {
        let shortened = |message: String| {
            let error = ServerError { path: vec![PathSegment::Index(1)], ..ServerError::new(message, None) };
            short(error).message
        };
        let line = "x".repeat(LONGEST_LINE);
        let of = |lines: &[&str]| lines.join("\n");
        let whole = of(&[line.as_str(), &"y".repeat(LONGEST_MESSAGE - 1 - LONGEST_LINE)]);
        assert_eq!((whole.len(), shortened(whole.clone())), (LONGEST_MESSAGE, whole));
        let (longer, longest) = ("z".repeat(LONGEST_LINE + 1), "y".repeat(LONGEST_MESSAGE));
        assert_eq!(shortened(of(&[&line, &longer, "end", &longest])), of(&[&line, "end"]));
    }
}
