//! The gate against its truth table: a second implementation, written from the text, over every combination of facts.

mod callers;
mod properties;
mod sentences;
mod spec;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{AccessFacts, DataClass, Decision, HiddenReason, Subject, Viewer};
use super::{decide, decide_partner, grant, grant_partner};
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::{CustomerRole, PartnerRole};
use spec::{Cell, cells, hidden};

const USER: UserId = UserId(Uuid::from_u128(1));
const PARTNER: PartnerId = PartnerId(Uuid::from_u128(2));
const OTHER_PARTNER: PartnerId = PartnerId(Uuid::from_u128(3));
const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(4));
const OTHER_CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(5));

fn partner_user(role: PartnerRole) -> Viewer {
    Viewer::Partner { user: USER, partner: PARTNER, role }
}

fn customer_user(role: CustomerRole) -> Viewer {
    Viewer::Customer { user: USER, customer: CUSTOMER, role }
}

/// One of every kind and role, of the organisations at hand and of others.
fn viewers() -> Vec<Viewer> {
    let mut viewers = vec![Viewer::PlatformAdmin { user: USER }, Viewer::Scanner { user: USER }];
    for &role in PartnerRole::ALL {
        viewers.extend([PARTNER, OTHER_PARTNER].map(|partner| Viewer::Partner { user: USER, partner, role }));
    }
    for &role in CustomerRole::ALL {
        viewers.extend([CUSTOMER, OTHER_CUSTOMER].map(|customer| Viewer::Customer {
            user: USER,
            customer,
            role,
        }));
    }
    viewers
}

/// Every combination of facts about an access of the partner to the customer.
fn accesses() -> Vec<AccessFacts> {
    let mut all = Vec::new();
    for &status in AccessStatus::ALL {
        for trial_expired in [false, true] {
            for &operating_model in OperatingModel::ALL {
                for &privilege_ceiling in Privilege::ALL {
                    for &customer_consent in Privilege::ALL {
                        for assigned in [false, true] {
                            all.push(AccessFacts {
                                partner: PARTNER,
                                customer: CUSTOMER,
                                assigned,
                                status,
                                trial_expired,
                                operating_model,
                                privilege_ceiling,
                                customer_consent,
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

fn subject(access: AccessFacts, portal_access: PortalAccess) -> Subject {
    Subject { customer: CUSTOMER, access: Some(access), portal_access }
}

/// What the gate is asked about in a cell.
fn question(cell: &Cell) -> (Viewer, DataClass, Subject) {
    let viewer = match cell.who {
        "partner" => partner_user(cell.role.parse().unwrap()),
        "other partner" => {
            Viewer::Partner { user: USER, partner: OTHER_PARTNER, role: cell.role.parse().unwrap() }
        }
        "customer" => customer_user(cell.role.parse().unwrap()),
        "other customer" => {
            Viewer::Customer { user: USER, customer: OTHER_CUSTOMER, role: cell.role.parse().unwrap() }
        }
        "platform admin" => Viewer::PlatformAdmin { user: USER },
        "scanner" => Viewer::Scanner { user: USER },
        other => unreachable!("{other}"),
    };
    let facts = AccessFacts {
        partner: PARTNER,
        customer: if cell.access == "to another customer" { OTHER_CUSTOMER } else { CUSTOMER },
        assigned: cell.assigned,
        status: cell.status.parse().unwrap(),
        trial_expired: cell.expired,
        operating_model: cell.model.parse().unwrap(),
        privilege_ceiling: cell.ceiling.parse().unwrap(),
        customer_consent: cell.consent.parse().unwrap(),
    };
    let subject = Subject {
        customer: CUSTOMER,
        access: (cell.access != "none").then_some(facts),
        portal_access: cell.portal.parse().unwrap(),
    };
    (viewer, cell.class.parse().unwrap(), subject)
}

#[test]
fn no_facts_nothing_visible() {
    let nothing = Subject { customer: CUSTOMER, access: None, portal_access: PortalAccess::Disabled };
    for viewer in viewers() {
        for &class in DataClass::ALL {
            let business = matches!(viewer, Viewer::PlatformAdmin { .. })
                && matches!(class, DataClass::Commercial | DataClass::Pricing);
            assert_eq!(decide(&viewer, class, &nothing).is_visible(), business, "{viewer:?} {class}");
        }
    }
}

#[test]
fn the_gate_is_the_truth_table() {
    let mut outcomes = BTreeMap::new();
    let mut count = 0;
    for cell in cells() {
        let (viewer, class, subject) = question(&cell);
        let (gate, text) = (decide(&viewer, class, &subject).reason(), hidden(&cell));
        assert_eq!(gate.map(HiddenReason::as_str), text, "{cell:?}");
        *outcomes.entry(text.unwrap_or("visible")).or_insert(0) += 1;
        count += 1;
    }
    // viewers x access x assigned x status x expired x model x ceiling x consent x portal x class
    assert_eq!(count, 10 * 3 * 2 * 4 * 2 * 3 * 3 * 3 * 3 * 5);
    insta::assert_debug_snapshot!(outcomes, @r#"
    {
        "ACCESS_STATUS": 3645,
        "ASSIGNMENT": 68040,
        "CONSENT": 270,
        "OPERATING_MODEL": 972,
        "PORTAL_ACCESS": 9072,
        "PRIVILEGE": 486,
        "ROLE": 86184,
        "visible": 25731,
    }
    "#);
}

/// That a witness of the class is given where, and for whom, the decision on the class says.
fn witnesses<C: super::Class>(viewer: &Viewer, subject: &Subject) {
    match (grant::<C>(viewer, subject), decide(viewer, C::CLASS, subject)) {
        (Decision::Visible(grant), Decision::Visible(())) => assert_eq!(grant.of(), CUSTOMER),
        (Decision::Hidden(reason), Decision::Hidden(expected)) => assert_eq!(reason, expected),
        (grant, decision) => panic!("{viewer:?} {subject:?} {}: {grant:?} for {decision:?}", C::CLASS),
    }
}

#[test]
fn a_witness_is_for_the_right_customer_and_only_where_visible() {
    for viewer in viewers() {
        for access in accesses() {
            for &portal in PortalAccess::ALL {
                let subject = subject(access, portal);
                witnesses::<super::Commercial>(&viewer, &subject);
                witnesses::<super::Pricing>(&viewer, &subject);
                witnesses::<super::Posture>(&viewer, &subject);
                witnesses::<super::Activity>(&viewer, &subject);
                witnesses::<super::SecurityConfig>(&viewer, &subject);
            }
        }
    }
}

#[test]
fn a_partners_own_books_are_for_its_admins_and_their_prices_for_the_platform() {
    for viewer in viewers() {
        for &class in DataClass::ALL {
            let decision = decide_partner(&viewer, class, PARTNER);
            let shown = match viewer {
                Viewer::Partner { partner: PARTNER, role: PartnerRole::Admin, .. } => {
                    matches!(class, DataClass::Commercial | DataClass::Pricing)
                }
                Viewer::PlatformAdmin { .. } => class == DataClass::Pricing,
                _ => false,
            };
            let expected = if shown { Decision::Visible(()) } else { Decision::Hidden(HiddenReason::Role) };
            assert_eq!(decision, expected, "{viewer:?} {class}");
        }
        match grant_partner::<super::Pricing>(&viewer, PARTNER) {
            Decision::Visible(grant) => assert_eq!(grant.of(), PARTNER),
            Decision::Hidden(reason) => assert_eq!(reason, HiddenReason::Role),
        }
    }
}
