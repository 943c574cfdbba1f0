//! Totals: commercial over every access, posture only over those for which the gate shows it.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::money::Money;
use crate::domain::{access, finding, money};
use crate::graphql::enums::{AccessStatus, DataClass, OperatingModel};
use crate::graphql::gate::aggregate_directive;
use crate::graphql::loaders::{RollupKey, SummariesKey};
use crate::graphql::scalars::int;
use crate::graphql::session::session;
use crate::policy::{self, Decision, Grant, Posture, Subject, Viewer, grant};
use crate::store;
use crate::store::dashboard::AccessSummary;
use crate::store::posture::Rollup;

/// Open findings by severity.
#[derive(SimpleObject)]
pub struct SeverityCounts {
    /// How many are critical.
    critical: i32,
    /// How many are high.
    high: i32,
    /// How many are medium.
    medium: i32,
    /// How many are low.
    low: i32,
    /// How many are informational.
    info: i32,
    /// All of them.
    total: i32,
}

impl From<finding::SeverityCounts> for SeverityCounts {
    fn from(counts: finding::SeverityCounts) -> Self {
        Self {
            critical: int(counts.critical),
            high: int(counts.high),
            medium: int(counts.medium),
            low: int(counts.low),
            info: int(counts.info),
            total: int(counts.total()),
        }
    }
}

/// The posture of one customer.
pub struct PostureSummary(pub Rollup);

/// The posture of one customer in numbers.
#[Object]
impl PostureSummary {
    /// Open findings by severity.
    async fn open_findings(&self) -> SeverityCounts {
        self.0.open_findings.into()
    }

    /// Open findings past their due date.
    async fn sla_breaches(&self) -> i32 {
        int(self.0.sla_breaches)
    }

    /// How many assets are monitored.
    async fn assets(&self) -> i32 {
        int(self.0.assets)
    }

    /// From 0 (nothing open) towards 100: open findings weighed by severity (critical 10, high 4, medium 1, low 0.25)
    /// to w, on the scale 100 w / (w + 100), rounded to one decimal.
    async fn risk_score(&self) -> f64 {
        self.0.open_findings.risk_score()
    }

    /// When the last scan succeeded; null where there never was one.
    async fn last_scan_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_scan_at
    }
}

/// What a partner's accesses add up to.
#[derive(SimpleObject)]
pub struct PartnerDashboard {
    /// The commercial side, over every access.
    commercial: CommercialTotals,
    /// The posture side, over the accesses whose posture the viewer sees as that partner.
    posture: PostureTotals,
}

/// Over every access of the partner.
#[derive(SimpleObject)]
pub struct CommercialTotals {
    /// How many there are.
    accesses: i32,
    /// How many in each operating model.
    by_operating_model: Vec<OperatingModelCount>,
    /// How many in each state.
    by_status: Vec<AccessStatusCount>,
    /// Monthly prices with add-ons of subscriptions that are ACTIVE or PAST_DUE; a year's price counts a twelfth.
    monthly_recurring_revenue: Money,
    /// Trials, not expired, that end today or within 30 days.
    trials_ending_within30_days: i32,
    /// Subscriptions that renew today or within 30 days.
    renewals_within30_days: i32,
    /// Accesses whose metering has reached its alert threshold.
    usage_alerts: i32,
}

/// How many accesses are in an operating model.
#[derive(SimpleObject)]
pub struct OperatingModelCount {
    /// Which.
    operating_model: OperatingModel,
    /// How many.
    count: i32,
}

/// How many accesses are in a state.
#[derive(SimpleObject)]
pub struct AccessStatusCount {
    /// Which.
    status: AccessStatus,
    /// How many.
    count: i32,
}

/// Over the accesses whose posture the partner sees, and no other: neither in a sum nor in a mean's denominator.
#[derive(SimpleObject)]
pub struct PostureTotals {
    /// Over how many accesses.
    accesses_included: i32,
    /// How many are left out, because their posture is hidden.
    accesses_excluded: i32,
    /// Open findings by severity.
    #[graphql(directive = aggregate_directive::apply(DataClass::Posture))]
    open_findings: SeverityCounts,
    /// Open findings past their due date.
    #[graphql(directive = aggregate_directive::apply(DataClass::Posture))]
    sla_breaches: i32,
    /// How many assets are monitored.
    #[graphql(directive = aggregate_directive::apply(DataClass::Posture))]
    assets: i32,
    /// The mean risk score of those scanned at least once; null where none was.
    #[graphql(directive = aggregate_directive::apply(DataClass::Posture))]
    mean_risk_score: Option<f64>,
}

/// Adds up a partner's accesses, each decided by itself before anything of it is counted.
///
/// # Errors
/// INTERNAL when the database does not answer.
pub async fn dashboard(ctx: &Context<'_>, partner: &store::partner::Partner) -> Result<PartnerDashboard> {
    let session = session(ctx)?;
    let accesses = session.load(SummariesKey(partner.id, session.scope().await?)).await?.unwrap_or_default();
    let sold: &[AccessSummary] = if session.commercial_visible().await? { &accesses } else { &[] };
    let commercial = commercial(&accesses, sold, &partner.currency);

    let asker = session.asker().await?;
    // Totals of posture are the partner's own view; nobody else sees them as that partner.
    let grants: Vec<Grant<Posture>> = match &asker.viewer {
        Viewer::Partner { .. } => accesses
            .iter()
            .filter_map(|access| {
                let subject = Subject {
                    customer: access.terms.customer,
                    access: Some(access.terms.facts_at(session.now(), access.assigned)),
                    portal_access: asker.portal_access(),
                };
                match grant::<Posture>(&asker.viewer, &subject) {
                    Decision::Visible(grant) => Some(grant),
                    Decision::Hidden(_) => None,
                }
            })
            .collect(),
        Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => Vec::new(),
    };
    let posture_selected = ctx.look_ahead().field("posture");
    if ["openFindings", "slaBreaches", "assets", "meanRiskScore"]
        .iter()
        .any(|total| posture_selected.field(total).exists())
    {
        let field = ("PartnerDashboard", "posture");
        session.note_shown(policy::DataClass::Posture, grants.iter().map(Grant::of), field).await?;
    }
    let rollups = session.load_many(grants.iter().copied().map(RollupKey)).await?;
    Ok(PartnerDashboard { commercial, posture: posture(accesses.len(), &grants, rollups.into_values()) })
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// `sold` are the accesses whose subscriptions may be counted.
fn commercial(accesses: &[AccessSummary], sold: &[AccessSummary], currency: &str) -> CommercialTotals {
    let number_of = |among: &[AccessSummary], holds: &dyn Fn(&AccessSummary) -> bool| {
        count(among.iter().filter(|a| holds(a)).count())
    };
    let number = |holds: &dyn Fn(&AccessSummary) -> bool| number_of(accesses, holds);
    let revenue: Decimal = sold.iter().map(|access| access.monthly_revenue).sum();
    CommercialTotals {
        accesses: count(accesses.len()),
        by_operating_model: access::OperatingModel::ALL
            .iter()
            .map(|&model| OperatingModelCount {
                operating_model: model.into(),
                count: number(&|a| a.terms.operating_model == model),
            })
            .collect(),
        by_status: access::AccessStatus::ALL
            .iter()
            .map(|&status| AccessStatusCount {
                status: status.into(),
                count: number(&|a| a.terms.status == status),
            })
            .collect(),
        monthly_recurring_revenue: money::Money::new(revenue, currency).into(),
        trials_ending_within30_days: number(&|a| a.trial_ends_soon),
        renewals_within30_days: number_of(sold, &|a| a.renews_soon),
        usage_alerts: number_of(sold, &|a| a.alerting),
    }
}

fn posture(
    accesses: usize,
    grants: &[Grant<Posture>],
    rollups: impl Iterator<Item = Rollup>,
) -> PostureTotals {
    let (mut open, mut breaches, mut assets) = (finding::SeverityCounts::default(), 0, 0);
    let (mut risk_tenths, mut scanned) = (0_i64, 0_i32);
    for rollup in rollups {
        open.merge(rollup.open_findings);
        breaches += rollup.sla_breaches;
        assets += rollup.assets;
        if rollup.last_scan_at.is_some() {
            risk_tenths += rollup.open_findings.risk_tenths();
            scanned += 1;
        }
    }
    PostureTotals {
        accesses_included: count(grants.len()),
        accesses_excluded: count(accesses - grants.len()),
        open_findings: open.into(),
        sla_breaches: int(breaches),
        assets: int(assets),
        mean_risk_score: (scanned > 0).then(|| f64::from(int(risk_tenths)) / 10.0 / f64::from(scanned)),
    }
}
