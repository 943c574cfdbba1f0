//! The catalogue, quotes, prepaid licences and usage alerts.

use std::cmp::Reverse;

use chrono::NaiveDate;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel};
use posture_gateway::domain::user::PartnerRole;
use posture_gateway::store::seed::{Partner, Quote, Subscription};
use rust_decimal::Decimal;

use super::{
    Answer, Arguments, Model, Object, cents, global, instant, leaf, maybe_instant, money, record, some,
};
use crate::proof::model::gate::{PRICING, Who};
use crate::proof::model::page::List;

impl<'w> Model<'w> {
    /// For who sells, in their currency, and for who keeps it.
    pub(super) fn catalogue(&self, name: &str, who: Who) -> Answer<'w> {
        let own = match who {
            Who::Partner(own, _) => Some(self.gate.partner(own).currency.as_str()),
            Who::Platform => None,
            Who::Customer(..) | Who::Scanner => return Answer::One(None),
        };
        let shown = |currency: &str| own.is_none_or(|own| own == currency);
        let world = self.world();
        if name == "plans" {
            let mut rows: Vec<_> = world.plans.iter().filter(|row| shown(&row.currency)).collect();
            rows.sort_by_key(|row| (&row.name, row.license_model.as_str(), &row.currency));
            let plan = |row: &'w posture_gateway::store::seed::Plan| {
                let fields = vec![
                    ("name", leaf(row.name.as_str())),
                    ("licenseModel", leaf(row.license_model.as_str())),
                    ("monthlyPrice", money(row.monthly_price, &row.currency)),
                    ("annualPrice", money(row.annual_price, &row.currency)),
                ];
                Some(record("Plan", fields))
            };
            return Answer::Many(rows.into_iter().map(plan).collect());
        }
        let mut rows: Vec<_> = world.plan_add_ons.iter().filter(|row| shown(&row.currency)).collect();
        rows.sort_by_key(|row| (&row.code, &row.currency));
        let add_on = |row: &'w posture_gateway::store::seed::PlanAddOn| {
            let fields = vec![
                ("code", leaf(row.code.as_str())),
                ("name", leaf(row.name.as_str())),
                ("monthlyPrice", money(row.monthly_price, &row.currency)),
                ("annualPrice", money(row.annual_price, &row.currency)),
            ];
            Some(record("PlanAddOn", fields))
        };
        Answer::Many(rows.into_iter().map(add_on).collect())
    }

    /// A partner's quotes, newest first.
    pub(super) fn quotes(&self, partner: &'w Partner, arguments: &Arguments) -> Answer<'w> {
        let mut rows: Vec<_> =
            self.world().quotes.iter().filter(|row| row.partner_id == partner.id).collect();
        rows.sort_by_key(|row| Reverse((row.created_at, row.id)));
        let list = List {
            name: format!("Partner.quotes {}", partner.id),
            rows: rows.into_iter().map(|row| (row.id.0, Object::Quote(row), true)).collect(),
            connection: "QuoteConnection",
            edge: "QuoteEdge",
        };
        list.page(&self.cursors, arguments)
    }

    pub(super) fn quote(&self, row: &'w Quote, name: &str) -> Option<Answer<'w>> {
        let months = Decimal::from(match row.billing_cycle {
            BillingCycle::Monthly => 1,
            BillingCycle::Annual => 12,
        });
        let add_ons = row.add_ons.as_array().unwrap();
        Some(match name {
            "id" => global(GlobalId::Quote(row.customer_id, row.id)),
            "customer" => some(Object::Customer(self.gate.customer(row.customer_id))),
            "plan" => leaf(row.plan.as_str()),
            "operatingModel" => leaf(row.operating_model.as_str()),
            "licenseModel" => leaf(row.license_model.as_str()),
            "quantity" => leaf(row.quantity),
            "billingCycle" => leaf(row.billing_cycle.as_str()),
            "addOns" => leaf(add_ons.iter().map(|add_on| add_on["code"].clone()).collect::<Vec<_>>()),
            "price" => {
                let added = add_ons.iter().map(|add_on| add_on["price"].as_str().unwrap().parse::<Decimal>());
                let prices = added.map(Result::unwrap).chain([row.price]);
                money(prices.map(|price| cents(price / months)).sum(), &row.currency)
            }
            "trialDays" => leaf(row.trial_days),
            "createdAt" => instant(row.created_at),
            "acceptedAt" => maybe_instant(row.accepted_at),
            "access" => {
                let access = self.world().accesses.iter().find(|access| Some(access.id) == row.access_id);
                Answer::One(access.filter(|access| self.exists(access)).map(Object::Access))
            }
            _ => return None,
        })
    }

    /// Bought and assigned, by kind: a partner's own books, and the platform's to see.
    pub(super) fn prepaid_licenses(&self, partner: &'w Partner) -> Answer<'w> {
        match self.asking() {
            Who::Partner(own, PartnerRole::Admin) if own == partner.id => {}
            Who::Platform => {}
            Who::Partner(..) | Who::Customer(..) | Who::Scanner => return Answer::Hidden(PRICING, "ROLE"),
        }
        let mut kinds: Vec<LicenseModel> = LicenseModel::ALL.to_vec();
        kinds.sort_by_key(|kind| kind.as_str());
        let world = self.world();
        let of_kind = |kind: LicenseModel| {
            let purchases = world.prepaid_purchases.iter();
            let bought: i64 = purchases
                .filter(|row| row.partner_id == partner.id && row.license_model == kind)
                .map(|row| i64::from(row.quantity))
                .sum();
            let sold = world.subscriptions.iter();
            let covered = sold.filter(|row| {
                let ended = world.accesses.iter().any(|a| a.id == row.access_id && a.ended_at.is_some());
                row.partner_id == partner.id && row.license_model == kind && row.prepaid && !ended
            });
            (kind, bought, i64::try_from(covered.count()).unwrap())
        };
        let entry = |(kind, bought, assigned): (LicenseModel, i64, i64)| {
            let fields = vec![
                ("licenseModel", leaf(kind.as_str())),
                ("bought", leaf(bought)),
                ("assigned", leaf(assigned)),
                ("available", leaf((bought - assigned).max(0))),
            ];
            Some(record("PrepaidLicenses", fields))
        };
        let kinds = kinds.into_iter().map(of_kind);
        Answer::Many(kinds.filter(|(_, bought, assigned)| bought + assigned > 0).map(entry).collect())
    }

    /// The alert of a period, once it was raised.
    pub(super) fn alert(&self, row: &Subscription, period: NaiveDate) -> Answer<'w> {
        let mut alerts = self.world().usage_alerts.iter();
        let alert = alerts.find(|alert| alert.access_id == row.access_id && alert.period_start == period);
        Answer::One(alert.map(|alert| {
            let fields = vec![
                ("raisedAt", instant(alert.raised_at)),
                ("acknowledgedAt", maybe_instant(alert.acknowledged_at)),
                ("acknowledgedBy", leaf(alert.acknowledged_by.clone())),
            ];
            record("UsageAlert", fields)
        }))
    }
}
