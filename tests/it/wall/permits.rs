//! What the roles that write may do to each row, tried on a small world for everybody in it: by the database alone, as a list that
//! a review sees change. A table on which one of them has a right is in it by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::builder::{Builder, Terms, now};
use super::matrix::hold;
use crate::support::database::TestDatabase;
use crate::support::size;

/// The roles that a transaction lowers itself to in order to write.
pub(super) const ROLES: [&str; 3] = ["posture_writer", "posture_ingest", "posture_worker"];
/// Rows of a table that are tried, and values of a column that are tried instead of a row's own.
const ROWS: usize = 24;
const VALUES: usize = 3;

/// Somebody of the world, in a role.
struct Asker {
    role: &'static str,
    who: String,
    viewer: String,
}

/// Something that is tried on one row.
struct Attempt {
    command: &'static str,
    /// Whose the row is.
    whose: String,
    sql: String,
}

/// What is tried, by role and table.
type Attempts = BTreeMap<(&'static str, String), Vec<Attempt>>;
/// By command and by whose row: how many rows the policies let through.
type Permits = BTreeMap<(&'static str, String), usize>;

/// Two partners under a distributor, a partner that has nobody yet, customers on different terms, and one that was sold nothing.
pub(super) fn small() -> World {
    let mut b = Builder::default();
    let alder = b.partner(None);
    let (birch, cedar) = (b.partner(Some(alder)), b.partner(Some(alder)));
    for partner in [alder, birch, cedar] {
        b.partner_user(partner, PartnerRole::Admin, false);
    }
    b.partner_user(birch, PartnerRole::Admin, true);
    let operators = [false, false].map(|gone| b.partner_user(birch, PartnerRole::Operator, gone));
    let open = Terms {
        status: AccessStatus::Active,
        trial_ends: None,
        model: OperatingModel::FullyManaged,
        ceiling: Privilege::Manage,
        consent: Privilege::Manage,
        consent_until: None,
    };
    let co_managed = Terms { model: OperatingModel::CoManaged, consent: Privilege::Support, ..open };
    let trial = Terms {
        status: AccessStatus::Trial,
        trial_ends: Some(60),
        model: OperatingModel::CustomerManaged,
        ceiling: Privilege::Support,
        ..co_managed
    };
    let mut customers = Vec::new();
    for (partner, portal, terms) in [
        (birch, PortalAccess::Full, trial),
        (birch, PortalAccess::ReadOnly, open),
        (birch, PortalAccess::Disabled, co_managed),
        (cedar, PortalAccess::Full, co_managed),
    ] {
        let customer = b.customer(partner, portal);
        let access = b.access(customer, partner, terms);
        if partner == birch {
            b.assign(customer, access, operators[0]);
        }
        for &role in CustomerRole::ALL {
            b.customer_user(customer, role, false);
        }
        customers.push(customer);
    }
    b.access(customers[1], cedar, Terms { model: OperatingModel::CustomerManaged, ..co_managed });
    customers.push(b.customer(birch, PortalAccess::Disabled));
    b.scanner(&customers[1..3], false);
    b.scanner(&customers[1..3], true);
    let mut world = b.finish();
    world.partners.push(seed::Partner {
        id: PartnerId(deterministic_id("permits", 0)),
        parent_id: Some(birch),
        name: String::new(),
        currency: "EUR".to_owned(),
        created_at: now(),
    });
    for (row, name) in world.partners.iter_mut().zip(["Alder", "Birch", "Cedar", "Fir"]) {
        name.clone_into(&mut row.name);
    }
    for (row, name) in world.customers.iter_mut().zip(["Acme", "Bolt", "Crown", "Dune", "Elm"]) {
        name.clone_into(&mut row.name);
        let of = row.customer_id;
        let accesses = world.accesses.iter_mut().filter(|access| access.customer_id == of);
        accesses.for_each(|access| name.clone_into(&mut access.customer_name));
    }
    world
}

/// A database that holds the world, and its owner. Everybody has one answer under a key, scanners an old one.
pub(super) async fn held(world: &World) -> (TestDatabase, PgConnection) {
    let (database, _) = hold(world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let answers = format!(
        "insert into idempotency_keys (user_id, key, field, input_digest, created_at)
         select id, 'key', 'field', '', '{}'::timestamptz - case kind when 'SCANNER' then interval '2 days' else '0' end from users",
        now().to_rfc3339()
    );
    owner.execute(AssertSqlSafe(answers)).await.unwrap();
    (database, owner)
}

/// What a user of the world is called in the list.
pub(super) fn named(world: &World, user: UserId, kind: ViewerKind) -> String {
    let partner = |id| world.partners.iter().find(|row| row.id == id).unwrap().name.clone();
    let customer = |id| world.customers.iter().find(|row| row.customer_id == id).unwrap().name.clone();
    let place = world.memberships.iter().find_map(|membership| match *membership {
        Membership::Partner(of, member, role) if member == user => Some(format!("{role} of {}", partner(of))),
        Membership::Customer(of, member, role) if member == user => {
            Some(format!("{role} of {}", customer(of)))
        }
        _ => None,
    });
    let is_assigned = world
        .memberships
        .iter()
        .any(|membership| matches!(*membership, Membership::Assignment(_, _, own) if own == user));
    format!("{}{}", place.unwrap_or_else(|| kind.to_string()), if is_assigned { ", assigned" } else { "" })
}

/// Everybody, in every role.
fn askers(world: &World) -> Vec<Asker> {
    let asker =
        |role, who: &str, viewer: &str| Asker { role, who: who.to_owned(), viewer: viewer.to_owned() };
    let mut askers = vec![asker("posture_worker", "nobody", "")];
    for role in &ROLES[..2] {
        askers.push(asker(role, "nobody", ""));
        for row in &world.users {
            // To upload takes a scanner: of all others some are as good as all.
            let is_one = row.kind == ViewerKind::Scanner || row.id.0.as_u128() % 4 == 0;
            if *role == "posture_ingest" && !is_one {
                continue;
            }
            let gone = if row.disabled_at.is_some() { "disabled " } else { "" };
            let who = format!("{gone}{}", named(world, row.id, row.kind));
            askers.push(asker(role, &who, &row.id.to_string()));
        }
    }
    askers
}

pub(super) async fn strings(owner: &mut PgConnection, sql: String) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(owner).await.unwrap()
}

/// The columns of a table on which a role has a right.
async fn columns(owner: &mut PgConnection, role: &str, table: &str, right: &str) -> Vec<String> {
    let sql = format!(
        "select attname::text from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
           and has_column_privilege('{role}', attrelid, attnum, '{right}') order by attnum"
    );
    strings(owner, sql).await
}

fn literal(value: &Value) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}

/// A table's rows, its key, and what may stand in a column.
struct Table {
    name: String,
    key: Vec<String>,
    rows: Vec<Map<String, Value>>,
    pools: BTreeMap<String, Vec<Value>>,
}

impl Table {
    async fn read(owner: &mut PgConnection, name: &str) -> Self {
        let key = strings(
            owner,
            format!(
                "select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                 where i.indrelid = '{name}'::regclass and i.indisprimary order by array_position(i.indkey::int2[], a.attnum)"
            ),
        );
        let key = key.await;
        let rows = strings(owner, format!("select to_jsonb(t)::text from {name} t order by 1")).await;
        let rows: Vec<Map<String, Value>> =
            rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let mut pools: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (column, value) in rows.iter().flatten() {
            let pool = pools.entry(column.clone()).or_default();
            if !pool.contains(value) && pool.len() < VALUES {
                pool.push(value.clone());
            }
        }
        for (column, ids) in [
            ("customer_id", "select customer_id::text from customers order by 1"),
            ("partner_id", "select id::text from partners order by 1"),
            ("parent_id", "select id::text from partners order by 1"),
            ("user_id", "select id::text from users order by name limit 6"),
        ] {
            if let Some(pool) = pools.get_mut(column) {
                *pool = strings(owner, ids.to_owned()).await.into_iter().map(Value::String).collect();
            }
        }
        // Made up: what is changed to something that is there already is no change to a trigger.
        for (column, value) in
            [("accepted_at", Value::String(now().to_rfc3339())), ("accepted_at", Value::Null)]
        {
            if let Some(pool) = pools.get_mut(column)
                && !pool.contains(&value)
            {
                pool.push(value);
            }
        }
        Self { name: name.to_owned(), key, rows: rows.into_iter().take(ROWS).collect(), pools }
    }

    /// `where` it is this row, if the role may read by what rows are known.
    fn at(&self, row: &Map<String, Value>, readable: &[String]) -> String {
        if !self.key.iter().all(|column| readable.contains(column)) {
            return String::new();
        }
        let key = self.key.join(", ");
        let (table, values) = (&self.name, literal(&Value::Object(row.clone())));
        format!(" where ({key}) = (select {key} from jsonb_populate_record(null::{table}, {values}))")
    }

    /// What a role tries on the table.
    async fn attempts(
        &self,
        owner: &mut PgConnection,
        role: &str,
        label: &dyn Fn(&Map<String, Value>) -> String,
    ) -> Vec<Attempt> {
        let table = &self.name;
        let readable = columns(owner, role, table, "select").await;
        let insertable = columns(owner, role, table, "insert").await;
        let updatable = columns(owner, role, table, "update").await;
        let deletes = format!("select has_table_privilege('{role}', '{table}', 'delete')::text");
        let deletes = strings(owner, deletes).await == ["true"];
        let mut all = Vec::new();
        for row in &self.rows {
            let at = self.at(row, &readable);
            let mut add = |command, whose: &Map<String, Value>, sql: String| {
                all.push(Attempt { command, whose: label(whose), sql });
            };
            if !readable.is_empty() {
                add("select", row, format!("select from {table}{at}"));
            }
            if deletes {
                add("delete", row, format!("delete from {table}{at}"));
            }
            let others = |columns: &[String]| -> Vec<(String, Value)> {
                let of = |column: &String| {
                    self.pools[column].iter().map(|value| (column.clone(), value.clone())).collect::<Vec<_>>()
                };
                columns.iter().flat_map(of).collect()
            };
            // An access's; a component's is a text.
            let rises = updatable.iter().any(|own| own == "version" && row[own].is_number());
            let names = insertable.join(", ");
            for (column, value) in others(&insertable) {
                let mut new = row.clone();
                // The row itself once, and each of its columns otherwise.
                if new.insert(column.clone(), value.clone()).as_ref() == Some(&value)
                    && insertable.first() != Some(&column)
                {
                    continue;
                }
                let source = literal(&Value::Object(new.clone()));
                add(
                    "insert",
                    &new,
                    format!(
                        "insert into {table} ({names}) select {names} from jsonb_populate_record(null::{table}, {source})"
                    ),
                );
            }
            for (column, value) in others(&updatable) {
                let record = literal(&Value::Object(Map::from_iter([(column.clone(), value)])));
                let mut set = format!("{column} = (jsonb_populate_record(null::{table}, {record})).{column}");
                if rises && column != "version" {
                    set.push_str(", version = version + 1");
                }
                add("update", row, format!("update {table} set {set}{at}"));
            }
        }
        all
    }
}

/// Says of a row whose it is.
pub(super) fn labels(world: &World) -> impl Fn(&Map<String, Value>) -> String + use<> {
    let names: BTreeMap<String, String> = world
        .partners
        .iter()
        .map(|row| (row.id.to_string(), row.name.clone()))
        .chain(world.customers.iter().map(|row| (row.customer_id.to_string(), row.name.clone())))
        .chain(world.users.iter().map(|row| (row.id.to_string(), named(world, row.id, row.kind))))
        .collect();
    move |row| {
        let known =
            |column: &&str| row.get(*column).and_then(Value::as_str).and_then(|id| names.get(id)).cloned();
        let found: BTreeSet<String> =
            ["customer_id", "partner_id", "parent_id", "user_id", "id"].iter().filter_map(known).collect();
        found.into_iter().collect::<Vec<_>>().join(" and ")
    }
}

/// Everything that is tried.
async fn attempts(owner: &mut PgConnection, world: &World) -> Attempts {
    let label = labels(world);
    let mut all = Attempts::new();
    for role in ROLES {
        let tables = strings(
            owner,
            format!(
                "select oid::regclass::text from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
                   and (has_any_column_privilege('{role}', oid, 'select, insert, update') or has_table_privilege('{role}', oid, 'delete'))
                 order by 1"
            ),
        );
        for name in tables.await {
            let table = Table::read(owner, &name).await;
            let tried = table.attempts(owner, role, &label).await;
            assert!(!tried.is_empty(), "nothing is tried of `{name}`: give the world a row of it");
            all.insert((role, name), tried);
        }
    }
    all
}

/// Opens a transaction of the owner in which attempts can be made, after `sql`.
async fn begin(owner: &mut PgConnection, sql: &str) {
    // Says how many rows, or which SQLSTATE, and takes back what it did.
    let attempt = "create function public.attempt(statement text) returns text language plpgsql as $$
        declare n bigint;
        begin
            execute statement;
            get diagnostics n = row_count;
            raise exception using errcode = 'PT000', message = n::text;
        exception
            when sqlstate 'PT000' then return sqlerrm;
            when others then return sqlstate;
        end $$";
    let instant = now().to_rfc3339();
    let opening = format!("begin; {sql}; {attempt}; set local jit = off; set local app.now = '{instant}'");
    owner.execute(AssertSqlSafe(opening)).await.unwrap();
}

/// What somebody is let do to a table in the open transaction: neither nothing was found nor the right was denied. What fails
/// otherwise was let through: policies are asked before constraints.
async fn permits(owner: &mut PgConnection, asker: &Asker, attempts: &[Attempt]) -> Permits {
    let opening = format!("set local role {}; set local app.viewer = '{}'", asker.role, asker.viewer);
    owner.execute(AssertSqlSafe(opening)).await.unwrap();
    let statements: Vec<&str> = attempts.iter().map(|attempt| attempt.sql.as_str()).collect();
    let outcomes: Vec<String> = sqlx::query_scalar(
        "select public.attempt(statement) from unnest($1::text[]) with ordinality a (statement, nth) order by nth",
    )
    .bind(&statements)
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    owner.execute("reset role").await.unwrap();
    let mut permits = Permits::new();
    for (attempt, outcome) in attempts.iter().zip(&outcomes) {
        assert!(
            !["42601", "42703", "42P01", "42883"].contains(&outcome.as_str()),
            "{outcome}: {}",
            attempt.sql
        );
        if !["0", "42501"].contains(&outcome.as_str()) {
            // Where a role may not say which rows, it is all that it can reach.
            *permits.entry((attempt.command, attempt.whose.clone())).or_default() +=
                if outcome.len() < 5 { outcome.parse().unwrap() } else { 1 };
        }
    }
    permits
}

#[tokio::test]
async fn whoever_writes_may_do_this_and_no_more() {
    let world = small();
    let (_database, mut owner) = held(&world).await;
    let attempts = attempts(&mut owner, &world).await;
    begin(&mut owner, "select").await;
    let mut text = String::new();
    let mut tried = 0;
    for ((role, table), attempts) in &attempts {
        writeln!(text, "{table} as {role}").unwrap();
        for asker in askers(&world).iter().filter(|asker| asker.role == *role) {
            let mut by_command: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            tried += attempts.len();
            for ((command, whose), count) in permits(&mut owner, asker, attempts).await {
                by_command.entry(command).or_default().push(format!("{whose} ({count})"));
            }
            for (command, whose) in by_command {
                writeln!(text, "    {}: {command} {}", asker.who, whose.join(", ")).unwrap();
            }
        }
    }
    size::tried("attempts to write past the gateway", tried);
    insta::assert_snapshot!(text);
}
