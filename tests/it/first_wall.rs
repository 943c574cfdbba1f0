//! The first wall by itself: on a connection that no policy holds, every answer is what it is behind both walls.
//!
//! Behind both walls a resolver that forgets the gate may look right, because the second one catches it. The second wall
//! by itself is `wall`'s.

use serde_json::json;

use crate::lookup::everything;
use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};

/// Every field that hangs on an object, without those that lead back to a customer's list.
const FRAGMENTS: &str = "
    fragment customer on Customer {
        id name portalAccess createdAt access { ...access } accesses(first: 4) { totalCount edges { cursor node { ...access } } }
        visibility { class visible reason explanation }
        findings(first: 4) { totalCount edges { cursor node { ...finding } } } posture { ...posture }
        assets(first: 4) { totalCount nodes { ...asset } } components(first: 4) { totalCount nodes { ...component } }
        scans(first: 4) { nodes { ...scan } } scanSchedules(first: 4) { nodes { ...schedule } } evidence(first: 4) { nodes { ...evidence } }
        postureShares(first: 4) { nodes { ...share } } lastScanAt auditLog(first: 4) { nodes { ...event } }
        securityConfiguration { samlEnabled samlIssuer roles { user role } apiKeys { id label lastFour createdAt revokedAt } }
    }
    fragment access on Access {
        id status operatingModel privilegeCeiling customerConsent consentUntil effectivePrivilege postureVisible version
        visibility { class visible reason } partner { id name } trial { endsAt expired } subscription { ...subscription }
    }
    fragment subscription on Subscription {
        id plan status renewalDate quantity usage { used alerting } addOns { code } price { amount } unitCost { amount }
        margin { amount }
    }
    fragment posture on PostureSummary { openFindings { ...counts } slaBreaches assets riskScore lastScanAt }
    fragment counts on SeverityCounts { critical high medium low info total }
    fragment finding on Finding {
        id title description severity status ruleId cve slaBreached asset { ...asset } customer { id name }
    }
    fragment asset on Asset { id kind value openFindings { ...counts } }
    fragment component on Component { id name version purl licenses }
    fragment scan on Scan { id profile status report { newFindings fixedFindings toolName openFindings { ...counts } } }
    fragment schedule on ScanSchedule { id profile targets { value } }
    fragment evidence on Evidence { id control title createdBy }
    fragment share on PostureShare { id label expiresAt }
    fragment event on CustomerAuditEvent { id actor action reason oldValue newValue }
    fragment partnerEvent on PartnerAuditEvent { id actor action reason access { id } }
    fragment partner on Partner {
        id name parent { name } children(first: 4) { edges { cursor node { id name } } }
        accesses(first: 4) { totalCount edges { cursor node { ...access customer { id name } } } }
        dashboard {
            commercial {
                accesses byOperatingModel { count } byStatus { count } monthlyRecurringRevenue { amount }
                trialsEndingWithin30Days renewalsWithin30Days usageAlerts
            }
            posture { accessesIncluded accessesExcluded openFindings { ...counts } slaBreaches assets meanRiskScore }
        }
        billing(month: \"2026-06-01\") { lines { plan access { id } price { amount } unitCost { amount } } total { amount } }
        auditLog(first: 4) { nodes { ...partnerEvent } }
    }";

const LOOK_UP: &str = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename
    ...partner ...customer ...access ...subscription ...finding ...asset ...component ...scan ...schedule ...evidence
    ...share ...event ...partnerEvent } }";

/// What a viewer reaches without an id, and every order and filter that reads what may be hidden.
fn documents() -> Vec<String> {
    let mut documents = vec![
        "{ viewer { id kind name email partnerRole customerRole partner { ...partner } customer { ...customer } } }"
            .to_owned(),
        "{ partner { accesses(first: 4) { nodes { customer { ...customer } } } } }".to_owned(),
    ];
    for field in ["LAST_SCAN_AT", "OPEN_FINDINGS", "PLAN", "RENEWAL_DATE"] {
        let page = |(nth, page, direction): (u8, &str, &str)| {
            format!(
                "page{nth}: accesses({page}, orderBy: {{ field: {field}, direction: {direction} }}) {{ \
                 pageInfo {{ hasNextPage hasPreviousPage }} edges {{ cursor node {{ ...access }} }} }} "
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

/// A document with the fragments that it spreads, for a fragment too many is an error.
fn whole(document: &str) -> String {
    let all: Vec<_> = FRAGMENTS
        .split("fragment ")
        .skip(1)
        .map(|text| (format!("...{} ", text.split(' ').next().unwrap()), format!("fragment {text}")))
        .collect();
    let mut whole = document.replace('}', " }");
    loop {
        let missing: Vec<_> = all
            .iter()
            .filter(|(spread, text)| whole.contains(spread.as_str()) && !whole.contains(text.as_str()))
            .map(|(_, text)| text.clone())
            .collect();
        if missing.is_empty() {
            return whole;
        }
        whole.extend(missing);
    }
}

/// The same world behind both walls and behind the first alone.
async fn walls() -> [App; 2] {
    [App::start(Cast::new().world).await, App::start_past_policies(Cast::new().world).await]
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
        for ids in ids.chunks(10) {
            found += usize::from(alike(&clients, &document, ids).await);
        }
        assert_eq!(found > 0, persona != Persona::Scanner, "{persona:?}");
    }
}
