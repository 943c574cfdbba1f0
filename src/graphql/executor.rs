//! Executes one request: its session opened, its batches driven, its snapshot ended, its denials told. Every door
//! goes through here.

mod examine;
mod prepare;

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::{ErrorExtensionValues, Name, PathSegment, Response, ServerError, Value};
use futures_util::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

pub use self::prepare::{Prepared, Refusal};
use super::batch::Batches;
use super::documents::{Documents, Origin, Validity};
use super::error::{Code, unrecorded};
use super::heavy::{Heavy, is_heavy};
use super::hidden::{Hidden, Placement};
use super::inputs::Inputs;
use super::limits::{Limits, Spending};
use super::live::{Cause, Change, Topic};
use super::mutation::Stamp;
use super::session::{Session, Sessions};
use super::shown::Showing;
use super::{GatewaySchema, schema_of_valid_documents};
use crate::domain::clock::Clock;
use crate::domain::ids::UserId;
use crate::domain::public_url::PublicUrl;
use crate::store::viewer::signed_in;
use crate::store::{Database, Snapshot, StoreError};

/// How many errors of validation are told.
const MOST_ERRORS: usize = 20;

/// Executes requests against one database.
#[derive(Clone)]
pub struct Executor {
    /// Validates documents, and executes none.
    validator: GatewaySchema,
    /// The same schema, which executes what is known to be valid.
    schema: GatewaySchema,
    database: Database,
    clock: Clock,
    limits: Limits,
    spending: Spending,
    heavy: Heavy,
    inputs: Arc<Inputs>,
    public_url: PublicUrl,
    documents: Arc<Documents>,
}

/// What a door hands over.
pub struct Request {
    /// The GraphQL request, within the limits.
    pub graphql: Prepared,
    /// The subject of a verified token; authority is read from the database.
    pub subject: Option<UserId>,
    /// Where denials are told.
    pub placement: Placement,
    /// What a mutation is stamped with.
    pub stamp: Stamp,
}

/// What became of a change that one stream may be told.
#[derive(Debug)]
pub enum Event {
    /// It is no change to the one who listens: hidden, or not there.
    Silent,
    /// It is told, and recorded where that has to be.
    Told(Box<Response>),
    /// Who listened may not any more: disabled, or without a role.
    Gone,
    /// It could not be read or recorded, so it is not told; another attempt may do better.
    Failed,
}

impl Executor {
    /// An executor over a database, for which queries cost nothing.
    #[must_use]
    pub fn new(validator: GatewaySchema, database: Database, clock: Clock, limits: Limits) -> Self {
        let inputs = Arc::new(Inputs::of(&validator.sdl()));
        let documents = Arc::default();
        let (spending, public_url) = (Spending::unlimited(), PublicUrl::UNKNOWN);
        let (heavy, schema) = (Heavy::default(), schema_of_valid_documents());
        Self { validator, schema, database, clock, limits, spending, heavy, inputs, public_url, documents }
    }

    /// The same, with a budget for each viewer.
    #[must_use]
    pub fn spending(self, spending: Spending) -> Self {
        Self { spending, ..self }
    }

    /// The same, told where it is found from outside; else its links are paths alone.
    #[must_use]
    pub fn found_at(self, public_url: PublicUrl) -> Self {
        Self { public_url, ..self }
    }

    /// The database that requests are answered from.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Where the present comes from.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Answers one query or mutation in one snapshot.
    pub async fn execute(&self, request: Request) -> Response {
        let cost =
            request.graphql.tells_cost.then(|| self.cost(request.graphql.cost, request.graphql.standing));
        let run = self.begin(request, None);
        if let Err(refusal) = self.may_send(&run).await {
            return Response::from_errors(vec![refusal]);
        }
        let mut run = self.keep(run);
        let is_heavy = is_heavy(&run.graphql.query);
        let response = match self.heavy.begin(is_heavy, self.examine(&mut run)).await {
            // With its first step what is asked about the schema is answered.
            Ok(()) => {
                let execution = self.heavy.begin(is_heavy, self.schema.execute(run.graphql));
                run.sessions.whole().batches().drive(execution).await
            }
            Err(errors) => Response::from_errors(errors),
        };
        let response = run.ends.end(&run.sessions, response).await;
        let mut response = response.unwrap_or_else(|error| Response::from_errors(vec![error]));
        if let Some(cost) = cost {
            response.extensions.insert("cost".to_owned(), cost);
        }
        response
    }

    /// Opens a subscription: says what it is about, or refuses it. Nothing is told.
    ///
    /// # Errors
    /// What a client is answered in the stream's place.
    pub async fn open(&self, request: Request) -> Result<Topic, Vec<ServerError>> {
        let topic = Arc::default();
        let run = self.begin(request, Some(Cause::Opened(Arc::clone(&topic))));
        self.may_send(&run).await.map_err(|refusal| vec![refusal])?;
        let mut run = self.keep(run);
        let is_heavy = is_heavy(&run.graphql.query);
        let refusal = match self.heavy.begin(is_heavy, self.examine(&mut run)).await {
            Ok(()) => {
                let mut stream = self.schema.execute_stream(run.graphql);
                let first = self.heavy.begin(is_heavy, stream.next());
                run.sessions.whole().batches().drive(first).await.unwrap_or_default()
            }
            Err(errors) => Response::from_errors(errors),
        };
        let response = run.ends.end(&run.sessions, refusal).await.map_err(|error| vec![error])?;
        if !response.errors.is_empty() {
            return Err(response.errors);
        }
        // Its one field is left out by `@skip` or `@include`.
        let nothing =
            || with_code(ServerError::new("the subscription selects nothing", None), "BAD_USER_INPUT");
        topic.get().copied().ok_or_else(|| vec![nothing()])
    }

    /// Tells a stream a change: one execution, in a snapshot and with a viewer of its own (GraphQL, section 6.2.3.2). What is told
    /// costs as much as the request that opened the stream; silence costs nothing, for what is left would tell of what is hidden. `turn` is
    /// given back once it is read: while it is recorded, others read.
    pub async fn event(&self, request: Request, change: Change, turn: Option<OwnedSemaphorePermit>) -> Event {
        let (payer, cost, tells_cost) = (request.subject, request.graphql.cost, request.graphql.tells_cost);
        let run = self.begin(request, Some(Cause::Changed(change)));
        let is_heavy = is_heavy(&run.graphql.query);
        // The document, and what it is given, were looked at when it was opened.
        let mut stream = self.schema.execute_stream(run.graphql);
        let whole = run.sessions.whole();
        let told = whole.batches().drive(async {
            match whole.signed_in().await {
                Ok(Some(asker)) if self.allows(run.origin, Some(&asker.viewer)) => {
                    Ok(self.heavy.begin(is_heavy, stream.next()).await)
                }
                // Not the end, which a hidden change would bring about as well as another.
                Ok(Some(_)) => Err(Event::Silent),
                Ok(None) => Err(Event::Gone),
                Err(_) => Err(Event::Failed),
            }
        });
        let told = told.await;
        // What was read was read in one snapshot, however that ends.
        let _ = run.sessions.finish().await;
        drop(turn);
        let (is_silent, response) = match told {
            Ok(told) => (told.is_none(), told.unwrap_or_default()),
            // Nothing was shown, so there is nothing to record.
            Err(end) => return end,
        };
        match run.ends.end(&run.sessions, response).await {
            Err(_) => Event::Failed,
            Ok(_) if is_silent => Event::Silent,
            Ok(response) if response.errors.iter().any(is_failure) => Event::Failed,
            Ok(mut response) => {
                let standing = self.spending.charge(payer, cost, self.clock.now());
                if tells_cost {
                    response.extensions.insert("cost".to_owned(), self.cost(cost, standing));
                }
                Event::Told(Box::new(response))
            }
        }
    }

    /// Whether a user is one still, as the database knows them now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_user(&self, user: UserId) -> Result<bool, StoreError> {
        let snapshot = Snapshot::new(self.database.clone(), Some(user), self.clock.now());
        let found = signed_in(&mut *snapshot.reader().await?, user).await?;
        snapshot.finish().await?;
        Ok(found.is_some())
    }

    fn begin(&self, mut request: Request, cause: Option<Cause>) -> Run {
        let (request_id, operation) = (request.stamp.request, request.graphql.operation_name());
        let keep = request.graphql.hash.take().map(|hash| (request.subject, hash));
        let snapshot = Snapshot::new(self.database.clone(), request.subject, self.clock.now());
        let hidden = Arc::new(Hidden::new(request.placement));
        let showing = Arc::new(Showing::default());
        let session = Session::new(snapshot, Arc::clone(&hidden), Arc::clone(&showing), Batches::default());
        let sessions = Arc::new(Sessions::new(session));
        let (origin, validity) = (request.graphql.origin, request.graphql.validity);
        let mut graphql = request
            .graphql
            .request
            .data(Arc::clone(&sessions))
            .data(request.stamp)
            .data(self.public_url.clone());
        if let Some(cause) = cause {
            graphql = graphql.data(cause);
        }
        Run {
            graphql,
            origin,
            validity,
            keep,
            sessions,
            ends: Ends { hidden, showing, request_id, operation },
        }
    }
}

/// A request under way.
struct Run {
    graphql: async_graphql::Request,
    origin: Origin,
    validity: Validity,
    /// Who sent the document with its hash, and that hash.
    keep: Option<(Option<UserId>, String)>,
    sessions: Arc<Sessions>,
    ends: Ends,
}

/// What it takes to end a request.
struct Ends {
    hidden: Arc<Hidden>,
    showing: Arc<Showing>,
    request_id: Uuid,
    operation: Option<String>,
}

impl Ends {
    /// Ends the snapshot, records what is shown, and tells what is hidden.
    ///
    /// # Errors
    /// Where what is shown could not be recorded, for then it is not shown.
    async fn end(self, sessions: &Sessions, mut response: Response) -> Result<Response, ServerError> {
        match self.showing.take(self.request_id, self.operation.as_deref()) {
            // What is not recorded is not shown.
            Some(reads) => {
                sessions.finish_recording(reads).await.map_err(|error| unrecorded(&error))?;
            }
            None => {
                if let Err(error) = sessions.finish().await {
                    // What was read was read in one snapshot all the same; the connection is gone, the answer stands.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a snapshot did not end well");
                }
            }
        }
        let Response { data, errors, extensions, .. } = &mut response;
        bound(errors);
        for error in errors.iter_mut() {
            let code = if error.path.is_empty() { "GRAPHQL_VALIDATION_FAILED" } else { "BAD_USER_INPUT" };
            *error = with_code(std::mem::replace(error, ServerError::new("", None)), code);
        }
        if errors.len() > 1 {
            errors.sort_by_cached_key(|error| place(data, &error.path));
            // A field that is selected twice is one field of the answer (GraphQL, section 6.3.2), and so has one error.
            errors.dedup_by(|next, kept| {
                !next.path.is_empty() && next.path == kept.path && next.message == kept.message
            });
        }
        if let Some(hidden) = self.hidden.take(|path| place(data, path)) {
            extensions.insert("hidden".to_owned(), hidden);
        }
        Ok(response)
    }
}

/// Keeps the first errors of a document that is not valid: there may be one for each of its fields.
fn bound(errors: &mut Vec<ServerError>) {
    if errors.len() > MOST_ERRORS && errors.iter().all(|error| error.path.is_empty()) {
        let more = errors.len() - MOST_ERRORS;
        errors.truncate(MOST_ERRORS);
        errors.push(ServerError::new(format!("and {more} errors more"), None));
    }
}

/// Whether an error is a failure of ours, which stands in the way of a whole event.
fn is_failure(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    error.path.len() <= 1 && code == Some(&Value::from(Code::Internal.as_str()))
}

/// Where in the response a path stands, so that errors follow the order of the answer and not that of the work.
fn place(data: &Value, path: &[PathSegment]) -> Vec<usize> {
    let mut at = Some(data);
    path.iter()
        .map(|segment| match (segment, at) {
            (PathSegment::Field(name), Some(Value::Object(object))) => {
                let found = IndexMap::<Name, Value>::get_full(object, name.as_str());
                at = found.map(|(_, _, value)| value);
                found.map_or(usize::MAX, |(index, _, _)| index)
            }
            (PathSegment::Index(index), Some(Value::List(list))) => {
                at = list.get(*index);
                *index
            }
            (PathSegment::Index(index), _) => *index,
            (PathSegment::Field(_), _) => usize::MAX,
        })
        .collect()
}

/// The error with a code, where it has none of its own.
fn with_code(mut error: ServerError, code: &str) -> ServerError {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(path: &[&str]) -> ServerError {
        let path = path.iter().map(|name| PathSegment::Field((*name).to_owned())).collect();
        ServerError { path, ..ServerError::new("wrong", None) }
    }

    #[test]
    fn of_many_errors_of_validation_the_first_are_told() {
        let kept = |count: usize, error: ServerError| {
            let mut errors = vec![error; count];
            bound(&mut errors);
            (errors.len(), errors.pop().map(|last| last.message).unwrap_or_default())
        };
        assert_eq!(kept(2, at(&[])), (2, "wrong".to_owned()));
        assert_eq!(kept(20, at(&[])), (20, "wrong".to_owned()));
        assert_eq!(kept(21, at(&[])), (21, "and 1 errors more".to_owned()));
        assert_eq!(kept(45, at(&[])), (21, "and 25 errors more".to_owned()));
        // Those of execution are each of a field that the client asked for.
        assert_eq!(kept(45, at(&["viewer"])), (45, "wrong".to_owned()));
    }

    #[test]
    fn a_failure_of_the_whole_event_stands_at_its_root_and_is_ours() {
        let internal = |path: &[&str]| with_code(at(path), "INTERNAL");
        assert!(is_failure(&internal(&[])));
        assert!(is_failure(&internal(&["findingChanged"])));
        assert!(!is_failure(&internal(&["findingChanged", "asset"])));
        assert!(!is_failure(&with_code(at(&["findingChanged"]), "REFETCH")));
        assert!(!is_failure(&at(&["findingChanged"])));
    }

    #[test]
    fn errors_follow_the_order_of_the_answer() {
        let data = Value::from_json(json!({ "a": null, "b": [{ "x": null, "y": null }] })).unwrap();
        let of = |path: &[PathSegment]| place(&data, path);
        let (name, index) = (|name: &str| PathSegment::Field(name.to_owned()), PathSegment::Index);
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[name("a")]), [0]);
        assert_eq!(of(&[name("b"), index(0), name("y")]), [1, 0, 1]);
        // Of what is not in the answer what is known: an index.
        assert_eq!(of(&[name("a"), index(3), name("x")]), [0, 3, usize::MAX]);
        assert_eq!(of(&[name("c")]), [usize::MAX]);
    }
}
