//! The audit logs of both sides.

pub mod chain;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::StoreError;
use super::list::{Direction, KeyKind, KeyValue, List, Position, SortKey, TenantList, newest_first};
use crate::domain::ids::{AccessId, AuditEventId, CustomerId, PartnerId};
use crate::policy::{Activity, Commercial, Grant, SECURITY_EVENTS, SecurityConfig};

/// What happened, who did it and why.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// Its id, unique within the log.
    pub id: AuditEventId,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as they were called then.
    pub actor: String,
    /// What, for instance `access.operating_model_changed`.
    pub action: String,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What was before.
    pub old_value: Option<String>,
    /// What is now.
    pub new_value: Option<String>,
    /// In which request; none for what was done past the gateway.
    pub request: Option<Uuid>,
}

/// An event of a customer's log.
#[derive(Clone, Debug)]
pub struct CustomerAuditEvent {
    /// Whose log.
    pub customer: CustomerId,
    /// The event.
    pub event: AuditEvent,
}

/// An event of a partner's log.
#[derive(Clone, Debug)]
pub struct PartnerAuditEvent {
    /// Whose log.
    pub partner: PartnerId,
    /// The event.
    pub event: AuditEvent,
    /// The access it is about.
    pub access: Option<(CustomerId, AccessId)>,
}

/// Which events of a log, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    /// One of these actions.
    pub action: Option<Vec<String>>,
    /// At this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
}

impl AuditFilter {
    fn push(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(actions) = &self.action {
            sql.push(" and t.action = any (").push_bind(actions.clone()).push(")");
        }
        if let Some(since) = self.since {
            sql.push(" and t.at >= ").push_bind(since);
        }
        if let Some(until) = self.until {
            sql.push(" and t.at < ").push_bind(until);
        }
    }
}

/// A customer's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CustomerLog {
    /// Which events.
    pub filter: AuditFilter,
    /// The partner that reads: it is told nothing of what is between the customer and other partners. None for the customer's
    /// own people.
    pub partner: Option<PartnerId>,
    /// The witness for who is shown the security configuration, too: without it what was done to that is not there.
    pub security: Option<Grant<SecurityConfig>>,
}

impl TenantList for CustomerLog {
    type Class = Activity;
    type Row = CustomerAuditEvent;

    const NAME: &'static str = "Customer.auditLog";
    const TABLE: &'static str = "customer_audit_events";
    const COLUMNS: &'static str =
        "t.customer_id, t.id, t.at, t.actor, t.action, t.reason, t.old_value, t.new_value, t.request_id";
    const SORT: SortKey = newest_first("t.at");

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        self.filter.push(sql);
        if let Some(partner) = self.partner {
            sql.push(" and (t.partner_id is null or t.partner_id = ").push_bind(partner.0).push(")");
        }
        if self.security.is_none() {
            sql.push(" and t.action <> all (").push_bind(&SECURITY_EVENTS[..]).push(")");
        }
    }

    fn place(row: &CustomerAuditEvent) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.event.at)), row.event.id.0)
    }

    fn row(row: &PgRow) -> Result<CustomerAuditEvent, StoreError> {
        Ok(CustomerAuditEvent { customer: CustomerId(row.try_get("customer_id")?), event: read(row)? })
    }
}

/// A partner's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartnerLog(pub AuditFilter);

impl List for PartnerLog {
    type Parent = Grant<Commercial, PartnerId>;
    type Row = PartnerAuditEvent;

    const NAME: &'static str = "Partner.auditLog";
    const PARENT: &'static str = "t.partner_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        "t.partner_id, t.id, t.at, t.actor, t.action, t.customer_id, t.access_id, t.reason, t.old_value, t.new_value, t.request_id"
    }

    fn parent(grant: &Self::Parent) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("partner_audit_events t");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        self.0.push(sql);
    }

    fn order(&self) -> Vec<SortKey> {
        let id = SortKey { expression: "t.id", kind: KeyKind::Id, direction: Direction::Descending };
        vec![newest_first("t.at"), id]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &PartnerAuditEvent) -> Position {
        vec![KeyValue::time(Some(row.event.at)), KeyValue::id(row.event.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<PartnerAuditEvent, StoreError> {
        let customer: Option<Uuid> = row.try_get("customer_id")?;
        let access: Option<Uuid> = row.try_get("access_id")?;
        Ok(PartnerAuditEvent {
            partner: PartnerId(row.try_get("partner_id")?),
            event: read(row)?,
            access: customer.zip(access).map(|(customer, access)| (CustomerId(customer), AccessId(access))),
        })
    }
}

fn read(row: &PgRow) -> Result<AuditEvent, StoreError> {
    Ok(AuditEvent {
        id: AuditEventId(row.try_get("id")?),
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        reason: row.try_get("reason")?,
        old_value: row.try_get("old_value")?,
        new_value: row.try_get("new_value")?,
        request: row.try_get("request_id")?,
    })
}
