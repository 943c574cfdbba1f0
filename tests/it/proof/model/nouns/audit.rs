//! The audit logs of both sides, newest first.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::store::seed::{CustomerAuditEvent, Partner, PartnerAuditEvent};
use serde_json::Value;

use super::{Answer, Arguments, Model, Object, among, global, instant, instant_of, leaf};
use crate::proof::model::page::List;

/// `since` or later, before `until`.
pub(super) fn passes(filter: &Value, action: &str, at: DateTime<Utc>) -> bool {
    let part = |name: &str| filter.get(name).filter(|part| !part.is_null());
    among(part("action"), Some(action))
        && instant_of(part("since")).is_none_or(|since| at >= since)
        && instant_of(part("until")).is_none_or(|until| at < until)
}

impl<'w> Model<'w> {
    pub(super) fn partner_audit_log(&self, partner: &'w Partner, arguments: &Arguments) -> Answer<'w> {
        let filter = arguments.get("filter").cloned().unwrap_or_default();
        let mut rows: Vec<_> =
            self.world().partner_audit_events.iter().filter(|row| row.partner_id == partner.id).collect();
        rows.sort_by_key(|row| Reverse((row.at, row.id)));
        let entry = |row: &'w PartnerAuditEvent| {
            (row.id.0, Object::PartnerAuditEvent(row), passes(&filter, &row.action, row.at))
        };
        let list = List {
            name: format!("Partner.auditLog {}", partner.id),
            rows: rows.into_iter().map(entry).collect(),
            connection: "PartnerAuditEventConnection",
            edge: "PartnerAuditEventEdge",
        };
        list.page(&self.cursors, arguments)
    }

    pub(super) fn partner_audit_event(&self, row: &'w PartnerAuditEvent, name: &str) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::PartnerAuditEvent(row.partner_id, row.id)),
            "access" => {
                let access = self.world().accesses.iter().find(|access| Some(access.id) == row.access_id);
                Answer::One(access.filter(|access| self.exists(access)).map(Object::Access))
            }
            "at" => instant(row.at),
            "actor" => leaf(row.actor.as_str()),
            "action" => leaf(row.action.as_str()),
            "reason" => leaf(row.reason.clone()),
            "oldValue" => leaf(row.old_value.clone()),
            "newValue" => leaf(row.new_value.clone()),
            // Written past the gateway.
            "requestId" => leaf(Value::Null),
            _ => return None,
        })
    }
}

pub(super) fn customer_audit_event<'w>(row: &'w CustomerAuditEvent, name: &str) -> Option<Answer<'w>> {
    Some(match name {
        "id" => global(GlobalId::CustomerAuditEvent(row.customer_id, row.id)),
        "at" => instant(row.at),
        "actor" => leaf(row.actor.as_str()),
        "action" => leaf(row.action.as_str()),
        "reason" => leaf(row.reason.clone()),
        "oldValue" => leaf(row.old_value.clone()),
        "newValue" => leaf(row.new_value.clone()),
        // Written past the gateway.
        "requestId" => leaf(Value::Null),
        _ => return None,
    })
}
