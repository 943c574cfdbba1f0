//! One upload from its bytes to what is stored: unpacked, limited, digested, read, its runs put together by target.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{Cursor, Read};

use super::document::unreadable;
use super::{DigestReader, Encoding, Format, IngestError, Report, cyclonedx, decoded, digest, sarif};

/// How an upload's bytes are to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    /// How they are packed.
    pub encoding: Encoding,
    /// How many there may be once unpacked.
    pub limit: u64,
    /// What they are; where it is not said, the beginning of the document tells.
    pub format: Option<Format>,
}

/// A document that was read to its end.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is.
    pub format: Format,
    /// What it reports.
    pub report: Report,
    /// The SHA-256 of its unpacked bytes: packed or not, it is the same document.
    pub digest: [u8; 32],
}

/// Reads an upload to its end.
///
/// # Errors
/// When it is no whole, well-formed document of the format, or larger than the limit.
pub fn read(reader: impl Read, packed: Packed) -> Result<Document, IngestError> {
    let mut reader = DigestReader::new(decoded(reader, packed.encoding, packed.limit));
    let (format, report) = match packed.format {
        Some(format) => (format, parse(format, &mut reader)?),
        None => guess(&mut reader)?,
    };
    Ok(Document { format, report, digest: reader.finish() })
}

fn parse(format: Format, reader: impl Read) -> Result<Report, IngestError> {
    match format {
        Format::Sarif => sarif::read(reader),
        Format::CycloneDx => cyclonedx::read(reader),
    }
}

/// Which format it is says the name that comes first; a document without either is refused as no SARIF log.
fn guess(mut reader: impl Read) -> Result<(Format, Report), IngestError> {
    const ENOUGH: u64 = 64 * 1024;
    let mut start = Vec::new();
    reader.by_ref().take(ENOUGH).read_to_end(&mut start).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&start);
    let first = |names: [&str; 2]| names.iter().filter_map(|name| text.find(name)).min();
    let cyclonedx = first(["\"bomFormat\"", "cyclonedx.org/schema"]).unwrap_or(usize::MAX);
    let sarif = first(["\"runs\"", "sarif"]).unwrap_or(usize::MAX);
    let format = if cyclonedx < sarif { Format::CycloneDx } else { Format::Sarif };
    Ok((format, parse(format, Cursor::new(&start).chain(reader))?))
}

impl Report {
    /// The runs with those of one tool and target made one: together they say what is there. It is full if each is.
    ///
    /// A tool's name and a target become keys, so a longer one is cut and told apart by a digest.
    #[must_use]
    pub fn by_target(self) -> Self {
        let mut places = HashMap::new();
        let mut runs = Vec::new();
        for mut run in self.runs {
            run.tool = key(run.tool, 600);
            run.target = key(run.target, 1200);
            let place = *places.entry((run.tool.clone(), run.target.clone())).or_insert(runs.len());
            let Some((same, seen)) = runs.get_mut(place) else {
                let seen = run.findings.iter().map(|finding| finding.fingerprint).collect();
                runs.push((run, seen));
                continue;
            };
            let same: &mut super::Run = same;
            let seen: &mut HashSet<[u8; 32]> = seen;
            same.full &= run.full;
            same.findings.extend(run.findings.into_iter().filter(|finding| seen.insert(finding.fingerprint)));
            same.components = same.components.take().or(run.components);
        }
        Self { runs: runs.into_iter().map(|(run, _)| run).collect() }
    }
}

/// A text of at most so many bytes.
fn key(text: String, limit: usize) -> String {
    const MARK: usize = 1 + 16;
    if text.len() <= limit {
        return text;
    }
    let mut kept = text.get(..text.floor_char_boundary(limit - MARK)).unwrap_or_default().to_owned();
    kept.push('~');
    for byte in digest(&[text.as_bytes()]).iter().take(8) {
        let _ = write!(kept, "{byte:02x}");
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Run, real_files};

    fn guessed(bytes: &[u8]) -> Result<Document, IngestError> {
        read(bytes, Packed { encoding: Encoding::Plain, limit: 1_000_000, format: None })
    }

    #[test]
    fn the_beginning_tells_the_format() {
        for (bytes, format) in [
            (real_files::BANDIT, Format::Sarif),
            (real_files::SEMGREP, Format::Sarif),
            (real_files::NPM, Format::CycloneDx),
            (real_files::CYCLONEDX_PY, Format::CycloneDx),
        ] {
            let document = guessed(bytes).unwrap();
            assert_eq!(document.format, format);
            assert_eq!(document.digest, {
                use sha2::{Digest as _, Sha256};
                <[u8; 32]>::from(Sha256::digest(bytes))
            });
            assert_eq!(document.report, parse(format, bytes).unwrap());
        }
        assert_eq!(guessed(b"{}").unwrap_err().code(), "WRONG_FORMAT");
        assert_eq!(guessed(b"").unwrap_err().code(), "TRUNCATED");
    }

    #[test]
    fn runs_of_one_tool_and_target_are_one() {
        let report = sarif::read(real_files::BANDIT).unwrap();
        let run = report.runs[0].clone();
        let half = Run { findings: run.findings[..8].to_vec(), full: false, ..run.clone() };
        let other = Run { target: "elsewhere".to_owned(), ..run.clone() };
        let merged = Report { runs: vec![half, other.clone(), run.clone()] }.by_target();
        assert_eq!(merged.runs, [Run { full: false, ..run }, other]);
    }

    #[test]
    fn long_names_stay_apart_and_short() {
        let named = |text: &str| key(text.to_owned(), 100);
        assert_eq!(named("bandit"), "bandit");
        let (one, two) = (named(&format!("{}1", "é".repeat(99))), named(&format!("{}2", "é".repeat(99))));
        assert_ne!(one, two);
        assert!(one.len() <= 100 && one.starts_with("ééé"), "{one}");
    }
}
