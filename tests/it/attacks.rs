//! What a hostile client tries: forged places, requests given up halfway, one field asked for in several ways.

use std::future::{Future as _, poll_fn};
use std::task::Poll;

use posture_gateway::domain::ids::UserId;
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::cast::Cast;
use crate::support::world::NOW;

#[tokio::test]
async fn an_opening_that_is_given_up_leaves_the_pool_clean() {
    let app = App::start(Cast::new().world).await;
    let settings = PoolSettings { max_connections: 1, ..PoolSettings::default() };
    let database = Database::new(app.test_database.as_role("posture_gateway"), settings);
    for _ in 0..10 {
        database.ping().await.unwrap();
        let before = database.statements();
        let mut opening = Box::pin(database.begin_ingest(UserId(Uuid::nil()), NOW));
        // Until the opening is on its way, and no further.
        while database.statements() == before {
            poll_fn(|context| Poll::Ready(opening.as_mut().poll(context).is_ready())).await;
            tokio::task::yield_now().await;
        }
        drop(opening);
        database.ping().await.unwrap();
    }
}
