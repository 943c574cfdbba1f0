//! Relay connections: arguments in, opaque cursors out, pages both ways.

use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::connection::{self, CursorType, Edge, EmptyFields};
use async_graphql::{Context, Object, OutputType, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::error::bad_input;
use super::loaders::PageKey;
use super::scalars::int;
use super::session::session;
use crate::store::list::{End, List, Page, Position, Window};

/// How many elements a page has where neither `first` nor `last` says so.
pub const DEFAULT_PAGE_SIZE: u32 = 20;
/// How many it has at most.
pub const MAX_PAGE_SIZE: u32 = 100;

/// The arguments of a connection.
#[derive(Clone, Debug, Default)]
pub struct PageArguments {
    /// How many of the first ones.
    pub first: Option<i32>,
    /// Only what comes after this cursor.
    pub after: Option<String>,
    /// How many of the last ones.
    pub last: Option<i32>,
    /// Only what comes before this cursor.
    pub before: Option<String>,
}

/// The length of the whole list.
pub struct Total(i64);

/// How many there are.
#[Object]
impl Total {
    /// How many elements the whole list has, on every page the same.
    async fn total_count(&self) -> i32 {
        int(self.0)
    }
}

/// A connection that tells how long the whole list is.
pub type Counted<Node> = connection::Connection<Cursor, Node, Total>;
/// A connection that does not.
pub type Uncounted<Node> = connection::Connection<Cursor, Node>;

/// The window that the arguments ask for.
///
/// # Errors
/// BAD_USER_INPUT, saying what is wrong.
pub fn window<L: List>(
    ctx: &Context<'_>,
    parent: Uuid,
    list: &L,
    arguments: &PageArguments,
) -> Result<Window> {
    let (size, end) = match (arguments.first, arguments.last) {
        (Some(_), Some(_)) => {
            return Err(bad_input("`first` and `last` exclude each other: give one of them"));
        }
        (Some(size), None) => (page_size("first", size)?, End::First),
        (None, Some(size)) => (page_size("last", size)?, End::Last),
        (None, None) => (DEFAULT_PAGE_SIZE, End::First),
    };
    let cursor = |name, text: &Option<String>| {
        text.as_deref().map(|text| decode(name, text, parent, list)).transpose()
    };
    Ok(Window {
        size,
        end,
        after: cursor("after", &arguments.after)?,
        before: cursor("before", &arguments.before)?,
        total: ctx.look_ahead().field("totalCount").exists(),
    })
}

fn page_size(name: &str, size: i32) -> Result<u32> {
    match u32::try_from(size) {
        Ok(size) if (1..=MAX_PAGE_SIZE).contains(&size) => Ok(size),
        Ok(_) | Err(_) => Err(bad_input(format!("`{name}` is {size}, it takes 1 to {MAX_PAGE_SIZE}"))),
    }
}

/// What a cursor says: of which list, in which order, of whom, and where in it.
type CursorText<'a> = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>, Uuid, Position);

/// An element's place in a list; its text is written only where a query asks for it.
pub struct Cursor {
    list: &'static str,
    order: &'static str,
    parent: Uuid,
    position: Position,
}

impl CursorType for Cursor {
    type Error = Infallible;

    /// Never called: cursors are read by `decode`, which knows the list.
    fn decode_cursor(_: &str) -> std::result::Result<Self, Infallible> {
        Ok(Self { list: "", order: "", parent: Uuid::nil(), position: Vec::new() })
    }

    fn encode_cursor(&self) -> String {
        let text = (self.list, self.order, self.parent, &self.position);
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&text).unwrap_or_default())
    }
}

/// Reads a cursor. It may be forged: it is a place in an order and opens nothing.
fn decode<L: List>(name: &str, text: &str, parent: Uuid, list: &L) -> Result<Position> {
    let malformed = || {
        bad_input(format!("`{name}` is no cursor: cursors are opaque, take them from `cursor` or `pageInfo`"))
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
    let (of, order, whose, position): CursorText<'_> =
        serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    if of != L::NAME || whose != parent {
        return Err(bad_input(format!("`{name}` is a cursor of another list")));
    }
    if order != list.order_name() {
        return Err(bad_input(format!("`{name}` is a cursor of another order of this list")));
    }
    let keys = list.order();
    if position.len() != keys.len() || !position.iter().zip(&keys).all(|(value, key)| value.fits(key.kind)) {
        return Err(malformed());
    }
    Ok(position)
}

/// The edges of a page, each row as its node.
fn edges<L: List, Node: OutputType>(
    parent: Uuid,
    list: &L,
    page: &Page<L::Row>,
    node: impl Fn(&Arc<L::Row>) -> Node,
) -> Vec<Edge<Cursor, Node, EmptyFields>> {
    let cursor =
        |row| Cursor { list: L::NAME, order: list.order_name(), parent, position: list.position(row) };
    page.rows.iter().map(|row| Edge::new(cursor(row), node(row))).collect()
}

/// A page as a connection that tells how long the whole list is.
pub fn counted<L: List, Node: OutputType>(
    parent: Uuid,
    list: &L,
    page: &Page<L::Row>,
    node: impl Fn(&Arc<L::Row>) -> Node,
) -> Counted<Node> {
    let total = Total(page.total.unwrap_or_default());
    let mut connection = Counted::with_additional_fields(page.has_previous, page.has_next, total);
    connection.edges = edges(parent, list, page, node);
    connection
}

/// A page as a connection.
pub fn uncounted<L: List, Node: OutputType>(
    parent: Uuid,
    list: &L,
    page: &Page<L::Row>,
    node: impl Fn(&Arc<L::Row>) -> Node,
) -> Uncounted<Node> {
    let mut connection = Uncounted::new(page.has_previous, page.has_next);
    connection.edges = edges(parent, list, page, node);
    connection
}

/// The part of a list that the arguments ask for, as the loader's key.
///
/// # Errors
/// BAD_USER_INPUT for the arguments, INTERNAL when the database does not answer.
pub async fn page<L: List>(
    ctx: &Context<'_>,
    parent: L::Parent,
    list: &L,
    arguments: &PageArguments,
) -> Result<Arc<Page<L::Row>>> {
    let window = window(ctx, L::parent(&parent), list, arguments)?;
    let page = session(ctx)?.load(PageKey { parent, list: list.clone(), window }).await?;
    Ok(page.unwrap_or_else(|| Arc::new(Page::empty())))
}

/// Whether the query asks the nodes of the connection being resolved for a field: then it is worth reading along.
#[must_use]
pub fn nodes_want(ctx: &Context<'_>, field: &str) -> bool {
    let connection = ctx.look_ahead();
    connection.field("nodes").field(field).exists()
        || connection.field("edges").field("node").field(field).exists()
}

/// Refuses a text that the database cannot hold.
///
/// # Errors
/// BAD_USER_INPUT for a NUL character.
pub fn storable(name: &str, text: Option<String>) -> Result<Option<String>> {
    match text {
        Some(text) if text.contains('\0') => Err(bad_input(format!("`{name}` holds a NUL character"))),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{EmptyMutation, EmptySubscription, Schema, SimpleObject};
    use serde_json::json;

    use super::*;
    use crate::store::list::KeyValue;

    /// Says in each of its fields whether its connection found that `asset` is wanted.
    #[derive(Clone, Copy, SimpleObject)]
    struct Row {
        asset: bool,
        title: bool,
    }

    #[derive(SimpleObject)]
    struct RowEdge {
        node: Row,
    }

    #[derive(SimpleObject)]
    struct Rows {
        nodes: Vec<Row>,
        edges: Vec<RowEdge>,
    }

    struct Root;

    #[Object]
    impl Root {
        async fn rows(&self, ctx: &Context<'_>) -> Rows {
            let wanted = nodes_want(ctx, "asset");
            let row = Row { asset: wanted, title: wanted };
            Rows { nodes: vec![row], edges: vec![RowEdge { node: row }] }
        }
    }

    #[tokio::test]
    async fn what_nodes_are_asked_for_is_read_along_and_nothing_else() {
        let schema = Schema::new(Root, EmptyMutation, EmptySubscription);
        for (rows, answer) in [
            ("nodes { asset }", json!({ "nodes": [{ "asset": true }] })),
            ("edges { node { asset } }", json!({ "edges": [{ "node": { "asset": true } }] })),
            ("nodes { title }", json!({ "nodes": [{ "title": false }] })),
        ] {
            let response = schema.execute(format!("{{ rows {{ {rows} }} }}")).await;
            assert_eq!(response.data.into_json().unwrap(), json!({ "rows": answer }));
        }
    }

    #[test]
    fn key_values_come_back_as_they_were() {
        let position = vec![
            KeyValue::Int(-3),
            KeyValue::Text("Ærøskøbing \"x\"".to_owned()),
            KeyValue::Time { t: None },
            KeyValue::Time { t: Some(1) },
            KeyValue::id(Uuid::from_u128(5)),
        ];
        let text = serde_json::to_string(&position).unwrap();
        assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position);
    }
}
