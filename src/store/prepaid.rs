//! Prepaid licences: bought by a partner, assigned to one access each. PRICING: nothing of it is a customer's to see, so it
//! stands in the partner's log alone and raises no version.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::access::LockedAccess;
use super::change::{Changes, Event};
use super::{Reader, StoreError, Writer};
use crate::domain::ids::PartnerId;
use crate::domain::money::Money;
use crate::domain::subscription::LicenseModel;
use crate::policy::{Grant, Pricing};

/// The prepaid licences of one kind that a partner has.
#[derive(Clone, Copy, Debug)]
pub struct PrepaidLicenses {
    /// What they count.
    pub license_model: LicenseModel,
    /// How many were bought.
    pub bought: i64,
    /// How many of them cover an access.
    pub assigned: i64,
}

/// What a partner has of each kind that it has bought or assigned.
///
/// # Errors
/// When the database does not answer.
pub async fn of_partner(
    reader: &mut Reader,
    grant: &Grant<Pricing, PartnerId>,
) -> Result<Vec<PrepaidLicenses>, StoreError> {
    let rows = sqlx::query!(
        r#"select k.license_model as "license_model!", sum(k.bought)::bigint as "bought!", sum(k.assigned)::bigint as "assigned!"
           from (select license_model, quantity::bigint as bought, 0 as assigned from prepaid_purchases where partner_id = $1
                 union all
                 select license_model, 0, 1 from prepaid_assignments where partner_id = $1 and unassigned_at is null) k
           group by k.license_model order by k.license_model"#,
        grant.of().0
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            let license_model = row.license_model.parse()?;
            Ok(PrepaidLicenses { license_model, bought: row.bought, assigned: row.assigned })
        })
        .collect()
}

/// How many licences of a kind are bought and cover nothing. Until the transaction ends nobody else assigns one of them.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_free(
    writer: &mut Writer,
    partner: PartnerId,
    license_model: LicenseModel,
) -> Result<i64, StoreError> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended('prepaid ' || $1::text || ' ' || $2::text, 0)) as "locked!: ()""#,
        partner.0.to_string(),
        license_model.as_str()
    )
    .fetch_one(writer.connection()?)
    .await?;
    let row = sqlx::query!(
        r#"select coalesce((select sum(quantity) from prepaid_purchases where partner_id = $1 and license_model = $2), 0)
                  - (select count(*) from prepaid_assignments
                     where partner_id = $1 and license_model = $2 and unassigned_at is null) as "free!""#,
        partner.0,
        license_model.as_str()
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(row.free)
}

/// What a prepaid licence costs a month by the price list of an instant; none where the platform has set no price.
///
/// # Errors
/// When the database does not answer.
pub async fn unit_cost(
    writer: &mut Writer,
    license_model: LicenseModel,
    currency: &str,
    at: DateTime<Utc>,
) -> Result<Option<Decimal>, StoreError> {
    let row = sqlx::query!(
        "select prepaid_unit_cost from pricing
         where license_model = $1 and currency = $2 and valid_from <= $3 order by valid_from desc limit 1",
        license_model.as_str(),
        currency,
        at
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| row.prepaid_unit_cost))
}

/// Licences to buy.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// Who buys.
    pub partner: PartnerId,
    /// What they count.
    pub license_model: LicenseModel,
    /// How many.
    pub quantity: i32,
    /// What each costs a month.
    pub unit_cost: Money,
}

impl Changes<'_> {
    /// Buys licences in advance.
    pub fn buy_prepaid_licenses(&mut self, purchase: &Purchase) -> &mut Self {
        let author = self.author();
        self.change(|sql| {
            sql.push(
                "insert into prepaid_purchases (partner_id, id, license_model, quantity, unit_cost, currency, bought_at) values (",
            );
            sql.push_bind(purchase.partner.0);
            sql.push(", ").push_bind(author.new_id());
            sql.push(", ").push_bind(purchase.license_model.as_str());
            sql.push(", ").push_bind(purchase.quantity);
            sql.push(", ").push_bind(purchase.unit_cost.amount);
            sql.push(", ").push_bind(purchase.unit_cost.currency.clone());
            sql.push(", ").push_bind(author.now).push(")");
        });
        let said = format!("{} {} at {}", purchase.quantity, purchase.license_model, purchase.unit_cost);
        let event = Event { action: "prepaid.bought", new_value: Some(&said), ..Event::default() };
        self.record_for_partner(purchase.partner, None, &event)
    }

    /// Covers an access by a prepaid licence.
    pub fn assign_prepaid_license(
        &mut self,
        access: &LockedAccess,
        license_model: LicenseModel,
    ) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push(
                "insert into prepaid_assignments (customer_id, access_id, partner_id, license_model, assigned_at) values (",
            );
            sql.push_bind(access.terms.customer.0);
            sql.push(", ").push_bind(access.id.0);
            sql.push(", ").push_bind(access.terms.partner.0);
            sql.push(", ").push_bind(license_model.as_str());
            sql.push(", ").push_bind(now);
            // One that the same request has taken away covers it again, as if it had never gone.
            sql.push(
                ") on conflict on constraint prepaid_assignments_pkey do update set unassigned_at = null",
            );
        });
        let event =
            Event { action: "prepaid.assigned", new_value: Some(license_model.as_str()), ..Event::default() };
        self.record_for_partner(access.terms.partner, Some(access.key()), &event)
    }

    /// Takes the prepaid licence from an access; months before are billed with it.
    pub fn unassign_prepaid_license(
        &mut self,
        access: &LockedAccess,
        license_model: LicenseModel,
    ) -> &mut Self {
        self.free_prepaid_license(access);
        let event = Event {
            action: "prepaid.unassigned",
            old_value: Some(license_model.as_str()),
            ..Event::default()
        };
        self.record_for_partner(access.terms.partner, Some(access.key()), &event)
    }

    /// Ends the assignment of an access, if it has one.
    pub(in crate::store) fn free_prepaid_license(&mut self, access: &LockedAccess) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push("update prepaid_assignments set unassigned_at = greatest(assigned_at, ").push_bind(now);
            sql.push(") where customer_id = ").push_bind(access.terms.customer.0);
            sql.push(" and access_id = ").push_bind(access.id.0).push(" and unassigned_at is null");
        })
    }
}
