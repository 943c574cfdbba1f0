//! Mutations that are done, if any are: what each kind of viewer may do to what is shown to them.

use std::collections::BTreeMap;

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::scan::ScanStatus;
use posture_gateway::store::seed::{self, Membership, World};

use super::eyes::Eyes;
use super::grammar::{Grammar, named};
use crate::support::dice::Dice;

/// Times that a viewer tries a mutation that is to be done.
const ATTEMPTS: usize = 4;

/// What an access, a customer or a partner is once something was done to it: terms alone, since what is hidden before it was
/// done may be shown afterwards.
const TERMS: [(&str, &str); 10] = [
    (
        "Access",
        "{ status operatingModel privilegeCeiling customerConsent version postureVisible visibility { class visible reason } \
         trial { convertedAt electedModel } customer { name } subscription { plan status price { amount } \
         unitCost { amount } margin { amount } addOns { code } } }",
    ),
    ("Customer", "{ name createdAt visibility { class visible reason } }"),
    ("Partner", "{ name prepaidLicenses { licenseModel bought assigned available } }"),
    ("Quote", "{ plan operatingModel price { amount } addOns customer { name } acceptedAt }"),
    // Whoever triages sees it before and after.
    ("Finding", "{ title status slaDueAt }"),
    ("Money", "{ amount currency }"),
    ("Viewer", "{ name lastVisitAt }"),
    // Not the end of the key: dice of its own make that.
    ("ApiKey", "{ label role revokedAt }"),
    ("PartnerApiKey", "{ label role revokedAt }"),
    ("CustomerUser", "{ name role disabledAt }"),
];

/// What a record of a customer may cite, as an input has it.
fn cited(shown: &World, customer: &seed::Customer) -> String {
    let own = shown.findings.iter().filter(|row| row.customer_id == customer.customer_id).take(3);
    let ids: Vec<_> = own.map(|row| format!("\"{}\"", GlobalId::Finding(row.customer_id, row.id))).collect();
    format!(", findingIds: [{}]", ids.join(", "))
}

/// What can be asked of a viewer's own world, by mutation.
#[expect(clippy::too_many_lines, reason = "a paragraph a mutation")]
fn inputs(eyes: &Eyes<'_>, shown: &World) -> BTreeMap<&'static str, Vec<String>> {
    let mut inputs: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut add = |field, input: String| inputs.entry(field).or_default().push(input);
    let terms =
        "plan: \"Basic\", licenseModel: PER_ASSET, quantity: 5, billingCycle: ANNUAL, addOns: [\"sso\"]";
    let reason = "reason: \"as agreed\"";
    add(
        "createCustomer",
        format!("name: \"New\", adminEmail: \"founder@new.example\", licenses: {{ {terms} }}"),
    );
    add("createCustomer", "name: \"New\"".to_owned());
    add(
        "createPartner",
        "name: \"New\", adminEmail: \"partner@new.example\", adminName: \"Ada\", customerDataAccess: SUPPORT"
            .to_owned(),
    );
    for model in ["PER_ASSET", "PER_SCAN", "UNLIMITED"] {
        add("buyPrepaidLicenses", format!("licenseModel: {model}, quantity: 100"));
    }
    add(
        "setPricing",
        "licenseModel: PER_SCAN, currency: \"EUR\", unitCost: \"7.50\", prepaidUnitCost: \"7.00\"".to_owned(),
    );
    for row in &shown.customers {
        let id = GlobalId::Customer(row.customer_id);
        add("createQuote", format!("customerId: \"{id}\", {terms}"));
        add("createApiKey", format!("customerId: \"{id}\", label: \"New program\""));
        let saml = format!("customerId: \"{id}\", enabled: true, issuer: \"urn:example:new\"");
        add("setSamlConfiguration", saml);
        add(
            "inviteCustomerUser",
            format!("customerId: \"{id}\", email: \"reader@new.example\", role: READ_ONLY"),
        );
        add(
            "createEvidence",
            format!(
                "customerId: \"{id}\", framework: \"SOC 2\", control: \"CC7.2\", title: \"Alerts\"{}",
                cited(shown, row)
            ),
        );
        add(
            "createPostureShare",
            format!("customerId: \"{id}\", label: \"For the insurer\", expiresAt: \"2026-09-01T00:00:00Z\""),
        );
    }
    for row in shown.posture_shares.iter().filter(|row| row.revoked_at.is_none()) {
        let id = GlobalId::PostureShare(row.customer_id, row.id);
        add("revokePostureShare", format!("postureShareId: \"{id}\""));
    }
    for row in shown.customers.iter().filter(|row| eyes.security(row.customer_id)) {
        let id = GlobalId::Customer(row.customer_id);
        add("runScan", format!("customerId: \"{id}\", profile: \"full\""));
        add(
            "createScanSchedules",
            format!(
                "customerIds: [\"{id}\"], profile: \"full\", frequency: MONTHLY, dayOfMonth: 31, startTime: \"02:30\", \
                     timeZone: \"Europe/Berlin\", events: [ASSET_DISCOVERED]"
            ),
        );
    }
    for row in shown.scans.iter().filter(|row| eyes.security(row.customer_id)) {
        if row.status == ScanStatus::Queued {
            let id = GlobalId::Scan(row.customer_id, row.id);
            add("cancelScan", format!("scanId: \"{id}\""));
        }
    }
    for row in shown.scan_schedules.iter().filter(|row| eyes.security(row.customer_id)) {
        let of = format!("scanScheduleId: \"{}\"", GlobalId::ScanSchedule(row.customer_id, row.id));
        add(if row.enabled { "pauseScanSchedule" } else { "resumeScanSchedule" }, of.clone());
        add("deleteScanSchedule", of);
    }
    let is_sold = |row: &seed::Quote| {
        let pair = (row.partner_id, row.customer_id);
        shown.accesses.iter().any(|row| row.status.is_live() && (row.partner_id, row.customer_id) == pair)
    };
    for row in shown.quotes.iter().filter(|row| row.accepted_at.is_none() && !is_sold(row)) {
        add("acceptQuote", format!("quoteId: \"{}\"", GlobalId::Quote(row.customer_id, row.id)));
    }
    for membership in &eyes.world().memberships {
        if let Membership::Partner(partner, user, _) = membership
            && eyes.log(*partner)
        {
            let user = GlobalId::User(*user);
            add("disableUser", format!("userId: \"{user}\""));
            add("enableUser", format!("userId: \"{user}\""));
            for row in &shown.accesses {
                let access = GlobalId::Access(row.customer_id, row.id);
                add(
                    "assignOperator",
                    format!("accessId: \"{access}\", operatorId: \"{user}\", assigned: true"),
                );
            }
        }
        if let Membership::Customer(customer, user, _) = membership
            && eyes.security(*customer)
        {
            let user = GlobalId::User(*user);
            add("disableUser", format!("userId: \"{user}\""));
            add("enableUser", format!("userId: \"{user}\""));
            for role in ["ADMIN", "READ_ONLY"] {
                add("setCustomerUserRole", format!("userId: \"{user}\", role: {role}"));
            }
        }
    }
    for row in &shown.findings {
        let of = format!("findingId: \"{}\"", GlobalId::Finding(row.customer_id, row.id));
        for status in ["OPEN", "TRIAGED", "ACCEPTED"] {
            add("triageFinding", format!("{of}, status: {status}, note: \"as agreed\""));
        }
        add("addFindingNote", format!("{of}, note: \"is being looked at\""));
    }
    for row in &shown.customers {
        let of = format!("customerId: \"{}\"", GlobalId::Customer(row.customer_id));
        add("triageFindings", format!("{of}, filter: {{ status: [OPEN, TRIAGED] }}, status: IN_PROGRESS"));
        add("setSlaPolicy", format!("{of}, criticalDays: 3, infoDays: null"));
        for portal in ["READ_ONLY", "DISABLED"] {
            add("setPortalAccess", format!("{of}, portalAccess: {portal}"));
        }
    }
    add("createPartnerApiKey", "label: \"New program\", role: OPERATOR".to_owned());
    for row in shown.api_keys.iter().filter(|row| row.revoked_at.is_none()) {
        add("revokeApiKey", format!("apiKeyId: \"{}\"", GlobalId::ApiKey(row.customer_id, row.id)));
    }
    for row in shown.partner_api_keys.iter().filter(|row| row.revoked_at.is_none()) {
        let id = GlobalId::PartnerApiKey(row.partner_id, row.id);
        add("revokePartnerApiKey", format!("apiKeyId: \"{id}\""));
    }
    for row in &shown.accesses {
        let of = format!("accessId: \"{}\"", GlobalId::Access(row.customer_id, row.id));
        add("setPartnerConsent", format!("{of}, consent: SUPPORT"));
        add("setPartnerConsent", format!("{of}, consent: MANAGE"));
        if row.status == AccessStatus::Trial {
            add("electOperatingModel", format!("{of}, operatingModel: CO_MANAGED"));
            add("electOperatingModel", format!("{of}, operatingModel: CUSTOMER_MANAGED"));
            add("convertTrial", of.clone());
        }
        add("acknowledgeUsageAlert", of.clone());
        add("addAddOn", format!("{of}, code: \"sso\""));
        add("removeAddOn", format!("{of}, code: \"sso\""));
        add("assignPrepaidLicense", of.clone());
        add("unassignPrepaidLicense", of.clone());
        add("changeOperatingModel", format!("{of}, operatingModel: CO_MANAGED, {reason}"));
        add("setPrivilegeCeiling", format!("{of}, ceiling: NONE, {reason}"));
        for field in ["suspendAccess", "resumeAccess", "endAccess"] {
            add(field, format!("{of}, {reason}"));
        }
    }
    inputs
}

/// Documents that do what they say, if anything does: with what is shown to the viewer, for each mutation in an order in which
/// one makes way for the next.
pub(super) fn sensible(eyes: &Eyes<'_>, shown: &World, dice: &mut Dice) -> Vec<(&'static str, Vec<String>)> {
    let mut inputs = inputs(eyes, shown);
    let grammar = Grammar::of_the_gateway();
    let mut all = Vec::new();
    for field in &grammar.fields["Mutation"] {
        let payload = grammar.fields[named(&field.ty)].iter().map(|own| {
            let ty = named(&own.ty);
            let terms = TERMS.iter().find(|(known, _)| *known == ty).map(|(_, terms)| *terms);
            let rest = if grammar.is_composite(ty) { "{ __typename }" } else { "" };
            match own.name.as_str() {
                "userErrors" => "userErrors { code field message }".to_owned(),
                name => format!("{name} {}", terms.unwrap_or(rest)),
            }
        });
        let payload = payload.collect::<Vec<_>>().join(" ");
        let mut documents: Vec<_> = inputs
            .remove(field.name.as_str())
            .unwrap_or_default()
            .into_iter()
            .map(|input| format!("mutation {{ {}(input: {{ {input} }}) {{ {payload} }} }}", field.name))
            .collect();
        // What takes no input is said in one way.
        if field.arguments.is_empty() {
            documents.push(format!("mutation {{ {} {{ {payload} }} }}", field.name));
        }
        for nth in (1..documents.len()).rev() {
            documents.swap(nth, dice.below(nth + 1));
        }
        documents.truncate(ATTEMPTS);
        all.push((field.name.as_str(), documents));
    }
    assert!(inputs.is_empty(), "the schema has no mutation of these names: {:?}", inputs.keys());
    // What ends things comes late, and last what may part two worlds.
    all.sort_by_key(|(name, _)| match *name {
        "setPortalAccess" => 2,
        "deleteScanSchedule" | "disableUser" | "endAccess" => 1,
        _ => 0,
    });
    all
}
