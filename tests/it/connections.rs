//! Connections that die, databases that are not what they should be: what a request notices of it, and what health does.

use posture_gateway::domain::api_key::KeyDigest;
use posture_gateway::domain::ids::UserId;
use posture_gateway::store::scope::PoolSettings;
use posture_gateway::store::{Database, Snapshot};
use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::NOW;

/// The pool's connections are dropped by the server while they wait; the next request finds out, and its client does not.
#[tokio::test]
async fn a_request_survives_the_connections_that_died_before_it() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let name = json!({ "viewer": { "name": "PartnerAdmin" } });
    for _ in 0..3 {
        // As many at once as the pool holds.
        let (one, other) = tokio::join!(admin.data("{ viewer { name } }"), admin.data("{ viewer { name } }"));
        assert_eq!((&one, &other), (&name, &name));
        app.as_owner(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity
             where datname = current_database() and usename = 'posture_gateway'",
        )
        .await;
    }
    assert_eq!(admin.data("{ viewer { name } }").await, name);
}

/// What a key signs in by is in no transaction and opens none.
#[tokio::test]
async fn a_key_signs_in_over_connections_that_died_before_it() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let made = "mutation { createPartnerApiKey(input: { label: \"Reports\", role: OPERATOR }) { secret } }";
    let made = admin.data(made).await;
    let key = app.with_token(made["createPartnerApiKey"]["secret"].as_str().unwrap());
    let name = json!({ "viewer": { "partnerRole": "OPERATOR" } });
    for _ in 0..3 {
        let ask = || key.data("{ viewer { partnerRole } }");
        let (one, other) = tokio::join!(ask(), ask());
        assert_eq!((&one, &other), (&name, &name));
        app.as_owner(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity
             where datname = current_database() and usename = 'posture_gateway'",
        )
        .await;
    }
    assert_eq!(key.data("{ viewer { partnerRole } }").await, name);
}

/// What the database refuses it would refuse again.
#[tokio::test]
async fn what_is_refused_is_sent_once() {
    let app = App::start(Cast::new().world).await;
    // A role that may not become the one of uploads.
    app.as_owner(
        "do $$ begin create role connections_test login; exception when duplicate_object then null; end $$",
    )
    .await;
    let database = Database::new(app.test_database.as_role("connections_test"), PoolSettings::default());
    // A second connection in the pool, which a retry would be sent over.
    let other = Snapshot::new(database.clone(), None, NOW);
    let held = other.reader().await.unwrap();
    let before = database.statements();
    assert!(database.begin_ingest(UserId(Uuid::nil()), NOW).await.is_err());
    assert_eq!(database.statements() - before, 1);
    // Nor may it ask whose a key is.
    assert!(database.user_of_key(&KeyDigest([0; 32])).await.is_err());
    assert_eq!(database.statements() - before, 2);
    drop(held);
}

/// What is refused is taken back, and its connection serves the next request.
#[tokio::test]
async fn a_refusal_costs_no_connection() {
    let app = App::start(Cast::new().world).await;
    let client = app.sign_in(Persona::FullPortalAdmin);
    let mut owner = app.owner().await;
    let mut connections = async || {
        client.data("{ viewer { name } }").await;
        let of_the_gateway = "select pid from pg_stat_activity
            where datname = current_database() and usename = 'posture_gateway' order by pid";
        sqlx::query_scalar::<_, i32>(of_the_gateway).fetch_all(&mut owner).await.unwrap()
    };
    let before = connections().await;
    assert!(!before.is_empty());
    let refused =
        r#"mutation { setPartnerConsent(input: { accessId: "x", consent: NONE }) { userErrors { code } } }"#;
    for _ in 0..5 {
        let payload = &client.data(refused).await["setPartnerConsent"];
        assert_eq!(payload["userErrors"], json!([{ "code": "NOT_FOUND" }]));
    }
    // One that is on its way back may leave room for another beside it.
    let after = connections().await;
    assert!(before.iter().all(|connection| after.contains(connection)), "{before:?} {after:?}");
}

#[tokio::test]
async fn a_database_without_its_tables_is_not_ready() {
    let app = App::start(Cast::new().world).await;
    app.database.ping().await.unwrap();
    app.as_owner("alter table accesses rename to gone").await;
    assert!(app.database.ping().await.is_err());
}

/// Whether the database answers, and its schema is there.
#[tokio::test]
async fn health_says_whether_the_database_answers() {
    let app = App::start(Cast::new().world).await;
    let nobody = app.anonymous();
    let asks = async |path: &str| {
        let reply = nobody.send(nobody.get_from(path)).await;
        (reply.status, reply.text)
    };
    let is_well = (200, "ok\n".to_owned());
    assert_eq!((asks("/livez").await, asks("/readyz").await), (is_well.clone(), is_well.clone()));
    app.as_owner("alter table accesses rename to nowhere").await;
    let is_not_ready = (503, "the database does not answer\n".to_owned());
    assert_eq!((asks("/livez").await, asks("/readyz").await), (is_well.clone(), is_not_ready));
    app.as_owner("alter table nowhere rename to accesses").await;
    assert_eq!(asks("/readyz").await, is_well);
}
