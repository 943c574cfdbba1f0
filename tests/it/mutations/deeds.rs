//! Every mutation once: an input that is to be done on the cast's world, who may do it, and what it leaves behind. What the schema
//! gains has to be told here before the tests of everybody pass.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{ScanId, UserId};
use posture_gateway::policy::Operation;

use crate::support::cast::Persona::{
    DisabledPortalAdmin, DisabledPortalReader, DistributorAdmin, FullPortalAdmin, FullPortalReader, Operator,
    PartnerAdmin, PlatformAdmin, ReadOnlyPortalAdmin, ReadOnlyPortalReader, RivalAdmin, UnassignedOperator,
};
use crate::support::cast::{Cast, Persona};

/// Whom the design lets call a mutation at all (DESIGN.md 4, 6 and 9).
pub(super) const PARTNER_ADMINS: &[Persona] = &[DistributorAdmin, PartnerAdmin, RivalAdmin];
const CUSTOMER_ADMINS: &[Persona] = &[FullPortalAdmin, ReadOnlyPortalAdmin, DisabledPortalAdmin];
const PLATFORM_ADMINS: &[Persona] = &[PlatformAdmin];
/// *Operate*, and whoever keeps their own people.
const KEEPERS: &[Persona] = &[
    DistributorAdmin,
    PartnerAdmin,
    RivalAdmin,
    Operator,
    UnassignedOperator,
    FullPortalAdmin,
    ReadOnlyPortalAdmin,
    DisabledPortalAdmin,
];

/// Whoever has a home page.
const VISITORS: &[Persona] = &[
    DistributorAdmin,
    PartnerAdmin,
    RivalAdmin,
    Operator,
    UnassignedOperator,
    FullPortalAdmin,
    FullPortalReader,
    ReadOnlyPortalAdmin,
    ReadOnlyPortalReader,
    DisabledPortalAdmin,
    DisabledPortalReader,
];

/// One mutation with one input.
pub(crate) struct Deed {
    pub(crate) operation: Operation,
    /// The input's fields, none where it takes no input; `%` stands for something that is each persona's own.
    pub(super) input: String,
    /// What the owner does to the world first.
    pub(crate) before: String,
    /// Who may ever call it: all others are told FORBIDDEN.
    pub(super) callers: &'static [Persona],
    /// Whom it is done for.
    pub(crate) done_for: &'static [Persona],
    /// Who sees the object and may not do it; for all other callers there is none.
    pub(super) not_permitted: &'static [Persona],
    /// What the logs of partners and of customers say afterwards, in the order of writing.
    pub(super) partner_log: &'static [&'static str],
    pub(super) customer_log: &'static [&'static str],
    /// Who reads the customer's log.
    pub(super) told: Option<Persona>,
    /// Whether it raises the version of Bolt's access by one.
    pub(super) raises_version: bool,
}

impl Deed {
    /// The document of one persona.
    pub(super) fn document(&self, persona: Persona) -> String {
        self.asking(persona, "userErrors { code message field }")
    }

    /// The same, with what is asked of the payload.
    pub(crate) fn asking(&self, persona: Persona, payload: &str) -> String {
        let input = self.input.replace('%', &format!("{persona:?}"));
        let arguments = if input.is_empty() { input } else { format!("(input: {{ {input} }})") };
        format!("mutation {{ {}{arguments} {{ {payload} }} }}", self.operation)
    }
}

/// Every mutation; some of them for several kinds of callers.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn deeds(cast: &Cast) -> Vec<Deed> {
    let (customer, access) = (cast.bolt.customer, cast.bolt.access);
    let (birch, acme, crown) = (cast.birch, cast.acme.customer, cast.crown.customer);
    let bolt = format!("accessId: \"{}\"", GlobalId::Access(customer, access));
    let of = |id| format!("customerId: \"{}\"", GlobalId::Customer(id));
    let user = |persona: Persona| format!("userId: \"{}\"", GlobalId::User(UserId::from(persona)));
    let this = format!("customer_id = '{customer}' and id = '{access}'");
    let sold = format!("'{customer}', '{access}', '{birch}'");
    let trial = format!(
        "update accesses set status = 'TRIAL', operating_model = 'CUSTOMER_MANAGED', trial_started_at = '2026-06-10', \
         trial_ends_at = '2026-06-20', trial_convert_by = '2026-07-20' where {this}"
    );
    let reason = "reason: \"As agreed\"";
    let both = |operation, input: String, before: String, log: &'static [&'static str]| Deed {
        operation,
        input,
        before,
        callers: PARTNER_ADMINS,
        done_for: &[PartnerAdmin],
        not_permitted: &[],
        partner_log: log,
        customer_log: log,
        told: Some(ReadOnlyPortalAdmin),
        raises_version: true,
    };
    let (none, nothing) = (String::new, &[] as &[&str]);
    let by_customer = |deed| Deed { callers: CUSTOMER_ADMINS, done_for: &[ReadOnlyPortalAdmin], ..deed };
    let unversioned = |deed| Deed { raises_version: false, ..deed };
    let books = |deed| Deed { customer_log: nothing, told: None, raises_version: false, ..deed };
    let sales = |deed| Deed { done_for: PARTNER_ADMINS, ..deed };
    // *Operate*: Birch does it for Crown, whose own ADMIN reads that it was done: that takes a portal, and at READ_ONLY it may not write.
    let configured = |deed| Deed {
        callers: KEEPERS,
        not_permitted: &[DisabledPortalAdmin],
        told: Some(DisabledPortalAdmin),
        raises_version: false,
        ..deed
    };
    let open_portal = || format!("update customers set portal_access = 1 where customer_id = '{crown}'");
    let operated = |operation, input: String, before: String, log| {
        configured(both(operation, input, format!("{}; {before}", open_portal()), log))
    };
    let finding = format!("findingId: \"{}\"", GlobalId::Finding(crown, cast.crown.posture.finding));
    let waiting = ScanId(uuid::Uuid::from_u128(1));
    let schedule =
        format!("scanScheduleId: \"{}\"", GlobalId::ScanSchedule(crown, cast.crown.posture.schedule));
    let invited = &["customer.user_invited", "customer.portal_access_changed"];
    vec![
        // The viewer's own, in no log.
        Deed {
            callers: VISITORS,
            done_for: VISITORS,
            partner_log: nothing,
            ..books(both(Operation::RecordVisit, none(), none(), nothing))
        },
        both(
            Operation::ChangeOperatingModel,
            format!("{bolt}, operatingModel: FULLY_MANAGED, {reason}"),
            none(),
            &["access.operating_model_changed"],
        ),
        by_customer(both(
            Operation::SetPartnerConsent,
            format!("{bolt}, consent: NONE"),
            none(),
            &["access.consent_changed"],
        )),
        by_customer(both(
            Operation::ElectOperatingModel,
            format!("{bolt}, operatingModel: CO_MANAGED"),
            trial.clone(),
            &["access.operating_model_elected"],
        )),
        both(Operation::ConvertTrial, bolt.clone(), trial, &["access.trial_converted"]),
        // Cedar sells to Bolt, too.
        Deed {
            done_for: &[PartnerAdmin, RivalAdmin],
            ..books(both(
                Operation::CreateQuote,
                format!(
                    "{}, plan: \"Standard\", licenseModel: PER_SCAN, quantity: 5, billingCycle: MONTHLY",
                    of(customer)
                ),
                none(),
                &["quote.created"],
            ))
        },
        unversioned(both(
            Operation::AcceptQuote,
            format!("quoteId: \"{}\"", GlobalId::Quote(customer, cast.birch_quote)),
            format!("update accesses set status = 'ENDED', ended_at = '2026-06-14' where {this}"),
            &["access.created"],
        )),
        Deed {
            customer_log: &["customer.created"],
            ..books(sales(both(
                Operation::CreateCustomer,
                "name: \"New\"".to_owned(),
                none(),
                &["customer.created"],
            )))
        },
        both(Operation::SuspendAccess, format!("{bolt}, {reason}"), none(), &["access.suspended"]),
        both(
            Operation::ResumeAccess,
            format!("{bolt}, {reason}"),
            format!("update accesses set status = 'SUSPENDED' where {this}"),
            &["access.resumed"],
        ),
        both(Operation::EndAccess, format!("{bolt}, {reason}"), none(), &["access.ended"]),
        both(Operation::AddAddOn, format!("{bolt}, code: \"SSO\""), none(), &["subscription.add_on_added"]),
        both(
            Operation::RemoveAddOn,
            format!("{bolt}, code: \"SSO\""),
            format!(
                "insert into subscription_add_ons (customer_id, access_id, partner_id, code, name, price, added_at) \
                 values ({sold}, 'SSO', 'Single sign-on', 12.50, '2026-06-01')"
            ),
            &["subscription.add_on_removed"],
        ),
        books(sales(both(
            Operation::BuyPrepaidLicenses,
            "licenseModel: PER_ASSET, quantity: 3".to_owned(),
            none(),
            &["prepaid.bought"],
        ))),
        books(both(
            Operation::AssignPrepaidLicense,
            bolt.clone(),
            format!(
                "insert into prepaid_purchases (partner_id, id, license_model, quantity, unit_cost, currency, bought_at) \
                 values ('{birch}', gen_random_uuid(), 'PER_ASSET', 1, 50, 'EUR', '2026-06-01')"
            ),
            &["prepaid.assigned"],
        )),
        books(both(
            Operation::UnassignPrepaidLicense,
            bolt.clone(),
            format!(
                "insert into prepaid_assignments (customer_id, access_id, partner_id, license_model, assigned_at) \
                 values ({sold}, 'PER_ASSET', '2026-06-01')"
            ),
            &["prepaid.unassigned"],
        )),
        unversioned(both(
            Operation::AcknowledgeUsageAlert,
            bolt.clone(),
            format!(
                "insert into usage_alerts (customer_id, access_id, partner_id, period_start, raised_at) \
                 values ({sold}, '2026-06-01', '2026-06-02')"
            ),
            &["subscription.usage_alert_acknowledged"],
        )),
        // Each of the three partners is billed in it.
        Deed {
            callers: PLATFORM_ADMINS,
            done_for: PLATFORM_ADMINS,
            ..books(both(
                Operation::SetPricing,
                "licenseModel: PER_ASSET, unitCost: \"61\", prepaidUnitCost: \"51\", currency: \"EUR\"".to_owned(),
                none(),
                &["pricing.changed", "pricing.changed", "pricing.changed"],
            ))
        },
        both(
            Operation::SetPrivilegeCeiling,
            format!("{bolt}, ceiling: NONE, {reason}"),
            none(),
            &["access.privilege_ceiling_changed"],
        ),
        Deed {
            not_permitted: &[RivalAdmin],
            ..unversioned(both(
                Operation::SetPortalAccess,
                format!("{}, portalAccess: FULL", of(customer)),
                none(),
                &["customer.portal_access_changed"],
            ))
        },
        // Birch operates Crown, whose portal is DISABLED until then.
        Deed {
            callers: KEEPERS,
            not_permitted: &[DisabledPortalAdmin],
            // Its own ADMIN sees no security configuration at READ_ONLY, and Birch lets nobody see more.
            told: None,
            ..unversioned(both(
                Operation::InviteCustomerUser,
                format!("{}, email: \"%-reader@example.org\", role: READ_ONLY", of(crown)),
                none(),
                invited,
            ))
        },
        // Acme operates itself.
        Deed {
            callers: KEEPERS,
            done_for: &[FullPortalAdmin],
            not_permitted: &[PartnerAdmin],
            partner_log: nothing,
            told: Some(FullPortalAdmin),
            ..unversioned(both(
                Operation::InviteCustomerUser,
                format!("{}, email: \"%-admin@example.org\", role: ADMIN", of(acme)),
                none(),
                &["customer.user_invited"],
            ))
        },
        both(
            Operation::AssignOperator,
            format!(
                "{bolt}, operatorId: \"{}\", assigned: true",
                GlobalId::User(UserId::from(UnassignedOperator))
            ),
            none(),
            &["access.operator_assigned"],
        ),
        books(sales(both(
            Operation::CreatePartner,
            "name: \"New\", adminEmail: \"%-founder@example.org\", adminName: \"Ada\", customerDataAccess: SUPPORT"
                .to_owned(),
            none(),
            &["partner.created", "partner.created", "partner.user_invited"],
        ))),
        Deed {
            callers: KEEPERS,
            // Itself.
            not_permitted: &[UnassignedOperator],
            ..books(both(
                Operation::DisableUser,
                user(UnassignedOperator),
                none(),
                &["partner.user_disabled"],
            ))
        },
        Deed {
            callers: KEEPERS,
            ..books(both(
                Operation::EnableUser,
                user(Persona::DisabledUser),
                none(),
                &["partner.user_enabled"],
            ))
        },
        Deed {
            callers: CUSTOMER_ADMINS,
            done_for: &[FullPortalAdmin],
            partner_log: nothing,
            told: Some(FullPortalAdmin),
            ..unversioned(both(
                Operation::SetCustomerUserRole,
                format!("{}, role: ADMIN", user(Persona::FullPortalReader)),
                none(),
                &["customer.user_role_changed"],
            ))
        },
        Deed {
            told: None,
            ..configured(both(
                Operation::SetSamlConfiguration,
                format!("{}, enabled: false", of(crown)),
                open_portal(),
                &["customer.saml_changed"],
            ))
        },
        Deed {
            callers: CUSTOMER_ADMINS,
            done_for: &[FullPortalAdmin],
            partner_log: nothing,
            told: Some(FullPortalAdmin),
            ..unversioned(both(
                Operation::CreateApiKey,
                format!("{}, label: \"CI\"", of(acme)),
                none(),
                &["customer.api_key_created"],
            ))
        },
        Deed {
            not_permitted: &[],
            told: None,
            ..configured(both(
                Operation::RevokeApiKey,
                format!("apiKeyId: \"{}\"", GlobalId::ApiKey(crown, cast.crown.posture.api_key)),
                open_portal(),
                &["customer.api_key_revoked"],
            ))
        },
        books(sales(both(
            Operation::CreatePartnerApiKey,
            "label: \"CI\", role: OPERATOR".to_owned(),
            none(),
            &["partner.api_key_created"],
        ))),
        books(both(
            Operation::RevokePartnerApiKey,
            format!("apiKeyId: \"{}\"", GlobalId::PartnerApiKey(birch, cast.birch_key)),
            none(),
            &["partner.api_key_revoked"],
        )),
        Deed {
            callers: KEEPERS,
            told: None,
            ..unversioned(both(
                Operation::DisableUser,
                user(Persona::DisabledPortalReader),
                open_portal(),
                &["customer.user_disabled"],
            ))
        },
        operated(
            Operation::CreatePostureShare,
            format!("{}, label: \"For the insurer\", expiresAt: \"2026-09-01T00:00:00Z\"", of(crown)),
            none(),
            &["posture_share.created"],
        ),
        operated(
            Operation::RevokePostureShare,
            format!("postureShareId: \"{}\"", GlobalId::PostureShare(crown, cast.crown.posture.share)),
            none(),
            &["posture_share.revoked"],
        ),
        operated(
            Operation::CreateEvidence,
            format!("{}, framework: \"SOC 2\", control: \"CC7.2\", title: \"Alerts\"", of(crown)),
            none(),
            &["evidence.created"],
        ),
        operated(Operation::RunScan, format!("{}, profile: \"full\"", of(crown)), none(), &["scan.requested"]),
        operated(
            Operation::CancelScan,
            format!("scanId: \"{}\"", GlobalId::Scan(crown, waiting)),
            format!(
                "insert into scans (customer_id, id, profile, trigger, status, requested_at) \
                 values ('{crown}', '{waiting}', 'full', 'MANUAL', 'QUEUED', '2026-06-15')"
            ),
            &["scan.canceled"],
        ),
        operated(
            Operation::CreateScanSchedules,
            format!(
                "customerIds: [\"{}\"], profile: \"full\", frequency: DAILY, startTime: \"02:30\"",
                GlobalId::Customer(crown)
            ),
            none(),
            &["scan_schedule.created"],
        ),
        operated(Operation::PauseScanSchedule, schedule.clone(), none(), &["scan_schedule.paused"]),
        operated(
            Operation::ResumeScanSchedule,
            schedule.clone(),
            "update scan_schedules set enabled = false, next_run_at = null".to_owned(),
            &["scan_schedule.resumed"],
        ),
        operated(Operation::DeleteScanSchedule, schedule, none(), &["scan_schedule.deleted"]),
        operated(
            Operation::TriageFinding,
            format!("{finding}, status: ACCEPTED, note: \"Only reachable from inside\""),
            none(),
            &["finding.triaged"],
        ),
        operated(
            Operation::AddFindingNote,
            format!("{finding}, note: \"Is being looked at\""),
            none(),
            &["finding.note_added"],
        ),
        operated(
            Operation::TriageFindings,
            format!("{}, filter: {{ severity: [HIGH] }}, status: TRIAGED", of(crown)),
            none(),
            &["finding.many_triaged"],
        ),
        operated(
            Operation::SetSlaPolicy,
            format!("{}, highDays: 3", of(crown)),
            none(),
            &["customer.sla_policy_changed"],
        ),
    ]
}
