//! Findings, assets, components, evidence and shares, and a customer's posture in numbers.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use posture_gateway::domain::finding::FindingStatus;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, PartnerId};
use posture_gateway::domain::scan::ScanStatus;
use posture_gateway::store::seed::{Asset, Component, Evidence, Finding, FindingChange, PostureShare};

use super::{
    Answer, Arguments, Model, Object, counts, global, instant, leaf, maybe_instant, record, severity_place,
    some,
};
use crate::proof::model::gate::Who;
use crate::proof::model::page::List;

/// 100 w / (w + 100), to one decimal.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
pub(super) fn risk_score(open: [usize; 5]) -> f64 {
    let weights = [10.0, 4.0, 1.0, 0.25, 0.0];
    let weight: f64 = open.iter().zip(weights).map(|(count, weight)| *count as f64 * weight).sum();
    (1_000.0 * weight / (weight + 100.0)).round() / 10.0
}

fn open(finding: &Finding) -> bool {
    [FindingStatus::Open, FindingStatus::Triaged, FindingStatus::InProgress].contains(&finding.status)
}

impl<'w> Model<'w> {
    pub(super) fn open_findings(&self, customer: CustomerId) -> Vec<&'w Finding> {
        self.world().findings.iter().filter(|row| row.customer_id == customer && open(row)).collect()
    }

    pub(super) fn open_by_severity(&self, customer: CustomerId) -> [usize; 5] {
        by_severity(&self.open_findings(customer))
    }

    pub(super) fn breached(&self, finding: &Finding) -> bool {
        open(finding) && finding.sla_due_at.is_some_and(|due| due <= self.gate.now)
    }

    pub(super) fn breaches(&self, customer: CustomerId) -> usize {
        self.open_findings(customer).iter().filter(|row| self.breached(row)).count()
    }

    pub(super) fn assets_of(&self, customer: CustomerId) -> usize {
        self.world().assets.iter().filter(|row| row.customer_id == customer).count()
    }

    /// When the last scan succeeded.
    pub(super) fn last_scan(&self, customer: CustomerId) -> Option<DateTime<Utc>> {
        let scans = self.world().scans.iter().filter(|row| row.customer_id == customer);
        scans.filter(|row| row.status == ScanStatus::Succeeded).filter_map(|row| row.finished_at).max()
    }

    pub(super) fn posture(&self, customer: CustomerId) -> Answer<'w> {
        let open = self.open_by_severity(customer);
        some(record(
            "PostureSummary",
            vec![
                ("openFindings", counts(open)),
                ("slaBreaches", leaf(self.breaches(customer))),
                ("assets", leaf(self.assets_of(customer))),
                ("riskScore", leaf(risk_score(open))),
                ("lastScanAt", maybe_instant(self.last_scan(customer))),
            ],
        ))
    }

    pub(super) fn finding(&self, row: &'w Finding, name: &str, arguments: &Arguments) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::Finding(row.customer_id, row.id)),
            "customer" => some(Object::Customer(self.gate.customer(row.customer_id))),
            "asset" => {
                let asset = |id| self.world().assets.iter().find(|asset| asset.id == id).unwrap();
                Answer::One(row.asset_id.map(|id| Object::Asset(asset(id))))
            }
            "title" => leaf(row.title.as_str()),
            "description" => leaf(row.description.clone()),
            "severity" => leaf(row.severity.as_str()),
            "status" => leaf(row.status.as_str()),
            "ruleId" => leaf(row.rule_id.clone()),
            "cve" => leaf(row.cve.clone()),
            "cvssScore" => leaf(row.cvss_score),
            "firstSeenAt" => instant(row.first_seen_at),
            "lastSeenAt" => instant(row.last_seen_at),
            "slaDueAt" => maybe_instant(row.sla_due_at),
            "slaBreached" => leaf(self.breached(row)),
            "history" => self.history(row, arguments),
            _ => return None,
        })
    }

    pub(super) fn evidence(&self, row: &'w Evidence, name: &str) -> Option<Answer<'w>> {
        let is_its = |customer, evidence| (customer, evidence) == (row.customer_id, row.id);
        Some(match name {
            "id" => global(GlobalId::Evidence(row.customer_id, row.id)),
            "framework" => leaf(row.framework.clone()),
            "control" => leaf(row.control.as_str()),
            "title" => leaf(row.title.as_str()),
            "createdAt" => instant(row.created_at),
            "createdBy" => leaf(told(self.asking(), row.created_by_partner, &row.created_by)),
            "findings" => {
                let cited = self.world().evidence_findings.iter();
                let mut ids: Vec<_> = cited
                    .filter(|own| is_its(own.customer_id, own.evidence_id))
                    .map(|own| own.finding_id)
                    .collect();
                ids.sort();
                let finding = |id| self.world().findings.iter().find(|row| row.id == id).map(Object::Finding);
                Answer::Many(ids.into_iter().map(finding).collect())
            }
            "scans" => {
                let cited = self.world().evidence_scans.iter();
                let mut ids: Vec<_> = cited
                    .filter(|own| is_its(own.customer_id, own.evidence_id))
                    .map(|own| own.scan_id)
                    .collect();
                ids.sort();
                let scan = |id| self.world().scans.iter().find(|row| row.id == id).map(Object::Scan);
                Answer::Many(ids.into_iter().map(scan).collect())
            }
            "file" => {
                let file =
                    self.world().evidence_files.iter().find(|own| is_its(own.customer_id, own.evidence_id));
                Answer::One(file.map(|file| {
                    let sha256 =
                        file.sha256.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
                    record(
                        "EvidenceFile",
                        vec![
                            ("name", leaf(file.name.as_str())),
                            ("size", leaf(file.size)),
                            ("mediaType", leaf(file.media_type.as_str())),
                            ("sha256", leaf(sha256)),
                        ],
                    )
                }))
            }
            _ => return None,
        })
    }

    /// Newest first, without what another partner's people did.
    fn history(&self, of: &Finding, arguments: &Arguments) -> Answer<'w> {
        let told = |by: Option<PartnerId>| match (self.asking(), by) {
            (Who::Partner(own, _), Some(by)) => own == by,
            _ => true,
        };
        let world = self.world();
        let mut rows: Vec<_> = world.finding_history.iter().filter(|row| row.finding_id == of.id).collect();
        rows.sort_by_key(|row| Reverse((row.at, row.id)));
        let change = |row: &'w FindingChange| {
            let fields = vec![
                ("at", instant(row.at)),
                ("by", leaf(row.actor.as_str())),
                ("from", leaf(row.old_status.as_str())),
                ("to", leaf(row.new_status.as_str())),
                ("note", leaf(row.note.clone())),
            ];
            (row.id, record("FindingChange", fields), told(row.partner_id))
        };
        let list = List {
            name: format!("Finding.history {}", of.id),
            rows: rows.into_iter().map(change).collect(),
            connection: "FindingChangeConnection",
            edge: "FindingChangeEdge",
        };
        list.page(&self.cursors, arguments)
    }

    /// Its own days, or the default of DESIGN.md.
    pub(super) fn sla_policy(&self, customer: CustomerId) -> Answer<'w> {
        let own = self.world().sla_policies.iter().find(|row| row.customer_id == customer);
        let default = [Some(7), Some(30), Some(90), Some(180), None];
        let [critical, high, medium, low, info] = own.map_or(default, |row| {
            [row.critical_days, row.high_days, row.medium_days, row.low_days, row.info_days]
        });
        let fields = vec![
            ("criticalDays", leaf(critical)),
            ("highDays", leaf(high)),
            ("mediumDays", leaf(medium)),
            ("lowDays", leaf(low)),
            ("infoDays", leaf(info)),
            ("isDefault", leaf(own.is_none())),
        ];
        some(record("SlaPolicy", fields))
    }

    pub(super) fn asset(&self, row: &'w Asset, name: &str) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::Asset(row.customer_id, row.id)),
            "kind" => leaf(row.kind.as_str()),
            "value" => leaf(row.value.as_str()),
            "firstSeenAt" => instant(row.first_seen_at),
            "openFindings" => {
                let mut open = self.open_findings(row.customer_id);
                open.retain(|finding| finding.asset_id == Some(row.id));
                counts(by_severity(&open))
            }
            _ => return None,
        })
    }
}

pub(super) fn component<'w>(row: &'w Component, name: &str) -> Option<Answer<'w>> {
    Some(match name {
        "id" => global(GlobalId::Component(row.customer_id, row.id)),
        "name" => leaf(row.name.as_str()),
        "version" => leaf(row.version.clone()),
        "purl" => leaf(row.purl.clone()),
        "licenses" => leaf(row.licenses.clone()),
        _ => return None,
    })
}

pub(super) fn posture_share<'w>(row: &'w PostureShare, who: Who, name: &str) -> Option<Answer<'w>> {
    Some(match name {
        "createdBy" => leaf(told(who, row.created_by_partner, &row.created_by)),
        "id" => global(GlobalId::PostureShare(row.customer_id, row.id)),
        "label" => leaf(row.label.as_str()),
        "createdAt" => instant(row.created_at),
        "expiresAt" => instant(row.expires_at),
        "revokedAt" => maybe_instant(row.revoked_at),
        _ => return None,
    })
}

/// What who asks is told of somebody who wrote something down: the people of one partner are not named to another.
fn told(who: Who, partner: Option<PartnerId>, name: &str) -> String {
    match (who, partner) {
        (Who::Partner(own, _), Some(partner)) if own != partner => "another partner".to_owned(),
        _ => name.to_owned(),
    }
}

fn by_severity(findings: &[&Finding]) -> [usize; 5] {
    let mut counts = [0; 5];
    for finding in findings {
        counts[severity_place(finding.severity)] += 1;
    }
    counts
}
