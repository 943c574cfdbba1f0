//! Money on the wire.

use async_graphql::SimpleObject;

use crate::domain::money;
use crate::graphql::scalars::Decimal;

/// An exact amount in a currency.
#[derive(SimpleObject, Clone)]
pub struct Money {
    /// The amount, with two decimals.
    amount: Decimal,
    /// The currency's code (ISO 4217), as `EUR`.
    currency: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { amount: Decimal(money.amount), currency: money.currency }
    }
}
