//! Executes one request: its session opened, its batches driven, its snapshot ended, its denials told. Every door
//! goes through here.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ErrorExtensionValues, Name, PathSegment, Response, ServerError, Value};

use super::GatewaySchema;
use super::batch::Batches;
use super::hidden::{Hidden, Placement};
use super::inputs::Inputs;
use super::limits::Limits;
use super::mutation::Stamp;
use super::session::{Session, Sessions};
use crate::domain::clock::Clock;
use crate::domain::ids::UserId;
use crate::store::{Database, Snapshot};

/// Executes requests against one database.
#[derive(Clone)]
pub struct Executor {
    schema: GatewaySchema,
    database: Database,
    clock: Clock,
    limits: Limits,
    inputs: Arc<Inputs>,
}

/// A request within the limits, parsed. Made by [`Executor::prepare`] alone, so no door can leave the limits out.
pub struct Prepared(async_graphql::Request);

impl Prepared {
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
        Self { schema, database, clock, limits, inputs }
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
    pub fn prepare(&self, mut request: async_graphql::Request) -> Result<Prepared, ServerError> {
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
            Ok(()) => Ok(Prepared(request)),
            Err(error) => Err(with_code(error, "GRAPHQL_PARSE_FAILED")),
        }
    }

    /// Answers one request in one snapshot.
    pub async fn execute(&self, request: Request) -> Response {
        let snapshot = Snapshot::new(self.database.clone(), request.subject, self.clock.now());
        let hidden = Arc::new(Hidden::new(request.placement));
        let sessions =
            Arc::new(Sessions::new(Session::new(snapshot, Arc::clone(&hidden), Batches::default())));
        let graphql = request.graphql.0.data(Arc::clone(&sessions)).data(request.stamp);
        let mut response = sessions.whole().batches().drive(self.schema.execute(graphql)).await;
        if let Err(error) = sessions.finish().await {
            // What was read was read in one snapshot all the same; the connection is gone, the answer stands.
            tracing::warn!(error = &error as &dyn std::error::Error, "a snapshot did not end well");
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
