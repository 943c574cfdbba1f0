//! `setPrivilegeCeiling`: what the contract allows a partner at most.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::{expect_version, find};
use super::payload::AccessPayload;
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::access::{AccessStatus, Privilege};
use crate::domain::ids::{AccessId, CustomerId};
use crate::graphql::enums::PartnerPrivilege;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::partner::privilege_bound;

/// What the contract allows a partner at most.
#[derive(InputObject)]
pub struct SetPrivilegeCeilingInput {
    /// Which access.
    access_id: ID,
    /// What it may be at most from now on, whatever the customer grants.
    ceiling: PartnerPrivilege,
    /// Why: 3 to 500 characters, shown in both audit logs.
    reason: String,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Mutations of privileges.
#[derive(Default)]
pub struct PrivilegeMutations;

/// Mutations of privileges.
#[Object]
impl PrivilegeMutations {
    /// Sets what the contract allows the partner at most. Partner admins, within what the partner's own contract allows.
    /// Audited on both sides.
    async fn set_privilege_ceiling(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access, the ceiling and why.")] input: SetPrivilegeCeilingInput,
    ) -> Result<AccessPayload> {
        let outcome = match begin(ctx, Operation::SetPrivilegeCeiling).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(set_privilege_ceiling(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        AccessPayload::of(ctx, outcome).await
    }
}

async fn set_privilege_ceiling(
    writing: &mut Writing<'_>,
    input: &SetPrivilegeCeilingInput,
) -> Result<(CustomerId, AccessId), Stop> {
    let access = find(writing, &input.access_id).await?;
    let ceiling: Privilege = input.ceiling.into();
    let bound = privilege_bound(&mut writing.writer, access.terms.partner).await?;
    if ceiling > bound {
        return Err(Refusal::not_permitted(format!(
            "the partner's own contract allows {bound} at most, and nothing is inherited: a ceiling of {ceiling} takes \
             another contract"
        ))
        .into());
    }
    let reason = refusal::reason(&input.reason)?;
    expect_version(&access, input.expected_version)?;
    if access.terms.status == AccessStatus::Ended {
        return Err(Refusal::wrong_state("the access is ENDED, its terms no longer change").into());
    }
    if access.terms.privilege_ceiling == ceiling {
        return Err(Refusal::no_change("ceiling", format!("the ceiling is {ceiling} already")).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_privilege_ceiling(&access, ceiling, reason);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
