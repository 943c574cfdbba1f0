//! What does not exist and what may not be seen answer alike, to the byte (DESIGN.md 4), for everyone and every type.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{
    AccessId, ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, QuoteId, ScanId, ScanScheduleId, UserId,
};
use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};

/// Every look-up there is, by one id.
const LOOK_UPS: &str = "query ($id: ID!) {
    node(id: $id) { id __typename }
    partner(id: $id) { name accesses { totalCount } }
    customer(id: $id) { name posture { assets } }
    access(id: $id) { status subscription { plan } }
    previewOperatingModel(accessId: $id, operatingModel: FULLY_MANAGED) { gained lost blockedBy }
}";

const POSTURE: [&str; 7] =
    ["Asset", "Finding", "Component", "Scan", "ScanSchedule", "Evidence", "PostureShare"];

/// Everything in the world that has a global id, as `Type owner`.
pub(super) fn everything(cast: &Cast) -> Vec<(String, GlobalId)> {
    let mut all = vec![
        ("Partner alder".to_owned(), GlobalId::Partner(cast.alder)),
        ("Partner birch".to_owned(), GlobalId::Partner(cast.birch)),
        ("Partner cedar".to_owned(), GlobalId::Partner(cast.cedar)),
    ];
    let sold = [("acme", cast.acme), ("bolt", cast.bolt), ("crown", cast.crown), ("dune", cast.dune)];
    for (name, sold) in sold {
        let customer = sold.customer;
        all.push((format!("Customer {name}"), GlobalId::Customer(customer)));
        all.push((format!("Access {name}"), GlobalId::Access(customer, sold.access)));
        all.push((format!("Subscription {name}"), GlobalId::Subscription(customer, sold.access)));
        let posture = sold.posture.global_ids(customer);
        all.extend(posture.into_iter().map(|(kind, id)| (format!("{kind} {name}"), id)));
        // Shown where it belongs, never by its id.
        all.push((format!("ApiKey {name}"), GlobalId::ApiKey(customer, sold.posture.api_key)));
    }
    let (bolt, rival) = (cast.bolt.customer, cast.rival_access);
    all.extend([
        ("Access rival".to_owned(), GlobalId::Access(bolt, rival)),
        ("Subscription rival".to_owned(), GlobalId::Subscription(bolt, rival)),
        ("PartnerAuditEvent birch".to_owned(), GlobalId::PartnerAuditEvent(cast.birch, cast.birch_event)),
        ("PartnerAuditEvent cedar".to_owned(), GlobalId::PartnerAuditEvent(cast.cedar, cast.cedar_event)),
        ("Quote birch".to_owned(), GlobalId::Quote(bolt, cast.birch_quote)),
        // Shown where it belongs, never by its id.
        ("PartnerApiKey birch".to_owned(), GlobalId::PartnerApiKey(cast.birch, cast.birch_key)),
        ("User".to_owned(), GlobalId::User(Persona::PartnerAdmin.into())),
    ]);
    all
}

/// What a persona finds by its id.
fn found(persona: Persona) -> Vec<String> {
    let of =
        |kinds: &[&str], owner: &str| kinds.iter().map(|kind| format!("{kind} {owner}")).collect::<Vec<_>>();
    let bought = |owner: &str| of(&["Customer", "Access", "Subscription"], owner);
    let posture = |owner: &str| of(&POSTURE, owner);
    let all = |owner: &str| [bought(owner), posture(owner), of(&["CustomerAuditEvent"], owner)].concat();
    let partners = |names: &[&str]| names.iter().map(|name| format!("Partner {name}")).collect::<Vec<_>>();
    let rival = || of(&["Access", "Subscription"], "rival");
    match persona {
        Persona::DistributorAdmin => partners(&["alder", "birch", "cedar"]),
        Persona::PartnerAdmin => [
            partners(&["alder", "birch"]),
            bought("acme"),
            all("bolt"),
            all("crown"),
            of(&["PartnerAuditEvent", "Quote"], "birch"),
        ]
        .concat(),
        Persona::Operator => [partners(&["alder", "birch"]), all("bolt")].concat(),
        Persona::UnassignedOperator => partners(&["alder", "birch"]),
        Persona::RivalAdmin => [
            partners(&["alder", "cedar"]),
            of(&["Customer"], "bolt"),
            all("dune"),
            rival(),
            of(&["PartnerAuditEvent"], "cedar"),
        ]
        .concat(),
        Persona::FullPortalAdmin => [partners(&["birch"]), all("acme")].concat(),
        Persona::FullPortalReader => [partners(&["birch"]), bought("acme"), posture("acme")].concat(),
        Persona::ReadOnlyPortalAdmin => [partners(&["birch", "cedar"]), all("bolt"), rival()].concat(),
        Persona::ReadOnlyPortalReader => {
            [partners(&["birch", "cedar"]), bought("bolt"), posture("bolt"), rival()].concat()
        }
        Persona::DisabledPortalAdmin => [partners(&["birch"]), of(&["Customer", "Access"], "crown")].concat(),
        Persona::DisabledPortalReader => of(&["Customer"], "crown"),
        Persona::PlatformAdmin => [
            partners(&["alder", "birch", "cedar"]),
            ["acme", "bolt", "crown", "dune"].map(bought).concat(),
            rival(),
        ]
        .concat(),
        Persona::Scanner | Persona::DisabledUser | Persona::Homeless | Persona::Unknown => Vec::new(),
    }
}

/// Ids of every type that name nothing: of no tenant, and of tenants that exist.
fn nothing(cast: &Cast) -> Vec<GlobalId> {
    let nil = Uuid::nil();
    let mut ids = vec![GlobalId::Partner(PartnerId(nil)), GlobalId::User(UserId(nil))];
    let tenants = [CustomerId(nil), cast.acme.customer, cast.bolt.customer, cast.dune.customer];
    ids.push(GlobalId::Customer(CustomerId(nil)));
    for tenant in tenants {
        ids.extend([
            GlobalId::Access(tenant, AccessId(nil)),
            GlobalId::Subscription(tenant, AccessId(nil)),
            GlobalId::Finding(tenant, FindingId(nil)),
            GlobalId::Asset(tenant, AssetId(nil)),
            GlobalId::Component(tenant, ComponentId(nil)),
            GlobalId::Scan(tenant, ScanId(nil)),
            GlobalId::ScanSchedule(tenant, ScanScheduleId(nil)),
            GlobalId::Evidence(tenant, EvidenceId(nil)),
            GlobalId::PostureShare(tenant, PostureShareId(nil)),
            GlobalId::ApiKey(tenant, ApiKeyId(nil)),
            GlobalId::Quote(tenant, QuoteId(nil)),
            GlobalId::CustomerAuditEvent(tenant, AuditEventId(nil)),
        ]);
    }
    let partners = [PartnerId(nil), cast.birch, cast.cedar];
    ids.extend(partners.map(|partner| GlobalId::PartnerAuditEvent(partner, AuditEventId(nil))));
    ids.extend(partners.map(|partner| GlobalId::PartnerApiKey(partner, ApiKeyId(nil))));
    // Another tenant's object under the own tenant's name.
    ids.extend([
        GlobalId::Finding(cast.bolt.customer, cast.dune.posture.finding),
        GlobalId::Finding(cast.acme.customer, cast.bolt.posture.finding),
        GlobalId::Access(cast.acme.customer, cast.bolt.access),
        GlobalId::Subscription(cast.bolt.customer, cast.dune.access),
        GlobalId::Quote(cast.acme.customer, cast.birch_quote),
        GlobalId::PartnerAuditEvent(cast.birch, cast.cedar_event),
    ]);
    ids
}

#[tokio::test]
async fn everyone_finds_by_id_what_is_theirs_to_see_and_nothing_else() {
    let cast = Cast::new();
    let (everything, nothing) = (everything(&cast), nothing(&cast));
    let app = App::start(cast.world).await;
    for persona in Persona::signed_in() {
        let client = app.sign_in(persona);
        let nodes = async |ids: Vec<String>| {
            let document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }";
            let reply = client.query(document, json!({ "ids": ids })).await;
            assert_eq!(reply.codes(), [] as [&str; 0]);
            reply.body["data"]["nodes"].as_array().unwrap().clone()
        };
        let found_nodes = nodes(everything.iter().map(|(_, id)| id.to_string()).collect()).await;
        let mut seen = Vec::new();
        for ((name, id), node) in everything.iter().zip(found_nodes) {
            if !node.is_null() {
                let kind = name.split(' ').next().unwrap();
                assert_eq!(node, json!({ "id": id.to_string(), "__typename": kind }));
                seen.push(name.clone());
            }
        }
        let mut expected = found(persona);
        expected.sort();
        seen.sort();
        assert_eq!(seen, expected, "{persona:?}");
        let absent = nodes(nothing.iter().map(ToString::to_string).collect()).await;
        assert!(absent.iter().all(serde_json::Value::is_null), "{persona:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_seen_is_answered_like_what_is_not_there() {
    let cast = Cast::new();
    // All that has a look-up of its own, and one of every other type.
    let own_look_up = ["Partner", "Customer", "Access"];
    let mut everything = everything(&cast);
    everything.retain(|(name, _)| {
        let kind = name.split(' ').next().unwrap();
        own_look_up.contains(&kind) || name.ends_with("dune") || kind == "PartnerAuditEvent" || kind == "User"
    });
    let unknown = GlobalId::Customer(CustomerId(Uuid::nil())).to_string();
    let app = App::start(cast.world).await;
    // One of every kind; what each of the others finds is above.
    let kinds = [
        Persona::PartnerAdmin,
        Persona::Operator,
        Persona::ReadOnlyPortalAdmin,
        Persona::DisabledPortalReader,
        Persona::PlatformAdmin,
        Persona::Scanner,
        Persona::DisabledUser,
    ];
    for persona in kinds {
        let client = app.sign_in(persona);
        let absent = client.query(LOOK_UPS, json!({ "id": unknown })).await;
        if Persona::signed_in().any(|signed_in| signed_in == persona) {
            assert_eq!(
                absent.text,
                r#"{"data":{"node":null,"partner":null,"customer":null,"access":null,"previewOperatingModel":null}}"#
            );
        } else {
            assert_eq!(absent.codes(), ["UNAUTHENTICATED"; 5]);
        }
        let found = found(persona);
        for (name, id) in everything.iter().filter(|(name, _)| !found.contains(name)) {
            let reply = client.query(LOOK_UPS, json!({ "id": id.to_string() })).await;
            assert_eq!(reply.on_the_wire(), absent.on_the_wire(), "{persona:?} {name}");
        }
    }
}

#[tokio::test]
async fn nodes_answers_in_the_order_of_the_ids_with_null_for_what_is_not_there() {
    let cast = Cast::new();
    let ids = [
        GlobalId::Finding(cast.bolt.customer, cast.bolt.posture.finding),
        GlobalId::Customer(cast.dune.customer),
        GlobalId::Partner(cast.birch),
        GlobalId::Finding(cast.acme.customer, cast.acme.posture.finding),
        GlobalId::Partner(cast.birch),
    ]
    .map(|id| id.to_string());
    let app = App::start(cast.world).await;
    let reply = app
        .sign_in(Persona::PartnerAdmin)
        .query("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", json!({ "ids": ids }))
        .await;
    assert_eq!(
        reply.body,
        json!({ "data": { "nodes": [
            { "__typename": "Finding", "id": ids[0] },
            null,
            { "__typename": "Partner", "id": ids[2] },
            null,
            { "__typename": "Partner", "id": ids[4] },
        ] } })
    );
}

#[tokio::test]
async fn an_id_of_another_type_names_nothing() {
    let cast = Cast::new();
    let (bolt, access) =
        (GlobalId::Customer(cast.bolt.customer), GlobalId::Access(cast.bolt.customer, cast.bolt.access));
    let app = App::start(cast.world).await;
    let document = format!(
        r#"{{ partner(id: "{bolt}") {{ id }} customer(id: "{access}") {{ id }} access(id: "{bolt}") {{ id }}
              previewOperatingModel(accessId: "{bolt}", operatingModel: CO_MANAGED) {{ gained }} }}"#
    );
    assert_eq!(
        app.sign_in(Persona::PartnerAdmin).data(&document).await,
        json!({ "partner": null, "customer": null, "access": null, "previewOperatingModel": null })
    );
}

#[tokio::test]
async fn without_an_id_one_finds_the_own_organisation() {
    let app = App::start(Cast::new().world).await;
    for (persona, partner, customer) in [
        (Persona::Operator, json!({ "name": "Birch Security" }), json!(null)),
        (Persona::DisabledPortalReader, json!(null), json!({ "name": "Crown" })),
        (Persona::PlatformAdmin, json!(null), json!(null)),
        (Persona::Scanner, json!(null), json!(null)),
    ] {
        let data = app.sign_in(persona).data("{ partner { name } customer { name } }").await;
        assert_eq!(data, json!({ "partner": partner, "customer": customer }), "{persona:?}");
    }
}

#[tokio::test]
async fn a_preview_answers_for_an_admin_whoever_asks() {
    let cast = Cast::new();
    let ids = [cast.acme, cast.bolt, cast.crown].map(|sold| GlobalId::Access(sold.customer, sold.access));
    let app = App::start(cast.world).await;
    let preview = async |persona, id: &GlobalId, model: &str| {
        let document = format!(
            r#"{{ previewOperatingModel(accessId: "{id}", operatingModel: {model}) {{ gained lost blockedBy }} }}"#
        );
        app.sign_in(persona).data(&document).await["previewOperatingModel"].clone()
    };
    let answer = |gained: &[&str], lost: &[&str], blocked_by: &[&str]| json!({ "gained": gained, "lost": lost, "blockedBy": blocked_by });
    let (admin, [acme, bolt, crown]) = (Persona::PartnerAdmin, ids);
    let both = ["POSTURE", "ACTIVITY"];
    assert_eq!(preview(admin, &acme, "CO_MANAGED").await, answer(&both, &[], &["OPERATING_MODEL"]));
    assert_eq!(preview(admin, &acme, "FULLY_MANAGED").await, answer(&both, &[], &["PRIVILEGE"]));
    assert_eq!(preview(admin, &acme, "CUSTOMER_MANAGED").await, answer(&[], &[], &["OPERATING_MODEL"]));
    assert_eq!(
        preview(admin, &crown, "CUSTOMER_MANAGED").await,
        answer(&[], &["POSTURE", "ACTIVITY", "SECURITY_CONFIG"], &["OPERATING_MODEL"])
    );
    let lost = answer(&[], &both, &["OPERATING_MODEL"]);
    for persona in [admin, Persona::Operator, Persona::ReadOnlyPortalAdmin, Persona::PlatformAdmin] {
        assert_eq!(preview(persona, &bolt, "CUSTOMER_MANAGED").await, lost, "{persona:?}");
    }
}

#[tokio::test]
async fn a_distributor_that_one_may_not_know_is_like_none_also_in_what_it_costs() {
    let birch_under = |known: bool| {
        let mut cast = Cast::new();
        let top = cast.world.partner("Top");
        for row in &mut cast.world.rows.partners {
            // Above the distributor for its resellers, and above the reseller for a customer's users.
            if known && row.id == cast.alder {
                row.parent_id = Some(top);
            }
            if !known && row.id == cast.cedar {
                row.parent_id = None;
            }
        }
        cast.world
    };
    let (without, with) = (App::start(birch_under(false)).await, App::start(birch_under(true)).await);
    for (persona, document) in [
        (Persona::PartnerAdmin, "{ partner { parent { name parent { name } } } }"),
        (
            Persona::ReadOnlyPortalAdmin,
            "{ customer { accesses(last: 1) { nodes { partner { name parent { name } } } } } }",
        ),
        (
            Persona::ReadOnlyPortalReader,
            "{ customer { accesses(first: 1) { nodes { partner { children { nodes { parent { name } } } } } } } }",
        ),
    ] {
        let replies =
            [without.sign_in(persona).ask(document).await, with.sign_in(persona).ask(document).await];
        assert_eq!(replies[0], replies[1], "{persona:?}");
        assert!(replies[0].codes().is_empty(), "{}", replies[0].text);
    }
}

/// Another customer's ids are answered from the id alone: not even the time tells whether they name something.
#[tokio::test]
async fn a_customer_pays_no_statement_for_another_tenants_ids() {
    let cast = Cast::new();
    let (bolt, event) = (cast.bolt.customer, cast.bolt.posture.global_ids(cast.bolt.customer));
    let mut foreign = vec![
        GlobalId::Customer(bolt),
        GlobalId::Access(bolt, cast.bolt.access),
        GlobalId::Subscription(bolt, cast.bolt.access),
    ];
    foreign.extend(event.into_iter().map(|(_, id)| id));
    let app = App::start(cast.world).await;
    let customer = app.sign_in(Persona::FullPortalAdmin);
    let nothing = customer.ask("{ viewer { id } }").await.statements;
    for id in foreign {
        let reply = customer.query(LOOK_UPS, json!({ "id": id.to_string() })).await;
        assert_eq!(reply.statements, nothing, "{id:?} {}", reply.text);
    }
}
