//! A customer's security configuration, read against the gate's witness only, and as mutations change it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::change::{Changes, Event};
use super::people::Person;
use super::portal::LockedCustomer;
use super::{Reader, StoreError, Writer};
use crate::domain::ids::{ApiKeyId, CustomerId, PartnerId, UserId};
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
    /// As whom it acts, and in which role; none where it is from before keys signed in.
    pub acts_as: Option<(UserId, CustomerRole)>,
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
        r#"select k.customer_id, k.id, k.label, k.user_id, m.role as "role?", k.last_four, k.created_at, k.revoked_at
           from api_keys k
           left join customer_users m on m.customer_id = k.customer_id and m.user_id = k.user_id
           where k.customer_id = any ($1) order by k.created_at, k.id"#,
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    for row in keys {
        let acts_as = match (row.user_id, row.role) {
            (Some(user), Some(role)) => Some((UserId(user), role.parse()?)),
            _ => None,
        };
        if let Some(of) = found.get_mut(&CustomerId(row.customer_id)) {
            of.api_keys.push(ApiKey {
                id: ApiKeyId(row.id),
                label: row.label,
                acts_as,
                last_four: row.last_four,
                created_at: row.created_at,
                revoked_at: row.revoked_at,
            });
        }
    }
    Ok(found)
}

/// How a customer's users sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saml {
    /// Whether they do so through SAML.
    pub enabled: bool,
    /// The identity provider's entity id.
    pub issuer: Option<String>,
}

/// How the users of a locked customer sign in now.
///
/// # Errors
/// When the database does not answer.
pub async fn saml(writer: &mut Writer, customer: &LockedCustomer) -> Result<Saml, StoreError> {
    let row = sqlx::query!(
        "select saml_enabled, saml_issuer from security_settings where customer_id = $1",
        customer.id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| Saml { enabled: row.saml_enabled, issuer: row.saml_issuer }).unwrap_or_default())
}

/// What a user of a customer is, and whether anybody else could keep the customer's users.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The role now.
    pub role: CustomerRole,
    /// Whether there is another ADMIN, enabled and no program.
    pub others_decide: bool,
}

/// The standing of a user of a customer that is locked, and whose security configuration the viewer sees; none
/// where they are none of its users.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(
    writer: &mut Writer,
    customer: CustomerId,
    user: UserId,
) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query!(
        r#"select m.role, exists (select from customer_users o join users u on u.id = o.user_id
                                  where o.customer_id = m.customer_id and o.user_id <> m.user_id and o.role = 'ADMIN'
                                    and u.disabled_at is null and not u.is_service) as "others_decide!"
           from customer_users m where m.customer_id = $1 and m.user_id = $2"#,
        customer.0,
        user.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Standing { role: row.role.parse()?, others_decide: row.others_decide }))
}

impl Changes<'_> {
    /// Sets how a customer's users sign in. The logs say whether through SAML, and not by whom: partners read the customer's
    /// log who do not see its security configuration.
    pub fn set_saml(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        (before, saml): (&Saml, &Saml),
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("insert into security_settings (customer_id, saml_enabled, saml_issuer) values (");
            sql.push_bind(customer.id.0).push(", ").push_bind(saml.enabled);
            sql.push(", ").push_bind(saml.issuer.clone());
            sql.push(
                ") on conflict on constraint security_settings_pkey do update \
                 set saml_enabled = excluded.saml_enabled, saml_issuer = excluded.saml_issuer",
            );
        });
        let word = |saml: &Saml| if saml.enabled { "enabled" } else { "disabled" };
        let event = Event {
            action: "customer.saml_changed",
            old_value: Some(word(before)),
            new_value: Some(word(saml)),
            ..Event::default()
        };
        self.record_operation(customer, by, &event)
    }

    /// Gives a customer's user another role and records it in the customer's log.
    pub fn set_customer_role(
        &mut self,
        customer: &LockedCustomer,
        person: &Person,
        (before, role): (CustomerRole, CustomerRole),
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("update customer_users set role = ").push_bind(role.as_str());
            sql.push(" where customer_id = ").push_bind(customer.id.0);
            sql.push(" and user_id = ").push_bind(person.id.0);
        });
        let (old, new) = (format!("{} as {before}", person.called), format!("{} as {role}", person.called));
        let event = Event {
            action: "customer.user_role_changed",
            old_value: Some(&old),
            new_value: Some(&new),
            ..Event::default()
        };
        self.record_for_customer(customer.id, None, &event)
    }
}
