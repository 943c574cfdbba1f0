//! Prepaid licences: a partner's own books.

use async_graphql::{Context, Result, SimpleObject};

use crate::domain::ids::PartnerId;
use crate::graphql::enums::LicenseModel;
use crate::graphql::error::internal;
use crate::graphql::scalars::int;
use crate::graphql::session::session;
use crate::policy::{Grant, Pricing};
use crate::store::{self, StoreError};

/// The prepaid licences of one kind that a partner has.
#[derive(SimpleObject)]
pub struct PrepaidLicenses {
    /// What they count.
    license_model: LicenseModel,
    /// How many were bought.
    bought: i32,
    /// How many of them cover an access.
    assigned: i32,
    /// How many are left to assign.
    available: i32,
}

/// What a partner has of each kind.
///
/// # Errors
/// INTERNAL when the database does not answer.
pub async fn prepaid_licenses(
    ctx: &Context<'_>,
    grant: &Grant<Pricing, PartnerId>,
) -> Result<Vec<PrepaidLicenses>> {
    let grant = *grant;
    let read = session(ctx)?.read(move |snapshot| async move {
        store::prepaid::of_partner(&mut *snapshot.reader().await?, &grant).await
    });
    let rows = read.await.map_err(|error: StoreError| internal(&error))?;
    Ok(rows
        .into_iter()
        .map(|row| PrepaidLicenses {
            license_model: row.license_model.into(),
            bought: int(row.bought),
            assigned: int(row.assigned),
            available: int((row.bought - row.assigned).max(0)),
        })
        .collect())
}
