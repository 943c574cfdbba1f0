//! How a customer's posture came to be what it is: day by day, and since an instant.

use async_graphql::{Object, Result, SimpleObject};
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::dashboard::SeverityCounts;
use crate::graphql::error::bad_input;
use crate::graphql::scalars::{Date, int};
use crate::store::trend;

/// How many days a trend has where none are given.
const USUAL: u64 = 30;

/// How many days a trend has at most: a leap year.
const MOST: i64 = 366;

/// The posture of a customer on one day.
pub struct PosturePoint(pub trend::PosturePoint);

/// The posture of one customer on one day, as it was at the last look of that day.
#[Object]
impl PosturePoint {
    /// Which day, in UTC.
    async fn day(&self) -> Date {
        Date(self.0.day)
    }

    /// Open findings by severity.
    async fn open_findings(&self) -> SeverityCounts {
        self.0.open_findings.into()
    }

    /// Open findings that were past their due date.
    async fn sla_breaches(&self) -> i32 {
        int(self.0.sla_breaches)
    }

    /// How many assets were monitored.
    async fn assets(&self) -> i32 {
        int(self.0.assets)
    }

    /// On the scale of `PostureSummary.riskScore`.
    async fn risk_score(&self) -> f64 {
        self.0.open_findings.risk_score()
    }
}

/// What is new at a customer since an instant. Each count ends at 1000, which says 1000 or more.
#[derive(SimpleObject)]
pub struct PostureChanges {
    /// Since when.
    since: DateTime<Utc>,
    /// Findings first seen since then, whatever became of them.
    new_findings: i32,
    /// Findings resolved since then that have not come back.
    resolved_findings: i32,
    /// Scans that succeeded or failed since then.
    finished_scans: i32,
    /// Assets first seen since then.
    new_assets: i32,
}

impl PostureChanges {
    /// Of an instant.
    #[must_use]
    pub fn of(since: DateTime<Utc>, changes: trend::PostureChanges) -> Self {
        Self {
            since,
            new_findings: int(changes.new_findings),
            resolved_findings: int(changes.resolved_findings),
            finished_scans: int(changes.finished_scans),
            new_assets: int(changes.new_assets),
        }
    }
}

/// The days that a trend is asked for: 30 up to today where none are given, 366 at most.
///
/// # Errors
/// BAD_USER_INPUT where they are in the wrong order or too many.
pub fn days(now: DateTime<Utc>, since: Option<Date>, until: Option<Date>) -> Result<(NaiveDate, NaiveDate)> {
    let until = until.map_or_else(|| now.date_naive(), |until| until.0);
    let since = since.map_or_else(|| until - Days::new(USUAL - 1), |since| since.0);
    match (until - since).num_days() + 1 {
        ..=0 => Err(bad_input("`since` is later than `until`, which is today where it is left out")),
        1..=MOST => Ok((since, until)),
        many => Err(bad_input(format!("a trend has {MOST} days at most, these are {many}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_has_its_first_and_its_last_day_and_at_most_366() {
        let date = |text: &str| Some(Date(text.parse().unwrap()));
        let now = "2026-06-15T23:59:59Z".parse().unwrap();
        let asked = |since: Option<Date>, until: Option<Date>| {
            days(now, since, until).map(|(since, until)| format!("{since} {until}")).map_err(|e| e.message)
        };
        assert_eq!(asked(None, None).unwrap(), "2026-05-17 2026-06-15");
        assert_eq!(asked(None, date("2026-03-01")).unwrap(), "2026-01-31 2026-03-01");
        assert_eq!(asked(date("2026-06-15"), None).unwrap(), "2026-06-15 2026-06-15");
        assert_eq!(asked(date("2024-01-01"), date("2024-12-31")).unwrap(), "2024-01-01 2024-12-31");
        assert_eq!(asked(None, date("0000-01-01")).unwrap(), "-0001-12-03 0000-01-01");
        assert!(asked(date("2026-06-16"), None).unwrap_err().contains("later"));
        assert!(asked(date("2025-06-14"), None).unwrap_err().contains("these are 367"));
    }
}
