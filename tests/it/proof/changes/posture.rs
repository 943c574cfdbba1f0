//! What differs in the posture of a customer, where it is hidden.

use std::collections::HashSet;

use chrono::TimeDelta;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::ids::CustomerId;
use posture_gateway::domain::subscription::LicenseModel;
use posture_gateway::store::seed;

use super::{Change, stir};
use crate::proof::worlds::more_of;

impl Change<'_> {
    /// Findings, assets, components, scans and what hangs on them.
    #[expect(clippy::too_many_lines, reason = "a paragraph a table")]
    pub(super) fn posture(&mut self, customer: CustomerId) {
        if self.eyes.posture(customer) {
            return;
        }
        let assets_metered = self.eyes.metered(customer, LicenseModel::PerAsset);
        let scans_metered = self.eyes.metered(customer, LicenseModel::PerScan);
        let name = self.mark();
        let Self { dice, to, seed, .. } = self;
        macro_rules! of_customer {
            () => {
                |row| row.customer_id == customer
            };
        }
        let mut nth = 0;
        let hidden = |row: &seed::Asset| row.customer_id == customer;
        let mut other = |row: &mut seed::Asset| {
            nth += 1;
            row.value = format!("{nth}.{seed}.example");
            row.first_seen_at -= TimeDelta::days(2);
        };
        if assets_metered {
            to.assets.iter_mut().filter(|row| hidden(row)).for_each(&mut other);
        } else {
            let gone = stir(dice, &mut to.assets, hidden, |row| row.id, |_, row| other(row));
            to.scan_schedule_targets.retain(|row| !gone.contains(&row.asset_id));
            to.scan_targets.retain(|row| !gone.contains(&row.asset_id));
            for row in &mut to.findings {
                row.asset_id = row.asset_id.filter(|id| !gone.contains(id));
            }
        }
        let gone = stir(
            dice,
            &mut to.findings,
            of_customer!(),
            |row| row.id,
            |dice, row: &mut seed::Finding| {
                row.severity = dice.one_of(Severity::ALL);
                row.status = dice.one_of(FindingStatus::ALL);
                row.title.clone_from(&name);
                row.sla_due_at = row.sla_due_at.map(|due| due - TimeDelta::days(30));
            },
        );
        to.evidence_findings.retain(|row| !gone.contains(&row.finding_id));
        to.finding_history.retain(|row| !gone.contains(&row.finding_id));
        stir(
            dice,
            &mut to.sla_policies,
            of_customer!(),
            |row| row.customer_id,
            |_, row: &mut seed::SlaPolicy| {
                row.critical_days = row.critical_days.map_or(Some(2), |_| None);
            },
        );
        stir(
            dice,
            &mut to.components,
            of_customer!(),
            |row| row.id,
            |_, row: &mut seed::Component| {
                row.name.clone_from(&name);
            },
        );
        let other = |row: &mut seed::Scan| {
            row.profile.clone_from(&name);
            row.finished_at = row.finished_at.map(|at| at + TimeDelta::hours(1));
        };
        // Metered when it was asked for and never taken back, so that a world which is laid out without it has used less.
        let gone = if scans_metered {
            to.scans.iter_mut().filter(|row| row.customer_id == customer).for_each(other);
            HashSet::new()
        } else {
            stir(dice, &mut to.scans, of_customer!(), |row| row.id, |_, row| other(row))
        };
        to.scan_targets.retain(|row| !gone.contains(&row.scan_id));
        to.scan_reports.retain(|row| !gone.contains(&row.scan_id));
        to.evidence_scans.retain(|row| !gone.contains(&row.scan_id));
        stir(
            dice,
            &mut to.scan_reports,
            of_customer!(),
            |row| row.scan_id,
            |_, row: &mut seed::ScanReport| {
                row.open_critical += 7;
            },
        );
        let schedules = &mut to.scan_schedules;
        let gone = stir(
            dice,
            schedules,
            of_customer!(),
            |row| row.id,
            |_, row: &mut seed::ScanSchedule| {
                row.enabled = !row.enabled;
                row.profile.clone_from(&name);
            },
        );
        to.scan_schedule_targets.retain(|row| !gone.contains(&row.scan_schedule_id));
        stir(
            dice,
            &mut to.posture_snapshots,
            of_customer!(),
            |row| (row.customer_id, row.day),
            |_, row: &mut seed::PostureSnapshot| {
                row.open_critical += 7;
                row.assets += 1;
            },
        );
        self.evidence(customer, &name);
        self.more_posture(customer, assets_metered, scans_metered);
    }

    /// Evidence and shares of a posture that is hidden.
    fn evidence(&mut self, customer: CustomerId, name: &str) {
        let Self { dice, to, .. } = self;
        let gone = stir(
            dice,
            &mut to.evidence,
            |row| row.customer_id == customer,
            |row| row.id,
            |_, row: &mut seed::Evidence| {
                name.clone_into(&mut row.title);
            },
        );
        to.evidence_findings.retain(|row| !gone.contains(&row.evidence_id));
        to.evidence_scans.retain(|row| !gone.contains(&row.evidence_id));
        stir(
            dice,
            &mut to.evidence_files,
            |row| row.customer_id == customer,
            |row| row.evidence_id,
            |_, row: &mut seed::EvidenceFile| {
                name.clone_into(&mut row.name);
                row.size += 7;
            },
        );
        to.evidence_files.retain(|row| !gone.contains(&row.evidence_id));
        stir(
            dice,
            &mut to.posture_shares,
            |row| row.customer_id == customer,
            |row| row.id,
            |_, row: &mut seed::PostureShare| {
                name.clone_into(&mut row.label);
            },
        );
    }

    /// New rows of a posture that is hidden; none that a shown licence would count.
    fn more_posture(&mut self, customer: CustomerId, assets_metered: bool, scans_metered: bool) {
        let seed = self.seed;
        let mut more = more_of(customer, self.dice.number());
        if assets_metered {
            more.assets.clear();
            more.scan_schedule_targets.clear();
            more.scan_targets.clear();
            more.findings.iter_mut().for_each(|row| row.asset_id = None);
        }
        for (nth, row) in more.assets.iter_mut().enumerate() {
            row.value = format!("more-{nth}.{seed}.example");
        }
        if scans_metered {
            more.scans.clear();
            more.scan_targets.clear();
            more.scan_reports.clear();
            more.evidence_scans.clear();
        }
        self.to.assets.append(&mut more.assets);
        self.to.findings.append(&mut more.findings);
        self.to.finding_history.append(&mut more.finding_history);
        self.to.components.append(&mut more.components);
        self.to.scans.append(&mut more.scans);
        self.to.scan_targets.append(&mut more.scan_targets);
        self.to.scan_reports.append(&mut more.scan_reports);
        self.to.scan_schedules.append(&mut more.scan_schedules);
        self.to.scan_schedule_targets.append(&mut more.scan_schedule_targets);
        self.to.evidence.append(&mut more.evidence);
        self.to.evidence_findings.append(&mut more.evidence_findings);
        self.to.evidence_scans.append(&mut more.evidence_scans);
        self.to.evidence_files.append(&mut more.evidence_files);
        self.to.posture_shares.append(&mut more.posture_shares);
        // A day has one row.
        let known: HashSet<_> =
            self.to.posture_snapshots.iter().map(|row| (row.customer_id, row.day)).collect();
        more.posture_snapshots.retain(|row| !known.contains(&(row.customer_id, row.day)));
        self.to.posture_snapshots.append(&mut more.posture_snapshots);
    }
}
