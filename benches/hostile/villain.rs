//! Hostile clients: a fixed number of connections that each send the next request of the corpus as soon as the one before is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::corpus;

/// How long an answer may take.
const BOUND: Duration = Duration::from_secs(10);

/// An answer, as far as it is looked at.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    closes: bool,
}

/// Reads one answer.
pub(crate) async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Answer> {
    buffer.clear();
    let head = loop {
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    let status = text.get(9..12).context("no status")?.parse()?;
    let header = |name: &str| text.split("\r\n").find_map(|line| line.strip_prefix(name));
    let length: usize = header("content-length: ").unwrap_or("0").parse()?;
    while buffer.len() < head + length {
        ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
    }
    let closes = header("connection: ").is_some_and(|value| value.contains("close"));
    Ok(Answer { status, body: buffer[head..head + length].to_vec(), closes })
}

/// What is sent, and what is expected.
struct Shot {
    what: &'static str,
    bytes: Vec<u8>,
    expected: Expected,
}

enum Expected {
    /// An error with this code, or one that is about who asks.
    Code(&'static str),
    /// A refusal with one of these statuses, after which the connection is closed.
    Status(&'static [u16]),
    /// Data: it is dear, and allowed.
    Data,
}

/// What became of an attack.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    /// By code or status.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) slowest: (Duration, &'static str),
    /// How long the answers to each kind took together, and how many there were.
    kinds: BTreeMap<&'static str, (Duration, u32)>,
}

impl Tally {
    /// The kinds that take longest, and how long one of them does.
    pub(crate) fn dearest(&self, most: usize) -> Vec<(&'static str, Duration)> {
        let mut kinds: Vec<_> =
            self.kinds.iter().map(|(what, (took, count))| (*what, *took / (*count).max(1))).collect();
        kinds.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        kinds.truncate(most);
        kinds
    }

    fn count(&mut self, answer: String, took: Duration, what: &'static str) {
        self.requests += 1;
        let kind = self.kinds.entry(what).or_default();
        *kind = (kind.0 + took, kind.1 + 1);
        *self.answers.entry(answer).or_default() += 1;
        if took > self.slowest.0 {
            self.slowest = (took, what);
        }
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        for (answer, count) in other.answers {
            *self.answers.entry(answer).or_default() += count;
        }
        for (what, (took, count)) in other.kinds {
            let kind = self.kinds.entry(what).or_default();
            *kind = (kind.0 + took, kind.1 + count);
        }
        if other.slowest.0 > self.slowest.0 {
            self.slowest = other.slowest;
        }
    }
}

/// The corpus, as everybody sends it.
pub(crate) struct Attack {
    to: SocketAddr,
    shots: Vec<Shot>,
}

/// The dearest that the limits allow, or nearly.
const DEAR: [(&str, &str); 2] = [
    (
        "the dearest page",
        "{ partner { accesses(first: 100) { nodes { customer { name findings(first: 96) { nodes { title severity } } } } } } }",
    ),
    (
        "the whole schema",
        "{ __schema { types { kind name description fields { name description args { name type { name kind ofType { name } } } \
         type { name kind ofType { name kind ofType { name } } } } enumValues { name } inputFields { name type { name } } } } }",
    ),
];

impl Attack {
    /// As whom: tokens, and nobody where one is empty.
    pub(crate) fn new(to: SocketAddr, tokens: &[String]) -> Self {
        let post = |token: &str, body: &[u8]| {
            let authorization =
                if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
            let length = body.len();
            let head = format!(
                "POST /graphql HTTP/1.1\r\nhost: {to}\r\n{authorization}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            [head.as_bytes(), body].concat()
        };
        let mut shots = Vec::new();
        for token in tokens {
            for hostile in corpus::documents().into_iter().chain(corpus::bodies()).chain(corpus::values()) {
                let bytes = post(token, &hostile.body);
                shots.push(Shot { what: hostile.what, bytes, expected: Expected::Code(hostile.code) });
            }
            for (what, query) in DEAR {
                let bytes = post(token, serde_json::json!({ "query": query }).to_string().as_bytes());
                shots.push(Shot { what, bytes, expected: Expected::Data });
            }
        }
        // Each takes a connection of its own.
        for (what, bytes, statuses) in corpus::raw(&to.to_string()) {
            shots.push(Shot { what, bytes, expected: Expected::Status(statuses) });
        }
        // Mixed: the step has no divisor in common with how many there are.
        let count = shots.len();
        let step = (count * 5 / 8..count).find(|step| gcd(*step, count) == 1).unwrap_or(1);
        let mut order: Vec<_> = shots.into_iter().map(Some).collect();
        let mixed = (0..count).filter_map(|nth| order.get_mut(nth * step % count)?.take());
        Self { to, shots: mixed.collect() }
    }

    /// How many different requests there are.
    pub(crate) fn kinds(&self) -> usize {
        self.shots.len()
    }

    /// Sends so many requests.
    pub(crate) async fn run(self: Arc<Self>, requests: usize, connections: usize) -> anyhow::Result<Tally> {
        let next = Arc::new(AtomicUsize::new(0));
        let villains: Vec<_> = (0..connections)
            .map(|_| {
                let (attack, next) = (Arc::clone(&self), Arc::clone(&next));
                tokio::spawn(async move { attack.villain(&next, requests).await })
            })
            .collect();
        let mut tally = Tally::default();
        for villain in villains {
            tally.add(villain.await??);
        }
        Ok(tally)
    }

    async fn villain(&self, next: &AtomicUsize, requests: usize) -> anyhow::Result<Tally> {
        let (mut connection, mut buffer, mut tally) = (None, Vec::new(), Tally::default());
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= requests {
                return Ok(tally);
            }
            let shot = &self.shots[nth % self.shots.len()];
            let begun = Instant::now();
            let told = tokio::time::timeout(BOUND, self.fire(shot, &mut connection, &mut buffer)).await;
            let told = told.with_context(|| format!("{} was not answered within {BOUND:?}", shot.what))?;
            tally.count(told.with_context(|| shot.what)?, begun.elapsed(), shot.what);
        }
    }

    async fn fire(
        &self,
        shot: &Shot,
        connection: &mut Option<TcpStream>,
        buffer: &mut Vec<u8>,
    ) -> anyhow::Result<String> {
        if let Expected::Status(statuses) = shot.expected {
            let mut stream = TcpStream::connect(self.to).await?;
            let _ = stream.write_all(&shot.bytes).await;
            let mut said = Vec::new();
            // It need not read all that is sent, and may cut the connection for it.
            let _ = stream.read_to_end(&mut said).await;
            let said = String::from_utf8_lossy(&said);
            let status = said.rsplit("HTTP/1.1 ").next().and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
            return match status {
                // Who is nobody in particular may have nothing left.
                Some(status) if status == 429 || statuses.contains(&status) => Ok(status.to_string()),
                // The refusal was lost with the rest of what was sent.
                None => Ok("connection closed".to_owned()),
                Some(status) => anyhow::bail!("answered {status}: {said}"),
            };
        }
        // A connection that was closed meanwhile is opened again, once; a refusal may be lost with what was not read of the request.
        for _ in 0..2 {
            let mut stream = match connection.take() {
                Some(stream) => stream,
                None => TcpStream::connect(self.to).await?,
            };
            stream.set_nodelay(true)?;
            let _ = stream.write_all(&shot.bytes).await;
            if let Ok(answer) = answer(&mut stream, buffer).await {
                if !answer.closes {
                    *connection = Some(stream);
                }
                return shot.judge(&answer);
            }
        }
        ensure!(shot.bytes.len() > 60_000, "the connection was closed without an answer");
        Ok("connection closed".to_owned())
    }
}

impl Shot {
    /// What the answer is to be counted as.
    fn judge(&self, answer: &Answer) -> anyhow::Result<String> {
        let text = String::from_utf8_lossy(&answer.body);
        let excerpt = || text.chars().take(300).collect::<String>();
        ensure!(answer.status < 500, "{}: {}", answer.status, excerpt());
        let code = text.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        let about_who = ["BUDGET_EXHAUSTED", "UNAUTHENTICATED"];
        match (&self.expected, code) {
            (Expected::Code(expected), Some(code)) if code == *expected || about_who.contains(&code) => {
                Ok(code.to_owned())
            }
            (Expected::Data, Some(code)) if about_who.contains(&code) || code == "HIDDEN" => {
                Ok(code.to_owned())
            }
            (Expected::Data, None) if text.starts_with("{\"data\":{") => Ok("data".to_owned()),
            // Of some values nothing is said to who sees no such list.
            (Expected::Code("BAD_USER_INPUT"), None) if answer.status == 200 => {
                Ok("nothing there".to_owned())
            }
            _ => anyhow::bail!("{}: {}", answer.status, excerpt()),
        }
    }
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Clients that each hold a connection with half a head, and another one when it is closed.
pub(crate) fn hold_half_heads(to: SocketAddr, connections: usize) -> AbortHandle {
    tokio::spawn(async move {
        let mut holding = tokio::task::JoinSet::new();
        for _ in 0..connections {
            holding.spawn(async move {
                loop {
                    let Ok(mut stream) = TcpStream::connect(to).await else { return };
                    let _ = stream.write_all(b"POST /graphql HTTP/1.1\r\nhost: a\r\nx: ").await;
                    let _ = stream.read(&mut [0; 64]).await;
                }
            });
        }
        while holding.join_next().await.is_some() {}
    })
    .abort_handle()
}
