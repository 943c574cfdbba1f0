//! Nothing is kept longer than a request: the moment something changes, the next request of everybody, on every
//! connection of every gateway, obeys it, when it hides and when it shows again; whether it is changed past the gateways or by a
//! mutation that one of them does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::api_key::KeyKind;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::secret::Secret;
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::Membership;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};

use super::size::tried;
use crate::live::{findings_of, rename, told};
use crate::support::app::{App, Client, Reply};
use crate::support::live::{Socket, quiet};
use crate::support::uploads::log;
use crate::support::world::{NOW, Posture, Terms, World};

/// Connections of each gateway.
const CONNECTIONS: u32 = 3;

/// Something that changes what somebody sees.
#[derive(Clone, Copy, Debug)]
enum Change {
    Model(OperatingModel),
    Consent(Privilege),
    Ceiling(Privilege),
    Status(AccessStatus),
    Portal(PortalAccess),
    /// The clocks of all gateways reach an end: of a consent, of a trial.
    Time(TimeDelta),
    Disable(UserId),
    PartnerRole(UserId, PartnerRole),
    CustomerRole(UserId, CustomerRole),
    Unassign(UserId),
    RemoveFromCustomer(UserId),
    Unregister(UserId),
    /// The API key that a program signs in by, in this table.
    RevokeKey(&'static str, UserId),
    /// What somebody does by a mutation of the first gateway; it takes an access, a customer or a user, and this beside it.
    Mutation(UserId, &'static str, On, &'static str),
}

/// What a mutation is told to change.
#[derive(Clone, Copy, Debug)]
enum On {
    Access,
    Customer,
    User(UserId),
    /// The access, and whose assignment to it.
    Assignment(UserId),
}

/// What a change is made to.
#[derive(Clone, Copy, Debug)]
struct Subject {
    customer: CustomerId,
    access: AccessId,
    posture: Posture,
    terms: Terms,
}

impl Change {
    /// The statements that make it and that take it back; none where only time passes.
    fn sql(self, of: &Subject) -> Option<(String, String)> {
        let Subject { customer, access, terms, .. } = of;
        let the_access = |set: &str, back: &str| {
            let where_it_is = format!("where customer_id = '{customer}' and id = '{access}'");
            (
                format!("update accesses set {set} {where_it_is}"),
                format!("update accesses set {back} {where_it_is}"),
            )
        };
        let rank = |privilege: Privilege| privilege as i16;
        Some(match self {
            Self::Model(model) => the_access(
                &format!("operating_model = '{model}'"),
                &format!("operating_model = '{}'", terms.model),
            ),
            Self::Consent(consent) => the_access(
                &format!("customer_consent = {}", rank(consent)),
                &format!("customer_consent = {}", rank(terms.consent)),
            ),
            Self::Ceiling(ceiling) => the_access(
                &format!("privilege_ceiling = {}", rank(ceiling)),
                &format!("privilege_ceiling = {}", rank(terms.ceiling)),
            ),
            Self::Status(status) => {
                let ended = if status == AccessStatus::Ended { "'2026-06-15Z'" } else { "null" };
                the_access(
                    &format!("status = '{status}', ended_at = {ended}"),
                    &format!("status = '{}', ended_at = null", terms.status),
                )
            }
            Self::Portal(portal) => {
                let set = |portal: PortalAccess| {
                    let rank = portal as i16;
                    format!("update customers set portal_access = {rank} where customer_id = '{customer}'")
                };
                (set(portal), set(PortalAccess::Full))
            }
            Self::Time(_) => return None,
            Self::Mutation(_, _, on, _) => {
                let Terms { status, model, ceiling, consent, .. } = terms;
                let back = match on {
                    On::Access => format!(
                        "update accesses set status = '{status}', ended_at = null, operating_model = '{model}', \
                         privilege_ceiling = {}, customer_consent = {} where id = '{access}'; \
                         update subscriptions set status = 'ACTIVE' where access_id = '{access}'",
                        rank(*ceiling),
                        rank(*consent)
                    ),
                    On::Customer => Self::Portal(PortalAccess::Full).sql(of)?.1,
                    On::User(user) => Self::Disable(user).sql(of)?.1,
                    On::Assignment(user) => Self::Unassign(user).sql(of)?.1,
                };
                (String::new(), back)
            }
            Self::Disable(user) => (
                format!("update users set disabled_at = '2026-06-15Z' where id = '{user}'"),
                format!("update users set disabled_at = null where id = '{user}'"),
            ),
            Self::PartnerRole(user, role) => (
                format!("update partner_users set role = '{role}' where user_id = '{user}'"),
                format!("update partner_users set role = 'ADMIN' where user_id = '{user}'"),
            ),
            Self::CustomerRole(user, role) => (
                format!("update customer_users set role = '{role}' where user_id = '{user}'"),
                format!("update customer_users set role = 'ADMIN' where user_id = '{user}'"),
            ),
            Self::Unassign(user) => (
                format!(
                    "delete from operator_assignments where user_id = '{user}' and access_id = '{access}'"
                ),
                format!(
                    "insert into operator_assignments (customer_id, access_id, user_id)
                     values ('{customer}', '{access}', '{user}')"
                ),
            ),
            Self::RemoveFromCustomer(user) => (
                format!("delete from customer_users where user_id = '{user}'"),
                format!(
                    "insert into customer_users (customer_id, user_id, role) values ('{customer}', '{user}', 'ADMIN')"
                ),
            ),
            Self::Unregister(user) => (
                format!(
                    "delete from scanner_customers where user_id = '{user}' and customer_id = '{customer}'"
                ),
                format!(
                    "insert into scanner_customers (customer_id, user_id) values ('{customer}', '{user}')"
                ),
            ),
            Self::RevokeKey(table, user) => {
                let set = |at: &str| format!("update {table} set revoked_at = {at} where user_id = '{user}'");
                (set("'2026-06-15Z'"), set("null"))
            }
        })
    }
}

/// What somebody does again and again.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// Reads, and looks at this field of the customer.
    Field(&'static str),
    /// Uploads a scan.
    Upload,
}

/// A change, who looks, and what they meet after it.
struct Case {
    change: Change,
    of: Subject,
    who: UserId,
    ask: Ask,
    then: &'static str,
}

/// The people and things of the world.
struct Cast {
    world: World,
    birch: PartnerId,
    cedar: PartnerId,
    admin: UserId,
    operator: UserId,
    scanner: UserId,
    /// Programs, of a partner and of a customer, by the keys that they sign in by.
    programs: Vec<(UserId, KeyKind)>,
    /// Who looks on: nothing is changed about them.
    others: Vec<UserId>,
}

impl Cast {
    fn new() -> Self {
        let mut world = World::default();
        world.price_list();
        let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
        let (admin, operator) = (world.partner_admin(birch, "Ada"), world.operator(birch, "Otto"));
        let scanner = world.user(ViewerKind::Scanner, "Scan");
        let others = vec![
            world.partner_admin(birch, "Anna"),
            world.operator(birch, "Olga"),
            world.partner_admin(cedar, "Rita"),
            world.user(ViewerKind::PlatformAdmin, "Paul"),
        ];
        Self { world, birch, cedar, admin, operator, scanner, programs: Vec::new(), others }
    }

    /// A customer with an access on these terms, and an ADMIN of it.
    fn sell(&mut self, terms: Terms) -> (Subject, UserId) {
        let world = &mut self.world;
        let nth = world.rows.customers.len();
        let customer = world.customer(self.birch, &format!("Customer {nth:02}"), PortalAccess::Full);
        let access = world.access(self.birch, customer, terms);
        world.access(self.cedar, customer, Terms::co_managed());
        for operator in [self.operator, self.others[1]] {
            world.assign(operator, customer, access);
        }
        world.rows.memberships.push(Membership::Scanner(customer, self.scanner));
        let posture = world.posture(customer);
        let admin = world.customer_user(customer, CustomerRole::Admin, &format!("Admin {nth:02}"));
        (Subject { customer, access, posture, terms }, admin)
    }

    /// An ADMIN of the partner that is a program.
    fn partners_program(&mut self) -> UserId {
        self.world.partner_key(self.birch, "Sync");
        let (rows, role) = (&mut self.world.rows, PartnerRole::Admin);
        let user = rows.users.last().unwrap().id;
        *rows.memberships.last_mut().unwrap() = Membership::Partner(self.birch, user, role);
        self.programs.push((user, KeyKind::Partner));
        user
    }

    /// An ADMIN of a customer that is a program.
    fn customers_program(&mut self, customer: CustomerId) -> UserId {
        let user = self.world.customer_user(customer, CustomerRole::Admin, "Customer sync");
        let rows = &mut self.world.rows;
        rows.users.last_mut().unwrap().is_service = true;
        rows.api_keys.iter_mut().find(|row| row.customer_id == customer).unwrap().user_id = Some(user);
        self.programs.push((user, KeyKind::Customer));
        user
    }

    /// Every change, each about a customer of its own.
    fn cases(&mut self) -> Vec<Case> {
        use Ask::{Field, Upload};
        let hour = TimeDelta::hours(1);
        let managed = Terms::fully_managed();
        let (posture, security) = (Field("posture"), Field("securityConfiguration"));
        let by_partner = [
            (managed, Change::Model(OperatingModel::CustomerManaged), posture, "OPERATING_MODEL"),
            (managed, Change::Model(OperatingModel::CoManaged), security, "OPERATING_MODEL"),
            (managed, Change::Consent(Privilege::None), posture, "CONSENT"),
            (managed, Change::Consent(Privilege::Support), security, "CONSENT"),
            (managed.consent_until(NOW + hour), Change::Time(hour), security, "CONSENT"),
            (Terms::co_managed().consent_until(NOW + hour), Change::Time(hour), posture, "CONSENT"),
            (managed, Change::Ceiling(Privilege::None), posture, "PRIVILEGE"),
            (managed, Change::Ceiling(Privilege::Support), security, "PRIVILEGE"),
            (Terms::co_managed().trial_until(NOW + hour), Change::Time(hour), posture, "ACCESS_STATUS"),
            (managed, Change::Status(AccessStatus::Suspended), posture, "ACCESS_STATUS"),
            (managed, Change::Status(AccessStatus::Ended), posture, "ACCESS_STATUS"),
        ];
        let mut cases = Vec::new();
        for (terms, change, ask, then) in by_partner {
            let (of, _) = self.sell(terms);
            cases.push(Case { change, of, who: self.admin, ask, then });
        }
        let (admin, operator, scanner) = (self.admin, self.operator, self.scanner);
        self.by_mutation(&mut cases);
        let (of, _) = self.sell(managed);
        cases.push(Case {
            change: Change::Disable(admin),
            of,
            who: admin,
            ask: posture,
            then: "UNAUTHENTICATED",
        });
        let change = Change::PartnerRole(admin, PartnerRole::Operator);
        cases.push(Case { change, of, who: admin, ask: posture, then: "nothing" });
        cases.push(Case {
            change: Change::Unassign(operator),
            of,
            who: operator,
            ask: posture,
            then: "nothing",
        });
        cases.push(Case {
            change: Change::Unregister(scanner),
            of,
            who: scanner,
            ask: Upload,
            then: "NOT_FOUND",
        });
        cases.push(Case {
            change: Change::Disable(scanner),
            of,
            who: scanner,
            ask: Upload,
            then: "UNAUTHENTICATED",
        });

        let (of, own) = self.sell(Terms::customer_managed());
        let by_customer = [
            (Change::Portal(PortalAccess::ReadOnly), security, "PORTAL_ACCESS"),
            (Change::Portal(PortalAccess::Disabled), posture, "PORTAL_ACCESS"),
            (Change::CustomerRole(own, CustomerRole::ReadOnly), Field("auditLog"), "ROLE"),
            (Change::RemoveFromCustomer(own), posture, "UNAUTHENTICATED"),
            (Change::Disable(own), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_customer.map(|(change, ask, then)| Case { change, of, who: own, ask, then }));
        // Who signs in by a key.
        let who = self.customers_program(of.customer);
        let by_key = [
            (Change::CustomerRole(who, CustomerRole::ReadOnly), Field("auditLog"), "ROLE"),
            (Change::RevokeKey("api_keys", who), posture, "UNAUTHENTICATED"),
            (Change::Disable(who), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_key.map(|(change, ask, then)| Case { change, of, who, ask, then }));
        let (of, _) = self.sell(managed);
        let who = self.partners_program();
        let by_key = [
            (Change::PartnerRole(who, PartnerRole::Operator), posture, "nothing"),
            (Change::RevokeKey("partner_api_keys", who), posture, "UNAUTHENTICATED"),
            (Change::Disable(who), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_key.map(|(change, ask, then)| Case { change, of, who, ask, then }));
        cases
    }
}

impl Cast {
    /// Every mutation that hides something from somebody, done by a colleague or by the customer.
    fn by_mutation(&mut self, cases: &mut Vec<Case>) {
        let (posture, security) = (Ask::Field("posture"), Ask::Field("securityConfiguration"));
        let (admin, operator, colleague) = (self.admin, self.operator, self.others[0]);
        let by_colleague = [
            (
                "changeOperatingModel",
                On::Access,
                "operatingModel: CUSTOMER_MANAGED, reason: \"as agreed\"",
                admin,
                posture,
                "OPERATING_MODEL",
            ),
            (
                "setPrivilegeCeiling",
                On::Access,
                "ceiling: SUPPORT, reason: \"as agreed\"",
                admin,
                security,
                "PRIVILEGE",
            ),
            ("suspendAccess", On::Access, "reason: \"unpaid\"", admin, posture, "ACCESS_STATUS"),
            ("endAccess", On::Access, "reason: \"cancelled\"", admin, posture, "ACCESS_STATUS"),
            ("assignOperator", On::Assignment(operator), "assigned: false", operator, posture, "nothing"),
            ("disableUser", On::User(admin), "", admin, posture, "UNAUTHENTICATED"),
        ];
        for (field, on, input, who, ask, then) in by_colleague {
            let (of, _) = self.sell(Terms::fully_managed());
            cases.push(Case { change: Change::Mutation(colleague, field, on, input), of, who, ask, then });
        }
        let (of, own) = self.sell(Terms::fully_managed());
        let change = Change::Mutation(own, "setPartnerConsent", On::Access, "consent: NONE");
        cases.push(Case { change, of, who: admin, ask: posture, then: "CONSENT" });
        let (of, own) = self.sell(Terms::customer_managed());
        let change = Change::Mutation(colleague, "setPortalAccess", On::Customer, "portalAccess: DISABLED");
        cases.push(Case { change, of, who: own, ask: posture, then: "PORTAL_ACCESS" });
    }
}

/// Several gateways over one database.
struct Gateways {
    apps: Vec<App>,
    /// Holds the table that every request reads first.
    holder: PgConnection,
    observer: PgConnection,
    /// The connections of all gateways, once they are there.
    known: BTreeSet<i32>,
    /// The keys that programs sign in by.
    keys: BTreeMap<UserId, String>,
}

impl Gateways {
    async fn start(world: World, programs: &[(UserId, KeyKind)]) -> Self {
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
        let connect = || async { one.test_database.as_superuser().connect().await.unwrap() };
        let (holder, observer) = (connect().await, connect().await);
        Self { apps: vec![one, other], holder, observer, known: BTreeSet::new(), keys }
    }

    /// Somebody, by their token or by their key.
    fn client(&self, app: &App, user: UserId) -> Client {
        match self.keys.get(&user) {
            Some(key) => app.with_token(key),
            None => app.sign_in(user),
        }
    }

    /// Everybody asks at once, one request on each connection of each gateway: none is answered before each of them has
    /// a connection of its own. `who` may be fewer than there are connections; they take turns.
    async fn ask(&mut self, who: &[UserId], ask: Ask, of: &Subject) -> Vec<(UserId, Reply)> {
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

    /// The connections that wait for the table, once so many do.
    async fn waiting(&mut self, count: usize) -> BTreeSet<i32> {
        loop {
            let waiting: Vec<i32> = sqlx::query_scalar(
                "select pid from pg_stat_activity where datname = current_database()
                 and usename = 'posture_gateway' and wait_event_type = 'Lock'",
            )
            .fetch_all(&mut self.observer)
            .await
            .unwrap();
            if waiting.len() == count {
                return waiting.into_iter().collect();
            }
        }
    }

    async fn make(&mut self, change: Change, of: &Subject, is_made: bool) {
        match (change.sql(of), change) {
            (_, Change::Mutation(user, field, on, input)) if is_made => {
                let access = GlobalId::Access(of.customer, of.access);
                let on = match on {
                    On::Access => format!("accessId: \"{access}\""),
                    On::Customer => format!("customerId: \"{}\"", GlobalId::Customer(of.customer)),
                    On::User(user) => format!("userId: \"{}\"", GlobalId::User(user)),
                    On::Assignment(user) => {
                        format!("accessId: \"{access}\", operatorId: \"{}\"", GlobalId::User(user))
                    }
                };
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
    async fn send(self, client: &Client, of: &Subject) -> Reply {
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
    fn outcome(self, reply: &Reply) -> String {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_obeys_on_every_connection_of_every_gateway() {
    let mut cast = Cast::new();
    let cases = cast.cases();
    let others = cast.others.clone();
    let mut gateways = Gateways::start(cast.world, &cast.programs).await;
    let mut requests = 0;
    for Case { change, of, who, ask, then } in &cases {
        let lookers: Vec<UserId> = others.iter().copied().chain([*who]).collect();
        let warm = gateways.ask(&[*who], *ask, of).await;
        for (_, reply) in &warm {
            assert_eq!(ask.outcome(reply), "shown", "before {change:?}: {}", reply.text);
        }

        gateways.make(*change, of, true).await;
        let after = gateways.ask(&[*who], *ask, of).await;
        for (_, reply) in &after {
            assert_eq!(ask.outcome(reply), *then, "after {change:?}: {}", reply.text);
        }
        // A gateway that has never answered keeps nothing: all others have to say what it says.
        let cold = gateways.apps[0].beside(1).await;
        let everybody = gateways.ask(&lookers, Ask::Field("posture"), of).await;
        for (user, reply) in &everybody {
            let due = Ask::Field("posture").send(&gateways.client(&cold, *user), of).await;
            assert_eq!(reply.on_the_wire(), due.on_the_wire(), "after {change:?}");
        }

        gateways.make(*change, of, false).await;
        let again = gateways.ask(&[*who], *ask, of).await;
        for ((_, reply), (_, first)) in again.iter().zip(&warm) {
            assert_eq!(ask.outcome(reply), "shown", "after {change:?} was taken back: {}", reply.text);
            // A mutation has left events behind.
            if let (Ask::Field(_), false) = (ask, matches!(change, Change::Mutation(..))) {
                assert_eq!(reply.text, first.text, "after {change:?} was taken back");
            }
        }
        requests += 3 * warm.len() + everybody.len();
    }
    tried("changes that the next request obeyed", cases.len());
    let by_mutation = cases.iter().filter(|case| matches!(case.change, Change::Mutation(..)));
    tried("of them changes by a mutation", by_mutation.count());
    tried("connections of gateways that had to obey", gateways.known.len());
    tried("requests around changes", requests);
}

/// A stream of somebody's, and of somebody of whom nothing is changed.
struct Streams {
    who: Socket,
    control: Socket,
}

/// Streams obey too, on every gateway: after a change a finding is told to whoever sees it still, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_obey_on_every_gateway() {
    let mut cast = Cast::new();
    let cases = cast.cases();
    // Of another partner, which sees every customer all along.
    let control = cast.others[2];
    let mut gateways = Gateways::start(cast.world, &cast.programs).await;
    let (mut silent, mut closed, mut heard) = (0, 0, 0);
    for (nth, Case { change, of, who, ask, then }) in cases.iter().enumerate() {
        let Ask::Field(field) = ask else { continue };
        let sees_posture_still = *field != "posture";
        let document = findings_of(of.customer);
        let mut streams = Vec::new();
        for app in &gateways.apps {
            let mut who = match gateways.keys.get(who) {
                Some(key) => Socket::with_token(app, key).await,
                None => Socket::sign_in(app, *who).await,
            };
            let mut control = Socket::sign_in(app, control).await;
            who.subscribe("a", &document).await;
            control.subscribe("a", &document).await;
            streams.push(Streams { who, control });
        }
        let touch = async |gateways: &mut Gateways, title: &str| {
            let sql = rename(of.posture.finding, title);
            gateways.holder.execute(AssertSqlSafe(sql)).await.unwrap();
        };
        let (before, after, again) =
            (format!("before {nth}"), format!("after {nth}"), format!("again {nth}"));
        touch(&mut gateways, &before).await;
        for streams in &mut streams {
            assert_eq!(streams.control.event("a").await, told(&before));
            heard += 2;
            assert_eq!(streams.who.event("a").await, told(&before), "before {change:?}");
        }

        gateways.make(*change, of, true).await;
        touch(&mut gateways, &after).await;
        for (streams, app) in streams.iter_mut().zip(&gateways.apps) {
            assert_eq!(streams.control.event("a").await, told(&after));
            heard += 1;
            if *then == "UNAUTHENTICATED" {
                assert_eq!(streams.who.closed().await.0, 4403, "after {change:?}");
                closed += 1;
            } else if sees_posture_still {
                assert_eq!(streams.who.event("a").await, told(&after), "after {change:?}");
                heard += 1;
            } else {
                quiet(app).await;
                assert_eq!(streams.who.hears_before_pong().await, [] as [&str; 0], "after {change:?}");
                silent += 1;
            }
        }

        gateways.make(*change, of, false).await;
        touch(&mut gateways, &again).await;
        for streams in &mut streams {
            assert_eq!(streams.control.event("a").await, told(&again));
            heard += 1;
            if *then != "UNAUTHENTICATED" {
                heard += 1;
                assert_eq!(streams.who.event("a").await, told(&again), "after {change:?} was taken back");
            }
        }
    }
    tried("streams that fell silent with a change", silent);
    tried("live events withheld from whom they are hidden", silent + closed);
    tried("live events told to whom they are shown", heard);
    tried("streams that were closed with a change", closed);
    assert!(silent > 0 && closed > 0);
}
