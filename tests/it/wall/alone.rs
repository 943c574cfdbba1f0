//! What the policies of the roles that write let through by themselves: without the triggers and the missing rights that stand
//! beside them. A list that a review sees change, as that of `permits` is; `write_mutants` breaks each policy and looks whether it does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use posture_gateway::domain::user::ViewerKind;
use posture_gateway::store::seed::{Membership, World};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use uuid::Uuid;

use super::besides::{BESIDES, KNOWN, VIEWER, instead_of, made_up, world};
use super::builder::now;
use super::permits::{ROLES, held, labels, named, strings};
use crate::support::database::TestDatabase;
use crate::support::size;

type Row = Map<String, Value>;

/// Rows of a table that are tried.
const ROWS: usize = 32;
/// Those whose other columns are tried, too: each is another's.
const VARIED: usize = 12;
/// People of whom others say the same.
const AS_GOOD_AS_ANOTHER: &[&str] = &[
    "key of OPERATOR of Alder",
    "key of OPERATOR of Cedar",
    "READ_ONLY of Crown",
    "disabled PLATFORM_ADMIN",
    "READ_ONLY of Dune",
];

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
    async fn add(&mut self, name: &str, label: &dyn Fn(&Row) -> String) {
        let table = Table::read(&mut self.owner, name).await;
        let attempts = self.attempts.entry(name.to_owned()).or_default();
        for (mut attempt, was, becomes) in table.attempts(label) {
            attempt.id = sqlx::query_scalar(
                "insert into tries.attempts select coalesce(max(id), 0) + 1, $1, $2::jsonb, $3 from tries.attempts returning id",
            )
            .bind(attempt.command)
            .bind(was)
            .bind(becomes)
            .fetch_one(&mut self.owner)
            .await
            .unwrap();
            attempts.push(attempt);
        }
        self.owner.execute(AssertSqlSafe(table.function())).await.unwrap();
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

/// What is known of a table.
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
    /// The columns that hold ids.
    ids: Vec<String>,
    /// Those that a policy of a role that writes asks.
    asked: Vec<String>,
    rows: Vec<Row>,
    /// The ids that [`instead_of`] names.
    known: Vec<(String, String)>,
}

impl Table {
    async fn read(owner: &mut PgConnection, name: &str) -> Self {
        let of = |what: &str| {
            format!(
                "select attname::text from pg_attribute a where attrelid = '{name}'::regclass and attnum > 0 and not attisdropped
                   and {what} order by attnum"
            )
        };
        let key = of(
            "exists (select from pg_index i where i.indrelid = a.attrelid and i.indisprimary and attnum = any (i.indkey))",
        );
        let asked = of(&format!(
            "exists (select from pg_policies where tablename = '{name}' and roles::text[] && '{{{}}}'
                       and concat(qual, with_check) ~ ('\\m' || attname || '\\M'))",
            ROLES.join(",")
        ));
        let rows = strings(owner, format!("select to_jsonb(t)::text from {name} t order by 1")).await;
        assert!(!rows.is_empty(), "nothing is tried of `{name}`: give the world a row of it");
        Self {
            name: name.to_owned(),
            columns: strings(owner, of("attgenerated = ''")).await,
            key: strings(owner, key).await,
            ids: strings(owner, of("atttypid = 'uuid'::regtype")).await,
            asked: strings(owner, asked).await,
            rows: rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect(),
            known: sqlx::query_as(KNOWN).fetch_all(owner).await.unwrap(),
        }
    }

    /// A row with what the patch says.
    fn patched(&self, row: &Row, patch: &Value) -> Row {
        let mut becomes = row.clone();
        for (column, value) in
            patch.as_object().unwrap().iter().filter(|(column, _)| row.contains_key(*column))
        {
            let id = self.known.iter().find(|(name, _)| value == name);
            becomes.insert(column.clone(), id.map_or_else(|| value.clone(), |(_, id)| json!(id)));
        }
        becomes
    }

    /// The row with another value in a column, one for each that is worth a try.
    fn varied(&self, row: &Row, column: &str) -> impl Iterator<Item = Row> {
        let mut values = made_up(column);
        values.push(Value::Null);
        if self.ids.iter().any(|id| id == column) {
            values.push(json!(VIEWER));
            let others: BTreeSet<&str> = self.rows.iter().filter_map(|row| row[column].as_str()).collect();
            let others = others.into_iter().filter(|other| row[column] != *other).take(2);
            values.extend(others.map(|other| json!(other)));
            values.extend((values.len() < 3).then(|| json!(Uuid::nil())));
        }
        values.into_iter().map(move |value| {
            let mut other = row.clone();
            other.insert(column.to_owned(), value);
            other
        })
    }

    /// What is tried, with the row that it is about and what it shall be.
    fn attempts(&self, label: &dyn Fn(&Row) -> String) -> Vec<(Attempt, String, String)> {
        let mut all = Vec::new();
        let (mut seen, mut labelled) = (BTreeSet::new(), BTreeSet::new());
        for was in self.rows.iter().take(ROWS) {
            let (text, whose) = (json!(was).to_string(), label(was));
            let mut add = |command: &'static str, becomes: Option<&Row>, column: Option<&String>| {
                let (was, whose) = match becomes {
                    Some(new) if command == "insert" => ("{}", label(new)),
                    _ => (text.as_str(), whose.clone()),
                };
                let becomes = json!(becomes.unwrap_or(&Row::new())).to_string();
                if seen.insert((command, was.to_owned(), becomes.clone())) {
                    let attempt = Attempt { id: 0, command, whose, column: column.cloned() };
                    all.push((attempt, was.to_owned(), becomes));
                }
            };
            for command in ["select", "lock", "delete"] {
                add(command, None, None);
            }
            add("insert", Some(was), None);
            let is_varied = labelled.len() < VARIED && labelled.insert(label(was));
            for patch in instead_of(&self.name) {
                let becomes = self.patched(was, &patch);
                for command in ["insert", "update"] {
                    add(command, Some(&becomes), None);
                    for column in self.asked.iter().filter(|_| is_varied) {
                        self.varied(&becomes, column)
                            .for_each(|other| add(command, Some(&other), Some(column)));
                    }
                }
            }
        }
        all
    }

    fn function(&self) -> String {
        let of = |prefix: &str, columns: &[String]| {
            columns.iter().map(|column| format!("{prefix}.{column}")).collect::<Vec<_>>().join(", ")
        };
        FUNCTION
            .replace("TABLE", &self.name)
            .replace("COLUMNS", &self.columns.join(", "))
            .replace("BECOMES", &of("becomes", &self.columns))
            .replace("KEY", &format!("({}) = ({})", of("t", &self.key), of("was", &self.key)))
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
            if role == "posture_ingest" && user.kind != ViewerKind::Scanner && !who.starts_with("ADMIN of B")
            {
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
        // Where one thing more and another one less is let through, no count below says so.
        let digest = Sha256::digest(tried.lets.iter().map(|&lets| u8::from(lets)).collect::<Vec<_>>());
        let digest = u32::from_be_bytes(*digest.first_chunk().unwrap());
        writeln!(text, "{} as {}: {}, digest {digest:08x}", group.table, group.role, group.command).unwrap();
        let mut let_through: BTreeMap<(i32, &str, &str), BTreeMap<&str, usize>> = BTreeMap::new();
        for ((asker, attempt), _) in alone.of(&group).zip(&tried.lets).filter(|(_, lets)| **lets) {
            let by_whose = let_through.entry((asker.id, &asker.who, attempt.command)).or_default();
            *by_whose.entry(&attempt.whose).or_default() += 1;
        }
        for ((_, who, command), by_whose) in let_through {
            let whose: Vec<_> = by_whose.iter().map(|(whose, count)| format!("{whose} ({count})")).collect();
            writeln!(text, "    {who}: {command} {}", whose.join(", ")).unwrap();
        }
    }
    size::tried("attempts against policies alone", count);
    insta::assert_snapshot!(text);
}
