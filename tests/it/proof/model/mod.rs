//! The reference model: DESIGN.md 4 and 9 a second time, deliberately simple, written from the text. It shares plain
//! values with the gateway (ids, enums, global ids) and no rule; whole answers over HTTP are compared with it.

mod answer;
mod compare;
mod decide;
mod gate;
mod names;
mod nouns;
mod page;
mod sdl;
mod walls;

use std::collections::BTreeSet;

use async_graphql::parser::parse_query;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::store::seed::{World, deterministic_id};
use serde_json::{Value, json};

use self::answer::answer;
use self::compare::{Placement, difference};
use self::gate::Who;
use self::nouns::Model;
use self::sdl::Sdl;
use super::queries::{Page, Query, query};
use super::values::Values;
use super::worlds::{generate_with_sales, past_policies};
use crate::support::app::{App, Client};
use crate::support::dice::Dice;
use crate::support::size::{is_whole, seeds, tried};
use crate::support::world::{self, NOW};

/// How many worlds each test run tries.
const WORLDS: u64 = 40;
/// How many documents are sent in each world, by viewers whom dice choose.
const QUERIES: u64 = 16;
/// How often a document is sent again with the cursors of its last answer.
const PAGES: usize = 2;

/// Of how many documents one is chosen.
const CANDIDATES: usize = 6;
/// In one world of so many a field is looked for.
const TURNS: usize = 10;

/// What was tried.
#[derive(Default)]
struct Tried {
    viewers: usize,
    answers: usize,
    hidden: usize,
    /// Worlds behind the gate alone.
    past_policies: usize,
    reached: BTreeSet<String>,
}

#[tokio::test]
async fn whole_answers_are_what_the_model_says() {
    let sdl = Sdl::exported();
    let mut all = Tried::default();
    let mut worlds = 0;
    for seed in seeds(WORLDS) {
        a_world(seed, &sdl, &mut all).await;
        worlds += 1;
    }
    tried("worlds asked of gateway and model", worlds);
    tried("worlds asked of the gate alone and model", all.past_policies);
    tried("viewers who asked gateway and model", all.viewers);
    tried("whole answers compared with the model", all.answers);
    tried("hidden fields predicted by the model", all.hidden);
    if is_whole(worlds, WORLDS, "model: every field is in an answer that is compared") {
        let never: Vec<_> =
            sdl.coordinates_of_queries().into_iter().filter(|field| !all.reached.contains(field)).collect();
        // What stands in a world was done past the gateway, in no request.
        let never: Vec<_> = never.iter().filter(|field| !field.ends_with(".requestId")).collect();
        assert_eq!(never, [] as [&String; 0], "nothing in any answer compared");
    }
}

/// Some of the users of the world of a seed, and sometimes nobody, ask what dice say.
async fn a_world(seed: u64, sdl: &Sdl, all: &mut Tried) {
    let rows = generate_with_sales(seed);
    let values = Values::of(&rows);
    // Every other world past the policies: else the second wall could hide what the first one lets through.
    let world = world::World::from(rows.clone());
    let past_policies = past_policies(seed);
    let app = if past_policies { App::start_past_policies(world).await } else { App::start(world).await };
    all.past_policies += usize::from(past_policies);
    let mut dice = Dice::new(seed);
    // Everyone once before anyone twice; nobody is one of them.
    let mut users: Vec<_> = rows.users.iter().map(|row| row.id).collect();
    let nobody = UserId(deterministic_id("nobody", seed));
    users.push(nobody);
    let first = dice.below(users.len());
    users.rotate_left(first);
    // What this world looks for, by its number alone: what other worlds were answered would be missing where it is tried again.
    let turn = usize::try_from(seed % u64::try_from(TURNS).unwrap()).unwrap();
    let mut wanted: BTreeSet<String> =
        sdl.coordinates_of_queries().into_iter().skip(turn).step_by(TURNS).collect();
    for (number, user) in (0..QUERIES).zip(users.iter().cycle()) {
        let client = if *user == nobody { app.anonymous() } else { app.sign_in(*user) };
        let model = Model::new(&rows, NOW, *user);
        let placement = if dice.one_in(2) { Placement::Extensions } else { Placement::Errors };
        let document = chosen(&mut dice, &values, &model, sdl, &wanted);
        let asked = Asked { seed, rows: &rows, model: &model, sdl, client: &client, app: &app, placement };
        for field in asked.with_pages(&document, all).await {
            wanted.remove(&field);
        }
        all.viewers += usize::from(number < users.len() as u64);
    }
    // Few are told who could see them and how they are secured, and dice seldom ask them.
    for user in &users {
        let model = Model::new(&rows, NOW, *user);
        let text = match model.who {
            Some(Who::Customer(_, CustomerRole::Admin)) => {
                let at =
                    dice.one_of(&["", "(at: \"2026-06-01T12:00:00Z\")", "(at: \"2026-06-13T12:00:00Z\")"]);
                Some(format!(
                    "{{ customer {{ exposure{at} {{ at partners {{ partner {{ name }} users {{ name role classes }} }} }} \
                     securityConfiguration {{ apiKeys {{ id label userId role lastFour createdAt revokedAt }} }} \
                     users {{ nodes {{ id email isService disabledAt }} }} }} }}"
                ))
            }
            Some(Who::Partner(_, PartnerRole::Admin)) => {
                let name = dice.one_of(&["left", "openssl"]);
                Some(format!(
                    "{{ partner {{ componentSearch(text: \"{name}\") {{ edges {{ cursor node {{ component {{ id name }} \
                     customer {{ name }} }} }} }} apiKeys {{ nodes {{ label revokedAt }} }} users {{ nodes {{ id disabledAt }} }} }} }}"
                ))
            }
            _ => None,
        };
        if let Some(text) = text {
            let client = app.sign_in(*user);
            let placement = Placement::Errors;
            let asked =
                Asked { seed, rows: &rows, model: &model, sdl, client: &client, app: &app, placement };
            asked.compare(&text, all).await;
        }
    }
}

/// A document of dice; mostly of several the one that asks most of what is looked for, and to which the model has most to say,
/// for most that dice ask is answered with null.
fn chosen(
    dice: &mut Dice,
    values: &Values,
    model: &Model<'_>,
    sdl: &Sdl,
    wanted: &BTreeSet<String>,
) -> Query {
    let says = |document: &Query| {
        let whole = answer(model, sdl, &parse_query(document.text()).unwrap(), &json!({}));
        let new = whole.reached.intersection(wanted).count();
        100 * new + whole.reached.len() + whole.hidden.len().min(10)
    };
    let candidates = if dice.one_in(4) { 1 } else { CANDIDATES };
    (0..candidates).map(|_| query(dice.number(), "Query", values)).max_by_key(says).unwrap()
}

/// Who asks where.
struct Asked<'a, 'w> {
    seed: u64,
    rows: &'w World,
    model: &'a Model<'w>,
    sdl: &'a Sdl,
    client: &'a Client,
    app: &'a App,
    placement: Placement,
}

impl Asked<'_, '_> {
    /// Sends a document, and again with the cursors of the answer; says which fields were answered.
    async fn with_pages(&self, document: &Query, all: &mut Tried) -> BTreeSet<String> {
        let mut cursors: Vec<Option<String>> = vec![None; document.pages.len()];
        let mut reached = BTreeSet::new();
        for _ in 0..=PAGES {
            let (body, answered) = self.compare(&document.text_with(&cursors), all).await;
            reached.extend(answered);
            let found: Vec<_> =
                document.pages.iter().map(|page| next(&body["data"], &page.path, page)).collect();
            if found.iter().all(Option::is_none) {
                break;
            }
            cursors = found;
        }
        reached
    }

    async fn compare(&self, text: &str, all: &mut Tried) -> (Value, BTreeSet<String>) {
        let client = match self.placement {
            Placement::Errors => self.client.clone(),
            Placement::Extensions => self.client.hidden_in_extensions(),
        };
        let reply = client.query(text, json!({})).await;
        if let Some(Who::Partner(..)) = self.model.who {
            // What was recorded of the answer is no part of the world that the model knows.
            self.app.forget_what_was_shown().await;
        }
        let document = parse_query(text).unwrap();
        let whole = answer(self.model, self.sdl, &document, &json!({}));
        let difference = difference(&whole, self.placement, &reply.body, &self.model.cursors);
        if let Some(difference) = difference {
            let user = self.rows.users.iter().find(|row| row.id == self.model.user);
            panic!(
                "{difference}\n{}\n\nworld {}, {:?} {user:?}\n{text}\n\nreplay: PROVE_SEED={} PROVE_WORLDS=1 cargo test --test it -- \
                 proof::model::whole_answers",
                reply.text, self.seed, self.model.who, self.seed
            );
        }
        all.answers += 1;
        all.hidden += whole.hidden.len();
        all.reached.extend(whole.reached.iter().cloned());
        (reply.body, whole.reached)
    }
}

/// The cursor of the next page, of the first connection in the answer at that path.
fn next(data: &Value, path: &[String], page: &Page) -> Option<String> {
    if let Value::Array(list) = data {
        return list.iter().find_map(|element| next(element, path, page));
    }
    if let Some((key, rest)) = path.split_first() {
        return next(data.get(key)?, rest, page);
    }
    let (more, cursor) =
        if page.forward { ("hasNextPage", "endCursor") } else { ("hasPreviousPage", "startCursor") };
    let info = data.get("pageInfo")?;
    if info.get(more) == Some(&json!(false)) {
        return None;
    }
    info.get(cursor)?.as_str().map(str::to_owned)
}
