//! Records what was shown, before it is shown, for all requests at once that wait for it: one statement on one connection that can do nothing
//! else. While one is under way the next ones gather, so the busier the gateway is, and the slower the disk, the more share one commit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use uuid::Uuid;

use super::StoreError;
use super::scope::is_shutdown;
use super::transparency::Reads;
use crate::domain::ids::UserId;

/// How many requests are recorded at once; more, and they wait for the next time.
const AT_ONCE: usize = 64;

/// How many records are written at once, but for a request that has more by itself: nobody waits long for what others were shown of many.
const ROWS_AT_ONCE: usize = 2_000;

/// How many wait; more, and they wait for a place among those.
const WAITING: usize = 1024;

/// How long the database may take over it.
const PATIENCE: Duration = Duration::from_secs(40);

/// The connection's settings beside those of all: it can record and nothing else, and what it has recorded is on the disk, whatever the
/// database's own setting.
const SETTINGS: [(&str, &str); 2] = [("role", "posture_transparency"), ("synchronous_commit", "on")];

/// The recorder of one gateway: begun with the first record, ended with the last that could hand it one, and begun anew where it ended
/// before that.
#[derive(Debug, Default)]
pub(super) struct Recorder(Mutex<Option<mpsc::Sender<Entry>>>);

/// What one request was shown.
#[derive(Debug)]
struct Entry {
    viewer: UserId,
    at: DateTime<Utc>,
    reads: Reads,
    /// An id for each of its records: one that is there already was recorded by the attempt before.
    ids: Vec<Uuid>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Recorder {
    /// Records what a request was shown. When this returns it is on the disk.
    ///
    /// # Errors
    /// When the database does not confirm it; then it may not be shown.
    pub(super) async fn record(
        &self,
        options: impl FnOnce() -> PgConnectOptions,
        viewer: UserId,
        at: DateTime<Utc>,
        reads: Reads,
    ) -> Result<(), StoreError> {
        let entries = self.entries(options);
        let (done, outcome) = oneshot::channel();
        let ids = reads.shown.iter().map(|_| Uuid::new_v4()).collect();
        let entry = Entry { viewer, at, reads, ids, done };
        entries.send(entry).await.map_err(|_| StoreError::Closed)?;
        outcome.await.map_err(|_| StoreError::Closed)?
    }

    /// Where entries go.
    fn entries(&self, options: impl FnOnce() -> PgConnectOptions) -> mpsc::Sender<Entry> {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = begun.as_ref().filter(|entries| !entries.is_closed()) {
            return entries.clone();
        }
        let (entries, waiting) = mpsc::channel(WAITING);
        let mut book = Book { options: options().options(SETTINGS), connection: None };
        tokio::spawn(async move { book.keep(waiting).await });
        begun.insert(entries).clone()
    }
}

impl Entry {
    /// How many records it takes.
    fn rows(&self) -> usize {
        self.reads.shown.iter().map(|shown| shown.customers.len()).sum()
    }
}

/// How many of the first ones, by the rows of each, are written at once; one at least.
fn at_once(rows: impl Iterator<Item = usize>) -> usize {
    let mut sum = 0;
    let fits = rows.take_while(|rows| {
        sum += rows;
        sum <= ROWS_AT_ONCE
    });
    fits.count().max(1)
}

/// Where it is recorded.
struct Book {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Book {
    async fn keep(&mut self, mut waiting: mpsc::Receiver<Entry>) {
        let mut entries = Vec::with_capacity(AT_ONCE);
        while waiting.recv_many(&mut entries, AT_ONCE).await > 0 {
            while !entries.is_empty() {
                let rest = entries.split_off(at_once(entries.iter().map(Entry::rows)));
                self.enter(&mut entries).await;
                entries = rest;
            }
        }
    }

    /// Writes entries and tells each how it went.
    async fn enter(&mut self, entries: &mut Vec<Entry>) {
        match self.write(entries).await {
            Ok(()) => tell(entries, &Ok(())),
            // One of them is refused, and with it all: each for itself, then.
            Err(StoreError::Database(error)) if entries.len() > 1 && concerns_one(&error) => {
                for entry in entries.drain(..) {
                    let outcome = self.write(std::slice::from_ref(&entry)).await;
                    tell(&mut vec![entry], &outcome);
                }
            }
            failed => tell(entries, &failed),
        }
    }

    /// Writes entries, all or none. A connection that turns out to be dead is replaced once.
    async fn write(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let is_fresh = self.connection.is_none();
        match self.attempt(entries).await {
            Err(StoreError::Database(error)) if is_refusal(&error) => Err(StoreError::Database(error)),
            Err(_) if !is_fresh => match self.attempt(entries).await {
                // The attempt before was not confirmed, but done.
                Err(StoreError::Database(error)) if is_recorded(&error) => Ok(()),
                again => again,
            },
            outcome => outcome,
        }
    }

    /// One attempt; afterwards the connection is there only if it is of use.
    async fn attempt(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let attempt = async {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => self.options.connect().await?,
            };
            let outcome = Batch::of(entries).record(&mut connection).await;
            if outcome.as_ref().err().is_none_or(is_refusal) {
                self.connection = Some(connection);
            } else {
                let _ = connection.close_hard().await;
            }
            Ok::<_, StoreError>(outcome?)
        };
        timeout(PATIENCE, attempt).await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Tells all of them how it went. Who does not wait any more is recorded all the same.
fn tell(entries: &mut Vec<Entry>, outcome: &Result<(), StoreError>) {
    for entry in entries.drain(..) {
        let _ = entry.done.send(outcome.clone());
    }
}

/// Whether the database has said no, and not the connection failed.
fn is_refusal(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| !is_shutdown(error))
}

/// Whether it may be for the sake of one record that all are refused: a privilege (42501), a value (22) or a constraint (23).
fn concerns_one(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "42501" || code.starts_with("22") || code.starts_with("23"))
}

/// Whether it is refused because it is there already.
fn is_recorded(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Entries as the database takes them: the arguments of `gate.record_reads`.
#[derive(Default)]
struct Batch {
    ids: Vec<Uuid>,
    viewers: Vec<Uuid>,
    instants: Vec<DateTime<Utc>>,
    requests: Vec<Uuid>,
    operations: Vec<Option<String>>,
    classes: Vec<String>,
    fields: Vec<String>,
    places: Vec<i32>,
    customers: Vec<Uuid>,
}

impl Batch {
    fn of(entries: &[Entry]) -> Self {
        let mut batch = Self::default();
        let mut place = 0;
        for Entry { viewer, at, reads, ids, .. } in entries {
            for (shown, id) in reads.shown.iter().zip(ids) {
                place += 1;
                batch.ids.push(*id);
                batch.viewers.push(viewer.0);
                batch.instants.push(*at);
                batch.requests.push(reads.request);
                batch.operations.push(reads.operation.as_ref().map(ToString::to_string));
                batch.classes.push(shown.class.to_string());
                let fields: Vec<_> = shown.fields.iter().map(ToString::to_string).collect();
                batch.fields.push(fields.join(","));
                batch.places.extend(shown.customers.iter().map(|_| place));
                batch.customers.extend(shown.customers.iter().map(|customer| customer.0));
            }
        }
        batch
    }

    async fn record(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        sqlx::query!(
            "select gate.record_reads($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &self.ids,
            &self.viewers,
            &self.instants,
            &self.requests,
            &self.operations as &[Option<String>],
            &self.classes,
            &self.fields,
            &self.places,
            &self.customers
        )
        .execute(connection)
        .await
        .map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_are_written_in_turns_and_nobody_is_left_out() {
        let at_once = |rows: &[usize]| at_once(rows.iter().copied());
        assert_eq!(at_once(&[1; 64]), 64);
        assert_eq!(at_once(&[ROWS_AT_ONCE]), 1);
        assert_eq!(at_once(&[ROWS_AT_ONCE - 1, 1, 1]), 2);
        assert_eq!(at_once(&[10_000, 1]), 1);
        assert_eq!(at_once(&[1, 10_000, 1]), 1);
    }
}
