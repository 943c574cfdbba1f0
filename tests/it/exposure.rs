//! `Customer.exposure`: who could see which class of a customer's data, now and at any past instant, agrees with what the gate
//! decided on the wire then (DESIGN.md 4). Histories are generated: mutations, and SQL past the gateway, while the clock moves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{NOW, Terms, World, days};

/// Names of partner users, each with the classes that they see.
type Seen = BTreeMap<String, BTreeSet<String>>;

/// What `exposure` tells, by the users' names.
fn told(exposure: &Value) -> Seen {
    let list = |value: &Value| value.as_array().unwrap().clone();
    list(&exposure["partners"])
        .iter()
        .flat_map(|partner| list(&partner["users"]))
        .map(|user| {
            let classes =
                list(&user["classes"]).iter().map(|class| class.as_str().unwrap().to_owned()).collect();
            (user["name"].as_str().unwrap().to_owned(), classes)
        })
        .collect()
}

async fn exposure(admin: &Client, at: Option<DateTime<Utc>>) -> Seen {
    let document =
        "query ($at: DateTime) { customer { exposure(at: $at) { partners { users { name classes } } } } }";
    let reply = admin.query(document, json!({ "at": at.map(|at| at.to_rfc3339()) })).await;
    told(&reply.body["data"]["customer"]["exposure"])
}

/// What the gate shows each of them on the wire now.
async fn on_the_wire(app: &App, customer: CustomerId, users: &[(UserId, String)]) -> Seen {
    let id = GlobalId::Customer(customer);
    let document = format!(r#"{{ customer(id: "{id}") {{ visibility {{ class visible }} }} }}"#);
    let mut seen = Seen::new();
    for (user, name) in users {
        let reply = app.sign_in(*user).ask(&document).await;
        let classes = reply.body["data"]["customer"]["visibility"].as_array().cloned().unwrap_or_default();
        let shown: BTreeSet<String> = classes
            .iter()
            .filter(|class| class["visible"] == true && class["class"] != "PRICING")
            .map(|class| class["class"].as_str().unwrap().to_owned())
            .collect();
        if !shown.is_empty() {
            seen.insert(name.clone(), shown);
        }
    }
    seen
}

/// Numbers that are the same in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// One customer with two partners, their people, and what happens to them.
struct Life {
    app: App,
    dice: Dice,
    customer: CustomerId,
    admin: UserId,
    partners: [PartnerId; 2],
    admins: [UserId; 2],
    accesses: Vec<(usize, AccessId)>,
    /// With the name of now.
    users: Vec<(UserId, String)>,
    changed: usize,
}

impl Life {
    async fn new(seed: u64) -> Self {
        let mut world = World::default();
        let partners = [world.partner("Birch"), world.partner("Cedar")];
        let customer = world.customer(partners[0], "Acme", PortalAccess::ReadOnly);
        let admin = world.customer_user(customer, CustomerRole::Admin, "Customer admin");
        let other = world.customer(partners[0], "Other", PortalAccess::ReadOnly);
        world.access(partners[0], other, Terms::fully_managed());
        let mut users = Vec::new();
        let mut admins = Vec::new();
        let mut accesses = Vec::new();
        for (nth, partner) in partners.into_iter().enumerate() {
            let lead = world.partner_admin(partner, &format!("Lead {nth}"));
            admins.push(lead);
            users.push((lead, format!("Lead {nth}")));
            for operator in ["Op", "Aide"] {
                let name = format!("{operator} {nth}");
                users.push((world.operator(partner, &name), name));
            }
            let ended = world.access(partner, customer, Terms::fully_managed().status(AccessStatus::Ended));
            let terms = if nth == 0 { Terms::co_managed() } else { Terms::co_managed().trial_until(days(9)) };
            accesses.extend([(nth, ended), (nth, world.access(partner, customer, terms))]);
        }
        world.assign(users[1].0, customer, accesses[1].1);
        let app = App::start(world).await;
        let admins = [admins[0], admins[1]];
        Self { app, dice: Dice(seed), customer, admin, partners, admins, accesses, users, changed: 0 }
    }

    /// Past the gateway, at the clock's instant. What the constraints refuse does not happen.
    async fn sql(&mut self, sql: String) {
        let mut owner = self.app.test_database.as_superuser().connect().await.unwrap();
        let now = self.app.clock.now().to_rfc3339();
        let changed =
            owner.execute(AssertSqlSafe(format!("begin; set local app.now = '{now}'; {sql}"))).await;
        self.changed += usize::from(changed.is_ok());
        let end = if changed.is_ok() { "commit" } else { "rollback" };
        owner.execute(end).await.unwrap();
    }

    async fn mutate(&mut self, by: UserId, field: &str, input: &str) {
        let document = format!("mutation {{ {field}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}");
        let reply = self.app.sign_in(by).ask(&document).await;
        assert!(!reply.codes().contains(&"INTERNAL"), "{document} {}", reply.text);
        let errors = &reply.body["data"][field]["userErrors"];
        self.changed += usize::from(errors.as_array().is_some_and(Vec::is_empty));
    }

    /// Something happens, or is refused, which is as good.
    async fn step(&mut self) {
        let (nth, access) = self.dice.pick(&self.accesses.clone());
        let (customer, by, partner) = (self.customer, self.admins[nth], self.partners[nth]);
        let id = GlobalId::Access(customer, access);
        let (user, _) = self.users[self.dice.below(self.users.len())].clone();
        let model = self.dice.pick(&["CUSTOMER_MANAGED", "CO_MANAGED", "FULLY_MANAGED"]);
        let privilege = self.dice.pick(&["NONE", "SUPPORT", "MANAGE"]);
        let this = format!("customer_id = '{customer}' and id = '{access}'");
        match self.dice.below(16) {
            0 | 1 => {
                self.mutate(
                    by,
                    "changeOperatingModel",
                    &format!(r#"accessId: "{id}", operatingModel: {model}, reason: "Test""#),
                )
                .await;
            }
            2 | 3 => {
                let hours = TimeDelta::hours(i64::try_from(self.dice.below(90)).unwrap());
                let until = (self.app.clock.now() + hours).to_rfc3339();
                let until =
                    self.dice.pick(&[String::new(), format!(r#", until: "{until}""#)].each_ref()).clone();
                let admin = self.admin;
                self.mutate(
                    admin,
                    "setPartnerConsent",
                    &format!(r#"accessId: "{id}", consent: {privilege}{until}"#),
                )
                .await;
            }
            4 => {
                self.mutate(
                    by,
                    "setPrivilegeCeiling",
                    &format!(r#"accessId: "{id}", ceiling: {privilege}, reason: "Test""#),
                )
                .await;
            }
            5 | 6 => {
                let (operator, assigned) = (GlobalId::User(user), self.dice.pick(&[true, true, false]));
                self.mutate(
                    by,
                    "assignOperator",
                    &format!(r#"accessId: "{id}", operatorId: "{operator}", assigned: {assigned}"#),
                )
                .await;
            }
            7 => {
                self.sql(format!(
                    "update accesses set status = 'SUSPENDED' where {this} and status = 'ACTIVE'"
                ))
                .await;
            }
            8 => {
                self.sql(format!("update accesses set status = 'ACTIVE' where {this} and status <> 'ENDED'"))
                    .await;
            }
            9 => {
                self.sql(format!(
                    "update accesses set status = 'ENDED', ended_at = gate.instant() where {this}"
                ))
                .await;
            }
            10 => {
                let new = AccessId(uuid::Uuid::from_u128((u128::from(self.dice.0) << 64) | 1));
                let before = self.changed;
                self.sql(format!(
                    "insert into accesses (customer_id, id, partner_id, customer_name, status, operating_model, created_at)
                     values ('{customer}', '{new}', '{partner}', 'Acme', 'ACTIVE', '{model}', gate.instant())"
                ))
                .await;
                if self.changed > before {
                    self.accesses.push((nth, new));
                }
            }
            11 => {
                self.sql(format!("update users set disabled_at = gate.instant() where id = '{user}' and disabled_at is null"))
                    .await;
            }
            12 => self.sql(format!("update users set disabled_at = null where id = '{user}'")).await,
            13 => {
                let role = self.dice.pick(&["ADMIN", "OPERATOR"]);
                self.sql(format!("update partner_users set role = '{role}' where user_id = '{user}'")).await;
            }
            14 => {
                let at = self.users.iter().position(|(known, _)| *known == user).unwrap();
                let name = format!("{}x", self.users[at].1);
                self.sql(format!("update users set name = '{name}' where id = '{user}'")).await;
                self.users[at].1 = name;
            }
            // Leaves, and comes back as an operator of the other one.
            _ => {
                self.sql(format!(
                    "delete from operator_assignments where user_id = '{user}'; delete from partner_users where user_id = '{user}';
                     insert into partner_users (partner_id, user_id, role) values ('{partner}', '{user}', 'OPERATOR')"
                ))
                .await;
            }
        }
    }
}

#[tokio::test]
async fn every_past_instant_is_told_as_the_gate_decided_it_then() {
    let (mut changed, mut kinds) = (0, BTreeSet::new());
    for seed in 0..3 {
        let mut life = Life::new(seed).await;
        let mut kept = vec![(NOW, on_the_wire(&life.app, life.customer, &life.users).await)];
        for _ in 0..60 {
            let minutes = i64::try_from(life.dice.below(600)).unwrap();
            life.app.clock.advance(TimeDelta::minutes(minutes) + TimeDelta::microseconds(1));
            // Time alone changes what is seen, too.
            if life.dice.below(4) > 0 {
                life.step().await;
            }
            let now = life.app.clock.now();
            let seen = on_the_wire(&life.app, life.customer, &life.users).await;
            assert_eq!(exposure(&life.app.sign_in(life.admin), None).await, seen, "seed {seed}, now {now}");
            kept.push((now, seen));
        }
        let admin = life.app.sign_in(life.admin);
        for (at, seen) in &kept {
            assert_eq!(exposure(&admin, Some(*at)).await, *seen, "seed {seed}, at {at}");
            kinds.extend(seen.values().cloned());
        }
        changed += life.changed;
    }
    // The histories were not empty, and every combination of classes was seen.
    assert!(changed > 60, "{changed} changes");
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}

#[tokio::test]
async fn the_customers_admin_is_told_who_sees_what_and_through_whom() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let document =
        "{ customer { exposure { at partners { partner { name } users { name role classes } } } } }";
    let data = app.sign_in(Persona::ReadOnlyPortalAdmin).data(document).await;
    let mut exposure = data["customer"]["exposure"].clone();
    exposure["partners"].as_array_mut().unwrap().sort_by_key(|one| one["partner"]["name"].to_string());
    assert_eq!(
        exposure,
        json!({ "at": "2026-06-15T12:00:00+00:00", "partners": [
            { "partner": { "name": "Birch Security" }, "users": [
                { "name": "Operator", "role": "OPERATOR", "classes": ["COMMERCIAL", "POSTURE", "ACTIVITY"] },
                { "name": "PartnerAdmin", "role": "ADMIN", "classes": ["COMMERCIAL", "POSTURE", "ACTIVITY"] },
            ] },
            { "partner": { "name": "Cedar Security" }, "users": [
                { "name": "RivalAdmin", "role": "ADMIN", "classes": ["COMMERCIAL"] },
            ] },
        ] })
    );
}

#[tokio::test]
async fn nobody_but_the_customers_own_admin_with_an_open_portal_is_told() {
    let cast = Cast::new();
    let customers = [cast.acme.customer, cast.bolt.customer, cast.crown.customer];
    let app = App::start(cast.world).await;
    for persona in Persona::signed_in() {
        for customer in customers {
            let id = GlobalId::Customer(customer);
            let document = format!(r#"{{ customer(id: "{id}") {{ exposure {{ at }} }} }}"#);
            let reply = app.sign_in(persona).hidden_in_extensions().ask(&document).await;
            let told = !reply.body["data"]["customer"]["exposure"].is_null();
            let due = match persona {
                Persona::FullPortalAdmin => customer == customers[0],
                Persona::ReadOnlyPortalAdmin => customer == customers[1],
                _ => false,
            };
            assert_eq!(told, due, "{persona:?} {}", reply.text);
            if !told && !reply.body["data"]["customer"].is_null() {
                let hidden = &reply.body["extensions"]["hidden"][0];
                let reason = if persona == Persona::DisabledPortalAdmin { "PORTAL_ACCESS" } else { "ROLE" };
                assert_eq!(
                    json!([hidden["coordinate"], hidden["class"], hidden["reason"]]),
                    json!(["Customer.exposure", "ACTIVITY", reason])
                );
            }
        }
    }
}

#[tokio::test]
async fn the_future_is_not_told_and_long_ago_is_empty() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let reply = admin.ask(r#"{ customer { exposure(at: "2026-06-15T12:00:00.000001Z") { at } } }"#).await;
    assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{}", reply.text);
    for at in ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let document =
            format!(r#"{{ customer {{ exposure(at: "{at}") {{ partners {{ users {{ name }} }} }} }} }}"#);
        assert_eq!(admin.data(&document).await["customer"]["exposure"]["partners"], json!([]), "{at}");
    }
}

#[tokio::test]
async fn histories_only_ever_grow() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    for table in ["access_history", "partner_user_history", "assignment_history"] {
        for sql in [
            format!("update {table} set at = now()"),
            format!("delete from {table}"),
            format!("truncate {table}"),
        ] {
            let refused = owner.execute(AssertSqlSafe(sql.clone())).await.unwrap_err().to_string();
            assert!(refused.contains("only ever grow"), "{sql}: {refused}");
        }
        for role in ["posture_gateway", "posture_writer", "posture_ingest"] {
            let sql = format!("begin; set local role {role}; insert into {table} select * from {table}");
            let refused = gateway.execute(AssertSqlSafe(sql)).await.unwrap_err().to_string();
            gateway.execute("rollback").await.unwrap();
            assert!(refused.contains("permission denied"), "{role} {table}: {refused}");
        }
    }
    // What would go unrecorded does not happen.
    for table in ["accesses", "partner_users", "operator_assignments"] {
        let refused = owner.execute(AssertSqlSafe(format!("truncate {table} cascade"))).await.unwrap_err();
        assert!(refused.to_string().contains("only ever grow"), "{table}: {refused}");
    }
}
