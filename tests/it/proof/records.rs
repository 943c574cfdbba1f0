//! What scanners and people wrote down about one customer of a generated world.

use chrono::{NaiveTime, TimeDelta};
use posture_gateway::domain::asset::AssetKind;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::ids::{
    ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PostureShareId, ScanId,
    ScanScheduleId,
};
use posture_gateway::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
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
        // Some were never scanned.
        for _ in 0..self.dice.one_of(&[0, 0, 1, 2, 4]) {
            self.scan(customer);
        }
        for _ in 0..self.dice.below(3) {
            self.schedule(customer, &assets);
        }
        for _ in 0..self.dice.below(4) {
            self.records(customer);
        }
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
    }

    fn scan(&mut self, customer_id: CustomerId) {
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
        };
        self.rows.scans.push(row);
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

    fn schedule(&mut self, customer_id: CustomerId, assets: &[AssetId]) {
        let scan_schedule_id = ScanScheduleId(self.id());
        let row = seed::ScanSchedule {
            customer_id,
            id: scan_schedule_id,
            profile: self.text(&["full", "quick"]),
            frequency: self.dice.one_of(ScanFrequency::ALL),
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
                control: self.text(&["A.8.8", "A.5.7"]),
                title: self.text(TEXTS),
                created_at: self.past(),
                created_by: self.text(&["Ada", "check"]),
            };
            self.rows.evidence.push(row);
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
