//! GraphQL over HTTP: POST of JSON and GET of queries, one operation a request. Who accepts an event stream, or asks for a WebSocket, is
//! handed on to `http::live` from here.

use async_graphql::parser::types::OperationType;
use async_graphql::{ServerError, Value, Variables};
use axum::body::{Body, HttpBody as _};
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::auth::{Pass, SignInError};
use super::distinct::Distinct;
use super::media::{Media, Outcome};
use super::refusals::paid;
use super::{App, CLIENT_NAMES, HIDDEN_FIELDS, QUERY_COST, auth, failure, live, media};
use crate::domain::ids::UserId;
use crate::graphql::documents::{Asked, TRUSTED_DOCUMENT_REQUIRED};
use crate::graphql::error::{bad_input, nowhere};
use crate::graphql::hidden::{Placement, UnknownPlacement};
use crate::graphql::limits::Exhausted;
use crate::graphql::mutation::Stamp;
use crate::graphql::{Refusal, Request};

/// What a client sends, as JSON or as a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    query: Option<String>,
    /// The id of a document that the gateway knows, in the place of `query`.
    document_id: Option<String>,
    variables: Option<Distinct>,
    operation_name: Option<String>,
    extensions: Option<Extensions>,
}

/// What is known here of a request's extensions; whatever else is in them is ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extensions {
    persisted_query: Option<PersistedQuery>,
}

/// A document by its hash, as Apollo's clients name it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PersistedQuery {
    version: u32,
    sha256_hash: String,
}

/// The same in a query string, where objects are texts of JSON and an empty text is as good as none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UrlParameters {
    query: Option<String>,
    document_id: Option<String>,
    variables: Option<String>,
    operation_name: Option<String>,
    extensions: Option<String>,
}

impl TryFrom<UrlParameters> for Parameters {
    type Error = String;

    fn try_from(parameters: UrlParameters) -> Result<Self, String> {
        fn object<T: DeserializeOwned>(name: &str, text: Option<String>) -> Result<Option<T>, String> {
            let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
            serde_json::from_str(&text).map_err(|error| format!("`{name}` is no such JSON object: {error}"))
        }
        Ok(Self {
            query: parameters.query,
            document_id: parameters.document_id.filter(|id| !id.is_empty()),
            variables: object("variables", parameters.variables)?,
            operation_name: parameters.operation_name.filter(|name| !name.is_empty()),
            extensions: object("extensions", parameters.extensions)?,
        })
    }
}

impl Parameters {
    /// Which document they ask for, of a client that calls itself so, and what it is to be run with.
    ///
    /// # Errors
    /// Where they name no document, or two, in words for the client.
    pub(super) fn asked(
        mut self,
        client: Option<String>,
        subject: Option<UserId>,
    ) -> Result<(Asked, async_graphql::Request), &'static str> {
        let persisted = self.extensions.take().unwrap_or_default().persisted_query;
        if persisted.as_ref().is_some_and(|persisted| persisted.version != 1) {
            return Err("`extensions.persistedQuery.version` is 1");
        }
        let asked = Asked {
            text: self.query.take(),
            id: self.document_id.take(),
            hash: persisted.map(|persisted| persisted.sha256_hash),
            client,
            subject,
        };
        match (&asked.text, &asked.id, &asked.hash) {
            (None, None, None) => return Err("the request has no `query`"),
            (Some(_), Some(_), _) | (_, Some(_), Some(_)) => {
                return Err("a request names its document once: by `query` or by `documentId`");
            }
            _ => {}
        }
        let Distinct(variables) = self.variables.unwrap_or_default();
        let variables = serde_json::Value::Object(variables);
        let request = async_graphql::Request::new(String::new()).variables(Variables::from_json(variables));
        let request = match self.operation_name {
            Some(name) => request.operation_name(name),
            None => request,
        };
        Ok((asked, request))
    }
}

/// `POST /graphql`
pub(super) async fn post(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    posted(&app, media, &headers, body).await.unwrap_or_else(|refusal| media.wrap(refusal))
}

async fn posted(app: &App, media: Media, headers: &HeaderMap, body: Body) -> Result<Response, Response> {
    if !media::is_json(headers) {
        return Err(failure(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "a GraphQL request is sent with content-type `application/json`, in UTF-8",
        ));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(failure(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "a GraphQL request is sent as it is: without `content-encoding`",
        ));
    }
    let door = Door::open(app, media, headers).await?;
    let most = app.limits.body_bytes;
    let too_large = || {
        let message = format!("the body could not be read within the limit of {most} bytes");
        failure(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", message)
    };
    // What says that it is too large is not waited for.
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let (mut chunks, mut body) = (body.into_data_stream(), Vec::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| bad_request("the body ended early, or is not sent as HTTP has it"))?;
        if body.len() + chunk.len() > most {
            door.read_in_vain(app, most);
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        door.read_in_vain(app, body.len());
        return Err(failure(
            StatusCode::BAD_REQUEST,
            "BATCHES_NOT_SUPPORTED",
            "a request is one JSON object: batches are not supported, send the operations one by one",
        ));
    }
    let parameters = app.executor.work(body.len(), || serde_json::from_slice(&body)).await;
    let parameters = parameters.map_err(|error| {
        door.read_in_vain(app, body.len());
        bad_request(format!("the body is no GraphQL request: {error}"))
    })?;
    door.answer(app, parameters, body.len()).await
}

/// `GET /graphql`: queries only, over an event stream subscriptions, too; or a WebSocket.
pub(super) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    parameters: Result<Query<UrlParameters>, QueryRejection>,
) -> Response {
    // Some clients offer HTTP/2 with every request.
    if headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return match upgrade {
            Ok(upgrade) => live::socket(app, &headers, upgrade),
            Err(error) => bad_request(format!("this is no handshake of a WebSocket: {}", error.body_text())),
        };
    }
    let Some(media) = Media::accepted(&headers) else { return not_acceptable() };
    let bytes = uri.query().map_or(0, str::len);
    got(&app, media, &headers, bytes, parameters).await.unwrap_or_else(|refusal| media.wrap(refusal))
}

async fn got(
    app: &App,
    media: Media,
    headers: &HeaderMap,
    bytes: usize,
    parameters: Result<Query<UrlParameters>, QueryRejection>,
) -> Result<Response, Response> {
    let door = Door { queries_only: true, ..Door::open(app, media, headers).await? };
    let in_vain = |why: String| {
        door.read_in_vain(app, bytes);
        bad_request(why)
    };
    let Query(parameters) = parameters.map_err(|_| in_vain("the query string is malformed".to_owned()))?;
    let parameters = parameters.try_into().map_err(in_vain)?;
    door.answer(app, parameters, bytes).await
}

fn not_acceptable() -> Response {
    failure(
        StatusCode::NOT_ACCEPTABLE,
        "NOT_ACCEPTABLE",
        "answers come as `application/graphql-response+json` or `application/json`, in UTF-8, live events as `text/event-stream`",
    )
}

pub(super) fn bad_request(message: impl Into<String>) -> Response {
    failure(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}

/// What the headers say, before a byte of the body is read.
struct Door {
    pass: Option<Pass>,
    placement: Placement,
    stamp: Stamp,
    /// What the client calls itself.
    client: Option<String>,
    media: Media,
    tells_cost: bool,
    queries_only: bool,
}

impl Door {
    async fn open(app: &App, media: Media, headers: &HeaderMap) -> Result<Self, Response> {
        let placement = placement(headers).map_err(|error| bad_request(error.to_string()))?;
        let tells_cost = tells_cost(headers).map_err(bad_request)?;
        let idempotency_key = idempotency_key(headers).map_err(bad_request)?;
        let (now, database) = (app.executor.clock().now(), app.executor.database());
        let pass =
            auth::pass_of(headers, &app.verifier, now, database).await.map_err(|error| match error {
                SignInError::Token(error) => error.into_response(),
                SignInError::Store(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "an API key could not be looked up"
                    );
                    failure(
                        StatusCode::INTERNAL_SERVER_ERROR,
                        "INTERNAL",
                        "the gateway could not look up the API key; try again",
                    )
                }
            })?;
        let stamp = Stamp { request: request_id(headers), idempotency_key };
        let client = client_name(headers);
        let door = Self { pass, placement, stamp, client, media, tells_cost, queries_only: false };
        // From whoever has nothing left nothing is read.
        app.executor.admit(door.subject()).map_err(|exhausted| door.exhausted(app, exhausted))?;
        Ok(door)
    }

    /// Who asks, where a token says so.
    fn subject(&self) -> Option<UserId> {
        self.pass.map(|pass| pass.user)
    }

    /// Bytes that are no request.
    fn read_in_vain(&self, app: &App, bytes: usize) {
        app.executor.refused(self.subject(), bytes);
    }

    /// The answer to whoever has too little left. As 401 and 413 it is about the request and not about its document, so its status is the
    /// same in every media type: `retry-after` means something to clients with this one alone.
    fn exhausted(&self, app: &App, exhausted: Exhausted) -> Response {
        let mut answer = async_graphql::Response::from_errors(vec![exhausted.into()]);
        if self.tells_cost {
            let cost = app.executor.cost(exhausted.requested, Some(exhausted.standing));
            answer.extensions.insert("cost".to_owned(), cost);
        }
        let mut response = self.written(StatusCode::TOO_MANY_REQUESTS, &Envelope::of(&answer));
        response.headers_mut().insert(header::RETRY_AFTER, exhausted.retry_after.into());
        response
    }

    /// Answers what came in so many bytes.
    async fn answer(self, app: &App, parameters: Parameters, bytes: usize) -> Result<Response, Response> {
        let subject = self.subject();
        let (asked, graphql) = parameters.asked(self.client.clone(), subject).map_err(|why| {
            self.read_in_vain(app, bytes);
            bad_request(why)
        })?;
        let mut graphql = match app.executor.prepare(asked, graphql).await {
            Ok(graphql) => graphql.telling_cost(self.tells_cost),
            Err(Refusal::Document(error)) => return Ok(self.refuse(app, error)),
            Err(Refusal::Budget(exhausted)) => return Err(self.exhausted(app, exhausted)),
        };
        let kind = graphql.kind();
        let may_run = match kind {
            Some(OperationType::Mutation) => !self.queries_only,
            Some(OperationType::Query | OperationType::Subscription) | None => true,
        };
        if !may_run {
            let mut refusal = failure(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "GET runs queries only: send a POST",
            );
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return Err(refusal);
        }
        if self.media == Media::Events {
            return Ok(live::events(app, self.pass, self.placement, self.stamp, graphql).await);
        }
        if kind == Some(OperationType::Subscription) {
            let message = "a subscription takes the header `Accept: text/event-stream`, or a WebSocket";
            let error = nowhere(bad_input(message));
            return Ok(self.refuse(app, error));
        }
        let (placement, stamp) = (self.placement, self.stamp.clone());
        let request = Request { graphql, subject, placement, stamp };
        Ok(self.response(&app.executor.execute(request).await))
    }

    /// What is not executed.
    fn refuse(&self, app: &App, error: ServerError) -> Response {
        match self.media {
            Media::Events => live::refused(app, vec![error]),
            Media::GraphQl | Media::Json => self.response(&async_graphql::Response::from_errors(vec![error])),
        }
    }

    fn response(&self, response: &async_graphql::Response) -> Response {
        let envelope = Envelope::of(response);
        let outcome = match (envelope.data.is_some(), response.errors.is_empty()) {
            (false, _) if response.errors.iter().any(is_forbidden) => Outcome::Forbidden,
            (false, _) => Outcome::Refused,
            (true, false) => Outcome::Partial,
            (true, true) => Outcome::Whole,
        };
        paid(self.written(self.media.status(outcome), &envelope))
    }

    fn written(&self, status: StatusCode, envelope: &Envelope<'_>) -> Response {
        match serde_json::to_vec(envelope) {
            Ok(body) => (status, [(header::CONTENT_TYPE, self.media.content_type())], body).into_response(),
            Err(_) => self.media.wrap(failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "the answer could not be written",
            )),
        }
    }
}

/// Whether a document is refused for whose it is, and not for what it says.
fn is_forbidden(error: &ServerError) -> bool {
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    code == Some(&Value::from(TRUSTED_DOCUMENT_REQUIRED))
}

/// A response; one that was never executed has no `data` at all (GraphQL, section 7.1).
#[derive(Serialize)]
pub(super) struct Envelope<'a> {
    /// None where nothing was executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<&'a Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, Value>,
}

impl<'a> Envelope<'a> {
    pub(super) fn of(response: &'a async_graphql::Response) -> Self {
        let is_executed =
            !matches!(response.data, Value::Null) || response.errors.iter().any(|e| !e.path.is_empty());
        Self {
            data: is_executed.then_some(&response.data),
            errors: &response.errors,
            extensions: &response.extensions,
        }
    }
}

/// Where denials are to be told.
///
/// # Errors
/// For another value than the two, or two of them.
pub(super) fn placement(headers: &HeaderMap) -> Result<Placement, UnknownPlacement> {
    let mut placements = headers.get_all(&HIDDEN_FIELDS).iter();
    match (placements.next(), placements.next()) {
        (None, _) => Ok(Placement::default()),
        (Some(value), None) => Placement::parse(value.as_bytes()),
        (Some(_), Some(_)) => Err(UnknownPlacement),
    }
}

/// Whether the client wants to be told what its request costs: the header `query-cost`.
///
/// # Errors
/// For another value than `extensions`, or two of them.
pub(super) fn tells_cost(headers: &HeaderMap) -> Result<bool, &'static str> {
    let mut values = headers.get_all(&QUERY_COST).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes() == b"extensions" => Ok(true),
        (Some(_), _) => Err("the request header `query-cost` takes the value `extensions`"),
    }
}

/// The request's id in logs and audit events: the client's own, where it sends a UUID as `x-request-id`, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> Uuid {
    let own = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    own.and_then(|value| value.parse().ok()).unwrap_or_else(Uuid::new_v4)
}

/// What a client calls itself: the header `graphql-client-name`, or the one that Apollo's clients send.
pub(super) fn client_name(headers: &HeaderMap) -> Option<String> {
    let name = CLIENT_NAMES.iter().find_map(|name| headers.get(*name))?;
    name.to_str().ok().map(str::to_owned)
}

/// The header `Idempotency-Key`: 1 to 255 visible ASCII characters, once.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all("idempotency-key").iter();
    let key = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().ok().filter(|key| (1..=255).contains(&key.len())),
        (Some(_), Some(_)) => None,
    };
    key.map(|key| Some(key.to_owned()))
        .ok_or("the request header `Idempotency-Key` is sent once, with 1 to 255 visible ASCII characters")
}
