//! How long findings may stay open.

use async_graphql::SimpleObject;

use crate::domain;

/// After how many days a finding is due, by severity: at the end of that day (UTC), counted from when it was found or reopened.
/// Null where findings of the severity are never due.
#[derive(SimpleObject)]
pub struct SlaPolicy {
    /// Days of critical findings.
    critical_days: Option<i32>,
    /// Days of high findings.
    high_days: Option<i32>,
    /// Days of medium findings.
    medium_days: Option<i32>,
    /// Days of low findings.
    low_days: Option<i32>,
    /// Days of informational findings.
    info_days: Option<i32>,
    /// Whether the customer has none of its own: 7, 30, 90 and 180 days, informational ones never.
    is_default: bool,
}

impl From<Option<domain::sla::SlaPolicy>> for SlaPolicy {
    fn from(own: Option<domain::sla::SlaPolicy>) -> Self {
        let policy = own.unwrap_or(domain::sla::SlaPolicy::DEFAULT);
        Self {
            critical_days: policy.critical,
            high_days: policy.high,
            medium_days: policy.medium,
            low_days: policy.low,
            info_days: policy.info,
            is_default: own.is_none(),
        }
    }
}
