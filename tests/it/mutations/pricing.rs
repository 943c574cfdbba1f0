//! `setPricing`: the platform's price list (DESIGN.md 7).

use serde_json::{Value, json};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

async fn set(client: &Client, input: Value) -> Reply {
    let document = "mutation ($input: SetPricingInput!) { setPricing(input: $input) { \
         licenseModel unitCost { amount currency } prepaidUnitCost { amount currency } userErrors { code field } } }";
    client.query(document, json!({ "input": input })).await
}

fn input(unit: &str, prepaid: &str) -> Value {
    json!({ "licenseModel": "PER_ASSET", "unitCost": unit, "prepaidUnitCost": prepaid, "currency": "EUR" })
}

#[tokio::test]
async fn a_price_holds_from_now_on_and_stands_in_the_log_of_every_partner_it_concerns() {
    let app = App::start(Cast::new().world).await;
    let platform = app.sign_in(Persona::PlatformAdmin);
    let reply = set(&platform, input("70.5", "55")).await;
    assert_eq!(
        reply.body["data"]["setPricing"],
        json!({
            "licenseModel": "PER_ASSET", "unitCost": { "amount": "70.50", "currency": "EUR" },
            "prepaidUnitCost": { "amount": "55.00", "currency": "EUR" }, "userErrors": [],
        })
    );
    assert_eq!(reply.statements, 7);
    let event = json!([
        "partner",
        "PlatformAdmin",
        null,
        "PER_ASSET 60.00 EUR, prepaid 50.00 EUR",
        "PER_ASSET 70.50 EUR, prepaid 55.00 EUR"
    ]);
    // Alder, Birch and Cedar; no customer ever hears of it.
    assert_eq!(recorded(&app, "pricing.changed").await, [event.clone(), event.clone(), event]);
    let document = "{ partner { accesses { nodes { subscription { unitCost { amount } } } } } }";
    let data = app.sign_in(Persona::PartnerAdmin).data(document).await;
    let nodes = data["partner"]["accesses"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|node| node["subscription"]["unitCost"]["amount"] == "70.50"), "{data}");
}

/// One document has one instant; the last price of it is the one that holds.
#[tokio::test]
async fn two_prices_in_one_document_follow_one_another() {
    let app = App::start(Cast::new().world).await;
    let change = |alias: &str, cost: &str| {
        format!(
            "{alias}: setPricing(input: {{ licenseModel: PER_ASSET, unitCost: \"{cost}\", prepaidUnitCost: \"1\", currency: \"EUR\" }}) \
             {{ userErrors {{ code }} }}"
        )
    };
    let document = format!("mutation {{ {} {} }}", change("one", "80"), change("two", "90"));
    let data = app.sign_in(Persona::PlatformAdmin).data(&document).await;
    assert_eq!(data, json!({ "one": { "userErrors": [] }, "two": { "userErrors": [] } }));
    app.clock.advance(chrono::TimeDelta::seconds(1));
    let document = "{ partner { accesses(first: 1) { nodes { subscription { unitCost { amount } } } } } }";
    let data = app.sign_in(Persona::PartnerAdmin).data(document).await;
    assert_eq!(data["partner"]["accesses"]["nodes"][0]["subscription"]["unitCost"]["amount"], "90.00");
}

/// Two admins at once: whoever writes last has the last word, also where their request came a moment earlier and waited.
#[tokio::test]
async fn the_last_price_that_was_set_is_the_one_that_holds() {
    let app = App::start(Cast::new().world).await;
    app.as_owner("insert into pricing values ('PER_ASSET', 'EUR', '2026-06-15T12:00:02Z', 80, 1)").await;
    let reply = set(&app.sign_in(Persona::PlatformAdmin), input("90", "1")).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    let said = json!("PER_ASSET 80.00 EUR, prepaid 1.00 EUR");
    assert_eq!(recorded(&app, "pricing.changed").await[0][3], said);
    app.clock.advance(chrono::TimeDelta::seconds(3));
    let document = "{ partner { accesses(first: 1) { nodes { subscription { unitCost { amount } } } } } }";
    let data = app.sign_in(Persona::PartnerAdmin).data(document).await;
    assert_eq!(data["partner"]["accesses"]["nodes"][0]["subscription"]["unitCost"]["amount"], "90.00");
}

#[tokio::test]
async fn what_is_no_price_is_refused_and_nothing_changes() {
    let app = App::start(Cast::new().world).await;
    let platform = app.sign_in(Persona::PlatformAdmin);
    let before = everything(&app).await;
    for (unit, prepaid, currency, code, field) in [
        ("-1", "-2", "EUR", "INVALID", "unitCost"),
        ("1.005", "1", "EUR", "INVALID", "unitCost"),
        ("1000000000000", "1", "EUR", "INVALID", "unitCost"),
        ("10", "1.001", "EUR", "INVALID", "prepaidUnitCost"),
        ("10", "10.01", "EUR", "INVALID", "prepaidUnitCost"),
        ("10", "10", "eur", "INVALID", "currency"),
        ("10", "10", "EURO", "INVALID", "currency"),
        ("10", "10", "€", "INVALID", "currency"),
        ("60", "50.000", "EUR", "NO_CHANGE", "unitCost"),
    ] {
        let input = json!({ "licenseModel": "PER_ASSET", "unitCost": unit, "prepaidUnitCost": prepaid, "currency": currency });
        let reply = set(&platform, input.clone()).await;
        let error = json!([{ "code": code, "field": ["input", field] }]);
        assert_eq!(reply.body["data"]["setPricing"]["userErrors"], error, "{input}");
    }
    assert_eq!(everything(&app).await, before);
    let reply = set(&platform, input("999999999999", "10.05")).await;
    let price = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    assert_eq!(
        reply.body["data"]["setPricing"],
        json!({ "licenseModel": "PER_ASSET", "unitCost": price("999999999999.00"), "prepaidUnitCost": price("10.05"), "userErrors": [] })
    );
}

#[tokio::test]
async fn prices_are_for_platform_admins_alone() {
    let app = App::start(Cast::new().world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::PlatformAdmin => continue,
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        assert_eq!(codes(&set(&app.sign_in(persona), input("1", "1")).await), [expected], "{persona:?}");
    }
    assert_eq!(codes(&set(&app.anonymous(), input("1", "1")).await), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}
