//! The gateway killed with SIGKILL between and during mutations: no change without its two events, no event without its
//! change, and a client that asks again with its key is answered as if nothing had happened.
//!
//! `KILLS` says how often (6 where it is not set).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use crate::support::app::App;
use crate::support::process::Gateway;
use crate::support::world::{Terms, World};

/// Someone who opens and closes one access in turn, and asks again, with the same key, whatever was not answered.
struct Insistent {
    access: String,
    token: String,
    answered: usize,
}

impl Insistent {
    /// Asks until the gateway is gone; `on_answer` says whether to go on.
    async fn ask(&mut self, gateway: &Gateway, on_answer: impl Fn() -> bool) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let model = if self.answered.is_multiple_of(2) { "CO_MANAGED" } else { "CUSTOMER_MANAGED" };
            let body = json!({
                "query": "mutation ($i: ChangeOperatingModelInput!) { changeOperatingModel(input: $i) { access { id } userErrors { code } } }",
                "variables": { "i": { "accessId": self.access, "operatingModel": model, "reason": "in turn" } },
            });
            let request = http
                .post(&gateway.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("idempotency-key", format!("{} {}", self.access, self.answered))
                .header("content-type", "application/json")
                .body(body.to_string());
            let Ok(response) = request.send().await else { return };
            let Ok(text) = response.text().await else { return };
            let answer: Value = serde_json::from_str(&text).unwrap();
            // A change that was made but not answered would be NO_CHANGE by now, if the key did not remember it.
            assert_eq!(
                answer,
                json!({ "data": { "changeOperatingModel": { "access": { "id": self.access }, "userErrors": [] } } })
            );
            self.answered += 1;
            if !on_answer() {
                return;
            }
        }
    }
}

/// Accesses whose version, model and events do not tell the same story.
const TORN: &str = "
    select a.customer_name from accesses a
    cross join lateral (select count(*) as n, (array_agg(e.new_value order by e.seq desc))[1] as last
                        from partner_audit_events e where e.access_id = a.id) p
    cross join lateral (select count(*) as n, (array_agg(e.new_value order by e.seq desc))[1] as last
                        from customer_audit_events e where e.customer_id = a.customer_id) c
    where (a.version - 1, a.version - 1) <> (p.n, c.n)
       or (a.operating_model, a.operating_model) <> (coalesce(p.last, 'CUSTOMER_MANAGED'), coalesce(c.last, 'CUSTOMER_MANAGED'))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_leaves_no_half_of_anything() {
    let kills: usize = std::env::var("KILLS").map_or(6, |n| n.parse().unwrap());
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let accesses: Vec<GlobalId> = (0..6)
        .map(|n| {
            let customer = world.customer(partner, &format!("Customer {n}"), PortalAccess::Disabled);
            GlobalId::Access(customer, world.access(partner, customer, Terms::customer_managed()))
        })
        .collect();
    let app = App::start(world).await;
    let token = app.token(admin, app.clock.now(), chrono::TimeDelta::days(3650));
    let mut clients: Vec<Insistent> = accesses
        .iter()
        .map(|id| Insistent { access: id.to_string(), token: token.clone(), answered: 0 })
        .collect();
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();

    for round in 0..=kills {
        let gateway = Arc::new(Gateway::start(&app, 0));
        // After so many answers it dies, with the other clients' requests at any point of their way; in the last round it
        // lives, and every client gets what it still waits for.
        let (answers, enough) = (Arc::new(AtomicUsize::new(0)), 1 + round * 7 % 23);
        let tasks: Vec<_> = clients
            .drain(..)
            .map(|mut client| {
                let (gateway, answers) = (Arc::clone(&gateway), Arc::clone(&answers));
                tokio::spawn(async move {
                    client
                        .ask(&gateway, || {
                            if round == kills {
                                return false;
                            }
                            if answers.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                                gateway.kill();
                            }
                            true
                        })
                        .await;
                    client
                })
            })
            .collect();
        for task in tasks {
            clients.push(task.await.unwrap());
        }
        assert!(round == kills || answers.load(Ordering::Relaxed) >= enough, "round {round} ended early");
        // One statement sees one moment, whatever PostgreSQL still finishes of a killed gateway.
        let torn: Vec<String> = sqlx::query_scalar(TORN).fetch_all(&mut owner).await.unwrap();
        assert_eq!(torn, [] as [&str; 0], "round {round}");
    }

    let changes: i64 =
        sqlx::query_scalar("select sum(version - 1) from accesses").fetch_one(&mut owner).await.unwrap();
    let answered: usize = clients.iter().map(|client| client.answered).sum();
    assert_eq!(usize::try_from(changes).unwrap(), answered, "each key is one change");
    assert!(answered > kills);
}
