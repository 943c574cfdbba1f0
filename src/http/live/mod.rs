//! The doors of live events: WebSockets of the subprotocol `graphql-transport-ws`, and server-sent events (graphql-sse, distinct connections
//! mode). Both sign in, limit and execute as the door of requests does; here is what they share.
//!
//! Not async-graphql's own WebSocket: it keeps one set of data for all events, waits for ever for who it is, and takes duplicate ids
//! and any number of operations.

mod protocol;
mod sse;
mod stream;
mod together;
mod ws;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::config::LiveLimits;
use crate::domain::ids::UserId;
use crate::graphql::live::Live;
use crate::store::Database;

use self::together::Together;
pub(super) use sse::{events, refused};
pub(super) use ws::socket;

/// The open connections of one gateway, and its streams.
#[derive(Clone, Debug)]
pub struct LiveDoor {
    live: Live,
    limits: LiveLimits,
    places: Arc<Semaphore>,
    of_users: Arc<Mutex<HashMap<Option<UserId>, u32>>>,
    strangers: Arc<Mutex<Strangers>>,
    together: Together,
    stopping: Arc<watch::Sender<bool>>,
}

/// The connections that have not said who they are, in the order in which they came. Dropping a sender ends its connection.
#[derive(Debug, Default)]
struct Strangers {
    here: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

/// That a connection has not said who it is.
#[derive(Debug)]
struct Stranger {
    nth: u64,
    crowded_out: oneshot::Receiver<()>,
    strangers: Arc<Mutex<Strangers>>,
}

impl Stranger {
    /// Resolves when it has to make room for one that came later.
    async fn crowded_out(&mut self) {
        let _ = (&mut self.crowded_out).await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner).here.remove(&self.nth);
    }
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
            strangers: Arc::default(),
            together: Together::default(),
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

    /// The places of all who are nobody in particular: a tenth.
    fn for_nobody(&self) -> u32 {
        (self.limits.connections / 10).max(1)
    }

    /// Lets a connection in that has not said who it is. These have a tenth of all places as well; where there are more, the one that has
    /// been silent for longest goes, so that nobody who does say is kept out by those who never will.
    fn stranger(&self) -> Stranger {
        let (stays, crowded_out) = oneshot::channel();
        let most = usize::try_from(self.for_nobody()).unwrap_or(usize::MAX);
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.here.len() >= most {
            strangers.here.pop_first();
        }
        let nth = strangers.next;
        strangers.next += 1;
        strangers.here.insert(nth, stays);
        drop(strangers);
        Stranger { nth, crowded_out, strangers: Arc::clone(&self.strangers) }
    }

    /// A place for one connection more of a user. All who are nobody in particular are one.
    fn seat(&self, user: Option<UserId>) -> Option<Seat> {
        let most = if user.is_some() { self.limits.connections_per_user } else { self.for_nobody() };
        let mut of_users = self.of_users.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = of_users.entry(user).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Seat { user, of_users: Arc::clone(&self.of_users) })
    }
}
