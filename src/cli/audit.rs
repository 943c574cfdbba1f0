//! `posture-gateway audit verify`: proves audit logs unbroken, or names the first broken event of each that is not.

use std::fmt::Write as _;
use std::io::Write as _;
use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use sqlx::postgres::PgConnectOptions;

use crate::domain::clock::Clock;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, PartnerId};
use crate::store::audit::chain::{self, Log};
use crate::store::scope::PoolSettings;
use crate::store::{Database, Snapshot, explain};

/// Verify the audit logs
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(VerifyArgs),
}

/// Prove audit logs unbroken, or name the first broken event of each
///
/// Every event is chained to the one before it of the same log by a hash. This recomputes each hash from the rows, so an
/// event that was changed, removed, added or moved past the gateway shows. Exits with 1 where one does.
#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// One partner's log only: its `id` in the API
    #[arg(long, value_name = "ID", conflicts_with = "customer", value_parser = parse_partner)]
    partner: Option<PartnerId>,

    /// One customer's log only: its `id` in the API
    #[arg(long, value_name = "ID", value_parser = parse_customer)]
    customer: Option<CustomerId>,

    /// The database that holds them, as a superuser or a role with BYPASSRLS: the gateway's own role sees only what a
    /// viewer sees
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

/// Runs the command.
///
/// # Errors
/// When a log is broken, or the database does not tell.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let Command::Verify(args) = args.command;
    let options = PgConnectOptions::from_str(&args.database_url).context("DATABASE_URL is malformed")?;
    let database = Database::new(options, PoolSettings::default());
    let which = args.partner.map(Log::Partner).or(args.customer.map(Log::Customer));
    let text = verified(database, which).await?;
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// How many events are unbroken, of one log or of all.
///
/// # Errors
/// When a log is broken, naming the first broken event of each, or the database does not tell.
pub async fn verified(database: Database, which: Option<Log>) -> anyhow::Result<String> {
    let snapshot = Snapshot::new(database, None, Clock::System.now());
    let mut reader = snapshot.reader().await?;
    if let Some(role) = explain::held_by_row_security(&mut reader).await? {
        bail!(
            "the database role `{role}` is held by row security, so it sees only what a viewer sees: give `audit verify` \
             a superuser or a role with BYPASSRLS"
        );
    }
    let found = chain::verify(&mut reader, which).await?;
    drop(reader);
    snapshot.finish().await?;

    if !found.breaks.is_empty() {
        let mut text = format!("{} of {} logs broken:", found.breaks.len(), found.logs);
        for broken in &found.breaks {
            let id = match (broken.log, broken.id) {
                (_, None) => String::new(),
                (Log::Partner(log), Some(id)) => format!(" ({})", GlobalId::PartnerAuditEvent(log, id)),
                (Log::Customer(log), Some(id)) => format!(" ({})", GlobalId::CustomerAuditEvent(log, id)),
            };
            write!(text, "\n{}: event {}{id}: {}", named(broken.log), broken.seq, broken.fault)?;
        }
        bail!(text);
    }
    Ok(match (which, found.last) {
        (Some(log), Some((seq, hash))) => {
            let hash = hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
            format!("{}: {seq} events, unbroken; the last one's hash is {hash}\n", named(log))
        }
        (Some(log), None) => format!("{}: no events\n", named(log)),
        (None, _) => format!("{} logs with {} events, all unbroken\n", found.logs, found.events),
    })
}

fn named(log: Log) -> String {
    match log {
        Log::Partner(id) => format!("partner {}", GlobalId::Partner(id)),
        Log::Customer(id) => format!("customer {}", GlobalId::Customer(id)),
    }
}

fn parse_partner(text: &str) -> Result<PartnerId, String> {
    match text.parse() {
        Ok(GlobalId::Partner(id)) => Ok(id),
        Ok(_) => Err("this is the id of something else than a partner".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_customer(text: &str) -> Result<CustomerId, String> {
    match text.parse() {
        Ok(GlobalId::Customer(id)) => Ok(id),
        Ok(_) => Err("this is the id of something else than a customer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
