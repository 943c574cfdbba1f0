//! Reads an answer along what was asked, and compares every field of it with what is due to the viewer.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::Value as Argument;
use async_graphql::parser::types::Field as Selected;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Selection, SelectionSet};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId};
use posture_gateway::policy::{DataClass, Viewer};
use serde_json::{Value, json};

use super::facts::{Denial, Facts};
use super::routes::{Api, Field};

/// What the answers amounted to.
#[derive(Default)]
pub(super) struct Seen {
    /// For each `Type.field` the names of the routes on which it was resolved.
    pub(super) resolved: BTreeMap<String, BTreeSet<String>>,
    /// Fields that somebody saw.
    pub(super) shown: BTreeSet<String>,
    /// Gated fields that were hidden from somebody.
    pub(super) hidden: BTreeSet<String>,
    /// Fields compared.
    pub(super) comparisons: usize,
}

/// Whose data an object is.
#[derive(Clone, Copy, Default)]
struct Of {
    partner: Option<PartnerId>,
    customer: Option<CustomerId>,
    access: Option<(CustomerId, AccessId)>,
    /// Whose list the page is.
    list: Option<List>,
}

#[derive(Clone, Copy)]
enum List {
    OfPartner(PartnerId),
    OfCustomer(CustomerId),
    Other,
}

/// What is due at a field.
enum Due {
    Shown,
    Hidden(Denial),
    /// Nothing is there for this viewer; no error says so.
    Null,
    /// A value that may be there or not.
    Either,
}

/// The answer to a document, compared with what is due.
pub(super) struct Reading<'a> {
    api: &'a Api,
    facts: &'a Facts,
    viewer: &'a Viewer,
    document: &'a ExecutableDocument,
    /// The names of the routes by their keys at the root; a key that is not there names itself.
    routes: &'a BTreeMap<String, String>,
    route: String,
    seen: &'a mut Seen,
    /// Denials that are due, with their paths.
    denials: Vec<(Value, String, Denial)>,
    /// What is wrong.
    faults: Vec<String>,
}

/// An object of the answer.
#[derive(Clone, Copy)]
struct At<'v> {
    object: &'v Value,
    /// The type that the answer names, else the schema.
    kind: &'v str,
    of: Of,
}

/// What is wrong with the answer to a document.
pub(super) fn faults(
    (api, facts): (&Api, &Facts),
    viewer: &Viewer,
    (document, routes): (&ExecutableDocument, &BTreeMap<String, String>),
    body: &Value,
    seen: &mut Seen,
) -> Vec<String> {
    let DocumentOperations::Single(operation) = &document.operations else {
        panic!("one query, without a name")
    };
    let mut reading = Reading {
        api,
        facts,
        viewer,
        document,
        routes,
        route: String::new(),
        seen,
        denials: Vec::new(),
        faults: Vec::new(),
    };
    let at = At { object: &body["data"], kind: &api.root, of: Of::default() };
    reading.selections(&api.root, &operation.node.selection_set.node, at, &[]);
    if body["extensions"]["hidden"].is_null() {
        reading.errors(body);
    } else {
        reading.extensions(body);
    }
    reading.faults
}

impl Reading<'_> {
    fn fault(&mut self, path: &[Value], what: &str) {
        let path = Value::Array(path.to_vec());
        self.faults.push(format!("{} at {path}: {what}", self.route));
    }

    /// `parent` is the type that the fields are asked of: the object's own or an interface of it.
    fn selections(&mut self, parent: &str, set: &SelectionSet, at: At<'_>, path: &[Value]) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(selected) => self.field(parent, &selected.node, at, path),
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let on = condition.map_or(parent, |condition| condition.node.on.node.as_str());
                    if self.api.is_a(at.kind, on) {
                        self.selections(on, &inline.node.selection_set.node, at, path);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments[&spread.node.fragment_name.node].node;
                    let on = fragment.type_condition.node.on.node.as_str();
                    if self.api.is_a(at.kind, on) {
                        self.selections(on, &fragment.selection_set.node, at, path);
                    }
                }
            }
        }
    }

    fn field(&mut self, parent: &str, selected: &Selected, at: At<'_>, path: &[Value]) {
        if selected.name.node == "__typename" {
            return;
        }
        let api = self.api;
        let field = api.field(parent, &selected.name.node);
        let name = format!("{parent}.{}", field.name);
        let key = selected.alias.as_ref().unwrap_or(&selected.name).node.as_str();
        if path.is_empty() {
            self.route = self.routes.get(key).cloned().unwrap_or_else(|| key.to_owned());
        }
        let path = [path, &[json!(key)]].concat();
        let Some(value) = at.object.get(key) else {
            return self.fault(&path, "left out");
        };
        self.seen.comparisons += 1;
        if !self.seen.resolved.contains_key(&name) {
            self.seen.resolved.insert(name.clone(), BTreeSet::new());
        }
        self.seen.resolved.get_mut(&name).unwrap().insert(self.route.clone());
        match self.due(parent, field, selected, at.of) {
            Due::Shown if value.is_null() => self.fault(&path, "null, and should be shown"),
            Due::Null if !value.is_null() => self.fault(&path, "shown, and should be null"),
            Due::Hidden(denial) => {
                if !value.is_null() {
                    self.fault(&path, &format!("shown, and should be hidden: {denial:?}"));
                }
                self.seen.hidden.insert(name.clone());
                self.denials.push((Value::Array(path.clone()), name.clone(), denial));
            }
            Due::Shown | Due::Null | Due::Either => {}
        }
        if !value.is_null() {
            self.seen.shown.insert(name);
        }
        let of = match field.name.as_str() {
            // The page of a list; what its totals count.
            _ if !field.target.ends_with("Connection") => at.of,
            "accesses" if parent == "Partner" => Of { list: at.of.partner.map(List::OfPartner), ..at.of },
            "accesses" if parent == "Customer" => Of { list: at.of.customer.map(List::OfCustomer), ..at.of },
            _ => Of { list: Some(List::Other), ..at.of },
        };
        if let (true, Value::Array(all)) = (parent == api.root && field.name == "nodes", value) {
            for (id, one) in ids(selected).into_iter().zip(all) {
                if self.facts.knows(self.viewer, id) == one.is_null() {
                    self.fault(&path, &format!("{id:?} is {one}"));
                }
            }
        }
        let set = &selected.selection_set.node;
        if set.items.is_empty() {
            self.number(parent, field, value, of, &path);
        } else {
            self.objects(&field.target, set, value, of, &path);
        }
    }

    /// The objects that a field answered.
    fn objects(&mut self, target: &str, set: &SelectionSet, value: &Value, of: Of, path: &[Value]) {
        match value {
            Value::Array(all) => {
                for (nth, one) in all.iter().enumerate() {
                    self.objects(target, set, one, of, &[path, &[json!(nth)]].concat());
                }
            }
            Value::Object(_) => {
                let kind = value["__typename"].as_str().unwrap_or(target);
                if !self.api.is_a(kind, target) {
                    return self.fault(path, &format!("a {kind}, and should be a {target}"));
                }
                let of = self.whose(value, of, path);
                self.selections(target, set, At { object: value, kind, of }, path);
            }
            _ => {}
        }
    }

    /// Whose data an object is, by its id; it has to exist for the viewer.
    fn whose(&mut self, object: &Value, of: Of, path: &[Value]) -> Of {
        let Some(id) = ["id", "renamed_id"].iter().find_map(|key| object[key].as_str()) else { return of };
        let Ok(id) = id.parse::<GlobalId>() else {
            self.fault(path, &format!("`{id}` is no id"));
            return of;
        };
        if !self.facts.knows(self.viewer, id) {
            self.fault(path, &format!("{id:?} does not exist for the viewer"));
        }
        match id {
            GlobalId::Partner(partner)
            | GlobalId::PartnerAuditEvent(partner, _)
            | GlobalId::PartnerApiKey(partner, _) => Of { partner: Some(partner), ..Of::default() },
            GlobalId::User(_) => of,
            GlobalId::Access(customer, access) | GlobalId::Subscription(customer, access) => {
                Of { customer: Some(customer), access: Some((customer, access)), ..Of::default() }
            }
            GlobalId::Customer(customer)
            | GlobalId::Finding(customer, _)
            | GlobalId::Asset(customer, _)
            | GlobalId::Component(customer, _)
            | GlobalId::Scan(customer, _)
            | GlobalId::ScanSchedule(customer, _)
            | GlobalId::Evidence(customer, _)
            | GlobalId::PostureShare(customer, _)
            | GlobalId::ApiKey(customer, _)
            | GlobalId::Quote(customer, _)
            | GlobalId::CustomerAuditEvent(customer, _) => Of { customer: Some(customer), ..Of::default() },
        }
    }

    /// What is due at a field: the gate's decision where there is one, else whether it exists.
    fn due(&mut self, parent: &str, field: &Field, selected: &Selected, of: Of) -> Due {
        let (facts, viewer) = (self.facts, self.viewer);
        let decided = |denial: Option<Denial>| denial.map_or(Due::Shown, Due::Hidden);
        let exists = |exists: bool| if exists { Due::Shown } else { Due::Null };
        if let Some(class) = field.gate {
            return match parent {
                "Customer" if ["exposure", "accessRecords"].contains(&field.name.as_str()) => {
                    decided(facts.of_exposure(viewer, of.customer.unwrap()))
                }
                "Customer" => decided(facts.of_customer(viewer, class, of.customer.unwrap())),
                "Access" | "Subscription" => decided(facts.of_access(viewer, class, of.access.unwrap())),
                "Partner" => decided(Facts::of_partner(viewer, class, of.partner.unwrap())),
                _ => panic!("`{parent}.{}` is gated: say by what it is decided", field.name),
            };
        }
        let is_partner = matches!(viewer, Viewer::Partner { .. });
        let is_customer = matches!(viewer, Viewer::Customer { .. });
        match (parent, field.name.as_str()) {
            // Not marked, for it is not about a customer; decided all the same (DESIGN.md 9).
            ("Partner", "apiKeys" | "auditLog" | "quotes" | "users") => {
                decided(Facts::of_partner(viewer, DataClass::Commercial, of.partner.unwrap()))
            }
            ("Query", "viewer") => Due::Shown,
            ("Query", "plans" | "addOns") => {
                exists(is_partner || matches!(viewer, Viewer::PlatformAdmin { .. }))
            }
            ("Query", "partner") if ids(selected).is_empty() => exists(is_partner),
            ("Query", "customer") if ids(selected).is_empty() => exists(is_customer),
            ("Query", "access" | "customer" | "node" | "partner" | "previewOperatingModel") => {
                exists(ids(selected).into_iter().all(|id| self.answers(field, id)))
            }
            ("Viewer", "partner" | "partnerRole") => exists(is_partner),
            ("Viewer", "customer" | "customerRole") => exists(is_customer),
            ("Partner", "parent") => {
                exists(facts.parent(of.partner.unwrap()).is_some_and(|id| facts.knows_partner(viewer, id)))
            }
            ("Customer", "access") => exists(facts.deciding(viewer, of.customer.unwrap()).is_some()),
            ("Customer", "accesses") => {
                let own = is_customer && facts.accesses_for(viewer, of.customer.unwrap()).next().is_some();
                exists(own)
            }
            _ if field.nullable => Due::Either,
            _ => Due::Shown,
        }
    }

    /// Whether the id names what the field answers, and the viewer may know it.
    fn answers(&self, field: &Field, id: GlobalId) -> bool {
        let is_kind = match id {
            GlobalId::Partner(_) => "Partner",
            GlobalId::Customer(_) => "Customer",
            GlobalId::Access(..) => "Access",
            _ => "Node",
        };
        let asked = if field.name == "previewOperatingModel" { "Access" } else { field.target.as_str() };
        (asked == "Node" || asked == is_kind) && self.facts.knows(self.viewer, id)
    }

    /// Numbers over many accesses: over those that exist for the viewer, and posture only over those it is shown of.
    fn number(&mut self, parent: &str, field: &Field, value: &Value, of: Of, path: &[Value]) {
        let (facts, viewer) = (self.facts, self.viewer);
        let due = match (parent, field.name.as_str(), of.partner, of.list) {
            ("AccessConnection", "totalCount", _, Some(List::OfPartner(partner)))
            | ("CommercialTotals", "accesses", Some(partner), _) => {
                facts.accesses_of(viewer, partner).count()
            }
            ("AccessConnection", "totalCount", _, Some(List::OfCustomer(customer))) => {
                facts.accesses_for(viewer, customer).count()
            }
            // Every customer has one asset and one finding, open and overdue.
            ("PostureTotals", "accessesIncluded" | "assets" | "slaBreaches", Some(partner), _) => {
                self.included(partner)
            }
            ("PostureTotals", "accessesExcluded", Some(partner), _) => {
                facts.accesses_of(viewer, partner).count() - self.included(partner)
            }
            _ => return,
        };
        if *value != json!(due) {
            self.fault(path, &format!("{value}, and should be {due}"));
        }
    }

    /// The accesses of a partner whose posture the viewer sees as that partner.
    fn included(&self, partner: PartnerId) -> usize {
        let (facts, viewer) = (self.facts, self.viewer);
        let Viewer::Partner { .. } = viewer else { return 0 };
        let shown = facts.accesses_of(viewer, partner).filter(|access| {
            facts.of_access(viewer, DataClass::Posture, (access.customer_id, access.id)).is_none()
        });
        shown.count()
    }

    /// The errors of the answer have to be the denials that are due, and nothing else.
    fn errors(&mut self, body: &Value) {
        let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = errors
            .iter()
            .map(|error| format!("{} {} {}", error["path"], error["extensions"], error["message"]));
        let due = std::mem::take(&mut self.denials).into_iter().map(|(path, _, denial)| {
            let Denial { class, reason, message } = denial;
            let extensions = json!({ "class": class.as_str(), "code": "HIDDEN", "reason": reason.as_str() });
            format!("{path} {extensions} {}", json!(message))
        });
        self.compare(told.collect(), due.collect());
    }

    /// The same, where the client asked for it in the extensions: each denial once, and how often.
    fn extensions(&mut self, body: &Value) {
        let hidden = body["extensions"]["hidden"].as_array().unwrap();
        let told = hidden.iter().map(|entry| {
            format!("{} {} {} {}", entry["coordinate"], entry["class"], entry["reason"], entry["count"])
        });
        let mut counts = BTreeMap::new();
        for (_, coordinate, denial) in std::mem::take(&mut self.denials) {
            *counts.entry((coordinate, denial.class.as_str(), denial.reason.as_str())).or_insert(0) += 1;
        }
        let due = counts.into_iter().map(|((coordinate, class, reason), count)| {
            format!("{} {} {} {count}", json!(coordinate), json!(class), json!(reason))
        });
        self.compare(told.collect(), due.collect());
        if body.get("errors").is_some() {
            self.faults.push(format!("errors beside the extensions: {}", body["errors"]));
        }
    }

    /// `due` may name the same twice, where the same field is selected twice.
    fn compare(&mut self, mut told: Vec<String>, mut due: Vec<String>) {
        told.sort();
        due.sort();
        due.dedup();
        let not_in = |these: &[String], those: &[String]| -> Vec<String> {
            let known: BTreeSet<&String> = those.iter().collect();
            these.iter().filter(|one| !known.contains(one)).cloned().collect()
        };
        self.faults
            .extend(not_in(&told, &due).into_iter().map(|error| format!("told, and not due: {error}")));
        self.faults
            .extend(not_in(&due, &told).into_iter().map(|error| format!("due, and not told: {error}")));
        if told.len() > due.len() {
            self.faults.push(format!("{} errors, and {} are due", told.len(), due.len()));
        }
    }
}

/// The ids that a field is asked with.
fn ids(selected: &Selected) -> Vec<GlobalId> {
    let arguments = ["id", "ids", "accessId"].into_iter().filter_map(|name| selected.get_argument(name));
    arguments.flat_map(|argument| in_value(&argument.node.clone().into_const().unwrap())).collect()
}

fn in_value(value: &Argument) -> Vec<GlobalId> {
    match value {
        Argument::String(text) => vec![text.parse().unwrap()],
        Argument::List(all) => all.iter().flat_map(in_value).collect(),
        _ => panic!("{value} is no id"),
    }
}
