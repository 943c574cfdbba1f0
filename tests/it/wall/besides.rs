//! The world that policies are tried on alone (`alone`), and what is written in the place of its rows.

use chrono::TimeDelta;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};
use serde_json::{Value, json};

use super::builder::now;
use super::permits::small;

/// Stand in a row for the id of whoever tries, and for that of their partner.
pub(super) const VIEWER: &str = "@viewer";
const PARTNER: &str = "@partner";

/// The small world of `permits` with programs that are ADMINs.
pub(super) fn world() -> World {
    let mut world = small();
    let partner = world.partners.iter().find(|row| row.name == "Birch").unwrap().id;
    let customer = world.customers.iter().find(|row| row.name == "Acme").unwrap().customer_id;
    let keys = [1, 2].map(|nth| UserId(deterministic_id("alone", nth)));
    for (id, kind) in keys.into_iter().zip([ViewerKind::PartnerUser, ViewerKind::CustomerUser]) {
        world.users.push(seed::User {
            id,
            kind,
            name: "User".to_owned(),
            email: None,
            disabled_at: None,
            created_at: now(),
            is_service: true,
        });
    }
    world.memberships.push(Membership::Partner(partner, keys[0], PartnerRole::Admin));
    world.memberships.push(Membership::Customer(customer, keys[1], CustomerRole::Admin));
    world
}

/// What the world has besides: schedules that are due and others, scans in every state of the queue, keys of people's rows, shares that
/// were revoked, an access that has ended, and an operator whom somebody assigned to some of it and, past all rules, to another partner's.
pub(super) const BESIDES: &str = "
    update scan_schedules s
        set enabled = c.name <> 'Crown', next_run_at = timestamptz 'NOW' + case c.name when 'Bolt' then interval '1 hour' else '-1 hour' end
        from customers c where c.customer_id = s.customer_id and c.name <> 'Elm';
    insert into scans (customer_id, id, profile, trigger, status, requested_at, schedule_id, due_at, attempts, lease_expires_at,
                       begun_at)
        select s.customer_id, md5(s.id::text || x.*::text)::uuid, 'text', x.trigger, x.status, 'NOW',
               case x.trigger when 'SCHEDULED' then s.id end, case x.trigger when 'SCHEDULED' then s.next_run_at end,
               x.attempts, timestamptz 'NOW' + x.lease, timestamptz 'NOW' + x.begun
        from scan_schedules s, (values ('SCHEDULED', 'QUEUED', null::smallint, null::interval, null::interval),
                                       ('MANUAL', 'QUEUED', null, null, null),
                                       ('MANUAL', 'QUEUED', 3, '-1 hour', '-2 hours'), ('MANUAL', 'RUNNING', 2, '-1 hour', '-2 hours'),
                                       ('MANUAL', 'RUNNING', 3, '1 hour', '-2 hours'), ('MANUAL', 'FAILED', 3, '-1 hour', null),
                                       ('MANUAL', 'SUCCEEDED', 3, '-1 hour', '-2 hours')) x (trigger, status, attempts, lease, begun)
        where s.next_run_at is not null;
    insert into scan_schedules
        select n.* from scan_schedules s, jsonb_populate_record(s, jsonb_build_object('id', md5(s.id::text), 'next_run_at', null)) n;
    insert into scan_schedule_targets
        select n.* from scan_schedule_targets t,
                        jsonb_populate_record(t, jsonb_build_object('scan_schedule_id', md5(t.scan_schedule_id::text))) n;
    insert into api_keys (customer_id, id, user_id, label, last_four, created_at)
        select customer_id, md5(user_id::text)::uuid, user_id, 'label', 'text', 'NOW' from customer_users;
    insert into posture_shares (customer_id, id, label, created_at, expires_at, revoked_at, created_by)
        select customer_id, md5(customer_id::text)::uuid, 'label', 'NOW', 'NOW', 'NOW', 'text' from customers;
    insert into accesses
        select n.* from accesses a,
                        jsonb_populate_record(a, jsonb_build_object('id', md5(a.id::text), 'status', 'ENDED', 'ended_at', timestamptz 'NOW')) n
        where a.customer_name = 'Bolt' and a.operating_model = 'FULLY_MANAGED';
    delete from operator_assignments where customer_id = (select customer_id from customers where name = 'Crown');
    insert into operator_assignments
        select a.customer_id, a.id, o.user_id from accesses a, (select distinct user_id from operator_assignments) o where a.customer_name = 'Dune'";

/// The ids that patches name.
pub(super) const KNOWN: &str = "
    select '@' || lower(name), customer_id::text from customers
    union all select '@' || lower(name), id::text from partners
    union all select '@' || lower(c.name) || '''s ' || lower(m.role), min(m.user_id::text)
              from customer_users m join customers c using (customer_id) join users u on u.id = m.user_id and not u.is_service group by 1
    union all select '@' || lower(p.name) || '''s ' || lower(m.role), min(m.user_id::text)
              from partner_users m join partners p on p.id = m.partner_id join users u on u.id = m.user_id and not u.is_service group by 1
    union all select '@due', s.id::text
              from scan_schedules s join customers c using (customer_id) where c.name = 'Acme' and s.next_run_at is not null";

/// What is written instead of a row's own, by table: as the one who tries would write it, and as they may not.
pub(super) fn instead_of(table: &str) -> Vec<Value> {
    let (now, secret) = (now(), format!("\\x{}", "11".repeat(32)));
    let author =
        |partner: Value| json!({"created_by_id": VIEWER, "created_by_partner": partner, "revoked_at": null});
    let actor = |partner: Value| json!({"actor_id": VIEWER, "partner_id": partner});
    match table {
        "accesses" => vec![
            json!({"status": "ACTIVE", "trial_started_at": null, "privilege_ceiling": 1, "customer_consent": 1}),
            json!({"status": "TRIAL", "operating_model": "CUSTOMER_MANAGED", "privilege_ceiling": 1, "customer_consent": 1}),
        ],
        "api_keys" | "partner_api_keys" => {
            vec![json!({"secret_hash": secret, "revoked_at": null}), json!({"revoked_at": now})]
        }
        "customer_audit_events" => vec![
            actor(json!(PARTNER)),
            actor(Value::Null),
            json!({"actor_id": null, "partner_id": null, "action": "scan.requested"}),
            json!({"actor_id": null, "partner_id": null, "action": "scan.failed"}),
        ],
        "customer_users" => vec![json!({}), json!({"customer_id": "@elm", "role": "ADMIN"})],
        "evidence" | "evidence_files" => vec![author(json!(PARTNER)), author(Value::Null)],
        "posture_shares" => {
            vec![author(json!(PARTNER)), author(Value::Null), json!({"revoked_at": now})]
        }
        "finding_history" => vec![actor(json!(PARTNER)), actor(Value::Null)],
        "operator_assignments" => {
            vec![json!({}), json!({"user_id": "@birch's admin"}), json!({"user_id": "@cedar's admin"})]
        }
        "partner_audit_events" => vec![
            json!({"actor_id": VIEWER}),
            json!({"actor_id": VIEWER, "action": "pricing.changed", "customer_id": null}),
            json!({"actor_id": VIEWER, "partner_id": "@fir", "customer_id": null}),
        ],
        "partner_users" => vec![json!({"partner_id": "@fir", "role": "ADMIN"})],
        "quotes" => vec![json!({"accepted_at": null}), json!({"accepted_at": now})],
        "scan_schedules" => vec![json!({"enabled": true, "next_run_at": "2030-01-01T00:00:00Z"})],
        "scans" => vec![
            json!({"trigger": "MANUAL", "status": "QUEUED"}),
            json!({"status": "CANCELED"}),
            json!({"status": "FAILED"}),
            json!({"customer_id": "@acme", "trigger": "SCHEDULED", "status": "QUEUED", "schedule_id": "@due",
                   "due_at": now - TimeDelta::hours(1)}),
        ],
        "users" => vec![
            json!({"kind": "CUSTOMER_USER", "disabled_at": null}),
            json!({"kind": "PARTNER_USER", "disabled_at": null}),
            json!({"id": "@bolt's admin"}),
        ],
        _ => vec![json!({})],
    }
}

/// What a column may hold that no row of the world holds.
pub(super) fn made_up(column: &str) -> Vec<Value> {
    match column {
        "status" => vec![json!("SUSPENDED"), json!("RUNNING")],
        "version" | "customer_consent" | "privilege_ceiling" => vec![json!(2)],
        "operating_model" | "trial_elected_model" => vec![json!("CO_MANAGED")],
        "role" => vec![json!("ADMIN"), json!("READ_ONLY")],
        "portal_access" => vec![json!(0), json!(1)],
        _ if column.ends_with("_at") => vec![json!(now())],
        _ => Vec::new(),
    }
}
