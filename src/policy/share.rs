//! What a link shows an outsider: what its maker might show them now (DESIGN.md 4, *operate*).

use chrono::{DateTime, Utc};

use super::class::{DataClass, Posture};
use super::facts::Subject;
use super::gate::{Decision, decide, grant};
use super::grant::Grant;
use super::viewer::Viewer;

/// How long a share is meant to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareTerms {
    /// From when it is closed.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A witness for the posture that a share shows at `now`: while it is open, and while whoever made it could make it still.
/// `subject` is the customer as the maker sees it. Decided anew each time, so a link falls silent the moment that its maker
/// no longer operates the customer, and speaks again once they do.
#[must_use]
pub fn grant_share(
    maker: &Viewer,
    subject: &Subject,
    share: &ShareTerms,
    now: DateTime<Utc>,
) -> Option<Grant<Posture>> {
    if share.revoked_at.is_some() || now >= share.expires_at {
        return None;
    }
    // To operate takes what it takes to see the security configuration.
    if !decide(maker, DataClass::SecurityConfig, subject).is_visible() {
        return None;
    }
    match grant(maker, subject) {
        Decision::Visible(grant) => Some(grant),
        Decision::Hidden(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::customer::PortalAccess;
    use crate::domain::ids::{CustomerId, UserId};
    use crate::domain::user::CustomerRole;

    #[test]
    fn a_share_is_open_until_its_end_and_while_its_maker_operates() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let customer = CustomerId(Uuid::from_u128(1));
        let user = UserId(Uuid::from_u128(2));
        let admin = Viewer::Customer { user, customer, role: CustomerRole::Admin };
        let subject = |portal_access| Subject { customer, access: None, portal_access };
        let full = subject(PortalAccess::Full);
        let open = ShareTerms { expires_at: now + TimeDelta::seconds(1), revoked_at: None };
        let shows = |maker: &Viewer, subject: &Subject, share: &ShareTerms| {
            grant_share(maker, subject, share, now).map(|grant| grant.of())
        };
        assert_eq!(shows(&admin, &full, &open), Some(customer));
        assert_eq!(shows(&admin, &full, &ShareTerms { expires_at: now, ..open }), None);
        assert_eq!(shows(&admin, &full, &ShareTerms { revoked_at: Some(now), ..open }), None);
        assert_eq!(shows(&admin, &subject(PortalAccess::ReadOnly), &open), None);
        let reader = Viewer::Customer { user, customer, role: CustomerRole::ReadOnly };
        let other =
            Viewer::Customer { user, customer: CustomerId(Uuid::from_u128(3)), role: CustomerRole::Admin };
        for maker in [reader, other, Viewer::PlatformAdmin { user }, Viewer::Scanner { user }] {
            assert_eq!(shows(&maker, &full, &open), None, "{maker:?}");
        }
    }
}
