//! Mutations of accesses: the operating model and the consent.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::payload::AccessPayload;
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::access::{AccessStatus, Privilege};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AccessId, CustomerId};
use crate::graphql::enums::{OperatingModel, PartnerPrivilege};
use crate::policy::Operation;
use crate::store::access::{LockedAccess, lock};
use crate::store::change::Changes;

/// Another operating model for an access.
#[derive(InputObject)]
pub struct ChangeOperatingModelInput {
    /// Which access.
    access_id: ID,
    /// The model from now on.
    operating_model: OperatingModel,
    /// Why: 3 to 500 characters, shown in both audit logs.
    reason: String,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// What the customer grants a partner.
#[derive(InputObject)]
pub struct SetPartnerConsentInput {
    /// The partner's access.
    access_id: ID,
    /// What is granted from now on.
    consent: PartnerPrivilege,
    /// From when the grant counts one step lower; without it the grant stays.
    until: Option<DateTime<Utc>>,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Mutations of accesses.
#[derive(Default)]
pub struct AccessMutations;

/// Mutations of accesses.
#[Object]
impl AccessMutations {
    /// Changes the operating model of an ACTIVE access. Partner admins, outside a trial. Audited on both sides, in the same
    /// transaction. FULLY_MANAGED lowers a FULL portal to READ_ONLY.
    async fn change_operating_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access, the model and why.")] input: ChangeOperatingModelInput,
    ) -> Result<AccessPayload> {
        let outcome = match begin(ctx, Operation::ChangeOperatingModel).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(change_operating_model(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        AccessPayload::of(ctx, outcome).await
    }

    /// Sets what the customer grants a partner, for a time if wished. Customer admins, at any portal access level; people alone, no
    /// API key.
    async fn set_partner_consent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access and what is granted.")] input: SetPartnerConsentInput,
    ) -> Result<AccessPayload> {
        let outcome = match begin(ctx, Operation::SetPartnerConsent).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(set_partner_consent(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        AccessPayload::of(ctx, outcome).await
    }
}

type Done = Result<(CustomerId, AccessId), Stop>;

/// The access of an input, locked; NOT_FOUND alike for what does not exist, what is not the viewer's and what is no id.
pub(super) async fn find(writing: &mut Writing<'_>, id: &ID) -> Result<LockedAccess, Stop> {
    let missing = || Refusal::not_found("access", "accessId");
    let Ok(GlobalId::Access(customer, access)) = id.parse() else { return Err(missing().into()) };
    let viewer = *writing.viewer();
    Ok(lock(&mut writing.writer, &viewer, customer, access).await?.ok_or_else(missing)?)
}

/// Refuses a change that was decided on another version.
pub(super) fn expect_version(access: &LockedAccess, expected: Option<i32>) -> Result<(), Refusal> {
    match expected {
        Some(expected) if expected != access.version => Err(Refusal::conflict(expected, access.version)),
        Some(_) | None => Ok(()),
    }
}

async fn change_operating_model(writing: &mut Writing<'_>, input: &ChangeOperatingModelInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    let reason = refusal::reason(&input.reason)?;
    expect_version(&access, input.expected_version)?;
    match access.terms.status {
        AccessStatus::Active => {}
        AccessStatus::Trial => {
            return Err(Refusal::wrong_state(
                "during a trial the customer's admin alone elects the model: convert the trial first, or ask them to elect",
            )
            .into());
        }
        AccessStatus::Suspended | AccessStatus::Ended => {
            return Err(Refusal::wrong_state(format!(
                "the access is {}, the model changes on ACTIVE accesses only",
                access.terms.status
            ))
            .into());
        }
    }
    let to = input.operating_model.into();
    if access.terms.operating_model == to {
        return Err(
            Refusal::no_change("operatingModel", format!("the operating model is {to} already")).into()
        );
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_operating_model(&access, to, "access.operating_model_changed", Some(reason));
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

/// An instant as the database keeps it, in whole microseconds and without leap seconds: what is recorded is what holds.
fn kept(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}

async fn set_partner_consent(writing: &mut Writing<'_>, input: &SetPartnerConsentInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    let consent: Privilege = input.consent.into();
    let until = input.until.map(kept);
    if let Some(until) = until {
        if consent == Privilege::None {
            return Err(Refusal::invalid(
                "until",
                "NONE is the least: it cannot fall, so it takes no `until`",
            )
            .into());
        }
        if until <= writing.now() {
            return Err(Refusal::invalid(
                "until",
                "`until` lies in the past: take an instant to come, or none",
            )
            .into());
        }
    }
    expect_version(&access, input.expected_version)?;
    let (granted, granted_until) =
        (access.terms.consent_at(writing.now()), access.terms.consent_until_at(writing.now()));
    if (granted, granted_until) == (consent, until) {
        return Err(Refusal::no_change("consent", format!("the consent is {consent} already")).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_consent(&access, consent, until);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
