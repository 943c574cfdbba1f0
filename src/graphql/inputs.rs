//! Refuses what a document or its variables give and the schema does not take, before anything of it is done.
//!
//! The specification coerces the values of variables before it executes (section 6.1.2) and arguments field by field (section 6.4.1). Of
//! mutations those before would be done by then, and an answer without data would hide it; so arguments are looked at here as well. And
//! async-graphql's validation passes over an argument that has a variable in it as long as nothing is given for that.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, DirectiveDefinition, ExecutableDocument, Field, FieldDefinition, InputValueDefinition,
    InterfaceType, ObjectType, OperationDefinition, OperationType, SchemaDefinition, Selection, SelectionSet,
    Type, TypeKind, TypeSystemDefinition, VariableDefinition,
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

/// The names of the types that operations begin at.
#[derive(Debug, Default)]
struct Roots {
    query: String,
    mutation: String,
    subscription: String,
}

/// What the schema takes.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    roots: Roots,
    /// What each directive takes.
    directives: HashMap<String, Taken>,
    /// By the name of the object or interface, and of the field.
    fields: HashMap<String, HashMap<String, Selectable>>,
    kinds: HashMap<String, Kind>,
}

/// How much of a place and of a reason is told, in characters: there are names and values of the client's own in them.
const LONGEST: usize = 200;

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
        let Self { mut path, mut why } = self;
        for text in [&mut path, &mut why] {
            if let Some((end, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(end);
                text.push('…');
            }
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
            let definition = match definition {
                TypeSystemDefinition::Type(definition) => definition,
                TypeSystemDefinition::Directive(directive) => {
                    let DirectiveDefinition { name, arguments, .. } = directive.node;
                    inputs.directives.insert(name.node.to_string(), taken(arguments));
                    continue;
                }
                TypeSystemDefinition::Schema(schema) => {
                    let SchemaDefinition { query, mutation, subscription, .. } = schema.node;
                    let name = |root: Option<Positioned<Name>>| root.map(|name| name.node.to_string());
                    inputs.roots = Roots {
                        query: name(query).unwrap_or_default(),
                        mutation: name(mutation).unwrap_or_default(),
                        subscription: name(subscription).unwrap_or_default(),
                    };
                    continue;
                }
            };
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
        let Some(operation) = chosen_of(document, chosen) else { return Ok(()) };
        for variable in &operation.variable_definitions {
            self.check_variable(&variable.node, variables).map_err(|misfit| misfit.at(variable.pos))?;
        }
        self.check_operation(document, operation, Some(variables))
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
            OperationType::Query => &self.roots.query,
            OperationType::Mutation => &self.roots.mutation,
            OperationType::Subscription => &self.roots.subscription,
        };
        let mut asked = Asked { inputs: self, document, nulls, known: HashSet::new() };
        asked.check(&operation.selection_set.node, root)
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
    /// The fragments that were looked at: what they give is the same wherever they are spread.
    known: HashSet<&'d Name>,
}

impl<'d> Asked<'d> {
    fn check(&mut self, selections: &'d SelectionSet, of: &str) -> Result<(), ServerError> {
        for selection in &selections.items {
            for directive in selection.node.directives() {
                if let Some(taken) = self.inputs.directives.get(directive.node.name.node.as_str()) {
                    for (name, value) in &directive.node.arguments {
                        let Ok(value) = value
                            .node
                            .clone()
                            .into_const_with(|name| Ok::<_, Infallible>(self.in_place_of(&name)));
                        self.check_argument(name, &value, taken)?;
                    }
                }
            }
            match &selection.node {
                Selection::Field(field) => self.check_field(&field.node, of)?,
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(of, |on| on.node.on.node.as_str());
                    self.check(&fragment.node.selection_set.node, on)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if self.known.insert(name)
                        && let Some(fragment) = self.document.fragments.get(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.check(&fragment.node.selection_set.node, on)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn check_field(&mut self, field: &'d Field, of: &str) -> Result<(), ServerError> {
        // What every type has, and what is asked about the schema, is async-graphql's own.
        let selectable = self.inputs.fields.get(of).and_then(|fields| fields.get(field.name.node.as_str()));
        let Some(Selectable { taken, answers }) = selectable else { return Ok(()) };
        for (name, value) in &field.arguments {
            let Ok(value) =
                value.node.clone().into_const_with(|name| Ok::<_, Infallible>(self.in_place_of(&name)));
            self.check_argument(name, &value, taken)?;
        }
        self.check(&field.selection_set.node, answers)
    }

    fn in_place_of(&self, variable: &Name) -> Value {
        if self.nulls.contains(variable) { Value::Null } else { VARIABLE }
    }

    fn check_argument(
        &self,
        name: &Positioned<Name>,
        value: &Value,
        taken: &Taken,
    ) -> Result<(), ServerError> {
        // Of an argument that there is not validation tells.
        let Some(expected) = taken.get(name.node.as_str()) else { return Ok(()) };
        self.inputs.fits(&expected.ty, value).map_err(|misfit| misfit.within(&name.node).at(name.pos))
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
                None if matches!(value, Value::List(_) | Value::Object(_)) => {
                    Err(Misfit::new(format!("not a value of the scalar `{name}`")))
                }
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

/// Gives the variables of the operation that runs their defaults (section 6.1.2): async-graphql does not where it reads `@skip` and
/// `@include`.
pub(super) fn fill_defaults(document: &ExecutableDocument, chosen: Option<&str>, variables: &mut Variables) {
    let Some(operation) = chosen_of(document, chosen) else { return };
    for definition in &operation.variable_definitions {
        if let VariableDefinition { name, default_value: Some(default), .. } = &definition.node {
            variables.entry(name.node.clone()).or_insert_with(|| default.node.clone());
        }
    }
}

/// The operation that runs; none where none of several is chosen, or another one.
fn chosen_of<'d>(document: &'d ExecutableDocument, chosen: Option<&str>) -> Option<&'d OperationDefinition> {
    let mut operations = document
        .operations
        .iter()
        .filter(|(name, _)| chosen.is_none_or(|chosen| name.is_some_and(|name| name == chosen)));
    match (operations.next(), operations.next()) {
        (Some((_, operation)), None) => Some(&operation.node),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;
    use crate::graphql::schema;

    #[test]
    fn every_operation_begins_at_a_type_that_is_known() {
        let inputs = Inputs::of(&schema().sdl());
        let Roots { query, mutation, subscription } = &inputs.roots;
        for (root, field) in
            [(query, "node"), (mutation, "setPartnerConsent"), (subscription, "findingChanged")]
        {
            assert!(!inputs.fields[root][field].taken.is_empty(), "{root}.{field}");
        }
        assert!(
            inputs.directives["skip"].contains_key("if") && inputs.directives["include"].contains_key("if")
        );
    }

    /// Why an operation does not take what it is given; none where it does.
    fn refusal(
        inputs: &Inputs,
        text: &str,
        chosen: Option<&str>,
        variables: serde_json::Value,
    ) -> Option<String> {
        let document = parse_query(text).unwrap();
        let variables = Variables::from_json(variables);
        inputs.check(&document, chosen, &variables).err().map(|error| error.message)
    }

    #[test]
    fn a_variable_is_held_against_its_type() {
        let inputs = Inputs::of(&schema().sdl());
        for (ty, fits, misfits) in [
            ("Boolean", json!([true, null]), json!(["true", 1, [true], {}])),
            ("Int", json!([1, -1]), json!(["1", 1.5, 2_147_483_648_i64])),
            ("Float", json!([1, 1.5]), json!(["1", true])),
            ("ID", json!(["a", 1]), json!([1.5, true])),
            ("String", json!(["a"]), json!([1, true])),
            ("DateTime", json!(["2026-01-01T00:00:00Z"]), json!(["2026-01-01", 1])),
            ("Date", json!(["2026-01-01"]), json!(["2026-13-01", 1])),
            ("Decimal", json!(["1.50"]), json!(["a", true])),
            ("Severity", json!(["HIGH"]), json!(["SHOE", 1])),
            ("FindingFilter", json!([{}, { "text": "a" }]), json!(["a", { "nothing": 1 }, { "text": 1 }])),
            ("[Int!]", json!([[], [1, 2], 1]), json!([[null], ["a"], "a"])),
            ("Int!", json!([1]), json!([null])),
        ] {
            let text = format!("query ($v: {ty}) {{ __typename }}");
            for value in fits.as_array().unwrap() {
                assert_eq!(refusal(&inputs, &text, None, json!({ "v": value })), None, "{ty} {value}");
            }
            for value in misfits.as_array().unwrap() {
                assert!(refusal(&inputs, &text, None, json!({ "v": value })).is_some(), "{ty} {value}");
            }
            let is_required = refusal(&inputs, &text, None, json!({})).is_some();
            assert_eq!(is_required, ty.ends_with('!'), "{ty}");
        }
    }

    #[test]
    fn an_object_takes_what_it_requires_and_has_no_default_for() {
        let inputs = Inputs::of(
            "schema { query: Query } type Query { at(in: In, kind: Kind): Int }
             input In { a: Int! b: Int! = 1 c: Int } enum Kind { ONE TWO }",
        );
        let say = |text: &str| refusal(&inputs, text, None, json!({}));
        assert_eq!(say("{ at(in: { a: 1 }, kind: ONE) }"), None);
        assert_eq!(say("{ at(in: { a: 1, b: 2, c: 3 }) }"), None);
        assert_eq!(say("{ at(in: { b: 2, c: 3 }) }").unwrap(), "`in.a`: a value of type `Int!` is required");
        assert_eq!(
            say("{ at(in: { a: 1, b: null }) }").unwrap(),
            "`in.b`: a value of type `Int!` is required"
        );
        assert_eq!(say("{ at(kind: THREE) }").unwrap(), "`kind`: not a value of the enumeration `Kind`");
    }

    #[test]
    fn the_chosen_operation_is_looked_at_and_no_other() {
        let inputs = Inputs::of(&schema().sdl());
        let text = "query A($v: Int!) { __typename } query B { __typename }";
        assert!(refusal(&inputs, text, Some("A"), json!({})).is_some());
        for chosen in [Some("B"), Some("C"), None] {
            assert_eq!(refusal(&inputs, text, chosen, json!({})), None, "{chosen:?}");
        }
    }

    #[test]
    fn what_a_field_answers_is_known_within_lists_as_well() {
        let inputs = Inputs::of(&schema().sdl());
        for (parent, field, answers) in [
            ("Query", "customer", "Customer"),
            ("Customer", "accesses", "AccessConnection"),
            ("AccessConnection", "nodes", "Access"),
            ("Mutation", "createCustomer", "CustomerPayload"),
        ] {
            assert_eq!(inputs.fields[parent][field].answers, answers, "{parent}.{field}");
        }
    }

    /// Of a variable within an object that stands for a list of one, async-graphql's validation does not ask what type it has.
    #[test]
    fn no_input_is_a_list_of_objects() {
        let inputs = Inputs::of(&schema().sdl());
        let of_fields = inputs.fields.values().flat_map(HashMap::values).map(|field| &field.taken);
        let of_objects = inputs.kinds.values().filter_map(|kind| match kind {
            Kind::Object(taken) => Some(taken),
            Kind::Enum(_) => None,
        });
        for (name, expected) in of_fields.chain(of_objects).flatten() {
            let is_object = matches!(inputs.kinds.get(named(&expected.ty)), Some(Kind::Object(_)));
            assert!(!is_object || matches!(expected.ty.base, BaseType::Named(_)), "{name}: {}", expected.ty);
        }
    }

    #[test]
    fn what_is_told_of_a_value_is_bounded() {
        let misfit = Misfit::new("é".repeat(LONGEST + 1)).within("a".repeat(LONGEST));
        let message = misfit.at(Pos::default()).message;
        assert_eq!(message, format!("`{}`: {}…", "a".repeat(LONGEST), "é".repeat(LONGEST)));
    }
}
