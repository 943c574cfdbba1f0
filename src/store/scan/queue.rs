//! Scans that nobody asks for by hand: schedules that are due, events that schedules wait for, and scans that no scanner
//! finishes.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Executor as _;

use super::ScheduleColumns;
use crate::domain::ids::{CustomerId, ScanScheduleId};
use crate::domain::scan::{ATTEMPTS, PATIENCE, ScanTrigger};
use crate::domain::schedule::{Schedule, next_run};
use crate::store::{StoreError, Writer, new_id};

/// How many schedules one transaction turns into scans at most.
pub const BATCH: usize = 100;

/// A schedule that asks for a scan.
#[derive(Clone)]
struct Asking {
    customer: CustomerId,
    schedule: ScanScheduleId,
    profile: String,
    /// For which due time, where it is for one.
    due_at: Option<DateTime<Utc>>,
}

/// Why scans are queued, and as whose doing it is recorded.
#[derive(Clone, Copy)]
struct Cause<'c> {
    trigger: ScanTrigger,
    actor: &'c str,
    now: DateTime<Utc>,
}

/// Queues a scan for each, of the schedule's targets, and records it in the customers' logs, as one statement: always in the order
/// of customers, so that two who do so wait for each other and never in a circle.
async fn queue(writer: &mut Writer, mut asking: Vec<Asking>, cause: Cause<'_>) -> Result<(), StoreError> {
    asking.sort_by_key(|one| (one.customer, one.schedule));
    let customers: Vec<_> = asking.iter().map(|one| one.customer.0).collect();
    let schedules: Vec<_> = asking.iter().map(|one| one.schedule.0).collect();
    let due: Vec<_> = asking.iter().map(|one| one.due_at).collect();
    let scans: Vec<_> = asking.iter().map(|_| new_id(cause.now)).collect();
    let events: Vec<_> = asking.iter().map(|_| new_id(cause.now)).collect();
    let profiles: Vec<_> = asking.into_iter().map(|one| one.profile).collect();
    sqlx::query!(
        "with asking as (
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[], $6::uuid[])
                 as a(customer_id, schedule_id, profile, due_at, scan_id, event_id)
         ), queued as (
             insert into scans (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at)
             select customer_id, scan_id, profile, $7, 'QUEUED', $8, schedule_id, due_at from asking
         ), targeted as (
             insert into scan_targets (customer_id, scan_id, asset_id)
             select a.customer_id, a.scan_id, t.asset_id
             from asking a
             join scan_schedule_targets t on t.customer_id = a.customer_id and t.scan_schedule_id = a.schedule_id
         )
         insert into customer_audit_events (customer_id, id, at, actor, action, new_value)
         select customer_id, event_id, $8, $9, 'scan.requested', profile || ', ' || $7
         from asking order by customer_id, schedule_id",
        &customers,
        &schedules,
        &profiles,
        &due as _,
        &scans,
        &events,
        cause.trigger.as_str(),
        cause.now,
        cause.actor,
    )
    .execute(writer.connection()?)
    .await?;
    Ok(())
}

/// The same for due times. One that comes again, because a gateway's clock is ahead of another's, has its scan already: it has no other
/// one, and stops none of the rest.
async fn queue_due(writer: &mut Writer, asking: Vec<Asking>, cause: Cause<'_>) -> Result<(), StoreError> {
    if queue_unless_there(writer, asking.clone(), cause).await? {
        return Ok(());
    }
    for one in asking {
        let (schedule, due_at) = (one.schedule, one.due_at);
        if !queue_unless_there(writer, vec![one], cause).await? {
            tracing::warn!(%schedule, ?due_at, "a due time has come again, and has its scan already");
        }
    }
    Ok(())
}

/// Queues all or, where one of them has its scan already, none: whether it did.
async fn queue_unless_there(
    writer: &mut Writer,
    asking: Vec<Asking>,
    cause: Cause<'_>,
) -> Result<bool, StoreError> {
    writer.connection()?.execute("savepoint due").await?;
    match queue(writer, asking, cause).await {
        Err(StoreError::Database(error))
            if error.as_database_error().is_some_and(|error| error.constraint() == Some("scans_due_key")) =>
        {
            writer.connection()?.execute("rollback to savepoint due").await?;
            Ok(false)
        }
        queued => queued.map(|()| true),
    }
}

/// Queues one scan for each of the schedules that are due, at most [`BATCH`], and moves them to their next time after now; how
/// many there were. What another worker has in hand is left to it.
///
/// # Errors
/// When the database does not answer; then nothing of it is done.
pub async fn run_due(writer: &mut Writer, now: DateTime<Utc>) -> Result<usize, StoreError> {
    // No stronger lock: an upload may have locked what it refers to.
    let due = sqlx::query!(
        r#"select customer_id, id, profile, frequency, start_time, time_zone, day_of_week, day_of_month,
                  next_run_at as "next_run_at!"
           from scan_schedules where enabled and next_run_at <= $1
           order by next_run_at limit 100 for no key update skip locked"#,
        now
    )
    .fetch_all(writer.connection()?)
    .await?;
    let count = due.len();
    if count == 0 {
        return Ok(0);
    }
    let (mut customers, mut ids, mut next) = (Vec::new(), Vec::new(), Vec::new());
    let mut asking = Vec::with_capacity(count);
    for row in due {
        let columns = ScheduleColumns {
            frequency: &row.frequency,
            start_time: row.start_time,
            time_zone: &row.time_zone,
            day_of_week: row.day_of_week.as_deref(),
            day_of_month: row.day_of_month,
        };
        customers.push(row.customer_id);
        ids.push(row.id);
        let schedule: Schedule = match columns.schedule() {
            Ok(schedule) => schedule,
            Err(error) => {
                // It stops no other one, and is looked at again tomorrow.
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, schedule = %row.id, "a schedule cannot be read");
                next.push(now + TimeDelta::days(1));
                continue;
            }
        };
        next.push(next_run(&schedule, now));
        asking.push(Asking {
            customer: CustomerId(row.customer_id),
            schedule: ScanScheduleId(row.id),
            profile: row.profile,
            due_at: Some(row.next_run_at),
        });
    }
    queue_due(writer, asking, Cause { trigger: ScanTrigger::Scheduled, actor: "schedule", now }).await?;
    sqlx::query!(
        "update scan_schedules s set next_run_at = n.next_run_at
         from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as n(customer_id, id, next_run_at)
         where s.customer_id = n.customer_id and s.id = n.id",
        &customers,
        &ids,
        &next
    )
    .execute(writer.connection()?)
    .await?;
    Ok(count)
}

/// Gives up what was claimed as often as may be and not finished in its last lease, and what has waited for another scanner for too long
/// since; how many there were.
///
/// # Errors
/// When the database does not answer; then nothing of it is done.
pub async fn give_up(writer: &mut Writer, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let given_up = sqlx::query!(
        "with lost as (
             select customer_id, id from scans
             where status in ('QUEUED', 'RUNNING') and (attempts >= $1 and lease_expires_at <= $2 or lease_expires_at <= $4)
             order by customer_id, id limit 100 for no key update skip locked
         ), failed as (
             update scans s set status = 'FAILED', finished_at = $2, failure = $3
             from lost l where s.customer_id = l.customer_id and s.id = l.id
         )
         insert into customer_audit_events (customer_id, id, at, actor, action, reason)
         select customer_id, gen_random_uuid(), $2, 'worker', 'scan.failed', $3 from lost order by customer_id, id",
        ATTEMPTS,
        now,
        "no scanner that took it has finished it",
        now - PATIENCE,
    )
    .execute(writer.connection()?)
    .await?
    .rows_affected();
    Ok(given_up)
}

/// Queues one scan for each schedule of a customer that runs on new assets, unless one that it asked for so still waits: that
/// one will look at them, too.
///
/// # Errors
/// When the database does not answer.
pub async fn assets_discovered(
    writer: &mut Writer,
    customer: CustomerId,
    scanner: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let rows = sqlx::query!(
        "select s.id, s.profile from scan_schedules s
         where s.customer_id = $1 and s.enabled and 'ASSET_DISCOVERED' = any (s.events)
           and not exists (select from scans q
                           where q.customer_id = s.customer_id and q.schedule_id = s.id and q.trigger = 'ASSET_DISCOVERED'
                             and q.status = 'QUEUED' and q.lease_id is null)",
        customer.0
    )
    .fetch_all(writer.connection()?)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let asking = rows.into_iter().map(|row| Asking {
        customer,
        schedule: ScanScheduleId(row.id),
        profile: row.profile,
        due_at: None,
    });
    let cause = Cause { trigger: ScanTrigger::AssetDiscovered, actor: scanner, now };
    queue(writer, asking.collect(), cause).await
}

/// Queues one scan for each schedule that runs on a new vulnerability database, of the customers of the transaction's scanner
/// that were not told of this version before.
///
/// # Errors
/// When the database does not answer.
pub async fn vulnerability_database_updated(
    writer: &mut Writer,
    version: &str,
    scanner: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let told = sqlx::query_scalar!(
        "insert into vulnerability_database_versions (customer_id, version, told_at)
         select customer_id, $1, $2 from unnest(gate.scanner_customers()) as own(customer_id) order by customer_id
         on conflict on constraint vulnerability_database_versions_pkey do nothing
         returning customer_id",
        version,
        now
    )
    .fetch_all(writer.connection()?)
    .await?;
    let rows = sqlx::query!(
        "select customer_id, id, profile from scan_schedules
         where customer_id = any ($1) and enabled and 'VULNERABILITY_DATABASE_UPDATED' = any (events)",
        &told
    )
    .fetch_all(writer.connection()?)
    .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let asking = rows.into_iter().map(|row| Asking {
        customer: CustomerId(row.customer_id),
        schedule: ScanScheduleId(row.id),
        profile: row.profile,
        due_at: None,
    });
    let cause = Cause { trigger: ScanTrigger::VulnerabilityDatabaseUpdated, actor: scanner, now };
    queue(writer, asking.collect(), cause).await
}
