//! The private server: it starts, is shared, and leaves nothing behind.

use std::{
    env,
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use nix::unistd::Uid;
use posture_gateway::private_postgres::{Data, Options, PrivatePostgres, SUPERUSER, StartError};
use sqlx::{ConnectOptions, Connection, Executor};

use crate::support::database::{Home, eventually, is_alive};

const OWNER_HOME: &str = "POSTURE_GATEWAY_TEST_OWNER_HOME";
const KEPT: Options = Options { data: Data::Durable, max_connections: 20 };

async fn answer(server: &PrivatePostgres) -> i32 {
    let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
    let answer = sqlx::query_scalar("select 42").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

/// A process of its own that owns a server in `home` and then waits to be killed.
fn spawn_owner(home: &Path) -> Child {
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "private_postgres::owner", "--nocapture"])
        .env(OWNER_HOME, home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("the server is ready")),
        "the owner did not start a server"
    );
    owner
}

/// The other process of [`spawn_owner`]; as a test of its own it has nothing to say.
#[test]
fn owner() {
    let Some(home) = env::var_os(OWNER_HOME) else { return };
    let _server = PrivatePostgres::start(Path::new(&home), KEPT).unwrap();
    println!("\nthe server is ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test]
async fn a_new_folder_takes_queries_and_a_stop_leaves_the_data_alone() {
    let home = Home::new("new");
    let server = PrivatePostgres::start(&home.0, KEPT).unwrap();
    assert!(!server.adopted());
    let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
    connection.execute("create table kept as select 7 as n").await.unwrap();
    drop(connection);
    let pid = home.recorded_pid();
    server.stop();
    assert!(!is_alive(pid));

    let server = PrivatePostgres::start(&home.0, KEPT).unwrap();
    let mut connection = sqlx::PgConnection::connect(&server.url(SUPERUSER, "postgres")).await.unwrap();
    let kept: i32 = sqlx::query_scalar("select n from kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, 7);
}

#[tokio::test]
async fn thrown_away_data_goes_with_the_server() {
    let home = Home::new("thrown");
    let server = PrivatePostgres::start(&home.0, Options::TESTS).unwrap();
    let mut connection = server.options(SUPERUSER, "postgres").connect().await.unwrap();
    let fsync: String = sqlx::query_scalar("show fsync").fetch_one(&mut connection).await.unwrap();
    assert_eq!(fsync, "off");
    server.stop();
    assert!(!home.0.exists());
}

#[tokio::test]
async fn of_two_starters_one_adopts() {
    let home = Home::new("two");
    let start = || PrivatePostgres::start(&home.0, KEPT).unwrap();
    let (one, two) = thread::scope(|scope| {
        let (one, two) = (scope.spawn(start), scope.spawn(start));
        (one.join().unwrap(), two.join().unwrap())
    });
    let (own, adopted) = if one.adopted() { (two, one) } else { (one, two) };
    assert!(!own.adopted() && adopted.adopted());
    adopted.stop();
    assert_eq!(answer(&own).await, 42);
}

#[tokio::test]
async fn nothing_is_left_of_a_killed_owner() {
    let home = Home::new("killed");
    let mut owner = spawn_owner(&home.0);
    let adopted = PrivatePostgres::start(&home.0, KEPT).unwrap();
    assert!(adopted.adopted());
    assert_eq!(answer(&adopted).await, 42);
    let pid = home.recorded_pid();
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the server's end", || !is_alive(pid));
    assert!(!home.0.join("data/postmaster.pid").exists());
}

#[tokio::test]
async fn a_start_right_after_a_kill_waits_for_the_old_server_to_go() {
    let home = Home::new("again");
    let mut owner = spawn_owner(&home.0);
    let old = home.recorded_pid();
    owner.kill().unwrap();
    owner.wait().unwrap();
    eventually("the old server's stop", || {
        fs::read_to_string(home.0.join("data/postmaster.pid"))
            .map_or(true, |record| !record.contains("ready"))
    });
    let server = PrivatePostgres::start(&home.0, KEPT).unwrap();
    assert!(!server.adopted());
    assert_ne!(home.recorded_pid(), old);
    assert_eq!(answer(&server).await, 42);
}

#[tokio::test]
async fn a_stale_record_does_not_stand_in_the_way() {
    let home = Home::new("stale");
    PrivatePostgres::start(&home.0, KEPT).unwrap().stop();
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let data = home.0.join("data");
    let record = format!("{}\n{}\n0\n5432\n{}\n\n\nready   \n", gone.id(), data.display(), home.0.display());
    fs::write(data.join("postmaster.pid"), record).unwrap();
    let server = PrivatePostgres::start(&home.0, KEPT).unwrap();
    assert_eq!(answer(&server).await, 42);
}

#[tokio::test]
async fn a_long_path_gets_a_short_socket() {
    let home = Home::new(&"long-".repeat(30));
    let server = PrivatePostgres::start(&home.0, KEPT).unwrap();
    assert_eq!(answer(&server).await, 42);
    assert!(PrivatePostgres::start(&home.0, KEPT).unwrap().adopted());
    let (_, encoded) = server
        .url(SUPERUSER, "postgres")
        .split_once("host=")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let socket = PathBuf::from(encoded.split('&').next().unwrap().replace("%2F", "/"));
    assert!(socket.is_dir());
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let home = Home::new("foreign");
    fs::create_dir(&home.0).unwrap();
    fs::write(home.0.join("letter.txt"), "dear").unwrap();
    let refused = PrivatePostgres::start(&home.0, KEPT).unwrap_err();
    assert!(matches!(refused, StartError::NotOurs(_)), "{refused}");
    assert_eq!(fs::read_dir(&home.0).unwrap().count(), 1);
}

/// Only root hands the server to another user, who may then find a door closed.
#[test]
fn a_closed_folder_on_the_way_is_named() {
    if !Uid::effective().is_root() {
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
    let refused = PrivatePostgres::start(&closed.path().join("home"), KEPT).unwrap_err();
    let StartError::Unreachable { closed: named, .. } = &refused else { panic!("{refused}") };
    assert_eq!(named, closed.path());
}
