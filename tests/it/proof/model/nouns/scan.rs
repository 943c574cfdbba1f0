//! Scans with their reports, and schedules.

use std::collections::BTreeSet;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::AssetId;
use posture_gateway::store::seed::{Scan, ScanSchedule};
use serde_json::json;

use super::{Answer, Model, Object, counts, global, instant, leaf, maybe_instant, record};

impl<'w> Model<'w> {
    pub(super) fn scan(&self, row: &'w Scan, name: &str) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::Scan(row.customer_id, row.id)),
            "profile" => leaf(row.profile.as_str()),
            "trigger" => leaf(row.trigger.as_str()),
            "status" => leaf(row.status.as_str()),
            "requestedAt" => instant(row.requested_at),
            "startedAt" => maybe_instant(row.started_at),
            "finishedAt" => maybe_instant(row.finished_at),
            "failure" => leaf(row.failure.clone()),
            "targets" => {
                let targets = self.world().scan_targets.iter().filter(|target| target.scan_id == row.id);
                self.targets(&targets.map(|target| target.asset_id).collect())
            }
            "report" => {
                let report = self.world().scan_reports.iter().find(|report| report.scan_id == row.id);
                Answer::One(report.map(|report| {
                    let open = [
                        report.open_critical,
                        report.open_high,
                        report.open_medium,
                        report.open_low,
                        report.open_info,
                    ];
                    let fields = vec![
                        ("newFindings", leaf(report.new_findings)),
                        ("fixedFindings", leaf(report.fixed_findings)),
                        ("openFindings", counts(open.map(|count| usize::try_from(count).unwrap()))),
                        ("toolName", leaf(report.tool_name.clone())),
                    ];
                    record("ScanReport", fields)
                }))
            }
            _ => return None,
        })
    }

    /// Assets in the order of their values.
    fn targets(&self, of: &BTreeSet<AssetId>) -> Answer<'w> {
        let mut assets: Vec<_> = self.world().assets.iter().filter(|asset| of.contains(&asset.id)).collect();
        assets.sort_by(|a, b| (&a.value, a.id).cmp(&(&b.value, b.id)));
        Answer::Many(assets.into_iter().map(|asset| Some(Object::Asset(asset))).collect())
    }

    pub(super) fn scan_schedule(&self, row: &'w ScanSchedule, name: &str) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::ScanSchedule(row.customer_id, row.id)),
            "profile" => leaf(row.profile.as_str()),
            "targets" => {
                let targets = self.world().scan_schedule_targets.iter();
                let targets = targets.filter(|target| target.scan_schedule_id == row.id);
                self.targets(&targets.map(|target| target.asset_id).collect())
            }
            "timeZone" => leaf(row.time_zone.as_str()),
            "dayOfWeek" => leaf(row.day_of_week.map(posture_gateway::domain::schedule::DayOfWeek::as_str)),
            "dayOfMonth" => leaf(row.day_of_month),
            "events" => leaf(json!(row.events)),
            "frequency" => leaf(row.frequency.as_str()),
            "startTime" => leaf(row.start_time.format("%H:%M").to_string()),
            "nextRunAt" => maybe_instant(row.next_run_at),
            "enabled" => leaf(row.enabled),
            _ => return None,
        })
    }
}
