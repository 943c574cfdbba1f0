//! Who may write: an upload's role the results of its scanner's customers, the gateway's own role nothing at all.

use posture_gateway::domain::ids::CustomerId;
use posture_gateway::store::seed::{Membership, World};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::builder::now;
use super::matrix::hold;
use super::worlds::exhaustive;

const DENIED: &str = "42501";
const NOT_UNIQUE: &str = "23505";

/// What comes of a statement: how many rows, or which SQLSTATE. The transaction goes on as if it had not been.
async fn attempt(connection: &mut PgConnection, sql: &str) -> Result<u64, String> {
    connection.execute("savepoint attempt").await.unwrap();
    let outcome = connection
        .execute(AssertSqlSafe(sql))
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned());
    connection.execute("rollback to attempt").await.unwrap();
    outcome
}

/// The relations of the gateway, those of sqlx too.
async fn tables(owner: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

/// The tables on which the upload's role has a right.
async fn granted(owner: &mut PgConnection, right: &str) -> Vec<String> {
    let mut tables = tables(owner).await;
    let all: Vec<bool> = sqlx::query_scalar(
        "select has_table_privilege('posture_ingest', t.name, $2) from unnest($1) with ordinality t (name, nth) order by nth",
    )
    .bind(&tables)
    .bind(right)
    .fetch_all(owner)
    .await
    .unwrap();
    let mut all = all.into_iter();
    tables.retain(|_| all.next().unwrap());
    tables
}

/// Opens an upload's transaction as `store::scope` does.
async fn begin_upload(gateway: &mut PgConnection, viewer: &str) {
    let opening = format!(
        "begin; set local role posture_ingest; set local app.viewer = '{viewer}'; set local app.now = '{}'",
        now().to_rfc3339()
    );
    gateway.execute(AssertSqlSafe(opening)).await.unwrap();
}

/// The customers that an enabled scanner is registered for, and one that it is not.
fn registered(world: &World) -> (String, Vec<CustomerId>, CustomerId) {
    let enabled = |user| world.users.iter().any(|row| row.id == user && row.disabled_at.is_none());
    let (mut scanner, mut customers) = (None, Vec::new());
    for membership in &world.memberships {
        if let Membership::Scanner(customer, user) = *membership
            && enabled(user)
        {
            scanner = Some(user);
            customers.push(customer);
        }
    }
    let foreign =
        world.customers.iter().map(|row| row.customer_id).find(|id| !customers.contains(id)).unwrap();
    (scanner.unwrap().to_string(), customers, foreign)
}

/// A row of a customer as an `insert` of the very same row.
async fn copy(owner: &mut PgConnection, table: &str, customer: CustomerId, scanner: &str) -> String {
    // What a partner's people did no scanner writes.
    let told = ["finding_history", "customer_audit_events"];
    let own = if told.contains(&table) { "and partner_id is null" } else { "" };
    // And what it writes about findings it writes in its own name.
    let as_whom = match table {
        "finding_history" => format!("to_jsonb(t) || '{{\"actor_id\": \"{scanner}\"}}'"),
        // An event names no user, and tells of scans alone.
        "customer_audit_events" => {
            r#"to_jsonb(t) || '{"actor_id": null, "action": "scan.results_ingested"}'"#.to_owned()
        }
        _ => "to_json(t)".to_owned(),
    };
    let row: String = sqlx::query_scalar(AssertSqlSafe(format!(
        "select ({as_whom})::text from {table} t where customer_id = '{customer}' {own} limit 1"
    )))
    .fetch_one(owner)
    .await
    .unwrap();
    format!("insert into {table} select * from json_populate_record(null::{table}, '{row}')")
}

#[tokio::test]
async fn the_gateway_writes_nothing() {
    let (database, mut gateway) = hold(&exhaustive()).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let tables = tables(&mut owner).await;
    assert!(tables.len() > 30);
    gateway.execute("begin").await.unwrap();
    for table in &tables {
        let column: String = sqlx::query_scalar(
            "select attname::text from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped limit 1",
        )
        .bind(table)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        for sql in [
            format!("insert into {table} default values"),
            format!("update {table} set {column} = {column}"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
            format!("lock table {table} in access exclusive mode"),
            format!("alter table {table} disable row level security"),
            format!("create trigger t after insert on {table} execute function gate.findings_inserted()"),
        ] {
            assert_eq!(attempt(&mut gateway, &sql).await, Err(DENIED.to_owned()), "{sql}");
        }
    }
    for sql in [
        "create table public.mine ()",
        "create table gate.mine ()",
        "create or replace function gate.viewer_id() returns uuid language sql return null::uuid",
        "set local role posture_policy",
        "set local role posture_rollup",
        "set local session_replication_role = replica",
        "select gate.apply_assets('00000000-0000-0000-0000-000000000000', 1)",
        "alter role posture_gateway bypassrls",
    ] {
        assert_eq!(attempt(&mut gateway, sql).await, Err(DENIED.to_owned()), "{sql}");
    }
}

#[tokio::test]
async fn an_upload_reads_and_writes_its_scanners_customers_only() {
    let world = exhaustive();
    let (database, mut gateway) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let (scanner, own, foreign) = registered(&world);

    let reads = granted(&mut owner, "select").await;
    let inserts = granted(&mut owner, "insert").await;
    let updates = granted(&mut owner, "update").await;
    let deletes = granted(&mut owner, "delete").await;
    let mut copies = Vec::new();
    for table in &inserts {
        let (mine, theirs) = (
            copy(&mut owner, table, own[0], &scanner).await,
            copy(&mut owner, table, foreign, &scanner).await,
        );
        copies.push((table, mine, theirs));
    }

    begin_upload(&mut gateway, &scanner).await;
    let ids: Vec<uuid::Uuid> = {
        let mut ids: Vec<_> = own.iter().map(|id| id.0).collect();
        ids.sort();
        ids
    };
    for table in &reads {
        let visible: Vec<uuid::Uuid> = sqlx::query_scalar(AssertSqlSafe(format!(
            "select distinct customer_id from {table} order by customer_id"
        )))
        .fetch_all(&mut gateway)
        .await
        .unwrap();
        assert_eq!(visible, ids, "{table}");
    }
    for (table, mine, theirs) in copies {
        // The own row passes the policy and is then refused as the second of its kind; the foreign one gets no further.
        assert_eq!(attempt(&mut gateway, &mine).await, Err(NOT_UNIQUE.to_owned()), "{table}");
        assert_eq!(attempt(&mut gateway, &theirs).await, Err(DENIED.to_owned()), "{table}");
    }
    let another = copy(&mut owner, "finding_history", own[0], &foreign.to_string()).await;
    assert_eq!(attempt(&mut gateway, &another).await, Err(DENIED.to_owned()), "in another's name");
    for table in &updates {
        let update = |to: CustomerId, of: CustomerId| {
            format!("update {table} set customer_id = '{to}' where customer_id = '{of}'")
        };
        assert_eq!(attempt(&mut gateway, &update(own[0], own[0])).await, Ok(1), "{table}");
        assert_eq!(attempt(&mut gateway, &update(foreign, foreign)).await, Ok(0), "{table}");
        assert_eq!(attempt(&mut gateway, &update(foreign, own[0])).await, Err(DENIED.to_owned()), "{table}");
    }
    for table in &deletes {
        let delete = |of: CustomerId| format!("delete from {table} where customer_id = '{of}'");
        assert_eq!(attempt(&mut gateway, &delete(own[0])).await, Ok(1), "{table}");
        assert_eq!(attempt(&mut gateway, &delete(foreign)).await, Ok(0), "{table}");
    }
    // Whatever it has no right to, of its own customers too; audit events are written and never read back.
    for table in tables(&mut owner).await {
        for (right, all, sql) in [
            ("select", &reads, format!("select from {table}")),
            ("insert", &inserts, format!("insert into {table} default values")),
            ("delete", &deletes, format!("delete from {table}")),
        ] {
            if table == "users" && right == "select" {
                // Some columns of one row: who the scanner itself is, for the audit log.
                assert_eq!(attempt(&mut gateway, &sql).await, Ok(1));
                assert_eq!(attempt(&mut gateway, "select email from users").await, Err(DENIED.to_owned()));
            } else if !all.contains(&table) {
                assert_eq!(attempt(&mut gateway, &sql).await, Err(DENIED.to_owned()), "{right} {table}");
            }
        }
    }
}

/// The role alone opens nothing: it takes an enabled scanner.
#[tokio::test]
async fn an_upload_by_anybody_else_reads_and_writes_nothing() {
    let world = exhaustive();
    let (database, mut gateway) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let (scanner, own, _) = registered(&world);
    let reads = granted(&mut owner, "select").await;
    let mut copies = Vec::new();
    for table in granted(&mut owner, "insert").await {
        copies.push(copy(&mut owner, &table, own[0], &scanner).await);
    }
    let others = world.users.iter().map(|row| row.id.to_string()).filter(|user| *user != scanner);
    for viewer in others.chain([String::new(), own[0].to_string()]) {
        begin_upload(&mut gateway, &viewer).await;
        for table in &reads {
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
                .fetch_one(&mut gateway)
                .await
                .unwrap();
            assert_eq!(count, 0, "{table} for `{viewer}`");
        }
        for sql in &copies {
            assert_eq!(attempt(&mut gateway, sql).await, Err(DENIED.to_owned()), "`{viewer}`: {sql}");
        }
        gateway.execute("rollback").await.unwrap();
    }
}
