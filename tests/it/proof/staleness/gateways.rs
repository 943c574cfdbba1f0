//! Several gateways over one database, and what is asked of each of their connections.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use posture_gateway::domain::api_key::KeyKind;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::secret::Secret;
use posture_gateway::private_postgres::SUPERUSER;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use super::change::{Change, Subject};
use crate::support::app::{App, Client, Extras, Reply};
use crate::support::uploads::log;
use crate::support::world::World;

/// Connections of each gateway.
const CONNECTIONS: u32 = 3;

/// What somebody does again and again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    /// Reads, and looks at this field of the customer.
    Field(&'static str),
    /// Uploads a scan.
    Upload,
}

/// Several gateways over one database, the last of them behind the gate alone where it reads: no policy hides there what
/// it forgot to.
pub(super) struct Gateways {
    pub(super) apps: Vec<App>,
    /// Holds the table that every request reads first.
    pub(super) holder: PgConnection,
    observer: PgConnection,
    /// The connections of all gateways, once they are there.
    pub(super) known: BTreeSet<i32>,
    /// The keys that programs sign in by.
    pub(super) keys: BTreeMap<UserId, String>,
}

impl Gateways {
    pub(super) async fn start(world: World, programs: &[(UserId, KeyKind)]) -> Self {
        let one = App::start_with(world, CONNECTIONS).await;
        let mut keys = BTreeMap::new();
        for (nth, &(user, kind)) in (0_u8..).zip(programs) {
            let secret = Secret::of(kind.prefix(), [nth; 32]).reveal().to_owned();
            let table = if kind == KeyKind::Partner { "partner_api_keys" } else { "api_keys" };
            let set = format!("update {table} set secret_hash = sha256('{secret}') where user_id = '{user}'");
            one.as_owner(&set).await;
            keys.insert(user, secret);
        }
        let other = one.beside(CONNECTIONS).await;
        let alone = one.beside_past_policies(CONNECTIONS, Extras::default()).await;
        for secret in keys.values() {
            // Of keys that have signed nobody in yet few are looked up at once.
            for app in [&one, &other, &alone] {
                app.with_token(secret).ask("{ viewer { name } }").await;
            }
        }
        let connect = || async { one.test_database.as_superuser().connect().await.unwrap() };
        let (holder, observer) = (connect().await, connect().await);
        Self { apps: vec![one, other, alone], holder, observer, known: BTreeSet::new(), keys }
    }

    /// Somebody, by their token or by their key.
    pub(super) fn client(&self, app: &App, user: UserId) -> Client {
        match self.keys.get(&user) {
            Some(key) => app.with_token(key),
            None => app.sign_in(user),
        }
    }

    /// Everybody asks at once, one request on each connection of each gateway: none is answered before each of them has
    /// a connection of its own. `who` may be fewer than there are connections; they take turns.
    pub(super) async fn ask(&mut self, who: &[UserId], ask: Ask, of: &Subject) -> Vec<(UserId, Reply)> {
        self.holder.execute("begin; lock table users in access exclusive mode").await.unwrap();
        let mut asking = Vec::new();
        let mut turns = who.iter().cycle();
        for app in &self.apps {
            for _ in 0..CONNECTIONS {
                let user = *turns.next().unwrap();
                let (client, of) = (self.client(app, user), *of);
                asking.push((user, tokio::spawn(async move { ask.send(&client, &of).await })));
            }
        }
        let all = asking.len();
        let waiting = tokio::time::timeout(Duration::from_mins(1), self.waiting(all)).await;
        self.holder.execute("commit").await.unwrap();
        let Ok(waiting) = waiting else { panic!("not every request has a connection of its own") };
        if self.known.is_empty() {
            self.known.clone_from(&waiting);
        }
        assert_eq!(waiting, self.known, "no connection is a new one");
        let mut replies = Vec::new();
        for (user, asking) in asking {
            replies.push((user, asking.await.unwrap()));
        }
        replies
    }

    /// Everybody looks at the customer's posture, one after the other, at each gateway.
    pub(super) async fn looks(&self, who: &[UserId], of: &Subject) -> Vec<(UserId, Reply)> {
        let mut replies = Vec::new();
        for app in &self.apps {
            for user in who {
                replies.push((*user, Ask::Field("posture").send(&self.client(app, *user), of).await));
            }
        }
        replies
    }

    /// The connections that wait for the table, once so many do.
    async fn waiting(&mut self, count: usize) -> BTreeSet<i32> {
        loop {
            let waiting: Vec<i32> = sqlx::query_scalar(
                "select pid from pg_stat_activity where datname = current_database()
                 and usename in ('posture_gateway', $1) and wait_event_type = 'Lock'",
            )
            .bind(SUPERUSER)
            .fetch_all(&mut self.observer)
            .await
            .unwrap();
            if waiting.len() == count {
                return waiting.into_iter().collect();
            }
        }
    }

    pub(super) async fn make(&mut self, change: Change, of: &Subject, is_made: bool) {
        match (change.sql(of), change) {
            (_, Change::Mutation(user, field, on, input)) if is_made => {
                let on = on.input(of);
                let document = format!(
                    "mutation {{ {field}(input: {{ {on}, {input} }}) {{ userErrors {{ code message }} }} }}"
                );
                let data = self.apps[0].sign_in(user).data(&document).await;
                assert_eq!(data[field]["userErrors"], serde_json::json!([]), "{change:?}");
            }
            (Some((_, undo)), Change::Mutation(..)) => {
                self.holder.execute(AssertSqlSafe(undo)).await.unwrap();
            }
            (Some((make, undo)), _) => {
                let sql = if is_made { make } else { undo };
                let done = self.holder.execute(AssertSqlSafe(sql)).await.unwrap();
                assert_eq!(done.rows_affected(), 1, "{change:?}");
            }
            (None, Change::Time(by)) => {
                for app in &self.apps {
                    app.clock.advance(if is_made { by } else { -by });
                }
            }
            (None, _) => panic!("{change:?} changes nothing"),
        }
    }
}

impl Ask {
    pub(super) async fn send(self, client: &Client, of: &Subject) -> Reply {
        let customer = GlobalId::Customer(of.customer);
        match self {
            Self::Field(_) => {
                let (access, finding) = (
                    GlobalId::Access(of.customer, of.access),
                    GlobalId::Finding(of.customer, of.posture.finding),
                );
                let document = format!(
                    r#"{{ viewer {{ name partnerRole customerRole }}
                    customer(id: "{customer}") {{ name portalAccess posture {{ assets riskScore }} findings {{ nodes {{ title }} }}
                        auditLog {{ nodes {{ action }} }} securityConfiguration {{ samlIssuer }}
                        visibility {{ class reason }} accesses {{ nodes {{ status subscription {{ plan }} }} }} }}
                    access(id: "{access}") {{ status operatingModel customerConsent effectivePrivilege postureVisible
                        trial {{ expired }} visibility {{ class reason }} }}
                    previewOperatingModel(accessId: "{access}", operatingModel: FULLY_MANAGED) {{ gained blockedBy }}
                    node(id: "{finding}") {{ id }}
                    partner {{ accesses(filter: {{ minOpenSeverity: HIGH }}) {{ totalCount nodes {{ id }} }} dashboard {{ posture {{ accessesIncluded assets }} }} }} }}"#
                );
                client.ask(&document).await
            }
            Self::Upload => {
                let request = client.post_to(&format!("/ingest/sarif?customer={customer}"));
                client.send(request.body(log(&["error"]).to_string())).await
            }
        }
    }

    /// What the answer amounts to: `shown`, or why not.
    pub(super) fn outcome(self, reply: &Reply) -> String {
        let code = || reply.codes().first().map_or("none", |code| *code).to_owned();
        match self {
            Self::Upload if reply.status == 200 => "shown".to_owned(),
            Self::Upload => code(),
            Self::Field(field) => {
                let customer = &reply.body["data"]["customer"];
                let path = serde_json::json!(["customer", field]);
                let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
                let denial = errors.iter().find(|error| error["path"] == path);
                match denial {
                    Some(denial) => denial["extensions"]["reason"].as_str().unwrap().to_owned(),
                    None if !customer[field].is_null() => "shown".to_owned(),
                    None if reply.body["data"]["viewer"].is_null() => code(),
                    None => "nothing".to_owned(),
                }
            }
        }
    }
}
