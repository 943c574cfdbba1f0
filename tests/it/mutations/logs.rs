//! What logs tell: of the security configuration the customer's log only those who see it, and a partner's own log no value of what it
//! did to a customer's security data.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::AuditEventId;
use posture_gateway::policy::class_of_event;
use posture_gateway::store::seed::CustomerAuditEvent;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use super::codes;
use super::deeds::deeds;
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};
use crate::support::events::is_of_security;
use crate::support::world::days;

const OF_SECURITY: [&str; 7] = [
    "customer.user_invited",
    "customer.user_role_changed",
    "customer.user_disabled",
    "customer.user_enabled",
    "customer.saml_changed",
    "customer.api_key_created",
    "customer.api_key_revoked",
];

/// Bolt, where so many keys were made among other events.
fn with_keys(keys: u32) -> (Cast, Vec<String>) {
    let mut cast = Cast::new();
    let mut ids = Vec::new();
    for nth in 0..keys {
        for (kind, action) in OF_SECURITY.iter().enumerate() {
            let id = AuditEventId(uuid::Uuid::from_u128(u128::from(nth) << 8 | kind as u128));
            ids.push(GlobalId::CustomerAuditEvent(cast.bolt.customer, id).to_string());
            cast.world.rows.customer_audit_events.push(CustomerAuditEvent {
                partner_id: None,
                customer_id: cast.bolt.customer,
                id,
                at: days(-1 - i64::from(nth)),
                actor: "Ada".to_owned(),
                action: (*action).to_owned(),
                reason: None,
                old_value: Some("Build pipeline".to_owned()),
                new_value: Some("Build pipeline as ADMIN".to_owned()),
            });
        }
    }
    (cast, ids)
}

/// Whole events, no gap, no cursor, no page and no statement tells of them.
#[tokio::test]
async fn who_sees_activity_alone_is_told_nothing_of_the_security_configuration() {
    let mut all = Vec::new();
    for keys in [0, 1, 40] {
        let (cast, ids) = with_keys(keys);
        let bolt = GlobalId::Customer(cast.bolt.customer);
        let app = App::start(cast.world).await;
        let mut told = Vec::new();
        for persona in [Persona::PartnerAdmin, Persona::Operator, Persona::ReadOnlyPortalAdmin] {
            let client = app.sign_in(persona);
            let page = |arguments: &str| {
                format!(
                    "{{ customer(id: \"{bolt}\") {{ auditLog({arguments}) {{ edges {{ cursor node {{ id action newValue }} }} \
                     pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"
                )
            };
            for arguments in [
                "first: 1".to_owned(),
                "last: 1".to_owned(),
                format!("first: 5, filter: {{ action: {} }}", json!(OF_SECURITY)),
            ] {
                let reply = client.ask(&page(&arguments)).await;
                assert_eq!((reply.status, reply.codes()), (200, vec![]), "{}", reply.text);
                told.push((reply.text, reply.statements));
            }
            let nowhere = GlobalId::CustomerAuditEvent(cast.bolt.customer, AuditEventId(uuid::Uuid::max()));
            for id in ids.iter().take(OF_SECURITY.len()) {
                let ask = |id: &str| format!("{{ node(id: \"{id}\") {{ id }} }}");
                let (there, not) = (client.ask(&ask(id)).await, client.ask(&ask(&nowhere.to_string())).await);
                assert_eq!((there.text, there.statements), (not.text, not.statements), "{persona:?}");
            }
        }
        all.push(told);
        // Whoever is shown the security configuration reads all of it.
        app.as_owner(&format!(
            "update customers set portal_access = 2 where customer_id = '{}'",
            cast.bolt.customer
        ))
        .await;
        let log = "{ customer { auditLog(first: 100, filter: { action: [\"customer.saml_changed\"] }) { nodes { id } } } }";
        let data = app.sign_in(Persona::ReadOnlyPortalAdmin).data(log).await;
        assert_eq!(data["customer"]["auditLog"]["nodes"].as_array().unwrap().len(), keys as usize);
        for id in ids.iter().take(OF_SECURITY.len()) {
            let data = app
                .sign_in(Persona::ReadOnlyPortalAdmin)
                .data(&format!("{{ node(id: \"{id}\") {{ id }} }}"))
                .await;
            assert_eq!(data["node"]["id"], json!(id));
        }
    }
    all.dedup();
    assert_eq!(all.len(), 1, "{all:?}");
}

/// The two walls and the tests tell the same of every action that there is.
#[tokio::test]
async fn both_walls_know_the_class_of_every_event() {
    let app = App::start(Cast::new().world).await;
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let told = deeds(&Cast::new()).into_iter().flat_map(|deed| deed.customer_log.to_vec());
    let more = ["customer.created", "scan.failed", "scan.ingested", "evidence.file_added", "no.such"];
    let mut known = 0;
    for action in told.chain(more).chain(OF_SECURITY) {
        let by_policy: bool = sqlx::query_scalar("select gate.is_security_event($1)")
            .bind(action)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        let by_gateway = class_of_event(action).as_str() == "SECURITY_CONFIG";
        assert_eq!((by_policy, by_gateway), (is_of_security(action), is_of_security(action)), "{action}");
        known += 1;
    }
    assert!(known > 30, "{known}");
}

/// A partner reads its own log on when posture is hidden again: so it is told that it did something, and not to what.
#[tokio::test]
async fn a_partners_own_log_holds_nothing_of_what_it_did_to_security_data() {
    let mut done = 0;
    for nth in 0..deeds(&Cast::new()).len() {
        let cast = Cast::new();
        let deed = deeds(&cast).swap_remove(nth);
        let operates = deed.operation.refusal_tells().is_some();
        if !operates || !deed.done_for.contains(&Persona::PartnerAdmin) || deed.customer_log.is_empty() {
            continue;
        }
        let app = App::start(cast.world).await;
        if !deed.before.is_empty() {
            app.as_owner(&deed.before).await;
        }
        let admin = app.sign_in(Persona::PartnerAdmin);
        let reply = admin.ask(&deed.document(Persona::PartnerAdmin)).await;
        assert_eq!(codes(&reply), [] as [&str; 0], "{}: {}", deed.operation, reply.text);
        app.as_owner(&format!(
            "update accesses set operating_model = 'CUSTOMER_MANAGED' where id = '{}'",
            cast.crown.access
        ))
        .await;
        let log = "{ partner { auditLog(first: 100) { nodes { action reason oldValue newValue } } } }";
        let data = admin.data(log).await;
        let nodes = data["partner"]["auditLog"]["nodes"].as_array().unwrap();
        for action in deed.partner_log {
            let event = nodes.iter().find(|node| node["action"] == *action).unwrap();
            // How far the portal is open is the bare organisation's.
            if *action != "customer.portal_access_changed" {
                assert_eq!(
                    [&event["reason"], &event["oldValue"], &event["newValue"]],
                    [&Value::Null; 3],
                    "{}",
                    deed.operation
                );
            }
        }
        done += 1;
    }
    assert!(done > 14, "{done}");
}
