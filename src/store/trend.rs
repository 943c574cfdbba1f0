//! How a customer's posture came to be what it is: day by day, and since an instant. Read against the gate's witness only.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::{Reader, StoreError, Writer};
use crate::domain::finding::SeverityCounts;
use crate::domain::ids::CustomerId;
use crate::policy::{Grant, Posture};

/// The posture of a customer at the last look of a day.
#[derive(Clone, Copy, Debug)]
pub struct PosturePoint {
    /// Which day, UTC.
    pub day: NaiveDate,
    /// Open findings by severity.
    pub open_findings: SeverityCounts,
    /// Open findings past their due date.
    pub sla_breaches: i64,
    /// Monitored assets.
    pub assets: i64,
}

/// What is new at a customer since an instant; none of it counts beyond [`MOST`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PostureChanges {
    /// Findings first seen since then.
    pub new_findings: i64,
    /// Findings resolved since then that are resolved still.
    pub resolved_findings: i64,
    /// Scans that succeeded or failed since then.
    pub finished_scans: i64,
    /// Assets first seen since then.
    pub new_assets: i64,
}

/// Where counting ends: what a count costs does not grow with how long somebody was away. Spelled out in [`changes`], too.
pub const MOST: i64 = 1_000;

/// Looks at every customer, for the day of the transaction's instant: a day's row is its last look. For the worker.
///
/// # Errors
/// When the database does not answer.
pub async fn take_snapshots(writer: &mut Writer) -> Result<(), StoreError> {
    sqlx::query!("select from gate.take_posture_snapshots()").execute(writer.connection()?).await?;
    Ok(())
}

/// The days from `since` to `until`, both included, of these customers, the earliest first. A day on which nobody looked is
/// left out.
///
/// # Errors
/// When the database does not answer.
pub async fn points(
    reader: &mut Reader,
    grants: &[Grant<Posture>],
    since: NaiveDate,
    until: NaiveDate,
) -> Result<HashMap<CustomerId, Vec<PosturePoint>>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.of().0).collect();
    let rows = sqlx::query!(
        "select customer_id, day, open_critical, open_high, open_medium, open_low, open_info, sla_breaches, assets
         from posture_snapshots where customer_id = any ($1) and day between $2 and $3
         order by customer_id, day",
        &ids,
        since,
        until
    )
    .fetch_all(reader.connection()?)
    .await?;
    let mut points: HashMap<CustomerId, Vec<PosturePoint>> = HashMap::new();
    for row in rows {
        points.entry(CustomerId(row.customer_id)).or_default().push(PosturePoint {
            day: row.day,
            open_findings: SeverityCounts {
                critical: row.open_critical.into(),
                high: row.open_high.into(),
                medium: row.open_medium.into(),
                low: row.open_low.into(),
                info: row.open_info.into(),
            },
            sla_breaches: row.sla_breaches.into(),
            assets: row.assets.into(),
        });
    }
    Ok(points)
}

/// What is new at these customers since an instant.
///
/// # Errors
/// When the database does not answer.
pub async fn changes(
    reader: &mut Reader,
    grants: &[Grant<Posture>],
    since: DateTime<Utc>,
) -> Result<HashMap<CustomerId, PostureChanges>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.of().0).collect();
    let rows = sqlx::query!(
        r#"select c.id as "customer_id!",
                  (select count(*) from (select from findings f where f.customer_id = c.id and f.first_seen_at > $2
                                         order by f.first_seen_at limit 1000) n) as "new_findings!",
                  (select count(*) from (select from findings f where f.customer_id = c.id and f.status = 'RESOLVED'
                                           and f.resolved_at > $2 order by f.resolved_at limit 1000) n) as "resolved_findings!",
                  (select count(*) from (select from scans s where s.customer_id = c.id and s.status in ('SUCCEEDED', 'FAILED')
                                           and s.finished_at > $2 order by s.finished_at limit 1000) n) as "finished_scans!",
                  (select count(*) from (select from assets a where a.customer_id = c.id and a.first_seen_at > $2
                                         order by a.first_seen_at limit 1000) n) as "new_assets!"
           from unnest($1::uuid[]) c (id)"#,
        &ids,
        since
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let changes = PostureChanges {
                new_findings: row.new_findings,
                resolved_findings: row.resolved_findings,
                finished_scans: row.finished_scans,
                new_assets: row.new_assets,
            };
            (CustomerId(row.customer_id), changes)
        })
        .collect())
}
