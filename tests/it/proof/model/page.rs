//! Lists in pages: a whole list, sorted, and the part of it that the arguments ask for.
//!
//! Cursors are opaque: the model answers each with a mark that names list and row, and learns from the gateway's
//! answers which text stands for which.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, Arguments};
use super::nouns::{Object, record};

/// What a cursor's text stands for: the list with its parent and its order, and the row.
type Place = (String, Uuid);

/// The cursors seen so far, by one viewer in one world.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    places: RefCell<BTreeMap<String, Place>>,
    texts: RefCell<BTreeMap<Place, String>>,
}

const MARK: &str = "cursor of ";

impl Cursors {
    fn mark(list: &str, row: Uuid) -> String {
        format!("{MARK}{list} at {row}")
    }

    /// Whether the text may stand where the model has a mark; from then on it has to.
    pub(super) fn learn(&self, mark: &str, text: &str) -> bool {
        let Some((list, row)) = mark.strip_prefix(MARK).and_then(|place| place.rsplit_once(" at ")) else {
            return false;
        };
        let place: Place = (list.to_owned(), row.parse().unwrap());
        let mut known = self.places.borrow_mut();
        let mut given = self.texts.borrow_mut();
        *known.entry(text.to_owned()).or_insert_with(|| place.clone()) == place
            && given.entry(place).or_insert_with(|| text.to_owned()) == text
    }
}

/// A list before it is cut into pages.
pub(super) struct List<'w> {
    /// Names the list, its parent and its order.
    pub(super) name: String,
    /// All rows, in order, each with whether it passes the filter.
    pub(super) rows: Vec<(Uuid, Object<'w>, bool)>,
    /// The type of the connection.
    pub(super) connection: &'static str,
    pub(super) edge: &'static str,
}

impl<'w> List<'w> {
    /// The page that the arguments ask for.
    pub(super) fn page(self, cursors: &Cursors, arguments: &Arguments) -> Answer<'w> {
        let number = |name: &str| arguments.get(name).and_then(Value::as_i64);
        let (first, last) = (number("first"), number("last"));
        if first.is_some() && last.is_some() || first.or(last).is_some_and(|size| !(1..=100).contains(&size))
        {
            return Answer::Refused("BAD_USER_INPUT");
        }
        let mut bounds = Vec::new();
        for name in ["after", "before"] {
            let Some(text) = arguments.get(name) else {
                bounds.push(None);
                continue;
            };
            match cursors.places.borrow().get(text.as_str().unwrap()) {
                Some((place, row)) if *place == self.name => {
                    bounds.push(Some(self.rows.iter().position(|(id, ..)| id == row).unwrap()));
                }
                _ => return Answer::Refused("BAD_USER_INPUT"),
            }
        }
        let total = self.rows.iter().filter(|(.., matches)| *matches).count();
        let between: Vec<_> = self
            .rows
            .into_iter()
            .enumerate()
            .filter(|(at, (.., matches))| {
                *matches
                    && bounds[0].is_none_or(|after| *at > after)
                    && bounds[1].is_none_or(|before| *at < before)
            })
            .map(|(_, (id, object, _))| (id, object))
            .collect();
        let size = usize::try_from(first.or(last).unwrap_or(20)).unwrap();
        let left_out = between.len().saturating_sub(size);
        let from = if last.is_some() { left_out } else { 0 };
        // Beyond a bound there is at least the bound's own row.
        let (mut more_before, mut more_after) = (bounds[0].is_some(), bounds[1].is_some());
        if last.is_some() {
            more_before |= left_out > 0;
        } else {
            more_after |= left_out > 0;
        }
        let page: Vec<_> = between.into_iter().skip(from).take(size).collect();
        let cursor = |entry: Option<&(Uuid, Object<'w>)>| {
            Answer::Leaf(entry.map_or(Value::Null, |(row, _)| json!(Cursors::mark(&self.name, *row))))
        };
        let info = record(
            "PageInfo",
            vec![
                ("hasPreviousPage", Answer::Leaf(json!(more_before))),
                ("hasNextPage", Answer::Leaf(json!(more_after))),
                ("startCursor", cursor(page.first())),
                ("endCursor", cursor(page.last())),
            ],
        );
        let edge = |entry: &(Uuid, Object<'w>)| {
            let fields = vec![("cursor", cursor(Some(entry))), ("node", Answer::One(Some(entry.1.clone())))];
            Some(record(self.edge, fields))
        };
        Answer::One(Some(record(
            self.connection,
            vec![
                ("edges", Answer::Many(page.iter().map(edge).collect())),
                ("nodes", Answer::Many(page.iter().map(|(_, object)| Some(object.clone())).collect())),
                ("pageInfo", Answer::One(Some(info))),
                ("totalCount", Answer::Leaf(json!(total))),
            ],
        )))
    }
}
