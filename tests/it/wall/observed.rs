//! What the database shows: the keys of every row that a viewer's own transaction can read.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::ids::UserId;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::builder::now;

/// Relation to the keys of its visible rows.
pub(crate) type Shown = BTreeMap<&'static str, BTreeSet<String>>;

/// Every relation that the gateway may read, with what tells whose a row is.
pub(crate) const RELATIONS: &[(&str, &str)] = &[
    ("access_history", "access_id"),
    ("access_records", "customer_id"),
    ("accesses", "id"),
    ("api_keys", "customer_id"),
    ("assets", "customer_id"),
    ("assignment_history", "concat(access_id, ' of ', user_id)"),
    ("components", "customer_id"),
    ("customer_audit_events", "concat(customer_id, ' ', partner_id, ' ', action)"),
    ("customer_users", "user_id"),
    ("customers", "customer_id"),
    ("evidence", "customer_id"),
    ("evidence_files", "customer_id"),
    ("evidence_findings", "customer_id"),
    ("evidence_scans", "customer_id"),
    ("finding_history", "concat(customer_id, ' ', partner_id)"),
    ("findings", "customer_id"),
    (
        "gate.partner_sees",
        "concat(access_id, case when posture then ' posture' end, case when security_config then ' security' end)",
    ),
    ("operator_assignments", "concat(access_id, ' of ', user_id)"),
    ("partner_api_keys", "partner_id"),
    ("partner_audit_events", "partner_id"),
    ("partner_user_history", "user_id"),
    ("partner_users", "user_id"),
    ("partners", "id"),
    ("plan_add_ons", "code"),
    ("plans", "name"),
    ("posture_due", "customer_id"),
    ("posture_rollups", "customer_id"),
    ("posture_shares", "customer_id"),
    ("posture_snapshots", "customer_id"),
    ("prepaid_assignments", "access_id"),
    ("prepaid_purchases", "partner_id"),
    ("pricing", "license_model"),
    ("quotes", "customer_id"),
    ("scan_reports", "customer_id"),
    ("scan_schedule_targets", "customer_id"),
    ("scan_schedules", "customer_id"),
    ("scan_targets", "customer_id"),
    ("scans", "customer_id"),
    ("security_settings", "customer_id"),
    ("sla_policies", "customer_id"),
    ("subscription_add_ons", "access_id"),
    ("subscriptions", "access_id"),
    ("usage_alerts", "access_id"),
    ("usage_assets", "customer_id"),
    ("usage_scans", "customer_id"),
    ("users", "id"),
    ("visits", "user_id"),
];

/// Opens a transaction as `store::scope` does.
pub(super) async fn begin(connection: &mut PgConnection, viewer: &str, instant: &str) {
    let opening = format!(
        "begin isolation level repeatable read read only; set local jit = off; \
         set local app.viewer = '{viewer}'; set local app.now = '{instant}'"
    );
    connection.execute(AssertSqlSafe(opening)).await.unwrap();
}

/// What a viewer sees, in a transaction of its own.
pub(crate) async fn observe(gateway: &mut PgConnection, viewer: UserId) -> Shown {
    begin(gateway, &viewer.to_string(), &now().to_rfc3339()).await;
    let shown = read(gateway, RELATIONS).await;
    gateway.execute("rollback").await.unwrap();
    shown
}

/// What the open transaction sees of some relations.
pub(super) async fn read(connection: &mut PgConnection, relations: &[(&'static str, &str)]) -> Shown {
    let selects: Vec<String> = relations
        .iter()
        .map(|(relation, key)| {
            format!("select '{relation}', array(select distinct ({key})::text from {relation})")
        })
        .collect();
    let rows: Vec<(String, Vec<String>)> =
        sqlx::query_as(AssertSqlSafe(selects.join(" union all "))).fetch_all(connection).await.unwrap();
    let mut shown: Shown = relations.iter().map(|(relation, _)| (*relation, BTreeSet::new())).collect();
    for (relation, keys) in rows {
        shown.get_mut(relation.as_str()).unwrap().extend(keys);
    }
    shown
}

/// The first difference in words, if there is one.
pub(super) fn difference(expected: &Shown, shown: &Shown) -> Option<String> {
    shown.iter().find_map(|(relation, keys)| {
        let due = &expected[relation];
        let too_much: Vec<_> = keys.difference(due).take(3).collect();
        let too_little: Vec<_> = due.difference(keys).take(3).collect();
        (keys != due).then(|| {
            format!("{relation}: shown, but hidden by the gate {too_much:?}; missing {too_little:?}")
        })
    })
}
