//! The people of a partner and of a customer, for those who keep them.

use std::sync::Arc;

use async_graphql::{ID, Object};
use chrono::{DateTime, Utc};

use crate::domain::global_id::GlobalId;
use crate::graphql::enums::{CustomerRole, PartnerRole};
use crate::store::people::{CustomerUser as CustomerRow, PartnerUser as PartnerRow};

/// A user of a partner.
pub struct PartnerUser(pub Arc<PartnerRow>);

/// A user of a partner, for the partner's ADMINs.
#[Object]
impl PartnerUser {
    /// The user's global id.
    pub async fn id(&self) -> ID {
        GlobalId::User(self.0.id).to_string().into()
    }

    /// The user's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The address that the user signs in with; a program has none.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// The user's role.
    async fn role(&self) -> PartnerRole {
        self.0.role.into()
    }

    /// Whether it is a program, which signs in by an API key and is called by the key's label.
    async fn is_service(&self) -> bool {
        self.0.is_service
    }

    /// Since when the user may not sign in; null where they may.
    async fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.0.disabled_at
    }
}

/// A user of a customer.
pub struct CustomerUser(pub Arc<CustomerRow>);

/// A user of a customer, for those who see its security configuration.
#[Object]
impl CustomerUser {
    /// The user's global id.
    pub async fn id(&self) -> ID {
        GlobalId::User(self.0.id).to_string().into()
    }

    /// The user's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The address that the user signs in with; a program has none.
    async fn email(&self) -> Option<&str> {
        self.0.email.as_deref()
    }

    /// The user's role.
    async fn role(&self) -> CustomerRole {
        self.0.role.into()
    }

    /// Whether it is a program, which signs in by an API key and is called by the key's label.
    async fn is_service(&self) -> bool {
        self.0.is_service
    }

    /// Since when the user may not sign in; null where they may.
    async fn disabled_at(&self) -> Option<DateTime<Utc>> {
        self.0.disabled_at
    }
}
