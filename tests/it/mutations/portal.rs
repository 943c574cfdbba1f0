//! `setPortalAccess`: the managing partner's alone (DESIGN.md 6 and 9).

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::{Value, json};

use super::{codes, everything, mutate_customer, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

async fn set(client: &Client, customer: CustomerId, portal: &str) -> Reply {
    let input = json!({ "customerId": GlobalId::Customer(customer).to_string(), "portalAccess": portal });
    mutate_customer(client, "setPortalAccess", input).await
}

#[tokio::test]
async fn the_managing_partner_opens_the_portal_and_both_logs_say_so() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let reply = set(&app.sign_in(Persona::PartnerAdmin), cast.crown.customer, "READ_ONLY").await;
    assert_eq!(
        reply.body,
        json!({ "data": { "setPortalAccess": {
            "customer": { "name": "Crown", "portalAccess": "READ_ONLY" }, "userErrors": [],
        } } })
    );
    let event = |log| json!([log, "PartnerAdmin", null, "DISABLED", "READ_ONLY"]);
    assert_eq!(recorded(&app, "customer.portal_access_changed").await, [event("partner"), event("customer")]);
    let reader = app.sign_in(Persona::DisabledPortalReader);
    assert_eq!(
        reader.data("{ customer { findings { totalCount } } }").await["customer"]["findings"],
        json!({ "totalCount": 1 })
    );
}

/// Who manages: the creator while it has a live access or nobody has one, else the partner with the oldest live one.
#[tokio::test]
async fn the_creator_manages_until_only_others_have_live_accesses() {
    let mut world = World::default();
    let (birch, cedar, dogwood) = (world.partner("Birch"), world.partner("Cedar"), world.partner("Dogwood"));
    let admins =
        [(birch, "Ada"), (cedar, "Bea"), (dogwood, "Cy")].map(|(p, name)| world.partner_admin(p, name));
    let mut customer = |name: &str, accesses: &[(usize, AccessStatus, i64)]| {
        let customer = world.customer(birch, name, PortalAccess::Disabled);
        for (partner, status, created) in accesses {
            let partner = [birch, cedar, dogwood][*partner];
            let terms = Terms::customer_managed().status(*status).created_at(days(*created));
            world.access(partner, customer, terms);
        }
        customer
    };
    let (live, ended) = (AccessStatus::Active, AccessStatus::Ended);
    let suspended = AccessStatus::Suspended;
    // Who sees it, and which of them manages it.
    let cases: [(CustomerId, &[usize], usize); 5] = [
        (customer("New", &[]), &[0], 0),
        (customer("Shared", &[(0, live, -10), (1, live, -90)]), &[0, 1], 0),
        (customer("Left", &[(0, ended, -99), (2, live, -20), (1, suspended, -30)]), &[0, 1, 2], 1),
        (customer("Over", &[(0, ended, -99), (1, ended, -50)]), &[0, 1], 0),
        (customer("Again", &[(0, ended, -99), (0, suspended, -10), (1, live, -90)]), &[0, 1], 0),
    ];
    let app = App::start(world).await;
    let clients = admins.map(|admin| app.sign_in(admin));
    for (customer, seen_by, managed_by) in cases {
        for (nth, client) in clients.iter().enumerate().filter(|(nth, _)| *nth != managed_by) {
            let expected = if seen_by.contains(&nth) { "NOT_PERMITTED" } else { "NOT_FOUND" };
            let before = everything(&app).await;
            let reply = set(client, customer, "READ_ONLY").await;
            assert_eq!(codes(&reply), [expected], "{nth} {}", reply.text);
            assert_eq!(everything(&app).await, before);
        }
        let reply = set(&clients[managed_by], customer, "FULL").await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    }
}

/// Also another partner's, and nobody is told whose.
#[tokio::test]
async fn full_is_refused_while_a_live_access_is_fully_managed() {
    let mut world = World::default();
    let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
    let (admin, rival) = (world.partner_admin(birch, "Ada"), world.partner_admin(cedar, "Rita"));
    let mut customer = |name: &str, own: Terms, other: Terms| {
        let customer = world.customer(birch, name, PortalAccess::ReadOnly);
        world.access(birch, customer, own);
        world.access(cedar, customer, other);
        customer
    };
    let fully = Terms::fully_managed();
    let own = customer("Own", fully, Terms::co_managed());
    let others = customer("Others", Terms::co_managed(), fully);
    let trial = customer("Trial", Terms::co_managed(), fully.trial_until(days(-1)));
    let over = customer("Over", Terms::co_managed(), fully.status(AccessStatus::Ended));
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let before = everything(&app).await;
    let mut texts = Vec::new();
    for customer in [own, others, trial] {
        let reply = set(&admin, customer, "FULL").await;
        assert_eq!(codes(&reply), ["WRONG_STATE"], "{}", reply.text);
        texts.push(reply.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    // Who does not manage the customer is told the same, whether it is FULLY_MANAGED by another or not.
    let rival = app.sign_in(rival);
    let mut texts = Vec::new();
    for customer in [own, others, trial] {
        for portal in ["FULL", "READ_ONLY", "DISABLED"] {
            texts.push(set(&rival, customer, portal).await.text);
        }
    }
    texts.dedup();
    assert!(matches!(texts.as_slice(), [only] if only.contains("NOT_PERMITTED")), "{texts:?}");
    assert_eq!(everything(&app).await, before);
    assert_eq!(codes(&set(&admin, over, "FULL").await), [] as [&str; 0]);
    assert_eq!(codes(&set(&admin, over, "FULL").await), ["NO_CHANGE"]);
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (bolt, dune) = (cast.bolt.customer, cast.dune.customer);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for customer in [bolt, dune] {
            let expected = match persona {
                Persona::PartnerAdmin if customer == bolt => continue,
                // Another partner's admin who sees the customer.
                Persona::RivalAdmin if customer == bolt => "NOT_PERMITTED",
                Persona::RivalAdmin => continue,
                Persona::DistributorAdmin | Persona::PartnerAdmin => "NOT_FOUND",
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                _ => "FORBIDDEN",
            };
            let reply = set(&app.sign_in(persona), customer, "FULL").await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
        }
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    for id in [Value::from("no id"), GlobalId::Access(bolt, cast.bolt.access).to_string().into()] {
        let input = json!({ "customerId": id, "portalAccess": "FULL" });
        assert_eq!(codes(&mutate_customer(&admin, "setPortalAccess", input).await), ["NOT_FOUND"]);
    }
    assert_eq!(everything(&app).await, before);
}

/// The second wall: what the gateway would refuse the database refuses too.
#[tokio::test]
async fn the_database_refuses_what_the_gateway_would() {
    use posture_gateway::domain::ids::UserId;
    use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    let (bolt, crown) = (cast.bolt.customer, cast.crown.customer);
    for (persona, customer, portal, refused) in [
        (Persona::PartnerAdmin, bolt, 2, None),
        (Persona::RivalAdmin, bolt, 2, Some("does not manage")),
        (Persona::RivalAdmin, bolt, 0, Some("does not manage")),
        (Persona::PartnerAdmin, crown, 2, Some("fully managed")),
        (Persona::PartnerAdmin, crown, 1, None),
        (Persona::ReadOnlyPortalAdmin, bolt, 2, Some("opens its own portal")),
        (Persona::Operator, bolt, 2, Some("does not manage")),
    ] {
        let sql = format!(
            "begin; set local role posture_writer; set local app.viewer = '{}'; set local app.now = '2026-06-15T12:00:00Z'; \
             update customers set portal_access = {portal} where customer_id = '{customer}'",
            UserId::from(persona)
        );
        let done = gateway.execute(AssertSqlSafe(sql)).await;
        gateway.execute("rollback").await.unwrap();
        match (done, refused) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) if error.to_string().contains(why) => {}
            (done, _) => panic!("{persona:?} {portal}: {done:?}"),
        }
    }
}
