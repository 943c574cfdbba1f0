//! Who was shown what of a customer's data: for the customer's own ADMINs.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::partner::Partner;
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{DataClass, all_into};
use crate::graphql::error::bad_input;
use crate::graphql::loaders::PartnerKey;
use crate::graphql::session::session;
use crate::store;
use crate::store::transparency::AccessRecords;

/// Which records; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct AccessRecordFilter {
    /// Of one of these classes.
    class: Option<Vec<DataClass>>,
    /// By users of this partner.
    partner_id: Option<ID>,
    /// At this instant or later.
    since: Option<DateTime<Utc>>,
    /// Before this instant.
    until: Option<DateTime<Utc>>,
}

impl AccessRecordFilter {
    /// The list that it asks for.
    ///
    /// # Errors
    /// BAD_USER_INPUT where the partner's id is none.
    pub fn list(self) -> Result<AccessRecords> {
        let partner = match self.partner_id.map(|id| id.parse::<GlobalId>()).transpose() {
            Ok(None) => None,
            Ok(Some(GlobalId::Partner(partner))) => Some(partner),
            Ok(Some(_)) => return Err(bad_input("`partnerId` is the id of something that is no partner")),
            Err(error) => return Err(bad_input(format!("`partnerId`: {error}"))),
        };
        // Nothing happened before, and the database does not reach as far back as a DateTime.
        let reachable = |instant: DateTime<Utc>| instant.max(DateTime::UNIX_EPOCH);
        Ok(AccessRecords {
            class: all_into(self.class),
            partner,
            since: self.since.map(reachable),
            until: self.until.map(reachable),
        })
    }
}

/// That a partner's user was shown a class of a customer's data.
pub struct AccessRecord(pub Arc<store::transparency::AccessRecord>);

/// That a user of a partner was shown a class of the customer's data: one record for each request and class, written before the answer
/// was sent.
#[Object]
impl AccessRecord {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Whose user; null only where the partner is gone.
    async fn partner(&self, ctx: &Context<'_>) -> Option<Result<Partner>> {
        let found: Result<Option<Partner>> = async {
            let session = session(ctx)?;
            Ok(session.load(PartnerKey(self.0.partner, session.partner_scope().await?)).await?.map(Partner))
        }
        .await;
        found.transpose()
    }

    /// Who, as they were called then.
    async fn user(&self) -> &str {
        &self.0.user
    }

    /// What they were shown.
    async fn class(&self) -> DataClass {
        self.0.class.into()
    }

    /// By which fields of the schema, for instance `Customer.findings`. `PartnerDashboard.posture`, `Partner.accesses` and
    /// `Partner.componentSearch` were computed over many customers, this one among them.
    async fn fields(&self) -> &[String] {
        &self.0.fields
    }

    /// The name that the client gave the operation, if it gave one.
    async fn operation(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// In which request.
    async fn request_id(&self) -> String {
        self.0.request.to_string()
    }
}
