//! The consolidated statement of one month, over every access, whatever its operating model.

use chrono::{Datelike, Months, NaiveDate, NaiveTime};
use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::user::PartnerRole;
use posture_gateway::store::seed::{Access, Partner};
use rust_decimal::Decimal;
use serde_json::json;

use super::{Answer, Arguments, Model, Object, leaf, money, record, some};
use crate::proof::model::gate::{PRICING, Who};
use crate::proof::model::names;

impl<'w> Model<'w> {
    pub(super) fn billing(&self, partner: &'w Partner, arguments: &Arguments) -> Answer<'w> {
        match self.asking() {
            Who::Partner(own, PartnerRole::Admin) if own == partner.id => {}
            Who::Platform => {}
            Who::Partner(..) | Who::Customer(..) | Who::Scanner => return Answer::Hidden(PRICING, "ROLE"),
        }
        let day: NaiveDate = arguments["month"].as_str().unwrap().parse().unwrap();
        let first = day.with_day(1).unwrap();
        if first > self.gate.now.date_naive() {
            return Answer::Refused("BAD_USER_INPUT");
        }
        let start = first.and_time(NaiveTime::MIN).and_utc();
        let end = start + Months::new(1);
        let mut rows = self.own_accesses(partner.id);
        rows.retain(|row| row.created_at < end && row.ended_at.is_none_or(|ended| ended > start));
        rows.sort_by(|a, b| {
            let name = |access: &Access| self.gate.customer(access.customer_id).name.as_str();
            names::compare(name(a), name(b)).then(a.id.cmp(&b.id))
        });
        let mut totals = [Decimal::ZERO; 3];
        let mut lines = Vec::new();
        for access in rows {
            let Some(sold) = self.sold(access) else { continue };
            // A trial throughout the month, converted later or not at all.
            let trial = access.trial_started_at.is_some()
                && match access.trial_converted_at {
                    Some(converted) => converted >= end,
                    None => true,
                }
                || access.status == AccessStatus::Trial;
            let micro = chrono::TimeDelta::microseconds(1);
            let priced_at = (end - micro).min(self.gate.now);
            // What ended is billed for what held when it did.
            let priced_at = access.ended_at.map_or(priced_at, |ended| priced_at.min(ended - micro));
            let cost = self.unit_cost(sold, priced_at);
            let (price, cost) = if trial {
                (Decimal::ZERO, Decimal::ZERO)
            } else {
                (self.recurring(sold), cost.unwrap_or_default())
            };
            let amounts = [price, cost, price - cost];
            for (total, amount) in totals.iter_mut().zip(amounts) {
                *total += amount;
            }
            let [price, cost, margin] = amounts.map(|amount| money(amount, &partner.currency));
            lines.push(Some(record(
                "BillingLine",
                vec![
                    ("access", some(Object::Access(access))),
                    ("plan", leaf(sold.plan.as_str())),
                    ("price", price),
                    ("unitCost", cost),
                    ("margin", margin),
                ],
            )));
        }
        let [price, cost, margin] = totals.map(|amount| money(amount, &partner.currency));
        some(record(
            "BillingStatement",
            vec![
                ("month", leaf(json!(first.to_string()))),
                ("lines", Answer::Many(lines)),
                ("total", price),
                ("unitCostTotal", cost),
                ("marginTotal", margin),
            ],
        ))
    }
}
