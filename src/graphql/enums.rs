//! The schema's enums: mirrors of the domain's, which know nothing of GraphQL.

use async_graphql::Enum;

/// Mirrors a domain enum; the compiler checks that no value is missing.
macro_rules! mirror {
    ($($(#[doc = $doc:literal])* $name:ident = $remote:literal { $($(#[doc = $vdoc:literal])* $variant:ident,)* })*) => {$(
        $(#[doc = $doc])*
        #[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[graphql(remote = $remote)]
        pub enum $name {
            $($(#[doc = $vdoc])* $variant,)*
        }
    )*};
}

mirror! {
    /// What kind of data a field returns. The gate decides from the class, the viewer and the access.
    DataClass = "crate::policy::DataClass" {
        /// Plan, cycle, status, renewal, usage, add-ons, trial state: the billing relationship, visible in every operating model.
        Commercial,
        /// Unit cost and margin of the partner: never shown to a customer.
        Pricing,
        /// Findings, inventory, SBOM, posture metrics, scan history, scan reports, evidence.
        Posture,
        /// The customer's audit log and user activity.
        Activity,
        /// RBAC, SAML and API keys of the customer.
        SecurityConfig,
    }

    /// Why a class is hidden: the first that applies, in the order ASSIGNMENT, ROLE, ACCESS_STATUS, OPERATING_MODEL,
    /// PRIVILEGE, CONSENT; for customers ROLE, then PORTAL_ACCESS.
    HiddenReason = "crate::policy::HiddenReason" {
        /// The operating model does not open it.
        OperatingModel,
        /// The contract's privilege ceiling is too low.
        Privilege,
        /// The customer's consent is too low.
        Consent,
        /// The access is suspended, ended or an expired trial.
        AccessStatus,
        /// The access is not assigned to the operator.
        Assignment,
        /// The customer's portal access is too low.
        PortalAccess,
        /// The viewer's kind or role never sees it.
        Role,
    }

    /// What kind of user asks.
    ViewerKind = "crate::domain::user::ViewerKind" {
        /// A user of a partner.
        PartnerUser,
        /// A user of a customer.
        CustomerUser,
        /// An administrator of the platform.
        PlatformAdmin,
        /// A machine that writes scan results and reads nothing.
        Scanner,
    }

    /// The role of a partner's user.
    PartnerRole = "crate::domain::user::PartnerRole" {
        /// Sees every access of the own partner.
        Admin,
        /// Sees the assigned accesses only, and never prices.
        Operator,
    }

    /// The role of a customer's user.
    CustomerRole = "crate::domain::user::CustomerRole" {
        /// Decides for the customer.
        Admin,
        /// Reads.
        ReadOnly,
    }

    /// Who runs the customer's security, decided per access.
    OperatingModel = "crate::domain::access::OperatingModel" {
        /// The customer alone: the partner sees the commercial state only.
        CustomerManaged,
        /// Both: the partner sees posture, the customer keeps ownership.
        CoManaged,
        /// The partner: the customer's portal is read-only or off.
        FullyManaged,
    }

    /// What a partner may do, from least to most.
    PartnerPrivilege = "crate::domain::access::Privilege" {
        /// Nothing.
        None,
        /// Read dashboards, reports and user activity.
        Support,
        /// Read and operate.
        Manage,
    }

    /// Where an access stands in its life.
    AccessStatus = "crate::domain::access::AccessStatus" {
        /// On trial, expired or not.
        Trial,
        /// Provisioned and paid.
        Active,
        /// Held, for instance for non-payment.
        Suspended,
        /// Over; its commercial history stays visible to the partner.
        Ended,
    }

    /// What the customer's own users may do in their portal, from least to most.
    PortalAccess = "crate::domain::customer::PortalAccess" {
        /// Nothing; the default.
        Disabled,
        /// View dashboards and reports.
        ReadOnly,
        /// Manage users, scans and settings.
        Full,
    }

    /// How often a subscription is billed.
    BillingCycle = "crate::domain::subscription::BillingCycle" {
        /// Every month.
        Monthly,
        /// Once a year.
        Annual,
    }

    /// Where a subscription stands.
    SubscriptionStatus = "crate::domain::subscription::SubscriptionStatus" {
        /// On trial, not billed.
        Trialing,
        /// Paid.
        Active,
        /// A payment is late.
        PastDue,
        /// Held.
        Suspended,
        /// Over.
        Canceled,
    }

    /// What a licence counts.
    LicenseModel = "crate::domain::subscription::LicenseModel" {
        /// Monitored assets; alerts at 90 %.
        PerAsset,
        /// Scans of the period; alerts at 80 %.
        PerScan,
        /// Nothing; never alerts.
        Unlimited,
    }

    /// How bad a finding is, worst first.
    Severity = "crate::domain::finding::Severity" {
        /// CVSS 9.0 and above.
        Critical,
        /// CVSS 7.0 to 8.9.
        High,
        /// CVSS 4.0 to 6.9.
        Medium,
        /// CVSS 0.1 to 3.9.
        Low,
        /// No risk of its own.
        Info,
    }

    /// Where a finding stands. OPEN, TRIAGED and IN_PROGRESS count as open.
    FindingStatus = "crate::domain::finding::FindingStatus" {
        /// Reported, nobody looked yet.
        Open,
        /// Looked at and believed.
        Triaged,
        /// Being fixed.
        InProgress,
        /// Gone from a full scan, or fixed.
        Resolved,
        /// Known and accepted.
        Accepted,
        /// Not real.
        FalsePositive,
    }

    /// What an asset is.
    AssetKind = "crate::domain::asset::AssetKind" {
        /// A registered domain.
        Domain,
        /// A name below one.
        Subdomain,
        /// An IPv4 or IPv6 address.
        IpAddress,
        /// A web application's URL.
        WebApplication,
        /// An API's base URL.
        Api,
    }

    /// Why a scan ran.
    ScanTrigger = "crate::domain::scan::ScanTrigger" {
        /// Somebody asked for it.
        Manual,
        /// Its schedule was due.
        Scheduled,
        /// A new asset was found.
        AssetDiscovered,
        /// The vulnerability database changed.
        VulnerabilityDatabaseUpdated,
        /// Results came in through the API.
        Api,
    }

    /// How far a scan is.
    ScanStatus = "crate::domain::scan::ScanStatus" {
        /// Waiting for a scanner.
        Queued,
        /// A scanner works on it.
        Running,
        /// Finished with a report.
        Succeeded,
        /// Finished without one.
        Failed,
        /// Called off.
        Canceled,
    }

    /// How often a schedule is due.
    ScanFrequency = "crate::domain::scan::ScanFrequency" {
        /// Every day.
        Daily,
        /// Every week.
        Weekly,
        /// Every month.
        Monthly,
    }

    /// A day of the week.
    DayOfWeek = "crate::domain::schedule::DayOfWeek" {
        /// The first one (ISO 8601).
        Monday,
        /// The second one.
        Tuesday,
        /// The third one.
        Wednesday,
        /// The fourth one.
        Thursday,
        /// The fifth one.
        Friday,
        /// The sixth one.
        Saturday,
        /// The last one.
        Sunday,
    }

    /// LAST_SCAN_AT and OPEN_FINDINGS read posture: an access whose posture is hidden sorts last in both directions, as
    /// if it had none. Equal ones follow by customer name.
    AccessOrderField = "crate::store::access::AccessOrderField" {
        /// By the customer's name.
        CustomerName,
        /// By status, in the order TRIAL, ACTIVE, SUSPENDED, ENDED.
        Status,
        /// By the plan's name; without a plan last.
        Plan,
        /// By renewal; without a date last.
        RenewalDate,
        /// By when the access was provisioned.
        CreatedAt,
        /// By the customer's last scan; never scanned last, hidden after that.
        LastScanAt,
        /// By the number of open findings; hidden last.
        OpenFindings,
    }

    /// What findings are ordered by.
    FindingOrderField = "crate::store::finding::FindingOrderField" {
        /// By how bad they are; DESC is worst first.
        Severity,
        /// By when they were first reported.
        FirstSeenAt,
        /// By when they were last reported.
        LastSeenAt,
        /// By when they have to be fixed; without a date last in both directions.
        SlaDueAt,
    }
}

/// Which way to order.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDirection {
    /// Least first.
    Asc,
    /// Greatest first.
    Desc,
}

impl From<OrderDirection> for crate::store::list::Direction {
    fn from(direction: OrderDirection) -> Self {
        match direction {
            OrderDirection::Asc => Self::Ascending,
            OrderDirection::Desc => Self::Descending,
        }
    }
}

/// The domain's values of an optional list.
#[must_use]
pub fn all_into<Mirror, Domain: From<Mirror>>(values: Option<Vec<Mirror>>) -> Option<Vec<Domain>> {
    values.map(|values| values.into_iter().map(Domain::from).collect())
}
