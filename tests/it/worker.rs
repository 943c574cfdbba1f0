//! What happens without anybody asking.

use chrono::TimeDelta;
use posture_gateway::worker::Worker;
use sqlx::ConnectOptions as _;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};

#[tokio::test]
async fn idempotency_keys_are_forgotten_after_a_day() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    let bought = admin
        .ask("mutation { buyPrepaidLicenses(input: { licenseModel: UNLIMITED, quantity: 3 }) { userErrors { code } } }")
        .await;
    assert_eq!(bought.codes(), [] as [&str; 0]);
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    for (later, kept) in [(TimeDelta::hours(24), 1), (TimeDelta::seconds(1), 0)] {
        app.clock.advance(later);
        worker.once().await.unwrap();
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        let keys: i64 =
            sqlx::query_scalar("select count(*) from idempotency_keys").fetch_one(&mut owner).await.unwrap();
        assert_eq!(keys, kept);
    }
}
