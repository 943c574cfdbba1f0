//! What the tests know of events in logs, told again from the text and not from `policy`.

/// Whether an event of a customer's log tells of its security configuration (ARCHITECTURE.md, "A customer's log has two classes"): its
/// people and their roles, how they sign in, and its keys.
pub(crate) fn is_of_security(action: &str) -> bool {
    ["customer.user_", "customer.saml_", "customer.api_key_"].iter().any(|about| action.starts_with(about))
}
