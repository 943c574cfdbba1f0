//! What documents cost: against the schema that is served, so that a new list has a size and what is asked about the schema is bounded.

use std::collections::BTreeSet;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};
use async_graphql::{Request, Value, Variables};
use serde_json::json;

use super::weights::size_of;
use super::{Limits, price_of_refusal};
use crate::graphql::{schema, sdl};

fn price_with(query: &str, variables: serde_json::Value) -> Result<u64, String> {
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    Limits::default().check(&mut request).map_err(|error| error.message)
}

fn price(query: &str) -> u64 {
    price_with(query, json!({})).unwrap()
}

#[test]
fn a_cost_is_what_the_document_asks_for() {
    for (query, points) in [
        ("{ viewer { name } }", 52),
        // Fragments count as often as they are spread, operations that are not chosen not at all.
        ("{ viewer { ...a } } fragment a on Viewer { name id }", 53),
        ("{ partner { accesses(first: 10) { nodes { id status } } } }", 50 + 2 + 10 * 3),
        ("{ partner { accesses { totalCount } } }", 50 + 2 + 20),
        ("{ partner { users { nodes { id } } } }", 50 + 2 + 20 * 2),
        ("{ partner { dashboard { commercial { accesses } } } }", 50 + 1 + 20 + 2),
        ("{ customer { postureTrend { riskScore } } }", 50 + 2 + 30),
        ("{ customer { postureTrend(since: \"2026-01-01\") { riskScore } } }", 50 + 2 + 366),
        (
            "{ customer { postureTrend(since: \"2026-01-01\", until: \"2026-01-07\") { riskScore } } }",
            50 + 2 + 7,
        ),
        (
            "{ partner { accesses(first: 10, filter: { status: [ACTIVE, TRIAL] }) { totalCount } } }",
            50 + 2 + 10 + 2,
        ),
        // Lists within a page are gone through once for each object.
        (
            "{ partner { accesses(first: 10) { nodes { customer { findings(filter: { status: [OPEN, TRIAGED] }) { totalCount } } } } } }",
            50 + 2 + 10 * (2 + 1 + 20 + 2),
        ),
        ("mutation { recordVisit { previousVisitAt } }", 50 + 2 + 10),
        ("mutation { a: recordVisit { previousVisitAt } b: recordVisit { previousVisitAt } }", 50 + 4 + 20),
        (
            "mutation { runScan(input: { customerId: \"a\", targetIds: [\"b\", \"c\"] }) { scan { id } } }",
            50 + 3 + 10 + 20,
        ),
        ("mutation { triageFindings(input: {}) { count } }", 50 + 1_000 + 1 + 10),
        ("subscription { accessChanged { id } }", 52),
        ("{ __typename }", 51),
        // In memory, and many.
        ("{ __schema { types { name } } }", 50 + 1 + 200 / 20),
    ] {
        assert_eq!(price(query), points, "{query}");
    }
}

#[test]
fn variables_cost_what_they_make_of_a_document() {
    let list = "query ($n: Int) { partner { accesses(first: $n) { totalCount } } }";
    assert_eq!(price_with(list, json!({ "n": 100 })), Ok(152));
    assert_eq!(price_with(list, json!({ "n": 1_000_000 })), Ok(152), "as much as there can be");
    assert_eq!(price_with(list, json!({ "n": ["a"] })), Ok(73), "no size at all");
    let nodes = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    assert_eq!(price_with(nodes, json!({ "ids": vec!["a"; 100] })), Ok(50 + 1 + 100 + 100));
    let schedules = "mutation ($i: CreateScanSchedulesInput!) { createScanSchedules(input: $i) { count } }";
    let input = json!({ "i": { "customerIds": vec!["a"; 200] } });
    assert_eq!(price_with(schedules, input), Ok(50 + 2 + 10 + 2_000));
    // However often it is used, a list is counted once, and costs each time.
    let often = format!(
        "query ($ids: [ID!]!) {{ partner {{ accesses {{ {} }} }} }}",
        "nodes(ids: $ids) { id } ".repeat(300)
    );
    assert!(price_with(&often, json!({ "ids": vec!["a"; 4_000] })).unwrap_err().contains("complexity"));
    let too_many = price_with(nodes, json!({ "ids": vec!["a"; 5_000] })).unwrap_err();
    assert_eq!(too_many, "the document's number of values in variables is 5001; the limit is 5000");
}

#[test]
fn the_operation_that_runs_is_paid_for() {
    let query = "query a { viewer { name } } query b { partner { accesses(first: 100) { totalCount } } }";
    let of = |name: &str| Limits::default().check(&mut Request::new(query).operation_name(name)).unwrap();
    assert_eq!((of("a"), of("b")), (52, 152));
    // Which is refused later, when it is looked for.
    assert_eq!((of("c"), price(query)), (50, 152));
}

#[test]
fn a_refusal_costs_what_was_read() {
    assert_eq!((price_of_refusal(0), price_of_refusal(32 * 1024)), (10, 522));
}

fn base(ty: &Type) -> (bool, String) {
    match &ty.base {
        BaseType::Named(name) => (false, name.to_string()),
        BaseType::List(inner) => (true, base(inner).1),
    }
}

/// A list of objects that is forgotten here is as good as free.
#[test]
fn every_list_of_objects_has_a_size() {
    let definitions = parse_schema(sdl()).unwrap().definitions;
    let types = || {
        definitions.iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) => Some(&ty.node),
            _ => None,
        })
    };
    let is_object = |ty: &&async_graphql::parser::types::TypeDefinition| {
        matches!(ty.kind, TypeKind::Object(_) | TypeKind::Interface(_))
    };
    let objects: BTreeSet<String> = types().filter(is_object).map(|ty| ty.name.node.to_string()).collect();
    let mut without = BTreeSet::new();
    for ty in types() {
        let (TypeKind::Object(_) | TypeKind::Interface(_)) = &ty.kind else { continue };
        let fields = match &ty.kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            _ => continue,
        };
        for field in fields {
            let (is_list, name) = base(&field.node.ty.node);
            let is_many = (is_list && objects.contains(&name)) || name.ends_with("Connection");
            if is_many && size_of(&field.node.name.node, |_| false) == 1 {
                without.insert(field.node.name.node.to_string());
            }
        }
    }
    // What a connection holds is counted with it, and by the ids where there are any; what was wrong with an input is a line or two.
    assert_eq!(without.into_iter().collect::<Vec<_>>(), ["edges", "nodes", "userErrors"]);
}

/// How many fields an answer has.
fn fields_of(value: &Value) -> u64 {
    match value {
        Value::List(list) => list.iter().map(fields_of).sum(),
        Value::Object(object) => object.values().map(|value| 1 + fields_of(value)).sum(),
        _ => 0,
    }
}

/// What `getIntrospectionQuery` of graphql-js asks, with as many levels of types as `GraphiQL`.
fn what_tools_ask() -> String {
    let of_type =
        (0..9).fold(String::from("kind name"), |inner, _| format!("kind name ofType {{ {inner} }}"));
    format!(
        "{{ __schema {{ queryType {{ name }} mutationType {{ name }} subscriptionType {{ name }} types {{ ...T }}
         directives {{ name description locations args(includeDeprecated: true) {{ ...I }} }} }} }}
         fragment T on __Type {{ kind name description fields(includeDeprecated: true) {{ name description
         args(includeDeprecated: true) {{ ...I }} type {{ ...R }} isDeprecated deprecationReason }}
         inputFields(includeDeprecated: true) {{ ...I }} interfaces {{ ...R }}
         enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} possibleTypes {{ ...R }} }}
         fragment I on __InputValue {{ name description type {{ ...R }} defaultValue }}
         fragment R on __Type {{ {of_type} }}"
    )
}

#[tokio::test]
async fn what_is_asked_about_the_schema_is_no_more_than_it_is_taken_for() {
    let schema = schema();
    for query in [
        what_tools_ask(),
        "{ __schema { types { name fields { name args { name } } } } }".to_owned(),
        "{ __schema { types { fields { type { ofType { fields { name } } fields { name } } } } } }".to_owned(),
        "{ __schema { types { possibleTypes { name } interfaces { name } enumValues { name } inputFields { name } } } }".to_owned(),
        "{ __type(name: \"Customer\") { fields { type { fields { type { ofType { fields { name } } } } } } } }".to_owned(),
    ] {
        let points = price(&query) - 50;
        let response = schema.execute(query.as_str()).await;
        assert!(response.errors.is_empty(), "{query} {:?}", response.errors);
        let fields = fields_of(&response.data);
        assert!(fields <= points * 20, "{query}: {fields} fields for {points} points");
    }
}

#[test]
fn deep_introspection_is_refused() {
    let deep = |levels: usize| {
        format!(
            "{{ __schema {{ types {{ {} name {} }} }} }}",
            "fields { type { ".repeat(levels),
            "} }".repeat(levels)
        )
    };
    assert!(price(&deep(2)) < 3_000);
    let refused = price_with(&deep(4), json!({})).unwrap_err();
    assert!(
        refused.starts_with("the document's complexity of what it asks about the schema is"),
        "{refused}"
    );
    // Neither aliases nor repetitions help.
    let all = what_tools_ask();
    let (query, fragments) = all.split_at(all.find("fragment").unwrap());
    let schema = query.trim().trim_start_matches('{').trim_end_matches('}');
    let wide = format!("{{ a: {schema} b: {schema} }} {fragments}");
    assert!(price_with(&wide, json!({})).unwrap_err().contains("about the schema"));
    let many =
        format!("{{ __schema {{ {} }} }}", "types { fields { args { type { name kind } } } } ".repeat(60));
    assert!(price_with(&many, json!({})).unwrap_err().contains("about the schema"));
}

#[test]
fn objects_with_a_key_twice_are_refused() {
    let query = "mutation { setPartnerConsent(input: { accessId: \"a\", consent: NONE, consent: MANAGE }) { access { id } } }";
    assert_eq!(
        price_with(query, json!({})).unwrap_err(),
        "an object has the field `consent` twice: which of them is meant is not clear"
    );
}

/// What a budget is generous to: the pages of the apps.
#[test]
fn the_apps_own_documents_cost_little() {
    let mut dearest = (0, String::new());
    for client in ["partner-app", "customer-portal"] {
        let path = format!("{}/clients/trusted-documents/{client}/apollo.json", env!("CARGO_MANIFEST_DIR"));
        let manifest: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for operation in manifest["operations"].as_array().unwrap() {
            let points = price(operation["body"].as_str().unwrap());
            dearest = dearest.max((points, operation["name"].to_string()));
        }
    }
    assert!(dearest.0 <= 2_500, "{dearest:?}");
}
