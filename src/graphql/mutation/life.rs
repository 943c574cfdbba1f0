//! The end of an access and the pause in it: suspend, resume, end.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::{expect_version, find};
use super::payload::AccessPayload;
use super::refusal::{self, Refusal};
use super::writing::{Stop, Writing, written};
use crate::domain::access::AccessStatus;
use crate::domain::ids::{AccessId, CustomerId};
use crate::policy::Operation;
use crate::store::access::LockedAccess;
use crate::store::change::Changes;

/// Which access, and why.
#[derive(InputObject)]
pub struct AccessStatusInput {
    /// Which access.
    access_id: ID,
    /// Why: 3 to 500 characters, shown in both audit logs.
    reason: String,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Mutations of an access's status.
#[derive(Default)]
pub struct LifeMutations;

/// Mutations of an access's status.
#[Object]
impl LifeMutations {
    /// Holds an ACTIVE access and its subscription: posture is hidden from the partner, billing goes on. Partner admins.
    async fn suspend_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access, and why.")] input: AccessStatusInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::SuspendAccess, suspend, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Lets a SUSPENDED access go on as it was. Partner admins.
    async fn resume_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access, and why.")] input: AccessStatusInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::ResumeAccess, resume, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Ends a live access for good and cancels its subscription; the month it ends in is its last on the statement. Partner
    /// admins.
    async fn end_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access, and why.")] input: AccessStatusInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::EndAccess, end, &input);
        AccessPayload::of(ctx, outcome).await
    }
}

type Done = Result<(CustomerId, AccessId), Stop>;

async fn found<'i>(
    writing: &mut Writing<'_>,
    input: &'i AccessStatusInput,
) -> Result<(LockedAccess, &'i str), Stop> {
    let access = find(writing, &input.access_id).await?;
    let reason = refusal::reason(&input.reason)?;
    expect_version(&access, input.expected_version)?;
    Ok((access, reason))
}

async fn suspend(writing: &mut Writing<'_>, input: &AccessStatusInput) -> Done {
    let (access, reason) = found(writing, input).await?;
    match access.terms.status {
        AccessStatus::Active => {}
        // Resumed, it would be ACTIVE: a conversion by another name.
        AccessStatus::Trial => {
            return Err(Refusal::wrong_state("a trial is not suspended: convert it or end it").into());
        }
        AccessStatus::Suspended | AccessStatus::Ended => {
            return Err(Refusal::wrong_state(format!("the access is {} already", access.terms.status)).into());
        }
    }
    let mut changes = Changes::new(&writing.author);
    changes.suspend_access(&access, reason);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn resume(writing: &mut Writing<'_>, input: &AccessStatusInput) -> Done {
    let (access, reason) = found(writing, input).await?;
    match access.terms.status {
        AccessStatus::Suspended => {}
        AccessStatus::Trial | AccessStatus::Active | AccessStatus::Ended => {
            return Err(Refusal::wrong_state(format!(
                "the access is {}, only a SUSPENDED one is resumed",
                access.terms.status
            ))
            .into());
        }
    }
    let mut changes = Changes::new(&writing.author);
    changes.resume_access(&access, reason);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn end(writing: &mut Writing<'_>, input: &AccessStatusInput) -> Done {
    let (access, reason) = found(writing, input).await?;
    if !access.terms.status.is_live() {
        return Err(Refusal::wrong_state("the access has ended already").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.end_access(&access, reason);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
