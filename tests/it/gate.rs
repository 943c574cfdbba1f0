//! `posture-gateway gate --access ID --viewer EMAIL`: facts read from a database, also outside of the viewer's scope.

use chrono::DateTime;
use posture_gateway::{
    cli::gate::explained,
    domain::{
        global_id::GlobalId,
        ids::{AccessId, CustomerId},
    },
    store::{Database, scope::PoolSettings},
};
use sqlx::{ConnectOptions as _, Executor as _};
use uuid::Uuid;

use crate::support::database::TestDatabase;

const CUSTOMER: CustomerId = CustomerId(Uuid::from_u128(0xc));
const LIVE: AccessId = AccessId(Uuid::from_u128(0xa1));
const ENDED: AccessId = AccessId(Uuid::from_u128(0xa2));

/// North's live and ended access to Acme; the operator is assigned to the ended one. South has none.
const WORLD: &str = "
    insert into partners (id, name, currency, created_at) values
        ('00000000-0000-0000-0000-00000000000a', 'North', 'EUR', '2026-01-01Z'),
        ('00000000-0000-0000-0000-00000000000b', 'South', 'EUR', '2026-01-01Z');
    insert into customers (customer_id, name, portal_access, created_by, created_at) values
        ('00000000-0000-0000-0000-00000000000c', 'Acme', 1, '00000000-0000-0000-0000-00000000000a', '2026-01-01Z');
    insert into users (id, kind, name, email, disabled_at, created_at) values
        ('00000000-0000-0000-0000-000000000001', 'PARTNER_USER', 'n', 'admin@north.example', null, '2026-01-01Z'),
        ('00000000-0000-0000-0000-000000000002', 'PARTNER_USER', 'o', 'operator@north.example', null, '2026-01-01Z'),
        ('00000000-0000-0000-0000-000000000003', 'PARTNER_USER', 's', 'admin@south.example', null, '2026-01-01Z'),
        ('00000000-0000-0000-0000-000000000004', 'CUSTOMER_USER', 'c', 'admin@acme.example', null, '2026-01-01Z'),
        ('00000000-0000-0000-0000-000000000005', 'PARTNER_USER', 'g', 'gone@north.example', '2026-02-01Z', '2026-01-01Z');
    insert into partner_users (partner_id, user_id, role) values
        ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000001', 'ADMIN'),
        ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000002', 'OPERATOR'),
        ('00000000-0000-0000-0000-00000000000b', '00000000-0000-0000-0000-000000000003', 'ADMIN'),
        ('00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-000000000005', 'ADMIN');
    insert into customer_users (customer_id, user_id, role) values
        ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-000000000004', 'ADMIN');
    insert into accesses (customer_id, id, partner_id, customer_name, status, operating_model, customer_consent,
                          consent_until, created_at, ended_at) values
        ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-0000000000a2',
         '00000000-0000-0000-0000-00000000000a', 'Acme', 'ENDED', 'FULLY_MANAGED', 1, null, '2026-01-01Z', '2026-02-01Z'),
        ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-0000000000a1',
         '00000000-0000-0000-0000-00000000000a', 'Acme', 'ACTIVE', 'CO_MANAGED', 2, '2026-04-01Z', '2026-02-01Z', null);
    insert into operator_assignments (customer_id, access_id, user_id) values
        ('00000000-0000-0000-0000-00000000000c', '00000000-0000-0000-0000-0000000000a2',
         '00000000-0000-0000-0000-000000000002');
";

/// What the command answers, by the day of 2026.
async fn gate(world: &TestDatabase, id: AccessId, email: &str, day: &str) -> Result<String, String> {
    let database = Database::new(world.as_superuser(), PoolSettings::default());
    let now = DateTime::parse_from_rfc3339(&format!("2026-{day}T00:00:00Z")).unwrap().to_utc();
    explained(database, (CUSTOMER, id), email, now).await.map_err(|error| error.to_string())
}

async fn world() -> TestDatabase {
    let database = TestDatabase::create().await;
    let mut connection = database.as_superuser().connect().await.unwrap();
    connection.execute(WORLD).await.unwrap();
    database
}

/// The decisions, class by class: `visible` or the reason.
fn reasons(text: &str) -> Vec<&str> {
    let classes = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    classes
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "visible"] => Some("visible"),
            [_, "hidden", reason] => Some(reason),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn facts_decisions_and_sentences_are_printed() {
    let world = world().await;
    insta::assert_snapshot!(gate(&world, LIVE, "admin@north.example", "03-01").await.unwrap(), @"
    viewer  admin@north.example, PARTNER_USER, ADMIN of North
    access  BAAAAAAAAAAAAAAAAAAAAAwAAAAAAAAAAAAAAAAAAACh
            North to Acme
    facts   status ACTIVE; operating model CO_MANAGED
            privilege ceiling SUPPORT; customer consent MANAGE until 2026-04-01T00:00:00Z
            portal access READ_ONLY

    CLASS            DECISION  REASON
    COMMERCIAL       visible
    PRICING          visible
    POSTURE          visible
    ACTIVITY         visible
    SECURITY_CONFIG  hidden    OPERATING_MODEL
                     the security configuration is hidden: the operating model is CO_MANAGED, it takes
                     FULLY_MANAGED, which a partner admin can set
    ");
}

#[tokio::test]
async fn an_ended_access_names_the_live_one_that_decides_the_customers_fields() {
    let world = world().await;
    insta::assert_snapshot!(gate(&world, ENDED, "admin@north.example", "04-01").await.unwrap(), @"
    viewer  admin@north.example, PARTNER_USER, ADMIN of North
    access  BAAAAAAAAAAAAAAAAAAAAAwAAAAAAAAAAAAAAAAAAACi
            North to Acme
    facts   status ENDED; operating model FULLY_MANAGED
            privilege ceiling SUPPORT; customer consent SUPPORT
            portal access READ_ONLY

    CLASS            DECISION  REASON
    COMMERCIAL       visible
    PRICING          visible
    POSTURE          hidden    ACCESS_STATUS
                     posture is hidden: the access is ENDED, it takes a new access, which a partner
                     admin can quote
    ACTIVITY         hidden    ACCESS_STATUS
                     activity is hidden: the access is ENDED, it takes a new access, which a partner
                     admin can quote
    SECURITY_CONFIG  hidden    ACCESS_STATUS
                     the security configuration is hidden: the access is ENDED, it takes a new access,
                     which a partner admin can quote

    The customer's own fields (`Customer.findings` and its like) are decided by the pair's other access:
    access  BAAAAAAAAAAAAAAAAAAAAAwAAAAAAAAAAAAAAAAAAACh
            North to Acme
    facts   status ACTIVE; operating model CO_MANAGED
            privilege ceiling SUPPORT; customer consent SUPPORT
            portal access READ_ONLY

    CLASS            DECISION  REASON
    COMMERCIAL       visible
    PRICING          visible
    POSTURE          visible
    ACTIVITY         visible
    SECURITY_CONFIG  hidden    OPERATING_MODEL
                     the security configuration is hidden: the operating model is CO_MANAGED, it takes
                     FULLY_MANAGED, which a partner admin can set
    ");
}

#[tokio::test]
async fn what_does_not_exist_for_the_viewer_is_explained_by_assignment() {
    let world = world().await;
    for (id, email) in [(LIVE, "admin@south.example"), (ENDED, "admin@south.example")] {
        assert_eq!(reasons(&gate(&world, id, email, "03-01").await.unwrap()), ["ASSIGNMENT"; 5]);
    }
    // The live access is hidden from the operator; the customer's fields are decided by the one that is assigned.
    let ended = ["visible", "ROLE", "ACCESS_STATUS", "ACCESS_STATUS", "ACCESS_STATUS"];
    assert_eq!(
        reasons(&gate(&world, LIVE, "operator@north.example", "03-01").await.unwrap()),
        [["ASSIGNMENT"; 5], ended].concat()
    );
    assert_eq!(reasons(&gate(&world, ENDED, "operator@north.example", "03-01").await.unwrap()), ended);
    assert_eq!(
        reasons(&gate(&world, ENDED, "admin@acme.example", "03-01").await.unwrap()),
        ["visible", "ROLE", "visible", "visible", "PORTAL_ACCESS"]
    );
}

#[tokio::test]
async fn nobody_and_nothing_are_said_to_be_so() {
    let world = world().await;
    for email in ["gone@north.example", "nobody@north.example"] {
        assert_eq!(
            gate(&world, LIVE, email, "03-01").await.unwrap_err(),
            format!("no enabled user `{email}` with a role: nobody, so nothing is shown")
        );
    }
    let unknown = AccessId(Uuid::from_u128(0xa9));
    assert_eq!(
        gate(&world, unknown, "admin@north.example", "03-01").await.unwrap_err(),
        format!("no access `{}`", GlobalId::Access(CUSTOMER, unknown))
    );
}

#[tokio::test]
async fn a_role_that_row_security_holds_is_told_so() {
    let world = world().await;
    let database = Database::new(world.as_role("posture_gateway"), PoolSettings::default());
    let now = DateTime::UNIX_EPOCH;
    let error = explained(database, (CUSTOMER, LIVE), "admin@north.example", now).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the database role `posture_gateway` is held by row security, so it sees only what a viewer sees: give `gate` \
         a superuser or a role with BYPASSRLS"
    );
}
