//! Reads SARIF 2.1.0 (OASIS): which results are findings, and what makes two of them the same (DESIGN.md 8).
//!
//! A run's `tool` may follow its `results`, so rules are looked up once the run has been read.

mod raw;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::Url;

use self::raw::{Basis, Entry, Level, RawRun, Rule, Seen, Tool};
use super::document::{self, Loose, Refusal, bounded, said, too_many};
use super::{Format, IngestError, MAX_ENTRIES, Report, ReportedFinding, Run};
use super::{cve_in, digest, severity_of_score};
use crate::domain::asset::web_origin;
use crate::domain::finding::Severity;

const MAX_TITLE: usize = 200;
const MAX_DESCRIPTION: usize = 8000;

/// Reads a SARIF 2.1.0 log to its end.
///
/// # Errors
/// When the bytes are no whole, well-formed SARIF 2.1.0 log of at most [`MAX_ENTRIES`] results.
pub fn read(reader: impl Read) -> Result<Report, IngestError> {
    let refusal = Refusal::default();
    document::read(reader, Format::Sarif, &refusal, Root(&refusal))
}

/// The root object. By hand, because a wrong version is told apart before what follows is tried.
struct Root<'a>(&'a Refusal);

impl<'de> DeserializeSeed<'de> for Root<'_> {
    type Value = Report;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Report, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Root<'_> {
    type Value = Report;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SARIF log")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Report, A::Error> {
        let Self(refusal) = self;
        let wrong =
            |detail| refusal.refuse::<A::Error>(IngestError::WrongFormat { expected: Format::Sarif, detail });
        let (mut version, mut runs) = (false, None);
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                "version" => match entries.next_value()? {
                    Loose::Text(text) if text == "2.1.0" => version = true,
                    other => return Err(refusal.refuse(wrong_version(other))),
                },
                "runs" if runs.is_some() => return Err(wrong("it has two `runs`")),
                "runs" => runs = Some(entries.next_value::<Runs>()?.0),
                "bomFormat" => {
                    return Err(wrong("this looks like CycloneDX; send it to the ingestion of CycloneDX"));
                }
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        match (version, runs) {
            (false, _) => Err(wrong("it has no `version`, which must be `2.1.0`")),
            (true, None) => Err(wrong("it has no `runs`")),
            (true, Some(runs)) => Ok(Report { runs }),
        }
    }
}

fn wrong_version(found: Loose) -> IngestError {
    let found = match found {
        Loose::Text(text) => text,
        Loose::Number(number) => number.to_string(),
        Loose::Texts(_) | Loose::Other => "(no text)".to_owned(),
    };
    let advice = "let the tool write SARIF `2.1.0`";
    IngestError::WrongVersion { format: Format::Sarif, found, advice }
}

/// The runs, finished one by one, of at most [`MAX_ENTRIES`] findings together.
struct Runs(Vec<Run>);

impl<'de> Deserialize<'de> for Runs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RunsVisitor;
        impl<'de> Visitor<'de> for RunsVisitor {
            type Value = Runs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of runs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Runs, A::Error> {
                let (mut runs, mut findings) = (Vec::new(), 0);
                while let Some(run) = entries.next_element::<RawRun>()? {
                    let run = finished(run);
                    findings += run.findings.len() + 1;
                    if findings > MAX_ENTRIES {
                        return Err(too_many(MAX_ENTRIES));
                    }
                    runs.push(run);
                }
                Ok(Runs(runs))
            }
        }
        deserializer.deserialize_seq(RunsVisitor)
    }
}

fn finished(run: RawRun) -> Run {
    let target = target(&run);
    let artifacts =
        run.artifacts.0.into_iter().map(|artifact| artifact.location.and_then(|at| at.uri)).collect();
    let tool = run.tool.driver.name.said().unwrap_or_default().to_owned();
    let tool_version = said(run.tool.driver.semantic_version.as_ref().or(run.tool.driver.version.as_ref()));
    // Absent results mean that nothing was looked for (SARIF 3.14.23), which says nothing of what was found before.
    let full = run.results.is_some()
        && !run.invocations.0.iter().any(|invocation| invocation.execution_successful == Some(false));
    let mut book = Book {
        rules: Rules::new(run.tool),
        tool: &tool,
        artifacts,
        seen: HashSet::new(),
        nth: HashMap::new(),
    };
    let findings = run
        .results
        .map_or_else(Vec::new, |results| results.0)
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Finding(seen) => book.finding(&seen),
            Entry::NoFinding => None,
        })
        .collect();
    Run { tool, tool_version, target, full, findings, components: None }
}

/// The category of `automationDetails.id` (all before its last `/`), else the repository.
fn target(run: &RawRun) -> String {
    let id = run.automation_details.as_ref().and_then(|details| details.id.as_ref());
    if let Some((category, _)) = id.and_then(|id| id.said()).and_then(|id| id.rsplit_once('/')) {
        return category.to_owned();
    }
    let repository =
        run.version_control_provenance.0.first().and_then(|source| source.repository_uri.as_ref());
    let Some(repository) = repository.and_then(|uri| uri.said()) else { return String::new() };
    // Build servers write tokens into it.
    let bare = Url::parse(repository).ok().and_then(|mut url| {
        url.set_username("").and_then(|()| url.set_password(None)).ok()?;
        Some(url.into())
    });
    bare.unwrap_or_else(|| repository.to_owned())
}

/// A tool's rules, by place and by id.
struct Rules {
    components: Vec<Vec<Rule>>,
    by_id: HashMap<String, (usize, usize)>,
}

impl Rules {
    /// The driver's rules first, then each extension's.
    fn new(tool: Tool) -> Self {
        let components: Vec<Vec<Rule>> = std::iter::once(tool.driver.rules.0)
            .chain(tool.extensions.0.into_iter().map(|extension| extension.rules.0))
            .collect();
        let mut by_id = HashMap::new();
        for (component, rules) in components.iter().enumerate() {
            for (index, rule) in rules.iter().enumerate() {
                if let Some(id) = &rule.id {
                    by_id.entry(id.clone()).or_insert((component, index));
                }
            }
        }
        Self { components, by_id }
    }

    fn at(&self, component: usize, index: usize) -> Option<&Rule> {
        self.components.get(component)?.get(index)
    }

    /// The rule at the result's index, if it bears the result's id; else the rule of that id. An id may be below
    /// the rule's (`CA1000/2`, SARIF 3.27.5).
    fn of(&self, seen: &Seen) -> Option<&Rule> {
        let id = seen.rule_id.as_deref();
        let named = |rule: &&Rule| match (id, rule.id.as_deref()) {
            (None, _) => true,
            (Some(id), Some(own)) => {
                id.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            (Some(_), None) => false,
        };
        let by_index = seen.rule_index.and_then(|index| self.at(seen.rule_component, index)).filter(named);
        by_index.or_else(|| {
            let id = id?;
            let place = self.by_id.get(id).or_else(|| self.by_id.get(id.rsplit_once('/')?.0))?;
            self.at(place.0, place.1)
        })
    }
}

/// What a run's findings are written down with.
struct Book<'a> {
    rules: Rules,
    tool: &'a str,
    artifacts: Vec<Option<raw::Uri>>,
    seen: HashSet<[u8; 32]>,
    nth: HashMap<[u8; 32], u64>,
}

impl Book<'_> {
    /// The finding of a result; none when the run has reported it before.
    fn finding(&mut self, seen: &Seen) -> Option<ReportedFinding> {
        let rule = self.rules.of(seen);
        let rule_id = seen.rule_id.clone().or_else(|| rule.and_then(|rule| rule.id.clone()));
        let uri = seen.uri.as_ref().or_else(|| self.artifacts.get(seen.artifact?)?.as_ref());
        let uri = uri.and_then(|uri| uri.said());
        let location = match (uri, seen.line) {
            (Some(uri), Some(line)) => Some(format!("{uri}:{line}")),
            (Some(uri), None) => Some(uri.to_owned()),
            (None, _) => seen.logical.clone(),
        };
        let message = seen.message.resolved(rule, MAX_DESCRIPTION);
        let score = rule.and_then(|rule| rule.score);
        let level = seen.level.or_else(|| rule.and_then(|rule| rule.level)).unwrap_or(Level::Warning);
        let severity = score.and_then(severity_of_score).unwrap_or(match level {
            Level::Error => Severity::High,
            Level::Warning => Severity::Medium,
            Level::Note => Severity::Low,
            Level::None => Severity::Info,
        });
        let first_line =
            message.as_deref().and_then(|text| text.lines().map(str::trim).find(|line| !line.is_empty()));
        let title = rule
            .and_then(|rule| rule.short.as_deref())
            .or(first_line)
            .or_else(|| rule.and_then(|rule| rule.name.as_deref()))
            .or(rule_id.as_deref())
            .unwrap_or("(the tool says nothing of it)");
        let title = bounded(title, MAX_TITLE);
        let cve = rule_id
            .as_deref()
            .and_then(cve_in)
            .or_else(|| rule.and_then(|rule| rule.cve.clone()))
            .or_else(|| message.as_deref().and_then(cve_in));
        let asset = uri.and_then(|uri| web_origin(uri).ok());
        let place = [
            rule_id.as_deref().unwrap_or_default().as_bytes(),
            location.as_deref().unwrap_or_default().as_bytes(),
            &seen.column.unwrap_or_default().to_be_bytes(),
            message.as_deref().unwrap_or_default().as_bytes(),
        ];
        let fingerprint = self.fingerprint(&seen.basis, place)?;
        Some(ReportedFinding {
            fingerprint,
            rule_id,
            title,
            description: message,
            severity,
            cve,
            cvss_score: score,
            location,
            accepted: seen.accepted,
            asset,
        })
    }

    /// What makes it the same finding next time; none when this run has had it.
    ///
    /// Partial fingerprints identify together with other things (SARIF 3.27.17): some tools give all results of one
    /// commit, or the same line of two files, equal ones. So the rule is part of it, and where results in different
    /// places still share one, their number in the run tells them apart; none is lost.
    fn fingerprint(&mut self, basis: &Basis, place: [&[u8]; 4]) -> Option<[u8; 32]> {
        let tool = self.tool.as_bytes();
        let [rule, location, column, message] = place;
        match basis {
            Basis::Whole(own) => {
                let identity = digest(&[b"sarif fingerprints", tool, own]);
                self.seen.insert(identity).then_some(identity)
            }
            Basis::Place => {
                let identity = digest(&[b"sarif place", tool, rule, location, column, message]);
                self.seen.insert(identity).then_some(identity)
            }
            Basis::Partial(own) => {
                let identity = digest(&[b"sarif partialFingerprints", tool, rule, own]);
                if !self.seen.insert(digest(&[&identity, location, column, message])) {
                    return None;
                }
                let nth = self.nth.entry(identity).or_default();
                let number = *nth;
                *nth += 1;
                Some(if number == 0 { identity } else { digest(&[&identity, &number.to_be_bytes()]) })
            }
        }
    }
}
