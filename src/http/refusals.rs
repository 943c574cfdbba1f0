//! Refusals take turns. A refusal costs its client nothing but the time until it is there: told at once, it can be asked for as fast as
//! processors allow, and everybody else waits beside it. So few are told at a time, and each takes a little while: whoever asks again as soon as
//! they are refused is told some 1,600 in a second, over however many connections. Where the line is full it does not grow: then the
//! connection is the price of the answer.
//!
//! An answer about a document takes no turn, for it is paid for (`graphql/limits/spending.rs`): whoever has nothing left to pay with is refused
//! here again.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

/// How many refusals are told at a time, and how long one takes.
const AT_ONCE: usize = 16;
const TAKES: Duration = Duration::from_millis(10);

/// How many wait at most, those whose turn it is among them. Each keeps a connection, also where its client is gone.
const LINE: usize = 1_000;

/// The turns of one gateway's refusals.
#[derive(Clone, Debug)]
pub struct Refusals {
    line: Arc<Semaphore>,
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
        Self { line: Arc::new(Semaphore::new(LINE)), turns: Arc::new(Semaphore::new(at_once)), takes }
    }

    /// Resolves when a refusal may be told; whether it had a turn, for which there is no place where too many wait.
    async fn turn(&self) -> bool {
        let Ok(_place) = self.line.try_acquire() else { return false };
        // Nobody closes it.
        let _turn = self.turns.acquire().await;
        tokio::time::sleep(self.takes).await;
        true
    }

    /// Resolves after as long as a turn takes: for refusals on one connection, which come one after the other and wait for nobody else's.
    pub(super) async fn pause(&self) {
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
    let mut answer = next.run(request).await;
    let is_free = answer.status().is_client_error() && answer.extensions().get::<Paid>().is_none();
    if is_free && !refusals.turn().await {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
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
        let ends =
            |answer: &Response| answer.headers().get("connection").is_some_and(|value| value == "close");
        let turn = refusals.turns.acquire().await.unwrap();
        for (path, status) in [("/shown", 200), ("/failed", 500), ("/paid", 400)] {
            assert_eq!(ask(path).now_or_never().unwrap().unwrap().status(), status, "{path}");
        }
        let mut waits = std::pin::pin!(ask("/refused"));
        assert!(waits.as_mut().now_or_never().is_none());
        // Where the line is full nobody waits, and the connection ends.
        let line = refusals.line.acquire_many(u32::try_from(LINE - 1).unwrap()).await.unwrap();
        let answer = ask("/refused").now_or_never().unwrap().unwrap();
        assert_eq!((answer.status(), ends(&answer)), (StatusCode::UNAUTHORIZED, true));
        drop((turn, line));
        let answer = waits.await.unwrap();
        assert_eq!((answer.status(), ends(&answer)), (StatusCode::UNAUTHORIZED, false));
    }
}
