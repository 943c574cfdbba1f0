//! `posture-gateway serve`: serves the API over an existing database.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use sqlx::postgres::PgConnectOptions;
use tokio::net::TcpListener;

use super::stopped;
use crate::config::{
    BudgetArgs, DatabaseArgs, DocumentArgs, EvidenceArgs, HttpArgs, HttpLimits, IngestLimits, LiveArgs,
    PoolArgs, TokenArgs, WorkerArgs,
};
use crate::domain::clock::Clock;
use crate::files::Files;
use crate::graphql::limits::Limits;
use crate::graphql::{Executor, schema};
use crate::http::live::LiveDoor;
use crate::http::{App, Refusals, router, serve};
use crate::store::Database;
use crate::worker::Worker;

/// Serve the API over an existing database
///
/// Connect as the role `posture_gateway`; a role that could see past row-level security is refused.
#[derive(Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    evidence: EvidenceArgs,
    #[command(flatten)]
    worker: WorkerArgs,
    #[command(flatten)]
    live: LiveArgs,
}

/// Serves until the process is asked to stop.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let options: PgConnectOptions =
        args.database.database_url.parse().context("DATABASE_URL is no URL of a database")?;
    let database = Database::new(options, args.pool.into());
    database.refuse_powerful_role().await?;
    let verifier = args.tokens.verifier().with_context(|| format!("{}", args.tokens.token_keys.display()))?;
    let worker = Worker::new(database.clone(), Clock::System);
    let listener = TcpListener::bind(args.http.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.http.listen))?;
    let address = listener.local_addr()?;
    let public_url = match args.http.public_url {
        Some(url) => url,
        None => format!("http://{address}").parse()?,
    };
    let live = LiveDoor::new(database.clone(), args.live.into());
    let executor = Executor::new(schema(), database, Clock::System, Limits::default())
        .found_at(public_url)
        .spending(args.budget.spending())
        .trusting(args.documents.documents()?)
        .await?;
    let app = App {
        live: live.clone(),
        executor,
        verifier: Arc::new(verifier),
        limits: HttpLimits::default(),
        refusals: Refusals::default(),
        ingest_limits: IngestLimits::default(),
        files: Files::at(&args.evidence.evidence_store)?,
        evidence_limits: args.evidence.limits(),
        origins: args.http.cors_origins,
        graphiql: args.http.graphiql,
        metrics: args.http.metrics,
        personas: None,
    };
    writeln!(std::io::stdout().lock(), "GraphQL is at http://{address}/graphql")?;
    let limits = app.limits;
    // Both end with the process's stop; the worker finishes what it has begun.
    let (served, ()) =
        tokio::join!(serve(listener, router(app), limits, live.stops_with(stopped())), async {
            if let Some(every) = args.worker.interval() {
                worker.run(every, stopped()).await;
            }
        });
    live.ended(limits.shutdown_timeout).await;
    served.context("the listener failed")
}
