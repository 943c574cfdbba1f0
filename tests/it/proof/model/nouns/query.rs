//! The roots, and look-up by id: what does not exist and what may not be seen are the same.

use posture_gateway::domain::access::OperatingModel;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::Value;

use super::{Answer, Arguments, Model, Object, leaf, record, some};
use crate::proof::model::gate::{ACTIVITY, CLASSES, COMMERCIAL, POSTURE, SECURITY_CONFIG, Who};
use crate::support::events::is_of_security;

impl<'w> Model<'w> {
    pub(super) fn query(&self, name: &str, arguments: &Arguments) -> Option<Answer<'w>> {
        let id = |argument: &str| {
            let text = arguments.get(argument).map(|id| id.as_str().unwrap().parse::<GlobalId>());
            text.transpose().map_err(|_| Answer::Refused("BAD_USER_INPUT"))
        };
        if name == "viewer" {
            let user = self.who.map(|_| self.world().users.iter().find(|row| row.id == self.user).unwrap());
            return Some(Answer::One(user.map(Object::Viewer)));
        }
        if ["plans", "addOns"].contains(&name) {
            return Some(
                self.who.map_or(Answer::Refused("UNAUTHENTICATED"), |who| self.catalogue(name, who)),
            );
        }
        let known = ["node", "nodes", "partner", "customer", "access", "previewOperatingModel"];
        if !known.contains(&name) {
            return None;
        }
        let Some(who) = self.who else { return Some(Answer::Refused("UNAUTHENTICATED")) };
        let answer = match name {
            "node" => id("id").map(|id| Answer::One(self.node(id.unwrap()))),
            "nodes" => self.nodes(&arguments["ids"]),
            "partner" => id("id").map(|id| {
                Answer::One(match (id, who) {
                    (Some(id @ GlobalId::Partner(_)), _) => self.node(id),
                    (None, Who::Partner(own, _)) => Some(Object::Partner(self.gate.partner(own))),
                    _ => None,
                })
            }),
            "customer" => id("id").map(|id| {
                Answer::One(match (id, who) {
                    (Some(id @ GlobalId::Customer(_)), _) => self.node(id),
                    (None, Who::Customer(own, _)) => Some(Object::Customer(self.gate.customer(own))),
                    _ => None,
                })
            }),
            "access" => id("id").map(|id| {
                Answer::One(match id {
                    Some(id @ GlobalId::Access(..)) => self.node(id),
                    _ => None,
                })
            }),
            _ => id("accessId").map(|id| {
                let access = match id {
                    Some(id @ GlobalId::Access(..)) => self.node(id),
                    _ => None,
                };
                match access {
                    Some(Object::Access(access)) => {
                        let model = arguments["operatingModel"].as_str().unwrap().parse().unwrap();
                        self.preview(access, model)
                    }
                    _ => Answer::One(None),
                }
            }),
        };
        Some(answer.unwrap_or_else(|refused| refused))
    }

    fn nodes(&self, ids: &Value) -> Result<Answer<'w>, Answer<'w>> {
        let texts = match ids {
            Value::Array(ids) => ids.clone(),
            one => vec![one.clone()],
        };
        let parsed: Result<Vec<GlobalId>, _> = texts.iter().map(|id| id.as_str().unwrap().parse()).collect();
        match parsed {
            Ok(ids) if ids.len() <= 100 => {
                Ok(Answer::Many(ids.into_iter().map(|id| self.node(id)).collect()))
            }
            _ => Err(Answer::Refused("BAD_USER_INPUT")),
        }
    }

    /// The answers to an ADMIN of the partner, all other facts as they are.
    fn preview(&self, access: &'w posture_gateway::store::seed::Access, model: OperatingModel) -> Answer<'w> {
        let reason = |class, model| self.gate.for_an_admin(class, access, model);
        let shown = |class, model| reason(class, model).is_none();
        let now = access.operating_model;
        let gained = CLASSES.into_iter().filter(|class| shown(class, model) && !shown(class, now));
        let lost = CLASSES.into_iter().filter(|class| !shown(class, model) && shown(class, now));
        let mut blocked_by: Vec<&str> = Vec::new();
        for reason in [reason(POSTURE, model), reason(SECURITY_CONFIG, model)].into_iter().flatten() {
            if !blocked_by.contains(&reason) {
                blocked_by.push(reason);
            }
        }
        some(record(
            "OperatingModelPreview",
            vec![
                ("gained", leaf(gained.collect::<Vec<_>>())),
                ("lost", leaf(lost.collect::<Vec<_>>())),
                ("blockedBy", leaf(blocked_by)),
            ],
        ))
    }

    /// What an id names, if it exists for who asks.
    fn node(&self, id: GlobalId) -> Option<Object<'w>> {
        let world = self.world();
        let shows = |class, customer: CustomerId| {
            world.customers.iter().any(|row| row.customer_id == customer)
                && self.on_customer(class, customer).is_none()
        };
        macro_rules! posture {
            ($object:ident, $table:ident, $customer:ident, $id:ident) => {
                world
                    .$table
                    .iter()
                    .find(|row| row.customer_id == $customer && row.id == $id && shows(POSTURE, $customer))
                    .map(Object::$object)
            };
        }
        match id {
            GlobalId::Partner(id) => {
                let row = world.partners.iter().find(|row| row.id == id)?;
                self.gate.knows(self.asking(), id).then_some(Object::Partner(row))
            }
            GlobalId::Customer(id) => {
                let row = world.customers.iter().find(|row| row.customer_id == id)?;
                self.gate.meets(self.user, self.asking(), row).then_some(Object::Customer(row))
            }
            GlobalId::Access(customer, id) => {
                let row = world.accesses.iter().find(|row| row.customer_id == customer && row.id == id)?;
                self.exists(row).then_some(Object::Access(row))
            }
            GlobalId::Subscription(customer, id) => {
                let access = world.accesses.iter().find(|row| row.customer_id == customer && row.id == id)?;
                let sold = self.sold(access)?;
                (self.exists(access) && self.on_access(COMMERCIAL, access).is_none())
                    .then_some(Object::Subscription(sold))
            }
            GlobalId::Finding(customer, id) => posture!(Finding, findings, customer, id),
            GlobalId::Asset(customer, id) => posture!(Asset, assets, customer, id),
            GlobalId::Component(customer, id) => posture!(Component, components, customer, id),
            GlobalId::Scan(customer, id) => posture!(Scan, scans, customer, id),
            GlobalId::ScanSchedule(customer, id) => posture!(ScanSchedule, scan_schedules, customer, id),
            GlobalId::Evidence(customer, id) => posture!(Evidence, evidence, customer, id),
            GlobalId::PostureShare(customer, id) => posture!(PostureShare, posture_shares, customer, id),
            GlobalId::CustomerAuditEvent(customer, id) => {
                let mut events = world.customer_audit_events.iter();
                let row = events.find(|row| row.customer_id == customer && row.id == id)?;
                let told = !is_of_security(&row.action) || shows(SECURITY_CONFIG, customer);
                (told && shows(ACTIVITY, customer)).then_some(Object::CustomerAuditEvent(row))
            }
            GlobalId::Quote(customer, id) => {
                let row = world.quotes.iter().find(|row| row.customer_id == customer && row.id == id)?;
                self.reads_the_books(row.partner_id).then_some(Object::Quote(row))
            }
            GlobalId::PartnerAuditEvent(partner, id) => {
                let mut events = world.partner_audit_events.iter();
                let row = events.find(|row| row.partner_id == partner && row.id == id)?;
                self.reads_the_books(partner).then_some(Object::PartnerAuditEvent(row))
            }
            // Neither is a node.
            GlobalId::User(_) | GlobalId::ApiKey(..) | GlobalId::PartnerApiKey(..) => None,
        }
    }
}
