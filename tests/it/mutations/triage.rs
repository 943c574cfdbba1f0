//! `triageFinding`, `triageFindings` and `addFindingNote`: who may, which step follows which, and what is told of it.

use chrono::TimeDelta;
use posture_gateway::domain::access::{OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, FindingId};
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use super::{bare, codes, everything, recorded};
use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona, Sold};
use crate::support::world::{Terms, World, days};

const FINDING: &str = "finding { status slaDueAt slaBreached history { nodes { by from to note } } }";

/// Sends one mutation of a finding with the rest of its input.
async fn send(
    client: &Client,
    field: &str,
    (customer, finding): (CustomerId, FindingId),
    rest: Value,
) -> Reply {
    let mut input = rest;
    input["findingId"] = json!(GlobalId::Finding(customer, finding).to_string());
    let ty = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {ty}!) {{ {field}(input: $input) {{ {FINDING} userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

async fn triage(client: &Client, of: Sold, status: &str, note: Option<&str>) -> Reply {
    let rest = json!({ "status": status, "note": note });
    send(client, "triageFinding", (of.customer, of.posture.finding), rest).await
}

async fn triage_many(client: &Client, customer: CustomerId, input: Value) -> Reply {
    let mut input = input;
    input["customerId"] = json!(GlobalId::Customer(customer).to_string());
    let document = "mutation ($input: TriageFindingsInput!) { triageFindings(input: $input) { \
                    count customer { findings(first: 100) { nodes { title status } } } userErrors { code message field } } }";
    client.query(document, json!({ "input": input })).await
}

/// The kept counts are those of the rows.
async fn assert_counts(app: &App) {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let open = "status in ('OPEN', 'TRIAGED', 'IN_PROGRESS')";
    for (kept, counted) in [
        (
            "select customer_id, open_critical, open_high, open_medium, open_low, open_info from posture_rollups",
            format!(
                "select c.customer_id, {} from posture_rollups c left join findings f on f.customer_id = c.customer_id and f.{open} \
                 group by 1",
                [4, 3, 2, 1, 0]
                    .map(|rank| format!("(count(*) filter (where f.severity = {rank}))::integer"))
                    .join(", ")
            ),
        ),
        (
            "select customer_id, due_at, open_findings from posture_due where open_findings <> 0",
            format!(
                "select customer_id, sla_due_at, count(*)::integer from findings where {open} and sla_due_at is not null group by 1, 2"
            ),
        ),
    ] {
        for sql in [format!("({kept}) except ({counted})"), format!("({counted}) except ({kept})")] {
            let rows = sqlx::query(AssertSqlSafe(sql.as_str())).fetch_all(&mut owner).await.unwrap();
            assert_eq!(rows.len(), 0, "{sql}");
        }
    }
}

#[tokio::test]
async fn a_partner_that_operates_and_a_customer_with_a_full_portal_triage() {
    let mut cast = Cast::new();
    let (acme, crown) = (cast.acme, cast.crown);
    cast.world.assign(Persona::Operator.into(), crown.customer, crown.access);
    let app = App::start(cast.world).await;

    let reply = triage(&app.sign_in(Persona::Operator), crown, "TRIAGED", None).await;
    assert_eq!(
        reply.body["data"]["triageFinding"],
        json!({
            "finding": { "status": "TRIAGED", "slaDueAt": null, "slaBreached": false, "history": { "nodes": [
                { "by": "Operator", "from": "OPEN", "to": "TRIAGED", "note": null },
                { "by": "check", "from": "OPEN", "to": "OPEN", "note": "seen before" },
            ] } },
            "userErrors": [],
        })
    );
    app.clock.advance(TimeDelta::seconds(1));
    let why = Some("  behind a VPN\nuntil May ");
    let reply = triage(&app.sign_in(Persona::PartnerAdmin), crown, "ACCEPTED", why).await;
    assert_eq!(
        reply.body["data"]["triageFinding"]["finding"]["history"]["nodes"][0],
        json!({ "by": "PartnerAdmin", "from": "TRIAGED", "to": "ACCEPTED", "note": "behind a VPN\nuntil May" })
    );
    let expected = [
        bare("Operator"),
        bare("PartnerAdmin"),
        json!(["customer", "Operator", null, "OPEN", "TRIAGED"]),
        json!(["customer", "PartnerAdmin", null, "TRIAGED", "ACCEPTED"]),
    ];
    assert_eq!(recorded(&app, "finding.triaged").await, expected);

    // The customer's own people stand in its own log alone.
    let reply = triage(&app.sign_in(Persona::FullPortalAdmin), acme, "IN_PROGRESS", None).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    let own = json!(["customer", "FullPortalAdmin", null, "OPEN", "IN_PROGRESS"]);
    assert_eq!(recorded(&app, "finding.triaged").await[4], own);
    assert_counts(&app).await;
}

#[tokio::test]
async fn whoever_may_not_triage_is_refused_and_nothing_changes() {
    let cast = Cast::new();
    let (acme, bolt, crown) = (cast.acme, cast.bolt, cast.crown);
    let app = App::start(cast.world).await;
    let before = everything(&app).await;
    for persona in Persona::ALL {
        for (sold, name) in [(acme, "acme"), (bolt, "bolt"), (crown, "crown")] {
            // By the finding, and by the customer.
            let (expected, of_customer) = match (persona, name) {
                (Persona::PartnerAdmin, "crown") | (Persona::FullPortalAdmin, "acme") => continue,
                // Its findings are seen, and not its to triage.
                (Persona::PartnerAdmin | Persona::Operator | Persona::ReadOnlyPortalAdmin, "bolt") => {
                    ("NOT_PERMITTED", "NOT_PERMITTED")
                }
                // The customer is seen, its findings are not.
                (Persona::PartnerAdmin, "acme")
                | (Persona::RivalAdmin, "bolt")
                | (Persona::DisabledPortalAdmin, "crown") => ("NOT_FOUND", "NOT_PERMITTED"),
                (
                    Persona::DistributorAdmin
                    | Persona::RivalAdmin
                    | Persona::Operator
                    | Persona::UnassignedOperator
                    | Persona::FullPortalAdmin
                    | Persona::ReadOnlyPortalAdmin
                    | Persona::DisabledPortalAdmin,
                    _,
                ) => ("NOT_FOUND", "NOT_FOUND"),
                (Persona::DisabledUser | Persona::Homeless | Persona::Unknown, _) => {
                    ("UNAUTHENTICATED", "UNAUTHENTICATED")
                }
                (
                    Persona::FullPortalReader
                    | Persona::ReadOnlyPortalReader
                    | Persona::DisabledPortalReader
                    | Persona::PlatformAdmin
                    | Persona::Scanner,
                    _,
                ) => ("FORBIDDEN", "FORBIDDEN"),
                (Persona::PartnerAdmin, _) => unreachable!(),
            };
            let client = app.sign_in(persona);
            // Even with an input that is not well-formed.
            for note in [Some("why"), Some("")] {
                let reply = triage(&client, sold, "ACCEPTED", note).await;
                assert_eq!(codes(&reply), [expected], "{persona:?} {name} {}", reply.text);
                let finding = (sold.customer, sold.posture.finding);
                let reply = send(&client, "addFindingNote", finding, json!({ "note": note })).await;
                assert_eq!(codes(&reply), [expected], "{persona:?} {name} {}", reply.text);
                let input = json!({ "filter": {}, "status": "ACCEPTED", "note": note });
                let reply = triage_many(&client, sold.customer, input).await;
                assert_eq!(codes(&reply), [of_customer], "{persona:?} {name} {}", reply.text);
            }
        }
    }
    assert_eq!(everything(&app).await, before);
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_hidden_are_the_same() {
    let cast = Cast::new();
    let (acme, crown) = (cast.acme, cast.crown);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let mut texts = Vec::new();
    for (customer, finding) in [
        // Hidden by the model; of nothing in a customer that is seen; of another's; of another type.
        (acme.customer, acme.posture.finding),
        (crown.customer, acme.posture.finding),
        (crown.customer, FindingId(crown.customer.0)),
    ] {
        let reply = send(&admin, "triageFinding", (customer, finding), json!({ "status": "TRIAGED" })).await;
        texts.push(reply.text);
    }
    let document = "mutation ($id: ID!) { triageFinding(input: { findingId: $id, status: TRIAGED }) { finding { status slaDueAt \
                    slaBreached history { nodes { by from to note } } } userErrors { code message field } } }";
    for id in [GlobalId::Customer(crown.customer).to_string(), "no id".to_owned()] {
        texts.push(admin.query(document, json!({ "id": id })).await.text);
    }
    assert!(texts[0].contains(r#""code":"NOT_FOUND""#), "{}", texts[0]);
    assert!(texts[0].contains(r#""field":["input","findingId"]"#), "{}", texts[0]);
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

/// Every status to every other: what the table allows is done, and what it does not is refused with what may follow.
#[tokio::test]
async fn every_step_of_the_table_and_no_other() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    for from in FindingStatus::ALL {
        for to in FindingStatus::ALL {
            let resolved = if *from == FindingStatus::Resolved { "now()" } else { "null" };
            app.as_owner(&format!(
                "update findings set status = '{from}', resolved_at = {resolved} where customer_id = '{}'",
                crown.customer
            ))
            .await;
            app.clock.advance(TimeDelta::seconds(1));
            let note = to.needs_note().then_some("as agreed");
            let reply = triage(&admin, crown, to.as_str(), note).await;
            let payload = &reply.body["data"]["triageFinding"];
            if from == to && note.is_none() {
                assert_eq!(codes(&reply), ["NO_CHANGE"], "{from} {to} {}", reply.text);
            } else if from == to || from.may_become(*to) {
                assert_eq!(payload["finding"]["status"], to.as_str(), "{from} {to} {}", reply.text);
                let told = &payload["finding"]["history"]["nodes"][0];
                assert_eq!((&told["from"], &told["to"]), (&json!(from.as_str()), &json!(to.as_str())));
            } else {
                assert_eq!(codes(&reply), ["WRONG_STATE"], "{from} {to} {}", reply.text);
                let message = payload["userErrors"][0]["message"].as_str().unwrap();
                let next: Vec<_> = from.next().iter().map(|next| next.as_str()).collect();
                assert!(message.ends_with(&format!("may become {}", next.join(", "))), "{message}");
            }
        }
    }
    assert_counts(&app).await;
}

#[tokio::test]
async fn a_note_is_text_of_some_length_and_says_why_where_nothing_is_fixed() {
    let cast = Cast::new();
    let crown = cast.crown;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let finding = (crown.customer, crown.posture.finding);
    let before = everything(&app).await;
    let long = "é".repeat(2_001);
    for (status, note) in [
        ("ACCEPTED", None),
        ("FALSE_POSITIVE", None),
        ("ACCEPTED", Some(" \n")),
        ("TRIAGED", Some("")),
        ("TRIAGED", Some("a\0b")),
        ("TRIAGED", Some(long.as_str())),
    ] {
        let reply = triage(&admin, crown, status, note).await;
        assert_eq!(codes(&reply), ["INVALID"], "{status} {note:?} {}", reply.text);
        assert!(reply.text.contains(r#""field":["input","note"]"#), "{}", reply.text);
        if let Some(note) = note {
            let reply = send(&admin, "addFindingNote", finding, json!({ "note": note })).await;
            assert_eq!(codes(&reply), ["INVALID"], "{note:?} {}", reply.text);
        }
    }
    assert_eq!(everything(&app).await, before);

    let longest = "é".repeat(2_000);
    let reply = send(&admin, "addFindingNote", finding, json!({ "note": longest })).await;
    let told = json!({ "by": "PartnerAdmin", "from": "OPEN", "to": "OPEN", "note": longest });
    assert_eq!(reply.body["data"]["addFindingNote"]["finding"]["history"]["nodes"][0], told);
    // With the status that it has, a note is added, too.
    app.clock.advance(TimeDelta::seconds(1));
    let reply = triage(&admin, crown, "OPEN", Some("and another")).await;
    assert_eq!(reply.body["data"]["triageFinding"]["finding"]["history"]["nodes"][0]["note"], "and another");
    // What notes say stands in no log.
    let event = |log| json!([log, "PartnerAdmin", null, null, null]);
    let events = recorded(&app, "finding.note_added").await;
    assert_eq!(events, [event("partner"), event("partner"), event("customer"), event("customer")]);
}

#[tokio::test]
async fn what_is_reopened_is_due_anew_by_the_customers_policy() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    let row = cast.world.rows.findings.iter_mut().find(|row| row.id == crown.posture.finding).unwrap();
    (row.status, row.resolved_at) = (FindingStatus::Resolved, Some(days(-3)));
    row.sla_due_at = Some(days(-9));
    let app = App::start(cast.world).await;
    let high = format!("update sla_policies set high_days = 10 where customer_id = '{}'", crown.customer);
    app.as_owner(&high).await;
    let reply = triage(&app.sign_in(Persona::PartnerAdmin), crown, "OPEN", None).await;
    // HIGH, 10 days and not the usual 30, from today on.
    let finding = &reply.body["data"]["triageFinding"]["finding"];
    assert_eq!(
        (&finding["slaDueAt"], &finding["slaBreached"]),
        (&json!("2026-06-26T00:00:00+00:00"), &json!(false))
    );
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let row: (bool, bool) = sqlx::query_as(
        "select resolved_at is null, reopened_at = '2026-06-15T12:00:00Z' from findings where customer_id = $1",
    )
    .bind(crown.customer.0)
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(row, (true, true));
    assert_counts(&app).await;
}

/// Several findings of Crown, by title.
fn crown_with(findings: &[(&str, Severity, FindingStatus)]) -> (Cast, CustomerId) {
    let mut cast = Cast::new();
    let crown = cast.crown.customer;
    for (title, severity, status) in findings {
        cast.world.finding(crown, *severity, title);
        let row = cast.world.rows.findings.last_mut().unwrap();
        row.status = *status;
        row.resolved_at = (*status == FindingStatus::Resolved).then(|| days(-1));
    }
    (cast, crown)
}

#[tokio::test]
async fn many_are_triaged_at_once_and_each_log_has_one_event() {
    let (cast, crown) = crown_with(&[
        ("low 1", Severity::Low, FindingStatus::Open),
        ("low 2", Severity::Low, FindingStatus::Triaged),
        ("low 3", Severity::Low, FindingStatus::Accepted),
        ("medium", Severity::Medium, FindingStatus::Open),
    ]);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let low = json!({ "severity": ["LOW"] });
    let input = json!({ "filter": low, "status": "ACCEPTED", "note": "not reachable" });
    let reply = triage_many(&admin, crown, input.clone()).await;
    let payload = &reply.body["data"]["triageFindings"];
    assert_eq!((&payload["count"], &payload["userErrors"]), (&json!(2), &json!([])), "{}", reply.text);
    let mut nodes: Vec<String> = payload["customer"]["findings"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| format!("{} {}", node["title"].as_str().unwrap(), node["status"].as_str().unwrap()))
        .collect();
    nodes.sort();
    assert_eq!(
        nodes,
        ["Outdated TLS OPEN", "low 1 ACCEPTED", "low 2 ACCEPTED", "low 3 ACCEPTED", "medium OPEN"]
    );
    let event = |log| json!([log, "PartnerAdmin", null, null, "ACCEPTED: 2 findings"]);
    assert_eq!(recorded(&app, "finding.many_triaged").await, [bare("PartnerAdmin"), event("customer")]);
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let told: Vec<String> = sqlx::query_scalar(
        "select f.title || ' ' || h.old_status || ' ' || h.note from finding_history h join findings f on f.id = h.finding_id \
         where h.new_status = 'ACCEPTED' order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(told, ["low 1 OPEN not reachable", "low 2 TRIAGED not reachable"]);

    // Nothing is left to be done.
    assert_eq!(codes(&triage_many(&admin, crown, input).await), ["NO_CHANGE"]);
    let nothing = json!({ "filter": { "text": "nowhere" }, "status": "TRIAGED" });
    assert_eq!(codes(&triage_many(&admin, crown, nothing).await), ["NO_CHANGE"]);
    // All are reopened, and due anew.
    let reopened = json!({ "filter": { "status": ["ACCEPTED"] }, "status": "OPEN" });
    assert_eq!(triage_many(&admin, crown, reopened).await.body["data"]["triageFindings"]["count"], 3);
    assert_counts(&app).await;
}

#[tokio::test]
async fn all_of_many_or_none() {
    let (cast, crown) = crown_with(&[
        ("open", Severity::Low, FindingStatus::Open),
        ("open, too", Severity::Low, FindingStatus::Open),
        ("gone", Severity::Low, FindingStatus::Resolved),
        ("gone, too", Severity::Low, FindingStatus::Resolved),
    ]);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let before = everything(&app).await;
    let reply = triage_many(&admin, crown, json!({ "filter": {}, "status": "TRIAGED" })).await;
    assert_eq!(codes(&reply), ["WRONG_STATE"]);
    assert_eq!(
        reply.body["data"]["triageFindings"]["userErrors"][0]["message"],
        "nothing was changed, for 2 of the findings that match: TRIAGED does not follow RESOLVED: what is RESOLVED may become \
         OPEN. Leave them out by the filter's `status`"
    );
    for (input, field) in [
        (json!({ "filter": {}, "status": "ACCEPTED" }), "note"),
        (json!({ "filter": {}, "status": "TRIAGED", "note": " " }), "note"),
        (json!({ "filter": { "text": "a\0b" }, "status": "TRIAGED" }), "filter"),
    ] {
        let reply = triage_many(&admin, crown, input).await;
        assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
        assert!(reply.text.contains(&format!(r#""field":["input","{field}"]"#)), "{}", reply.text);
    }
    assert_eq!(everything(&app).await, before);

    app.as_owner(&format!(
        "insert into findings (customer_id, id, title, severity, status, tool, target, fingerprint, first_seen_at, last_seen_at) \
         select '{crown}', gen_random_uuid(), 'one of many', 2, 'OPEN', 'check', 'all', n::text::bytea, now(), now() \
         from generate_series(1, 1001) n"
    ))
    .await;
    let medium = json!({ "severity": ["MEDIUM"] });
    let reply = triage_many(&admin, crown, json!({ "filter": medium, "status": "TRIAGED" })).await;
    assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
    app.as_owner("delete from findings where fingerprint = '1001'").await;
    let reply = triage_many(&admin, crown, json!({ "filter": medium, "status": "TRIAGED" })).await;
    assert_eq!(reply.body["data"]["triageFindings"]["count"], 1_000, "{}", reply.text);
    assert_counts(&app).await;
}

/// What one partner's people did is between that partner and the customer.
#[tokio::test]
async fn another_partner_of_the_customer_is_told_nothing_of_who_triaged() {
    let mut cast = Cast::new();
    let crown = cast.crown;
    cast.world.access(cast.cedar, crown.customer, Terms::co_managed());
    let app = App::start(cast.world).await;
    let rival = app.sign_in(Persona::RivalAdmin);
    let id = GlobalId::Finding(crown.customer, crown.posture.finding);
    let history = format!(
        "{{ node(id: \"{id}\") {{ ... on Finding {{ history {{ nodes {{ at by from to note }} }} }} }} }}"
    );
    let before = rival.ask(&history).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    assert_eq!(codes(&triage(&admin, crown, "TRIAGED", Some("secret")).await), [] as [&str; 0]);
    assert_eq!(rival.ask(&history).await.on_the_wire(), before.on_the_wire());
    assert_eq!(admin.data(&history).await["node"]["history"]["nodes"].as_array().unwrap().len(), 2);
    // Where the finding stands is its posture.
    let status = format!("{{ node(id: \"{id}\") {{ ... on Finding {{ status }} }} }}");
    assert_eq!(rival.data(&status).await["node"]["status"], "TRIAGED");
}

/// Every write by whom it is for, on every combination of what decides: a partner's admin by model, ceiling and consent, a
/// customer's admin by its portal.
#[tokio::test]
async fn every_write_by_model_privilege_and_portal() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let partner_admin = world.partner_admin(partner, "Ada");
    let mut cells = Vec::new();
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                for &portal in PortalAccess::ALL {
                    let name = format!("{model} {ceiling} {consent} {portal}");
                    let customer = world.customer(partner, &name, portal);
                    world.access(partner, customer, Terms::of(model).ceiling(ceiling).consent(consent));
                    let finding = world.finding(customer, Severity::High, "Outdated TLS");
                    let admin =
                        world.customer_user(customer, CustomerRole::Admin, &format!("Admin of {name}"));
                    cells.push((name, customer, finding, admin, (model, ceiling.min(consent), portal)));
                }
            }
        }
    }
    assert_eq!(cells.len(), 81);
    let app = App::start(world).await;
    let document = "mutation ($finding: ID!, $customer: ID!, $days: Int!) { \
        triageFinding(input: { findingId: $finding, status: TRIAGED, note: \"seen\" }) { userErrors { code } } \
        addFindingNote(input: { findingId: $finding, note: \"noted\" }) { userErrors { code } } \
        triageFindings(input: { customerId: $customer, filter: {}, status: IN_PROGRESS }) { count userErrors { code } } \
        setSlaPolicy(input: { customerId: $customer, highDays: $days }) { userErrors { code } } }";
    let mut done = 0;
    for (name, customer, finding, customer_admin, (model, privilege, portal)) in cells {
        let by_partner = if model == OperatingModel::FullyManaged && privilege == Privilege::Manage {
            None
        } else if model != OperatingModel::CustomerManaged && privilege >= Privilege::Support {
            Some("NOT_PERMITTED")
        } else {
            Some("NOT_FOUND")
        };
        let by_customer = match portal {
            PortalAccess::Full => None,
            PortalAccess::ReadOnly => Some("NOT_PERMITTED"),
            PortalAccess::Disabled => Some("NOT_FOUND"),
        };
        for (who, user, expected, days) in
            [("partner", partner_admin, by_partner, 3), ("customer", customer_admin, by_customer, 4)]
        {
            let variables = json!({
                "finding": GlobalId::Finding(customer, finding).to_string(),
                "customer": GlobalId::Customer(customer).to_string(),
                "days": days,
            });
            let reply = app.sign_in(user).query(document, variables).await;
            for (field, payload) in reply.body["data"].as_object().unwrap() {
                // The customer is theirs to see whatever is hidden of it.
                let expected = match expected {
                    Some(_) if ["triageFindings", "setSlaPolicy"].contains(&field.as_str()) => {
                        Some("NOT_PERMITTED")
                    }
                    other => other,
                };
                let code = payload["userErrors"][0]["code"].as_str();
                assert_eq!(code, expected, "{who} {field} {name}: {}", reply.text);
                done += usize::from(code.is_none());
            }
        }
    }
    // Three portals of one cell by the partner, 27 cells by the customer.
    assert_eq!(done, 4 * (3 + 27));
    assert_counts(&app).await;
}
