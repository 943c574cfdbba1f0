//! Usage alerts: raised once a period with the count that reaches the threshold, and acknowledged (DESIGN.md 7).

use chrono::{DateTime, TimeDelta, Utc};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::subscription::LicenseModel;
use serde_json::{Value, json};

use super::{codes, everything, recorded};
use crate::support::app::{App, Reply};
use crate::support::world::{NOW, Terms, World, days};

/// What is metered.
#[derive(Clone, Copy)]
enum Counted {
    Assets,
    Scans,
}

/// A customer with a licence for ten of something.
struct Metered {
    app: App,
    admin: UserId,
    customer: CustomerId,
    access: String,
}

async fn metered(license_model: LicenseModel) -> Metered {
    let mut world = World::default();
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let customer = world.customer(birch, "Elm", PortalAccess::Full);
    let access = world.access(birch, customer, Terms::customer_managed());
    let sold = world.rows.subscriptions.last_mut().unwrap();
    sold.license_model = license_model;
    sold.quantity = (license_model != LicenseModel::Unlimited).then_some(10);
    let access = GlobalId::Access(customer, access).to_string();
    Metered { app: App::start(world).await, admin, customer, access }
}

impl Metered {
    /// What an upload counts, at an instant.
    async fn count(&self, table: Counted, how_many: i32, at: DateTime<Utc>) {
        let (customer, at) = (self.customer, at.to_rfc3339());
        let rows = match table {
            Counted::Assets => format!(
                "insert into assets (customer_id, id, kind, value, first_seen_at) \
                 select '{customer}', gen_random_uuid(), 'DOMAIN', gen_random_uuid() || '.example', '{at}'"
            ),
            Counted::Scans => format!(
                "insert into scans (customer_id, id, profile, trigger, status, requested_at) \
                 select '{customer}', gen_random_uuid(), 'full', 'API', 'QUEUED', '{at}'"
            ),
        };
        let sql =
            format!("begin; set local app.now = '{at}'; {rows} from generate_series(1, {how_many}); commit");
        self.app.as_owner(&sql).await;
    }

    async fn usage(&self) -> Value {
        let document = format!(
            r#"{{ access(id: "{}") {{ subscription {{ usage {{ alerting alert {{ raisedAt acknowledgedAt acknowledgedBy }} }} }} }} }}"#,
            self.access
        );
        let data = self.app.sign_in(self.admin).data(&document).await;
        let usage = &data["access"]["subscription"]["usage"];
        json!([usage["alerting"], usage["alert"]])
    }

    async fn acknowledge(&self) -> Reply {
        let document = format!(
            r#"mutation {{ acknowledgeUsageAlert(input: {{ accessId: "{}" }}) {{
                access {{ version }} userErrors {{ code }} }} }}"#,
            self.access
        );
        self.app.sign_in(self.admin).ask(&document).await
    }
}

fn raised(at: DateTime<Utc>) -> Value {
    json!([true, { "raisedAt": at.to_rfc3339(), "acknowledgedAt": null, "acknowledgedBy": null }])
}

#[tokio::test]
async fn assets_alert_at_ninety_percent_once_a_month() {
    let metered = metered(LicenseModel::PerAsset).await;
    metered.count(Counted::Assets, 8, days(-2)).await;
    assert_eq!(metered.usage().await, json!([false, null]));
    assert_eq!(codes(&metered.acknowledge().await), ["WRONG_STATE"]);
    metered.count(Counted::Assets, 1, days(-1)).await;
    assert_eq!(metered.usage().await, raised(days(-1)));
    // The same month tells once.
    metered.count(Counted::Assets, 5, NOW).await;
    assert_eq!(metered.usage().await, raised(days(-1)));
    // The next one tells again, with the first scan of it.
    metered.app.clock.advance(TimeDelta::days(16));
    assert_eq!(metered.usage().await, json!([true, null]));
    metered.count(Counted::Scans, 1, days(16)).await;
    assert_eq!(metered.usage().await, raised(days(16)));
}

#[tokio::test]
async fn scans_alert_at_eighty_percent_of_their_month() {
    let metered = metered(LicenseModel::PerScan).await;
    metered.count(Counted::Scans, 20, days(-30)).await;
    metered.count(Counted::Scans, 7, days(-1)).await;
    assert_eq!(metered.usage().await, json!([false, null]));
    metered.count(Counted::Assets, 100, days(-1)).await;
    assert_eq!(metered.usage().await, json!([false, null]));
    metered.count(Counted::Scans, 1, NOW).await;
    assert_eq!(metered.usage().await, raised(NOW));
}

#[tokio::test]
async fn unlimited_never_alerts() {
    let metered = metered(LicenseModel::Unlimited).await;
    metered.count(Counted::Assets, 100, NOW).await;
    metered.count(Counted::Scans, 100, NOW).await;
    assert_eq!(metered.usage().await, json!([false, null]));
}

#[tokio::test]
async fn a_smaller_licence_alerts_too() {
    let metered = metered(LicenseModel::PerAsset).await;
    metered.count(Counted::Assets, 5, days(-1)).await;
    let now = NOW.to_rfc3339();
    metered
        .app
        .as_owner(&format!(
            "begin; set local app.now = '{now}'; update subscriptions set quantity = 5; commit"
        ))
        .await;
    assert_eq!(metered.usage().await, raised(NOW));
}

#[tokio::test]
async fn an_alert_is_acknowledged_once_and_both_logs_say_so() {
    let metered = metered(LicenseModel::PerAsset).await;
    metered.count(Counted::Assets, 9, days(-1)).await;
    let reply = metered.acknowledge().await;
    let payload = json!({ "access": { "version": 1 }, "userErrors": [] });
    assert_eq!(reply.body, json!({ "data": { "acknowledgeUsageAlert": payload } }));
    assert_eq!(reply.statements, 9);
    let alert = json!({ "raisedAt": days(-1).to_rfc3339(), "acknowledgedAt": NOW.to_rfc3339(), "acknowledgedBy": "Ada" });
    assert_eq!(metered.usage().await, json!([true, alert]));
    let event = |log| json!([log, "Ada", null, null, "2026-06"]);
    assert_eq!(
        recorded(&metered.app, "subscription.usage_alert_acknowledged").await,
        [event("partner"), event("customer")]
    );
    let before = everything(&metered.app).await;
    assert_eq!(codes(&metered.acknowledge().await), ["NO_CHANGE"]);
    assert_eq!(everything(&metered.app).await, before);
}

/// However an asset is spelled, it is one: the canonical form is a key.
#[tokio::test]
async fn an_asset_is_counted_once() {
    let metered = metered(LicenseModel::PerAsset).await;
    let customer = metered.customer;
    let sql = format!(
        "insert into assets (customer_id, id, kind, value, first_seen_at) select '{customer}', gen_random_uuid(), 'DOMAIN', \
         'elm.example', now() from generate_series(1, 3) on conflict on constraint assets_value_key do nothing"
    );
    metered.app.as_owner(&sql).await;
    let document =
        format!(r#"{{ access(id: "{}") {{ subscription {{ usage {{ used }} }} }} }}"#, metered.access);
    let data = metered.app.sign_in(metered.admin).data(&document).await;
    assert_eq!(data["access"]["subscription"]["usage"]["used"], 1);
}
