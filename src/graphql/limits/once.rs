//! A mutation field that is selected twice is one field of the answer (GraphQL, section 6.3.2) and has to run once.
//! async-graphql runs it as often as it is selected, so such a document is refused before anything of it runs. A subscription selects
//! one field (section 5.2.4.1), once. Comes after the budget: what fragments amount to is bounded by then.

use std::collections::HashSet;

use async_graphql::parser::types::{ExecutableDocument, OperationType, Selection, SelectionSet};

use super::Excess;

/// Refuses a mutation with two root fields of one response key, and a subscription with another number of root fields than one.
///
/// # Errors
/// The first such key, or what a subscription is to select.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), Excess> {
    for (_, operation) in document.operations.iter() {
        let selections = &operation.node.selection_set.node;
        match operation.node.ty {
            OperationType::Query => {}
            OperationType::Mutation => collect(document, selections, &mut HashSet::new())?,
            OperationType::Subscription if count(document, selections) == 1 => {}
            OperationType::Subscription => return Err(Excess::not_alone()),
        }
    }
    Ok(())
}

/// How many fields a selection set selects, meta fields and repetitions included.
fn count(document: &ExecutableDocument, selections: &SelectionSet) -> usize {
    let counts = selections.items.iter().map(|selection| match &selection.node {
        Selection::Field(_) => 1,
        Selection::InlineFragment(fragment) => count(document, &fragment.node.selection_set.node),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node);
            fragment.map_or(0, |fragment| count(document, &fragment.node.selection_set.node))
        }
    });
    counts.fold(0, usize::saturating_add)
}

/// What `@skip` and `@include` leave out counts: which of two is meant an alias says better.
fn collect<'d>(
    document: &'d ExecutableDocument,
    selections: &'d SelectionSet,
    keys: &mut HashSet<&'d str>,
) -> Result<(), Excess> {
    for selection in &selections.items {
        match &selection.node {
            Selection::Field(field) => {
                let key = field.node.response_key().node.as_str();
                // Meta fields change nothing.
                if !field.node.name.node.starts_with("__") && !keys.insert(key) {
                    return Err(Excess::repeated(key));
                }
            }
            Selection::InlineFragment(fragment) => {
                collect(document, &fragment.node.selection_set.node, keys)?;
            }
            Selection::FragmentSpread(spread) => {
                // One that is not defined is validation's to refuse.
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    collect(document, &fragment.node.selection_set.node, keys)?;
                }
            }
        }
    }
    Ok(())
}
