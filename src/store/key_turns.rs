//! Turns at looking up API keys: whoever makes keys up leaves connections for others. A key that has signed somebody in waits for no turn;
//! that it still does is asked all the same.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::StoreError;
use crate::domain::api_key::KeyDigest;

/// How many keys that have signed nobody in yet are looked up at once.
const STRANGE: usize = 2;

/// How many keys are familiar; one more, and all are strange again.
const FAMILIAR: usize = 10_000;

/// The turns of one gateway.
#[derive(Debug)]
pub(super) struct KeyTurns {
    strange: Semaphore,
    familiar: Mutex<HashSet<KeyDigest>>,
}

impl Default for KeyTurns {
    fn default() -> Self {
        Self { strange: Semaphore::new(STRANGE), familiar: Mutex::default() }
    }
}

impl KeyTurns {
    /// Waits for a turn, where the key takes one.
    pub(super) async fn turn(&self, key: &KeyDigest) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        if self.familiar.lock().unwrap_or_else(PoisonError::into_inner).contains(key) {
            return Ok(None);
        }
        self.strange.acquire().await.map(Some).map_err(|_| StoreError::Closed)
    }

    /// Notes that a key has signed somebody in.
    pub(super) fn learn(&self, key: KeyDigest) {
        let mut familiar = self.familiar.lock().unwrap_or_else(PoisonError::into_inner);
        if familiar.len() >= FAMILIAR && !familiar.contains(&key) {
            familiar.clear();
        }
        familiar.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn strange_keys_take_turns_and_familiar_ones_do_not() {
        let turns = KeyTurns::default();
        let key = |nth| KeyDigest([nth; 32]);
        let held = (turns.turn(&key(1)).await.unwrap(), turns.turn(&key(2)).await.unwrap());
        assert!(held.0.is_some() && held.1.is_some());
        assert_eq!(turns.strange.available_permits(), 0);
        turns.learn(key(3));
        assert!(turns.turn(&key(3)).await.unwrap().is_none());
        drop(held);
        assert!(turns.turn(&key(4)).await.unwrap().is_some());
    }

    #[test]
    fn no_more_keys_are_remembered_than_that() {
        let turns = KeyTurns::default();
        for nth in 0..=FAMILIAR {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&nth.to_be_bytes());
            turns.learn(KeyDigest(key));
        }
        assert_eq!(turns.familiar.lock().unwrap().len(), 1);
    }
}
