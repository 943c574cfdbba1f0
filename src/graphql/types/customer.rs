//! Customers: the bare organisation, and behind the gate everything that is known of its security.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::access::Access;
use super::asset::{Asset, AssetFilter, Component, ComponentFilter};
use super::audit::{AuditFilter, CustomerAuditEvent};
use super::dashboard::PostureSummary;
use super::evidence::{Evidence, PostureShare};
use super::exposure::Exposure;
use super::finding::{Finding, FindingFilter, FindingOrder, list_of};
use super::scan::{Scan, ScanSchedule};
use super::security::SecurityConfiguration;
use super::sla::SlaPolicy;
use super::transparency::{AccessRecord, AccessRecordFilter};
use super::trend::{PostureChanges, PosturePoint, days};
use super::user::CustomerUser;
use super::visibility::{ClassVisibility, visibility};
use crate::domain::global_id::GlobalId;
use crate::graphql::connection::{
    Counted, PageArguments, Uncounted, counted, nodes_want, page, storable, uncounted,
};
use crate::graphql::enums::{DataClass, PortalAccess, all_into};
use crate::graphql::error::bad_input;
use crate::graphql::gate::{ask, ask_exposure, gate_directive, shown};
use crate::graphql::loaders::{ChangesKey, ExposureKey, RollupKey, SecurityKey, SlaKey, TrendKey};
use crate::graphql::query::security_of_log;
use crate::graphql::scalars::Date;
use crate::graphql::session::session;
use crate::policy::{self, Activity, Class, Grant, Posture, Scope, SecurityConfig};
use crate::store;
use crate::store::access::CustomerAccesses;
use crate::store::asset::Assets;
use crate::store::audit::CustomerLog;
use crate::store::component::Components;
use crate::store::evidence::{EvidenceRecords, PostureShares};
use crate::store::people::CustomerUsers;
use crate::store::scan::{ScanSchedules, Scans};

/// An end customer: one tenant.
pub struct Customer {
    row: store::customer::Customer,
    /// The access that decides for a partner's user, where it is known without asking.
    deciding: Option<Arc<store::access::Access>>,
}

impl Customer {
    /// The organisation alone; what decides about the rest is asked when it is needed.
    #[must_use]
    pub const fn bare(row: store::customer::Customer) -> Self {
        Self { row, deciding: None }
    }

    /// The customer that an access leads to. A live access decides; an ended one may have a live one beside it.
    #[must_use]
    pub fn through(access: &Arc<store::access::Access>) -> Self {
        let deciding = access.terms.status.is_live().then(|| Arc::clone(access));
        Self { row: access.customer.clone(), deciding }
    }

    async fn ask<C: Class>(&self, ctx: &Context<'_>) -> Result<Option<Grant<C>>> {
        let subject = session(ctx)?.subject(self.row.id, self.deciding.as_deref()).await?;
        ask(ctx, "Customer", &subject).await
    }

    /// Whether to tell who could see it, and who did.
    async fn ask_exposure(&self, ctx: &Context<'_>) -> Result<Option<Grant<Activity>>> {
        let subject = session(ctx)?.subject(self.row.id, self.deciding.as_deref()).await?;
        ask_exposure(ctx, "Customer", &subject).await
    }
}

/// Carries an error on as a gated resolver does.
macro_rules! tried {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

/// An end customer: one tenant. What stands behind `@gate` is decided for (viewer, customer): by the partner's access
/// to it, or by the customer's own portal access.
#[Object]
#[expect(clippy::too_many_arguments, reason = "the contract's arguments")]
impl Customer {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Customer(self.row.id).to_string().into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.row.name
    }

    /// What its own users may do in their portal.
    async fn portal_access(&self) -> PortalAccess {
        self.row.portal_access.into()
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// The viewer's own access to this customer; for a customer user, null.
    async fn access(&self, ctx: &Context<'_>) -> Option<Result<Access>> {
        let found: Result<Option<Access>> = async {
            let deciding = match &self.deciding {
                Some(known) if session(ctx)?.asker().await?.partner.is_some() => Some(Arc::clone(known)),
                Some(_) | None => session(ctx)?.deciding(self.row.id).await?,
            };
            Ok(deciding.map(Access))
        }
        .await;
        found.transpose()
    }

    /// The gate's answer for every data class, for the viewer.
    async fn visibility(&self, ctx: &Context<'_>) -> Result<Vec<ClassVisibility>> {
        let session = session(ctx)?;
        let subject = session.subject(self.row.id, self.deciding.as_deref()).await?;
        Ok(visibility(&session.viewer().await?, &subject))
    }

    /// Every access to this customer, for the customer's own users; oldest first.
    async fn accesses(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Counted<Access>>> {
        let found: Result<Option<Counted<Access>>> = async {
            let scope = session(ctx)?.scope().await?;
            match scope {
                Scope::OfCustomer(own) if own == self.row.id => {
                    let accesses =
                        CustomerAccesses { scope, partner: None, with_partner: nodes_want(ctx, "partner") };
                    let page =
                        page(ctx, own, &accesses, &PageArguments { first, after, last, before }).await?;
                    Ok(Some(counted(own.0, &accesses, &page, |row| Access(row.clone()))))
                }
                Scope::OfCustomer(_)
                | Scope::OfPartner(_)
                | Scope::AssignedTo(..)
                | Scope::Everything
                | Scope::Nothing => Ok(None),
            }
        }
        .await;
        found.transpose()
    }

    /// What scanners found, worst first unless ordered otherwise.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn findings(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<FindingFilter>,
        order_by: Option<FindingOrder>,
    ) -> Option<Result<Counted<Finding>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let list = tried!(list_of(ctx, filter, order_by));
        let page = tried!(page(ctx, grant, &list, &PageArguments { first, after, last, before }).await);
        Some(Ok(counted(self.row.id.0, &list, &page, |row| Finding { row: row.clone(), grant })))
    }

    /// The posture in numbers.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn posture(&self, ctx: &Context<'_>) -> Option<Result<PostureSummary>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let loaded = async { session(ctx)?.load(RollupKey(grant)).await };
        Some(loaded.await.map(|rollup| PostureSummary(rollup.unwrap_or_default())))
    }

    /// The posture of each day, the earliest first: 30 days up to today where none are given, 366 at most. A day on which nobody
    /// looked is left out.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn posture_trend(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day, in UTC.")] since: Option<Date>,
        #[graphql(desc = "The last day, in UTC; today where it is left out.")] until: Option<Date>,
    ) -> Option<Result<Vec<PosturePoint>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let session = tried!(session(ctx));
        let (since, until) = tried!(days(session.now(), since, until));
        let points = tried!(session.load(TrendKey(grant, since, until)).await).unwrap_or_default();
        Some(Ok(points.iter().copied().map(PosturePoint).collect()))
    }

    /// What is new since an instant, such as the viewer's visit before this one (`recordVisit`). Everything counts by the instant at which
    /// it was seen: what an upload was still writing at that instant counts as before it.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn changes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Since when.")] since: DateTime<Utc>,
    ) -> Option<Result<PostureChanges>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        // Nothing happened before, and the database does not reach as far back as a DateTime.
        let from = since.max(DateTime::UNIX_EPOCH);
        let changes = tried!(tried!(session(ctx)).load(ChangesKey(grant, from)).await).unwrap_or_default();
        Some(Ok(PostureChanges::of(since, changes)))
    }

    /// After how many days its findings are due, by severity.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn sla_policy(&self, ctx: &Context<'_>) -> Option<Result<SlaPolicy>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let loaded = async { session(ctx)?.load(SlaKey(grant)).await };
        Some(loaded.await.map(SlaPolicy::from))
    }

    /// What is monitored, by value.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn assets(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AssetFilter>,
    ) -> Option<Result<Counted<Asset>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let filter = filter.unwrap_or_default();
        let list = Assets { kind: all_into(filter.kind), text: tried!(storable("text", filter.text)) };
        let page = tried!(page(ctx, grant, &list, &PageArguments { first, after, last, before }).await);
        Some(Ok(counted(self.row.id.0, &list, &page, |row| Asset { row: row.clone(), grant })))
    }

    /// The software that its bills of materials name, by name.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn components(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<ComponentFilter>,
    ) -> Option<Result<Counted<Component>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let list = Components { text: tried!(storable("text", filter.unwrap_or_default().text)) };
        let page = tried!(page(ctx, grant, &list, &PageArguments { first, after, last, before }).await);
        Some(Ok(counted(self.row.id.0, &list, &page, |row| Component(row.clone()))))
    }

    /// Its scans, newest first.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn scans(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<Scan>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let page = tried!(page(ctx, grant, &Scans, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &Scans, &page, |row| Scan { row: row.clone(), grant })))
    }

    /// Its recurring scans, newest first.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn scan_schedules(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<ScanSchedule>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let page =
            tried!(page(ctx, grant, &ScanSchedules, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &ScanSchedules, &page, |row| ScanSchedule {
            row: row.clone(),
            grant,
        })))
    }

    /// Its compliance evidence, newest first.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn evidence(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<Evidence>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let page =
            tried!(page(ctx, grant, &EvidenceRecords, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &EvidenceRecords, &page, |row| Evidence {
            row: row.clone(),
            grant,
        })))
    }

    /// Its shared posture summaries, newest first.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn posture_shares(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<PostureShare>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let page =
            tried!(page(ctx, grant, &PostureShares, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &PostureShares, &page, |row| PostureShare(row.clone()))))
    }

    /// When its last scan succeeded; null also where there never was one.
    #[graphql(directive = gate_directive::apply(DataClass::Posture))]
    async fn last_scan_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let grant = shown!(self.ask::<Posture>(ctx).await);
        let loaded = async { session(ctx)?.load(RollupKey(grant)).await };
        loaded.await.map(|rollup| rollup.and_then(|rollup| rollup.last_scan_at)).transpose()
    }

    /// What happened in the organisation, newest first. What was done to people, roles, SAML and API keys is there only for who is
    /// shown the security configuration.
    #[graphql(directive = gate_directive::apply(DataClass::Activity))]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AuditFilter>,
    ) -> Option<Result<Uncounted<CustomerAuditEvent>>> {
        let grant = shown!(self.ask::<Activity>(ctx).await);
        let session = tried!(session(ctx));
        let partner = tried!(session.viewer().await).partner();
        let security = tried!(security_of_log(session, self.row.id, self.deciding.as_deref()).await);
        if security.is_some() {
            let shown = session.note_shown(
                policy::DataClass::SecurityConfig,
                [self.row.id],
                ("Customer", "auditLog"),
            );
            tried!(shown.await);
        }
        let list = CustomerLog { filter: filter.unwrap_or_default().into(), partner, security };
        let page = tried!(page(ctx, grant, &list, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &list, &page, |row| CustomerAuditEvent(row.clone()))))
    }

    /// Who could see which class of its data at an instant, now where none is given: the gate's own decisions, about the facts
    /// of then. For its own ADMINs; for partners null.
    #[graphql(directive = gate_directive::apply(DataClass::Activity))]
    async fn exposure(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "An instant up to now.")] at: Option<DateTime<Utc>>,
    ) -> Option<Result<Exposure>> {
        let grant = shown!(self.ask_exposure(ctx).await);
        let session = tried!(session(ctx));
        if at.is_some_and(|at| at > session.now()) {
            return Some(Err(bad_input("`at` lies in the future: take an instant up to now, or none")));
        }
        // Nothing was recorded before, and the database does not reach as far back as a DateTime.
        let at = at.map(|at| at.max(DateTime::UNIX_EPOCH));
        let onlookers = tried!(session.load(ExposureKey(grant, at)).await).unwrap_or_default();
        Some(Ok(Exposure::of(&onlookers, at.unwrap_or(session.now()))))
    }

    /// Which partner's users were shown which class of its data, newest first: one record for each request and class. For its own ADMINs;
    /// for partners null.
    #[graphql(directive = gate_directive::apply(DataClass::Activity))]
    async fn access_records(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
        filter: Option<AccessRecordFilter>,
    ) -> Option<Result<Uncounted<AccessRecord>>> {
        let grant = shown!(self.ask_exposure(ctx).await);
        let list = tried!(filter.unwrap_or_default().list());
        let page = tried!(page(ctx, grant, &list, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &list, &page, |row| AccessRecord(Arc::clone(row)))))
    }

    /// Its roles, SAML settings and API keys.
    #[graphql(directive = gate_directive::apply(DataClass::SecurityConfig))]
    async fn security_configuration(&self, ctx: &Context<'_>) -> Option<Result<SecurityConfiguration>> {
        let grant = shown!(self.ask::<SecurityConfig>(ctx).await);
        let loaded = async { session(ctx)?.load(SecurityKey(grant)).await };
        loaded.await.transpose().map(|row| Ok(SecurityConfiguration { customer: self.row.id, row: row? }))
    }

    /// Its users, by name.
    #[graphql(directive = gate_directive::apply(DataClass::SecurityConfig))]
    async fn users(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Option<Result<Uncounted<CustomerUser>>> {
        let grant = shown!(self.ask::<SecurityConfig>(ctx).await);
        let page =
            tried!(page(ctx, grant, &CustomerUsers, &PageArguments { first, after, last, before }).await);
        Some(Ok(uncounted(self.row.id.0, &CustomerUsers, &page, |row| CustomerUser(row.clone()))))
    }
}
