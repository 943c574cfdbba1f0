//! What a partner's dashboard counts: one row an access, so that the gate decides on each before anything is summed.

use chrono::{DateTime, Days, Utc};
use rust_decimal::Decimal;

use super::subscription::month_of;
use super::{Reader, StoreError};
use crate::domain::access::Privilege;
use crate::domain::ids::{CustomerId, PartnerId};
use crate::policy::{AccessTerms, Scope};

/// The commercial side of one access, and the terms that decide about its posture.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent answers about one row, none of them an argument"
)]
pub struct AccessSummary {
    /// What decisions start from.
    pub terms: AccessTerms,
    /// Whether it is assigned to the viewer, where that is an operator.
    pub assigned: bool,
    /// Its recurring revenue a month, with add-ons: none unless ACTIVE or PAST_DUE.
    pub monthly_revenue: Decimal,
    /// Whether it renews within 30 days, both ends included.
    pub renews_soon: bool,
    /// Whether its trial ends within 30 days, both ends included, and has not yet.
    pub trial_ends_soon: bool,
    /// Whether its metering alerts.
    pub alerting: bool,
}

/// Every access of these partners within the scope.
///
/// # Errors
/// When the database does not answer.
pub async fn accesses(
    reader: &mut Reader,
    scope: Scope,
    partners: &[PartnerId],
    now: DateTime<Utc>,
) -> Result<Vec<AccessSummary>, StoreError> {
    let (operator, customer) = match scope {
        Scope::Nothing => return Ok(Vec::new()),
        Scope::OfPartner(own) | Scope::AssignedTo(own, _) if !partners.contains(&own) => {
            return Ok(Vec::new());
        }
        Scope::Everything | Scope::OfPartner(_) => (None, None),
        Scope::AssignedTo(_, user) => (Some(user.0), None),
        Scope::OfCustomer(customer) => (None, Some(customer.0)),
    };
    let partners: Vec<_> = match scope {
        Scope::OfPartner(own) | Scope::AssignedTo(own, _) => vec![own.0],
        Scope::Everything | Scope::OfCustomer(_) | Scope::Nothing => {
            partners.iter().map(|partner| partner.0).collect()
        }
    };
    let today = now.date_naive();
    let horizon = today.checked_add_days(Days::new(30)).unwrap_or(today);
    let rows = sqlx::query!(
        r#"select a.partner_id, a.customer_id, a.status, a.trial_ends_at, a.operating_model, a.privilege_ceiling, a.customer_consent,
                  a.consent_until,
                  case when s.status in ('ACTIVE', 'PAST_DUE') then
                      round(s.price / m.months, 2)
                      + coalesce((select sum(round(o.price / m.months, 2)) from subscription_add_ons o
                                  where o.customer_id = s.customer_id and o.access_id = s.access_id
                                    and o.removed_at is null), 0)
                  else 0 end as "monthly_revenue!",
                  coalesce(s.renewal_date between $4 and $5, false) as "renews_soon!",
                  coalesce(a.status = 'TRIAL' and a.trial_ends_at > $6
                           and (a.trial_ends_at at time zone 'UTC')::date between $4 and $5, false) as "trial_ends_soon!",
                  coalesce(case s.license_model
                      when 'PER_ASSET' then 100 * (select u.used from usage_assets u where u.customer_id = s.customer_id)
                                            >= 90 * s.quantity
                      when 'PER_SCAN' then 100 * (select u.used from usage_scans u
                                                  where u.customer_id = s.customer_id and u.period_start = $7)
                                           >= 80 * s.quantity
                  end, false) as "alerting!"
           from accesses a
           left join subscriptions s on s.customer_id = a.customer_id and s.access_id = a.id
           left join lateral (select case s.billing_cycle when 'ANNUAL' then 12 else 1 end as months) m on true
           where a.partner_id = any ($1)
             and ($2::uuid is null or exists (
                 select from operator_assignments o
                 where o.customer_id = a.customer_id and o.access_id = a.id and o.user_id = $2))
             and ($3::uuid is null or a.customer_id = $3)"#,
        &partners,
        operator,
        customer,
        today,
        horizon,
        now,
        month_of(today).0
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AccessSummary {
                terms: AccessTerms {
                    partner: PartnerId(row.partner_id),
                    customer: CustomerId(row.customer_id),
                    status: row.status.parse()?,
                    trial_ends_at: row.trial_ends_at,
                    operating_model: row.operating_model.parse()?,
                    privilege_ceiling: Privilege::from_rank(row.privilege_ceiling),
                    granted_consent: Privilege::from_rank(row.customer_consent),
                    granted_until: row.consent_until,
                },
                assigned: operator.is_some(),
                monthly_revenue: row.monthly_revenue,
                renews_soon: row.renews_soon,
                trial_ends_soon: row.trial_ends_soon,
                alerting: row.alerting,
            })
        })
        .collect()
}
