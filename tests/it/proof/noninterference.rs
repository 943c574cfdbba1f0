//! Two worlds that differ only in what the gate hides from a viewer answer that viewer alike (DESIGN.md 4): status,
//! headers, body to the byte, and how many statements it took.
//!
//! The worlds of a seed form a chain in one database: each differs from the one before in what is hidden from one viewer, who is asked the
//! same before and after. Each time somebody to whom a changed row is shown must see the change. Every other database has no policy, so that
//! its gateway stands behind the gate alone.

mod documents;
mod doors;
mod reach;
mod refusals;
mod streams;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::config::LiveLimits;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::store::seed::World;
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use self::documents::{CROWD, about_shown, document_about, family, global_id, lists};
use self::doors::{Doors, Path, Way};
use self::reach::{answered, fields, gated};
use self::refusals::{Refused, scans};
use self::streams::{Aside, Listener, Sentinel};
use self::whole::wholes;
use super::changes::change;
use super::difference::{Difference, differences, sql, tables};
use super::eyes::{Eyes, Who};
use super::queries::{Page, query};
use super::size;
use super::values::{Values, quoted};
use super::worlds::{self, past_policies};
use crate::support::app::{App, Reply};
use crate::support::dice::Dice;

/// Worlds in every run.
const WORLDS: u64 = 16;
/// Viewers a world, each with a change of its own.
const VIEWERS: usize = 3;
/// Generated documents a viewer, beside the pointed ones.
const DOCUMENTS: usize = 5;

/// Fields that are null in every world: they are asked for, and nobody in it has such a thing.
const WITHOUT_A_VALUE: [&str; 5] = [
    // What is seeded was done in no request.
    "AccessRecord.operation",
    "CustomerAuditEvent.requestId",
    "PartnerAuditEvent.requestId",
    // No key of these partners is revoked, and nobody who is disabled is anybody's user.
    "CustomerUser.disabledAt",
    "PartnerApiKey.revokedAt",
];

/// What was tried.
#[derive(Default)]
struct Tally {
    viewers: usize,
    rows: usize,
    comparisons: usize,
    /// By the way that they were asked by.
    ways: BTreeMap<Way, usize>,
    pages: usize,
    hidden: usize,
    /// Connections with every stream open that said nothing.
    silent: usize,
    /// Hidden findings and accesses changed under them.
    under_streams: usize,
    /// Of what is shown: the same before and after.
    events: usize,
    hidden_in_events: usize,
    /// Streams of server-sent events that told what a connection did.
    aside: usize,
    /// What was refused beside GraphQL, by what it was, and whether because it is not there for who asks.
    refused: BTreeMap<(&'static str, bool), usize>,
    /// The fields of objects that were answered, hidden or not.
    answered: BTreeSet<String>,
    /// Of fields that were denied.
    denied: BTreeSet<String>,
    /// The tables of which something was changed.
    changed: BTreeSet<&'static str>,
    /// By table: how often somebody saw a changed row change.
    seen: BTreeMap<&'static str, usize>,
}

/// A request and its answer.
struct Asked {
    document: String,
    way: Way,
    in_extensions: bool,
    reply: Reply,
}

/// The cursor that leads on from a page of an answer: of the first object on the way that has one.
fn cursor(at: &Value, page: &Page, path: &[String]) -> Option<String> {
    if let Value::Array(items) = at {
        return items.iter().find_map(|item| cursor(item, page, path));
    }
    let Some((key, rest)) = path.split_first() else {
        let info = at.get("pageInfo")?;
        return info.get(if page.forward { "endCursor" } else { "startCursor" })?.as_str().map(str::to_owned);
    };
    cursor(at.get(key)?, page, rest)
}

async fn ask(doors: &Doors, document: String, dice: &mut Dice) -> Asked {
    let (way, in_extensions) = (doors.way(&document, dice), dice.one_in(2));
    let reply = doors.ask(&document, way, in_extensions).await;
    Asked { document, way, in_extensions, reply }
}

/// Asks a viewer everything: the pointed documents, the generated ones, and the pages that follow.
async fn interrogate(
    doors: &Doors,
    pointed: Vec<String>,
    values: &Values,
    dice: &mut Dice,
    tally: &mut Tally,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    for document in pointed {
        asked.push(ask(doors, document, dice).await);
    }
    for _ in 0..DOCUMENTS {
        let query = query(dice.number(), "Query", values);
        let first = ask(doors, query.text(), dice).await;
        let data = &first.reply.body["data"];
        let cursors: Vec<_> = query.pages.iter().map(|page| cursor(data, page, &page.path)).collect();
        asked.push(first);
        if cursors.iter().any(Option::is_some) {
            tally.pages += 1;
            let (document, way, in_extensions) =
                (query.text_with(&cursors), asked[asked.len() - 1].way, dice.one_in(2));
            // By the way that the cursor came by.
            let way = if way == Way::Get { Way::Post } else { way };
            let reply = doors.ask(&document, way, in_extensions).await;
            asked.push(Asked { document, way, in_extensions, reply });
        }
    }
    asked
}

/// How a world is tried again: by itself; what it is asked for depends a little on what those before it have shown.
fn again(seed: u64) -> String {
    let test = "cargo test --test it -- proof::noninterference";
    format!("PROVE_SEED={seed} PROVE_WORLDS=1 {test}\nelse:  {} {test}", size::up_to(seed))
}

/// What a failing test prints, with all that it takes to try again.
fn assert_same(seed: u64, viewer: &str, before: &Asked, after: &Reply) {
    let Asked { document, way, in_extensions, reply } = before;
    // A partner above another that is hidden is kept back by the second wall: without it the gate looks it up in vain.
    let looks_up = past_policies(seed) && document.contains("parent");
    let costs_the_same = reply.statements == after.statements || looks_up;
    if reply.on_the_wire() == after.on_the_wire() && costs_the_same {
        return;
    }
    let (old, new) = (&reply.text, &after.text);
    let place = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
    let around = |text: &str| {
        let bytes =
            &text.as_bytes()[place.saturating_sub(200).min(text.len())..(place + 200).min(text.len())];
        String::from_utf8_lossy(bytes).into_owned()
    };
    panic!(
        "what is hidden changed an answer\n\
         seed {seed}, viewer {viewer} by {way:?}, hidden fields in {}\n{document}\n\
         before: status {}, {} statements, at byte {place}: ..{}..\n\
         after:  status {}, {} statements, at byte {place}: ..{}..\n\
         headers: {:?}\n         {:?}\n\
         again: {}",
        if *in_extensions { "extensions" } else { "errors" },
        reply.status,
        reply.statements,
        around(old),
        after.status,
        after.statements,
        around(new),
        reply.headers,
        after.headers,
        again(seed),
    );
}

/// Somebody to whom a changed row is shown, before or after; which table; and what to ask.
fn witness(
    before: &World,
    after: &World,
    changes: &[Difference],
    dice: &mut Dice,
) -> Option<(&'static str, UserId, String)> {
    let eyes = |world| {
        before.users.iter().map(move |user| Eyes::of(world, user.id)).filter(|eyes| eyes.who != Who::Nobody)
    };
    let (then, now): (Vec<_>, Vec<_>) = (eyes(before).collect(), eyes(after).collect());
    let mut found = Vec::new();
    for change in changes {
        let mut of_table = Vec::new();
        for (old, new) in change.telling() {
            // A row that is gone was shown before; a new one is shown after. Who stands above a partner only those are told who
            // meet both: the platform's admins at any rate.
            let tells = |eyes: &&Eyes<'_>| change.table != "partners" || eyes.who == Who::PlatformAdmin;
            let shown = |all: &[Eyes<'_>], row: Option<&Value>| {
                let row = row?;
                let eyes = all.iter().filter(tells).find(|eyes| eyes.sees(change.table, row))?;
                Some((change.table, eyes.user(), document_about(change.table, row)?))
            };
            of_table.extend(shown(&then, old).or_else(|| shown(&now, new)));
        }
        if !of_table.is_empty() {
            found.push(of_table.swap_remove(dice.below(of_table.len())));
        }
    }
    (!found.is_empty()).then(|| found.swap_remove(dice.below(found.len())))
}

/// The documents that are about what changes, and those that add up, order and ask for everything.
fn pointed(
    (before, eyes, shown): (&World, &Eyes<'_>, &World),
    changes: &[Difference],
    answered: &BTreeSet<String>,
    dice: &mut Dice,
) -> Vec<String> {
    let ids = changes.iter().flat_map(|change| change.rows().filter_map(|row| global_id(change.table, row)));
    let ids: Vec<_> = ids.take(100).map(|id| quoted(&id.to_string())).collect();
    let mut pointed = vec![format!("{{ nodes(ids: [{}]) {{ __typename id }} }}", ids.join(", "))];
    let partners = &before.partners;
    let other = eyes.employer().is_none().then(|| partners[dice.below(partners.len())].id);
    pointed.extend([lists(other, dice), family(other)]);
    pointed.extend(wholes(eyes, shown, other, answered, dice));
    let about =
        changes.iter().flat_map(|change| change.rows().filter_map(|row| document_about(change.table, row)));
    let mut about: Vec<_> = about.collect();
    if !about.is_empty() {
        pointed.push(about.swap_remove(dice.below(about.len())));
    }
    pointed
}

/// Asks everything once more: nothing has changed.
async fn compare(doors: &Doors, asked: &[Asked], (seed, who): (u64, &str), tally: &mut Tally) {
    for before in asked {
        let after = doors.ask(&before.document, before.way, before.in_extensions).await;
        assert_same(seed, who, before, &after);
        answered(&before.document, &before.reply.body["data"], &mut tally.answered);
        tally.comparisons += 1;
        *tally.ways.entry(before.way).or_default() += 1;
        tally.hidden += before.reply.text.matches("\"HIDDEN\"").count()
            + before.reply.text.matches("\"coordinate\"").count();
        for entry in before.reply.body["extensions"]["hidden"].as_array().into_iter().flatten() {
            tally.denied.extend(entry["coordinate"].as_str().map(str::to_owned));
        }
        assert!(
            !before.reply.codes().iter().any(|code| code.starts_with("QUERY_")
                || code.starts_with("GRAPHQL_")
                || *code == "INTERNAL"),
            "seed {seed}: no answer but\n{}\nto\n{}",
            before.reply.text,
            before.document
        );
    }
}

/// One viewer, one change: the world as it is afterwards.
#[expect(clippy::too_many_arguments, reason = "what one step of the chain is made of")]
async fn step(
    app: &App,
    owner: &mut PgConnection,
    sentinel: &mut Sentinel,
    before: World,
    viewer: UserId,
    seed: u64,
    dice: &mut Dice,
    tally: &mut Tally,
) -> World {
    let after = change(&before, viewer, dice.number());
    let changes = differences(&before, &after);
    tally.viewers += 1;
    tally.rows += changes.iter().map(|change| change.rows().count()).sum::<usize>();
    tally.changed.extend(changes.iter().map(|change| change.table));

    let eyes = Eyes::of(&before, viewer);
    let shown = eyes.shown();
    // What can answer is asked for as often as what cannot.
    let values = Values::of_all(&[&before, &after, &shown, &shown, &shown]);
    let who = format!("{viewer} ({:?})", eyes.who);
    let again = format!("again: {}", again(seed));
    let pointed = pointed((&before, &eyes, &shown), &changes, &tally.answered, dice);
    let of_shown = about_shown(&shown, dice);
    let witness = witness(&before, &after, &changes, dice);

    let doors = Doors::open(app, viewer, [&before, &after]).await;
    // Before the viewer asks: that a partner's people were shown something is told to that customer.
    let mut told = Vec::new();
    if let Some((table, user, document)) = witness {
        let reply = app.sign_in(user).ask(&document).await;
        told.push((table, user, document, reply));
    }
    let mut asked = interrogate(&doors, pointed, &values, dice, tally).await;
    for document in of_shown {
        for in_extensions in [false, true] {
            let (document, way) = (document.clone(), Way::Post);
            let reply = doors.ask(&document, way, in_extensions).await;
            asked.push(Asked { document, way, in_extensions, reply });
        }
    }

    let refused = Refused::ask(&doors, &changes, (&eyes, &shown), dice).await;
    let bearer = doors.bearer(dice);
    let mut listening = Listener::open(app, bearer, ([&before, &after], &shown), &values, dice).await;
    let (mut shown_before, mut aside) = (Vec::new(), None);
    if let Some(listener) = &mut listening {
        shown_before = listener.hears_of_shown(app, owner, sentinel).await;
        aside = Some(Aside::open(app, doors.bearer(dice), listener, dice).await);
    }
    owner
        .execute(AssertSqlSafe(sql(&changes)))
        .await
        .unwrap_or_else(|error| panic!("seed {seed}, {who}: {error}"));

    sentinel.passes(app, owner).await;
    if let Some(listener) = &mut listening {
        assert_eq!(
            listener.hears().await,
            [] as [&str; 0],
            "seed {seed}: {who} is told of what is hidden\n{again}"
        );
        tally.silent += 1;
        let events = changes.iter().filter(|change| ["accesses", "findings"].contains(&change.table));
        tally.under_streams += events.map(|change| change.rows().count()).sum::<usize>();
        let shown_after = listener.hears_of_shown(app, owner, sentinel).await;
        assert_eq!(
            shown_before, shown_after,
            "seed {seed}: what is hidden changed an event of {who}\n{again}"
        );
        tally.events += shown_after.len();
        tally.hidden_in_events +=
            shown_after.iter().map(|text| text.matches("\"HIDDEN\"").count()).sum::<usize>();
        if let Some(aside) = aside {
            for (stream, due, told) in aside.told(owner, viewer, &shown_after).await {
                assert_eq!(
                    due, told,
                    "seed {seed}: {who} is told otherwise by server-sent events of {stream}\n{again}"
                );
                tally.aside += 1;
            }
        }
    }
    drop(listening);

    for refused in refused {
        if let Some(difference) = refused.differs(&doors).await {
            panic!("seed {seed}: {who} is told what is hidden\n{difference}\n{again}");
        }
        *tally.refused.entry((refused.path.name(), refused.is_missing())).or_default() += 1;
    }
    compare(&doors, &asked, (seed, &who), tally).await;
    doors.close(app).await;
    for (table, user, document, before) in told {
        let after = app.sign_in(user).ask(&document).await;
        assert_ne!(
            before.text, after.text,
            "seed {seed}: {user} should see a change of `{table}` with\n{document}\n{again}"
        );
        *tally.seen.entry(table).or_default() += 1;
    }
    after
}

/// Those who are asked: different ones, mostly of kinds that see something.
fn viewers(world: &World, dice: &mut Dice) -> Vec<UserId> {
    let (mut some, mut none): (Vec<_>, Vec<_>) =
        world.users.iter().map(|row| row.id).partition(|user| Eyes::of(world, *user).who != Who::Nobody);
    let mut chosen = Vec::new();
    // Of one kind there are few, and they alone are denied what the contract says.
    let is_closed_out = |user: &UserId| {
        matches!(Eyes::of(world, *user).who, Who::Customer(_, CustomerRole::Admin, PortalAccess::Disabled))
    };
    if dice.one_in(4)
        && let Some(nth) = some.iter().position(is_closed_out)
    {
        chosen.push(some.swap_remove(nth));
    }
    // Scanners are shown nothing, and write.
    if dice.one_in(3)
        && let Some(nth) = none.iter().position(|user| scans(&Eyes::of(world, *user), None))
    {
        chosen.push(none.swap_remove(nth));
    }
    while chosen.len() < VIEWERS && !(some.is_empty() && none.is_empty()) {
        let from = if some.is_empty() || dice.one_in(10) { &mut none } else { &mut some };
        if !from.is_empty() {
            chosen.push(from.swap_remove(dice.below(from.len())));
        }
    }
    chosen
}

#[tokio::test]
async fn what_is_hidden_changes_no_answer() {
    let mut tally = Tally::default();
    let (mut tried, mut alone) = (0, 0);
    for seed in size::seeds(WORLDS) {
        let mut dice = Dice::new(seed);
        let mut world = worlds::generate_with_sales(seed);
        let limits = LiveLimits { operations: usize::MAX, ..LiveLimits::default() };
        let app = if past_policies(seed) {
            App::start_live_past_policies(world.clone().into(), limits).await
        } else {
            App::start_live(world.clone().into(), limits).await
        };
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        for user in world.users.iter().filter(|user| Eyes::of(&world, user.id).who != Who::Nobody) {
            let reply = app.sign_in(user.id).ask(CROWD).await;
            assert!(reply.body["data"].is_object(), "{}", reply.text);
        }
        let mut sentinel = Sentinel::post(&app, &mut owner).await;
        for viewer in viewers(&world, &mut dice) {
            world = step(&app, &mut owner, &mut sentinel, world, viewer, seed, &mut dice, &mut tally).await;
        }
        tried += 1;
        alone += usize::from(past_policies(seed));
    }
    size::tried("worlds changed where it is hidden", tried);
    size::tried("of them behind the gate alone", alone);
    size::tried("viewers from whom it is hidden", tally.viewers);
    size::tried("hidden rows changed, added and taken away", tally.rows);
    size::tried("tables in which they are", tally.changed.len());
    size::tried("answers compared before and after", tally.comparisons);
    for (way, what) in [
        (Way::Get, "of them by GET"),
        (Way::Key, "of them by an API key"),
        (Way::Nobody, "of them of nobody who is signed in"),
    ] {
        size::tried(what, tally.ways.get(&way).copied().unwrap_or_default());
    }
    size::tried("of them pages after a cursor", tally.pages);
    size::tried("connections with every stream open that said nothing", tally.silent);
    size::tried("hidden findings and accesses changed under open streams", tally.under_streams);
    size::tried("live events compared before and after", tally.events);
    size::tried("hidden fields in them", tally.hidden_in_events);
    size::tried("streams of server-sent events that told the same", tally.aside);
    let missing: Vec<usize> = Path::NAMES
        .iter()
        .map(|name| tally.refused.get(&(*name, true)).copied().unwrap_or_default())
        .collect();
    size::tried("refusals beside GraphQL compared before and after", tally.refused.values().sum());
    size::tried("of them about what is hidden", missing.iter().sum());
    let fields = fields();
    let mut unnamed: Vec<_> =
        fields.iter().map(String::as_str).filter(|field| !tally.answered.contains(*field)).collect();
    unnamed.sort_by_key(|field| WITHOUT_A_VALUE.iter().position(|known| known == field));
    let gated = gated();
    let granted: Vec<_> = gated.iter().filter(|field| !tally.denied.contains(*field)).collect();
    size::tried("fields that had a value before and after", fields.len() - unnamed.len());
    size::tried("of those that ask the gate, denied to somebody", gated.len() - granted.len());
    size::tried("changes shown to somebody else, who saw them", tally.seen.values().sum());
    // Else it would have been proven of nothing; a few worlds may be as poor as they are.
    if size::is_whole(
        tried,
        WORLDS,
        "noninterference: every table is changed, changes and denials are met, pages are followed",
    ) {
        assert_eq!(tally.seen.values().sum::<usize>(), tally.viewers, "each change has somebody who sees it");
        let unchanged: Vec<_> = tables(&World::default())
            .into_iter()
            .map(|(table, ..)| table)
            .filter(|table| !tally.changed.contains(table))
            .collect();
        assert_eq!(unchanged, [] as [&str; 0], "nothing hidden is ever changed in these");
        let tables: Vec<_> = tally.seen.keys().collect();
        assert!(tables.len() >= 10, "changes were seen of {tables:?} alone");
        // As many as viewers, on the whole: some see everything of what there is, and some meet a denial in each document.
        assert!(tally.hidden >= tally.viewers, "{} denials", tally.hidden);
        assert!(tally.pages > 0, "no page was followed");
        assert_eq!(tally.ways.len(), 4, "{:?}", tally.ways);
        assert!(tally.events >= tally.viewers, "{} events", tally.events);
        assert!(tally.hidden_in_events > 0, "nothing is hidden in any event");
        assert!(tally.aside >= tally.viewers, "{} streams of server-sent events", tally.aside);
        assert!(missing.iter().all(|count| *count > 0), "{:?}", tally.refused);
        assert_eq!(unnamed, WITHOUT_A_VALUE, "no answer of anybody had these");
        assert_eq!(granted, [] as [&String; 0], "nobody was denied these");
    }
}
