//! Schedules that are due become queued scans, and scans that no scanner finishes are given up.

use chrono::{DateTime, Utc};

use crate::store::scan::queue::{BATCH, give_up, run_due};
use crate::store::{Database, StoreError};

/// Queues a scan for each schedule that is due, exactly once however many gateways do so: each batch is locked, queued and moved
/// on in one transaction, so of a worker that is killed nothing stays, and what was due is due still. A schedule that was due
/// several times while nobody worked has one scan.
///
/// # Errors
/// When the database does not answer; batches before stay.
pub(super) async fn run(database: &Database, now: DateTime<Utc>) -> Result<(), StoreError> {
    loop {
        let mut writer = database.begin_work(now).await?;
        let count = run_due(&mut writer, now).await?;
        writer.commit().await?;
        if count < BATCH {
            break;
        }
    }
    let mut writer = database.begin_work(now).await?;
    give_up(&mut writer, now).await?;
    writer.commit().await
}
