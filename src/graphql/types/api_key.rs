//! API keys of customers and of partners, without the keys.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::global_id::GlobalId;
use crate::domain::ids::CustomerId;
use crate::graphql::enums::{CustomerRole, PartnerRole};
use crate::store;

/// An API key of a customer, without the key.
#[derive(SimpleObject)]
pub struct ApiKey {
    /// The global id.
    id: ID,
    /// What it is called.
    label: String,
    /// The user that it acts as, as `disableUser` takes it; null for a key from before keys signed in.
    user_id: Option<ID>,
    /// The role of that user.
    role: Option<CustomerRole>,
    /// The end of the key.
    last_four: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    pub(crate) fn of(customer: CustomerId, key: &store::security::ApiKey) -> Self {
        Self {
            id: GlobalId::ApiKey(customer, key.id).to_string().into(),
            label: key.label.clone(),
            user_id: key.acts_as.map(|(user, _)| GlobalId::User(user).to_string().into()),
            role: key.acts_as.map(|(_, role)| role.into()),
            last_four: key.last_four.clone(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// An API key of a partner.
pub struct PartnerApiKey(pub Arc<store::api_key::PartnerApiKey>);

/// An API key of a partner, without the key; for the partner's ADMINs.
#[Object]
impl PartnerApiKey {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::PartnerApiKey(self.0.partner, self.0.id).to_string().into()
    }

    /// What it is called.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// The user that it acts as, as `assignOperator` and `disableUser` take it.
    async fn user_id(&self) -> ID {
        GlobalId::User(self.0.user).to_string().into()
    }

    /// The role of that user. An OPERATOR sees only what is assigned to it.
    async fn role(&self) -> PartnerRole {
        self.0.role.into()
    }

    /// The end of the key.
    async fn last_four(&self) -> &str {
        &self.0.last_four
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was taken back.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }
}
