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
    let partner = app.sign_in(Persona::PartnerAdmin);
    let coming = json!({ "customerConsent": "SUPPORT", "consentUntil": "2026-06-17T12:00:00+00:00", "postureVisible": true, "version": 2 });
    assert_eq!(partner.data(&document).await["access"], coming);
    app.clock.advance(chrono::TimeDelta::days(2));
    let over =
        json!({ "customerConsent": "NONE", "consentUntil": null, "postureVisible": false, "version": 2 });
    assert_eq!(partner.data(&document).await["access"], over);
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
