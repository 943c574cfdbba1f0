//! The catalogue of plans and add-ons that the platform keeps and partners sell from.

use rust_decimal::Decimal;

use super::{Reader, StoreError, Writer};
use crate::domain::subscription::{BillingCycle, LicenseModel};

/// What can be sold.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What its licence counts.
    pub license_model: LicenseModel,
    /// What the end customer pays.
    pub prices: Prices,
}

/// What can be added to a plan.
#[derive(Clone, Debug)]
pub struct PlanAddOn {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What the end customer pays.
    pub prices: Prices,
}

/// What the end customer pays a billing cycle.
#[derive(Clone, Debug)]
pub struct Prices {
    /// In which currency (ISO 4217).
    pub currency: String,
    /// A month, billed every month.
    pub monthly: Decimal,
    /// A year, billed once a year.
    pub annual: Decimal,
}

impl Prices {
    /// The price of one billing cycle.
    #[must_use]
    pub const fn of(&self, cycle: BillingCycle) -> Decimal {
        match cycle {
            BillingCycle::Monthly => self.monthly,
            BillingCycle::Annual => self.annual,
        }
    }
}

/// Every plan, of one currency where one is given, by name and licence model.
///
/// # Errors
/// When the database does not answer.
pub async fn plans(reader: &mut Reader, currency: Option<&str>) -> Result<Vec<Plan>, StoreError> {
    let rows = sqlx::query!(
        "select name, license_model, currency, monthly_price, annual_price from plans
         where $1::text is null or currency = $1 order by name, license_model, currency",
        currency
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Plan {
                name: row.name,
                license_model: row.license_model.parse()?,
                prices: Prices {
                    currency: row.currency,
                    monthly: row.monthly_price,
                    annual: row.annual_price,
                },
            })
        })
        .collect()
}

/// Every add-on, of one currency where one is given, by code.
///
/// # Errors
/// When the database does not answer.
pub async fn add_ons(reader: &mut Reader, currency: Option<&str>) -> Result<Vec<PlanAddOn>, StoreError> {
    let rows = sqlx::query!(
        "select code, name, currency, monthly_price, annual_price from plan_add_ons
         where $1::text is null or currency = $1 order by code, currency",
        currency
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PlanAddOn {
            code: row.code,
            name: row.name,
            prices: Prices { currency: row.currency, monthly: row.monthly_price, annual: row.annual_price },
        })
        .collect())
}

/// The prices of a plan in a currency, if there is such a plan.
///
/// # Errors
/// When the database does not answer.
pub async fn prices(
    writer: &mut Writer,
    name: &str,
    license_model: LicenseModel,
    currency: &str,
) -> Result<Option<Prices>, StoreError> {
    let row = sqlx::query!(
        "select monthly_price, annual_price from plans where (name, license_model, currency) = ($1, $2, $3)",
        name,
        license_model.as_str(),
        currency
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| Prices {
        currency: currency.to_owned(),
        monthly: row.monthly_price,
        annual: row.annual_price,
    }))
}

/// The add-ons with these codes in a currency, those that there are, by code.
///
/// # Errors
/// When the database does not answer.
pub async fn add_ons_by_code(
    writer: &mut Writer,
    codes: &[String],
    currency: &str,
) -> Result<Vec<PlanAddOn>, StoreError> {
    let rows = sqlx::query!(
        "select code, name, monthly_price, annual_price from plan_add_ons
         where code = any ($1) and currency = $2 order by code",
        codes,
        currency
    )
    .fetch_all(writer.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PlanAddOn {
            code: row.code,
            name: row.name,
            prices: Prices {
                currency: currency.to_owned(),
                monthly: row.monthly_price,
                annual: row.annual_price,
            },
        })
        .collect())
}
