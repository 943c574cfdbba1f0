//! What hostile clients send: every kind of document, body and head that is too much or not what it should be, and the code that refuses it.
//! `tests/it/abuse.rs` tries each at every door; `benches/hostile` sends many of them, and so reads this file, too.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A body that is refused.
pub(crate) struct Hostile {
    /// What it is.
    pub(crate) what: &'static str,
    /// What is posted to `/graphql`.
    pub(crate) body: Vec<u8>,
    /// The code of the first error; of several that may come first the client has to know each.
    pub(crate) code: &'static str,
}

/// A document, as it is refused.
fn document(what: &'static str, query: &str, code: &'static str) -> Hostile {
    with(what, query, &json!({}), code)
}

/// A document with variables.
fn with(what: &'static str, query: &str, variables: &Value, code: &'static str) -> Hostile {
    body(what, json!({ "query": query, "variables": variables }).to_string(), code)
}

/// A body of any kind.
fn body(what: &'static str, body: impl Into<Vec<u8>>, code: &'static str) -> Hostile {
    Hostile { what, body: body.into(), code }
}

/// So many pieces, each with its number.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

/// Fragments that each spread the next one twice; the last one spreads `end`.
fn fan_out(links: usize, end: &str) -> String {
    let mut query = String::from("{ ...F0 }");
    for link in 0..links {
        let _ = write!(query, " fragment F{link} on Query {{ ...F{0} ...F{0} }}", link + 1);
    }
    query + &format!(" fragment F{links} on Query {{ {end} }}")
}

/// Documents that are refused before anything is executed, as JSON that is well-formed.
#[expect(clippy::too_many_lines, reason = "a list of what there is")]
pub(crate) fn documents() -> Vec<Hostile> {
    let deep = |levels: usize, open: &str, inner: &str, close: &str| {
        format!("{{ {}{inner}{} }}", open.repeat(levels), close.repeat(levels))
    };
    let page =
        "accesses(first: 100) { nodes { customer { findings(first: 100) { nodes { asset { id } } } } } }";
    vec![
        document("depth", &deep(25, "partner { parent { ", "name", " } }"), "QUERY_TOO_DEEP"),
        document("brackets", &format!("{}{}", "{a".repeat(300), "}".repeat(300)), "QUERY_TOO_NESTED"),
        document("tokens", &format!("{{ viewer({}) {{ id }} }}", "a:1 ".repeat(3_000)), "QUERY_TOO_LARGE"),
        document("brackets never closed", &"{a(b:[".repeat(5_000), "QUERY_TOO_NESTED"),
        document(
            "nested lists",
            &format!("{{ nodes(ids: {}{}) {{ id }} }}", "[".repeat(2_000), "]".repeat(2_000)),
            "QUERY_TOO_NESTED",
        ),
        document("inline fragments", &deep(199, "... { ", "viewer { name }", " }"), "QUERY_TOO_NESTED"),
        document("width", &format!("{{ viewer {{ {} }} }}", "name ".repeat(2_500)), "TOO_MANY_FIELDS"),
        document("root fields", &format!("{{ {} }}", "viewer { name } ".repeat(30)), "TOO_MANY_FIELDS"),
        document(
            "aliases",
            &format!("{{ viewer {{ {} }} }}", many(60, |n| format!("a{n}: name "))),
            "TOO_MANY_ALIASES",
        ),
        document(
            "directives",
            &format!("{{ viewer {{ {} }} }}", "name @include(if: true) ".repeat(60)),
            "TOO_MANY_DIRECTIVES",
        ),
        document(
            "one field's directives",
            &format!("{{ viewer {{ name {} }} }}", "@a".repeat(1_000)),
            "TOO_MANY_DIRECTIVES",
        ),
        document("a fragment in itself", "{ ...A } fragment A on Query { ...A }", "FRAGMENT_CYCLE"),
        document(
            "a circle of fragments",
            &format!(
                "{{ ...F0 }} {}",
                many(50, |n| format!("fragment F{n} on Query {{ viewer {{ id }} ...F{} }} ", (n + 1) % 50))
            ),
            "FRAGMENT_CYCLE",
        ),
        document("fan-out", &fan_out(60, "viewer { name }"), "TOO_MANY_FIELDS"),
        document("fan-out to nothing", &fan_out(90, "...Nope ...Nope"), "TOO_MANY_FIELDS"),
        document(
            "fragments",
            &format!(
                "{{ __typename }} {}",
                many(150, |n| format!("fragment F{n} on Query {{ __typename }} "))
            ),
            "QUERY_TOO_LARGE",
        ),
        document(
            "operations",
            &(many(300, |n| format!("query Q{n} {{ ...F }} "))
                + "fragment F on Query { viewer { id name kind email partnerRole customerRole lastVisitAt } }"),
            "TOO_MANY_FIELDS",
        ),
        document("pages within pages", &format!("{{ partner {{ {page} }} }}"), "QUERY_TOO_COMPLEX"),
        document(
            "pages within pages within pages",
            &format!(
                "{{ partner {{ {}name{} }} }}",
                "children(first: 100) { nodes { ".repeat(8),
                " } }".repeat(8)
            ),
            "QUERY_TOO_COMPLEX",
        ),
        document(
            "deep introspection",
            &format!(
                "{{ __schema {{ types {{ {} name {} }} }} }}",
                "fields { type { ".repeat(7),
                " } }".repeat(7)
            ),
            "QUERY_TOO_COMPLEX",
        ),
        document(
            "wide introspection",
            &format!(
                "{{ __schema {{ {} }} }}",
                many(40, |n| format!("t{n}: types {{ fields {{ args {{ type {{ name kind }} }} }} }} "))
            ),
            "QUERY_TOO_COMPLEX",
        ),
        document(
            "a long text",
            &format!("{{ viewer {{ name }} }} #{}", "x".repeat(40_000)),
            "QUERY_TOO_LARGE",
        ),
        document("a long name", &format!("{{ {} }}", "x".repeat(30_000)), "GRAPHQL_VALIDATION_FAILED"),
        document(
            "many who are not there",
            &format!("{{ viewer {{ {} }} }}", many(1_900, |n| format!("f{n} "))),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "arguments who are not there",
            &format!("{{ viewer({}) {{ id }} }}", many(900, |n| format!("a{n}: 1 "))),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "arguments that differ",
            &format!(
                "{{ {} }}",
                "node(ARGS) { id } ".repeat(2).replace("ARGS", &many(450, |n| format!("a{n}: 1 ")))
            ),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "fields that conflict",
            &format!("{{ viewer {{ {} }} }}", "x: id ".to_owned() + &"x: name ".repeat(45)),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "variables that are not used",
            &format!("query ({}) {{ __typename }}", many(700, |n| format!("$v{n}: Int "))),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "variables who are not there",
            &format!("{{ nodes(ids: [{}]) {{ id }} }}", many(1_500, |n| format!("$v{n} "))),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document("quotes", &format!("{{ a(b: {}) }}", "\"".repeat(9_000)), "GRAPHQL_PARSE_FAILED"),
        document("backslashes", &format!("{{ a(b: \"{}) }}", "\\".repeat(29_999)), "GRAPHQL_PARSE_FAILED"),
        document("comments", &"#\n".repeat(2_500), "GRAPHQL_PARSE_FAILED"),
        document(
            "an escaped half of a character",
            r#"{ node(id: "\uD800") { id } }"#,
            "GRAPHQL_PARSE_FAILED",
        ),
        document("NUL", "{ viewer { \u{0} } }", "GRAPHQL_PARSE_FAILED"),
        document("a name in another script", "{ vıewer { name } }", "GRAPHQL_PARSE_FAILED"),
        document("a text that runs backwards", "{ viewer { \u{202e}eman } }", "GRAPHQL_PARSE_FAILED"),
        document(
            "a key twice",
            "{ partner { accesses(filter: { plan: [\"a\"], plan: [\"b\"] }) { totalCount } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document("an argument twice", "{ node(id: \"a\", id: \"b\") { id } }", "GRAPHQL_VALIDATION_FAILED"),
        document(
            "a variable twice",
            "query ($a: ID!, $a: ID!) { node(id: $a) { id } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "a mutation twice",
            "mutation { recordVisit { previousVisitAt } recordVisit { previousVisitAt } }",
            "BAD_USER_INPUT",
        ),
        document(
            "a number past all bounds",
            "{ partner { accesses(first: 1e999) { totalCount } } }",
            "GRAPHQL_PARSE_FAILED",
        ),
        document(
            "an integer past 64 bits",
            "{ partner { accesses(first: 99999999999999999999) { totalCount } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "an integer below all of them",
            "{ partner { accesses(last: -99999999999999999999) { totalCount } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document(
            "a fraction",
            "{ partner { accesses(first: 1.5) { totalCount } } }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        document("a letter away", "{ viewer { nam } }", "GRAPHQL_VALIDATION_FAILED"),
        document("a type a letter away", "{ ... on Quer { viewer { id } } }", "GRAPHQL_VALIDATION_FAILED"),
        document("an argument a letter away", "{ customer(idd: \"x\") { id } }", "GRAPHQL_VALIDATION_FAILED"),
        with(
            "values",
            "query ($a: [ID!]!) { nodes(ids: $a) { id } }",
            &json!({ "a": vec!["x"; 6_000] }),
            "VARIABLES_TOO_LARGE",
        ),
        with(
            "a text over and over",
            &format!(
                "query ($a: String!) {{ partner {{ accesses(filter: {{ plan: [{}] }}) {{ totalCount }} }} }}",
                "$a ".repeat(1_000)
            ),
            &json!({ "a": "x".repeat(200_000) }),
            "VARIABLES_TOO_LARGE",
        ),
        with(
            "a text in every row",
            "query ($a: String!) { partner { accesses(first: 100) { nodes { customer { findings(filter: { text: $a }) { totalCount } } } } } }",
            &json!({ "a": "x".repeat(200_000) }),
            "VARIABLES_TOO_LARGE",
        ),
        with(
            "lists in lists",
            "query ($a: [ID!]!) { nodes(ids: $a) { id } }",
            &json!({ "a": vec![json!([[], [], []]); 2_000] }),
            "VARIABLES_TOO_LARGE",
        ),
        with(
            "a list in every row",
            "query ($s: [FindingStatus!]) { partner { accesses(first: 100) { nodes { customer { findings(filter: { status: $s }) { totalCount } } } } } }",
            &json!({ "s": vec!["OPEN"; 4_000] }),
            "QUERY_TOO_COMPLEX",
        ),
    ]
}

/// Values that a field finds to be too much, when its turn comes: the answer has data, and the field an error.
pub(crate) fn values() -> Vec<Hostile> {
    let accesses = |arguments: &str| format!("{{ partner {{ accesses({arguments}) {{ totalCount }} }} }}");
    let code = "BAD_USER_INPUT";
    vec![
        document("an integer past 32 bits", &accesses("first: 2147483648"), code),
        document("a page of everything", &accesses("first: 2147483647"), code),
        document("NUL in a text", &accesses("filter: { customerName: \"a\\u0000\" }"), code),
        document("a forged cursor", &accesses(&format!("after: \"{}\"", "A".repeat(20_000))), code),
        document("a forged id", &format!("{{ node(id: \"{}\") {{ id }} }}", "A".repeat(20_000)), code),
        with("ids", "query ($a: [ID!]!) { nodes(ids: $a) { id } }", &json!({ "a": vec!["x"; 101] }), code),
    ]
}

/// Bodies that are no request at all.
pub(crate) fn bodies() -> Vec<Hostile> {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let query = r#""query":"{viewer{name}}""#;
    vec![
        body("nothing", "", "BAD_REQUEST"),
        body("garbage", [0xff, 0xfe, 0x00, 0x01].repeat(1_000), "BAD_REQUEST"),
        body("half an object", format!("{{{query}"), "BAD_REQUEST"),
        body(
            "text that is no UTF-8",
            [br#"{"query":""#.as_slice(), &[0xc3, 0x28], b"\"}"].concat(),
            "BAD_REQUEST",
        ),
        body("half a character", format!(r#"{{{query},"variables":{{"a":"\ud83d"}}}}"#), "BAD_REQUEST"),
        body("the wrong half", format!(r#"{{{query},"variables":{{"a":"\udc00\ud800"}}}}"#), "BAD_REQUEST"),
        body("a key twice", format!("{{{query},{query}}}"), "BAD_REQUEST"),
        body(
            "variables twice",
            format!(r#"{{{query},"variables":{{}},"variables":{{"a":1}}}}"#),
            "BAD_REQUEST",
        ),
        body("a variable twice", format!(r#"{{{query},"variables":{{"a":1,"a":2}}}}"#), "BAD_REQUEST"),
        body(
            "a key twice within",
            format!(r#"{{{query},"variables":{{"a":[{{"b":1,"\u0062":2}}]}}}}"#),
            "BAD_REQUEST",
        ),
        body("a number past all bounds", format!(r#"{{{query},"variables":{{"a":1e999}}}}"#), "BAD_REQUEST"),
        body(
            "a number of many digits",
            format!(r#"{{{query},"variables":{{"a":{}}}}}"#, "9".repeat(200_000)),
            "BAD_REQUEST",
        ),
        body(
            "deep variables",
            format!(r#"{{{query},"variables":{{"a":{}}}}}"#, nested(50_000)),
            "BAD_REQUEST",
        ),
        body(
            "values without end",
            json!({ "query": "{ viewer { id } }", "variables": { "a": vec![1; 100_000] } }).to_string(),
            "BAD_REQUEST",
        ),
        body(
            "a batch",
            format!("[{}]", vec![format!("{{{query}}}"); 1_000].join(",")),
            "BATCHES_NOT_SUPPORTED",
        ),
        body("a deep batch", nested(100_000), "BATCHES_NOT_SUPPORTED"),
        body("too much", format!(r#"{{{query},"a":"{}"}}"#, "x".repeat(300_000)), "BODY_TOO_LARGE"),
    ]
}

/// Heads and bodies that break HTTP, or the way it is meant, with the statuses that refuse them; none where the connection is closed without
/// a word. It is closed after each of them.
pub(crate) fn raw(host: &str) -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let head = |line: &str, headers: &str| format!("{line} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n");
    let post = |headers: &str| head("POST /graphql", &format!("content-type: application/json\r\n{headers}"));
    let get = |path: &str| head(&format!("GET {path}"), "connection: close\r\n");
    let body = r#"{"query":"{viewer{name}}"}"#;
    let text = |what, text: String, statuses: &'static [u16]| (what, text.into_bytes(), statuses);
    vec![
        text("a long header", head("GET /livez", &format!("x: {}\r\n", "x".repeat(100_000))), &[431]),
        text("many headers", head("GET /livez", &many(500, |n| format!("x{n}: y\r\n"))), &[431]),
        text("a long path", get(&format!("/graphql?query={}", "x".repeat(70_000))), &[414, 431]),
        text(
            "a long token",
            post(&format!(
                "connection: close\r\nauthorization: Bearer {}\r\ncontent-length: 2\r\n",
                "x".repeat(20_000)
            )) + "{}",
            &[401],
        ),
        text("two lengths", post("content-length: 2\r\ncontent-length: 26\r\n") + body, &[400]),
        text("a length below zero", post("content-length: -1\r\n") + body, &[400]),
        text("a length past 64 bits", post("content-length: 99999999999999999999999\r\n") + body, &[400]),
        text(
            "a length that is too large",
            post("connection: close\r\ncontent-length: 9999999999\r\n") + body,
            &[413],
        ),
        text("a length that is too small", post("content-length: 5\r\n") + body, &[400]),
        text(
            "a length and chunks",
            post("content-length: 5\r\ntransfer-encoding: chunked\r\n") + "zz\r\n",
            &[400],
        ),
        text(
            "a chunk past 64 bits",
            post("transfer-encoding: chunked\r\n") + "ffffffffffffffffff\r\n",
            &[400],
        ),
        text("chunks of nonsense", post("transfer-encoding: chunked\r\n") + "nonsense", &[400]),
        text("another coding", post("transfer-encoding: gzip\r\n") + body, &[400]),
        text(
            "a compressed body",
            post("connection: close\r\ncontent-encoding: gzip\r\ncontent-length: 26\r\n") + body,
            &[415],
        ),
        text("no host and no sense", "NONSENSE\r\n\r\n".to_owned(), &[400]),
        text("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[]),
        text("a header without a name", head("GET /livez", ": x\r\n"), &[400]),
        text("a header on two lines", head("GET /livez", "x: y\r\n z\r\n"), &[400]),
        (
            "a header that is no text",
            b"GET /livez HTTP/1.1\r\nhost: a\r\nx: \x00\x01\r\n\r\n".to_vec(),
            &[400],
        ),
        text("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".repeat(100), &[400]),
        text("another method", head("TRACE /graphql", "connection: close\r\n"), &[405]),
        text("a place above", get("/../../etc/passwd"), &[404]),
        text("a proxy's request", get("http://example.com/graphql"), &[400, 404, 405]),
        text(
            "a key that nobody made",
            post(&format!(
                "connection: close\r\nauthorization: Bearer posture_partner_{}\r\ncontent-length: 26\r\n",
                "A".repeat(43)
            )) + body,
            &[401],
        ),
        ("nonsense on a WebSocket", socket(host, &["nonsense".to_owned()]), &[101]),
        ("long signs of life", socket(host, &[ping(15_000), ping(15_000), ping(200_000)]), &[101]),
        ("an operation of nobody yet", socket(host, &[subscribe("{ viewer { name } }")]), &[101]),
        (
            "operations without an end",
            socket(host, &[INIT.to_owned(), many(50, |_| subscribe("{ viewer { name } }"))]),
            &[101],
        ),
        (
            "documents over every limit on a WebSocket",
            socket(
                host,
                &[
                    INIT.to_owned(),
                    subscribe(&"{ a ".repeat(3_000)),
                    subscribe(&many(3_000, |n| format!("a{n} "))),
                ],
            ),
            &[101],
        ),
    ]
}

/// The first words of nobody in particular.
const INIT: &str = r#"{"type":"connection_init"}"#;

fn ping(bytes: usize) -> String {
    json!({ "type": "ping", "payload": { "a": "x".repeat(bytes) } }).to_string()
}

fn subscribe(document: &str) -> String {
    json!({ "type": "subscribe", "id": "a", "payload": { "query": document } }).to_string()
}

/// A WebSocket's handshake, messages, and the end, all at once.
fn socket(host: &str, messages: &[String]) -> Vec<u8> {
    let mut bytes = format!(
        "GET /graphql HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-protocol: graphql-transport-ws\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    .into_bytes();
    for message in messages {
        bytes.extend(frame(1, message.as_bytes()));
    }
    bytes.extend(frame(8, &1000_u16.to_be_bytes()));
    bytes
}

/// A whole frame of a client (RFC 6455, section 5.2), masked by nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(0x80 | short),
        (_, Ok(longer)) => {
            frame.push(0xfe);
            frame.extend(longer.to_be_bytes());
        }
        _ => {
            frame.push(0xff);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}
