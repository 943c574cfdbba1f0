//! `posture-gateway migrate`: brings a database's schema up to date.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Args;
use sqlx::{Connection as _, PgConnection};

use crate::config::DatabaseArgs;

/// The migrations, compiled in.
pub(crate) static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Bring a database's schema up to date, and create the roles that the gateway needs
///
/// Connect as the owner of the database; the role needs CREATEROLE, for it creates the role `posture_gateway` that the
/// gateway serves as.
#[derive(Args)]
pub(super) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Applies what is missing.
pub(super) async fn run(args: MigrateArgs) -> anyhow::Result<()> {
    let mut connection =
        PgConnection::connect(&args.database.database_url).await.context("the database cannot be reached")?;
    MIGRATIONS.run(&mut connection).await.context("a migration failed; nothing of it is left")?;
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
    writeln!(
        std::io::stdout().lock(),
        "the schema is at version {newest}; serve as the role `posture_gateway`"
    )?;
    Ok(())
}
