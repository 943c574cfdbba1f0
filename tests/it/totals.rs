//! Money and dates: the dashboard's commercial side and the monthly statement, against numbers worked out by hand
//! (DESIGN.md 7 and 9).

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone as _, Utc};
use posture_gateway::domain::access::AccessStatus;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{PartnerId, UserId};
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use posture_gateway::store::seed;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::support::app::{App, Client};
use crate::support::world::{NOW, Terms, World, days};

/// A partner with an ADMIN, and a price list of 60.00, prepaid 50.00, from long ago.
fn partner() -> (World, PartnerId, UserId) {
    let mut world = World::default();
    world.price_list();
    let partner = world.partner("Birch");
    let admin = world.partner_admin(partner, "Ada");
    (world, partner, admin)
}

/// Sells to a new customer and gives the subscription to change.
fn sell<'w>(
    world: &'w mut World,
    partner: PartnerId,
    name: &str,
    terms: Terms,
) -> &'w mut seed::Subscription {
    let customer = world.customer(partner, name, PortalAccess::Disabled);
    world.access(partner, customer, terms);
    let sold = world.rows.subscriptions.last_mut().unwrap();
    sold.renewal_date = None;
    sold
}

fn access(world: &mut World) -> &mut seed::Access {
    world.rows.accesses.last_mut().unwrap()
}

/// Adds something to the last subscription, priced for its billing cycle.
fn add_on(world: &mut World, code: &str, cents: i64) {
    let sold = world.rows.subscriptions.last().unwrap();
    world.rows.add_ons.push(seed::AddOn {
        customer_id: sold.customer_id,
        access_id: sold.access_id,
        code: code.to_owned(),
        partner_id: sold.partner_id,
        name: code.to_lowercase(),
        price: Decimal::new(cents, 2),
    });
}

async fn commercial(client: &Client, fields: &str) -> Value {
    let data = client.data(&format!("{{ partner {{ dashboard {{ commercial {{ {fields} }} }} }} }}")).await;
    data["partner"]["dashboard"]["commercial"].clone()
}

fn at(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 0, 0, 0).unwrap()
}

#[tokio::test]
async fn revenue_is_what_recurs_in_a_month() {
    let (mut world, birch, admin) = partner();
    let terms = Terms::customer_managed();
    sell(&mut world, birch, "Monthly", terms); // 100.00
    add_on(&mut world, "SSO", 1_250); // 12.50
    let annual = sell(&mut world, birch, "Annual", terms);
    (annual.billing_cycle, annual.price) = (BillingCycle::Annual, Decimal::new(100_000, 2)); // 1000 / 12 = 83.33
    add_on(&mut world, "API", 10_000); // 100 / 12 = 8.33
    add_on(&mut world, "SSO", 606); // 6.06 / 12 = 0.505, half away from zero: 0.51
    sell(&mut world, birch, "Late", terms).status = SubscriptionStatus::PastDue; // 100.00
    sell(&mut world, birch, "Held", terms.status(AccessStatus::Suspended));
    sell(&mut world, birch, "Trying", terms.trial_until(days(5)));
    sell(&mut world, birch, "Over", terms.status(AccessStatus::Ended));
    // The subscription counts, whatever the access is.
    sell(&mut world, birch, "Held, but paid", terms.status(AccessStatus::Suspended)).status =
        SubscriptionStatus::Active; // 100.00
    let app = App::start(world).await;
    assert_eq!(
        commercial(&app.sign_in(admin), "accesses monthlyRecurringRevenue { amount currency }").await,
        json!({ "accesses": 7, "monthlyRecurringRevenue": { "amount": "404.67", "currency": "EUR" } })
    );
    let data = app
        .sign_in(admin)
        .data("{ partner { accesses(filter: { customerName: \"Annual\" }) { nodes { subscription { price { amount } \
               unitCost { amount } margin { amount } addOns { code price { amount } } } } } } }")
        .await;
    assert_eq!(
        data["partner"]["accesses"]["nodes"][0]["subscription"],
        json!({
            "price": { "amount": "83.33" }, "unitCost": { "amount": "60.00" }, "margin": { "amount": "23.33" },
            "addOns": [
                { "code": "API", "price": { "amount": "8.33" } },
                { "code": "SSO", "price": { "amount": "0.51" } },
            ],
        })
    );
}

#[tokio::test]
async fn renewals_and_trial_ends_count_from_today_to_day_30() {
    let (mut world, birch, admin) = partner();
    let terms = Terms::customer_managed();
    for day in [-1, 0, 30, 31] {
        sell(&mut world, birch, &format!("Renews {day}"), terms).renewal_date = Some(days(day).date_naive());
    }
    // Day 0 after noon, day 30 to its last microsecond; expired at this very instant, earlier today, and day 31.
    let midnight = at(2026, 6, 15);
    let micro = TimeDelta::microseconds(1);
    for ends_at in [NOW + micro, midnight + TimeDelta::days(31) - micro] {
        sell(&mut world, birch, &format!("Ends soon {ends_at}"), terms.trial_until(ends_at));
    }
    for ends_at in [NOW, midnight, days(-1), midnight + TimeDelta::days(31)] {
        sell(&mut world, birch, &format!("Does not {ends_at}"), terms.trial_until(ends_at));
    }
    // Converted: no trial any more.
    sell(&mut world, birch, "Converted", terms.trial_until(days(3)));
    (access(&mut world).status, access(&mut world).trial_converted_at) =
        (AccessStatus::Active, Some(days(-1)));
    let app = App::start(world).await;
    assert_eq!(
        commercial(&app.sign_in(admin), "accesses renewalsWithin30Days trialsEndingWithin30Days").await,
        json!({ "accesses": 11, "renewalsWithin30Days": 2, "trialsEndingWithin30Days": 2 })
    );
}

#[tokio::test]
async fn metering_alerts_exactly_at_its_threshold() {
    // Licence, quantity, assets, scans of this month, percent, whether it alerts.
    let cases = [
        (LicenseModel::PerAsset, Some(10), 9, 0, Some(90.0), true),
        (LicenseModel::PerAsset, Some(10), 8, 20, Some(80.0), false),
        (LicenseModel::PerAsset, Some(9), 8, 0, Some(88.888_888_888_888_89), false),
        (LicenseModel::PerAsset, Some(2), 3, 0, Some(150.0), true),
        (LicenseModel::PerScan, Some(5), 0, 4, Some(80.0), true),
        (LicenseModel::PerScan, Some(5), 9, 3, Some(60.0), false),
        (LicenseModel::PerScan, Some(100), 0, 0, Some(0.0), false),
        (LicenseModel::Unlimited, None, 9, 9, None, false),
    ];
    let (mut world, birch, admin) = partner();
    for (nth, (model, quantity, assets, scans, ..)) in cases.into_iter().enumerate() {
        let sold = sell(&mut world, birch, &format!("Customer {nth}"), Terms::customer_managed());
        (sold.license_model, sold.quantity) = (model, quantity);
        let customer = sold.customer_id;
        for asset in 0..assets {
            world.asset(customer, &format!("{asset}.example"));
        }
        for _ in 0..scans {
            world.scan(customer, NOW);
        }
        // Last month's, to the last microsecond of it, and its neighbour.
        world.scan(customer, at(2026, 5, 20));
        world.rows.scans.last_mut().unwrap().requested_at = at(2026, 6, 1) - TimeDelta::microseconds(1);
    }
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    assert_eq!(commercial(&admin, "usageAlerts").await, json!({ "usageAlerts": 3 }));
    let data = admin
        .data("{ partner { accesses { nodes { subscription { licenseModel usage { used limit percent alertThresholdPercent alerting \
               periodStart periodEnd } } } } } }")
        .await;
    let found: Vec<_> = data["partner"]["accesses"]["nodes"].as_array().unwrap().clone();
    for ((model, quantity, assets, scans, percent, alerting), node) in cases.into_iter().zip(found) {
        let (used, threshold) = match model {
            LicenseModel::PerAsset => (assets, Some(90)),
            LicenseModel::PerScan => (scans, Some(80)),
            LicenseModel::Unlimited => (0, None),
        };
        assert_eq!(
            node["subscription"],
            json!({ "licenseModel": model.as_str(), "usage": {
                "used": used, "limit": quantity, "percent": percent, "alertThresholdPercent": threshold,
                "alerting": alerting, "periodStart": "2026-06-01", "periodEnd": "2026-06-30",
            } })
        );
    }
}

/// Customer, price, unit cost and margin of each line; total, cost and margin of the statement.
async fn billing(client: &Client, month: &str) -> (Vec<String>, String) {
    let data = client
        .data(&format!(
            "{{ partner {{ billing(month: \"{month}\") {{ month lines {{ plan access {{ customer {{ name }} }} price {{ amount }} \
             unitCost {{ amount }} margin {{ amount }} }} total {{ amount currency }} unitCostTotal {{ amount }} marginTotal {{ amount }} }} }} }}"
        ))
        .await;
    let statement = &data["partner"]["billing"];
    assert_eq!(statement["month"], format!("{}01", &month[..8]));
    assert_eq!(statement["total"]["currency"], "EUR");
    let amount = |value: &Value| value["amount"].as_str().unwrap().to_owned();
    let sum = |field: &str| {
        let lines = statement["lines"].as_array().unwrap().iter();
        lines.map(|line| amount(&line[field]).parse::<Decimal>().unwrap()).sum::<Decimal>()
    };
    for (field, total) in [("price", "total"), ("unitCost", "unitCostTotal"), ("margin", "marginTotal")] {
        assert_eq!(sum(field), amount(&statement[total]).parse().unwrap(), "{month} {field}");
    }
    let lines = statement["lines"].as_array().unwrap().iter().map(|line| {
        let name = line["access"]["customer"]["name"].as_str().unwrap();
        format!(
            "{name}: {} - {} = {}",
            amount(&line["price"]),
            amount(&line["unitCost"]),
            amount(&line["margin"])
        )
    });
    let totals = [&statement["total"], &statement["unitCostTotal"], &statement["marginTotal"]].map(amount);
    (lines.collect(), totals.join(" "))
}

#[tokio::test]
async fn the_statement_has_a_line_for_each_access_that_was_live_in_the_month() {
    let (mut world, birch, admin) = partner();
    let micro = TimeDelta::microseconds(1);
    let (may, june) = (at(2026, 5, 1), at(2026, 6, 1));
    let created = |created_at| Terms::customer_managed().created_at(created_at);
    sell(&mut world, birch, "A whole", created(at(2026, 1, 1)));
    sell(&mut world, birch, "B created on its last instant", created(june - micro));
    sell(&mut world, birch, "C created after it", created(june));
    for (name, ended_at) in [
        ("D ended on its first instant", may),
        ("E ended in it", at(2026, 5, 20)),
        ("F ended before it", may - micro),
    ] {
        sell(&mut world, birch, name, created(at(2026, 1, 1)).status(AccessStatus::Ended));
        access(&mut world).ended_at = Some(ended_at);
    }
    sell(&mut world, birch, "G held", created(at(2026, 1, 1)).status(AccessStatus::Suspended));
    sell(&mut world, birch, "H trial", created(at(2026, 5, 10)).trial_until(at(2026, 6, 9)));
    let converted = |world: &mut World, name: &str, at: DateTime<Utc>| {
        sell(world, birch, name, created(may).trial_until(june));
        world.rows.subscriptions.last_mut().unwrap().status = SubscriptionStatus::Active;
        let access = access(world);
        (access.status, access.trial_converted_at) = (AccessStatus::Active, Some(at));
    };
    converted(&mut world, "I converted in it", june - micro);
    converted(&mut world, "J converted after it", june);
    let annual = sell(&mut world, birch, "K prepaid", created(may));
    (annual.billing_cycle, annual.price, annual.prepaid) =
        (BillingCycle::Annual, Decimal::new(100_000, 2), true);
    add_on(&mut world, "SSO", 606);
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    let full = |name: &str| format!("{name}: 100.00 - 60.00 = 40.00");
    let free = |name: &str| format!("{name}: 0.00 - 0.00 = 0.00");
    let lines = vec![
        full("A whole"),
        full("B created on its last instant"),
        full("E ended in it"),
        full("G held"),
        free("H trial"),
        full("I converted in it"),
        free("J converted after it"),
        "K prepaid: 83.84 - 50.00 = 33.84".to_owned(),
    ];
    let may = (lines, "583.84 350.00 233.84".to_owned());
    for day in ["2026-05-01", "2026-05-17", "2026-05-31"] {
        assert_eq!(billing(&admin, day).await, may, "{day}");
    }
    assert_eq!(billing(&admin, "2025-12-31").await, (vec![], "0.00 0.00 0.00".to_owned()));
    // The present month is allowed from its first to its last day.
    assert_eq!(billing(&admin, "2026-06-01").await, billing(&admin, "2026-06-30").await);
}

#[tokio::test]
async fn a_past_month_keeps_its_cost() {
    let (mut world, birch, admin) = partner();
    sell(&mut world, birch, "Acme", Terms::customer_managed().created_at(at(2026, 1, 1)));
    for (valid_from, cost) in [(at(2026, 4, 1), 7_000), (at(2026, 6, 1), 8_000), (days(1), 9_900)] {
        world.rows.pricing.push(seed::Price {
            license_model: LicenseModel::PerAsset,
            currency: "EUR".to_owned(),
            valid_from,
            unit_cost: Decimal::new(cost, 2),
            prepaid_unit_cost: Decimal::new(cost / 2, 2),
        });
    }
    let app = App::start(world).await;
    let admin = app.sign_in(admin);
    // A price that holds from tomorrow on is not yet in this month's statement, nor in the subscription's unit cost.
    for (month, cost) in
        [("2026-03-01", "60.00"), ("2026-04-01", "70.00"), ("2026-05-31", "70.00"), ("2026-06-15", "80.00")]
    {
        let (_, totals) = billing(&admin, month).await;
        assert_eq!(totals.split(' ').nth(1), Some(cost), "{month}");
    }
    let now = admin.data("{ partner { accesses { nodes { subscription { unitCost { amount } } } } } }").await;
    assert_eq!(now["partner"]["accesses"]["nodes"][0]["subscription"]["unitCost"]["amount"], "80.00");
}

#[tokio::test]
async fn a_month_to_come_has_no_statement_and_an_operator_none_at_all() {
    let (mut world, birch, admin) = partner();
    let sold = sell(&mut world, birch, "Acme", Terms::co_managed());
    let (customer, access) = (sold.customer_id, sold.access_id);
    let operator = world.operator(birch, "Olga");
    world.assign(operator, customer, access);
    let app = App::start(world).await;
    let document = |month: NaiveDate| format!("{{ partner {{ billing(month: \"{month}\") {{ month }} }} }}");
    for (year, month) in [(2026, 7), (2027, 6)] {
        let month = NaiveDate::from_ymd_opt(year, month, 1).unwrap();
        let reply = app.sign_in(admin).ask(&document(month)).await;
        assert_eq!(
            (reply.codes(), &reply.body["data"]["partner"]["billing"]),
            (vec!["BAD_USER_INPUT"], &Value::Null)
        );
    }
    for month in [1, 6, 7] {
        let month = NaiveDate::from_ymd_opt(2026, month, 1).unwrap();
        let reply = app.sign_in(operator).ask(&document(month)).await;
        assert_eq!(reply.body["data"], json!({ "partner": { "billing": null } }));
        let extensions = &reply.body["errors"][0]["extensions"];
        assert_eq!(*extensions, json!({ "code": "HIDDEN", "class": "PRICING", "reason": "ROLE" }));
    }
}
