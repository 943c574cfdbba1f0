//! Holds the exported schema against the tables, and shows that each check finds the fault that it is there for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};

use super::*;
use crate::graphql::sdl;
use crate::policy::Operation;

/// The record of `./prove`, which the integration tests keep, too.
#[path = "../../../tests/it/support/size.rs"]
#[expect(dead_code, reason = "how many worlds is the proofs' to ask")]
mod size;

/// What a schema consists of, as far as the tables speak of it.
#[derive(Default)]
struct Api {
    /// Every object and interface, with its fields.
    types: BTreeMap<String, Vec<FieldDefinition>>,
    interfaces: BTreeSet<String>,
    unions: BTreeSet<String>,
    /// Each object with an interface of its.
    implements: Vec<(String, String)>,
    /// The type whose fields are mutations.
    mutation: Option<String>,
    /// The type whose fields are streams.
    stream: Option<String>,
}

fn api(sdl: &str) -> Api {
    let mut api = Api::default();
    for definition in parse_schema(sdl).unwrap().definitions {
        let ty = match definition {
            TypeSystemDefinition::Type(ty) => ty.node,
            TypeSystemDefinition::Schema(schema) => {
                api.mutation = schema.node.mutation.map(|root| root.node.to_string());
                api.stream = schema.node.subscription.map(|root| root.node.to_string());
                continue;
            }
            TypeSystemDefinition::Directive(_) => continue,
        };
        let name = ty.name.node.to_string();
        let fields = match ty.kind {
            TypeKind::Object(object) => {
                let interfaces = object.implements.into_iter().map(|interface| interface.node.to_string());
                api.implements.extend(interfaces.map(|interface| (name.clone(), interface)));
                object.fields
            }
            TypeKind::Interface(interface) => {
                api.interfaces.insert(name.clone());
                interface.fields
            }
            TypeKind::Union(_) => {
                api.unions.insert(name);
                continue;
            }
            TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => continue,
        };
        api.types.insert(name, fields.into_iter().map(|field| field.node).collect());
    }
    api
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn declared(field: &FieldDefinition, directive: &str) -> Option<String> {
    let found = field.directives.iter().find(|d| d.node.name.node == directive)?;
    found.node.get_argument("class").map(|class| class.node.to_string())
}

fn class_of(name: &str) -> Option<DataClass> {
    GATED.iter().find(|(_, types)| types.contains(&name)).map(|(class, _)| *class)
}

/// The names on one side alone.
fn differences<'a>(what: &str, found: impl Iterator<Item = &'a str>, listed: &[&'a str]) -> Vec<String> {
    let found: BTreeSet<&str> = found.collect();
    let known: BTreeSet<&str> = listed.iter().copied().collect();
    let mut faults: Vec<_> =
        found.difference(&known).map(|name| format!("{what} `{name}` is in no table")).collect();
    faults.extend(known.difference(&found).map(|name| format!("there is no {what} `{name}`")));
    if known.len() < listed.len() {
        faults.push(format!("a {what} stands in the tables twice"));
    }
    faults
}

/// The fields of lists and of their edges, as Relay has them.
fn is_relays(parent: &str, field: &str) -> bool {
    parent.ends_with("Connection") && ["edges", "nodes", "pageInfo", "totalCount"].contains(&field)
        || parent.ends_with("Edge") && ["cursor", "node"].contains(&field)
}

/// What stands before the gate without being listed.
fn open_fields(api: &Api) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut open, mut aggregates) = (BTreeSet::new(), BTreeSet::new());
    for (parent, fields) in &api.types {
        let is_gated = |field: &FieldDefinition| {
            ["gate", "aggregate"].iter().any(|directive| declared(field, directive).is_some())
        };
        // On a type that is gated as a whole a field has the type's class.
        let is_open =
            class_of(parent).is_none() && ![&api.mutation, &api.stream].contains(&&Some(parent.clone()));
        for field in fields {
            let name = format!("{parent}.{}", field.name.node);
            if declared(field, "aggregate").is_some() {
                aggregates.insert(name.clone());
            }
            if is_open && !is_gated(field) && !is_relays(parent, &field.name.node) {
                open.insert(name);
            }
        }
    }
    let listed: Vec<String> = OPEN_FIELDS
        .iter()
        .flat_map(|(parent, fields)| fields.iter().map(move |field| format!("{parent}.{field}")))
        .collect();
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    faults.extend(differences("open field", open.iter().map(String::as_str), &listed));
    faults.extend(differences("aggregate", aggregates.iter().map(String::as_str), AGGREGATES));
    faults
}

/// Everything that a schema has wrong.
fn faults(sdl: &str) -> Vec<String> {
    let api = api(sdl);
    let mut faults = Vec::new();

    let listed: Vec<&str> = GATED.iter().flat_map(|(_, types)| types.iter()).chain(OPEN).copied().collect();
    faults.extend(differences("type", api.types.keys().map(String::as_str), &listed));
    let fields = |root: &Option<String>| -> Vec<&str> {
        let fields = root.iter().flat_map(|root| &api.types[root]);
        fields.map(|field| field.name.node.as_str()).collect()
    };
    // Who may ever call a mutation stands in one table, a row each, which resolvers ask.
    let operations: Vec<&str> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    faults.extend(differences("mutation", fields(&api.mutation).into_iter(), &operations));
    let streams: Vec<&str> = STREAMS.iter().map(|(name, _)| *name).collect();
    faults.extend(differences("stream", fields(&api.stream).into_iter(), &streams));
    faults.extend(api.unions.iter().map(|name| format!("nothing says what class the union `{name}` has")));

    let mut otherwise = BTreeSet::new();
    for (parent, fields) in &api.types {
        for field in fields {
            let (name, gate) = (format!("{parent}.{}", field.name.node), declared(field, "gate"));
            let target = named(&field.ty.node);
            if gate.is_some() && !field.ty.node.nullable {
                faults.push(format!("{name} is gated, so it has to be nullable"));
            }
            if api.interfaces.contains(target) {
                otherwise.insert(name.clone());
            }
            let Some(class) = class_of(target) else { continue };
            let is_within = class_of(parent) == Some(class);
            let is_gated = gate.or(declared(field, "aggregate")).as_deref() == Some(class.as_str());
            if !is_within && !is_gated {
                otherwise.insert(name);
            }
        }
    }
    faults.extend(open_fields(&api));
    let decided: Vec<&str> = DECIDED_OTHERWISE.iter().map(|(name, _)| *name).collect();
    faults.extend(differences("ungated way to a gated type", otherwise.iter().map(String::as_str), &decided));

    for (object, interface) in &api.implements {
        for promised in &api.types[interface] {
            let own = api.types[object].iter().find(|field| field.name.node == promised.name.node);
            let same = own.is_some_and(|own| {
                own.ty.node == promised.ty.node
                    && ["gate", "aggregate"]
                        .iter()
                        .all(|name| declared(own, name) == declared(promised, name))
            });
            if !same {
                faults.push(format!("{object}.{0} is not what {interface}.{0} says", promised.name.node));
            }
        }
    }
    faults
}

#[test]
fn the_schema_is_what_the_tables_say() {
    assert_eq!(faults(&sdl()), Vec::<String>::new());
}

/// The class of every field, as a list that a review sees change: its own `@gate` or `@aggregate`, else its type's;
/// `open` is what stands before the gate.
#[test]
fn every_field_has_its_class() {
    let mut text = String::new();
    for (parent, fields) in api(&sdl()).types {
        for field in fields {
            let own = declared(&field, "gate").map(|class| format!("{class} @gate"));
            let own =
                own.or_else(|| declared(&field, "aggregate").map(|class| format!("{class} @aggregate")));
            let class = own.or_else(|| class_of(&parent).map(|class| class.to_string()));
            writeln!(text, "{parent}.{}: {}", field.name.node, class.as_deref().unwrap_or("open")).unwrap();
        }
    }
    size::tried("fields of the schema that have their class", text.lines().count());
    insta::assert_snapshot!(text);
}

#[test]
fn every_mutation_has_callers() {
    let mut asked = 0;
    for operation in Operation::ALL {
        assert!(!operation.callers().is_empty(), "{operation} is for nobody");
        asked += 1;
    }
    size::tried("mutations that have their callers", asked);
}

#[test]
fn every_check_finds_its_fault() {
    let real = sdl();
    for (from, to, fault) in [
        ("type Query {", "type Leak { n: Int }\ntype Query {", "type `Leak` is in no table"),
        ("type AddOn ", "type Extra ", "there is no type `AddOn`"),
        (
            "posture: PostureSummary @gate(class: POSTURE)",
            "posture: PostureSummary",
            "ungated way to a gated type `Customer.posture` is in no table",
        ),
        (
            "posture: PostureSummary @gate(class: POSTURE)",
            "posture: PostureSummary @gate(class: COMMERCIAL)",
            "ungated way to a gated type `Customer.posture` is in no table",
        ),
        (
            "type Query {",
            "type Query {\nworst: [Finding!]",
            "ungated way to a gated type `Query.worst` is in no table",
        ),
        (
            "type AccessEdge {",
            "type AccessEdge {\nlog: CustomerAuditEvent",
            "ungated way to a gated type `AccessEdge.log` is in no table",
        ),
        (
            "lastScanAt: DateTime @gate(class: POSTURE)",
            "lastScanAt: DateTime! @gate(class: POSTURE)",
            "Customer.lastScanAt is gated, so it has to be nullable",
        ),
        (
            "type Customer implements Node {",
            "type Customer implements Node {\nscore: Float",
            "open field `Customer.score` is in no table",
        ),
        ("type Viewer {", "type Viewer {\nscore: Float", "open field `Viewer.score` is in no table"),
        (
            "type CommercialTotals {",
            "type CommercialTotals {\nrisk: Float @aggregate(class: POSTURE)",
            "aggregate `CommercialTotals.risk` is in no table",
        ),
        ("type PageInfo {", "type PageInfo {\nrisk: Float", "open field `PageInfo.risk` is in no table"),
        (
            "type AccessConnection {",
            "type AccessConnection {\nmeanRisk: Float",
            "open field `AccessConnection.meanRisk` is in no table",
        ),
        (
            "type CustomerPayload {",
            "type CustomerPayload {\nrisk: Float",
            "open field `CustomerPayload.risk` is in no table",
        ),
        ("type Query {", "type Query {\nany: Node", "ungated way to a gated type `Query.any` is in no table"),
        ("interface Node {", "interface Node {\nname: String", "Asset.name is not what Node.name says"),
        (
            "interface Node {",
            "interface Node {\nposture: PostureSummary",
            "Customer.posture is not what Node.posture says",
        ),
        (
            "type Query {",
            "union Any = Asset | Scan\ntype Query {",
            "nothing says what class the union `Any` has",
        ),
        ("type Mutation {", "type Mutation {\nforget: Int", "mutation `forget` is in no table"),
        ("changeOperatingModel(", "changeModel(", "there is no mutation `changeOperatingModel`"),
        (
            "query: Query",
            "query: Query\nsubscription: Stream\n}\ntype Stream {\nfound: Int",
            "stream `found` is in no table",
        ),
        (
            "query: Query",
            "query: Query\nsubscription: Stream\n}\ntype Stream {\nfindingFound: Finding",
            "ungated way to a gated type `Stream.findingFound` is in no table",
        ),
    ] {
        assert!(real.contains(from), "{from}");
        let found = faults(&real.replacen(from, to, 1));
        assert!(found.iter().any(|found| found == fault), "{to}: {found:?}");
    }
}
