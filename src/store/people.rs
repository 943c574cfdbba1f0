//! The people of partners and customers: lists for those who keep them, and people as mutations find and change them.

mod list;

use serde::{Deserialize, Serialize};

pub use list::{CustomerUser, CustomerUsers, PartnerUser, PartnerUsers};

use super::access::LockedAccess;
use super::change::{Changes, Event};
use super::portal::LockedCustomer;
use super::{StoreError, Writer};
use crate::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use crate::domain::user::CustomerRole;

/// Somebody's organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Belonging {
    /// A partner.
    Partner(PartnerId),
    /// A customer, in a role.
    Customer(CustomerId, CustomerRole),
}

/// Somebody who signs in, as those find them who keep them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// What logs call them: their address or, where there is none, their name.
    pub called: String,
    /// Where they belong.
    pub of: Belonging,
}

/// In which logs something stands.
#[derive(Clone, Copy, Debug)]
pub struct Logs {
    /// A partner's, about an access where it is about one.
    pub partner: Option<(PartnerId, Option<(CustomerId, AccessId)>)>,
    /// A customer's.
    pub customer: Option<CustomerId>,
}

/// Whom to invite.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'i> {
    /// The address that they sign in with, in lower case; they are called by it until they say otherwise.
    pub email: &'i str,
    /// As what.
    pub role: CustomerRole,
}

/// An OPERATOR, seen from one access.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Who.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Whether the access is on their list.
    pub assigned: bool,
}

/// Whether nobody has an address yet; it is the transaction's until that ends.
///
/// # Errors
/// When the database does not answer.
pub async fn take_email(writer: &mut Writer, address: &str) -> Result<bool, StoreError> {
    let free = sqlx::query_scalar!(r#"select gate.take_email($1) as "free!""#, address)
        .fetch_one(writer.connection()?)
        .await?;
    Ok(free)
}

/// An OPERATOR of the access's partner; none for anybody else.
///
/// # Errors
/// When the database does not answer.
pub async fn operator(
    writer: &mut Writer,
    access: &LockedAccess,
    user: UserId,
) -> Result<Option<Operator>, StoreError> {
    let row = sqlx::query!(
        r#"select u.name, exists (select from operator_assignments o
                                  where o.customer_id = $3 and o.access_id = $4 and o.user_id = u.id) as "assigned!"
           from partner_users m join users u on u.id = m.user_id
           where m.partner_id = $1 and m.user_id = $2 and m.role = 'OPERATOR'"#,
        access.terms.partner.0,
        user.0,
        access.terms.customer.0,
        access.id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| Operator { id: user, name: row.name, assigned: row.assigned }))
}

/// A partner's or a customer's user. Whether they are the viewer's to know is asked by whoever called this, by where they belong.
///
/// # Errors
/// When the database does not answer.
pub async fn person(writer: &mut Writer, user: UserId) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query!(
        r#"select coalesce(u.email, u.name) as "called!", m.partner_id as "partner_id?", c.customer_id as "customer_id?",
                  c.role as "role?"
           from users u
           left join partner_users m on m.user_id = u.id
           left join customer_users c on c.user_id = u.id
           where u.id = $1"#,
        user.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let of = match (row.partner_id, row.customer_id, row.role) {
        (Some(partner), _, _) => Belonging::Partner(PartnerId(partner)),
        (None, Some(customer), Some(role)) => Belonging::Customer(CustomerId(customer), role.parse()?),
        (None, _, _) => return Ok(None),
    };
    Ok(Some(Person { id: user, called: row.called, of }))
}

/// Whether somebody beside a user administers a partner who may sign in. Of two who disable each other at once the second one is answered
/// after the first one is done.
///
/// # Errors
/// When the database does not answer.
pub async fn others_administer(
    writer: &mut Writer,
    partner: PartnerId,
    user: UserId,
) -> Result<bool, StoreError> {
    sqlx::query!(
        r#"select pg_advisory_xact_lock(hashtextextended('admins ' || $1::uuid::text, 0)) is null as "waited!""#,
        partner.0
    )
    .fetch_one(writer.connection()?)
    .await?;
    let others = sqlx::query_scalar!(
        r#"select exists (select from partner_users m join users u on u.id = m.user_id
                          where m.partner_id = $1 and m.user_id <> $2 and m.role = 'ADMIN'
                            and u.disabled_at is null and not u.is_service) as "others!""#,
        partner.0,
        user.0
    );
    Ok(others.fetch_one(writer.connection()?).await?)
}

/// Whether a locked user may sign in.
#[derive(Clone, Copy, Debug)]
pub struct SigningIn {
    /// They are not disabled.
    pub enabled: bool,
    /// They signed in by an API key that was revoked.
    pub key_revoked: bool,
}

/// Locks a user, known to be the viewer's to keep, and says whether they may sign in.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_enabled(writer: &mut Writer, user: UserId) -> Result<Option<SigningIn>, StoreError> {
    let row = sqlx::query!(
        r#"select u.disabled_at is null as "enabled!",
                  u.is_service
                  and not exists (select from api_keys k where k.user_id = u.id and k.revoked_at is null)
                  and not exists (select from partner_api_keys k where k.user_id = u.id and k.revoked_at is null)
                      as "key_revoked!"
           from users u where u.id = $1 for no key update of u"#,
        user.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| SigningIn { enabled: row.enabled, key_revoked: row.key_revoked }))
}

impl Changes<'_> {
    /// Lets a user sign in or not, and records it.
    pub fn set_enabled(
        &mut self,
        person: &Person,
        enabled: bool,
        reason: Option<&str>,
        logs: &Logs,
    ) -> &mut Self {
        let disabled_at = (!enabled).then_some(self.author().now);
        self.change(|sql| {
            sql.push("update users set disabled_at = ").push_bind(disabled_at);
            sql.push(" where id = ").push_bind(person.id.0);
        });
        let of_partner = matches!(person.of, Belonging::Partner(_));
        let action = match (of_partner, enabled) {
            (true, true) => "partner.user_enabled",
            (true, false) => "partner.user_disabled",
            (false, true) => "customer.user_enabled",
            (false, false) => "customer.user_disabled",
        };
        let called = Some(person.called.as_str());
        let (old_value, new_value) = if enabled { (None, called) } else { (called, None) };
        let event = Event { action, reason, old_value, new_value };
        if let Some((partner, about)) = logs.partner {
            // Of a customer's user it is told that it was done, and not to whom: see `record_operation`.
            let bare = Event { action, ..Event::default() };
            self.record_for_partner(partner, about, if of_partner { &event } else { &bare });
        }
        if let Some(customer) = logs.customer {
            self.record_for_customer(customer, logs.partner.map(|(partner, _)| partner), &event);
        }
        self
    }

    /// Adds a user to a customer and records it in the customer's log and, where a partner invites, in the partner's.
    pub fn invite_customer_user(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        invitation: &Invitation<'_>,
    ) -> &mut Self {
        let (id, now) = (self.author().new_id(), self.author().now);
        self.change(|sql| {
            sql.push("insert into users (id, kind, name, email, created_at) values (").push_bind(id);
            sql.push(", 'CUSTOMER_USER', ").push_bind(invitation.email.to_owned());
            sql.push(", ").push_bind(invitation.email.to_owned()).push(", ").push_bind(now).push(")");
        });
        self.change(|sql| {
            sql.push("insert into customer_users (customer_id, user_id, role) values (");
            sql.push_bind(customer.id.0).push(", ").push_bind(id);
            sql.push(", ").push_bind(invitation.role.as_str()).push(")");
        });
        let new = format!("{} as {}", invitation.email, invitation.role);
        let event = Event { action: "customer.user_invited", new_value: Some(&new), ..Event::default() };
        self.record_operation(customer, by, &event)
    }

    /// Puts an access on an operator's list or takes it off, and records it on both sides: it changes who sees the customer.
    pub fn assign_operator(
        &mut self,
        access: &LockedAccess,
        operator: &Operator,
        assigned: bool,
    ) -> &mut Self {
        let (customer, id) = access.key();
        self.change(|sql| {
            if assigned {
                sql.push("insert into operator_assignments (customer_id, access_id, user_id) values (");
                sql.push_bind(customer.0)
                    .push(", ")
                    .push_bind(id.0)
                    .push(", ")
                    .push_bind(operator.id.0)
                    .push(")");
            } else {
                sql.push("delete from operator_assignments where customer_id = ").push_bind(customer.0);
                sql.push(" and access_id = ")
                    .push_bind(id.0)
                    .push(" and user_id = ")
                    .push_bind(operator.id.0);
            }
        });
        self.change(|sql| {
            sql.push("update accesses set version = version + 1 where customer_id = ").push_bind(customer.0);
            sql.push(" and id = ").push_bind(id.0);
        });
        let (action, name) = if assigned {
            ("access.operator_assigned", (None, Some(operator.name.as_str())))
        } else {
            ("access.operator_unassigned", (Some(operator.name.as_str()), None))
        };
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event { action, reason: None, old_value: name.0, new_value: name.1 },
        )
    }
}
