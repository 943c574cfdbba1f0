//! `cargo bench --bench ingest`: a SARIF log of 100,000 results through `/ingest/sarif`, against PostgreSQL's own COPY of the rows
//! that came of it.
//!
//! `serve` is a process of its own over a private PostgreSQL. In each round a new customer's scanner uploads the log, which is one
//! transaction; then the same rows are copied to another new customer: same table, indexes, triggers and keys; then the scanner uploads
//! the same results again. What is printed are results a second, the ratio of the first two, and the most memory that `serve` ever
//! held. Linux only (/proc).
//! `cargo bench --bench ingest -- --results 100000 --rounds 3`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a measuring instrument, not a part of the gateway"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use posture_gateway::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::ids::UserId;
use posture_gateway::http::auth::DevelopmentKey;
use posture_gateway::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

const ASSETS: usize = 500;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (results, rounds) = (option(&arguments, "--results", 100_000)?, option(&arguments, "--rounds", 3)?);
    tokio::runtime::Runtime::new()?.block_on(measure(results, rounds))
}

fn option(arguments: &[String], name: &str, default: usize) -> anyhow::Result<usize> {
    match arguments.iter().position(|argument| argument == name) {
        Some(at) => Ok(arguments.get(at + 1).context("a number is missing")?.parse()?),
        None => Ok(default),
    }
}

/// `posture-gateway serve`, until it is dropped.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    fn start(url: &str, key: &DevelopmentKey) -> anyhow::Result<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posture-gateway"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("DATABASE_URL", url)
            .env("TOKEN_KEYS", key.public_path())
            .env("TOKEN_ISSUER", DEVELOPMENT_ISSUER)
            .env("TOKEN_AUDIENCE", DEVELOPMENT_AUDIENCE)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        Ok(Self { address: address.with_context(|| format!("no address in `{line}`"))?.to_owned(), child })
    }

    /// The most memory that it ever held, in MB.
    fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.unwrap_or(f64::NAN) / 1024.0
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A log as scanners write it: each result in another place of one of some hundred applications.
fn log(results: usize) -> String {
    let mut text = String::from(
        r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"probe"}},"automationDetails":{"id":"shop/1"},"results":["#,
    );
    for nth in 0..results {
        let level = ["error", "warning", "note"].get(nth % 3).copied().unwrap_or_default();
        let _ = write!(
            text,
            r#"{}{{"ruleId":"probe.rule-{}","level":"{level}","message":{{"text":"The parameter `p{nth}` is written into the page as it was sent, so that a link can run a script there."}},"locations":[{{"physicalLocation":{{"artifactLocation":{{"uri":"https://app-{}.shop.example/page/{nth}"}},"region":{{"startLine":{}}}}}}}],"partialFingerprints":{{"primaryLocationLineHash":"{nth:016x}:1"}}}}"#,
            if nth == 0 { "" } else { "," },
            nth % 300,
            nth % ASSETS,
            1 + nth % 900,
        );
    }
    text.push_str("]}]}");
    text
}

async fn measure(results: usize, rounds: usize) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("posture-gateway-ingest-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let postgres = PrivatePostgres::start(&folder.join("postgres"), Options::TESTS)?;
    let key = DevelopmentKey::load_or_create(&folder.join("key"))?;
    let mut owner = PgConnection::connect_with(&postgres.options(SUPERUSER, "template1")).await?;
    sqlx::migrate!("./migrations").run(&mut owner).await?;
    let (partner, scanner) = (Uuid::new_v4(), Uuid::new_v4());
    owner
        .execute(AssertSqlSafe(format!(
            "insert into partners (id, name, currency, created_at) values ('{partner}', 'Birch', 'EUR', now());
             insert into users (id, kind, name, created_at) values ('{scanner}', 'SCANNER', 'probe', now());"
        )))
        .await?;
    let gateway = Gateway::start(&postgres.url("posture_gateway", "template1"), &key)?;
    let token = key.mint(
        UserId(scanner),
        DEVELOPMENT_ISSUER,
        DEVELOPMENT_AUDIENCE,
        Clock::System.now(),
        TimeDelta::hours(1),
    );
    let body = log(results);
    println!("{results} results, {:.1} MB of SARIF; {rounds} rounds", body.len() as f64 / 1e6);
    println!("gateway started with {:.0} MB", gateway.peak());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let (uploaded, copied) = (Uuid::new_v4(), Uuid::new_v4());
        for customer in [uploaded, copied] {
            owner
                .execute(AssertSqlSafe(format!(
                    "insert into customers (customer_id, name, created_by, created_at)
                         values ('{customer}', 'Shop', '{partner}', now());
                     insert into scanner_customers (customer_id, user_id) values ('{customer}', '{scanner}');"
                )))
                .await?;
        }
        let upload = results as f64 / send(&http, &gateway, uploaded, &token, body.clone()).await?;
        let copy = results as f64 / copy(&mut owner, uploaded, copied, results).await?;
        // Another document by its digest, with the same results: each is refreshed.
        let refresh = results as f64 / send(&http, &gateway, uploaded, &token, format!("{body}\n")).await?;
        println!(
            "round {round}: upload {upload:7.0} results/s, COPY {copy:7.0} rows/s, ratio {:.2}, \
             the same results again {refresh:7.0} results/s, peak {:.0} MB",
            upload / copy,
            gateway.peak()
        );
        ratios.push(upload / copy);
    }
    ratios.sort_by(f64::total_cmp);
    if let Some(median) = ratios.get(ratios.len() / 2) {
        println!("median ratio {median:.2}");
    }
    drop(gateway);
    owner.close().await?;
    drop(postgres);
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}

/// Uploads a log; how many seconds it took until all of it was kept.
async fn send(
    http: &reqwest::Client,
    gateway: &Gateway,
    customer: Uuid,
    token: &str,
    body: String,
) -> anyhow::Result<f64> {
    let request = http
        .post(format!("http://{}/ingest/sarif?customer={customer}", gateway.address))
        .bearer_auth(token)
        .body(body);
    let begun = Instant::now();
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(status.is_success() && text.contains("\"applied\""), "{status} {text}");
    Ok(seconds)
}

/// Copies a customer's findings to another one, whose assets are there already; how many seconds it took.
async fn copy(owner: &mut PgConnection, from: Uuid, to: Uuid, results: usize) -> anyhow::Result<f64> {
    owner
        .execute(AssertSqlSafe(format!(
            "insert into assets select '{to}', id, kind, value, first_seen_at from assets where customer_id = '{from}'"
        )))
        .await?;
    let columns: String = sqlx::query_scalar(
        "select string_agg(attname, ', ' order by attnum) from pg_attribute
         where attrelid = 'findings'::regclass and attnum > 1 and not attisdropped",
    )
    .fetch_one(&mut *owner)
    .await?;
    // As text that is ready: making it is not what is measured.
    let mut rows = Vec::new();
    {
        use futures_util::TryStreamExt as _;
        let sql =
            format!("copy (select '{to}', {columns} from findings where customer_id = '{from}') to stdout");
        let mut lines = owner.copy_out_raw(&sql).await?;
        while let Some(bytes) = lines.try_next().await? {
            rows.extend_from_slice(&bytes);
        }
    }
    let begun = Instant::now();
    let mut copy = owner.copy_in_raw(&format!("copy findings (customer_id, {columns}) from stdin")).await?;
    for part in rows.chunks(1 << 20) {
        copy.send(part).await?;
    }
    let copied = copy.finish().await?;
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(usize::try_from(copied)? == results, "{copied} rows were copied");
    eprintln!("  {:.1} MB of rows", rows.len() as f64 / 1e6);
    Ok(seconds)
}
