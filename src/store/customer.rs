//! Customers: the bare organisation, without anything the gate guards.

use chrono::{DateTime, Utc};

use super::change::{Author, Changes, Event};
use super::{Reader, StoreError, Writer};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::CustomerRole;

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

/// A customer to make.
#[derive(Clone, Copy, Debug)]
pub struct NewCustomer<'n> {
    /// Its id.
    pub id: CustomerId,
    /// Its name.
    pub name: &'n str,
    /// Whose it is to manage.
    pub created_by: PartnerId,
}

/// Makes the account of a customer's first ADMIN, unless the address is somebody's already: whose, nobody is told. It is
/// called by its address until the person says otherwise. No key is named for the conflict: that would ask whether the writer
/// may see the new row, and nobody sees another user.
///
/// # Errors
/// When the database does not answer.
pub async fn reserve_admin(
    writer: &mut Writer,
    author: &Author,
    user: UserId,
    email: &str,
) -> Result<bool, StoreError> {
    let made = sqlx::query!(
        "insert into users (id, kind, name, email, created_at) values ($1, 'CUSTOMER_USER', $2, $2, $3)
         on conflict do nothing",
        user.0,
        email,
        author.now
    )
    .execute(writer.connection()?)
    .await?;
    Ok(made.rows_affected() == 1)
}

impl Changes<'_> {
    /// Makes a customer, its portal DISABLED; then record it.
    pub fn add_customer(&mut self, customer: &NewCustomer<'_>) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push(
                "insert into customers (customer_id, name, portal_access, created_by, created_at) values (",
            );
            sql.push_bind(customer.id.0);
            sql.push(", ").push_bind(customer.name.to_owned());
            sql.push(", ").push_bind(PortalAccess::Disabled.rank());
            sql.push(", ").push_bind(customer.created_by.0);
            sql.push(", ").push_bind(now).push(")");
        })
    }

    /// Records a new customer on both sides, with its first ADMIN where there is one.
    pub fn record_new_customer(
        &mut self,
        customer: &NewCustomer<'_>,
        admin: Option<(UserId, &str)>,
    ) -> &mut Self {
        let record = |changes: &mut Self, event: &Event<'_>| {
            changes.record_for_partner(customer.created_by, None, event);
            changes.record_for_customer(customer.id, Some(customer.created_by), event);
        };
        let (action, new_value) = ("customer.created", Some(customer.name));
        record(self, &Event { action, new_value, ..Event::default() });
        if let Some((user, email)) = admin {
            self.change(|sql| {
                sql.push("insert into customer_users (customer_id, user_id, role) values (");
                sql.push_bind(customer.id.0);
                sql.push(", ").push_bind(user.0);
                sql.push(", ").push_bind(CustomerRole::Admin.as_str()).push(")");
            });
            let said = format!("{email} as {}", CustomerRole::Admin);
            let (action, new_value) = ("customer.user_invited", Some(said.as_str()));
            // Who they are is the customer's security configuration: the partner's own log says that it was done.
            self.record_for_partner(customer.created_by, None, &Event { action, ..Event::default() });
            let event = Event { action, new_value, ..Event::default() };
            self.record_for_customer(customer.id, Some(customer.created_by), &event);
        }
        self
    }
}
