//! The schema: thin resolvers that ask the gate, load and shape.

pub mod batch;
mod classes;
pub mod connection;
mod descriptions;
pub mod documents;
pub mod enums;
pub mod error;
pub mod executor;
pub mod gate;
mod heavy;
pub mod hidden;
mod inputs;
pub mod limits;
pub mod live;
pub mod loaders;
pub mod mutation;
pub mod query;
pub mod scalars;
pub mod session;
pub mod shown;
pub mod subscription;
pub mod types;

use async_graphql::connection::PageInfo;
use async_graphql::{SDLExportOptions, Schema, ValidationMode};
use chrono::{DateTime, Utc};
use descriptions::Descriptions;

pub use executor::{Event, Executor, Prepared, Refusal, Request};

/// The one schema of production, tests and the exported SDL.
pub type GatewaySchema = Schema<query::Query, mutation::Mutation, subscription::SubscriptionRoot>;

/// Builds the schema.
#[must_use]
pub fn schema() -> GatewaySchema {
    validating(ValidationMode::Strict)
}

/// The same for documents that were found valid before.
fn schema_of_valid_documents() -> GatewaySchema {
    validating(ValidationMode::Fast)
}

fn validating(mode: ValidationMode) -> GatewaySchema {
    Schema::build(query::Query, mutation::Mutation::default(), subscription::SubscriptionRoot)
        .validation_mode(mode)
        // "Did you mean" would name fields to those who may not know them.
        .disable_suggestions()
        // Ours counts the same before this one does, and answers with a code.
        .limit_recursive_depth(limits::Limits::default().nesting)
        .override_output_type_description::<DateTime<Utc>>(
            "An instant (RFC 3339), as `2026-11-01T12:00:00Z`.",
        )
        .override_output_type_description::<PageInfo>("Where a page lies in its list.")
        .register_output_type::<Descriptions>()
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
