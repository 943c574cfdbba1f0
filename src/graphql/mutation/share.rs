//! `createPostureShare` and `revokePostureShare`: a link by which an outsider sees a summary of a customer's posture.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Months, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::operate::operator;
use super::payload::PostureSharePayload;
use super::portal::{find_customer, lock_for};
use super::refusal::{self, Refusal};
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, PostureShareId};
use crate::domain::secret::Secret;
use crate::policy::{DataClass, Operation, decide};
use crate::store::change::Changes;
use crate::store::share::{self, NewShare};

/// What a link's secret begins with, so that people and scanners for leaked secrets know it.
const PREFIX: &str = "posture_share_";

/// A posture summary for an outsider.
#[derive(InputObject)]
pub struct CreatePostureShareInput {
    /// Whose posture.
    customer_id: ID,
    /// What it is called, here and to the outsider: 1 to 200 characters.
    label: String,
    /// Until when it works: in the future, within a year.
    expires_at: DateTime<Utc>,
}

/// A share that is taken back.
#[derive(InputObject)]
pub struct RevokePostureShareInput {
    /// Which share.
    posture_share_id: ID,
}

/// What was done to a share: whose, which, and the link's secret where it was made just now.
#[derive(Serialize, Deserialize)]
pub struct SharedPosture {
    pub(super) customer: CustomerId,
    pub(super) id: PostureShareId,
    /// Never kept: whoever asks once more, under the same key, is not told again.
    #[serde(skip)]
    pub(super) secret: Option<Secret>,
}

/// Mutations of posture shares.
#[derive(Default)]
pub struct ShareMutations;

/// Mutations of posture shares.
#[Object]
impl ShareMutations {
    /// Makes a link by which whoever has it sees a summary of the customer's posture as it is then: numbers, and nothing that
    /// names an asset, a finding or a person. For whoever operates the customer: partners in the FULLY_MANAGED model with MANAGE,
    /// and the customer's admins with a FULL portal. The link works until `expiresAt`, until it is revoked, and while its
    /// maker operates the customer. Audited on the side(s) it concerns.
    async fn create_posture_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose posture, what it is called and how long it works.")]
        input: CreatePostureShareInput,
    ) -> Result<PostureSharePayload> {
        let outcome = written!(ctx, Operation::CreatePostureShare, create, &input);
        PostureSharePayload::of(ctx, outcome).await
    }

    /// Takes a share back, for good: its link is answered like one that never was. For whoever operates the customer, whoever
    /// made it. Audited on the side(s) it concerns.
    async fn revoke_posture_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which share.")] input: RevokePostureShareInput,
    ) -> Result<PostureSharePayload> {
        let outcome = written!(ctx, Operation::RevokePostureShare, revoke, &input);
        PostureSharePayload::of(ctx, outcome).await
    }
}

async fn create(writing: &mut Writing<'_>, input: &CreatePostureShareInput) -> Result<SharedPosture, Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by = operator(writing, &customer, "sharing posture")?;
    let label = refusal::name("label", &input.label)?;
    let expires_at = expiry(input.expires_at, writing.now())?;
    let secret = Secret::generate(PREFIX).map_err(Stop::NotRandom)?;
    let mut changes = Changes::new(&writing.author);
    let new = NewShare { label, expires_at, secret_hash: secret.hash() };
    let id = changes.create_share(&customer, by, &new);
    changes.execute(&mut writing.writer).await?;
    Ok(SharedPosture { customer: customer.id, id, secret: Some(secret) })
}

/// When a share ends: in the future, within a year.
fn expiry(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let latest = now.checked_add_months(Months::new(12)).unwrap_or(now);
    if at > now && at <= latest {
        return Ok(at);
    }
    let said = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Err(Refusal::invalid(
        "expiresAt",
        format!("a share ends in the future and within a year: between {} and {}", said(now), said(latest)),
    ))
}

async fn revoke(writing: &mut Writing<'_>, input: &RevokePostureShareInput) -> Result<SharedPosture, Stop> {
    let missing = || Refusal::not_found("posture share", "postureShareId");
    let Ok(GlobalId::PostureShare(customer, id)) = input.posture_share_id.parse() else {
        return Err(missing().into());
    };
    let customer = lock_for(writing, customer).await?.ok_or_else(missing)?;
    if !decide(writing.viewer(), DataClass::Posture, &customer.subject(writing.now())).is_visible() {
        return Err(missing().into());
    }
    let found = share::find(&mut writing.writer, &customer, id).await?.ok_or_else(missing)?;
    let by = operator(writing, &customer, "revoking a share")?;
    if found.revoked_at.is_some() {
        return Err(Refusal::no_change("postureShareId", "the share is revoked already").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.revoke_share(&customer, by, &found);
    changes.execute(&mut writing.writer).await?;
    Ok(SharedPosture { customer: customer.id, id, secret: None })
}
