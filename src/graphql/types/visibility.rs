//! The gate's answers as data, so that a client can tell "withheld" from "nothing there" (DESIGN.md 4).

use async_graphql::SimpleObject;

use crate::graphql::enums::{DataClass, HiddenReason};
use crate::policy::{self, Subject, Viewer, decide, explain};

/// The gate's answer for one data class.
#[derive(SimpleObject)]
pub struct ClassVisibility {
    /// Which class.
    class: DataClass,
    /// Whether the viewer sees it.
    visible: bool,
    /// Why not; null where it is visible.
    reason: Option<HiddenReason>,
    /// The rule that hides it and what would lift it, in a sentence.
    explanation: Option<String>,
}

/// The gate's answer for every class.
#[must_use]
pub fn visibility(viewer: &Viewer, subject: &Subject) -> Vec<ClassVisibility> {
    policy::DataClass::ALL
        .iter()
        .map(|&class| {
            let reason = decide(viewer, class, subject).reason();
            ClassVisibility {
                class: class.into(),
                visible: reason.is_none(),
                reason: reason.map(Into::into),
                explanation: reason.map(|reason| explain(viewer, class, subject, reason)),
            }
        })
        .collect()
}
