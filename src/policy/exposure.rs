//! What a partner's user could see of a customer at an instant: the gate's decision, asked of the facts of then.

use chrono::{DateTime, Utc};

use super::class::DataClass;
use super::facts::{AccessTerms, Subject};
use super::gate::decide;
use super::viewer::Viewer;
use crate::domain::customer::PortalAccess;

/// An access at an instant, as one partner's user had it.
#[derive(Clone, Debug)]
pub struct PastAccess {
    /// What was agreed on then.
    pub terms: AccessTerms,
    /// Whether it was assigned to the user.
    pub assigned: bool,
}

/// The classes of the customer's own data that the gate showed `viewer` at `at` over any of these accesses. PRICING is the
/// partner's own and not among them.
#[must_use]
pub fn exposed(viewer: &Viewer, accesses: &[PastAccess], at: DateTime<Utc>) -> Vec<DataClass> {
    let shows = |class: DataClass| {
        accesses.iter().any(|access| {
            let subject = Subject {
                customer: access.terms.customer,
                access: Some(access.terms.facts_at(at, access.assigned)),
                // Decides for the customer's own users only.
                portal_access: PortalAccess::Disabled,
            };
            decide(viewer, class, &subject).is_visible()
        })
    };
    let own = |class: &DataClass| match class {
        DataClass::Commercial | DataClass::Posture | DataClass::Activity | DataClass::SecurityConfig => true,
        DataClass::Pricing => false,
    };
    DataClass::ALL.iter().copied().filter(own).filter(|class| shows(*class)).collect()
}
