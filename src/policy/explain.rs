//! The sentence that goes with a reason: the rule that hides, and what would lift it (DESIGN.md 4).

use super::class::DataClass;
use super::facts::{AccessFacts, Subject};
use super::gate::HiddenReason;
use super::viewer::Viewer;
use crate::domain::access::{AccessStatus, Privilege};
use crate::domain::ids::PartnerId;
use crate::domain::user::PartnerRole;

/// Why `class` of the subject is hidden from the viewer, in a sentence built only of what the viewer may see anyway.
#[must_use]
pub fn explain(viewer: &Viewer, class: DataClass, subject: &Subject, reason: HiddenReason) -> String {
    let rule = match (reason, subject.access.as_ref()) {
        (HiddenReason::Role, _) => by_role(viewer, class, subject),
        (HiddenReason::PortalAccess, _) => by_portal(class, subject),
        (HiddenReason::Assignment, _) | (_, None) => by_assignment(viewer),
        (HiddenReason::AccessStatus, Some(access)) => by_status(access),
        (HiddenReason::OperatingModel, Some(access)) => by_model(class, access),
        (HiddenReason::Privilege, Some(access)) => format!(
            "the contract's privilege ceiling is {}, it takes {}, which a partner admin can set",
            access.privilege_ceiling,
            privilege_for(class)
        ),
        (HiddenReason::Consent, Some(access)) => format!(
            "the customer's consent is {}, it takes {}, which a customer admin can grant",
            access.customer_consent,
            privilege_for(class)
        ),
    };
    sentence(class, &rule)
}

/// Why the viewer is not told who could see the subject's data.
#[must_use]
pub fn explain_exposure(viewer: &Viewer, subject: &Subject, reason: HiddenReason) -> String {
    match viewer {
        Viewer::Customer { .. } => explain(viewer, DataClass::Activity, subject, reason),
        Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => sentence(
            DataClass::Activity,
            "who could see a customer's data is told to its own ADMINs only, and nothing lifts that",
        ),
    }
}

/// Why a class of a partner's own books is hidden from the viewer.
#[must_use]
pub fn explain_partner(viewer: &Viewer, class: DataClass, partner: PartnerId) -> String {
    let rule = match viewer {
        Viewer::Partner { partner: own, role: PartnerRole::Operator, .. } if *own == partner => {
            "the role is OPERATOR, it takes ADMIN, which a partner admin can give"
        }
        Viewer::Partner { .. }
        | Viewer::Customer { .. }
        | Viewer::PlatformAdmin { .. }
        | Viewer::Scanner { .. } => {
            "it takes an ADMIN of the partner itself, for nothing is inherited along the partner tree"
        }
    };
    sentence(class, rule)
}

fn sentence(class: DataClass, rule: &str) -> String {
    format!("{} is hidden: {rule}", class.noun())
}

/// An operator is not told whether the access that is not theirs exists.
fn by_assignment(viewer: &Viewer) -> String {
    match viewer {
        Viewer::Partner { role: PartnerRole::Operator, .. } => {
            "no access to the customer is assigned to the viewer, it takes an assignment, which a partner admin can make"
        }
        Viewer::Partner { role: PartnerRole::Admin, .. }
        | Viewer::Customer { .. }
        | Viewer::PlatformAdmin { .. }
        | Viewer::Scanner { .. } => {
            "the partner has no such access to the customer, it takes one, which a partner admin can quote"
        }
    }
    .to_owned()
}

fn by_role(viewer: &Viewer, class: DataClass, subject: &Subject) -> String {
    match viewer {
        Viewer::Partner { .. } => {
            "the role is OPERATOR, it takes ADMIN, which a partner admin can give".to_owned()
        }
        Viewer::Customer { customer, .. } if *customer != subject.customer => {
            "a customer's users see their own customer only, and nothing lifts that".to_owned()
        }
        Viewer::Customer { .. } if class == DataClass::Pricing => {
            "the partner's cost and margin are never shown to a customer, and nothing lifts that".to_owned()
        }
        Viewer::Customer { .. } => {
            "the role is READ_ONLY, it takes ADMIN, which a customer admin can give".to_owned()
        }
        Viewer::PlatformAdmin { .. } => {
            "a platform admin sees partners, pricing and commercial data only, and nothing lifts that"
                .to_owned()
        }
        Viewer::Scanner { .. } => {
            "a scanner writes scan results and reads nothing, and nothing lifts that".to_owned()
        }
    }
}

fn by_portal(class: DataClass, subject: &Subject) -> String {
    let needed = if class == DataClass::SecurityConfig { "FULL" } else { "READ_ONLY" };
    format!(
        "the portal access is {}, it takes {needed}, which an admin of the managing partner can set",
        subject.portal_access
    )
}

fn by_status(access: &AccessFacts) -> String {
    match access.status {
        AccessStatus::Trial => {
            "the trial has expired, it takes a conversion, which a partner admin can make".to_owned()
        }
        AccessStatus::Suspended => {
            "the access is SUSPENDED, it takes ACTIVE, so it has to be resumed".to_owned()
        }
        AccessStatus::Ended => {
            "the access is ENDED, it takes a new access, which a partner admin can quote".to_owned()
        }
        AccessStatus::Active => "the access is not running".to_owned(),
    }
}

fn by_model(class: DataClass, access: &AccessFacts) -> String {
    let needed =
        if class == DataClass::SecurityConfig { "FULLY_MANAGED" } else { "CO_MANAGED or FULLY_MANAGED" };
    let who = if access.status == AccessStatus::Trial {
        "the customer's admin can elect during the trial"
    } else {
        "a partner admin can set"
    };
    format!("the operating model is {}, it takes {needed}, which {who}", access.operating_model)
}

const fn privilege_for(class: DataClass) -> Privilege {
    match class {
        DataClass::SecurityConfig => Privilege::Manage,
        DataClass::Commercial | DataClass::Pricing | DataClass::Posture | DataClass::Activity => {
            Privilege::Support
        }
    }
}
