//! The mutation root. Each field runs in a read-write transaction of its own (`writing`), and what it returns is decided and
//! read after it, in a session of its own.
//!
//! Recipe for a mutation: a row in `policy::Operation` (who may ever call it), a resolver here that begins, does and ends,
//! the change with its events as one `store::change::Changes`, a policy for `posture_writer` in the migrations.

pub mod access;
pub mod api_key;
pub mod commerce;
pub mod customer;
pub mod evidence;
pub mod life;
pub(crate) mod operate;
pub mod partner;
pub mod payload;
pub mod people;
pub mod portal;
pub mod pricing;
pub mod privilege;
pub mod quote;
pub mod refusal;
pub mod scans;
pub mod schedules;
pub mod share;
pub mod sla;
pub mod triage;
pub mod security;
pub mod trial;
pub mod users;
pub mod visit;
pub mod writing;

use async_graphql::MergedObject;

pub use writing::Stamp;

/// Where every mutation starts.
#[derive(MergedObject, Default)]
pub struct Mutation(
    access::AccessMutations,
    commerce::CommerceMutations,
    customer::CustomerMutations,
    life::LifeMutations,
    pricing::PricingMutations,
    quote::QuoteMutations,
    trial::TrialMutations,
    privilege::PrivilegeMutations,
    portal::PortalMutations,
    people::PeopleMutations,
    partner::PartnerMutations,
    users::UserMutations,
    scans::ScanMutations,
    schedules::ScheduleMutations,
    share::ShareMutations,
    evidence::EvidenceMutations,
    visit::VisitMutations,
    triage::TriageMutations,
    sla::SlaMutations,
    security::SecurityMutations,
    api_key::ApiKeyMutations,
);
