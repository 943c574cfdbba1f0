//! How long a finding may stay open: days for each severity, a customer's own or the default.

use std::fmt;

use chrono::{DateTime, Days, NaiveTime, Utc};

use super::finding::Severity;

/// Days after which a finding is due, by severity; none where it never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlaPolicy {
    /// Of critical findings.
    pub critical: Option<i32>,
    /// Of high ones.
    pub high: Option<i32>,
    /// Of medium ones.
    pub medium: Option<i32>,
    /// Of low ones.
    pub low: Option<i32>,
    /// Of informational ones.
    pub info: Option<i32>,
}

impl SlaPolicy {
    /// That of a customer without one of its own: 7, 30, 90 and 180 days; what is informational is never due.
    pub const DEFAULT: Self =
        Self { critical: Some(7), high: Some(30), medium: Some(90), low: Some(180), info: None };

    /// How many days at least and at most, where there are any.
    pub const DAYS: std::ops::RangeInclusive<i32> = 1..=3650;

    /// The days of a severity.
    #[must_use]
    pub const fn days(&self, severity: Severity) -> Option<i32> {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Info => self.info,
        }
    }

    /// When a finding of this severity is due that was found, or reopened, at an instant: at the end of a day in UTC, that is at
    /// midnight. None where it never is.
    #[must_use]
    pub fn due_at(&self, severity: Severity, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = u64::try_from(self.days(severity)?).ok()?;
        let day = since.date_naive().checked_add_days(Days::new(days + 1))?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    }

    /// The same of every severity by its rank, INFO first: what SQL takes to be an array by severity.
    #[must_use]
    pub fn due_by_rank(&self, since: DateTime<Utc>) -> Vec<Option<DateTime<Utc>>> {
        (0..=Severity::Critical.rank()).map(|rank| self.due_at(Severity::from_rank(rank), since)).collect()
    }
}

impl fmt::Display for SlaPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, severity) in Severity::ALL.iter().enumerate() {
            if nth > 0 {
                f.write_str(", ")?;
            }
            match self.days(*severity) {
                Some(days) => write!(f, "{severity} {days}")?,
                None => write!(f, "{severity} never")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_due_at_the_end_of_a_day() {
        let due = |severity: Severity, since: &str| {
            SlaPolicy::DEFAULT.due_at(severity, since.parse().unwrap()).map(|due| due.to_rfc3339())
        };
        let early = "2026-01-31T00:00:00Z";
        assert_eq!(due(Severity::Critical, early).as_deref(), Some("2026-02-08T00:00:00+00:00"));
        assert_eq!(due(Severity::Critical, "2026-01-31T23:59:59.9Z"), due(Severity::Critical, early));
        assert_eq!(due(Severity::High, early).as_deref(), Some("2026-03-03T00:00:00+00:00"));
        assert_eq!(due(Severity::Medium, early).as_deref(), Some("2026-05-02T00:00:00+00:00"));
        assert_eq!(due(Severity::Low, early).as_deref(), Some("2026-07-31T00:00:00+00:00"));
        assert_eq!(due(Severity::Info, early), None);
        assert_eq!(SlaPolicy::DEFAULT.due_at(Severity::Low, DateTime::<Utc>::MAX_UTC), None);
        let own = SlaPolicy { info: Some(1), low: None, ..SlaPolicy::DEFAULT };
        let by_rank = own.due_by_rank(early.parse().unwrap());
        assert_eq!(by_rank[0], Some("2026-02-02T00:00:00Z".parse().unwrap()));
        assert_eq!((by_rank[1], by_rank.len()), (None, 5));
        assert_eq!(own.to_string(), "CRITICAL 7, HIGH 30, MEDIUM 90, LOW never, INFO 1");
    }
}
