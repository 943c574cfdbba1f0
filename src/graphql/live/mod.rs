//! Live events: who is told when something changes. One connection listens to the database for all streams of a gateway; what it hears
//! is put into the inbox of every stream that it may concern. Nothing here decides who is shown it: the executor does, when the event is
//! taken out, from current data (`Executor::event`).
//!
//! An inbox holds ids, each once, so what changes twice before it is told is told once, as it is then; and it is bounded, so a stream
//! that takes nothing out costs no memory. What no longer fits is told as "look anew".

mod inbox;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use self::inbox::Inbox;
use crate::domain::ids::{AccessId, CustomerId, FindingId, PartnerId, UserId};
use crate::store::notices::{Notice, Notices};
use crate::store::{Database, StoreError};

/// The first pause before the database is tried again; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What a stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The findings of a customer.
    Findings(CustomerId),
    /// The accesses of a partner.
    AccessesOfPartner(PartnerId),
    /// The accesses of a customer.
    AccessesOfCustomer(CustomerId),
    /// Every access.
    Accesses,
    /// Nothing that ever happens.
    Nothing,
}

/// Something that may have changed, for one stream. What it is now, and whether it is shown, is read when it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A finding.
    Finding(CustomerId, FindingId),
    /// More findings of a customer than are told one by one.
    Findings(CustomerId),
    /// An access.
    Access(CustomerId, AccessId),
    /// Anything: notifications were lost.
    Anything,
    /// Who the stream's user is, or what they may: nothing is told, but whether they may still listen has to be asked.
    User,
}

/// What a subscription is executed for.
#[derive(Clone, Debug)]
pub enum Cause {
    /// It was asked for: the resolver says what it is about, or refuses. Nothing is told.
    Opened(Arc<OnceLock<Topic>>),
    /// Something changed: the resolver tells it, where the gate shows it now.
    Changed(Change),
}

/// The streams of one gateway.
#[derive(Clone, Debug)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Database,
    streams: Arc<Streams>,
    /// The task that listens, begun with the first stream.
    listener: Mutex<Option<AbortHandle>>,
    /// Whether the database is listened to at present.
    listening: watch::Sender<bool>,
    /// How many events are read at once, so that requests find a connection beside them.
    turns: Arc<Semaphore>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.get_mut().unwrap_or_else(PoisonError::into_inner) {
            listener.abort();
        }
    }
}

/// The open streams.
#[derive(Debug, Default)]
struct Streams {
    open: Mutex<HashMap<u64, Arc<Inbox>>>,
    next: AtomicU64,
}

/// One stream's place among the others, for as long as it is there.
#[derive(Debug)]
pub struct Listening {
    inbox: Arc<Inbox>,
    id: u64,
    streams: Arc<Streams>,
}

impl Live {
    /// The streams over a database; nothing is listened to before there is one.
    #[must_use]
    pub fn new(database: Database) -> Self {
        let turns = usize::try_from(database.max_connections() / 2).unwrap_or(1).max(1);
        Self(Arc::new(Shared {
            database,
            streams: Arc::default(),
            listener: Mutex::default(),
            listening: watch::Sender::new(false),
            turns: Arc::new(Semaphore::new(turns)),
        }))
    }

    /// Adds a stream. When this returns, the database is listened to: what commits from now on is told.
    ///
    /// # Errors
    /// When the database cannot be listened to within `patience`.
    pub async fn listen(
        &self,
        topic: Topic,
        user: Option<UserId>,
        patience: Duration,
    ) -> Result<Listening, StoreError> {
        let streams = Arc::clone(&self.0.streams);
        let inbox = Arc::new(Inbox::new(topic, user));
        let id = streams.next.fetch_add(1, Ordering::Relaxed);
        streams.lock().insert(id, Arc::clone(&inbox));
        let listening = Listening { inbox, id, streams };
        self.begin();
        let mut is_up = self.0.listening.subscribe();
        match tokio::time::timeout(patience, is_up.wait_for(|up| *up)).await {
            Ok(Ok(_)) => Ok(listening),
            Ok(Err(_)) | Err(_) => Err(StoreError::Closed),
        }
    }

    /// Waits for one's turn to read an event.
    pub async fn turn(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.0.turns).acquire_owned().await.ok()
    }

    /// How many streams are open.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.0.streams.lock().len()
    }

    /// Whether everything that was heard is told, or passed over in silence.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.0.streams.lock().values().all(|inbox| inbox.is_quiet())
    }

    /// Begins to listen, where nobody has.
    fn begin(&self) {
        let mut listener = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_none() {
            let task = listen(self.0.database.clone(), Arc::clone(&self.0.streams), self.0.listening.clone());
            *listener = Some(tokio::spawn(task).abort_handle());
        }
    }
}

impl Listening {
    /// The next change; what is asked for again and again, and given up in between, loses none.
    pub async fn next(&self) -> Change {
        self.inbox.next().await
    }

    /// The next change of who listens, ahead of everything else that waits.
    pub async fn user_changed(&self) {
        self.inbox.user_changed().await;
    }

    /// Puts a change back that could not be told.
    pub fn put_back(&self, change: Change) {
        self.inbox.put(change);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.id);
    }
}

impl Streams {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Inbox>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what a notice says into the inboxes that it may concern.
    fn tell(&self, notice: &Notice) {
        for inbox in self.lock().values() {
            inbox.tell(notice);
        }
    }

    /// Tells every stream that it may have missed something.
    fn tell_lost(&self) {
        for inbox in self.lock().values() {
            inbox.put(Change::Anything);
        }
    }
}

/// Listens for as long as the gateway runs. Whenever the connection was lost, every stream is told so once it is back.
async fn listen(database: Database, streams: Arc<Streams>, listening: watch::Sender<bool>) {
    let (mut pause, mut is_first) = (FIRST_PAUSE, true);
    loop {
        match database.listen().await {
            Ok(notices) => {
                if !is_first {
                    streams.tell_lost();
                }
                (pause, is_first) = (FIRST_PAUSE, false);
                listening.send_replace(true);
                let error = hear(notices, &streams).await;
                listening.send_replace(false);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the database is not listened to any more"
                );
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot listen to the database");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Tells what is heard until the connection fails.
async fn hear(mut notices: Notices, streams: &Streams) -> StoreError {
    loop {
        match notices.next().await {
            Ok(notice) => streams.tell(&notice),
            Err(error) => return error,
        }
    }
}
