//! Global object identification (Relay): opaque ids that carry the type and the tenant, so that the gate decides on
//! `node(id)` before a row is read.
//!
//! The text is the unpadded base64url form (RFC 4648, section 5) of one byte for the type, 16 for the tenant and, where
//! the object is not the tenant itself, 16 for the object. Each object has exactly one id.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::ids::{
    AccessId, ApiKeyId, AssetId, AuditEventId, ComponentId, CustomerId, EvidenceId, FindingId, PartnerId,
    PostureShareId, QuoteId, ScanId, ScanScheduleId, UserId,
};

/// What a global id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GlobalId {
    /// A partner.
    Partner(PartnerId),
    /// A customer.
    Customer(CustomerId),
    /// Someone who signs in.
    User(UserId),
    /// An access.
    Access(CustomerId, AccessId),
    /// The subscription of an access.
    Subscription(CustomerId, AccessId),
    /// A finding.
    Finding(CustomerId, FindingId),
    /// An asset.
    Asset(CustomerId, AssetId),
    /// A component.
    Component(CustomerId, ComponentId),
    /// A scan.
    Scan(CustomerId, ScanId),
    /// A recurring scan.
    ScanSchedule(CustomerId, ScanScheduleId),
    /// A record of evidence.
    Evidence(CustomerId, EvidenceId),
    /// A posture share.
    PostureShare(CustomerId, PostureShareId),
    /// An API key of a customer.
    ApiKey(CustomerId, ApiKeyId),
    /// An event of a customer's audit log.
    CustomerAuditEvent(CustomerId, AuditEventId),
    /// An event of a partner's audit log.
    PartnerAuditEvent(PartnerId, AuditEventId),
    /// A quote; its tenant is the customer, and only the quoting partner finds it.
    Quote(CustomerId, QuoteId),
    /// An API key of a partner.
    PartnerApiKey(PartnerId, ApiKeyId),
}

/// A text that is no global id. It says nothing about which ids exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed id: ids are opaque, take them from the `id` field of an object")]
pub struct MalformedId;

impl GlobalId {
    /// The type's byte, the tenant, and the object where it is not the tenant. The bytes are forever: clients keep ids.
    const fn parts(self) -> (u8, Uuid, Option<Uuid>) {
        match self {
            Self::Partner(id) => (1, id.0, None),
            Self::Customer(id) => (2, id.0, None),
            Self::User(id) => (3, id.0, None),
            Self::Access(tenant, id) => (4, tenant.0, Some(id.0)),
            Self::Subscription(tenant, id) => (5, tenant.0, Some(id.0)),
            Self::Finding(tenant, id) => (6, tenant.0, Some(id.0)),
            Self::Asset(tenant, id) => (7, tenant.0, Some(id.0)),
            Self::Component(tenant, id) => (8, tenant.0, Some(id.0)),
            Self::Scan(tenant, id) => (9, tenant.0, Some(id.0)),
            Self::ScanSchedule(tenant, id) => (10, tenant.0, Some(id.0)),
            Self::Evidence(tenant, id) => (11, tenant.0, Some(id.0)),
            Self::PostureShare(tenant, id) => (12, tenant.0, Some(id.0)),
            Self::ApiKey(tenant, id) => (13, tenant.0, Some(id.0)),
            Self::CustomerAuditEvent(tenant, id) => (14, tenant.0, Some(id.0)),
            Self::PartnerAuditEvent(tenant, id) => (15, tenant.0, Some(id.0)),
            Self::Quote(tenant, id) => (16, tenant.0, Some(id.0)),
            Self::PartnerApiKey(tenant, id) => (17, tenant.0, Some(id.0)),
        }
    }

    const fn from_parts(tag: u8, tenant: Uuid, object: Option<Uuid>) -> Option<Self> {
        let customer = CustomerId(tenant);
        Some(match (tag, object) {
            (1, None) => Self::Partner(PartnerId(tenant)),
            (2, None) => Self::Customer(customer),
            (3, None) => Self::User(UserId(tenant)),
            (4, Some(id)) => Self::Access(customer, AccessId(id)),
            (5, Some(id)) => Self::Subscription(customer, AccessId(id)),
            (6, Some(id)) => Self::Finding(customer, FindingId(id)),
            (7, Some(id)) => Self::Asset(customer, AssetId(id)),
            (8, Some(id)) => Self::Component(customer, ComponentId(id)),
            (9, Some(id)) => Self::Scan(customer, ScanId(id)),
            (10, Some(id)) => Self::ScanSchedule(customer, ScanScheduleId(id)),
            (11, Some(id)) => Self::Evidence(customer, EvidenceId(id)),
            (12, Some(id)) => Self::PostureShare(customer, PostureShareId(id)),
            (13, Some(id)) => Self::ApiKey(customer, ApiKeyId(id)),
            (14, Some(id)) => Self::CustomerAuditEvent(customer, AuditEventId(id)),
            (15, Some(id)) => Self::PartnerAuditEvent(PartnerId(tenant), AuditEventId(id)),
            (16, Some(id)) => Self::Quote(customer, QuoteId(id)),
            (17, Some(id)) => Self::PartnerApiKey(PartnerId(tenant), ApiKeyId(id)),
            _ => return None,
        })
    }
}

impl fmt::Display for GlobalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tag, tenant, object) = self.parts();
        let mut bytes = Vec::with_capacity(33);
        bytes.push(tag);
        bytes.extend_from_slice(tenant.as_bytes());
        if let Some(object) = object {
            bytes.extend_from_slice(object.as_bytes());
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for GlobalId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| MalformedId)?;
        let (&tag, rest) = bytes.split_first().ok_or(MalformedId)?;
        let (tenant, object) = rest.split_at_checked(16).ok_or(MalformedId)?;
        let object = match object {
            [] => None,
            object => Some(Uuid::from_slice(object).map_err(|_| MalformedId)?),
        };
        let tenant = Uuid::from_slice(tenant).map_err(|_| MalformedId)?;
        Self::from_parts(tag, tenant, object).ok_or(MalformedId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_back_from_its_text() {
        let (tenant, object) = (Uuid::from_u128(7), Uuid::from_u128(9));
        let mut kinds = 0;
        for tag in 0..=255 {
            for object in [None, Some(object)] {
                if let Some(id) = GlobalId::from_parts(tag, tenant, object) {
                    assert_eq!(id.parts(), (tag, tenant, object));
                    assert_eq!(id.to_string().parse(), Ok(id));
                    kinds += 1;
                }
            }
        }
        assert_eq!(kinds, 17);
    }

    #[test]
    fn anything_else_is_malformed() {
        let id = GlobalId::Customer(CustomerId(Uuid::from_u128(7))).to_string();
        let padded = format!("{id}=");
        let longer = format!("{id}AAAA");
        for text in ["", "AQ", "not base64url!", "\0", &id[1..], &padded, &longer, "é"] {
            assert_eq!(text.parse::<GlobalId>(), Err(MalformedId), "{text:?}");
        }
    }
}
