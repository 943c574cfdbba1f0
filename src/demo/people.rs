//! Who signs in: partners' and customers' users, the platform's, and the scanners.

use chrono::{DateTime, TimeDelta, Utc};

use super::cast::{House, Tenant};
use super::names;
use crate::domain::ids::{ApiKeyId, CustomerId, UserId};
use crate::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use crate::store::seed::{self, Membership, deterministic_id};

/// How many accesses Harbor's first operator works on.
const ASSIGNED: usize = 8;

/// Where scanners and the platform's own users have their addresses.
pub(super) const PLATFORM_DOMAIN: &str = "platform.example";

/// How many scanners there are; customers are shared out among them.
const SCANNERS: u32 = 2;

/// Name and address of someone: the address is what their ids are made of.
fn someone(nth: u32, local: &str, domain: &str) -> (String, String) {
    let (first, last) = names::person(nth);
    (format!("{first} {last}"), format!("{local}@{domain}"))
}

/// The partner's first ADMIN: name and address.
pub(super) fn partner_admin(house: House) -> (String, String) {
    someone(1000 + house as u32, "admin", house.domain())
}

/// The partner's operator with assignments: name and address.
pub(super) fn operator(house: House) -> (String, String) {
    someone(1100 + house as u32, "operator", house.domain())
}

/// The customer's ADMIN: name and address.
pub(super) fn customer_admin(tenant: &Tenant) -> (String, String) {
    someone(tenant.nth, "admin", &tenant.domain())
}

/// The customer's READ_ONLY user: name and address.
pub(super) fn customer_reader(tenant: &Tenant) -> (String, String) {
    someone(500 + tenant.nth, "reader", &tenant.domain())
}

/// The operator to whom nothing is assigned: name and address.
pub(super) fn idle_operator() -> (String, String) {
    someone(1200, "new-operator", House::Harbor.domain())
}

/// An ADMIN who was disabled: name and address.
pub(super) fn disabled_admin() -> (String, String) {
    someone(1201, "former-admin", House::Harbor.domain())
}

/// The platform's administrator: name and address.
pub(super) fn platform_admin() -> (String, String) {
    someone(1202, "admin", PLATFORM_DOMAIN)
}

/// The scanner registered for a customer: name and address.
pub(super) fn scanner(tenant: u32) -> (String, String) {
    let nth = tenant % SCANNERS + 1;
    (format!("Scanner {nth}"), format!("scanner-{nth}@{PLATFORM_DOMAIN}"))
}

/// The id of the user of an address.
pub(super) fn user_id(email: &str) -> UserId {
    UserId(deterministic_id(&format!("user/{email}"), 0))
}

/// A program that signs in by an API key, from when until when: it is called by the key's label.
pub(super) fn program(
    world: &mut seed::World,
    kind: ViewerKind,
    label: &str,
    (created_at, disabled_at): (DateTime<Utc>, Option<DateTime<Utc>>),
) -> UserId {
    let id = UserId(deterministic_id("program", world.users.len() as u64));
    let name = label.to_owned();
    world.users.push(seed::User { id, kind, name, email: None, disabled_at, created_at, is_service: true });
    id
}

/// The programs of partners: one each, to which nothing is assigned yet.
fn programs(world: &mut seed::World, now: DateTime<Utc>) {
    let created_at = now - TimeDelta::days(30);
    for (nth, house) in (0_u32..).zip(House::ALL) {
        let (label, role) = ("Ticket system", PartnerRole::Operator);
        let user = program(world, ViewerKind::PartnerUser, label, (created_at, None));
        world.memberships.push(Membership::Partner(house.id(), user, role));
        world.partner_api_keys.push(seed::PartnerApiKey {
            partner_id: house.id(),
            id: ApiKeyId(deterministic_id("partner-api-key", nth.into())),
            user_id: user,
            label: label.to_owned(),
            last_four: format!("{:04x}", 0x2f1b + nth * 0x1d3),
            created_at,
            revoked_at: None,
        });
    }
}

/// Everyone, with what they belong to.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    let long_ago = now - TimeDelta::days(800);
    let mut add = |(name, email): (String, String), kind, disabled_at, created_at| {
        let id = user_id(&email);
        let email = Some(email);
        world.users.push(seed::User { id, kind, name, email, disabled_at, created_at, is_service: false });
        id
    };
    for house in House::ALL {
        let admin = add(partner_admin(house), ViewerKind::PartnerUser, None, long_ago);
        let operator = add(operator(house), ViewerKind::PartnerUser, None, long_ago);
        world.memberships.push(Membership::Partner(house.id(), admin, PartnerRole::Admin));
        world.memberships.push(Membership::Partner(house.id(), operator, PartnerRole::Operator));
        world.memberships.extend(
            assignments(tenants, house)
                .map(|(customer, access)| Membership::Assignment(customer, access, operator)),
        );
    }
    let idle = add(idle_operator(), ViewerKind::PartnerUser, None, now - TimeDelta::days(2));
    world.memberships.push(Membership::Partner(House::Harbor.id(), idle, PartnerRole::Operator));
    let former = add(disabled_admin(), ViewerKind::PartnerUser, Some(now - TimeDelta::days(9)), long_ago);
    world.memberships.push(Membership::Partner(House::Harbor.id(), former, PartnerRole::Admin));
    add(platform_admin(), ViewerKind::PlatformAdmin, None, long_ago);
    let scanners = [0, 1].map(|nth| add(scanner(nth), ViewerKind::Scanner, None, long_ago));
    for (tenant, scanner) in tenants.iter().zip(scanners.into_iter().cycle()) {
        if !tenant.links.is_empty() {
            world.memberships.push(Membership::Scanner(tenant.id(), scanner));
        }
        let created_at = tenant.created_at(now);
        for (person, role) in
            [(customer_admin(tenant), CustomerRole::Admin), (customer_reader(tenant), CustomerRole::ReadOnly)]
        {
            let user = add(person, ViewerKind::CustomerUser, None, created_at);
            world.memberships.push(Membership::Customer(tenant.id(), user, role));
        }
    }
    programs(world, now);
}

/// The accesses of a partner's operator: every so many of them, so that some of each model are among them.
pub(super) fn assignments(
    tenants: &[Tenant],
    house: House,
) -> impl Iterator<Item = (CustomerId, crate::domain::ids::AccessId)> {
    let of_house = tenants
        .iter()
        .flat_map(|tenant| tenant.links.iter().map(move |link| (tenant, link)))
        .filter(move |(_, link)| link.house == house);
    of_house.step_by(3).take(ASSIGNED).map(|(tenant, link)| (tenant.id(), link.id()))
}
