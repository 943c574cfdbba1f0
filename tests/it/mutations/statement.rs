//! The statement of a past month does not change, whatever changes later (DESIGN.md 7).

use chrono::TimeDelta;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::ViewerKind;
use posture_gateway::store::seed;
use rust_decimal::Decimal;
use serde_json::Value;

use super::codes;
use crate::support::app::App;
use crate::support::world::{Terms, World, days};

/// A month's statement to the byte.
async fn billing(app: &App, admin: UserId, month: &str) -> String {
    let document = format!(
        "{{ partner {{ billing(month: \"{month}\") {{ month total {{ amount currency }} unitCostTotal {{ amount }} \
         marginTotal {{ amount }} lines {{ plan price {{ amount }} unitCost {{ amount }} margin {{ amount }} \
         access {{ id customer {{ name }} }} }} }} }} }}"
    );
    app.sign_in(admin).data(&document).await.to_string()
}

/// Everything that a partner and the platform can change about what is billed, each of which must be done.
async fn change_everything(
    app: &App,
    (admin, platform): (UserId, UserId),
    accesses: &[String; 3],
    cost: u32,
) {
    let [sold, trial, ended] = accesses;
    let platform_changes = format!(
        r#"mutation {{ a: setPricing(input: {{ licenseModel: PER_ASSET, unitCost: "{cost}", prepaidUnitCost: "{}", currency: "EUR" }})
           {{ userErrors {{ code message }} }} }}"#,
        cost - 5
    );
    let id = |access: &str| format!(r#"{{ accessId: "{access}" }}"#);
    let partner_changes = format!(
        r#"mutation {{
            a: removeAddOn(input: {{ accessId: "{sold}", code: "SSO" }}) {{ userErrors {{ code message }} }}
            b: addAddOn(input: {{ accessId: "{sold}", code: "API" }}) {{ userErrors {{ code message }} }}
            c: buyPrepaidLicenses(input: {{ licenseModel: PER_ASSET, quantity: 3 }}) {{ userErrors {{ code message }} }}
            d: unassignPrepaidLicense(input: {}) {{ userErrors {{ code message }} }}
            e: assignPrepaidLicense(input: {}) {{ userErrors {{ code message }} }}
            f: convertTrial(input: {}) {{ userErrors {{ code message }} }}
            g: endAccess(input: {{ accessId: "{ended}", reason: "They left us" }}) {{ userErrors {{ code message }} }}
        }}"#,
        id(ended),
        id(sold),
        id(trial),
    );
    for (user, document) in [(platform, platform_changes), (admin, partner_changes)] {
        let data = app.sign_in(user).data(&document).await;
        let errors: Vec<&Value> =
            data.as_object().unwrap().values().map(|done| &done["userErrors"]).collect();
        assert!(errors.iter().all(|errors| errors.as_array().unwrap().is_empty()), "{data}");
    }
}

#[tokio::test]
async fn a_past_month_stays_as_it_was_to_the_byte() {
    let mut world = World::default();
    world.price_list();
    world.catalogue();
    world.rows.plan_add_ons.push(seed::PlanAddOn {
        code: "API".to_owned(),
        currency: "EUR".to_owned(),
        name: "API scanning".to_owned(),
        monthly_price: Decimal::new(4_900, 2),
        annual_price: Decimal::new(49_000, 2),
    });
    let birch = world.partner("Birch");
    let admin = world.partner_admin(birch, "Ada");
    let platform = world.user(ViewerKind::PlatformAdmin, "Pia");
    let mut sell = |name: &str, terms| {
        let customer = world.customer(birch, name, PortalAccess::Full);
        let access = world.access(birch, customer, terms);
        GlobalId::Access(customer, access).to_string()
    };
    let accesses = [
        sell("Sold", Terms::co_managed()),
        sell("Trying", Terms::customer_managed().trial_until(days(20))),
        sell("Leaving", Terms::co_managed()),
    ];
    // Leaving is covered by a prepaid licence, Sold has an add-on.
    world.rows.subscriptions[2].prepaid = true;
    let sold = &world.rows.subscriptions[0];
    let add_on = seed::AddOn {
        customer_id: sold.customer_id,
        access_id: sold.access_id,
        code: "SSO".to_owned(),
        partner_id: birch,
        name: "Single sign-on".to_owned(),
        price: Decimal::new(1_250, 2),
    };
    world.rows.add_ons.push(add_on);
    let app = App::start(world).await;

    let may = billing(&app, admin, "2026-05-01").await;
    assert!(may.contains(r#""total":{"amount":"212.50","currency":"EUR"}"#), "{may}");
    assert!(may.contains(r#""unitCostTotal":{"amount":"110.00"}"#), "{may}");
    let june = billing(&app, admin, "2026-06-01").await;
    change_everything(&app, (admin, platform), &accesses, 90).await;
    assert_eq!(billing(&app, admin, "2026-05-01").await, may);
    // The present month has changed: Sold has another add-on and a prepaid licence of the new price, Trying pays, and
    // Leaving is billed for what held when it left.
    let changed = billing(&app, admin, "2026-06-01").await;
    assert_ne!(changed, june);
    assert!(changed.contains(r#""total":{"amount":"349.00","currency":"EUR"}"#), "{changed}");

    // A month later the present month is a past one, and stays, too.
    app.clock.advance(TimeDelta::days(20));
    assert_eq!(billing(&app, admin, "2026-06-01").await, changed);
    let [sold, trial, _] = &accesses;
    let document = format!(
        r#"mutation {{
            a: addAddOn(input: {{ accessId: "{sold}", code: "SSO" }}) {{ userErrors {{ code }} }}
            b: removeAddOn(input: {{ accessId: "{sold}", code: "API" }}) {{ userErrors {{ code }} }}
            c: unassignPrepaidLicense(input: {{ accessId: "{sold}" }}) {{ userErrors {{ code }} }}
            d: suspendAccess(input: {{ accessId: "{sold}", reason: "Not paid" }}) {{ userErrors {{ code }} }}
            e: endAccess(input: {{ accessId: "{trial}", reason: "They left us" }}) {{ userErrors {{ code }} }}
        }}"#
    );
    let reply = app.sign_in(admin).ask(&document).await;
    assert_eq!(codes(&reply), [] as [&str; 0], "{}", reply.text);
    assert_eq!(billing(&app, admin, "2026-06-01").await, changed);
    assert_eq!(billing(&app, admin, "2026-05-01").await, may);
}
