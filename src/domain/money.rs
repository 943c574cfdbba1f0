//! Exact amounts of money.

use rust_decimal::{Decimal, RoundingStrategy};

use std::fmt;

use super::subscription::BillingCycle;

/// An exact amount in a currency (ISO 4217, three letters).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    /// The amount, two decimals.
    pub amount: Decimal,
    /// The currency's code.
    pub currency: String,
}

impl Money {
    /// An amount rounded to the cent.
    #[must_use]
    pub fn new(amount: Decimal, currency: impl Into<String>) -> Self {
        Self { amount: to_the_cent(amount), currency: currency.into() }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: impl Into<String>) -> Self {
        Self::new(Decimal::ZERO, currency)
    }
}

/// As audit logs show it: `12.50 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Rounds to two decimals, half away from zero, as invoices do, and always shows both.
#[must_use]
pub fn to_the_cent(amount: Decimal) -> Decimal {
    let mut rounded = amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    rounded.rescale(2);
    rounded
}

/// The price of a month: a year's price is divided by 12 (DESIGN.md 9), to the cent.
#[must_use]
pub fn monthly(price: Decimal, cycle: BillingCycle) -> Decimal {
    to_the_cent(price / Decimal::from(cycle.months()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Any amount that the database holds: up to twelve digits before the point, two behind it.
    fn amounts() -> impl Strategy<Value = Decimal> {
        (0..=99_999_999_999_999_i64).prop_map(|cents| Decimal::new(cents, 2))
    }

    proptest! {
        #[test]
        fn a_month_of_a_month_is_its_price_to_the_cent(price in amounts()) {
            prop_assert_eq!(monthly(price, BillingCycle::Monthly), price);
        }

        /// Twelve rounded months are the year, give or take half a cent each.
        #[test]
        fn a_month_of_a_year_is_a_twelfth_rounded_half_up(price in amounts()) {
            let month = monthly(price, BillingCycle::Annual);
            let off = month * Decimal::from(12) - price;
            prop_assert!(off.abs() <= Decimal::new(6, 2), "{} is {} off", month, off);
            // In whole cents, by hand: half away from zero.
            let cents = i128::try_from(price * Decimal::from(100)).unwrap();
            prop_assert_eq!(month, Decimal::from_i128_with_scale((2 * cents + 12) / 24, 2));
        }

        /// What is rounded once is summed exactly: the sum of lines is their total, in any order.
        #[test]
        fn sums_of_lines_are_their_totals(
            lines in prop::collection::vec((amounts(), amounts(), prop::bool::ANY), 0..50)
        ) {
            let cycle = |annual| if annual { BillingCycle::Annual } else { BillingCycle::Monthly };
            let priced: Vec<_> =
                lines.iter().map(|&(price, cost, annual)| (monthly(price, cycle(annual)), cost)).collect();
            let total: Decimal = priced.iter().map(|(price, _)| *price).sum();
            let costs: Decimal = priced.iter().map(|(_, cost)| *cost).sum();
            let margins: Decimal = priced.iter().rev().map(|(price, cost)| price - cost).sum();
            prop_assert_eq!(total - costs, margins);
            prop_assert_eq!(Money::new(total, "EUR").amount, total);
        }

        #[test]
        fn money_always_shows_two_decimals(price in amounts()) {
            let text = Money::new(price.normalize(), "EUR").to_string();
            let (amount, currency) = text.split_once(' ').unwrap();
            prop_assert_eq!(amount.split_once('.').unwrap().1.len(), 2);
            prop_assert_eq!((amount.parse::<Decimal>().unwrap(), currency), (price, "EUR"));
        }
    }
}
