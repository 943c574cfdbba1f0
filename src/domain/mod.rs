//! Plain values of the business: ids, enums, money, time. Knows nothing of SQL, GraphQL or HTTP.

pub mod access;
pub mod api_key;
pub mod asset;
pub mod clock;
pub mod customer;
pub mod evidence;
pub mod finding;
pub mod global_id;
pub mod ids;
pub mod money;
pub mod public_url;
pub mod scan;
pub mod schedule;
pub mod secret;
pub mod sla;
pub mod subscription;
pub mod text_enum;
pub mod user;
