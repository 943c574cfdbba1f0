//! Trusted documents: who may run which, by id, by hash and by text; and automatic persisted queries, a cache beside them.

use std::collections::BTreeMap;
use std::path::Path;

use posture_gateway::domain::ids::UserId;
use posture_gateway::graphql::documents::{AdHoc, Documents, manifest};
use posture_gateway::graphql::limits::Limits;
use posture_gateway::graphql::{Executor, schema};
use posture_gateway::policy::Caller;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::live::model;
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Events, Socket, quiet};

const HOME: &str = "query Home { viewer { name } }";
const VISIT: &str = "mutation Visit { recordVisit { userErrors { code } } }";
const CHANGES: &str = "subscription Changes { accessChanged { operatingModel } }";
/// Of no name, which is a document as good as others.
const ANONYMOUS: &str = "{ viewer { __typename } }";
const OTHER: &str = "query Other { viewer { kind } }";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
}

fn documents(ad_hoc: AdHoc) -> Documents {
    let of = |documents: &[(&str, &str)]| {
        documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    };
    let manifests = BTreeMap::from([
        (
            "partner-app".to_owned(),
            of(&[("home", HOME), ("visit", VISIT), ("anonymous", ANONYMOUS), ("changes", CHANGES)]),
        ),
        ("customer-portal".to_owned(), of(&[("portal", "query Portal { customer { name } }")])),
    ]);
    Documents::trusting(manifests, ad_hoc).unwrap()
}

/// A gateway that takes documents of their own from platform admins alone.
async fn strict() -> App {
    let ad_hoc = AdHoc::Only(vec![Caller::PlatformAdmin]);
    App::start_serving(Cast::new().world, documents(ad_hoc), Vec::new()).await
}

async fn post(client: &Client, body: Value) -> Reply {
    client.post(body.to_string()).await
}

fn persisted(text: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(text) } })
}

#[tokio::test]
async fn a_trusted_document_runs_by_its_id_its_hash_and_its_text() {
    let app = strict().await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for body in [
        json!({ "documentId": "home" }),
        json!({ "documentId": format!("sha256:{}", hash(HOME)) }),
        json!({ "extensions": persisted(HOME) }),
        json!({ "query": HOME, "extensions": persisted(HOME) }),
        json!({ "query": HOME }),
        json!({ "documentId": "home", "operationName": "Home", "variables": {} }),
    ] {
        let reply = post(&admin, body.clone()).await;
        assert_eq!(reply.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#, "{body}");
    }
    let got = admin.get("documentId=home").await;
    assert_eq!(got.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
    assert_eq!(admin.get("documentId=visit").await.status, 405);
    assert_eq!(
        post(&admin, json!({ "documentId": "anonymous" })).await.text,
        r#"{"data":{"viewer":{"__typename":"Viewer"}}}"#
    );
    let visited = post(&admin, json!({ "documentId": "visit" })).await;
    assert_eq!(visited.text, r#"{"data":{"recordVisit":{"userErrors":[]}}}"#);
}

#[tokio::test]
async fn whoever_may_not_explore_runs_nothing_else() {
    let app = strict().await;
    for persona in Persona::ALL {
        let client = app.sign_in(persona);
        let reply = post(&client, json!({ "query": OTHER })).await;
        if persona == Persona::PlatformAdmin {
            assert_eq!(reply.text, r#"{"data":{"viewer":{"kind":"PLATFORM_ADMIN"}}}"#);
        } else {
            assert_eq!(reply.codes(), ["TRUSTED_DOCUMENT_REQUIRED"], "{persona:?} {}", reply.text);
            assert_eq!(reply.body.get("data"), None);
            // Whose it is, and not what it says (GraphQL over HTTP, section 6.4.2).
            let strict = client.header("accept", "application/graphql-response+json");
            assert_eq!(post(&strict, json!({ "query": OTHER })).await.status, 403);
        }
    }
    let anyone = app.anonymous();
    let refused = post(&anyone, json!({ "query": OTHER })).await;
    assert_eq!(refused.codes(), ["TRUSTED_DOCUMENT_REQUIRED"]);
    // Nothing is said of the schema, not even by what is wrong.
    for variables in [json!({}), json!({ "grant": {} }), json!({ "grant": { "nothing": 1 } })] {
        for text in [GRANTS, "query Grant($grant: SetPartnerConsentInput) { nothing }"] {
            let reply = post(&anyone, json!({ "query": text, "variables": variables })).await;
            assert_eq!(reply.text, refused.text);
        }
    }
    assert_eq!(post(&anyone, json!({ "documentId": "home" })).await.text, r#"{"data":{"viewer":null}}"#);
    // A mutation that may not be sent is not done.
    let admin = app.sign_in(Persona::PartnerAdmin);
    let refused = post(&admin, json!({ "query": format!("{VISIT} # my own") })).await;
    assert_eq!(refused.codes(), ["TRUSTED_DOCUMENT_REQUIRED"]);
    let visits: i64 =
        sqlx::query_scalar("select count(*) from visits").fetch_one(&mut app.owner().await).await.unwrap();
    assert_eq!(visits, 0);
}

#[tokio::test]
async fn a_client_that_says_its_name_runs_its_own_documents_alone() {
    let app = App::start_serving(Cast::new().world, documents(AdHoc::Everybody), Vec::new()).await;
    for header in ["graphql-client-name", "apollographql-client-name"] {
        let app_of_partners = app.sign_in(Persona::PartnerAdmin).header(header, "partner-app");
        assert_eq!(post(&app_of_partners, json!({ "documentId": "home" })).await.status, 200);
        assert_eq!(
            post(&app_of_partners, json!({ "query": HOME })).await.body["data"]["viewer"]["name"],
            "PartnerAdmin"
        );
        for (body, code) in [
            (json!({ "query": OTHER }), "TRUSTED_DOCUMENT_REQUIRED"),
            (json!({ "query": OTHER, "extensions": persisted(OTHER) }), "TRUSTED_DOCUMENT_REQUIRED"),
            (json!({ "documentId": "portal" }), "PERSISTED_QUERY_NOT_FOUND"),
            (json!({ "extensions": persisted(OTHER) }), "PERSISTED_QUERY_NOT_FOUND"),
        ] {
            assert_eq!(post(&app_of_partners, body.clone()).await.codes(), [code], "{body}");
        }
    }
    let another = app.sign_in(Persona::PartnerAdmin).header("graphql-client-name", "curl");
    assert_eq!(
        post(&another, json!({ "query": OTHER })).await.body["data"]["viewer"]["kind"],
        "PARTNER_USER"
    );
}

#[tokio::test]
async fn what_a_user_sent_once_that_user_asks_for_by_its_hash() {
    let app = App::start(Cast::new().world).await;
    let (admin, rival) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::RivalAdmin));
    let by_hash = json!({ "extensions": persisted(OTHER) });
    let unknown = post(&admin, by_hash.clone()).await;
    assert_eq!(
        unknown.text,
        r#"{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND"}}]}"#
    );
    assert_eq!(post(&admin, json!({ "query": OTHER, "extensions": persisted(OTHER) })).await.status, 200);
    let known = post(&admin, by_hash.clone()).await;
    assert_eq!(known.text, r#"{"data":{"viewer":{"kind":"PARTNER_USER"}}}"#);
    let id = json!({ "documentId": format!("sha256:{}", hash(OTHER)) });
    assert_eq!(post(&admin, id).await.text, known.text);
    // Nobody learns what others send.
    assert_eq!(post(&rival, by_hash.clone()).await.text, unknown.text);
    assert_eq!(post(&app.anonymous(), by_hash).await.text, unknown.text);
    // What is refused is not kept.
    for broken in ["{", "query Deep { a }"] {
        let sent = post(&admin, json!({ "query": broken, "extensions": persisted(broken) })).await;
        assert_ne!(sent.codes(), Vec::<&str>::new());
    }
    assert_eq!(
        post(&admin, json!({ "extensions": persisted("{") })).await.codes(),
        ["PERSISTED_QUERY_NOT_FOUND"]
    );
}

/// Who may explore sends a long document once, too, where others may not send any.
#[tokio::test]
async fn what_an_explorer_sent_is_kept_and_what_others_sent_is_not() {
    let app = strict().await;
    let (explorer, admin) = (app.sign_in(Persona::PlatformAdmin), app.sign_in(Persona::PartnerAdmin));
    let (whole, by_hash) = (
        json!({ "query": OTHER, "extensions": persisted(OTHER) }),
        json!({ "extensions": persisted(OTHER) }),
    );
    assert_eq!(post(&admin, whole.clone()).await.codes(), ["TRUSTED_DOCUMENT_REQUIRED"]);
    assert_eq!(post(&admin, by_hash.clone()).await.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
    assert_eq!(post(&explorer, by_hash.clone()).await.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
    let sent = post(&explorer, whole).await;
    assert_eq!(sent.text, r#"{"data":{"viewer":{"kind":"PLATFORM_ADMIN"}}}"#);
    assert_eq!(post(&explorer, by_hash.clone()).await.text, sent.text);
    assert_eq!(post(&admin, by_hash).await.codes(), ["PERSISTED_QUERY_NOT_FOUND"]);
}

#[tokio::test]
async fn a_trusted_stream_opens_by_its_id_over_both_transports() {
    let cast = Cast::new();
    let access = cast.bolt.access;
    let ad_hoc = AdHoc::Only(vec![Caller::PlatformAdmin]);
    let app = App::start_serving(cast.world, documents(ad_hoc), Vec::new()).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.begin("own", "subscription { accessChanged { id } }").await;
    assert!(socket.hears().await.contains("TRUSTED_DOCUMENT_REQUIRED"));
    socket.say(&json!({ "type": "subscribe", "id": "a", "payload": { "documentId": "changes" } })).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    let request = admin.request(Method::POST).header("accept", "text/event-stream");
    let body = json!({ "documentId": "changes" }).to_string();
    let mut events = Events::asked(request.header("content-type", "application/json").body(body)).await;
    app.as_owner(&model(access, "FULLY_MANAGED")).await;
    let told = json!({ "data": { "accessChanged": { "operatingModel": "FULLY_MANAGED" } } });
    assert_eq!((socket.event("a").await, events.event().await), (told.clone(), told));
}

/// Whether they may send documents of their own is asked again with each event.
#[tokio::test]
async fn who_may_not_explore_any_more_is_told_nothing_by_a_stream_of_their_own() {
    let cast = Cast::new();
    let (access, user) = (cast.acme.access, UserId::from(Persona::FullPortalAdmin));
    let ad_hoc = AdHoc::Only(vec![Caller::CustomerAdmin]);
    let app = App::start_serving(cast.world, documents(ad_hoc), Vec::new()).await;
    let mut socket = Socket::sign_in(&app, Persona::FullPortalAdmin).await;
    socket.subscribe("own", "subscription { accessChanged { operatingModel } }").await;
    socket
        .say(&json!({ "type": "subscribe", "id": "trusted", "payload": { "documentId": "changes" } }))
        .await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    let change = format!("update accesses set version = version + 1 where id = '{access}'");
    let role = |role: &str| format!("update customer_users set role = '{role}' where user_id = '{user}'");
    app.as_owner(&role("READ_ONLY")).await;
    for _ in 0..2 {
        app.as_owner(&change).await;
        assert!(socket.event("trusted").await["data"]["accessChanged"].is_object());
    }
    quiet(&app).await;
    assert_eq!(socket.hears_before_pong().await, [] as [&str; 0]);
    app.as_owner(&role("ADMIN")).await;
    app.as_owner(&change).await;
    let mut told = [socket.hears().await, socket.hears().await];
    told.sort();
    assert!(told[0].contains(r#""id":"own""#) && told[1].contains(r#""id":"trusted""#), "{told:?}");
}

#[tokio::test]
async fn a_document_is_named_once_and_rightly() {
    let app = strict().await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (body, status, code) in [
        (json!({ "documentId": "none" }), 200, "PERSISTED_QUERY_NOT_FOUND"),
        (json!({ "documentId": "" }), 200, "PERSISTED_QUERY_NOT_FOUND"),
        (json!({ "documentId": "home", "query": HOME }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "home", "extensions": persisted(HOME) }), 400, "BAD_REQUEST"),
        (json!({ "documentId": 1 }), 400, "BAD_REQUEST"),
        (json!({ "query": OTHER, "extensions": persisted(HOME) }), 200, "BAD_USER_INPUT"),
        (
            json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": hash(HOME) } } }),
            400,
            "BAD_REQUEST",
        ),
        (json!({ "extensions": { "persistedQuery": { "version": 1 } } }), 400, "BAD_REQUEST"),
        (json!({ "extensions": { "persistedQuery": "home" } }), 400, "BAD_REQUEST"),
        (json!({ "extensions": {} }), 400, "BAD_REQUEST"),
        (json!({ "documentId": "home", "operationName": "Another" }), 200, "GRAPHQL_VALIDATION_FAILED"),
    ] {
        let reply = post(&admin, body.clone()).await;
        assert_eq!((reply.status, reply.codes()), (status, vec![code]), "{body} {}", reply.text);
        assert_eq!(post(&admin, json!({ "documentId": "home" })).await.status, 200);
    }
}

const LIST: &str = "query List($first: Int!, $filter: AccessFilter) {
    partner { accesses(first: $first, filter: $filter) { totalCount } } }";
const GRANTS: &str = "mutation Grants($grant: SetPartnerConsentInput!) {
    recordVisit { userErrors { code } } setPartnerConsent(input: $grant) { userErrors { code } } }";
const GRANT: &str = "mutation Grant($id: ID!, $consent: PartnerPrivilege = SUPPORT) {
    recordVisit { userErrors { code } }
    setPartnerConsent(input: { accessId: $id, consent: $consent }) { userErrors { code } } }";
const MONTH: &str = r#"mutation Month($month: Date = "2026-10-01") {
    recordVisit { viewer { partner { billing(month: $month) { month } } } } }"#;
const NODE: &str =
    r#"query Node($id: ID = "x") { ...Thing } fragment Thing on Query { node(id: $id) { id } }"#;

/// A trusted document was found valid before. What it is given is not, and is answered as if it had come with its text.
#[tokio::test]
async fn what_a_trusted_document_is_given_is_held_against_its_types_with_each_request() {
    let texts = [("list", LIST), ("grants", GRANTS), ("grant", GRANT), ("month", MONTH), ("node", NODE)];
    let entries = texts.map(|(id, text)| (id.to_owned(), text.to_owned())).to_vec();
    let documents =
        Documents::trusting(BTreeMap::from([("app".to_owned(), entries)]), AdHoc::Everybody).unwrap();
    let app = App::start_serving(Cast::new().world, documents, Vec::new()).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let answers = async |id: &str, variables: &Value| {
        let text = texts.iter().find(|(name, _)| *name == id).unwrap().1;
        let trusted = post(&admin, json!({ "documentId": id, "variables": variables })).await;
        // Another text, and so none of the trusted ones.
        let sent = post(&admin, json!({ "query": format!("{text} #"), "variables": variables })).await;
        assert_eq!((trusted.status, &trusted.text), (sent.status, &sent.text), "{id} {variables}");
        trusted
    };
    for (id, variables, message) in [
        ("list", json!({}), "`$first`: a value of type `Int!` is required"),
        ("list", json!({ "first": null }), "`$first`: a value of type `Int!` is required"),
        ("list", json!({ "first": "5" }), "`$first`: "),
        ("list", json!({ "first": [5] }), "`$first`: "),
        ("list", json!({ "first": 3_000_000_000_u64 }), "`$first`: "),
        ("list", json!({ "first": 5, "filter": "x" }), "`$filter`: not an object, as `AccessFilter` is one"),
        (
            "list",
            json!({ "first": 5, "filter": { "nothing": 1 } }),
            "`$filter.nothing`: `AccessFilter` has no such field",
        ),
        (
            "list",
            json!({ "first": 5, "filter": { "status": ["ACTIVE", "GONE"] } }),
            "`$filter.status[1]`: not a value of the enumeration `AccessStatus`",
        ),
        (
            "list",
            json!({ "first": 5, "filter": { "status": [null] } }),
            "`$filter.status[0]`: a value of type `AccessStatus!` is required",
        ),
        ("list", json!({ "first": 5, "filter": { "status": 1 } }), "`$filter.status`: "),
        ("list", json!({ "first": 5, "filter": { "plan": ["a", 5] } }), "`$filter.plan[1]`: "),
        ("grants", json!({ "grant": {} }), "`$grant.accessId`: a value of type `ID!` is required"),
        (
            "grants",
            json!({ "grant": { "accessId": "x" } }),
            "`$grant.consent`: a value of type `PartnerPrivilege!` is required",
        ),
        ("grants", json!({ "grant": { "accessId": true, "consent": "NONE" } }), "`$grant.accessId`: "),
        (
            "grants",
            json!({ "grant": { "accessId": "x", "consent": "NONE", "until": "soon" } }),
            "`$grant.until`: ",
        ),
        // A variable may be null where it has a default, and its place may not.
        (
            "grant",
            json!({ "id": "x", "consent": null }),
            "`input.consent`: a value of type `PartnerPrivilege!` is required",
        ),
        ("month", json!({ "month": null }), "`month`: a value of type `Date!` is required"),
        ("month", json!({ "month": "soon" }), "`$month`: Failed to parse \"Date\": a date is written as "),
        ("node", json!({ "id": null }), "`id`: a value of type `ID!` is required"),
    ] {
        // As often as it is asked.
        for _ in 0..2 {
            let reply = answers(id, &variables).await;
            assert_eq!((reply.status, reply.codes()), (200, vec!["BAD_USER_INPUT"]), "{}", reply.text);
            assert_eq!(reply.body.get("data"), None, "{}", reply.text);
            let told = reply.body["errors"][0]["message"].as_str().unwrap();
            assert!(told.starts_with(message), "{variables} {told}");
        }
    }
    let visits: i64 =
        sqlx::query_scalar("select count(*) from visits").fetch_one(&mut app.owner().await).await.unwrap();
    assert_eq!(visits, 0);
    // One value is a list of one, and what may be left out may be null.
    for filter in
        [json!(null), json!({}), json!({ "status": "ACTIVE", "plan": null }), json!({ "status": ["ACTIVE"] })]
    {
        let reply = answers("list", &json!({ "first": 5, "filter": filter, "unknown": 1 })).await;
        assert!(
            reply.body["data"]["partner"]["accesses"]["totalCount"].as_i64().unwrap() > 0,
            "{}",
            reply.text
        );
    }
    let reply = answers("grant", &json!({ "id": "x" })).await;
    assert!(answers("month", &json!({})).await.body["data"]["recordVisit"]["viewer"]["partner"].is_object());
    // That is what it is given; whether it may be done is another matter.
    assert_eq!(reply.codes(), ["FORBIDDEN"], "{}", reply.text);
}

/// What was refused by validation is refused again, however it is asked for.
#[tokio::test]
async fn a_document_that_is_not_valid_stays_so() {
    let app = App::start_serving(Cast::new().world, documents(AdHoc::Everybody), Vec::new()).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for text in [
        "query ($unused: Int) { viewer { name } }",
        "{ viewer { name nothing } }",
        "{ viewer { name } } fragment Unused on Viewer { name }",
        "mutation { recordVisit { userErrors { code nothing } } }",
    ] {
        let first = post(&admin, json!({ "query": text, "extensions": persisted(text) })).await;
        assert!(first.codes().iter().all(|code| *code == "GRAPHQL_VALIDATION_FAILED"), "{}", first.text);
        assert_eq!(first.body.get("data"), None, "{}", first.text);
        for body in [
            json!({ "extensions": persisted(text) }),
            json!({ "documentId": format!("sha256:{}", hash(text)) }),
            json!({ "query": text, "extensions": persisted(text) }),
        ] {
            assert_eq!(post(&admin, body.clone()).await.text, first.text, "{body}");
        }
    }
}

#[tokio::test]
async fn the_documents_of_the_repository_are_all_trusted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/trusted-documents");
    let manifests = manifest::load(&folder).unwrap();
    assert_eq!(manifests.keys().collect::<Vec<_>>(), ["customer-portal", "partner-app"]);
    let ids: Vec<(String, String)> = manifests
        .iter()
        .flat_map(|(client, documents)| documents.iter().map(move |(id, _)| (client.clone(), id.clone())))
        .collect();
    assert!(ids.len() > 100);
    let ad_hoc = AdHoc::Only(Vec::new());
    let documents = Documents::trusting(manifests, ad_hoc).unwrap();
    let app = App::start_serving(Cast::new().world, documents, Vec::new()).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (client, id) in ids {
        let reply = post(&admin.header("graphql-client-name", &client), json!({ "documentId": id })).await;
        // Most take variables; all are there, and valid.
        for code in reply.codes() {
            assert!(
                !["PERSISTED_QUERY_NOT_FOUND", "TRUSTED_DOCUMENT_REQUIRED"].contains(&code),
                "{id} {}",
                reply.text
            );
        }
    }
}

#[tokio::test]
async fn a_gateway_does_not_start_with_documents_that_cannot_be_run() {
    let app = App::start(Cast::new().world).await;
    for (text, complaint) in [
        ("query A {", "expected"),
        ("query A { nothing }", "Unknown field \"nothing\""),
        ("query A { access { id } }", "required"),
        ("query A { access(id: $id) { id } }", "is not defined"),
        ("query A { viewer { ...B } } fragment B on Viewer { ...B }", "spreads itself"),
        (
            "query A { partner { billing(month: \"soon\") { month } } }",
            "`month`: Failed to parse \"Date\": a date is written as ",
        ),
        // The validator passes over what stands beside a variable.
        (
            "query A { viewer { name } } query B($n: String) {
                partner { accesses(filter: { customerName: $n, nothing: 1 }) { totalCount } } }",
            "`filter.nothing`: `AccessFilter` has no such field",
        ),
        (
            "subscription A($n: String) {
                accessChanged { customer { findings(filter: { text: $n, nothing: 1 }) { totalCount } } } }",
            "`filter.nothing`: `FindingFilter` has no such field",
        ),
        (
            "query A($n: Boolean!) { viewer { name @skip(if: [$n]) } }",
            "`if`: not a value of the scalar `Boolean`",
        ),
    ] {
        let manifests = BTreeMap::from([("app".to_owned(), vec![("a".to_owned(), text.to_owned())])]);
        let executor = Executor::new(schema(), app.database.clone(), app.clock.clone(), Limits::default());
        let trusting = match Documents::trusting(manifests, AdHoc::Everybody) {
            Ok(documents) => executor.trusting(documents).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = trusting.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("the trusted document `a` of `app` cannot be run: "), "{text}: {error}");
        assert!(error.contains(complaint), "{text}: {error}");
    }
}
