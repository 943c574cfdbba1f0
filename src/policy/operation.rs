//! Which kinds and roles may ever call a mutation (DESIGN.md 9, "Order of checks"): the first question, before anything is
//! looked up. Whether they may do it to a given object is asked afterwards.

use super::class::DataClass;
use super::viewer::Viewer;
use crate::domain::text_enum::text_enum;
use crate::domain::user::{CustomerRole, PartnerRole};

text_enum! {
    /// A mutation, spelled as its field.
    Operation {
        /// Another operating model for an ACTIVE access.
        ChangeOperatingModel = "changeOperatingModel",
        /// What the customer grants a partner.
        SetPartnerConsent = "setPartnerConsent",
        /// An offer to a customer.
        CreateQuote = "createQuote",
        /// An access and a subscription from a quote.
        AcceptQuote = "acceptQuote",
        /// A new customer.
        CreateCustomer = "createCustomer",
        /// The customer's model for a trial.
        ElectOperatingModel = "electOperatingModel",
        /// A trial that is paid from now on.
        ConvertTrial = "convertTrial",
        /// A pause of an access.
        SuspendAccess = "suspendAccess",
        /// The end of the pause.
        ResumeAccess = "resumeAccess",
        /// The end of an access.
        EndAccess = "endAccess",
        /// One add-on more.
        AddAddOn = "addAddOn",
        /// One add-on less.
        RemoveAddOn = "removeAddOn",
        /// Licences paid in advance.
        BuyPrepaidLicenses = "buyPrepaidLicenses",
        /// A prepaid licence for an access.
        AssignPrepaidLicense = "assignPrepaidLicense",
        /// A prepaid licence taken back.
        UnassignPrepaidLicense = "unassignPrepaidLicense",
        /// Note taken of a usage alert.
        AcknowledgeUsageAlert = "acknowledgeUsageAlert",
        /// What licences cost partners.
        SetPricing = "setPricing",
        /// What the contract allows a partner at most.
        SetPrivilegeCeiling = "setPrivilegeCeiling",
        /// What a customer's own users may do.
        SetPortalAccess = "setPortalAccess",
        /// One user more for a customer.
        InviteCustomerUser = "inviteCustomerUser",
        /// Which operators see an access.
        AssignOperator = "assignOperator",
        /// A partner under the own one.
        CreatePartner = "createPartner",
        /// A user who may no longer sign in.
        DisableUser = "disableUser",
        /// A user who may sign in again.
        EnableUser = "enableUser",
        /// A link to a summary of a customer's posture.
        CreatePostureShare = "createPostureShare",
        /// The end of such a link.
        RevokePostureShare = "revokePostureShare",
        /// A record for a control of a framework.
        CreateEvidence = "createEvidence",
        /// That the viewer looked.
        RecordVisit = "recordVisit",
        /// A scan, as soon as a scanner takes it.
        RunScan = "runScan",
        /// The end of a scan that has not begun.
        CancelScan = "cancelScan",
        /// Scans that recur, of many customers at once.
        CreateScanSchedules = "createScanSchedules",
        /// A pause of them.
        PauseScanSchedule = "pauseScanSchedule",
        /// The end of the pause.
        ResumeScanSchedule = "resumeScanSchedule",
        /// The end of them.
        DeleteScanSchedule = "deleteScanSchedule",
        /// Where a finding stands.
        TriageFinding = "triageFinding",
        /// Where many findings stand.
        TriageFindings = "triageFindings",
        /// A note about a finding.
        AddFindingNote = "addFindingNote",
        /// After how many days findings are due.
        SetSlaPolicy = "setSlaPolicy",
        /// Another role for a customer's user.
        SetCustomerUserRole = "setCustomerUserRole",
        /// How a customer's users sign in.
        SetSamlConfiguration = "setSamlConfiguration",
        /// An API key of a customer.
        CreateApiKey = "createApiKey",
        /// Its end.
        RevokeApiKey = "revokeApiKey",
        /// An API key of a partner.
        CreatePartnerApiKey = "createPartnerApiKey",
        /// Its end.
        RevokePartnerApiKey = "revokePartnerApiKey",
    }
}

/// Who may call an operation, if anybody of their kind and role ever may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A partner's ADMIN.
    PartnerAdmin,
    /// A partner's OPERATOR.
    PartnerOperator,
    /// A customer's ADMIN.
    CustomerAdmin,
    /// A customer's READ_ONLY user.
    CustomerReader,
    /// An administrator of the platform.
    PlatformAdmin,
    /// A scanner.
    Scanner,
}

impl Caller {
    /// What they are called, all of them.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::PartnerAdmin => "partner admins",
            Self::PartnerOperator => "partner operators",
            Self::CustomerAdmin => "customer admins",
            Self::CustomerReader => "customer readers",
            Self::PlatformAdmin => "platform admins",
            Self::Scanner => "scanners",
        }
    }
}

impl From<&Viewer> for Caller {
    fn from(viewer: &Viewer) -> Self {
        match viewer {
            Viewer::Partner { role: PartnerRole::Admin, .. } => Self::PartnerAdmin,
            Viewer::Partner { role: PartnerRole::Operator, .. } => Self::PartnerOperator,
            Viewer::Customer { role: CustomerRole::Admin, .. } => Self::CustomerAdmin,
            Viewer::Customer { role: CustomerRole::ReadOnly, .. } => Self::CustomerReader,
            Viewer::PlatformAdmin { .. } => Self::PlatformAdmin,
            Viewer::Scanner { .. } => Self::Scanner,
        }
    }
}

impl Operation {
    /// Everyone who may ever call it.
    #[must_use]
    pub const fn callers(self) -> &'static [Caller] {
        match self {
            // The partner's side of the contract.
            Self::ChangeOperatingModel
            | Self::CreateQuote
            | Self::AcceptQuote
            | Self::CreateCustomer
            | Self::ConvertTrial
            | Self::SuspendAccess
            | Self::ResumeAccess
            | Self::EndAccess
            | Self::AddAddOn
            | Self::RemoveAddOn
            | Self::BuyPrepaidLicenses
            | Self::AssignPrepaidLicense
            | Self::UnassignPrepaidLicense
            | Self::AcknowledgeUsageAlert
            // Ceiling, portal, whitelist and tree are the partner's to keep.
            | Self::SetPrivilegeCeiling
            | Self::SetPortalAccess
            | Self::AssignOperator
            | Self::CreatePartner
            | Self::CreatePartnerApiKey
            | Self::RevokePartnerApiKey => &[Caller::PartnerAdmin],
            // The customer's decisions, at all times; and who of its users decides, which no partner does.
            Self::SetPartnerConsent
            | Self::ElectOperatingModel
            | Self::SetCustomerUserRole
            // A key outlives what let its maker make it, so a partner never holds one.
            | Self::CreateApiKey => {
                &[Caller::CustomerAdmin]
            }
            // Unit costs are the platform's (DESIGN.md 7).
            Self::SetPricing => &[Caller::PlatformAdmin],
            // *Operate*: every write on a customer's security data.
            Self::CreatePostureShare
            | Self::RevokePostureShare
            | Self::CreateEvidence
            | Self::RunScan
            | Self::CancelScan
            | Self::CreateScanSchedules
            | Self::PauseScanSchedule
            | Self::ResumeScanSchedule
            | Self::DeleteScanSchedule
            | Self::TriageFinding
            | Self::TriageFindings
            | Self::AddFindingNote
            | Self::SetSlaPolicy
            | Self::SetSamlConfiguration
            | Self::RevokeApiKey
            // Operating partners, and whoever keeps their own people.
            | Self::InviteCustomerUser
            | Self::DisableUser
            | Self::EnableUser => {
                &[Caller::PartnerAdmin, Caller::PartnerOperator, Caller::CustomerAdmin]
            }
            // Everybody who has a home page, about themself.
            Self::RecordVisit => &[
                Caller::PartnerAdmin,
                Caller::PartnerOperator,
                Caller::CustomerAdmin,
                Caller::CustomerReader,
            ],
        }
    }

    /// Whether it takes a person: what a customer's ADMIN decides at all times opens the customer to a partner, and so is nothing for a
    /// key that somebody may have found.
    #[must_use]
    pub const fn takes_a_person(self) -> bool {
        matches!(self, Self::SetPartnerConsent | Self::ElectOperatingModel)
    }

    /// What a refusal may tell of a customer, once the gate has let the viewer past: from which class on it is past, and of which
    /// class it tells. None where nothing of a customer's data is read.
    #[must_use]
    pub const fn refusal_tells(self) -> Option<(DataClass, DataClass)> {
        match self {
            // What is found by its id is posture; whoever sees it is told that it is there.
            Self::RevokePostureShare
            | Self::CancelScan
            | Self::PauseScanSchedule
            | Self::ResumeScanSchedule
            | Self::DeleteScanSchedule
            | Self::TriageFinding
            | Self::AddFindingNote => Some((DataClass::Posture, DataClass::Posture)),
            // Posture that only who operates the customer gets to.
            Self::CreatePostureShare
            | Self::CreateEvidence
            | Self::RunScan
            | Self::CreateScanSchedules
            | Self::TriageFindings
            | Self::SetSlaPolicy => Some((DataClass::SecurityConfig, DataClass::Posture)),
            Self::SetSamlConfiguration
            | Self::SetCustomerUserRole
            | Self::CreateApiKey
            | Self::RevokeApiKey
            | Self::InviteCustomerUser
            | Self::DisableUser
            | Self::EnableUser => Some((DataClass::SecurityConfig, DataClass::SecurityConfig)),
            // The contract, its money and its people.
            Self::ChangeOperatingModel
            | Self::SetPartnerConsent
            | Self::CreateQuote
            | Self::AcceptQuote
            | Self::CreateCustomer
            | Self::ElectOperatingModel
            | Self::ConvertTrial
            | Self::SuspendAccess
            | Self::ResumeAccess
            | Self::EndAccess
            | Self::AddAddOn
            | Self::RemoveAddOn
            | Self::BuyPrepaidLicenses
            | Self::AssignPrepaidLicense
            | Self::UnassignPrepaidLicense
            | Self::AcknowledgeUsageAlert
            | Self::SetPricing
            | Self::SetPrivilegeCeiling
            | Self::SetPortalAccess
            | Self::AssignOperator
            | Self::CreatePartner
            | Self::CreatePartnerApiKey
            | Self::RevokePartnerApiKey
            | Self::RecordVisit => None,
        }
    }

    /// Whether the viewer's kind and role may ever call it; else the answer is FORBIDDEN.
    #[must_use]
    pub fn may_ever_be_called_by(self, viewer: &Viewer) -> bool {
        self.callers().contains(&Caller::from(viewer))
    }
}
