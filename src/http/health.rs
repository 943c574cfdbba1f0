//! Health for orchestrators, and counters.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::App;
use crate::store::Database;

/// What it takes to say whether the process can answer.
#[derive(Clone)]
struct Readiness {
    database: Database,
    looks: Looks,
}

/// Looks at something that takes a connection, for whoever asks: one at a time, and all who asked before it began are told of it. However many ask,
/// nobody waits for more than two.
#[derive(Clone, Default)]
struct Looks(Arc<Mutex<Option<(Instant, bool)>>>);

impl Looks {
    /// What a look says that begins after this was asked.
    async fn see(&self, look: impl Future<Output = bool>) -> bool {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        match *last {
            Some((began, seen)) if began >= asked => seen,
            _ => {
                let began = Instant::now();
                let seen = look.await;
                *last = Some((began, seen));
                seen
            }
        }
    }
}

/// The routes of health.
pub(super) fn router<S: Clone + Send + Sync + 'static>(database: Database) -> Router<S> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .with_state(Readiness { database, looks: Looks::default() })
}

/// The process runs.
async fn live() -> &'static str {
    "ok\n"
}

/// The process can answer: its database does.
async fn ready(State(Readiness { database, looks }): State<Readiness>) -> Response {
    let answers = looks.see(async {
        let answer = database.ping().await;
        if let Err(error) = &answer {
            tracing::warn!(error = error as &dyn std::error::Error, "not ready");
        }
        answer.is_ok()
    });
    if answers.await {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_are_told_of_two_looks_at_most() {
        let (looks, taken) = (Looks::default(), AtomicUsize::new(0));
        let ask = || {
            looks.see(async {
                tokio::task::yield_now().await;
                taken.fetch_add(1, Ordering::Relaxed);
                true
            })
        };
        assert_eq!(join_all((0..25).map(|_| ask())).await, [true; 25]);
        assert!(taken.load(Ordering::Relaxed) <= 2, "{taken:?}");
        // Whoever asks later is told of a later look.
        let before = taken.load(Ordering::Relaxed);
        ask().await;
        assert_eq!(taken.load(Ordering::Relaxed), before + 1);
    }
}
