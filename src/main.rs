//! The command line's door: everything else is in the library.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::EnvFilter;

/// Gives back what a burst of requests took: glibc's keeps a fifth more than there was before, and has nearly twice as much to begin with
/// (`cargo bench --bench hostile`).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let filter =
        EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new("warn,posture_gateway=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match posture_gateway::cli::run(posture_gateway::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
