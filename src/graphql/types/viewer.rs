//! The one who asks.

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::customer::Customer;
use super::partner::Partner;
use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{CustomerRole, PartnerRole, ViewerKind};
use crate::graphql::loaders::VisitKey;
use crate::graphql::session::session;
use crate::policy;
use crate::store::viewer::SignedIn;

/// The one who asks.
pub struct Viewer(pub SignedIn);

/// Who is asking: the user of the bearer token, as the database knows them now.
#[Object]
impl Viewer {
    /// The user's global id.
    pub async fn id(&self) -> ID {
        GlobalId::User(self.0.viewer.user()).to_string().into()
    }

    /// What kind of user it is.
    async fn kind(&self) -> ViewerKind {
        self.0.viewer.kind().into()
    }

    /// The user's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The user's e-mail address; machines may have none.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// Set for a partner user.
    async fn partner(&self) -> Option<Partner> {
        self.0.partner.clone().map(Partner)
    }

    /// Set for a partner user.
    async fn partner_role(&self) -> Option<PartnerRole> {
        match self.0.viewer {
            policy::Viewer::Partner { role, .. } => Some(role.into()),
            policy::Viewer::Customer { .. }
            | policy::Viewer::PlatformAdmin { .. }
            | policy::Viewer::Scanner { .. } => None,
        }
    }

    /// Set for a customer user.
    async fn customer(&self) -> Option<Customer> {
        self.0.customer.clone().map(Customer::bare)
    }

    /// When `recordVisit` last said that they looked; null where it never did.
    async fn last_visit_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime<Utc>>> {
        let user = match self.0.viewer {
            policy::Viewer::Partner { user, .. } | policy::Viewer::Customer { user, .. } => user,
            // They have nothing to come back to.
            policy::Viewer::PlatformAdmin { .. } | policy::Viewer::Scanner { .. } => return None,
        };
        let loaded = async { session(ctx)?.load(VisitKey(user)).await };
        loaded.await.transpose()
    }

    /// Set for a customer user.
    async fn customer_role(&self) -> Option<CustomerRole> {
        match self.0.viewer {
            policy::Viewer::Customer { role, .. } => Some(role.into()),
            policy::Viewer::Partner { .. }
            | policy::Viewer::PlatformAdmin { .. }
            | policy::Viewer::Scanner { .. } => None,
        }
    }
}
