//! `createPartner`: the partner wizard, and what a partner's contract allows it (DESIGN.md 3 and 6).

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World};

async fn create(client: &Client, input: Value) -> Reply {
    let document = "mutation ($input: CreatePartnerInput!) { createPartner(input: $input) {
        partner { name parent { name } users { nodes { name } } dashboard { commercial { accesses monthlyRecurringRevenue { currency } } } }
        userErrors { code message field } } }";
    client.hidden_in_extensions().query(document, json!({ "input": input })).await
}

fn input() -> Value {
    json!({ "name": " Elm Security ", "adminEmail": "Eve@elm.example", "adminName": "Eve", "customerDataAccess": "NONE" })
}

#[tokio::test]
async fn a_distributor_makes_a_reseller_whose_admin_signs_in() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;

    let reply = create(&app.sign_in(Persona::DistributorAdmin), input()).await;

    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    let partner = &reply.body["data"]["createPartner"]["partner"];
    assert_eq!(partner["name"], "Elm Security");
    assert_eq!(partner["parent"], json!({ "name": "Alder Distribution" }));
    // The people of a partner below are its own.
    assert_eq!(partner["users"], Value::Null);
    let said = "Elm Security, customer data access NONE";
    let event = |new| json!(["partner", "DistributorAdmin", null, null, new]);
    assert_eq!(recorded(&app, "partner.created").await, [event(said), event(said)]);
    assert_eq!(recorded(&app, "partner.user_invited").await, [event("eve@elm.example as ADMIN")]);

    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let eve = sqlx::query_scalar("select id from users where email = 'eve@elm.example'");
    let eve = app.sign_in(UserId(eve.fetch_one(&mut owner).await.unwrap()));
    let data = eve
        .data("{ viewer { partnerRole } partner { name users { nodes { name email role disabledAt } } auditLog { nodes { action requestId } }
                 dashboard { commercial { monthlyRecurringRevenue { currency } } } } }")
        .await;
    assert_eq!(
        json!([data["viewer"]["partnerRole"], data["partner"]["name"], data["partner"]["users"]["nodes"]]),
        json!(["ADMIN", "Elm Security", [
            { "name": "Eve", "email": "eve@elm.example", "role": "ADMIN", "disabledAt": null },
        ]])
    );
    let events = data["partner"]["auditLog"]["nodes"].as_array().unwrap();
    assert_eq!(events.len(), 2);
    // Both were written in one request, and say so.
    assert!(
        events[0]["requestId"].is_string() && events[0]["requestId"] == events[1]["requestId"],
        "{events:?}"
    );
    assert_eq!(data["partner"]["dashboard"]["commercial"]["monthlyRecurringRevenue"]["currency"], "EUR");
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_bad_input_is_named_and_nothing_changes() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        let expected = match persona {
            Persona::DistributorAdmin | Persona::PartnerAdmin | Persona::RivalAdmin => continue,
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ => "FORBIDDEN",
        };
        let reply = create(&app.sign_in(persona), input()).await;
        assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
    }
    let long = "x".repeat(201);
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (field, value) in [
        ("name", "  "),
        ("name", long.as_str()),
        ("name", "two\nlines"),
        ("adminName", ""),
        ("adminEmail", "no address"),
        ("adminEmail", "RIVALADMIN@example.com"),
        ("currency", "eur"),
        ("currency", "EURO"),
    ] {
        let mut bad = input();
        bad[field] = value.into();
        let reply = create(&admin, bad).await;
        assert_eq!(codes(&reply), ["INVALID"], "{field} {}", reply.text);
        assert!(reply.text.contains(&format!(r#""field":["input","{field}"]"#)), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}

/// What the contract allows bounds every access of the partner, from its first moment, also for whoever writes past the gateway.
#[tokio::test]
async fn an_access_starts_and_stays_within_the_contract() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let customer = world.customer(partner, "Acme", PortalAccess::Disabled);
    let access = world.access(partner, customer, Terms::customer_managed());
    let app = App::start(world).await;
    app.as_owner("update partners set privilege_bound = 0; update accesses set privilege_ceiling = 0").await;
    let id = GlobalId::Access(customer, access);
    let document = format!(
        r#"mutation {{ setPrivilegeCeiling(input: {{ accessId: "{id}", ceiling: SUPPORT, reason: "Please" }}) {{ userErrors {{ code }} }} }}"#
    );
    assert_eq!(codes(&app.sign_in(admin).ask(&document).await), ["NOT_PERMITTED"]);

    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let write = |sql: &str| {
        format!(
            "begin; grant insert on accesses to posture_writer; create policy test on accesses for insert to posture_writer with check (true);
             set local role posture_writer; set local app.viewer = '{admin}'; set local app.now = '2026-06-15T12:00:00Z'; {sql}"
        )
    };
    let raised = owner
        .execute(AssertSqlSafe(write("update accesses set privilege_ceiling = 1, version = version + 1")))
        .await;
    owner.execute("rollback").await.unwrap();
    assert!(
        raised.unwrap_err().to_string().contains("above what the contract"),
        "the database refuses it too"
    );
    let new = "update accesses set status = 'ENDED', ended_at = gate.instant(), version = version + 1;
        insert into accesses (customer_id, id, partner_id, customer_name, status, created_at)
        select customer_id, gen_random_uuid(), partner_id, customer_name, 'ACTIVE', gate.instant() from accesses";
    owner.execute(AssertSqlSafe(write(new))).await.unwrap();
    let ceilings: Vec<i16> =
        sqlx::query_scalar("select privilege_ceiling from accesses where status = 'ACTIVE'")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    owner.execute("rollback").await.unwrap();
    assert_eq!(ceilings, [0]);
}
