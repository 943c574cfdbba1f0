//! A small interpreter of queries: what the gateway has to answer to a document, by the model alone.
//!
//! It walks the document as the GraphQL specification says and asks `nouns` for every field.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::convert::Infallible;

use async_graphql::parser::types::{Directive, ExecutableDocument, Field, Selection, SelectionSet, Type};
use async_graphql::{Name, Positioned};
use serde_json::{Map, Value, json};

use super::nouns::{Model, Object};
use super::sdl::{Sdl, element};

/// What a field answers.
#[derive(Clone, Debug)]
pub(super) enum Answer<'w> {
    /// A scalar, an enum, a list of them, or null.
    Leaf(Value),
    One(Option<Object<'w>>),
    Many(Vec<Option<Object<'w>>>),
    /// The gate's class and reason.
    Hidden(&'static str, &'static str),
    /// An error with that code.
    Refused(&'static str),
}

/// The arguments of a field, as JSON; what is null is absent.
pub(super) type Arguments = BTreeMap<String, Value>;

/// A whole answer.
#[derive(Debug, Default)]
pub(super) struct Whole {
    pub(super) data: Value,
    /// Each hidden field: path, coordinate, class and reason.
    pub(super) hidden: Vec<(Vec<Value>, String, &'static str, &'static str)>,
    /// Each other error: path and code.
    pub(super) refused: Vec<(Vec<Value>, &'static str)>,
    /// Where null stands because something below it failed that may not be null.
    pub(super) nulled: Vec<Vec<Value>>,
    /// Every `Type.field` that was asked for and answered by something that exists.
    pub(super) reached: BTreeSet<String>,
}

/// A failed field that may not be null: its parent is null instead.
struct Propagate;

struct Walk<'a, 'w> {
    model: &'a Model<'w>,
    sdl: &'a Sdl,
    document: &'a ExecutableDocument,
    variables: &'a Value,
    whole: Whole,
    path: Vec<Value>,
}

/// Predicts the answer to a document of one operation.
pub(super) fn answer(
    model: &Model<'_>,
    sdl: &Sdl,
    document: &ExecutableDocument,
    variables: &Value,
) -> Whole {
    let (_, operation) = document.operations.iter().next().unwrap();
    let mut walk = Walk { model, sdl, document, variables, whole: Whole::default(), path: Vec::new() };
    let root = Object::Query;
    let data = walk.object(&root, &[&operation.node.selection_set.node]);
    walk.whole.data = data.map_or_else(|Propagate| walk.nothing_here(), Value::Object);
    walk.whole
}

impl<'a, 'w> Walk<'a, 'w> {
    fn object(
        &mut self,
        object: &Object<'w>,
        sets: &[&'a SelectionSet],
    ) -> Result<Map<String, Value>, Propagate> {
        let mut fields: Vec<(&'a str, Vec<&'a Field>)> = Vec::new();
        for set in sets {
            self.collect(object.type_name(), set, &mut fields);
        }
        let mut map = Map::new();
        let mut failed = false;
        for (key, merged) in fields {
            self.path.push(json!(key));
            match self.field(object, &merged) {
                Ok(value) => drop(map.insert(key.to_owned(), value)),
                // The siblings are asked all the same.
                Err(Propagate) => failed = true,
            }
            self.path.pop();
        }
        if failed { Err(Propagate) } else { Ok(map) }
    }

    /// "`CollectFields`" of the specification.
    fn collect(&self, of: &str, set: &'a SelectionSet, fields: &mut Vec<(&'a str, Vec<&'a Field>)>) {
        for item in &set.items {
            if !self.included(item.node.directives()) {
                continue;
            }
            match &item.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.as_str();
                    match fields.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, merged)) => merged.push(&field.node),
                        None => fields.push((key, vec![&field.node])),
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments[&spread.node.fragment_name.node].node;
                    if self.sdl.applies(&fragment.type_condition.node.on.node, of) {
                        self.collect(of, &fragment.selection_set.node, fields);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.sdl.applies(&condition.node.on.node, of)) {
                        self.collect(of, &fragment.node.selection_set.node, fields);
                    }
                }
            }
        }
    }

    fn included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let condition = directive.node.arguments.iter().find(|(name, _)| name.node == "if");
            let condition = condition.is_some_and(|(_, value)| {
                let Ok(value) =
                    value.node.clone().into_const_with(|name| Ok::<_, Infallible>(self.variable(&name)));
                value == async_graphql::Value::Boolean(true)
            });
            match directive.node.name.node.as_str() {
                "include" => condition,
                "skip" => !condition,
                other => panic!("the model does not know the directive `{other}`"),
            }
        })
    }

    fn field(&mut self, object: &Object<'w>, merged: &[&'a Field]) -> Result<Value, Propagate> {
        let (of, name) = (object.type_name(), merged[0].name.node.as_str());
        if name == "__typename" {
            return Ok(json!(of));
        }
        let ty = self.sdl.field(of, name);
        let coordinate = format!("{of}.{name}");
        let arguments = self.arguments(merged[0]);
        let answer = self.model.field(object, name, &arguments);
        let answer = answer.unwrap_or_else(|| panic!("the model does not know {coordinate}"));
        let answer = match answer {
            Answer::Hidden(class, reason) => {
                self.whole.hidden.push((self.path.clone(), coordinate.clone(), class, reason));
                Answer::Leaf(Value::Null)
            }
            Answer::Refused(code) => {
                self.whole.refused.push((self.path.clone(), code));
                return if ty.nullable { Ok(Value::Null) } else { Err(Propagate) };
            }
            answer => {
                let nothing = matches!(&answer, Answer::Leaf(Value::Null) | Answer::One(None));
                if !nothing {
                    self.whole.reached.insert(coordinate.clone());
                }
                answer
            }
        };
        let sets: Vec<_> = merged.iter().map(|field| &field.selection_set.node).collect();
        let value = match answer {
            Answer::One(Some(object)) => self.object(&object, &sets).map(Value::Object),
            Answer::Many(objects) => self.list(ty, &objects, &sets),
            Answer::Leaf(value) => Ok(value),
            Answer::One(None) | Answer::Hidden(..) | Answer::Refused(_) => Ok(Value::Null),
        };
        match value {
            Ok(value) => {
                assert!(
                    ty.nullable || !value.is_null(),
                    "the model answers null to {coordinate}, which is never null"
                );
                Ok(value)
            }
            Err(Propagate) if ty.nullable => Ok(self.nothing_here()),
            Err(Propagate) => Err(Propagate),
        }
    }

    fn nothing_here(&mut self) -> Value {
        self.whole.nulled.push(self.path.clone());
        Value::Null
    }

    fn list(
        &mut self,
        ty: &Type,
        objects: &[Option<Object<'w>>],
        sets: &[&'a SelectionSet],
    ) -> Result<Value, Propagate> {
        let mut values = Vec::new();
        let mut failed = false;
        for (nth, object) in objects.iter().enumerate() {
            self.path.push(json!(nth));
            let value = match object {
                Some(object) => self.object(object, sets).map(Value::Object),
                None => Ok(Value::Null),
            };
            match value {
                Ok(value) => values.push(value),
                Err(Propagate) if element(ty).nullable => values.push(self.nothing_here()),
                Err(Propagate) => failed = true,
            }
            self.path.pop();
        }
        if failed { Err(Propagate) } else { Ok(Value::Array(values)) }
    }

    fn arguments(&self, field: &Field) -> Arguments {
        let given = field.arguments.iter().map(|(name, value)| {
            let Ok(value) =
                value.node.clone().into_const_with(|name| Ok::<_, Infallible>(self.variable(&name)));
            (name.node.to_string(), value.into_json().unwrap())
        });
        given.filter(|(_, value)| !value.is_null()).collect()
    }

    fn variable(&self, name: &Name) -> async_graphql::Value {
        let given = self.variables.get(name.as_str()).cloned().unwrap_or_default();
        async_graphql::Value::from_json(given).unwrap()
    }
}
