//! What scanners and people wrote down about one customer of a generated world.

use chrono::{NaiveTime, TimeDelta};
use posture_gateway::domain::asset::AssetKind;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::ids::{
    ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, ScanId, ScanScheduleId, UserId,
};
use posture_gateway::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use posture_gateway::domain::schedule::DayOfWeek;
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
use posture_gateway::policy::DataClass;
use posture_gateway::store::seed::{self, Membership};

use super::worlds::{ACTIONS, Builder, TEXTS};
use crate::support::world::days;

const TITLES: &[&str] =
    &["Outdated TLS", "SQL injection", "Open port 22", "outdated tls", "100% CPU", "Weak_cipher"];
const VALUES: &[&str] = &["example.com", "shop.example.com", "192.0.2.1", "api.example.com", "z.example"];

impl Builder {
    /// Everything that POSTURE, ACTIVITY and SECURITY_CONFIG show; some of it may be empty.
    pub(super) fn posture(&mut self, customer: CustomerId) {
        let assets: Vec<AssetId> = (0..self.dice.below(5)).filter_map(|_| self.asset(customer)).collect();
        for _ in 0..self.dice.below(7) {
            self.finding(customer, &assets);
        }
        if !self.dice.one_in(3) {
            let mut days = || self.dice.one_of(&[None, Some(1), Some(7), Some(90)]);
            let row = seed::SlaPolicy {
                customer_id: customer,
                critical_days: days(),
                high_days: days(),
                medium_days: days(),
                low_days: days(),
                info_days: days(),
            };
            self.rows.sla_policies.push(row);
        }
        // Some were never scanned.
        for _ in 0..self.dice.one_of(&[0, 0, 1, 2, 4]) {
            self.scan(customer, &assets);
        }
        for _ in 0..self.dice.below(3) {
            self.schedule(customer, &assets);
        }
        for _ in 0..self.dice.below(4) {
            self.records(customer);
        }
        self.trend(customer);
        self.access_records(customer);
        if !self.dice.one_in(4) {
            let row = seed::SecuritySettings {
                customer_id: customer,
                saml_enabled: self.dice.one_in(2),
                saml_issuer: self.maybe(&["https://id.example", "https://sso.example"]),
            };
            self.rows.security_settings.push(row);
        }
    }

    /// A new asset, unless the customer has it already.
    fn asset(&mut self, customer_id: CustomerId) -> Option<AssetId> {
        let (kind, value) = (self.dice.one_of(AssetKind::ALL), self.text(VALUES));
        let known =
            |row: &seed::Asset| (row.customer_id, row.kind, &row.value) == (customer_id, kind, &value);
        if self.rows.assets.iter().any(known) {
            return None;
        }
        let id = AssetId(self.id());
        let first_seen_at = self.past();
        self.rows.assets.push(seed::Asset { customer_id, id, kind, value, first_seen_at });
        Some(id)
    }

    fn finding(&mut self, customer_id: CustomerId, assets: &[AssetId]) {
        use FindingStatus::{Accepted, FalsePositive, InProgress, Open, Resolved, Triaged};
        let id = FindingId(self.id());
        let status =
            self.dice.one_of(&[Open, Open, Open, Triaged, InProgress, Resolved, Accepted, FalsePositive]);
        // Ends of days, as everywhere (migrations/0004).
        let due = days(self.dice.one_of(&[-60, -10, -10, 0, 1, 20]))
            .date_naive()
            .and_time(NaiveTime::MIN)
            .and_utc();
        let row = seed::Finding {
            customer_id,
            id,
            asset_id: (!assets.is_empty() && !self.dice.one_in(3)).then(|| self.dice.one_of(assets)),
            title: self.text(TITLES),
            description: self.maybe(TEXTS),
            severity: self.dice.one_of(Severity::ALL),
            status,
            rule_id: self.maybe(&["R1", "R2"]),
            cve: self.maybe(&["CVE-2026-0001", "CVE-2026-0002"]),
            cvss_score: (!self.dice.one_in(3)).then(|| self.dice.one_of(&[0.0, 5.5, 9.8])),
            location: self.maybe(&["src/main.rs:1"]),
            tool: self.text(&["check", "scan"]),
            target: "all".to_owned(),
            fingerprint: id.0.as_bytes().to_vec(),
            first_seen_at: self.past(),
            last_seen_at: self.past(),
            resolved_at: (status == Resolved).then(|| days(-1)),
            sla_due_at: (!self.dice.one_in(4)).then_some(due),
        };
        self.rows.findings.push(row);
        for _ in 0..self.dice.one_of(&[0, 0, 1, 3]) {
            self.finding_change(customer_id, id);
        }
    }

    /// What somebody did about a finding: the customer's people, a scanner, or one of the partners there are.
    fn finding_change(&mut self, customer_id: CustomerId, finding_id: FindingId) {
        let partners: Vec<_> = self.rows.partners.iter().map(|row| row.id).collect();
        let row = seed::FindingChange {
            customer_id,
            id: self.id(),
            finding_id,
            at: self.past(),
            actor: self.text(&["Ada", "Ben", "check"]),
            partner_id: (!partners.is_empty() && self.dice.one_in(2)).then(|| self.dice.one_of(&partners)),
            old_status: self.dice.one_of(FindingStatus::ALL),
            new_status: self.dice.one_of(FindingStatus::ALL),
            note: self.maybe(TEXTS),
        };
        self.rows.finding_history.push(row);
    }

    fn scan(&mut self, customer_id: CustomerId, assets: &[AssetId]) {
        use ScanStatus::{Canceled, Failed, Queued, Running, Succeeded};
        let id = ScanId(self.id());
        let status = self.dice.one_of(&[Succeeded, Succeeded, Succeeded, Queued, Running, Failed, Canceled]);
        let requested_at = self.past();
        let row = seed::Scan {
            customer_id,
            id,
            profile: self.text(&["full", "quick"]),
            trigger: self.dice.one_of(ScanTrigger::ALL),
            status,
            requested_at,
            started_at: (status != Queued).then(|| requested_at + TimeDelta::minutes(1)),
            finished_at: matches!(status, Succeeded | Failed).then(|| requested_at + TimeDelta::minutes(9)),
            failure: (status == Failed).then(|| "no route to host".to_owned()),
        };
        self.rows.scans.push(row);
        // By the id and not by dice, which would make other worlds of all that follows.
        for (nth, &asset_id) in assets.iter().enumerate() {
            if id.0.as_bytes()[nth % 16].is_multiple_of(4) {
                self.rows.scan_targets.push(seed::ScanTarget { customer_id, scan_id: id, asset_id });
            }
        }
        if status == Succeeded && !self.dice.one_in(4) {
            let mut count = || i32::try_from(self.dice.below(4)).unwrap();
            let report = seed::ScanReport {
                customer_id,
                scan_id: id,
                tool_name: None,
                new_findings: count(),
                fixed_findings: count(),
                open_critical: count(),
                open_high: count(),
                open_medium: count(),
                open_low: count(),
                open_info: count(),
            };
            let tool_name = self.maybe(&["check", "scan"]);
            self.rows.scan_reports.push(seed::ScanReport { tool_name, ..report });
        }
    }

    /// Some days before now, and some days long ago.
    fn trend(&mut self, customer_id: CustomerId) {
        for back in [0, -1, -2, -29, -30, -45, -365] {
            if self.dice.one_in(3) {
                continue;
            }
            let mut count = || i32::try_from(self.dice.below(4)).unwrap();
            self.rows.posture_snapshots.push(seed::PostureSnapshot {
                customer_id,
                day: days(back).date_naive(),
                open_critical: count(),
                open_high: count(),
                open_medium: count(),
                open_low: count(),
                open_info: count(),
                sla_breaches: count(),
                assets: count(),
            });
        }
    }

    /// What users of its partners were shown, whether they may see it now or not.
    fn access_records(&mut self, customer_id: CustomerId) {
        let of_customer = |row: &&seed::Access| row.customer_id == customer_id;
        let partners: Vec<_> =
            self.rows.accesses.iter().filter(of_customer).map(|row| row.partner_id).collect();
        for _ in 0..if partners.is_empty() { 0 } else { self.dice.below(4) } {
            let class = self.dice.one_of(&[
                DataClass::Posture,
                DataClass::Posture,
                DataClass::Activity,
                DataClass::SecurityConfig,
            ]);
            let row = seed::AccessRecord {
                customer_id,
                at: self.past(),
                id: self.id(),
                partner_id: self.dice.one_of(&partners),
                user_id: UserId(self.id()),
                user_name: self.text(&["Ada", "Ben"]),
                request_id: self.id(),
                class,
                operation: self.maybe(&["Home", "Report"]),
                fields: vec![self.text(&["Customer.findings", "Customer.posture"]), "Query.node".to_owned()],
            };
            self.rows.access_records.push(row);
        }
    }

    fn schedule(&mut self, customer_id: CustomerId, assets: &[AssetId]) {
        let scan_schedule_id = ScanScheduleId(self.id());
        // What is not thrown is by the id.
        let byte = usize::from(scan_schedule_id.0.as_bytes()[0]);
        let profile = self.text(&["full", "quick"]);
        let frequency = self.dice.one_of(ScanFrequency::ALL);
        let row = seed::ScanSchedule {
            customer_id,
            id: scan_schedule_id,
            profile,
            frequency,
            time_zone: ["UTC", "Europe/Berlin", "America/New_York"][byte % 3].to_owned(),
            day_of_week: (frequency == ScanFrequency::Weekly).then(|| DayOfWeek::ALL[byte % 7]),
            day_of_month: (frequency == ScanFrequency::Monthly).then(|| [1, 15, 31][byte % 3]),
            events: ScanTrigger::EVENTS[..byte % 3].to_vec(),
            start_time: NaiveTime::from_hms_opt(self.dice.one_of(&[0, 3, 23]), 30, 0).unwrap(),
            next_run_at: (!self.dice.one_in(3)).then(|| days(1)),
            enabled: !self.dice.one_in(3),
            created_at: self.past(),
        };
        self.rows.scan_schedules.push(row);
        for &asset_id in assets {
            if self.dice.one_in(2) {
                let target = seed::ScanScheduleTarget { customer_id, scan_schedule_id, asset_id };
                self.rows.scan_schedule_targets.push(target);
            }
        }
    }

    /// Whose people wrote something down: some partner's, or the customer's own.
    fn some_partner(&mut self) -> Option<PartnerId> {
        let partners: Vec<_> = self.rows.partners.iter().map(|row| row.id).collect();
        (!partners.is_empty() && self.dice.one_in(2)).then(|| self.dice.one_of(&partners))
    }

    /// What a record cites, and its file.
    fn attach(&mut self, customer_id: CustomerId, evidence_id: EvidenceId) {
        let findings: Vec<_> = self
            .rows
            .findings
            .iter()
            .filter(|row| row.customer_id == customer_id)
            .map(|row| row.id)
            .collect();
        for finding_id in findings {
            if self.dice.one_in(2) {
                self.rows.evidence_findings.push(seed::EvidenceFinding {
                    customer_id,
                    evidence_id,
                    finding_id,
                });
            }
        }
        let scans: Vec<_> =
            self.rows.scans.iter().filter(|row| row.customer_id == customer_id).map(|row| row.id).collect();
        for scan_id in scans {
            if self.dice.one_in(2) {
                self.rows.evidence_scans.push(seed::EvidenceScan { customer_id, evidence_id, scan_id });
            }
        }
        if self.dice.one_in(2) {
            let row = seed::EvidenceFile {
                customer_id,
                evidence_id,
                object_id: evidence_id.0,
                name: self.text(&["report.pdf", "Report.pdf"]),
                size: self.dice.one_of(&[1, 4_096]),
                media_type: "application/pdf".to_owned(),
                sha256: vec![7; 32],
                created_at: self.past(),
                created_by: self.text(&["Ada", "check"]),
                created_by_id: None,
                created_by_partner: None,
            };
            self.rows.evidence_files.push(row);
        }
    }

    /// A component, a piece of evidence, a share, an API key and an event, or some of them.
    fn records(&mut self, customer_id: CustomerId) {
        if !self.dice.one_in(3) {
            let id = ComponentId(self.id());
            let row = seed::Component {
                customer_id,
                id,
                identity: id.0.as_bytes().to_vec(),
                name: self.text(&["left-pad", "Left-pad", "openssl"]),
                version: self.maybe(&["1.3.0", "3.0"]),
                purl: self.maybe(&["pkg:npm/left-pad@1.3.0"]),
                licenses: vec!["MIT".to_owned(); self.dice.below(3)],
            };
            self.rows.components.push(row);
        }
        if !self.dice.one_in(3) {
            let id = EvidenceId(self.id());
            let row = seed::Evidence {
                customer_id,
                id,
                framework: self.maybe(&["ISO 27001", "SOC 2"]),
                control: self.text(&["A.8.8", "A.5.7"]),
                title: self.text(TEXTS),
                created_at: self.past(),
                created_by: self.text(&["Ada", "check"]),
                created_by_id: None,
                created_by_partner: self.some_partner(),
            };
            self.rows.evidence.push(row);
            self.attach(customer_id, id);
        }
        if !self.dice.one_in(3) {
            let id = PostureShareId(self.id());
            let row = seed::PostureShare {
                customer_id,
                id,
                label: self.text(TEXTS),
                created_at: self.past(),
                expires_at: self.instant(),
                revoked_at: self.dice.one_in(3).then(|| days(-1)),
                created_by: self.text(&["Ada", "Ben"]),
                created_by_id: None,
                created_by_partner: self.some_partner(),
            };
            self.rows.posture_shares.push(row);
        }
        if !self.dice.one_in(3) {
            let id = ApiKeyId(self.id());
            let label = self.text(&["CI", "ci", "Backup"]);
            let revoked_at = self.dice.one_in(3).then(|| days(-1));
            // Some are from before keys signed in.
            let user_id = (!self.dice.one_in(3)).then(|| {
                let user = self.program(ViewerKind::CustomerUser, &label, revoked_at);
                let role = self.dice.one_of(CustomerRole::ALL);
                self.rows.memberships.push(Membership::Customer(customer_id, user, role));
                user
            });
            let row = seed::ApiKey {
                customer_id,
                id,
                user_id,
                label,
                last_four: self.text(&["c0de", "beef"]),
                created_at: self.past(),
                revoked_at,
            };
            self.rows.api_keys.push(row);
        }
        if !self.dice.one_in(3) {
            let id = AuditEventId(self.id());
            let row = seed::CustomerAuditEvent {
                partner_id: None,
                customer_id,
                id,
                at: self.past(),
                actor: self.text(&["Ada", "check"]),
                action: self.text(ACTIONS),
                reason: self.maybe(TEXTS),
                old_value: self.maybe(&["FULL", "CO_MANAGED"]),
                new_value: self.maybe(&["READ_ONLY", "FULLY_MANAGED"]),
            };
            self.rows.customer_audit_events.push(row);
        }
    }
}
