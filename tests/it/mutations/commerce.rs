//! Add-ons, prepaid licences, usage alerts, and the statement of a past month, which nothing that comes later changes.

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{World, days};

/// Sends one mutation of what is sold over an access.
pub(super) async fn sell(client: &Client, field: &str, input: Value) -> Reply {
    let input_type = match field {
        "assignPrepaidLicense" | "unassignPrepaidLicense" => "PrepaidLicenseInput",
        "acknowledgeUsageAlert" => "AcknowledgeUsageAlertInput",
        _ => "AddOnInput",
    };
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ \
         access {{ version subscription {{ addOns {{ code price {{ amount }} }} unitCost {{ amount }} }} }} \
         userErrors {{ code field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

async fn buy(client: &Client, model: &str, quantity: i32) -> Reply {
    let document = "mutation ($input: BuyPrepaidLicensesInput!) { buyPrepaidLicenses(input: $input) { \
         partner { prepaidLicenses { licenseModel bought assigned available } } userErrors { code field } } }";
    client.query(document, json!({ "input": { "licenseModel": model, "quantity": quantity } })).await
}

fn bolt_of(cast: &Cast) -> String {
    GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string()
}

#[tokio::test]
async fn an_add_on_comes_and_goes_and_comes_again() {
    let cast = Cast::new();
    let bolt = bolt_of(&cast);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let input = |version: i32| json!({ "accessId": bolt, "code": "SSO", "expectedVersion": version });

    let added = sell(&admin, "addAddOn", input(1)).await;
    let access = &added.body["data"]["addAddOn"]["access"];
    assert_eq!(
        json!([access["version"], access["subscription"]["addOns"]]),
        json!([2, [{ "code": "SSO", "price": { "amount": "12.50" } }]]),
        "{}",
        added.text
    );
    assert_eq!(codes(&sell(&admin, "addAddOn", input(2)).await), ["NO_CHANGE"]);
    let removed = sell(&admin, "removeAddOn", input(2)).await;
    let access = &removed.body["data"]["removeAddOn"]["access"];
    assert_eq!(json!([access["version"], access["subscription"]["addOns"]]), json!([3, []]));
    assert_eq!(codes(&sell(&admin, "removeAddOn", input(3)).await), ["NO_CHANGE"]);
    // At the same instant, and later.
    for version in [3, 5] {
        assert_eq!(codes(&sell(&admin, "addAddOn", input(version)).await), [] as [&str; 0]);
        assert_eq!(codes(&sell(&admin, "removeAddOn", input(version + 1)).await), [] as [&str; 0]);
        app.clock.advance(chrono::TimeDelta::days(1));
    }
    let both = |event: Value| {
        let log = |log: &str| {
            let mut event = event.clone();
            event[0] = json!(log);
            event
        };
        [vec![log("partner"); 3], vec![log("customer"); 3]].concat()
    };
    assert_eq!(
        recorded(&app, "subscription.add_on_added").await,
        both(json!(["", "PartnerAdmin", null, null, "SSO 12.50 EUR"]))
    );
    assert_eq!(
        recorded(&app, "subscription.add_on_removed").await,
        both(json!(["", "PartnerAdmin", null, "SSO 12.50 EUR", null]))
    );
}

#[tokio::test]
async fn an_add_on_that_cannot_be_is_refused_and_nothing_changes() {
    let mut cast = Cast::new();
    let crown = GlobalId::Access(cast.crown.customer, cast.crown.access).to_string();
    let row = cast.world.rows.accesses.iter_mut().find(|row| row.id == cast.crown.access).unwrap();
    (row.status, row.ended_at) = (AccessStatus::Ended, Some(days(-1)));
    let bolt = bolt_of(&cast);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let before = everything(&app).await;
    for (field, access, code, version, refused) in [
        ("addAddOn", "no id", "SSO", None, "NOT_FOUND"),
        ("addAddOn", bolt.as_str(), "GOLD", None, "INVALID"),
        ("addAddOn", bolt.as_str(), "\u{0}", None, "INVALID"),
        ("addAddOn", bolt.as_str(), "SSO", Some(7), "CONFLICT"),
        ("addAddOn", crown.as_str(), "SSO", None, "WRONG_STATE"),
        ("removeAddOn", bolt.as_str(), "SSO", Some(7), "CONFLICT"),
        ("removeAddOn", bolt.as_str(), "\u{0}", None, "NO_CHANGE"),
        ("removeAddOn", crown.as_str(), "SSO", None, "WRONG_STATE"),
        ("assignPrepaidLicense", crown.as_str(), "", None, "WRONG_STATE"),
        ("assignPrepaidLicense", bolt.as_str(), "", None, "WRONG_STATE"),
        ("unassignPrepaidLicense", bolt.as_str(), "", None, "NO_CHANGE"),
    ] {
        let mut input = json!({ "accessId": access });
        if field.ends_with("AddOn") {
            input["code"] = json!(code);
            input["expectedVersion"] = json!(version);
        }
        let reply = sell(&admin, field, input).await;
        assert_eq!(codes(&reply), [refused], "{field} {code} {}", reply.text);
    }
    for quantity in [0, -1, 1_000_001] {
        assert_eq!(codes(&buy(&admin, "PER_ASSET", quantity).await), ["INVALID"]);
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn licences_are_bought_for_the_partners_books_alone() {
    let cast = Cast::new();
    let (bolt, acme) = (bolt_of(&cast), GlobalId::Access(cast.acme.customer, cast.acme.access).to_string());
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let customer = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let seen = format!(
        r#"{{ access(id: "{bolt}") {{ version subscription {{ plan }} }} customer {{ auditLog {{ nodes {{ action }} }} }} }}"#
    );
    let before = customer.data(&seen).await;

    let bought = buy(&admin, "PER_ASSET", 1).await;
    assert_eq!(
        bought.body["data"]["buyPrepaidLicenses"]["partner"]["prepaidLicenses"],
        json!([{ "licenseModel": "PER_ASSET", "bought": 1, "assigned": 0, "available": 1 }]),
        "{}",
        bought.text
    );
    let assigned = sell(&admin, "assignPrepaidLicense", json!({ "accessId": bolt })).await;
    let access = &assigned.body["data"]["assignPrepaidLicense"]["access"];
    assert_eq!(access["subscription"]["unitCost"]["amount"], "50.00", "{}", assigned.text);
    assert_eq!(
        codes(&sell(&admin, "assignPrepaidLicense", json!({ "accessId": bolt })).await),
        ["NO_CHANGE"]
    );
    // There was one, and it is taken.
    assert_eq!(
        codes(&sell(&admin, "assignPrepaidLicense", json!({ "accessId": acme })).await),
        ["WRONG_STATE"]
    );
    let unassigned = sell(&admin, "unassignPrepaidLicense", json!({ "accessId": bolt })).await;
    let access = &unassigned.body["data"]["unassignPrepaidLicense"]["access"];
    assert_eq!(access["subscription"]["unitCost"]["amount"], "60.00");
    assert_eq!(
        codes(&sell(&admin, "assignPrepaidLicense", json!({ "accessId": acme })).await),
        [] as [&str; 0]
    );

    assert_eq!(
        recorded(&app, "prepaid.bought").await,
        [json!(["partner", "PartnerAdmin", null, null, "1 PER_ASSET at 50.00 EUR"])]
    );
    let event = |old: Value, new: Value| json!(["partner", "PartnerAdmin", null, old, new]);
    let assigned = event(Value::Null, json!("PER_ASSET"));
    assert_eq!(recorded(&app, "prepaid.assigned").await, [assigned.clone(), assigned]);
    assert_eq!(recorded(&app, "prepaid.unassigned").await, [event(json!("PER_ASSET"), Value::Null)]);
    // The customer cannot tell that anything happened.
    assert_eq!(customer.data(&seen).await, before);
    let gone = app.sign_in(Persona::Operator).hidden_in_extensions();
    let reply = gone.ask("{ partner { prepaidLicenses { bought } } }").await;
    assert_eq!(reply.body["data"]["partner"]["prepaidLicenses"], Value::Null);
}

/// The last licence goes to one of two who ask at once.
#[tokio::test]
async fn the_last_licence_is_assigned_once() {
    let cast = Cast::new();
    let (bolt, acme) = (bolt_of(&cast), GlobalId::Access(cast.acme.customer, cast.acme.access).to_string());
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    assert_eq!(codes(&buy(&admin, "PER_ASSET", 1).await), [] as [&str; 0]);
    let (one, other) = tokio::join!(
        sell(&admin, "assignPrepaidLicense", json!({ "accessId": bolt })),
        sell(&admin, "assignPrepaidLicense", json!({ "accessId": acme })),
    );
    assert_eq!([codes(&one), codes(&other)].concat(), ["WRONG_STATE"], "{} {}", one.text, other.text);
}

#[tokio::test]
async fn licences_are_bought_by_partner_admins_alone_and_only_at_a_price() {
    let app = App::start(Cast::new().world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::DistributorAdmin | Persona::PartnerAdmin | Persona::RivalAdmin => continue,
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        assert_eq!(codes(&buy(&app.sign_in(persona), "PER_ASSET", 1).await), [expected], "{persona:?}");
    }
    assert_eq!(everything(&app).await, before);

    let mut world = World::default();
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let app = App::start(world).await;
    assert_eq!(codes(&buy(&app.sign_in(admin), "UNLIMITED", 1).await), ["WRONG_STATE"]);
}

/// What the platform has to sell, for those who sell it.
#[tokio::test]
async fn the_catalogue_is_for_partners_and_for_the_platform() {
    let app = App::start(Cast::new().world).await;
    let document = "{ plans { name licenseModel monthlyPrice { amount } annualPrice { amount currency } } addOns { code name } }";
    for persona in Persona::ALL {
        let reply = app.sign_in(persona).ask(document).await;
        match persona {
            Persona::DistributorAdmin
            | Persona::PartnerAdmin
            | Persona::Operator
            | Persona::UnassignedOperator
            | Persona::RivalAdmin
            | Persona::PlatformAdmin => {
                let plan = |model: &str| {
                    json!({ "name": "Standard", "licenseModel": model, "monthlyPrice": { "amount": "100.00" },
                            "annualPrice": { "amount": "1000.00", "currency": "EUR" } })
                };
                let plans = [plan("PER_ASSET"), plan("PER_SCAN"), plan("UNLIMITED")];
                let add_ons = json!([{ "code": "SSO", "name": "Single sign-on" }]);
                assert_eq!(
                    reply.body,
                    json!({ "data": { "plans": plans, "addOns": add_ons } }),
                    "{persona:?}"
                );
            }
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => {
                assert_eq!(reply.codes(), ["UNAUTHENTICATED"; 2], "{persona:?}");
            }
            _ => assert_eq!(reply.body, json!({ "data": { "plans": null, "addOns": null } }), "{persona:?}"),
        }
    }
}

/// One field of the answer is done once, however often it is selected: such a document is refused, and nothing of it is done.
#[tokio::test]
async fn a_mutation_that_is_selected_twice_is_never_done_twice() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let before = everything(&app).await;
    let buy =
        "a: buyPrepaidLicenses(input: { licenseModel: UNLIMITED, quantity: 3 }) { userErrors { code } }";
    for document in [
        format!("mutation {{ {buy} {buy} }}"),
        format!("mutation {{ {buy} ... {{ {buy} }} }}"),
        format!("mutation {{ ...F ...F }} fragment F on Mutation {{ {buy} }}"),
    ] {
        let reply = admin.ask(&document).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{document} {}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
    let twice = format!("mutation {{ {buy} {} }}", buy.replace("a:", "b:"));
    assert_eq!(
        admin.data(&twice).await,
        serde_json::json!({ "a": { "userErrors": [] }, "b": { "userErrors": [] } })
    );
}

/// A response key longer than any index entry.
#[tokio::test]
async fn a_key_holds_under_any_alias() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    let words: Vec<String> = (0..120)
        .map(|nth| format!("a{}", uuid::Uuid::from_u128(nth * 0x9e37_79b9_7f4a_7c15_f39c).simple()))
        .collect();
    let alias = words.concat();
    let document = format!(
        "mutation {{ {alias}: buyPrepaidLicenses(input: {{ licenseModel: UNLIMITED, quantity: 3 }}) {{ userErrors {{ code }} }} }}"
    );
    assert_eq!(admin.ask(&document).await.codes(), [] as [&str; 0]);
    assert_eq!(admin.ask(&document).await.codes(), [] as [&str; 0]);
    assert_eq!(recorded(&app, "prepaid.bought").await.len(), 1);
}
