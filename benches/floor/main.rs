//! `cargo bench --bench floor`: the gateway against the floor, a hand-written endpoint with one SQL statement an operation.
//!
//! Same machine, same database (the demo world), same policies, same sign-in; answers are compared first; rounds are
//! interleaved; what is printed are ratios of one run, since machines are noisy. Both servers are processes of their
//! own, on loopback, and end with this one. Linux only (/proc). `cargo bench --bench floor -- --rounds 9 --seconds 5`
//! In the same rounds a second gateway serves a copy of the database that records no reads: what access transparency costs. With
//! `--durable` commits wait for the disk, as they do in production.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measuring instrument, not a part of the gateway"
)]

mod floor;
mod load;
mod processes;
mod unrecorded;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::TimeDelta;
use posture_gateway::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, HttpLimits, LiveLimits};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::user::ViewerKind;
use posture_gateway::graphql::limits::{Limits, Spending};
use posture_gateway::graphql::{Executor, schema};
use posture_gateway::http::auth::{DevelopmentKey, KeySet, Verifier};
use posture_gateway::http::live::LiveDoor;
use posture_gateway::http::{App, Refusals, router, serve};
use posture_gateway::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::net::TcpListener;

use load::{Call, Measured, load};

/// An operation: its name, its document, the persona that sends it.
struct Operation {
    name: &'static str,
    document: &'static str,
    token: String,
    customer: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("serve-gateway" | "serve-floor") => runtime.block_on(server(&arguments)),
        _ => runtime.block_on(measure(
            option(&arguments, "--rounds", 5)?,
            Duration::from_secs(option(&arguments, "--seconds", 3)? as u64),
            option(&arguments, "--connections", 16)?,
            if arguments.iter().any(|argument| argument == "--durable") {
                Options::DEMO
            } else {
                Options::TESTS
            },
        )),
    }
}

fn option(arguments: &[String], name: &str, default: usize) -> anyhow::Result<usize> {
    match arguments.iter().position(|argument| argument == name) {
        Some(at) => Ok(arguments.get(at + 1).context("a number is missing")?.parse()?),
        None => Ok(default),
    }
}

/// One of the two servers, until its standard input ends.
async fn server(arguments: &[String]) -> anyhow::Result<()> {
    let [kind, url, key] = arguments else { anyhow::bail!("serve-... URL KEY") };
    let verifier = Arc::new(Verifier {
        keys: KeySet::load(Path::new(key))?,
        issuer: DEVELOPMENT_ISSUER.to_owned(),
        audience: DEVELOPMENT_AUDIENCE.to_owned(),
        leeway: TimeDelta::seconds(5),
    });
    let limits = HttpLimits::default();
    let routes = if kind == "serve-floor" {
        floor::router(url.parse()?, verifier)
    } else {
        let database = Database::new(url.parse()?, PoolSettings::default());
        router(App {
            live: LiveDoor::new(database.clone(), LiveLimits::default()),
            // One user sends everything there is: without a budget.
            executor: Executor::new(schema(), database, Clock::System, Limits::default())
                .spending(Spending::unlimited()),
            verifier,
            limits,
            refusals: Refusals::default(),
            origins: Vec::new(),
            graphiql: false,
            files: posture_gateway::files::Files::in_folder(std::path::Path::new("target/bench-evidence"))?,
            evidence_limits: posture_gateway::config::EvidenceLimits::default(),
            ingest_limits: posture_gateway::config::IngestLimits::default(),
            metrics: true,
            personas: None,
        })
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().lines().count());
    serve(listener, routes, limits, async move {
        let _ = ended.await;
    })
    .await?;
    Ok(())
}

/// A server in a process of its own; it ends when its standard input does, so with this process.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(kind: &str, url: &str, key: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([kind, url])
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no output")?).read_line(&mut line)?;
        Ok(Self { address: line.trim().parse()?, child })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

async fn measure(rounds: usize, time: Duration, connections: usize, options: Options) -> anyhow::Result<()> {
    let folder = std::env::temp_dir().join(format!("posture-gateway-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::os::unix::fs::chown(&folder, None, None)?;
    let postgres = PrivatePostgres::start(&folder.join("postgres"), options)?;
    let key = DevelopmentKey::load_or_create(&folder.join("key"))?;
    let now = Clock::System.now();
    eprintln!("making the demo world ...");
    let mut owner = PgConnection::connect_with(&postgres.options(SUPERUSER, "template1")).await?;
    sqlx::migrate!("./migrations").run(&mut owner).await?;
    let world = posture_gateway::demo::world(now);
    let personas = posture_gateway::demo::personas();
    world.insert(&mut owner, |_, _| ()).await?;
    owner.execute("vacuum analyze").await?;
    owner.close().await?;
    unrecorded::copy(&postgres).await?;

    let url = postgres.url("posture_gateway", "template1");
    let gateway = Process::start("serve-gateway", &url, key.public_path())?;
    let floor = Process::start("serve-floor", &url, key.public_path())?;
    let silent = postgres.url("posture_gateway", unrecorded::DATABASE);
    let silent = Process::start("serve-gateway", &silent, key.public_path())?;
    let processes = [&gateway, &floor, &silent];
    // The first of a kind is the one who sees most.
    let token = |kind: ViewerKind| {
        let persona = personas.iter().find(|p| p.kind == kind).context("no such persona")?;
        let token =
            key.mint(persona.user, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, now, TimeDelta::hours(6));
        anyhow::Ok((token, persona.customer))
    };
    let operations = operations(&token)?;

    println!(
        "{rounds} interleaved rounds of {} s, {connections} connections; gateway / floor, medians",
        time.as_secs()
    );
    println!("operation          throughput      p50      p99      CPU   (server  PostgreSQL)   statements");
    let postmaster: u32 = std::fs::read_to_string(folder.join("postgres/data/postmaster.pid"))?
        .lines()
        .next()
        .context("no server")?
        .parse()?;
    let mut costs = Vec::new();
    for operation in &operations {
        let calls = calls(operation, processes.map(|process| process.address));
        same_answers(operation, &calls).await?;
        let mut ratios: Vec<[f64; 11]> = Vec::new();
        for round in 0..rounds {
            let mut results = [None, None, None];
            for nth in 0..3 {
                let which = (nth + round) % 3;
                let process = processes[which];
                let before = sample(process, postmaster, gateway.address).await?;
                let measured = load(&calls[which], connections, time).await?;
                let after = sample(process, postmaster, gateway.address).await?;
                results[which] = Some(per_request(&measured, &before, &after));
            }
            let [Some(ours), Some(theirs), Some(silent)] = results else { continue };
            ratios.push([
                ours.throughput / theirs.throughput,
                ours.p50 / theirs.p50,
                ours.p99 / theirs.p99,
                (ours.server + ours.postgres) / (theirs.server + theirs.postgres),
                ours.server / theirs.server,
                ours.postgres / theirs.postgres,
                ours.statements,
                ours.throughput / silent.throughput,
                ours.p50 / silent.p50,
                (ours.server + ours.postgres) / (silent.server + silent.postgres),
                ours.postgres / silent.postgres,
            ]);
        }
        let m = |nth: usize| median(ratios.iter().map(|ratio| ratio[nth]).collect());
        println!(
            "{:18} {:10.2} {:8.2} {:8.2} {:8.2}   ({:6.2}  {:10.2})   {:.1} / {:.1}",
            operation.name,
            m(0),
            m(1),
            m(2),
            m(3),
            m(4),
            m(5),
            m(6),
            floor::STATEMENTS
        );
        let (throughput, p50, cpu, postgres) = (m(7), m(8), m(9), m(10));
        costs.push(unrecorded::Cost { name: operation.name, throughput, p50, cpu, postgres });
    }
    unrecorded::print(&costs);
    let busiest = &operations[0];
    load(&calls(busiest, processes.map(|process| process.address))[0], 64, time).await?;
    println!(
        "resident memory of the gateway after {} with 64 connections: {:.0} MB",
        busiest.name,
        processes::cost(gateway.child.id()).1
    );
    drop((gateway, floor, silent));
    postgres.stop();
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn operations(
    token: &impl Fn(ViewerKind) -> anyhow::Result<(String, Option<posture_gateway::domain::ids::CustomerId>)>,
) -> anyhow::Result<Vec<Operation>> {
    let (partner, sample) = token(ViewerKind::PartnerUser)?;
    let (customer, _) = token(ViewerKind::CustomerUser)?;
    let sample = sample.map(|id| posture_gateway::domain::global_id::GlobalId::Customer(id).to_string());
    Ok(vec![
        Operation {
            name: "partner-home",
            document: include_str!("../documents/partner-home.graphql"),
            token: partner.clone(),
            customer: None,
        },
        Operation {
            name: "dashboard",
            document: include_str!("../documents/dashboard.graphql"),
            token: partner.clone(),
            customer: None,
        },
        Operation {
            name: "customer-findings",
            document: include_str!("../documents/customer-findings.graphql"),
            token: partner,
            customer: sample,
        },
        Operation {
            name: "portal-home",
            document: include_str!("../documents/portal-home.graphql"),
            token: customer,
            customer: None,
        },
    ])
}

/// The operation as it is sent to the gateway, the floor and the gateway that records nothing.
fn calls(operation: &Operation, [gateway, floor, silent]: [SocketAddr; 3]) -> [Call; 3] {
    let body = serde_json::json!({
        "query": operation.document,
        "variables": operation.customer.as_ref().map(|id| serde_json::json!({ "customer": id })),
    })
    .to_string();
    let ours = |to| Call::post(to, "/graphql", &operation.token, "application/json", &body);
    let customer = operation.customer.as_deref().unwrap_or_default();
    let theirs = Call::post(floor, &format!("/{}", operation.name), &operation.token, "text/plain", customer);
    [ours(gateway), theirs, ours(silent)]
}

/// All answer the same, apart from cursors, which are each server's own.
async fn same_answers(operation: &Operation, calls: &[Call; 3]) -> anyhow::Result<()> {
    let mut answers = Vec::new();
    for call in calls {
        let mut answer: serde_json::Value = serde_json::from_str(&call.once().await?)?;
        if let Some(cursor) = answer.pointer_mut("/data/customer/findings/pageInfo/endCursor") {
            *cursor = serde_json::Value::Null;
        }
        answers.push(numbers_as_floats(answer["data"].take()));
    }
    for theirs in &answers[1..] {
        if let Some(difference) = difference(&answers[0], theirs, operation.name) {
            anyhow::bail!("the answers differ at {difference}");
        }
    }
    ensure!(!answers[0].is_null(), "{}: no answer", operation.name);
    Ok(())
}

/// The first place where two answers differ.
fn difference(ours: &serde_json::Value, theirs: &serde_json::Value, at: &str) -> Option<String> {
    use serde_json::Value;
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            a.iter().find_map(|(key, value)| difference(value, b.get(key)?, &format!("{at}.{key}")))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(nth, (a, b))| difference(a, b, &format!("{at}[{nth}]")))
        }
        _ => (ours != theirs).then(|| format!("{at}: gateway {ours}, floor {theirs}")),
    }
}

fn numbers_as_floats(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => {
            number.as_f64().map_or(Value::Null, |n| Value::from((n * 1e9).round() / 1e9))
        }
        Value::Array(list) => list.into_iter().map(numbers_as_floats).collect(),
        Value::Object(object) => {
            object.into_iter().map(|(key, value)| (key, numbers_as_floats(value))).collect()
        }
        other => other,
    }
}

struct Sample {
    server: f64,
    postgres: f64,
    statements: f64,
}

async fn sample(process: &Process, postmaster: u32, gateway: SocketAddr) -> anyhow::Result<Sample> {
    let metrics = Call::get(gateway, "/metrics").once().await?;
    let statements =
        metrics.lines().find(|line| !line.starts_with('#')).and_then(|line| line.split(' ').nth(1));
    Ok(Sample {
        server: processes::cost(process.child.id()).0,
        postgres: processes::postgres_cpu(postmaster),
        statements: statements.context("no counter")?.parse()?,
    })
}

struct PerRequest {
    throughput: f64,
    p50: f64,
    p99: f64,
    server: f64,
    postgres: f64,
    statements: f64,
}

fn per_request(measured: &Measured, before: &Sample, after: &Sample) -> PerRequest {
    let requests = measured.requests as f64;
    PerRequest {
        throughput: requests / measured.seconds,
        p50: measured.percentile(0.5),
        p99: measured.percentile(0.99),
        server: (after.server - before.server) / requests,
        postgres: (after.postgres - before.postgres) / requests,
        statements: (after.statements - before.statements) / requests,
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
