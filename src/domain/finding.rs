//! Findings and what is counted of them.

use chrono::{DateTime, Days, NaiveTime, Utc};

use super::text_enum::text_enum;

text_enum! {
    /// How bad a finding is, worst first as the schema lists them.
    Severity {
        /// 9.0 and above on the CVSS scale.
        Critical = "CRITICAL",
        /// 7.0 to 8.9.
        High = "HIGH",
        /// 4.0 to 6.9.
        Medium = "MEDIUM",
        /// 0.1 to 3.9.
        Low = "LOW",
        /// No risk of its own.
        Info = "INFO",
    }
}

impl Severity {
    /// The rank in the database: INFO 0 to CRITICAL 4, so that worse is greater.
    #[must_use]
    pub const fn rank(self) -> i16 {
        match self {
            Self::Critical => 4,
            Self::High => 3,
            Self::Medium => 2,
            Self::Low => 1,
            Self::Info => 0,
        }
    }

    /// The severity of a rank; above 4 is critical, below 0 is informational.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            ..=0 => Self::Info,
            1 => Self::Low,
            2 => Self::Medium,
            3 => Self::High,
            4.. => Self::Critical,
        }
    }

    /// When a finding of this severity, open since an instant, is to be fixed: at the end of a day in UTC (7, 30, 90 and
    /// 180 days later), that is at midnight. What is informational is never due.
    #[must_use]
    pub fn due_at(self, since: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let days = match self {
            Self::Critical => 7,
            Self::High => 30,
            Self::Medium => 90,
            Self::Low => 180,
            Self::Info => return None,
        };
        let day = since.date_naive().checked_add_days(Days::new(days + 1))?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    }
}

text_enum! {
    /// Where a finding stands.
    FindingStatus {
        /// Reported, nobody looked yet.
        Open = "OPEN",
        /// Looked at and believed.
        Triaged = "TRIAGED",
        /// Being fixed.
        InProgress = "IN_PROGRESS",
        /// Gone from a full scan, or fixed.
        Resolved = "RESOLVED",
        /// Known and accepted.
        Accepted = "ACCEPTED",
        /// Not real.
        FalsePositive = "FALSE_POSITIVE",
    }
}

impl FindingStatus {
    /// Whether it counts as open: OPEN, TRIAGED or IN_PROGRESS (DESIGN.md 9).
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Triaged | Self::InProgress => true,
            Self::Resolved | Self::Accepted | Self::FalsePositive => false,
        }
    }
}

/// Open findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeverityCounts {
    /// How many are critical.
    pub critical: i64,
    /// How many are high.
    pub high: i64,
    /// How many are medium.
    pub medium: i64,
    /// How many are low.
    pub low: i64,
    /// How many are informational.
    pub info: i64,
}

impl SeverityCounts {
    /// Counts some more of one severity.
    pub const fn add(&mut self, severity: Severity, count: i64) {
        match severity {
            Severity::Critical => self.critical += count,
            Severity::High => self.high += count,
            Severity::Medium => self.medium += count,
            Severity::Low => self.low += count,
            Severity::Info => self.info += count,
        }
    }

    /// Counts all of another, too.
    pub const fn merge(&mut self, other: Self) {
        self.critical += other.critical;
        self.high += other.high;
        self.medium += other.medium;
        self.low += other.low;
        self.info += other.info;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.critical + self.high + self.medium + self.low + self.info
    }

    /// The risk score in tenths: 0 (nothing open) to 1000.
    ///
    /// Each open finding weighs by its severity (critical 10, high 4, medium 1, low 0.25, informational 0); the
    /// weight `w` maps to `100 * w / (w + 100)`, so that more findings always mean a higher score and no customer
    /// ever leaves the scale. Whole tenths, so that a mean does not depend on the order of its terms.
    #[must_use]
    pub const fn risk_tenths(&self) -> i64 {
        let quarters = 40 * self.critical + 16 * self.high + 4 * self.medium + self.low;
        (2000 * quarters + quarters + 400) / (2 * (quarters + 400))
    }

    /// The risk score: 0 (nothing open) to 100, rounded to one decimal.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most 1000")]
    pub fn risk_score(&self) -> f64 {
        self.risk_tenths() as f64 / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_due_at_the_end_of_a_day() {
        let due = |severity: Severity, since: &str| {
            severity.due_at(since.parse().unwrap()).map(|due| due.to_rfc3339())
        };
        let early = "2026-01-31T00:00:00Z";
        assert_eq!(due(Severity::Critical, early).as_deref(), Some("2026-02-08T00:00:00+00:00"));
        assert_eq!(due(Severity::Critical, "2026-01-31T23:59:59.9Z"), due(Severity::Critical, early));
        assert_eq!(due(Severity::High, early).as_deref(), Some("2026-03-03T00:00:00+00:00"));
        assert_eq!(due(Severity::Medium, early).as_deref(), Some("2026-05-02T00:00:00+00:00"));
        assert_eq!(due(Severity::Low, early).as_deref(), Some("2026-07-31T00:00:00+00:00"));
        assert_eq!(due(Severity::Info, early), None);
        assert_eq!(Severity::Low.due_at(DateTime::<Utc>::MAX_UTC), None);
    }

    #[test]
    fn the_risk_score_rises_with_every_finding_and_stays_below_100() {
        let none = SeverityCounts::default();
        assert!(none.risk_score().abs() < f64::EPSILON);
        let one = SeverityCounts { critical: 1, ..none };
        assert!((one.risk_score() - 9.1).abs() < 1e-9, "10 / 110: {}", one.risk_score());
        let mixed = SeverityCounts { critical: 2, high: 5, medium: 10, low: 20, info: 99 };
        assert!((mixed.risk_score() - 35.5).abs() < 1e-9, "55 / 155: {}", mixed.risk_score());
        let many = SeverityCounts { critical: 1_000_000, ..none };
        assert_eq!(many.risk_tenths(), 1000);
    }
}
