//! What mutations answer: the object as it stands after them, decided anew, or why nothing was done.

use async_graphql::{Context, Result, SimpleObject};

use super::refusal::UserError;
use super::writing::Outcome;
use crate::domain::ids::{AccessId, CustomerId};
use crate::graphql::session::session;
use crate::graphql::types::access::Access;

/// An access after a mutation.
#[derive(SimpleObject)]
pub struct AccessPayload {
    /// The access as it stands now; null where nothing was done.
    access: Option<Access>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl AccessPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, AccessId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, access)) => Self {
                access: session(ctx)?.access(customer, access).await?.map(Access),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { access: None, user_errors: vec![refusal.into()] },
        })
    }
}
