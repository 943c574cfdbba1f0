//! Findings: posture, read against the gate's witness only.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::StoreError;
use super::asset::Asset;
use super::list::{Direction, ILIKE, KeyKind, KeyValue, List, Position, SortKey, containing};
use crate::domain::finding::{FindingStatus, Severity};
use crate::domain::ids::{AssetId, CustomerId, FindingId};
use crate::policy::{Grant, Posture};

/// A weakness that a scanner found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Whose.
    pub customer: CustomerId,
    /// Its id, unique within the customer.
    pub id: FindingId,
    /// Where it was found, if on an asset.
    pub asset: Option<AssetId>,
    /// That asset, where it was read along.
    pub known_asset: Option<Arc<Asset>>,
    /// What it is, in a line.
    pub title: String,
    /// What it is, at length.
    pub description: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub status: FindingStatus,
    /// The tool's name of the rule.
    pub rule_id: Option<String>,
    /// The CVE number.
    pub cve: Option<String>,
    /// The CVSS base score, 0 to 10.
    pub cvss_score: Option<f64>,
    /// When it was first reported.
    pub first_seen_at: DateTime<Utc>,
    /// When it was last reported.
    pub last_seen_at: DateTime<Utc>,
    /// By when it has to be fixed.
    pub sla_due_at: Option<DateTime<Utc>>,
}

impl Finding {
    /// Whether it is open past its due date.
    #[must_use]
    pub fn sla_breached(&self, now: DateTime<Utc>) -> bool {
        self.status.is_open() && self.sla_due_at.is_some_and(|due| due <= now)
    }
}

/// What findings can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingOrderField {
    /// How bad it is.
    Severity,
    /// When it was first reported.
    FirstSeenAt,
    /// When it was last reported.
    LastSeenAt,
    /// By when it has to be fixed; without a date last.
    SlaDueAt,
}

/// Which findings of a customer, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Findings {
    /// As bad as one of these.
    pub severity: Option<Vec<Severity>>,
    /// In one of these states.
    pub status: Option<Vec<FindingStatus>>,
    /// Open past the due date, or not.
    pub sla_breached: Option<bool>,
    /// With this in title, description, rule or CVE, in any case.
    pub text: Option<String>,
    /// The request's instant, for breaches.
    pub now: DateTime<Utc>,
    /// Whether to read the assets along.
    pub with_asset: bool,
    /// What to order by.
    pub order: FindingOrderField,
    /// Which way.
    pub direction: Direction,
}

impl Findings {
    /// Every finding, worst first.
    #[must_use]
    pub const fn all(now: DateTime<Utc>) -> Self {
        Self {
            severity: None,
            status: None,
            sla_breached: None,
            text: None,
            with_asset: false,
            now,
            order: FindingOrderField::Severity,
            direction: Direction::Descending,
        }
    }
}

impl List for Findings {
    type Parent = Grant<Posture>;
    type Row = Finding;

    const NAME: &'static str = "Customer.findings";
    const PARENT: &'static str = "t.customer_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        if self.with_asset {
            "t.customer_id, t.id, t.asset_id, t.title, t.description, t.severity, t.status, t.rule_id, t.cve, \
             t.cvss_score, t.first_seen_at, t.last_seen_at, t.sla_due_at, a.kind as asset_kind, \
             a.value as asset_value, a.first_seen_at as asset_first_seen_at"
        } else {
            "t.customer_id, t.id, t.asset_id, t.title, t.description, t.severity, t.status, t.rule_id, t.cve, \
             t.cvss_score, t.first_seen_at, t.last_seen_at, t.sla_due_at"
        }
    }

    fn parent(grant: &Grant<Posture>) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("findings t");
        if self.with_asset {
            sql.push(" left join assets a on a.customer_id = t.customer_id and a.id = t.asset_id");
        }
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(severities) = &self.severity {
            let ranks: Vec<i16> = severities.iter().map(|s| s.rank()).collect();
            sql.push(" and t.severity = any (").push_bind(ranks).push(")");
        }
        if let Some(states) = &self.status {
            let states: Vec<&str> = states.iter().map(|s| s.as_str()).collect();
            sql.push(" and t.status = any (").push_bind(states).push(")");
        }
        if let Some(breached) = self.sla_breached {
            sql.push(if breached { " and " } else { " and not " });
            sql.push("(t.status in ('OPEN', 'TRIAGED', 'IN_PROGRESS') and coalesce(t.sla_due_at <= ");
            sql.push_bind(self.now).push(", false))");
        }
        if let Some(text) = &self.text {
            let pattern = containing(text);
            sql.push(" and (t.title").push(ILIKE).push_bind(pattern.clone());
            for column in ["t.description", "t.rule_id", "t.cve"] {
                sql.push(format_args!(" or {column}{ILIKE}")).push_bind(pattern.clone());
            }
            sql.push(")");
        }
    }

    fn order(&self) -> Vec<SortKey> {
        let (expression, kind) = match (self.order, self.direction) {
            (FindingOrderField::Severity, _) => ("t.severity", KeyKind::Int),
            (FindingOrderField::FirstSeenAt, _) => ("t.first_seen_at", KeyKind::Time),
            (FindingOrderField::LastSeenAt, _) => ("t.last_seen_at", KeyKind::Time),
            (FindingOrderField::SlaDueAt, Direction::Ascending) => {
                ("coalesce(t.sla_due_at, 'infinity')", KeyKind::Time)
            }
            (FindingOrderField::SlaDueAt, Direction::Descending) => {
                ("coalesce(t.sla_due_at, '-infinity')", KeyKind::Time)
            }
        };
        let key = |expression, kind| SortKey { expression, kind, direction: self.direction };
        vec![key(expression, kind), key("t.id", KeyKind::Id)]
    }

    fn order_name(&self) -> &'static str {
        match (self.order, self.direction) {
            (FindingOrderField::Severity, Direction::Ascending) => "s+",
            (FindingOrderField::Severity, Direction::Descending) => "s-",
            (FindingOrderField::FirstSeenAt, Direction::Ascending) => "f+",
            (FindingOrderField::FirstSeenAt, Direction::Descending) => "f-",
            (FindingOrderField::LastSeenAt, Direction::Ascending) => "l+",
            (FindingOrderField::LastSeenAt, Direction::Descending) => "l-",
            (FindingOrderField::SlaDueAt, Direction::Ascending) => "d+",
            (FindingOrderField::SlaDueAt, Direction::Descending) => "d-",
        }
    }

    fn position(&self, row: &Finding) -> Position {
        let value = match self.order {
            FindingOrderField::Severity => KeyValue::Int(row.severity.rank().into()),
            FindingOrderField::FirstSeenAt => KeyValue::time(Some(row.first_seen_at)),
            FindingOrderField::LastSeenAt => KeyValue::time(Some(row.last_seen_at)),
            FindingOrderField::SlaDueAt => KeyValue::time(row.sla_due_at),
        };
        vec![value, KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<Finding, StoreError> {
        let customer = CustomerId(row.try_get("customer_id")?);
        let asset = row.try_get::<Option<Uuid>, _>("asset_id")?.map(AssetId);
        Ok(Finding {
            customer,
            id: FindingId(row.try_get("id")?),
            asset,
            known_asset: match asset {
                Some(id) if self.with_asset => Some(Arc::new(Asset {
                    customer,
                    id,
                    kind: row.try_get::<&str, _>("asset_kind")?.parse()?,
                    value: row.try_get("asset_value")?,
                    first_seen_at: row.try_get("asset_first_seen_at")?,
                })),
                Some(_) | None => None,
            },
            title: row.try_get("title")?,
            description: row.try_get("description")?,
            severity: Severity::from_rank(row.try_get("severity")?),
            status: row.try_get::<&str, _>("status")?.parse()?,
            rule_id: row.try_get("rule_id")?,
            cve: row.try_get("cve")?,
            cvss_score: row.try_get("cvss_score")?,
            first_seen_at: row.try_get("first_seen_at")?,
            last_seen_at: row.try_get("last_seen_at")?,
            sla_due_at: row.try_get("sla_due_at")?,
        })
    }
}
