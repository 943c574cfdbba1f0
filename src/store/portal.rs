//! Customers as a mutation finds them, who manages them, and their portal.

use chrono::{DateTime, Utc};

use super::access::{LockedAccess, lock};
use super::change::{Changes, Event};
use super::{StoreError, Writer};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::domain::user::PartnerRole;
use crate::policy::{Subject, Viewer, knows_customer};

/// A customer that nobody else changes until the transaction ends.
#[derive(Clone, Debug)]
pub struct LockedCustomer {
    /// The tenant.
    pub id: CustomerId,
    /// What its own users may do.
    pub portal_access: PortalAccess,
    /// The access through which the viewer's partner sees it, locked too; none for the customer's own users.
    pub access: Option<LockedAccess>,
}

impl LockedCustomer {
    /// What decisions about it rest on.
    #[must_use]
    pub fn subject(&self, now: DateTime<Utc>) -> Subject {
        // What an operator is not assigned to was not found.
        let access = self.access.as_ref().map(|access| access.terms.facts_at(now, true));
        Subject { customer: self.id, access, portal_access: self.portal_access }
    }
}

/// Locks a customer with the access that decides for a partner's user (DESIGN.md 9: the live one, else the newest, of those that are
/// theirs); none where it does not exist for the viewer.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_customer(
    writer: &mut Writer,
    viewer: &Viewer,
    id: CustomerId,
) -> Result<Option<LockedCustomer>, StoreError> {
    if let Viewer::Partner { user, partner, role } = *viewer {
        let operator = (role == PartnerRole::Operator).then_some(user.0);
        let deciding = sqlx::query_scalar!(
            "select a.id from accesses a where a.customer_id = $1 and a.partner_id = $2
             and ($3::uuid is null or exists (select from operator_assignments s
                  where s.customer_id = a.customer_id and s.access_id = a.id and s.user_id = $3))
             order by a.status = 'ENDED', a.created_at desc, a.id desc limit 1",
            id.0,
            partner.0,
            operator
        )
        .fetch_optional(writer.connection()?)
        .await?;
        if let Some(deciding) = deciding {
            // Access before customer, as everywhere: two writers wait for each other and never in a circle.
            let access = lock(writer, viewer, id, AccessId(deciding)).await?;
            return Ok(access.map(|access| LockedCustomer {
                id,
                portal_access: access.portal_access,
                access: Some(access),
            }));
        }
    }
    let row = sqlx::query!(
        "select portal_access, created_by from customers
         where customer_id = $1 and ($2::uuid is null or created_by = $2) and ($3::uuid is null or customer_id = $3)
         for no key update",
        id.0,
        viewer.partner().map(|partner| partner.0),
        viewer.customer().map(|customer| customer.0)
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let known = row.filter(|row| knows_customer(viewer, id, PartnerId(row.created_by)));
    Ok(known.map(|row| LockedCustomer {
        id,
        portal_access: PortalAccess::from_rank(row.portal_access),
        access: None,
    }))
}

/// Who manages a customer, as far as the viewer may know.
#[derive(Clone, Copy, Debug)]
pub struct Management {
    /// Whether the viewer is an ADMIN of the partner that manages it.
    pub by_viewer: bool,
    /// Whether any live access of it is FULLY_MANAGED; told to the managing partner only.
    pub fully: bool,
}

/// Who manages a locked customer.
///
/// # Errors
/// When the database does not answer.
pub async fn management(writer: &mut Writer, customer: CustomerId) -> Result<Management, StoreError> {
    let row = sqlx::query!(
        r#"select gate.manages($1) as "by_viewer!", gate.is_fully_managed($1) as "fully!""#,
        customer.0
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(Management { by_viewer: row.by_viewer, fully: row.fully })
}

/// What a customer is called.
///
/// # Errors
/// When the database does not answer.
pub async fn name(writer: &mut Writer, customer: CustomerId) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar!("select name from customers where customer_id = $1", customer.0);
    Ok(name.fetch_optional(writer.connection()?).await?)
}

impl Changes<'_> {
    /// Records what was done to a customer's security data in its log and, where a partner did it, in the partner's: there that it was
    /// done, and not to what, for the partner reads its own log on when it sees nothing of the customer any more.
    pub fn record_operation(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        event: &Event<'_>,
    ) -> &mut Self {
        if let Some(partner) = by {
            let bare = Event { action: event.action, ..Event::default() };
            self.record_for_partner(partner, customer.access.as_ref().map(LockedAccess::key), &bare);
        }
        self.record_for_customer(customer.id, by, event)
    }

    /// Sets the portal access and records it in the customer's log and the partner's.
    pub fn set_portal_access(
        &mut self,
        customer: &LockedCustomer,
        by: PartnerId,
        to: PortalAccess,
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("update customers set portal_access = ").push_bind(to.rank());
            sql.push(" where customer_id = ").push_bind(customer.id.0);
        });
        let event = Event {
            action: "customer.portal_access_changed",
            reason: None,
            old_value: Some(customer.portal_access.as_str()),
            new_value: Some(to.as_str()),
        };
        self.record_for_partner(by, customer.access.as_ref().map(LockedAccess::key), &event)
            .record_for_customer(customer.id, Some(by), &event)
    }
}
