//! What happens without anybody asking. `serve` runs one worker; any number of gateways may run one each over one database, so
//! every job takes what it does in a transaction of its own (`Database::begin_work`) and finds nothing left when another was first.
//!
//! Recipe for a job: a function of the database and the instant in a file here, a line in [`Worker::once`], policies for
//! `posture_worker` in the migrations.

mod schedules;
mod trend;

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::clock::Clock;
use crate::store::{Database, StoreError, idempotency};

/// The worker of one gateway.
#[derive(Clone, Debug)]
pub struct Worker {
    database: Database,
    clock: Clock,
}

impl Worker {
    /// A worker that has done nothing yet.
    #[must_use]
    pub const fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock }
    }

    /// Does everything that is due at this instant. A job that fails stops no other.
    ///
    /// # Errors
    /// The first failure; what was committed stays, the rest is still due.
    pub async fn once(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let jobs = [
            schedules::run(&self.database, now).await,
            trend::look(&self.database, now).await,
            forget_keys(&self.database, now).await,
        ];
        jobs.into_iter().collect()
    }

    /// Works until `stopped` resolves, `every` so often. A failure is logged, and what was due is still due the next time.
    pub async fn run(self, every: Duration, stopped: impl Future<Output = ()>) {
        tokio::pin!(stopped);
        let mut ticks = tokio::time::interval(every);
        // After a pause there is one round to catch up, not one for each that was missed.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                _ = ticks.tick() => {}
            }
            // Not raced against `stopped`: a job that has begun is finished.
            if let Err(error) = self.once().await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the worker failed and will try again"
                );
            }
        }
    }
}

/// Forgets the answers under idempotency keys that are too old to be asked for.
async fn forget_keys(database: &Database, now: DateTime<Utc>) -> Result<(), StoreError> {
    let mut writer = database.begin_work(now).await?;
    idempotency::forget(&mut writer, now).await?;
    writer.commit().await
}
