//! `runScan` and `cancelScan`, and the same decision for every mutation of schedules: who operates (DESIGN.md 4).

use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, ScanId};
use posture_gateway::domain::scan::ScanStatus;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Posture, Terms, World, days};

async fn run(client: &Client, input: Value) -> Reply {
    let document = "mutation ($input: RunScanInput!) { runScan(input: $input) { \
        scan { id profile trigger status requestedAt startedAt finishedAt failure targets { value } report { toolName } } \
        userErrors { code message field } } }";
    client.query(document, json!({ "input": input })).await
}

async fn cancel(client: &Client, scan: &str) -> Reply {
    let document = "mutation ($input: CancelScanInput!) { cancelScan(input: $input) { \
        scan { status finishedAt } userErrors { code message field } } }";
    client.query(document, json!({ "input": { "scanId": scan } })).await
}

fn of(customer: CustomerId) -> Value {
    json!({ "customerId": GlobalId::Customer(customer).to_string(), "profile": "full" })
}

/// A scan that waits for a scanner.
fn queued(world: &mut World, customer: CustomerId) -> ScanId {
    let scan = world.scan(customer, days(-1));
    world.rows.scan_reports.pop();
    let row = world.rows.scans.last_mut().unwrap();
    (row.status, row.started_at, row.finished_at) = (ScanStatus::Queued, None, None);
    scan
}

#[tokio::test]
async fn a_partner_that_operates_asks_for_a_scan_and_both_logs_say_so() {
    let cast = Cast::new();
    let (crown, asset) = (cast.crown.customer, cast.crown.posture.asset);
    let app = App::start(cast.world).await;
    let partner = app.sign_in(Persona::PartnerAdmin);
    let target = GlobalId::Asset(crown, asset).to_string();

    let reply = run(
        &partner,
        json!({ "customerId": GlobalId::Customer(crown).to_string(), "profile": " web ", "targetIds": [target, target] }),
    )
    .await;

    let payload = &reply.body["data"]["runScan"];
    let id = payload["scan"]["id"].as_str().unwrap();
    assert_eq!(
        *payload,
        json!({
            "scan": {
                "id": id, "profile": "web", "trigger": "MANUAL", "status": "QUEUED",
                "requestedAt": "2026-06-15T12:00:00+00:00", "startedAt": null, "finishedAt": null, "failure": null,
                "targets": [{ "value": "crown.example" }], "report": null,
            },
            "userErrors": [],
        })
    );
    let event = |log| json!([log, "PartnerAdmin", null, null, "web of 1 asset"]);
    assert_eq!(recorded(&app, "scan.requested").await, [bare("PartnerAdmin"), event("customer")]);

    let reply = cancel(&partner, id).await;
    assert_eq!(
        reply.body["data"]["cancelScan"],
        json!({ "scan": { "status": "CANCELED", "finishedAt": "2026-06-15T12:00:00+00:00" }, "userErrors": [] })
    );
    let event = |log| json!([log, "PartnerAdmin", null, "web", null]);
    assert_eq!(recorded(&app, "scan.canceled").await, [bare("PartnerAdmin"), event("customer")]);
}

#[tokio::test]
async fn a_customer_that_manages_itself_asks_for_a_scan_and_its_own_log_says_so() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let reply = run(&app.sign_in(Persona::FullPortalAdmin), of(acme)).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(reply.body["data"]["runScan"]["scan"]["targets"], json!([]));
    assert_eq!(
        recorded(&app, "scan.requested").await,
        [json!(["customer", "FullPortalAdmin", null, null, "full"])]
    );
}

#[tokio::test]
async fn whoever_may_not_scan_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme.customer, cast.bolt.customer, cast.crown.customer);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for customer in [acme, bolt, crown] {
            let expected = match persona {
                Persona::PartnerAdmin if customer == crown => continue,
                Persona::FullPortalAdmin if customer == acme => continue,
                Persona::PartnerAdmin => "NOT_PERMITTED",
                Persona::Operator | Persona::RivalAdmin if customer == bolt => "NOT_PERMITTED",
                Persona::ReadOnlyPortalAdmin if customer == bolt => "NOT_PERMITTED",
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
            // Even with an input that is not well-formed.
            for profile in ["full", ""] {
                let mut input = of(customer);
                input["profile"] = json!(profile);
                let reply = run(&app.sign_in(persona), input).await;
                assert_eq!(codes(&reply), [expected], "{persona:?} {}", reply.text);
            }
        }
    }
    assert_eq!(everything(&app).await, before);
}

/// What every mutation of this kind is sent, to one customer and what it has.
fn every_write(customer: CustomerId, posture: &Posture, waiting: ScanId) -> Vec<(&'static str, String)> {
    let id = GlobalId::Customer(customer);
    let schedule = GlobalId::ScanSchedule(customer, posture.schedule);
    let scan = GlobalId::Scan(customer, waiting);
    vec![
        ("runScan", format!("customerId: \"{id}\", profile: \"full\"")),
        (
            "createScanSchedules",
            format!("customerIds: [\"{id}\"], profile: \"full\", frequency: DAILY, startTime: \"02:30\""),
        ),
        ("cancelScan", format!("scanId: \"{scan}\"")),
        ("pauseScanSchedule", format!("scanScheduleId: \"{schedule}\"")),
        ("resumeScanSchedule", format!("scanScheduleId: \"{schedule}\"")),
        ("deleteScanSchedule", format!("scanScheduleId: \"{schedule}\"")),
    ]
}

async fn write(client: &Client, (field, input): &(&str, String)) -> Vec<String> {
    codes(
        &client
            .ask(&format!("mutation {{ {field}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}"))
            .await,
    )
}

/// Every write, of a partner's ADMIN and an assigned OPERATOR, under every model, status, ceiling and consent; and of the customer's
/// ADMIN under every portal access.
#[tokio::test]
async fn every_write_under_every_model_privilege_and_portal() {
    use Privilege::{Manage, Support};
    let mut world = World::default();
    let partner = world.partner("Birch");
    let (admin, operator) = (world.partner_admin(partner, "Ada"), world.operator(partner, "Otto"));
    let mut cells = Vec::new();
    let sold = [(AccessStatus::Active, None), (AccessStatus::Suspended, None), (AccessStatus::Ended, None)];
    let trials = [(AccessStatus::Trial, Some(days(3))), (AccessStatus::Trial, Some(days(-1)))];
    for (nth, model) in OperatingModel::ALL.iter().enumerate() {
        for (status, trial) in sold.into_iter().chain(trials) {
            for (ceiling, consent) in
                [(Privilege::None, Manage), (Support, Manage), (Manage, Support), (Manage, Manage)]
            {
                let portal = [PortalAccess::Disabled, PortalAccess::ReadOnly, PortalAccess::Full]
                    [(nth + cells.len()) % 3];
                let customer = world.customer(partner, &format!("Customer {}", cells.len()), portal);
                let mut terms = Terms::of(*model).status(status).ceiling(ceiling).consent(consent);
                terms.trial_ends_at = trial;
                let access = world.access(partner, customer, terms);
                world.assign(operator, customer, access);
                let posture = world.posture(customer);
                let waiting = queued(&mut world, customer);
                let own =
                    world.customer_user(customer, CustomerRole::Admin, &format!("Admin {}", cells.len()));
                let running = status == AccessStatus::Active || trial == Some(days(3));
                let sees =
                    running && *model != OperatingModel::CustomerManaged && ceiling.min(consent) >= Support;
                let operates =
                    sees && *model == OperatingModel::FullyManaged && ceiling.min(consent) == Manage;
                cells.push((customer, posture, waiting, sees, operates, own, portal));
            }
        }
    }
    let app = App::start(world).await;
    let before = everything(&app).await;
    let mut done = Vec::new();
    for (customer, posture, waiting, sees, operates, own, portal) in cells {
        let what = every_write(customer, &posture, waiting);
        for (nth, document) in what.iter().enumerate() {
            // What is hidden is not there; the customer itself is, commercially.
            let of_customer = nth < 2;
            for user in [admin, operator] {
                if operates {
                    done.push((user, document.clone()));
                    continue;
                }
                let expected = if of_customer || sees { "NOT_PERMITTED" } else { "NOT_FOUND" };
                assert_eq!(write(&app.sign_in(user), document).await, [expected], "{document:?}");
            }
            let expected = match portal {
                PortalAccess::Full => {
                    done.push((own, document.clone()));
                    continue;
                }
                PortalAccess::ReadOnly => "NOT_PERMITTED",
                PortalAccess::Disabled => {
                    if of_customer {
                        "NOT_PERMITTED"
                    } else {
                        "NOT_FOUND"
                    }
                }
            };
            assert_eq!(write(&app.sign_in(own), document).await, [expected], "{portal:?} {document:?}");
        }
    }
    assert_eq!(everything(&app).await, before, "a refusal changes nothing");
    // Those who may, one after another; what one has done already is no sense for the next.
    assert!(done.len() > 100, "{}", done.len());
    let mut succeeded = 0;
    for (user, document) in done {
        let codes = write(&app.sign_in(user), &document).await;
        let senseless = ["NO_CHANGE", "WRONG_STATE"].map(|code| vec![code.to_owned()]);
        let gone = document.0.ends_with("ScanSchedule") && codes == ["NOT_FOUND"];
        assert!(codes.is_empty() || senseless.contains(&codes) || gone, "{document:?} {codes:?}");
        succeeded += usize::from(codes.is_empty());
    }
    assert!(succeeded > 100, "{succeeded}");
}

#[tokio::test]
async fn what_is_not_well_formed_is_named_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, world) = (cast.acme, cast.bolt, cast.world);
    let app = App::start(world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let before = everything(&app).await;
    let own = GlobalId::Asset(acme.customer, acme.posture.asset).to_string();
    let foreign = GlobalId::Asset(bolt.customer, bolt.posture.asset).to_string();
    let smuggled = GlobalId::Asset(acme.customer, bolt.posture.asset).to_string();
    let renamed = GlobalId::Asset(bolt.customer, acme.posture.asset).to_string();
    for (field, value, code) in [
        ("profile", json!("  "), "INVALID"),
        ("profile", json!("x".repeat(201)), "INVALID"),
        ("profile", json!("a\nb"), "INVALID"),
        ("targetIds", json!([]), "INVALID"),
        ("targetIds", json!(vec![&own; 501]), "INVALID"),
        ("targetIds", json!(["nothing"]), "NOT_FOUND"),
        ("targetIds", json!([own, foreign]), "NOT_FOUND"),
        ("targetIds", json!([smuggled]), "NOT_FOUND"),
        ("targetIds", json!([renamed]), "NOT_FOUND"),
        (
            "targetIds",
            json!([GlobalId::Finding(acme.customer, acme.posture.finding).to_string()]),
            "NOT_FOUND",
        ),
    ] {
        let mut input = of(acme.customer);
        input[field] = value;
        let reply = run(&admin, input).await;
        let error = &reply.body["data"]["runScan"]["userErrors"][0];
        assert_eq!(
            (error["code"].as_str(), &error["field"]),
            (Some(code), &json!(["input", field])),
            "{}",
            reply.text
        );
    }
    assert_eq!(everything(&app).await, before);
    let mut most = of(acme.customer);
    most["targetIds"] = json!(vec![&own; 500]);
    let reply = run(&admin, most).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
}

#[tokio::test]
async fn only_a_scan_that_has_not_begun_is_called_off() {
    let mut cast = Cast::new();
    let acme = cast.acme.customer;
    let waiting = queued(&mut cast.world, acme);
    let over = cast.acme.posture.scan;
    let foreign = (cast.bolt.customer, cast.bolt.posture.scan);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let before = everything(&app).await;
    let reply = cancel(&admin, &GlobalId::Scan(acme, over).to_string()).await;
    assert_eq!(codes(&reply), ["WRONG_STATE"], "{}", reply.text);
    let mut texts = Vec::new();
    for id in [
        GlobalId::Scan(foreign.0, foreign.1).to_string(),
        GlobalId::Scan(acme, foreign.1).to_string(),
        GlobalId::Customer(acme).to_string(),
        "nothing".to_owned(),
    ] {
        let reply = cancel(&admin, &id).await;
        assert_eq!(codes(&reply), ["NOT_FOUND"], "{}", reply.text);
        texts.push(reply.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(everything(&app).await, before);

    let waiting = GlobalId::Scan(acme, waiting).to_string();
    assert_eq!(codes(&cancel(&admin, &waiting).await), [] as [&str; 0]);
    assert_eq!(codes(&cancel(&admin, &waiting).await), ["WRONG_STATE"]);
}

/// It is metered when it is asked for, and no more once it is called off before anybody did anything for it.
#[tokio::test]
async fn a_scan_that_is_called_off_is_not_metered() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin);
    let used = async || {
        let mut owner = app.owner().await;
        let used: i64 = sqlx::query_scalar(
            "select coalesce(sum(used), 0) from usage_scans where customer_id = $1 and period_start = '2026-06-01'",
        )
        .bind(acme.0)
        .fetch_one(&mut owner)
        .await
        .unwrap();
        used
    };
    let before = used().await;
    let reply = run(&admin, of(acme)).await;
    assert_eq!(used().await, before + 1);
    let id = reply.body["data"]["runScan"]["scan"]["id"].as_str().unwrap();
    assert_eq!(codes(&cancel(&admin, id).await), [] as [&str; 0]);
    assert_eq!(used().await, before);
}

/// The same answer twice to a client that got none: one scan.
#[tokio::test]
async fn asked_again_with_its_key_it_is_one_scan() {
    let cast = Cast::new();
    let acme = cast.acme.customer;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::FullPortalAdmin).header("idempotency-key", "once");
    let (first, second) = (run(&admin, of(acme)).await, run(&admin, of(acme)).await);
    assert_eq!(first.text, second.text);
    assert_eq!(recorded(&app, "scan.requested").await.len(), 1);
}
