//! Nothing leaks round the gate: a partner with ten co-managed and fifty customer-managed accesses sees the commercial
//! side of sixty and the posture of exactly ten, in lists, totals, orders, filters and counts (DESIGN.md 4).

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::ids::UserId;
use serde_json::{Value, json};

use crate::support::app::{App, Client};
use crate::support::world::{Terms, World, days};

/// Customers 00 to 59; every sixth is co-managed. Customer n has n open findings, critical where it is hidden, and was
/// scanned n + 1 days ago; the last visible one, 54, never was.
fn ten_of_sixty() -> (World, UserId) {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    for n in 0..60 {
        let customer = world.customer(partner, &format!("Customer {n:02}"), PortalAccess::Disabled);
        let visible = n % 6 == 0;
        world.access(
            partner,
            customer,
            if visible { Terms::co_managed() } else { Terms::customer_managed() },
        );
        for finding in 0..n {
            let severity = if visible { Severity::Low } else { Severity::Critical };
            world.finding(customer, severity, &format!("Finding {finding}"));
        }
        world.asset(customer, &format!("customer-{n}.example"));
        if n != 54 {
            world.scan(customer, days(-1 - n));
        }
    }
    (world, admin)
}

async fn names(client: &Client, arguments: &str) -> Vec<String> {
    let document =
        format!("{{ partner {{ accesses(first: 60, {arguments}) {{ nodes {{ customer {{ name }} }} }} }} }}");
    let data = client.data(&document).await;
    let nodes = data["partner"]["accesses"]["nodes"].as_array().unwrap().clone();
    nodes
        .iter()
        .map(|node| node["customer"]["name"].as_str().unwrap()["Customer ".len()..].to_owned())
        .collect()
}

fn hidden() -> impl Iterator<Item = u32> {
    (0..60).filter(|n| n % 6 != 0)
}

fn spelled(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers.map(|n| format!("{n:02}")).collect()
}

#[tokio::test]
async fn the_list_shows_sixty_and_the_posture_of_ten() {
    let (world, admin) = ten_of_sixty();
    let app = App::start(world).await;
    let document = "{ partner { accesses(first: 60) { totalCount nodes { \
                    postureVisible subscription { plan } customer { posture { openFindings { total } assets } } } } } }";
    let reply = app.sign_in(admin).hidden_in_extensions().ask(document).await;
    let accesses = &reply.body["data"]["partner"]["accesses"];
    assert_eq!(accesses["totalCount"], 60);
    for (n, node) in accesses["nodes"].as_array().unwrap().iter().enumerate() {
        let visible = n % 6 == 0;
        let posture =
            if visible { json!({ "openFindings": { "total": n }, "assets": 1 }) } else { Value::Null };
        assert_eq!(
            *node,
            json!({ "postureVisible": visible, "subscription": { "plan": "Standard" }, "customer": { "posture": posture } })
        );
    }
    assert_eq!(reply.body["extensions"]["hidden"][0]["count"], 50);
}

#[tokio::test]
async fn the_dashboard_counts_sixty_and_adds_up_ten() {
    let (world, admin) = ten_of_sixty();
    let app = App::start(world).await;
    let data = app
        .sign_in(admin)
        .data(
            "{ partner { dashboard {
                commercial {
                    accesses byOperatingModel { operatingModel count } byStatus { status count }
                    monthlyRecurringRevenue { amount currency }
                    trialsEndingWithin30Days renewalsWithin30Days usageAlerts
                }
                posture {
                    accessesIncluded accessesExcluded assets slaBreaches meanRiskScore
                    openFindings { critical high medium low info total }
                }
            } } }",
        )
        .await;
    // Nine were scanned: 0, 6, .. 48 low findings, a quarter each, on the scale 100 w / (w + 100).
    let score = |n: f64| (1000.0 * (n / 4.0) / (n / 4.0 + 100.0)).round() / 10.0;
    let mean = [0, 6, 12, 18, 24, 30, 36, 42, 48].map(f64::from).map(score).iter().sum::<f64>() / 9.0;
    let posture = &data["partner"]["dashboard"]["posture"];
    assert!((posture["meanRiskScore"].as_f64().unwrap() - mean).abs() < 1e-9, "{posture}, not {mean}");
    assert_eq!(
        data["partner"]["dashboard"],
        json!({
            "commercial": {
                "accesses": 60,
                "byOperatingModel": [
                    { "operatingModel": "CUSTOMER_MANAGED", "count": 50 },
                    { "operatingModel": "CO_MANAGED", "count": 10 },
                    { "operatingModel": "FULLY_MANAGED", "count": 0 },
                ],
                "byStatus": [
                    { "status": "TRIAL", "count": 0 },
                    { "status": "ACTIVE", "count": 60 },
                    { "status": "SUSPENDED", "count": 0 },
                    { "status": "ENDED", "count": 0 },
                ],
                "monthlyRecurringRevenue": { "amount": "6000.00", "currency": "EUR" },
                "trialsEndingWithin30Days": 0,
                "renewalsWithin30Days": 0,
                "usageAlerts": 0,
            },
            "posture": {
                "accessesIncluded": 10,
                "accessesExcluded": 50,
                "assets": 10,
                "slaBreaches": 0,
                "meanRiskScore": posture["meanRiskScore"],
                "openFindings": { "critical": 0, "high": 0, "medium": 0, "low": 270, "info": 0, "total": 270 },
            },
        })
    );
}

#[tokio::test]
async fn where_all_is_hidden_there_is_no_mean() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let customer = world.customer(partner, "Acme", PortalAccess::Disabled);
    world.access(partner, customer, Terms::customer_managed());
    world.posture(customer);
    let app = App::start(world).await;
    let data = app
        .sign_in(admin)
        .data("{ partner { dashboard { posture { accessesIncluded accessesExcluded assets meanRiskScore openFindings { total } } } } }")
        .await;
    assert_eq!(
        data["partner"]["dashboard"]["posture"],
        json!({ "accessesIncluded": 0, "accessesExcluded": 1, "assets": 0, "meanRiskScore": null, "openFindings": { "total": 0 } })
    );
}

#[tokio::test]
async fn an_order_by_posture_puts_the_hidden_last_by_name_in_both_directions() {
    let (world, admin) = ten_of_sixty();
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let cases = [
        ("OPEN_FINDINGS, direction: ASC", vec![0, 6, 12, 18, 24, 30, 36, 42, 48, 54]),
        ("OPEN_FINDINGS, direction: DESC", vec![54, 48, 42, 36, 30, 24, 18, 12, 6, 0]),
        // 54 was never scanned: after all that were, before all that are hidden.
        ("LAST_SCAN_AT, direction: ASC", vec![48, 42, 36, 30, 24, 18, 12, 6, 0, 54]),
        ("LAST_SCAN_AT, direction: DESC", vec![0, 6, 12, 18, 24, 30, 36, 42, 48, 54]),
    ];
    for (order, visible) in cases {
        let names = names(&admin, &format!("orderBy: {{ field: {order} }}")).await;
        assert_eq!(names, spelled(visible.into_iter().chain(hidden())), "{order}");
    }
}

#[tokio::test]
async fn pages_of_such_an_order_join_without_a_gap_both_ways() {
    let (world, admin) = ten_of_sixty();
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    for order in ["OPEN_FINDINGS, direction: DESC", "LAST_SCAN_AT, direction: ASC"] {
        let whole = names(&admin, &format!("orderBy: {{ field: {order} }}")).await;
        for (size, cursor, info) in [("first", "after", "endCursor"), ("last", "before", "startCursor")] {
            let (mut pages, mut position) = (Vec::new(), String::new());
            for _ in 0..9 {
                let document = format!(
                    "{{ partner {{ accesses({size}: 7, {position} orderBy: {{ field: {order} }}) {{ \
                     pageInfo {{ {info} }} totalCount nodes {{ customer {{ name }} }} }} }} }}"
                );
                let data = admin.data(&document).await;
                let page = &data["partner"]["accesses"];
                assert_eq!(page["totalCount"], 60);
                let nodes = page["nodes"].as_array().unwrap().iter();
                let page_names: Vec<_> = nodes
                    .map(|node| node["customer"]["name"].as_str().unwrap()["Customer ".len()..].to_owned())
                    .collect();
                if size == "first" {
                    pages.extend(page_names);
                } else {
                    drop(pages.splice(0..0, page_names));
                }
                position = format!("{cursor}: {},", page["pageInfo"][info]);
            }
            assert_eq!(pages, whole, "{order} {size}");
        }
    }
}

#[tokio::test]
async fn a_filter_on_findings_matches_visible_accesses_only() {
    let (world, admin) = ten_of_sixty();
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let total = async |filter: &str| {
        let document = format!("{{ partner {{ accesses(filter: {filter}) {{ totalCount }} }} }}");
        admin.data(&document).await["partner"]["accesses"]["totalCount"].clone()
    };
    // The hidden fifty have critical findings, the visible ten low ones but for Customer 00, which has none.
    assert_eq!(total("{ minOpenSeverity: CRITICAL }").await, 0);
    assert_eq!(total("{ minOpenSeverity: MEDIUM }").await, 0);
    assert_eq!(total("{ minOpenSeverity: LOW }").await, 9);
    assert_eq!(total("{ minOpenSeverity: LOW, customerName: \"customer 0\" }").await, 1);
    assert_eq!(names(&admin, "filter: { minOpenSeverity: INFO }").await, spelled((6..60).step_by(6)));
}

/// Two worlds that differ in hidden posture alone answer alike, to the byte, cursors included.
#[tokio::test]
async fn hidden_posture_makes_no_difference_to_any_answer() {
    let quiet = || {
        let mut world = World::default();
        let partner = world.partner("Birch");
        let admin = world.partner_admin(partner, "Ada");
        let customers = ["Acme", "Bolt", "Crown"].map(|name| {
            let customer = world.customer(partner, name, PortalAccess::Disabled);
            let terms = if name == "Bolt" { Terms::co_managed() } else { Terms::customer_managed() };
            world.access(partner, customer, terms);
            customer
        });
        (world, admin, customers)
    };
    let (mut loud, admin, [acme, _, crown]) = quiet();
    for hidden in [acme, crown] {
        loud.finding(hidden, Severity::Critical, "Secret");
        loud.scan(hidden, days(-3));
    }
    let apps = [App::start(quiet().0).await, App::start(loud).await];
    let clients = apps.each_ref().map(|app| app.sign_in(admin));
    for arguments in [
        "",
        "(orderBy: { field: OPEN_FINDINGS, direction: DESC })",
        "(orderBy: { field: LAST_SCAN_AT, direction: ASC }, first: 2)",
        "(filter: { minOpenSeverity: INFO })",
    ] {
        let document = format!(
            "{{ partner {{ accesses{arguments} {{ totalCount edges {{ cursor node {{ id visibility {{ class visible explanation }} \
             customer {{ lastScanAt findings {{ totalCount }} posture {{ riskScore }} }} }} }} pageInfo {{ startCursor endCursor hasNextPage }} }} \
             dashboard {{ posture {{ accessesIncluded meanRiskScore slaBreaches openFindings {{ total }} }} }} }} }}"
        );
        let [quiet, loud] = [clients[0].ask(&document).await, clients[1].ask(&document).await];
        assert_eq!(quiet.on_the_wire(), loud.on_the_wire(), "{arguments}");
    }
}
