//! What the demo's scanners can find, and what software they find it in. Invented, down to the CVE numbers of 2099.

use crate::domain::finding::Severity::{self, Critical, High, Info, Low, Medium};

/// Where a finding is said to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A path of a web application or API.
    Path,
    /// A port.
    Port,
    /// A package.
    Package,
    /// A line of a file.
    Line,
}

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Template {
    pub(super) severity: Severity,
    pub(super) rule: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) tool: &'static str,
    pub(super) place: Place,
    /// Whether it comes with a CVE number.
    pub(super) cve: bool,
}

const WEB: &str = "demo-web-scan";
const NETWORK: &str = "demo-network-scan";
const PACKAGES: &str = "demo-dependency-scan";
const CODE: &str = "demo-code-scan";

macro_rules! templates {
    ($($severity:ident $tool:ident $place:ident $cve:literal $rule:literal $title:literal $description:literal;)*) => {
        /// Everything that can be found.
        pub(super) const TEMPLATES: &[Template] = &[$(Template {
            severity: $severity,
            rule: $rule,
            title: $title,
            description: $description,
            tool: $tool,
            place: Place::$place,
            cve: $cve,
        },)*];
    };
}

templates! {
    Critical WEB Path false "web/sql-injection" "SQL injection in a query parameter" "The parameter is placed in an SQL statement as text. Bind it instead.";
    Critical WEB Path false "web/command-injection" "Operating system command built from user input" "Input reaches a shell. Start the program with an argument list instead.";
    Critical PACKAGES Package true "sca/remote-code-execution" "Package allows remote code execution" "A crafted request runs code in this version. Update the package.";
    Critical NETWORK Port false "net/database-exposed" "Database reachable from the internet without a password" "Anyone can read and change the data. Close the port and set a password.";
    Critical WEB Path false "web/default-credentials" "Administration page accepts its default password" "The password is in the product's manual. Change it.";
    High WEB Path false "web/stored-xss" "Stored cross-site scripting" "Markup that one user saves runs in the browsers of others. Encode it on output.";
    High WEB Path false "web/path-traversal" "Path traversal in a file download" "`../` leads out of the folder. Resolve the path and check that it stays inside.";
    High WEB Path false "web/broken-object-authorization" "Object of another user readable by its id" "The id alone opens the object. Check whose it is.";
    High PACKAGES Package true "sca/denial-of-service" "Package can be stopped by a crafted message" "One message makes this version use all memory. Update the package.";
    High PACKAGES Package true "sca/authentication-bypass" "Package lets a crafted token pass" "The signature is not checked for one algorithm. Update the package.";
    High NETWORK Port false "net/remote-desktop-exposed" "Remote desktop reachable from the internet" "It is tried with stolen passwords all day. Put it behind a VPN.";
    High CODE Line false "code/hard-coded-password" "Password in the source" "Whoever reads the source can sign in. Move it to a secret store and change it.";
    High CODE Line false "code/unsafe-deserialization" "Objects loaded from untrusted bytes" "Loading can run code. Use a format that holds data only.";
    Medium WEB Path false "web/reflected-xss" "Reflected cross-site scripting" "A parameter comes back as markup. Encode it on output.";
    Medium WEB Path false "web/csrf-token-missing" "State-changing form without a CSRF token" "Another site can send the form for a signed-in user. Add a token.";
    Medium WEB Path false "web/open-redirect" "Open redirect" "The target is taken from a parameter. Allow known targets only.";
    Medium WEB Path false "web/session-fixation" "Session id unchanged by sign-in" "An id that was planted before stays valid. Renew it at sign-in.";
    Medium NETWORK Port false "tls/old-protocol" "TLS 1.0 or 1.1 offered" "Both are obsolete. Offer TLS 1.2 and 1.3 only.";
    Medium NETWORK Port false "tls/certificate-expires" "Certificate expires within two weeks" "Visitors will see a warning. Renew it, or let it be renewed.";
    Medium NETWORK Port false "net/snmp-public" "SNMP answers to the community `public`" "It tells the network's layout. Turn it off or change the community.";
    Medium PACKAGES Package true "sca/information-leak" "Package leaks memory in an error message" "Update the package.";
    Medium PACKAGES Package true "sca/request-smuggling" "Package reads a request's length in two ways" "Requests can be smuggled past a proxy. Update the package.";
    Medium CODE Line false "code/weak-digest" "MD5 or SHA-1 used" "Collisions can be made. Use SHA-256.";
    Medium CODE Line false "code/certificate-not-checked" "TLS certificate not checked" "Anyone on the way can answer. Check the certificate.";
    Low WEB Path false "web/csp-missing" "No Content-Security-Policy header" "A policy limits what injected markup can do.";
    Low WEB Path false "web/cookie-without-secure" "Cookie without the Secure attribute" "It is also sent without TLS.";
    Low WEB Path false "web/cookie-without-samesite" "Cookie without the SameSite attribute" "It is sent with requests from other sites.";
    Low WEB Path false "web/directory-listing" "Directory listing" "File names are shown that no page links to.";
    Low NETWORK Port false "dns/spf-missing" "No SPF record" "Others can send mail in the domain's name.";
    Low NETWORK Port false "dns/dmarc-none" "DMARC policy is `none`" "Forged mail is reported and delivered all the same.";
    Low PACKAGES Package true "sca/regular-expression" "Package slows down on a crafted text" "Update the package.";
    Low CODE Line false "code/weak-random" "Random numbers that can be foretold" "Use the system's generator for anything secret.";
    Info WEB Path false "web/server-version" "Server tells its version" "It saves an attacker a question.";
    Info WEB Path false "web/form-found" "Sign-in form found" "Listed so that the inventory is whole.";
    Info NETWORK Port false "net/open-port" "Open port" "Listed so that the inventory is whole.";
    Info NETWORK Port false "dns/caa-missing" "No CAA record" "Any authority may issue certificates for the domain.";
    Info PACKAGES Package false "sca/outdated" "Package is behind its latest release" "No vulnerability is known.";
}

/// Paths that findings are on.
pub(super) const PATHS: [&str; 12] = [
    "/account/orders",
    "/admin/users",
    "/api/v1/invoices",
    "/basket",
    "/checkout",
    "/contact",
    "/download",
    "/login",
    "/profile",
    "/reports/monthly",
    "/search",
    "/upload",
];

/// Ports that findings are on.
pub(super) const PORTS: [&str; 8] =
    ["tcp/21", "tcp/22", "tcp/25", "tcp/443", "tcp/3389", "tcp/5432", "tcp/8443", "udp/161"];

/// Files that findings are in.
pub(super) const FILES: [&str; 8] = [
    "src/auth/session.py",
    "src/billing/export.py",
    "src/orders/query.py",
    "src/server.py",
    "web/cart.js",
    "web/forms.js",
    "web/login.js",
    "worker/import.py",
];

/// Packages with a version, their ecosystem and their licence.
pub(super) const PACKAGES_USED: [(&str, &str, &str, &str); 24] = [
    ("npm", "demo-router", "4.17.1", "MIT"),
    ("npm", "demo-template", "3.2.0", "MIT"),
    ("npm", "demo-cookie", "0.4.1", "MIT"),
    ("npm", "demo-dates", "2.29.3", "MIT"),
    ("npm", "demo-deep-merge", "1.0.4", "ISC"),
    ("npm", "demo-http-client", "0.21.1", "MIT"),
    ("npm", "demo-markdown", "2.1.3", "BSD-3-Clause"),
    ("npm", "demo-sockets", "7.4.5", "MIT"),
    ("npm", "demo-uploads", "1.4.4", "MIT"),
    ("npm", "demo-validator", "13.6.0", "Apache-2.0"),
    ("pypi", "demo-forms", "2.3.1", "BSD-3-Clause"),
    ("pypi", "demo-images", "9.0.1", "HPND"),
    ("pypi", "demo-orm", "1.4.36", "MIT"),
    ("pypi", "demo-queue", "5.2.6", "BSD-3-Clause"),
    ("pypi", "demo-requests", "2.27.1", "Apache-2.0"),
    ("pypi", "demo-tokens", "2.3.0", "MIT"),
    ("pypi", "demo-web", "2.1.2", "BSD-3-Clause"),
    ("pypi", "demo-yaml", "5.3.1", "MIT"),
    ("maven", "demo-archive", "1.21", "Apache-2.0"),
    ("maven", "demo-json", "2.13.2", "Apache-2.0"),
    ("maven", "demo-logging", "2.14.1", "Apache-2.0"),
    ("maven", "demo-servlet", "9.0.58", "Apache-2.0"),
    ("maven", "demo-xml", "2.12.2", "Apache-2.0"),
    ("maven", "demo-crypto", "1.70", "MIT"),
];
