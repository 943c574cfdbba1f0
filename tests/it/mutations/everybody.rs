//! Every mutation by everybody: whom it is done for, how the others are refused, that a refusal leaves every row as it was, and
//! what both logs say of what was done, to whoever reads them.

use std::collections::BTreeSet;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{
    AccessId, ApiKeyId, CustomerId, FindingId, PartnerId, PostureShareId, QuoteId, ScanId, ScanScheduleId,
    UserId,
};
use posture_gateway::policy::Operation;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use uuid::Uuid;

use super::deeds::{Deed, PARTNER_ADMINS, deeds};
use super::{codes, everything};
use crate::support::app::{App, Walls};
use crate::support::cast::{Cast, Persona};

/// What a persona is answered: the code, or nothing where it is done.
fn expected(deed: &Deed, persona: Persona) -> &'static [&'static str] {
    match persona {
        Persona::DisabledUser | Persona::Homeless | Persona::Unknown => &["UNAUTHENTICATED"],
        _ if !deed.callers.contains(&persona) => &["FORBIDDEN"],
        _ if deed.done_for.contains(&persona) => &[],
        _ if deed.not_permitted.contains(&persona) => &["NOT_PERMITTED"],
        _ => &["NOT_FOUND"],
    }
}

async fn version_of(app: &App, access: AccessId) -> i32 {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let version = sqlx::query_scalar("select version from accesses where id = $1").bind(access.0);
    version.fetch_one(&mut owner).await.unwrap()
}

/// The actions of one request in the logs of one side, each log in the order of its chain.
async fn logged(app: &App, side: &str, request: Uuid) -> Vec<String> {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let sql = format!(
        "select action from {side}_audit_events where request_id = $1
         order by first_value(id) over (partition by {side}_id order by id), seq"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(request).fetch_all(&mut owner).await.unwrap()
}

/// What somebody reads in a log of one request: action, actor, and whether it says when.
fn read(log: &Value, request: Uuid) -> Vec<(String, String)> {
    let nodes = log["nodes"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let own = nodes.iter().filter(|node| node["requestId"] == request.to_string() && node["at"].is_string());
    let mut events: Vec<_> = own.map(|node| (text(&node["action"]), text(&node["actor"]))).collect();
    // Newest first.
    events.reverse();
    events
}

const LOG: &str = "auditLog(first: 100) { nodes { at actor action reason oldValue newValue requestId } }";

/// Does it for somebody, and reads in both logs that it was done: the owner, and those whose logs they are.
async fn is_done(app: &App, deed: &Deed, persona: Persona, bolt: AccessId) {
    let what = format!("{} by {persona:?}", deed.operation);
    let before = version_of(app, bolt).await;
    let request = Uuid::new_v4();
    let client = app.sign_in(persona).header("x-request-id", &request.to_string());
    let reply = client.ask(&deed.document(persona)).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{what}: {}", reply.text);
    assert_eq!(version_of(app, bolt).await - before, i32::from(deed.raises_version), "{what}");
    assert_eq!(logged(app, "partner", request).await, deed.partner_log, "{what}");
    assert_eq!(logged(app, "customer", request).await, deed.customer_log, "{what}");

    let said = |actions: &[&str]| -> Vec<_> {
        actions.iter().map(|action| ((*action).to_owned(), format!("{persona:?}"))).collect()
    };
    let reader = if PARTNER_ADMINS.contains(&persona) { persona } else { Persona::PartnerAdmin };
    let data = app.sign_in(reader).data(&format!("{{ partner {{ {LOG} }} }}")).await;
    // A new partner's log and those of other partners are theirs.
    let own = match deed.operation {
        Operation::CreatePartner | Operation::SetPricing => &deed.partner_log[..1],
        _ => deed.partner_log,
    };
    assert_eq!(read(&data["partner"]["auditLog"], request), said(own), "{what} as {reader:?} reads it");
    if let Some(told) = deed.told {
        let data = app.sign_in(told).data(&format!("{{ customer {{ {LOG} }} }}")).await;
        let events = read(&data["customer"]["auditLog"], request);
        assert_eq!(events, said(deed.customer_log), "{what} as {told:?} reads it");
    }
}

#[tokio::test]
async fn every_mutation_is_done_for_those_who_may_and_leaves_nothing_behind_for_all_others() {
    for walls in Walls::EITHER {
        Box::pin(every_mutation(walls)).await;
    }
}

async fn every_mutation(walls: Walls) {
    let mut done = BTreeSet::new();
    for nth in 0..deeds(&Cast::new()).len() {
        let cast = Cast::new();
        let (deed, bolt) = (deeds(&cast).swap_remove(nth), cast.bolt.access);
        let app = App::start_behind(walls, cast.world).await;
        if !deed.before.is_empty() {
            app.as_owner(&deed.before).await;
        }
        let before = everything(&app).await;
        for persona in Persona::ALL {
            let (client, expected) = (app.sign_in(persona), expected(&deed, persona));
            if !expected.is_empty() {
                let reply = client.ask(&deed.document(persona)).await;
                assert_eq!(codes(&reply), expected, "{} by {persona:?}: {}", deed.operation, reply.text);
            }
        }
        let reply = app.anonymous().ask(&deed.document(Persona::Unknown)).await;
        assert_eq!(codes(&reply), ["UNAUTHENTICATED"], "{}", deed.operation);
        assert_eq!(everything(&app).await, before, "{}", deed.operation);
        for persona in deed.done_for {
            is_done(&app, &deed, *persona, bolt).await;
            done.insert(deed.operation.as_str());
        }
    }
    assert_eq!(done, Operation::ALL.iter().map(|operation| operation.as_str()).collect());
}

/// Groups of ids of one type that must be told from one another by nothing: of what is not there, and of what is not the asker's.
#[expect(clippy::too_many_lines, reason = "a table")]
fn alike(cast: &Cast, rivals_quote: QuoteId, asker: Persona, id: &GlobalId) -> Vec<Vec<GlobalId>> {
    let nobody = |nth: u128| Uuid::from_u128(0x0666 + nth);
    let (dune, bolt) = (cast.dune, cast.bolt.customer);
    match id {
        GlobalId::Access(..) => {
            let mut group = vec![
                GlobalId::Access(CustomerId(nobody(1)), AccessId(nobody(2))),
                GlobalId::Access(bolt, AccessId(nobody(2))),
                GlobalId::Access(dune.customer, dune.access),
            ];
            // To Bolt itself its other partner's access is no secret.
            if asker != Persona::ReadOnlyPortalAdmin {
                group.push(GlobalId::Access(bolt, cast.rival_access));
            }
            vec![group]
        }
        GlobalId::Customer(_) => {
            vec![vec![GlobalId::Customer(CustomerId(nobody(1))), GlobalId::Customer(dune.customer)]]
        }
        GlobalId::Quote(..) => vec![
            vec![
                GlobalId::Quote(CustomerId(nobody(1)), QuoteId(nobody(2))),
                GlobalId::Quote(dune.customer, QuoteId(nobody(2))),
            ],
            vec![GlobalId::Quote(bolt, QuoteId(nobody(2))), GlobalId::Quote(bolt, rivals_quote)],
        ],
        // Acme's posture is hidden from all three.
        GlobalId::PostureShare(..) => {
            let acme = cast.acme;
            vec![
                vec![
                    GlobalId::PostureShare(CustomerId(nobody(1)), PostureShareId(nobody(2))),
                    GlobalId::PostureShare(dune.customer, dune.posture.share),
                ],
                vec![
                    GlobalId::PostureShare(acme.customer, PostureShareId(nobody(2))),
                    GlobalId::PostureShare(acme.customer, acme.posture.share),
                ],
            ]
        }
        GlobalId::Scan(..) => {
            let (crown, scan) = (cast.crown.customer, ScanId(nobody(2)));
            vec![
                vec![
                    GlobalId::Scan(CustomerId(nobody(1)), scan),
                    GlobalId::Scan(dune.customer, scan),
                    GlobalId::Scan(dune.customer, dune.posture.scan),
                ],
                vec![GlobalId::Scan(crown, scan), GlobalId::Scan(crown, dune.posture.scan)],
            ]
        }
        GlobalId::ScanSchedule(..) => {
            let (crown, schedule) = (cast.crown.customer, ScanScheduleId(nobody(2)));
            vec![
                vec![
                    GlobalId::ScanSchedule(CustomerId(nobody(1)), schedule),
                    GlobalId::ScanSchedule(dune.customer, schedule),
                    GlobalId::ScanSchedule(dune.customer, dune.posture.schedule),
                ],
                vec![
                    GlobalId::ScanSchedule(crown, schedule),
                    GlobalId::ScanSchedule(crown, dune.posture.schedule),
                ],
            ]
        }
        GlobalId::Finding(..) => {
            let (acme, crown) = (cast.acme, cast.crown.customer);
            vec![
                vec![
                    GlobalId::Finding(CustomerId(nobody(1)), FindingId(nobody(2))),
                    GlobalId::Finding(dune.customer, FindingId(nobody(2))),
                    GlobalId::Finding(dune.customer, dune.posture.finding),
                ],
                // Hidden by the operating model, of a customer that is seen.
                vec![
                    GlobalId::Finding(acme.customer, FindingId(nobody(2))),
                    GlobalId::Finding(acme.customer, acme.posture.finding),
                ],
                vec![
                    GlobalId::Finding(crown, FindingId(nobody(2))),
                    GlobalId::Finding(crown, acme.posture.finding),
                ],
            ]
        }
        GlobalId::User(_) => {
            let mut group = vec![GlobalId::User(UserId(nobody(1)))];
            let there = [
                Persona::RivalAdmin,
                Persona::PlatformAdmin,
                Persona::Scanner,
                Persona::Homeless,
                Persona::FullPortalReader,
            ];
            group.extend(there.map(|persona| GlobalId::User(persona.into())));
            vec![group]
        }
        GlobalId::ApiKey(..) => vec![
            vec![
                GlobalId::ApiKey(CustomerId(nobody(1)), ApiKeyId(nobody(2))),
                GlobalId::ApiKey(dune.customer, dune.posture.api_key),
            ],
            vec![
                GlobalId::ApiKey(bolt, ApiKeyId(nobody(2))),
                GlobalId::ApiKey(bolt, cast.bolt.posture.api_key),
            ],
        ],
        GlobalId::PartnerApiKey(..) => vec![vec![
            GlobalId::PartnerApiKey(PartnerId(nobody(1)), ApiKeyId(nobody(2))),
            GlobalId::PartnerApiKey(cast.cedar, ApiKeyId(nobody(2))),
        ]],
        _ => Vec::new(),
    }
}

/// To the byte and to the statement: what is another's is what is not there, also where a key keeps the answer.
#[tokio::test]
async fn what_is_anothers_is_refused_as_what_is_not_there_at_the_same_cost() {
    for walls in Walls::EITHER {
        Box::pin(what_is_anothers(walls)).await;
    }
}

async fn what_is_anothers(walls: Walls) {
    let mut cast = Cast::new();
    let rivals_quote = cast.world.quote(cast.cedar, cast.bolt.customer);
    let mut groups = Vec::new();
    for deed in deeds(&cast) {
        for asker in [Persona::PartnerAdmin, Persona::Operator, Persona::ReadOnlyPortalAdmin] {
            let document = deed.document(asker);
            let ids = document.split('"').filter_map(|piece| piece.parse::<GlobalId>().ok());
            for id in ids.filter(|_| deed.callers.contains(&asker)) {
                let with = |other: &str| document.replace(&id.to_string(), other);
                let alike = alike(&cast, rivals_quote, asker, &id);
                assert!(!alike.is_empty(), "{id:?} in {document}");
                for group in alike {
                    let documents: Vec<_> = group.iter().map(|other| with(&other.to_string())).collect();
                    groups.push((deed.operation, asker, documents, with("no id")));
                }
            }
        }
    }
    let app = App::start_behind(walls, cast.world).await;
    let before = everything(&app).await;
    let mut asked = 0;
    for (operation, asker, documents, no_id) in groups {
        let client = app.sign_in(asker);
        let mut told = Vec::new();
        for document in documents {
            let reply = client.ask(&document).await;
            assert_eq!(codes(&reply), ["NOT_FOUND"], "{operation} by {asker:?}: {}", reply.text);
            let kept = client.header("idempotency-key", &asked.to_string()).ask(&document).await;
            // What the policies keep back, the gate alone looks up in vain.
            let price = (walls == Walls::Both).then_some((reply.statements, kept.statements));
            told.push((reply.text, kept.text, price));
            asked += 1;
        }
        // What is no id at all is told alike, too; that it is none its sender knows.
        assert_eq!(client.ask(&no_id).await.text, told[0].0, "{operation} by {asker:?}");
        told.dedup();
        assert_eq!(told.len(), 1, "{operation} by {asker:?}: {told:?}");
    }
    assert!(asked > 60, "{asked}");
    app.as_owner("delete from idempotency_keys").await;
    assert_eq!(everything(&app).await, before);
}

/// An address that somebody has is refused, as it must be; whose it is costs and tells the same.
#[tokio::test]
async fn an_address_that_is_taken_does_not_tell_by_whom() {
    let cast = Cast::new();
    let crown = GlobalId::Customer(cast.crown.customer);
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin);
    for document in [
        format!(r#"inviteCustomerUser(input: {{ customerId: "{crown}", email: "%", role: READ_ONLY }})"#),
        r#"createCustomer(input: { name: "New", adminEmail: "%" })"#.to_owned(),
        r#"createPartner(input: { name: "New", adminEmail: "%", adminName: "Ada", customerDataAccess: NONE })"#.to_owned(),
    ] {
        let mut replies = Vec::new();
        for whose in [Persona::Operator, Persona::RivalAdmin, Persona::FullPortalReader, Persona::DisabledUser, Persona::Scanner] {
            let address = format!("{whose:?}@example.com");
            let document = format!("mutation {{ {} {{ userErrors {{ code message field }} }} }}", document.replace('%', &address));
            let reply = client.ask(&document).await;
            assert_eq!(codes(&reply), ["INVALID"], "{}", reply.text);
            replies.push(reply);
        }
        replies.dedup();
        assert_eq!(replies.len(), 1, "{replies:?}");
    }
}

/// What a refusal under a key left is the answer, and nothing else.
#[tokio::test]
async fn a_refusal_that_a_key_keeps_is_given_again_and_leaves_nothing_else() {
    for nth in 0..deeds(&Cast::new()).len() {
        let cast = Cast::new();
        let deed = deeds(&cast).swap_remove(nth);
        let Some(refused) = deed.callers.iter().find(|persona| !deed.done_for.contains(persona)) else {
            continue;
        };
        let app = App::start(cast.world).await;
        if !deed.before.is_empty() {
            app.as_owner(&deed.before).await;
        }
        let before = everything(&app).await;
        let client = app.sign_in(*refused).header("idempotency-key", "kept");
        let first = client.ask(&deed.document(*refused)).await;
        assert!(["NOT_FOUND", "NOT_PERMITTED"].contains(&codes(&first)[0].as_str()), "{}", first.text);
        let second = client.ask(&deed.document(*refused)).await;
        assert_eq!(first.text, second.text, "{}", deed.operation);
        let mut owner = app.test_database.as_superuser().connect().await.unwrap();
        let kept: Vec<Value> =
            sqlx::query_scalar("select outcome from idempotency_keys").fetch_all(&mut owner).await.unwrap();
        assert_eq!(kept.len(), 1, "{}", deed.operation);
        assert_eq!(
            kept[0]["told"].get(0).unwrap_or(&kept[0]["refused"])["code"],
            json!(codes(&first)[0]),
            "{kept:?}"
        );
        app.as_owner("delete from idempotency_keys").await;
        assert_eq!(everything(&app).await, before, "{}", deed.operation);
    }
}
