//! Every connection of the schema pages both ways (Relay): each element once, in order, whatever the page's size, with
//! ties in the sort key, and past a row that is gone.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{ApiKeyId, ComponentId, CustomerId, UserId};
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
use posture_gateway::graphql::sdl;
use posture_gateway::policy::DataClass;
use posture_gateway::store::seed;
use serde_json::Value;
use uuid::Uuid;

use crate::support::app::{App, Client};
use crate::support::world::{Terms, World, days};

/// How many elements every list has, three and three of them tied.
const ELEMENTS: i64 = 7;

/// A connection of the schema, and the whole of it in its order.
struct List {
    /// Its coordinate.
    field: &'static str,
    /// Its table, and the column that tells its rows apart.
    table: (&'static str, &'static str),
    /// Who sees it.
    viewer: UserId,
    /// The global id of a finding that it belongs to.
    owner: String,
    /// The global id and the row's own id of each element.
    elements: Vec<(String, Uuid)>,
}

impl List {
    /// The fields asked for, inside the list's owner.
    async fn page(&self, client: &Client, customer: CustomerId, arguments: &str) -> Page {
        let (owner, field) = self.field.split_once('.').unwrap();
        let owner = match owner {
            "Partner" => "partner".to_owned(),
            "Finding" => format!("node(id: \"{}\")", self.owner),
            _ => format!("customer(id: \"{}\")", GlobalId::Customer(customer)),
        };
        let total = if self.counted() { "totalCount" } else { "" };
        let (on, id, own) = match self.field {
            "Finding.history" => ("... on Finding ", "id: note", ""),
            "Partner.componentSearch" => ("... ", "of: component { id }", "text: \"right\""),
            // Not what this test is shown meanwhile, all of it now.
            "Customer.accessRecords" => {
                ("... ", "id: requestId", "filter: { until: \"2026-06-15T12:00:00Z\" }")
            }
            _ => ("... ", "id", ""),
        };
        let document = format!(
            "{{ owner: {owner} {{ {on}{{ list: {field}({arguments} {own}) {{ {total} edges {{ cursor node {{ {id} }} }} nodes {{ {id} }} \
             pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }} }} }} }} }}"
        );
        let list = client.data(&document).await["owner"]["list"].clone();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let named = |node: &Value| text(&node["id"]).or_else(|| text(&node["of"]["id"]));
        let edges: Vec<(String, String)> = list["edges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|edge| (text(&edge["cursor"]).unwrap(), named(&edge["node"]).unwrap()))
            .collect();
        let nodes: Vec<_> = list["nodes"].as_array().unwrap().iter().map(named).collect();
        assert_eq!(nodes, edges.iter().map(|(_, id)| Some(id.clone())).collect::<Vec<_>>());
        let info = &list["pageInfo"];
        assert_eq!(text(&info["startCursor"]), edges.first().map(|(cursor, _)| cursor.clone()));
        assert_eq!(text(&info["endCursor"]), edges.last().map(|(cursor, _)| cursor.clone()));
        if self.counted() {
            assert_eq!(list["totalCount"], self.elements.len(), "{} {arguments}", self.field);
        }
        let more = (info["hasPreviousPage"] == true, info["hasNextPage"] == true);
        Page { edges, more }
    }

    fn counted(&self) -> bool {
        ["accesses", "findings", "assets", "components", "componentSearch"]
            .iter()
            .any(|name| self.field.ends_with(name))
    }

    fn ids(&self) -> Vec<&str> {
        self.elements.iter().map(|(id, _)| id.as_str()).collect()
    }
}

struct Page {
    /// Cursor and id.
    edges: Vec<(String, String)>,
    /// `hasPreviousPage` and `hasNextPage`.
    more: (bool, bool),
}

impl Page {
    fn ids(&self) -> Vec<&str> {
        self.edges.iter().map(|(_, id)| id.as_str()).collect()
    }
}

/// Three, three and one share a value.
fn tied<T>(rows: &mut [T], set: impl Fn(&mut T, DateTime<Utc>, &'static str)) {
    for (nth, row) in rows.iter_mut().rev().enumerate() {
        let group = nth / 3;
        set(row, days(-10 - i64::try_from(group).unwrap()), ["Beech", "Alder", "Cedar"][group]);
    }
}

/// A world in which every list is full, and the lists as they have to come.
#[expect(clippy::too_many_lines, reason = "a paragraph a list")]
fn lists() -> (World, CustomerId, Vec<List>) {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    let customer = world.customer(partner, "Acme", PortalAccess::Full);
    let customer_admin = world.customer_user(customer, CustomerRole::Admin, "Cora");
    world.access(partner, customer, Terms::co_managed());
    let searched = world.customer(partner, "Other", PortalAccess::Disabled);
    for n in 1..ELEMENTS {
        if n == 1 {
            world.access(partner, searched, Terms::co_managed());
        } else {
            let other = world.customer(partner, "Other", PortalAccess::Disabled);
            world.access(partner, other, Terms::customer_managed());
        }
        let reseller = world.reseller(partner, "Reseller");
        world.access(reseller, customer, Terms::customer_managed().created_at(days(-90 - n / 3)));
    }
    world.reseller(partner, "Another reseller");
    for n in 1..ELEMENTS {
        world.operator(partner, &format!("Operator {n}"));
        world.customer_user(customer, CustomerRole::ReadOnly, &format!("Reader {n}"));
    }
    for (nth, row) in world.rows.users.iter_mut().enumerate() {
        ["Beech", "Alder", "Cedar"][nth % 3].clone_into(&mut row.name);
    }
    // Keys of the users that are there: a key's user is one of the partner's.
    for row in world.rows.users.iter().filter(|user| user.kind == ViewerKind::PartnerUser) {
        world.rows.partner_api_keys.push(seed::PartnerApiKey {
            partner_id: partner,
            id: ApiKeyId(row.id.0),
            user_id: row.id,
            label: "Tickets".to_owned(),
            last_four: "beef".to_owned(),
            created_at: days(-10),
            revoked_at: None,
        });
    }
    for _ in 0..ELEMENTS {
        world.posture(customer);
        world.rows.security_settings.truncate(1);
        world.partner_event(partner, "ACCESS_CREATED");
        world.quote(partner, customer);
    }
    tied(&mut world.rows.findings, |row, _, name| {
        row.severity = if name == "Alder" { Severity::Critical } else { Severity::Low };
    });
    for (nth, row) in world.rows.assets.iter_mut().enumerate() {
        // A value is unique within its kind: ties are of different kinds.
        use posture_gateway::domain::asset::AssetKind::{Api, Domain, IpAddress, Subdomain, WebApplication};
        row.kind = [Domain, Subdomain, IpAddress, WebApplication, Api][nth % 5];
        row.value = format!("host-{}.example", nth / 5);
    }
    // All of them one finding's.
    let finding = world.rows.findings[0].id;
    for (nth, row) in world.rows.finding_history.iter_mut().enumerate() {
        (row.finding_id, row.note) = (finding, Some(format!("note {nth}")));
    }
    tied(&mut world.rows.finding_history, |row, at, _| row.at = at);
    tied(&mut world.rows.components, |row, _, name| name.clone_into(&mut row.name));
    for (nth, mut row) in (1..).zip(world.rows.components.clone()) {
        (row.customer_id, row.id) = (searched, ComponentId(Uuid::from_u128(nth)));
        row.purl = Some("pkg:npm/right-pad@1.3.0".to_owned());
        world.rows.components.push(row);
    }
    for nth in 1..=ELEMENTS {
        let id = Uuid::from_u128(u128::try_from(nth).unwrap());
        world.rows.access_records.push(seed::AccessRecord {
            customer_id: customer,
            at: days(-10),
            id,
            partner_id: partner,
            user_id: admin,
            user_name: "Ada".to_owned(),
            request_id: id,
            class: DataClass::Posture,
            operation: None,
            fields: vec!["Customer.findings".to_owned()],
        });
    }
    tied(&mut world.rows.access_records, |row, at, _| row.at = at);
    tied(&mut world.rows.scans, |row, at, _| {
        (row.requested_at, row.started_at, row.finished_at) = (at, Some(at), Some(at));
    });
    tied(&mut world.rows.scan_schedules, |row, at, _| row.created_at = at);
    tied(&mut world.rows.evidence, |row, at, _| row.created_at = at);
    tied(&mut world.rows.posture_shares, |row, at, _| row.created_at = at);
    tied(&mut world.rows.customer_audit_events, |row, at, _| row.at = at);
    tied(&mut world.rows.quotes, |row, at, _| row.created_at = at);
    tied(&mut world.rows.partner_api_keys, |row, at, _| row.created_at = at);
    tied(&mut world.rows.partner_audit_events, |row, at, _| row.at = at);

    let rows = &world.rows;
    let mut lists = Vec::new();
    let owner = GlobalId::Finding(customer, finding).to_string();
    /// The rows that match, by the key, each with its global id; the row's own id breaks ties in the same direction.
    macro_rules! list {
        ($field:literal, $viewer:expr, $table:literal, $from:expr, $row:ident => $key:expr, $id:expr, $global:expr) => {{
            let mut found: Vec<_> = $from.collect();
            found.sort_by_key(|$row| $key);
            let elements = found.into_iter().map(|$row| ($global.to_string(), $id)).collect();
            lists.push(List {
                field: $field,
                table: ($table, "id"),
                viewer: $viewer,
                owner: owner.clone(),
                elements,
            });
        }};
    }
    list!("Partner.accesses", admin, "accesses", rows.accesses.iter().filter(|a| a.partner_id == partner),
        a => (a.customer_name.clone(), a.id.0), a.id.0, GlobalId::Access(a.customer_id, a.id));
    list!("Partner.children", admin, "partners", rows.partners.iter().filter(|p| p.parent_id == Some(partner)),
        p => (p.name.clone(), p.id.0), p.id.0, GlobalId::Partner(p.id));
    list!("Partner.auditLog", admin, "partner_audit_events", rows.partner_audit_events.iter(),
        e => Reverse((e.at, e.id.0)), e.id.0, GlobalId::PartnerAuditEvent(partner, e.id));
    list!("Partner.quotes", admin, "quotes", rows.quotes.iter(),
        q => Reverse((q.created_at, q.id.0)), q.id.0, GlobalId::Quote(customer, q.id));
    list!("Partner.apiKeys", admin, "partner_api_keys", rows.partner_api_keys.iter(),
        k => Reverse((k.created_at, k.id.0)), k.id.0, GlobalId::PartnerApiKey(partner, k.id));
    list!("Customer.accesses", customer_admin, "accesses", rows.accesses.iter().filter(|a| a.customer_id == customer),
        a => (a.created_at, a.id.0), a.id.0, GlobalId::Access(customer, a.id));
    list!("Customer.findings", admin, "findings", rows.findings.iter(),
        f => Reverse((f.severity.rank(), f.id.0)), f.id.0, GlobalId::Finding(customer, f.id));
    list!("Finding.history", admin, "finding_history", rows.finding_history.iter(),
        c => Reverse((c.at, c.id)), c.id, c.note.clone().unwrap());
    list!("Customer.assets", admin, "assets", rows.assets.iter(),
        a => (a.value.clone(), a.id.0), a.id.0, GlobalId::Asset(customer, a.id));
    list!("Customer.components", admin, "components", rows.components.iter().filter(|c| c.customer_id == customer),
        c => (c.name.clone(), c.id.0), c.id.0, GlobalId::Component(customer, c.id));
    list!("Partner.componentSearch", admin, "components", rows.components.iter().filter(|c| c.customer_id == searched),
        c => (c.name.clone(), c.id.0), c.id.0, GlobalId::Component(searched, c.id));
    list!("Customer.accessRecords", customer_admin, "access_records", rows.access_records.iter(),
        r => Reverse((r.at, r.id)), r.id, r.request_id);
    list!("Customer.scans", admin, "scans", rows.scans.iter(),
        s => Reverse((s.requested_at, s.id.0)), s.id.0, GlobalId::Scan(customer, s.id));
    list!("Customer.scanSchedules", admin, "scan_schedules", rows.scan_schedules.iter(),
        s => Reverse((s.created_at, s.id.0)), s.id.0, GlobalId::ScanSchedule(customer, s.id));
    list!("Customer.evidence", admin, "evidence", rows.evidence.iter(),
        e => Reverse((e.created_at, e.id.0)), e.id.0, GlobalId::Evidence(customer, e.id));
    list!("Customer.postureShares", admin, "posture_shares", rows.posture_shares.iter(),
        s => Reverse((s.created_at, s.id.0)), s.id.0, GlobalId::PostureShare(customer, s.id));
    list!("Customer.auditLog", admin, "customer_audit_events", rows.customer_audit_events.iter(),
        e => Reverse((e.at, e.id.0)), e.id.0, GlobalId::CustomerAuditEvent(customer, e.id));
    let of_kind = |kind| rows.users.iter().filter(move |user| user.kind == kind);
    list!("Partner.users", admin, "partner_users", of_kind(ViewerKind::PartnerUser),
        u => (u.name.clone(), u.id.0), u.id.0, GlobalId::User(u.id));
    list!("Customer.users", customer_admin, "customer_users", of_kind(ViewerKind::CustomerUser),
        u => (u.name.clone(), u.id.0), u.id.0, GlobalId::User(u.id));
    lists
        .iter_mut()
        .filter(|list| list.field.split('.').next_back() == Some("users"))
        .for_each(|list| list.table.1 = "user_id");
    (world, customer, lists)
}

/// `Type.field` of every field of the schema that is a connection.
fn connections() -> Vec<String> {
    let (mut found, mut of, mut last) = (Vec::new(), String::new(), String::new());
    for line in sdl().lines() {
        if let Some(name) = line.strip_prefix("type ") {
            name.split_whitespace().next().unwrap().clone_into(&mut of);
        }
        // A field is indented once; its arguments stand on its line or, indented further, below it.
        let field = line.trim_start_matches(['\t', ' ']);
        let depth = line.len() - field.len();
        if let Some((name, _)) =
            field.split_once('(').filter(|(name, _)| depth > 0 && name.chars().all(char::is_alphanumeric))
        {
            name.clone_into(&mut last);
        }
        if !of.ends_with("Connection") && line.contains("Connection") && line.contains("):") {
            found.push(format!("{of}.{last}"));
        }
    }
    found.sort();
    found
}

#[test]
fn every_connection_of_the_schema_is_tested_here() {
    let mut tested: Vec<_> = lists().2.iter().map(|list| list.field.to_owned()).collect();
    tested.sort();
    assert_eq!(connections(), tested);
}

#[tokio::test]
async fn every_connection_pages_both_ways() {
    let (world, customer, lists) = lists();
    let app = App::start(world).await;
    for list in &lists {
        let client = app.sign_in(list.viewer);
        let whole = list.page(&client, customer, "first: 100").await;
        assert_eq!(whole.ids(), list.ids(), "{}", list.field);
        assert_eq!(list.elements.len(), usize::try_from(ELEMENTS).unwrap(), "{}", list.field);
        assert_eq!(list.page(&client, customer, "last: 100").await.edges, whole.edges, "{}", list.field);
        for size in [1, 3, 100] {
            let (mut forward, mut position) = (Vec::new(), String::new());
            loop {
                let page = list.page(&client, customer, &format!("first: {size} {position}")).await;
                let first = forward.is_empty();
                position = format!("after: \"{}\"", page.edges.last().unwrap().0);
                forward.extend(page.edges);
                assert_eq!(
                    page.more,
                    (!first, forward.len() < whole.edges.len()),
                    "{} first {size}",
                    list.field
                );
                if !page.more.1 {
                    break;
                }
            }
            assert_eq!(forward, whole.edges, "{} first {size}", list.field);
            let (mut backward, mut position) = (Vec::new(), String::new());
            loop {
                let page = list.page(&client, customer, &format!("last: {size} {position}")).await;
                let last = backward.is_empty();
                position = format!("before: \"{}\"", page.edges[0].0);
                backward.splice(0..0, page.edges);
                assert_eq!(
                    page.more,
                    (backward.len() < whole.edges.len(), !last),
                    "{} last {size}",
                    list.field
                );
                if !page.more.0 {
                    break;
                }
            }
            assert_eq!(backward, whole.edges, "{} last {size}", list.field);
        }
    }
}

#[tokio::test]
async fn between_two_cursors_lies_what_is_between_them() {
    let (world, customer, lists) = lists();
    let app = App::start(world).await;
    for list in &lists {
        let client = app.sign_in(list.viewer);
        let whole = list.page(&client, customer, "first: 100").await;
        for (after, before) in [(0, 6), (1, 5), (2, 3), (4, 2), (3, 3)] {
            let bounds = format!("after: \"{}\" before: \"{}\"", whole.edges[after].0, whole.edges[before].0);
            let between: Vec<_> = whole.edges.iter().take(before).skip(after + 1).cloned().collect();
            for size in [2, 100] {
                let (head, tail) = (between.len().min(size), between.len().saturating_sub(size));
                let first = list.page(&client, customer, &format!("first: {size} {bounds}")).await;
                assert_eq!(first.edges, between[..head], "{} {after} {before}", list.field);
                let last = list.page(&client, customer, &format!("last: {size} {bounds}")).await;
                assert_eq!(last.edges, between[tail..], "{} {after} {before}", list.field);
                // Relay leaves the far side to the server: beyond a bound there is at least the bound's own row.
                assert_eq!(
                    (first.more, last.more),
                    ((true, true), (true, true)),
                    "{} {after} {before}",
                    list.field
                );
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_outlives_the_row_that_it_points_at() {
    let (world, customer, lists) = lists();
    let app = App::start(world).await;
    for list in lists {
        let client = app.sign_in(list.viewer);
        let whole = list.page(&client, customer, "first: 100").await;
        // The middle one of three that are tied, where any are.
        let gone = 4;
        let (table, column) = list.table;
        let id = list.elements[gone].1;
        app.as_owner(&format!(
            "set session_replication_role = replica; delete from {table} where {column} = '{id}'"
        ))
        .await;
        let cursor = &whole.edges[gone].0;
        let mut left = List { elements: list.elements.clone(), ..list };
        left.elements.remove(gone);
        let after = left.page(&client, customer, &format!("first: 100 after: \"{cursor}\"")).await;
        assert_eq!(after.edges, whole.edges[gone + 1..], "{}", left.field);
        let before = left.page(&client, customer, &format!("last: 100 before: \"{cursor}\"")).await;
        assert_eq!(before.edges, whole.edges[..gone], "{}", left.field);
    }
}
