//! Accesses: one partner's link to one customer.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::customer::Customer;
use super::partner::Partner;
use super::subscription::Subscription;
use super::visibility::{ClassVisibility, visibility};
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{AccessStatus, DataClass, OperatingModel, PartnerPrivilege};
use crate::graphql::error::{Code, coded};
use crate::graphql::gate::{ask, gate_directive, shown};
use crate::graphql::loaders::{PartnerKey, SubscriptionKey};
use crate::graphql::session::session;
use crate::policy::{self, Commercial};
use crate::store;

/// One partner's link to one customer.
#[derive(Clone)]
pub struct Access(pub Arc<store::access::Access>);

/// One partner's link to one customer: the operating model, the contract and the customer's consent decide what the
/// partner sees through it.
#[Object]
impl Access {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Access(self.0.terms.customer, self.0.id).to_string().into()
    }

    /// Whose link.
    async fn partner(&self, ctx: &Context<'_>) -> Result<Partner> {
        let session = session(ctx)?;
        if let Some(own) =
            session.asker().await?.partner.as_ref().filter(|own| own.id == self.0.terms.partner)
        {
            return Ok(Partner(own.clone()));
        }
        if let Some(known) = &self.0.known_partner {
            return Ok(Partner(known.clone()));
        }
        let partner = session.load(PartnerKey(self.0.terms.partner, session.partner_scope().await?)).await?;
        partner.map(Partner).ok_or_else(|| coded(Code::Internal, "the access has no partner"))
    }

    /// To whom.
    async fn customer(&self) -> Customer {
        Customer::through(&self.0)
    }

    /// Where it stands in its life.
    async fn status(&self) -> AccessStatus {
        self.0.terms.status.into()
    }

    /// Who runs the customer's security.
    async fn operating_model(&self) -> OperatingModel {
        self.0.terms.operating_model.into()
    }

    /// What the contract allows the partner at most.
    async fn privilege_ceiling(&self) -> PartnerPrivilege {
        self.0.terms.privilege_ceiling.into()
    }

    /// What the customer grants at present; the customer may change it at any time.
    async fn customer_consent(&self, ctx: &Context<'_>) -> Result<PartnerPrivilege> {
        Ok(self.0.terms.consent_at(session(ctx)?.now()).into())
    }

    /// When the present consent falls by one step, if it was given for a time.
    async fn consent_until(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        Ok(self.0.terms.consent_until_at(session(ctx)?.now()))
    }

    /// The lesser of the two.
    async fn effective_privilege(&self, ctx: &Context<'_>) -> Result<PartnerPrivilege> {
        Ok(policy::effective_privilege(&self.0.facts(session(ctx)?.now())).into())
    }

    /// Whether the partner of this access sees posture: the gate's answer for its ADMINs, the same whoever asks.
    async fn posture_visible(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(policy::posture_visible(&self.0.facts(session(ctx)?.now())))
    }

    /// The gate's answer for every data class, for the viewer, with the reason where it denies.
    async fn visibility(&self, ctx: &Context<'_>) -> Result<Vec<ClassVisibility>> {
        let session = session(ctx)?;
        Ok(visibility(&session.viewer().await?, &session.access_subject(&self.0).await?))
    }

    /// What is sold over it.
    #[graphql(directive = gate_directive::apply(DataClass::Commercial))]
    async fn subscription(&self, ctx: &Context<'_>) -> Option<Result<Subscription>> {
        let asked =
            async { ask::<Commercial>(ctx, "Access", &session(ctx)?.access_subject(&self.0).await?).await };
        let grant = shown!(asked.await);
        let loaded = async { session(ctx)?.load(SubscriptionKey(grant, self.0.id)).await };
        loaded.await.transpose().map(|row| Ok(Subscription { row: row?, access: self.0.clone() }))
    }

    /// The trial, if there is or was one.
    async fn trial(&self, ctx: &Context<'_>) -> Result<Option<Trial>> {
        let expired = self.0.terms.trial_expired_at(session(ctx)?.now());
        Ok(self.0.trial.as_ref().map(|trial| Trial {
            started_at: trial.started_at,
            ends_at: trial.ends_at,
            convert_by: trial.convert_by,
            converted_at: trial.converted_at,
            elected_model: trial.elected_model.map(Into::into),
            expired,
        }))
    }

    /// Rises by one with every change; mutations take it to detect a concurrent change.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// When it was provisioned.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

/// A time to try: CUSTOMER_MANAGED until the customer's admin elects otherwise.
#[derive(SimpleObject)]
pub struct Trial {
    /// When it started.
    started_at: DateTime<Utc>,
    /// When it ends.
    ends_at: DateTime<Utc>,
    /// Until when it can be converted.
    convert_by: DateTime<Utc>,
    /// When it was converted.
    converted_at: Option<DateTime<Utc>>,
    /// The model that the customer's admin elected.
    elected_model: Option<OperatingModel>,
    /// Whether it is past its end without having been converted.
    expired: bool,
}
