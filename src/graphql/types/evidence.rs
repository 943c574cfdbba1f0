//! Compliance evidence and posture shares.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::finding::Finding;
use super::scan::Scan;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{FindingId, ScanId};
use crate::graphql::loaders::{AttachmentsKey, RowKey};
use crate::graphql::scalars::int;
use crate::graphql::session::session;
use crate::policy::{Grant, Posture};
use crate::store;
use crate::store::evidence::Attachments;
use crate::store::finding::Findings;
use crate::store::scan::Scans;

/// A record for a control of a framework.
pub struct Evidence {
    /// What is stored of it.
    pub row: Arc<store::evidence::Evidence>,
    /// The witness it was read against.
    pub grant: Grant<Posture>,
}

impl Evidence {
    async fn attached(&self, ctx: &Context<'_>) -> Result<Arc<Attachments>> {
        Ok(session(ctx)?.load(AttachmentsKey(self.grant, self.row.id)).await?.unwrap_or_default())
    }
}

/// A record for a control of a compliance framework.
#[Object]
impl Evidence {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Evidence(self.row.customer, self.row.id).to_string().into()
    }

    /// The framework, for instance `ISO 27001`; null for a record that names it with the control.
    async fn framework(&self) -> Option<&str> {
        self.row.framework.as_deref()
    }

    /// The control it speaks to, for instance `A.8.8`.
    async fn control(&self) -> &str {
        &self.row.control
    }

    /// What it is.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// The findings it cites, 50 at most.
    async fn findings(&self, ctx: &Context<'_>) -> Result<Vec<Finding>> {
        let (session, attached) = (session(ctx)?, self.attached(ctx).await?);
        let list = Findings::all(session.now());
        let key = |id: &FindingId| RowKey { parent: self.grant, list: list.clone(), id: id.0 };
        let mut rows = session.load_many(attached.findings.iter().map(key)).await?;
        let found = attached.findings.iter().filter_map(|id| rows.remove(&key(id)));
        Ok(found.map(|row| Finding { row, grant: self.grant }).collect())
    }

    /// The scans it cites, 50 at most.
    async fn scans(&self, ctx: &Context<'_>) -> Result<Vec<Scan>> {
        let (session, attached) = (session(ctx)?, self.attached(ctx).await?);
        let key = |id: &ScanId| RowKey { parent: self.grant, list: Scans, id: id.0 };
        let mut rows = session.load_many(attached.scans.iter().map(key)).await?;
        let found = attached.scans.iter().filter_map(|id| rows.remove(&key(id)));
        Ok(found.map(|row| Scan { row, grant: self.grant }).collect())
    }

    /// Its file; null where none was added. It is read with `GET /evidence/{id}/file`.
    async fn file(&self, ctx: &Context<'_>) -> Result<Option<EvidenceFile>> {
        Ok(self.attached(ctx).await?.file.clone().map(EvidenceFile))
    }

    /// When it was recorded.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// Who recorded it; "another partner" where another partner's people did and a partner asks.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<&str> {
        Ok(self.row.author.as_told_to(&session(ctx)?.viewer().await?))
    }
}

/// The file of a record.
pub struct EvidenceFile(store::evidence::EvidenceFile);

/// The file of a record of evidence, which never changes.
#[Object]
impl EvidenceFile {
    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How many bytes it has.
    async fn size(&self) -> i32 {
        int(self.0.size)
    }

    /// What it is, for instance `application/pdf`.
    async fn media_type(&self) -> &str {
        self.0.media_type.as_str()
    }

    /// SHA-256 of its bytes, in hexadecimal.
    async fn sha256(&self) -> String {
        self.0.sha256_hex()
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
