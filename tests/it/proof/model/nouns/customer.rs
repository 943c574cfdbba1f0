//! Customers: what stands behind the gate is decided for (viewer, customer).

use std::cmp::{Ordering, Reverse};

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::store::seed::{self, Customer, Finding};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Answer, Arguments, Model, Object, among, contains, global, instant, leaf, maybe_instant, visibility,
};
use crate::proof::model::gate::{ACTIVITY, POSTURE, SECURITY_CONFIG, Who};
use crate::proof::model::page::List;
use crate::support::events::is_of_security;

impl<'w> Model<'w> {
    pub(super) fn customer(
        &self,
        row: &'w Customer,
        name: &str,
        arguments: &Arguments,
    ) -> Option<Answer<'w>> {
        let own = row.customer_id;
        let class = match name {
            "auditLog" => Some(ACTIVITY),
            "accessRecords" => return Some(self.access_records(row, arguments)),
            "exposure" => return Some(self.exposure(row, arguments)),
            "securityConfiguration" | "users" => Some(SECURITY_CONFIG),
            "findings" | "posture" | "assets" | "components" | "scans" | "scanSchedules" | "evidence"
            | "postureShares" | "lastScanAt" | "postureTrend" | "changes" | "slaPolicy" => Some(POSTURE),
            _ => None,
        };
        if let Some(class) = class
            && let Some(reason) = self.on_customer(class, own)
        {
            return Some(Answer::Hidden(class, reason));
        }
        let world = self.world();
        macro_rules! list {
            ($table:ident, $object:ident, $type:literal, $sort:expr) => {
                list!($table, $object, $type, $sort, |_| true)
            };
            ($table:ident, $object:ident, $type:literal, $sort:expr, $passes:expr) => {{
                let mut rows: Vec<_> = world.$table.iter().filter(|row| row.customer_id == own).collect();
                rows.sort_by_key($sort);
                self.list(
                    row,
                    name,
                    concat!($type, "Connection"),
                    concat!($type, "Edge"),
                    arguments,
                    rows.into_iter().map(|row| (row.id.0, Object::$object(row), $passes(row))).collect(),
                )
            }};
        }
        let filter = arguments.get("filter").cloned().unwrap_or_default();
        let part = |name: &str| filter.get(name).filter(|part| !part.is_null());
        Some(match name {
            "id" => global(GlobalId::Customer(own)),
            "name" => leaf(row.name.as_str()),
            "portalAccess" => leaf(row.portal_access.as_str()),
            "createdAt" => instant(row.created_at),
            "access" => {
                let access = self.gate.deciding(self.user, self.asking(), own);
                Answer::One(access.map(Object::Access))
            }
            "accesses" => match self.asking() {
                Who::Customer(_, role) if self.gate.customer_sees_accesses(own, role) => {
                    list!(accesses, Access, "Access", |row| (row.created_at, row.id))
                }
                _ => Answer::One(None),
            },
            "visibility" => visibility(|class| self.on_customer(class, own)),
            "lastScanAt" => maybe_instant(self.last_scan(own)),
            "posture" => self.posture(own),
            "postureTrend" => self.posture_trend(own, arguments),
            "changes" => self.changes(own, arguments),
            "slaPolicy" => self.sla_policy(own),
            "securityConfiguration" => self.security_configuration(own),
            "users" => self.customer_users(row, arguments),
            "findings" => self.findings(row, arguments),
            "assets" => {
                list!(assets, Asset, "Asset", |row| (row.value.clone(), row.id), |row: &seed::Asset| {
                    among(part("kind"), Some(row.kind.as_str()))
                        && contains(part("text"), &[Some(&row.value)])
                })
            }
            "components" => {
                list!(
                    components,
                    Component,
                    "Component",
                    |row| (row.name.clone(), row.id),
                    |row: &seed::Component| {
                        contains(
                            part("text"),
                            &[Some(&row.name), row.version.as_deref(), row.purl.as_deref()],
                        )
                    }
                )
            }
            "scans" => list!(scans, Scan, "Scan", |row| Reverse((row.requested_at, row.id))),
            "scanSchedules" => {
                list!(scan_schedules, ScanSchedule, "ScanSchedule", |row| Reverse((row.created_at, row.id)))
            }
            "evidence" => list!(evidence, Evidence, "Evidence", |row| Reverse((row.created_at, row.id))),
            "postureShares" => {
                list!(posture_shares, PostureShare, "PostureShare", |row| Reverse((row.created_at, row.id)))
            }
            "auditLog" => {
                let security = self.on_customer(SECURITY_CONFIG, own).is_none();
                let log = |row: &seed::CustomerAuditEvent| {
                    (security || !is_of_security(&row.action))
                        && super::audit::passes(&filter, &row.action, row.at)
                };
                let key = |row: &&seed::CustomerAuditEvent| Reverse((row.at, row.id));
                list!(customer_audit_events, CustomerAuditEvent, "CustomerAuditEvent", key, log)
            }
            _ => return None,
        })
    }

    fn list(
        &self,
        of: &Customer,
        field: &str,
        connection: &'static str,
        edge: &'static str,
        arguments: &Arguments,
        rows: Vec<(Uuid, Object<'w>, bool)>,
    ) -> Answer<'w> {
        let list = List { name: format!("Customer.{field} {}", of.customer_id), rows, connection, edge };
        list.page(&self.cursors, arguments)
    }

    fn findings(&self, of: &'w Customer, arguments: &Arguments) -> Answer<'w> {
        let order = arguments.get("orderBy");
        let part = |name: &str| order.and_then(|order| order[name].as_str());
        let (field, direction) = (part("field").unwrap_or("SEVERITY"), part("direction").unwrap_or("DESC"));
        let mut rows: Vec<_> =
            self.world().findings.iter().filter(|row| row.customer_id == of.customer_id).collect();
        rows.sort_by(|a, b| compare_findings(a, b, field, direction));
        let filter = arguments.get("filter").filter(|filter| !filter.is_null());
        let passes = |row: &Finding| {
            let part = |name: &str| filter.and_then(|filter| filter.get(name)).filter(|part| !part.is_null());
            let texts = [
                Some(row.title.as_str()),
                row.description.as_deref(),
                row.rule_id.as_deref(),
                row.cve.as_deref(),
            ];
            among(part("severity"), Some(row.severity.as_str()))
                && among(part("status"), Some(row.status.as_str()))
                && part("slaBreached").is_none_or(|breached| *breached == Value::Bool(self.breached(row)))
                && contains(part("text"), &texts)
        };
        let list = List {
            name: format!("Customer.findings {} {field} {direction}", of.customer_id),
            rows: rows.into_iter().map(|row| (row.id.0, Object::Finding(row), passes(row))).collect(),
            connection: "FindingConnection",
            edge: "FindingEdge",
        };
        list.page(&self.cursors, arguments)
    }
}

fn compare_findings(a: &Finding, b: &Finding, field: &str, direction: &str) -> Ordering {
    let directed = |ordering: Ordering| if direction == "ASC" { ordering } else { ordering.reverse() };
    let own = match field {
        "SEVERITY" => directed(a.severity.rank().cmp(&b.severity.rank())),
        "FIRST_SEEN_AT" => directed(a.first_seen_at.cmp(&b.first_seen_at)),
        "LAST_SEEN_AT" => directed(a.last_seen_at.cmp(&b.last_seen_at)),
        "SLA_DUE_AT" => match (a.sla_due_at, b.sla_due_at) {
            (Some(a), Some(b)) => directed(a.cmp(&b)),
            // Without a due date comes last in both directions.
            (a, b) => a.is_none().cmp(&b.is_none()),
        },
        other => panic!("the model does not know the order {other}"),
    };
    own.then_with(|| directed(a.id.cmp(&b.id)))
}
