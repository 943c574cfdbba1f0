//! The model's gate against the database: which rows of every relation policies show everybody of generated worlds, by the text alone.

use std::collections::BTreeSet;

use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::store::seed::Membership;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};
use uuid::Uuid;

use super::gate::{ACTIVITY, COMMERCIAL, Gate, POSTURE, SECURITY_CONFIG, Who};
use crate::support::events::is_of_security;
use crate::support::size::{is_whole, seeds, tried};
use crate::wall::builder::now;
use crate::wall::matrix::hold;
use crate::wall::observed::{RELATIONS, Shown, observe};
use crate::wall::worlds::generated;

/// Worlds in every run.
const WORLDS: u64 = 12;

/// What belongs to a customer alone, by the class that opens it.
const OF_CUSTOMERS: [(&str, &[&str]); 2] = [
    (
        POSTURE,
        &[
            "assets",
            "components",
            "evidence",
            "evidence_files",
            "evidence_findings",
            "evidence_scans",
            "findings",
            "posture_due",
            "posture_rollups",
            "posture_shares",
            "posture_snapshots",
            "scan_reports",
            "scan_schedule_targets",
            "scan_schedules",
            "scan_targets",
            "scans",
            "sla_policies",
        ],
    ),
    (SECURITY_CONFIG, &["api_keys", "security_settings"]),
];

/// What is due to one user.
struct Due<'g, 'w> {
    gate: &'g Gate<'w>,
    user: UserId,
    who: Who,
    shown: Shown,
}

/// What is due to a user of every relation; nothing to nobody.
fn due(gate: &Gate<'_>, user: UserId) -> Shown {
    let shown: Shown = RELATIONS.iter().map(|(relation, _)| (*relation, BTreeSet::new())).collect();
    let Some(who) = gate.who(user) else { return shown };
    let mut due = Due { gate, user, who, shown };
    due.accesses();
    due.customers();
    due.logs();
    due.partners();
    due.exposure();
    due.people();
    due.shown
}

impl Due<'_, '_> {
    #[expect(clippy::needless_pass_by_value, reason = "ids are copied, and keys made for this")]
    fn show(&mut self, relation: &'static str, key: impl ToString) {
        self.shown.get_mut(relation).unwrap().insert(key.to_string());
    }

    fn sees(&self, class: &str, customer: CustomerId) -> bool {
        self.gate.on_customer(self.user, self.who, class, customer).is_none()
    }

    /// The accesses that exist, what is sold by them, and for a partner's user what of each is shown.
    fn accesses(&mut self) {
        for row in self.gate.accesses(self.user, self.who) {
            self.show("accesses", row.id);
            let shown = |class| self.gate.on_access(self.user, self.who, class, row).is_none();
            let (commercial, posture, security) = (shown(COMMERCIAL), shown(POSTURE), shown(SECURITY_CONFIG));
            if matches!(self.who, Who::Partner(..)) {
                let posture = if posture { " posture" } else { "" };
                let security = if security { " security" } else { "" };
                self.show("gate.partner_sees", format!("{}{posture}{security}", row.id));
            }
            if commercial {
                for relation in ["subscriptions", "subscription_add_ons", "usage_alerts"] {
                    self.show(relation, row.id);
                }
                // How much is metered is commercial, and told of the customer as a whole.
                for relation in ["usage_assets", "usage_scans"] {
                    self.show(relation, row.customer_id);
                }
            }
        }
    }

    fn customers(&mut self) {
        for row in &self.gate.world.customers {
            let customer = row.customer_id;
            if self.gate.meets(self.user, self.who, row) {
                self.show("customers", customer);
            }
            for (class, relations) in OF_CUSTOMERS {
                if self.sees(class, customer) {
                    for &relation in relations {
                        self.show(relation, customer);
                    }
                }
            }
            // Without an access, too, to whom no access has to lead.
            if !matches!(self.who, Who::Partner(..)) && self.sees(COMMERCIAL, customer) {
                self.show("usage_assets", customer);
                self.show("usage_scans", customer);
            }
        }
    }

    /// A customer's log and what was done about its findings: of what partners did, a partner is told its own.
    fn logs(&mut self) {
        let world = self.gate.world;
        let own = |who: Who, by: Option<PartnerId>| match who {
            Who::Partner(own, _) => by.is_none_or(|by| by == own),
            Who::Customer(..) | Who::Platform | Who::Scanner => true,
        };
        let named = |by: Option<PartnerId>| by.map(|id| id.to_string()).unwrap_or_default();
        for row in &world.finding_history {
            if own(self.who, row.partner_id) && self.sees(POSTURE, row.customer_id) {
                self.show("finding_history", format!("{} {}", row.customer_id, named(row.partner_id)));
            }
        }
        for row in &world.customer_audit_events {
            let security = !is_of_security(&row.action) || self.sees(SECURITY_CONFIG, row.customer_id);
            if own(self.who, row.partner_id) && self.sees(ACTIVITY, row.customer_id) && security {
                let key = format!("{} {} {}", row.customer_id, named(row.partner_id), row.action);
                self.show("customer_audit_events", key);
            }
        }
    }

    /// Partners that are known, an ADMIN's own books, and prices.
    fn partners(&mut self) {
        let world = self.gate.world;
        let is_platform = self.who == Who::Platform;
        for id in world.partners.iter().map(|row| row.id) {
            if self.gate.knows(self.who, id) {
                self.show("partners", id);
            }
            let is_own = self.who == Who::Partner(id, PartnerRole::Admin);
            if is_own {
                self.show("partner_audit_events", id);
                self.show("partner_api_keys", id);
                for quote in world.quotes.iter().filter(|quote| quote.partner_id == id) {
                    self.show("quotes", quote.customer_id);
                }
            }
            if is_own || is_platform {
                self.show("prepaid_purchases", id);
                for row in world.subscriptions.iter().filter(|row| row.partner_id == id && row.prepaid) {
                    self.show("prepaid_assignments", row.access_id);
                }
            }
        }
        if is_platform || matches!(self.who, Who::Partner(_, PartnerRole::Admin)) {
            world.pricing.iter().for_each(|row| self.show("pricing", row.license_model));
        }
        // What can be sold is for those who sell.
        if is_platform || matches!(self.who, Who::Partner(..)) {
            world.plans.iter().for_each(|row| self.show("plans", &row.name));
            world.plan_add_ons.iter().for_each(|row| self.show("plan_add_ons", &row.code));
        }
    }

    /// Who could see a customer and who was shown what: for its own ADMINs, where they see its activity.
    fn exposure(&mut self) {
        let Who::Customer(own, CustomerRole::Admin) = self.who else { return };
        if !self.sees(ACTIVITY, own) {
            return;
        }
        let world = self.gate.world;
        for row in world.access_records.iter().filter(|row| row.customer_id == own) {
            self.show("access_records", row.customer_id);
        }
        for access in world.accesses.iter().filter(|access| access.customer_id == own) {
            self.show("access_history", access.id);
            for row in &world.memberships {
                match *row {
                    Membership::Partner(partner, user, _) if partner == access.partner_id => {
                        self.show("partner_user_history", user);
                    }
                    Membership::Assignment(_, id, user) if id == access.id => {
                        self.show("assignment_history", format!("{id} of {user}"));
                    }
                    _ => (),
                }
            }
        }
    }

    /// Oneself; a partner's ADMIN keeps its people, and a security configuration names a customer's.
    fn people(&mut self) {
        let (user, who) = (self.user, self.who);
        self.show("users", user);
        self.show("visits", user);
        for row in &self.gate.world.memberships {
            match *row {
                Membership::Partner(partner, member, _)
                    if member == user || who == Who::Partner(partner, PartnerRole::Admin) =>
                {
                    self.show("partner_users", member);
                    self.show("users", member);
                }
                Membership::Customer(customer, member, _)
                    if member == user || self.sees(SECURITY_CONFIG, customer) =>
                {
                    self.show("customer_users", member);
                    self.show("users", member);
                }
                Membership::Assignment(_, access, operator) if operator == user => {
                    self.show("operator_assignments", format!("{access} of {user}"));
                }
                _ => (),
            }
        }
    }
}

#[tokio::test]
async fn policies_show_what_the_model_does() {
    let (mut worlds, mut relations) = (0, 0);
    let mut told = BTreeSet::new();
    for seed in seeds(WORLDS) {
        let world = generated(seed);
        let (_database, mut gateway) = hold(&world).await;
        let gate = Gate { world: &world, now: now() };
        for user in world.users.iter().map(|row| row.id) {
            let shown = observe(&mut gateway, user).await;
            for (relation, due) in due(&gate, user) {
                assert_eq!(
                    shown[relation],
                    due,
                    "{relation} for {user} ({:?}), world {seed}\n\
                     again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::model::walls",
                    gate.who(user)
                );
                relations += 1;
                if !due.is_empty() {
                    told.insert(relation);
                }
            }
        }
        worlds += 1;
    }
    tried("worlds in which policies and model agree", worlds);
    tried("relations of viewers in which policies and model agree", relations);
    // A new relation is due to nobody until the text above says to whom.
    if is_whole(worlds, WORLDS, "model and policies: every relation is shown to somebody") {
        let untold: Vec<_> = RELATIONS
            .iter()
            .map(|(relation, _)| *relation)
            .filter(|relation| !told.contains(relation))
            .collect();
        assert_eq!(untold, [] as [&str; 0], "shown to nobody");
    }
}

/// Who operates which customer at the instant of the worlds, by the function that the door of shares asks of whoever made one.
async fn operating(owner: &mut PgConnection) -> BTreeSet<(UserId, CustomerId)> {
    let opening = format!("begin; set local jit = off; set local app.now = '{}'", now().to_rfc3339());
    owner.execute(AssertSqlSafe(opening)).await.unwrap();
    let pairs: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "select u.id, c.customer_id from users u, customers c where gate.operates(u.id, c.customer_id)",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    owner.execute("rollback").await.unwrap();
    pairs.into_iter().map(|(user, customer)| (UserId(user), CustomerId(customer))).collect()
}

/// *Operate* is "as `SECURITY_CONFIG`" (DESIGN.md 4), of whoever it is asked and not only of the viewer.
#[tokio::test]
async fn the_database_says_who_operates_as_the_model_does() {
    let (mut worlds, mut operate, mut others) = (0, 0, 0);
    for seed in seeds(WORLDS) {
        let world = generated(seed);
        let (database, _) = hold(&world).await;
        let found = operating(&mut database.as_superuser().connect().await.unwrap()).await;
        let gate = Gate { world: &world, now: now() };
        for user in world.users.iter().map(|row| row.id) {
            for customer in world.customers.iter().map(|row| row.customer_id) {
                let who = gate.who(user);
                let due =
                    who.is_some_and(|who| gate.on_customer(user, who, SECURITY_CONFIG, customer).is_none());
                assert_eq!(
                    found.contains(&(user, customer)),
                    due,
                    "{user} ({who:?}) operates {customer}, world {seed}\n\
                     again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::model::walls"
                );
                if due {
                    operate += 1;
                } else {
                    others += 1;
                }
            }
        }
        worlds += 1;
    }
    tried("users and customers of whom database and model say that they operate", operate);
    tried("users and customers of whom database and model say that they do not", others);
    if is_whole(worlds, WORLDS, "model and policies: some operate and others do not") {
        assert!(operate > 0 && others > 0, "{operate} operate, and {others} do not");
    }
}
