//! `posture-gateway gate`: prints the gate's tables, or explains its decisions about one access to one viewer.

use std::fmt::Write as _;
use std::io::Write as _;
use std::str::FromStr as _;

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::postgres::PgConnectOptions;

use crate::domain::access::AccessStatus;
use crate::domain::clock::Clock;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AccessId, CustomerId};
use crate::domain::user::PartnerRole;
use crate::policy::tables::{decision_table, tables};
use crate::policy::{Subject, Viewer};
use crate::store::explain::{self, ExplainedAccess};
use crate::store::scope::PoolSettings;
use crate::store::viewer::SignedIn;
use crate::store::{Database, Snapshot};

/// Print the gate's tables from the code, or one decision with its reasons
///
/// Without arguments: who sees what, as the code decides it. With --access and --viewer: what this viewer sees over this
/// access, and why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The access to explain: its `id` in the API; also one that does not exist for the viewer
    #[arg(long, value_name = "ID", requires = "viewer", value_parser = parse_access)]
    access: Option<(CustomerId, AccessId)>,

    /// Whom to explain it for: the user's e-mail address
    #[arg(long, value_name = "EMAIL", requires = "access")]
    viewer: Option<String>,

    /// The database that knows them, as a superuser or a role with BYPASSRLS: the gateway's own role sees only what a
    /// viewer sees
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such user or access, or the database does not tell.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let text = match (args.access, args.viewer) {
        (Some((customer, id)), Some(email)) => {
            let url = args
                .database_url
                .context("`--access` takes a database: set DATABASE_URL or --database-url")?;
            let options = PgConnectOptions::from_str(&url).context("DATABASE_URL is malformed")?;
            let database = Database::new(options, PoolSettings::default());
            explained(database, (customer, id), &email, Clock::System.now()).await?
        }
        _ => tables(),
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// What the viewer sees over the access at an instant, class by class, with the facts that decide it.
///
/// # Errors
/// When there is no such user or access, or the database does not tell.
pub async fn explained(
    database: Database,
    (customer, id): (CustomerId, AccessId),
    email: &str,
    now: DateTime<Utc>,
) -> anyhow::Result<String> {
    let snapshot = Snapshot::new(database, None, now);
    let mut reader = snapshot.reader().await?;
    if let Some(role) = explain::held_by_row_security(&mut reader).await? {
        bail!(
            "the database role `{role}` is held by row security, so it sees only what a viewer sees: give `gate` a \
             superuser or a role with BYPASSRLS"
        );
    }
    let Some(who) = explain::user(&mut reader, email).await? else {
        bail!("no enabled user `{email}` with a role: nobody, so nothing is shown");
    };
    let accesses = explain::access(&mut reader, customer, id, &who.viewer).await?;
    drop(reader);
    snapshot.finish().await?;

    let Some((asked, others)) = accesses.split_first() else {
        bail!("no access `{}`", GlobalId::Access(customer, id));
    };
    let mut text = format!("viewer  {}\n", described_viewer(email, &who));
    describe(&mut text, asked, &who.viewer, now)?;
    // Of the customer's own fields another access may decide: the live one, where this one has ended.
    for deciding in others.iter().filter(|other| decides_for(&who.viewer, other)) {
        writeln!(
            text,
            "\nThe customer's own fields (`Customer.findings` and its like) are decided by the pair's other access:"
        )?;
        describe(&mut text, deciding, &who.viewer, now)?;
    }
    Ok(text)
}

fn decides_for(viewer: &Viewer, access: &ExplainedAccess) -> bool {
    matches!(viewer, Viewer::Partner { partner, .. } if *partner == access.terms.partner)
}

fn described_viewer(email: &str, who: &SignedIn) -> String {
    let kind = who.viewer.kind();
    match (&who.viewer, &who.partner, &who.customer) {
        (Viewer::Partner { role, .. }, Some(partner), _) => {
            format!("{email}, {kind}, {role} of {}", partner.name)
        }
        (Viewer::Customer { role, .. }, _, Some(customer)) => {
            format!("{email}, {kind}, {role} of {}", customer.name)
        }
        _ => format!("{email}, {kind}"),
    }
}

/// The facts and the decisions they lead to.
fn describe(
    text: &mut String,
    access: &ExplainedAccess,
    viewer: &Viewer,
    now: DateTime<Utc>,
) -> std::fmt::Result {
    let terms = &access.terms;
    let facts = terms.facts_at(now, access.assigned);
    let status = match (terms.status, facts.trial_expired) {
        (AccessStatus::Trial, true) => "TRIAL, expired".to_owned(),
        (status, _) => status.to_string(),
    };
    let until = terms
        .consent_until_at(now)
        .map(|until| format!(" until {}", until.to_rfc3339_opts(SecondsFormat::AutoSi, true)));
    writeln!(text, "access  {}", GlobalId::Access(terms.customer, access.id))?;
    writeln!(text, "        {} to {}", access.partner, access.customer)?;
    writeln!(text, "facts   status {status}; operating model {}", facts.operating_model)?;
    writeln!(
        text,
        "        privilege ceiling {}; customer consent {}{}",
        facts.privilege_ceiling,
        facts.customer_consent,
        until.unwrap_or_default()
    )?;
    let assignment = match (viewer, access.assigned) {
        (Viewer::Partner { role: PartnerRole::Operator, .. }, true) => "; assigned to the viewer",
        (Viewer::Partner { role: PartnerRole::Operator, .. }, false) => "; not assigned to the viewer",
        _ => "",
    };
    writeln!(text, "        portal access {}{assignment}", access.portal_access)?;
    let subject =
        Subject { customer: terms.customer, access: Some(facts), portal_access: access.portal_access };
    write!(text, "\n{}", decision_table(viewer, &subject))
}

fn parse_access(text: &str) -> Result<(CustomerId, AccessId), String> {
    match text.parse() {
        Ok(GlobalId::Access(customer, id)) => Ok((customer, id)),
        Ok(_) => Err("this is the id of something else than an access".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
