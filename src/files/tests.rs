use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::*;

fn name() -> Name {
    Name {
        customer: CustomerId(Uuid::from_u128(1)),
        evidence: EvidenceId(Uuid::from_u128(2)),
        object: Uuid::from_u128(3),
    }
}

fn pieces(of: &[&'static str]) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
    let pieces: Vec<_> = of.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
    stream::iter(pieces)
}

fn left(folder: &FolderPath) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { left(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn a_file_is_kept_and_read_back_and_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("new folder");
    for place in [place.display().to_string(), format!("file://{}/other", folder.path().display())] {
        let files = Files::at(&place).unwrap();
        let kept = files.keep(name(), MediaType::Text, 100, pieces(&["grü", "ße"])).await.unwrap();
        assert_eq!((kept.size, kept.sha256), (7, Sha256::digest("grüße").into()));
        let read: Vec<_> =
            files.open(name()).await.unwrap().map(|piece| piece.unwrap().to_vec()).collect().await;
        assert_eq!(read.concat(), "grüße".as_bytes());
        files.discard(name()).await.unwrap();
        assert!(files.open(name()).await.is_err());
    }
    assert_eq!(left(folder.path()), 0);
}

#[tokio::test]
async fn of_what_is_refused_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::in_folder(folder.path()).unwrap();
    assert!(matches!(
        files.keep(name(), MediaType::Text, 3, pieces(&["ab", "cd"])).await,
        Err(NotKept::TooLarge { limit: 3 })
    ));
    assert!(matches!(files.keep(name(), MediaType::Text, 3, pieces(&[])).await, Err(NotKept::Empty)));
    assert!(matches!(
        files.keep(name(), MediaType::Pdf, 9, pieces(&["text"])).await,
        Err(NotKept::NotAsDeclared(_))
    ));
    assert!(matches!(
        files.keep(name(), MediaType::Pdf, 9, pieces(&["%P"])).await,
        Err(NotKept::NotAsDeclared(_))
    ));
    let broken = stream::iter([Ok(Bytes::from_static(b"ab")), Err(io::ErrorKind::TimedOut.into())]);
    assert!(matches!(files.keep(name(), MediaType::Text, 9, broken).await, Err(NotKept::Broken(_))));
    assert_eq!(left(folder.path()), 0);
}

#[test]
fn what_is_no_store_is_refused() {
    for place in ["", "ftp://example.com/x", "https://example.com", "file://host/share"] {
        assert!(Files::at(place).is_err(), "{place}");
    }
}

/// What a bucket of S3 answers to uploads in parts, reads and deletions (Amazon S3 API reference, version 2006-03-01), on loopback.
#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    parts: Arc<Mutex<BTreeMap<String, BTreeMap<u32, Bytes>>>>,
}

impl Bucket {
    async fn serve(&self) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().fallback(Self::answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Url::parse(&format!("http://{address}")).unwrap()
    }

    async fn answer(State(bucket): State<Self>, request: Request) -> Response {
        let signed = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        if !signed.is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential=key/")) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let key = request.uri().path().to_owned();
        let query: BTreeMap<_, _> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let method = request.method().clone();
        let body = axum::body::to_bytes(request.into_body(), 100 << 20).await.unwrap();
        let (mut objects, mut parts) = (bucket.objects.lock().unwrap(), bucket.parts.lock().unwrap());
        match (method.as_str(), query.get("partNumber")) {
            ("POST", None) if query.contains_key("uploads") => {
                parts.insert(key.clone(), BTreeMap::new());
                format!("<InitiateMultipartUploadResult><Key>{key}</Key><UploadId>one</UploadId></InitiateMultipartUploadResult>")
                    .into_response()
            }
            ("PUT", Some(number)) => {
                parts.get_mut(&key).unwrap().insert(number.parse().unwrap(), body);
                [("etag", format!("\"{number}\""))].into_response()
            }
            ("POST", None) if query.contains_key("delete") => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                let named = text.split_once("<Key>").unwrap().1.split_once("</Key>").unwrap().0;
                objects.remove(&format!("{key}/{named}"));
                format!("<DeleteResult><Deleted><Key>{named}</Key></Deleted></DeleteResult>").into_response()
            }
            ("POST", None) => {
                let whole = parts.remove(&key).unwrap().into_values().flatten().collect();
                objects.insert(key, whole);
                "<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>"
                    .into_response()
            }
            ("DELETE", None) => {
                parts.remove(&key);
                StatusCode::NO_CONTENT.into_response()
            }
            ("GET", None) => match objects.get(&key) {
                Some(object) => {
                    let headers = [("etag", "\"whole\""), ("last-modified", "Wed, 25 Nov 2026 00:00:00 GMT")];
                    (headers, object.clone()).into_response()
                }
                None => StatusCode::NOT_FOUND.into_response(),
            },
            _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        }
    }
}

#[tokio::test]
async fn a_bucket_keeps_files_under_its_prefix() {
    let bucket = Bucket::default();
    let endpoint = bucket.serve().await;
    let settings = [
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", endpoint.as_str().trim_end_matches('/')),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let files = Files::in_bucket(&Url::parse("s3://evidence/of/all").unwrap(), settings).unwrap();

    // More than the 5 MiB of one part.
    let long: &'static str = Box::leak("ü".repeat(3 << 20).into_boxed_str());
    let kept = files.keep(name(), MediaType::Text, 10 << 20, pieces(&["a", long])).await.unwrap();
    assert_eq!(kept.size, 1 + (6 << 20));
    let key = format!("/evidence/of/all/{}/{}/{}", name().customer, name().evidence, name().object);
    assert_eq!(bucket.objects.lock().unwrap().keys().collect::<Vec<_>>(), [&key]);
    let read: Vec<_> = files.open(name()).await.unwrap().map(|piece| piece.unwrap().to_vec()).collect().await;
    assert_eq!(read.concat(), format!("a{long}").as_bytes());
    files.discard(name()).await.unwrap();
    assert!(files.open(name()).await.is_err());

    let refused = files.keep(name(), MediaType::Text, 9, pieces(&[long])).await;
    assert!(matches!(refused, Err(NotKept::TooLarge { limit: 9 })));
    assert!(bucket.objects.lock().unwrap().is_empty());
    assert!(bucket.parts.lock().unwrap().is_empty());
}
