//! Who may see what, once more: DESIGN.md 3, 4 and 9 read as plain data, without a line of the gate's own code.
//!
//! What is visible here is an upper bound: where the text leaves room, a row counts as visible and stays untouched.

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::subscription::LicenseModel;
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{Access, Membership, World};
use serde_json::Value;

use crate::support::events::is_of_security;
use crate::support::world::NOW;

/// Who somebody is (DESIGN.md 3). Authority comes from the rows alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    PartnerAdmin(PartnerId),
    PartnerOperator(PartnerId),
    Customer(CustomerId, CustomerRole, PortalAccess),
    PlatformAdmin,
    /// Unknown, disabled, of no organisation, or a scanner: at most their own `viewer`.
    Nobody,
}

/// What one user sees of a world.
pub(super) struct Eyes<'w> {
    world: &'w World,
    user: UserId,
    pub(super) who: Who,
}

const fn level(privilege: Privilege) -> u8 {
    match privilege {
        Privilege::None => 0,
        Privilege::Support => 1,
        Privilege::Manage => 2,
    }
}

/// "The lesser of ceiling and consent", a consent for a time counting one step lower once its instant has come.
fn effective(access: &Access) -> u8 {
    let fallen = access.consent_until.is_some_and(|until| until <= NOW);
    level(access.privilege_ceiling).min(level(access.customer_consent).saturating_sub(u8::from(fallen)))
}

/// The row POSTURE of the partner's table.
fn partner_posture(access: &Access) -> bool {
    let running = match access.status {
        AccessStatus::Active => true,
        AccessStatus::Trial => access.trial_ends_at.is_some_and(|end| NOW < end),
        AccessStatus::Suspended | AccessStatus::Ended => false,
    };
    running && access.operating_model != OperatingModel::CustomerManaged && effective(access) >= 1
}

/// The row `SECURITY_CONFIG`.
fn partner_security(access: &Access) -> bool {
    partner_posture(access)
        && access.operating_model == OperatingModel::FullyManaged
        && effective(access) == 2
}

impl<'w> Eyes<'w> {
    pub(super) fn of(world: &'w World, user: UserId) -> Self {
        let row = world.users.iter().find(|row| row.id == user && row.disabled_at.is_none());
        let role = || world.memberships.iter().find_map(|membership| role(world, user, membership));
        let who = match row.map(|row| row.kind) {
            Some(ViewerKind::PlatformAdmin) => Who::PlatformAdmin,
            Some(ViewerKind::PartnerUser | ViewerKind::CustomerUser) => role().unwrap_or(Who::Nobody),
            Some(ViewerKind::Scanner) | None => Who::Nobody,
        };
        Self { world, user, who }
    }

    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    pub(super) const fn world(&self) -> &'w World {
        self.world
    }

    /// The partner that the viewer works for.
    pub(super) const fn employer(&self) -> Option<PartnerId> {
        match self.who {
            Who::PartnerAdmin(partner) | Who::PartnerOperator(partner) => Some(partner),
            Who::Customer(..) | Who::PlatformAdmin | Who::Nobody => None,
        }
    }

    /// Whether an access exists for the viewer, with what COMMERCIAL says of its terms.
    pub(super) fn access(&self, access: &Access) -> bool {
        match self.who {
            Who::PartnerAdmin(partner) => access.partner_id == partner,
            Who::PartnerOperator(partner) => {
                access.partner_id == partner
                    && self.world.memberships.iter().any(|membership| {
                        matches!(*membership, Membership::Assignment(_, id, user) if (id, user) == (access.id, self.user))
                    })
            }
            Who::Customer(own, CustomerRole::Admin, _) => access.customer_id == own,
            Who::Customer(own, CustomerRole::ReadOnly, portal) => {
                access.customer_id == own && portal != PortalAccess::Disabled
            }
            Who::PlatformAdmin => true,
            Who::Nobody => false,
        }
    }

    /// Whether its subscription is shown.
    pub(super) fn subscription(&self, access: &Access) -> bool {
        let open = !matches!(self.who, Who::Customer(_, _, PortalAccess::Disabled));
        open && self.access(access)
    }

    fn of_customer(&self, customer: CustomerId) -> impl Iterator<Item = &'w Access> {
        self.world.accesses.iter().filter(move |access| access.customer_id == customer)
    }

    /// Whether the bare organisation is shown.
    pub(super) fn customer(&self, customer: CustomerId) -> bool {
        let created = |by: PartnerId| {
            self.world.customers.iter().any(|row| row.customer_id == customer && row.created_by == by)
        };
        match self.who {
            Who::PartnerAdmin(partner) => {
                created(partner) || self.of_customer(customer).any(|access| self.access(access))
            }
            Who::PartnerOperator(_) => self.of_customer(customer).any(|access| self.access(access)),
            Who::Customer(own, ..) => own == customer,
            Who::PlatformAdmin => true,
            Who::Nobody => false,
        }
    }

    pub(super) fn posture(&self, customer: CustomerId) -> bool {
        match self.who {
            Who::PartnerAdmin(_) | Who::PartnerOperator(_) => {
                self.of_customer(customer).any(|access| self.access(access) && partner_posture(access))
            }
            Who::Customer(own, _, portal) => own == customer && portal != PortalAccess::Disabled,
            Who::PlatformAdmin | Who::Nobody => false,
        }
    }

    /// What somebody did about a finding: as the finding, but for what other partners' people did.
    pub(super) fn finding_change(&self, customer: CustomerId, partner: Option<PartnerId>) -> bool {
        let told = match (self.employer(), partner) {
            (Some(own), Some(by)) => own == by,
            (None, _) | (_, None) => true,
        };
        told && self.posture(customer)
    }

    pub(super) fn activity(&self, customer: CustomerId) -> bool {
        let reader = matches!(self.who, Who::Customer(_, CustomerRole::ReadOnly, _));
        !reader && self.posture(customer)
    }

    /// What happened to a customer: ACTIVITY, and SECURITY_CONFIG besides where it happened to that.
    pub(super) fn event(&self, customer: CustomerId, action: &str) -> bool {
        self.activity(customer) && (!is_of_security(action) || self.security(customer))
    }

    pub(super) fn security(&self, customer: CustomerId) -> bool {
        match self.who {
            Who::PartnerAdmin(_) | Who::PartnerOperator(_) => {
                self.of_customer(customer).any(|access| self.access(access) && partner_security(access))
            }
            Who::Customer(own, CustomerRole::Admin, PortalAccess::Full) => own == customer,
            Who::Customer(..) | Who::PlatformAdmin | Who::Nobody => false,
        }
    }

    /// PRICING.
    pub(super) const fn prices(&self) -> bool {
        matches!(self.who, Who::PartnerAdmin(_) | Who::PlatformAdmin)
    }

    /// A partner's audit log and its quotes: its own ADMINs'.
    pub(super) fn log(&self, partner: PartnerId) -> bool {
        self.who == Who::PartnerAdmin(partner)
    }

    /// A partner's prepaid licences: PRICING of that partner.
    pub(super) fn purse(&self, partner: PartnerId) -> bool {
        self.log(partner) || self.who == Who::PlatformAdmin
    }

    /// The catalogue in a currency: for who sells in it, and for who keeps it.
    pub(super) fn catalogue(&self, currency: &str) -> bool {
        let sells = |own| self.world.partners.iter().any(|row| row.id == own && row.currency == currency);
        self.who == Who::PlatformAdmin || self.employer().is_some_and(sells)
    }

    /// What is told of the metering of an access: as its subscription, which it is a part of.
    pub(super) fn alert(&self, access: AccessId) -> bool {
        self.world.accesses.iter().any(|row| row.id == access && self.subscription(row))
    }

    /// Whether the viewer is told of a partner's people: its own ADMINs, and an ADMIN of a customer who may know who could see it.
    pub(super) fn people(&self, partner: PartnerId) -> bool {
        match self.who {
            Who::PartnerAdmin(own) => own == partner,
            Who::Customer(own, CustomerRole::Admin, portal) => {
                portal != PortalAccess::Disabled
                    && self.of_customer(own).any(|access| access.partner_id == partner)
            }
            Who::PartnerOperator(_) | Who::Customer(..) | Who::PlatformAdmin | Who::Nobody => false,
        }
    }

    /// Whether the viewer is told who could see a customer: its own ADMINs where they see its activity.
    pub(super) fn exposure(&self, customer: CustomerId) -> bool {
        let partner = matches!(self.who, Who::PartnerAdmin(_) | Who::PartnerOperator(_));
        !partner && self.activity(customer)
    }

    /// Whether the viewer knows to whom an access is assigned: who may know who could see the customer, and the ADMINs of its
    /// partner, who keep the lists of their operators.
    pub(super) fn assignments(&self, customer: CustomerId, access: AccessId) -> bool {
        let keeps = |row: &Access| row.id == access && self.log(row.partner_id);
        self.exposure(customer) || self.world.accesses.iter().any(keeps)
    }

    /// Whether a licence that the viewer sees meters the customer's assets, or its scans: how many there are is
    /// commercial then (the declared exception of DESIGN.md 4).
    pub(super) fn metered(&self, customer: CustomerId, by: LicenseModel) -> bool {
        self.of_customer(customer).filter(|access| self.subscription(access)).any(|access| {
            let own = self.world.subscriptions.iter().find(|row| row.access_id == access.id);
            own.is_some_and(|row| row.license_model == by)
        })
    }

    /// The own partner, its parent and everything below it; for a customer's users those of the accesses they see.
    pub(super) fn partner(&self, partner: PartnerId) -> bool {
        let parent =
            |of: PartnerId| self.world.partners.iter().find(|row| row.id == of).and_then(|row| row.parent_id);
        match self.who {
            Who::PartnerAdmin(own) | Who::PartnerOperator(own) => {
                let mut up = Some(partner);
                while up.is_some_and(|at| at != own) {
                    up = up.and_then(parent);
                }
                up.is_some() || parent(own) == Some(partner)
            }
            Who::Customer(own, ..) => {
                self.of_customer(own).any(|access| access.partner_id == partner && self.access(access))
            }
            Who::PlatformAdmin => true,
            Who::Nobody => false,
        }
    }

    /// What is left of the world for the viewer, as far as it has ids.
    pub(super) fn shown(&self) -> World {
        let mut shown = self.world.clone();
        shown.partners.retain(|row| self.partner(row.id));
        shown.customers.retain(|row| self.customer(row.customer_id));
        shown.users.retain(|row| row.id == self.user);
        shown.accesses.retain(|row| self.access(row));
        shown.subscriptions.retain(|row| {
            let access = self.world.accesses.iter().find(|access| access.id == row.access_id);
            access.is_some_and(|access| self.subscription(access))
        });
        shown.partner_audit_events.retain(|row| self.log(row.partner_id));
        shown.quotes.retain(|row| self.log(row.partner_id));
        shown.partner_api_keys.retain(|row| self.log(row.partner_id));
        shown.prepaid_purchases.retain(|row| self.purse(row.partner_id));
        shown.plans.retain(|row| self.catalogue(&row.currency));
        shown.plan_add_ons.retain(|row| self.catalogue(&row.currency));
        shown.customer_audit_events.retain(|row| self.event(row.customer_id, &row.action));
        shown.api_keys.retain(|row| self.security(row.customer_id));
        macro_rules! posture {
            ($($table:ident)*) => {$( shown.$table.retain(|row| self.posture(row.customer_id)); )*};
        }
        posture! { assets findings sla_policies components scans scan_schedules evidence evidence_findings evidence_scans evidence_files posture_shares }
        shown.finding_history.retain(|row| self.finding_change(row.customer_id, row.partner_id));
        shown
    }

    /// Whether a row of a table is shown. Only the tables that a proof looks at from the other side are known here.
    pub(super) fn sees(&self, table: &str, row: &Value) -> bool {
        let uuid = |column: &str| row[column].as_str().and_then(|text| text.parse().ok());
        let customer =
            |sees: &dyn Fn(CustomerId) -> bool| uuid("customer_id").is_some_and(|id| sees(CustomerId(id)));
        match table {
            "customers" => customer(&|id| self.customer(id)),
            "assets"
            | "findings"
            | "sla_policies"
            | "components"
            | "scans"
            | "scan_reports"
            | "scan_targets"
            | "scan_schedules"
            | "scan_schedule_targets"
            | "evidence"
            | "evidence_findings"
            | "evidence_scans"
            | "evidence_files"
            | "posture_shares"
            | "posture_snapshots" => customer(&|id| self.posture(id)),
            "access_records" => customer(&|id| self.exposure(id)),
            "finding_history" => customer(&|id| self.finding_change(id, uuid("partner_id").map(PartnerId))),
            "customer_audit_events" => {
                customer(&|id| self.event(id, row["action"].as_str().unwrap_or_default()))
            }
            "security_settings" | "api_keys" => customer(&|id| self.security(id)),
            "partner_audit_events" | "partner_api_keys" | "quotes" => {
                uuid("partner_id").is_some_and(|id| self.log(PartnerId(id)))
            }
            "prepaid_purchases" => uuid("partner_id").is_some_and(|id| self.purse(PartnerId(id))),
            "usage_alerts" => uuid("access_id").is_some_and(|id| self.alert(AccessId(id))),
            "plans" | "plan_add_ons" => row["currency"].as_str().is_some_and(|own| self.catalogue(own)),
            "visits" => uuid("user_id") == Some(self.user.0),
            "partners" => uuid("id").is_some_and(|id| self.partner(PartnerId(id))),
            "accesses" | "subscriptions" => {
                let id = uuid(if table == "accesses" { "id" } else { "access_id" });
                let access = self.world.accesses.iter().find(|access| Some(access.id.0) == id);
                access.is_some_and(|access| match table {
                    "accesses" => self.access(access),
                    _ => self.subscription(access),
                })
            }
            _ => false,
        }
    }
}

/// The role that a membership gives a user.
fn role(world: &World, user: UserId, membership: &Membership) -> Option<Who> {
    match *membership {
        Membership::Partner(partner, member, role) if member == user => Some(match role {
            PartnerRole::Admin => Who::PartnerAdmin(partner),
            PartnerRole::Operator => Who::PartnerOperator(partner),
        }),
        Membership::Customer(customer, member, role) if member == user => {
            let portal = world.customers.iter().find(|row| row.customer_id == customer)?.portal_access;
            Some(Who::Customer(customer, role, portal))
        }
        Membership::Partner(..)
        | Membership::Customer(..)
        | Membership::Scanner(..)
        | Membership::Assignment(..) => None,
    }
}
