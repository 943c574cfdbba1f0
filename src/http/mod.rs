//! Everything that speaks HTTP: router, sign-in, limits, ingestion, health, `GraphiQL`.

pub mod auth;
pub mod cors;
mod distinct;
pub mod evidence;
pub mod graphiql;
mod graphql;
mod health;
pub mod ingest;
pub mod live;
mod media;
mod patience;
mod refusals;
mod scanner;
mod scans;
mod server;
mod share;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract::State};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

pub use refusals::Refusals;
pub use server::serve;

use self::auth::Verifier;
use self::cors::Origin;
use self::evidence::EvidenceState;
use self::ingest::IngestState;
use self::live::LiveDoor;
use crate::config::{EvidenceLimits, HttpLimits, IngestLimits};
use crate::files::Files;
use crate::graphql::Executor;

/// What the doors share.
#[derive(Clone)]
pub struct App {
    /// Answers GraphQL requests.
    pub executor: Executor,
    /// Judges tokens.
    pub verifier: Arc<Verifier>,
    /// Where live events are had.
    pub live: LiveDoor,
    /// The turns that refusals take.
    pub refusals: Refusals,
    /// What a request may cost.
    pub limits: HttpLimits,
    /// What an upload may cost.
    pub ingest_limits: IngestLimits,
    /// Where files of evidence are.
    pub files: Files,
    /// What a file of evidence may cost.
    pub evidence_limits: EvidenceLimits,
    /// The sites whose pages may read answers; none where it is empty.
    pub origins: Vec<Origin>,
    /// Whether `GraphiQL` is served at `/`.
    pub graphiql: bool,
    /// Whether counters are served at `/metrics`.
    pub metrics: bool,
    /// The demo's personas with their tokens, for `GraphiQL`'s switch; none outside the demo.
    pub personas: Option<Arc<serde_json::Value>>,
}

/// All routes.
pub fn router(app: App) -> Router {
    let mut router = Router::new()
        .route("/graphql", get(graphql::get).post(graphql::post))
        .route("/share/{secret}", get(share::get))
        .layer(from_fn_with_state(app.limits.request_timeout, in_time));
    let evidence = EvidenceState {
        database: app.executor.database().clone(),
        verifier: Arc::clone(&app.verifier),
        clock: app.executor.clock().clone(),
        files: app.files.clone(),
        limits: app.evidence_limits,
    };
    // Before the layer: what answers a preflight is the layer round this fallback.
    router = router.merge(evidence::router(evidence)).method_not_allowed_fallback(another_method);
    // What browsers ask for; around the timeout, so that a page can read that answer, too.
    if let Some(cors) = cors::layer(&app.origins) {
        router = router.layer(cors);
    }
    router = router.merge(health::router(app.executor.database().clone()));
    let ingestion = IngestState {
        database: app.executor.database().clone(),
        verifier: Arc::clone(&app.verifier),
        clock: app.executor.clock().clone(),
        limits: app.ingest_limits,
    };
    router = router.merge(scans::router(ingestion.clone(), app.limits)).merge(ingest::router(ingestion));
    if app.metrics {
        router = router.route("/metrics", get(health::metrics));
    }
    if app.graphiql {
        router = router.merge(graphiql::router().layer(CompressionLayer::new()));
    }
    if app.personas.is_some() {
        router = router.route("/demo/personas", get(personas));
    }
    router
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "the gateway failed to answer; it is in its log",
            )
        }))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(from_fn_with_state(app.refusals.clone(), refusals::by_turns))
        .with_state(app)
}

async fn personas(State(app): State<App>) -> Response {
    match app.personas {
        Some(personas) => Json(personas.as_ref()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Answers within a time, the reading of the body included. A stream that has begun is no part of it.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        failure(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            format!("the request took longer than {} s: it was given up", limit.as_secs_f64()),
        )
    })
}

async fn nothing_here() -> Response {
    failure(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this path: GraphQL is at `/graphql`")
}

/// The header `allow`, which the router adds, says which.
async fn another_method() -> Response {
    failure(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        "this path takes other methods, see `allow`",
    )
}

/// A failure in the shape of a GraphQL response: what was wrong, and a code.
fn failure(status: StatusCode, code: &str, message: impl Into<String>) -> Response {
    let message: String = message.into();
    let body = serde_json::json!({ "errors": [{ "message": message, "extensions": { "code": code } }] });
    (status, Json(body)).into_response()
}

/// The request header by which a client says where denials are to be told.
static HIDDEN_FIELDS: HeaderName = HeaderName::from_static(crate::graphql::hidden::PLACEMENT_HEADER);

/// The request header by which a client asks to be told what its request costs.
static QUERY_COST: HeaderName = HeaderName::from_static(COST_HEADER);

/// Its name.
const COST_HEADER: &str = "query-cost";

/// The request headers by which a client says what it is called, the first before the second.
const CLIENT_NAMES: [&str; 2] = ["graphql-client-name", "apollographql-client-name"];
