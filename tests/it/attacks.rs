//! What a hostile client tries: forged places, requests given up halfway, one field asked for in several ways.

use std::future::{Future as _, poll_fn};
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::NOW;

#[tokio::test]
async fn a_cursor_before_the_databases_first_instant_is_malformed() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let accesses = |arguments: &str| {
        format!(
            "{{ partner {{ accesses(orderBy: {{ field: CREATED_AT, direction: ASC }}, {arguments}) {{
             edges {{ cursor }} }} }} }}"
        )
    };
    let data = admin.data(&accesses("first: 1")).await;
    let cursor = data["partner"]["accesses"]["edges"][0]["cursor"].as_str().unwrap();
    let mut parts: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    // The first one is Julian day 0, to the microsecond.
    for (instant, codes) in [
        (i64::MIN, vec!["BAD_USER_INPUT"]),
        (-8_000_000_000_000_000_000, vec!["BAD_USER_INPUT"]),
        (-250_000_000_000_000_000, vec!["BAD_USER_INPUT"]),
        (-210_866_803_200_000_001, vec!["BAD_USER_INPUT"]),
        (-210_866_803_200_000_000, vec![]),
        (-1, vec![]),
        (8_000_000_000_000_000_000, vec![]),
        (i64::MAX, vec!["BAD_USER_INPUT"]),
    ] {
        parts[3][0] = json!({ "t": instant });
        let forged = URL_SAFE_NO_PAD.encode(parts.to_string());
        for bound in ["after", "before"] {
            let reply = admin.ask(&accesses(&format!("{bound}: \"{forged}\""))).await;
            assert_eq!(reply.codes(), codes, "{instant} {}", reply.text);
        }
    }
}

#[tokio::test]
async fn an_opening_that_is_given_up_leaves_the_pool_clean() {
    let app = App::start(Cast::new().world).await;
    let settings = PoolSettings { max_connections: 1, ..PoolSettings::default() };
    let database = Database::new(app.test_database.as_role("posture_gateway"), settings);
    for _ in 0..10 {
        database.ping().await.unwrap();
        let before = database.statements();
        let mut opening = Box::pin(database.begin_ingest(UserId(Uuid::nil()), NOW));
        // Until the opening is on its way, and no further.
        while database.statements() == before {
            poll_fn(|context| Poll::Ready(opening.as_mut().poll(context).is_ready())).await;
            tokio::task::yield_now().await;
        }
        drop(opening);
        database.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_hidden_field_that_is_selected_twice_is_denied_once() {
    let cast = Cast::new();
    let acme = GlobalId::Customer(cast.acme.customer);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let document = format!(
        "{{ customer(id: \"{acme}\") {{ ...page findings {{ nodes {{ id }} }} other: findings {{ totalCount }} }} }}
         fragment page on Customer {{ findings {{ totalCount }} }}"
    );
    let reply = admin.ask(&document).await;
    let paths: Vec<_> =
        reply.body["errors"].as_array().unwrap().iter().map(|error| error["path"].clone()).collect();
    assert_eq!(paths, [json!(["customer", "findings"]), json!(["customer", "other"])], "{}", reply.text);
    let reply = admin.hidden_in_extensions().ask(&document).await;
    assert_eq!(
        reply.body["extensions"]["hidden"],
        json!([{
            "coordinate": "Customer.findings",
            "class": "POSTURE",
            "reason": "OPERATING_MODEL",
            "count": 2,
            "paths": [["customer", "findings"], ["customer", "other"]],
        }])
    );
}

/// A cache on the way would give one viewer's answer to the next, whose token it does not look at.
#[tokio::test]
async fn no_answer_may_be_stored() {
    let app = App::start(Cast::new().world).await;
    let (admin, query) = (app.sign_in(Persona::PartnerAdmin), "query={viewer{name}}");
    for (what, reply) in [
        ("GET", admin.get(query).await),
        ("POST", admin.ask("{ viewer { name } }").await),
        ("anonymous", app.anonymous().get(query).await),
        ("refused", app.with_token("garbage").get(query).await),
        ("malformed", admin.post("{").await),
    ] {
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{what}");
    }
}

/// The cause of a failure is in the log; it may hold a row's values, and always tells of the inside.
#[tokio::test]
async fn a_failed_statement_tells_nothing_of_the_inside() {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let app = App::start(cast.world).await;
    app.as_owner("revoke select on findings from posture_gateway").await;
    let document = format!("{{ customer(id: \"{bolt}\") {{ name findings {{ totalCount }} }} }}");
    let reply = app.sign_in(Persona::PartnerAdmin).ask(&document).await;
    assert_eq!(
        reply.body,
        json!({
            "data": { "customer": { "name": "Bolt", "findings": null } },
            "errors": [{
                "message": "the gateway could not read its data; try again",
                "locations": [{ "line": 1, "column": reply.body["errors"][0]["locations"][0]["column"] }],
                "path": ["customer", "findings"],
                "extensions": { "code": "INTERNAL" },
            }],
        })
    );
}
