//! What the schema says of what it has many of: pages of lists, and the arguments that ask for them. Said once, here, and
//! laid over the registered types; an argument or a type that describes itself is left alone.

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaType, Registry};
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

/// What a list's page is called at the end of its name, and what it is.
const PAGE: (&str, &str) = ("Connection", "A page of a list.");

/// Fields that async-graphql brings along, by the end of their type's name, in the words of this schema.
const FIELDS: [(&str, &str, &str); 9] = [
    ("Connection", "edges", "The page's elements, each with its cursor."),
    ("Connection", "nodes", "The page's elements."),
    ("Connection", "pageInfo", "Where the page lies in the list."),
    ("Edge", "cursor", "The element's place in the list: what `after` and `before` take."),
    ("Edge", "node", "The element."),
    ("PageInfo", "hasNextPage", "Whether elements follow the page."),
    ("PageInfo", "hasPreviousPage", "Whether elements precede the page."),
    ("PageInfo", "startCursor", "The first element's cursor: `before` takes it, for the page before."),
    ("PageInfo", "endCursor", "The last element's cursor: `after` takes it, for the next page."),
];

/// Arguments that many fields share.
const ARGUMENTS: [(&str, &str); 7] = [
    ("first", "How many elements, from the list's start or from `after` on: 1 to 100, 20 by default."),
    ("after", "Only elements after this cursor; the `endCursor` of a page leads to the next one."),
    ("last", "How many elements, up to the list's end or to `before`: 1 to 100, not together with `first`."),
    ("before", "Only elements before this cursor; the `startCursor` of a page leads to the one before."),
    ("filter", "Only elements that match; all where it is left out."),
    ("orderBy", "In which order, where not in the list's own."),
    ("id", "The global id, as any field `id` gives it."),
];

/// Lays the descriptions over the schema: registered as its last type, it adds none and describes those before it.
pub(super) struct Descriptions;

impl OutputType for Descriptions {
    fn type_name() -> Cow<'static, str> {
        "Descriptions".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        registry.types.values_mut().for_each(describe);
        Self::type_name().into_owned()
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

fn describe(ty: &mut MetaType) {
    let MetaType::Object { name, description, fields, .. } = ty else { return };
    if name.starts_with("__") {
        return;
    }
    if name.ends_with(PAGE.0) {
        description.get_or_insert_with(|| PAGE.1.to_owned());
    }
    for field in fields.values_mut() {
        let own_words = |(of, named, _): &&(&str, &str, &str)| name.ends_with(of) && field.name == *named;
        if let Some((_, _, words)) = FIELDS.iter().find(own_words) {
            field.description = Some((*words).to_owned());
        }
        for argument in field.args.values_mut() {
            if let Some((_, words)) = ARGUMENTS.iter().find(|(named, _)| argument.name == *named) {
                argument.description.get_or_insert_with(|| (*words).to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{
        FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition,
    };

    use super::*;

    /// Everything that can be described, and whether it is.
    fn described() -> Vec<(String, bool)> {
        let mut all = Vec::new();
        for definition in parse_schema(crate::graphql::sdl()).unwrap().definitions {
            match definition {
                TypeSystemDefinition::Schema(_) => {}
                // Not its arguments: the export leaves out what is said of those.
                TypeSystemDefinition::Directive(directive) => {
                    let name = format!("@{}", directive.node.name.node);
                    all.push((name, directive.node.description.is_some()));
                }
                TypeSystemDefinition::Type(ty) => {
                    let name = ty.node.name.node.to_string();
                    all.push((name.clone(), ty.node.description.is_some()));
                    match ty.node.kind {
                        TypeKind::Object(object) => fields(&mut all, &name, object.fields),
                        TypeKind::Interface(interface) => fields(&mut all, &name, interface.fields),
                        TypeKind::InputObject(input) => inputs(&mut all, &name, input.fields),
                        TypeKind::Enum(values) => all.extend(values.values.into_iter().map(|value| {
                            (format!("{name}.{}", value.node.value.node), value.node.description.is_some())
                        })),
                        TypeKind::Scalar | TypeKind::Union(_) => {}
                    }
                }
            }
        }
        all
    }

    fn fields(all: &mut Vec<(String, bool)>, of: &str, fields: Vec<Positioned<FieldDefinition>>) {
        for field in fields {
            let name = format!("{of}.{}", field.node.name.node);
            all.push((name.clone(), field.node.description.is_some()));
            inputs(all, &name, field.node.arguments);
        }
    }

    fn inputs(all: &mut Vec<(String, bool)>, of: &str, inputs: Vec<Positioned<InputValueDefinition>>) {
        all.extend(
            inputs
                .into_iter()
                .map(|input| (format!("{of}({}:)", input.node.name.node), input.node.description.is_some())),
        );
    }

    #[test]
    fn everything_a_client_sees_is_described() {
        let all = described();
        assert!(all.iter().any(|(name, _)| name == "Partner.accesses(orderBy:)"), "it finds what there is");
        let bare: Vec<_> = all.iter().filter(|(_, described)| !described).map(|(name, _)| name).collect();
        assert_eq!(bare, Vec::<&String>::new());
    }

    #[test]
    fn every_shared_description_is_in_use() {
        let sdl = crate::graphql::sdl();
        let unused: Vec<_> = (FIELDS.iter().map(|(_, _, words)| words))
            .chain(ARGUMENTS.iter().map(|(_, words)| words))
            .filter(|words| !sdl.contains(**words))
            .collect();
        assert_eq!(unused, Vec::<&&str>::new());
    }
}
