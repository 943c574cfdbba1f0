//! What a hidden field answers: `null`, and why, in one of two placements (DESIGN.md 4).
//!
//! A gated resolver returns `Option<Result<T>>`: `None` where the gate denies, after this module has noted it.

use std::sync::{Mutex, PoisonError};

use async_graphql::indexmap::IndexMap;
use async_graphql::{Context, ErrorExtensionValues, PathSegment, ServerError, Value};

use super::error::Code;
use crate::policy::{DataClass, HiddenReason};

/// How many paths an entry of `extensions.hidden` names (DESIGN.md 9).
const FIRST_PATHS: usize = 3;

/// The request header by which a client chooses.
pub const PLACEMENT_HEADER: &str = "hidden-fields";

/// Where denials are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Placement {
    /// One error a hidden field.
    #[default]
    Errors,
    /// Once a field and reason, in the response's `extensions.hidden`; `errors` stays empty.
    Extensions,
}

/// The value of a header `hidden-fields` that is none of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request header `hidden-fields` takes the value `extensions` or `errors`")]
pub struct UnknownPlacement;

impl Placement {
    /// Reads the header's value.
    ///
    /// # Errors
    /// [`UnknownPlacement`] for anything but `extensions` and `errors`.
    pub fn parse(header: &[u8]) -> Result<Self, UnknownPlacement> {
        match header {
            b"errors" => Ok(Self::Errors),
            b"extensions" => Ok(Self::Extensions),
            _ => Err(UnknownPlacement),
        }
    }
}

/// A schema coordinate, its class, and why it is hidden.
type Denial = (String, DataClass, HiddenReason);
/// Where in the response a field stands.
type Path = Vec<PathSegment>;

/// The denials of one request.
pub struct Hidden {
    placement: Placement,
    /// The paths of each kind of denial. A field that is selected twice is noted twice.
    entries: Mutex<IndexMap<Denial, Vec<Path>>>,
}

impl Hidden {
    /// An empty list, to be told where the client asked for it.
    #[must_use]
    pub fn new(placement: Placement) -> Self {
        Self { placement, entries: Mutex::default() }
    }

    /// Notes that the field being resolved is hidden. `parent_type` is the name of the type it stands on; `explain`
    /// writes the sentence, if one is needed.
    pub fn note(
        &self,
        ctx: &Context<'_>,
        parent_type: &str,
        class: DataClass,
        reason: HiddenReason,
        explain: impl FnOnce() -> String,
    ) {
        match self.placement {
            Placement::Errors => {
                let mut extensions = ErrorExtensionValues::default();
                extensions.set("code", Code::Hidden.as_str());
                extensions.set("class", class.as_str());
                extensions.set("reason", reason.as_str());
                let error = ServerError::new(explain(), Some(ctx.item.pos));
                ctx.add_error(ctx.set_error_path(ServerError { extensions: Some(extensions), ..error }));
            }
            Placement::Extensions => {
                let coordinate = format!("{parent_type}.{}", ctx.item.node.name.node);
                let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
                let paths = entries.entry((coordinate, class, reason)).or_default();
                paths.push(ctx.set_error_path(ServerError::new("", None)).path);
            }
        }
    }

    /// The value of `extensions.hidden`, by coordinate, class and reason; none where nothing is hidden.
    /// `place` tells where in the response a path stands.
    pub fn take(&self, place: impl Fn(&[PathSegment]) -> Vec<usize>) -> Option<Value> {
        let mut entries = std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        if entries.is_empty() {
            return None;
        }
        entries.sort_unstable_keys();
        let list = entries.into_iter().map(|((coordinate, class, reason), mut paths)| {
            paths.sort_by_cached_key(|path| place(path));
            paths.dedup();
            let count = paths.len();
            let paths = paths.into_iter().take(FIRST_PATHS);
            let paths = paths.map(|path| Value::List(path.into_iter().map(segment).collect()));
            let mut object = IndexMap::new();
            let mut set = |key: &str, value: Value| object.insert(async_graphql::Name::new(key), value);
            set("coordinate", coordinate.into());
            set("class", class.as_str().into());
            set("reason", reason.as_str().into());
            set("count", count.into());
            set("paths", Value::List(paths.collect()));
            Value::Object(object)
        });
        Some(Value::List(list.collect()))
    }
}

fn segment(segment: PathSegment) -> Value {
    match segment {
        PathSegment::Field(name) => name.into(),
        PathSegment::Index(index) => index.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_takes_two_values() {
        assert_eq!(Placement::parse(b"errors"), Ok(Placement::Errors));
        assert_eq!(Placement::parse(b"extensions"), Ok(Placement::Extensions));
        for other in [&b""[..], b"Errors", b"errors ", b"data"] {
            assert_eq!(Placement::parse(other), Err(UnknownPlacement));
        }
    }
}
