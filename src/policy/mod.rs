//! The boundary: who sees which class of data of whom, and why not (DESIGN.md 4).
//!
//! Pure functions without I/O. [`gate::decide`] is the one decision; [`Grant`] is the witness it mints, without which
//! the store reads nothing that is gated.

mod class;
mod event;
mod explain;
mod exposure;
mod facts;
mod gate;
mod grant;
mod operation;
mod preview;
mod scope;
mod share;
pub mod tables;
#[cfg(test)]
mod truth_table;
mod viewer;

pub use class::{Activity, Class, Commercial, DataClass, Posture, Pricing, SecurityConfig};
pub use event::{SECURITY_EVENTS, class_of_event};
pub use explain::{explain, explain_exposure, explain_partner};
pub use exposure::{PastAccess, exposed};
pub use facts::{AccessFacts, AccessTerms, Subject};
pub use gate::{Decision, HiddenReason, decide, decide_partner, effective_privilege, grant, grant_partner};
pub use gate::{customer_sees_accesses, grant_exposure, partner_posture_visible, posture_visible};
pub use grant::Grant;
pub use operation::{Caller, Operation};
pub use preview::{Preview, preview};
pub use scope::{PartnerScope, Scope, knows_customer, partner_scope, scope};
pub use share::{ShareTerms, grant_share};
pub use viewer::Viewer;
