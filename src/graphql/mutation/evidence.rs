//! `createEvidence`: a record for a control of a framework, attached to findings and scans. Its file comes by HTTP.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate::operator;
use super::payload::EvidencePayload;
use super::portal::find_customer;
use super::refusal::{self, Refusal};
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, EvidenceId, FindingId, ScanId};
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::evidence::{NewEvidence, missing_findings, missing_scans};

/// How many findings, and how many scans, one record may cite.
const MOST_CITED: usize = 50;

/// A record for a control.
#[derive(InputObject)]
pub struct CreateEvidenceInput {
    /// Whose.
    customer_id: ID,
    /// The framework, for instance `ISO 27001`: 1 to 200 characters.
    framework: String,
    /// The control, for instance `A.8.8`: 1 to 200 characters.
    control: String,
    /// What it is: 1 to 200 characters.
    title: String,
    /// Findings of the customer that it cites, 50 at most.
    finding_ids: Option<Vec<ID>>,
    /// Scans of the customer that it cites, 50 at most.
    scan_ids: Option<Vec<ID>>,
}

/// Mutations of evidence.
#[derive(Default)]
pub struct EvidenceMutations;

/// Mutations of evidence.
#[Object]
impl EvidenceMutations {
    /// Records evidence for a control of a framework. For whoever operates the customer: partners in the FULLY_MANAGED model with
    /// MANAGE, and the customer's admins with a FULL portal. A file is added to it with `POST /evidence/{id}/file`. Audited on
    /// the side(s) it concerns.
    async fn create_evidence(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which control, what it is, and what it cites.")] input: CreateEvidenceInput,
    ) -> Result<EvidencePayload> {
        let outcome = written!(ctx, Operation::CreateEvidence, create, &input);
        EvidencePayload::of(ctx, outcome).await
    }
}

async fn create(
    writing: &mut Writing<'_>,
    input: &CreateEvidenceInput,
) -> Result<(CustomerId, EvidenceId), Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by = operator(writing, &customer, "recording evidence")?;
    let findings: Vec<FindingId> =
        cited("finding", "findingIds", input.finding_ids.as_deref(), |id| match id {
            GlobalId::Finding(of, id) if of == customer.id => Some(id),
            _ => None,
        })?;
    let scans: Vec<ScanId> = cited("scan", "scanIds", input.scan_ids.as_deref(), |id| match id {
        GlobalId::Scan(of, id) if of == customer.id => Some(id),
        _ => None,
    })?;
    if !findings.is_empty() && missing_findings(&mut writing.writer, customer.id, &findings).await? {
        return Err(Refusal::not_found("finding", "findingIds").into());
    }
    if !scans.is_empty() && missing_scans(&mut writing.writer, customer.id, &scans).await? {
        return Err(Refusal::not_found("scan", "scanIds").into());
    }
    let framework = refusal::name("framework", &input.framework)?;
    let control = refusal::name("control", &input.control)?;
    let title = refusal::name("title", &input.title)?;
    let mut changes = Changes::new(&writing.author);
    let new = NewEvidence { framework, control, title, findings: &findings, scans: &scans };
    let id = changes.create_evidence(&customer, by, &new);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, id))
}

/// What is cited, each once and in the order of ids; `own` is the id of one that can be the customer's.
fn cited<Id: Ord>(
    what: &str,
    field: &str,
    ids: Option<&[ID]>,
    own: impl Fn(GlobalId) -> Option<Id>,
) -> Result<Vec<Id>, Refusal> {
    let ids = ids.unwrap_or_default();
    if ids.len() > MOST_CITED {
        return Err(Refusal::invalid(
            field,
            format!("a record cites {MOST_CITED} at most, these are {}", ids.len()),
        ));
    }
    let own = ids.iter().map(|id| id.parse().ok().and_then(&own));
    let own: Option<BTreeSet<Id>> = own.collect();
    Ok(own.ok_or_else(|| Refusal::not_found(what, field))?.into_iter().collect())
}
