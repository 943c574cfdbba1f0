//! The customer's security configuration.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::domain::global_id::GlobalId;
use crate::domain::ids::CustomerId;
use crate::graphql::enums::CustomerRole;
use crate::store;

/// Roles, SAML and API keys.
pub struct SecurityConfiguration {
    /// Whose.
    pub customer: CustomerId,
    /// What is stored of it.
    pub row: Arc<store::security::SecurityConfiguration>,
}

/// Roles, SAML settings and API keys of a customer.
#[Object]
impl SecurityConfiguration {
    /// Who has which role, by user.
    async fn roles(&self) -> Vec<RoleBinding> {
        self.row
            .roles
            .iter()
            .map(|(user, role)| RoleBinding { user: user.clone(), role: (*role).into() })
            .collect()
    }

    /// Whether users sign in through SAML.
    async fn saml_enabled(&self) -> bool {
        self.row.saml_enabled
    }

    /// The identity provider's entity id.
    async fn saml_issuer(&self) -> Option<&str> {
        self.row.saml_issuer.as_deref()
    }

    /// The API keys, oldest first.
    async fn api_keys(&self) -> Vec<ApiKey> {
        let key = |key: &store::security::ApiKey| ApiKey {
            id: GlobalId::ApiKey(self.customer, key.id).to_string().into(),
            label: key.label.clone(),
            last_four: key.last_four.clone(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        };
        self.row.api_keys.iter().map(key).collect()
    }
}

/// Who has which role.
#[derive(SimpleObject)]
pub struct RoleBinding {
    /// The user, by e-mail address where there is one.
    user: String,
    /// The role.
    role: CustomerRole,
}

/// An API key, without the key.
#[derive(SimpleObject)]
pub struct ApiKey {
    /// The global id.
    id: ID,
    /// What it is called.
    label: String,
    /// The end of the key.
    last_four: String,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// When it was taken back.
    revoked_at: Option<DateTime<Utc>>,
}
