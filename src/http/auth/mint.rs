//! Development keys: an Ed25519 key pair in a directory, and tokens signed with it.
//!
//! The demo and `token --user` use these; a real deployment configures the public key of its identity provider.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::ed25519::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _};
use ed25519_dalek::ed25519::{KeypairBytes, pkcs8};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::keys::{KeyError, KeySet};
use crate::domain::ids::UserId;

/// The files of a directory with development keys.
const PRIVATE_FILE: &str = "development-key.private.pem";
const PUBLIC_FILE: &str = "development-key.public.pem";

/// Why there is no development key.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentKeyError {
    /// A file of the directory cannot be read or written.
    #[error("cannot use `{path}` for development keys")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The private key's file is not one.
    #[error("`{path}` is no Ed25519 private key; remove it to have a new one made")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pkcs8::Error,
    },
    /// Somebody else may read the private key.
    #[error(
        "`{path}` is readable by others (mode {mode:o}); `chmod 600` it, or remove it to have a new one made"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

/// An Ed25519 key pair that signs tokens for development.
#[derive(Debug)]
pub struct DevelopmentKey {
    key: SigningKey,
    public_pem: String,
    public_path: PathBuf,
}

impl DevelopmentKey {
    /// The key pair of a directory, made at the first call: the private key (PKCS#8, mode 0600), the public beside it.
    ///
    /// # Errors
    /// Where the directory cannot be used, its private key is damaged, or others may read it.
    pub fn load_or_create(dir: &Path) -> Result<Self, DevelopmentKeyError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| DevelopmentKeyError::File { path, source }
        };
        fs::create_dir_all(dir).map_err(file(dir))?;
        let private_path = dir.join(PRIVATE_FILE);
        if !private_path.try_exists().map_err(file(&private_path))? {
            create(&private_path)?;
        }
        let mode = fs::metadata(&private_path).map_err(file(&private_path))?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(DevelopmentKeyError::Exposed { path: private_path, mode });
        }
        let pem = fs::read_to_string(&private_path).map_err(file(&private_path))?;
        let damaged = |source| DevelopmentKeyError::Key { path: private_path.clone(), source };
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(damaged)?;
        let public_pem = key
            .verifying_key()
            .to_public_key_pem(pkcs8::spki::der::pem::LineEnding::LF)
            .map_err(|error| damaged(error.into()))?;
        let public_path = dir.join(PUBLIC_FILE);
        if fs::read_to_string(&public_path).ok().as_ref() != Some(&public_pem) {
            fs::write(&public_path, &public_pem).map_err(file(&public_path))?;
        }
        Ok(Self { key, public_pem, public_path })
    }

    /// Where the public key is, for `serve`'s configuration.
    #[must_use]
    pub fn public_path(&self) -> &Path {
        &self.public_path
    }

    /// The keys with which a verifier believes this key's tokens.
    ///
    /// # Errors
    /// Never for a key that was loaded.
    pub fn key_set(&self) -> Result<KeySet, KeyError> {
        KeySet::from_pem(&self.public_pem)
    }

    /// A token for a user, valid from `now` (to the second) for `lifetime`.
    #[must_use]
    pub fn mint(
        &self,
        user: UserId,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "JWT" });
        let payload = json!({
            "iss": issuer,
            "aud": audience,
            "sub": user,
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": now.timestamp().saturating_add(lifetime.num_seconds()),
        });
        let encode = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()).to_bytes());
        format!("{message}.{signature}")
    }
}

/// Makes a private key whose file appears whole or not at all; where another process was first, its key stays.
fn create(path: &Path) -> Result<(), DevelopmentKeyError> {
    let mut secret_key = [0; 32];
    getrandom::fill(&mut secret_key).map_err(DevelopmentKeyError::Random)?;
    let pem = KeypairBytes { secret_key, public_key: None }
        .to_pkcs8_pem(pkcs8::spki::der::pem::LineEnding::LF)
        .map_err(|source| DevelopmentKeyError::Key { path: path.to_owned(), source })?;
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(pem.as_bytes()))
        .and_then(|()| fs::hard_link(&draft, path));
    // Best effort: a draft left behind is as private as the key itself.
    let _ = fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(DevelopmentKeyError::File { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
