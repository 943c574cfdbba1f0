//! API keys: those of a customer and of a partner as mutations make, find and revoke them, and the list of a partner's. Each acts
//! as a service user of its own.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::change::{Changes, Event};
use super::list::{Direction, KeyKind, KeyValue, List, Position, SortKey, newest_first};
use super::portal::LockedCustomer;
use super::{StoreError, Writer};
use crate::domain::ids::{ApiKeyId, CustomerId, PartnerId, UserId};
use crate::domain::secret::Secret;
use crate::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use crate::policy::{Commercial, Grant};

/// A key of a partner, without the key.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named after the columns")]
pub struct PartnerApiKey {
    pub partner: PartnerId,
    pub id: ApiKeyId,
    pub user: UserId,
    pub label: String,
    pub role: PartnerRole,
    pub last_four: String,
    pub created_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The keys of a partner, for its ADMINs; newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartnerApiKeys;

impl List for PartnerApiKeys {
    type Parent = Grant<Commercial, PartnerId>;
    type Row = PartnerApiKey;

    const NAME: &'static str = "Partner.apiKeys";
    const PARENT: &'static str = "t.partner_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        "t.partner_id, t.id, t.user_id, t.label, m.role, t.last_four, t.created_at, t.revoked_at"
    }

    fn parent(grant: &Self::Parent) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("partner_api_keys t join partner_users m on m.partner_id = t.partner_id and m.user_id = t.user_id");
    }

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn order(&self) -> Vec<SortKey> {
        let id = SortKey { expression: "t.id", kind: KeyKind::Id, direction: Direction::Descending };
        vec![newest_first("t.created_at"), id]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &PartnerApiKey) -> Position {
        vec![KeyValue::time(Some(row.created_at)), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<PartnerApiKey, StoreError> {
        Ok(PartnerApiKey {
            partner: PartnerId(row.try_get("partner_id")?),
            id: ApiKeyId(row.try_get("id")?),
            user: UserId(row.try_get("user_id")?),
            label: row.try_get("label")?,
            role: row.try_get::<&str, _>("role")?.parse()?,
            last_four: row.try_get("last_four")?,
            created_at: row.try_get("created_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

/// What a new key is called, and itself.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'k> {
    /// What it and its user are called.
    pub label: &'k str,
    /// The key, of which the end and the hash are kept.
    pub secret: &'k Secret,
}

/// A key as whoever would revoke it finds it.
#[derive(Clone, Debug)]
pub struct FoundKey<Role> {
    /// Which.
    pub id: ApiKeyId,
    /// What it is called.
    pub label: String,
    /// As whom it acts, and in which role; none where it is from before keys signed in.
    pub acts_as: Option<(UserId, Role)>,
    /// Whether it was revoked already.
    pub is_revoked: bool,
}

/// A key of a locked customer; none where it is not the viewer's to see.
///
/// # Errors
/// When the database does not answer.
pub async fn of_customer(
    writer: &mut Writer,
    customer: CustomerId,
    id: ApiKeyId,
) -> Result<Option<FoundKey<CustomerRole>>, StoreError> {
    let row = sqlx::query!(
        r#"select k.label, k.user_id, m.role as "role?", k.revoked_at is not null as "is_revoked!"
           from api_keys k
           left join customer_users m on m.customer_id = k.customer_id and m.user_id = k.user_id
           where k.customer_id = $1 and k.id = $2"#,
        customer.0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let acts_as = match (row.user_id, row.role) {
        (Some(user), Some(role)) => Some((UserId(user), role.parse()?)),
        _ => None,
    };
    Ok(Some(FoundKey { id, label: row.label, acts_as, is_revoked: row.is_revoked }))
}

/// A key of a partner; none where it is not the viewer's to see.
///
/// # Errors
/// When the database does not answer.
pub async fn of_partner(
    writer: &mut Writer,
    partner: PartnerId,
    id: ApiKeyId,
) -> Result<Option<FoundKey<PartnerRole>>, StoreError> {
    let row = sqlx::query!(
        r#"select k.label, k.user_id, m.role, k.revoked_at is not null as "is_revoked!"
           from partner_api_keys k
           join partner_users m on m.partner_id = k.partner_id and m.user_id = k.user_id
           where k.partner_id = $1 and k.id = $2"#,
        partner.0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let acts_as = Some((UserId(row.user_id), row.role.parse()?));
    Ok(Some(FoundKey { id, label: row.label, acts_as, is_revoked: row.is_revoked }))
}

/// Locks a partner's key and says whether it was revoked by now; none where it is not the viewer's to revoke.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_of_partner(
    writer: &mut Writer,
    partner: PartnerId,
    id: ApiKeyId,
) -> Result<Option<bool>, StoreError> {
    let is_revoked = sqlx::query_scalar!(
        r#"select revoked_at is not null as "is_revoked!" from partner_api_keys
           where partner_id = $1 and id = $2 for no key update"#,
        partner.0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(is_revoked)
}

impl Changes<'_> {
    /// Makes a key of a customer and the user that it acts as. The customer's log says so and, where a partner makes it, the
    /// partner's, which is not told what it is called: that is hidden from the partner once it no longer operates the customer.
    pub fn make_customer_key(
        &mut self,
        customer: &LockedCustomer,
        key: &NewKey<'_>,
        role: CustomerRole,
    ) -> ApiKeyId {
        let user = self.service_user(ViewerKind::CustomerUser, key.label);
        self.change(|sql| {
            sql.push("insert into customer_users (customer_id, user_id, role) values (");
            sql.push_bind(customer.id.0).push(", ").push_bind(user.0);
            sql.push(", ").push_bind(role.as_str()).push(")");
        });
        let id = self.key("api_keys (customer_id", customer.id.0, user, key);
        let new = format!("{} as {role}", key.label);
        let event = Event { action: "customer.api_key_created", new_value: Some(&new), ..Event::default() };
        self.record_for_customer(customer.id, None, &event);
        id
    }

    /// Revokes a key of a customer and disables the user that it acted as.
    pub fn revoke_customer_key(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        key: &FoundKey<CustomerRole>,
    ) -> &mut Self {
        self.revoke("api_keys", "customer_id", customer.id.0, key);
        let event =
            Event { action: "customer.api_key_revoked", old_value: Some(&key.label), ..Event::default() };
        self.record_operation(customer, by, &event)
    }

    /// Makes a key of a partner and the user that it acts as, and records it in the partner's log.
    pub fn make_partner_key(&mut self, partner: PartnerId, key: &NewKey<'_>, role: PartnerRole) -> ApiKeyId {
        let user = self.service_user(ViewerKind::PartnerUser, key.label);
        self.change(|sql| {
            sql.push("insert into partner_users (partner_id, user_id, role) values (");
            sql.push_bind(partner.0).push(", ").push_bind(user.0);
            sql.push(", ").push_bind(role.as_str()).push(")");
        });
        let id = self.key("partner_api_keys (partner_id", partner.0, user, key);
        let new = format!("{} as {role}", key.label);
        let event = Event { action: "partner.api_key_created", new_value: Some(&new), ..Event::default() };
        self.record_for_partner(partner, None, &event);
        id
    }

    /// Revokes a key of a partner and disables the user that it acted as.
    pub fn revoke_partner_key(&mut self, partner: PartnerId, key: &FoundKey<PartnerRole>) -> &mut Self {
        self.revoke("partner_api_keys", "partner_id", partner.0, key);
        let event =
            Event { action: "partner.api_key_revoked", old_value: Some(&key.label), ..Event::default() };
        self.record_for_partner(partner, None, &event)
    }

    fn service_user(&mut self, kind: ViewerKind, name: &str) -> UserId {
        let (id, now) = (self.author().new_id(), self.author().now);
        self.change(|sql| {
            sql.push("insert into users (id, kind, name, created_at, is_service) values (").push_bind(id);
            sql.push(", ").push_bind(kind.as_str()).push(", ").push_bind(name.to_owned());
            sql.push(", ").push_bind(now).push(", true)");
        });
        UserId(id)
    }

    /// `table` ends in the column that says whose the key is.
    fn key(&mut self, table: &'static str, whose: Uuid, user: UserId, key: &NewKey<'_>) -> ApiKeyId {
        let (id, now) = (self.author().new_id(), self.author().now);
        self.change(|sql| {
            sql.push("insert into ").push(table);
            sql.push(", id, user_id, label, last_four, secret_hash, created_at) values (").push_bind(whose);
            sql.push(", ").push_bind(id).push(", ").push_bind(user.0);
            sql.push(", ").push_bind(key.label.to_owned());
            sql.push(", ").push_bind(key.secret.last_four().to_owned());
            sql.push(", ").push_bind(key.secret.hash().to_vec()).push(", ").push_bind(now).push(")");
        });
        ApiKeyId(id)
    }

    /// The user, too: a request that was signed in by the key a moment before finds nobody, and who could see what tells of nobody
    /// who no longer can.
    fn revoke<Role>(&mut self, table: &'static str, column: &'static str, whose: Uuid, key: &FoundKey<Role>) {
        let now = self.author().now;
        self.change(|sql| {
            sql.push("update ").push(table).push(" set revoked_at = ").push_bind(now);
            sql.push(" where ").push(column).push(" = ").push_bind(whose);
            sql.push(" and id = ").push_bind(key.id.0);
        });
        if let Some((user, _)) = key.acts_as {
            self.change(|sql| {
                sql.push("update users set disabled_at = coalesce(disabled_at, ").push_bind(now);
                sql.push(") where id = ").push_bind(user.0);
            });
        }
    }
}
