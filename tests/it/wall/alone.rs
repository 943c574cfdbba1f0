//! What the policies of the roles that write let through by themselves: without the triggers and the missing rights that stand
//! beside them. A list that a review sees change, as that of `permits` is; `write_mutants` breaks each policy and looks whether it does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::TimeDelta;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::builder::now;
use super::permits::{ROLES, held, labels, named, small, strings};
use crate::support::database::TestDatabase;
use crate::support::size;

type Row = Map<String, Value>;

/// Rows of a table that are tried.
const ROWS: usize = 32;
/// Those whose other columns are tried, too: each is another's.
const VARIED: usize = 12;
/// Stand in a row for the id of whoever tries, and for that of their partner.
const VIEWER: &str = "@viewer";
const PARTNER: &str = "@partner";

/// People of whom others say the same.
const AS_GOOD_AS_ANOTHER: &[&str] =
    &["key of OPERATOR of Alder", "key of OPERATOR of Cedar", "READ_ONLY of Crown", "disabled PLATFORM_ADMIN", "READ_ONLY of Dune"];

/// What the world has besides: schedules that are due and others, scans in every state of the queue, keys of people's rows, shares that
/// were revoked, an access that has ended, and an operator whom somebody assigned to some of it and, past all rules, to another partner's.
const BESIDES: &str = "
    update scan_schedules s
        set enabled = c.name <> 'Crown', next_run_at = timestamptz 'NOW' + case c.name when 'Bolt' then interval '1 hour' else '-1 hour' end
        from customers c where c.customer_id = s.customer_id and c.name <> 'Elm';
    insert into scans (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at, attempts, lease_expires_at)
        select s.customer_id, md5(s.id::text || x.*::text)::uuid, 'text', x.trigger, x.status, 'NOW',
               case x.trigger when 'SCHEDULED' then s.id end, case x.trigger when 'SCHEDULED' then s.next_run_at end,
               x.attempts, timestamptz 'NOW' + x.lease
        from scan_schedules s, (values ('SCHEDULED', 'QUEUED', null::smallint, null::interval), ('MANUAL', 'QUEUED', null, null),
                                       ('MANUAL', 'QUEUED', 3, '-1 hour'), ('MANUAL', 'RUNNING', 2, '-1 hour'),
                                       ('MANUAL', 'RUNNING', 3, '1 hour'), ('MANUAL', 'FAILED', 3, '-1 hour'),
                                       ('MANUAL', 'SUCCEEDED', 3, '-1 hour')) x (trigger, status, attempts, lease)
        where s.next_run_at is not null;
    insert into scan_schedules
        select n.* from scan_schedules s, jsonb_populate_record(s, jsonb_build_object('id', md5(s.id::text), 'next_run_at', null)) n;
    insert into scan_schedule_targets
        select n.* from scan_schedule_targets t,
                        jsonb_populate_record(t, jsonb_build_object('scan_schedule_id', md5(t.scan_schedule_id::text))) n;
    insert into api_keys (customer_id, id, user_id, label, last_four, created_at)
        select customer_id, md5(user_id::text)::uuid, user_id, 'label', 'text', 'NOW' from customer_users;
    insert into posture_shares (customer_id, id, label, created_at, expires_at, revoked_at, created_by)
        select customer_id, md5(customer_id::text)::uuid, 'label', 'NOW', 'NOW', 'NOW', 'text' from customers;
    insert into accesses
        select n.* from accesses a,
                        jsonb_populate_record(a, jsonb_build_object('id', md5(a.id::text), 'status', 'ENDED', 'ended_at', timestamptz 'NOW')) n
        where a.customer_name = 'Bolt' and a.operating_model = 'FULLY_MANAGED';
    delete from operator_assignments where customer_id = (select customer_id from customers where name = 'Crown');
    insert into operator_assignments
        select a.customer_id, a.id, o.user_id from accesses a, (select distinct user_id from operator_assignments) o where a.customer_name = 'Dune'";

/// The ids that patches name.
const KNOWN: &str = "
    select '@' || lower(name), customer_id::text from customers
    union all select '@' || lower(name), id::text from partners
    union all select '@' || lower(c.name) || '''s ' || lower(m.role), min(m.user_id::text)
              from customer_users m join customers c using (customer_id) join users u on u.id = m.user_id and not u.is_service group by 1
    union all select '@' || lower(p.name) || '''s ' || lower(m.role), min(m.user_id::text)
              from partner_users m join partners p on p.id = m.partner_id join users u on u.id = m.user_id and not u.is_service group by 1
    union all select '@due', s.id::text
              from scan_schedules s join customers c using (customer_id) where c.name = 'Acme' and s.next_run_at is not null";

/// What is written instead of a row's own, by table: as the one who tries would write it, and as they may not.
fn instead_of(table: &str) -> Vec<Value> {
    let (now, secret) = (now(), format!("\\x{}", "11".repeat(32)));
    let author =
        |partner: Value| json!({"created_by_id": VIEWER, "created_by_partner": partner, "revoked_at": null});
    let actor = |partner: Value| json!({"actor_id": VIEWER, "partner_id": partner});
    match table {
        "accesses" => vec![
            json!({"status": "ACTIVE", "trial_started_at": null, "privilege_ceiling": 1, "customer_consent": 1}),
            json!({"status": "TRIAL", "operating_model": "CUSTOMER_MANAGED", "privilege_ceiling": 1, "customer_consent": 1}),
        ],
        "api_keys" | "partner_api_keys" => {
            vec![json!({"secret_hash": secret, "revoked_at": null}), json!({"revoked_at": now})]
        }
        "customer_audit_events" => vec![
            actor(json!(PARTNER)),
            actor(Value::Null),
            json!({"actor_id": null, "partner_id": null, "action": "scan.requested"}),
            json!({"actor_id": null, "partner_id": null, "action": "scan.failed"}),
        ],
        "customer_users" => vec![json!({}), json!({"customer_id": "@elm", "role": "ADMIN"})],
        "evidence" | "evidence_files" => vec![author(json!(PARTNER)), author(Value::Null)],
        "posture_shares" => {
            vec![author(json!(PARTNER)), author(Value::Null), json!({"revoked_at": now})]
        }
        "finding_history" => vec![actor(json!(PARTNER)), actor(Value::Null)],
        "operator_assignments" => {
            vec![json!({}), json!({"user_id": "@birch's admin"}), json!({"user_id": "@cedar's admin"})]
        }
        "partner_audit_events" => vec![
            json!({"action": "pricing.changed", "customer_id": null}),
            json!({"partner_id": "@fir", "customer_id": null}),
        ],
        "partner_users" => vec![json!({"partner_id": "@fir", "role": "ADMIN"})],
        "quotes" => vec![json!({"accepted_at": null}), json!({"accepted_at": now})],
        "scan_schedules" => vec![json!({"enabled": true, "next_run_at": "2030-01-01T00:00:00Z"})],
        "scans" => vec![
            json!({"trigger": "MANUAL", "status": "QUEUED"}),
            json!({"status": "CANCELED"}),
            json!({"status": "FAILED"}),
            json!({"customer_id": "@acme", "trigger": "SCHEDULED", "status": "QUEUED", "schedule_id": "@due",
                   "due_at": now - TimeDelta::hours(1)}),
        ],
        "users" => vec![
            json!({"kind": "CUSTOMER_USER", "disabled_at": null}),
            json!({"kind": "PARTNER_USER", "disabled_at": null}),
            json!({"id": "@bolt's admin"}),
        ],
        _ => vec![json!({})],
    }
}

/// What a column may hold that no row of the world holds.
fn made_up(column: &str) -> Vec<Value> {
    match column {
        "status" => vec![json!("SUSPENDED"), json!("RUNNING")],
        "version" | "customer_consent" | "privilege_ceiling" => vec![json!(2)],
        "operating_model" | "trial_elected_model" => vec![json!("CO_MANAGED")],
        "role" => vec![json!("ADMIN"), json!("READ_ONLY")],
        "portal_access" => vec![json!(0), json!(1)],
        _ if column.ends_with("_at") => vec![json!(now())],
        _ => Vec::new(),
    }
}

/// One thing that is tried: its number in the database, and whose the row is.
struct Attempt {
    id: i32,
    command: &'static str,
    whose: String,
    /// The column of which it tries another value.
    column: Option<String>,
}

/// Somebody who tries: their number in the database, and the role that they are lowered to.
struct Asker {
    id: i32,
    role: &'static str,
    who: String,
}

/// What is tried together: the commands of the policies of one table for one role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) table: String,
    pub(super) role: String,
    /// The policies': `ALL` of them or one.
    pub(super) command: String,
}

/// The attempts of a group, each by each asker of its role, and what came of it.
pub(super) struct Tried {
    askers: Vec<i32>,
    attempts: Vec<i32>,
    pub(super) lets: Vec<bool>,
}

/// The world in its database, with every right granted to the roles.
pub(super) struct Alone {
    _database: TestDatabase,
    owner: PgConnection,
    askers: Vec<Asker>,
    attempts: BTreeMap<String, Vec<Attempt>>,
    /// The columns that policies of a group ask.
    asked: BTreeMap<Group, Vec<String>>,
}

/// The small world of `permits` with programs that are ADMINs.
fn world() -> World {
    let mut world = small();
    let partner = world.partners.iter().find(|row| row.name == "Birch").unwrap().id;
    let customer = world.customers.iter().find(|row| row.name == "Acme").unwrap().customer_id;
    let keys = [1, 2].map(|nth| UserId(deterministic_id("alone", nth)));
    for (id, kind) in keys.into_iter().zip([ViewerKind::PartnerUser, ViewerKind::CustomerUser]) {
        world.users.push(seed::User {
            id,
            kind,
            name: "User".to_owned(),
            email: None,
            disabled_at: None,
            created_at: now(),
            is_service: true,
        });
    }
    world.memberships.push(Membership::Partner(partner, keys[0], PartnerRole::Admin));
    world.memberships.push(Membership::Customer(customer, keys[1], CustomerRole::Admin));
    world
}

impl Alone {
    pub(super) async fn new() -> Self {
        let world = world();
        let (database, mut owner) = held(&world).await;
        let opening = format!(
            "{}; create schema tries;
             grant usage on schema tries to {roles}; grant all on all tables in schema public to {roles};
             create table tries.askers (id int primary key, viewer text, partner text);
             create table tries.attempts (id int primary key, command text, was jsonb, becomes text);
             grant select on all tables in schema tries to {roles}",
            BESIDES.replace("NOW", &now().to_rfc3339()),
            roles = ROLES.join(", "),
        );
        owner.execute(AssertSqlSafe(opening)).await.unwrap();
        let askers = askers(&mut owner, &world).await;
        let mut alone =
            Self { _database: database, owner, askers, attempts: BTreeMap::new(), asked: BTreeMap::new() };
        let label = labels(&world);
        let groups: Vec<(String, String, String, Vec<String>)> = sqlx::query_as(
            "select tablename::text, role, cmd,
                    coalesce(array_agg(distinct attname::text) filter (where concat(qual, with_check) ~ ('\\m' || attname || '\\M')), '{}')
             from pg_policies, unnest(roles::text[]) role, pg_attribute
             where role = any ($1) and attrelid = tablename::regclass and attnum > 0 and not attisdropped
             group by 1, 2, 3",
        )
        .bind(&ROLES[..])
        .fetch_all(&mut alone.owner)
        .await
        .unwrap();
        for (table, role, command, asked) in groups {
            if !alone.attempts.contains_key(&table) {
                alone.add(&table, &label).await;
            }
            alone.asked.insert(Group { table, role, command }, asked);
        }
        alone.owner.execute("analyze").await.unwrap();
        alone
    }

    pub(super) fn owner(&mut self) -> &mut PgConnection {
        &mut self.owner
    }

    /// Thinks of what is tried on a table, and makes the function that does.
    async fn add(&mut self, table: &str, label: &dyn Fn(&Row) -> String) {
        let owner = &mut self.owner;
        let of = |what: &str| {
            format!(
                "select attname::text from pg_attribute a where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
                   and {what} order by attnum"
            )
        };
        let columns = strings(owner, of("attgenerated = ''")).await;
        let key = of("exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and attnum = any (i.indkey))");
        let key = strings(owner, key).await;
        // Those that a policy asks.
        let asked = format!(
            "exists (select from pg_policies where tablename = '{table}' and roles::text[] && '{{{}}}'
                       and concat(qual, with_check) ~ ('\\m' || attname || '\\M'))",
            ROLES.join(",")
        );
        let asked = strings(owner, of(&asked)).await;
        let ids = strings(owner, of("atttypid = 'uuid'::regtype")).await;
        let known: Vec<(String, String)> = sqlx::query_as(KNOWN).fetch_all(&mut *owner).await.unwrap();
        let rows = strings(owner, format!("select to_jsonb(t)::text from {table} t order by 1")).await;
        let rows: Vec<Row> = rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert!(!rows.is_empty(), "nothing is tried of `{table}`: give the world a row of it");

        let mut seen = BTreeSet::new();
        let mut labelled = BTreeSet::new();
        let mut all = Vec::new();
        for was in rows.iter().take(ROWS) {
            let mut add = |command: &'static str, becomes: &Row, column: Option<&String>| {
                let is_new = command == "insert";
                let old = if is_new { json!({}) } else { Value::Object(was.clone()) };
                let becomes = if ["insert", "update"].contains(&command) { becomes } else { &Row::new() };
                let what = (command, old.to_string(), Value::Object(becomes.clone()).to_string());
                if seen.insert(what.clone()) {
                    let whose = label(if is_new { becomes } else { was });
                    all.push((Attempt { id: 0, command, whose, column: column.cloned() }, what.1, what.2));
                }
            };
            add("select", was, None);
            add("delete", was, None);
            add("lock", was, None);
            let is_first = labelled.len() < VARIED && labelled.insert(label(was));
            add("insert", was, None);
            for patch in instead_of(table) {
                let mut becomes = was.clone();
                for (column, value) in patch.as_object().unwrap() {
                    if was.contains_key(column) {
                        let id = known.iter().find(|(name, _)| value == name);
                        becomes.insert(column.clone(), id.map_or_else(|| value.clone(), |(_, id)| json!(id)));
                    }
                }
                add("insert", &becomes, None);
                add("update", &becomes, None);
                for column in asked.iter().filter(|_| is_first) {
                    let mut values = made_up(column);
                    values.push(Value::Null);
                    if ids.contains(column) {
                        values.push(json!(VIEWER));
                        let others: BTreeSet<&str> = rows.iter().filter_map(|row| row[column].as_str()).collect();
                        let others = others.into_iter().filter(|other| becomes[column] != *other).take(2);
                        values.extend(others.map(|other| json!(other)));
                        values.extend((values.len() < 3).then(|| json!(uuid::Uuid::nil())));
                    }
                    for value in values {
                        let mut other = becomes.clone();
                        other.insert(column.clone(), value);
                        add("insert", &other, Some(column));
                        add("update", &other, Some(column));
                    }
                }
            }
        }
        let mut attempts = Vec::new();
        for (mut attempt, was, becomes) in all {
            attempt.id = sqlx::query_scalar(
                "insert into tries.attempts select coalesce(max(id), 0) + 1, $1, $2::jsonb, $3 from tries.attempts returning id",
            )
            .bind(attempt.command)
            .bind(was)
            .bind(becomes)
            .fetch_one(&mut *owner)
            .await
            .unwrap();
            attempts.push(attempt);
        }
        self.attempts.insert(table.to_owned(), attempts);
        let prefixed = |prefix: &str, columns: &[String]| {
            columns.iter().map(|column| format!("{prefix}.{column}")).collect::<Vec<_>>().join(", ")
        };
        let function = FUNCTION
            .replace("TABLE", table)
            .replace("COLUMNS", &columns.join(", "))
            .replace("BECOMES", &prefixed("becomes", &columns))
            .replace("KEY", &format!("({}) = ({})", prefixed("t", &key), prefixed("was", &key)));
        owner.execute(AssertSqlSafe(function)).await.unwrap();
    }

    /// Every group that there is a policy for.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.asked.keys().cloned().collect()
    }

    fn of(&self, group: &Group) -> impl Iterator<Item = (&Asker, &Attempt)> {
        let (attempts, columns) = (&self.attempts[&group.table], &self.asked[group]);
        self.askers.iter().filter(|asker| asker.role == group.role).flat_map(|asker| {
            let is_asked = |attempt: &&Attempt| {
                let asked = if attempt.command == "lock" { "update" } else { attempt.command };
                (group.command == "ALL" || group.command.eq_ignore_ascii_case(asked))
                    && attempt.column.as_ref().is_none_or(|column| columns.contains(column))
            };
            attempts.iter().filter(is_asked).map(move |attempt| (asker, attempt))
        })
    }

    /// Tries everything of a group.
    pub(super) async fn tried(&mut self, group: &Group) -> Tried {
        let (askers, attempts) = self.of(group).map(|(asker, attempt)| (asker.id, attempt.id)).unzip();
        let mut tried = Tried { askers, attempts, lets: Vec::new() };
        tried.lets = self.lets(group, "select", &tried).await.unwrap();
        tried
    }

    /// What is let through after `sql`, in the order of what is tried, until the first that is not as `tried` says; an error
    /// where there is nothing such as `sql`.
    pub(super) async fn lets(
        &mut self,
        group: &Group,
        sql: &str,
        tried: &Tried,
    ) -> Result<Vec<bool>, sqlx::Error> {
        let Group { table, role, command } = group;
        // An UPDATE that reads nothing asks no policy for SELECT: so that it can name its row, here none is in its way.
        let open = if ["UPDATE", "DELETE"].contains(&command.as_str()) {
            format!("create policy open_to_all on {table} for select to {role} using (true)")
        } else {
            String::new()
        };
        let opening = format!(
            "begin; {sql}; {open}; set local jit = off; set local session_replication_role = replica;
             set local app.now = '{}'; set local role {role}",
            now().to_rfc3339()
        );
        let outcome = match self.owner.execute(AssertSqlSafe(opening)).await {
            Ok(_) => Ok(sqlx::query_scalar(AssertSqlSafe(format!("select tries.{table}($1, $2, $3)")))
                .bind(&tried.askers)
                .bind(&tried.attempts)
                .bind(&tried.lets)
                .fetch_one(&mut self.owner)
                .await
                .unwrap()),
            Err(error) => Err(error),
        };
        self.owner.execute("rollback").await.unwrap();
        outcome
    }
}

impl Tried {
    /// One thing for each who is let do anything.
    pub(super) fn first(&self) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        (0..self.lets.len()).filter(|&nth| self.lets[nth] && seen.insert(self.askers[nth])).collect()
    }

    /// The same, with what anybody is let do first: it is what others may be let do next.
    pub(super) fn likely_first(&self) -> Self {
        let let_through: BTreeSet<i32> =
            self.attempts.iter().zip(&self.lets).filter(|(_, lets)| **lets).map(|(id, _)| *id).collect();
        let first: Vec<usize> =
            (0..self.lets.len()).filter(|&nth| let_through.contains(&self.attempts[nth])).collect();
        self.beginning_with(&first)
    }

    /// The same, with some of it first.
    pub(super) fn beginning_with(&self, first: &[usize]) -> Self {
        let is_first = BTreeSet::from_iter(first);
        let rest = (0..self.lets.len()).filter(|nth| !is_first.contains(nth));
        let order: Vec<usize> = first.iter().copied().chain(rest).collect();
        Self {
            askers: order.iter().map(|&nth| self.askers[nth]).collect(),
            attempts: order.iter().map(|&nth| self.attempts[nth]).collect(),
            lets: order.iter().map(|&nth| self.lets[nth]).collect(),
        }
    }
}

/// Tries what is asked of a table until something else comes of it than is due. Neither found nothing nor was refused is let
/// through, and what a constraint refuses was: policies are asked first.
const FUNCTION: &str = "
    create function tries.TABLE(askers int[], attempts int[], due bool[]) returns bool[] language plpgsql as $$
    declare
        a record;
        was public.TABLE;
        becomes public.TABLE;
        lets bool;
        outcomes bool[] := '{}';
    begin
        for nth in 1 .. cardinality(askers) loop
            select x.command, x.was, x.becomes, y.viewer, y.partner into strict a
                from tries.attempts x, tries.askers y where x.id = attempts[nth] and y.id = askers[nth];
            perform set_config('app.viewer', a.viewer, true);
            was := jsonb_populate_record(null::public.TABLE, a.was);
            becomes := jsonb_populate_record(null::public.TABLE,
                replace(replace(a.becomes, '\"@viewer\"', coalesce('\"' || nullif(a.viewer, '') || '\"', 'null')),
                        '\"@partner\"', coalesce('\"' || a.partner || '\"', 'null'))::jsonb);
            begin
                if a.command = 'select' then
                    perform from public.TABLE t where KEY;
                elsif a.command = 'lock' then
                    perform from public.TABLE t where KEY for update;
                elsif a.command = 'insert' then
                    insert into public.TABLE (COLUMNS) values (BECOMES);
                elsif a.command = 'update' then
                    update public.TABLE t set (COLUMNS) = row(BECOMES) where KEY;
                else
                    delete from public.TABLE t where KEY;
                end if;
                lets := found;
                raise exception using errcode = 'PT000';
            exception
                when sqlstate 'PT000' then null;
                when insufficient_privilege then lets := false;
                when integrity_constraint_violation then lets := true;
            end;
            outcomes := outcomes || lets;
            exit when nth <= cardinality(due) and lets is distinct from due[nth];
        end loop;
        return outcomes;
    end $$";

/// Everybody of the world, one of a kind, in the roles that they have anything to do with.
async fn askers(owner: &mut PgConnection, world: &World) -> Vec<Asker> {
    let mut all: Vec<Asker> = Vec::new();
    let mut add = |role: &'static str, who: String| {
        let is_new = !all.iter().any(|asker| asker.role == role && asker.who == who);
        if is_new {
            let id = i32::try_from(all.len()).unwrap();
            all.push(Asker { id, role, who });
        }
        is_new.then(|| all.len() - 1)
    };
    let mut rows = Vec::new();
    for role in ROLES {
        rows.extend(add(role, "nobody".to_owned()).map(|nth| (nth, String::new(), None)));
        // The worker has no viewer.
        for user in world.users.iter().filter(|_| role != "posture_worker") {
            let who = named(world, user.id, user.kind);
            let gone = if user.disabled_at.is_some() { "disabled " } else { "" };
            let key = if user.is_service { "key of " } else { "" };
            // To upload takes a scanner: of all others some are as good as all.
            if role == "posture_ingest" && user.kind != ViewerKind::Scanner && !who.starts_with("ADMIN of B") {
                continue;
            }
            let partner = world.memberships.iter().find_map(|membership| match *membership {
                Membership::Partner(of, member, _) if member == user.id => Some(of.to_string()),
                _ => None,
            });
            let who = format!("{gone}{key}{who}");
            if AS_GOOD_AS_ANOTHER.contains(&who.as_str()) {
                continue;
            }
            let nth = add(role, who);
            rows.extend(nth.map(|nth| (nth, user.id.to_string(), partner)));
        }
    }
    for (nth, viewer, partner) in rows {
        sqlx::query("insert into tries.askers values ($1, $2, $3)")
            .bind(i32::try_from(nth).unwrap())
            .bind(viewer)
            .bind(partner)
            .execute(&mut *owner)
            .await
            .unwrap();
    }
    all
}

#[tokio::test]
async fn the_policies_of_those_who_write_let_this_through_and_no_more() {
    let mut alone = Alone::new().await;
    let mut text = String::new();
    let mut count = 0;
    for group in alone.groups() {
        let tried = alone.tried(&group).await;
        count += tried.lets.len();
        writeln!(text, "{} as {}: {}", group.table, group.role, group.command).unwrap();
        let mut let_through: Vec<(&str, BTreeMap<&str, BTreeMap<&str, usize>>)> = Vec::new();
        for ((asker, attempt), _) in alone.of(&group).zip(&tried.lets).filter(|(_, lets)| **lets) {
            if let_through.last().is_none_or(|(who, _)| *who != asker.who) {
                let_through.push((&asker.who, BTreeMap::new()));
            }
            let (_, by_command) = let_through.last_mut().unwrap();
            *by_command.entry(attempt.command).or_default().entry(&attempt.whose).or_default() += 1;
        }
        for (who, by_command) in let_through {
            for (command, whose) in by_command {
                let whose: Vec<_> = whose.iter().map(|(whose, count)| format!("{whose} ({count})")).collect();
                writeln!(text, "    {who}: {command} {}", whose.join(", ")).unwrap();
            }
        }
    }
    size::tried("attempts against policies alone", count);
    insta::assert_snapshot!(text);
}
