//! `electOperatingModel` and `convertTrial` (DESIGN.md 6).

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use super::{codes, everything, mutate, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

/// A customer on trial for five more days, with an ADMIN on either side.
struct Trial {
    app: App,
    access: String,
    partner: UserId,
    customer: UserId,
}

async fn trial(portal: PortalAccess) -> Trial {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let partner = world.partner_admin(birch, "Ada");
    let elm = world.customer(birch, "Elm", portal);
    let access = world.access(birch, elm, Terms::customer_managed().trial_until(days(5)));
    world.rows.subscriptions.last_mut().unwrap().renewal_date = None;
    let customer = world.customer_user(elm, CustomerRole::Admin, "Eve");
    let access = GlobalId::Access(elm, access).to_string();
    Trial { app: App::start(world).await, access, partner, customer }
}

fn elect(access: &str, model: &str) -> Value {
    json!({ "accessId": access, "operatingModel": model })
}

#[tokio::test]
async fn the_customer_elects_also_with_its_portal_disabled() {
    let Trial { app, access, customer, .. } = trial(PortalAccess::Disabled).await;
    let reply = mutate(&app.sign_in(customer), "electOperatingModel", elect(&access, "CO_MANAGED")).await;
    assert_eq!(
        reply.body["data"]["electOperatingModel"],
        json!({
            "access": {
                "status": "TRIAL", "operatingModel": "CO_MANAGED", "privilegeCeiling": "SUPPORT", "customerConsent": "SUPPORT",
                "consentUntil": null, "version": 2, "postureVisible": true,
            },
            "userErrors": [],
        })
    );
    assert_eq!(reply.statements, 8);
    let event = |log| json!([log, "Eve", null, "CUSTOMER_MANAGED", "CO_MANAGED"]);
    assert_eq!(recorded(&app, "access.operating_model_elected").await, [event("partner"), event("customer")]);
    let elected = format!(r#"{{ access(id: "{access}") {{ trial {{ electedModel }} }} }}"#);
    assert_eq!(
        app.sign_in(customer).data(&elected).await,
        json!({ "access": { "trial": { "electedModel": "CO_MANAGED" } } })
    );
    let again = mutate(&app.sign_in(customer), "electOperatingModel", elect(&access, "CO_MANAGED")).await;
    assert_eq!(codes(&again), ["NO_CHANGE"]);
}

#[tokio::test]
async fn electing_fully_managed_lowers_a_full_portal() {
    let Trial { app, access, customer, .. } = trial(PortalAccess::Full).await;
    let document = format!(
        r#"mutation {{ electOperatingModel(input: {{ accessId: "{access}", operatingModel: FULLY_MANAGED }}) {{
            access {{ customer {{ portalAccess }} }} userErrors {{ code }} }} }}"#
    );
    let data = app.sign_in(customer).data(&document).await;
    assert_eq!(data["electOperatingModel"]["access"], json!({ "customer": { "portalAccess": "READ_ONLY" } }));
    let event = |log| json!([log, "Eve", null, "FULL", "READ_ONLY"]);
    assert_eq!(recorded(&app, "customer.portal_access_changed").await, [event("partner"), event("customer")]);
}

#[tokio::test]
async fn nothing_is_elected_once_the_trial_is_over() {
    let Trial { app, access, customer, .. } = trial(PortalAccess::Full).await;
    app.clock.advance(chrono::TimeDelta::days(5));
    let before = everything(&app).await;
    let reply = mutate(&app.sign_in(customer), "electOperatingModel", elect(&access, "CO_MANAGED")).await;
    assert_eq!(codes(&reply), ["WRONG_STATE"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_conversion_leaves_the_model_as_it_stands() {
    for (elected, visible) in [(None, false), (Some("CO_MANAGED"), true)] {
        for late in [0, 5, 34] {
            let Trial { app, access, partner, customer } = trial(PortalAccess::Full).await;
            if let Some(model) = elected {
                let reply =
                    mutate(&app.sign_in(customer), "electOperatingModel", elect(&access, model)).await;
                assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
            }
            app.clock.advance(chrono::TimeDelta::days(late));
            let reply = mutate(&app.sign_in(partner), "convertTrial", json!({ "accessId": access })).await;
            let converted = &reply.body["data"]["convertTrial"]["access"];
            assert_eq!(
                json!([converted["status"], converted["operatingModel"], converted["postureVisible"]]),
                json!(["ACTIVE", elected.unwrap_or("CUSTOMER_MANAGED"), visible]),
                "{late} {}",
                reply.text
            );
            assert_eq!(reply.statements, 9);
            let event = |log| json!([log, "Ada", null, "TRIAL", "ACTIVE"]);
            assert_eq!(recorded(&app, "access.trial_converted").await, [event("partner"), event("customer")]);
        }
    }
}

#[tokio::test]
async fn a_conversion_is_paid_from_its_day_on() {
    let Trial { app, access, partner, .. } = trial(PortalAccess::Full).await;
    let document = format!(
        r#"mutation {{ convertTrial(input: {{ accessId: "{access}" }}) {{ userErrors {{ code }} access {{
            trial {{ convertedAt expired }} subscription {{ status startedAt renewalDate }} }} }} }}"#
    );
    let data = app.sign_in(partner).data(&document).await;
    assert_eq!(
        data["convertTrial"]["access"],
        json!({
            "trial": { "convertedAt": days(0).to_rfc3339(), "expired": false },
            "subscription": { "status": "ACTIVE", "startedAt": days(0).to_rfc3339(), "renewalDate": "2026-07-15" },
        })
    );
}

#[tokio::test]
async fn what_is_no_trial_any_more_is_not_converted() {
    let Trial { app, access, partner, .. } = trial(PortalAccess::Full).await;
    app.clock.advance(chrono::TimeDelta::days(35));
    let before = everything(&app).await;
    let reply = mutate(&app.sign_in(partner), "convertTrial", json!({ "accessId": access })).await;
    assert_eq!(codes(&reply), ["WRONG_STATE"]);
    assert_eq!(everything(&app).await, before);

    let mut world = World::default();
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let accesses = [AccessStatus::Active, AccessStatus::Suspended, AccessStatus::Ended].map(|status| {
        let customer = world.customer(birch, status.as_str(), PortalAccess::Full);
        let access = world.access(birch, customer, Terms::co_managed().status(status));
        GlobalId::Access(customer, access).to_string()
    });
    let app = App::start(world).await;
    let before = everything(&app).await;
    for access in accesses {
        let reply = mutate(&app.sign_in(admin), "convertTrial", json!({ "accessId": access })).await;
        assert_eq!(codes(&reply), ["WRONG_STATE"]);
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let mut cast = Cast::new();
    // Bolt is on trial with Birch.
    let row = cast.world.rows.accesses.iter_mut().find(|row| row.id == cast.bolt.access).unwrap();
    row.status = AccessStatus::Trial;
    row.trial_started_at = Some(days(-5));
    row.trial_ends_at = Some(days(5));
    row.trial_convert_by = Some(days(35));
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let client = app.sign_in(persona);
        let expected = match persona {
            Persona::ReadOnlyPortalAdmin => None,
            Persona::FullPortalAdmin | Persona::DisabledPortalAdmin => Some("NOT_FOUND"),
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => Some("UNAUTHENTICATED"),
            _ => Some("FORBIDDEN"),
        };
        if let Some(expected) = expected {
            let reply = mutate(&client, "electOperatingModel", elect(&bolt, "CUSTOMER_MANAGED")).await;
            assert_eq!(codes(&reply), [expected], "{persona:?}");
        }
        let expected = match persona {
            Persona::PartnerAdmin => None,
            Persona::DistributorAdmin | Persona::RivalAdmin => Some("NOT_FOUND"),
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => Some("UNAUTHENTICATED"),
            _ => Some("FORBIDDEN"),
        };
        if let Some(expected) = expected {
            let reply = mutate(&client, "convertTrial", json!({ "accessId": bolt })).await;
            assert_eq!(codes(&reply), [expected], "{persona:?}");
        }
    }
    assert_eq!(everything(&app).await, before);
}
