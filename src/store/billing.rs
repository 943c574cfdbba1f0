//! The consolidated statement of a month, over every access whatever its operating model (DESIGN.md 6 and 9).

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::subscription::month_of;
use super::{Reader, StoreError};
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::policy::{Grant, Pricing};

/// One access on the statement; a trial's amounts are zero.
#[derive(Clone, Debug)]
pub struct BillingLine {
    /// To whom.
    pub customer: CustomerId,
    /// Which access.
    pub access: AccessId,
    /// The plan's name.
    pub plan: String,
    /// What the end customer paid, with add-ons.
    pub price: Decimal,
    /// What the licence cost the partner.
    pub unit_cost: Decimal,
}

/// A line for each access that was live in the month, by customer name.
///
/// A line says what held at the end of the month, or now, or when the access ended, whichever comes first: the add-ons and
/// the prepaid licence it had and the price list of that instant. Nothing that changes later changes it: prices and plans
/// are the subscription's own, add-ons and prepaid licences keep from when until when they were there, the price list only grows.
///
/// # Errors
/// When the database does not answer.
pub async fn lines(
    reader: &mut Reader,
    grant: &Grant<Pricing, PartnerId>,
    month: NaiveDate,
    now: DateTime<Utc>,
) -> Result<Vec<BillingLine>, StoreError> {
    let (first, last) = month_of(month);
    let start = first.and_time(NaiveTime::MIN).and_utc();
    let end = last.succ_opt().unwrap_or(last).and_time(NaiveTime::MIN).and_utc();
    // A price that holds from the next month's first instant on is not yet this month's.
    let priced_at = (end - TimeDelta::microseconds(1)).min(now);
    let rows = sqlx::query!(
        r#"select a.customer_id, a.id, s.plan,
                  case when t.free then 0 else
                      round(s.price / t.months, 2)
                      + coalesce((select sum(round(o.price / t.months, 2)) from subscription_add_ons o
                                  where o.customer_id = a.customer_id and o.access_id = a.id
                                    and o.added_at <= t.at and (o.removed_at is null or o.removed_at > t.at)), 0) end as "price!",
                  case when t.free then 0 else coalesce((
                      select case when exists (
                                 select from prepaid_assignments l
                                 where l.customer_id = a.customer_id and l.access_id = a.id
                                   and l.assigned_at <= t.at and (l.unassigned_at is null or l.unassigned_at > t.at))
                             then p.prepaid_unit_cost else p.unit_cost end
                      from pricing p
                      where p.license_model = s.license_model and p.currency = s.currency and p.valid_from <= t.at
                      order by p.valid_from desc limit 1), 0) end as "unit_cost!"
           from accesses a
           join subscriptions s on s.customer_id = a.customer_id and s.access_id = a.id
           cross join lateral (select
               a.trial_started_at is not null and coalesce(a.trial_converted_at >= $3, true) as free,
               least($4, a.ended_at - interval '1 microsecond') as at,
               case s.billing_cycle when 'ANNUAL' then 12 else 1 end as months) t
           where a.partner_id = $1 and a.created_at < $3 and (a.ended_at is null or a.ended_at > $2)
           order by a.customer_name, a.id"#,
        grant.of().0,
        start,
        end,
        priced_at
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| BillingLine {
            customer: CustomerId(row.customer_id),
            access: AccessId(row.id),
            plan: row.plan,
            price: row.price,
            unit_cost: row.unit_cost,
        })
        .collect())
}
