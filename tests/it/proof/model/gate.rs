//! DESIGN.md 3, 4 and 9 once more, as plain data over the rows of a world: who asks, what exists for them, and which
//! class is hidden for which reason. Written from the text; nothing of `policy` is used.

use chrono::{DateTime, Utc};
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{Access, Customer, Membership, Partner, World};

/// The data classes, in the order in which `visibility` lists them.
pub(super) const CLASSES: [&str; 5] = [COMMERCIAL, PRICING, POSTURE, ACTIVITY, SECURITY_CONFIG];
pub(super) const COMMERCIAL: &str = "COMMERCIAL";
pub(super) const PRICING: &str = "PRICING";
pub(super) const POSTURE: &str = "POSTURE";
pub(super) const ACTIVITY: &str = "ACTIVITY";
pub(super) const SECURITY_CONFIG: &str = "SECURITY_CONFIG";

/// Why a class is hidden; none where it is shown.
pub(super) type Reason = Option<&'static str>;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Partner(PartnerId, PartnerRole),
    Customer(CustomerId, CustomerRole),
    Platform,
    Scanner,
}

/// What holds of an access, for one who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// It is the own partner's, and an operator has it assigned.
    pub(super) in_scope: bool,
    pub(super) status: AccessStatus,
    pub(super) trial_expired: bool,
    pub(super) model: OperatingModel,
    pub(super) ceiling: Privilege,
    pub(super) consent: Privilege,
}

/// The table "for a partner user", a column of conditions for each row: the first that fails is the reason.
pub(super) fn partners_table(class: &str, role: PartnerRole, facts: Facts) -> Reason {
    let runs = match facts.status {
        AccessStatus::Trial => !facts.trial_expired,
        AccessStatus::Active => true,
        AccessStatus::Suspended | AccessStatus::Ended => false,
    };
    let (models, privilege): (&[OperatingModel], _) = if class == SECURITY_CONFIG {
        (&[OperatingModel::FullyManaged], Privilege::Manage)
    } else {
        (&[OperatingModel::CoManaged, OperatingModel::FullyManaged], Privilege::Support)
    };
    let conditions: &[(&'static str, bool)] = match class {
        COMMERCIAL => &[("ASSIGNMENT", facts.in_scope)],
        PRICING => &[("ASSIGNMENT", facts.in_scope), ("ROLE", role == PartnerRole::Admin)],
        POSTURE | ACTIVITY | SECURITY_CONFIG => &[
            ("ASSIGNMENT", facts.in_scope),
            ("ACCESS_STATUS", runs),
            ("OPERATING_MODEL", models.contains(&facts.model)),
            ("PRIVILEGE", facts.ceiling.rank() >= privilege.rank()),
            ("CONSENT", facts.consent.rank() >= privilege.rank()),
        ],
        other => panic!("no class {other}"),
    };
    conditions.iter().find(|(_, holds)| !holds).map(|(reason, _)| *reason)
}

/// The table "for a customer user": from which portal access on each role sees the class, if ever.
pub(super) fn customers_table(class: &str, role: CustomerRole, portal: PortalAccess) -> Reason {
    let admin = role == CustomerRole::Admin;
    let from = match class {
        COMMERCIAL | POSTURE => Some(PortalAccess::ReadOnly),
        ACTIVITY if admin => Some(PortalAccess::ReadOnly),
        SECURITY_CONFIG if admin => Some(PortalAccess::Full),
        _ => None,
    };
    match from {
        None => Some("ROLE"),
        Some(from) if portal.rank() < from.rank() => Some("PORTAL_ACCESS"),
        Some(_) => None,
    }
}

/// "Platform admin: partners, pricing, commercial data."
pub(super) fn platforms_table(class: &str) -> Reason {
    if [COMMERCIAL, PRICING].contains(&class) { None } else { Some("ROLE") }
}

/// A world at an instant.
#[derive(Clone, Copy)]
pub(super) struct Gate<'w> {
    pub(super) world: &'w World,
    pub(super) now: DateTime<Utc>,
}

impl<'w> Gate<'w> {
    /// Who a user is; nobody where disabled, unknown, or without a place.
    pub(super) fn who(&self, user: UserId) -> Option<Who> {
        let row = self.world.users.iter().find(|row| row.id == user && row.disabled_at.is_none())?;
        let place = self.world.memberships.iter().find_map(|row| match *row {
            Membership::Partner(partner, member, role) if member == user => Some(Who::Partner(partner, role)),
            Membership::Customer(customer, member, role) if member == user => {
                Some(Who::Customer(customer, role))
            }
            _ => None,
        });
        match row.kind {
            ViewerKind::PartnerUser | ViewerKind::CustomerUser => place,
            ViewerKind::PlatformAdmin => Some(Who::Platform),
            ViewerKind::Scanner => Some(Who::Scanner),
        }
    }

    pub(super) fn customer(&self, id: CustomerId) -> &'w Customer {
        self.world.customers.iter().find(|row| row.customer_id == id).unwrap()
    }

    pub(super) fn partner(&self, id: PartnerId) -> &'w Partner {
        self.world.partners.iter().find(|row| row.id == id).unwrap()
    }

    pub(super) fn trial_expired(&self, access: &Access) -> bool {
        access.status == AccessStatus::Trial && access.trial_ends_at.is_none_or(|end| end <= self.now)
    }

    /// The consent that counts now, and until when.
    pub(super) fn consent(&self, access: &Access) -> (Privilege, Option<DateTime<Utc>>) {
        match access.consent_until {
            Some(until) if until <= self.now => {
                let lower = match access.customer_consent {
                    Privilege::Manage => Privilege::Support,
                    Privilege::Support | Privilege::None => Privilege::None,
                };
                (lower, None)
            }
            until => (access.customer_consent, until),
        }
    }

    fn facts(&self, access: &Access, in_scope: bool) -> Facts {
        Facts {
            in_scope,
            status: access.status,
            trial_expired: self.trial_expired(access),
            model: access.operating_model,
            ceiling: access.privilege_ceiling,
            consent: self.consent(access).0,
        }
    }

    fn assigned(&self, user: UserId, access: &Access) -> bool {
        let own = |row: &Membership| matches!(row, Membership::Assignment(_, id, operator) if *id == access.id && *operator == user);
        self.world.memberships.iter().any(own)
    }

    /// Whether an access exists for somebody.
    pub(super) fn exists(&self, user: UserId, who: Who, access: &Access) -> bool {
        match who {
            Who::Partner(own, PartnerRole::Admin) => access.partner_id == own,
            Who::Partner(own, PartnerRole::Operator) => {
                access.partner_id == own && self.assigned(user, access)
            }
            Who::Customer(own, role) => access.customer_id == own && self.customer_sees_accesses(own, role),
            Who::Platform => true,
            Who::Scanner => false,
        }
    }

    /// At DISABLED, accesses are the customer admin's alone.
    pub(super) fn customer_sees_accesses(&self, customer: CustomerId, role: CustomerRole) -> bool {
        role == CustomerRole::Admin || self.customer(customer).portal_access != PortalAccess::Disabled
    }

    /// The accesses that exist for somebody.
    pub(super) fn accesses(&self, user: UserId, who: Who) -> Vec<&'w Access> {
        self.world.accesses.iter().filter(|access| self.exists(user, who, access)).collect()
    }

    /// The access that decides for a partner's user: of those that exist for them the live one.
    pub(super) fn deciding(&self, user: UserId, who: Who, customer: CustomerId) -> Option<&'w Access> {
        let Who::Partner(..) = who else { return None };
        let mut own = self.accesses(user, who);
        own.retain(|access| access.customer_id == customer);
        own.sort_by_key(|access| access.status == AccessStatus::Ended);
        own.first().copied()
    }

    /// Why a class of an access is hidden from somebody for whom the access exists.
    pub(super) fn on_access(&self, user: UserId, who: Who, class: &str, access: &Access) -> Reason {
        match who {
            Who::Partner(_, role) => {
                let in_scope = self.exists(user, who, access);
                partners_table(class, role, self.facts(access, in_scope))
            }
            Who::Customer(..) | Who::Platform | Who::Scanner => {
                self.on_customer(user, who, class, access.customer_id)
            }
        }
    }

    /// Why a class of a customer is hidden.
    pub(super) fn on_customer(&self, user: UserId, who: Who, class: &str, customer: CustomerId) -> Reason {
        match who {
            Who::Partner(..) => match self.deciding(user, who, customer) {
                Some(access) => self.on_access(user, who, class, access),
                None => Some("ASSIGNMENT"),
            },
            Who::Customer(own, role) if own == customer => {
                customers_table(class, role, self.customer(customer).portal_access)
            }
            Who::Customer(..) | Who::Scanner => Some("ROLE"),
            Who::Platform => platforms_table(class),
        }
    }

    /// "The whole POSTURE decision for an ADMIN of the access's partner": under the access's own model or another.
    pub(super) fn for_an_admin(&self, class: &str, access: &Access, model: OperatingModel) -> Reason {
        let facts = Facts { model, ..self.facts(access, true) };
        partners_table(class, PartnerRole::Admin, facts)
    }

    /// Whether a customer exists for somebody, if only as a bare organisation.
    pub(super) fn meets(&self, user: UserId, who: Who, customer: &Customer) -> bool {
        match who {
            Who::Partner(own, role) => {
                self.deciding(user, who, customer.customer_id).is_some()
                    || role == PartnerRole::Admin && customer.created_by == own
            }
            Who::Customer(own, _) => own == customer.customer_id,
            Who::Platform => true,
            Who::Scanner => false,
        }
    }

    /// Whether a partner exists for somebody: the own one, its distributor, and everyone below it; for a customer,
    /// those with an access to it.
    pub(super) fn knows(&self, who: Who, partner: PartnerId) -> bool {
        match who {
            Who::Partner(own, _) => {
                let mut up = vec![partner];
                while let Some(parent) = self.partner(*up.last().unwrap()).parent_id {
                    up.push(parent);
                }
                up.contains(&own) || self.partner(own).parent_id == Some(partner)
            }
            Who::Customer(own, role) => {
                let of_partner = |access: &Access| access.partner_id == partner && access.customer_id == own;
                self.customer_sees_accesses(own, role) && self.world.accesses.iter().any(of_partner)
            }
            Who::Platform => true,
            Who::Scanner => false,
        }
    }
}
