//! What is asked: documents that show a changed row to whoever may see it, and those that add up or order what there is.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, FindingId, PartnerId};
use posture_gateway::store::seed::World;
use serde_json::Value;

use crate::support::dice::Dice;

/// What everybody asks first, so that whatever outlives a request has been filled with what others see.
pub(super) const CROWD: &str = "{ partner { ...Lists } customer { name posture { riskScore } findings(first: 2) { nodes { title } } \
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
    changes(since: \"2026-01-01T00:00:00Z\") { newFindings resolvedFindings newAssets finishedScans } \
    postureTrend { day assets riskScore slaBreaches openFindings { total } } \
    evidence(first: 100) { nodes { id title findings { id } scans { id } file { name size } } } postureShares(first: 100) { nodes { id label } } \
    auditLog(first: 100) { nodes { id actor at } } \
    securityConfiguration { samlEnabled samlIssuer roles { user role } apiKeys { id label userId role } }";

/// What is told of who saw a customer and who may; each partner that asks adds to it.
const PEOPLE: &str = "exposure { partners { partner { id } users { name role classes } } } \
    accessRecords(first: 100) { nodes { at class fields } } users(first: 100) { nodes { id name } }";

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
pub(super) fn lists(partner: Option<PartnerId>, dice: &mut Dice) -> String {
    let mut body = String::from(
        "id name apiKeys { edges { cursor node { id label lastFour } } } children { edges { cursor node { id name } } } \
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
    let arguments = which(partner);
    format!(
        "{{ viewer {{ id name kind }} plans {{ name }} addOns {{ code }} partner{arguments} {{ {body}}} }}"
    )
}

/// The partners above and below one, in a document of its own: what it costs is not compared behind the gate alone.
pub(super) fn family(partner: Option<PartnerId>) -> String {
    let arguments = which(partner);
    format!(
        "{{ partner{arguments} {{ id parent {{ id name }} children {{ edges {{ cursor node {{ id parent {{ id name }} }} }} }} }} }}"
    )
}

/// The argument of `partner`: none asks for the viewer's own.
fn which(partner: Option<PartnerId>) -> String {
    partner.map_or(String::new(), |id| format!("(id: \"{}\")", GlobalId::Partner(id)))
}

/// The global id of a changed row, where its kind has one.
pub(super) fn global_id(table: &str, row: &Value) -> Option<GlobalId> {
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

/// Everything of a customer and of an access that exist for the viewer: what of it is hidden is denied.
pub(super) fn about_shown(shown: &World, dice: &mut Dice) -> Vec<String> {
    let mut documents = Vec::new();
    if !shown.customers.is_empty() {
        let customer = shown.customers[dice.below(shown.customers.len())].customer_id;
        documents.push(format!(
            "{{ customer(id: \"{}\") {{ {CUSTOMER} {PEOPLE} }} }}",
            GlobalId::Customer(customer)
        ));
    }
    if !shown.accesses.is_empty() {
        let access = &shown.accesses[dice.below(shown.accesses.len())];
        let id = GlobalId::Access(access.customer_id, access.id);
        documents.push(format!("{{ access(id: \"{id}\") {{ {ACCESS} }} }}"));
    }
    documents
}

/// The evidence whose file a row of a table is about.
pub(super) fn evidence_of(table: &str, row: &Value) -> Option<GlobalId> {
    let uuid = |column: &str| row[column].as_str().and_then(|text| text.parse().ok());
    match table {
        "evidence" => global_id(table, row),
        "evidence_files" => Some(GlobalId::Evidence(
            CustomerId(uuid("customer_id")?),
            serde_json::from_value(row["evidence_id"].clone()).ok()?,
        )),
        _ => None,
    }
}

/// The document that shows a row of a table to whoever may see it.
pub(super) fn document_about(table: &str, row: &Value) -> Option<String> {
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
