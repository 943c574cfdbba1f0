//! The test of the tests for the roles that nobody signs in as: those that own what policies and triggers ask, and that of a share's
//! door. Each of their policies is broken in turn, and something that people or triggers are told must change. What the gateway reads
//! by is broken in `mutants`, what it writes by in `write_mutants`; here stands that between the three of them no policy is left out.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::besides::world;
use super::mutants::other_columns;
use super::permits::ROLES;
use super::said::{About, Owned};
use crate::support::size;

/// The roles whose policies are broken here.
const OWNERS: [&str; 4] = ["posture_policy", "posture_rollup", "posture_audit", "posture_share"];

/// Breaks that change nothing, by how they begin.
const EQUIVALENT: &[&str] = &[
    // The role has no right to read records, or to change them: what is not selected is not asked for.
    "access_records, keeps: using: closed",
];

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
