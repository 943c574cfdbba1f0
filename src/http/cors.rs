//! Which other sites' pages may read answers (CORS): none, unless the configuration names them.
//!
//! No answer depends on cookies, so `access-control-allow-credentials` is never sent: a page has to hold a token of its own.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it was told. Browsers cap it at two hours.
const MAX_AGE: Duration = Duration::from_hours(2);

/// The origin of a site, as browsers send it: scheme, host, and port where it is not the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that no browser sends as an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it takes an origin like `https://app.example.com`: http or https, a host, a port where it is not the usual one, no path"
)]
pub struct NoOrigin;

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let url = url::Url::parse(text).map_err(|_| NoOrigin)?;
        // To the letter: what a browser would send otherwise would never match.
        let is_whole = matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text;
        // A pattern would be sent by nobody, either.
        if !is_whole || text.contains('*') {
            return Err(NoOrigin);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| NoOrigin)
    }
}

/// What lets pages of these origins ask; none where there are none.
pub(super) fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let asked = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        HeaderName::from_static(crate::graphql::hidden::PLACEMENT_HEADER),
        HeaderName::from_static(super::COST_HEADER),
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("graphql-client-name"),
        HeaderName::from_static("graphql-client-version"),
        HeaderName::from_static("apollographql-client-name"),
        HeaderName::from_static("apollographql-client-version"),
        HeaderName::from_static("x-request-id"),
    ];
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().map(|Origin(value)| value.clone())))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(asked)
            .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE])
            .max_age(MAX_AGE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for text in ["https://app.example.com", "http://127.0.0.1:5173", "https://xn--bcher-kva.example"] {
            assert!(text.parse::<Origin>().is_ok(), "{text}");
        }
        for text in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com:443",
            "https://APP.example.com",
            "https://user@app.example.com",
            "https://*.example.com",
            "ftp://app.example.com",
            "https://bücher.example",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(NoOrigin), "{text}");
        }
    }
}
