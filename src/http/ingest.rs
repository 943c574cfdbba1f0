//! `POST /ingest/sarif` and `POST /ingest/cyclonedx`: results of real scanners, by a scanner's token (DESIGN.md 8).
//!
//! Who may is decided before a byte of the body is read; the document is read to its end before a transaction begins that
//! writes; so whatever is wrong with it leaves nothing.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use tokio_util::io::{StreamReader, SyncIoBridge};
use uuid::Uuid;

use super::auth::{self, TokenError, Verifier};
use super::failure;
use crate::config::IngestLimits;
use crate::domain::clock::Clock;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, UserId};
use crate::ingest::{self, Document, Encoding, Format, IngestError, Packed};
use crate::store::ingest::{AppliedRun, Registration, Standing, apply, standing};
use crate::store::{Database, StoreError, Writer};

/// What the ingestion needs.
#[derive(Clone)]
pub struct IngestState {
    /// Where results go.
    pub database: Database,
    /// Judges tokens.
    pub verifier: Arc<Verifier>,
    /// The instant of a request.
    pub clock: Clock,
    /// What an upload may cost.
    pub limits: IngestLimits,
}

/// The routes of the ingestion.
pub fn router<S: Clone + Send + Sync + 'static>(state: IngestState) -> Router<S> {
    Router::new()
        .route("/ingest/sarif", post(sarif))
        .route("/ingest/cyclonedx", post(cyclonedx))
        .with_state(state)
}

async fn sarif(
    State(state): State<IngestState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let upload = Upload { format: Format::Sarif, query, headers, body };
    upload.answer(&state).await.unwrap_or_else(IntoResponse::into_response)
}

async fn cyclonedx(
    State(state): State<IngestState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let upload = Upload { format: Format::CycloneDx, query, headers, body };
    upload.answer(&state).await.unwrap_or_else(IntoResponse::into_response)
}

/// Why an upload is refused; in each case nothing of it stays.
enum Refusal {
    Unauthenticated,
    Token(TokenError),
    Forbidden,
    Customer(&'static str),
    NotFound,
    Encoding,
    Document(IngestError),
    TooLate,
    Store(StoreError),
    ReaderFailed,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One request.
struct Upload {
    format: Format,
    query: Option<String>,
    headers: HeaderMap,
    body: Body,
}

impl Upload {
    async fn answer(self, state: &IngestState) -> Result<Response, Refusal> {
        let now = state.clock.now();
        let token = auth::bearer(&self.headers).map_err(Refusal::Token)?.ok_or(Refusal::Unauthenticated)?;
        let scanner = state.verifier.verify(token, now).map_err(Refusal::Token)?.subject;
        let customer = customer(self.query.as_deref()).map_err(Refusal::Customer)?;
        let encoding = encoding(&self.headers).ok_or(Refusal::Encoding)?;

        let (writer, _) = open(state, scanner, customer).await?;
        writer.commit().await?;
        let packed = Packed { encoding, limit: state.limits.decoded_bytes, format: Some(self.format) };
        let document = read(self.body, packed, state.limits).await?;

        // Asked again: reading may have taken minutes.
        let (mut writer, registration) = open(state, scanner, customer).await?;
        let runs = apply(&mut writer, &registration, document, state.clock.now()).await?;
        writer.commit().await?;
        Ok(answer(customer, &runs))
    }
}

/// A transaction of a scanner that is registered for the customer.
async fn open(
    state: &IngestState,
    scanner: UserId,
    customer: CustomerId,
) -> Result<(Writer, Registration), Refusal> {
    let mut writer = state.database.begin_ingest(scanner, state.clock.now()).await?;
    let refusal = match standing(&mut writer, customer).await? {
        Standing::Registered(registration) => return Ok((writer, registration)),
        Standing::NotRegistered => Refusal::NotFound,
        Standing::NotAScanner => Refusal::Forbidden,
        Standing::Nobody => Refusal::Unauthenticated,
    };
    writer.commit().await?;
    Err(refusal)
}

/// The one `customer` of the query string: a global id, as the API has it, or the bare UUID.
fn customer(query: Option<&str>) -> Result<CustomerId, &'static str> {
    let mut values = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter_map(|(name, value)| (name == "customer").then_some(value));
    let (Some(text), None) = (values.next(), values.next()) else {
        return Err("say whose results these are, once: ?customer=ID");
    };
    parse_customer(&text).ok_or("`customer` is no id of a customer: take it from `Customer.id`")
}

/// A customer's global id or bare UUID.
pub(crate) fn parse_customer(text: &str) -> Option<CustomerId> {
    match text.parse() {
        Ok(GlobalId::Customer(id)) => Some(id),
        Ok(_) => None,
        Err(_) => Uuid::parse_str(text).ok().map(CustomerId),
    }
}

/// How the body is packed; none for a coding that is not read.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(coding) = codings.next() else { return Some(Encoding::Plain) };
    match (coding.to_str().ok()?.trim().to_ascii_lowercase().as_str(), codings.next()) {
        ("gzip" | "x-gzip", None) => Some(Encoding::Gzip),
        ("identity" | "", None) => Some(Encoding::Plain),
        _ => None,
    }
}

/// Reads the body to its end, off the threads that answer requests.
async fn read(body: Body, packed: Packed, limits: IngestLimits) -> Result<Document, Refusal> {
    let bytes = in_time(body, Instant::now() + limits.body_timeout);
    let reader = SyncIoBridge::new(StreamReader::new(Box::pin(bytes)));
    let mut reader = ingest::limited(reader, limits.compressed_bytes);
    let document = tokio::task::spawn_blocking(move || {
        let document = ingest::read(&mut reader, packed);
        if document.is_err() {
            // A client that is still sending would not hear why it is refused.
            let _ = io::copy(&mut reader, &mut io::sink());
        }
        document
    })
    .await;
    match document.map_err(|_| Refusal::ReaderFailed)? {
        Ok(document) => Ok(document),
        Err(IngestError::Unreadable { source }) if source.kind() == io::ErrorKind::TimedOut => {
            Err(Refusal::TooLate)
        }
        Err(error) => Err(Refusal::Document(error)),
    }
}

/// The body's bytes as long as they come before the deadline.
pub(super) fn in_time(body: Body, deadline: Instant) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some(body.into_data_stream()), move |left| async move {
        let mut left = left?;
        match timeout_at(deadline, left.next()).await {
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(left))),
            Ok(Some(Err(error))) => Some((Err(io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(io::ErrorKind::TimedOut.into()), None)),
        }
    })
}

fn answer(customer: CustomerId, runs: &[AppliedRun]) -> Response {
    let status = if runs.iter().any(|run| run.changed) { "applied" } else { "unchanged" };
    let runs: Vec<_> = runs
        .iter()
        .map(|run| {
            json!({
                "tool": run.tool,
                "target": run.target,
                "scan": GlobalId::Scan(customer, run.scan).to_string(),
                "new": run.new,
                "fixed": run.fixed,
                "findings": run.findings,
                "components": run.components,
            })
        })
        .collect();
    Json(json!({ "status": status, "runs": runs })).into_response()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Token(error) => error.into_response(),
            Self::Unauthenticated => {
                let mut response = failure(
                    StatusCode::UNAUTHORIZED,
                    "UNAUTHENTICATED",
                    "this takes the bearer token of an enabled scanner",
                );
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Self::Forbidden => {
                failure(StatusCode::FORBIDDEN, "FORBIDDEN", "only a scanner may send scan results")
            }
            Self::Customer(what) => failure(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", what),
            Self::NotFound => failure(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "there is no such customer for which this scanner is registered",
            ),
            Self::Encoding => {
                let mut response = failure(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "UNSUPPORTED_ENCODING",
                    "send the document plain or with `content-encoding: gzip`",
                );
                response
                    .headers_mut()
                    .insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity"));
                response
            }
            Self::Document(error) => refused_document(&error),
            Self::TooLate => failure(
                StatusCode::REQUEST_TIMEOUT,
                "TIMEOUT",
                "the document took too long to arrive; nothing of it was kept",
            ),
            Self::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an upload could not be stored");
                internal()
            }
            Self::ReaderFailed => internal(),
        }
    }
}

fn internal() -> Response {
    failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "the results could not be stored, and nothing of them was; try again",
    )
}

/// What is wrong with a document, and where.
fn refused_document(error: &IngestError) -> Response {
    let status = match error {
        IngestError::MalformedJson { .. }
        | IngestError::MalformedGzip { .. }
        | IngestError::Truncated { .. }
        | IngestError::TruncatedGzip
        | IngestError::Unreadable { .. } => StatusCode::BAD_REQUEST,
        IngestError::WrongFormat { .. } | IngestError::WrongVersion { .. } | IngestError::Invalid { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        IngestError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
    };
    if let IngestError::Unreadable { source } = error {
        tracing::debug!(error = source as &dyn std::error::Error, "an upload broke off");
    }
    let mut extensions = json!({ "code": error.code() });
    if let (Some(place), Some(extensions)) = (error.place(), extensions.as_object_mut()) {
        extensions.insert("place".to_owned(), place.into());
    }
    let body = json!({ "errors": [{ "message": error.to_string(), "extensions": extensions }] });
    (status, Json(body)).into_response()
}
