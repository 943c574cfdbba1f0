//! `setPartnerConsent`: the customer's own decision, at all times (DESIGN.md 4 and 6).

use posture_gateway::domain::global_id::GlobalId;
use serde_json::json;

use super::{codes, everything, mutate, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::days;

#[tokio::test]
async fn a_customer_admin_withdraws_consent_also_with_the_portal_disabled() {
    let cast = Cast::new();
    let crown = GlobalId::Access(cast.crown.customer, cast.crown.access).to_string();
    let customer = GlobalId::Customer(cast.crown.customer);
    let app = App::start(cast.world).await;
    let findings = format!(r#"{{ customer(id: "{customer}") {{ findings {{ totalCount }} }} }}"#);
    let partner = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions();
    assert_eq!(partner.ask(&findings).await.body["data"]["customer"]["findings"]["totalCount"], 1);

    let input = json!({ "accessId": crown, "consent": "NONE" });
    let reply = mutate(&app.sign_in(Persona::DisabledPortalAdmin), "setPartnerConsent", input).await;

    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    let access = &reply.body["data"]["setPartnerConsent"]["access"];
    assert_eq!(
        json!([access["customerConsent"], access["postureVisible"], access["version"]]),
        json!(["NONE", false, 2])
    );
    assert_eq!(partner.ask(&findings).await.body["extensions"]["hidden"][0]["reason"], "CONSENT");
    let event = |log| json!([log, "DisabledPortalAdmin", null, "MANAGE", "NONE"]);
    assert_eq!(recorded(&app, "access.consent_changed").await, [event("partner"), event("customer")]);
}

#[tokio::test]
async fn a_consent_for_a_time_is_seen_coming_and_ends_by_the_clock() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let input = json!({ "accessId": bolt, "consent": "SUPPORT", "until": days(2).to_rfc3339() });
    let reply = mutate(&app.sign_in(Persona::ReadOnlyPortalAdmin), "setPartnerConsent", input).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);

    let document =
        format!(r#"{{ access(id: "{bolt}") {{ customerConsent consentUntil postureVisible version }} }}"#);
    let both = [Persona::PartnerAdmin, Persona::ReadOnlyPortalAdmin].map(|persona| app.sign_in(persona));
    let coming = json!({ "customerConsent": "SUPPORT", "consentUntil": "2026-06-17T12:00:00+00:00", "postureVisible": true, "version": 2 });
    for side in &both {
        assert_eq!(side.data(&document).await["access"], coming);
    }
    let over =
        json!({ "customerConsent": "NONE", "consentUntil": null, "postureVisible": false, "version": 2 });
    for side in &both {
        app.clock.advance(chrono::TimeDelta::days(2));
        assert_eq!(side.data(&document).await["access"], over);
    }
}

/// What the log says until when is what holds, to the microsecond, and is granted once.
#[tokio::test]
async fn a_consent_ends_when_the_log_says() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::ReadOnlyPortalAdmin);
    for (written, kept, shown) in [
        (
            "2026-06-20T10:00:00.123456789+02:00",
            "2026-06-20T08:00:00.123456Z",
            "2026-06-20T08:00:00.123456+00:00",
        ),
        ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00+00:00"),
    ] {
        let input = json!({ "accessId": bolt, "consent": "SUPPORT", "until": written });
        let reply = mutate(&client, "setPartnerConsent", input.clone()).await;
        assert_eq!(
            reply.body["data"]["setPartnerConsent"]["access"]["consentUntil"], shown,
            "{}",
            reply.text
        );
        let last = recorded(&app, "access.consent_changed").await.pop().unwrap();
        assert_eq!(last[4], format!("SUPPORT until {kept}"));
        assert_eq!(codes(&mutate(&client, "setPartnerConsent", input).await), ["NO_CHANGE"]);
    }
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::ReadOnlyPortalAdmin => continue,
            Persona::FullPortalAdmin | Persona::DisabledPortalAdmin => "NOT_FOUND",
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        let input = json!({ "accessId": bolt, "consent": "NONE" });
        let reply = mutate(&app.sign_in(persona), "setPartnerConsent", input).await;
        assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
    }
    let admin = app.sign_in(Persona::ReadOnlyPortalAdmin);
    for (input, code) in [
        (json!({ "accessId": bolt, "consent": "NONE", "until": days(1).to_rfc3339() }), "INVALID"),
        (json!({ "accessId": bolt, "consent": "MANAGE", "until": days(0).to_rfc3339() }), "INVALID"),
        (json!({ "accessId": bolt, "consent": "SUPPORT" }), "NO_CHANGE"),
    ] {
        let reply = mutate(&admin, "setPartnerConsent", input).await;
        assert_eq!(codes(&reply), [code], "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}

/// A customer with two partners: what is between it and one of them stands in its log, and the other is not told, by no door.
#[tokio::test]
async fn a_rival_reads_nothing_of_it_in_the_customers_log() {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let rival = GlobalId::Access(cast.bolt.customer, cast.rival_access).to_string();
    for past_policies in [false, true] {
        let world = Cast::new().world;
        let app = if past_policies { App::start_past_policies(world).await } else { App::start(world).await };
        let log = format!(r#"{{ customer(id: "{bolt}") {{ auditLog {{ nodes {{ id actor action }} }} }} }}"#);
        let readers = [app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::Operator)];
        let own = app.sign_in(Persona::ReadOnlyPortalAdmin);
        let before = [readers[0].data(&log).await, readers[1].data(&log).await, own.data(&log).await];

        let input = json!({ "accessId": rival, "operatingModel": "CO_MANAGED", "reason": "between us" });
        let reply = mutate(&app.sign_in(Persona::RivalAdmin), "changeOperatingModel", input).await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
        let reply =
            mutate(&own, "setPartnerConsent", json!({ "accessId": rival, "consent": "MANAGE" })).await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);

        for (reader, before) in readers.iter().zip(&before) {
            assert_eq!(&reader.data(&log).await, before);
        }
        let told = own.data(&log).await;
        let told = told["customer"]["auditLog"]["nodes"].as_array().unwrap();
        assert_eq!(told.len(), before[2]["customer"]["auditLog"]["nodes"].as_array().unwrap().len() + 2);
        for event in &told[..2] {
            let node = format!("{{ node(id: {}) {{ id }} }}", event["id"]);
            assert!(own.data(&node).await["node"].is_object());
            assert!(app.sign_in(Persona::RivalAdmin).data(&node).await["node"].is_object());
            for reader in &readers {
                assert!(reader.data(&node).await["node"].is_null());
            }
        }
    }
}

/// What a customer has withdrawn, a partner does not get back by ending the access and beginning another.
#[tokio::test]
async fn consent_outlives_the_access() {
    for (consent, until, then, until_then, later) in [
        ("NONE", None, "NONE", None, "NONE"),
        ("SUPPORT", Some(days(5)), "SUPPORT", Some(days(5)), "NONE"),
        ("MANAGE", Some(days(5)), "SUPPORT", None, "SUPPORT"),
    ] {
        let cast = Cast::new();
        let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
        let quote = GlobalId::Quote(cast.bolt.customer, cast.birch_quote).to_string();
        let app = App::start(cast.world).await;
        let partner = app.sign_in(Persona::PartnerAdmin);
        let input = json!({ "accessId": bolt, "consent": consent, "until": until });
        let reply = mutate(&app.sign_in(Persona::ReadOnlyPortalAdmin), "setPartnerConsent", input).await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
        let document = "mutation ($access: ID!, $quote: ID!) { \
             endAccess(input: { accessId: $access, reason: \"again\" }) { userErrors { code } } \
             acceptQuote(input: { quoteId: $quote }) { access { id customerConsent consentUntil } userErrors { code } } }";
        let reply = partner.query(document, json!({ "access": bolt, "quote": quote })).await;
        let access = &reply.body["data"]["acceptQuote"]["access"];
        assert_eq!(access["customerConsent"], then, "{consent} {}", reply.text);
        assert_eq!(access["consentUntil"], json!(until_then.map(|at| at.to_rfc3339())));
        app.clock.advance(chrono::TimeDelta::days(6));
        let again = format!("{{ access(id: {}) {{ customerConsent }} }}", access["id"]);
        assert_eq!(partner.data(&again).await["access"]["customerConsent"], later, "{consent}");
    }
}
