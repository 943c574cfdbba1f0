//! Honest clients: the apps' pages, at a fixed rate, on a thread of their own, so that what they measure is the gateway and not this
//! process's other work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Connections of each user.
const CONNECTIONS: usize = 2;

/// Users.
const USERS: usize = 4;

/// The time between two requests of one connection.
const EVERY: Duration = Duration::from_millis(200);

/// Requests a second, together.
pub(crate) const RATE: u64 = 40;

/// What the latencies of some requests were.
#[derive(Clone, Default)]
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
    /// Requests that were not answered with data.
    pub(crate) refused: usize,
}

impl Latencies {
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// In milliseconds.
    pub(crate) fn percentile(&self, p: f64) -> f64 {
        let nth = ((self.sorted.len() as f64 * p) as usize).min(self.sorted.len().saturating_sub(1));
        self.sorted.get(nth).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.sorted.extend(&other.sorted);
        self.sorted.sort_unstable();
        self.refused += other.refused;
    }
}

/// The honest clients.
pub(crate) struct Honest {
    to: SocketAddr,
    /// Of each user the requests that they send in turn.
    requests: Arc<Vec<Vec<Vec<u8>>>>,
}

/// Clients under way.
pub(crate) struct Running {
    thread: std::thread::JoinHandle<anyhow::Result<Latencies>>,
    stop: Arc<AtomicBool>,
}

impl Running {
    /// Waits until their time is over.
    pub(crate) async fn finish(self) -> anyhow::Result<Latencies> {
        tokio::task::spawn_blocking(|| self.thread.join()).await?.ok().context("an honest client failed")?
    }

    /// Stops them.
    pub(crate) async fn finish_now(self) -> anyhow::Result<Latencies> {
        self.stop.store(true, Ordering::Relaxed);
        self.finish().await
    }
}

impl Honest {
    /// Users by their tokens, and whether they are a partner's.
    pub(crate) fn new(to: SocketAddr, users: &[(String, bool); USERS]) -> Self {
        let partner = [
            include_str!("../documents/partner-home.graphql"),
            include_str!("../documents/dashboard.graphql"),
        ];
        let customer = [include_str!("../documents/portal-home.graphql"), "{ viewer { name } }"];
        let requests = users.iter().map(|(token, is_partner)| {
            let documents = if *is_partner { partner } else { customer };
            documents.iter().map(|document| request(to, token, document)).collect()
        });
        Self { to, requests: Arc::new(requests.collect()) }
    }

    /// Sends requests for a time.
    pub(crate) fn run(&self, time: Duration) -> Running {
        let (to, requests, stop) = (self.to, Arc::clone(&self.requests), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let clients: Vec<_> = (0..USERS * CONNECTIONS)
                    .map(|nth| {
                        let (requests, stopped) = (Arc::clone(&requests), Arc::clone(&stopped));
                        tokio::spawn(
                            async move { client(to, &requests[nth % USERS], nth, time, &stopped).await },
                        )
                    })
                    .collect();
                let mut all = Latencies::default();
                for client in clients {
                    all.add(&client.await??);
                }
                Ok(all)
            })
        });
        Running { thread, stop }
    }
}

fn request(to: SocketAddr, token: &str, document: &str) -> Vec<u8> {
    let body = serde_json::json!({ "query": document }).to_string();
    let length = body.len();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         hidden-fields: extensions\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn client(
    to: SocketAddr,
    requests: &[Vec<u8>],
    nth: usize,
    time: Duration,
    stopped: &AtomicBool,
) -> anyhow::Result<Latencies> {
    let mut stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut latencies, mut buffer) = (Latencies::default(), Vec::new());
    // Spread over the interval, so that they do not all come at once.
    let mut due = Instant::now() + EVERY * u32::try_from(nth)? / (USERS * CONNECTIONS) as u32;
    let end = Instant::now() + time;
    for request in requests.iter().cycle() {
        if due > end || stopped.load(Ordering::Relaxed) {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        stream.write_all(request).await?;
        let answer = super::villain::answer(&mut stream, &mut buffer).await?;
        latencies.sorted.push(due.elapsed());
        latencies.refused += usize::from(!(answer.status == 200 && answer.body.starts_with(b"{\"data\":{")));
        due += EVERY;
    }
    stream.shutdown().await?;
    // What the gateway has still to say is nothing.
    let _ = stream.read(&mut [0; 1]).await;
    Ok(latencies)
}
