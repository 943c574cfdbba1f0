//! Secrets that are shown once: made from random bytes, and kept by nobody but as their hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// A secret, in the clear: whoever has it may do what it opens. It has no `Debug`, so that no log tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new secret of random bytes, in base64url after a prefix by which people and scanners for leaked secrets know it.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(prefix: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))))
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
