//! `runScan` and `cancelScan`: scans that somebody asks for.

use std::collections::BTreeSet;

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate::{operator, seen};
use super::payload::ScanPayload;
use super::portal::find_customer;
use super::refusal::{self, Refusal};
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AssetId, CustomerId, ScanId};
use crate::domain::scan::ScanStatus;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::scan::change::{are_assets, find_scan, lock_queued};

/// How many targets a scan or a schedule names at most.
const TARGETS: usize = 500;

/// A scan to be.
#[derive(InputObject)]
pub struct RunScanInput {
    /// Whose.
    customer_id: ID,
    /// What to look for: a name that the customer's scanners know, such as `full`.
    profile: String,
    /// What to look at, 1 to 500 assets; all that the customer has where it is left out.
    target_ids: Option<Vec<ID>>,
}

/// A scan that is not needed.
#[derive(InputObject)]
pub struct CancelScanInput {
    /// Which: one that is QUEUED.
    scan_id: ID,
}

/// Mutations of scans.
#[derive(Default)]
pub struct ScanMutations;

/// Mutations of scans.
#[Object]
impl ScanMutations {
    /// Queues a scan, which the next scanner of the customer takes. A customer's admins with a FULL portal, and partners that
    /// operate the customer. It is metered when it is asked for. Audited on the side(s) it concerns.
    async fn run_scan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, what to look for and at.")] input: RunScanInput,
    ) -> Result<ScanPayload> {
        let outcome = written!(ctx, Operation::RunScan, run_scan, &input);
        ScanPayload::of(ctx, outcome).await
    }

    /// Calls off a scan that no scanner has begun; it is metered no more. For whoever may ask for one. Audited on the side(s) it
    /// concerns.
    async fn cancel_scan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which scan.")] input: CancelScanInput,
    ) -> Result<ScanPayload> {
        let outcome = written!(ctx, Operation::CancelScan, cancel_scan, &input);
        ScanPayload::of(ctx, outcome).await
    }
}

/// The assets of an input, each once; NOT_FOUND alike for what does not exist, what is another customer's and what is no id.
pub(super) async fn targets(
    writing: &mut Writing<'_>,
    customer: CustomerId,
    ids: Option<&[ID]>,
) -> Result<BTreeSet<AssetId>, Stop> {
    let Some(ids) = ids else { return Ok(BTreeSet::new()) };
    if ids.is_empty() || ids.len() > TARGETS {
        return Err(Refusal::invalid(
            "targetIds",
            format!(
                "it takes 1 to {TARGETS} targets, these are {}: leave `targetIds` out to scan all that the customer has",
                ids.len()
            ),
        )
        .into());
    }
    let missing = || Refusal::not_found("asset", "targetIds");
    let mut targets = BTreeSet::new();
    for id in ids {
        match id.parse() {
            Ok(GlobalId::Asset(of, asset)) if of == customer => targets.insert(asset),
            Ok(_) | Err(_) => return Err(missing().into()),
        };
    }
    if !are_assets(&mut writing.writer, customer, &targets).await? {
        return Err(missing().into());
    }
    Ok(targets)
}

async fn run_scan(writing: &mut Writing<'_>, input: &RunScanInput) -> Result<(CustomerId, ScanId), Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by = operator(writing, &customer, "scanning")?;
    let profile = refusal::name("profile", &input.profile)?;
    let targets = targets(writing, customer.id, input.target_ids.as_deref()).await?;
    let mut changes = Changes::new(&writing.author);
    let scan = changes.request_scan(&customer, by, profile, &targets);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, scan))
}

async fn cancel_scan(
    writing: &mut Writing<'_>,
    input: &CancelScanInput,
) -> Result<(CustomerId, ScanId), Stop> {
    let missing = || Refusal::not_found("scan", "scanId");
    let Ok(GlobalId::Scan(customer, id)) = input.scan_id.parse() else { return Err(missing().into()) };
    let customer = seen(writing, customer, missing).await?;
    let scan = find_scan(&mut writing.writer, customer.id, id).await?.ok_or_else(missing)?;
    let by = operator(writing, &customer, "scanning")?;
    if scan.status != ScanStatus::Queued || !lock_queued(&mut writing.writer, customer.id, id).await? {
        let how = match scan.status {
            ScanStatus::Queued => "was begun by a scanner".to_owned(),
            status => format!("is {status}"),
        };
        return Err(Refusal::wrong_state(format!(
            "the scan {how}: only a scan that no scanner has begun can be called off"
        ))
        .into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.cancel_scan(&customer, by, &scan);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, id))
}
