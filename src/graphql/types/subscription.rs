//! Subscriptions: what is sold over an access.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::access::Access;
use super::money::Money;
use crate::domain::global_id::GlobalId;
use crate::domain::money;
use crate::graphql::enums::{BillingCycle, DataClass, LicenseModel, SubscriptionStatus};
use crate::graphql::gate::{ask, gate_directive, shown};
use crate::graphql::scalars::Date;
use crate::graphql::session::session;
use crate::policy::Pricing;
use crate::store;
use crate::store::subscription::month_of;

/// The commercial subscription of an access.
pub struct Subscription {
    /// What is stored of it.
    pub row: Arc<store::subscription::Subscription>,
    /// The access it belongs to.
    pub access: Arc<store::access::Access>,
}

impl Subscription {
    /// What the licence costs the partner a month, from the price list of now; none where the list has no entry.
    async fn cost(&self, ctx: &Context<'_>) -> Option<Result<money::Money>> {
        let asked = async {
            let session = session(ctx)?;
            ask::<Pricing>(ctx, "Subscription", &session.access_subject(&self.access).await?).await
        };
        let grant = shown!(asked.await);
        let costs = match session(ctx) {
            Ok(session) => session.unit_costs(&grant).await,
            Err(error) => Err(error),
        };
        let currency = &self.row.price.currency;
        let found = costs.map(|costs| {
            costs.iter().find(|c| c.license_model == self.row.license_model && c.currency == *currency).map(
                |c| {
                    let amount = if self.row.prepaid { c.prepaid_unit_cost } else { c.unit_cost };
                    money::Money::new(amount, currency.clone())
                },
            )
        });
        found.transpose()
    }
}

/// The commercial subscription of an access: plan, cycle, status, renewal, licence and usage.
#[Object]
impl Subscription {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Subscription(self.row.customer, self.row.access).to_string().into()
    }

    /// The access it belongs to.
    async fn access(&self) -> Access {
        Access(Arc::clone(&self.access))
    }

    /// The plan's name.
    async fn plan(&self) -> &str {
        &self.row.plan
    }

    /// How often it is billed.
    async fn billing_cycle(&self) -> BillingCycle {
        self.row.billing_cycle.into()
    }

    /// Where it stands.
    async fn status(&self) -> SubscriptionStatus {
        self.row.status.into()
    }

    /// When it started.
    async fn started_at(&self) -> DateTime<Utc> {
        self.row.started_at
    }

    /// When it renews; null on trial and after cancellation.
    async fn renewal_date(&self) -> Option<Date> {
        self.row.renewal_date.map(Date)
    }

    /// What the licence counts.
    async fn license_model(&self) -> LicenseModel {
        self.row.license_model.into()
    }

    /// How many assets or scans are licensed; null where the licence is unlimited.
    async fn quantity(&self) -> Option<i32> {
        self.row.quantity
    }

    /// Metering against the plan.
    fn usage(&self, ctx: &Context<'_>) -> Result<Usage> {
        let (first, last) = month_of(session(ctx)?.now().date_naive());
        let threshold = self.row.license_model.alert_threshold_percent();
        let percent = self.row.quantity.map(|limit| 100.0 * f64::from(self.row.used) / f64::from(limit));
        let alerting = match (self.row.quantity, threshold) {
            (Some(limit), Some(threshold)) => {
                100 * i64::from(self.row.used) >= i64::from(threshold) * i64::from(limit)
            }
            (None, _) | (_, None) => false,
        };
        Ok(Usage {
            used: self.row.used,
            limit: self.row.quantity,
            percent,
            alert_threshold_percent: threshold,
            alerting,
            alert: self.row.alert.as_ref().map(|alert| UsageAlert {
                raised_at: alert.raised_at,
                acknowledged_at: alert.acknowledged.as_ref().map(|(at, _)| *at),
                acknowledged_by: alert.acknowledged.as_ref().map(|(_, by)| by.clone()),
            }),
            period_start: Date(first),
            period_end: Date(last),
        })
    }

    /// What was added to the plan, by code.
    async fn add_ons(&self) -> Vec<AddOn> {
        let add_on = |a: &store::subscription::AddOn| AddOn {
            code: a.code.clone(),
            name: a.name.clone(),
            price: a.price.clone().into(),
        };
        self.row.add_ons.iter().map(add_on).collect()
    }

    /// What the end customer pays a month, without add-ons; a year's price is divided by 12.
    async fn price(&self) -> Money {
        self.row.price.clone().into()
    }

    /// What the licence costs the partner a month; prepaid licences cost less. Null also where the platform has set no
    /// price.
    #[graphql(directive = gate_directive::apply(DataClass::Pricing))]
    async fn unit_cost(&self, ctx: &Context<'_>) -> Option<Result<Money>> {
        self.cost(ctx).await.map(|cost| cost.map(Into::into))
    }

    /// End-user price less unit cost, a month.
    #[graphql(directive = gate_directive::apply(DataClass::Pricing))]
    async fn margin(&self, ctx: &Context<'_>) -> Option<Result<Money>> {
        let cost = self.cost(ctx).await?;
        Some(cost.map(|cost| money::Money::new(self.row.price.amount - cost.amount, cost.currency).into()))
    }
}

/// Metering against the plan: the number of assets or of scans this period, never which ones.
#[derive(SimpleObject)]
pub struct Usage {
    /// How many are used: assets now, or scans of the period; 0 where the licence is unlimited.
    used: i32,
    /// How many are licensed; null where the licence is unlimited.
    limit: Option<i32>,
    /// The share of the limit that is used, in percent; above 100 past it.
    percent: Option<f64>,
    /// From which share on it alerts; null where it never does.
    alert_threshold_percent: Option<i32>,
    /// Whether the threshold is reached.
    alerting: bool,
    /// This period's alert: raised once, when the threshold was first reached; null before.
    alert: Option<UsageAlert>,
    /// The first day of the period, UTC.
    period_start: Date,
    /// The last day of the period, UTC.
    period_end: Date,
}

/// That metering reached the threshold, the first time in a period.
#[derive(SimpleObject)]
pub struct UsageAlert {
    /// When.
    raised_at: DateTime<Utc>,
    /// When somebody of the partner took note of it.
    acknowledged_at: Option<DateTime<Utc>>,
    /// Who that was, as they were called then.
    acknowledged_by: Option<String>,
}

/// Something added to a plan.
#[derive(SimpleObject)]
pub struct AddOn {
    /// Its code.
    code: String,
    /// Its name.
    name: String,
    /// What the end customer pays for it a month.
    price: Money,
}
