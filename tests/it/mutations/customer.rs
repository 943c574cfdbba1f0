//! `createCustomer`: the organisation, its first admin and what it buys, in one transaction.

use serde_json::{Value, json};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

async fn create(client: &Client, input: Value) -> Reply {
    let document = "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) { \
         customer { id name portalAccess access { status operatingModel subscription { plan quantity } } } \
         userErrors { code message field } } }";
    client.query(document, json!({ "input": input })).await
}

#[tokio::test]
async fn a_customer_is_made_with_its_first_admin() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let reply = create(&admin, json!({ "name": "  Elm & Söhne ", "adminEmail": " Eve@Elm.example" })).await;
    let customer = &reply.body["data"]["createCustomer"]["customer"];
    assert_eq!(
        *customer,
        json!({ "id": customer["id"], "name": "Elm & Söhne", "portalAccess": "DISABLED", "access": null }),
        "{}",
        reply.text
    );
    let event = |log| json!([log, "PartnerAdmin", null, null, "Elm & Söhne"]);
    assert_eq!(recorded(&app, "customer.created").await, [event("partner"), event("customer")]);
    // The partner's own log says that it was done, and not to whom.
    let event = |log, value| json!([log, "PartnerAdmin", null, null, value]);
    assert_eq!(
        recorded(&app, "customer.user_invited").await,
        [event("partner", None), event("customer", Some("eve@elm.example as ADMIN"))]
    );
    // Whose address is taken is nobody's to know; and nothing is left of the second customer.
    let before = everything(&app).await;
    for taken in ["EVE@elm.example", "rivaladmin@example.com"] {
        for client in [admin.clone(), admin.header("idempotency-key", taken)] {
            let reply = create(&client, json!({ "name": "Elm", "adminEmail": taken })).await;
            assert_eq!(codes(&reply), ["INVALID"]);
            let error = &reply.body["data"]["createCustomer"]["userErrors"][0];
            assert_eq!(error["field"], json!(["input", "adminEmail"]));
        }
    }
    app.as_owner("delete from idempotency_keys").await;
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_customer_buys_in_the_same_transaction() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let licenses = json!({ "plan": "Standard", "licenseModel": "PER_SCAN", "quantity": 5, "billingCycle": "MONTHLY",
        "operatingModel": "CO_MANAGED", "addOns": ["SSO"] });
    let reply = create(&admin, json!({ "name": "Elm", "licenses": licenses })).await;
    assert_eq!(
        reply.body["data"]["createCustomer"]["customer"]["access"],
        json!({ "status": "ACTIVE", "operatingModel": "CO_MANAGED", "subscription": { "plan": "Standard", "quantity": 5 } }),
        "{}",
        reply.text
    );
    let event = |log| json!([log, "PartnerAdmin", null, null, "ACTIVE CO_MANAGED"]);
    assert_eq!(recorded(&app, "access.created").await, [event("partner"), event("customer")]);
    assert_eq!(recorded(&app, "quote.created").await.len(), 1);
    assert_eq!(reply.statements, 12);
}

#[tokio::test]
async fn what_is_no_customer_is_refused_and_nothing_changes() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let before = everything(&app).await;
    let licenses = |plan: &str| json!({ "plan": plan, "licenseModel": "PER_SCAN", "quantity": 5, "billingCycle": "MONTHLY" });
    let long = "x".repeat(201);
    for (input, field) in [
        (json!({ "name": " " }), json!(["input", "name"])),
        (json!({ "name": long }), json!(["input", "name"])),
        (json!({ "name": "El\u{0}m" }), json!(["input", "name"])),
        (json!({ "name": "Elm", "adminEmail": "eve" }), json!(["input", "adminEmail"])),
        (json!({ "name": "Elm", "adminEmail": "eve@" }), json!(["input", "adminEmail"])),
        (json!({ "name": "Elm", "adminEmail": "e ve@elm.example" }), json!(["input", "adminEmail"])),
        (json!({ "name": "Elm", "adminEmail": "eve@elm@example" }), json!(["input", "adminEmail"])),
        (json!({ "name": "Elm", "licenses": licenses("Golden") }), json!(["input", "licenses", "plan"])),
    ] {
        let reply = create(&admin, input.clone()).await;
        assert_eq!(codes(&reply), ["INVALID"], "{input}");
        assert_eq!(reply.body["data"]["createCustomer"]["userErrors"][0]["field"], field, "{input}");
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn customers_are_made_by_partner_admins_alone() {
    let app = App::start(Cast::new().world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::PartnerAdmin | Persona::RivalAdmin | Persona::DistributorAdmin => continue,
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        let reply = create(&app.sign_in(persona), json!({ "name": "Elm" })).await;
        assert_eq!(codes(&reply), [expected], "{persona:?}");
    }
    assert_eq!(codes(&create(&app.anonymous(), json!({ "name": "Elm" })).await), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}
