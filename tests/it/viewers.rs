//! Who sees what (DESIGN.md 3, 4 and 9), one persona after the other.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use serde_json::{Value, json};

use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};

#[tokio::test]
async fn whoever_signs_in_sees_who_they_are() {
    let app = App::start(Cast::new().world).await;
    let (birch, customer) = (Some("Birch Security"), None::<(&str, &str)>);
    let cases = [
        (
            Persona::DistributorAdmin,
            "PARTNER_USER",
            Some("ADMIN"),
            Some("Alder Distribution"),
            None,
            customer,
        ),
        (Persona::PartnerAdmin, "PARTNER_USER", Some("ADMIN"), birch, None, None),
        (Persona::Operator, "PARTNER_USER", Some("OPERATOR"), birch, None, None),
        (Persona::FullPortalAdmin, "CUSTOMER_USER", None, None, Some("ADMIN"), Some(("Acme", "FULL"))),
        (
            Persona::ReadOnlyPortalReader,
            "CUSTOMER_USER",
            None,
            None,
            Some("READ_ONLY"),
            Some(("Bolt", "READ_ONLY")),
        ),
        (
            Persona::DisabledPortalAdmin,
            "CUSTOMER_USER",
            None,
            None,
            Some("ADMIN"),
            Some(("Crown", "DISABLED")),
        ),
        (
            Persona::DisabledPortalReader,
            "CUSTOMER_USER",
            None,
            None,
            Some("READ_ONLY"),
            Some(("Crown", "DISABLED")),
        ),
        (Persona::PlatformAdmin, "PLATFORM_ADMIN", None, None, None, None),
        (Persona::Scanner, "SCANNER", None, None, None, None),
    ];
    for (persona, kind, partner_role, partner, customer_role, customer) in cases {
        let document = "{ viewer { id kind name email partnerRole partner { name } customerRole customer { name portalAccess } } }";
        let name = format!("{persona:?}");
        assert_eq!(
            app.sign_in(persona).data(document).await["viewer"],
            json!({
                "id": GlobalId::User(UserId::from(persona)).to_string(),
                "kind": kind,
                "name": name,
                "email": format!("{}@example.com", name.to_lowercase()),
                "partnerRole": partner_role,
                "partner": partner.map(|name| json!({ "name": name })),
                "customerRole": customer_role,
                "customer": customer.map(|(name, portal)| json!({ "name": name, "portalAccess": portal })),
            })
        );
    }
}

#[tokio::test]
async fn without_a_sign_in_there_is_no_viewer_and_nothing_else() {
    let cast = Cast::new();
    let id = GlobalId::Access(cast.bolt.customer, cast.bolt.access);
    let app = App::start(cast.world).await;
    let document = format!(
        r#"{{ viewer {{ name }} node(id: "{id}") {{ id }} partner {{ name }} customer {{ name }} access(id: "{id}") {{ id }}
              previewOperatingModel(accessId: "{id}", operatingModel: CO_MANAGED) {{ gained }} }}"#
    );
    let nobody = app.anonymous().ask(&document).await;
    assert_eq!(nobody.status, 200);
    assert_eq!(
        nobody.body["data"],
        json!({ "viewer": null, "node": null, "partner": null, "customer": null, "access": null, "previewOperatingModel": null })
    );
    let errors: Vec<_> = nobody.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["path"].clone(), error["message"].as_str().unwrap(), error["extensions"].clone()))
        .collect();
    let refused = |field: &str| {
        (
            json!([field]),
            "sign in first: this takes a bearer token of an enabled user",
            json!({ "code": "UNAUTHENTICATED" }),
        )
    };
    assert_eq!(errors, ["node", "partner", "customer", "access", "previewOperatingModel"].map(refused));
    assert_eq!(nobody.statements, 0);

    let nodes =
        app.anonymous().ask(&format!(r#"{{ viewer {{ name }} nodes(ids: ["{id}"]) {{ id }} }}"#)).await;
    assert_eq!((nodes.body["data"].clone(), nodes.codes()), (json!(null), vec!["UNAUTHENTICATED"]));

    for persona in [Persona::DisabledUser, Persona::Homeless, Persona::Unknown] {
        let reply = app.sign_in(persona).ask(&document).await;
        assert_eq!(reply.on_the_wire(), nobody.on_the_wire(), "{persona:?}");
    }
    for malformed in ["node(id: \"x\") { id }", "partner(id: \"x\") { id }", "nodes(ids: [\"x\"]) { id }"] {
        assert_eq!(app.anonymous().ask(&format!("{{ {malformed} }}")).await.codes(), ["UNAUTHENTICATED"]);
    }
}

/// The customers on the own partner's list, with what the dashboard counts.
async fn home(client: &Client) -> Value {
    client
        .data(
            "{ partner { accesses { totalCount nodes { customer { name } } } dashboard {
                commercial { accesses monthlyRecurringRevenue { amount } }
                posture { accessesIncluded accessesExcluded assets openFindings { total } } } } }",
        )
        .await["partner"]
        .clone()
}

fn home_of(names: &[&str], revenue: &str, included: usize) -> Value {
    let nodes: Vec<_> = names.iter().map(|name| json!({ "customer": { "name": name } })).collect();
    json!({
        "accesses": { "totalCount": names.len(), "nodes": nodes },
        "dashboard": {
            "commercial": { "accesses": names.len(), "monthlyRecurringRevenue": { "amount": revenue } },
            "posture": {
                "accessesIncluded": included,
                "accessesExcluded": names.len() - included,
                "assets": included,
                "openFindings": { "total": included },
            },
        },
    })
}

#[tokio::test]
async fn a_partners_users_see_and_count_what_is_in_their_scope() {
    let app = App::start(Cast::new().world).await;
    for (persona, names, revenue, included) in [
        (Persona::PartnerAdmin, &["Acme", "Bolt", "Crown"][..], "300.00", 2),
        (Persona::Operator, &["Bolt"], "100.00", 1),
        (Persona::UnassignedOperator, &[], "0.00", 0),
        (Persona::RivalAdmin, &["Bolt", "Dune"], "200.00", 1),
        (Persona::DistributorAdmin, &[], "0.00", 0),
    ] {
        assert_eq!(home(&app.sign_in(persona)).await, home_of(names, revenue, included), "{persona:?}");
    }
}

#[tokio::test]
async fn an_admin_reads_the_books_and_an_operator_does_not() {
    let app = App::start(Cast::new().world).await;
    let document = "{ partner { billing(month: \"2026-06-15\") { month total { amount } unitCostTotal { amount } marginTotal { amount }
        lines { plan access { customer { name } } } } auditLog { nodes { action } } } }";
    let admin = app.sign_in(Persona::PartnerAdmin).data(document).await;
    let line = |name: &str| json!({ "plan": "Standard", "access": { "customer": { "name": name } } });
    assert_eq!(
        admin["partner"],
        json!({
            "billing": {
                "month": "2026-06-01",
                "total": { "amount": "300.00" },
                "unitCostTotal": { "amount": "180.00" },
                "marginTotal": { "amount": "120.00" },
                "lines": [line("Acme"), line("Bolt"), line("Crown")],
            },
            "auditLog": { "nodes": [{ "action": "ACCESS_CREATED" }] },
        })
    );
    let operator = app.sign_in(Persona::Operator).ask(document).await;
    assert_eq!(operator.body["data"]["partner"], json!({ "billing": null, "auditLog": null }));
    assert_eq!(operator.codes(), ["HIDDEN", "HIDDEN"]);
}

/// The classes that `visibility` shows, on the customer and on its accesses.
async fn shown(client: &Client) -> (Vec<String>, Vec<String>) {
    let list = |visibility: &Value| {
        let classes = visibility.as_array().unwrap().iter();
        classes
            .filter(|c| c["visible"] == true)
            .map(|c| c["class"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let data = client
        .data("{ customer { visibility { class visible } accesses { nodes { visibility { class visible } } } } }")
        .await;
    let customer = &data["customer"];
    let access = customer["accesses"]["nodes"].get(0).map(|access| list(&access["visibility"]));
    (list(&customer["visibility"]), access.unwrap_or_default())
}

/// Every gated field of the own organisation, by class; true where it answers.
const GATED: &str = "{ customer { posture { assets } findings { totalCount } auditLog { nodes { id } } \
                     securityConfiguration { samlEnabled roles { role } apiKeys { label } } \
                     accesses { nodes { status operatingModel effectivePrivilege trial { endsAt } subscription { plan price { amount } margin { amount } } } } } }";

#[tokio::test]
async fn a_customers_users_see_what_portal_and_role_open() {
    let app = App::start(Cast::new().world).await;
    let all_but_pricing = &["COMMERCIAL", "POSTURE", "ACTIVITY", "SECURITY_CONFIG"][..];
    for (persona, classes, accesses) in [
        (Persona::DisabledPortalReader, &[][..], 0),
        (Persona::DisabledPortalAdmin, &[], 1),
        (Persona::ReadOnlyPortalReader, &["COMMERCIAL", "POSTURE"], 2),
        (Persona::ReadOnlyPortalAdmin, &["COMMERCIAL", "POSTURE", "ACTIVITY"], 2),
        (Persona::FullPortalReader, &["COMMERCIAL", "POSTURE"], 1),
        (Persona::FullPortalAdmin, all_but_pricing, 1),
    ] {
        let client = app.sign_in(persona);
        let (customer, access) = shown(&client).await;
        assert_eq!(customer, classes, "{persona:?}");
        assert_eq!(access, if accesses > 0 { classes } else { &[] }, "{persona:?}");
        let data = client.hidden_in_extensions().data(GATED).await;
        let own = &data["customer"];
        for (field, class) in [
            ("posture", "POSTURE"),
            ("findings", "POSTURE"),
            ("auditLog", "ACTIVITY"),
            ("securityConfiguration", "SECURITY_CONFIG"),
        ] {
            assert_eq!(!own[field].is_null(), classes.contains(&class), "{persona:?} {field}");
        }
        let list = own["accesses"]["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(list.len(), accesses, "{persona:?}");
        for access in list {
            assert_eq!(access["status"], "ACTIVE");
            assert_eq!(!access["subscription"].is_null(), classes.contains(&"COMMERCIAL"), "{persona:?}");
            assert_eq!(access["subscription"]["margin"], Value::Null);
        }
    }
}

/// The portal is off: no way round through the partner tells what the subscription would.
#[tokio::test]
async fn a_disabled_portal_hides_the_commercial_side_everywhere() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::DisabledPortalAdmin);
    let through = async |fields: &str| {
        let document = format!("{{ customer {{ accesses {{ nodes {{ partner {{ {fields} }} }} }} }} }}");
        admin.data(&document).await["customer"]["accesses"]["nodes"][0]["partner"].clone()
    };
    assert_eq!(
        through("name dashboard { commercial { monthlyRecurringRevenue { amount } renewalsWithin30Days usageAlerts } }").await,
        json!({
            "name": "Birch Security",
            "dashboard": { "commercial": {
                "monthlyRecurringRevenue": { "amount": "0.00" }, "renewalsWithin30Days": 0, "usageAlerts": 0,
            } },
        })
    );
    for plan in ["Standard", "Other"] {
        let filtered = through(&format!("accesses(filter: {{ plan: [\"{plan}\"] }}) {{ totalCount }}")).await;
        assert_eq!(filtered, json!({ "accesses": { "totalCount": 0 } }), "{plan}");
    }
    for order in ["PLAN", "RENEWAL_DATE"] {
        let listed = through(&format!(
            "accesses(orderBy: {{ field: {order}, direction: ASC }}) {{ edges {{ cursor node {{ status }} }} }}"
        ))
        .await;
        let cursor = listed["accesses"]["edges"][0]["cursor"].as_str().unwrap();
        let cursor =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, cursor).unwrap();
        let cursor = String::from_utf8(cursor).unwrap();
        assert!(!cursor.contains("Standard") && cursor.contains("Crown"), "{cursor}");
    }
}

#[tokio::test]
async fn a_customer_reaches_nothing_else_of_its_partner() {
    let app = App::start(Cast::new().world).await;
    let document = "{ customer { access { id } accesses { nodes { partner { name parent { name } children { nodes { name } }
        accesses { totalCount nodes { customer { name } } } billing(month: \"2026-06-01\") { month } auditLog { nodes { id } }
        dashboard { commercial { accesses } posture { accessesIncluded assets } } } } } } }";
    let reply = app.sign_in(Persona::FullPortalAdmin).hidden_in_extensions().ask(document).await;
    let partner = &reply.body["data"]["customer"]["accesses"]["nodes"][0]["partner"];
    assert_eq!(
        *partner,
        json!({
            "name": "Birch Security",
            "parent": null,
            "children": { "nodes": [] },
            "accesses": { "totalCount": 1, "nodes": [{ "customer": { "name": "Acme" } }] },
            "billing": null,
            "auditLog": null,
            "dashboard": { "commercial": { "accesses": 1 }, "posture": { "accessesIncluded": 0, "assets": 0 } },
        })
    );
    assert_eq!(reply.body["data"]["customer"]["access"], Value::Null);
}

#[tokio::test]
async fn a_platform_admin_sees_the_business_and_no_posture_of_anyone() {
    let cast = Cast::new();
    let (birch, crown) = (GlobalId::Partner(cast.birch), GlobalId::Customer(cast.crown.customer));
    let app = App::start(cast.world).await;
    let document = format!(
        r#"{{
            partner(id: "{birch}") {{
                name
                accesses {{ totalCount nodes {{ subscription {{ margin {{ amount }} }} }} }}
                filtered: accesses(filter: {{ minOpenSeverity: INFO }}) {{ totalCount }}
                dashboard {{ commercial {{ accesses }} posture {{ accessesIncluded assets meanRiskScore openFindings {{ total }} slaBreaches }} }}
                billing(month: "2026-06-01") {{ marginTotal {{ amount }} }}
                auditLog {{ nodes {{ id }} }}
            }}
            customer(id: "{crown}") {{ name access {{ id }} accesses {{ totalCount }} posture {{ assets }} auditLog {{ nodes {{ id }} }} securityConfiguration {{ samlEnabled }} }}
        }}"#
    );
    let reply = app.sign_in(Persona::PlatformAdmin).hidden_in_extensions().ask(&document).await;
    let sold = json!({ "subscription": { "margin": { "amount": "40.00" } } });
    assert_eq!(
        reply.body["data"],
        json!({
            "partner": {
                "name": "Birch Security",
                "accesses": { "totalCount": 3, "nodes": [sold, sold, sold] },
                "filtered": { "totalCount": 0 },
                "dashboard": {
                    "commercial": { "accesses": 3 },
                    "posture": { "accessesIncluded": 0, "assets": 0, "meanRiskScore": null, "openFindings": { "total": 0 }, "slaBreaches": 0 },
                },
                "billing": { "marginTotal": { "amount": "120.00" } },
                "auditLog": null,
            },
            "customer": { "name": "Crown", "access": null, "accesses": null, "posture": null, "auditLog": null, "securityConfiguration": null },
        })
    );
    let hidden: Vec<_> = reply.body["extensions"]["hidden"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!("{} {}", entry["coordinate"].as_str().unwrap(), entry["reason"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        hidden,
        [
            "Customer.auditLog ROLE",
            "Customer.posture ROLE",
            "Customer.securityConfiguration ROLE",
            "Partner.auditLog ROLE"
        ]
    );
}

#[tokio::test]
async fn a_scanner_reads_nothing_but_itself() {
    let cast = Cast::new();
    let (bolt, access) =
        (GlobalId::Customer(cast.bolt.customer), GlobalId::Access(cast.bolt.customer, cast.bolt.access));
    let app = App::start(cast.world).await;
    let document = format!(
        r#"{{ viewer {{ kind }} node(id: "{bolt}") {{ id }} nodes(ids: ["{access}"]) {{ id }} partner {{ name }}
              customer(id: "{bolt}") {{ name }} access(id: "{access}") {{ id }}
              previewOperatingModel(accessId: "{access}", operatingModel: CO_MANAGED) {{ gained }} }}"#
    );
    assert_eq!(
        app.sign_in(Persona::Scanner).data(&document).await,
        json!({
            "viewer": { "kind": "SCANNER" }, "node": null, "nodes": [null], "partner": null, "customer": null,
            "access": null, "previewOperatingModel": null,
        })
    );
}
