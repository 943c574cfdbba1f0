//! Who is asking.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::store::seed;
use serde_json::Value;

use super::{Answer, Model, Object, global, leaf, maybe_instant};
use crate::proof::model::gate::Who;

impl<'w> Model<'w> {
    pub(super) fn viewer(&self, row: &'w seed::User, name: &str) -> Option<Answer<'w>> {
        let who = self.asking();
        Some(match name {
            "id" => global(GlobalId::User(row.id)),
            "kind" => leaf(row.kind.as_str()),
            "name" => leaf(row.name.as_str()),
            "email" => leaf(row.email.clone()),
            "partner" => Answer::One(match who {
                Who::Partner(own, _) => Some(Object::Partner(self.gate.partner(own))),
                _ => None,
            }),
            "partnerRole" => match who {
                Who::Partner(_, role) => leaf(role.as_str()),
                _ => leaf(Value::Null),
            },
            "lastVisitAt" => {
                let visit = self.world().visits.iter().find(|visit| visit.user_id == row.id);
                let comes_back = matches!(who, Who::Partner(..) | Who::Customer(..));
                maybe_instant(visit.filter(|_| comes_back).map(|visit| visit.at))
            }
            "customer" => Answer::One(match who {
                Who::Customer(own, _) => Some(Object::Customer(self.gate.customer(own))),
                _ => None,
            }),
            "customerRole" => match who {
                Who::Customer(_, role) => leaf(role.as_str()),
                _ => leaf(Value::Null),
            },
            _ => return None,
        })
    }
}
