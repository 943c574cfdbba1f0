//! The demo's 50,000 findings, and the reports that count them: each is first seen by one scan and, when it is fixed,
//! gone from a later one, so that reports, findings and rollups tell one story.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::FINDINGS;
use super::catalogue::{FILES, PACKAGES_USED, PATHS, PORTS, Place, TEMPLATES, Template};
use super::dice::Dice;
use super::posture::Scanned;
use super::triage;
use crate::domain::finding::{FindingStatus, Severity, SeverityCounts};
use crate::domain::ids::FindingId;
use crate::domain::sla::SlaPolicy;
use crate::store::seed::{self, deterministic_id};

/// Findings, and a report for each scan that succeeded.
pub(super) fn fill(world: &mut seed::World, scanned: &[Scanned<'_>]) {
    let weights: Vec<u64> = scanned.iter().map(weight).collect();
    let total: u64 = weights.iter().sum::<u64>().max(1);
    let (mut weighed, mut made) = (0, 0);
    for (customer, weight) in scanned.iter().zip(weights) {
        weighed += weight;
        // By the running sum, so that rounding loses none of them.
        let upto = u64::from(FINDINGS) * weighed / total;
        let first = world.findings.len();
        world.findings.extend((made..upto).filter_map(|nth| finding(customer, u32::try_from(nth).ok()?)));
        made = upto;
        let found: Vec<_> = world.findings.iter().skip(first).collect();
        let reports = reports(customer, &found);
        world.scan_reports.extend(reports);
        triage::fill(world, customer, first);
    }
}

/// How many of the findings a customer has, beside the others: some are large, and who came yesterday has few.
fn weight(customer: &Scanned<'_>) -> u64 {
    let mut dice = Dice::new("size", customer.tenant.nth);
    let size = if customer.tenant.nth % 17 == 2 { 300 } else { 20 + dice.below(80) };
    u64::from(size) * (customer.scans.len() as u64 + 4)
}

fn finding(customer: &Scanned<'_>, nth: u32) -> Option<seed::Finding> {
    let tenant = customer.tenant;
    let mut dice = Dice::new("finding", nth);
    let template = template(&mut dice)?;
    let last = customer.scans.len().checked_sub(1)?;
    let seen_by = dice.below(u32::try_from(customer.scans.len()).ok()?) as usize;
    // Some customers fix most of what is found, others little.
    let open_percent = 4 + Dice::new("diligence", tenant.nth).below(22);
    let status = match dice.below(100) {
        share if share < open_percent / 2 => FindingStatus::Open,
        share if share < open_percent * 3 / 4 => FindingStatus::Triaged,
        share if share < open_percent => FindingStatus::InProgress,
        share if share >= 97 => FindingStatus::FalsePositive,
        share if share >= 93 => FindingStatus::Accepted,
        // Only a later scan can find it gone.
        _ if seen_by == last => FindingStatus::Open,
        _ => FindingStatus::Resolved,
    };
    let gone_from = (status == FindingStatus::Resolved)
        .then(|| seen_by + 1 + dice.below(u32::try_from(last - seen_by).unwrap_or(1)).min(5) as usize);
    let at = |scan: usize| customer.scans.get(scan).map(|(_, at)| *at);
    let first_seen_at = at(seen_by)?;
    let location = location(template.place, &mut dice);
    Some(seed::Finding {
        customer_id: tenant.id(),
        id: FindingId(deterministic_id("finding", nth.into())),
        asset_id: if dice.percent(92) { dice.pick(&customer.assets).copied() } else { None },
        title: template.title.to_owned(),
        description: Some(template.description.to_owned()),
        severity: template.severity,
        status,
        rule_id: Some(template.rule.to_owned()),
        cve: template.cve.then(|| format!("CVE-2099-{}", 10_000 + dice.below(900))),
        cvss_score: cvss(template.severity, &mut dice),
        location: Some(location),
        tool: template.tool.to_owned(),
        target: tenant.domain(),
        fingerprint: Sha256::digest(format!("demo finding {nth}").as_bytes()).to_vec(),
        first_seen_at,
        last_seen_at: at(gone_from.map_or(last, |scan| scan - 1))?,
        resolved_at: gone_from.and_then(at),
        sla_due_at: triage::policy(tenant)
            .unwrap_or(SlaPolicy::DEFAULT)
            .due_at(template.severity, first_seen_at),
    })
}

/// A severity as often as scanners report it, then one of its templates.
fn template(dice: &mut Dice) -> Option<&'static Template> {
    let severity = match dice.below(100) {
        0..4 => Severity::Critical,
        4..18 => Severity::High,
        18..56 => Severity::Medium,
        56..85 => Severity::Low,
        _ => Severity::Info,
    };
    let candidates: Vec<&Template> =
        TEMPLATES.iter().filter(|template| template.severity == severity).collect();
    dice.pick(&candidates).copied()
}

fn location(place: Place, dice: &mut Dice) -> String {
    match place {
        Place::Path => dice.word(&PATHS).to_owned(),
        Place::Port => dice.word(&PORTS).to_owned(),
        Place::Line => format!("{}:{}", dice.word(&FILES), 1 + dice.below(400)),
        Place::Package => {
            dice.pick(&PACKAGES_USED).map_or_else(String::new, |(ecosystem, name, version, _)| {
                format!("pkg:{ecosystem}/{name}@{version}")
            })
        }
    }
}

/// A score within the severity's range (DESIGN.md 7's scale).
fn cvss(severity: Severity, dice: &mut Dice) -> Option<f64> {
    let (lowest, count) = match severity {
        Severity::Critical => (90, 11),
        Severity::High => (70, 20),
        Severity::Medium => (40, 30),
        Severity::Low => (1, 39),
        Severity::Info => return None,
    };
    Some(f64::from(lowest + dice.below(count)) / 10.0)
}

/// What each scan found new, found gone and left open. What was accepted or was no finding is never open in them.
fn reports(customer: &Scanned<'_>, findings: &[&seed::Finding]) -> Vec<seed::ScanReport> {
    let report = |(scan_id, at): &(_, DateTime<Utc>)| {
        let count = |wanted: &dyn Fn(&seed::Finding) -> bool| {
            int(findings.iter().filter(|finding| wanted(finding)).count() as u64)
        };
        let mut open = SeverityCounts::default();
        for finding in findings {
            let was_open = finding.status.is_open() || finding.resolved_at.is_some_and(|gone| gone > *at);
            if was_open && finding.first_seen_at <= *at {
                open.add(finding.severity, 1);
            }
        }
        seed::ScanReport {
            customer_id: customer.tenant.id(),
            scan_id: *scan_id,
            tool_name: Some("demo-suite".to_owned()),
            new_findings: count(&|finding| finding.first_seen_at == *at),
            fixed_findings: count(&|finding| finding.resolved_at == Some(*at)),
            open_critical: int(open.critical.unsigned_abs()),
            open_high: int(open.high.unsigned_abs()),
            open_medium: int(open.medium.unsigned_abs()),
            open_low: int(open.low.unsigned_abs()),
            open_info: int(open.info.unsigned_abs()),
        }
    };
    customer.scans.iter().map(report).collect()
}

fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
