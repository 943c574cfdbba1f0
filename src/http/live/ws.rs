//! WebSockets of the subprotocol `graphql-transport-ws`: one task a connection, and one for each operation on it.
//!
//! Browsers let a page open a WebSocket to anywhere, and send no header of its choosing: who asks is told in `connection_init`. What is
//! signed in by a cookie could be used from another page; nothing here is, so `Origin` says nothing that has to be asked.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use uuid::Uuid;

use super::protocol::{self, Closing, SUBPROTOCOL, Said};
use super::stream::{Asked, Ended, Stream, look_after, nobody, reaches, watch};
use super::{Seat, Stranger};
use crate::graphql::error::{Code, coded, nowhere};
use crate::graphql::hidden::{PLACEMENT_HEADER, Placement};
use crate::graphql::mutation::Stamp;
use crate::graphql::{Refusal, Request};
use crate::http::auth::{Pass, SignInError, TokenError, pass_of};
use crate::http::graphql::{Parameters, bad_request, client_name, placement, tells_cost};
use crate::http::{App, CLIENT_NAMES, COST_HEADER, QUERY_COST, failure};

/// How many messages of operations wait for the connection to be written; more, and the operations wait.
const WAITING: usize = 8;

/// How many signs of life a client may leave unanswered.
const UNANSWERED: u32 = 3;

/// How long a message may be that asks for nothing, in bytes: who it is, with a token, or a sign of life. What is longer than most of them
/// ever are is paid for.
const LONGEST_WORD: usize = 16 * 1024;
const LONG_WORD: usize = 1024;

/// How long the client may take over the end of a connection.
const FAREWELL: Duration = Duration::from_secs(1);

/// A request to become a WebSocket.
pub(in crate::http) fn socket(app: App, headers: &HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let placement = match placement(headers) {
        Ok(placement) => placement,
        Err(error) => return bad_request(error.to_string()),
    };
    let tells_cost = match tells_cost(headers) {
        Ok(tells_cost) => tells_cost,
        Err(error) => return bad_request(error),
    };
    let Some(place) = app.live.place() else {
        let mut refusal = failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "TOO_MANY_CONNECTIONS",
            "the gateway has no place for another live connection: try again later",
        );
        refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        return refusal;
    };
    let bytes = app.live.limits.message_bytes;
    let authorization = headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
    let client = client_name(headers);
    upgrade.protocols([SUBPROTOCOL]).max_message_size(bytes).max_frame_size(bytes).on_upgrade(move |socket| {
        let asked = Handshake { authorization, placement, tells_cost, client };
        Connection::serve(app, socket, asked, place)
    })
}

/// What an operation says.
struct Told {
    id: String,
    /// Which of the operations of that id: one that was given up may have something left to say.
    nth: u64,
    what: What,
}

enum What {
    /// An answer, and whether it is the last.
    Answer(Arc<async_graphql::Response>, bool),
    /// The end of the whole connection.
    End(Ended),
}

/// Who signed in, once that is known.
enum Phase {
    /// Not yet.
    Silent,
    /// Somebody, or nobody in particular.
    Open { pass: Option<Pass>, _seat: Seat },
}

/// What the handshake's headers say; `connection_init` may say otherwise.
struct Handshake {
    authorization: Vec<HeaderValue>,
    placement: Placement,
    tells_cost: bool,
    client: Option<String>,
}

/// One connection.
struct Connection {
    app: App,
    phase: Phase,
    /// What the client wants to be told, and how; who asks is the header's, for clients that can send one.
    asked: Handshake,
    operations: HashMap<String, (u64, AbortHandle)>,
    begun: u64,
    tasks: JoinSet<()>,
    /// Looks after the user, and says when the connection has to be closed.
    keeper: JoinSet<()>,
    ends: mpsc::Sender<Ended>,
    out: mpsc::Sender<Told>,
    /// When the client said something, and when it last had an operation.
    heard: Instant,
    busy: Instant,
}

/// How long a client may leave open who it is.
struct Silence {
    until: Instant,
    stranger: Stranger,
}

impl Silence {
    /// Resolves when it has done so for too long; never where there is no silence any more.
    async fn ends(silence: &mut Option<Self>) {
        match silence {
            Some(Self { until, stranger }) => {
                tokio::select! {
                    () = sleep_until(*until) => {}
                    () = stranger.crowded_out() => {}
                }
            }
            None => pending().await,
        }
    }
}

impl Connection {
    async fn serve(app: App, mut socket: WebSocket, asked: Handshake, place: OwnedSemaphorePermit) {
        let (closing, was_open) = if socket.protocol().is_some() {
            let (out, told) = mpsc::channel(WAITING);
            let (ends, ended) = mpsc::channel(1);
            let now = Instant::now();
            let silence =
                Silence { until: now + app.live.limits.init_timeout, stranger: app.live.stranger() };
            let connection = Self {
                app,
                phase: Phase::Silent,
                asked,
                operations: HashMap::new(),
                begun: 0,
                tasks: JoinSet::new(),
                keeper: JoinSet::new(),
                ends,
                out,
                heard: now,
                busy: now,
            };
            connection.run(&mut socket, silence, told, ended).await
        } else {
            (Some(Closing::SUBPROTOCOL), false)
        };
        // Whoever never said who it is takes no place while it goes.
        let place = Some(place).filter(|_| was_open);
        if let Some(closing) = closing {
            // The client's own end is awaited, for a connection that is dropped with something unread is reset, and the code lost.
            let farewell = async {
                let is_about_a_message = closing.is_about_a_message();
                if socket.send(closing.message()).await.is_ok() {
                    while let Some(Ok(_)) = socket.recv().await {}
                    if is_about_a_message {
                        pending::<()>().await;
                    }
                }
            };
            let _ = timeout(FAREWELL, farewell).await;
        }
        drop(place);
    }

    /// Speaks with the client until one of both has had enough; why, where it is the gateway, and whether it was known who it is.
    async fn run(
        mut self,
        socket: &mut WebSocket,
        silence: Silence,
        mut told: mpsc::Receiver<Told>,
        mut ended: mpsc::Receiver<Ended>,
    ) -> (Option<Closing>, bool) {
        let mut silence = Some(silence);
        let app = self.app.clone();
        let mut stopped = std::pin::pin!(app.live.stopped());
        let mut ticks = interval(app.live.limits.keep_alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is at once.
        ticks.tick().await;
        loop {
            let ends_at = self.ends_at();
            let step = tokio::select! {
                // What closes the connection waits for nothing that is under way, neither a stream that opens nor a client that is slow to read.
                biased;
                () = &mut stopped => Err(Stop::Close(Closing::GOING_AWAY)),
                Some(ended) = ended.recv() => Err(Stop::Close(Closing::of(ended))),
                () = reaches(&app, ends_at) => Err(Stop::Close(Closing::of(Ended::Expired))),
                () = Silence::ends(&mut silence) => Err(Closing::LATE.into()),
                step = self.step(socket, &mut told, &mut ticks) => step,
            };
            let is_open = matches!(self.phase, Phase::Open { .. });
            if is_open {
                silence = None;
            }
            match step {
                Ok(()) => {}
                Err(Stop::Close(closing)) => return (Some(closing), is_open),
                Err(Stop::Lost) => return (None, is_open),
            }
        }
    }

    /// The next thing to be told or heard. Given up half way only where the connection is closed.
    async fn step(
        &mut self,
        socket: &mut WebSocket,
        told: &mut mpsc::Receiver<Told>,
        ticks: &mut Interval,
    ) -> Result<(), Stop> {
        tokio::select! {
            // What is told comes before what is asked, and who says much is looked after as well.
            biased;
            Some(told) = told.recv() => self.tell(told, socket).await,
            _ = ticks.tick() => self.look(socket).await,
            message = socket.recv() => match message {
                Some(Ok(message)) => self.hear(message, socket).await,
                Some(Err(error)) => Err(Closing::of_error(&error).map_or(Stop::Lost, Stop::Close)),
                None => Err(Stop::Lost),
            },
        }
    }

    fn ends_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
        match &self.phase {
            Phase::Open { pass: Some(pass), .. } => pass.ends_at(),
            Phase::Open { pass: None, .. } | Phase::Silent => None,
        }
    }

    /// A sign of life, and whether the client gives any.
    async fn look(&mut self, socket: &mut WebSocket) -> Result<(), Stop> {
        let limits = &self.app.live.limits;
        let now = Instant::now();
        if now.duration_since(self.heard) > limits.keep_alive * UNANSWERED {
            return Err(Stop::Lost);
        }
        if !self.operations.is_empty() {
            self.busy = now;
        } else if now.duration_since(self.busy) > limits.idle {
            return Err(Stop::Close(Closing::IDLE));
        }
        send(socket, Message::Ping(axum::body::Bytes::new())).await
    }

    async fn hear(&mut self, message: Message, socket: &mut WebSocket) -> Result<(), Stop> {
        let heard = self.take(message, socket).await;
        // However long that took: what the client has said meanwhile is still to be read.
        self.heard = Instant::now();
        heard
    }

    async fn take(&mut self, message: Message, socket: &mut WebSocket) -> Result<(), Stop> {
        let text = match message {
            Message::Text(text) => text,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Binary(_) => return Err(Closing::INVALID.into()),
            Message::Close(_) => {
                // The answer to it (RFC 6455, section 5.5.1) is sent with the next attempt to read.
                let _ = timeout(FAREWELL, socket.recv()).await;
                return Err(Stop::Lost);
            }
        };
        let Phase::Open { pass, .. } = &self.phase else {
            if text.len() > LONGEST_WORD {
                return Err(Closing::INVALID.into());
            }
            return self.obey(Said::read(text.as_str())?, text.len(), socket).await;
        };
        let user = pass.map(|pass| pass.user);
        let said = self.app.executor.work(text.len(), || Said::read(text.as_str())).await;
        if text.len() > LONG_WORD && !matches!(said, Ok(Said::Subscribe { .. })) {
            self.app.executor.refused(user, text.len());
            if text.len() > LONGEST_WORD {
                return Err(Closing::INVALID.into());
            }
        }
        self.obey(said?, text.len(), socket).await
    }

    /// Does what a message of so many bytes says.
    async fn obey(&mut self, said: Said, bytes: usize, socket: &mut WebSocket) -> Result<(), Stop> {
        match said {
            Said::Ping { payload } => send(socket, protocol::pong(payload)).await,
            Said::Pong {} => Ok(()),
            Said::ConnectionInit { payload } => {
                self.init(payload.unwrap_or_default()).await?;
                send(socket, protocol::ack()).await
            }
            Said::Subscribe { id, payload } => self.subscribe(id, payload, bytes, socket).await,
            Said::Complete { id } => {
                self.forget(&id);
                Ok(())
            }
        }
    }

    /// Who asks: by the payload's `authorization`, else by the handshake's header.
    async fn init(&mut self, payload: Map<String, Value>) -> Result<(), Stop> {
        if matches!(self.phase, Phase::Open { .. }) {
            return Err(Closing::INIT_TWICE.into());
        }
        let mut headers = HeaderMap::new();
        for (name, value) in payload {
            let name = name.to_ascii_lowercase();
            if CLIENT_NAMES.contains(&name.as_str()) {
                self.asked.client = value.as_str().map(str::to_owned);
                continue;
            }
            if ![header::AUTHORIZATION.as_str(), PLACEMENT_HEADER, COST_HEADER].contains(&name.as_str()) {
                continue;
            }
            let value =
                value.as_str().and_then(|text| HeaderValue::from_str(text).ok()).ok_or(Closing::INVALID)?;
            if name == PLACEMENT_HEADER {
                self.asked.placement = Placement::parse(value.as_bytes()).map_err(|_| Closing::INVALID)?;
            } else if name == COST_HEADER {
                let headers = HeaderMap::from_iter([(QUERY_COST.clone(), value)]);
                self.asked.tells_cost = tells_cost(&headers).map_err(|_| Closing::INVALID)?;
            } else {
                headers.append(header::AUTHORIZATION, value);
            }
        }
        if headers.is_empty() {
            for value in self.asked.authorization.drain(..) {
                headers.append(header::AUTHORIZATION, value);
            }
        }
        let (app, now) = (&self.app, self.app.executor.clock().now());
        let pass = pass_of(&headers, &app.verifier, now, app.executor.database()).await;
        let pass = pass.map_err(|error| match error {
            SignInError::Token(TokenError::Expired) => Closing::of(Ended::Expired),
            SignInError::Token(error) => Closing(4403, error.to_string().into()),
            SignInError::Store(_) => Closing::of(Ended::Failing),
        })?;
        let seat = app.live.seat(pass.map(|pass| pass.user)).ok_or(Closing::FULL)?;
        if let Some(pass) = pass {
            let listening = look_after(app, pass).await.map_err(|_| Closing::of(Ended::Failing))?;
            // From here on a change is noticed; so whatever came before is seen by this look.
            super::stream::check(app, pass).await.map_err(Closing::of)?;
            let app = app.clone();
            let ends = self.ends.clone();
            self.keeper.spawn(async move {
                let _ = ends.send(watch(&app, pass, &listening).await).await;
            });
        }
        self.phase = Phase::Open { pass, _seat: seat };
        Ok(())
    }

    /// Begins an operation.
    async fn subscribe(
        &mut self,
        id: String,
        parameters: Parameters,
        bytes: usize,
        socket: &mut WebSocket,
    ) -> Result<(), Stop> {
        let Phase::Open { pass, .. } = &self.phase else { return Err(Closing::UNAUTHORIZED.into()) };
        let pass = *pass;
        if self.operations.contains_key(&id) {
            return Err(Closing::duplicate(&id).into());
        }
        let subject = pass.map(|pass| pass.user);
        let (asked, request) = parameters.asked(self.asked.client.clone(), subject).map_err(|_| {
            self.app.executor.refused(subject, bytes);
            Closing::INVALID
        })?;
        self.busy = Instant::now();
        if self.operations.len() >= self.app.live.limits.operations {
            self.app.executor.refused(subject, bytes);
            let message = format!(
                "a connection has {} operations under way at most: complete one, or open another connection",
                self.app.live.limits.operations
            );
            let error = nowhere(coded(Code::TooManyOperations, message));
            return send(socket, protocol::errors(&id, &[error])).await;
        }
        let mut graphql = match self.app.executor.prepare(asked, request).await {
            Ok(graphql) => graphql.telling_cost(self.asked.tells_cost),
            Err(refusal) => {
                // What is paid for is told at once.
                if matches!(refusal, Refusal::Budget(_)) {
                    self.app.refusals.pause().await;
                }
                return send(socket, protocol::errors(&id, &[refusal.into()])).await;
            }
        };
        let (app, out, placement) = (self.app.clone(), self.out.clone(), self.asked.placement);
        self.begun += 1;
        let (nth, name) = (self.begun, id.clone());
        let say = move |what| {
            let told = Told { id: name.clone(), nth, what };
            let out = out.clone();
            async move { out.send(told).await.is_ok() }
        };
        let task = if graphql.kind() == Some(OperationType::Subscription) {
            if pass.is_none() {
                return send(socket, protocol::errors(&id, &nobody())).await;
            }
            // Here and not in the task: what the client says next, a ping for instance, is answered after the stream is open.
            match Stream::open(&app, Asked { pass, placement, graphql }, false).await {
                Err(errors) => return send(socket, protocol::errors(&id, &errors)).await,
                Ok(mut stream) => self.tasks.spawn(async move {
                    loop {
                        let what = match stream.next().await {
                            Ok(response) => What::Answer(response, false),
                            Err(ended) => What::End(ended),
                        };
                        if !say(what).await {
                            return;
                        }
                    }
                }),
            }
        } else {
            let stamp = Stamp { request: Uuid::new_v4(), idempotency_key: None };
            let request = Request { graphql, subject: pass.map(|pass| pass.user), placement, stamp };
            self.tasks.spawn(async move {
                let patience = app.limits.request_timeout;
                let response = timeout(patience, app.executor.execute(request)).await.unwrap_or_else(|_| {
                    let error = coded(Code::Internal, "the operation took too long");
                    async_graphql::Response::from_errors(vec![nowhere(error)])
                });
                say(What::Answer(Arc::new(response), true)).await;
            })
        };
        self.operations.insert(id, (nth, task));
        Ok(())
    }

    /// Sends what an operation says, unless it was given up meanwhile.
    async fn tell(&mut self, told: Told, socket: &mut WebSocket) -> Result<(), Stop> {
        let Told { id, nth, what } = told;
        if self.operations.get(&id).is_none_or(|(current, _)| *current != nth) {
            return Ok(());
        }
        match what {
            What::End(ended) => Err(Closing::of(ended).into()),
            What::Answer(response, is_last) => {
                let (message, is_refusal) = protocol::answer(&id, &response);
                let began = Instant::now();
                send(socket, message).await?;
                if began.elapsed() > self.app.live.limits.keep_alive {
                    // It took its time, and took it: what it has said meanwhile is still to be read.
                    self.heard = Instant::now();
                }
                if is_refusal {
                    self.forget(&id);
                } else if is_last {
                    self.forget(&id);
                    send(socket, protocol::complete(&id)).await?;
                }
                Ok(())
            }
        }
    }

    /// Gives an operation up, if it is there.
    fn forget(&mut self, id: &str) {
        if let Some((_, task)) = self.operations.remove(id) {
            task.abort();
        }
        self.busy = Instant::now();
        // What has ended leaves nothing behind.
        while self.tasks.try_join_next().is_some() {}
    }
}

/// Why a connection goes no further.
enum Stop {
    /// It is closed.
    Close(Closing),
    /// There is nobody any more.
    Lost,
}

impl From<Closing> for Stop {
    fn from(closing: Closing) -> Self {
        Self::Close(closing)
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), Stop> {
    socket.send(message).await.map_err(|_| Stop::Lost)
}
