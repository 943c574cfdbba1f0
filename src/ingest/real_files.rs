//! What real tools wrote (`tests/data/README.md`), whole, cut short and spoilt.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

pub(super) const BANDIT: &[u8] = include_bytes!("../../tests/data/bandit.sarif");
pub(super) const SEMGREP: &[u8] = include_bytes!("../../tests/data/semgrep.sarif");
pub(super) const NPM: &[u8] = include_bytes!("../../tests/data/npm.cdx.json");
pub(super) const CYCLONEDX_PY: &[u8] = include_bytes!("../../tests/data/cyclonedx-py.cdx.json");

type Reading = (&'static [u8], fn(&[u8]) -> Result<Report, IngestError>);
const FILES: [Reading; 4] = [
    (BANDIT, |bytes| sarif::read(bytes)),
    (SEMGREP, |bytes| sarif::read(bytes)),
    (NPM, |bytes| cyclonedx::read(bytes)),
    (CYCLONEDX_PY, |bytes| cyclonedx::read(bytes)),
];

fn only_run(report: Result<Report, IngestError>) -> Run {
    let [run] = report.unwrap().runs.try_into().unwrap();
    let prints: HashSet<_> = run.findings.iter().map(|finding| finding.fingerprint).collect();
    assert_eq!(prints.len(), run.findings.len());
    run
}

fn counts(run: &Run) -> [usize; 5] {
    Severity::ALL
        .iter()
        .map(|severity| run.findings.iter().filter(|finding| finding.severity == *severity).count())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[test]
fn bandit() {
    let run = only_run(sarif::read(BANDIT));
    assert_eq!((run.tool.as_str(), run.full, run.findings.len()), ("Bandit", true, 15));
    assert_eq!(counts(&run), [0, 4, 7, 4, 0]);
    let shell = run.findings.iter().find(|finding| finding.rule_id.as_deref() == Some("B602")).unwrap();
    assert_eq!(shell.location.as_deref(), Some("orders.py:38"));
    assert_eq!(shell.title, "subprocess call with shell=True identified, security issue.");
    assert_eq!(shell.severity, Severity::High);
}

#[test]
fn semgrep() {
    let run = only_run(sarif::read(SEMGREP));
    assert_eq!((run.tool.as_str(), run.tool_version.as_deref()), ("Semgrep OSS", Some("1.182.0")));
    assert_eq!((run.full, run.findings.len(), counts(&run)), (true, 6, [0, 3, 2, 1, 0]));
    let yaml = run.findings.iter().find(|finding| finding.cve.is_some()).unwrap();
    assert_eq!(yaml.cve.as_deref(), Some("CVE-2020-14343"));
    assert_eq!(yaml.location.as_deref(), Some("orders.py:34"));
}

#[test]
fn npm() {
    let run = only_run(cyclonedx::read(NPM));
    assert_eq!((run.tool.as_str(), run.tool_version.as_deref()), ("npm cli", Some("11.19.1")));
    assert_eq!((run.target.as_str(), run.findings.len()), ("pkg:npm/shop-frontend", 0));
    let components = run.components.unwrap();
    assert_eq!(components.len(), 54);
    assert_eq!(components[0].name, "@hapi/hoek");
    assert_eq!(components[0].version.as_deref(), Some("9.2.0"));
    assert_eq!(components[0].purl.as_deref(), Some("pkg:npm/%40hapi/hoek@9.2.0"));
    assert_eq!(components[0].licenses, ["BSD-3-Clause"]);
}

#[test]
fn cyclonedx_py() {
    let run = only_run(cyclonedx::read(CYCLONEDX_PY));
    assert_eq!((run.tool.as_str(), run.tool_version.as_deref()), ("cyclonedx-py", Some("7.5.0")));
    assert_eq!((run.target.as_str(), run.findings.len()), ("shop-backend", 0));
    let components = run.components.unwrap();
    assert_eq!(components.len(), 13);
    let flask = components.iter().find(|component| component.name == "Flask").unwrap();
    assert_eq!(
        (flask.version.as_deref(), flask.purl.as_deref()),
        (Some("3.0.0"), Some("pkg:pypi/flask@3.0.0"))
    );
}

#[test]
fn the_same_bytes_are_the_same_report() {
    for (bytes, read) in FILES {
        assert_eq!(read(bytes).unwrap(), read(bytes).unwrap());
    }
}

proptest! {
    #[test]
    fn a_file_cut_anywhere_is_truncated(file in 0..FILES.len(), cut in any::<prop::sample::Index>()) {
        let (bytes, read) = FILES[file];
        let end = bytes.iter().rposition(|byte| *byte == b'}').unwrap();
        let error = read(&bytes[..cut.index(end)]).unwrap_err();
        prop_assert_eq!(error.code(), "TRUNCATED", "{}", error);
    }

    #[test]
    fn spoilt_bytes_never_panic(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (bytes, read) = FILES[file];
        let mut spoilt = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(spoilt.len());
            spoilt[at] = byte;
        }
        if let Err(error) = read(&spoilt) {
            prop_assert!(error.to_string().len() < 2000);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(sarif::read(bytes.as_slice()).is_err());
        prop_assert!(cyclonedx::read(bytes.as_slice()).is_err());
        let unpacked = decoded(bytes.as_slice(), Encoding::Gzip, 1000);
        prop_assert!(sarif::read(unpacked).is_err());
    }
}
