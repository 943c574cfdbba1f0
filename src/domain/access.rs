//! The link between one partner and one customer (DESIGN.md 2 and 6).

use super::text_enum::text_enum;

text_enum! {
    /// Who runs the customer's security.
    OperatingModel {
        /// The customer alone: the partner sees the commercial state only.
        CustomerManaged = "CUSTOMER_MANAGED",
        /// Both: the partner sees posture, the customer keeps ownership.
        CoManaged = "CO_MANAGED",
        /// The partner: the customer reads at most.
        FullyManaged = "FULLY_MANAGED",
    }
}

text_enum! {
    /// What a partner may do, from least to most; the order is the meaning.
    Privilege {
        /// Nothing.
        None = "NONE",
        /// Read dashboards, reports and user activity.
        Support = "SUPPORT",
        /// Read and operate.
        Manage = "MANAGE",
    }
}

impl Privilege {
    /// The rank in the database: 0, 1, 2.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// The privilege of a rank; whatever is not a rank grants nothing.
    #[must_use]
    pub const fn from_rank(rank: i16) -> Self {
        match rank {
            1 => Self::Support,
            2 => Self::Manage,
            _ => Self::None,
        }
    }

    /// One step lower, as a consent given for a time counts once its time is over.
    #[must_use]
    pub const fn one_step_lower(self) -> Self {
        match self {
            Self::Manage => Self::Support,
            Self::Support | Self::None => Self::None,
        }
    }
}

text_enum! {
    /// Where an access stands in its life.
    AccessStatus {
        /// On trial, expired or not.
        Trial = "TRIAL",
        /// Provisioned and paid.
        Active = "ACTIVE",
        /// Held, for instance for non-payment.
        Suspended = "SUSPENDED",
        /// Over; its commercial history stays visible to the partner.
        Ended = "ENDED",
    }
}

impl AccessStatus {
    /// Whether the access is live: TRIAL, ACTIVE or SUSPENDED (DESIGN.md 9).
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Trial | Self::Active | Self::Suspended => true,
            Self::Ended => false,
        }
    }
}
