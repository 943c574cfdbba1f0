//! Scanners that take work over HTTP: claims and their leases, what they report, and the events that they tell of.

use chrono::TimeDelta;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::domain::scan::ScanTrigger;
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
use posture_gateway::store::seed::Membership;
use posture_gateway::worker::Worker;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::app::{App, Client, Reply, Walls};
use crate::support::cast::Persona;
use crate::support::uploads::log;
use crate::support::world::{Posture, Terms, World};

/// Two customers that Birch runs the security of, a scanner for each, and one for both.
struct Book {
    world: World,
    admin: UserId,
    reader: UserId,
    acme: CustomerId,
    posture: Posture,
    bolt: CustomerId,
    of_acme: UserId,
    of_bolt: UserId,
    of_both: UserId,
}

fn book() -> Book {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let mut sell = |name: &str| {
        let customer = world.customer(partner, name, PortalAccess::ReadOnly);
        world.access(partner, customer, Terms::fully_managed());
        (customer, world.posture(customer))
    };
    let ((acme, posture), (bolt, _)) = (sell("Acme"), sell("Bolt"));
    let reader = world.customer_user(acme, CustomerRole::ReadOnly, "Rita");
    let mut scanner = |name: &str, customers: &[CustomerId]| {
        let user = world.user(ViewerKind::Scanner, name);
        world.rows.memberships.extend(customers.iter().map(|id| Membership::Scanner(*id, user)));
        user
    };
    let (of_acme, of_bolt) = (scanner("scan a", &[acme]), scanner("scan b", &[bolt]));
    let of_both = scanner("scan ab", &[acme, bolt]);
    Book { world, admin, reader, acme, posture, bolt, of_acme, of_bolt, of_both }
}

async fn post(client: &Client, path: &str, body: &str) -> Reply {
    client.send(client.post_to(path).body(body.to_owned())).await
}

/// Asks for a scan as somebody who may, and says which.
async fn asked_for(client: &Client, customer: CustomerId) -> String {
    let id = GlobalId::Customer(customer);
    let document = format!(
        "mutation {{ runScan(input: {{ customerId: \"{id}\", profile: \"full\" }}) {{ scan {{ id }} userErrors {{ message }} }} }}"
    );
    let reply = client.ask(&document).await;
    let id = reply.body["data"]["runScan"]["scan"]["id"].as_str();
    id.ok_or(&reply.text).unwrap().to_owned()
}

/// A scan that a scanner has in hand.
struct InHand {
    scan: String,
    customer: String,
    client: Client,
}

impl InHand {
    /// Claims what comes next.
    async fn claim(client: &Client) -> Self {
        let reply = post(client, "/scans/claim", "").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let text = |field: &str| reply.body[field].as_str().unwrap().to_owned();
        Self {
            scan: text("scan"),
            customer: text("customer"),
            client: client.header("scan-lease", &text("lease")),
        }
    }

    async fn tell(&self, what: &str, body: &str) -> Reply {
        post(&self.client, &format!("/scans/{}/{what}", self.scan), body).await
    }

    async fn results(&self, document: &Value) -> Reply {
        let path = format!("/ingest/sarif?customer={}&scan={}", self.customer, self.scan);
        post(&self.client, &path, &document.to_string()).await
    }
}

async fn rows(owner: &mut PgConnection, query: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(format!("select t::text from ({query}) t")))
        .fetch_all(owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_scanner_claims_a_scan_starts_it_and_its_results_end_it() {
    let Book { world, admin, acme, of_acme, posture, .. } = book();
    let app = App::start(world).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    let target = GlobalId::Asset(acme, posture.asset);
    let id = GlobalId::Customer(acme);
    partner
        .data(&format!(
            "mutation {{ runScan(input: {{ customerId: \"{id}\", profile: \"web\", targetIds: [\"{target}\"] }}) {{ scan {{ id }} }} }}"
        ))
        .await;

    let reply = post(&scanner, "/scans/claim", "").await;
    let (scan, lease) = (reply.body["scan"].as_str().unwrap(), reply.body["lease"].as_str().unwrap());
    assert_eq!(
        (reply.status, reply.body.clone()),
        (
            200,
            json!({
                "scan": scan, "customer": id.to_string(), "profile": "web", "trigger": "MANUAL",
                "requestedAt": "2026-06-15T12:00:00Z", "attempt": 1,
                "targets": [{ "kind": "DOMAIN", "value": "acme.example" }],
                "lease": lease, "leaseExpiresAt": "2026-06-15T12:10:00Z",
            })
        )
    );
    let shown = format!(
        "{{ node(id: \"{scan}\") {{ ... on Scan {{ status startedAt finishedAt failure \
         report {{ newFindings fixedFindings toolName openFindings {{ total }} }} }} }} }}"
    );
    // A scanner that has said nothing yet may still be called off.
    assert_eq!(partner.data(&shown).await["node"]["status"], "QUEUED");

    let in_hand = InHand {
        scan: scan.to_owned(),
        customer: id.to_string(),
        client: scanner.header("scan-lease", lease),
    };
    app.clock.advance(TimeDelta::minutes(1));
    let reply = in_hand.tell("start", "").await;
    assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"leaseExpiresAt":"2026-06-15T12:11:00Z"}"#));
    assert_eq!(
        partner.data(&shown).await["node"],
        json!({ "status": "RUNNING", "startedAt": "2026-06-15T12:01:00+00:00", "finishedAt": null, "failure": null, "report": null })
    );
    app.clock.advance(TimeDelta::minutes(5));
    let document = log(&["error", "warning"]);
    let reply = in_hand.results(&document).await;
    assert_eq!(
        (reply.status, &reply.body["status"], &reply.body["runs"][0]["scan"]),
        (200, &json!("applied"), &json!(scan)),
        "{}",
        reply.text
    );
    let ended = json!({
        "status": "SUCCEEDED", "startedAt": "2026-06-15T12:01:00+00:00", "finishedAt": "2026-06-15T12:06:00+00:00",
        "failure": null,
        "report": { "newFindings": 2, "fixedFindings": 0, "toolName": "probe", "openFindings": { "total": 3 } },
    });
    assert_eq!(partner.data(&shown).await["node"], ended);

    // Sent twice, and long after, it changes nothing; other results are nobody's.
    app.clock.advance(TimeDelta::hours(1));
    let again = in_hand.results(&document).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("unchanged")), "{}", again.text);
    let other = in_hand.results(&log(&["note"])).await;
    assert_eq!((other.status, other.codes()), (409, vec!["LEASE_LOST"]));
    assert_eq!(partner.data(&shown).await["node"], ended);
    assert_eq!(post(&scanner, "/scans/claim", "").await.status, 204);
}

/// Both write in the customer's log and count what is used: they take these in one order, or each would wait for the other.
#[tokio::test]
async fn an_upload_and_a_scan_that_is_asked_for_at_once_both_come_through() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start_with(world, 4).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&scanner).await;
    let (mut holder, mut owner) = (app.owner().await, app.owner().await);
    sqlx::raw_sql("begin; select from customer_audit_heads for update").execute(&mut holder).await.unwrap();
    let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let mut wait_for = async |count: i64| {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut owner).await.unwrap() < count {
            tokio::task::yield_now().await;
        }
    };
    // The scan is first in the queue for the log, and the upload has done by then what it does before that.
    let scan = tokio::spawn(async move { asked_for(&partner, acme).await });
    wait_for(1).await;
    let upload = tokio::spawn(async move { in_hand.results(&log(&["error"])).await });
    wait_for(2).await;
    sqlx::raw_sql("commit").execute(&mut holder).await.unwrap();
    let reply = upload.await.unwrap();
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("applied")), "{}", reply.text);
    scan.await.unwrap();
}

/// A look that finds what was found before is another look: the scan has its report, and findings were seen again.
#[tokio::test]
async fn the_same_results_end_another_scan() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start(world).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    let document = log(&["error"]);
    let path = format!("/ingest/sarif?customer={}", GlobalId::Customer(acme));
    assert_eq!(post(&scanner, &path, &document.to_string()).await.status, 200);
    for _ in 0..2 {
        app.clock.advance(TimeDelta::minutes(1));
        asked_for(&partner, acme).await;
        let reply = InHand::claim(&scanner).await.results(&document).await;
        let run = &reply.body["runs"][0];
        assert_eq!(
            (&reply.body["status"], &run["findings"]),
            (&json!("applied"), &json!(1)),
            "{}",
            reply.text
        );
    }
    let mut owner = app.owner().await;
    assert_eq!(
        rows(&mut owner, "select last_seen_at from findings where tool = 'probe'").await,
        [r#"("2026-06-15 12:02:00+00")"#]
    );
    // A document of several runs is one scan with one report.
    asked_for(&partner, acme).await;
    let mut two = log(&["error", "note"]);
    let mut other = two["runs"][0].clone();
    other["tool"]["driver"]["name"] = json!("second");
    two["runs"].as_array_mut().unwrap().push(other);
    let in_hand = InHand::claim(&scanner).await;
    assert_eq!(in_hand.results(&two).await.body["status"], "applied");
    assert_eq!(in_hand.results(&two).await.body["status"], "unchanged");
    let GlobalId::Scan(_, id) = in_hand.scan.parse().unwrap() else { unreachable!() };
    assert_eq!(
        rows(&mut owner, &format!("select tool_name, new_findings from scan_reports where scan_id = '{id}'"))
            .await,
        [r#"("probe, second",3)"#]
    );
    // One without a run says that nothing was found.
    asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&scanner).await;
    let reply = in_hand.results(&json!({ "version": "2.1.0", "runs": [] })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let shown = format!(
        "{{ node(id: \"{}\") {{ ... on Scan {{ status report {{ newFindings toolName }} }} }} }}",
        in_hand.scan
    );
    assert_eq!(
        partner.data(&shown).await["node"],
        json!({ "status": "SUCCEEDED", "report": { "newFindings": 0, "toolName": null } })
    );
}

#[tokio::test]
async fn scans_are_handed_out_oldest_first_once_each_and_to_the_customers_own_scanners() {
    let Book { world, admin, acme, bolt, of_acme, of_bolt, of_both, .. } = book();
    let app = App::start_with(world, 4).await;
    let partner = app.sign_in(admin);
    let mut asked = Vec::new();
    for customer in [bolt, acme, bolt, acme, acme] {
        asked.push(asked_for(&partner, customer).await);
        app.clock.advance(TimeDelta::seconds(1));
    }
    let [a, b, both] = [of_acme, of_bolt, of_both].map(|user| app.sign_in(user));
    assert_eq!(InHand::claim(&both).await.scan, asked[0]);
    assert_eq!(InHand::claim(&b).await.scan, asked[2]);
    assert_eq!(post(&b, "/scans/claim", "").await.status, 204);
    // Three are left, for five who ask at once.
    let claims = tokio::join!(
        post(&a, "/scans/claim", ""),
        post(&both, "/scans/claim", ""),
        post(&a, "/scans/claim", ""),
        post(&both, "/scans/claim", ""),
        post(&a, "/scans/claim", ""),
    );
    let mut claimed: Vec<_> = [claims.0, claims.1, claims.2, claims.3, claims.4]
        .iter()
        .filter_map(|reply| reply.body["scan"].as_str().map(str::to_owned))
        .collect();
    // Whoever found the one locked that was left may have gone away with nothing.
    while let Some(scan) = post(&a, "/scans/claim", "").await.body["scan"].as_str() {
        claimed.push(scan.to_owned());
    }
    claimed.sort();
    let mut left = vec![asked[1].clone(), asked[3].clone(), asked[4].clone()];
    left.sort();
    assert_eq!(claimed, left);
}

#[tokio::test]
async fn a_lease_that_expires_lets_the_next_scanner_have_the_scan_three_times_at_most() {
    let Book { world, admin, acme, of_acme, of_both, .. } = book();
    let app = App::start(world).await;
    let (partner, a, both) = (app.sign_in(admin), app.sign_in(of_acme), app.sign_in(of_both));
    let scan = asked_for(&partner, acme).await;
    let shown = format!("{{ node(id: \"{scan}\") {{ ... on Scan {{ status startedAt failure }} }} }}");
    let document = log(&["error"]);

    let first = InHand::claim(&a).await;
    assert_eq!(first.tell("start", "").await.status, 200);
    // Alive for as long as it says so.
    for _ in 0..5 {
        app.clock.advance(TimeDelta::minutes(9));
        assert_eq!(post(&both, "/scans/claim", "").await.status, 204);
        assert_eq!(first.tell("renew", "").await.status, 200);
    }
    app.clock.advance(TimeDelta::minutes(10));
    // Late, before anybody else came.
    let before = partner.data(&shown).await;
    for reply in [
        first.tell("start", "").await,
        first.tell("renew", "").await,
        first.tell("fail", r#"{"reason":"late"}"#).await,
        first.results(&document).await,
    ] {
        assert_eq!((reply.status, reply.codes()), (409, vec!["LEASE_LOST"]), "{}", reply.text);
    }
    assert_eq!(partner.data(&shown).await, before);

    // Somebody else begins anew, and the first one stays away.
    let second = InHand::claim(&both).await;
    assert_eq!(second.scan, scan);
    assert_eq!(
        partner.data(&shown).await["node"],
        json!({ "status": "QUEUED", "startedAt": null, "failure": null })
    );
    assert_eq!(second.tell("start", "").await.status, 200);
    for reply in
        [first.tell("start", "").await, first.tell("renew", "").await, first.results(&document).await]
    {
        assert_eq!(reply.status, 409, "{}", reply.text);
    }
    app.clock.advance(TimeDelta::minutes(10));
    let third = InHand::claim(&a).await;
    assert_eq!(third.scan, scan);
    app.clock.advance(TimeDelta::minutes(10));
    assert_eq!(post(&both, "/scans/claim", "").await.status, 204, "three were enough");

    let worker = Worker::new(app.database.clone(), app.clock.clone());
    worker.once().await.unwrap();
    worker.once().await.unwrap();
    assert_eq!(
        partner.data(&shown).await["node"],
        json!({ "status": "FAILED", "startedAt": null, "failure": "no scanner that took it has finished it" })
    );
    let mut owner = app.owner().await;
    assert_eq!(
        rows(&mut owner, "select actor, reason from customer_audit_events where action = 'scan.failed'")
            .await,
        [r#"(worker,"no scanner that took it has finished it")"#]
    );
}

/// A scanner that is gone for good, with none beside it, does not leave a scan behind that nobody can end.
#[tokio::test]
async fn a_scan_that_nobody_takes_again_is_given_up() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start(world).await;
    let partner = app.sign_in(admin);
    asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&app.sign_in(of_acme)).await;
    assert_eq!(in_hand.tell("start", "").await.status, 200);
    let worker = Worker::new(app.database.clone(), app.clock.clone());
    let mut owner = app.owner().await;
    let mut status =
        async || rows(&mut owner, "select status, failure from scans where lease_id is not null").await;
    for (passes, expected) in [
        (TimeDelta::minutes(10), "(RUNNING,)"),
        (TimeDelta::hours(24) - TimeDelta::seconds(1), "(RUNNING,)"),
        (TimeDelta::seconds(1), r#"(FAILED,"no scanner that took it has finished it")"#),
    ] {
        app.clock.advance(passes);
        worker.once().await.unwrap();
        assert_eq!(status().await, [expected]);
    }
}

#[tokio::test]
async fn a_lease_is_of_one_scanner() {
    let Book { world, admin, acme, of_acme, of_both, .. } = book();
    let app = App::start(world).await;
    asked_for(&app.sign_in(admin), acme).await;
    let in_hand = InHand::claim(&app.sign_in(of_acme)).await;
    let reply = post(&app.sign_in(of_acme), "/scans/claim", "").await;
    assert_eq!(reply.status, 204);
    let mut owner = app.owner().await;
    let lease: uuid::Uuid = sqlx::query_scalar("select lease_id from scans where lease_id is not null")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let other = InHand {
        client: app.sign_in(of_both).header("scan-lease", &lease.to_string()),
        scan: in_hand.scan.clone(),
        customer: in_hand.customer.clone(),
    };
    for reply in [other.tell("start", "").await, other.results(&log(&["error"])).await] {
        assert_eq!((reply.status, reply.codes()), (409, vec!["LEASE_LOST"]), "{}", reply.text);
    }
    assert_eq!(in_hand.tell("start", "").await.status, 200);
}

#[tokio::test]
async fn a_scanner_says_why_a_scan_failed() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start(world).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    let scan = asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&scanner).await;
    for body in [
        "",
        "{}",
        "[]",
        r#"{"reason":7}"#,
        r#"{"reason":"  "}"#,
        r#"{"reason":"a\u0000b"}"#,
        r#"{"reason":"x","more":1}"#,
    ] {
        let reply = in_hand.tell("fail", body).await;
        assert_eq!((reply.status, reply.codes()), (400, vec!["BAD_USER_INPUT"]), "{body} {}", reply.text);
    }
    let long = json!({ "reason": "x".repeat(2001) }).to_string();
    assert_eq!(in_hand.tell("fail", &long).await.status, 400);
    assert_eq!(in_hand.tell("fail", &"x".repeat(20_000)).await.status, 413);
    for _ in 0..2 {
        let reply = in_hand.tell("fail", r#"{"reason":" no route to host "}"#).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"status":"FAILED"}"#));
    }
    for reply in [in_hand.tell("start", "").await, in_hand.results(&log(&["error"])).await] {
        assert_eq!((reply.status, reply.codes()), (409, vec!["LEASE_LOST"]), "{}", reply.text);
    }
    let data =
        partner.data(&format!("{{ node(id: \"{scan}\") {{ ... on Scan {{ status failure }} }} }}")).await;
    assert_eq!(data["node"], json!({ "status": "FAILED", "failure": "no route to host" }));
    let mut owner = app.owner().await;
    assert_eq!(
        rows(&mut owner, "select actor, reason from customer_audit_events where action = 'scan.failed'")
            .await,
        [r#"("scan a","no route to host")"#]
    );
}

#[tokio::test]
async fn what_is_called_off_is_taken_from_the_scanner_that_has_not_begun() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start(world).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    let scan = asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&scanner).await;
    let cancel =
        format!("mutation {{ cancelScan(input: {{ scanId: \"{scan}\" }}) {{ userErrors {{ code }} }} }}");
    assert_eq!(partner.data(&cancel).await["cancelScan"]["userErrors"], json!([]));
    for reply in [
        in_hand.tell("start", "").await,
        in_hand.tell("fail", r#"{"reason":"x"}"#).await,
        in_hand.results(&log(&["error"])).await,
    ] {
        assert_eq!((reply.status, reply.codes()), (409, vec!["LEASE_LOST"]), "{}", reply.text);
    }
    // And one that has begun is not called off.
    let scan = asked_for(&partner, acme).await;
    assert_eq!(InHand::claim(&scanner).await.tell("start", "").await.status, 200);
    let cancel =
        format!("mutation {{ cancelScan(input: {{ scanId: \"{scan}\" }}) {{ userErrors {{ code }} }} }}");
    assert_eq!(partner.data(&cancel).await["cancelScan"]["userErrors"][0]["code"], "WRONG_STATE");
}

/// What a scanner has begun is metered, and called off no more, also while it waits for another scanner.
#[tokio::test]
async fn what_was_begun_once_stays_metered() {
    let Book { world, admin, acme, of_acme, of_both, .. } = book();
    let app = App::start(world).await;
    let (partner, first, second) = (app.sign_in(admin), app.sign_in(of_acme), app.sign_in(of_both));
    let scan = asked_for(&partner, acme).await;
    let cancel = format!(
        "mutation {{ cancelScan(input: {{ scanId: \"{scan}\" }}) {{ userErrors {{ code message }} }} }}"
    );
    assert_eq!(InHand::claim(&first).await.tell("start", "").await.status, 200);
    app.clock.advance(TimeDelta::minutes(10));
    let in_hand = InHand::claim(&second).await;
    let shown = format!("{{ node(id: \"{scan}\") {{ ... on Scan {{ status startedAt }} }} }}");
    assert_eq!(partner.data(&shown).await["node"], json!({ "status": "QUEUED", "startedAt": null }));
    let reply = partner.data(&cancel).await;
    assert_eq!(
        reply["cancelScan"]["userErrors"],
        json!([{ "code": "WRONG_STATE", "message":
            "the scan was begun by a scanner: only a scan that no scanner has begun can be called off" }])
    );
    assert_eq!(in_hand.results(&log(&["error"])).await.status, 200);
    let mut owner = app.owner().await;
    let used =
        format!("select used from usage_scans where customer_id = '{acme}' and period_start = '2026-06-01'");
    assert_eq!(rows(&mut owner, &used).await, ["(2)"], "with the one that the world has");
}

/// Called off and begun at once: one of the two holds, and what is metered is what was begun.
#[tokio::test]
async fn of_a_start_and_a_cancel_at_once_one_holds() {
    let Book { world, admin, acme, of_acme, .. } = book();
    let app = App::start_with(world, 8).await;
    let (partner, scanner) = (app.sign_in(admin), app.sign_in(of_acme));
    let mut begun = 0;
    for nth in 0..8 {
        let scan = asked_for(&partner, acme).await;
        let in_hand = InHand::claim(&scanner).await;
        assert_eq!(in_hand.scan, scan);
        let cancel =
            format!("mutation {{ cancelScan(input: {{ scanId: \"{scan}\" }}) {{ userErrors {{ code }} }} }}");
        let (started, canceled) = if nth % 2 == 0 {
            tokio::join!(in_hand.tell("start", ""), partner.data(&cancel))
        } else {
            let (canceled, started) = tokio::join!(partner.data(&cancel), in_hand.tell("start", ""));
            (started, canceled)
        };
        let refused = canceled["cancelScan"]["userErrors"].as_array().unwrap().len();
        assert_eq!(
            (started.status == 200, started.status == 409),
            (refused == 1, refused == 0),
            "{}",
            started.text
        );
        begun += refused;
        if refused == 1 {
            assert_eq!(in_hand.tell("fail", r#"{"reason":"enough"}"#).await.status, 200);
        }
    }
    let mut owner = app.owner().await;
    let used =
        format!("select used from usage_scans where customer_id = '{acme}' and period_start = '2026-06-01'");
    assert_eq!(
        rows(&mut owner, &used).await,
        [format!("({})", begun + 1)],
        "with the one that the world has"
    );
}

/// What is not a scanner's, what is another customer's and what is nothing at all.
#[tokio::test]
async fn everyone_else_is_turned_away_and_told_nothing() {
    for walls in Walls::EITHER {
        Box::pin(everyone_else(walls)).await;
    }
}

async fn everyone_else(walls: Walls) {
    let Book { world, admin, reader, acme, bolt, of_acme, .. } = book();
    let app = App::start_behind(walls, world).await;
    let partner = app.sign_in(admin);
    let (own, foreign) = (asked_for(&partner, acme).await, asked_for(&partner, bolt).await);
    let lease = uuid::Uuid::nil().to_string();
    let doors = ["/scans/claim".to_owned(), "/events/vulnerability-database-updated".to_owned()]
        .into_iter()
        .chain(["start", "renew", "fail"].map(|what| format!("/scans/{own}/{what}")));
    for door in doors {
        for (client, status, code) in [
            (app.anonymous(), 401, "UNAUTHENTICATED"),
            (app.sign_in(Persona::Unknown), 401, "UNAUTHENTICATED"),
            (app.with_token("none"), 401, "UNAUTHENTICATED"),
            (partner.clone(), 403, "FORBIDDEN"),
            (app.sign_in(reader), 403, "FORBIDDEN"),
        ] {
            let reply =
                post(&client.header("scan-lease", &lease), &door, r#"{"version":"1","reason":"1"}"#).await;
            assert_eq!((reply.status, reply.codes()), (status, vec![code]), "{door} {}", reply.text);
        }
    }
    // Another customer's scan, none of the own customer's, another thing, and nothing: the same to the byte.
    let scanner = app.sign_in(of_acme).header("scan-lease", &lease);
    let GlobalId::Scan(_, foreign_id) = foreign.parse().unwrap() else { unreachable!() };
    for what in ["start", "renew", "fail"] {
        let mut replies = Vec::new();
        for id in [
            foreign.clone(),
            GlobalId::Scan(acme, foreign_id).to_string(),
            GlobalId::Scan(CustomerId(uuid::Uuid::nil()), foreign_id).to_string(),
            GlobalId::Customer(acme).to_string(),
            "nothing".to_owned(),
        ] {
            let reply = post(&scanner, &format!("/scans/{id}/{what}"), r#"{"reason":"x"}"#).await;
            assert_eq!((reply.status, reply.codes()), (404, vec!["NOT_FOUND"]), "{}", reply.text);
            replies.push(reply.text);
        }
        replies.dedup();
        assert_eq!(replies.len(), 1, "{replies:?}");
        // Its own, by a lease that it does not have, or none.
        let reply = post(&scanner, &format!("/scans/{own}/{what}"), r#"{"reason":"x"}"#).await;
        assert_eq!((reply.status, reply.codes()), (409, vec!["LEASE_LOST"]), "{}", reply.text);
        for client in [
            app.sign_in(of_acme),
            app.sign_in(of_acme).header("scan-lease", "mine"),
            scanner.header("scan-lease", &lease),
        ] {
            let reply = post(&client, &format!("/scans/{own}/{what}"), r#"{"reason":"x"}"#).await;
            assert_eq!((reply.status, reply.codes()), (400, vec!["BAD_USER_INPUT"]), "{}", reply.text);
        }
    }
    let upload = |client: Client, query: String| async move {
        let reply = post(&client, &format!("/ingest/sarif?{query}"), &log(&["error"]).to_string()).await;
        (reply.status, reply.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let customer = GlobalId::Customer(acme);
    let missing = GlobalId::Scan(acme, foreign_id);
    for (query, status, code) in [
        (format!("customer={customer}&scan={own}"), 409, "LEASE_LOST"),
        (format!("customer={customer}&scan={missing}"), 404, "NOT_FOUND"),
        (format!("customer={customer}&scan={foreign}"), 400, "BAD_USER_INPUT"),
        (format!("customer={customer}&scan=nothing"), 400, "BAD_USER_INPUT"),
        (format!("customer={customer}&scan={own}&scan={own}"), 400, "BAD_USER_INPUT"),
        (format!("customer={}&scan={foreign}", GlobalId::Customer(bolt)), 404, "NOT_FOUND"),
    ] {
        assert_eq!(upload(scanner.clone(), query.clone()).await, (status, code.to_owned()), "{query}");
    }
    assert_eq!(
        upload(app.sign_in(of_acme), format!("customer={customer}&scan={own}")).await,
        (400, "BAD_USER_INPUT".to_owned())
    );
}

/// What other customers have waiting changes no byte and no statement.
#[tokio::test]
async fn other_customers_scans_change_nothing_of_an_answer() {
    let mut answers = Vec::new();
    for others in [0, 3] {
        let Book { world, admin, bolt, of_acme, .. } = book();
        let app = App::start(world).await;
        let partner = app.sign_in(admin);
        for _ in 0..others {
            asked_for(&partner, bolt).await;
        }
        let scanner = app.sign_in(of_acme);
        let claim = post(&scanner, "/scans/claim", "").await;
        let told = post(&scanner, "/events/vulnerability-database-updated", r#"{"version":"7"}"#).await;
        answers.push([claim, told].map(|reply| (reply.status, reply.headers, reply.text, reply.statements)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][0].0, 204);
}

/// Results still arrive for the customer, and the partner no longer sees them.
#[tokio::test]
async fn a_model_that_changes_while_a_scan_runs_takes_nothing_from_the_customer() {
    let Book { world, admin, reader, acme, of_acme, .. } = book();
    let access = world.rows.accesses.iter().find(|row| row.customer_id == acme).unwrap();
    let access = GlobalId::Access(acme, access.id);
    let app = App::start(world).await;
    let (partner, scanner, customer) = (app.sign_in(admin), app.sign_in(of_acme), app.sign_in(reader));
    let scan = asked_for(&partner, acme).await;
    let in_hand = InHand::claim(&scanner).await;
    assert_eq!(in_hand.tell("start", "").await.status, 200);

    let changed = partner
        .data(&format!(
            "mutation {{ changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: CUSTOMER_MANAGED, \
             reason: \"as agreed\" }}) {{ userErrors {{ code }} }} }}"
        ))
        .await;
    assert_eq!(changed["changeOperatingModel"]["userErrors"], json!([]));
    // Nor can the partner call it off, or ask for another one.
    let id = GlobalId::Customer(acme);
    for (mutation, code) in [
        (format!("cancelScan(input: {{ scanId: \"{scan}\" }})"), "NOT_FOUND"),
        (format!("runScan(input: {{ customerId: \"{id}\", profile: \"full\" }})"), "NOT_PERMITTED"),
    ] {
        let reply =
            partner.ask(&format!("mutation {{ done: {mutation} {{ userErrors {{ code }} }} }}")).await;
        assert_eq!(reply.body["data"]["done"]["userErrors"][0]["code"], code, "{}", reply.text);
    }

    assert_eq!(in_hand.tell("renew", "").await.status, 200);
    let reply = in_hand.results(&log(&["error", "error"])).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("applied")), "{}", reply.text);

    let shown = format!("{{ node(id: \"{scan}\") {{ ... on Scan {{ status report {{ newFindings }} }} }} }}");
    assert_eq!(
        customer.data(&shown).await["node"],
        json!({ "status": "SUCCEEDED", "report": { "newFindings": 2 } })
    );
    assert_eq!(partner.data(&shown).await["node"], Value::Null);
    let scans = partner
        .hidden_in_extensions()
        .ask(&format!("{{ customer(id: \"{id}\") {{ scans {{ nodes {{ id }} }} findings {{ totalCount }} lastScanAt }} }}"))
        .await;
    assert_eq!(
        scans.body["data"]["customer"],
        json!({ "scans": null, "findings": null, "lastScanAt": null })
    );
}

/// The schedules of a customer hear of an event.
fn listens(world: &mut World, customer: CustomerId, events: &[ScanTrigger]) {
    for row in world.rows.scan_schedules.iter_mut().filter(|row| row.customer_id == customer) {
        row.events = events.to_vec();
    }
}

#[tokio::test]
async fn new_assets_queue_one_scan_for_each_schedule_that_asks_and_never_lead_in_a_circle() {
    let Book { mut world, acme, bolt, of_acme, posture, .. } = book();
    listens(&mut world, acme, &[ScanTrigger::AssetDiscovered]);
    listens(&mut world, bolt, &[ScanTrigger::AssetDiscovered]);
    let first = world.rows.scan_schedules.iter().find(|row| row.id == posture.schedule).unwrap().clone();
    for (nth, (enabled, events)) in [
        (true, vec![ScanTrigger::AssetDiscovered]),
        (false, vec![ScanTrigger::AssetDiscovered]),
        (true, Vec::new()),
    ]
    .into_iter()
    .enumerate()
    {
        let id = posture_gateway::domain::ids::ScanScheduleId(uuid::Uuid::from_u128(nth as u128));
        world.rows.scan_schedules.push(posture_gateway::store::seed::ScanSchedule {
            id,
            enabled,
            events,
            ..first.clone()
        });
    }
    let app = App::start(world).await;
    let scanner = app.sign_in(of_acme);
    let mut owner = app.owner().await;
    let queued =
        "select trigger, count(*), count(distinct schedule_id) from scans where status = 'QUEUED' group by 1";
    let upload = async |document: Value| {
        let path = format!("/ingest/sarif?customer={}", GlobalId::Customer(acme));
        let reply = post(&scanner, &path, &document.to_string()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    };
    // Three assets, two schedules that run and ask.
    upload(log(&["error", "error", "error"])).await;
    assert_eq!(rows(&mut owner, queued).await, ["(ASSET_DISCOVERED,2,2)"]);
    assert_eq!(
        rows(
            &mut owner,
            "select actor, new_value from customer_audit_events where action = 'scan.requested'"
        )
        .await,
        [r#"("scan a","full, ASSET_DISCOVERED")"#; 2]
    );
    // Nothing new: nothing asked for.
    upload(log(&["error", "error", "warning"])).await;
    // Something new while those still wait: they will look at it, too.
    let elsewhere = |host: &str| {
        let text = log(&["error"]).to_string().replace("shop0.example.com", host);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    upload(elsewhere("new.example.com")).await;
    assert_eq!(rows(&mut owner, queued).await, ["(ASSET_DISCOVERED,2,2)"]);

    // What such a scan discovers queues no other one.
    let in_hand = InHand::claim(&scanner).await;
    let reply = in_hand.results(&elsewhere("newer.example.com")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(rows(&mut owner, queued).await, ["(ASSET_DISCOVERED,1,1)"]);
    // What an upload discovers by itself does: for the schedule whose scan has begun.
    upload(elsewhere("newest.example.com")).await;
    assert_eq!(rows(&mut owner, queued).await, ["(ASSET_DISCOVERED,2,2)"]);
}

#[tokio::test]
async fn a_new_vulnerability_database_queues_scans_once_a_version() {
    let Book { mut world, acme, bolt, of_acme, of_both, .. } = book();
    for customer in [acme, bolt] {
        listens(&mut world, customer, &[ScanTrigger::VulnerabilityDatabaseUpdated]);
    }
    let app = App::start(world).await;
    let mut owner = app.owner().await;
    let tell = async |user: UserId, version: &str| {
        let body = json!({ "version": version }).to_string();
        post(&app.sign_in(user), "/events/vulnerability-database-updated", &body).await
    };
    let queued =
        "select trigger, count(*), count(distinct customer_id) from scans where status = 'QUEUED' group by 1";
    // Bolt has not heard of it before its own scanner tells. How many wait for it no scanner hears.
    for (user, version, scans) in [
        (of_acme, " 2026-06-15 ", "1,1"),
        (of_acme, "2026-06-15", "1,1"),
        (of_both, "2026-06-15", "2,2"),
        (of_both, "2026-06-16", "4,2"),
    ] {
        let reply = tell(user, version).await;
        let told = format!(r#"{{"version":"{}"}}"#, version.trim());
        assert_eq!((reply.status, reply.text), (200, told));
        assert_eq!(
            rows(&mut owner, queued).await,
            [format!("(VULNERABILITY_DATABASE_UPDATED,{scans})")],
            "{version}"
        );
    }
    let scanner = app.sign_in(of_acme);
    for body in ["", "{}", r#"{"version":""}"#, r#"{"version":"a\u0000"}"#, r#"{"version":1}"#] {
        let reply = post(&scanner, "/events/vulnerability-database-updated", body).await;
        assert_eq!((reply.status, reply.codes()), (400, vec!["BAD_USER_INPUT"]), "{body} {}", reply.text);
    }
}
