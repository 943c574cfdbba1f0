//! Identifiers as types: a `CustomerId` cannot be passed where an `AccessId` is wanted.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A reseller or MSSP.
    PartnerId;
    /// An end customer: one tenant.
    CustomerId;
    /// One partner's link to one customer.
    AccessId;
    /// The commercial subscription of an access.
    SubscriptionId;
    /// An offer of a partner to a customer.
    QuoteId;
    /// Someone or something that signs in.
    UserId;
    /// A finding of a customer.
    FindingId;
    /// A monitored asset of a customer.
    AssetId;
    /// A software component of a customer.
    ComponentId;
    /// One run of a scan.
    ScanId;
    /// A recurring scan.
    ScanScheduleId;
    /// A record of compliance evidence.
    EvidenceId;
    /// A shared posture summary.
    PostureShareId;
    /// An API key of a customer or of a partner.
    ApiKeyId;
    /// An event of a partner's or a customer's audit log.
    AuditEventId;
}
