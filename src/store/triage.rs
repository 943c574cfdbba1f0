//! Triage: findings as mutations find and change them, and the history that is written with every change.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::change::Changes;
use super::finding::Findings;
use super::list::{Direction, KeyKind, KeyValue, List, Position, SortKey, newest_first};
use super::{StoreError, Writer};
use crate::domain::finding::FindingStatus;
use crate::domain::ids::{CustomerId, FindingId, PartnerId};
use crate::domain::sla::SlaPolicy;
use crate::policy::{Grant, Posture};

/// Holds a customer's findings until the transaction ends: an upload, a triage and another policy each see what the one before
/// them wrote.
///
/// # Errors
/// When the database does not answer.
pub async fn hold_findings(writer: &mut Writer, customer: CustomerId) -> Result<(), StoreError> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('ingest ' || $1::uuid::text, 0))",
        customer.0
    )
    .execute(writer.connection()?)
    .await?;
    Ok(())
}

/// A finding that is to be triaged.
#[derive(Clone, Copy, Debug)]
pub struct Triaged {
    /// Which.
    pub id: FindingId,
    /// Where it stands.
    pub status: FindingStatus,
}

/// A finding of a customer whose findings are held; none where there is no such.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    writer: &mut Writer,
    grant: &Grant<Posture>,
    id: FindingId,
) -> Result<Option<Triaged>, StoreError> {
    let status = sqlx::query_scalar!(
        "select status from findings where customer_id = $1 and id = $2",
        grant.of().0,
        id.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    status.map(|status| Ok(Triaged { id, status: status.parse()? })).transpose()
}

/// The findings of a list, `limit` of them at most, of a customer whose findings are held.
///
/// # Errors
/// When the database does not answer.
pub async fn matching(
    writer: &mut Writer,
    grant: &Grant<Posture>,
    list: &Findings,
    limit: u32,
) -> Result<Vec<Triaged>, StoreError> {
    let mut sql = QueryBuilder::new("select t.id, t.status from findings t where t.customer_id = ");
    sql.push_bind(grant.of().0);
    list.filter(&mut sql);
    sql.push(format_args!(" order by t.id limit {limit}"));
    let rows = sql.build().fetch_all(writer.connection()?).await?;
    let triaged = |row: &PgRow| {
        Ok(Triaged { id: FindingId(row.try_get("id")?), status: row.try_get::<&str, _>("status")?.parse()? })
    };
    rows.iter().map(triaged).collect()
}

/// What is decided about findings.
#[derive(Clone, Copy, Debug)]
pub struct Step<'s> {
    /// The partner whose user decides; none for the customer's own.
    pub by: Option<PartnerId>,
    /// The status from now on.
    pub to: FindingStatus,
    /// Why, in the decider's words.
    pub note: Option<&'s str>,
    /// The customer's policy, by which what is reopened is due again.
    pub policy: &'s SlaPolicy,
}

impl Changes<'_> {
    /// Takes a step with findings of one customer, whose findings are held, and writes their history. That the step may follow is
    /// for the caller to know.
    pub fn triage(&mut self, customer: CustomerId, findings: &[Triaged], step: &Step<'_>) -> &mut Self {
        let (author, now) = (self.author(), self.author().now);
        let changed: Vec<Uuid> =
            findings.iter().filter(|finding| finding.status != step.to).map(|finding| finding.id.0).collect();
        if !changed.is_empty() {
            self.change(|sql| {
                sql.push("update findings set status = ").push_bind(step.to.as_str());
                sql.push(", resolved_at = ").push_bind((step.to == FindingStatus::Resolved).then_some(now));
                if step.to == FindingStatus::Open {
                    sql.push(", reopened_at = ").push_bind(now);
                    sql.push(", sla_due_at = (").push_bind(step.policy.due_by_rank(now));
                    sql.push("::timestamptz[])[severity + 1]");
                }
                sql.push(" where customer_id = ").push_bind(customer.0);
                sql.push(" and id = any (").push_bind(changed).push(")");
            });
        }
        self.change(|sql| {
            sql.push(
                "insert into finding_history (customer_id, at, actor, actor_id, partner_id, new_status, note, id, finding_id, \
                 old_status) select ",
            );
            sql.push_bind(customer.0).push("::uuid, ").push_bind(now).push("::timestamptz, ");
            sql.push_bind(author.name.clone()).push("::text, ").push_bind(author.user.0).push("::uuid, ");
            sql.push_bind(step.by.map(|partner| partner.0)).push("::uuid, ");
            sql.push_bind(step.to.as_str()).push("::text, ");
            sql.push_bind(step.note.map(str::to_owned)).push("::text, r.* from unnest(");
            sql.push_bind(findings.iter().map(|_| author.new_id()).collect::<Vec<_>>()).push("::uuid[], ");
            sql.push_bind(findings.iter().map(|finding| finding.id.0).collect::<Vec<_>>()).push("::uuid[], ");
            sql.push_bind(findings.iter().map(|finding| finding.status.as_str()).collect::<Vec<_>>());
            sql.push("::text[]) r");
        })
    }
}

/// A change of a finding's status, or a note about it.
#[derive(Clone, Debug)]
pub struct FindingChange {
    /// Its id, unique within the customer.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who, as they were called then: a user or a scanner.
    pub actor: String,
    /// Where the finding stood before.
    pub from: FindingStatus,
    /// Where it stood after.
    pub to: FindingStatus,
    /// Why, in the actor's words.
    pub note: Option<String>,
}

/// A finding's history, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindingHistory {
    /// The partner that reads: it is told nothing of what other partners' people did. None for the customer's own people.
    pub partner: Option<PartnerId>,
}

impl List for FindingHistory {
    type Parent = (Grant<Posture>, FindingId);
    type Row = FindingChange;

    const NAME: &'static str = "Finding.history";
    const PARENT: &'static str = "t.finding_id";
    const TENANT: Option<&'static str> = Some("t.customer_id");
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        "t.id, t.at, t.actor, t.old_status, t.new_status, t.note"
    }

    fn parent((_, finding): &Self::Parent) -> Uuid {
        finding.0
    }

    fn tenant((grant, _): &Self::Parent) -> Option<Uuid> {
        Some(grant.of().0)
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("finding_history t");
    }

    fn filter(&self, sql: &mut QueryBuilder<Postgres>) {
        if let Some(partner) = self.partner {
            sql.push(" and (t.partner_id is null or t.partner_id = ").push_bind(partner.0).push(")");
        }
    }

    fn order(&self) -> Vec<SortKey> {
        let id = SortKey { expression: "t.id", kind: KeyKind::Id, direction: Direction::Descending };
        vec![newest_first("t.at"), id]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &FindingChange) -> Position {
        vec![KeyValue::time(Some(row.at)), KeyValue::id(row.id)]
    }

    fn row(&self, row: &PgRow) -> Result<FindingChange, StoreError> {
        Ok(FindingChange {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            actor: row.try_get("actor")?,
            from: row.try_get::<&str, _>("old_status")?.parse()?,
            to: row.try_get::<&str, _>("new_status")?.parse()?,
            note: row.try_get("note")?,
        })
    }
}
