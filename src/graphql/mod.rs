//! The schema: thin resolvers that ask the gate, load and shape.

pub mod batch;
mod classes;
pub mod connection;
pub mod enums;
pub mod error;
pub mod executor;
pub mod gate;
pub mod hidden;
pub mod limits;
pub mod loaders;
pub mod query;
pub mod scalars;
pub mod session;
pub mod types;

use async_graphql::{EmptyMutation, EmptySubscription, SDLExportOptions, Schema};

pub use executor::{Executor, Request};

/// The one schema of production, tests and the exported SDL.
pub type GatewaySchema = Schema<query::Query, EmptyMutation, EmptySubscription>;

/// Builds the schema.
#[must_use]
pub fn schema() -> GatewaySchema {
    Schema::build(query::Query, EmptyMutation, EmptySubscription)
        // "Did you mean" would name fields to those who may not know them.
        .disable_suggestions()
        // Ours counts the same before this one does, and answers with a code.
        .limit_recursive_depth(limits::Limits::default().nesting)
        .finish()
}

/// The schema in GraphQL's schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let mut sdl = schema()
        .sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items());
    if !sdl.ends_with('\n') {
        sdl.push('\n');
    }
    sdl
}
