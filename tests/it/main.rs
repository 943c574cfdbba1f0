//! The integration tests: one binary, so that all of them share one private `PostgreSQL` server.

#![expect(clippy::unwrap_used, reason = "what the tests stand on fails a test as a test itself does")]

mod gate;
mod demo_world;
mod ingest;
mod private_postgres;
mod support;
