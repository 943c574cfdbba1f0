//! The facts that a decision rests on.

use chrono::{DateTime, Utc};

use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId};

/// The terms of an access as they are stored: what holds when depends on the instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTerms {
    /// Whose link.
    pub partner: PartnerId,
    /// To whom.
    pub customer: CustomerId,
    /// Where the access stands.
    pub status: AccessStatus,
    /// When the trial ends, if there is or was one.
    pub trial_ends_at: Option<DateTime<Utc>>,
    /// Who runs the customer's security.
    pub operating_model: OperatingModel,
    /// What the contract allows at most.
    pub privilege_ceiling: Privilege,
    /// What the customer granted.
    pub granted_consent: Privilege,
    /// From when the grant counts one step lower.
    pub granted_until: Option<DateTime<Utc>>,
}

impl AccessTerms {
    /// The consent that counts at `now` (DESIGN.md 2, "Consent for a time").
    #[must_use]
    pub fn consent_at(&self, now: DateTime<Utc>) -> Privilege {
        match self.granted_until {
            Some(until) if now >= until => self.granted_consent.one_step_lower(),
            Some(_) | None => self.granted_consent,
        }
    }

    /// When the consent that counts at `now` falls by a step; none once that has passed.
    #[must_use]
    pub fn consent_until_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.granted_until.filter(|until| now < *until)
    }

    /// Whether the access is a trial past its end. A trial without an end counts as expired: no answer means no.
    #[must_use]
    pub fn trial_expired_at(&self, now: DateTime<Utc>) -> bool {
        self.status == AccessStatus::Trial && self.trial_ends_at.is_none_or(|end| now >= end)
    }

    /// What holds at `now`, for a viewer to whom the access is assigned or not.
    #[must_use]
    pub fn facts_at(&self, now: DateTime<Utc>, assigned: bool) -> AccessFacts {
        AccessFacts {
            partner: self.partner,
            customer: self.customer,
            assigned,
            status: self.status,
            trial_expired: self.trial_expired_at(now),
            operating_model: self.operating_model,
            privilege_ceiling: self.privilege_ceiling,
            customer_consent: self.consent_at(now),
        }
    }
}

/// What holds of an access at the request's instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccessFacts {
    /// Whose link.
    pub partner: PartnerId,
    /// To whom.
    pub customer: CustomerId,
    /// Whether it is assigned to the viewer; asked of operators only.
    pub assigned: bool,
    /// Where the access stands.
    pub status: AccessStatus,
    /// A TRIAL past its end.
    pub trial_expired: bool,
    /// Who runs the customer's security.
    pub operating_model: OperatingModel,
    /// What the contract allows at most.
    pub privilege_ceiling: Privilege,
    /// The consent that counts now.
    pub customer_consent: Privilege,
}

/// What is decided about: a customer, seen through one partner's access or from its own portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Whose data.
    pub customer: CustomerId,
    /// The access that decides for a partner's user; without one nothing is visible to them.
    pub access: Option<AccessFacts>,
    /// The customer's portal access, which decides for its own users.
    pub portal_access: PortalAccess,
}
