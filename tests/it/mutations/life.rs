//! `suspendAccess`, `resumeAccess` and `endAccess`.

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};

use super::{codes, everything, mutate, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

const REASON: &str = "The invoice is not paid";

async fn change(client: &Client, field: &str, access: &str, reason: &str, version: Option<i32>) -> Reply {
    let document = format!(
        "mutation ($input: AccessStatusInput!) {{ {field}(input: $input) {{ \
         access {{ status version postureVisible subscription {{ status renewalDate }} }} userErrors {{ code field }} }} }}"
    );
    let input = json!({ "accessId": access, "reason": reason, "expectedVersion": version });
    client.query(&document, json!({ "input": input })).await
}

fn answer(reply: &Reply, field: &str) -> Value {
    let access = &reply.body["data"][field]["access"];
    json!([access["status"], access["version"], access["postureVisible"], access["subscription"]])
}

#[tokio::test]
async fn an_access_is_held_goes_on_and_ends() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (field, version, status, visible, subscription, renewal, statements) in [
        ("suspendAccess", 1, "SUSPENDED", false, "SUSPENDED", json!("2026-12-01"), 9),
        ("resumeAccess", 2, "ACTIVE", true, "ACTIVE", json!("2026-12-01"), 9),
        ("endAccess", 3, "ENDED", false, "CANCELED", Value::Null, 9),
    ] {
        let reply = change(&admin, field, &bolt, REASON, Some(version)).await;
        let expected =
            json!([status, version + 1, visible, { "status": subscription, "renewalDate": renewal }]);
        assert_eq!(answer(&reply, field), expected, "{field} {}", reply.text);
        assert_eq!(reply.statements, statements, "{field}");
    }
    for (action, old, new) in [
        ("access.suspended", "ACTIVE", "SUSPENDED"),
        ("access.resumed", "SUSPENDED", "ACTIVE"),
        ("access.ended", "ACTIVE", "ENDED"),
    ] {
        let event = |log| json!([log, "PartnerAdmin", REASON, old, new]);
        assert_eq!(recorded(&app, action).await, [event("partner"), event("customer")]);
    }
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_and_nothing_changes() {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let mut sell = |name: &str, terms| {
        let customer = world.customer(birch, name, PortalAccess::Full);
        GlobalId::Access(customer, world.access(birch, customer, terms)).to_string()
    };
    let active = sell("Active", Terms::co_managed());
    let trial = sell("Trial", Terms::customer_managed().trial_until(days(3)));
    let suspended = sell("Suspended", Terms::co_managed().status(AccessStatus::Suspended));
    let ended = sell("Ended", Terms::co_managed().status(AccessStatus::Ended));
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let before = everything(&app).await;
    let everyone = ["suspendAccess", "resumeAccess", "endAccess"];
    for field in everyone {
        for (access, reason, version, code) in [
            ("no id", "", None, "NOT_FOUND"),
            (&active, " ab ", Some(2), "INVALID"),
            (&active, REASON, Some(2), "CONFLICT"),
            (&ended, REASON, Some(1), "WRONG_STATE"),
        ] {
            let reply = change(&admin, field, access, reason, version).await;
            assert_eq!(codes(&reply), [code], "{field} {}", reply.text);
        }
    }
    for (field, access) in [
        ("suspendAccess", &trial),
        ("suspendAccess", &suspended),
        ("resumeAccess", &active),
        ("resumeAccess", &trial),
    ] {
        assert_eq!(codes(&change(&admin, field, access, REASON, None).await), ["WRONG_STATE"], "{field}");
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::PartnerAdmin => continue,
            Persona::DistributorAdmin | Persona::RivalAdmin => "NOT_FOUND",
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        for field in ["suspendAccess", "resumeAccess", "endAccess"] {
            let reply = change(&app.sign_in(persona), field, &bolt, REASON, None).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {field}");
        }
        for (field, input) in [
            ("assignPrepaidLicense", json!({ "accessId": bolt })),
            ("unassignPrepaidLicense", json!({ "accessId": bolt })),
            ("acknowledgeUsageAlert", json!({ "accessId": bolt })),
            ("addAddOn", json!({ "accessId": bolt, "code": "SSO" })),
            ("removeAddOn", json!({ "accessId": bolt, "code": "SSO" })),
        ] {
            let reply = super::commerce::sell(&app.sign_in(persona), field, input).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {field}");
        }
    }
    let anonymous = mutate(&app.anonymous(), "convertTrial", json!({ "accessId": bolt })).await;
    assert_eq!(codes(&anonymous), ["UNAUTHENTICATED"]);
    assert_eq!(everything(&app).await, before);
}
