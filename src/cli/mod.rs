//! The command line: arguments, start-up and exit codes.

pub mod audit;
pub mod gate;
mod demo;
mod ingest;
mod migrate;
mod schema;
mod serve;
mod token;

use clap::{Parser, Subcommand};

/// A GraphQL gateway for security products sold through partners.
///
/// How much a partner sees of a customer is decided per access by its operating model, the contract and the customer's
/// own consent, and a second time by the database.
#[derive(Parser)]
#[command(name = "posture-gateway", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What each does is said at its arguments.
#[derive(Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(Box<serve::ServeArgs>),
    Migrate(migrate::MigrateArgs),
    /// Print the GraphQL schema (SDL)
    Schema,
    Ingest(ingest::IngestArgs),
    Token(token::TokenArgs),
    Gate(gate::Args),
    Audit(audit::Args),
}

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever stopped it, said for the person at the terminal.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match cli.command {
        Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        Command::Schema => schema::run(),
        Command::Serve(args) => runtime()?.block_on(serve::run(*args)),
        Command::Migrate(args) => runtime()?.block_on(migrate::run(args)),
        Command::Ingest(args) => runtime()?.block_on(ingest::run(args)),
        Command::Token(args) => runtime()?.block_on(token::run(args)),
        Command::Gate(args) => runtime()?.block_on(gate::run(args)),
        Command::Audit(args) => runtime()?.block_on(audit::run(args)),
    }
}

/// Resolves when the process is asked to stop (Ctrl-C or SIGTERM).
pub(crate) async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
