//! Orders and filters of accesses and findings, every one and combined, against a simple reference over the same rows
//! (DESIGN.md 9, "Lists and totals").

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use posture_gateway::domain::access::{AccessStatus, OperatingModel};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::store::seed;

use crate::support::app::{App, Client};
use crate::support::world::{NOW, Terms, World, days};

/// Customers' names in the order of lists: root collation of ICU, where case and accents come after letters.
const NAMES: [&str; 9] = ["100% sure", "100x sure", "a_b", "a\\b", "Ärger", "axb", "zeta", "Zeta", "ZETA AG"];
const PLANS: [Option<&str>; 4] = [Some("Enterprise"), Some("Standard"), None, Some("Starter")];
const DIRECTIONS: [&str; 2] = ["ASC", "DESC"];
/// Texts to search for: what LIKE would take for a pattern, any case, accents, everything, nothing.
const TEXTS: [&str; 13] =
    ["%", "_", "\\", "A_B", "a\\B", "ZeTa", "100%", "0% s", "ärger", "ÄRGER", "", "%%", "no such"];

/// A value as GraphQL spells it.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn contains(haystack: &str, needle: &str) -> bool {
    haystack.to_lowercase().contains(&needle.to_lowercase())
}

fn directed(ordering: Ordering, direction: &str) -> Ordering {
    if direction == "ASC" { ordering } else { ordering.reverse() }
}

/// Nulls last in both directions.
fn nulls_last<T: Ord>(a: Option<T>, b: Option<T>, direction: &str) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => directed(a.cmp(&b), direction),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

async fn ids(client: &Client, list: &str) -> Vec<String> {
    let data = client.data(&format!("{{ {list} {{ totalCount nodes {{ id }} }} }} }}")).await;
    let owner = data.as_object().unwrap().values().next().unwrap();
    let list = owner.as_object().unwrap().values().next().unwrap();
    let ids: Vec<_> = list["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(list["totalCount"], ids.len());
    ids
}

/// An access with what lists read of it.
struct Sold {
    row: seed::Access,
    name: usize,
    plan: Option<String>,
    renewal: Option<NaiveDate>,
    findings: Vec<seed::Finding>,
    last_scan: Option<DateTime<Utc>>,
    visible: bool,
}

impl Sold {
    fn open(&self) -> impl Iterator<Item = &seed::Finding> {
        self.findings.iter().filter(|finding| {
            matches!(finding.status, FindingStatus::Open | FindingStatus::Triaged | FindingStatus::InProgress)
        })
    }

    fn compare(&self, other: &Self, field: &str, direction: &str) -> Ordering {
        let (a, b) = (self, other);
        let by_name = a.name.cmp(&b.name).then(a.row.id.0.cmp(&b.row.id.0));
        let of_posture = |ordering: Ordering| match (a.visible, b.visible) {
            (true, true) => ordering,
            (false, false) => Ordering::Equal,
            (a, b) => b.cmp(&a),
        };
        match field {
            "CUSTOMER_NAME" => return directed(by_name, direction),
            "STATUS" => directed((a.row.status as u8).cmp(&(b.row.status as u8)), direction),
            "PLAN" => nulls_last(a.plan.as_ref(), b.plan.as_ref(), direction),
            "RENEWAL_DATE" => nulls_last(a.renewal, b.renewal, direction),
            "CREATED_AT" => directed(a.row.created_at.cmp(&b.row.created_at), direction),
            "LAST_SCAN_AT" => of_posture(nulls_last(a.last_scan, b.last_scan, direction)),
            _ => of_posture(directed(a.open().count().cmp(&b.open().count()), direction)),
        }
        .then(by_name)
    }
}

/// Forty-five accesses, five to each name, in every state.
fn accesses() -> (World, UserId, Vec<Sold>) {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let mut sold = Vec::new();
    for n in 0..45_usize {
        let day = i64::try_from(n).unwrap();
        let name = (n * 5) % NAMES.len();
        let customer = world.customer(partner, NAMES[name], PortalAccess::Disabled);
        let model = OperatingModel::ALL[n % 3];
        let terms = match n % 7 {
            0 => Terms::of(model).status(AccessStatus::Suspended),
            1 => Terms::of(model).status(AccessStatus::Ended),
            2 => Terms::of(model).trial_until(days(day % 2 * 9 - 4)),
            _ => Terms::of(model),
        };
        world.access(partner, customer, terms.created_at(days(-100 - day % 4)));
        let plan = PLANS[n % 4].map(str::to_owned);
        let row = world.rows.accesses.last().unwrap().clone();
        let subscription = world.rows.subscriptions.last_mut().unwrap();
        let ended = row.status == AccessStatus::Ended;
        let mut renewal = (!ended && n % 4 != 1).then(|| days(day % 6 - 2).date_naive());
        if let Some(plan) = &plan {
            plan.clone_into(&mut subscription.plan);
            subscription.renewal_date = renewal;
        } else {
            renewal = None;
            world.rows.subscriptions.pop();
        }
        let before = world.rows.findings.len();
        for finding in 0..n % 5 {
            world.finding(customer, Severity::ALL[(n + finding) % 5], "Weakness");
            world.rows.findings.last_mut().unwrap().status = FindingStatus::ALL[(n / 3 + finding) % 6];
        }
        let last_scan = (n % 6 != 0).then(|| days(-1 - day % 5));
        if let Some(at) = last_scan {
            world.scan(customer, at);
        }
        let trial_over = row.trial_ends_at.is_some_and(|end| end <= NOW);
        let runs = match row.status {
            AccessStatus::Active => true,
            AccessStatus::Trial => !trial_over,
            AccessStatus::Suspended | AccessStatus::Ended => false,
        };
        let visible = runs && model != OperatingModel::CustomerManaged;
        let findings = world.rows.findings[before..].to_vec();
        sold.push(Sold { row, name, plan, renewal, findings, last_scan, visible });
    }
    (world, admin, sold)
}

type Matches<'a> = Box<dyn Fn(&Sold) -> bool + 'a>;

/// Each with what it says.
fn access_filters() -> Vec<(String, Matches<'static>)> {
    let mut filters: Vec<(String, Matches<'static>)> = vec![
        ("operatingModel: []".to_owned(), Box::new(|_| false)),
        (
            "plan: [\"Starter\", \"Enterprise\"]".to_owned(),
            Box::new(|sold| sold.plan.as_ref().is_some_and(|plan| plan != "Standard")),
        ),
        ("plan: [\"starter\"]".to_owned(), Box::new(|_| false)),
        (
            "status: [ENDED, TRIAL]".to_owned(),
            Box::new(|sold| matches!(sold.row.status, AccessStatus::Ended | AccessStatus::Trial)),
        ),
    ];
    for model in OperatingModel::ALL {
        let text = format!("operatingModel: [{model}]");
        filters.push((text, Box::new(move |sold| sold.row.operating_model == *model)));
    }
    for severity in Severity::ALL {
        let text = format!("minOpenSeverity: {severity}");
        let least = severity.rank();
        filters.push((
            text,
            Box::new(move |sold| sold.visible && sold.open().any(|finding| finding.severity.rank() >= least)),
        ));
    }
    for text in TEXTS {
        let filter = format!("customerName: {}", quoted(text));
        filters.push((filter, Box::new(move |sold| contains(NAMES[sold.name], text))));
    }
    filters
}

#[tokio::test]
async fn accesses_come_in_every_order() {
    let (world, admin, mut sold) = accesses();
    let app = App::start(world).await;
    let client = app.sign_in(admin);
    for field in
        ["CUSTOMER_NAME", "STATUS", "PLAN", "RENEWAL_DATE", "CREATED_AT", "LAST_SCAN_AT", "OPEN_FINDINGS"]
    {
        for direction in DIRECTIONS {
            let order = format!("orderBy: {{ field: {field}, direction: {direction} }}");
            sold.sort_by(|a, b| a.compare(b, field, direction));
            let expected: Vec<_> = sold.iter().map(id).collect();
            let whole = ids(&client, &format!("partner {{ accesses(first: 100 {order})")).await;
            assert_eq!(whole, expected, "{order}");
            // Every page but the first starts within the list's ties, nulls and hidden ones at some point.
            let (mut paged, mut after) = (Vec::new(), String::new());
            while paged.len() < expected.len() {
                let document = format!(
                    "{{ partner {{ accesses(first: 4 {after} {order}) {{ edges {{ cursor node {{ id }} }} }} }} }}"
                );
                let data = client.data(&document).await;
                let edges = data["partner"]["accesses"]["edges"].as_array().unwrap().clone();
                assert!(!edges.is_empty(), "{order}: {} of {}", paged.len(), expected.len());
                after = format!("after: {}", edges.last().unwrap()["cursor"]);
                paged.extend(edges.iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned()));
            }
            assert_eq!(paged, expected, "{order}");
        }
    }
}

fn id(sold: &Sold) -> String {
    GlobalId::Access(sold.row.customer_id, sold.row.id).to_string()
}

#[tokio::test]
async fn accesses_pass_every_filter_and_every_two() {
    let (world, admin, mut sold) = accesses();
    sold.sort_by(|a, b| a.compare(b, "CUSTOMER_NAME", "ASC"));
    let app = App::start(world).await;
    let client = app.sign_in(admin);
    let filters = access_filters();
    let mut some = 0;
    for (one, (text, matches)) in filters.iter().enumerate() {
        // Alone, and with one other of another kind, so that in the end each kind met each.
        let (other, matches_other) = &filters[(one * 5 + 7) % filters.len()];
        let kind = |text: &str| text.split(':').next().unwrap().to_owned();
        let mut cases: Vec<(String, Matches)> = vec![(text.clone(), Box::new(matches))];
        if kind(text) != kind(other) {
            cases.push((
                format!("{text}, {other}"),
                Box::new(move |sold| matches(sold) && matches_other(sold)),
            ));
        }
        for (filter, matches) in cases {
            let expected: Vec<_> = sold.iter().filter(|sold| matches(sold)).map(id).collect();
            some += usize::from(!expected.is_empty());
            let found =
                ids(&client, &format!("partner {{ accesses(first: 100, filter: {{ {filter} }})")).await;
            assert_eq!(found, expected, "{filter}");
        }
    }
    assert!(some > filters.len() / 2, "{some}");
    // All at once, under an order that reads posture.
    let filter = "operatingModel: [CO_MANAGED, FULLY_MANAGED], status: [ACTIVE, TRIAL], plan: [\"Standard\", \"Starter\"], \
                  customerName: \"a\", minOpenSeverity: INFO";
    sold.sort_by(|a, b| a.compare(b, "OPEN_FINDINGS", "DESC"));
    let expected: Vec<_> = sold
        .iter()
        .filter(|sold| {
            sold.visible
                && sold.open().next().is_some()
                && sold.plan.as_ref().is_some_and(|plan| plan.starts_with("Sta"))
                && contains(NAMES[sold.name], "a")
        })
        .map(id)
        .collect();
    let list = format!(
        "partner {{ accesses(first: 100, filter: {{ {filter} }}, orderBy: {{ field: OPEN_FINDINGS, direction: DESC }})"
    );
    assert_eq!(ids(&client, &list).await, expected);
    assert!(!expected.is_empty());
}

/// Ninety findings: every severity with every state and many due dates, among them this very instant.
fn findings() -> (World, UserId, CustomerId, Vec<seed::Finding>) {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let customer = world.customer(partner, "Acme", PortalAccess::Disabled);
    world.access(partner, customer, Terms::co_managed());
    let micro = TimeDelta::microseconds(1);
    let due = [None, Some(NOW), Some(NOW + micro), Some(NOW - micro), Some(days(40)), Some(days(-40)), None];
    for n in 0..90_usize {
        world.finding(customer, Severity::ALL[n % 5], NAMES[n % 8]);
        let finding = world.rows.findings.last_mut().unwrap();
        let day = i64::try_from(n).unwrap();
        finding.status = FindingStatus::ALL[n / 5 % 6];
        finding.sla_due_at = due[n % 7];
        finding.first_seen_at = days(-40 - day % 4);
        finding.last_seen_at = days(-1 - day % 3);
        finding.description = (n % 4 == 1).then(|| "Wide ZETA open, 100%".to_owned());
        finding.rule_id = (n % 4 == 2).then(|| "ärger_B\\1".to_owned());
        finding.cve = (n % 4 == 3).then(|| format!("CVE-2026-{n:04}"));
    }
    let rows = world.rows.findings.clone();
    (world, admin, customer, rows)
}

fn breached(finding: &seed::Finding) -> bool {
    let open =
        matches!(finding.status, FindingStatus::Open | FindingStatus::Triaged | FindingStatus::InProgress);
    open && finding.sla_due_at.is_some_and(|due| due <= NOW)
}

/// Of a finding with any of the three texts that may be missing.
fn says(finding: &seed::Finding, text: &str) -> bool {
    let texts =
        [Some(&finding.title), finding.description.as_ref(), finding.rule_id.as_ref(), finding.cve.as_ref()];
    texts.into_iter().flatten().any(|own| contains(own, text))
}

#[tokio::test]
async fn findings_come_in_every_order() {
    let (world, admin, customer, mut rows) = findings();
    let app = App::start(world).await;
    let client = app.sign_in(admin);
    let owner = format!("customer(id: \"{}\")", GlobalId::Customer(customer));
    let global = |finding: &seed::Finding| GlobalId::Finding(customer, finding.id).to_string();
    for field in ["SEVERITY", "FIRST_SEEN_AT", "LAST_SEEN_AT", "SLA_DUE_AT"] {
        for direction in DIRECTIONS {
            rows.sort_by(|a, b| {
                let ordering = match field {
                    "SEVERITY" => directed(a.severity.rank().cmp(&b.severity.rank()), direction),
                    "FIRST_SEEN_AT" => directed(a.first_seen_at.cmp(&b.first_seen_at), direction),
                    "LAST_SEEN_AT" => directed(a.last_seen_at.cmp(&b.last_seen_at), direction),
                    _ => nulls_last(a.sla_due_at, b.sla_due_at, direction),
                };
                ordering.then(directed(a.id.0.cmp(&b.id.0), direction))
            });
            let expected: Vec<_> = rows.iter().map(global).collect();
            let order = format!("orderBy: {{ field: {field}, direction: {direction} }}");
            assert_eq!(
                ids(&client, &format!("{owner} {{ findings(first: 100 {order})")).await,
                expected,
                "{order}"
            );
            let (mut paged, mut before) = (Vec::new(), String::new());
            while paged.len() < expected.len() {
                let document = format!(
                    "{{ customer: {owner} {{ findings(last: 13 {before} {order}) {{ edges {{ cursor node {{ id }} }} }} }} }}"
                );
                let data = client.data(&document).await;
                let edges = data["customer"]["findings"]["edges"].as_array().unwrap().clone();
                assert!(!edges.is_empty(), "{order}");
                before = format!("before: {}", edges[0]["cursor"]);
                paged.splice(0..0, edges.iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned()));
            }
            assert_eq!(paged, expected, "{order}");
        }
    }
}

#[tokio::test]
async fn findings_pass_every_filter_and_every_two() {
    type Matches = Box<dyn Fn(&seed::Finding) -> bool>;
    let (world, admin, customer, mut rows) = findings();
    rows.sort_by_key(|finding| std::cmp::Reverse((finding.severity.rank(), finding.id.0)));
    let app = App::start(world).await;
    let client = app.sign_in(admin);
    let owner = format!("customer(id: \"{}\")", GlobalId::Customer(customer));
    let mut filters: Vec<(String, Matches)> = vec![
        ("slaBreached: true".to_owned(), Box::new(breached)),
        ("slaBreached: false".to_owned(), Box::new(|finding| !breached(finding))),
        ("severity: []".to_owned(), Box::new(|_| false)),
        (
            "severity: [LOW, CRITICAL]".to_owned(),
            Box::new(|f| matches!(f.severity, Severity::Low | Severity::Critical)),
        ),
        (
            "status: [OPEN, RESOLVED]".to_owned(),
            Box::new(|f| matches!(f.status, FindingStatus::Open | FindingStatus::Resolved)),
        ),
        ("text: \"cve-2026-00\"".to_owned(), Box::new(|finding| finding.cve.is_some())),
    ];
    for status in FindingStatus::ALL {
        filters.push((format!("status: [{status}]"), Box::new(move |finding| finding.status == *status)));
    }
    for text in TEXTS {
        filters.push((format!("text: {}", quoted(text)), Box::new(move |finding| says(finding, text))));
    }
    for (one, (text, matches)) in filters.iter().enumerate() {
        for (other, matches_other) in filters.iter().skip(one).step_by(3) {
            let kind = |text: &str| text.split(':').next().unwrap().to_owned();
            let filter = if text == other { text.clone() } else { format!("{text}, {other}") };
            if text != other && kind(text) == kind(other) {
                continue;
            }
            let expected: Vec<_> = rows
                .iter()
                .filter(|finding| matches(finding) && matches_other(finding))
                .map(|finding| GlobalId::Finding(customer, finding.id).to_string())
                .collect();
            let found =
                ids(&client, &format!("{owner} {{ findings(first: 100, filter: {{ {filter} }})")).await;
            assert_eq!(found, expected, "{filter}");
        }
    }
}

#[tokio::test]
async fn a_due_date_is_breached_at_its_very_instant() {
    let (world, admin, customer, rows) = findings();
    let app = App::start(world).await;
    let id = GlobalId::Customer(customer);
    let document = format!(
        "{{ customer(id: \"{id}\") {{ posture {{ slaBreaches openFindings {{ total }} }} open: findings(filter: {{ slaBreached: true }}) {{ totalCount }}
            findings(first: 100) {{ nodes {{ id slaBreached }} }} }} partner {{ dashboard {{ posture {{ slaBreaches }} }} }} }}"
    );
    for step in [0, 1] {
        if step == 1 {
            app.clock.advance(TimeDelta::microseconds(1));
        }
        let now = NOW + TimeDelta::microseconds(step);
        let client = app.sign_in(admin);
        let open = |finding: &&seed::Finding| {
            matches!(finding.status, FindingStatus::Open | FindingStatus::Triaged | FindingStatus::InProgress)
        };
        let over =
            |finding: &&seed::Finding| open(finding) && finding.sla_due_at.is_some_and(|due| due <= now);
        let expected = rows.iter().filter(over).count();
        let data = client.data(&document).await;
        let own = &data["customer"];
        assert_eq!(own["posture"]["slaBreaches"], expected, "{step}");
        assert_eq!(own["posture"]["openFindings"]["total"], rows.iter().filter(open).count());
        assert_eq!(own["open"]["totalCount"], expected, "{step}");
        assert_eq!(data["partner"]["dashboard"]["posture"]["slaBreaches"], expected, "{step}");
        for node in own["findings"]["nodes"].as_array().unwrap() {
            let finding = rows
                .iter()
                .find(|finding| GlobalId::Finding(customer, finding.id).to_string() == node["id"])
                .unwrap();
            assert_eq!(node["slaBreached"], over(&finding), "{step}");
        }
    }
}
