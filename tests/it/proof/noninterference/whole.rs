//! Documents that ask for all there is below a field: what dice leave out is asked for by these.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::PartnerId;
use posture_gateway::store::seed::World;

use crate::proof::eyes::Eyes;
use crate::proof::grammar::{Field, Grammar, named};
use crate::proof::values::quoted;
use crate::support::dice::Dice;

/// How many a viewer is asked.
const MANY: usize = 6;

/// A document, and the fields that it names.
struct Whole {
    text: String,
    fields: BTreeSet<String>,
}

/// Those that name most of what no answer had before, of what the viewer sees best.
pub(super) fn wholes(
    eyes: &Eyes<'_>,
    shown: &World,
    partner: Option<PartnerId>,
    answered: &BTreeSet<String>,
    dice: &mut Dice,
) -> Vec<String> {
    let mut roots = vec![(String::new(), "Query")];
    let best = shown.customers.iter().map(|row| row.customer_id);
    let best = best.max_by_key(|id| (eyes.security(*id), eyes.posture(*id), dice.below(100)));
    roots.extend(best.map(|id| (format!("customer(id: \"{}\")", GlobalId::Customer(id)), "Customer")));
    if !shown.accesses.is_empty() {
        let access = &shown.accesses[dice.below(shown.accesses.len())];
        let id = GlobalId::Access(access.customer_id, access.id);
        roots.push((format!("access(id: \"{id}\")"), "Access"));
    }
    let argument = partner.map_or(String::new(), |id| format!("(id: \"{}\")", GlobalId::Partner(id)));
    roots.push((format!("partner{argument}"), "Partner"));

    let text = shown.components.iter().map(|row| row.name.as_str()).find(|name| name.len() > 2);
    let mut all = Vec::new();
    for (call, ty) in &roots {
        for field in &Grammar::of_the_gateway().fields[*ty] {
            // These are written out where they are asked for: once is enough, and within the gateway's limits.
            let seen = ["Query", "Customer", "Access", "Partner"].map(str::to_owned).into();
            let mut writer = Writer { text: text.unwrap_or("none"), seen, fields: BTreeSet::new() };
            // Of the root's own fields those alone that ask for nobody's id.
            if let Some(own) = writer.field(ty, field) {
                let text =
                    if call.is_empty() { format!("{{ {own}}}") } else { format!("{{ {call} {{ {own}}} }}") };
                all.push(Whole { text, fields: writer.fields });
            }
        }
    }
    let mut chosen = Vec::new();
    let mut known = answered.clone();
    while chosen.len() < MANY && !all.is_empty() {
        let missing = |whole: &Whole| whole.fields.difference(&known).count();
        let most = all.iter().map(missing).max().unwrap_or_default();
        let those: Vec<usize> = (0..all.len()).filter(|nth| missing(&all[*nth]) == most).collect();
        let whole = all.swap_remove(those[dice.below(those.len())]);
        known.extend(whole.fields);
        chosen.push(whole.text);
    }
    chosen
}

struct Writer<'t> {
    /// What components are searched by.
    text: &'t str,
    /// The types that were written out: each is once.
    seen: BTreeSet<String>,
    fields: BTreeSet<String>,
}

impl Writer<'_> {
    /// A field with all that is below it; none where it takes an id.
    fn field(&mut self, parent: &str, field: &Field) -> Option<String> {
        let mut arguments = Vec::new();
        for argument in field.arguments.iter().filter(|argument| argument.required) {
            let value = match argument.name.as_str() {
                "text" => quoted(self.text),
                "since" => quoted("2026-01-01T00:00:00Z"),
                "month" => quoted("2026-06-01"),
                _ => return None,
            };
            arguments.push(format!("{}: {value}", argument.name));
        }
        if field.takes("first") {
            arguments.push("first: 3".to_owned());
        }
        self.fields.insert(format!("{parent}.{}", field.name));
        let mut text = field.name.clone();
        if !arguments.is_empty() {
            write!(text, "({})", arguments.join(", ")).unwrap();
        }
        let grammar = Grammar::of_the_gateway();
        let target = named(&field.ty);
        text.push(' ');
        if grammar.is_composite(target) {
            let mut below = String::new();
            if self.seen.insert(target.to_owned()) {
                for own in &grammar.fields[target] {
                    below.extend(self.field(target, own));
                }
            }
            if below.is_empty() {
                below.push_str("__typename ");
            }
            write!(text, "{{ {below}}} ").unwrap();
        }
        Some(text)
    }
}
