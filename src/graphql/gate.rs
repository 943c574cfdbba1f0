//! How the schema declares the gate, and how resolvers ask it.

use async_graphql::{Context, Result, TypeDirective};

use super::enums::DataClass;
use super::session::{Session, session};
use crate::domain::ids::PartnerId;
use crate::policy::{
    self, Activity, Class, Decision, Grant, Subject, Viewer, explain, explain_exposure, explain_partner,
};

/// Declares the data class of what a field returns. The operating-model gate decides from the class, the viewer and the
/// access; a field that carries it is nullable, resolves to null where the gate denies, and costs no SQL then.
#[TypeDirective(name = "gate", location = "FieldDefinition")]
pub fn gate_directive(class: DataClass) {}

/// Declares that a field is computed over many accesses: only those for which the gate shows this class are counted.
#[TypeDirective(name = "aggregate", location = "FieldDefinition")]
pub fn aggregate_directive(class: DataClass) {}

/// Asks the gate for the field being resolved. `None`: it denied, the denial is noted, answer `null`.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn ask<C: Class>(
    ctx: &Context<'_>,
    parent_type: &'static str,
    subject: &Subject,
) -> Result<Option<Grant<C>>> {
    let session = session(ctx)?;
    let viewer = session.viewer().await?;
    let answer =
        answer(ctx, session, parent_type, C::CLASS, policy::grant::<C>(&viewer, subject), |reason| {
            explain(&viewer, C::CLASS, subject, reason)
        });
    if let Some(grant) = answer {
        let field = ctx.item.node.name.node.as_str();
        session.note_shown(C::CLASS, [grant.of()], (parent_type, field)).await?;
    }
    Ok(answer)
}

/// Asks the gate whether to tell who could see a customer's data, for the field being resolved.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn ask_exposure(
    ctx: &Context<'_>,
    parent_type: &str,
    subject: &Subject,
) -> Result<Option<Grant<Activity>>> {
    let session = session(ctx)?;
    let viewer = session.viewer().await?;
    let decision = policy::grant_exposure(&viewer, subject);
    Ok(answer(ctx, session, parent_type, Activity::CLASS, decision, |reason| {
        explain_exposure(&viewer, subject, reason)
    }))
}

/// Asks the gate about a partner's own books, for the field being resolved.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn ask_partner<C: Class>(
    ctx: &Context<'_>,
    parent_type: &str,
    partner: PartnerId,
) -> Result<Option<Grant<C, PartnerId>>> {
    let session = session(ctx)?;
    let viewer: Viewer = session.viewer().await?;
    Ok(answer(ctx, session, parent_type, C::CLASS, policy::grant_partner::<C>(&viewer, partner), |_| {
        explain_partner(&viewer, C::CLASS, partner)
    }))
}

fn answer<Witness>(
    ctx: &Context<'_>,
    session: &Session,
    parent_type: &str,
    class: policy::DataClass,
    decision: Decision<Witness>,
    explain: impl FnOnce(policy::HiddenReason) -> String,
) -> Option<Witness> {
    match decision {
        Decision::Visible(witness) => Some(witness),
        Decision::Hidden(reason) => {
            session.hidden().note(ctx, parent_type, class, reason, || explain(reason));
            None
        }
    }
}

/// The witness from [`ask`], or the end of the resolver: `None` where the gate denied, `Some(Err(..))` where asking
/// failed. A gated resolver returns `Option<Result<T>>`, the one shape that answers a denial as the specification asks:
/// the field is null, its parent and its siblings are untouched.
macro_rules! shown {
    ($asked:expr) => {
        match $asked {
            Ok(Some(grant)) => grant,
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        }
    };
}
pub(super) use shown;
