//! The model's gate against the database: which rows policies show everybody of generated worlds, by the text alone.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::ids::UserId;
use posture_gateway::domain::user::PartnerRole;

use super::gate::{CLASSES, Gate, Who};
use crate::support::size::{seeds, tried};
use crate::wall::builder::now;
use crate::wall::matrix::hold;
use crate::wall::observed::{Shown, observe};
use crate::wall::worlds::generated;

/// What belongs to a customer alone, by the class that opens it.
const OF_CUSTOMERS: [(&str, &[&str]); 2] = [
    (
        "POSTURE",
        &[
            "assets",
            "components",
            "evidence",
            "findings",
            "posture_due",
            "posture_rollups",
            "posture_shares",
            "scan_reports",
            "scan_schedule_targets",
            "scan_schedules",
            "scans",
        ],
    ),
    ("SECURITY_CONFIG", &["api_keys", "security_settings"]),
];

/// What is due to a user, of the relations that the text speaks of.
fn due(gate: &Gate<'_>, user: UserId) -> Shown {
    let who = gate.who(user);
    let mut due: Shown = BTreeMap::new();
    let mut show = |relation: &'static str, is_due: bool, key: String| {
        let keys: &mut BTreeSet<String> = due.entry(relation).or_default();
        if is_due {
            keys.insert(key);
        }
    };
    for row in &gate.world.accesses {
        let exists = who.is_some_and(|who| gate.exists(user, who, row));
        show("accesses", exists, row.id.to_string());
        let commercial =
            exists && who.is_some_and(|who| gate.on_access(user, who, "COMMERCIAL", row).is_none());
        show("subscriptions", commercial, row.id.to_string());
    }
    for row in &gate.world.customers {
        let meets = who.is_some_and(|who| gate.meets(user, who, row));
        show("customers", meets, row.customer_id.to_string());
        for (class, relations) in OF_CUSTOMERS {
            assert!(CLASSES.contains(&class));
            let shown = who.is_some_and(|who| gate.on_customer(user, who, class, row.customer_id).is_none());
            for &relation in relations {
                show(relation, shown, row.customer_id.to_string());
            }
        }
    }
    for row in &gate.world.partners {
        show("partners", who.is_some_and(|who| gate.knows(who, row.id)), row.id.to_string());
        let own = who == Some(Who::Partner(row.id, PartnerRole::Admin));
        show("quotes", false, String::new());
        show("partner_audit_events", own, row.id.to_string());
        for quote in gate.world.quotes.iter().filter(|quote| quote.partner_id == row.id) {
            show("quotes", own, quote.customer_id.to_string());
        }
        show("prepaid_purchases", own || who == Some(Who::Platform), row.id.to_string());
    }
    for row in &gate.world.pricing {
        let prices = matches!(who, Some(Who::Partner(_, PartnerRole::Admin) | Who::Platform));
        show("pricing", prices, row.license_model.to_string());
    }
    due
}

#[tokio::test]
async fn policies_show_what_the_model_does() {
    let (mut worlds, mut relations) = (0, 0);
    for seed in seeds(12) {
        let world = generated(seed);
        let (_database, mut gateway) = hold(&world).await;
        let gate = Gate { world: &world, now: now() };
        for user in world.users.iter().map(|row| row.id) {
            let shown = observe(&mut gateway, user).await;
            for (relation, due) in due(&gate, user) {
                assert_eq!(
                    shown[relation],
                    due,
                    "{relation} for {user} ({:?}), world {seed}\n\
                     again: PROVE_SEED={seed} PROVE_WORLDS=1 cargo test --test it -- proof::model::walls",
                    gate.who(user)
                );
                relations += 1;
            }
        }
        worlds += 1;
    }
    tried("worlds in which policies and model agree", worlds);
    tried("relations of viewers in which policies and model agree", relations);
}
