//! Findings and what is counted of them.

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

    /// What people may set it to next. From a closed status that is a reopening; scanners reopen and resolve by themselves
    /// (DESIGN.md 8).
    ///
    /// | status | may become |
    /// |---|---|
    /// | OPEN | TRIAGED, IN_PROGRESS, RESOLVED, ACCEPTED, FALSE_POSITIVE |
    /// | TRIAGED | IN_PROGRESS, RESOLVED, ACCEPTED, FALSE_POSITIVE |
    /// | IN_PROGRESS | TRIAGED, RESOLVED, ACCEPTED, FALSE_POSITIVE |
    /// | RESOLVED | OPEN |
    /// | ACCEPTED | OPEN |
    /// | FALSE_POSITIVE | OPEN |
    #[must_use]
    pub const fn next(self) -> &'static [Self] {
        match self {
            Self::Open => {
                &[Self::Triaged, Self::InProgress, Self::Resolved, Self::Accepted, Self::FalsePositive]
            }
            Self::Triaged => &[Self::InProgress, Self::Resolved, Self::Accepted, Self::FalsePositive],
            Self::InProgress => &[Self::Triaged, Self::Resolved, Self::Accepted, Self::FalsePositive],
            Self::Resolved | Self::Accepted | Self::FalsePositive => &[Self::Open],
        }
    }

    /// Whether people may set it to this next.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        self.next().contains(&to)
    }

    /// Whether it takes a note to set it: it says that a finding will not be fixed, so it says why.
    #[must_use]
    pub const fn needs_note(self) -> bool {
        match self {
            Self::Accepted | Self::FalsePositive => true,
            Self::Open | Self::Triaged | Self::InProgress | Self::Resolved => false,
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

    /// The table of the documentation, read from it.
    #[test]
    fn the_documented_steps_are_the_steps() {
        let readme = include_str!("../../README.md");
        for from in FindingStatus::ALL {
            let next: Vec<&str> = from.next().iter().map(|next| next.as_str()).collect();
            let row = format!("| {from} | {} |", next.join(", "));
            assert!(readme.lines().any(|line| line.trim() == row), "README.md has no row `{row}`");
            assert!(include_str!("finding.rs").contains(&format!("    /// {row}")), "{row}");
            assert!(!from.may_become(*from));
        }
    }

    #[test]
    fn what_is_closed_can_only_be_reopened() {
        for from in FindingStatus::ALL {
            for to in FindingStatus::ALL {
                let expected = match (from.is_open(), to.is_open()) {
                    (false, _) => *to == FindingStatus::Open,
                    (true, false) => true,
                    // Nobody unsees what was looked at.
                    (true, true) => *to != FindingStatus::Open && to != from,
                };
                assert_eq!(from.may_become(*to), expected, "{from} to {to}");
            }
        }
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
