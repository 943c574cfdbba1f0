//! What happens without anybody asking.

use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, ScanScheduleId};
use posture_gateway::domain::scan::ScanFrequency;
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use posture_gateway::worker::Worker;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::process::Gateway;
use crate::support::world::{Terms, World, days};

#[tokio::test]
async fn idempotency_keys_are_forgotten_after_a_day() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    let bought = admin
        .ask("mutation { buyPrepaidLicenses(input: { licenseModel: UNLIMITED, quantity: 3 }) { userErrors { code } } }")
        .await;
    assert_eq!(bought.codes(), [] as [&str; 0]);
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    for (later, kept) in [(TimeDelta::hours(24), 1), (TimeDelta::seconds(1), 0)] {
        app.clock.advance(later);
        worker.once().await.unwrap();
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        let keys: i64 =
            sqlx::query_scalar("select count(*) from idempotency_keys").fetch_one(&mut owner).await.unwrap();
        assert_eq!(keys, kept);
    }
}

/// A customer with as many daily schedules, due at the instant.
fn due(world: &mut World, schedules: usize, at: DateTime<Utc>) -> CustomerId {
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::Full);
    world.access(partner, customer, Terms::customer_managed());
    world.posture(customer);
    world.rows.scans.clear();
    world.rows.scan_reports.clear();
    world.rows.scan_targets.clear();
    world.rows.evidence_scans.clear();
    let mut first = world.rows.scan_schedules.pop().unwrap();
    (first.frequency, first.day_of_week, first.next_run_at) = (ScanFrequency::Daily, None, Some(at));
    for nth in 0..schedules {
        let mut row = first.clone();
        if nth > 0 {
            row.id = ScanScheduleId(uuid::Uuid::from_u128(nth as u128));
        }
        world.rows.scan_schedules.push(row);
    }
    customer
}

/// What a query answers, a line a row.
async fn rows(owner: &mut PgConnection, query: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(format!("select t::text from ({query}) t")))
        .fetch_all(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_schedule_that_is_due_becomes_one_queued_scan_of_its_targets() {
    let mut world = World::default();
    due(&mut world, 1, days(0));
    let app = App::start(world).await;
    let mut owner = app.owner().await;
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    for _ in 0..3 {
        worker.once().await.unwrap();
    }
    assert_eq!(
        rows(
            &mut owner,
            "select profile, trigger, status, requested_at, due_at, started_at, attempts,
                    (select count(*) from scan_targets t where t.scan_id = s.id) from scans s"
        )
        .await,
        [r#"(full,SCHEDULED,QUEUED,"2026-06-15 12:00:00+00","2026-06-15 12:00:00+00",,,1)"#]
    );
    assert_eq!(
        rows(&mut owner, "select next_run_at, enabled from scan_schedules").await,
        [r#"("2026-06-16 03:00:00+00",t)"#]
    );
    assert_eq!(
        rows(
            &mut owner,
            "select actor, actor_id, action, new_value from customer_audit_events where action like 'scan%'"
        )
        .await,
        [r#"(schedule,,scan.requested,"full, SCHEDULED")"#]
    );
    // It is metered as any other.
    assert_eq!(rows(&mut owner, "select period_start, used from usage_scans").await, ["(2026-06-01,1)"]);
}

#[tokio::test]
async fn after_downtime_there_is_one_scan_and_what_rests_has_none() {
    let mut world = World::default();
    due(&mut world, 2, days(-40));
    let resting = world.rows.scan_schedules.last_mut().unwrap();
    (resting.enabled, resting.next_run_at) = (false, None);
    let app = App::start(world).await;
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    worker.once().await.unwrap();
    worker.once().await.unwrap();
    let mut owner = app.owner().await;
    assert_eq!(
        rows(&mut owner, "select requested_at, due_at from scans").await,
        [r#"("2026-06-15 12:00:00+00","2026-05-06 12:00:00+00")"#]
    );
    assert_eq!(
        rows(&mut owner, "select next_run_at from scan_schedules order by next_run_at").await,
        [r#"("2026-06-16 03:00:00+00")"#, "()"]
    );
}

/// A due time that has its scan already, as where clocks differ, has no other one, and stops nobody's.
#[tokio::test]
async fn a_due_time_that_comes_again_stops_no_other_schedule() {
    let mut world = World::default();
    due(&mut world, 1, days(-2));
    due(&mut world, 2, days(-1));
    let app = App::start(world).await;
    app.as_owner(
        "insert into scans (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at)
         select customer_id, gen_random_uuid(), profile, 'SCHEDULED', 'QUEUED', next_run_at, id, next_run_at
         from scan_schedules order by next_run_at limit 1",
    )
    .await;
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    worker.once().await.unwrap();
    let mut owner = app.owner().await;
    assert_eq!(
        rows(&mut owner, "select count(*), count(distinct schedule_id) from scans").await,
        rows(&mut owner, "select count(*), count(*) from scan_schedules").await
    );
    assert_eq!(
        rows(&mut owner, "select count(*) from customer_audit_events where action = 'scan.requested'").await,
        rows(&mut owner, "select count(*) - 1 from scan_schedules").await
    );
    assert_eq!(
        rows(&mut owner, "select count(*) from scan_schedules where next_run_at <= '2026-06-15 12:00:00+00'")
            .await,
        ["(0)"]
    );
}

/// Every hour over both changes of a year's clocks: one scan for each night, none twice, none left out.
#[tokio::test]
async fn over_both_changes_of_the_clocks_each_night_has_one_scan() {
    let mut world = World::default();
    due(&mut world, 1, days(0));
    let row = world.rows.scan_schedules.last_mut().unwrap();
    row.time_zone = "Europe/Berlin".to_owned();
    row.start_time = chrono::NaiveTime::from_hms_opt(2, 30, 0).unwrap();
    let app = App::start(world).await;
    let mut owner = app.owner().await;
    let mut found = Vec::new();
    for (start, first) in
        [("2026-10-23T12:00:00Z", "2026-10-24T00:30:00Z"), ("2027-03-26T12:00:00Z", "2027-03-27T01:30:00Z")]
    {
        app.as_owner(&format!(
            "delete from scan_targets; delete from scans; update scan_schedules set next_run_at = '{first}'"
        ))
        .await;
        let clock = Clock::fixed(start.parse().unwrap());
        let worker = Worker::new(app.database.clone(), clock.clone());
        for _ in 0..72 {
            worker.once().await.unwrap();
            clock.advance(TimeDelta::hours(1));
        }
        found.push(
            rows(&mut owner, "select due_at at time zone 'Europe/Berlin' from scans order by due_at").await,
        );
    }
    let night = |text: &str| format!(r#"("{text}")"#);
    assert_eq!(found[0], ["2026-10-24 02:30:00", "2026-10-25 02:30:00", "2026-10-26 02:30:00"].map(night));
    assert_eq!(found[1], ["2027-03-27 02:30:00", "2027-03-28 03:00:00", "2027-03-29 02:30:00"].map(night));
}

/// What is wrong if any schedule has another number of scans than one for its due time, or of events.
const NOT_ONCE: &str = "
    select s.id from scan_schedules s
    left join lateral (select count(*) as n from scans q where q.customer_id = s.customer_id and q.schedule_id = s.id) q on true
    where q.n <> 1 or s.next_run_at <= now()";

#[tokio::test]
async fn of_several_workers_at_once_each_schedule_has_one_scan() {
    let mut world = World::default();
    due(&mut world, 350, days(0));
    let app = App::start(world).await;
    let settings = PoolSettings { max_connections: 4, ..PoolSettings::default() };
    let database = Database::new(app.test_database.as_role("posture_gateway"), settings);
    let workers = [(); 4].map(|()| Worker::new(database.clone(), app.clock.clone()));
    let [one, two, three, four] = &workers;
    let done = tokio::join!(one.once(), two.once(), three.once(), four.once());
    for result in [done.0, done.1, done.2, done.3] {
        result.unwrap();
    }
    // What one had in hand another has skipped.
    one.once().await.unwrap();
    let mut owner = app.owner().await;
    assert_eq!(
        rows(
            &mut owner,
            "select count(*), count(distinct schedule_id), min(due_at) = max(due_at) from scans"
        )
        .await,
        ["(350,350,t)"]
    );
    assert_eq!(
        rows(&mut owner, "select count(*) from customer_audit_events where action = 'scan.requested'").await,
        ["(350)"]
    );
}

/// Two gateways work and are killed, one or both, over and over: no scan twice, none lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_workers_leave_no_scan_twice_and_none_out() {
    let kills: u64 = std::env::var("KILLS").map_or(6, |n| n.parse().unwrap());
    let mut world = World::default();
    due(&mut world, 1_500, days(-3));
    let app = App::start(world).await;
    let mut owner = app.owner().await;
    let queued = async |owner: &mut PgConnection| {
        let count: i64 = sqlx::query_scalar("select count(*) from scans").fetch_one(owner).await.unwrap();
        count
    };
    for round in 0..kills {
        let gateways = [Gateway::start(&app, 1), Gateway::start(&app, 1)];
        // Both are at work from their first moment on: they die in the middle of a batch.
        let before = queued(&mut owner).await;
        for _ in 0..200 {
            if queued(&mut owner).await > before {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(7 * round)).await;
        gateways.iter().for_each(Gateway::kill);
        let twice = rows(
            &mut owner,
            "select schedule_id, due_at from scans group by schedule_id, due_at having count(*) > 1",
        )
        .await;
        assert_eq!(twice, [] as [&str; 0], "round {round}");
    }
    let _gateways = [Gateway::start(&app, 1), Gateway::start(&app, 1)];
    for _ in 0..600 {
        if rows(&mut owner, NOT_ONCE).await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(rows(&mut owner, NOT_ONCE).await, [] as [&str; 0]);
    assert_eq!(
        rows(
            &mut owner,
            "select (select count(*) from scans), (select count(*) from scan_targets),
                    (select count(*) from customer_audit_events where action = 'scan.requested')"
        )
        .await,
        ["(1500,1,1500)"]
    );
}
