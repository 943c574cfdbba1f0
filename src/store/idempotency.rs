//! Answers kept under the `Idempotency-Key` that a mutation came with.

use chrono::{DateTime, TimeDelta, Utc};

use super::{StoreError, Writer};
use crate::domain::ids::UserId;

/// How long a key is remembered.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// One mutation of one request.
#[derive(Clone, Debug)]
pub struct Key {
    /// Whose key: no user meets another's.
    pub user: UserId,
    /// The header's value.
    pub key: String,
    /// The response key of the mutation's field.
    pub field: String,
    /// SHA-256 of the mutation's name and arguments.
    pub input_digest: [u8; 32],
}

/// What is known of a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: the key is taken now, and another request with it waits for this one.
    New,
    /// It was answered, with this.
    Answered(serde_json::Value),
    /// It belongs to another input.
    OfAnotherInput,
}

/// Takes a key, unless it was taken before.
///
/// # Errors
/// When the database does not answer.
pub async fn take(writer: &mut Writer, key: &Key, now: DateTime<Utc>) -> Result<Known, StoreError> {
    let taken = sqlx::query!(
        "insert into idempotency_keys as k (user_id, key, field, input_digest, created_at) values ($1, $2, $3, $4, $5)
         on conflict on constraint idempotency_keys_pkey do update
         set input_digest = excluded.input_digest, outcome = null, created_at = excluded.created_at
         where k.created_at < $6",
        key.user.0,
        key.key,
        key.field,
        key.input_digest.as_slice(),
        now,
        now - REMEMBERED
    )
    .execute(writer.connection()?)
    .await?
    .rows_affected();
    if taken == 1 {
        return Ok(Known::New);
    }
    let known = sqlx::query!(
        "select input_digest, outcome from idempotency_keys where (user_id, key, field) = ($1, $2, $3)",
        key.user.0,
        key.key,
        key.field
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(match known.outcome {
        Some(outcome) if known.input_digest == key.input_digest => Known::Answered(outcome),
        Some(_) | None => Known::OfAnotherInput,
    })
}

/// Keeps the answer, in the transaction of the change that it tells of.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(writer: &mut Writer, key: &Key, outcome: &serde_json::Value) -> Result<(), StoreError> {
    sqlx::query!(
        "update idempotency_keys set outcome = $4 where (user_id, key, field) = ($1, $2, $3)",
        key.user.0,
        key.key,
        key.field,
        outcome
    )
    .execute(writer.connection()?)
    .await?;
    Ok(())
}

/// Forgets the keys that are remembered no longer; for the worker.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(writer: &mut Writer, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("delete from idempotency_keys where created_at < $1", now - REMEMBERED)
        .execute(writer.connection()?)
        .await?;
    Ok(())
}
