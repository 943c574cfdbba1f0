//! What two worlds may differ in once a mutation is done: the ids of what it made, its key and its link. Nothing else is masked.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::Value;
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::store::seed::World;
use uuid::Uuid;

use super::values::{Values, quoted};

/// What stands for something new.
const NEW: &str = "(new)";

/// What is in the worlds, and so no mutation made.
pub(super) struct Masks {
    ids: BTreeSet<Uuid>,
    ends_of_keys: BTreeSet<String>,
}

/// The ids in a global id: of the tenant, and of the object where it is not the tenant itself.
fn parts(id: &str) -> Option<(u8, Vec<Uuid>)> {
    id.parse::<GlobalId>().ok()?;
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (tag, ids) = bytes.split_first()?;
    Some((*tag, ids.chunks(16).filter_map(|id| Uuid::from_slice(id).ok()).collect()))
}

impl Masks {
    pub(super) fn of(worlds: [&World; 2]) -> Self {
        let ids = Values::of_all(&worlds).all_ids();
        let keys = worlds.into_iter().flat_map(|world| {
            let own = world.api_keys.iter().map(|row| row.last_four.clone());
            own.chain(world.partner_api_keys.iter().map(|row| row.last_four.clone()))
        });
        Self {
            ids: ids.iter().filter_map(|id| parts(id)).flat_map(|(_, ids)| ids).collect(),
            ends_of_keys: keys.collect(),
        }
    }

    /// The text of an answer to a document, to the byte but for what is new in it.
    pub(super) fn mask(&self, document: &ExecutableDocument, text: &str) -> String {
        let answer: Value = serde_json::from_str(text).unwrap();
        let ends = keys_of(document, "lastFour");
        let mut masked = BTreeMap::new();
        self.walk(&answer, "", &ends, &mut masked);
        masked.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn walk(&self, at: &Value, key: &str, ends: &BTreeSet<String>, masked: &mut BTreeMap<String, String>) {
        match at {
            Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| self.walk(value, key, ends, masked));
            }
            Value::List(items) => items.iter().for_each(|item| self.walk(item, key, ends, masked)),
            Value::String(text) if ends.contains(key) && !self.ends_of_keys.contains(text) => {
                let field = |value: &str| format!("{}:{}", quoted(key), quoted(value));
                masked.insert(field(text), field(NEW));
            }
            Value::String(text) => {
                if let Some(instead) = self.id(text).or_else(|| self.cursor(text)).or_else(|| secret(text)) {
                    masked.insert(quoted(text), quoted(&instead));
                }
            }
            _ => (),
        }
    }

    fn known(&self, id: Uuid) -> String {
        if self.ids.contains(&id) { id.to_string() } else { NEW.to_owned() }
    }

    /// An id of something new: its kind and its tenant remain, where that is known.
    fn id(&self, text: &str) -> Option<String> {
        let (tag, ids) = parts(text)?;
        let is_new = ids.iter().any(|id| !self.ids.contains(id));
        is_new.then(|| format!("{tag} {:?}", ids.iter().map(|id| self.known(*id)).collect::<Vec<_>>()))
    }

    /// A cursor in which there is an id of something new: everything else in it remains.
    fn cursor(&self, text: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let mut cursor: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        cursor.is_array().then_some(())?;
        let mut is_new = false;
        self.within(&mut cursor, &mut is_new);
        is_new.then(|| cursor.to_string())
    }

    fn within(&self, at: &mut serde_json::Value, is_new: &mut bool) {
        match at {
            serde_json::Value::Array(items) => {
                for item in items {
                    self.within(item, is_new);
                }
            }
            serde_json::Value::Object(fields) => {
                for value in fields.values_mut() {
                    self.within(value, is_new);
                }
            }
            serde_json::Value::String(text) => {
                if let Ok(id) = text.parse::<Uuid>()
                    && !id.is_nil()
                    && !self.ids.contains(&id)
                {
                    NEW.clone_into(text);
                    *is_new = true;
                }
            }
            _ => (),
        }
    }
}

/// A key's secret and a share's link, which are told once: made by chance, in whatever field.
fn secret(text: &str) -> Option<String> {
    let is_key = text.starts_with("posture_") && text.len() > 50;
    let is_link = text.starts_with("http://127.0.0.1:") && text.contains("/share/");
    (is_key || is_link).then(|| NEW.to_owned())
}

/// The names by which a document has a field, anywhere.
fn keys_of(document: &ExecutableDocument, field: &str) -> BTreeSet<String> {
    let operations = document.operations.iter().map(|(_, own)| &own.node.selection_set.node);
    operations.flat_map(|set| keys_in(document, set, field)).collect()
}

/// The names by which a selection has a field, at any depth.
pub(super) fn keys_in(document: &ExecutableDocument, set: &SelectionSet, field: &str) -> BTreeSet<String> {
    let (mut keys, mut open) = (BTreeSet::new(), vec![set]);
    while let Some(set) = open.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(own) => {
                    if own.node.name.node == field {
                        keys.insert(own.node.response_key().node.to_string());
                    }
                    open.push(&own.node.selection_set.node);
                }
                Selection::InlineFragment(own) => open.push(&own.node.selection_set.node),
                Selection::FragmentSpread(own) => {
                    open.push(&document.fragments[&own.node.fragment_name.node].node.selection_set.node);
                }
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use posture_gateway::domain::ids::{CustomerId, FindingId};

    use super::*;
    use crate::proof::worlds;

    #[test]
    fn what_is_new_is_masked_and_nothing_else() {
        let world = worlds::generate(1);
        let masks = Masks::of([&world, &world]);
        let (customer, new) = (world.customers[0].customer_id, Uuid::from_u128(7));
        let known = GlobalId::Customer(customer).to_string();
        let other = [GlobalId::Finding(customer, FindingId(new)), GlobalId::Customer(CustomerId(new))];
        let cursor = |title: &str, id: Uuid| {
            URL_SAFE_NO_PAD.encode(format!(
                r#"["findings","",{:?},[{title:?},{:?}]]"#,
                customer.0.to_string(),
                id.to_string()
            ))
        };
        let document = parse_query("{ one { id severity end: lastFour } }").unwrap();
        let mask = |value: &str| {
            masks.mask(&document, &format!(r#"{{"one":{{"id":"{value}","severity":"HIGH"}}}}"#))
        };
        let whole = |value: &str| format!(r#"{{"one":{{"id":"{value}","severity":"HIGH"}}}}"#);
        for same in [&known, "HIGH", "INFO", "A title", &cursor("a title", customer.0)] {
            assert_eq!(mask(same), whole(same));
        }
        assert_ne!(mask(&other[0].to_string()), mask(&other[1].to_string()));
        assert!(mask(&other[0].to_string()).contains(&customer.0.to_string()));
        assert_eq!(mask(&cursor("one", new)), mask(&cursor("one", Uuid::from_u128(8))));
        assert_ne!(mask(&cursor("one", new)), mask(&cursor("two", new)));
        assert_ne!(mask(&cursor("one", new)), mask(&cursor("one", customer.0)));
        assert_eq!(masks.mask(&document, r#"{"end":"wxyz","id":"wxyz"}"#), r#"{"end":"(new)","id":"wxyz"}"#);
    }
}
