//! What hostile clients send (`support/hostile.rs`) at every door: refused with a code, quickly, in few bytes, without a statement; and the
//! gateway answers on. What is slow is given up.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use posture_gateway::config::HttpLimits;
use posture_gateway::domain::clock::Clock;
use posture_gateway::graphql::documents::manifest::Manifests;
use posture_gateway::graphql::documents::{AdHoc, Documents};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::app::{App, Client, Extras};
use crate::support::cast::{Cast, Persona};
use crate::support::hostile::{bodies, documents, raw, values};
use crate::support::live::{Socket, within};
use crate::support::process::Gateway;

/// How long a refusal may take, in a build that is not optimised and beside other tests.
const QUICKLY: Duration = Duration::from_secs(5);

/// How many bytes an answer to something hostile may have.
const FEW: usize = 40_000;

async fn is_alive(client: &Client, after: &str) {
    let alive = client.ask("{ viewer { __typename } }").await;
    assert_eq!(alive.text, r#"{"data":{"viewer":{"__typename":"Viewer"}}}"#, "{after}");
}

#[tokio::test]
async fn every_hostile_body_is_refused() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let strict = admin.header("accept", "application/graphql-response+json");
    for hostile in documents().into_iter().chain(bodies()) {
        let what = hostile.what;
        let begun = Instant::now();
        let reply = admin.post(hostile.body.clone()).await;
        let took = begun.elapsed();
        assert_eq!(reply.codes().first(), Some(&hostile.code), "{what}: {}", reply.text);
        assert!(took < QUICKLY, "{what} took {took:?}");
        assert!(reply.text.len() < FEW, "{what}: {} bytes", reply.text.len());
        assert_eq!((reply.body.get("data"), reply.statements), (None, 0), "{what}");
        assert!(!reply.text.contains("Did you mean"), "{what}: {}", reply.text);
        let reply = strict.post(hostile.body).await;
        assert!((400..500).contains(&reply.status), "{what}: {} {}", reply.status, reply.text);
        is_alive(&admin, what).await;
    }
}

/// What a field refuses when its turn comes is its error, and no more.
#[tokio::test]
async fn every_hostile_value_is_refused() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for hostile in values() {
        let what = hostile.what;
        let begun = Instant::now();
        let reply = admin.post(hostile.body).await;
        assert_eq!((reply.status, reply.codes()), (200, vec![hostile.code]), "{what}: {}", reply.text);
        assert!(begun.elapsed() < QUICKLY, "{what} took {:?}", begun.elapsed());
        assert!(reply.text.len() < FEW, "{what}: {} bytes", reply.text.len());
        admin.goes_on_after(&reply, what).await;
    }
}

/// What nobody looks at is skipped, however deep it is.
#[tokio::test]
async fn what_is_deep_beside_the_request_harms_nobody() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for beside in [format!(r#""extensions":{{"a":{deep}}}"#), format!(r#""a":{deep}"#)] {
        let reply = admin.post(format!(r#"{{"query":"{{viewer{{name}}}}",{beside}}}"#)).await;
        assert_eq!(reply.text, r#"{"data":{"viewer":{"name":"PartnerAdmin"}}}"#);
    }
}

/// Over a WebSocket the same documents are refused in the operation's place; what is no message closes the connection.
#[tokio::test]
async fn every_hostile_message_is_refused() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    for hostile in documents() {
        let payload: Value = serde_json::from_slice(&hostile.body).unwrap();
        if hostile.body.len() > 256 * 1024 {
            continue;
        }
        socket.say(&json!({ "type": "subscribe", "id": "a", "payload": payload })).await;
        let answer = socket.hears().await;
        let said: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (&said["type"], &said["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!(hostile.code)),
            "{}: {answer}",
            hostile.what
        );
        assert!(answer.len() < FEW, "{}: {} bytes", hostile.what, answer.len());
    }
    // It is the same connection, and answers on.
    socket.begin("a", "{ viewer { name } }").await;
    assert_eq!(socket.event("a").await, json!({ "data": { "viewer": { "name": "PartnerAdmin" } } }));
    for hostile in bodies() {
        let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
        let Ok(payload) = String::from_utf8(hostile.body) else { continue };
        if payload.starts_with('[') || payload.is_empty() {
            continue;
        }
        socket.say_text(&format!(r#"{{"type":"subscribe","id":"a","payload":{payload}}}"#)).await;
        let (code, _) = socket.closed().await;
        assert!([4400, 1009, 1006].contains(&code), "{}: {code}", hostile.what);
    }
    // No UTF-8, and a message in ever more pieces.
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    socket.send(Message::binary([0xff; 1_000].to_vec())).await;
    assert_eq!(socket.closed().await.0, 4400);
    is_alive(&app.sign_in(Persona::PartnerAdmin), "messages").await;
}

/// So many operations at once as a connection may have, and no more, however fast they come.
#[tokio::test]
async fn a_flood_of_operations_is_a_few_at_a_time() {
    let app = App::start(Cast::new().world).await;
    let mut socket = Socket::sign_in(&app, Persona::PartnerAdmin).await;
    let (mut begun, mut answered, mut refused) = (0, 0, 0);
    for n in 0..500 {
        socket.begin(&format!("{n}"), "subscription { accessChanged { id } }").await;
        begun += 1;
    }
    for text in socket.hears_before_pong().await {
        if text.contains("TOO_MANY_OPERATIONS") {
            refused += 1;
        } else {
            answered += 1;
        }
    }
    assert_eq!((begun, answered, refused), (500, 0, 490));
    assert_eq!(app.live.streams(), 11, "ten, and the connection's own");
}

/// Sends bytes on a connection of its own, and reads until the gateway closes it.
async fn exchange(app: &App, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host(app)).await.unwrap();
    // The gateway need not read all of it.
    let _ = stream.write_all(bytes).await;
    until_closed(&mut stream).await
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match within("an answer", stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
}

fn host(app: &App) -> String {
    app.url().trim_start_matches("http://").trim_end_matches("/graphql").to_owned()
}

/// The status of the last answer.
fn last_status(answer: &str) -> Option<u16> {
    answer.rsplit("HTTP/1.1 ").next()?.get(..3)?.parse().ok()
}

fn limits(header_timeout: u64, request_timeout: u64) -> Extras {
    let limits = HttpLimits {
        header_timeout: Duration::from_millis(header_timeout),
        request_timeout: Duration::from_millis(request_timeout),
        ..HttpLimits::default()
    };
    Extras { limits, ..Extras::default() }
}

#[tokio::test]
async fn what_breaks_http_is_refused() {
    let app = App::start_extra(Cast::new().world, limits(1_000, 1_000)).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for (what, bytes, statuses) in raw(&host(&app)) {
        let begun = Instant::now();
        let answer = exchange(&app, &bytes).await;
        let is_refused = match last_status(&answer) {
            Some(status) => statuses.contains(&status),
            None => statuses.is_empty() && answer.is_empty(),
        };
        assert!(is_refused, "{what}: {answer}");
        assert!(begun.elapsed() < QUICKLY, "{what} took {:?}", begun.elapsed());
        is_alive(&admin, what).await;
    }
}

/// A head, a body or a reader that takes its time is given up; a connection on which nothing is said, too.
#[tokio::test]
async fn what_is_slow_is_given_up() {
    let app = App::start_extra(Cast::new().world, limits(300, 600)).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let head =
        format!("POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", host(&app));
    let whole = format!("{head}content-length: 10000\r\n\r\n{{");
    for (what, begins, drips, status) in [
        ("nothing", String::new(), "", None),
        ("half a head", head.clone(), "", None),
        ("a head that drips", head.clone(), "x: y\r\n", None),
        ("half a body", whole.clone(), "", Some(408)),
        ("a body that drips", whole, " ", Some(408)),
        ("chunks that drip", format!("{head}transfer-encoding: chunked\r\n\r\n"), "1\r\n \r\n", Some(408)),
        (
            "a body that has to be asked for",
            format!("{head}expect: 100-continue\r\ncontent-length: 10\r\n\r\n"),
            "",
            Some(408),
        ),
    ] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(host(&app)).await.unwrap();
        stream.write_all(begins.as_bytes()).await.unwrap();
        let (mut reads, mut writes) = stream.split();
        let mut answer = Vec::new();
        let dripping = async {
            let mut every = tokio::time::interval(Duration::from_millis(50));
            loop {
                every.tick().await;
                if writes.write_all(drips.as_bytes()).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            _ = within(what, reads.read_to_end(&mut answer)) => {}
            () = dripping => {}
        }
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(last_status(&answer), status, "{what}: {answer}");
        assert!(begun.elapsed() < QUICKLY, "{what} took {:?}", begun.elapsed());
        is_alive(&admin, what).await;
    }
}

/// Requests one behind the other are answered one behind the other.
#[tokio::test]
async fn a_pipeline_is_answered_in_its_order() {
    let app = App::start(Cast::new().world).await;
    let ask = |document: &str, more: &str| {
        let body = json!({ "query": document }).to_string();
        format!(
            "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut requests: String = (0..100).map(|n| ask(&format!("{{ a{n}: __typename }}"), "")).collect();
    requests += &ask("{ last: __typename }", "connection: close\r\n");
    let answer = exchange(&app, requests.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 101);
    let places: Vec<usize> = (0..100).map(|n| answer.find(&format!("\"a{n}\"")).unwrap()).collect();
    assert!(places.is_sorted());
}

/// Whoever holds connections open takes no more than there are; who waits is answered when one is closed.
#[tokio::test]
async fn connections_are_counted() {
    let limits = HttpLimits { connections: 8, ..HttpLimits::default() };
    let extras = Extras { limits, ..Extras::default() };
    let app = App::start_extra(Cast::new().world, extras).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(host(&app)).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n").await.unwrap();
        held.push(stream);
    }
    // The eight that came first are heard to their end, and the others not before.
    let mut ninth = held.pop().unwrap();
    ninth.write_all(b"connection: close\r\n\r\n").await.unwrap();
    for stream in &mut held[..8] {
        stream.write_all(b"\r\n").await.unwrap();
        let mut answer = [0; 15];
        within("an answer", stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
    }
    let mut answer = Vec::new();
    assert!(ninth.try_read_buf(&mut answer).is_err(), "it is answered, and no place was free");
    drop(held);
    within("an answer", ninth.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    is_alive(&app.sign_in(Persona::PartnerAdmin), "connections").await;
}

/// Where only trusted documents are run, whoever may send no other learns nothing about the schema: it is not even validated.
#[tokio::test]
async fn who_may_not_explore_is_told_nothing_of_the_schema() {
    let documents = Documents::trusting(Manifests::new(), AdHoc::Only(Vec::new())).unwrap();
    let app = App::start_serving(Cast::new().world, documents, Vec::new()).await;
    for client in [app.sign_in(Persona::PartnerAdmin), app.anonymous()] {
        for document in
            ["{ __schema { types { name } } }", "{ viewer { nam } }", "{ viewer { name } }", "{ __typename }"]
        {
            let reply = client.ask(document).await;
            assert_eq!(reply.codes(), ["TRUSTED_DOCUMENT_REQUIRED"], "{document} {}", reply.text);
        }
    }
}

/// What is there and who asks for it does not show in what an error says about a document.
#[tokio::test]
async fn errors_about_a_document_are_the_same_for_everybody() {
    let app = App::start(Cast::new().world).await;
    let nobody = app.anonymous();
    for document in [
        "{ viewer { nam } }",
        "{ customer(id: 5.5) { name } }",
        "{ partner { accesses(filter: { status: [ALIVE] }) { totalCount } } }",
        "{ customer { findings(orderBy: { field: SHOE_SIZE, direction: ASC }) { totalCount } } }",
        "mutation { setPricing(input: { licenseModel: PER_SHOE }) { userErrors { code } } }",
        "mutation { runScan { scan { id } } }",
    ] {
        let reply = nobody.ask(document).await;
        assert!(!reply.codes().is_empty(), "{document} {}", reply.text);
        for persona in Persona::signed_in() {
            assert_eq!(app.sign_in(persona).ask(document).await.text, reply.text, "{persona:?} {document}");
        }
    }
}

/// Hostile requests by the thousand, 16 at once, against a process of its own without budgets: it lives, refuses each and gives its memory
/// back. `HOSTILE` says how many (1,500 where it is not set). What honest clients notice of it `benches/hostile` measures.
#[tokio::test]
async fn thousands_of_hostile_requests_leave_nothing_behind() {
    let count: usize = std::env::var("HOSTILE").map_or(1_500, |count| count.parse().unwrap());
    let app = App::start(Cast::new().world).await;
    let gateway = Gateway::start_with(&app, 0, &[("QUERY_BUDGET", "0")]);
    let token = app.token(Persona::PartnerAdmin, Clock::System.now(), chrono::TimeDelta::hours(1));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let corpus: Vec<_> = documents().into_iter().chain(bodies()).chain(values()).collect();
    let attack = async |count: usize| {
        let requests = corpus.iter().cycle().take(count).map(|hostile| {
            let request =
                http.post(&gateway.url).bearer_auth(&token).header("content-type", "application/json");
            let request = request.body(hostile.body.clone());
            async move {
                // A body that is not read to its end may cost the answer.
                let Ok(answer) = within(hostile.what, request.send()).await else { return };
                let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
                assert!(status < 500 && text.contains(hostile.code), "{}: {status} {text}", hostile.what);
            }
        });
        stream::iter(requests).buffer_unordered(16).collect::<()>().await;
    };
    attack(corpus.len() * 4).await;
    let before = gateway.memory().unwrap();
    attack(count).await;
    let after = gateway.memory().unwrap();
    assert!(after < before * 3 / 2, "{before} kB before, {after} kB after");
}
