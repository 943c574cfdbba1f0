//! Live events: who is told what, when, and how a connection ends.

mod ends;
mod events;
mod gateways;
mod limits;
mod load;
mod protocol;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, FindingId};
use serde_json::{Value, json};

/// A stream of a customer's findings.
pub(crate) fn findings_of(customer: CustomerId) -> String {
    format!("subscription {{ findingChanged(customerId: \"{}\") {{ title }} }}", GlobalId::Customer(customer))
}

/// A stream of accesses.
const ACCESSES: &str = "subscription { accessChanged { customer { name } operatingModel } }";

/// Gives a finding another title, as its database's owner.
pub(crate) fn rename(finding: FindingId, title: &str) -> String {
    format!("update findings set title = '{title}' where id = '{finding}'")
}

/// Gives an access another model, likewise.
pub(crate) fn model(access: AccessId, model: &str) -> String {
    format!("update accesses set operating_model = '{model}', version = version + 1 where id = '{access}'")
}

/// The event of a finding.
pub(crate) fn told(title: &str) -> Value {
    json!({ "data": { "findingChanged": { "title": title } } })
}
