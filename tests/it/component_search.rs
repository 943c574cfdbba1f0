//! Which customers of a partner use a component: of those whose posture the gate shows, and of no other.

use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};
use crate::support::world::Terms;

/// How many matches there are, and who is among the first twenty, in their order.
async fn found(client: &Client, of: GlobalId, text: &str) -> (i64, Vec<String>) {
    let document =
        "query ($of: ID!, $text: String!) { partner(id: $of) { componentSearch(text: $text) { totalCount
                    nodes { component { name } customer { name } } } } }";
    let reply = client.query(document, json!({ "of": of.to_string(), "text": text })).await;
    assert_eq!(reply.codes(), [] as [&str; 0], "{}", reply.text);
    let found = &reply.body["data"]["partner"]["componentSearch"];
    let name = |node: &Value| node["customer"]["name"].as_str().unwrap().to_owned();
    (found["totalCount"].as_i64().unwrap(), found["nodes"].as_array().unwrap().iter().map(name).collect())
}

#[tokio::test]
async fn everyone_searches_what_the_gate_shows_them() {
    let cast = Cast::new();
    let (birch, cedar) = (GlobalId::Partner(cast.birch), GlobalId::Partner(cast.cedar));
    let mut by_id = [("Bolt", cast.bolt.customer), ("Crown", cast.crown.customer)];
    by_id.sort_by_key(|(_, id)| *id);
    let both = by_id.map(|(name, _)| name.to_owned()).to_vec();
    let app = App::start(cast.world).await;
    for (persona, of, expected) in [
        // Acme is customer-managed.
        (Persona::PartnerAdmin, birch, both.clone()),
        (Persona::Operator, birch, vec!["Bolt".to_owned()]),
        (Persona::UnassignedOperator, birch, vec![]),
        // Bolt is customer-managed for Cedar.
        (Persona::RivalAdmin, cedar, vec!["Dune".to_owned()]),
        // Nobody sees customers as another partner: not above it, not from below, not the platform.
        (Persona::DistributorAdmin, birch, vec![]),
        (Persona::PlatformAdmin, birch, vec![]),
        (Persona::FullPortalAdmin, birch, vec![]),
        (Persona::ReadOnlyPortalAdmin, birch, vec![]),
    ] {
        let (total, names) = found(&app.sign_in(persona), of, "LEFT").await;
        assert_eq!((total, &names), (i64::try_from(expected.len()).unwrap(), &expected), "{persona:?}");
    }
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (text, expected) in
        [("npm/left", 2), ("1.3.0", 2), ("%%%", 0), ("left_pad", 0), ("\\\\\\", 0), ("Acme", 0)]
    {
        assert_eq!(found(&admin, birch, text).await.0, expected, "{text}");
    }
}

#[tokio::test]
async fn what_is_hidden_leaves_no_trace() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let pages = async || {
        let mut answers = Vec::new();
        for page in ["first: 1", "last: 1", "first: 20"] {
            let reply = admin
                .ask(&format!(
                    "{{ partner {{ componentSearch(text: \"left\", {page}) {{ totalCount pageInfo {{ hasNextPage hasPreviousPage endCursor }}
                     edges {{ cursor node {{ component {{ id }} customer {{ name }} }} }} }} }} }}"
                ))
                .await;
            answers.push((reply.text, reply.statements));
        }
        answers
    };
    let before = pages().await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let more = format!(
        "insert into components (customer_id, id, identity, name) \
         select '{acme}', gen_random_uuid(), decode(md5(n::text), 'hex'), 'left-' || n from generate_series(1, 50) n"
    );
    owner.execute(sqlx::AssertSqlSafe(more)).await.unwrap();
    assert_eq!(pages().await, before);
    owner.execute("delete from components where name <> 'left-pad'").await.unwrap();
    assert_eq!(pages().await, before);

    // A cursor opens nothing: the page after one that points into a hidden customer is a page of those that are shown.
    let first: Value = serde_json::from_str(&before[0].0).unwrap();
    let cursor = first["data"]["partner"]["componentSearch"]["pageInfo"]["endCursor"].as_str().unwrap();
    let next = admin
        .data(&format!("{{ partner {{ componentSearch(text: \"left\", after: \"{cursor}\") {{ nodes {{ customer {{ name }} }} }} }} }}"))
        .await;
    assert_eq!(next["partner"]["componentSearch"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_search_takes_three_characters() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for text in ["", "le", "éé"] {
        let reply = admin
            .query(
                "query ($text: String!) { partner { name componentSearch(text: $text) { totalCount } } }",
                json!({ "text": text }),
            )
            .await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{text}");
        assert!(reply.text.contains("takes at least 3"), "{}", reply.text);
    }
    let reply = admin.ask("{ partner { componentSearch(text: \"a\\u0000bc\") { totalCount } } }").await;
    assert_eq!(reply.codes(), ["BAD_USER_INPUT"]);
}

/// Nobody searches as another partner, not even where both see the same customer.
#[tokio::test]
async fn a_distributor_that_sees_the_customer_itself_finds_nothing_as_its_reseller() {
    let mut cast = Cast::new();
    cast.world.access(cast.alder, cast.bolt.customer, Terms::co_managed());
    let (alder, birch) = (GlobalId::Partner(cast.alder), GlobalId::Partner(cast.birch));
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::DistributorAdmin);
    assert_eq!(found(&admin, alder, "LEFT").await, (1, vec!["Bolt".to_owned()]));
    assert_eq!(found(&admin, birch, "LEFT").await, (0, vec![]));
}
