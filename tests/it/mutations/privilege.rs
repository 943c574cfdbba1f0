//! `setPrivilegeCeiling` (DESIGN.md 6).

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::json;

use super::{codes, everything, mutate, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::{Terms, World};

const REASON: &str = "The contract was renewed";

#[tokio::test]
async fn a_partner_admin_sets_it_and_both_logs_say_so() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let input = json!({ "accessId": acme, "ceiling": "MANAGE", "reason": format!(" {REASON} ") });

    let reply = mutate(&app.sign_in(Persona::PartnerAdmin), "setPrivilegeCeiling", input).await;

    assert_eq!(
        reply.body,
        json!({ "data": { "setPrivilegeCeiling": {
            "access": {
                "status": "ACTIVE", "operatingModel": "CUSTOMER_MANAGED", "privilegeCeiling": "MANAGE",
                "customerConsent": "SUPPORT", "consentUntil": null, "version": 2, "postureVisible": false,
            },
            "userErrors": [],
        } } })
    );
    let event = |log| json!([log, "PartnerAdmin", REASON, "SUPPORT", "MANAGE"]);
    assert_eq!(
        recorded(&app, "access.privilege_ceiling_changed").await,
        [event("partner"), event("customer")]
    );
}

#[tokio::test]
async fn a_ceiling_of_none_hides_posture_from_the_next_request_on() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let customer = GlobalId::Customer(cast.bolt.customer);
    let app = App::start(cast.world).await;
    let findings = format!(r#"{{ customer(id: "{customer}") {{ findings {{ totalCount }} }} }}"#);
    let operator = app.sign_in(Persona::Operator).hidden_in_extensions();
    assert_eq!(operator.ask(&findings).await.body["data"]["customer"]["findings"]["totalCount"], 1);
    let input = json!({ "accessId": bolt, "ceiling": "NONE", "reason": REASON });
    let reply = mutate(&app.sign_in(Persona::PartnerAdmin), "setPrivilegeCeiling", input).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(operator.ask(&findings).await.body["extensions"]["hidden"][0]["reason"], "PRIVILEGE");
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let id = |sold: Sold| GlobalId::Access(sold.customer, sold.access).to_string();
    let (bolt, dune) = (id(cast.bolt), id(cast.dune));
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for access in [&bolt, &dune] {
            let expected = match persona {
                Persona::PartnerAdmin if access == &bolt => continue,
                Persona::RivalAdmin if access == &dune => continue,
                Persona::DistributorAdmin | Persona::PartnerAdmin | Persona::RivalAdmin => "NOT_FOUND",
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                _ => "FORBIDDEN",
            };
            let input = json!({ "accessId": access, "ceiling": "MANAGE", "reason": REASON });
            let reply = mutate(&app.sign_in(persona), "setPrivilegeCeiling", input).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
        }
    }
    let input = json!({ "accessId": bolt, "ceiling": "MANAGE", "reason": REASON });
    assert_eq!(codes(&mutate(&app.anonymous(), "setPrivilegeCeiling", input).await), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
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
    let ended = sell("Ended", Terms::co_managed().status(AccessStatus::Ended));
    let app = App::start(world).await;
    app.as_owner("update partners set privilege_bound = 1").await;
    let admin = app.sign_in(admin);
    let before = everything(&app).await;
    for (access, ceiling, reason, code) in [
        (&active, "MANAGE", "", "NOT_PERMITTED"),
        (&active, "NONE", "  ab ", "INVALID"),
        (&active, "SUPPORT", REASON, "NO_CHANGE"),
        (&ended, "NONE", REASON, "WRONG_STATE"),
    ] {
        let input = json!({ "accessId": access, "ceiling": ceiling, "reason": reason });
        let reply = mutate(&admin, "setPrivilegeCeiling", input).await;
        assert_eq!(codes(&reply), [code], "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}
