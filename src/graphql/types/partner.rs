//! Partners: their customers' accesses, their dashboard and their books.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::Access;
use super::api_key::PartnerApiKey;
use super::audit::{AuditFilter, PartnerAuditEvent};
use super::billing::{BillingStatement, statement};
use super::dashboard::{PartnerDashboard, dashboard};
use super::prepaid::{PrepaidLicenses, prepaid_licenses};
use super::quote::Quote;
use super::search::{ComponentMatch, component_search};
use super::user::PartnerUser;
use crate::domain::global_id::GlobalId;
use crate::graphql::connection::{Counted, PageArguments, Uncounted, counted, page, storable, uncounted};
use crate::graphql::enums::{
    AccessOrderField, AccessStatus, DataClass, OperatingModel, OrderDirection, Severity, all_into,
};
use crate::graphql::gate::{aggregate_directive, ask_partner, gate_directive, shown};
use crate::graphql::loaders::PartnerKey;
use crate::graphql::scalars::Date;
use crate::graphql::session::session;
use crate::policy::{self, Commercial, Grant, Pricing};
use crate::store;
use crate::store::access::PartnerAccesses;
use crate::store::api_key::PartnerApiKeys;
use crate::store::audit::PartnerLog;
use crate::store::partner::Children;
use crate::store::people::PartnerUsers;
use crate::store::quote::PartnerQuotes;

/// A reseller or MSSP.
pub struct Partner(pub store::partner::Partner);

/// Which accesses; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct AccessFilter {
    /// In one of these operating models.
    operating_model: Option<Vec<OperatingModel>>,
    /// In one of these states.
    status: Option<Vec<AccessStatus>>,
    /// On one of these plans.
    plan: Option<Vec<String>>,
    /// With this text in the customer's name, in any case.
    customer_name: Option<String>,
    /// With an open finding that bad or worse. Matches only accesses whose posture the viewer sees.
    min_open_severity: Option<Severity>,
}

/// In which order.
#[derive(InputObject)]
pub struct AccessOrder {
    /// By what.
    field: AccessOrderField,
    /// Which way.
    direction: OrderDirection,
}

/// A reseller or MSSP. Partners form a tree; nothing about customers is inherited along it.
#[Object]
impl Partner {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Partner(self.0.id).to_string().into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its distributor, if it has one that the viewer may know.
    async fn parent(&self, ctx: &Context<'_>) -> Option<Result<Partner>> {
        let found: Result<Option<Partner>> = async {
            let session = session(ctx)?;
            match self.0.parent {
                Some(id) => {
                    Ok(session.load(PartnerKey(id, session.partner_scope().await?)).await?.map(Partner))
                }
                None => Ok(None),
            }
        }
        .await;
        found.transpose()
    }

    /// The partners right below it, by name.
    async fn children(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Uncounted<Partner>> {
        let children = Children(session(ctx)?.partner_scope().await?);
        let page = page(ctx, self.0.id, &children, &PageArguments { first, after, last, before }).await?;
        Ok(uncounted(self.0.id.0, &children, &page, |row| Partner(row.as_ref().clone())))
    }

    /// Its accesses, of those that exist for the viewer; by customer name unless ordered otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's arguments")]
    async fn accesses(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AccessFilter>,
        order_by: Option<AccessOrder>,
    ) -> Result<Counted<Access>> {
        let session = session(ctx)?;
        let filter = filter.unwrap_or_default();
        let mut accesses = PartnerAccesses {
            operating_model: all_into(filter.operating_model),
            status: all_into(filter.status),
            plan: filter.plan.map(|plans| plans.into_iter().filter(|plan| !plan.contains('\0')).collect()),
            customer_name: storable("customerName", filter.customer_name)?,
            min_open_severity: filter.min_open_severity.map(Into::into),
            ..PartnerAccesses::all(session.scope().await?)
        };
        if let Some(order) = order_by {
            accesses.order = order.field.into();
            accesses.direction = order.direction.into();
        }
        if accesses.reads_subscription() && !session.commercial_visible().await? {
            accesses.withhold_subscriptions();
        }
        if accesses.reads_posture() {
            let visible = session.posture_visible().await?;
            accesses.posture_visible = Some(Arc::clone(&visible.accesses));
            // Who stands where tells of every one of them. Another partner's list has none of them in it.
            if session.viewer().await?.partner() == Some(self.0.id) {
                let customers = visible.grants.iter().map(Grant::of);
                session.note_shown(policy::DataClass::Posture, customers, ("Partner", "accesses")).await?;
            }
        }
        let page = page(ctx, self.0.id, &accesses, &PageArguments { first, after, last, before }).await?;
        Ok(counted(self.0.id.0, &accesses, &page, |row| Access(row.clone())))
    }

    /// What it adds up to: the commercial side over every access, posture only where the gate shows it.
    async fn dashboard(&self, ctx: &Context<'_>) -> Result<PartnerDashboard> {
        dashboard(ctx, &self.0).await
    }

    /// Which of its customers use a component, by the component's name, then by customer: of the customers whose posture the
    /// viewer sees as that partner, and no others.
    #[graphql(directive = aggregate_directive::apply(DataClass::Posture))]
    async fn component_search(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "In name or package URL, in any case; at least 3 characters.")] text: String,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Counted<ComponentMatch>> {
        component_search(ctx, &self.0, text, &PageArguments { first, after, last, before }).await
    }

    /// The consolidated statement of one month, over every access, whatever its operating model. Any day of the month
    /// stands for it.
    #[graphql(directive = gate_directive::apply(DataClass::Pricing))]
    async fn billing(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "A day of the month, as `2026-11-01`.")] month: Date,
    ) -> Option<Result<BillingStatement>> {
        let grant = shown!(ask_partner::<Pricing>(ctx, "Partner", self.0.id).await);
        Some(statement(ctx, &grant, &self.0, month.0).await)
    }

    /// The prepaid licences that it has, by kind.
    #[graphql(directive = gate_directive::apply(DataClass::Pricing))]
    async fn prepaid_licenses(&self, ctx: &Context<'_>) -> Option<Result<Vec<PrepaidLicenses>>> {
        let grant = shown!(ask_partner::<Pricing>(ctx, "Partner", self.0.id).await);
        Some(prepaid_licenses(ctx, &grant).await)
    }

    /// What it has offered, newest first. For its ADMINs; for others null.
    async fn quotes(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<Quote>>> {
        let grant = shown!(ask_partner::<Commercial>(ctx, "Partner", self.0.id).await);
        let page = match page(ctx, grant, &PartnerQuotes, &PageArguments { first, after, last, before }).await
        {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(uncounted(self.0.id.0, &PartnerQuotes, &page, |row| Quote(row.clone()))))
    }

    /// What its users did, newest first. For its ADMINs; for others null.
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AuditFilter>,
    ) -> Option<Result<Uncounted<PartnerAuditEvent>>> {
        let grant = shown!(ask_partner::<Commercial>(ctx, "Partner", self.0.id).await);
        let list = PartnerLog(filter.unwrap_or_default().into());
        let page = match page(ctx, grant, &list, &PageArguments { first, after, last, before }).await {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(uncounted(self.0.id.0, &list, &page, |row| PartnerAuditEvent(row.clone()))))
    }

    /// Its users, by name. For its ADMINs; for others null.
    async fn users(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<PartnerUser>>> {
        let grant = shown!(ask_partner::<Commercial>(ctx, "Partner", self.0.id).await);
        let page = match page(ctx, grant, &PartnerUsers, &PageArguments { first, after, last, before }).await
        {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(uncounted(self.0.id.0, &PartnerUsers, &page, |row| PartnerUser(row.clone()))))
    }

    /// Its API keys, newest first. For its ADMINs; for others null.
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<PartnerApiKey>>> {
        let grant = shown!(ask_partner::<Commercial>(ctx, "Partner", self.0.id).await);
        let arguments = PageArguments { first, after, last, before };
        let page = match page(ctx, grant, &PartnerApiKeys, &arguments).await {
            Ok(page) => page,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(uncounted(self.0.id.0, &PartnerApiKeys, &page, |row| PartnerApiKey(row.clone()))))
    }
}
