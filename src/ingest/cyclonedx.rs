//! Reads CycloneDX JSON 1.4 and later (ECMA-424): components, and vulnerabilities as findings (DESIGN.md 8).

mod raw;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use self::raw::{Component, Components, Metadata, Vulnerability};
use super::document::{self, List, Loose, Refusal, bounded};
use super::{Format, IngestError, MAX_ENTRIES, Report, ReportedComponent, ReportedFinding, Run, digest};
use crate::domain::finding::Severity;

/// Reads a CycloneDX document to its end.
///
/// # Errors
/// When the bytes are no whole, well-formed CycloneDX document of version 1.4 or a later 1.x, of at most
/// [`MAX_ENTRIES`] components and as many vulnerabilities.
pub fn read(reader: impl Read) -> Result<Report, IngestError> {
    let refusal = Refusal::default();
    let document = document::read(reader, Format::CycloneDx, &refusal, Root(&refusal))?;
    Ok(Report { runs: vec![finished(document)] })
}

#[derive(Default)]
struct Document {
    metadata: Metadata,
    components: Components,
    vulnerabilities: List<Vulnerability, MAX_ENTRIES>,
}

/// The root object. By hand, because a wrong version is told apart before what follows is tried.
struct Root<'a>(&'a Refusal);

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CycloneDX document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Document, A::Error> {
        let Self(refusal) = self;
        let expected = Format::CycloneDx;
        let wrong = |detail| refusal.refuse::<A::Error>(IngestError::WrongFormat { expected, detail });
        let (mut format, mut version) = (false, false);
        let (mut metadata, mut components, mut vulnerabilities) = (None, None, None);
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "bomFormat" => match entries.next_value()? {
                    Loose::Text(text) if text == "CycloneDX" => format = true,
                    _ => return Err(wrong("its `bomFormat` is not `CycloneDX`")),
                },
                "specVersion" => {
                    let found = entries.next_value()?;
                    if !is_read(&found) {
                        return Err(refusal.refuse(wrong_version(found)));
                    }
                    version = true;
                }
                "metadata" if metadata.is_none() => {
                    metadata = Some(entries.next_value::<Option<Metadata>>()?);
                }
                "components" if components.is_none() => components = Some(entries.next_value()?),
                "vulnerabilities" if vulnerabilities.is_none() => {
                    vulnerabilities = Some(entries.next_value()?);
                }
                "metadata" | "components" | "vulnerabilities" => {
                    return Err(wrong("it has `metadata`, `components` or `vulnerabilities` twice"));
                }
                "runs" => return Err(wrong("this looks like SARIF; send it to the ingestion of SARIF")),
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        match (format, version) {
            (false, _) => Err(wrong("it has no `bomFormat`, which must be `CycloneDX`")),
            (true, false) => Err(wrong("it has no `specVersion`, such as `1.6`")),
            (true, true) => Ok(Document {
                metadata: metadata.flatten().unwrap_or_default(),
                components: components.unwrap_or_default(),
                vulnerabilities: vulnerabilities.unwrap_or_default(),
            }),
        }
    }
}

/// Whether the version is 1.4 or a later 1.x.
fn is_read(version: &Loose) -> bool {
    let Loose::Text(text) = version else { return false };
    text.split_once('.').is_some_and(|(major, minor)| {
        let digits = minor.bytes().all(|byte| byte.is_ascii_digit());
        major == "1" && digits && minor.parse::<u16>().is_ok_and(|minor| minor >= 4)
    })
}

fn wrong_version(found: Loose) -> IngestError {
    let found = match found {
        Loose::Text(text) => text,
        Loose::Number(number) => number.to_string(),
        Loose::Texts(_) | Loose::Other => "(no text)".to_owned(),
    };
    let advice = "let the tool write CycloneDX JSON `1.4` to `1.7`";
    IngestError::WrongVersion { format: Format::CycloneDx, found, advice }
}

fn finished(document: Document) -> Run {
    let Document { metadata, components, vulnerabilities } = document;
    let (subject, parts) = metadata.component.map_or((None, Components::default()), raw::Nested::split);
    let (tool, tool_version) = metadata.tools.tool();
    let target = subject.as_ref().map(Component::unversioned).unwrap_or_default();

    let mut by_ref = HashMap::new();
    if !vulnerabilities.0.is_empty() {
        for component in subject.iter().chain(&parts.0).chain(&components.0) {
            if let Some(reference) = &component.reference {
                by_ref.entry(reference.as_str()).or_insert(component);
            }
        }
    }
    let mut seen = HashSet::new();
    let findings = vulnerabilities
        .0
        .iter()
        .filter(|vulnerability| !vulnerability.settled)
        .map(|vulnerability| finding(vulnerability, &tool, &by_ref))
        .filter(|finding| seen.insert(finding.fingerprint))
        .collect();

    let mut seen = HashSet::new();
    let components = parts
        .0
        .into_iter()
        .chain(components.0)
        .filter(|component| seen.insert(component.identity))
        .map(|component| ReportedComponent {
            identity: component.identity,
            name: component.name,
            version: component.version,
            purl: component.purl,
            licenses: component.licenses,
        })
        .collect();
    Run { tool, tool_version, target, full: true, findings, components: Some(components) }
}

/// One finding for a vulnerability and the components that it affects together.
fn finding(vulnerability: &Vulnerability, tool: &str, by_ref: &HashMap<&str, &Component>) -> ReportedFinding {
    let affected = || {
        vulnerability
            .affects
            .iter()
            .map(|reference| (reference.as_str(), by_ref.get(reference.as_str()).copied()))
    };
    // References are made anew by some tools in each document; what they refer to stays.
    let mut identities: Vec<[u8; 32]> = affected()
        .map(|(reference, component)| {
            component.map_or_else(|| digest(&[reference.as_bytes()]), |component| component.identity)
        })
        .collect();
    identities.sort_unstable();
    identities.dedup();
    let mut parts: Vec<&[u8]> =
        vec![b"cyclonedx vulnerability", tool.as_bytes(), vulnerability.id.as_bytes()];
    parts.extend(identities.iter().map(<[u8; 32]>::as_slice));
    let fingerprint = digest(&parts);

    let first = affected().next().map(|(reference, component)| {
        component.map_or_else(|| reference.to_owned(), Component::name_and_version)
    });
    let title = match (first, vulnerability.affects.len()) {
        (None, _) => vulnerability.id.clone(),
        (Some(first), 1) => format!("{} in {first}", vulnerability.id),
        (Some(first), all) => format!("{} in {first} and {} more", vulnerability.id, all - 1),
    };
    let mut location = String::new();
    for (reference, component) in affected().take(100) {
        if !location.is_empty() {
            location.push_str(", ");
        }
        location.push_str(component.and_then(|component| component.purl.as_deref()).unwrap_or(reference));
    }
    ReportedFinding {
        fingerprint,
        rule_id: Some(vulnerability.id.clone()),
        title: bounded(&title, 200),
        description: vulnerability.description.clone(),
        severity: vulnerability.severity.unwrap_or(Severity::Medium),
        cve: vulnerability.cve.clone(),
        cvss_score: vulnerability.score,
        location: (!location.is_empty()).then(|| bounded(&location, 1000)),
        accepted: false,
        asset: None,
    }
}
