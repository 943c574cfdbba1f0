//! What a hidden field answers, to the byte, in both placements (DESIGN.md 4).

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use crate::support::app::{App, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

/// Why Birch's admin does not see Acme's posture.
const BY_MODEL: &str = "posture is hidden: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or \
                        FULLY_MANAGED, which a partner admin can set";

/// Path and reason of each error.
fn denials(reply: &Reply) -> Vec<(String, String)> {
    let errors = reply.body["errors"].as_array().cloned().unwrap_or_default();
    let path = |error: &Value| {
        let segments = error["path"].as_array().unwrap().iter();
        segments
            .map(|s| s.as_str().map_or_else(|| s.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(".")
    };
    errors.iter().map(|e| (path(e), e["extensions"]["reason"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn a_hidden_field_is_null_and_an_error_says_why() {
    let cast = Cast::new();
    let id = GlobalId::Customer(cast.acme.customer);
    let app = App::start(cast.world).await;
    let document = format!(
        "{{\n  customer(id: \"{id}\") {{\n    name\n    findings {{ totalCount }}\n    portalAccess\n  }}\n}}"
    );

    let reply = app.sign_in(Persona::PartnerAdmin).ask(&document).await;

    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text,
        format!(
            r#"{{"data":{{"customer":{{"name":"Acme","findings":null,"portalAccess":"FULL"}}}},"errors":[{{"message":"{BY_MODEL}","locations":[{{"line":4,"column":5}}],"path":["customer","findings"],"extensions":{{"class":"POSTURE","code":"HIDDEN","reason":"OPERATING_MODEL"}}}}]}}"#
        )
    );
}

#[tokio::test]
async fn a_client_that_asks_for_it_finds_the_reason_in_the_extensions() {
    let cast = Cast::new();
    let id = GlobalId::Customer(cast.acme.customer);
    let app = App::start(cast.world).await;
    let document = format!(r#"{{ customer(id: "{id}") {{ name findings {{ totalCount }} portalAccess }} }}"#);

    let reply = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions().ask(&document).await;

    assert_eq!(
        reply.text,
        r#"{"data":{"customer":{"name":"Acme","findings":null,"portalAccess":"FULL"}},"extensions":{"hidden":[{"coordinate":"Customer.findings","class":"POSTURE","reason":"OPERATING_MODEL","count":1,"paths":[["customer","findings"]]}]}}"#
    );
}

#[tokio::test]
async fn where_nothing_is_hidden_the_extensions_are_absent() {
    let app = App::start(Cast::new().world).await;
    let reply = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions().ask("{ viewer { name } }").await;
    assert_eq!(reply.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
}

/// One hidden customer, reached in every way there is.
fn every_way(cast: &Cast) -> String {
    let (customer, access) =
        (GlobalId::Customer(cast.acme.customer), GlobalId::Access(cast.acme.customer, cast.acme.access));
    format!(
        r#"query {{
            viewer {{ partner {{ accesses {{ nodes {{ customer {{ name risk: posture {{ riskScore }} createdAt }} }} }} }} }}
            node(id: "{customer}") {{ id ... on Customer {{ name lastScanAt }} ...named }}
            nodes(ids: ["{access}", "{customer}"]) {{
                ... on Access {{ customer {{ ...named portalAccess }} }}
                ... on Customer {{ ... {{ auditLog {{ nodes {{ id }} }} }} }}
            }}
            first: access(id: "{access}") {{ customer {{ a: assets {{ totalCount }} b: assets {{ totalCount }} }} }}
        }}
        fragment named on Customer {{ scans {{ nodes {{ id }} }} securityConfiguration {{ samlEnabled }} }}"#
    )
}

#[tokio::test]
async fn it_is_the_same_in_lists_through_fragments_aliases_and_interfaces() {
    let cast = Cast::new();
    let document = every_way(&cast);
    let (acme, access) = (
        GlobalId::Customer(cast.acme.customer).to_string(),
        GlobalId::Access(cast.acme.customer, cast.acme.access).to_string(),
    );
    assert_ne!(acme, access);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);

    let reply = admin.ask(&document).await;

    let created = "2025-11-27T12:00:00+00:00";
    let data = json!({
        "viewer": { "partner": { "accesses": { "nodes": [
            { "customer": { "name": "Acme", "risk": null, "createdAt": created } },
            { "customer": { "name": "Bolt", "risk": { "riskScore": 3.8 }, "createdAt": created } },
            { "customer": { "name": "Crown", "risk": { "riskScore": 3.8 }, "createdAt": created } },
        ] } } },
        "node": { "id": acme, "name": "Acme", "lastScanAt": null, "scans": null, "securityConfiguration": null },
        "nodes": [
            { "customer": { "scans": null, "securityConfiguration": null, "portalAccess": "FULL" } },
            { "auditLog": null },
        ],
        "first": { "customer": { "a": null, "b": null } },
    });
    assert_eq!(reply.body["data"], data);
    let by_model = |path: &str| (path.to_owned(), "OPERATING_MODEL".to_owned());
    assert_eq!(
        denials(&reply),
        [
            "viewer.partner.accesses.nodes.0.customer.risk",
            "node.lastScanAt",
            "node.scans",
            "node.securityConfiguration",
            "nodes.0.customer.scans",
            "nodes.0.customer.securityConfiguration",
            "nodes.1.auditLog",
            "first.customer.a",
            "first.customer.b",
        ]
        .map(by_model)
    );

    let reply = admin.hidden_in_extensions().ask(&document).await;
    assert_eq!(reply.body["data"], data);
    assert_eq!(reply.body.get("errors"), None);
    let entry = |coordinate: &str, class: &str, paths: Value| {
        let count = paths.as_array().unwrap().len();
        json!({ "coordinate": coordinate, "class": class, "reason": "OPERATING_MODEL", "count": count, "paths": paths })
    };
    assert_eq!(
        reply.body["extensions"]["hidden"],
        json!([
            entry(
                "Customer.assets",
                "POSTURE",
                json!([["first", "customer", "a"], ["first", "customer", "b"]])
            ),
            entry("Customer.auditLog", "ACTIVITY", json!([["nodes", 1, "auditLog"]])),
            entry("Customer.lastScanAt", "POSTURE", json!([["node", "lastScanAt"]])),
            entry(
                "Customer.posture",
                "POSTURE",
                json!([["viewer", "partner", "accesses", "nodes", 0, "customer", "risk"]])
            ),
            entry("Customer.scans", "POSTURE", json!([["node", "scans"], ["nodes", 0, "customer", "scans"]])),
            entry(
                "Customer.securityConfiguration",
                "SECURITY_CONFIG",
                json!([["node", "securityConfiguration"], ["nodes", 0, "customer", "securityConfiguration"]])
            ),
        ])
    );
}

#[tokio::test]
async fn a_list_tells_one_denial_once_with_its_count_and_its_first_paths() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    for n in 0..8 {
        let customer = world.customer(partner, &format!("Customer {n}"), PortalAccess::Disabled);
        world.access(partner, customer, Terms::customer_managed());
    }
    let admin = world.partner_admin(partner, "Ada");
    let app = App::start(world).await;
    let document = "{ partner { accesses { nodes { customer { posture { assets } } } } } }";

    let reply = app.sign_in(admin).hidden_in_extensions().ask(document).await;

    let path = |n: u32| json!(["partner", "accesses", "nodes", n, "customer", "posture"]);
    assert_eq!(
        reply.body["extensions"],
        json!({ "hidden": [{
            "coordinate": "Customer.posture",
            "class": "POSTURE",
            "reason": "OPERATING_MODEL",
            "count": 8,
            "paths": [path(0), path(1), path(2)],
        }] })
    );
}

#[tokio::test]
async fn a_hidden_field_costs_no_statement() {
    let cast = Cast::new();
    let (acme, bolt) = (GlobalId::Customer(cast.acme.customer), GlobalId::Customer(cast.bolt.customer));
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let gated = "posture { riskScore } findings { totalCount } assets { totalCount } components { totalCount } \
                 scans { nodes { id } } scanSchedules { nodes { id } } evidence { nodes { id } } lastScanAt \
                 postureShares { nodes { id } } auditLog { nodes { id } } securityConfiguration { samlEnabled }";
    let ask = async |id: &GlobalId, fields: &str| {
        admin.ask(&format!(r#"{{ customer(id: "{id}") {{ name {fields} }} }}"#)).await
    };

    let plain = ask(&acme, "visibility { class }").await;
    let hidden = ask(&acme, &format!("visibility {{ class }} {gated}")).await;
    assert_eq!(denials(&hidden).len(), 11);
    assert_eq!(hidden.statements, plain.statements);
    assert_eq!(ask(&acme, "").await.statements, plain.statements);

    let shown = ask(&bolt, gated).await;
    assert_eq!(
        denials(&shown),
        [("customer.securityConfiguration".to_owned(), "OPERATING_MODEL".to_owned())]
    );
    assert!(shown.statements > plain.statements + 5, "{}", shown.statements);
}

#[tokio::test]
async fn another_value_of_the_header_is_refused() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let refusal = r#"{"errors":[{"extensions":{"code":"BAD_REQUEST"},"message":"the request header `hidden-fields` takes the value `extensions` or `errors`"}]}"#;
    for value in ["", "Extensions", "extension", "errors,extensions", "null"] {
        let reply = admin.header("hidden-fields", value).ask("{ viewer { id } }").await;
        assert_eq!((reply.status, reply.text.as_str()), (400, refusal), "{value:?}");
        let get = admin.header("hidden-fields", value).get("query={viewer{id}}").await;
        assert_eq!((get.status, get.text.as_str()), (400, refusal), "{value:?}");
    }
    let twice = admin.hidden_in_extensions().hidden_in_extensions().ask("{ viewer { id } }").await;
    assert_eq!((twice.status, twice.text.as_str()), (400, refusal));
    assert_eq!(admin.header("hidden-fields", "errors").ask("{ viewer { id } }").await.status, 200);
}

/// What one class answers to a partner's admin: shown, or hidden with a reason and a sentence.
type Answer = Result<(), &'static str>;

/// Each rule of the partner's table, with what `POSTURE` and `SECURITY_CONFIG` answer.
fn each_rule() -> Vec<(Terms, Answer, Answer)> {
    use OperatingModel::{CoManaged, CustomerManaged, FullyManaged};
    use Privilege::{Manage, None};
    let suspended = Err("ACCESS_STATUS: the access is SUSPENDED, it takes ACTIVE, so it has to be resumed");
    let ended =
        Err("ACCESS_STATUS: the access is ENDED, it takes a new access, which a partner admin can quote");
    let expired =
        Err("ACCESS_STATUS: the trial has expired, it takes a conversion, which a partner admin can make");
    let co_managed =
        Err("OPERATING_MODEL: the operating model is CO_MANAGED, it takes FULLY_MANAGED, which a partner \
                          admin can set");
    let trial = Err(
        "OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or FULLY_MANAGED, \
                     which the customer's admin can elect during the trial",
    );
    let trial_security =
        Err("OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes FULLY_MANAGED, which \
                              the customer's admin can elect during the trial");
    let low_ceiling =
        Err("PRIVILEGE: the contract's privilege ceiling is SUPPORT, it takes MANAGE, which a partner \
                           admin can set");
    let no_ceiling =
        Err("PRIVILEGE: the contract's privilege ceiling is NONE, it takes SUPPORT, which a partner \
                          admin can set");
    let low_consent =
        Err("CONSENT: the customer's consent is SUPPORT, it takes MANAGE, which a customer admin can grant");
    let no_consent =
        Err("CONSENT: the customer's consent is NONE, it takes SUPPORT, which a customer admin can grant");
    vec![
        (Terms::fully_managed(), Ok(()), Ok(())),
        (Terms::co_managed(), Ok(()), co_managed),
        (Terms::of(FullyManaged).ceiling(Manage), Ok(()), low_consent),
        (Terms::of(FullyManaged).consent(Manage), Ok(()), low_ceiling),
        (Terms::of(CoManaged).ceiling(None), no_ceiling, co_managed),
        (Terms::of(FullyManaged).consent(None), no_consent, low_ceiling),
        (Terms::fully_managed().status(AccessStatus::Suspended), suspended, suspended),
        (Terms::fully_managed().status(AccessStatus::Ended), ended, ended),
        (Terms::of(CustomerManaged).trial_until(days(5)), trial, trial_security),
        (Terms::of(CoManaged).trial_until(days(0)), expired, expired),
    ]
}

#[tokio::test]
async fn each_rule_says_what_would_lift_it() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let rules: Vec<_> = each_rule()
        .into_iter()
        .map(|(terms, posture, security)| {
            let customer = world.customer(partner, "Acme", PortalAccess::Disabled);
            world.access(partner, customer, terms);
            (GlobalId::Customer(customer), terms, posture, security)
        })
        .collect();
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    for (id, terms, posture, security) in rules {
        let document = format!(
            r#"{{ customer(id: "{id}") {{ posture {{ assets }} auditLog {{ nodes {{ id }} }} securityConfiguration {{ samlEnabled }} }} }}"#
        );
        let reply = admin.ask(&document).await;
        let errors = reply.body["errors"].as_array().cloned().unwrap_or_default();
        let said: Vec<_> = errors
            .iter()
            .map(|error| {
                let (noun, rule) = error["message"].as_str().unwrap().split_once(" is hidden: ").unwrap();
                (noun, format!("{}: {rule}", error["extensions"]["reason"].as_str().unwrap()))
            })
            .collect();
        let expected: Vec<_> =
            [("posture", posture), ("activity", posture), ("the security configuration", security)]
                .into_iter()
                .filter_map(|(noun, answer)| Some((noun, answer.err()?.to_owned())))
                .collect();
        assert_eq!(said, expected, "{terms:?}");
    }
}

#[tokio::test]
async fn prices_and_books_say_which_role_they_take() {
    let app = App::start(Cast::new().world).await;
    let document = "{ partner { accesses { nodes { subscription { plan margin { amount } } } } \
                    billing(month: \"2026-06-01\") { month } auditLog { nodes { id } } } }";
    let reply = app.sign_in(Persona::Operator).ask(document).await;
    assert_eq!(
        reply.body["data"]["partner"],
        json!({
            "accesses": { "nodes": [{ "subscription": { "plan": "Standard", "margin": null } }] },
            "billing": null,
            "auditLog": null,
        })
    );
    let role = |path: &str| (path.to_owned(), "ROLE".to_owned());
    assert_eq!(
        denials(&reply),
        ["partner.accesses.nodes.0.subscription.margin", "partner.billing", "partner.auditLog"].map(role)
    );
    let classes: Vec<_> =
        reply.body["errors"].as_array().unwrap().iter().map(|e| e["extensions"]["class"].clone()).collect();
    assert_eq!(classes, ["PRICING", "PRICING", "COMMERCIAL"]);
}

#[tokio::test]
async fn a_customer_reads_what_its_portal_would_take() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let customer = world.customer(partner, "Acme", PortalAccess::ReadOnly);
    world.access(partner, customer, Terms::co_managed());
    let (admin, reader) = (
        world.customer_user(customer, CustomerRole::Admin, "Ada"),
        world.customer_user(customer, CustomerRole::ReadOnly, "Rob"),
    );
    let app = App::start(world).await;
    let document = "{ customer { auditLog { nodes { id } } securityConfiguration { samlEnabled } } }";
    let messages = async |user| {
        let reply = app.sign_in(user).ask(document).await;
        let errors = reply.body["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        messages(admin).await,
        [
            "the security configuration is hidden: the portal access is READ_ONLY, it takes FULL, which an admin of the \
          managing partner can set"
        ]
    );
    assert_eq!(
        messages(reader).await,
        [
            "activity is hidden: the role is READ_ONLY, it takes ADMIN, which a customer admin can give",
            "the security configuration is hidden: the role is READ_ONLY, it takes ADMIN, which a customer admin can give",
        ]
    );
}
