//! GraphQL over HTTP, where the audits of `graphql-http` do not look: media types and status codes of every kind of answer, GET, what other
//! sites' pages may send and read. `clients/` runs the audits themselves.

use posture_gateway::graphql::documents::Documents;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{App, Reply};
use crate::support::cast::{Cast, Persona};

const GRAPHQL: &str = "application/graphql-response+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

fn kind(reply: &Reply) -> (u16, Option<&str>) {
    (reply.status, reply.header("content-type"))
}

#[tokio::test]
async fn the_status_tells_what_became_of_a_request_in_the_media_type_made_for_it() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let whole = "{ viewer { name } }";
    // Crown is customer-managed: its posture is hidden.
    let partial = "{ partner { accesses { nodes { customer { name posture { riskScore } } } } } }";
    let preferring = admin.header("accept", "application/graphql-response+json, application/json;q=0.9");
    let legacy = admin.header("accept", "application/json");
    for (document, status) in [(whole, 200), (partial, 294), ("{ viewer { nothing } }", 400), ("{", 400)] {
        let reply = preferring.ask(document).await;
        assert_eq!(kind(&reply), (status, Some(GRAPHQL)), "{document} {}", reply.text);
        assert_eq!(reply.body.get("data").is_some(), status != 400, "{document}");
        for client in [&legacy, &admin, &admin.header("accept", "*/*")] {
            let reply = client.ask(document).await;
            assert_eq!(kind(&reply), (200, Some(JSON)), "{document} {}", reply.text);
        }
    }
    let quiet = preferring.hidden_in_extensions().ask(partial).await;
    assert_eq!((kind(&quiet), quiet.body.get("errors")), ((200, Some(GRAPHQL)), None));
    // What no field can be executed for is null, and was executed all the same.
    let nobody = app.anonymous().header("accept", "application/graphql-response+json");
    let refused = nobody.ask("{ plans { name } }").await;
    assert_eq!((refused.status, &refused.body["data"]), (294, &json!({ "plans": null })), "{}", refused.text);
}

#[tokio::test]
async fn refusals_come_in_the_media_type_that_is_taken() {
    let app = App::start(Cast::new().world).await;
    for (accept, media) in [("application/graphql-response+json", GRAPHQL), ("application/json", JSON)] {
        let admin = app.sign_in(Persona::PartnerAdmin).header("accept", accept);
        let query = r#"{"query":"{viewer{name}}"}"#;
        let refusals = [
            (admin.post("{").await, 400),
            (admin.post("[]").await, 400),
            (admin.post("{}").await, 400),
            (admin.post(r#"{"query":"{viewer{name}}","extensions":[]}"#).await, 400),
            (admin.post(r#"{"query":"{viewer{name}}","extensions":"x"}"#).await, 400),
            (admin.header("hidden-fields", "nowhere").post(query).await, 400),
            (admin.send(admin.request(Method::POST).body(query)).await, 415),
            (admin.get("query=mutation%7Ba%7D").await, 405),
            (app.with_token("x.y.z").header("accept", accept).post(query).await, 401),
        ];
        for (reply, status) in &refusals {
            assert_eq!(kind(reply), (*status, Some(media)), "{}", reply.text);
            assert_eq!((reply.body.get("data"), reply.codes().len()), (None, 1), "{}", reply.text);
        }
    }
    let neither =
        app.anonymous().header("accept", "application/json;q=0, text/html").ask("{ viewer { name } }").await;
    assert_eq!((neither.status, neither.codes()), (406, vec!["NOT_ACCEPTABLE"]));
}

#[tokio::test]
async fn what_pages_send_unasked_is_not_executed() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mutation = r#"{"query":"mutation{recordVisit{previousVisitAt}}"}"#;
    for media in [
        "text/plain",
        "text/plain;charset=UTF-8",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/graphql",
        "application/json; charset=utf-16",
    ] {
        let request = admin.request(Method::POST).header("content-type", media).body(mutation);
        let reply = admin.send(request).await;
        assert_eq!((reply.status, reply.statements), (415, 0), "{media}");
    }
    for query in [
        "query=mutation%7BrecordVisit%7BpreviousVisitAt%7D%7D",
        "query=query%20A%7Bviewer%7Bname%7D%7D%20mutation%20B%7BrecordVisit%7BpreviousVisitAt%7D%7D&operationName=B",
    ] {
        let reply = admin.get(query).await;
        assert_eq!(
            (reply.status, reply.header("allow"), reply.statements),
            (405, Some("POST"), 0),
            "{query}"
        );
    }
    assert_eq!(admin.data("{ viewer { lastVisitAt } }").await, json!({ "viewer": { "lastVisitAt": null } }));
}

#[tokio::test]
async fn empty_parameters_of_a_query_string_are_none() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let named = "query=query%20A%7Bviewer%7Bname%7D%7D";
    for more in [
        "",
        "&operationName=",
        "&operationName=A",
        "&variables=",
        "&extensions=",
        "&variables=null",
        "&documentId=",
    ] {
        let reply = admin.get(&format!("{named}{more}")).await;
        assert_eq!(reply.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#, "{more}");
    }
    for more in ["&operationName=null", "&variables=1", "&extensions=%5B%5D", "&extensions=x"] {
        assert_ne!(
            admin.get(&format!("{named}{more}")).await.body["data"]["viewer"]["name"],
            "PartnerAdmin",
            "{more}"
        );
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_say_so() {
    let app = App::start(Cast::new().world).await;
    let anyone = app.anonymous();
    let reply = anyone.send(anyone.get_from("/nowhere")).await;
    assert_eq!((reply.status, reply.codes()), (404, vec!["NOT_FOUND"]));
    let reply = anyone.send(anyone.request(Method::PUT)).await;
    assert_eq!((reply.status, reply.codes()), (405, vec!["METHOD_NOT_ALLOWED"]));
    assert_eq!(reply.header("allow"), Some("GET,HEAD,POST"));
}

/// The headers of an answer that are about other origins.
fn cors(reply: &Reply) -> Value {
    let about = |name: &&(String, String)| name.0.starts_with("access-control-");
    reply.headers.iter().filter(about).map(|(name, value)| (name.clone(), json!(value))).collect()
}

#[tokio::test]
async fn pages_of_other_sites_read_nothing_unless_the_configuration_names_them() {
    let closed = App::start(Cast::new().world).await;
    let open = App::start_serving(
        Cast::new().world,
        Documents::default(),
        vec!["https://app.example.com".parse().unwrap(), "http://127.0.0.1:5173".parse().unwrap()],
    )
    .await;
    let from = |app: &App, origin: &str| app.sign_in(Persona::PartnerAdmin).header("origin", origin);
    let preflight = async |app: &App, origin: &str| {
        let page = from(app, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,hidden-fields");
        page.send(page.request(Method::OPTIONS)).await
    };

    for origin in ["https://app.example.com", "https://evil.example", "null"] {
        assert_eq!(cors(&from(&closed, origin).ask("{ viewer { name } }").await), json!({}), "{origin}");
        assert_eq!(cors(&preflight(&closed, origin).await), json!({}), "{origin}");
    }
    for origin in ["https://app.example.com", "http://127.0.0.1:5173"] {
        let allowed = preflight(&open, origin).await;
        assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, Some(origin)));
        assert_eq!(allowed.header("access-control-allow-methods"), Some("GET,POST"));
        assert_eq!(allowed.header("access-control-allow-credentials"), None);
        let headers = allowed.header("access-control-allow-headers").unwrap_or_default();
        assert!(
            ["authorization", "hidden-fields", "idempotency-key"].iter().all(|name| headers.contains(name))
        );
        let answer = from(&open, origin).ask("{ viewer { name } }").await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    for origin in
        ["https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com"]
    {
        let refused = preflight(&open, origin).await;
        assert_eq!(refused.header("access-control-allow-origin"), None, "{origin}");
        let answer = from(&open, origin).ask("{ viewer { name } }").await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
    }
}
