//! The price list: what licences cost partners, set by platform admins (DESIGN.md 7).

use async_graphql::{Context, InputObject, Object, Result};
use chrono::TimeDelta;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::payload::PricingPayload;
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::subscription;
use crate::graphql::enums::LicenseModel;
use crate::graphql::scalars;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::pricing::{ListPrice, lock_latest};

/// What a licence costs partners from now on.
#[derive(InputObject)]
pub struct SetPricingInput {
    /// What the licence counts.
    license_model: LicenseModel,
    /// A month, bought singly: two decimals at most.
    unit_cost: scalars::Decimal,
    /// A month, prepaid: at most the unit cost.
    prepaid_unit_cost: scalars::Decimal,
    /// For partners billed in this currency (ISO 4217), as `EUR`.
    currency: String,
}

/// The entry that was added, as it is kept under an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PriceSet {
    /// What the licence counts.
    pub license_model: subscription::LicenseModel,
    /// Bought singly.
    pub unit_cost: Decimal,
    /// Prepaid.
    pub prepaid_unit_cost: Decimal,
    /// In which currency.
    pub currency: String,
}

/// Mutations of the price list.
#[derive(Default)]
pub struct PricingMutations;

/// Mutations of the price list.
#[Object]
impl PricingMutations {
    /// Sets what a licence costs partners a month from now on; past months keep what they cost. Platform admins.
    async fn set_pricing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which licence and what it costs.")] input: SetPricingInput,
    ) -> Result<PricingPayload> {
        let outcome = written!(ctx, Operation::SetPricing, set_pricing, &input);
        Ok(PricingPayload::of(outcome))
    }
}

/// The most that a price can be: twelve digits before the point.
const MAX_PRICE: Decimal = Decimal::from_parts(0xD4A5_0FFF, 0xE8, 0, false, 0);

/// An exact price, two decimals at most and not negative.
fn price(field: &str, amount: Decimal) -> Result<Decimal, Refusal> {
    let exact = amount.normalize();
    if exact.is_sign_negative() && !exact.is_zero() || exact.scale() > 2 || exact > MAX_PRICE {
        return Err(Refusal::invalid(
            field,
            format!("a price is 0 to {MAX_PRICE} and has two decimals at most, as \"12.50\""),
        ));
    }
    Ok(exact.abs())
}

async fn set_pricing(writing: &mut Writing<'_>, input: &SetPricingInput) -> Result<PriceSet, Stop> {
    let unit_cost = price("unitCost", input.unit_cost.0)?;
    let prepaid_unit_cost = price("prepaidUnitCost", input.prepaid_unit_cost.0)?;
    if prepaid_unit_cost > unit_cost {
        return Err(
            Refusal::invalid("prepaidUnitCost", "a prepaid licence costs no more than any other").into()
        );
    }
    let currency = input.currency.clone();
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(
            Refusal::invalid("currency", "a currency is three capital letters (ISO 4217), as EUR").into()
        );
    }
    let (license_model, now) = (input.license_model.into(), writing.now());
    let latest = lock_latest(&mut writing.writer, license_model, &currency, now).await?;
    let set = ListPrice { license_model, currency, unit_cost, prepaid_unit_cost };
    if latest.as_ref().is_some_and(|(before, _)| *before == set) {
        return Err(Refusal::no_change("unitCost", "the licence costs that already").into());
    }
    // An entry for each change, also where one request makes several at its one instant.
    let after = latest.as_ref().map(|(_, from)| *from + TimeDelta::microseconds(1));
    let from = after.map_or(now, |after| after.max(now));
    let mut changes = Changes::new(&writing.author);
    changes.set_price(&set, latest.as_ref().map(|(before, _)| before), from);
    changes.execute(&mut writing.writer).await?;
    let ListPrice { license_model, currency, unit_cost, prepaid_unit_cost } = set;
    Ok(PriceSet { license_model, unit_cost, prepaid_unit_cost, currency })
}
