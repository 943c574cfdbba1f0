//! What a hostile or a slow client gets: nothing for long.

use std::time::Duration;

use posture_gateway::config::{HttpLimits, LiveLimits};
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{ACCESSES, findings_of, rename, told};
use crate::support::app::{App, Extras};
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, asks, no_stream, within};

async fn start(limits: LiveLimits) -> App {
    App::start_live(Cast::new().world, limits).await
}

/// A connection as soon as there is a place for it.
async fn next_place(app: &App) -> Socket {
    loop {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        if let Ok(socket) = Socket::open_with(app, &protocol).await {
            return socket;
        }
    }
}

#[tokio::test]
async fn connections_are_counted() {
    let app = start(LiveLimits { connections: 3, connections_per_user: 2, ..LiveLimits::default() }).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    let one = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let stream = Events::open(&client, ACCESSES).await;
    let mut third = Socket::open(&app).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), chrono::TimeDelta::hours(1));
    third.init(json!({ "authorization": format!("Bearer {token}") })).await;
    assert_eq!(third.closed().await.0, 1013);
    drop(third);
    // Another user's has a place, once the one that was refused is gone; then there is none.
    let other = within("a place", Box::pin(next_place(&app))).await;
    assert_eq!(Socket::open_with(&app, &[]).await.err(), Some(503));
    let refused = client.send(asks(&client, ACCESSES)).await;
    assert_eq!(
        (refused.status, refused.codes(), refused.header("retry-after")),
        (503, vec!["TOO_MANY_CONNECTIONS"], Some("5"))
    );
    drop(other);
    drop((one, stream));
    let mut again = within("a place", Box::pin(next_place(&app))).await;
    again.init(json!({})).await;
    assert_eq!(again.hears().await, r#"{"type":"connection_ack"}"#);
}

/// Whoever opens connections and never says who it is keeps nobody out who does.
#[tokio::test]
async fn who_says_nothing_makes_room_for_who_comes_later() {
    let app = start(LiveLimits { connections: 30, ..LiveLimits::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(within("a place", Box::pin(next_place(&app))).await);
    }
    // A tenth of all places is theirs: the last three are still there, the others were told that they are late.
    for socket in &mut silent[..97] {
        assert_eq!(socket.closed().await.0, 4408);
    }
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), chrono::TimeDelta::hours(1));
    let mut signed_in = Vec::new();
    for _ in 0..20 {
        let mut socket = within("a place", Box::pin(next_place(&app))).await;
        socket.init(json!({ "authorization": format!("Bearer {token}") })).await;
        assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
        signed_in.push(socket);
    }
    for _ in 0..100 {
        silent.push(within("a place", Box::pin(next_place(&app))).await);
    }
    for socket in &mut signed_in {
        socket.subscribe("a", ACCESSES).await;
    }
    // Of those who say that they are nobody there are no more, either.
    let mut last = silent.pop().unwrap();
    drop(silent);
    last.init(json!({})).await;
    assert_eq!(last.hears().await, r#"{"type":"connection_ack"}"#);
    let mut nobody = vec![last];
    for _ in 0..2 {
        let mut socket = within("a place", Box::pin(next_place(&app))).await;
        socket.init(json!({})).await;
        assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
        nobody.push(socket);
    }
    let mut fourth = within("a place", Box::pin(next_place(&app))).await;
    fourth.init(json!({})).await;
    assert_eq!(fourth.closed().await.0, 1013);
}

/// Who talks without a pause is held to the same time as who is silent.
#[tokio::test]
async fn talking_does_not_put_off_saying_who_it_is() {
    let app = start(LiveLimits { init_timeout: Duration::from_millis(300), ..LiveLimits::default() }).await;
    let mut socket = Socket::open(&app).await;
    let code = within("an end", async {
        loop {
            for _ in 0..50 {
                if !socket.try_say(r#"{"type":"ping"}"#).await {
                    break;
                }
            }
            if let Err((code, _)) = socket.next().await {
                return code;
            }
        }
    })
    .await;
    assert_eq!(code, 4408);
}

/// A sign of life is short, whoever gives it.
#[tokio::test]
async fn what_asks_for_nothing_is_short() {
    let app = start(LiveLimits::default()).await;
    let long = json!({ "type": "ping", "payload": { "a": "x".repeat(17 * 1024) } });
    for mut socket in [Socket::open(&app).await, Socket::sign_in(&app, Persona::PartnerAdmin).await] {
        socket.say(&json!({ "type": "ping", "payload": { "a": "x".repeat(15 * 1024) } })).await;
        assert!(socket.hears().await.starts_with(r#"{"type":"pong""#));
        socket.say(&long).await;
        assert_eq!(socket.closed().await.0, 4400);
    }
}

#[tokio::test]
async fn operations_of_a_connection_are_counted() {
    let app = start(LiveLimits { operations: 2, ..LiveLimits::default() }).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", ACCESSES).await;
    socket.subscribe("b", ACCESSES).await;
    socket.begin("c", ACCESSES).await;
    let refused: Value = serde_json::from_str(&socket.hears().await).unwrap();
    assert_eq!(
        (&refused["type"], &refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("c"), &json!("TOO_MANY_OPERATIONS"))
    );
    socket.say(&json!({ "type": "complete", "id": "a" })).await;
    socket.subscribe("c", ACCESSES).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_taken_ends_the_connection_with_its_code() {
    let app = start(LiveLimits { message_bytes: 1024, ..LiveLimits::default() }).await;
    for (message, code) in [
        (Message::text(json!({ "type": "ping", "payload": { "a": "x".repeat(2_000) } }).to_string()), 1009),
        // Much of it is never read.
        (Message::text("x".repeat(200_000)), 1009),
        (Message::Frame(Frame::message(&b"\xff"[..], OpCode::Data(Data::Text), true)), 1007),
    ] {
        let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
        // The gateway may have closed it before it is written whole.
        socket.try_send(message).await;
        assert_eq!(socket.closed().await.0, code);
    }
}

#[tokio::test]
async fn whoever_asks_nothing_is_closed() {
    let second = Duration::from_secs(1);
    let app = start(LiveLimits { keep_alive: second, idle: second, ..LiveLimits::default() }).await;
    let mut busy = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    busy.subscribe("a", ACCESSES).await;
    let mut idle = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    tokio::select! {
        closed = idle.closed() => assert_eq!(closed.0, 1000),
        // It reads all the while, and so gives signs of life.
        said = busy.next() => panic!("{said:?}"),
    }
    assert_eq!(busy.hears_before_pong().await, [] as [&str; 0]);
}

/// A client that answers no sign of life is gone, whatever its socket says.
#[tokio::test]
async fn whoever_gives_no_sign_of_life_is_dropped() {
    let app = start(LiveLimits { keep_alive: Duration::from_millis(500), ..LiveLimits::default() }).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", ACCESSES).await;
    // This client answers only while it reads, and it does not any more.
    no_stream(&app).await;
    drop(socket);
}

/// Signs of life are no events.
#[tokio::test]
async fn an_event_stream_is_kept_alive() {
    let app = start(LiveLimits { keep_alive: Duration::from_millis(5), ..LiveLimits::default() }).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    let mut response = within("a stream", asks(&client, ACCESSES).send()).await.unwrap();
    for _ in 0..3 {
        let chunk = within("a sign of life", response.chunk()).await.unwrap().unwrap();
        assert!(chunk.starts_with(b":"), "{chunk:?}");
    }
}

/// A client that reads nothing more is dropped as soon as what is sent to it has no room any more, over either transport.
#[tokio::test]
async fn whoever_takes_nothing_is_dropped() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let extras = Extras {
        // No sign of life is missed: it is for what is not taken that they are dropped.
        live: LiveLimits { keep_alive: Duration::from_mins(10), ..LiveLimits::default() },
        limits: HttpLimits { write_timeout: Duration::from_millis(500), ..HttpLimits::default() },
        ..Extras::default()
    };
    let app = App::start_extra(cast.world, extras).await;
    let titles: Vec<_> = (0..20).map(|nth| format!("t{nth}: title")).collect();
    let document = format!(
        "subscription {{ findingChanged(customerId: \"{}\") {{ {} }} }}",
        GlobalId::Customer(bolt.customer),
        titles.join(" ")
    );
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", &document).await;
    let stream = Events::open(&app.sign_in(Persona::PartnerAdmin), &document).await;
    within("the end of both", async {
        let mut number = 0;
        while app.live.streams() > 0 {
            number += 1;
            app.as_owner(&rename(bolt.posture.finding, &format!("{number} {}", "x".repeat(20_000)))).await;
        }
    })
    .await;
    // Whoever reads is told as before.
    let mut reader = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    reader.subscribe("a", &findings_of(bolt.customer)).await;
    app.as_owner(&rename(bolt.posture.finding, "short")).await;
    // The last long one may not have been heard of until now.
    while reader.event("a").await != told("short") {}
    drop((socket, stream));
}
