//! Every refusal by itself: each token differs from a good one, signed with the right key, in one point.

use std::borrow::Borrow;

use axum::body::to_bytes;
use axum::http::HeaderValue;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;

const RSA_PRIVATE: &str = include_str!("testdata/rsa.private.pem");
const RSA_PUBLIC: &str = include_str!("testdata/rsa.public.pem");
const P256_PRIVATE: &str = include_str!("testdata/p256.private.pem");
const P256_PUBLIC: &str = include_str!("testdata/p256.public.pem");

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "posture-gateway";
const USER: UserId = UserId(Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef));
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn verifier(keys: KeySet) -> Verifier {
    Verifier { keys, issuer: ISSUER.into(), audience: AUDIENCE.into(), leeway: TimeDelta::zero() }
}

fn p256_verifier() -> Verifier {
    verifier(KeySet::from_pem(P256_PUBLIC).unwrap())
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": USER, "exp": NOW + 60, "nbf": NOW })
}

/// An object with some members replaced; null removes.
fn with(mut object: Value, changes: impl Borrow<Value>) -> Value {
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes.borrow().as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signs whatever header and payload it is given.
fn sign_text(header: &str, payload: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn p256_key() -> EncodingKey {
    EncodingKey::from_ec_pem(P256_PRIVATE.as_bytes()).unwrap()
}

fn rsa_key() -> EncodingKey {
    EncodingKey::from_rsa_pem(RSA_PRIVATE.as_bytes()).unwrap()
}

/// A token of the P-256 key with a header and claims that differ from the good ones.
fn es256(header: Value, changes: Value) -> String {
    let header = with(json!({ "alg": "ES256" }), header);
    sign_text(&header.to_string(), &with(claims(), changes).to_string(), &p256_key(), Algorithm::ES256)
}

/// The public members of a PEM key as a JWK.
fn jwk(pem: &str, members: Value) -> Value {
    use jsonwebtoken::{DecodingKey, jwk::Jwk};
    let key = DecodingKey::from_ed_pem(pem.as_bytes())
        .or_else(|_| DecodingKey::from_ec_pem(pem.as_bytes()))
        .or_else(|_| DecodingKey::from_rsa_pem(pem.as_bytes()))
        .unwrap();
    with(serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap(), members)
}

fn jwks(keys: &[Value]) -> Result<KeySet, KeyError> {
    KeySet::from_jwks(&json!({ "keys": keys }).to_string())
}

#[test]
fn good_tokens_of_the_three_algorithms() {
    let dir = tempfile::tempdir().unwrap();
    let ed25519 = DevelopmentKey::load_or_create(dir.path()).unwrap();
    let rs256 = sign_text(r#"{"alg":"RS256"}"#, &claims().to_string(), &rsa_key(), Algorithm::RS256);
    let eddsa = ed25519.mint(USER, ISSUER, AUDIENCE, at(NOW), TimeDelta::seconds(60));
    for (token, keys) in [
        (es256(json!({}), json!({})), KeySet::from_pem(P256_PUBLIC).unwrap()),
        (rs256, KeySet::from_pem(RSA_PUBLIC).unwrap()),
        (eddsa, KeySet::load(ed25519.public_path()).unwrap()),
    ] {
        let expected = Claims { subject: USER, expires_at: at(NOW + 60) };
        assert_eq!(verifier(keys).verify(&token, at(NOW)), Ok(expected), "{token}");
    }
}

#[test]
fn headers_that_are_good() {
    for header in [
        json!({ "typ": "JWT" }),
        json!({ "typ": "at+jwt" }),
        json!({ "typ": "application/AT+JWT" }),
        json!({ "x5t": "hint" }),
    ] {
        assert!(p256_verifier().verify(&es256(header.clone(), json!({})), at(NOW)).is_ok(), "{header}");
    }
}

#[test]
fn headers_that_are_refused() {
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "RS256" }),
        json!({ "alg": "EdDSA" }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "es256" }),
        json!({ "alg": null }),
        json!({ "alg": ["ES256"] }),
        json!({ "kid": "unknown" }),
        json!({ "kid": 1 }),
        json!({ "jwk": jwk(P256_PUBLIC, json!({})) }),
        json!({ "jku": "https://issuer.example/keys" }),
        json!({ "x5u": "https://issuer.example/certificate" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "b64": true }),
        json!({ "enc": "A128GCM" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "dpop+jwt" }),
    ] {
        let token = es256(header.clone(), json!({}));
        assert_eq!(p256_verifier().verify(&token, at(NOW)), Err(TokenError::Untrusted), "{header}");
    }
    for header in [r#"{"alg":"ES256","jwk":null}"#, r#"{"alg":"ES256","alg":"ES256"}"#, "[]", "{"] {
        let token = sign_text(header, &claims().to_string(), &p256_key(), Algorithm::ES256);
        assert_eq!(p256_verifier().verify(&token, at(NOW)), Err(TokenError::Untrusted), "{header}");
    }
}

#[test]
fn algorithm_confusion_is_refused() {
    for public in [P256_PUBLIC, RSA_PUBLIC] {
        let keys = KeySet::from_pem(public).unwrap();
        let secret = EncodingKey::from_secret(public.as_bytes());
        let token = sign_text(r#"{"alg":"HS256"}"#, &claims().to_string(), &secret, Algorithm::HS256);
        assert_eq!(verifier(keys).verify(&token, at(NOW)), Err(TokenError::Untrusted));
    }
    let keys = || KeySet::from_pem(RSA_PUBLIC).unwrap();
    for (name, algorithm) in [("RS512", Algorithm::RS512), ("PS256", Algorithm::PS256)] {
        let header = json!({ "alg": name }).to_string();
        let token = sign_text(&header, &claims().to_string(), &rsa_key(), algorithm);
        assert_eq!(verifier(keys()).verify(&token, at(NOW)), Err(TokenError::Untrusted), "{name}");
    }
}

#[test]
fn forms_that_are_refused() {
    let good = es256(json!({}), json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let other = encode(with(claims(), json!({ "sub": Uuid::nil() })).to_string());
    let none = format!("{}.{payload}.", encode(r#"{"alg":"none"}"#));
    for token in [
        String::new(),
        "..".into(),
        message.into(),
        format!("{message}."),
        format!("{good}."),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{header}.{other}.{signature}"),
        format!("{header}.{payload}.{}", encode([0; 64])),
        none,
    ] {
        assert_eq!(p256_verifier().verify(&token, at(NOW)), Err(TokenError::Untrusted), "{token}");
    }
    let stranger = verifier(jwks(&[jwk(P256_PUBLIC, json!({ "kid": "a" }))]).unwrap());
    let token = sign_text(r#"{"alg":"RS256"}"#, &claims().to_string(), &rsa_key(), Algorithm::RS256);
    assert_eq!(stranger.verify(&token, at(NOW)), Err(TokenError::Untrusted));
}

#[test]
fn claims_that_are_refused() {
    use TokenError::{Claims, Elsewhere};
    for (changes, expected) in [
        (json!({ "exp": null }), Claims),
        (json!({ "exp": "1800000060" }), Claims),
        (json!({ "exp": 1e300 }), Claims),
        (json!({ "nbf": "soon" }), Claims),
        (json!({ "nbf": -1e300 }), Claims),
        (json!({ "iss": null }), Claims),
        (json!({ "iss": [ISSUER] }), Claims),
        (json!({ "aud": null }), Claims),
        (json!({ "sub": null }), Claims),
        (json!({ "sub": "admin" }), Claims),
        (json!({ "iss": "https://issuer.example/" }), Elsewhere),
        (json!({ "aud": "another" }), Elsewhere),
        (json!({ "aud": [] }), Elsewhere),
        (json!({ "aud": ["another"] }), Elsewhere),
    ] {
        let token = es256(json!({}), changes.clone());
        assert_eq!(p256_verifier().verify(&token, at(NOW)), Err(expected), "{changes}");
    }
    let listed = es256(json!({}), json!({ "aud": ["another", AUDIENCE] }));
    assert!(p256_verifier().verify(&listed, at(NOW)).is_ok());
    let twice = claims().to_string().replacen('{', r#"{"sub":"00000000-0000-0000-0000-000000000000","#, 1);
    let token = sign_text(r#"{"alg":"ES256"}"#, &twice, &p256_key(), Algorithm::ES256);
    assert_eq!(p256_verifier().verify(&token, at(NOW)), Err(Claims));
}

#[test]
fn time_is_exact_and_leeway_widens_it() {
    let token = es256(json!({}), json!({ "nbf": NOW, "exp": NOW + 60 }));
    let verdict = |leeway: i64, instant: DateTime<Utc>| {
        let verifier = Verifier { leeway: TimeDelta::seconds(leeway), ..p256_verifier() };
        verifier.verify(&token, instant).err()
    };
    let microsecond = TimeDelta::microseconds(1);
    assert_eq!(verdict(0, at(NOW) - microsecond), Some(TokenError::NotYet));
    assert_eq!(verdict(0, at(NOW)), None);
    assert_eq!(verdict(0, at(NOW + 60) - microsecond), None);
    assert_eq!(verdict(0, at(NOW + 60)), Some(TokenError::Expired));
    assert_eq!(verdict(5, at(NOW - 5) - microsecond), Some(TokenError::NotYet));
    assert_eq!(verdict(5, at(NOW - 5)), None);
    assert_eq!(verdict(5, at(NOW + 65) - microsecond), None);
    assert_eq!(verdict(5, at(NOW + 65)), Some(TokenError::Expired));

    let fraction = es256(json!({}), json!({ "nbf": null, "exp": 1_800_000_060.5 }));
    let expires_at = p256_verifier().verify(&fraction, at(NOW)).unwrap().expires_at;
    assert_eq!(expires_at, at(NOW + 60) + TimeDelta::milliseconds(500));
}

#[test]
fn a_large_token_is_refused_before_it_is_read() {
    let filled = |length: usize| es256(json!({ "filler": "x".repeat(length) }), json!({}));
    assert_eq!(p256_verifier().verify(&filled(7_000), at(NOW)), Err(TokenError::TooLarge));
    assert!(p256_verifier().verify(&filled(5_500), at(NOW)).is_ok());
}

#[test]
fn a_jwks_is_asked_by_kid_and_without_one_only_where_it_is_clear() {
    let two = [jwk(P256_PUBLIC, json!({ "kid": "a" })), jwk(RSA_PUBLIC, json!({ "kid": "b", "use": "sig" }))];
    let verdict = |keys: &[Value], header: Value| {
        verifier(jwks(keys).unwrap()).verify(&es256(header, json!({})), at(NOW)).err()
    };
    assert_eq!(verdict(&two, json!({ "kid": "a" })), None);
    assert_eq!(verdict(&two, json!({})), None);
    assert_eq!(verdict(&two, json!({ "kid": "b" })), Some(TokenError::Untrusted));
    assert_eq!(verdict(&two, json!({ "kid": "c" })), Some(TokenError::Untrusted));
    let rolling = [jwk(P256_PUBLIC, json!({ "kid": "a" })), jwk(P256_PUBLIC, json!({ "kid": "b" }))];
    assert_eq!(verdict(&rolling, json!({ "kid": "b" })), None);
    assert_eq!(verdict(&rolling, json!({})), Some(TokenError::Untrusted));
}

#[test]
fn key_files_that_are_refused() {
    let (p256, rsa) = (|members| jwk(P256_PUBLIC, members), |members| jwk(RSA_PUBLIC, members));
    let ed25519 = |x: String| json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "a" });
    for (keys, expected) in [
        (vec![], "the JWKS holds no key"),
        (vec![p256(json!({ "kid": "a" })), rsa(json!({ "kid": "a" }))], "two keys have the kid `a`"),
        (
            vec![p256(json!({ "kid": "a" })), p256(json!({}))],
            "ES256 has several keys, and one of them has no kid",
        ),
        (
            vec![json!({ "kty": "oct", "k": "c2VjcmV0" })],
            "position 1 cannot be used: it is private or symmetric",
        ),
        (vec![p256(json!({ "kid": "a", "d": "AA" }))], "`a` cannot be used: it is private or symmetric"),
        (vec![rsa(json!({ "p": "AA" }))], "it is private or symmetric"),
        (vec![p256(json!({ "use": "enc" }))], "its `use` is not `sig`"),
        (vec![p256(json!({ "key_ops": ["deriveKey"] }))], "its `key_ops` do not include `verify`"),
        (vec![p256(json!({ "alg": "ES384" }))], "its `alg` is not the one of its type"),
        (vec![rsa(json!({ "alg": "PS256" }))], "its `alg` is not the one of its type"),
        (vec![rsa(json!({ "alg": "RSA-OAEP" }))], "its `alg` is not the one of its type"),
        (vec![p256(json!({ "crv": "P-384" }))], "only Ed25519, P-256 and RSA keys are supported"),
        (vec![p256(json!({ "crv": "secp256k1" }))], "only Ed25519, P-256 and RSA keys are supported"),
        (vec![json!({ "kty": "AKP", "pub": "AA" })], "only Ed25519, P-256 and RSA keys are supported"),
        (vec![p256(json!({ "x": "AA" }))], "a P-256 coordinate has 32 bytes"),
        (vec![p256(json!({ "x": encode([1; 32]) }))], "it is no point of P-256"),
        (vec![p256(json!({ "x": "+" }))], "its members are not base64url"),
        (vec![ed25519(encode([1; 31]))], "an Ed25519 key has 32 bytes"),
        (vec![ed25519(encode([0; 32]))], "it is no strong point of Ed25519"),
        (vec![rsa(json!({ "n": encode([255; 128]) }))], "an RSA modulus takes 2048 to 4096 bits"),
        (vec![rsa(json!({ "n": encode([255; 513]) }))], "an RSA modulus takes 2048 to 4096 bits"),
        (vec![rsa(json!({ "n": encode([254; 256]) }))], "its RSA modulus or exponent is out of range"),
        (vec![rsa(json!({ "e": "AQ" }))], "its RSA modulus or exponent is out of range"),
        (vec![rsa(json!({ "e": "" }))], "its RSA modulus or exponent is out of range"),
    ] {
        let error = jwks(&keys).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    }
    for (pem, expected) in [
        ("", "expected one PEM block"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "expected one PEM block"),
        (RSA_PRIVATE, "this is a private key"),
        (P256_PRIVATE, "this is a private key"),
        (include_str!("testdata/rsa1024.public.pem"), "2048 to 4096 bits"),
        (include_str!("testdata/p384.public.pem"), "only Ed25519, P-256 and RSA"),
        (include_str!("testdata/secp256k1.public.pem"), "it is no point of P-256"),
        (&format!("{RSA_PUBLIC}{P256_PUBLIC}"), "expected one PEM block"),
    ] {
        let error = KeySet::from_pem(pem).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error} / {expected}");
    }
    assert!(matches!(KeySet::from_jwks(r#"{"kty":"OKP"}"#), Err(KeyError::Jwks { .. })));
}

#[test]
fn key_files_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    assert!(matches!(KeySet::load(&path), Err(KeyError::Read { .. })));
    for text in [P256_PUBLIC.to_owned(), json!({ "keys": [jwk(RSA_PUBLIC, json!({}))] }).to_string()] {
        std::fs::write(&path, text).unwrap();
        assert!(KeySet::load(&path).is_ok());
    }
}

#[test]
fn the_bearer_header() {
    let taken = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    };
    assert_eq!(taken(&[]), Ok(None));
    assert_eq!(taken(&["Bearer a.b-c_d.e"]), Ok(Some("a.b-c_d.e".into())));
    assert_eq!(taken(&["bearer  abc"]), Ok(Some("abc".into())));
    for (values, expected) in [
        (vec!["Bearer a", "Bearer a"], TokenError::Repeated),
        (vec!["Bearer a", "Basic b"], TokenError::Repeated),
        (vec!["Basic YTpi"], TokenError::Scheme),
        (vec![""], TokenError::Scheme),
        (vec!["Bearera"], TokenError::Scheme),
        (vec!["Bearer"], TokenError::Malformed),
        (vec!["Bearer "], TokenError::Malformed),
        (vec!["Bearer a b"], TokenError::Malformed),
        (vec!["Bearer a, Bearer b"], TokenError::Malformed),
        (vec!["Bearer \"a\""], TokenError::Malformed),
    ] {
        assert_eq!(taken(&values), Err(expected), "{values:?}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xff").unwrap());
    assert_eq!(bearer(&headers), Err(TokenError::Malformed));
}

#[tokio::test]
async fn a_refusal_is_a_challenge_and_a_graphql_answer() {
    let answer = |error: TokenError| async move {
        let response = error.into_response();
        let challenge = response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        (status, challenge, String::from_utf8(body.to_vec()).unwrap())
    };
    let (status, challenge, body) = answer(TokenError::Expired).await;
    assert_eq!(status, 401);
    assert_eq!(challenge, r#"Bearer error="invalid_token", error_description="the token has expired""#);
    assert_eq!(
        body,
        r#"{"errors":[{"extensions":{"code":"UNAUTHENTICATED"},"message":"the token has expired"}]}"#
    );
    let (status, challenge, _) = answer(TokenError::Repeated).await;
    assert_eq!(status, 400);
    assert!(challenge.starts_with(r#"Bearer error="invalid_request", "#), "{challenge}");
}

#[test]
fn a_development_key_is_made_once_and_kept_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("made/on/demand");
    let first = DevelopmentKey::load_or_create(&dir).unwrap();
    let token = first.mint(USER, ISSUER, AUDIENCE, at(NOW), TimeDelta::hours(1));
    let second = DevelopmentKey::load_or_create(&dir).unwrap();
    let claims = verifier(second.key_set().unwrap()).verify(&token, at(NOW)).unwrap();
    assert_eq!(claims, Claims { subject: USER, expires_at: at(NOW + 3_600) });

    let private = dir.join("development-key.private.pem");
    assert_eq!(std::fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2, "the two keys and no draft");

    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o644)).unwrap();
    let exposed = DevelopmentKey::load_or_create(&dir).unwrap_err();
    assert!(exposed.to_string().contains("is readable by others (mode 644)"), "{exposed}");

    std::fs::write(&private, P256_PRIVATE).unwrap();
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o600)).unwrap();
    let damaged = DevelopmentKey::load_or_create(&dir).unwrap_err();
    assert!(matches!(damaged, DevelopmentKeyError::Key { .. }), "{damaged}");
}
