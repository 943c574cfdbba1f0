//! What objects tell, field by field, and what their lists leave out: each value of its own, so that none can stand for another.

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::subscription::LicenseModel;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};
use crate::transparency::{record, recorded};

#[tokio::test]
async fn a_finding_tells_all_that_was_found() {
    let mut cast = Cast::new();
    let acme = cast.acme;
    let row = cast.world.rows.findings.iter_mut().find(|row| row.id == acme.posture.finding).unwrap();
    row.description = Some("TLS 1.0 is offered".to_owned());
    row.rule_id = Some("tls-version".to_owned());
    row.cve = Some("CVE-2014-3566".to_owned());
    row.cvss_score = Some(3.4);
    row.sla_due_at = Some(days(5));
    let app = App::start(cast.world).await;
    let id = GlobalId::Finding(acme.customer, acme.posture.finding);
    let document = format!(
        "{{ node(id: \"{id}\") {{ ... on Finding {{ title description ruleId cve cvssScore severity status slaDueAt slaBreached \
         history(first: 1) {{ nodes {{ by note from to }} }} }} }} }}"
    );
    let data = app.sign_in(Persona::FullPortalAdmin).data(&document).await;
    assert_eq!(
        data["node"],
        json!({
            "title": "Outdated TLS", "description": "TLS 1.0 is offered", "ruleId": "tls-version", "cve": "CVE-2014-3566",
            "cvssScore": 3.4, "severity": "HIGH", "status": "OPEN", "slaDueAt": "2026-06-20T12:00:00+00:00", "slaBreached": false,
            "history": { "nodes": [{ "by": "check", "note": "seen before", "from": "OPEN", "to": "OPEN" }] },
        })
    );
}

#[tokio::test]
async fn findings_are_those_that_were_asked_for() {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let ada = world.partner_admin(birch, "Ada");
    let customer = world.customer(birch, "Acme", PortalAccess::Disabled);
    world.access(birch, customer, Terms::co_managed());
    for (title, severity, status, due) in [
        ("due", Severity::Low, FindingStatus::Open, days(-1)),
        ("in time", Severity::Critical, FindingStatus::Open, days(1)),
        ("triaged", Severity::Low, FindingStatus::Triaged, days(1)),
    ] {
        world.finding(customer, severity, title);
        let row = world.rows.findings.last_mut().unwrap();
        (row.status, row.sla_due_at) = (status, Some(due));
    }
    let app = App::start(world).await;
    let client = app.sign_in(ada);
    for (filter, titles) in [
        ("severity: [CRITICAL]", vec!["in time"]),
        ("status: [TRIAGED]", vec!["triaged"]),
        ("slaBreached: true", vec!["due"]),
        ("severity: [LOW], slaBreached: false", vec!["triaged"]),
        ("text: \"in t\"", vec!["in time"]),
    ] {
        let id = GlobalId::Customer(customer);
        let document = format!(
            "{{ customer(id: \"{id}\") {{ findings(filter: {{ {filter} }}) {{ nodes {{ title }} }} }} }}"
        );
        let data = client.data(&document).await;
        let nodes = data["customer"]["findings"]["nodes"].as_array().unwrap();
        let found: Vec<_> = nodes.iter().map(|node| node["title"].as_str().unwrap()).collect();
        assert_eq!(found, titles, "{filter}");
    }
}

#[tokio::test]
async fn a_customers_posture_is_counted() {
    let mut cast = Cast::new();
    let bolt = cast.bolt.customer;
    for value in ["www.bolt.example", "mail.bolt.example"] {
        cast.world.asset(bolt, value);
    }
    let app = App::start(cast.world).await;
    let id = GlobalId::Customer(bolt);
    let document = format!(
        "{{ customer(id: \"{id}\") {{ posture {{ assets lastScanAt slaBreaches riskScore openFindings {{ total high }} }} }} }}"
    );
    let data = app.sign_in(Persona::PartnerAdmin).data(&document).await;
    assert_eq!(
        data["customer"]["posture"],
        json!({ "assets": 3, "lastScanAt": "2026-06-14T12:00:00+00:00", "slaBreaches": 0, "riskScore": 3.8,
                "openFindings": { "total": 1, "high": 1 } })
    );
}

/// By way of its accesses, too, of which each is somebody's: a customer has none to itself.
#[tokio::test]
async fn a_customer_has_no_access_to_itself() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let own = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let data =
        own.data("{ customer { access { id } accesses { nodes { customer { access { id } } } } } }").await;
    let none = json!({ "customer": { "access": null } });
    assert_eq!(data["customer"], json!({ "access": null, "accesses": { "nodes": [none, none] } }));
    // The partner's own is known from the list, and costs nothing more.
    let partner = app.sign_in(Persona::PartnerAdmin);
    let of = async |more: &str| {
        let list = "filter: { customerName: \"Bolt\" }";
        partner
            .ask(&format!("{{ partner {{ accesses({list}) {{ nodes {{ customer {{ id {more} }} }} }} }} }}"))
            .await
    };
    let (without, with) = (of("").await, of("access { id }").await);
    let nodes = &with.body["data"]["partner"]["accesses"]["nodes"];
    assert_eq!(nodes[0]["customer"]["access"]["id"], bolt, "{}", with.text);
    assert_eq!(with.statements, without.statements);
}

#[tokio::test]
async fn exposure_is_told_of_every_instant_up_to_now() {
    let app = App::start(Cast::new().world).await;
    let client = app.sign_in(Persona::FullPortalAdmin);
    let at = |instant: &str| format!("{{ customer {{ exposure(at: \"{instant}\") {{ __typename }} }} }}");
    for instant in ["2026-06-15T12:00:00Z", "2026-06-15T11:59:59Z", "0001-01-01T00:00:00Z"] {
        let data = client.data(&at(instant)).await;
        assert_eq!(data["customer"]["exposure"]["__typename"], "Exposure", "{instant}");
    }
    let reply = client.ask(&at("2026-06-15T12:00:01Z")).await;
    assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{}", reply.text);
}

#[tokio::test]
async fn accesses_are_those_that_were_asked_for_and_an_order_of_posture_is_recorded() {
    let mut cast = Cast::new();
    let (birch, acme) = (cast.birch, cast.acme.access);
    cast.world.rows.accesses.iter_mut().find(|row| row.id == acme).unwrap().status = AccessStatus::Suspended;
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    for (filter, customers) in [
        ("operatingModel: [CO_MANAGED]", json!(["Bolt"])),
        ("operatingModel: [CUSTOMER_MANAGED, FULLY_MANAGED]", json!(["Acme", "Crown"])),
        ("status: [SUSPENDED]", json!(["Acme"])),
        ("status: [ACTIVE]", json!(["Bolt", "Crown"])),
    ] {
        let document = format!(
            "{{ partner {{ accesses(filter: {{ {filter} }}, orderBy: {{ field: CUSTOMER_NAME, direction: ASC }}) \
             {{ nodes {{ customer {{ name }} }} }} }} }}"
        );
        let data = client.data(&document).await;
        let nodes = data["partner"]["accesses"]["nodes"].as_array().unwrap();
        let names: Vec<&Value> = nodes.iter().map(|node| &node["customer"]["name"]).collect();
        assert_eq!(json!(names), customers, "{filter}");
    }
    assert_eq!(recorded(&app).await, []);
    let order = "accesses(orderBy: { field: OPEN_FINDINGS, direction: DESC }) { nodes { id } }";
    // Of another partner's list there is nothing in it, and nothing to record.
    let above = app.sign_in(Persona::DistributorAdmin);
    let data =
        above.data(&format!("{{ partner(id: \"{}\") {{ {order} }} }}", GlobalId::Partner(birch))).await;
    assert_eq!(data["partner"]["accesses"]["nodes"], json!([]));
    assert_eq!(recorded(&app).await, []);
    client.data(&format!("{{ partner {{ {order} }} }}")).await;
    let shown = |customer| record(customer, "PartnerAdmin", "POSTURE", &["Partner.accesses"]);
    assert_eq!(recorded(&app).await, [shown("Bolt"), shown("Crown")]);
}

#[tokio::test]
async fn a_quote_tells_what_became_of_it() {
    let mut cast = Cast::new();
    let (bolt, quote) = (cast.bolt, cast.birch_quote);
    let row = cast.world.rows.quotes.iter_mut().find(|row| row.id == quote).unwrap();
    (row.accepted_at, row.access_id) = (Some(days(-3)), Some(bolt.access));
    let app = App::start(cast.world).await;
    let id = GlobalId::Quote(bolt.customer, quote);
    let document =
        format!("{{ node(id: \"{id}\") {{ ... on Quote {{ createdAt acceptedAt access {{ id }} }} }} }}");
    let data = app.sign_in(Persona::PartnerAdmin).data(&document).await;
    assert_eq!(
        data["node"],
        json!({ "createdAt": "2026-06-05T12:00:00+00:00", "acceptedAt": "2026-06-12T12:00:00+00:00",
                "access": { "id": GlobalId::Access(bolt.customer, bolt.access).to_string() } })
    );
}

#[tokio::test]
async fn a_subscription_costs_what_a_licence_of_its_kind_does_in_its_currency() {
    let mut cast = Cast::new();
    let bolt = cast.bolt;
    // By as much as its place in the list of prices.
    for (nth, price) in (1..).zip(&mut cast.world.rows.pricing) {
        (price.unit_cost, price.prepaid_unit_cost) = (Decimal::from(nth), Decimal::from(100 + nth));
    }
    let subscriptions = &mut cast.world.rows.subscriptions;
    let row = subscriptions.iter_mut().find(|row| row.access_id == bolt.access).unwrap();
    let last = *LicenseModel::ALL.last().unwrap();
    (row.license_model, row.quantity) = (last, None);
    let priced = cast.world.rows.pricing.iter().position(|price| price.license_model == last).unwrap();
    let app = App::start(cast.world).await;
    let id = GlobalId::Subscription(bolt.customer, bolt.access);
    let document =
        format!("{{ node(id: \"{id}\") {{ ... on Subscription {{ unitCost {{ amount currency }} }} }} }}");
    let data = app.sign_in(Persona::PartnerAdmin).data(&document).await;
    assert_eq!(
        data["node"]["unitCost"],
        json!({ "amount": format!("{}.00", priced + 1), "currency": "EUR" })
    );
}
