//! Assets: posture, read against the gate's witness only.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::list::{ILIKE, KeyValue, SortKey, TenantList, alphabetical, containing};
use super::{Reader, StoreError};
use crate::domain::asset::AssetKind;
use crate::domain::finding::{Severity, SeverityCounts};
use crate::domain::ids::{AssetId, CustomerId};
use crate::policy::{Grant, Posture};

/// A monitored asset.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: AssetId,
    /// What it is.
    pub kind: AssetKind,
    /// Its canonical form.
    pub value: String,
    /// When it was first seen.
    pub first_seen_at: DateTime<Utc>,
}

/// Which assets of a customer, by value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Assets {
    /// Of one of these kinds.
    pub kind: Option<Vec<AssetKind>>,
    /// With this in the value, in any case.
    pub text: Option<String>,
}

impl TenantList for Assets {
    type Class = Posture;
    type Row = Asset;

    const NAME: &'static str = "Customer.assets";
    const TABLE: &'static str = "assets";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.kind, t.value, t.first_seen_at";
    const SORT: SortKey = alphabetical("t.value");

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(kinds) = &self.kind {
            let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            sql.push(" and t.kind = any (").push_bind(kinds).push(")");
        }
        if let Some(text) = &self.text {
            sql.push(" and t.value").push(ILIKE).push_bind(containing(text));
        }
    }

    fn place(row: &Asset) -> (KeyValue, Uuid) {
        (KeyValue::Text(row.value.clone()), row.id.0)
    }

    fn row(row: &PgRow) -> Result<Asset, StoreError> {
        Ok(Asset {
            customer: CustomerId(row.try_get("customer_id")?),
            id: AssetId(row.try_get("id")?),
            kind: row.try_get::<&str, _>("kind")?.parse()?,
            value: row.try_get("value")?,
            first_seen_at: row.try_get("first_seen_at")?,
        })
    }
}

/// Open findings on each of these assets, by severity.
///
/// # Errors
/// When the database does not answer.
pub async fn open_findings(
    reader: &mut Reader,
    assets: &[(Grant<Posture>, AssetId)],
) -> Result<Vec<((CustomerId, AssetId), SeverityCounts)>, StoreError> {
    let customers: Vec<_> = assets.iter().map(|(grant, _)| grant.of().0).collect();
    let ids: Vec<_> = assets.iter().map(|(_, id)| id.0).collect();
    let rows = sqlx::query!(
        r#"select f.customer_id, f.asset_id as "asset_id!", f.severity, count(*) as "count!"
           from findings f
           where (f.customer_id, f.asset_id) in (select * from unnest($1::uuid[], $2::uuid[]))
             and f.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')
           group by f.customer_id, f.asset_id, f.severity"#,
        &customers,
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let mut counts = SeverityCounts::default();
            counts.add(Severity::from_rank(row.severity), row.count);
            ((CustomerId(row.customer_id), AssetId(row.asset_id)), counts)
        })
        .collect())
}
