//! What is new enters the net: a door that nobody has said how it is proven, or code that asks the gate and that no mutant is made of,
//! fails here. Read from the sources, as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::size;

/// Every method and path that the gateway answers, and where it is proven that it tells nobody more than they may see.
const DOORS: [(&str, &str); 19] = [
    ("GET /", "a page of files, the same for everybody"),
    ("GET /assets/{*path}", "files, the same for everybody"),
    ("GET /demo/personas", "the demo's alone, the same for everybody"),
    (
        "POST /events/vulnerability-database-updated",
        "`it scanners`: a scanner hears what it said, and nothing of who waits for it",
    ),
    (
        "GET /evidence/{id}/file",
        "`it evidence`, against personas and what is not there, to the byte and the statement; `it proof::noninterference`",
    ),
    (
        "POST /evidence/{id}/file",
        "`it evidence`, against personas and what is not there, to the byte and the statement; `it proof::noninterference`",
    ),
    ("GET /graphql", "`it proof`: noninterference, streams by server-sent events and WebSocket"),
    ("POST /graphql", "`it proof`: matrix, model, noninterference, mutations, streams, staleness"),
    ("GET /icon.svg", "a file, the same for everybody"),
    ("POST /ingest/cyclonedx", "`it ingest`, `it proof::staleness`"),
    (
        "POST /ingest/sarif",
        "`it ingest`: the answer is about what was sent alone, and that it was sent before; `it proof::staleness`, `it proof::noninterference`",
    ),
    ("GET /livez", "says `ok`"),
    ("GET /metrics", "two counters of the process"),
    ("GET /readyz", "says whether the database answers"),
    ("POST /scans/claim", "`it scanners`"),
    ("POST /scans/{id}/fail", "`it scanners`"),
    ("POST /scans/{id}/renew", "`it scanners`"),
    ("POST /scans/{id}/start", "`it scanners`"),
    ("GET /share/{secret}", "`it share`"),
];

/// How axum is told of a method; of `HEAD` where there is a `get` by itself.
const METHODS: [&str; 10] =
    ["any", "connect", "delete", "get", "head", "on", "options", "patch", "post", "put"];

/// What opens doors that are not read here; a `fallback` within a route is one of them.
const NO_DOORS: [&str; 4] = ["nest", "fallback_service", "route_service", "trace"];

/// What asks the gate for a decision.
const ASKS: [&str; 18] = [
    "ask(",
    "ask::<",
    "ask_exposure(",
    "ask_partner(",
    "ask_partner::<",
    "decide(",
    "decide_partner(",
    "exposed(",
    "grant(",
    "grant::<",
    "grant_exposure(",
    "grant_partner(",
    "grant_partner::<",
    "grant_share(",
    "knows_customer(",
    "operates(",
    "posture_visible(",
    "shown!(",
];

/// Macros in what is mutated: `cargo mutants` does not look into them, so none may decide.
const MACROS: [(&str, &str); 6] = [
    ("classes", "the classes' types, by their names"),
    ("identified", "which columns are an object's key: `it proof` pages and finds by them"),
    (
        "shown",
        "ends a resolver where the gate denied; anything else would not compile, for there is no witness",
    ),
    ("tried", "ends a resolver that has failed, with its error"),
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

/// What stands within the brackets that are open where a text begins.
fn within(text: &str) -> &str {
    let mut open = 1;
    let end = text.find(|letter| {
        open += match letter {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        open == 0
    });
    &text[..end.unwrap()]
}

/// Where a function is called by its bare name, or as a method.
fn calls<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let called = format!("{name}(");
    let bare = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && before != '_')
    };
    text.match_indices(&called)
        .filter(|(at, _)| bare(*at))
        .map(|(at, _)| &text[at + called.len()..])
        .collect()
}

#[test]
fn every_door_is_known() {
    let mut doors = BTreeSet::new();
    for (source, code) in sources("src") {
        for name in NO_DOORS {
            assert!(calls(&code, name).is_empty(), "{source}: doors by {name} are not read here");
        }
        for route in calls(&code, "route").into_iter().map(within) {
            let path = route.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let (path, handlers) =
                path.unwrap_or_else(|| panic!("{source}: .route({route}): no literal path"));
            let methods: Vec<_> =
                METHODS.iter().filter(|method| !calls(handlers, method).is_empty()).collect();
            assert!(!methods.is_empty(), "{source}: {path}: no method");
            assert!(
                calls(handlers, "fallback").is_empty(),
                "{source}: {path}: a method for all that have none"
            );
            doors.extend(methods.iter().map(|method| format!("{} {path}", method.to_uppercase())));
        }
    }
    assert_eq!(doors, DOORS.iter().map(|(door, _)| (*door).to_owned()).collect());
    size::tried("doors that the gateway answers", doors.len());
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
