//! The test of the tests for the roles that write: each of their policies is broken in turn, and the list of what they let through
//! alone (`alone`) must change. What the gateway itself reads by is broken in `mutants`.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use sqlx::error::DatabaseError;

use super::alone::{Alone, Group, Tried};
use super::mutants::{broken, other_columns};
use super::permits::ROLES;
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
/// Breaks that change nothing, by how they begin.
const EQUIVALENT: &[&str] = &[
    // The ids of accesses, of schedules and of users are unique; the customer leads to the index.
    "accesses, locks: using: without (o.customer_id = accesses.customer_id)",
    "api_keys, revokes: using: without (m.customer_id = api_keys.customer_id)",
    "scan_schedule_targets, runs: using: without (s.customer_id = scan_schedule_targets.customer_id)",
    // Every access of the partner's opens the USING of `operates` as well, and either CHECK may hold after either USING.
    "customers, changes: using: gate.admin_partner() -> gate.operator_partner(), place 1",
    "customers, changes: using: gate.admin_partner() -> gate.own_decisions(), place 1",
    "customers, changes: using: gate.admin_partner() -> gate.own_security(), place 1",
    "customers, changes: using: gate.admin_partner() -> gate.enabled_viewer(), place 1",
    "customers, changes: using: gate.admin_partner() -> NULL::uuid, place 1",
    "customers, changes: using: customers.customer_id -> created_by, place 0",
    // `reads` shows all of it, and more, to the same role.
    "findings, cites: dropped",
    "findings, cites: using: gate.own_security() -> gate.admin_partner()",
    "findings, cites: using: gate.own_security() -> gate.operator_partner()",
    "findings, cites: using: gate.own_security() -> gate.enabled_viewer()",
    "findings, cites: using: gate.own_security() -> NULL::uuid",
    "findings, cites: using: customer_id -> ",
    "findings, cites: using: findings.customer_id -> ",
    "scans, cites: dropped",
    "scans, cites: using: gate.own_security() -> gate.admin_partner()",
    "scans, cites: using: gate.own_security() -> gate.operator_partner()",
    "scans, cites: using: gate.own_security() -> gate.enabled_viewer()",
    "scans, cites: using: gate.own_security() -> NULL::uuid",
    "scans, cites: using: customer_id -> ",
    "scans, cites: using: scans.customer_id -> ",
    // USING asked it of the same viewer: who has no own_security changes nothing by own_decisions, and who has one has the same twice.
    "customer_users, changes: with check: gate.own_security() -> gate.own_decisions()",
    "findings, operates: with check: gate.own_security() -> gate.own_decisions()",
    "posture_shares, revokes: with check: gate.own_security() -> gate.own_decisions()",
    "scans, cancels: with check: gate.own_security() -> gate.own_decisions()",
    "security_settings, changes: with check: gate.own_security() -> gate.own_decisions()",
    "sla_policies, changes: with check: gate.own_security() -> gate.own_decisions()",
    "users, disables: with check: gate.own_security() -> gate.own_decisions()",
    "accesses, changes: with check: without gate.is_person()",
    "customer_users, changes: with check: without gate.is_person()",
    "security_settings, changes: with check: without gate.is_person()",
    "users, disables: with check: without gate.is_person()",
    // Row security of accesses, of partner_users and of customer_users shows no others to the one who asks.
    "partner_audit_events, records: with check: without (a.customer_id = partner_audit_events.customer_id)",
    "operator_assignments, assigns: with check: without (m.partner_id = ( SELECT gate.admin_partner() ",
    "users, disables: using: gate.own_security() -> gate.own_decisions()",
    "users, disables: using: without (m.partner_id = ( SELECT gate.admin_partner() ",
    "users, disables: using: without (EXISTS ( SELECT FROM gate.partner_sees p ",
    "users, disables: using: without EXISTS ( SELECT FROM gate.partner_sees p ",
    "users, disables: using: without ((p.customer_id = m.customer_id) AND p.security_config)",
    "users, disables: using: without (p.customer_id = m.customer_id)",
    "users, disables: with check: without (m.partner_id = ( SELECT gate.admin_partner() ",
    "users, disables: with check: without (EXISTS ( SELECT FROM gate.partner_sees p ",
    "users, disables: with check: without EXISTS ( SELECT FROM gate.partner_sees p ",
    "users, disables: with check: without ((p.customer_id = m.customer_id) AND p.security_config)",
    "users, disables: with check: without (p.customer_id = m.customer_id)",
    // Asked beside what somebody decides for their own customer, which nobody does who is disabled.
    "is_person: u.disabled_at is null",
    // Only scanners are registered: a constraint of the table and its reference say so.
    "scanner_customers: u.kind = 'SCANNER'",
];

/// Rules inside the functions that these policies alone ask: what stands there, and what is put in its place.
pub(super) const OF_WRITERS: &[(&str, &str, &str)] = &[
    ("own_decisions", "'{ADMIN}'::text[]", "'{ADMIN,READ_ONLY}'::text[]"),
    ("own_decisions", "(0)::smallint", "(1)::smallint"),
    ("is_person", "u.disabled_at is null", "true"),
    ("is_person", "not u.is_service", "true"),
    ("is_own_access", "a.customer_id = customer and ", ""),
    ("is_own_access", "a.id = access and ", ""),
    ("is_own_access", "a.partner_id = gate.admin_partner()", "true"),
    ("founds", "p.parent_id = gate.admin_partner()", "true"),
    ("founds", "and not exists (select from public.partner_users m where m.partner_id = partner)", ""),
    ("may_sell_to", "c.customer_id = customer and ", ""),
    ("may_sell_to", "c.created_by = own", "true"),
    ("may_sell_to", "a.customer_id = customer and ", ""),
    ("may_sell_to", "a.partner_id = own", "true"),
    ("may_found", "c.customer_id = customer and ", ""),
    ("may_found", "c.created_by = own", "true"),
    ("may_found", "and not exists (select from public.customer_users u where u.customer_id = customer)", ""),
    ("scanner_customers", "u.disabled_at is null", "true"),
    ("scanner_customers", "u.kind = 'SCANNER'", "true"),
    ("scanner_customers", "u.id = viewer", "true"),
];

/// What PostgreSQL says where a part of a rule was no condition and cannot be answered with yes.
const NO_RULE: [&str; 3] = ["42804", "42846", "42883"];

/// A break of a policy.
struct Break {
    name: String,
    sql: String,
    groups: Vec<Group>,
}

/// A policy of a role that writes and of no role that only reads.
#[derive(sqlx::FromRow)]
struct Policy {
    tablename: String,
    policyname: String,
    cmd: String,
    roles: Vec<String>,
    qual: Option<String>,
    with_check: Option<String>,
    /// The table's columns that hold ids.
    ids: Vec<String>,
}

impl Policy {
    /// What the roles that write try by it.
    fn groups(&self) -> Vec<Group> {
        let roles = self.roles.iter().filter(|role| ROLES.contains(&role.as_str()));
        roles
            .map(|role| Group {
                table: self.tablename.clone(),
                role: role.clone(),
                command: self.cmd.clone(),
            })
            .collect()
    }
}

async fn policies(owner: &mut PgConnection) -> Vec<Policy> {
    sqlx::query_as(
        "select tablename::text, policyname::text, cmd, roles::text[], qual, with_check,
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

/// The end of what begins with the parenthesis at `open`.
fn closing(rule: &str, open: usize) -> usize {
    let mut depth = 0;
    let end = rule[open..].find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    open + end.unwrap()
}

/// Every part of a rule that may be a condition: what stands in parentheses, what an EXISTS asks, what a function answers.
fn parts(rule: &str) -> impl Iterator<Item = std::ops::RangeInclusive<usize>> {
    rule.match_indices('(').filter_map(|(open, _)| {
        let (before, end) = (&rule[..open], closing(rule, open));
        let start = before.rfind(|c: char| !c.is_alphanumeric() && !"._".contains(c)).map_or(0, |at| at + 1);
        if before.ends_with("EXISTS ") {
            return Some(open - "EXISTS ".len()..=end);
        }
        // What a query answers, and what something is one of, are no conditions.
        let is_none = rule[open + 1..].trim_start().starts_with("SELECT") || before.ends_with("ANY ");
        (!is_none).then_some(start..=end)
    })
}

/// Every rule that could stand in the place of one, with what was done to it.
fn instead(rule: &str, policy: &Policy) -> Vec<(String, String)> {
    let mut all = vec![("open to all".to_owned(), "true".to_owned())];
    for asked in ASKERS {
        for (nth, (at, _)) in rule.match_indices(asked).enumerate() {
            for other in ASKERS.iter().filter(|other| *other != asked) {
                let broken = format!("{}{other}{}", &rule[..at], &rule[at + asked.len()..]);
                all.push((format!("{asked} -> {other}, place {nth}"), broken));
            }
        }
    }
    for part in parts(rule) {
        let broken = format!("{}true{}", &rule[..*part.start()], &rule[part.end() + 1..]);
        let part = rule[part].split_whitespace().collect::<Vec<_>>().join(" ");
        all.push((format!("without {part}"), broken));
    }
    all.extend(other_columns(rule, &policy.tablename, &policy.ids));
    let mut seen = BTreeSet::new();
    all.retain(|(_, broken)| broken != rule && seen.insert(broken.clone()));
    all
}

async fn breaks(owner: &mut PgConnection) -> Vec<Break> {
    let mut breaks = Vec::new();
    for policy in policies(owner).await {
        let Policy { tablename: table, policyname: name, .. } = &policy;
        let groups = policy.groups();
        let mut add = |what: String, sql: String| {
            breaks.push(Break { name: format!("{table}, {name}: {what}"), sql, groups: groups.clone() });
        };
        add("dropped".to_owned(), format!("drop policy {name} on {table}"));
        for (kind, rule) in [("using", &policy.qual), ("with check", &policy.with_check)] {
            for (what, broken) in rule.iter().flat_map(|rule| instead(rule, &policy)) {
                add(format!("{kind}: {what}"), format!("alter policy {name} on {table} {kind} ({broken})"));
            }
        }
    }
    for (function, rule, instead) in OF_WRITERS {
        let mut groups = Vec::new();
        for policy in policies(owner).await {
            let rules = [&policy.qual, &policy.with_check];
            if rules.into_iter().flatten().any(|rule| rule.contains(&format!("gate.{function}("))) {
                groups.extend(policy.groups());
            }
        }
        breaks.push(Break {
            name: format!("{function}: {rule} -> {instead}"),
            sql: broken(owner, function, rule, instead).await,
            groups,
        });
    }
    breaks
}

/// What was tried of a group, and which of it noticed breaks before: what noticed the last one notices the next one, too.
struct Watch {
    tried: Tried,
    best: Vec<usize>,
}

/// Whether anything else is let through than before; nothing where the break is none, since no such rule can be.
async fn is_noticed(alone: &mut Alone, made: &Break, watches: &mut BTreeMap<Group, Watch>) -> Option<bool> {
    for group in &made.groups {
        let watch = watches.get_mut(group).unwrap();
        let tried = watch.tried.beginning_with(&watch.best);
        let lets = match alone.lets(group, &made.sql, &tried).await {
            Ok(lets) => lets,
            Err(error) => {
                let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
                // A type that no condition has.
                assert!(
                    made.name.contains(": without ") && NO_RULE.contains(&&*code),
                    "{}: {error}",
                    made.sql
                );
                return None;
            }
        };
        let last = lets.len() - 1;
        if lets[last] != tried.lets[last] {
            let first = watch.best.len();
            // Where it stood before the best went first.
            let found = if last < first {
                watch.best.remove(last)
            } else {
                (0..tried.lets.len()).filter(|nth| !watch.best.contains(nth)).nth(last - first).unwrap()
            };
            watch.best.insert(0, found);
            return Some(true);
        }
    }
    Some(false)
}

#[tokio::test]
async fn every_broken_policy_of_writing_is_noticed() {
    let _replay = size::Replay::of("wall::write_mutants");
    let mut alone = Alone::new().await;
    let mut watches = BTreeMap::new();
    for group in alone.groups() {
        let tried = alone.tried(&group).await.likely_first();
        let best = tried.first();
        watches.insert(group, Watch { tried, best });
    }
    let breaks = breaks(alone.owner()).await;
    let is_equivalent = |made: &Break| EQUIVALENT.iter().any(|begin| made.name.starts_with(begin));
    let (mut equivalent, mut unnoticed, mut made) = (Vec::new(), Vec::new(), 0);
    for one in &breaks {
        if is_equivalent(one) {
            // That nobody notices it takes all that can be tried: that is for a run that is asked for more.
            if !size::is_large() {
                continue;
            }
            equivalent.push(&one.name);
        }
        let Some(noticed) = is_noticed(&mut alone, one, &mut watches).await else { continue };
        made += 1;
        if !noticed {
            unnoticed.push(&one.name);
        }
    }
    assert_eq!(unnoticed, equivalent, "of {made} breaks");
    for begin in EQUIVALENT {
        assert!(breaks.iter().any(|made| made.name.starts_with(begin)), "no break begins with `{begin}`");
    }
    size::tried("breaks of policies of those who write", made);
    size::tried("breaks of those who write that were noticed", made - unnoticed.len());
}
