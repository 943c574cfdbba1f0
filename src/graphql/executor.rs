//! Executes one request: its session opened, its batches driven, its snapshot ended, its denials told. Every door
//! goes through here.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{DocumentOperations, OperationType};
use async_graphql::{ErrorExtensionValues, Name, PathSegment, Pos, Response, ServerError, Value, Variables};
use futures_util::StreamExt as _;

use super::GatewaySchema;
use super::batch::Batches;
use super::documents::{Asked, Documents, Origin, Unfit, Unfound};
use super::error::{Code, unrecorded};
use super::heavy::{Heavy, LIGHT};
use super::hidden::{Hidden, Placement};
use super::inputs::Inputs;
use super::limits::{Exhausted, Limits, Payer, Spending, Standing, object, price_of_refusal};
use super::live::{Cause, Change, Topic};
use super::mutation::Stamp;
use super::session::{Session, Sessions};
use super::shown::Showing;
use uuid::Uuid;

use crate::domain::clock::Clock;
use crate::domain::ids::UserId;
use crate::domain::public_url::PublicUrl;
use crate::policy::Viewer;
use crate::store::viewer::signed_in;
use crate::store::{Database, Snapshot, StoreError};

/// How many bytes a message about a document may have before its long lines are left out, and how many a line.
const LONGEST_MESSAGE: usize = 1_000;
const LONGEST_LINE: usize = 200;

/// How many errors of validation are told.
const MOST_ERRORS: usize = 20;

/// Executes requests against one database.
#[derive(Clone)]
pub struct Executor {
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

/// A request within the limits, parsed and paid for. Made by [`Executor::prepare`] alone, so no door can leave the limits out.
pub struct Prepared {
    request: async_graphql::Request,
    origin: Origin,
    /// What one execution of it costs.
    cost: u64,
    /// Where its viewer stood once it was paid for; none where there are no budgets.
    standing: Option<Standing>,
    tells_cost: bool,
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
    fn operation_name(&mut self) -> Option<String> {
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

    /// The same request once more, for the next event of a stream: parsed and held against the limits once.
    #[must_use]
    pub fn again(&mut self) -> Self {
        let mut again =
            async_graphql::Request::new(self.request.query.clone()).variables(self.request.variables.clone());
        again.operation_name.clone_from(&self.request.operation_name);
        if let Ok(document) = self.request.parsed_query() {
            again.set_parsed_query(document.clone());
        }
        Self { request: again, ..*self }
    }
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
    pub fn new(schema: GatewaySchema, database: Database, clock: Clock, limits: Limits) -> Self {
        let inputs = Arc::new(Inputs::of(&schema.sdl()));
        let documents = Arc::default();
        let (spending, public_url) = (Spending::unlimited(), PublicUrl::UNKNOWN);
        let heavy = Heavy::default();
        Self { schema, database, clock, limits, spending, heavy, inputs, public_url, documents }
    }

    /// The same, knowing documents.
    ///
    /// # Errors
    /// The first trusted document that the schema or a limit does not allow.
    pub async fn trusting(self, documents: Documents) -> Result<Self, Unfit> {
        for (client, id, document) in documents.all() {
            let unfit = |error: &ServerError| Unfit::new(client, id, error.message.clone());
            let prepared =
                self.checked(document.to_validate(), Origin::Trusted).map_err(|error| unfit(&error))?;
            let answer = self.schema.execute(prepared.request).await;
            // Validated, and then refused because it asks for no operation: all that may be said against it.
            match answer.errors.first() {
                Some(error) if !error.message.starts_with("Unknown operation") => return Err(unfit(error)),
                Some(_) => {}
                None => return Err(Unfit::new(client, id, "it could not be validated")),
            }
        }
        Ok(Self { documents: Arc::new(documents), ..self })
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

    /// Has a viewer pay for so many bytes that were read in vain.
    pub fn refused(&self, payer: Payer, bytes: usize) {
        self.spending.charge(payer, price_of_refusal(bytes), self.clock.now());
    }

    /// Finds the document that is asked for, and refuses one above a limit, and mutations with an input that cannot be read, before
    /// anything of it runs; then has its viewer pay for it. The document of `request` is replaced by it.
    ///
    /// # Errors
    /// Where there is no such document, or it may not be sent; the first limit that is exceeded, the syntax error or the first such
    /// input; a budget that does not suffice; each with a code.
    pub async fn prepare(&self, asked: Asked, request: async_graphql::Request) -> Result<Prepared, Refusal> {
        let size = asked.text.as_ref().map_or(0, String::len) + size_of(&request.variables);
        self.heavy.work(size, || self.prepare_now(asked, request)).await
    }

    /// Does work on so many bytes of a request: much at once only beside few others.
    pub async fn work<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        self.heavy.work(bytes, work).await
    }

    fn prepare_now(&self, asked: Asked, request: async_graphql::Request) -> Result<Prepared, Refusal> {
        let (payer, size) = (asked.subject, asked.text.as_ref().map_or(0, String::len));
        self.admit(payer)?;
        let keep = asked.text.as_ref().and(asked.hash.clone()).map(|hash| (payer, hash));
        let mut prepared = self.found(asked, request).map_err(|error| {
            self.refused(payer, size);
            Refusal::Document(error)
        })?;
        prepared.standing = self.spending.take(payer, prepared.cost, self.clock.now())?;
        if let (Some((subject, hash)), Origin::AdHoc) = (keep, prepared.origin) {
            let text = prepared.request.query.clone();
            if let Ok(parsed) = prepared.request.parsed_query() {
                self.documents.keep(subject, hash, &text, parsed);
            }
        }
        Ok(prepared)
    }

    fn found(&self, asked: Asked, mut request: async_graphql::Request) -> Result<Prepared, ServerError> {
        let (source, origin) = self.documents.find(asked)?;
        source.lay_into(&mut request);
        self.checked(request, origin)
    }

    fn checked(&self, mut request: async_graphql::Request, origin: Origin) -> Result<Prepared, ServerError> {
        let checked = self.limits.check(&mut request).and_then(|cost| {
            let (operation, variables) =
                (request.operation_name.take(), std::mem::take(&mut request.variables));
            let checked = request
                .parsed_query()
                .and_then(|document| self.inputs.check(document, operation.as_deref(), &variables));
            (request.operation_name, request.variables) = (operation, variables);
            checked.map(|()| cost)
        });
        match checked {
            Ok(cost) => Ok(Prepared { request, origin, cost, standing: None, tells_cost: false }),
            Err(error) => Err(with_code(short(error), "GRAPHQL_PARSE_FAILED")),
        }
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

    /// Answers one query or mutation in one snapshot.
    pub async fn execute(&self, request: Request) -> Response {
        let cost =
            request.graphql.tells_cost.then(|| self.cost(request.graphql.cost, request.graphql.standing));
        let run = self.begin(request, None);
        if let Err(refusal) = self.may_send(&run).await {
            return Response::from_errors(vec![refusal]);
        }
        // With its first step a document is validated, and what is asked about the schema answered.
        let execution = self.heavy.begin(is_heavy(&run.graphql.query), self.schema.execute(run.graphql));
        let response = run.sessions.whole().batches().drive(execution).await;
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
        let mut stream = self.schema.execute_stream(run.graphql);
        let refusal = run.sessions.whole().batches().drive(stream.next()).await;
        let response =
            run.ends.end(&run.sessions, refusal.unwrap_or_default()).await.map_err(|error| vec![error])?;
        match topic.get() {
            Some(topic) if response.errors.is_empty() => Ok(*topic),
            // Its one field is left out by `@skip` or `@include`.
            _ if response.errors.is_empty() => {
                let error = ServerError::new("the subscription selects nothing", None);
                Err(vec![with_code(error, "BAD_USER_INPUT")])
            }
            _ => Err(response.errors),
        }
    }

    /// Tells a stream a change: one execution, in a snapshot and with a viewer of its own (GraphQL, section 6.2.3.2). What is told
    /// costs as much as the request that opened the stream; silence costs nothing, for what is left would tell of what is hidden.
    pub async fn event(&self, request: Request, change: Change) -> Event {
        let (payer, cost, tells_cost) = (request.subject, request.graphql.cost, request.graphql.tells_cost);
        let run = self.begin(request, Some(Cause::Changed(change)));
        let mut stream = self.schema.execute_stream(run.graphql);
        let whole = run.sessions.whole();
        let told = whole.batches().drive(async {
            match whole.signed_in().await {
                Ok(Some(asker)) if self.allows(run.origin, Some(&asker.viewer)) => Ok(stream.next().await),
                // Not the end, which a hidden change would bring about as well as another.
                Ok(Some(_)) => Err(Event::Silent),
                Ok(None) => Err(Event::Gone),
                Err(_) => Err(Event::Failed),
            }
        });
        let told = told.await;
        let (is_silent, response) = match told {
            Ok(told) => (told.is_none(), told.unwrap_or_default()),
            Err(end) => {
                // Nothing was shown, so there is nothing to record.
                let _ = run.sessions.finish().await;
                return end;
            }
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
        let snapshot = Snapshot::new(self.database.clone(), request.subject, self.clock.now());
        let hidden = Arc::new(Hidden::new(request.placement));
        let showing = Arc::new(Showing::default());
        let session = Session::new(snapshot, Arc::clone(&hidden), Arc::clone(&showing), Batches::default());
        let sessions = Arc::new(Sessions::new(session));
        let origin = request.graphql.origin;
        let mut graphql = request
            .graphql
            .request
            .data(Arc::clone(&sessions))
            .data(request.stamp)
            .data(self.public_url.clone());
        if let Some(cause) = cause {
            graphql = graphql.data(cause);
        }
        Run { graphql, origin, sessions, ends: Ends { hidden, showing, request_id, operation } }
    }
}

/// A request under way.
struct Run {
    graphql: async_graphql::Request,
    origin: Origin,
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
                sessions.finish_recording(&reads).await.map_err(|error| unrecorded(&error))?;
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

/// The error without the long lines of its message: the parser repeats the line of a document that it does not understand, and marks
/// the place with as many spaces.
fn short(mut error: ServerError) -> ServerError {
    if error.message.len() > LONGEST_MESSAGE {
        let lines = error.message.lines().filter(|line| line.len() <= LONGEST_LINE);
        error.message = lines.collect::<Vec<_>>().join("\n");
    }
    error
}

/// Keeps the first errors of a document that is not valid: there may be one for each of its fields.
fn bound(errors: &mut Vec<ServerError>) {
    if errors.len() > MOST_ERRORS && errors.iter().all(|error| error.path.is_empty()) {
        let more = errors.len() - MOST_ERRORS;
        errors.truncate(MOST_ERRORS);
        errors.push(ServerError::new(format!("and {more} errors more"), None));
    }
}

/// Whether a document takes long to be validated, or asks about the schema, which is answered at once.
fn is_heavy(query: &str) -> bool {
    let about_schema = query.match_indices("__").any(|(at, _)| {
        let name = query.get(at..).unwrap_or_default();
        name.starts_with("__schema") || (name.starts_with("__type") && !name.starts_with("__typename"))
    });
    about_schema || query.len() > LIGHT
}

/// About how many bytes the texts in variables have.
fn size_of(variables: &Variables) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::List(list) => list.iter().map(of).sum(),
            Value::Object(fields) => fields.values().map(of).sum(),
            _ => 8,
        }
    }
    variables.values().map(of).sum()
}

/// Whether an error is a failure of ours, which stands in the way of a whole event.
fn is_failure(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    error.path.len() <= 1 && code == Some(&Value::from(Code::Internal.as_str()))
}

impl Executor {
    /// Whether a viewer, or where there is none anybody, may send a document of that origin.
    fn allows(&self, origin: Origin, viewer: Option<&Viewer>) -> bool {
        origin == Origin::Trusted
            || self.documents.is_open()
            || viewer.is_some_and(|viewer| self.documents.may_explore(viewer))
    }

    /// Whether the one who asks may send a document of that origin, by what the request's snapshot says of them. Where they may not, the
    /// snapshot is ended: nothing was shown, so there is nothing to record.
    async fn may_send(&self, run: &Run) -> Result<(), ServerError> {
        if self.allows(run.origin, None) {
            return Ok(());
        }
        let session = run.sessions.whole();
        let refusal = match session.batches().drive(session.signed_in()).await {
            Ok(Some(asker)) if self.allows(run.origin, Some(&asker.viewer)) => return Ok(()),
            Ok(_) => Unfound::Required.into(),
            Err(error) => error.into_server_error(Pos::default()),
        };
        let _ = run.sessions.finish().await;
        Err(refusal)
    }
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
