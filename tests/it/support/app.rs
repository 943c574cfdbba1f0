//! The gateway as its clients meet it: over HTTP, on a database of its own, at a time that the test moves.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::config::{
    DEVELOPMENT_AUDIENCE, DEVELOPMENT_ISSUER, EvidenceLimits, HttpLimits, LiveLimits,
};
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::ids::UserId;
use posture_gateway::files::Files;
use posture_gateway::graphql::documents::Documents;
use posture_gateway::graphql::limits::{Limits, Spending};
use posture_gateway::graphql::{Executor, schema};
use posture_gateway::http::auth::{DevelopmentKey, Verifier};
use posture_gateway::http::cors::Origin;
use posture_gateway::http::live::LiveDoor;
use posture_gateway::http::{self, Refusals, router, serve};
use posture_gateway::private_postgres::SUPERUSER;
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor as _};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::database::TestDatabase;
use super::world::{NOW, World};

/// How far the issuer's clock may differ from the gateway's.
pub(crate) const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Bytes of a file of evidence at most.
pub(crate) const LARGEST_FILE: u64 = 64 * 1024;

/// A gateway that listens on the loopback.
pub(crate) struct App {
    /// Its clock, which stands still until a test moves it.
    pub(crate) clock: Clock,
    /// Its database, for what a test does behind its back.
    pub(crate) test_database: TestDatabase,
    /// Its connections.
    pub(crate) database: Database,
    /// Its live events.
    pub(crate) live: LiveDoor,
    key: DevelopmentKey,
    keys: Arc<TempDir>,
    http: reqwest::Client,
    url: String,
    life: Arc<Life>,
}

/// What most gateways of tests go without: their viewers have no budgets.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) live: LiveLimits,
    pub(crate) documents: Documents,
    pub(crate) origins: Vec<Origin>,
    pub(crate) limits: HttpLimits,
    pub(crate) spending: Spending,
    pub(crate) refusals: Refusals,
    /// How long a file may take to arrive, where that is not the usual time.
    pub(crate) file_timeout: Option<Duration>,
}

/// A gateway that runs for as long as it or one of its clients is there, and its database with it.
struct Life {
    server: AbortHandle,
    _database: TestDatabase,
}

impl Drop for Life {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What a gateway stands behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walls {
    /// The gate and the policies.
    Both,
    /// The gate: its database has no policy.
    GateAlone,
}

impl Walls {
    /// For what has to hold behind either.
    pub(crate) const EITHER: [Self; 2] = [Self::Both, Self::GateAlone];
}

/// Takes the second wall away, of one database.
const WITHOUT_POLICIES: &str = "do $$ declare name regclass; begin \
    for name in select oid::regclass from pg_class where relrowsecurity loop \
    execute format('alter table %s disable row level security', name); end loop; end $$";

impl App {
    /// A gateway over a world of its own, at [`NOW`].
    pub(crate) async fn start(world: World) -> Self {
        Self::start_as("posture_gateway", world, 2).await
    }

    /// The same, with that many connections to its database.
    pub(crate) async fn start_with(world: World, connections: u32) -> Self {
        Self::start_as("posture_gateway", world, connections).await
    }

    /// The same over a database without any policy: what is hidden then, from those who read and those who write, the gate alone hides.
    pub(crate) async fn start_past_policies(world: World) -> Self {
        Self::start_extra_past_policies(world, Extras::default()).await
    }

    /// The same behind both walls, or behind one.
    pub(crate) async fn start_behind(walls: Walls, world: World) -> Self {
        match walls {
            Walls::Both => Self::start(world).await,
            Walls::GateAlone => Self::start_past_policies(world).await,
        }
    }

    /// The same with whatever is asked for.
    pub(crate) async fn start_extra_past_policies(world: World, extras: Extras) -> Self {
        let test_database = TestDatabase::create().await;
        let mut owner = test_database.as_superuser().connect().await.unwrap();
        owner.execute(WITHOUT_POLICIES).await.unwrap();
        owner.close().await.unwrap();
        Self::start_on(test_database, "posture_gateway", world, 4, extras).await
    }

    /// The same with trusted documents, and sites whose pages may read answers.
    pub(crate) async fn start_serving(world: World, documents: Documents, origins: Vec<Origin>) -> Self {
        Self::start_with_extras(
            "posture_gateway",
            world,
            2,
            Extras { documents, origins, ..Extras::default() },
        )
        .await
    }

    async fn start_as(role: &str, world: World, connections: u32) -> Self {
        Self::start_with_extras(role, world, connections, Extras::default()).await
    }

    /// The same, within these limits of live events.
    pub(crate) async fn start_live(world: World, live: LiveLimits) -> Self {
        Self::start_with_extras("posture_gateway", world, 4, Extras { live, ..Extras::default() }).await
    }

    /// The same over a database without any policy.
    pub(crate) async fn start_live_past_policies(world: World, live: LiveLimits) -> Self {
        Self::start_extra_past_policies(world, Extras { live, ..Extras::default() }).await
    }

    /// The same with whatever is asked for.
    pub(crate) async fn start_extra(world: World, extras: Extras) -> Self {
        Self::start_with_extras("posture_gateway", world, 4, extras).await
    }

    async fn start_with_extras(role: &str, world: World, connections: u32, extras: Extras) -> Self {
        Self::start_on(TestDatabase::create().await, role, world, connections, extras).await
    }

    /// The same over a database that is there.
    pub(crate) async fn start_on(
        test_database: TestDatabase,
        role: &str,
        world: World,
        connections: u32,
        extras: Extras,
    ) -> Self {
        let mut owner = test_database.as_superuser().connect().await.unwrap();
        let mut transaction = owner.begin().await.unwrap();
        world.into_rows().insert(&mut transaction, |_, _| {}).await.unwrap();
        transaction.commit().await.unwrap();
        owner.close().await.unwrap();

        let keys = Arc::new(tempfile::tempdir().unwrap());
        Self::over(test_database, role, keys, Clock::fixed(NOW), connections, extras).await
    }

    /// Another gateway over the same database, that trusts the same tokens, with a clock and connections of its own.
    pub(crate) async fn beside(&self, connections: u32) -> Self {
        let clock = Clock::fixed(self.clock.now());
        let (database, keys) = (self.test_database.clone(), Arc::clone(&self.keys));
        Self::over(database, "posture_gateway", keys, clock, connections, Extras::default()).await
    }

    /// Another one likewise, that no policy holds where it reads: what is hidden then, the gate alone hides. Those who write take a role of
    /// their own, which the policies hold.
    pub(crate) async fn beside_past_policies(&self, connections: u32, extras: Extras) -> Self {
        let clock = Clock::fixed(self.clock.now());
        let (database, keys) = (self.test_database.clone(), Arc::clone(&self.keys));
        Self::over(database, SUPERUSER, keys, clock, connections, extras).await
    }

    async fn over(
        test_database: TestDatabase,
        role: &str,
        keys: Arc<TempDir>,
        clock: Clock,
        connections: u32,
        extras: Extras,
    ) -> Self {
        let key = DevelopmentKey::load_or_create(keys.path()).unwrap();
        let pool = PoolSettings { max_connections: connections, ..PoolSettings::default() };
        let database = Database::new(test_database.as_role(role), pool);
        let limits = extras.limits;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let door = LiveDoor::new(database.clone(), extras.live);
        let router = router(http::App {
            live: door.clone(),
            executor: Executor::new(schema(), database.clone(), clock.clone(), Limits::default())
                .found_at(at.parse().unwrap())
                .spending(extras.spending)
                .trusting(extras.documents)
                .await
                .unwrap(),
            verifier: Arc::new(Verifier {
                keys: key.key_set().unwrap(),
                issuer: DEVELOPMENT_ISSUER.to_owned(),
                audience: DEVELOPMENT_AUDIENCE.to_owned(),
                leeway: LEEWAY,
            }),
            limits,
            refusals: extras.refusals,
            origins: extras.origins,
            graphiql: false,
            ingest_limits: posture_gateway::config::IngestLimits::default(),
            files: Files::in_folder(&keys.path().join("evidence")).unwrap(),
            evidence_limits: EvidenceLimits {
                file_bytes: LARGEST_FILE,
                body_timeout: extras.file_timeout.unwrap_or(EvidenceLimits::default().body_timeout),
            },
            metrics: false,
            personas: None,
        });
        let url = format!("{at}/graphql");
        let server = tokio::spawn(serve(listener, router, limits, std::future::pending())).abort_handle();
        let life = Arc::new(Life { server, _database: test_database.clone() });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { clock, test_database, database, live: door, key, keys, http, url, life }
    }

    /// A client with a user's token, valid for ten years.
    pub(crate) fn sign_in(&self, user: impl Into<UserId>) -> Client {
        self.with_token(&self.token(user, self.clock.now(), TimeDelta::days(3650)))
    }

    /// A token of this gateway's own issuer.
    pub(crate) fn token(&self, user: impl Into<UserId>, from: DateTime<Utc>, lifetime: TimeDelta) -> String {
        self.key.mint(user.into(), DEVELOPMENT_ISSUER, DEVELOPMENT_AUDIENCE, from, lifetime)
    }

    /// Where it listens, `/graphql` included.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How many files of evidence there are in its store.
    pub(crate) fn files(&self) -> usize {
        fn within(folder: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| if entry.path().is_dir() { within(&entry.path()) } else { 1 }).sum()
        }
        within(&self.keys.path().join("evidence"))
    }

    /// The file with the key that its tokens are verified by.
    pub(crate) fn public_key(&self) -> &std::path::Path {
        self.key.public_path()
    }

    /// A token signed with the right key for somebody else.
    pub(crate) fn token_for(&self, user: impl Into<UserId>, issuer: &str, audience: &str) -> String {
        self.key.mint(user.into(), issuer, audience, self.clock.now(), TimeDelta::hours(1))
    }

    /// A client with a token of any kind.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        self.anonymous().header("authorization", &format!("Bearer {token}"))
    }

    /// A client without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client {
            http: self.http.clone(),
            url: self.url.clone(),
            headers: Vec::new(),
            database: self.database.clone(),
            _life: Arc::clone(&self.life),
        }
    }

    /// Forgets what was recorded of answers (`access_records`): it is no part of the world that a test laid out.
    pub(crate) async fn forget_what_was_shown(&self) {
        let now = self.clock.now().to_rfc3339();
        let forget =
            format!("set session_replication_role = replica; delete from access_records where at = '{now}'");
        self.as_owner(&forget).await;
    }

    /// A connection of the database's owner, past every policy.
    pub(crate) async fn owner(&self) -> sqlx::PgConnection {
        self.test_database.as_superuser().connect().await.unwrap()
    }

    /// Does something to the database as its owner, past every policy.
    pub(crate) async fn as_owner(&self, sql: &str) {
        let mut owner = self.test_database.as_superuser().connect().await.unwrap();
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
        owner.close().await.unwrap();
    }
}

/// Someone who talks to the gateway, one request at a time.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    headers: Vec<(String, String)>,
    database: Database,
    _life: Arc<Life>,
}

impl Client {
    /// The same client with one more header on every request.
    pub(crate) fn header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same client, told of hidden fields in `extensions`.
    pub(crate) fn hidden_in_extensions(&self) -> Self {
        self.header("hidden-fields", "extensions")
    }

    /// Sends a query.
    pub(crate) async fn ask(&self, document: &str) -> Reply {
        self.query(document, json!({})).await
    }

    /// Sends a query with variables.
    pub(crate) async fn query(&self, document: &str, variables: Value) -> Reply {
        self.post(json!({ "query": document, "variables": variables }).to_string()).await
    }

    /// The `data` of a query that must have no errors.
    pub(crate) async fn data(&self, document: &str) -> Value {
        let reply = self.ask(document).await;
        assert_eq!((reply.status, &reply.body["errors"]), (200, &Value::Null), "{document}\n{}", reply.text);
        reply.body["data"].clone()
    }

    /// What every answer to bad input has in common: it is no failure of ours, has a code, tells nothing of the inside,
    /// and the next request is answered.
    pub(crate) async fn goes_on_after(&self, reply: &Reply, what: &str) {
        assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text);
        let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!errors.is_empty(), "{what}: {}", reply.text);
        for error in errors {
            let code = error["extensions"]["code"].as_str().unwrap_or("none");
            assert!(!["none", "INTERNAL"].contains(&code), "{what}: {}", reply.text);
            let message = error["message"].as_str().unwrap();
            for word in
                ["select ", "sqlx", "postgres", "src/", ".rs", "panicked", "$1", "relation ", "column \""]
            {
                assert!(!message.contains(word), "{what}: {message}");
            }
        }
        let alive = self.ask("{ viewer { __typename } }").await;
        assert_eq!(alive.text, r#"{"data":{"viewer":{"__typename":"Viewer"}}}"#, "{what}");
    }

    /// Posts a body of any kind as JSON.
    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> Reply {
        let body: Bytes = body.into();
        self.send(self.request(Method::POST).header("content-type", "application/json").body(body)).await
    }

    /// Sends a GET with a query string.
    pub(crate) async fn get(&self, query_string: &str) -> Reply {
        let mut client = self.clone();
        client.url = format!("{}?{query_string}", self.url);
        client.send(client.request(Method::GET)).await
    }

    /// A request to `/graphql` with this client's headers, for a test to go on with.
    pub(crate) fn request(&self, method: Method) -> RequestBuilder {
        let request = self.http.request(method, &self.url);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// A POST to another path of the gateway, with this client's headers.
    pub(crate) fn post_to(&self, path: &str) -> RequestBuilder {
        self.to(Method::POST, path)
    }

    /// A GET from another path of the gateway, likewise.
    pub(crate) fn get_from(&self, path: &str) -> RequestBuilder {
        self.to(Method::GET, path)
    }

    fn to(&self, method: Method, path: &str) -> RequestBuilder {
        let mut client = self.clone();
        client.url = self.url.replace("/graphql", path);
        client.request(method)
    }

    /// Sends a request and reads all of its answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Reply {
        let before = self.database.statements();
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let mut headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status, headers, body, text, statements: self.database.statements() - before }
    }
}

/// What the gateway answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// By name, without `date`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body as JSON; null where it is none.
    pub(crate) body: Value,
    /// The body to the byte.
    pub(crate) text: String,
    /// How many statements the answer took, BEGIN and COMMIT included.
    pub(crate) statements: u64,
}

impl Reply {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The codes of the errors, in their order.
    pub(crate) fn codes(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["extensions"]["code"].as_str().unwrap_or("none")).collect()
    }

    /// What a client can tell two answers apart by: everything but what they cost.
    pub(crate) fn on_the_wire(&self) -> (u16, &[(String, String)], &str) {
        (self.status, &self.headers, &self.text)
    }
}
