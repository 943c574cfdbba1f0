//! Several gateways over one database, and a database that goes away.

use nix::sys::signal::{Signal, kill};
use posture_gateway::private_postgres::{Data, Options, PrivatePostgres};
use serde_json::json;

use super::{findings_of, rename, told};
use crate::support::app::{App, Extras};
use crate::support::cast::{Cast, Persona};
use crate::support::database::{Home, TestDatabase, eventually, is_alive};
use crate::support::live::{Events, Socket};

/// The connections that listen are told by what they last did.
const END_LISTENERS: &str = "select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and usename = 'posture_gateway' and query ilike 'listen %'";

#[tokio::test]
async fn every_gateway_tells_what_is_done_at_any() {
    let cast = Cast::new();
    let crown = cast.crown;
    let one = App::start(cast.world).await;
    let other = one.beside(2).await;
    let mut sockets = Vec::new();
    for app in [&one, &other] {
        let mut socket = Socket::sign_in(app, Persona::PartnerAdmin).await;
        let document = format!(
            "subscription {{ findingChanged(customerId: \"{}\") {{ status }} }}",
            posture_gateway::domain::global_id::GlobalId::Customer(crown.customer)
        );
        socket.subscribe("a", &document).await;
        sockets.push(socket);
    }
    let finding =
        posture_gateway::domain::global_id::GlobalId::Finding(crown.customer, crown.posture.finding);
    let done = one
        .sign_in(Persona::PartnerAdmin)
        .data(&format!(
            "mutation {{ triageFinding(input: {{ findingId: \"{finding}\", status: TRIAGED }}) {{ userErrors {{ code }} }} }}"
        ))
        .await;
    assert_eq!(done["triageFinding"]["userErrors"], json!([]));
    for socket in &mut sockets {
        assert_eq!(socket.event("a").await, json!({ "data": { "findingChanged": { "status": "TRIAGED" } } }));
    }
}

/// The streams go on, and are told to look anew: also those of what is hidden or not there, for that tells nothing.
#[tokio::test]
async fn after_a_loss_streams_go_on_and_are_told_to_look_anew() {
    let cast = Cast::new();
    let (bolt, dune) = (cast.bolt, cast.dune);
    let app = App::start(cast.world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("shown", &findings_of(bolt.customer)).await;
    let mut hidden = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    hidden.subscribe("hidden", &findings_of(dune.customer)).await;
    let mut accesses = Events::open(&app.sign_in(Persona::PartnerAdmin), super::ACCESSES).await;
    for everything in [false, true] {
        let all = "select pg_terminate_backend(pid, 10000) from pg_stat_activity
                   where datname = current_database() and usename = 'posture_gateway'";
        app.as_owner(if everything { all } else { END_LISTENERS }).await;
        for (socket, id) in [(&mut socket, "shown"), (&mut hidden, "hidden")] {
            let told = socket.event(id).await;
            assert_eq!(
                (&told["data"], &told["errors"][0]["extensions"]["code"]),
                (&json!({ "findingChanged": null }), &json!("REFETCH"))
            );
        }
        let told_anew = accesses.event().await;
        assert_eq!(
            (&told_anew["data"], &told_anew["errors"][0]["extensions"]["code"]),
            (&json!(null), &json!("REFETCH"))
        );
        app.as_owner(&rename(bolt.posture.finding, "back")).await;
        assert_eq!(socket.event("shown").await, told("back"));
    }
}

/// Who was disabled while nobody listened is noticed when somebody does again.
#[tokio::test]
async fn after_a_loss_whoever_is_nobody_is_closed_out() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let mut events = Events::open(&app.sign_in(Persona::PartnerAdmin), super::ACCESSES).await;
    let user = posture_gateway::domain::ids::UserId::from(Persona::PartnerAdmin);
    app.as_owner(&format!(
        "begin; set local session_replication_role = replica; update users set disabled_at = now() where id = '{user}'; commit; {END_LISTENERS}"
    ))
    .await;
    assert_eq!(socket.closed().await.0, 4403);
    assert_eq!(events.event().await["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

/// The whole server dies and comes back: streams go on and are told to look anew, requests fail meanwhile and are answered afterwards.
#[tokio::test]
async fn a_database_that_crashes_and_comes_back_ends_no_stream() {
    let home = Home::new("restart");
    let options = Options { data: Data::Durable, max_connections: 20 };
    let server = Box::leak(Box::new(PrivatePostgres::start(&home.0, options).unwrap()));
    let cast = Cast::new();
    let bolt = cast.bolt;
    let database = TestDatabase::first_of(server).await;
    let app = App::start_on(database, "posture_gateway", cast.world, 2, Extras::default()).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.subscribe("a", &findings_of(bolt.customer)).await;
    let mut events = Events::open(&admin, super::ACCESSES).await;
    app.as_owner(&rename(bolt.posture.finding, "before")).await;
    assert_eq!(socket.event("a").await, told("before"));

    let pid = home.recorded_pid();
    kill(pid, Signal::SIGQUIT).unwrap();
    eventually("the server is gone", || !is_alive(pid));
    let reply = admin.ask("{ viewer { name } }").await;
    assert_eq!(
        (reply.codes(), &reply.body["data"]),
        (vec!["INTERNAL"], &json!({ "viewer": null })),
        "{}",
        reply.text
    );

    let again = PrivatePostgres::start(&home.0, options).unwrap();
    assert!(!again.adopted());
    for told in [socket.event("a").await, events.event().await] {
        assert_eq!(told["errors"][0]["extensions"]["code"], "REFETCH", "{told}");
    }
    app.as_owner(&rename(bolt.posture.finding, "after")).await;
    assert_eq!(socket.event("a").await, told("after"));
    assert_eq!(admin.data("{ viewer { name } }").await, json!({ "viewer": { "name": "PartnerAdmin" } }));
    again.stop();
}
