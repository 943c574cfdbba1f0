//! Refuses what a document or its variables give and the schema does not take, before anything of it is done.
//!
//! The specification coerces the values of variables before it executes (section 6.1.2) and arguments field by field (section 6.4.1). Of
//! mutations those before would be done by then, and an answer without data would hide it; so arguments are looked at here as well. And
//! async-graphql's validation passes over an argument that has a variable in it as long as nothing is given for that.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, InputValueDefinition, InterfaceType, ObjectType,
    OperationDefinition, OperationType, Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
    VariableDefinition,
};
use async_graphql::{
    ErrorExtensionValues, ID, InputType, InputValueError, InputValueResult, Name, Pos, Positioned,
    ScalarType, ServerError, Value, Variables,
};
use axum::body::Bytes;
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

/// A field: what it takes, and the name of the type of what it answers.
#[derive(Debug)]
struct Selectable {
    taken: Taken,
    answers: String,
}

/// What the schema takes.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// By the name of the object or interface, and of the field.
    fields: HashMap<String, HashMap<String, Selectable>>,
    kinds: HashMap<String, Kind>,
}

/// How much of a place is told: the names in it are the client's own.
const LONGEST_PATH: usize = 200;

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
        let Self { mut path, why } = self;
        if let Some((end, _)) = path.char_indices().nth(LONGEST_PATH) {
            path.truncate(end);
            path.push('…');
        }
        let mut error = ServerError::new(format!("`{path}`: {why}"), Some(pos));
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

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn selectable(fields: Vec<Positioned<FieldDefinition>>) -> HashMap<String, Selectable> {
    let pair = |field: Positioned<FieldDefinition>| {
        let FieldDefinition { name, arguments, ty, .. } = field.node;
        let answers = named(&ty.node).to_owned();
        (name.node.to_string(), Selectable { taken: taken(arguments), answers })
    };
    fields.into_iter().map(pair).collect()
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
                TypeKind::Object(ObjectType { fields, .. })
                | TypeKind::Interface(InterfaceType { fields, .. }) => {
                    inputs.fields.insert(name, selectable(fields));
                }
                TypeKind::Scalar | TypeKind::Union(_) => {}
            }
        }
        inputs
    }

    /// Refuses a request of a valid document where a variable is not what its operation declares, or a field is given what it does not take.
    /// Where none of several operations is chosen nothing is looked at, for nothing is done.
    ///
    /// # Errors
    /// The first such input.
    pub(super) fn check(
        &self,
        document: &ExecutableDocument,
        chosen: Option<&str>,
        variables: &Variables,
    ) -> Result<(), ServerError> {
        let mut operations = document
            .operations
            .iter()
            .filter(|(name, _)| chosen.is_none_or(|chosen| name.is_some_and(|name| name == chosen)));
        let (Some((_, operation)), None) = (operations.next(), operations.next()) else { return Ok(()) };
        for variable in &operation.node.variable_definitions {
            self.check_variable(&variable.node, variables).map_err(|misfit| misfit.at(variable.pos))?;
        }
        self.check_operation(document, &operation.node, Some(variables))
    }

    /// Refuses a valid document of which a field is given what it does not take, whatever its variables are.
    ///
    /// # Errors
    /// The first such input.
    pub(super) fn check_document(&self, document: &ExecutableDocument) -> Result<(), ServerError> {
        let mut operations = document.operations.iter();
        operations.try_for_each(|(_, operation)| self.check_operation(document, &operation.node, None))
    }

    fn check_variable(&self, definition: &VariableDefinition, variables: &Variables) -> Result<(), Misfit> {
        let VariableDefinition { name, var_type, .. } = definition;
        match value_of(definition, variables) {
            Some(value) => self.fits(&var_type.node, value),
            None if var_type.node.nullable => Ok(()),
            None => Err(missing(&var_type.node)),
        }
        .map_err(|misfit| misfit.within(format_args!("${}", name.node)))
    }

    fn check_operation(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: Option<&Variables>,
    ) -> Result<(), ServerError> {
        let is_null = |definition: &VariableDefinition| {
            variables.is_some_and(|given| value_of(definition, given) == Some(&Value::Null))
        };
        let definitions = operation.variable_definitions.iter().map(|definition| &definition.node);
        let nulls =
            definitions.filter(|definition| is_null(definition)).map(|null| &null.name.node).collect();
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        Asked { inputs: self, document, nulls }.check(&operation.selection_set.node, root)
    }
}

/// What a variable is given, or is by default.
fn value_of<'v>(definition: &'v VariableDefinition, variables: &'v Variables) -> Option<&'v Value> {
    variables.get(&definition.name.node).or(definition.default_value.as_ref().map(|value| &value.node))
}

/// A variable in its place: validation has held its type against that. No document and no JSON can write this.
const VARIABLE: Value = Value::Binary(Bytes::new());

/// One operation.
struct Asked<'d> {
    inputs: &'d Inputs,
    document: &'d ExecutableDocument,
    /// The variables that are null. With a default they may stand where null may not (section 5.8.5).
    nulls: HashSet<&'d Name>,
}

impl Asked<'_> {
    /// How often fragments are expanded the document's limits bound.
    fn check(&self, selections: &SelectionSet, of: &str) -> Result<(), ServerError> {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => self.check_field(&field.node, of)?,
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(of, |on| on.node.on.node.as_str());
                    self.check(&fragment.node.selection_set.node, on)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.check(&fragment.node.selection_set.node, on)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check_field(&self, field: &Field, of: &str) -> Result<(), ServerError> {
        // What every type has, and what is asked about the schema, is async-graphql's own.
        let selectable = self.inputs.fields.get(of).and_then(|fields| fields.get(field.name.node.as_str()));
        let Some(Selectable { taken, answers }) = selectable else { return Ok(()) };
        for (name, value) in &field.arguments {
            let Some(expected) = taken.get(name.node.as_str()) else { continue };
            let value = value.node.clone().into_const_with(|variable| {
                let is_null = self.nulls.contains(&variable);
                Ok::<_, Infallible>(if is_null { Value::Null } else { VARIABLE })
            });
            let Ok(value) = value;
            self.inputs
                .fits(&expected.ty, &value)
                .map_err(|misfit| misfit.within(&name.node).at(name.pos))?;
        }
        self.check(&field.selection_set.node, answers)
    }
}

impl Inputs {
    /// Whether a value can be coerced to a type (GraphQL, section 3).
    fn fits(&self, ty: &Type, value: &Value) -> Result<(), Misfit> {
        match (&ty.base, value) {
            // A variable.
            (_, Value::Binary(_)) => Ok(()),
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
        // That the schema takes no others tests hold.
        _ => Ok(()),
    }
}

fn read<T: ScalarType + InputType>(value: &Value) -> Result<(), Misfit> {
    let read: InputValueResult<T> = <T as ScalarType>::parse(value.clone());
    let message = |error: InputValueError<T>| error.into_server_error(Pos::default()).message;
    read.map(|_| ()).map_err(|error| Misfit::new(message(error)))
}
