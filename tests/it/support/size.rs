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

/// The seeds of the worlds to try: `PROVE_WORLDS` of them (else the given number), from `PROVE_SEED` (else 1) on.
pub(crate) fn seeds(otherwise: u64) -> impl Iterator<Item = u64> {
    let first: u64 = from_environment("PROVE_SEED", 1);
    let worlds: u64 = from_environment("PROVE_WORLDS", otherwise);
    (0..worlds).map(move |nth| first.wrapping_add(nth))
}

/// Whether more than a usual test run is asked for: a proof that can go through everything does.
pub(crate) fn is_large() -> bool {
    seeds(1).nth(1).is_some()
}

/// Notes for `./prove` how many of something were tried, as a line of the file that `PROVE_RECORD` names.
pub(crate) fn tried(what: &str, count: usize) {
    if let Ok(record) = env::var("PROVE_RECORD") {
        // One write of less than a page to a file opened for appending: lines of tests that run side by side stay whole.
        let mut file = OpenOptions::new().create(true).append(true).open(record).unwrap();
        file.write_all(format!("{count}\t{what}\n").as_bytes()).unwrap();
    }
}
