//! A customer's security configuration, read against the gate's witness only.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Reader, StoreError};
use crate::domain::ids::{ApiKeyId, CustomerId};
use crate::domain::user::CustomerRole;
use crate::policy::{Grant, SecurityConfig};

/// Roles, SAML and API keys of a customer.
#[derive(Clone, Debug, Default)]
pub struct SecurityConfiguration {
    /// Who has which role, by user.
    pub roles: Vec<(String, CustomerRole)>,
    /// Whether users sign in through SAML.
    pub saml_enabled: bool,
    /// The identity provider's entity id.
    pub saml_issuer: Option<String>,
    /// The API keys, oldest first.
    pub api_keys: Vec<ApiKey>,
}

/// An API key, without the key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id, unique within the customer.
    pub id: ApiKeyId,
    /// What it is called.
    pub label: String,
    /// The end of the key.
    pub last_four: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The security configurations of these customers, in three statements however many they are.
///
/// # Errors
/// When the database does not answer.
pub async fn configurations(
    reader: &mut Reader,
    grants: &[Grant<SecurityConfig>],
) -> Result<HashMap<CustomerId, SecurityConfiguration>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.of().0).collect();
    let mut found: HashMap<CustomerId, SecurityConfiguration> =
        grants.iter().map(|grant| (grant.of(), SecurityConfiguration::default())).collect();

    let settings = sqlx::query!(
        "select customer_id, saml_enabled, saml_issuer from security_settings where customer_id = any ($1)",
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    for row in settings {
        if let Some(of) = found.get_mut(&CustomerId(row.customer_id)) {
            of.saml_enabled = row.saml_enabled;
            of.saml_issuer = row.saml_issuer;
        }
    }

    let roles = sqlx::query!(
        r#"select m.customer_id, coalesce(u.email, u.name) as "person!", m.role
           from customer_users m join users u on u.id = m.user_id
           where m.customer_id = any ($1) order by 2, m.user_id"#,
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    for row in roles {
        if let Some(of) = found.get_mut(&CustomerId(row.customer_id)) {
            of.roles.push((row.person, row.role.parse()?));
        }
    }

    let keys = sqlx::query!(
        "select customer_id, id, label, last_four, created_at, revoked_at from api_keys
         where customer_id = any ($1) order by created_at, id",
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    for row in keys {
        if let Some(of) = found.get_mut(&CustomerId(row.customer_id)) {
            of.api_keys.push(ApiKey {
                id: ApiKeyId(row.id),
                label: row.label,
                last_four: row.last_four,
                created_at: row.created_at,
                revoked_at: row.revoked_at,
            });
        }
    }
    Ok(found)
}
