//! Subscriptions as a mutation finds and changes them: status, add-ons, the month's usage alert. Lock the access first.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::domain::money::Money;
use crate::domain::subscription::{BillingCycle, LicenseModel};
use crate::store::access::LockedAccess;
use crate::store::change::{Changes, Event};
use crate::store::plan::PlanAddOn;
use crate::store::{StoreError, Writer};

/// The subscription of a locked access.
#[derive(Clone, Debug)]
pub struct LockedSubscription {
    /// How often it is billed.
    pub billing_cycle: BillingCycle,
    /// What the licence counts.
    pub license_model: LicenseModel,
    /// In which currency.
    pub currency: String,
    /// Whether a prepaid licence covers it.
    pub prepaid: bool,
}

/// The subscription of an access.
///
/// # Errors
/// When the database does not answer, or the access has none.
pub async fn of_access(writer: &mut Writer, access: &LockedAccess) -> Result<LockedSubscription, StoreError> {
    let (customer, id) = access.key();
    let row = sqlx::query!(
        r#"select s.billing_cycle, s.license_model, s.currency,
                  exists (select from prepaid_assignments p
                          where (p.customer_id, p.access_id) = (s.customer_id, s.access_id)
                            and p.unassigned_at is null) as "prepaid!"
           from subscriptions s where s.customer_id = $1 and s.access_id = $2"#,
        customer.0,
        id.0
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(LockedSubscription {
        billing_cycle: row.billing_cycle.parse()?,
        license_model: row.license_model.parse()?,
        currency: row.currency,
        prepaid: row.prepaid,
    })
}

/// An add-on that a subscription has.
#[derive(Clone, Debug)]
pub struct PresentAddOn {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What the end customer pays for it a billing cycle.
    pub price: Money,
}

/// The add-on of an access with this code, if it has it.
///
/// # Errors
/// When the database does not answer.
pub async fn add_on(
    writer: &mut Writer,
    access: &LockedAccess,
    code: &str,
) -> Result<Option<PresentAddOn>, StoreError> {
    let (customer, id) = access.key();
    let row = sqlx::query!(
        "select o.name, o.price, s.currency
         from subscription_add_ons o
         join subscriptions s on s.customer_id = o.customer_id and s.access_id = o.access_id
         where o.customer_id = $1 and o.access_id = $2 and o.code = $3 and o.removed_at is null",
        customer.0,
        id.0,
        code
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| PresentAddOn {
        code: code.to_owned(),
        name: row.name,
        price: Money::new(row.price, row.currency),
    }))
}

/// Whether the period's alert of an access was acknowledged; none where none was raised.
///
/// # Errors
/// When the database does not answer.
pub async fn alert_acknowledged(
    writer: &mut Writer,
    access: &LockedAccess,
    period: NaiveDate,
) -> Result<Option<bool>, StoreError> {
    let (customer, id) = access.key();
    let row = sqlx::query!(
        r#"select acknowledged_at is not null as "acknowledged!" from usage_alerts
           where (customer_id, access_id, period_start) = ($1, $2, $3)"#,
        customer.0,
        id.0,
        period
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| row.acknowledged))
}

impl Changes<'_> {
    /// Sets columns of the subscription of an access.
    pub(in crate::store) fn change_subscription(
        &mut self,
        access: &LockedAccess,
        set: impl FnOnce(&mut sqlx::QueryBuilder<sqlx::Postgres>),
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("update subscriptions set ");
            set(sql);
            sql.push(" where customer_id = ").push_bind(access.terms.customer.0);
            sql.push(" and access_id = ").push_bind(access.id.0);
        })
    }

    /// Adds to the plan of an access, at the price of today.
    pub fn add_add_on(
        &mut self,
        access: &LockedAccess,
        subscription: &LockedSubscription,
        add_on: &PlanAddOn,
    ) -> &mut Self {
        let (now, price) = (self.author().now, add_on.prices.of(subscription.billing_cycle));
        self.raise_version(access);
        self.change(|sql| {
            sql.push(
                "insert into subscription_add_ons (customer_id, access_id, code, partner_id, name, price, added_at) values (",
            );
            sql.push_bind(access.terms.customer.0);
            sql.push(", ").push_bind(access.id.0);
            sql.push(", ").push_bind(add_on.code.clone());
            sql.push(", ").push_bind(access.terms.partner.0);
            sql.push(", ").push_bind(add_on.name.clone());
            sql.push(", ").push_bind(price);
            sql.push(", ").push_bind(now);
            // One that the same request has removed is there again, as if it had never gone.
            sql.push(
                ") on conflict on constraint subscription_add_ons_pkey do update \
                 set name = excluded.name, price = excluded.price, removed_at = null",
            );
        });
        let said = add_on_said(&add_on.code, price, &subscription.currency);
        let (action, new_value) = ("subscription.add_on_added", Some(said.as_str()));
        let event = Event { action, new_value, ..Event::default() };
        self.record_for_both(access.terms.partner, access.key(), &event)
    }

    /// Takes something off the plan of an access; months before it are billed with it.
    pub fn remove_add_on(&mut self, access: &LockedAccess, add_on: &PresentAddOn) -> &mut Self {
        let now = self.author().now;
        self.raise_version(access);
        self.change(|sql| {
            sql.push("update subscription_add_ons set removed_at = greatest(added_at, ").push_bind(now);
            sql.push(") where customer_id = ").push_bind(access.terms.customer.0);
            sql.push(" and access_id = ").push_bind(access.id.0);
            sql.push(" and code = ").push_bind(add_on.code.clone()).push(" and removed_at is null");
        });
        let said = add_on_said(&add_on.code, add_on.price.amount, &add_on.price.currency);
        let (action, old_value) = ("subscription.add_on_removed", Some(said.as_str()));
        let event = Event { action, old_value, ..Event::default() };
        self.record_for_both(access.terms.partner, access.key(), &event)
    }

    /// Notes who has seen the period's alert.
    pub fn acknowledge_alert(&mut self, access: &LockedAccess, period: NaiveDate) -> &mut Self {
        let author = self.author();
        self.change(|sql| {
            sql.push("update usage_alerts set acknowledged_at = ").push_bind(author.now);
            sql.push(", acknowledged_by = ").push_bind(author.name.clone());
            sql.push(" where customer_id = ").push_bind(access.terms.customer.0);
            sql.push(" and access_id = ").push_bind(access.id.0);
            sql.push(" and period_start = ").push_bind(period);
        });
        let said = period.format("%Y-%m").to_string();
        let (action, new_value) = ("subscription.usage_alert_acknowledged", Some(said.as_str()));
        let event = Event { action, new_value, ..Event::default() };
        self.record_for_both(access.terms.partner, access.key(), &event)
    }
}

fn add_on_said(code: &str, price: Decimal, currency: &str) -> String {
    format!("{code} {}", Money::new(price, currency))
}
