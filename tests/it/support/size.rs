//! How much is tried, from which seed on, and the record of it that `./prove` prints.

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::str::FromStr;

fn from_environment<T: FromStr>(name: &str, otherwise: T) -> T
where
    T::Err: Display,
{
    match env::var(name) {
        // What was meant as a number and is none must not pass for the default.
        Ok(value) => value.parse().map_err(|error| format!("{name}={value}: {error}")).unwrap(),
        Err(_) => otherwise,
    }
}

fn first_seed() -> u64 {
    from_environment("PROVE_SEED", 1)
}

/// The seeds of the worlds to try: `PROVE_WORLDS` of them (else the given number), from `PROVE_SEED` (else 1) on.
pub(crate) fn seeds(otherwise: u64) -> impl Iterator<Item = u64> {
    let first = first_seed();
    let worlds: u64 = from_environment("PROVE_WORLDS", otherwise);
    (0..worlds).map(move |nth| first.wrapping_add(nth))
}

/// How the worlds up to one are made again: a proof that keeps in mind what it has tried goes on from there.
pub(crate) fn up_to(seed: u64) -> String {
    let first = first_seed();
    format!("PROVE_SEED={first} PROVE_WORLDS={}", seed.wrapping_sub(first).wrapping_add(1))
}

/// Whether more than a usual test run is asked for: a proof that can go through everything does.
pub(crate) fn is_large() -> bool {
    seeds(1).nth(1).is_some()
}

/// Says, where a test fails, by which command it is tried again at this size. For those that make no worlds by their numbers: what fails in
/// one of these names the world.
pub(crate) struct Replay(&'static str);

impl Replay {
    pub(crate) const fn of(test: &'static str) -> Self {
        Self(test)
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let size = if is_large() { "PROVE_WORLDS=2 " } else { "" };
            let said = writeln!(std::io::stderr(), "again: {size}cargo test --test it -- {}", self.0);
            // A test that fails does so whoever listens.
            drop(said);
        }
    }
}

/// Whether as many worlds were made as a proof takes to reach everything that it is about: the usual ones, which are known to, or five times
/// as many others. Where they are fewer, `./prove` says that this was not asserted.
pub(crate) fn is_whole(worlds: usize, usual: u64, what: &str) -> bool {
    let enough = if first_seed() == 1 { usual } else { usual * 5 };
    let is_whole = u64::try_from(worlds).unwrap() >= enough;
    if !is_whole {
        note(&format!("not asserted\t{what} ({worlds} worlds of {enough})"));
    }
    is_whole
}

/// Notes for `./prove` how many of something were tried.
pub(crate) fn tried(what: &str, count: usize) {
    note(&format!("{count}\t{what}"));
}

/// Adds a line to the file that `PROVE_RECORD` names.
fn note(line: &str) {
    if let Ok(record) = env::var("PROVE_RECORD") {
        // One write of less than a page to a file opened for appending: lines of tests that run side by side stay whole.
        let mut file = OpenOptions::new().create(true).append(true).open(record).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
