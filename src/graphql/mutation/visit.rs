//! `recordVisit`: that the viewer looked, so that what changed since can be told the next time.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::refusal::UserError;
use super::writing::{Begun, Stop, Writing, begin};
use crate::graphql::session::session;
use crate::graphql::types::viewer::Viewer;
use crate::policy::Operation;
use crate::store::visit;

/// The viewer after a visit was recorded.
#[derive(SimpleObject)]
pub struct RecordVisitPayload {
    /// The viewer, whose `lastVisitAt` is this visit now.
    viewer: Option<Viewer>,
    /// When they looked before: what `Customer.changes` takes. Null the first time.
    previous_visit_at: Option<DateTime<Utc>>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

/// Mutations of visits.
#[derive(Default)]
pub struct VisitMutations;

/// Mutations of visits.
#[Object]
impl VisitMutations {
    /// Records that the viewer looks now, and answers when they did before. Users of partners and customers. It is nobody's
    /// business but the viewer's own, so it stands in no log.
    async fn record_visit(&self, ctx: &Context<'_>) -> Result<RecordVisitPayload> {
        let outcome = match begin(ctx, Operation::RecordVisit).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = record_visit(&mut writing).await;
                writing.end(done).await?
            }
        };
        Ok(match outcome {
            Ok(previous_visit_at) => RecordVisitPayload {
                viewer: session(ctx)?.signed_in().await?.cloned().map(Viewer),
                previous_visit_at,
                user_errors: Vec::new(),
            },
            Err(refusal) => RecordVisitPayload {
                viewer: None,
                previous_visit_at: None,
                user_errors: vec![refusal.into()],
            },
        })
    }
}

async fn record_visit(writing: &mut Writing<'_>) -> Result<Option<DateTime<Utc>>, Stop> {
    let (user, now) = (writing.viewer().user(), writing.now());
    Ok(visit::record(&mut writing.writer, user, now).await?)
}
