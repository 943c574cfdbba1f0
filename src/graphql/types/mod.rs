//! The object types: thin resolvers over the store's rows.

pub mod access;
pub mod api_key;
pub mod asset;
pub mod audit;
pub mod billing;
pub mod customer;
pub mod dashboard;
pub mod evidence;
pub mod exposure;
pub mod finding;
pub mod money;
pub mod partner;
pub mod plan;
pub mod prepaid;
pub mod quote;
pub mod scan;
pub mod search;
pub mod security;
pub mod sla;
pub mod subscription;
pub mod transparency;
pub mod trend;
pub mod user;
pub mod viewer;
pub mod visibility;
