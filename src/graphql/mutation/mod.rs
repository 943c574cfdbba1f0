//! The mutation root. Each field runs in a read-write transaction of its own (`writing`), and what it returns is decided and
//! read after it, in a session of its own.
//!
//! Recipe for a mutation: a row in `policy::Operation` (who may ever call it), a resolver here that begins, does and ends,
//! the change with its events as one `store::change::Changes`, a policy for `posture_writer` in the migrations.

pub mod access;
pub mod payload;
pub mod refusal;
pub mod writing;

use async_graphql::MergedObject;

pub use writing::Stamp;

/// Where every mutation starts.
#[derive(MergedObject, Default)]
pub struct Mutation(access::AccessMutations);
