//! What is new enters the net: a door that nobody has said how it is proven, or code that asks the gate and that no mutant is made of,
//! fails here. Read from the sources, as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::size;

/// Every path that the gateway answers, and where it is proven that it tells nobody more than they may see.
const DOORS: [(&str, &str); 17] = [
    ("/", "a page of files, the same for everybody"),
    ("/assets/{*path}", "files, the same for everybody"),
    ("/demo/personas", "the demo's alone, the same for everybody"),
    (
        "/events/vulnerability-database-updated",
        "`it scanners`: by a key of the platform, answers with a number",
    ),
    (
        "/evidence/{id}/file",
        "`it evidence`, against personas and what is not there, to the byte and the statement; `it proof::noninterference`",
    ),
    ("/graphql", "`it proof`: matrix, model, noninterference, mutations, streams, staleness"),
    ("/icon.svg", "a file, the same for everybody"),
    ("/ingest/cyclonedx", "`it ingest`, `it proof::staleness`"),
    ("/ingest/sarif", "`it ingest`, `it proof::staleness`, `it proof::noninterference`"),
    ("/livez", "says `ok`"),
    ("/metrics", "two counters of the process"),
    ("/readyz", "says whether the database answers"),
    ("/scans/claim", "`it scanners`"),
    ("/scans/{id}/fail", "`it scanners`"),
    ("/scans/{id}/renew", "`it scanners`"),
    ("/scans/{id}/start", "`it scanners`"),
    ("/share/{secret}", "`it share`"),
];

/// What asks the gate for a decision.
const ASKS: [&str; 11] = [
    "decide(",
    "decide_partner(",
    "exposed(",
    "grant(",
    "grant::<",
    "grant_exposure(",
    "grant_partner(",
    "grant_share(",
    "knows_customer(",
    "operates(",
    "posture_visible(",
];

/// Macros in what is mutated: `cargo mutants` does not look into them, so none may decide.
const MACROS: [(&str, &str); 5] = [
    ("classes", "the classes' types, by their names"),
    ("identified", "which columns are an object's key: `it proof` pages and finds by them"),
    (
        "shown",
        "ends a resolver where the gate denied; anything else would not compile, for there is no witness",
    ),
    ("transaction", "the same transaction twice, to read and to write"),
    ("written", "begins a mutation, does it, ends it"),
];

/// What asks it, and of which `tools/mutants gate` makes no mutants, with the reason.
const NOT_MUTATED: [&str; 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources in a folder, by their paths within the repository, without their unit tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
        (path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), code)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_door_is_known() {
    let mut doors = BTreeSet::new();
    for (_, code) in sources("src/http") {
        let paths = code.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        doors.extend(paths.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    assert_eq!(doors, DOORS.iter().map(|(path, _)| (*path).to_owned()).collect());
    size::tried("paths that the gateway answers", doors.len());
}

/// Whether `.cargo/mutants.toml` names a source.
fn is_mutated() -> impl Fn(&str) -> bool {
    let config = fs::read_to_string(root().join(".cargo/mutants.toml")).unwrap();
    let globs = config.split("examine_globs = [").nth(1).unwrap().split(']').next().unwrap();
    let globs: Vec<String> = globs.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    move |path| {
        globs.iter().any(|glob| match glob.split_once('*') {
            Some((folder, _)) => path.starts_with(folder),
            None => path == *glob,
        })
    }
}

#[test]
fn no_macro_decides_where_no_mutant_is_made() {
    let is_mutated = is_mutated();
    let mut macros = BTreeSet::new();
    for (_, code) in sources("src").into_iter().filter(|(path, _)| is_mutated(path)) {
        let names = code.split("macro_rules! ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        macros.extend(names.map(str::to_owned));
    }
    assert_eq!(macros, MACROS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

#[test]
fn whatever_asks_the_gate_is_mutated() {
    let is_mutated = is_mutated();
    let asks = |code: &str| {
        ASKS.iter().any(|ask| {
            code.match_indices(ask).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != '.')
            })
        })
    };
    let mut asking: Vec<String> =
        sources("src").into_iter().filter(|(_, code)| asks(code)).map(|(path, _)| path).collect();
    size::tried("sources that ask the gate", asking.len());
    assert!(asking.iter().any(|path| path == "src/graphql/gate.rs"), "{asking:?}");
    asking.retain(|path| !is_mutated(path));
    assert_eq!(asking, NOT_MUTATED, "they ask the gate, and no mutant is made of them");
}
