//! The integration tests: one binary, so that all of them share one private `PostgreSQL` server.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what the tests stand on fails a test as a test itself does"
)]
#![expect(clippy::match_same_arms, reason = "a case a line, each with its own why")]

mod abuse;
mod accesses;
mod attacks;
mod audit_chain;
mod bad_input;
mod bad_requests;
mod budget;
mod component_search;
mod connections;
mod demo_world;
mod documents;
mod first_wall;
mod evidence;
mod exposure;
mod gate;
mod hidden;
mod hidden_in_totals;
mod live;
mod long_logs;
mod lookup;
mod mutations;
mod objects;
mod orders_and_filters;
mod paging;
mod ingest;
mod private_postgres;
mod proof;
mod recorder;
mod share;
mod scanners;
mod sign_in;
mod snapshot;
mod statements;
mod support;
mod totals;
mod transparency;
mod trend;
mod wall;
mod viewers;
mod wire;
mod worker;
