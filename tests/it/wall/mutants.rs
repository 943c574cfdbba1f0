//! The test of the tests: each policy and each rule of the second wall is broken in turn, and the matrix must notice.
//!
//! Every break is made and rolled back in one transaction of the owner, lowered to the gateway's role for the looking.

use std::time::Instant;

use posture_gateway::store::seed::World;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::builder::now;
use super::expected::Gate;
use super::matrix::hold;
use super::observed::{RELATIONS, Shown, difference, read};
use super::worlds::exhaustive;

/// Functions that a policy may ask, by what they answer: each is tried in the place of each other.
const KEYS: &[&str] = &[
    "gate.enabled_viewer()",
    "gate.admin_partner()",
    "gate.operator_partner()",
    "gate.own_organisation()",
    "gate.own_accesses()",
    "gate.own_commercial()",
    "NULL::uuid",
];
const LISTS: &[&str] = &[
    "gate.assigned_accesses()",
    "gate.partner_customers()",
    "gate.met_partners()",
    "gate.posture_customers()",
    "gate.activity_customers()",
    "gate.security_customers()",
    "'{}'::uuid[]",
];
const TRUTHS: &[&str] = &["gate.is_platform_admin()", "true", "false"];

/// Breaks that change nothing, by how they begin: the own partner is among those that `met_partners` finds, and asked for
/// first because that is cheaper.
const EQUIVALENT: &[&str] = &["partners: gate.admin_partner() ->", "partners: gate.operator_partner() ->"];

/// Rules inside the functions: what stands there, and what is put in its place.
const RULES: &[(&str, &str, &str)] = &[
    ("enabled_viewer", "u.disabled_at is null", "true"),
    ("admin_partner", "u.disabled_at is null", "true"),
    ("admin_partner", "p.role = 'ADMIN'", "true"),
    ("admin_partner", "'ADMIN'", "'OPERATOR'"),
    ("operator_partner", "u.disabled_at is null", "true"),
    ("operator_partner", "'OPERATOR'", "'ADMIN'"),
    ("is_platform_admin", "u.disabled_at is null", "true"),
    ("is_platform_admin", "u.kind = 'PLATFORM_ADMIN'", "true"),
    ("is_platform_admin", "'PLATFORM_ADMIN'", "'SCANNER'"),
    ("own_customer", "u.disabled_at is null", "true"),
    ("own_customer", "m.role = any (roles)", "true"),
    ("own_customer", "c.portal_access >= portal", "true"),
    ("own_customer", "c.portal_access >= portal", "c.portal_access > portal"),
    ("own_organisation", "ADMIN,READ_ONLY", "ADMIN"),
    ("own_organisation", "(0)::smallint", "(1)::smallint"),
    ("own_accesses", "'{ADMIN}'::text[], (0)::smallint", "'{ADMIN}'::text[], (1)::smallint"),
    ("own_accesses", "'{READ_ONLY}'::text[], (1)::smallint", "'{READ_ONLY}'::text[], (0)::smallint"),
    ("own_accesses", "'{READ_ONLY}'::text[], (1)::smallint", "'{READ_ONLY}'::text[], (2)::smallint"),
    ("own_commercial", "ADMIN,READ_ONLY", "ADMIN"),
    ("own_commercial", "(1)::smallint", "(0)::smallint"),
    ("own_commercial", "(1)::smallint", "(2)::smallint"),
    ("assigned_accesses", "o.user_id = gate.viewer_id()", "true"),
    ("assigned_accesses", "a.partner_id = gate.operator_partner()", "gate.operator_partner() is not null"),
    ("assigned_accesses", "and a.id = o.access_id", ""),
    ("partner_customers", "where a.partner_id = administered", ""),
    ("partner_customers", "o.user_id = gate.viewer_id()", "true"),
    ("partner_customers", "a.partner_id = gate.operator_partner()", "gate.operator_partner() is not null"),
    ("met_partners", "p.parent_id = b.id", "p.id = b.id"),
    ("met_partners", "p.parent_id is not null", "false"),
    (
        "met_partners",
        "select p.parent_id from public.partners p where p.id = own and",
        "select p.id from public.partners p where",
    ),
    ("met_partners", "where a.customer_id = customer", ""),
    (
        "partner_sees",
        "a.partner_id = coalesce(administered, operated)",
        "coalesce(administered, operated) is not null",
    ),
    ("partner_sees", "coalesce(administered, operated)", "administered"),
    ("partner_sees", "administered is not null\n", "true\n"),
    ("partner_sees", "o.customer_id = a.customer_id and o.access_id = a.id", "o.customer_id = a.customer_id"),
    ("partner_sees", "and o.user_id = gate.viewer_id()", ""),
    ("partner_sees", "a.status = 'ACTIVE' or ", ""),
    ("partner_sees", "or a.status = 'TRIAL' and instant < a.trial_ends_at", ""),
    ("partner_sees", "or a.status = 'TRIAL' and instant < a.trial_ends_at", "or a.status = 'TRIAL'"),
    ("partner_sees", "a.status = 'TRIAL' and instant < a.trial_ends_at", "instant < a.trial_ends_at"),
    ("partner_sees", "instant < a.trial_ends_at", "instant <= a.trial_ends_at"),
    ("partner_sees", "a.status = 'ACTIVE' or", "a.status in ('ACTIVE', 'SUSPENDED') or"),
    ("partner_sees", "a.status = 'ACTIVE' or", "a.status in ('ACTIVE', 'ENDED') or"),
    ("partner_sees", "a.operating_model = any (models)", "true"),
    ("partner_sees", "a.privilege_ceiling >= needed", "true"),
    ("partner_sees", "a.privilege_ceiling >= needed", "a.privilege_ceiling > needed"),
    ("partner_sees", "and a.customer_consent - case", "or a.customer_consent - case"),
    ("partner_sees", "then 0 else 1 end", "then 0 else 0 end"),
    ("partner_sees", "then 0 else 1 end", "then 0 else 2 end"),
    ("partner_sees", "instant < a.consent_until", "instant <= a.consent_until"),
    ("partner_sees", "a.consent_until is null or", ""),
    ("posture_customers", "CO_MANAGED,FULLY_MANAGED", "FULLY_MANAGED"),
    ("posture_customers", "CO_MANAGED,FULLY_MANAGED", "CO_MANAGED"),
    ("posture_customers", "CO_MANAGED,FULLY_MANAGED", "CUSTOMER_MANAGED,CO_MANAGED,FULLY_MANAGED"),
    ("posture_customers", "FULLY_MANAGED}'::text[], (1)::smallint", "FULLY_MANAGED}'::text[], (0)::smallint"),
    ("posture_customers", "FULLY_MANAGED}'::text[], (1)::smallint", "FULLY_MANAGED}'::text[], (2)::smallint"),
    (
        "posture_customers",
        "ADMIN,READ_ONLY}'::text[], (1)::smallint",
        "ADMIN,READ_ONLY}'::text[], (0)::smallint",
    ),
    ("posture_customers", "ADMIN,READ_ONLY", "ADMIN"),
    ("activity_customers", "CO_MANAGED,FULLY_MANAGED", "FULLY_MANAGED"),
    ("activity_customers", "'{ADMIN}'", "'{ADMIN,READ_ONLY}'"),
    ("activity_customers", "{ADMIN}'::text[], (1)::smallint", "{ADMIN}'::text[], (0)::smallint"),
    ("activity_customers", "{ADMIN}'::text[], (1)::smallint", "{ADMIN}'::text[], (2)::smallint"),
    ("security_customers", "{FULLY_MANAGED", "{CO_MANAGED,FULLY_MANAGED"),
    (
        "security_customers",
        "FULLY_MANAGED}'::text[], (2)::smallint",
        "FULLY_MANAGED}'::text[], (1)::smallint",
    ),
    ("security_customers", "'{ADMIN}'", "'{ADMIN,READ_ONLY}'"),
    ("security_customers", "{ADMIN}'::text[], (2)::smallint", "{ADMIN}'::text[], (1)::smallint"),
];

/// A break: what it is called, the SQL that makes it, and the relations that it touches.
struct Break {
    name: String,
    sql: String,
    relations: Vec<(&'static str, &'static str)>,
}

/// Every policy for the gateway's role: dropped, opened, and asking each other function in turn.
async fn policies(owner: &mut PgConnection) -> Vec<Break> {
    let policies: Vec<(String, String, String)> = sqlx::query_as(
        "select tablename::text, policyname::text, qual from pg_policies where 'posture_gateway' = any (roles) order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    assert_eq!(policies.len(), RELATIONS.len(), "one policy a relation");
    let mut breaks = Vec::new();
    for (table, policy, rule) in policies {
        let relation = *RELATIONS.iter().find(|(relation, _)| *relation == table).unwrap();
        let mut add = |name: String, sql: String| breaks.push(Break { name, sql, relations: vec![relation] });
        add(format!("{table}: dropped"), format!("drop policy {policy} on {table}"));
        let alter = |rule: &str| format!("alter policy {policy} on {table} using ({rule})");
        add(format!("{table}: open to all"), alter("true"));
        add(
            format!("{table}: row security switched off"),
            format!("alter table {table} disable row level security"),
        );
        for family in [KEYS, LISTS, TRUTHS] {
            for asked in family.iter().filter(|asked| rule.contains(**asked)) {
                for other in family.iter().filter(|other| *other != asked) {
                    add(format!("{table}: {asked} -> {other}"), alter(&rule.replace(asked, other)));
                }
            }
        }
    }
    breaks
}

/// Every rule of [`RULES`], broken.
async fn rules(owner: &mut PgConnection) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (function, rule, instead) in RULES {
        let definition: String = sqlx::query_scalar(
            "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'gate'::regnamespace and proname = $1",
        )
        .bind(function)
        .fetch_one(&mut *owner)
        .await
        .unwrap();
        assert!(definition.contains(rule), "`{rule}` does not stand in {definition}");
        breaks.push(Break {
            name: format!("{function}: {rule} -> {instead}"),
            sql: definition.replace(rule, instead),
            relations: RELATIONS.to_vec(),
        });
    }
    breaks
}

/// Whether some viewer sees another world than the gate shows them.
async fn is_noticed(owner: &mut PgConnection, made: &Break, due: &[(String, Shown)]) -> bool {
    let opening = format!(
        "begin; {}; set local role posture_gateway; set local app.now = '{}'",
        made.sql,
        now().to_rfc3339()
    );
    owner.execute(AssertSqlSafe(opening)).await.unwrap();
    let mut noticed = false;
    for (viewer, shown) in due {
        owner.execute(AssertSqlSafe(format!("set local app.viewer = '{viewer}'"))).await.unwrap();
        if difference(shown, &read(owner, &made.relations).await).is_some() {
            noticed = true;
            break;
        }
    }
    owner.execute("rollback").await.unwrap();
    noticed
}

/// The breaks that nobody noticed.
async fn unnoticed(world: &World, owner: &mut PgConnection, breaks: &[Break]) -> Vec<String> {
    let gate = Gate::of(world);
    let due: Vec<_> =
        gate.viewers().iter().map(|(user, viewer)| (user.to_string(), gate.shows(viewer.as_ref()))).collect();
    let unbroken =
        Break { name: "nothing".to_owned(), sql: "select".to_owned(), relations: RELATIONS.to_vec() };
    assert!(!is_noticed(owner, &unbroken, &due).await, "a difference without any break");

    let start = Instant::now();
    let mut unnoticed = Vec::new();
    for made in breaks {
        if !is_noticed(owner, made, &due).await {
            unnoticed.push(made.name.clone());
        }
    }
    println!("{} breaks tried, {} unnoticed, {:?}", breaks.len(), unnoticed.len(), start.elapsed());
    unnoticed
}

#[tokio::test]
async fn every_broken_policy_is_noticed() {
    let world = exhaustive();
    let (database, _) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let breaks = policies(&mut owner).await;
    let equivalent: Vec<_> = breaks
        .iter()
        .map(|made| made.name.clone())
        .filter(|name| EQUIVALENT.iter().any(|begin| name.starts_with(begin)))
        .collect();
    assert_eq!(unnoticed(&world, &mut owner, &breaks).await, equivalent);
}

#[tokio::test]
async fn every_broken_rule_is_noticed() {
    let world = exhaustive();
    let (database, _) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let breaks = rules(&mut owner).await;
    assert_eq!(unnoticed(&world, &mut owner, &breaks).await, [] as [&str; 0]);
}
