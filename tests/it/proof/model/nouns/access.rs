//! The link between one partner and one customer.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::store::seed::{self, Access};
use serde_json::Value;

use super::{Answer, Model, Object, global, instant, leaf, maybe_instant, record, some, visibility};
use crate::proof::model::gate::{COMMERCIAL, POSTURE};

impl<'w> Model<'w> {
    pub(super) fn access(&self, row: &'w Access, name: &str) -> Option<Answer<'w>> {
        let (consent, until) = self.gate.consent(row);
        Some(match name {
            "id" => global(GlobalId::Access(row.customer_id, row.id)),
            "partner" => some(Object::Partner(self.gate.partner(row.partner_id))),
            "customer" => some(Object::Customer(self.gate.customer(row.customer_id))),
            "status" => leaf(row.status.as_str()),
            "operatingModel" => leaf(row.operating_model.as_str()),
            "privilegeCeiling" => leaf(row.privilege_ceiling.as_str()),
            "customerConsent" => leaf(consent.as_str()),
            "consentUntil" => maybe_instant(until),
            "effectivePrivilege" => {
                let lesser = if consent.rank() < row.privilege_ceiling.rank() {
                    consent
                } else {
                    row.privilege_ceiling
                };
                leaf(lesser.as_str())
            }
            "postureVisible" => leaf(self.gate.for_an_admin(POSTURE, row, row.operating_model).is_none()),
            "visibility" => visibility(|class| self.on_access(class, row)),
            "subscription" => match self.on_access(COMMERCIAL, row) {
                Some(reason) => Answer::Hidden(COMMERCIAL, reason),
                None => Answer::One(self.sold(row).map(Object::Subscription)),
            },
            "trial" => self.trial(row),
            "version" => leaf(row.version),
            "createdAt" => instant(row.created_at),
            _ => return None,
        })
    }

    fn trial(&self, row: &'w Access) -> Answer<'w> {
        let (Some(started), Some(ends), Some(convert_by)) =
            (row.trial_started_at, row.trial_ends_at, row.trial_convert_by)
        else {
            return leaf(Value::Null);
        };
        some(record(
            "Trial",
            vec![
                ("startedAt", instant(started)),
                ("endsAt", instant(ends)),
                ("convertBy", instant(convert_by)),
                ("convertedAt", maybe_instant(row.trial_converted_at)),
                (
                    "electedModel",
                    leaf(
                        row.trial_elected_model.map(posture_gateway::domain::access::OperatingModel::as_str),
                    ),
                ),
                ("expired", leaf(self.gate.trial_expired(row))),
            ],
        ))
    }

    /// What is sold over an access.
    pub(super) fn sold(&self, access: &Access) -> Option<&'w seed::Subscription> {
        self.world().subscriptions.iter().find(|row| row.access_id == access.id)
    }
}
