//! Mutations tell nothing of what is hidden either: two worlds that differ only in what the gate hides from a viewer answer the
//! same mutations of that viewer alike, and what they answer afterwards is the same, too.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::store::seed::World;
use serde_json::{Map, Value};

use super::changes::change;
use super::deeds::sensible;
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

/// Ids, cursors and API keys in a text, but for those that are known: what a mutation makes has others in each world.
fn without_new_ids(text: &str, known: &BTreeSet<String>) -> String {
    let is_opaque = |piece: &str| {
        // The end of a key, in whatever field; names of fields are the same in both worlds.
        if piece.len() == 4 && !known.contains(piece) || piece.starts_with("posture_") && piece.len() > 50 {
            return true;
        }
        let is_id = [23, 44].contains(&piece.len()) && !known.contains(piece);
        let is_link = piece.starts_with("http://") && piece.contains("/share/");
        is_link
            || (is_id || piece.starts_with("WyJ"))
                && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let pieces: Vec<&str> =
        text.split('"').map(|piece| if is_opaque(piece) { "(new)" } else { piece }).collect();
    pieces.join("\"")
}

/// What a payload tells, by `Type.field`, its errors among it.
fn told(payload: &str, answer: &Map<String, Value>) -> Vec<String> {
    let of = |ty: &str, object: &Map<String, Value>| -> Vec<String> {
        let told = object.iter().filter(|(_, value)| !value.is_null());
        told.map(|(key, _)| format!("{ty}.{key}")).collect()
    };
    let errors = answer.get("userErrors").and_then(Value::as_array).into_iter().flatten();
    errors
        .filter_map(Value::as_object)
        .flat_map(|error| of("UserError", error))
        .chain(of(payload, answer))
        .collect()
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
    /// Counts what a document did, and says what it did.
    fn count(&mut self, document: &str, body: &Value) -> Vec<&'static str> {
        let mut done = Vec::new();
        for field in &Grammar::of_the_gateway().fields["Mutation"] {
            // As often as the document has it, by whatever name.
            let call = format!("{}{}", field.name, if field.arguments.is_empty() { " {" } else { "(" });
            for (at, _) in document.match_indices(&call) {
                let before = document[..at].trim_end();
                let key = before.strip_suffix(':').map_or(field.name.as_str(), |alias| {
                    alias.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()
                });
                let Some(payload) = body["data"].get(key).and_then(Value::as_object) else { continue };
                self.shown.extend(told(named(&field.ty), payload));
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

/// One viewer, two worlds, the same mutations.
async fn compare(seed: u64, world: &World, viewer: UserId, dice: &mut Dice, tally: &mut Tally) {
    let other = change(world, viewer, dice.number());
    let eyes = Eyes::of(world, viewer);
    let shown = eyes.shown();
    let values = Values::of_all(&[world, &other, &shown, &shown, &shown]);
    let mut known = values.all_ids();
    for world in [world, &other] {
        known.extend(world.api_keys.iter().map(|row| row.last_four.clone()));
        known.extend(world.partner_api_keys.iter().map(|row| row.last_four.clone()));
    }
    let apps = [App::start(world.clone().into()).await, App::start(other.into()).await];
    // A request's id is the client's own: the same for both, for logs tell it.
    let request = "5ca1ab1e-0000-4000-8000-000000000000";
    let sign_in = |app: &App| app.sign_in(viewer).hidden_in_extensions().header("x-request-id", request);
    let clients = apps.each_ref().map(sign_in);
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
        assert_eq!(never(&tally.done), MAY_TELL, "never done; done: {:?}", tally.done);
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
        assert!(never(&tally.refused).len() < 8, "never refused: {:?}", never(&tally.refused));
    }
}
