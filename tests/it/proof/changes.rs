//! Another world that differs only in what the gate hides from a viewer: rows changed, added and taken away, whole
//! customers and partners among them. What is hidden, [`Eyes`] say.

mod additions;
mod posture;
mod sales;

use std::collections::HashSet;

use chrono::TimeDelta;
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::FindingStatus;
use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};
use rust_decimal::Decimal;

use super::eyes::{Eyes, Who};
use super::worlds::more_of;
use crate::support::dice::Dice;
use crate::support::world::{NOW, days};

/// The other world of a number, for a viewer.
pub(super) fn change(world: &World, viewer: UserId, seed: u64) -> World {
    let eyes = Eyes::of(world, viewer);
    let mut change = Change { eyes, viewer, seed, dice: Dice::new(seed), to: world.clone() };
    change.organisations();
    change.accesses();
    change.prices();
    change.sales();
    change.people();
    for customer in change.to.customers.iter().map(|row| row.customer_id).collect::<Vec<_>>() {
        change.posture(customer);
        change.activity(customer);
        change.security(customer);
    }
    change.histories();
    change.logs();
    change.additions();
    change.to
}

struct Change<'w> {
    /// On the world as it was: what was hidden then may differ now.
    eyes: Eyes<'w>,
    viewer: UserId,
    seed: u64,
    dice: Dice,
    to: World,
}

/// Takes away one in four rows that may go, changes half of the others that are hidden, and says which ones went.
fn stir<Row, Id: Eq + std::hash::Hash>(
    dice: &mut Dice,
    rows: &mut Vec<Row>,
    hidden: impl Fn(&Row) -> bool,
    id: impl Fn(&Row) -> Id,
    mut change: impl FnMut(&mut Dice, &mut Row),
) -> HashSet<Id> {
    let mut gone = HashSet::new();
    rows.retain_mut(|row| {
        if !hidden(row) {
            return true;
        }
        match dice.below(4) {
            0 => {
                gone.insert(id(row));
                return false;
            }
            1 | 2 => change(dice, row),
            _ => {}
        }
        true
    });
    gone
}

impl Change<'_> {
    fn mark(&mut self) -> String {
        format!("other {}", self.dice.below(3))
    }

    /// Partners and customers that the viewer never meets.
    fn organisations(&mut self) {
        let unmet = deterministic_id("proof, unmet", self.seed);
        let name = self.mark();
        let mut above = false;
        for row in &mut self.to.partners {
            let met = self.eyes.partner(row.id);
            let parent_met = row.parent_id.is_some_and(|parent| self.eyes.partner(parent));
            if !met && self.dice.one_in(2) {
                row.name.clone_from(&name);
            }
            // Who stands above is shown where both are met; whoever is below the viewer's own partner has it above.
            let shown = met && parent_met || self.eyes.who == Who::PlatformAdmin;
            if !shown && Some(row.id) != self.eyes.employer() {
                match self.dice.below(3) {
                    0 => row.parent_id = None,
                    1 => {
                        row.parent_id = Some(PartnerId(unmet));
                        above = true;
                    }
                    _ => {}
                }
            }
        }
        if self.eyes.who != Who::PlatformAdmin && (above || self.dice.one_in(2)) {
            let partner = seed::Partner {
                id: PartnerId(unmet),
                parent_id: None,
                name,
                currency: "EUR".to_owned(),
                created_at: days(-300),
            };
            self.to.partners.push(partner);
        }
        let mut gone = HashSet::new();
        let name = self.mark();
        for row in &mut self.to.customers {
            let own = self.eyes.employer();
            let known = &self.eyes.world().partners;
            let other = known[self.dice.below(known.len())].id;
            if Some(row.created_by) != own && Some(other) != own {
                row.created_by = other;
            }
            if self.eyes.customer(row.customer_id) {
                continue;
            }
            match self.dice.below(4) {
                0 => {
                    gone.insert(row.customer_id);
                }
                1 | 2 => {
                    row.name.clone_from(&name);
                    row.portal_access = self.dice.one_of(PortalAccess::ALL);
                }
                _ => {}
            }
        }
        for row in &mut self.to.accesses {
            if !self.eyes.customer(row.customer_id)
                && let Some(customer) =
                    self.to.customers.iter().find(|own| own.customer_id == row.customer_id)
            {
                row.customer_name.clone_from(&customer.name);
            }
        }
        self.forget_customers(&gone);
    }

    /// Takes everything away that belongs to some customers.
    fn forget_customers(&mut self, gone: &HashSet<CustomerId>) {
        macro_rules! forget {
            ($($table:ident)*) => {$( self.to.$table.retain(|row| !gone.contains(&row.customer_id)); )*};
        }
        forget! {
            customers accesses subscriptions add_ons quotes usage_alerts assets findings finding_history sla_policies
            components scans scan_targets scan_reports scan_schedules scan_schedule_targets evidence evidence_findings
            evidence_scans evidence_files posture_shares posture_snapshots access_records security_settings api_keys
            customer_audit_events
        }
        self.to.partner_audit_events.retain(|row| row.customer_id.is_none_or(|id| !gone.contains(&id)));
        self.to.memberships.retain(|membership| match membership {
            Membership::Partner(..) => true,
            Membership::Customer(id, ..) | Membership::Scanner(id, _) | Membership::Assignment(id, ..) => {
                !gone.contains(id)
            }
        });
    }

    /// Accesses that do not exist for the viewer, subscriptions that are withheld, and what has passed.
    fn accesses(&mut self) {
        let Self { eyes, dice, to, .. } = self;
        let hidden = |row: &seed::Access| !eyes.access(row);
        let gone = stir(
            dice,
            &mut to.accesses,
            hidden,
            |row| row.id,
            |dice, row| {
                row.operating_model = dice.one_of(OperatingModel::ALL);
                row.privilege_ceiling = dice.one_of(Privilege::ALL);
                row.customer_consent = dice.one_of(Privilege::ALL);
                row.consent_until = None;
                row.version += 1;
                row.created_at -= TimeDelta::days(1);
                if row.status.is_live() && dice.one_in(3) {
                    row.status = AccessStatus::Ended;
                    row.ended_at = Some(days(-1));
                } else if row.status.is_live() {
                    row.status = dice.one_of(&[AccessStatus::Active, AccessStatus::Suspended]);
                }
            },
        );
        to.add_ons.retain(|row| !gone.contains(&row.access_id));
        to.partner_audit_events.retain(|row| row.access_id.is_none_or(|id| !gone.contains(&id)));
        to.memberships.retain(
            |membership| !matches!(membership, Membership::Assignment(_, id, _) if gone.contains(id)),
        );
        to.subscriptions.retain(|row| !gone.contains(&row.access_id));
        to.usage_alerts.retain(|row| !gone.contains(&row.access_id));
        to.quotes.retain(|row| row.access_id.is_none_or(|id| !gone.contains(&id)));
        // A consent whose time is over says the lower one, and no longer when it fell.
        for row in &mut to.accesses {
            let passed = row.consent_until.is_some_and(|until| until <= NOW);
            // But to those who are told who could see the customer at every past instant.
            if !hidden(row) && !eyes.exposure(row.customer_id) && passed && dice.one_in(2) {
                row.consent_until = Some(NOW - TimeDelta::hours(1));
            }
        }
        let withheld = |row: &seed::Subscription| {
            let access = eyes.world().accesses.iter().find(|access| access.id == row.access_id);
            access.is_some_and(|access| !eyes.subscription(access))
        };
        let gone = stir(
            dice,
            &mut to.subscriptions,
            withheld,
            |row| row.access_id,
            |dice, row| {
                dice.one_of(&["Basic", "Pro", "Secret"]).clone_into(&mut row.plan);
                row.price += Decimal::ONE;
                row.quantity = row.quantity.map(|quantity| quantity + 1);
            },
        );
        to.add_ons.retain(|row| !gone.contains(&row.access_id));
        to.usage_alerts.retain(|row| !gone.contains(&row.access_id));
    }

    /// Other people, their roles and assignments.
    fn people(&mut self) {
        let Self { eyes, viewer, dice, to, seed } = self;
        let listed: HashSet<UserId> = to
            .memberships
            .iter()
            .filter_map(|membership| match *membership {
                Membership::Customer(customer, user, _) if eyes.security(customer) => Some(user),
                Membership::Partner(partner, user, _) if eyes.people(partner) => Some(user),
                _ => None,
            })
            .collect();
        for (nth, row) in to.users.iter_mut().enumerate() {
            if row.id == *viewer || listed.contains(&row.id) || dice.one_in(3) {
                continue;
            }
            "Somebody else".clone_into(&mut row.name);
            row.email = dice.one_in(2).then(|| format!("else-{nth}-{seed}@example.com"));
            if dice.one_in(4) {
                row.disabled_at = match row.disabled_at {
                    Some(_) => None,
                    None => Some(days(-1)),
                };
            }
        }
        let others = |row: &seed::Visit| row.user_id != *viewer;
        stir(dice, &mut to.visits, others, |row| row.user_id, |_, row| row.at -= TimeDelta::hours(5));
        to.memberships.retain_mut(|membership| match membership {
            Membership::Partner(partner, user, role) => {
                if user != viewer && !eyes.people(*partner) && dice.one_in(4) {
                    *role = dice.one_of(PartnerRole::ALL);
                }
                true
            }
            Membership::Customer(customer, user, role) => {
                if user == viewer || eyes.security(*customer) {
                    return true;
                }
                *role = dice.one_of(CustomerRole::ALL);
                !dice.one_in(4)
            }
            Membership::Scanner(..) => !dice.one_in(4),
            Membership::Assignment(customer, access, user) => {
                user == viewer || eyes.assignments(*customer, *access) || !dice.one_in(4)
            }
        });
    }

    /// What was done about findings by people whom the viewer is not told of.
    fn histories(&mut self) {
        let actor = self.mark();
        let Self { eyes, dice, to, .. } = self;
        let hidden = |row: &seed::FindingChange| !eyes.finding_change(row.customer_id, row.partner_id);
        stir(
            dice,
            &mut to.finding_history,
            hidden,
            |row| row.id,
            |dice, row| {
                row.actor.clone_from(&actor);
                row.new_status = dice.one_of(FindingStatus::ALL);
                row.at -= TimeDelta::days(1);
            },
        );
    }

    fn activity(&mut self, customer: CustomerId) {
        if !self.eyes.exposure(customer) {
            let name = self.mark();
            let hidden = |row: &seed::AccessRecord| row.customer_id == customer;
            let (dice, rows) = (&mut self.dice, &mut self.to.access_records);
            stir(dice, rows, hidden, |row| row.id, |_, row| row.user_name.clone_from(&name));
        }
        let actor = self.mark();
        let Self { eyes, dice, to, .. } = self;
        let hidden = |row: &seed::CustomerAuditEvent| {
            row.customer_id == customer && !eyes.event(customer, &row.action)
        };
        stir(
            dice,
            &mut to.customer_audit_events,
            hidden,
            |row| row.id,
            |_, row| {
                row.actor.clone_from(&actor);
            },
        );
        let mut more = more_of(customer, dice.number());
        more.customer_audit_events.retain(hidden);
        to.customer_audit_events.append(&mut more.customer_audit_events);
    }

    fn security(&mut self, customer: CustomerId) {
        if self.eyes.security(customer) {
            return;
        }
        let label = self.mark();
        let Self { dice, to, .. } = self;
        let settings = |row: &seed::SecuritySettings| row.customer_id == customer;
        stir(
            dice,
            &mut to.security_settings,
            settings,
            |row| row.customer_id,
            |_, row| {
                row.saml_enabled = !row.saml_enabled;
                row.saml_issuer = Some("https://other.example".to_owned());
            },
        );
        let keys = |row: &seed::ApiKey| row.customer_id == customer;
        stir(dice, &mut to.api_keys, keys, |row| row.id, |_, row| row.label.clone_from(&label));
        let mut more = more_of(customer, dice.number());
        to.users.append(&mut more.users);
        to.memberships.append(&mut more.memberships);
        to.api_keys.append(&mut more.api_keys);
        // Whom a key acted as may be gone.
        let known: HashSet<_> = (to.memberships.iter())
            .filter_map(|membership| match *membership {
                Membership::Customer(of, user, _) if of == customer => Some(user),
                _ => None,
            })
            .collect();
        for row in to.api_keys.iter_mut().filter(|row| keys(row)) {
            row.user_id = row.user_id.filter(|user| known.contains(user));
        }
        if !to.security_settings.iter().any(settings) {
            to.security_settings.append(&mut more.security_settings);
        }
    }

    /// The audit logs of partners.
    fn logs(&mut self) {
        let Self { eyes, dice, to, .. } = self;
        let hidden = |row: &seed::PartnerAuditEvent| !eyes.log(row.partner_id);
        stir(
            dice,
            &mut to.partner_audit_events,
            hidden,
            |row| row.id,
            |_, row| "other".clone_into(&mut row.actor),
        );
        let hidden = |row: &seed::PartnerApiKey| !eyes.log(row.partner_id);
        let other = |_: &mut Dice, row: &mut seed::PartnerApiKey| "other".clone_into(&mut row.label);
        stir(dice, &mut to.partner_api_keys, hidden, |row| row.id, other);
    }
}
