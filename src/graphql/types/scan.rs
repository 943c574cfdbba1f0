//! Scans, their reports and their schedules.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::asset::Asset;
use super::dashboard::SeverityCounts;
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{DayOfWeek, ScanFrequency, ScanStatus, ScanTrigger};
use crate::graphql::loaders::{ReportKey, Targeted, TargetsKey};
use crate::graphql::scalars::int;
use crate::graphql::session::session;
use crate::policy::{Grant, Posture};
use crate::store;

/// One run of a scan.
pub struct Scan {
    /// What is stored of it.
    pub row: Arc<store::scan::Scan>,
    /// The witness it was read against.
    pub grant: Grant<Posture>,
}

/// One run of a scan.
#[Object]
impl Scan {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Scan(self.row.customer, self.row.id).to_string().into()
    }

    /// What was looked for.
    async fn profile(&self) -> &str {
        &self.row.profile
    }

    /// Why it ran.
    async fn trigger(&self) -> ScanTrigger {
        self.row.trigger.into()
    }

    /// How far it is.
    async fn status(&self) -> ScanStatus {
        self.row.status.into()
    }

    /// When it was asked for.
    async fn requested_at(&self) -> DateTime<Utc> {
        self.row.requested_at
    }

    /// When a scanner took it.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.row.started_at
    }

    /// When it was over.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.row.finished_at
    }

    /// Why it failed; null where it did not.
    async fn failure(&self) -> Option<&str> {
        self.row.failure.as_deref()
    }

    /// What is scanned, by value; nothing where it is all that the customer has.
    async fn targets(&self, ctx: &Context<'_>) -> Result<Vec<Asset>> {
        targets(ctx, self.grant, Targeted::Scan(self.row.id)).await
    }

    /// What it found; null until it has succeeded.
    async fn report(&self, ctx: &Context<'_>) -> Option<Result<ScanReport>> {
        let found: Result<Option<ScanReport>> =
            async { Ok(session(ctx)?.load(ReportKey(self.grant, self.row.id)).await?.map(ScanReport)) }.await;
        found.transpose()
    }
}

/// The assets that a scan or a schedule names.
async fn targets(ctx: &Context<'_>, grant: Grant<Posture>, of: Targeted) -> Result<Vec<Asset>> {
    let targets = session(ctx)?.load(TargetsKey(grant, of)).await?.unwrap_or_default();
    Ok(targets.iter().map(|row| Asset { row: Arc::new(row.clone()), grant }).collect())
}

/// What a scan found.
pub struct ScanReport(Arc<store::scan::ScanReport>);

/// What a scan found.
#[Object]
impl ScanReport {
    /// How many findings are new.
    async fn new_findings(&self) -> i32 {
        int(self.0.new_findings)
    }

    /// How many are gone.
    async fn fixed_findings(&self) -> i32 {
        int(self.0.fixed_findings)
    }

    /// Open findings of the customer as the scan left them.
    async fn open_findings(&self) -> SeverityCounts {
        self.0.open_findings.into()
    }

    /// The tool that wrote it.
    async fn tool_name(&self) -> Option<&str> {
        self.0.tool_name.as_deref()
    }
}

/// A recurring scan.
pub struct ScanSchedule {
    /// What is stored of it.
    pub row: Arc<store::scan::ScanSchedule>,
    /// The witness it was read against.
    pub grant: Grant<Posture>,
}

/// A recurring scan.
#[Object]
impl ScanSchedule {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::ScanSchedule(self.row.customer, self.row.id).to_string().into()
    }

    /// What is looked for.
    async fn profile(&self) -> &str {
        &self.row.profile
    }

    /// What is scanned, by value; nothing where it is all that the customer has.
    async fn targets(&self, ctx: &Context<'_>) -> Result<Vec<Asset>> {
        targets(ctx, self.grant, Targeted::Schedule(self.row.id)).await
    }

    /// How often.
    async fn frequency(&self) -> ScanFrequency {
        self.row.schedule.recurrence.frequency().into()
    }

    /// On which day; null where it is not weekly.
    async fn day_of_week(&self) -> Option<DayOfWeek> {
        self.row.schedule.recurrence.day_of_week().map(Into::into)
    }

    /// On which day, a shorter month's last where there is none; null where it is not monthly.
    async fn day_of_month(&self) -> Option<i32> {
        self.row.schedule.recurrence.day_of_month().map(Into::into)
    }

    /// At which time of the day, on the clocks of `timeZone`, as `02:30`. A time that they leave out in spring runs right after
    /// the gap; of one that they show twice in autumn, the first counts.
    async fn start_time(&self) -> String {
        self.row.schedule.start_time.format("%H:%M").to_string()
    }

    /// Whose clocks, by the name in the IANA database.
    async fn time_zone(&self) -> &str {
        self.row.schedule.time_zone.name()
    }

    /// What it runs on besides: ASSET_DISCOVERED, VULNERABILITY_DATABASE_UPDATED.
    async fn events(&self) -> Vec<ScanTrigger> {
        self.row.events.iter().map(|event| (*event).into()).collect()
    }

    /// When it is due next; null while it does not run.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.row.next_run_at
    }

    /// Whether it runs at all.
    async fn enabled(&self) -> bool {
        self.row.enabled
    }
}
