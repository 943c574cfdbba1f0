//! `serve` refuses every role that could get round the policies, and says why and what to run.

use posture_gateway::store::scope::{Database, PoolSettings, UnfitRole};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

use crate::support::database::TestDatabase;

/// The answer for a role of a database.
async fn check(database: &TestDatabase, role: &str) -> Result<(), UnfitRole> {
    Database::new(database.as_role(role), PoolSettings::default()).refuse_powerful_role().await
}

/// Makes a role, which is the whole server's, so its name says whose test it is; and asks what is said of it.
async fn refusal(name: &str, attributes: &str, then: &str) -> String {
    let database = TestDatabase::create().await;
    let mut owner = database.as_superuser().connect().await.unwrap();
    owner.execute(AssertSqlSafe(format!("create role {name} login {attributes}; {then}"))).await.unwrap();
    check(&database, name).await.unwrap_err().to_string()
}

#[tokio::test]
async fn the_gateway_role_is_accepted() {
    let database = TestDatabase::create().await;
    check(&database, "posture_gateway").await.unwrap();
}

#[tokio::test]
async fn a_superuser_is_refused_and_told_what_to_run() {
    let database = TestDatabase::create().await;
    let message =
        check(&database, posture_gateway::private_postgres::SUPERUSER).await.unwrap_err().to_string();
    insta::assert_snapshot!(message, @r#"
    refusing to serve as the database role `postgres`: it is a superuser or can become one, so row-level security would not hold it.
    Connect as `posture_gateway`, which `posture-gateway migrate` creates; give it a way to sign in with, for
    instance:  psql -c "alter role posture_gateway password '...'"  and put it in DATABASE_URL
    "#);
}

#[tokio::test]
async fn other_powers_are_refused_each_with_its_reason() {
    for (name, attributes, then, why) in [
        ("wall_bypasses", "bypassrls", "", "has BYPASSRLS"),
        ("wall_creates", "createrole", "", "has CREATEROLE"),
        (
            "wall_owns_table",
            "",
            "alter table pricing owner to wall_owns_table",
            "owns tables, functions or schemas",
        ),
        (
            "wall_owns_schema",
            "",
            "alter schema gate owner to wall_owns_schema",
            "owns tables, functions or schemas",
        ),
        ("wall_decides", "", "grant posture_policy to wall_decides", "owns tables, functions or schemas"),
        ("wall_counts", "", "grant posture_rollup to wall_counts", "owns tables, functions or schemas"),
    ] {
        let message = refusal(name, attributes, then).await;
        assert!(message.contains(&format!("`{name}`: it {why}")), "{message}");
    }
}

#[tokio::test]
async fn a_member_of_such_a_role_is_refused_also_at_a_remove_and_without_inheriting() {
    for (power, made, why) in [
        ("super", "superuser", "is a superuser or can become one"),
        ("bypass", "bypassrls", "has BYPASSRLS or can become"),
        ("create", "createrole", "has CREATEROLE"),
    ] {
        let name = format!("wall_member_{power}");
        let then = format!(
            "create role {name}_top {made}; create role {name}_middle noinherit; \
             grant {name}_top to {name}_middle; grant {name}_middle to {name}"
        );
        let message = refusal(&name, "noinherit", &then).await;
        assert!(message.contains(why), "{message}");
    }
}
