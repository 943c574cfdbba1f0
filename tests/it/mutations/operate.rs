//! *Operate*, cell by cell: every write on a customer's security configuration by every operating model, ceiling and consent,
//! by everybody at the partner, and by every portal access, by everybody at the customer (DESIGN.md 4).

use posture_gateway::domain::access::{OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{ApiKeyId, CustomerId, UserId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::json;

use super::{codes, everything};
use crate::support::app::{App, Client, Walls};
use crate::support::world::{Terms, World};

/// A customer, with what the writes are about.
#[derive(Clone, Copy)]
struct Target {
    customer: CustomerId,
    key: ApiKeyId,
    colleague: UserId,
}

/// Every write, and what it answers where the security configuration is hidden from somebody who may call it.
const WRITES: [(&str, &str); 4] = [
    ("setSamlConfiguration", "NOT_PERMITTED"),
    ("createApiKey", "NOT_PERMITTED"),
    ("revokeApiKey", "NOT_FOUND"),
    ("setCustomerUserRole", "NOT_FOUND"),
];

async fn write(client: &Client, field: &str, of: Target) -> Vec<String> {
    let customer = GlobalId::Customer(of.customer).to_string();
    let input = match field {
        "setSamlConfiguration" => {
            json!({ "customerId": customer, "enabled": true, "issuer": "urn:example:idp" })
        }
        "createApiKey" => json!({ "customerId": customer, "label": "CI" }),
        "revokeApiKey" => json!({ "apiKeyId": GlobalId::ApiKey(of.customer, of.key).to_string() }),
        _ => json!({ "userId": GlobalId::User(of.colleague).to_string(), "role": "ADMIN" }),
    };
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ userErrors {{ code message field }} }} }}"
    );
    codes(&client.query(&document, json!({ "input": input })).await)
}

fn target(world: &mut World, customer: CustomerId, nth: usize) -> Target {
    let key = world.posture(customer).api_key;
    let colleague = world.customer_user(customer, CustomerRole::ReadOnly, &format!("Colleague {nth}"));
    Target { customer, key, colleague }
}

#[tokio::test]
async fn a_partner_operates_fully_managed_customers_with_manage_on_both_sides() {
    for walls in Walls::EITHER {
        Box::pin(a_partner_operates(walls)).await;
    }
}

async fn a_partner_operates(walls: Walls) {
    let mut world = World::default();
    world.price_list();
    let partner = world.partner("Birch");
    let (admin, operator) = (world.partner_admin(partner, "Ada"), world.operator(partner, "Otto"));
    let idle = world.operator(partner, "Ida");
    let mut cells = Vec::new();
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                let nth = cells.len();
                let customer = world.customer(partner, &format!("Customer {nth:02}"), PortalAccess::ReadOnly);
                let terms = Terms { model, ..Terms::co_managed() }.ceiling(ceiling).consent(consent);
                let access = world.access(partner, customer, terms);
                world.assign(operator, customer, access);
                let operates = (model, ceiling, consent)
                    == (OperatingModel::FullyManaged, Privilege::Manage, Privilege::Manage);
                cells.push((
                    operates,
                    format!("{model} {ceiling} {consent}"),
                    target(&mut world, customer, nth),
                ));
            }
        }
    }
    let app = App::start_behind(walls, world).await;
    let people = [(admin, true), (operator, true), (idle, false)];
    let before = everything(&app).await;
    for (field, hidden) in WRITES {
        for (person, sees) in people {
            let client = app.sign_in(person);
            for (_, cell, of) in cells.iter().filter(|(operates, ..)| !operates || !sees) {
                let due = match field {
                    "setCustomerUserRole" | "createApiKey" => "FORBIDDEN",
                    _ if !sees => "NOT_FOUND",
                    _ => hidden,
                };
                assert_eq!(write(&client, field, *of).await, [due], "{field} by {person}: {cell}");
            }
        }
    }
    assert_eq!(everything(&app).await, before);
    let (_, cell, of) = cells.iter().find(|(operates, ..)| *operates).unwrap();
    for (person, mut again) in [(operator, Vec::new()), (admin, vec!["NO_CHANGE"])] {
        let client = app.sign_in(person);
        for field in ["setSamlConfiguration", "revokeApiKey"] {
            assert_eq!(write(&client, field, *of).await, again, "{field}: {cell}");
        }
        again.clear();
        for field in ["setCustomerUserRole", "createApiKey"] {
            assert_eq!(write(&client, field, *of).await, ["FORBIDDEN"], "{field}: {cell}");
        }
    }
}

#[tokio::test]
async fn a_customers_admin_keeps_the_configuration_at_full() {
    for walls in Walls::EITHER {
        Box::pin(a_customers_admin_keeps(walls)).await;
    }
}

async fn a_customers_admin_keeps(walls: Walls) {
    let mut world = World::default();
    world.price_list();
    let partner = world.partner("Birch");
    let mut cells = Vec::new();
    for &portal in PortalAccess::ALL {
        let nth = cells.len();
        let customer = world.customer(partner, &format!("Customer {nth:02}"), portal);
        world.access(partner, customer, Terms::customer_managed());
        let people = [CustomerRole::Admin, CustomerRole::ReadOnly]
            .map(|role| (role, world.customer_user(customer, role, &format!("{role} {nth}"))));
        cells.push((portal, people, target(&mut world, customer, nth)));
    }
    let app = App::start_behind(walls, world).await;
    let before = everything(&app).await;
    for (field, hidden) in WRITES {
        for (portal, people, of) in &cells {
            for (role, person) in people {
                let client = app.sign_in(*person);
                let due = match (role, portal) {
                    (CustomerRole::ReadOnly, _) => "FORBIDDEN",
                    (CustomerRole::Admin, PortalAccess::Full) => continue,
                    (CustomerRole::Admin, _) => hidden,
                };
                assert_eq!(write(&client, field, *of).await, [due], "{field}: {role} at {portal}");
                // Nor another customer's.
                let (.., other) = cells.iter().find(|(.., other)| other.customer != of.customer).unwrap();
                if *role == CustomerRole::Admin {
                    assert_eq!(
                        write(&client, field, *other).await,
                        ["NOT_FOUND"],
                        "{field}: {role} at {portal}"
                    );
                }
            }
        }
    }
    assert_eq!(everything(&app).await, before);
    let (_, [(_, admin), _], of) = cells.iter().find(|(portal, ..)| *portal == PortalAccess::Full).unwrap();
    let client = app.sign_in(*admin);
    for (field, _) in WRITES {
        assert_eq!(write(&client, field, *of).await, [] as [&str; 0], "{field}");
    }
}
