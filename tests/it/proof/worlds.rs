//! Small, rich worlds that dice make: the same seed, the same world, to the byte.
//!
//! Names, dates and counts come from short lists, so that ties are the rule. Names sort as their lower-case form does,
//! and where that is equal the lower-case spelling comes first: `ICU`'s root collation says the same of them.

mod sales;

use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::ids::{AccessId, ApiKeyId, AuditEventId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};
use rust_decimal::Decimal;
use uuid::Uuid;

pub(super) use self::sales::generate_with_sales;
use crate::support::dice::Dice;
use crate::support::world::{NOW, days};

const NAMES: &[&str] =
    &["Acme", "acme", "Acme Two", "Bolt", "Bolt", "Bolt 50", "Bolt 50%", "Crown", "Dune \"D\"", "Ember"];
const PARTNERS: &[&str] = &["Alder", "Birch", "Birch", "Cedar"];
const PLANS: &[&str] = &["Basic", "Pro", "Standard"];
pub(super) const TEXTS: &[&str] = &["A note", "a note", "Another \\ note"];
pub(super) const ACTIONS: &[&str] =
    &["access.operating_model_changed", "customer.user_invited", "portal.changed", "scan.finished"];
/// Days from now; a time of day of their own have only those of [`instant`].
const DAYS: &[i64] = &[-70, -45, -40, -31, -14, -14, -2, -1];

/// A world in the making. The lists above and one `Dice` make all of it.
pub(super) struct Builder {
    pub(super) dice: Dice,
    pub(super) rows: World,
    kind: String,
    ids: u64,
}

/// Whether the world of a seed is asked past the policies, as every other one is: else the second wall could hide what the first one lets
/// through.
pub(super) const fn past_policies(seed: u64) -> bool {
    seed.is_multiple_of(2)
}

/// The small world of a seed.
pub(super) fn generate(seed: u64) -> World {
    let mut b = Builder::new(seed, "proof");
    b.prices();
    let partners = b.partners();
    let operators = b.partner_people(&partners);
    let customers: Vec<CustomerId> = (0..3 + b.dice.below(8)).map(|_| b.customer(&partners)).collect();
    for &customer in &customers {
        b.sell(customer, &partners, &operators);
        b.customer_people(customer);
        b.posture(customer);
    }
    b.partner_events(&partners);
    b.the_rest(&customers);
    b.rows
}

/// More rows of a customer's posture, activity and security configuration, other ones for each number.
pub(super) fn more_of(customer: CustomerId, seed: u64) -> World {
    let mut b = Builder::new(seed, "proof, more");
    b.posture(customer);
    b.rows
}

/// A customer with everything that belongs to it, new to a world, created by one of some partners and sold by others.
pub(super) fn newcomer(seed: u64, partners: &[seed::Partner]) -> World {
    let mut b = Builder::new(seed, "proof, newcomer");
    b.rows.partners = partners.to_vec();
    let ids: Vec<PartnerId> = partners.iter().map(|row| row.id).collect();
    let customer = b.customer(&ids);
    b.sell(customer, &ids, &[]);
    b.customer_people(customer);
    b.posture(customer);
    b.partner_events(&ids);
    b.sales_of_all();
    b.rows.partners.clear();
    b.rows
}

/// An access with its subscription, new to a world.
pub(super) fn rival(
    seed: u64,
    customer: &seed::Customer,
    partner: &seed::Partner,
    live_already: bool,
) -> World {
    let mut b = Builder::new(seed, "proof, rival");
    b.rows.partners.push(partner.clone());
    b.rows.customers.push(customer.clone());
    b.access(customer.customer_id, partner.id, live_already);
    b.sales_of_all();
    b.rows.partners.clear();
    b.rows.customers.clear();
    b.rows
}

impl Builder {
    fn new(seed: u64, kind: &str) -> Self {
        Self { dice: Dice::new(seed), rows: World::default(), kind: format!("{kind} {seed}"), ids: 0 }
    }

    pub(super) fn id(&mut self) -> Uuid {
        self.ids += 1;
        deterministic_id(&self.kind, self.ids)
    }

    pub(super) fn text(&mut self, texts: &[&str]) -> String {
        self.dice.one_of(texts).to_owned()
    }

    pub(super) fn maybe(&mut self, texts: &[&str]) -> Option<String> {
        (!self.dice.one_in(3)).then(|| self.text(texts))
    }

    /// Some time ago; often the same as another's.
    pub(super) fn past(&mut self) -> DateTime<Utc> {
        let day = days(self.dice.one_of(DAYS));
        if self.dice.one_in(4) { day - TimeDelta::milliseconds(1500) } else { day }
    }

    /// Before, at or after now, by a second or by days.
    pub(super) fn instant(&mut self) -> DateTime<Utc> {
        let seconds = self.dice.one_of(&[-86_400 * 9, -1, 0, 1, 86_400 * 5, 86_400 * 30]);
        NOW + TimeDelta::seconds(seconds)
    }

    /// An amount of money.
    fn amount(&mut self) -> Decimal {
        Decimal::new(self.dice.one_of(&[0, 999, 5_000, 10_000, 10_000, 123_456]), 2)
    }

    fn prices(&mut self) {
        for &license_model in LicenseModel::ALL {
            for currency in ["EUR", "USD"] {
                // Sometimes none; sometimes it rose.
                for valid_from in [days(-400), days(-10)].into_iter().take(self.dice.below(3)) {
                    let row = seed::Price {
                        license_model,
                        currency: currency.to_owned(),
                        valid_from,
                        unit_cost: self.amount(),
                        prepaid_unit_cost: self.amount(),
                    };
                    self.rows.pricing.push(row);
                }
            }
        }
    }

    /// Two to four in trees.
    fn partners(&mut self) -> Vec<PartnerId> {
        let mut partners: Vec<PartnerId> = Vec::new();
        for _ in 0..2 + self.dice.below(3) {
            let id = PartnerId(self.id());
            let parent_id = if partners.is_empty() || self.dice.one_in(3) {
                None
            } else {
                Some(self.dice.one_of(&partners))
            };
            let row = seed::Partner {
                id,
                parent_id,
                name: self.text(PARTNERS),
                currency: self.text(&["EUR", "USD"]),
                created_at: days(-300),
            };
            self.rows.partners.push(row);
            partners.push(id);
        }
        partners
    }

    fn user(&mut self, kind: ViewerKind, disabled: bool) -> UserId {
        let id = UserId(self.id());
        let row = seed::User {
            id,
            kind,
            name: self.text(&["Ada", "Ben", "ben", "Cleo"]),
            email: (!self.dice.one_in(5)).then(|| format!("user-{}@example.com", self.ids)),
            disabled_at: disabled.then(|| days(-1)),
            created_at: days(-200),
            is_service: false,
        };
        self.rows.users.push(row);
        if self.dice.one_in(2) {
            let at = self.past();
            self.rows.visits.push(seed::Visit { user_id: id, at });
        }
        id
    }

    /// A program that signs in by a key of that label.
    pub(super) fn program(
        &mut self,
        kind: ViewerKind,
        label: &str,
        revoked_at: Option<DateTime<Utc>>,
    ) -> UserId {
        let id = UserId(self.id());
        let row = seed::User {
            id,
            kind,
            name: label.to_owned(),
            email: None,
            disabled_at: revoked_at,
            created_at: days(-200),
            is_service: true,
        };
        self.rows.users.push(row);
        id
    }

    /// What a partner's programs sign in by.
    fn partner_keys(&mut self, partner_id: PartnerId) {
        for nth in 0..self.dice.below(3) {
            let id = ApiKeyId(self.id());
            let label = self.text(&["Tickets", "tickets", "Backup"]);
            let revoked_at = (self.dice.one_in(3) && nth > 0).then(|| days(-1));
            let user_id = self.program(ViewerKind::PartnerUser, &label, revoked_at);
            let role = self.dice.one_of(PartnerRole::ALL);
            self.rows.memberships.push(Membership::Partner(partner_id, user_id, role));
            let row = seed::PartnerApiKey {
                partner_id,
                id,
                user_id,
                label,
                last_four: self.text(&["c0de", "beef"]),
                created_at: self.past(),
                revoked_at,
            };
            self.rows.partner_api_keys.push(row);
        }
    }

    /// Who works for partners; the operators are returned.
    fn partner_people(&mut self, partners: &[PartnerId]) -> Vec<(PartnerId, UserId)> {
        let mut operators = Vec::new();
        for &partner in partners {
            let disabled = self.dice.one_in(10);
            let admin = self.user(ViewerKind::PartnerUser, disabled);
            self.rows.memberships.push(Membership::Partner(partner, admin, PartnerRole::Admin));
            for _ in 0..self.dice.below(3) {
                let disabled = self.dice.one_in(8);
                let operator = self.user(ViewerKind::PartnerUser, disabled);
                self.rows.memberships.push(Membership::Partner(partner, operator, PartnerRole::Operator));
                operators.push((partner, operator));
            }
            self.partner_keys(partner);
        }
        // A partner's user without a role at any partner.
        self.user(ViewerKind::PartnerUser, false);
        operators
    }

    fn customer(&mut self, partners: &[PartnerId]) -> CustomerId {
        let customer_id = CustomerId(self.id());
        let row = seed::Customer {
            customer_id,
            name: self.text(NAMES),
            portal_access: self.dice.one_of(PortalAccess::ALL),
            created_by: self.dice.one_of(partners),
            created_at: days(-200),
        };
        self.rows.customers.push(row);
        customer_id
    }

    /// None, one or several accesses for each partner: at most one live one, beside any number of ended ones.
    fn sell(&mut self, customer: CustomerId, partners: &[PartnerId], operators: &[(PartnerId, UserId)]) {
        for &partner in partners {
            let mut live = false;
            for _ in 0..self.dice.one_of(&[0, 1, 1, 1, 2]) {
                let access = self.access(customer, partner, live);
                live |= self.rows.accesses.last().is_some_and(|row| row.status.is_live());
                for &(employer, operator) in operators {
                    // One in eight is another partner's operator's: a row that must open nothing.
                    if self.dice.one_in(if employer == partner { 2 } else { 8 }) {
                        self.rows.memberships.push(Membership::Assignment(customer, access, operator));
                    }
                }
            }
        }
    }

    fn access(&mut self, customer: CustomerId, partner: PartnerId, live_already: bool) -> AccessId {
        use AccessStatus::{Active, Ended, Suspended, Trial};
        let id = AccessId(self.id());
        let status = if live_already {
            Ended
        } else {
            self.dice.one_of(&[Active, Active, Active, Active, Trial, Trial, Suspended, Ended])
        };
        let trial_ends_at = (status == Trial || self.dice.one_in(4)).then(|| self.instant());
        let customer_consent = self.dice.one_of(&[
            Privilege::None,
            Privilege::Support,
            Privilege::Support,
            Privilege::Manage,
            Privilege::Manage,
        ]);
        let timed = customer_consent != Privilege::None && self.dice.one_in(3);
        let customer_name =
            self.rows.customers.iter().find(|row| row.customer_id == customer).unwrap().name.clone();
        let row = seed::Access {
            customer_id: customer,
            id,
            partner_id: partner,
            customer_name,
            status,
            operating_model: self.dice.one_of(OperatingModel::ALL),
            privilege_ceiling: self.dice.one_of(&[
                Privilege::None,
                Privilege::Support,
                Privilege::Manage,
                Privilege::Manage,
            ]),
            customer_consent,
            consent_until: timed.then(|| self.instant()),
            trial_started_at: trial_ends_at.map(|end| end - TimeDelta::days(14)),
            trial_ends_at,
            trial_convert_by: trial_ends_at.map(|end| end + TimeDelta::days(30)),
            trial_converted_at: (trial_ends_at.is_some() && status != Trial).then(|| days(-5)),
            trial_elected_model: (trial_ends_at.is_some() && self.dice.one_in(2))
                .then(|| self.dice.one_of(OperatingModel::ALL)),
            version: self.dice.one_of(&[1, 1, 2, 7]),
            created_at: self.past(),
            ended_at: (status == Ended).then(|| self.dice.one_of(&[days(-30), days(-15), days(-1)])),
        };
        self.rows.accesses.push(row);
        if !self.dice.one_in(8) {
            self.subscription(customer, id, partner, status);
        }
        id
    }

    fn subscription(
        &mut self,
        customer_id: CustomerId,
        access_id: AccessId,
        partner_id: PartnerId,
        access: AccessStatus,
    ) {
        let status = match access {
            AccessStatus::Trial => SubscriptionStatus::Trialing,
            AccessStatus::Active => {
                self.dice.one_of(&[SubscriptionStatus::Active, SubscriptionStatus::PastDue])
            }
            AccessStatus::Suspended => SubscriptionStatus::Suspended,
            AccessStatus::Ended => SubscriptionStatus::Canceled,
        };
        let license_model = self.dice.one_of(LicenseModel::ALL);
        let currency = self.rows.partners.iter().find(|row| row.id == partner_id).unwrap().currency.clone();
        let renews = status != SubscriptionStatus::Canceled && !self.dice.one_in(4);
        let row = seed::Subscription {
            customer_id,
            access_id,
            partner_id,
            plan: self.text(PLANS),
            billing_cycle: self.dice.one_of(BillingCycle::ALL),
            status,
            started_at: self.past(),
            renewal_date: renews.then(|| days(self.dice.one_of(&[-1, 0, 30, 31])).date_naive()),
            license_model,
            quantity: (license_model != LicenseModel::Unlimited).then(|| self.dice.one_of(&[1, 2, 3, 5, 10])),
            price: self.amount(),
            currency,
            prepaid: self.dice.one_in(3),
        };
        self.rows.subscriptions.push(row);
        for code in ["sso", "support"] {
            if self.dice.one_in(3) {
                let row = seed::AddOn {
                    customer_id,
                    access_id,
                    code: code.to_owned(),
                    partner_id,
                    name: self.text(TEXTS),
                    price: self.amount(),
                };
                self.rows.add_ons.push(row);
            }
        }
    }

    fn customer_people(&mut self, customer: CustomerId) {
        for &role in CustomerRole::ALL {
            for _ in 0..self.dice.one_of(&[0, 1, 1, 2]) {
                let disabled = self.dice.one_in(6);
                let user = self.user(ViewerKind::CustomerUser, disabled);
                self.rows.memberships.push(Membership::Customer(customer, user, role));
            }
        }
    }

    fn partner_events(&mut self, partners: &[PartnerId]) {
        for &partner_id in partners {
            let of_partner = |row: &&seed::Access| row.partner_id == partner_id;
            let own: Vec<_> =
                self.rows.accesses.iter().filter(of_partner).map(|row| (row.customer_id, row.id)).collect();
            for _ in 0..self.dice.below(5) {
                let id = AuditEventId(self.id());
                let access = (!own.is_empty() && !self.dice.one_in(3)).then(|| self.dice.one_of(&own));
                let row = seed::PartnerAuditEvent {
                    partner_id,
                    id,
                    at: self.past(),
                    actor: self.text(&["Ada", "Ben"]),
                    action: self.text(ACTIONS),
                    customer_id: access.map(|(customer, _)| customer),
                    access_id: access.map(|(_, access)| access),
                    reason: self.maybe(TEXTS),
                    old_value: self.maybe(&["FULL", "CO_MANAGED"]),
                    new_value: self.maybe(&["READ_ONLY", "FULLY_MANAGED"]),
                };
                self.rows.partner_audit_events.push(row);
            }
        }
    }

    /// Who belongs to no organisation.
    fn the_rest(&mut self, customers: &[CustomerId]) {
        self.user(ViewerKind::PlatformAdmin, false);
        if self.dice.one_in(3) {
            self.user(ViewerKind::PlatformAdmin, true);
        }
        let disabled = self.dice.one_in(4);
        let scanner = self.user(ViewerKind::Scanner, disabled);
        for &customer in customers {
            if self.dice.one_in(2) {
                self.rows.memberships.push(Membership::Scanner(customer, scanner));
            }
        }
        // A customer's user who belongs to none.
        if self.dice.one_in(2) {
            self.user(ViewerKind::CustomerUser, false);
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_world() {
    assert_eq!(format!("{:?}", generate(7)), format!("{:?}", generate(7)));
    assert_ne!(format!("{:?}", generate(7)), format!("{:?}", generate(8)));
}

/// Else what the proofs say of a kind of thing would be said of nothing.
#[test]
fn a_hundred_worlds_have_everything() {
    let worlds: Vec<World> = (0..100).map(generate).collect();
    let accesses = || worlds.iter().flat_map(|world| &world.accesses);
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                for live in [true, false] {
                    let found = accesses().any(|row| {
                        (
                            row.operating_model,
                            row.privilege_ceiling,
                            row.customer_consent,
                            row.status.is_live(),
                        ) == (model, ceiling, consent, live)
                    });
                    assert!(found, "{model} {ceiling:?} {consent:?} {live}");
                }
            }
        }
    }
    for seconds in [-1, 0, 1] {
        let instant = Some(NOW + TimeDelta::seconds(seconds));
        assert!(accesses().any(|row| row.consent_until == instant));
        assert!(accesses().any(|row| row.status == AccessStatus::Trial && row.trial_ends_at == instant));
    }
    let pairs = |world: &World| {
        let ended = |row: &&seed::Access| row.status == AccessStatus::Ended;
        let live = |row: &seed::Access| row.status.is_live();
        let pair = |row: &seed::Access| (row.partner_id, row.customer_id);
        world
            .accesses
            .iter()
            .filter(ended)
            .any(|gone| world.accesses.iter().any(|other| live(other) && pair(other) == pair(gone)))
    };
    assert!(worlds.iter().any(pairs), "an ended and a live access of one pair");
    for &status in FindingStatus::ALL {
        for &severity in Severity::ALL {
            let found = |row: &seed::Finding| (row.status, row.severity) == (status, severity);
            assert!(worlds.iter().flat_map(|world| &world.findings).any(found), "{status} {severity}");
        }
    }
    for kind in ViewerKind::ALL {
        for disabled in [false, true] {
            let found = |row: &seed::User| (row.kind, row.disabled_at.is_some()) == (*kind, disabled);
            assert!(worlds.iter().flat_map(|world| &world.users).any(found), "{kind} {disabled}");
        }
    }
}
