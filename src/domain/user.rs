//! Who signs in.

use super::text_enum::text_enum;

text_enum! {
    /// What kind of user asks.
    ViewerKind {
        /// A user of a partner.
        PartnerUser = "PARTNER_USER",
        /// A user of a customer.
        CustomerUser = "CUSTOMER_USER",
        /// An administrator of the platform.
        PlatformAdmin = "PLATFORM_ADMIN",
        /// A machine that writes scan results.
        Scanner = "SCANNER",
    }
}

text_enum! {
    /// The role of a partner's user.
    PartnerRole {
        /// Every access of the own partner.
        Admin = "ADMIN",
        /// The assigned accesses only; never prices.
        Operator = "OPERATOR",
    }
}

text_enum! {
    /// The role of a customer's user.
    CustomerRole {
        /// Decides for the customer.
        Admin = "ADMIN",
        /// Reads.
        ReadOnly = "READ_ONLY",
    }
}
