//! Refuses inputs that are not what the schema takes, before anything of a request is done.
//!
//! The specification coerces the values of variables before it executes (section 6.1.2), and so does this: for documents that were found
//! valid before nothing else looks at them. Arguments it coerces field by field (section 6.4.1); for mutations that is too late, for
//! those before would be done by then, and an answer without data would hide it. So what mutations are given is looked at here, too.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, InputValueDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition, VariableDefinition,
};
use async_graphql::{
    ErrorExtensionValues, ID, InputType, InputValueError, InputValueResult, Name, Pos, Positioned,
    ScalarType, ServerError, Value, Variables,
};
use chrono::{DateTime, Utc};

use super::scalars::{Date, Decimal};

/// What an argument or a field of an input object takes.
#[derive(Debug)]
struct Expected {
    ty: Type,
    has_default: bool,
}

/// What something takes, by the names of its arguments or fields.
type Taken = HashMap<String, Expected>;

/// A type of inputs that is no scalar.
#[derive(Debug)]
enum Kind {
    Enum(HashSet<String>),
    Object(Taken),
}

/// What the schema takes.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    mutations: HashMap<String, Taken>,
    kinds: HashMap<String, Kind>,
}

/// Where a value is not what is expected, and why.
#[derive(Debug)]
struct Misfit {
    path: String,
    why: String,
}

impl Misfit {
    fn new(why: impl Into<String>) -> Self {
        Self { path: String::new(), why: why.into() }
    }

    /// The same, of what holds it.
    fn within(self, holder: impl std::fmt::Display) -> Self {
        Self { path: format!("{holder}{}", self.path), ..self }
    }

    fn at(self, pos: Pos) -> ServerError {
        let mut error = ServerError::new(format!("`{}`: {}", self.path, self.why), Some(pos));
        error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", "BAD_USER_INPUT");
        error
    }
}

fn taken(definitions: Vec<Positioned<InputValueDefinition>>) -> Taken {
    let pair = |definition: Positioned<InputValueDefinition>| {
        let InputValueDefinition { name, ty, default_value, .. } = definition.node;
        (name.node.to_string(), Expected { ty: ty.node, has_default: default_value.is_some() })
    };
    definitions.into_iter().map(pair).collect()
}

impl Inputs {
    /// Of a schema, as its SDL states it.
    #[must_use]
    pub(super) fn of(sdl: &str) -> Self {
        let mut inputs = Self::default();
        // What cannot be read takes nothing; that the SDL can be read tests hold.
        for definition in parse_schema(sdl).map(|schema| schema.definitions).unwrap_or_default() {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.to_string();
            match definition.node.kind {
                TypeKind::Enum(values) => {
                    let values = values.values.into_iter().map(|value| value.node.value.node.to_string());
                    inputs.kinds.insert(name, Kind::Enum(values.collect()));
                }
                TypeKind::InputObject(object) => {
                    inputs.kinds.insert(name, Kind::Object(taken(object.fields)));
                }
                TypeKind::Object(object) if name == "Mutation" => {
                    let fields = object.fields.into_iter().map(|field| field.node);
                    inputs.mutations =
                        fields.map(|field| (field.name.node.to_string(), taken(field.arguments))).collect();
                }
                _ => {}
            }
        }
        inputs
    }

    /// Refuses a request of which a variable is not what its operation declares, or a mutation is given what it does not take.
    ///
    /// # Errors
    /// The first such input.
    pub(super) fn check(
        &self,
        document: &ExecutableDocument,
        operation: Option<&str>,
        variables: &Variables,
    ) -> Result<(), ServerError> {
        for (name, definition) in document.operations.iter() {
            if operation.is_some() && name.map(Name::as_str) != operation {
                continue;
            }
            for variable in &definition.node.variable_definitions {
                self.check_variable(&variable.node, variables).map_err(|misfit| misfit.at(variable.pos))?;
            }
            if definition.node.ty == OperationType::Mutation {
                let asked = Asked { inputs: self, document, operation: &definition.node, variables };
                asked.check(&definition.node.selection_set.node)?;
            }
        }
        Ok(())
    }

    fn check_variable(&self, definition: &VariableDefinition, variables: &Variables) -> Result<(), Misfit> {
        let VariableDefinition { name, var_type, default_value, .. } = definition;
        let given = variables.get(&name.node).or(default_value.as_ref().map(|value| &value.node));
        match given {
            Some(value) => self.fits(&var_type.node, value),
            None if var_type.node.nullable => Ok(()),
            None => Err(missing(&var_type.node)),
        }
        .map_err(|misfit| misfit.within(format_args!("${}", name.node)))
    }
}

/// One operation.
struct Asked<'d> {
    inputs: &'d Inputs,
    document: &'d ExecutableDocument,
    operation: &'d OperationDefinition,
    variables: &'d Variables,
}

impl Asked<'_> {
    /// How often fragments are expanded the document's limits bound.
    fn check(&self, selections: &SelectionSet) -> Result<(), ServerError> {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => self.check_field(&field.node)?,
                Selection::InlineFragment(fragment) => self.check(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => {
                    // One that is not defined is validation's to refuse.
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.check(&fragment.node.selection_set.node)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check_field(&self, field: &Field) -> Result<(), ServerError> {
        let Some(taken) = self.inputs.mutations.get(field.name.node.as_str()) else { return Ok(()) };
        for (name, value) in &field.arguments {
            let Some(expected) = taken.get(name.node.as_str()) else { continue };
            // A variable that is not there is nothing at all.
            let value = value.node.clone().into_const_with(|variable| {
                let given = self.variables.get(&variable).cloned();
                let own = self.operation.variable_definitions.iter();
                let mut own = own.filter(|definition| definition.node.name.node == variable);
                let default = || own.next()?.node.default_value.as_ref().map(|value| value.node.clone());
                Ok::<_, std::convert::Infallible>(given.or_else(default).unwrap_or(Value::Null))
            });
            let Ok(value) = value;
            self.inputs
                .fits(&expected.ty, &value)
                .map_err(|misfit| misfit.within(&name.node).at(name.pos))?;
        }
        Ok(())
    }
}

impl Inputs {
    /// Whether a value can be coerced to a type (GraphQL, section 3).
    fn fits(&self, ty: &Type, value: &Value) -> Result<(), Misfit> {
        match (&ty.base, value) {
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => Err(missing(ty)),
            (BaseType::List(inner), Value::List(items)) => {
                items.iter().enumerate().try_for_each(|(index, item)| {
                    self.fits(inner, item).map_err(|misfit| misfit.within(format_args!("[{index}]")))
                })
            }
            // One value is a list of one.
            (BaseType::List(inner), value) => self.fits(inner, value),
            (BaseType::Named(name), value) => match self.kinds.get(name.as_str()) {
                Some(Kind::Enum(values)) => match value {
                    Value::Enum(name) if values.contains(name.as_str()) => Ok(()),
                    Value::String(name) if values.contains(name.as_str()) => Ok(()),
                    _ => Err(Misfit::new(format!("not a value of the enumeration `{name}`"))),
                },
                Some(Kind::Object(taken)) => match value {
                    Value::Object(fields) => self.fits_object(name, taken, fields),
                    _ => Err(Misfit::new(format!("not an object, as `{name}` is one"))),
                },
                None => fits_scalar(name, value),
            },
        }
    }

    fn fits_object(
        &self,
        name: &str,
        taken: &Taken,
        given: &async_graphql::indexmap::IndexMap<Name, Value>,
    ) -> Result<(), Misfit> {
        for (field, value) in given {
            let within = |misfit: Misfit| misfit.within(format_args!(".{field}"));
            let Some(expected) = taken.get(field.as_str()) else {
                return Err(within(Misfit::new(format!("`{name}` has no such field"))));
            };
            self.fits(&expected.ty, value).map_err(within)?;
        }
        let lacks = |(field, expected): &(&String, &Expected)| {
            !expected.ty.nullable && !expected.has_default && !given.contains_key(field.as_str())
        };
        // In one order, whatever the order of a map.
        match taken.iter().filter(lacks).min_by_key(|(field, _)| *field) {
            Some((field, expected)) => Err(missing(&expected.ty).within(format_args!(".{field}"))),
            None => Ok(()),
        }
    }
}

fn missing(ty: &Type) -> Misfit {
    Misfit::new(format!("a value of type `{ty}` is required"))
}

fn fits_scalar(name: &str, value: &Value) -> Result<(), Misfit> {
    match name {
        "Boolean" => read::<bool>(value),
        "Float" => read::<f64>(value),
        "ID" => read::<ID>(value),
        "Int" => read::<i32>(value),
        "String" => read::<String>(value),
        "DateTime" => read::<DateTime<Utc>>(value),
        "Date" => read::<Date>(value),
        "Decimal" => read::<Decimal>(value),
        // That the schema takes no others tests hold; of a type that there is not validation tells.
        _ => Ok(()),
    }
}

fn read<T: ScalarType + InputType>(value: &Value) -> Result<(), Misfit> {
    let read: InputValueResult<T> = <T as ScalarType>::parse(value.clone());
    let message = |error: InputValueError<T>| error.into_server_error(Pos::default()).message;
    read.map(|_| ()).map_err(|error| Misfit::new(message(error)))
}
