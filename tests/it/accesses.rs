//! Links between partners and customers: pairs, trees, sharing, and what happens at an exact instant (DESIGN.md 9).

use chrono::TimeDelta;
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::user::CustomerRole;
use serde_json::{Value, json};

use crate::support::app::{App, Client};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{Terms, World, days};

/// What a client sees of the one customer's posture and consent, as `[customer, access]`.
async fn seen(client: &Client, customer: GlobalId) -> Value {
    let document = format!(
        r#"{{ customer(id: "{customer}") {{ findings {{ totalCount }} access {{ postureVisible }} visibility {{ class reason }} }} }}"#
    );
    let reply = client.hidden_in_extensions().ask(&document).await;
    let customer = &reply.body["data"]["customer"];
    let reason = customer["visibility"].as_array().unwrap().iter().find(|entry| entry["class"] == "POSTURE");
    json!([
        customer["findings"]["totalCount"],
        customer["access"]["postureVisible"],
        reason.unwrap()["reason"]
    ])
}

#[tokio::test]
async fn of_an_ended_and_a_live_access_the_live_one_decides() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let (opened, closed) = (
        world.customer(partner, "Opened", PortalAccess::Disabled),
        world.customer(partner, "Closed", PortalAccess::Disabled),
    );
    let ended = |terms: Terms| terms.status(AccessStatus::Ended).created_at(days(-150));
    let old = world.access(partner, opened, ended(Terms::customer_managed()));
    world.access(partner, opened, Terms::co_managed());
    let was_open = world.access(partner, closed, ended(Terms::co_managed()));
    world.access(partner, closed, Terms::customer_managed());
    for customer in [opened, closed] {
        world.posture(customer);
    }
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    assert_eq!(seen(&admin, GlobalId::Customer(opened)).await, json!([1, true, null]));
    assert_eq!(seen(&admin, GlobalId::Customer(closed)).await, json!([null, false, "OPERATING_MODEL"]));
    // Also when the customer is reached through the ended one, which by itself shows nothing.
    for (customer, access, findings) in
        [(opened, old, json!({ "totalCount": 1 })), (closed, was_open, json!(null))]
    {
        let id = GlobalId::Access(customer, access);
        let document = format!(
            r#"{{ access(id: "{id}") {{ status postureVisible subscription {{ plan }} customer {{ findings {{ totalCount }} access {{ status }} }} }} }}"#
        );
        let reply = admin.hidden_in_extensions().ask(&document).await;
        assert_eq!(
            reply.body["data"]["access"],
            json!({
                "status": "ENDED",
                "postureVisible": false,
                "subscription": { "plan": "Standard" },
                "customer": { "findings": findings, "access": { "status": "ACTIVE" } },
            })
        );
    }
    // Lists and totals take each access by itself.
    let data = admin
        .data(
            "{ partner { accesses { totalCount } visible: accesses(filter: { minOpenSeverity: INFO }) { nodes { status customer { name } } }
               dashboard { commercial { accesses } posture { accessesIncluded accessesExcluded assets } } } }",
        )
        .await;
    assert_eq!(
        data["partner"],
        json!({
            "accesses": { "totalCount": 4 },
            "visible": { "nodes": [{ "status": "ACTIVE", "customer": { "name": "Opened" } }] },
            "dashboard": {
                "commercial": { "accesses": 4 },
                "posture": { "accessesIncluded": 1, "accessesExcluded": 3, "assets": 1 },
            },
        })
    );
}

#[tokio::test]
async fn before_the_first_access_its_creator_sees_the_bare_organisation() {
    let mut world = World::default();
    let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
    let admins = [birch, cedar].map(|partner| world.partner_admin(partner, &format!("Admin {partner}")));
    let operator = world.operator(birch, "Otto");
    let customer = world.customer(birch, "Acme", PortalAccess::Disabled);
    world.posture(customer);
    let app = App::start(world).await;
    let id = GlobalId::Customer(customer);
    let document = format!(
        r#"{{ customer(id: "{id}") {{ name portalAccess access {{ id }} accesses {{ totalCount }} posture {{ assets }} findings {{ totalCount }}
              visibility {{ class visible reason }} }} }}"#
    );
    let reply = app.sign_in(admins[0]).hidden_in_extensions().ask(&document).await;
    let hidden = |class: &str| json!({ "class": class, "visible": false, "reason": "ASSIGNMENT" });
    let classes = ["COMMERCIAL", "PRICING", "POSTURE", "ACTIVITY", "SECURITY_CONFIG"].map(hidden);
    assert_eq!(
        reply.body["data"]["customer"],
        json!({
            "name": "Acme", "portalAccess": "DISABLED", "access": null, "accesses": null, "posture": null, "findings": null,
            "visibility": classes,
        })
    );
    for stranger in [admins[1], operator] {
        assert_eq!(app.sign_in(stranger).data(&document).await, json!({ "customer": null }));
    }
}

#[tokio::test]
async fn nothing_about_customers_is_inherited_along_the_tree() {
    let cast = Cast::new();
    let (alder, birch, cedar) =
        (GlobalId::Partner(cast.alder), GlobalId::Partner(cast.birch), GlobalId::Partner(cast.cedar));
    let app = App::start(cast.world).await;
    let fields = "name parent { name } children { nodes { name } } accesses { totalCount } billing(month: \"2026-06-01\") { month }
                  auditLog { nodes { id } } dashboard { commercial { accesses } posture { accessesIncluded } }";
    let ask = async |persona, id: &GlobalId| {
        let document = format!(r#"{{ partner(id: "{id}") {{ {fields} }} }}"#);
        let reply = app.sign_in(persona).hidden_in_extensions().ask(&document).await;
        reply.body["data"]["partner"].clone()
    };
    let stranger = |name: &str, parent: Value, children: &[&str]| {
        let children: Vec<_> = children.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "name": name, "parent": parent, "children": { "nodes": children }, "accesses": { "totalCount": 0 },
            "billing": null, "auditLog": null,
            "dashboard": { "commercial": { "accesses": 0 }, "posture": { "accessesIncluded": 0 } },
        })
    };
    let distributor = json!({ "name": "Alder Distribution" });
    // Down the tree a distributor learns names; up the tree a reseller learns its distributor's, but no sibling's.
    assert_eq!(
        ask(Persona::DistributorAdmin, &birch).await,
        stranger("Birch Security", distributor.clone(), &[])
    );
    assert_eq!(
        ask(Persona::PartnerAdmin, &alder).await,
        stranger("Alder Distribution", Value::Null, &["Birch Security"])
    );
    assert_eq!(ask(Persona::PartnerAdmin, &cedar).await, Value::Null);
    let own = ask(Persona::DistributorAdmin, &alder).await;
    assert_eq!(
        own["children"],
        json!({ "nodes": [{ "name": "Birch Security" }, { "name": "Cedar Security" }] })
    );
    assert_eq!(own["accesses"], json!({ "totalCount": 0 }));
    assert_eq!(own["billing"], json!({ "month": "2026-06-01" }));
}

#[tokio::test]
async fn two_partners_of_one_customer_get_different_answers_and_do_not_meet() {
    let cast = Cast::new();
    let (bolt, birch, cedar) = (
        GlobalId::Customer(cast.bolt.customer),
        GlobalId::Access(cast.bolt.customer, cast.bolt.access),
        GlobalId::Access(cast.bolt.customer, cast.rival_access),
    );
    let app = App::start(cast.world).await;
    let (one, other) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::RivalAdmin));
    assert_eq!(seen(&one, bolt).await, json!([1, true, null]));
    assert_eq!(seen(&other, bolt).await, json!([null, false, "OPERATING_MODEL"]));
    let document = format!(
        r#"{{ customer(id: "{bolt}") {{ accesses {{ totalCount }} access {{ id partner {{ name }} }} }}
              birch: access(id: "{birch}") {{ id }} cedar: access(id: "{cedar}") {{ id }} }}"#
    );
    let own = |id: &GlobalId, name: &str| json!({ "accesses": null, "access": { "id": id.to_string(), "partner": { "name": name } } });
    assert_eq!(
        one.data(&document).await,
        json!({ "customer": own(&birch, "Birch Security"), "birch": { "id": birch.to_string() }, "cedar": null })
    );
    assert_eq!(
        other.data(&document).await,
        json!({ "customer": own(&cedar, "Cedar Security"), "birch": null, "cedar": { "id": cedar.to_string() } })
    );
    // The customer sees both, oldest first.
    let customer = app.sign_in(Persona::ReadOnlyPortalAdmin);
    let data = customer
        .data("{ customer { accesses { totalCount nodes { partner { name } postureVisible } } } }")
        .await;
    let mut nodes = data["customer"]["accesses"]["nodes"].as_array().unwrap().clone();
    nodes.sort_by_key(ToString::to_string);
    assert_eq!(
        nodes,
        [
            json!({ "partner": { "name": "Birch Security" }, "postureVisible": true }),
            json!({ "partner": { "name": "Cedar Security" }, "postureVisible": false }),
        ]
    );
}

const TERMS: &str =
    "{ partner { accesses { nodes { customerConsent consentUntil effectivePrivilege postureVisible
    trial { expired } customer { findings { totalCount } securityConfiguration { samlEnabled } } } }
    dashboard { posture { accessesIncluded } commercial { trialsEndingWithin30Days } }
    matching: accesses(filter: { minOpenSeverity: INFO }) { totalCount } } }";

/// The one access, then what totals say of it.
async fn terms(client: &Client) -> Value {
    let reply = client.hidden_in_extensions().ask(TERMS).await;
    let partner = &reply.body["data"]["partner"];
    let access = &partner["accesses"]["nodes"][0];
    json!({
        "consent": access["customerConsent"],
        "until": access["consentUntil"],
        "effective": access["effectivePrivilege"],
        "visible": access["postureVisible"],
        "expired": access["trial"]["expired"],
        "findings": access["customer"]["findings"]["totalCount"],
        "saml": access["customer"]["securityConfiguration"]["samlEnabled"],
        "included": partner["dashboard"]["posture"]["accessesIncluded"],
        "ending": partner["dashboard"]["commercial"]["trialsEndingWithin30Days"],
        "matching": partner["matching"]["totalCount"],
    })
}

#[tokio::test]
async fn a_consent_for_a_time_falls_by_one_step_at_the_exact_instant() {
    for (consent, before, after) in [
        (
            Privilege::Manage,
            json!({ "consent": "MANAGE", "effective": "MANAGE", "visible": true, "findings": 1, "saml": true, "included": 1, "matching": 1 }),
            json!({ "consent": "SUPPORT", "effective": "SUPPORT", "visible": true, "findings": 1, "saml": null, "included": 1, "matching": 1 }),
        ),
        (
            Privilege::Support,
            json!({ "consent": "SUPPORT", "effective": "SUPPORT", "visible": true, "findings": 1, "saml": null, "included": 1, "matching": 1 }),
            json!({ "consent": "NONE", "effective": "NONE", "visible": false, "findings": null, "saml": null, "included": 0, "matching": 0 }),
        ),
    ] {
        let mut world = World::default();
        let partner = world.partner("Birch");
        let admin = world.partner_admin(partner, "Ada");
        let customer = world.customer(partner, "Acme", PortalAccess::Disabled);
        world.access(partner, customer, Terms::fully_managed().consent(consent).consent_until(days(1)));
        world.posture(customer);
        let app = App::start(world).await;
        let admin = app.sign_in(admin);
        let whole = |mut part: Value, until: Value| {
            part["until"] = until;
            part["expired"] = Value::Null;
            part["ending"] = json!(0);
            part
        };
        app.clock.advance(TimeDelta::days(1) - TimeDelta::microseconds(1));
        assert_eq!(terms(&admin).await, whole(before, json!("2026-06-16T12:00:00+00:00")));
        app.clock.advance(TimeDelta::microseconds(1));
        assert_eq!(terms(&admin).await, whole(after, Value::Null));
    }
}

#[tokio::test]
async fn a_trial_expires_at_the_exact_instant() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let customer = world.customer(partner, "Acme", PortalAccess::ReadOnly);
    let own = world.customer_user(customer, CustomerRole::ReadOnly, "Rob");
    world.access(partner, customer, Terms::of(OperatingModel::CoManaged).trial_until(days(1)));
    world.posture(customer);
    let app = App::start(world).await;
    let (admin, own) = (app.sign_in(admin), app.sign_in(own));
    let running = json!({
        "consent": "SUPPORT", "until": null, "effective": "SUPPORT", "visible": true, "expired": false, "findings": 1,
        "saml": null, "included": 1, "ending": 1, "matching": 1,
    });
    app.clock.advance(TimeDelta::days(1) - TimeDelta::microseconds(1));
    assert_eq!(terms(&admin).await, running);
    app.clock.advance(TimeDelta::microseconds(1));
    assert_eq!(
        terms(&admin).await,
        json!({
            "consent": "SUPPORT", "until": null, "effective": "SUPPORT", "visible": false, "expired": true, "findings": null,
            "saml": null, "included": 0, "ending": 0, "matching": 0,
        })
    );
    // It is the partner's view that ends, not the customer's.
    assert_eq!(
        own.data("{ customer { findings { totalCount } } }").await,
        json!({ "customer": { "findings": { "totalCount": 1 } } })
    );
}

/// Orders and filters decide about every access before they read posture; those decisions, too, are of one request.
#[tokio::test]
async fn orders_and_filters_obey_a_change_with_the_next_request() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let sold = ["Acme", "Bolt"].map(|name| {
        let customer = world.customer(partner, name, PortalAccess::Disabled);
        let access = world.access(partner, customer, Terms::co_managed());
        world.posture(customer);
        access
    });
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let names = async || {
        let ordered = "orderBy: { field: OPEN_FINDINGS, direction: ASC }";
        let filtered = "filter: { minOpenSeverity: INFO }";
        let nodes = "{ nodes { customer { name } } }";
        let document = format!(
            "{{ partner {{ ordered: accesses({ordered}) {nodes} filtered: accesses({filtered}) {nodes} }} }}"
        );
        let partner = admin.data(&document).await["partner"].clone();
        ["ordered", "filtered"].map(|list| {
            let nodes = partner[list]["nodes"].as_array().unwrap().clone();
            nodes.iter().map(|node| node["customer"]["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    assert_eq!(names().await, [["Acme", "Bolt"], ["Acme", "Bolt"]]);
    for (model, ordered, filtered) in [
        ("CUSTOMER_MANAGED", vec!["Bolt", "Acme"], vec!["Bolt"]),
        ("CO_MANAGED", vec!["Acme", "Bolt"], vec!["Acme", "Bolt"]),
    ] {
        app.as_owner(&format!("update accesses set operating_model = '{model}' where id = '{}'", sold[0]))
            .await;
        assert_eq!(names().await, [ordered, filtered], "{model}");
    }
}
