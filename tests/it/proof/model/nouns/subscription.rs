//! Subscriptions: prices of a month, costs and metering (DESIGN.md 7).

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel};
use posture_gateway::store::seed::Subscription;
use rust_decimal::Decimal;
use serde_json::Value;

use super::{Answer, Model, Object, cents, global, instant, leaf, money, record, some};
use crate::proof::model::gate::PRICING;

/// What is used of what, in its period.
struct Metered {
    used: usize,
    limit: Option<usize>,
    threshold: Option<usize>,
    from: NaiveDate,
    to: NaiveDate,
}

impl Metered {
    fn alerting(&self) -> bool {
        self.limit.zip(self.threshold).is_some_and(|(limit, percent)| self.used * 100 >= limit * percent)
    }
}

impl<'w> Model<'w> {
    pub(super) fn subscription(&self, row: &'w Subscription, name: &str) -> Option<Answer<'w>> {
        let access = self.world().accesses.iter().find(|access| access.id == row.access_id).unwrap();
        let price = a_month(row.price, row);
        // What has ended gives its prepaid licence back.
        let covered = Subscription { prepaid: row.prepaid && access.ended_at.is_none(), ..row.clone() };
        let cost = self.unit_cost(&covered, self.gate.now);
        let priced = |amount: Option<Decimal>| match self.on_access(PRICING, access) {
            Some(reason) => Answer::Hidden(PRICING, reason),
            None => amount.map_or(leaf(Value::Null), |amount| money(amount, &row.currency)),
        };
        Some(match name {
            "id" => global(GlobalId::Subscription(row.customer_id, row.access_id)),
            "access" => some(Object::Access(access)),
            "plan" => leaf(row.plan.as_str()),
            "billingCycle" => leaf(row.billing_cycle.as_str()),
            "status" => leaf(row.status.as_str()),
            "startedAt" => instant(row.started_at),
            "renewalDate" => leaf(row.renewal_date.map(|date| date.to_string())),
            "licenseModel" => leaf(row.license_model.as_str()),
            "quantity" => leaf(row.quantity),
            "usage" => self.usage(row),
            "addOns" => {
                let mut add_ons: Vec<_> =
                    self.world().add_ons.iter().filter(|add_on| add_on.access_id == row.access_id).collect();
                add_ons.sort_by(|a, b| a.code.cmp(&b.code));
                let add_on = |add_on: &'w posture_gateway::store::seed::AddOn| {
                    let price = money(a_month(add_on.price, row), &row.currency);
                    let fields = vec![
                        ("code", leaf(add_on.code.as_str())),
                        ("name", leaf(add_on.name.as_str())),
                        ("price", price),
                    ];
                    Some(record("AddOn", fields))
                };
                Answer::Many(add_ons.into_iter().map(add_on).collect())
            }
            "price" => money(price, &row.currency),
            "unitCost" => priced(cost),
            "margin" => priced(cost.map(|cost| price - cost)),
            _ => return None,
        })
    }

    /// The monthly price with add-ons.
    pub(super) fn recurring(&self, row: &Subscription) -> Decimal {
        let add_ons = self.world().add_ons.iter().filter(|add_on| add_on.access_id == row.access_id);
        a_month(row.price, row) + add_ons.map(|add_on| a_month(add_on.price, row)).sum::<Decimal>()
    }

    /// What the licence cost the partner at an instant; none where the platform had set no price.
    pub(super) fn unit_cost(&self, row: &Subscription, at: DateTime<Utc>) -> Option<Decimal> {
        let mut prices: Vec<_> = self.world().pricing.iter().collect();
        prices.retain(|price| price.license_model == row.license_model && price.currency == row.currency);
        prices.retain(|price| price.valid_from <= at);
        prices.sort_by_key(|price| price.valid_from);
        prices.last().map(|price| if row.prepaid { price.prepaid_unit_cost } else { price.unit_cost })
    }

    fn metered(&self, row: &Subscription) -> Metered {
        let today = self.gate.now.date_naive();
        let from = today.with_day(1).unwrap();
        let to = (from + Months::new(1)).pred_opt().unwrap();
        let (used, threshold) = match row.license_model {
            LicenseModel::PerAsset => {
                let assets = self.world().assets.iter().filter(|asset| asset.customer_id == row.customer_id);
                (assets.count(), Some(90))
            }
            LicenseModel::PerScan => {
                let scans = self.world().scans.iter().filter(|scan| scan.customer_id == row.customer_id);
                let month = |at: DateTime<Utc>| (at.year(), at.month());
                (scans.filter(|scan| month(scan.requested_at) == month(self.gate.now)).count(), Some(80))
            }
            LicenseModel::Unlimited => (0, None),
        };
        let limit = row.quantity.map(|quantity| usize::try_from(quantity).unwrap());
        Metered { used, limit, threshold, from, to }
    }

    pub(super) fn alerts(&self, row: &Subscription) -> bool {
        self.metered(row).alerting()
    }

    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn usage(&self, row: &Subscription) -> Answer<'w> {
        let metered = self.metered(row);
        some(record(
            "Usage",
            vec![
                ("used", leaf(metered.used)),
                ("limit", leaf(metered.limit)),
                ("percent", leaf(metered.limit.map(|limit| 100.0 * metered.used as f64 / limit as f64))),
                ("alertThresholdPercent", leaf(metered.threshold)),
                ("alerting", leaf(metered.alerting())),
                ("alert", self.alert(row, metered.from)),
                ("periodStart", leaf(metered.from.to_string())),
                ("periodEnd", leaf(metered.to.to_string())),
            ],
        ))
    }
}

/// A year's price is divided by 12, to the cent.
fn a_month(price: Decimal, row: &Subscription) -> Decimal {
    match row.billing_cycle {
        BillingCycle::Monthly => cents(price),
        BillingCycle::Annual => cents(price / Decimal::from(12)),
    }
}
