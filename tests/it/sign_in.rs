//! Sign-in over HTTP: a token says who asks, the database says what they may (DESIGN.md 3).

use chrono::TimeDelta;
use posture_gateway::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use posture_gateway::domain::ids::UserId;
use serde_json::json;

use crate::support::app::{App, LEEWAY};
use crate::support::cast::{Cast, Persona};

const QUERY: &str = "{ viewer { name partnerRole } partner { name } }";

fn refusal(message: &str) -> (u16, Option<String>, serde_json::Value) {
    (
        401,
        Some(format!("Bearer error=\"invalid_token\", error_description=\"{message}\"")),
        json!({ "errors": [{ "message": message, "extensions": { "code": "UNAUTHENTICATED" } }] }),
    )
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_a_401_with_a_challenge() {
    let app = App::start(Cast::new().world).await;
    let admin = Persona::PartnerAdmin;
    let good = app.token(admin, app.clock.now(), TimeDelta::hours(1));
    // Another last character: a signature ends in one of A, Q, g and w.
    let tampered = format!("{}{}", &good[..good.len() - 1], if good.ends_with('A') { 'Q' } else { 'A' });
    let unsigned = format!("{}.", good.rsplit_once('.').unwrap().0);
    for (token, message) in [
        (
            app.token(admin, app.clock.now() - TimeDelta::days(1), TimeDelta::hours(1)),
            "the token has expired",
        ),
        (
            app.token(admin, app.clock.now() + TimeDelta::days(1), TimeDelta::hours(1)),
            "the token is not valid yet",
        ),
        (app.token_for(admin, DEVELOPMENT_ISSUER, "another"), "the token was not issued for this service"),
        (app.token_for(admin, "another", DEVELOPMENT_AUDIENCE), "the token was not issued for this service"),
        (unsigned, "the token is not signed by a trusted key"),
        (tampered, "the token is not signed by a trusted key"),
        ("garbage".to_owned(), "the token is not signed by a trusted key"),
    ] {
        let reply = app.with_token(&token).ask(QUERY).await;
        let challenge = reply.header("www-authenticate").map(str::to_owned);
        assert_eq!((reply.status, challenge, reply.body), refusal(message), "{token}");
        assert_eq!(reply.statements, 0);
        assert_eq!(app.with_token(&token).get("query={viewer{name}}").await.status, 401);
    }
    let basic = app.anonymous().header("authorization", "Basic YTpi").ask(QUERY).await;
    assert_eq!((basic.status, basic.codes()), (401, vec!["UNAUTHENTICATED"]));
    let twice = app.with_token(&good).header("authorization", &format!("Bearer {good}")).ask(QUERY).await;
    assert_eq!((twice.status, twice.codes()), (400, vec!["UNAUTHENTICATED"]));
    let empty = app.anonymous().header("authorization", "Bearer ").ask(QUERY).await;
    assert_eq!((empty.status, empty.codes()), (400, vec!["UNAUTHENTICATED"]));
    assert_eq!(app.with_token(&good).ask(QUERY).await.codes(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_token_expires_while_its_holder_goes_on_asking() {
    let app = App::start(Cast::new().world).await;
    let admin = app.with_token(&app.token(Persona::PartnerAdmin, app.clock.now(), TimeDelta::hours(1)));
    let last_moment = TimeDelta::hours(1) + LEEWAY - TimeDelta::microseconds(1);
    app.clock.advance(last_moment);
    assert_eq!(admin.ask(QUERY).await.status, 200);
    app.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(admin.ask(QUERY).await.status, 401);
}

#[tokio::test]
async fn what_the_database_says_holds_from_the_next_request_on() {
    let app = App::start(Cast::new().world).await;
    let (admin, nobody) = (app.sign_in(Persona::PartnerAdmin), app.anonymous());
    let user = UserId::from(Persona::PartnerAdmin);
    let books = "{ viewer { partnerRole } partner { accesses { totalCount } billing(month: \"2026-06-01\") { month } } }";
    let as_admin = json!({
        "viewer": { "partnerRole": "ADMIN" },
        "partner": { "accesses": { "totalCount": 3 }, "billing": { "month": "2026-06-01" } },
    });
    assert_eq!(admin.ask(books).await.body, json!({ "data": as_admin }));

    app.as_owner(&format!("update partner_users set role = 'OPERATOR' where user_id = '{user}'")).await;
    let demoted = admin.ask(books).await;
    assert_eq!(
        demoted.body["data"],
        json!({
            "viewer": { "partnerRole": "OPERATOR" },
            "partner": { "accesses": { "totalCount": 0 }, "billing": null },
        })
    );
    assert_eq!(demoted.codes(), ["HIDDEN"]);

    app.as_owner(&format!("update partner_users set role = 'ADMIN' where user_id = '{user}'")).await;
    assert_eq!(admin.ask(books).await.body["data"], as_admin);

    app.as_owner(&format!("update users set disabled_at = now() where id = '{user}'")).await;
    let disabled = admin.ask(books).await;
    assert_eq!(disabled.on_the_wire(), nobody.ask(books).await.on_the_wire());
    assert_eq!(disabled.body["data"], json!({ "viewer": null, "partner": null }));

    app.as_owner(&format!("update users set disabled_at = null where id = '{user}'")).await;
    assert_eq!(admin.ask(books).await.body["data"], as_admin);

    app.as_owner(&format!("delete from partner_users where user_id = '{user}'")).await;
    assert_eq!(admin.ask(books).await.on_the_wire(), nobody.ask(books).await.on_the_wire());
}

#[tokio::test]
async fn an_operator_sees_an_assignment_with_the_next_request() {
    let cast = Cast::new();
    let (customer, access) = (cast.bolt.customer, cast.bolt.access);
    let app = App::start(cast.world).await;
    let (operator, user) =
        (app.sign_in(Persona::UnassignedOperator), UserId::from(Persona::UnassignedOperator));
    let list = "{ partner { accesses { totalCount nodes { customer { name findings { totalCount } } } } } }";
    let empty = json!({ "partner": { "accesses": { "totalCount": 0, "nodes": [] } } });
    assert_eq!(operator.data(list).await, empty);
    app.as_owner(&format!("insert into operator_assignments values ('{customer}', '{access}', '{user}')"))
        .await;
    assert_eq!(
        operator.data(list).await["partner"]["accesses"],
        json!({ "totalCount": 1, "nodes": [{ "customer": { "name": "Bolt", "findings": { "totalCount": 1 } } }] })
    );
    app.as_owner(&format!("delete from operator_assignments where user_id = '{user}'")).await;
    assert_eq!(operator.data(list).await, empty);
}
