//! What is no GraphQL request, and what is too much of one: refused at the door, and the gateway answers on.

use reqwest::Method;
use serde_json::json;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};

#[tokio::test]
async fn what_is_no_graphql_is_refused_at_the_door() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let query = |text: &str| json!({ "query": text }).to_string();
    for (body, status, code) in [
        (String::new(), 400, "BAD_REQUEST"),
        ("{".to_owned(), 400, "BAD_REQUEST"),
        ("null".to_owned(), 400, "BAD_REQUEST"),
        ("\"{ viewer { name } }\"".to_owned(), 400, "BAD_REQUEST"),
        ("{}".to_owned(), 400, "BAD_REQUEST"),
        (r#"{"query":1}"#.to_owned(), 400, "BAD_REQUEST"),
        (r#"{"query":"{viewer{name}}","variables":[]}"#.to_owned(), 400, "BAD_REQUEST"),
        (r#"{"query":"{viewer{name}}","operationName":1}"#.to_owned(), 400, "BAD_REQUEST"),
        (r#"{"query":"{viewer{name}}"} trailing"#.to_owned(), 400, "BAD_REQUEST"),
        (format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)), 400, "BATCHES_NOT_SUPPORTED"),
        (
            format!(
                "{{\"query\":\"{{viewer{{name}}}}\",\"variables\":{{\"a\":{}{}}}}}",
                "[".repeat(5_000),
                "]".repeat(5_000)
            ),
            400,
            "BAD_REQUEST",
        ),
        (format!("[{}]", query("{ viewer { name } }")), 400, "BATCHES_NOT_SUPPORTED"),
        (format!("  [{0},{0}]", query("{ viewer { name } }")), 400, "BATCHES_NOT_SUPPORTED"),
        (query(&format!("{{ viewer {{ name }} }} #{}", "x".repeat(300 * 1024))), 413, "BODY_TOO_LARGE"),
        (query(&format!("{{ viewer {{ name }} }} #{}", "x".repeat(40 * 1024))), 200, "QUERY_TOO_LARGE"),
        (query(""), 200, "GRAPHQL_PARSE_FAILED"),
        (query("{"), 200, "GRAPHQL_PARSE_FAILED"),
        (query("\u{0}"), 200, "GRAPHQL_PARSE_FAILED"),
        (query("{ viewer { name }"), 200, "GRAPHQL_PARSE_FAILED"),
        (query("query { a: viewer { name } } query { b: viewer { name } }"), 200, "GRAPHQL_PARSE_FAILED"),
        (query(&format!("{}{}", "{a".repeat(300), "}".repeat(300))), 200, "QUERY_TOO_NESTED"),
        (
            query(&format!("{{ nodes(ids: {}{}) {{ id }} }}", "[".repeat(2_000), "]".repeat(2_000))),
            200,
            "QUERY_TOO_NESTED",
        ),
        (
            query(&format!(
                "{{ {} }}",
                (0..60).map(|n| format!("a{n}: viewer {{ name }}")).collect::<Vec<_>>().join(" ")
            )),
            200,
            "TOO_MANY_ALIASES",
        ),
        (query(&format!("{{ {} }}", "viewer { name } ".repeat(30))), 200, "TOO_MANY_FIELDS"),
        (
            query(&format!("{{ viewer {{ {} }} }}", "name @include(if: true) ".repeat(60))),
            200,
            "TOO_MANY_DIRECTIVES",
        ),
        (
            query(
                "{ partner { children(first: 100) { nodes { children(first: 100) { nodes { children(first: 100) { nodes { name } } } } } } } }",
            ),
            200,
            "QUERY_TOO_COMPLEX",
        ),
        (
            query(
                &format!("{{ partner {}name{} }}", "{ parent ".repeat(25), " }".repeat(25))
                    .replace("parent name", "parent { name }")
                    .replace("}{", "} {"),
            ),
            200,
            "QUERY_TOO_DEEP",
        ),
        (
            json!({ "query": "query a { viewer { name } } query b { viewer { name } }" }).to_string(),
            200,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "query a { viewer { name } }", "operationName": "b" }).to_string(),
            200,
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        let reply = admin.post(body.clone()).await;
        let what = body.chars().take(120).collect::<String>();
        assert_eq!(
            (reply.status, reply.codes().first().copied()),
            (status, Some(code)),
            "{what} {}",
            reply.text
        );
        admin.goes_on_after(&reply, &what).await;
    }
    let invalid = admin.post(&b"{\"query\":\"\xff\xfe\"}"[..]).await;
    assert_eq!((invalid.status, invalid.codes()), (400, vec!["BAD_REQUEST"]));
}

#[tokio::test]
async fn other_media_and_methods_are_refused() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for media in [
        "text/plain",
        "application/graphql",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "*/*",
    ] {
        let request =
            admin.request(Method::POST).header("content-type", media).body(r#"{"query":"{viewer{name}}"}"#);
        let reply = admin.send(request).await;
        assert_eq!((reply.status, reply.codes()), (415, vec!["UNSUPPORTED_MEDIA_TYPE"]), "{media}");
    }
    let reply = admin.send(admin.request(Method::POST).body(r#"{"query":"{viewer{name}}"}"#)).await;
    assert_eq!(reply.status, 415);
    let reply = admin.header("accept", "text/html").ask("{ viewer { name } }").await;
    assert_eq!((reply.status, reply.codes()), (406, vec!["NOT_ACCEPTABLE"]));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(admin.send(admin.request(method)).await.status, 405);
    }
    for (query_string, status) in [
        ("", 400),
        ("query=", 200),
        ("query=%7Bviewer%7Bname%7D%7D&variables=%5B", 400),
        ("query=%7Bviewer%7Bname%7D%7D&query=%7Bviewer%7Bid%7D%7D", 400),
        ("query=%FF%FE", 200),
        ("query=mutation%7Ba%7D", 405),
    ] {
        let reply = admin.get(query_string).await;
        assert_eq!(reply.status, status, "{query_string} {}", reply.text);
        admin.goes_on_after(&reply, query_string).await;
    }
    assert_eq!(
        admin.get("query=%7Bviewer%7Bname%7D%7D").await.text,
        r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#
    );
}
