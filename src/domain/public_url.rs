//! Where the gateway is found from outside: what its links begin with.

use std::str::FromStr;
use std::sync::Arc;

use super::secret::Secret;

/// What links begin with; none makes them relative to wherever they stand.
#[derive(Clone, Debug, Default)]
pub struct PublicUrl(Option<Arc<str>>);

impl PublicUrl {
    /// Not known: links are paths alone.
    pub const UNKNOWN: Self = Self(None);

    /// The link that a share is opened by.
    #[must_use]
    pub fn share(&self, secret: &Secret) -> String {
        format!("{}/share/{}", self.0.as_deref().unwrap_or_default(), secret.reveal())
    }
}

/// A text that nothing can be found at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it takes a URL like `https://posture.example.com`, with http or https and without a query or fragment"
)]
pub struct NoPublicUrl;

impl FromStr for PublicUrl {
    type Err = NoPublicUrl;

    fn from_str(text: &str) -> Result<Self, NoPublicUrl> {
        let url = url::Url::parse(text).map_err(|_| NoPublicUrl)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if plain { Ok(Self(Some(url.as_str().trim_end_matches('/').into()))) } else { Err(NoPublicUrl) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_begin_with_it() {
        let secret = Secret::claimed("s".to_owned());
        for (text, link) in [
            ("https://posture.example.com", "https://posture.example.com/share/s"),
            ("https://posture.example.com/", "https://posture.example.com/share/s"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/share/s"),
            ("https://example.com/posture/", "https://example.com/posture/share/s"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().share(&secret), link);
        }
        assert_eq!(PublicUrl::UNKNOWN.share(&secret), "/share/s");
    }

    #[test]
    fn what_is_no_url_of_a_gateway_is_refused() {
        for text in [
            "",
            "posture.example.com",
            "ftp://example.com",
            "https://a:b@example.com",
            "https://example.com/?q",
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap_err(), NoPublicUrl, "{text}");
        }
    }
}
