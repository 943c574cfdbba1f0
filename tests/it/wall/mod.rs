//! The second wall (DESIGN.md 5): what the database alone guarantees, proved without a line of GraphQL.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "helpers fail a test as a test does")]

mod builder;
mod catalogue;
mod expected;
mod grants;
mod ingest;
mod matrix;
mod mutants;
mod observed;
mod roles;
mod sales;
mod scans;
mod worlds;
mod writes;
