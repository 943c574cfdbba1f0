//! The test of the tests for the roles that write: each of their policies is broken in turn, and the list of what they may do must
//! change. What the gateway itself reads by is broken in `mutants`.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use super::mutants::other_columns;
use super::permits::{Asker, Attempts, Permits, ROLES, askers, attempts, begin, held, permits, small};
use crate::support::size;

/// Who asks, by what a policy takes for it: each is tried in the place of each other.
const ASKERS: &[&str] = &[
    "gate.admin_partner()",
    "gate.operator_partner()",
    "gate.own_decisions()",
    "gate.own_security()",
    "gate.enabled_viewer()",
    "NULL::uuid",
];
/// Breaks that change nothing, by how they begin, each with the reason.
const EQUIVALENT: &[&str] = &[];

/// A break of a policy.
struct Break {
    name: String,
    sql: String,
    table: String,
    roles: Vec<String>,
}

/// A policy of a role that writes and of no role that only reads.
#[derive(sqlx::FromRow)]
struct Policy {
    tablename: String,
    policyname: String,
    roles: Vec<String>,
    qual: Option<String>,
    with_check: Option<String>,
    /// The table's columns that hold ids.
    ids: Vec<String>,
}

async fn policies(owner: &mut PgConnection) -> Vec<Policy> {
    sqlx::query_as(
        "select tablename::text, policyname::text, roles::text[], qual, with_check,
                array(select attname::text from pg_attribute
                      where attrelid = format('%I.%I', schemaname, tablename)::regclass and atttypid = 'uuid'::regtype and attnum > 0
                      order by attnum) as ids
         from pg_policies where roles::text[] && $1 and not 'posture_gateway' = any (roles) order by 1, 2",
    )
    .bind(&ROLES[..])
    .fetch_all(owner)
    .await
    .unwrap()
}

/// Every rule that could stand in the place of one, with what was done to it.
fn instead(rule: &str, policy: &Policy) -> Vec<(String, String)> {
    let mut all = vec![("open to all".to_owned(), "true".to_owned())];
    let mut replace = |at: usize, what: &str, by: &str| {
        let broken = format!("{}{by}{}", &rule[..at], &rule[at + what.len()..]);
        all.push((format!("{what} -> {by}"), broken));
    };
    for asked in ASKERS {
        for (at, _) in rule.match_indices(asked) {
            for other in ASKERS.iter().filter(|other| *other != asked) {
                replace(at, asked, other);
            }
        }
    }
    // A question that is always answered with yes.
    for (at, _) in rule.match_indices("gate.") {
        let after = at + rule[at..].find(|c: char| !c.is_alphanumeric() && !"._".contains(c)).unwrap();
        // A function's; the view of that schema has no arguments.
        if rule[after..].starts_with('(') && !rule[after..].starts_with("()") {
            let end = after + rule[after..].find(')').unwrap();
            replace(at, &rule[at..=end], "true");
        }
    }
    for (at, _) in rule.match_indices("EXISTS (") {
        replace(at, "EXISTS (", "true OR EXISTS (");
    }
    all.extend(other_columns(rule, &policy.tablename, &policy.ids));
    all
}

async fn breaks(owner: &mut PgConnection) -> Vec<Break> {
    let mut breaks = Vec::new();
    for policy in policies(owner).await {
        let Policy { tablename: table, policyname: name, roles, .. } = &policy;
        let mut add = |what: String, sql: String| {
            breaks.push(Break {
                name: format!("{table}, {name}: {what}"),
                sql,
                table: table.clone(),
                roles: roles.clone(),
            });
        };
        add("dropped".to_owned(), format!("drop policy {name} on {table}"));
        for (kind, rule) in [("using", &policy.qual), ("with check", &policy.with_check)] {
            for (what, broken) in rule.iter().flat_map(|rule| instead(rule, &policy)) {
                add(format!("{kind}: {what}"), format!("alter policy {name} on {table} {kind} ({broken})"));
            }
        }
    }
    breaks
}

/// Whether somebody may do another thing to the table than before.
async fn is_noticed(
    owner: &mut PgConnection,
    made: &Break,
    (askers, attempts): (&[Asker], &Attempts),
    before: &BTreeMap<(&'static str, String, String), Permits>,
) -> bool {
    begin(owner, &made.sql).await;
    let mut noticed = false;
    for asker in askers.iter().filter(|asker| made.roles.iter().any(|role| role == asker.role)) {
        let Some(attempts) = attempts.get(&(asker.role, made.table.clone())) else { continue };
        let now = permits(owner, asker, attempts).await;
        if now != before[&(asker.role, made.table.clone(), asker.who.clone())] {
            noticed = true;
            break;
        }
    }
    sqlx::query("rollback").execute(owner).await.unwrap();
    noticed
}

#[tokio::test]
async fn every_broken_policy_of_writing_is_noticed() {
    let world = small();
    let (_database, mut owner) = held(&world).await;
    let (mut askers, attempts) = (askers(&world), attempts(&mut owner, &world).await);
    // Those who may do most notice most.
    let seldom = |asker: &Asker| {
        !["ADMIN of Birch", "ADMIN of Acme", "SCANNER", "ADMIN of Bolt"].contains(&asker.who.as_str())
    };
    askers.sort_by_key(seldom);
    let breaks = breaks(&mut owner).await;

    let mut before = BTreeMap::new();
    begin(&mut owner, "select").await;
    for ((role, table), attempts) in &attempts {
        for asker in askers.iter().filter(|asker| asker.role == *role) {
            let permits = permits(&mut owner, asker, attempts).await;
            let again = before.insert((*role, table.clone(), asker.who.clone()), permits);
            assert!(again.is_none(), "two are called {} in {role}", asker.who);
        }
    }
    sqlx::query("rollback").execute(&mut owner).await.unwrap();

    let mut unnoticed = Vec::new();
    for made in &breaks {
        if !is_noticed(&mut owner, made, (&askers, &attempts), &before).await {
            unnoticed.push(made.name.clone());
        }
    }
    size::tried("breaks of policies of writing", breaks.len());
    size::tried("breaks of policies of writing that the list shows", breaks.len() - unnoticed.len());
    let is_known = |name: &String| EQUIVALENT.iter().any(|begin| name.starts_with(begin));
    let unknown: Vec<_> = unnoticed.iter().filter(|name| !is_known(name)).collect();
    assert!(unknown.is_empty(), "{} of {} breaks changed nothing: {unknown:#?}", unknown.len(), breaks.len());
    let stale: Vec<_> =
        EQUIVALENT.iter().filter(|begin| !unnoticed.iter().any(|name| name.starts_with(**begin))).collect();
    assert!(stale.is_empty(), "noticed after all: {stale:?}");
}
