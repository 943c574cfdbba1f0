//! `recordVisit`: that the viewer looked, and when they did before.

use chrono::TimeDelta;
use serde_json::json;

use super::{codes, everything};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

const DOCUMENT: &str =
    "mutation { recordVisit { viewer { name lastVisitAt } previousVisitAt userErrors { code } } }";

async fn visit(client: &Client) -> Reply {
    client.ask(DOCUMENT).await
}

#[tokio::test]
async fn a_visit_is_answered_with_the_one_before() {
    let app = App::start(Cast::new().world).await;
    for persona in [
        Persona::PartnerAdmin,
        Persona::Operator,
        Persona::UnassignedOperator,
        Persona::FullPortalAdmin,
        Persona::FullPortalReader,
        Persona::DisabledPortalReader,
    ] {
        let client = app.sign_in(persona);
        assert_eq!(
            client.data("{ viewer { lastVisitAt } }").await,
            json!({ "viewer": { "lastVisitAt": null } })
        );
        let (mut before, name) = (json!(null), format!("{persona:?}"));
        for _ in 0..3 {
            let now = app.clock.now().to_rfc3339();
            assert_eq!(
                visit(&client).await.body,
                json!({ "data": { "recordVisit": {
                    "viewer": { "name": name, "lastVisitAt": now }, "previousVisitAt": before, "userErrors": [],
                } } })
            );
            assert_eq!(
                client.data("{ viewer { lastVisitAt } }").await,
                json!({ "viewer": { "lastVisitAt": now } })
            );
            before = json!(now);
            app.clock.advance(TimeDelta::seconds(10));
        }
    }
    let events = "select 'partner' from partner_audit_events where actor <> 'check' \
                  union all select 'customer' from customer_audit_events where actor <> 'check'";
    let mut owner = sqlx::ConnectOptions::connect(&app.test_database.as_superuser()).await.unwrap();
    let logged: Vec<String> = sqlx::query_scalar(events).fetch_all(&mut owner).await.unwrap();
    assert_eq!(logged, [] as [&str; 0], "it is in no log");
}

/// A client that got no answer asks again, and is told what it would have been told.
#[tokio::test]
async fn under_one_key_it_is_one_visit() {
    let app = App::start(Cast::new().world).await;
    let client = app.sign_in(Persona::FullPortalAdmin);
    let first = app.clock.now().to_rfc3339();
    visit(&client).await;
    app.clock.advance(TimeDelta::minutes(1));
    let second = app.clock.now().to_rfc3339();
    let keyed = client.header("idempotency-key", "once");
    for _ in 0..2 {
        let reply = visit(&keyed).await;
        assert_eq!(
            reply.body["data"]["recordVisit"],
            json!({ "viewer": { "name": "FullPortalAdmin", "lastVisitAt": second }, "previousVisitAt": first, "userErrors": [] })
        );
        app.clock.advance(TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn whoever_has_nothing_to_come_back_to_is_refused_and_nothing_changes() {
    let app = App::start(Cast::new().world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::PlatformAdmin | Persona::Scanner => "FORBIDDEN",
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => continue,
        };
        assert_eq!(codes(&visit(&app.sign_in(persona)).await), [expected], "{persona:?}");
    }
    assert_eq!(codes(&visit(&app.anonymous()).await), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn two_visits_at_once_are_both_answered() {
    let app = App::start_with(Cast::new().world, 4).await;
    let client = app.sign_in(Persona::FullPortalAdmin);
    let (one, two) = tokio::join!(visit(&client), visit(&client));
    assert_eq!((codes(&one), codes(&two)), (vec![], vec![]), "{} {}", one.text, two.text);
}
