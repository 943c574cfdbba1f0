//! What the model takes from the exported schema: the type of every field, and who implements what. No rule is read.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};

/// The object types of the schema with their fields.
pub(super) struct Sdl {
    types: BTreeMap<String, BTreeMap<String, Type>>,
    interfaces: BTreeMap<String, BTreeSet<String>>,
}

impl Sdl {
    pub(super) fn exported() -> Self {
        let document = parse_schema(posture_gateway::graphql::sdl()).unwrap();
        let mut sdl = Self { types: BTreeMap::new(), interfaces: BTreeMap::new() };
        for definition in document.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = definition.node.kind else { continue };
            let name = definition.node.name.node.to_string();
            let fields =
                object.fields.into_iter().map(|field| (field.node.name.node.to_string(), field.node.ty.node));
            sdl.types.insert(name.clone(), fields.collect());
            let interfaces = object.implements.iter().map(|interface| interface.node.to_string());
            sdl.interfaces.insert(name, interfaces.collect());
        }
        sdl
    }

    /// Every `Type.field`.
    pub(super) fn coordinates(&self) -> BTreeSet<String> {
        let of = |(name, fields): (&String, &BTreeMap<String, Type>)| {
            fields.keys().map(|field| format!("{name}.{field}")).collect::<Vec<_>>()
        };
        self.types.iter().flat_map(of).collect()
    }

    pub(super) fn field(&self, of: &str, name: &str) -> &Type {
        let field = self.types.get(of).and_then(|fields| fields.get(name));
        field.unwrap_or_else(|| panic!("the schema has no {of}.{name}"))
    }

    /// Whether a fragment on `condition` applies to an object.
    pub(super) fn applies(&self, condition: &str, of: &str) -> bool {
        condition == of || self.interfaces[of].contains(condition)
    }
}

/// The type of a list's elements.
pub(super) fn element(list: &Type) -> &Type {
    match &list.base {
        BaseType::List(element) => element,
        BaseType::Named(name) => panic!("{name} is no list"),
    }
}
