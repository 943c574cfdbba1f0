//! Health for orchestrators, and counters.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use super::App;
use crate::store::Database;

/// What it takes to say whether the process can answer.
#[derive(Clone)]
struct Readiness {
    database: Database,
    /// Everybody may ask, and each question takes a connection to the database: one at a time.
    turn: Arc<Semaphore>,
}

/// The routes of health.
pub(super) fn router<S: Clone + Send + Sync + 'static>(database: Database) -> Router<S> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(Readiness { database, turn: Arc::new(Semaphore::new(1)) })
}

/// The process runs.
async fn live() -> &'static str {
    "ok\n"
}

/// The process can answer: its database does.
async fn ready(State(readiness): State<Readiness>) -> Response {
    // Nobody closes it.
    let _turn = readiness.turn.acquire().await;
    match readiness.database.ping().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

/// Counters and gauges in the text format of Prometheus.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let text = format!(
        "# HELP posture_gateway_sql_statements_total Statements sent to PostgreSQL, BEGIN and COMMIT included.\n\
         # TYPE posture_gateway_sql_statements_total counter\n\
         posture_gateway_sql_statements_total {}\n\
         # HELP posture_gateway_live_streams Streams of live events that are open, one more for each WebSocket of a user.\n\
         # TYPE posture_gateway_live_streams gauge\n\
         posture_gateway_live_streams {}\n",
        app.executor.database().statements(),
        app.live.streams()
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
