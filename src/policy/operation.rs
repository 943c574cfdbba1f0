//! Which kinds and roles may ever call a mutation (DESIGN.md 9, "Order of checks"): the first question, before anything is
//! looked up. Whether they may do it to a given object is asked afterwards.

use super::viewer::Viewer;
use crate::domain::text_enum::text_enum;
use crate::domain::user::{CustomerRole, PartnerRole};

text_enum! {
    /// A mutation, spelled as its field.
    Operation {
        /// Another operating model for an ACTIVE access.
        ChangeOperatingModel = "changeOperatingModel",
        /// What the customer grants a partner.
        SetPartnerConsent = "setPartnerConsent",
    }
}

/// Who may call an operation, if anybody of their kind and role ever may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A partner's ADMIN.
    PartnerAdmin,
    /// A partner's OPERATOR.
    PartnerOperator,
    /// A customer's ADMIN.
    CustomerAdmin,
    /// A customer's READ_ONLY user.
    CustomerReader,
    /// An administrator of the platform.
    PlatformAdmin,
    /// A scanner.
    Scanner,
}

impl Caller {
    /// What they are called, all of them.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::PartnerAdmin => "partner admins",
            Self::PartnerOperator => "partner operators",
            Self::CustomerAdmin => "customer admins",
            Self::CustomerReader => "customer readers",
            Self::PlatformAdmin => "platform admins",
            Self::Scanner => "scanners",
        }
    }
}

impl From<&Viewer> for Caller {
    fn from(viewer: &Viewer) -> Self {
        match viewer {
            Viewer::Partner { role: PartnerRole::Admin, .. } => Self::PartnerAdmin,
            Viewer::Partner { role: PartnerRole::Operator, .. } => Self::PartnerOperator,
            Viewer::Customer { role: CustomerRole::Admin, .. } => Self::CustomerAdmin,
            Viewer::Customer { role: CustomerRole::ReadOnly, .. } => Self::CustomerReader,
            Viewer::PlatformAdmin { .. } => Self::PlatformAdmin,
            Viewer::Scanner { .. } => Self::Scanner,
        }
    }
}

impl Operation {
    /// Everyone who may ever call it.
    #[must_use]
    pub const fn callers(self) -> &'static [Caller] {
        match self {
            // The partner's side of the contract.
            Self::ChangeOperatingModel => &[Caller::PartnerAdmin],
            // The customer's decisions, at all times.
            Self::SetPartnerConsent => &[Caller::CustomerAdmin],
        }
    }

    /// Whether the viewer's kind and role may ever call it; else the answer is FORBIDDEN.
    #[must_use]
    pub fn may_ever_be_called_by(self, viewer: &Viewer) -> bool {
        self.callers().contains(&Caller::from(viewer))
    }
}
