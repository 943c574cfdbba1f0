//! The parts of a CycloneDX document that are kept, in the shape of the document, reduced while reading.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::super::document::{List, Text, said, too_many};
use super::super::{MAX_ENTRIES, cve_in, digest, severity_of_score};
use crate::domain::finding::Severity;

type Name = Text<200>;
type Reference = Text<1000>;

#[derive(Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) tools: Tools,
    pub(super) component: Option<Nested>,
}

/// The tools: an array of `vendor`, `name`, `version` until 1.4, since then an object with components.
#[derive(Default)]
pub(super) struct Tools(Option<RawTool>);

#[derive(Deserialize)]
struct RawTool {
    vendor: Option<Name>,
    name: Option<Name>,
    version: Option<Name>,
}

#[derive(Deserialize)]
struct ToolComponents {
    #[serde(default)]
    components: List<RawTool, 1000>,
    #[serde(default)]
    services: List<RawTool, 1000>,
}

impl Tools {
    /// The first tool's name and version.
    pub(super) fn tool(&self) -> (String, Option<String>) {
        let Some(tool) = &self.0 else { return ("CycloneDX".to_owned(), None) };
        let name =
            [&tool.vendor, &tool.name].into_iter().flatten().filter_map(Text::said).collect::<Vec<_>>();
        let name = if name.is_empty() { "CycloneDX".to_owned() } else { name.join(" ") };
        (name, said(tool.version.as_ref()))
    }
}

impl<'de> Deserialize<'de> for Tools {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ToolsVisitor;
        impl<'de> Visitor<'de> for ToolsVisitor {
            type Value = Tools;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of tools or an object with `components`")
            }

            fn visit_unit<E>(self) -> Result<Tools, E> {
                Ok(Tools(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Tools, A::Error> {
                let mut first = None;
                while let Some(tool) = entries.next_element::<RawTool>()? {
                    first = first.or(Some(tool));
                }
                Ok(Tools(first))
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Tools, A::Error> {
                let tools =
                    ToolComponents::deserialize(serde::de::value::MapAccessDeserializer::new(entries))?;
                Ok(Tools(tools.components.0.into_iter().chain(tools.services.0).next()))
            }
        }
        deserializer.deserialize_any(ToolsVisitor)
    }
}

/// A component, reduced to what becomes of it.
pub(super) struct Component {
    pub(super) reference: Option<String>,
    pub(super) identity: [u8; 32],
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) purl: Option<String>,
    pub(super) licenses: Vec<String>,
}

impl Component {
    /// The package URL, else the name, without the version: the same for the next release.
    pub(super) fn unversioned(&self) -> String {
        let Some(purl) = &self.purl else { return self.name.clone() };
        let bare = purl.split(['?', '#']).next().unwrap_or_default();
        match bare.rsplit_once('@') {
            Some((package, version)) if !version.contains('/') => package.to_owned(),
            _ => bare.to_owned(),
        }
    }

    /// How a person writes it.
    pub(super) fn name_and_version(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A component and all that are nested in it, at every depth.
#[derive(Deserialize)]
#[serde(from = "RawComponent")]
pub(super) struct Nested {
    component: Component,
    below: Components,
}

impl Nested {
    /// The component, and what it is made of.
    pub(super) fn split(self) -> (Option<Component>, Components) {
        (Some(self.component), self.below)
    }
}

#[derive(Deserialize)]
struct RawComponent {
    #[serde(rename = "bom-ref")]
    reference: Option<Reference>,
    group: Option<Name>,
    name: Name,
    version: Option<Name>,
    purl: Option<Reference>,
    #[serde(default)]
    licenses: List<RawLicense, 1000>,
    #[serde(default)]
    components: Components,
}

#[derive(Deserialize)]
struct RawLicense {
    license: Option<NamedLicense>,
    expression: Option<Name>,
}

#[derive(Deserialize)]
struct NamedLicense {
    id: Option<Name>,
    name: Option<Name>,
}

impl From<RawComponent> for Nested {
    fn from(raw: RawComponent) -> Self {
        let (group, name) = (said(raw.group.as_ref()), said(Some(&raw.name)).unwrap_or_default());
        let (version, purl) = (said(raw.version.as_ref()), said(raw.purl.as_ref()));
        let part = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
        let identity = match &purl {
            Some(purl) => digest(&[b"purl", purl.as_bytes()]),
            None => digest(&[b"name", &part(&group), name.as_bytes(), &part(&version)]),
        };
        let separator =
            if purl.as_ref().is_some_and(|purl| purl.starts_with("pkg:maven/")) { ':' } else { '/' };
        let name = match group {
            Some(group) if !name.starts_with(&format!("{group}{separator}")) => {
                format!("{group}{separator}{name}")
            }
            _ => name,
        };
        let mut licenses = Vec::new();
        for entry in raw.licenses.0 {
            let named = entry
                .license
                .and_then(|license| said(license.id.as_ref()).or_else(|| said(license.name.as_ref())));
            match named.or_else(|| said(entry.expression.as_ref())) {
                Some(license) if !licenses.contains(&license) => licenses.push(license),
                _ => {}
            }
        }
        let reference = said(raw.reference.as_ref());
        Self {
            component: Component { reference, identity, name, version, purl, licenses },
            below: raw.components,
        }
    }
}

/// A list of components with all nested ones, each after the one that holds it.
#[derive(Default)]
pub(super) struct Components(pub(super) Vec<Component>);

impl<'de> Deserialize<'de> for Components {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ComponentsVisitor;
        impl<'de> Visitor<'de> for ComponentsVisitor {
            type Value = Components;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of components")
            }

            fn visit_none<E>(self) -> Result<Components, E> {
                Ok(Components::default())
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Components, D::Error> {
                deserializer.deserialize_seq(self)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Components, A::Error> {
                let mut flat = Vec::new();
                while let Some(nested) = entries.next_element::<Nested>()? {
                    flat.push(nested.component);
                    flat.extend(nested.below.0);
                    if flat.len() > MAX_ENTRIES {
                        return Err(too_many(MAX_ENTRIES));
                    }
                }
                Ok(Components(flat))
            }
        }
        deserializer.deserialize_option(ComponentsVisitor)
    }
}

/// A vulnerability, reduced to what becomes of it.
#[derive(Deserialize)]
#[serde(from = "RawVulnerability")]
pub(super) struct Vulnerability {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) score: Option<f64>,
    pub(super) cve: Option<String>,
    /// The references of the components concerned, each once.
    pub(super) affects: Vec<String>,
    /// Whether its analysis says that it is fixed or never was.
    pub(super) settled: bool,
}

#[derive(Deserialize)]
struct RawVulnerability {
    #[serde(rename = "bom-ref")]
    reference: Option<Name>,
    id: Option<Name>,
    description: Option<Text<8000>>,
    detail: Option<Text<8000>>,
    #[serde(default)]
    ratings: List<Rating, 1000>,
    #[serde(default)]
    affects: List<Affected, 50_000>,
    analysis: Option<Analysis>,
    #[serde(default)]
    references: List<Alias, 1000>,
}

#[derive(Deserialize)]
struct Rating {
    score: Option<f64>,
    severity: Option<Name>,
    method: Option<Name>,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    reference: Reference,
}

#[derive(Deserialize)]
struct Analysis {
    state: Option<Name>,
}

#[derive(Deserialize)]
struct Alias {
    id: Option<Name>,
}

impl Rating {
    /// A CVSS score; other methods have other scales.
    fn score(&self) -> Option<f64> {
        let cvss = self.method.as_ref().is_none_or(|method| method.0.starts_with("CVSS"));
        self.score.filter(|score| cvss && severity_of_score(*score).is_some())
    }

    fn severity(&self) -> Option<Severity> {
        let named = match self.severity.as_ref().and_then(Text::said)? {
            "critical" => Severity::Critical,
            "high" => Severity::High,
            "medium" => Severity::Medium,
            "low" => Severity::Low,
            "info" | "none" => Severity::Info,
            _ => return None,
        };
        Some(named)
    }
}

impl From<RawVulnerability> for Vulnerability {
    fn from(raw: RawVulnerability) -> Self {
        let ratings = &raw.ratings.0;
        let severity = ratings
            .iter()
            .filter_map(|rating| rating.severity().or_else(|| rating.score().and_then(severity_of_score)))
            .max_by_key(|severity| severity.rank());
        let id = said(raw.id.as_ref())
            .or_else(|| said(raw.reference.as_ref()))
            .unwrap_or_else(|| "(a vulnerability without id)".to_owned());
        let aliases = raw.references.0.iter().filter_map(|alias| alias.id.as_ref()?.said());
        let cve = std::iter::once(id.as_str()).chain(aliases).find_map(cve_in);
        let mut affects: Vec<String> =
            raw.affects.0.iter().filter_map(|affected| said(Some(&affected.reference))).collect();
        affects.sort_unstable();
        affects.dedup();
        let state = raw.analysis.as_ref().and_then(|analysis| analysis.state.as_ref()?.said());
        Self {
            severity,
            score: ratings.iter().filter_map(Rating::score).max_by(f64::total_cmp),
            description: said(raw.description.as_ref()).or_else(|| said(raw.detail.as_ref())),
            settled: matches!(
                state,
                Some("not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree")
            ),
            id,
            cve,
            affects,
        }
    }
}
