//! Server-sent events, as graphql-sse's distinct connections mode has them: one operation a request, `event: next` for each answer,
//! `event: complete` after the last. A stream that ends without it was cut off, and clients connect again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::ServerError;
use async_graphql::parser::types::OperationType;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;

use super::Seat;
use super::stream::{Asked, Ended, Stream, reaches};
use crate::graphql::error::{Code, coded, nowhere};
use crate::graphql::hidden::Placement;
use crate::graphql::mutation::Stamp;
use crate::graphql::{Prepared, Request};
use crate::http::auth::Pass;
use crate::http::graphql::Envelope;
use crate::http::{App, failure};

/// Answers a request with a stream of events.
pub(in crate::http) async fn events(
    app: &App,
    pass: Option<Pass>,
    placement: Placement,
    stamp: Stamp,
    mut graphql: Prepared,
) -> Response {
    if graphql.kind() != Some(OperationType::Subscription) {
        let request = Request { graphql, subject: pass.map(|pass| pass.user), placement, stamp };
        return once(app, &app.executor.execute(request).await);
    }
    let Some(place) = app.live.place() else {
        return too_many(
            StatusCode::SERVICE_UNAVAILABLE,
            "the gateway has no place for another live connection",
        );
    };
    let Some(seat) = app.live.seat(pass.map(|pass| pass.user)) else {
        return too_many(StatusCode::TOO_MANY_REQUESTS, "too many live connections of one user");
    };
    match Stream::open(app, Asked { pass, placement, graphql }, true).await {
        Ok(stream) => {
            let (out, told) = mpsc::channel(1);
            let mut reader = JoinSet::new();
            reader.spawn(read(app.clone(), stream, out));
            let open = Open { told, last: VecDeque::new(), _reader: reader, _place: place, _seat: seat };
            sent(app, stream::unfold(open, Open::next))
        }
        Err(errors) => refused(app, errors),
    }
}

/// A request that is not executed: its errors are the one answer.
pub(in crate::http) fn refused(app: &App, errors: Vec<ServerError>) -> Response {
    once(app, &async_graphql::Response::from_errors(errors))
}

fn once(app: &App, response: &async_graphql::Response) -> Response {
    sent(app, stream::iter([next(response), complete()].map(Ok)))
}

fn too_many(status: StatusCode, message: &str) -> Response {
    let mut refusal = failure(status, "TOO_MANY_CONNECTIONS", format!("{message}: try again later"));
    refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    refusal
}

fn sent(
    app: &App,
    events: impl stream::Stream<Item = Result<sse::Event, Infallible>> + Send + 'static,
) -> Response {
    let keep_alive = KeepAlive::new().interval(app.live.limits.keep_alive);
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that gather answers would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
}

fn next(response: &async_graphql::Response) -> sse::Event {
    let json = serde_json::to_string(&Envelope::of(response)).unwrap_or_default();
    sse::Event::default().event("next").data(json)
}

fn complete() -> sse::Event {
    sse::Event::default().event("complete").data("")
}

/// Reads what a stream is told, until it ends or nobody listens.
///
/// A task of its own: the body is polled only while the client takes what it is sent, and whoever takes nothing would keep a turn, and a
/// connection to the database, in the middle of an event.
async fn read(app: App, mut stream: Stream, out: mpsc::Sender<Result<Arc<async_graphql::Response>, Ended>>) {
    let ends_at = stream.ends_at();
    let mut stopped = std::pin::pin!(app.live.stopped());
    let mut expired = std::pin::pin!(reaches(&app, ends_at));
    loop {
        let told = tokio::select! {
            told = stream.next() => told,
            () = &mut expired => Err(Ended::Expired),
            // Cut off, so that clients connect again, to another gateway.
            () = &mut stopped => return,
        };
        let is_over = told.is_err();
        if out.send(told).await.is_err() || is_over {
            return;
        }
    }
}

/// An open stream of events, and its place among the others.
struct Open {
    told: mpsc::Receiver<Result<Arc<async_graphql::Response>, Ended>>,
    /// What is still sent after that.
    last: VecDeque<sse::Event>,
    /// Ends with it.
    _reader: JoinSet<()>,
    _place: OwnedSemaphorePermit,
    _seat: Seat,
}

impl Open {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        if self.last.is_empty() {
            match self.told.recv().await? {
                Ok(response) => return Some((Ok(next(&response)), self)),
                Err(ended) => self.last = [next(&last_words(ended)), complete()].into(),
            }
        }
        let event = self.last.pop_front()?;
        Some((Ok(event), self))
    }
}

fn last_words(ended: Ended) -> async_graphql::Response {
    let code = match ended {
        Ended::Expired | Ended::Gone => Code::Unauthenticated,
        Ended::Failing => Code::Internal,
    };
    let error = nowhere(coded(code, ended.message()));
    async_graphql::Response::from_errors(vec![error])
}
