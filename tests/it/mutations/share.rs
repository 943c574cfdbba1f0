//! `createPostureShare` and `revokePostureShare` (DESIGN.md 4, *operate*).

use posture_gateway::domain::access::{OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::{Terms, World};

const EXPIRES: &str = "2026-09-01T00:00:00Z";

async fn send(client: &Client, field: &str, input: Value) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ postureShare {{ id label createdAt expiresAt revokedAt \
         createdBy }} url userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

async fn create(client: &Client, customer: CustomerId) -> Reply {
    let id = GlobalId::Customer(customer).to_string();
    let input = json!({ "customerId": id, "label": "For the insurer", "expiresAt": EXPIRES });
    send(client, "createPostureShare", input).await
}

async fn revoke(client: &Client, share: &str) -> Reply {
    send(client, "revokePostureShare", json!({ "postureShareId": share })).await
}

fn share_of(sold: Sold) -> String {
    GlobalId::PostureShare(sold.customer, sold.posture.share).to_string()
}

#[tokio::test]
async fn whoever_operates_makes_a_link_once_and_revokes_it_for_good() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let app = App::start(cast.world).await;
    let operator = app.sign_in(Persona::Operator);
    let mut reply = create(&operator, crown.customer).await;
    let payload = &mut reply.body["data"]["createPostureShare"];
    let (id, url) = (payload["postureShare"]["id"].take(), payload["url"].take());
    assert_eq!(
        *payload,
        json!({ "postureShare": { "id": null, "label": "For the insurer", "createdAt": "2026-06-15T12:00:00+00:00",
            "expiresAt": "2026-09-01T00:00:00+00:00", "revokedAt": null, "createdBy": "Operator" },
            "url": null, "userErrors": [] })
    );
    // One is of operators alone: whether the access is still theirs, once it is locked.
    assert_eq!(reply.statements, 11);
    let secret = url.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert!(secret.starts_with("posture_share_") && secret.len() == 57, "{secret}");
    assert!(!everything(&app).await.contains(&secret), "the secret is kept");
    let event = |log| json!([log, "Operator", null, null, "For the insurer until 2026-09-01T00:00:00Z"]);
    assert_eq!(recorded(&app, "posture_share.created").await, [bare("Operator"), event("customer")]);

    // Whoever operates revokes, whoever made it.
    let id = id.as_str().unwrap();
    let admin = app.sign_in(Persona::PartnerAdmin);
    let reply = revoke(&admin, id).await;
    assert_eq!(
        reply.body["data"]["revokePostureShare"],
        json!({ "postureShare": { "id": id, "label": "For the insurer", "createdAt": "2026-06-15T12:00:00+00:00",
            "expiresAt": "2026-09-01T00:00:00+00:00", "revokedAt": "2026-06-15T12:00:00+00:00", "createdBy": "Operator" },
            "url": null, "userErrors": [] })
    );
    let event = |log| json!([log, "PartnerAdmin", null, "For the insurer", null]);
    assert_eq!(recorded(&app, "posture_share.revoked").await, [bare("PartnerAdmin"), event("customer")]);
    let before = everything(&app).await;
    assert_eq!(codes(&revoke(&admin, id).await), ["NO_CHANGE"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_customer_that_runs_itself_shares_and_its_own_log_alone_says_so() {
    let cast = Cast::new();
    let acme = cast.acme;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    assert_eq!(codes(&create(&admin, acme.customer).await), [] as [&str; 0]);
    assert_eq!(codes(&revoke(&admin, &share_of(acme)).await), [] as [&str; 0]);
    assert_eq!(
        [recorded(&app, "posture_share.created").await, recorded(&app, "posture_share.revoked").await]
            .concat(),
        [
            json!(["customer", "FullPortalAdmin", null, null, "For the insurer until 2026-09-01T00:00:00Z"]),
            json!(["customer", "FullPortalAdmin", null, "For the insurer", null]),
        ]
    );
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme, cast.bolt, cast.crown);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let client = app.sign_in(persona);
        for sold in [acme, bolt, crown] {
            let is = |other: Sold| sold.customer == other.customer;
            // Making one asks for the customer, revoking one for a share that is shown.
            let (making, revoking) = match persona {
                Persona::PartnerAdmin if is(crown) => continue,
                Persona::FullPortalAdmin if is(acme) => continue,
                Persona::PartnerAdmin if is(bolt) => ("NOT_PERMITTED", "NOT_PERMITTED"),
                Persona::PartnerAdmin => ("NOT_PERMITTED", "NOT_FOUND"),
                Persona::Operator if is(bolt) => ("NOT_PERMITTED", "NOT_PERMITTED"),
                Persona::RivalAdmin if is(bolt) => ("NOT_PERMITTED", "NOT_FOUND"),
                Persona::ReadOnlyPortalAdmin if is(bolt) => ("NOT_PERMITTED", "NOT_PERMITTED"),
                Persona::DisabledPortalAdmin if is(crown) => ("NOT_PERMITTED", "NOT_FOUND"),
                Persona::DistributorAdmin
                | Persona::RivalAdmin
                | Persona::Operator
                | Persona::UnassignedOperator
                | Persona::FullPortalAdmin
                | Persona::ReadOnlyPortalAdmin
                | Persona::DisabledPortalAdmin => ("NOT_FOUND", "NOT_FOUND"),
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => {
                    ("UNAUTHENTICATED", "UNAUTHENTICATED")
                }
                Persona::FullPortalReader
                | Persona::ReadOnlyPortalReader
                | Persona::DisabledPortalReader
                | Persona::PlatformAdmin
                | Persona::Scanner => ("FORBIDDEN", "FORBIDDEN"),
            };
            let reply = create(&client, sold.customer).await;
            assert_eq!(codes(&reply), [making], "{persona:?} {}", reply.text);
            let reply = revoke(&client, &share_of(sold)).await;
            assert_eq!(codes(&reply), [revoking], "{persona:?} {}", reply.text);
        }
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn what_is_not_there_and_what_is_not_shown_are_not_found_to_the_byte() {
    let cast = Cast::new();
    let (acme, dune) = (cast.acme, cast.dune);
    let nowhere = GlobalId::PostureShare(
        acme.customer,
        posture_gateway::domain::ids::PostureShareId(uuid::Uuid::nil()),
    );
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    // Acme's posture is hidden from its partner, Dune is another's, and a customer is no share.
    let ids = [
        share_of(acme),
        nowhere.to_string(),
        share_of(dune),
        GlobalId::Customer(acme.customer).to_string(),
        "nonsense".to_owned(),
    ];
    let mut texts = Vec::new();
    for id in &ids {
        texts.push(revoke(&admin, id).await.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("NOT_FOUND"));
}

#[tokio::test]
async fn labels_and_ends_that_are_none_are_refused_each_by_its_field() {
    let cast = Cast::new();
    let acme = GlobalId::Customer(cast.acme.customer).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let before = everything(&app).await;
    let long = "x".repeat(201);
    for (label, expires, field) in [
        ("", EXPIRES, "label"),
        ("   ", EXPIRES, "label"),
        ("two\nlines", EXPIRES, "label"),
        ("nul\0", EXPIRES, "label"),
        (&long, EXPIRES, "label"),
        ("ok", "2026-06-15T12:00:00Z", "expiresAt"),
        ("ok", "2020-01-01T00:00:00Z", "expiresAt"),
        ("ok", "2027-06-15T12:00:01Z", "expiresAt"),
        ("ok", "9999-12-31T23:59:59Z", "expiresAt"),
    ] {
        let input = json!({ "customerId": acme, "label": label, "expiresAt": expires });
        let reply = send(&admin, "createPostureShare", input).await;
        assert_eq!(codes(&reply), ["INVALID"], "{label} {expires} {}", reply.text);
        assert!(reply.text.contains(&format!(r#""field":["input","{field}"]"#)), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
    let input = json!({ "customerId": acme, "label": " ok ", "expiresAt": "2027-06-15T12:00:00Z" });
    let reply = send(&admin, "createPostureShare", input).await;
    assert_eq!(reply.body["data"]["createPostureShare"]["postureShare"]["label"], "ok");
}

/// An idempotent answer is kept, and the link must not be.
#[tokio::test]
async fn a_link_is_not_told_again_under_the_same_key() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin).header("idempotency-key", "once");
    let first = create(&admin, acme).await.body["data"]["createPostureShare"].take();
    let before = everything(&app).await;
    let secret = first["url"].as_str().unwrap().rsplit('/').next().unwrap();
    assert!(!before.contains(secret));
    let again = create(&admin, acme).await.body["data"]["createPostureShare"].take();
    assert_eq!((&again["postureShare"], &again["url"]), (&first["postureShare"], &Value::Null));
    assert_eq!(everything(&app).await, before);
}

/// Every model, privilege and portal: who operates, and nobody else.
#[tokio::test]
async fn in_every_model_at_every_privilege_and_portal_those_who_operate_share_and_no_others() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let operator = world.operator(partner, "Oz");
    let mut cells = Vec::new();
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                for &portal in PortalAccess::ALL {
                    let customer = world.customer(partner, &format!("Customer {}", cells.len()), portal);
                    let access =
                        world.access(partner, customer, Terms::of(model).ceiling(ceiling).consent(consent));
                    world.assign(operator, customer, access);
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
        for (user, may) in [(admin, by_partner), (operator, by_partner), (own, by_itself)] {
            let reply = create(&app.sign_in(user), customer).await;
            let expected: &[&str] = if may { &[] } else { &["NOT_PERMITTED"] };
            assert_eq!(codes(&reply), expected, "{cell:?} {}", reply.text);
            done += usize::from(may);
        }
    }
    // Three portals for the partner's two, 27 times the customer's own.
    assert_eq!(done, 3 * 2 + 27);
    assert_eq!(everything(&app).await.matches("posture_shares(").count(), done);
}

#[tokio::test]
async fn the_people_of_one_partner_are_not_named_to_another() {
    let mut cast = Cast::new();
    let bolt = cast.bolt.customer;
    let share = cast.world.rows.posture_shares.iter_mut().find(|row| row.customer_id == bolt).unwrap();
    (share.created_by, share.created_by_partner) = ("Rick of Cedar".to_owned(), Some(cast.cedar));
    let app = App::start(cast.world).await;
    let document = format!(
        "{{ customer(id: \"{}\") {{ postureShares {{ nodes {{ createdBy }} }} }} }}",
        GlobalId::Customer(bolt)
    );
    for (persona, told) in [
        (Persona::PartnerAdmin, "another partner"),
        (Persona::Operator, "another partner"),
        (Persona::ReadOnlyPortalReader, "Rick of Cedar"),
    ] {
        let data = app.sign_in(persona).data(&document).await;
        assert_eq!(data["customer"]["postureShares"]["nodes"], json!([{ "createdBy": told }]), "{persona:?}");
    }
}
