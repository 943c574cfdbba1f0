//! Accesses: a customer's list, and the terms that every decision starts from; a partner's list has a room of its own.

mod change;
mod of_partner;

pub use change::{LockedAccess, lock};
pub use of_partner::{AccessOrderField, PartnerAccesses};

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::policy::{AccessFacts, AccessTerms, Scope};
use crate::store::customer::Customer;
use crate::store::list::{Direction, KeyKind, KeyValue, List, Position, SortKey};
use crate::store::partner::Partner;
use crate::store::{Reader, StoreError};

/// An access with the customer it leads to.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its id, unique within the customer.
    pub id: AccessId,
    /// What decisions start from.
    pub terms: AccessTerms,
    /// Whether it is assigned to the viewer, where that is an operator.
    pub assigned: bool,
    /// The trial, where there is or was one.
    pub trial: Option<Trial>,
    /// Rises by one with every change.
    pub version: i32,
    /// When it was provisioned.
    pub created_at: DateTime<Utc>,
    /// The organisation at the other end.
    pub customer: Customer,
    /// The partner, where it was read along.
    pub known_partner: Option<Partner>,
    /// What orders read beside the access itself.
    sort: Sort,
}

/// A trial.
#[derive(Clone, Debug)]
pub struct Trial {
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ends.
    pub ends_at: DateTime<Utc>,
    /// Until when it can be converted.
    pub convert_by: DateTime<Utc>,
    /// When it was converted.
    pub converted_at: Option<DateTime<Utc>>,
    /// The model that the customer's admin elected.
    pub elected_model: Option<OperatingModel>,
}

/// The value that the list was ordered by, where it is not the access's own.
#[derive(Clone, Debug, Default)]
struct Sort {
    /// 0 where there is a value, 1 where there is none, 2 where it is hidden.
    rank: i64,
    value: Option<KeyValue>,
}

impl Access {
    /// What holds at an instant.
    #[must_use]
    pub fn facts(&self, now: DateTime<Utc>) -> AccessFacts {
        self.terms.facts_at(now, self.assigned)
    }
}
/// Every column of [`Access`]; the sort columns are joined in by the list's relation.
macro_rules! columns {
    () => {
        "t.customer_id, t.id, t.partner_id, t.status, t.operating_model, t.privilege_ceiling, t.customer_consent, \
         t.consent_until, t.trial_started_at, t.trial_ends_at, t.trial_convert_by, t.trial_converted_at, \
         t.trial_elected_model, t.version, t.created_at, t.customer_name, c.portal_access, \
         c.created_at as customer_created_at, t.assigned, o.rank as sort_rank, o.int as sort_int, \
         o.text as sort_text, o.time as sort_time"
    };
}
const COLUMNS: &str = columns!();
const COLUMNS_WITH_PARTNER: &str = concat!(
    columns!(),
    ", w.name as partner_name, w.currency as partner_currency, \
     (select p.id from partners p where p.id = w.parent_id) as partner_parent_id, \
     w.created_at as partner_created_at"
);

/// The accesses of a scope, with `assigned` for operators.
fn scoped(sql: &mut QueryBuilder<Postgres>, scope: Scope) {
    sql.push("(select a.*, ");
    match scope {
        Scope::AssignedTo(partner, user) => {
            sql.push("true as assigned from accesses a join operator_assignments s on s.customer_id = a.customer_id");
            sql.push(" and s.access_id = a.id and s.user_id = ").push_bind(user.0);
            sql.push(" where a.partner_id = ").push_bind(partner.0);
        }
        Scope::Everything => {
            sql.push("false as assigned from accesses a");
        }
        Scope::OfPartner(partner) => {
            sql.push("false as assigned from accesses a where a.partner_id = ").push_bind(partner.0);
        }
        Scope::OfCustomer(customer) => {
            sql.push("false as assigned from accesses a where a.customer_id = ").push_bind(customer.0);
        }
        Scope::Nothing => {
            sql.push("false as assigned from accesses a where false");
        }
    }
    sql.push(") t join customers c on c.customer_id = t.customer_id ");
}
/// Every access to a customer, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerAccesses {
    /// Which of them exist for the viewer.
    pub scope: Scope,
    /// Of these partners alone, where given.
    pub partner: Option<PartnerId>,
    /// Whether to read the partners along.
    pub with_partner: bool,
}

impl List for CustomerAccesses {
    type Parent = CustomerId;
    type Row = Access;

    const NAME: &'static str = "Customer.accesses";
    const PARENT: &'static str = "t.customer_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        if self.with_partner { COLUMNS_WITH_PARTNER } else { COLUMNS }
    }

    fn parent(parent: &CustomerId) -> Uuid {
        parent.0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        scoped(sql, self.scope);
        sql.push("cross join (select 0::bigint as rank, null::bigint as int, null::text as text, null::timestamptz as time) o ");
        if self.with_partner {
            sql.push("join partners w on w.id = t.partner_id ");
        }
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(partner) = self.partner {
            sql.push(" and t.partner_id = ").push_bind(partner.0);
        }
    }

    fn order(&self) -> Vec<SortKey> {
        let direction = Direction::Ascending;
        vec![
            SortKey { expression: "t.created_at", kind: KeyKind::Time, direction },
            SortKey { expression: "t.id", kind: KeyKind::Id, direction },
        ]
    }

    fn order_name(&self) -> &'static str {
        "c+"
    }

    fn position(&self, row: &Access) -> Position {
        vec![KeyValue::time(Some(row.created_at)), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<Access, StoreError> {
        let mut access = read(row)?;
        if self.with_partner {
            access.known_partner = Some(Partner {
                id: access.terms.partner,
                name: row.try_get("partner_name")?,
                parent: row.try_get::<Option<Uuid>, _>("partner_parent_id")?.map(PartnerId),
                currency: row.try_get("partner_currency")?,
                created_at: row.try_get("partner_created_at")?,
            });
        }
        Ok(access)
    }
}

/// The access that decides what a partner's user sees of each customer: the live one, else the newest ended one
/// (DESIGN.md 9), among those of the scope.
///
/// # Errors
/// When the database does not answer.
pub async fn deciding(
    reader: &mut Reader,
    scope: Scope,
    partner: PartnerId,
    customers: &[CustomerId],
) -> Result<Vec<Access>, StoreError> {
    let list = CustomerAccesses { scope, partner: Some(partner), with_partner: false };
    let mut sql = QueryBuilder::new(format!("select distinct on (t.customer_id) {COLUMNS} from "));
    list.from(&mut sql);
    sql.push(" where t.customer_id = any (");
    sql.push_bind(customers.iter().map(|customer| customer.0).collect::<Vec<_>>()).push(")");
    list.filter(&mut sql);
    sql.push(" order by t.customer_id, (t.status = 'ENDED'), t.created_at desc, t.id desc");
    sql.build().fetch_all(reader.connection()?).await?.iter().map(read).collect()
}

/// The terms of every access of the scope: what filters and orders that read posture are decided from.
///
/// # Errors
/// When the database does not answer.
pub async fn terms(
    reader: &mut Reader,
    scope: Scope,
) -> Result<Vec<(AccessId, AccessTerms, bool)>, StoreError> {
    let mut sql = QueryBuilder::new(
        "select t.id, t.partner_id, t.customer_id, t.status, t.trial_ends_at, t.operating_model, t.privilege_ceiling, \
         t.customer_consent, t.consent_until, t.assigned from ",
    );
    scoped(&mut sql, scope);
    let rows = sql.build().fetch_all(reader.connection()?).await?;
    rows.iter()
        .map(|row| Ok((AccessId(row.try_get("id")?), read_terms(row)?, row.try_get("assigned")?)))
        .collect()
}

fn read_terms(row: &PgRow) -> Result<AccessTerms, StoreError> {
    Ok(AccessTerms {
        partner: PartnerId(row.try_get("partner_id")?),
        customer: CustomerId(row.try_get("customer_id")?),
        status: row.try_get::<&str, _>("status")?.parse::<AccessStatus>()?,
        trial_ends_at: row.try_get("trial_ends_at")?,
        operating_model: row.try_get::<&str, _>("operating_model")?.parse()?,
        privilege_ceiling: Privilege::from_rank(row.try_get("privilege_ceiling")?),
        granted_consent: Privilege::from_rank(row.try_get("customer_consent")?),
        granted_until: row.try_get("consent_until")?,
    })
}

fn read(row: &PgRow) -> Result<Access, StoreError> {
    let terms = read_terms(row)?;
    let trial =
        match (row.try_get("trial_started_at")?, terms.trial_ends_at, row.try_get("trial_convert_by")?) {
            (Some(started_at), Some(ends_at), Some(convert_by)) => Some(Trial {
                started_at,
                ends_at,
                convert_by,
                converted_at: row.try_get("trial_converted_at")?,
                elected_model: row
                    .try_get::<Option<&str>, _>("trial_elected_model")?
                    .map(str::parse)
                    .transpose()?,
            }),
            _ => None,
        };
    let int: Option<i64> = row.try_get("sort_int")?;
    let text: Option<String> = row.try_get("sort_text")?;
    let time: Option<DateTime<Utc>> = row.try_get("sort_time")?;
    let value =
        int.map(KeyValue::Int).or(text.map(KeyValue::Text)).or(time.map(|at| KeyValue::time(Some(at))));
    Ok(Access {
        id: AccessId(row.try_get("id")?),
        assigned: row.try_get("assigned")?,
        trial,
        version: row.try_get("version")?,
        created_at: row.try_get("created_at")?,
        customer: Customer {
            id: terms.customer,
            name: row.try_get("customer_name")?,
            portal_access: PortalAccess::from_rank(row.try_get("portal_access")?),
            created_at: row.try_get("customer_created_at")?,
        },
        known_partner: None,
        sort: Sort { rank: row.try_get("sort_rank")?, value },
        terms,
    })
}
