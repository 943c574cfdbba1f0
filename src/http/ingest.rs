//! `POST /ingest/sarif` and `POST /ingest/cyclonedx`: results of real scanners, by a scanner's token (DESIGN.md 8). With `scan=ID` they
//! are those of a scan that the scanner has claimed, and end it.
//!
//! Who may is decided before a byte of the body is read; the document is read to its end before a transaction begins that
//! writes; so whatever is wrong with it leaves nothing.

use std::borrow::Cow;
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

use super::auth::Verifier;
use super::failure;
use super::scanner::{self, holder, internal, subject};
use crate::config::IngestLimits;
use crate::domain::clock::Clock;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, ScanId, UserId};
use crate::domain::scan::ScanStatus;
use crate::ingest::{self, Document, Encoding, Format, IngestError, Packed};
use crate::store::ingest::{AppliedRun, Order, Registration, apply};
use crate::store::scan::lease::{Hold, Holder, hold};
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
    Scanner(scanner::Refusal),
    Encoding,
    Document(IngestError),
    TooLate,
    ReaderFailed,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Scanner(error.into())
    }
}

impl From<scanner::Refusal> for Refusal {
    fn from(refusal: scanner::Refusal) -> Self {
        Self::Scanner(refusal)
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
        let scanner = subject(&self.headers, &state.verifier, now)?;
        let customer = customer(self.query.as_deref())?;
        let claimed = match scan(self.query.as_deref(), customer)? {
            Some(scan) => Some((scan, holder(&self.headers, scanner)?)),
            None => None,
        };
        let encoding = encoding(&self.headers).ok_or(Refusal::Encoding)?;

        let (writer, _) = open(state, scanner, customer, claimed).await?;
        writer.commit().await?;
        let packed = Packed { encoding, limit: state.limits.decoded_bytes, format: Some(self.format) };
        let document = read(self.body, packed, state.limits).await?;

        // Asked again: reading may have taken minutes.
        let (mut writer, registration) = open(state, scanner, customer, claimed).await?;
        let runs = apply(&mut writer, &registration, document, state.clock.now()).await?;
        if registration.order().is_some_and(|order| order.ended) && runs.iter().any(|run| run.changed) {
            // The scan has its results: other ones are nobody's.
            writer.rollback().await?;
            return Err(scanner::Refusal::LeaseLost.into());
        }
        writer.commit().await?;
        Ok(answer(customer, &runs))
    }
}

/// A transaction of a scanner that is registered for the customer and, where the results are of a scan that was claimed, has it.
async fn open(
    state: &IngestState,
    scanner: UserId,
    customer: CustomerId,
    claimed: Option<(ScanId, Holder)>,
) -> Result<(Writer, Registration), Refusal> {
    let now = state.clock.now();
    let (mut writer, registration) = scanner::open(&state.database, scanner, customer, now).await?;
    let Some((scan, holder)) = claimed else { return Ok((writer, registration)) };
    let held = hold(&mut writer, (customer, scan), holder, now).await?;
    let refusal = match held {
        None => scanner::Refusal::NoScan,
        Some((Hold::Held, trigger)) => {
            return Ok((writer, registration.ordered_by(Order { scan, ended: false, trigger })));
        }
        // Sent twice, because the first answer did not arrive.
        Some((Hold::Ended(ScanStatus::Succeeded), trigger)) => {
            return Ok((writer, registration.ordered_by(Order { scan, ended: true, trigger })));
        }
        Some((Hold::Ended(_) | Hold::Lost, _)) => scanner::Refusal::LeaseLost,
    };
    writer.commit().await?;
    Err(refusal.into())
}

/// The values of a parameter of the query string.
fn parameter<'q>(query: Option<&'q str>, wanted: &str) -> Vec<Cow<'q, str>> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter_map(|(name, value)| (name == wanted).then_some(value))
        .collect()
}

/// The one `customer` of the query string: a global id, as the API has it, or the bare UUID.
fn customer(query: Option<&str>) -> Result<CustomerId, scanner::Refusal> {
    let bad = |what: &str| scanner::Refusal::Input(what.to_owned());
    let values = parameter(query, "customer");
    let [text] = values.as_slice() else {
        return Err(bad("say whose results these are, once: ?customer=ID"));
    };
    parse_customer(text).ok_or_else(|| bad("`customer` is no id of a customer: take it from `Customer.id`"))
}

/// The `scan` of the query string, where the results are of one that was claimed; none of the customer's is none at all.
fn scan(query: Option<&str>, customer: CustomerId) -> Result<Option<ScanId>, scanner::Refusal> {
    match parameter(query, "scan").as_slice() {
        [] => Ok(None),
        [text] => match text.parse() {
            Ok(GlobalId::Scan(of, scan)) if of == customer => Ok(Some(scan)),
            Ok(_) | Err(_) => Err(scanner::Refusal::Input(
                "`scan` is no id of a scan of this customer: take it and `customer` from what `/scans/claim` answered"
                    .to_owned(),
            )),
        },
        _ => Err(scanner::Refusal::Input("say of which scan these results are once, or not at all".to_owned())),
    }
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

/// What a scanner is told of its upload: what it sent itself, and where that went. What was there before, and so what is new or gone, it is
/// not told: it reads nothing (DESIGN.md 3). But that this very document was the last about its target, whoever sent it, is `unchanged`.
fn answer(customer: CustomerId, runs: &[AppliedRun]) -> Response {
    let status = if runs.iter().any(|run| run.changed) { "applied" } else { "unchanged" };
    let runs: Vec<_> = runs
        .iter()
        .map(|run| {
            json!({
                "tool": run.tool,
                "target": run.target,
                "scan": GlobalId::Scan(customer, run.scan).to_string(),
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
            Self::Scanner(refusal) => refusal.into_response(),
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
            Self::ReaderFailed => internal(),
        }
    }
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
