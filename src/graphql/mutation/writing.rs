//! One mutation field: may this role ever call it, was it answered before, the change in a transaction of its own, and the
//! snapshot that its answer is read in.

use std::sync::Arc;

use async_graphql::{Context, Result};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::domain::ids::{CustomerId, UserId};
use crate::graphql::error::{for_people, forbidden, internal, no_randomness, unauthenticated};
use crate::graphql::session::{Sessions, root_field};
use crate::policy::{DataClass, Operation, Subject, Viewer, decide};
use crate::store::change::Author;
use crate::store::idempotency::{self, Key, Known};
use crate::store::portal::lock_customer;
use crate::store::viewer::{SignedIn, signed_in_to_write};
use crate::store::{Snapshot, StoreError, Writer};

/// What every mutation of a request is stamped with.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The request, as audit events name it.
    pub request: Uuid,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// Done, with what its payload is read by, or refused.
pub type Outcome<T> = std::result::Result<T, Refusal>;

/// Why a mutation goes no further: refused, or something of ours did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Refused; the payload says why.
    #[error("refused")]
    Refused(Refusal),
    /// Failed.
    #[error(transparent)]
    Failed(#[from] StoreError),
    /// No secret could be made.
    #[error("the system gave no random bytes")]
    NotRandom(#[from] getrandom::Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A mutation that may begin.
#[expect(clippy::large_enum_variant, reason = "made once a mutation, and never moved about")]
pub enum Begun<'c, T> {
    /// It was answered before, under the same key.
    Before(Outcome<T>),
    /// It is done now.
    Now(Writing<'c>),
}

/// A mutation under way.
pub struct Writing<'c> {
    /// Its transaction.
    pub writer: Writer,
    /// Who does it.
    pub asker: SignedIn,
    /// What its events are signed with.
    pub author: Author,
    operation: Operation,
    /// The customers that it has locked, as the gate knows them: nothing of another one is read.
    locked: Vec<Subject>,
    sessions: &'c Sessions,
    field: &'c str,
    key: Option<Key>,
}

/// Opens the transaction of a mutation field.
///
/// # Errors
/// UNAUTHENTICATED, FORBIDDEN, INTERNAL.
pub async fn begin<'c, T: DeserializeOwned>(
    ctx: &'c Context<'_>,
    operation: Operation,
) -> Result<Begun<'c, T>> {
    let (sessions, stamp) = (ctx.data::<Arc<Sessions>>()?, ctx.data::<Stamp>()?);
    sessions.room_for_one_more()?;
    let user = sessions.whole().snapshot().subject().ok_or_else(unauthenticated)?;
    let (now, field) = (sessions.whole().now(), root_field(ctx));
    let database = sessions.whole().snapshot().database();
    let opened = async {
        // Nothing that was read before is answered any more; and a request holds one connection, never two.
        sessions.finish().await?;
        let mut writer = database.begin_write(user, now).await?;
        let asker = signed_in_to_write(&mut writer, user).await?;
        Ok((writer, asker))
    };
    let (mut writer, asker) = opened.await.map_err(|error: StoreError| internal(&error))?;
    let refused = match &asker {
        None => Some(unauthenticated()),
        Some(asker) if !operation.may_ever_be_called_by(&asker.viewer) => Some(forbidden(operation)),
        Some(asker) if asker.is_service && operation.takes_a_person() => Some(for_people(operation)),
        Some(_) => None,
    };
    let (Some(asker), None) = (asker, &refused) else {
        writer.rollback().await.map_err(|error| internal(&error))?;
        return Err(refused.unwrap_or_else(unauthenticated));
    };
    let key = stamp.idempotency_key.as_ref().map(|key| {
        Ok::<_, async_graphql::Error>(Key {
            user,
            key: key.clone(),
            field: named(field),
            input_digest: digest(ctx, operation)?,
        })
    });
    let key = key.transpose()?;
    if let Some(key) = &key {
        let known = idempotency::take(&mut writer, key, now).await.map_err(|error| internal(&error))?;
        let before = match known {
            Known::New => None,
            Known::OfAnotherInput => Some(Err(Refusal::idempotency_key_reused())),
            Known::Answered(outcome) => Some(match remembered(outcome)? {
                Kept::Done(done) => Ok(done),
                Kept::Refused(refusal) => Err(refusal),
                Kept::Told(refusal, about) => {
                    let told = still_told(&mut writer, (operation, &asker.viewer, now), about).await;
                    let told = told.map_err(|error| internal(&error))?;
                    note_told(sessions, operation, &asker.viewer, &told.iter().flatten().collect::<Vec<_>>());
                    Err(if told.is_some() { refusal } else { refusal.without_why() })
                }
            }),
        };
        if let Some(before) = before {
            writer.rollback().await.map_err(|error| internal(&error))?;
            sessions.open(field, Snapshot::new(database.clone(), Some(user), now))?;
            return Ok(Begun::Before(before));
        }
    }
    let author = Author::new(asker.name.clone(), user, now, stamp.request);
    Ok(Begun::Now(Writing { writer, asker, author, operation, locked: Vec::new(), sessions, field, key }))
}

/// What a field is kept under: its response key, or, where an index could not hold that, its digest.
fn named(field: &str) -> String {
    if field.len() <= 255 {
        return field.to_owned();
    }
    Sha256::digest(field).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// How an outcome is kept.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kept<T> {
    Done(T),
    Refused(Refusal),
    /// Refused about these customers: the gate is asked again before it is said again.
    Told(Refusal, Vec<About>),
}

/// A customer that was there when a mutation was refused.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum About {
    /// The words may tell of more than that.
    Told(CustomerId),
    There {
        there: CustomerId,
    },
}

/// The customers of which a refusal that was kept tells, by the gate of now; none where it may not be said again: one that it is about is
/// not there any more for the viewer, or the gate hides what was told of it.
async fn still_told(
    writer: &mut Writer,
    (operation, viewer, now): (Operation, &Viewer, DateTime<Utc>),
    about: Vec<About>,
) -> std::result::Result<Option<Vec<Subject>>, StoreError> {
    let mut told = Vec::with_capacity(about.len());
    for about in about {
        let (About::Told(customer) | About::There { there: customer }) = about;
        let Some(locked) = lock_customer(writer, viewer, customer).await? else { return Ok(None) };
        let subject = locked.subject(now);
        match about {
            About::Told(_) if is_past(operation, viewer, &subject) => told.push(subject),
            About::Told(_) => return Ok(None),
            About::There { .. } => {}
        }
    }
    Ok(Some(told))
}

fn remembered<T: DeserializeOwned>(outcome: serde_json::Value) -> Result<Kept<T>> {
    serde_json::from_value(outcome)
        .map_err(|error| internal(&StoreError::from(sqlx::Error::Decode(error.into()))))
}

/// Whether the gate lets a viewer so far that a refusal may tell of the customer.
fn is_past(operation: Operation, viewer: &Viewer, subject: &Subject) -> bool {
    operation.refusal_tells().is_some_and(|(from, _)| decide(viewer, from, subject).is_visible())
}

/// Notes what a refusal tells: it is recorded as every other read, before the answer is sent.
fn note_told(sessions: &Sessions, operation: Operation, viewer: &Viewer, of: &[&Subject]) {
    if let Some((_, class)) = operation.refusal_tells() {
        let customers = of.iter().map(|subject| subject.customer);
        sessions.whole().note_shown_to(viewer, class, customers, ("Mutation", operation.as_str()));
    }
}

/// SHA-256 of the mutation's name and its arguments with variables filled in, whatever order they were written in.
fn digest(ctx: &Context<'_>, operation: Operation) -> Result<[u8; 32]> {
    let mut arguments = serde_json::Map::new();
    for (name, value) in ctx.field().arguments()? {
        arguments.insert(name.to_string(), value.into_json()?);
    }
    let text = format!("{operation} {}", serde_json::Value::Object(arguments));
    Ok(Sha256::digest(text).into())
}

impl Writing<'_> {
    /// Who does it.
    #[must_use]
    pub const fn viewer(&self) -> &Viewer {
        &self.asker.viewer
    }

    /// The request's instant.
    #[must_use]
    pub const fn now(&self) -> DateTime<Utc> {
        self.author.now
    }

    /// Remembers a customer that was locked: should the mutation be refused, the refusal may tell of it.
    pub fn has_locked(&mut self, subject: Subject) {
        self.locked.push(subject);
    }

    /// Ends the transaction, keeps the answer under the request's key, and opens the session that the payload is read in: its
    /// snapshot is taken after the change.
    ///
    /// # Errors
    /// INTERNAL when the database does not confirm; then nothing was changed.
    pub async fn end<T: Serialize>(self, done: std::result::Result<T, Stop>) -> Result<Outcome<T>> {
        let Self { mut writer, asker, author, operation, locked, sessions, field, key } = self;
        let outcome = match done {
            Ok(done) => Ok(done),
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(Stop::Failed(error)) => return Err(internal(&error)),
            Err(Stop::NotRandom(error)) => return Err(no_randomness(&error)),
        };
        let mut of: Vec<_> =
            locked.iter().filter(|subject| is_past(operation, &asker.viewer, subject)).collect();
        // To who operates a customer, that something is not there tells of what is.
        let operates = matches!(operation.refusal_tells(), Some((DataClass::SecurityConfig, _)));
        if !outcome.as_ref().is_err_and(|refusal| operates || refusal.is_told()) {
            of.clear();
        }
        note_told(sessions, operation, &asker.viewer, &of);
        let database = sessions.whole().snapshot().database().clone();
        let (user, now): (UserId, _) = (author.user, author.now);
        let ended = async {
            if outcome.is_err() && key.is_none() {
                writer.rollback().await?;
                return Ok(Snapshot::new(database, Some(user), now));
            }
            if let Some(key) = &key {
                let kept = match &outcome {
                    Ok(done) => serde_json::to_value(Kept::Done(done)),
                    Err(refusal) if locked.is_empty() => {
                        serde_json::to_value(Kept::<()>::Refused(refusal.clone()))
                    }
                    Err(refusal) => {
                        let is_told = |subject: &Subject| of.iter().any(|of| of.customer == subject.customer);
                        let about = locked.iter().map(|subject| match subject.customer {
                            told if is_told(subject) => About::Told(told),
                            there => About::There { there },
                        });
                        serde_json::to_value(Kept::<()>::Told(refusal.clone(), about.collect()))
                    }
                };
                let kept = kept.map_err(|error| sqlx::Error::Encode(error.into()))?;
                idempotency::keep(&mut writer, key, &kept).await?;
            }
            let reader = writer.commit_and_read(user, now).await?;
            Ok(Snapshot::opened(database, user, now, reader))
        };
        let snapshot = ended.await.map_err(|error: StoreError| internal(&error))?;
        sessions.open(field, snapshot)?;
        Ok(outcome)
    }
}

/// The outcome of one mutation: begun, done by a function of the [`Writing`] and the input, and ended.
macro_rules! written {
    ($ctx:expr, $operation:expr, $does:path, $input:expr) => {
        match $crate::graphql::mutation::writing::begin($ctx, $operation).await? {
            $crate::graphql::mutation::writing::Begun::Before(outcome) => outcome,
            $crate::graphql::mutation::writing::Begun::Now(mut writing) => {
                let done = Box::pin($does(&mut writing, $input)).await;
                writing.end(done).await?
            }
        }
    };
}
pub(super) use written;
