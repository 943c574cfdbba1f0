//! API keys of customers and of partners: made once, told once, kept hashed, and acting as users like any other.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::ConnectOptions as _;

use super::{codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

/// Sends a mutation of keys.
async fn of_keys(client: &Client, field: &str, input: Value) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ \
         apiKey {{ id label userId role lastFour createdAt revokedAt }} secret userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

async fn create(client: &Client, customer: CustomerId, label: &str, role: Option<&str>) -> Reply {
    let mut input = json!({ "customerId": GlobalId::Customer(customer).to_string(), "label": label });
    if let Some(role) = role {
        input["role"] = json!(role);
    }
    of_keys(client, "createApiKey", input).await
}

async fn create_for_partner(client: &Client, label: &str, role: &str) -> Reply {
    of_keys(client, "createPartnerApiKey", json!({ "label": label, "role": role })).await
}

/// The payload of the only field.
fn payload(reply: &Reply) -> &Value {
    reply.body["data"].as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null)
}

fn text<'r>(reply: &'r Reply, pointer: &str) -> &'r str {
    let text = payload(reply).pointer(pointer).and_then(Value::as_str);
    text.ok_or_else(|| format!("{pointer}: {}", reply.text)).unwrap()
}

async fn column(app: &App, sql: &'static str) -> Vec<Option<Vec<u8>>> {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    sqlx::query_scalar(sql).fetch_all(&mut owner).await.unwrap()
}

const NOBODY: [&str; 0] = [];
const WHO: &str = "{ viewer { kind name email partnerRole customerRole } }";

#[tokio::test]
async fn a_customers_key_is_told_once_kept_hashed_and_signs_in() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);

    let reply = create(&admin, cast.acme.customer, " Build pipeline ", None).await;

    let secret = text(&reply, "/secret").to_owned();
    assert!(secret.starts_with("posture_customer_") && secret.len() == 17 + 43, "{secret}");
    let mut key = payload(&reply)["apiKey"].clone();
    let (id, user) = (key["id"].take(), key["userId"].take());
    assert_eq!(
        key,
        json!({ "id": null, "userId": null, "label": "Build pipeline", "role": "READ_ONLY",
                "lastFour": &secret[secret.len() - 4..], "createdAt": "2026-06-15T12:00:00+00:00", "revokedAt": null })
    );
    assert_eq!(payload(&reply)["userErrors"], json!([]));
    // Nowhere in the database, but for its hash.
    assert!(!everything(&app).await.contains(&secret[17..]));
    assert_eq!(
        column(&app, "select secret_hash from api_keys where secret_hash is not null").await,
        [Some(Sha256::digest(&secret).to_vec())]
    );

    let program = app.with_token(&secret);
    assert_eq!(
        program.data(WHO).await["viewer"],
        json!({ "kind": "CUSTOMER_USER", "name": "Build pipeline", "email": null, "partnerRole": null,
                "customerRole": "READ_ONLY" })
    );
    let data = program.data("{ customer { name findings { totalCount } } }").await;
    assert_eq!(data["customer"], json!({ "name": "Acme", "findings": { "totalCount": 1 } }));
    // One statement more than anybody else.
    let reader = app.sign_in(Persona::FullPortalReader);
    assert_eq!(program.ask(WHO).await.statements, reader.ask(WHO).await.statements + 1);

    // As a user among users.
    let listed = admin
        .data("{ customer { users { nodes { id name isService } } securityConfiguration { roles { user role } apiKeys { label role userId } } } }")
        .await;
    let of_customer = &listed["customer"];
    let service: Vec<_> = of_customer["users"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|user| user["isService"] == true)
        .collect();
    assert_eq!(service, [&json!({ "id": user, "name": "Build pipeline", "isService": true })]);
    let roles = of_customer["securityConfiguration"]["roles"].as_array().unwrap();
    assert!(roles.contains(&json!({ "user": "Build pipeline", "role": "READ_ONLY" })), "{roles:?}");

    // Another role holds from the next request on; so does the end.
    let role = json!({ "input": { "userId": user, "role": "ADMIN" } });
    let set = "mutation ($input: SetCustomerUserRoleInput!) { setCustomerUserRole(input: $input) { userErrors { code } } }";
    assert_eq!(codes(&admin.query(set, role).await), NOBODY);
    assert_eq!(program.data(WHO).await["viewer"]["customerRole"], "ADMIN");
    let reply = of_keys(&admin, "revokeApiKey", json!({ "apiKeyId": id })).await;
    assert_eq!(
        (&payload(&reply)["apiKey"]["revokedAt"], &payload(&reply)["secret"]),
        (&json!("2026-06-15T12:00:00+00:00"), &Value::Null)
    );
    let garbage = app.with_token("garbage").ask(WHO).await;
    assert_eq!(garbage.status, 401);
    assert_eq!(program.ask(WHO).await.on_the_wire(), garbage.on_the_wire());
    let again = of_keys(&admin, "revokeApiKey", json!({ "apiKeyId": id })).await;
    assert_eq!(codes(&again), ["NO_CHANGE"]);
    // A revoked key's user stays disabled.
    let enable = "mutation ($input: EnableUserInput!) { enableUser(input: $input) { userErrors { code } } }";
    assert_eq!(codes(&admin.query(enable, json!({ "input": { "userId": user } })).await), ["WRONG_STATE"]);

    let event = |old: Value, new: Value| json!(["customer", "FullPortalAdmin", null, old, new]);
    assert_eq!(
        recorded(&app, "customer.api_key_created").await,
        [event(Value::Null, json!("Build pipeline as READ_ONLY"))]
    );
    assert_eq!(
        recorded(&app, "customer.api_key_revoked").await,
        [event(json!("Build pipeline"), Value::Null)]
    );
}

/// A key that a partner held would outlive its consent, its model and its contract.
#[tokio::test]
async fn an_operating_partner_revokes_read_only_keys_and_makes_none() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let portal = |level: i32| {
        format!("update customers set portal_access = {level} where customer_id = '{}'", crown.customer)
    };
    app.as_owner(&portal(2)).await;
    let reply = create(&app.sign_in(Persona::DisabledPortalAdmin), crown.customer, "Tickets", None).await;
    let (id, secret) = (text(&reply, "/apiKey/id").to_owned(), text(&reply, "/secret").to_owned());
    app.as_owner(&portal(0)).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for role in ["READ_ONLY", "ADMIN"] {
        assert_eq!(codes(&create(&admin, crown.customer, "Tickets", Some(role)).await), ["FORBIDDEN"]);
    }
    // The portal is closed to programs as it is to people.
    let program = app.with_token(&secret);
    assert_eq!(program.ask("{ customer { findings { totalCount } } }").await.codes(), ["HIDDEN"]);
    let reply = of_keys(&admin, "revokeApiKey", json!({ "apiKeyId": id })).await;
    assert_eq!(codes(&reply), NOBODY, "{}", reply.text);
    assert_eq!(program.ask(WHO).await.status, 401);
    assert_eq!(
        recorded(&app, "customer.api_key_revoked").await,
        [
            json!(["partner", "PartnerAdmin", null, null, null]),
            json!(["customer", "PartnerAdmin", null, "Tickets", null]),
        ]
    );
}

#[tokio::test]
async fn an_operating_partner_does_not_take_an_admins_key_away() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    // FULL for as long as the customer makes it: a partner that operates the customer closes it.
    app.as_owner(&format!("update customers set portal_access = 2 where customer_id = '{}'", crown.customer))
        .await;
    let reply =
        create(&app.sign_in(Persona::DisabledPortalAdmin), crown.customer, "Own", Some("ADMIN")).await;
    let id = text(&reply, "/apiKey/id").to_owned();
    let before = everything(&app).await;
    let reply = of_keys(&app.sign_in(Persona::PartnerAdmin), "revokeApiKey", json!({ "apiKeyId": id })).await;
    assert_eq!(codes(&reply), ["NOT_PERMITTED"], "{}", reply.text);
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn a_partners_key_acts_as_an_operator_that_can_be_assigned_and_disabled() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);

    let reply = create_for_partner(&admin, "Ticket sync", "OPERATOR").await;

    let secret = text(&reply, "/secret").to_owned();
    assert!(secret.starts_with("posture_partner_"), "{secret}");
    let (id, user) = (text(&reply, "/apiKey/id").to_owned(), text(&reply, "/apiKey/userId").to_owned());
    let program = app.with_token(&secret);
    assert_eq!(
        program.data(WHO).await["viewer"],
        json!({ "kind": "PARTNER_USER", "name": "Ticket sync", "email": null, "partnerRole": "OPERATOR",
                "customerRole": null })
    );
    let count = "{ partner { accesses { totalCount nodes { customer { name } } } } }";
    assert_eq!(program.data(count).await["partner"]["accesses"]["totalCount"], 0);
    let assign =
        "mutation ($input: AssignOperatorInput!) { assignOperator(input: $input) { userErrors { code } } }";
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let input = json!({ "input": { "accessId": bolt, "operatorId": user, "assigned": true } });
    assert_eq!(codes(&admin.query(assign, input).await), NOBODY);
    assert_eq!(
        program.data(count).await["partner"]["accesses"],
        json!({ "totalCount": 1, "nodes": [{ "customer": { "name": "Bolt" } }] })
    );
    // The customer is told of a program as of anybody else who can see it.
    let exposure = "{ customer { exposure { partners { users { name } } } } }";
    let told = app.sign_in(Persona::ReadOnlyPortalAdmin).ask(exposure).await;
    assert!(told.text.contains("Ticket sync"), "{}", told.text);

    for (mutation, status) in [("disableUser", 401), ("enableUser", 200)] {
        let name = format!("{}{}", mutation[..1].to_uppercase(), &mutation[1..]);
        let document = format!(
            "mutation ($input: {name}Input!) {{ {mutation}(input: $input) {{ partnerUser {{ isService }} userErrors {{ code }} }} }}"
        );
        let reply = admin.query(&document, json!({ "input": { "userId": user } })).await;
        assert_eq!(payload(&reply)["partnerUser"]["isService"], true, "{}", reply.text);
        assert_eq!(program.ask(WHO).await.status, status, "{mutation}");
    }

    let listed = admin.data("{ partner { apiKeys { nodes { label role lastFour revokedAt } } } }").await;
    assert_eq!(
        listed["partner"]["apiKeys"]["nodes"],
        json!([
            { "label": "Ticket sync", "role": "OPERATOR", "lastFour": &secret[secret.len() - 4..], "revokedAt": null },
            { "label": "Ticket system", "role": "OPERATOR", "lastFour": "beef", "revokedAt": null },
        ])
    );
    let reply = of_keys(&admin, "revokePartnerApiKey", json!({ "apiKeyId": id })).await;
    assert_eq!(codes(&reply), NOBODY, "{}", reply.text);
    assert_eq!(program.ask(WHO).await.on_the_wire(), app.with_token("garbage").ask(WHO).await.on_the_wire());
    let told = app.sign_in(Persona::ReadOnlyPortalAdmin).ask(exposure).await;
    assert!(!told.text.contains("Ticket sync"), "{}", told.text);
    assert_eq!(
        codes(&of_keys(&admin, "revokePartnerApiKey", json!({ "apiKeyId": id })).await),
        ["NO_CHANGE"]
    );

    let event = |old: Value, new: Value| json!(["partner", "PartnerAdmin", null, old, new]);
    assert_eq!(
        recorded(&app, "partner.api_key_created").await,
        [event(Value::Null, json!("Ticket sync as OPERATOR"))]
    );
    assert_eq!(recorded(&app, "partner.api_key_revoked").await, [event(json!("Ticket sync"), Value::Null)]);
}

/// A leaked key must not multiply, nor change who signs in and as what.
#[tokio::test]
async fn a_key_changes_nothing_about_who_signs_in() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let (acme, crown) = (cast.acme.customer, cast.crown.customer);
    let of_customer = create(&app.sign_in(Persona::FullPortalAdmin), acme, "Root", Some("ADMIN")).await;
    let of_partner = create_for_partner(&app.sign_in(Persona::PartnerAdmin), "Root", "ADMIN").await;
    let customers = app.with_token(text(&of_customer, "/secret"));
    let partners = app.with_token(text(&of_partner, "/secret"));
    // They are ADMINs in everything else.
    assert_eq!(
        partners.data("{ partner { accesses { totalCount } } }").await["partner"]["accesses"]["totalCount"],
        3
    );
    let own = customers.data("{ customer { securityConfiguration { apiKeys { label } } } }").await;
    assert_eq!(own["customer"]["securityConfiguration"]["apiKeys"].as_array().unwrap().len(), 2);
    let before = everything(&app).await;

    let (key, user) =
        (GlobalId::ApiKey(acme, cast.acme.posture.api_key), GlobalId::User(Persona::FullPortalReader.into()));
    let saml = |customer| json!({ "customerId": GlobalId::Customer(customer).to_string(), "enabled": false });
    let secret = "mutation ($input: SetSamlConfigurationInput!) { setSamlConfiguration(input: $input) { userErrors { code } } }";
    let role = "mutation ($input: SetCustomerUserRoleInput!) { setCustomerUserRole(input: $input) { userErrors { code } } }";
    let birch_key = GlobalId::PartnerApiKey(cast.birch, cast.birch_key).to_string();
    let disable =
        "mutation ($input: DisableUserInput!) { disableUser(input: $input) { userErrors { code } } }";
    let whom = |user: Persona| json!({ "input": { "userId": GlobalId::User(user.into()).to_string() } });
    let invite = "mutation ($input: InviteCustomerUserInput!) { inviteCustomerUser(input: $input) { userErrors { code } } }";
    let guest = json!({ "input": {
        "customerId": GlobalId::Customer(acme).to_string(), "email": "new@acme.example", "role": "ADMIN",
    } });
    let found =
        "mutation ($input: CreatePartnerInput!) { createPartner(input: $input) { userErrors { code } } }";
    let founded =
        "mutation ($input: CreateCustomerInput!) { createCustomer(input: $input) { userErrors { code } } }";
    let below = json!({ "name": "Below", "adminEmail": "new@below.example", "adminName": "Ada", "customerDataAccess": "NONE" });
    for reply in [
        customers.query(disable, whom(Persona::FullPortalAdmin)).await,
        partners.query(disable, whom(Persona::PartnerAdmin)).await,
        customers.query(invite, guest).await,
        create(&customers, acme, "Another", None).await,
        partners.query(found, json!({ "input": below })).await,
        partners
            .query(founded, json!({ "input": { "name": "Ours", "adminEmail": "mine@own.example" } }))
            .await,
        create_for_partner(&partners, "Another", "OPERATOR").await,
        of_keys(&customers, "revokeApiKey", json!({ "apiKeyId": key.to_string() })).await,
        of_keys(&partners, "revokePartnerApiKey", json!({ "apiKeyId": birch_key })).await,
        customers.query(secret, json!({ "input": saml(acme) })).await,
        partners.query(secret, json!({ "input": saml(crown) })).await,
        customers.query(role, json!({ "input": { "userId": user.to_string(), "role": "ADMIN" } })).await,
    ] {
        assert_eq!(codes(&reply), ["NOT_PERMITTED"], "{}", reply.text);
    }
    // What a customer's ADMIN decides at all times takes the ADMIN.
    let access = GlobalId::Access(acme, cast.acme.access);
    for (decision, input) in
        [("setPartnerConsent", "consent: MANAGE"), ("electOperatingModel", "operatingModel: CO_MANAGED")]
    {
        let document = format!(
            "mutation {{ {decision}(input: {{ accessId: \"{access}\", {input} }}) {{ userErrors {{ code }} }} }}"
        );
        let reply = customers.ask(&document).await;
        assert_eq!(reply.codes(), ["FORBIDDEN"], "{}", reply.text);
        assert!(reply.text.contains("decided by people, not by API keys"), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
    // And so say the policies: the key's user changes no consent, and makes no ADMIN of a new customer.
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    let mut as_key = async |name: &str, sql: String| {
        let mut owner = app.owner().await;
        let user: uuid::Uuid = sqlx::query_scalar(
            "select u.id from users u where u.is_service and u.kind = $1 and u.name = 'Root'",
        )
        .bind(name)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        let opening = format!(
            "begin; set local role posture_writer; set local app.viewer = '{user}'; set local app.now = '2026-06-15T12:00:00Z'"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(opening)).execute(&mut gateway).await.unwrap();
        let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut gateway)
            .await
            .map(|done| done.rows_affected());
        sqlx::raw_sql("rollback").execute(&mut gateway).await.unwrap();
        outcome.map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
    };
    let grants = format!(
        "update accesses set version = version + 1, customer_consent = 2 where id = '{}'",
        cast.acme.access
    );
    assert_eq!(as_key("CUSTOMER_USER", grants).await, Ok(0));
    let customer = uuid::Uuid::from_u128(7);
    let founds = format!(
        "insert into customers (customer_id, name, portal_access, created_by, created_at) values ('{customer}', 'Ours', 0, '{}', now()); \
         insert into users (id, kind, name, email, created_at) values ('{customer}', 'CUSTOMER_USER', 'x', 'x@x.example', now()); \
         insert into customer_users (customer_id, user_id, role) values ('{customer}', '{customer}', 'ADMIN')",
        cast.birch
    );
    assert_eq!(as_key("PARTNER_USER", founds).await, Err("42501".to_owned()));
}

#[tokio::test]
async fn the_same_request_again_makes_no_second_key_and_does_not_tell_it_again() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let customers = app.sign_in(Persona::FullPortalAdmin).header("idempotency-key", "once");
    let partners = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    for nth in 0..2 {
        let of_customer = create(&customers, cast.acme.customer, "CI", None).await;
        let of_partner = create_for_partner(&partners, "CI", "OPERATOR").await;
        for reply in [of_customer, of_partner] {
            assert_eq!(payload(&reply)["apiKey"]["label"], "CI", "{}", reply.text);
            assert_eq!(payload(&reply)["secret"].is_string(), nth == 0, "{}", reply.text);
        }
    }
    let made = "select secret_hash from api_keys where secret_hash is not null \
                union all select secret_hash from partner_api_keys where secret_hash is not null";
    assert_eq!(column(&app, made).await.len(), 2);
    assert!(!everything(&app).await.contains("posture_customer_"), "not even in the kept answer");
}

/// What begins like a key is never taken for a JWT, and what nobody was given costs no statement.
#[tokio::test]
async fn a_key_that_is_not_one_is_answered_like_any_other_bad_token() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let reply = create_for_partner(&app.sign_in(Persona::PartnerAdmin), "CI", "ADMIN").await;
    let secret = text(&reply, "/secret");
    let due = app.with_token("garbage").ask(WHO).await;
    let another = format!("posture_partner_{}", "A".repeat(43));
    let other_kind = secret.replace("partner", "customer");
    let jwt = app.token(Persona::PartnerAdmin, app.clock.now(), chrono::TimeDelta::hours(1));
    for (token, statements) in [
        (another.as_str(), 1),
        (other_kind.as_str(), 1),
        (&secret[..secret.len() - 1], 0),
        ("posture_", 0),
        ("posture_partner_", 0),
        (&format!("posture_{jwt}"), 0),
    ] {
        let reply = app.with_token(token).ask(WHO).await;
        assert_eq!((reply.on_the_wire(), reply.statements), (due.on_the_wire(), statements), "{token}");
        assert_eq!(app.with_token(token).get("query={viewer{name}}").await.status, 401);
    }
    // Scanners have tokens of their own.
    let path = format!("/ingest/sarif?customer={}", GlobalId::Customer(cast.bolt.customer));
    let client = app.with_token(secret);
    let reply = client.send(client.post_to(&path).body("{}")).await;
    assert_eq!((reply.status, reply.codes(), reply.statements), (401, vec!["UNAUTHENTICATED"], 0));
}

/// Everyone tries to keep everyone's keys.
#[tokio::test]
async fn whoever_may_not_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    let birch_key = GlobalId::PartnerApiKey(cast.birch, cast.birch_key).to_string();
    for persona in Persona::ALL {
        let client = app.sign_in(persona);
        let partner_admin =
            matches!(persona, Persona::DistributorAdmin | Persona::PartnerAdmin | Persona::RivalAdmin);
        let expected = match persona {
            Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
            _ if partner_admin => "",
            _ => "FORBIDDEN",
        };
        if !partner_admin {
            assert_eq!(
                codes(&create_for_partner(&client, "CI", "OPERATOR").await),
                [expected],
                "{persona:?}"
            );
        }
        if persona != Persona::PartnerAdmin {
            let reply = of_keys(&client, "revokePartnerApiKey", json!({ "apiKeyId": birch_key })).await;
            let expected = if partner_admin { "NOT_FOUND" } else { expected };
            assert_eq!(codes(&reply), [expected], "{persona:?}");
        }
        let listed = client.hidden_in_extensions().ask("{ partner { apiKeys { nodes { label } } } }").await;
        let labels = match persona {
            Persona::PartnerAdmin => json!({ "nodes": [{ "label": "Ticket system" }] }),
            Persona::RivalAdmin => json!({ "nodes": [{ "label": "Rival system" }] }),
            Persona::DistributorAdmin => json!({ "nodes": [] }),
            _ => Value::Null,
        };
        assert_eq!(listed.body["data"]["partner"]["apiKeys"], labels, "{persona:?}");
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    let acme_key = GlobalId::ApiKey(cast.acme.customer, cast.acme.posture.api_key).to_string();
    for nobody in
        ["no id", &acme_key, &GlobalId::PartnerApiKey(cast.birch, cast.acme.posture.api_key).to_string()]
    {
        let reply = of_keys(&admin, "revokePartnerApiKey", json!({ "apiKeyId": nobody })).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{nobody}");
        assert!(reply.text.contains(r#""field":["input","apiKeyId"]"#), "{}", reply.text);
    }
    for label in ["", "  ", "two\nlines", &"x".repeat(201)] {
        let customers = create(&app.sign_in(Persona::FullPortalAdmin), cast.acme.customer, label, None).await;
        for reply in [create_for_partner(&admin, label, "ADMIN").await, customers] {
            assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
            assert!(reply.text.contains(r#""field":["input","label"]"#), "{}", reply.text);
        }
    }
    assert_eq!(everything(&app).await, before);
}
