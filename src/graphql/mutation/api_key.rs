//! API keys of customers and of partners: made and revoked, by people alone. The key itself is told once, in the answer that makes
//! it; what is kept of that answer under an Idempotency-Key does not hold it.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate::{operator, person};
use super::payload::{ApiKeyPayload, PartnerApiKeyPayload};
use super::portal::{find_customer, lock_for};
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin, written};
use crate::domain::api_key::KeyKind;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{ApiKeyId, CustomerId, PartnerId};
use crate::domain::secret::Secret;
use crate::domain::user;
use crate::graphql::enums::{CustomerRole, PartnerRole};
use crate::policy::{Operation, Viewer};
use crate::store::api_key::{self, NewKey};
use crate::store::change::Changes;

/// An API key for a customer's programs.
#[derive(InputObject)]
pub struct CreateApiKeyInput {
    /// Which customer.
    customer_id: ID,
    /// What the key and its user are called: 1 to 200 characters on one line.
    label: String,
    /// As what it acts.
    #[graphql(default_with = "CustomerRole::ReadOnly")]
    role: CustomerRole,
}

/// An API key of a customer that ends.
#[derive(InputObject)]
pub struct RevokeApiKeyInput {
    /// Which key.
    api_key_id: ID,
}

/// An API key for the own partner's programs.
#[derive(InputObject)]
pub struct CreatePartnerApiKeyInput {
    /// What the key and its user are called: 1 to 200 characters on one line.
    label: String,
    /// As what it acts: an OPERATOR sees only what is assigned to it.
    role: PartnerRole,
}

/// An API key of the own partner that ends.
#[derive(InputObject)]
pub struct RevokePartnerApiKeyInput {
    /// Which key.
    api_key_id: ID,
}

/// Mutations of API keys.
#[derive(Default)]
pub struct ApiKeyMutations;

/// Mutations of API keys.
#[Object]
impl ApiKeyMutations {
    /// Makes an API key for a customer's programs. It signs in as a user of its own, with a role and within the customer's portal
    /// access. `secret` is told this once: the same request again, with its Idempotency-Key, makes no second key and does not tell
    /// it again. A customer's admins with a FULL portal: no partner holds a key of a customer, which would outlive what let it make one.
    /// Audited.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which customer, called what, as what.")] input: CreateApiKeyInput,
    ) -> Result<ApiKeyPayload> {
        let (outcome, secret) = match begin(ctx, Operation::CreateApiKey).await? {
            Begun::Before(outcome) => (outcome, None),
            Begun::Now(mut writing) => {
                let (done, secret) = apart(Box::pin(create_api_key(&mut writing, &input)).await);
                (writing.end(done).await?, secret)
            }
        };
        ApiKeyPayload::of(ctx, outcome, secret).await
    }

    /// Revokes an API key of a customer, from the next request on and for good. A customer's admins with a FULL portal, and partners
    /// that operate the customer: these revoke READ_ONLY keys only. Audited on the side(s) it concerns.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RevokeApiKeyInput,
    ) -> Result<ApiKeyPayload> {
        let outcome = written!(ctx, Operation::RevokeApiKey, revoke_api_key, &input);
        ApiKeyPayload::of(ctx, outcome, None).await
    }

    /// Makes an API key for the own partner's programs. It signs in as a user of its own, with a role like any other:
    /// `assignOperator` and `disableUser` take it. `secret` is told this once: the same request again, with its Idempotency-Key,
    /// makes no second key and does not tell it again. Partner admins. Audited.
    async fn create_partner_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Called what, as what.")] input: CreatePartnerApiKeyInput,
    ) -> Result<PartnerApiKeyPayload> {
        let (outcome, secret) = match begin(ctx, Operation::CreatePartnerApiKey).await? {
            Begun::Before(outcome) => (outcome, None),
            Begun::Now(mut writing) => {
                let (done, secret) = apart(Box::pin(create_partner_api_key(&mut writing, &input)).await);
                (writing.end(done).await?, secret)
            }
        };
        PartnerApiKeyPayload::of(ctx, outcome, secret).await
    }

    /// Revokes an API key of the own partner, from the next request on and for good. Partner admins. Audited.
    async fn revoke_partner_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RevokePartnerApiKeyInput,
    ) -> Result<PartnerApiKeyPayload> {
        let outcome = written!(ctx, Operation::RevokePartnerApiKey, revoke_partner_api_key, &input);
        PartnerApiKeyPayload::of(ctx, outcome, None).await
    }
}

/// What is kept of a key that was made, apart from the key.
fn apart<T>(made: std::result::Result<(T, Secret), Stop>) -> (std::result::Result<T, Stop>, Option<Secret>) {
    match made {
        Ok((id, secret)) => (Ok(id), Some(secret)),
        Err(stop) => (Err(stop), None),
    }
}

async fn create_api_key(
    writing: &mut Writing<'_>,
    input: &CreateApiKeyInput,
) -> Result<((CustomerId, ApiKeyId), Secret), Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    operator(writing, &customer, "making API keys")?;
    person(writing, "API keys are made")?;
    let label = refusal::name("label", &input.label)?;
    let secret = Secret::generate(KeyKind::Customer.prefix())?;
    let mut changes = Changes::new(&writing.author);
    let id = changes.make_customer_key(&customer, &NewKey { label, secret: &secret }, input.role.into());
    changes.execute(&mut writing.writer).await?;
    Ok(((customer.id, id), secret))
}

async fn revoke_api_key(
    writing: &mut Writing<'_>,
    input: &RevokeApiKeyInput,
) -> Result<(CustomerId, ApiKeyId), Stop> {
    let missing = || Refusal::not_found("API key", "apiKeyId");
    let Ok(GlobalId::ApiKey(customer, id)) = input.api_key_id.parse() else { return Err(missing().into()) };
    let customer = lock_for(writing, customer).await?.ok_or_else(missing)?;
    // Where the security configuration is hidden, no key of it is there.
    let by_partner = operator(writing, &customer, "revoking API keys").map_err(|_| missing())?;
    let key = api_key::of_customer(&mut writing.writer, customer.id, id).await?.ok_or_else(missing)?;
    person(writing, "API keys are revoked")?;
    if by_partner.is_some() && matches!(key.acts_as, Some((_, user::CustomerRole::Admin))) {
        return Err(Refusal::not_permitted(
            "an operating partner keeps READ_ONLY keys only: an ADMIN's key is revoked by an ADMIN of the customer with a \
             FULL portal",
        )
        .into());
    }
    if key.is_revoked {
        return Err(Refusal::no_change("apiKeyId", "the key is revoked already").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.revoke_customer_key(&customer, by_partner, &key);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, id))
}

async fn create_partner_api_key(
    writing: &mut Writing<'_>,
    input: &CreatePartnerApiKeyInput,
) -> Result<((PartnerId, ApiKeyId), Secret), Stop> {
    let partner = own_partner(writing)?;
    person(writing, "API keys are made")?;
    let label = refusal::name("label", &input.label)?;
    let secret = Secret::generate(KeyKind::Partner.prefix())?;
    let mut changes = Changes::new(&writing.author);
    let id = changes.make_partner_key(partner, &NewKey { label, secret: &secret }, input.role.into());
    changes.execute(&mut writing.writer).await?;
    Ok(((partner, id), secret))
}

async fn revoke_partner_api_key(
    writing: &mut Writing<'_>,
    input: &RevokePartnerApiKeyInput,
) -> Result<(PartnerId, ApiKeyId), Stop> {
    let missing = || Refusal::not_found("API key", "apiKeyId");
    let own = own_partner(writing)?;
    let Ok(GlobalId::PartnerApiKey(partner, id)) = input.api_key_id.parse() else {
        return Err(missing().into());
    };
    if partner != own {
        return Err(missing().into());
    }
    let key = api_key::of_partner(&mut writing.writer, partner, id).await?.ok_or_else(missing)?;
    person(writing, "API keys are revoked")?;
    // Revoked by somebody else a moment ago, perhaps.
    if api_key::lock_of_partner(&mut writing.writer, partner, id).await?.ok_or_else(missing)? {
        return Err(Refusal::no_change("apiKeyId", "the key is revoked already").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.revoke_partner_key(partner, &key);
    changes.execute(&mut writing.writer).await?;
    Ok((partner, id))
}

/// The partner whose ADMIN asks.
fn own_partner(writing: &Writing<'_>) -> std::result::Result<PartnerId, Refusal> {
    match *writing.viewer() {
        Viewer::Partner { partner, .. } => Ok(partner),
        // Nobody else gets past FORBIDDEN.
        Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => {
            Err(Refusal::not_permitted("API keys of a partner are its own ADMINs' to keep"))
        }
    }
}
