//! One open subscription, whatever it is sent over: takes what has changed out of its inbox, has it executed anew, and yields what is
//! to be told.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, ServerError};
use chrono::{DateTime, Utc};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::together::{Joined, Same, Told};
use crate::domain::ids::UserId;
use crate::graphql::error::{internal, nowhere, unauthenticated};
use crate::graphql::hidden::Placement;
use crate::graphql::live::{Change, Listening, Topic};
use crate::graphql::mutation::Stamp;
use crate::graphql::{Event, Prepared, Request};
use crate::http::App;
use crate::http::auth::{Pass, SignInError, TokenError};
use crate::store::StoreError;

/// How often who listens is looked up again, where that fails, with a pause that doubles: about ten seconds in all. What has changed is
/// tried until it can be read.
const ATTEMPTS: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// Why a stream, or its whole connection, may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The token has expired.
    Expired,
    /// The user was disabled, has no role any more, or the key was revoked.
    Gone,
    /// The database does not answer.
    Failing,
}

impl Ended {
    /// What a client is told.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Expired => "the token has expired: sign in again",
            Self::Gone => "whoever signed in here may not any more",
            Self::Failing => "the gateway cannot read its data: connect again",
        }
    }
}

/// What one document asks for, by whom.
pub(super) struct Asked {
    pub(super) pass: Option<Pass>,
    pub(super) placement: Placement,
    pub(super) graphql: Prepared,
}

impl Asked {
    /// One execution more of it.
    fn again(&mut self) -> Request {
        Request {
            graphql: self.graphql.again(),
            subject: self.pass.map(|pass| pass.user),
            placement: self.placement,
            stamp: Stamp { request: Uuid::new_v4(), idempotency_key: None },
        }
    }
}

/// An open subscription.
pub(super) struct Stream {
    app: App,
    asked: Asked,
    /// What its document, operation and variables come to.
    identity: [u8; 32],
    listening: Listening,
    failures: u32,
}

impl Stream {
    /// Opens it: what commits after this has returned is told. `watches` says whether it looks after its user itself, or whoever holds the
    /// connection does.
    ///
    /// # Errors
    /// What a client is answered in the stream's place.
    pub(super) async fn open(app: &App, mut asked: Asked, watches: bool) -> Result<Self, Vec<ServerError>> {
        let topic = app.executor.open(asked.again()).await?;
        let user = asked.pass.map(|pass| pass.user).filter(|_| watches);
        let patience = app.limits.request_timeout;
        let listening = app.live.live.listen(topic, user, patience).await;
        let listening = listening.map_err(|error| vec![nowhere(internal(&error))])?;
        if watches {
            // What became of its user before it listened is noticed by this look.
            listening.put_back(Change::User);
        }
        let identity = asked.graphql.identity();
        Ok(Self { app: app.clone(), asked, identity, listening, failures: 0 })
    }

    /// Who listens, and pays.
    fn user(&self) -> Option<UserId> {
        self.asked.pass.map(|pass| pass.user)
    }

    /// When its token expires.
    pub(super) fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.asked.pass.and_then(|pass| pass.ends_at())
    }

    /// The next event that is told; what is hidden is passed over in silence.
    pub(super) async fn next(&mut self) -> Result<Arc<Response>, Ended> {
        loop {
            let change = self.listening.next().await;
            if change != Change::User && self.app.executor.admit(self.user()).is_err() {
                self.afford().await?;
                // Whatever came meanwhile waits with it: what has changed twice is told once.
                self.listening.put_back(change);
                continue;
            }
            match self.tell(change).await {
                Ok(Some(Some(response))) => {
                    self.failures = 0;
                    return Ok(response);
                }
                Ok(Some(None)) => self.failures = 0,
                Ok(None) => self.listening.put_back(change),
                // It may be a change that is hidden: a stream that ended over it would tell that there was one.
                Err(Ended::Failing) if change != Change::User || self.failures < ATTEMPTS => {
                    self.listening.put_back(change);
                    tokio::time::sleep((FIRST_PAUSE * 2_u32.pow(self.failures.min(8))).min(LAST_PAUSE)).await;
                    self.failures = self.failures.saturating_add(1);
                }
                Err(ended) => return Err(ended),
            }
        }
    }

    /// Waits until who listens has anything left to spend: what has changed is told later then, and as it is then. Meanwhile whether they
    /// may listen is looked after as ever.
    async fn afford(&self) -> Result<(), Ended> {
        let Some(pass) = self.asked.pass else { return Ok(()) };
        let mut admitted = std::pin::pin!(self.app.executor.admitted(self.user()));
        loop {
            tokio::select! {
                biased;
                () = &mut admitted => return Ok(()),
                () = self.listening.user_changed() => match check(&self.app, pass).await {
                    Ok(()) => {}
                    Err(Ended::Failing) => {
                        self.listening.put_back(Change::User);
                        tokio::time::sleep(LAST_PAUSE).await;
                    }
                    Err(ended) => return Err(ended),
                },
            }
        }
    }

    /// What is told of a change; none where it is to be looked at once more.
    async fn tell(&mut self, change: Change) -> Result<Option<Told>, Ended> {
        let pass = self.asked.pass.ok_or(Ended::Gone)?;
        if change == Change::User {
            let _turn = self.app.live.live.turn().await;
            return check(&self.app, pass).await.map(|()| Some(None));
        }
        let (asked, placement) = (self.identity, self.asked.placement);
        match self.app.live.together.join(Same { user: pass.user, asked, placement, change }) {
            Joined::First(first) => {
                // Whoever asks again and again takes turns with the others, and leaves connections for requests.
                let turn = self.app.live.live.turn().await;
                // While it waited, other streams of the same user may have spent what there was.
                if self.app.executor.admit(self.user()).is_err() {
                    return Ok(None);
                }
                let others = first.begin();
                let told = self.read(pass, change, turn).await?;
                for other in others {
                    let _ = other.send(told.clone());
                }
                Ok(Some(told))
            }
            Joined::Also(told) => {
                let Ok(told) = told.await else { return Ok(None) };
                believe(&self.app, pass).await?;
                if told.is_some() {
                    self.app.executor.told(self.user(), &self.asked.graphql);
                }
                Ok(Some(told))
            }
        }
    }

    /// Reads it, for this stream and those like it; `turn` is given back as soon as it is read.
    async fn read(
        &mut self,
        pass: Pass,
        change: Change,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Told, Ended> {
        believe(&self.app, pass).await?;
        match self.app.executor.event(self.asked.again(), change, turn).await {
            Event::Silent => Ok(None),
            Event::Told(response) => Ok(Some(Arc::from(response))),
            Event::Gone => Err(Ended::Gone),
            Event::Failed => Err(Ended::Failing),
        }
    }
}

/// Whether a pass still signs its user in.
async fn believe(app: &App, pass: Pass) -> Result<(), Ended> {
    let (now, database) = (app.executor.clock().now(), app.executor.database());
    pass.check(now, database).await.map_err(|error| match error {
        SignInError::Token(TokenError::Expired) => Ended::Expired,
        SignInError::Token(_) => Ended::Gone,
        SignInError::Store(error) => failing(&error),
    })
}

/// Whether a pass still signs its user in, and they are one still.
pub(super) async fn check(app: &App, pass: Pass) -> Result<(), Ended> {
    believe(app, pass).await?;
    match app.executor.is_user(pass.user).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Ended::Gone),
        Err(error) => Err(failing(&error)),
    }
}

fn failing(error: &StoreError) -> Ended {
    tracing::warn!(error = error as &dyn std::error::Error, "who listens could not be looked up");
    Ended::Failing
}

/// Looks after the user of a connection, for as long as it is open: resolves when it has to be closed.
pub(super) async fn watch(app: &App, pass: Pass, listening: &Listening) -> Ended {
    let (mut failures, mut to_ask) = (0_u32, false);
    loop {
        if !to_ask {
            // Whatever it is: of this one there is nothing to tell, but its user may be another now.
            listening.next().await;
        }
        match check(app, pass).await {
            Ok(()) => (failures, to_ask) = (0, false),
            Err(Ended::Failing) if failures < ATTEMPTS => {
                tokio::time::sleep((FIRST_PAUSE * 2_u32.pow(failures.min(8))).min(LAST_PAUSE)).await;
                (failures, to_ask) = (failures + 1, true);
            }
            Err(ended) => return ended,
        }
    }
}

/// A listener for a connection that has nothing to be told but what becomes of its user.
pub(super) async fn look_after(app: &App, pass: Pass) -> Result<Listening, StoreError> {
    let patience = app.limits.request_timeout;
    app.live.live.listen(Topic::Nothing, Some(pass.user), patience).await
}

/// Resolves at an instant of the gateway's clock; never where there is none.
pub(super) async fn reaches(app: &App, at: Option<DateTime<Utc>>) {
    match at {
        Some(at) => app.executor.clock().reaches(at).await,
        None => std::future::pending().await,
    }
}

/// What a subscription of nobody is answered.
pub(super) fn nobody() -> Vec<ServerError> {
    vec![nowhere(unauthenticated())]
}
