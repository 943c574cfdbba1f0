//! The demo shows what it says it shows.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, TimeZone as _, Timelike as _, Utc};

use super::{FINDINGS, cast, names, personas, world};
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::asset::{AssetKind, canonical};
use crate::domain::customer::PortalAccess;
use crate::domain::finding::{FindingStatus, Severity};
use crate::domain::ids::UserId;
use crate::domain::scan::{ScanStatus, ScanTrigger};
use crate::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use crate::domain::user::PartnerRole;
use crate::policy::{AccessTerms, DataClass, Subject, Viewer, decide};
use crate::store::seed::{Access, World};

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 18, 15, 7, 42).unwrap()
}

fn values<T: Ord + Copy>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    all.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

fn terms(access: &Access) -> AccessTerms {
    AccessTerms {
        partner: access.partner_id,
        customer: access.customer_id,
        status: access.status,
        trial_ends_at: access.trial_ends_at,
        operating_model: access.operating_model,
        privilege_ceiling: access.privilege_ceiling,
        granted_consent: access.customer_consent,
        granted_until: access.consent_until,
    }
}

/// Whether an ADMIN of the access's partner sees a class.
fn admin_sees(access: &Access, class: DataClass) -> bool {
    let viewer = Viewer::Partner {
        user: UserId(uuid::Uuid::nil()),
        partner: access.partner_id,
        role: PartnerRole::Admin,
    };
    let facts = terms(access).facts_at(now(), false);
    let subject =
        Subject { customer: access.customer_id, access: Some(facts), portal_access: PortalAccess::Disabled };
    decide(&viewer, class, &subject).is_visible()
}

#[test]
fn two_worlds_of_one_instant_are_equal() {
    let (one, two) = (world(now()), world(now()));
    assert_eq!(format!("{one:?}"), format!("{two:?}"));
}

#[test]
fn it_is_as_large_as_promised() {
    let world = world(now());
    assert_eq!(world.findings.len(), FINDINGS as usize);
    assert_eq!((world.partners.len(), world.customers.len()), (4, 100));
    assert!(world.customers.len() <= names::MOST_CUSTOMERS);
    assert_eq!(world.partners.iter().filter(|partner| partner.parent_id.is_some()).count(), 2);
    assert_eq!(world.subscriptions.len(), world.accesses.len(), "a subscription for every access");
    let never_scanned = world
        .customers
        .iter()
        .filter(|customer| !world.scans.iter().any(|scan| scan.customer_id == customer.customer_id));
    assert!((3..10).contains(&never_scanned.count()));
    for counted in [
        world.components.len(),
        world.scan_reports.len(),
        world.scan_schedule_targets.len(),
        world.finding_history.len(),
        world.evidence.len(),
        world.posture_shares.len(),
        world.api_keys.len(),
        world.add_ons.len(),
        world.partner_audit_events.len(),
        world.customer_audit_events.len(),
    ] {
        assert!(counted > 20, "{counted}");
    }
}

#[test]
fn first_words_of_names_differ_and_sort_alike_everywhere() {
    let world = world(now());
    let words: HashSet<_> =
        world.customers.iter().filter_map(|customer| customer.name.split(' ').next()).collect();
    assert_eq!(words.len(), world.customers.len());
    assert!(words.iter().all(|word| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().skip(1).all(|c| c.is_ascii_lowercase())
    }));
}

#[test]
fn every_value_occurs() {
    let world = world(now());
    let accesses = || world.accesses.iter();
    assert_eq!(values(accesses().map(|a| a.operating_model)), OperatingModel::ALL);
    assert_eq!(values(accesses().map(|a| a.status)), AccessStatus::ALL);
    assert_eq!(values(world.customers.iter().map(|c| c.portal_access)), PortalAccess::ALL);
    assert_eq!(values(world.assets.iter().map(|a| a.kind)), AssetKind::ALL);
    assert_eq!(values(world.findings.iter().map(|f| f.severity)), Severity::ALL);
    assert_eq!(values(world.findings.iter().map(|f| f.status)), FindingStatus::ALL);
    assert_eq!(values(world.scans.iter().map(|s| s.status)), ScanStatus::ALL);
    assert_eq!(values(world.scans.iter().map(|s| s.trigger)), ScanTrigger::ALL);
    assert_eq!(values(world.subscriptions.iter().map(|s| s.status)), SubscriptionStatus::ALL);
    assert_eq!(values(world.subscriptions.iter().map(|s| s.license_model)), LicenseModel::ALL);
    assert_eq!(values(world.subscriptions.iter().map(|s| s.billing_cycle)), BillingCycle::ALL);
    // The gate's table for partners: model x ceiling x consent, each on a running access.
    let active = accesses().filter(|a| a.status == AccessStatus::Active && a.consent_until.is_none());
    let combinations = values(active.map(|a| (a.operating_model, a.privilege_ceiling, a.customer_consent)));
    assert_eq!(combinations.len(), OperatingModel::ALL.len() * Privilege::ALL.len() * Privilege::ALL.len());
    // What time takes away: trials over and running, elected and not; consents run out and running.
    let trials = accesses().filter(|a| a.status == AccessStatus::Trial);
    let trials = values(trials.map(|a| (a.trial_ends_at > Some(now()), a.trial_elected_model.is_some())));
    assert_eq!(trials.len(), 4);
    let consents = accesses().filter_map(|a| Some((a.customer_consent, a.consent_until? > now())));
    assert_eq!(values(consents).len(), 4);
}

#[test]
fn the_reseller_sees_ten_of_sixty() {
    let world = world(now());
    let live: Vec<_> = world
        .accesses
        .iter()
        .filter(|access| access.partner_id == cast::House::Harbor.id() && access.status.is_live())
        .collect();
    let customer_managed =
        live.iter().filter(|access| access.operating_model == OperatingModel::CustomerManaged).count();
    let visible = live.iter().filter(|access| admin_sees(access, DataClass::Posture)).count();
    assert_eq!((live.len(), customer_managed, visible), (60, 50, 10));
    let all_visible = world
        .accesses
        .iter()
        .filter(|access| access.partner_id == cast::House::Harbor.id())
        .filter(|access| admin_sees(access, DataClass::Posture));
    assert_eq!(all_visible.count(), 10, "an ended access shows nothing");
}

#[test]
fn it_keeps_the_rules_of_an_access() {
    let world = world(now());
    for access in &world.accesses {
        let customer = world.customers.iter().find(|c| c.customer_id == access.customer_id).unwrap();
        assert_eq!(customer.name, access.customer_name);
        assert!(access.created_at < now() && customer.created_at < access.created_at);
        assert!(access.ended_at.is_none_or(|end| access.created_at < end && end < now()));
        assert!(access.trial_converted_at.is_none_or(|at| access.created_at < at && at < now()));
        if access.status.is_live() && access.operating_model == OperatingModel::FullyManaged {
            assert!(customer.portal_access < PortalAccess::Full);
        }
        let subscription = world.subscriptions.iter().find(|s| s.access_id == access.id).unwrap();
        let expected = match access.status {
            AccessStatus::Trial => &[SubscriptionStatus::Trialing][..],
            AccessStatus::Active => &[SubscriptionStatus::Active, SubscriptionStatus::PastDue],
            AccessStatus::Suspended => &[SubscriptionStatus::Suspended],
            AccessStatus::Ended => &[SubscriptionStatus::Canceled],
        };
        assert!(expected.contains(&subscription.status));
        let renews = matches!(access.status, AccessStatus::Active | AccessStatus::Suspended);
        assert_eq!(subscription.renewal_date.is_some(), renews);
    }
    let shared = world.customers.iter().filter(|customer| {
        let partners = world.accesses.iter().filter(|a| a.customer_id == customer.customer_id);
        partners.map(|a| a.partner_id).collect::<HashSet<_>>().len() > 1
    });
    assert!(shared.count() >= 3);
}

#[test]
fn findings_are_due_at_the_end_of_a_day_and_assets_are_canonical() {
    let world = world(now());
    let mut breached = 0;
    for finding in &world.findings {
        assert!(finding.first_seen_at <= finding.last_seen_at && finding.last_seen_at < now());
        assert_eq!(finding.resolved_at.is_some(), finding.status == FindingStatus::Resolved);
        assert!(finding.resolved_at.is_none_or(|at| finding.last_seen_at < at && at < now()));
        assert_eq!(finding.sla_due_at.is_none(), finding.severity == Severity::Info);
        assert!(finding.sla_due_at.is_none_or(|due| due.num_seconds_from_midnight() == 0));
        breached += u32::from(finding.status.is_open() && finding.sla_due_at.is_some_and(|due| due <= now()));
    }
    assert!(breached > 100, "{breached}");
    for asset in &world.assets {
        assert_eq!(canonical(asset.kind, &asset.value).unwrap().value(), asset.value);
    }
}

#[test]
fn the_last_report_counts_what_is_open() {
    let world = world(now());
    for customer in &world.customers {
        let of_customer = world.scans.iter().filter(|scan| scan.customer_id == customer.customer_id);
        let succeeded = of_customer.filter(|scan| scan.status == ScanStatus::Succeeded);
        let Some(last) = succeeded.max_by_key(|scan| scan.finished_at) else { continue };
        let report = world.scan_reports.iter().find(|report| report.scan_id == last.id).unwrap();
        let open = |severity| {
            let all = world.findings.iter().filter(|f| f.customer_id == customer.customer_id);
            i32::try_from(all.filter(|f| f.severity == severity && f.status.is_open()).count()).unwrap()
        };
        assert_eq!(
            [report.open_critical, report.open_high, report.open_medium, report.open_low, report.open_info],
            [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info].map(open)
        );
    }
}

#[test]
fn some_usage_alerts_and_some_is_over() {
    let world = world(now());
    let used = |customer| {
        i32::try_from(world.assets.iter().filter(|asset| asset.customer_id == customer).count()).unwrap()
    };
    let shares = world.subscriptions.iter().filter(|s| s.license_model == LicenseModel::PerAsset);
    let shares: Vec<_> = shares.map(|s| used(s.customer_id) * 100 / s.quantity.unwrap()).collect();
    assert!(shares.iter().any(|share| (90..=100).contains(share)), "{shares:?}");
    assert!(shares.iter().any(|share| *share > 100) && shares.iter().any(|share| *share < 90));
}

#[test]
fn personas_are_users_and_see_their_samples() {
    let world: World = world(now());
    let personas = personas();
    assert_eq!(personas.len(), 13);
    let emails: HashSet<_> = personas.iter().map(|persona| persona.email.as_str()).collect();
    assert_eq!(emails.len(), personas.len());
    for persona in personas {
        let user = world.users.iter().find(|user| user.id == persona.user).unwrap();
        assert_eq!((user.email.as_deref(), user.kind), (Some(persona.email.as_str()), persona.kind));
        if let Some((customer, access)) = persona.access {
            assert_eq!(persona.customer, Some(customer));
            assert!(world.accesses.iter().any(|a| (a.customer_id, a.id) == (customer, access)));
        }
    }
}

#[test]
fn what_is_sold_stands_in_the_catalogue_and_is_paid_for() {
    let world = world(now());
    for sold in &world.subscriptions {
        let plan = world.plans.iter().find(|plan| {
            (plan.name.as_str(), plan.license_model, plan.currency.as_str())
                == (sold.plan.as_str(), sold.license_model, sold.currency.as_str())
        });
        let prices = plan.map(|plan| match sold.billing_cycle {
            BillingCycle::Monthly => plan.monthly_price,
            BillingCycle::Annual => plan.annual_price,
        });
        assert_eq!(prices, Some(sold.price), "{}", sold.plan);
    }
    assert!(
        world.add_ons.iter().all(|sold| world.plan_add_ons.iter().any(|offered| offered.code == sold.code))
    );
    for bought in &world.prepaid_purchases {
        let assigned = world.subscriptions.iter().filter(|sold| {
            sold.prepaid && (sold.partner_id, sold.license_model) == (bought.partner_id, bought.license_model)
        });
        assert!(usize::try_from(bought.quantity).unwrap() > assigned.count());
    }
    assert!(world.usage_alerts.len() > 20, "{}", world.usage_alerts.len());
    assert!(world.usage_alerts.iter().any(|alert| alert.acknowledged_at.is_some()));
}
