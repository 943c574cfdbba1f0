//! Schedules over HTTP: made for many customers at once or for none, paused, resumed, deleted.

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::{Value, json};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World};

async fn create(client: &Client, customers: &[CustomerId], more: Value) -> Reply {
    let document = "mutation ($input: CreateScanSchedulesInput!) { createScanSchedules(input: $input) { \
        scanSchedules { profile frequency startTime timeZone dayOfWeek dayOfMonth events nextRunAt enabled targets { value } } \
        userErrors { code message field } } }";
    let ids: Vec<_> = customers.iter().map(|id| GlobalId::Customer(*id).to_string()).collect();
    let mut input =
        json!({ "customerIds": ids, "profile": "full", "frequency": "DAILY", "startTime": "02:30" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.query(document, json!({ "input": input })).await
}

async fn set(client: &Client, field: &str, schedule: &str) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let shown = if field == "deleteScanSchedule" {
        "deletedScanScheduleId"
    } else {
        "scanSchedule { enabled nextRunAt }"
    };
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ {shown} userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": { "scanScheduleId": schedule } })).await
}

/// Birch operates the first two of three customers.
struct Book {
    app: App,
    partner: Client,
    operated: [CustomerId; 2],
    seen: CustomerId,
    foreign: CustomerId,
}

async fn book() -> Book {
    let mut world = World::default();
    let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
    let admin = world.partner_admin(birch, "Ada");
    let mut sell = |partner, name: &str, terms| {
        let customer = world.customer(partner, name, PortalAccess::Disabled);
        world.access(partner, customer, terms);
        world.posture(customer);
        customer
    };
    let operated = [sell(birch, "One", Terms::fully_managed()), sell(birch, "Two", Terms::fully_managed())];
    let seen = sell(birch, "Three", Terms::co_managed());
    let foreign = sell(cedar, "Four", Terms::fully_managed());
    let app = App::start(world).await;
    let partner = app.sign_in(admin);
    Book { app, partner, operated, seen, foreign }
}

#[tokio::test]
async fn one_call_makes_a_schedule_for_each_customer_and_every_log_says_so() {
    let Book { app, partner, operated: [one, two], .. } = book().await;

    let more = json!({
        "frequency": "MONTHLY", "dayOfMonth": 31, "timeZone": "Europe/Berlin",
        "events": ["VULNERABILITY_DATABASE_UPDATED", "ASSET_DISCOVERED", "ASSET_DISCOVERED"],
    });
    let reply = create(&partner, &[two, one], more).await;

    // It is June, which has no 31st; Berlin is two hours ahead.
    let schedule = json!({
        "profile": "full", "frequency": "MONTHLY", "startTime": "02:30", "timeZone": "Europe/Berlin", "dayOfWeek": null,
        "dayOfMonth": 31, "events": ["VULNERABILITY_DATABASE_UPDATED", "ASSET_DISCOVERED"],
        "nextRunAt": "2026-06-30T00:30:00+00:00", "enabled": true, "targets": [],
    });
    assert_eq!(
        reply.body["data"]["createScanSchedules"],
        json!({ "scanSchedules": [schedule, schedule], "userErrors": [] }),
        "{}",
        reply.text
    );
    let event = |log| json!([log, "Ada", null, null, "full, MONTHLY at 02:30 Europe/Berlin"]);
    assert_eq!(
        recorded(&app, "scan_schedule.created").await,
        [bare("Ada"), bare("Ada"), event("customer"), event("customer")]
    );
}

#[tokio::test]
async fn defaults_are_utc_monday_and_the_first() {
    let Book { partner, operated: [one, _], .. } = book().await;
    for (more, next) in [
        (json!({}), "2026-06-16T02:30:00+00:00"),
        (json!({ "startTime": "12:01" }), "2026-06-15T12:01:00+00:00"),
        (json!({ "timeZone": null }), "2026-06-16T02:30:00+00:00"),
        // Today is a Monday, after half past two.
        (json!({ "frequency": "WEEKLY" }), "2026-06-22T02:30:00+00:00"),
        (json!({ "frequency": "WEEKLY", "dayOfWeek": "SUNDAY" }), "2026-06-21T02:30:00+00:00"),
        (json!({ "frequency": "MONTHLY" }), "2026-07-01T02:30:00+00:00"),
    ] {
        let reply = create(&partner, &[one], more).await;
        assert_eq!(
            reply.body["data"]["createScanSchedules"]["scanSchedules"][0]["nextRunAt"], next,
            "{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn targets_are_those_of_the_one_customer() {
    let cast = Cast::new();
    let (acme, asset) = (cast.acme.customer, cast.acme.posture.asset);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let more = json!({ "targetIds": [GlobalId::Asset(acme, asset).to_string()] });
    let reply = create(&admin, &[acme], more).await;
    assert_eq!(
        reply.body["data"]["createScanSchedules"]["scanSchedules"][0]["targets"],
        json!([{ "value": "acme.example" }]),
        "{}",
        reply.text
    );
    assert_eq!(
        recorded(&app, "scan_schedule.created").await,
        [json!(["customer", "FullPortalAdmin", null, null, "full of 1 asset, DAILY at 02:30 UTC"])]
    );
}

#[tokio::test]
async fn where_one_customer_is_refused_nobody_gets_a_schedule_and_it_is_named() {
    let Book { app, partner, operated: [one, two], seen, foreign } = book().await;
    let before = everything(&app).await;
    let nowhere = CustomerId(uuid::Uuid::nil());
    for (customers, code, nth) in [
        (vec![one, two, seen], "NOT_PERMITTED", "2"),
        (vec![seen, one], "NOT_PERMITTED", "0"),
        (vec![one, foreign, seen], "NOT_FOUND", "1"),
        (vec![one, nowhere, seen], "NOT_FOUND", "1"),
        (vec![one, two, one], "INVALID", "2"),
    ] {
        let reply = create(&partner, &customers, json!({})).await;
        let payload = &reply.body["data"]["createScanSchedules"];
        let error = &payload["userErrors"][0];
        assert_eq!(
            (error["code"].as_str(), &error["field"], &payload["scanSchedules"]),
            (Some(code), &json!(["input", "customerIds", nth]), &json!([])),
            "{}",
            reply.text
        );
        if code == "NOT_PERMITTED" {
            assert!(
                error["message"].as_str().unwrap().starts_with("Three: scheduling scans takes "),
                "{error}"
            );
        }
    }
    // What is another partner's and what is not there are the same to the byte.
    let texts =
        [foreign, nowhere].map(async |customer| create(&partner, &[one, customer], json!({})).await.text);
    let [foreign, nowhere] = texts;
    assert_eq!(foreign.await, nowhere.await);
    let many = vec![one; 201];
    for (customers, why) in
        [(&[] as &[CustomerId], "1 to 200"), (&many, "1 to 200"), (&many[1..], "named twice")]
    {
        let reply = create(&partner, customers, json!({})).await;
        assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
        assert!(reply.text.contains(why), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn what_is_not_well_formed_is_named_and_nothing_changes() {
    let Book { app, partner, operated: [one, two], .. } = book().await;
    let before = everything(&app).await;
    for (field, more) in [
        ("profile", json!({ "profile": "" })),
        ("startTime", json!({ "startTime": "24:00" })),
        ("startTime", json!({ "startTime": "2:30" })),
        ("timeZone", json!({ "timeZone": "Berlin" })),
        ("timeZone", json!({ "timeZone": "" })),
        ("dayOfWeek", json!({ "dayOfWeek": "MONDAY" })),
        ("dayOfWeek", json!({ "frequency": "MONTHLY", "dayOfWeek": "MONDAY" })),
        ("dayOfMonth", json!({ "dayOfMonth": 1 })),
        ("dayOfMonth", json!({ "frequency": "WEEKLY", "dayOfMonth": 1 })),
        ("dayOfMonth", json!({ "frequency": "MONTHLY", "dayOfMonth": 0 })),
        ("dayOfMonth", json!({ "frequency": "MONTHLY", "dayOfMonth": 32 })),
        ("dayOfMonth", json!({ "frequency": "MONTHLY", "dayOfMonth": 257 })),
        ("events", json!({ "events": ["ASSET_DISCOVERED", "MANUAL"] })),
        ("targetIds", json!({ "targetIds": [] })),
    ] {
        let reply = create(&partner, &[one], more).await;
        let error = &reply.body["data"]["createScanSchedules"]["userErrors"][0];
        assert_eq!(
            (error["code"].as_str(), &error["field"]),
            (Some("INVALID"), &json!(["input", field])),
            "{}",
            reply.text
        );
    }
    let reply = create(&partner, &[one, two], json!({ "targetIds": ["nothing"] })).await;
    assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_schedule_rests_goes_on_from_its_next_time_and_goes() {
    let cast = Cast::new();
    let (acme, posture) = (cast.acme.customer, cast.acme.posture);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let id = GlobalId::ScanSchedule(acme, posture.schedule).to_string();

    let reply = set(&admin, "pauseScanSchedule", &id).await;
    assert_eq!(
        reply.body["data"]["pauseScanSchedule"],
        json!({ "scanSchedule": { "enabled": false, "nextRunAt": null }, "userErrors": [] }),
        "{}",
        reply.text
    );
    assert_eq!(codes(&set(&admin, "pauseScanSchedule", &id).await), ["NO_CHANGE"]);

    // Two weeks later, on a Monday; it runs on Thursdays.
    app.clock.advance(chrono::TimeDelta::days(14));
    let reply = set(&admin, "resumeScanSchedule", &id).await;
    assert_eq!(
        reply.body["data"]["resumeScanSchedule"]["scanSchedule"],
        json!({ "enabled": true, "nextRunAt": "2026-07-02T03:00:00+00:00" }),
        "{}",
        reply.text
    );
    assert_eq!(codes(&set(&admin, "resumeScanSchedule", &id).await), ["NO_CHANGE"]);

    let reply = set(&admin, "deleteScanSchedule", &id).await;
    assert_eq!(
        reply.body["data"]["deleteScanSchedule"],
        json!({ "deletedScanScheduleId": id, "userErrors": [] }),
        "{}",
        reply.text
    );
    let data = admin.data(&format!("{{ node(id: \"{id}\") {{ id }} }}")).await;
    assert_eq!(data["node"], Value::Null);
    let gone = set(&admin, "deleteScanSchedule", &id).await;
    assert_eq!(codes(&gone), ["NOT_FOUND"]);
    for (action, old, new) in [
        ("scan_schedule.paused", json!("full"), Value::Null),
        ("scan_schedule.resumed", Value::Null, json!("full")),
        ("scan_schedule.deleted", json!("full"), Value::Null),
    ] {
        assert_eq!(recorded(&app, action).await, [json!(["customer", "FullPortalAdmin", null, old, new])]);
    }

    // What never was and what is another's is the same to the byte.
    for field in ["pauseScanSchedule", "resumeScanSchedule", "deleteScanSchedule"] {
        let mut texts = Vec::new();
        for id in [id.as_str(), "nothing", &GlobalId::Customer(acme).to_string()] {
            texts.push(set(&admin, field, id).await.text);
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].contains("NOT_FOUND"));
    }
}

/// Two calls that name the same customers in opposite orders wait for each other and never in a circle.
#[tokio::test]
async fn calls_over_the_same_customers_do_not_stand_in_each_others_way() {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let (ada, eve) = (world.partner_admin(birch, "Ada"), world.partner_admin(birch, "Eve"));
    let customers: Vec<_> = (0..12)
        .map(|nth| {
            let customer = world.customer(birch, &format!("Customer {nth}"), PortalAccess::Disabled);
            world.access(birch, customer, Terms::fully_managed());
            customer
        })
        .collect();
    let app = App::start_with(world, 4).await;
    let backwards: Vec<_> = customers.iter().rev().copied().collect();
    for _ in 0..3 {
        let (ada, eve) = (app.sign_in(ada), app.sign_in(eve));
        let (one, two) =
            tokio::join!(create(&ada, &customers, json!({})), create(&eve, &backwards, json!({})));
        for reply in [one, two] {
            assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
        }
    }
}
