//! What holds of a world, and what the gate's public functions say about it: which answers are due to whom.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, QuoteId, UserId};
use posture_gateway::domain::user::{PartnerRole, ViewerKind};
use posture_gateway::policy::{
    AccessTerms, DataClass, HiddenReason, PartnerScope, Scope, Subject, Viewer, decide, decide_partner,
    explain, explain_exposure, explain_partner, grant_exposure, partner_scope, scope,
};
use posture_gateway::store::seed::{Access, Membership, World};

/// A denial as it is due: class, reason and sentence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Denial {
    pub(super) class: DataClass,
    pub(super) reason: HiddenReason,
    pub(super) message: String,
}

/// A world with what the questions need at hand, at an instant.
pub(super) struct Facts {
    now: DateTime<Utc>,
    viewers: HashMap<UserId, Viewer>,
    portals: HashMap<CustomerId, PortalAccess>,
    created_by: HashMap<CustomerId, PartnerId>,
    parents: HashMap<PartnerId, Option<PartnerId>>,
    accesses: Vec<Access>,
    /// Places in `accesses`.
    of_customer: HashMap<CustomerId, Vec<usize>>,
    assigned: HashSet<(UserId, AccessId)>,
    /// By whom each was made.
    quotes: HashMap<QuoteId, PartnerId>,
    /// Where people belong, the disabled ones too.
    members: HashMap<UserId, Viewer>,
}

impl Facts {
    pub(super) fn of(world: &World, now: DateTime<Utc>) -> Self {
        let mut of_customer: HashMap<CustomerId, Vec<usize>> = HashMap::new();
        for (place, access) in world.accesses.iter().enumerate() {
            of_customer.entry(access.customer_id).or_default().push(place);
        }
        let mut facts = Self {
            now,
            viewers: HashMap::new(),
            portals: world.customers.iter().map(|row| (row.customer_id, row.portal_access)).collect(),
            created_by: world.customers.iter().map(|row| (row.customer_id, row.created_by)).collect(),
            parents: world.partners.iter().map(|row| (row.id, row.parent_id)).collect(),
            accesses: world.accesses.clone(),
            of_customer,
            assigned: HashSet::new(),
            quotes: world.quotes.iter().map(|row| (row.id, row.partner_id)).collect(),
            members: HashMap::new(),
        };
        let mut known = HashMap::new();
        for membership in &world.memberships {
            match *membership {
                Membership::Partner(partner, user, role) => {
                    known.insert(user, Viewer::Partner { user, partner, role });
                }
                Membership::Customer(customer, user, role) => {
                    known.insert(user, Viewer::Customer { user, customer, role });
                }
                Membership::Assignment(_, access, user) => {
                    facts.assigned.insert((user, access));
                }
                Membership::Scanner(..) => {}
            }
        }
        for row in world.users.iter().filter(|row| row.disabled_at.is_none()) {
            let user = row.id;
            let viewer = match row.kind {
                ViewerKind::PlatformAdmin => Some(Viewer::PlatformAdmin { user }),
                ViewerKind::Scanner => Some(Viewer::Scanner { user }),
                ViewerKind::PartnerUser | ViewerKind::CustomerUser => known.get(&user).copied(),
            };
            facts.viewers.extend(viewer.map(|viewer| (user, viewer)));
        }
        facts.members = known;
        facts
    }

    /// Who a token's subject is; none for whoever may not sign in.
    pub(super) fn viewer(&self, user: UserId) -> Option<Viewer> {
        self.viewers.get(&user).copied()
    }

    fn portal(&self, viewer: &Viewer) -> PortalAccess {
        match viewer {
            Viewer::Customer { customer, .. } => self.portals[customer],
            Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => {
                PortalAccess::Disabled
            }
        }
    }

    fn terms(access: &Access) -> AccessTerms {
        AccessTerms {
            partner: access.partner_id,
            customer: access.customer_id,
            status: access.status,
            trial_ends_at: access.trial_ends_at,
            operating_model: access.operating_model,
            privilege_ceiling: access.privilege_ceiling,
            granted_consent: access.customer_consent,
            granted_until: access.consent_until,
        }
    }

    fn in_scope(&self, viewer: &Viewer, access: &Access) -> bool {
        match scope(viewer, self.portal(viewer)) {
            Scope::Everything => true,
            Scope::OfPartner(partner) => access.partner_id == partner,
            Scope::AssignedTo(partner, user) => {
                access.partner_id == partner && self.assigned.contains(&(user, access.id))
            }
            Scope::OfCustomer(customer) => access.customer_id == customer,
            Scope::Nothing => false,
        }
    }

    /// Every access to a customer.
    fn accesses_to(&self, customer: CustomerId) -> impl Iterator<Item = &Access> {
        self.of_customer.get(&customer).into_iter().flatten().map(|place| &self.accesses[*place])
    }

    fn access(&self, customer: CustomerId, id: AccessId) -> Option<&Access> {
        self.accesses_to(customer).find(|access| access.id == id)
    }

    /// The accesses that exist for the viewer, of one partner's.
    pub(super) fn accesses_of(&self, viewer: &Viewer, partner: PartnerId) -> impl Iterator<Item = &Access> {
        let of_partner = self.accesses.iter().filter(move |access| access.partner_id == partner);
        of_partner.filter(|access| self.in_scope(viewer, access))
    }

    /// The accesses that exist for the viewer, to one customer.
    pub(super) fn accesses_for(
        &self,
        viewer: &Viewer,
        customer: CustomerId,
    ) -> impl Iterator<Item = &Access> {
        self.accesses_to(customer).filter(|access| self.in_scope(viewer, access))
    }

    /// The access through which a partner's user sees a customer: the live one, else the newest (DESIGN.md 9).
    pub(super) fn deciding(&self, viewer: &Viewer, customer: CustomerId) -> Option<&Access> {
        let Viewer::Partner { partner, .. } = viewer else { return None };
        let theirs = self.accesses_for(viewer, customer).filter(|access| access.partner_id == *partner);
        theirs.max_by_key(|access| (access.status != AccessStatus::Ended, access.created_at, access.id.0))
    }

    fn subject(&self, viewer: &Viewer, customer: CustomerId, access: Option<&Access>) -> Subject {
        let assigned = |access: &Access| self.assigned.contains(&(viewer.user(), access.id));
        let access = access.map(|access| Self::terms(access).facts_at(self.now, assigned(access)));
        Subject { customer, access, portal_access: self.portal(viewer) }
    }

    /// The decision on a customer's own fields.
    pub(super) fn of_customer(
        &self,
        viewer: &Viewer,
        class: DataClass,
        customer: CustomerId,
    ) -> Option<Denial> {
        let subject = self.subject(viewer, customer, self.deciding(viewer, customer));
        denial(viewer, class, &subject)
    }

    /// The decision on what hangs on one access, taken by itself.
    pub(super) fn of_access(
        &self,
        viewer: &Viewer,
        class: DataClass,
        (customer, id): (CustomerId, AccessId),
    ) -> Option<Denial> {
        denial(viewer, class, &self.subject(viewer, customer, self.access(customer, id)))
    }

    /// The decision on a partner's own books.
    pub(super) fn of_partner(viewer: &Viewer, class: DataClass, partner: PartnerId) -> Option<Denial> {
        let reason = decide_partner(viewer, class, partner).reason()?;
        Some(Denial { class, reason, message: explain_partner(viewer, class, partner) })
    }

    /// The decision on who could see a customer.
    pub(super) fn of_exposure(&self, viewer: &Viewer, customer: CustomerId) -> Option<Denial> {
        let subject = self.subject(viewer, customer, self.deciding(viewer, customer));
        let reason = grant_exposure(viewer, &subject).reason()?;
        let message = explain_exposure(viewer, &subject, reason);
        Some(Denial { class: DataClass::Activity, reason, message })
    }

    /// Whether the organisation exists for the viewer.
    pub(super) fn knows_customer(&self, viewer: &Viewer, customer: CustomerId) -> bool {
        match *viewer {
            Viewer::Partner { partner, role, .. } => {
                self.deciding(viewer, customer).is_some()
                    || role == PartnerRole::Admin && self.created_by[&customer] == partner
            }
            Viewer::Customer { customer: own, .. } => own == customer,
            Viewer::PlatformAdmin { .. } => true,
            Viewer::Scanner { .. } => false,
        }
    }

    /// Whether the partner exists for the viewer: its own tree, or who has an access to it.
    pub(super) fn knows_partner(&self, viewer: &Viewer, partner: PartnerId) -> bool {
        match partner_scope(viewer, self.portal(viewer)) {
            PartnerScope::Everything => true,
            PartnerScope::Tree(own) => {
                self.parents[&own] == Some(partner)
                    || std::iter::successors(Some(partner), |child| self.parents[child]).any(|at| at == own)
            }
            PartnerScope::OfCustomer(customer) => {
                self.accesses_to(customer).any(|access| access.partner_id == partner)
            }
            PartnerScope::Nothing => false,
        }
    }

    /// A partner's distributor.
    pub(super) fn parent(&self, partner: PartnerId) -> Option<PartnerId> {
        self.parents[&partner]
    }

    /// Whether an object that exists may be known to the viewer: what `node` answers, and every `id` in an answer.
    pub(super) fn knows(&self, viewer: &Viewer, id: GlobalId) -> bool {
        let shows = |class, customer| self.of_customer(viewer, class, customer).is_none();
        match id {
            GlobalId::Partner(id) => self.knows_partner(viewer, id),
            GlobalId::Customer(id) => self.knows_customer(viewer, id),
            GlobalId::User(id) => {
                let kept = match self.members.get(&id) {
                    Some(Viewer::Partner { partner, .. }) => {
                        Self::of_partner(viewer, DataClass::Commercial, *partner).is_none()
                    }
                    Some(Viewer::Customer { customer, .. }) => {
                        self.of_customer(viewer, DataClass::SecurityConfig, *customer).is_none()
                    }
                    Some(Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. }) | None => false,
                };
                viewer.user() == id || kept
            }
            GlobalId::Access(customer, id) => {
                self.access(customer, id).is_some_and(|access| self.in_scope(viewer, access))
            }
            GlobalId::Subscription(customer, id) => {
                self.knows(viewer, GlobalId::Access(customer, id))
                    && self.of_access(viewer, DataClass::Commercial, (customer, id)).is_none()
            }
            GlobalId::Finding(customer, _)
            | GlobalId::Asset(customer, _)
            | GlobalId::Component(customer, _)
            | GlobalId::Scan(customer, _)
            | GlobalId::ScanSchedule(customer, _)
            | GlobalId::Evidence(customer, _)
            | GlobalId::PostureShare(customer, _) => shows(DataClass::Posture, customer),
            GlobalId::CustomerAuditEvent(customer, _) => shows(DataClass::Activity, customer),
            GlobalId::ApiKey(customer, _) => shows(DataClass::SecurityConfig, customer),
            GlobalId::Quote(_, id) => self
                .quotes
                .get(&id)
                .is_some_and(|partner| Self::of_partner(viewer, DataClass::Commercial, *partner).is_none()),
            GlobalId::PartnerAuditEvent(partner, _) | GlobalId::PartnerApiKey(partner, _) => {
                Self::of_partner(viewer, DataClass::Commercial, partner).is_none()
            }
        }
    }
}

fn denial(viewer: &Viewer, class: DataClass, subject: &Subject) -> Option<Denial> {
    let reason = decide(viewer, class, subject).reason()?;
    Some(Denial { class, reason, message: explain(viewer, class, subject, reason) })
}
