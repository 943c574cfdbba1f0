//! Software components: posture, read against the gate's witness only.

use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::StoreError;
use super::list::{
    Direction, ILIKE, KeyKind, KeyValue, List, Position, SortKey, TenantList, alphabetical, containing,
};
use crate::domain::ids::{ComponentId, CustomerId, PartnerId};
use crate::policy::{Grant, Posture};

/// A software component of a bill of materials.
#[derive(Clone, Debug)]
pub struct Component {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: ComponentId,
    /// Its name, with its group as its ecosystem writes it.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Its licences: SPDX ids, expressions or names.
    pub licenses: Vec<String>,
}

/// Which components of a customer, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Components {
    /// With this in name, version or package URL, in any case.
    pub text: Option<String>,
}

impl TenantList for Components {
    type Class = Posture;
    type Row = Component;

    const NAME: &'static str = "Customer.components";
    const TABLE: &'static str = "components";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.name, t.version, t.purl, t.licenses";
    const SORT: SortKey = alphabetical("t.name");

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(text) = &self.text {
            let pattern = containing(text);
            sql.push(" and (t.name").push(ILIKE).push_bind(pattern.clone());
            sql.push(" or t.version").push(ILIKE).push_bind(pattern.clone());
            sql.push(" or t.purl").push(ILIKE).push_bind(pattern).push(")");
        }
    }

    fn place(row: &Component) -> (KeyValue, Uuid) {
        (KeyValue::Text(row.name.clone()), row.id.0)
    }

    fn row(row: &PgRow) -> Result<Component, StoreError> {
        Ok(Component {
            customer: CustomerId(row.try_get("customer_id")?),
            id: ComponentId(row.try_get("id")?),
            name: row.try_get("name")?,
            version: row.try_get("version")?,
            purl: row.try_get("purl")?,
            licenses: row.try_get("licenses")?,
        })
    }
}

/// Which components of a partner's customers, by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ComponentSearch {
    /// Whose customers.
    pub partner: PartnerId,
    /// With this in name or package URL, in any case.
    pub text: String,
    /// The customers whose posture the gate shows the viewer: no other is searched.
    pub among: Arc<[Grant<Posture>]>,
}

impl List for ComponentSearch {
    type Parent = PartnerId;
    type Row = Component;

    const NAME: &'static str = "Partner.componentSearch";
    const PARENT: &'static str = "t.partner_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        Components::COLUMNS
    }

    fn parent(parent: &PartnerId) -> Uuid {
        parent.0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("(select ").push_bind(self.partner.0);
        sql.push("::uuid as partner_id, c.* from unnest(");
        sql.push_bind(self.among.iter().map(|grant| grant.of().0).collect::<Vec<_>>());
        sql.push("::uuid[]) v (id) join components c on c.customer_id = v.id) t");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        let pattern = containing(&self.text);
        sql.push(" and (t.name").push(ILIKE).push_bind(pattern.clone());
        sql.push(" or t.purl").push(ILIKE).push_bind(pattern).push(")");
    }

    fn order(&self) -> Vec<SortKey> {
        let id = |expression| SortKey { expression, kind: KeyKind::Id, direction: Direction::Ascending };
        vec![alphabetical("t.name"), id("t.customer_id"), id("t.id")]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &Component) -> Position {
        vec![KeyValue::Text(row.name.clone()), KeyValue::id(row.customer.0), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<Component, StoreError> {
        <Components as TenantList>::row(row)
    }
}
