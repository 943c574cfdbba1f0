//! Refusals take turns. A refusal costs its client nothing but the time until it is there: told at once, it can be asked for as fast as
//! processors allow, and everybody else waits beside it. So few are told at a time, and each takes a little while; however many connections
//! ask for them, they are some 1,600 a second, and whoever asks for more waits in their own line.
//!
//! An answer about a document takes no turn, for it is paid for (`graphql/limits/spending.rs`): whoever has nothing left to pay with is refused
//! here again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

/// How many refusals are told at a time, and how long one takes.
const AT_ONCE: usize = 16;
const TAKES: Duration = Duration::from_millis(10);

/// The turns of one gateway's refusals.
#[derive(Clone, Debug)]
pub struct Refusals {
    turns: Arc<Semaphore>,
    takes: Duration,
}

impl Default for Refusals {
    fn default() -> Self {
        Self::new(AT_ONCE, TAKES)
    }
}

impl Refusals {
    /// So many at a time, each of which takes so long.
    #[must_use]
    pub fn new(at_once: usize, takes: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once)), takes }
    }

    /// Resolves when a refusal may be told.
    pub(super) async fn turn(&self) {
        // Nobody closes it.
        let _turn = self.turns.acquire().await;
        tokio::time::sleep(self.takes).await;
    }
}

/// Marks an answer as paid for.
#[derive(Clone, Copy, Debug)]
struct Paid;

/// The same answer, which its viewer has paid for, whatever it says.
pub(super) fn paid(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Paid);
    answer
}

/// Has every answer that says what was wrong with its request (RFC 9110, section 15.5) take its turn, unless it is paid for.
pub(super) async fn by_turns(State(refusals): State<Refusals>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    if answer.status().is_client_error() && answer.extensions().get::<Paid>().is_none() {
        refusals.turn().await;
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use futures_util::FutureExt as _;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    #[tokio::test]
    async fn what_nobody_paid_for_takes_its_turn() {
        let refusals = Refusals::new(1, TAKES);
        let router = Router::new()
            .route("/shown", get(|| async { "shown" }))
            .route("/failed", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/refused", get(|| async { StatusCode::UNAUTHORIZED }))
            .route("/paid", get(|| async { paid(StatusCode::BAD_REQUEST.into_response()) }))
            .layer(from_fn_with_state(refusals.clone(), by_turns));
        let service = TowerToHyperService::new(router);
        let ask = |path: &str| service.call(Request::builder().uri(path).body(Body::empty()).unwrap());
        let turn = refusals.turns.acquire().await.unwrap();
        for (path, status) in [("/shown", 200), ("/failed", 500), ("/paid", 400)] {
            assert_eq!(ask(path).now_or_never().unwrap().unwrap().status(), status, "{path}");
        }
        let mut waits = std::pin::pin!(ask("/refused"));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(turn);
        assert_eq!(waits.await.unwrap().status(), 401);
    }
}
