//! Compliance evidence and posture shares: posture, read against the gate's witness only.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::StoreError;
use super::list::{KeyValue, SortKey, TenantList, newest_first};
use crate::domain::ids::{CustomerId, EvidenceId, PartnerId, PostureShareId};
use crate::policy::{Posture, Viewer};

/// Who wrote something down about a customer.
#[derive(Clone, Debug)]
pub struct RecordedBy {
    name: String,
    partner: Option<PartnerId>,
}

impl RecordedBy {
    fn row(row: &PgRow) -> Result<Self, StoreError> {
        let partner: Option<Uuid> = row.try_get("created_by_partner")?;
        Ok(Self { name: row.try_get("created_by")?, partner: partner.map(PartnerId) })
    }

    /// What a viewer may call them: the people of one partner are not named to another one.
    #[must_use]
    pub fn as_told_to(&self, viewer: &Viewer) -> &str {
        match (viewer.partner(), self.partner) {
            (Some(own), Some(partner)) if own != partner => "another partner",
            _ => &self.name,
        }
    }
}

/// A record for a control of a framework.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: EvidenceId,
    /// The control it speaks to.
    pub control: String,
    /// What it is.
    pub title: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// Who recorded it.
    pub created_by: String,
}

/// All evidence of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EvidenceRecords;

impl TenantList for EvidenceRecords {
    type Class = Posture;
    type Row = Evidence;

    const NAME: &'static str = "Customer.evidence";
    const TABLE: &'static str = "evidence";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.control, t.title, t.created_at, t.created_by";
    const SORT: SortKey = newest_first("t.created_at");

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn place(row: &Evidence) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.created_at)), row.id.0)
    }

    fn row(row: &PgRow) -> Result<Evidence, StoreError> {
        Ok(Evidence {
            customer: CustomerId(row.try_get("customer_id")?),
            id: EvidenceId(row.try_get("id")?),
            control: row.try_get("control")?,
            title: row.try_get("title")?,
            created_at: row.try_get("created_at")?,
            created_by: row.try_get("created_by")?,
        })
    }
}

/// A summary shared with an outsider.
#[derive(Clone, Debug)]
pub struct PostureShare {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: PostureShareId,
    /// What it is called.
    pub label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Who made it.
    pub author: RecordedBy,
}

/// Every share of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PostureShares;

impl TenantList for PostureShares {
    type Class = Posture;
    type Row = PostureShare;

    const NAME: &'static str = "Customer.postureShares";
    const TABLE: &'static str = "posture_shares";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.label, t.created_at, t.expires_at, t.revoked_at, t.created_by, t.created_by_partner";
    const SORT: SortKey = newest_first("t.created_at");

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn place(row: &PostureShare) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.created_at)), row.id.0)
    }

    fn row(row: &PgRow) -> Result<PostureShare, StoreError> {
        Ok(PostureShare {
            customer: CustomerId(row.try_get("customer_id")?),
            id: PostureShareId(row.try_get("id")?),
            label: row.try_get("label")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            author: RecordedBy::row(row)?,
        })
    }
}
