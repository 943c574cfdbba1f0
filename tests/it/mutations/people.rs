//! `inviteCustomerUser` and `assignOperator` (DESIGN.md 4, 6 and 9).

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::json;
use sqlx::ConnectOptions as _;

use super::{bare, codes, everything, mutate, mutate_customer, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::{Terms, World};

async fn invite(client: &Client, customer: CustomerId, email: &str, role: &str) -> Reply {
    let input =
        json!({ "customerId": GlobalId::Customer(customer).to_string(), "email": email, "role": role });
    mutate_customer(client, "inviteCustomerUser", input).await
}

/// The user with an address, as the owner reads it.
async fn user_with(app: &App, email: &str) -> Option<UserId> {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let id = sqlx::query_scalar("select id from users where email = $1").bind(email);
    id.fetch_optional(&mut owner).await.unwrap().map(UserId)
}

#[tokio::test]
async fn an_operating_partner_invites_a_reader_and_opens_the_portal_for_them() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let app = App::start(cast.world).await;

    // The assigned operator first: it opens the portal, which is open then for the admin's guest.
    let reply =
        invite(&app.sign_in(Persona::Operator), crown.customer, " Eva@Crown.example ", "READ_ONLY").await;
    assert_eq!(
        reply.body,
        json!({ "data": { "inviteCustomerUser": {
            "customer": { "name": "Crown", "portalAccess": "READ_ONLY" }, "userErrors": [],
        } } })
    );
    let reply =
        invite(&app.sign_in(Persona::PartnerAdmin), crown.customer, "tom@crown.example", "READ_ONLY").await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);

    let invited = |by, who| json!(["customer", by, null, null, format!("{who}@crown.example as READ_ONLY")]);
    assert_eq!(
        recorded(&app, "customer.user_invited").await,
        [bare("Operator"), bare("PartnerAdmin"), invited("Operator", "eva"), invited("PartnerAdmin", "tom"),]
    );
    let opened = |log| json!([log, "Operator", null, "DISABLED", "READ_ONLY"]);
    assert_eq!(
        recorded(&app, "customer.portal_access_changed").await,
        [opened("partner"), opened("customer")]
    );

    let eva = user_with(&app, "eva@crown.example").await.unwrap();
    let data =
        app.sign_in(eva).data("{ viewer { email customerRole customer { findings { totalCount } } } }").await;
    assert_eq!(
        data["viewer"],
        json!({ "email": "eva@crown.example", "customerRole": "READ_ONLY", "customer": { "findings": { "totalCount": 1 } } })
    );
}

#[tokio::test]
async fn a_customer_that_manages_itself_invites_both_roles_and_its_own_log_says_so() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    for (email, role) in [("a@acme.example", "ADMIN"), ("r@acme.example", "READ_ONLY")] {
        let reply = invite(&admin, acme, email, role).await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    }
    let event = |text| json!(["customer", "FullPortalAdmin", null, null, text]);
    assert_eq!(
        recorded(&app, "customer.user_invited").await,
        [event("a@acme.example as ADMIN"), event("r@acme.example as READ_ONLY")]
    );
    let new_admin = user_with(&app, "a@acme.example").await.unwrap();
    assert_eq!(
        codes(&invite(&app.sign_in(new_admin), acme, "b@acme.example", "ADMIN").await),
        [] as [&str; 0]
    );
}

#[tokio::test]
async fn whoever_may_not_invite_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme.customer, cast.bolt.customer, cast.crown.customer);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for customer in [acme, bolt, crown] {
            let expected = match persona {
                Persona::PartnerAdmin if customer == crown => continue,
                Persona::FullPortalAdmin if customer == acme => continue,
                // Acme and Bolt are seen, and not operated.
                Persona::PartnerAdmin => "NOT_PERMITTED",
                Persona::Operator | Persona::RivalAdmin if customer == bolt => "NOT_PERMITTED",
                // Their portals are not FULL.
                Persona::ReadOnlyPortalAdmin if customer == bolt => "NOT_PERMITTED",
                Persona::DisabledPortalAdmin if customer == crown => "NOT_PERMITTED",
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
            // Even with an input that is not well-formed.
            for email in ["new@example.com", "PartnerAdmin@example.com", "no address"] {
                let reply = invite(&app.sign_in(persona), customer, email, "READ_ONLY").await;
                assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
            }
        }
    }
    // An operating partner makes no ADMINs.
    let reply = invite(&app.sign_in(Persona::PartnerAdmin), crown, "new@example.com", "ADMIN").await;
    assert_eq!(codes(&reply), ["NOT_PERMITTED"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn an_address_that_is_none_or_is_taken_is_refused_alike_whosever_it_is() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let before = everything(&app).await;
    for email in [
        "",
        "name",
        "@example.com",
        "name@",
        "name@example",
        "a b@example.com",
        "a@b@example.com",
        "a@.com",
        "a\0@b.de",
    ] {
        let reply = invite(&admin, acme, email, "READ_ONLY").await;
        assert_eq!(codes(&reply), ["INVALID"], "{email} {}", reply.text);
    }
    let mut texts = Vec::new();
    for email in ["fullportalreader@example.com", "RivalAdmin@EXAMPLE.com", "disableduser@example.com"] {
        let reply = invite(&admin, acme, email, "READ_ONLY").await;
        assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
        texts.push(reply.text);
    }
    assert!(texts[0].contains(r#""field":["input","email"]"#), "{}", texts[0]);
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn of_two_who_invite_one_address_at_once_one_is_told_that_it_is_taken() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let mut customer = |name: &str| {
        let customer = world.customer(partner, name, PortalAccess::Full);
        world.access(partner, customer, Terms::customer_managed());
        (customer, world.customer_user(customer, CustomerRole::Admin, &format!("Admin of {name}")))
    };
    let (one, two) = (customer("One"), customer("Two"));
    let app = App::start(world).await;
    for round in 0..8 {
        let email = format!("new-{round}@example.com");
        let (first, second) = (app.sign_in(one.1), app.sign_in(two.1));
        let (first, second) =
            tokio::join!(invite(&first, one.0, &email, "ADMIN"), invite(&second, two.0, &email, "ADMIN"));
        let mut both = [codes(&first), codes(&second)];
        both.sort();
        assert_eq!(both, [vec![], vec!["INVALID".to_owned()]], "{} {}", first.text, second.text);
    }
}

async fn assign(client: &Client, sold: Sold, operator: &str, assigned: bool) -> Reply {
    let access = GlobalId::Access(sold.customer, sold.access).to_string();
    let input = json!({ "accessId": access, "operatorId": operator, "assigned": assigned });
    mutate(client, "assignOperator", input).await
}

fn global(user: impl Into<UserId>) -> String {
    GlobalId::User(user.into()).to_string()
}

#[tokio::test]
async fn an_operator_sees_an_access_from_its_assignment_until_its_end() {
    let cast = Cast::new();
    let bolt = cast.bolt;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let operator = app.sign_in(Persona::UnassignedOperator);
    let names = "{ partner { accesses { nodes { customer { name findings { totalCount } } } } } }";
    assert_eq!(operator.data(names).await["partner"]["accesses"]["nodes"], json!([]));

    let reply = assign(&admin, bolt, &global(Persona::UnassignedOperator), true).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(reply.body["data"]["assignOperator"]["access"]["version"], 2);
    assert_eq!(
        operator.data(names).await["partner"]["accesses"]["nodes"],
        json!([{ "customer": { "name": "Bolt", "findings": { "totalCount": 1 } } }])
    );
    let event = |log| json!([log, "PartnerAdmin", null, null, "UnassignedOperator"]);
    assert_eq!(recorded(&app, "access.operator_assigned").await, [event("partner"), event("customer")]);

    let reply = assign(&admin, bolt, &global(Persona::UnassignedOperator), false).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(operator.data(names).await["partner"]["accesses"]["nodes"], json!([]));
    let event = |log| json!([log, "PartnerAdmin", null, "UnassignedOperator", null]);
    assert_eq!(recorded(&app, "access.operator_unassigned").await, [event("partner"), event("customer")]);
}

#[tokio::test]
async fn whoever_may_not_assign_is_refused_and_nothing_changes() {
    let mut cast = Cast::new();
    let (bolt, dune, cedar) = (cast.bolt, cast.dune, cast.cedar);
    let rivals_operator = cast.world.operator(cedar, "Rick");
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for sold in [bolt, dune] {
            let expected = match persona {
                Persona::PartnerAdmin if sold.access == bolt.access => continue,
                Persona::DistributorAdmin | Persona::PartnerAdmin => "NOT_FOUND",
                // Its own access, and an operator of another partner.
                Persona::RivalAdmin => "NOT_FOUND",
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                _ => "FORBIDDEN",
            };
            let operator = global(Persona::UnassignedOperator);
            let reply = assign(&app.sign_in(persona), sold, &operator, true).await;
            assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
        }
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    for nobody in [
        global(rivals_operator),
        global(Persona::PartnerAdmin),
        global(Persona::ReadOnlyPortalReader),
        global(Persona::Homeless),
        global(Persona::Unknown),
        "no id".to_owned(),
    ] {
        let reply = assign(&admin, bolt, &nobody, true).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{}", reply.text);
        assert!(reply.text.contains(r#""field":["input","operatorId"]"#), "{}", reply.text);
    }
    for (operator, assigned) in [(Persona::Operator, true), (Persona::UnassignedOperator, false)] {
        let reply = assign(&admin, bolt, &global(operator), assigned).await;
        assert_eq!(codes(&reply), ["NO_CHANGE"], "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}
