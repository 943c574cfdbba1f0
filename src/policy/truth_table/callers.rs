//! Who may ever call what, and what a refusal may tell them of a customer, as a list that a review sees change; and what a partner's
//! user could see at an instant.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta};

use super::{CUSTOMER, PARTNER, accesses, subject, viewers};
use crate::domain::access::AccessStatus;
use crate::domain::customer::PortalAccess;
use crate::policy::{AccessTerms, Caller, DataClass, Operation, PastAccess, Viewer, decide, exposed};

#[test]
fn whoever_may_ever_call_what() {
    let mut list = String::new();
    for &operation in Operation::ALL {
        // Of another organisation it is the same: whose the object is, is asked afterwards.
        let callers: BTreeMap<&str, bool> = viewers()
            .iter()
            .map(|viewer| (Caller::from(viewer).plural(), operation.may_ever_be_called_by(viewer)))
            .collect();
        assert_eq!(callers.len(), 6);
        for viewer in viewers() {
            let by = Caller::from(&viewer).plural();
            assert_eq!(callers[by], operation.may_ever_be_called_by(&viewer), "{operation} by {viewer:?}");
        }
        let may: Vec<_> = callers.iter().filter(|(_, may)| **may).map(|(caller, _)| *caller).collect();
        write!(list, "{operation}: {}", may.join(", ")).unwrap();
        if operation.takes_a_person() {
            list.push_str("; no API key");
        }
        if let Some((from, told)) = operation.refusal_tells() {
            write!(list, "; a refusal tells of {told}, from {from} on").unwrap();
        }
        list.push('\n');
    }
    insta::assert_snapshot!(list);
}

#[test]
fn what_could_be_seen_is_what_the_gate_showed_by_the_facts_of_then() {
    let at = DateTime::UNIX_EPOCH;
    for facts in accesses() {
        // An expired trial alone differs from one that runs.
        if facts.trial_expired && facts.status != AccessStatus::Trial {
            continue;
        }
        let end = if facts.trial_expired { at } else { at + TimeDelta::days(1) };
        let access = PastAccess {
            terms: AccessTerms {
                partner: PARTNER,
                customer: CUSTOMER,
                status: facts.status,
                trial_ends_at: Some(end),
                operating_model: facts.operating_model,
                privilege_ceiling: facts.privilege_ceiling,
                granted_consent: facts.customer_consent,
                granted_until: None,
            },
            assigned: facts.assigned,
        };
        for viewer in viewers().iter().filter(|viewer| matches!(viewer, Viewer::Partner { .. })) {
            let shown: Vec<_> = DataClass::ALL
                .iter()
                .copied()
                .filter(|class| *class != DataClass::Pricing)
                .filter(|class| decide(viewer, *class, &subject(facts, PortalAccess::Full)).is_visible())
                .collect();
            assert_eq!(exposed(viewer, std::slice::from_ref(&access), at), shown, "{viewer:?} {facts:?}");
            assert_eq!(exposed(viewer, &[], at), []);
        }
    }
}

#[test]
fn a_partner_and_a_customer_have_their_own_users_and_nobody_else() {
    for viewer in viewers() {
        let expected = match viewer {
            Viewer::Partner { partner, .. } => (Some(partner), None),
            Viewer::Customer { customer, .. } => (None, Some(customer)),
            Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => (None, None),
        };
        assert_eq!((viewer.partner(), viewer.customer()), expected);
        assert_eq!(viewer.user(), super::USER);
    }
}
