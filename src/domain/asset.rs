//! Canonical form of assets (DESIGN.md 7): two spellings of one asset become one text, so that it is counted once.
//!
//! Canonical text is canonical already: `canonical` of its own answer is the same answer.

use std::net::{IpAddr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use url::{Host, Url};

use super::text_enum::text_enum;

text_enum! {
    /// What kind of thing is monitored.
    AssetKind {
        /// A registered domain, `example.com`.
        Domain = "DOMAIN",
        /// A name below one, `shop.example.com`.
        Subdomain = "SUBDOMAIN",
        /// An IPv4 or IPv6 address.
        IpAddress = "IP_ADDRESS",
        /// The URL of a web application.
        WebApplication = "WEB_APPLICATION",
        /// The base URL of an API.
        Api = "API",
    }
}

/// The longest canonical text, in bytes.
pub const MAX_ASSET_LENGTH: usize = 2048;

/// An asset in its one spelling. Made by [`canonical`] and [`web_origin`] alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalAsset {
    kind: AssetKind,
    value: String,
}

impl CanonicalAsset {
    /// What kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> AssetKind {
        self.kind
    }

    /// Its one spelling.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Why a text names no asset of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// Longer than [`MAX_ASSET_LENGTH`].
    #[error("an asset has at most {MAX_ASSET_LENGTH} characters, this one has {0}")]
    TooLong(usize),
    /// Not a domain name.
    #[error("`{0}` is not a domain name, it takes one such as `shop.example.com`")]
    NotADomain(String),
    /// Not an IP address.
    #[error("`{0}` is not an IP address, it takes one such as `192.0.2.1` or `2001:db8::1`")]
    NotAnIpAddress(String),
    /// Not a URL at all.
    #[error("`{text}` is not a URL, it takes one such as `https://shop.example.com/`")]
    NotAUrl {
        /// What was given.
        text: String,
        /// What the URL standard says of it.
        source: url::ParseError,
    },
    /// A URL, but not of the web.
    #[error("`{0}` is no web address: its scheme must be `http` or `https`")]
    NotOfTheWeb(String),
}

/// The one spelling of an asset.
///
/// Names lose case and trailing dot and become ASCII (IDNA); addresses take the spelling of RFC 5952, an IPv4-mapped
/// one that of IPv4; URLs lose case of scheme and host, default port, empty path, empty query, fragment and user.
///
/// # Errors
/// When the text names nothing of this kind.
pub fn canonical(kind: AssetKind, text: &str) -> Result<CanonicalAsset, AssetError> {
    let text = bounded(text.trim())?;
    let value = match kind {
        AssetKind::Domain | AssetKind::Subdomain => {
            domain_name(text).ok_or_else(|| AssetError::NotADomain(text.to_owned()))?
        }
        AssetKind::IpAddress => {
            ip_address(text).ok_or_else(|| AssetError::NotAnIpAddress(text.to_owned()))?.to_string()
        }
        AssetKind::WebApplication | AssetKind::Api => web_url(text)?.into(),
    };
    bounded(&value)?;
    Ok(CanonicalAsset { kind, value })
}

/// The web application that a URL belongs to: scheme, host and port alone.
///
/// # Errors
/// When the text is no URL of the web.
pub fn web_origin(text: &str) -> Result<CanonicalAsset, AssetError> {
    let mut url = web_url(bounded(text.trim())?)?;
    url.set_path("");
    url.set_query(None);
    Ok(CanonicalAsset { kind: AssetKind::WebApplication, value: url.into() })
}

fn bounded(text: &str) -> Result<&str, AssetError> {
    if text.len() > MAX_ASSET_LENGTH { Err(AssetError::TooLong(text.chars().count())) } else { Ok(text) }
}

/// A name in lower case ASCII without its trailing dot. A name that ends in a number is an address (URL standard).
fn domain_name(text: &str) -> Option<String> {
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::URL, Hyphens::Allow, DnsLength::VerifyAllowRootDot)
        .ok()?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    match Host::parse(name) {
        Ok(Host::Domain(name)) if !name.is_empty() => Some(name),
        _ => None,
    }
}

fn ip_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
    .map(|address: IpAddr| address.to_canonical())
}

fn web_url(text: &str) -> Result<Url, AssetError> {
    let not_a_url = |source| AssetError::NotAUrl { text: text.to_owned(), source };
    let mut url = Url::parse(text).map_err(not_a_url)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AssetError::NotOfTheWeb(text.to_owned()));
    }
    let host = match url.host() {
        Some(Host::Domain(name)) => domain_name(name).ok_or(url::ParseError::InvalidDomainCharacter),
        Some(Host::Ipv4(address)) => Ok(address.to_string()),
        Some(Host::Ipv6(address)) => Ok(match IpAddr::V6(address).to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        }),
        None => Err(url::ParseError::EmptyHost),
    }
    .map_err(not_a_url)?;
    url.set_host(Some(&host)).map_err(not_a_url)?;
    url.set_fragment(None);
    if url.query() == Some("") {
        url.set_query(None);
    }
    // Refused only where a URL has no host; this one has.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(kind: AssetKind, text: &str) -> String {
        canonical(kind, text).unwrap_or_else(|error| panic!("{text}: {error}")).value
    }

    #[test]
    fn equal_names_are_one() {
        for text in ["shop.example.com", "SHOP.Example.com.", " shop.example.com ", "shop。example。com。"]
        {
            assert_eq!(value(AssetKind::Subdomain, text), "shop.example.com", "{text}");
        }
        for text in ["bücher.example", "BÜCHER.example.", "xn--bcher-kva.example", "bu\u{308}cher.example"]
        {
            assert_eq!(value(AssetKind::Domain, text), "xn--bcher-kva.example", "{text}");
        }
        assert_eq!(value(AssetKind::Domain, "_dmarc.example.com"), "_dmarc.example.com");
    }

    #[test]
    fn equal_addresses_are_one() {
        for text in ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "[2001:0db8::0001]"] {
            assert_eq!(value(AssetKind::IpAddress, text), "2001:db8::1", "{text}");
        }
        for text in ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "[::ffff:c000:0201]"] {
            assert_eq!(value(AssetKind::IpAddress, text), "192.0.2.1", "{text}");
        }
    }

    #[test]
    fn equal_urls_are_one() {
        for text in [
            "https://shop.example.com",
            "HTTPS://Shop.Example.COM./",
            "https://shop.example.com:443/?",
            "https://user:secret@shop.example.com/#top",
        ] {
            assert_eq!(value(AssetKind::WebApplication, text), "https://shop.example.com/", "{text}");
        }
        assert_eq!(value(AssetKind::Api, "http://[::ffff:192.0.2.1]:80/v1?a=b"), "http://192.0.2.1/v1?a=b");
        assert_eq!(value(AssetKind::Api, "http://[2001:DB8:0::1]:8080"), "http://[2001:db8::1]:8080/");
        assert_eq!(
            value(AssetKind::Api, "http://bücher.example/Über"),
            "http://xn--bcher-kva.example/%C3%9Cber"
        );
    }

    #[test]
    fn what_differs_stays_different() {
        let url = |text| value(AssetKind::WebApplication, text);
        assert_ne!(url("https://a.example/"), url("http://a.example/"));
        assert_ne!(url("https://a.example/A"), url("https://a.example/a"));
        assert_ne!(url("https://a.example/a"), url("https://a.example/a/"));
        assert_ne!(url("https://a.example/"), url("https://a.example:8443/"));
    }

    #[test]
    fn what_is_no_asset_is_refused() {
        use AssetKind::{Api, Domain, IpAddress, WebApplication};
        let long = format!("https://a.example/{}", "a".repeat(3000));
        for (kind, text) in [
            (Domain, ""),
            (Domain, "."),
            (Domain, "a..example"),
            (Domain, "a b.example"),
            (Domain, "example.com/path"),
            (Domain, "192.0.2.1"),
            (Domain, "a.0x7f"),
            (Domain, "a\0.example"),
            (IpAddress, "192.0.2.256"),
            (IpAddress, "010.0.0.1"),
            (IpAddress, "fe80::1%eth0"),
            (IpAddress, "[192.0.2.1]"),
            (WebApplication, "shop.example.com"),
            (WebApplication, "ftp://shop.example.com/"),
            (WebApplication, "https://"),
            (WebApplication, "https://a..example/"),
            (Api, long.as_str()),
        ] {
            assert!(canonical(kind, text).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text| web_origin(text).map(|asset| asset.value);
        assert_eq!(origin("https://A.example:8443/cart?id=1#x").as_deref(), Ok("https://a.example:8443/"));
        assert!(origin("src/main.rs").is_err());
    }

    fn kinds() -> impl Strategy<Value = AssetKind> {
        prop::sample::select(AssetKind::ALL)
    }

    proptest! {
        #[test]
        fn canonical_text_is_canonical(kind in kinds(), text in "(https?://)?[\\PC.:/@#?\\[\\]]{0,40}") {
            if let Ok(asset) = canonical(kind, &text) {
                prop_assert_eq!(canonical(kind, asset.value()), Ok(asset.clone()));
                prop_assert!(asset.value().len() <= MAX_ASSET_LENGTH);
            }
        }

        #[test]
        fn case_and_trailing_dot_do_not_matter(labels in prop::collection::vec("[a-z]([a-z0-9-]{0,10}[a-z])?", 1..5)) {
            let name = labels.join(".");
            let loud = format!("{}.", name.to_uppercase());
            // A label that only looks like an internationalised name is refused in both spellings.
            prop_assert_eq!(
                canonical(AssetKind::Domain, &loud).ok(),
                canonical(AssetKind::Domain, &name).ok()
            );
            prop_assert_eq!(
                web_origin(&format!("HTTPS://{loud}:443/a#b")).ok(),
                web_origin(&format!("https://{name}")).ok()
            );
        }

        #[test]
        fn every_spelling_of_an_address_is_one(address: u128) {
            let address = Ipv6Addr::from(address);
            let long = address.segments().map(|segment| format!("{segment:04X}")).join(":");
            prop_assert_eq!(
                canonical(AssetKind::IpAddress, &long),
                canonical(AssetKind::IpAddress, &address.to_string())
            );
            prop_assert_eq!(
                web_origin(&format!("http://[{long}]:80")),
                web_origin(&format!("http://[{address}]/"))
            );
        }
    }
}
