//! Health for orchestrators, and counters.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;

/// The process runs.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The process can answer: its database does.
pub(super) async fn ready(State(app): State<App>) -> Response {
    match app.executor.database().ping().await {
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
