//! `changeOperatingModel` (DESIGN.md 6).

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::json;

use super::{codes, everything, mutate, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

const REASON: &str = "They asked for help";

#[tokio::test]
async fn a_partner_admin_opens_posture_and_both_logs_say_so() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let input = json!({ "accessId": acme, "operatingModel": "CO_MANAGED", "reason": format!("  {REASON} "), "expectedVersion": 1 });

    let reply = mutate(&admin, "changeOperatingModel", input).await;

    assert_eq!(
        reply.body,
        json!({ "data": { "changeOperatingModel": {
            "access": {
                "status": "ACTIVE", "operatingModel": "CO_MANAGED", "privilegeCeiling": "SUPPORT", "customerConsent": "SUPPORT",
                "consentUntil": null, "version": 2, "postureVisible": true,
            },
            "userErrors": [],
        } } })
    );
    assert_eq!(reply.statements, 8, "PERFORMANCE: eight statements at most");
    let event = |log| json!([log, "PartnerAdmin", REASON, "CUSTOMER_MANAGED", "CO_MANAGED"]);
    assert_eq!(recorded(&app, "access.operating_model_changed").await, [event("partner"), event("customer")]);
}

/// In one document, each selection tells the truth of its moment.
#[tokio::test]
async fn two_changes_in_one_document_are_answered_each_by_itself() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let change = |alias: &str, model: &str| {
        format!(
            r#"{alias}: changeOperatingModel(input: {{ accessId: "{acme}", operatingModel: {model}, reason: "{REASON}" }}) {{
                access {{ version customer {{ findings {{ totalCount }} visibility {{ class visible }} }} }} userErrors {{ code }} }}"#
        )
    };
    let document = format!(
        "mutation {{ {} {} {} }}",
        change("open", "CO_MANAGED"),
        change("close", "CUSTOMER_MANAGED"),
        change("again", "CO_MANAGED")
    );

    let reply = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions().ask(&document).await;

    let seen = |field: &str| {
        let access = &reply.body["data"][field]["access"];
        json!([access["version"], access["customer"]["findings"]["totalCount"]])
    };
    assert_eq!(
        [seen("open"), seen("close"), seen("again")],
        [json!([2, 1]), json!([3, null]), json!([4, 1])]
    );
    assert_eq!(
        reply.body["extensions"]["hidden"],
        json!([{
            "coordinate": "Customer.findings", "class": "POSTURE", "reason": "OPERATING_MODEL", "count": 1,
            "paths": [["close", "access", "customer", "findings"]],
        }])
    );
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let id = |sold: crate::support::cast::Sold| GlobalId::Access(sold.customer, sold.access).to_string();
    let (acme, bolt, dune) = (id(cast.acme), id(cast.bolt), id(cast.dune));
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for (access, model) in
            [(&acme, "CO_MANAGED"), (&bolt, "CUSTOMER_MANAGED"), (&dune, "CUSTOMER_MANAGED")]
        {
            let expected = match persona {
                Persona::DistributorAdmin => "NOT_FOUND",
                Persona::PartnerAdmin if access == &dune => "NOT_FOUND",
                Persona::RivalAdmin if access != &dune => "NOT_FOUND",
                Persona::PartnerAdmin | Persona::RivalAdmin => continue,
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                _ => "FORBIDDEN",
            };
            let input = json!({ "accessId": access, "operatingModel": model, "reason": REASON });
            let reply = mutate(&app.sign_in(persona), "changeOperatingModel", input).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
        }
    }
    let anonymous = mutate(
        &app.anonymous(),
        "changeOperatingModel",
        json!({ "accessId": acme, "operatingModel": "CO_MANAGED", "reason": REASON }),
    )
    .await;
    assert_eq!(codes(&anonymous), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_anothers_are_refused_alike() {
    let cast = Cast::new();
    let rivals = GlobalId::Access(cast.dune.customer, cast.dune.access).to_string();
    let nowhere = GlobalId::Access(cast.dune.customer, cast.acme.access).to_string();
    let no_access = GlobalId::Customer(cast.acme.customer).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mut texts = Vec::new();
    for id in [rivals, nowhere, no_access, "no id".to_owned()] {
        let input = json!({ "accessId": id, "operatingModel": "CO_MANAGED", "reason": "" });
        let reply = mutate(&admin, "changeOperatingModel", input).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"]);
        texts.push(reply.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[tokio::test]
async fn bad_input_is_refused_with_its_code_and_nothing_changes() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let mut sell = |name: &str, terms| {
        let customer = world.customer(partner, name, PortalAccess::Full);
        let access = world.access(partner, customer, terms);
        GlobalId::Access(customer, access).to_string()
    };
    let active = sell("Active", Terms::co_managed());
    let trial = sell("Trial", Terms::customer_managed().trial_until(days(3)));
    let suspended = sell("Suspended", Terms::co_managed().status(AccessStatus::Suspended));
    let ended = sell("Ended", Terms::co_managed().status(AccessStatus::Ended));
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let before = everything(&app).await;
    let long = "x".repeat(501);
    for (access, model, reason, version, code) in [
        (&active, "FULLY_MANAGED", "  ab ", None, "INVALID"),
        (&active, "FULLY_MANAGED", long.as_str(), None, "INVALID"),
        (&active, "FULLY_MANAGED", "a reason\0", None, "INVALID"),
        (&active, "FULLY_MANAGED", REASON, Some(2), "CONFLICT"),
        (&active, "CO_MANAGED", REASON, Some(1), "NO_CHANGE"),
        (&trial, "CO_MANAGED", REASON, None, "WRONG_STATE"),
        (&suspended, "CUSTOMER_MANAGED", REASON, None, "WRONG_STATE"),
        (&ended, "CUSTOMER_MANAGED", REASON, None, "WRONG_STATE"),
    ] {
        let input = json!({ "accessId": access, "operatingModel": model, "reason": reason, "expectedVersion": version });
        let reply = mutate(&admin, "changeOperatingModel", input).await;
        assert_eq!(codes(&reply), [code], "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn fully_managed_lowers_a_full_portal() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let document = format!(
        r#"mutation {{ changeOperatingModel(input: {{ accessId: "{acme}", operatingModel: FULLY_MANAGED, reason: "{REASON}" }}) {{
            access {{ operatingModel customer {{ portalAccess }} }} userErrors {{ code }} }} }}"#
    );
    let data = app.sign_in(Persona::PartnerAdmin).data(&document).await;
    assert_eq!(
        data["changeOperatingModel"]["access"],
        json!({ "operatingModel": "FULLY_MANAGED", "customer": { "portalAccess": "READ_ONLY" } })
    );
    let event = |log| json!([log, "PartnerAdmin", REASON, "FULL", "READ_ONLY"]);
    assert_eq!(recorded(&app, "customer.portal_access_changed").await, [event("partner"), event("customer")]);
}

/// A client that got no answer asks again with the same key and is answered as the first time.
#[tokio::test]
async fn a_key_makes_a_change_happen_once() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "4711");
    let input = |model: &str| json!({ "accessId": acme, "operatingModel": model, "reason": REASON });

    let first = mutate(&admin, "changeOperatingModel", input("CO_MANAGED")).await;
    assert_eq!(codes(&first), [] as [&str; 0]);
    let second = mutate(&admin, "changeOperatingModel", input("CO_MANAGED")).await;
    assert_eq!(first.text, second.text);
    assert_eq!(recorded(&app, "access.operating_model_changed").await.len(), 2);
    let other = mutate(&admin, "changeOperatingModel", input("FULLY_MANAGED")).await;
    assert_eq!(codes(&other), ["IDEMPOTENCY_KEY_REUSED"]);
    // Another user's key is another key.
    let rival = app.sign_in(Persona::RivalAdmin).header("idempotency-key", "4711");
    assert_eq!(codes(&mutate(&rival, "changeOperatingModel", input("CO_MANAGED")).await), ["NOT_FOUND"]);
}

#[tokio::test]
async fn a_refusal_is_an_answer_that_a_key_keeps() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let (admin, other) = (app.sign_in(Persona::PartnerAdmin), "CO_MANAGED");
    let with_key = admin.header("idempotency-key", "k");
    let input = |version: i32| json!({ "accessId": acme, "operatingModel": other, "reason": REASON, "expectedVersion": version });
    let first = mutate(&with_key, "changeOperatingModel", input(2)).await;
    assert_eq!(codes(&first), ["CONFLICT"]);
    // By now it would succeed.
    assert_eq!(codes(&mutate(&admin, "changeOperatingModel", input(1)).await), [] as [&str; 0]);
    assert_eq!(mutate(&with_key, "changeOperatingModel", input(2)).await.text, first.text);
    // A day later the key is forgotten.
    app.clock.advance(chrono::TimeDelta::hours(25));
    assert_eq!(codes(&mutate(&with_key, "changeOperatingModel", input(2)).await), ["NO_CHANGE"]);
}
