//! What mutations answer: the object as it stands after them, decided anew, or why nothing was done.

use async_graphql::{Context, ID, Result, SimpleObject};
use futures_util::future::try_join_all;

use super::pricing::PriceSet;
use super::refusal::UserError;
use super::share::SharedPosture;
use super::writing::Outcome;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{
    AccessId, CustomerId, EvidenceId, FindingId, PartnerId, QuoteId, ScanId, ScanScheduleId,
};
use crate::domain::money;
use crate::domain::public_url::PublicUrl;
use crate::graphql::enums::LicenseModel;
use crate::graphql::loaders::{PartnerKey, RowKey};
use crate::graphql::query::gated;
use crate::graphql::session::session;
use crate::graphql::types::access::Access;
use crate::graphql::types::customer::Customer;
use crate::graphql::types::evidence::{Evidence, PostureShare};
use crate::graphql::types::finding::Finding;
use crate::graphql::types::money::Money;
use crate::graphql::types::partner::Partner;
use crate::graphql::types::quote::{Quote, quote};
use crate::graphql::types::scan::{Scan, ScanSchedule};
use crate::graphql::types::user::{CustomerUser, PartnerUser};
use crate::policy::{Commercial, DataClass, Decision, SecurityConfig, grant, grant_partner};
use crate::store::evidence::{EvidenceRecords, PostureShares};
use crate::store::finding::Findings;
use crate::store::people::{Belonging, CustomerUsers, PartnerUsers, Person};
use crate::store::scan::{ScanSchedules, Scans};

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

/// A scan after a mutation.
#[derive(SimpleObject)]
pub struct ScanPayload {
    /// The scan as it stands now; null where nothing was done.
    scan: Option<Scan>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl ScanPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, ScanId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, id)) => Self {
                scan: gated(session(ctx)?, customer, Scans, (id.0, ("ScanPayload", "scan")))
                    .await?
                    .map(|(grant, row)| Scan { row, grant }),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { scan: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// Schedules that were made.
#[derive(SimpleObject)]
pub struct ScanSchedulesPayload {
    /// A schedule for each customer, in the order in which they were named; empty where nothing was done.
    scan_schedules: Vec<ScanSchedule>,
    /// Why nothing was done, for any of them; empty where it was.
    user_errors: Vec<UserError>,
}

impl ScanSchedulesPayload {
    pub(super) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<Vec<(CustomerId, ScanScheduleId)>>,
    ) -> Result<Self> {
        let made = match outcome {
            Ok(made) => made,
            Err(refusal) => {
                return Ok(Self { scan_schedules: Vec::new(), user_errors: vec![refusal.into()] });
            }
        };
        let session = session(ctx)?;
        // At once, so that they are one statement.
        let read = made.into_iter().map(|(customer, id)| {
            gated(session, customer, ScanSchedules, (id.0, ("ScanSchedulesPayload", "scanSchedules")))
        });
        let read = try_join_all(read).await?;
        let scan_schedules =
            read.into_iter().flatten().map(|(grant, row)| ScanSchedule { row, grant }).collect();
        Ok(Self { scan_schedules, user_errors: Vec::new() })
    }
}

/// A schedule after a mutation.
#[derive(SimpleObject)]
pub struct ScanSchedulePayload {
    /// The schedule as it stands now; null where nothing was done.
    scan_schedule: Option<ScanSchedule>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl ScanSchedulePayload {
    pub(super) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, ScanScheduleId)>,
    ) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, id)) => Self {
                scan_schedule: gated(
                    session(ctx)?,
                    customer,
                    ScanSchedules,
                    (id.0, ("ScanSchedulePayload", "scanSchedule")),
                )
                .await?
                .map(|(grant, row)| ScanSchedule { row, grant }),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { scan_schedule: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A schedule that is gone.
#[derive(SimpleObject)]
pub struct DeleteScanSchedulePayload {
    /// The id that it had; null where nothing was done.
    deleted_scan_schedule_id: Option<ID>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl DeleteScanSchedulePayload {
    pub(super) fn of(outcome: Outcome<(CustomerId, ScanScheduleId)>) -> Self {
        match outcome {
            Ok((customer, id)) => Self {
                deleted_scan_schedule_id: Some(GlobalId::ScanSchedule(customer, id).to_string().into()),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { deleted_scan_schedule_id: None, user_errors: vec![refusal.into()] },
        }
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

/// A posture share after a mutation. The share's secret link is shown once, here.
#[derive(SimpleObject)]
pub struct PostureSharePayload {
    /// The share as it stands now; null where nothing was done.
    posture_share: Option<PostureShare>,
    /// The link that opens the share, shown this one time: only its hash is kept. Null in the answer to a revocation, and in
    /// the answer to the same request once more, under the same `Idempotency-Key`: who lost the link revokes the share and makes
    /// another one.
    url: Option<String>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl PostureSharePayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<SharedPosture>) -> Result<Self> {
        let shared = match outcome {
            Ok(shared) => shared,
            Err(refusal) => {
                return Ok(Self { posture_share: None, url: None, user_errors: vec![refusal.into()] });
            }
        };
        let row = gated(
            session(ctx)?,
            shared.customer,
            PostureShares,
            (shared.id.0, ("PostureSharePayload", "postureShare")),
        )
        .await?;
        let posture_share = row.map(|(_, row)| PostureShare(row));
        let public_url = ctx.data::<PublicUrl>()?;
        let url = shared.secret.as_ref().map(|secret| public_url.share(secret));
        Ok(Self { posture_share, url, user_errors: Vec::new() })
    }
}

/// A record of evidence after a mutation.
#[derive(SimpleObject)]
pub struct EvidencePayload {
    /// The record; null where nothing was done.
    evidence: Option<Evidence>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl EvidencePayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, EvidenceId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, id)) => {
                let row =
                    gated(session(ctx)?, customer, EvidenceRecords, (id.0, ("EvidencePayload", "evidence")))
                        .await?;
                let evidence = row.map(|(grant, row)| Evidence { row, grant });
                Self { evidence, user_errors: Vec::new() }
            }
            Err(refusal) => Self { evidence: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// A finding after a mutation.
#[derive(SimpleObject)]
pub struct FindingPayload {
    /// The finding as it stands now; null where nothing was done.
    finding: Option<Finding>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl FindingPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, FindingId)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, id)) => {
                let session = session(ctx)?;
                let wanted = (id.0, ("FindingPayload", "finding"));
                let row = gated(session, customer, Findings::all(session.now()), wanted).await?;
                Self { finding: row.map(|(grant, row)| Finding { row, grant }), user_errors: Vec::new() }
            }
            Err(refusal) => Self { finding: None, user_errors: vec![refusal.into()] },
        })
    }
}

/// Many findings after a mutation.
#[derive(SimpleObject)]
pub struct TriageFindingsPayload {
    /// The customer, with its findings as they stand now; null where nothing was done.
    customer: Option<Customer>,
    /// How many findings were set; null where nothing was done.
    count: Option<i32>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl TriageFindingsPayload {
    pub(super) async fn of(ctx: &Context<'_>, outcome: Outcome<(CustomerId, i32)>) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, count)) => Self {
                customer: session(ctx)?.customer(customer).await?.map(Customer::bare),
                count: Some(count),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { customer: None, count: None, user_errors: vec![refusal.into()] },
        })
    }
}
