//! Mutations tell nothing of what is hidden either: two worlds that differ only in what the gate hides from a viewer answer the
//! same mutations of that viewer alike, and what they answer afterwards is the same, too.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::store::seed::{self, Membership, World};
use serde_json::Value;

use super::changes::change;
use super::eyes::{Eyes, Who};
use super::grammar::{Grammar, named};
use super::queries::query;
use super::size;
use super::values::Values;
use super::worlds;
use crate::support::app::App;
use crate::support::dice::Dice;

/// Worlds in every run.
const WORLDS: u64 = 8;
/// Documents of mutations a viewer.
const DOCUMENTS: usize = 12;
/// Times that a viewer tries a mutation that is to be done.
const ATTEMPTS: usize = 4;

/// Ids and cursors in a text, but for those that are known: what a mutation makes has another id in each world.
fn without_new_ids(text: &str, known: &BTreeSet<String>) -> String {
    let is_opaque = |piece: &str| {
        let is_id = [23, 44].contains(&piece.len()) && !known.contains(piece);
        (is_id || piece.starts_with("WyJ"))
            && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let pieces: Vec<&str> =
        text.split('"').map(|piece| if is_opaque(piece) { "(new)" } else { piece }).collect();
    pieces.join("\"")
}

/// What was tried.
#[derive(Default)]
struct Tally {
    documents: usize,
    /// By field: how often it was done, in both worlds alike.
    done: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
}

impl Tally {
    /// Counts what a document did, and says what it did.
    fn count(&mut self, document: &str, body: &Value) -> Vec<&'static str> {
        let mut done = Vec::new();
        for field in &Grammar::of_the_gateway().fields["Mutation"] {
            // As often as the document has it, by whatever name.
            let call = format!("{}(", field.name);
            for (at, _) in document.match_indices(&call) {
                let before = document[..at].trim_end();
                let key = before.strip_suffix(':').map_or(field.name.as_str(), |alias| {
                    alias.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
                });
                let Some(payload) = body["data"].get(key).and_then(Value::as_object) else { continue };
                // Where the errors were not asked for, the object tells.
                let refused = payload.values().any(|value| {
                    value.as_array().is_some_and(|list| list.iter().any(|error| error.get("code").is_some()))
                });
                let tally = if refused { &mut self.refused } else { &mut self.done };
                *tally.entry(field.name.clone()).or_default() += 1;
                if !refused {
                    done.push(field.name.as_str());
                }
            }
        }
        done
    }
}

/// What an access, a customer or a partner is once something was done to it: terms alone, since what is hidden before it was
/// done may be shown afterwards.
const TERMS: [(&str, &str); 5] = [
    (
        "Access",
        "{ status operatingModel privilegeCeiling customerConsent version postureVisible visibility { class visible reason } \
         trial { convertedAt electedModel } customer { name } subscription { plan status price { amount } \
         unitCost { amount } margin { amount } addOns { code } } }",
    ),
    ("Customer", "{ name createdAt visibility { class visible reason } }"),
    ("Partner", "{ name prepaidLicenses { licenseModel bought assigned available } }"),
    ("Quote", "{ plan operatingModel price { amount } addOns customer { name } acceptedAt }"),
    ("Money", "{ amount currency }"),
];

/// Documents that do what they say, if anything does: with what is shown to the viewer, for each mutation in an order in which
/// one makes way for the next.
#[expect(clippy::too_many_lines, reason = "a line a mutation")]
fn sensible(eyes: &Eyes<'_>, shown: &World, dice: &mut Dice) -> Vec<(&'static str, Vec<String>)> {
    let mut inputs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
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
        add(
            "inviteCustomerUser",
            format!("customerId: \"{id}\", email: \"reader@new.example\", role: READ_ONLY"),
        );
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
        }
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
        for nth in (1..documents.len()).rev() {
            documents.swap(nth, dice.below(nth + 1));
        }
        documents.truncate(ATTEMPTS);
        all.push((field.name.as_str(), documents));
    }
    assert!(inputs.is_empty(), "the schema has no mutation of these names: {:?}", inputs.keys());
    // What ends things comes last.
    all.sort_by_key(|(name, _)| ["disableUser", "endAccess"].contains(name));
    all
}

/// One viewer, two worlds, the same mutations.
async fn compare(seed: u64, world: &World, viewer: UserId, dice: &mut Dice, tally: &mut Tally) {
    let other = change(world, viewer, dice.number());
    let eyes = Eyes::of(world, viewer);
    let shown = eyes.shown();
    let values = Values::of_all(&[world, &other, &shown, &shown, &shown]);
    let known = values.all_ids();
    let apps = [App::start(world.clone().into()).await, App::start(other.into()).await];
    let clients = apps.each_ref().map(|app| app.sign_in(viewer).hidden_in_extensions());
    let ask = async |document: &str| {
        let mut replies = Vec::new();
        for client in &clients {
            let reply = client.ask(document).await;
            replies.push((reply.status, without_new_ids(&reply.text, &known), reply.statements, reply.body));
        }
        let two = replies.pop().unwrap();
        (replies.pop().unwrap(), two)
    };
    let same = |one: &Answered, two: &Answered, document: &str| {
        assert_eq!(
            (one.0, &one.1, one.2),
            (two.0, &two.1, two.2),
            "what is hidden changed a mutation's answer\nseed {seed}, viewer {viewer} ({:?})\n{document}\n\
             again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::mutations",
            eyes.who
        );
    };
    for _ in 0..DOCUMENTS {
        let document = query(dice.number(), "Mutation", &values).text();
        if may_tell(&document) {
            continue;
        }
        let (one, two) = ask(&document).await;
        let done = tally.count(&document, &one.3);
        // From here on the viewer sees what was hidden, by what they did themself: no more of these.
        if done.iter().any(|field| OPENS.contains(field)) {
            break;
        }
        same(&one, &two, &document);
        tally.documents += 1;
    }
    for (field, documents) in sensible(&eyes, &shown, dice) {
        for document in documents {
            let (one, two) = ask(&document).await;
            same(&one, &two, &document);
            tally.documents += 1;
            if one.1.contains("FORBIDDEN") || tally.count(&document, &one.3).contains(&field) {
                break;
            }
        }
    }
}

/// Status, text, statements and body.
type Answered = (u16, String, u64, Value);

/// By these an ADMIN of a partner opens what was hidden from them, posture or metering, and the answer may show it at once.
const OPENS: [&str; 5] =
    ["acceptQuote", "changeOperatingModel", "convertTrial", "resumeAccess", "setPrivilegeCeiling"];

/// Mutations whose refusal has to tell a little of what is hidden, by the design.
///
/// An e-mail address that is taken is refused, too, whoever has it: no document offers one that somebody has.
const MAY_TELL: [&str; 1] = [
    // Refused unless the viewer's partner manages the customer, which rivals' accesses and the creator decide; FULL is refused
    // while any partner's access is FULLY_MANAGED.
    "setPortalAccess",
];

fn may_tell(document: &str) -> bool {
    MAY_TELL.iter().any(|field| document.contains(&format!("{field}(")))
}

#[tokio::test]
async fn what_is_hidden_changes_no_mutation() {
    let mut tally = Tally::default();
    let mut tried = 0;
    for seed in size::seeds(WORLDS) {
        let mut dice = Dice::new(seed);
        let world = worlds::generate_with_sales(seed);
        // One of each kind that does most, and anybody else, the platform's admins among them.
        let of_kind = |nth: usize| {
            let is = move |who: Who| match who {
                Who::PartnerAdmin(_) => nth == 0,
                Who::Customer(_, CustomerRole::Admin, _) => nth == 1,
                Who::PartnerOperator(_) | Who::Customer(..) => nth == 2,
                Who::PlatformAdmin => nth > 1,
                Who::Nobody => false,
            };
            let users = world.users.iter().map(|row| row.id);
            users.filter(|user| is(Eyes::of(&world, *user).who)).collect::<Vec<_>>()
        };
        let last = if seed % 4 == 0 { 3 } else { 2 };
        for users in [0, 1, last].map(of_kind) {
            if users.is_empty() {
                continue;
            }
            let user = dice.one_of(&users);
            compare(seed, &world, user, &mut dice, &mut tally).await;
        }
        tried += 1;
    }
    size::tried("mutations sent to two worlds", tally.documents);
    size::tried("mutations done in two worlds alike", tally.done.values().sum());
    // Else it would have been proven of nothing; a few worlds may be as poor as they are.
    if tried >= usize::try_from(WORLDS).unwrap() {
        let fields = Grammar::of_the_gateway().fields["Mutation"].iter().map(|field| field.name.as_str());
        let never = |of: &BTreeMap<String, usize>| {
            fields.clone().filter(|field| !of.contains_key(*field)).collect::<Vec<_>>()
        };
        assert_eq!(never(&tally.done), MAY_TELL, "never done; done: {:?}", tally.done);
        assert!(never(&tally.refused).len() < 8, "never refused: {:?}", never(&tally.refused));
    }
}
