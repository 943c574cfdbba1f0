//! End customers, one tenant each.

use super::text_enum::text_enum;

text_enum! {
    /// What the customer's own users may do in their portal, from least to most; the order is the meaning.
    PortalAccess {
        /// Nothing; the default.
        Disabled = "DISABLED",
        /// View dashboards and reports.
        ReadOnly = "READ_ONLY",
        /// Manage users, scans and settings.
        Full = "FULL",
    }
}

impl PortalAccess {
    /// The rank in the database: 0, 1, 2.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// The level of a rank; whatever is not a rank opens nothing.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            1 => Self::ReadOnly,
            2 => Self::Full,
            _ => Self::Disabled,
        }
    }
}
