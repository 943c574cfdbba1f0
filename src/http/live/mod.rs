//! The doors of live events: WebSockets of the subprotocol `graphql-transport-ws`, and server-sent events (graphql-sse, distinct connections
//! mode). Both sign in, limit and execute as the door of requests does; here is what they share.
//!
//! Not async-graphql's own WebSocket: it keeps one set of data for all events, waits for ever for who it is, and takes duplicate ids
//! and any number of operations.

mod protocol;
mod sse;
mod stream;
mod ws;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::config::LiveLimits;
use crate::domain::ids::UserId;
use crate::graphql::live::Live;
use crate::store::Database;

pub(super) use sse::{events, refused};
pub(super) use ws::socket;

/// The open connections of one gateway, and its streams.
#[derive(Clone, Debug)]
pub struct LiveDoor {
    live: Live,
    limits: LiveLimits,
    places: Arc<Semaphore>,
    of_users: Arc<Mutex<HashMap<Option<UserId>, u32>>>,
    stopping: Arc<watch::Sender<bool>>,
}

/// A connection's place among those of one user.
#[derive(Debug)]
struct Seat {
    user: Option<UserId>,
    of_users: Arc<Mutex<HashMap<Option<UserId>, u32>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut of_users = self.of_users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut taken) = of_users.entry(self.user) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

impl LiveDoor {
    /// A door that nobody has come through yet.
    #[must_use]
    pub fn new(database: Database, limits: LiveLimits) -> Self {
        let places = usize::try_from(limits.connections).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            live: Live::new(database),
            limits,
            places: Arc::new(Semaphore::new(places)),
            of_users: Arc::default(),
            stopping: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Ends every connection, each with a word of why.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Resolves when the gateway is asked to stop, after every connection was told so.
    pub async fn stops_with(&self, stopped: impl Future<Output = ()>) {
        stopped.await;
        self.stop();
    }

    /// Resolves when the last connection is gone, or has taken longer than `patience`.
    pub async fn ended(&self, patience: Duration) {
        let all = self.places.acquire_many(self.limits.connections);
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("live connections were cut off");
        }
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.live.streams()
    }

    /// Whether everything that was heard is told, or passed over in silence.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.live.is_quiet()
    }

    /// Resolves when the gateway stops.
    async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stop| *stop).await;
    }

    /// A place for one connection more; none where all are taken, or the gateway stops.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        if *self.stopping.borrow() {
            return None;
        }
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place for one connection more of a user. All who are nobody in particular are one, with a tenth of all places.
    fn seat(&self, user: Option<UserId>) -> Option<Seat> {
        let limits = &self.limits;
        let most =
            if user.is_some() { limits.connections_per_user } else { (limits.connections / 10).max(1) };
        let mut of_users = self.of_users.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = of_users.entry(user).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Seat { user, of_users: Arc::clone(&self.of_users) })
    }
}
