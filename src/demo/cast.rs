//! Who is in the demo and on which terms: four partners, a hundred customers, every row of the gate's tables.

use chrono::{DateTime, TimeDelta, Utc};

use super::names;
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::store::seed::{self, deterministic_id};

use House::{Alpine, Harbor, Meridian, Redwood};
use OperatingModel::{CoManaged, CustomerManaged, FullyManaged};
use Privilege::{Manage, None as Nothing, Support};

/// The demo's partners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum House {
    /// The distributor above Harbor and Alpine.
    Meridian,
    /// The reseller of the introduction: 10 co-managed customers, 50 customer-managed ones.
    Harbor,
    /// Its smaller sibling.
    Alpine,
    /// An MSSP of its own, which runs its customers' security.
    Redwood,
}

impl House {
    pub(super) const ALL: [Self; 4] = [Meridian, Harbor, Alpine, Redwood];

    pub(super) fn id(self) -> PartnerId {
        PartnerId(deterministic_id("partner", self as u64))
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Meridian => "Meridian Distribution",
            Harbor => "Harbor Security",
            Alpine => "Alpine Resellers",
            Redwood => "Redwood Managed Security",
        }
    }

    /// The domain of its users' addresses.
    pub(super) const fn domain(self) -> &'static str {
        match self {
            Meridian => "meridian-partner.example",
            Harbor => "harbor-partner.example",
            Alpine => "alpine-partner.example",
            Redwood => "redwood-partner.example",
        }
    }

    pub(super) const fn currency(self) -> &'static str {
        match self {
            Meridian | Harbor => "EUR",
            Alpine | Redwood => "USD",
        }
    }

    const fn parent(self) -> Option<Self> {
        match self {
            Harbor | Alpine => Some(Meridian),
            Meridian | Redwood => None,
        }
    }
}

/// Where an access stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A trial that ends in so many days; in the past where negative.
    Trial(i64),
    /// Paid from the start.
    Active,
    /// Paid after a trial.
    Converted,
    Suspended,
    /// Ended so many days ago.
    Ended(i64),
}

/// One access as planned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Its number among all accesses.
    pub(super) nth: u32,
    pub(super) house: House,
    pub(super) stage: Stage,
    pub(super) model: OperatingModel,
    pub(super) ceiling: Privilege,
    pub(super) consent: Privilege,
    /// In how many days the consent runs out; in the past where negative.
    pub(super) until: Option<i64>,
    /// How many days ago it began.
    pub(super) age: i64,
}

impl Link {
    fn new(house: House, model: OperatingModel, ceiling: Privilege, consent: Privilege) -> Self {
        Self { nth: 0, house, stage: Stage::Active, model, ceiling, consent, until: None, age: 0 }
    }

    const fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    const fn until(self, days: i64) -> Self {
        Self { until: Some(days), ..self }
    }

    pub(super) fn id(&self) -> AccessId {
        AccessId(deterministic_id("access", self.nth.into()))
    }

    pub(super) const fn status(&self) -> AccessStatus {
        match self.stage {
            Stage::Trial(_) => AccessStatus::Trial,
            Stage::Active | Stage::Converted => AccessStatus::Active,
            Stage::Suspended => AccessStatus::Suspended,
            Stage::Ended(_) => AccessStatus::Ended,
        }
    }

    pub(super) fn created_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::days(self.age) - TimeDelta::minutes(i64::from(self.nth) * 37 % 600)
    }

    pub(super) fn ended_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.stage {
            Stage::Ended(days) => Some(now - TimeDelta::days(days)),
            Stage::Trial(_) | Stage::Active | Stage::Converted | Stage::Suspended => None,
        }
    }

    /// When the trial ends or ended, if there is or was one.
    pub(super) fn trial_ends_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.stage {
            Stage::Trial(days) => Some(now + TimeDelta::days(days)),
            Stage::Converted => Some(self.created_at(now) + TimeDelta::days(30)),
            Stage::Active | Stage::Suspended | Stage::Ended(_) => None,
        }
    }

    /// When a trial that was converted became a paid access.
    pub(super) fn converted_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        (self.stage == Stage::Converted).then(|| self.created_at(now) + TimeDelta::days(26))
    }

    /// Whether its model was changed from the one that every access starts with.
    pub(super) fn has_changed_model(&self) -> bool {
        self.model != CustomerManaged
    }

    /// Whether the customer chose the model during a trial.
    pub(super) fn was_elected(&self) -> bool {
        matches!(self.stage, Stage::Trial(_) | Stage::Converted) && self.has_changed_model()
    }

    fn row(&self, tenant: &Tenant, now: DateTime<Utc>) -> seed::Access {
        let trial_ends_at = self.trial_ends_at(now);
        seed::Access {
            customer_id: tenant.id(),
            id: self.id(),
            partner_id: self.house.id(),
            customer_name: tenant.name(),
            status: self.status(),
            operating_model: self.model,
            privilege_ceiling: self.ceiling,
            customer_consent: self.consent,
            consent_until: self.until.map(|days| now + TimeDelta::days(days)),
            trial_started_at: trial_ends_at.map(|_| self.created_at(now)),
            trial_ends_at,
            trial_convert_by: trial_ends_at.map(|end| end + TimeDelta::days(14)),
            trial_converted_at: self.converted_at(now),
            trial_elected_model: self.was_elected().then_some(self.model),
            version: 1 + i32::from(self.has_changed_model()) + i32::from(self.consent != Support),
            created_at: self.created_at(now),
            ended_at: self.ended_at(now),
        }
    }
}

/// One customer as planned.
#[derive(Clone, Debug)]
pub(super) struct Tenant {
    /// Its number among all customers.
    pub(super) nth: u32,
    pub(super) portal: PortalAccess,
    pub(super) created_by: House,
    /// Its accesses; none where it is still being quoted for.
    pub(super) links: Vec<Link>,
}

impl Tenant {
    pub(super) fn id(&self) -> CustomerId {
        CustomerId(deterministic_id("customer", self.nth.into()))
    }

    pub(super) fn name(&self) -> String {
        names::company(self.nth)
    }

    pub(super) fn domain(&self) -> String {
        names::domain(self.nth)
    }

    /// Whether any scanner ever looked at it.
    pub(super) fn is_scanned(&self) -> bool {
        !self.links.is_empty() && self.nth % 16 != 9
    }

    pub(super) fn created_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let first = self.links.iter().map(|link| link.created_at(now)).min().unwrap_or(now);
        first - TimeDelta::days(1)
    }

    /// The access of a partner that decides, as far as there is one.
    pub(super) fn live_link(&self, house: House) -> Option<&Link> {
        self.links.iter().find(|link| link.house == house && link.status().is_live())
    }
}

/// Everyone, in an order that never changes.
pub(super) fn tenants() -> Vec<Tenant> {
    let mut plans: Vec<Vec<Link>> = harbor_co_managed();
    plans.extend(harbor_customer_managed());
    plans.extend(redwood().into_iter().chain(alpine()).chain(meridian()).map(|link| vec![link]));
    // Left Harbor for good; created by Harbor and bought nothing yet.
    plans.push(vec![Link::new(Harbor, CoManaged, Support, Support).stage(Stage::Ended(45))]);
    plans.push(Vec::new());

    let mut accesses = 0..;
    let mut tenants = Vec::new();
    for (nth, mut links) in (0..).zip(plans) {
        for (place, link) in (0..).zip(&mut links) {
            link.nth = accesses.next().unwrap_or(u32::MAX);
            link.age = match link.stage {
                Stage::Trial(days) => 30 - days,
                Stage::Ended(days) => days + 200,
                // An access that follows an ended one of the same pair.
                Stage::Active | Stage::Converted | Stage::Suspended if place > 0 => 20,
                Stage::Active | Stage::Converted | Stage::Suspended => 60 + i64::from(nth) * 53 % 600,
            };
        }
        let created_by = links.first().map_or(Harbor, |link| link.house);
        let portal = portal(nth, &links);
        tenants.push(Tenant { nth, portal, created_by, links });
    }
    tenants
}

/// The levels in turn. Where a partner runs the security, the portal is open for reading at most (DESIGN.md 6).
fn portal(nth: u32, links: &[Link]) -> PortalAccess {
    let level = match (nth + nth / 9) % 3 {
        0 => PortalAccess::Full,
        1 => PortalAccess::ReadOnly,
        _ => PortalAccess::Disabled,
    };
    if links.iter().any(|link| link.model == FullyManaged) {
        level.min(PortalAccess::ReadOnly)
    } else {
        level
    }
}

/// Every pair of ceiling and consent, the widest first.
fn privileges() -> impl Iterator<Item = (Privilege, Privilege)> + Clone {
    let all = [Manage, Support, Nothing];
    all.into_iter().flat_map(move |ceiling| all.into_iter().map(move |consent| (ceiling, consent)))
}

/// The ten whose posture Harbor sees.
fn harbor_co_managed() -> Vec<Vec<Link>> {
    let with = |ceiling, consent| Link::new(Harbor, CoManaged, ceiling, consent);
    vec![
        vec![with(Manage, Manage)],
        vec![with(Manage, Support)],
        vec![with(Support, Manage)],
        vec![with(Support, Support)],
        // Consents for a time: running, and run out to SUPPORT.
        vec![with(Manage, Manage).until(20)],
        vec![with(Manage, Manage).until(-10)],
        vec![with(Support, Support).until(7)],
        vec![with(Manage, Manage).stage(Stage::Trial(12))],
        // Bought during a trial; Redwood sells to it, too, and sees nothing.
        vec![
            with(Support, Support).stage(Stage::Converted),
            Link::new(Redwood, CustomerManaged, Support, Support),
        ],
        // Was customer-managed, left, and came back: the live access decides.
        vec![
            Link::new(Harbor, CustomerManaged, Support, Support).stage(Stage::Ended(40)),
            with(Support, Support),
        ],
    ]
}

/// The fifty whose posture it does not see, whatever their privileges.
fn harbor_customer_managed() -> Vec<Vec<Link>> {
    let links = privileges().cycle().zip(0..50).map(|((ceiling, consent), nth)| {
        let link = Link::new(Harbor, CustomerManaged, ceiling, consent).stage(match nth {
            34..38 => Stage::Trial([3, 9, 16, 29].into_iter().nth(nth - 34).unwrap_or(1)),
            38..41 => Stage::Trial([-1, -8, -40].into_iter().nth(nth - 38).unwrap_or(-1)),
            41..45 => Stage::Suspended,
            45..48 => Stage::Converted,
            _ => Stage::Active,
        });
        let mut links = vec![link];
        match nth {
            // Shared: with an MSSP that runs its security, with one that helps, with another reseller.
            0 => links.push(Link::new(Redwood, FullyManaged, Manage, Manage)),
            1 => links.push(Link::new(Redwood, CoManaged, Support, Support)),
            2 => links.push(Link::new(Alpine, CoManaged, Support, Support)),
            // Ended as co-managed, live as customer-managed: nothing of the old right is left.
            3 => links.insert(0, Link::new(Harbor, CoManaged, Manage, Manage).stage(Stage::Ended(30))),
            // Left Redwood.
            4 => links.push(Link::new(Redwood, FullyManaged, Manage, Manage).stage(Stage::Ended(15))),
            _ => {}
        }
        links
    });
    links.collect()
}

/// The MSSP: fully managed at every pair of privileges, and everything that can end such a right.
fn redwood() -> Vec<Link> {
    let with = |model, ceiling, consent| Link::new(Redwood, model, ceiling, consent);
    let mut links: Vec<_> =
        privileges().map(|(ceiling, consent)| with(FullyManaged, ceiling, consent)).collect();
    links.extend([
        with(FullyManaged, Manage, Manage),
        with(FullyManaged, Manage, Manage).until(14),
        with(FullyManaged, Manage, Manage).until(-3),
        with(FullyManaged, Manage, Support).until(-3),
        with(FullyManaged, Manage, Manage).stage(Stage::Suspended),
        with(FullyManaged, Manage, Manage).stage(Stage::Ended(60)),
        with(FullyManaged, Manage, Manage).stage(Stage::Trial(20)),
        with(FullyManaged, Manage, Manage).stage(Stage::Trial(-5)),
        with(FullyManaged, Manage, Manage).stage(Stage::Converted),
        with(CoManaged, Manage, Manage),
        with(CoManaged, Support, Support).until(-2),
        with(CoManaged, Support, Support).stage(Stage::Suspended),
        with(CoManaged, Support, Support).stage(Stage::Trial(-6)),
        with(CustomerManaged, Manage, Manage),
    ]);
    links
}

/// The small reseller: co-managed at every pair of privileges.
fn alpine() -> Vec<Link> {
    let mut links: Vec<_> =
        privileges().map(|(ceiling, consent)| Link::new(Alpine, CoManaged, ceiling, consent)).collect();
    links.extend([
        Link::new(Alpine, CustomerManaged, Support, Support),
        Link::new(Alpine, CustomerManaged, Support, Support).stage(Stage::Trial(5)),
        Link::new(Alpine, CustomerManaged, Support, Support).stage(Stage::Ended(100)),
    ]);
    links
}

/// The distributor's own customers; it inherits nothing of its resellers'.
fn meridian() -> Vec<Link> {
    vec![
        Link::new(Meridian, CoManaged, Manage, Manage),
        Link::new(Meridian, CustomerManaged, Support, Support),
        Link::new(Meridian, CoManaged, Support, Support).stage(Stage::Suspended),
    ]
}

/// Partners, customers and accesses as rows.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    world.partners.extend(House::ALL.map(|house| seed::Partner {
        id: house.id(),
        parent_id: house.parent().map(House::id),
        name: house.name().to_owned(),
        currency: house.currency().to_owned(),
        created_at: now - TimeDelta::days(900),
    }));
    for tenant in tenants {
        world.customers.push(seed::Customer {
            customer_id: tenant.id(),
            name: tenant.name(),
            portal_access: tenant.portal,
            created_by: tenant.created_by.id(),
            created_at: tenant.created_at(now),
        });
        world.accesses.extend(tenant.links.iter().map(|link| link.row(tenant, now)));
    }
}
