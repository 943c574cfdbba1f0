//! The facts behind a decision, for the operator's `gate` command: also of accesses that do not exist for the viewer,
//! so the connection has to see past row security. Nothing that serves requests calls this.

use super::viewer::{SignedIn, signed_in, user_by_email};
use super::{Reader, StoreError};
use crate::domain::access::Privilege;
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::domain::user::PartnerRole;
use crate::policy::{AccessTerms, Viewer};

/// Names and facts of an access.
#[derive(Clone, Debug)]
pub struct ExplainedAccess {
    /// Its id, unique within the customer.
    pub id: AccessId,
    /// What decisions start from.
    pub terms: AccessTerms,
    /// Whether it is assigned to the user asked about.
    pub assigned: bool,
    /// The partner's name.
    pub partner: String,
    /// The customer's name.
    pub customer: String,
    /// The customer's portal access.
    pub portal_access: PortalAccess,
}

/// The role of the connection, where row security holds it: it cannot see what it is asked to explain.
///
/// # Errors
/// When the database does not answer.
pub async fn held_by_row_security(reader: &mut Reader) -> Result<Option<String>, StoreError> {
    let row = sqlx::query!(
        r#"select current_user::text as "role!", row_security_active('public.accesses'::regclass) as "held!""#
    )
    .fetch_one(reader.connection()?)
    .await?;
    Ok(row.held.then_some(row.role))
}

/// Who signs in with this address; none where nobody does, or the user is disabled or without a role.
///
/// # Errors
/// When the database does not answer.
pub async fn user(reader: &mut Reader, email: &str) -> Result<Option<SignedIn>, StoreError> {
    match user_by_email(reader.connection()?, email).await? {
        Some(user) => signed_in(reader, user).await,
        None => Ok(None),
    }
}

/// An access by id, with the access that decides the customer's own fields for the same partner where that is another
/// one (DESIGN.md 9: the live one, else the newest ended one, of an operator's those assigned). The one asked for comes first; empty where there is none.
///
/// # Errors
/// When the database does not answer.
pub async fn access(
    reader: &mut Reader,
    customer: CustomerId,
    id: AccessId,
    viewer: &Viewer,
) -> Result<Vec<ExplainedAccess>, StoreError> {
    let rows = sqlx::query!(
        r#"select a.id, a.partner_id, a.status, a.trial_ends_at, a.operating_model, a.privilege_ceiling,
                  a.customer_consent, a.consent_until, p.name as partner, c.name as customer, c.portal_access,
                  exists (select from operator_assignments o
                          where o.customer_id = a.customer_id and o.access_id = a.id and o.user_id = $3) as "assigned!"
           from accesses asked
           join accesses a on a.customer_id = asked.customer_id and a.partner_id = asked.partner_id
           join partners p on p.id = a.partner_id
           join customers c on c.customer_id = a.customer_id
           where asked.customer_id = $1 and asked.id = $2
             and a.id in ($2, (select d.id from accesses d
                               where d.customer_id = asked.customer_id and d.partner_id = asked.partner_id
                                 and (not $4 or exists (select from operator_assignments o
                                                        where o.customer_id = d.customer_id and o.access_id = d.id
                                                          and o.user_id = $3))
                               order by d.status = 'ENDED', d.created_at desc, d.id desc limit 1))
           order by a.id <> $2"#,
        customer.0,
        id.0,
        viewer.user().0,
        matches!(viewer, Viewer::Partner { role: PartnerRole::Operator, .. })
    )
    .fetch_all(reader.connection()?)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ExplainedAccess {
                id: AccessId(row.id),
                terms: AccessTerms {
                    partner: PartnerId(row.partner_id),
                    customer,
                    status: row.status.parse()?,
                    trial_ends_at: row.trial_ends_at,
                    operating_model: row.operating_model.parse()?,
                    privilege_ceiling: Privilege::from_rank(row.privilege_ceiling),
                    granted_consent: Privilege::from_rank(row.customer_consent),
                    granted_until: row.consent_until,
                },
                assigned: row.assigned,
                partner: row.partner,
                customer: row.customer,
                portal_access: PortalAccess::from_rank(row.portal_access),
            })
        })
        .collect()
}
