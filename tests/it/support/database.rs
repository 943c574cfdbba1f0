//! A database of its own for each test, on one private server for the whole binary.
//!
//! `template1` is migrated once; each test's database is a copy of it. Nothing is dropped: the server's folder goes
//! with the process.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use posture_gateway::private_postgres::{Options, PrivatePostgres, SUPERUSER};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

const FOLDER_PREFIX: &str = "posture-gateway-test-";

/// A migrated, empty database that no other test sees.
#[derive(Clone)]
pub(crate) struct TestDatabase {
    server: &'static PrivatePostgres,
    name: String,
}

impl TestDatabase {
    /// Makes the next database.
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server().await;
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
        connection.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        connection.close().await.unwrap();
        Self { server, name }
    }

    /// How to connect as the superuser, who owns everything and sees past every policy.
    pub(crate) fn as_superuser(&self) -> PgConnectOptions {
        self.as_role(SUPERUSER)
    }

    /// How to connect as a role of the migrations.
    pub(crate) fn as_role(&self, role: &str) -> PgConnectOptions {
        self.server.options(role, &self.name)
    }

    /// The same as a URL, for a process of its own.
    pub(crate) fn url(&self, role: &str) -> String {
        self.server.url(role, &self.name)
    }
}

/// The server of this process. A static is never dropped: the server ends because its watchdog sees the process end.
async fn server() -> &'static PrivatePostgres {
    static SERVER: OnceCell<PrivatePostgres> = OnceCell::const_new();
    SERVER
        .get_or_init(|| async {
            sweep();
            let server = PrivatePostgres::start(&home(&process::id().to_string()), Options::TESTS).unwrap();
            let mut template = server.options(SUPERUSER, "template1").connect().await.unwrap();
            sqlx::migrate!("./migrations").run(&mut template).await.unwrap();
            // A database that somebody is connected to cannot be copied.
            template.close().await.unwrap();
            server
        })
        .await
}

/// A folder for a private server that a test of this process starts for itself.
pub(crate) fn home(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{FOLDER_PREFIX}{name}"))
}

/// Removes what processes left whose watchdog was killed too.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(FOLDER_PREFIX)) else { continue };
        let Ok(pid) = rest.split('-').next().unwrap_or_default().parse() else { continue };
        if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
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
async fn the_template_is_migrated() {
    let database = TestDatabase::create().await;
    let mut connection = database.as_superuser().connect().await.unwrap();
    let applied: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where success")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(usize::try_from(applied).unwrap(), sqlx::migrate!("./migrations").iter().count());
}
