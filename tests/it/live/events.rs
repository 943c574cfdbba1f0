//! What is told to whom.

use std::collections::BTreeMap;

use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};

use super::{ACCESSES, findings_of, model, rename, told};
use crate::proof::streams;
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, quiet, within};

/// Behind both walls, and once more where the gate alone hides what is hidden.
async fn on_both_walls<T: Future>(test: impl Fn(App, Cast) -> T) {
    for past_policies in [false, true] {
        let mut cast = Cast::new();
        let world = std::mem::take(&mut cast.world);
        let app = if past_policies { App::start_past_policies(world).await } else { App::start(world).await };
        test(app, cast).await;
    }
}

/// A stream falls silent the moment its class is hidden, stays open, and speaks again.
#[tokio::test]
async fn a_finding_is_told_while_the_gate_shows_it() {
    on_both_walls(|app, Cast { bolt, .. }| async move {
        let mut partner = Socket::sign_in(&app, Persona::PartnerAdmin).await;
        let mut customer = Socket::sign_in(&app, Persona::ReadOnlyPortalAdmin).await;
        for socket in [&mut partner, &mut customer] {
            socket.subscribe("a", &findings_of(bolt.customer)).await;
        }
        let mut events = Events::open(&app.sign_in(Persona::PartnerAdmin), &findings_of(bolt.customer)).await;
        let finding = bolt.posture.finding;

        app.as_owner(&rename(finding, "one")).await;
        assert_eq!(partner.event("a").await, told("one"));
        assert_eq!(customer.event("a").await, told("one"));
        assert_eq!(events.event().await, told("one"));

        app.as_owner(&model(bolt.access, "CUSTOMER_MANAGED")).await;
        app.as_owner(&rename(finding, "two")).await;
        assert_eq!(customer.event("a").await, told("two"));
        quiet(&app).await;
        assert_eq!(partner.hears_before_pong().await, [] as [&str; 0]);

        app.as_owner(&model(bolt.access, "CO_MANAGED")).await;
        app.as_owner(&rename(finding, "three")).await;
        assert_eq!(partner.event("a").await, told("three"));
        assert_eq!(customer.event("a").await, told("three"));
        // What was hidden meanwhile has not been sent late.
        assert_eq!(events.event().await, told("three"));
    })
    .await;
}

/// Everybody opens every stream; everything changes once.
#[tokio::test]
async fn everybody_is_told_what_they_see_and_nothing_else() {
    // A new stream has to be opened below, too.
    assert_eq!(streams::names(), ["accessChanged", "findingChanged"]);
    on_both_walls(|app, cast| async move {
        let Cast { acme, bolt, crown, dune, rival_access, .. } = cast;
        let sold = [("acme", acme), ("bolt", bolt), ("crown", crown), ("dune", dune)];
        let mut sockets = Vec::new();
        for persona in Persona::signed_in() {
            let mut socket = Socket::sign_in(&app, persona).await;
            for (name, sold) in &sold {
                socket.subscribe(name, &findings_of(sold.customer)).await;
            }
            socket.subscribe("access", ACCESSES).await;
            sockets.push((persona, socket));
        }
        let mut sentinel = Socket::sign_in(&app, Persona::RivalAdmin).await;
        sentinel.subscribe("last", &findings_of(dune.customer)).await;

        for (name, sold) in &sold {
            app.as_owner(&rename(sold.posture.finding, name)).await;
            app.as_owner(&format!("update accesses set version = version + 1 where id = '{}'", sold.access))
                .await;
        }
        app.as_owner(&format!("update accesses set version = version + 1 where id = '{rival_access}'")).await;
        // What shows nowhere is no change.
        app.as_owner("update accesses set version = version").await;
        assert_eq!(sentinel.event("last").await, told("dune"));
        app.as_owner(&rename(dune.posture.finding, "dune")).await;
        assert_eq!(sentinel.event("last").await, told("dune"));
        quiet(&app).await;

        let mut heard = BTreeMap::new();
        for (persona, socket) in &mut sockets {
            let mut of_one = Vec::new();
            for text in socket.hears_before_pong().await {
                let message: Value = serde_json::from_str(&text).unwrap();
                let (id, data) = (message["id"].as_str().unwrap(), &message["payload"]["data"]);
                let access = data["accessChanged"]["customer"]["name"].as_str();
                let title = data["findingChanged"]["title"].as_str();
                of_one.push(match (access, title) {
                    (Some(name), None) => format!("access:{}", name.to_lowercase()),
                    (None, Some(title)) => {
                        assert_eq!(title, id, "{persona:?}: {text}");
                        id.to_owned()
                    }
                    _ => panic!("{persona:?}: {text}"),
                });
            }
            of_one.sort();
            of_one.dedup();
            heard.insert(format!("{persona:?}"), of_one.join(" "));
        }
        insta::allow_duplicates! { insta::assert_debug_snapshot!(heard, @r#"
        {
            "DisabledPortalAdmin": "access:crown",
            "DisabledPortalReader": "",
            "DistributorAdmin": "",
            "FullPortalAdmin": "access:acme acme",
            "FullPortalReader": "access:acme acme",
            "Operator": "access:bolt bolt",
            "PartnerAdmin": "access:acme access:bolt access:crown bolt crown",
            "PlatformAdmin": "access:acme access:bolt access:crown access:dune",
            "ReadOnlyPortalAdmin": "access:bolt bolt",
            "ReadOnlyPortalReader": "access:bolt bolt",
            "RivalAdmin": "access:bolt access:dune dune",
            "Scanner": "",
            "UnassignedOperator": "",
        }
        "#) };
    })
    .await;
}

/// What does not exist is as silent as what may not be seen; an id that is none is refused.
#[tokio::test]
async fn what_is_not_there_is_silent() {
    let cast = Cast::new();
    let (bolt, dune) = (cast.bolt, cast.dune);
    let app = App::start(cast.world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let nobody = posture_gateway::domain::ids::CustomerId(uuid::Uuid::from_u128(1));
    socket.subscribe("none", &findings_of(nobody)).await;
    socket.subscribe("hidden", &findings_of(dune.customer)).await;
    let access = GlobalId::Access(bolt.customer, bolt.access);
    socket
        .subscribe("other", &format!("subscription {{ findingChanged(customerId: \"{access}\") {{ id }} }}"))
        .await;
    socket.subscribe("shown", &findings_of(bolt.customer)).await;
    app.as_owner(&rename(dune.posture.finding, "hidden")).await;
    app.as_owner(&rename(bolt.posture.finding, "shown")).await;
    assert_eq!(socket.event("shown").await, told("shown"));
    quiet(&app).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    socket.begin("bad", "subscription { findingChanged(customerId: \"nonsense\") { id } }").await;
    let refused: Value = serde_json::from_str(&socket.hears().await).unwrap();
    assert_eq!(
        (&refused["type"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("error"), &json!("BAD_USER_INPUT"))
    );
}

/// One upload of many findings is one word to look anew, for those who see them alone.
#[tokio::test]
async fn many_at_once_are_told_as_one() {
    on_both_walls(|app, Cast { bolt, .. }| async move {
        let mut shown = Socket::sign_in(&app, Persona::PartnerAdmin).await;
        let mut hidden = Socket::sign_in(&app, Persona::RivalAdmin).await;
        for socket in [&mut shown, &mut hidden] {
            socket.subscribe("a", &findings_of(bolt.customer)).await;
        }
        let insert = |count: u32, kind: &str| {
            format!(
                "insert into findings (customer_id, id, title, severity, status, tool, target, fingerprint, first_seen_at, last_seen_at)
                 select '{}', gen_random_uuid(), 'many', 3, 'OPEN', 'tool', 'target', sha256(('{kind}' || n)::bytea), now(), now()
                 from generate_series(1, {count}) n;",
                bolt.customer
            )
        };
        app.as_owner(&format!("begin; {} {} {}; commit", insert(101, "a"), insert(5000, "b"), rename(bolt.posture.finding, "x")))
            .await;
        let told_anew = shown.event("a").await;
        assert_eq!(
            told_anew,
            json!({ "data": { "findingChanged": null }, "errors": [{
                "message": "more has changed than is told here: read anew what you show; the stream goes on",
                "locations": [{ "line": 1, "column": 16 }],
                "path": ["findingChanged"], "extensions": { "code": "REFETCH" } }] })
        );
        app.as_owner(&insert(2, "c")).await;
        let mut rest = vec![shown.event("a").await, shown.event("a").await];
        // Named in the same transaction as the many: whoever looks anew has seen it, and it may be told once more.
        if rest.contains(&told("x")) {
            rest = vec![told("many"), shown.event("a").await];
        }
        assert_eq!(rest, [told("many"), told("many")]);
        quiet(&app).await;
        assert_eq!(hidden.hears_before_pong().await, [] as [&str; 0]);
    })
    .await;
}

/// A partner's user is not told of an event that is not recorded; nobody is recorded who was told nothing.
#[tokio::test]
async fn what_is_told_is_recorded() {
    let cast = Cast::new();
    let (bolt, acme) = (cast.bolt, cast.acme);
    let app = App::start(cast.world).await;
    let mut partner = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let mut customer = Socket::sign_in(&app, Persona::ReadOnlyPortalAdmin).await;
    app.forget_what_was_shown().await;
    partner.subscribe("hidden", &findings_of(acme.customer)).await;
    let id = GlobalId::Customer(bolt.customer);
    let document = format!(
        "subscription Watch {{ findingChanged(customerId: \"{id}\") {{ title customer {{ posture {{ assets }} }} }} }}"
    );
    partner.subscribe("a", &document).await;
    customer.subscribe("a", &document).await;
    app.as_owner(&rename(acme.posture.finding, "hidden")).await;
    for title in ["one", "two"] {
        app.as_owner(&rename(bolt.posture.finding, title)).await;
        for socket in [&mut partner, &mut customer] {
            assert_eq!(socket.event("a").await["data"]["findingChanged"]["title"], title);
        }
    }
    quiet(&app).await;
    let mut owner = app.owner().await;
    let records: Vec<(String, String, Option<String>, Vec<String>)> = sqlx::query_as(
        "select user_name, class, operation, fields from access_records where at = $1 order by id",
    )
    .bind(app.clock.now())
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let fields = vec!["Customer.posture".to_owned(), "SubscriptionRoot.findingChanged".to_owned()];
    let one = ("PartnerAdmin".to_owned(), "POSTURE".to_owned(), Some("Watch".to_owned()), fields);
    assert_eq!(records, [one.clone(), one]);
}

/// Streams of one user that ask for the same and wait are read and recorded once, and each is told; nobody else's are.
#[tokio::test]
async fn what_waits_for_the_same_is_read_once() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    // One turn at a time.
    let app = App::start_with(cast.world, 2).await;
    let same = findings_of(bolt.customer);
    let other = same.replace("title", "title severity");
    let mut sockets = Vec::new();
    for (persona, document, count) in [
        (Persona::PartnerAdmin, &same, 10),
        (Persona::PartnerAdmin, &other, 1),
        (Persona::Operator, &same, 1),
        (Persona::ReadOnlyPortalAdmin, &same, 1),
    ] {
        for _ in 0..count {
            let mut socket = Socket::sign_in(&app, persona).await;
            socket.subscribe("a", document).await;
            sockets.push(socket);
        }
    }
    app.forget_what_was_shown().await;
    // The first one that reads waits for this, and all the others for their turn.
    let (mut holder, mut owner) = (app.owner().await, app.owner().await);
    sqlx::raw_sql("begin; lock table users in access exclusive mode").execute(&mut holder).await.unwrap();
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    within("a reader", async {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut owner).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    sqlx::raw_sql("commit").execute(&mut holder).await.unwrap();
    for socket in &mut sockets {
        assert_eq!(socket.event("a").await["data"]["findingChanged"]["title"], "one");
    }
    quiet(&app).await;
    for socket in &mut sockets {
        assert_eq!(socket.hears_before_pong().await, [] as [&str; 0], "told once");
    }
    let records: Vec<(String, i64)> = sqlx::query_as(
        "select user_name, count(distinct request_id) from access_records group by 1 order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    // The ten at once, or nine where one of them was the first of all to read, and the one that asks for something else.
    let [(operator, 1), (admin, 2..=3)] = &records[..] else { panic!("{records:?}") };
    assert_eq!((operator.as_str(), admin.as_str()), ("Operator", "PartnerAdmin"));
}

/// What cannot be recorded is not told, and told once it can.
#[tokio::test]
async fn what_cannot_be_recorded_waits() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut partner = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    partner.subscribe("a", &findings_of(bolt.customer)).await;
    let mut owner = app.owner().await;
    let (recorder, arguments): (String, String) = sqlx::query_as(
        "select pg_get_functiondef(oid), pg_get_function_arguments(oid) from pg_proc where oid = 'gate.record_reads'::regproc",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    // A sequence is not rolled back: it counts what failed.
    app.as_owner(&format!(
        "create sequence attempts; grant usage on sequence attempts to posture_audit;
         create or replace function gate.record_reads({arguments}) returns void language plpgsql security definer
             as $$ begin perform nextval('public.attempts'); raise exception 'not now'; end $$"
    ))
    .await;
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    let tried_twice = async {
        let mut attempts = 0_i64;
        while attempts < 2 {
            attempts =
                sqlx::query_scalar("select last_value from attempts").fetch_one(&mut owner).await.unwrap();
        }
    };
    tokio::select! {
        event = partner.hears() => panic!("told without a record: {event}"),
        () = within("another attempt", tried_twice) => {}
    }
    assert_eq!(partner.hears_before_pong().await, [] as [&str; 0]);
    app.as_owner(&recorder).await;
    assert_eq!(partner.event("a").await, told("one"));
}

/// A stream is no place to tell that something is out of order: what cannot be read is read later.
#[tokio::test]
async fn what_cannot_be_read_waits() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let mut partner = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    partner.subscribe("a", &findings_of(bolt.customer)).await;
    app.as_owner("revoke select on findings from posture_gateway").await;
    let before = app.database.statements();
    app.as_owner(&rename(bolt.posture.finding, "one")).await;
    // An attempt has some statements, and is followed by another one.
    let mut owner = app.owner().await;
    let tried_again = async {
        while app.database.statements() < before + 20 {
            sqlx::query("select").execute(&mut owner).await.unwrap();
        }
    };
    tokio::select! {
        event = partner.hears() => panic!("told though it cannot be read: {event}"),
        () = within("another attempt", tried_again) => {}
    }
    assert_eq!(partner.hears_before_pong().await, [] as [&str; 0]);
    app.as_owner("grant select on findings to posture_gateway").await;
    assert_eq!(partner.event("a").await, told("one"));
}

/// Fields behind the gate are hidden inside an event as everywhere.
#[tokio::test]
async fn denials_inside_an_event_are_told_as_everywhere() {
    let cast = Cast::new();
    let acme = cast.acme;
    let app = App::start(cast.world).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), chrono::TimeDelta::hours(1));
    let mut socket = Socket::open(&app).await;
    socket.init(json!({ "authorization": format!("Bearer {token}"), "hidden-fields": "extensions" })).await;
    socket.hears().await;
    socket.subscribe("a", "subscription { accessChanged { customer { name lastScanAt } } }").await;
    app.as_owner(&model(acme.access, "CO_MANAGED")).await;
    let shown = socket.event("a").await;
    assert!(shown["data"]["accessChanged"]["customer"]["lastScanAt"].is_string(), "{shown}");
    app.as_owner(&model(acme.access, "CUSTOMER_MANAGED")).await;
    assert_eq!(
        socket.event("a").await,
        json!({ "data": { "accessChanged": { "customer": { "name": "Acme", "lastScanAt": null } } },
                "extensions": { "hidden": [{ "coordinate": "Customer.lastScanAt", "class": "POSTURE",
                    "reason": "OPERATING_MODEL", "count": 1, "paths": [["accessChanged", "customer", "lastScanAt"]] }] } })
    );
}
