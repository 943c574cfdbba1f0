//! The second wall (DESIGN.md 5): what the database alone guarantees, proved without a line of GraphQL.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "helpers fail a test as a test does")]

mod alone;
mod attempts;
mod besides;
pub(crate) mod builder;
mod catalogue;
mod expected;
mod function_mutants;
mod grants;
mod ingest;
pub(crate) mod matrix;
mod mutants;
pub(crate) mod observed;
mod owner_mutants;
mod permits;
mod roles;
mod said;
mod sales;
mod scans;
pub(crate) mod worlds;
mod write_mutants;
mod writes;
