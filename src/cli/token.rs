//! `posture-gateway token`: mints a bearer token, with a development key only.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use chrono::TimeDelta;
use clap::Args;
use sqlx::{Connection as _, PgConnection};

use crate::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, DatabaseArgs};
use crate::domain::clock::Clock;
use crate::domain::ids::UserId;
use crate::http::auth::DevelopmentKey;

/// Mint a bearer token for a user, with a development key only
///
/// The user is looked up by e-mail address, so connect as a role that may read `users`: the database's owner.
#[derive(Args)]
pub(super) struct TokenArgs {
    /// The user's e-mail address
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// The folder of the development key, as `demo` has it in its --data folder; made when it is missing
    #[arg(long, env = "DEVELOPMENT_KEY_DIR", value_name = "DIR")]
    key_dir: PathBuf,
    /// Minutes until the token expires
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    lifetime: u32,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Prints the token.
pub(super) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    let key = DevelopmentKey::load_or_create(&args.key_dir)
        .with_context(|| format!("no development key in {}", args.key_dir.display()))?;
    let mut connection =
        PgConnection::connect(&args.database.database_url).await.context("the database cannot be reached")?;
    let user = crate::store::viewer::user_by_email(&mut connection, &args.user).await?;
    let Some(user) = user else {
        bail!("no user has the e-mail address `{}`, or this database role may not read users", args.user);
    };
    let lifetime = TimeDelta::minutes(args.lifetime.into());
    let token =
        key.mint(UserId(user.0), DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, Clock::System.now(), lifetime);
    writeln!(std::io::stdout().lock(), "{token}")?;
    Ok(())
}
