//! The demo's posture of each day: what its findings and assets add up to at the end of every day of the last quarter.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::domain::finding::Severity;
use crate::domain::ids::CustomerId;
use crate::store::seed;

/// How many days back it goes.
const DAYS: u64 = 90;

/// A row a day for every customer of whom anything is known.
pub(super) fn fill(world: &mut seed::World, now: DateTime<Utc>) {
    let today = now.date_naive();
    let days: Vec<NaiveDate> =
        (0..DAYS).rev().filter_map(|back| today.checked_sub_days(Days::new(back))).collect();
    let mut rows: HashMap<CustomerId, Vec<seed::PostureSnapshot>> = HashMap::new();
    let mut of =
        |customer_id: CustomerId, since: DateTime<Utc>, count: &dyn Fn(&mut seed::PostureSnapshot)| {
            let own = rows
                .entry(customer_id)
                .or_insert_with(|| days.iter().map(|day| empty(customer_id, *day)).collect());
            own.iter_mut().filter(|row| since.date_naive() <= row.day).for_each(count);
        };
    for asset in &world.assets {
        of(asset.customer_id, asset.first_seen_at, &|row| row.assets += 1);
    }
    for finding in &world.findings {
        // When it was decided not to be one is not known: it never was.
        if !finding.status.is_open() && finding.resolved_at.is_none() {
            continue;
        }
        of(finding.customer_id, finding.first_seen_at, &|row| {
            if finding.resolved_at.is_some_and(|resolved| resolved.date_naive() <= row.day) {
                return;
            }
            *by_severity(row, finding.severity) += 1;
            row.sla_breaches += i32::from(finding.sla_due_at.is_some_and(|due| due.date_naive() <= row.day));
        });
    }
    let mut all: Vec<_> = rows.into_values().flatten().collect();
    // Nothing was known of a customer before its first asset, which came with it.
    all.retain(|row| row.assets > 0);
    all.sort_by_key(|row| (row.customer_id, row.day));
    world.posture_snapshots = all;
}

const fn by_severity(row: &mut seed::PostureSnapshot, severity: Severity) -> &mut i32 {
    match severity {
        Severity::Critical => &mut row.open_critical,
        Severity::High => &mut row.open_high,
        Severity::Medium => &mut row.open_medium,
        Severity::Low => &mut row.open_low,
        Severity::Info => &mut row.open_info,
    }
}

const fn empty(customer_id: CustomerId, day: NaiveDate) -> seed::PostureSnapshot {
    seed::PostureSnapshot {
        customer_id,
        day,
        open_critical: 0,
        open_high: 0,
        open_medium: 0,
        open_low: 0,
        open_info: 0,
        sla_breaches: 0,
        assets: 0,
    }
}
