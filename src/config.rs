//! Configuration: one struct a section; each field names its variable, its unit and its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::domain::public_url::PublicUrl;
use crate::graphql::documents::{AdHoc, Documents, manifest};
use crate::graphql::limits::Spending;
use crate::http::auth::{KeyError, KeySet, Verifier};
use crate::http::cors::Origin;
use crate::policy::Caller;
use crate::store::scope::PoolSettings;

/// The issuer of development tokens, and the default of `--issuer`.
pub const DEVELOPMENT_ISSUER: &str = "posture-gateway";
/// The audience of development tokens, and the default of `--audience`.
pub const DEVELOPMENT_AUDIENCE: &str = "posture-gateway";

/// How to reach `PostgreSQL`.
#[derive(Args, Clone, Debug)]
pub struct DatabaseArgs {
    /// The database's URL: user, password, host and database after `postgres://`
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: String,
}

/// The pool of connections.
#[derive(Args, Clone, Copy, Debug)]
pub struct PoolArgs {
    /// Connections to the database at most; about four a core of the database's machine
    #[arg(long, env = "DATABASE_CONNECTIONS", value_name = "N", default_value_t = 8)]
    pub database_connections: u32,
    /// Seconds that a request waits for a connection
    #[arg(long, env = "DATABASE_ACQUIRE_TIMEOUT", value_name = "SECONDS", default_value_t = 10)]
    pub database_acquire_timeout: u64,
}

impl From<PoolArgs> for PoolSettings {
    fn from(args: PoolArgs) -> Self {
        Self {
            max_connections: args.database_connections,
            acquire_timeout: Duration::from_secs(args.database_acquire_timeout),
        }
    }
}

/// Whose tokens are believed.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// The key that signs tokens: a PEM public key (Ed25519, P-256, RSA) or a JWKS file
    #[arg(long, env = "TOKEN_KEYS", value_name = "FILE")]
    pub token_keys: PathBuf,
    /// The only `iss` that is believed
    #[arg(long, env = "TOKEN_ISSUER", value_name = "TEXT", default_value = DEVELOPMENT_ISSUER)]
    pub issuer: String,
    /// What `aud` has to be or to contain
    #[arg(long, env = "TOKEN_AUDIENCE", value_name = "TEXT", default_value = DEVELOPMENT_AUDIENCE)]
    pub audience: String,
    /// Seconds by which the issuer's clock may differ
    #[arg(long, env = "TOKEN_LEEWAY", value_name = "SECONDS", default_value_t = 5)]
    pub token_leeway: u32,
}

impl TokenArgs {
    /// The verifier that these arguments describe.
    ///
    /// # Errors
    /// When the key file cannot be read or holds what is no usable key.
    pub fn verifier(&self) -> Result<Verifier, KeyError> {
        Ok(Verifier {
            keys: KeySet::load(&self.token_keys)?,
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            leeway: chrono::TimeDelta::seconds(self.token_leeway.into()),
        })
    }
}

/// Where to listen and what to serve there.
#[derive(Args, Clone, Debug)]
pub struct HttpArgs {
    /// The address to listen on; port 0 takes a free one
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the gateway is found from outside, as links begin [default: http:// and the address it listens on]
    #[arg(long, env = "PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// Sites whose pages may read answers, as `https://app.example.com`; several with commas [default: none]
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origins: Vec<Origin>,
    /// Serve GraphiQL at /
    #[arg(long, env = "GRAPHIQL")]
    pub graphiql: bool,
    /// Serve counters at /metrics, in the text format of Prometheus
    #[arg(long, env = "METRICS")]
    pub metrics: bool,
}

/// Which documents are run.
#[derive(Args, Clone, Debug)]
pub struct DocumentArgs {
    /// Documents of the own apps: a folder with a folder for each client, with manifests in it as Apollo's and Relay's tools write
    /// them; or one manifest
    #[arg(long, env = "TRUSTED_DOCUMENTS", value_name = "PATH")]
    pub trusted_documents: Option<PathBuf>,
    /// Who may send documents of their own besides; several with commas
    #[arg(long, env = "AD_HOC", value_name = "WHO", value_delimiter = ',', default_value = "everybody")]
    pub ad_hoc: Vec<Explorers>,
}

/// Users who may send documents of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Explorers {
    /// Everybody, signed in or not.
    Everybody,
    /// Nobody.
    Nobody,
    /// ADMINs of partners.
    PartnerAdmins,
    /// OPERATORs of partners.
    PartnerOperators,
    /// ADMINs of customers.
    CustomerAdmins,
    /// READ_ONLY users of customers.
    CustomerReaders,
    /// Administrators of the platform.
    PlatformAdmins,
}

impl Explorers {
    const fn caller(self) -> Option<Caller> {
        match self {
            Self::Everybody | Self::Nobody => None,
            Self::PartnerAdmins => Some(Caller::PartnerAdmin),
            Self::PartnerOperators => Some(Caller::PartnerOperator),
            Self::CustomerAdmins => Some(Caller::CustomerAdmin),
            Self::CustomerReaders => Some(Caller::CustomerReader),
            Self::PlatformAdmins => Some(Caller::PlatformAdmin),
        }
    }
}

impl DocumentArgs {
    /// The documents that these arguments describe.
    ///
    /// # Errors
    /// When a manifest cannot be read, or holds what is no GraphQL.
    pub fn documents(&self) -> anyhow::Result<Documents> {
        let manifests = match &self.trusted_documents {
            Some(path) => manifest::load(path)?,
            None => manifest::Manifests::new(),
        };
        let ad_hoc = if self.ad_hoc.contains(&Explorers::Everybody) {
            AdHoc::Everybody
        } else {
            AdHoc::Only(self.ad_hoc.iter().filter_map(|who| who.caller()).collect())
        };
        Ok(Documents::trusting(manifests, ad_hoc)?)
    }
}

/// What queries may cost.
#[derive(Args, Clone, Copy, Debug)]
pub struct BudgetArgs {
    /// Points that the queries of one user may cost in a minute, and those of all together who are not signed in; 0 for no limit
    #[arg(long, env = "QUERY_BUDGET", value_name = "POINTS", default_value_t = 500_000)]
    pub query_budget: u64,
}

impl BudgetArgs {
    /// The budgets that these arguments describe.
    #[must_use]
    pub fn spending(self) -> Spending {
        Spending::a_minute(self.query_budget)
    }
}

/// The work that nobody asks for: due schedules, daily snapshots.
#[derive(Args, Clone, Copy, Debug)]
pub struct WorkerArgs {
    /// Seconds between two looks at what is due; 0 leaves the work to other gateways
    #[arg(long, env = "WORKER_INTERVAL", value_name = "SECONDS", default_value_t = 30)]
    pub worker_interval: u64,
}

impl WorkerArgs {
    /// The time between two looks; none where there is no work to be done.
    #[must_use]
    pub fn interval(self) -> Option<Duration> {
        (self.worker_interval > 0).then(|| Duration::from_secs(self.worker_interval))
    }
}

/// What a request may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Bytes of a GraphQL request's body. Default 256 KiB.
    pub body_bytes: usize,
    /// Open connections at most, those for live events among them; more wait until one is closed. Default 10,000.
    pub connections: usize,
    /// Bytes of a request's head, and of what is read ahead of a connection. Default 64 KiB. Headers are 100 at most, which is hyper's own.
    pub head_bytes: usize,
    /// How long a client may take over its headers. Default 10 seconds.
    pub header_timeout: Duration,
    /// How long a GraphQL request may take in all, its body included. Default 30 seconds.
    pub request_timeout: Duration,
    /// How long a client may take nothing of what is sent to it: then its connection is dropped. Default 30 seconds.
    pub write_timeout: Duration,
    /// How long requests under way may take when the gateway stops. Default 10 seconds.
    pub shutdown_timeout: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            connections: 10_000,
            head_bytes: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// What live events may cost.
#[derive(Args, Clone, Copy, Debug)]
pub struct LiveArgs {
    /// Open connections for live events at most, WebSockets and event streams together
    #[arg(long, env = "LIVE_CONNECTIONS", value_name = "N", default_value_t = 2_000)]
    pub live_connections: u32,
    /// Open connections for live events of one user at most
    #[arg(long, env = "LIVE_CONNECTIONS_PER_USER", value_name = "N", default_value_t = 20)]
    pub live_connections_per_user: u32,
    /// Operations under way on one WebSocket at most
    #[arg(long, env = "LIVE_OPERATIONS", value_name = "N", default_value_t = 10)]
    pub live_operations: usize,
    /// Seconds between two signs of life on a connection with nothing to tell
    #[arg(long, env = "LIVE_KEEP_ALIVE", value_name = "SECONDS", default_value_t = 15)]
    pub live_keep_alive: u64,
    /// Seconds after which a WebSocket without an operation is closed
    #[arg(long, env = "LIVE_IDLE", value_name = "SECONDS", default_value_t = 600)]
    pub live_idle: u64,
}

impl From<LiveArgs> for LiveLimits {
    fn from(args: LiveArgs) -> Self {
        Self {
            connections: args.live_connections,
            connections_per_user: args.live_connections_per_user,
            operations: args.live_operations,
            keep_alive: Duration::from_secs(args.live_keep_alive.max(1)),
            idle: Duration::from_secs(args.live_idle),
            ..Self::default()
        }
    }
}

/// What live events may cost before a connection is refused or closed.
#[derive(Clone, Copy, Debug)]
pub struct LiveLimits {
    /// Connections in all. Default 2,000.
    pub connections: u32,
    /// Connections of one user. Default 20.
    pub connections_per_user: u32,
    /// Operations under way on one WebSocket. Default 10.
    pub operations: usize,
    /// How long a WebSocket may take to say who it is. Default 10 seconds.
    pub init_timeout: Duration,
    /// The time between two signs of life; a WebSocket that answers none of three is dropped. Default 15 seconds.
    pub keep_alive: Duration,
    /// How long a WebSocket may be without an operation. Default 10 minutes.
    pub idle: Duration,
    /// Bytes of a message to a WebSocket. Default 256 KiB.
    pub message_bytes: usize,
}

impl Default for LiveLimits {
    fn default() -> Self {
        Self {
            connections: 2_000,
            connections_per_user: 20,
            operations: 10,
            init_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            idle: Duration::from_mins(10),
            message_bytes: 256 * 1024,
        }
    }
}

/// What an upload of scan results may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct IngestLimits {
    /// Bytes as they are sent. Default 64 MiB.
    pub compressed_bytes: u64,
    /// Bytes once they are decompressed. Default 512 MiB.
    pub decoded_bytes: u64,
    /// How long a client may take to send them all. Default 5 minutes.
    pub body_timeout: Duration,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            compressed_bytes: 64 * 1024 * 1024,
            decoded_bytes: 512 * 1024 * 1024,
            body_timeout: Duration::from_mins(5),
        }
    }
}

/// Where files of evidence are kept.
#[derive(Args, Clone, Debug)]
pub struct EvidenceArgs {
    /// Where files of evidence are kept: a folder, made with the first file, or a bucket by its s3: URL
    /// with the variables that AWS's own tools read
    #[arg(long, env = "EVIDENCE_STORE", value_name = "PLACE", default_value = "evidence")]
    pub evidence_store: String,
    /// Bytes of a file of evidence at most
    #[arg(long, env = "EVIDENCE_FILE_BYTES", value_name = "BYTES", default_value_t = 25 * 1024 * 1024)]
    pub evidence_file_bytes: u64,
}

impl EvidenceArgs {
    /// What a file may cost.
    #[must_use]
    pub fn limits(&self) -> EvidenceLimits {
        EvidenceLimits { file_bytes: self.evidence_file_bytes, ..EvidenceLimits::default() }
    }
}

/// What a file of evidence may cost before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceLimits {
    /// Bytes of the file. Default 25 MiB.
    pub file_bytes: u64,
    /// How long a client may take to send them all. Default 5 minutes.
    pub body_timeout: Duration,
}

impl Default for EvidenceLimits {
    fn default() -> Self {
        Self { file_bytes: 25 * 1024 * 1024, body_timeout: Duration::from_mins(5) }
    }
}
