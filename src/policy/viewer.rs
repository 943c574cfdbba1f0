//! Who asks, as the database knows them in the request's own snapshot (DESIGN.md 3).

use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::{CustomerRole, PartnerRole, ViewerKind};

/// The one who asks. An anonymous request has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// A user of a partner.
    Partner {
        /// Who.
        user: UserId,
        /// Of which partner.
        partner: PartnerId,
        /// In which role.
        role: PartnerRole,
    },
    /// A user of a customer.
    Customer {
        /// Who.
        user: UserId,
        /// Of which customer.
        customer: CustomerId,
        /// In which role.
        role: CustomerRole,
    },
    /// An administrator of the platform.
    PlatformAdmin {
        /// Who.
        user: UserId,
    },
    /// A machine that writes scan results and reads nothing.
    Scanner {
        /// Which.
        user: UserId,
    },
}

impl Viewer {
    /// The user's id.
    #[must_use]
    pub const fn user(&self) -> UserId {
        match *self {
            Self::Partner { user, .. }
            | Self::Customer { user, .. }
            | Self::PlatformAdmin { user }
            | Self::Scanner { user } => user,
        }
    }

    /// The partner whose user it is; none for anyone else.
    #[must_use]
    pub const fn partner(&self) -> Option<PartnerId> {
        match *self {
            Self::Partner { partner, .. } => Some(partner),
            Self::Customer { .. } | Self::PlatformAdmin { .. } | Self::Scanner { .. } => None,
        }
    }

    /// The customer whose user it is; none for anyone else.
    #[must_use]
    pub const fn customer(&self) -> Option<CustomerId> {
        match *self {
            Self::Customer { customer, .. } => Some(customer),
            Self::Partner { .. } | Self::PlatformAdmin { .. } | Self::Scanner { .. } => None,
        }
    }

    /// The kind of user.
    #[must_use]
    pub const fn kind(&self) -> ViewerKind {
        match self {
            Self::Partner { .. } => ViewerKind::PartnerUser,
            Self::Customer { .. } => ViewerKind::CustomerUser,
            Self::PlatformAdmin { .. } => ViewerKind::PlatformAdmin,
            Self::Scanner { .. } => ViewerKind::Scanner,
        }
    }
}
