//! The commercial subscription of an access and its metering (DESIGN.md 7).

use super::text_enum::text_enum;

text_enum! {
    /// How often the subscription is billed.
    BillingCycle {
        /// Every month.
        Monthly = "MONTHLY",
        /// Once a year.
        Annual = "ANNUAL",
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
