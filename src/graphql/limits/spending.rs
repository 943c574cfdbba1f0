//! What each viewer may spend in a minute: a bucket of points that fills as fast as a budget a minute. One for each user, and one for all
//! who are not signed in: they can do so little that it is enough, and addresses, of which one client may have many and many
//! clients one, need not be believed.
//!
//! What is kept is one instant a viewer, the one at which their bucket is full again; who has a full one is forgotten. Each gateway counts
//! for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::indexmap::IndexMap;
use async_graphql::{ErrorExtensionValues, Name, ServerError, Value};
use chrono::{DateTime, TimeDelta, Utc};

use super::weights::REQUEST;
use crate::domain::ids::UserId;

/// The time in which an empty bucket fills.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// How many viewers are known before those with a full bucket are looked for.
const FIRST_SWEEP: usize = 1_024;

/// Who pays; all who are nobody in particular are one.
pub type Payer = Option<UserId>;

/// The budgets of all viewers.
#[derive(Clone, Debug, Default)]
pub struct Spending(Option<Arc<Accounts>>);

#[derive(Debug)]
struct Accounts {
    /// Points a minute, above 0.
    budget: u64,
    ledger: Mutex<Ledger>,
}

#[derive(Debug)]
struct Ledger {
    full_at: HashMap<Payer, DateTime<Utc>>,
    sweep_at: usize,
}

/// Where a viewer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Points a minute.
    pub budget: u64,
    /// Points that are left.
    pub remaining: u64,
    /// When all of them are there again, if nothing is spent.
    pub resets_at: DateTime<Utc>,
}

/// A budget does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// What was to be paid.
    pub requested: u64,
    /// Where the viewer stands.
    pub standing: Standing,
    /// Whole seconds until it suffices, 1 at least.
    pub retry_after: u64,
}

impl Spending {
    /// No budgets at all.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// So many points a minute for each viewer; 0 is no limit.
    #[must_use]
    pub fn a_minute(budget: u64) -> Self {
        let ledger = Mutex::new(Ledger { full_at: HashMap::new(), sweep_at: FIRST_SWEEP });
        Self((budget > 0).then(|| Arc::new(Accounts { budget, ledger })))
    }

    /// Whether a viewer has anything left: as much as the least request costs.
    ///
    /// # Errors
    /// Where they have not.
    pub fn room(&self, payer: Payer, now: DateTime<Utc>) -> Result<(), Exhausted> {
        self.with(|accounts, ledger| accounts.affords(ledger.full_at(payer, now), REQUEST, now).map(|_| ()))
            .unwrap_or(Ok(()))
    }

    /// Takes what a request costs, where there is as much. What costs more than a budget takes a whole one.
    ///
    /// # Errors
    /// Where there is not; nothing is taken then.
    pub fn take(&self, payer: Payer, cost: u64, now: DateTime<Utc>) -> Result<Option<Standing>, Exhausted> {
        self.with(|accounts, ledger| {
            let full_at = accounts.affords(ledger.full_at(payer, now), cost, now)?;
            ledger.set(payer, full_at, now);
            Ok(accounts.standing(full_at, now))
        })
        .transpose()
    }

    /// Takes what has been done already. A viewer may be in debt after that.
    #[allow(clippy::must_use_candidate, reason = "where they stand then is of interest to some alone")]
    pub fn charge(&self, payer: Payer, cost: u64, now: DateTime<Utc>) -> Option<Standing> {
        self.with(|accounts, ledger| {
            let full_at = ledger.full_at(payer, now) + accounts.time_of(cost);
            ledger.set(payer, full_at, now);
            accounts.standing(full_at, now)
        })
    }

    /// When a viewer has anything left again; none where they have.
    #[must_use]
    pub fn room_at(&self, payer: Payer, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let room =
            self.with(|accounts, ledger| ledger.full_at(payer, now) + accounts.time_of(REQUEST) - MINUTE)?;
        (room > now).then_some(room)
    }

    fn with<T>(&self, act: impl FnOnce(&Accounts, &mut Ledger) -> T) -> Option<T> {
        let accounts = self.0.as_ref()?;
        Some(act(accounts, &mut accounts.ledger.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Accounts {
    /// How long it takes until so many points are there again.
    fn time_of(&self, cost: u64) -> TimeDelta {
        let minute = MINUTE.num_nanoseconds().unwrap_or(i64::MAX);
        let nanoseconds = i128::from(cost.min(self.budget)) * i128::from(minute) / i128::from(self.budget);
        TimeDelta::nanoseconds(i64::try_from(nanoseconds).unwrap_or(minute))
    }

    /// When the bucket is full again if so much is taken out of it.
    fn affords(
        &self,
        full_at: DateTime<Utc>,
        cost: u64,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, Exhausted> {
        let then = full_at + self.time_of(cost);
        let wait = then - now - MINUTE;
        if wait <= TimeDelta::zero() {
            return Ok(then);
        }
        let seconds = (wait + TimeDelta::seconds(1) - TimeDelta::nanoseconds(1)).num_seconds();
        Err(Exhausted {
            requested: cost,
            standing: self.standing(full_at, now),
            retry_after: u64::try_from(seconds).unwrap_or(1).max(1),
        })
    }

    fn standing(&self, full_at: DateTime<Utc>, now: DateTime<Utc>) -> Standing {
        let full = MINUTE.num_nanoseconds().unwrap_or(i64::MAX);
        let missing = (full_at - now).num_nanoseconds().unwrap_or(i64::MAX).clamp(0, full);
        let remaining = i128::from(self.budget) * i128::from(full - missing) / i128::from(full);
        Standing { budget: self.budget, remaining: u64::try_from(remaining).unwrap_or(0), resets_at: full_at }
    }
}

impl Ledger {
    fn full_at(&self, payer: Payer, now: DateTime<Utc>) -> DateTime<Utc> {
        self.full_at.get(&payer).copied().unwrap_or(now).max(now)
    }

    /// Those with a full bucket are forgotten whenever there are twice as many as were left the last time, so that it costs a moment
    /// for each that is added.
    fn set(&mut self, payer: Payer, full_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.full_at.insert(payer, full_at);
        if self.full_at.len() >= self.sweep_at {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.full_at.shrink_to_fit();
            self.sweep_at = FIRST_SWEEP.max(2 * self.full_at.len());
        }
    }
}

impl Standing {
    /// As it stands in `extensions.cost.budget`.
    #[must_use]
    pub fn to_value(self) -> Value {
        let resets_at = self.resets_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        object([
            ("limit", self.budget.into()),
            ("remaining", self.remaining.into()),
            ("resetsAt", resets_at.into()),
        ])
    }
}

/// An object of a response.
#[must_use]
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (Name::new(name), value));
    Value::Object(fields.collect::<IndexMap<Name, Value>>())
}

impl From<Exhausted> for ServerError {
    fn from(exhausted: Exhausted) -> Self {
        let Exhausted { requested, standing, retry_after } = exhausted;
        let message = format!(
            "this costs {requested}, and of the {} that you may spend in a minute {} are left: try again in {retry_after} s",
            standing.budget, standing.remaining
        );
        let mut error = Self::new(message, None);
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        extensions.set("code", "BUDGET_EXHAUSTED");
        extensions.set("retryAfter", retry_after);
        error
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn user(n: usize) -> Payer {
        Payer::from(UserId(Uuid::from_u128(n as u128)))
    }

    fn remaining(spending: &Spending, payer: Payer, now: DateTime<Utc>) -> u64 {
        spending.charge(payer, 0, now).unwrap().remaining
    }

    #[test]
    fn a_budget_is_spent_and_comes_back_within_a_minute() {
        let spending = Spending::a_minute(600);
        assert_eq!(spending.take(user(1), 500, NOW).unwrap().unwrap().remaining, 100);
        let refused = spending.take(user(1), 150, NOW).unwrap_err();
        assert_eq!((refused.requested, refused.standing.remaining, refused.retry_after), (150, 100, 5));
        let resets_at = NOW + TimeDelta::seconds(50);
        assert_eq!(refused.standing.resets_at, resets_at);
        // Nothing was taken, another has all of theirs, and the wait that is told suffices.
        assert_eq!(remaining(&spending, user(1), NOW), 100);
        assert_eq!(remaining(&spending, user(2), NOW), 600);
        assert_eq!(remaining(&spending, None, NOW), 600);
        assert!(spending.take(user(1), 150, NOW + TimeDelta::seconds(4)).is_err());
        assert!(spending.take(user(1), 150, NOW + TimeDelta::seconds(5)).is_ok());
        assert_eq!(remaining(&spending, user(1), NOW + TimeDelta::minutes(2)), 600);
    }

    #[test]
    fn whoever_waits_as_long_as_is_told_is_let_in() {
        for budget in [60, 77, 1_000, 999_983, u64::MAX] {
            let spending = Spending::a_minute(budget);
            for cost in [1, 7, budget / 3, budget - 1, budget] {
                let now = NOW + TimeDelta::microseconds(123_456);
                spending.take(user(1), budget, now).unwrap();
                spending.charge(user(1), budget, now);
                let refused = spending.take(user(1), cost.max(1), now).unwrap_err();
                let later = now + TimeDelta::seconds(i64::try_from(refused.retry_after).unwrap());
                assert!(spending.take(user(1), cost, later).is_ok(), "{cost} of {budget}");
                spending.0.as_ref().unwrap().ledger.lock().unwrap().full_at.clear();
            }
        }
    }

    #[test]
    fn what_costs_more_than_a_budget_takes_a_whole_one() {
        let spending = Spending::a_minute(100);
        assert_eq!(spending.take(user(1), 5_000, NOW).unwrap().unwrap().remaining, 0);
        assert_eq!(spending.take(user(1), 5_000, NOW).unwrap_err().retry_after, 60);
    }

    #[test]
    fn debts_are_waited_for() {
        let spending = Spending::a_minute(600);
        assert_eq!(spending.room_at(user(1), NOW), None);
        spending.charge(user(1), 600, NOW);
        spending.charge(user(1), 100, NOW);
        assert_eq!(spending.room_at(user(1), NOW), Some(NOW + TimeDelta::seconds(15)));
        assert_eq!(spending.room(user(1), NOW).unwrap_err().retry_after, 15);
        assert_eq!(spending.room_at(user(1), NOW + TimeDelta::seconds(15)), None);
    }

    #[test]
    fn without_a_budget_everything_is_free() {
        let spending = Spending::a_minute(0);
        assert_eq!(spending.take(user(1), u64::MAX, NOW), Ok(None));
        assert_eq!((spending.room(user(1), NOW), spending.charge(user(1), 1, NOW)), (Ok(()), None));
    }

    #[test]
    fn who_has_a_full_bucket_is_forgotten() {
        let spending = Spending::a_minute(600);
        for n in 0..100_000 {
            // Each has paid all back before the hundredth after them comes.
            spending
                .take(user(n), 10, NOW + TimeDelta::milliseconds(10 * i64::try_from(n).unwrap()))
                .unwrap();
        }
        let known = spending.0.as_ref().unwrap().ledger.lock().unwrap().full_at.len();
        assert!(known <= FIRST_SWEEP, "{known}");
    }
}
