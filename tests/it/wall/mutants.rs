//! The test of the tests: each policy and each rule of the second wall is broken in turn, and the matrix must notice.
//!
//! Every break is made and rolled back in one transaction of the owner, lowered to the gateway's role for the looking.

use std::collections::BTreeSet;

use posture_gateway::store::seed::World;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::builder::now;
use super::expected::Gate;
use super::function_mutants::{OF_OPERATE, OF_OTHERS};
use super::matrix::hold;
use super::observed::{RELATIONS, Shown, difference, read};
use super::worlds::exhaustive;
use super::write_mutants::OF_WRITERS;
use crate::support::database::TestDatabase;
use crate::support::size;

/// What stands in policies, by what it answers: each is tried in the place of each other, as is each column of ids in the place
/// of each other.
const FAMILIES: &[&[&str]] = &[
    &[
        "gate.enabled_viewer()",
        "gate.admin_partner()",
        "gate.operator_partner()",
        "gate.own_organisation()",
        "gate.own_accesses()",
        "gate.own_commercial()",
        "gate.own_posture()",
        "gate.own_activity()",
        "gate.own_security()",
        "NULL::uuid",
    ],
    &["gate.met_partners()", "'{}'::uuid[]"],
    &["gate.is_platform_admin()", "true", "false"],
    &["p.posture", "p.security_config", "true", "false"],
    &["EXISTS (", "false AND EXISTS (", "true OR EXISTS ("],
];

/// Breaks that change nothing, by how they begin.
const EQUIVALENT: &[&str] = &[
    // The own partner is among those that `met_partners` finds, and asked for first because that is cheaper.
    "partners: gate.admin_partner() ->",
    "partners: gate.operator_partner() ->",
    "partners: id -> parent_id, place 0",
    "partners: id -> parent_id, place 1",
    // COMMERCIAL and POSTURE open with the same portal.
    "own_commercial and own_posture: ",
    // The ids of accesses are unique; the customer leads to the index.
    "accesses: without (o.customer_id = accesses.customer_id)",
    "subscription_add_ons: without (o.customer_id = subscription_add_ons.customer_id)",
    "subscriptions: without (o.customer_id = subscriptions.customer_id)",
    "usage_alerts: without (o.customer_id = usage_alerts.customer_id)",
];

/// Rules inside the functions and the view: what stands there, and what is put in its place.
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
    ("own_posture", "ADMIN,READ_ONLY", "ADMIN"),
    ("own_posture", "(1)::smallint", "(0)::smallint"),
    ("own_posture", "(1)::smallint", "(2)::smallint"),
    ("own_activity", "ADMIN", "ADMIN,READ_ONLY"),
    ("own_activity", "(1)::smallint", "(0)::smallint"),
    ("own_activity", "(1)::smallint", "(2)::smallint"),
    ("own_security", "ADMIN", "ADMIN,READ_ONLY"),
    ("own_security", "(2)::smallint", "(1)::smallint"),
    ("is_security_event", "'customer.user_invited'::text, ", ""),
    ("is_security_event", "'customer.user_role_changed'::text, ", ""),
    ("is_security_event", "'customer.user_disabled'::text, ", ""),
    ("is_security_event", "'customer.user_enabled'::text, ", ""),
    ("is_security_event", "'customer.saml_changed'::text, ", ""),
    ("is_security_event", "'customer.api_key_created'::text, ", ""),
    ("is_security_event", ", 'customer.api_key_revoked'::text", ""),
    ("is_security_event", "RETURN (", "RETURN true OR ("),
    ("met_partners", "p.parent_id = b.id", "p.id = b.id"),
    ("met_partners", "p.parent_id is not null", "false"),
    (
        "met_partners",
        "select p.parent_id from public.partners p where p.id = own and",
        "select p.id from public.partners p where",
    ),
    ("met_partners", "where a.customer_id = customer", ""),
    ("partner_sees", "(a.status = 'ACTIVE'::text) OR ", ""),
    ("partner_sees", "a.status = 'ACTIVE'::text", "a.status in ('ACTIVE', 'SUSPENDED')"),
    ("partner_sees", "a.status = 'ACTIVE'::text", "a.status in ('ACTIVE', 'ENDED')"),
    ("partner_sees", "a.status = 'TRIAL'::text", "true"),
    ("partner_sees", "a.status = 'TRIAL'::text", "false"),
    ("partner_sees", "(( SELECT gate.instant() AS instant) < a.trial_ends_at)", "true"),
    ("partner_sees", "< a.trial_ends_at", "<= a.trial_ends_at"),
    ("partner_sees", "a.operating_model <> 'CUSTOMER_MANAGED'::text", "true"),
    ("partner_sees", "<> 'CUSTOMER_MANAGED'", "<> 'CO_MANAGED'"),
    ("partner_sees", "<> 'CUSTOMER_MANAGED'", "= 'FULLY_MANAGED'"),
    ("partner_sees", "a.operating_model = 'FULLY_MANAGED'::text", "true"),
    ("partner_sees", "= 'FULLY_MANAGED'", "<> 'CUSTOMER_MANAGED'"),
    ("partner_sees", "f.effective_privilege >= 1", "true"),
    ("partner_sees", "f.effective_privilege >= 1", "f.effective_privilege >= 2"),
    ("partner_sees", "f.effective_privilege >= 2", "true"),
    ("partner_sees", "f.effective_privilege >= 2", "f.effective_privilege >= 1"),
    ("partner_sees", "f.running AND (a.operating_model <>", "(a.operating_model <>"),
    ("partner_sees", "f.running AND (a.operating_model =", "(a.operating_model ="),
    ("partner_sees", "LEAST(", "GREATEST("),
    ("partner_sees", "(a.privilege_ceiling)::integer", "2"),
    ("partner_sees", "THEN 0", "THEN 1"),
    ("partner_sees", "ELSE 1", "ELSE 0"),
    ("partner_sees", "ELSE 1", "ELSE 2"),
    ("partner_sees", "(a.consent_until IS NULL) OR ", ""),
    ("partner_sees", "< a.consent_until", "<= a.consent_until"),
    ("partner_sees", "COALESCE(gate.admin_partner(), gate.operator_partner())", "gate.admin_partner()"),
    ("partner_sees", "COALESCE(gate.admin_partner(), gate.operator_partner())", "gate.operator_partner()"),
    ("partner_sees", "WHERE (a.partner_id", "WHERE true OR (a.partner_id"),
    ("partner_sees", "security_invoker = true", "security_invoker = false"),
];

/// Functions that no rule is about, each with the reason.
const NO_RULE: &[(&str, &str)] = &[
    ("viewer_id", "reads a setting; `matrix` asks with none, with a malformed one and with another's"),
    ("instant", "reads a setting; `matrix` asks without one, and at the ends of trials and consents"),
    (
        "tell_findings",
        "tells that something changed, and the gate is asked who sees it; `live` hears each change",
    ),
    ("tell_accesses", "as `tell_findings`"),
    ("tell_changed_accesses", "as `tell_findings`"),
    ("tell_users", "as `tell_findings`; `proof::staleness` hears streams end"),
];

/// One relation for each rule; every policy has been seen to ask the right one.
const SPEAKING: &[&str] = &[
    "accesses",
    "api_keys",
    "customer_audit_events",
    "customers",
    "gate.partner_sees",
    "findings",
    "partner_users",
    "partners",
    "subscriptions",
];

/// A break: what it is called, the SQL that makes it, and the relations that it touches.
struct Break {
    name: String,
    sql: String,
    relations: Vec<(&'static str, &'static str)>,
}

/// Every policy for the gateway's role: dropped, opened, and asking each other function in turn.
async fn policies(owner: &mut PgConnection) -> Vec<Break> {
    let policies: Vec<(String, String, String, Vec<String>)> = sqlx::query_as(
        "select tablename::text, policyname::text, qual,
                array(select attname::text from pg_attribute
                      where attrelid = format('%I.%I', schemaname, tablename)::regclass and atttypid = 'uuid'::regtype and attnum > 0
                      order by attnum)
         from pg_policies where 'posture_gateway' = any (roles) order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    // One for each relation but the view.
    assert_eq!(policies.len(), RELATIONS.len() - 1);
    let mut breaks = Vec::new();
    for (table, policy, rule, ids) in policies {
        let relation = *RELATIONS.iter().find(|(relation, _)| *relation == table).unwrap();
        let mut add = |name: String, sql: String| breaks.push(Break { name, sql, relations: vec![relation] });
        add(format!("{table}: dropped"), format!("drop policy {policy} on {table}"));
        let alter = |rule: &str| format!("alter policy {policy} on {table} using ({rule})");
        add(format!("{table}: open to all"), alter("true"));
        add(
            format!("{table}: row security switched off"),
            format!("alter table {table} disable row level security"),
        );
        for family in FAMILIES {
            for asked in family.iter().filter(|asked| rule.contains(**asked)) {
                for other in family.iter().filter(|other| *other != asked) {
                    let same = ["gate.own_commercial()", "gate.own_posture()"];
                    let note = if same.contains(asked) && same.contains(other) {
                        "own_commercial and own_posture: "
                    } else {
                        ""
                    };
                    add(format!("{note}{table}: {asked} -> {other}"), alter(&rule.replace(asked, other)));
                }
            }
        }
        for (what, broken) in other_columns(&rule, &table, &ids) {
            add(format!("{table}: {what}"), alter(&broken));
        }
        // An `exists` about any row, not those that have to do with the row in question.
        for (nth, tie) in rule.match_indices(&format!(" = {table}.")) {
            let start = rule[..nth].rfind('(').unwrap();
            let end = nth + tie.len() + rule[nth + tie.len()..].find(')').unwrap();
            let tied = &rule[start..=end];
            add(format!("{table}: without {tied}"), alter(&rule.replace(tied, "true")));
        }
    }
    breaks
}

/// Where a word stands in a rule by itself: no part of a longer one.
fn words<'r>(rule: &'r str, word: &'r str) -> impl Iterator<Item = usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    rule.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = rule[..*at].chars().next_back();
        let after = rule[at + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// A rule that asks another column of ids of its table, at each place and with each of them.
pub(super) fn other_columns(rule: &str, table: &str, ids: &[String]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for column in ids {
        // Alone, or with the table's name.
        for prefix in [String::new(), format!("{table}.")] {
            let asked = format!("{prefix}{column}");
            for (nth, at) in words(rule, &asked).enumerate() {
                for other in ids.iter().filter(|other| *other != column) {
                    let (before, after) = (&rule[..at], &rule[at + asked.len()..]);
                    all.push((
                        format!("{asked} -> {other}, place {nth}"),
                        format!("{before}{prefix}{other}{after}"),
                    ));
                }
            }
        }
    }
    all
}

/// A function or the view, made anew with something else in the place of a rule.
pub(super) async fn broken(owner: &mut PgConnection, function: &str, rule: &str, instead: &str) -> String {
    let definition: String = sqlx::query_scalar(
        "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'gate'::regnamespace and proname = $1
         union all
         select format('create or replace view gate.%I with (security_invoker = true) as %s', relname, pg_get_viewdef(oid))
         from pg_class where relnamespace = 'gate'::regnamespace and relkind = 'v' and relname = $1",
    )
    .bind(function)
    .fetch_one(owner)
    .await
    .unwrap();
    assert!(definition.contains(rule), "`{rule}` does not stand in {definition}");
    definition.replace(rule, instead)
}

/// Every rule of [`RULES`], broken.
async fn rules(owner: &mut PgConnection) -> Vec<Break> {
    let mut breaks = Vec::new();
    for (function, rule, instead) in RULES {
        breaks.push(Break {
            name: format!("{function}: {rule} -> {instead}"),
            sql: broken(owner, function, rule, instead).await,
            relations: RELATIONS
                .iter()
                .copied()
                .filter(|(relation, _)| SPEAKING.contains(relation))
                .collect(),
        });
    }
    breaks
}

/// Whether some viewer sees another world than the gate shows them.
async fn is_noticed(owner: &mut PgConnection, made: &Break, due: &[(String, Shown)]) -> bool {
    let opening = format!(
        "begin; {}; set local jit = off; set local role posture_gateway; set local app.now = '{}'",
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

    let mut unnoticed = Vec::new();
    for made in breaks {
        if !is_noticed(owner, made, &due).await {
            unnoticed.push(made.name.clone());
        }
    }
    size::tried("breaks of policies and their rules", breaks.len());
    size::tried("breaks that somebody noticed", breaks.len() - unnoticed.len());
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

/// A new function or view comes into this net, or the build fails: each has a rule, which is broken and noticed, or a reason, whoever asks it
/// or whichever trigger runs it.
#[tokio::test]
async fn every_function_has_a_rule_or_a_reason() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let all: Vec<(String, bool)> = sqlx::query_as(
        "select proname::text, exists (select from pg_roles r where rolname like 'posture\\_%' and r.oid <> p.proowner
                                      and has_function_privilege(r.oid, p.oid, 'execute'))
                or exists (select from pg_trigger where tgfoid = p.oid)
                or exists (select from pg_proc o where o.oid <> p.oid and strpos(o.prosrc, p.proname || '(') > 0)
         from pg_proc p where pronamespace in ('public'::regnamespace, 'gate'::regnamespace)
         union all
         select relname::text, true from pg_class where relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and relkind = 'v'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let idle: Vec<_> = all.iter().filter(|(_, is_asked)| !is_asked).collect();
    assert!(idle.is_empty(), "nobody else may ask it, no trigger runs it and no function calls it: {idle:?}");
    let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "two of one name, of which a rule may break either");
    let ruled: BTreeSet<&str> = [RULES, OF_WRITERS, OF_OTHERS, OF_OPERATE]
        .into_iter()
        .flatten()
        .map(|(function, ..)| *function)
        .collect();
    let reasoned: BTreeSet<&str> = NO_RULE.iter().map(|(function, _)| *function).collect();
    let twice: Vec<_> = ruled.intersection(&reasoned).collect();
    assert_eq!(twice, [] as [&&str; 0], "a rule and a reason for none");
    assert_eq!(ruled.union(&reasoned).copied().collect::<BTreeSet<_>>(), names);
    size::tried("functions and views that have a rule or a reason", names.len());
}

#[tokio::test]
async fn every_broken_rule_is_noticed() {
    let world = exhaustive();
    let (database, _) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let breaks = rules(&mut owner).await;
    assert_eq!(unnoticed(&world, &mut owner, &breaks).await, [] as [&str; 0]);
}
