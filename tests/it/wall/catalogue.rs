//! What holds of every relation, constraint, function and role, asked of the real catalogue: a new table cannot be
//! forgotten. Each check is shown to find the fault that it is there for.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use crate::support::database::TestDatabase;
use crate::support::size;

/// A question to the catalogue, which says of each thing that it looks at whether it is wrong.
struct Check {
    name: &'static str,
    looks_at: Things,
    /// A row for each thing: what it is called, and whether it is wrong. Null is not.
    things: &'static str,
    /// The faults that are none, each with its reason beside it. A stale one fails the test.
    exceptions: &'static [&'static str],
    /// SQL that makes a fault, and the fault.
    plants: &'static [(&'static str, &'static str)],
}

/// What a check looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Things {
    /// Relations, their policies, and roles: the wall itself.
    OfTheWall,
    Others,
}

/// Partitions are tables of their own: asked past their parent, only their own policies count.
const CHECKS: &[Check] = &[
    Check {
        // The checks below look at these two.
        name: "there are no schemas but `public` and `gate`",
        looks_at: Things::Others,
        things: "select nspname::text, nspname not in ('public', 'gate', 'pg_catalog', 'information_schema', 'pg_toast')
                 from pg_namespace where nspname !~ '^pg_(toast_)?temp_[0-9]+$'",
        exceptions: &[],
        plants: &[("create schema planted", "planted")],
    },
    Check {
        name: "row security is enabled and forced",
        looks_at: Things::OfTheWall,
        things: "select oid::regclass::text, not (relrowsecurity and relforcerowsecurity) from pg_class
                 where relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and relkind in ('r', 'p')",
        // The migrator's own; no role of the gateway has a right to it.
        exceptions: &["_sqlx_migrations"],
        plants: &[
            ("create table planted (customer_id uuid)", "planted"),
            ("alter table pricing no force row level security", "pricing"),
            ("alter table pricing disable row level security", "pricing"),
            (
                "create table planted (customer_id uuid) partition by hash (customer_id);
                 alter table planted enable row level security; alter table planted force row level security;
                 create table planted_0 partition of planted for values with (modulus 1, remainder 0)",
                "planted_0",
            ),
        ],
    },
    Check {
        name: "every table has a policy",
        looks_at: Things::OfTheWall,
        things: "select oid::regclass::text, not exists (select from pg_policy p where p.polrelid = c.oid) from pg_class c
                 where relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and relkind in ('r', 'p')",
        exceptions: &["_sqlx_migrations"],
        plants: &[
            ("create table planted (customer_id uuid)", "planted"),
            ("drop policy reads on plans", "plans"),
        ],
    },
    Check {
        name: "no policy lets everything through",
        looks_at: Things::OfTheWall,
        things: "select format('%s on %s', polname, polrelid::regclass),
                        not polpermissive
                        or pg_get_expr(polqual, polrelid) = 'true'
                        or pg_get_expr(polwithcheck, polrelid) = 'true'
                        or 0 = any (polroles)
                 from pg_policy
                 where not (polroles <@ array['posture_policy'::regrole::oid, 'posture_rollup'::regrole::oid,
                                                'posture_audit'::regrole::oid])",
        exceptions: &[],
        plants: &[
            ("alter policy reads on findings using (true)", "reads on findings"),
            ("alter policy scans on customer_audit_events with check (true)", "scans on customer_audit_events"),
            ("create policy planted on findings using (customer_id is null)", "planted on findings"),
        ],
    },
    Check {
        name: "the gateway's own policies only read",
        looks_at: Things::OfTheWall,
        things: "select format('%s on %s', polname, polrelid::regclass), polcmd <> 'r' from pg_policy
                 where 'posture_gateway'::regrole::oid = any (polroles)",
        exceptions: &[],
        plants: &[(
            "create policy planted on findings to posture_gateway using (customer_id is null)",
            "planted on findings",
        )],
    },
    Check {
        name: "views ask as the one who looks, and nothing is kept outside of row security",
        looks_at: Things::OfTheWall,
        things: "select oid::regclass::text,
                        relkind = 'v' and not coalesce('security_invoker=true' = any (reloptions), false) or relkind in ('m', 'f')
                 from pg_class
                 where relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and relkind in ('r', 'p', 'v', 'm', 'f')",
        exceptions: &[],
        plants: &[
            ("create view planted as select * from findings", "planted"),
            ("create view planted with (security_barrier = true) as select * from findings", "planted"),
            ("create materialized view planted as select * from findings", "planted"),
        ],
    },
    Check {
        name: "customer_id is never null",
        looks_at: Things::OfTheWall,
        things: "select attrelid::regclass::text, not attnotnull from pg_attribute join pg_class c on c.oid = attrelid
                 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attname = 'customer_id'",
        // A partner's event may be about no customer.
        exceptions: &["partner_audit_events"],
        plants: &[("alter table customer_users drop constraint customer_users_pkey cascade;
                    alter table customer_users alter customer_id drop not null", "customer_users")],
    },
    Check {
        name: "every primary key and unique index of a tenant table has customer_id first",
        looks_at: Things::Others,
        things: "select i.indexrelid::regclass::text, i.indkey[0] <> a.attnum
                 from pg_index i join pg_class c on c.oid = i.indrelid and c.relnamespace = 'public'::regnamespace
                 join pg_attribute a on a.attrelid = c.oid and a.attname = 'customer_id'
                 where i.indisunique
                 union all
                 select c.oid::regclass || ' has no primary key', true
                 from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'customer_id'
                 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                   and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)",
        exceptions: &[
            // A key signs in by its hash alone, and acts as one user, whatever customer it is of.
            "api_keys_secret_hash_key",
            "api_keys_user_key",
            // A user belongs to one customer, which a key with customer_id first would not say.
            "customer_users_user_key",
            // The partner's, not a customer's: it only names the customer that an event is about.
            "partner_audit_events_pkey",
            "partner_audit_events_seq_key",
            // A link is found by its secret's hash, before anyone knows whose it is.
            "posture_shares_secret_hash_key",
        ],
        plants: &[
            ("create table planted (id uuid primary key, customer_id uuid)", "planted_pkey"),
            ("create table planted (customer_id uuid)", "planted has no primary key"),
            ("create unique index planted on findings (id)", "planted"),
        ],
    },
    Check {
        name: "every foreign key between tenant tables has customer_id first on both sides",
        looks_at: Things::Others,
        things: "select k.conname::text, k.conkey[1] <> a.attnum or k.confkey[1] <> b.attnum
                 from pg_constraint k
                 join pg_attribute a on a.attrelid = k.conrelid and a.attname = 'customer_id'
                 join pg_attribute b on b.attrelid = k.confrelid and b.attname = 'customer_id'
                 where k.contype = 'f'",
        exceptions: &[],
        plants: &[(
            "alter table assets add constraint assets_id_key unique (id);
             alter table findings add constraint planted foreign key (asset_id) references assets (id)",
            "planted",
        )],
    },
    Check {
        name: "a tenant table refers to nothing but tenant tables",
        looks_at: Things::Others,
        things: "select k.conname::text,
                        not exists (select from pg_attribute b where b.attrelid = k.confrelid and b.attname = 'customer_id')
                 from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and a.attname = 'customer_id'
                 where k.contype = 'f'",
        // Partners and the people who sign in are nobody's tenants.
        exceptions: &[
            "accesses_partner_fkey",
            "customer_audit_events_partner_fkey",
            "customer_users_user_fkey",
            "customers_created_by_fkey",
            "finding_history_partner_fkey",
            "operator_assignments_user_fkey",
            "partner_audit_events_partner_fkey",
            "quotes_currency_fkey",
            "scanner_customers_user_fkey",
            "scans_leased_by_fkey",
            "subscriptions_currency_fkey",
        ],
        plants: &[(
            "alter table evidence add owner uuid constraint planted references users",
            "planted",
        )],
    },
    Check {
        name: "constraints are named after their table and what they are",
        looks_at: Things::Others,
        things: "select k.conname::text,
                        k.conname !~ format('^%s_(.+_)?%s$', c.relname, case k.contype
                            when 'p' then 'pkey' when 'u' then 'key' when 'f' then 'fkey' when 'c' then 'check' end)
                 from pg_constraint k join pg_class c on c.oid = k.conrelid and c.relnamespace = 'public'::regnamespace
                 where c.relname not like '\\_sqlx%'",
        exceptions: &[],
        plants: &[("alter table findings add constraint planted check (true)", "planted")],
    },
    Check {
        // Roles are the whole server's: beside them are those that PostgreSQL brings, the one who made the server, and what `roles` and
        // `connections` make for themselves.
        name: "there are no roles but the gateway's",
        looks_at: Things::OfTheWall,
        things: "select rolname::text,
                        rolname not in ('posture_audit', 'posture_gateway', 'posture_ingest', 'posture_policy', 'posture_rollup',
                                        'posture_share', 'posture_transparency', 'posture_worker', 'posture_writer')
                 from pg_roles where oid <> 10 and rolname !~ '^(pg_.*|wall_.*|connections_test)$'",
        exceptions: &[],
        plants: &[
            ("create role analytics", "analytics"),
            ("create role posture_analytics", "posture_analytics"),
            ("create role analytics superuser", "analytics"),
        ],
    },
    Check {
        name: "no role of the gateway is powerful",
        looks_at: Things::OfTheWall,
        things: "select rolname::text,
                        rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit
                        or rolcanlogin and rolname <> 'posture_gateway'
                 from pg_roles where rolname like 'posture\\_%'",
        exceptions: &[],
        plants: &[
            ("alter role posture_gateway bypassrls", "posture_gateway"),
            ("alter role posture_policy superuser", "posture_policy"),
            ("alter role posture_ingest createrole", "posture_ingest"),
            ("alter role posture_rollup login", "posture_rollup"),
            ("alter role posture_gateway inherit", "posture_gateway"),
        ],
    },
    Check {
        name: "no role of the gateway owns a relation, a type or a schema",
        looks_at: Things::Others,
        things: "select format('%s owns %s', relowner::regrole, oid::regclass), relowner::regrole::text like 'posture\\_%' from pg_class
                 union all
                 select format('%s owns %s', typowner::regrole, oid::regtype), typowner::regrole::text like 'posture\\_%' from pg_type
                 union all
                 select format('%s owns %s', nspowner::regrole, nspname), nspowner::regrole::text like 'posture\\_%' from pg_namespace",
        exceptions: &[],
        plants: &[
            ("alter table pricing owner to posture_gateway", "posture_gateway owns pricing"),
            ("create view planted as select 1; alter view planted owner to posture_policy", "posture_policy owns planted"),
            ("alter schema gate owner to posture_rollup", "posture_rollup owns gate"),
        ],
    },
    Check {
        // Both ways: who becomes the gateway is as the gateway is.
        name: "nobody becomes another role",
        looks_at: Things::Others,
        things: "select format('%s of %s', member::regrole, roleid::regrole), true from pg_auth_members
                 where not (member::regrole::text like 'pg\\_%' and roleid::regrole::text like 'pg\\_%')
                   and member::regrole::text !~ '^(wall_.*|connections_test)$'",
        exceptions: &[
            // The one who migrates hands functions over to these.
            "postgres of posture_audit",
            "postgres of posture_policy",
            "postgres of posture_rollup",
            // The gateway's transactions lower themselves to these.
            "posture_gateway of posture_ingest",
            "posture_gateway of posture_share",
            "posture_gateway of posture_transparency",
            "posture_gateway of posture_worker",
            "posture_gateway of posture_writer",
        ],
        plants: &[
            ("create role analytics login bypassrls; grant posture_gateway to analytics", "analytics of posture_gateway"),
            ("create role analytics; grant analytics to posture_gateway", "posture_gateway of analytics"),
            ("create role analytics; grant pg_read_all_data to analytics", "analytics of pg_read_all_data"),
            ("grant posture_rollup to posture_gateway", "posture_gateway of posture_rollup"),
            ("grant pg_read_all_data to posture_ingest", "posture_ingest of pg_read_all_data"),
        ],
    },
    Check {
        name: "audit logs only ever grow",
        looks_at: Things::Others,
        things: "select format('%s may %s %s', r.rolname, p, c.oid::regclass),
                        has_table_privilege(r.oid, c.oid, p) or p = 'update' and has_any_column_privilege(r.oid, c.oid, p)
                 from pg_class c, pg_roles r, unnest('{update,delete,truncate}'::text[]) p
                 where (c.relname like '%audit_events' or c.relname = 'access_records') and c.relkind in ('r', 'p')
                   and r.rolname like 'posture\\_%'",
        exceptions: &[],
        plants: &[
            (
                "grant update (reason) on customer_audit_events to posture_ingest",
                "posture_ingest may update customer_audit_events",
            ),
            (
                "grant delete on partner_audit_events to public",
                "posture_gateway may delete partner_audit_events",
            ),
            ("grant update on access_records to posture_writer", "posture_writer may update access_records"),
            (
                "create role posture_analytics; grant truncate on access_records to posture_analytics",
                "posture_analytics may truncate access_records",
            ),
        ],
    },
    Check {
        name: "functions with their owner's rights have an empty search path and a powerless owner",
        looks_at: Things::Others,
        things: "select oid::regprocedure::text,
                        proconfig is distinct from array['search_path=\"\"']
                        or proowner::regrole::text not in ('posture_policy', 'posture_rollup', 'posture_audit')
                 from pg_proc
                 where pronamespace in ('public'::regnamespace, 'gate'::regnamespace) and prosecdef",
        exceptions: &[],
        plants: &[
            ("alter function gate.admin_partner() reset search_path", "gate.admin_partner()"),
            ("alter function gate.admin_partner() set search_path = public", "gate.admin_partner()"),
            (
                "create function gate.planted() returns int language sql security definer set search_path = '' as 'select 1'",
                "gate.planted()",
            ),
        ],
    },
    Check {
        // PostgreSQL runs a leakproof function on rows before their policy is asked.
        name: "no function is run before the policies",
        looks_at: Things::Others,
        things: "select oid::regprocedure::text, proleakproof from pg_proc
                 where pronamespace in ('public'::regnamespace, 'gate'::regnamespace)",
        exceptions: &[],
        plants: &[("alter function gate.admin_partner() leakproof", "gate.admin_partner()")],
    },
    Check {
        // A rule runs with the rights of the table's owner.
        name: "no rule rewrites what is asked of a table",
        looks_at: Things::Others,
        things: "select format('%s on %s', r.rulename, r.ev_class::regclass), c.relkind <> 'v' or r.rulename <> '_RETURN'
                 from pg_rewrite r join pg_class c on c.oid = r.ev_class
                 where c.relnamespace in ('public'::regnamespace, 'gate'::regnamespace)",
        exceptions: &[],
        plants: &[("create rule planted as on update to pricing do instead nothing", "planted on pricing")],
    },
    Check {
        // For instance `row_security`, `search_path`, `session_replication_role`, or the viewer itself.
        name: "neither a role of the gateway nor the database brings settings along",
        looks_at: Things::Others,
        things: "select format('%s: %s', case setrole when 0 then 'all' else setrole::regrole::text end, s), true
                 from pg_db_role_setting, unnest(setconfig) s
                 where setdatabase in (0, (select oid from pg_database where datname = current_database()))
                   and (setrole = 0 or setrole::regrole::text like 'posture\\_%')",
        exceptions: &[],
        plants: &[
            ("alter role posture_gateway set row_security = off", "posture_gateway: row_security=off"),
            (
                "do $$ begin execute format('alter database %I set app.viewer = %L', current_database(), 'x'); end $$",
                "all: app.viewer=x",
            ),
        ],
    },
    Check {
        // What is published leaves the database past every policy.
        name: "nothing is published",
        looks_at: Things::Others,
        things: "select pubname::text, true from pg_publication",
        exceptions: &[],
        plants: &[("create publication planted for table findings", "planted")],
    },
];

/// What a check looks at, and what of it is wrong.
async fn look(connection: &mut PgConnection, check: &Check) -> (Vec<String>, Vec<String>) {
    let things: Vec<(String, Option<bool>)> =
        sqlx::query_as(check.things).fetch_all(connection).await.unwrap_or_else(|error| {
            panic!("{}: {error}", check.name);
        });
    let mut faults: Vec<String> = things
        .iter()
        .filter(|(_, is_wrong)| is_wrong.unwrap_or_default())
        .map(|(name, _)| name.clone())
        .collect();
    faults.sort();
    (things.into_iter().map(|(name, _)| name).collect(), faults)
}

#[tokio::test]
async fn the_catalogue_holds() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let (mut of_the_wall, mut others) = (BTreeSet::new(), BTreeSet::new());
    for check in CHECKS {
        let (things, faults) = look(&mut owner, check).await;
        assert_eq!(faults, check.exceptions, "{}", check.name);
        if check.looks_at == Things::OfTheWall {
            assert!(!things.is_empty(), "{}: nothing was looked at", check.name);
            of_the_wall.extend(things);
        } else {
            others.extend(things);
        }
    }
    size::tried("relations, views, policies and roles of the catalogue looked at", of_the_wall.len());
    size::tried("other things of the catalogue looked at", others.len());
}

/// Each fault is planted in a transaction that is rolled back.
#[tokio::test]
async fn every_check_finds_its_fault() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let (mut checks, mut planted) = (0, 0);
    for check in CHECKS {
        assert!(!check.plants.is_empty(), "{}", check.name);
        for (sql, fault) in check.plants {
            owner.execute(AssertSqlSafe(format!("begin; {sql}"))).await.unwrap();
            let (_, found) = look(&mut owner, check).await;
            owner.execute("rollback").await.unwrap();
            assert!(found.iter().any(|found| found == fault), "{}: {sql}: found {found:?}", check.name);
            planted += 1;
        }
        checks += 1;
    }
    size::tried("checks of the catalogue that find their fault", checks);
    size::tried("faults of the catalogue planted and found", planted);
}
