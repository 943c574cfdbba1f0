//! Recurring scans: made for many customers at once, paused, resumed and deleted one by one.

use std::collections::{BTreeMap, BTreeSet};

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::operate::{operator, seen};
use super::payload::{DeleteScanSchedulePayload, ScanSchedulePayload, ScanSchedulesPayload};
use super::portal::lock_for;
use super::refusal::{self, Refusal};
use super::scans::targets;
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AssetId, CustomerId, PartnerId, ScanScheduleId};
use crate::domain::scan;
use crate::domain::schedule::{self, Recurrence, Schedule, TimeZone, parse_start_time};
use crate::graphql::enums::{DayOfWeek, ScanFrequency, ScanTrigger};
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::portal::{self, LockedCustomer};
use crate::store::scan::change::{FoundSchedule, NewSchedule, find_schedule, lock_schedule};

/// How many customers one call names at most: each is locked until all are done.
const CUSTOMERS: usize = 200;

/// Schedules to be, one for each customer.
#[derive(InputObject)]
pub struct CreateScanSchedulesInput {
    /// Whose, 1 to 200 customers: all of them get one, or none does.
    customer_ids: Vec<ID>,
    /// What to look for: a name that the customers' scanners know, such as `full`.
    profile: String,
    /// How often.
    frequency: ScanFrequency,
    /// At which time of the day, as `02:30`, on the clocks of `timeZone`.
    start_time: String,
    /// Whose clocks, by the name in the IANA database, such as `Europe/Berlin`.
    #[graphql(default_with = "Some(String::from(\"UTC\"))")]
    time_zone: Option<String>,
    /// On which day, for WEEKLY alone; MONDAY where it is left out.
    day_of_week: Option<DayOfWeek>,
    /// On which day, 1 to 31, for MONTHLY alone; the 1st where it is left out. A shorter month runs on its last day.
    day_of_month: Option<i32>,
    /// What they run on besides: ASSET_DISCOVERED, VULNERABILITY_DATABASE_UPDATED.
    events: Option<Vec<ScanTrigger>>,
    /// What to look at, 1 to 500 assets, where one customer is named; all that each customer has where it is left out.
    target_ids: Option<Vec<ID>>,
}

/// A schedule that is to rest.
#[derive(InputObject)]
pub struct PauseScanScheduleInput {
    /// Which.
    scan_schedule_id: ID,
}

/// A schedule that is to go on.
#[derive(InputObject)]
pub struct ResumeScanScheduleInput {
    /// Which.
    scan_schedule_id: ID,
}

/// A schedule that is to go.
#[derive(InputObject)]
pub struct DeleteScanScheduleInput {
    /// Which.
    scan_schedule_id: ID,
}

/// Mutations of schedules.
#[derive(Default)]
pub struct ScheduleMutations;

/// Mutations of schedules.
#[Object]
impl ScheduleMutations {
    /// Makes a recurring scan for each of many customers, or, where any of them is refused, for none: `field` says which one.
    /// A customer's admins with a FULL portal, and partners that operate the customers. A schedule is the customer's: it runs on
    /// when whoever made it no longer operates. Audited on the side(s) it concerns.
    async fn create_scan_schedules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose, what to look for, and when.")] input: CreateScanSchedulesInput,
    ) -> Result<ScanSchedulesPayload> {
        let outcome = written!(ctx, Operation::CreateScanSchedules, create_scan_schedules, &input);
        ScanSchedulesPayload::of(ctx, outcome).await
    }

    /// Lets a schedule rest: it is due no more and hears no events. For whoever may make one. Audited on the side(s) it concerns.
    async fn pause_scan_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: PauseScanScheduleInput,
    ) -> Result<ScanSchedulePayload> {
        let outcome = written!(ctx, Operation::PauseScanSchedule, pause, &input.scan_schedule_id);
        ScanSchedulePayload::of(ctx, outcome).await
    }

    /// Lets a schedule go on, from its next time after now. For whoever may make one. Audited on the side(s) it concerns.
    async fn resume_scan_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: ResumeScanScheduleInput,
    ) -> Result<ScanSchedulePayload> {
        let outcome = written!(ctx, Operation::ResumeScanSchedule, resume, &input.scan_schedule_id);
        ScanSchedulePayload::of(ctx, outcome).await
    }

    /// Deletes a schedule; the scans that it asked for stay. For whoever may make one. Audited on the side(s) it concerns.
    async fn delete_scan_schedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which schedule.")] input: DeleteScanScheduleInput,
    ) -> Result<DeleteScanSchedulePayload> {
        let outcome = written!(ctx, Operation::DeleteScanSchedule, delete, &input.scan_schedule_id);
        Ok(DeleteScanSchedulePayload::of(outcome))
    }
}

/// What every schedule of a call has in common.
struct Plan<'i> {
    profile: &'i str,
    schedule: Schedule,
    events: Vec<scan::ScanTrigger>,
    targets: BTreeSet<AssetId>,
}

type Done = Result<(CustomerId, ScanScheduleId), Stop>;

async fn create_scan_schedules(
    writing: &mut Writing<'_>,
    input: &CreateScanSchedulesInput,
) -> Result<Vec<(CustomerId, ScanScheduleId)>, Stop> {
    let customers = customers(&input.customer_ids)?;
    let operated = operated(writing, &customers).await?;
    let plan = plan(writing, &customers, input).await?;
    let mut made = BTreeMap::new();
    // In the order of customers, in which they were locked and in which their logs are written.
    for (customer, by) in operated {
        let mut changes = Changes::new(&writing.author);
        let new = NewSchedule {
            profile: plan.profile,
            schedule: plan.schedule,
            events: &plan.events,
            targets: &plan.targets,
        };
        made.insert(customer.id, changes.create_schedule(&customer, by, &new));
        changes.execute(&mut writing.writer).await?;
    }
    Ok(customers.into_iter().filter_map(|id| Some((id, *made.get(&id)?))).collect())
}

/// The customers of an input. What is no id is NOT_FOUND; a length that no input may have comes before what is in it.
fn customers(ids: &[ID]) -> Result<Vec<CustomerId>, Refusal> {
    if ids.is_empty() || ids.len() > CUSTOMERS {
        let message = format!("it takes 1 to {CUSTOMERS} customers, these are {}", ids.len());
        return Err(Refusal::invalid("customerIds", message));
    }
    let mut customers = Vec::with_capacity(ids.len());
    for (nth, id) in ids.iter().enumerate() {
        match id.parse() {
            Ok(GlobalId::Customer(customer)) => customers.push(customer),
            Ok(_) | Err(_) => return Err(Refusal::not_found("customer", "customerIds").element(nth)),
        }
    }
    Ok(customers)
}

/// All of the customers, locked in the order of their ids, so that two calls wait for each other and never in a circle. The first
/// one of the input that does not exist or is not operated is named.
async fn operated(
    writing: &mut Writing<'_>,
    customers: &[CustomerId],
) -> Result<Vec<(LockedCustomer, Option<PartnerId>)>, Stop> {
    let mut locked = BTreeMap::new();
    for customer in customers.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(found) = lock_for(writing, customer).await? {
            locked.insert(customer, found);
        }
    }
    if let Some(nth) = customers.iter().position(|customer| !locked.contains_key(customer)) {
        return Err(Refusal::not_found("customer", "customerIds").element(nth).into());
    }
    let mut operators = BTreeMap::new();
    for (nth, customer) in customers.iter().enumerate() {
        let Some(found) = locked.get(customer) else { continue };
        match operator(writing, found, "scheduling scans") {
            Ok(by) => operators.insert(*customer, by),
            Err(refusal) => {
                let name = portal::name(&mut writing.writer, *customer).await?.unwrap_or_default();
                return Err(refusal.about(&name, "customerIds").element(nth).into());
            }
        };
    }
    Ok(locked.into_iter().map(|(customer, found)| (found, operators.remove(&customer).flatten())).collect())
}

async fn plan<'i>(
    writing: &mut Writing<'_>,
    customers: &[CustomerId],
    input: &'i CreateScanSchedulesInput,
) -> Result<Plan<'i>, Stop> {
    let mut named = BTreeSet::new();
    if let Some(nth) = customers.iter().position(|customer| !named.insert(*customer)) {
        let refusal = Refusal::invalid("customerIds", "this customer is named twice: name each once");
        return Err(refusal.element(nth).into());
    }
    let profile = refusal::name("profile", &input.profile)?;
    let schedule = recurring(input)?;
    let mut events = Vec::new();
    for event in input.events.iter().flatten() {
        let event = scan::ScanTrigger::from(*event);
        if !scan::ScanTrigger::EVENTS.contains(&event) {
            let [one, other] = scan::ScanTrigger::EVENTS;
            return Err(Refusal::invalid(
                "events",
                format!("{event} is nothing that a schedule can wait for: it takes {one} and {other}"),
            )
            .into());
        }
        if !events.contains(&event) {
            events.push(event);
        }
    }
    let targets = match (input.target_ids.as_deref(), customers) {
        (None, _) => BTreeSet::new(),
        (ids, [customer]) => targets(writing, *customer, ids).await?,
        (Some(_), _) => {
            return Err(Refusal::invalid(
                "targetIds",
                "targets belong to one customer: name one customer, or leave `targetIds` out to scan all that each has",
            )
            .into());
        }
    };
    Ok(Plan { profile, schedule, events, targets })
}

/// When it recurs.
fn recurring(input: &CreateScanSchedulesInput) -> Result<Schedule, Refusal> {
    let start_time = parse_start_time(&input.start_time).ok_or_else(|| {
        Refusal::invalid("startTime", "this is no time of the day: it takes one from `00:00` to `23:59`")
    })?;
    let name = input.time_zone.as_deref().unwrap_or(TimeZone::UTC.name());
    let time_zone = name.parse().map_err(|_| {
        Refusal::invalid(
            "timeZone",
            "the IANA database knows no time zone of this name: it takes one like `Europe/Berlin`",
        )
    })?;
    let only_for = |field, frequency| {
        Err(Refusal::invalid(field, format!("`{field}` is for {frequency} alone: leave it out")))
    };
    let recurrence = match (scan::ScanFrequency::from(input.frequency), input.day_of_week, input.day_of_month)
    {
        (scan::ScanFrequency::Daily | scan::ScanFrequency::Monthly, Some(_), _) => {
            return only_for("dayOfWeek", "WEEKLY");
        }
        (scan::ScanFrequency::Daily | scan::ScanFrequency::Weekly, _, Some(_)) => {
            return only_for("dayOfMonth", "MONTHLY");
        }
        (scan::ScanFrequency::Daily, None, None) => Recurrence::Daily,
        (scan::ScanFrequency::Weekly, day, None) => {
            Recurrence::Weekly(day.map_or(schedule::DayOfWeek::Monday, Into::into))
        }
        (scan::ScanFrequency::Monthly, None, day) => match u8::try_from(day.unwrap_or(1)) {
            Ok(day @ 1..=31) => Recurrence::Monthly(day),
            Ok(_) | Err(_) => {
                return Err(Refusal::invalid("dayOfMonth", "this is no day of a month: it takes 1 to 31"));
            }
        },
    };
    Ok(Schedule { recurrence, start_time, time_zone })
}

/// A schedule of an input, locked, of a customer that the viewer operates.
async fn find(
    writing: &mut Writing<'_>,
    id: &ID,
) -> Result<(LockedCustomer, Option<PartnerId>, FoundSchedule), Stop> {
    let missing = || Refusal::not_found("scan schedule", "scanScheduleId");
    let Ok(GlobalId::ScanSchedule(customer, id)) = id.parse() else { return Err(missing().into()) };
    let customer = seen(writing, customer, missing).await?;
    let found = find_schedule(&mut writing.writer, customer.id, id).await?.ok_or_else(missing)?;
    let by = operator(writing, &customer, "scheduling scans")?;
    let enabled = lock_schedule(&mut writing.writer, customer.id, id).await?.ok_or_else(missing)?;
    Ok((customer, by, FoundSchedule { enabled, ..found }))
}

async fn pause(writing: &mut Writing<'_>, id: &ID) -> Done {
    set_enabled(writing, id, false).await
}

async fn resume(writing: &mut Writing<'_>, id: &ID) -> Done {
    set_enabled(writing, id, true).await
}

async fn set_enabled(writing: &mut Writing<'_>, id: &ID, enabled: bool) -> Done {
    let (customer, by, found) = find(writing, id).await?;
    if found.enabled == enabled {
        let word = if enabled { "runs" } else { "rests" };
        return Err(Refusal::no_change("scanScheduleId", format!("the schedule {word} already")).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_schedule_enabled(&customer, by, &found, enabled);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, found.id))
}

async fn delete(writing: &mut Writing<'_>, id: &ID) -> Done {
    let (customer, by, found) = find(writing, id).await?;
    let mut changes = Changes::new(&writing.author);
    changes.delete_schedule(&customer, by, &found);
    changes.execute(&mut writing.writer).await?;
    Ok((customer.id, found.id))
}
