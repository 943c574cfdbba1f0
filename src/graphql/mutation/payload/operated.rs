//! What mutations of a customer's security data answer: scans, schedules, shares, evidence and findings.

use async_graphql::{Context, ID, Result, SimpleObject};
use futures_util::future::try_join_all;

use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, EvidenceId, FindingId, ScanId, ScanScheduleId};
use crate::domain::public_url::PublicUrl;
use crate::graphql::mutation::refusal::UserError;
use crate::graphql::mutation::share::SharedPosture;
use crate::graphql::mutation::writing::Outcome;
use crate::graphql::query::gated;
use crate::graphql::session::session;
use crate::graphql::types::customer::Customer;
use crate::graphql::types::evidence::{Evidence, PostureShare};
use crate::graphql::types::finding::Finding;
use crate::graphql::types::scan::{Scan, ScanSchedule};
use crate::policy::{DataClass, Posture, grant};
use crate::store::evidence::{EvidenceRecords, PostureShares};
use crate::store::finding::Findings;
use crate::store::scan::{ScanSchedules, Scans};

/// A scan after a mutation.
#[derive(SimpleObject)]
pub struct ScanPayload {
    /// The scan as it stands now; null where nothing was done.
    scan: Option<Scan>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl ScanPayload {
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, ScanId)>,
    ) -> Result<Self> {
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
    pub(in crate::graphql::mutation) async fn of(
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
    pub(in crate::graphql::mutation) async fn of(
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
    pub(in crate::graphql::mutation) fn of(outcome: Outcome<(CustomerId, ScanScheduleId)>) -> Self {
        match outcome {
            Ok((customer, id)) => Self {
                deleted_scan_schedule_id: Some(GlobalId::ScanSchedule(customer, id).to_string().into()),
                user_errors: Vec::new(),
            },
            Err(refusal) => Self { deleted_scan_schedule_id: None, user_errors: vec![refusal.into()] },
        }
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
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<SharedPosture>,
    ) -> Result<Self> {
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
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, EvidenceId)>,
    ) -> Result<Self> {
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
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, FindingId)>,
    ) -> Result<Self> {
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
    /// How many findings were set; null where nothing was done, and where the gate no longer shows it.
    count: Option<i32>,
    /// Why nothing was done; empty where it was.
    user_errors: Vec<UserError>,
}

impl TriageFindingsPayload {
    pub(in crate::graphql::mutation) async fn of(
        ctx: &Context<'_>,
        outcome: Outcome<(CustomerId, i32)>,
    ) -> Result<Self> {
        Ok(match outcome {
            Ok((customer, count)) => {
                // Decided now, also where the count was kept under an idempotency key.
                let session = session(ctx)?;
                let shown =
                    grant::<Posture>(&session.viewer().await?, &session.subject(customer, None).await?)
                        .is_visible();
                if shown {
                    session
                        .note_shown(DataClass::Posture, [customer], ("TriageFindingsPayload", "count"))
                        .await?;
                }
                Self {
                    customer: session.customer(customer).await?.map(Customer::bare),
                    count: shown.then_some(count),
                    user_errors: Vec::new(),
                }
            }
            Err(refusal) => Self { customer: None, count: None, user_errors: vec![refusal.into()] },
        })
    }
}
