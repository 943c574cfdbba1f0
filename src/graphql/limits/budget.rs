//! What a parsed document amounts to once its fragments are expanded.
//!
//! Each fragment is measured once an operation and remembered, so that a chain of fragments which spread each other
//! twice costs no more than its text. Sums saturate; recursion is bounded by the nesting that is allowed.

use std::collections::{HashMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Value, Variables};

use super::{Code, Excess, Limits, within};

/// The size of a page where neither `first` nor `last` is given (DESIGN.md 9).
const DEFAULT_PAGE: u64 = 20;

/// The largest page: a resolver refuses more by itself and with a better message, so more is not counted here.
const LARGEST_PAGE: u64 = 100;

/// Fields that answer many objects even where the document does not say how many.
const LISTS: [&str; 14] = [
    "accessRecords",
    "accesses",
    "assets",
    "auditLog",
    "children",
    "componentSearch",
    "components",
    "evidence",
    "findings",
    "lines",
    "postureShares",
    "postureTrend",
    "scanSchedules",
    "scans",
];

/// Checks every operation and every fragment of a document against the limits.
pub(super) fn check(
    document: &ExecutableDocument,
    variables: &Variables,
    limits: &Limits,
) -> Result<(), Excess> {
    within(Code::QueryTooLarge, "number of fragments", document.fragments.len(), limits.fragments)?;
    let mut total = Cost::default();
    let mut spread = HashSet::new();
    for (_, operation) in document.operations.iter() {
        let mut walk =
            Walk { document, limits, variables, operation: Some(operation), known: HashMap::new() };
        let mut cost = walk.selections(&operation.node.selection_set.node, 1)?;
        cost.directives = cost.directives.saturating_add(declared_directives(&operation.node));
        cost.check(limits)?;
        // One operation runs, but all of them are validated: what bounds that work is the sum.
        total.fields = total.fields.saturating_add(cost.fields);
        total.aliases = total.aliases.saturating_add(cost.aliases);
        total.directives = total.directives.saturating_add(cost.directives);
        total.check(limits)?;
        spread.extend(walk.known.into_keys());
    }
    // A fragment that no operation spreads is validated too.
    let mut walk = Walk { document, limits, variables, operation: None, known: HashMap::new() };
    for name in document.fragments.keys().filter(|name| !spread.contains(name.as_str())) {
        let cost = walk.fragment(name, 1)?;
        Cost { own_fields: 0, ..cost }.check(limits)?;
    }
    Ok(())
}

fn declared_directives(operation: &OperationDefinition) -> u64 {
    let of_variables = operation.variable_definitions.iter().map(|variable| variable.node.directives.len());
    of_variables.sum::<usize>().saturating_add(operation.directives.len()) as u64
}

/// What a selection set amounts to, fragments expanded.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// Fields of the set itself.
    own_fields: u64,
    fields: u64,
    aliases: u64,
    directives: u64,
    /// Levels of fields.
    depth: u64,
    /// Levels of selection sets: fields, inline fragments and spreads.
    nesting: u64,
    complexity: u64,
}

impl Cost {
    /// Adds what stands beside.
    fn beside(&mut self, other: Self) {
        self.own_fields = self.own_fields.saturating_add(other.own_fields);
        self.fields = self.fields.saturating_add(other.fields);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.directives = self.directives.saturating_add(other.directives);
        self.depth = self.depth.max(other.depth);
        self.nesting = self.nesting.max(other.nesting);
        self.complexity = self.complexity.saturating_add(other.complexity);
    }

    fn with_directives(mut self, count: usize) -> Self {
        self.directives = self.directives.saturating_add(count as u64);
        self
    }

    fn check(&self, limits: &Limits) -> Result<(), Excess> {
        within(Code::QueryTooNested, "nesting of selections", self.nesting, limits.nesting)?;
        within(Code::QueryTooDeep, "depth", self.depth, limits.depth)?;
        within(Code::TooManyAliases, "number of aliases", self.aliases, limits.aliases)?;
        within(Code::TooManyDirectives, "number of directives", self.directives, limits.directives)?;
        within(Code::TooManyFields, "number of root fields", self.own_fields, limits.root_fields)?;
        within(Code::TooManyFields, "number of fields", self.fields, limits.fields)?;
        within(Code::QueryTooComplex, "complexity", self.complexity, limits.complexity)
    }
}

/// One walk over an operation, or over the fragments alone.
struct Walk<'a> {
    document: &'a ExecutableDocument,
    limits: &'a Limits,
    variables: &'a Variables,
    operation: Option<&'a Positioned<OperationDefinition>>,
    /// The fragments met so far; `None` while one is being measured.
    known: HashMap<&'a str, Option<Cost>>,
}

impl<'a> Walk<'a> {
    /// `level` is how many selection sets this walk stands in: it bounds the recursion.
    fn selections(&mut self, set: &'a SelectionSet, level: usize) -> Result<Cost, Excess> {
        within(Code::QueryTooNested, "nesting of selections", level, self.limits.nesting)?;
        let mut cost = Cost::default();
        for selection in &set.items {
            cost.beside(
                match &selection.node {
                    Selection::Field(field) => self.field(&field.node, level)?,
                    Selection::InlineFragment(inline) => {
                        self.selections(&inline.node.selection_set.node, level + 1)?
                    }
                    Selection::FragmentSpread(spread) => {
                        self.fragment(&spread.node.fragment_name.node, level + 1)?
                    }
                }
                .with_directives(selection.node.directives().len()),
            );
        }
        cost.nesting = cost.nesting.saturating_add(1);
        Ok(cost)
    }

    fn field(&mut self, field: &'a Field, level: usize) -> Result<Cost, Excess> {
        let set = &field.selection_set.node;
        let below = if set.items.is_empty() { Cost::default() } else { self.selections(set, level + 1)? };
        let page = if set.items.is_empty() { 1 } else { self.page(field) };
        Ok(Cost {
            own_fields: 1,
            fields: below.fields.saturating_add(1),
            aliases: below.aliases.saturating_add(u64::from(field.alias.is_some())),
            depth: below.depth.saturating_add(1),
            complexity: below.complexity.saturating_mul(page).saturating_add(1),
            ..below
        })
    }

    /// What a fragment amounts to. One that does not exist amounts to a field, so that a document which spreads it over and over is one of many
    /// fields to whoever walks through it afterwards; validation says that it is not there.
    fn fragment(&mut self, name: &'a Name, level: usize) -> Result<Cost, Excess> {
        match self.known.get(name.as_str()) {
            Some(Some(cost)) => return Ok(*cost),
            Some(None) => return Err(Excess::cycle(name)),
            None => {}
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Cost { fields: 1, own_fields: 1, complexity: 1, ..Cost::default() });
        };
        self.known.insert(name, None);
        let cost = self
            .selections(&fragment.node.selection_set.node, level)?
            .with_directives(fragment.node.directives.len());
        self.known.insert(name, Some(cost));
        Ok(cost)
    }

    /// How many objects a field may answer: its page, the ids it is asked for, or one.
    fn page(&self, field: &Field) -> u64 {
        if let Some(Value::List(ids)) = self.argument(field, "ids") {
            return ids.len() as u64;
        }
        let asked = ["first", "last"].into_iter().find_map(|name| match self.argument(field, name)? {
            Value::Number(number) => Some(number.as_u64().unwrap_or(0).min(LARGEST_PAGE)),
            _ => None,
        });
        let paged = || field.arguments.iter().any(|(name, _)| matches!(name.node.as_str(), "first" | "last"));
        match asked {
            Some(size) => size,
            None if LISTS.contains(&field.name.node.as_str()) || paged() => DEFAULT_PAGE,
            None => 1,
        }
    }

    /// The value of an argument, variables replaced by their values or defaults.
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let value = field.get_argument(name)?.node.clone();
        value.into_const_with(|variable| self.variable(&variable).ok_or(())).ok()
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        self.variables.get(name).cloned().or_else(|| {
            let definitions = &self.operation?.node.variable_definitions;
            let definition = definitions.iter().find(|definition| definition.node.name.node == *name)?;
            definition.node.default_value().cloned()
        })
    }
}
