//! A document of mutations is done as far as it can be read, or not at all: an input that no scalar can hold is found before the
//! mutations ahead of it are done, wherever it stands.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::graphql::schema;
use serde_json::json;

use super::{codes, everything, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::live::within;

#[tokio::test]
async fn nothing_is_done_of_a_document_with_an_input_that_cannot_be_read() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    let grants = format!(r#"setPartnerConsent(input: {{ accessId: "{bolt}", consent: MANAGE"#);
    let first = format!("a: {grants} }}) {{ userErrors {{ code }} }}");
    let client = app.sign_in(Persona::ReadOnlyPortalAdmin);
    for (place, head, rest, variables) in [
        (
            "input.until",
            "mutation",
            format!(r#"b: {grants}, until: "tomorrow" }}) {{ userErrors {{ code }} }}"#),
            json!({}),
        ),
        (
            "input.until",
            "mutation",
            format!("b: {grants}, until: 5 }}) {{ userErrors {{ code }} }}"),
            json!({}),
        ),
        (
            "input.expectedVersion",
            "mutation",
            format!("b: {grants}, expectedVersion: 99999999999 }}) {{ userErrors {{ code }} }}"),
            json!({}),
        ),
        (
            "$u",
            "mutation ($u: DateTime)",
            format!("b: {grants}, until: $u }}) {{ userErrors {{ code }} }}"),
            json!({ "u": "2026-13-01T00:00:00Z" }),
        ),
        (
            "$u",
            r#"mutation ($u: DateTime = "never")"#,
            format!("b: {grants}, until: $u }}) {{ userErrors {{ code }} }}"),
            json!({}),
        ),
        (
            "$i.until",
            "mutation ($i: SetPartnerConsentInput!)",
            "... { b: setPartnerConsent(input: $i) { userErrors { code } } }".to_owned(),
            json!({ "i": { "accessId": bolt.to_string(), "consent": "MANAGE", "until": "soon" } }),
        ),
    ] {
        let reply = client.query(&format!("{head} {{ {first} {rest} }}"), variables).await;
        assert_eq!(codes(&reply), ["BAD_USER_INPUT"], "{}", reply.text);
        let message = reply.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("`{place}`: ")), "{message}");
        client.goes_on_after(&reply, &rest).await;
    }
    assert_eq!(everything(&app).await, before);
    // Prices are decimals.
    let bad = r#"mutation { setPricing(input: { licenseModel: PER_SCAN, unitCost: "1,50", prepaidUnitCost: "1", currency: "EUR" }) {
        userErrors { code } } }"#;
    let reply = app.sign_in(Persona::PlatformAdmin).ask(bad).await;
    assert_eq!(codes(&reply), ["BAD_USER_INPUT"]);
    assert!(reply.text.contains("`input.unitCost`: "), "{}", reply.text);

    // What is well written is done, by variables and by default.
    let document = format!(
        r#"mutation ($u: DateTime = "2026-08-01T00:00:00Z") {{ {first} b: {grants}, until: $u }}) {{ userErrors {{ code }} }} }}"#
    );
    let reply = client.ask(&document).await;
    assert_eq!(
        reply.body["data"],
        json!({ "a": { "userErrors": [] }, "b": { "userErrors": [] } }),
        "{}",
        reply.text
    );
    assert_eq!(recorded(&app, "access.consent_changed").await.len(), 4);
}

/// Whether a mutation is done is nothing to be guessed.
#[tokio::test]
async fn a_mutation_that_is_left_out_by_a_variable_is_not_done() {
    let app = App::start(Cast::new().world).await;
    let client = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let before = everything(&app).await;
    let skipped = "mutation ($dry: Boolean = true) { recordVisit @skip(if: $dry) { userErrors { code } } }";
    let included =
        "mutation ($do: Boolean = false) { recordVisit @include(if: $do) { userErrors { code } } }";
    for (text, variables) in [
        (skipped, json!({})),
        (skipped, json!({ "dry": true })),
        (included, json!({})),
        (included, json!({ "do": false })),
    ] {
        assert_eq!(client.query(text, variables.clone()).await.text, r#"{"data":{}}"#, "{text} {variables}");
    }
    let in_a_list = skipped.replace("$dry)", "[$dry])");
    for (text, variables) in [
        (skipped, json!({ "dry": null })),
        (included, json!({ "do": null })),
        (in_a_list.as_str(), json!({ "dry": true })),
    ] {
        let reply = client.query(text, variables).await;
        assert_eq!(codes(&reply), ["BAD_USER_INPUT"], "{}", reply.text);
        assert_eq!(reply.body.get("data"), None, "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
    let done = r#"{"data":{"recordVisit":{"userErrors":[]}}}"#;
    assert_eq!(client.query(skipped, json!({ "dry": false })).await.text, done);
    assert_eq!(client.query(included, json!({ "do": true })).await.text, done);
}

/// A field that cannot be read in a stream that is opened is refused with it.
#[tokio::test]
async fn what_a_subscription_is_given_is_held_against_its_types() {
    let app = App::start(Cast::new().world).await;
    let client = app.sign_in(Persona::PartnerAdmin).header("accept", "text/event-stream");
    for (text, message) in [
        (
            r#"subscription ($c: ID = "x") { findingChanged(customerId: $c) { id } }"#,
            "`customerId`: a value of type `ID!` is required",
        ),
        (
            "subscription ($c: String) { accessChanged { customer { findings(filter: { text: $c, nothing: 1 }) { totalCount } } } }",
            "`filter.nothing`: `FindingFilter` has no such field",
        ),
    ] {
        // A stream that opens does not end.
        let reply = within("a refusal", client.query(text, json!({ "c": null }))).await;
        assert!(reply.text.contains(message), "{}", reply.text);
    }
}

/// The scalars whose values are looked at before: one more is one more to look at.
#[test]
fn every_scalar_is_known() {
    let sdl = schema().sdl();
    let scalars: Vec<_> = sdl.lines().filter_map(|line| line.strip_prefix("scalar ")).collect();
    let names: Vec<_> = scalars.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["Date", "DateTime", "Decimal"]);
    // An input object of which one field alone is given would be one more rule.
    assert!(!sdl.contains("@oneOf"));
}
