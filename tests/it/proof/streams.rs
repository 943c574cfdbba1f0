//! The streams of live events, as the SDL has them. A new one is in every proof by itself, or fails it.

use std::collections::BTreeSet;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;

use super::grammar::{Grammar, named};
use super::queries::stream;
use super::values::{Values, quoted};
use crate::support::dice::Dice;

/// The names of all of them. Whoever opens streams by name holds theirs against these.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = fields().iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn fields() -> &'static [super::grammar::Field] {
    &Grammar::of_the_gateway().fields["SubscriptionRoot"]
}

/// Documents that open all of them, each with a name: one for each customer where a stream is about one. What they select of an event,
/// dice say.
pub(super) fn every(
    customers: &BTreeSet<CustomerId>,
    values: &Values,
    dice: &mut Dice,
) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for field in fields() {
        let arguments: Vec<_> = field.arguments.iter().map(|argument| argument.name.as_str()).collect();
        let calls: Vec<String> = match arguments[..] {
            [] => vec![field.name.clone()],
            ["customerId"] => customers
                .iter()
                .map(|id| {
                    format!("{}(customerId: {})", field.name, quoted(&GlobalId::Customer(*id).to_string()))
                })
                .collect(),
            _ => panic!("the stream `{}` takes {arguments:?}: say what to open it about", field.name),
        };
        for (nth, call) in calls.iter().enumerate() {
            let document = stream(dice.number(), call, named(&field.ty), values);
            all.push((format!("{} {nth}", field.name), document));
        }
    }
    all
}
