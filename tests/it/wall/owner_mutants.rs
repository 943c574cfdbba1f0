//! The test of the tests for the roles that nobody signs in as: those that own what policies and triggers ask, and that of a share's
//! door. Each of their policies is broken in turn, and something that people or triggers are told must change. What the gateway reads
//! by is broken in `mutants`, what it writes by in `write_mutants`; here stands that between the three of them no policy is left out.

use std::collections::BTreeSet;

use posture_gateway::store::seed::World;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::besides::{BESIDES, world};
use super::builder::now;
use super::function_mutants::{BESIDES_FUNCTIONS, HASHES, MORE_CHANGES, NAMED, guarded};
use super::mutants::other_columns;
use super::observed::RELATIONS;
use super::permits::{ROLES, held, strings};
use crate::support::size;

/// The roles whose policies are broken here.
const OWNERS: [&str; 4] = ["posture_policy", "posture_rollup", "posture_audit", "posture_share"];

/// Breaks that change nothing, by how they begin.
const EQUIVALENT: &[&str] = &[
    // The role has no right to read records, or to change them: what is not selected is not asked for.
    "access_records, keeps: using: closed",
];

/// Shares that their makers' partner, an operator's partner and the customer itself may make; a key of either side; and whom
/// everything else is about.
const OF_OWNERS: &str = "
    create function pg_temp.id(what text) returns uuid language sql return md5(what)::uuid;
    create function pg_temp.customer(called text) returns uuid language sql return (select customer_id from customers where name = called);
    create function pg_temp.member(of text, as_what text) returns uuid language sql return
        (select min(m.user_id::text)::uuid
         from (select user_id, role, p.name from partner_users join partners p on p.id = partner_id
               union all select user_id, role, c.name from customer_users join customers c using (customer_id)) m
         join users u on u.id = m.user_id and not u.is_service and u.disabled_at is null
         where m.name = of and m.role = as_what);
    insert into posture_shares (customer_id, id, label, created_at, expires_at, created_by, created_by_id, secret_hash)
        select pg_temp.customer(customer), pg_temp.id(hash), 'label', 'NOW', timestamptz 'NOW' + interval '1 hour', 'text', maker,
               decode(md5(hash) || md5(hash), 'hex')
        from (values ('Bolt', 'by an ADMIN', pg_temp.member('Birch', 'ADMIN')),
                     ('Bolt', 'by an OPERATOR', (select min(o.user_id::text)::uuid from operator_assignments o
                                                 where o.customer_id = pg_temp.customer('Bolt'))),
                     ('Acme', 'by its own', pg_temp.member('Acme', 'ADMIN'))) s (customer, hash, maker);
    update api_keys set secret_hash = decode(repeat('22', 32), 'hex'), revoked_at = null
        where (customer_id, id) = (select customer_id, id from api_keys where user_id is not null order by 1, 2 limit 1);
    update partner_api_keys set secret_hash = decode(repeat('33', 32), 'hex'), revoked_at = null
        where id = (select id from partner_api_keys order by 1 limit 1)";

/// What is done past every policy but those of the triggers' functions.
const CHANGES: &[(&str, &str)] = &[
    (
        "a finding comes",
        "insert into findings select n.* from findings f,
            jsonb_populate_record(f, jsonb_build_object('id', pg_temp.id(f.id::text), 'fingerprint', 'new', 'status', 'OPEN')) n
         where f.customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "findings are due",
        "update findings set sla_due_at = 'NOW' where customer_id = pg_temp.customer('Bolt')",
    ),
    ("findings go", "delete from evidence_findings; delete from findings where customer_id = pg_temp.customer('Bolt')"),
    (
        "an asset comes",
        "insert into assets select n.* from assets a,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'value', 'new', 'created_at', timestamptz 'NOW')) n
         where a.customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "a scan is asked for",
        "insert into scans (customer_id, id, profile, trigger, status, requested_at)
         values (pg_temp.customer('Bolt'), pg_temp.id('scan'), 'text', 'MANUAL', 'QUEUED', 'NOW')",
    ),
    (
        "scans end",
        "update scans set status = 'SUCCEEDED', finished_at = timestamptz 'NOW' + interval '1 minute'
         where customer_id = pg_temp.customer('Bolt') and status = 'RUNNING'",
    ),
    (
        "scans are called off",
        "update scans set status = 'CANCELED' where customer_id = pg_temp.customer('Bolt') and status = 'QUEUED'",
    ),
    (
        "a subscription is used up",
        "update subscriptions set license_model = 'PER_ASSET', quantity = coalesce(quantity, 0) + 1, started_at = 'NOW'
         where customer_id = pg_temp.customer('Bolt')",
    ),
    ("the day is looked at", "update posture_rollups set assets = assets + 7; select gate.take_posture_snapshots()"),
    (
        "an access begins",
        "insert into accesses select n.* from accesses a, partners p,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'partner_id', p.id)) n
         where a.customer_id = pg_temp.customer('Acme') and p.name = 'Alder'",
    ),
    (
        "an access changes",
        "update accesses set status = 'SUSPENDED' where customer_id = pg_temp.customer('Acme')",
    ),
    ("a name changes", "update users set name = 'New' where id = pg_temp.member('Birch', 'ADMIN')"),
    ("an assignment ends", "delete from operator_assignments where customer_id = pg_temp.customer('Bolt')"),
    (
        "an assignment begins",
        "insert into operator_assignments select customer_id, id, pg_temp.member('Birch', 'OPERATOR') from accesses
         where customer_id = pg_temp.customer('Crown')",
    ),
    (
        "a customer's log grows",
        "insert into customer_audit_events select n.* from customer_audit_events e,
            jsonb_populate_record(e, jsonb_build_object('id', pg_temp.id(e.id::text))) n",
    ),
    (
        "a partner's log grows",
        "insert into partner_audit_events select n.* from partner_audit_events e,
            jsonb_populate_record(e, jsonb_build_object('id', pg_temp.id(e.id::text))) n",
    ),
    (
        "what was shown is recorded",
        "select gate.record_reads(array[pg_temp.id('read')], array[pg_temp.member('Birch', 'ADMIN')], array[timestamptz 'NOW'],
            array[pg_temp.id('request')], array[null]::text[], array['POSTURE'], array['Customer.posture'], array[1],
            array[pg_temp.customer('Bolt')])",
    ),
];

/// What is answered to everybody in turn, as text: by which role it is asked, and the query.
fn asked() -> Vec<(&'static str, String)> {
    let relations = RELATIONS
        .iter()
        .map(|(relation, key)| format!("select '{relation} ' || ({key})::text as row from {relation}"));
    let rows = relations.collect::<Vec<_>>().join(" union ");
    let customers =
        "(select customer_id, id from tries.accesses union all select id, id from tries.customers) a";
    vec![
        ("posture_gateway", format!("select string_agg(row, '\n' order by row) from ({rows}) r")),
        (
            "posture_writer",
            format!(
                "select string_agg(concat_ws(' ', customer_id, gate.may_sell_to(customer_id), gate.may_found(customer_id),
                                            gate.manages(customer_id), gate.is_fully_managed(customer_id),
                                            gate.is_own_access(customer_id, id)), '\n' order by customer_id, id)
                 from {customers}"
            ),
        ),
        (
            "posture_writer",
            "select concat_ws(' ', gate.is_person(), (select count(*) from tries.partners where gate.founds(id)),
                              gate.take_email((select email from tries.emails limit 1)),
                              gate.take_email('nobody@example.com'), gate.take_email('mixed@example.com'))"
                .to_owned(),
        ),
        ("posture_ingest", "select concat_ws(' ', gate.enabled_viewer(), gate.scanner_customers())".to_owned()),
    ]
}

/// What anybody may ask without being signed in.
const OF_SECRETS: &[(&str, &str)] = &[
    (
        "posture_share",
        "select string_agg(row, '\n' order by row)
         from (select 'customer ' || customer_id as row from customers union all
               select 'rollup of ' || customer_id from posture_rollups union all
               select 'due of ' || customer_id from posture_due union all
               select f::text from gate.share_facts() f) r",
    ),
    (
        "posture_gateway",
        "select string_agg(concat_ws(' ', id, email, gate.scanner_for(id, email)), ',' order by id, email)
         from tries.customers, (select email from tries.emails union all select null) e",
    ),
    (
        "posture_gateway",
        "select string_agg(concat_ws(' ', byte, gate.api_key_user(decode(repeat(byte, 32), 'hex'))), ',' order by byte)
         from unnest('{22,33,44,55,66}'::text[]) byte",
    ),
];

/// What is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// What those are told who are not signed in.
    Secrets,
    /// What triggers write.
    Changes,
    /// What somebody may do to accesses, to portals, and to people and keys.
    Accesses,
    Portals,
    People,
    /// What is recorded, and only grows.
    Records,
    /// What everybody is told.
    Everything,
}

/// Something that is done, and what is asked afterwards.
pub(super) struct Ask {
    pub(super) about: About,
    pub(super) before: String,
    pub(super) query: String,
    /// Whether what is done may be refused: that is an answer as well.
    pub(super) may_be_refused: bool,
}

impl Ask {
    fn new(about: About, before: String, query: String) -> Self {
        Self { about, before, query, may_be_refused: false }
    }
}

/// The world in its database.
pub(super) struct Owned {
    pub(super) owner: PgConnection,
    asks: Vec<Ask>,
    /// What is said to each without any break.
    due: Vec<String>,
    /// In which order it is asked: what noticed the last break notices the next one, too.
    order: Vec<usize>,
}

impl Owned {
    pub(super) async fn new(world: &World) -> (crate::support::database::TestDatabase, Self) {
        let (database, mut owner) = held(world).await;
        let opening = format!(
            "{BESIDES}; {OF_OWNERS}; {BESIDES_FUNCTIONS}; create schema tries; grant usage on schema tries to public;
             create table tries.accesses as select customer_id, id from accesses;
             create table tries.customers as select customer_id as id from customers;
             create table tries.partners as select id from partners;
             create table tries.emails as select email from users where email is not null order by email;
             create table tries.named as {NAMED};
             create function tries.id(called text) returns uuid language sql return (select id from tries.named where name = called);
             grant select on all tables in schema tries to public"
        );
        owner.execute(AssertSqlSafe(opening.replace("NOW", &now().to_rfc3339()))).await.unwrap();
        let written = written(&mut owner).await;
        let viewers = world.users.iter().map(|user| user.id.to_string()).chain([String::new()]);
        let mut asks = Vec::new();
        for (role, query) in OF_SECRETS {
            for hash in HASHES {
                let before = format!(
                    "select set_config('app.share', md5('{hash}') || md5('{hash}'), true); set local role {role}"
                );
                asks.push(Ask::new(About::Secrets, before, (*query).to_owned()));
            }
        }
        for (_, change) in CHANGES.iter().chain(MORE_CHANGES) {
            asks.push(Ask::new(About::Changes, (*change).to_owned(), written.clone()));
        }
        asks.extend(guarded(&written));
        for viewer in viewers {
            for (role, query) in asked() {
                let before = format!("set local role {role}; set local app.viewer = '{viewer}'");
                asks.push(Ask::new(About::Everything, before, query));
            }
        }
        for ask in &mut asks {
            ask.before = ask.before.replace("NOW", &now().to_rfc3339());
        }
        let order = (0..asks.len()).collect();
        let mut walls = Self { owner, asks, due: Vec::new(), order };
        walls.due = walls.told().await;
        assert_eq!(walls.told().await, walls.due, "a difference without any break");
        let refused: Vec<_> = walls
            .asks
            .iter()
            .zip(&walls.due)
            .filter(|(ask, said)| !ask.may_be_refused && said.starts_with("error"))
            .map(|(ask, said)| format!("{said}: {}", ask.before))
            .collect();
        assert!(refused.is_empty(), "what is refused tells nothing: {refused:?}");
        (database, walls)
    }

    /// What a query says, or why it says nothing; nothing of it stays.
    async fn says(&mut self, nth: usize) -> String {
        let Ask { before, query, .. } = &self.asks[nth];
        self.owner.execute("savepoint before").await.unwrap();
        let said = match self.owner.execute(AssertSqlSafe(before.clone())).await {
            Ok(_) => sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(query.clone()))
                .fetch_one(&mut self.owner)
                .await
                .map(Option::unwrap_or_default),
            Err(error) => Err(error),
        };
        self.owner.execute("rollback to savepoint before").await.unwrap();
        said.unwrap_or_else(|error| {
            let table = error.as_database_error().and_then(DatabaseError::table).unwrap_or_default();
            format!("{error} {table}")
        })
    }

    async fn begin(&mut self, sql: &str) {
        let opening =
            format!("begin; {sql}; set local jit = off; set local app.now = '{}'", now().to_rfc3339());
        self.owner.execute(AssertSqlSafe(opening)).await.unwrap();
    }

    /// Everything that is said.
    async fn told(&mut self) -> Vec<String> {
        self.begin("select").await;
        let mut told = Vec::new();
        for nth in 0..self.asks.len() {
            told.push(self.says(nth).await);
        }
        self.owner.execute("rollback").await.unwrap();
        told
    }

    /// Makes a break, asks everything, beginning with what it is about, until something else is said than is due, and takes the break
    /// back.
    pub(super) async fn notices(&mut self, sql: &str, about: About) -> bool {
        self.begin(sql).await;
        let mut found = None;
        self.order.sort_by_key(|nth| self.asks[*nth].about != about);
        for nth in self.order.clone() {
            if self.says(nth).await != self.due[nth] {
                found = Some(nth);
                break;
            }
        }
        self.owner.execute("rollback").await.unwrap();
        if let Some(found) = found {
            self.order.retain(|nth| *nth != found);
            self.order.insert(0, found);
        }
        found.is_some()
    }
}

/// A query for everything that a trigger's function writes, as one text.
async fn written(owner: &mut PgConnection) -> String {
    let tables = strings(
        owner,
        "select c.oid::regclass::text from pg_class c
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
           and (relname ~ 'audit_events$'
                or exists (select from unnest('{posture_rollup,posture_audit}'::text[]) role
                           where has_any_column_privilege(role, c.oid, 'insert') or has_any_column_privilege(role, c.oid, 'update')))
         order by 1"
            .to_owned(),
    );
    all_of(tables.await.iter().map(String::as_str))
}

/// A query for all rows of some tables, as one text.
pub(super) fn all_of<'t>(tables: impl IntoIterator<Item = &'t str>) -> String {
    let dumps = tables.into_iter().map(|table| {
        format!(
            "select string_agg(to_jsonb(t)::text, '\n' order by to_jsonb(t)::text) as rows from {table} t"
        )
    });
    format!("select string_agg(rows, '\n') from ({}) d", dumps.collect::<Vec<_>>().join(" union all "))
}

#[derive(sqlx::FromRow)]
struct Policy {
    tablename: String,
    policyname: String,
    roles: Vec<String>,
    qual: Option<String>,
    with_check: Option<String>,
    ids: Vec<String>,
}

async fn policies(owner: &mut PgConnection) -> Vec<Policy> {
    sqlx::query_as(
        "select tablename::text, policyname::text, roles::text[], qual, with_check,
                array(select attname::text from pg_attribute
                      where attrelid = format('%I.%I', schemaname, tablename)::regclass and atttypid = 'uuid'::regtype and attnum > 0
                      order by attnum) as ids
         from pg_policies order by 1, 2",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

/// Every break of a policy: what it is called and the SQL that makes it.
fn breaks(policy: &Policy) -> Vec<(String, String)> {
    let Policy { tablename: table, policyname: name, qual, with_check, ids, .. } = policy;
    let mut all = vec![("dropped".to_owned(), format!("drop policy {name} on {table}"))];
    for (kind, rule) in [("using", qual), ("with check", with_check)] {
        let Some(rule) = rule else { continue };
        let mut instead = vec![("closed".to_owned(), "false".to_owned())];
        if rule != "true" {
            instead.push(("open to all".to_owned(), "true".to_owned()));
            instead.push(("of nobody".to_owned(), rule.replace("gate.shared_customer()", "NULL::uuid")));
            instead.extend(other_columns(rule, table, ids));
        }
        all.extend(instead.into_iter().filter(|(_, broken)| broken != rule).map(|(what, broken)| {
            (format!("{kind}: {what}"), format!("alter policy {name} on {table} {kind} ({broken})"))
        }));
    }
    all.into_iter().map(|(what, sql)| (format!("{table}, {name}: {what}"), sql)).collect()
}

#[tokio::test]
async fn every_broken_policy_of_those_nobody_signs_in_as_is_noticed() {
    let (_database, mut owned) = Owned::new(&world()).await;
    let mut made = 0;
    let (mut unnoticed, mut equivalent) = (Vec::new(), Vec::new());
    for policy in policies(&mut owned.owner).await {
        if !policy.roles.iter().any(|role| OWNERS.contains(&role.as_str())) {
            continue;
        }
        for (name, sql) in breaks(&policy) {
            made += 1;
            if EQUIVALENT.iter().any(|begin| name.starts_with(begin)) {
                equivalent.push(name.clone());
            }
            if !owned.notices(&sql, About::Secrets).await {
                unnoticed.push(name);
            }
        }
    }
    assert_eq!(unnoticed, equivalent, "of {made} breaks");
    size::tried("breaks of policies of those nobody signs in as", made);
    size::tried("breaks of those nobody signs in as that were noticed", made - unnoticed.len());
}

/// A policy for a role that is new here is broken by nobody until it is said by whom.
#[tokio::test]
async fn no_policy_is_left_unbroken() {
    let (_database, mut owned) = Owned::new(&world()).await;
    let broken: BTreeSet<&str> = OWNERS.into_iter().chain(ROLES).chain(["posture_gateway"]).collect();
    let of: BTreeSet<String> =
        policies(&mut owned.owner).await.into_iter().flat_map(|policy| policy.roles).collect();
    assert_eq!(of.iter().map(String::as_str).collect::<BTreeSet<_>>(), broken);
}
