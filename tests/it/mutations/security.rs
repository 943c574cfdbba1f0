//! `setSamlConfiguration` and `setCustomerUserRole` (DESIGN.md 4 and 9).

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

async fn set_saml(client: &Client, customer: CustomerId, enabled: bool, issuer: Option<&str>) -> Reply {
    let document = "mutation ($input: SetSamlConfigurationInput!) { setSamlConfiguration(input: $input) { \
        customer { name securityConfiguration { samlEnabled samlIssuer } } userErrors { code message field } } }";
    let customer = GlobalId::Customer(customer).to_string();
    client
        .query(document, json!({ "input": { "customerId": customer, "enabled": enabled, "issuer": issuer } }))
        .await
}

async fn set_role(client: &Client, user: impl Into<UserId>, role: &str) -> Reply {
    let document = "mutation ($input: SetCustomerUserRoleInput!) { setCustomerUserRole(input: $input) { \
        customerUser { name role } partnerUser { name } userErrors { code message field } } }";
    let user = GlobalId::User(user.into()).to_string();
    client.query(document, json!({ "input": { "userId": user, "role": role } })).await
}

#[tokio::test]
async fn saml_is_set_up_and_the_logs_do_not_tell_the_issuer() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let (acme, crown) = (cast.acme.customer, cast.crown.customer);

    let reply = set_saml(&app.sign_in(Persona::FullPortalAdmin), acme, true, Some(" urn:acme:idp ")).await;
    assert_eq!(
        reply.body["data"]["setSamlConfiguration"],
        json!({ "customer": { "name": "Acme", "securityConfiguration": { "samlEnabled": true, "samlIssuer": "urn:acme:idp" } },
                "userErrors": [] })
    );
    let reply = set_saml(&app.sign_in(Persona::PartnerAdmin), crown, false, None).await;
    assert_eq!(
        reply.body["data"]["setSamlConfiguration"]["customer"]["securityConfiguration"],
        json!({ "samlEnabled": false, "samlIssuer": null })
    );
    let event = |log, by, old, new| json!([log, by, null, old, new]);
    assert_eq!(
        recorded(&app, "customer.saml_changed").await,
        [
            json!(["partner", "PartnerAdmin", null, null, null]),
            event("customer", "FullPortalAdmin", "enabled", "enabled"),
            event("customer", "PartnerAdmin", "enabled", "disabled"),
        ]
    );
    // A customer that has no settings yet.
    app.as_owner(&format!("delete from security_settings where customer_id = '{acme}'")).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    assert_eq!(codes(&set_saml(&admin, acme, false, None).await), ["NO_CHANGE"]);
    assert_eq!(codes(&set_saml(&admin, acme, true, Some("https://id.acme.example")).await), [] as [&str; 0]);
    assert_eq!(codes(&set_saml(&admin, acme, true, Some("https://id.acme.example")).await), ["NO_CHANGE"]);
}

#[tokio::test]
async fn an_issuer_is_a_url_or_a_urn() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let before = everything(&app).await;
    let long = format!("https://id.example/{}", "x".repeat(1024));
    for issuer in [
        None,
        Some(""),
        Some("id.example"),
        Some("https://"),
        Some("https:///saml"),
        Some("ftp://id.example"),
        Some("javascript:alert(1)"),
        Some("urn:x"),
        Some("urn:x:y"),
        Some("urn:example:"),
        Some("https://id.example/a b"),
        Some("https://id.example/\u{0}"),
        Some(long.as_str()),
    ] {
        let reply = set_saml(&admin, cast.acme.customer, true, issuer).await;
        assert_eq!(codes(&reply), ["INVALID"], "{issuer:?} {}", reply.text);
        assert!(reply.text.contains(r#""field":["input","issuer"]"#), "{}", reply.text);
    }
    assert_eq!(codes(&set_saml(&admin, cast.acme.customer, false, Some("nothing")).await), ["INVALID"]);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_customers_admin_gives_roles_and_the_next_request_obeys() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let (admin, reader) = (app.sign_in(Persona::FullPortalAdmin), app.sign_in(Persona::FullPortalReader));
    let reply = set_role(&admin, Persona::FullPortalReader, "ADMIN").await;
    assert_eq!(
        reply.body["data"]["setCustomerUserRole"],
        json!({ "customerUser": { "name": "FullPortalReader", "role": "ADMIN" }, "partnerUser": null, "userErrors": [] })
    );
    assert_eq!(reader.data("{ viewer { customerRole } }").await["viewer"]["customerRole"], "ADMIN");
    assert_eq!(codes(&set_role(&admin, Persona::FullPortalReader, "ADMIN").await), ["NO_CHANGE"]);
    // Now the other one is somebody's to keep, too.
    assert_eq!(codes(&set_role(&reader, Persona::FullPortalAdmin, "READ_ONLY").await), [] as [&str; 0]);
    assert_eq!(set_role(&admin, Persona::FullPortalReader, "READ_ONLY").await.codes(), ["FORBIDDEN"]);
    let who = |who: &str, role: &str| Value::from(format!("{who}@example.com as {role}"));
    assert_eq!(
        recorded(&app, "customer.user_role_changed").await,
        [
            json!([
                "customer",
                "FullPortalAdmin",
                null,
                who("fullportalreader", "READ_ONLY"),
                who("fullportalreader", "ADMIN")
            ]),
            json!([
                "customer",
                "FullPortalReader",
                null,
                who("fullportaladmin", "ADMIN"),
                who("fullportaladmin", "READ_ONLY")
            ]),
        ]
    );
}

/// What is kept under a key has the role that was given, not the one that was there.
#[tokio::test]
async fn a_role_that_was_given_is_kept_under_the_requests_key() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin).header("idempotency-key", "given");
    for _ in 0..2 {
        assert_eq!(codes(&set_role(&admin, Persona::FullPortalReader, "ADMIN").await), [] as [&str; 0]);
    }
    let mut owner = app.owner().await;
    let kept: Vec<Value> =
        sqlx::query_scalar("select outcome from idempotency_keys").fetch_all(&mut owner).await.unwrap();
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!(kept["done"]["of"]["Customer"][1], "ADMIN", "{kept}");
}

/// Of two who take each other's role at once, one keeps theirs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_always_remains() {
    let mut cast = Cast::new();
    let other = cast.world.customer_user(cast.acme.customer, CustomerRole::Admin, "Other Admin");
    let app = App::start(cast.world).await;
    let one = UserId::from(Persona::FullPortalAdmin);
    let clients = [app.sign_in(one), app.sign_in(other)];
    for _ in 0..5 {
        let (a, b) =
            tokio::join!(set_role(&clients[0], other, "READ_ONLY"), set_role(&clients[1], one, "READ_ONLY"));
        let done = [&a, &b].iter().filter(|reply| codes(reply).is_empty()).count();
        assert_eq!(done, 1, "{}\n{}", a.text, b.text);
        app.as_owner(&format!(
            "update customer_users set role = 'ADMIN' where user_id in ('{one}', '{other}')"
        ))
        .await;
    }
}

/// Everyone tries everyone, themselves included.
#[tokio::test]
async fn whoever_may_not_give_roles_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for by in Persona::ALL {
        let client = app.sign_in(by);
        for whom in Persona::ALL {
            let expected = match by {
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                Persona::FullPortalAdmin | Persona::ReadOnlyPortalAdmin | Persona::DisabledPortalAdmin => {
                    match (by, whom) {
                        (by, whom) if by == whom => "NOT_PERMITTED",
                        (Persona::FullPortalAdmin, Persona::FullPortalReader) => continue,
                        _ => "NOT_FOUND",
                    }
                }
                _ => "FORBIDDEN",
            };
            let reply = set_role(&client, whom, "ADMIN").await;
            assert_eq!(codes(&reply), [expected], "{by:?} {whom:?} {}", reply.text);
        }
    }
    assert_eq!(everything(&app).await, before);
}

/// The gateway's own role, whatever the gateway asks of it.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn the_database_refuses_what_the_gateway_would() {
    let mut cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme.customer, cast.bolt.customer, cast.crown.customer);
    let program = cast.world.customer_user(acme, CustomerRole::Admin, "Program");
    cast.world.rows.users.last_mut().unwrap().is_service = true;
    let app = App::start(cast.world).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    let read = gateway.execute("select secret_hash from api_keys").await.unwrap_err();
    assert_eq!(read.as_database_error().unwrap().code().as_deref(), Some("42501"));

    let role = |user: UserId| format!("update customer_users set role = 'ADMIN' where user_id = '{user}'");
    let saml = |customer| {
        format!("update security_settings set saml_enabled = false where customer_id = '{customer}'")
    };
    let revoke =
        |customer| format!("update api_keys set revoked_at = now() where customer_id = '{customer}'");
    let restore =
        |customer| format!("update api_keys set revoked_at = null where customer_id = '{customer}'");
    let new_user = |kind: &str, is_service: bool| {
        format!(
            "insert into users (id, kind, name, created_at, is_service) \
             values ('00000000-0000-0000-0000-00000000000a', '{kind}', 'x', now(), {is_service})"
        )
    };
    let disable = |user: UserId| format!("update users set disabled_at = now() where id = '{user}'");
    let invite = |role: &str| {
        format!(
            "with u as ({}) insert into customer_users (customer_id, user_id, role) \
             values ('{acme}', '00000000-0000-0000-0000-00000000000a', '{role}')",
            new_user("CUSTOMER_USER", false)
        )
    };
    let make = |customer: CustomerId, is_service: bool, role: &str| {
        format!(
            "with u as ({}), m as (insert into customer_users (customer_id, user_id, role) \
             values ('{customer}', '00000000-0000-0000-0000-00000000000a', '{role}')) \
             insert into api_keys (customer_id, id, user_id, label, last_four, secret_hash, created_at) \
             values ('{customer}', gen_random_uuid(), '00000000-0000-0000-0000-00000000000a', 'x', 'abcd', sha256('x'), now())",
            new_user("CUSTOMER_USER", is_service)
        )
    };
    let act_as = |user: UserId| {
        format!(
            "insert into api_keys (customer_id, id, user_id, label, last_four, secret_hash, created_at) \
             values ('{acme}', gen_random_uuid(), '{user}', 'x', 'abcd', sha256('x'), now())"
        )
    };
    let colleague = |is_service: bool, role: &str| {
        format!(
            "with u as ({}) insert into partner_users (partner_id, user_id, role) \
             values ('{}', '00000000-0000-0000-0000-00000000000a', '{role}')",
            new_user("PARTNER_USER", is_service),
            cast.birch
        )
    };
    let reader = UserId::from(Persona::FullPortalReader);
    let (full, partner) = (UserId::from(Persona::FullPortalAdmin), UserId::from(Persona::PartnerAdmin));
    let (closed, operator) = (UserId::from(Persona::ReadOnlyPortalAdmin), UserId::from(Persona::Operator));
    let denied = || Err("42501".to_owned());
    for (by, sql, outcome) in [
        (full, role(reader), Ok(1)),
        (full, role(full), Ok(0)),
        (program, role(reader), Ok(0)),
        (partner, role(UserId::from(Persona::DisabledPortalReader)), Ok(0)),
        (closed, role(UserId::from(Persona::ReadOnlyPortalReader)), Ok(0)),
        (full, disable(reader), Ok(1)),
        (program, disable(reader), Ok(0)),
        (program, disable(full), Ok(0)),
        (full, invite("ADMIN"), Ok(1)),
        (program, invite("ADMIN"), denied()),
        (program, invite("READ_ONLY"), Ok(1)),
        (full, saml(acme), Ok(1)),
        (program, saml(acme), Ok(0)),
        (full, saml(bolt), Ok(0)),
        (closed, saml(bolt), Ok(0)),
        (partner, saml(crown), Ok(1)),
        (partner, saml(bolt), Ok(0)),
        (operator, saml(crown), Ok(0)),
        (full, revoke(acme), Ok(1)),
        (program, revoke(acme), Ok(0)),
        (partner, revoke(crown), Ok(1)),
        (partner, revoke(acme), Ok(0)),
        (full, restore(acme), denied()),
        (full, make(acme, true, "ADMIN"), Ok(1)),
        (full, make(acme, false, "READ_ONLY"), denied()),
        (program, make(acme, true, "READ_ONLY"), denied()),
        (closed, make(bolt, true, "READ_ONLY"), denied()),
        (partner, make(crown, true, "READ_ONLY"), denied()),
        (partner, make(crown, true, "ADMIN"), denied()),
        (partner, make(bolt, true, "READ_ONLY"), denied()),
        // A key acts as nobody who is a person, nor as somebody else's.
        (full, act_as(full), denied()),
        (full, act_as(reader), denied()),
        (partner, colleague(true, "OPERATOR"), Ok(1)),
        (partner, colleague(false, "OPERATOR"), denied()),
        (operator, colleague(true, "OPERATOR"), denied()),
        (UserId::from(Persona::RivalAdmin), colleague(true, "OPERATOR"), denied()),
    ] {
        let opening = format!(
            "begin; set local role posture_writer; set local app.viewer = '{by}'; set local app.now = '2026-06-15T12:00:00Z'"
        );
        gateway.execute(AssertSqlSafe(opening)).await.unwrap();
        let done = gateway.execute(AssertSqlSafe(sql.as_str())).await;
        gateway.execute("rollback").await.unwrap();
        let done = done
            .map(|done| done.rows_affected())
            .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned());
        assert_eq!(done, outcome, "{by}: {sql}");
    }
}
