//! Live events of somebody from whom something is hidden: every stream is silent while it is changed, and tells of what is shown what it
//! told before.

use std::collections::BTreeSet;

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::ids::{AccessId, CustomerId, FindingId, UserId};
use posture_gateway::store::seed::World;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::live::{findings_of, rename, told};
use crate::proof::streams;
use crate::proof::values::Values;
use crate::support::app::App;
use crate::support::dice::Dice;
use crate::support::live::{Events, Socket, quiet};
use crate::support::world::{self, Terms};

/// Someone far from everything, whose finding is changed last: when they are told of it, every stream has heard of all that came before.
pub(super) struct Sentinel {
    finding: FindingId,
    socket: Socket,
    told: u32,
}

impl Sentinel {
    pub(super) async fn post(app: &App, owner: &mut PgConnection) -> Self {
        let mut apart = world::World::default();
        let partner = apart.partner("Sentinel's");
        let customer = apart.customer(partner, "Sentinel's", PortalAccess::Disabled);
        apart.access(partner, customer, Terms::co_managed());
        let finding = apart.finding(customer, Severity::Low, "nothing");
        let user = apart.partner_admin(partner, "Sentinel");
        let mut transaction = owner.begin().await.unwrap();
        apart.into_rows().insert(&mut transaction, |_, _| {}).await.unwrap();
        transaction.commit().await.unwrap();
        let mut socket = Socket::sign_in(app, user).await;
        socket.subscribe("last", &findings_of(customer)).await;
        Self { finding, socket, told: 0 }
    }

    /// Resolves when everything that has been done before is told, or passed over in silence.
    pub(super) async fn passes(&mut self, app: &App, owner: &mut PgConnection) {
        self.told += 1;
        let title = format!("change {}", self.told);
        owner.execute(AssertSqlSafe(rename(self.finding, &title))).await.unwrap();
        assert_eq!(self.socket.event("last").await, told(&title));
        quiet(app).await;
    }
}

/// Somebody who listens to everything that they can, and what of it may be told to them.
pub(super) struct Listener {
    socket: Socket,
    /// By name.
    documents: Vec<(String, String)>,
    access: Option<AccessId>,
    finding: Option<FindingId>,
}

impl Listener {
    /// Opens every stream of the schema, one for each customer that is or will be where it is about one, and selects of an event what dice
    /// say, gated fields among it. Whoever is nobody has none.
    pub(super) async fn open(
        app: &App,
        bearer: &str,
        (worlds, shown): ([&World; 2], &World),
        values: &Values,
        dice: &mut Dice,
    ) -> Option<Self> {
        let customers =
            worlds.into_iter().flat_map(|world| world.customers.iter().map(|row| row.customer_id));
        let customers: BTreeSet<CustomerId> = customers.collect();
        let mut socket = Socket::open(app).await;
        socket.init(json!({ "authorization": format!("Bearer {bearer}") })).await;
        socket.next().await.ok()?;
        let documents = streams::every(&customers, values, dice);
        for (id, document) in &documents {
            socket.subscribe(id, document).await;
        }
        let mut one_of = |many: usize| (many > 0).then(|| dice.below(many));
        Some(Self {
            socket,
            documents,
            access: one_of(shown.accesses.len()).map(|nth| shown.accesses[nth].id),
            finding: one_of(shown.findings.len()).map(|nth| shown.findings[nth].id),
        })
    }

    /// Everything that was said since it was asked last.
    pub(super) async fn hears(&mut self) -> Vec<String> {
        let mut heard = self.socket.hears_before_pong().await;
        heard.sort();
        heard
    }

    /// What is said of an access and of a finding that are shown, when they change; they are put back.
    pub(super) async fn hears_of_shown(
        &mut self,
        app: &App,
        owner: &mut PgConnection,
        sentinel: &mut Sentinel,
    ) -> Vec<String> {
        let mut heard = Vec::new();
        for step in ["+ 1", "- 1"] {
            if let Some(id) = self.access {
                let touch = format!("update accesses set version = version {step} where id = '{id}'");
                owner.execute(AssertSqlSafe(touch)).await.unwrap();
            }
            if let Some(id) = self.finding {
                let touch = format!("update findings set title = title where id = '{id}'");
                owner.execute(AssertSqlSafe(touch)).await.unwrap();
            }
            sentinel.passes(app, owner).await;
            heard.extend(self.hears().await);
        }
        heard
    }
}

/// Some of a listener's streams once more, as server-sent events: they tell no more and no less than the connection does.
pub(super) struct Aside(Vec<(String, Events)>);

/// As many as are opened at a time.
const ASIDE: usize = 3;

impl Aside {
    pub(super) async fn open(app: &App, bearer: &str, listener: &Listener, dice: &mut Dice) -> Self {
        let client = app.with_token(bearer);
        let mut all: Vec<_> = listener.documents.iter().collect();
        let mut streams = Vec::new();
        while streams.len() < ASIDE && !all.is_empty() {
            let (name, document) = all.swap_remove(dice.below(all.len()));
            streams.push((name.clone(), Events::open(&client, document).await));
        }
        Self(streams)
    }

    /// Ends them all, by disabling their user for so long, and gives what was told of each: what `heard` says the connection was told, and
    /// what they were. Last of all each was told that it is over.
    pub(super) async fn told(
        self,
        owner: &mut PgConnection,
        viewer: UserId,
        heard: &[String],
    ) -> Vec<(String, Vec<String>, Vec<String>)> {
        let set = |to: &str| format!("update users set disabled_at = {to} where id = '{viewer}'");
        owner.execute(AssertSqlSafe(set("now()"))).await.unwrap();
        let mut all = Vec::new();
        for (name, mut events) in self.0 {
            let mut told = Vec::new();
            while let Some((event, data)) = events.next().await {
                match event.as_str() {
                    "next" => told.push(data),
                    "complete" => assert_eq!(events.next().await, None),
                    other => panic!("`{other}`: {data}"),
                }
            }
            let last: Value = serde_json::from_str(&told.pop().unwrap_or_default()).unwrap();
            assert_eq!(last["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{last}");
            let mut due: Vec<String> = heard.iter().filter_map(|text| payload(text, &name)).collect();
            due.sort();
            told.sort();
            all.push((name, due, told));
        }
        owner.execute(AssertSqlSafe(set("null"))).await.unwrap();
        all
    }
}

/// The payload of a connection's message, to the byte, where it is of this operation.
fn payload(message: &str, name: &str) -> Option<String> {
    let parsed: Value = serde_json::from_str(message).unwrap();
    assert_eq!(parsed["type"], "next", "{message}");
    (parsed["id"] == name).then(|| {
        let (_, payload) = message.split_once("\"payload\":").unwrap();
        payload.strip_suffix('}').unwrap().to_owned()
    })
}
