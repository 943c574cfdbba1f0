//! Everything that speaks HTTP: router, sign-in, limits, ingestion, health, `GraphiQL`.

pub mod auth;
pub mod graphiql;
