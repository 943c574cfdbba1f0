//! `setPortalAccess`: what a customer's own users may do, set by the partner that manages the customer.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::payload::CustomerPayload;
use super::refusal::Refusal;
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::customer;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::CustomerId;
use crate::graphql::enums::PortalAccess;
use crate::policy::{Operation, Viewer};
use crate::store::StoreError;
use crate::store::change::Changes;
use crate::store::portal::{LockedCustomer, lock_customer, management};

/// Another portal access for a customer.
#[derive(InputObject)]
pub struct SetPortalAccessInput {
    /// Which customer.
    customer_id: ID,
    /// What its own users may do from now on.
    portal_access: PortalAccess,
}

/// Mutations of portals.
#[derive(Default)]
pub struct PortalMutations;

/// Mutations of portals.
#[Object]
impl PortalMutations {
    /// Sets what a customer's own users may do in their portal. Admins of the partner that manages the customer; FULL only
    /// while no live access is FULLY_MANAGED. Audited on both sides.
    async fn set_portal_access(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which customer and what its users may do.")] input: SetPortalAccessInput,
    ) -> Result<CustomerPayload> {
        let outcome = match begin(ctx, Operation::SetPortalAccess).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(set_portal_access(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        CustomerPayload::of(ctx, outcome).await
    }
}

/// The customer of an input, locked; NOT_FOUND alike for what does not exist, what is not the viewer's and what is no id.
pub(super) async fn find_customer(writing: &mut Writing<'_>, id: &ID) -> Result<LockedCustomer, Stop> {
    let missing = || Refusal::not_found("customer", "customerId");
    let Ok(GlobalId::Customer(customer)) = id.parse() else { return Err(missing().into()) };
    Ok(lock_for(writing, customer).await?.ok_or_else(missing)?)
}

/// A customer, locked with the access through which the viewer's partner sees it; none where it does not exist for the viewer.
pub(super) async fn lock_for(
    writing: &mut Writing<'_>,
    customer: CustomerId,
) -> Result<Option<LockedCustomer>, StoreError> {
    let viewer = *writing.viewer();
    let locked = lock_customer(&mut writing.writer, &viewer, customer).await?;
    if let Some(locked) = &locked {
        writing.has_locked(locked.subject(writing.now()));
    }
    Ok(locked)
}

async fn set_portal_access(
    writing: &mut Writing<'_>,
    input: &SetPortalAccessInput,
) -> Result<CustomerId, Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let managed = management(&mut writing.writer, customer.id).await?;
    if !managed.by_viewer {
        return Err(Refusal::not_permitted(
            "the portal is set by the partner that manages the customer: the one that created it, or, once that one has \
             no live access, the one with the oldest",
        )
        .into());
    }
    let to: customer::PortalAccess = input.portal_access.into();
    if to == customer::PortalAccess::Full && managed.fully {
        return Err(Refusal::wrong_state(
            "the customer is FULLY_MANAGED, so its portal is READ_ONLY at most: FULL takes another operating model first",
        )
        .into());
    }
    if customer.portal_access == to {
        return Err(Refusal::no_change("portalAccess", format!("the portal access is {to} already")).into());
    }
    let Viewer::Partner { partner, .. } = *writing.viewer() else { return Ok(customer.id) };
    let mut changes = Changes::new(&writing.author);
    changes.set_portal_access(&customer, partner, to);
    changes.execute(&mut writing.writer).await?;
    Ok(customer.id)
}
