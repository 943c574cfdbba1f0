//! A GraphQL gateway in front of `PostgreSQL` for security products sold through partners.
//!
//! The modules in reading order. `main -> cli -> http -> graphql -> policy -> domain`, `graphql -> store -> policy, ingest`, `http -> files -> domain` and `cli -> worker -> store`:
//! an arrow means "may import", none runs back.

pub mod domain;
pub mod ingest;
pub mod policy;
pub mod store;
pub mod files;
pub mod graphql;
pub mod http;
pub mod worker;
pub mod demo;
pub mod config;
pub mod private_postgres;
pub mod cli;
