//! Posture shares: as mutations make and revoke them, and as the door of their links finds them.

use chrono::{DateTime, Utc};

use super::change::{Changes, Event};
use super::portal::LockedCustomer;
use super::{Reader, StoreError, Writer};
use crate::domain::access::Privilege;
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, PostureShareId, UserId};
use crate::policy::{AccessTerms, Grant, Posture, ShareTerms, Subject, Viewer};

/// A share as a mutation finds it.
#[derive(Clone, Debug)]
pub struct FoundShare {
    /// Its id, unique within the customer.
    pub id: PostureShareId,
    /// What it is called.
    pub label: String,
    /// When it was taken back.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A share of a customer that is locked, which keeps it as it is, too.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    writer: &mut Writer,
    customer: &LockedCustomer,
    id: PostureShareId,
) -> Result<Option<FoundShare>, StoreError> {
    let row = sqlx::query!(
        "select label, revoked_at from posture_shares where customer_id = $1 and id = $2",
        customer.id.0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| FoundShare { id, label: row.label, revoked_at: row.revoked_at }))
}

/// A share to make.
#[derive(Clone, Copy, Debug)]
pub struct NewShare<'s> {
    /// What it is called.
    pub label: &'s str,
    /// Until when it works.
    pub expires_at: DateTime<Utc>,
    /// SHA-256 of its link's secret.
    pub secret_hash: [u8; 32],
}

impl Changes<'_> {
    /// Makes a share and records it in the customer's log and, where a partner makes it, in the partner's. Its id.
    pub fn create_share(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        share: &NewShare<'_>,
    ) -> PostureShareId {
        let author = self.author();
        let id = author.new_id();
        self.change(|sql| {
            sql.push(
                "insert into posture_shares (customer_id, id, label, created_at, expires_at, secret_hash, created_by, \
                 created_by_id, created_by_partner) values (",
            );
            sql.push_bind(customer.id.0).push(", ").push_bind(id);
            sql.push(", ").push_bind(share.label.to_owned());
            sql.push(", ").push_bind(author.now).push(", ").push_bind(share.expires_at);
            sql.push(", ").push_bind(share.secret_hash.to_vec());
            sql.push(", ").push_bind(author.name.clone()).push(", ").push_bind(author.user.0);
            sql.push(", ").push_bind(by.map(|partner| partner.0)).push(")");
        });
        let new = format!("{} until {}", share.label, share.expires_at.format("%Y-%m-%dT%H:%M:%SZ"));
        let event = Event { action: "posture_share.created", new_value: Some(&new), ..Event::default() };
        self.record_operation(customer, by, &event);
        PostureShareId(id)
    }

    /// Takes a share back, for good, and records it likewise.
    pub fn revoke_share(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        share: &FoundShare,
    ) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push("update posture_shares set revoked_at = ").push_bind(now);
            sql.push(" where customer_id = ").push_bind(customer.id.0);
            sql.push(" and id = ").push_bind(share.id.0);
        });
        let event =
            Event { action: "posture_share.revoked", old_value: Some(&share.label), ..Event::default() };
        self.record_operation(customer, by, &event)
    }
}

/// A share as its link finds it, whether or not it still works, with what decides about that.
#[derive(Clone, Debug)]
pub struct LinkedShare {
    /// What it is called.
    pub label: String,
    /// How long it is meant to be open.
    pub terms: ShareTerms,
    /// Who made it, as they are now.
    pub maker: Viewer,
    /// The customer as the maker sees it.
    pub subject: Subject,
}

/// The share of the link that the transaction was opened with; none for a link that there is not, or whose maker may no longer
/// sign in.
///
/// # Errors
/// When the database does not answer.
pub async fn linked(reader: &mut Reader, now: DateTime<Utc>) -> Result<Option<LinkedShare>, StoreError> {
    let row = sqlx::query!(
        r#"select customer_id as "customer_id!", label as "label!", expires_at as "expires_at!", revoked_at,
                  portal_access as "portal_access!", maker as "maker!", partner_id, partner_role, own_customer,
                  customer_role, assigned as "assigned!", status, operating_model, privilege_ceiling, customer_consent,
                  consent_until, trial_ends_at
           from gate.share_facts()"#
    )
    .fetch_optional(reader.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (user, customer) = (UserId(row.maker), CustomerId(row.customer_id));
    let maker = match (row.partner_id, row.partner_role, row.own_customer, row.customer_role) {
        (Some(partner), Some(role), ..) => {
            Viewer::Partner { user, partner: PartnerId(partner), role: role.parse()? }
        }
        (_, _, Some(own), Some(role)) => {
            Viewer::Customer { user, customer: CustomerId(own), role: role.parse()? }
        }
        _ => return Ok(None),
    };
    let terms = match (
        row.partner_id,
        row.status,
        row.operating_model,
        row.privilege_ceiling,
        row.customer_consent,
    ) {
        (Some(partner), Some(status), Some(model), Some(ceiling), Some(consent)) => Some(AccessTerms {
            partner: PartnerId(partner),
            customer,
            status: status.parse()?,
            trial_ends_at: row.trial_ends_at,
            operating_model: model.parse()?,
            privilege_ceiling: Privilege::from_rank(ceiling),
            granted_consent: Privilege::from_rank(consent),
            granted_until: row.consent_until,
        }),
        _ => None,
    };
    Ok(Some(LinkedShare {
        label: row.label,
        terms: ShareTerms { expires_at: row.expires_at, revoked_at: row.revoked_at },
        maker,
        subject: Subject {
            customer,
            access: terms.map(|terms| terms.facts_at(now, row.assigned)),
            portal_access: PortalAccess::from_rank(row.portal_access),
        },
    }))
}

/// What the customer of a share is called; none where the database does not let the link through.
///
/// # Errors
/// When the database does not answer.
pub async fn customer_name(
    reader: &mut Reader,
    grant: &Grant<Posture>,
) -> Result<Option<String>, StoreError> {
    let name = sqlx::query_scalar!("select name from customers where customer_id = $1", grant.of().0)
        .fetch_optional(reader.connection()?)
        .await?;
    Ok(name)
}
