//! `disableUser` and `enableUser`: who may sign in, of the own people and of those whom one operates.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate;
use super::payload::UserPayload;
use super::portal::lock_for;
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, UserId};
use crate::domain::user::CustomerRole;
use crate::policy::{DataClass, Operation, Viewer, decide, decide_partner};
use crate::store::change::Changes;
use crate::store::people::{self, Belonging, Logs, Person};
use crate::store::security::{self, Standing};

/// A user who may no longer sign in.
#[derive(InputObject)]
pub struct DisableUserInput {
    /// Whom: nobody disables themself.
    user_id: ID,
    /// Why: 3 to 500 characters, where one is given.
    reason: Option<String>,
}

/// A user who may sign in again.
#[derive(InputObject)]
pub struct EnableUserInput {
    /// Whom.
    user_id: ID,
    /// Why: 3 to 500 characters, where one is given.
    reason: Option<String>,
}

/// Mutations of who may sign in.
#[derive(Default)]
pub struct UserMutations;

/// Mutations of who may sign in.
#[Object]
impl UserMutations {
    /// Disables a user from the next request on. A partner's admins their own users, a customer's admins with a FULL portal
    /// theirs, and an operating partner the customer's READ_ONLY users. Audited on the side(s) it concerns.
    async fn disable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom and why.")] input: DisableUserInput,
    ) -> Result<UserPayload> {
        let outcome = match begin(ctx, Operation::DisableUser).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(set(&mut writing, &input.user_id, input.reason.as_deref(), false)).await;
                writing.end(done).await?
            }
        };
        UserPayload::of(ctx, outcome).await
    }

    /// Lets a disabled user sign in again; for whoever could disable them. Audited on the side(s) it concerns.
    async fn enable_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom and why.")] input: EnableUserInput,
    ) -> Result<UserPayload> {
        let outcome = match begin(ctx, Operation::EnableUser).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(set(&mut writing, &input.user_id, input.reason.as_deref(), true)).await;
                writing.end(done).await?
            }
        };
        UserPayload::of(ctx, outcome).await
    }
}

async fn set(
    writing: &mut Writing<'_>,
    id: &ID,
    reason: Option<&str>,
    enabled: bool,
) -> Result<Person, Stop> {
    let missing = || Refusal::not_found("user", "userId");
    let Ok(GlobalId::User(user)) = id.parse() else { return Err(missing().into()) };
    let person = people::person(&mut writing.writer, user).await?.ok_or_else(missing)?;
    let viewer = *writing.viewer();
    if user == viewer.user() {
        return Err(Refusal::not_permitted("nobody disables or enables themself: ask another ADMIN").into());
    }
    let (logs, standing) = match person.of {
        // A partner's users are there for its own ADMINs, as its books are, and for nobody else.
        Belonging::Partner(partner)
            if decide_partner(&viewer, DataClass::Commercial, partner).is_visible() =>
        {
            (Logs { partner: Some((partner, None)), customer: None }, None)
        }
        Belonging::Partner(_) => return Err(missing().into()),
        Belonging::Customer(customer, _) => {
            let (logs, standing) = of_customer(writing, customer, user).await?;
            (logs, Some(standing))
        }
    };
    operate::person(writing, "who may sign in is decided")?;
    let reason = reason.map(refusal::reason).transpose()?;
    let known = people::lock_enabled(&mut writing.writer, user).await?.ok_or_else(missing)?;
    if enabled && known.key_revoked {
        return Err(Refusal::wrong_state(
            "the API key of this user is revoked, and stays so: create another key, which has a user of its own",
        )
        .into());
    }
    if known.enabled == enabled {
        let word = if enabled { "enabled" } else { "disabled" };
        return Err(Refusal::no_change("userId", format!("the user is {word} already")).into());
    }
    // Whoever asks is an ADMIN; but of two who disable each other at once, one asks as what they no longer are.
    let is_last = |standing: Standing| standing.role == CustomerRole::Admin && !standing.others_decide;
    if !enabled && standing.is_some_and(is_last) {
        return Err(Refusal::not_permitted("the last ADMIN who may sign in stays one").into());
    }
    if let (false, Belonging::Partner(partner)) = (enabled, person.of)
        && !people::others_administer(&mut writing.writer, partner, user).await?
    {
        return Err(Refusal::not_permitted("the last ADMIN who may sign in stays one").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_enabled(&person, enabled, reason, &logs);
    changes.execute(&mut writing.writer).await?;
    Ok(person)
}

/// Whether the viewer keeps one of a customer's people, as they stand once it is locked, and where it is recorded.
async fn of_customer(
    writing: &mut Writing<'_>,
    customer: CustomerId,
    user: UserId,
) -> Result<(Logs, Standing), Stop> {
    let missing = || Refusal::not_found("user", "userId");
    let locked = lock_for(writing, customer).await?.ok_or_else(missing)?;
    let (viewer, subject) = (*writing.viewer(), locked.subject(writing.now()));
    // Where the security configuration is hidden, nobody else is there.
    if !decide(&viewer, DataClass::SecurityConfig, &subject).is_visible() {
        return Err(missing().into());
    }
    let standing = security::standing(&mut writing.writer, customer, user).await?.ok_or_else(missing)?;
    let partner = match (viewer, standing.role) {
        (Viewer::Partner { .. }, CustomerRole::Admin) => {
            return Err(Refusal::not_permitted(
                "an operating partner keeps READ_ONLY users only: an ADMIN is kept by the customer's ADMINs",
            )
            .into());
        }
        (Viewer::Partner { partner, .. }, CustomerRole::ReadOnly) => {
            Some((partner, locked.access.map(|access| access.key())))
        }
        (Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. }, _) => None,
    };
    Ok((Logs { partner, customer: Some(customer) }, standing))
}
