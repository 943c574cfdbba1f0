//! The posture of each day, and what is new since an instant.

use chrono::{NaiveDate, TimeDelta};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::worker::Worker;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::{NOW, World, days};

/// The counts of each day of every customer that has a name.
async fn kept(owner: &mut PgConnection) -> Vec<(String, NaiveDate, [i32; 4])> {
    let rows: Vec<(String, NaiveDate, i32, i32, i32, i32)> = sqlx::query_as(
        "select c.name, day, open_critical, open_high, sla_breaches, assets
         from posture_snapshots join customers c using (customer_id) order by 1, 2",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(name, day, critical, high, breaches, assets)| (name, day, [critical, high, breaches, assets]))
        .collect()
}

#[tokio::test]
async fn a_days_row_is_its_last_look_and_a_past_day_stays() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::Full);
    world.customer(partner, "Nothing was ever counted", PortalAccess::Full);
    world.asset(customer, "acme.example");
    world.finding(customer, Severity::High, "Outdated TLS");
    // Due tonight.
    world.rows.findings[0].sla_due_at = Some("2026-06-16T00:00:00Z".parse().unwrap());
    let app = App::start(world).await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    let day = |n| NaiveDate::from_ymd_opt(2026, 6, n).unwrap();
    let acme = |n, counts| ("Acme".to_owned(), day(n), counts);

    worker.once().await.unwrap();
    assert_eq!(kept(&mut owner).await, [acme(15, [0, 1, 0, 1])]);

    // What is as it was is not written again.
    let written = "select string_agg(xmin::text, ' ') from posture_snapshots";
    let before: String = sqlx::query_scalar(written).fetch_one(&mut owner).await.unwrap();
    worker.once().await.unwrap();
    assert_eq!(sqlx::query_scalar::<_, String>(written).fetch_one(&mut owner).await.unwrap(), before);

    owner.execute("update findings set severity = 4").await.unwrap();
    worker.once().await.unwrap();
    assert_eq!(kept(&mut owner).await, [acme(15, [1, 0, 0, 1])]);

    app.clock.advance(TimeDelta::hours(12));
    worker.once().await.unwrap();
    assert_eq!(kept(&mut owner).await, [acme(15, [1, 0, 0, 1]), acme(16, [1, 0, 1, 1])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_gateways_look_at_once() {
    let app = App::start_with(Cast::new().world, 8).await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    for round in 0..5 {
        owner.execute("update findings set severity = (severity + 1) % 5").await.unwrap();
        let looks = (0..6).map(|_| {
            let worker = Worker::new(app.database.clone(), app.clock.clone());
            tokio::spawn(async move { worker.once().await })
        });
        for look in looks.collect::<Vec<_>>() {
            look.await.unwrap().unwrap();
        }
        let today: i64 = sqlx::query_scalar(
            "select count(*) from posture_snapshots s join posture_rollups r using (customer_id)
             where day = '2026-06-15' and (s.open_critical, s.open_high, s.open_medium, s.open_low, s.open_info, s.assets)
                   = (r.open_critical, r.open_high, r.open_medium, r.open_low, r.open_info, r.assets)",
        )
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert_eq!(today, 4, "round {round}");
    }
}

/// A customer with a day for each of some days back, and its reader.
fn with_days(back: &[i64]) -> (World, posture_gateway::domain::ids::UserId) {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::ReadOnly);
    let reader = world.customer_user(customer, CustomerRole::ReadOnly, "Rita");
    for back in back {
        world.rows.posture_snapshots.push(posture_gateway::store::seed::PostureSnapshot {
            customer_id: customer,
            day: days(-*back).date_naive(),
            open_critical: 1,
            open_high: 2,
            open_medium: 0,
            open_low: 0,
            open_info: 4,
            sla_breaches: 1,
            assets: 3,
        });
    }
    (world, reader)
}

#[tokio::test]
async fn a_trend_has_30_days_or_those_that_are_asked_for() {
    let (world, reader) = with_days(&[0, 1, 29, 30, 365, 366]);
    let app = App::start(world).await;
    let client = app.sign_in(reader);
    for (arguments, expected) in [
        ("", vec!["2026-05-17", "2026-06-14", "2026-06-15"]),
        (
            "(since: \"2025-06-15\")",
            vec!["2025-06-15", "2026-05-16", "2026-05-17", "2026-06-14", "2026-06-15"],
        ),
        ("(since: \"2026-05-16\", until: \"2026-06-14\")", vec!["2026-05-16", "2026-05-17", "2026-06-14"]),
        ("(until: \"2026-05-16\")", vec!["2026-05-16"]),
        ("(until: \"0000-01-01\")", vec![]),
        ("(since: \"2026-06-16\", until: \"2026-07-01\")", vec![]),
    ] {
        let data = client.data(&format!("{{ customer {{ postureTrend{arguments} {{ day }} }} }}")).await;
        let expected: Vec<_> = expected.iter().map(|day| json!({ "day": day })).collect();
        assert_eq!(data["customer"]["postureTrend"], Value::Array(expected), "{arguments}");
    }
    let data = client
        .data("{ customer { postureTrend(since: \"2026-06-15\") { slaBreaches assets riskScore openFindings { critical high total } } } }")
        .await;
    // 10 + 2 * 4 = 18; 18 / 118.
    assert_eq!(
        data["customer"]["postureTrend"],
        json!([{ "slaBreaches": 1, "assets": 3, "riskScore": 15.3, "openFindings": { "critical": 1, "high": 2, "total": 7 } }])
    );
    for arguments in [
        "(since: \"2026-06-16\")",
        "(since: \"2025-06-14\")",
        "(since: \"2026-02-02\", until: \"2026-02-01\")",
    ] {
        let reply = client.ask(&format!("{{ customer {{ name postureTrend{arguments} {{ day }} }} }}")).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{arguments}");
        assert_eq!(reply.body["data"]["customer"], json!({ "name": "Acme", "postureTrend": null }));
    }
}

/// What the days were is told to whom posture is shown now, and to nobody else.
#[tokio::test]
async fn the_past_is_shown_by_the_decision_of_now() {
    let cast = Cast::new();
    let (acme, bolt) = (cast.acme.customer, cast.bolt.customer);
    let app = App::start(cast.world).await;
    let asked = |customer| {
        let id = GlobalId::Customer(customer);
        format!(
            "{{ customer(id: \"{id}\") {{ postureTrend {{ day }} changes(since: \"2026-06-01T00:00:00Z\") {{ finishedScans }} }} }}"
        )
    };
    let shown = json!({ "postureTrend": [{ "day": "2026-06-14" }], "changes": { "finishedScans": 1 } });
    let hidden = json!({ "postureTrend": null, "changes": null });
    for (persona, customer, expected) in [
        (Persona::PartnerAdmin, bolt, shown.clone()),
        (Persona::Operator, bolt, shown.clone()),
        (Persona::ReadOnlyPortalReader, bolt, shown.clone()),
        (Persona::FullPortalAdmin, acme, shown),
        (Persona::PartnerAdmin, acme, hidden.clone()),
        (Persona::RivalAdmin, bolt, hidden.clone()),
        (Persona::PlatformAdmin, bolt, hidden.clone()),
        (Persona::UnassignedOperator, bolt, Value::Null),
    ] {
        let reply = app.sign_in(persona).hidden_in_extensions().ask(&asked(customer)).await;
        assert_eq!(reply.body["data"]["customer"], expected, "{persona:?} of {customer}");
    }
    app.as_owner("update accesses set operating_model = 'CUSTOMER_MANAGED'").await;
    let reply = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions().ask(&asked(bolt)).await;
    assert_eq!(reply.body["data"]["customer"], hidden);
}

#[tokio::test]
async fn what_is_new_is_counted_from_the_instant_on() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::ReadOnly);
    let other = world.customer(partner, "Other", PortalAccess::ReadOnly);
    let reader = world.customer_user(customer, CustomerRole::ReadOnly, "Rita");
    for of in [customer, customer, other] {
        world.asset(of, &format!("host-{}.example", world.rows.assets.len()));
        world.scan(of, days(-2));
        world.finding(of, Severity::Low, "New");
        let new = world.rows.findings.last_mut().unwrap();
        (new.first_seen_at, new.status, new.resolved_at) =
            (days(-3), FindingStatus::Resolved, Some(days(-2)));
    }
    world.rows.assets[1].first_seen_at = days(-2);
    // Failed, but an end all the same; one under way is none.
    world.rows.scans[1].status = posture_gateway::domain::scan::ScanStatus::Failed;
    world.scan(customer, days(-1));
    let running = world.rows.scans.last_mut().unwrap();
    (running.status, running.finished_at) = (posture_gateway::domain::scan::ScanStatus::Running, None);
    // Resolved once, and back.
    world.finding(customer, Severity::Low, "Back");
    world.rows.findings.last_mut().unwrap().resolved_at = Some(days(-1));
    let app = App::start(world).await;
    let client = app.sign_in(reader);
    for (since, expected) in [
        ("2026-06-13T12:00:00Z", [0, 0, 0, 0]),
        ("2026-06-13T11:59:59Z", [0, 2, 2, 1]),
        ("2026-06-12T11:59:59.999999Z", [2, 2, 2, 1]),
        ("0001-01-01T00:00:00Z", [3, 2, 2, 2]),
        ("2030-01-01T00:00:00Z", [0, 0, 0, 0]),
    ] {
        let data = client
            .data(&format!(
                "{{ customer {{ changes(since: \"{since}\") {{ newFindings resolvedFindings finishedScans newAssets }} }} }}"
            ))
            .await;
        let [findings, resolved, scans, assets] = expected;
        assert_eq!(
            data["customer"]["changes"],
            json!({ "newFindings": findings, "resolvedFindings": resolved, "finishedScans": scans, "newAssets": assets }),
            "{since}"
        );
    }
}

/// However long somebody was away: counting ends, and it reads an index.
#[tokio::test]
async fn a_count_ends_at_a_thousand() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::ReadOnly);
    let reader = world.customer_user(customer, CustomerRole::ReadOnly, "Rita");
    for nth in 0..1_001 {
        world.finding(customer, Severity::Low, "Many");
        let new = world.rows.findings.last_mut().unwrap();
        new.first_seen_at = NOW - TimeDelta::seconds(nth);
    }
    let app = App::start(world).await;
    let counted = async |seconds: i64| {
        let since = (NOW - TimeDelta::seconds(seconds)).to_rfc3339();
        let document = format!("{{ customer {{ changes(since: \"{since}\") {{ newFindings }} }} }}");
        app.sign_in(reader).data(&document).await["customer"]["changes"]["newFindings"].clone()
    };
    assert_eq!(counted(999).await, json!(999));
    assert_eq!(counted(1_000).await, json!(1_000));
    assert_eq!(counted(100_000).await, json!(1_000));
}

/// Nobody but the function that counts writes a day; and it looks at today alone.
#[tokio::test]
async fn no_role_writes_a_day_by_hand() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    for role in ["posture_gateway", "posture_writer", "posture_worker", "posture_ingest"] {
        for sql in [
            "update posture_snapshots set assets = 0",
            "delete from posture_snapshots",
            "insert into posture_snapshots select customer_id, '2026-01-01', 0, 0, 0, 0, 0, 0, 0 from customers",
        ] {
            let lowered =
                format!("begin; set local role {role}; set local app.now = '{}'; {sql}", NOW.to_rfc3339());
            let error = gateway.execute(AssertSqlSafe(lowered)).await.unwrap_err();
            assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{role}: {sql}");
            gateway.execute("rollback").await.unwrap();
        }
    }
    let error = gateway.execute("select gate.take_posture_snapshots()").await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501");
}
