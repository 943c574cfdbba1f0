//! The test of the tests for what the database decides and counts in functions: each function of the schemas is broken in turn, and
//! something that people or triggers are told must change. What decides what the gateway reads is broken in `mutants`, what policies
//! of writing alone ask in `write_mutants`; that between them no function is left out stands in `mutants`.

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::besides::world;
use super::builder::now;
use super::matrix::hold;
use super::mutants::broken;
use super::owner_mutants::{About, Ask, Owned, all_of};
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

/// What functions tell apart: a customer whose own partner's access has ended and two others' have not; shares that no longer work; keys
/// that were revoked, or whose user is disabled; an address in capitals.
pub(super) const BESIDES_FUNCTIONS: &str = "
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
pub(super) const HASHES: [&str; 7] = [
    "by an ADMIN",
    "by an OPERATOR",
    "by its own",
    "by one who is gone",
    "by one who was assigned",
    "revoked",
    "over",
];

/// Ids that somebody who may not read them names.
pub(super) const NAMED: &str = "
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

/// More of what is done past every policy but those of the triggers' functions.
pub(super) const MORE_CHANGES: &[(&str, &str)] = &[
    (
        "a finding comes that is no longer open",
        "insert into findings select n.* from findings f,
            jsonb_populate_record(f, jsonb_build_object('id', pg_temp.id(f.id::text), 'fingerprint', 'new', 'status', 'RESOLVED')) n",
    ),
    ("findings are resolved", "update findings set status = 'RESOLVED' where customer_id = pg_temp.customer('Bolt')"),
    (
        "findings are opened again",
        "update findings set status = 'RESOLVED' where customer_id = pg_temp.customer('Bolt');
         update findings set status = 'OPEN' where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "resolved findings go",
        "delete from evidence_findings; update findings set status = 'RESOLVED'; delete from findings where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "an asset comes and goes",
        "insert into assets select n.* from assets a,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'value', 'new')) n
         where a.customer_id = pg_temp.customer('Bolt'); delete from assets where value = 'new'",
    ),
    (
        "scans begin",
        "update scans set status = 'RUNNING' where customer_id = pg_temp.customer('Bolt') and status = 'QUEUED'",
    ),
    (
        "scans fail",
        "update scans set status = 'FAILED', finished_at = timestamptz 'NOW' + interval '1 minute'
         where customer_id = pg_temp.customer('Bolt') and status = 'RUNNING'",
    ),
    (
        "scans are called off that run",
        "update scans set status = 'CANCELED' where customer_id = pg_temp.customer('Bolt') and status = 'RUNNING'",
    ),
    (
        "a scan comes that has ended",
        "insert into scans (customer_id, id, profile, trigger, status, requested_at, finished_at)
         values (pg_temp.customer('Bolt'), pg_temp.id('scan'), 'text', 'API', 'SUCCEEDED', 'NOW', timestamptz 'NOW' + interval '1 minute')",
    ),
    (
        "a scan ended long ago",
        "update scans set status = 'SUCCEEDED', finished_at = timestamptz 'NOW' - interval '10 years'
         where customer_id = pg_temp.customer('Bolt') and status = 'RUNNING'",
    ),
    (
        "assets are as many as an alert takes",
        "update usage_assets set used = 9 where customer_id = pg_temp.customer('Bolt');
         update subscriptions set license_model = 'PER_ASSET', quantity = 10 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "assets are fewer",
        "update usage_assets set used = 89 where customer_id = pg_temp.customer('Bolt');
         update subscriptions set license_model = 'PER_ASSET', quantity = 100 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "scans are as many as an alert takes",
        "update usage_scans set used = 8 where customer_id = pg_temp.customer('Bolt');
         insert into usage_scans values (pg_temp.customer('Bolt'), '2020-01-01', 99);
         update subscriptions set license_model = 'PER_SCAN', quantity = 10 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "scans are fewer",
        "update usage_scans set used = 79 where customer_id = pg_temp.customer('Bolt');
         update subscriptions set license_model = 'PER_SCAN', quantity = 100 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "a subscription of an access that has ended is used up",
        "update accesses set status = 'ENDED', ended_at = 'NOW' where customer_id = pg_temp.customer('Bolt') and status <> 'ENDED';
         update subscriptions set license_model = 'PER_ASSET', quantity = 1 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "another customer's subscription was used up before",
        "update subscriptions set license_model = 'PER_ASSET', quantity = 1 where customer_id = pg_temp.customer('Crown');
         delete from usage_alerts;
         update subscriptions set license_model = 'PER_ASSET', quantity = 1000 where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "an asset is one too many",
        "update subscriptions set license_model = 'PER_ASSET', quantity = 1 where customer_id = pg_temp.customer('Bolt');
         delete from usage_alerts where customer_id = pg_temp.customer('Bolt');
         insert into assets select n.* from assets a,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'value', 'new')) n
         where a.customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "a scan is one too many",
        "update subscriptions set license_model = 'PER_SCAN', quantity = 1 where customer_id = pg_temp.customer('Bolt');
         delete from usage_alerts where customer_id = pg_temp.customer('Bolt');
         insert into scans (customer_id, id, profile, trigger, status, requested_at)
         values (pg_temp.customer('Bolt'), pg_temp.id('scan'), 'text', 'MANUAL', 'QUEUED', 'NOW')",
    ),
    (
        "a subscription begins that is used up",
        "delete from subscription_add_ons; delete from usage_alerts;
         with gone as (delete from subscriptions where customer_id = pg_temp.customer('Bolt') returning *)
         select from gone;
         insert into subscriptions (customer_id, access_id, partner_id, plan, billing_cycle, status, started_at, license_model, quantity, price, currency)
         select customer_id, id, partner_id, 'Basic', 'MONTHLY', 'ACTIVE', 'NOW', 'PER_ASSET', 1, 100, 'EUR' from accesses
         where customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "the day is looked at when findings are due",
        "update findings set sla_due_at = 'NOW' where customer_id = pg_temp.customer('Bolt'); select gate.take_posture_snapshots()",
    ),
    (
        "an access comes and goes",
        "insert into accesses select n.* from accesses a,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'partner_id', pg_temp.partner('Alder'))) n
         where a.customer_id = pg_temp.customer('Acme');
         delete from accesses where customer_id = pg_temp.customer('Acme') and partner_id = pg_temp.partner('Alder')",
    ),
    (
        "somebody leaves",
        "delete from operator_assignments where user_id = pg_temp.former_operator() or customer_id = pg_temp.customer('Bolt');
         delete from partner_users where user_id = pg_temp.former_operator()",
    ),
    (
        "somebody moves",
        "update partner_users set partner_id = pg_temp.partner('Cedar') where user_id = pg_temp.member('Birch', 'ADMIN')",
    ),
    (
        "somebody comes",
        "insert into users (id, kind, name, created_at) values (pg_temp.id('new'), 'PARTNER_USER', 'New', timestamptz 'NOW' - interval '1 day');
         insert into partner_users (partner_id, user_id, role) values (pg_temp.partner('Birch'), pg_temp.id('new'), 'OPERATOR')",
    ),
    ("somebody is disabled", "update users set disabled_at = 'NOW' where id = pg_temp.member('Birch', 'ADMIN')"),
    (
        "an assignment moves",
        "update operator_assignments set user_id = pg_temp.member('Alder', 'OPERATOR')
         where customer_id = pg_temp.customer('Bolt') and user_id <> pg_temp.member('Alder', 'OPERATOR')",
    ),
];

/// Who tries what triggers and functions may refuse.
const ADMINS: &[&str] = &["@birch's admin", "@acme's admin"];
/// In which state the access of Acme is found, which is a trial.
const STATES: &[&str] = &[
    "",
    "update accesses set trial_ends_at = 'NOW' where ACME",
    "update accesses set trial_started_at = timestamptz 'NOW' - interval '60 days', trial_ends_at = timestamptz 'NOW' - interval '30 days',
        trial_convert_by = 'NOW' where ACME",
    "update accesses set status = 'ACTIVE' where ACME",
    "update accesses set status = 'SUSPENDED' where ACME",
    "update accesses set status = 'ENDED', ended_at = timestamptz 'NOW' - interval '1 day' where ACME",
    "update accesses set status = 'ACTIVE', privilege_ceiling = 0 where ACME; update partners set privilege_bound = 0 where name = 'Birch'",
];
/// What is changed of it.
const CHANGED: &[&str] = &[
    "version = version",
    "version = version + 1, status = 'ACTIVE'",
    "version = version + 1, status = 'TRIAL'",
    "version = version + 1, status = 'SUSPENDED'",
    "version = version + 1, status = 'ENDED', ended_at = 'NOW'",
    "version = version + 1, ended_at = 'NOW'",
    "version = version + 1, status = 'ACTIVE', trial_converted_at = 'NOW'",
    "version = version + 1, trial_converted_at = 'NOW'",
    "version = version + 1, operating_model = 'CO_MANAGED'",
    "version = version + 1, privilege_ceiling = 2",
    "version = version + 1, customer_consent = 2",
    "version = version + 1, consent_until = timestamptz 'NOW' + interval '1 hour'",
    "version = version + 1, trial_elected_model = 'CO_MANAGED'",
];

/// In which state portals are found, and who changes whose.
const PORTALS: &[&str] = &[
    "",
    "update customers set portal_access = 0",
    "update customers set portal_access = 2",
    // Cedar operates Dune, where its access was ended, and Bolt no more than before.
    "update customers set portal_access = 0; update accesses set status = 'ACTIVE', ended_at = null, privilege_ceiling = 2, customer_consent = 2
         where customer_name = 'Dune' and operating_model = 'FULLY_MANAGED'",
];
const OPENERS: &[(&str, &str)] = &[
    ("@birch's admin", "@acme"),
    ("@birch's admin", "@bolt"),
    ("@birch's admin", "@dune"),
    ("@birch's assigned", "@bolt"),
    ("@cedar's admin", "@bolt"),
    ("@cedar's admin", "@dune"),
    ("@acme's admin", "@acme"),
    ("@bolt's admin", "@bolt"),
];

/// What the customer last said to a partner, and the access that the partner begins then.
const BEGUN: &[(&str, &str, &str)] = &[
    ("select", "@birch", "@elm"),
    ("update partners set privilege_bound = 0 where name = 'Birch'", "@birch", "@elm"),
    ("ENDED, customer_consent = 0 where ACME", "@birch", "@acme"),
    ("ENDED, consent_until = timestamptz 'NOW' + interval '1 hour' where ACME", "@birch", "@acme"),
    ("ENDED, consent_until = 'NOW' where ACME", "@birch", "@acme"),
    ("ENDED, customer_consent = 2, consent_until = 'NOW' where ACME", "@birch", "@acme"),
    (
        "ENDED, customer_consent = 0 where customer_name = 'Bolt' and operating_model = 'CUSTOMER_MANAGED'",
        "@cedar",
        "@bolt",
    ),
];

/// Whoever keeps people and keys: a state, who tries, and what.
const KEPT: &[(&str, &str, &str)] = &[
    // A colleague who is no key.
    (
        "select",
        "@birch's admin",
        "insert into partner_users (partner_id, user_id, role) select id('@birch'), id('@hired'), 'OPERATOR'",
    ),
    (
        "update users set is_service = true where id = pg_temp.id('hired')",
        "@birch's admin",
        "insert into partner_users (partner_id, user_id, role) select id('@birch'), id('@hired'), 'OPERATOR'",
    ),
    // A key that acts as a person.
    (
        "delete from api_keys",
        "@acme's admin",
        "insert into api_keys (customer_id, id, user_id, label, last_four, created_at, secret_hash)
         select id('@acme'), id('@elm'), id('@acme''s read_only'), 'label', 'text', 'NOW', decode(repeat('77', 32), 'hex')",
    ),
    (
        "delete from api_keys",
        "@acme's admin",
        "insert into api_keys (customer_id, id, user_id, label, last_four, created_at, secret_hash)
         select id('@acme'), id('@elm'), id('@acme''s key'), 'label', 'text', 'NOW', decode(repeat('77', 32), 'hex')",
    ),
    (
        "delete from partner_api_keys",
        "@birch's admin",
        "insert into partner_api_keys (partner_id, id, user_id, label, last_four, created_at, secret_hash)
         select id('@birch'), id('@elm'), id('@birch''s former'), 'label', 'text', 'NOW', decode(repeat('77', 32), 'hex')",
    ),
    // A key that was revoked, and one that was not.
    (
        "update users set disabled_at = 'NOW' where is_service; update partner_api_keys set revoked_at = 'NOW' where partner_id = pg_temp.partner('Birch')",
        "@birch's admin",
        "update users set disabled_at = null where id = id('@birch''s key')",
    ),
    (
        "update users set disabled_at = 'NOW' where is_service; update partner_api_keys set revoked_at = null",
        "@birch's admin",
        "update users set disabled_at = null where id = id('@birch''s key')",
    ),
    (
        "update users set disabled_at = 'NOW' where is_service; update api_keys set revoked_at = 'NOW' where customer_id = pg_temp.customer('Acme')",
        "@acme's admin",
        "update users set disabled_at = null where id = id('@acme''s key')",
    ),
    (
        "update users set disabled_at = 'NOW' where is_service; update api_keys set revoked_at = null",
        "@acme's admin",
        "update users set disabled_at = null where id = id('@acme''s key')",
    ),
    // The last ADMIN, and one of two. That nobody takes oneself away the policies say, which stand aside for this.
    ("OPEN", "@acme's admin", "update users set disabled_at = 'NOW' where id = id('@acme''s admin')"),
    (
        "OPEN; update customer_users set role = 'ADMIN' where user_id = pg_temp.member('Acme', 'READ_ONLY')",
        "@acme's admin",
        "update users set disabled_at = 'NOW' where id = id('@acme''s admin')",
    ),
    ("OPEN", "@acme's admin", "update customer_users set role = 'READ_ONLY' where user_id = id('@acme''s admin')"),
    (
        "OPEN; update customer_users set role = 'ADMIN' where user_id = pg_temp.member('Acme', 'READ_ONLY')",
        "@acme's admin",
        "update customer_users set role = 'READ_ONLY' where user_id = id('@acme''s admin')",
    ),
    ("OPEN", "@birch's admin", "update users set disabled_at = 'NOW' where id = id('@birch''s admin')"),
    (
        "OPEN; update users set disabled_at = null where id = pg_temp.gone_admin()",
        "@birch's admin",
        "update users set disabled_at = 'NOW' where id = id('@birch''s admin')",
    ),
];

/// Who is said to have been shown whom: some were, and some cannot have been.
const RECORDED: &[(&str, &str)] = &[
    ("@birch's admin", "@elm"),
    ("@cedar's admin", "@acme"),
    ("@acme's admin", "@acme"),
    ("@birch's gone", "@bolt"),
];

/// What only grows.
const GROWS: &[&str] = &[
    "access_history",
    "access_records",
    "assignment_history",
    "customer_audit_events",
    "partner_audit_events",
    "partner_user_history",
];
const TRUNCATED: &[&str] = &["accesses", "finding_history", "operator_assignments", "partner_users"];

/// What may be refused: each is tried as the role and the viewer that it takes, and told is what has become of the rows, and which locks are
/// held.
pub(super) fn guarded(written: &str) -> Vec<Ask> {
    let rows = all_of(["api_keys", "customer_users", "partner_api_keys", "partner_users", "users"]);
    let rows = format!(
        "select concat_ws('\n', ({rows}), (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()))"
    );
    let (accesses, customers) = (all_of(["accesses"]), all_of(["customers"]));
    let mut asks = Vec::new();
    let mut add = |about, before: String, query: &str| {
        let before = before
            .replace("ENDED, ", "update accesses set status = 'ENDED', ended_at = 'NOW', ")
            .replace("ACME", "customer_name = 'Acme'")
            .replace(
                "OPEN",
                "alter policy disables on users using (true) with check (true); \
                              alter policy changes on customer_users using (true) with check (true)",
            );
        asks.push(Ask { about, before, query: query.to_owned(), may_be_refused: true });
    };
    let tried = |state: &str, viewer: &str, statement: &str| {
        let viewer = viewer.replace('\'', "''");
        format!(
            "{state}; select set_config('app.viewer', tries.id('{viewer}')::text, true); set local role posture_writer; {}; reset role",
            statement.replace("id('", "tries.id('")
        )
    };
    for state in STATES {
        for viewer in ADMINS {
            for changed in CHANGED {
                add(
                    About::Accesses,
                    tried(state, viewer, &format!("update accesses set {changed} where ACME")),
                    &accesses,
                );
            }
        }
    }
    for state in PORTALS {
        for (viewer, opened) in OPENERS {
            for level in 0..=2 {
                let sql = format!(
                    "update customers set portal_access = {level} where customer_id = id('{opened}')"
                );
                add(About::Portals, tried(state, viewer, &sql), &customers);
            }
        }
    }
    for (state, partner, customer) in BEGUN {
        let sql = format!(
            "insert into accesses (customer_id, id, partner_id, customer_name, status, operating_model, privilege_ceiling, customer_consent, created_at)
             select id('{customer}'), id('{partner}'), id('{partner}'), name, 'ACTIVE', 'CO_MANAGED', 1, 1, 'NOW'
             from customers where customer_id = id('{customer}')"
        );
        add(About::Accesses, tried(state, &format!("{partner}'s admin"), &sql), &accesses);
    }
    for (state, viewer, statement) in KEPT {
        add(About::People, tried(state, viewer, statement), &rows);
    }
    add(
        About::Everything,
        tried("select", "@birch's admin", "select gate.take_email('nobody@example.com')"),
        &rows,
    );
    for (viewer, customer) in RECORDED {
        let sql = format!(
            "select gate.record_reads(array[pg_temp.id('read')], array[tries.id('{}')], array[timestamptz 'NOW'], array[pg_temp.id('request')],
                array[null]::text[], array['POSTURE'], array['Customer.posture'], array[1], array[tries.id('{customer}')])",
            viewer.replace('\'', "''")
        );
        add(About::Records, sql, written);
    }
    for table in GROWS {
        for sql in [format!("delete from {table}"), format!("truncate {table} cascade")] {
            add(About::Records, sql, written);
        }
    }
    for table in TRUNCATED {
        add(About::Records, format!("truncate {table} cascade"), written);
    }
    add(About::Records, "update finding_history set note = 'new'".to_owned(), written);
    asks
}

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
