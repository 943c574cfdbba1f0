//! What the gate says: for every relation the rows that a viewer may see, by `policy` alone.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{PartnerRole, ViewerKind};
use posture_gateway::policy::{
    AccessFacts, AccessTerms, DataClass, PartnerScope, Scope, Subject, Viewer, decide, decide_partner,
    grant_exposure, partner_scope, scope,
};
use posture_gateway::store::seed::{Access, Membership, World};

use super::builder::now;
use super::observed::{RELATIONS, Shown};
use crate::support::events::is_of_security;

/// The relations that belong to a customer alone, and the class that opens each of them.
pub(super) const CLASSES: &[(&str, DataClass)] = &[
    ("api_keys", DataClass::SecurityConfig),
    ("assets", DataClass::Posture),
    ("components", DataClass::Posture),
    ("evidence", DataClass::Posture),
    ("evidence_files", DataClass::Posture),
    ("evidence_findings", DataClass::Posture),
    ("evidence_scans", DataClass::Posture),
    ("findings", DataClass::Posture),
    ("posture_due", DataClass::Posture),
    ("posture_rollups", DataClass::Posture),
    ("posture_shares", DataClass::Posture),
    ("posture_snapshots", DataClass::Posture),
    ("scan_reports", DataClass::Posture),
    ("scan_schedule_targets", DataClass::Posture),
    ("scan_schedules", DataClass::Posture),
    ("scan_targets", DataClass::Posture),
    ("scans", DataClass::Posture),
    ("security_settings", DataClass::SecurityConfig),
    ("sla_policies", DataClass::Posture),
];

/// A world with what the questions need at hand.
pub(super) struct Gate<'w> {
    world: &'w World,
    portals: BTreeMap<CustomerId, PortalAccess>,
    accesses: BTreeMap<CustomerId, Vec<&'w Access>>,
    assignments: BTreeSet<(UserId, AccessId)>,
}

impl<'w> Gate<'w> {
    pub(super) fn of(world: &'w World) -> Self {
        let mut accesses: BTreeMap<CustomerId, Vec<&Access>> = BTreeMap::new();
        for access in &world.accesses {
            accesses.entry(access.customer_id).or_default().push(access);
        }
        let assignments = world.memberships.iter().filter_map(|membership| match membership {
            Membership::Assignment(_, access, user) => Some((*user, *access)),
            Membership::Partner(..) | Membership::Customer(..) | Membership::Scanner(..) => None,
        });
        Self {
            world,
            portals: world.customers.iter().map(|row| (row.customer_id, row.portal_access)).collect(),
            accesses,
            assignments: assignments.collect(),
        }
    }

    /// Every user of the world; none for a disabled one, who is nobody.
    pub(super) fn viewers(&self) -> Vec<(UserId, Option<Viewer>)> {
        self.world
            .users
            .iter()
            .map(|row| (row.id, row.disabled_at.is_none().then(|| self.viewer(row.id, row.kind))))
            .collect()
    }

    fn viewer(&self, user: UserId, kind: ViewerKind) -> Viewer {
        let of_organisation = || {
            self.world.memberships.iter().find_map(|membership| match *membership {
                Membership::Partner(partner, member, role) if member == user => {
                    Some(Viewer::Partner { user, partner, role })
                }
                Membership::Customer(customer, member, role) if member == user => {
                    Some(Viewer::Customer { user, customer, role })
                }
                _ => None,
            })
        };
        match kind {
            ViewerKind::PartnerUser | ViewerKind::CustomerUser => of_organisation().unwrap(),
            ViewerKind::PlatformAdmin => Viewer::PlatformAdmin { user },
            ViewerKind::Scanner => Viewer::Scanner { user },
        }
    }

    /// What the gate shows a viewer of every relation.
    #[expect(clippy::too_many_lines, reason = "a paragraph a relation")]
    pub(super) fn shows(&self, viewer: Option<&Viewer>) -> Shown {
        let mut shown: Shown = RELATIONS.iter().map(|(relation, _)| (*relation, BTreeSet::new())).collect();
        let Some(viewer) = viewer else { return shown };
        let mut show = |relation: &'static str, key: String| {
            shown.get_mut(relation).unwrap().insert(key);
        };
        let world = self.world;

        for access in &world.accesses {
            let facts = self.facts(viewer, access);
            let sees_it = self.in_scope(viewer, access);
            if sees_it {
                show("accesses", access.id.to_string());
            }
            if sees_it && matches!(viewer, Viewer::Partner { .. }) {
                let decided = |class, word| {
                    if self.decide(viewer, class, access.customer_id, Some(facts)) { word } else { "" }
                };
                let posture = decided(DataClass::Posture, " posture");
                let security = decided(DataClass::SecurityConfig, " security");
                show("gate.partner_sees", format!("{}{posture}{security}", access.id));
            }
            if sees_it && self.decide(viewer, DataClass::Commercial, access.customer_id, Some(facts)) {
                for relation in ["subscriptions", "subscription_add_ons", "usage_alerts"] {
                    show(relation, access.id.to_string());
                }
                // Metering is per customer: who sees one of its accesses' subscriptions sees the usage.
                for relation in ["usage_assets", "usage_scans"] {
                    show(relation, access.customer_id.to_string());
                }
            }
        }
        // The usage of a customer without an access is nobody's but the platform's and its own.
        for customer in world.customers.iter().map(|row| row.customer_id) {
            if !matches!(viewer, Viewer::Partner { .. })
                && self.decide(viewer, DataClass::Commercial, customer, None)
            {
                for relation in ["usage_assets", "usage_scans"] {
                    show(relation, customer.to_string());
                }
            }
            let deciding = self.deciding(viewer, customer);
            for &(relation, class) in CLASSES {
                if self.decide(viewer, class, customer, deciding) {
                    show(relation, customer.to_string());
                }
            }
        }
        // What is between the customer and one partner, no other partner is told.
        let own = |partner: PartnerId| match *viewer {
            Viewer::Partner { partner: own, .. } => own == partner,
            Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => true,
        };
        for row in &world.finding_history {
            let deciding = self.deciding(viewer, row.customer_id);
            if row.partner_id.is_none_or(own)
                && self.decide(viewer, DataClass::Posture, row.customer_id, deciding)
            {
                let partner = row.partner_id.map(|id| id.to_string()).unwrap_or_default();
                show("finding_history", format!("{} {partner}", row.customer_id));
            }
        }
        for row in &world.customer_audit_events {
            let deciding = self.deciding(viewer, row.customer_id);
            let of_security = is_of_security(&row.action);
            if row.partner_id.is_none_or(own)
                && self.decide(viewer, DataClass::Activity, row.customer_id, deciding)
                && (!of_security || self.decide(viewer, DataClass::SecurityConfig, row.customer_id, deciding))
            {
                let partner = row.partner_id.map(|id| id.to_string()).unwrap_or_default();
                show("customer_audit_events", format!("{} {partner} {}", row.customer_id, row.action));
            }
        }
        for row in &world.customers {
            if self.meets(viewer, row.customer_id, row.created_by) {
                show("customers", row.customer_id.to_string());
            }
        }
        for partner in world.partners.iter().map(|row| row.id) {
            if self.partner_in_scope(viewer, partner) {
                show("partners", partner.to_string());
            }
            // The partner's own books.
            if decide_partner(viewer, DataClass::Commercial, partner).is_visible() {
                show("partner_audit_events", partner.to_string());
                show("partner_api_keys", partner.to_string());
                let quotes = world.quotes.iter().filter(|row| row.partner_id == partner);
                quotes.for_each(|row| show("quotes", row.customer_id.to_string()));
            }
            // Prices are the same for all who see any.
            if decide_partner(viewer, DataClass::Pricing, partner).is_visible() {
                show("prepaid_purchases", partner.to_string());
                let sold = world.subscriptions.iter().filter(|row| row.partner_id == partner && row.prepaid);
                sold.for_each(|row| show("prepaid_assignments", row.access_id.to_string()));
                world.pricing.iter().for_each(|price| show("pricing", price.license_model.to_string()));
            }
        }
        // The catalogue is for those who sell and those who keep it.
        if matches!(viewer, Viewer::Partner { .. } | Viewer::PlatformAdmin { .. }) {
            world.plans.iter().for_each(|row| show("plans", row.name.clone()));
            world.plan_add_ons.iter().for_each(|row| show("plan_add_ons", row.code.clone()));
        }
        // Who could see a customer is told to its own ADMINs, where they see its ACTIVITY.
        let told = |customer: CustomerId| {
            let subject = Subject { customer, access: None, portal_access: self.portals[&customer] };
            grant_exposure(viewer, &subject).is_visible()
        };
        for row in world.access_records.iter().filter(|row| told(row.customer_id)) {
            show("access_records", row.customer_id.to_string());
        }
        for access in world.accesses.iter().filter(|access| told(access.customer_id)) {
            show("access_history", access.id.to_string());
            for membership in &world.memberships {
                match *membership {
                    Membership::Partner(partner, user, _) if partner == access.partner_id => {
                        show("partner_user_history", user.to_string());
                    }
                    Membership::Assignment(_, assigned, user) if assigned == access.id => {
                        show("assignment_history", format!("{assigned} of {user}"));
                    }
                    _ => (),
                }
            }
        }
        // Everyone sees themselves. A security configuration names the customer's people.
        show("users", viewer.user().to_string());
        show("visits", viewer.user().to_string());
        for membership in &world.memberships {
            match *membership {
                // An ADMIN keeps the partner's people.
                Membership::Partner(partner, user, _)
                    if user == viewer.user()
                        || decide_partner(viewer, DataClass::Commercial, partner).is_visible() =>
                {
                    show("partner_users", user.to_string());
                    show("users", user.to_string());
                }
                Membership::Customer(customer, user, _) => {
                    let deciding = self.deciding(viewer, customer);
                    if user == viewer.user()
                        || self.decide(viewer, DataClass::SecurityConfig, customer, deciding)
                    {
                        show("customer_users", user.to_string());
                        show("users", user.to_string());
                    }
                }
                // The gateway has to know what is assigned to the viewer, and no more.
                Membership::Assignment(_, access, user) if user == viewer.user() => {
                    show("operator_assignments", format!("{access} of {user}"));
                }
                Membership::Partner(..) | Membership::Assignment(..) | Membership::Scanner(..) => (),
            }
        }
        shown
    }

    fn portal(&self, viewer: &Viewer) -> PortalAccess {
        match viewer {
            Viewer::Customer { customer, .. } => self.portals[customer],
            Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => {
                PortalAccess::Disabled
            }
        }
    }

    fn in_scope(&self, viewer: &Viewer, access: &Access) -> bool {
        match scope(viewer, self.portal(viewer)) {
            Scope::Everything => true,
            Scope::OfPartner(partner) => access.partner_id == partner,
            // A stray assignment opens nothing.
            Scope::AssignedTo(partner, user) => {
                access.partner_id == partner && self.assignments.contains(&(user, access.id))
            }
            Scope::OfCustomer(customer) => access.customer_id == customer,
            Scope::Nothing => false,
        }
    }

    fn facts(&self, viewer: &Viewer, access: &Access) -> AccessFacts {
        let terms = AccessTerms {
            partner: access.partner_id,
            customer: access.customer_id,
            status: access.status,
            trial_ends_at: access.trial_ends_at,
            operating_model: access.operating_model,
            privilege_ceiling: access.privilege_ceiling,
            granted_consent: access.customer_consent,
            granted_until: access.consent_until,
        };
        terms.facts_at(now(), self.assignments.contains(&(viewer.user(), access.id)))
    }

    /// The access that decides for a partner's user: of those in scope the live one (DESIGN.md 9).
    fn deciding(&self, viewer: &Viewer, customer: CustomerId) -> Option<AccessFacts> {
        let Viewer::Partner { .. } = viewer else { return None };
        let mut accesses: Vec<_> =
            self.accesses.get(&customer)?.iter().filter(|access| self.in_scope(viewer, access)).collect();
        accesses.sort_by_key(|access| !access.status.is_live());
        accesses.first().map(|access| self.facts(viewer, access))
    }

    fn decide(
        &self,
        viewer: &Viewer,
        class: DataClass,
        customer: CustomerId,
        access: Option<AccessFacts>,
    ) -> bool {
        let subject = Subject { customer, access, portal_access: self.portals[&customer] };
        decide(viewer, class, &subject).is_visible()
    }

    /// The bare organisation: the own one, those of the accesses in scope, and before the first access, so that it can
    /// quote, for an ADMIN of the partner that created it (DESIGN.md 9).
    fn meets(&self, viewer: &Viewer, customer: CustomerId, created_by: PartnerId) -> bool {
        match *viewer {
            Viewer::Partner { partner, role, .. } => {
                self.deciding(viewer, customer).is_some()
                    || role == PartnerRole::Admin && partner == created_by
            }
            Viewer::Customer { customer: own, .. } => own == customer,
            Viewer::PlatformAdmin { .. } => true,
            Viewer::Scanner { .. } => false,
        }
    }

    fn partner_in_scope(&self, viewer: &Viewer, partner: PartnerId) -> bool {
        let parent = |of: PartnerId| self.world.partners.iter().find(|row| row.id == of).unwrap().parent_id;
        match partner_scope(viewer, self.portal(viewer)) {
            PartnerScope::Everything => true,
            PartnerScope::Tree(own) => {
                let mut up = Some(partner);
                while up.is_some_and(|at| at != own) {
                    up = up.and_then(parent);
                }
                up.is_some() || parent(own) == Some(partner)
            }
            PartnerScope::OfCustomer(customer) => {
                self.accesses.get(&customer).is_some_and(|all| all.iter().any(|a| a.partner_id == partner))
            }
            PartnerScope::Nothing => false,
        }
    }
}
