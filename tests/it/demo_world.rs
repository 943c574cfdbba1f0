//! The demo's world in a real database: every constraint takes it, and the counts that triggers keep are those of the rows.

use std::str::FromStr as _;

use chrono::{DateTime, TimeZone as _, Utc};
use posture_gateway::demo;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::user::ViewerKind;
use posture_gateway::store::provision;
use sqlx::{ConnectOptions as _, PgConnection};

use crate::support::database::TestDatabase;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 18, 15, 7, 42).unwrap()
}

/// How many rows a query answers.
async fn count(connection: &mut PgConnection, rows: &'static str) -> i64 {
    let sql = format!("select count(*) from ({rows}) rows");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn counts_are_those_of_the_rows() {
    let database = TestDatabase::create().await;
    let mut connection = database.as_superuser().connect().await.unwrap();
    let connection = &mut connection;
    assert!(provision::fill_once(connection, || demo::world(now()), |_, _| {}).await.unwrap());
    assert_eq!(count(connection, "select from findings").await, i64::from(demo::FINDINGS));
    assert_eq!(count(connection, "select from posture_rollups where last_scan_at is not null").await, 93);

    personas_have_something_to_try(connection).await;

    // Rows that are in one of two sets only.
    for difference in [
        "select customer_id, open_critical, open_high, open_medium, open_low, open_info from posture_rollups
         except
         select c.customer_id,
                (count(f.id) filter (where severity = 4))::integer, (count(f.id) filter (where severity = 3))::integer,
                (count(f.id) filter (where severity = 2))::integer, (count(f.id) filter (where severity = 1))::integer,
                (count(f.id) filter (where severity = 0))::integer
         from customers c
         left join findings f on f.customer_id = c.customer_id and f.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
         group by c.customer_id",
        "(select customer_id, due_at, open_findings from posture_due where open_findings <> 0)
         except
         select customer_id, sla_due_at, count(*)::integer from findings
         where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') group by customer_id, sla_due_at",
        "select customer_id, sla_due_at, count(*)::integer from findings
         where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and sla_due_at is not null group by customer_id, sla_due_at
         except
         select customer_id, due_at, open_findings from posture_due",
        "select r.customer_id, r.assets, r.last_scan_at from posture_rollups r
         except
         select c.customer_id, (select count(*)::integer from assets a where a.customer_id = c.customer_id),
                (select max(s.finished_at) from scans s where s.customer_id = c.customer_id and s.status = 'SUCCEEDED')
         from customers c",
        "select customer_id, used from usage_assets
         except
         select customer_id, count(*)::integer from assets group by customer_id",
        "select customer_id, date_trunc('month', requested_at at time zone 'UTC')::date, count(*)::integer
         from scans group by 1, 2
         except
         select customer_id, period_start, used from usage_scans",
    ] {
        assert_eq!(count(connection, difference).await, 0, "{difference}");
    }
}

/// What GraphiQL's examples are tried on: it is there, at the persona's customer, and as the examples want it.
async fn personas_have_something_to_try(connection: &mut PgConnection) {
    let personas = demo::personas();
    let customers: Vec<_> = personas.iter().filter_map(|persona| persona.customer).collect();
    assert_eq!(customers.len(), personas.len());
    let samples = provision::samples(connection, &customers).await.unwrap();
    for persona in personas {
        let json = persona.to_json_with_variables("token", &samples);
        let of = |name: &str| json["variables"][name].as_str().and_then(|id| GlobalId::from_str(id).ok());
        let customer = persona.customer.unwrap();
        assert_eq!(of("customer"), Some(GlobalId::Customer(customer)), "{}", persona.email);
        assert!(
            matches!(of("access"), Some(GlobalId::Access(whose, _)) if whose == customer),
            "{}",
            persona.email
        );
        assert!(matches!(of("scanSchedule"), Some(GlobalId::ScanSchedule(whose, _)) if whose == customer));
        let Some(GlobalId::Finding(whose, finding)) = of("finding") else {
            return assert_eq!(json["variables"]["finding"], "the id of a finding", "{}", persona.email);
        };
        let status: String =
            sqlx::query_scalar("select status::text from findings where customer_id = $1 and id = $2")
                .bind(whose.0)
                .bind(finding.0)
                .fetch_one(&mut *connection)
                .await
                .unwrap();
        assert_eq!((whose, status.as_str()), (customer, "OPEN"), "{}", persona.email);
        let colleague = of("colleague");
        let on_a_side = matches!(persona.kind, ViewerKind::PartnerUser | ViewerKind::CustomerUser);
        assert_eq!(colleague.is_some(), on_a_side, "{}", persona.email);
        assert_ne!(colleague, Some(GlobalId::User(persona.user)), "nobody is their own colleague");
    }
    // Not every customer has one.
    assert!(samples.values().any(|sample| sample.posture_share.is_some()));
}

#[tokio::test]
async fn a_second_run_finds_the_world_of_the_first() {
    let database = TestDatabase::create().await;
    let mut connection = database.as_superuser().connect().await.unwrap();
    let users: Vec<_> = demo::personas().iter().map(|persona| persona.user).collect();
    assert!(!provision::has_users(&mut connection, &users).await.unwrap());

    // A table in the middle refuses a row, so nothing of this world may stay.
    let broken = || {
        let mut world = demo::world(now());
        world.accesses.extend(world.accesses.first().cloned());
        world
    };
    assert!(provision::fill_once(&mut connection, broken, |_, _| {}).await.is_err());
    assert_eq!(count(&mut connection, "select from partners").await, 0);

    assert!(provision::fill_once(&mut connection, || demo::world(now()), |_, _| {}).await.unwrap());
    assert!(provision::has_users(&mut connection, &users).await.unwrap());
    let again =
        provision::fill_once(&mut connection, || unreachable!("it is there"), |_, _| {}).await.unwrap();
    assert!(!again);
}
