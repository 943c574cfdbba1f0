//! The price list that the platform keeps: what a licence costs a partner a month, from when on.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::change::{Changes, Event};
use super::{StoreError, Writer};
use crate::domain::money::Money;
use crate::domain::subscription::LicenseModel;

/// An entry of the price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPrice {
    /// What the licence counts.
    pub license_model: LicenseModel,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// Bought singly.
    pub unit_cost: Decimal,
    /// Prepaid.
    pub prepaid_unit_cost: Decimal,
}

impl ListPrice {
    fn said(&self) -> String {
        let money = |amount| Money::new(amount, self.currency.clone());
        format!("{} {}, prepaid {}", self.license_model, money(self.unit_cost), money(self.prepaid_unit_cost))
    }
}

/// How far after a request's instant an entry may begin that was there before it: a statement waits this long for those who
/// were first, and of two requests at once the later to write may be the earlier to have come.
const WAITED_FOR: TimeDelta = TimeDelta::seconds(30);

/// The entry that holds for a licence in a currency, and from when on it holds. Until the transaction ends nobody else adds one.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_latest(
    writer: &mut Writer,
    license_model: LicenseModel,
    currency: &str,
    now: DateTime<Utc>,
) -> Result<Option<(ListPrice, DateTime<Utc>)>, StoreError> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended('pricing ' || $1::text || ' ' || $2::text, 0)) as "locked!: ()""#,
        license_model.as_str(),
        currency
    )
    .fetch_one(writer.connection()?)
    .await?;
    let row = sqlx::query!(
        "select unit_cost, prepaid_unit_cost, valid_from from pricing
         where license_model = $1 and currency = $2 and valid_from <= $3 order by valid_from desc limit 1",
        license_model.as_str(),
        currency,
        now + WAITED_FOR
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| {
        let price = ListPrice {
            license_model,
            currency: currency.to_owned(),
            unit_cost: row.unit_cost,
            prepaid_unit_cost: row.prepaid_unit_cost,
        };
        (price, row.valid_from)
    }))
}

impl Changes<'_> {
    /// Adds an entry, and records it in the log of every partner that is billed in its currency.
    pub fn set_price(
        &mut self,
        price: &ListPrice,
        before: Option<&ListPrice>,
        from: DateTime<Utc>,
    ) -> &mut Self {
        self.change(|sql| {
            sql.push(
                "insert into pricing (license_model, currency, valid_from, unit_cost, prepaid_unit_cost) values (",
            );
            sql.push_bind(price.license_model.as_str());
            sql.push(", ").push_bind(price.currency.clone());
            sql.push(", ").push_bind(from);
            sql.push(", ").push_bind(price.unit_cost);
            sql.push(", ").push_bind(price.prepaid_unit_cost).push(")");
        });
        let (old, new) = (before.map(ListPrice::said), price.said());
        let event = Event {
            action: "pricing.changed",
            old_value: old.as_deref(),
            new_value: Some(&new),
            ..Event::default()
        };
        self.record_for_partners_billed_in(&price.currency, &event)
    }
}
