//! Bad arguments: a precise error with a code, and the gateway answers on.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::{Value, json};

use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

/// The first error's message.
fn message(reply: &Reply) -> &str {
    reply.body["errors"][0]["message"].as_str().unwrap_or_default()
}

/// The gateway, Birch's admin, and Bolt's id, whose posture that admin sees.
async fn start() -> (App, Client, String) {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer).to_string();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    (app, admin, bolt)
}

#[tokio::test]
async fn arguments_of_a_page_are_checked() {
    let (_app, admin, bolt) = start().await;
    let lists = [
        "partner { children(ARGS) { pageInfo { hasNextPage } } }",
        "partner { accesses(ARGS) { pageInfo { hasNextPage } } }",
        "partner { auditLog(ARGS) { pageInfo { hasNextPage } } }",
        "partner { componentSearch(text: \"left\", ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { findings(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { assets(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { components(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { scans(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { scanSchedules(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { evidence(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { postureShares(ARGS) { pageInfo { hasNextPage } } }",
        "customer(id: \"BOLT\") { auditLog(ARGS) { pageInfo { hasNextPage } } }",
    ];
    let opaque = "is no cursor: cursors are opaque, take them from `cursor` or `pageInfo`";
    let cases = [
        ("first: 0", "`first` is 0, it takes 1 to 100".to_owned()),
        ("first: -1", "`first` is -1, it takes 1 to 100".to_owned()),
        ("last: 101", "`last` is 101, it takes 1 to 100".to_owned()),
        ("first: 1, last: 1", "`first` and `last` exclude each other: give one of them".to_owned()),
        ("after: \"x\"", format!("`after` {opaque}")),
        ("before: \"\\u0000\"", format!("`before` {opaque}")),
    ];
    for list in lists {
        for (arguments, expected) in &cases {
            let document =
                format!("{{ viewer {{ name }} {} }}", list.replace("ARGS", arguments).replace("BOLT", &bolt));
            let reply = admin.ask(&document).await;
            assert_eq!(
                (reply.status, reply.codes()),
                (200, vec!["BAD_USER_INPUT"]),
                "{document} {}",
                reply.text
            );
            assert_eq!(message(&reply), expected, "{document}");
            assert_eq!(reply.body["data"]["viewer"]["name"], "PartnerAdmin", "{document}");
        }
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_its_order_and_its_parent() {
    let (_app, admin, bolt) = start().await;
    let cursor = async |document: &str, pointer: &str| {
        let reply = admin.hidden_in_extensions().ask(&document.replace("BOLT", &bolt)).await;
        reply.body["data"].pointer(pointer).unwrap().as_str().unwrap().to_owned()
    };
    let of_findings = cursor(
        "{ customer(id: \"BOLT\") { findings { pageInfo { endCursor } } } }",
        "/customer/findings/pageInfo/endCursor",
    )
    .await;
    let of_accesses =
        cursor("{ partner { accesses { pageInfo { endCursor } } } }", "/partner/accesses/pageInfo/endCursor")
            .await;
    let crowns = cursor(
        "{ partner { accesses(filter: { customerName: \"Crown\" }) { nodes { customer { findings { pageInfo { endCursor } } } } } } }",
        "/partner/accesses/nodes/0/customer/findings/pageInfo/endCursor",
    )
    .await;
    let forged = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&of_accesses).unwrap()).unwrap();
    let with_position = |position: Value| forged(json!([parts[0], parts[1], parts[2], position]));
    let (list, order) =
        ("`after` is a cursor of another list", "`after` is a cursor of another order of this list");
    let malformed = "`after` is no cursor: cursors are opaque, take them from `cursor` or `pageInfo`";
    let findings = |cursor: &str, arguments: &str| {
        format!(
            "{{ customer(id: \"{bolt}\") {{ findings(after: \"{cursor}\"{arguments}) {{ nodes {{ id }} }} }} }}"
        )
    };
    let accesses = |cursor: &str, arguments: &str| {
        format!("{{ partner {{ accesses(after: \"{cursor}\"{arguments}) {{ nodes {{ id }} }} }} }}")
    };
    let by_plan = ", orderBy: { field: PLAN, direction: ASC }";
    for (document, expected) in [
        (findings(&of_accesses, ""), list),
        (findings(&crowns, ""), list),
        (findings(&of_findings, ", orderBy: { field: FIRST_SEEN_AT, direction: DESC }"), order),
        (accesses(&of_findings, ""), list),
        (accesses(&of_accesses, by_plan), order),
        (accesses(&of_accesses, ", orderBy: { field: CUSTOMER_NAME, direction: DESC }"), order),
        (accesses(&of_accesses[1..], ""), malformed),
        (accesses(&format!("{of_accesses}="), ""), malformed),
        (accesses(&with_position(json!([])), ""), malformed),
        (accesses(&with_position(json!(["only a name"])), ""), malformed),
        (accesses(&with_position(json!([1, 2])), ""), malformed),
        (accesses(&with_position(json!(["\u{0}", parts[3][1]])), ""), malformed),
        (accesses(&with_position(json!(["a", { "i": "no uuid" }])), ""), malformed),
        (accesses(&with_position(json!(["a", { "t": i64::MAX }])), ""), malformed),
        (accesses(&forged(json!({ "a": 1 })), ""), malformed),
        (accesses(&forged(json!([parts[0], parts[1], "no uuid", parts[3]])), ""), malformed),
    ] {
        let reply = admin.ask(&document).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{document} {}", reply.text);
        assert_eq!(message(&reply), expected, "{document}");
        admin.goes_on_after(&reply, &document).await;
    }
    // A forged place in the right order opens nothing: it is a place.
    let reply = admin.ask(&accesses(&with_position(json!(["Bolts", parts[3][1]])), "")).await;
    assert_eq!(reply.codes(), [] as [&str; 0]);
    assert_eq!(reply.body["data"]["partner"]["accesses"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn malformed_ids_and_null_bytes_are_told() {
    let (_app, admin, bolt) = start().await;
    let malformed = "malformed id: ids are opaque, take them from the `id` field of an object";
    for id in [
        "",
        " ",
        "x",
        "1",
        "not base64url!",
        "\\u0000",
        "%00",
        "é",
        "AAAA",
        &format!("{bolt}="),
        &format!("{bolt}AAAA"),
    ] {
        for (look_up, name) in [
            ("node(id: ID) { id }", "id"),
            ("nodes(ids: [ID]) { id }", "ids"),
            ("partner(id: ID) { id }", "id"),
            ("customer(id: ID) { id }", "id"),
            ("access(id: ID) { id }", "id"),
            ("previewOperatingModel(accessId: ID, operatingModel: CO_MANAGED) { gained }", "accessId"),
        ] {
            let document = format!(
                "{{ {} }}",
                look_up
                    .replace("ID)", &format!("\"{id}\")"))
                    .replace("ID]", &format!("\"{id}\"]"))
                    .replace("ID,", &format!("\"{id}\","))
            );
            let reply = admin.ask(&document).await;
            assert_eq!((reply.status, reply.codes()), (200, vec!["BAD_USER_INPUT"]), "{document}");
            assert_eq!(message(&reply), format!("`{name}`: {malformed}"), "{document}");
        }
    }
    for (filter, name) in [
        ("partner { accesses(filter: { customerName: \"\\u0000\" }) { totalCount } }", "customerName"),
        ("customer(id: \"BOLT\") { findings(filter: { text: \"a\\u0000b\" }) { totalCount } }", "text"),
        ("customer(id: \"BOLT\") { assets(filter: { text: \"a\\u0000b\" }) { totalCount } }", "text"),
        ("customer(id: \"BOLT\") { components(filter: { text: \"a\\u0000b\" }) { totalCount } }", "text"),
    ] {
        let reply = admin.ask(&format!("{{ {} }}", filter.replace("BOLT", &bolt))).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{filter}");
        assert_eq!(message(&reply), format!("`{name}` holds a NUL character"));
        admin.goes_on_after(&reply, filter).await;
    }
    // Where a text is compared as a whole, none of ours holds one: nothing matches.
    for filter in [
        "accesses(filter: { plan: [\"\\u0000\"] }) { nodes { id } }",
        "auditLog(filter: { action: [\"\\u0000\"] }) { nodes { id } }",
    ] {
        let data = admin.data(&format!("{{ partner {{ {filter} }} }}")).await;
        assert!(data.to_string().contains("\"nodes\":[]"), "{data}");
    }
    let ids = vec![bolt.clone(); 100];
    let reply = admin.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
    assert_eq!(reply.codes(), [""; 0], "{}", reply.text);
    let ids = vec![bolt; 101];
    let reply = admin.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
    assert_eq!(
        (reply.codes(), message(&reply)),
        (vec!["BAD_USER_INPUT"], "`ids` has 101 elements, it takes 100 at most")
    );
}

#[tokio::test]
async fn a_search_takes_wildcards_and_quotes_to_the_letter() {
    let (_app, admin, bolt) = start().await;
    for text in ["%", "_", "\\\\", "'", "' or 1=1 --", "$1", "\\\"", "🦀", &"x".repeat(10_000)] {
        let document = format!(
            "{{ partner {{ accesses(filter: {{ customerName: \"{text}\" }}) {{ totalCount }} }} customer(id: \"{bolt}\") {{
             findings(filter: {{ text: \"{text}\" }}) {{ totalCount }} assets(filter: {{ text: \"{text}\" }}) {{ totalCount }} }} }}"
        );
        let none = json!({ "totalCount": 0 });
        assert_eq!(
            admin.data(&document).await,
            json!({ "partner": { "accesses": none }, "customer": { "findings": none, "assets": none } }),
            "{text}"
        );
    }
}

#[tokio::test]
async fn values_of_another_type_do_not_run() {
    let (_app, admin, _) = start().await;
    for document in [
        "{ partner { accesses(orderBy: { field: SHOE_SIZE, direction: ASC }) { totalCount } } }",
        "{ partner { accesses(filter: { status: [ALIVE] }) { totalCount } } }",
        "{ partner { accesses(first: \"ten\") { totalCount } } }",
        "{ partner { accesses(first: 99999999999999999999) { totalCount } } }",
        "{ partner { accesses(first: 4294967297) { totalCount } } }",
        "{ partner { accesses(first: 1.5) { totalCount } } }",
        "{ partner { accesses(filter: { unknown: 1 }) { totalCount } } }",
        "{ partner { billing(month: \"yesterday\") { month } } }",
        "{ partner { billing(month: \"2026-02-30\") { month } } }",
        "{ partner { auditLog(filter: { since: \"noon\" }) { nodes { id } } } }",
        "{ node { id } }",
        "{ node(id: null) { id } }",
        "{ node(id: \"x\", id: \"y\") { id } }",
        "{ nodes(ids: \"x\", more: 1) { id } }",
        "{ viewer { shoeSize } }",
        // A letter away from what there is.
        "{ viewer { nam } }",
        "{ custome { name } }",
        "{ partner { dashbord { commercial { accesses } } } }",
        "{ viewer }",
        "{ viewer { name { first } } }",
        "{ ...missing }",
        "{ ...f } fragment f on Query { ...f }",
        "query ($a: Nothing) { viewer { name } }",
        "query ($a: ID!) { node(id: $a) { id } }",
        "{ node(id: $a) { id } }",
        "mutation { setPortalAccess { id } }",
        "subscription { findings { id } }",
    ] {
        let reply = admin.ask(document).await;
        assert_eq!(reply.status, 200, "{document}");
        assert!(!reply.codes().is_empty(), "{document} {}", reply.text);
        assert!(!reply.text.contains("Did you mean"), "{document} {}", reply.text);
        admin.goes_on_after(&reply, document).await;
        // A client that speaks GraphQL over HTTP reads it from the status.
        let strict = admin.header("accept", "application/graphql-response+json").ask(document).await;
        let ran = strict.body.get("data").is_some();
        assert_eq!(strict.status, if ran { 294 } else { 400 }, "{document} {}", strict.text);
    }
    for variables in [
        json!({ "id": 1.5 }),
        json!({ "id": ["x"] }),
        json!({ "id": {} }),
        json!({ "id": null }),
        json!({ "id": true }),
    ] {
        let reply = admin.query("query ($id: ID!) { node(id: $id) { id } }", variables.clone()).await;
        admin.goes_on_after(&reply, &variables.to_string()).await;
    }
}

#[tokio::test]
async fn times_out_of_this_world_are_told_or_match_nothing() {
    let (_app, admin, _) = start().await;
    let bill =
        |month: &str| format!("{{ partner {{ billing(month: \"{month}\") {{ lines {{ plan }} }} }} }}");
    for month in ["2026-07-01", "9999-12-31"] {
        let reply = admin.ask(&bill(month)).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"]);
        assert_eq!(message(&reply), format!("`month` is {month}, it takes the present month or a past one"));
    }
    for month in
        ["+200000-01-01", "-200000-01-01", "-0044-03-15", "-044-03-15", "+044-03-15", " 044-03-15", "26-1-1"]
    {
        let reply = admin.ask(&bill(month)).await;
        assert_eq!(reply.codes(), ["BAD_USER_INPUT"], "{month} {}", reply.text);
    }
    for month in ["0000-01-01", "0001-01-01", "1969-12-31"] {
        let data = admin.data(&bill(month)).await;
        assert_eq!(data, json!({ "partner": { "billing": { "lines": [] } } }), "{month}");
    }
    let log = async |filter: &str| {
        let document =
            format!("{{ partner {{ auditLog(filter: {{ {filter} }}) {{ nodes {{ action }} }} }} }}");
        admin.data(&document).await["partner"]["auditLog"]["nodes"].as_array().unwrap().len()
    };
    assert_eq!(log("since: \"-262143-01-01T00:00:00Z\"").await, 1);
    assert_eq!(log("since: \"+262142-12-31T23:59:59Z\"").await, 0);
    assert_eq!(log("until: \"-262143-01-01T00:00:00Z\"").await, 0);
    assert_eq!(log("until: \"+262142-12-31T23:59:59Z\"").await, 1);
}

/// One mutation more than a request may hold is refused before it changes anything; those before it stand.
#[tokio::test]
async fn a_request_does_sixteen_mutations_and_no_more() {
    let (app, admin, _) = start().await;
    let field = |nth: usize| {
        format!("m{nth}: createCustomer(input: {{ name: \"Elm {nth}\" }}) {{ customer {{ name }} }}")
    };
    let document = |count| format!("mutation {{ {} }}", (0..count).map(field).collect::<Vec<_>>().join(" "));
    let made = async || {
        let count = sqlx::query_scalar("select count(*) from customers where name like 'Elm %'");
        let count: i64 = count.fetch_one(&mut app.owner().await).await.unwrap();
        count
    };
    let reply = admin.ask(&document(16)).await;
    assert_eq!((reply.codes(), made().await), (vec![], 16), "{}", reply.text);
    let reply = admin.ask(&document(17)).await;
    assert_eq!((reply.codes(), made().await), (vec!["BAD_USER_INPUT"], 32), "{}", reply.text);
    assert_eq!(reply.body["errors"][0]["path"], json!(["m16"]), "{}", reply.text);
}
