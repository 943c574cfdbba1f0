//! Scans and their schedules.

use chrono::TimeDelta;

use super::text_enum::text_enum;

/// How long a claimed scan is the scanner's, from each sign of life on.
pub const LEASE: TimeDelta = TimeDelta::minutes(10);

/// How often a scan is claimed before it is given up; policies of `posture_worker` say the same.
pub const ATTEMPTS: i16 = 3;

/// How long a scan whose lease has lapsed waits for another scanner before it is given up; policies of `posture_worker` say the same.
pub const PATIENCE: TimeDelta = TimeDelta::hours(24);

impl ScanTrigger {
    /// What a schedule can wait for.
    pub const EVENTS: [Self; 2] = [Self::AssetDiscovered, Self::VulnerabilityDatabaseUpdated];
}

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
