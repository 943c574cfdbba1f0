//! What the demo's partners were shown of their customers in the last days.

use chrono::{DateTime, TimeDelta, Utc};

use super::cast::{Stage, Tenant};
use super::dice::Dice;
use super::people;
use crate::domain::access::{OperatingModel, Privilege};
use crate::policy::DataClass;
use crate::store::seed::{self, deterministic_id};

/// How many days back it goes.
const DAYS: u32 = 14;

/// Requests that a partner's application sends: its operation, and what each shows of a class.
const REQUESTS: [(&str, DataClass, &[&str]); 4] = [
    ("PartnerHome", DataClass::Posture, &["Customer.lastScanAt", "Customer.posture"]),
    ("Dashboard", DataClass::Posture, &["PartnerDashboard.posture"]),
    ("CustomerFindings", DataClass::Posture, &["Customer.findings"]),
    ("CustomerActivity", DataClass::Activity, &["Customer.auditLog"]),
];

/// Some records a day for every access that shows posture.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    for tenant in tenants {
        for link in &tenant.links {
            let shows = link.stage == Stage::Active
                && link.model != OperatingModel::CustomerManaged
                && link.ceiling.min(link.consent) >= Privilege::Support
                && link.until.is_none()
                && link.age > i64::from(DAYS);
            if !shows {
                continue;
            }
            let mut dice = Dice::new("reads", link.nth);
            let (name, address) = people::partner_admin(link.house);
            for back in 0..DAYS {
                for (nth, (operation, class, fields)) in (0_u32..).zip(REQUESTS) {
                    if dice.percent(70) {
                        continue;
                    }
                    let number = world.access_records.len() as u64;
                    world.access_records.push(seed::AccessRecord {
                        customer_id: tenant.id(),
                        at: now
                            - TimeDelta::days(back.into())
                            - TimeDelta::minutes((nth * 17 + dice.below(500)).into()),
                        id: deterministic_id("access-record", number),
                        partner_id: link.house.id(),
                        user_id: people::user_id(&address),
                        user_name: name.clone(),
                        request_id: deterministic_id("access-record-request", number),
                        class,
                        operation: Some(operation.to_owned()),
                        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
                    });
                }
            }
        }
    }
}
