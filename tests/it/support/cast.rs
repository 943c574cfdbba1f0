//! A world with somebody of every kind in it, for tests that ask who may see what.
//!
//! Alder is a distributor; Birch and Cedar are resellers under it. Birch sells to Acme, Bolt and Crown, one of each
//! operating model; Cedar sells to Bolt too, and to Dune. Every customer has one of everything.

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{
    AccessId, ApiKeyId, AuditEventId, CustomerId, PartnerId, QuoteId, UserId,
};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{Membership, deterministic_id};

use super::world::{Posture, Terms, World, days};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persona {
    /// ADMIN of Alder, the distributor above all others.
    DistributorAdmin,
    /// ADMIN of Birch.
    PartnerAdmin,
    /// OPERATOR of Birch, assigned to Bolt.
    Operator,
    /// OPERATOR of Birch, assigned to nothing.
    UnassignedOperator,
    /// ADMIN of Cedar.
    RivalAdmin,
    /// ADMIN of Acme, whose portal is FULL.
    FullPortalAdmin,
    /// `READ_ONLY` user of Acme.
    FullPortalReader,
    /// ADMIN of Bolt, whose portal is `READ_ONLY`.
    ReadOnlyPortalAdmin,
    /// `READ_ONLY` user of Bolt.
    ReadOnlyPortalReader,
    /// ADMIN of Crown, whose portal is DISABLED.
    DisabledPortalAdmin,
    /// `READ_ONLY` user of Crown.
    DisabledPortalReader,
    /// Administers the platform.
    PlatformAdmin,
    /// Scans Bolt.
    Scanner,
    /// Was ADMIN of Birch, and is disabled.
    DisabledUser,
    /// Is a partner's user without a role at any partner.
    Homeless,
    /// Has a token and is in no table.
    Unknown,
}

impl Persona {
    /// Everyone.
    pub(crate) const ALL: [Self; 16] = [
        Self::DistributorAdmin,
        Self::PartnerAdmin,
        Self::Operator,
        Self::UnassignedOperator,
        Self::RivalAdmin,
        Self::FullPortalAdmin,
        Self::FullPortalReader,
        Self::ReadOnlyPortalAdmin,
        Self::ReadOnlyPortalReader,
        Self::DisabledPortalAdmin,
        Self::DisabledPortalReader,
        Self::PlatformAdmin,
        Self::Scanner,
        Self::DisabledUser,
        Self::Homeless,
        Self::Unknown,
    ];

    /// Everyone whom a token still signs in.
    pub(crate) fn signed_in() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().take(13)
    }
}

impl From<Persona> for UserId {
    fn from(persona: Persona) -> Self {
        Self(deterministic_id("persona", persona as u64))
    }
}

/// The world and its names.
pub(crate) struct Cast {
    pub(crate) world: World,
    pub(crate) alder: PartnerId,
    pub(crate) birch: PartnerId,
    pub(crate) cedar: PartnerId,
    /// Of Birch, `CUSTOMER_MANAGED`; its portal is FULL.
    pub(crate) acme: Sold,
    /// Of Birch, `CO_MANAGED`; its portal is `READ_ONLY`.
    pub(crate) bolt: Sold,
    /// Of Birch, `FULLY_MANAGED` with MANAGE on both sides; its portal is DISABLED.
    pub(crate) crown: Sold,
    /// Of Cedar, `CO_MANAGED`: nothing to Birch.
    pub(crate) dune: Sold,
    /// Cedar's access to Bolt, `CUSTOMER_MANAGED`.
    pub(crate) rival_access: AccessId,
    /// Birch's offer to Bolt.
    pub(crate) birch_quote: QuoteId,
    /// An API key of Birch, which signs in nobody.
    pub(crate) birch_key: ApiKeyId,
    pub(crate) birch_event: AuditEventId,
    pub(crate) cedar_event: AuditEventId,
}

/// A customer with an access to it and one of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sold {
    pub(crate) customer: CustomerId,
    pub(crate) access: AccessId,
    pub(crate) posture: Posture,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let mut world = World::default();
        world.price_list();
        world.catalogue();
        let alder = world.partner("Alder Distribution");
        let birch = world.reseller(alder, "Birch Security");
        let cedar = world.reseller(alder, "Cedar Security");
        let sell = |world: &mut World, partner, name, portal, terms| {
            let customer = world.customer(partner, name, portal);
            let access = world.access(partner, customer, terms);
            Sold { customer, access, posture: world.posture(customer) }
        };
        let acme = sell(&mut world, birch, "Acme", PortalAccess::Full, Terms::customer_managed());
        let bolt = sell(&mut world, birch, "Bolt", PortalAccess::ReadOnly, Terms::co_managed());
        let crown = sell(&mut world, birch, "Crown", PortalAccess::Disabled, Terms::fully_managed());
        let dune = sell(&mut world, cedar, "Dune", PortalAccess::Disabled, Terms::co_managed());
        let rival_access = world.access(cedar, bolt.customer, Terms::customer_managed());
        let birch_quote = world.quote(birch, bolt.customer);
        let birch_event = world.partner_event(birch, "ACCESS_CREATED");
        let cedar_event = world.partner_event(cedar, "ACCESS_CREATED");
        let mut cast = Self {
            world,
            alder,
            birch,
            cedar,
            acme,
            bolt,
            crown,
            dune,
            rival_access,
            birch_quote,
            birch_key: ApiKeyId(uuid::Uuid::nil()),
            birch_event,
            cedar_event,
        };
        for persona in Persona::ALL {
            cast.sign_up(persona);
        }
        cast.birch_key = cast.world.partner_key(cast.birch, "Ticket system");
        cast.world.partner_key(cast.cedar, "Rival system");
        cast
    }

    fn sign_up(&mut self, persona: Persona) {
        let id = UserId::from(persona);
        let of_partner =
            |partner, role| (ViewerKind::PartnerUser, Some(Membership::Partner(partner, id, role)));
        let of_customer = |sold: Sold, role| {
            (ViewerKind::CustomerUser, Some(Membership::Customer(sold.customer, id, role)))
        };
        let (kind, membership) = match persona {
            Persona::DistributorAdmin => of_partner(self.alder, PartnerRole::Admin),
            Persona::PartnerAdmin | Persona::DisabledUser => of_partner(self.birch, PartnerRole::Admin),
            Persona::Operator | Persona::UnassignedOperator => of_partner(self.birch, PartnerRole::Operator),
            Persona::RivalAdmin => of_partner(self.cedar, PartnerRole::Admin),
            Persona::FullPortalAdmin => of_customer(self.acme, CustomerRole::Admin),
            Persona::FullPortalReader => of_customer(self.acme, CustomerRole::ReadOnly),
            Persona::ReadOnlyPortalAdmin => of_customer(self.bolt, CustomerRole::Admin),
            Persona::ReadOnlyPortalReader => of_customer(self.bolt, CustomerRole::ReadOnly),
            Persona::DisabledPortalAdmin => of_customer(self.crown, CustomerRole::Admin),
            Persona::DisabledPortalReader => of_customer(self.crown, CustomerRole::ReadOnly),
            Persona::PlatformAdmin => (ViewerKind::PlatformAdmin, None),
            Persona::Scanner => (ViewerKind::Scanner, Some(Membership::Scanner(self.bolt.customer, id))),
            Persona::Homeless => (ViewerKind::PartnerUser, None),
            Persona::Unknown => return,
        };
        self.world.user_with_id(id, kind, &format!("{persona:?}"));
        self.world.rows.memberships.extend(membership);
        match persona {
            Persona::Operator => self.world.assign(id, self.bolt.customer, self.bolt.access),
            Persona::DisabledUser => {
                self.world.rows.users.last_mut().unwrap().disabled_at = Some(days(-1));
            }
            _ => {}
        }
    }
}
