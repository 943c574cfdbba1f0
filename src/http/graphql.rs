//! GraphQL over HTTP: POST of JSON and GET of queries, one operation a request. Who accepts an event stream, or asks for a WebSocket, is
//! handed on to `http::live` from here.

use async_graphql::parser::types::OperationType;
use async_graphql::{ServerError, Value, Variables};
use axum::body::{Body, to_bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::auth::{Pass, SignInError};
use super::{App, HIDDEN_FIELDS, auth, failure, live};
use crate::graphql::Request;
use crate::graphql::error::bad_input;
use crate::graphql::hidden::{Placement, UnknownPlacement};
use crate::graphql::mutation::Stamp;

/// What a client sends, as JSON or as a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    query: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    operation_name: Option<String>,
}

/// The same in a query string, where `variables` is a text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UrlParameters {
    query: Option<String>,
    variables: Option<String>,
    operation_name: Option<String>,
}

impl Parameters {
    /// The request that they describe; none without a document.
    pub(super) fn into_request(self) -> Option<async_graphql::Request> {
        let variables = serde_json::Value::Object(self.variables.unwrap_or_default());
        let request = async_graphql::Request::new(self.query?).variables(Variables::from_json(variables));
        Some(match self.operation_name {
            Some(name) => request.operation_name(name),
            None => request,
        })
    }
}

/// `POST /graphql`
pub(super) async fn post(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return failure(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "a GraphQL request is sent with content-type `application/json`",
        );
    }
    let door = match Door::open(&app, &headers).await {
        Ok(door) => door,
        Err(refusal) => return refusal,
    };
    let Ok(body) = to_bytes(body, app.limits.body_bytes).await else {
        return failure(
            StatusCode::PAYLOAD_TOO_LARGE,
            "BODY_TOO_LARGE",
            format!("the body could not be read within the limit of {} bytes", app.limits.body_bytes),
        );
    };
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return failure(
            StatusCode::BAD_REQUEST,
            "BATCHES_NOT_SUPPORTED",
            "a request is one JSON object: batches are not supported, send the operations one by one",
        );
    }
    match serde_json::from_slice(&body) {
        Ok(parameters) => door.answer(&app, parameters).await,
        Err(error) => bad_request(format!("the body is no GraphQL request: {error}")),
    }
}

/// `GET /graphql`: queries only, over an event stream subscriptions, too; or a WebSocket.
pub(super) async fn get(
    State(app): State<App>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    parameters: Result<Query<UrlParameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    // Some clients offer HTTP/2 with every request.
    if headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return match upgrade {
            Ok(upgrade) => live::socket(app, &headers, upgrade),
            Err(error) => bad_request(format!("this is no handshake of a WebSocket: {}", error.body_text())),
        };
    }
    let door = match Door::open(&app, &headers).await {
        Ok(door) => Door { queries_only: true, ..door },
        Err(refusal) => return refusal,
    };
    let Ok(Query(parameters)) = parameters else { return bad_request("the query string is malformed") };
    let variables = match parameters.variables.as_deref().map(serde_json::from_str).transpose() {
        Ok(variables) => variables.flatten(),
        Err(error) => return bad_request(format!("`variables` is no JSON object: {error}")),
    };
    let UrlParameters { query, operation_name, .. } = parameters;
    door.answer(&app, Parameters { query, variables, operation_name }).await
}

pub(super) fn bad_request(message: impl Into<String>) -> Response {
    failure(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
}

/// What the headers say, before a byte of the body is read.
struct Door {
    pass: Option<Pass>,
    placement: Placement,
    stamp: Stamp,
    media: Media,
    queries_only: bool,
}

/// How the answer is wrapped (GraphQL over HTTP, section 6).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`: the status tells whether the request was executed.
    GraphQl,
    /// `application/json`: 200 for whatever was well-formed.
    Json,
    /// `text/event-stream`: events, for as long as there are any (`http::live`).
    Events,
}

impl Media {
    /// What the client accepts; `application/json` where it does not say.
    fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::ACCEPT).iter().peekable();
        if values.peek().is_none() {
            return Some(Self::Json);
        }
        let ranges: Vec<String> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|range| range.split(';').next())
            .map(|range| range.trim().to_ascii_lowercase())
            .collect();
        ranges.iter().find_map(|range| match range.as_str() {
            "application/graphql-response+json" => Some(Self::GraphQl),
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            "text/event-stream" => Some(Self::Events),
            _ => None,
        })
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json | Self::Events => "application/json; charset=utf-8",
        }
    }

    const fn refused(self) -> StatusCode {
        match self {
            Self::GraphQl => StatusCode::BAD_REQUEST,
            Self::Json | Self::Events => StatusCode::OK,
        }
    }
}

impl Door {
    async fn open(app: &App, headers: &HeaderMap) -> Result<Self, Response> {
        let media = Media::accepted(headers).ok_or_else(|| {
            failure(
                StatusCode::NOT_ACCEPTABLE,
                "NOT_ACCEPTABLE",
                "answers come as `application/graphql-response+json` or `application/json`, live events as `text/event-stream`",
            )
        })?;
        let placement = placement(headers).map_err(|error| bad_request(error.to_string()))?;
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
        Ok(Self { pass, placement, stamp, media, queries_only: false })
    }

    async fn answer(self, app: &App, parameters: Parameters) -> Response {
        let Some(graphql) = parameters.into_request() else {
            return bad_request("the request has no `query`");
        };
        let mut graphql = match app.executor.prepare(graphql) {
            Ok(graphql) => graphql,
            Err(error) => return self.refuse(app, error),
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
            return refusal;
        }
        if self.media == Media::Events {
            return live::events(app, self.pass, self.placement, self.stamp, graphql).await;
        }
        if kind == Some(OperationType::Subscription) {
            let message = "a subscription takes the header `Accept: text/event-stream`, or a WebSocket";
            let error = bad_input(message).into_server_error(async_graphql::Pos::default());
            return self.refuse(app, error);
        }
        let (placement, stamp) = (self.placement, self.stamp.clone());
        let request = Request { graphql, subject: self.pass.map(|pass| pass.user), placement, stamp };
        self.response(&app.executor.execute(request).await)
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
        let status = if envelope.data.is_some() { StatusCode::OK } else { self.media.refused() };
        match serde_json::to_vec(&envelope) {
            Ok(body) => (status, [(header::CONTENT_TYPE, self.media.content_type())], body).into_response(),
            Err(_) => {
                failure(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the answer could not be written")
            }
        }
    }
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

/// The request's id in logs and audit events: the client's own, where it sends a UUID as `x-request-id`, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> Uuid {
    let own = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    own.and_then(|value| value.parse().ok()).unwrap_or_else(Uuid::new_v4)
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
