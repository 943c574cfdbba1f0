//! Scans, their reports and their schedules: posture, read against the gate's witness only.
//!
//! Written by mutations (`change`), by the worker and by events (`queue`), and by scanners (`lease`).

pub mod change;
pub mod lease;
pub mod queue;

use chrono::{DateTime, NaiveTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::asset::Asset;
use super::list::{KeyValue, SortKey, TenantList, newest_first};
use super::{Reader, StoreError};
use crate::domain::finding::SeverityCounts;
use crate::domain::ids::{AssetId, CustomerId, ScanId, ScanScheduleId};
use crate::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use crate::domain::schedule::{Recurrence, Schedule};
use crate::domain::text_enum::UnknownValue;
use crate::policy::{Grant, Posture};

/// One run of a scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: ScanId,
    /// What was looked for.
    pub profile: String,
    /// Why it ran.
    pub trigger: ScanTrigger,
    /// How far it is.
    pub status: ScanStatus,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When a scanner took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Every scan of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scans;

/// What a scan found.
#[derive(Clone, Debug)]
pub struct ScanReport {
    /// The tool that wrote it.
    pub tool_name: Option<String>,
    /// How many findings are new.
    pub new_findings: i64,
    /// How many are gone.
    pub fixed_findings: i64,
    /// Open findings of the customer as the scan left them.
    pub open_findings: SeverityCounts,
}

/// A recurring scan.
#[derive(Clone, Debug)]
pub struct ScanSchedule {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: ScanScheduleId,
    /// What is looked for.
    pub profile: String,
    /// When it recurs.
    pub schedule: Schedule,
    /// What it runs on besides.
    pub events: Vec<ScanTrigger>,
    /// When it is due next.
    pub next_run_at: Option<DateTime<Utc>>,
    /// Whether it runs at all.
    pub enabled: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// Every schedule of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScanSchedules;

/// The columns that say when a schedule recurs.
struct ScheduleColumns<'c> {
    frequency: &'c str,
    start_time: NaiveTime,
    time_zone: &'c str,
    day_of_week: Option<&'c str>,
    day_of_month: Option<i16>,
}

impl ScheduleColumns<'_> {
    fn schedule(&self) -> Result<Schedule, StoreError> {
        let unknown = || UnknownValue::new("schedule", self.frequency);
        let recurrence = match self.frequency.parse()? {
            ScanFrequency::Daily => Recurrence::Daily,
            ScanFrequency::Weekly => Recurrence::Weekly(self.day_of_week.ok_or_else(unknown)?.parse()?),
            ScanFrequency::Monthly => {
                let day = self.day_of_month.and_then(|day| u8::try_from(day).ok());
                Recurrence::Monthly(day.ok_or_else(unknown)?)
            }
        };
        let time_zone = self.time_zone.parse().map_err(|_| UnknownValue::new("time zone", self.time_zone))?;
        Ok(Schedule { recurrence, start_time: self.start_time, time_zone })
    }
}

impl TenantList for ScanSchedules {
    type Class = Posture;
    type Row = ScanSchedule;

    const NAME: &'static str = "Customer.scanSchedules";
    const TABLE: &'static str = "scan_schedules";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.profile, t.frequency, t.start_time, t.time_zone, t.day_of_week, \
         t.day_of_month, t.events, t.next_run_at, t.enabled, t.created_at";
    const SORT: SortKey = newest_first("t.created_at");

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn place(row: &ScanSchedule) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.created_at)), row.id.0)
    }

    fn row(row: &PgRow) -> Result<ScanSchedule, StoreError> {
        let columns = ScheduleColumns {
            frequency: row.try_get("frequency")?,
            start_time: row.try_get("start_time")?,
            time_zone: row.try_get("time_zone")?,
            day_of_week: row.try_get("day_of_week")?,
            day_of_month: row.try_get("day_of_month")?,
        };
        let events = row.try_get::<Vec<String>, _>("events")?;
        Ok(ScanSchedule {
            customer: CustomerId(row.try_get("customer_id")?),
            id: ScanScheduleId(row.try_get("id")?),
            profile: row.try_get("profile")?,
            schedule: columns.schedule()?,
            events: events.iter().map(|event| event.parse()).collect::<Result<_, _>>()?,
            next_run_at: row.try_get("next_run_at")?,
            enabled: row.try_get("enabled")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl TenantList for Scans {
    type Class = Posture;
    type Row = Scan;

    const NAME: &'static str = "Customer.scans";
    const TABLE: &'static str = "scans";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.profile, t.trigger, t.status, t.requested_at, t.started_at, t.finished_at, \
         t.failure";
    const SORT: SortKey = newest_first("t.requested_at");

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn place(row: &Scan) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.requested_at)), row.id.0)
    }

    fn row(row: &PgRow) -> Result<Scan, StoreError> {
        Ok(Scan {
            customer: CustomerId(row.try_get("customer_id")?),
            id: ScanId(row.try_get("id")?),
            profile: row.try_get("profile")?,
            trigger: row.try_get::<&str, _>("trigger")?.parse()?,
            status: row.try_get::<&str, _>("status")?.parse()?,
            requested_at: row.try_get("requested_at")?,
            started_at: row.try_get("started_at")?,
            finished_at: row.try_get("finished_at")?,
            failure: row.try_get("failure")?,
        })
    }
}

/// The reports of these scans; a scan without one is not in the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn reports(
    reader: &mut Reader,
    scans: &[(Grant<Posture>, ScanId)],
) -> Result<Vec<((CustomerId, ScanId), ScanReport)>, StoreError> {
    let customers: Vec<_> = scans.iter().map(|(grant, _)| grant.of().0).collect();
    let ids: Vec<_> = scans.iter().map(|(_, id)| id.0).collect();
    let rows = sqlx::query!(
        "select customer_id, scan_id, tool_name, new_findings, fixed_findings, open_critical, open_high, open_medium,
                open_low, open_info
         from scan_reports
         where (customer_id, scan_id) in (select * from unnest($1::uuid[], $2::uuid[]))",
        &customers,
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let open_findings = SeverityCounts {
                critical: row.open_critical.into(),
                high: row.open_high.into(),
                medium: row.open_medium.into(),
                low: row.open_low.into(),
                info: row.open_info.into(),
            };
            let report = ScanReport {
                tool_name: row.tool_name,
                new_findings: row.new_findings.into(),
                fixed_findings: row.fixed_findings.into(),
                open_findings,
            };
            ((CustomerId(row.customer_id), ScanId(row.scan_id)), report)
        })
        .collect())
}

/// An asset that a scan or a schedule names.
struct TargetRow {
    customer_id: Uuid,
    of_id: Uuid,
    id: Uuid,
    kind: String,
    value: String,
    first_seen_at: DateTime<Utc>,
}

impl TargetRow {
    fn asset(self) -> Result<((CustomerId, Uuid), Asset), StoreError> {
        let customer = CustomerId(self.customer_id);
        let asset = Asset {
            customer,
            id: AssetId(self.id),
            kind: self.kind.parse()?,
            value: self.value,
            first_seen_at: self.first_seen_at,
        };
        Ok(((customer, self.of_id), asset))
    }
}

/// The assets that these schedules name, by value.
///
/// # Errors
/// When the database does not answer.
pub async fn schedule_targets(
    reader: &mut Reader,
    schedules: &[(Grant<Posture>, Uuid)],
) -> Result<Vec<((CustomerId, Uuid), Asset)>, StoreError> {
    let (customers, ids): (Vec<_>, Vec<_>) =
        schedules.iter().map(|(grant, schedule)| (grant.of().0, *schedule)).unzip();
    let rows = sqlx::query_as!(
        TargetRow,
        "select s.customer_id, s.scan_schedule_id as of_id, a.id, a.kind, a.value, a.first_seen_at
         from scan_schedule_targets s
         join assets a on a.customer_id = s.customer_id and a.id = s.asset_id
         where (s.customer_id, s.scan_schedule_id) in (select * from unnest($1::uuid[], $2::uuid[]))
         order by a.value, a.id",
        &customers,
        &ids
    );
    rows.fetch_all(reader.connection()?).await?.into_iter().map(TargetRow::asset).collect()
}

/// The assets that these scans name, by value.
///
/// # Errors
/// When the database does not answer.
pub async fn scan_targets(
    reader: &mut Reader,
    scans: &[(Grant<Posture>, Uuid)],
) -> Result<Vec<((CustomerId, Uuid), Asset)>, StoreError> {
    let (customers, ids): (Vec<_>, Vec<_>) = scans.iter().map(|(grant, scan)| (grant.of().0, *scan)).unzip();
    let rows = sqlx::query_as!(
        TargetRow,
        "select s.customer_id, s.scan_id as of_id, a.id, a.kind, a.value, a.first_seen_at
         from scan_targets s
         join assets a on a.customer_id = s.customer_id and a.id = s.asset_id
         where (s.customer_id, s.scan_id) in (select * from unnest($1::uuid[], $2::uuid[]))
         order by a.value, a.id",
        &customers,
        &ids
    );
    rows.fetch_all(reader.connection()?).await?.into_iter().map(TargetRow::asset).collect()
}
