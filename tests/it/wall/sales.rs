//! What a mutation's role may sell: the second wall stops what the gateway never asks for.

use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::World;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};

use super::builder::{Builder, now};
use super::matrix::hold;

const DENIED: &str = "42501";

/// Two partners, a customer of each, and everyone who could try.
struct Market {
    world: World,
    own: PartnerId,
    rival: PartnerId,
    customer: CustomerId,
    rivals_customer: CustomerId,
    admin: UserId,
    others: Vec<UserId>,
}

fn market() -> Market {
    let mut b = Builder::default();
    let (own, rival) = (b.partner(None), b.partner(None));
    let admin = b.partner_user(own, PartnerRole::Admin, false);
    let customer = b.customer(own, PortalAccess::Full);
    let rivals_customer = b.customer(rival, PortalAccess::Full);
    let mut others = vec![
        b.partner_user(own, PartnerRole::Operator, false),
        b.partner_user(own, PartnerRole::Admin, true),
        b.customer_user(rivals_customer, CustomerRole::Admin, false),
        b.scanner(&[customer], false),
    ];
    let world = b.finish();
    let platform = world.users.iter().filter(|user| user.kind == ViewerKind::PlatformAdmin);
    others.extend(platform.map(|user| user.id));
    Market { world, own, rival, customer, rivals_customer, admin, others }
}

/// What comes of a statement in a mutation's transaction of its own, which leaves nothing behind.
async fn attempt(gateway: &mut PgConnection, viewer: UserId, sql: &str) -> Result<u64, String> {
    let opening = format!(
        "begin; set local role posture_writer; set local app.viewer = '{viewer}'; set local app.now = '{}'",
        now().to_rfc3339()
    );
    gateway.execute(AssertSqlSafe(opening)).await.unwrap();
    let outcome = gateway
        .execute(AssertSqlSafe(sql))
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned());
    gateway.execute("rollback").await.unwrap();
    outcome
}

const ID: &str = "00000000-0000-0000-0000-00000000c0de";

fn customer(created_by: PartnerId, portal: i16) -> String {
    format!(
        "insert into customers (customer_id, name, portal_access, created_by, created_at) \
         values ('{ID}', 'New', {portal}, '{created_by}', now())"
    )
}

fn access(world: &World, (customer, partner): (CustomerId, PartnerId), terms: &str) -> String {
    let name = &world.customers.iter().find(|row| row.customer_id == customer).unwrap().name;
    let columns = "status, operating_model, privilege_ceiling, customer_consent, trial_started_at, trial_ends_at, trial_convert_by";
    format!(
        "insert into accesses (customer_id, id, partner_id, customer_name, created_at, {columns}) \
         values ('{customer}', '{ID}', '{partner}', '{name}', now(), {terms})"
    )
}

fn quote(customer: CustomerId, partner: PartnerId) -> String {
    format!(
        "insert into quotes (customer_id, id, partner_id, plan, license_model, billing_cycle, operating_model, price, currency, \
         add_ons, created_at) values ('{customer}', '{ID}', '{partner}', 'Basic', 'UNLIMITED', 'MONTHLY', 'CO_MANAGED', 100, 'EUR', \
         '[]', now())"
    )
}

const ACTIVE: &str = "'ACTIVE', 'CO_MANAGED', 1, 1, null, null, null";
const PRICE: &str = "insert into pricing values ('UNLIMITED', 'EUR', now(), 1, 1)";

/// Each is right but for one thing.
#[tokio::test]
async fn a_partners_admin_sells_what_is_theirs_to_sell_and_nothing_else() {
    let Market { world, own, rival, customer: mine, rivals_customer, admin, .. } = market();
    let (_database, mut gateway) = hold(&world).await;
    let user = format!(
        "insert into users (id, kind, name, email, created_at) values ('{ID}', 'CUSTOMER_USER', 'Eve', 'eve@x.example', now())"
    );
    let trial = "now(), now() + interval '14 days', now() + interval '44 days'";
    let purchase = |partner| {
        format!(
            "insert into prepaid_purchases values ('{partner}', '{ID}', 'UNLIMITED', 1, 40, 'EUR', now())"
        )
    };
    for (sql, expected) in [
        (customer(own, 0), Ok(1)),
        (customer(rival, 0), Err(DENIED)),
        (customer(own, 1), Err(DENIED)),
        (access(&world, (mine, own), ACTIVE), Ok(1)),
        (access(&world, (rivals_customer, own), ACTIVE), Err(DENIED)),
        (access(&world, (mine, rival), ACTIVE), Err(DENIED)),
        (access(&world, (mine, own), "'ACTIVE', 'CO_MANAGED', 2, 1, null, null, null"), Err(DENIED)),
        (access(&world, (mine, own), "'ACTIVE', 'CO_MANAGED', 1, 2, null, null, null"), Err(DENIED)),
        (access(&world, (mine, own), &format!("'TRIAL', 'CUSTOMER_MANAGED', 1, 1, {trial}")), Ok(1)),
        (access(&world, (mine, own), &format!("'TRIAL', 'CO_MANAGED', 1, 1, {trial}")), Err(DENIED)),
        (access(&world, (mine, own), &format!("'ACTIVE', 'CO_MANAGED', 1, 1, {trial}")), Err(DENIED)),
        (quote(mine, own), Ok(1)),
        (quote(rivals_customer, own), Err(DENIED)),
        (quote(mine, rival), Err(DENIED)),
        (purchase(own), Ok(1)),
        (purchase(rival), Err(DENIED)),
        (user.clone(), Ok(1)),
        (user.replace("CUSTOMER_USER", "PLATFORM_ADMIN"), Err(DENIED)),
        (PRICE.to_owned(), Err(DENIED)),
    ] {
        let expected = expected.map_err(str::to_owned);
        assert_eq!(attempt(&mut gateway, admin, &sql).await, expected, "{sql}");
    }
}

/// The first user comes with the customer; a second one does not come this way, nor one of another's customer.
#[tokio::test]
async fn a_customer_is_founded_once() {
    let Market { world, customer: mine, rivals_customer, admin, .. } = market();
    let (database, mut gateway) = hold(&world).await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    let made = format!(
        "insert into users (id, kind, name, created_at) values ('{ID}', 'CUSTOMER_USER', 'Eve', now()); \
         insert into users (id, kind, name, created_at) values (gen_random_uuid(), 'CUSTOMER_USER', 'Eva', now())"
    );
    owner.execute(AssertSqlSafe(made)).await.unwrap();
    let found = |customer: CustomerId, role: &str| {
        format!(
            "insert into customer_users (customer_id, user_id, role) values ('{customer}', '{ID}', '{role}')"
        )
    };
    assert_eq!(attempt(&mut gateway, admin, &found(mine, "ADMIN")).await, Ok(1));
    assert_eq!(attempt(&mut gateway, admin, &found(mine, "READ_ONLY")).await, Err(DENIED.to_owned()));
    assert_eq!(attempt(&mut gateway, admin, &found(rivals_customer, "ADMIN")).await, Err(DENIED.to_owned()));
    let second = format!(
        "insert into customer_users (customer_id, user_id, role) select '{mine}', id, 'READ_ONLY' from users where name = 'Eva'"
    );
    owner.execute(AssertSqlSafe(second)).await.unwrap();
    assert_eq!(attempt(&mut gateway, admin, &found(mine, "ADMIN")).await, Err(DENIED.to_owned()));
}

#[tokio::test]
async fn nobody_else_sells_anything_and_only_the_platform_sets_prices() {
    let Market { world, own, customer: mine, others, .. } = market();
    let (_database, mut gateway) = hold(&world).await;
    let platform = world
        .users
        .iter()
        .find(|user| user.kind == ViewerKind::PlatformAdmin && user.disabled_at.is_none())
        .unwrap()
        .id;
    for viewer in others {
        for sql in [customer(own, 0), access(&world, (mine, own), ACTIVE), quote(mine, own)] {
            assert_eq!(attempt(&mut gateway, viewer, &sql).await, Err(DENIED.to_owned()), "{viewer} {sql}");
        }
        let price = if viewer == platform { Ok(1) } else { Err(DENIED.to_owned()) };
        assert_eq!(attempt(&mut gateway, viewer, PRICE).await, price, "{viewer}");
    }
}
