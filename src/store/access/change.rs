//! Accesses as a mutation finds and changes them.

use chrono::{DateTime, Utc};

use super::Trial;
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use crate::domain::subscription::{BillingCycle, SubscriptionStatus};
use crate::policy::{AccessTerms, Scope, Viewer, scope};
use crate::store::change::{Changes, Event};
use crate::store::{StoreError, Writer};

/// An access that nobody else changes until the transaction ends, nor its customer.
#[derive(Clone, Debug)]
pub struct LockedAccess {
    /// Its id.
    pub id: AccessId,
    /// What decisions start from.
    pub terms: AccessTerms,
    /// The trial, where there is or was one.
    pub trial: Option<Trial>,
    /// Rises by one with every change.
    pub version: i32,
    /// What the customer's own users may do.
    pub portal_access: PortalAccess,
}

impl LockedAccess {
    /// Its key.
    #[must_use]
    pub const fn key(&self) -> (CustomerId, AccessId) {
        (self.terms.customer, self.id)
    }
}

/// Locks an access with its customer; none where it does not exist for the viewer: what is another's is nothing.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(
    writer: &mut Writer,
    viewer: &Viewer,
    customer: CustomerId,
    id: AccessId,
) -> Result<Option<LockedAccess>, StoreError> {
    let row = sqlx::query!(
        "select a.partner_id, a.status, a.operating_model, a.privilege_ceiling, a.customer_consent, a.consent_until,
                a.trial_started_at, a.trial_ends_at, a.trial_convert_by, a.trial_converted_at, a.trial_elected_model,
                a.version, c.portal_access
         from accesses a join customers c on c.customer_id = a.customer_id
         where a.customer_id = $1 and a.id = $2 and ($3::uuid is null or a.partner_id = $3)
           and ($4::uuid is null or a.customer_id = $4)
         for no key update",
        customer.0,
        id.0,
        viewer.partner().map(|partner| partner.0),
        viewer.customer().map(|customer| customer.0)
    )
    .fetch_optional(writer.connection()?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let trial = match (row.trial_started_at, row.trial_ends_at, row.trial_convert_by) {
        (Some(started_at), Some(ends_at), Some(convert_by)) => Some(Trial {
            started_at,
            ends_at,
            convert_by,
            converted_at: row.trial_converted_at,
            elected_model: row.trial_elected_model.as_deref().map(str::parse).transpose()?,
        }),
        _ => None,
    };
    let terms = AccessTerms {
        partner: PartnerId(row.partner_id),
        customer,
        status: row.status.parse()?,
        trial_ends_at: row.trial_ends_at,
        operating_model: row.operating_model.parse()?,
        privilege_ceiling: Privilege::from_rank(row.privilege_ceiling),
        granted_consent: Privilege::from_rank(row.customer_consent),
        granted_until: row.consent_until,
    };
    let portal_access = PortalAccess::from_rank(row.portal_access);
    let scope = scope(viewer, portal_access);
    let assigned = match scope {
        // A statement of its own: while the lock was waited for, the assignment may have ended.
        Scope::AssignedTo(_, user) => is_assigned(writer, (customer, id), user).await?,
        Scope::Everything | Scope::OfPartner(_) | Scope::OfCustomer(_) | Scope::Nothing => false,
    };
    let exists = scope.holds(&terms, assigned);
    Ok(exists.then_some(LockedAccess { id, terms, trial, version: row.version, portal_access }))
}

async fn is_assigned(
    writer: &mut Writer,
    (customer, access): (CustomerId, AccessId),
    user: UserId,
) -> Result<bool, StoreError> {
    let assigned = sqlx::query_scalar!(
        r#"select exists (select from operator_assignments
                          where customer_id = $1 and access_id = $2 and user_id = $3) as "assigned!""#,
        customer.0,
        access.0,
        user.0
    );
    Ok(assigned.fetch_one(writer.connection()?).await?)
}

impl Changes<'_> {
    /// Sets the operating model; FULLY_MANAGED lowers a FULL portal to READ_ONLY (DESIGN.md 6). All of it is recorded on both
    /// sides.
    pub fn set_operating_model(
        &mut self,
        access: &LockedAccess,
        to: OperatingModel,
        action: &'static str,
        reason: Option<&str>,
    ) -> &mut Self {
        let from = access.terms.operating_model;
        self.change_access(access, |sql| {
            sql.push("operating_model = ").push_bind(to.as_str());
        });
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event { action, reason, old_value: Some(from.as_str()), new_value: Some(to.as_str()) },
        );
        self.lower_portal(access.terms.partner, access.key(), (to, access.portal_access), reason)
    }

    /// Lowers a FULL portal to READ_ONLY where the model is FULLY_MANAGED, and records it on both sides.
    pub(in crate::store) fn lower_portal(
        &mut self,
        partner: PartnerId,
        key: (CustomerId, AccessId),
        (model, portal_access): (OperatingModel, PortalAccess),
        reason: Option<&str>,
    ) -> &mut Self {
        if model != OperatingModel::FullyManaged || portal_access != PortalAccess::Full {
            return self;
        }
        self.change(|sql| {
            sql.push("update customers set portal_access = ").push_bind(PortalAccess::ReadOnly.rank());
            sql.push(" where customer_id = ").push_bind(key.0.0);
        });
        self.record_for_both(
            partner,
            key,
            &Event {
                action: "customer.portal_access_changed",
                reason,
                old_value: Some(PortalAccess::Full.as_str()),
                new_value: Some(PortalAccess::ReadOnly.as_str()),
            },
        )
    }

    /// Sets the model that the customer's admin elects during a trial.
    pub fn elect_operating_model(&mut self, access: &LockedAccess, to: OperatingModel) -> &mut Self {
        self.change_access(access, |sql| {
            sql.push("operating_model = ").push_bind(to.as_str());
            sql.push(", trial_elected_model = ").push_bind(to.as_str());
        });
        let from = access.terms.operating_model;
        let (old_value, new_value) = (Some(from.as_str()), Some(to.as_str()));
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event { action: "access.operating_model_elected", reason: None, old_value, new_value },
        );
        self.lower_portal(access.terms.partner, access.key(), (to, access.portal_access), None)
    }

    /// Makes a trial an ACTIVE access that is paid from now on; the operating model stays as it stands.
    pub fn convert_trial(&mut self, access: &LockedAccess, cycle: BillingCycle) -> &mut Self {
        let now = self.author().now;
        self.change_access(access, |sql| {
            sql.push("status = ").push_bind(AccessStatus::Active.as_str());
            sql.push(", trial_converted_at = ").push_bind(now);
        });
        self.change_subscription(access, |sql| {
            sql.push("status = ").push_bind(SubscriptionStatus::Active.as_str());
            sql.push(", started_at = ").push_bind(now);
            sql.push(", renewal_date = ").push_bind(cycle.after(now.date_naive()));
        });
        self.record_status(access, AccessStatus::Active, "access.trial_converted", None)
    }

    /// Holds an ACTIVE access and its subscription.
    pub fn suspend_access(&mut self, access: &LockedAccess, reason: &str) -> &mut Self {
        let (status, paid) = (AccessStatus::Suspended, SubscriptionStatus::Suspended);
        self.set_statuses(access, status, paid).record_status(
            access,
            status,
            "access.suspended",
            Some(reason),
        )
    }

    /// Lets a SUSPENDED access go on as it was.
    pub fn resume_access(&mut self, access: &LockedAccess, reason: &str) -> &mut Self {
        let (status, paid) = (AccessStatus::Active, SubscriptionStatus::Active);
        self.set_statuses(access, status, paid).record_status(access, status, "access.resumed", Some(reason))
    }

    fn set_statuses(
        &mut self,
        access: &LockedAccess,
        status: AccessStatus,
        paid: SubscriptionStatus,
    ) -> &mut Self {
        self.change_access(access, |sql| {
            sql.push("status = ").push_bind(status.as_str());
        });
        self.change_subscription(access, |sql| {
            sql.push("status = ").push_bind(paid.as_str());
        })
    }

    /// Ends an access: its subscription is cancelled, its prepaid licence is free for another one. What was sold over it
    /// stays as it was, since past months are billed from it.
    pub fn end_access(&mut self, access: &LockedAccess, reason: &str) -> &mut Self {
        let now = self.author().now;
        self.change_access(access, |sql| {
            sql.push("status = ").push_bind(AccessStatus::Ended.as_str());
            sql.push(", ended_at = ").push_bind(now);
        });
        self.change_subscription(access, |sql| {
            sql.push("status = ").push_bind(SubscriptionStatus::Canceled.as_str());
            sql.push(", renewal_date = null");
        });
        self.free_prepaid_license(access);
        self.record_status(access, AccessStatus::Ended, "access.ended", Some(reason))
    }

    fn record_status(
        &mut self,
        access: &LockedAccess,
        to: AccessStatus,
        action: &'static str,
        reason: Option<&str>,
    ) -> &mut Self {
        let (old_value, new_value) = (Some(access.terms.status.as_str()), Some(to.as_str()));
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event { action, reason, old_value, new_value },
        )
    }

    /// Sets the customer's consent, until an instant if there is one, and records it on both sides.
    pub fn set_consent(
        &mut self,
        access: &LockedAccess,
        to: Privilege,
        until: Option<DateTime<Utc>>,
    ) -> &mut Self {
        self.change_access(access, |sql| {
            sql.push("customer_consent = ").push_bind(to.rank()).push(", consent_until = ").push_bind(until);
        });
        let said = |consent: Privilege, until: Option<DateTime<Utc>>| match until {
            Some(until) => {
                format!("{consent} until {}", until.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
            }
            None => consent.to_string(),
        };
        let (old, new) = (said(access.terms.granted_consent, access.terms.granted_until), said(to, until));
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event {
                action: "access.consent_changed",
                reason: None,
                old_value: Some(&old),
                new_value: Some(&new),
            },
        )
    }

    /// Raises the version of an access of which something else changes.
    pub(in crate::store) fn raise_version(&mut self, access: &LockedAccess) -> &mut Self {
        self.change(|sql| {
            sql.push("update accesses set version = version + 1 where customer_id = ");
            sql.push_bind(access.terms.customer.0);
            sql.push(" and id = ").push_bind(access.id.0);
        })
    }

    /// Sets what the contract allows at most, and records it on both sides.
    pub fn set_privilege_ceiling(&mut self, access: &LockedAccess, to: Privilege, reason: &str) -> &mut Self {
        self.change_access(access, |sql| {
            sql.push("privilege_ceiling = ").push_bind(to.rank());
        });
        self.record_for_both(
            access.terms.partner,
            access.key(),
            &Event {
                action: "access.privilege_ceiling_changed",
                reason: Some(reason),
                old_value: Some(access.terms.privilege_ceiling.as_str()),
                new_value: Some(to.as_str()),
            },
        )
    }

    /// Sets columns of an access and raises its version.
    pub(in crate::store) fn change_access(
        &mut self,
        access: &LockedAccess,
        set: impl FnOnce(&mut sqlx::QueryBuilder<sqlx::Postgres>),
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("update accesses set version = version + 1, ");
            set(sql);
            sql.push(" where customer_id = ").push_bind(access.terms.customer.0);
            sql.push(" and id = ").push_bind(access.id.0);
        })
    }
}
