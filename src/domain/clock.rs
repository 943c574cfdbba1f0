//! The one place that reads the time. Everything else takes the instant as an argument.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// The longest sleep of [`Clock::reaches`]: a machine's clock may be set while somebody waits for it.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Where the present comes from: the machine, or a test's hand.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The machine's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    Fixed(Arc<watch::Sender<DateTime<Utc>>>),
}

impl Clock {
    /// A clock that shows `at` until it is moved.
    #[must_use]
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self::Fixed(Arc::new(watch::Sender::new(at)))
    }

    /// The present instant, to the microsecond (`PostgreSQL`'s own resolution).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self {
            Self::System => Utc::now(),
            Self::Fixed(at) => *at.borrow(),
        };
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// Moves a fixed clock on; the system's clock is left alone.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Fixed(at) = self {
            at.send_modify(|at| *at += by);
        }
    }

    /// Resolves when this clock shows `at` or later.
    pub async fn reaches(&self, at: DateTime<Utc>) {
        match self {
            Self::System => {
                while let Ok(left) = (at - self.now()).to_std()
                    && !left.is_zero()
                {
                    tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
                }
            }
            Self::Fixed(shown) => {
                // The sender is this clock's own, so it is there for as long as anybody waits.
                let _ = shown.subscribe().wait_for(|shown| *shown >= at).await;
            }
        }
    }
}
