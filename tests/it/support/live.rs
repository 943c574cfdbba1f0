//! Clients of live events: one that speaks `graphql-transport-ws`, one that reads server-sent events. Time is a bound of failure only.

#![expect(clippy::panic, reason = "what a client must not meet fails its test")]

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use posture_gateway::domain::ids::UserId;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::app::{App, Client};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// What must happen.
pub(crate) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

/// Resolves when a gateway has told, or passed over in silence, everything that it has heard.
pub(crate) async fn quiet(app: &App) {
    within("silence", async {
        while !app.live.is_quiet() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Resolves when a gateway has no stream any more.
pub(crate) async fn no_stream(app: &App) {
    within("the end of all streams", async {
        while app.live.streams() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pings: u32,
}

impl Socket {
    /// One that has said nothing yet.
    pub(crate) async fn open(app: &App) -> Self {
        Self::open_with(app, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// The same, by these headers; or the status that the handshake is answered with.
    pub(crate) async fn open_with(app: &App, headers: &[(&str, &str)]) -> Result<Self, u16> {
        Self::at(&app.url().replace("http://", "ws://"), headers).await
    }

    /// The same at any gateway.
    pub(crate) async fn at(url: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        // What is said does not wait for what was said before to be acknowledged.
        match within("a handshake", connect_async_with_config(request, None, true)).await {
            Ok((stream, _)) => Ok(Self { stream, pings: 0 }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// One of somebody, acknowledged.
    pub(crate) async fn sign_in(app: &App, user: impl Into<UserId>) -> Self {
        let token = app.token(user, app.clock.now(), chrono::TimeDelta::days(3650));
        Self::with_token(app, &token).await
    }

    /// One of whoever holds a token, acknowledged.
    pub(crate) async fn with_token(app: &App, token: &str) -> Self {
        let mut socket = Self::open(app).await;
        socket.init(json!({ "Authorization": format!("Bearer {token}") })).await;
        assert_eq!(socket.hears().await, r#"{"type":"connection_ack"}"#);
        socket
    }

    pub(crate) async fn init(&mut self, payload: Value) {
        self.say(&json!({ "type": "connection_init", "payload": payload })).await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(crate) async fn send(&mut self, message: Message) {
        within("a send", self.stream.send(message)).await.unwrap();
    }

    /// Whether it can still be said.
    pub(crate) async fn try_say(&mut self, text: &str) -> bool {
        self.try_send(Message::text(text)).await
    }

    /// Whether it can still be sent.
    pub(crate) async fn try_send(&mut self, message: Message) -> bool {
        within("a send", self.stream.send(message)).await.is_ok()
    }

    /// Says that it is the end, and what is answered to that.
    pub(crate) async fn ends(&mut self) -> (u16, String) {
        let end = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
        within("an end", self.stream.close(Some(end))).await.unwrap();
        self.closed().await
    }

    /// Begins an operation, and says no more.
    pub(crate) async fn begin(&mut self, id: &str, document: &str) {
        self.say(&json!({ "type": "subscribe", "id": id, "payload": { "query": document } })).await;
    }

    /// Opens a stream; what commits after this is told.
    pub(crate) async fn subscribe(&mut self, id: &str, document: &str) {
        self.begin(id, document).await;
        assert_eq!(self.hears_before_pong().await, [] as [String; 0], "{document}");
    }

    /// The next message to the byte.
    pub(crate) async fn hears(&mut self) -> String {
        match self.next().await {
            Ok(text) => text,
            Err(closed) => panic!("closed with {closed:?}"),
        }
    }

    /// The next message, or how the connection was closed.
    pub(crate) async fn next(&mut self) -> Result<String, (u16, String)> {
        // Signs of life are no messages: however many come, the wait ends.
        within("a message", async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Err((frame.code.into(), frame.reason.to_string()));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(other)) => panic!("{other:?}"),
                    Some(Err(_)) | None => return Err((1006, String::new())),
                }
            }
        })
        .await
    }

    /// The payload of the next message, which must be an event of this operation.
    pub(crate) async fn event(&mut self, id: &str) -> Value {
        let text = self.hears().await;
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{text}");
        message["payload"].clone()
    }

    /// How it is closed, with nothing said before.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        match self.next().await {
            Ok(text) => panic!("{text}"),
            Err(closed) => closed,
        }
    }

    /// Everything that is said before a ping is answered.
    pub(crate) async fn hears_before_pong(&mut self) -> Vec<String> {
        self.pings += 1;
        let nth = self.pings;
        self.say(&json!({ "type": "ping", "payload": { "nth": nth } })).await;
        let pong = json!({ "type": "pong", "payload": { "nth": nth } });
        let mut heard = Vec::new();
        loop {
            let text = self.hears().await;
            if serde_json::from_str::<Value>(&text).unwrap() == pong {
                return heard;
            }
            heard.push(text);
        }
    }
}

/// A request for a stream of server-sent events.
pub(crate) fn asks(client: &Client, document: &str) -> RequestBuilder {
    client
        .request(Method::POST)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(json!({ "query": document }).to_string())
}

/// A stream of server-sent events.
pub(crate) struct Events {
    response: reqwest::Response,
    lines: VecDeque<String>,
    rest: String,
}

impl Events {
    /// Asks for a stream; what commits after this is told.
    pub(crate) async fn open(client: &Client, document: &str) -> Self {
        Self::asked(asks(client, document)).await
    }

    /// The same by any request.
    pub(crate) async fn asked(request: RequestBuilder) -> Self {
        let response = within("a stream", request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        Self::of(response)
    }

    pub(crate) fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, lines: VecDeque::new(), rest: String::new() }
    }

    /// The next line; none at the end.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some(at) = self.rest.find('\n') {
                let line: String = self.rest.drain(..=at).collect();
                self.lines.push_back(line.trim_end_matches('\n').to_owned());
            }
        }
    }

    /// The next event's name and data; none where the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        // Signs of life are no events, either.
        within("an event", self.read()).await
    }

    async fn read(&mut self) -> Option<(String, String)> {
        let (mut event, mut data) = (None, None);
        loop {
            let line = self.line().await?;
            match line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")) {
                ("", "") => {
                    if let Some(event) = event.take() {
                        return Some((event, data.unwrap_or_default()));
                    }
                }
                ("event", name) => event = Some(name.to_owned()),
                ("data", text) => data = Some(text.to_owned()),
                // A sign of life.
                ("", _) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next answer.
    pub(crate) async fn event(&mut self) -> Value {
        let (event, data) = self.next().await.unwrap();
        assert_eq!(event, "next", "{data}");
        serde_json::from_str(&data).unwrap()
    }
}
