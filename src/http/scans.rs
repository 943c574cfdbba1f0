//! Scanners take work: `POST /scans/claim`, then `/scans/{id}/start`, `/renew` and `/fail` under the lease that it was given. Results
//! come through `/ingest`, which ends the scan. And `POST /events/vulnerability-database-updated`.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use super::ingest::IngestState;
use super::scanner::{Refusal, holder, open, subject};
use crate::config::HttpLimits;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, ScanId};
use crate::domain::scan::ScanStatus;
use crate::store::Writer;
use crate::store::ingest::{Registration, Standing, who};
use crate::store::scan::lease::{self, Claimed, Hold, Holder};
use crate::store::scan::queue::vulnerability_database_updated;

/// Bytes of a body at most: a reason or a version.
const BODY_BYTES: usize = 16 * 1024;
/// Characters of a reason at most.
const REASON: usize = 2_000;
/// Characters of a version at most.
const VERSION: usize = 200;

/// The routes of scanners that take work.
pub(super) fn router<S: Clone + Send + Sync + 'static>(state: IngestState, limits: HttpLimits) -> Router<S> {
    Router::new()
        .route("/scans/claim", post(claim))
        .route("/scans/{id}/start", post(start))
        .route("/scans/{id}/renew", post(renew))
        .route("/scans/{id}/fail", post(fail))
        .route("/events/vulnerability-database-updated", post(database_updated))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.request_timeout))
        .with_state(state)
}

type Answer = Result<Response, Refusal>;

async fn claim(State(state): State<IngestState>, headers: HeaderMap) -> Answer {
    let now = state.clock.now();
    let scanner = subject(&headers, &state.verifier, now)?;
    let mut writer = state.database.begin_ingest(scanner, now).await?;
    scanner_name(&mut writer).await?;
    // A lease cannot be guessed: whoever names it was told it.
    let holder = Holder { scanner, lease: Uuid::new_v4() };
    let claimed = lease::claim(&mut writer, holder, now).await?;
    writer.commit().await?;
    Ok(match claimed {
        Some(claimed) => Json(told(&claimed, holder)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

fn told(claimed: &Claimed, holder: Holder) -> serde_json::Value {
    let targets: Vec<_> =
        claimed.targets.iter().map(|(kind, value)| json!({ "kind": kind, "value": value })).collect();
    json!({
        "scan": GlobalId::Scan(claimed.customer, claimed.scan).to_string(),
        "customer": GlobalId::Customer(claimed.customer).to_string(),
        "profile": claimed.profile,
        "trigger": claimed.trigger,
        "requestedAt": instant(claimed.requested_at),
        "attempt": claimed.attempt,
        "targets": targets,
        "lease": holder.lease,
        "leaseExpiresAt": instant(claimed.expires_at),
    })
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A request about one scan under a lease.
struct Leased {
    writer: Writer,
    registration: Registration,
    key: (CustomerId, ScanId),
    hold: Hold,
    now: DateTime<Utc>,
}

/// The scan of a path, locked, and what the scanner that asks has of it.
async fn leased(state: &IngestState, headers: &HeaderMap, id: &str) -> Result<Leased, Refusal> {
    let now = state.clock.now();
    let scanner = subject(headers, &state.verifier, now)?;
    let Ok(GlobalId::Scan(customer, scan)) = id.parse() else {
        // Whoever is no scanner hears that first.
        let mut writer = state.database.begin_ingest(scanner, now).await?;
        scanner_name(&mut writer).await?;
        writer.commit().await?;
        return Err(Refusal::NoScan);
    };
    let opened = open(&state.database, scanner, customer, now).await;
    let (mut writer, registration) = opened.map_err(|refusal| match refusal {
        Refusal::NoCustomer => Refusal::NoScan,
        other => other,
    })?;
    let holder = holder(headers, scanner)?;
    let key = (customer, scan);
    let (hold, _) = lease::hold(&mut writer, key, holder, now).await?.ok_or(Refusal::NoScan)?;
    Ok(Leased { writer, registration, key, hold, now })
}

async fn start(State(state): State<IngestState>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    live(leased(&state, &headers, &id).await?, true).await
}

async fn renew(State(state): State<IngestState>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    live(leased(&state, &headers, &id).await?, false).await
}

/// A sign of life: the scan is the scanner's for another while.
async fn live(leased: Leased, starts: bool) -> Answer {
    let Leased { mut writer, key, hold, now, .. } = leased;
    if hold != Hold::Held {
        return Err(Refusal::LeaseLost);
    }
    let expires_at = lease::renew(&mut writer, key, starts, now).await?;
    writer.commit().await?;
    Ok(Json(json!({ "leaseExpiresAt": instant(expires_at) })).into_response())
}

/// Why a scan failed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    reason: String,
}

async fn fail(
    State(state): State<IngestState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Leased { mut writer, registration, key, hold, now } = leased(&state, &headers, &id).await?;
    let Failure { reason } = object(&body, r#"{ "reason": "why the scan failed" }"#)?;
    let reason = text("reason", &reason, REASON)?;
    match hold {
        Hold::Held => lease::fail(&mut writer, key, registration.scanner(), reason, now).await?,
        // Told twice, because the first answer did not arrive.
        Hold::Ended(ScanStatus::Failed) => {}
        Hold::Ended(_) | Hold::Lost => return Err(Refusal::LeaseLost),
    }
    writer.commit().await?;
    Ok(Json(json!({ "status": ScanStatus::Failed })).into_response())
}

/// Which vulnerability database there is now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseUpdated {
    version: String,
}

async fn database_updated(State(state): State<IngestState>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = state.clock.now();
    let scanner = subject(&headers, &state.verifier, now)?;
    let mut writer = state.database.begin_ingest(scanner, now).await?;
    let name = scanner_name(&mut writer).await?;
    let DatabaseUpdated { version } = object(&body, r#"{ "version": "trivy 2026-06-15" }"#)?;
    let version = text("version", &version, VERSION)?;
    vulnerability_database_updated(&mut writer, version, &name, now).await?;
    writer.commit().await?;
    // Not which schedules wait for it: a scanner reads nothing (DESIGN.md 3).
    Ok(Json(json!({ "version": version })).into_response())
}

/// What the scanner of a transaction is called.
async fn scanner_name(writer: &mut Writer) -> Result<String, Refusal> {
    match who(writer).await? {
        Ok(name) => Ok(name),
        Err(Standing::NotAScanner) => Err(Refusal::Forbidden),
        Err(_) => Err(Refusal::Unauthenticated),
    }
}

fn object<T: DeserializeOwned>(body: &[u8], like: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::Input(format!("the body is not like `{like}`: {error}")))
}

/// A text of the body, trimmed.
fn text<'t>(field: &str, text: &'t str, longest: usize) -> Result<&'t str, Refusal> {
    let text = text.trim();
    match text.chars().count() {
        length if (1..=longest).contains(&length) && !text.contains('\0') => Ok(text),
        length => {
            Err(Refusal::Input(format!("`{field}` has 1 to {longest} characters, this one has {length}")))
        }
    }
}
