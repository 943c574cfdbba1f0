//! The model's gate against the product's, over every combination of facts: decision and reason.

use std::iter;

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::policy::{self, AccessTerms, DataClass, Decision, Subject, Viewer};
use posture_gateway::store::seed::{Access, Customer, Membership, Partner, User, World, deterministic_id};

use crate::proof::model::gate::{Gate, Who};
use crate::support::size::tried;
use crate::support::world::{NOW, days};

fn customer_id(name: &str) -> CustomerId {
    CustomerId(deterministic_id(name, 0))
}

fn partner_id(name: &str) -> PartnerId {
    PartnerId(deterministic_id(name, 0))
}

/// Who may ask; an assigned operator's access is assigned in the world.
fn viewers() -> Vec<(Viewer, Who, bool)> {
    let user = |nth| UserId(deterministic_id("viewer", nth));
    let mut all = vec![
        (Viewer::PlatformAdmin { user: user(0) }, Who::Platform, false),
        (Viewer::Scanner { user: user(1) }, Who::Scanner, false),
    ];
    let mut add = |viewer: &dyn Fn(UserId) -> Viewer, who, assigned| {
        let user = user(u64::try_from(all.len()).unwrap());
        all.push((viewer(user), who, assigned));
    };
    for partner in ["own", "other"].map(partner_id) {
        for &role in PartnerRole::ALL {
            for assigned in [false, true] {
                let viewer = |user| Viewer::Partner { user, partner, role };
                add(&viewer, Who::Partner(partner, role), assigned);
            }
        }
    }
    for customer in ["own", "other"].map(customer_id) {
        for &role in CustomerRole::ALL {
            let viewer = |user| Viewer::Customer { user, customer, role };
            add(&viewer, Who::Customer(customer, role), false);
        }
    }
    all
}

/// Every access that the constraints allow, with ends before, at and after now.
fn accesses() -> impl Iterator<Item = Access> {
    let instants = [None, Some(days(-1)), Some(NOW), Some(days(1))];
    let blank = Access {
        customer_id: customer_id("own"),
        id: posture_gateway::domain::ids::AccessId(deterministic_id("access", 0)),
        partner_id: partner_id("own"),
        customer_name: "Acme".to_owned(),
        status: AccessStatus::Active,
        operating_model: OperatingModel::CustomerManaged,
        privilege_ceiling: Privilege::None,
        customer_consent: Privilege::None,
        consent_until: None,
        trial_started_at: Some(days(-30)),
        trial_ends_at: None,
        trial_convert_by: None,
        trial_converted_at: None,
        trial_elected_model: None,
        version: 1,
        created_at: days(-30),
        ended_at: None,
    };
    let all = |list: &'static [Privilege]| list.iter().copied();
    iter::once(blank)
        .flat_map(|row| AccessStatus::ALL.iter().map(move |&status| Access { status, ..row.clone() }))
        .flat_map(|row| {
            OperatingModel::ALL.iter().map(move |&operating_model| Access { operating_model, ..row.clone() })
        })
        .flat_map(move |row| {
            all(Privilege::ALL).map(move |privilege_ceiling| Access { privilege_ceiling, ..row.clone() })
        })
        .flat_map(move |row| {
            all(Privilege::ALL).map(move |customer_consent| Access { customer_consent, ..row.clone() })
        })
        .flat_map(move |row| {
            instants.into_iter().map(move |consent_until| Access { consent_until, ..row.clone() })
        })
        .flat_map(move |row| {
            instants.into_iter().map(move |trial_ends_at| Access { trial_ends_at, ..row.clone() })
        })
}

fn world(access: Access, portal_access: PortalAccess) -> World {
    let mut world = World::default();
    for name in ["own", "other"] {
        let (id, name) = (partner_id(name), name.to_owned());
        world.partners.push(Partner {
            id,
            parent_id: None,
            name,
            currency: "EUR".to_owned(),
            created_at: days(-99),
        });
    }
    for name in ["own", "other"] {
        let (customer_id, name, created_by) = (customer_id(name), name.to_owned(), partner_id("other"));
        world.customers.push(Customer {
            customer_id,
            name,
            portal_access,
            created_by,
            created_at: days(-99),
        });
    }
    for (viewer, _, assigned) in viewers() {
        let user = viewer.user();
        world.users.push(User {
            id: user,
            kind: viewer.kind(),
            name: String::new(),
            email: None,
            disabled_at: None,
            created_at: days(-99),
            is_service: false,
        });
        match viewer {
            Viewer::Partner { partner, role, .. } => {
                world.memberships.push(Membership::Partner(partner, user, role));
            }
            Viewer::Customer { customer, role, .. } => {
                world.memberships.push(Membership::Customer(customer, user, role));
            }
            Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => {}
        }
        if assigned {
            world.memberships.push(Membership::Assignment(access.customer_id, access.id, user));
        }
    }
    world.accesses.push(access);
    world
}

fn terms(access: &Access) -> AccessTerms {
    AccessTerms {
        partner: access.partner_id,
        customer: access.customer_id,
        status: access.status,
        trial_ends_at: access.trial_ends_at,
        operating_model: access.operating_model,
        privilege_ceiling: access.privilege_ceiling,
        granted_consent: access.customer_consent,
        granted_until: access.consent_until,
    }
}

#[test]
fn the_gate_decides_as_the_model_does() {
    let mut compared = 0;
    for access in accesses() {
        // The portal matters to customers alone, and accesses to partners alone: yet every pair is tried.
        for &portal_access in PortalAccess::ALL {
            let world = world(access.clone(), portal_access);
            let gate = Gate { world: &world, now: NOW };
            for (viewer, who, assigned) in viewers() {
                let user = viewer.user();
                assert_eq!(gate.who(user), Some(who));
                let facts = terms(&access).facts_at(NOW, assigned);
                for (nth, &class) in DataClass::ALL.iter().enumerate() {
                    assert_eq!(class.as_str(), super::gate::CLASSES[nth]);
                    for facts in [Some(facts), None] {
                        let subject = Subject { customer: access.customer_id, access: facts, portal_access };
                        let decided = match policy::decide(&viewer, class, &subject) {
                            Decision::Visible(()) => None,
                            Decision::Hidden(reason) => Some(reason.as_str()),
                        };
                        let expected = match facts {
                            Some(_) => gate.on_access(user, who, class.as_str(), &access),
                            // As on a customer to which the viewer has no access.
                            None if matches!(who, Who::Partner(..)) => Some("ASSIGNMENT"),
                            None => gate.on_customer(user, who, class.as_str(), access.customer_id),
                        };
                        assert_eq!(decided, expected, "{viewer:?} {class} {subject:?}");
                        compared += 1;
                    }
                }
                let posture = gate.for_an_admin("POSTURE", &access, access.operating_model).is_none();
                assert_eq!(policy::posture_visible(&facts), posture, "{access:?}");
            }
        }
    }
    assert_eq!(compared, 4 * 3 * 3 * 3 * 4 * 4 * 3 * 14 * 5 * 2);
    tried("decisions of the gate compared with the model", compared);
}
