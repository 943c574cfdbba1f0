//! Customers: the bare organisation, without anything the gate guards.

use chrono::{DateTime, Utc};

use super::{Reader, StoreError};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId};

/// An organisation.
#[derive(Clone, Debug)]
pub struct Customer {
    /// The tenant.
    pub id: CustomerId,
    /// Its name.
    pub name: String,
    /// What its own users may do.
    pub portal_access: PortalAccess,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// Organisations by id; where `created_by` is given, only those that this partner created.
///
/// # Errors
/// When the database does not answer.
pub async fn by_ids(
    reader: &mut Reader,
    ids: &[CustomerId],
    created_by: Option<PartnerId>,
) -> Result<Vec<Customer>, StoreError> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "select customer_id, name, portal_access, created_at from customers
         where customer_id = any ($1) and ($2::uuid is null or created_by = $2)",
        &ids,
        created_by.map(|partner| partner.0)
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Customer {
            id: CustomerId(row.customer_id),
            name: row.name,
            portal_access: PortalAccess::from_rank(row.portal_access),
            created_at: row.created_at,
        })
        .collect())
}
