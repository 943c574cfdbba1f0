//! The catalogue: what partners can sell. Open to those who sell and to those who keep it, null for everyone else.

use async_graphql::{Context, Object, Result};
use rust_decimal::Decimal;

use super::money::Money;
use crate::domain::money;
use crate::graphql::enums::LicenseModel;
use crate::graphql::error::internal;
use crate::graphql::session::session;
use crate::policy::Viewer;
use crate::store::plan::{self, Prices};
use crate::store::{self, StoreError};

/// A plan.
pub struct Plan(plan::Plan);

/// A plan that partners can sell.
#[Object]
impl Plan {
    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What its licence counts.
    async fn license_model(&self) -> LicenseModel {
        self.0.license_model.into()
    }

    /// What the end customer pays a month, billed every month.
    async fn monthly_price(&self) -> Money {
        in_currency(&self.0.prices, self.0.prices.monthly)
    }

    /// What the end customer pays a year, billed once a year.
    async fn annual_price(&self) -> Money {
        in_currency(&self.0.prices, self.0.prices.annual)
    }
}

/// An add-on.
pub struct PlanAddOn(plan::PlanAddOn);

/// Something that can be added to a plan.
#[Object]
impl PlanAddOn {
    /// Its code.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What the end customer pays for it a month, billed every month.
    async fn monthly_price(&self) -> Money {
        in_currency(&self.0.prices, self.0.prices.monthly)
    }

    /// What the end customer pays for it a year, billed once a year.
    async fn annual_price(&self) -> Money {
        in_currency(&self.0.prices, self.0.prices.annual)
    }
}

fn in_currency(prices: &Prices, amount: Decimal) -> Money {
    money::Money::new(amount, prices.currency.clone()).into()
}

/// In which currency the catalogue is shown: a partner's user sees what the partner is billed in, a platform admin all of
/// it, everyone else nothing.
async fn currency(ctx: &Context<'_>) -> Result<Option<Option<String>>> {
    let asker = session(ctx)?.asker().await?;
    Ok(match asker.viewer {
        Viewer::Partner { .. } => asker.partner.as_ref().map(|partner| Some(partner.currency.clone())),
        Viewer::PlatformAdmin { .. } => Some(None),
        Viewer::Customer { .. } | Viewer::Scanner { .. } => None,
    })
}

/// What can be sold.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn plans(ctx: &Context<'_>) -> Result<Option<Vec<Plan>>> {
    let Some(currency) = currency(ctx).await? else { return Ok(None) };
    let read = session(ctx)?.read(move |snapshot| async move {
        store::plan::plans(&mut *snapshot.reader().await?, currency.as_deref()).await
    });
    let plans = read.await.map_err(|error: StoreError| internal(&error))?;
    Ok(Some(plans.into_iter().map(Plan).collect()))
}

/// What can be added to it.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn add_ons(ctx: &Context<'_>) -> Result<Option<Vec<PlanAddOn>>> {
    let Some(currency) = currency(ctx).await? else { return Ok(None) };
    let read = session(ctx)?.read(move |snapshot| async move {
        store::plan::add_ons(&mut *snapshot.reader().await?, currency.as_deref()).await
    });
    let add_ons = read.await.map_err(|error: StoreError| internal(&error))?;
    Ok(Some(add_ons.into_iter().map(PlanAddOn).collect()))
}
