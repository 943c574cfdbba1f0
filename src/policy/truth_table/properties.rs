//! What has to hold of the gate's smaller functions, and of all of its answers together.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{CUSTOMER, PARTNER, USER, accesses, customer_user, partner_user, subject, viewers};
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId};
use crate::domain::user::{CustomerRole, PartnerRole};
use crate::policy::{
    AccessFacts, AccessTerms, DataClass, HiddenReason, PartnerScope, Scope, Subject, Viewer,
    customer_sees_accesses, decide, effective_privilege, knows_customer, partner_posture_visible,
    partner_scope, posture_visible, preview, scope,
};

fn instant() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

fn terms(granted_consent: Privilege, granted_until: Option<DateTime<Utc>>) -> AccessTerms {
    AccessTerms {
        partner: PARTNER,
        customer: CUSTOMER,
        status: AccessStatus::Active,
        trial_ends_at: None,
        operating_model: OperatingModel::FullyManaged,
        privilege_ceiling: Privilege::Manage,
        granted_consent,
        granted_until,
    }
}

#[test]
fn partner_posture_visible_is_the_operating_model_alone() {
    for access in accesses() {
        assert_eq!(
            partner_posture_visible(&access),
            access.operating_model != OperatingModel::CustomerManaged
        );
    }
}

#[test]
fn the_effective_privilege_is_the_lesser() {
    use Privilege::{Manage, None, Support};
    let table = [
        (None, None, None),
        (None, Support, None),
        (None, Manage, None),
        (Support, None, None),
        (Support, Support, Support),
        (Support, Manage, Support),
        (Manage, None, None),
        (Manage, Support, Support),
        (Manage, Manage, Manage),
    ];
    for access in accesses() {
        let (_, _, lesser) = table
            .into_iter()
            .find(|row| (row.0, row.1) == (access.privilege_ceiling, access.customer_consent))
            .unwrap();
        assert_eq!(effective_privilege(&access), lesser);
    }
}

#[test]
fn posture_visible_is_the_answer_for_an_admin_of_the_accesss_partner() {
    for access in accesses() {
        let admin = decide(
            &partner_user(PartnerRole::Admin),
            DataClass::Posture,
            &subject(access, PortalAccess::Disabled),
        );
        assert_eq!(posture_visible(&access), admin.is_visible());
    }
}

#[test]
fn a_preview_is_the_difference_between_before_and_after() {
    let admin = partner_user(PartnerRole::Admin);
    let mut count = 0;
    for access in accesses() {
        for &operating_model in OperatingModel::ALL {
            let after = AccessFacts { operating_model, ..access };
            let answer = |access, class| decide(&admin, class, &subject(access, PortalAccess::Disabled));
            let turned = |from, to| {
                let turns =
                    |class: &DataClass| !answer(from, *class).is_visible() && answer(to, *class).is_visible();
                DataClass::ALL.iter().copied().filter(turns).collect::<Vec<_>>()
            };
            let preview = preview(&access, operating_model);
            assert_eq!(preview.gained, turned(access, after));
            assert_eq!(preview.lost, turned(after, access));

            let mut blocked: Vec<HiddenReason> = [DataClass::Posture, DataClass::SecurityConfig]
                .into_iter()
                .filter_map(|class| answer(after, class).reason())
                .collect();
            blocked.dedup();
            assert_eq!(preview.blocked_by, blocked);
            if operating_model == access.operating_model {
                assert!(preview.gained.is_empty() && preview.lost.is_empty());
            }
            count += 1;
        }
    }
    assert_eq!(count, 4 * 2 * 3 * 3 * 3 * 2 * 3);
}

#[test]
fn an_access_is_in_scope_where_its_commercial_side_is_shown() {
    let (other, elsewhere) = (PartnerId(Uuid::from_u128(0x77)), CustomerId(Uuid::from_u128(0x78)));
    let mut counted = 0;
    for viewer in viewers() {
        for (partner, customer) in
            [(PARTNER, CUSTOMER), (other, CUSTOMER), (PARTNER, elsewhere), (other, elsewhere)]
        {
            for assigned in [false, true] {
                for &portal in PortalAccess::ALL {
                    let terms = AccessTerms { partner, customer, ..terms(Privilege::Manage, None) };
                    let access = Some(terms.facts_at(instant(), assigned));
                    let subject = Subject { customer, access, portal_access: portal };
                    let shown = decide(&viewer, DataClass::Commercial, &subject).is_visible();
                    // An ADMIN of a customer decides about its accesses at any portal access.
                    let decides = matches!(viewer, Viewer::Customer { customer: own, role: CustomerRole::Admin, .. } if own == customer);
                    let holds = scope(&viewer, portal).holds(&terms, assigned);
                    assert_eq!(holds, shown || decides, "{viewer:?} {terms:?} {assigned} {portal}");
                    counted += usize::from(holds);
                }
            }
        }
    }
    assert!(counted > 0);
}

#[test]
fn a_customer_without_an_access_is_its_own_its_creators_and_the_platforms() {
    let (other, elsewhere) = (PartnerId(Uuid::from_u128(0x77)), CustomerId(Uuid::from_u128(0x78)));
    let admin = partner_user(PartnerRole::Admin);
    assert!(knows_customer(&admin, CUSTOMER, PARTNER));
    assert!(!knows_customer(&admin, CUSTOMER, other));
    assert!(!knows_customer(&partner_user(PartnerRole::Operator), CUSTOMER, PARTNER));
    for &role in CustomerRole::ALL {
        assert!(knows_customer(&customer_user(role), CUSTOMER, other));
        assert!(!knows_customer(&customer_user(role), elsewhere, PARTNER));
    }
    assert!(knows_customer(&Viewer::PlatformAdmin { user: USER }, CUSTOMER, other));
    assert!(!knows_customer(&Viewer::Scanner { user: USER }, CUSTOMER, PARTNER));
}

#[test]
fn the_scope_is_what_the_design_says() {
    for &portal in PortalAccess::ALL {
        assert_eq!(scope(&partner_user(PartnerRole::Admin), portal), Scope::OfPartner(PARTNER));
        assert_eq!(scope(&partner_user(PartnerRole::Operator), portal), Scope::AssignedTo(PARTNER, USER));
        assert_eq!(scope(&customer_user(CustomerRole::Admin), portal), Scope::OfCustomer(CUSTOMER));
        assert_eq!(scope(&Viewer::PlatformAdmin { user: USER }, portal), Scope::Everything);
        assert_eq!(scope(&Viewer::Scanner { user: USER }, portal), Scope::Nothing);

        for &role in PartnerRole::ALL {
            assert_eq!(partner_scope(&partner_user(role), portal), PartnerScope::Tree(PARTNER));
        }
        let admin = customer_user(CustomerRole::Admin);
        assert_eq!(partner_scope(&admin, portal), PartnerScope::OfCustomer(CUSTOMER));
        assert_eq!(partner_scope(&Viewer::PlatformAdmin { user: USER }, portal), PartnerScope::Everything);
        assert_eq!(partner_scope(&Viewer::Scanner { user: USER }, portal), PartnerScope::Nothing);
    }
    let reader = customer_user(CustomerRole::ReadOnly);
    for (portal, opens) in
        [(PortalAccess::Disabled, false), (PortalAccess::ReadOnly, true), (PortalAccess::Full, true)]
    {
        assert_eq!(customer_sees_accesses(CustomerRole::ReadOnly, portal), opens);
        assert!(customer_sees_accesses(CustomerRole::Admin, portal));
        let (accesses, partners) = if opens {
            (Scope::OfCustomer(CUSTOMER), PartnerScope::OfCustomer(CUSTOMER))
        } else {
            (Scope::Nothing, PartnerScope::Nothing)
        };
        assert_eq!((scope(&reader, portal), partner_scope(&reader, portal)), (accesses, partners));
    }
}

#[test]
fn a_consent_for_a_time_counts_one_step_lower_from_its_instant_on() {
    let until = instant();
    let (before, after) = (until - MICROSECOND, until + MICROSECOND);
    let lower = [
        (Privilege::Manage, Privilege::Support),
        (Privilege::Support, Privilege::None),
        (Privilege::None, Privilege::None),
    ];
    assert_eq!(lower.len(), Privilege::ALL.len());
    for (granted, lower) in lower {
        let timed = terms(granted, Some(until));
        assert_eq!([before, until, after].map(|now| timed.consent_at(now)), [granted, lower, lower]);
        assert_eq!([before, until, after].map(|now| timed.consent_until_at(now)), [Some(until), None, None]);

        let lasting = terms(granted, None);
        assert_eq!([before, until, after].map(|now| lasting.consent_at(now)), [granted; 3]);
        assert_eq!(lasting.consent_until_at(until), None);

        let facts = timed.facts_at(until, true);
        assert_eq!((facts.customer_consent, facts.assigned), (lower, true));
    }
}

#[test]
fn a_trial_expires_at_its_very_instant_and_without_an_end_at_once() {
    let end = instant();
    let trial =
        |status, trial_ends_at| AccessTerms { status, trial_ends_at, ..terms(Privilege::Support, None) };
    let at = |terms: &AccessTerms, now| terms.facts_at(now, false).trial_expired;
    for &status in AccessStatus::ALL {
        let expires = status == AccessStatus::Trial;
        let ending = trial(status, Some(end));
        assert_eq!(
            [end - MICROSECOND, end, end + MICROSECOND].map(|now| at(&ending, now)),
            [false, expires, expires]
        );
        assert_eq!(at(&trial(status, None), end), expires);
    }
    let visible = |now| posture_visible(&trial(AccessStatus::Trial, Some(end)).facts_at(now, false));
    assert!(visible(end - MICROSECOND));
    assert!(!visible(end));
}

/// Raising any of what rises never hides what was shown, all other facts the same.
#[test]
fn more_never_shows_less() {
    fn next<T: Copy + PartialEq>(all: &[T], value: T) -> Option<T> {
        all.iter().copied().skip_while(|one| *one != value).nth(1)
    }
    let mut steps = 0;
    for viewer in viewers() {
        for access in accesses() {
            for &portal in PortalAccess::ALL {
                let raised = [
                    next(Privilege::ALL, access.privilege_ceiling)
                        .map(|privilege_ceiling| (AccessFacts { privilege_ceiling, ..access }, portal)),
                    next(Privilege::ALL, access.customer_consent)
                        .map(|customer_consent| (AccessFacts { customer_consent, ..access }, portal)),
                    next(OperatingModel::ALL, access.operating_model)
                        .map(|operating_model| (AccessFacts { operating_model, ..access }, portal)),
                    next(&[false, true], access.assigned)
                        .map(|assigned| (AccessFacts { assigned, ..access }, portal)),
                    next(PortalAccess::ALL, portal).map(|portal| (access, portal)),
                ];
                for (more, portal_raised) in raised.into_iter().flatten() {
                    for &class in DataClass::ALL {
                        let before = decide(&viewer, class, &subject(access, portal));
                        let after = decide(&viewer, class, &subject(more, portal_raised));
                        assert!(!before.is_visible() || after.is_visible(), "{viewer:?} {class} {access:?}");
                        steps += 1;
                    }
                }
            }
        }
    }
    // 10 viewers x 5 classes x the ways to raise one of: ceiling, consent, model, assignment, portal.
    let (status, three, two) = (4 * 2, 3, 2);
    assert_eq!(
        steps,
        10 * 5 * status * (4 * 2 * three * three * three * two + three * three * three * three)
    );
}
