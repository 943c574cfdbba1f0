//! The root of live events. A field is asked once when a stream is opened, and says what the stream is about; and once for every change
//! that may concern it, in a session of its own: who asks is read anew, and so is what the gate shows.

use std::option;

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::stream::{self, Iter};

use super::error::{Code, coded};
use super::live::{Cause, Change, Topic};
use super::query::{gated, parse};
use super::session::{Session, session};
use super::types::access::Access;
use super::types::finding::Finding;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::CustomerId;
use crate::policy::{Class as _, Decision, Posture, Viewer, grant};
use crate::store::finding::Findings;

/// What one execution tells: one event, or none.
type Told<T> = Iter<option::IntoIter<T>>;

fn told<T>(event: Option<T>) -> Told<T> {
    stream::iter(event)
}

/// Live events.
pub struct SubscriptionRoot;

/// Live events, over WebSocket (subprotocol `graphql-transport-ws`) or server-sent events. Who asks, what they may see and the data are
/// read anew for every event.
#[Subscription(name = "SubscriptionRoot")]
impl SubscriptionRoot {
    /// A finding of a customer that is new or has changed, as it is now. The gate is asked again before every event: a stream falls
    /// silent the moment its class is hidden, stays open, and speaks again when it is shown again. Of a customer that does not exist
    /// there are no events, as of one that may not be seen. An error REFETCH in the place of an event says that more has changed than is
    /// told one by one, or that events were lost: read anew what is shown.
    async fn finding_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose findings.")] customer_id: ID,
    ) -> Result<Told<Option<Result<Finding>>>> {
        let session = session(ctx)?;
        session.asker().await?;
        let customer = match parse("customerId", &customer_id)? {
            GlobalId::Customer(customer) => Some(customer),
            _ => None,
        };
        let shown_by = ("SubscriptionRoot", "findingChanged");
        match (ctx.data::<Cause>()?, customer) {
            (Cause::Opened(topic), customer) => {
                let _ = topic.set(customer.map_or(Topic::Nothing, Topic::Findings));
                Ok(told(None))
            }
            (Cause::Changed(Change::Anything), _) => Ok(told(Some(Some(Err(refetch()))))),
            (Cause::Changed(Change::Finding(_, id)), Some(customer)) => {
                let found = gated(session, customer, Findings::all(session.now()), (id.0, shown_by)).await?;
                Ok(told(found.map(|(grant, row)| Some(Ok(Finding { row, grant })))))
            }
            (Cause::Changed(Change::Findings(_)), Some(customer)) => {
                let is_shown = posture_is_shown(session, customer, shown_by).await?;
                Ok(told(is_shown.then(|| Some(Err(refetch())))))
            }
            (Cause::Changed(_), _) => Ok(told(None)),
        }
    }

    /// An access among those that the viewer sees whose terms have changed, or that is new, as it is now. An error REFETCH in the place of
    /// an event says that events were lost: read anew what is shown.
    async fn access_changed(&self, ctx: &Context<'_>) -> Result<Told<Result<Access>>> {
        let session = session(ctx)?;
        let asker = session.asker().await?;
        match ctx.data::<Cause>()? {
            Cause::Opened(topic) => {
                let _ = topic.set(match asker.viewer {
                    Viewer::Partner { partner, .. } => Topic::AccessesOfPartner(partner),
                    Viewer::Customer { customer, .. } => Topic::AccessesOfCustomer(customer),
                    Viewer::PlatformAdmin { .. } => Topic::Accesses,
                    Viewer::Scanner { .. } => Topic::Nothing,
                });
                Ok(told(None))
            }
            Cause::Changed(Change::Anything) => Ok(told(Some(Err(refetch())))),
            Cause::Changed(Change::Access(customer, id)) => {
                let access = session.access(*customer, *id).await?;
                Ok(told(access.map(|access| Ok(Access(access)))))
            }
            Cause::Changed(_) => Ok(told(None)),
        }
    }
}

/// Whether the gate shows posture of a customer. That much of it changed is told then, and so it is recorded.
async fn posture_is_shown(
    session: &Session,
    customer: CustomerId,
    shown_by: (&'static str, &'static str),
) -> Result<bool> {
    let subject = session.subject(customer, None).await?;
    match grant::<Posture>(&session.viewer().await?, &subject) {
        Decision::Visible(grant) => {
            session.note_shown(Posture::CLASS, [grant.of()], shown_by).await?;
            Ok(true)
        }
        Decision::Hidden(_) => Ok(false),
    }
}

/// What a client does that cannot be told everything that has changed.
fn refetch() -> async_graphql::Error {
    coded(Code::Refetch, "more has changed than is told here: read anew what you show; the stream goes on")
}
