//! Lists: the one place where SQL is put together at run time, for paging, order and filter.
//!
//! A noun says once, in its [`List`], which columns, filter and order it has; from that come its pages (keyset
//! pagination in both directions, many parents in one statement) and its rows by id.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::{Reader, StoreError};
use crate::policy::{Class, Grant};

/// A list as a value: its filter and its order. Two equal ones share a statement.
pub trait List: Clone + Eq + Hash + Send + Sync + 'static {
    /// Of whom: where the list is gated, the gate's witness.
    type Parent: Copy + Eq + Hash + Send + Sync + 'static;
    /// An element.
    type Row: Clone + Send + Sync + 'static;

    /// What cursors call the list.
    const NAME: &'static str;
    /// The column, of a relation of [`List::from`], that holds the parent.
    const PARENT: &'static str;
    /// The column that holds the tenant, where the parent is not the tenant itself.
    const TENANT: Option<&'static str> = None;
    /// The column that holds an element's own id.
    const ID: &'static str;

    /// The selected columns.
    fn columns(&self) -> &'static str;
    /// The parent's id.
    fn parent(parent: &Self::Parent) -> Uuid;
    /// The tenant's id, where there is a column for it.
    #[must_use]
    fn tenant(_: &Self::Parent) -> Option<Uuid> {
        None
    }
    /// The relation, with what is joined to it.
    fn from(&self, sql: &mut QueryBuilder<Postgres>);
    /// Pushes ` and ...` for each condition.
    fn filter(&self, sql: &mut QueryBuilder<Postgres>);
    /// The order, ending in a key that is unique within the parent.
    fn order(&self) -> Vec<SortKey>;
    /// What cursors call the order.
    fn order_name(&self) -> &'static str;
    /// Where an element stands in the order: a value for each key.
    fn position(&self, row: &Self::Row) -> Position;
    /// Reads the columns.
    ///
    /// # Errors
    /// When a column is not what it should be.
    fn row(&self, row: &PgRow) -> Result<Self::Row, StoreError>;
}

/// An expression to order by.
#[derive(Clone, Copy, Debug)]
pub struct SortKey {
    /// The expression; never null.
    pub expression: &'static str,
    /// What its values are.
    pub kind: KeyKind,
    /// Which way.
    pub direction: Direction,
}

/// What the values of a sort key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// A whole number.
    Int,
    /// A text.
    Text,
    /// An instant; where there is none the expression reads `infinity` or `-infinity`, whichever comes last.
    Time,
    /// An id.
    Id,
}

/// Which way to order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Least first.
    Ascending,
    /// Greatest first.
    Descending,
}

impl Direction {
    const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }

    const fn sql(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// The comparison that holds for what comes later.
    const fn later(self) -> &'static str {
        match self {
            Self::Ascending => ">",
            Self::Descending => "<",
        }
    }
}

/// The value of one sort key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyValue {
    /// Of a [`KeyKind::Int`].
    Int(i64),
    /// Of a [`KeyKind::Id`].
    Id {
        /// The id.
        i: Uuid,
    },
    /// Of a [`KeyKind::Time`], in microseconds since 1970; none comes last.
    Time {
        /// The microseconds.
        t: Option<i64>,
    },
    /// Of a [`KeyKind::Text`].
    Text(String),
}

/// `PostgreSQL`'s first timestamp, in microseconds since 1970: Julian day 0. Its last one lies beyond chrono's.
const EARLIEST: i64 = -210_866_803_200_000_000;

impl KeyValue {
    /// An instant or none.
    #[must_use]
    pub fn time(at: Option<DateTime<Utc>>) -> Self {
        Self::Time { t: at.map(|at| at.timestamp_micros()) }
    }

    /// An id.
    #[must_use]
    pub const fn id(i: Uuid) -> Self {
        Self::Id { i }
    }

    /// Whether the database will take it as a value of this kind.
    #[must_use]
    pub fn fits(&self, kind: KeyKind) -> bool {
        match (self, kind) {
            (Self::Int(_), KeyKind::Int) | (Self::Id { .. }, KeyKind::Id) => true,
            (Self::Text(text), KeyKind::Text) => !text.contains('\0'),
            (Self::Time { t }, KeyKind::Time) => {
                t.is_none_or(|t| t >= EARLIEST && DateTime::from_timestamp_micros(t).is_some())
            }
            (Self::Int(_) | Self::Id { .. } | Self::Text(_) | Self::Time { .. }, _) => false,
        }
    }

    fn push(&self, key: &SortKey, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Int(value) => sql.push_bind(*value),
            Self::Id { i } => sql.push_bind(*i),
            Self::Text(value) => sql.push_bind(value.clone()),
            Self::Time { t: Some(t) } => sql.push_bind(DateTime::from_timestamp_micros(*t)),
            Self::Time { t: None } => sql.push(match key.direction {
                Direction::Ascending => "timestamptz 'infinity'",
                Direction::Descending => "timestamptz '-infinity'",
            }),
        };
    }
}

/// A place in a list's order.
pub type Position = Vec<KeyValue>;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// How many at most.
    pub size: u32,
    /// From which end.
    pub end: End,
    /// Only what comes after it.
    pub after: Option<Position>,
    /// Only what comes before it.
    pub before: Option<Position>,
    /// Whether the length of the whole list is wanted, too.
    pub total: bool,
}

/// From which end of the list a page is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The first ones.
    First,
    /// The last ones, in the list's order all the same.
    Last,
}

/// A part of a list, in the list's order.
#[derive(Clone, Debug)]
pub struct Page<Row> {
    /// The elements.
    pub rows: Vec<Arc<Row>>,
    /// Whether there are more before them.
    pub has_previous: bool,
    /// Whether there are more after them.
    pub has_next: bool,
    /// How many the whole list has, if that was wanted.
    pub total: Option<i64>,
}

impl<Row> Page<Row> {
    /// A list without elements.
    #[must_use]
    pub const fn empty() -> Self {
        Self { rows: Vec::new(), has_previous: false, has_next: false, total: Some(0) }
    }
}

/// The same part of the same list for many parents, in one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn pages<L: List>(
    reader: &mut Reader,
    parents: &[L::Parent],
    list: &L,
    window: &Window,
) -> Result<HashMap<L::Parent, Page<L::Row>>, StoreError> {
    let keys = list.order();
    // The names `p`, `n` and `x` are taken here: a list's own relations go by others.
    let mut sql = QueryBuilder::new("select p.nth as parent_nth, ");
    sql.push(if window.total { "n.total" } else { "null::bigint" });
    sql.push(" as total, x.* from unnest(");
    sql.push_bind(parents.iter().map(L::parent).collect::<Vec<_>>());
    sql.push("::uuid[]");
    if L::TENANT.is_some() {
        sql.push(", ").push_bind(parents.iter().map(L::tenant).collect::<Vec<_>>()).push("::uuid[]");
    }
    sql.push(format_args!(
        ") with ordinality p (id{}, nth) ",
        if L::TENANT.is_some() { ", tenant" } else { "" }
    ));
    if window.total {
        sql.push("cross join lateral (select count(*) as total from ");
        list.from(&mut sql);
        push_parent::<L>(&mut sql);
        list.filter(&mut sql);
        sql.push(") n ");
    }
    sql.push(format_args!("left join lateral (select true as present, {} from ", list.columns()));
    list.from(&mut sql);
    push_parent::<L>(&mut sql);
    list.filter(&mut sql);
    let later = |d: Direction| d.later();
    let earlier = |d: Direction| d.reversed().later();
    push_bound(&mut sql, &keys, window.after.as_ref(), later);
    push_bound(&mut sql, &keys, window.before.as_ref(), earlier);
    sql.push(order_by(&keys, window.end));
    // Spelled out, for a plan that does not know how few rows are wanted sorts them all.
    sql.push(format_args!(" limit {}", u64::from(window.size) + 1));
    // A lateral LIMIT runs once a parent, parent after parent, so the rows come in order without another sort.
    sql.push(") x on true");

    let mut pages: HashMap<L::Parent, Page<L::Row>> = HashMap::with_capacity(parents.len());
    for row in sql.build().fetch_all(reader.connection()?).await? {
        let nth: i64 = row.try_get("parent_nth")?;
        let nth = usize::try_from(nth - 1).unwrap_or(usize::MAX);
        let Some(parent) = parents.get(nth) else { continue };
        let page = pages.entry(*parent).or_insert_with(Page::empty);
        page.total = row.try_get("total")?;
        if row.try_get::<Option<bool>, _>("present")?.is_some() {
            page.rows.push(Arc::new(list.row(&row)?));
        }
    }
    for page in pages.values_mut() {
        finish(page, window);
    }
    Ok(pages)
}

/// ` where ` the elements are the parent's.
fn push_parent<L: List>(sql: &mut QueryBuilder<Postgres>) {
    sql.push(format_args!(" where {} = p.id", L::PARENT));
    if let Some(column) = L::TENANT {
        sql.push(format_args!(" and {column} = p.tenant"));
    }
}

/// Cuts off the one element too many that tells whether there are more.
fn finish<Row>(page: &mut Page<Row>, window: &Window) {
    let size = usize::try_from(window.size).unwrap_or(usize::MAX);
    let more = page.rows.len() > size;
    page.rows.truncate(size);
    match window.end {
        End::First => {
            page.has_next = more || window.before.is_some();
            page.has_previous = window.after.is_some();
        }
        End::Last => {
            page.rows.reverse();
            page.has_previous = more || window.after.is_some();
            page.has_next = window.before.is_some();
        }
    }
}

fn order_by(keys: &[SortKey], end: End) -> String {
    let mut sql = String::from(" order by ");
    for (nth, key) in keys.iter().enumerate() {
        let direction = match end {
            End::First => key.direction,
            End::Last => key.direction.reversed(),
        };
        let comma = if nth == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}{} {}", key.expression, direction.sql());
    }
    sql
}

/// ` and ` the keys lie beyond the bound: a row comparison where all keys go one way, which an index can start from,
/// else the same written out.
fn push_bound(
    sql: &mut QueryBuilder<Postgres>,
    keys: &[SortKey],
    bound: Option<&Position>,
    comparison: fn(Direction) -> &'static str,
) {
    let Some(bound) = bound else { return };
    let Some(first) = keys.first() else { return };
    sql.push(" and (");
    if keys.iter().all(|key| key.direction == first.direction) {
        for (nth, key) in keys.iter().enumerate() {
            sql.push(if nth == 0 { "(" } else { ", " }).push(key.expression);
        }
        sql.push(format_args!(") {} ", comparison(first.direction)));
        for (nth, (key, value)) in keys.iter().zip(bound).enumerate() {
            value.push(key, sql.push(if nth == 0 { "(" } else { ", " }));
        }
        sql.push("))");
        return;
    }
    for (nth, (key, value)) in keys.iter().zip(bound).enumerate() {
        if nth > 0 {
            sql.push(" or (");
        }
        for (equal, value) in keys.iter().zip(bound).take(nth) {
            value.push(equal, sql.push(equal.expression).push(" = "));
            sql.push(" and ");
        }
        value.push(key, sql.push(format_args!("{} {} ", key.expression, comparison(key.direction))));
        if nth > 0 {
            sql.push(")");
        }
    }
    sql.push(")");
}

/// Elements by parent and id, in one statement; what does not exist is not in the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_ids<L: List>(
    reader: &mut Reader,
    list: &L,
    ids: &[(L::Parent, Uuid)],
) -> Result<Vec<L::Row>, StoreError> {
    let mut sql = QueryBuilder::new(format!("select {} from ", list.columns()));
    list.from(&mut sql);
    sql.push(format_args!(" where ({}, {}) in (select * from unnest(", L::PARENT, L::ID));
    sql.push_bind(ids.iter().map(|(parent, _)| L::parent(parent)).collect::<Vec<_>>());
    sql.push("::uuid[], ").push_bind(ids.iter().map(|(_, id)| *id).collect::<Vec<_>>());
    sql.push("::uuid[]))");
    list.filter(&mut sql);
    sql.build().fetch_all(reader.connection()?).await?.iter().map(|row| list.row(row)).collect()
}

/// Compares with a pattern in any case. The collation is named because a database's own may know ASCII's cases alone.
pub(super) const ILIKE: &str = " collate \"und-x-icu\" ilike ";

/// Escapes what LIKE would take for a pattern, and asks for the text anywhere.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// A gated list of a customer in one fixed order: what most nouns are.
pub trait TenantList: Clone + Eq + Hash + Send + Sync + 'static {
    /// The class that the gate has to show.
    type Class: Class;
    /// An element.
    type Row: Clone + Send + Sync + 'static;

    /// What cursors call the list.
    const NAME: &'static str;
    /// The table.
    const TABLE: &'static str;
    /// The selected columns of `t`.
    const COLUMNS: &'static str;
    /// What to order by, before the id in the same direction.
    const SORT: SortKey;

    /// Pushes ` and ...` for each condition.
    fn filter(&self, sql: &mut QueryBuilder<Postgres>);
    /// The values of [`TenantList::SORT`] and of the id.
    fn place(row: &Self::Row) -> (KeyValue, Uuid);
    /// Reads the columns.
    ///
    /// # Errors
    /// When a column is not what it should be.
    fn row(row: &PgRow) -> Result<Self::Row, StoreError>;
}

impl<T: TenantList> List for T {
    type Parent = Grant<T::Class>;
    type Row = T::Row;

    const NAME: &'static str = T::NAME;
    const PARENT: &'static str = "t.customer_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        T::COLUMNS
    }

    fn parent(grant: &Grant<T::Class>) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(T::TABLE).push(" t");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        TenantList::filter(self, sql);
    }

    fn order(&self) -> Vec<SortKey> {
        vec![T::SORT, SortKey { expression: "t.id", kind: KeyKind::Id, direction: T::SORT.direction }]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &T::Row) -> Position {
        let (value, id) = T::place(row);
        vec![value, KeyValue::id(id)]
    }

    fn row(&self, row: &PgRow) -> Result<T::Row, StoreError> {
        T::row(row)
    }
}

/// Newest first, by a column that holds an instant.
pub(super) const fn newest_first(expression: &'static str) -> SortKey {
    SortKey { expression, kind: KeyKind::Time, direction: Direction::Descending }
}

/// In the order of a column that holds a text.
pub(super) const fn alphabetical(expression: &'static str) -> SortKey {
    SortKey { expression, kind: KeyKind::Text, direction: Direction::Ascending }
}
