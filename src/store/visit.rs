//! When a user last said that they looked: their own row, which nobody else reads.

use chrono::{DateTime, Utc};

use super::{Reader, StoreError, Writer};
use crate::domain::ids::UserId;

/// When the viewer looked last; none where they never said so.
///
/// # Errors
/// When the database does not answer.
pub async fn last(reader: &mut Reader, user: UserId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar!("select at from visits where user_id = $1", user.0)
        .fetch_optional(reader.connection()?)
        .await?;
    Ok(at)
}

/// Records that the viewer looks now, and says when they did before. A visit never goes back in time.
///
/// # Errors
/// When the database does not answer.
pub async fn record(
    writer: &mut Writer,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let before = sqlx::query_scalar!(
        r#"with before as (select at from visits where user_id = $1 for update),
                recorded as (
                    insert into visits as v (user_id, at) values ($1, $2)
                    on conflict on constraint visits_pkey do update set at = greatest(v.at, excluded.at)
                )
           select (select at from before) as at"#,
        user.0,
        now
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(before)
}
