//! What is done to the world of `said`, past every policy or as somebody who writes: what triggers count, chain, keep and refuse.

use super::said::{About, Ask, all_of};

/// What is done past every policy but those of the triggers' functions.
pub(super) const CHANGES: &[(&str, &str)] = &[
    (
        "a finding comes",
        "insert into findings select n.* from findings f,
            jsonb_populate_record(f, jsonb_build_object('id', pg_temp.id(f.id::text), 'fingerprint', 'new', 'status', 'OPEN')) n
         where f.customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "findings are due",
        "update findings set sla_due_at = 'NOW' where customer_id = pg_temp.customer('Bolt')",
    ),
    ("findings go", "delete from evidence_findings; delete from findings where customer_id = pg_temp.customer('Bolt')"),
    (
        "an asset comes",
        "insert into assets select n.* from assets a,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'value', 'new', 'created_at', timestamptz 'NOW')) n
         where a.customer_id = pg_temp.customer('Bolt')",
    ),
    (
        "a scan is asked for",
        "insert into scans (customer_id, id, profile, trigger, status, requested_at)
         values (pg_temp.customer('Bolt'), pg_temp.id('scan'), 'text', 'MANUAL', 'QUEUED', 'NOW')",
    ),
    (
        "scans end",
        "update scans set status = 'SUCCEEDED', finished_at = timestamptz 'NOW' + interval '1 minute'
         where customer_id = pg_temp.customer('Bolt') and status = 'RUNNING'",
    ),
    (
        "scans are called off",
        "update scans set status = 'CANCELED' where customer_id = pg_temp.customer('Bolt') and status = 'QUEUED'",
    ),
    (
        "a subscription is used up",
        "update subscriptions set license_model = 'PER_ASSET', quantity = coalesce(quantity, 0) + 1, started_at = 'NOW'
         where customer_id = pg_temp.customer('Bolt')",
    ),
    ("the day is looked at", "update posture_rollups set assets = assets + 7; select gate.take_posture_snapshots()"),
    (
        "an access begins",
        "insert into accesses select n.* from accesses a, partners p,
            jsonb_populate_record(a, jsonb_build_object('id', pg_temp.id(a.id::text), 'partner_id', p.id)) n
         where a.customer_id = pg_temp.customer('Acme') and p.name = 'Alder'",
    ),
    (
        "an access changes",
        "update accesses set status = 'SUSPENDED' where customer_id = pg_temp.customer('Acme')",
    ),
    ("a name changes", "update users set name = 'New' where id = pg_temp.member('Birch', 'ADMIN')"),
    ("an assignment ends", "delete from operator_assignments where customer_id = pg_temp.customer('Bolt')"),
    (
        "an assignment begins",
        "insert into operator_assignments select customer_id, id, pg_temp.member('Birch', 'OPERATOR') from accesses
         where customer_id = pg_temp.customer('Crown')",
    ),
    (
        "a customer's log grows",
        "insert into customer_audit_events select n.* from customer_audit_events e,
            jsonb_populate_record(e, jsonb_build_object('id', pg_temp.id(e.id::text))) n",
    ),
    (
        "a partner's log grows",
        "insert into partner_audit_events select n.* from partner_audit_events e,
            jsonb_populate_record(e, jsonb_build_object('id', pg_temp.id(e.id::text))) n",
    ),
    (
        "what was shown is recorded",
        "select gate.record_reads(array[pg_temp.id('read')], array[pg_temp.member('Birch', 'ADMIN')], array[timestamptz 'NOW'],
            array[pg_temp.id('request')], array[null]::text[], array['POSTURE'], array['Customer.posture'], array[1],
            array[pg_temp.customer('Bolt')])",
    ),
];

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
