//! `disableUser`, `enableUser`, and the lists of people that they are picked from.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply, Walls};
use crate::support::cast::{Cast, Persona};

async fn set(client: &Client, field: &str, user: &str, reason: Option<&str>) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ \
         partnerUser {{ name role disabledAt }} customerUser {{ name role disabledAt }} userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": { "userId": user, "reason": reason } })).await
}

fn global(user: impl Into<UserId>) -> String {
    GlobalId::User(user.into()).to_string()
}

async fn signs_in(app: &App, user: Persona) -> bool {
    !app.sign_in(user).data("{ viewer { id } }").await["viewer"].is_null()
}

#[tokio::test]
async fn a_partner_admin_disables_and_enables_the_partners_own_users() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);

    let reply = set(&admin, "disableUser", &global(Persona::Operator), Some(" Left us ")).await;

    assert_eq!(
        reply.body["data"]["disableUser"],
        json!({
            "partnerUser": { "name": "Operator", "role": "OPERATOR", "disabledAt": "2026-06-15T12:00:00+00:00" },
            "customerUser": null, "userErrors": [],
        })
    );
    assert!(!signs_in(&app, Persona::Operator).await);
    let reply = set(&admin, "enableUser", &global(Persona::Operator), None).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert!(signs_in(&app, Persona::Operator).await);
    let who = "operator@example.com";
    assert_eq!(
        recorded(&app, "partner.user_disabled").await,
        [json!(["partner", "PartnerAdmin", "Left us", who, null])]
    );
    assert_eq!(
        recorded(&app, "partner.user_enabled").await,
        [json!(["partner", "PartnerAdmin", null, null, who])]
    );
}

#[tokio::test]
async fn a_customer_admin_and_an_operating_partner_keep_the_customers_users() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let app = App::start(cast.world).await;
    let reply =
        set(&app.sign_in(Persona::FullPortalAdmin), "disableUser", &global(Persona::FullPortalReader), None)
            .await;
    assert_eq!(
        reply.body["data"]["disableUser"]["customerUser"],
        json!({ "name": "FullPortalReader", "role": "READ_ONLY", "disabledAt": "2026-06-15T12:00:00+00:00" })
    );
    assert!(!signs_in(&app, Persona::FullPortalReader).await);
    let who = "fullportalreader@example.com";
    assert_eq!(
        recorded(&app, "customer.user_disabled").await,
        [json!(["customer", "FullPortalAdmin", null, who, null])]
    );

    let reader = global(Persona::DisabledPortalReader);
    assert_eq!(
        codes(&set(&app.sign_in(Persona::PartnerAdmin), "disableUser", &reader, None).await),
        [] as [&str; 0]
    );
    assert!(!signs_in(&app, Persona::DisabledPortalReader).await);
    assert_eq!(
        codes(&set(&app.sign_in(Persona::Operator), "enableUser", &reader, None).await),
        [] as [&str; 0]
    );
    assert!(signs_in(&app, Persona::DisabledPortalReader).await);
    let event = |log| json!([log, "Operator", null, null, "disabledportalreader@example.com"]);
    assert_eq!(recorded(&app, "customer.user_enabled").await, [bare("Operator"), event("customer")]);
}

/// Everyone tries everyone, themselves included.
#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    for walls in Walls::EITHER {
        Box::pin(whoever_may_not(walls)).await;
    }
}

async fn whoever_may_not(walls: Walls) {
    let cast = Cast::new();
    let app = App::start_behind(walls, cast.world).await;
    let before = everything(&app).await;
    let birch =
        [Persona::PartnerAdmin, Persona::Operator, Persona::UnassignedOperator, Persona::DisabledUser];
    for by in Persona::ALL {
        let client = app.sign_in(by);
        for whom in Persona::ALL {
            let expected = match (by, whom) {
                (Persona::DisabledUser | Persona::Homeless | Persona::Unknown, _) => "UNAUTHENTICATED",
                (
                    Persona::FullPortalReader
                    | Persona::ReadOnlyPortalReader
                    | Persona::DisabledPortalReader
                    | Persona::PlatformAdmin
                    | Persona::Scanner,
                    _,
                ) => "FORBIDDEN",
                (by, whom) if by == whom => "NOT_PERMITTED",
                // Already.
                (Persona::PartnerAdmin, Persona::DisabledUser) => "NO_CHANGE",
                (Persona::PartnerAdmin, whom) if birch.contains(&whom) => continue,
                // Birch operates Crown: its reader is Birch's to keep, its ADMIN is not.
                (Persona::PartnerAdmin, Persona::DisabledPortalReader) => continue,
                (Persona::PartnerAdmin, Persona::DisabledPortalAdmin) => "NOT_PERMITTED",
                (Persona::FullPortalAdmin, Persona::FullPortalReader) => continue,
                _ => "NOT_FOUND",
            };
            let reply = set(&client, "disableUser", &global(whom), None).await;
            assert_eq!(codes(&reply), [expected], "{by:?} disables {whom:?} {}", reply.text);
        }
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    let customer = GlobalId::Customer(CustomerId(uuid::Uuid::nil())).to_string();
    for nobody in ["no id", &customer] {
        assert_eq!(codes(&set(&admin, "disableUser", nobody, None).await), ["NOT_FOUND"]);
    }
    assert_eq!(codes(&set(&admin, "enableUser", &global(Persona::Operator), None).await), ["NO_CHANGE"]);
    assert_eq!(codes(&set(&admin, "disableUser", &global(Persona::Operator), Some("no")).await), ["INVALID"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn the_database_refuses_what_the_gateway_would() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    for (by, whom, rows) in [
        (Persona::PartnerAdmin, Persona::Operator, 1),
        (Persona::PartnerAdmin, Persona::PartnerAdmin, 0),
        (Persona::PartnerAdmin, Persona::RivalAdmin, 0),
        (Persona::PartnerAdmin, Persona::DisabledPortalReader, 1),
        (Persona::PartnerAdmin, Persona::DisabledPortalAdmin, 0),
        (Persona::PartnerAdmin, Persona::FullPortalReader, 0),
        (Persona::Operator, Persona::UnassignedOperator, 0),
        (Persona::FullPortalAdmin, Persona::FullPortalReader, 1),
        (Persona::ReadOnlyPortalAdmin, Persona::ReadOnlyPortalReader, 0),
    ] {
        let opening = format!(
            "begin; set local role posture_writer; set local app.viewer = '{}'; set local app.now = '2026-06-15T12:00:00Z'",
            UserId::from(by)
        );
        gateway.execute(AssertSqlSafe(opening)).await.unwrap();
        let sql = format!("update users set disabled_at = now() where id = '{}'", UserId::from(whom));
        let done = gateway.execute(AssertSqlSafe(sql)).await.unwrap();
        gateway.execute("rollback").await.unwrap();
        assert_eq!(done.rows_affected(), rows, "{by:?} {whom:?}");
    }
}

/// Lists to pick from: a partner's people for its ADMINs, a customer's people behind SECURITY_CONFIG.
#[tokio::test]
async fn people_are_listed_for_those_who_keep_them() {
    let cast = Cast::new();
    let (acme, crown) = (GlobalId::Customer(cast.acme.customer), GlobalId::Customer(cast.crown.customer));
    let app = App::start(cast.world).await;
    let names = |value: &Value| {
        let nodes = value["nodes"].as_array().cloned();
        nodes.map(|nodes| {
            nodes.iter().map(|node| node["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    for persona in Persona::signed_in() {
        let document = format!(
            r#"{{ partner {{ users {{ nodes {{ name }} }} }}
                  acme: customer(id: "{acme}") {{ users {{ nodes {{ name }} }} }}
                  crown: customer(id: "{crown}") {{ users {{ nodes {{ name }} }} }} }}"#
        );
        let data = app.sign_in(persona).hidden_in_extensions().ask(&document).await.body["data"].clone();
        let list = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        let own = match persona {
            Persona::PartnerAdmin => {
                list(&["DisabledUser", "Operator", "PartnerAdmin", "Ticket system", "UnassignedOperator"])
            }
            Persona::RivalAdmin => list(&["Rival system", "RivalAdmin"]),
            Persona::DistributorAdmin => list(&["DistributorAdmin"]),
            _ => None,
        };
        assert_eq!(names(&data["partner"]["users"]), own, "{persona:?}");
        let due = (persona == Persona::FullPortalAdmin)
            .then(|| list(&["FullPortalAdmin", "FullPortalReader"]))
            .flatten();
        assert_eq!(names(&data["acme"]["users"]), due, "{persona:?}");
        let due = (persona == Persona::PartnerAdmin)
            .then(|| list(&["DisabledPortalAdmin", "DisabledPortalReader"]))
            .flatten();
        assert_eq!(names(&data["crown"]["users"]), due, "{persona:?}");
    }
}
