//! The recorder of what is shown: many requests share it, and it loses nothing when a record is refused, a connection ends, or the
//! gateway or the database is killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::policy::DataClass;
use posture_gateway::private_postgres::{Data, Options, PrivatePostgres};
use posture_gateway::store::scope::PoolSettings;
use posture_gateway::store::transparency::{Coordinate, Reads, Shown};
use posture_gateway::store::{Database, Snapshot};
use serde_json::json;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use crate::support::app::{App, Extras};
use crate::support::cast::{Cast, Persona};
use crate::support::database::{Home, TestDatabase, eventually, is_alive};
use crate::support::process::Gateway;
use crate::support::world::NOW;
use crate::transparency::{record, recorded};

/// A request that was shown a customer's posture.
fn reads(customer: CustomerId) -> Reads {
    Reads {
        request: Uuid::new_v4(),
        operation: None,
        shown: vec![Shown {
            class: DataClass::Posture,
            fields: Coordinate::new("Customer", "posture").into_iter().collect(),
            customers: vec![customer],
        }],
    }
}

/// Whether the recorder took it.
async fn is_taken(database: &Database, reads: Reads) -> bool {
    let snapshot = Snapshot::new(database.clone(), Some(UserId::from(Persona::PartnerAdmin)), NOW);
    snapshot.finish_recording(reads).await.is_ok()
}

/// Many requests share one statement of the recorder: one that is refused is refused alone.
#[tokio::test]
async fn one_record_that_is_refused_takes_no_other_with_it() {
    let cast = Cast::new();
    let (bolt, dune) = (cast.bolt.customer, cast.dune.customer);
    let app = App::start(cast.world).await;
    let attempts =
        (0..20).map(|number| is_taken(&app.database, reads(if number == 7 { dune } else { bolt })));
    let outcomes = join_all(attempts).await;
    let refused: Vec<_> = (0..20).filter(|number| !outcomes[*number]).collect();
    assert_eq!(refused, [7]);
    let kept = recorded(&app).await;
    let expected = record("Bolt", "PartnerAdmin", "POSTURE", &["Customer.posture"]);
    assert_eq!(kept, vec![expected; 19]);
}

/// The recorder's connection may end at any time; the next record is made on another.
#[tokio::test]
async fn a_recorder_that_lost_its_connection_makes_another() {
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let asked = format!("{{ customer(id: \"{bolt}\") {{ posture {{ assets }} }} }}");
    for times in 1..=4 {
        let expected = json!({ "customer": { "posture": { "assets": 1 } } });
        assert_eq!(admin.data(&asked).await, expected);
        assert_eq!(recorded(&app).await.len(), times);
        app.as_owner(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = 'posture_gateway'",
        )
        .await;
    }
}

/// A way to the database on which an answer can get lost.
struct Line {
    folder: tempfile::TempDir,
    /// Whether the next answer to a recorder is lost, and the connection with it.
    breaks: Arc<AtomicBool>,
}

impl Line {
    fn to(options: &PgConnectOptions) -> Self {
        let name = format!(".s.PGSQL.{}", options.get_port());
        let (folder, breaks) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
        let (server, armed) = (options.get_socket().unwrap().join(&name), Arc::clone(&breaks));
        let listener = UnixListener::bind(folder.path().join(name)).unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server.clone(), Arc::clone(&armed)));
            }
        });
        Self { folder, breaks }
    }

    fn options(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.socket(self.folder.path())
    }
}

/// Carries one connection until either side hangs up, or an answer gets lost.
async fn carry(mut client: UnixStream, server: impl AsRef<Path>, breaks: Arc<AtomicBool>) {
    let mut server = UnixStream::connect(server).await.unwrap();
    let (mut asked, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
    let mut is_recorder = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                // Its first message says as which role it comes.
                is_recorder.get_or_insert_with(|| {
                    String::from_utf8_lossy(&asked[..length]).contains("posture_transparency")
                });
                server.write_all(&asked[..length]).await.unwrap();
            }
            read = server.read(&mut answer) => {
                let Ok(length @ 1..) = read else { return };
                if is_recorder == Some(true) && breaks.swap(false, Ordering::SeqCst) {
                    return;
                }
                if client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The connection may end after the record was made and before that was said: it is asked for again, and is there once.
#[tokio::test]
async fn a_record_whose_answer_is_lost_is_there_once() {
    let cast = Cast::new();
    let bolt = cast.bolt.customer;
    let app = App::start(cast.world).await;
    let options = app.test_database.as_role("posture_gateway");
    let line = Line::to(&options);
    let database = Database::new(line.options(options), PoolSettings::default());
    for times in 1..=3 {
        assert!(is_taken(&database, reads(bolt)).await);
        line.breaks.store(true, Ordering::SeqCst);
        assert!(is_taken(&database, reads(bolt)).await);
        assert!(!line.breaks.load(Ordering::SeqCst), "no answer was lost");
        assert_eq!(recorded(&app).await.len(), times * 2);
    }
}

/// Whoever got an answer is in the record, however soon afterwards the gateway dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_right_after_an_answer_it_has_recorded_it() {
    let kills: usize = std::env::var("KILLS").map_or(4, |n| n.parse().unwrap());
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer).to_string();
    let app = App::start(cast.world).await;
    let token = app.token(Persona::PartnerAdmin, app.clock.now(), TimeDelta::days(3650));
    let mut answered: BTreeMap<Uuid, usize> = BTreeMap::new();
    for round in 0..kills {
        let gateway = Arc::new(Gateway::start(&app, 0));
        let (answers, enough) = (Arc::new(AtomicUsize::new(0)), 1 + round * 5 % 17);
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (gateway, answers, token) = (Arc::clone(&gateway), Arc::clone(&answers), token.clone());
                let body =
                    json!({ "query": format!("{{ customer(id: \"{bolt}\") {{ posture {{ assets }} }} }}") });
                tokio::spawn(async move {
                    let http = reqwest::Client::builder().no_proxy().build().unwrap();
                    let mut own = Vec::new();
                    loop {
                        let id = Uuid::new_v4();
                        let request = http
                            .post(&gateway.url)
                            .header("authorization", format!("Bearer {token}"))
                            .header("x-request-id", id.to_string())
                            .header("content-type", "application/json")
                            .body(body.to_string());
                        let Ok(response) = request.send().await else { return own };
                        let Ok(text) = response.text().await else { return own };
                        assert!(text.contains("\"assets\":1"), "{text}");
                        own.push(id);
                        if answers.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                            gateway.kill();
                        }
                    }
                })
            })
            .collect();
        for client in clients {
            answered.extend(client.await.unwrap().into_iter().map(|id| (id, round)));
        }
    }
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let kept: Vec<Uuid> =
        sqlx::query_scalar("select request_id from access_records").fetch_all(&mut owner).await.unwrap();
    let lost: Vec<_> = answered.iter().filter(|(id, _)| !kept.contains(id)).collect();
    assert_eq!(lost, [], "answered and not recorded");
    assert!(answered.len() >= kills);
}

/// Whoever got an answer is in the record, however soon afterwards the database dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_crashes_right_after_an_answer_has_its_record() {
    let crashes: usize = std::env::var("KILLS").map_or(2, |n| n.parse().unwrap());
    let home = Home::new("record");
    let options = Options { data: Data::Durable, max_connections: 20 };
    // The first one is never dropped, nor the ones after it but the newest: dead servers are no longer anybody's to stop.
    let server: &'static PrivatePostgres =
        Box::leak(Box::new(PrivatePostgres::start(&home.0, options).unwrap()));
    let mut newest = None;
    let cast = Cast::new();
    let bolt = GlobalId::Customer(cast.bolt.customer);
    let database = TestDatabase::first_of(server).await;
    let app = App::start_on(database, "posture_gateway", cast.world, 4, Extras::default()).await;
    let asked = format!("{{ customer(id: \"{bolt}\") {{ posture {{ assets }} }} }}");
    let mut answered = Vec::new();
    for round in 0..crashes {
        let pid = home.recorded_pid();
        let (answers, enough) = (AtomicUsize::new(0), 3 + round * 5 % 17);
        let clients = (0..4).map(async |_| {
            let mut own = Vec::new();
            loop {
                let id = Uuid::new_v4();
                let client = app.sign_in(Persona::PartnerAdmin).header("x-request-id", &id.to_string());
                let reply = client.ask(&asked).await;
                if !reply.codes().is_empty() {
                    assert_eq!(reply.codes(), ["INTERNAL"], "{}", reply.text);
                    return own;
                }
                own.push(id);
                if answers.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                    // A crash: whatever it has only in memory is lost.
                    kill(pid, Signal::SIGQUIT).unwrap();
                }
            }
        });
        answered.extend(join_all(clients).await.concat());
        eventually("the server is gone", || !is_alive(pid));
        let again = PrivatePostgres::start(&home.0, options).unwrap();
        assert!(!again.adopted());
        Box::leak(Box::new(newest.replace(again)));
    }
    let mut owner = app.owner().await;
    let kept: Vec<Uuid> =
        sqlx::query_scalar("select request_id from access_records").fetch_all(&mut owner).await.unwrap();
    let lost: Vec<_> = answered.iter().filter(|id| !kept.contains(id)).collect();
    assert_eq!(lost, [] as [&Uuid; 0], "answered and not recorded");
    assert!(answered.len() >= crashes * 3);
    drop(newest);
}
