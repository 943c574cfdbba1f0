//! Every right that the gateway's roles and PUBLIC have, and every column that the gateway reads, as lists that a review sees change.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::expected::CLASSES;
use crate::support::database::TestDatabase;
use crate::support::size;

/// What is granted on relations, columns, schemas, functions, types, the database, settings, large objects, servers and
/// by default; owners aside, who need no grant.
const GRANTS: &str = "
    with granted as (
        select c.relowner as owner, acl.*, format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass) as object
        from pg_class c, aclexplode(c.relacl) acl
        where c.relnamespace in ('public'::regnamespace, 'gate'::regnamespace)
        union all
        select c.relowner, acl.*, format('column %s.%s', c.oid::regclass, a.attname)
        from pg_attribute a join pg_class c on c.oid = a.attrelid, aclexplode(a.attacl) acl
        where c.relnamespace in ('public'::regnamespace, 'gate'::regnamespace)
        union all
        select p.proowner, acl.*, format('function %s', p.oid::regprocedure)
        from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) acl
        where p.pronamespace in ('public'::regnamespace, 'gate'::regnamespace)
        union all
        select t.typowner, acl.*, format('type %s', t.oid::regtype)
        from pg_type t, aclexplode(t.typacl) acl
        where t.typnamespace in ('public'::regnamespace, 'gate'::regnamespace)
        union all
        select n.nspowner, acl.*, format('schema %s', n.nspname)
        from pg_namespace n, aclexplode(n.nspacl) acl
        where n.nspname in ('public', 'gate')
        union all
        select d.defaclrole, acl.*, format('default for %s', d.defaclobjtype)
        from pg_default_acl d, aclexplode(d.defaclacl) acl
        union all
        select d.datdba, acl.*, 'this database'
        from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) acl
        where d.datname = current_database()
        union all
        select 0, acl.*, format('setting %s', p.parname) from pg_parameter_acl p, aclexplode(p.paracl) acl
        union all
        select l.lomowner, acl.*, format('large object %s', l.oid)
        from pg_largeobject_metadata l, aclexplode(l.lomacl) acl
        union all
        select s.srvowner, acl.*, format('server %s', s.srvname)
        from pg_foreign_server s, aclexplode(s.srvacl) acl
    )
    select case grantee when 0 then 'PUBLIC' else grantee::regrole::text end,
           lower(privilege_type) || case when is_grantable then ' with grant option' else '' end,
           object
    from granted where grantee <> owner
    order by 1, 2, 3";

async fn grants(connection: &mut PgConnection) -> String {
    let rows: Vec<(String, String, String)> = sqlx::query_as(GRANTS).fetch_all(connection).await.unwrap();
    let (mut text, mut before) = (String::new(), None);
    for (grantee, right, object) in rows {
        if before.as_ref() != Some(&(grantee.clone(), right.clone())) {
            writeln!(text, "{grantee} may {right}").unwrap();
        }
        writeln!(text, "    {object}").unwrap();
        before = Some((grantee, right));
    }
    text
}

#[tokio::test]
async fn there_are_no_grants_but_these() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let grants = grants(&mut owner).await;
    size::tried("grants that are on the list", grants.lines().filter(|line| line.starts_with(' ')).count());
    insta::assert_snapshot!(grants);
}

#[tokio::test]
async fn a_grant_too_many_shows() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let before = grants(&mut owner).await;
    for sql in [
        "grant update on accesses to posture_gateway",
        "grant update (status) on accesses to posture_gateway",
        "grant select on scanner_customers to public",
        "grant execute on function gate.apply_assets(uuid, integer) to posture_ingest",
        "grant create on schema gate to posture_gateway",
        "grant select on customers to posture_gateway with grant option",
        "create function gate.planted() returns int language sql as 'select 1'",
        "create sequence planted; grant usage on sequence planted to posture_ingest",
        "alter default privileges in schema public grant select on tables to posture_gateway",
        "do $$ begin execute format('grant create on database %I to posture_gateway', current_database()); end $$",
        "grant set on parameter session_replication_role to posture_gateway",
        "select lo_create(4711); grant select on large object 4711 to posture_gateway",
    ] {
        owner.execute(AssertSqlSafe(format!("begin; {sql}"))).await.unwrap();
        let after = grants(&mut owner).await;
        owner.execute("rollback").await.unwrap();
        assert_ne!(after, before, "{sql}");
    }
}

/// Every column that the gateway may read, by relation: with the class that opens the relation's rows where they are a customer's alone. A
/// right on a whole table is one on each column that it is given later, and nothing else would ask which class that one has.
async fn readable(connection: &mut PgConnection) -> String {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select c.oid::regclass::text, a.attname::text
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'f')
           and has_column_privilege('posture_gateway', c.oid, a.attnum, 'select')
         order by 1, a.attnum",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    let (mut text, mut before) = (String::new(), None);
    for (relation, column) in rows {
        if before.as_ref() != Some(&relation) {
            match CLASSES.iter().find(|(own, _)| *own == relation) {
                Some((_, class)) => writeln!(text, "{relation}, {class}").unwrap(),
                None => writeln!(text, "{relation}").unwrap(),
            }
        }
        writeln!(text, "    {relation}.{column}").unwrap();
        before = Some(relation);
    }
    text
}

#[tokio::test]
async fn the_gateway_reads_no_columns_but_these() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let readable = readable(&mut owner).await;
    size::tried(
        "columns that the gateway reads that are on the list",
        readable.lines().filter(|line| line.starts_with(' ')).count(),
    );
    insta::assert_snapshot!(readable);
}

#[tokio::test]
async fn a_column_too_many_shows() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let before = readable(&mut owner).await;
    for (sql, is_read) in [
        ("alter table findings add planted text", true),
        ("alter table findings rename title to planted", true),
        ("create table planted (id uuid); grant select (id) on planted to posture_gateway", true),
        ("grant select (secret_hash) on api_keys to posture_gateway", true),
        // Of these tables the gateway reads some columns alone, or none.
        ("alter table api_keys add planted text", false),
        ("alter table scanner_customers add planted text", false),
    ] {
        owner.execute(AssertSqlSafe(format!("begin; {sql}"))).await.unwrap();
        let after = readable(&mut owner).await;
        owner.execute("rollback").await.unwrap();
        assert_eq!(after != before, is_read, "{sql}");
    }
}
