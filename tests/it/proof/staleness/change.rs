//! What hides something from somebody, how it is made and how it is taken back.

use chrono::TimeDelta;
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, ApiKeyId, CustomerId, PartnerId, QuoteId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole};
use posture_gateway::policy::Operation;

use crate::support::world::{Posture, Terms};

/// Something that changes what somebody sees.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Model(OperatingModel),
    Consent(Privilege),
    Ceiling(Privilege),
    Status(AccessStatus),
    Portal(PortalAccess),
    /// The clocks of all gateways reach an end: of a consent, of a trial.
    Time(TimeDelta),
    Disable(UserId),
    PartnerRole(UserId, PartnerRole),
    CustomerRole(UserId, CustomerRole),
    Unassign(UserId),
    RemoveFromCustomer(UserId),
    Unregister(UserId),
    /// The API key that a program signs in by, in this table.
    RevokeKey(&'static str, UserId),
    /// What somebody does by a mutation of the first gateway; it takes an access, a customer or a user, and this beside it.
    Mutation(UserId, &'static str, On, &'static str),
}

/// What a mutation is told to change.
#[derive(Clone, Copy, Debug)]
pub(super) enum On {
    Access,
    Customer,
    User(UserId),
    /// The key that a customer's program signs in by.
    CustomerKey(ApiKeyId, UserId),
    /// The same of a partner's.
    PartnerKey(PartnerId, ApiKeyId, UserId),
    /// An offer to the customer.
    Quote(QuoteId),
    /// The access, and whose assignment to it.
    Assignment(UserId),
}

/// What a change is made to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject {
    pub(super) customer: CustomerId,
    pub(super) access: AccessId,
    /// Of another partner, of which nothing is changed.
    pub(super) rival: AccessId,
    pub(super) posture: Posture,
    pub(super) terms: Terms,
    /// A READ_ONLY user of the customer, who looks on.
    pub(super) reader: UserId,
}

impl Change {
    /// The statements that make it and that take it back; none where only time passes.
    #[expect(clippy::too_many_lines, reason = "a change a paragraph")]
    pub(super) fn sql(self, of: &Subject) -> Option<(String, String)> {
        let Subject { customer, access, terms, .. } = of;
        let the_access = |set: &str, back: &str| {
            let where_it_is = format!("where customer_id = '{customer}' and id = '{access}'");
            (
                format!("update accesses set {set} {where_it_is}"),
                format!("update accesses set {back} {where_it_is}"),
            )
        };
        let rank = |privilege: Privilege| privilege as i16;
        Some(match self {
            Self::Model(model) => the_access(
                &format!("operating_model = '{model}'"),
                &format!("operating_model = '{}'", terms.model),
            ),
            Self::Consent(consent) => the_access(
                &format!("customer_consent = {}", rank(consent)),
                &format!("customer_consent = {}", rank(terms.consent)),
            ),
            Self::Ceiling(ceiling) => the_access(
                &format!("privilege_ceiling = {}", rank(ceiling)),
                &format!("privilege_ceiling = {}", rank(terms.ceiling)),
            ),
            Self::Status(status) => {
                let ended = if status == AccessStatus::Ended { "'2026-06-15Z'" } else { "null" };
                the_access(
                    &format!("status = '{status}', ended_at = {ended}"),
                    &format!("status = '{}', ended_at = null", terms.status),
                )
            }
            Self::Portal(portal) => {
                let set = |portal: PortalAccess| {
                    let rank = portal as i16;
                    format!("update customers set portal_access = {rank} where customer_id = '{customer}'")
                };
                (set(portal), set(PortalAccess::Full))
            }
            Self::Time(_) => return None,
            Self::Mutation(_, _, on, _) => {
                let Terms { status, model, ceiling, consent, .. } = terms;
                let back = match on {
                    On::Access => {
                        let paid = if *status == AccessStatus::Trial { "TRIALING" } else { "ACTIVE" };
                        format!(
                            "update accesses set status = '{status}', ended_at = null, operating_model = '{model}', \
                             trial_elected_model = null, privilege_ceiling = {}, customer_consent = {} where id = '{access}'; \
                             update subscriptions set status = '{paid}' where access_id = '{access}'; {}",
                            rank(*ceiling),
                            rank(*consent),
                            Self::Portal(PortalAccess::Full).sql(of)?.1
                        )
                    }
                    On::Customer => Self::Portal(PortalAccess::Full).sql(of)?.1,
                    On::User(user) => format!(
                        "update customer_users set role = 'ADMIN' where user_id = '{user}'; {}",
                        Self::Disable(user).sql(of)?.1
                    ),
                    // The user of a key is disabled with it.
                    On::CustomerKey(_, user) | On::PartnerKey(_, _, user) => {
                        let table =
                            if matches!(on, On::CustomerKey(..)) { "api_keys" } else { "partner_api_keys" };
                        format!(
                            "{}; {}",
                            Self::RevokeKey(table, user).sql(of)?.1,
                            Self::Disable(user).sql(of)?.1
                        )
                    }
                    On::Quote(_) => format!(
                        "update accesses set status = 'ENDED', ended_at = '2026-06-15Z'
                         where customer_id = '{customer}' and operating_model = 'FULLY_MANAGED'; {}",
                        Self::Portal(PortalAccess::Full).sql(of)?.1
                    ),
                    On::Assignment(user) => Self::Unassign(user).sql(of)?.1,
                };
                (String::new(), back)
            }
            Self::Disable(user) => (
                format!("update users set disabled_at = '2026-06-15Z' where id = '{user}'"),
                format!("update users set disabled_at = null where id = '{user}'"),
            ),
            Self::PartnerRole(user, role) => (
                format!("update partner_users set role = '{role}' where user_id = '{user}'"),
                format!("update partner_users set role = 'ADMIN' where user_id = '{user}'"),
            ),
            Self::CustomerRole(user, role) => (
                format!("update customer_users set role = '{role}' where user_id = '{user}'"),
                format!("update customer_users set role = 'ADMIN' where user_id = '{user}'"),
            ),
            Self::Unassign(user) => (
                format!(
                    "delete from operator_assignments where user_id = '{user}' and access_id = '{access}'"
                ),
                format!(
                    "insert into operator_assignments (customer_id, access_id, user_id)
                     values ('{customer}', '{access}', '{user}')"
                ),
            ),
            Self::RemoveFromCustomer(user) => (
                format!("delete from customer_users where user_id = '{user}'"),
                format!(
                    "insert into customer_users (customer_id, user_id, role) values ('{customer}', '{user}', 'ADMIN')"
                ),
            ),
            Self::Unregister(user) => (
                format!(
                    "delete from scanner_customers where user_id = '{user}' and customer_id = '{customer}'"
                ),
                format!(
                    "insert into scanner_customers (customer_id, user_id) values ('{customer}', '{user}')"
                ),
            ),
            Self::RevokeKey(table, user) => {
                let set = |at: &str| format!("update {table} set revoked_at = {at} where user_id = '{user}'");
                (set("'2026-06-15Z'"), set("null"))
            }
        })
    }
}

impl On {
    /// What the mutation's input names.
    pub(super) fn input(self, of: &Subject) -> String {
        let access = GlobalId::Access(of.customer, of.access);
        match self {
            Self::Access => format!("accessId: \"{access}\""),
            Self::Customer => format!("customerId: \"{}\"", GlobalId::Customer(of.customer)),
            Self::User(user) => format!("userId: \"{}\"", GlobalId::User(user)),
            Self::CustomerKey(key, _) => format!("apiKeyId: \"{}\"", GlobalId::ApiKey(of.customer, key)),
            Self::PartnerKey(partner, key, _) => {
                format!("apiKeyId: \"{}\"", GlobalId::PartnerApiKey(partner, key))
            }
            Self::Quote(quote) => format!("quoteId: \"{}\"", GlobalId::Quote(of.customer, quote)),
            Self::Assignment(user) => {
                format!("accessId: \"{access}\", operatorId: \"{}\"", GlobalId::User(user))
            }
        }
    }
}

/// Whether a mutation can hide something from another viewer than the one who calls it. What can has a case here.
pub(super) const fn can_hide(operation: Operation) -> bool {
    use Operation as O;
    match operation {
        // What the gate decides by: terms, consents, portals.
        O::ChangeOperatingModel
        | O::SetPartnerConsent
        | O::ElectOperatingModel
        | O::SuspendAccess
        | O::EndAccess
        | O::SetPrivilegeCeiling
        | O::SetPortalAccess => true,
        // FULLY_MANAGED lowers the customer's portal.
        O::AcceptQuote => true,
        // Who somebody is.
        O::AssignOperator
        | O::DisableUser
        | O::SetCustomerUserRole
        | O::RevokeApiKey
        | O::RevokePartnerApiKey => true,
        // These open, and close nothing: a trial keeps its model, an invitation raises a portal.
        O::ConvertTrial | O::ResumeAccess | O::EnableUser | O::InviteCustomerUser => false,
        // Of no viewer: whoever holds a link is in `share`.
        O::CreatePostureShare | O::RevokePostureShare => false,
        // Something or somebody new, of whom nobody had seen anything.
        O::CreateQuote | O::CreateCustomer | O::CreatePartner | O::CreateApiKey | O::CreatePartnerApiKey => {
            false
        }
        // Money: who sees it hangs on roles alone.
        O::AddAddOn
        | O::RemoveAddOn
        | O::BuyPrepaidLicenses
        | O::AssignPrepaidLicense
        | O::UnassignPrepaidLicense
        | O::AcknowledgeUsageAlert
        | O::SetPricing => false,
        // Data, which are shown to the same as before.
        O::CreateEvidence
        | O::RecordVisit
        | O::RunScan
        | O::CancelScan
        | O::CreateScanSchedules
        | O::PauseScanSchedule
        | O::ResumeScanSchedule
        | O::DeleteScanSchedule
        | O::TriageFinding
        | O::TriageFindings
        | O::AddFindingNote
        | O::SetSlaPolicy
        | O::SetSamlConfiguration => false,
    }
}
