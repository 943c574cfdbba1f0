//! The parts of a SARIF log that are kept, in the shape of the log, and what each result is reduced to while reading.

use serde::Deserialize;

use super::super::document::{List, Loose, Map, Text, said};
use super::super::{MAX_ENTRIES, cve_in, digest, severity_of_score};
use super::MAX_DESCRIPTION;

/// A URI or a path.
pub(super) type Uri = Text<1000>;
type Name = Text<200>;
type Prose = Text<MAX_DESCRIPTION>;
const MAX_RULES: usize = 20_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawRun {
    pub(super) tool: Tool,
    pub(super) results: Option<List<Entry, MAX_ENTRIES>>,
    #[serde(default)]
    pub(super) invocations: List<Invocation, 10_000>,
    pub(super) automation_details: Option<AutomationDetails>,
    #[serde(default)]
    pub(super) version_control_provenance: List<VersionControlDetails, 1000>,
    #[serde(default)]
    pub(super) artifacts: List<Artifact, MAX_ENTRIES>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Driver,
    #[serde(default)]
    pub(super) extensions: List<Extension, 50>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Driver {
    pub(super) name: Name,
    pub(super) semantic_version: Option<Name>,
    pub(super) version: Option<Name>,
    #[serde(default)]
    pub(super) rules: List<Rule, MAX_RULES>,
}

#[derive(Deserialize)]
pub(super) struct Extension {
    #[serde(default)]
    pub(super) rules: List<Rule, MAX_RULES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub(super) execution_successful: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct AutomationDetails {
    pub(super) id: Option<Text<400>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VersionControlDetails {
    pub(super) repository_uri: Option<Text<400>>,
}

#[derive(Deserialize)]
pub(super) struct Artifact {
    pub(super) location: Option<ArtifactLocation>,
}

#[derive(Deserialize)]
pub(super) struct ArtifactLocation {
    pub(super) uri: Option<Uri>,
    index: Option<i64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    None,
    Note,
    Warning,
    Error,
}

/// A rule (`reportingDescriptor`), reduced to what its findings need.
#[derive(Deserialize)]
#[serde(from = "RawRule")]
pub(super) struct Rule {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) short: Option<String>,
    pub(super) level: Option<Level>,
    pub(super) score: Option<f64>,
    pub(super) cve: Option<String>,
    messages: Vec<(Box<str>, Box<str>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    id: Option<Name>,
    name: Option<Name>,
    short_description: Option<RawMessage>,
    #[serde(default)]
    message_strings: Map<RawMessage, 1000>,
    default_configuration: Option<Configuration>,
    #[serde(default)]
    properties: Option<RuleProperties>,
}

#[derive(Deserialize)]
struct Configuration {
    level: Option<Level>,
}

#[derive(Default, Deserialize)]
struct RuleProperties {
    #[serde(default, rename = "security-severity")]
    security_severity: Loose,
    #[serde(default)]
    tags: Loose,
}

impl From<RawRule> for Rule {
    fn from(raw: RawRule) -> Self {
        let properties = raw.properties.unwrap_or_default();
        let id = said(raw.id.as_ref());
        let short = raw.short_description.as_ref().and_then(RawMessage::text);
        let tags = match properties.tags {
            Loose::Texts(tags) => tags,
            Loose::Text(_) | Loose::Number(_) | Loose::Other => Vec::new(),
        };
        let cve = id.iter().chain(&tags).chain(&short).find_map(|text| cve_in(text));
        Self {
            id,
            name: said(raw.name.as_ref()),
            short,
            level: raw.default_configuration.and_then(|configuration| configuration.level),
            score: properties.security_severity.number().filter(|score| severity_of_score(*score).is_some()),
            cve,
            messages: raw
                .message_strings
                .0
                .into_iter()
                .filter_map(|(id, message)| Some((id.into(), message.text()?.into())))
                .collect(),
        }
    }
}

/// A message: its text, or the id of one of the rule's, with arguments for its `{0}`.
#[derive(Deserialize)]
pub(super) struct RawMessage {
    text: Option<Prose>,
    markdown: Option<Prose>,
    id: Option<Name>,
    #[serde(default)]
    arguments: List<Text<1000>, 100>,
}

impl RawMessage {
    fn text(&self) -> Option<String> {
        said(self.text.as_ref()).or_else(|| said(self.markdown.as_ref()))
    }

    /// The text to show, at most so many characters.
    pub(super) fn resolved(&self, rule: Option<&Rule>, limit: usize) -> Option<String> {
        let by_id = || {
            let wanted = self.id.as_ref()?.said()?;
            rule?.messages.iter().find(|(id, _)| **id == *wanted).map(|(_, text)| text.to_string())
        };
        let text = self.text().or_else(by_id)?;
        if self.arguments.0.is_empty() { Some(text) } else { Some(self.filled(&text, limit)) }
    }

    /// Replaces each `{n}` once; what an argument brings is not looked into again.
    fn filled(&self, text: &str, limit: usize) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let argument = after.split_once('}').and_then(|(number, after)| {
                Some((self.arguments.0.get(number.parse::<usize>().ok()?)?, after))
            });
            rest = if let Some((argument, after)) = argument {
                filled.push_str(&argument.0);
                after
            } else {
                filled.push('{');
                after
            };
            if filled.len() > 4 * limit {
                break;
            }
        }
        filled.push_str(rest);
        super::bounded(&filled, limit)
    }
}

/// What makes a result the same result next time.
pub(super) enum Basis {
    /// The tool's `fingerprints`, digested.
    Whole([u8; 32]),
    /// The tool's `partialFingerprints`, digested.
    Partial([u8; 32]),
    /// Where it is and what it says; the tool gives no fingerprint.
    Place,
}

/// An entry of `results`.
#[derive(Deserialize)]
#[serde(from = "RawResult")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every entry is a finding; boxes cost more than they save"
)]
pub(super) enum Entry {
    /// A finding.
    Finding(Seen),
    /// A check that passed or did not apply, or a result that is gone.
    NoFinding,
}

/// A result, reduced to what becomes of it.
pub(super) struct Seen {
    pub(super) rule_id: Option<String>,
    pub(super) rule_index: Option<usize>,
    /// Whose rule: 0 is the driver, then the extensions.
    pub(super) rule_component: usize,
    pub(super) level: Option<Level>,
    pub(super) message: RawMessage,
    pub(super) uri: Option<Uri>,
    pub(super) artifact: Option<usize>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
    pub(super) logical: Option<String>,
    pub(super) accepted: bool,
    pub(super) basis: Basis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResult {
    message: RawMessage,
    rule_id: Option<Name>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    kind: Option<Kind>,
    level: Option<Level>,
    #[serde(default)]
    locations: List<Location, 10_000>,
    #[serde(default)]
    fingerprints: Map<Text<1000>, 1000>,
    #[serde(default)]
    partial_fingerprints: Map<Text<1000>, 1000>,
    #[serde(default)]
    suppressions: List<Suppression, 1000>,
    baseline_state: Option<BaselineState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<Name>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Fail,
    Open,
    Review,
    Pass,
    Informational,
    NotApplicable,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BaselineState {
    New,
    Unchanged,
    Updated,
    Absent,
}

#[derive(Deserialize)]
struct Suppression {
    status: Option<SuppressionStatus>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SuppressionStatus {
    Accepted,
    UnderReview,
    Rejected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Option<PhysicalLocation>,
    #[serde(default)]
    logical_locations: List<LogicalLocation, 1000>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    region: Option<Region>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: Option<u64>,
    start_column: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: Option<Uri>,
    name: Option<Uri>,
}

impl From<RawResult> for Entry {
    fn from(raw: RawResult) -> Self {
        let kind = raw.kind.unwrap_or(Kind::Fail);
        let a_finding = match kind {
            Kind::Fail | Kind::Open | Kind::Review => raw.baseline_state != Some(BaselineState::Absent),
            Kind::Pass | Kind::Informational | Kind::NotApplicable => false,
        };
        if !a_finding {
            return Self::NoFinding;
        }
        let suppressed =
            |entry: &Suppression| entry.status.is_none_or(|status| status == SuppressionStatus::Accepted);
        // One that is under review or rejected keeps the result in force (SARIF 3.27.23).
        let accepted = !raw.suppressions.0.is_empty() && raw.suppressions.0.iter().all(suppressed);
        let basis = digest_of(&raw.fingerprints)
            .map(Basis::Whole)
            .or_else(|| digest_of(&raw.partial_fingerprints).map(Basis::Partial))
            .unwrap_or(Basis::Place);
        let rule = raw.rule.as_ref();
        let component = rule.and_then(|rule| rule.tool_component.as_ref()).and_then(|at| index(at.index));
        let location = raw.locations.0.into_iter().next();
        let (physical, logical) = location
            .map_or((None, None), |at| (at.physical_location, at.logical_locations.0.into_iter().next()));
        let (artifact, region) = physical.map_or((None, None), |at| (at.artifact_location, at.region));
        Self::Finding(Seen {
            rule_id: said(raw.rule_id.as_ref()).or_else(|| said(rule.and_then(|rule| rule.id.as_ref()))),
            rule_index: index(raw.rule_index).or_else(|| index(rule.and_then(|rule| rule.index))),
            rule_component: component.map_or(0, |extension| extension.saturating_add(1)),
            // What is not a failure has no level of its own (SARIF 3.27.10).
            level: raw.level.or((kind != Kind::Fail).then_some(Level::None)),
            message: raw.message,
            artifact: artifact.as_ref().and_then(|at| index(at.index)),
            uri: artifact.and_then(|at| at.uri).filter(|uri| uri.said().is_some()),
            line: region.as_ref().and_then(|region| region.start_line),
            column: region.and_then(|region| region.start_column),
            logical: logical
                .and_then(|at| said(at.fully_qualified_name.as_ref()).or_else(|| said(at.name.as_ref()))),
            accepted,
            basis,
        })
    }
}

/// An index of the log; -1 stands for none.
fn index(index: Option<i64>) -> Option<usize> {
    index.and_then(|index| usize::try_from(index).ok())
}

/// All entries that say something, in the order of their names. semgrep without an account writes `requires login`
/// in the fingerprint of every result.
fn digest_of(entries: &Map<Text<1000>, 1000>) -> Option<[u8; 32]> {
    let told: Vec<&[u8]> = entries
        .0
        .iter()
        .filter(|(_, value)| value.said().is_some_and(|value| value != "requires login"))
        .flat_map(|(name, value)| [name.as_bytes(), value.0.as_bytes()])
        .collect();
    (!told.is_empty()).then(|| digest(&told))
}
