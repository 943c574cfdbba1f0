//! Compliance evidence and posture shares.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use crate::domain::global_id::GlobalId;
use crate::graphql::session::session;
use crate::store;

/// A record for a control of a framework.
pub struct Evidence(pub Arc<store::evidence::Evidence>);

/// A record for a control of a compliance framework.
#[Object]
impl Evidence {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Evidence(self.0.customer, self.0.id).to_string().into()
    }

    /// The control it speaks to, for instance `ISO 27001 A.8.8`.
    async fn control(&self) -> &str {
        &self.0.control
    }

    /// What it is.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// When it was recorded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Who recorded it.
    async fn created_by(&self) -> &str {
        &self.0.created_by
    }
}

/// A summary shared with an outsider.
pub struct PostureShare(pub Arc<store::evidence::PostureShare>);

/// A posture summary shared with an outsider.
#[Object]
impl PostureShare {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::PostureShare(self.0.customer, self.0.id).to_string().into()
    }

    /// What it is called.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Until when it works.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When it was taken back.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }
    /// Who made it; "another partner" where another partner's people did and a partner asks.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<&str> {
        Ok(self.0.author.as_told_to(&session(ctx)?.viewer().await?))
    }
}
