//! The difference between two worlds, row by row, and its way into a database that holds the first: triggers, keys and
//! checks see it as they see any other change.

use std::collections::BTreeMap;

use posture_gateway::store::seed::{Membership, World};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use crate::support::database::TestDatabase;

/// What differs in one table.
pub(super) struct Difference {
    pub(super) table: &'static str,
    keys: &'static [&'static str],
    pub(super) gone: Vec<Value>,
    /// As they were, and as they are.
    pub(super) changed: Vec<(Value, Value)>,
    pub(super) new: Vec<Value>,
}

fn rows<Row: Serialize>(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

fn members(world: &World, of: &str) -> Vec<Value> {
    let rows = world.memberships.iter().map(|membership| match *membership {
        Membership::Partner(partner, user, role) => (
            "partner_users",
            json!({ "partner_id": partner, "user_id": user, "kind": "PARTNER_USER", "role": role }),
        ),
        Membership::Customer(customer, user, role) => (
            "customer_users",
            json!({ "customer_id": customer, "user_id": user, "kind": "CUSTOMER_USER", "role": role }),
        ),
        Membership::Scanner(customer, user) => {
            ("scanner_customers", json!({ "customer_id": customer, "user_id": user, "kind": "SCANNER" }))
        }
        Membership::Assignment(customer, access, user) => {
            ("operator_assignments", json!({ "customer_id": customer, "access_id": access, "user_id": user }))
        }
    });
    rows.filter(|(table, _)| *table == of).map(|(_, row)| row).collect()
}

/// What is sold over accesses holds for as long as they are there (`store::seed`).
fn sold<Row: Serialize>(world: &World, of: &[Row], since: &str, until: Option<&str>) -> Vec<Value> {
    let accesses: BTreeMap<_, _> =
        rows(&world.accesses).into_iter().map(|row| (row["id"].to_string(), row)).collect();
    let mut rows = rows(of);
    for row in &mut rows {
        let access = accesses.get(&row["access_id"].to_string());
        let at = |column: &str| access.map_or(Value::Null, |access| access[column].clone());
        row[since] = at("created_at");
        if let Some(until) = until {
            row[since] = json!("-infinity");
            row[until] = at("ended_at");
        }
    }
    rows
}

/// The columns of a subscription.
fn subscriptions(world: &World) -> Vec<Value> {
    let mut rows = rows(&world.subscriptions);
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("prepaid");
    }
    rows
}

/// What covers the prepaid ones.
fn prepaid_assignments(world: &World) -> Vec<Value> {
    const COLUMNS: [&str; 6] =
        ["customer_id", "access_id", "partner_id", "license_model", "assigned_at", "unassigned_at"];
    let prepaid: Vec<_> = world.subscriptions.iter().filter(|row| row.prepaid).collect();
    let mut rows = sold(world, &prepaid, "assigned_at", Some("unassigned_at"));
    for row in &mut rows {
        row.as_object_mut().unwrap().retain(|column, _| COLUMNS.contains(&column.as_str()));
    }
    rows
}

/// A table, its key and its rows.
pub(super) type Table = (&'static str, &'static [&'static str], Vec<Value>);

/// Every table, those that others refer to first.
pub(super) fn tables(world: &World) -> Vec<Table> {
    const OF_TENANT: &[&str] = &["customer_id", "id"];
    const OF_ACCESS: &[&str] = &["customer_id", "access_id"];
    vec![
        ("partners", &["id"], rows(&world.partners)),
        ("customers", &["customer_id"], rows(&world.customers)),
        ("users", &["id"], rows(&world.users)),
        ("partner_users", &["partner_id", "user_id"], members(world, "partner_users")),
        ("customer_users", &["customer_id", "user_id"], members(world, "customer_users")),
        ("scanner_customers", &["customer_id", "user_id"], members(world, "scanner_customers")),
        ("accesses", OF_TENANT, rows(&world.accesses)),
        (
            "operator_assignments",
            &["customer_id", "access_id", "user_id"],
            members(world, "operator_assignments"),
        ),
        ("subscriptions", OF_ACCESS, subscriptions(world)),
        ("prepaid_assignments", OF_ACCESS, prepaid_assignments(world)),
        (
            "subscription_add_ons",
            &["customer_id", "access_id", "code"],
            sold(world, &world.add_ons, "added_at", None),
        ),
        ("plans", &["name", "license_model", "currency"], rows(&world.plans)),
        ("plan_add_ons", &["code", "currency"], rows(&world.plan_add_ons)),
        ("quotes", OF_TENANT, rows(&world.quotes)),
        ("prepaid_purchases", &["partner_id", "id"], rows(&world.prepaid_purchases)),
        ("usage_alerts", &["customer_id", "access_id", "period_start"], rows(&world.usage_alerts)),
        ("pricing", &["license_model", "currency", "valid_from"], rows(&world.pricing)),
        ("assets", OF_TENANT, rows(&world.assets)),
        ("findings", OF_TENANT, rows(&world.findings)),
        ("finding_history", OF_TENANT, rows(&world.finding_history)),
        ("sla_policies", &["customer_id"], rows(&world.sla_policies)),
        ("components", OF_TENANT, rows(&world.components)),
        ("scans", OF_TENANT, rows(&world.scans)),
        ("scan_targets", &["customer_id", "scan_id", "asset_id"], rows(&world.scan_targets)),
        ("scan_reports", &["customer_id", "scan_id"], rows(&world.scan_reports)),
        ("scan_schedules", OF_TENANT, rows(&world.scan_schedules)),
        (
            "scan_schedule_targets",
            &["customer_id", "scan_schedule_id", "asset_id"],
            rows(&world.scan_schedule_targets),
        ),
        ("evidence", OF_TENANT, rows(&world.evidence)),
        ("evidence_findings", &["customer_id", "evidence_id", "finding_id"], rows(&world.evidence_findings)),
        ("evidence_scans", &["customer_id", "evidence_id", "scan_id"], rows(&world.evidence_scans)),
        ("evidence_files", &["customer_id", "evidence_id"], rows(&world.evidence_files)),
        ("posture_shares", OF_TENANT, rows(&world.posture_shares)),
        ("posture_snapshots", &["customer_id", "day"], rows(&world.posture_snapshots)),
        ("visits", &["user_id"], rows(&world.visits)),
        ("access_records", OF_TENANT, rows(&world.access_records)),
        ("security_settings", &["customer_id"], rows(&world.security_settings)),
        ("api_keys", OF_TENANT, rows(&world.api_keys)),
        ("partner_api_keys", &["partner_id", "id"], rows(&world.partner_api_keys)),
        ("partner_audit_events", &["partner_id", "id"], rows(&world.partner_audit_events)),
        ("customer_audit_events", OF_TENANT, rows(&world.customer_audit_events)),
    ]
}

/// What differs between two worlds, tables that others refer to first.
pub(super) fn differences(before: &World, after: &World) -> Vec<Difference> {
    let both = tables(before).into_iter().zip(tables(after));
    both.map(|((table, keys, before), (_, _, after))| {
        let key = |row: &Value| keys.iter().map(|key| row[*key].to_string()).collect::<Vec<_>>();
        let mut old: BTreeMap<_, _> = before.into_iter().map(|row| (key(&row), row)).collect();
        let (mut changed, mut new) = (Vec::new(), Vec::new());
        for row in after {
            match old.remove(&key(&row)) {
                Some(same) if same == row => {}
                Some(old) => changed.push((old, row)),
                None => new.push(row),
            }
        }
        Difference { table, keys, gone: old.into_values().collect(), changed, new }
    })
    .filter(|difference| difference.rows().next().is_some())
    .collect()
}

impl Difference {
    /// Every row that is not the same in both.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Value> {
        self.gone.iter().chain(self.changed.iter().map(|(_, row)| row)).chain(&self.new)
    }

    /// The rows by which somebody to whom they are shown can tell the worlds apart: as they were, and as they are.
    pub(super) fn telling(&self) -> impl Iterator<Item = (Option<&Value>, Option<&Value>)> {
        // No field says who created a customer or whether a licence is prepaid or since when something is sold, and a consent's
        // end is told until it comes.
        const UNTOLD: &[&str] = &["created_by", "consent_until", "added_at"];
        let is_told = self.table != "prepaid_assignments";
        let same = |old: &Value, new: &Value| {
            let columns = new.as_object().into_iter().flatten();
            columns
                .filter(|(column, _)| !UNTOLD.contains(&column.as_str()))
                .all(|(column, new)| old[column] == *new)
        };
        let changed = self.changed.iter().filter(move |(old, new)| !same(old, new));
        let changed = changed.map(|(old, new)| (Some(old), Some(new)));
        let (gone, new) = (self.gone.iter(), self.new.iter());
        let all = gone.map(|row| (Some(row), None)).chain(changed).chain(new.map(|row| (None, Some(row))));
        all.filter(move |_| is_told)
    }

    fn source(&self, rows: &[Value]) -> String {
        let json = serde_json::to_string(rows).unwrap().replace('\'', "''");
        format!("json_populate_recordset(null::{}, '{json}')", self.table)
    }

    fn same_key(&self) -> String {
        let keys = self.keys.iter().map(|key| format!("t.{key} = n.{key}"));
        keys.collect::<Vec<_>>().join(" and ")
    }

    fn delete(&self) -> String {
        if self.gone.is_empty() {
            return String::new();
        }
        // What triggers keep of a customer or a partner goes with it.
        let (kept, by): (&[&str], &str) = match self.table {
            "customers" => (
                &["posture_rollups", "posture_due", "usage_assets", "usage_scans", "customer_audit_heads"],
                "customer_id",
            ),
            "partners" => (&["partner_audit_heads"], "partner_id"),
            _ => (&[], ""),
        };
        let source = self.source(&self.gone);
        let key = if self.table == "partners" { "id" } else { "customer_id" };
        let kept = kept
            .iter()
            .map(|table| format!("delete from {table} t using {source} n where t.{by} = n.{key};\n"));
        let own = format!("delete from {} t using {source} n where {};\n", self.table, self.same_key());
        kept.chain([own]).collect()
    }

    fn update(&self) -> String {
        let changed: Vec<_> = self.changed.iter().map(|(_, row)| row.clone()).collect();
        let Some(first) = changed.first() else { return String::new() };
        let columns =
            first.as_object().unwrap().keys().filter(|column| !self.keys.contains(&column.as_str()));
        let set: Vec<_> = columns.map(|column| format!("{column} = n.{column}")).collect();
        format!(
            "update {} t set {} from {} n where {};\n",
            self.table,
            set.join(", "),
            self.source(&changed),
            self.same_key()
        )
    }

    fn insert(&self) -> String {
        if self.new.is_empty() {
            return String::new();
        }
        format!("insert into {} select * from {};\n", self.table, self.source(&self.new))
    }
}

/// Audit logs only ever grow: what differs in them cannot come about but past the trigger that says so.
const LOGS: [&str; 4] =
    ["partner_audit_events", "customer_audit_events", "access_records", "finding_history"];

/// What turns a database that holds the one world into one that holds the other.
pub(super) fn sql(differences: &[Difference]) -> String {
    // A finding lets go of its asset before that goes; a live access ends before the next one of its pair begins; a
    // partner may go below a new one.
    let (partners, others): (Vec<_>, Vec<_>) = differences.iter().partition(|own| own.table == "partners");
    let updates = others.iter().map(|own| own.update());
    let statements = updates
        .chain(differences.iter().rev().map(Difference::delete))
        .chain(differences.iter().map(Difference::insert))
        .chain(partners.iter().map(|own| own.update()));
    let alter = |how: &str| LOGS.map(|log| format!("alter table {log} {how} trigger only_grows;\n")).concat();
    format!("begin;\n{}{}{}commit;", alter("disable"), statements.collect::<String>(), alter("enable"))
}

/// Tables whose rows follow from others', or are nobody's to read.
const FOLLOWS: [&str; 14] = [
    "_sqlx_migrations",
    // Histories and chains, which triggers keep.
    "access_history",
    "assignment_history",
    // Only uploads read and write these.
    "component_sources",
    "customer_audit_heads",
    // A user's own: nobody meets another's.
    "idempotency_keys",
    "latest_uploads",
    "partner_audit_heads",
    "partner_user_history",
    // Counts, which triggers keep.
    "posture_due",
    "posture_rollups",
    "usage_assets",
    "usage_scans",
    // Only scanners read and write it.
    "vulnerability_database_versions",
];

/// A new table is changed where it is hidden, or says why not.
#[tokio::test]
async fn every_table_of_the_catalogue_is_changed_or_follows() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let all: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let world = World::default();
    let changed: Vec<&str> = tables(&world).into_iter().map(|(table, ..)| table).collect();
    let rest: Vec<_> = all.iter().map(String::as_str).filter(|table| !changed.contains(table)).collect();
    assert_eq!(rest, FOLLOWS);
}
