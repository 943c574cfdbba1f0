//! The query root, and the global look-ups of Relay.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, Result, SimpleObject};

use super::connection::MAX_PAGE_SIZE;
use super::enums::{DataClass, HiddenReason, OperatingModel};
use super::error::bad_input;
use super::loaders::{Identified, Loaders, PartnerKey, RowKey, SubscriptionKey};
use super::session::{Session, session};
use super::types::access::Access;
use super::types::asset::{Asset, Component};
use super::types::audit::{CustomerAuditEvent, PartnerAuditEvent};
use super::types::customer::Customer;
use super::types::evidence::{Evidence, PostureShare};
use super::types::finding::Finding;
use super::types::partner::Partner;
use super::types::plan::{self, Plan, PlanAddOn};
use super::types::quote::{Quote, quote};
use super::types::scan::{Scan, ScanSchedule};
use super::types::subscription::Subscription;
use super::types::viewer::Viewer;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, PartnerId};
use crate::policy::{self, Class, Commercial, Decision, Grant, grant, grant_partner, preview};
use crate::store::asset::Assets;
use crate::store::audit::{CustomerLog, PartnerLog};
use crate::store::component::Components;
use crate::store::evidence::{EvidenceRecords, PostureShares};
use crate::store::finding::Findings;
use crate::store::list::List;
use crate::store::scan::{ScanSchedules, Scans};

/// An object with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id: opaque, and forever the object's own."))]
pub enum Node {
    /// A partner.
    Partner(Partner),
    /// A customer.
    Customer(Customer),
    /// An access.
    Access(Access),
    /// A subscription.
    Subscription(Subscription),
    /// A finding.
    Finding(Finding),
    /// An asset.
    Asset(Asset),
    /// A component.
    Component(Component),
    /// A scan.
    Scan(Scan),
    /// A recurring scan.
    ScanSchedule(ScanSchedule),
    /// A record of evidence.
    Evidence(Evidence),
    /// A posture share.
    PostureShare(PostureShare),
    /// An event of a customer's audit log.
    CustomerAuditEvent(CustomerAuditEvent),
    /// An event of a partner's audit log.
    PartnerAuditEvent(PartnerAuditEvent),
    /// A quote.
    Quote(Quote),
}

/// What another operating model would change.
#[derive(SimpleObject)]
pub struct OperatingModelPreview {
    /// Classes that would become visible to an ADMIN of the partner.
    gained: Vec<DataClass>,
    /// Classes that would become hidden from them.
    lost: Vec<DataClass>,
    /// The reasons that would still hide POSTURE or SECURITY_CONFIG.
    blocked_by: Vec<HiddenReason>,
}

/// Where every query starts.
pub struct Query;

/// Where every query starts.
#[Object]
impl Query {
    /// Who is asking; null for an anonymous request.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        let found: Result<Option<Viewer>> =
            async { Ok(session(ctx)?.signed_in().await?.cloned().map(Viewer)) }.await;
        found.transpose()
    }

    /// Any object by its global id. Null alike for what does not exist and for what the viewer may not see.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Node>> {
        let found: Result<Option<Node>> = async {
            let session = session(ctx)?;
            session.asker().await?;
            find(session, parse("id", &id)?, "node").await
        }
        .await;
        found.transpose()
    }

    /// Objects by their global ids, in their order; 100 at most.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let session = session(ctx)?;
        session.asker().await?;
        if ids.len() > MAX_PAGE_SIZE as usize {
            return Err(bad_input(format!(
                "`ids` has {} elements, it takes {MAX_PAGE_SIZE} at most",
                ids.len()
            )));
        }
        let ids = ids.iter().map(|id| parse("ids", id)).collect::<Result<Vec<_>>>()?;
        // All at once, so that the loaders read each kind in one statement.
        futures_util::future::try_join_all(ids.into_iter().map(|id| find(session, id, "nodes"))).await
    }

    /// A partner. The viewer's own partner where no id is given.
    async fn partner(&self, ctx: &Context<'_>, id: Option<ID>) -> Option<Result<Partner>> {
        let found: Result<Option<Partner>> = async {
            let session = session(ctx)?;
            let asker = session.asker().await?;
            match id.map(|id| parse("id", &id)).transpose()? {
                None => Ok(asker.partner.clone().map(Partner)),
                Some(GlobalId::Partner(id)) => partner(session, id).await,
                Some(_) => Ok(None),
            }
        }
        .await;
        found.transpose()
    }

    /// A customer. The viewer's own organisation where no id is given.
    async fn customer(&self, ctx: &Context<'_>, id: Option<ID>) -> Option<Result<Customer>> {
        let found: Result<Option<Customer>> = async {
            let session = session(ctx)?;
            let asker = session.asker().await?;
            match id.map(|id| parse("id", &id)).transpose()? {
                None => Ok(asker.customer.clone().map(Customer::bare)),
                Some(GlobalId::Customer(id)) => Ok(session.customer(id).await?.map(Customer::bare)),
                Some(_) => Ok(None),
            }
        }
        .await;
        found.transpose()
    }

    /// An access. Null alike for what does not exist and for what the viewer may not see.
    async fn access(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Access>> {
        let found: Result<Option<Access>> = async {
            let session = session(ctx)?;
            session.asker().await?;
            match parse("id", &id)? {
                GlobalId::Access(customer, id) => Ok(session.access(customer, id).await?.map(Access)),
                _ => Ok(None),
            }
        }
        .await;
        found.transpose()
    }

    /// The plans that a partner can sell, in its currency; for users of partners, and in every currency for platform admins.
    async fn plans(&self, ctx: &Context<'_>) -> Option<Result<Vec<Plan>>> {
        plan::plans(ctx).await.transpose()
    }

    /// What can be added to a plan; for those who see `plans`.
    async fn add_ons(&self, ctx: &Context<'_>) -> Option<Result<Vec<PlanAddOn>>> {
        plan::add_ons(ctx).await.transpose()
    }

    /// What would become visible and what hidden, before anyone confirms: the gate's answers to an ADMIN of the
    /// partner, all other facts as they are.
    async fn preview_operating_model(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The access that would change.")] access_id: ID,
        #[graphql(desc = "The model it would change to.")] operating_model: OperatingModel,
    ) -> Option<Result<OperatingModelPreview>> {
        let found: Result<Option<OperatingModelPreview>> = async {
            let session = session(ctx)?;
            session.asker().await?;
            let GlobalId::Access(customer, id) = parse("accessId", &access_id)? else { return Ok(None) };
            let Some(access) = session.access(customer, id).await? else { return Ok(None) };
            let preview = preview(&access.facts(session.now()), operating_model.into());
            Ok(Some(OperatingModelPreview {
                gained: preview.gained.into_iter().map(Into::into).collect(),
                lost: preview.lost.into_iter().map(Into::into).collect(),
                blocked_by: preview.blocked_by.into_iter().map(Into::into).collect(),
            }))
        }
        .await;
        found.transpose()
    }
}

/// A global id that an argument holds.
///
/// # Errors
/// BAD_USER_INPUT for what is none.
pub(super) fn parse(name: &str, id: &ID) -> Result<GlobalId> {
    id.parse::<GlobalId>().map_err(|error| bad_input(format!("`{name}`: {error}")))
}

/// The witness without which a customer's log is told without what was done to its security configuration.
pub(super) async fn security_of_log(
    session: &Session,
    customer: CustomerId,
    known: Option<&crate::store::access::Access>,
) -> Result<Option<Grant<policy::SecurityConfig>>> {
    let subject = session.subject(customer, known).await?;
    Ok(match grant(&session.viewer().await?, &subject) {
        Decision::Visible(grant) => Some(grant),
        Decision::Hidden(_) => None,
    })
}

async fn partner(session: &Session, id: PartnerId) -> Result<Option<Partner>> {
    if let Some(own) = session.asker().await?.partner.as_ref().filter(|own| own.id == id) {
        return Ok(Some(Partner(own.clone())));
    }
    Ok(session.load(PartnerKey(id, session.partner_scope().await?)).await?.map(Partner))
}

/// Decides from the id alone, before a row is read; what is hidden is answered like what is not there. `field` is the root's that asks.
async fn find(session: &Session, id: GlobalId, field: &'static str) -> Result<Option<Node>> {
    let field = ("Query", field);
    Ok(match id {
        GlobalId::Partner(id) => partner(session, id).await?.map(Node::Partner),
        GlobalId::Customer(id) => session.customer(id).await?.map(Customer::bare).map(Node::Customer),
        // Not nodes: a user and an API key are shown where they belong.
        GlobalId::User(_) | GlobalId::ApiKey(..) | GlobalId::PartnerApiKey(..) => None,
        GlobalId::Access(customer, id) => session.access(customer, id).await?.map(Access).map(Node::Access),
        GlobalId::Subscription(customer, id) => {
            subscription(session, customer, id).await?.map(Node::Subscription)
        }
        GlobalId::Finding(customer, id) => {
            gated(session, customer, Findings::all(session.now()), (id.0, field))
                .await?
                .map(|(grant, row)| Node::Finding(Finding { row, grant }))
        }
        GlobalId::Asset(customer, id) => gated(session, customer, Assets::default(), (id.0, field))
            .await?
            .map(|(grant, row)| Node::Asset(Asset { row, grant })),
        GlobalId::Component(customer, id) => gated(session, customer, Components::default(), (id.0, field))
            .await?
            .map(|(_, row)| Node::Component(Component(row))),
        GlobalId::Scan(customer, id) => gated(session, customer, Scans, (id.0, field))
            .await?
            .map(|(grant, row)| Node::Scan(Scan { row, grant })),
        GlobalId::ScanSchedule(customer, id) => gated(session, customer, ScanSchedules, (id.0, field))
            .await?
            .map(|(grant, row)| Node::ScanSchedule(ScanSchedule { row, grant })),
        GlobalId::Evidence(customer, id) => gated(session, customer, EvidenceRecords, (id.0, field))
            .await?
            .map(|(grant, row)| Node::Evidence(Evidence { row, grant })),
        GlobalId::PostureShare(customer, id) => gated(session, customer, PostureShares, (id.0, field))
            .await?
            .map(|(_, row)| Node::PostureShare(PostureShare(row))),
        GlobalId::CustomerAuditEvent(customer, id) => {
            let partner = session.viewer().await?.partner();
            let security = security_of_log(session, customer, None).await?;
            let log = CustomerLog { partner, security, ..CustomerLog::default() };
            let found = gated(session, customer, log, (id.0, field)).await?;
            if let Some((_, row)) = &found {
                // An event of the security configuration was found by the witness of that.
                session.note_shown(policy::class_of_event(&row.event.action), [customer], field).await?;
            }
            found.map(|(_, row)| Node::CustomerAuditEvent(CustomerAuditEvent(row)))
        }
        GlobalId::Quote(customer, id) => quote(session, customer, id).await?.map(Node::Quote),
        GlobalId::PartnerAuditEvent(partner, id) => {
            match grant_partner::<Commercial>(&session.viewer().await?, partner) {
                Decision::Visible(parent) => session
                    .load(RowKey { parent, list: PartnerLog::default(), id: id.0 })
                    .await?
                    .map(|row| Node::PartnerAuditEvent(PartnerAuditEvent(row))),
                Decision::Hidden(_) => None,
            }
        }
    })
}

async fn subscription(
    session: &Session,
    customer: CustomerId,
    id: crate::domain::ids::AccessId,
) -> Result<Option<Subscription>> {
    let Some(access) = session.access(customer, id).await? else { return Ok(None) };
    let viewer: policy::Viewer = session.viewer().await?;
    match grant::<Commercial>(&viewer, &session.access_subject(&access).await?) {
        Decision::Visible(grant) => {
            Ok(session.load(SubscriptionKey(grant, id)).await?.map(|row| Subscription { row, access }))
        }
        Decision::Hidden(_) => Ok(None),
    }
}

/// A row of a gated list by its id, if the gate shows the list's class of the id's customer; `shown_by` is the field that shows it.
///
/// # Errors
/// UNAUTHENTICATED when nobody is signed in.
pub(super) async fn gated<L, C>(
    session: &Session,
    customer: CustomerId,
    list: L,
    (id, shown_by): (uuid::Uuid, (&'static str, &'static str)),
) -> Result<Option<(Grant<C>, Arc<L::Row>)>>
where
    C: Class,
    L: List<Parent = Grant<C>>,
    L::Row: Identified<Grant<C>>,
    Loaders:
        async_graphql::dataloader::Loader<RowKey<L>, Value = Arc<L::Row>, Error = crate::store::StoreError>,
{
    let subject = session.subject(customer, None).await?;
    match grant::<C>(&session.viewer().await?, &subject) {
        Decision::Visible(parent) => {
            let Some(row) = session.load(RowKey { parent, list, id }).await? else { return Ok(None) };
            session.note_shown(C::CLASS, [parent.of()], shown_by).await?;
            Ok(Some((parent, row)))
        }
        Decision::Hidden(_) => Ok(None),
    }
}
