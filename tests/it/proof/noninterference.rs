//! Two worlds that differ only in what the gate hides from a viewer answer that viewer alike (DESIGN.md 4): status,
//! headers, body to the byte, and how many statements it took.
//!
//! The worlds of a seed form a chain in one database: each differs from the one before in what is hidden from one viewer,
//! who is asked the same before and after. Each time somebody to whom a changed row is shown must see the change.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::config::LiveLimits;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, FindingId, PartnerId, UserId};
use posture_gateway::store::seed::World;
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Executor, PgConnection};

use super::changes::change;
use super::difference::{Difference, differences, sql, tables};
use super::eyes::{Eyes, Who};
use super::queries::{Page, query};
use super::size;
use super::values::{Values, quoted};
use super::worlds;
use crate::live::{findings_of, rename, told};
use crate::support::app::{App, Client, Reply};
use crate::support::dice::Dice;
use crate::support::live::{Socket, quiet};
use crate::support::world::{self, Terms};

/// Worlds in every run.
const WORLDS: u64 = 16;
/// Viewers a world, each with a change of its own.
const VIEWERS: usize = 3;
/// Generated documents a viewer, beside the pointed ones.
const DOCUMENTS: usize = 5;

/// What was tried.
#[derive(Default)]
struct Tally {
    viewers: usize,
    rows: usize,
    comparisons: usize,
    pages: usize,
    hidden: usize,
    /// Connections with every stream open that said nothing.
    silent: usize,
    /// Hidden findings and accesses changed under them.
    under_streams: usize,
    /// The tables of which something was changed.
    changed: BTreeSet<&'static str>,
    /// By table: how often somebody saw a changed row change.
    seen: BTreeMap<&'static str, usize>,
}

/// A request and its answer.
struct Asked {
    document: String,
    in_extensions: bool,
    reply: Reply,
}

/// What everybody asks first, so that whatever outlives a request has been filled with what others see.
const CROWD: &str = "{ partner { ...Lists } customer { name posture { riskScore } findings(first: 2) { nodes { title } } \
    accesses { nodes { partner { ...Lists } } } } } \
    fragment Lists on Partner { accesses(first: 20, filter: { minOpenSeverity: INFO }, \
    orderBy: { field: OPEN_FINDINGS, direction: ASC }) { totalCount nodes { subscription { margin { amount } } \
    customer { name posture { riskScore } findings(first: 2) { nodes { title } } auditLog(first: 2) { nodes { actor } } } } } \
    dashboard { posture { assets } } }";

/// Everything that can be asked of a customer.
const CUSTOMER: &str = "name portalAccess createdAt visibility { class visible reason explanation } lastScanAt \
    posture { riskScore assets slaBreaches lastScanAt openFindings { critical high medium low info total } } \
    findings(first: 100) { totalCount nodes { id title severity status slaDueAt slaBreached asset { id } } } \
    slaPolicy { criticalDays highDays mediumDays lowDays infoDays isDefault } \
    assets(first: 100) { totalCount nodes { id kind value firstSeenAt openFindings { total } } } \
    components(first: 100) { totalCount nodes { id name version purl licenses } } \
    scans(first: 100) { nodes { id profile status finishedAt report { newFindings openFindings { critical } } } } \
    scanSchedules(first: 100) { nodes { id profile enabled targets { id } } } \
    evidence(first: 100) { nodes { id title findings { id } scans { id } file { name size } } } postureShares(first: 100) { nodes { id label } } \
    auditLog(first: 100) { nodes { id actor at } } \
    securityConfiguration { samlEnabled samlIssuer roles { user role } apiKeys { id label userId role } }";

/// Everything that can be asked of an access.
const ACCESS: &str = "operatingModel status privilegeCeiling customerConsent consentUntil effectivePrivilege version \
    createdAt postureVisible visibility { class visible reason explanation } trial { endsAt expired } partner { id name } \
    customer { id name } subscription { plan status quantity price { amount } unitCost { amount } margin { amount } \
    usage { used percent alerting alert { raisedAt acknowledgedAt acknowledgedBy } } addOns { code name } }";

/// Everything that can be asked of a quote.
const QUOTE: &str = "... on Quote { id plan operatingModel licenseModel quantity billingCycle addOns trialDays createdAt acceptedAt \
    price { amount } customer { id name } access { id status } }";

/// Everything that is sold.
const CATALOGUE: &str = "{ plans { name licenseModel monthlyPrice { amount currency } annualPrice { amount } } \
    addOns { code name monthlyPrice { amount currency } annualPrice { amount } } }";

/// Totals, sums and orders over a partner's accesses, by several names for one field.
fn lists(partner: Option<PartnerId>, dice: &mut Dice) -> String {
    let mut body = String::from(
        "id name parent { id name } apiKeys { edges { cursor node { id label lastFour } } } children { edges { cursor node { id name parent { id } } } } \
         auditLog { nodes { id actor access { id } } } billing(month: \"2026-06-01\") { total { amount } marginTotal { amount } \
         lines { plan price { amount } unitCost { amount } access { id } } } \
         prepaidLicenses { licenseModel bought assigned available } \
         quotes(first: 100) { edges { cursor node { id plan price { amount } } } pageInfo { hasNextPage } } \
         dashboard { commercial { accesses usageAlerts renewalsWithin30Days monthlyRecurringRevenue { amount } \
         byStatus { status count } } posture { accessesIncluded accessesExcluded assets slaBreaches meanRiskScore \
         openFindings { critical high medium low info total } } } ",
    );
    for name in ["one", "two", "three"] {
        let field = dice.one_of(&[
            "CUSTOMER_NAME",
            "CREATED_AT",
            "STATUS",
            "PLAN",
            "RENEWAL_DATE",
            "LAST_SCAN_AT",
            "LAST_SCAN_AT",
            "OPEN_FINDINGS",
            "OPEN_FINDINGS",
        ]);
        let direction = dice.one_of(&["ASC", "DESC"]);
        let filter = dice.one_of(&[
            "",
            "",
            "filter: { minOpenSeverity: INFO }, ",
            "filter: { minOpenSeverity: CRITICAL }, ",
        ]);
        let page = dice.one_of(&["first: 3", "first: 30", "last: 3"]);
        body = format!(
            "{body}{name}: accesses({page}, {filter}orderBy: {{ field: {field}, direction: {direction} }}) {{ totalCount \
             edges {{ cursor node {{ id version }} }} pageInfo {{ hasNextPage endCursor }} }} "
        );
    }
    let arguments = partner.map_or(String::new(), |id| format!("(id: \"{}\")", GlobalId::Partner(id)));
    format!(
        "{{ viewer {{ id name kind }} plans {{ name }} addOns {{ code }} partner{arguments} {{ {body}}} }}"
    )
}

/// The global id of a changed row, where its kind has one.
fn global_id(table: &str, row: &Value) -> Option<GlobalId> {
    let uuid = |column: &str| row[column].as_str().and_then(|text| text.parse().ok());
    let customer = || uuid("customer_id").map(CustomerId);
    macro_rules! of_tenant {
        ($kind:ident) => {
            GlobalId::$kind(customer()?, serde_json::from_value(row["id"].clone()).ok()?)
        };
    }
    Some(match table {
        "partners" => GlobalId::Partner(PartnerId(uuid("id")?)),
        "customers" => GlobalId::Customer(customer()?),
        "accesses" => of_tenant!(Access),
        "subscriptions" => GlobalId::Subscription(customer()?, AccessId(uuid("access_id")?)),
        "assets" => of_tenant!(Asset),
        "findings" => of_tenant!(Finding),
        "components" => of_tenant!(Component),
        "scans" => of_tenant!(Scan),
        "scan_schedules" => of_tenant!(ScanSchedule),
        "quotes" => of_tenant!(Quote),
        "evidence" => of_tenant!(Evidence),
        "posture_shares" => of_tenant!(PostureShare),
        "api_keys" => of_tenant!(ApiKey),
        "customer_audit_events" => of_tenant!(CustomerAuditEvent),
        "partner_api_keys" => GlobalId::PartnerApiKey(
            PartnerId(uuid("partner_id")?),
            serde_json::from_value(row["id"].clone()).ok()?,
        ),
        "partner_audit_events" => GlobalId::PartnerAuditEvent(
            PartnerId(uuid("partner_id")?),
            serde_json::from_value(row["id"].clone()).ok()?,
        ),
        _ => return None,
    })
}

/// The document that shows a row of a table to whoever may see it.
fn document_about(table: &str, row: &Value) -> Option<String> {
    let uuid = |column: &str| row[column].as_str().and_then(|text| text.parse().ok());
    let customer = uuid("customer_id").map(CustomerId);
    Some(match table {
        "accesses" | "subscriptions" | "usage_alerts" => {
            let access = AccessId(uuid(if table == "accesses" { "id" } else { "access_id" })?);
            format!("{{ access(id: \"{}\") {{ {ACCESS} }} }}", GlobalId::Access(customer?, access))
        }
        "partners" => format!(
            "{{ partner(id: \"{}\") {{ id name parent {{ id }} }} }}",
            GlobalId::Partner(PartnerId(uuid("id")?))
        ),
        "quotes" => format!("{{ node(id: \"{}\") {{ {QUOTE} }} }}", global_id(table, row)?),
        "plans" | "plan_add_ons" => CATALOGUE.to_owned(),
        "prepaid_purchases" => format!(
            "{{ partner(id: \"{}\") {{ prepaidLicenses {{ licenseModel bought assigned available }} }} }}",
            GlobalId::Partner(PartnerId(uuid("partner_id")?))
        ),
        "partner_api_keys" => format!(
            "{{ partner(id: \"{}\") {{ apiKeys(first: 100) {{ nodes {{ id label userId role revokedAt }} }} }} }}",
            GlobalId::Partner(PartnerId(uuid("partner_id")?))
        ),
        "partner_audit_events" => format!(
            "{{ partner(id: \"{}\") {{ auditLog(first: 100) {{ nodes {{ id actor at }} }} }} }}",
            GlobalId::Partner(PartnerId(uuid("partner_id")?))
        ),
        "finding_history" => format!(
            "{{ node(id: \"{}\") {{ ... on Finding {{ history(first: 100) {{ nodes {{ at by from to note }} }} }} }} }}",
            GlobalId::Finding(customer?, FindingId(uuid("finding_id")?))
        ),
        _ => format!("{{ customer(id: \"{}\") {{ {CUSTOMER} }} }}", GlobalId::Customer(customer?)),
    })
}

/// The cursor that leads on from a page of an answer: of the first object on the way that has one.
fn cursor(at: &Value, page: &Page, path: &[String]) -> Option<String> {
    if let Value::Array(items) = at {
        return items.iter().find_map(|item| cursor(item, page, path));
    }
    let Some((key, rest)) = path.split_first() else {
        let info = at.get("pageInfo")?;
        return info.get(if page.forward { "endCursor" } else { "startCursor" })?.as_str().map(str::to_owned);
    };
    cursor(at.get(key)?, page, rest)
}

async fn ask(client: &Client, document: String, in_extensions: bool) -> Asked {
    let client = if in_extensions { client.hidden_in_extensions() } else { client.clone() };
    let reply = client.ask(&document).await;
    Asked { document, in_extensions, reply }
}

/// Asks a viewer everything: the pointed documents, the generated ones, and the pages that follow.
async fn interrogate(
    client: &Client,
    pointed: Vec<String>,
    values: &Values,
    dice: &mut Dice,
    tally: &mut Tally,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for document in pointed {
        let in_extensions = dice.one_in(2);
        asked.push(ask(client, document, in_extensions).await);
    }
    for _ in 0..DOCUMENTS {
        let query = query(dice.number(), "Query", values);
        let in_extensions = dice.one_in(2);
        let first = ask(client, query.text(), in_extensions).await;
        let data = &first.reply.body["data"];
        let cursors: Vec<_> = query.pages.iter().map(|page| cursor(data, page, &page.path)).collect();
        asked.push(first);
        if cursors.iter().any(Option::is_some) {
            tally.pages += 1;
            asked.push(ask(client, query.text_with(&cursors), in_extensions).await);
        }
    }
    asked
}

/// What a failing test prints, with all that it takes to try again.
fn assert_same(seed: u64, viewer: &str, before: &Asked, after: &Reply) {
    let Asked { document, in_extensions, reply } = before;
    if reply.on_the_wire() == after.on_the_wire() && reply.statements == after.statements {
        return;
    }
    let (old, new) = (&reply.text, &after.text);
    let place = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
    let around = |text: &str| {
        let bytes =
            &text.as_bytes()[place.saturating_sub(200).min(text.len())..(place + 200).min(text.len())];
        String::from_utf8_lossy(bytes).into_owned()
    };
    panic!(
        "what is hidden changed an answer\n\
         seed {seed}, viewer {viewer}, hidden fields in {}\n{document}\n\
         before: status {}, {} statements, at byte {place}: ..{}..\n\
         after:  status {}, {} statements, at byte {place}: ..{}..\n\
         headers: {:?}\n         {:?}\n\
         again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::noninterference",
        if *in_extensions { "extensions" } else { "errors" },
        reply.status,
        reply.statements,
        around(old),
        after.status,
        after.statements,
        around(new),
        reply.headers,
        after.headers,
    );
}

/// Somebody to whom a changed row is shown, before or after; which table; and what to ask.
fn witness(
    before: &World,
    after: &World,
    changes: &[Difference],
    dice: &mut Dice,
) -> Option<(&'static str, UserId, String)> {
    let eyes = |world| {
        before.users.iter().map(move |user| Eyes::of(world, user.id)).filter(|eyes| eyes.who != Who::Nobody)
    };
    let (then, now): (Vec<_>, Vec<_>) = (eyes(before).collect(), eyes(after).collect());
    let mut found = Vec::new();
    for change in changes {
        let mut of_table = Vec::new();
        for row in change.telling() {
            // A row that is gone was shown before; a new one is shown after. Who stands above a partner only those are told who
            // meet both: the platform's admins at any rate.
            let tells = |eyes: &&Eyes<'_>| change.table != "partners" || eyes.who == Who::PlatformAdmin;
            let mut all = then.iter().chain(&now).filter(tells);
            let shown = all.find(|eyes| eyes.sees(change.table, row));
            if let (Some(eyes), Some(document)) = (shown, document_about(change.table, row)) {
                of_table.push((change.table, eyes.user(), document));
            }
        }
        if !of_table.is_empty() {
            found.push(of_table.swap_remove(dice.below(of_table.len())));
        }
    }
    (!found.is_empty()).then(|| found.swap_remove(dice.below(found.len())))
}

/// Someone far from everything, whose finding is changed last: when they are told of it, every stream has heard of all that came before.
struct Sentinel {
    finding: FindingId,
    socket: Socket,
    told: u32,
}

impl Sentinel {
    async fn post(app: &App, owner: &mut PgConnection) -> Self {
        let mut apart = world::World::default();
        let partner = apart.partner("Sentinel's");
        let customer = apart.customer(partner, "Sentinel's", PortalAccess::Disabled);
        apart.access(partner, customer, Terms::co_managed());
        let finding = apart.finding(customer, Severity::Low, "nothing");
        let user = apart.partner_admin(partner, "Sentinel");
        let mut transaction = owner.begin().await.unwrap();
        apart.into_rows().insert(&mut transaction, |_, _| {}).await.unwrap();
        transaction.commit().await.unwrap();
        let mut socket = Socket::sign_in(app, user).await;
        socket.subscribe("last", &findings_of(customer)).await;
        Self { finding, socket, told: 0 }
    }

    /// Resolves when everything that has been done before is told, or passed over in silence.
    async fn passes(&mut self, app: &App, owner: &mut PgConnection) {
        self.told += 1;
        let title = format!("change {}", self.told);
        owner.execute(AssertSqlSafe(rename(self.finding, &title))).await.unwrap();
        assert_eq!(self.socket.event("last").await, told(&title));
        quiet(app).await;
    }
}

/// Every stream that a viewer can open: one for each customer that is or will be, and one of accesses.
async fn streams(app: &App, viewer: UserId, worlds: [&World; 2]) -> Option<Socket> {
    let customers = worlds.into_iter().flat_map(|world| world.customers.iter().map(|row| row.customer_id));
    let customers: BTreeSet<CustomerId> = customers.collect();
    let token = app.token(viewer, app.clock.now(), chrono::TimeDelta::days(1));
    let mut socket = Socket::open(app).await;
    socket.init(serde_json::json!({ "authorization": format!("Bearer {token}") })).await;
    // Whoever is nobody has none.
    socket.next().await.ok()?;
    for (nth, customer) in customers.into_iter().enumerate() {
        socket.subscribe(&nth.to_string(), &findings_of(customer)).await;
    }
    socket.subscribe("accesses", "subscription { accessChanged { id version customer { name } } }").await;
    Some(socket)
}

/// One viewer, one change: the world as it is afterwards.
#[expect(clippy::too_many_arguments, reason = "what one step of the chain is made of")]
async fn step(
    app: &App,
    owner: &mut PgConnection,
    sentinel: &mut Sentinel,
    before: World,
    viewer: UserId,
    seed: u64,
    dice: &mut Dice,
    tally: &mut Tally,
) -> World {
    let after = change(&before, viewer, dice.number());
    let changes = differences(&before, &after);
    tally.viewers += 1;
    tally.rows += changes.iter().map(|change| change.rows().count()).sum::<usize>();
    tally.changed.extend(changes.iter().map(|change| change.table));

    let eyes = Eyes::of(&before, viewer);
    let shown = eyes.shown();
    // What can answer is asked for as often as what cannot.
    let values = Values::of_all(&[&before, &after, &shown, &shown, &shown]);
    let who = format!("{viewer} ({:?})", eyes.who);
    let ids = changes.iter().flat_map(|change| change.rows().filter_map(|row| global_id(change.table, row)));
    let ids: Vec<_> = ids.take(100).map(|id| quoted(&id.to_string())).collect();
    let mut pointed = vec![format!("{{ nodes(ids: [{}]) {{ __typename id }} }}", ids.join(", "))];
    let partners = &before.partners;
    let other = eyes.employer().is_none().then(|| partners[dice.below(partners.len())].id);
    pointed.push(lists(other, dice));
    let about =
        changes.iter().flat_map(|change| change.rows().filter_map(|row| document_about(change.table, row)));
    let mut about: Vec<_> = about.collect();
    if !about.is_empty() {
        pointed.push(about.swap_remove(dice.below(about.len())));
    }
    let witness = witness(&before, &after, &changes, dice);

    let client = app.sign_in(viewer);
    let asked = interrogate(&client, pointed, &values, dice, tally).await;
    let mut told = Vec::new();
    if let Some((table, user, document)) = witness {
        let reply = app.sign_in(user).ask(&document).await;
        told.push((table, user, document, reply));
    }

    let mut listening = streams(app, viewer, [&before, &after]).await;
    owner
        .execute(AssertSqlSafe(sql(&changes)))
        .await
        .unwrap_or_else(|error| panic!("seed {seed}, {who}: {error}"));

    sentinel.passes(app, owner).await;
    if let Some(socket) = &mut listening {
        assert_eq!(
            socket.hears_before_pong().await,
            [] as [&str; 0],
            "seed {seed}: {who} is told of what is hidden\n\
             again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::noninterference"
        );
        tally.silent += 1;
        let events = changes.iter().filter(|change| ["accesses", "findings"].contains(&change.table));
        tally.under_streams += events.map(|change| change.rows().count()).sum::<usize>();
    }
    drop(listening);

    for before in &asked {
        let after = ask(&client, before.document.clone(), before.in_extensions).await;
        assert_same(seed, &who, before, &after.reply);
        tally.comparisons += 1;
        tally.hidden += before.reply.text.matches("\"HIDDEN\"").count()
            + before.reply.text.matches("\"coordinate\"").count();
        assert!(
            !before.reply.codes().iter().any(|code| code.starts_with("QUERY_")
                || code.starts_with("GRAPHQL_")
                || *code == "INTERNAL"),
            "seed {seed}: no answer but\n{}\nto\n{}",
            before.reply.text,
            before.document
        );
    }
    for (table, user, document, before) in told {
        let after = app.sign_in(user).ask(&document).await;
        assert_ne!(
            before.text, after.text,
            "seed {seed}: {user} should see a change of `{table}` with\n{document}\n\
             again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::noninterference"
        );
        *tally.seen.entry(table).or_default() += 1;
    }
    after
}

/// Those who are asked: different ones, mostly of kinds that see something.
fn viewers(world: &World, dice: &mut Dice) -> Vec<UserId> {
    let (mut some, mut none): (Vec<_>, Vec<_>) =
        world.users.iter().map(|row| row.id).partition(|user| Eyes::of(world, *user).who != Who::Nobody);
    let mut chosen = Vec::new();
    for _ in 0..VIEWERS {
        let from = if some.is_empty() || dice.one_in(10) { &mut none } else { &mut some };
        if !from.is_empty() {
            chosen.push(from.swap_remove(dice.below(from.len())));
        }
    }
    chosen
}

#[tokio::test]
async fn what_is_hidden_changes_no_answer() {
    let mut tally = Tally::default();
    let mut tried = 0;
    for seed in size::seeds(WORLDS) {
        let mut dice = Dice::new(seed);
        let mut world = worlds::generate_with_sales(seed);
        let limits = LiveLimits { operations: usize::MAX, ..LiveLimits::default() };
        let app = App::start_live(world.clone().into(), limits).await;
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        for user in world.users.iter().filter(|user| Eyes::of(&world, user.id).who != Who::Nobody) {
            let reply = app.sign_in(user.id).ask(CROWD).await;
            assert!(reply.body["data"].is_object(), "{}", reply.text);
        }
        let mut sentinel = Sentinel::post(&app, &mut owner).await;
        for viewer in viewers(&world, &mut dice) {
            world = step(&app, &mut owner, &mut sentinel, world, viewer, seed, &mut dice, &mut tally).await;
        }
        tried += 1;
    }
    size::tried("worlds changed where it is hidden", tried);
    size::tried("viewers from whom it is hidden", tally.viewers);
    size::tried("hidden rows changed, added and taken away", tally.rows);
    size::tried("tables in which they are", tally.changed.len());
    size::tried("answers compared before and after", tally.comparisons);
    size::tried("of them pages after a cursor", tally.pages);
    size::tried("connections with every stream open that said nothing", tally.silent);
    size::tried("hidden findings and accesses changed under open streams", tally.under_streams);
    size::tried("changes shown to somebody else, who saw them", tally.seen.values().sum());
    // Else it would have been proven of nothing; a few worlds may be as poor as they are.
    if size::is_whole(
        tried,
        WORLDS,
        "noninterference: every table is changed, changes and denials are met, pages are followed",
    ) {
        assert_eq!(tally.seen.values().sum::<usize>(), tally.viewers, "each change has somebody who sees it");
        let unchanged: Vec<_> = tables(&World::default())
            .into_iter()
            .map(|(table, ..)| table)
            .filter(|table| !tally.changed.contains(table))
            .collect();
        assert_eq!(unchanged, [] as [&str; 0], "nothing hidden is ever changed in these");
        let tables: Vec<_> = tally.seen.keys().collect();
        assert!(tables.len() >= 10, "changes were seen of {tables:?} alone");
        // As many as viewers, on the whole: some see everything of what there is, and some meet a denial in each document.
        assert!(tally.hidden >= tally.viewers, "{} denials", tally.hidden);
        assert!(tally.pages > 0, "no page was followed");
    }
}
