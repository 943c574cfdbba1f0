//! A partner's list of accesses: every order and filter of the customer list, posture only where the gate shows it.

use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Access, COLUMNS, read, scoped};
use crate::domain::access::{AccessStatus, OperatingModel};
use crate::domain::finding::Severity;
use crate::domain::ids::PartnerId;
use crate::policy::Scope;
use crate::store::StoreError;
use crate::store::list::{Direction, KeyKind, KeyValue, List, Position, SortKey, containing};

/// What a partner's list can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessOrderField {
    /// The customer's name.
    CustomerName,
    /// The status, in the order of an access's life.
    Status,
    /// The plan's name.
    Plan,
    /// When the subscription renews.
    RenewalDate,
    /// When the access was provisioned.
    CreatedAt,
    /// When the customer was last scanned: posture.
    LastScanAt,
    /// How many findings are open: posture.
    OpenFindings,
}

/// Which accesses of a partner, and in which order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartnerAccesses {
    /// Which of them exist for the viewer.
    pub scope: Scope,
    /// In one of these models.
    pub operating_model: Option<Vec<OperatingModel>>,
    /// In one of these states.
    pub status: Option<Vec<AccessStatus>>,
    /// On one of these plans.
    pub plan: Option<Vec<String>>,
    /// With this in the customer's name, in any case.
    pub customer_name: Option<String>,
    /// With an open finding that bad or worse; only where posture is visible.
    pub min_open_severity: Option<Severity>,
    /// What to order by.
    pub order: AccessOrderField,
    /// Which way.
    pub direction: Direction,
    /// The accesses whose posture the gate shows the viewer; asked of filters and orders that read posture.
    pub posture_visible: Option<Arc<[Uuid]>>,
}

impl PartnerAccesses {
    /// Every access of the scope, by customer name.
    #[must_use]
    pub const fn all(scope: Scope) -> Self {
        Self {
            scope,
            operating_model: None,
            status: None,
            plan: None,
            customer_name: None,
            min_open_severity: None,
            order: AccessOrderField::CustomerName,
            direction: Direction::Ascending,
            posture_visible: None,
        }
    }

    /// Whether the list reads posture, so that the gate has to be asked first.
    #[must_use]
    pub const fn reads_posture(&self) -> bool {
        self.min_open_severity.is_some()
            || matches!(self.order, AccessOrderField::LastScanAt | AccessOrderField::OpenFindings)
    }

    /// Whether the list reads subscriptions, which a disabled portal hides.
    #[must_use]
    pub const fn reads_subscription(&self) -> bool {
        self.plan.is_some() || matches!(self.order, AccessOrderField::Plan | AccessOrderField::RenewalDate)
    }

    /// For a viewer from whom subscriptions are hidden: no plan matches, and none is ordered by.
    pub fn withhold_subscriptions(&mut self) {
        if let Some(plans) = &mut self.plan {
            plans.clear();
        }
        if matches!(self.order, AccessOrderField::Plan | AccessOrderField::RenewalDate) {
            self.order = AccessOrderField::CustomerName;
        }
    }
}

impl List for PartnerAccesses {
    type Parent = PartnerId;
    type Row = Access;

    const NAME: &'static str = "Partner.accesses";
    const PARENT: &'static str = "t.partner_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        COLUMNS
    }

    fn parent(parent: &PartnerId) -> Uuid {
        parent.0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        scoped(sql, self.scope);
        if self.reads_subscription() {
            sql.push("left join subscriptions s on s.customer_id = t.customer_id and s.access_id = t.id ");
        }
        if self.reads_posture() {
            sql.push("left join unnest(");
            sql.push_bind(self.posture_visible.as_deref().unwrap_or_default().to_vec());
            sql.push("::uuid[]) v (id) on v.id = t.id ");
            sql.push("left join posture_rollups r on r.customer_id = t.customer_id and v.id is not null ");
        }
        sql.push("cross join lateral (select ");
        sql.push(match self.order {
            AccessOrderField::CustomerName | AccessOrderField::CreatedAt => {
                "0::bigint as rank, null::bigint as int, null::text as text, null::timestamptz as time"
            }
            AccessOrderField::Status => {
                "0::bigint as rank, array_position('{TRIAL,ACTIVE,SUSPENDED,ENDED}', t.status)::bigint as int, \
                 null::text as text, null::timestamptz as time"
            }
            AccessOrderField::Plan => {
                "(s.plan is null)::integer::bigint as rank, null::bigint as int, coalesce(s.plan, '') as text, \
                 null::timestamptz as time"
            }
            AccessOrderField::RenewalDate => {
                "(s.renewal_date is null)::integer::bigint as rank, \
                 coalesce(s.renewal_date - date '1970-01-01', 0)::bigint as int, null::text as text, \
                 null::timestamptz as time"
            }
            AccessOrderField::LastScanAt => {
                "null::bigint as int, null::text as text, coalesce(r.last_scan_at, 'epoch') as time, "
            }
            AccessOrderField::OpenFindings => {
                "coalesce(r.open_critical + r.open_high + r.open_medium + r.open_low + r.open_info, 0)::bigint as int, \
                 null::text as text, null::timestamptz as time, "
            }
        });
        if matches!(self.order, AccessOrderField::LastScanAt | AccessOrderField::OpenFindings) {
            // What is hidden comes last, whatever the direction and whatever is there.
            sql.push("case when v.id is null then 2 ");
            if self.order == AccessOrderField::LastScanAt {
                sql.push("when r.last_scan_at is null then 1 ");
            }
            sql.push("else 0 end::bigint as rank");
        }
        sql.push(") o ");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        fn any_of(sql: &mut QueryBuilder<Postgres>, column: &str, values: Vec<String>) {
            sql.push(format_args!(" and {column} = any (")).push_bind(values).push(")");
        }
        if let Some(models) = &self.operating_model {
            any_of(sql, "t.operating_model", models.iter().map(ToString::to_string).collect());
        }
        if let Some(states) = &self.status {
            any_of(sql, "t.status", states.iter().map(ToString::to_string).collect());
        }
        if let Some(plans) = &self.plan {
            any_of(sql, "s.plan", plans.clone());
        }
        if let Some(name) = &self.customer_name {
            sql.push(" and t.customer_name ilike ").push_bind(containing(name));
        }
        if let Some(least) = self.min_open_severity {
            sql.push(match least {
                Severity::Critical => " and r.open_critical > 0",
                Severity::High => " and r.open_critical + r.open_high > 0",
                Severity::Medium => " and r.open_critical + r.open_high + r.open_medium > 0",
                Severity::Low => " and r.open_critical + r.open_high + r.open_medium + r.open_low > 0",
                Severity::Info => {
                    " and r.open_critical + r.open_high + r.open_medium + r.open_low + r.open_info > 0"
                }
            });
        }
    }

    fn order(&self) -> Vec<SortKey> {
        let key = |expression, kind| SortKey { expression, kind, direction: self.direction };
        let always = |expression, kind| SortKey { expression, kind, direction: Direction::Ascending };
        let (rank, name, id) = (
            always("o.rank", KeyKind::Int),
            always("t.customer_name", KeyKind::Text),
            always("t.id", KeyKind::Id),
        );
        match self.order {
            AccessOrderField::CustomerName => {
                vec![key("t.customer_name", KeyKind::Text), key("t.id", KeyKind::Id)]
            }
            AccessOrderField::CreatedAt => vec![key("t.created_at", KeyKind::Time), name, id],
            AccessOrderField::Status | AccessOrderField::RenewalDate | AccessOrderField::OpenFindings => {
                vec![rank, key("o.int", KeyKind::Int), name, id]
            }
            AccessOrderField::Plan => vec![rank, key("o.text", KeyKind::Text), name, id],
            AccessOrderField::LastScanAt => vec![rank, key("o.time", KeyKind::Time), name, id],
        }
    }

    fn order_name(&self) -> &'static str {
        match (self.order, self.direction) {
            (AccessOrderField::CustomerName, Direction::Ascending) => "n+",
            (AccessOrderField::CustomerName, Direction::Descending) => "n-",
            (AccessOrderField::Status, Direction::Ascending) => "s+",
            (AccessOrderField::Status, Direction::Descending) => "s-",
            (AccessOrderField::Plan, Direction::Ascending) => "p+",
            (AccessOrderField::Plan, Direction::Descending) => "p-",
            (AccessOrderField::RenewalDate, Direction::Ascending) => "r+",
            (AccessOrderField::RenewalDate, Direction::Descending) => "r-",
            (AccessOrderField::CreatedAt, Direction::Ascending) => "c+",
            (AccessOrderField::CreatedAt, Direction::Descending) => "c-",
            (AccessOrderField::LastScanAt, Direction::Ascending) => "l+",
            (AccessOrderField::LastScanAt, Direction::Descending) => "l-",
            (AccessOrderField::OpenFindings, Direction::Ascending) => "o+",
            (AccessOrderField::OpenFindings, Direction::Descending) => "o-",
        }
    }

    fn position(&self, row: &Access) -> Position {
        let name = KeyValue::Text(row.customer.name.clone());
        let id = KeyValue::id(row.id.0);
        match (&self.order, &row.sort.value) {
            (AccessOrderField::CustomerName, _) => vec![name, id],
            (AccessOrderField::CreatedAt, _) => vec![KeyValue::time(Some(row.created_at)), name, id],
            (_, Some(value)) => vec![KeyValue::Int(row.sort.rank), value.clone(), name, id],
            (_, None) => vec![KeyValue::Int(row.sort.rank), name, id],
        }
    }

    fn row(&self, row: &PgRow) -> Result<Access, StoreError> {
        read(row)
    }
}
