//! `POST` and `GET /evidence/{id}/file`: who may, that a file is what it says and stays what it was, and that nothing of a refused
//! one is left.

use std::time::Duration;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, EvidenceId};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::{App, Client, Extras, LARGEST_FILE, Reply, Walls};
use crate::support::cast::{Cast, Persona};

const PDF: &[u8] = b"%PDF-1.7\n\0\x01\x02 not text";

async fn record(client: &Client, customer: CustomerId) -> String {
    let document = format!(
        "mutation {{ createEvidence(input: {{ customerId: \"{}\", framework: \"SOC 2\", control: \"CC7.2\", title: \"Alerts\" }}) {{ \
         evidence {{ id }} }} }}",
        GlobalId::Customer(customer)
    );
    client.data(&document).await["createEvidence"]["evidence"]["id"].as_str().unwrap().to_owned()
}

async fn put(client: &Client, id: &str, name: &str, media: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = client.post_to(&format!("/evidence/{id}/file?name={name}")).header("content-type", media);
    client.send(request.body(body)).await
}

async fn get(client: &Client, id: &str) -> Reply {
    client.send(client.get_from(&format!("/evidence/{id}/file"))).await
}

/// Every row, as a refusal leaves it.
async fn rows(app: &App) -> String {
    crate::mutations::everything(app).await
}

#[tokio::test]
async fn a_file_is_added_once_and_given_back_to_the_byte() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let (admin, reader) = (app.sign_in(Persona::FullPortalAdmin), app.sign_in(Persona::FullPortalReader));
    let id = record(&admin, acme).await;
    assert_eq!(get(&reader, &id).await.status, 404);
    let sha256 = Sha256::digest(PDF).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let file = json!({ "name": "Bericht ä.pdf", "size": PDF.len(), "mediaType": "application/pdf", "sha256": sha256 });

    let reply = put(&admin, &id, "Bericht%20%C3%A4.pdf", "Application/PDF; version=1.7", PDF).await;
    assert_eq!(
        (reply.status, &reply.body),
        (201, &json!({ "evidence": id, "file": file })),
        "{}",
        reply.text
    );
    let document =
        format!("{{ node(id: \"{id}\") {{ ... on Evidence {{ file {{ name size mediaType sha256 }} }} }} }}");
    assert_eq!(reader.data(&document).await["node"]["file"], file);
    let said = format!("SOC 2 CC7.2, {} bytes of application/pdf", PDF.len());
    assert_eq!(
        crate::mutations::recorded(&app, "evidence.file_added").await,
        [json!(["customer", "FullPortalAdmin", null, null, said])]
    );

    let before = rows(&app).await;
    let again = put(&admin, &id, "other.pdf", "application/pdf", PDF).await;
    assert_eq!((again.status, again.codes().as_slice()), (409, ["CONFLICT"].as_slice()));
    assert_eq!((rows(&app).await, app.files()), (before, 1));

    let given = reader.get_from(&format!("/evidence/{id}/file")).send().await.unwrap();
    let header = |name: &str| given.headers().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), PDF.len().to_string());
    assert_eq!(header("content-disposition"), "attachment; filename*=UTF-8''Bericht%20%C3%A4.pdf");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(given.bytes().await.unwrap(), PDF);
}

#[tokio::test]
async fn whoever_may_not_adds_and_reads_nothing_and_hears_the_same_as_of_nothing() {
    for walls in Walls::EITHER {
        Box::pin(whoever_may_not(walls)).await;
    }
}

async fn whoever_may_not(walls: Walls) {
    let cast = Cast::new();
    let (acme, crown) = (cast.acme, cast.crown);
    let app = App::start_behind(walls, cast.world).await;
    let (own, partner) = (app.sign_in(Persona::FullPortalAdmin), app.sign_in(Persona::PartnerAdmin));
    let ids = [record(&own, acme.customer).await, record(&partner, crown.customer).await];
    assert_eq!(put(&own, &ids[0], "a.txt", "text/plain", "text").await.status, 201);
    assert_eq!(put(&partner, &ids[1], "a.txt", "text/plain", "text").await.status, 201);
    let without = [record(&own, acme.customer).await, record(&partner, crown.customer).await];
    let (before, files) = (rows(&app).await, app.files());
    let nowhere = GlobalId::Evidence(acme.customer, EvidenceId(uuid::Uuid::nil())).to_string();
    for persona in Persona::ALL {
        let client = app.sign_in(persona);
        for (nth, (id, without)) in ids.iter().zip(&without).enumerate() {
            let (reads, adds) = match (persona, nth) {
                (Persona::FullPortalAdmin, 0) | (Persona::PartnerAdmin, 1) => continue,
                (Persona::FullPortalReader, 0) => (200, 403),
                (Persona::DisabledUser | Persona::Homeless | Persona::Unknown, _) => (401, 401),
                (
                    Persona::FullPortalReader
                    | Persona::ReadOnlyPortalReader
                    | Persona::DisabledPortalReader
                    | Persona::PlatformAdmin
                    | Persona::Scanner,
                    _,
                ) => (404, 403),
                _ => (404, 404),
            };
            let reply = get(&client, id).await;
            assert_eq!(reply.status, reads, "{persona:?} {}", reply.text);
            if reads == 404 {
                // As of what was never there, at the same cost.
                let nobodys = CustomerId(uuid::Uuid::nil());
                for customer in [[acme.customer, crown.customer][nth], nobodys] {
                    let never = GlobalId::Evidence(customer, EvidenceId(uuid::Uuid::nil())).to_string();
                    assert_eq!(get(&client, &never).await, reply, "{persona:?} {customer}");
                }
            }
            let reply = put(&client, without, "a.txt", "text/plain", "text").await;
            assert_eq!(reply.status, adds, "{persona:?} {}", reply.text);
            if adds == 404 {
                assert_eq!(put(&client, &nowhere, "a.txt", "text/plain", "text").await.text, reply.text);
            }
        }
    }
    for id in ["nonsense", "%ff", &GlobalId::Customer(acme.customer).to_string()] {
        assert_eq!(get(&own, id).await.text, get(&own, &nowhere).await.text, "{id}");
        assert_eq!(put(&own, id, "a.txt", "text/plain", "text").await.status, 404, "{id}");
    }
    assert_eq!(get(&app.anonymous(), &ids[0]).await.codes(), ["UNAUTHENTICATED"]);
    assert_eq!(
        put(&app.anonymous(), &ids[0], "a.txt", "text/plain", "text").await.codes(),
        ["UNAUTHENTICATED"]
    );
    assert_eq!((rows(&app).await, app.files()), (before, files));
}

/// That there is a file already is posture, and recorded before it is told.
#[tokio::test]
async fn a_refused_file_tells_a_partner_nothing_that_is_not_recorded() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let partner = app.sign_in(Persona::PartnerAdmin);
    let id = record(&partner, cast.crown.customer).await;
    assert_eq!(put(&partner, &id, "a.txt", "text/plain", "text").await.status, 201);
    app.forget_what_was_shown().await;
    assert_eq!(put(&partner, &id, "b.txt", "text/plain", "text").await.status, 409);
    let mut owner = app.owner().await;
    let told: Vec<(String, Vec<String>)> =
        sqlx::query_as("select class, fields from access_records").fetch_all(&mut owner).await.unwrap();
    assert_eq!(told, [("POSTURE".to_owned(), vec!["Evidence.file".to_owned()])]);
}

/// A partner's program adds and reads files by its key, until that is revoked; the file it is given is a read that is recorded.
#[tokio::test]
async fn a_partners_key_adds_and_reads_a_file_and_is_on_record_for_it() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let made = admin
        .data("mutation { createPartnerApiKey(input: { label: \"robot\", role: ADMIN }) { secret apiKey { id } } }")
        .await;
    let made = &made["createPartnerApiKey"];
    let key = app.with_token(made["secret"].as_str().unwrap());
    let id = record(&key, cast.crown.customer).await;
    assert_eq!(put(&key, &id, "a.txt", "text/plain", "text").await.status, 201);
    app.forget_what_was_shown().await;
    let given = get(&key, &id).await;
    assert_eq!((given.status, given.text.as_str()), (200, "text"));
    let mut owner = app.owner().await;
    let told: Vec<(String, String, Vec<String>)> =
        sqlx::query_as("select user_name, class, fields from access_records")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(told, [("robot".to_owned(), "POSTURE".to_owned(), vec!["Evidence.file".to_owned()])]);

    // What cannot be recorded is not given.
    app.as_owner("revoke execute on all functions in schema gate from posture_transparency").await;
    let refused = get(&key, &id).await;
    assert_eq!((refused.status, refused.codes()), (500, vec!["INTERNAL"]), "{}", refused.text);
    let revoke = format!(
        "mutation {{ revokePartnerApiKey(input: {{ apiKeyId: {} }}) {{ userErrors {{ code }} }} }}",
        made["apiKey"]["id"]
    );
    assert_eq!(admin.data(&revoke).await["revokePartnerApiKey"]["userErrors"], json!([]));
    for reply in [get(&key, &id).await, put(&key, &id, "b.txt", "text/plain", "text").await] {
        assert_eq!((reply.status, reply.codes()), (401, vec!["UNAUTHENTICATED"]));
    }
}

/// What a partner may read follows the gate, and what it may add *operate*.
#[tokio::test]
async fn after_a_change_of_model_a_partner_still_reads_or_no_longer_and_adds_nothing() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let partner = app.sign_in(Persona::PartnerAdmin);
    let (with, without) = (record(&partner, crown.customer).await, record(&partner, crown.customer).await);
    assert_eq!(put(&partner, &with, "a.csv", "text/csv", "a,b\n").await.status, 201);
    for (model, reads, adds, code) in
        [("CO_MANAGED", 200, 403, "NOT_PERMITTED"), ("CUSTOMER_MANAGED", 404, 404, "NOT_FOUND")]
    {
        app.as_owner(&format!(
            "update accesses set operating_model = '{model}' where id = '{}'",
            crown.access
        ))
        .await;
        assert_eq!(get(&partner, &with).await.status, reads, "{model}");
        let reply = put(&partner, &without, "a.csv", "text/csv", "a,b\n").await;
        assert_eq!((reply.status, reply.codes().as_slice()), (adds, [code].as_slice()), "{model}");
    }
    assert_eq!(app.files(), 1);
}

#[tokio::test]
async fn of_a_file_that_is_refused_nothing_is_left() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let id = record(&admin, acme).await;
    let before = rows(&app).await;
    let large = vec![b'a'; usize::try_from(LARGEST_FILE).unwrap() + 1];
    let chunked = || {
        let piece = bytes_of(vec![b'a'; 1024]);
        reqwest::Body::wrap_stream(futures_util::stream::iter(
            (0..65).map(move |_| Ok::<_, std::io::Error>(piece.clone())),
        ))
    };
    for (name, media, body, status, code) in [
        ("", "text/plain", "text".as_bytes().to_vec(), 400, "BAD_USER_INPUT"),
        ("a%2Fb", "text/plain", b"text".to_vec(), 400, "BAD_USER_INPUT"),
        ("..", "text/plain", b"text".to_vec(), 400, "BAD_USER_INPUT"),
        ("a%00", "text/plain", b"text".to_vec(), 400, "BAD_USER_INPUT"),
        ("a&name=b", "text/plain", b"text".to_vec(), 400, "BAD_USER_INPUT"),
        ("a.exe", "application/octet-stream", b"MZ".to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("a.html", "text/html", b"<script>".to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("a.svg", "image/svg+xml", b"<svg/>".to_vec(), 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("a.pdf", "application/pdf", b"MZ\x90".to_vec(), 422, "INVALID"),
        ("a.png", "image/png", PDF.to_vec(), 422, "INVALID"),
        ("a.txt", "text/plain", PDF.to_vec(), 422, "INVALID"),
        ("a.txt", "text/plain", b"latin-1 \xe4".to_vec(), 422, "INVALID"),
        ("a.txt", "text/plain", Vec::new(), 422, "INVALID"),
        ("a.txt", "text/plain", large, 413, "TOO_LARGE"),
    ] {
        let reply = put(&admin, &id, name, media, body).await;
        assert_eq!(
            (reply.status, reply.codes().as_slice()),
            (status, [code].as_slice()),
            "{name} {media} {}",
            reply.text
        );
    }
    let reply = put(&admin, &id, "a.txt", "text/plain", chunked()).await;
    assert_eq!((reply.status, reply.codes().as_slice()), (413, ["TOO_LARGE"].as_slice()));
    let reply = put(&admin, &id, "a%00", "text/plain", "text").await;
    assert_eq!((reply.status, reply.codes().as_slice()), (400, ["BAD_USER_INPUT"].as_slice()));
    assert_eq!(
        reply.body["errors"][0]["message"],
        "`name`: a name has 1 to 200 characters on one line, this one has 2"
    );
    let no_name =
        admin.post_to(&format!("/evidence/{id}/file")).header("content-type", "text/plain").body("text");
    assert_eq!(admin.send(no_name).await.status, 400);
    assert_eq!((rows(&app).await, app.files()), (before, 0));
    // To the last byte it is taken.
    let largest = vec![b'a'; usize::try_from(LARGEST_FILE).unwrap()];
    assert_eq!(put(&admin, &id, "a.txt", "text/plain", largest).await.status, 201);
}

fn bytes_of(bytes: Vec<u8>) -> axum::body::Bytes {
    bytes.into()
}

/// Who loses the right while a file arrives leaves no file behind.
#[tokio::test]
async fn a_file_that_came_too_late_is_taken_back() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let partner = app.sign_in(Persona::PartnerAdmin);
    let id = record(&partner, crown.customer).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<&'static str>();
    let body = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (Ok::<_, std::io::Error>(piece), receiver))
    });
    sender.send("first ").unwrap();
    let upload = put(&partner, &id, "a.txt", "text/plain", reqwest::Body::wrap_stream(body));
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        app.as_owner(&format!(
            "update accesses set operating_model = 'CO_MANAGED' where id = '{}'",
            crown.access
        ))
        .await;
        sender.send("last").unwrap();
        drop(sender);
    };
    let (reply, ()) = tokio::join!(upload, meanwhile);
    assert_eq!(
        (reply.status, reply.codes().as_slice()),
        (403, ["NOT_PERMITTED"].as_slice()),
        "{}",
        reply.text
    );
    assert_eq!(app.files(), 0);
}

/// Of two at once one is added, and the other's file is taken back.
#[tokio::test]
async fn of_two_files_at_once_one_stays() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    for round in 1..=4 {
        let id = record(&admin, acme).await;
        let one = put(&admin, &id, "one.txt", "text/plain", "one");
        let two = put(&admin, &id, "two.txt", "text/plain", "two");
        let (one, two) = tokio::join!(one, two);
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", one.text, two.text);
        let kept = if one.status == 201 { "one" } else { "two" };
        assert_eq!(get(&admin, &id).await.text, kept);
        assert_eq!(app.files(), round);
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_or_dawdles_leaves_nothing_and_hears_which_it_was() {
    // Whoever hangs up has the usual time: a busy machine must not take it for one that dawdles.
    for (file_timeout, status) in [(None, "400 "), (Some(Duration::from_millis(100)), "408 ")] {
        let cast = Cast::new();
        let acme = cast.acme.customer;
        let app = App::start_extra(cast.world, Extras { file_timeout, ..Extras::default() }).await;
        let id = record(&app.sign_in(Persona::FullPortalAdmin), acme).await;
        let before = rows(&app).await;
        let token = app.token(Persona::FullPortalAdmin, app.clock.now(), chrono::TimeDelta::hours(1));
        let host = app.url().trim_start_matches("http://").trim_end_matches("/graphql").to_owned();
        let mut stream = TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /evidence/{id}/file?name=a.pdf HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-type: application/pdf\r\ncontent-length: 100\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(PDF).await.unwrap();
        if file_timeout.is_none() {
            stream.shutdown().await.unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("nothing of it was kept"), "{answer}");
        assert_eq!(rows(&app).await, before);
        assert_eq!(app.files(), 0);
    }
}
