//! SLA policies: how many days findings may stay open, and the due dates that come of it.

use std::collections::HashMap;

use super::change::{Changes, Event};
use super::portal::LockedCustomer;
use super::{Reader, StoreError, Writer};
use crate::domain::ids::{CustomerId, PartnerId};
use crate::domain::sla::SlaPolicy;
use crate::policy::{Grant, Posture};

/// The policies of these customers; one that has the default is not in the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn policies(
    reader: &mut Reader,
    grants: &[Grant<Posture>],
) -> Result<HashMap<CustomerId, SlaPolicy>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.of().0).collect();
    let rows = sqlx::query!(
        "select customer_id, critical_days, high_days, medium_days, low_days, info_days
         from sla_policies where customer_id = any ($1)",
        &ids
    )
    .fetch_all(reader.connection()?)
    .await?;
    let own = rows.into_iter().map(|row| {
        let policy = SlaPolicy {
            critical: row.critical_days,
            high: row.high_days,
            medium: row.medium_days,
            low: row.low_days,
            info: row.info_days,
        };
        (CustomerId(row.customer_id), policy)
    });
    Ok(own.collect())
}

/// The policy that holds for a customer, its own or the default, in the transaction of somebody who writes its findings.
///
/// # Errors
/// When the database does not answer.
pub async fn policy_of(writer: &mut Writer, customer: CustomerId) -> Result<SlaPolicy, StoreError> {
    let own = sqlx::query_as!(
        SlaPolicy,
        "select critical_days as critical, high_days as high, medium_days as medium, low_days as low, info_days as info
         from sla_policies where customer_id = $1",
        customer.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(own.unwrap_or(SlaPolicy::DEFAULT))
}

impl Changes<'_> {
    /// Sets a customer's policy, with it the due dates of what is open, and records it on the side(s) it concerns. Whoever calls
    /// it holds the customer's findings.
    pub fn set_sla_policy(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        from: &SlaPolicy,
        to: &SlaPolicy,
    ) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push("insert into sla_policies as p (customer_id, critical_days, high_days, medium_days, low_days, info_days) values (");
            sql.push_bind(customer.id.0);
            for days in [to.critical, to.high, to.medium, to.low, to.info] {
                sql.push(", ").push_bind(days);
            }
            sql.push(
                ") on conflict (customer_id) do update set critical_days = excluded.critical_days, \
                 high_days = excluded.high_days, medium_days = excluded.medium_days, low_days = excluded.low_days, \
                 info_days = excluded.info_days",
            );
        });
        // Due as one of today, less the days that have passed since: the rule stays where it is, in domain::sla.
        self.change(|sql| {
            sql.push("update findings f set sla_due_at = d.due_at from (select t.id, (");
            sql.push_bind(to.due_by_rank(now));
            sql.push("::timestamptz[])[t.severity + 1] - (date_trunc('day', ").push_bind(now);
            sql.push(
                "::timestamptz, 'UTC') - date_trunc('day', coalesce(t.reopened_at, t.first_seen_at), 'UTC')) as due_at \
                 from findings t where t.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and t.customer_id = ",
            );
            sql.push_bind(customer.id.0);
            sql.push(") d where f.id = d.id and f.sla_due_at is distinct from d.due_at and f.customer_id = ");
            sql.push_bind(customer.id.0);
        });
        let (old, new) = (from.to_string(), to.to_string());
        let event = Event {
            action: "customer.sla_policy_changed",
            reason: None,
            old_value: Some(&old),
            new_value: Some(&new),
        };
        self.record_operation(customer, by, &event)
    }
}
