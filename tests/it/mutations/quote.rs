//! `createQuote` and `acceptQuote`: from an offer to an access with a subscription (DESIGN.md 6).

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

const QUOTE: &str = "mutation ($input: CreateQuoteInput!) { createQuote(input: $input) { \
     quote { id plan operatingModel licenseModel quantity billingCycle trialDays acceptedAt addOns price { amount currency } \
             customer { name } access { id } } \
     userErrors { code message field } } }";

const ACCEPT: &str = "mutation ($id: ID!) { acceptQuote(input: { quoteId: $id }) { \
     access { id status operatingModel privilegeCeiling customerConsent version postureVisible \
              trial { startedAt endsAt convertBy convertedAt electedModel expired } customer { portalAccess } \
              subscription { plan status renewalDate licenseModel quantity price { amount } addOns { code price { amount } } } } \
     userErrors { code message field } } }";

async fn quote(client: &Client, input: Value) -> Reply {
    client.query(QUOTE, json!({ "input": input })).await
}

async fn accept(client: &Client, id: &Value) -> Reply {
    client.query(ACCEPT, json!({ "id": id })).await
}

/// The id of a quote that must be made.
async fn quoted(client: &Client, input: Value) -> Value {
    let reply = quote(client, input).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    reply.body["data"]["createQuote"]["quote"]["id"].clone()
}

/// A partner with an ADMIN, and a new customer with one, whose portal is FULL.
struct Fresh {
    app: App,
    admin: UserId,
    customer_admin: UserId,
    customer: String,
}

async fn fresh() -> Fresh {
    let mut world = World::default();
    world.price_list();
    world.catalogue();
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let customer = world.customer(birch, "Elm", PortalAccess::Full);
    let customer_admin = world.customer_user(customer, CustomerRole::Admin, "Eve");
    let app = App::start(world).await;
    Fresh { app, admin, customer_admin, customer: GlobalId::Customer(customer).to_string() }
}

fn input(customer: &str) -> Value {
    json!({ "customerId": customer, "plan": "Standard", "licenseModel": "PER_ASSET", "quantity": 10, "billingCycle": "ANNUAL" })
}

fn with(mut input: Value, fields: Value) -> Value {
    if let (Value::Object(input), Value::Object(fields)) = (&mut input, fields) {
        input.extend(fields);
    }
    input
}

#[tokio::test]
async fn a_quote_is_kept_with_the_prices_of_its_day_and_stands_in_the_partners_log_alone() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let reply =
        quote(&admin, with(input(&fresh.customer), json!({ "addOns": ["SSO"], "trialDays": 14 }))).await;
    let id = reply.body["data"]["createQuote"]["quote"]["id"].clone();
    let made = json!({
        "id": id, "plan": "Standard", "operatingModel": "CUSTOMER_MANAGED", "licenseModel": "PER_ASSET", "quantity": 10,
        "billingCycle": "ANNUAL", "trialDays": 14, "acceptedAt": null, "addOns": ["SSO"],
        // 1000.00 / 12 + 125.00 / 12
        "price": { "amount": "93.75", "currency": "EUR" }, "customer": { "name": "Elm" }, "access": null,
    });
    assert_eq!(reply.body, json!({ "data": { "createQuote": { "quote": made, "userErrors": [] } } }));
    assert_eq!(
        recorded(&fresh.app, "quote.created").await,
        [json!(["partner", "Ada", null, null, "Standard ANNUAL 1000.00 EUR"])]
    );
    // It is found by its id and in the list, by the partner's ADMIN alone.
    let document =
        format!("{{ node(id: {id}) {{ __typename id }} partner {{ quotes {{ nodes {{ id }} }} }} }}");
    let data = admin.data(&document).await;
    assert_eq!(
        data,
        json!({ "node": { "__typename": "Quote", "id": id }, "partner": { "quotes": { "nodes": [{ "id": id }] } } })
    );
    let customer = fresh.app.sign_in(fresh.customer_admin);
    assert_eq!(customer.data(&format!("{{ node(id: {id}) {{ id }} }}")).await, json!({ "node": null }));
}

#[tokio::test]
async fn without_a_trial_the_access_is_what_the_quote_says() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let terms = json!({ "operatingModel": "FULLY_MANAGED", "addOns": ["SSO"] });
    let id = quoted(&admin, with(input(&fresh.customer), terms)).await;
    let reply = accept(&admin, &id).await;
    let access = &reply.body["data"]["acceptQuote"]["access"];
    let made = json!({
        "id": access["id"], "status": "ACTIVE", "operatingModel": "FULLY_MANAGED", "privilegeCeiling": "SUPPORT",
        "customerConsent": "SUPPORT", "version": 1, "postureVisible": true, "trial": null,
        // FULLY_MANAGED lowers a FULL portal.
        "customer": { "portalAccess": "READ_ONLY" },
        "subscription": {
            "plan": "Standard", "status": "ACTIVE", "renewalDate": "2027-06-15", "licenseModel": "PER_ASSET", "quantity": 10,
            "price": { "amount": "83.33" }, "addOns": [{ "code": "SSO", "price": { "amount": "10.42" } }],
        },
    });
    assert_eq!(*access, made, "{}", reply.text);
    assert_eq!(codes(&reply), [] as [&str; 0]);
    let created = |log| json!([log, "Ada", null, null, "ACTIVE FULLY_MANAGED"]);
    assert_eq!(recorded(&fresh.app, "access.created").await, [created("partner"), created("customer")]);
    let lowered = |log| json!([log, "Ada", null, "FULL", "READ_ONLY"]);
    assert_eq!(
        recorded(&fresh.app, "customer.portal_access_changed").await,
        [lowered("partner"), lowered("customer")]
    );
    // Accepted once; and no second live access of the pair.
    assert_eq!(codes(&accept(&admin, &id).await), ["WRONG_STATE"]);
    let second = quoted(&admin, input(&fresh.customer)).await;
    let before = everything(&fresh.app).await;
    assert_eq!(codes(&accept(&admin, &second).await), ["WRONG_STATE"]);
    assert_eq!(everything(&fresh.app).await, before);
}

#[tokio::test]
async fn with_a_trial_the_access_is_the_customers_own_whatever_the_quote_says() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let terms = json!({ "operatingModel": "FULLY_MANAGED", "trialDays": 14 });
    let id = quoted(&admin, with(input(&fresh.customer), terms)).await;
    let reply = accept(&admin, &id).await;
    let access = &reply.body["data"]["acceptQuote"]["access"];
    assert_eq!(
        json!([access["status"], access["operatingModel"], access["postureVisible"], access["customer"]]),
        json!(["TRIAL", "CUSTOMER_MANAGED", false, { "portalAccess": "FULL" }]),
        "{}",
        reply.text
    );
    assert_eq!(
        access["trial"],
        json!({
            "startedAt": days(0).to_rfc3339(), "endsAt": days(14).to_rfc3339(), "convertBy": days(44).to_rfc3339(),
            "convertedAt": null, "electedModel": null, "expired": false,
        })
    );
    let subscription = &access["subscription"];
    assert_eq!(json!([subscription["status"], subscription["renewalDate"]]), json!(["TRIALING", null]));
    let created = |log| json!([log, "Ada", null, null, "TRIAL CUSTOMER_MANAGED until 2026-06-29T12:00:00Z"]);
    assert_eq!(recorded(&fresh.app, "access.created").await, [created("partner"), created("customer")]);
}

#[tokio::test]
async fn accepting_takes_few_statements() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let id = quoted(&admin, input(&fresh.customer)).await;
    let document =
        "mutation ($id: ID!) { acceptQuote(input: { quoteId: $id }) { access { id } userErrors { code } } }";
    let reply = admin.query(document, json!({ "id": id })).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(reply.statements, 10);
}

#[tokio::test]
async fn whoever_may_not_quote_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let dune = GlobalId::Customer(cast.dune.customer).to_string();
    let app = App::start(cast.world).await;
    let offered = quoted(&app.sign_in(Persona::RivalAdmin), input(&dune)).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::RivalAdmin => continue,
            Persona::DistributorAdmin | Persona::PartnerAdmin => "NOT_FOUND",
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        let client = app.sign_in(persona);
        assert_eq!(codes(&quote(&client, input(&dune)).await), [expected], "{persona:?}");
        assert_eq!(codes(&accept(&client, &offered).await), [expected], "{persona:?}");
    }
    assert_eq!(codes(&quote(&app.anonymous(), input(&dune)).await), ["UNAUTHENTICATED"]);
    assert_eq!(codes(&accept(&app.anonymous(), &offered).await), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_quote_of_nothing_that_can_be_sold_is_refused_with_its_field() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let before = everything(&fresh.app).await;
    for (fields, field) in [
        (json!({ "plan": "Golden" }), "plan"),
        (json!({ "plan": "Sta\u{0}ndard" }), "plan"),
        (json!({ "quantity": 0 }), "quantity"),
        (json!({ "quantity": null }), "quantity"),
        (json!({ "quantity": 1_000_001 }), "quantity"),
        (json!({ "licenseModel": "UNLIMITED" }), "quantity"),
        (json!({ "trialDays": 0 }), "trialDays"),
        (json!({ "trialDays": 91 }), "trialDays"),
        (json!({ "addOns": ["SSO", "GOLD"] }), "addOns"),
        (json!({ "addOns": ["SSO", "SSO"] }), "addOns"),
        (json!({ "addOns": ["\u{0}"] }), "addOns"),
    ] {
        let reply = quote(&admin, with(input(&fresh.customer), fields.clone())).await;
        assert_eq!(codes(&reply), ["INVALID"], "{fields}");
        let error = &reply.body["data"]["createQuote"]["userErrors"][0];
        assert_eq!(error["field"], json!(["input", field]), "{fields}");
        let is_twice = fields["addOns"][1] == "SSO";
        assert_eq!(error["message"].as_str().unwrap().contains("twice"), is_twice, "{error}");
    }
    for id in ["no id".to_owned(), fresh.customer.clone()] {
        assert_eq!(codes(&accept(&admin, &json!(id)).await), ["NOT_FOUND"]);
    }
    assert_eq!(everything(&fresh.app).await, before);
}

/// What the customer sees of an offer: nothing, until it is an access.
#[tokio::test]
async fn a_former_customer_is_sold_to_again() {
    let mut world = World::default();
    world.catalogue();
    let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
    let admin = world.partner_admin(birch, "Ada");
    let customer = world.customer(cedar, "Elm", PortalAccess::Full);
    let over = Terms::co_managed().status(posture_gateway::domain::access::AccessStatus::Ended);
    world.access(birch, customer, over);
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let id = quoted(&admin, input(&GlobalId::Customer(customer).to_string())).await;
    let reply = accept(&admin, &id).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
}

/// Two clients at once: one access comes of it, and the other client is told so.
#[tokio::test]
async fn two_who_accept_at_once_make_one_access() {
    let fresh = fresh().await;
    let admin = fresh.app.sign_in(fresh.admin);
    let (one, two) =
        (quoted(&admin, input(&fresh.customer)).await, quoted(&admin, input(&fresh.customer)).await);
    for pair in [(&one, &two), (&one, &one)] {
        let (left, right) = tokio::join!(accept(&admin, pair.0), accept(&admin, pair.1));
        let mut refused = [codes(&left), codes(&right)].concat();
        // In the first round one of them succeeds, in the second it is too late for both.
        refused.retain(|code| code == "WRONG_STATE");
        assert_eq!(refused.len(), if pair.1 == &two { 1 } else { 2 }, "{} {}", left.text, right.text);
    }
    assert_eq!(recorded(&fresh.app, "access.created").await.len(), 2, "one event on each side");
}
