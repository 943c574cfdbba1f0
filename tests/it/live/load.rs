//! One event to many connections, and the end of what many are told. `CONNECTIONS=1000 cargo test --release --test it -- live::load --nocapture`
//! measures it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use posture_gateway::config::LiveLimits;
use posture_gateway::domain::ids::UserId;
use posture_gateway::store::scope::PoolSettings;

use super::{findings_of, rename, told};
use crate::support::app::{App, Extras};
use crate::support::cast::{Cast, Persona};
use crate::support::database::TestDatabase;
use crate::support::live::{Socket, quiet};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_reaches_every_connection() {
    let asked = std::env::var("CONNECTIONS").ok().map(|count| count.parse::<u32>().unwrap());
    let connections = asked.unwrap_or(20);
    let cast = Cast::new();
    let bolt = cast.bolt;
    // These clients give signs of life only while they are read, and many are not while the others connect.
    let keep_alive = Duration::from_mins(10);
    let limits =
        LiveLimits { connections, connections_per_user: connections, keep_alive, ..LiveLimits::default() };
    let extras = Extras { live: limits, ..Extras::default() };
    let pool = PoolSettings::default().max_connections;
    let app = App::start_on(TestDatabase::create().await, "posture_gateway", cast.world, pool, extras).await;
    let personas = [
        Persona::PartnerAdmin,
        Persona::Operator,
        Persona::ReadOnlyPortalAdmin,
        Persona::ReadOnlyPortalReader,
    ];
    let mut sockets = Vec::new();
    for persona in personas.into_iter().cycle().take(connections as usize) {
        let mut socket = Socket::sign_in(&app, persona).await;
        socket.subscribe("a", &findings_of(bolt.customer)).await;
        sockets.push(socket);
    }
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        let title = format!("round {round}");
        let began = Instant::now();
        app.as_owner(&rename(bolt.posture.finding, &title)).await;
        for event in join_all(sockets.iter_mut().map(|socket| socket.event("a"))).await {
            assert_eq!(event, told(&title));
        }
        let took = began.elapsed();
        slowest = slowest.max(took);
        if let Some(count) = asked {
            println!("round {round}: {count} connections were told within {took:?}");
        }
    }
    // The partner's users lose the customer's consent, and its own users hear as well as before: then all has been heard.
    let is_partners = |nth: usize| nth % personas.len() < 2;
    let began = Instant::now();
    let revoke = format!("update accesses set customer_consent = 0 where id = '{}'", bolt.access);
    app.as_owner(&format!("{revoke}; {}", rename(bolt.posture.finding, "silence"))).await;
    let (partners, own): (Vec<_>, Vec<_>) =
        sockets.iter_mut().enumerate().partition(|(nth, _)| is_partners(*nth));
    for event in join_all(own.into_iter().map(|(_, socket)| socket.event("a"))).await {
        assert_eq!(event, told("silence"));
    }
    quiet(&app).await;
    let silent = began.elapsed();
    for heard in join_all(partners.into_iter().map(|(_, socket)| socket.hears_before_pong())).await {
        assert_eq!(heard, [] as [String; 0]);
    }
    let began = Instant::now();
    let disable = format!("update users set disabled_at = now() where id = '{}'", UserId::from(personas[0]));
    app.as_owner(&disable).await;
    let disabled = sockets.iter_mut().step_by(personas.len());
    for (code, _) in join_all(disabled.map(Socket::closed)).await {
        assert_eq!(code, 4403);
    }
    let closed = began.elapsed();
    if asked.is_some() {
        println!("silent within {silent:?}, closed within {closed:?}");
    }
    let slowest = slowest.max(silent).max(closed);
    assert!(asked.is_none() || slowest < Duration::from_secs(1), "{slowest:?}");
}
