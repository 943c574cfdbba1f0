//! A small world with scanners, a gateway that takes their uploads, and documents to upload.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use flate2::{Compression, write::GzEncoder};
use posture_gateway::config::{DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, IngestLimits};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::http::auth::{DevelopmentKey, Verifier};
use posture_gateway::http::ingest::{IngestState, router};
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use uuid::{Uuid, uuid};

use super::database::TestDatabase;

pub(crate) const CUSTOMER: Uuid = uuid!("00000000-0000-0000-0000-0000000000c1");
pub(crate) const FOREIGN: Uuid = uuid!("00000000-0000-0000-0000-0000000000c2");
pub(crate) const NOWHERE: Uuid = uuid!("00000000-0000-0000-0000-0000000000c3");
pub(crate) const SCANNER: Uuid = uuid!("00000000-0000-0000-0000-000000000051");
pub(crate) const DISABLED: Uuid = uuid!("00000000-0000-0000-0000-000000000052");
pub(crate) const PARTNER_ADMIN: Uuid = uuid!("00000000-0000-0000-0000-000000000053");
pub(crate) const NOBODY: Uuid = uuid!("00000000-0000-0000-0000-000000000054");

pub(crate) const BANDIT: &[u8] = include_bytes!("../../data/bandit.sarif");
pub(crate) const SEMGREP: &[u8] = include_bytes!("../../data/semgrep.sarif");
pub(crate) const NPM: &[u8] = include_bytes!("../../data/npm.cdx.json");
pub(crate) const CYCLONEDX_PY: &[u8] = include_bytes!("../../data/cyclonedx-py.cdx.json");

/// Small, so that a test can go past them.
pub(crate) const LIMITS: IngestLimits = IngestLimits {
    compressed_bytes: 512 * 1024,
    decoded_bytes: 1024 * 1024,
    body_timeout: std::time::Duration::from_mins(1),
};

const WORLD: &str = "
    insert into partners (id, name, currency, created_at)
        values ('00000000-0000-0000-0000-0000000000a1', 'Nordwand', 'EUR', '2026-01-01');
    insert into customers (customer_id, name, created_by, created_at) values
        ('00000000-0000-0000-0000-0000000000c1', 'Shop', '00000000-0000-0000-0000-0000000000a1', '2026-01-01'),
        ('00000000-0000-0000-0000-0000000000c2', 'Bank', '00000000-0000-0000-0000-0000000000a1', '2026-01-01');
    insert into users (id, kind, name, email, created_at, disabled_at) values
        ('00000000-0000-0000-0000-000000000051', 'SCANNER', 'nightly scan', 'nightly@example.com', '2026-01-02', null),
        ('00000000-0000-0000-0000-000000000052', 'SCANNER', 'old scan', 'old@example.com', '2026-01-01', '2026-02-01'),
        ('00000000-0000-0000-0000-000000000055', 'SCANNER', 'bank scan', 'bank@example.com', '2026-01-01', null),
        ('00000000-0000-0000-0000-000000000053', 'PARTNER_USER', 'Ada', 'ada@example.com', '2026-01-01', null);
    insert into scanner_customers (customer_id, user_id) values
        ('00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000051'),
        ('00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-000000000052'),
        ('00000000-0000-0000-0000-0000000000c2', '00000000-0000-0000-0000-000000000055');
    insert into partner_users (partner_id, user_id, role)
        values ('00000000-0000-0000-0000-0000000000a1', '00000000-0000-0000-0000-000000000053', 'ADMIN');";

/// A gateway of one test.
pub(crate) struct Ingestion {
    pub(crate) test: TestDatabase,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) address: SocketAddr,
    pub(crate) root: PgConnection,
    key: DevelopmentKey,
    client: reqwest::Client,
}

/// A request to be.
pub(crate) struct Upload<'a> {
    pub(crate) path: &'a str,
    pub(crate) user: Option<Uuid>,
    pub(crate) encoding: Option<&'a str>,
    pub(crate) body: Vec<u8>,
}

impl Ingestion {
    pub(crate) async fn start() -> Self {
        Self::start_with(LIMITS).await
    }

    pub(crate) async fn start_with(limits: IngestLimits) -> Self {
        let test = TestDatabase::create().await;
        let mut root = test.as_superuser().connect().await.unwrap();
        root.execute(WORLD).await.unwrap();
        let database = Database::new(test.as_role("posture_gateway"), PoolSettings::default());
        let clock = Clock::fixed("2026-03-01T12:00:00Z".parse().unwrap());
        let keys = tempfile::tempdir().unwrap();
        let key = DevelopmentKey::load_or_create(keys.path()).unwrap();
        let verifier = Verifier {
            keys: key.key_set().unwrap(),
            issuer: DEVELOPMENT_ISSUER.to_owned(),
            audience: DEVELOPMENT_AUDIENCE.to_owned(),
            leeway: TimeDelta::zero(),
        };
        let state = IngestState {
            database: database.clone(),
            verifier: Arc::new(verifier),
            clock: clock.clone(),
            limits,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router::<()>(state)).await });
        Self {
            test,
            database,
            clock,
            address,
            root,
            key,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn token(&self, user: Uuid) -> String {
        let hour = TimeDelta::hours(1);
        self.key.mint(UserId(user), DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, self.now(), hour)
    }

    /// Sends it; the status and the text of the answer.
    pub(crate) async fn send(&self, upload: Upload<'_>) -> (u16, String) {
        let mut request =
            self.client.post(format!("http://{}{}", self.address, upload.path)).body(upload.body);
        if let Some(user) = upload.user {
            request = request.bearer_auth(self.token(user));
        }
        if let Some(encoding) = upload.encoding {
            request = request.header("content-encoding", encoding);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The scanner sends a document for its customer, which is taken.
    pub(crate) async fn take(&self, format: &str, body: &[u8]) -> Value {
        let path = format!("/ingest/{format}?customer={CUSTOMER}");
        let upload = Upload { path: &path, user: Some(SCANNER), encoding: None, body: body.to_vec() };
        let (status, text) = self.send(upload).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Every row of every table, as text.
    pub(crate) async fn dump(&mut self) -> String {
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
        )
        .fetch_all(&mut self.root)
        .await
        .unwrap();
        let mut dump = String::new();
        for table in tables {
            let rows =
                format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t");
            let rows: String =
                sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut self.root).await.unwrap();
            writeln!(dump, "-- {table}\n{rows}").unwrap();
        }
        dump
    }

    /// What a query over the customer's rows answers, a line a row.
    pub(crate) async fn ask(&mut self, query: &str) -> String {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("select t::text from ({query}) t")))
            .fetch_all(&mut self.root)
            .await
            .unwrap();
        rows.join("\n")
    }

    /// What is new and what is gone, as the report about an upload's first run has it: its answer tells nothing of that.
    pub(crate) async fn counted(&mut self, answer: &Value) -> String {
        let scan = answer["runs"][0]["scan"].as_str().unwrap().parse();
        let Ok(GlobalId::Scan(_, scan)) = scan else { unreachable!("{answer}") };
        self.ask(&format!("select new_findings, fixed_findings from scan_reports where scan_id = '{scan}'"))
            .await
    }

    /// The kept counts are those of the rows.
    pub(crate) async fn assert_counts(&mut self) {
        let kept = self
            .ask("select open_critical, open_high, open_medium, open_low, open_info from posture_rollups")
            .await;
        let counted = self
            .ask(
                "select count(*) filter (where severity = 4), count(*) filter (where severity = 3),
                        count(*) filter (where severity = 2), count(*) filter (where severity = 1),
                        count(*) filter (where severity = 0)
                 from findings where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')",
            )
            .await;
        assert_eq!(kept, counted);
        let kept = self
            .ask("select due_at, open_findings from posture_due where open_findings <> 0 order by 1")
            .await;
        let counted = self
            .ask(
                "select sla_due_at, count(*) from findings
                 where status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and sla_due_at is not null group by 1 order by 1",
            )
            .await;
        assert_eq!(kept, counted);
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A SARIF log with a result for each level.
pub(crate) fn log(levels: &[&str]) -> Value {
    let results: Vec<_> = levels
        .iter()
        .enumerate()
        .map(|(n, level)| {
            json!({
                "ruleId": format!("R{n}"),
                "level": level,
                "message": { "text": format!("finding {n}") },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": format!("https://shop{}.example.com/page{n}", n % 3) }
                } }],
            })
        })
        .collect();
    json!({
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "probe" } },
            "automationDetails": { "id": "shop/1" },
            "results": results,
        }]
    })
}
