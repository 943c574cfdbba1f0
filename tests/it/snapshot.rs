//! One request reads in one snapshot: what decides and what is shown are of the same moment (DESIGN.md 5).

use posture_gateway::domain::ids::UserId;
use posture_gateway::store::Snapshot;
use posture_gateway::store::viewer::signed_in;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::world::NOW;

#[tokio::test]
async fn one_request_reads_one_moment() {
    let app = App::start(Cast::new().world).await;
    let user = UserId::from(Persona::PartnerAdmin);
    let request = || Snapshot::new(app.database.clone(), Some(user), NOW);
    let name = async |request: &Snapshot| {
        let found = signed_in(&mut request.reader().await.unwrap(), user).await.unwrap();
        found.map(|user| user.name)
    };

    let first = request();
    assert_eq!(name(&first).await.as_deref(), Some("PartnerAdmin"));
    app.as_owner(&format!("update users set name = 'Renamed' where id = '{user}'")).await;
    assert_eq!(name(&first).await.as_deref(), Some("PartnerAdmin"));
    app.as_owner(&format!("update users set disabled_at = now() where id = '{user}'")).await;
    assert_eq!(name(&first).await.as_deref(), Some("PartnerAdmin"));
    first.finish().await.unwrap();

    assert_eq!(name(&request()).await, None);
}
