//! The gate: one pure decision (DESIGN.md 4). Read this file and you have read the boundary.

use super::class::{Activity, Class, DataClass};
use super::facts::{AccessFacts, Subject};
use super::grant::Grant;
use super::viewer::Viewer;
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::PartnerId;
use crate::domain::text_enum::text_enum;
use crate::domain::user::{CustomerRole, PartnerRole};

text_enum! {
    /// Why a class is hidden: the first that applies, in this order (for customers ROLE, PORTAL_ACCESS).
    HiddenReason {
        /// The access is not the viewer's to see.
        Assignment = "ASSIGNMENT",
        /// The viewer's kind or role never sees it.
        Role = "ROLE",
        /// The access is suspended, ended or an expired trial.
        AccessStatus = "ACCESS_STATUS",
        /// The operating model does not open it.
        OperatingModel = "OPERATING_MODEL",
        /// The contract's ceiling is too low.
        Privilege = "PRIVILEGE",
        /// The customer's consent is too low.
        Consent = "CONSENT",
        /// The customer's portal access is too low.
        PortalAccess = "PORTAL_ACCESS",
    }
}

/// The gate's answer; a visible one carries its witness, a hidden one its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<Witness = ()> {
    /// Shown.
    Visible(Witness),
    /// Not shown, and why.
    Hidden(HiddenReason),
}

impl<Witness> Decision<Witness> {
    /// Whether it is shown.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        matches!(self, Self::Visible(_))
    }

    /// Why it is hidden; none when it is shown.
    #[must_use]
    pub const fn reason(&self) -> Option<HiddenReason> {
        match self {
            Self::Visible(_) => None,
            Self::Hidden(reason) => Some(*reason),
        }
    }

    fn with<Other>(self, witness: Other) -> Decision<Other> {
        match self {
            Self::Visible(_) => Decision::Visible(witness),
            Self::Hidden(reason) => Decision::Hidden(reason),
        }
    }
}

use Decision::{Hidden, Visible};

/// The seed's function, to the letter: the operating model alone.
#[must_use]
pub fn partner_posture_visible(access: &AccessFacts) -> bool {
    access.operating_model != OperatingModel::CustomerManaged
}

/// The lesser of what the contract allows and what the customer grants.
#[must_use]
pub fn effective_privilege(access: &AccessFacts) -> Privilege {
    access.privilege_ceiling.min(access.customer_consent)
}

/// The one decision: does the gate show `class` of this subject to the viewer?
#[must_use]
#[expect(clippy::match_same_arms, reason = "a row of the design each, with its own why")]
pub fn decide(viewer: &Viewer, class: DataClass, subject: &Subject) -> Decision {
    match viewer {
        Viewer::Partner { partner, role, .. } => match in_scope(*partner, *role, subject) {
            Some(access) => partner_sees(*role, class, &access),
            None => Hidden(HiddenReason::Assignment),
        },
        Viewer::Customer { customer, role, .. } if *customer == subject.customer => {
            customer_sees(*role, class, subject.portal_access)
        }
        // Another customer's data: nobody's role reaches it.
        Viewer::Customer { .. } => Hidden(HiddenReason::Role),
        Viewer::PlatformAdmin { .. } => match class {
            DataClass::Commercial | DataClass::Pricing => Visible(()),
            // The platform runs the business, not the customers' security.
            DataClass::Posture | DataClass::Activity | DataClass::SecurityConfig => {
                Hidden(HiddenReason::Role)
            }
        },
        // A scanner writes and reads nothing.
        Viewer::Scanner { .. } => Hidden(HiddenReason::Role),
    }
}

/// [`decide`] for a class known at compile time, with the witness that the store asks for.
#[must_use]
pub fn grant<C: Class>(viewer: &Viewer, subject: &Subject) -> Decision<Grant<C>> {
    decide(viewer, C::CLASS, subject).with(Grant::new(subject.customer))
}

/// The decision on a partner's own books (`Partner.billing`, `Partner.auditLog`), which belong to no single customer.
///
/// ADMINs of that very partner see them, a platform admin sees its PRICING; a distributor inherits nothing.
#[must_use]
pub fn decide_partner(viewer: &Viewer, class: DataClass, partner: PartnerId) -> Decision {
    match (viewer, class) {
        (
            Viewer::Partner { partner: own, role: PartnerRole::Admin, .. },
            DataClass::Commercial | DataClass::Pricing,
        ) if *own == partner => Visible(()),
        (Viewer::PlatformAdmin { .. }, DataClass::Pricing) => Visible(()),
        (
            Viewer::Partner { .. }
            | Viewer::Customer { .. }
            | Viewer::PlatformAdmin { .. }
            | Viewer::Scanner { .. },
            DataClass::Commercial
            | DataClass::Pricing
            | DataClass::Posture
            | DataClass::Activity
            | DataClass::SecurityConfig,
        ) => Hidden(HiddenReason::Role),
    }
}

/// [`decide_partner`] with its witness.
#[must_use]
pub fn grant_partner<C: Class>(viewer: &Viewer, partner: PartnerId) -> Decision<Grant<C, PartnerId>> {
    decide_partner(viewer, C::CLASS, partner).with(Grant::new(partner))
}

/// The decision on who could see a customer's data (`Customer.exposure`), with its witness: ACTIVITY, and for the customer's
/// own users alone. Who else sees a customer is no partner's business.
#[must_use]
pub fn grant_exposure(viewer: &Viewer, subject: &Subject) -> Decision<Grant<Activity>> {
    match viewer {
        Viewer::Customer { .. } => grant(viewer, subject),
        Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => {
            Hidden(HiddenReason::Role)
        }
    }
}

/// Whether an ADMIN of the access's partner sees its posture: the same whoever asks (DESIGN.md 9).
#[must_use]
pub fn posture_visible(access: &AccessFacts) -> bool {
    partner_sees(PartnerRole::Admin, DataClass::Posture, access).is_visible()
}

/// The access through which a partner's user sees the subject, if it is theirs to see.
fn in_scope(partner: PartnerId, role: PartnerRole, subject: &Subject) -> Option<AccessFacts> {
    let is_theirs = |access: &AccessFacts| {
        access.partner == partner
            && access.customer == subject.customer
            && match role {
                PartnerRole::Admin => true,
                PartnerRole::Operator => access.assigned,
            }
    };
    subject.access.filter(is_theirs)
}

/// The table "For a partner user, on an access in scope" of DESIGN.md 4.
pub(super) fn partner_sees(role: PartnerRole, class: DataClass, access: &AccessFacts) -> Decision {
    match class {
        // The billing relationship stays visible, also after the access has ended.
        DataClass::Commercial => Visible(()),
        DataClass::Pricing => match role {
            PartnerRole::Admin => Visible(()),
            PartnerRole::Operator => Hidden(HiddenReason::Role),
        },
        DataClass::Posture | DataClass::Activity => {
            if !is_running(access) {
                Hidden(HiddenReason::AccessStatus)
            } else if !partner_posture_visible(access) {
                Hidden(HiddenReason::OperatingModel)
            } else {
                privileged(access, Privilege::Support)
            }
        }
        DataClass::SecurityConfig => {
            if !is_running(access) {
                Hidden(HiddenReason::AccessStatus)
            } else if access.operating_model != OperatingModel::FullyManaged {
                Hidden(HiddenReason::OperatingModel)
            } else {
                privileged(access, Privilege::Manage)
            }
        }
    }
}

/// TRIAL (not expired) or ACTIVE.
fn is_running(access: &AccessFacts) -> bool {
    match access.status {
        AccessStatus::Trial => !access.trial_expired,
        AccessStatus::Active => true,
        AccessStatus::Suspended | AccessStatus::Ended => false,
    }
}

/// Whether the effective privilege reaches `needed`, and which side is short of it, the contract first.
fn privileged(access: &AccessFacts, needed: Privilege) -> Decision {
    if effective_privilege(access) >= needed {
        Visible(())
    } else if access.privilege_ceiling < needed {
        Hidden(HiddenReason::Privilege)
    } else {
        Hidden(HiddenReason::Consent)
    }
}

/// The table "For a customer user, on the own customer" of DESIGN.md 4.
#[expect(clippy::match_same_arms, reason = "a row of the design each, with its own why")]
pub(super) fn customer_sees(role: CustomerRole, class: DataClass, portal: PortalAccess) -> Decision {
    let needed = match (class, role) {
        // The partner's cost and margin are never a customer's business.
        (DataClass::Pricing, CustomerRole::Admin | CustomerRole::ReadOnly) => None,
        (DataClass::Commercial | DataClass::Posture, CustomerRole::Admin | CustomerRole::ReadOnly) => {
            Some(PortalAccess::ReadOnly)
        }
        (DataClass::Activity, CustomerRole::Admin) => Some(PortalAccess::ReadOnly),
        (DataClass::SecurityConfig, CustomerRole::Admin) => Some(PortalAccess::Full),
        // Who did what, and how the organisation is secured, is for its ADMINs.
        (DataClass::Activity | DataClass::SecurityConfig, CustomerRole::ReadOnly) => None,
    };
    match needed {
        None => Hidden(HiddenReason::Role),
        Some(level) if portal >= level => Visible(()),
        Some(_) => Hidden(HiddenReason::PortalAccess),
    }
}

/// What a customer's user always sees beside the classes: the organisation's own accesses, with model, status,
/// privileges and trial. A READ_ONLY user needs an open portal for them, an ADMIN decides about them at all times.
#[must_use]
pub fn customer_sees_accesses(role: CustomerRole, portal: PortalAccess) -> bool {
    match role {
        CustomerRole::Admin => true,
        CustomerRole::ReadOnly => portal >= PortalAccess::ReadOnly,
    }
}
