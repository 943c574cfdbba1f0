//! Mutations tell nothing of what is hidden either: two worlds that differ only in what the gate hides from a viewer answer the
//! same mutations of that viewer alike, and what they answer afterwards is the same, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use async_graphql::Value;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use chrono::TimeDelta;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::graphql::schema;
use posture_gateway::store::seed::World;

use super::changes::change;
use super::deeds::sensible;
use super::eyes::{Eyes, Who};
use super::grammar::{Field, Grammar, named};
use super::masks::{Masks, keys_in};
use super::queries::query;
use super::routes::Api;
use super::size;
use super::values::Values;
use super::worlds::{self, past_policies};
use crate::support::app::App;
use crate::support::dice::Dice;

/// Worlds in every run.
const WORLDS: u64 = 8;

/// A payload, or an error in it.
type Object = IndexMap<async_graphql::Name, Value>;

/// Documents of mutations a viewer.
const DOCUMENTS: usize = 12;

/// What a payload tells, by `Type.field`, its errors among it.
fn told(payload: &str, answer: &Object) -> Vec<String> {
    let of = |ty: &str, object: &Object| -> Vec<String> {
        let told = object.iter().filter(|(_, value)| **value != Value::Null);
        told.map(|(key, _)| format!("{ty}.{key}")).collect()
    };
    let mut all = of(payload, answer);
    if let Some(Value::List(errors)) = answer.get("userErrors") {
        for error in errors {
            if let Value::Object(error) = error {
                all.extend(of("UserError", error));
            }
        }
    }
    all
}

/// The names of fields whose answer hangs on what the gate shows: gated, added up of what is, or in an order of posture.
fn hang_on_the_gate() -> &'static BTreeSet<String> {
    static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let api = Api::of(&schema().sdl());
        let fields = api.types.values().flatten().filter(|field| field.gate.is_some() || field.aggregates);
        fields.map(|field| field.name.clone()).chain(["accesses".to_owned()]).collect()
    });
    &NAMES
}

/// What is left of an answer without the fields by some names.
fn without(value: &Value, keys: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let left = fields.iter().filter(|(key, _)| !keys.contains(key.as_str()));
            Value::Object(left.map(|(key, value)| (key.clone(), without(value, keys))).collect())
        }
        Value::List(items) => Value::List(items.iter().map(|item| without(item, keys)).collect()),
        other => other.clone(),
    }
}

/// What one mutation of a document answered.
struct Payload {
    field: &'static Field,
    is_refused: bool,
    /// Its errors, where they were asked for.
    errors: Vec<Value>,
    answer: Object,
    /// The same without what hangs on the gate.
    open: Value,
}

/// A document's mutations in their order: the name in the answer, and by what names their errors are asked for.
fn calls(
    document: &ExecutableDocument,
    set: &SelectionSet,
    calls: &mut Vec<(String, &'static Field, BTreeSet<String>)>,
) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(own) => {
                let fields = &Grammar::of_the_gateway().fields["Mutation"];
                let Some(field) = fields.iter().find(|field| field.name == own.node.name.node) else {
                    continue;
                };
                let errors = keys_in(document, &own.node.selection_set.node, "userErrors");
                calls.push((own.node.response_key().node.to_string(), field, errors));
            }
            Selection::InlineFragment(own) => self::calls(document, &own.node.selection_set.node, calls),
            Selection::FragmentSpread(own) => {
                let fragment = &document.fragments[&own.node.fragment_name.node].node;
                self::calls(document, &fragment.selection_set.node, calls);
            }
        }
    }
}

/// The answers of a document's mutations; those that were left out by a directive have none.
fn payloads(document: &ExecutableDocument, text: &str) -> Vec<Payload> {
    let mut all = Vec::new();
    for (_, operation) in document.operations.iter() {
        calls(document, &operation.node.selection_set.node, &mut all);
    }
    let answer: Value = serde_json::from_str(text).unwrap();
    let Value::Object(answer) = answer else { return Vec::new() };
    let Some(Value::Object(data)) = answer.get("data") else { return Vec::new() };
    let sets = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let asked = sets.flat_map(|set| hang_on_the_gate().iter().flat_map(|name| keys_in(document, set, name)));
    let asked: BTreeSet<String> = asked.collect();
    let mut seen = BTreeSet::new();
    let mut payloads = Vec::new();
    for (key, field, errors) in all {
        // The same name twice is one call.
        let Some(Value::Object(answer)) = data.get(key.as_str()).filter(|_| seen.insert(key)) else {
            continue;
        };
        let of_errors: Vec<&Value> = errors.iter().filter_map(|key| answer.get(key.as_str())).collect();
        let nothing = |value: &Value| *value == Value::Null || *value == Value::List(Vec::new());
        let is_refused = if of_errors.is_empty() {
            // Where the errors were not asked for, the object tells.
            answer.values().all(|value| nothing(value) || *value == Value::from(named(&field.ty)))
        } else {
            !of_errors.iter().all(|errors| nothing(errors))
        };
        payloads.push(Payload {
            field,
            is_refused,
            errors: of_errors.into_iter().cloned().collect(),
            answer: answer.clone(),
            open: without(&Value::Object(answer.clone()), &asked),
        });
    }
    payloads
}

/// What was tried.
#[derive(Default)]
struct Tally {
    documents: usize,
    /// By field: how often it was done, in both worlds alike.
    done: BTreeMap<String, usize>,
    refused: BTreeMap<String, usize>,
    /// `Payload.field` that was anything but null.
    shown: BTreeSet<String>,
}

impl Tally {
    /// Counts what a document did.
    fn count(&mut self, payloads: &[Payload]) {
        self.documents += 1;
        for Payload { field, is_refused, answer, .. } in payloads {
            self.shown.extend(told(named(&field.ty), answer));
            let tally = if *is_refused { &mut self.refused } else { &mut self.done };
            *tally.entry(field.name.clone()).or_default() += 1;
        }
    }
}

/// How one world answered a document.
struct Answered {
    status: u16,
    /// But for the length, which ids change that are left out.
    headers: Vec<(String, String)>,
    /// To the byte, but for the ids of what is new.
    text: String,
    /// None of a world that is asked past the policies: what they keep back, the gate looks up in vain.
    statements: Option<u64>,
    payloads: Vec<Payload>,
}

/// How two worlds are to be compared after a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// They differ in nothing but what is hidden.
    GoOn,
    /// The viewer sees from here on what was hidden, by what they did themself.
    Opened,
    /// One of them did what the other refused, as it may.
    Parted,
}

/// Compares two answers, as far as they have to be the same; panics by way of `differ` where they are not.
fn compare_answers(one: &Answered, two: &Answered, differ: &dyn Fn(String)) -> Then {
    let mut own_refusals = false;
    for (nth, (a, b)) in one.payloads.iter().zip(&two.payloads).enumerate() {
        let up_to_here = |other: &str| {
            for (a, b) in one.payloads.iter().zip(&two.payloads).take(nth) {
                if !MAY_TELL.contains(&a.field.name.as_str()) && a.answer != b.answer {
                    differ(format!("{} before {other}: {:?} and {:?}", a.field.name, a.answer, b.answer));
                }
            }
        };
        let name = a.field.name.as_str();
        if MAY_TELL.contains(&name) && (a.is_refused || b.is_refused) {
            for text in a.errors.iter().chain(&b.errors).flat_map(texts) {
                if !ITS_WORDS.contains(&text) {
                    differ(format!("{name} says `{text}`"));
                }
            }
            if a.is_refused != b.is_refused {
                up_to_here(name);
                return Then::Parted;
            }
            own_refusals |= a.errors != b.errors;
        } else if OPENS.contains(&name) && !(a.is_refused && b.is_refused) {
            up_to_here(name);
            // Whether it is done, and what it says of that and of all that is open, hangs on nothing hidden; what it opens may differ.
            if (a.is_refused, &a.errors, &a.open) != (b.is_refused, &b.errors, &b.open) {
                differ(format!(
                    "{name} is refused: {} {:?} and {} {:?}; says {:?} and {:?}",
                    a.is_refused, a.errors, b.is_refused, b.errors, a.open, b.open
                ));
            }
            return Then::Opened;
        }
    }
    if own_refusals {
        // All but those refusals, and what they cost.
        let rest = |answered: &Answered| {
            let rest = answered.payloads.iter().filter(|own| !MAY_TELL.contains(&own.field.name.as_str()));
            rest.map(|own| format!("{:?}", own.answer)).collect::<Vec<_>>()
        };
        if (one.status, &one.headers, rest(one)) != (two.status, &two.headers, rest(two)) {
            differ(format!("{}\n{}", one.text, two.text));
        }
    } else if (one.status, &one.headers, &one.text, one.statements)
        != (two.status, &two.headers, &two.text, two.statements)
    {
        differ(format!(
            "{}, {:?} statements, {:?}: {}\n{}, {:?} statements, {:?}: {}",
            one.status,
            one.statements,
            one.headers,
            one.text,
            two.status,
            two.statements,
            two.headers,
            two.text
        ));
    }
    Then::GoOn
}

/// One viewer, two worlds, the same mutations.
async fn compare(seed: u64, world: &World, viewer: UserId, dice: &mut Dice, tally: &mut Tally) {
    let other = change(world, viewer, dice.number());
    let eyes = Eyes::of(world, viewer);
    let shown = eyes.shown();
    let values = Values::of_all(&[world, &other, &shown, &shown, &shown]);
    let masks = Masks::of([world, &other]);
    let apps = if past_policies(seed) {
        [App::start_past_policies(world.clone().into()).await, App::start_past_policies(other.into()).await]
    } else {
        [App::start(world.clone().into()).await, App::start(other.into()).await]
    };
    // A request's id is the client's own: the same for both, for logs tell it.
    let request = "5ca1ab1e-0000-4000-8000-000000000000";
    // Denials are told in either place, with their sentences in one of them.
    let sign_in = |app: &App| {
        let client = app.sign_in(viewer).header("x-request-id", request);
        if seed % 4 < 2 { client } else { client.hidden_in_extensions() }
    };
    let clients = apps.each_ref().map(sign_in);
    let ask = async |document: &str| {
        let parsed = parse_query(document).unwrap();
        let mut answers = Vec::new();
        for (app, client) in apps.iter().zip(&clients) {
            let reply = client.ask(document).await;
            // Of one instant the events of several requests are in no order.
            app.clock.advance(TimeDelta::milliseconds(1));
            let text = masks.mask(&parsed, &reply.text);
            let payloads = payloads(&parsed, &text);
            let statements = (!past_policies(seed)).then_some(reply.statements);
            let mut headers = reply.headers;
            headers.retain(|(name, _)| name != "content-length");
            answers.push(Answered { status: reply.status, headers, text, statements, payloads });
        }
        let two = answers.pop().unwrap();
        (answers.pop().unwrap(), two)
    };
    let same = |one: &Answered, two: &Answered, document: &str| {
        compare_answers(one, two, &|difference| {
            panic!(
                "what is hidden changed a mutation's answer\nseed {seed}, viewer {viewer} ({:?})\n{document}\n{difference}\n\
                 again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::mutations",
                eyes.who
            )
        })
    };
    for _ in 0..DOCUMENTS {
        let document = query(dice.number(), "Mutation", &values).text();
        let (one, two) = ask(&document).await;
        tally.count(&one.payloads);
        match same(&one, &two, &document) {
            Then::GoOn => (),
            Then::Opened => break,
            Then::Parted => return,
        }
    }
    for (field, documents) in sensible(&eyes, &shown, dice) {
        for document in documents {
            let (one, two) = ask(&document).await;
            tally.count(&one.payloads);
            if same(&one, &two, &document) == Then::Parted {
                return;
            }
            let is_done = one.payloads.iter().any(|own| own.field.name == field && !own.is_refused);
            if one.text.contains("FORBIDDEN") || is_done {
                break;
            }
        }
    }
}

/// By these an ADMIN of a partner opens what was hidden from them, posture or metering, and the answer may show it at once.
const OPENS: [&str; 5] =
    ["acceptQuote", "changeOperatingModel", "convertTrial", "resumeAccess", "setPrivilegeCeiling"];

/// Mutations that are refused in none of the worlds of every run, with the reason.
const NEVER_REFUSED: [&str; 4] = [
    // The platform's own, with prices that are well-formed.
    "setPricing",
    // Refused are addresses that are taken, of which no document offers one, and texts that no generator writes.
    "createPartner",
    // Takes no input.
    "recordVisit",
    // Refused are labels that no generator writes.
    "createPartnerApiKey",
];

/// Mutations whose own refusal has to tell a little of what is hidden, by the design.
///
/// An e-mail address that is taken is refused, too, whoever has it: no document offers one that somebody has.
const MAY_TELL: [&str; 1] = [
    // Refused unless the viewer's partner manages the customer, which rivals' accesses and the creator decide; FULL is refused
    // while any partner's access is FULLY_MANAGED.
    "setPortalAccess",
];

/// All that its refusals say, whatever is hidden: of whom nobody is told.
const ITS_WORDS: [&str; 14] = [
    "UserError",
    "input",
    "customerId",
    "portalAccess",
    "NOT_FOUND",
    "there is no customer with this id, or it is not yours to see",
    "NOT_PERMITTED",
    "the portal is set by the partner that manages the customer: the one that created it, or, once that one has \
     no live access, the one with the oldest",
    "WRONG_STATE",
    "the customer is FULLY_MANAGED, so its portal is READ_ONLY at most: FULL takes another operating model first",
    "NO_CHANGE",
    "the portal access is DISABLED already",
    "the portal access is FULL already",
    "the portal access is READ_ONLY already",
];

/// Every text in a value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Enum(name) => vec![name.as_str()],
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn what_is_hidden_changes_no_mutation() {
    let mut tally = Tally::default();
    let mut tried = 0;
    for seed in size::seeds(WORLDS) {
        let mut dice = Dice::new(seed);
        let world = worlds::generate_with_sales(seed);
        // One of each kind that does most, and anybody else, the platform's admins among them: people, and a customer's at FULL
        // where there is one, for programs and closed portals are refused most.
        let is_person = |user: UserId| world.users.iter().any(|row| row.id == user && !row.is_service);
        let decides = |user: UserId| {
            let eyes = Eyes::of(&world, user);
            matches!(eyes.who, Who::Customer(own, CustomerRole::Admin, _) if eyes.security(own))
                && is_person(user)
        };
        let anyone_decides = world.users.iter().any(|row| decides(row.id));
        let of_kind = |nth: usize| {
            let is = |user: UserId| match Eyes::of(&world, user).who {
                Who::PartnerAdmin(_) => nth == 0 && is_person(user),
                Who::Customer(_, CustomerRole::Admin, _) => nth == 1 && (decides(user) || !anyone_decides),
                Who::PartnerOperator(_) | Who::Customer(..) => nth == 2,
                Who::PlatformAdmin => nth > 1,
                Who::Nobody => false,
            };
            world.users.iter().map(|row| row.id).filter(|user| is(*user)).collect::<Vec<_>>()
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
    size::tried("fields of mutations' answers that were told", tally.shown.len());
    // Else it would have been proven of nothing; a few worlds may be as poor as they are.
    if size::is_whole(tried, WORLDS, "mutations: each is done and refused, each field of an answer is told") {
        let fields = Grammar::of_the_gateway().fields["Mutation"].iter().map(|field| field.name.as_str());
        let never = |of: &BTreeMap<String, usize>| {
            fields.clone().filter(|field| !of.contains_key(*field)).collect::<Vec<_>>()
        };
        assert_eq!(never(&tally.done), [] as [&str; 0], "never done; done: {:?}", tally.done);
        // No query reaches these: what the matrix does for every other field is done here.
        let payloads = Grammar::of_the_gateway()
            .fields
            .iter()
            .filter(|(name, _)| name.ends_with("Payload") || *name == "UserError");
        let untold: Vec<String> = payloads
            .flat_map(|(name, fields)| fields.iter().map(move |field| format!("{name}.{}", field.name)))
            .filter(|field| !tally.shown.contains(field))
            .collect();
        assert_eq!(untold, [] as [&str; 0], "told in no answer of a mutation");
        assert_eq!(never(&tally.refused), NEVER_REFUSED, "never refused");
    }
}
