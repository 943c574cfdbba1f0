//! The data class of every type, and the proof that no route leads to a gated one past the gate.
//!
//! A field has the class that its `@gate` names, else the class of the type it stands on. A new type that is not in the
//! table, a new field that reaches a gated type ungated, and one without a gate beside fields that have one fail the tests below, which
//! read the exported schema.

use crate::policy::DataClass;

/// Types whose values are behind the gate: whatever returns one has to be gated by the same class.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const GATED: &[(DataClass, &[&str])] = &[
    (
        DataClass::Posture,
        &[
            "Finding",
            "FindingConnection",
            "FindingEdge",
            "FindingChange",
            "FindingChangeConnection",
            "FindingChangeEdge",
            "SlaPolicy",
            "PostureSummary",
            "PosturePoint",
            "PostureChanges",
            "SeverityCounts",
            "Asset",
            "AssetConnection",
            "AssetEdge",
            "Component",
            "ComponentConnection",
            "ComponentEdge",
            "ComponentMatch",
            "ComponentMatchConnection",
            "ComponentMatchEdge",
            "Scan",
            "ScanConnection",
            "ScanEdge",
            "ScanReport",
            "ScanSchedule",
            "ScanScheduleConnection",
            "ScanScheduleEdge",
            "Evidence",
            "EvidenceConnection",
            "EvidenceEdge",
            "EvidenceFile",
            "PostureShare",
            "PostureShareConnection",
            "PostureShareEdge",
        ],
    ),
    (
        DataClass::Activity,
        &[
            "CustomerAuditEvent",
            "CustomerAuditEventConnection",
            "CustomerAuditEventEdge",
            "AccessRecord",
            "AccessRecordConnection",
            "AccessRecordEdge",
            "Exposure",
            "ExposedPartner",
            "ExposedUser",
        ],
    ),
    (
        DataClass::SecurityConfig,
        &[
            "SecurityConfiguration",
            "RoleBinding",
            "ApiKey",
            "CustomerUser",
            "CustomerUserConnection",
            "CustomerUserEdge",
        ],
    ),
    (DataClass::Pricing, &["BillingStatement", "BillingLine", "PrepaidLicenses"]),
    (DataClass::Commercial, &["Subscription", "Usage", "UsageAlert", "AddOn"]),
];

/// Types that stand before the gate: the organisations, the accesses with what decides about them, totals that are
/// gated field by field, the partner's own log, quotes, users and keys (their resolvers ask for an ADMIN), the catalogue (its resolvers ask
/// for somebody who sells or keeps it), and what carries no data of its own.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const OPEN: &[&str] = &[
    "Query",
    "Mutation",
    "SubscriptionRoot",
    "AccessPayload",
    "CustomerPayload",
    "CreateQuotePayload",
    "PrepaidLicensesPayload",
    "PricingPayload",
    "PartnerPayload",
    "RecordVisitPayload",
    "UserPayload",
    "PostureSharePayload",
    "EvidencePayload",
    "FindingPayload",
    "TriageFindingsPayload",
    "ApiKeyPayload",
    "PartnerApiKeyPayload",
    "ScanPayload",
    "ScanSchedulesPayload",
    "ScanSchedulePayload",
    "DeleteScanSchedulePayload",
    "UserError",
    "Viewer",
    "Partner",
    "PartnerConnection",
    "PartnerEdge",
    "Customer",
    "Access",
    "AccessConnection",
    "AccessEdge",
    "Trial",
    "ClassVisibility",
    "OperatingModelPreview",
    "PartnerDashboard",
    "CommercialTotals",
    "OperatingModelCount",
    "AccessStatusCount",
    "PostureTotals",
    "PartnerUser",
    "PartnerUserConnection",
    "PartnerUserEdge",
    "PartnerApiKey",
    "PartnerApiKeyConnection",
    "PartnerApiKeyEdge",
    "PartnerAuditEvent",
    "PartnerAuditEventConnection",
    "PartnerAuditEventEdge",
    "Quote",
    "QuoteConnection",
    "QuoteEdge",
    "Plan",
    "PlanAddOn",
    "Money",
    "PageInfo",
    "Node",
];

/// The fields without a gate on the types that stand before it: a field that is new there is behind the gate or stands here, with what it
/// tells. Lists and their edges have those of Relay alone, the roots of mutations and streams stand in `policy::Operation` and [`STREAMS`].
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const OPEN_FIELDS: &[(&str, &[&str])] = &[
    // The bare organisation, what is shown of it, and the accesses, which decide themselves whether they exist.
    ("Customer", &["id", "name", "portalAccess", "createdAt", "visibility", "access", "accesses"]),
    // Its terms and what decides about it: it exists for those alone who are to know.
    (
        "Access",
        &[
            "id",
            "partner",
            "customer",
            "status",
            "operatingModel",
            "privilegeCeiling",
            "customerConsent",
            "consentUntil",
            "effectivePrivilege",
            "postureVisible",
            "visibility",
            "trial",
            "version",
            "createdAt",
        ],
    ),
    // The tree, the accesses that exist, totals that are gated by themselves; its books, whose resolvers ask for an ADMIN.
    (
        "Partner",
        &[
            "id",
            "name",
            "parent",
            "children",
            "accesses",
            "dashboard",
            "quotes",
            "auditLog",
            "users",
            "apiKeys",
        ],
    ),
    // Over how many accesses: how many are left out is told, what is in them is not.
    ("PostureTotals", &["accessesIncluded", "accessesExcluded"]),
    ("PartnerDashboard", &["commercial", "posture"]),
    // Over every access that exists.
    (
        "CommercialTotals",
        &[
            "accesses",
            "byOperatingModel",
            "byStatus",
            "monthlyRecurringRevenue",
            "trialsEndingWithin30Days",
            "renewalsWithin30Days",
            "usageAlerts",
        ],
    ),
    // Oneself.
    (
        "Viewer",
        &["id", "kind", "name", "email", "partnerRole", "customerRole", "lastVisitAt", "partner", "customer"],
    ),
    // Where queries start: what exists for the viewer, and the catalogue for whoever sells or keeps it.
    (
        "Query",
        &[
            "viewer",
            "partner",
            "customer",
            "access",
            "node",
            "nodes",
            "plans",
            "addOns",
            "previewOperatingModel",
        ],
    ),
    ("Node", &["id"]),
    // Of an access that exists: how its trial stands, and what the gate says of each class, now and under another model.
    ("Trial", &["startedAt", "endsAt", "expired", "convertBy", "convertedAt", "electedModel"]),
    ("ClassVisibility", &["class", "visible", "reason", "explanation"]),
    ("OperatingModelPreview", &["gained", "lost", "blockedBy"]),
    ("OperatingModelCount", &["operatingModel", "count"]),
    ("AccessStatusCount", &["status", "count"]),
    // A partner's books: their resolvers ask for one of its ADMINs.
    ("PartnerUser", &["id", "name", "email", "role", "isService", "disabledAt"]),
    ("PartnerApiKey", &["id", "label", "lastFour", "role", "userId", "createdAt", "revokedAt"]),
    (
        "PartnerAuditEvent",
        &["id", "at", "actor", "action", "reason", "oldValue", "newValue", "requestId", "access"],
    ),
    (
        "Quote",
        &[
            "id",
            "customer",
            "plan",
            "licenseModel",
            "quantity",
            "billingCycle",
            "operatingModel",
            "trialDays",
            "addOns",
            "price",
            "createdAt",
            "acceptedAt",
            "access",
        ],
    ),
    // The catalogue.
    ("Plan", &["name", "licenseModel", "monthlyPrice", "annualPrice"]),
    ("PlanAddOn", &["code", "name", "monthlyPrice", "annualPrice"]),
    // No data of their own.
    ("Money", &["amount", "currency"]),
    ("PageInfo", &["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"]),
    // What was changed, as it stands afterwards for the viewer, or why nothing was; secrets are told this once.
    ("AccessPayload", &["access", "userErrors"]),
    ("CustomerPayload", &["customer", "userErrors"]),
    ("CreateQuotePayload", &["quote", "userErrors"]),
    ("PrepaidLicensesPayload", &["partner", "userErrors"]),
    ("PricingPayload", &["licenseModel", "unitCost", "prepaidUnitCost", "userErrors"]),
    ("PartnerPayload", &["partner", "userErrors"]),
    ("RecordVisitPayload", &["viewer", "previousVisitAt", "userErrors"]),
    ("UserPayload", &["partnerUser", "customerUser", "userErrors"]),
    ("PostureSharePayload", &["postureShare", "url", "userErrors"]),
    ("EvidencePayload", &["evidence", "userErrors"]),
    ("FindingPayload", &["finding", "userErrors"]),
    ("TriageFindingsPayload", &["count", "customer", "userErrors"]),
    ("ApiKeyPayload", &["apiKey", "secret", "userErrors"]),
    ("PartnerApiKeyPayload", &["apiKey", "secret", "userErrors"]),
    ("ScanPayload", &["scan", "userErrors"]),
    ("ScanSchedulesPayload", &["scanSchedules", "userErrors"]),
    ("ScanSchedulePayload", &["scanSchedule", "userErrors"]),
    ("DeleteScanSchedulePayload", &["deletedScanScheduleId", "userErrors"]),
    ("UserError", &["code", "message", "field"]),
];

/// What adds up only what the gate shows, and so is not hidden as a whole.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const AGGREGATES: &[&str] = &[
    "Partner.componentSearch",
    "PostureTotals.openFindings",
    "PostureTotals.slaBreaches",
    "PostureTotals.assets",
    "PostureTotals.meanRiskScore",
];

/// Fields that lead to gated types without a gate of their own, each with how it is decided.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const DECIDED_OTHERWISE: &[(&str, &str)] = &[
    ("Query.node", "from the id, before a row is read; null where the gate denies"),
    ("Query.nodes", "each as by `node`"),
    (
        "FindingPayload.finding",
        "asked after the change, in the mutation's own snapshot; null where the gate denies",
    ),
    (
        "ApiKeyPayload.apiKey",
        "asked after the change, in the mutation's own snapshot; null where the gate denies",
    ),
    (
        "UserPayload.customerUser",
        "asked after the change, in the mutation's own snapshot; null where the gate denies",
    ),
    ("PostureSharePayload.postureShare", "as `FindingPayload.finding`"),
    ("EvidencePayload.evidence", "as `FindingPayload.finding`"),
    ("ScanPayload.scan", "as by `node`, in the mutation's own snapshot; null where the gate denies"),
    ("ScanSchedulesPayload.scanSchedules", "each as `ScanPayload.scan`; left out where the gate denies"),
    ("ScanSchedulePayload.scanSchedule", "as `ScanPayload.scan`"),
    (
        "SubscriptionRoot.findingChanged",
        "as by `node`, anew for each event in a snapshot of its own; no event where the gate denies",
    ),
];

/// The rule of every stream: who may ever open it. Those of mutations are `policy::Operation`'s, which resolvers ask.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const STREAMS: &[(&str, &str)] = &[
    ("accessChanged", "whoever is signed in; told are the accesses that exist for them, at each event"),
    ("findingChanged", "whoever is signed in; told is what the gate shows, at each event"),
];

#[cfg(test)]
mod tests;
