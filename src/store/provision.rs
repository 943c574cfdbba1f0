//! Makes, fills, drops and looks into whole databases, as their owner: the demo's.

use std::collections::HashMap;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use uuid::Uuid;

use super::StoreError;
use super::seed::World;
use crate::domain::ids::{CustomerId, FindingId, PostureShareId, ScanScheduleId, UserId};

/// What two processes that fill the same database at once wait for.
const FILLING: i64 = 0x0070_6f73_7475_7265;

/// `PostgreSQL`'s code for a database that is there already.
const DUPLICATE_DATABASE: &str = "42P04";

/// Drops a database, whoever is connected to it; one that is not there is fine.
///
/// # Errors
/// When the database server refuses.
pub async fn drop_database(server: PgConnectOptions, name: &str) -> Result<(), StoreError> {
    run(server, format!("drop database if exists {} with (force)", quoted(name))).await
}

/// Creates a database; one that is there already is fine.
///
/// # Errors
/// When the database server refuses.
pub async fn create_database(server: PgConnectOptions, name: &str) -> Result<(), StoreError> {
    match run(server, format!("create database {}", quoted(name))).await {
        Err(StoreError::Database(error))
            if error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref()
                == Some(DUPLICATE_DATABASE) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Brings the schema up to date and leaves a connection to the database.
///
/// # Errors
/// When a migration fails, or the database was made by migrations that have changed since.
pub async fn migrate(
    database: PgConnectOptions,
    migrations: &Migrator,
) -> Result<PgConnection, MigrateError> {
    let mut connection = quiet(database).connect().await.map_err(MigrateError::Execute)?;
    migrations.run(&mut connection).await?;
    Ok(connection)
}

/// Writes a world into the database, unless one is there: whole or not at all. Says whether it wrote.
///
/// # Errors
/// When a constraint refuses a row.
pub async fn fill_once(
    connection: &mut PgConnection,
    world: impl FnOnce() -> World,
    progress: impl FnMut(&'static str, usize),
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin().await?;
    sqlx::query("select pg_advisory_xact_lock($1)").bind(FILLING).execute(&mut *transaction).await?;
    let filled: bool =
        sqlx::query_scalar("select exists (select from partners)").fetch_one(&mut *transaction).await?;
    if !filled {
        world().insert(&mut transaction, progress).await?;
        transaction.execute("analyze").await?;
    }
    transaction.commit().await?;
    Ok(!filled)
}

/// Whether all these users are there.
///
/// # Errors
/// When the database does not answer.
pub async fn has_users(connection: &mut PgConnection, users: &[UserId]) -> Result<bool, StoreError> {
    let ids: Vec<_> = users.iter().map(|user| user.0).collect();
    Ok(sqlx::query_scalar("select $1::uuid[] <@ array(select id from users)")
        .bind(ids)
        .fetch_one(connection)
        .await?)
}

/// One of each that stands at a customer, to try operations on.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// One that is open, of the worst.
    pub finding: Option<FindingId>,
    /// Any.
    pub scan_schedule: Option<ScanScheduleId>,
    /// One that is not revoked.
    pub posture_share: Option<PostureShareId>,
}

#[derive(sqlx::FromRow)]
struct SampleRow {
    customer_id: Uuid,
    finding: Option<Uuid>,
    scan_schedule: Option<Uuid>,
    posture_share: Option<Uuid>,
}

/// What stands at these customers.
///
/// # Errors
/// When the database does not answer.
pub async fn samples(
    connection: &mut PgConnection,
    customers: &[CustomerId],
) -> Result<HashMap<CustomerId, Sample>, StoreError> {
    let ids: Vec<_> = customers.iter().map(|customer| customer.0).collect();
    let rows: Vec<SampleRow> = sqlx::query_as(
        "select c.customer_id,
                (select f.id from findings f where f.customer_id = c.customer_id and f.status = 'OPEN'
                 order by f.severity desc, f.id limit 1) finding,
                (select s.id from scan_schedules s where s.customer_id = c.customer_id order by s.id limit 1) scan_schedule,
                (select p.id from posture_shares p where p.customer_id = c.customer_id and p.revoked_at is null
                 order by p.id limit 1) posture_share
         from customers c where c.customer_id = any($1)",
    )
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let sample = |row: SampleRow| {
        let sample = Sample {
            finding: row.finding.map(FindingId),
            scan_schedule: row.scan_schedule.map(ScanScheduleId),
            posture_share: row.posture_share.map(PostureShareId),
        };
        (CustomerId(row.customer_id), sample)
    };
    Ok(rows.into_iter().map(sample).collect())
}

/// Without warnings of slow statements: what fills a whole table may take its seconds.
fn quiet(options: PgConnectOptions) -> PgConnectOptions {
    options.disable_statement_logging()
}

/// Statements about databases take no parameters and no transaction.
async fn run(server: PgConnectOptions, sql: String) -> Result<(), StoreError> {
    let mut connection = quiet(server).connect().await?;
    connection.execute(AssertSqlSafe(sql)).await?;
    connection.close().await?;
    Ok(())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
