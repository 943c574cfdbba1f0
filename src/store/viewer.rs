//! Who the subject of a token is, and whether they still may, in the request's own snapshot (DESIGN.md 3).

use super::customer::Customer;
use super::partner::Partner;
use sqlx::PgConnection;

use super::{Reader, StoreError, Writer};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::ViewerKind;
use crate::policy::Viewer;

/// The one who asks, with the organisation they belong to.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What decisions start from.
    pub viewer: Viewer,
    /// The user's name.
    pub name: String,
    /// The user's e-mail address; machines have none.
    pub email: Option<String>,
    /// Whether it is a program's user, who signs in by an API key.
    pub is_service: bool,
    /// Set for a partner's user.
    pub partner: Option<Partner>,
    /// Set for a customer's user.
    pub customer: Option<Customer>,
}

impl SignedIn {
    /// The own customer's portal access; closed for everyone who has no customer of their own.
    #[must_use]
    pub fn portal_access(&self) -> PortalAccess {
        self.customer.as_ref().map_or(PortalAccess::Disabled, |customer| customer.portal_access)
    }
}

/// The user, unless unknown, disabled or without the row that gives them a role: then nobody.
///
/// # Errors
/// When the database does not answer.
pub async fn signed_in(reader: &mut Reader, user: UserId) -> Result<Option<SignedIn>, StoreError> {
    read(reader.connection()?, user).await
}

/// The same in a mutation's own transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn signed_in_to_write(writer: &mut Writer, user: UserId) -> Result<Option<SignedIn>, StoreError> {
    read(writer.connection()?, user).await
}

async fn read(connection: &mut PgConnection, user: UserId) -> Result<Option<SignedIn>, StoreError> {
    let row = sqlx::query!(
        r#"select u.kind, u.name, u.email, u.is_service,
                  pu.role as "partner_role?",
                  p.id as "partner_id?", p.name as "partner_name?", p.parent_id as "partner_parent?",
                  p.currency as "partner_currency?", p.created_at as "partner_created_at?",
                  cu.role as "customer_role?",
                  c.customer_id as "customer_id?", c.name as "customer_name?", c.portal_access as "portal_access?",
                  c.created_at as "customer_created_at?"
           from users u
           left join partner_users pu on pu.user_id = u.id
           left join partners p on p.id = pu.partner_id
           left join customer_users cu on cu.user_id = u.id
           left join customers c on c.customer_id = cu.customer_id
           where u.id = $1 and u.disabled_at is null"#,
        user.0
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };

    let partner = match (row.partner_id, row.partner_name, row.partner_currency, row.partner_created_at) {
        (Some(id), Some(name), Some(currency), Some(created_at)) => Some(Partner {
            id: PartnerId(id),
            name,
            parent: row.partner_parent.map(PartnerId),
            currency,
            created_at,
        }),
        _ => None,
    };
    let customer = match (row.customer_id, row.customer_name, row.portal_access, row.customer_created_at) {
        (Some(id), Some(name), Some(rank), Some(created_at)) => Some(Customer {
            id: CustomerId(id),
            name,
            portal_access: PortalAccess::from_rank(rank),
            created_at,
        }),
        _ => None,
    };
    let viewer = match row.kind.parse()? {
        ViewerKind::PartnerUser => match (&partner, row.partner_role) {
            (Some(partner), Some(role)) => Viewer::Partner { user, partner: partner.id, role: role.parse()? },
            _ => return Ok(None),
        },
        ViewerKind::CustomerUser => match (&customer, row.customer_role) {
            (Some(customer), Some(role)) => {
                Viewer::Customer { user, customer: customer.id, role: role.parse()? }
            }
            _ => return Ok(None),
        },
        ViewerKind::PlatformAdmin => Viewer::PlatformAdmin { user },
        ViewerKind::Scanner => Viewer::Scanner { user },
    };
    Ok(Some(SignedIn {
        viewer,
        name: row.name,
        email: row.email,
        is_service: row.is_service,
        partner,
        customer,
    }))
}

/// A user by e-mail address, for the command line; the role of the connection has to be allowed to read users.
///
/// # Errors
/// When the database does not answer.
pub async fn user_by_email(connection: &mut PgConnection, email: &str) -> Result<Option<UserId>, StoreError> {
    let id = sqlx::query_scalar!("select id from users where email = $1", email)
        .fetch_optional(connection)
        .await?;
    Ok(id.map(UserId))
}
