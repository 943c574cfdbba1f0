//! Compliance evidence and posture shares: posture, read against the gate's witness only; and evidence as it is recorded.

mod record;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::list::{KeyValue, SortKey, TenantList, newest_first};
use super::{Reader, StoreError};
use crate::domain::evidence::MediaType;
use crate::domain::ids::{CustomerId, EvidenceId, FindingId, PartnerId, PostureShareId, ScanId};
use crate::policy::{Grant, Posture, Viewer};

pub use record::{FoundEvidence, NewEvidence, NewFile, find, missing_findings, missing_scans};

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
    /// Of which framework the control is; none for a record that names both in one.
    pub framework: Option<String>,
    /// The control it speaks to.
    pub control: String,
    /// What it is.
    pub title: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// Who recorded it.
    pub author: RecordedBy,
}

/// All evidence of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EvidenceRecords;

impl TenantList for EvidenceRecords {
    type Class = Posture;
    type Row = Evidence;

    const NAME: &'static str = "Customer.evidence";
    const TABLE: &'static str = "evidence";
    const COLUMNS: &'static str = "t.customer_id, t.id, t.framework, t.control, t.title, t.created_at, t.created_by, t.created_by_partner";
    const SORT: SortKey = newest_first("t.created_at");

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn place(row: &Evidence) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.created_at)), row.id.0)
    }

    fn row(row: &PgRow) -> Result<Evidence, StoreError> {
        Ok(Evidence {
            customer: CustomerId(row.try_get("customer_id")?),
            id: EvidenceId(row.try_get("id")?),
            framework: row.try_get("framework")?,
            control: row.try_get("control")?,
            title: row.try_get("title")?,
            created_at: row.try_get("created_at")?,
            author: RecordedBy::row(row)?,
        })
    }
}

/// The file of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceFile {
    /// Which upload it is in the store of files.
    pub object: Uuid,
    /// What it is called.
    pub name: String,
    /// How many bytes it has.
    pub size: i64,
    /// What it is.
    pub media_type: MediaType,
    /// SHA-256 of its bytes.
    pub sha256: Vec<u8>,
}

impl EvidenceFile {
    /// SHA-256 of its bytes, in hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        use std::fmt::Write as _;
        self.sha256.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// What a record is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Findings, by id.
    pub findings: Vec<FindingId>,
    /// Scans, by id.
    pub scans: Vec<ScanId>,
    /// Its file.
    pub file: Option<EvidenceFile>,
}

/// What these records are attached to; a record that does not exist is not in the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn attachments(
    reader: &mut Reader,
    wanted: &[(Grant<Posture>, EvidenceId)],
) -> Result<HashMap<(CustomerId, EvidenceId), Attachments>, StoreError> {
    let customers: Vec<_> = wanted.iter().map(|(grant, _)| grant.of().0).collect();
    let ids: Vec<_> = wanted.iter().map(|(_, id)| id.0).collect();
    let rows = sqlx::query!(
        r#"select e.customer_id, e.id,
                  array(select f.finding_id from evidence_findings f
                        where f.customer_id = e.customer_id and f.evidence_id = e.id order by f.finding_id) as "findings!",
                  array(select s.scan_id from evidence_scans s
                        where s.customer_id = e.customer_id and s.evidence_id = e.id order by s.scan_id) as "scans!",
                  v.object_id as "object_id?", v.name as "name?", v.size as "size?", v.media_type as "media_type?",
                  v.sha256 as "sha256?"
           from evidence e
           left join evidence_files v on v.customer_id = e.customer_id and v.evidence_id = e.id
           where (e.customer_id, e.id) in (select * from unnest($1::uuid[], $2::uuid[]))"#,
        &customers,
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let file = match (row.object_id, row.name, row.size, row.media_type, row.sha256) {
            (Some(object), Some(name), Some(size), Some(media_type), Some(sha256)) => {
                Some(EvidenceFile { object, name, size, media_type: media_type.parse()?, sha256 })
            }
            _ => None,
        };
        let attached = Attachments {
            findings: row.findings.into_iter().map(FindingId).collect(),
            scans: row.scans.into_iter().map(ScanId).collect(),
            file,
        };
        found.insert((CustomerId(row.customer_id), EvidenceId(row.id)), attached);
    }
    Ok(found)
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
