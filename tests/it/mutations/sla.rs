//! `setSlaPolicy`: after how many days findings are due, and that the due dates of what is open follow.

use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, days};

const POLICY: &str = "slaPolicy { criticalDays highDays mediumDays lowDays infoDays isDefault }";

async fn set(client: &Client, customer: CustomerId, policy: Value) -> Reply {
    let mut input = policy;
    input["customerId"] = json!(GlobalId::Customer(customer).to_string());
    let document = format!(
        "mutation ($input: SetSlaPolicyInput!) {{ setSlaPolicy(input: $input) {{ \
         customer {{ {POLICY} posture {{ slaBreaches }} }} userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

#[tokio::test]
async fn open_findings_are_due_by_the_new_policy_and_closed_ones_as_before() {
    let mut cast = Cast::new();
    let crown = cast.crown.customer;
    // 40 days ago, that is on 2026-05-06, by severity; one of them was reopened five days ago.
    for (title, severity, status) in [
        ("critical", Severity::Critical, FindingStatus::Open),
        ("reopened", Severity::Critical, FindingStatus::Triaged),
        ("medium", Severity::Medium, FindingStatus::InProgress),
        ("info", Severity::Info, FindingStatus::Open),
        ("closed", Severity::Critical, FindingStatus::Accepted),
    ] {
        cast.world.finding(crown, severity, title);
        let row = cast.world.rows.findings.last_mut().unwrap();
        (row.status, row.sla_due_at) =
            (status, Some(days(1).date_naive().and_time(chrono::NaiveTime::MIN).and_utc()));
    }
    let app = App::start(cast.world).await;
    app.as_owner("update findings set reopened_at = '2026-06-10T23:00:00Z' where title = 'reopened'").await;
    let policy = json!({ "criticalDays": 10, "mediumDays": null, "lowDays": 1, "infoDays": 3650 });
    let reply = set(&app.sign_in(Persona::PartnerAdmin), crown, policy.clone()).await;
    assert_eq!(
        reply.body["data"]["setSlaPolicy"],
        json!({
            "customer": {
                "slaPolicy": {
                    "criticalDays": 10, "highDays": 30, "mediumDays": null, "lowDays": 1, "infoDays": 3650, "isDefault": false,
                },
                // The critical one, and the high one that every customer of this world has.
                "posture": { "slaBreaches": 2 },
            },
            "userErrors": [],
        })
    );
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let due: Vec<(String, Option<String>)> = sqlx::query_as(
        "select title, to_char(sla_due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') from findings where customer_id = $1 order by 1",
    )
    .bind(crown.0)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let due: Vec<_> = due.iter().map(|(title, due)| (title.as_str(), due.as_deref())).collect();
    assert_eq!(
        due,
        [
            ("Outdated TLS", Some("2026-06-06 00:00")),
            ("closed", Some("2026-06-16 00:00")),
            ("critical", Some("2026-05-17 00:00")),
            ("info", Some("2036-05-04 00:00")),
            ("medium", None),
            ("reopened", Some("2026-06-21 00:00")),
        ]
    );
    let kept: i64 = sqlx::query_scalar("select sum(open_findings) from posture_due where customer_id = $1")
        .bind(crown.0)
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(kept, 4);
    let event = |log| {
        let old = "CRITICAL 7, HIGH 30, MEDIUM 60, LOW 120, INFO 365";
        json!([log, "PartnerAdmin", null, old, "CRITICAL 10, HIGH 30, MEDIUM never, LOW 1, INFO 3650"])
    };
    assert_eq!(
        recorded(&app, "customer.sla_policy_changed").await,
        [bare("PartnerAdmin"), event("customer")]
    );
    assert_eq!(codes(&set(&app.sign_in(Persona::PartnerAdmin), crown, policy).await), ["NO_CHANGE"]);
}

#[tokio::test]
async fn a_customer_without_a_policy_has_the_default_until_it_sets_one() {
    let mut cast = Cast::new();
    cast.world.rows.sla_policies.clear();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let mine = format!("{{ customer {{ {POLICY} }} }}");
    let default = json!({
        "criticalDays": 7, "highDays": 30, "mediumDays": 90, "lowDays": 180, "infoDays": null, "isDefault": true,
    });
    assert_eq!(admin.data(&mine).await["customer"]["slaPolicy"], default);
    assert_eq!(codes(&set(&admin, acme, json!({ "infoDays": null, "highDays": 30 })).await), ["NO_CHANGE"]);
    assert_eq!(codes(&set(&admin, acme, json!({ "highDays": 20 })).await), [] as [&str; 0]);
    let policy = &admin.data(&mine).await["customer"]["slaPolicy"];
    assert_eq!(
        (&policy["highDays"], &policy["isDefault"], &policy["lowDays"]),
        (&json!(20), &json!(false), &json!(180))
    );
    // Its own log alone.
    let event = json!([
        "customer",
        "FullPortalAdmin",
        null,
        "CRITICAL 7, HIGH 30, MEDIUM 90, LOW 180, INFO never",
        "CRITICAL 7, HIGH 20, MEDIUM 90, LOW 180, INFO never"
    ]);
    assert_eq!(recorded(&app, "customer.sla_policy_changed").await, [event]);
}

#[tokio::test]
async fn whoever_may_not_set_it_is_refused_and_nothing_changes() {
    let mut cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme.customer, cast.bolt.customer, cast.crown.customer);
    cast.world.access(cast.cedar, crown, Terms::co_managed());
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for customer in [acme, bolt, crown] {
            let expected = match persona {
                Persona::PartnerAdmin if customer == crown => continue,
                Persona::FullPortalAdmin if customer == acme => continue,
                Persona::PartnerAdmin => "NOT_PERMITTED",
                Persona::Operator | Persona::ReadOnlyPortalAdmin if customer == bolt => "NOT_PERMITTED",
                Persona::RivalAdmin if customer != acme => "NOT_PERMITTED",
                Persona::DisabledPortalAdmin if customer == crown => "NOT_PERMITTED",
                Persona::DistributorAdmin
                | Persona::RivalAdmin
                | Persona::Operator
                | Persona::UnassignedOperator
                | Persona::FullPortalAdmin
                | Persona::ReadOnlyPortalAdmin
                | Persona::DisabledPortalAdmin => "NOT_FOUND",
                Persona::DisabledUser | Persona::Homeless | Persona::Unknown => "UNAUTHENTICATED",
                Persona::FullPortalReader
                | Persona::ReadOnlyPortalReader
                | Persona::DisabledPortalReader
                | Persona::PlatformAdmin
                | Persona::Scanner => "FORBIDDEN",
            };
            for high_days in [1, 0] {
                let reply = set(&app.sign_in(persona), customer, json!({ "highDays": high_days })).await;
                assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
            }
        }
    }
    for (field, days) in [
        ("criticalDays", 0),
        ("highDays", -1),
        ("mediumDays", 3651),
        ("lowDays", i32::MAX),
        ("infoDays", i32::MIN),
    ] {
        let reply = set(&app.sign_in(Persona::PartnerAdmin), crown, json!({ field: days })).await;
        assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
        assert!(reply.text.contains(&format!(r#""field":["input","{field}"]"#)), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);
}
