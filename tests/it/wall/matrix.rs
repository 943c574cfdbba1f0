//! Two walls, built twice, say the same: every relation of generated worlds, for every viewer, by policies and by gate.
//!
//! `PROVE_WORLDS` says how many worlds dice make (12 where it is not set), `PROVE_SEED` the first one's number; a failure
//! names the world's.

use std::collections::BTreeSet;

use posture_gateway::domain::ids::UserId;
use posture_gateway::store::scope::{Database, PoolSettings, Snapshot};
use posture_gateway::store::seed::World;
use posture_gateway::store::viewer::signed_in;
use sqlx::{ConnectOptions, Executor, PgConnection};
use uuid::Uuid;

use super::builder::now;
use super::expected::Gate;
use super::observed::{RELATIONS, begin, difference, observe, read};
use super::worlds::{exhaustive, generated, insert};
use crate::support::database::TestDatabase;
use crate::support::size;

/// A database that holds a world, and a connection to it as the gateway.
pub(crate) async fn hold(world: &World) -> (TestDatabase, PgConnection) {
    let database = TestDatabase::create().await;
    insert(world, &mut database.as_superuser().connect().await.unwrap()).await;
    let gateway = database.as_role("posture_gateway").connect().await.unwrap();
    (database, gateway)
}

/// Compares both walls for every user of a world and returns how many there were, and which relations were compared for each.
async fn compare(name: &str, world: &World) -> (usize, BTreeSet<&'static str>) {
    let (database, mut gateway) = hold(world).await;
    let store = Database::new(database.as_role("posture_gateway"), PoolSettings::default());
    let gate = Gate::of(world);
    let (mut viewers, mut relations) = (0, None);
    for (user, viewer) in &gate.viewers() {
        let snapshot = Snapshot::new(store.clone(), Some(*user), now());
        let found = signed_in(&mut snapshot.reader().await.unwrap(), *user).await.unwrap();
        snapshot.finish().await.unwrap();
        assert_eq!(found.map(|found| found.viewer), *viewer, "{name}: who {user} is");

        let shown = observe(&mut gateway, *user).await;
        let difference = difference(&gate.shows(viewer.as_ref()), &shown);
        assert_eq!(difference, None, "{name}: {viewer:?} ({user})");
        let compared: BTreeSet<_> = shown.into_keys().collect();
        assert_eq!(*relations.get_or_insert_with(|| compared.clone()), compared, "{name}: {user}");
        viewers += 1;
    }
    (viewers, relations.unwrap_or_default())
}

#[tokio::test]
async fn policies_and_gate_agree_on_every_combination_of_terms() {
    compare("the exhaustive world", &exhaustive()).await;
}

#[tokio::test]
async fn policies_and_gate_agree_in_generated_worlds() {
    let (mut worlds, mut viewers, mut relations) = (0, 0, BTreeSet::new());
    for seed in size::seeds(12) {
        let again = format!(
            "world {seed}; again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- wall::matrix\n"
        );
        let (users, compared) = compare(&again, &generated(seed)).await;
        viewers += users;
        relations.extend(compared);
        worlds += 1;
    }
    size::tried("worlds in which policies and gate agree", worlds);
    size::tried("viewers for whom policies and gate agree", viewers);
    size::tried("relations compared for each of them", relations.len());
}

/// Else an empty table could hide that its policy shows too much.
#[tokio::test]
async fn every_relation_has_rows_to_show() {
    let world = exhaustive();
    let (database, _) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let all = read(&mut owner, RELATIONS).await;
    // The one view answers for a viewer, and the owner is none.
    for (relation, key) in RELATIONS.iter().filter(|(relation, _)| !relation.starts_with("gate.")) {
        let rows = all[relation].len();
        match *key {
            "customer_id" => assert_eq!(rows, world.customers.len(), "{relation}"),
            "access_id" => assert_eq!(rows, world.accesses.len(), "{relation}"),
            _ => assert!(rows > 0, "{relation}"),
        }
    }
}

#[tokio::test]
async fn the_relations_compared_are_all_that_the_gateway_may_read() {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let readable: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text from pg_class \
         where relnamespace in ('public'::regnamespace, 'gate'::regnamespace) and relkind in ('r', 'p', 'v', 'm', 'f') \
           and has_any_column_privilege('posture_gateway', oid, 'select') order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(readable, RELATIONS.iter().map(|(relation, _)| *relation).collect::<Vec<_>>());
}

#[tokio::test]
async fn without_a_viewer_every_relation_is_empty() {
    let world = generated(1);
    let (_database, mut gateway) = hold(&world).await;
    let nothing = Gate::of(&world).shows(None);
    let instant = now().to_rfc3339();
    for viewer in ["", &Uuid::nil().to_string(), &world.customers[0].customer_id.to_string()] {
        begin(&mut gateway, viewer, &instant).await;
        assert_eq!(read(&mut gateway, RELATIONS).await, nothing, "viewer `{viewer}`");
        gateway.execute("rollback").await.unwrap();
    }
    // Not even the settings: a statement outside of any transaction of the scope.
    assert_eq!(read(&mut gateway, RELATIONS).await, nothing);
}

#[tokio::test]
async fn a_malformed_viewer_reads_nothing() {
    let (_database, mut gateway) = hold(&generated(1)).await;
    for (relation, _) in RELATIONS {
        begin(&mut gateway, "nobody", &now().to_rfc3339()).await;
        // Most statements fail; where a plan needs no answer to see that there are no rows, there are none.
        match gateway.execute(sqlx::AssertSqlSafe(format!("select from {relation}"))).await {
            Ok(done) => assert_eq!(done.rows_affected(), 0, "{relation}"),
            Err(error) => assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("22P02")),
        }
        gateway.execute("rollback").await.unwrap();
    }
}

/// Without the request's instant every end counts as passed: trials are over, consents for a time have fallen.
#[tokio::test]
async fn without_an_instant_nothing_more_is_shown() {
    let world = exhaustive();
    let (_database, mut gateway) = hold(&world).await;
    for (user, viewer) in Gate::of(&world).viewers() {
        begin(&mut gateway, &user.to_string(), "").await;
        let shown = read(&mut gateway, RELATIONS).await;
        gateway.execute("rollback").await.unwrap();
        let due = Gate::of(&world).shows(viewer.as_ref());
        // The view lists accesses whatever holds of them.
        for (relation, keys) in shown.into_iter().filter(|(relation, _)| !relation.starts_with("gate.")) {
            assert!(keys.is_subset(&due[relation]), "{relation} for {viewer:?}");
        }
    }
}

#[tokio::test]
async fn a_viewer_ends_with_its_transaction() {
    let world = generated(2);
    let (_database, mut gateway) = hold(&world).await;
    let gate = Gate::of(&world);
    let (user, _): (UserId, _) = gate.viewers().into_iter().find(|(_, viewer)| viewer.is_some()).unwrap();
    assert_ne!(observe(&mut gateway, user).await, gate.shows(None));
    assert_eq!(read(&mut gateway, RELATIONS).await, gate.shows(None));
}
