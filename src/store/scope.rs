//! The only place that opens a transaction: viewer and instant set, snapshot taken, rights lowered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, Postgres};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::StoreError;
use super::key_turns::KeyTurns;
use super::recorder::Recorder;
use super::transparency::Reads;
use crate::domain::api_key::KeyDigest;
use crate::domain::ids::UserId;

/// Settings of every connection.
const SETTINGS: [(&str, &str); 4] = [
    ("TimeZone", "UTC"),
    // Compiling a policy's sub-selects costs more than running them.
    ("jit", "off"),
    // Planning them anew for every request, too; no statement's plan depends on its parameters (`LIMIT` is spelled out).
    ("plan_cache_mode", "force_generic_plan"),
    ("statement_timeout", "30s"),
];

/// The gateway's connections to `PostgreSQL`.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    statements: Arc<AtomicU64>,
    recorder: Arc<Recorder>,
    key_turns: Arc<KeyTurns>,
}

/// How to connect.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Connections at most. On 2 cores 4 to 8 are fastest (PERFORMANCE.md 8).
    pub max_connections: u32,
    /// How long a request waits for a connection before it is answered with an error.
    pub acquire_timeout: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { max_connections: 8, acquire_timeout: Duration::from_secs(10) }
    }
}

/// A role that may not serve: it could see past row security.
#[derive(Debug, thiserror::Error)]
pub enum UnfitRole {
    /// The database could not be asked.
    #[error("the role could not be checked")]
    Unknown(#[from] StoreError),
    /// The role is too powerful.
    #[error(
        "refusing to serve as the database role `{role}`: it {why}, so row-level security would not hold it.\n\
         Connect as `posture_gateway`, which `posture-gateway migrate` creates; give it a way to sign in with, for\n\
         instance:  psql -c \"alter role posture_gateway password '...'\"  and put it in DATABASE_URL"
    )]
    TooPowerful {
        /// The role of the connection.
        role: String,
        /// What makes it unfit.
        why: &'static str,
    },
}

impl Database {
    /// Makes a pool that connects when it is first needed.
    #[must_use]
    pub fn new(options: PgConnectOptions, settings: PoolSettings) -> Self {
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.acquire_timeout)
            // A ping for every request costs more than the request's own first statement finding out.
            .test_before_acquire(false)
            .connect_lazy_with(options.options(SETTINGS));
        Self { pool, statements: Arc::default(), recorder: Arc::default(), key_turns: Arc::default() }
    }

    /// How many statements were sent since the start, BEGIN and COMMIT included; but for those of the recorder, which are of many requests.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// How to connect, for a connection that is not the pool's.
    pub(in crate::store) fn connect_options(&self) -> Arc<PgConnectOptions> {
        self.pool.connect_options()
    }

    /// Records what a viewer was shown. When this returns it is on the disk.
    ///
    /// # Errors
    /// When the database does not confirm it; then it may not be shown.
    async fn record(&self, viewer: UserId, now: DateTime<Utc>, reads: Reads) -> Result<(), StoreError> {
        self.recorder.record(|| self.connect_options().as_ref().clone(), viewer, now, reads).await
    }

    /// How many connections the pool has at most.
    #[must_use]
    pub fn max_connections(&self) -> u32 {
        self.pool.options().get_max_connections()
    }

    /// Refuses a role that could get round row-level security: a superuser, one with BYPASSRLS or CREATEROLE, an owner of
    /// tables, functions or schemas of the gateway, a member of such a role.
    ///
    /// # Errors
    /// [`UnfitRole::TooPowerful`] for such a role, [`UnfitRole::Unknown`] where the database does not answer.
    pub async fn refuse_powerful_role(&self) -> Result<(), UnfitRole> {
        let row = sqlx::query!(
            r#"with ours as (select n.oid, n.nspowner from pg_namespace n where n.nspname in ('public', 'gate'))
               select current_user::text as "role!",
                      coalesce(bool_or(r.rolsuper), false) as "superuser!",
                      coalesce(bool_or(r.rolbypassrls), false) as "bypasses!",
                      coalesce(bool_or(r.rolcreaterole), false) as "creates_roles!",
                      exists (select from ours n where pg_has_role(n.nspowner, 'MEMBER'))
                      or exists (select from pg_class c join ours n on n.oid = c.relnamespace
                                 where pg_has_role(c.relowner, 'MEMBER'))
                      or exists (select from pg_proc p join ours n on n.oid = p.pronamespace
                                 where pg_has_role(p.proowner, 'MEMBER')) as "owns!"
               from pg_roles r where pg_has_role(r.oid, 'MEMBER')"#
        )
        .fetch_one(&self.pool)
        .await
        .map_err(StoreError::from)?;
        let why = if row.superuser {
            "is a superuser or can become one"
        } else if row.bypasses {
            "has BYPASSRLS or can become a role that has it"
        } else if row.creates_roles {
            "has CREATEROLE, by which it can join any role, or can become a role that has it"
        } else if row.owns {
            "owns tables, functions or schemas of the gateway or can become their owner"
        } else {
            return Ok(());
        };
        Err(UnfitRole::TooPowerful { role: row.role, why })
    }

    /// Whether the database answers and its schema is there.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut reader = self.begin_read(None, DateTime::UNIX_EPOCH).await?;
        sqlx::query!(r#"select count(*) as "n!" from accesses"#).fetch_one(reader.connection()?).await?;
        reader.commit().await
    }

    /// Whom an API key signs in, asked before it is known who asks: one statement, in no transaction of a viewer. None for a key
    /// that is unknown or revoked, and for the key of a disabled user.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn user_of_key(&self, key: &KeyDigest) -> Result<Option<UserId>, StoreError> {
        let _turn = self.key_turns.turn(key).await?;
        let mut attempts = self.pool.size().saturating_add(1);
        loop {
            let connection = self.pool.acquire().await?;
            let mut open = Open { connection, ended: false, statements: Arc::clone(&self.statements) };
            self.statements.fetch_add(1, Ordering::Relaxed);
            let asked = sqlx::query_scalar!("select gate.api_key_user($1)", &key.0[..]);
            match asked.fetch_one(&mut *open.connection).await {
                Ok(user) => {
                    open.ended = true;
                    if user.is_some() {
                        self.key_turns.learn(*key);
                    }
                    return Ok(user.map(UserId));
                }
                Err(error) => {
                    attempts -= 1;
                    if attempts == 0 || error.as_database_error().is_some_and(|e| !is_shutdown(e)) {
                        return Err(error.into());
                    }
                }
            }
        }
    }

    /// A read-only snapshot for one viewer at one instant; without a viewer every table is empty.
    async fn begin_read(&self, viewer: Option<UserId>, now: DateTime<Utc>) -> Result<Reader, StoreError> {
        Ok(Reader { open: Some(self.open(&reading(viewer, now)).await?) })
    }

    /// A read-write transaction for an upload: lowered to the role that may write scan results and nothing else.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_ingest(&self, scanner: UserId, now: DateTime<Utc>) -> Result<Writer, StoreError> {
        // Neither plan is forced: one for any array takes them for small, and a new one for each check of a foreign key costs more
        // than its row does.
        let opening = format!(
            "begin; set local role posture_ingest; set local plan_cache_mode = auto; {}",
            context(Some(scanner), now)
        );
        Ok(Writer { open: Some(self.open(&opening).await?) })
    }

    /// A read-write transaction for a mutation: lowered to the role that may change what is the viewer's to change.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_write(&self, viewer: UserId, now: DateTime<Utc>) -> Result<Writer, StoreError> {
        let opening = format!("begin; set local role posture_writer; {}", context(Some(viewer), now));
        Ok(Writer { open: Some(self.open(&opening).await?) })
    }

    /// A read-write transaction of the worker: lowered to its role, without a viewer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_work(&self, now: DateTime<Utc>) -> Result<Writer, StoreError> {
        let opening = format!("begin; set local role posture_worker; {}", context(None, now));
        Ok(Writer { open: Some(self.open(&opening).await?) })
    }

    /// A read-only snapshot for the door of a share: lowered to its role, with the hash of the link's secret in the viewer's place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_shared(
        &self,
        secret_hash: [u8; 32],
        now: DateTime<Utc>,
    ) -> Result<Reader, StoreError> {
        use std::fmt::Write as _;
        let mut opening =
            format!("{}; set local role posture_share; set local app.share = '", reading(None, now));
        for byte in secret_hash {
            let _ = write!(opening, "{byte:02x}");
        }
        opening.push('\'');
        Ok(Reader { open: Some(self.open(&opening).await?) })
    }

    /// Sends the opening as one message. A connection that turns out to be dead is thrown away and the next one tried,
    /// which a ping before every request would find out no better.
    async fn open(&self, opening: &str) -> Result<Open, StoreError> {
        let mut attempts = self.pool.size().saturating_add(1);
        loop {
            let connection = self.pool.acquire().await?;
            let mut open = Open { connection, ended: false, statements: Arc::clone(&self.statements) };
            self.statements.fetch_add(1, Ordering::Relaxed);
            match open.connection.execute(AssertSqlSafe(opening)).await {
                Ok(_) => return Ok(open),
                Err(error) => {
                    attempts -= 1;
                    if attempts == 0 || error.as_database_error().is_some_and(|e| !is_shutdown(e)) {
                        return Err(error.into());
                    }
                }
            }
        }
    }
}

/// Class 57P: the server goes down or drops its sessions; another connection may do better.
pub(super) fn is_shutdown(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("57P"))
}

/// How a snapshot is opened.
fn reading(viewer: Option<UserId>, now: DateTime<Utc>) -> String {
    format!("begin isolation level repeatable read read only; {}", context(viewer, now))
}

/// The settings of a transaction. Both values are of types that cannot carry SQL.
fn context(viewer: Option<UserId>, now: DateTime<Utc>) -> String {
    let viewer = viewer.map(|user| user.to_string()).unwrap_or_default();
    let now = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    format!("set local app.viewer = '{viewer}'; set local app.now = '{now}'")
}

/// A connection inside its transaction, from the moment that the opening is sent until the end is confirmed.
#[derive(Debug)]
struct Open {
    connection: PoolConnection<Postgres>,
    ended: bool,
    statements: Arc<AtomicU64>,
}

impl Drop for Open {
    /// A transaction that was not ended, for instance of a client that hung up, takes its connection with it: given back
    /// to the pool, it would lend the next request its role.
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

impl Open {
    async fn end(mut self, with: &str) -> Result<(), StoreError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.connection.execute(AssertSqlSafe(with)).await?;
        self.ended = true;
        Ok(())
    }
}

macro_rules! transaction {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            open: Option<Open>,
        }

        impl $name {
            /// The connection, for exactly one statement: each call counts as one.
            ///
            /// # Errors
            /// [`StoreError::Closed`] after the end of the transaction.
            pub(in crate::store) fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
                let open = self.open.as_mut().ok_or(StoreError::Closed)?;
                open.statements.fetch_add(1, Ordering::Relaxed);
                Ok(&mut open.connection)
            }

            /// Ends the transaction; only after that the connection goes back to the pool.
            ///
            /// # Errors
            /// When the database does not confirm; the connection is then thrown away.
            pub async fn commit(mut self) -> Result<(), StoreError> {
                match self.open.take() {
                    Some(open) => open.end("commit").await,
                    None => Ok(()),
                }
            }
        }
    };
}

transaction! {
    /// A read-only transaction.
    Reader
}
transaction! {
    /// A read-write transaction; dropped without [`Writer::commit`] it leaves nothing behind.
    Writer
}

impl Writer {
    /// Ends the transaction and leaves nothing of it; only after that the connection goes back to the pool.
    ///
    /// # Errors
    /// When the database does not confirm; the connection is then thrown away.
    pub async fn rollback(mut self) -> Result<(), StoreError> {
        match self.open.take() {
            Some(open) => open.end("rollback").await,
            None => Ok(()),
        }
    }

    /// Ends the transaction and opens, in the same message, the snapshot that its outcome is read in.
    ///
    /// # Errors
    /// When the database does not confirm; the connection is then thrown away.
    pub async fn commit_and_read(mut self, viewer: UserId, now: DateTime<Utc>) -> Result<Reader, StoreError> {
        let mut open = self.open.take().ok_or(StoreError::Closed)?;
        open.statements.fetch_add(1, Ordering::Relaxed);
        let message = format!("commit; {}", reading(Some(viewer), now));
        open.connection.execute(AssertSqlSafe(message)).await?;
        Ok(Reader { open: Some(open) })
    }
}

/// The one snapshot of a request, or of one mutation's answer: opened when the first statement needs it, shared by everything the request reads.
#[derive(Debug)]
pub struct Snapshot {
    database: Database,
    viewer: Option<UserId>,
    now: DateTime<Utc>,
    reader: Mutex<Option<Reader>>,
}

impl Snapshot {
    /// A snapshot for the subject of a token, at the request's instant.
    #[must_use]
    pub fn new(database: Database, viewer: Option<UserId>, now: DateTime<Utc>) -> Self {
        Self { database, viewer, now, reader: Mutex::new(None) }
    }

    /// A snapshot that is open already: a mutation's answer is read after it.
    #[must_use]
    pub fn opened(database: Database, viewer: UserId, now: DateTime<Utc>, reader: Reader) -> Self {
        Self { database, viewer: Some(viewer), now, reader: Mutex::new(Some(reader)) }
    }

    /// The database that it is a snapshot of.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// The request's instant.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The subject of the token. Who that is, and whether they still may, only the database knows.
    #[must_use]
    pub const fn subject(&self) -> Option<UserId> {
        self.viewer
    }

    /// The reader, opened if it is not; the statements of one request follow one another.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reader(&self) -> Result<MappedMutexGuard<'_, Reader>, StoreError> {
        let mut slot = self.reader.lock().await;
        if slot.is_none() {
            *slot = Some(self.database.begin_read(self.viewer, self.now).await?);
        }
        MutexGuard::try_map(slot, Option::as_mut).map_err(|_| StoreError::Closed)
    }

    /// Ends the snapshot and records what was read and is shown. Only after that it may be shown.
    ///
    /// # Errors
    /// When the database does not confirm both.
    pub async fn finish_recording(&self, reads: Reads) -> Result<(), StoreError> {
        let viewer = self.viewer.ok_or(StoreError::Closed)?;
        let ((), ()) = tokio::try_join!(self.finish(), self.database.record(viewer, self.now, reads))?;
        Ok(())
    }

    /// Ends the snapshot, if it was ever opened.
    ///
    /// # Errors
    /// When the database does not confirm.
    pub async fn finish(&self) -> Result<(), StoreError> {
        match self.reader.lock().await.take() {
            Some(reader) => reader.commit().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Live events take turns by it.
    #[tokio::test]
    async fn a_pool_says_how_large_it_may_become() {
        let settings = PoolSettings { max_connections: 5, ..PoolSettings::default() };
        let database = Database::new(PgConnectOptions::new_without_pgpass(), settings);
        assert_eq!(database.max_connections(), 5);
    }
}
