//! The people of a partner and of a customer, by name.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::{CustomerRole, PartnerRole};
use crate::policy::{Commercial, Grant, SecurityConfig};
use crate::store::StoreError;
use crate::store::list::{Direction, KeyKind, KeyValue, List, Position, SortKey, alphabetical};

/// A user of a partner.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named after the columns")]
pub struct PartnerUser {
    pub partner: PartnerId,
    pub id: UserId,
    pub name: String,
    pub email: Option<String>,
    pub role: PartnerRole,
    pub disabled_at: Option<DateTime<Utc>>,
    pub is_service: bool,
}

/// A user of a customer.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "named after the columns")]
pub struct CustomerUser {
    pub customer: CustomerId,
    pub id: UserId,
    pub name: String,
    pub email: Option<String>,
    pub role: CustomerRole,
    pub disabled_at: Option<DateTime<Utc>>,
    pub is_service: bool,
}

/// By name, then by id.
fn by_name() -> Vec<SortKey> {
    let id = SortKey { expression: "u.id", kind: KeyKind::Id, direction: Direction::Ascending };
    vec![alphabetical("u.name"), id]
}

/// The users of a partner, for its ADMINs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PartnerUsers;

impl List for PartnerUsers {
    type Parent = Grant<Commercial, PartnerId>;
    type Row = PartnerUser;

    const NAME: &'static str = "Partner.users";
    const PARENT: &'static str = "m.partner_id";
    const ID: &'static str = "u.id";

    fn columns(&self) -> &'static str {
        "m.partner_id, u.id, u.name, u.email, m.role, u.disabled_at, u.is_service"
    }

    fn parent(grant: &Self::Parent) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("partner_users m join users u on u.id = m.user_id");
    }

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn order(&self) -> Vec<SortKey> {
        by_name()
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &PartnerUser) -> Position {
        vec![KeyValue::Text(row.name.clone()), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<PartnerUser, StoreError> {
        Ok(PartnerUser {
            partner: PartnerId(row.try_get("partner_id")?),
            id: UserId(row.try_get("id")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            role: row.try_get::<&str, _>("role")?.parse()?,
            disabled_at: row.try_get("disabled_at")?,
            is_service: row.try_get("is_service")?,
        })
    }
}

/// The users of a customer, for those who see its security configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomerUsers;

impl List for CustomerUsers {
    type Parent = Grant<SecurityConfig>;
    type Row = CustomerUser;

    const NAME: &'static str = "Customer.users";
    const PARENT: &'static str = "m.customer_id";
    const ID: &'static str = "u.id";

    fn columns(&self) -> &'static str {
        "m.customer_id, u.id, u.name, u.email, m.role, u.disabled_at, u.is_service"
    }

    fn parent(grant: &Self::Parent) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("customer_users m join users u on u.id = m.user_id");
    }

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn order(&self) -> Vec<SortKey> {
        by_name()
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &CustomerUser) -> Position {
        vec![KeyValue::Text(row.name.clone()), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<CustomerUser, StoreError> {
        Ok(CustomerUser {
            customer: CustomerId(row.try_get("customer_id")?),
            id: UserId(row.try_get("id")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            role: row.try_get::<&str, _>("role")?.parse()?,
            disabled_at: row.try_get("disabled_at")?,
            is_service: row.try_get("is_service")?,
        })
    }
}
