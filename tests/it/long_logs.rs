//! What the length of the audit logs costs: dashboard, access list and changes take the same statements, and the same time, with
//! a million events as with none.
//!
//! `EVENTS` says how many a log has (20,000 where it is not set); where it is set, times are measured and compared, too.

use std::time::{Duration, Instant};

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::json;

use crate::support::app::{App, Client};
use crate::support::world::{Terms, World};

/// Rounds that are timed, both worlds by turns.
const ROUNDS: usize = 200;

const DASHBOARD: &str = "{ viewer { partner { dashboard {
    commercial { accesses byOperatingModel { operatingModel count } monthlyRecurringRevenue { amount } usageAlerts }
    posture { accessesIncluded openFindings { total } slaBreaches assets meanRiskScore } } } } }";
const ACCESSES: &str = "{ viewer { partner { accesses(first: 20) { totalCount nodes { status operatingModel version postureVisible
    visibility { class visible } subscription { plan price { amount } usage { used alerting } }
    customer { name posture { riskScore openFindings { total } } } } } } } }";
const LOG: &str =
    "{ viewer { partner { auditLog(first: 20) { nodes { at action } pageInfo { hasNextPage } } } } }";
const RARE: &str =
    "{ viewer { partner { auditLog(first: 20, filter: { action: \"access.operating_model_changed\" }) {
    nodes { at action } } } } }";

/// A partner with sixty customers, ten of them co-managed.
struct Sixty {
    app: App,
    admin: UserId,
    customer_admin: UserId,
    partner: PartnerId,
    customer: CustomerId,
    access: AccessId,
}

async fn sixty() -> Sixty {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let mut sold = Vec::new();
    for nth in 0..60 {
        let terms = if nth < 10 { Terms::co_managed() } else { Terms::customer_managed() };
        let customer = world.customer(partner, &format!("Customer {nth:02}"), PortalAccess::Full);
        sold.push((customer, world.access(partner, customer, terms)));
        world.posture(customer);
    }
    let (customer, access) = sold[0];
    let customer_admin = world.customer_user(customer, CustomerRole::Admin, "Eve");
    Sixty { app: App::start(world).await, admin, customer_admin, partner, customer, access }
}

impl Sixty {
    /// Fills the logs of the partner and of one customer past the triggers, which would take their time.
    async fn with_events(self, count: usize) -> Self {
        let (partner, customer, access) = (self.partner, self.customer, self.access);
        let event = "gen_random_uuid(), timestamptz '2026-06-01' + n * interval '1 millisecond', 'Ada', 'access.operator_assigned'";
        let link = "1000 + n, sha256(n::text::bytea), sha256(n::text::bytea)";
        self.app
            .as_owner(&format!(
                "begin; set local session_replication_role = replica;
                 insert into partner_audit_events (partner_id, customer_id, access_id, id, at, actor, action, seq, previous_hash, hash)
                 select '{partner}', '{customer}', '{access}', {event}, {link} from generate_series(1, {count}) n;
                 insert into customer_audit_events (customer_id, partner_id, id, at, actor, action, seq, previous_hash, hash)
                 select '{customer}', '{partner}', {event}, {link} from generate_series(1, {count}) n;
                 delete from partner_audit_heads; delete from customer_audit_heads;
                 insert into partner_audit_heads select partner_id, seq, at, hash from partner_audit_events
                 order by seq desc limit 1;
                 insert into customer_audit_heads select customer_id, seq, at, hash from customer_audit_events
                 where customer_id = '{customer}' order by seq desc limit 1;
                 commit"
            ))
            .await;
        self.app.as_owner("vacuum analyze").await;
        self
    }

    fn client(&self) -> Client {
        self.app.sign_in(self.admin).hidden_in_extensions()
    }

    /// Another model, there or back.
    fn change(&self, nth: usize) -> String {
        let id = GlobalId::Access(self.customer, self.access);
        let model = if nth.is_multiple_of(2) { "FULLY_MANAGED" } else { "CO_MANAGED" };
        format!(
            r#"mutation {{ changeOperatingModel(input: {{ accessId: "{id}", operatingModel: {model}, reason: "In turn" }}) {{
                access {{ operatingModel }} userErrors {{ code }} }} }}"#
        )
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn nothing_costs_more_with_a_long_log() {
    let events = std::env::var("EVENTS").ok().map(|n| n.parse().unwrap());
    let none = sixty().await;
    let many = sixty().await.with_events(events.unwrap_or(20_000)).await;
    let clients = [none.client(), many.client()];
    for document in [DASHBOARD, ACCESSES] {
        let [one, two] = [clients[0].ask(document).await, clients[1].ask(document).await];
        assert!(one.body["data"]["viewer"]["partner"].is_object(), "{}", one.text);
        assert_eq!(one.on_the_wire(), two.on_the_wire());
        assert_eq!(one.statements, two.statements);
    }
    for nth in 0..2 {
        let [one, two] = [clients[0].ask(&none.change(nth)).await, clients[1].ask(&many.change(nth)).await];
        assert_eq!((one.on_the_wire(), one.statements), (two.on_the_wire(), two.statements));
        assert_eq!(one.statements, 8);
    }
    let page = clients[1].data(LOG).await;
    assert_eq!(page["viewer"]["partner"]["auditLog"]["pageInfo"], json!({ "hasNextPage": true }));
    let exposure = "{ customer { exposure(at: \"2026-06-14T00:00:00Z\") { partners { users { name } } } } }";
    let [one, two] = [&none, &many].map(|sixty| sixty.app.sign_in(sixty.customer_admin));
    assert_eq!(one.ask(exposure).await.statements, two.ask(exposure).await.statements);

    let Some(events) = events else { return };
    for (name, document) in
        [("dashboard", DASHBOARD), ("accesses", ACCESSES), ("log", LOG), ("rare", RARE), ("change", "")]
    {
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            // By turns, and by turns who is first.
            for nth in [round % 2, (round + 1) % 2] {
                let document = match document {
                    "" => [&none, &many][nth].change(round),
                    document => document.to_owned(),
                };
                let began = Instant::now();
                let reply = clients[nth].ask(&document).await;
                times[nth].push(began.elapsed());
                assert_eq!(reply.status, 200);
            }
        }
        let [one, two] = times.map(median);
        let ratio = two.as_secs_f64() / one.as_secs_f64();
        println!("{name}: {one:?} with none, {two:?} with {events} events, {ratio:.2} times");
        assert!(["log", "rare"].contains(&name) || ratio < 1.25, "{name}: {ratio}");
    }
}
