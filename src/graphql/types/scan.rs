//! Scans, their reports and their schedules.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::asset::Asset;
use super::dashboard::SeverityCounts;
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{ScanFrequency, ScanStatus, ScanTrigger};
use crate::graphql::loaders::{ReportKey, TargetsKey};
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

    /// What it found; null until it has succeeded.
    async fn report(&self, ctx: &Context<'_>) -> Option<Result<ScanReport>> {
        let found: Result<Option<ScanReport>> =
            async { Ok(session(ctx)?.load(ReportKey(self.grant, self.row.id)).await?.map(ScanReport)) }.await;
        found.transpose()
    }
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

    /// What is scanned, by value.
    async fn targets(&self, ctx: &Context<'_>) -> Result<Vec<Asset>> {
        let targets = session(ctx)?.load(TargetsKey(self.grant, self.row.id)).await?.unwrap_or_default();
        Ok(targets.iter().map(|row| Asset { row: Arc::new(row.clone()), grant: self.grant }).collect())
    }

    /// How often.
    async fn frequency(&self) -> ScanFrequency {
        self.row.frequency.into()
    }

    /// At which time of the day, UTC, as `02:30`.
    async fn start_time(&self) -> String {
        self.row.start_time.format("%H:%M").to_string()
    }

    /// When it is due next.
    async fn next_run_at(&self) -> Option<DateTime<Utc>> {
        self.row.next_run_at
    }

    /// Whether it runs at all.
    async fn enabled(&self) -> bool {
        self.row.enabled
    }
}
