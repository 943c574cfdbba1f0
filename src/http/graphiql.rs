//! The bundled `GraphiQL` page: the files of `graphiql/dist`, served from the binary so that it works without internet.
//!
//! A debug build reads them from the source tree, a release build carries them. The demo mounts [`router`] beside the API.

use std::borrow::Cow;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::{Embed, EmbeddedFile};

/// Everything comes from this origin. The editor writes style elements and attributes of its own, hence the one
/// `unsafe-inline`, and carries its icons as data.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
                      img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What `/` says where the bundle was never built.
const MISSING: &str = "GraphiQL is not part of this build. Run `npm ci && npm run build` in `graphiql/`, then build the \
                       gateway again; the API itself is at /graphql.\n";

/// The page may change with every build.
const REVALIDATE: &str = "no-cache";
/// A bundled asset's name carries its hash: another content has another name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[derive(Embed)]
#[folder = "graphiql/dist"]
#[allow_missing = true]
struct Bundle;

/// Serves the page at `/` and its assets below; without a bundle `/` answers 503 and says what to run.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(page)).route("/icon.svg", get(icon)).route("/assets/{*path}", get(asset))
}

async fn page(headers: HeaderMap) -> Response {
    Bundle::get("index.html").map_or_else(missing, |file| serve(&headers, file.into(), REVALIDATE))
}

async fn icon(headers: HeaderMap) -> Response {
    Bundle::get("icon.svg").map_or_else(not_found, |file| serve(&headers, file.into(), REVALIDATE))
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    Bundle::get(&format!("assets/{path}"))
        .map_or_else(not_found, |file| serve(&headers, file.into(), IMMUTABLE))
}

fn missing() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, protection(), [(CACHE_CONTROL, "no-store")], MISSING).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, protection(), [(CACHE_CONTROL, "no-store")], "not found\n").into_response()
}

/// A file of the bundle, as it goes out.
struct Asset {
    data: Cow<'static, [u8]>,
    digest: [u8; 32],
    mime: String,
}

impl From<EmbeddedFile> for Asset {
    fn from(file: EmbeddedFile) -> Self {
        Self {
            digest: file.metadata.sha256_hash(),
            mime: file.metadata.mimetype().to_owned(),
            data: file.data,
        }
    }
}

fn serve(request: &HeaderMap, asset: Asset, caching: &'static str) -> Response {
    // Weak, for a compressing layer above may change the bytes.
    let tag = format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(asset.digest));
    let common = (protection(), [(CACHE_CONTROL, caching)], [(ETAG, tag.clone())]);
    if is_known(request, &tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, content_type(&asset.mime))], Body::from(asset.data)).into_response()
}

/// What every answer carries, whatever its status.
fn protection() -> [(HeaderName, &'static str); 4] {
    [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
    ]
}

/// Whether one of the tags that the client holds is this one, compared weakly as RFC 9110 asks for `If-None-Match`.
fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|held| held.trim() == "*" || opaque(held) == opaque(tag))
}

/// The type by the file's name; text is UTF-8.
fn content_type(guess: &str) -> String {
    if guess.starts_with("text/") { format!("{guess}; charset=utf-8") } else { guess.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const SCRIPT: &[u8] = b"export {};";

    fn script() -> Asset {
        Asset { data: SCRIPT.into(), digest: [0; 32], mime: "text/javascript".to_owned() }
    }

    fn holding(tags: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(tags))])
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn an_asset_comes_with_its_type_tag_and_caching() {
        let response = serve(&HeaderMap::new(), script(), IMMUTABLE);
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(response.headers()[ETAG], format!("W/\"{}\"", "A".repeat(43)));
        assert_eq!(body(response).await, SCRIPT);
    }

    #[tokio::test]
    async fn a_held_tag_answers_not_modified_without_a_body() {
        let tag = format!("\"old\", \"{}\"", "A".repeat(43));
        let held = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(&tag).unwrap())]);
        let response = serve(&held, script(), REVALIDATE);
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.headers().contains_key(ETAG));
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        assert!(body(response).await.is_empty());
        assert_eq!(serve(&holding("*"), script(), REVALIDATE).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve(&holding("\"old\""), script(), REVALIDATE).status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_missing_bundle_says_what_to_run() {
        let response = missing();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(String::from_utf8(body(response).await).unwrap().contains("npm ci && npm run build"));
    }

    #[tokio::test]
    async fn every_answer_is_protected() {
        let unmodified = serve(&holding("*"), script(), REVALIDATE);
        for response in [serve(&HeaderMap::new(), script(), IMMUTABLE), unmodified, missing(), not_found()] {
            let headers = response.headers();
            let policy: Vec<_> = headers[CONTENT_SECURITY_POLICY].to_str().unwrap().split("; ").collect();
            let expected = [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self' 'unsafe-inline'",
                "font-src 'self' data:",
                "img-src 'self' data:",
                "connect-src 'self'",
                "worker-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ];
            assert_eq!(policy, expected);
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
        }
    }

    #[tokio::test]
    async fn nothing_outside_the_bundle_is_served() {
        for path in ["none.js", "../../package.json", "../../../Cargo.toml", "/etc/passwd"] {
            let response = asset(Path(path.to_owned()), HeaderMap::new()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
    #[tokio::test]
    async fn the_router_has_the_page_and_its_assets_and_no_more() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(axum::serve(listener, router::<()>()).into_future());
        let client = reqwest::Client::new();

        let page = client.get(&address).send().await.unwrap();
        if Bundle::get("index.html").is_some() {
            assert_eq!(page.status(), StatusCode::OK);
            assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(page.headers()[CACHE_CONTROL], REVALIDATE);
        } else {
            assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
        }
        let status = async |path| client.get(format!("{address}{path}")).send().await.unwrap().status();
        assert_eq!(status("/assets/none.js").await, StatusCode::NOT_FOUND);
        assert_eq!(status("/assets/%2e%2e/%2e%2e/package.json").await, StatusCode::NOT_FOUND);
        assert_eq!(client.post(&address).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
        server.abort();
    }
}
