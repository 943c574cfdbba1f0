//! As whom the demo can be explored: one person for each side of the boundary.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::cast::{self, House, Link, Stage, Tenant};
use super::people;
use crate::domain::access::OperatingModel;
use crate::domain::customer::PortalAccess;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AccessId, CustomerId, UserId};
use crate::domain::user::ViewerKind;
use crate::store::provision::Sample;

/// Someone to sign in as.
#[derive(Clone, Debug)]
pub struct Persona {
    /// The address, which `token --user` takes.
    pub email: String,
    /// What kind of user.
    pub kind: ViewerKind,
    /// In which role; kinds without roles have none.
    pub role: Option<&'static str>,
    /// Who that is and what they may see.
    pub description: String,
    /// The token's subject.
    pub user: UserId,
    /// A customer to try operations on: one whose data the persona sees, as far as there is any.
    pub customer: Option<CustomerId>,
    /// An access to it.
    pub access: Option<(CustomerId, AccessId)>,
    /// Another user of the same side: an operator of the partner, a reader of the customer.
    pub colleague: Option<UserId>,
}

impl Persona {
    fn beside(self, (_, email): (String, String)) -> Self {
        Self { colleague: Some(people::user_id(&email)), ..self }
    }

    /// The persona as a file for scripts shows it: who, what they may see, and the token to be them.
    #[must_use]
    pub fn to_json(&self, token: &str) -> Value {
        json!({
            "email": self.email,
            "kind": self.kind,
            "role": self.role,
            "description": self.description,
            "token": token,
        })
    }

    /// The same with variables for `GraphiQL`'s examples; `samples` are what stands at the personas' customers.
    #[must_use]
    pub fn to_json_with_variables(&self, token: &str, samples: &HashMap<CustomerId, Sample>) -> Value {
        let at = self.customer.and_then(|id| Some((id, *samples.get(&id)?)));
        let text = |id: Option<GlobalId>| id.map(|id| id.to_string());
        let variables = json!({
            "customer": text(self.customer.map(GlobalId::Customer)),
            "access": text(self.access.map(|(customer, id)| GlobalId::Access(customer, id))),
            "colleague": text(self.colleague.map(GlobalId::User)),
            "finding": text(at.and_then(|(id, is)| Some(GlobalId::Finding(id, is.finding?)))),
            "scanSchedule": text(at.and_then(|(id, is)| Some(GlobalId::ScanSchedule(id, is.scan_schedule?)))),
            "postureShare": text(at.and_then(|(id, is)| Some(GlobalId::PostureShare(id, is.posture_share?)))),
        });
        let mut persona = self.to_json(token);
        if let Value::Object(fields) = &mut persona {
            fields.insert("variables".to_owned(), variables);
        }
        persona
    }
}

/// Every persona, those first who see most of the product.
#[must_use]
pub fn personas() -> Vec<Persona> {
    let tenants = cast::tenants();
    [partners(&tenants), customers(&tenants), others(&tenants)].concat()
}

/// Two customers for the files of real scanners, with the scanner that is registered for each.
#[must_use]
pub fn samples() -> Vec<(CustomerId, UserId)> {
    let tenants = cast::tenants();
    let of = |house| visible(&tenants, house, |_| true);
    [of(House::Harbor), of(House::Redwood)]
        .into_iter()
        .flatten()
        .map(|(tenant, _)| (tenant.id(), people::user_id(&people::scanner(tenant.nth).1)))
        .collect()
}

/// The first scanned customer of a partner whose access is paid, not customer-managed, at the widest privileges.
fn visible(tenants: &[Tenant], house: House, also: impl Fn(&Link) -> bool) -> Option<(&Tenant, &Link)> {
    tenants.iter().filter(|tenant| tenant.is_scanned()).find_map(|tenant| {
        let link = tenant.live_link(house)?;
        let shown = link.stage == Stage::Active && link.model != OperatingModel::CustomerManaged;
        (shown && also(link)).then_some((tenant, link))
    })
}

fn persona(
    (_, email): (String, String),
    kind: ViewerKind,
    role: &'static str,
    description: impl Into<String>,
    sample: Option<(&Tenant, &Link)>,
) -> Persona {
    Persona {
        user: people::user_id(&email),
        email,
        kind,
        role: Some(role).filter(|role| !role.is_empty()),
        description: description.into(),
        customer: sample.map(|(tenant, _)| tenant.id()),
        access: sample.map(|(tenant, link)| (tenant.id(), link.id())),
        colleague: None,
    }
}

fn partners(tenants: &[Tenant]) -> Vec<Persona> {
    use ViewerKind::PartnerUser;
    let harbor = visible(tenants, House::Harbor, |_| true);
    let redwood = visible(tenants, House::Redwood, |link| link.model == OperatingModel::FullyManaged);
    let assigned: Vec<_> = people::assignments(tenants, House::Harbor).collect();
    let is_assigned = |link: &Link| assigned.iter().any(|(_, access)| *access == link.id());
    vec![
        persona(
            people::partner_admin(House::Harbor),
            PartnerUser,
            "ADMIN",
            "Runs a reseller with 60 live customers: sees the contracts and prices of all, the posture of the 10 co-managed ones",
            harbor,
        )
        .beside(people::operator(House::Harbor)),
        persona(
            people::operator(House::Harbor),
            PartnerUser,
            "OPERATOR",
            "Works for the same reseller on 8 assigned accesses: sees no others, and never a price",
            visible(tenants, House::Harbor, is_assigned),
        )
        .beside(people::idle_operator()),
        persona(
            people::idle_operator(),
            PartnerUser,
            "OPERATOR",
            "New at the same reseller, with nothing assigned yet: every list is empty",
            harbor,
        )
        .beside(people::operator(House::Harbor)),
        persona(
            people::partner_admin(House::Redwood),
            PartnerUser,
            "ADMIN",
            "Runs an MSSP with fully managed customers: sees posture and, where contract and consent say MANAGE, security settings",
            redwood,
        )
        .beside(people::operator(House::Redwood)),
        persona(
            people::partner_admin(House::Meridian),
            PartnerUser,
            "ADMIN",
            "Runs the distributor above two resellers: sees its own three customers, and nothing of its resellers' ones",
            visible(tenants, House::Meridian, |_| true),
        )
        .beside(people::operator(House::Meridian)),
    ]
}

fn customers(tenants: &[Tenant]) -> Vec<Persona> {
    use ViewerKind::CustomerUser;
    // A customer of Harbor's whose portal is at this level.
    let at = |portal, wanted: &dyn Fn(&Link) -> bool| {
        tenants.iter().filter(|tenant| tenant.is_scanned() && tenant.portal == portal).find_map(|tenant| {
            let link = tenant.live_link(House::Harbor)?;
            wanted(link).then_some((tenant, link))
        })
    };
    let on_trial = |link: &Link| matches!(link.stage, Stage::Trial(days) if days > 0) && !link.was_elected();
    let full = at(PortalAccess::Full, &|link| link.model == OperatingModel::CoManaged);
    let reading = at(PortalAccess::ReadOnly, &|link| link.stage == Stage::Active);
    let disabled = at(PortalAccess::Disabled, &|link| link.stage == Stage::Active);
    let trial = [PortalAccess::Full, PortalAccess::ReadOnly, PortalAccess::Disabled]
        .into_iter()
        .find_map(|portal| at(portal, &on_trial));
    let admin = |sample: Option<(&Tenant, &Link)>, what: &str| {
        let (tenant, _) = sample?;
        let description = format!("Decides for {}: {what}", tenant.name());
        let admin = persona(people::customer_admin(tenant), CustomerUser, "ADMIN", description, sample);
        Some(admin.beside(people::customer_reader(tenant)))
    };
    let reader = reading.map(|(tenant, link)| {
        let description = format!(
            "Reads at {}, whose portal is READ_ONLY: contract and posture, not who did what",
            tenant.name()
        );
        persona(people::customer_reader(tenant), CustomerUser, "READ_ONLY", description, Some((tenant, link)))
            .beside(people::customer_admin(tenant))
    });
    [
        admin(full, "the portal is FULL, so every class but its partners' prices"),
        admin(reading, "the portal is READ_ONLY, so contract, posture and activity, not security settings"),
        reader,
        admin(disabled, "the portal is DISABLED, so its accesses alone, and what it grants each partner"),
        admin(trial, "on trial, and alone entitled to elect another operating model"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn others(tenants: &[Tenant]) -> Vec<Persona> {
    let harbor = visible(tenants, House::Harbor, |_| true);
    let scanned = harbor.map_or(0, |(tenant, _)| tenant.nth);
    vec![
        persona(
            people::platform_admin(),
            ViewerKind::PlatformAdmin,
            "",
            "Runs the platform: sees every partner, contract and price, and nobody's posture",
            harbor,
        ),
        persona(
            people::scanner(scanned),
            ViewerKind::Scanner,
            "",
            "A scanner: uploads results for the customers it is registered for, and reads nothing but itself",
            harbor,
        ),
        persona(
            people::disabled_admin(),
            ViewerKind::PartnerUser,
            "ADMIN",
            "Was an admin of the reseller and is disabled: the token is genuine, and opens nothing",
            harbor,
        )
        .beside(people::operator(House::Harbor)),
    ]
}
