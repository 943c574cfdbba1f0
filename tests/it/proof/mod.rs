//! The boundary, proven over generated worlds and queries, through the public door.
//!
//! Small in every test run; `./prove` makes it as large as wished and prints what was tried.

#![expect(clippy::panic, reason = "helpers fail a test as a test does")]

mod answers;
mod cells;
mod explain;
mod facts;
mod matrix;
mod routes;
mod size;
mod staleness;
