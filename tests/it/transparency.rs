//! Access transparency: what a partner's user is shown of a customer is recorded before it is shown, for the customer to read.

use std::collections::BTreeSet;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use chrono::TimeDelta;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, ScanId, UserId};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use uuid::Uuid;

use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::NOW;

/// What is recorded: customer, user, class, fields; by customer and class.
pub(crate) type Recorded = Vec<(String, String, String, Vec<String>)>;

pub(crate) async fn recorded(app: &App) -> Recorded {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    sqlx::query_as(
        "select c.name, r.user_name, r.class, r.fields from access_records r join customers c using (customer_id)
         order by 1, 3, r.at",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap()
}

/// What is recorded of one document, on a clean sheet.
async fn of(app: &App, client: &Client, document: &str) -> Recorded {
    app.forget_what_was_shown().await;
    let reply = client.hidden_in_extensions().ask(document).await;
    assert_eq!(reply.codes(), [] as [&str; 0], "{document}\n{}", reply.text);
    recorded(app).await
}

pub(crate) fn record(
    customer: &str,
    user: &str,
    class: &str,
    fields: &[&str],
) -> (String, String, String, Vec<String>) {
    (customer.to_owned(), user.to_owned(), class.to_owned(), fields.iter().map(ToString::to_string).collect())
}

/// Every gated field of a customer with its class, a shortest selection of each.
fn gated_fields() -> Vec<(String, String, String)> {
    let document = parse_schema(posture_gateway::graphql::sdl()).unwrap();
    let mut objects = BTreeSet::new();
    let mut fields = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let TypeKind::Object(object) = ty.node.kind else { continue };
        objects.insert(ty.node.name.node.to_string());
        if ty.node.name.node == "Customer" {
            fields = object.fields;
        }
    }
    let found = fields.into_iter().filter_map(|field| {
        let field = field.node;
        let gate = field.directives.iter().find(|directive| directive.node.name.node == "gate")?;
        let class = gate.node.get_argument("class").unwrap().node.to_string();
        let name = field.name.node.to_string();
        let arguments = if name == "changes" { "(since: \"2026-06-01T00:00:00Z\")" } else { "" };
        let target = field.ty.node.to_string().replace(['[', ']', '!'], "");
        let below = if objects.contains(&target) { " { __typename }" } else { "" };
        Some((name.clone(), class, format!("{name}{arguments}{below}")))
    });
    found.collect()
}

/// Nothing is forgotten: a new gated field is recorded, or this fails.
#[tokio::test]
async fn every_gated_field_and_every_look_up_is_recorded() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let id = GlobalId::Customer(crown.customer);
    let mut tried = 0;
    for (name, class, selection) in gated_fields() {
        if ["exposure", "accessRecords"].contains(&name.as_str()) {
            continue;
        }
        let found = of(&app, &admin, &format!("{{ customer(id: \"{id}\") {{ name {selection} }} }}")).await;
        let field = format!("Customer.{name}");
        let mut due = vec![record("Crown", "PartnerAdmin", &class, &[&field])];
        if name == "auditLog" {
            // What was done to the security configuration, too.
            due.push(record("Crown", "PartnerAdmin", "SECURITY_CONFIG", &[&field]));
        }
        assert_eq!(found, due, "{name}");
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
    for (kind, id) in crown.posture.global_ids(crown.customer) {
        let class = if kind == "CustomerAuditEvent" { "ACTIVITY" } else { "POSTURE" };
        for (field, document) in [
            ("Query.node", format!("{{ node(id: \"{id}\") {{ id }} }}")),
            ("Query.nodes", format!("{{ nodes(ids: [\"{id}\"]) {{ id }} }}")),
        ] {
            let found = of(&app, &admin, &document).await;
            assert_eq!(found, [record("Crown", "PartnerAdmin", class, &[field])], "{kind}");
        }
    }
}

#[tokio::test]
async fn a_request_is_one_record_for_each_customer_and_class() {
    let cast = Cast::new();
    let request = Uuid::from_u128(0x7e57);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions();
    let document = "query Home { partner { accesses { nodes { customer { ...C twice: lastScanAt } } } } }
                    fragment C on Customer { name posture { assets } lastScanAt findings { totalCount } auditLog { nodes { id } } }";
    let reply = admin.header("x-request-id", &request.to_string()).ask(document).await;
    assert_eq!(reply.codes(), [] as [&str; 0], "{}", reply.text);
    let posture = ["Customer.findings", "Customer.lastScanAt", "Customer.posture"];
    let expected = ["Bolt", "Crown"].map(|name| {
        [
            record(name, "PartnerAdmin", "ACTIVITY", &["Customer.auditLog"]),
            record(name, "PartnerAdmin", "POSTURE", &posture),
        ]
    });
    // Birch operates Crown, and so is told what was done to its security configuration.
    let security = record("Crown", "PartnerAdmin", "SECURITY_CONFIG", &["Customer.auditLog"]);
    // Acme is customer-managed.
    assert_eq!(recorded(&app).await, [expected.concat(), vec![security]].concat());
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let same: Vec<(Uuid, Option<String>, Uuid)> =
        sqlx::query_as("select distinct request_id, operation, user_id from access_records where at = $1")
            .bind(NOW)
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(same, [(request, Some("Home".to_owned()), UserId::from(Persona::PartnerAdmin).0)]);

    // Without a name, or with one of several.
    app.forget_what_was_shown().await;
    admin.ask("{ partner { accesses { nodes { customer { lastScanAt } } } } }").await;
    let several =
        "query A { partner { name } } query B { partner { accesses { nodes { customer { lastScanAt } } } } }";
    let body = json!({ "query": several, "operationName": "B" });
    admin.post(body.to_string()).await;
    let names: Vec<Option<String>> =
        sqlx::query_scalar("select distinct operation from access_records order by 1 nulls first")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(names, [None, Some("B".to_owned())]);
}

#[tokio::test]
async fn what_is_computed_over_many_customers_is_a_read_of_each() {
    let cast = Cast::new();
    let birch = GlobalId::Partner(cast.birch);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let both = |field: &str| {
        ["Bolt", "Crown"].map(|name| record(name, "PartnerAdmin", "POSTURE", &[field])).to_vec()
    };
    for (document, expected) in [
        ("{ partner { dashboard { posture { slaBreaches } } } }", both("PartnerDashboard.posture")),
        (
            "{ partner { dashboard { ...D } } } fragment D on PartnerDashboard { posture { openFindings { total } } }",
            both("PartnerDashboard.posture"),
        ),
        // How many are counted is the gate's answer, and no posture.
        (
            "{ partner { dashboard { commercial { accesses } posture { accessesIncluded accessesExcluded } } } }",
            vec![],
        ),
        (
            "{ partner { accesses(first: 1, orderBy: { field: OPEN_FINDINGS, direction: ASC }) { totalCount } } }",
            both("Partner.accesses"),
        ),
        (
            "{ partner { accesses(filter: { minOpenSeverity: CRITICAL }) { totalCount } } }",
            both("Partner.accesses"),
        ),
        ("{ partner { accesses(orderBy: { field: PLAN, direction: ASC }) { totalCount } } }", vec![]),
        (
            "{ partner { componentSearch(text: \"nothing of this name\") { totalCount } } }",
            both("Partner.componentSearch"),
        ),
    ] {
        assert_eq!(of(&app, &admin, document).await, expected, "{document}");
    }
    // Another partner's list, which is empty for everyone above it.
    let document = format!(
        "{{ partner(id: \"{birch}\") {{ dashboard {{ posture {{ assets }} }} componentSearch(text: \"left\") {{ totalCount }}
           accesses(orderBy: {{ field: LAST_SCAN_AT, direction: ASC }}) {{ totalCount }} }} }}"
    );
    for persona in [Persona::DistributorAdmin, Persona::PlatformAdmin, Persona::FullPortalAdmin] {
        assert_eq!(of(&app, &app.sign_in(persona), &document).await, [], "{persona:?}");
    }
    let operator = of(&app, &app.sign_in(Persona::Operator), &document).await;
    let fields = ["Partner.accesses", "Partner.componentSearch", "PartnerDashboard.posture"];
    assert_eq!(operator, [record("Bolt", "Operator", "POSTURE", &fields)]);
}

#[tokio::test]
async fn what_is_hidden_and_what_is_ones_own_is_not_recorded() {
    let cast = Cast::new();
    let (acme, bolt) = (GlobalId::Customer(cast.acme.customer), GlobalId::Customer(cast.bolt.customer));
    let finding = GlobalId::Finding(cast.acme.customer, cast.acme.posture.finding);
    let app = App::start(cast.world).await;
    let everything = |id| {
        format!(
            "{{ customer(id: \"{id}\") {{ name access {{ status subscription {{ plan margin {{ amount }} }} }} visibility {{ class }}
             posture {{ assets }} findings {{ totalCount }} auditLog {{ nodes {{ id }} }} securityConfiguration {{ samlEnabled }}
             exposure {{ at }} accessRecords {{ nodes {{ at }} }} }} node(id: \"{finding}\") {{ id }} }}"
        )
    };
    for (persona, customer) in [
        (Persona::PartnerAdmin, acme),
        (Persona::UnassignedOperator, bolt),
        (Persona::RivalAdmin, bolt),
        (Persona::FullPortalAdmin, acme),
        (Persona::FullPortalReader, acme),
        (Persona::ReadOnlyPortalAdmin, bolt),
        (Persona::PlatformAdmin, bolt),
    ] {
        assert_eq!(of(&app, &app.sign_in(persona), &everything(customer)).await, [], "{persona:?}");
    }
    // A look-up that finds nothing shows nothing.
    let admin = app.sign_in(Persona::PartnerAdmin);
    let GlobalId::Customer(customer) = bolt else { unreachable!() };
    let nothing = GlobalId::Asset(customer, posture_gateway::domain::ids::AssetId(Uuid::from_u128(1)));
    assert_eq!(of(&app, &admin, &format!("{{ node(id: \"{nothing}\") {{ id }} }}")).await, []);
}

#[tokio::test]
async fn what_a_payload_shows_is_recorded() {
    let cast = Cast::new();
    let access = GlobalId::Access(cast.acme.customer, cast.acme.access);
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let document = format!(
        "mutation {{ a: changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: CO_MANAGED, reason: \"as agreed\" }}) {{
            access {{ customer {{ posture {{ assets }} }} }} }}
          recordVisit {{ viewer {{ partner {{ dashboard {{ posture {{ assets }} }} }} }} }}
          b: changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: CUSTOMER_MANAGED, reason: \"as agreed\" }}) {{
            access {{ customer {{ posture {{ assets }} }} }} }} }}"
    );
    let dashboard = ["PartnerDashboard.posture"];
    assert_eq!(
        of(&app, &admin, &document).await,
        [
            record("Acme", "PartnerAdmin", "POSTURE", &["Customer.posture", dashboard[0]]),
            record("Bolt", "PartnerAdmin", "POSTURE", &dashboard),
            record("Crown", "PartnerAdmin", "POSTURE", &dashboard),
        ]
    );
    // A refusal shows nothing.
    let refused = format!(
        "mutation {{ setPortalAccess(input: {{ customerId: \"{bolt}\", portalAccess: READ_ONLY }}) {{ customer {{ lastScanAt }} userErrors {{ code }} }} }}"
    );
    assert_eq!(of(&app, &admin, &refused).await, []);
}

/// A refusal past the gate tells something, too: whichever mutation it is, and whoever forgot to say so.
#[tokio::test]
async fn what_a_refusal_tells_is_recorded() {
    let cast = Cast::new();
    let (bolt, crown) = (cast.bolt, cast.crown);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let customer = |id| format!("customerId: \"{}\"", GlobalId::Customer(id));
    let finding =
        |sold: Sold| format!("findingId: \"{}\"", GlobalId::Finding(sold.customer, sold.posture.finding));
    let scan = |sold: Sold| format!("scanId: \"{}\"", GlobalId::Scan(sold.customer, sold.posture.scan));
    let nothing = GlobalId::Scan(crown.customer, ScanId(Uuid::nil()));
    let reader = GlobalId::User(Persona::DisabledPortalReader.into());
    for (operation, input, code, of) in [
        (
            "triageFindings",
            format!("{}, filter: {{}}, status: OPEN", customer(crown.customer)),
            "NO_CHANGE",
            Some(("Crown", "POSTURE")),
        ),
        (
            "triageFinding",
            format!("{}, status: OPEN", finding(crown)),
            "NO_CHANGE",
            Some(("Crown", "POSTURE")),
        ),
        ("cancelScan", scan(crown), "WRONG_STATE", Some(("Crown", "POSTURE"))),
        ("setSlaPolicy", customer(crown.customer), "NO_CHANGE", Some(("Crown", "POSTURE"))),
        (
            "createEvidence",
            format!("{}, framework: \"\", control: \"C\", title: \"T\"", customer(crown.customer)),
            "INVALID",
            Some(("Crown", "POSTURE")),
        ),
        (
            "runScan",
            format!("{}, profile: \"\"", customer(crown.customer)),
            "INVALID",
            Some(("Crown", "POSTURE")),
        ),
        ("enableUser", format!("userId: \"{reader}\""), "NO_CHANGE", Some(("Crown", "SECURITY_CONFIG"))),
        // That it is there.
        ("cancelScan", scan(bolt), "NOT_PERMITTED", Some(("Bolt", "POSTURE"))),
        (
            "addFindingNote",
            format!("{}, note: \"\"", finding(bolt)),
            "NOT_PERMITTED",
            Some(("Bolt", "POSTURE")),
        ),
        // Nothing was read.
        ("runScan", format!("{}, profile: \"\"", customer(bolt.customer)), "NOT_PERMITTED", None),
        ("cancelScan", format!("scanId: \"{nothing}\""), "NOT_FOUND", None),
    ] {
        let document =
            format!("mutation {{ {operation}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}");
        app.forget_what_was_shown().await;
        let reply = admin.ask(&document).await;
        assert_eq!(reply.body["data"][operation]["userErrors"], json!([{ "code": code }]), "{}", reply.text);
        let field = format!("Mutation.{operation}");
        let due: Vec<_> =
            of.iter().map(|(name, class)| record(name, "PartnerAdmin", class, &[&field])).collect();
        assert_eq!(recorded(&app).await, due, "{document}");
    }
    // The customer's own people are told without a record.
    let own = format!(
        "mutation {{ setSlaPolicy(input: {{ {} }}) {{ userErrors {{ code }} }} }}",
        customer(cast.acme.customer)
    );
    assert_eq!(of(&app, &app.sign_in(Persona::FullPortalAdmin), &own).await, []);
}

/// A refusal that a key keeps is told again by the gate of then: as it was, and recorded again; or without its words.
#[tokio::test]
async fn a_refusal_that_a_key_keeps_is_told_again_only_while_the_gate_shows_it() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "kept");
    let document = format!(
        "mutation {{ setSlaPolicy(input: {{ customerId: \"{}\" }}) {{ userErrors {{ code message field }} }} }}",
        GlobalId::Customer(crown.customer)
    );
    let first = admin.ask(&document).await;
    assert!(first.text.contains("the policy is this already"), "{}", first.text);
    app.forget_what_was_shown().await;
    assert_eq!(admin.ask(&document).await.text, first.text);
    assert_eq!(
        recorded(&app).await,
        [record("Crown", "PartnerAdmin", "POSTURE", &["Mutation.setSlaPolicy"])]
    );
    for model in ["CO_MANAGED", "CUSTOMER_MANAGED"] {
        app.as_owner(&format!(
            "update accesses set operating_model = '{model}' where id = '{}'",
            crown.access
        ))
        .await;
        app.forget_what_was_shown().await;
        let reply = admin.ask(&document).await;
        let error = &reply.body["data"]["setSlaPolicy"]["userErrors"][0];
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!("NOT_PERMITTED"), &Value::Null),
            "{}",
            reply.text
        );
        assert!(!reply.text.contains("policy is"), "{}", reply.text);
        assert_eq!(recorded(&app).await, [], "{model}");
    }
}

#[tokio::test]
async fn the_customers_admins_read_it_and_nobody_else() {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let birch = GlobalId::Partner(cast.birch);
    let cedar = GlobalId::Partner(cast.cedar);
    let app = App::start(cast.world).await;
    let (admin, operator) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::Operator));
    admin
        .ask(&format!(
            "query Report {{ customer(id: \"{bolt}\") {{ lastScanAt auditLog {{ nodes {{ id }} }} }} }}"
        ))
        .await;
    app.clock.advance(TimeDelta::minutes(1));
    operator
        .header("x-request-id", &Uuid::nil().to_string())
        .ask(&format!("{{ customer(id: \"{bolt}\") {{ lastScanAt }} }}"))
        .await;

    let read = |arguments: &str| {
        format!(
            "{{ customer {{ accessRecords{arguments} {{ nodes {{ at user class operation fields partner {{ name }} }} }} }} }}"
        )
    };
    let owner = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let entry = |minute: u8, user: &str, class: &str, operation: Value, field: &str| {
        json!({
            "at": format!("2026-06-15T12:0{minute}:00+00:00"), "user": user, "class": class, "operation": operation,
            "fields": [field], "partner": { "name": "Birch Security" },
        })
    };
    let newest = entry(1, "Operator", "POSTURE", Value::Null, "Customer.lastScanAt");
    let posture = entry(0, "PartnerAdmin", "POSTURE", json!("Report"), "Customer.lastScanAt");
    let activity = entry(0, "PartnerAdmin", "ACTIVITY", json!("Report"), "Customer.auditLog");
    let nodes = |data: &Value| data["customer"]["accessRecords"]["nodes"].clone();
    let all = nodes(&owner.data(&read("")).await);
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0], newest);
    for (arguments, expected) in [
        ("(first: 1)".to_owned(), vec![&newest]),
        ("(filter: { class: [ACTIVITY] })".to_owned(), vec![&activity]),
        ("(filter: { class: [POSTURE], until: \"2026-06-15T12:01:00Z\" })".to_owned(), vec![&posture]),
        ("(filter: { since: \"2026-06-15T12:01:00Z\" })".to_owned(), vec![&newest]),
        (format!("(filter: {{ partnerId: \"{birch}\", class: [POSTURE] }})"), vec![&newest, &posture]),
        (format!("(filter: {{ partnerId: \"{cedar}\" }})"), vec![]),
        ("(filter: { class: [] })".to_owned(), vec![]),
    ] {
        assert_eq!(nodes(&owner.data(&read(&arguments)).await), json!(expected), "{arguments}");
    }
    for partner_id in ["x".to_owned(), bolt.to_string()] {
        let reply = owner.ask(&read(&format!("(filter: {{ partnerId: \"{partner_id}\" }})"))).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{partner_id}");
    }
    let data = owner.data("{ customer { accessRecords(first: 1) { nodes { requestId } } } }").await;
    assert_eq!(nodes(&data), json!([{ "requestId": Uuid::nil().to_string() }]));

    for (persona, reason) in [
        (Persona::PartnerAdmin, "ROLE"),
        (Persona::Operator, "ROLE"),
        (Persona::PlatformAdmin, "ROLE"),
        (Persona::ReadOnlyPortalReader, "ROLE"),
    ] {
        let asked = format!("{{ customer(id: \"{bolt}\") {{ accessRecords {{ nodes {{ at }} }} }} }}");
        let reply = app.sign_in(persona).ask(&asked).await;
        assert_eq!(reply.body["data"], json!({ "customer": { "accessRecords": null } }), "{persona:?}");
        assert_eq!(reply.body["errors"][0]["extensions"]["reason"], reason, "{persona:?}");
    }
    let crown = app.sign_in(Persona::DisabledPortalAdmin).ask(&read("")).await;
    assert_eq!(crown.body["errors"][0]["extensions"]["reason"], "PORTAL_ACCESS");
}

/// What cannot be recorded is not shown; what needs no record is answered all the same.
#[tokio::test]
async fn without_a_record_there_is_no_answer() {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let app = App::start(cast.world).await;
    app.as_owner("revoke execute on all functions in schema gate from posture_transparency").await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let asked = format!("{{ customer(id: \"{bolt}\") {{ name posture {{ assets riskScore }} }} }}");
    for _ in 0..4 {
        let reply = admin.ask(&asked).await;
        assert_eq!((reply.codes(), &reply.body["data"]), (vec!["INTERNAL"], &Value::Null), "{}", reply.text);
        assert!(!reply.text.contains("Bolt") && !reply.text.contains("riskScore"), "{}", reply.text);
        assert!(!reply.text.contains("locations"), "it is about no place in the document: {}", reply.text);
    }
    let name = format!("{{ customer(id: \"{bolt}\") {{ name }} }}");
    assert_eq!(admin.data(&name).await, json!({ "customer": { "name": "Bolt" } }));
    let own = app.sign_in(Persona::ReadOnlyPortalReader).data("{ customer { posture { assets } } }").await;
    assert_eq!(own, json!({ "customer": { "posture": { "assets": 1 } } }));
}

/// The recorder's statement is of all requests that wait for it.
#[tokio::test]
async fn a_record_costs_no_statement_of_its_own() {
    let cast = Cast::new();
    let (acme, bolt) = (GlobalId::Customer(cast.acme.customer), GlobalId::Customer(cast.bolt.customer));
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let statements = async |id, field: &str| {
        let reply = admin
            .hidden_in_extensions()
            .ask(&format!("{{ customer(id: \"{id}\") {{ name {field} }} }}"))
            .await;
        reply.statements
    };
    let bare = statements(bolt, "").await;
    assert_eq!(statements(bolt, "lastScanAt").await, bare + 1, "the counts of the customer");
    assert_eq!(statements(acme, "lastScanAt").await, bare);
}

/// The second wall: who may write a record, and of what.
#[tokio::test]
async fn a_record_is_the_viewers_own_and_stays() {
    let cast = Cast::new();
    let (bolt, dune) = (cast.bolt.customer, cast.dune.customer);
    let app = App::start(cast.world).await;
    let mut gateway = app.test_database.as_role("posture_gateway").connect().await.unwrap();
    let mut attempt = async |role: &str, sql: &str| {
        let opening = format!("begin; set local role {role}; {sql}");
        let outcome = gateway.execute(AssertSqlSafe(opening)).await;
        gateway.execute("rollback").await.unwrap();
        outcome.map(|_| ()).map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
    };
    // Two reads in one call: what is refused of one of them is refused of both.
    let reads = |viewers: [Persona; 2], class: &str, customers: [CustomerId; 2]| {
        let viewers = viewers.map(|viewer| UserId::from(viewer).to_string()).join(",");
        let customers = customers.map(|customer| customer.to_string()).join(",");
        let nil = Uuid::nil();
        format!(
            "select gate.record_reads('{{{},{}}}', '{{{viewers}}}', '{{2026-01-01,2026-01-01}}', '{{{nil},{nil}}}', '{{null,null}}',
                                      '{{POSTURE,{class}}}', '{{A.b,A.b}}', '{{1,2}}', '{{{customers}}}')",
            Uuid::new_v4(),
            Uuid::new_v4()
        )
    };
    let call = |viewer, class, customer| reads([Persona::RivalAdmin, viewer], class, [bolt, customer]);
    let denied = || Err("42501".to_owned());
    let transparency = "posture_transparency";
    for (role, sql, expected) in [
        (transparency, call(Persona::PartnerAdmin, "POSTURE", bolt), Ok(())),
        (transparency, call(Persona::RivalAdmin, "POSTURE", bolt), Ok(())),
        // A customer that the viewer's partner has nothing to do with, and a viewer who is no partner's user.
        (transparency, call(Persona::PartnerAdmin, "POSTURE", dune), denied()),
        (transparency, call(Persona::DistributorAdmin, "POSTURE", bolt), denied()),
        (transparency, call(Persona::ReadOnlyPortalAdmin, "POSTURE", bolt), denied()),
        (transparency, call(Persona::PlatformAdmin, "POSTURE", bolt), denied()),
        (transparency, call(Persona::Unknown, "POSTURE", bolt), denied()),
        (transparency, call(Persona::PartnerAdmin, "PRICING", bolt), Err("23514".to_owned())),
        (transparency, "select from access_records".to_owned(), denied()),
        (transparency, "select from customers".to_owned(), denied()),
        ("posture_gateway", call(Persona::PartnerAdmin, "POSTURE", bolt), denied()),
        ("posture_writer", call(Persona::PartnerAdmin, "POSTURE", bolt), denied()),
        ("posture_writer", "select from access_records".to_owned(), denied()),
    ] {
        assert_eq!(attempt(role, &sql).await, expected, "{role} {sql}");
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    admin.ask(&format!("{{ customer(id: \"{}\") {{ lastScanAt }} }}", GlobalId::Customer(bolt))).await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    for sql in
        ["update access_records set user_name = 'x'", "delete from access_records", "truncate access_records"]
    {
        let error = owner.execute(AssertSqlSafe(sql)).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "23001", "{sql}");
    }
}
