//! Random documents that the schema's SDL allows: within the gateway's limits, with fragments, aliases, arguments of
//! every kind, pages both ways. The same seed and world, the same document.

#![expect(clippy::format_push_string, reason = "texts are short, and the shorter form is the clearer one")]

use std::collections::BTreeSet;

use async_graphql::parser::types::{BaseType, Type};
use posture_gateway::store::seed::World;

use super::grammar::{Argument, Field, Grammar, is_list, named};
use super::values::{Values, quoted};
use crate::support::dice::Dice;

/// Below the gateway's own limits, since what is counted here is not quite what it counts.
const COMPLEXITY: usize = 8_000;
const FIELDS: usize = 400;
const ALIASES: usize = 40;
const FRAGMENTS: usize = 20;
const DEPTH: usize = 15;

/// A document with a place in it for each cursor that an answer may bring.
pub(super) struct Query {
    /// The text, in pieces: between the first and the second stands the first page's cursor, and so on.
    pieces: Vec<String>,
    /// Where in an answer each page's next cursor stands.
    pub(super) pages: Vec<Page>,
    /// The coordinates that the document names.
    pub(super) reached: BTreeSet<String>,
}

/// A connection of a document that can be followed.
pub(super) struct Page {
    /// The response keys down to the connection; lists are not counted.
    pub(super) path: Vec<String>,
    /// Else it goes backward, with `last` and `before`.
    pub(super) forward: bool,
}

impl Query {
    /// The document without any cursor.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// The document with cursors, one a page where there is one.
    pub(super) fn text_with(&self, cursors: &[Option<String>]) -> String {
        let mut text = String::new();
        for (nth, piece) in self.pieces.iter().enumerate() {
            text.push_str(piece);
            if let (Some(page), Some(Some(cursor))) = (self.pages.get(nth), cursors.get(nth)) {
                let argument = if page.forward { "after" } else { "before" };
                text.push_str(&format!(", {argument}: {}", quoted(cursor)));
            }
        }
        text
    }
}

/// The document of a seed, about what is in a world.
pub(super) fn generate(seed: u64, world: &World) -> String {
    query(seed, "Query", &Values::of(world)).text()
}

/// The document of a seed that starts at a root type.
pub(super) fn query(seed: u64, root: &str, values: &Values) -> Query {
    let operation = match root {
        "Query" => "",
        "Mutation" => "mutation ",
        other => panic!("`{other}` is no root that has several fields"),
    };
    written(seed, root, values, |body| format!("{operation}{{ {body}}}"))
}

/// The document of a seed that opens a stream by this call, whose events are of a type.
pub(super) fn stream(seed: u64, call: &str, ty: &str, values: &Values) -> String {
    written(seed, ty, values, |body| format!("subscription {{ {call} {{ {body}}} }}")).text()
}

/// Selections of a type in a document.
fn written(seed: u64, ty: &str, values: &Values, operation: impl Fn(&str) -> String) -> Query {
    let mut dice = Dice::new(seed);
    let complexity = dice.one_of(&[100, 400, 400, 1_000, 1_000, COMPLEXITY]);
    let mut writer = Writer {
        grammar: Grammar::of_the_gateway(),
        values,
        dice,
        fields: 0,
        aliases: 0,
        fragments: Vec::new(),
        pages: Vec::new(),
        reached: BTreeSet::new(),
    };
    let at = Place { ty, depth: DEPTH, complexity };
    let mut body = String::new();
    writer.object(at, &mut Scope::default(), &mut body);
    let fragments = writer.fragments.iter().map(|fragment| fragment.text.as_str()).collect::<String>();
    let text = format!("{}{fragments}", operation(&body));
    // Pages stand in the text in another order than they were begun in, when a fragment is set apart.
    let mut pieces = Vec::new();
    let mut pages = Vec::new();
    let mut begun: Vec<Option<Page>> = writer.pages.into_iter().map(Some).collect();
    for (nth, piece) in text.split(MARK).enumerate() {
        if nth % 2 == 0 {
            pieces.push(piece.to_owned());
        } else {
            pages.push(begun[piece.parse::<usize>().unwrap()].take().unwrap());
        }
    }
    Query { pieces, pages, reached: writer.reached }
}

/// Stands before and after a page's number until the text is whole; no value has it.
const MARK: char = '\u{1}';

/// A type to select from, and how much may hang below it.
#[derive(Clone, Copy)]
struct Place<'t> {
    ty: &'t str,
    /// Levels of fields.
    depth: usize,
    /// As the gateway counts it (`graphql/limits`).
    complexity: usize,
}

/// The selection sets that answer one object: each response key stands for one thing in all of them.
#[derive(Clone, Default)]
struct Scope {
    keys: BTreeSet<String>,
    path: Vec<String>,
}

/// A named fragment that was written, for another spread.
struct Fragment {
    name: String,
    ty: String,
    text: String,
    depth: usize,
    complexity: usize,
    fields: usize,
    aliases: usize,
}

struct Writer<'a> {
    grammar: &'a Grammar,
    values: &'a Values,
    dice: Dice,
    fields: usize,
    aliases: usize,
    fragments: Vec<Fragment>,
    pages: Vec<Page>,
    reached: BTreeSet<String>,
}

impl Writer<'_> {
    /// Writes some selections of a type, without braces; says what they amount to.
    fn object(&mut self, at: Place<'_>, scope: &mut Scope, out: &mut String) -> usize {
        let grammar = self.grammar;
        let mut spent = 0;
        if let Some(possible) = grammar.possible.get(at.ty) {
            for _ in 0..=self.dice.below(3) {
                let ty = &possible[self.dice.below(possible.len())];
                let complexity = (at.complexity - spent.min(at.complexity)) / 2;
                out.push_str(&format!("... on {ty} {{ "));
                spent += self.object(Place { ty, complexity, ..at }, scope, out);
                out.push_str("} ");
            }
        }
        let fields = &grammar.fields[at.ty];
        let before = out.len();
        if !fields.is_empty() {
            // Small types mostly whole, large ones by some of their fields; rarely one twice.
            let mut order: Vec<usize> = (0..fields.len()).collect();
            for nth in (1..order.len()).rev() {
                order.swap(nth, self.dice.below(nth + 1));
            }
            if fields.len() > 6 {
                order.truncate(2 + self.dice.below(fields.len()));
            }
            if self.dice.one_in(4) {
                order.push(order[0]);
            }
            for nth in order {
                let left = at.complexity.saturating_sub(spent);
                spent += self.field(Place { complexity: left, ..at }, &fields[nth], scope, out);
            }
            // A page that shows its cursors can be followed.
            if let Some(info) = fields.iter().find(|field| field.name == "pageInfo")
                && !scope.keys.contains("pageInfo")
                && !self.dice.one_in(4)
            {
                spent += self.field(Place { complexity: 9, ..at }, info, scope, out);
            }
        }
        if out.len() == before || self.dice.one_in(12) {
            // The same wherever it stands, so it may stand there twice.
            out.push_str("__typename ");
            self.fields += 1;
            spent += 1;
        }
        spent
    }

    /// Writes a field with all that hangs on it, if there is room; says what it amounts to.
    fn field(&mut self, at: Place<'_>, field: &Field, scope: &mut Scope, out: &mut String) -> usize {
        let ty = named(&field.ty);
        let composite = self.grammar.is_composite(ty);
        if at.depth == 0 || self.fields >= FIELDS || at.complexity == 0 || (composite && at.depth < 2) {
            return 0;
        }
        let mut page = 1;
        let mut arguments = String::new();
        let paged = field.takes("first") && field.takes("last");
        if paged {
            page = self.dice.one_of(&[1, 2, 2, 3, 3, 5, 20, 100]);
        } else if is_list(&field.ty) && composite && !at.ty.ends_with("Connection") {
            // As long as a trend can be.
            page = if field.name == "postureTrend" { 366 } else { 20 };
        }
        let below = at.complexity.saturating_sub(1) / page;
        if composite && below < 4 {
            return 0;
        }
        let taken = scope.keys.contains(&field.name);
        if self.aliases >= ALIASES && taken {
            return 0;
        }
        // From here on it is written.
        self.fields += 1;
        let coordinate = format!("{}.{}", at.ty, field.name);
        let key = if taken || (self.aliases < ALIASES && self.dice.one_in(12)) {
            self.aliases += 1;
            let key = format!("a{}", self.fields);
            out.push_str(&format!("{key}: "));
            key
        } else {
            field.name.clone()
        };
        scope.keys.insert(key.clone());
        let mut path = scope.path.clone();
        path.push(key);
        if paged {
            arguments = self.page(&coordinate, page, &path);
        }
        let mut ids = 1;
        for argument in &field.arguments {
            let of_page = ["first", "last", "after", "before"].contains(&argument.name.as_str());
            if paged && of_page || !argument.required && self.dice.one_in(2) {
                continue;
            }
            self.reached.insert(format!("{coordinate}({}:)", argument.name));
            let value = self.value(argument, &argument.ty, Some(ty));
            if is_list(&argument.ty) && named(&argument.ty) == "ID" {
                ids = 1 + value.matches(',').count();
            }
            arguments.push_str(&format!(", {}: {value}", argument.name));
        }
        out.push_str(&field.name);
        if !arguments.is_empty() {
            out.push_str(&format!("({})", arguments.trim_start_matches(", ")));
        }
        if self.dice.one_in(40) {
            out.push_str(self.dice.one_of(&[" @include(if: true)", " @skip(if: false)", " @skip(if: true)"]));
        }
        out.push(' ');
        self.reached.insert(coordinate);
        if !composite {
            return 1;
        }
        let inner = Place { ty, depth: at.depth - 1, complexity: below / ids };
        let spent = self.selections(inner, Scope { keys: BTreeSet::new(), path }, out);
        1 + spent * page * ids
    }

    /// Writes a selection set of its own: in braces, sometimes by way of a fragment.
    fn selections(&mut self, at: Place<'_>, mut scope: Scope, out: &mut String) -> usize {
        let fits = |own: &&Fragment| {
            own.ty == at.ty
                && own.depth <= at.depth
                && own.complexity <= at.complexity
                && own.fields + self.fields <= FIELDS
                && own.aliases + self.aliases <= ALIASES
        };
        if let Some(again) = self.fragments.iter().find(fits)
            && self.dice.one_in(2)
        {
            self.fields += again.fields;
            self.aliases += again.aliases;
            out.push_str(&format!("{{ ...{} }} ", again.name));
            return again.complexity;
        }
        let (fields, aliases) = (self.fields, self.aliases);
        let mut own = String::new();
        let spent = self.object(at, &mut scope, &mut own);
        match self.dice.below(24) {
            0 => out.push_str(&format!("{{ ... {{ {own}}} }} ")),
            1 => out.push_str(&format!("{{ ... on {} {{ {own}}} }} ", at.ty)),
            // A page in it has its place once, in the fragment.
            2 | 3 if self.fragments.len() < FRAGMENTS => {
                let name = format!("F{}", self.fragments.len());
                out.push_str(&format!("{{ ...{name} }} "));
                self.fragments.push(Fragment {
                    text: format!(" fragment {name} on {} {{ {own}}}", at.ty),
                    ty: at.ty.to_owned(),
                    name,
                    depth: at.depth,
                    complexity: spent,
                    fields: self.fields - fields,
                    aliases: self.aliases - aliases,
                });
            }
            _ => out.push_str(&format!("{{ {own}}} ")),
        }
        spent
    }

    /// The arguments of a page of at most `size`, with a place for the next one's cursor; rarely ones that are refused.
    fn page(&mut self, coordinate: &str, size: usize, path: &[String]) -> String {
        let mut reach = |arguments: &[&str]| {
            self.reached.extend(arguments.iter().map(|argument| format!("{coordinate}({argument}:)")));
        };
        let (kind, odd) = (self.dice.below(16), self.dice.below(6));
        let forward = kind < 10;
        match kind {
            15 => {
                reach(&["first", "last", "after", "before"]);
                match odd {
                    0 => ", first: 1, last: 1".to_owned(),
                    1 => ", first: 0".to_owned(),
                    // Counts as a hundred.
                    2 if size == 100 => ", last: 101".to_owned(),
                    2 => ", last: -1".to_owned(),
                    3 => ", first: 1, after: \"AAAA\"".to_owned(),
                    4 => ", last: 1, before: \"\"".to_owned(),
                    _ => format!(", first: {size}, after: {}", quoted("WyIiLCIiXQ")),
                }
            }
            14 if size >= 20 => String::new(),
            _ => {
                let argument = if forward { "first" } else { "last" };
                reach(&[argument]);
                let number = self.pages.len();
                self.pages.push(Page { path: path.to_vec(), forward });
                format!(", {argument}: {size}{MARK}{number}{MARK}")
            }
        }
    }

    /// A literal of an input type.
    fn value(&mut self, argument: &Argument, ty: &Type, field: Option<&str>) -> String {
        if let BaseType::List(inner) = &ty.base {
            let length = self.dice.one_of(&[0, 1, 1, 2, 2, 3]);
            let values: Vec<_> = (0..length).map(|_| self.value(argument, inner, field)).collect();
            return format!("[{}]", values.join(", "));
        }
        let grammar = self.grammar;
        let name = named(ty);
        if let Some(values) = grammar.enums.get(name) {
            let value = &values[self.dice.below(values.len())];
            self.reached.insert(format!("{name}.{value}"));
            return value.clone();
        }
        if let Some(fields) = grammar.inputs.get(name) {
            let mut given = Vec::new();
            for own in fields {
                if own.required || self.dice.one_in(2) {
                    self.reached.insert(format!("{name}.{}", own.name));
                    given.push(format!("{}: {}", own.name, self.value(own, &own.ty, None)));
                }
            }
            return format!("{{ {} }}", given.join(", "));
        }
        // `accessId` is an access's; `partner(id:)` is a partner's.
        let stem = argument.name.trim_end_matches("Ids").trim_end_matches("Id");
        let named_after: String = stem
            .chars()
            .enumerate()
            .map(|(nth, c)| if nth == 0 { c.to_ascii_uppercase() } else { c })
            .collect();
        let wanted =
            if grammar.fields.contains_key(&named_after) { Some(named_after.as_str()) } else { field };
        self.values.scalar(&mut self.dice, name, &argument.name, wanted)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Request;
    use posture_gateway::graphql::limits::Limits;
    use posture_gateway::graphql::schema;

    use super::super::{size, worlds};
    use super::*;

    const QUERIES: u64 = 3_000;

    /// What no document names; a stale entry fails.
    const NEVER: &[&str] = &[];

    #[test]
    fn documents_reach_every_field_argument_and_value_of_the_schema() {
        let values = Values::of(&worlds::generate(1));
        let mut reached: BTreeSet<String> = BTreeSet::new();
        for seed in 0..QUERIES {
            reached.extend(query(seed, "Query", &values).reached);
        }
        let all = Grammar::of_the_gateway().coordinates("Query");
        let fields = reached.iter().filter(|coordinate| !coordinate.contains('('));
        size::tried("fields, inputs and values of the schema that documents name", fields.count());
        size::tried("arguments that documents give", reached.iter().filter(|c| c.contains('(')).count());
        let never: Vec<_> = all.difference(&reached).map(String::as_str).collect();
        assert_eq!(never, NEVER);
        let unknown: Vec<_> = reached.difference(&all).collect();
        assert_eq!(unknown, [] as [&String; 0]);
    }

    /// No document is refused before it is executed: by a limit, the parser or a validation rule.
    #[tokio::test]
    async fn documents_are_valid_and_within_the_limits() {
        let schema = schema();
        for seed in 0..QUERIES / 4 {
            let text = generate(seed, &worlds::generate(seed % 10));
            let mut request = Request::new(&text);
            Limits::default().check(&mut request).unwrap_or_else(|error| panic!("{error:?}\n{seed}\n{text}"));
            // Without a session every resolver fails, at its path; what is not valid fails without one.
            let response = schema.execute(request).await;
            let refused: Vec<_> = response.errors.iter().filter(|error| error.path.is_empty()).collect();
            assert!(refused.is_empty(), "{refused:?}\n{seed}\n{text}");
        }
    }

    #[test]
    fn the_same_seed_writes_the_same_document() {
        let world = worlds::generate(3);
        assert_eq!(generate(5, &world), generate(5, &world));
        assert_ne!(generate(5, &world), generate(6, &world));
    }
}
