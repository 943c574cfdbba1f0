//! What customers and partners keep beside posture: evidence, shares, security settings, API keys and both audit logs.

use chrono::{DateTime, TimeDelta, Utc};

use super::cast::{House, Link, Stage, Tenant};
use super::dice::Dice;
use super::people;
use crate::domain::access::{OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::finding::FindingStatus;
use crate::domain::ids::{ApiKeyId, AuditEventId, EvidenceId, PostureShareId};
use crate::domain::user::{CustomerRole, ViewerKind};
use crate::store::seed::{self, Membership, deterministic_id};

const EVIDENCE: [(&str, &str, &str); 8] = [
    ("ISO 27001", "A.5.15", "Access reviews of the quarter"),
    ("ISO 27001", "A.8.8", "Patch report of the month"),
    ("ISO 27001", "A.8.13", "Restore test of the backups"),
    ("SOC 2", "CC6.1", "Multi-factor sign-in for all administrators"),
    ("SOC 2", "CC7.2", "Alerts and who answered them"),
    ("NIS2", "Art. 21(2)(b)", "Exercise of the incident plan"),
    ("NIS2", "Art. 21(2)(d)", "Suppliers and their assessment"),
    ("PCI DSS", "11.3", "External vulnerability scan"),
];

const REASONS: [&str; 4] = [
    "The customer asked for help with triage",
    "Agreed in the quarterly review",
    "Part of the renewed contract",
    "Their security lead left, we take over",
];

/// One event, before it is known whose log it goes to.
struct Event {
    at: DateTime<Utc>,
    actor: String,
    action: &'static str,
    reason: Option<&'static str>,
    values: Option<(&'static str, &'static str)>,
}

/// Everything of this file, for every customer.
pub(super) fn fill(world: &mut seed::World, tenants: &[Tenant], now: DateTime<Utc>) {
    for tenant in tenants {
        evidence(world, tenant, now);
        shares(world, tenant, now);
        configuration(world, tenant, now);
        for link in &tenant.links {
            life(world, tenant, link, now);
        }
        activity(world, tenant, now);
    }
}

fn id(kind: &str, count: usize) -> uuid::Uuid {
    deterministic_id(kind, count as u64)
}

fn evidence(world: &mut seed::World, tenant: &Tenant, now: DateTime<Utc>) {
    let mut dice = Dice::new("evidence", tenant.nth);
    for (framework, control, title) in
        EVIDENCE.into_iter().filter(|_| tenant.is_scanned() && dice.percent(60))
    {
        world.evidence.push(seed::Evidence {
            customer_id: tenant.id(),
            id: EvidenceId(id("evidence", world.evidence.len())),
            framework: Some(framework.to_owned()),
            control: control.to_owned(),
            title: title.to_owned(),
            created_at: since(tenant.created_at(now), now, tenant.nth + 3),
            created_by: people::customer_admin(tenant).0,
            created_by_id: None,
            created_by_partner: None,
        });
        cite(world, tenant, control);
    }
}

/// What two of the records are about: findings that were fixed, and the last scan.
fn cite(world: &mut seed::World, tenant: &Tenant, control: &str) {
    let Some(evidence_id) = world.evidence.last().map(|row| row.id) else { return };
    let customer_id = tenant.id();
    if control == "A.8.8" {
        let fixed = world
            .findings
            .iter()
            .filter(|row| row.customer_id == customer_id && row.status == FindingStatus::Resolved);
        let cited =
            fixed.take(3).map(|row| seed::EvidenceFinding { customer_id, evidence_id, finding_id: row.id });
        world.evidence_findings.extend(cited);
    }
    if control == "11.3" {
        let own =
            world.scans.iter().filter(|row| row.customer_id == customer_id && row.finished_at.is_some());
        let last = own.max_by_key(|row| row.finished_at);
        let cited = last.map(|row| seed::EvidenceScan { customer_id, evidence_id, scan_id: row.id });
        world.evidence_scans.extend(cited);
    }
}

/// A running share for some, an expired one for others, a revoked one for a few.
fn shares(world: &mut seed::World, tenant: &Tenant, now: DateTime<Utc>) {
    if !tenant.is_scanned() {
        return;
    }
    let mut add = |label: &str, created: i64, expires: i64, revoked: Option<i64>| {
        world.posture_shares.push(seed::PostureShare {
            customer_id: tenant.id(),
            id: PostureShareId(id("share", world.posture_shares.len())),
            label: label.to_owned(),
            created_at: now - TimeDelta::days(created),
            expires_at: now + TimeDelta::days(expires),
            revoked_at: revoked.map(|days| now - TimeDelta::days(days)),
            created_by: people::customer_admin(tenant).0,
            // Nobody was ever given their links.
            created_by_id: None,
            created_by_partner: None,
        });
    };
    match tenant.nth % 4 {
        0 => add("For the auditors", 20, 70, None),
        1 => add("For the insurer", 120, -30, None),
        2 => {
            add("For a customer's questionnaire", 40, 50, Some(12));
            add("For the board", 5, 25, None);
        }
        _ => {}
    }
}

fn configuration(world: &mut seed::World, tenant: &Tenant, now: DateTime<Utc>) {
    let saml_enabled = tenant.nth % 3 == 1;
    world.security_settings.push(seed::SecuritySettings {
        customer_id: tenant.id(),
        saml_enabled,
        saml_issuer: saml_enabled.then(|| format!("https://login.{}/saml", tenant.domain())),
    });
    let created_at = since(tenant.created_at(now), now, tenant.nth);
    for (nth, label) in (0..tenant.nth % 3).zip(["Build pipeline", "Ticket system"]) {
        let revoked_at = (nth == 1 && tenant.nth % 2 == 1).then(|| since(created_at, now, 2));
        let program = people::program(world, ViewerKind::CustomerUser, label, (created_at, revoked_at));
        world.memberships.push(Membership::Customer(tenant.id(), program, CustomerRole::ReadOnly));
        world.api_keys.push(seed::ApiKey {
            customer_id: tenant.id(),
            id: ApiKeyId(id("api-key", world.api_keys.len())),
            user_id: Some(program),
            label: label.to_owned(),
            last_four: format!("{:04x}", (tenant.nth * 97 + nth * 4099) % 0x1_0000),
            created_at,
            revoked_at,
        });
    }
}

/// An instant between two, the same in every run.
fn since(start: DateTime<Utc>, end: DateTime<Utc>, nth: u32) -> DateTime<Utc> {
    let minutes = (end - start).num_minutes().max(1);
    start + TimeDelta::minutes(minutes * (1 + i64::from(nth % 7)) / 9)
}

/// How an access came to stand where it stands: what concerns both sides is told once on each.
fn life(world: &mut seed::World, tenant: &Tenant, link: &Link, now: DateTime<Utc>) {
    let partner_admin = people::partner_admin(link.house).0;
    let customer_admin = people::customer_admin(tenant).0;
    let created_at = link.created_at(now);
    let event = |nth, actor: &str, action| Event {
        at: since(created_at, link.ended_at(now).unwrap_or(now), nth),
        actor: actor.to_owned(),
        action,
        reason: None,
        values: None,
    };
    let created = Event { at: created_at, ..event(0, &partner_admin, "access.created") };
    partner_event(world, tenant, link, &created);
    customer_event(world, tenant, Some(link.house), &created);
    if link.has_changed_model() {
        let (start, new) = (OperatingModel::CustomerManaged.as_str(), link.model.as_str());
        let changed = if link.was_elected() {
            // During the trial, so early.
            let at = created_at + TimeDelta::hours(5);
            Event { at, ..event(0, &customer_admin, "access.operating_model_elected") }
        } else {
            let reason = Some(Dice::new("reason", link.nth).word(&REASONS));
            Event { reason, ..event(2, &partner_admin, "access.operating_model_changed") }
        };
        both(world, tenant, link, &Event { values: Some((start, new)), ..changed });
    }
    if link.consent != Privilege::Support {
        let values = Some((Privilege::Support.as_str(), link.consent.as_str()));
        both(world, tenant, link, &Event { values, ..event(3, &customer_admin, "access.consent_changed") });
    }
    match link.stage {
        Stage::Converted => {
            let at = link.converted_at(now).unwrap_or(now);
            both(world, tenant, link, &Event { at, ..event(0, &partner_admin, "access.trial_converted") });
        }
        Stage::Suspended => {
            let values = Some(("ACTIVE", "SUSPENDED"));
            both(world, tenant, link, &Event { values, ..event(6, "Platform", "access.suspended") });
        }
        Stage::Ended(_) => {
            let at = link.ended_at(now).unwrap_or(now);
            both(world, tenant, link, &Event { at, ..event(0, "Platform", "access.ended") });
        }
        Stage::Trial(_) | Stage::Active => {}
    }
}

fn both(world: &mut seed::World, tenant: &Tenant, link: &Link, event: &Event) {
    partner_event(world, tenant, link, event);
    customer_event(world, tenant, Some(link.house), event);
}

fn partner_event(world: &mut seed::World, tenant: &Tenant, link: &Link, event: &Event) {
    world.partner_audit_events.push(seed::PartnerAuditEvent {
        partner_id: link.house.id(),
        id: AuditEventId(id("partner-audit-event", world.partner_audit_events.len())),
        at: event.at,
        actor: event.actor.clone(),
        action: event.action.to_owned(),
        customer_id: Some(tenant.id()),
        access_id: Some(link.id()),
        reason: event.reason.map(str::to_owned),
        old_value: event.values.map(|(old, _)| old.to_owned()),
        new_value: event.values.map(|(_, new)| new.to_owned()),
    });
}

fn customer_event(world: &mut seed::World, tenant: &Tenant, with: Option<House>, event: &Event) {
    world.customer_audit_events.push(seed::CustomerAuditEvent {
        partner_id: with.map(super::cast::House::id),
        customer_id: tenant.id(),
        id: AuditEventId(id("customer-audit-event", world.customer_audit_events.len())),
        at: event.at,
        actor: event.actor.clone(),
        action: event.action.to_owned(),
        reason: event.reason.map(str::to_owned),
        old_value: event.values.map(|(old, _)| old.to_owned()),
        new_value: event.values.map(|(_, new)| new.to_owned()),
    });
}

/// What the customer's own users did of late, and how the portal was opened.
fn activity(world: &mut seed::World, tenant: &Tenant, now: DateTime<Utc>) {
    let start = tenant.created_at(now);
    let event = |at, actor, action, values| Event { at, actor, action, reason: None, values };
    if tenant.portal == PortalAccess::Disabled {
        return;
    }
    let values = Some((PortalAccess::Disabled.as_str(), tenant.portal.as_str()));
    let manager: House = tenant.created_by;
    let opened = event(
        since(start, now, 0),
        people::partner_admin(manager).0,
        "customer.portal_access_changed",
        values,
    );
    match tenant.links.iter().find(|link| link.house == manager) {
        Some(link) => both(world, tenant, link, &opened),
        None => customer_event(world, tenant, Some(manager), &opened),
    }
    let (admin, reader) = (people::customer_admin(tenant).0, people::customer_reader(tenant).0);
    let days = (now - start).num_days().min(30);
    for day in (0..days).step_by(3) {
        let at = now - TimeDelta::days(day) - TimeDelta::minutes(90 + i64::from(tenant.nth) * 5);
        let actor = if day % 2 == 0 { admin.clone() } else { reader.clone() };
        customer_event(world, tenant, None, &event(at, actor, "user.signed_in", None));
        if day % 4 == 0 && tenant.portal == PortalAccess::Full && tenant.is_scanned() {
            let triaged = Some(("OPEN", "TRIAGED"));
            customer_event(world, tenant, None, &event(at, admin.clone(), "finding.triaged", triaged));
        }
    }
}
