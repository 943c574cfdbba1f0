//! Which accesses exist for a viewer: every list, total and look-up is over these and no other (DESIGN.md 3 and 9).

use super::facts::AccessTerms;
use super::gate::customer_sees_accesses;
use super::viewer::Viewer;
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::PartnerRole;

/// The accesses that exist for a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All there are: a platform admin's.
    Everything,
    /// Those of one partner: its ADMINs'.
    OfPartner(PartnerId),
    /// Those of one partner that are assigned to one of its operators: another partner's never are, whatever is assigned.
    AssignedTo(PartnerId, UserId),
    /// Those to one customer: its own users'.
    OfCustomer(CustomerId),
    /// None.
    Nothing,
}

impl Scope {
    /// Whether an access is one of them, `assigned` to the viewer or not. Lists ask it in SQL; whoever writes asks it of the access
    /// that an input names, before anything is said of it. Who may change what exists for them is another question
    /// ([`Operation::callers`](super::Operation::callers)).
    #[must_use]
    pub fn holds(&self, access: &AccessTerms, assigned: bool) -> bool {
        match *self {
            Self::Everything => true,
            Self::OfPartner(partner) => access.partner == partner,
            Self::AssignedTo(partner, _) => access.partner == partner && assigned,
            Self::OfCustomer(customer) => access.customer == customer,
            Self::Nothing => false,
        }
    }
}

/// Whether a customer that the viewer has no access to exists for them all the same, as a bare organisation (DESIGN.md 9): for its
/// own users, for the ADMINs of the partner that created it, and for the platform's.
#[must_use]
pub fn knows_customer(viewer: &Viewer, customer: CustomerId, created_by: PartnerId) -> bool {
    match *viewer {
        Viewer::Partner { partner, role: PartnerRole::Admin, .. } => partner == created_by,
        Viewer::Customer { customer: own, .. } => own == customer,
        Viewer::PlatformAdmin { .. } => true,
        Viewer::Partner { role: PartnerRole::Operator, .. } | Viewer::Scanner { .. } => false,
    }
}

/// The accesses that exist for the viewer; `portal` is the own customer's portal access, for a customer's user.
#[must_use]
pub fn scope(viewer: &Viewer, portal: PortalAccess) -> Scope {
    match viewer {
        Viewer::Partner { partner, role: PartnerRole::Admin, .. } => Scope::OfPartner(*partner),
        Viewer::Partner { user, partner, role: PartnerRole::Operator } => Scope::AssignedTo(*partner, *user),
        Viewer::Customer { customer, role, .. } if customer_sees_accesses(*role, portal) => {
            Scope::OfCustomer(*customer)
        }
        Viewer::Customer { .. } | Viewer::Scanner { .. } => Scope::Nothing,
        Viewer::PlatformAdmin { .. } => Scope::Everything,
    }
}

/// The partners that exist for a viewer, as bare organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartnerScope {
    /// All there are: a platform admin's.
    Everything,
    /// The own partner, its distributor and everything below it. Nothing about customers comes along.
    Tree(PartnerId),
    /// Those with an access to one customer: its own users'.
    OfCustomer(CustomerId),
    /// None.
    Nothing,
}

/// The partners that exist for the viewer.
#[must_use]
pub fn partner_scope(viewer: &Viewer, portal: PortalAccess) -> PartnerScope {
    match viewer {
        Viewer::Partner { partner, .. } => PartnerScope::Tree(*partner),
        Viewer::Customer { customer, role, .. } if customer_sees_accesses(*role, portal) => {
            PartnerScope::OfCustomer(*customer)
        }
        Viewer::Customer { .. } | Viewer::Scanner { .. } => PartnerScope::Nothing,
        Viewer::PlatformAdmin { .. } => PartnerScope::Everything,
    }
}
