//! A database of its own for each test, on one private server for the whole binary.
//!
//! `template1` is migrated once; each test's database is a copy of it. The last ones that nobody holds any more are dropped
//! when the next are made, so that ten thousand worlds take no more disk than a hundred; the rest goes with the process.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use posture_gateway::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

const FOLDER_PREFIX: &str = "posture-gateway-test-";

/// Databases that nobody holds any more and that are still there: dropping one costs more than making one, so a usual run
/// drops few.
const SPARE: usize = 100;

/// The names of those databases.
static RELEASED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A migrated, empty database that no other test sees. It is there for as long as a clone of this is.
#[derive(Clone)]
pub(crate) struct TestDatabase {
    server: &'static PrivatePostgres,
    name: Arc<Name>,
}

struct Name {
    name: String,
    /// Whether it is one of the binary's server; another server goes with its test, databases and all.
    is_shared: bool,
}

impl Drop for Name {
    fn drop(&mut self) {
        if self.is_shared {
            RELEASED.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.name));
        }
    }
}

/// Drops databases, connections and all: a gateway that has just ended may not have hung up yet.
async fn remove(connection: &mut PgConnection, names: &[String]) {
    for name in names {
        connection.execute(AssertSqlSafe(format!("drop database {name} with (force)"))).await.unwrap();
    }
}

/// The released databases, once there are too many.
fn superfluous() -> Vec<String> {
    let mut released = RELEASED.lock().unwrap_or_else(PoisonError::into_inner);
    if released.len() < SPARE { Vec::new() } else { std::mem::take(&mut released) }
}

impl TestDatabase {
    /// Makes the next database.
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server().await;
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
        remove(&mut connection, &superfluous()).await;
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        connection.close().await.unwrap();
        Self { server, name: Arc::new(Name { name, is_shared: true }) }
    }

    /// The first database of a server that a test has to itself.
    pub(crate) async fn first_of(server: &'static PrivatePostgres) -> Self {
        migrate(server).await;
        let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
        connection.execute("create database first").await.unwrap();
        connection.close().await.unwrap();
        Self { server, name: Arc::new(Name { name: "first".to_owned(), is_shared: false }) }
    }

    /// How to connect as the superuser, who owns everything and sees past every policy.
    pub(crate) fn as_superuser(&self) -> PgConnectOptions {
        self.as_role(SUPERUSER)
    }

    /// How to connect as a role of the migrations.
    pub(crate) fn as_role(&self, role: &str) -> PgConnectOptions {
        self.server.options(role, &self.name.name)
    }

    /// The same as a URL, for a process of its own.
    pub(crate) fn url(&self, role: &str) -> String {
        self.server.url(role, &self.name.name)
    }
}

/// The server of this process. A static is never dropped: the server ends because its watchdog sees the process end.
async fn server() -> &'static PrivatePostgres {
    static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            sweep();
            let server = PrivatePostgres::start(&home(&process::id().to_string()), Options::TESTS).unwrap();
            migrate(&server).await;
            server
        })
        .await
}

/// Migrates the template of a server's databases.
async fn migrate(server: &PrivatePostgres) {
    let mut template = server.options(SUPERUSER, "template1").connect().await.unwrap();
    sqlx::migrate!("./migrations").run(&mut template).await.unwrap();
    // A database that somebody is connected to cannot be copied.
    template.close().await.unwrap();
}

/// A folder for a private server of this process.
pub(crate) fn home(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{FOLDER_PREFIX}{name}"))
}

/// A folder for a private server that a test has to itself, removed whatever the test says.
pub(crate) struct Home(pub(crate) PathBuf);

impl Home {
    pub(crate) fn new(test: &str) -> Self {
        Self(home(&format!("{}-{test}", process::id())))
    }

    /// The process id in the server's own record.
    pub(crate) fn recorded_pid(&self) -> Pid {
        let record = fs::read_to_string(self.0.join("data/postmaster.pid")).unwrap();
        Pid::from_raw(record.lines().next().unwrap().parse().unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH)
}

/// Waits for what another process is about to do; how long is no part of the promise.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "still waiting: {what}");
        thread::yield_now();
    }
}

/// Removes what processes left whose watchdog was killed too.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)) else { continue };
        let Ok(pid) = rest.split('-').next().unwrap_or_default().parse() else { continue };
        if !is_alive(Pid::from_raw(pid)) {
            // Another process may be sweeping too, or the folder may be another user's.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[tokio::test]
async fn every_test_has_a_database_of_its_own() {
    let (one, two) = tokio::join!(TestDatabase::create(), TestDatabase::create());
    let mut here = one.as_superuser().connect().await.unwrap();
    here.execute("create table only_here ()").await.unwrap();
    let mut there = two.as_role(SUPERUSER).connect().await.unwrap();
    let found: Option<String> =
        sqlx::query_scalar("select to_regclass('only_here')::text").fetch_one(&mut there).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_database_is_there_for_as_long_as_somebody_holds_it() {
    let database = TestDatabase::create().await;
    let (name, other) = (database.name.name.clone(), database.clone());
    let is_released = || RELEASED.lock().unwrap().contains(&name);
    drop(database);
    assert!(!is_released());
    // Connected still, as a gateway is that has just ended.
    let _held = other.as_superuser().connect().await.unwrap();
    let server = other.server;
    drop(other);
    let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
    // Unless a test beside this one was just making room.
    if is_released() {
        RELEASED.lock().unwrap().retain(|own| *own != name);
        remove(&mut connection, std::slice::from_ref(&name)).await;
        let left: i64 = sqlx::query_scalar("select count(*) from pg_database where datname = $1")
            .bind(&name)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(left, 0, "{name}");
    }
}

#[tokio::test]
async fn the_template_is_migrated() {
    let database = TestDatabase::create().await;
    let mut connection = database.as_superuser().connect().await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), sqlx::migrate!("./migrations").iter().count());
}
