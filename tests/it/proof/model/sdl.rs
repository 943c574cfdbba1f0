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

    /// Every `Type.field` that a query can reach; what mutations answer with is the tests' of mutations.
    pub(super) fn coordinates_of_queries(&self) -> BTreeSet<String> {
        let (mut reached, mut next) = (BTreeSet::new(), vec!["Query"]);
        while let Some(name) = next.pop() {
            if let Some(fields) = self.types.get(name)
                && reached.insert(name)
            {
                next.extend(fields.values().map(named));
            }
            next.extend(
                self.interfaces.iter().filter(|(_, of)| of.contains(name)).map(|(own, _)| own.as_str()),
            );
        }
        let of =
            |name: &str| self.types[name].keys().map(|field| format!("{name}.{field}")).collect::<Vec<_>>();
        reached.into_iter().flat_map(of).collect()
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

/// The name at the bottom of a type.
fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::List(element) => named(element),
        BaseType::Named(name) => name,
    }
}

/// The type of a list's elements.
pub(super) fn element(list: &Type) -> &Type {
    match &list.base {
        BaseType::List(element) => element,
        BaseType::Named(name) => panic!("{name} is no list"),
    }
}
