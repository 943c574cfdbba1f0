//! Who could see a customer's data, and when: for the customer's own ADMINs.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::partner::Partner;
use crate::domain::ids::PartnerId;
use crate::graphql::enums::{DataClass, PartnerRole};
use crate::graphql::loaders::PartnerKey;
use crate::graphql::session::session;
use crate::policy::{Viewer, exposed};
use crate::store::exposure::Onlooker;

/// Who could see the customer's data at an instant.
#[derive(SimpleObject)]
pub struct Exposure {
    /// The instant.
    at: DateTime<Utc>,
    /// The partners that could see anything.
    partners: Vec<ExposedPartner>,
}

/// A partner that could see data of the customer.
pub struct ExposedPartner {
    id: PartnerId,
    users: Vec<ExposedUser>,
}

/// A partner's user who could see data of the customer.
#[derive(SimpleObject, Clone)]
pub struct ExposedUser {
    /// What they were called then.
    name: String,
    /// Their role then.
    role: PartnerRole,
    /// What the gate showed them. The partner's own PRICING is not the customer's, and not named.
    classes: Vec<DataClass>,
}

/// A partner with the users of it who could see data of the customer.
#[Object]
impl ExposedPartner {
    /// The partner; null only where it is gone.
    async fn partner(&self, ctx: &Context<'_>) -> Option<Result<Partner>> {
        let found: Result<Option<Partner>> = async {
            let session = session(ctx)?;
            Ok(session.load(PartnerKey(self.id, session.partner_scope().await?)).await?.map(Partner))
        }
        .await;
        found.transpose()
    }

    /// Its users who could see anything, by name.
    async fn users(&self) -> &[ExposedUser] {
        &self.users
    }
}

impl Exposure {
    /// Asks the gate about every onlooker.
    #[must_use]
    pub fn of(onlookers: &Arc<Vec<Onlooker>>, at: DateTime<Utc>) -> Self {
        let mut partners: Vec<ExposedPartner> = Vec::new();
        for onlooker in onlookers.iter() {
            let Viewer::Partner { role, .. } = onlooker.viewer else { continue };
            let classes = exposed(&onlooker.viewer, &onlooker.accesses, at);
            if classes.is_empty() {
                continue;
            }
            let user = ExposedUser {
                name: onlooker.name.clone(),
                role: role.into(),
                classes: classes.into_iter().map(Into::into).collect(),
            };
            match partners.last_mut() {
                Some(last) if last.id == onlooker.partner => last.users.push(user),
                Some(_) | None => partners.push(ExposedPartner { id: onlooker.partner, users: vec![user] }),
            }
        }
        Self { at, partners }
    }
}
