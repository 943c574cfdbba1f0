//! The data classes: every field of the schema has one (DESIGN.md 2).

use crate::domain::text_enum::text_enum;

text_enum! {
    /// What kind of data a field returns.
    DataClass {
        /// Plan, cycle, status, renewal, usage, add-ons, trial state: the billing relationship.
        Commercial = "COMMERCIAL",
        /// Unit cost and margin of the partner.
        Pricing = "PRICING",
        /// Findings, inventory, SBOM, posture metrics, scan history, scan reports, evidence.
        Posture = "POSTURE",
        /// The customer's audit log and user activity.
        Activity = "ACTIVITY",
        /// RBAC, SAML and API keys of the customer.
        SecurityConfig = "SECURITY_CONFIG",
    }
}

impl DataClass {
    /// The class as a sentence names it.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Commercial => "commercial data",
            Self::Pricing => "pricing",
            Self::Posture => "posture",
            Self::Activity => "activity",
            Self::SecurityConfig => "the security configuration",
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A data class as a type, so that a witness of one class cannot stand for another.
pub trait Class: sealed::Sealed + Send + Sync + 'static {
    /// The same class as a value.
    const CLASS: DataClass;
}

macro_rules! classes {
    ($($name:ident)*) => {$(
        #[doc = concat!("The type of [`DataClass::", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {}

        impl sealed::Sealed for $name {}
        impl Class for $name {
            const CLASS: DataClass = DataClass::$name;
        }
    )*};
}

classes! { Commercial Pricing Posture Activity SecurityConfig }
