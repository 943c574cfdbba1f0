//! Mutations tell nothing of what is hidden either: two worlds that differ only in what the gate hides from a viewer answer the
//! same mutations of that viewer alike, and what they answer afterwards is the same, too.

use std::collections::BTreeSet;

use posture_gateway::domain::ids::UserId;
use posture_gateway::store::seed::World;

use super::changes::change;
use super::eyes::{Eyes, Who};
use super::queries::query;
use super::size;
use super::values::Values;
use super::worlds;
use crate::support::app::{App, Client};
use crate::support::dice::Dice;

/// Worlds in every run.
const WORLDS: u64 = 8;
/// Viewers a world, each with a change of its own.
const VIEWERS: usize = 2;
/// Documents of mutations a viewer.
const DOCUMENTS: usize = 12;

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
    done: usize,
    refused: usize,
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
    for _ in 0..DOCUMENTS {
        let document = query(dice.number(), "Mutation", &values).text();
        if asks_what_may_tell(&document) {
            continue;
        }
        let ask = async |client: &Client| {
            let reply = client.ask(&document).await;
            (reply.status, without_new_ids(&reply.text, &known), reply.statements, reply.body)
        };
        let (one, two) = (ask(&clients[0]).await, ask(&clients[1]).await);
        assert_eq!(
            (one.0, &one.1, one.2),
            (two.0, &two.1, two.2),
            "what is hidden changed a mutation's answer\nseed {seed}, viewer {viewer} ({:?})\n{document}\n\
             again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::mutations",
            eyes.who
        );
        tally.documents += 1;
        for payload in one.3["data"].as_object().into_iter().flat_map(|data| data.values()) {
            // Where the errors were not asked for, the object tells.
            let errors = payload.as_object().into_iter().flatten().any(|(_, value)| {
                value.as_array().is_some_and(|list| list.iter().any(|error| error.get("code").is_some()))
            });
            *(if errors { &mut tally.refused } else { &mut tally.done }) += 1;
        }
    }
}

/// Mutations whose refusal has to tell a little of what is hidden, by the design.
const MAY_TELL: [&str; 0] = [];

fn asks_what_may_tell(document: &str) -> bool {
    MAY_TELL.iter().any(|field| document.contains(&format!("{field}(")))
}

#[tokio::test]
async fn what_is_hidden_changes_no_mutation() {
    let mut tally = Tally::default();
    for seed in size::seeds(WORLDS) {
        let mut dice = Dice::new(seed);
        let world = worlds::generate(seed);
        let mut users: Vec<_> = world
            .users
            .iter()
            .map(|row| row.id)
            .filter(|user| Eyes::of(&world, *user).who != Who::Nobody)
            .collect();
        for _ in 0..VIEWERS.min(users.len()) {
            let user = users.swap_remove(dice.below(users.len()));
            compare(seed, &world, user, &mut dice, &mut tally).await;
        }
    }
    size::tried("mutations sent to two worlds", tally.documents);
    size::tried("mutations done in two worlds alike", tally.done);
    assert!(tally.done > 0 && tally.refused > 0, "{} done, {} refused", tally.done, tally.refused);
}
