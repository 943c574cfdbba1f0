//! What partners sell in a world: a catalogue, quotes, prepaid licences and usage alerts.

use chrono::Datelike as _;
use posture_gateway::domain::access::OperatingModel;
use posture_gateway::domain::ids::QuoteId;
use posture_gateway::domain::subscription::LicenseModel;
use posture_gateway::store::seed::{self, World};

use super::{Builder, generate};
use crate::support::world::{NOW, days};

/// The same world with a catalogue, and with quotes, prepaid licences and usage alerts of some subscriptions.
pub(in crate::proof) fn generate_with_sales(seed: u64) -> World {
    let mut b = Builder::new(seed, "proof, sales");
    b.rows = generate(seed);
    for currency in ["EUR", "USD"] {
        for license_model in LicenseModel::ALL {
            let (monthly_price, annual_price) = (b.amount(), b.amount());
            b.rows.plans.push(seed::Plan {
                name: "Basic".to_owned(),
                license_model: *license_model,
                currency: currency.to_owned(),
                monthly_price,
                annual_price,
            });
        }
        let (monthly_price, annual_price) = (b.amount(), b.amount());
        b.rows.plan_add_ons.push(seed::PlanAddOn {
            code: "sso".to_owned(),
            currency: currency.to_owned(),
            name: "SSO".to_owned(),
            monthly_price,
            annual_price,
        });
    }
    b.sales_of_all();
    b.rows
}

impl Builder {
    pub(super) fn sales_of_all(&mut self) {
        for sold in self.rows.subscriptions.clone() {
            self.sales(&sold);
        }
    }

    /// What belongs to a subscription, and what it could have been sold from.
    fn sales(&mut self, sold: &seed::Subscription) {
        let currency = sold.currency.clone();
        if self.dice.one_in(3) {
            let seen = self.dice.one_in(2);
            self.rows.usage_alerts.push(seed::UsageAlert {
                customer_id: sold.customer_id,
                access_id: sold.access_id,
                period_start: NOW.date_naive().with_day(1).unwrap(),
                partner_id: sold.partner_id,
                raised_at: days(-1),
                acknowledged_at: seen.then_some(NOW),
                acknowledged_by: seen.then(|| "Ada".to_owned()),
            });
        }
        if self.dice.one_in(3) {
            let accepted = self.dice.one_in(2);
            let (id, created_at) = (QuoteId(self.id()), self.past());
            self.rows.quotes.push(seed::Quote {
                customer_id: sold.customer_id,
                id,
                partner_id: sold.partner_id,
                plan: sold.plan.clone(),
                license_model: sold.license_model,
                quantity: sold.quantity,
                billing_cycle: sold.billing_cycle,
                operating_model: self.dice.one_of(OperatingModel::ALL),
                trial_days: self.dice.one_in(2).then_some(14),
                price: sold.price,
                currency: currency.clone(),
                add_ons: serde_json::json!([{ "code": "sso", "name": "SSO", "price": "6.06" }]),
                created_at,
                accepted_at: accepted.then_some(created_at),
                access_id: accepted.then_some(sold.access_id),
            });
        }
        if self.dice.one_in(3) {
            let (id, quantity) = (self.id(), self.dice.one_of(&[1, 2, 50]));
            self.rows.prepaid_purchases.push(seed::PrepaidPurchase {
                partner_id: sold.partner_id,
                id,
                license_model: sold.license_model,
                quantity,
                unit_cost: sold.price,
                currency,
                bought_at: days(-20),
            });
        }
    }
}
