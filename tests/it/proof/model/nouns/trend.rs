//! How a customer's posture came to be what it is: day by day, and since an instant.

use chrono::{Days, NaiveDate};
use posture_gateway::domain::finding::FindingStatus;
use posture_gateway::domain::ids::CustomerId;
use posture_gateway::domain::scan::ScanStatus;

use super::posture::risk_score;
use super::{Answer, Arguments, Model, counts, instant, instant_of, leaf, record, some};

impl<'w> Model<'w> {
    /// Thirty days up to today where none are given, 366 at most.
    pub(super) fn posture_trend(&self, customer: CustomerId, arguments: &Arguments) -> Answer<'w> {
        let given = |name: &str| -> Option<NaiveDate> {
            arguments.get(name).map(|text| text.as_str().unwrap().parse().unwrap())
        };
        let until = given("until").unwrap_or(self.gate.now.date_naive());
        let since = given("since").unwrap_or(until - Days::new(29));
        if since > until || since + Days::new(365) < until {
            return Answer::Refused("BAD_USER_INPUT");
        }
        let mut rows: Vec<_> = self
            .world()
            .posture_snapshots
            .iter()
            .filter(|row| row.customer_id == customer && since <= row.day && row.day <= until)
            .collect();
        rows.sort_by_key(|row| row.day);
        let points = rows.into_iter().map(|row| {
            let open = [row.open_critical, row.open_high, row.open_medium, row.open_low, row.open_info]
                .map(|count| usize::try_from(count).unwrap());
            Some(record(
                "PosturePoint",
                vec![
                    ("day", leaf(row.day.to_string())),
                    ("openFindings", counts(open)),
                    ("slaBreaches", leaf(row.sla_breaches)),
                    ("assets", leaf(row.assets)),
                    ("riskScore", leaf(risk_score(open))),
                ],
            ))
        });
        Answer::Many(points.collect())
    }

    pub(super) fn changes(&self, customer: CustomerId, arguments: &Arguments) -> Answer<'w> {
        let since = instant_of(arguments.get("since")).unwrap();
        let world = self.world();
        let findings = || world.findings.iter().filter(|row| row.customer_id == customer);
        let resolved = findings().filter(|row| {
            row.status == FindingStatus::Resolved && row.resolved_at.is_some_and(|at| at > since)
        });
        let scans = world.scans.iter().filter(|row| {
            row.customer_id == customer
                && [ScanStatus::Succeeded, ScanStatus::Failed].contains(&row.status)
                && row.finished_at.is_some_and(|at| at > since)
        });
        let assets =
            world.assets.iter().filter(|row| row.customer_id == customer && row.first_seen_at > since);
        some(record(
            "PostureChanges",
            vec![
                ("since", instant(since)),
                ("newFindings", leaf(findings().filter(|row| row.first_seen_at > since).count())),
                ("resolvedFindings", leaf(resolved.count())),
                ("finishedScans", leaf(scans.count())),
                ("newAssets", leaf(assets.count())),
            ],
        ))
    }
}
