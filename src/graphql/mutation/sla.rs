//! `setSlaPolicy`: how many days findings may stay open, set by those who operate the customer.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};

use super::operate::operator;
use super::payload::CustomerPayload;
use super::portal::find_customer;
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::ids::CustomerId;
use crate::domain::sla::SlaPolicy;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::sla::policy_of;
use crate::store::triage::hold_findings;

/// Days after which findings are due, by severity: 1 to 3650. Null where they never are; what is left out stays as it is.
#[derive(InputObject)]
pub struct SetSlaPolicyInput {
    /// Whose.
    customer_id: ID,
    /// Days of critical findings.
    critical_days: MaybeUndefined<i32>,
    /// Days of high findings.
    high_days: MaybeUndefined<i32>,
    /// Days of medium findings.
    medium_days: MaybeUndefined<i32>,
    /// Days of low findings.
    low_days: MaybeUndefined<i32>,
    /// Days of informational findings.
    info_days: MaybeUndefined<i32>,
}

/// The mutation of SLA policies.
#[derive(Default)]
pub struct SlaMutations;

/// The mutation of SLA policies.
#[Object]
impl SlaMutations {
    /// Sets after how many days findings of a customer are due, also those that are open. Partners that operate the customer, and
    /// the customer's admins with a FULL portal. Audited on the side(s) it concerns.
    async fn set_sla_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, and the days by severity.")] input: SetSlaPolicyInput,
    ) -> Result<CustomerPayload> {
        let outcome = written!(ctx, Operation::SetSlaPolicy, set_sla_policy, input);
        CustomerPayload::of(ctx, outcome).await
    }
}

async fn set_sla_policy(writing: &mut Writing<'_>, input: SetSlaPolicyInput) -> Result<CustomerId, Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by = operator(writing, &customer, "setting the SLA policy")?;
    let days = |field, days: &MaybeUndefined<i32>| match days.value() {
        Some(days) if !SlaPolicy::DAYS.contains(days) => Err(Refusal::invalid(
            field,
            format!("a finding is due after 1 to 3650 days or, with null, never; this is {days}"),
        )),
        Some(_) | None => Ok(()),
    };
    days("criticalDays", &input.critical_days)?;
    days("highDays", &input.high_days)?;
    days("mediumDays", &input.medium_days)?;
    days("lowDays", &input.low_days)?;
    days("infoDays", &input.info_days)?;
    hold_findings(&mut writing.writer, customer.id).await?;
    let from = policy_of(&mut writing.writer, customer.id).await?;
    let mut to = from;
    input.critical_days.update_to(&mut to.critical);
    input.high_days.update_to(&mut to.high);
    input.medium_days.update_to(&mut to.medium);
    input.low_days.update_to(&mut to.low);
    input.info_days.update_to(&mut to.info);
    if to == from {
        return Err(Refusal::no_change("customerId", format!("the policy is this already: {from}")).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_sla_policy(&customer, by, &from, &to);
    changes.execute(&mut writing.writer).await?;
    Ok(customer.id)
}
