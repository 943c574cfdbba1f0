//! Refuses a document of mutations with an input that its scalar cannot hold, before anything of it is done.
//!
//! The specification coerces inputs before it executes. async-graphql reads an argument when its field's turn comes: by then the
//! mutations before it are done, and an answer without data would hide it. Only scalars fail as late as that; everything else
//! its validation finds.

use std::collections::HashMap;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, InputValueDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{
    ErrorExtensionValues, InputValueError, InputValueResult, Name, Pos, Positioned, ScalarType, ServerError,
    Value, Variables,
};
use chrono::{DateTime, Utc};

use super::scalars::{Date, Decimal};

/// The names of the types of what something takes, by the names of its arguments or fields.
type Taken = HashMap<String, String>;

/// What the schema's mutations take.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    mutations: HashMap<String, Taken>,
    objects: HashMap<String, Taken>,
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn taken(definitions: &[Positioned<InputValueDefinition>]) -> Taken {
    let pair = |definition: &Positioned<InputValueDefinition>| {
        (definition.node.name.node.to_string(), named(&definition.node.ty.node).to_owned())
    };
    definitions.iter().map(pair).collect()
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
                TypeKind::InputObject(object) => {
                    inputs.objects.insert(name, taken(&object.fields));
                }
                TypeKind::Object(object) if name == "Mutation" => {
                    let fields = object.fields.into_iter().map(|field| field.node);
                    inputs.mutations =
                        fields.map(|field| (field.name.node.to_string(), taken(&field.arguments))).collect();
                }
                _ => {}
            }
        }
        inputs
    }

    /// Refuses a document of which a mutation has an input that its scalar cannot hold.
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
            let is_asked_for = operation.is_none() || name.map(Name::as_str) == operation;
            if definition.node.ty == OperationType::Mutation && is_asked_for {
                let asked = Asked { inputs: self, document, operation: &definition.node, variables };
                asked.check(&definition.node.selection_set.node)?;
            }
        }
        Ok(())
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
            let Some(ty) = taken.get(name.node.as_str()) else { continue };
            // A variable that is not there is validation's to refuse, or nothing at all.
            let value = value.node.clone().into_const_with(|variable| {
                let given = self.variables.get(&variable).cloned();
                let own = self.operation.variable_definitions.iter();
                let mut own = own.filter(|definition| definition.node.name.node == variable);
                let default = || own.next()?.node.default_value.as_ref().map(|value| value.node.clone());
                Ok::<_, std::convert::Infallible>(given.or_else(default).unwrap_or(Value::Null))
            });
            let Ok(value) = value;
            self.inputs.fits(ty, &value, name.node.as_str()).map_err(|message| refused(message, name.pos))?;
        }
        Ok(())
    }
}

impl Inputs {
    fn fits(&self, ty: &str, value: &Value, path: &str) -> Result<(), String> {
        match value {
            Value::Null => Ok(()),
            Value::List(items) => items.iter().try_for_each(|item| self.fits(ty, item, path)),
            Value::Object(fields) => {
                let Some(taken) = self.objects.get(ty) else { return Ok(()) };
                fields.iter().try_for_each(|(name, value)| match taken.get(name.as_str()) {
                    Some(ty) => self.fits(ty, value, &format!("{path}.{name}")),
                    None => Ok(()),
                })
            }
            value => match ty {
                "Int" => read::<i32>(value),
                "Float" => read::<f64>(value),
                "DateTime" => read::<DateTime<Utc>>(value),
                "Date" => read::<Date>(value),
                "Decimal" => read::<Decimal>(value),
                _ => Ok(()),
            }
            .map_err(|why| format!("`{path}`: {why}")),
        }
    }
}

fn read<T: ScalarType + async_graphql::InputType>(value: &Value) -> Result<(), String> {
    let read: InputValueResult<T> = <T as ScalarType>::parse(value.clone());
    read.map(|_| ()).map_err(|error: InputValueError<T>| error.into_server_error(Pos::default()).message)
}

fn refused(message: String, at: Pos) -> ServerError {
    let mut error = ServerError::new(message, Some(at));
    error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", "BAD_USER_INPUT");
    error
}
