//! *Operate*: every write on a customer's security data (DESIGN.md 4) asks here first; and whether it is a person who asks.

use chrono::{DateTime, Utc};

use super::portal::lock_for;
use super::refusal::Refusal;
use super::writing::{Stop, Writing};
use crate::domain::ids::{CustomerId, PartnerId};
use crate::policy::{DataClass, Viewer, decide, explain};
use crate::store::portal::LockedCustomer;

/// The customer of something that is posture, locked. Where the viewer sees no posture of it, what is asked for does not exist:
/// the answer is `missing`, and nothing of it is read.
///
/// # Errors
/// `missing` alike for a customer that does not exist and for one that is hidden.
pub(super) async fn seen(
    writing: &mut Writing<'_>,
    customer: CustomerId,
    missing: impl Fn() -> Refusal,
) -> Result<LockedCustomer, Stop> {
    let locked = lock_for(writing, customer).await?.ok_or_else(&missing)?;
    let subject = locked.subject(writing.now());
    if !decide(writing.viewer(), DataClass::Posture, &subject).is_visible() {
        return Err(missing().into());
    }
    Ok(locked)
}

/// Whether the viewer operates a customer; the partner that does, none for the customer's own ADMIN. `what` begins the sentence of a
/// refusal: "inviting users".
///
/// # Errors
/// NOT_PERMITTED with the gate's reason.
pub(super) fn operator(
    writing: &Writing<'_>,
    customer: &LockedCustomer,
    what: &str,
) -> Result<Option<PartnerId>, Refusal> {
    operates(writing.viewer(), customer, writing.now(), what)
}

/// The same of a viewer in any transaction that has locked the customer.
///
/// # Errors
/// NOT_PERMITTED with the gate's reason.
pub(crate) fn operates(
    viewer: &Viewer,
    customer: &LockedCustomer,
    now: DateTime<Utc>,
    what: &str,
) -> Result<Option<PartnerId>, Refusal> {
    let (viewer, subject) = (*viewer, customer.subject(now));
    // To operate takes what it takes to see the security configuration.
    if let Some(reason) = decide(&viewer, DataClass::SecurityConfig, &subject).reason() {
        return Err(Refusal::not_permitted(format!(
            "{what} takes the security configuration, and {}",
            explain(&viewer, DataClass::SecurityConfig, &subject, reason)
        )));
    }
    Ok(match viewer {
        Viewer::Partner { partner, .. } => Some(partner),
        Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => None,
    })
}

/// Whether a person asks and not an API key. A leaked key must neither multiply, nor lock out those who would revoke it, nor change
/// who signs in and as what. `what` begins the sentence of a refusal: "API keys are made".
///
/// # Errors
/// NOT_PERMITTED.
pub(super) fn person(writing: &Writing<'_>, what: &str) -> Result<(), Refusal> {
    if writing.asker.is_service {
        return Err(Refusal::not_permitted(format!(
            "{what} by people, not by API keys: ask somebody who signs in as themself"
        )));
    }
    Ok(())
}
