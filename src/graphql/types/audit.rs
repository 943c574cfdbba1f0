//! The audit logs of both sides.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::access::Access;
use crate::domain::global_id::GlobalId;
use crate::graphql::session::session;
use crate::store;

/// Which events; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct AuditFilter {
    /// One of these actions, for instance `access.operating_model_changed`.
    action: Option<Vec<String>>,
    /// At this instant or later. An event has the instant of its request and is there when that has ended: who reads what is new again and
    /// again asks for a minute more than they have, and knows by the ids what they have.
    since: Option<DateTime<Utc>>,
    /// Before this instant.
    until: Option<DateTime<Utc>>,
}

impl From<AuditFilter> for store::audit::AuditFilter {
    fn from(filter: AuditFilter) -> Self {
        // No action has a NUL in its name, and the database could not be asked for one.
        let action =
            filter.action.map(|all| all.into_iter().filter(|action| !action.contains('\0')).collect());
        // Nothing happened before, and the database does not reach as far back as a DateTime.
        let reachable = |instant: DateTime<Utc>| instant.max(DateTime::UNIX_EPOCH);
        Self { action, since: filter.since.map(reachable), until: filter.until.map(reachable) }
    }
}

/// An event of a partner's log.
pub struct PartnerAuditEvent(pub Arc<store::audit::PartnerAuditEvent>);

/// An event of a partner's audit log.
#[Object]
impl PartnerAuditEvent {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::PartnerAuditEvent(self.0.partner, self.0.event.id).to_string().into()
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.event.at
    }

    /// Who, as they were called then.
    async fn actor(&self) -> &str {
        &self.0.event.actor
    }

    /// What, for instance `access.operating_model_changed`.
    async fn action(&self) -> &str {
        &self.0.event.action
    }

    /// The access it is about, if it is about one.
    async fn access(&self, ctx: &Context<'_>) -> Option<Result<Access>> {
        let found: Result<Option<Access>> = async {
            let Some((customer, access)) = self.0.access else { return Ok(None) };
            Ok(session(ctx)?.access(customer, access).await?.map(Access))
        }
        .await;
        found.transpose()
    }

    /// Why, in the actor's words.
    async fn reason(&self) -> Option<&str> {
        self.0.event.reason.as_deref()
    }

    /// What was before.
    async fn old_value(&self) -> Option<&str> {
        self.0.event.old_value.as_deref()
    }

    /// What is now.
    async fn new_value(&self) -> Option<&str> {
        self.0.event.new_value.as_deref()
    }

    /// The request in which it was done; null for what was done past the gateway.
    async fn request_id(&self) -> Option<String> {
        self.0.event.request.map(|request| request.to_string())
    }
}

/// An event of a customer's log.
pub struct CustomerAuditEvent(pub Arc<store::audit::CustomerAuditEvent>);

/// An event of a customer's audit log.
#[Object]
impl CustomerAuditEvent {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::CustomerAuditEvent(self.0.customer, self.0.event.id).to_string().into()
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.event.at
    }

    /// Who, as they were called then.
    async fn actor(&self) -> &str {
        &self.0.event.actor
    }

    /// What, for instance `access.operating_model_changed`.
    async fn action(&self) -> &str {
        &self.0.event.action
    }

    /// Why, in the actor's words.
    async fn reason(&self) -> Option<&str> {
        self.0.event.reason.as_deref()
    }

    /// What was before.
    async fn old_value(&self) -> Option<&str> {
        self.0.event.old_value.as_deref()
    }

    /// What is now.
    async fn new_value(&self) -> Option<&str> {
        self.0.event.new_value.as_deref()
    }

    /// The request in which it was done; null for what was done past the gateway.
    async fn request_id(&self) -> Option<String> {
        self.0.event.request.map(|request| request.to_string())
    }
}
