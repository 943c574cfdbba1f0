//! Scans and schedules as mutations find and change them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::domain::ids::{AssetId, CustomerId, PartnerId, ScanId, ScanScheduleId};
use crate::domain::scan::{ScanStatus, ScanTrigger};
use crate::domain::schedule::{DayOfWeek, Schedule, next_run};
use crate::store::change::{Changes, Event};
use crate::store::portal::LockedCustomer;
use crate::store::{StoreError, Writer};

/// A scan as a mutation finds it.
#[derive(Clone, Debug)]
pub struct FoundScan {
    /// Its id.
    pub id: ScanId,
    /// What is looked for.
    pub profile: String,
    /// How far it is.
    pub status: ScanStatus,
}

/// A schedule as a mutation finds it.
#[derive(Clone, Debug)]
pub struct FoundSchedule {
    /// Its id.
    pub id: ScanScheduleId,
    /// What is looked for.
    pub profile: String,
    /// When it recurs.
    pub schedule: Schedule,
    /// Whether it runs at all.
    pub enabled: bool,
}

/// A schedule to be.
#[derive(Clone, Debug)]
pub struct NewSchedule<'s> {
    /// What is looked for.
    pub profile: &'s str,
    /// When it recurs.
    pub schedule: Schedule,
    /// What it runs on besides.
    pub events: &'s [ScanTrigger],
    /// What is scanned; all that the customer has where there are none.
    pub targets: &'s BTreeSet<AssetId>,
}

/// A scan that the viewer sees.
///
/// # Errors
/// When the database does not answer.
pub async fn find_scan(
    writer: &mut Writer,
    customer: CustomerId,
    scan: ScanId,
) -> Result<Option<FoundScan>, StoreError> {
    let row = sqlx::query!(
        "select profile, status from scans where customer_id = $1 and id = $2",
        customer.0,
        scan.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    row.map(|row| Ok(FoundScan { id: scan, profile: row.profile, status: row.status.parse()? })).transpose()
}

/// Locks a scan that no scanner has begun, so that none begins it: `lease::hold` waits for the same row, and finds it called off. False
/// where one has, also where it let go of it again: what a scanner has begun is metered.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_queued(
    writer: &mut Writer,
    customer: CustomerId,
    scan: ScanId,
) -> Result<bool, StoreError> {
    let locked = sqlx::query!(
        "select id from scans where customer_id = $1 and id = $2 and status = 'QUEUED' and begun_at is null
         for no key update",
        customer.0,
        scan.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(locked.is_some())
}

/// A schedule that the viewer sees.
///
/// # Errors
/// When the database does not answer.
pub async fn find_schedule(
    writer: &mut Writer,
    customer: CustomerId,
    schedule: ScanScheduleId,
) -> Result<Option<FoundSchedule>, StoreError> {
    let row = sqlx::query!(
        "select profile, frequency, start_time, time_zone, day_of_week, day_of_month, enabled
         from scan_schedules where customer_id = $1 and id = $2",
        customer.0,
        schedule.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    row.map(|row| {
        let schedule_of = super::ScheduleColumns {
            frequency: &row.frequency,
            start_time: row.start_time,
            time_zone: &row.time_zone,
            day_of_week: row.day_of_week.as_deref(),
            day_of_month: row.day_of_month,
        };
        Ok(FoundSchedule {
            id: schedule,
            profile: row.profile,
            schedule: schedule_of.schedule()?,
            enabled: row.enabled,
        })
    })
    .transpose()
}

/// Locks a schedule and says whether it runs; none where somebody was first to delete it.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_schedule(
    writer: &mut Writer,
    customer: CustomerId,
    schedule: ScanScheduleId,
) -> Result<Option<bool>, StoreError> {
    let enabled = sqlx::query_scalar!(
        "select enabled from scan_schedules where customer_id = $1 and id = $2 for update",
        customer.0,
        schedule.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(enabled)
}

/// Whether all of these are assets of the customer that the viewer sees.
///
/// # Errors
/// When the database does not answer.
pub async fn are_assets(
    writer: &mut Writer,
    customer: CustomerId,
    assets: &BTreeSet<AssetId>,
) -> Result<bool, StoreError> {
    let ids: Vec<_> = assets.iter().map(|asset| asset.0).collect();
    let found = sqlx::query_scalar!(
        r#"select count(*) as "found!" from assets where customer_id = $1 and id = any ($2)"#,
        customer.0,
        &ids
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(usize::try_from(found) == Ok(ids.len()))
}

/// What a log says of what is scanned: `full of 3 assets`.
fn named(profile: &str, targets: &BTreeSet<AssetId>) -> String {
    match targets.len() {
        0 => profile.to_owned(),
        1 => format!("{profile} of 1 asset"),
        count => format!("{profile} of {count} assets"),
    }
}

impl Changes<'_> {
    /// Queues a scan and records it.
    pub fn request_scan(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        profile: &str,
        targets: &BTreeSet<AssetId>,
    ) -> ScanId {
        let (id, now) = (ScanId(self.author().new_id()), self.author().now);
        self.change(|sql| {
            sql.push("insert into scans (customer_id, id, profile, trigger, status, requested_at) values (");
            sql.push_bind(customer.id.0).push(", ").push_bind(id.0);
            sql.push(", ").push_bind(profile.to_owned());
            sql.push(", ").push_bind(ScanTrigger::Manual.as_str());
            sql.push(", ").push_bind(ScanStatus::Queued.as_str());
            sql.push(", ").push_bind(now).push(")");
        });
        if !targets.is_empty() {
            self.change(|sql| {
                sql.push("insert into scan_targets (customer_id, scan_id, asset_id) select ");
                sql.push_bind(customer.id.0).push(", ").push_bind(id.0).push(", unnest(");
                sql.push_bind(targets.iter().map(|asset| asset.0).collect::<Vec<_>>()).push("::uuid[])");
            });
        }
        let what = named(profile, targets);
        self.record_operation(
            customer,
            by,
            &Event { action: "scan.requested", new_value: Some(&what), ..Event::default() },
        );
        id
    }

    /// Calls a locked scan off and records it.
    pub fn cancel_scan(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        scan: &FoundScan,
    ) -> &mut Self {
        let now = self.author().now;
        self.change(|sql| {
            sql.push("update scans set status = ").push_bind(ScanStatus::Canceled.as_str());
            sql.push(", finished_at = ").push_bind(now);
            sql.push(" where customer_id = ").push_bind(customer.id.0);
            sql.push(" and id = ").push_bind(scan.id.0);
        });
        self.record_operation(
            customer,
            by,
            &Event { action: "scan.canceled", old_value: Some(&scan.profile), ..Event::default() },
        )
    }

    /// Adds a schedule and records it.
    pub fn create_schedule(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        new: &NewSchedule<'_>,
    ) -> ScanScheduleId {
        let (id, now) = (ScanScheduleId(self.author().new_id()), self.author().now);
        let Schedule { recurrence, start_time, time_zone } = new.schedule;
        let frequency = recurrence.frequency();
        self.change(|sql| {
            sql.push(
                "insert into scan_schedules (customer_id, id, profile, frequency, start_time, time_zone, day_of_week, \
                 day_of_month, events, next_run_at, enabled, created_at) values (",
            );
            sql.push_bind(customer.id.0).push(", ").push_bind(id.0);
            sql.push(", ").push_bind(new.profile.to_owned());
            sql.push(", ").push_bind(frequency.as_str());
            sql.push(", ").push_bind(start_time);
            sql.push(", ").push_bind(time_zone.name());
            sql.push(", ").push_bind(recurrence.day_of_week().map(DayOfWeek::as_str));
            sql.push(", ").push_bind(recurrence.day_of_month().map(i16::from));
            sql.push(", ").push_bind(new.events.iter().map(|event| event.as_str()).collect::<Vec<_>>());
            sql.push(", ").push_bind(next_run(&new.schedule, now));
            sql.push(", true, ").push_bind(now).push(")");
        });
        if !new.targets.is_empty() {
            self.change(|sql| {
                sql.push(
                    "insert into scan_schedule_targets (customer_id, scan_schedule_id, asset_id) select ",
                );
                sql.push_bind(customer.id.0).push(", ").push_bind(id.0).push(", unnest(");
                sql.push_bind(new.targets.iter().map(|asset| asset.0).collect::<Vec<_>>()).push("::uuid[])");
            });
        }
        let what = format!(
            "{}, {frequency} at {} {}",
            named(new.profile, new.targets),
            start_time.format("%H:%M"),
            time_zone.name()
        );
        self.record_operation(
            customer,
            by,
            &Event { action: "scan_schedule.created", new_value: Some(&what), ..Event::default() },
        );
        id
    }

    /// Lets a locked schedule run, from its next time on, or not, and records it.
    pub fn set_schedule_enabled(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        schedule: &FoundSchedule,
        enabled: bool,
    ) -> &mut Self {
        let next: Option<DateTime<Utc>> = enabled.then(|| next_run(&schedule.schedule, self.author().now));
        self.change(|sql| {
            sql.push("update scan_schedules set enabled = ").push_bind(enabled);
            sql.push(", next_run_at = ").push_bind(next);
            sql.push(" where customer_id = ").push_bind(customer.id.0);
            sql.push(" and id = ").push_bind(schedule.id.0);
        });
        let profile = Some(schedule.profile.as_str());
        let event = if enabled {
            Event { action: "scan_schedule.resumed", new_value: profile, ..Event::default() }
        } else {
            Event { action: "scan_schedule.paused", old_value: profile, ..Event::default() }
        };
        self.record_operation(customer, by, &event)
    }

    /// Deletes a locked schedule and records it; the scans that it asked for stay.
    pub fn delete_schedule(
        &mut self,
        customer: &LockedCustomer,
        by: Option<PartnerId>,
        schedule: &FoundSchedule,
    ) -> &mut Self {
        self.change(|sql| {
            sql.push("delete from scan_schedule_targets where customer_id = ").push_bind(customer.id.0);
            sql.push(" and scan_schedule_id = ").push_bind(schedule.id.0);
        });
        self.change(|sql| {
            sql.push("delete from scan_schedules where customer_id = ").push_bind(customer.id.0);
            sql.push(" and id = ").push_bind(schedule.id.0);
        });
        self.record_operation(
            customer,
            by,
            &Event {
                action: "scan_schedule.deleted",
                old_value: Some(&schedule.profile),
                ..Event::default()
            },
        )
    }
}
