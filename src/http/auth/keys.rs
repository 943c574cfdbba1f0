//! The public keys that sign-in trusts: one PEM file, or a JWKS (RFC 7517) with several.
//!
//! A key decides its algorithm, never a token: Ed25519 is `EdDSA`, P-256 is ES256, RSA is RS256. Whatever else a file
//! holds is refused when it is loaded, so that a mistake shows at the start and not at the first sign-in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// The bits of an RSA modulus: below, RFC 7518 forbids it; above, each check would cost too much.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Members of a JWK that only private and symmetric keys have (RFC 7518, 6).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key file `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A private key where a public one belongs.
    #[error("this is a private key; configure the public one (`openssl pkey -pubout` derives it)")]
    Private,
    /// No public key in PEM.
    #[error("expected one PEM block `PUBLIC KEY` with an Ed25519, P-256 or RSA key, or a JWKS")]
    Pem,
    /// No JWKS.
    #[error("this is no JWKS: it takes an object with an array `keys` of JSON Web Keys")]
    Jwks {
        /// What is wrong with the JSON.
        source: serde_json::Error,
    },
    /// A JWKS without keys.
    #[error("the JWKS holds no key")]
    Empty,
    /// A key that cannot sign tokens for this gateway.
    #[error("{key} cannot be used: {reason}")]
    Unusable {
        /// Which one.
        key: String,
        /// Why.
        reason: &'static str,
    },
    /// Two keys of one name.
    #[error("two keys have the kid `{kid}`")]
    SameKid {
        /// The name.
        kid: String,
    },
    /// A key without a name beside another of its algorithm: no token could ever choose it.
    #[error("{algorithm:?} has several keys, and one of them has no kid")]
    MissingKid {
        /// The algorithm they share.
        algorithm: Algorithm,
    },
}

/// The keys that may have signed a token; never empty.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// A public key and the only algorithm it is used with.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

impl KeySet {
    /// Reads a file: a JWKS where it starts with `{`, else a public key in PEM.
    ///
    /// # Errors
    /// Where the file cannot be read, or as [`Self::from_jwks`] and [`Self::from_pem`].
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
        if text.trim_start().starts_with('{') { Self::from_jwks(&text) } else { Self::from_pem(&text) }
    }

    /// One public key (`SubjectPublicKeyInfo`). It has no kid, so a token that names one is refused.
    ///
    /// # Errors
    /// Where it is not exactly one public key of a known type, or the key is weak.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        if pem.matches("-----BEGIN ").count() != 1 || !pem.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(KeyError::Pem);
        }
        let bytes = pem.as_bytes();
        let jwk = DecodingKey::from_ed_pem(bytes)
            .or_else(|_| DecodingKey::from_ec_pem(bytes))
            .or_else(|_| DecodingKey::from_rsa_pem(bytes))
            .and_then(|key| Jwk::from_decoding_key(&key, None))
            .map_err(|_| KeyError::Pem)?;
        let unusable = |reason| KeyError::Unusable { key: String::from("the key"), reason };
        let (algorithm, decoding) = decoding_key(&jwk.algorithm).map_err(unusable)?;
        Ok(Self { keys: vec![Key { kid: None, algorithm, decoding }] })
    }

    /// The keys of a JWKS, all of which must be usable.
    ///
    /// # Errors
    /// Where it is no JWKS, a key is private, symmetric, weak or for another purpose, or no token could name it.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<serde_json::Map<String, serde_json::Value>>,
        }
        let jwks: Jwks = serde_json::from_str(json).map_err(|source| KeyError::Jwks { source })?;
        let keys = jwks.keys.into_iter().enumerate().map(|(index, members)| {
            let key = match members.get("kid").and_then(|kid| kid.as_str()) {
                Some(kid) => format!("the key `{kid}`"),
                None => format!("the key at position {}", index + 1),
            };
            Key::from_members(members).map_err(|reason| KeyError::Unusable { key, reason })
        });
        let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(KeyError::Empty);
        }
        let mut kids = BTreeSet::new();
        for key in &keys {
            match &key.kid {
                Some(kid) if !kids.insert(kid) => return Err(KeyError::SameKid { kid: kid.clone() }),
                None if keys.iter().filter(|other| other.algorithm == key.algorithm).count() > 1 => {
                    return Err(KeyError::MissingKid { algorithm: key.algorithm });
                }
                _ => {}
            }
        }
        Ok(Self { keys })
    }

    /// The key that a token names; without a name, the only one of the algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut keys = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (kid.is_none() || key.kid.as_deref() == kid));
        let found = keys.next()?;
        keys.next().is_none().then_some(found)
    }
}

impl Key {
    fn from_members(members: serde_json::Map<String, serde_json::Value>) -> Result<Self, &'static str> {
        if SECRET_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err("it is private or symmetric");
        }
        let stated = members.get("alg").map(|alg| alg.as_str().and_then(|alg| alg.parse::<Algorithm>().ok()));
        let jwk: Jwk = serde_json::from_value(members.into())
            .map_err(|_| "its `kty`, `crv` or coordinates are not those of a known key type")?;
        let (algorithm, decoding) = decoding_key(&jwk.algorithm)?;
        if stated.is_some_and(|stated| stated != Some(algorithm)) {
            return Err("its `alg` is not the one of its type: EdDSA, ES256 or RS256");
        }
        if jwk.common.public_key_use.is_some_and(|usage| usage != PublicKeyUse::Signature) {
            return Err("its `use` is not `sig`");
        }
        let verifies = |operations: Vec<_>| operations.contains(&KeyOperations::Verify);
        if !jwk.common.key_operations.is_none_or(verifies) {
            return Err("its `key_ops` do not include `verify`");
        }
        Ok(Self { kid: jwk.common.key_id, algorithm, decoding })
    }
}

/// The algorithm of a key's type and the key ready for use, or what is wrong with it.
fn decoding_key(parameters: &AlgorithmParameters) -> Result<(Algorithm, DecodingKey), &'static str> {
    const BASE64: &str = "its members are not base64url";
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| BASE64);
    match parameters {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            let bytes = decode(&pair.x)?.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
            let usable = ed25519_dalek::VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak());
            if !usable {
                return Err("it is no strong point of Ed25519");
            }
            Ok((Algorithm::EdDSA, DecodingKey::from_ed_der(&bytes)))
        }
        AlgorithmParameters::EllipticCurve(point) if point.curve == EllipticCurve::P256 => {
            if decode(&point.x)?.len() != 32 || decode(&point.y)?.len() != 32 {
                return Err("a P-256 coordinate has 32 bytes");
            }
            let key = DecodingKey::from_ec_components(&point.x, &point.y).map_err(|_| BASE64)?;
            // The point is checked when a verifier is made, so one is made here.
            jsonwebtoken::crypto::verify("", b"", &key, Algorithm::ES256)
                .map_err(|_| "it is no point of P-256")?;
            Ok((Algorithm::ES256, key))
        }
        AlgorithmParameters::RSA(rsa) => {
            let (modulus, exponent) = (decode(&rsa.n)?, decode(&rsa.e)?);
            if !RSA_BITS.contains(&bits(&modulus)) {
                return Err("an RSA modulus takes 2048 to 4096 bits");
            }
            let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
            if !odd(&modulus) || !odd(&exponent) || !(2..=33).contains(&bits(&exponent)) {
                return Err("its RSA modulus or exponent is out of range");
            }
            Ok((Algorithm::RS256, DecodingKey::from_rsa_raw_components(&modulus, &exponent)))
        }
        _ => Err("only Ed25519, P-256 and RSA keys are supported"),
    }
}

/// The bits of a number, most significant byte first.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}
