//! Evidence as it is recorded: what it may cite, the record, and its file.

use uuid::Uuid;

use super::EvidenceFile;
use crate::domain::ids::{CustomerId, EvidenceId, FindingId, PartnerId, ScanId};
use crate::store::change::{Changes, Event};
use crate::store::portal::LockedCustomer;
use crate::store::{StoreError, Writer};

/// A record to make.
#[derive(Clone, Copy, Debug)]
pub struct NewEvidence<'n> {
    /// Of which framework the control is.
    pub framework: &'n str,
    /// The control it speaks to.
    pub control: &'n str,
    /// What it is.
    pub title: &'n str,
    /// Findings that it cites, each once.
    pub findings: &'n [FindingId],
    /// Scans that it cites, each once.
    pub scans: &'n [ScanId],
}

/// A record as the door of files finds it.
#[derive(Clone, Debug)]
pub struct FoundEvidence {
    /// Its id, unique within the customer.
    pub id: EvidenceId,
    /// What logs call it: framework and control.
    pub called: String,
    /// Whether it has its file.
    pub has_file: bool,
}

/// A file to add to a record.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'n> {
    /// The record.
    pub evidence: &'n FoundEvidence,
    /// The file, which is in the store already.
    pub file: &'n EvidenceFile,
}

/// Whether a finding among these is not the customer's.
///
/// # Errors
/// When the database does not answer.
pub async fn missing_findings(
    writer: &mut Writer,
    customer: CustomerId,
    findings: &[FindingId],
) -> Result<bool, StoreError> {
    let ids: Vec<_> = findings.iter().map(|id| id.0).collect();
    let found = sqlx::query_scalar!(
        r#"select count(*) as "n!" from findings where customer_id = $1 and id = any ($2)"#,
        customer.0,
        &ids
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(usize::try_from(found) != Ok(findings.len()))
}

/// Whether a scan among these is not the customer's.
///
/// # Errors
/// When the database does not answer.
pub async fn missing_scans(
    writer: &mut Writer,
    customer: CustomerId,
    scans: &[ScanId],
) -> Result<bool, StoreError> {
    let ids: Vec<_> = scans.iter().map(|id| id.0).collect();
    let found = sqlx::query_scalar!(
        r#"select count(*) as "n!" from scans where customer_id = $1 and id = any ($2)"#,
        customer.0,
        &ids
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(usize::try_from(found) != Ok(scans.len()))
}

/// A record of a customer that is locked, which keeps two files from becoming one record's at once.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    writer: &mut Writer,
    customer: &LockedCustomer,
    id: EvidenceId,
) -> Result<Option<FoundEvidence>, StoreError> {
    let row = sqlx::query!(
        r#"select concat_ws(' ', e.framework, e.control) as "called!",
                  exists (select from evidence_files v where v.customer_id = e.customer_id and v.evidence_id = e.id) as "has_file!"
           from evidence e where e.customer_id = $1 and e.id = $2"#,
        customer.id.0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| FoundEvidence { id, called: row.called, has_file: row.has_file }))
}

impl Changes<'_> {
    /// Makes a record with what it cites, and records that in the customer's log and, where a partner makes it, in the
    /// partner's. Its id.
    pub fn create_evidence(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        new: &NewEvidence<'_>,
    ) -> EvidenceId {
        let author = self.author();
        let id = author.new_id();
        self.change(|sql| {
            sql.push(
                "insert into evidence (customer_id, id, framework, control, title, created_at, created_by, created_by_id, \
                 created_by_partner) values (",
            );
            sql.push_bind(customer.id.0).push(", ").push_bind(id);
            for text in [new.framework, new.control, new.title] {
                sql.push(", ").push_bind(text.to_owned());
            }
            sql.push(", ").push_bind(author.now);
            sql.push(", ").push_bind(author.name.clone()).push(", ").push_bind(author.user.0);
            sql.push(", ").push_bind(by.map(|partner| partner.0)).push(")");
        });
        self.cite(customer, id, "evidence_findings", new.findings.iter().map(|id| id.0).collect());
        self.cite(customer, id, "evidence_scans", new.scans.iter().map(|id| id.0).collect());
        let (findings, scans) = (new.findings.len(), new.scans.len());
        // Neither the record's title nor a finding's: a partner's log outlives what the partner may see.
        let text = format!("{} {}, findings: {findings}, scans: {scans}", new.framework, new.control);
        let event = Event { action: "evidence.created", new_value: Some(&text), ..Event::default() };
        self.record_operation(customer, by, &event);
        EvidenceId(id)
    }

    fn cite(&mut self, customer: &LockedCustomer, evidence: Uuid, table: &'static str, ids: Vec<Uuid>) {
        if ids.is_empty() {
            return;
        }
        self.change(|sql| {
            sql.push("insert into ").push(table).push(" select ").push_bind(customer.id.0);
            sql.push(", ").push_bind(evidence).push(", * from unnest(").push_bind(ids).push("::uuid[])");
        });
    }

    /// Adds its file to a record, and records it likewise.
    pub fn add_file(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        new: &NewFile<'_>,
    ) -> &mut Self {
        let (author, file) = (self.author(), new.file);
        self.change(|sql| {
            sql.push(
                "insert into evidence_files (customer_id, evidence_id, object_id, name, size, media_type, sha256, created_at, \
                 created_by, created_by_id, created_by_partner) values (",
            );
            sql.push_bind(customer.id.0).push(", ").push_bind(new.evidence.id.0);
            sql.push(", ").push_bind(file.object).push(", ").push_bind(file.name.clone());
            sql.push(", ").push_bind(file.size).push(", ").push_bind(file.media_type.as_str());
            sql.push(", ").push_bind(file.sha256.clone()).push(", ").push_bind(author.now);
            sql.push(", ").push_bind(author.name.clone()).push(", ").push_bind(author.user.0);
            sql.push(", ").push_bind(by.map(|partner| partner.0)).push(")");
        });
        let text = format!("{}, {} bytes of {}", new.evidence.called, file.size, file.media_type);
        let event = Event { action: "evidence.file_added", new_value: Some(&text), ..Event::default() };
        self.record_operation(customer, by, &event)
    }
}
