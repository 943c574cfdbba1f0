//! Whether the gateway's answer is the model's: the first difference, by its path.
//!
//! Three things are not compared to the letter: cursors, which are opaque but have to stand for one row each; the
//! sentences of denials, of which only the presence is; and the last digits of fractions.

use serde_json::{Map, Value, json};

use super::answer::Whole;
use super::page::Cursors;

/// Stands in the model's answer for any sentence.
pub(super) const SENTENCE: &str = "(a sentence)";

/// How a client wants to be told what is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    Errors,
    Extensions,
}

/// The first difference between what the model predicts and what the gateway answered.
pub(super) fn difference(
    whole: &Whole,
    placement: Placement,
    body: &Value,
    cursors: &Cursors,
) -> Option<String> {
    let (errors, hidden) = told(whole, placement);
    let found = facts_of(&body["errors"]);
    let unexplained = whole.nulled.iter().find(|path| !found.iter().any(|(own, _)| own.starts_with(path)));
    let found: Vec<_> = found.into_iter().filter(|(path, _)| !gone(whole, path)).collect();
    at("data", &whole.data, &body["data"], cursors)
        .or_else(|| unexplained.map(|path| format!("nothing says why {path:?} is null")))
        .or_else(|| at("errors", &json!(errors), &json!(found), cursors))
        .or_else(|| at("extensions", &hidden?, &in_order(&body["extensions"]), cursors))
}

/// Path and extensions of an error.
type Fact = (Vec<Value>, Value);

/// Whether something that failed took it along: what its siblings would have said is then left to the gateway.
fn gone(whole: &Whole, path: &[Value]) -> bool {
    whole.nulled.iter().any(|nulled| path.starts_with(nulled))
}

/// The errors that the denials and refusals make, and the extensions, where they are determined.
fn told(whole: &Whole, placement: Placement) -> (Vec<Fact>, Option<Value>) {
    let mut errors: Vec<Fact> = Vec::new();
    for (path, code) in &whole.refused {
        errors.push((path.clone(), json!({ "code": code })));
    }
    let mut entries: Vec<Value> = Vec::new();
    for (path, coordinate, class, reason) in &whole.hidden {
        if placement == Placement::Errors {
            errors.push((path.clone(), json!({ "code": "HIDDEN", "class": class, "reason": reason })));
            continue;
        }
        let same = |entry: &&mut Value| entry["coordinate"] == *coordinate && entry["reason"] == *reason;
        if let Some(entry) = entries.iter_mut().find(same) {
            entry["count"] = json!(entry["count"].as_u64().unwrap() + 1);
            let paths = entry["paths"].as_array_mut().unwrap();
            if paths.len() < 3 {
                paths.push(json!(path));
            }
        } else {
            entries.push(json!({
                "coordinate": coordinate, "class": class, "reason": reason, "count": 1, "paths": [path],
            }));
        }
    }
    errors.retain(|(path, _)| !gone(whole, path));
    let determined =
        placement == Placement::Errors || !whole.hidden.iter().any(|(path, ..)| gone(whole, path));
    let extensions = if entries.is_empty() { Value::Null } else { in_order(&json!({ "hidden": entries })) };
    (sorted(errors), determined.then_some(extensions))
}

/// The extensions, their denials in an order of the model's own.
fn in_order(extensions: &Value) -> Value {
    let mut extensions = extensions.clone();
    if let Some(Value::Array(entries)) = extensions.get_mut("hidden") {
        entries.sort_by_key(|entry| format!("{} {}", entry["coordinate"], entry["reason"]));
    }
    extensions
}

fn sorted(mut errors: Vec<Fact>) -> Vec<Fact> {
    errors.sort_by_key(|(path, _)| json!(path).to_string());
    errors
}

/// The errors that the gateway told, in an order of the model's own.
fn facts_of(errors: &Value) -> Vec<Fact> {
    let errors = errors.as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let facts = errors.map(|error| {
        let path = error["path"].as_array().cloned().unwrap_or_default();
        (path, error["extensions"].clone())
    });
    sorted(facts.collect())
}

fn at(path: &str, expected: &Value, found: &Value, cursors: &Cursors) -> Option<String> {
    let differs = || Some(format!("{path}: the model says {expected}, the gateway {found}"));
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => objects(path, expected, found, cursors),
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other).enumerate();
            let first =
                pairs.find_map(|(nth, (one, other))| at(&format!("{path}.{nth}"), one, other, cursors));
            first.or_else(|| if one.len() == other.len() { None } else { differs() })
        }
        (Value::String(one), Value::String(other)) => {
            let fits = one == other || one == SENTENCE && !other.is_empty() || cursors.learn(one, other);
            if fits { None } else { differs() }
        }
        (Value::Number(one), Value::Number(other)) => {
            let close =
                one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| (one - other).abs() < 1e-9);
            if close { None } else { differs() }
        }
        (one, other) => {
            if one == other {
                None
            } else {
                differs()
            }
        }
    }
}

fn objects(
    path: &str,
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    cursors: &Cursors,
) -> Option<String> {
    for (key, value) in expected {
        let Some(other) = found.get(key) else {
            return Some(format!("{path}.{key}: the gateway leaves it out"));
        };
        if let Some(difference) = at(&format!("{path}.{key}"), value, other, cursors) {
            return Some(difference);
        }
    }
    let more = found.keys().find(|key| !expected.contains_key(*key))?;
    Some(format!("{path}.{more}: the model has none"))
}
