//! Load over loopback: a fixed number of connections that each send the same request again as soon as it is answered,
//! for a bounded time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request as it goes over the wire.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Call {
    pub(crate) fn post(to: SocketAddr, path: &str, token: &str, mime: &str, body: &str) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\ncontent-type: {mime}\r\n\
             hidden-fields: extensions\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { to, bytes: [head.as_bytes(), body.as_bytes()].concat() }
    }

    pub(crate) fn get(to: SocketAddr, path: &str) -> Self {
        Self { to, bytes: format!("GET {path} HTTP/1.1\r\nhost: {to}\r\n\r\n").into_bytes() }
    }

    /// Sends it once on a connection of its own.
    pub(crate) async fn once(&self) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(self.to).await?;
        let mut buffer = Vec::new();
        exchange(&mut stream, &self.bytes, &mut buffer).await
    }
}

async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> anyhow::Result<String> {
    stream.write_all(request).await?;
    buffer.clear();
    let head = loop {
        anyhow::ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
    anyhow::ensure!(text.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(buffer));
    let length = text.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap_or("0").parse()?;
    while buffer.len() < head + length {
        anyhow::ensure!(stream.read_buf(buffer).await? > 0, "the connection ended");
    }
    Ok(String::from_utf8_lossy(&buffer[head..]).into_owned())
}

/// What one stretch of load showed.
pub(crate) struct Measured {
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn percentile(&self, p: f64) -> f64 {
        let nth = ((self.latencies.len() as f64 * p) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(nth).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Keeps `connections` busy for `time`.
pub(crate) async fn load(call: &Call, connections: usize, time: Duration) -> anyhow::Result<Measured> {
    let started = Instant::now();
    let end = started + time;
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(call.to).await?;
                stream.set_nodelay(true)?;
                let (mut latencies, mut buffer) = (Vec::new(), Vec::new());
                while Instant::now() < end {
                    let sent = Instant::now();
                    exchange(&mut stream, &call.bytes, &mut buffer).await?;
                    latencies.push(sent.elapsed());
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Measured { requests: latencies.len(), seconds, latencies })
}
