//! `createEvidence` (DESIGN.md 4, *operate*).

use posture_gateway::domain::access::{OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, FindingId, ScanId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::{Terms, World};

async fn send(client: &Client, input: Value) -> Reply {
    let document = "mutation ($input: CreateEvidenceInput!) { createEvidence(input: $input) { evidence { framework control title \
                    createdAt createdBy findings { title } scans { profile } file { name } } userErrors { code message field } } }";
    client.query(document, json!({ "input": input })).await
}

fn input(customer: CustomerId) -> Value {
    json!({ "customerId": GlobalId::Customer(customer).to_string(), "framework": "SOC 2", "control": "CC7.2", "title": "Alerts" })
}

fn citing(sold: Sold, cited: Sold) -> Value {
    let mut input = input(sold.customer);
    input["findingIds"] = json!([GlobalId::Finding(cited.customer, cited.posture.finding).to_string()]);
    input["scanIds"] = json!([GlobalId::Scan(cited.customer, cited.posture.scan).to_string()]);
    input
}

#[tokio::test]
async fn whoever_operates_records_evidence_and_both_logs_say_so_without_titles() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let app = App::start(cast.world).await;
    let reply = send(&app.sign_in(Persona::Operator), citing(crown, crown)).await;
    assert_eq!(
        reply.body["data"]["createEvidence"],
        json!({ "evidence": {
            "framework": "SOC 2", "control": "CC7.2", "title": "Alerts", "createdAt": "2026-06-15T12:00:00+00:00",
            "createdBy": "Operator", "findings": [{ "title": "Outdated TLS" }], "scans": [{ "profile": "full" }], "file": null,
        }, "userErrors": [] })
    );
    let event = |log| json!([log, "Operator", null, null, "SOC 2 CC7.2, findings: 1, scans: 1"]);
    assert_eq!(recorded(&app, "evidence.created").await, [bare("Operator"), event("customer")]);
}

#[tokio::test]
async fn a_customer_that_runs_itself_records_in_its_own_log_alone() {
    let cast = Cast::new();
    let acme = cast.acme;
    let app = App::start(cast.world).await;
    let mut twice = citing(acme, acme);
    let id = twice["findingIds"][0].clone();
    twice["findingIds"].as_array_mut().unwrap().push(id);
    let reply = send(&app.sign_in(Persona::FullPortalAdmin), twice).await;
    assert_eq!(
        reply.body["data"]["createEvidence"]["evidence"]["findings"],
        json!([{ "title": "Outdated TLS" }])
    );
    let event = json!(["customer", "FullPortalAdmin", null, null, "SOC 2 CC7.2, findings: 1, scans: 1"]);
    assert_eq!(recorded(&app, "evidence.created").await, [event]);
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme, cast.bolt, cast.crown);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for sold in [acme, bolt, crown] {
            let is = |other: Sold| sold.customer == other.customer;
            let expected = match persona {
                Persona::PartnerAdmin if is(crown) => continue,
                Persona::FullPortalAdmin if is(acme) => continue,
                Persona::PartnerAdmin => "NOT_PERMITTED",
                Persona::Operator | Persona::RivalAdmin | Persona::ReadOnlyPortalAdmin if is(bolt) => {
                    "NOT_PERMITTED"
                }
                Persona::DisabledPortalAdmin if is(crown) => "NOT_PERMITTED",
                Persona::DistributorAdmin
                | Persona::RivalAdmin
                | Persona::Operator
                | Persona::UnassignedOperator
                | Persona::FullPortalAdmin
                | Persona::ReadOnlyPortalAdmin
                | Persona::DisabledPortalAdmin => "NOT_FOUND",
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                Persona::FullPortalReader
                | Persona::ReadOnlyPortalReader
                | Persona::DisabledPortalReader
                | Persona::PlatformAdmin
                | Persona::Scanner => "FORBIDDEN",
            };
            let reply = send(&app.sign_in(persona), citing(sold, sold)).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
        }
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn what_is_anothers_is_cited_by_nobody_and_what_is_malformed_is_refused() {
    let cast = Cast::new();
    let (acme, crown, dune) = (cast.acme, cast.crown, cast.dune);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let before = everything(&app).await;
    let finding = |id| GlobalId::Finding(crown.customer, id).to_string();
    let nowhere = finding(FindingId(uuid::Uuid::nil()));
    let foreign = GlobalId::Finding(dune.customer, dune.posture.finding).to_string();
    // As if it were Crown's, and Crown's as if it were another's: that one is not there, either.
    let smuggled = finding(dune.posture.finding);
    let renamed = GlobalId::Finding(acme.customer, crown.posture.finding).to_string();
    let customer = GlobalId::Customer(crown.customer).to_string();
    let mut texts = Vec::new();
    for id in [nowhere, foreign, smuggled, renamed, customer, "nonsense".to_owned()] {
        let mut input = input(crown.customer);
        input["findingIds"] = json!([id]);
        let reply = send(&admin, input).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{}", reply.text);
        texts.push(reply.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let reply = send(&admin, citing(crown, acme)).await;
    assert_eq!(codes(&reply), ["NOT_FOUND"]);
    let scan = |customer, id| GlobalId::Scan(customer, id).to_string();
    for id in [
        scan(acme.customer, crown.posture.scan),
        scan(crown.customer, acme.posture.scan),
        scan(crown.customer, ScanId(uuid::Uuid::nil())),
    ] {
        let mut input = input(crown.customer);
        input["scanIds"] = json!([id]);
        let reply = send(&admin, input).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{}", reply.text);
    }

    let long = "x".repeat(201);
    for (field, value) in [
        ("framework", json!("")),
        ("framework", json!(long)),
        ("control", json!("  ")),
        ("control", json!("a\nb")),
        ("title", json!("")),
        ("title", json!("nul\0")),
        ("findingIds", json!(vec![finding(crown.posture.finding); 51])),
        ("scanIds", json!(vec![GlobalId::Scan(crown.customer, crown.posture.scan).to_string(); 51])),
    ] {
        let mut input = input(crown.customer);
        input[field] = value;
        let reply = send(&admin, input).await;
        assert_eq!(codes(&reply), ["INVALID"], "{field} {}", reply.text);
        assert!(reply.text.contains(&format!(r#""field":["input","{field}"]"#)), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
    let mut most = input(crown.customer);
    most["findingIds"] = json!(vec![finding(crown.posture.finding); 50]);
    assert_eq!(codes(&send(&admin, most).await), [] as [&str; 0]);
}

/// Every model, privilege and portal: who operates, and nobody else.
#[tokio::test]
async fn in_every_model_at_every_privilege_and_portal_those_who_operate_record_and_no_others() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let mut cells = Vec::new();
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                for &portal in PortalAccess::ALL {
                    let customer = world.customer(partner, &format!("Customer {}", cells.len()), portal);
                    world.access(partner, customer, Terms::of(model).ceiling(ceiling).consent(consent));
                    let own =
                        world.customer_user(customer, CustomerRole::Admin, &format!("Own {}", cells.len()));
                    let manages = ceiling == Privilege::Manage && consent == Privilege::Manage;
                    let operates = model == OperatingModel::FullyManaged && manages;
                    cells.push((
                        customer,
                        own,
                        operates,
                        portal == PortalAccess::Full,
                        (model, ceiling, consent, portal),
                    ));
                }
            }
        }
    }
    let app = App::start(world).await;
    let mut done = 0;
    for (customer, own, by_partner, by_itself, cell) in cells {
        for (user, may) in [(admin, by_partner), (own, by_itself)] {
            let reply = send(&app.sign_in(user), input(customer)).await;
            let expected: &[&str] = if may { &[] } else { &["NOT_PERMITTED"] };
            assert_eq!(codes(&reply), expected, "{cell:?} {}", reply.text);
            done += usize::from(may);
        }
    }
    assert_eq!(done, 3 + 27);
}
