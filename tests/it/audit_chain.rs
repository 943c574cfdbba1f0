//! `posture-gateway audit verify`, and that audit logs only ever grow (DESIGN.md 5).

use posture_gateway::cli::audit::verified;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, PartnerId};
use posture_gateway::store::Database;
use posture_gateway::store::audit::chain::Log;
use posture_gateway::store::scope::PoolSettings;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use crate::support::database::TestDatabase;
use crate::support::world::World;

/// Texts that a careless way of writing fields down would mistake for one another.
const ODD: [&str; 14] = [
    "",
    "-",
    "0:",
    "1:a",
    "a",
    "NULL",
    "null",
    "\\x00",
    "Ærøskøbing",
    "e\u{301}",
    "\u{e9}",
    "🐙",
    "a\nb\t\"'",
    "\u{feff}",
];

/// Two partners and two customers, each with a log: the first of either side has six events, the other two.
struct Logs {
    database: TestDatabase,
    owner: PgConnection,
    partner: PartnerId,
    customer: CustomerId,
}

impl Logs {
    async fn new() -> Self {
        let mut world = World::default();
        let (partner, other) = (world.partner("Birch"), world.partner("Cedar"));
        let customer = world.customer(partner, "Acme", PortalAccess::Full);
        let other_customer = world.customer(partner, "Bolt", PortalAccess::Full);
        let database = TestDatabase::create().await;
        let mut owner = database.as_superuser().connect().await.unwrap();
        world.into_rows().insert(&mut owner, |_, _| {}).await.unwrap();
        for (log, events) in [(partner.0, 6), (other.0, 2)] {
            for nth in 0..events {
                record(&mut owner, "partner", log, nth).await;
            }
        }
        for (log, events) in [(customer.0, 6), (other_customer.0, 2)] {
            for nth in 0..events {
                record(&mut owner, "customer", log, nth).await;
            }
        }
        for table in ["audit_events", "audit_heads"] {
            for side in ["partner", "customer"] {
                let sql = format!("create table kept_{side}_{table} as table {side}_{table}");
                owner.execute(AssertSqlSafe(sql)).await.unwrap();
            }
        }
        Self { database, owner, partner, customer }
    }

    async fn verify(&self, which: Option<Log>) -> Result<String, String> {
        let database = Database::new(self.database.as_superuser(), PoolSettings::default());
        verified(database, which).await.map_err(|error| error.to_string())
    }

    /// Does something as the owner with every trigger of our own disabled.
    async fn tamper(&mut self, sql: &str) {
        let off = |to| {
            ["partner", "customer"]
                .map(|side| format!("alter table {side}_audit_events {to} trigger user"))
                .join("; ")
        };
        let sql = format!("{}; {sql}; {}", off("disable"), off("enable"));
        self.owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    async fn restore(&mut self) {
        let all: Vec<String> =
            ["partner_audit_events", "partner_audit_heads", "customer_audit_events", "customer_audit_heads"]
                .iter()
                .map(|table| format!("delete from {table}; insert into {table} select * from kept_{table}"))
                .collect();
        self.tamper(&all.join("; ")).await;
    }
}

/// An event whose texts and instant are all different from the others'. One has every field, one has none that may be missing.
async fn record(owner: &mut PgConnection, side: &str, log: uuid::Uuid, nth: usize) {
    let text = |offset: usize| (!nth.is_multiple_of(3)).then(|| ODD[(nth * 3 + offset) % ODD.len()]);
    let sql = format!(
        "insert into {side}_audit_events ({side}_id, id, at, actor, action, reason, old_value, new_value, actor_id, request_id)
         values ($1, gen_random_uuid(), timestamptz '2026-06-01T00:00:00.000001Z' + $2 * interval '1.000001 s', $3, 'test.done',
                 $4, $5, $6, case when $2 % 2 = 1 then gen_random_uuid() end, case when $2 % 2 = 1 then gen_random_uuid() end)"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(log)
        .bind(i32::try_from(nth).unwrap())
        .bind(ODD[nth % ODD.len()])
        .bind(text(1))
        .bind(text(2))
        .bind(text(3))
        .execute(owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn logs_as_they_were_written_are_unbroken() {
    let logs = Logs::new().await;
    assert_eq!(logs.verify(None).await.unwrap(), "4 logs with 16 events, all unbroken\n");
    let text = logs.verify(Some(Log::Partner(logs.partner))).await.unwrap();
    let (name, partner) = ("6 events, unbroken; the last one's hash is ", GlobalId::Partner(logs.partner));
    assert!(text.starts_with(&format!("partner {partner}: {name}")), "{text}");
    let text = logs.verify(Some(Log::Customer(logs.customer))).await.unwrap();
    assert!(text.starts_with(&format!("customer {}: {name}", GlobalId::Customer(logs.customer))), "{text}");
    let nobody = logs.verify(Some(Log::Customer(CustomerId(uuid::Uuid::nil())))).await.unwrap();
    assert!(nobody.ends_with(": no events\n"), "{nobody}");
}

/// What the database hashed and what Rust hashes are the same for every odd text in every place.
#[tokio::test]
async fn rust_and_the_database_agree_on_odd_values() {
    let mut logs = Logs::new().await;
    for nth in 6..6 + 3 * ODD.len() {
        record(&mut logs.owner, "partner", logs.partner.0, nth).await;
        record(&mut logs.owner, "customer", logs.customer.0, nth).await;
    }
    let events = 16 + 2 * 3 * ODD.len();
    assert_eq!(logs.verify(None).await.unwrap(), format!("4 logs with {events} events, all unbroken\n"));
}

/// Whoever sees an event and not the one before it is not told of that one by the instant.
#[tokio::test]
async fn an_event_keeps_its_own_instant_whatever_comes_before_it() {
    let mut logs = Logs::new().await;
    for (side, log) in [("partner", logs.partner.0), ("customer", logs.customer.0)] {
        for at in ["2099-01-01", "2026-06-01"] {
            let sql = format!(
                "insert into {side}_audit_events ({side}_id, id, at, actor, action)
                 values ('{log}', gen_random_uuid(), '{at}', 'someone', 'test.done')"
            );
            logs.owner.execute(AssertSqlSafe(sql)).await.unwrap();
        }
        let kept: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!(
            "select at::date::text from {side}_audit_events where {side}_id = '{log}' order by seq desc limit 2"
        )))
        .fetch_all(&mut logs.owner)
        .await
        .unwrap();
        assert_eq!(kept, ["2026-06-01", "2099-01-01"]);
    }
    assert_eq!(logs.verify(None).await.unwrap(), "4 logs with 20 events, all unbroken\n");
}

/// The columns that say something, with a change of each.
async fn changes(owner: &mut PgConnection, side: &str) -> Vec<(String, String)> {
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select column_name::text, data_type::text from information_schema.columns
         where table_name = $1 and column_name not in ('seq', 'hash', 'previous_hash') and column_name <> $2",
    )
    .bind(format!("{side}_audit_events"))
    .bind(format!("{side}_id"))
    .fetch_all(owner)
    .await
    .unwrap();
    let change = |column: &str, data_type: &str| match data_type {
        "text" => format!("{column} = coalesce({column}, '') || 'x'"),
        // It has to be a partner.
        "uuid" if column == "partner_id" => {
            format!("{column} = (select p.id from partners p where p.id is distinct from {column} limit 1)")
        }
        "uuid" => format!("{column} = gen_random_uuid()"),
        "timestamp with time zone" => format!("{column} = {column} + interval '1 microsecond'"),
        other => unreachable!("{column} is {other}"),
    };
    columns.iter().map(|(column, data_type)| (column.clone(), change(column, data_type))).collect()
}

#[tokio::test]
async fn every_kind_of_tampering_is_found_and_named() {
    let mut logs = Logs::new().await;
    for side in ["partner", "customer"] {
        let log = if side == "partner" { logs.partner.0 } else { logs.customer.0 };
        let (events, heads) = (format!("{side}_audit_events"), format!("{side}_audit_heads"));
        let third = format!("{side}_id = '{log}' and seq = 3");
        let (changed, missing) =
            ("is not what its hash was made of", "it is missing, though later events are there");
        let (cut, relinked, added) = ("the log ends before", "its link does not lead", "was added past");
        let mut cases: Vec<(String, i64, &str)> = Vec::new();
        for (column, change) in changes(&mut logs.owner, side).await {
            assert_ne!(column, "seq");
            cases.push((format!("update {events} set {change} where {third}"), 3, changed));
        }
        let set = |what: &str| format!("update {events} set {what} where {third}");
        cases.extend([
            (set("at = 'infinity'"), 3, changed),
            (format!("update {events} set reason = nullif(coalesce(reason, ''), reason) where {side}_id = '{log}' and seq = 1"), 1, changed),
            (set(r"hash = '\x00'"), 3, changed),
            (set(r"previous_hash = '\x00'"), 3, relinked),
            (set("seq = 100"), 3, missing),
            (format!("delete from {events} where {third}"), 3, missing),
            (format!("delete from {events} where {side}_id = '{log}' and seq = 6"), 6, cut),
            (format!("delete from {events} where {side}_id = '{log}'"), 1, cut),
            // The order of two events.
            (
                format!(
                    "update {events} set seq = 100 where {third};
                     update {events} set seq = 3 where {side}_id = '{log}' and seq = 4;
                     update {events} set seq = 4 where {side}_id = '{log}' and seq = 100"
                ),
                3,
                relinked,
            ),
            // One more in the middle: the second once again.
            (
                format!(
                    "update {events} set seq = seq + 100 where {side}_id = '{log}' and seq >= 3;
                     update {events} set seq = seq - 99 where {side}_id = '{log}' and seq >= 100;
                     create temporary table one on commit drop as
                         select * from {events} where {side}_id = '{log}' and seq = 2;
                     update one set seq = 3, id = gen_random_uuid();
                     insert into {events} select * from one"
                ),
                3,
                relinked,
            ),
            (format!("update {heads} set hash = '\\x00' where {side}_id = '{log}'"), 6, changed),
            (format!("delete from {heads} where {side}_id = '{log}'"), 1, added),
        ]);
        for (sql, seq, fault) in cases {
            logs.tamper(&sql).await;
            let found = logs.verify(None).await.unwrap_err();
            let first = found.lines().find(|line| line.starts_with(side)).unwrap_or_default();
            assert!(
                first.contains(&format!(": event {seq}")) && first.contains(fault),
                "{sql}\nfound {found}, not {seq} {fault}"
            );
            // The one log that was touched, and no other.
            assert_eq!(found.lines().count(), 2, "{sql}\n{found}");
            let which =
                if side == "partner" { Log::Partner(logs.partner) } else { Log::Customer(logs.customer) };
            assert!(logs.verify(Some(which)).await.is_err(), "{sql}");
            logs.restore().await;
        }

        // An event at the end, chained as it should be, that the head does not know.
        record(&mut logs.owner, side, log, 6).await;
        logs.tamper(&format!("update {heads} h set seq = k.seq, hash = k.hash from kept_{heads} k where k.{side}_id = h.{side}_id")).await;
        let found = logs.verify(None).await.unwrap_err();
        assert!(found.contains(": event 7 (") && found.contains(added), "{found}");
        logs.restore().await;

        // Moved to another log: both are broken.
        logs.tamper(&format!(
            "update {events} set {side}_id = (select {side}_id from {heads} where {side}_id <> '{log}') where {third}"
        ))
        .await;
        assert_eq!(logs.verify(None).await.unwrap_err().lines().count(), 3);
        logs.restore().await;
    }
    assert_eq!(logs.verify(None).await.unwrap(), "4 logs with 16 events, all unbroken\n");
}

/// What is told names the event as the API does.
#[tokio::test]
async fn the_first_broken_event_is_named_by_its_global_id() {
    let mut logs = Logs::new().await;
    logs.tamper("update customer_audit_events set actor = 'Somebody else' where seq >= 2").await;
    let id: uuid::Uuid =
        sqlx::query_scalar("select id from customer_audit_events where customer_id = $1 and seq = 2")
            .bind(logs.customer.0)
            .fetch_one(&mut logs.owner)
            .await
            .unwrap();
    let event = GlobalId::CustomerAuditEvent(logs.customer, posture_gateway::domain::ids::AuditEventId(id));
    let found = logs.verify(Some(Log::Customer(logs.customer))).await.unwrap_err();
    assert_eq!(
        found,
        format!(
            "1 of 1 logs broken:\ncustomer {}: event 2 ({event}): what it says is not what its hash was made of",
            GlobalId::Customer(logs.customer)
        )
    );
}

#[tokio::test]
async fn a_role_that_row_security_holds_is_told_so() {
    let logs = Logs::new().await;
    let database = Database::new(logs.database.as_role("posture_gateway"), PoolSettings::default());
    let error = verified(database, None).await.unwrap_err().to_string();
    assert!(error.contains("`posture_gateway` is held by row security"), "{error}");
}

#[tokio::test]
async fn nobody_changes_an_event_not_even_the_owner() {
    let mut logs = Logs::new().await;
    let mut gateway = logs.database.as_role("posture_gateway").connect().await.unwrap();
    for side in ["partner", "customer"] {
        for sql in [
            format!("update {side}_audit_events set reason = 'Another'"),
            format!("delete from {side}_audit_events"),
            format!("truncate {side}_audit_events"),
        ] {
            let refused = logs.owner.execute(AssertSqlSafe(sql.clone())).await.unwrap_err().to_string();
            assert!(refused.contains("only ever grow"), "{sql}: {refused}");
            for role in ["posture_gateway", "posture_writer", "posture_ingest"] {
                let lowered = format!("begin; set local role {role}; {sql}");
                let refused = gateway.execute(AssertSqlSafe(lowered)).await.unwrap_err().to_string();
                gateway.execute("rollback").await.unwrap();
                assert!(refused.contains("permission denied"), "{role} {sql}: {refused}");
            }
        }
    }
    assert_eq!(logs.verify(None).await.unwrap(), "4 logs with 16 events, all unbroken\n");
}
