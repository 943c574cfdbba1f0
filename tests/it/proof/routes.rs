//! Every way from the root to every type of the real schema, and documents that go them: made from the exported SDL,
//! so that a new type or field is on a route or fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};
use posture_gateway::policy::DataClass;

/// A field of an object or an interface.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// The name of its type, without lists and marks.
    pub(super) target: String,
    pub(super) nullable: bool,
    /// The class that its `@gate` names.
    pub(super) gate: Option<DataClass>,
    /// Whether it adds up what the gate shows, by `@aggregate`.
    pub(super) aggregates: bool,
    /// Its arguments; true where one has to be given.
    arguments: BTreeMap<String, bool>,
}

/// The schema, as far as routes need it.
pub(super) struct Api {
    /// The type that queries start from.
    pub(super) root: String,
    /// Every object and interface with its fields.
    pub(super) types: BTreeMap<String, Vec<Field>>,
    /// The objects that implement an interface.
    implementers: BTreeMap<String, Vec<String>>,
}

/// A step from a type to the next: a field, and on which of the types that it may answer the route goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) parent: String,
    pub(super) field: String,
    /// The type that it leads to; where the field's own type is an interface, one of its objects.
    pub(super) on: String,
    /// Whether an id that may be left out is given.
    pub(super) by_id: bool,
}

impl Step {
    /// Whether it names what it wants.
    pub(super) fn has_ids(&self) -> bool {
        self.by_id || !["viewer", "partner", "customer"].contains(&self.field.as_str())
    }
}

/// A way from the root to a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) steps: Vec<Step>,
    /// Whether the fields at its end stand in a named fragment, under other names.
    pub(super) in_fragment: bool,
}

impl Route {
    /// The type at its end.
    pub(super) fn to<'a>(&'a self, root: &'a str) -> &'a str {
        self.steps.last().map_or(root, |step| &step.on)
    }

    /// How many of the document's fields at the root it takes.
    pub(super) fn root_fields(&self, api: &Api) -> usize {
        if self.steps.is_empty() { api.types[&api.root].len() } else { 1 }
    }

    /// Its name in reports: `customer(id).findings.nodes`.
    pub(super) fn name(&self) -> String {
        let mut name = self.steps.iter().fold("query".to_owned(), |mut name, step| {
            write!(name, ".{}{}", step.field, if step.by_id { "(id)" } else { "" }).unwrap();
            if matches!(step.field.as_str(), "node" | "nodes") && step.parent == "Query" {
                write!(name, "<{}>", step.on).unwrap();
            }
            name
        });
        if self.in_fragment {
            name.push_str(" in a fragment");
        }
        name
    }
}

/// What an argument is given that is the same whoever is asked about.
pub(super) fn usual(argument: &str) -> Option<&'static str> {
    match argument {
        "month" => Some("\"2026-06-01\""),
        "operatingModel" => Some("FULLY_MANAGED"),
        "since" => Some("\"2026-06-01T12:00:00Z\""),
        "text" => Some("\"left-pad\""),
        _ => None,
    }
}

fn named(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

fn field(definition: &FieldDefinition) -> Field {
    let gate = definition.directives.iter().find(|directive| directive.node.name.node == "gate");
    let class = gate.map(|gate| gate.node.get_argument("class").unwrap().node.to_string().parse().unwrap());
    let arguments = definition.arguments.iter().map(|argument| {
        let argument = &argument.node;
        (argument.name.node.to_string(), !argument.ty.node.nullable && argument.default_value.is_none())
    });
    Field {
        name: definition.name.node.to_string(),
        target: named(&definition.ty.node).to_owned(),
        nullable: definition.ty.node.nullable,
        gate: class,
        aggregates: definition.directives.iter().any(|directive| directive.node.name.node == "aggregate"),
        arguments: arguments.collect(),
    }
}

impl Api {
    /// Reads the schema definition language.
    pub(super) fn of(sdl: &str) -> Self {
        let mut api = Self { root: String::new(), types: BTreeMap::new(), implementers: BTreeMap::new() };
        for definition in parse_schema(sdl).unwrap().definitions {
            let positioned = match definition {
                TypeSystemDefinition::Type(positioned) => positioned.node,
                TypeSystemDefinition::Schema(schema) => {
                    api.root = schema.node.query.unwrap().node.to_string();
                    continue;
                }
                TypeSystemDefinition::Directive(_) => continue,
            };
            let name = positioned.name.node.to_string();
            let fields = match positioned.kind {
                TypeKind::Object(object) => {
                    for interface in object.implements {
                        api.implementers.entry(interface.node.to_string()).or_default().push(name.clone());
                    }
                    object.fields
                }
                TypeKind::Interface(interface) => interface.fields,
                TypeKind::Union(_) => panic!("`{name}` is a union: say how a route goes through one"),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::InputObject(_) => continue,
            };
            api.types.insert(name, fields.iter().map(|definition| field(&definition.node)).collect());
        }
        api
    }

    pub(super) fn field(&self, parent: &str, name: &str) -> &Field {
        self.types[parent].iter().find(|field| field.name == name).unwrap()
    }

    /// Whether an object's type is the one named, or implements it.
    pub(super) fn is_a(&self, object: &str, name: &str) -> bool {
        object == name || self.implementers.get(name).is_some_and(|all| all.iter().any(|one| one == object))
    }

    /// Every step from a type.
    fn steps(&self, parent: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        for field in &self.types[parent] {
            if !self.types.contains_key(&field.target) {
                continue;
            }
            let implementers = self.implementers.get(&field.target).into_iter().flatten();
            for on in std::iter::once(&field.target).chain(implementers) {
                let step = |by_id| Step {
                    parent: parent.to_owned(),
                    field: field.name.clone(),
                    on: on.clone(),
                    by_id,
                };
                match field.arguments.get("id") {
                    Some(true) => steps.push(step(true)),
                    Some(false) => steps.extend([step(true), step(false)]),
                    None => steps.push(step(false)),
                }
            }
        }
        steps
    }

    /// The shortest way to each type that a query reaches; through an interface only to the interface itself.
    fn shortest(&self) -> BTreeMap<String, Vec<Step>> {
        let mut found = BTreeMap::from([(self.root.clone(), Vec::new())]);
        let mut queue = VecDeque::from([self.root.clone()]);
        while let Some(parent) = queue.pop_front() {
            for step in self.steps(&parent) {
                if step.on == self.field(&parent, &step.field).target && !found.contains_key(&step.on) {
                    let way = [found[&parent].clone(), vec![step.clone()]].concat();
                    found.insert(step.on.clone(), way);
                    queue.push_back(step.on);
                }
            }
        }
        found
    }

    /// The ways to every type: the shortest one to each place from which a step leads to it, and where there is but one
    /// such place, a second way to that place. The shortest of them also with a named fragment at its end.
    pub(super) fn routes(&self) -> Vec<Route> {
        let shortest = self.shortest();
        let mut routes = Vec::new();
        for name in self.types.keys().filter(|name| shortest.contains_key(*name)) {
            let ways = self.ways(&shortest, name);
            let in_fragment = Route { steps: ways[0].clone(), in_fragment: true };
            routes.extend(ways.into_iter().map(|steps| Route { steps, in_fragment: false }));
            routes.push(in_fragment);
        }
        // Neighbours read the same rows: in one document, once.
        routes.sort_by_key(Route::name);
        routes
    }

    fn ways(&self, shortest: &BTreeMap<String, Vec<Step>>, to: &str) -> Vec<Vec<Step>> {
        if to == self.root {
            return vec![Vec::new()];
        }
        let last: Vec<Step> =
            shortest.keys().flat_map(|parent| self.steps(parent)).filter(|step| step.on == to).collect();
        let mut ways: Vec<Vec<Step>> =
            last.iter().map(|step| [shortest[&step.parent].clone(), vec![step.clone()]].concat()).collect();
        if let [only] = &last[..] {
            let round = self.ways(shortest, &only.parent).into_iter().nth(1);
            ways.extend(round.map(|way| [way, vec![only.clone()]].concat()));
        }
        ways.sort_by_key(Vec::len);
        ways
    }

    /// The types that no query reaches.
    pub(super) fn unreached(&self) -> BTreeSet<String> {
        let reached = self.shortest();
        self.types.keys().filter(|name| !reached.contains_key(*name)).cloned().collect()
    }

    /// The text of a route from the root on, under an alias. What goes into a named fragment is added to `fragments`.
    pub(super) fn write(
        &self,
        route: &Route,
        alias: &str,
        values: &dyn Fn(&Step, &str) -> Option<String>,
        fragments: &mut Vec<String>,
    ) -> String {
        let Some((first, rest)) = route.steps.split_first() else {
            let fields = self.everything_of(&self.root, Some(alias), values);
            return if route.in_fragment { Self::fragment(&self.root, &fields, fragments) } else { fields };
        };
        let below = self.below(first, rest, route, values, fragments);
        format!("{alias}: {}{} {{ {below} }}", first.field, self.arguments(first, values))
    }

    /// What is selected of the object that a step leads to.
    fn below(
        &self,
        step: &Step,
        rest: &[Step],
        route: &Route,
        values: &dyn Fn(&Step, &str) -> Option<String>,
        fragments: &mut Vec<String>,
    ) -> String {
        let fields = match rest.split_first() {
            Some((next, rest)) => {
                // Who this is: what the answers below it are decided by.
                let has_id = self.types[&step.on].iter().any(|field| field.name == "id");
                let below = self.below(next, rest, route, values, fragments);
                let id = if has_id { "id " } else { "" };
                format!("{id}{}{} {{ {below} }}", next.field, self.arguments(next, values))
            }
            None if route.in_fragment => {
                let fields = self.everything_of(&step.on, Some("renamed"), values);
                Self::fragment(&step.on, &fields, fragments)
            }
            None => self.everything_of(&step.on, None, values),
        };
        if step.on == self.field(&step.parent, &step.field).target {
            format!("__typename {fields}")
        } else {
            format!("__typename ... on {} {{ {fields} }}", step.on)
        }
    }

    fn fragment(on: &str, fields: &str, fragments: &mut Vec<String>) -> String {
        let name = format!("f{}", fragments.len());
        fragments.push(format!("fragment {name} on {on} {{ {fields} }}"));
        format!("...{name}")
    }

    /// Every field of a type; of objects below it only that they are there. With a prefix, the gated ones and the first
    /// have other names (at the root all of them).
    fn everything_of(
        &self,
        name: &str,
        prefix: Option<&str>,
        values: &dyn Fn(&Step, &str) -> Option<String>,
    ) -> String {
        let mut text = String::new();
        for (nth, field) in self.types[name].iter().enumerate() {
            let by_id = field.arguments.contains_key("id");
            let (parent, on) = (name.to_owned(), field.target.clone());
            let step = Step { parent, field: field.name.clone(), on, by_id };
            if let Some(prefix) = prefix.filter(|_| field.gate.is_some() || nth == 0 || name == self.root) {
                write!(text, "{prefix}_{}: ", field.name).unwrap();
            }
            let below = if self.types.contains_key(&field.target) { " { __typename }" } else { "" };
            write!(text, "{}{}{below} ", field.name, self.arguments(&step, values)).unwrap();
        }
        text
    }

    /// A field as shortly as it can be asked for.
    pub(super) fn minimal(&self, field: &Field) -> String {
        self.asked(field, "__typename")
    }

    /// Every field of a type, of lists a page of one. Of the objects that they lead to as much, one level less; at none that they are there.
    pub(super) fn all_of(&self, kind: &str, levels: usize) -> String {
        let mut text = "__typename ".to_owned();
        for field in &self.types[kind] {
            let below = match levels.checked_sub(1) {
                Some(levels) if self.types.contains_key(&field.target) => self.all_of(&field.target, levels),
                _ => "__typename".to_owned(),
            };
            write!(text, "{} ", self.asked(field, &below)).unwrap();
        }
        text
    }

    /// A field by what it has to be given, and what is asked of the object that it leads to, if it does.
    fn asked(&self, field: &Field, of_object: &str) -> String {
        let given = field.arguments.iter().filter_map(|(argument, required)| match usual(argument) {
            _ if argument == "first" => Some("first: 1".to_owned()),
            Some(value) if *required => Some(format!("{argument}: {value}")),
            _ => {
                assert!(!required, "`{}` has to be given `{argument}`", field.name);
                None
            }
        });
        let given = given.collect::<Vec<_>>().join(", ");
        let given = if given.is_empty() { given } else { format!("({given})") };
        let below = if self.types.contains_key(&field.target) {
            format!(" {{ {of_object} }}")
        } else {
            String::new()
        };
        format!("{}{given}{below}", field.name)
    }

    fn arguments(&self, step: &Step, values: &dyn Fn(&Step, &str) -> Option<String>) -> String {
        let field = self.field(&step.parent, &step.field);
        let mut all = Vec::new();
        for (argument, required) in &field.arguments {
            let value = match argument.as_str() {
                // A page of a few, for what stands below it counts as often.
                "first" => Some("6".to_owned()),
                "id" if !step.by_id => None,
                argument if argument == "id" || *required => values(step, argument),
                _ => None,
            };
            assert!(
                value.is_some() || !required,
                "{}.{} takes `{argument}`: give it a value",
                step.parent,
                step.field
            );
            all.extend(value.map(|value| format!("{argument}: {value}")));
        }
        if all.is_empty() { String::new() } else { format!("({})", all.join(", ")) }
    }
}
