//! Who could see a customer's data at an instant: the facts of then, from histories that only ever grow.

use chrono::{DateTime, Utc};

use super::{Reader, StoreError};
use crate::domain::access::Privilege;
use crate::domain::ids::{PartnerId, UserId};
use crate::policy::{AccessTerms, Activity, Grant, PastAccess, Viewer};

/// A partner's user who was enabled at the instant, with the partner's accesses to the customer.
#[derive(Clone, Debug)]
pub struct Onlooker {
    /// Who, as decisions know them.
    pub viewer: Viewer,
    /// Of which partner.
    pub partner: PartnerId,
    /// What they were called.
    pub name: String,
    /// Each as it was for them.
    pub accesses: Vec<PastAccess>,
}

/// Every enabled user of every partner with an access to the customer at an instant, or as everything stands now; by
/// partner, then by name.
///
/// # Errors
/// When the database does not answer.
pub async fn onlookers(
    reader: &mut Reader,
    grant: &Grant<Activity>,
    at: Option<DateTime<Utc>>,
) -> Result<Vec<Onlooker>, StoreError> {
    let customer = grant.of();
    let rows = sqlx::query!(
        r#"with a as (
               select distinct on (h.access_id) h.*
               from access_history h
               where h.customer_id = $1 and ($2::timestamptz is null or h.at <= $2)
               order by h.access_id, h.seq desc
           ), u as (
               select distinct on (h.partner_id, h.user_id) h.*
               from partner_user_history h
               where h.partner_id in (select a.partner_id from a) and ($2::timestamptz is null or h.at <= $2)
               order by h.partner_id, h.user_id, h.seq desc
           )
           select u.partner_id, u.user_id, u.name, u.role as "role!", a.status as "status!", a.trial_ends_at,
                  a.operating_model, a.privilege_ceiling, a.customer_consent, a.consent_until,
                  coalesce((select o.assigned from assignment_history o
                            where (o.customer_id, o.access_id, o.user_id) = (a.customer_id, a.access_id, u.user_id)
                              and ($2::timestamptz is null or o.at <= $2)
                            order by o.seq desc limit 1), false) as "assigned!"
           from u join a on a.partner_id = u.partner_id
           where u.role is not null and u.enabled and a.status is not null
           order by u.partner_id, u.name, u.user_id, a.access_id"#,
        customer.0,
        at
    )
    .fetch_all(reader.connection()?)
    .await?;
    let mut onlookers: Vec<Onlooker> = Vec::new();
    for row in rows {
        let (user, partner) = (UserId(row.user_id), PartnerId(row.partner_id));
        let access = PastAccess {
            terms: AccessTerms {
                partner,
                customer,
                status: row.status.parse()?,
                trial_ends_at: row.trial_ends_at,
                operating_model: row.operating_model.parse()?,
                privilege_ceiling: Privilege::from_rank(row.privilege_ceiling),
                granted_consent: Privilege::from_rank(row.customer_consent),
                granted_until: row.consent_until,
            },
            assigned: row.assigned,
        };
        match onlookers.last_mut() {
            Some(last) if last.viewer.user() == user => last.accesses.push(access),
            Some(_) | None => onlookers.push(Onlooker {
                viewer: Viewer::Partner { user, partner, role: row.role.parse()? },
                partner,
                name: row.name,
                accesses: vec![access],
            }),
        }
    }
    Ok(onlookers)
}
