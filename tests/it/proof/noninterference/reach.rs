//! Which fields were asked for and answered, and which there are.

use std::collections::BTreeSet;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use posture_gateway::graphql::schema;
use serde_json::Value;

use crate::proof::grammar::{Grammar, named};
use crate::proof::routes::Api;

/// Every field that a query can ask for.
pub(super) fn fields() -> BTreeSet<String> {
    let grammar = Grammar::of_the_gateway();
    let is_field = |coordinate: &String| {
        let ty = coordinate.split('.').next().unwrap();
        !coordinate.contains('(') && grammar.is_composite(ty)
    };
    grammar.coordinates("Query").into_iter().filter(is_field).collect()
}

/// Every field of those that is marked as one that asks the gate.
pub(super) fn gated() -> BTreeSet<String> {
    let api = Api::of(&schema().sdl());
    let fields = api.types.iter().flat_map(|(ty, fields)| fields.iter().map(move |field| (ty, field)));
    let gated = fields.filter(|(_, field)| field.gate.is_some());
    gated.map(|(ty, field)| format!("{ty}.{}", field.name)).collect()
}

/// The fields that an answer to a document has a value of.
pub(super) fn answered(document: &str, data: &Value, found: &mut BTreeSet<String>) {
    let document = parse_query(document).unwrap();
    for (_, operation) in document.operations.iter() {
        of_object(&document, &operation.node.selection_set.node, "Query", data, found);
    }
}

fn of_object(
    document: &ExecutableDocument,
    set: &SelectionSet,
    ty: &str,
    value: &Value,
    found: &mut BTreeSet<String>,
) {
    if let Value::Array(all) = value {
        for one in all {
            of_object(document, set, ty, one, found);
        }
        return;
    }
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let fields = &Grammar::of_the_gateway().fields[ty];
                let known = fields.iter().find(|own| own.name == field.node.name.node.as_str());
                let (Some(own), Some(value)) = (known, value.get(field.node.response_key().node.as_str()))
                else {
                    continue;
                };
                if !value.is_null() {
                    found.insert(format!("{ty}.{}", own.name));
                }
                of_object(document, &field.node.selection_set.node, named(&own.ty), value, found);
            }
            Selection::InlineFragment(own) => {
                let on = own.node.type_condition.as_ref().map_or(ty, |on| on.node.on.node.as_str());
                of_object(document, &own.node.selection_set.node, on, value, found);
            }
            Selection::FragmentSpread(own) => {
                let fragment = &document.fragments[&own.node.fragment_name.node].node;
                let on = fragment.type_condition.node.on.node.as_str();
                of_object(document, &fragment.selection_set.node, on, value, found);
            }
        }
    }
}
