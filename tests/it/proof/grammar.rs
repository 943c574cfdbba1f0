//! The schema as its SDL states it: which fields a type has, which arguments they take, which types stand behind an
//! interface. What the schema gains tomorrow is in it by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};
use posture_gateway::graphql::schema;

/// A schema's types by name.
pub(super) struct Grammar {
    /// Fields of objects and interfaces.
    pub(super) fields: BTreeMap<String, Vec<Field>>,
    /// The objects behind each interface and union.
    pub(super) possible: BTreeMap<String, Vec<String>>,
    /// The fields of input objects.
    pub(super) inputs: BTreeMap<String, Vec<Argument>>,
    /// The values of enums.
    pub(super) enums: BTreeMap<String, Vec<String>>,
}

/// A field of an object or an interface.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    pub(super) ty: Type,
}

/// An argument, or a field of an input object.
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) ty: Type,
    /// Neither nullable nor with a default.
    pub(super) required: bool,
}

/// The type without its lists.
pub(super) fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

pub(super) const fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}

impl Field {
    pub(super) fn takes(&self, argument: &str) -> bool {
        self.arguments.iter().any(|own| own.name == argument)
    }
}

impl Grammar {
    /// The gateway's own.
    pub(super) fn of_the_gateway() -> &'static Self {
        static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar::read(&schema().sdl()));
        &GRAMMAR
    }

    /// Reads an SDL.
    pub(super) fn read(sdl: &str) -> Self {
        let mut grammar = Self {
            fields: BTreeMap::new(),
            possible: BTreeMap::new(),
            inputs: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        for definition in parse_schema(sdl).unwrap().definitions {
            let TypeSystemDefinition::Type(ty) = definition else { continue };
            let name = ty.node.name.node.to_string();
            match ty.node.kind {
                // Values of scalars are made by name: see `values`.
                TypeKind::Scalar => {}
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        grammar.possible.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    grammar.fields.insert(name, fields(object.fields));
                }
                TypeKind::Interface(interface) => {
                    grammar.possible.entry(name.clone()).or_default();
                    grammar.fields.insert(name, fields(interface.fields));
                }
                TypeKind::Union(union) => {
                    grammar.fields.insert(name.clone(), Vec::new());
                    grammar.possible.insert(name, names(union.members));
                }
                TypeKind::Enum(values) => {
                    let values = values.values.into_iter().map(|value| value.node.value.node.to_string());
                    grammar.enums.insert(name, values.collect());
                }
                TypeKind::InputObject(input) => {
                    grammar.inputs.insert(name, arguments(input.fields));
                }
            }
        }
        grammar
    }

    /// Whether a type is selected from.
    pub(super) fn is_composite(&self, ty: &str) -> bool {
        self.fields.contains_key(ty)
    }

    /// The coordinates of everything that a document can name from a root on: fields, arguments, fields of inputs and
    /// values of the enums in them.
    pub(super) fn coordinates(&self, root: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let (mut seen, mut open) = (BTreeSet::new(), vec![root.to_owned()]);
        while let Some(ty) = open.pop() {
            if !seen.insert(ty.clone()) {
                continue;
            }
            open.extend(self.possible.get(&ty).into_iter().flatten().cloned());
            for field in self.fields.get(&ty).into_iter().flatten() {
                found.insert(format!("{ty}.{}", field.name));
                open.push(named(&field.ty).to_owned());
                for argument in &field.arguments {
                    found.insert(format!("{ty}.{}({}:)", field.name, argument.name));
                    self.input_coordinates(named(&argument.ty), &mut found);
                }
            }
        }
        found
    }

    fn input_coordinates(&self, ty: &str, found: &mut BTreeSet<String>) {
        found.extend(self.enums.get(ty).into_iter().flatten().map(|value| format!("{ty}.{value}")));
        for field in self.inputs.get(ty).into_iter().flatten() {
            if found.insert(format!("{ty}.{}", field.name)) {
                self.input_coordinates(named(&field.ty), found);
            }
        }
    }
}

fn names(names: Vec<Positioned<Name>>) -> Vec<String> {
    names.into_iter().map(|name| name.node.to_string()).collect()
}

fn fields(fields: Vec<Positioned<FieldDefinition>>) -> Vec<Field> {
    let fields = fields.into_iter().map(|field| field.node);
    fields
        .map(|field| Field {
            name: field.name.node.to_string(),
            arguments: arguments(field.arguments),
            ty: field.ty.node,
        })
        .collect()
}

fn arguments(arguments: Vec<Positioned<InputValueDefinition>>) -> Vec<Argument> {
    let arguments = arguments.into_iter().map(|argument| argument.node);
    arguments
        .map(|argument| Argument {
            name: argument.name.node.to_string(),
            required: !argument.ty.node.nullable && argument.default_value.is_none(),
            ty: argument.ty.node,
        })
        .collect()
}
