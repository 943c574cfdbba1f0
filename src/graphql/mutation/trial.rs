//! Trials: the customer's admin elects a model while one lasts, the partner converts it (DESIGN.md 6).

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::{expect_version, find};
use super::payload::AccessPayload;
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::access::AccessStatus;
use crate::domain::ids::{AccessId, CustomerId};
use crate::graphql::enums::OperatingModel;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::subscription::of_access;

/// The model that the customer elects.
#[derive(InputObject)]
pub struct ElectOperatingModelInput {
    /// The access, in its trial.
    access_id: ID,
    /// The model from now on.
    operating_model: OperatingModel,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// A trial that is paid from now on.
#[derive(InputObject)]
pub struct ConvertTrialInput {
    /// The access, in its trial or within 30 days after it.
    access_id: ID,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Mutations of trials.
#[derive(Default)]
pub struct TrialMutations;

/// Mutations of trials.
#[Object]
impl TrialMutations {
    /// Elects the operating model of a trial. Customer admins, at any portal access level, until the trial ends. FULLY_MANAGED
    /// lowers a FULL portal to READ_ONLY. People alone, no API key.
    async fn elect_operating_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access and which model.")] input: ElectOperatingModelInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::ElectOperatingModel, elect_operating_model, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Makes a trial an ACTIVE access, also past its end until `convertBy`. Never changes the operating model: what the
    /// customer elected holds, and what it did not elect stays closed. Partner admins.
    async fn convert_trial(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access.")] input: ConvertTrialInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::ConvertTrial, convert_trial, &input);
        AccessPayload::of(ctx, outcome).await
    }
}

type Done = Result<(CustomerId, AccessId), Stop>;

async fn elect_operating_model(writing: &mut Writing<'_>, input: &ElectOperatingModelInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    expect_version(&access, input.expected_version)?;
    let is_running = match access.terms.status {
        AccessStatus::Trial => !access.terms.trial_expired_at(writing.now()),
        AccessStatus::Active | AccessStatus::Suspended | AccessStatus::Ended => false,
    };
    if !is_running {
        return Err(Refusal::wrong_state(
            "a model is elected while a trial lasts, and there is none now: afterwards the partner's admins change it",
        )
        .into());
    }
    let to = input.operating_model.into();
    if access.terms.operating_model == to {
        return Err(
            Refusal::no_change("operatingModel", format!("the operating model is {to} already")).into()
        );
    }
    let mut changes = Changes::new(&writing.author);
    changes.elect_operating_model(&access, to);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn convert_trial(writing: &mut Writing<'_>, input: &ConvertTrialInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    expect_version(&access, input.expected_version)?;
    let trial = match access.terms.status {
        AccessStatus::Trial => access.trial.as_ref(),
        AccessStatus::Active | AccessStatus::Suspended | AccessStatus::Ended => None,
    };
    let Some(trial) = trial else {
        return Err(
            Refusal::wrong_state(format!("the access is {}, it is no trial", access.terms.status)).into()
        );
    };
    if trial.convert_by <= writing.now() {
        return Err(Refusal::wrong_state(
            "the time to convert this trial is over: end the access and make another quote",
        )
        .into());
    }
    let cycle = of_access(&mut writing.writer, &access).await?.billing_cycle;
    let mut changes = Changes::new(&writing.author);
    changes.convert_trial(&access, cycle);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
