//! What mutations of API keys answer.

use async_graphql::{Context, Result, SimpleObject};

use crate::domain::ids::{ApiKeyId, CustomerId, PartnerId};
use crate::domain::secret::Secret;
use crate::graphql::loaders::{RowKey, SecurityKey};
use crate::graphql::mutation::refusal::UserError;
use crate::graphql::mutation::writing::Outcome;
use crate::graphql::session::session;
use crate::graphql::types::api_key::{ApiKey, PartnerApiKey};
use crate::policy::{Commercial, DataClass, Decision, SecurityConfig, grant, grant_partner};
use crate::store::api_key::PartnerApiKeys;

/// An API key of a customer after a mutation.
#[derive(SimpleObject)]
pub struct ApiKeyPayload {
    /// The key as it stands now, without itself; null where nothing was done.
    api_key: Option<ApiKey>,
    /// The key itself, this once: it is stored nowhere. Null where none was made, and where the request was answered before
    /// under its Idempotency-Key.
    secret: Option<String>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl ApiKeyPayload {
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, ApiKeyId)>,
        secret: Option<Secret>,
    ) -> Result<Self> {
        let (customer, id) = match outcome {
            Ok(key) => key,
            Err(refusal) => {
                return Ok(Self { api_key: None, secret: None, user_errors: vec![refusal.into()] });
            }
        };
        let session = session(ctx)?;
        let (viewer, subject) = (session.viewer().await?, session.subject(customer, None).await?);
        let api_key = match grant::<SecurityConfig>(&viewer, &subject) {
            Decision::Visible(grant) => session.load(SecurityKey(grant)).await?.and_then(|row| {
                row.api_keys.iter().find(|key| key.id == id).map(|key| ApiKey::of(customer, key))
            }),
            Decision::Hidden(_) => None,
        };
        if api_key.is_some() {
            session.note_shown(DataClass::SecurityConfig, [customer], ("ApiKeyPayload", "apiKey")).await?;
        }
        Ok(Self { api_key, secret: secret.map(|secret| secret.reveal().to_owned()), user_errors: Vec::new() })
    }
}

/// An API key of a partner after a mutation.
#[derive(SimpleObject)]
pub struct PartnerApiKeyPayload {
    /// The key as it stands now, without itself; null where nothing was done.
    api_key: Option<PartnerApiKey>,
    /// The key itself, this once: it is stored nowhere. Null where none was made, and where the request was answered before
    /// under its Idempotency-Key.
    secret: Option<String>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl PartnerApiKeyPayload {
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(PartnerId, ApiKeyId)>,
        secret: Option<Secret>,
    ) -> Result<Self> {
        let (partner, id) = match outcome {
            Ok(key) => key,
            Err(refusal) => {
                return Ok(Self { api_key: None, secret: None, user_errors: vec![refusal.into()] });
            }
        };
        let session = session(ctx)?;
        let api_key = match grant_partner::<Commercial>(&session.viewer().await?, partner) {
            Decision::Visible(parent) => {
                let key = RowKey { parent, list: PartnerApiKeys, id: id.0 };
                session.load(key).await?.map(PartnerApiKey)
            }
            Decision::Hidden(_) => None,
        };
        Ok(Self { api_key, secret: secret.map(|secret| secret.reveal().to_owned()), user_errors: Vec::new() })
    }
}
