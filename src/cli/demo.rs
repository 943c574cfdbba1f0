//! `posture-gateway demo`: a private `PostgreSQL`, a world in it, people to see it as, and the gateway.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use nix::unistd::Uid;
use serde_json::Value;
use tokio::net::TcpListener;

use super::ingest::write;
use super::{migrate, stopped};
use crate::config::{
    BudgetArgs, DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, DocumentArgs, EvidenceLimits, HttpLimits,
    IngestLimits, LiveLimits,
};
use crate::demo::{self, Persona};
use crate::domain::clock::Clock;
use crate::domain::ids::CustomerId;
use crate::files::Files;
use crate::graphql::limits::Limits;
use crate::graphql::{Executor, schema};
use crate::http::auth::{DevelopmentKey, Verifier};
use crate::http::live::LiveDoor;
use crate::http::{App, Refusals, router, serve};
use crate::ingest::{Encoding, Packed};
use crate::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use crate::store::provision::Sample;
use crate::store::scope::PoolSettings;
use crate::store::{Database, provision};
use crate::worker::Worker;

/// The demo's database on its private server.
const DATABASE: &str = "posture";

/// The role that the gateway serves as.
const ROLE: &str = "posture_gateway";

/// How long the personas' tokens are good for.
const LIFETIME: TimeDelta = TimeDelta::days(30);

/// How often the worker looks for what is due.
const WORKER_INTERVAL: Duration = Duration::from_secs(5);

/// What real scanners wrote: uploaded like any other results.
const SAMPLES: [(&str, &[u8]); 4] = [
    ("bandit.sarif", include_bytes!("../../tests/data/bandit.sarif")),
    ("npm.cdx.json", include_bytes!("../../tests/data/npm.cdx.json")),
    ("semgrep.sarif", include_bytes!("../../tests/data/semgrep.sarif")),
    ("cyclonedx-py.cdx.json", include_bytes!("../../tests/data/cyclonedx-py.cdx.json")),
];

/// Serve a made-up world on a private PostgreSQL, with GraphiQL and people to ask as
///
/// Fills the database with 4 partners, 100 customers and 50,000 findings, and prints who you can ask as. Ctrl-C stops
/// the gateway and the database; the data stays for the next run.
#[derive(Args)]
pub(super) struct DemoArgs {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The folder of the database and the keys, kept between runs [default: posture-gateway/demo in `XDG_DATA_HOME` or
    /// `~/.local/share`; as root /var/lib/posture-gateway/demo]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Throw the world away and make it anew
    #[arg(long)]
    fresh: bool,
    /// Write the personas with their tokens to this file, as JSON, as soon as the gateway is ready
    #[arg(long, value_name = "FILE")]
    personas_file: Option<PathBuf>,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    budget: BudgetArgs,
}

/// Serves the demo until it is asked to stop.
pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    // First, since a taken port would waste all that follows.
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}; --listen takes another address", args.listen))?;
    let data = match args.data {
        Some(data) => data,
        None => default_data()?,
    };
    fs::create_dir_all(&data).with_context(|| format!("cannot make the folder `{}`", data.display()))?;

    say(&format!("starting PostgreSQL in {}", data.join("postgres").display()));
    let home = data.join("postgres");
    let server = tokio::task::spawn_blocking(move || PrivatePostgres::start(&home, Options::DEMO)).await??;
    let clock = Clock::System;
    let personas = demo::personas();
    let samples = prepare(&server, args.fresh, &personas, clock.now()).await?;

    let database = Database::new(server.options(ROLE, DATABASE), PoolSettings::default());
    database.refuse_powerful_role().await?;
    ingest_samples(&database, clock.now()).await?;

    let key = DevelopmentKey::load_or_create(&data)?;
    let personas = WithTokens::new(&key, personas, clock.now());
    let worker = Worker::new(database.clone(), clock.clone());
    let live = LiveDoor::new(database.clone(), LiveLimits::default());
    let executor = Executor::new(schema(), database, clock, Limits::default())
        .found_at(format!("http://{}", listener.local_addr()?).parse()?)
        .spending(args.budget.spending())
        .trusting(args.documents.documents()?)
        .await?;
    let app = App {
        live: live.clone(),
        executor,
        verifier: Arc::new(Verifier {
            keys: key.key_set()?,
            issuer: DEVELOPMENT_ISSUER.to_owned(),
            audience: DEVELOPMENT_AUDIENCE.to_owned(),
            leeway: TimeDelta::seconds(5),
        }),
        limits: HttpLimits::default(),
        refusals: Refusals::default(),
        ingest_limits: IngestLimits::default(),
        files: Files::in_folder(&data.join("evidence"))?,
        evidence_limits: EvidenceLimits::default(),
        origins: Vec::new(),
        graphiql: true,
        metrics: true,
        personas: Some(Arc::new(
            personas.json(|persona, token| persona.to_json_with_variables(token, &samples)),
        )),
    };
    if let Some(file) = &args.personas_file {
        write_private(file, &format!("{:#}\n", personas.json(Persona::to_json)))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    let welcome = personas.welcome(listener.local_addr()?, args.personas_file.as_deref());
    std::io::stdout().lock().write_all(welcome.as_bytes())?;
    let limits = app.limits;
    let (outcome, ()) = tokio::join!(
        serve(listener, router(app), limits, live.stops_with(stopped())),
        worker.run(WORKER_INTERVAL, stopped())
    );
    outcome.context("the listener failed")?;
    live.ended(limits.shutdown_timeout).await;
    say("stopping PostgreSQL");
    tokio::task::spawn_blocking(move || server.stop()).await?;
    Ok(())
}

/// What is being done, for whoever waits for it.
fn say(what: &str) {
    // Nobody may be listening any more; that is no reason to stop.
    let _ = writeln!(std::io::stderr().lock(), "{what}");
}

/// Where the data is when nobody says: for root outside its home, which `PostgreSQL`'s user may not enter.
fn default_data() -> anyhow::Result<PathBuf> {
    if Uid::effective().is_root() {
        return Ok(PathBuf::from("/var/lib/posture-gateway/demo"));
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .map(|folder| folder.join("posture-gateway/demo"))
        .context("neither XDG_DATA_HOME nor HOME names a folder; --data DIR does")
}

/// The database with its schema and its world, made as far as it is not there; what stands at the personas' customers. The
/// world comes in one transaction: a demo that was stopped in the middle makes it anew.
async fn prepare(
    server: &PrivatePostgres,
    fresh: bool,
    personas: &[Persona],
    now: DateTime<Utc>,
) -> anyhow::Result<HashMap<CustomerId, Sample>> {
    let maintenance = || server.options(SUPERUSER, "postgres");
    if fresh {
        ensure!(
            !server.adopted(),
            "another demo is running on this data; stop it before you make the world anew"
        );
        say("throwing the old world away");
        provision::drop_database(maintenance(), DATABASE).await?;
    }
    provision::create_database(maintenance(), DATABASE).await?;
    say("bringing the schema up to date");
    let mut connection =
        provision::migrate(server.options(SUPERUSER, DATABASE), &migrate::MIGRATIONS).await.context(
            "the data is of another version of the gateway; --fresh makes the world anew, or --data takes another folder",
        )?;
    let progress = |table: &str, rows| {
        if rows > 1000 {
            say(&format!("writing {rows} {}", table.replace('_', " ")));
        }
    };
    if !provision::fill_once(&mut connection, || demo::world(now), progress).await? {
        let users: Vec<_> = personas.iter().map(|persona| persona.user).collect();
        if !provision::has_users(&mut connection, &users).await? {
            bail!("the world in this folder is of another version of the gateway; --fresh makes it anew");
        }
        say("the world of an earlier run is there; --fresh makes it anew");
    }
    let customers: Vec<_> = personas.iter().filter_map(|persona| persona.customer).collect();
    Ok(provision::samples(&mut connection, &customers).await?)
}

/// Uploads what real scanners wrote, two files each for two customers. The same bytes again change nothing, so every
/// run does, in case an earlier one did not come to it.
async fn ingest_samples(database: &Database, now: DateTime<Utc>) -> anyhow::Result<()> {
    for ((customer, scanner), files) in demo::samples().into_iter().zip(SAMPLES.chunks(2)) {
        for (name, bytes) in files {
            let packed = Packed { encoding: Encoding::Plain, limit: bytes.len() as u64, format: None };
            let document =
                crate::ingest::read(*bytes, packed).with_context(|| format!("{name} cannot be read"))?;
            write(database, scanner, customer, document, now).await?;
        }
    }
    Ok(())
}

/// The personas, each with a token.
struct WithTokens(Vec<(Persona, String)>);

impl WithTokens {
    fn new(key: &DevelopmentKey, personas: Vec<Persona>, now: DateTime<Utc>) -> Self {
        let with_token = |persona: Persona| {
            let token = key.mint(persona.user, DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, now, LIFETIME);
            (persona, token)
        };
        Self(personas.into_iter().map(with_token).collect())
    }

    fn json(&self, shape: impl Fn(&Persona, &str) -> Value) -> Value {
        self.0.iter().map(|(persona, token)| shape(persona, token)).collect()
    }

    /// What the terminal shows once the gateway is ready.
    fn welcome(&self, address: SocketAddr, file: Option<&Path>) -> String {
        let who = |persona: &Persona| match persona.role {
            Some(role) => format!("{} {role}", persona.kind),
            None => persona.kind.to_string(),
        };
        let width = |of: &dyn Fn(&Persona) -> usize| self.0.iter().map(|(one, _)| of(one)).max().unwrap_or(0);
        let (emails, kinds) = (width(&|one| one.email.len()), width(&|one| who(one).len()));
        let mut text = format!(
            "\nGraphiQL is at http://{address}/ and GraphQL at http://{address}/graphql\n\nYou can ask as:\n\n"
        );
        for (persona, _) in &self.0 {
            let line =
                format!("  {:emails$}  {:kinds$}  {}\n", persona.email, who(persona), persona.description);
            text.push_str(&line);
        }
        text.push_str("\nPick one in GraphiQL's header");
        match file {
            Some(file) => {
                text.push_str(", or take a token from ");
                text.push_str(&file.display().to_string());
            }
            None => text.push_str("; --personas-file FILE writes their tokens"),
        }
        text.push_str(".\nCtrl-C stops the gateway and its PostgreSQL.\n");
        text
    }
}

/// Writes a file that only its owner can read, and that appears whole or not at all.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.draft", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
