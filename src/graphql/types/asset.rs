//! The inventory: assets and software components.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::dashboard::SeverityCounts;
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::AssetKind;
use crate::graphql::loaders::AssetFindingsKey;
use crate::graphql::session::session;
use crate::policy::{Grant, Posture};
use crate::store;

/// A monitored asset.
pub struct Asset {
    /// What is stored of it.
    pub row: Arc<store::asset::Asset>,
    /// The witness it was read against.
    pub grant: Grant<Posture>,
}

/// Which assets; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct AssetFilter {
    /// Of one of these kinds.
    pub(super) kind: Option<Vec<AssetKind>>,
    /// With this text in the value, in any case.
    pub(super) text: Option<String>,
}

/// A monitored asset: a distinct domain, subdomain, IP address, web application or API, counted once.
#[Object]
impl Asset {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Asset(self.row.customer, self.row.id).to_string().into()
    }

    /// What it is.
    async fn kind(&self) -> AssetKind {
        self.row.kind.into()
    }

    /// Its canonical form, for instance `shop.example.com`.
    async fn value(&self) -> &str {
        &self.row.value
    }

    /// When it was first seen.
    async fn first_seen_at(&self) -> DateTime<Utc> {
        self.row.first_seen_at
    }

    /// Its open findings.
    async fn open_findings(&self, ctx: &Context<'_>) -> Result<SeverityCounts> {
        let counts = session(ctx)?.load(AssetFindingsKey(self.grant, self.row.id)).await?;
        Ok(counts.unwrap_or_default().into())
    }
}

/// A software component.
pub struct Component(pub Arc<store::component::Component>);

/// Which components; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct ComponentFilter {
    /// With this text in name, version or package URL, in any case.
    pub(super) text: Option<String>,
}

/// A software component of a bill of materials.
#[Object]
impl Component {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Component(self.0.customer, self.0.id).to_string().into()
    }

    /// Its name, with its group as its ecosystem writes it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its version.
    async fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// Its package URL.
    async fn purl(&self) -> Option<&str> {
        self.0.purl.as_deref()
    }

    /// Its licences: SPDX ids, expressions or names.
    async fn licenses(&self) -> &[String] {
        &self.0.licenses
    }
}
