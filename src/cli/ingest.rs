//! `posture-gateway ingest`: writes a scanner's results from the command line, as `POST /ingest/...` does.

use std::fs::File;
use std::io::{self, Cursor, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use sqlx::postgres::PgConnectOptions;

use crate::config::{DatabaseArgs, IngestLimits};
use crate::domain::clock::Clock;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, UserId};
use crate::http::ingest::parse_customer;
use crate::ingest::{self, Document, Encoding, Format, Packed};
use crate::store::ingest::{AppliedRun, Standing, apply, scanner_for, standing};
use crate::store::scope::PoolSettings;
use crate::store::{Database, Snapshot};

/// Write the results of a scanner: a SARIF or CycloneDX file
///
/// Connect as the role `posture_gateway`. The results are written as those of a scanner that is registered for the
/// customer; sending the same file again changes nothing.
#[derive(Args)]
pub(super) struct IngestArgs {
    /// The customer: its id as the API has it, or its UUID
    #[arg(long, value_name = "ID")]
    customer: String,
    /// What the file is; told from its content when absent
    #[arg(long)]
    format: Option<FormatArg>,
    /// The scanner's e-mail address; when absent, the first scanner that is registered for the customer
    #[arg(long, value_name = "EMAIL")]
    scanner: Option<String>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The file, plain or gzip; `-` is standard input
    file: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    /// SARIF 2.1.0
    Sarif,
    /// CycloneDX JSON, 1.4 or later
    #[value(name = "cyclonedx")]
    CycloneDx,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Sarif => Self::Sarif,
            FormatArg::CycloneDx => Self::CycloneDx,
        }
    }
}

/// Reads the file, writes what it reports, and says what came of it.
pub(super) async fn run(args: IngestArgs) -> anyhow::Result<()> {
    let Some(customer) = parse_customer(&args.customer) else {
        bail!("`{}` is no id of a customer: take it from `Customer.id` of the API", args.customer);
    };
    let options: PgConnectOptions =
        args.database.database_url.parse().context("DATABASE_URL is no URL of a database")?;
    let database = Database::new(options, PoolSettings { max_connections: 1, ..PoolSettings::default() });
    let scanner = scanner(&database, customer, args.scanner.as_deref()).await?;

    let format = args.format.map(Format::from);
    let (file, shown) = (args.file.clone(), args.file.display().to_string());
    let document =
        tokio::task::spawn_blocking(move || read(&file, format)).await?.with_context(|| shown.clone())?;
    let (findings, components) = document.report.runs.iter().fold((0, 0), |(findings, components), run| {
        (findings + run.findings.len(), components + run.components.as_ref().map_or(0, Vec::len))
    });
    progress(
        &format!("{shown}: a {} of {findings} findings, {components} components", document.format),
        true,
    );

    let runs = with_progress(write(&database, scanner, customer, document, Clock::System.now())).await?;
    print(customer, &runs)
}

/// As whom the results are written.
async fn scanner(database: &Database, customer: CustomerId, email: Option<&str>) -> anyhow::Result<UserId> {
    let snapshot = Snapshot::new(database.clone(), None, Clock::System.now());
    let found = scanner_for(&mut *snapshot.reader().await?, customer, email)
        .await
        .context("the database does not say which scanners there are; `posture-gateway migrate` it first")?;
    snapshot.finish().await?;
    let Some(scanner) = found else {
        let who = email.map_or_else(|| "no scanner".to_owned(), |email| format!("no scanner `{email}`"));
        bail!(
            "{who} is registered for a customer `{customer}`, or it is disabled; register one, as the database's owner, with\n  \
             insert into users (id, kind, name, email, created_at)\n    \
             values (gen_random_uuid(), 'SCANNER', 'nightly scan', 'scanner@example.com', now());\n  \
             insert into scanner_customers (customer_id, user_id)\n    \
             select '{customer}', id from users where email = 'scanner@example.com';"
        );
    };
    Ok(scanner)
}

fn read(file: &Path, format: Option<Format>) -> anyhow::Result<Document> {
    let mut source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).context("cannot be opened")?)
    };
    let mut magic = Vec::new();
    source.by_ref().take(2).read_to_end(&mut magic).context("cannot be read")?;
    let encoding = if magic == [0x1f, 0x8b] { Encoding::Gzip } else { Encoding::Plain };
    let source = Counting { source: Cursor::new(magic).chain(source), read: 0 };
    let limit = IngestLimits::default().decoded_bytes;
    Ok(ingest::read(source, Packed { encoding, limit, format })?)
}

/// Writes what a document reports, all of it or nothing.
pub(super) async fn write(
    database: &Database,
    scanner: UserId,
    customer: CustomerId,
    document: Document,
    now: DateTime<Utc>,
) -> anyhow::Result<Vec<AppliedRun>> {
    let mut writer = database
        .begin_ingest(scanner, now)
        .await
        .context("results are written as the role `posture_ingest`: connect as `posture_gateway`")?;
    let Standing::Registered(registration) = standing(&mut writer, customer).await? else {
        bail!("the scanner is no longer registered for the customer, or it is disabled");
    };
    let runs = apply(&mut writer, &registration, document, now).await?;
    writer.commit().await?;
    Ok(runs)
}

fn print(customer: CustomerId, runs: &[AppliedRun]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if runs.is_empty() {
        writeln!(out, "the log has no runs: nothing to do")?;
    }
    for run in runs {
        let target = if run.target.is_empty() { String::new() } else { format!(" on {}", run.target) };
        let outcome = if run.changed {
            format!("{} new, {} fixed", run.new, run.fixed)
        } else {
            "unchanged since the last upload".to_owned()
        };
        let AppliedRun { tool, findings, components, .. } = run;
        let scan = GlobalId::Scan(customer, run.scan);
        writeln!(
            out,
            "{tool}{target}: {findings} findings, {components} components, {outcome} (scan {scan})"
        )?;
    }
    Ok(())
}

/// Counts what is read, and says so now and then.
struct Counting<R> {
    source: R,
    read: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const STEP: u64 = 8 * 1024 * 1024;
        let before = self.read / STEP;
        let read = self.source.read(buffer)?;
        self.read += read as u64;
        if self.read / STEP > before {
            progress(&format!("reading, {} MiB", self.read / (1024 * 1024)), false);
        }
        Ok(read)
    }
}

/// Says every second that the work goes on.
async fn with_progress<T>(work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut seconds = 0;
    loop {
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            return done;
        }
        seconds += 1;
        progress(&format!("writing, {seconds} s"), false);
    }
}

/// A line on standard error; one that is not to `stay` is for people at a terminal, and the next one replaces it.
fn progress(line: &str, stay: bool) {
    let mut terminal = io::stderr().lock();
    // Progress is no reason to fail.
    let _ = match (terminal.is_terminal(), stay) {
        (true, true) => writeln!(terminal, "\r\x1b[2K{line}"),
        (true, false) => write!(terminal, "\r\x1b[2K{line}\r").and_then(|()| terminal.flush()),
        (false, true) => writeln!(terminal, "{line}"),
        (false, false) => Ok(()),
    };
}
