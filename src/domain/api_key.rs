//! API keys: how a key is spelled, what is kept of it, and how a bearer token is told to be one.
//!
//! A key is `posture_customer_` or `posture_partner_` and 32 random bytes in base64url. Whoever finds one somewhere knows what it
//! opens, and so does a scanner for secrets. Kept are its SHA-256 and its end: of 256 random bits a slow hash would hide no more.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::secret::{ENTROPY, Secret};

/// What every key begins with, and no other token does.
const PREFIX: &str = "posture_";

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A customer's.
    Customer,
    /// A partner's.
    Partner,
}

impl KeyKind {
    const ALL: [Self; 2] = [Self::Customer, Self::Partner];

    /// What a key of this kind begins with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Customer => "posture_customer_",
            Self::Partner => "posture_partner_",
        }
    }
}

/// SHA-256 of a key: what it is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

/// Whether a bearer token is an API key, well-formed or not, and nothing else.
#[must_use]
pub fn is_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// What a key is looked up by; none for a token that is none, or one that nobody can have been given.
#[must_use]
pub fn presented(token: &str) -> Option<KeyDigest> {
    let encoded = KeyKind::ALL.iter().find_map(|kind| token.strip_prefix(kind.prefix()))?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    (bytes.len() == ENTROPY).then(|| KeyDigest(Secret::claimed(token.to_owned()).hash()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_what_was_kept_of_it() {
        for kind in KeyKind::ALL {
            let secret = Secret::of(kind.prefix(), [7; ENTROPY]);
            assert_eq!(format!("{secret:?}"), "Secret(..)");
            let (told, end) = (secret.reveal(), secret.last_four());
            assert!(is_key(told) && told.ends_with(end) && end.len() == 4, "{told}");
            assert_eq!(presented(told), Some(KeyDigest(secret.hash())));
        }
        assert_eq!(
            Secret::of(KeyKind::Partner.prefix(), [0; ENTROPY]).reveal(),
            format!("posture_partner_{}", "A".repeat(43))
        );
    }

    #[test]
    fn what_nobody_was_given_is_not_looked_up() {
        let good = Secret::of(KeyKind::Customer.prefix(), [7; ENTROPY]).reveal().to_owned();
        let other_kind = good.replace("customer", "platform");
        let longer = format!("{good}AAAA");
        let padded = format!("{good}=");
        for token in [
            "",
            "posture_",
            "posture_customer_",
            &good[..good.len() - 1],
            &good[1..],
            &other_kind,
            &longer,
            &padded,
        ] {
            assert_eq!(presented(token), None, "{token}");
        }
        assert!(is_key("posture_") && !is_key("eyJhbGciOiJFZERTQSJ9.e30.AA"));
    }
}
