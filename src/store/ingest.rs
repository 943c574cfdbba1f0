//! What an upload writes (DESIGN.md 8): all or nothing, in the transaction of a scanner, and nothing the second time.
//!
//! Statements are set-based, so that their number follows the number of runs and not of results.

mod components;
mod findings;

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Uuid};

use super::scan::lease::{self, Reported};
use super::scan::queue;
use super::sla::policy_of;
use super::triage::hold_findings;
use super::{Reader, StoreError, Writer};
use crate::domain::ids::{CustomerId, ScanId, UserId};
use crate::domain::scan::{ScanStatus, ScanTrigger};
use crate::domain::user::ViewerKind;
use crate::ingest::{Document, Format, Run};

/// How many rows one statement writes at most.
const BATCH: usize = 2_000;

/// Proof that the transaction's scanner is registered for a customer. Made by [`standing`] alone.
#[derive(Clone, Debug)]
pub struct Registration {
    customer: CustomerId,
    scanner: String,
    order: Option<Order>,
}

/// A scan that the scanner has claimed, to which a document's results belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub scan: ScanId,
    /// Whether results of it came before: then only the same ones may come again, and change nothing.
    pub ended: bool,
    /// Why it was asked for: what an event has asked for raises none itself, or one would lead to the next for ever.
    pub trigger: ScanTrigger,
}

impl Registration {
    /// The scanner's name, as logs have it.
    #[must_use]
    pub fn scanner(&self) -> &str {
        &self.scanner
    }

    /// The scan that the results belong to, where one was asked for.
    #[must_use]
    pub const fn order(&self) -> Option<Order> {
        self.order
    }

    /// The same, with results that belong to a scan that was asked for.
    #[must_use]
    pub fn ordered_by(self, order: Order) -> Self {
        Self { order: Some(order), ..self }
    }
}

/// What the transaction's viewer may do to a customer.
#[derive(Clone, Debug)]
pub enum Standing {
    /// An enabled scanner of this customer.
    Registered(Registration),
    /// An enabled scanner, but not of this customer, or there is no such customer: to a scanner that is the same.
    NotRegistered,
    /// An enabled user who is no scanner.
    NotAScanner,
    /// Nobody: unknown or disabled.
    Nobody,
}

/// What the transaction's scanner is called, or why its viewer is none.
///
/// # Errors
/// When the database does not answer.
pub async fn who(writer: &mut Writer) -> Result<Result<String, Standing>, StoreError> {
    let row = sqlx::query!("select kind, name from users where id = gate.enabled_viewer()")
        .fetch_optional(writer.connection()?)
        .await?;
    let Some(row) = row else { return Ok(Err(Standing::Nobody)) };
    Ok(match row.kind.parse()? {
        ViewerKind::Scanner => Ok(row.name),
        ViewerKind::PartnerUser | ViewerKind::CustomerUser | ViewerKind::PlatformAdmin => {
            Err(Standing::NotAScanner)
        }
    })
}

/// What the transaction's viewer may do to the customer, as the database sees it now.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(writer: &mut Writer, customer: CustomerId) -> Result<Standing, StoreError> {
    let row = sqlx::query!(
        r#"select u.kind, u.name, coalesce($1 = any (gate.scanner_customers()), false) as "registered!"
           from users u where u.id = gate.enabled_viewer()"#,
        customer.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(Standing::Nobody) };
    Ok(match (row.kind.parse()?, row.registered) {
        (ViewerKind::Scanner, true) => {
            Standing::Registered(Registration { customer, scanner: row.name, order: None })
        }
        (ViewerKind::Scanner, false) => Standing::NotRegistered,
        (ViewerKind::PartnerUser | ViewerKind::CustomerUser | ViewerKind::PlatformAdmin, _) => {
            Standing::NotAScanner
        }
    })
}

/// As whom the command line writes: the enabled scanner with this e-mail address or, without one, the first that is
/// registered for the customer. It needs no viewer.
///
/// # Errors
/// When the database does not answer.
pub async fn scanner_for(
    reader: &mut Reader,
    customer: CustomerId,
    email: Option<&str>,
) -> Result<Option<UserId>, StoreError> {
    let id = sqlx::query_scalar!("select gate.scanner_for($1, $2)", customer.0, email)
        .fetch_one(reader.connection()?)
        .await?;
    Ok(id.map(UserId))
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedRun {
    /// The tool's name.
    pub tool: String,
    /// What was looked at.
    pub target: String,
    /// The scan that stands for it; where nothing changed, the one of the upload before.
    pub scan: ScanId,
    /// Whether anything was written: not where the same document was the last about this target.
    pub changed: bool,
    /// Findings that are new, or back.
    pub new: i64,
    /// Findings that are gone.
    pub fixed: i64,
    /// Findings that the run reports.
    pub findings: usize,
    /// Components that the run names.
    pub components: usize,
}

/// Writes what a document reports about a customer. Nothing of it stays unless the writer is committed.
///
/// # Errors
/// When the database does not answer, or no longer takes the scanner's writing.
pub async fn apply(
    writer: &mut Writer,
    registration: &Registration,
    document: Document,
    now: DateTime<Utc>,
) -> Result<Vec<AppliedRun>, StoreError> {
    // One upload a customer at a time: the next one sees what this one wrote.
    hold_findings(writer, registration.customer).await?;
    let due_at = policy_of(writer, registration.customer).await?.due_by_rank(now);
    let (digest, format) = (document.digest, document.format);
    let mut upload =
        Upload { writer, registration, digest, format, now, discovered: 0, due_at, order: ContextV7::new() };
    let mut applied = Vec::new();
    for run in document.report.by_target().runs {
        applied.push(upload.apply(&run).await?);
    }
    upload.end(&applied).await?;
    Ok(applied)
}

/// An upload while it is written.
struct Upload<'a> {
    writer: &'a mut Writer,
    registration: &'a Registration,
    digest: [u8; 32],
    format: Format,
    now: DateTime<Utc>,
    /// How many assets were not known before.
    discovered: u64,
    /// When what is found now is due, by the rank of its severity.
    due_at: Vec<Option<DateTime<Utc>>>,
    /// Puts its ids in order.
    order: ContextV7,
}

impl Upload<'_> {
    /// Ends the scan that was asked for, if one was, and tells the schedules that wait for new assets.
    async fn end(&mut self, applied: &[AppliedRun]) -> Result<(), StoreError> {
        let Registration { customer, scanner, order } = self.registration;
        if let Some(order) = order.filter(|order| !order.ended) {
            let mut tools: Vec<_> = applied.iter().map(|run| run.tool.as_str()).collect();
            tools.dedup();
            let report = Reported {
                tools: Some(tools.join(", ")).filter(|tools| !tools.is_empty()),
                new: applied.iter().map(|run| run.new).sum(),
                fixed: applied.iter().map(|run| run.fixed).sum(),
            };
            lease::succeed(self.writer, (*customer, order.scan), &report, self.now).await?;
        }
        let raised_by_event = order.is_some_and(|order| ScanTrigger::EVENTS.contains(&order.trigger));
        if self.discovered > 0 && !raised_by_event {
            queue::assets_discovered(self.writer, *customer, scanner, self.now).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, run: &Run) -> Result<AppliedRun, StoreError> {
        if let Some(before) = self.unchanged(run).await? {
            return Ok(before);
        }
        let scan = match self.registration.order {
            Some(order) => order.scan,
            None => ScanId(self.new_id()),
        };
        let assets = self.assets(run).await?;
        let new = self.findings(run, &assets).await?;
        let fixed = if run.full { self.resolve(run).await? } else { 0 };
        if let Some(components) = &run.components {
            self.components(run, components).await?;
        }
        let applied = AppliedRun {
            tool: run.tool.clone(),
            target: run.target.clone(),
            scan,
            changed: true,
            new,
            fixed,
            findings: run.findings.len(),
            components: run.components.as_ref().map_or(0, Vec::len),
        };
        self.record(run, &applied).await?;
        Ok(applied)
    }

    /// What was answered before, where this very document is the last about the run's target.
    async fn unchanged(&mut self, run: &Run) -> Result<Option<AppliedRun>, StoreError> {
        let row = sqlx::query!(
            "select u.scan_id, r.new_findings, r.fixed_findings
             from latest_uploads u
             join scan_reports r on r.customer_id = u.customer_id and r.scan_id = u.scan_id
             where u.customer_id = $1 and u.tool = $2 and u.target = $3 and u.digest = $4
               and ($5::uuid is null or u.scan_id = $5)",
            self.registration.customer.0,
            run.tool,
            run.target,
            self.digest.as_slice(),
            // A scan that was asked for is another look, also where it finds what was found before.
            self.registration.order.map(|order| order.scan.0),
        )
        .fetch_optional(self.writer.connection()?)
        .await?;
        Ok(row.map(|row| AppliedRun {
            tool: run.tool.clone(),
            target: run.target.clone(),
            scan: ScanId(row.scan_id),
            changed: false,
            new: row.new_findings.into(),
            fixed: row.fixed_findings.into(),
            findings: run.findings.len(),
            components: run.components.as_ref().map_or(0, Vec::len),
        }))
    }

    /// A scan that nobody asked for, for the results that came.
    async fn scan(&mut self, scan: ScanId) -> Result<(), StoreError> {
        let profile = match self.format {
            Format::Sarif => "sarif",
            Format::CycloneDx => "cyclonedx",
        };
        sqlx::query!(
            "insert into scans (customer_id, id, profile, trigger, status, requested_at, started_at, finished_at)
             values ($1, $2, $3, $4, $5, $6, $6, $6)",
            self.registration.customer.0,
            scan.0,
            profile,
            ScanTrigger::Api.as_str(),
            ScanStatus::Succeeded.as_str(),
            self.now,
        )
        .execute(self.writer.connection()?)
        .await?;
        Ok(())
    }

    /// The audit event, the scan where nobody asked for one, the report with the counts as this scan leaves them, and the mark of the
    /// latest upload. The event comes first: whoever asks for a scan locks the customer's log before what is metered, too, and two
    /// that lock in different orders wait for each other in a circle.
    async fn record(&mut self, run: &Run, applied: &AppliedRun) -> Result<(), StoreError> {
        let customer = self.registration.customer.0;
        let mut summary = format!(
            "{}: {} findings, {} new, {} fixed",
            run.tool, applied.findings, applied.new, applied.fixed
        );
        if run.components.is_some() {
            summary = format!("{summary}, {} components", applied.components);
        }
        sqlx::query!(
            "insert into customer_audit_events (customer_id, id, at, actor, action, new_value)
             values ($1, $2, $3, $4, 'scan.results_ingested', $5)",
            customer,
            self.new_id(),
            self.now,
            self.registration.scanner,
            summary,
        )
        .execute(self.writer.connection()?)
        .await?;
        // A scan that was asked for has one report for all of the document.
        if self.registration.order.is_none() {
            self.scan(applied.scan).await?;
            let report = Reported { tools: Some(run.tool.clone()), new: applied.new, fixed: applied.fixed };
            lease::report(self.writer, (self.registration.customer, applied.scan), &report).await?;
        }
        sqlx::query!(
            "insert into latest_uploads (customer_id, tool, target, digest, scan_id) values ($1, $2, $3, $4, $5)
             on conflict (customer_id, tool, target) do update set digest = excluded.digest, scan_id = excluded.scan_id",
            customer,
            run.tool,
            run.target,
            self.digest.as_slice(),
            applied.scan.0,
        )
        .execute(self.writer.connection()?)
        .await?;
        Ok(())
    }

    /// An id in the order of time and within the upload, so that the rows of a large one go to the end of an index and not all over it.
    fn new_id(&self) -> Uuid {
        super::ordered_id(&self.order, self.now)
    }
}
