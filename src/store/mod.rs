//! Every SQL statement of the gateway: private rows, functions on a [`Reader`] or [`Writer`], plain values out.

pub mod access;
pub mod api_key;
pub mod asset;
pub mod audit;
pub mod billing;
pub mod change;
pub mod component;
pub mod customer;
pub mod dashboard;
pub mod evidence;
pub mod explain;
pub mod exposure;
pub mod finding;
pub mod idempotency;
pub mod ingest;
mod key_turns;
pub mod list;
pub mod notices;
pub mod partner;
pub mod people;
pub mod plan;
pub mod portal;
pub mod posture;
pub mod prepaid;
pub mod pricing;
pub mod provision;
pub mod quote;
mod recorder;
pub mod scan;
pub mod scope;
pub mod security;
pub mod seed;
pub mod share;
pub mod sla;
pub mod subscription;
pub mod transparency;
pub mod trend;
pub mod triage;
pub mod viewer;
pub mod visit;

pub use scope::{Database, Reader, Snapshot, Writer};

use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::{ClockSequence, NoContext, Timestamp, Uuid};

use crate::domain::text_enum::UnknownValue;

/// What went wrong between the gateway and its database. Logged at the edge, never shown: it may name tables.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("the database did not answer as expected")]
    Database(#[source] Arc<sqlx::Error>),
    /// A row holds a text that no enum knows.
    #[error("a row holds an unknown value")]
    UnknownValue(#[from] UnknownValue),
    /// The transaction is over, so nothing can be read in it.
    #[error("the snapshot is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// An id in the order of time, so that rows written together lie together.
fn new_id(now: DateTime<Utc>) -> Uuid {
    ordered_id(NoContext, now)
}

/// The same, where `order` puts those of one instant in order.
fn ordered_id(order: impl ClockSequence<Output = impl Into<u128>>, now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(order, seconds, now.timestamp_subsec_nanos()))
}
