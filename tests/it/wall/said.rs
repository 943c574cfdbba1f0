//! What people, programs and triggers are told by the functions of the database, and what they may do by them: asked in one world, before
//! and after something is broken. What is done stands in `attempts`.

use posture_gateway::store::seed::World;
use sqlx::error::DatabaseError;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::attempts::{CHANGES, MORE_CHANGES, guarded};
use super::besides::BESIDES;
use super::builder::now;
use super::observed::RELATIONS;
use super::permits::{held, strings};
use crate::support::database::TestDatabase;

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

/// What functions tell apart: a customer whose own partner's access has ended and two others' have not; shares that no longer work; keys
/// that were revoked, or whose user is disabled; an address in capitals.
const BESIDES_FUNCTIONS: &str = "
    create function pg_temp.partner(called text) returns uuid language sql return (select id from partners where name = called);
    create function pg_temp.former_operator() returns uuid language sql return
        (select m.user_id from partner_users m join users u on u.id = m.user_id and not u.is_service
         where m.partner_id = pg_temp.partner('Birch') and m.role = 'OPERATOR'
           and m.user_id not in (select user_id from operator_assignments where customer_id = pg_temp.customer('Dune')));
    create function pg_temp.gone_admin() returns uuid language sql return
        (select m.user_id from partner_users m join users u on u.id = m.user_id
         where m.partner_id = pg_temp.partner('Birch') and m.role = 'ADMIN' and u.disabled_at is not null);
    insert into accesses
        select n.* from accesses a, (values ('Birch', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 20), ('Alder', '00000000-0000-0000-0000-000000000001', 10)) x (partner, id, days),
            jsonb_populate_record(a, jsonb_build_object('id', x.id, 'partner_id', pg_temp.partner(x.partner),
                                                        'created_at', timestamptz 'NOW' - x.days * interval '1 day')) n
        where a.customer_id = pg_temp.customer('Dune');
    update accesses set status = 'ENDED', ended_at = 'NOW', operating_model = 'FULLY_MANAGED'
        where customer_id = pg_temp.customer('Dune') and partner_id = pg_temp.partner('Cedar');
    update accesses set created_at = timestamptz 'NOW' - case status when 'ENDED' then interval '1 day' else '40 days' end
        where customer_id = pg_temp.customer('Bolt') and (status = 'ENDED' or partner_id = pg_temp.partner('Cedar'));
    insert into operator_assignments
        select customer_id, id, pg_temp.former_operator() from accesses where customer_id = pg_temp.customer('Bolt') and status = 'ENDED';
    insert into posture_shares (customer_id, id, label, created_at, expires_at, revoked_at, created_by, created_by_id, secret_hash)
        select pg_temp.customer('Bolt'), pg_temp.id(hash), 'label', 'NOW', timestamptz 'NOW' + until, timestamptz 'NOW' + revoked, 'text', maker,
               decode(md5(hash) || md5(hash), 'hex')
        from (values ('by one who is gone', pg_temp.gone_admin(), interval '1 hour', null::interval),
                     ('by one who was assigned', pg_temp.former_operator(), '1 hour', null),
                     ('revoked', pg_temp.member('Birch', 'ADMIN'), '1 hour', '0'),
                     ('over', pg_temp.member('Birch', 'ADMIN'), '0', null)) s (hash, maker, until, revoked);
    update api_keys set secret_hash = decode(repeat('44', 32), 'hex'), revoked_at = 'NOW'
        where (customer_id, id) = (select customer_id, id from api_keys where user_id is not null and secret_hash is null order by 1, 2 limit 1);
    update partner_api_keys set secret_hash = decode(repeat('55', 32), 'hex'), revoked_at = 'NOW'
        where id = (select id from partner_api_keys where secret_hash is null order by 1 limit 1);
    update partner_api_keys set secret_hash = decode(repeat('66', 32), 'hex'), revoked_at = null
        where id = (select id from partner_api_keys where secret_hash is null order by 1 limit 1);
    update users set disabled_at = 'NOW' where id = (select user_id from partner_api_keys where secret_hash = decode(repeat('66', 32), 'hex'));
    insert into users (id, kind, name, created_at) values (pg_temp.id('hired'), 'PARTNER_USER', 'Hired', 'NOW');
    update users set email = 'Mixed@example.com' where id = pg_temp.member('Cedar', 'ADMIN')";

/// What the links of shares hash to.
const HASHES: [&str; 7] = [
    "by an ADMIN",
    "by an OPERATOR",
    "by its own",
    "by one who is gone",
    "by one who was assigned",
    "revoked",
    "over",
];

/// Ids that somebody who may not read them names.
const NAMED: &str = "
    select '@' || lower(name) as name, customer_id as id from customers
    union all select '@' || lower(name), id from partners
    union all select '@' || lower(c.name) || '''s ' || lower(m.role), pg_temp.member(c.name, m.role) from customer_users m join customers c using (customer_id) group by 1, 2
    union all select '@' || lower(p.name) || '''s ' || lower(m.role), pg_temp.member(p.name, m.role) from partner_users m join partners p on p.id = m.partner_id group by 1, 2
    union all select '@' || lower(p.name) || '''s key', k.user_id from partner_api_keys k join partners p on p.id = k.partner_id
    union all select '@' || lower(c.name) || '''s key', m.user_id from customer_users m join customers c using (customer_id)
              join users u on u.id = m.user_id and u.is_service
    union all select '@birch''s assigned', o.user_id from operator_assignments o where o.customer_id = pg_temp.customer('Dune')
    union all select '@birch''s former', pg_temp.former_operator()
    union all select '@birch''s gone', pg_temp.gone_admin()
    union all select '@hired', pg_temp.id('hired')";

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
    pub(super) fn new(about: About, before: String, query: String) -> Self {
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
    pub(super) async fn new(world: &World) -> (TestDatabase, Self) {
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
