//! Posture rollups: what dashboards and summaries read instead of raw findings, against the gate's witness only.

use chrono::{DateTime, Utc};

use super::{Reader, StoreError};
use crate::domain::finding::SeverityCounts;
use crate::domain::ids::CustomerId;
use crate::policy::{Grant, Posture};

/// The counts of a customer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rollup {
    /// Open findings by severity.
    pub open_findings: SeverityCounts,
    /// Open findings past their due date.
    pub sla_breaches: i64,
    /// Monitored assets.
    pub assets: i64,
    /// When the last scan succeeded; none where there never was one.
    pub last_scan_at: Option<DateTime<Utc>>,
}

/// The counts of these customers; a customer without any is not in the answer.
///
/// # Errors
/// When the database does not answer.
pub async fn rollups(
    reader: &mut Reader,
    grants: &[Grant<Posture>],
    now: DateTime<Utc>,
) -> Result<Vec<(CustomerId, Rollup)>, StoreError> {
    let ids: Vec<_> = grants.iter().map(|grant| grant.of().0).collect();
    let rows = sqlx::query!(
        r#"select r.customer_id, r.open_critical, r.open_high, r.open_medium, r.open_low, r.open_info, r.assets,
                  r.last_scan_at,
                  coalesce((select sum(d.open_findings) from posture_due d
                            where d.customer_id = r.customer_id and d.due_at <= $2), 0) as "sla_breaches!"
           from posture_rollups r where r.customer_id = any ($1)"#,
        &ids,
        now
    )
    .fetch_all(reader.connection()?)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let rollup = Rollup {
                open_findings: SeverityCounts {
                    critical: row.open_critical.into(),
                    high: row.open_high.into(),
                    medium: row.open_medium.into(),
                    low: row.open_low.into(),
                    info: row.open_info.into(),
                },
                sla_breaches: row.sla_breaches,
                assets: row.assets.into(),
                last_scan_at: row.last_scan_at,
            };
            (CustomerId(row.customer_id), rollup)
        })
        .collect())
}
