//! What an answer costs: the number of SQL statements, BEGIN and COMMIT included, is exact for every example and does
//! not grow with the rows it shows (PERFORMANCE.md).

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, process};

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, FindingId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::ConnectOptions;

use crate::support::app::{App, Client};
use crate::support::database::home;
use crate::support::world::{Terms, World};

const SIZES: [usize; 3] = [1, 10, 100];

/// Who asks for an example, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    Partner,
    Customer,
    Platform,
}

/// Every query of the apps, of GraphiQL and of the measurements, with everyone it is for.
const EXAMPLES: [(&str, Asker, u64); 39] = [
    ("ActivityQuery", Asker::Customer, 4),
    ("BillingQuery", Asker::Partner, 6),
    ("ChangeModelPreviewQuery", Asker::Partner, 4),
    ("CoManagedQuery", Asker::Partner, 13),
    ("ComponentSearchQuery", Asker::Partner, 5),
    ("ConsentQuery", Asker::Customer, 4),
    ("ContractLogQuery", Asker::Partner, 5),
    ("ContractQuery", Asker::Partner, 7),
    ("CustomerListQuery", Asker::Partner, 6),
    ("CustomerManagedQuery", Asker::Partner, 7),
    ("ExposureQuery", Asker::Customer, 5),
    ("ExposureRecordsQuery", Asker::Customer, 5),
    ("FindingsDetailQuery", Asker::Partner, 7),
    ("FindingsQuery", Asker::Partner, 5),
    ("FullyManagedQuery", Asker::Partner, 12),
    ("InventoryComponentsQuery", Asker::Customer, 4),
    ("InventoryQuery", Asker::Customer, 5),
    ("PartnerHomeQuery", Asker::Partner, 9),
    ("PortalEvidenceQuery", Asker::Customer, 5),
    ("PortalFindingsDetailQuery", Asker::Customer, 6),
    ("PortalFindingsQuery", Asker::Customer, 5),
    ("PortalHomeNewsQuery", Asker::Customer, 4),
    ("PortalHomeQuery", Asker::Customer, 7),
    ("PortalScansQuery", Asker::Customer, 6),
    ("PortalSharesQuery", Asker::Customer, 4),
    ("ScansQuery", Asker::Partner, 6),
    ("SellingCatalogueQuery", Asker::Partner, 5),
    ("SellingQuotesQuery", Asker::Partner, 4),
    ("SettingsQuery", Asker::Customer, 7),
    ("SharesQuery", Asker::Partner, 5),
    ("TeamQuery", Asker::Partner, 5),
    ("customer-findings", Asker::Partner, 5),
    ("customer-findings", Asker::Customer, 4),
    ("dashboard", Asker::Partner, 5),
    ("hidden-and-why", Asker::Partner, 6),
    ("partner-home", Asker::Partner, 6),
    ("platform", Asker::Platform, 5),
    ("portal-home", Asker::Customer, 6),
    ("who-am-i", Asker::Partner, 3),
];

/// A partner with `size` accesses over all models, `size` resellers below it that each have an access to its first
/// customer, and `size` of everything at that customer.
struct Sized {
    world: World,
    partner: PartnerId,
    admin: UserId,
    customer: CustomerId,
    access: AccessId,
    finding: FindingId,
    customer_admin: UserId,
    platform_admin: UserId,
}

impl Sized {
    /// What the examples are asked about.
    fn variables(&self) -> Value {
        json!({
            "customer": GlobalId::Customer(self.customer).to_string(),
            "access": GlobalId::Access(self.customer, self.access).to_string(),
            "finding": GlobalId::Finding(self.customer, self.finding).to_string(),
            "month": "2026-06-01",
            "operatingModel": "CO_MANAGED",
            "since": "2026-06-01T12:00:00Z",
            "text": "lib",
        })
    }
}

fn sized(size: usize) -> Sized {
    let mut world = World::default();
    world.price_list();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let platform_admin = world.user(ViewerKind::PlatformAdmin, "Pat");
    let terms = [Terms::fully_managed(), Terms::co_managed(), Terms::customer_managed()];
    let customers: Vec<_> = (0..size)
        .map(|n| {
            let customer = world.customer(partner, &format!("Customer {n:03}"), PortalAccess::Full);
            world.access(partner, customer, terms[n % 3]);
            add_on(&mut world);
            let sold = world.rows.accesses.last().unwrap().id;
            world.posture(customer);
            world.partner_event(partner, "ACCESS_CREATED");
            let event = world.rows.partner_audit_events.last_mut().unwrap();
            (event.customer_id, event.access_id) = (Some(customer), Some(sold));
            customer
        })
        .collect();
    let customer = customers[0];
    let customer_admin = world.customer_user(customer, CustomerRole::Admin, "Cora");
    for n in 0..size {
        let reseller = world.reseller(partner, &format!("Reseller {n:03}"));
        world.access(reseller, customer, Terms::co_managed());
        // Another of everything that a customer may have many of.
        let settings = world.rows.security_settings.len();
        let assets = world.rows.assets.len();
        world.posture(customer);
        world.rows.security_settings.truncate(settings);
        world.rows.assets[assets].value = format!("host-{n}.example");
        world.finding(customer, Severity::Low, "Without an asset");
    }
    let access = world.rows.accesses.first().unwrap().id;
    let finding = world.rows.findings.iter().find(|finding| finding.customer_id == customer).unwrap().id;
    Sized { world, partner, admin, customer, access, finding, customer_admin, platform_admin }
}

/// Adds something to the last subscription.
fn add_on(world: &mut World) {
    let sold = world.rows.subscriptions.last().unwrap();
    world.rows.add_ons.push(posture_gateway::store::seed::AddOn {
        customer_id: sold.customer_id,
        access_id: sold.access_id,
        code: "SSO".to_owned(),
        partner_id: sold.partner_id,
        name: "Single sign-on".to_owned(),
        price: Decimal::new(500, 2),
    });
}

fn examples() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeMap::new();
    for app in ["partner-app", "customer-portal"] {
        let manifest = root.join("clients/trusted-documents").join(app).join("apollo.json");
        let manifest: Value = serde_json::from_str(&fs::read_to_string(manifest).unwrap()).unwrap();
        for operation in manifest["operations"].as_array().unwrap() {
            if operation["type"] == "query" {
                let text = |key: &str| operation[key].as_str().unwrap().to_owned();
                found.insert(text("name"), text("body"));
            }
        }
    }
    let folders =
        ["graphiql/examples", "benches/documents"].map(|folder| fs::read_dir(root.join(folder)).unwrap());
    for entry in folders.into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "graphql") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    found
}

/// What a document costs; it must answer without any error but HIDDEN.
async fn cost(client: &Client, document: &str, variables: Value) -> u64 {
    let reply = client.query(document, variables).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.codes().iter().all(|code| *code == "HIDDEN"), "{document}\n{}", reply.text);
    reply.statements
}

#[test]
fn every_example_has_a_price() {
    let mut priced: Vec<_> = EXAMPLES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    priced.dedup();
    assert_eq!(examples().into_keys().collect::<Vec<_>>(), priced);
}

#[tokio::test]
async fn an_example_costs_the_same_for_1_10_and_100() {
    let examples = examples();
    let mut found = Vec::new();
    let mut expected = Vec::new();
    for size in SIZES {
        let mut sized = sized(size);
        let app = App::start(std::mem::take(&mut sized.world)).await;
        for (name, asker, statements) in EXAMPLES {
            let client = app.sign_in(match asker {
                Asker::Partner => sized.admin,
                Asker::Customer => sized.customer_admin,
                Asker::Platform => sized.platform_admin,
            });
            let variables = sized.variables();
            expected.push((name, asker, size, statements));
            found.push((name, asker, size, cost(&client, &examples[name], variables).await));
        }
    }
    assert_eq!(found, expected);
}

const COMMERCE: &str = "subscription { plan usage { used percent alerting } addOns { code price { amount } } price { amount } \
                        unitCost { amount } margin { amount } access { id } } trial { endsAt } visibility { class visible }";

/// Every loader of posture, each reached from one place: where two places want the same loader, whether they share a
/// statement is a matter of timing.
const POSTURE: &str = "posture { riskScore } lastScanAt visibility { class }
    findings(first: 2) { totalCount nodes { customer { name } asset { value openFindings { total } } } }
    scans(first: 2) { nodes { report { newFindings openFindings { total } } } }
    scanSchedules(first: 2) { nodes { targets { value } } }
    assets(first: 2) { totalCount nodes { value } } postureTrend { day openFindings { total } }
    changes(since: \"2026-06-01T12:00:00Z\") { newFindings }";

/// Every loader of a partner's list.
fn list() -> String {
    format!(
        "{{ partner {{ parent {{ name }} accesses(first: 100) {{ totalCount nodes {{ partner {{ name }} {COMMERCE} \
         customer {{ name {POSTURE} }} }} }} }} }}"
    )
}

/// Documents that are in no example, with who asks and what they cost.
fn deep(sized: &Sized) -> Vec<(UserId, String, u64)> {
    let (partner, customer) = (GlobalId::Partner(sized.partner), GlobalId::Customer(sized.customer));
    let of_customer = format!(
        "{} components(first: 100) {{ nodes {{ name }} }} evidence(first: 100) {{ nodes {{ title }} }} \
         postureShares(first: 100) {{ nodes {{ label }} }} auditLog(first: 100) {{ nodes {{ action }} }} \
         securityConfiguration {{ samlEnabled roles {{ user role }} apiKeys {{ label }} }}",
        POSTURE.replace("first: 2", "first: 100")
    );
    vec![
        (sized.admin, list(), 17),
        (
            sized.admin,
            format!("{{ customer(id: \"{customer}\") {{ access {{ {COMMERCE} }} {of_customer} }} }}"),
            23,
        ),
        (
            sized.customer_admin,
            format!(
                "{{ customer {{ accesses(first: 100) {{ nodes {{ partner {{ name }} {COMMERCE} }} }} {of_customer} }} }}"
            ),
            22,
        ),
        (
            sized.admin,
            format!(
                "{{ customer(id: \"{customer}\") {{ scanSchedules(first: 100) {{ nodes {{ targets {{ openFindings {{ total }} }} }} }} }} }}"
            ),
            7,
        ),
        (
            sized.admin,
            format!(
                "{{ customer(id: \"{customer}\") {{ assets(first: 100) {{ nodes {{ openFindings {{ total }} }} }} }} }}"
            ),
            6,
        ),
        (
            sized.admin,
            "{ partner { children(first: 100) { nodes { name } } \
             auditLog(first: 100) { nodes { action access { customer { name } } } } } }"
                .to_owned(),
            6,
        ),
        (
            sized.platform_admin,
            format!(
                "{{ partner(id: \"{partner}\") {{ children(first: 100) {{ nodes {{ name parent {{ name }} \
                 accesses(first: 1) {{ totalCount nodes {{ subscription {{ plan margin {{ amount }} }} customer {{ name }} }} }} \
                 dashboard {{ commercial {{ accesses monthlyRecurringRevenue {{ amount }} }} }} }} }} }} }}"
            ),
            9,
        ),
    ]
}

#[tokio::test]
async fn a_deep_query_costs_the_same_for_1_10_and_100() {
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    for size in SIZES {
        let mut sized = sized(size);
        let documents = deep(&sized);
        let app = App::start(std::mem::take(&mut sized.world)).await;
        for (nth, (user, document, statements)) in documents.into_iter().enumerate() {
            let client = app.sign_in(user).hidden_in_extensions();
            found.push((size, nth, cost(&client, &document, json!({})).await));
            expected.push((size, nth, statements));
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_hidden_field_costs_nothing() {
    let sized = sized(3);
    // Of three the last is customer-managed.
    let hidden = GlobalId::Customer(sized.world.rows.customers[2].customer_id);
    let app = App::start(sized.world).await;
    let admin = app.sign_in(sized.admin);
    let bare = format!("{{ customer(id: \"{hidden}\") {{ name access {{ status }} }} }}");
    let gated = format!(
        "{{ customer(id: \"{hidden}\") {{ name access {{ status }} posture {{ assets }} lastScanAt findings {{ totalCount }} \
         assets {{ totalCount }} components {{ totalCount }} scans {{ nodes {{ id }} }} scanSchedules {{ nodes {{ id }} }} \
         postureTrend {{ day }} changes(since: \"2026-06-01T12:00:00Z\") {{ newFindings }} evidence {{ nodes {{ id }} }} postureShares {{ nodes {{ id }} }} auditLog {{ nodes {{ id }} }} securityConfiguration {{ samlEnabled }} }} }}"
    );
    assert_eq!(cost(&admin, &gated, json!({})).await, cost(&admin, &bare, json!({})).await);
}

/// The counter is the gateway's own; what the server logs is not.
#[tokio::test]
async fn postgresql_saw_as_many_statements_as_were_counted() {
    let sized = sized(10);
    let app = App::start(sized.world).await;
    // Before the gateway's first connection, so that it holds for all of them.
    let name: String = {
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        sqlx::query_scalar("select current_database()::text").fetch_one(&mut owner).await.unwrap()
    };
    app.as_owner(&format!("alter database {name} set log_statement = 'all'")).await;
    let admin = app.sign_in(sized.admin);
    let document = list();
    let counted = cost(&admin, &document, json!({})).await;

    let pids: Vec<i32> = {
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        sqlx::query_scalar(
            "select pid from pg_stat_activity where datname = current_database() and usename = 'posture_gateway'",
        )
        .fetch_all(&mut owner)
        .await
        .unwrap()
    };
    let log = fs::read(home(&process::id().to_string()).join("log")).unwrap();
    let log = String::from_utf8_lossy(&log).into_owned();
    let ours = |line: &&str| {
        (line.contains(" LOG:  statement: ") || line.contains(" LOG:  execute "))
            && pids.iter().any(|pid| line.contains(&format!(" [{pid}] LOG:")))
    };
    // The recorder's is of all requests that wait for it: of this one alone here.
    let (recorder, seen): (Vec<&str>, Vec<&str>) =
        log.lines().filter(ours).partition(|line| line.contains("gate.record_reads"));
    assert_eq!((seen.len() as u64, recorder.len()), (counted, 1), "{seen:#?} {recorder:#?}");
}
