//! Access transparency: what a partner's user was shown of which customers, kept for these customers' own ADMINs.
//!
//! The record is there before the answer is sent: `store::recorder` writes it.

use std::fmt;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::StoreError;
use super::list::{KeyValue, SortKey, TenantList, newest_first};
use crate::domain::ids::{CustomerId, PartnerId};
use crate::policy::{Activity, DataClass};

/// How long the name of an operation is kept, in characters.
const LONGEST_NAME: usize = 100;

/// A GraphQL name: letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name, if it is one; cut where it is longer than is kept.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        (is_name && text.starts_with(|first: char| !first.is_ascii_digit()))
            .then(|| Self(text.chars().take(LONGEST_NAME).collect()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where in the schema a field stands: `Customer.findings`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Coordinate(Name, Name);

impl Coordinate {
    /// The field of a type.
    #[must_use]
    pub fn new(ty: &str, field: &str) -> Option<Self> {
        Some(Self(Name::new(ty)?, Name::new(field)?))
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(ty, field) = self;
        write!(f, "{ty}.{field}")
    }
}

/// What was shown alike of some customers: a record each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Of which class.
    pub class: DataClass,
    /// By which fields, in their order.
    pub fields: Vec<Coordinate>,
    /// Of whom, each once.
    pub customers: Vec<CustomerId>,
}

/// Everything that one request was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The request.
    pub request: Uuid,
    /// The name of its operation.
    pub operation: Option<Name>,
    /// What was shown; not empty.
    pub shown: Vec<Shown>,
}

/// That a partner's user was shown a class of a customer's data in a request.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// Its id; unique within the customer and the instant.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose user.
    pub partner: PartnerId,
    /// Who, as they were called then.
    pub user: String,
    /// In which request.
    pub request: Uuid,
    /// Which class.
    pub class: DataClass,
    /// The name of the operation, if it had one.
    pub operation: Option<String>,
    /// The schema coordinates of the fields that were shown.
    pub fields: Vec<String>,
}

/// Which records of a customer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccessRecords {
    /// Of one of these classes.
    pub class: Option<Vec<DataClass>>,
    /// By users of this partner.
    pub partner: Option<PartnerId>,
    /// At this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
}

impl TenantList for AccessRecords {
    type Class = Activity;
    type Row = AccessRecord;

    const NAME: &'static str = "Customer.accessRecords";
    const TABLE: &'static str = "access_records";
    const COLUMNS: &'static str =
        "t.id, t.at, t.partner_id, t.user_name, t.request_id, t.class, t.operation, t.fields";
    const SORT: SortKey = newest_first("t.at");

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(classes) = &self.class {
            let classes: Vec<_> = classes.iter().map(ToString::to_string).collect();
            sql.push(" and t.class = any (").push_bind(classes).push(")");
        }
        if let Some(partner) = self.partner {
            sql.push(" and t.partner_id = ").push_bind(partner.0);
        }
        if let Some(since) = self.since {
            sql.push(" and t.at >= ").push_bind(since);
        }
        if let Some(until) = self.until {
            sql.push(" and t.at < ").push_bind(until);
        }
    }

    fn place(row: &AccessRecord) -> (KeyValue, Uuid) {
        (KeyValue::time(Some(row.at)), row.id)
    }

    fn row(row: &PgRow) -> Result<AccessRecord, StoreError> {
        Ok(AccessRecord {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            partner: PartnerId(row.try_get("partner_id")?),
            user: row.try_get("user_name")?,
            request: row.try_get("request_id")?,
            class: row.try_get::<&str, _>("class")?.parse()?,
            operation: row.try_get("operation")?,
            fields: row.try_get("fields")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_kept_nowhere() {
        for text in ["", "1st", "a b", "a'b", "a\"", "é", "a.b", "a,b", "a}", "a\\", "a\0", "-"] {
            assert_eq!(Name::new(text), None, "{text:?}");
            assert_eq!(Coordinate::new("Customer", text), None, "{text:?}");
        }
        for text in ["_", "PartnerHome", "__typename", "a1"] {
            assert_eq!(Name::new(text), Some(Name(text.to_owned())));
        }
        assert_eq!(Name::new(&"x".repeat(300)).unwrap().0.len(), LONGEST_NAME);
    }
}
