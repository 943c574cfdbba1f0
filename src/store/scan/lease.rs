//! Scans as scanners take them: claimed for a while, renewed, started and finished by whoever holds the lease, and by nobody
//! else.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::ids::{CustomerId, ScanId, UserId};
use crate::domain::scan::{ATTEMPTS, LEASE, ScanStatus, ScanTrigger};
use crate::store::{StoreError, Writer, new_id};

/// A scan that is a scanner's for a while.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Whose.
    pub customer: CustomerId,
    /// Which.
    pub scan: ScanId,
    /// What to look for.
    pub profile: String,
    /// Why it runs.
    pub trigger: ScanTrigger,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// How often it was claimed, this time included.
    pub attempt: i16,
    /// Until when it is the scanner's.
    pub expires_at: DateTime<Utc>,
    /// Kind and value of what to look at; all that the customer has where there are none.
    pub targets: Vec<(String, String)>,
}

/// By whom something is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The scanner.
    pub scanner: UserId,
    /// What it was told when it claimed.
    pub lease: Uuid,
}

/// What a scanner has of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is the scanner's to work on.
    Held,
    /// It was, and the scanner has ended it so.
    Ended(ScanStatus),
    /// It is not, or no more.
    Lost,
}

/// Claims the oldest scan that waits, or that another scanner let lapse, among the customers of the transaction's scanner; none
/// where there is nothing to do.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(
    writer: &mut Writer,
    holder: Holder,
    now: DateTime<Utc>,
) -> Result<Option<Claimed>, StoreError> {
    let expires_at = now + LEASE;
    // The lease is in the row that is locked: of two who ask at once, one skips it, or finds it taken.
    let row = sqlx::query!(
        "with next as (
             select customer_id, id from scans
             where status in ('QUEUED', 'RUNNING') and customer_id = any ((select gate.scanner_customers())::uuid[])
               and coalesce(lease_expires_at, '-infinity') <= $1 and coalesce(attempts, 0::smallint) < $2
             order by requested_at, id limit 1
             for no key update skip locked
         )
         update scans s set status = 'QUEUED', started_at = null, lease_id = $3, leased_by = $4, lease_expires_at = $5,
                attempts = coalesce(s.attempts, 0) + 1
         from next where s.customer_id = next.customer_id and s.id = next.id
         returning s.customer_id, s.id, s.profile, s.trigger, s.requested_at, s.attempts",
        now,
        ATTEMPTS,
        holder.lease,
        holder.scanner.0,
        expires_at,
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let targets = sqlx::query!(
        "select a.kind, a.value from scan_targets t
         join assets a on a.customer_id = t.customer_id and a.id = t.asset_id
         where t.customer_id = $1 and t.scan_id = $2 order by a.value, a.id",
        row.customer_id,
        row.id
    )
    .fetch_all(writer.connection()?)
    .await?;
    Ok(Some(Claimed {
        customer: CustomerId(row.customer_id),
        scan: ScanId(row.id),
        profile: row.profile,
        trigger: row.trigger.parse()?,
        requested_at: row.requested_at,
        attempt: row.attempts.unwrap_or_default(),
        expires_at,
        targets: targets.into_iter().map(|row| (row.kind, row.value)).collect(),
    }))
}

/// A scan of a registered customer, locked, and what the scanner has of it; none where there is no such scan.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(
    writer: &mut Writer,
    (customer, scan): (CustomerId, ScanId),
    holder: Holder,
    now: DateTime<Utc>,
) -> Result<Option<(Hold, ScanTrigger)>, StoreError> {
    let row = sqlx::query!(
        "select status, trigger, lease_id, leased_by, lease_expires_at from scans
         where customer_id = $1 and id = $2 and customer_id = any ((select gate.scanner_customers())::uuid[])
         for no key update",
        customer.0,
        scan.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let status: ScanStatus = row.status.parse()?;
    let is_holder = (row.lease_id, row.leased_by) == (Some(holder.lease), Some(holder.scanner.0));
    let is_over = row.lease_expires_at.is_none_or(|end| end <= now);
    let hold = match status {
        _ if !is_holder => Hold::Lost,
        ScanStatus::Queued | ScanStatus::Running if is_over => Hold::Lost,
        ScanStatus::Queued | ScanStatus::Running => Hold::Held,
        ScanStatus::Succeeded | ScanStatus::Failed => Hold::Ended(status),
        ScanStatus::Canceled => Hold::Lost,
    };
    Ok(Some((hold, row.trigger.parse()?)))
}

/// Renews the lease of a held scan, and says that it runs where `starts`; until when it is the scanner's now.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(
    writer: &mut Writer,
    (customer, scan): (CustomerId, ScanId),
    starts: bool,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, StoreError> {
    let expires_at = now + LEASE;
    sqlx::query!(
        "update scans set lease_expires_at = $3, status = case when $4 then 'RUNNING' else status end,
                started_at = case when $4 then coalesce(started_at, $5) else started_at end,
                begun_at = case when $4 then coalesce(begun_at, $5) else begun_at end
         where customer_id = $1 and id = $2",
        customer.0,
        scan.0,
        expires_at,
        starts,
        now
    )
    .execute(writer.connection()?)
    .await?;
    Ok(expires_at)
}

/// Ends a held scan without results, and records why.
///
/// # Errors
/// When the database does not answer.
pub async fn fail(
    writer: &mut Writer,
    (customer, scan): (CustomerId, ScanId),
    scanner: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with failed as (
             update scans set status = 'FAILED', finished_at = $3, failure = $4 where customer_id = $1 and id = $2
         )
         insert into customer_audit_events (customer_id, id, at, actor, action, reason)
         values ($1, $5, $3, $6, 'scan.failed', $4)",
        customer.0,
        scan.0,
        now,
        reason,
        new_id(now),
        scanner
    )
    .execute(writer.connection()?)
    .await?;
    Ok(())
}

/// What a scan has found.
#[derive(Clone, Debug)]
pub(in crate::store) struct Reported {
    /// The tools that wrote it.
    pub(in crate::store) tools: Option<String>,
    /// Findings that are new, or back.
    pub(in crate::store) new: i64,
    /// Findings that are gone.
    pub(in crate::store) fixed: i64,
}

/// Adds a scan's report, with the counts of the customer's open findings as they are now.
///
/// # Errors
/// When the database does not answer.
pub(in crate::store) async fn report(
    writer: &mut Writer,
    (customer, scan): (CustomerId, ScanId),
    report: &Reported,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into scan_reports (customer_id, scan_id, tool_name, new_findings, fixed_findings,
                                   open_critical, open_high, open_medium, open_low, open_info)
         select $1, $2, $3, $4::bigint, $5::bigint, coalesce(r.open_critical, 0), coalesce(r.open_high, 0),
                coalesce(r.open_medium, 0), coalesce(r.open_low, 0), coalesce(r.open_info, 0)
         from (select) one left join posture_rollups r on r.customer_id = $1",
        customer.0,
        scan.0,
        report.tools,
        report.new,
        report.fixed
    )
    .execute(writer.connection()?)
    .await?;
    Ok(())
}

/// Ends a held scan with its report.
///
/// # Errors
/// When the database does not answer.
pub(in crate::store) async fn succeed(
    writer: &mut Writer,
    scan: (CustomerId, ScanId),
    found: &Reported,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update scans set status = 'SUCCEEDED', started_at = coalesce(started_at, $3), finished_at = $3
         where customer_id = $1 and id = $2",
        scan.0.0,
        scan.1.0,
        now
    )
    .execute(writer.connection()?)
    .await?;
    report(writer, scan, found).await
}
