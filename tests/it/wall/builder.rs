//! Builds worlds for the wall: every customer has a row in every table that is a customer's, so that a policy which
//! shows too much always has something to show.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::asset::AssetKind;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::ids::{
    AccessId, ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, QuoteId, ScanId, ScanScheduleId, UserId,
};
use posture_gateway::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, World, deterministic_id};

/// The instant at which every world is looked at.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_000_000, 0).unwrap()
}

/// What the terms of an access can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) status: AccessStatus,
    /// Seconds from now until the trial ends that it is or once was.
    pub(super) trial_ends: Option<i64>,
    pub(super) model: OperatingModel,
    pub(super) ceiling: Privilege,
    pub(super) consent: Privilege,
    /// Seconds from now until the consent falls a step.
    pub(super) consent_until: Option<i64>,
}

/// What is told of a customer's security configuration (ARCHITECTURE.md): a row of each for somebody from whom it is hidden.
const SECURITY_EVENTS: [&str; 7] = [
    "customer.saml_changed",
    "customer.user_invited",
    "customer.user_role_changed",
    "customer.user_disabled",
    "customer.user_enabled",
    "customer.api_key_created",
    "customer.api_key_revoked",
];

/// A world in the making.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) world: World,
    ids: u64,
}

impl Builder {
    fn id(&mut self) -> uuid::Uuid {
        self.ids += 1;
        deterministic_id("wall", self.ids)
    }

    pub(super) fn partner(&mut self, parent: Option<PartnerId>) -> PartnerId {
        let id = PartnerId(self.id());
        self.world.partners.push(seed::Partner {
            id,
            parent_id: parent,
            name: format!("Partner {}", self.ids),
            currency: "EUR".to_owned(),
            created_at: now(),
        });
        self.partner_event(id, None);
        let purchase = self.id();
        self.world.prepaid_purchases.push(seed::PrepaidPurchase {
            partner_id: id,
            id: purchase,
            license_model: LicenseModel::Unlimited,
            quantity: 100,
            unit_cost: 40.into(),
            currency: "EUR".to_owned(),
            bought_at: now(),
        });
        let user_id = self.partner_user(id, PartnerRole::Operator, false);
        self.world.users.last_mut().unwrap().is_service = true;
        let key = ApiKeyId(self.id());
        self.world.partner_api_keys.push(seed::PartnerApiKey {
            partner_id: id,
            id: key,
            user_id,
            label: "label".to_owned(),
            last_four: "text".to_owned(),
            created_at: now(),
            revoked_at: None,
        });
        id
    }

    fn partner_event(&mut self, partner: PartnerId, access: Option<(CustomerId, AccessId)>) {
        let id = AuditEventId(self.id());
        self.world.partner_audit_events.push(seed::PartnerAuditEvent {
            partner_id: partner,
            id,
            at: now(),
            actor: "actor".to_owned(),
            action: "action".to_owned(),
            customer_id: access.map(|(customer, _)| customer),
            access_id: access.map(|(_, access)| access),
            reason: None,
            old_value: None,
            new_value: None,
        });
    }

    fn user(&mut self, kind: ViewerKind, disabled: bool) -> UserId {
        let id = UserId(self.id());
        self.world.users.push(seed::User {
            id,
            kind,
            name: format!("User {}", self.ids),
            email: Some(format!("user-{}@example.com", self.ids)),
            disabled_at: disabled.then(now),
            created_at: now(),
            is_service: false,
        });
        self.world.visits.push(seed::Visit { user_id: id, at: now() });
        id
    }

    pub(super) fn partner_user(&mut self, partner: PartnerId, role: PartnerRole, disabled: bool) -> UserId {
        let user = self.user(ViewerKind::PartnerUser, disabled);
        self.world.memberships.push(Membership::Partner(partner, user, role));
        user
    }

    pub(super) fn customer_user(
        &mut self,
        customer: CustomerId,
        role: CustomerRole,
        disabled: bool,
    ) -> UserId {
        let user = self.user(ViewerKind::CustomerUser, disabled);
        self.world.memberships.push(Membership::Customer(customer, user, role));
        user
    }

    pub(super) fn scanner(&mut self, customers: &[CustomerId], disabled: bool) -> UserId {
        let user = self.user(ViewerKind::Scanner, disabled);
        self.world.memberships.extend(customers.iter().map(|&customer| Membership::Scanner(customer, user)));
        user
    }

    pub(super) fn access(&mut self, customer: CustomerId, partner: PartnerId, terms: Terms) -> AccessId {
        let id = AccessId(self.id());
        let customer_name =
            self.world.customers.iter().find(|row| row.customer_id == customer).unwrap().name.clone();
        let trial_ends_at = terms.trial_ends.map(|seconds| now() + TimeDelta::seconds(seconds));
        self.world.accesses.push(seed::Access {
            customer_id: customer,
            id,
            partner_id: partner,
            customer_name,
            status: terms.status,
            operating_model: terms.model,
            privilege_ceiling: terms.ceiling,
            customer_consent: terms.consent,
            consent_until: terms.consent_until.map(|seconds| now() + TimeDelta::seconds(seconds)),
            trial_started_at: trial_ends_at.map(|end| end - TimeDelta::days(14)),
            trial_ends_at,
            trial_convert_by: trial_ends_at.map(|end| end + TimeDelta::days(30)),
            trial_converted_at: None,
            trial_elected_model: None,
            version: 1,
            created_at: now() - TimeDelta::days(30),
            ended_at: (terms.status == AccessStatus::Ended).then(now),
        });
        self.world.subscriptions.push(seed::Subscription {
            customer_id: customer,
            access_id: id,
            partner_id: partner,
            plan: "Basic".to_owned(),
            billing_cycle: BillingCycle::Monthly,
            status: SubscriptionStatus::Active,
            started_at: now(),
            renewal_date: None,
            license_model: LicenseModel::Unlimited,
            quantity: None,
            price: 100.into(),
            currency: "EUR".to_owned(),
            prepaid: true,
        });
        self.world.usage_alerts.push(seed::UsageAlert {
            customer_id: customer,
            access_id: id,
            period_start: now().date_naive(),
            partner_id: partner,
            raised_at: now(),
            acknowledged_at: None,
            acknowledged_by: None,
        });
        self.quote(customer, partner);
        self.world.add_ons.push(seed::AddOn {
            customer_id: customer,
            access_id: id,
            code: "extra".to_owned(),
            partner_id: partner,
            name: "Extra".to_owned(),
            price: 10.into(),
        });
        self.partner_event(partner, Some((customer, id)));
        self.customer_event(customer, Some(partner), "action");
        let of_security = SECURITY_EVENTS[self.world.accesses.len() % SECURITY_EVENTS.len()];
        self.customer_event(customer, Some(partner), of_security);
        self.finding_change(customer, Some(partner));
        id
    }

    fn quote(&mut self, customer_id: CustomerId, partner_id: PartnerId) {
        let id = QuoteId(self.id());
        self.world.quotes.push(seed::Quote {
            customer_id,
            id,
            partner_id,
            plan: "Basic".to_owned(),
            license_model: LicenseModel::Unlimited,
            quantity: None,
            billing_cycle: BillingCycle::Monthly,
            operating_model: OperatingModel::CoManaged,
            trial_days: None,
            price: 100.into(),
            currency: "EUR".to_owned(),
            add_ons: serde_json::json!([]),
            created_at: now(),
            accepted_at: None,
            access_id: None,
        });
    }

    pub(super) fn assign(&mut self, customer: CustomerId, access: AccessId, user: UserId) {
        self.world.memberships.push(Membership::Assignment(customer, access, user));
    }

    /// A customer with one row in every table that belongs to a customer alone.
    #[expect(clippy::too_many_lines, reason = "a list of the tables, one row each")]
    pub(super) fn customer(&mut self, created_by: PartnerId, portal_access: PortalAccess) -> CustomerId {
        let customer_id = CustomerId(self.id());
        let (asset_id, scan_id) = (AssetId(self.id()), ScanId(self.id()));
        let scan_schedule_id = ScanScheduleId(self.id());
        let text = || "text".to_owned();
        self.world.customers.push(seed::Customer {
            customer_id,
            name: format!("Customer {}", self.ids),
            portal_access,
            created_by,
            created_at: now(),
        });
        self.quote(customer_id, created_by);
        self.world.assets.push(seed::Asset {
            customer_id,
            id: asset_id,
            kind: AssetKind::Domain,
            value: "example.com".to_owned(),
            first_seen_at: now(),
        });
        let finding_id = FindingId(self.id());
        self.world.findings.push(seed::Finding {
            customer_id,
            id: finding_id,
            asset_id: Some(asset_id),
            title: text(),
            description: None,
            severity: Severity::High,
            status: FindingStatus::Open,
            rule_id: None,
            cve: None,
            cvss_score: None,
            location: None,
            tool: text(),
            target: text(),
            fingerprint: vec![1],
            first_seen_at: now(),
            last_seen_at: now(),
            resolved_at: None,
            // So that posture_due has a row too.
            sla_due_at: Some(now()),
        });
        self.finding_change(customer_id, None);
        self.world.sla_policies.push(seed::SlaPolicy {
            customer_id,
            critical_days: Some(1),
            high_days: None,
            medium_days: None,
            low_days: None,
            info_days: None,
        });
        let id = ComponentId(self.id());
        self.world.components.push(seed::Component {
            customer_id,
            id,
            identity: vec![1],
            name: text(),
            version: None,
            purl: None,
            licenses: Vec::new(),
        });
        self.world.scans.push(seed::Scan {
            customer_id,
            id: scan_id,
            profile: text(),
            trigger: ScanTrigger::Api,
            status: ScanStatus::Succeeded,
            requested_at: now(),
            started_at: Some(now()),
            finished_at: Some(now()),
            failure: None,
        });
        self.world.scan_reports.push(seed::ScanReport {
            customer_id,
            scan_id,
            tool_name: None,
            new_findings: 1,
            fixed_findings: 0,
            open_critical: 0,
            open_high: 1,
            open_medium: 0,
            open_low: 0,
            open_info: 0,
        });
        self.world.scan_targets.push(seed::ScanTarget { customer_id, scan_id, asset_id });
        self.world.scan_schedules.push(seed::ScanSchedule {
            customer_id,
            id: scan_schedule_id,
            profile: text(),
            frequency: ScanFrequency::Daily,
            start_time: NaiveTime::MIN,
            time_zone: "UTC".to_owned(),
            day_of_week: None,
            day_of_month: None,
            events: vec![ScanTrigger::AssetDiscovered],
            next_run_at: None,
            enabled: true,
            created_at: now(),
        });
        self.world.scan_schedule_targets.push(seed::ScanScheduleTarget {
            customer_id,
            scan_schedule_id,
            asset_id,
        });
        let id = EvidenceId(self.id());
        self.world.evidence.push(seed::Evidence {
            customer_id,
            id,
            framework: None,
            control: text(),
            title: text(),
            created_at: now(),
            created_by: text(),
            created_by_id: None,
            created_by_partner: None,
        });
        self.world.evidence_findings.push(seed::EvidenceFinding { customer_id, evidence_id: id, finding_id });
        self.world.evidence_scans.push(seed::EvidenceScan { customer_id, evidence_id: id, scan_id });
        self.world.evidence_files.push(seed::EvidenceFile {
            customer_id,
            evidence_id: id,
            object_id: id.0,
            name: text(),
            size: 1,
            media_type: "text/plain".to_owned(),
            sha256: vec![1; 32],
            created_at: now(),
            created_by: text(),
            created_by_id: None,
            created_by_partner: None,
        });
        let id = PostureShareId(self.id());
        self.world.posture_shares.push(seed::PostureShare {
            customer_id,
            id,
            label: text(),
            created_at: now(),
            expires_at: now(),
            revoked_at: None,
            created_by: text(),
            created_by_id: None,
            created_by_partner: None,
        });
        self.world.posture_snapshots.push(seed::PostureSnapshot {
            customer_id,
            day: now().date_naive(),
            open_critical: 0,
            open_high: 1,
            open_medium: 0,
            open_low: 0,
            open_info: 0,
            sla_breaches: 1,
            assets: 1,
        });
        let (id, user_id, request_id) = (self.id(), UserId(self.id()), self.id());
        self.world.access_records.push(seed::AccessRecord {
            customer_id,
            at: now(),
            id,
            partner_id: created_by,
            user_id,
            user_name: text(),
            request_id,
            class: posture_gateway::policy::DataClass::Posture,
            operation: None,
            fields: vec!["Customer.findings".to_owned()],
        });
        self.world.security_settings.push(seed::SecuritySettings {
            customer_id,
            saml_enabled: false,
            saml_issuer: None,
        });
        let id = ApiKeyId(self.id());
        self.world.api_keys.push(seed::ApiKey {
            customer_id,
            id,
            user_id: None,
            label: text(),
            last_four: text(),
            created_at: now(),
            revoked_at: None,
        });
        self.customer_event(customer_id, None, "action");
        self.customer_event(customer_id, None, "customer.user_invited");
        customer_id
    }

    /// A note about the customer's finding.
    fn finding_change(&mut self, customer_id: CustomerId, partner_id: Option<PartnerId>) {
        let id = self.id();
        let finding_id = self.world.findings.iter().find(|row| row.customer_id == customer_id).unwrap().id;
        self.world.finding_history.push(seed::FindingChange {
            customer_id,
            id,
            finding_id,
            at: now(),
            actor: "actor".to_owned(),
            partner_id,
            old_status: FindingStatus::Open,
            new_status: FindingStatus::Open,
            note: Some("note".to_owned()),
        });
    }

    fn customer_event(&mut self, customer_id: CustomerId, partner_id: Option<PartnerId>, action: &str) {
        let id = AuditEventId(self.id());
        self.world.customer_audit_events.push(seed::CustomerAuditEvent {
            partner_id,
            customer_id,
            id,
            at: now(),
            actor: "actor".to_owned(),
            action: action.to_owned(),
            reason: None,
            old_value: None,
            new_value: None,
        });
    }

    /// What every world has: prices, a platform admin, and the same one disabled.
    pub(super) fn finish(mut self) -> World {
        self.user(ViewerKind::PlatformAdmin, false);
        self.user(ViewerKind::PlatformAdmin, true);
        self.world.plans.push(seed::Plan {
            name: "Basic".to_owned(),
            license_model: LicenseModel::Unlimited,
            currency: "EUR".to_owned(),
            monthly_price: 100.into(),
            annual_price: 1_000.into(),
        });
        self.world.plan_add_ons.push(seed::PlanAddOn {
            code: "extra".to_owned(),
            currency: "EUR".to_owned(),
            name: "Extra".to_owned(),
            monthly_price: 10.into(),
            annual_price: 100.into(),
        });
        self.world.pricing.push(seed::Price {
            license_model: LicenseModel::Unlimited,
            currency: "EUR".to_owned(),
            valid_from: now() - TimeDelta::days(365),
            unit_cost: 50.into(),
            prepaid_unit_cost: 40.into(),
        });
        self.world
    }
}
