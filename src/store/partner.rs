//! Partners and their tree.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::change::{Changes, Event};
use super::list::{Direction, KeyKind, KeyValue, List, Position, SortKey};
use super::{Reader, StoreError, Writer};
use crate::domain::access::Privilege;
use crate::domain::ids::PartnerId;
use crate::policy::PartnerScope;

/// A reseller or MSSP.
#[derive(Clone, Debug)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// Its name.
    pub name: String,
    /// Its distributor, if it has one that the viewer may know.
    pub parent: Option<PartnerId>,
    /// What it is billed in (ISO 4217).
    pub currency: String,
    /// When it joined.
    pub created_at: DateTime<Utc>,
}

/// Row security keeps a parent back that the viewer may not know: looking it up in vain would take a statement more than
/// where there is none.
const COLUMNS: &str = "t.id, t.name, (select p.id from partners p where p.id = t.parent_id) as parent_id, \
    t.currency, t.created_at";

/// ` and ` the partner exists for the viewer.
fn within(scope: PartnerScope, sql: &mut QueryBuilder<Postgres>) {
    match scope {
        PartnerScope::Everything => {}
        PartnerScope::Tree(own) => {
            sql.push(" and t.id in (with recursive below as (select p.id from partners p where p.id = ");
            sql.push_bind(own.0);
            sql.push(
                " union select p.id from partners p join below b on p.parent_id = b.id) select id from below",
            );
            sql.push(" union select p.parent_id from partners p where p.id = ").push_bind(own.0).push(")");
        }
        PartnerScope::OfCustomer(customer) => {
            sql.push(" and t.id in (select a.partner_id from accesses a where a.customer_id = ");
            sql.push_bind(customer.0).push(")");
        }
        PartnerScope::Nothing => {
            sql.push(" and false");
        }
    }
}

/// Partners by id, of those that exist for the viewer.
///
/// # Errors
/// When the database does not answer.
pub async fn by_ids(
    reader: &mut Reader,
    scope: PartnerScope,
    ids: &[PartnerId],
) -> Result<Vec<Partner>, StoreError> {
    let mut sql = QueryBuilder::new(format!("select {COLUMNS} from partners t where t.id = any ("));
    sql.push_bind(ids.iter().map(|id| id.0).collect::<Vec<_>>()).push(")");
    within(scope, &mut sql);
    sql.build().fetch_all(reader.connection()?).await?.iter().map(read).collect()
}

/// What the contract with a partner allows at most over any access (the bound of every ceiling), in a mutation's transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn privilege_bound(writer: &mut Writer, partner: PartnerId) -> Result<Privilege, StoreError> {
    let rank = sqlx::query_scalar!("select privilege_bound from partners where id = $1", partner.0)
        .fetch_optional(writer.connection()?)
        .await?;
    // No such partner: no answer means no. No bound in its contract: the highest.
    Ok(rank.map_or(Privilege::None, |bound| bound.map_or(Privilege::Manage, Privilege::from_rank)))
}

/// A partner to be.
#[derive(Clone, Copy, Debug)]
pub struct NewPartner<'n> {
    /// Its id.
    pub id: PartnerId,
    /// The partner above it.
    pub parent: PartnerId,
    /// What it is called.
    pub name: &'n str,
    /// What it is billed in (ISO 4217).
    pub currency: &'n str,
    /// What its contract allows at most over any access.
    pub privilege_bound: Privilege,
}

/// Who is its first ADMIN.
#[derive(Clone, Copy, Debug)]
pub struct FirstAdmin<'n> {
    /// The address that they sign in with, in lower case.
    pub email: &'n str,
    /// What they are called.
    pub name: &'n str,
}

impl Changes<'_> {
    /// Makes a partner, and records it in the log of the one above it.
    pub fn create_partner(&mut self, new: &NewPartner<'_>) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push(
                "insert into partners (id, parent_id, name, currency, created_at, privilege_bound) values (",
            );
            sql.push_bind(new.id.0)
                .push(", ")
                .push_bind(new.parent.0)
                .push(", ")
                .push_bind(new.name.to_owned());
            sql.push(", ").push_bind(new.currency.to_owned()).push(", ").push_bind(now);
            sql.push(", ").push_bind(new.privilege_bound.rank()).push(")");
        });
        let value = format!("{}, customer data access {}", new.name, new.privilege_bound);
        let event = Event { action: "partner.created", new_value: Some(&value), ..Event::default() };
        self.record_for_partner(new.parent, None, &event)
    }

    /// Gives a new partner its first ADMIN, and begins its log.
    pub fn found_partner(&mut self, new: &NewPartner<'_>, admin: &FirstAdmin<'_>) -> &mut Self {
        let (id, now) = (self.author().new_id(), self.author().now);
        self.change(|sql| {
            sql.push("insert into users (id, kind, name, email, created_at) values (").push_bind(id);
            sql.push(", 'PARTNER_USER', ").push_bind(admin.name.to_owned());
            sql.push(", ").push_bind(admin.email.to_owned()).push(", ").push_bind(now).push(")");
        });
        self.change(|sql| {
            sql.push("insert into partner_users (partner_id, user_id, role) values (").push_bind(new.id.0);
            sql.push(", ").push_bind(id).push(", 'ADMIN')");
        });
        let value = format!("{}, customer data access {}", new.name, new.privilege_bound);
        let created = Event { action: "partner.created", new_value: Some(&value), ..Event::default() };
        let value = format!("{} as ADMIN", admin.email);
        let invited = Event { action: "partner.user_invited", new_value: Some(&value), ..Event::default() };
        self.record_for_partner(new.id, None, &created).record_for_partner(new.id, None, &invited)
    }
}

/// The partners right below one, by name, of those that exist for the viewer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Children(pub PartnerScope);

impl List for Children {
    type Parent = PartnerId;
    type Row = Partner;

    const NAME: &'static str = "Partner.children";
    const PARENT: &'static str = "t.parent_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        COLUMNS
    }

    fn parent(parent: &PartnerId) -> Uuid {
        parent.0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("partners t");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        within(self.0, sql);
    }

    fn order(&self) -> Vec<SortKey> {
        let direction = Direction::Ascending;
        vec![
            SortKey { expression: "t.name", kind: KeyKind::Text, direction },
            SortKey { expression: "t.id", kind: KeyKind::Id, direction },
        ]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &Partner) -> Position {
        vec![KeyValue::Text(row.name.clone()), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<Partner, StoreError> {
        read(row)
    }
}

fn read(row: &PgRow) -> Result<Partner, StoreError> {
    Ok(Partner {
        id: PartnerId(row.try_get("id")?),
        name: row.try_get("name")?,
        parent: row.try_get::<Option<Uuid>, _>("parent_id")?.map(PartnerId),
        currency: row.try_get("currency")?,
        created_at: row.try_get("created_at")?,
    })
}
