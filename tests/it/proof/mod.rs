//! The boundary, proven over generated worlds and queries, through the public door.
//!
//! Small in every test run; `./prove` makes it as large as wished and prints what was tried.

#![expect(clippy::panic, reason = "helpers fail a test as a test does")]

mod answers;
mod cells;
mod changes;
mod deeds;
mod difference;
mod explain;
mod eyes;
mod facts;
mod grammar;
mod masks;
mod matrix;
mod model;
mod mutations;
mod net;
mod noninterference;
mod queries;
mod records;
mod routes;
mod staleness;
pub(crate) mod streams;
mod told;
mod values;
mod worlds;

// Where the proofs find it.
use crate::support::size;
