//! What is sold: a subscription for every access, add-ons, and the price list.

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;

use super::cast::{House, Link, Stage, Tenant};
use super::dice::Dice;
use super::people;
use crate::domain::ids::CustomerId;
use crate::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use crate::store::seed::{self, deterministic_id};

/// What can be added to a plan: code, name, euros or dollars a month.
const ADD_ONS: [(&str, &str, i64); 4] = [
    ("api-scanning", "API scanning", 49),
    ("compliance-pack", "Compliance evidence pack", 79),
    ("extended-retention", "Extended retention", 19),
    ("priority-support", "Priority support", 120),
];

/// How many months a year is paid for at once: two are free.
const FULL_YEAR: i64 = 10;

/// What a customer has used of a licence by now.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    assets: i32,
    scans: i32,
}

/// Subscriptions, add-ons and prices. Assets and scans must be there already: quantities are set by what is used.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    let usage = usage(world, now);
    for tenant in tenants {
        let used = usage.get(&tenant.id()).copied().unwrap_or_default();
        for link in &tenant.links {
            subscribe(world, tenant, link, used, now);
        }
    }
    price_list(world, now);
    catalogue(world);
    prepaid(world, now);
    alerts(world, now);
}

fn usage(world: &seed::World, now: DateTime<Utc>) -> HashMap<CustomerId, Usage> {
    let month = |at: DateTime<Utc>| (at.year(), at.month());
    let mut usage: HashMap<_, Usage> = HashMap::new();
    for asset in &world.assets {
        usage.entry(asset.customer_id).or_default().assets += 1;
    }
    for scan in world.scans.iter().filter(|scan| month(scan.requested_at) == month(now)) {
        usage.entry(scan.customer_id).or_default().scans += 1;
    }
    usage
}

fn subscribe(world: &mut seed::World, tenant: &Tenant, link: &Link, used: Usage, now: DateTime<Utc>) {
    let mut dice = Dice::new("subscription", link.nth);
    let license_model = match link.nth % 5 {
        0 | 1 | 3 => LicenseModel::PerAsset,
        2 => LicenseModel::PerScan,
        _ => LicenseModel::Unlimited,
    };
    let (plan, monthly) = match license_model {
        LicenseModel::Unlimited => ("Enterprise", 799),
        LicenseModel::PerAsset | LicenseModel::PerScan if dice.percent(45) => ("Essential", 149),
        LicenseModel::PerAsset | LicenseModel::PerScan => ("Professional", 299),
    };
    let quantity = match license_model {
        LicenseModel::PerAsset => Some(quantity(used.assets, 90, &mut dice)),
        LicenseModel::PerScan => Some(quantity(used.scans, 80, &mut dice)),
        LicenseModel::Unlimited => None,
    };
    let billing_cycle = if dice.percent(40) { BillingCycle::Annual } else { BillingCycle::Monthly };
    let cycles = if billing_cycle == BillingCycle::Annual { FULL_YEAR } else { 1 };
    let status = match link.stage {
        Stage::Trial(_) => SubscriptionStatus::Trialing,
        Stage::Active | Stage::Converted if link.nth % 13 == 6 => SubscriptionStatus::PastDue,
        Stage::Active | Stage::Converted => SubscriptionStatus::Active,
        Stage::Suspended => SubscriptionStatus::Suspended,
        Stage::Ended(_) => SubscriptionStatus::Canceled,
    };
    let renews_in = match billing_cycle {
        BillingCycle::Monthly => 1 + dice.below(28),
        BillingCycle::Annual => 1 + dice.below(364),
    };
    let renewal_date = match status {
        SubscriptionStatus::Trialing | SubscriptionStatus::Canceled => None,
        SubscriptionStatus::Active | SubscriptionStatus::PastDue | SubscriptionStatus::Suspended => {
            now.date_naive().checked_add_days(Days::new(renews_in.into()))
        }
    };
    world.subscriptions.push(seed::Subscription {
        customer_id: tenant.id(),
        access_id: link.id(),
        partner_id: link.house.id(),
        plan: plan.to_owned(),
        billing_cycle,
        status,
        started_at: link.converted_at(now).unwrap_or_else(|| link.created_at(now)),
        renewal_date,
        license_model,
        quantity,
        price: Decimal::new(monthly * cycles * 100, 2),
        currency: link.house.currency().to_owned(),
        prepaid: dice.percent(35),
    });
    for (code, name, monthly) in ADD_ONS.into_iter().filter(|_| dice.percent(20)) {
        world.add_ons.push(seed::AddOn {
            customer_id: tenant.id(),
            access_id: link.id(),
            code: code.to_owned(),
            partner_id: link.house.id(),
            name: name.to_owned(),
            price: Decimal::new(monthly * cycles * 100, 2),
        });
    }
}

/// The plans and add-ons that the subscriptions are of, in every currency.
fn catalogue(world: &mut seed::World) {
    let price = |whole: i64| Decimal::new(whole * 100, 2);
    for currency in ["EUR", "USD"] {
        for (name, license_model, monthly) in [
            ("Essential", LicenseModel::PerAsset, 149),
            ("Essential", LicenseModel::PerScan, 149),
            ("Professional", LicenseModel::PerAsset, 299),
            ("Professional", LicenseModel::PerScan, 299),
            ("Enterprise", LicenseModel::Unlimited, 799),
        ] {
            world.plans.push(seed::Plan {
                name: name.to_owned(),
                license_model,
                currency: currency.to_owned(),
                monthly_price: price(monthly),
                annual_price: price(monthly * FULL_YEAR),
            });
        }
        for (code, name, monthly) in ADD_ONS {
            world.plan_add_ons.push(seed::PlanAddOn {
                code: code.to_owned(),
                currency: currency.to_owned(),
                name: name.to_owned(),
                monthly_price: price(monthly),
                annual_price: price(monthly * FULL_YEAR),
            });
        }
    }
}

/// What every house has paid in advance: more than it has assigned, and two years ago, before the first access.
fn prepaid(world: &mut seed::World, now: DateTime<Utc>) {
    for house in House::ALL {
        for license_model in LicenseModel::ALL.iter().copied() {
            let sold = world.subscriptions.iter().filter(|sold| {
                sold.partner_id == house.id() && sold.license_model == license_model && sold.prepaid
            });
            let quantity = i32::try_from(sold.count()).unwrap_or(i32::MAX - 5) + 5;
            let currency = house.currency();
            let list = world
                .pricing
                .iter()
                .find(|entry| entry.license_model == license_model && entry.currency == currency);
            let Some(list) = list else { continue };
            world.prepaid_purchases.push(seed::PrepaidPurchase {
                partner_id: house.id(),
                id: deterministic_id("prepaid-purchase", world.prepaid_purchases.len() as u64),
                license_model,
                quantity,
                unit_cost: list.prepaid_unit_cost,
                currency: currency.to_owned(),
                bought_at: now - TimeDelta::days(900),
            });
        }
    }
}

/// The alerts of this month: one for each live access whose usage has reached the threshold, every third acknowledged.
fn alerts(world: &mut seed::World, now: DateTime<Utc>) {
    let usage = usage(world, now);
    let first = now.date_naive().with_day(1).unwrap_or_default();
    let month = first.and_time(NaiveTime::MIN).and_utc();
    for access in world.accesses.iter().filter(|access| access.status.is_live()) {
        let Some(sold) = world.subscriptions.iter().find(|sold| sold.access_id == access.id) else {
            continue;
        };
        let used = usage.get(&access.customer_id).copied().unwrap_or_default();
        let used = match sold.license_model {
            LicenseModel::PerAsset => used.assets,
            LicenseModel::PerScan => used.scans,
            LicenseModel::Unlimited => 0,
        };
        let Some((quantity, threshold)) = sold.quantity.zip(sold.license_model.alert_threshold_percent())
        else {
            continue;
        };
        if 100 * used < threshold * quantity {
            continue;
        }
        let raised_at = access.created_at.max(month);
        let seen = world.usage_alerts.len() % 3 == 2;
        let house = House::ALL.into_iter().find(|house| house.id() == access.partner_id);
        world.usage_alerts.push(seed::UsageAlert {
            customer_id: access.customer_id,
            access_id: access.id,
            period_start: first,
            partner_id: access.partner_id,
            raised_at,
            acknowledged_at: house.filter(|_| seen).map(|_| now),
            acknowledged_by: house.filter(|_| seen).map(|house| people::partner_admin(house).0),
        });
    }
}

/// How many are licensed: sometimes fewer than are used, sometimes so few that the usage alerts, mostly plenty.
fn quantity(used: i32, alert_percent: i32, dice: &mut Dice) -> i32 {
    let quantity = match dice.below(10) {
        0 => used - 1,
        1 | 2 => used * 100 / alert_percent,
        _ => used * 2 + 10,
    };
    quantity.max(1)
}

/// The price list: one from long ago, and the dearer one since the first of the last month.
fn price_list(world: &mut seed::World, now: DateTime<Utc>) {
    let month = now.date_naive().with_day(1).unwrap_or_default();
    let last_month =
        month.checked_sub_months(Months::new(1)).unwrap_or(month).and_time(NaiveTime::MIN).and_utc();
    for currency in ["EUR", "USD"] {
        debug_assert!(House::ALL.iter().any(|house| house.currency() == currency));
        for (license_model, cents) in [
            (LicenseModel::PerAsset, 8_900),
            (LicenseModel::PerScan, 7_450),
            (LicenseModel::Unlimited, 41_000),
        ] {
            let dollars = if currency == "USD" { 108 } else { 100 };
            for (valid_from, percent) in [(now - TimeDelta::days(1000), 95), (last_month, 100)] {
                let cents = cents * dollars * percent / 10_000;
                world.pricing.push(seed::Price {
                    license_model,
                    currency: currency.to_owned(),
                    valid_from,
                    unit_cost: Decimal::new(cents, 2),
                    prepaid_unit_cost: Decimal::new(cents * 85 / 100, 2),
                });
            }
        }
    }
}
