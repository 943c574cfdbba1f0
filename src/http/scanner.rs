//! What the doors for scanners share: who may pass, and what everyone else is told.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::auth::{self, TokenError, Verifier};
use super::failure;
use crate::domain::ids::{CustomerId, UserId};
use crate::store::ingest::{Registration, Standing, standing};
use crate::store::scan::lease::Holder;
use crate::store::{Database, StoreError, Writer};

/// The request header in which a scanner names the lease that it was given.
const LEASE_HEADER: &str = "scan-lease";

/// Why a scanner, or somebody who is none, is turned away; in each case nothing is changed.
pub(super) enum Refusal {
    Unauthenticated,
    Token(TokenError),
    Forbidden,
    /// What is wrong with the request.
    Input(String),
    NoCustomer,
    /// A scan that does not exist, or not for this scanner.
    NoScan,
    /// The scan is another scanner's, or nobody's any more.
    LeaseLost,
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The user whose token came with a request; whether it is a scanner's, a transaction tells.
pub(super) fn subject(
    headers: &HeaderMap,
    verifier: &Verifier,
    now: DateTime<Utc>,
) -> Result<UserId, Refusal> {
    auth::subject(headers, verifier, now).map_err(Refusal::Token)?.ok_or(Refusal::Unauthenticated)
}

/// The lease that a scanner says it holds.
pub(super) fn holder(headers: &HeaderMap, scanner: UserId) -> Result<Holder, Refusal> {
    let mut values = headers.get_all(LEASE_HEADER).iter();
    let lease = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|text| Uuid::parse_str(text).ok()),
        _ => None,
    };
    let lease = lease.ok_or_else(|| {
        Refusal::Input(format!(
            "say which lease is yours, once: `{LEASE_HEADER}: ` and what `/scans/claim` answered as `lease`"
        ))
    })?;
    Ok(Holder { scanner, lease })
}

/// A transaction of a scanner that is registered for the customer.
pub(super) async fn open(
    database: &Database,
    scanner: UserId,
    customer: CustomerId,
    now: DateTime<Utc>,
) -> Result<(Writer, Registration), Refusal> {
    let mut writer = database.begin_ingest(scanner, now).await?;
    let refusal = match standing(&mut writer, customer).await? {
        Standing::Registered(registration) => return Ok((writer, registration)),
        Standing::NotRegistered => Refusal::NoCustomer,
        Standing::NotAScanner => Refusal::Forbidden,
        Standing::Nobody => Refusal::Unauthenticated,
    };
    writer.commit().await?;
    Err(refusal)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Token(error) => error.into_response(),
            Self::Unauthenticated => {
                auth::unauthenticated("this takes the bearer token of an enabled scanner")
            }
            Self::Forbidden => {
                failure(StatusCode::FORBIDDEN, "FORBIDDEN", "only a scanner may take scans and send results")
            }
            Self::Input(what) => failure(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", what),
            Self::NoCustomer => failure(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "there is no such customer for which this scanner is registered",
            ),
            Self::NoScan => failure(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "there is no such scan of a customer for which this scanner is registered",
            ),
            Self::LeaseLost => failure(
                StatusCode::CONFLICT,
                "LEASE_LOST",
                "this lease no longer holds the scan: it expired, or the scan was ended or called off; claim another one",
            ),
            Self::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a scanner could not be served");
                internal()
            }
        }
    }
}

pub(super) fn internal() -> Response {
    failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "this could not be stored, and nothing of it was; try again",
    )
}
