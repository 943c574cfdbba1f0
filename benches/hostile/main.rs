//! `cargo bench --bench hostile`: hostile clients beside honest ones.
//!
//! `serve` is a process of its own over a private PostgreSQL with the demo world. Honest clients, four users with two connections each,
//! send the pages of the apps at a fixed rate, whatever becomes of the one before: their latency counts from the instant at which a
//! request was due. Alone first, then beside hostile ones, then alone again. Hostile clients send a mixed corpus
//! (`tests/it/support/hostile.rs`) over a fixed number of connections, each request as soon as the one before it is answered, as
//! several users, as nobody and with forged tokens; others hold connections with half a head.
//!
//! It fails where the process ends, an answer is none that is expected of it or takes too long, resident memory is not back to within 20 % of
//! before, or the honest clients' p99 is more than three times their p99 alone. Before memory is looked at all kinds of requests have
//! been sent once, so that what allocators keep is there on both sides. Twice: with the budgets that the gateway comes with, and
//! without any, when its limits alone protect it. Linux only (/proc).
//! `cargo bench --bench hostile -- --requests 100000 --connections 256 --seconds 20`; with `--kinds` it says first what each kind takes,
//! one after the other.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring instrument, not a part of the gateway"
)]

#[path = "../../tests/it/support/hostile.rs"]
mod corpus;
mod honest;
#[path = "../floor/processes.rs"]
#[expect(dead_code, reason = "the other bench looks at PostgreSQL, too")]
mod processes;
mod villain;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use posture_gateway::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::user::ViewerKind;
use posture_gateway::http::auth::DevelopmentKey;
use posture_gateway::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use sqlx::{Connection as _, Executor as _, PgConnection};

use honest::Honest;
use villain::{Attack, Tally};

/// How much more memory there may be afterwards.
const MEMORY: f64 = 1.2;

/// How much slower the honest clients' p99 may be.
const SLOWER: f64 = 3.0;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let requests = option(&arguments, "--requests", 100_000)?;
    let connections = option(&arguments, "--connections", 256)?;
    let alone = Duration::from_secs(option(&arguments, "--seconds", 20)? as u64);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(measure(requests, connections, alone))
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
    address: SocketAddr,
}

impl Gateway {
    fn start(url: &str, key: &DevelopmentKey, budget: Option<u64>) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posture-gateway"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--worker-interval", "0"])
            .env("DATABASE_URL", url)
            .env("TOKEN_KEYS", key.public_path())
            .env("TOKEN_ISSUER", DEVELOPMENT_ISSUER)
            .env("TOKEN_AUDIENCE", DEVELOPMENT_AUDIENCE)
            .stdout(Stdio::piped());
        if let Some(budget) = budget {
            command.args(["--query-budget", &budget.to_string()]);
        }
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut line)?;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        Ok(Self { address: address.with_context(|| format!("no address in `{line}`"))?.parse()?, child })
    }

    /// Resident memory, in MB.
    fn memory(&self) -> f64 {
        processes::cost(self.child.id()).1
    }

    /// Seconds of CPU used so far.
    fn cpu(&self) -> f64 {
        processes::cost(self.child.id()).0 / 1e6
    }

    fn is_alive(&mut self) -> anyhow::Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "the gateway has ended");
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn measure(requests: usize, connections: usize, alone: Duration) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("posture-gateway-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let postgres = PrivatePostgres::start(&folder.join("postgres"), Options::TESTS)?;
    let key = DevelopmentKey::load_or_create(&folder.join("key"))?;
    let now = Clock::System.now();
    eprintln!("making the demo world ...");
    let mut owner = PgConnection::connect_with(&postgres.options(SUPERUSER, "template1")).await?;
    sqlx::migrate!("./migrations").run(&mut owner).await?;
    posture_gateway::demo::world(now).insert(&mut owner, |_, _| ()).await?;
    owner.execute("vacuum analyze").await?;
    owner.close().await?;
    println!(
        "{requests} hostile requests over {connections} connections; honest clients at {} requests/s",
        honest::RATE
    );
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("the machine's load before: {}", load.trim());
    let url = postgres.url("posture_gateway", "template1");
    let mut verdicts = Vec::new();
    for (what, budget) in [("with budgets", None), ("without budgets", Some(0))] {
        println!("\n{what}");
        let gateway = Gateway::start(&url, &key, budget)?;
        verdicts.push(one(gateway, &key, requests, connections, alone).await?);
    }
    postgres.stop();
    let _ = std::fs::remove_dir_all(&folder);
    ensure!(verdicts.iter().all(|holds| *holds), "a target is missed");
    Ok(())
}

/// One gateway's measurement; whether it holds what it has to.
async fn one(
    mut gateway: Gateway,
    key: &DevelopmentKey,
    requests: usize,
    connections: usize,
    alone: Duration,
) -> anyhow::Result<bool> {
    let personas = posture_gateway::demo::personas();
    let token = |user| {
        key.mint(user, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, Clock::System.now(), TimeDelta::hours(6))
    };
    let of = |kind| personas.iter().filter(move |persona| persona.kind == kind);
    let (mut partners, mut customers) = (of(ViewerKind::PartnerUser), of(ViewerKind::CustomerUser));
    let mut next = |partner: bool| {
        let persona = if partner { partners.next() } else { customers.next() };
        persona.map(|persona| token(persona.user)).context("too few personas")
    };
    let honest = [(next(true)?, true), (next(true)?, true), (next(false)?, false), (next(false)?, false)];
    let villains = vec![next(true)?, next(false)?, String::new(), "eyJhbGciOiJFZERTQSJ9.e30.AAAA".to_owned()];
    let honest = Honest::new(gateway.address, &honest);
    let attack = Arc::new(Attack::new(gateway.address, &villains));

    // Whatever is kept is there from now on: every kind of request by everybody, and honest ones.
    let warmed = Arc::clone(&attack).run((attack.kinds() * 2).max(requests / 10), connections).await?;
    honest.run(Duration::from_secs(3)).finish().await?;
    eprintln!("warmed up with {} hostile requests", warmed.requests);
    if std::env::args().any(|argument| argument == "--kinds") {
        for (what, took) in Arc::clone(&attack).run(attack.kinds() * 5, 1).await?.dearest(60) {
            println!("{:8.0} us  {what}", took.as_secs_f64() * 1e6);
        }
    }
    let first = honest.run(alone).finish().await?;
    let (memory, cpu) = (gateway.memory(), gateway.cpu());

    let beside = honest.run(Duration::from_hours(1));
    let slow = villain::hold_half_heads(gateway.address, 64);
    let begun = Instant::now();
    let tally = Arc::clone(&attack).run(requests, connections).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = gateway.cpu() - cpu;
    slow.abort();
    let beside = beside.finish_now().await?;
    gateway.is_alive()?;
    let peak = gateway.memory();
    let second = honest.run(alone).finish().await?;
    gateway.is_alive()?;
    let after = gateway.memory();

    print(&tally, seconds, cpu);
    let mut without = first.clone();
    without.add(&second);
    let ratio = beside.percentile(0.99) / without.percentile(0.99);
    println!("honest clients    p50 ms   p99 ms   max ms   requests   refused");
    for (what, latencies) in
        [("alone, before", &first), ("alone, after", &second), ("alone", &without), ("beside", &beside)]
    {
        println!(
            "{what:15} {:8.2} {:8.2} {:8.1} {:10} {:9}",
            latencies.percentile(0.5),
            latencies.percentile(0.99),
            latencies.percentile(1.0),
            latencies.count(),
            latencies.refused
        );
    }
    println!("p99 beside / alone: {ratio:.2} (at most {SLOWER})");
    println!(
        "resident memory: {memory:.1} MB before, {peak:.1} MB at the end, {after:.1} MB after {} s: {:.2} (at most {MEMORY})",
        alone.as_secs(),
        after / memory
    );
    Ok(ratio <= SLOWER && after / memory <= MEMORY && beside.refused + without.refused == 0)
}

fn print(tally: &Tally, seconds: f64, cpu: f64) {
    println!(
        "{} hostile requests in {seconds:.1} s: {:.0} a second, {:.0} us of the gateway's CPU each, honest ones included; slowest {:.0} ms ({})",
        tally.requests,
        tally.requests as f64 / seconds,
        cpu * 1e6 / tally.requests as f64,
        tally.slowest.0.as_secs_f64() * 1e3,
        tally.slowest.1,
    );
    let counts: Vec<String> =
        tally.answers.iter().map(|(answer, count)| format!("{answer} {count}")).collect();
    println!("answers: {}", counts.join(", "));
}
