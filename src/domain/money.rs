//! Exact amounts of money.

use rust_decimal::{Decimal, RoundingStrategy};

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
    to_the_cent(match cycle {
        BillingCycle::Monthly => price,
        BillingCycle::Annual => price / Decimal::from(12),
    })
}
