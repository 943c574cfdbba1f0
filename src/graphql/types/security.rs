//! The customer's security configuration.

use std::sync::Arc;

use async_graphql::{Object, SimpleObject};

use super::api_key::ApiKey;
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
        self.row.api_keys.iter().map(|key| ApiKey::of(self.customer, key)).collect()
    }
}

/// Who has which role.
#[derive(SimpleObject)]
pub struct RoleBinding {
    /// The user, by e-mail address where there is one; a program by its key's label.
    user: String,
    /// The role.
    role: CustomerRole,
}
