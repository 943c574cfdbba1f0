//! Small worlds, told in sentences: what is not said has a good default.

mod keys;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::asset::AssetKind;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::finding::{FindingStatus, Severity};
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{
    AccessId, ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, QuoteId, ScanId, ScanScheduleId, UserId,
};
use posture_gateway::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use posture_gateway::domain::schedule::DayOfWeek;
use posture_gateway::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership, deterministic_id};
use rust_decimal::Decimal;
use uuid::Uuid;

/// When every world is: a Monday at noon.
pub(crate) const NOW: DateTime<Utc> = DateTime::from_timestamp(1_781_524_800, 0).unwrap();

/// That many days from [`NOW`].
pub(crate) fn days(count: i64) -> DateTime<Utc> {
    NOW + TimeDelta::days(count)
}

/// What a partner and a customer agreed on. Starts ACTIVE, with ceiling and consent at SUPPORT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) model: OperatingModel,
    pub(crate) status: AccessStatus,
    pub(crate) ceiling: Privilege,
    pub(crate) consent: Privilege,
    pub(crate) consent_until: Option<DateTime<Utc>>,
    pub(crate) trial_ends_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
}

impl Terms {
    /// The customer alone runs its security.
    pub(crate) fn customer_managed() -> Self {
        Self::of(OperatingModel::CustomerManaged)
    }

    /// Both do.
    pub(crate) fn co_managed() -> Self {
        Self::of(OperatingModel::CoManaged)
    }

    /// The partner does; ceiling and consent are MANAGE.
    pub(crate) fn fully_managed() -> Self {
        Self::of(OperatingModel::FullyManaged).ceiling(Privilege::Manage).consent(Privilege::Manage)
    }

    pub(crate) fn of(model: OperatingModel) -> Self {
        Self {
            model,
            status: AccessStatus::Active,
            ceiling: Privilege::Support,
            consent: Privilege::Support,
            consent_until: None,
            trial_ends_at: None,
            created_at: days(-100),
        }
    }

    pub(crate) fn status(self, status: AccessStatus) -> Self {
        Self { status, ..self }
    }

    /// On trial until then.
    pub(crate) fn trial_until(self, ends_at: DateTime<Utc>) -> Self {
        Self { status: AccessStatus::Trial, trial_ends_at: Some(ends_at), ..self }
    }

    pub(crate) fn ceiling(self, ceiling: Privilege) -> Self {
        Self { ceiling, ..self }
    }

    pub(crate) fn consent(self, consent: Privilege) -> Self {
        Self { consent, ..self }
    }

    pub(crate) fn consent_until(self, until: DateTime<Utc>) -> Self {
        Self { consent_until: Some(until), ..self }
    }

    pub(crate) fn created_at(self, created_at: DateTime<Utc>) -> Self {
        Self { created_at, ..self }
    }
}

/// One of everything that a customer's posture is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Posture {
    pub(crate) asset: AssetId,
    pub(crate) finding: FindingId,
    pub(crate) component: ComponentId,
    pub(crate) scan: ScanId,
    pub(crate) schedule: ScanScheduleId,
    pub(crate) evidence: EvidenceId,
    pub(crate) share: PostureShareId,
    pub(crate) api_key: ApiKeyId,
    pub(crate) audit_event: AuditEventId,
}

/// A world in the making.
#[derive(Clone, Default)]
pub(crate) struct World {
    /// The rows so far, for what a test wants to change by hand.
    pub(crate) rows: seed::World,
    ids: u64,
}

impl From<seed::World> for World {
    fn from(rows: seed::World) -> Self {
        Self { rows, ids: 0 }
    }
}

impl World {
    pub(crate) fn into_rows(self) -> seed::World {
        self.rows
    }

    /// The next id; the same in every run.
    fn id(&mut self) -> Uuid {
        self.ids += 1;
        deterministic_id("test", self.ids)
    }

    /// A partner at the top of a tree.
    pub(crate) fn partner(&mut self, name: &str) -> PartnerId {
        self.partner_under(None, name)
    }

    /// A partner under another.
    pub(crate) fn reseller(&mut self, parent: PartnerId, name: &str) -> PartnerId {
        self.partner_under(Some(parent), name)
    }

    fn partner_under(&mut self, parent_id: Option<PartnerId>, name: &str) -> PartnerId {
        let id = PartnerId(self.id());
        let (name, currency) = (name.to_owned(), "EUR".to_owned());
        self.rows.partners.push(seed::Partner { id, parent_id, name, currency, created_at: days(-300) });
        id
    }

    /// A customer that a partner created, with a portal.
    pub(crate) fn customer(&mut self, created_by: PartnerId, name: &str, portal: PortalAccess) -> CustomerId {
        let customer_id = CustomerId(self.id());
        self.rows.customers.push(seed::Customer {
            customer_id,
            name: name.to_owned(),
            portal_access: portal,
            created_by,
            created_at: days(-200),
        });
        customer_id
    }

    /// Somebody who signs in and belongs nowhere yet.
    pub(crate) fn user(&mut self, kind: ViewerKind, name: &str) -> UserId {
        let id = UserId(self.id());
        self.user_with_id(id, kind, name)
    }

    pub(crate) fn user_with_id(&mut self, id: UserId, kind: ViewerKind, name: &str) -> UserId {
        let email = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        self.rows.users.push(seed::User {
            id,
            kind,
            name: name.to_owned(),
            email: Some(email),
            disabled_at: None,
            created_at: days(-200),
            is_service: false,
        });
        id
    }

    /// An ADMIN of a partner.
    pub(crate) fn partner_admin(&mut self, partner: PartnerId, name: &str) -> UserId {
        let user = self.user(ViewerKind::PartnerUser, name);
        self.rows.memberships.push(Membership::Partner(partner, user, PartnerRole::Admin));
        user
    }

    /// An OPERATOR of a partner, who is assigned to nothing.
    pub(crate) fn operator(&mut self, partner: PartnerId, name: &str) -> UserId {
        let user = self.user(ViewerKind::PartnerUser, name);
        self.rows.memberships.push(Membership::Partner(partner, user, PartnerRole::Operator));
        user
    }

    /// Puts an access on an operator's list.
    pub(crate) fn assign(&mut self, operator: UserId, customer: CustomerId, access: AccessId) {
        self.rows.memberships.push(Membership::Assignment(customer, access, operator));
    }

    /// A user of a customer.
    pub(crate) fn customer_user(&mut self, customer: CustomerId, role: CustomerRole, name: &str) -> UserId {
        let user = self.user(ViewerKind::CustomerUser, name);
        self.rows.memberships.push(Membership::Customer(customer, user, role));
        user
    }

    /// An access with a subscription: plan Standard at 100 EUR a month, at most 100 assets.
    pub(crate) fn access(&mut self, partner: PartnerId, customer: CustomerId, terms: Terms) -> AccessId {
        let id = AccessId(self.id());
        let customer_name = self.customer_name(customer);
        let trial = terms.trial_ends_at;
        let ended = terms.status == AccessStatus::Ended;
        self.rows.accesses.push(seed::Access {
            customer_id: customer,
            id,
            partner_id: partner,
            customer_name,
            status: terms.status,
            operating_model: terms.model,
            privilege_ceiling: terms.ceiling,
            customer_consent: terms.consent,
            consent_until: terms.consent_until,
            trial_started_at: trial.map(|ends_at| ends_at - TimeDelta::days(30)),
            trial_ends_at: trial,
            trial_convert_by: trial.map(|ends_at| ends_at + TimeDelta::days(30)),
            trial_converted_at: None,
            trial_elected_model: None,
            version: 1,
            created_at: terms.created_at,
            ended_at: ended.then(|| days(-1)),
        });
        self.rows.subscriptions.push(seed::Subscription {
            customer_id: customer,
            access_id: id,
            partner_id: partner,
            plan: "Standard".to_owned(),
            billing_cycle: BillingCycle::Monthly,
            status: match terms.status {
                AccessStatus::Trial => SubscriptionStatus::Trialing,
                AccessStatus::Active => SubscriptionStatus::Active,
                AccessStatus::Suspended => SubscriptionStatus::Suspended,
                AccessStatus::Ended => SubscriptionStatus::Canceled,
            },
            started_at: terms.created_at,
            renewal_date: (!ended).then(|| NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()),
            license_model: LicenseModel::PerAsset,
            quantity: Some(100),
            price: Decimal::new(10_000, 2),
            currency: "EUR".to_owned(),
            prepaid: false,
        });
        id
    }

    fn customer_name(&self, customer: CustomerId) -> String {
        let row = self.rows.customers.iter().find(|row| row.customer_id == customer);
        row.unwrap().name.clone()
    }

    /// What a partner can sell: plan Standard at 100 EUR a month and 1000 EUR a year, and an add-on `SSO` at 12.50 and 125.
    pub(crate) fn catalogue(&mut self) {
        for license_model in LicenseModel::ALL {
            self.rows.plans.push(seed::Plan {
                name: "Standard".to_owned(),
                license_model: *license_model,
                currency: "EUR".to_owned(),
                monthly_price: Decimal::new(10_000, 2),
                annual_price: Decimal::new(100_000, 2),
            });
        }
        self.rows.plan_add_ons.push(seed::PlanAddOn {
            code: "SSO".to_owned(),
            currency: "EUR".to_owned(),
            name: "Single sign-on".to_owned(),
            monthly_price: Decimal::new(1_250, 2),
            annual_price: Decimal::new(12_500, 2),
        });
    }

    /// What a licence of each kind costs a partner.
    pub(crate) fn price_list(&mut self) {
        for license_model in LicenseModel::ALL {
            self.rows.pricing.push(seed::Price {
                license_model: *license_model,
                currency: "EUR".to_owned(),
                valid_from: days(-400),
                unit_cost: Decimal::new(6_000, 2),
                prepaid_unit_cost: Decimal::new(5_000, 2),
            });
        }
    }

    /// An asset, a domain of that name.
    pub(crate) fn asset(&mut self, customer: CustomerId, value: &str) -> AssetId {
        let id = AssetId(self.id());
        let (kind, value) = (AssetKind::Domain, value.to_owned());
        self.rows.assets.push(seed::Asset {
            customer_id: customer,
            id,
            kind,
            value,
            first_seen_at: days(-50),
        });
        id
    }

    /// An open finding.
    pub(crate) fn finding(&mut self, customer: CustomerId, severity: Severity, title: &str) -> FindingId {
        let id = FindingId(self.id());
        self.rows.findings.push(seed::Finding {
            customer_id: customer,
            id,
            asset_id: None,
            title: title.to_owned(),
            description: None,
            severity,
            status: FindingStatus::Open,
            rule_id: None,
            cve: None,
            cvss_score: None,
            location: None,
            tool: "check".to_owned(),
            target: "all".to_owned(),
            fingerprint: id.0.as_bytes().to_vec(),
            first_seen_at: days(-40),
            last_seen_at: days(-2),
            resolved_at: None,
            sla_due_at: None,
        });
        id
    }

    /// A note about a finding, ten days ago, by the customer or its scanner.
    pub(crate) fn finding_change(&mut self, customer: CustomerId, finding: FindingId, note: &str) {
        let nth = u64::try_from(self.rows.finding_history.len()).unwrap();
        self.rows.finding_history.push(seed::FindingChange {
            customer_id: customer,
            id: deterministic_id("test, finding change", nth),
            finding_id: finding,
            at: days(-10),
            actor: "check".to_owned(),
            partner_id: None,
            old_status: FindingStatus::Open,
            new_status: FindingStatus::Open,
            note: Some(note.to_owned()),
        });
    }

    /// A scan that succeeded then.
    pub(crate) fn scan(&mut self, customer: CustomerId, finished_at: DateTime<Utc>) -> ScanId {
        let id = ScanId(self.id());
        self.rows.scans.push(seed::Scan {
            customer_id: customer,
            id,
            profile: "full".to_owned(),
            trigger: ScanTrigger::Api,
            status: ScanStatus::Succeeded,
            requested_at: finished_at - TimeDelta::hours(2),
            started_at: Some(finished_at - TimeDelta::hours(1)),
            finished_at: Some(finished_at),
            failure: None,
        });
        self.rows.scan_reports.push(seed::ScanReport {
            customer_id: customer,
            scan_id: id,
            tool_name: Some("check".to_owned()),
            new_findings: 1,
            fixed_findings: 0,
            open_critical: 0,
            open_high: 1,
            open_medium: 0,
            open_low: 0,
            open_info: 0,
        });
        id
    }

    /// One of everything, yesterday: what POSTURE, ACTIVITY and SECURITY_CONFIG would show.
    #[expect(clippy::too_many_lines, reason = "a paragraph a table")]
    pub(crate) fn posture(&mut self, customer: CustomerId) -> Posture {
        let name = self.customer_name(customer).to_lowercase().replace(' ', "-");
        let asset = self.asset(customer, &format!("{name}.example"));
        let finding = self.finding(customer, Severity::High, "Outdated TLS");
        self.rows.findings.last_mut().unwrap().asset_id = Some(asset);
        self.finding_change(customer, finding, "seen before");
        if !self.rows.sla_policies.iter().any(|row| row.customer_id == customer) {
            self.rows.sla_policies.push(seed::SlaPolicy {
                customer_id: customer,
                critical_days: Some(7),
                high_days: Some(30),
                medium_days: Some(60),
                low_days: Some(120),
                info_days: Some(365),
            });
        }
        let scan = self.scan(customer, days(-1));
        let schedule = ScanScheduleId(self.id());
        self.rows.scan_schedules.push(seed::ScanSchedule {
            customer_id: customer,
            id: schedule,
            profile: "full".to_owned(),
            frequency: ScanFrequency::Weekly,
            start_time: NaiveTime::from_hms_opt(3, 0, 0).unwrap(),
            time_zone: "UTC".to_owned(),
            day_of_week: Some(DayOfWeek::Thursday),
            day_of_month: None,
            events: Vec::new(),
            next_run_at: Some(days(3)),
            enabled: true,
            created_at: days(-60),
        });
        self.rows.scan_schedule_targets.push(seed::ScanScheduleTarget {
            customer_id: customer,
            scan_schedule_id: schedule,
            asset_id: asset,
        });
        self.rows.scan_targets.push(seed::ScanTarget {
            customer_id: customer,
            scan_id: scan,
            asset_id: asset,
        });
        let component = ComponentId(self.id());
        self.rows.components.push(seed::Component {
            customer_id: customer,
            id: component,
            identity: component.0.as_bytes().to_vec(),
            name: "left-pad".to_owned(),
            version: Some("1.3.0".to_owned()),
            purl: Some("pkg:npm/left-pad@1.3.0".to_owned()),
            licenses: vec!["WTFPL".to_owned()],
        });
        let evidence = self.evidence(customer, finding, scan);
        let share = PostureShareId(self.id());
        self.rows.posture_shares.push(seed::PostureShare {
            customer_id: customer,
            id: share,
            label: "For the insurer".to_owned(),
            created_at: days(-10),
            expires_at: days(20),
            revoked_at: None,
            created_by: "Ada".to_owned(),
            created_by_id: None,
            created_by_partner: None,
        });
        // The days before today, one for each call.
        let known = self.rows.posture_snapshots.iter().filter(|row| row.customer_id == customer).count();
        self.rows.posture_snapshots.push(seed::PostureSnapshot {
            customer_id: customer,
            day: days(-1 - i64::try_from(known).unwrap()).date_naive(),
            open_critical: 0,
            open_high: 1,
            open_medium: 0,
            open_low: 0,
            open_info: 0,
            sla_breaches: 0,
            assets: 1,
        });
        self.rows.security_settings.push(seed::SecuritySettings {
            customer_id: customer,
            saml_enabled: true,
            saml_issuer: Some(format!("https://id.{name}.example")),
        });
        let api_key = ApiKeyId(self.id());
        self.rows.api_keys.push(seed::ApiKey {
            customer_id: customer,
            id: api_key,
            user_id: None,
            label: "CI".to_owned(),
            last_four: "c0de".to_owned(),
            created_at: days(-10),
            revoked_at: None,
        });
        let audit_event = AuditEventId(self.id());
        self.rows.customer_audit_events.push(seed::CustomerAuditEvent {
            partner_id: None,
            customer_id: customer,
            id: audit_event,
            at: days(-5),
            actor: "check".to_owned(),
            action: "USER_INVITED".to_owned(),
            reason: None,
            old_value: None,
            new_value: Some("READ_ONLY".to_owned()),
        });
        Posture { asset, finding, component, scan, schedule, evidence, share, api_key, audit_event }
    }

    /// A record that cites a finding and a scan, with its file.
    fn evidence(&mut self, customer: CustomerId, finding: FindingId, scan: ScanId) -> EvidenceId {
        let evidence = EvidenceId(self.id());
        self.rows.evidence.push(seed::Evidence {
            customer_id: customer,
            id: evidence,
            framework: Some("ISO 27001".to_owned()),
            control: "A.8.8".to_owned(),
            title: "Weekly scan".to_owned(),
            created_at: days(-10),
            created_by: "check".to_owned(),
            created_by_id: None,
            created_by_partner: None,
        });
        self.rows.evidence_findings.push(seed::EvidenceFinding {
            customer_id: customer,
            evidence_id: evidence,
            finding_id: finding,
        });
        self.rows.evidence_scans.push(seed::EvidenceScan {
            customer_id: customer,
            evidence_id: evidence,
            scan_id: scan,
        });
        self.rows.evidence_files.push(seed::EvidenceFile {
            customer_id: customer,
            evidence_id: evidence,
            object_id: evidence.0,
            name: "report.pdf".to_owned(),
            size: 4_096,
            media_type: "application/pdf".to_owned(),
            sha256: vec![7; 32],
            created_at: days(-9),
            created_by: "check".to_owned(),
            created_by_id: None,
            created_by_partner: None,
        });
        evidence
    }

    /// An offer of a partner to a customer, not accepted yet.
    pub(crate) fn quote(&mut self, partner: PartnerId, customer: CustomerId) -> QuoteId {
        let id = QuoteId(self.id());
        self.rows.quotes.push(seed::Quote {
            customer_id: customer,
            id,
            partner_id: partner,
            plan: "Standard".to_owned(),
            license_model: LicenseModel::PerAsset,
            quantity: Some(100),
            billing_cycle: BillingCycle::Monthly,
            operating_model: OperatingModel::CoManaged,
            trial_days: None,
            price: Decimal::new(10_000, 2),
            currency: "EUR".to_owned(),
            add_ons: serde_json::json!([]),
            created_at: days(-10),
            accepted_at: None,
            access_id: None,
        });
        id
    }

    /// An event of a partner's audit log.
    pub(crate) fn partner_event(&mut self, partner: PartnerId, action: &str) -> AuditEventId {
        let id = AuditEventId(self.id());
        self.rows.partner_audit_events.push(seed::PartnerAuditEvent {
            partner_id: partner,
            id,
            at: days(-5),
            actor: "check".to_owned(),
            action: action.to_owned(),
            customer_id: None,
            access_id: None,
            reason: None,
            old_value: None,
            new_value: None,
        });
        id
    }
}

/// The global ids of everything in [`Posture`], each with the name of its type.
impl Posture {
    pub(crate) fn global_ids(&self, customer: CustomerId) -> Vec<(&'static str, GlobalId)> {
        vec![
            ("Asset", GlobalId::Asset(customer, self.asset)),
            ("Finding", GlobalId::Finding(customer, self.finding)),
            ("Component", GlobalId::Component(customer, self.component)),
            ("Scan", GlobalId::Scan(customer, self.scan)),
            ("ScanSchedule", GlobalId::ScanSchedule(customer, self.schedule)),
            ("Evidence", GlobalId::Evidence(customer, self.evidence)),
            ("PostureShare", GlobalId::PostureShare(customer, self.share)),
            ("CustomerAuditEvent", GlobalId::CustomerAuditEvent(customer, self.audit_event)),
        ]
    }
}

#[test]
fn now_is_a_monday_at_noon() {
    assert_eq!(NOW, Utc.with_ymd_and_hms(2026, 6, 15, 12, 0, 0).unwrap());
}
