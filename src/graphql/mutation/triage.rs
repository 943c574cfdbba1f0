//! Triage: what those who operate a customer decide about its findings (DESIGN.md 4, *operate*).

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate::operator;
use super::payload::{FindingPayload, TriageFindingsPayload};
use super::portal::{find_customer, lock_for};
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::finding;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, FindingId};
use crate::domain::sla::SlaPolicy;
use crate::graphql::enums::FindingStatus;
use crate::graphql::types::finding::FindingFilter;
use crate::policy::{Decision, Grant, Operation, Posture, grant};
use crate::store::change::{Changes, Event};
use crate::store::portal::LockedCustomer;
use crate::store::sla;
use crate::store::triage::{Step, Triaged, find, hold_findings, matching};

/// How many findings one mutation triages at most.
const AT_ONCE: u32 = 1_000;

/// Another status for a finding.
#[derive(InputObject)]
pub struct TriageFindingInput {
    /// Which finding.
    finding_id: ID,
    /// Where it stands from now on.
    status: FindingStatus,
    /// Why: 1 to 2,000 characters. ACCEPTED and FALSE_POSITIVE take one; with the status that the finding has already it is added.
    note: Option<String>,
}

/// Another status for many findings of one customer.
#[derive(InputObject)]
pub struct TriageFindingsInput {
    /// Whose.
    customer_id: ID,
    /// Which of them: 1,000 at most.
    filter: FindingFilter,
    /// Where they stand from now on. Those that stand there already are left as they are.
    status: FindingStatus,
    /// Why: 1 to 2,000 characters, the same for all. ACCEPTED and FALSE_POSITIVE take one.
    note: Option<String>,
}

/// A note about a finding.
#[derive(InputObject)]
pub struct AddFindingNoteInput {
    /// Which finding.
    finding_id: ID,
    /// What there is to say: 1 to 2,000 characters.
    note: String,
}

/// Mutations of findings.
#[derive(Default)]
pub struct TriageMutations;

/// Mutations of findings.
#[Object]
impl TriageMutations {
    /// Sets where a finding stands. Partners that operate the customer, and the customer's admins with a FULL portal. OPEN may
    /// become TRIAGED, IN_PROGRESS, RESOLVED, ACCEPTED or FALSE_POSITIVE, but nothing open becomes OPEN; what is closed can only
    /// be reopened (OPEN), and is due anew from then on. Audited on the side(s) it concerns.
    async fn triage_finding(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which finding, where it stands, and why.")] input: TriageFindingInput,
    ) -> Result<FindingPayload> {
        let outcome = written!(ctx, Operation::TriageFinding, triage_finding, &input);
        FindingPayload::of(ctx, outcome).await
    }

    /// Sets where many findings of one customer stand: all that match or, where one of them may not take the step, none. For those
    /// who may call `triageFinding`. One audit event on the side(s) it concerns.
    async fn triage_findings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose findings and which, where they stand, and why.")] input: TriageFindingsInput,
    ) -> Result<TriageFindingsPayload> {
        let outcome = written!(ctx, Operation::TriageFindings, triage_findings, input);
        TriageFindingsPayload::of(ctx, outcome).await
    }

    /// Adds a note to a finding's history; the finding stands where it stood. For those who may call `triageFinding`. Audited on
    /// the side(s) it concerns.
    async fn add_finding_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which finding, and the note.")] input: AddFindingNoteInput,
    ) -> Result<FindingPayload> {
        let outcome = written!(ctx, Operation::AddFindingNote, add_finding_note, &input);
        FindingPayload::of(ctx, outcome).await
    }
}

/// The finding of an input, with its customer, locked. NOT_FOUND alike for what does not exist, for what the gate hides, which is
/// asked before a row is read, and for what is no id.
async fn find_finding(writing: &mut Writing<'_>, id: &ID) -> Result<(LockedCustomer, Triaged), Stop> {
    let missing = || Refusal::not_found("finding", "findingId");
    let Ok(GlobalId::Finding(customer, finding)) = id.parse() else { return Err(missing().into()) };
    let customer = lock_for(writing, customer).await?.ok_or_else(missing)?;
    let grant = seen(writing, &customer).ok_or_else(missing)?;
    hold_findings(&mut writing.writer, customer.id).await?;
    let found = find(&mut writing.writer, &grant, finding).await?.ok_or_else(missing)?;
    Ok((customer, found))
}

fn seen(writing: &Writing<'_>, customer: &LockedCustomer) -> Option<Grant<Posture>> {
    match grant::<Posture>(writing.viewer(), &customer.subject(writing.now())) {
        Decision::Visible(grant) => Some(grant),
        Decision::Hidden(_) => None,
    }
}

/// A note, trimmed: 1 to 2,000 characters.
fn note(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    match text.chars().count() {
        1..=2_000 if !text.contains('\0') => Ok(text),
        length => {
            Err(Refusal::invalid("note", format!("a note has 1 to 2,000 characters, this one has {length}")))
        }
    }
}

/// The note of a step to a status.
fn note_of(text: Option<&str>, to: finding::FindingStatus) -> Result<Option<&str>, Refusal> {
    let note = text.map(note).transpose()?;
    if note.is_none() && to.needs_note() {
        return Err(Refusal::invalid(
            "note",
            format!("{to} takes a note that says why the finding is not going to be fixed"),
        ));
    }
    Ok(note)
}

/// Which statuses may follow, as a sentence.
fn wrong_step(from: finding::FindingStatus, to: finding::FindingStatus) -> String {
    let next: Vec<_> = from.next().iter().map(|next| next.as_str()).collect();
    format!("{to} does not follow {from}: what is {from} may become {}", next.join(", "))
}

/// The policy by which what is reopened is due again; no other step asks for it.
async fn due_again(
    writing: &mut Writing<'_>,
    customer: CustomerId,
    to: finding::FindingStatus,
) -> Result<SlaPolicy, Stop> {
    match to {
        finding::FindingStatus::Open => Ok(sla::policy_of(&mut writing.writer, customer).await?),
        _ => Ok(SlaPolicy::DEFAULT),
    }
}

async fn triage_finding(
    writing: &mut Writing<'_>,
    input: &TriageFindingInput,
) -> Result<(CustomerId, FindingId), Stop> {
    let (customer, found) = find_finding(writing, &input.finding_id).await?;
    let by = operator(writing, &customer, "triaging findings")?;
    let to: finding::FindingStatus = input.status.into();
    let note = note_of(input.note.as_deref(), to)?;
    let from = found.status;
    if from == to && note.is_none() {
        return Err(Refusal::no_change("status", format!("the finding is {to} already")).into());
    }
    if from != to && !from.may_become(to) {
        return Err(Refusal::wrong_state(wrong_step(from, to)).into());
    }
    let policy = due_again(writing, customer.id, to).await?;
    let mut changes = Changes::new(&writing.author);
    changes.triage(customer.id, &[found], &Step { by, to, note, policy: &policy });
    let event = if from == to {
        Event { action: "finding.note_added", ..Event::default() }
    } else {
        let (old_value, new_value) = (Some(from.as_str()), Some(to.as_str()));
        Event { action: "finding.triaged", reason: None, old_value, new_value }
    };
    changes.record_operation(&customer, by, &event);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, found.id))
}

async fn add_finding_note(
    writing: &mut Writing<'_>,
    input: &AddFindingNoteInput,
) -> Result<(CustomerId, FindingId), Stop> {
    let (customer, found) = find_finding(writing, &input.finding_id).await?;
    let by = operator(writing, &customer, "adding notes to findings")?;
    let note = Some(note(&input.note)?);
    let mut changes = Changes::new(&writing.author);
    changes.triage(customer.id, &[found], &Step { by, to: found.status, note, policy: &SlaPolicy::DEFAULT });
    changes.record_operation(&customer, by, &Event { action: "finding.note_added", ..Event::default() });
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, found.id))
}

async fn triage_findings(
    writing: &mut Writing<'_>,
    input: TriageFindingsInput,
) -> Result<(CustomerId, i32), Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by = operator(writing, &customer, "triaging findings")?;
    // Who operates a customer sees its posture.
    let missing = || Refusal::not_found("customer", "customerId");
    let grant = seen(writing, &customer).ok_or_else(missing)?;
    let to: finding::FindingStatus = input.status.into();
    let list = input.filter.list(writing.now());
    if list.text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Refusal::invalid("filter", "`text` holds a NUL character").into());
    }
    let note = note_of(input.note.as_deref(), to)?;
    hold_findings(&mut writing.writer, customer.id).await?;
    let mut findings = matching(&mut writing.writer, &grant, &list, AT_ONCE + 1).await?;
    if findings.len() > AT_ONCE as usize {
        return Err(Refusal::invalid(
            "filter",
            format!("more than {AT_ONCE} findings match, which is as many as are triaged at once: narrow the filter"),
        )
        .into());
    }
    findings.retain(|finding| finding.status != to);
    if let Some(wrong) = findings.iter().find(|finding| !finding.status.may_become(to)) {
        let of_it = findings.iter().filter(|finding| finding.status == wrong.status).count();
        return Err(Refusal::wrong_state(format!(
            "nothing was changed, for {of_it} of the findings that match: {}. Leave them out by the filter's `status`",
            wrong_step(wrong.status, to)
        ))
        .into());
    }
    if findings.is_empty() {
        let message = format!("no finding matches that is not {to} already");
        return Err(Refusal::no_change("filter", message).into());
    }
    let policy = due_again(writing, customer.id, to).await?;
    let mut changes = Changes::new(&writing.author);
    changes.triage(customer.id, &findings, &Step { by, to, note, policy: &policy });
    let new = format!("{to}: {} findings", findings.len());
    let event = Event { action: "finding.many_triaged", new_value: Some(&new), ..Event::default() };
    changes.record_operation(&customer, by, &event);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, i32::try_from(findings.len()).unwrap_or(i32::MAX)))
}
