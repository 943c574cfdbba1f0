//! What queries cost, and what each viewer may spend in a minute: told on request, and the end of it at every door.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use posture_gateway::graphql::limits::Spending;
use posture_gateway::http::Refusals;
use reqwest::Method;
use serde_json::{Value, json};

use crate::live::{findings_of, rename, told};
use crate::support::app::{App, Client, Extras, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, asks, quiet};

/// It costs 52.
const NAME: &str = "{ viewer { name } }";

async fn start(budget: u64) -> App {
    start_with(Cast::new(), budget).await
}

async fn start_with(cast: Cast, budget: u64) -> App {
    let extras = Extras { spending: Spending::a_minute(budget), ..Extras::default() };
    App::start_extra(cast.world, extras).await
}

fn telling(client: &Client) -> Client {
    client.header("query-cost", "extensions")
}

/// A refusal for want of points: its status, its code, and after how many seconds to come back.
fn refused(reply: &Reply) -> i64 {
    assert_eq!((reply.status, reply.codes()), (429, vec!["BUDGET_EXHAUSTED"]), "{}", reply.text);
    assert_eq!((reply.body.get("data"), reply.statements), (None, 0), "{}", reply.text);
    let seconds = reply.header("retry-after").unwrap();
    assert_eq!(reply.body["errors"][0]["extensions"]["retryAfter"].to_string(), seconds);
    seconds.parse().unwrap()
}

/// What nobody pays for takes its turn, so that asking again and again takes no time from others (`http/refusals.rs`).
#[tokio::test]
async fn what_nobody_pays_for_takes_its_turn() {
    const TAKES: Duration = Duration::from_millis(300);
    let extras =
        Extras { spending: Spending::a_minute(52), refusals: Refusals::new(1, TAKES), ..Extras::default() };
    let app = App::start_extra(Cast::new().world, extras).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    assert_eq!(admin.ask(NAME).await.status, 200);
    let forged = app.with_token("forged");
    for (what, asked, status) in [
        ("a forged token", forged.request(Method::GET), 401),
        ("no points", admin.request(Method::GET), 429),
        ("no such path", admin.get_from("/nowhere"), 404),
    ] {
        let begun = Instant::now();
        assert_eq!(admin.send(asked).await.status, status, "{what}");
        assert!(begun.elapsed() >= TAKES, "{what} took no turn");
    }
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let begun = Instant::now();
    socket.begin("a", NAME).await;
    assert!(socket.hears().await.contains("BUDGET_EXHAUSTED"));
    assert!(begun.elapsed() >= TAKES, "an operation took no turn");
}

#[tokio::test]
async fn a_cost_is_told_to_who_asks_for_it() {
    let app = start(1_000).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    assert_eq!(admin.ask(NAME).await.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
    let reply = telling(&admin).ask(NAME).await;
    let resets_at = (app.clock.now() + TimeDelta::milliseconds(104 * 60))
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    assert_eq!(
        reply.body,
        json!({
            "data": { "viewer": { "name": "PartnerAdmin" } },
            "extensions": { "cost": {
                "requested": 52,
                "limit": 30_000,
                "budget": { "limit": 1_000, "remaining": 896, "resetsAt": resets_at },
            } },
        })
    );
    // By GET, through variables, and beside what is hidden.
    let reply = telling(&admin).get("query=%7Bviewer%7Bname%7D%7D").await;
    assert_eq!(reply.body["extensions"]["cost"]["requested"], 52);
    let list = "query ($n: Int!) { partner { accesses(first: $n) { nodes { customer { posture { riskScore } } } } } }";
    let reply = telling(&admin).hidden_in_extensions().query(list, json!({ "n": 5 })).await;
    assert_eq!(reply.body["extensions"]["cost"]["requested"], 50 + 2 + 5 * 4);
    assert!(reply.body["extensions"]["hidden"].is_array());
    assert_eq!(reply.body["extensions"]["cost"]["budget"]["remaining"], 1_000 - 3 * 52 - 72);
    for value in ["", "yes", "Extensions"] {
        let reply = admin.header("query-cost", value).ask(NAME).await;
        assert_eq!((reply.status, reply.codes()), (400, vec!["BAD_REQUEST"]), "{value}");
    }
    let twice = telling(&telling(&admin)).ask(NAME).await;
    assert_eq!(twice.status, 400);
    // Without budgets there is a cost all the same.
    let app = App::start(Cast::new().world).await;
    let reply = telling(&app.sign_in(Persona::PartnerAdmin)).ask(NAME).await;
    assert_eq!(reply.body["extensions"]["cost"], json!({ "requested": 52, "limit": 30_000, "budget": null }));
}

#[tokio::test]
async fn who_has_spent_their_budget_waits_as_long_as_they_are_told() {
    let app = start(150).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for media in ["application/graphql-response+json", "application/json"] {
        let admin = admin.header("accept", media);
        for _ in 0..2 {
            assert_eq!(admin.ask(NAME).await.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
        }
        let reply = admin.ask(NAME).await;
        let seconds = refused(&reply);
        assert!(reply.header("content-type").unwrap().starts_with(media));
        assert_eq!(
            reply.body["errors"][0]["message"],
            format!(
                "this costs 50, and of the 150 that you may spend in a minute 46 are left: try again in {seconds} s"
            )
        );
        // Another one's budget is another one.
        assert_eq!(app.sign_in(Persona::RivalAdmin).ask("{ __typename }").await.status, 200);
        app.clock.advance(TimeDelta::seconds(seconds));
        let reply = admin.ask("{ __typename }").await;
        assert!(reply.status == 200 || refused(&reply) == 1, "{}", reply.text);
        app.clock.advance(TimeDelta::minutes(1));
    }
    // Nothing of it is done.
    let visit = "mutation { recordVisit { previousVisitAt } }";
    admin.data(NAME).await;
    admin.data(NAME).await;
    assert!(refused(&admin.ask(visit).await) > 0);
    // With the cost, where it is asked for; over GET, too.
    let reply = telling(&admin).get("query=%7Bviewer%7Bname%7D%7D").await;
    refused(&reply);
    assert_eq!(reply.body["extensions"]["cost"]["budget"]["remaining"], 46);
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(admin.data("{ viewer { lastVisitAt } }").await, json!({ "viewer": { "lastVisitAt": null } }));
}

/// It waits for the points that it costs, and what costs more than a budget is run with a whole one.
#[tokio::test]
async fn a_dear_query_waits_longer_than_a_cheap_one() {
    let app = start(1_000).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let dear = "{ partner { accesses(first: 100) { nodes { id status operatingModel version } } } }";
    assert_eq!(telling(&admin).ask(dear).await.body["extensions"]["cost"]["requested"], 552);
    // 448 are left: enough for what is cheap, and 104 too few.
    let reply = telling(&admin).ask(dear).await;
    assert_eq!(refused(&reply), 7);
    assert_eq!(
        (
            &reply.body["extensions"]["cost"]["requested"],
            &reply.body["extensions"]["cost"]["budget"]["remaining"]
        ),
        (&json!(552), &json!(448))
    );
    admin.data(NAME).await;
    app.clock.advance(TimeDelta::minutes(1));
    let dearer = dear.replace("version", "version createdAt customer { name createdAt portalAccess }");
    admin.data(&dearer).await;
    assert_eq!(refused(&admin.ask(NAME).await), 3);
}

#[tokio::test]
async fn who_is_not_signed_in_shares_one_budget() {
    let app = start(100).await;
    assert_eq!(app.anonymous().ask("{ viewer { name } }").await.status, 200);
    refused(&app.anonymous().ask("{ viewer { name } }").await);
    // What is not believed has no budget: it is refused before.
    assert_eq!(app.with_token("x.y.z").ask(NAME).await.status, 401);
    assert_eq!(app.sign_in(Persona::PartnerAdmin).ask(NAME).await.status, 200);
}

/// Somebody had to read it.
#[tokio::test]
async fn what_is_refused_is_paid_for() {
    let app = start(2_000).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let left = async |client: &Client| {
        telling(client).ask("{ __typename }").await.body["extensions"]["cost"]["budget"]["remaining"]
            .as_u64()
            .unwrap()
    };
    let mut before = left(&admin).await;
    for (body, points) in [
        (json!({ "query": "{" }).to_string(), 10),
        (json!({ "query": format!("{{ #{}", "x".repeat(6_400)) }).to_string(), 110),
        (json!({ "query": "{ viewer { shoeSize } }" }).to_string(), 52),
        ("[".repeat(6_400), 110),
        ("{".to_owned(), 10),
        (json!({ "query": NAME, "documentId": "x".repeat(6_363) }).to_string(), 110),
        (
            json!({ "query": NAME, "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "" } } })
                .to_string(),
            11,
        ),
    ] {
        let reply = admin.post(body.clone()).await;
        assert_ne!(reply.codes(), [] as [&str; 0], "{}", reply.text);
        let after = left(&admin).await;
        assert_eq!(before - after - 51, points, "{}", body.chars().take(40).collect::<String>());
        before = after;
    }
    for query_string in ["query=%7B__typename%7D&variables=1", "documentId=a&query=%7B__typename%7D"] {
        assert_eq!(admin.get(query_string).await.status, 400);
        let after = left(&admin).await;
        assert_eq!(before - after - 51, 10, "{query_string}");
        before = after;
    }
    // Whoever goes on is not even read.
    while admin.post("[".repeat(25_600)).await.status != 429 {}
    refused(&admin.post("[".repeat(250_000)).await);
}

#[tokio::test]
async fn a_socket_tells_it_in_the_operations_place() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = start_with(cast, 170).await;
    let mut socket = Socket::open(&app).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), TimeDelta::hours(1));
    socket.init(json!({ "Authorization": format!("Bearer {token}"), "Query-Cost": "extensions" })).await;
    assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
    socket.begin("a", NAME).await;
    let payload = socket.event("a").await;
    assert_eq!(payload["extensions"]["cost"]["budget"]["remaining"], 118);
    assert_eq!(socket.hears().await, r#"{"type":"complete","id":"a"}"#);
    // The request's budget is the same.
    app.sign_in(Persona::PartnerAdmin).data(NAME).await;
    app.sign_in(Persona::PartnerAdmin).data("{ __typename }").await;
    for document in [NAME, &findings_of(bolt.customer), "{"] {
        socket.begin("b", document).await;
        let refused: Value = serde_json::from_str(&socket.hears().await).unwrap();
        assert_eq!((&refused["type"], &refused["id"]), (&json!("error"), &json!("b")), "{refused}");
        let extensions = &refused["payload"][0]["extensions"];
        assert_eq!(extensions["code"], "BUDGET_EXHAUSTED", "{refused}");
        assert!(extensions["retryAfter"].as_u64().unwrap() > 0);
    }
    // The connection stays, and no stream was opened.
    app.clock.advance(TimeDelta::minutes(1));
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    quiet(&app).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    socket.subscribe("b", &findings_of(bolt.customer)).await;
}

/// An event is told when it can be paid for, as it is then. Silence costs nothing, or what is left would tell of what is hidden.
#[tokio::test]
async fn events_wait_for_points() {
    let cast = Cast::new();
    let (bolt, acme) = (cast.bolt, cast.acme);
    let app = start_with(cast, 400).await;
    let admin = telling(&app.sign_in(Persona::PartnerAdmin));
    let left = async || {
        admin.ask("{ __typename }").await.body["extensions"]["cost"]["budget"]["remaining"].as_u64().unwrap()
    };
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    // Acme is customer-managed: its findings are hidden.
    socket.subscribe("hidden", &findings_of(acme.customer)).await;
    socket.subscribe("a", &findings_of(bolt.customer)).await;
    // Whose own it is: what this one is told every stream has heard of, with all that was done before.
    let mut own = Socket::sign_in(&app, Persona::FullPortalAdmin).await;
    own.subscribe("own", &findings_of(acme.customer)).await;
    let before = left().await;
    for title in ["one", "two", "three"] {
        app.as_owner(&rename(acme.posture.finding, title)).await;
        assert_eq!(own.event("own").await, told(title));
        quiet(&app).await;
    }
    assert_eq!(left().await, before - 51);
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    assert_eq!(socket.event("a").await, told("one"));
    assert_eq!(left().await, before - 51 - 52 - 51);
    // All is spent: what changes now waits, and is told once.
    while admin.ask("{ __typename }").await.status == 200 {}
    for title in ["two", "three", "four"] {
        app.as_owner(&rename(bolt.posture.finding, title)).await;
    }
    app.as_owner(&rename(acme.posture.finding, "four")).await;
    assert_eq!(own.event("own").await, told("four"));
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    app.clock.advance(TimeDelta::seconds(30));
    assert_eq!(socket.event("a").await, told("four"));
    quiet(&app).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
}

/// Who waits for points is looked after all the same.
#[tokio::test]
async fn a_stream_that_waits_for_points_ends_with_its_user() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = start_with(cast, 200).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mut events = Events::open(&admin, &findings_of(bolt.customer)).await;
    while admin.ask("{ __typename }").await.status == 200 {}
    let refused = admin.send(asks(&admin, &findings_of(bolt.customer))).await;
    assert_eq!((refused.status, refused.codes()), (429, vec!["BUDGET_EXHAUSTED"]));
    assert!(refused.header("retry-after").is_some());
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    let user = posture_gateway::domain::ids::UserId::from(Persona::PartnerAdmin);
    app.as_owner(&format!("update users set disabled_at = now() where id = '{user}'")).await;
    assert_eq!(events.event().await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(events.next().await, Some(("complete".to_owned(), String::new())));
}

/// Two who ask the same pay the same, whatever there is for them to see.
#[tokio::test]
async fn a_cost_tells_nothing_of_the_data() {
    let app = start(100_000).await;
    let document = "{ viewer { name } partner { accesses { nodes { customer { name findings(first: 3) { nodes { title } } } } } } }";
    let mut costs = Vec::new();
    for persona in Persona::signed_in() {
        let reply = telling(&app.sign_in(persona)).ask(document).await;
        costs.push(reply.body["extensions"]["cost"].clone());
    }
    costs.dedup();
    assert_eq!(costs.len(), 1, "{costs:?}");
}
