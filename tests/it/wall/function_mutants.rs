//! The test of the tests for what the database decides and counts in functions: each function of the schemas is broken in turn, and
//! something that people or triggers are told must change. What decides what the gateway reads is broken in `mutants`, what policies
//! of writing alone ask in `write_mutants`; that between them no function is left out stands in `mutants`.

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::besides::world;
use super::builder::now;
use super::matrix::hold;
use super::mutants::broken;
use super::said::{About, Owned};
use super::worlds::exhaustive;
use crate::support::size;

/// Rules inside the functions that only count, chain, keep and refuse, and those that whoever is not signed in asks: what stands there, and
/// what is put in its place.
pub(super) const OF_OTHERS: &[(&str, &str, &str)] = &[
    ("manages", "gate.admin_partner()", "coalesce(gate.admin_partner(), gate.operator_partner())"),
    ("manages", "own is not null and own =", "own is null or own ="),
    ("manages", "c.customer_id = customer", "true limit 1"),
    ("manages", "a.customer_id = customer and ", ""),
    ("manages", " and a.status <> 'ENDED'", ""),
    ("manages", "a.partner_id <> creator, ", ""),
    ("manages", "a.created_at, ", ""),
    ("manages", "limit 1),\n        creator)", "limit 1))"),
    ("is_fully_managed", "gate.manages(customer) and ", ""),
    ("is_fully_managed", "a.customer_id = customer and ", ""),
    ("is_fully_managed", "a.status <> 'ENDED' and ", ""),
    ("is_fully_managed", " and a.operating_model = 'FULLY_MANAGED'", ""),
    ("take_email", "not exists", "exists"),
    ("take_email", "pg_catalog.lower(u.email)", "u.email"),
    ("take_email", "perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(address, 0));", ""),
    ("scanner_for", "s.customer_id = customer and ", ""),
    ("scanner_for", "u.disabled_at is null and ", ""),
    ("scanner_for", "(address is null or u.email = address)", "true"),
    ("scanner_for", "address is null or ", ""),
    ("api_key_user", "public.api_keys k where k.secret_hash = hash and ", "public.api_keys k where "),
    (
        "api_key_user",
        "public.api_keys k where k.secret_hash = hash and k.revoked_at is null",
        "public.api_keys k where k.secret_hash = hash",
    ),
    (
        "api_key_user",
        "public.partner_api_keys k where k.secret_hash = hash and ",
        "public.partner_api_keys k where ",
    ),
    (
        "api_key_user",
        "public.partner_api_keys k where k.secret_hash = hash and k.revoked_at is null",
        "public.partner_api_keys k where k.secret_hash = hash",
    ),
    ("api_key_user", "where u.disabled_at is null", ""),
    ("share_hash", "'app.share'", "'app.viewer'"),
    ("shared_customer", "s.secret_hash = hash and ", ""),
    ("shared_customer", "s.revoked_at is null and ", ""),
    ("shared_customer", "gate.instant() < s.expires_at", "true"),
    ("shared_customer", "gate.instant() < s.expires_at", "gate.instant() <= s.expires_at"),
    ("shared_customer", "gate.operates(s.created_by_id, s.customer_id)", "true"),
    ("share_facts", "where s.secret_hash = hash", ""),
    ("share_facts", " and u.disabled_at is null", ""),
    ("share_facts", " and o.access_id = a.id", ""),
    ("share_facts", " and o.user_id = u.id", ""),
    ("share_facts", "a.customer_id = s.customer_id and ", ""),
    ("share_facts", " and a.partner_id = pu.partner_id", ""),
    ("share_facts", "a.status = 'ENDED', ", ""),
    // Who changes what of an access.
    ("keep_to_own_half", "consent_changes or model_changes and", "model_changes and"),
    ("keep_to_own_half", " or model_changes and old.status <> 'ACTIVE'", ""),
    ("keep_to_own_half", " and old.status <> 'ACTIVE'", " and old.status = 'TRIAL'"),
    ("keep_to_own_half", "elsif contract_changes\n          or model_changes", "elsif model_changes"),
    ("keep_to_own_half", "old.status <> 'TRIAL' or ", ""),
    ("keep_to_own_half", "gate.instant() >= old.trial_ends_at", "false"),
    ("keep_to_own_half", "gate.instant() >= old.trial_ends_at", "gate.instant() > old.trial_ends_at"),
    ("keep_to_own_half", "new.version <> old.version + 1", "false"),
    ("keep_to_own_half", "(new.customer_consent, ", "(old.customer_consent, "),
    ("keep_to_own_half", "new.consent_until, ", "old.consent_until, "),
    ("keep_to_own_half", "new.trial_elected_model)", "old.trial_elected_model)"),
    ("keep_to_own_half", "(new.status, ", "(old.status, "),
    ("keep_to_own_half", "new.privilege_ceiling, ", "old.privilege_ceiling, "),
    ("keep_to_own_half", "new.trial_converted_at, ", "old.trial_converted_at, "),
    ("keep_to_own_half", "new.ended_at)", "old.ended_at)"),
    (
        "lives_once",
        "new.status in ('ACTIVE', 'ENDED')\n        when 'ACTIVE'",
        "new.status in ('ACTIVE', 'SUSPENDED', 'ENDED')\n        when 'ACTIVE'",
    ),
    ("lives_once", "new.status in ('SUSPENDED', 'ENDED')", "true"),
    ("lives_once", "new.status in ('ACTIVE', 'ENDED')\n        else", "true\n        else"),
    ("lives_once", "else false", "else true"),
    ("lives_once", "new.trial_converted_at is null or ", ""),
    ("lives_once", "gate.instant() >= old.trial_convert_by", "gate.instant() > old.trial_convert_by"),
    ("lives_once", "old.trial_converted_at and not converts", "old.trial_converted_at and false"),
    (
        "lives_once",
        "old.status <> 'TRIAL' or coalesce(gate.instant() >= old.trial_ends_at, true)",
        "old.status <> 'TRIAL'",
    ),
    ("lives_once", "gate.instant() >= old.trial_ends_at", "gate.instant() > old.trial_ends_at"),
    ("lives_once", "old.status <> 'TRIAL' or ", ""),
    ("lives_once", ", new.privilege_ceiling)", ", old.privilege_ceiling)"),
    ("keep_to_contract", "least(new.privilege_ceiling, bound)", "new.privilege_ceiling"),
    ("keep_to_contract", "p.id = new.partner_id", "p.id <> new.partner_id limit 1"),
    ("keep_to_contract", "coalesce(p.privilege_bound, 2)", "2"),
    ("keep_to_contract", "a.customer_id = new.customer_id and ", ""),
    ("keep_to_contract", "a.consent_until <= gate.instant()", "a.consent_until < gate.instant()"),
    ("keep_to_contract", "before.customer_consent - 1", "before.customer_consent"),
    ("keep_to_contract", "new.consent_until := before.consent_until;", "null;"),
    ("keep_to_contract", "least(new.customer_consent, before.customer_consent)", "new.customer_consent"),
    ("keep_to_contract", "new.privilege_ceiling > bound", "false"),
    ("keep_portal_closed", "new.portal_access > old.portal_access and ", ""),
    ("keep_portal_closed", "new.customer_id = gate.own_decisions()", "false"),
    ("keep_portal_with_its_manager", "new.portal_access = old.portal_access or ", ""),
    ("keep_portal_with_its_manager", " or new.customer_id = gate.own_decisions()", ""),
    ("keep_portal_with_its_manager", "if gate.manages(new.customer_id)", "if true"),
    ("keep_portal_with_its_manager", "new.portal_access = 2 and ", ""),
    ("keep_portal_with_its_manager", " and gate.is_fully_managed(new.customer_id)", ""),
    ("keep_portal_with_its_manager", "old.portal_access = 2 and new.portal_access = 1", "false"),
    (
        "keep_portal_with_its_manager",
        "old.portal_access = 2 and new.portal_access = 1",
        "old.portal_access = 2",
    ),
    (
        "keep_portal_with_its_manager",
        "old.portal_access = 0 and new.portal_access = 1",
        "old.portal_access = 0",
    ),
    ("keep_portal_with_its_manager", " and p.security_config", ""),
    ("keep_portal_with_its_manager", "p.customer_id = new.customer_id and ", ""),
    ("keep_keys_from_people", "u.id = new.user_id and ", ""),
    ("keep_keys_from_people", " and u.is_service", ""),
    (
        "keep_revoked",
        "public.api_keys k where k.user_id = new.id and k.revoked_at is null",
        "public.api_keys k where k.user_id = new.id",
    ),
    (
        "keep_revoked",
        "public.api_keys k where k.user_id = new.id and k.revoked_at is null",
        "public.api_keys k where k.revoked_at is null",
    ),
    (
        "keep_revoked",
        "public.partner_api_keys k where k.user_id = new.id and k.revoked_at is null",
        "public.partner_api_keys k where k.user_id = new.id",
    ),
    (
        "keep_revoked",
        "public.partner_api_keys k where k.user_id = new.id and k.revoked_at is null",
        "public.partner_api_keys k where k.revoked_at is null",
    ),
    ("keep_an_admin", "m.customer_id = customer and ", ""),
    ("keep_an_admin", "customer and m.role = 'ADMIN'", "customer"),
    ("keep_an_admin", " and u.disabled_at is null", ""),
    ("keep_an_admin", " and not u.is_service", ""),
    ("keep_an_admin", "customer := new.customer_id;", "return null;"),
    (
        "keep_an_admin",
        "perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('admins ' || customer, 0));",
        "",
    ),
    ("keep_a_partner_admin", "m.partner_id = partner and ", ""),
    ("keep_a_partner_admin", "partner and m.role = 'ADMIN'", "partner"),
    ("keep_a_partner_admin", " and u.disabled_at is null", ""),
    ("keep_a_partner_admin", " and not u.is_service", ""),
    (
        "keep_a_partner_admin",
        "perform pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('admins ' || partner, 0));",
        "",
    ),
    ("record_reads", "m.user_id = r.viewer", "true"),
    ("record_reads", "u.id = r.viewer", "true"),
    ("record_reads", "a.customer_id = c.id and ", ""),
    ("record_reads", " and a.partner_id = r.partner_id", ""),
    ("record_reads", "recorded <> pg_catalog.cardinality(customers)", "false"),
    (
        "refuse_change",
        "raise exception 'audit logs only ever grow' using errcode = 'restrict_violation', table = tg_table_name;",
        "return null;",
    ),
    // What logs are chained by.
    ("audit_field", "(octet_length(convert_to(value, 'UTF8'::name)) || ':'::text) || value", "value"),
    ("chain_partner_audit_event", "head.seq + 1", "head.seq + 2"),
    ("chain_partner_audit_event", "new.previous_hash := head.hash", "new.previous_hash := ''"),
    ("chain_partner_audit_event", "sha256(head.hash || convert_to(", "sha256(convert_to("),
    ("chain_partner_audit_event", "gate.audit_field(new.actor_id::text) || ", ""),
    ("chain_partner_audit_event", "|| gate.audit_field(new.access_id::text)", ""),
    ("chain_partner_audit_event", "where h.partner_id = new.partner_id;\n    return", ";\n    return"),
    ("chain_customer_audit_event", "head.seq + 1", "head.seq + 2"),
    ("chain_customer_audit_event", "new.previous_hash := head.hash", "new.previous_hash := ''"),
    ("chain_customer_audit_event", "sha256(head.hash || convert_to(", "sha256(convert_to("),
    ("chain_customer_audit_event", "gate.audit_field(new.actor_id::text) || ", ""),
    ("chain_customer_audit_event", " || gate.audit_field(new.partner_id::text)", ""),
    ("chain_customer_audit_event", "where h.customer_id = new.customer_id;\n    return", ";\n    return"),
    // Who could see what, and when.
    ("changed_at", "gate.instant(), first", "first, gate.instant()"),
    ("keep_access_history", "case when tg_op <> 'DELETE' then a.status end", "a.status"),
    ("keep_access_history", "coalesce(before.seq, 0) + 1", "coalesce(before.seq, 0) + 2"),
    ("keep_access_history", "h.access_id = a.id", "true"),
    ("keep_access_history", "h.seq desc", "h.seq"),
    ("keep_access_history", "a.customer_consent, ", "a.privilege_ceiling, "),
    ("keep_partner_user_history", "case when not is_gone then member.role end", "member.role"),
    ("keep_partner_user_history", "u.disabled_at is null", "true"),
    ("keep_partner_user_history", "h.user_id = member.user_id", "true"),
    ("keep_member_history", "tg_op = 'DELETE' or ", ""),
    ("keep_member_history", "(new.partner_id, new.user_id) <> (old.partner_id, old.user_id)", "false"),
    (
        "keep_member_history",
        "perform gate.keep_partner_user_history(new, false,",
        "perform gate.keep_partner_user_history(new, true,",
    ),
    ("keep_user_history", "m.user_id = new.id", "true"),
    ("keep_assignment_history", "tg_op <> 'INSERT'", "false"),
    ("keep_assignment_history", "tg_op <> 'DELETE'", "false"),
    ("keep_assignment_history", "max(h.at)), true", "max(h.at)), false"),
    // What is counted.
    ("apply_open_findings", "c.severity = 3", "c.severity = 2"),
    ("apply_open_findings", "r.open_high + excluded", "excluded"),
    ("apply_open_findings", "d.open_findings + excluded", "excluded"),
    ("findings_inserted", "n.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')", "true"),
    ("findings_inserted", "count(*)", "1 + count(*)"),
    ("findings_updated", "new_rows where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')", "new_rows"),
    ("findings_updated", "old_rows where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')", "old_rows"),
    ("findings_updated", "-1 as change", "1 as change"),
    ("findings_deleted", "o.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')", "true"),
    ("findings_deleted", "-count(*)", "count(*)"),
    ("apply_assets", "r.assets + excluded", "excluded"),
    ("apply_assets", "u.used + excluded", "excluded"),
    ("assets_inserted", "c.n::integer", "1 + c.n::integer"),
    ("assets_deleted", "-c.n::integer", "c.n::integer"),
    ("scans_inserted", "u.used + excluded", "excluded"),
    ("scans_finished", "status = 'SUCCEEDED' and ", ""),
    ("scans_finished", "greatest(r.last_scan_at, excluded.last_scan_at)", "excluded.last_scan_at"),
    ("scans_canceled", "o.status = 'QUEUED' and ", ""),
    ("scans_canceled", " and n.status = 'CANCELED'", ""),
    ("apply_usage_alerts", "a.status <> 'ENDED'", "true"),
    ("apply_usage_alerts", "s.customer_id = any (customers)", "true"),
    ("apply_usage_alerts", ">= 90 *", "> 90 *"),
    ("apply_usage_alerts", ">= 90 *", ">= 89 *"),
    ("apply_usage_alerts", ">= 80 *", "> 80 *"),
    ("apply_usage_alerts", ">= 80 *", ">= 79 *"),
    ("apply_usage_alerts", " and u.period_start = period", ""),
    ("metered", "select distinct n.customer_id from new_rows n order by n.customer_id", "select null::uuid"),
    ("subscription_metered", "new.customer_id", "null::uuid"),
    ("take_posture_snapshots", "d.customer_id = r.customer_id and ", ""),
    ("take_posture_snapshots", "d.due_at <= instant", "d.due_at < instant"),
];

/// Rules of *operate* (DESIGN.md 4) as the door of shares asks it of whoever made one.
pub(super) const OF_OPERATE: &[(&str, &str, &str)] = &[
    ("operates", "u.disabled_at is null and m.role = 'ADMIN'", "m.role = 'ADMIN'"),
    ("operates", " and m.role = 'ADMIN'\n          and c.", "\n          and c."),
    ("operates", "c.customer_id = customer and ", ""),
    ("operates", "c.portal_access = 2", "c.portal_access >= 1"),
    ("operates", "u.disabled_at is null\n          and (m.role", "true\n          and (m.role"),
    ("operates", "a.partner_id = m.partner_id", "true"),
    (
        "operates",
        "m.role = 'ADMIN'\n               or m.role = 'OPERATOR'",
        "true\n               or m.role = 'OPERATOR'",
    ),
    ("operates", " and o.access_id = a.id", ""),
    ("operates", " and o.user_id = u.id", ""),
    ("operates", "a.customer_id = customer\n", "true\n"),
    (
        "operates",
        "(a.status = 'ACTIVE' or a.status = 'TRIAL' and at < a.trial_ends_at)",
        "a.status <> 'ENDED'",
    ),
    (
        "operates",
        "(a.status = 'ACTIVE' or a.status = 'TRIAL' and at < a.trial_ends_at)",
        "a.status in ('ACTIVE', 'ENDED')",
    ),
    ("operates", "a.status = 'ACTIVE' or ", ""),
    ("operates", " or a.status = 'TRIAL' and at < a.trial_ends_at", ""),
    ("operates", "at < a.trial_ends_at", "true"),
    ("operates", "at < a.trial_ends_at", "at <= a.trial_ends_at"),
    ("operates", "a.operating_model = 'FULLY_MANAGED'", "a.operating_model <> 'CUSTOMER_MANAGED'"),
    ("operates", "a.privilege_ceiling >= 2", "a.privilege_ceiling >= 1"),
    ("operates", "a.consent_until is null or ", ""),
    ("operates", "at < a.consent_until", "at <= a.consent_until"),
    ("operates", "then 0 else 1", "then 0 else 0"),
    ("operates", "end >= 2", "end >= 1"),
];

/// What a function decides about.
fn about(function: &str) -> About {
    match function {
        "scanner_for" | "api_key_user" => About::Secrets,
        _ if function.starts_with("share") => About::Secrets,
        "manages" | "is_fully_managed" | "take_email" => About::Everything,
        "keep_to_own_half" | "lives_once" | "keep_to_contract" => About::Accesses,
        _ if function.starts_with("keep_portal") => About::Portals,
        "keep_keys_from_people" | "keep_revoked" | "keep_an_admin" | "keep_a_partner_admin" => About::People,
        "refuse_change" | "record_reads" => About::Records,
        _ => About::Changes,
    }
}

#[tokio::test]
async fn every_broken_function_and_every_missing_trigger_is_noticed() {
    let _replay = size::Replay::of("wall::function_mutants::every_broken_function");
    let (_database, mut owned) = Owned::new(&world()).await;
    let mut breaks = Vec::new();
    for (function, rule, instead) in OF_OTHERS {
        let sql = broken(&mut owned.owner, function, rule, instead).await;
        breaks.push((format!("{function}: {rule} -> {instead}"), sql, about(function)));
    }
    // Those that tell gateways of changes have a reason in `mutants`.
    let triggers: Vec<(String, String, String)> = sqlx::query_as(
        "select tgname::text, tgrelid::regclass::text, proname::text from pg_trigger t join pg_proc p on p.oid = t.tgfoid
         where not tgisinternal and tgparentid = 0 and tgname not like 'tells\\_%' order by 3, 2, 1",
    )
    .fetch_all(&mut owned.owner)
    .await
    .unwrap();
    for (trigger, table, function) in triggers {
        let sql = format!("drop trigger {trigger} on {table}");
        breaks.push((format!("no {trigger} on {table}"), sql, about(&function)));
    }
    let (mut made, mut unnoticed) = (0, Vec::new());
    for (name, sql, about) in &breaks {
        made += 1;
        if !owned.notices(sql, *about).await {
            unnoticed.push(name);
        }
    }
    assert_eq!(unnoticed, [] as [&String; 0], "of {made} breaks");
    size::tried("breaks of functions and triggers", made);
    size::tried("breaks of functions and triggers that were noticed", made - unnoticed.len());
}

/// Who operates which customer, of everybody and whatever their partner has an access to or is theirs, and of some others.
async fn operating(owner: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "with pairs as materialized (
             select m.user_id, a.customer_id from partner_users m join accesses a using (partner_id)
             union select user_id, customer_id from customer_users
             union select u.id, c.customer_id from users u, (select customer_id from customers order by 1 limit 10) c)
         select concat(user_id, ' ', customer_id) from pairs where gate.operates(user_id, customer_id) order by 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
}

/// That it is what DESIGN.md says, `proof::model::walls` compares.
#[tokio::test]
async fn every_broken_rule_of_operate_is_noticed() {
    let world = exhaustive();
    let (database, _) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let opening = format!("begin; set local jit = off; set local app.now = '{}'", now().to_rfc3339());
    owner.execute(AssertSqlSafe(opening)).await.unwrap();
    let due = operating(&mut owner).await;
    assert!(!due.is_empty(), "nobody operates anything");
    let (mut made, mut unnoticed) = (0, Vec::new());
    for (function, rule, instead) in OF_OPERATE {
        let sql = broken(&mut owner, function, rule, instead).await;
        owner.execute(AssertSqlSafe(format!("savepoint before; {sql}"))).await.unwrap();
        let told = operating(&mut owner).await;
        owner.execute("rollback to savepoint before").await.unwrap();
        made += 1;
        if told == due {
            unnoticed.push(format!("{rule} -> {instead}"));
        }
    }
    assert_eq!(unnoticed, [] as [&str; 0], "of {made} breaks");
    size::tried("breaks of who operates a customer", made);
    size::tried("breaks of who operates a customer that were noticed", made - unnoticed.len());
}
