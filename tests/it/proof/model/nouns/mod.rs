//! What each field of each type answers, a file per noun. A field that no file knows is `None`, and fails the test.

mod access;
mod audit;
mod billing;
mod customer;
mod dashboard;
mod partner;
mod people;
mod posture;
mod query;
mod sales;
mod scan;
mod security;
mod subscription;
mod trend;
mod viewer;

use chrono::{DateTime, Utc};
use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::ids::{CustomerId, UserId};
use posture_gateway::store::seed::{self, World};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use super::answer::{Answer, Arguments};
use super::gate::{Gate, Reason, Who};
use super::page::Cursors;

/// Something that has fields.
#[derive(Clone, Debug)]
pub(super) enum Object<'w> {
    Query,
    Viewer(&'w seed::User),
    Partner(&'w seed::Partner),
    Customer(&'w seed::Customer),
    Access(&'w seed::Access),
    Subscription(&'w seed::Subscription),
    Finding(&'w seed::Finding),
    Asset(&'w seed::Asset),
    Component(&'w seed::Component),
    Scan(&'w seed::Scan),
    ScanSchedule(&'w seed::ScanSchedule),
    Evidence(&'w seed::Evidence),
    PostureShare(&'w seed::PostureShare),
    PartnerAuditEvent(&'w seed::PartnerAuditEvent),
    CustomerAuditEvent(&'w seed::CustomerAuditEvent),
    Quote(&'w seed::Quote),
    /// A type without a row of its own, with all of its fields.
    Record(&'static str, Vec<(&'static str, Answer<'w>)>),
}

pub(super) fn record<'w>(of: &'static str, fields: Vec<(&'static str, Answer<'w>)>) -> Object<'w> {
    Object::Record(of, fields)
}

impl Object<'_> {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Object::Query => "Query",
            Object::Viewer(_) => "Viewer",
            Object::Partner(_) => "Partner",
            Object::Customer(_) => "Customer",
            Object::Access(_) => "Access",
            Object::Subscription(_) => "Subscription",
            Object::Finding(_) => "Finding",
            Object::Asset(_) => "Asset",
            Object::Component(_) => "Component",
            Object::Scan(_) => "Scan",
            Object::ScanSchedule(_) => "ScanSchedule",
            Object::Evidence(_) => "Evidence",
            Object::PostureShare(_) => "PostureShare",
            Object::PartnerAuditEvent(_) => "PartnerAuditEvent",
            Object::CustomerAuditEvent(_) => "CustomerAuditEvent",
            Object::Quote(_) => "Quote",
            Object::Record(name, _) => name,
        }
    }
}

/// A world, an instant, and who asks.
pub(super) struct Model<'w> {
    pub(super) gate: Gate<'w>,
    pub(super) user: UserId,
    /// Nobody, where anonymous or disabled.
    pub(super) who: Option<Who>,
    pub(super) cursors: Cursors,
}

impl<'w> Model<'w> {
    pub(super) fn new(world: &'w World, now: DateTime<Utc>, user: UserId) -> Self {
        let gate = Gate { world, now };
        Self { gate, user, who: gate.who(user), cursors: Cursors::default() }
    }

    fn world(&self) -> &'w World {
        self.gate.world
    }

    /// Who asks, below a root that nobody passes.
    fn asking(&self) -> Who {
        self.who.unwrap()
    }

    /// The answer of a field; none where the model does not know it.
    pub(super) fn field(&self, object: &Object<'w>, name: &str, arguments: &Arguments) -> Option<Answer<'w>> {
        match object {
            Object::Query => self.query(name, arguments),
            Object::Viewer(row) => self.viewer(row, name),
            Object::Partner(row) => self.partner(row, name, arguments),
            Object::Customer(row) => self.customer(row, name, arguments),
            Object::Access(row) => self.access(row, name),
            Object::Subscription(row) => self.subscription(row, name),
            Object::Finding(row) => self.finding(row, name, arguments),
            Object::Asset(row) => self.asset(row, name),
            Object::Component(row) => posture::component(row, name),
            Object::Scan(row) => self.scan(row, name),
            Object::ScanSchedule(row) => self.scan_schedule(row, name),
            Object::Evidence(row) => self.evidence(row, name),
            Object::PostureShare(row) => posture::posture_share(row, self.asking(), name),
            Object::PartnerAuditEvent(row) => self.partner_audit_event(row, name),
            Object::Quote(row) => self.quote(row, name),
            Object::CustomerAuditEvent(row) => audit::customer_audit_event(row, name),
            Object::Record(_, fields) => {
                fields.iter().find(|(known, _)| *known == name).map(|(_, answer)| answer.clone())
            }
        }
    }

    fn on_customer(&self, class: &'static str, customer: CustomerId) -> Reason {
        self.gate.on_customer(self.user, self.asking(), class, customer)
    }

    fn on_access(&self, class: &'static str, access: &seed::Access) -> Reason {
        self.gate.on_access(self.user, self.asking(), class, access)
    }

    /// Whether an access exists for who asks.
    fn exists(&self, access: &seed::Access) -> bool {
        self.gate.exists(self.user, self.asking(), access)
    }
}

fn leaf(value: impl Into<Value>) -> Answer<'static> {
    Answer::Leaf(value.into())
}

fn some(object: Object<'_>) -> Answer<'_> {
    Answer::One(Some(object))
}

fn instant(at: DateTime<Utc>) -> Answer<'static> {
    leaf(at.to_rfc3339())
}

fn maybe_instant(at: Option<DateTime<Utc>>) -> Answer<'static> {
    at.map_or(Answer::Leaf(Value::Null), instant)
}

/// To the cent, half away from zero.
fn cents(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

fn money<'w>(amount: Decimal, currency: &str) -> Answer<'w> {
    let amount = format!("{:.2}", cents(amount));
    some(record("Money", vec![("amount", leaf(amount)), ("currency", leaf(currency))]))
}

/// Critical, high, medium, low and informational.
fn counts<'w>(by_severity: [usize; 5]) -> Answer<'w> {
    let [critical, high, medium, low, info] = by_severity;
    some(record(
        "SeverityCounts",
        vec![
            ("critical", leaf(critical)),
            ("high", leaf(high)),
            ("medium", leaf(medium)),
            ("low", leaf(low)),
            ("info", leaf(info)),
            ("total", leaf(by_severity.iter().sum::<usize>())),
        ],
    ))
}

/// Critical first.
fn severity_place(severity: Severity) -> usize {
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info]
        .iter()
        .position(|known| *known == severity)
        .unwrap()
}

/// A class of data for each, with the reason where it is hidden; the sentence is only there or not.
fn visibility(reason: impl Fn(&'static str) -> Reason) -> Answer<'static> {
    let entry = |class: &'static str| {
        let hidden = reason(class);
        Some(record(
            "ClassVisibility",
            vec![
                ("class", leaf(class)),
                ("visible", leaf(hidden.is_none())),
                ("reason", leaf(hidden)),
                ("explanation", leaf(hidden.map(|_| super::compare::SENTENCE))),
            ],
        ))
    };
    Answer::Many(super::gate::CLASSES.into_iter().map(entry).collect())
}

/// Whether a filter's list has the value; a filter that is not given has every value.
fn among(filter: Option<&Value>, value: Option<&str>) -> bool {
    match filter {
        None => true,
        Some(Value::Array(list)) => value.is_some_and(|value| list.iter().any(|known| known == value)),
        // GraphQL takes one value for a list of one.
        Some(one) => value.is_some_and(|value| one == value),
    }
}

/// Whether a text holds the filter's, in any case.
fn contains(filter: Option<&Value>, texts: &[Option<&str>]) -> bool {
    let Some(needle) = filter else { return true };
    let needle = needle.as_str().unwrap().to_lowercase();
    texts.iter().flatten().any(|text| text.to_lowercase().contains(&needle))
}

fn instant_of(filter: Option<&Value>) -> Option<DateTime<Utc>> {
    filter.map(|text| DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().to_utc())
}

fn global(id: posture_gateway::domain::global_id::GlobalId) -> Answer<'static> {
    leaf(json!(id.to_string()))
}
