//! What became of the demo's findings, and how long they may stay open: histories that lead to where each finding stands.

use chrono::TimeDelta;

use super::cast::Tenant;
use super::people;
use super::posture::Scanned;
use crate::domain::access::OperatingModel;
use crate::domain::customer::PortalAccess;
use crate::domain::finding::FindingStatus;
use crate::domain::ids::PartnerId;
use crate::domain::sla::SlaPolicy;
use crate::store::seed::{self, deterministic_id};

/// Why a finding is not going to be fixed.
const ACCEPTED: [&str; 3] = [
    "Only reachable through the VPN.",
    "The vendor ends support in autumn; we move off it then.",
    "Risk is insured.",
];
const FALSE_POSITIVE: [&str; 2] = ["The version string lies: the fix was backported.", "Not our host."];

/// A customer's own policy; every tenth has one, stricter than the default.
pub(super) fn policy(tenant: &Tenant) -> Option<SlaPolicy> {
    (tenant.nth % 10 == 3).then_some(SlaPolicy {
        critical: Some(3),
        high: Some(14),
        medium: Some(60),
        low: Some(120),
        info: None,
    })
}

/// The policies, and the histories of a customer's findings.
pub(super) fn fill(world: &mut seed::World, customer: &Scanned<'_>, first: usize) {
    let tenant = customer.tenant;
    if let Some(policy) = policy(tenant) {
        world.sla_policies.push(seed::SlaPolicy {
            customer_id: tenant.id(),
            critical_days: policy.critical,
            high_days: policy.high,
            medium_days: policy.medium,
            low_days: policy.low,
            info_days: policy.info,
        });
    }
    let (person, partner) = triager(tenant);
    let scanner = people::scanner(tenant.nth).0;
    for (nth, finding) in world.findings.iter().enumerate().skip(first) {
        let pick = |texts: &[&str]| texts.get(nth % texts.len()).map(|text| (*text).to_owned());
        let note = match finding.status {
            FindingStatus::Accepted => pick(&ACCEPTED),
            FindingStatus::FalsePositive => pick(&FALSE_POSITIVE),
            FindingStatus::Open
            | FindingStatus::Triaged
            | FindingStatus::InProgress
            | FindingStatus::Resolved => None,
        };
        let (at, actor, partner_id) = match (finding.status, finding.resolved_at) {
            (FindingStatus::Open, _) => continue,
            (FindingStatus::Resolved, Some(at)) => (at, scanner.clone(), None),
            // Before the scan that saw it last.
            _ => (
                finding.first_seen_at + TimeDelta::seconds(60 + i64::from(tenant.nth)),
                person.clone(),
                partner,
            ),
        };
        world.finding_history.push(seed::FindingChange {
            customer_id: tenant.id(),
            id: deterministic_id("finding-change", nth as u64),
            finding_id: finding.id,
            at,
            actor,
            partner_id,
            old_status: FindingStatus::Open,
            new_status: finding.status,
            note,
        });
    }
}

/// Who decides about a customer's findings: its own ADMIN or, where it is managed, the partner's.
fn triager(tenant: &Tenant) -> (String, Option<PartnerId>) {
    let managing = tenant.links.iter().find(|link| link.model == OperatingModel::FullyManaged);
    match managing {
        Some(link) if tenant.portal != PortalAccess::Full => {
            (people::partner_admin(link.house).0, Some(link.house.id()))
        }
        Some(_) | None => (people::customer_admin(tenant).0, None),
    }
}
