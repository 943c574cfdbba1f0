//! API keys: how a key is spelled, what is kept of it, and how a bearer token is told to be one.
//!
//! A key is `posture_customer_` or `posture_partner_` and 32 random bytes in base64url. Whoever finds one somewhere knows what it
//! opens, and so does a scanner for secrets. Kept are its SHA-256 and its end: of 256 random bits a slow hash would hide no more.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// What every key begins with, and no other token does.
const PREFIX: &str = "posture_";

/// Random bytes in a key.
pub const ENTROPY: usize = 32;

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

    const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer_",
            Self::Partner => "partner_",
        }
    }
}

/// SHA-256 of a key: what it is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 32]);

/// A key, from when it is made until it is told. Printed it says nothing.
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// The key made of random bytes.
    #[must_use]
    pub fn new(kind: KeyKind, entropy: [u8; ENTROPY]) -> Self {
        Self(format!("{PREFIX}{}{}", kind.word(), URL_SAFE_NO_PAD.encode(entropy)))
    }

    /// What it is looked up by.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        digest(&self.0)
    }

    /// Its end, by which people tell two keys apart.
    #[must_use]
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// The key itself, for the one who made it: the only time.
    #[must_use]
    pub fn tell(self) -> String {
        self.0
    }
}

/// Whether a bearer token is an API key, well-formed or not, and nothing else.
#[must_use]
pub fn is_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// What a key is looked up by; none for a token that is none, or one that nobody can have been given.
#[must_use]
pub fn presented(token: &str) -> Option<KeyDigest> {
    let rest = token.strip_prefix(PREFIX)?;
    let encoded = KeyKind::ALL.iter().find_map(|kind| rest.strip_prefix(kind.word()))?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    (bytes.len() == ENTROPY).then(|| digest(token))
}

fn digest(key: &str) -> KeyDigest {
    KeyDigest(Sha256::digest(key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_what_was_kept_of_it() {
        for kind in KeyKind::ALL {
            let secret = Secret::new(kind, [7; ENTROPY]);
            let (kept, end) = (secret.digest(), secret.last_four().to_owned());
            assert_eq!(format!("{secret:?}"), "Secret(..)");
            let told = secret.tell();
            assert!(is_key(&told) && told.ends_with(&end) && end.len() == 4, "{told}");
            assert_eq!(presented(&told), Some(kept));
        }
        assert_eq!(
            Secret::new(KeyKind::Partner, [0; ENTROPY]).tell(),
            format!("posture_partner_{}", "A".repeat(43))
        );
    }

    #[test]
    fn what_nobody_was_given_is_not_looked_up() {
        let good = Secret::new(KeyKind::Customer, [7; ENTROPY]).tell();
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
