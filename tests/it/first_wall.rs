//! The first wall by itself: over a database without any policy, every answer is what it is behind both walls.
//!
//! Behind both walls a resolver that forgets the gate may look right, because the second one catches it. The second wall
//! by itself is `wall`'s.

use std::collections::BTreeMap;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{TypeDefinition, TypeKind, TypeSystemDefinition};
use serde_json::json;

use crate::lookup::everything;
use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};

/// Every field of every type, in a fragment that is called like its type.
const FRAGMENTS: &str = "
    fragment Viewer on Viewer { id kind name email partnerRole customerRole lastVisitAt partner { ...Partner } customer { ...Customer } }
    fragment Partner on Partner {
        id name parent { name } children(first: 4) { edges { cursor node { id name } } }
        accesses(first: 4) { totalCount edges { cursor node { ...Access } } } dashboard { ...PartnerDashboard }
        billing(month: \"2026-06-01\") { ...BillingStatement } auditLog(first: 4) { nodes { ...PartnerAuditEvent } }
        prepaidLicenses { ...PrepaidLicenses } quotes(first: 4) { nodes { ...Quote } }
        users(first: 4) { edges { cursor node { ...PartnerUser } } }
        componentSearch(text: \"LEFT\", first: 4) { totalCount edges { cursor node { ...ComponentMatch } } }
        apiKeys(first: 4) { edges { cursor node { ...PartnerApiKey } } }
    }
    fragment PartnerUser on PartnerUser { id name email role isService disabledAt }
    fragment CustomerUser on CustomerUser { id name email role isService disabledAt }
    fragment Exposure on Exposure { at partners { ...ExposedPartner } }
    fragment AccessRecord on AccessRecord { at partner { id name } user class fields operation requestId }
    fragment ExposedPartner on ExposedPartner { partner { id name } users { ...ExposedUser } }
    fragment ExposedUser on ExposedUser { name role classes }
    fragment Customer on Customer {
        id name portalAccess createdAt access { ...Access } visibility { ...ClassVisibility }
        accesses(first: 4) { totalCount edges { cursor node { ...Access } } }
        findings(first: 4) { totalCount edges { cursor node { ...Finding } } } posture { ...PostureSummary }
        assets(first: 4) { totalCount nodes { ...Asset } } components(first: 4) { totalCount nodes { ...Component } }
        scans(first: 4) { nodes { ...Scan } } scanSchedules(first: 4) { nodes { ...ScanSchedule } }
        evidence(first: 4) { nodes { ...Evidence } } postureShares(first: 4) { nodes { ...PostureShare } } lastScanAt
        auditLog(first: 4) { nodes { ...CustomerAuditEvent } } securityConfiguration { ...SecurityConfiguration }
        users(first: 4) { edges { cursor node { ...CustomerUser } } } exposure { ...Exposure } accessRecords(first: 4) { nodes { ...AccessRecord } }
        slaPolicy { ...SlaPolicy } postureTrend { ...PosturePoint } changes(since: \"2026-06-01T00:00:00Z\") { ...PostureChanges }
    }
    fragment Access on Access {
        id partner { id name } customer { id name } status operatingModel privilegeCeiling customerConsent consentUntil
        effectivePrivilege postureVisible visibility { ...ClassVisibility } subscription { ...Subscription }
        trial { ...Trial } version createdAt
    }
    fragment ClassVisibility on ClassVisibility { class visible reason explanation }
    fragment Trial on Trial { startedAt endsAt convertBy convertedAt electedModel expired }
    fragment Subscription on Subscription {
        id access { id } plan billingCycle status startedAt renewalDate licenseModel quantity usage { ...Usage }
        addOns { ...AddOn } price { ...Money } unitCost { ...Money } margin { ...Money }
    }
    fragment Usage on Usage { used limit percent alertThresholdPercent alerting alert { ...UsageAlert } periodStart periodEnd }
    fragment UsageAlert on UsageAlert { raisedAt acknowledgedAt acknowledgedBy }
    fragment PrepaidLicenses on PrepaidLicenses { licenseModel bought assigned available }
    fragment Quote on Quote {
        id customer { id name } plan operatingModel licenseModel quantity billingCycle addOns price { ...Money } trialDays
        createdAt acceptedAt access { id }
    }
    fragment Plan on Plan { name licenseModel monthlyPrice { ...Money } annualPrice { ...Money } }
    fragment PlanAddOn on PlanAddOn { code name monthlyPrice { ...Money } annualPrice { ...Money } }
    fragment AddOn on AddOn { code name price { ...Money } }
    fragment Money on Money { amount currency }
    fragment PostureSummary on PostureSummary {
        openFindings { ...SeverityCounts } slaBreaches assets riskScore lastScanAt
    }
    fragment PosturePoint on PosturePoint { day openFindings { ...SeverityCounts } slaBreaches assets riskScore }
    fragment PostureChanges on PostureChanges { since newFindings resolvedFindings finishedScans newAssets }
    fragment SeverityCounts on SeverityCounts { critical high medium low info total }
    fragment Finding on Finding {
        id customer { id name } asset { ...Asset } title description severity status ruleId cve cvssScore firstSeenAt
        lastSeenAt slaDueAt slaBreached history(first: 4) { nodes { ...FindingChange } }
    }
    fragment FindingChange on FindingChange { at by from to note }
    fragment SlaPolicy on SlaPolicy { criticalDays highDays mediumDays lowDays infoDays isDefault }
    fragment Asset on Asset { id kind value firstSeenAt openFindings { ...SeverityCounts } }
    fragment Component on Component { id name version purl licenses }
    fragment ComponentMatch on ComponentMatch { component { ...Component } customer { id name } }
    fragment Scan on Scan {
        id profile trigger status requestedAt startedAt finishedAt failure targets { id value } report { ...ScanReport }
    }
    fragment ScanReport on ScanReport { newFindings fixedFindings openFindings { ...SeverityCounts } toolName }
    fragment ScanSchedule on ScanSchedule {
        id profile targets { id value } frequency dayOfWeek dayOfMonth startTime timeZone events nextRunAt enabled
    }
    fragment Evidence on Evidence {
        id framework control title createdAt createdBy findings { id title } scans { id profile } file { ...EvidenceFile }
    }
    fragment EvidenceFile on EvidenceFile { name size mediaType sha256 }
    fragment PostureShare on PostureShare { id label createdAt expiresAt revokedAt createdBy }
    fragment SecurityConfiguration on SecurityConfiguration {
        roles { ...RoleBinding } samlEnabled samlIssuer apiKeys { ...ApiKey }
    }
    fragment RoleBinding on RoleBinding { user role }
    fragment ApiKey on ApiKey { id label userId role lastFour createdAt revokedAt }
    fragment PartnerApiKey on PartnerApiKey { id label userId role lastFour createdAt revokedAt }
    fragment PartnerDashboard on PartnerDashboard { commercial { ...CommercialTotals } posture { ...PostureTotals } }
    fragment CommercialTotals on CommercialTotals {
        accesses byOperatingModel { ...OperatingModelCount } byStatus { ...AccessStatusCount }
        monthlyRecurringRevenue { ...Money } trialsEndingWithin30Days renewalsWithin30Days usageAlerts
    }
    fragment OperatingModelCount on OperatingModelCount { operatingModel count }
    fragment AccessStatusCount on AccessStatusCount { status count }
    fragment PostureTotals on PostureTotals {
        accessesIncluded accessesExcluded openFindings { ...SeverityCounts } slaBreaches assets meanRiskScore
    }
    fragment BillingStatement on BillingStatement {
        month lines { ...BillingLine } total { ...Money } unitCostTotal { ...Money } marginTotal { ...Money }
    }
    fragment BillingLine on BillingLine { access { id } plan price { ...Money } unitCost { ...Money } margin { ...Money } }
    fragment PartnerAuditEvent on PartnerAuditEvent { id at actor action access { id } reason oldValue newValue requestId }
    fragment CustomerAuditEvent on CustomerAuditEvent { id at actor action reason oldValue newValue requestId }
    fragment OperatingModelPreview on OperatingModelPreview { gained lost blockedBy }
    ";

const LOOK_UP: &str = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename
    ...Partner ...Customer ...Access ...Subscription ...Finding ...Asset ...Component ...Scan ...ScanSchedule ...Evidence
    ...PostureShare ...CustomerAuditEvent ...PartnerAuditEvent ...Quote } }";

/// What a viewer reaches without an id, and every order and filter that reads what may be hidden.
fn documents() -> Vec<String> {
    let mut documents = vec![
        "{ viewer { ...Viewer } }".to_owned(),
        "{ plans { ...Plan } addOns { ...PlanAddOn } }".to_owned(),
        "{ partner { accesses(first: 4) { nodes { customer { ...Customer } } } } }".to_owned(),
    ];
    for field in ["LAST_SCAN_AT", "OPEN_FINDINGS", "PLAN", "RENEWAL_DATE"] {
        let page = |(nth, page, direction): (u8, &str, &str)| {
            format!(
                "page{nth}: accesses({page}, orderBy: {{ field: {field}, direction: {direction} }}) {{ \
                 pageInfo {{ hasNextPage hasPreviousPage }} edges {{ cursor node {{ ...Access }} }} }} "
            )
        };
        let pages =
            [(0, "first: 2", "ASC"), (1, "last: 3", "ASC"), (2, "first: 2", "DESC"), (3, "last: 3", "DESC")];
        documents.push(format!("{{ partner {{ {} }} }}", pages.map(page).concat()));
    }
    let filters =
        ["minOpenSeverity: INFO", "minOpenSeverity: CRITICAL", "plan: [\"Standard\"]", "customerName: \"o\""];
    let filtered = filters.iter().enumerate().map(|(nth, filter)| {
        format!(
            "filter{nth}: accesses(filter: {{ {filter} }}) {{ totalCount nodes {{ customer {{ name }} }} }} "
        )
    });
    documents.push(format!("{{ partner {{ {} }} }}", filtered.collect::<String>()));
    documents
}

/// The fragments by name.
fn fragments() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = FRAGMENTS.split("fragment ").skip(1).map(str::trim);
    all.map(|text| (text.split(' ').next().unwrap(), text))
}

/// A document with the fragments that it spreads, for a fragment too many is an error.
fn whole(document: &str) -> String {
    let spreads = |text: &str, name: &str| {
        text.split("...")
            .skip(1)
            .any(|spread| spread.split(|c: char| !c.is_alphanumeric()).next() == Some(name))
    };
    let mut whole = document.to_owned();
    loop {
        let missing: Vec<_> = fragments()
            .filter(|(name, text)| spreads(&whole, name) && !whole.contains(text))
            .map(|(_, text)| format!(" fragment {text}"))
            .collect();
        if missing.is_empty() {
            return whole;
        }
        whole.extend(missing);
    }
}

/// A new field comes into this net, or the build fails.
#[test]
fn every_field_is_asked_for() {
    let document = parse_schema(posture_gateway::graphql::sdl()).unwrap();
    let objects = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(Positioned {
            node: TypeDefinition { name, kind: TypeKind::Object(object), .. },
            ..
        }) => Some((name.node.to_string(), object)),
        _ => None,
    });
    let (objects, nodes): (Vec<_>, Vec<_>) = objects
        .map(|(name, object)| {
            let is_node = object.implements.iter().any(|interface| interface.node == "Node");
            ((name.clone(), object.fields), is_node.then_some(name))
        })
        .unzip();
    // Keys are none of them: nobody finds one by its id, though ids of keys are asked for.
    let not_looked_up: Vec<_> = nodes
        .into_iter()
        .flatten()
        .filter(|name| !LOOK_UP.split(' ').any(|spread| spread.trim() == format!("...{name}")))
        .collect();
    assert_eq!(not_looked_up, [] as [&str; 0], "objects with an id");
    let fragments: BTreeMap<_, _> = fragments().collect();
    let mut unasked = Vec::new();
    for (name, fields) in objects {
        let asked: Vec<_> = fragments
            .get(name.as_str())
            .map_or(Vec::new(), |text| text.split(|c: char| !c.is_alphanumeric()).collect());
        let fields = fields.into_iter().map(|field| field.node.name.node.to_string());
        unasked.extend(
            fields.filter(|field| !asked.contains(&field.as_str())).map(|field| format!("{name}.{field}")),
        );
    }
    // What carries no data of its own, where queries start, and what changes things: a role that owns everything writes
    // where no policy lets it.
    let plumbing = [
        "Connection.",
        "Edge.",
        "PageInfo.",
        "Query.",
        "Mutation.",
        "SubscriptionRoot.",
        "Payload.",
        "UserError.",
    ];
    unasked.retain(|field| !plumbing.iter().any(|plumbing| field.contains(plumbing)));
    assert_eq!(unasked, [] as [&str; 0]);
}

/// The same world behind both walls and behind the first alone.
async fn walls() -> [App; 2] {
    [App::start(Cast::new().world).await, App::start_past_policies(Cast::new().world).await]
}

/// Which requests showed a customer's data to a partner's users is another story in each of the two.
async fn forget(apps: &[App; 2]) {
    for app in apps {
        app.forget_what_was_shown().await;
    }
}

/// Whether there is anything in an answer that is the same for both.
async fn alike(clients: &[Client; 2], document: &str, ids: &[String]) -> bool {
    let [both, first] = clients.each_ref().map(|client| client.query(document, json!({ "ids": ids })));
    let (both, first) = (both.await, first.await);
    assert!(both.codes().iter().all(|code| ["HIDDEN", "UNAUTHENTICATED"].contains(code)), "{}", both.text);
    assert_eq!(first.on_the_wire(), both.on_the_wire(), "{document} {ids:?}");
    both.text.contains("\"id\":")
}

#[tokio::test]
async fn without_row_security_everyone_sees_the_same() {
    let apps = walls().await;
    let documents: Vec<_> = documents().iter().map(|document| whole(document)).collect();
    for persona in Persona::ALL {
        let clients = apps.each_ref().map(|app| app.sign_in(persona));
        let mut answered = 0;
        for document in &documents {
            answered += usize::from(alike(&clients, document, &[]).await);
        }
        forget(&apps).await;
        assert_eq!(answered > 0, Persona::signed_in().any(|known| known == persona), "{persona:?}");
    }
}

#[tokio::test]
async fn without_row_security_everyone_finds_the_same() {
    let ids: Vec<_> = everything(&Cast::new()).into_iter().map(|(_, id)| id.to_string()).collect();
    let apps = walls().await;
    let document = whole(LOOK_UP);
    for persona in Persona::signed_in() {
        let clients = apps.each_ref().map(|app| app.sign_in(persona).hidden_in_extensions());
        let mut found = 0;
        for ids in ids.chunks(6) {
            found += usize::from(alike(&clients, &document, ids).await);
        }
        forget(&apps).await;
        assert_eq!(found > 0, persona != Persona::Scanner, "{persona:?}");
    }
}
