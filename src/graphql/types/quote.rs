//! Quotes: what a partner offers a customer. For the quoting partner's ADMINs alone; whoever returns one has asked for that.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::access::Access;
use super::customer::Customer;
use super::money::Money;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, QuoteId};
use crate::domain::money::{self, monthly};
use crate::graphql::enums::{BillingCycle, LicenseModel, OperatingModel};
use crate::graphql::error::{Code, coded};
use crate::graphql::loaders::RowKey;
use crate::graphql::session::{Session, session};
use crate::policy::{Commercial, Decision, grant_partner};
use crate::store;
use crate::store::quote::PartnerQuotes;

/// A quote by its id, for ADMINs of the quoting partner alone.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub async fn quote(session: &Session, customer: CustomerId, id: QuoteId) -> Result<Option<Quote>> {
    let asker = session.asker().await?;
    let Some(partner) = asker.partner.as_ref() else { return Ok(None) };
    match grant_partner::<Commercial>(&asker.viewer, partner.id) {
        Decision::Visible(parent) => {
            let row = session.load(RowKey { parent, list: PartnerQuotes, id: id.0 }).await?;
            Ok(row.filter(|row| row.customer == customer).map(Quote))
        }
        Decision::Hidden(_) => Ok(None),
    }
}

/// An offer of a partner to a customer.
pub struct Quote(pub Arc<store::quote::Quote>);

/// An offer of a partner to a customer, with the prices of its day. Once it is accepted, it is an access with a subscription.
#[Object]
impl Quote {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Quote(self.0.customer, self.0.id).to_string().into()
    }

    /// To whom.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Customer> {
        let customer = session(ctx)?.customer(self.0.customer).await?;
        customer.map(Customer::bare).ok_or_else(|| coded(Code::Internal, "the quote has no customer"))
    }

    /// The plan's name.
    async fn plan(&self) -> &str {
        &self.0.plan
    }

    /// The model of the access, unless it starts with a trial: a trial is CUSTOMER_MANAGED until the customer's admin elects
    /// otherwise.
    async fn operating_model(&self) -> OperatingModel {
        self.0.operating_model.into()
    }

    /// What the licence counts.
    async fn license_model(&self) -> LicenseModel {
        self.0.license_model.into()
    }

    /// How many assets or scans are licensed; null where the licence is unlimited.
    async fn quantity(&self) -> Option<i32> {
        self.0.quantity
    }

    /// How often it is billed.
    async fn billing_cycle(&self) -> BillingCycle {
        self.0.billing_cycle.into()
    }

    /// The codes of what is added to the plan.
    async fn add_ons(&self) -> Vec<&str> {
        self.0.add_ons.iter().map(|add_on| add_on.code.as_str()).collect()
    }

    /// What the end customer would pay a month, with add-ons; a year's price is divided by 12.
    async fn price(&self) -> Money {
        let prices = self.0.add_ons.iter().map(|add_on| add_on.price).chain([self.0.price]);
        let month = prices.map(|price| monthly(price, self.0.billing_cycle)).sum();
        money::Money::new(month, self.0.currency.clone()).into()
    }

    /// How many days of trial the access starts with; null without a trial.
    async fn trial_days(&self) -> Option<i32> {
        self.0.trial_days
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it was accepted.
    async fn accepted_at(&self) -> Option<DateTime<Utc>> {
        self.0.accepted_at
    }

    /// What became of it.
    async fn access(&self, ctx: &Context<'_>) -> Option<Result<Access>> {
        let found: Result<Option<Access>> = async {
            let Some(access) = self.0.access else { return Ok(None) };
            Ok(session(ctx)?.access(self.0.customer, access).await?.map(Access))
        }
        .await;
        found.transpose()
    }
}
