//! What is told to whom.

use serde_json::json;

use super::{findings_of, rename};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, quiet};

/// One partner's user is told of a finding, and not while the gate hides it.
#[tokio::test]
async fn a_finding_is_told_while_the_gate_shows_it() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut partner = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let mut customer = Socket::sign_in(&app, Persona::ReadOnlyPortalAdmin).await;
    for socket in [&mut partner, &mut customer] {
        socket.subscribe("a", &findings_of(bolt.customer)).await;
    }
    let told = |title: &str| json!({ "data": { "findingChanged": { "title": title } } });

    app.as_owner(&rename(bolt.posture.finding.0, "one")).await;
    assert_eq!(partner.event("a").await, told("one"));
    assert_eq!(customer.event("a").await, told("one"));

    let model = |model: &str| format!("update accesses set operating_model = '{model}' where id = '{}'", bolt.access);
    app.as_owner(&model("CUSTOMER_MANAGED")).await;
    app.as_owner(&rename(bolt.posture.finding.0, "two")).await;
    assert_eq!(customer.event("a").await, told("two"));
    quiet(&app).await;
    assert_eq!(partner.hears_before_pong().await, [] as [&str; 0]);

    app.as_owner(&model("CO_MANAGED")).await;
    app.as_owner(&rename(bolt.posture.finding.0, "three")).await;
    assert_eq!(partner.event("a").await, told("three"));
    assert_eq!(customer.event("a").await, told("three"));
}

#[tokio::test]
async fn an_event_stream_tells_the_same() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut events = Events::open(&app.sign_in(Persona::PartnerAdmin), &findings_of(bolt.customer)).await;
    app.as_owner(&rename(bolt.posture.finding.0, "one")).await;
    assert_eq!(events.event().await, json!({ "data": { "findingChanged": { "title": "one" } } }));
}
