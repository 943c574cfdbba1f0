//! What mutations answer: the object as it stands after them, decided anew, or why nothing was done.

mod api_key;
mod operated;

use async_graphql::{Context, Result, SimpleObject};

use super::pricing::PriceSet;
use super::refusal::UserError;
use super::writing::Outcome;
use crate::domain::ids::{AccessId, CustomerId, PartnerId, QuoteId};
use crate::domain::money;
use crate::graphql::enums::LicenseModel;
use crate::graphql::loaders::{PartnerKey, RowKey};
use crate::graphql::session::session;
use crate::graphql::types::access::Access;
use crate::graphql::types::customer::Customer;
use crate::graphql::types::money::Money;
use crate::graphql::types::partner::Partner;
use crate::graphql::types::quote::{Quote, quote};
use crate::graphql::types::user::{CustomerUser, PartnerUser};
use crate::policy::{Commercial, DataClass, Decision, SecurityConfig, grant, grant_partner};
use crate::store::people::{Belonging, CustomerUsers, PartnerUsers, Person};

pub use api_key::{ApiKeyPayload, PartnerApiKeyPayload};
pub use operated::{
    DeleteScanSchedulePayload, EvidencePayload, FindingPayload, PostureSharePayload, ScanPayload,
    ScanSchedulePayload, ScanSchedulesPayload, TriageFindingsPayload,
};

/// An access after a mutation.
#[derive(SimpleObject)]
pub struct AccessPayload {
    /// The access as it stands now; null where nothing was done.
    access: Option<Access>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl AccessPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, AccessId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, access)) => Self {
                access: session(ctx)?.access(customer, access).await?.map(Access),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { access: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A customer after a mutation.
#[derive(SimpleObject)]
pub struct CustomerPayload {
    /// The customer as it stands now; null where nothing was done.
    customer: Option<Customer>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl CustomerPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<CustomerId>) -> Result<Self> {
        Ok(match outcome {
            Ok(customer) => Self {
                customer: session(ctx)?.customer(customer).await?.map(Customer::bare),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { customer: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A quote that was made.
#[derive(SimpleObject)]
pub struct CreateQuotePayload {
    /// The quote; null where nothing was done.
    quote: Option<Quote>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl CreateQuotePayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, QuoteId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, id)) => {
                Self { quote: quote(session(ctx)?, customer, id).await?, user_errors: Vec::new() }
            }
            Err(refusal) => Self { quote: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A partner's own books after a mutation.
#[derive(SimpleObject)]
pub struct PrepaidLicensesPayload {
    /// The partner, with its `prepaidLicenses`; null where nothing was done.
    partner: Option<Partner>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl PrepaidLicensesPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<PartnerId>) -> Result<Self> {
        Ok(match outcome {
            Ok(id) => {
                let own = session(ctx)?.asker().await?.partner.as_ref().filter(|own| own.id == id);
                Self { partner: own.cloned().map(Partner), user_errors: Vec::new() }
            }
            Err(refusal) => Self { partner: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// What a licence costs partners from now on.
#[derive(SimpleObject)]
pub struct PricingPayload {
    /// What the licence counts; null where nothing was done.
    license_model: Option<LicenseModel>,
    /// A month, bought singly.
    unit_cost: Option<Money>,
    /// A month, prepaid.
    prepaid_unit_cost: Option<Money>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl PricingPayload {
    pub(super) fn of(outcome: Outcome<PriceSet>) -> Self {
        match outcome {
            Ok(set) => {
                let money = |amount| Some(money::Money::new(amount, set.currency.clone()).into());
                Self {
                    license_model: Some(set.license_model.into()),
                    unit_cost: money(set.unit_cost),
                    prepaid_unit_cost: money(set.prepaid_unit_cost),
                    user_errors: Vec::new(),
                }
            }
            Err(refusal) => Self {
                license_model: None,
                unit_cost: None,
                prepaid_unit_cost: None,
                user_errors: vec![refusal.into()],
            },
        }
    }
}

/// A partner after a mutation.
#[derive(SimpleObject)]
pub struct PartnerPayload {
    /// The partner as it stands now; null where nothing was done.
    partner: Option<Partner>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl PartnerPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<PartnerId>) -> Result<Self> {
        Ok(match outcome {
            Ok(partner) => {
                let session = session(ctx)?;
                let found = session.load(PartnerKey(partner, session.partner_scope().await?)).await?;
                Self { partner: found.map(Partner), user_errors: Vec::new() }
            }
            Err(refusal) => Self { partner: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A user after a mutation.
#[derive(SimpleObject)]
pub struct UserPayload {
    /// The user as they stand now, where they are a partner's.
    partner_user: Option<PartnerUser>,
    /// The user as they stand now, where they are a customer's.
    customer_user: Option<CustomerUser>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl UserPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<Person>) -> Result<Self> {
        let mut payload = Self { partner_user: None, customer_user: None, user_errors: Vec::new() };
        let session = session(ctx)?;
        match outcome {
            Err(refusal) => payload.user_errors.push(refusal.into()),
            Ok(Person { id, of: Belonging::Partner(partner), .. }) => {
                let viewer = session.viewer().await?;
                if let Decision::Visible(parent) = grant_partner::<Commercial>(&viewer, partner) {
                    let key = RowKey { parent, list: PartnerUsers, id: id.0 };
                    payload.partner_user = session.load(key).await?.map(PartnerUser);
                }
            }
            Ok(Person { id, of: Belonging::Customer(customer, _), .. }) => {
                let (viewer, subject) = (session.viewer().await?, session.subject(customer, None).await?);
                if let Decision::Visible(parent) = grant::<SecurityConfig>(&viewer, &subject) {
                    let key = RowKey { parent, list: CustomerUsers, id: id.0 };
                    payload.customer_user = session.load(key).await?.map(CustomerUser);
                    if payload.customer_user.is_some() {
                        let field = ("UserPayload", "customerUser");
                        session.note_shown(DataClass::SecurityConfig, [customer], field).await?;
                    }
                }
            }
        }
        Ok(payload)
    }
}
