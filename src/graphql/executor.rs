//! Executes one request: its session opened, its batches driven, its snapshot ended, its denials told. Every door
//! goes through here.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument};
use async_graphql::{ErrorExtensionValues, Name, PathSegment, Pos, Response, ServerError, Value};

use super::GatewaySchema;
use super::batch::Batches;
use super::documents::{Asked, Documents, Origin, Unfit, Unfound};
use super::error::unrecorded;
use super::hidden::{Hidden, Placement};
use super::inputs::Inputs;
use super::limits::Limits;
use super::mutation::Stamp;
use super::session::{Session, Sessions};
use super::shown::Showing;
use crate::domain::clock::Clock;
use crate::domain::ids::UserId;
use crate::domain::public_url::PublicUrl;
use crate::store::{Database, Snapshot};

/// Executes requests against one database.
#[derive(Clone)]
pub struct Executor {
    schema: GatewaySchema,
    database: Database,
    clock: Clock,
    limits: Limits,
    inputs: Arc<Inputs>,
    public_url: PublicUrl,
    documents: Arc<Documents>,
}

/// A request within the limits, parsed. Made by [`Executor::prepare`] alone, so no door can leave the limits out.
pub struct Prepared(async_graphql::Request, Origin);

impl Prepared {
    /// The name of the operation that runs, where it has one.
    fn operation_name(&mut self) -> Option<String> {
        if let Some(chosen) = &self.0.operation_name {
            return Some(chosen.clone());
        }
        match &self.0.parsed_query().ok()?.operations {
            DocumentOperations::Multiple(named) if named.len() == 1 => {
                named.keys().next().map(Name::to_string)
            }
            // Without a name, or refused because none of several was chosen.
            DocumentOperations::Multiple(_) | DocumentOperations::Single(_) => None,
        }
    }

    /// The parsed document; none where it was not kept.
    pub fn document(&mut self) -> Option<&ExecutableDocument> {
        self.0.parsed_query().ok()
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

impl Executor {
    /// An executor over a database.
    #[must_use]
    pub fn new(schema: GatewaySchema, database: Database, clock: Clock, limits: Limits) -> Self {
        let inputs = Arc::new(Inputs::of(&schema.sdl()));
        let documents = Arc::default();
        Self { schema, database, clock, limits, inputs, public_url: PublicUrl::UNKNOWN, documents }
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
            let answer = self.schema.execute(prepared.0).await;
            // Validated, and then refused because it asks for no operation: all that may be said against it.
            match answer.errors.first() {
                Some(error) if !error.message.starts_with("Unknown operation") => return Err(unfit(error)),
                Some(_) => {}
                None => return Err(Unfit::new(client, id, "it could not be validated")),
            }
        }
        Ok(Self { documents: Arc::new(documents), ..self })
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

    /// Refuses a request above a limit, and mutations with an input that cannot be read, before anything of it runs.
    ///
    /// # Errors
    /// The first limit that is exceeded, the syntax error or the first such input; each with a code.
    pub fn prepare(&self, request: async_graphql::Request) -> Result<Prepared, ServerError> {
        let asked = Asked { text: Some(request.query.clone()), ..Asked::default() };
        self.prepare_asked(asked, request)
    }

    /// The same for a request whose document is named in another way than by its text.
    ///
    /// # Errors
    /// As above; and where there is no such document, or it may not be sent.
    pub fn prepare_asked(
        &self,
        asked: Asked,
        mut request: async_graphql::Request,
    ) -> Result<Prepared, ServerError> {
        let keep = asked.text.as_ref().and(asked.hash.clone()).map(|hash| (asked.subject, hash));
        let (source, origin) = self.documents.find(asked)?;
        source.lay_into(&mut request);
        let mut prepared = self.checked(request, origin)?;
        if let (Some((subject, hash)), Origin::AdHoc) = (keep, origin) {
            let text = prepared.0.query.clone();
            if let Ok(parsed) = prepared.0.parsed_query() {
                self.documents.keep(subject, hash, &text, parsed);
            }
        }
        Ok(prepared)
    }

    fn checked(&self, mut request: async_graphql::Request, origin: Origin) -> Result<Prepared, ServerError> {
        let checked = self.limits.check(&mut request).and_then(|()| {
            let (operation, variables) =
                (request.operation_name.take(), std::mem::take(&mut request.variables));
            let checked = request
                .parsed_query()
                .and_then(|document| self.inputs.check(document, operation.as_deref(), &variables));
            (request.operation_name, request.variables) = (operation, variables);
            checked
        });
        match checked {
            Ok(()) => Ok(Prepared(request, origin)),
            Err(error) => Err(with_code(error, "GRAPHQL_PARSE_FAILED")),
        }
    }

    /// Answers one request in one snapshot.
    pub async fn execute(&self, mut request: Request) -> Response {
        let (request_id, operation) = (request.stamp.request, request.graphql.operation_name());
        let snapshot = Snapshot::new(self.database.clone(), request.subject, self.clock.now());
        let hidden = Arc::new(Hidden::new(request.placement));
        let showing = Arc::new(Showing::default());
        let session = Session::new(snapshot, Arc::clone(&hidden), Arc::clone(&showing), Batches::default());
        let sessions = Arc::new(Sessions::new(session));
        if let Err(refusal) = self.may_send(request.graphql.1, sessions.whole()).await {
            // Nothing was shown, so there is nothing to record.
            let _ = sessions.finish().await;
            return Response::from_errors(vec![refusal]);
        }
        let graphql =
            request.graphql.0.data(Arc::clone(&sessions)).data(request.stamp).data(self.public_url.clone());
        let mut response = sessions.whole().batches().drive(self.schema.execute(graphql)).await;
        match showing.take(request_id, operation.as_deref()) {
            // What is not recorded is not shown.
            Some(reads) => {
                if let Err(error) = sessions.finish_recording(&reads).await {
                    return Response::from_errors(vec![unrecorded(&error)]);
                }
            }
            None => {
                if let Err(error) = sessions.finish().await {
                    // What was read was read in one snapshot all the same; the connection is gone, the answer stands.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a snapshot did not end well");
                }
            }
        }
        let Response { data, errors, extensions, .. } = &mut response;
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
        if let Some(hidden) = hidden.take(|path| place(data, path)) {
            extensions.insert("hidden".to_owned(), hidden);
        }
        response
    }
}

impl Executor {
    /// Whether the one who asks may send a document of that origin, by what the request's snapshot says of them.
    async fn may_send(&self, origin: Origin, session: &Session) -> Result<(), ServerError> {
        if origin == Origin::Trusted || self.documents.is_open() {
            return Ok(());
        }
        let asker = session.batches().drive(session.signed_in()).await;
        let asker = asker.map_err(|error| error.into_server_error(Pos::default()))?;
        match asker {
            Some(asker) if self.documents.may_explore(&asker.viewer) => Ok(()),
            Some(_) | None => Err(Unfound::Required.into()),
        }
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
