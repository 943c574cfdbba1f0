//! Secrets that are shown once: made from random bytes, and kept by nobody but as their hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Random bytes in a secret.
pub const ENTROPY: usize = 32;

/// A secret, in the clear: whoever has it may do what it opens. Printed it says nothing, so that no log tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// The secret made of random bytes, in base64url after a prefix by which people and scanners for leaked secrets know it.
    #[must_use]
    pub fn of(prefix: &str, entropy: [u8; ENTROPY]) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(entropy)))
    }

    /// A new secret.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut entropy = [0; ENTROPY];
        getrandom::fill(&mut entropy)?;
        Ok(Self::of(prefix, entropy))
    }

    /// What somebody says is one.
    #[must_use]
    pub const fn claimed(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Its end, by which people tell two of them apart.
    #[must_use]
    pub fn last_four(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default()
    }

    /// SHA-256 of all of it. Fast is enough: nobody guesses 32 random bytes.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same_and_each_fits_into_a_path() {
        let one = Secret::generate("share_").unwrap();
        let two = Secret::generate("share_").unwrap();
        assert!(one != two && one.hash() != two.hash());
        assert_eq!(one.reveal().len(), "share_".len() + 43);
        assert!(one.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(Secret::claimed(one.reveal().to_owned()).hash(), one.hash());
    }
}
