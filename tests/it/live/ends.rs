//! How a connection ends: whoever may not listen any more is closed out, at once and without being told anything.

use chrono::TimeDelta;
use posture_gateway::domain::api_key::KeyKind;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::secret::Secret;
use serde_json::json;
use sqlx::Executor as _;

use super::{ACCESSES, findings_of, rename, told};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, no_stream, quiet, within};

/// What an event stream of somebody says last.
async fn last_words(events: &mut Events, code: &str) {
    let words = events.event().await;
    assert_eq!(
        (&words["data"], &words["errors"][0]["extensions"]["code"], &words["errors"][0]["locations"]),
        (&json!(null), &json!(code), &json!(null)),
        "{words}"
    );
    assert_eq!(events.next().await, Some(("complete".to_owned(), String::new())));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn whoever_is_nobody_any_more_is_closed_out() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let id = |persona: Persona| UserId::from(persona);
    for (persona, end, back) in [
        (
            Persona::PartnerAdmin,
            format!("update users set disabled_at = now() where id = '{}'", id(Persona::PartnerAdmin)),
            format!("update users set disabled_at = null where id = '{}'", id(Persona::PartnerAdmin)),
        ),
        (
            Persona::ReadOnlyPortalReader,
            format!("delete from customer_users where user_id = '{}'", id(Persona::ReadOnlyPortalReader)),
            String::new(),
        ),
    ] {
        let mut idle = Socket::sign_in(&app, persona).await;
        let mut busy = Socket::sign_in(&app, persona).await;
        busy.subscribe("a", &findings_of(bolt.customer)).await;
        let mut events = Events::open(&app.sign_in(persona), &findings_of(bolt.customer)).await;
        // The change that is told and the end come together: the end is first.
        app.as_owner(&format!("begin; {end}; {}; commit", rename(bolt.posture.finding, "one"))).await;
        for socket in [&mut idle, &mut busy] {
            assert_eq!(socket.closed().await.0, 4403, "{persona:?}");
        }
        last_words(&mut events, "UNAUTHENTICATED").await;
        if !back.is_empty() {
            app.as_owner(&back).await;
        }
    }
    no_stream(&app).await;
}

/// A role that changes leaves the connection open: what it shows is asked anew.
#[tokio::test]
async fn another_role_is_another_scope() {
    let cast = Cast::new();
    let (bolt, crown) = (cast.bolt, cast.crown);
    let app = App::start(cast.world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", ACCESSES).await;
    let role = |role: &str| {
        format!(
            "update partner_users set role = '{role}' where user_id = '{}'",
            UserId::from(Persona::PartnerAdmin)
        )
    };
    app.as_owner(&role("OPERATOR")).await;
    let mut sentinel = Socket::sign_in(&app, Persona::Operator).await;
    sentinel.subscribe("a", ACCESSES).await;
    for access in [crown.access, bolt.access] {
        app.as_owner(&format!("update accesses set version = version + 1 where id = '{access}'")).await;
    }
    assert_eq!(sentinel.event("a").await["data"]["accessChanged"]["customer"]["name"], "Bolt");
    quiet(&app).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    app.as_owner(&role("ADMIN")).await;
    app.as_owner(&format!("update accesses set version = version + 1 where id = '{}'", crown.access)).await;
    assert_eq!(socket.event("a").await["data"]["accessChanged"]["customer"]["name"], "Crown");
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), TimeDelta::hours(1));
    let mut idle = Socket::with_token(&app, &token).await;
    let mut busy = Socket::with_token(&app, &token).await;
    busy.subscribe("a", &findings_of(bolt.customer)).await;
    let mut events = Events::open(&app.with_token(&token), &findings_of(bolt.customer)).await;
    let mut longer = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    app.clock.advance(TimeDelta::minutes(59));
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    assert_eq!(busy.event("a").await, told("one"));
    assert_eq!(events.event().await, told("one"));
    // The leeway is for requests alone.
    app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(app.with_token(&token).ask("{ viewer { name } }").await.codes(), [] as [&str; 0]);
    for socket in [&mut idle, &mut busy] {
        assert_eq!(socket.closed().await.0, 4401);
    }
    last_words(&mut events, "UNAUTHENTICATED").await;
    let mut late = Socket::open(&app).await;
    late.init(serde_json::json!({ "authorization": format!("Bearer {token}") })).await;
    // Before or after it is acknowledged.
    let end = match late.next().await {
        Ok(_) => late.closed().await,
        Err(end) => end,
    };
    assert_eq!(end.0, 4401);
    last_words(&mut Events::open(&app.with_token(&token), ACCESSES).await, "UNAUTHENTICATED").await;
    assert_eq!(longer.hears_before_pong().await, [] as [&str; 0]);
}

#[tokio::test]
async fn a_key_ends_when_it_is_revoked() {
    let mut cast = Cast::new();
    let bolt = cast.bolt;
    cast.world.partner_key(cast.birch, "Sync");
    let user = cast.world.rows.users.last().unwrap().id;
    let app = App::start(cast.world).await;
    let secret = Secret::of(KeyKind::Partner.prefix(), [7; 32]).reveal().to_owned();
    let key = |set: &str| format!("update partner_api_keys set {set} where user_id = '{user}'");
    app.as_owner(&format!("update partner_users set role = 'ADMIN' where user_id = '{user}'")).await;
    app.as_owner(&key(&format!("secret_hash = sha256('{secret}')"))).await;
    let mut socket = Socket::with_token(&app, &secret).await;
    socket.subscribe("a", &findings_of(bolt.customer)).await;
    let mut events = Events::open(&app.with_token(&secret), &findings_of(bolt.customer)).await;
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    assert_eq!(socket.event("a").await, told("one"));
    assert_eq!(events.event().await, told("one"));
    app.as_owner(&key("revoked_at = now()")).await;
    assert_eq!(socket.closed().await.0, 4403);
    last_words(&mut events, "UNAUTHENTICATED").await;
}

/// A gateway that stops says so, and cuts event streams off without a last word: clients connect again, to another one.
#[tokio::test]
async fn a_gateway_that_stops_ends_its_streams() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut silent = Socket::open(&app).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", &findings_of(bolt.customer)).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    let mut events = Events::open(&client, &findings_of(bolt.customer)).await;
    app.live.stop();
    assert_eq!(socket.closed().await.0, 1001);
    assert_eq!(silent.closed().await.0, 1001);
    assert_eq!(events.next().await, None);
    assert_eq!(Socket::open_with(&app, &[]).await.err(), Some(503));
    drop((socket, silent));
    app.live.ended(std::time::Duration::from_mins(1)).await;
    no_stream(&app).await;
}

/// A stream that cannot open yet keeps its connection from nothing.
#[tokio::test]
async fn a_token_ends_while_a_stream_opens() {
    let app = App::start(Cast::new().world).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), TimeDelta::hours(1));
    let mut socket = Socket::with_token(&app, &token).await;
    let mut owner = app.owner().await;
    owner.execute("begin; lock table users in access exclusive mode").await.unwrap();
    socket.begin("a", ACCESSES).await;
    let mut watcher = app.owner().await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    within("a wait", async {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watcher).await.unwrap() == 0 {}
    })
    .await;
    app.clock.advance(TimeDelta::hours(1) + crate::support::app::LEEWAY);
    assert_eq!(socket.closed().await.0, 4401);
    owner.execute("rollback").await.unwrap();
    no_stream(&app).await;
}
