//! What differs in prices, the catalogue, quotes, prepaid licences and alerts, where it is hidden.

use chrono::TimeDelta;
use posture_gateway::domain::access::OperatingModel;
use posture_gateway::store::seed;
use rust_decimal::Decimal;

use super::{Change, stir};
use crate::support::dice::Dice;

impl Change<'_> {
    /// Whether a licence is prepaid, which only the unit cost and its partner's purse tell; and prices.
    pub(super) fn prices(&mut self) {
        let Self { eyes, dice, to, .. } = self;
        for row in &mut to.subscriptions {
            row.prepaid ^= !eyes.purse(row.partner_id) && dice.one_in(2);
        }
        if eyes.prices() {
            return;
        }
        let id = |row: &seed::Price| (row.license_model, row.currency.clone(), row.valid_from);
        stir(
            dice,
            &mut to.pricing,
            |_| true,
            id,
            |dice, row| {
                row.unit_cost = dice.one_of(&[1, 77, 123_456]).into();
                row.prepaid_unit_cost = dice.one_of(&[0, 66]).into();
            },
        );
    }

    /// The catalogue in other currencies, rivals' quotes and prepaid licences, and alerts that are withheld.
    pub(super) fn sales(&mut self) {
        let name = self.mark();
        let Self { eyes, dice, to, .. } = self;
        let amount = |dice: &mut Dice| Decimal::from(dice.below(1_000_000));
        stir(
            dice,
            &mut to.plans,
            |row| !eyes.catalogue(&row.currency),
            |row| (row.name.clone(), row.license_model, row.currency.clone()),
            |dice, row| (row.monthly_price, row.annual_price) = (amount(dice), amount(dice)),
        );
        stir(
            dice,
            &mut to.plan_add_ons,
            |row| !eyes.catalogue(&row.currency),
            |row| (row.code.clone(), row.currency.clone()),
            |dice, row| (row.monthly_price, row.annual_price) = (amount(dice), amount(dice)),
        );
        stir(
            dice,
            &mut to.quotes,
            |row| !eyes.log(row.partner_id),
            |row| row.id,
            |dice, row| {
                row.plan.clone_from(&name);
                row.price = amount(dice);
                row.created_at -= TimeDelta::days(1);
                row.operating_model = dice.one_of(OperatingModel::ALL);
                if row.accepted_at.is_some() && dice.one_in(2) {
                    (row.accepted_at, row.access_id) = (None, None);
                }
            },
        );
        stir(
            dice,
            &mut to.prepaid_purchases,
            |row| !eyes.purse(row.partner_id),
            |row| row.id,
            |dice, row| row.quantity += 1 + i32::try_from(dice.below(100_000)).unwrap(),
        );
        stir(
            dice,
            &mut to.usage_alerts,
            |row| !eyes.alert(row.access_id),
            |row| row.access_id,
            |_, row| {
                row.acknowledged_at = Some(row.raised_at + TimeDelta::hours(1));
                row.acknowledged_by = Some(name.clone());
            },
        );
    }
}
