//! `graphql-transport-ws` and graphql-sse to the letter.

use chrono::TimeDelta;
use posture_gateway::config::LiveLimits;
use posture_gateway::domain::global_id::GlobalId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{ACCESSES, findings_of, rename, told};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, no_stream};

fn code((code, _): (u16, String)) -> u16 {
    code
}

#[tokio::test]
async fn what_is_no_message_closes() {
    let app = App::start(Cast::new().world).await;
    for text in [
        "",
        "nonsense",
        "[]",
        r#"{"type":"start","id":"a"}"#,
        r#"{"type":"subscribe","id":"a"}"#,
        r#"{"type":"subscribe","id":"a","payload":{}}"#,
        r#"{"type":"subscribe","id":"a","payload":{"query":1}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ viewer { id } }"}}"#,
        r#"{"type":"subscribe","id":"a","payload":{"query":"{ viewer { id } }","variables":[]}}"#,
        r#"{"type":"complete"}"#,
    ] {
        let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
        socket.say_text(text).await;
        assert_eq!(socket.closed().await, (4400, "Invalid message received".to_owned()), "{text}");
    }
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(code(socket.closed().await), 4400);
    for payload in [json!({ "Authorization": 1 }), json!({ "hidden-fields": "nonsense" }), json!([])] {
        let mut socket = Socket::open(&app).await;
        socket.init(payload.clone()).await;
        assert_eq!(code(socket.closed().await), 4400, "{payload}");
    }
}

#[tokio::test]
async fn who_asks_is_said_first_and_once() {
    let app = App::start_live(
        Cast::new().world,
        LiveLimits { init_timeout: std::time::Duration::from_millis(50), ..LiveLimits::default() },
    )
    .await;
    let mut socket = Socket::open(&app).await;
    assert_eq!(socket.closed().await, (4408, "Connection initialisation timeout".to_owned()));
    let app = app.beside(2).await;
    let mut socket = Socket::open(&app).await;
    socket.begin("a", "{ viewer { id } }").await;
    assert_eq!(socket.closed().await, (4401, "Unauthorized".to_owned()));
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.init(json!({})).await;
    assert_eq!(socket.closed().await, (4429, "Too many initialisation requests".to_owned()));
}

#[tokio::test]
async fn tokens_are_judged_as_at_the_door_of_requests() {
    let app = App::start(Cast::new().world).await;
    let now = app.clock.now();
    let expired = app.token(Persona::PartnerAdmin, now - TimeDelta::days(2), TimeDelta::days(1));
    let elsewhere = app.token_for(Persona::PartnerAdmin, "somebody", "else");
    let disabled = app.token(Persona::DisabledUser, now, TimeDelta::days(1));
    let homeless = app.token(Persona::Homeless, now, TimeDelta::days(1));
    let unknown = app.token(Persona::Unknown, now, TimeDelta::days(1));
    for (authorization, closed) in [
        (format!("Bearer {expired}"), 4401),
        (format!("Bearer {elsewhere}"), 4403),
        ("Bearer nonsense".to_owned(), 4403),
        ("Basic nonsense".to_owned(), 4403),
        ("Bearer posture_partner_nonsense".to_owned(), 4403),
        (format!("Bearer {disabled}"), 4403),
        (format!("Bearer {homeless}"), 4403),
        (format!("Bearer {unknown}"), 4403),
    ] {
        let mut socket = Socket::open(&app).await;
        socket.init(json!({ "Authorization": authorization })).await;
        assert_eq!(code(socket.closed().await), closed, "{authorization}");
    }
    // In the handshake's header, where a client can send one.
    let token = app.token(Persona::PartnerAdmin, now, TimeDelta::days(1));
    let bearer = format!("Bearer {token}");
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("authorization", bearer.as_str())];
    let mut socket = Socket::open_with(&app, &headers).await.unwrap();
    socket.say_text(r#"{"type":"connection_init"}"#).await;
    assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
    socket.begin("a", "{ viewer { name } }").await;
    assert_eq!(socket.event("a").await, json!({ "data": { "viewer": { "name": "PartnerAdmin" } } }));
}

#[tokio::test]
async fn a_handshake_is_one_or_is_refused() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::open_with(&app, &[]).await.unwrap();
    assert_eq!(socket.closed().await, (4406, "Subprotocol not acceptable".to_owned()));
    let bad = [("sec-websocket-protocol", "graphql-transport-ws"), ("hidden-fields", "nonsense")];
    assert_eq!(Socket::open_with(&app, &bad).await.err(), Some(400));
    let client = app.sign_in(Persona::PartnerAdmin);
    let reply = client.send(client.request(Method::GET).header("upgrade", "websocket")).await;
    client.goes_on_after(&reply, "a handshake without a key").await;
    // What some clients offer with every request is no WebSocket.
    let reply =
        client.send(client.get_from("/graphql?query=%7Bviewer%7Bname%7D%7D").header("upgrade", "h2c")).await;
    assert_eq!(reply.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
}

#[tokio::test]
async fn operations_run_complete_and_are_refused_by_their_ids() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;

    socket.begin("q", "{ viewer { name } }").await;
    assert_eq!(
        socket.hears().await,
        r#"{"type":"next","id":"q","payload":{"data":{"viewer":{"name":"PartnerAdmin"}}}}"#
    );
    assert_eq!(socket.hears().await, r#"{"type":"complete","id":"q"}"#);

    socket.subscribe("access", ACCESSES).await;
    let access = GlobalId::Access(bolt.customer, bolt.access);
    let document = format!(
        "mutation {{ changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: CUSTOMER_MANAGED, reason: \"as agreed\" }}) \
         {{ access {{ operatingModel }} userErrors {{ code }} }} }}"
    );
    socket.begin("m", &document).await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        let message: Value = serde_json::from_str(&socket.hears().await).unwrap();
        heard.push(format!("{} {}", message["id"].as_str().unwrap(), message["type"].as_str().unwrap()));
    }
    heard.sort();
    assert_eq!(heard, ["access next", "m complete", "m next"]);

    // Given up, it says nothing more, and its id is free.
    socket.subscribe("f", &findings_of(bolt.customer)).await;
    socket.say(&json!({ "type": "complete", "id": "f" })).await;
    socket.say(&json!({ "type": "complete", "id": "never begun" })).await;
    socket.subscribe("f", ACCESSES).await;
    app.as_owner(&super::model(bolt.access, "CO_MANAGED")).await;
    for _ in 0..2 {
        let message: Value = serde_json::from_str(&socket.hears().await).unwrap();
        assert_eq!(message["payload"]["data"]["accessChanged"]["operatingModel"], "CO_MANAGED");
    }
    socket.begin("f", ACCESSES).await;
    assert_eq!(socket.closed().await, (4409, "Subscriber for f already exists".to_owned()));
}

#[tokio::test]
async fn what_is_not_executed_is_an_error() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let deep = format!("{{ {} id {} }}", "node(id: \"a\") { ".repeat(300), "}".repeat(300));
    for (document, code) in [
        ("subscription { nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { accessChanged { nonsense } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { a: accessChanged { id } b: accessChanged { id } }", "BAD_USER_INPUT"),
        ("subscription { accessChanged { id } accessChanged { id } }", "BAD_USER_INPUT"),
        (
            "subscription { ...F ...F } fragment F on SubscriptionRoot { accessChanged { id } }",
            "BAD_USER_INPUT",
        ),
        ("subscription { __typename accessChanged { id } }", "BAD_USER_INPUT"),
        ("subscription { accessChanged @skip(if: true) { id } }", "BAD_USER_INPUT"),
        (&deep, "QUERY_TOO_NESTED"),
    ] {
        socket.begin("a", document).await;
        let message: Value = serde_json::from_str(&socket.hears().await).unwrap();
        assert_eq!(
            (&message["type"], &message["id"], &message["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!("a"), &json!(code)),
            "{document}: {message}"
        );
    }
    let mut nobody = Socket::open(&app).await;
    nobody.say_text(r#"{"type":"connection_init","payload":null}"#).await;
    assert_eq!(nobody.hears().await, r#"{"type":"connection_ack"}"#);
    nobody.begin("a", "{ viewer { name } }").await;
    assert_eq!(nobody.event("a").await, json!({ "data": { "viewer": null } }));
    assert_eq!(nobody.hears().await, r#"{"type":"complete","id":"a"}"#);
    nobody.begin("a", ACCESSES).await;
    let message: Value = serde_json::from_str(&nobody.hears().await).unwrap();
    assert_eq!(
        (&message["type"], &message["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("UNAUTHENTICATED"))
    );
}

#[tokio::test]
async fn pings_are_answered_before_and_after() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::open(&app).await;
    socket.say_text(r#"{"type":"ping"}"#).await;
    assert_eq!(socket.hears().await, r#"{"type":"pong"}"#);
    socket.say_text(r#"{"type":"ping","payload":{"a":1}}"#).await;
    assert_eq!(socket.hears().await, r#"{"type":"pong","payload":{"a":1}}"#);
    socket.say_text(r#"{"type":"pong","payload":{"a":1}}"#).await;
    socket.say_text(r#"{"type":"connection_init"}"#).await;
    assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
}

/// The end that a client announces is answered (RFC 6455, section 5.5.1), or browsers take it for a failure.
#[tokio::test]
async fn the_end_is_answered() {
    let app = App::start(Cast::new().world).await;
    for mut socket in [Socket::open(&app).await, Socket::sign_in(&app, Persona::PartnerAdmin).await] {
        assert_eq!(socket.ends().await.0, 1000);
    }
}

#[tokio::test]
async fn an_event_stream_is_one_operation() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    let end = Some(("complete".to_owned(), String::new()));

    let mut query = Events::open(&client, "{ viewer { name } }").await;
    assert_eq!(query.event().await, json!({ "data": { "viewer": { "name": "PartnerAdmin" } } }));
    assert_eq!((query.next().await, query.next().await), (end.clone(), None));
    for (document, code) in [
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { findingChanged(customerId: \"nonsense\") { id } }", "BAD_USER_INPUT"),
    ] {
        let mut refused = Events::open(&client, document).await;
        assert_eq!(refused.event().await["errors"][0]["extensions"]["code"], code);
        assert_eq!((refused.next().await, refused.next().await), (end.clone(), None));
    }
    let mut nobody = Events::open(&app.anonymous(), ACCESSES).await;
    assert_eq!(nobody.event().await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    // By GET, as a browser's EventSource asks.
    let ask = |client: &crate::support::app::Client, document: &str| {
        let query: String = url::form_urlencoded::byte_serialize(document.as_bytes()).collect();
        client.get_from(&format!("/graphql?query={query}")).header("accept", "text/event-stream")
    };
    let mut events = Events::of(ask(&client, &findings_of(bolt.customer)).send().await.unwrap());
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    assert_eq!(events.event().await, told("one"));
    let mutation = client.send(ask(&client, "mutation { recordVisit { at } }")).await;
    assert_eq!((mutation.status, mutation.codes()), (405, vec!["METHOD_NOT_ALLOWED"]));
    let unbelieved = app.with_token("nonsense");
    assert_eq!(unbelieved.send(ask(&unbelieved, ACCESSES)).await.status, 401);

    // Without a word of what it accepts it is told what to say.
    let reply = client.ask(ACCESSES).await;
    assert_eq!(reply.codes(), ["BAD_USER_INPUT"]);
    assert!(reply.text.contains("text/event-stream"), "{}", reply.text);
    // Whoever goes away leaves nothing behind.
    drop(events);
    no_stream(&app).await;
}
