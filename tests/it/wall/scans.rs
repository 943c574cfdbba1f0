//! Scans and schedules by the database alone: who operates writes them, the worker moves what is due and nothing else.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use crate::support::cast::{Cast, Persona};
use crate::support::database::TestDatabase;
use crate::support::world::NOW;

const DENIED: &str = "42501";

/// Opens a transaction as `store::scope` does, tries one statement and takes it back: how many rows, or which SQLSTATE.
async fn attempt(gateway: &mut PgConnection, role: &str, viewer: &str, sql: &str) -> Result<u64, String> {
    let opening = format!(
        "begin; set local role {role}; set local app.viewer = '{viewer}'; set local app.now = '{}'",
        NOW.to_rfc3339()
    );
    gateway.execute(AssertSqlSafe(opening)).await.unwrap();
    let outcome = gateway.execute(AssertSqlSafe(sql)).await;
    gateway.execute("rollback").await.unwrap();
    outcome
        .map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

/// A world in which each customer has a scan that waits, another that three scanners took, and a schedule that is due.
async fn wall() -> (Cast, TestDatabase, PgConnection) {
    let cast = Cast::new();
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    cast.world.rows.insert(&mut owner, |_, _| ()).await.unwrap();
    owner
        .execute(
            "insert into scans (customer_id, id, profile, trigger, status, requested_at, attempts, lease_expires_at)
             select customer_id, gen_random_uuid(), 'waits', 'MANUAL', 'QUEUED', '2026-06-01'::timestamptz, null, null::timestamptz
             from customers
             union all
             select customer_id, gen_random_uuid(), 'lost', 'MANUAL', 'RUNNING', '2026-06-01', 3, '2026-06-02' from customers;
             update scan_schedules set next_run_at = '2026-06-15'",
        )
        .await
        .unwrap();
    let gateway = database.as_role("posture_gateway").connect().await.unwrap();
    (cast, database, gateway)
}

#[tokio::test]
async fn who_operates_writes_scans_and_schedules_and_nobody_else() {
    let (cast, _database, mut gateway) = wall().await;
    for (customer, operator) in [
        (&cast.acme, Some(Persona::FullPortalAdmin)),
        (&cast.bolt, None),
        (&cast.crown, Some(Persona::PartnerAdmin)),
        (&cast.dune, None),
    ] {
        let (id, schedule, asset) = (customer.customer, customer.posture.schedule, customer.posture.asset);
        let scan = |trigger: &str, status: &str| {
            format!(
                "insert into scans (customer_id, id, profile, trigger, status, requested_at) \
                 values ('{id}', gen_random_uuid(), 'x', '{trigger}', '{status}', now())"
            )
        };
        let inserts = [
            scan("MANUAL", "QUEUED"),
            format!(
                "insert into scan_targets select customer_id, id, '{asset}' from scans where customer_id = '{id}' and profile = 'waits'"
            ),
            format!(
                "insert into scan_schedules (customer_id, id, profile, frequency, start_time, created_at) \
                 values ('{id}', gen_random_uuid(), 'x', 'DAILY', '02:30', now())"
            ),
        ];
        let changes = [
            format!("update scans set status = 'CANCELED' where customer_id = '{id}' and profile = 'waits'"),
            format!("update scan_schedules set enabled = false, next_run_at = null where id = '{schedule}'"),
            format!("delete from scan_schedule_targets where scan_schedule_id = '{schedule}'"),
        ];
        for persona in Persona::ALL {
            let viewer = posture_gateway::domain::ids::UserId::from(persona).to_string();
            let may = operator == Some(persona);
            for sql in &inserts {
                let outcome = attempt(&mut gateway, "posture_writer", &viewer, sql).await;
                // What one does not see one copies nothing of.
                let expected = if may { vec![Ok(1)] } else { vec![Err(DENIED.to_owned()), Ok(0)] };
                assert!(expected.contains(&outcome), "{persona:?}: {sql}: {outcome:?}");
                assert!(may || sql.contains("select") || outcome.is_err(), "{persona:?}: {sql}");
            }
            for sql in &changes {
                let outcome = attempt(&mut gateway, "posture_writer", &viewer, sql).await;
                assert_eq!(outcome, Ok(u64::from(may)), "{persona:?}: {sql}");
            }
            // What nobody says, and what is the scanners' and the worker's to write.
            for sql in [
                scan("SCHEDULED", "QUEUED"),
                scan("MANUAL", "SUCCEEDED"),
                "update scans set status = 'SUCCEEDED'".to_owned(),
                "update scans set lease_id = gen_random_uuid()".to_owned(),
                "update scans set requested_at = now()".to_owned(),
                "delete from scans".to_owned(),
                "update scan_schedules set profile = 'x'".to_owned(),
                "insert into vulnerability_database_versions select customer_id, 'x', now() from customers"
                    .to_owned(),
            ] {
                let outcome = attempt(&mut gateway, "posture_writer", &viewer, &sql).await;
                assert!(
                    outcome == Err(DENIED.to_owned()) || outcome == Ok(0),
                    "{persona:?}: {sql}: {outcome:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_worker_moves_what_is_due_and_gives_up_what_is_lost_and_nothing_else() {
    let (cast, _database, mut gateway) = wall().await;
    let (id, schedule) = (cast.acme.customer, cast.acme.posture.schedule);
    let scan = |trigger: &str, due: &str| {
        format!(
            "insert into scans (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at) \
             values ('{id}', gen_random_uuid(), 'x', '{trigger}', 'QUEUED', now(), '{schedule}', '{due}')"
        )
    };
    let event = |action: &str, more: &str| {
        format!(
            "insert into customer_audit_events (customer_id, id, at, actor, action, new_value) \
             values ('{id}', gen_random_uuid(), now(), 'schedule', '{action}', '{more}')"
        )
    };
    let denied = || Err(DENIED.to_owned());
    for (sql, outcome) in [
        (scan("SCHEDULED", "2026-06-15"), Ok(1)),
        (scan("SCHEDULED", "2026-06-16"), denied()),
        (scan("MANUAL", "2026-06-15"), denied()),
        ("update scan_schedules set next_run_at = '2026-06-16'".to_owned(), Ok(4)),
        ("update scan_schedules set next_run_at = '2026-06-14'".to_owned(), denied()),
        ("update scan_schedules set enabled = false".to_owned(), denied()),
        ("update scans set status = 'FAILED', failure = 'x'".to_owned(), Ok(4)),
        ("update scans set status = 'SUCCEEDED'".to_owned(), denied()),
        ("select from scans where profile = 'waits'".to_owned(), Ok(0)),
        (event("scan.requested", "x"), Ok(1)),
        (event("scan.failed", "x"), Ok(1)),
        (event("access.operating_model_changed", "x"), denied()),
        ("select from findings".to_owned(), denied()),
        ("select from assets".to_owned(), denied()),
        ("select from customers".to_owned(), denied()),
        ("delete from scan_schedules".to_owned(), denied()),
    ] {
        assert_eq!(attempt(&mut gateway, "posture_worker", "", &sql).await, outcome, "{sql}");
    }
}
