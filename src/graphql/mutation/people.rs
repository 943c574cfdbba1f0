//! Mutations of people: who is invited to a customer, and which operators see an access.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::{expect_version, find};
use super::operate::operator;
use super::payload::{AccessPayload, CustomerPayload};
use super::portal::find_customer;
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::customer::PortalAccess;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AccessId, CustomerId};
use crate::domain::user;
use crate::graphql::enums::CustomerRole;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::people::{self, Invitation};

/// One user more for a customer.
#[derive(InputObject)]
pub struct InviteCustomerUserInput {
    /// Which customer.
    customer_id: ID,
    /// Whom: the address they sign in with, which nobody has yet.
    email: String,
    /// As what. An operating partner invites READ_ONLY users only.
    role: CustomerRole,
}

/// Whether an operator sees an access.
#[derive(InputObject)]
pub struct AssignOperatorInput {
    /// Which access.
    access_id: ID,
    /// Which OPERATOR of the own partner.
    operator_id: ID,
    /// Whether the access is on their list from now on.
    assigned: bool,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Mutations of people.
#[derive(Default)]
pub struct PeopleMutations;

/// Mutations of people.
#[Object]
impl PeopleMutations {
    /// Invites a user to a customer. A customer's admins with a FULL portal, and partners that operate the customer: these
    /// invite READ_ONLY users only, which raises a DISABLED portal to READ_ONLY. Audited on the side(s) it concerns.
    async fn invite_customer_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which customer, whom and as what.")] input: InviteCustomerUserInput,
    ) -> Result<CustomerPayload> {
        let outcome = match begin(ctx, Operation::InviteCustomerUser).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(invite_customer_user(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        CustomerPayload::of(ctx, outcome).await
    }

    /// Puts an access on an operator's list, or takes it off. Partner admins. Audited on both sides.
    async fn assign_operator(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access and which operator.")] input: AssignOperatorInput,
    ) -> Result<AccessPayload> {
        let outcome = match begin(ctx, Operation::AssignOperator).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(assign_operator(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        AccessPayload::of(ctx, outcome).await
    }
}

async fn invite_customer_user(
    writing: &mut Writing<'_>,
    input: &InviteCustomerUserInput,
) -> Result<CustomerId, Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let role: user::CustomerRole = input.role.into();
    let by_partner = operator(writing, &customer, "inviting users")?;
    if by_partner.is_some() && role != user::CustomerRole::ReadOnly {
        return Err(Refusal::not_permitted(
            "an operating partner invites READ_ONLY users only: an ADMIN is invited by an ADMIN of the customer with a \
             FULL portal",
        )
        .into());
    }
    let email = refusal::email("email", &input.email)?;
    if !people::take_email(&mut writing.writer, &email).await? {
        return Err(refusal::email_taken("email").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.invite_customer_user(&customer, by_partner, &Invitation { email: &email, role });
    if let (Some(partner), PortalAccess::Disabled) = (by_partner, customer.portal_access) {
        changes.set_portal_access(&customer, partner, PortalAccess::ReadOnly);
    }
    changes.execute(&mut writing.writer).await?;
    Ok(customer.id)
}

async fn assign_operator(
    writing: &mut Writing<'_>,
    input: &AssignOperatorInput,
) -> Result<(CustomerId, AccessId), Stop> {
    let access = find(writing, &input.access_id).await?;
    let missing = || Refusal::not_found("operator", "operatorId");
    let Ok(GlobalId::User(user)) = input.operator_id.parse() else { return Err(missing().into()) };
    let operator = people::operator(&mut writing.writer, &access, user).await?.ok_or_else(missing)?;
    expect_version(&access, input.expected_version)?;
    if operator.assigned == input.assigned {
        let message = if input.assigned {
            "the access is assigned to the operator already"
        } else {
            "the access is not assigned to the operator"
        };
        return Err(Refusal::no_change("assigned", message).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.assign_operator(&access, &operator, input.assigned);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
