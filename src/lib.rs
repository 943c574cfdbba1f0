//! A GraphQL gateway in front of `PostgreSQL` for security products sold through partners.
//!
//! The modules in reading order; an arrow of the house points from a later one to an earlier one, never back:

pub mod domain;
pub mod policy;
pub mod store;
pub mod ingest;
pub mod graphql;
pub mod http;
pub mod private_postgres;
pub mod cli;
