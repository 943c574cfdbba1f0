//! *Operate*: every write on a customer's security data (DESIGN.md 4) asks here first; and whether it is a person who asks.

use super::refusal::Refusal;
use super::writing::Writing;
use crate::domain::ids::PartnerId;
use crate::policy::{DataClass, Viewer, decide, explain};
use crate::store::portal::LockedCustomer;

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
    let (viewer, subject) = (*writing.viewer(), customer.subject(writing.now()));
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
