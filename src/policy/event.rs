//! Which class an event of a customer's log is of: whoever is not shown the security configuration is not told what was done to it.

use super::class::DataClass;

/// What happens to a customer's security configuration: who has which role, who may sign in and how, and its keys. The policies say
/// the same (`gate.is_security_event`).
pub const SECURITY_EVENTS: [&str; 7] = [
    "customer.user_invited",
    "customer.user_role_changed",
    "customer.user_disabled",
    "customer.user_enabled",
    "customer.saml_changed",
    "customer.api_key_created",
    "customer.api_key_revoked",
];

/// The class of an event by what happened; every other event is ACTIVITY.
#[must_use]
pub fn class_of_event(action: &str) -> DataClass {
    if SECURITY_EVENTS.contains(&action) { DataClass::SecurityConfig } else { DataClass::Activity }
}
