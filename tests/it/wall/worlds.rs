//! Worlds for the wall: one in which every combination of terms occurs, and any number that dice made.

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, PartnerId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::store::seed::World;
use sqlx::{Connection, Executor, PgConnection};

use super::builder::{Builder, Terms};
use crate::support::dice::Dice;

/// Statuses with the seconds until the end of the trial: every access may once have been one.
const STATUSES: [(AccessStatus, Option<i64>); 8] = [
    (AccessStatus::Active, None),
    (AccessStatus::Active, Some(0)),
    (AccessStatus::Trial, Some(1)),
    (AccessStatus::Trial, Some(0)),
    (AccessStatus::Suspended, None),
    (AccessStatus::Suspended, Some(1)),
    (AccessStatus::Ended, None),
    (AccessStatus::Ended, Some(1)),
];
/// Exactly now is passed (DESIGN.md 2).
const CONSENT_UNTIL: [Option<i64>; 4] = [None, Some(-1), Some(0), Some(1)];

impl Terms {
    /// Every combination that the constraints allow.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (status, trial_ends) in STATUSES {
            for &model in OperatingModel::ALL {
                for &ceiling in Privilege::ALL {
                    for &consent in Privilege::ALL {
                        for consent_until in CONSENT_UNTIL {
                            if consent_until.is_none() || consent != Privilege::None {
                                all.push(Self { status, trial_ends, model, ceiling, consent, consent_until });
                            }
                        }
                    }
                }
            }
        }
        all
    }
}

/// The world in which a partner has an access of every kind, each to a customer of its own, and every viewer occurs.
pub(super) fn exhaustive() -> World {
    let mut b = Builder::default();
    let distributor = b.partner(None);
    let partner = b.partner(Some(distributor));
    let reseller = b.partner(Some(partner));
    let rival = b.partner(Some(distributor));
    b.partner(Some(reseller));
    for partner in [distributor, partner, reseller, rival] {
        b.partner_user(partner, PartnerRole::Admin, false);
    }
    b.partner_user(partner, PartnerRole::Admin, true);
    let operators = [false, false, true].map(|gone| b.partner_user(partner, PartnerRole::Operator, gone));
    b.partner_user(partner, PartnerRole::Operator, false);
    let stray = b.partner_user(rival, PartnerRole::Operator, false);

    let mut customers = Vec::new();
    for (nth, terms) in Terms::all().into_iter().enumerate() {
        let customer = b.customer(distributor, PortalAccess::ALL[nth % 3]);
        let access = b.access(customer, partner, terms);
        b.assign(customer, access, operators[0]);
        if nth % 2 == 0 {
            b.assign(customer, access, operators[1]);
            b.assign(customer, access, operators[2]);
            // Another partner's operator: a row that must open nothing.
            b.assign(customer, access, stray);
        }
        customers.push(customer);
    }
    // Quoted, not sold: the creating partner sees the bare organisation.
    customers.push(b.customer(partner, PortalAccess::Full));
    let open = Terms {
        status: AccessStatus::Active,
        trial_ends: None,
        model: OperatingModel::FullyManaged,
        ceiling: Privilege::Manage,
        consent: Privilege::Manage,
        consent_until: None,
    };
    let closed = Terms { model: OperatingModel::CustomerManaged, ..open };
    let ended = Terms { status: AccessStatus::Ended, ..open };
    for portal in PortalAccess::ALL {
        // Shared by two partners who see different things of it.
        for terms in [open, Terms { model: OperatingModel::CoManaged, ..open }] {
            let customer = b.customer(rival, *portal);
            b.access(customer, rival, terms);
            let access = b.access(customer, partner, closed);
            b.assign(customer, access, operators[0]);
            for &role in CustomerRole::ALL {
                b.customer_user(customer, role, false);
                b.customer_user(customer, role, true);
            }
            customers.push(customer);
        }
        // Ended and come back; the operator has only the old access, or only the new one.
        for (nth, &operator) in operators.iter().enumerate().take(2) {
            let customer = b.customer(reseller, *portal);
            let accesses = [b.access(customer, partner, ended), b.access(customer, partner, open)];
            b.assign(customer, accesses[nth], operator);
            customers.push(customer);
        }
    }
    let (some, _) = customers.split_at(5);
    b.scanner(some, false);
    b.scanner(some, true);
    b.scanner(&[], false);
    b.finish()
}

/// A small world that dice made.
pub(crate) fn generated(seed: u64) -> World {
    let mut dice = Dice::new(seed);
    let mut b = Builder::default();
    let mut partners: Vec<PartnerId> = Vec::new();
    for _ in 0..=1 + dice.below(4) {
        let parent = if partners.is_empty() || dice.one_in(3) { None } else { Some(dice.one_of(&partners)) };
        partners.push(b.partner(parent));
    }
    let mut operators = Vec::new();
    for &partner in &partners {
        b.partner_user(partner, PartnerRole::Admin, dice.one_in(8));
        for _ in 0..dice.below(3) {
            operators.push((partner, b.partner_user(partner, PartnerRole::Operator, dice.one_in(8))));
        }
    }
    let terms = Terms::all();
    let mut customers = Vec::new();
    for _ in 0..=1 + dice.below(12) {
        let customer = b.customer(dice.one_of(&partners), dice.one_of(PortalAccess::ALL));
        customers.push(customer);
        for &partner in &partners {
            // At most one live access a pair, beside any number of ended ones.
            let mut live = false;
            for _ in 0..dice.below(3) {
                let mut terms = dice.one_of(&terms);
                if terms.status.is_live() && live {
                    terms.status = AccessStatus::Ended;
                }
                live |= terms.status.is_live();
                let access = b.access(customer, partner, terms);
                for &(employer, operator) in &operators {
                    // One in eight assignments is another partner's operator's: a row that must open nothing.
                    if dice.one_in(if employer == partner { 2 } else { 8 }) {
                        b.assign(customer, access, operator);
                    }
                }
            }
        }
        for &role in CustomerRole::ALL {
            if dice.one_in(2) {
                b.customer_user(customer, role, dice.one_in(5));
            }
        }
    }
    let registered: Vec<CustomerId> = customers.iter().copied().filter(|_| dice.one_in(2)).collect();
    b.scanner(&registered, dice.one_in(4));
    b.finish()
}

/// Writes a world, and the three tables that only uploads and events fill.
pub(super) async fn insert(world: &World, owner: &mut PgConnection) {
    let mut transaction = owner.begin().await.unwrap();
    world.insert(&mut transaction, |_, _| ()).await.unwrap();
    transaction
        .execute(
            "insert into component_sources (customer_id, component_id, tool, target) \
             select customer_id, id, 'tool', 'target' from components; \
             insert into vulnerability_database_versions (customer_id, version, told_at) \
             select customer_id, '1', now() from customers; \
             insert into latest_uploads (customer_id, tool, target, digest, scan_id) \
             select customer_id, 'tool', 'target', '', id from scans",
        )
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    // Without statistics the planner reads whole tables.
    owner.execute("analyze").await.unwrap();
}
