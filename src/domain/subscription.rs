//! The commercial subscription of an access and its metering (DESIGN.md 7).

use chrono::{Months, NaiveDate, TimeDelta};

use super::text_enum::text_enum;

/// How long a trial lasts at most, in days.
pub const MAX_TRIAL_DAYS: i32 = 90;

/// How long after its end a trial can still be converted.
pub const CONVERSION_WINDOW: TimeDelta = TimeDelta::days(30);

/// How many assets or scans a licence covers at most, and how many licences are bought at once.
pub const MAX_QUANTITY: i32 = 1_000_000;

text_enum! {
    /// How often the subscription is billed.
    BillingCycle {
        /// Every month.
        Monthly = "MONTHLY",
        /// Once a year.
        Annual = "ANNUAL",
    }
}

impl BillingCycle {
    /// How many months it has.
    #[must_use]
    pub const fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Annual => 12,
        }
    }

    /// The day on which what starts on `date` renews.
    #[must_use]
    pub fn after(self, date: NaiveDate) -> NaiveDate {
        date.checked_add_months(Months::new(self.months())).unwrap_or(date)
    }
}

text_enum! {
    /// Where the subscription stands.
    SubscriptionStatus {
        /// On trial, not billed.
        Trialing = "TRIALING",
        /// Paid.
        Active = "ACTIVE",
        /// A payment is late.
        PastDue = "PAST_DUE",
        /// Held.
        Suspended = "SUSPENDED",
        /// Over.
        Canceled = "CANCELED",
    }
}

text_enum! {
    /// What a licence counts.
    LicenseModel {
        /// Monitored assets; alerts at 90 %.
        PerAsset = "PER_ASSET",
        /// Scans of the period; alerts at 80 %.
        PerScan = "PER_SCAN",
        /// Nothing; never alerts.
        Unlimited = "UNLIMITED",
    }
}

impl LicenseModel {
    /// The share of the limit, in percent, from which the usage alerts; none where there is no limit.
    #[must_use]
    pub const fn alert_threshold_percent(self) -> Option<i32> {
        match self {
            Self::PerAsset => Some(90),
            Self::PerScan => Some(80),
            Self::Unlimited => None,
        }
    }
}
