//! Whole worlds at once: what the demo and the tests fill an empty database with, past every policy, as its owner.
//!
//! A row here is a row of the table, column for column; `insert` refuses nothing that the constraints allow.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::StoreError;
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::asset::AssetKind;
use crate::domain::customer::PortalAccess;
use crate::domain::finding::{FindingStatus, Severity};
use crate::domain::ids::{
    AccessId, ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, QuoteId, ScanId, ScanScheduleId, UserId,
};
use crate::domain::scan::{ScanFrequency, ScanStatus, ScanTrigger};
use crate::domain::schedule::DayOfWeek;
use crate::domain::subscription::{BillingCycle, LicenseModel, SubscriptionStatus};
use crate::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use crate::policy::DataClass;

/// How many rows go into one statement.
const BATCH: usize = 5_000;

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        #[expect(missing_docs, reason = "the columns of the table, which say why they are there")]
        pub struct $name { $($(#[$attribute])* pub $field: $type,)* }
    )*};
}

rows! {
    /// A row of `partners`.
    Partner {
        id: PartnerId,
        parent_id: Option<PartnerId>,
        name: String,
        currency: String,
        created_at: DateTime<Utc>,
    }
    /// A row of `customers`.
    Customer {
        customer_id: CustomerId,
        name: String,
        #[serde(serialize_with = "portal_rank")] portal_access: PortalAccess,
        created_by: PartnerId,
        created_at: DateTime<Utc>,
    }
    /// A row of `users`.
    User {
        id: UserId,
        kind: ViewerKind,
        name: String,
        email: Option<String>,
        disabled_at: Option<DateTime<Utc>>,
        created_at: DateTime<Utc>,
        is_service: bool,
    }
    /// A row of `accesses`.
    Access {
        customer_id: CustomerId,
        id: AccessId,
        partner_id: PartnerId,
        customer_name: String,
        status: AccessStatus,
        operating_model: OperatingModel,
        #[serde(serialize_with = "privilege_rank")] privilege_ceiling: Privilege,
        #[serde(serialize_with = "privilege_rank")] customer_consent: Privilege,
        consent_until: Option<DateTime<Utc>>,
        trial_started_at: Option<DateTime<Utc>>,
        trial_ends_at: Option<DateTime<Utc>>,
        trial_convert_by: Option<DateTime<Utc>>,
        trial_converted_at: Option<DateTime<Utc>>,
        trial_elected_model: Option<OperatingModel>,
        version: i32,
        created_at: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
    }
    /// A row of `subscriptions`; where it is prepaid, one of `prepaid_assignments` until the end of the access.
    Subscription {
        customer_id: CustomerId,
        access_id: AccessId,
        partner_id: PartnerId,
        plan: String,
        billing_cycle: BillingCycle,
        status: SubscriptionStatus,
        started_at: DateTime<Utc>,
        renewal_date: Option<NaiveDate>,
        license_model: LicenseModel,
        quantity: Option<i32>,
        price: Decimal,
        currency: String,
        prepaid: bool,
    }
    /// A row of `subscription_add_ons`, there since the beginning of the access.
    AddOn {
        customer_id: CustomerId,
        access_id: AccessId,
        code: String,
        partner_id: PartnerId,
        name: String,
        price: Decimal,
    }
    /// A row of `plans`.
    Plan {
        name: String,
        license_model: LicenseModel,
        currency: String,
        monthly_price: Decimal,
        annual_price: Decimal,
    }
    /// A row of `plan_add_ons`.
    PlanAddOn {
        code: String,
        currency: String,
        name: String,
        monthly_price: Decimal,
        annual_price: Decimal,
    }
    /// A row of `quotes`.
    Quote {
        customer_id: CustomerId,
        id: QuoteId,
        partner_id: PartnerId,
        plan: String,
        license_model: LicenseModel,
        quantity: Option<i32>,
        billing_cycle: BillingCycle,
        operating_model: OperatingModel,
        trial_days: Option<i32>,
        price: Decimal,
        currency: String,
        add_ons: serde_json::Value,
        created_at: DateTime<Utc>,
        accepted_at: Option<DateTime<Utc>>,
        access_id: Option<AccessId>,
    }
    /// A row of `prepaid_purchases`.
    PrepaidPurchase {
        partner_id: PartnerId,
        id: Uuid,
        license_model: LicenseModel,
        quantity: i32,
        unit_cost: Decimal,
        currency: String,
        bought_at: DateTime<Utc>,
    }
    /// A row of `usage_alerts`.
    UsageAlert {
        customer_id: CustomerId,
        access_id: AccessId,
        period_start: NaiveDate,
        partner_id: PartnerId,
        raised_at: DateTime<Utc>,
        acknowledged_at: Option<DateTime<Utc>>,
        acknowledged_by: Option<String>,
    }
    /// A row of `pricing`.
    Price {
        license_model: LicenseModel,
        currency: String,
        valid_from: DateTime<Utc>,
        unit_cost: Decimal,
        prepaid_unit_cost: Decimal,
    }
    /// A row of `assets`.
    Asset {
        customer_id: CustomerId,
        id: AssetId,
        kind: AssetKind,
        value: String,
        first_seen_at: DateTime<Utc>,
    }
    /// A row of `findings`.
    Finding {
        customer_id: CustomerId,
        id: FindingId,
        asset_id: Option<AssetId>,
        title: String,
        description: Option<String>,
        #[serde(serialize_with = "severity_rank")] severity: Severity,
        status: FindingStatus,
        rule_id: Option<String>,
        cve: Option<String>,
        cvss_score: Option<f64>,
        location: Option<String>,
        tool: String,
        target: String,
        #[serde(serialize_with = "hex")] fingerprint: Vec<u8>,
        first_seen_at: DateTime<Utc>,
        last_seen_at: DateTime<Utc>,
        resolved_at: Option<DateTime<Utc>>,
        sla_due_at: Option<DateTime<Utc>>,
    }
    /// A row of `finding_history`.
    FindingChange {
        customer_id: CustomerId,
        id: Uuid,
        finding_id: FindingId,
        at: DateTime<Utc>,
        actor: String,
        partner_id: Option<PartnerId>,
        old_status: FindingStatus,
        new_status: FindingStatus,
        note: Option<String>,
    }
    /// A row of `sla_policies`.
    SlaPolicy {
        customer_id: CustomerId,
        critical_days: Option<i32>,
        high_days: Option<i32>,
        medium_days: Option<i32>,
        low_days: Option<i32>,
        info_days: Option<i32>,
    }
    /// A row of `components`.
    Component {
        customer_id: CustomerId,
        id: ComponentId,
        #[serde(serialize_with = "hex")] identity: Vec<u8>,
        name: String,
        version: Option<String>,
        purl: Option<String>,
        licenses: Vec<String>,
    }
    /// A row of `scans`.
    Scan {
        customer_id: CustomerId,
        id: ScanId,
        profile: String,
        trigger: ScanTrigger,
        status: ScanStatus,
        requested_at: DateTime<Utc>,
        started_at: Option<DateTime<Utc>>,
        finished_at: Option<DateTime<Utc>>,
        failure: Option<String>,
    }
    /// A row of `scan_targets`.
    ScanTarget { customer_id: CustomerId, scan_id: ScanId, asset_id: AssetId, }
    /// A row of `scan_reports`.
    ScanReport {
        customer_id: CustomerId,
        scan_id: ScanId,
        tool_name: Option<String>,
        new_findings: i32,
        fixed_findings: i32,
        open_critical: i32,
        open_high: i32,
        open_medium: i32,
        open_low: i32,
        open_info: i32,
    }
    /// A row of `scan_schedules`.
    ScanSchedule {
        customer_id: CustomerId,
        id: ScanScheduleId,
        profile: String,
        frequency: ScanFrequency,
        start_time: NaiveTime,
        time_zone: String,
        day_of_week: Option<DayOfWeek>,
        day_of_month: Option<i16>,
        events: Vec<ScanTrigger>,
        next_run_at: Option<DateTime<Utc>>,
        enabled: bool,
        created_at: DateTime<Utc>,
    }
    /// A row of `scan_schedule_targets`.
    ScanScheduleTarget { customer_id: CustomerId, scan_schedule_id: ScanScheduleId, asset_id: AssetId, }
    /// A row of `evidence`.
    Evidence {
        customer_id: CustomerId,
        id: EvidenceId,
        framework: Option<String>,
        control: String,
        title: String,
        created_at: DateTime<Utc>,
        created_by: String,
        created_by_id: Option<UserId>,
        created_by_partner: Option<PartnerId>,
    }
    /// A row of `evidence_findings`.
    EvidenceFinding { customer_id: CustomerId, evidence_id: EvidenceId, finding_id: FindingId, }
    /// A row of `evidence_scans`.
    EvidenceScan { customer_id: CustomerId, evidence_id: EvidenceId, scan_id: ScanId, }
    /// A row of `evidence_files`; the file itself is wherever files are.
    EvidenceFile {
        customer_id: CustomerId,
        evidence_id: EvidenceId,
        object_id: Uuid,
        name: String,
        size: i64,
        media_type: String,
        #[serde(serialize_with = "hex")] sha256: Vec<u8>,
        created_at: DateTime<Utc>,
        created_by: String,
        created_by_id: Option<UserId>,
        created_by_partner: Option<PartnerId>,
    }
    /// A row of `posture_shares`.
    PostureShare {
        customer_id: CustomerId,
        id: PostureShareId,
        label: String,
        created_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        revoked_at: Option<DateTime<Utc>>,
        created_by: String,
        created_by_id: Option<UserId>,
        created_by_partner: Option<PartnerId>,
    }
    /// A row of `posture_snapshots`.
    PostureSnapshot {
        customer_id: CustomerId,
        day: NaiveDate,
        open_critical: i32,
        open_high: i32,
        open_medium: i32,
        open_low: i32,
        open_info: i32,
        sla_breaches: i32,
        assets: i32,
    }
    /// A row of `access_records`.
    AccessRecord {
        customer_id: CustomerId,
        at: DateTime<Utc>,
        id: Uuid,
        partner_id: PartnerId,
        user_id: UserId,
        user_name: String,
        request_id: Uuid,
        class: DataClass,
        operation: Option<String>,
        fields: Vec<String>,
    }
    /// A row of `visits`.
    Visit { user_id: UserId, at: DateTime<Utc>, }
    /// A row of `security_settings`.
    SecuritySettings { customer_id: CustomerId, saml_enabled: bool, saml_issuer: Option<String>, }
    /// A row of `api_keys`, without a secret: it signs in nobody.
    ApiKey {
        customer_id: CustomerId,
        id: ApiKeyId,
        user_id: Option<UserId>,
        label: String,
        last_four: String,
        created_at: DateTime<Utc>,
        revoked_at: Option<DateTime<Utc>>,
    }
    /// A row of `partner_api_keys`, without a secret: it signs in nobody.
    PartnerApiKey {
        partner_id: PartnerId,
        id: ApiKeyId,
        user_id: UserId,
        label: String,
        last_four: String,
        created_at: DateTime<Utc>,
        revoked_at: Option<DateTime<Utc>>,
    }
    /// A row of `partner_audit_events`.
    PartnerAuditEvent {
        partner_id: PartnerId,
        id: AuditEventId,
        at: DateTime<Utc>,
        actor: String,
        action: String,
        customer_id: Option<CustomerId>,
        access_id: Option<AccessId>,
        reason: Option<String>,
        old_value: Option<String>,
        new_value: Option<String>,
    }
    /// A row of `customer_audit_events`.
    CustomerAuditEvent {
        customer_id: CustomerId,
        id: AuditEventId,
        at: DateTime<Utc>,
        actor: String,
        action: String,
        reason: Option<String>,
        old_value: Option<String>,
        new_value: Option<String>,
        partner_id: Option<PartnerId>,
    }
}

/// A row of `partner_users`, `customer_users`, `scanner_customers` or `operator_assignments`.
#[derive(Clone, Copy, Debug)]
pub enum Membership {
    /// A user of a partner.
    Partner(PartnerId, UserId, PartnerRole),
    /// A user of a customer.
    Customer(CustomerId, UserId, CustomerRole),
    /// A customer that a scanner is registered for.
    Scanner(CustomerId, UserId),
    /// An access that is assigned to an operator.
    Assignment(CustomerId, AccessId, UserId),
}

/// Everything that a database holds. Rollups and usage are not in it: the triggers count them.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "named after the tables")]
pub struct World {
    pub partners: Vec<Partner>,
    pub customers: Vec<Customer>,
    pub users: Vec<User>,
    pub memberships: Vec<Membership>,
    pub accesses: Vec<Access>,
    pub subscriptions: Vec<Subscription>,
    pub add_ons: Vec<AddOn>,
    pub plans: Vec<Plan>,
    pub plan_add_ons: Vec<PlanAddOn>,
    pub quotes: Vec<Quote>,
    pub prepaid_purchases: Vec<PrepaidPurchase>,
    pub usage_alerts: Vec<UsageAlert>,
    pub pricing: Vec<Price>,
    pub assets: Vec<Asset>,
    pub findings: Vec<Finding>,
    pub finding_history: Vec<FindingChange>,
    pub sla_policies: Vec<SlaPolicy>,
    pub components: Vec<Component>,
    pub scans: Vec<Scan>,
    pub scan_targets: Vec<ScanTarget>,
    pub scan_reports: Vec<ScanReport>,
    pub scan_schedules: Vec<ScanSchedule>,
    pub scan_schedule_targets: Vec<ScanScheduleTarget>,
    pub evidence: Vec<Evidence>,
    pub evidence_findings: Vec<EvidenceFinding>,
    pub evidence_scans: Vec<EvidenceScan>,
    pub evidence_files: Vec<EvidenceFile>,
    pub posture_shares: Vec<PostureShare>,
    pub posture_snapshots: Vec<PostureSnapshot>,
    pub visits: Vec<Visit>,
    pub access_records: Vec<AccessRecord>,
    pub security_settings: Vec<SecuritySettings>,
    pub api_keys: Vec<ApiKey>,
    pub partner_api_keys: Vec<PartnerApiKey>,
    pub partner_audit_events: Vec<PartnerAuditEvent>,
    pub customer_audit_events: Vec<CustomerAuditEvent>,
}

impl World {
    /// Writes the world into a database, in the order of its foreign keys.
    ///
    /// `progress` is told the table and the number of its rows before each table.
    ///
    /// # Errors
    /// When a constraint refuses a row; what was written before stays, so call it in a transaction.
    pub async fn insert(
        &self,
        connection: &mut PgConnection,
        mut progress: impl FnMut(&'static str, usize),
    ) -> Result<(), StoreError> {
        macro_rules! insert {
            ($($table:ident)*) => {$(
                progress(stringify!($table), self.$table.len());
                insert(connection, stringify!($table), &self.$table).await?;
            )*};
        }
        insert! { partners customers users }
        insert(connection, "partner_users", &self.members(Membership::partner_user)).await?;
        insert(connection, "customer_users", &self.members(Membership::customer_user)).await?;
        insert(connection, "scanner_customers", &self.members(Membership::scanner_customer)).await?;
        insert! { accesses }
        insert(connection, "operator_assignments", &self.members(Membership::operator_assignment)).await?;
        insert! { plans plan_add_ons subscriptions }
        let prepaid: Vec<_> = self.subscriptions.iter().filter(|sold| sold.prepaid).collect();
        insert_sold(connection, &PREPAID_ASSIGNMENTS, &prepaid).await?;
        progress("add_ons", self.add_ons.len());
        insert_sold(connection, &ADD_ONS, &self.add_ons).await?;
        insert! {
            quotes prepaid_purchases usage_alerts pricing assets findings finding_history sla_policies components scans
            scan_targets scan_reports scan_schedules scan_schedule_targets evidence evidence_findings evidence_scans
            evidence_files posture_shares posture_snapshots visits access_records security_settings api_keys partner_api_keys
        }
        // A log is chained in the order in which it is written.
        let mut partner_events = self.partner_audit_events.clone();
        partner_events.sort_by_key(|event| event.at);
        progress("partner_audit_events", partner_events.len());
        insert(connection, "partner_audit_events", &partner_events).await?;
        let mut customer_events = self.customer_audit_events.clone();
        customer_events.sort_by_key(|event| event.at);
        progress("customer_audit_events", customer_events.len());
        insert(connection, "customer_audit_events", &customer_events).await?;
        Ok(())
    }

    fn members(&self, row: impl Fn(&Membership) -> Option<serde_json::Value>) -> Vec<serde_json::Value> {
        self.memberships.iter().filter_map(row).collect()
    }
}

impl Membership {
    fn partner_user(&self) -> Option<serde_json::Value> {
        let Self::Partner(partner, user, role) = self else { return None };
        Some(
            serde_json::json!({ "partner_id": partner, "user_id": user, "kind": "PARTNER_USER", "role": role }),
        )
    }

    fn customer_user(&self) -> Option<serde_json::Value> {
        let Self::Customer(customer, user, role) = self else { return None };
        Some(
            serde_json::json!({ "customer_id": customer, "user_id": user, "kind": "CUSTOMER_USER", "role": role }),
        )
    }

    fn scanner_customer(&self) -> Option<serde_json::Value> {
        let Self::Scanner(customer, user) = self else { return None };
        Some(serde_json::json!({ "customer_id": customer, "user_id": user, "kind": "SCANNER" }))
    }

    fn operator_assignment(&self) -> Option<serde_json::Value> {
        let Self::Assignment(customer, access, user) = self else { return None };
        Some(serde_json::json!({ "customer_id": customer, "access_id": access, "user_id": user }))
    }
}

/// Rows as JSON, which `PostgreSQL` fits to the table's columns by name.
async fn insert<Row: Serialize>(
    connection: &mut PgConnection,
    table: &'static str,
    rows: &[Row],
) -> Result<(), StoreError> {
    let sql = format!("insert into {table} select * from json_populate_recordset(null::{table}, $1::json)");
    for batch in rows.chunks(BATCH) {
        let json = serde_json::to_string(batch).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(AssertSqlSafe(sql.as_str())).bind(json).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A table of what is sold over an access, for as long as the access is there.
struct Sold {
    table: &'static str,
    columns: &'static str,
    values: &'static str,
}

const PREPAID_ASSIGNMENTS: Sold = Sold {
    table: "prepaid_assignments",
    columns: "license_model, assigned_at, unassigned_at",
    values: "r.license_model, '-infinity', a.ended_at",
};

const ADD_ONS: Sold = Sold {
    table: "subscription_add_ons",
    columns: "code, name, price, added_at",
    values: "r.code, r.name, r.price, a.created_at",
};

/// Rows that say when they hold by their access.
async fn insert_sold<Row: Serialize>(
    connection: &mut PgConnection,
    Sold { table, columns, values }: &Sold,
    rows: &[Row],
) -> Result<(), StoreError> {
    let sql = format!(
        "insert into {table} (customer_id, access_id, partner_id, {columns}) \
         select r.customer_id, r.access_id, r.partner_id, {values} \
         from json_populate_recordset(null::{table}, $1::json) r \
         join accesses a on a.customer_id = r.customer_id and a.id = r.access_id"
    );
    for batch in rows.chunks(BATCH) {
        let json = serde_json::to_string(batch).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(AssertSqlSafe(sql.as_str())).bind(json).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The id of the `nth` object of a kind: the same in every run, so that worlds are deterministic.
#[must_use]
pub fn deterministic_id(kind: &str, nth: u64) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}/{nth}").as_bytes())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn portal_rank<S: serde::Serializer>(level: &PortalAccess, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i16(level.rank())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn privilege_rank<S: serde::Serializer>(privilege: &Privilege, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i16(privilege.rank())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn severity_rank<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i16(severity.rank())
}

fn hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len() + 2);
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    serializer.serialize_str(&text)
}
