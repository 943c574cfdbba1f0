//! Scans and their schedules.

use super::text_enum::text_enum;

text_enum! {
    /// Why a scan ran.
    ScanTrigger {
        /// Somebody asked for it.
        Manual = "MANUAL",
        /// Its schedule was due.
        Scheduled = "SCHEDULED",
        /// A new asset was found.
        AssetDiscovered = "ASSET_DISCOVERED",
        /// The vulnerability database changed.
        VulnerabilityDatabaseUpdated = "VULNERABILITY_DATABASE_UPDATED",
        /// Results came in through the API.
        Api = "API",
    }
}

text_enum! {
    /// How far a scan is.
    ScanStatus {
        /// Waiting for a scanner.
        Queued = "QUEUED",
        /// A scanner works on it.
        Running = "RUNNING",
        /// Finished with a report.
        Succeeded = "SUCCEEDED",
        /// Finished without one.
        Failed = "FAILED",
        /// Called off.
        Canceled = "CANCELED",
    }
}

text_enum! {
    /// How often a schedule is due.
    ScanFrequency {
        /// Every day.
        Daily = "DAILY",
        /// Every week.
        Weekly = "WEEKLY",
        /// Every month.
        Monthly = "MONTHLY",
    }
}
