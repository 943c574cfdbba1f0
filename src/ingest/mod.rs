//! Results of real scanners, read from SARIF and CycloneDX documents (DESIGN.md 8).
//!
//! Pure: bytes in, a [`Report`] or an [`IngestError`] out. [`sarif::read`] and [`cyclonedx::read`] stream; they keep what
//! the gateway stores and skip the rest, so that memory follows the number of results and not the size of the document.

pub mod cyclonedx;
mod document;
mod error;
mod intake;
pub mod sarif;
mod upload;

pub use error::{Format, IngestError, Measured};
pub use intake::{Document, Packed, read};
pub use upload::{DigestReader, Encoding, decoded, limited};

use sha2::{Digest as _, Sha256};

use crate::domain::asset::CanonicalAsset;
use crate::domain::finding::Severity;

/// The most findings, and the most components, that one document may hold.
pub const MAX_ENTRIES: usize = 250_000;

/// What a document reports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The runs in the document's order; a CycloneDX document has one.
    pub runs: Vec<Run>,
}

/// One run of one tool on one target.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The tool's name.
    pub tool: String,
    /// The tool's version, where it says.
    pub tool_version: Option<String>,
    /// What was looked at, stable from run to run; empty where the document does not say.
    pub target: String,
    /// Whether it looked at everything, so that what it does not report is gone.
    pub full: bool,
    /// What it found, each fingerprint once, in the document's order.
    pub findings: Vec<ReportedFinding>,
    /// What the target is made of, each identity once; only CycloneDX says.
    pub components: Option<Vec<ReportedComponent>>,
}

/// A finding as a tool reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedFinding {
    /// What makes it the same finding in the next report of the same tool.
    pub fingerprint: [u8; 32],
    /// The tool's rule, or the vulnerability's id.
    pub rule_id: Option<String>,
    /// A line that says what it is, at most 200 characters.
    pub title: String,
    /// What the tool says, at most 8,000 characters.
    pub description: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The first CVE number that its rule or its text names.
    pub cve: Option<String>,
    /// The CVSS base score, 0 to 10.
    pub cvss_score: Option<f64>,
    /// Where: `path:line`, a URL, or the components concerned.
    pub location: Option<String>,
    /// Whether the tool's user has accepted it (suppressed).
    pub accepted: bool,
    /// The asset it is on, where the location is one.
    pub asset: Option<CanonicalAsset>,
}

/// A software component as a tool reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedComponent {
    /// What makes it the same component: its package URL, else group, name and version.
    pub identity: [u8; 32],
    /// Its name with its group, as its ecosystem writes them together.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: Option<String>,
    /// Its licences: SPDX ids, names or expressions.
    pub licenses: Vec<String>,
}

/// The severity of a CVSS score (DESIGN.md 7's scale); none outside 0 to 10.
fn severity_of_score(score: f64) -> Option<Severity> {
    match score {
        9.0..=10.0 => Some(Severity::Critical),
        7.0..9.0 => Some(Severity::High),
        4.0..7.0 => Some(Severity::Medium),
        0.0 => Some(Severity::Info),
        0.0..4.0 => Some(Severity::Low),
        _ => None,
    }
}

/// A digest of parts, in which no two lists of parts look alike.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// The first CVE number in a text, in upper case: `CVE-`, four digits, `-`, four digits or more.
fn cve_in(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    (0..bytes.len()).find_map(|start| {
        let prefixed = bytes.get(start..start + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"CVE-"));
        let whole =
            !start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric);
        let number = digits(start + 9);
        let found = prefixed
            && whole
            && digits(start + 4) == 4
            && bytes.get(start + 8) == Some(&b'-')
            && (4..=19).contains(&number);
        found.then(|| text.get(start..start + 9 + number).map(str::to_ascii_uppercase)).flatten()
    })
}

#[cfg(test)]
mod real_files;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cve_is_found_where_it_stands() {
        let found = |text| cve_in(text);
        assert_eq!(found("CVE-2020-14343").as_deref(), Some("CVE-2020-14343"));
        assert_eq!(found("yaml-load-cve-2020-14343-x").as_deref(), Some("CVE-2020-14343"));
        assert_eq!(found("é (CVE-1999-0001), CVE-2000-0002").as_deref(), Some("CVE-1999-0001"));
        for none in
            ["", "CVE-", "CVE-2020", "CVE-2020-123", "CVE-20-12345", "XCVE-2020-1234", "CVE-20201-1234"]
        {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn scores_have_their_severity() {
        use Severity::{Critical, High, Info, Low, Medium};
        for (score, severity) in [
            (10.0, Some(Critical)),
            (9.0, Some(Critical)),
            (8.9, Some(High)),
            (7.0, Some(High)),
            (6.9, Some(Medium)),
            (4.0, Some(Medium)),
            (3.9, Some(Low)),
            (0.1, Some(Low)),
            (0.0, Some(Info)),
            (-1.0, None),
            (10.1, None),
            (f64::NAN, None),
        ] {
            assert_eq!(severity_of_score(score), severity, "{score}");
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a"]), digest(&[b"a", b""]));
    }
}
