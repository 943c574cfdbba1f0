//! Sign-in with bearer tokens (RFC 6750): signed JWTs (RFC 7519) under the cautions of RFC 8725.
//!
//! A token says who asks and nothing more (DESIGN.md 3): authority is read from the database afterwards. [`bearer`]
//! takes the token from a request, [`Verifier::verify`] judges it; both ways in, HTTP and WebSocket, use them.
//!
//! A token may also be an API key (`domain::api_key`): the doors to GraphQL and to files of evidence look it up by its hash ([`pass_of`]);
//! those of scanners take none. A key that is unknown, revoked, or of a disabled user is answered like any other token that is not believed.

mod keys;
mod mint;
#[cfg(test)]
mod tests;

use axum::Json;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::failure;
use crate::domain::api_key;
use crate::domain::ids::UserId;
use crate::store::{Database, StoreError};

pub use keys::{KeyError, KeySet};
pub use mint::{DevelopmentKey, DevelopmentKeyError};

/// The largest token that is looked at, in bytes.
pub const LARGEST_TOKEN: usize = 8 * 1024;

/// Header parameters that would let a token bring its own key or change how it is read (RFC 7515, 4.1; RFC 7797).
const FORBIDDEN_PARAMETERS: [&str; 7] = ["b64", "crit", "enc", "jku", "jwk", "x5c", "x5u"];

/// Why a token is refused. The text is the answer's: it tells the client what to do and nothing of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More than one `Authorization` header.
    #[error("send one Authorization header")]
    Repeated,
    /// A header, or a token, that breaks the grammar of RFC 6750.
    #[error("the Authorization header is malformed")]
    Malformed,
    /// Another scheme than `Bearer`.
    #[error("only the Bearer scheme is supported")]
    Scheme,
    /// Above [`LARGEST_TOKEN`].
    #[error("the token is too large")]
    TooLarge,
    /// Not a JWT signed with one of the keys and that key's algorithm.
    #[error("the token is not signed by a trusted key")]
    Untrusted,
    /// A claim that is missing or has another shape than it must.
    #[error("the token lacks a valid exp, iss, aud or sub claim")]
    Claims,
    /// For another audience or from another issuer.
    #[error("the token was not issued for this service")]
    Elsewhere,
    /// At or after `exp`.
    #[error("the token has expired")]
    Expired,
    /// Before `nbf`.
    #[error("the token is not valid yet")]
    NotYet,
}

impl IntoResponse for TokenError {
    /// RFC 6750's challenge with a GraphQL answer: 400 where the request is malformed, else 401.
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Repeated | Self::Malformed => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Scheme
            | Self::TooLarge
            | Self::Untrusted
            | Self::Claims
            | Self::Elsewhere
            | Self::Expired
            | Self::NotYet => (StatusCode::UNAUTHORIZED, "invalid_token"),
        };
        let message = self.to_string();
        let challenge = format!("Bearer error=\"{error}\", error_description=\"{message}\"");
        let body = serde_json::json!({
            "errors": [{ "message": message, "extensions": { "code": "UNAUTHENTICATED" } }]
        });
        (status, [(WWW_AUTHENTICATE, challenge)], Json(body)).into_response()
    }
}

/// What a door says that lets in nobody without a token: `takes` says whose.
pub(super) fn unauthenticated(takes: &str) -> Response {
    let mut response = failure(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", takes);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// The user whose token came with a request, at a door that takes no API key; none for an anonymous request. Who that is, a
/// transaction tells.
///
/// # Errors
/// Where the token is none that the verifier takes.
pub(super) fn subject(
    headers: &HeaderMap,
    verifier: &Verifier,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, TokenError> {
    let Some(token) = bearer(headers)? else { return Ok(None) };
    Ok(Some(verifier.verify(token, now)?.subject))
}

/// The bearer token of a request; none where it has no `Authorization` header: it is anonymous.
///
/// # Errors
/// Where the header stands twice, has another scheme, or does not hold one token.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(TokenError::Repeated);
    }
    let value = value.to_str().map_err(|_| TokenError::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Scheme);
    }
    let token = token.trim_start_matches(' ');
    let in_grammar = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(in_grammar) {
        return Err(TokenError::Malformed);
    }
    Ok(Some(token))
}

/// Why it is not known whom a bearer token signs in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The token is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database did not say whose key it is.
    #[error("an API key could not be looked up")]
    Store(#[from] StoreError),
}

/// Whom a bearer token or an API key signs in, and for how long that holds.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Who it is; what they may, the database knows.
    pub user: UserId,
    holds: Holds,
}

#[derive(Clone, Copy, Debug)]
enum Holds {
    /// Until the token expires.
    Until(DateTime<Utc>),
    /// For as long as the key is not revoked.
    WithKey(api_key::KeyDigest),
}

impl Pass {
    /// Judges a bearer token, or looks up an API key. A JWT takes no statement, a key one: and revoking a key disables its user, so that
    /// what is read a moment later, in the request's own snapshot, still finds nobody.
    ///
    /// # Errors
    /// [`TokenError`], for a key as for a JWT that nobody signed; or the database's failure.
    pub async fn of(
        token: &str,
        verifier: &Verifier,
        now: DateTime<Utc>,
        database: &Database,
    ) -> Result<Self, SignInError> {
        let Some(key) = api_key::presented(token) else {
            let claims = verifier.verify(token, now)?;
            // Without the leeway: that is for a request, and what goes on ends when the token says.
            return Ok(Self { user: claims.subject, holds: Holds::Until(claims.expires_at) });
        };
        let user = database.user_of_key(&key).await?.ok_or(TokenError::Untrusted)?;
        Ok(Self { user, holds: Holds::WithKey(key) })
    }

    /// When it ends by itself; none for a key.
    #[must_use]
    pub const fn ends_at(&self) -> Option<DateTime<Utc>> {
        match self.holds {
            Holds::Until(end) => Some(end),
            Holds::WithKey(_) => None,
        }
    }

    /// Whether it still signs its user in, for what goes on longer than a request.
    ///
    /// # Errors
    /// As for [`Pass::of`].
    pub async fn check(&self, now: DateTime<Utc>, database: &Database) -> Result<(), SignInError> {
        match self.holds {
            Holds::Until(end) if now >= end => Err(TokenError::Expired.into()),
            Holds::Until(_) => Ok(()),
            Holds::WithKey(key) if database.user_of_key(&key).await? == Some(self.user) => Ok(()),
            Holds::WithKey(_) => Err(TokenError::Untrusted.into()),
        }
    }
}

/// Whom a request's bearer token or API key signs in; none for an anonymous request.
///
/// # Errors
/// As for [`bearer`] and [`Pass::of`].
pub async fn pass_of(
    headers: &HeaderMap,
    verifier: &Verifier,
    now: DateTime<Utc>,
    database: &Database,
) -> Result<Option<Pass>, SignInError> {
    match bearer(headers)? {
        None => Ok(None),
        Some(token) => Pass::of(token, verifier, now, database).await.map(Some),
    }
}

/// What a token states, once it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who asks (`sub`).
    pub subject: UserId,
    /// When the token ends (`exp`); a stream that outlives it is closed.
    pub expires_at: DateTime<Utc>,
}

/// Judges tokens.
#[derive(Debug)]
pub struct Verifier {
    /// The keys that may have signed.
    pub keys: KeySet,
    /// The only `iss`.
    pub issuer: String,
    /// What `aud` must be or contain.
    pub audience: String,
    /// How far the issuer's clock may differ, for `exp` and `nbf`; a few seconds.
    pub leeway: TimeDelta,
}

/// The header of a JWS, as far as it may have a say.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Payload {
    exp: f64,
    nbf: Option<f64>,
    iss: String,
    aud: Audience,
    sub: Uuid,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Verifier {
    /// What the token states, if it is signed by one of the keys, for this service, and valid at `now`.
    ///
    /// # Errors
    /// The first reason to refuse it: size, form and signature, claims, issuer and audience, time.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Claims, TokenError> {
        if token.len() > LARGEST_TOKEN {
            return Err(TokenError::TooLarge);
        }
        // An API key is no JWT, however it goes on.
        if api_key::is_key(token) {
            return Err(TokenError::Untrusted);
        }
        let payload: Payload = decode(self.signed_payload(token)?).ok_or(TokenError::Claims)?;
        let meant_for_us = match &payload.aud {
            Audience::One(audience) => *audience == self.audience,
            Audience::Many(audiences) => audiences.contains(&self.audience),
        };
        if !meant_for_us || payload.iss != self.issuer {
            return Err(TokenError::Elsewhere);
        }
        let expires_at = instant(payload.exp)?;
        if now.signed_duration_since(expires_at) >= self.leeway {
            return Err(TokenError::Expired);
        }
        let not_before = payload.nbf.map(instant).transpose()?;
        if not_before.is_some_and(|start| start.signed_duration_since(now) > self.leeway) {
            return Err(TokenError::NotYet);
        }
        Ok(Claims { subject: UserId(payload.sub), expires_at })
    }

    /// The encoded payload of a token whose signature is good.
    fn signed_payload<'a>(&self, token: &'a str) -> Result<&'a str, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Untrusted)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Untrusted)?;
        let header: Header = decode(header).ok_or(TokenError::Untrusted)?;
        if !header.is_plain() {
            return Err(TokenError::Untrusted);
        }
        let key = header
            .alg
            .parse::<Algorithm>()
            .ok()
            .and_then(|algorithm| self.keys.find(header.kid.as_deref(), algorithm))
            .ok_or(TokenError::Untrusted)?;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm) {
            Ok(true) => Ok(payload),
            Ok(false) | Err(_) => Err(TokenError::Untrusted),
        }
    }
}

impl Header {
    /// Whether this is the header of an ordinary access token: no key of its own, no extension, no other kind of JWT.
    fn is_plain(&self) -> bool {
        let access_token = self.typ.as_ref().is_none_or(|typ| {
            let typ = typ.to_ascii_lowercase();
            matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
        });
        access_token && !FORBIDDEN_PARAMETERS.iter().any(|name| self.others.contains_key(*name))
    }
}

/// A part of a token: JSON in base64url.
fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// A `NumericDate`: seconds since 1970, perhaps with a fraction.
fn instant(seconds: f64) -> Result<DateTime<Utc>, TokenError> {
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and what is out of range is refused")]
    let milliseconds = (seconds * 1_000.0) as i64;
    DateTime::from_timestamp_millis(milliseconds).ok_or(TokenError::Claims)
}
