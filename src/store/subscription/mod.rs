//! Subscriptions with their add-ons and metering, and what they cost the partner.

mod change;

pub use change::{LockedSubscription, PresentAddOn, add_on, alert_acknowledged, of_access};

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::{Reader, StoreError};
use crate::domain::ids::{AccessId, CustomerId};
use crate::domain::money::{Money, monthly};
use crate::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use crate::policy::{Commercial, Grant, Pricing};

/// The commercial subscription of an access.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// To whom.
    pub customer: CustomerId,
    /// Of which access; it is its id, too.
    pub access: AccessId,
    /// The plan's name.
    pub plan: String,
    /// How often it is billed.
    pub billing_cycle: BillingCycle,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it renews.
    pub renewal_date: Option<NaiveDate>,
    /// What the licence counts.
    pub license_model: LicenseModel,
    /// How many are licensed.
    pub quantity: Option<i32>,
    /// What the end customer pays a month, without add-ons.
    pub price: Money,
    /// Whether a prepaid licence covers it; false for everyone who sees no PRICING.
    pub prepaid: bool,
    /// What was added, by code.
    pub add_ons: Vec<AddOn>,
    /// How many of the licensed assets or scans are used.
    pub used: i32,
    /// The month's alert, once it was raised.
    pub alert: Option<UsageAlert>,
}

/// That metering reached the licence's threshold, the first time in a month.
#[derive(Clone, Debug)]
pub struct UsageAlert {
    /// When.
    pub raised_at: DateTime<Utc>,
    /// When somebody took note of it, and who.
    pub acknowledged: Option<(DateTime<Utc>, String)>,
}

/// Something added to a plan.
#[derive(Clone, Debug)]
pub struct AddOn {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What the end customer pays for it a month.
    pub price: Money,
}

/// The month that an instant lies in: its first and its last day, UTC.
#[must_use]
pub fn month_of(at: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = at.with_day(1).unwrap_or(at);
    let last =
        first.checked_add_months(chrono::Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(at);
    (first, last)
}

/// The subscriptions of these accesses, with metering of the month of `now`.
///
/// # Errors
/// When the database does not answer.
pub async fn by_accesses(
    reader: &mut Reader,
    accesses: &[(Grant<Commercial>, AccessId)],
    now: DateTime<Utc>,
) -> Result<Vec<Subscription>, StoreError> {
    let customers: Vec<_> = accesses.iter().map(|(grant, _)| grant.of().0).collect();
    let ids: Vec<_> = accesses.iter().map(|(_, id)| id.0).collect();
    let rows = sqlx::query!(
        r#"select s.customer_id, s.access_id, s.plan, s.billing_cycle, s.status, s.started_at, s.renewal_date,
                  s.license_model, s.quantity, s.price, s.currency,
                  l.raised_at as "raised_at?", l.acknowledged_at as "acknowledged_at?", l.acknowledged_by as "acknowledged_by?",
                  exists (select from prepaid_assignments p
                          where (p.customer_id, p.access_id) = (s.customer_id, s.access_id)
                            and p.unassigned_at is null) as "prepaid!",
                  coalesce(case s.license_model
                      when 'PER_ASSET' then (select u.used from usage_assets u where u.customer_id = s.customer_id)
                      when 'PER_SCAN' then (select u.used from usage_scans u
                                            where u.customer_id = s.customer_id and u.period_start = $3)
                  end, 0) as "used!",
                  array(select a.code from subscription_add_ons a
                        where (a.customer_id, a.access_id) = (s.customer_id, s.access_id)
                          and a.removed_at is null order by a.code) as "codes!",
                  array(select a.name from subscription_add_ons a
                        where (a.customer_id, a.access_id) = (s.customer_id, s.access_id)
                          and a.removed_at is null order by a.code) as "names!",
                  array(select a.price from subscription_add_ons a
                        where (a.customer_id, a.access_id) = (s.customer_id, s.access_id)
                          and a.removed_at is null order by a.code) as "prices!: Vec<Decimal>"
           from subscriptions s
           left join usage_alerts l on (l.customer_id, l.access_id) = (s.customer_id, s.access_id) and l.period_start = $3
           where (s.customer_id, s.access_id) in (select * from unnest($1::uuid[], $2::uuid[]))"#,
        &customers,
        &ids,
        month_of(now.date_naive()).0
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            let cycle: BillingCycle = row.billing_cycle.parse()?;
            let money = |price| Money::new(monthly(price, cycle), row.currency.clone());
            let add_ons = row
                .codes
                .into_iter()
                .zip(row.names)
                .zip(row.prices)
                .map(|((code, name), price)| AddOn { code, name, price: money(price) })
                .collect();
            Ok(Subscription {
                customer: CustomerId(row.customer_id),
                access: AccessId(row.access_id),
                plan: row.plan,
                billing_cycle: cycle,
                status: row.status.parse()?,
                started_at: row.started_at,
                renewal_date: row.renewal_date,
                license_model: row.license_model.parse()?,
                quantity: row.quantity,
                price: money(row.price),
                prepaid: row.prepaid,
                add_ons,
                used: row.used,
                alert: row.raised_at.map(|raised_at| UsageAlert {
                    raised_at,
                    acknowledged: row.acknowledged_at.zip(row.acknowledged_by),
                }),
            })
        })
        .collect()
}

/// What a licence costs the partner a month: bought singly, and prepaid.
#[derive(Clone, Debug)]
pub struct UnitCost {
    /// What the licence counts.
    pub license_model: LicenseModel,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// Bought singly.
    pub unit_cost: Decimal,
    /// Prepaid.
    pub prepaid_unit_cost: Decimal,
}

/// The price list as it stood at an instant.
///
/// # Errors
/// When the database does not answer.
pub async fn unit_costs<Of: Copy>(
    reader: &mut Reader,
    _: &Grant<Pricing, Of>,
    at: DateTime<Utc>,
) -> Result<Vec<UnitCost>, StoreError> {
    let rows = sqlx::query!(
        "select distinct on (license_model, currency) license_model, currency, unit_cost, prepaid_unit_cost
         from pricing where valid_from <= $1
         order by license_model, currency, valid_from desc",
        at
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(UnitCost {
                license_model: row.license_model.parse()?,
                currency: row.currency,
                unit_cost: row.unit_cost,
                prepaid_unit_cost: row.prepaid_unit_cost,
            })
        })
        .collect()
}
