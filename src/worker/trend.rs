//! The daily look at every customer's posture, of which the trend is made.

use chrono::{DateTime, Utc};

use crate::store::{Database, StoreError, trend};

/// Brings today's row of every customer up to date, in a transaction of its own: the last look of a day stands. A day on which no
/// gateway ran has none.
pub(super) async fn look(database: &Database, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut writer = database.begin_work(now).await?;
    trend::take_snapshots(&mut writer).await?;
    writer.commit().await
}
