//! What a change of the operating model would show and hide, before anyone confirms it.

use super::class::DataClass;
use super::facts::AccessFacts;
use super::gate::{HiddenReason, partner_sees};
use crate::domain::access::OperatingModel;
use crate::domain::user::PartnerRole;

/// The difference that another operating model would make to an ADMIN of the access's partner (DESIGN.md 9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Classes that would become visible.
    pub gained: Vec<DataClass>,
    /// Classes that would become hidden.
    pub lost: Vec<DataClass>,
    /// The reasons that would still hide POSTURE or SECURITY_CONFIG, each once.
    pub blocked_by: Vec<HiddenReason>,
}

/// Compares the gate's answers before and after, all other facts as they are.
#[must_use]
pub fn preview(access: &AccessFacts, operating_model: OperatingModel) -> Preview {
    let after = AccessFacts { operating_model, ..*access };
    let mut preview = Preview::default();
    for &class in DataClass::ALL {
        let then = partner_sees(PartnerRole::Admin, class, &after);
        match (partner_sees(PartnerRole::Admin, class, access).is_visible(), then.is_visible()) {
            (false, true) => preview.gained.push(class),
            (true, false) => preview.lost.push(class),
            (true, true) | (false, false) => {}
        }
        if let (DataClass::Posture | DataClass::SecurityConfig, Some(reason)) = (class, then.reason())
            && !preview.blocked_by.contains(&reason)
        {
            preview.blocked_by.push(reason);
        }
    }
    preview
}
