//! The gateway killed with SIGKILL between and during mutations: no change without its two events, no event without its
//! change, and a client that asks again with its key is answered as if nothing had happened.
//!
//! `KILLS` says how often (6 where it is not set).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use crate::support::app::App;
use crate::support::world::{Terms, World};

/// A gateway in a process of its own.
struct Gateway {
    process: Mutex<Child>,
    url: String,
}

impl Gateway {
    fn start(app: &App) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_posture-gateway"))
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .arg("--token-keys")
            .arg(app.public_key())
            .env("DATABASE_URL", app.test_database.url("posture_gateway"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("GraphQL is at ").unwrap().to_owned();
        Self { process: Mutex::new(process), url }
    }

    fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        // It may be dead already.
        let _ = process.kill();
        process.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What somebody asks for the nth time, and what is answered, ids aside.
type Asks = dyn Fn(usize) -> (String, Value) + Send + Sync;

/// Someone who asks for one thing after the other, and asks again, with the same key, whatever was not answered.
struct Insistent {
    name: String,
    token: String,
    asks: Arc<Asks>,
    answered: usize,
}

impl Insistent {
    /// Asks until the gateway is gone; `on_answer` says whether to go on.
    async fn ask(&mut self, gateway: &Gateway, on_answer: impl Fn() -> bool) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let (query, expected) = (self.asks)(self.answered);
            let request = http
                .post(&gateway.url)
                .header("authorization", format!("Bearer {}", self.token))
                .header("idempotency-key", format!("{}.{}", self.name, self.answered))
                .header("content-type", "application/json")
                .body(json!({ "query": query }).to_string());
            let Ok(response) = request.send().await else { return };
            let Ok(text) = response.text().await else { return };
            let answer: Value = serde_json::from_str(&text).unwrap();
            // A change that was made but not answered would be refused by now, if the key did not remember it.
            assert_eq!(answer, json!({ "data": expected }), "{query}");
            self.answered += 1;
            if !on_answer() {
                return;
            }
        }
    }
}

/// Everyone asks at once while gateways die, one after the other; at the end one lives, and everyone gets what they still wait for.
/// After each death the owner counts what is `torn`. How often everyone was answered, and how often in all.
async fn insist(
    app: &App,
    kills: usize,
    mut clients: Vec<Insistent>,
    torn: &'static str,
) -> (Vec<usize>, usize) {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    for round in 0..=kills {
        let gateway = Arc::new(Gateway::start(app));
        // After so many answers it dies, with the other clients' requests at any point of their way.
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
        let torn: Vec<String> = sqlx::query_scalar(torn).fetch_all(&mut owner).await.unwrap();
        assert_eq!(torn, [] as [&str; 0], "round {round}");
    }
    let answered: Vec<usize> = clients.iter().map(|client| client.answered).collect();
    let all = answered.iter().sum();
    (answered, all)
}

fn kills() -> usize {
    std::env::var("KILLS").map_or(6, |n| n.parse().unwrap())
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
    // Each opens and closes one access in turn.
    let client = |id: &GlobalId| {
        let id = id.to_string();
        let name = id.clone();
        let asks = move |nth: usize| {
            let model = if nth.is_multiple_of(2) { "CO_MANAGED" } else { "CUSTOMER_MANAGED" };
            let query = format!(
                r#"mutation {{ changeOperatingModel(input: {{ accessId: "{id}", operatingModel: {model}, reason: "In turn" }}) {{
                    access {{ id }} userErrors {{ code }} }} }}"#
            );
            (query, json!({ "changeOperatingModel": { "access": { "id": id }, "userErrors": [] } }))
        };
        Insistent { name, token: token.clone(), asks: Arc::new(asks), answered: 0 }
    };
    let clients = accesses.iter().map(client).collect();

    let (_, answered) = insist(&app, kills(), clients, TORN).await;

    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let changes: i64 =
        sqlx::query_scalar("select sum(version - 1) from accesses").fetch_one(&mut owner).await.unwrap();
    assert_eq!(usize::try_from(changes).unwrap(), answered, "each key is one change");
    assert!(answered > kills());
}

/// Customers, partners and users of whom a part is there, and events of what is not.
const PARTS: &str = "
    select 'customer ' || c.name from customers c
    where (select count(*) from accesses a where a.customer_id = c.customer_id) <> 1
       or (select count(*) from subscriptions s where s.customer_id = c.customer_id) <> 1
       or (select count(*) from subscription_add_ons o where o.customer_id = c.customer_id) <> 1
       or (select count(*) from quotes q where q.customer_id = c.customer_id and q.accepted_at is not null) <> 1
       or (select count(*) from customer_users u where u.customer_id = c.customer_id) <> 1
       or (select array_agg(e.action order by e.seq) from customer_audit_events e where e.customer_id = c.customer_id)
          <> '{customer.created,customer.user_invited,access.created}'
       or (select count(*) from partner_audit_events e where e.action = 'customer.created' and e.new_value = c.name) <> 1
       or (select count(*) from partner_audit_events e where e.action = 'access.created' and e.customer_id = c.customer_id) <> 1
    union all
    select 'partner ' || p.name from partners p
    where p.parent_id is not null
      and ((select count(*) from partner_users u where u.partner_id = p.id) <> 1
           or (select array_agg(e.action order by e.seq) from partner_audit_events e where e.partner_id = p.id)
              <> '{partner.created,partner.user_invited}'
           or (select count(*) from partner_audit_events e
               where e.partner_id = p.parent_id and e.action = 'partner.created' and e.new_value like p.name || ',%') <> 1)
    union all
    select 'user ' || u.name from users u
    where not exists (select from customer_users m where m.user_id = u.id)
      and not exists (select from partner_users m where m.user_id = u.id)
    union all
    select e.action || ' ' || e.new_value from partner_audit_events e
    where case e.action
              when 'customer.created' then not exists (select from customers c where c.name = e.new_value)
              when 'partner.created' then not exists (select from partners p where e.new_value like p.name || ',%')
              else false
          end";

/// What takes several statements is whole or is not there at all; a refusal is remembered as what was done is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_founds_it_leaves_no_part_of_a_customer_or_a_partner() {
    let mut world = World::default();
    world.catalogue();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let app = App::start(world).await;
    let token = app.token(admin, app.clock.now(), chrono::TimeDelta::days(3650));
    let client = |name: &str, asks: Arc<Asks>| Insistent {
        name: name.to_owned(),
        token: token.clone(),
        asks,
        answered: 0,
    };
    let customers = |name: &'static str| {
        let asks = move |nth: usize| {
            // Every third has no address that could be one.
            let (at, errors) =
                if nth % 3 == 2 { ("", json!([{ "code": "INVALID" }])) } else { ("@", json!([])) };
            let query = format!(
                r#"mutation {{ createCustomer(input: {{ name: "{name} {nth}", adminEmail: "{name}-{nth}{at}example.org",
                    licenses: {{ plan: "Standard", licenseModel: PER_SCAN, quantity: 5, billingCycle: ANNUAL, addOns: ["SSO"],
                                 trialDays: 14 }} }}) {{ userErrors {{ code }} }} }}"#
            );
            (query, json!({ "createCustomer": { "userErrors": errors } }))
        };
        client(name, Arc::new(asks))
    };
    let partners = |name: &'static str| {
        let asks = move |nth: usize| {
            let query = format!(
                r#"mutation {{ createPartner(input: {{ name: "{name} {nth}", adminEmail: "{name}-{nth}@example.org",
                    adminName: "Eve", customerDataAccess: SUPPORT }}) {{ partner {{ name }} userErrors {{ code }} }} }}"#
            );
            (
                query,
                json!({ "createPartner": { "partner": { "name": format!("{name} {nth}") }, "userErrors": [] } }),
            )
        };
        client(name, Arc::new(asks))
    };
    let clients = vec![customers("a"), customers("b"), customers("c"), partners("p"), partners("q")];

    let (answered, _) = insist(&app, kills(), clients, PARTS).await;

    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let made: (i64, i64) = sqlx::query_as(
        "select (select count(*) from customers), (select count(*) from partners where parent_id is not null)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    let done = |asked: usize| asked - asked / 3;
    let due = (answered[..3].iter().map(|&asked| done(asked)).sum(), answered[3..].iter().sum::<usize>());
    assert_eq!((usize::try_from(made.0).unwrap(), usize::try_from(made.1).unwrap()), due, "each key is one");
    assert!(due.0 > 0 && due.1 > 0, "{due:?}");
}
