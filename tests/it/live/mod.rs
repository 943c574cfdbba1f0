//! Live events: who is told what, when, and how a connection ends.

mod events;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use uuid::Uuid;

/// A stream of a customer's findings.
fn findings_of(customer: CustomerId) -> String {
    format!("subscription {{ findingChanged(customerId: \"{}\") {{ title }} }}", GlobalId::Customer(customer))
}

/// Gives a finding another title, as its database's owner.
fn rename(finding: impl Into<Uuid>, title: &str) -> String {
    format!("update findings set title = '{title}' where id = '{}'", finding.into())
}
