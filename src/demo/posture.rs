//! What the demo's scanners found out: assets, scans with reports, components, schedules.

use chrono::{DateTime, Datelike as _, Days, NaiveTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

use super::cast::Tenant;
use super::catalogue::PACKAGES_USED;
use super::dice::Dice;
use super::findings;
use crate::domain::asset::AssetKind;
use crate::domain::ids::{AssetId, ComponentId, ScanId, ScanScheduleId};
use crate::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use crate::domain::schedule::DayOfWeek;
use crate::store::seed::{self, deterministic_id};

const PROFILES: [&str; 4] = ["full", "web", "network", "dependencies"];

const LABELS: [&str; 16] = [
    "www", "shop", "api", "mail", "vpn", "intranet", "status", "docs", "blog", "cdn", "auth", "git", "jobs",
    "pay", "stage", "portal",
];

/// How many weeks back scans go.
const WEEKS: u32 = 26;

/// What is known of one customer.
pub(super) struct Scanned<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) assets: Vec<AssetId>,
    /// Scans that succeeded, the earliest first.
    pub(super) scans: Vec<(ScanId, DateTime<Utc>)>,
}

/// Numbers of rows, over all customers.
#[derive(Debug, Default)]
struct Counters {
    assets: u64,
    scans: u64,
    components: u64,
    schedules: u64,
}

impl Counters {
    fn next(counter: &mut u64) -> u64 {
        *counter += 1;
        *counter
    }
}

/// Everything of posture but evidence and shares.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    let mut counters = Counters::default();
    let mut scanned = Vec::new();
    for tenant in tenants {
        if !tenant.is_scanned() {
            // Registered and waiting for a scanner, or not even that.
            let count = if tenant.links.is_empty() { 0 } else { tenant.nth % 4 };
            assets(world, tenant, count, &mut counters, now);
            continue;
        }
        let count = 8 + Dice::new("assets", tenant.nth).below(40);
        let assets = assets(world, tenant, count, &mut counters, now);
        let scans = scans(world, tenant, &mut counters, now);
        components(world, tenant, &mut counters);
        schedules(world, tenant, &assets, &mut counters, now);
        scanned.push(Scanned { tenant, assets, scans });
    }
    findings::fill(world, &scanned);
}

/// The `nth` asset of a domain; the first five are of five kinds.
fn asset(domain: &str, tenant: u32, nth: u32) -> (AssetKind, String) {
    let round = nth / 4;
    let label = LABELS.get(round as usize % LABELS.len()).copied().unwrap_or_default();
    match (nth, nth % 4) {
        (0, _) => (AssetKind::Domain, domain.to_owned()),
        (_, 0) => (AssetKind::IpAddress, format!("2001:db8:{:x}::{round:x}", tenant + 1)),
        (_, 1) => (AssetKind::Subdomain, format!("{label}.{domain}")),
        (_, 2) => (AssetKind::WebApplication, format!("https://{label}.{domain}/")),
        _ if round.is_multiple_of(2) => (AssetKind::Api, format!("https://{label}.{domain}/v1")),
        _ => (AssetKind::IpAddress, format!("203.0.113.{}", round + 1)),
    }
}

fn assets(
    world: &mut seed::World,
    tenant: &Tenant,
    count: u32,
    counters: &mut Counters,
    now: DateTime<Utc>,
) -> Vec<AssetId> {
    let domain = tenant.domain();
    let rows = (0..count).map(|nth| {
        let (kind, value) = asset(&domain, tenant.nth, nth);
        let id = AssetId(deterministic_id("asset", Counters::next(&mut counters.assets)));
        let first_seen_at = tenant.created_at(now) + TimeDelta::minutes(i64::from(nth) * 7 + 30);
        seed::Asset { customer_id: tenant.id(), id, kind, value, first_seen_at }
    });
    let first = world.assets.len();
    world.assets.extend(rows);
    world.assets.iter().skip(first).map(|asset| asset.id).collect()
}

/// A scan a week since the customer came, the last one within a day; some fail, some have just begun.
fn scans(
    world: &mut seed::World,
    tenant: &Tenant,
    counters: &mut Counters,
    now: DateTime<Utc>,
) -> Vec<(ScanId, DateTime<Utc>)> {
    let mut dice = Dice::new("scans", tenant.nth);
    let last = now - TimeDelta::minutes(60 + i64::from(dice.below(1200)));
    let since = tenant.created_at(now);
    let mut succeeded = Vec::new();
    for week in (0..WEEKS).rev() {
        let started_at = last - TimeDelta::weeks(week.into());
        if started_at < since {
            continue;
        }
        let finished_at = started_at + TimeDelta::minutes(10 + i64::from(dice.below(45)));
        let status = match dice.below(20) {
            // The last one stands: it makes the report that lists show.
            _ if week == 0 => ScanStatus::Succeeded,
            0 => ScanStatus::Failed,
            1 => ScanStatus::Canceled,
            _ => ScanStatus::Succeeded,
        };
        let trigger = match dice.below(10) {
            0 => ScanTrigger::Manual,
            1 => ScanTrigger::AssetDiscovered,
            2 => ScanTrigger::VulnerabilityDatabaseUpdated,
            3 => ScanTrigger::Api,
            _ => ScanTrigger::Scheduled,
        };
        let id = ScanId(deterministic_id("scan", Counters::next(&mut counters.scans)));
        world.scans.push(seed::Scan {
            customer_id: tenant.id(),
            id,
            profile: dice.word(&PROFILES).to_owned(),
            trigger,
            status,
            requested_at: started_at - TimeDelta::minutes(2),
            started_at: Some(started_at),
            finished_at: Some(finished_at),
            failure: (status == ScanStatus::Failed).then(|| "no route to host".to_owned()),
        });
        if status == ScanStatus::Succeeded {
            succeeded.push((id, finished_at));
        }
    }
    if tenant.nth % 6 == 1 {
        let running = tenant.nth % 4 == 1;
        let requested_at = now - TimeDelta::minutes(4);
        world.scans.push(seed::Scan {
            customer_id: tenant.id(),
            id: ScanId(deterministic_id("scan", Counters::next(&mut counters.scans))),
            profile: "full".to_owned(),
            trigger: ScanTrigger::Manual,
            status: if running { ScanStatus::Running } else { ScanStatus::Queued },
            requested_at,
            started_at: running.then(|| requested_at + TimeDelta::minutes(1)),
            finished_at: None,
            failure: None,
        });
    }
    succeeded
}

fn components(world: &mut seed::World, tenant: &Tenant, counters: &mut Counters) {
    let mut dice = Dice::new("components", tenant.nth);
    for (ecosystem, name, version, license) in PACKAGES_USED {
        if dice.percent(30) {
            continue;
        }
        let purl = format!("pkg:{ecosystem}/{name}@{version}");
        world.components.push(seed::Component {
            customer_id: tenant.id(),
            id: ComponentId(deterministic_id("component", Counters::next(&mut counters.components))),
            identity: Sha256::digest(purl.as_bytes()).to_vec(),
            name: name.to_owned(),
            version: Some(version.to_owned()),
            purl: Some(purl),
            licenses: vec![license.to_owned()],
        });
    }
}

/// A weekly schedule over the first assets; every third customer has a daily one for some of them, too.
fn schedules(
    world: &mut seed::World,
    tenant: &Tenant,
    assets: &[AssetId],
    counters: &mut Counters,
    now: DateTime<Utc>,
) {
    let hour = NaiveTime::from_hms_opt(tenant.nth % 24, 30, 0).unwrap_or_default();
    let mut add = |profile: &str, frequency, targets: usize, enabled| {
        let days = match frequency {
            ScanFrequency::Daily => 1,
            ScanFrequency::Weekly => 7 - u64::from(now.weekday().num_days_from_monday()),
            ScanFrequency::Monthly => 30,
        };
        let next_run_at =
            now.date_naive().checked_add_days(Days::new(days)).map(|day| day.and_time(hour).and_utc());
        let id = ScanScheduleId(deterministic_id("schedule", Counters::next(&mut counters.schedules)));
        world.scan_schedules.push(seed::ScanSchedule {
            customer_id: tenant.id(),
            id,
            profile: profile.to_owned(),
            frequency,
            start_time: hour,
            time_zone: "UTC".to_owned(),
            day_of_week: (frequency == ScanFrequency::Weekly).then_some(DayOfWeek::Monday),
            day_of_month: (frequency == ScanFrequency::Monthly)
                .then(|| next_run_at.and_then(|at| i16::try_from(at.day()).ok()).unwrap_or(1)),
            events: if frequency == ScanFrequency::Weekly {
                vec![ScanTrigger::AssetDiscovered]
            } else {
                Vec::new()
            },
            next_run_at: next_run_at.filter(|_| enabled),
            enabled,
            created_at: tenant.created_at(now) + TimeDelta::hours(3),
        });
        world.scan_schedule_targets.extend(assets.iter().take(targets).map(|&asset_id| {
            seed::ScanScheduleTarget { customer_id: tenant.id(), scan_schedule_id: id, asset_id }
        }));
    };
    add("full", ScanFrequency::Weekly, 6, true);
    match tenant.nth % 6 {
        0 => add("web", ScanFrequency::Daily, 2, true),
        3 => add("network", ScanFrequency::Monthly, 4, tenant.nth % 4 != 3),
        _ => {}
    }
}
