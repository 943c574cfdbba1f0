//! The consolidated statement of a month.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::NaiveDate;

use super::access::Access;
use super::money::Money;
use crate::domain::ids::PartnerId;
use crate::domain::money;
use crate::graphql::error::{Code, bad_input, coded, internal};
use crate::graphql::scalars::Date;
use crate::graphql::session::session;
use crate::policy::{Grant, Pricing};
use crate::store;
use crate::store::billing::{BillingLine as Row, lines};
use crate::store::subscription::month_of;

/// The consolidated statement of one month.
#[derive(SimpleObject)]
pub struct BillingStatement {
    /// The first day of the month.
    month: Date,
    /// A line for each access that was live in the month, by customer name.
    lines: Vec<BillingLine>,
    /// What the end customers pay.
    total: Money,
    /// What the licences cost the partner.
    unit_cost_total: Money,
    /// The difference.
    margin_total: Money,
}

/// One access on the statement.
pub struct BillingLine {
    row: Row,
    currency: Arc<str>,
}

/// One access on the statement. A trial's amounts are zero.
#[Object]
impl BillingLine {
    /// Which access.
    async fn access(&self, ctx: &Context<'_>) -> Result<Access> {
        let access = session(ctx)?.access(self.row.customer, self.row.access).await?;
        access.map(Access).ok_or_else(|| coded(Code::Internal, "the line has no access"))
    }

    /// The plan's name.
    async fn plan(&self) -> &str {
        &self.row.plan
    }

    /// What the end customer pays for the month, with add-ons.
    async fn price(&self) -> Money {
        money::Money::new(self.row.price, &*self.currency).into()
    }

    /// What the licence costs the partner for the month.
    async fn unit_cost(&self) -> Money {
        money::Money::new(self.row.unit_cost, &*self.currency).into()
    }

    /// The difference.
    async fn margin(&self) -> Money {
        money::Money::new(self.row.price - self.row.unit_cost, &*self.currency).into()
    }
}

/// The statement of the month that a day lies in, up to the present one.
///
/// # Errors
/// BAD_USER_INPUT for a month to come.
pub async fn statement(
    ctx: &Context<'_>,
    grant: &Grant<Pricing, PartnerId>,
    partner: &store::partner::Partner,
    month: NaiveDate,
) -> Result<BillingStatement> {
    let session = session(ctx)?;
    let (first, _) = month_of(month);
    if first > session.now().date_naive() {
        return Err(bad_input(format!("`month` is {month}, it takes the present month or a past one")));
    }
    let (grant, now) = (*grant, session.now());
    let read = session
        .read(move |snapshot| async move { lines(&mut *snapshot.reader().await?, &grant, month, now).await });
    let rows = read.await.map_err(|error: store::StoreError| internal(&error))?;
    let (price, cost) = (rows.iter().map(|row| row.price).sum(), rows.iter().map(|row| row.unit_cost).sum());
    let money = |amount: rust_decimal::Decimal| money::Money::new(amount, partner.currency.clone()).into();
    let currency: Arc<str> = partner.currency.as_str().into();
    Ok(BillingStatement {
        month: Date(first),
        total: money(price),
        unit_cost_total: money(cost),
        margin_total: money(price - cost),
        lines: rows.into_iter().map(|row| BillingLine { row, currency: Arc::clone(&currency) }).collect(),
    })
}
