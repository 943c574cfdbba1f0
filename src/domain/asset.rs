//! Assets in canonical form (DESIGN.md 7).

use super::text_enum::text_enum;

text_enum! {
    /// What an asset is.
    AssetKind {
        /// A registered domain.
        Domain = "DOMAIN",
        /// A name below one.
        Subdomain = "SUBDOMAIN",
        /// An IPv4 or IPv6 address.
        IpAddress = "IP_ADDRESS",
        /// A web application's URL.
        WebApplication = "WEB_APPLICATION",
        /// An API's base URL.
        Api = "API",
    }
}
