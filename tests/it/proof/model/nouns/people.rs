//! The people of partners and customers, and who of them could see a customer, and when.

use std::cmp::Reverse;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::user::PartnerRole;
use posture_gateway::store::seed::{self, Membership};

use super::{
    Answer, Arguments, Model, Object, among, global, instant, instant_of, leaf, maybe_instant, record, some,
};
use crate::proof::model::gate::{ACTIVITY, CLASSES, Gate, PRICING, Who};
use crate::proof::model::page::List;

impl<'w> Model<'w> {
    fn user(&self, membership: &Membership) -> &'w seed::User {
        let (Membership::Partner(_, id, _)
        | Membership::Customer(_, id, _)
        | Membership::Scanner(_, id)
        | Membership::Assignment(_, _, id)) = membership;
        self.world().users.iter().find(|row| row.id == *id).unwrap()
    }

    fn people(
        &self,
        name: String,
        types: [&'static str; 3],
        mut rows: Vec<(&'w seed::User, &'static str)>,
        arguments: &Arguments,
    ) -> Answer<'w> {
        rows.sort_by_key(|(user, _)| (&user.name, user.id));
        let [of, connection, edge] = types;
        let entry = |(user, role): (&'w seed::User, &'static str)| {
            let fields = vec![
                ("id", global(GlobalId::User(user.id))),
                ("name", leaf(user.name.as_str())),
                ("email", leaf(user.email.clone())),
                ("role", leaf(role)),
                ("isService", leaf(user.is_service)),
                ("disabledAt", maybe_instant(user.disabled_at)),
            ];
            (user.id.0, record(of, fields), true)
        };
        let list = List { name, rows: rows.into_iter().map(entry).collect(), connection, edge };
        list.page(&self.cursors, arguments)
    }

    pub(super) fn partner_users(&self, partner: &'w seed::Partner, arguments: &Arguments) -> Answer<'w> {
        let members = self.world().memberships.iter().filter_map(|membership| match membership {
            Membership::Partner(of, _, role) if *of == partner.id => {
                Some((self.user(membership), role.as_str()))
            }
            _ => None,
        });
        let types = ["PartnerUser", "PartnerUserConnection", "PartnerUserEdge"];
        self.people(format!("Partner.users {}", partner.id), types, members.collect(), arguments)
    }

    pub(super) fn partner_api_keys(&self, partner: &'w seed::Partner, arguments: &Arguments) -> Answer<'w> {
        let mut rows: Vec<_> =
            self.world().partner_api_keys.iter().filter(|row| row.partner_id == partner.id).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        let role = |user| {
            self.world().memberships.iter().find_map(|membership| match *membership {
                Membership::Partner(of, member, role) if of == partner.id && member == user => {
                    Some(role.as_str())
                }
                _ => None,
            })
        };
        let entry = |row: &'w seed::PartnerApiKey| {
            let fields = vec![
                ("id", global(GlobalId::PartnerApiKey(row.partner_id, row.id))),
                ("label", leaf(row.label.as_str())),
                ("userId", global(GlobalId::User(row.user_id))),
                ("role", leaf(role(row.user_id))),
                ("lastFour", leaf(row.last_four.as_str())),
                ("createdAt", instant(row.created_at)),
                ("revokedAt", maybe_instant(row.revoked_at)),
            ];
            (row.id.0, record("PartnerApiKey", fields), true)
        };
        let list = List {
            name: format!("Partner.apiKeys {}", partner.id),
            rows: rows.into_iter().map(entry).collect(),
            connection: "PartnerApiKeyConnection",
            edge: "PartnerApiKeyEdge",
        };
        list.page(&self.cursors, arguments)
    }

    pub(super) fn customer_users(&self, customer: &'w seed::Customer, arguments: &Arguments) -> Answer<'w> {
        let members = self.world().memberships.iter().filter_map(|membership| match membership {
            Membership::Customer(of, _, role) if *of == customer.customer_id => {
                Some((self.user(membership), role.as_str()))
            }
            _ => None,
        });
        let types = ["CustomerUser", "CustomerUserConnection", "CustomerUserEdge"];
        self.people(format!("Customer.users {}", customer.customer_id), types, members.collect(), arguments)
    }

    /// Told to whom exposure is told.
    pub(super) fn access_records(&self, customer: &'w seed::Customer, arguments: &Arguments) -> Answer<'w> {
        if !matches!(self.asking(), Who::Customer(..)) {
            return Answer::Hidden(ACTIVITY, "ROLE");
        }
        if let Some(reason) = self.on_customer(ACTIVITY, customer.customer_id) {
            return Answer::Hidden(ACTIVITY, reason);
        }
        let filter = arguments.get("filter").cloned().unwrap_or_default();
        let part = |name: &str| filter.get(name).filter(|part| !part.is_null());
        let partner = match part("partnerId").map(|id| id.as_str().unwrap().parse()) {
            None => None,
            Some(Ok(GlobalId::Partner(partner))) => Some(partner),
            Some(_) => return Answer::Refused("BAD_USER_INPUT"),
        };
        let mut rows: Vec<_> = self
            .world()
            .access_records
            .iter()
            .filter(|row| row.customer_id == customer.customer_id)
            .collect();
        rows.sort_by_key(|row| Reverse((row.at, row.id)));
        let entry = |row: &'w seed::AccessRecord| {
            let known = self.gate.knows(self.asking(), row.partner_id);
            let of = known.then(|| Object::Partner(self.gate.partner(row.partner_id)));
            let fields = vec![
                ("at", instant(row.at)),
                ("partner", Answer::One(of)),
                ("user", leaf(row.user_name.as_str())),
                ("class", leaf(row.class.as_str())),
                ("fields", leaf(row.fields.clone())),
                ("operation", leaf(row.operation.clone())),
                ("requestId", leaf(row.request_id.to_string())),
            ];
            let passes = among(part("class"), Some(row.class.as_str()))
                && partner.is_none_or(|partner| partner == row.partner_id)
                && instant_of(part("since")).is_none_or(|since| since <= row.at)
                && instant_of(part("until")).is_none_or(|until| row.at < until);
            (row.id, record("AccessRecord", fields), passes)
        };
        let list = List {
            name: format!("Customer.accessRecords {}", customer.customer_id),
            rows: rows.into_iter().map(entry).collect(),
            connection: "AccessRecordConnection",
            edge: "AccessRecordEdge",
        };
        list.page(&self.cursors, arguments)
    }

    /// A world has no history but that everything in it came into being: what is, was so from then on.
    pub(super) fn exposure(&self, customer: &'w seed::Customer, arguments: &Arguments) -> Answer<'w> {
        if !matches!(self.asking(), Who::Customer(..)) {
            return Answer::Hidden(ACTIVITY, "ROLE");
        }
        if let Some(reason) = self.on_customer(ACTIVITY, customer.customer_id) {
            return Answer::Hidden(ACTIVITY, reason);
        }
        let asked = instant_of(arguments.get("at"));
        if asked.is_some_and(|at| at > self.gate.now) {
            return Answer::Refused("BAD_USER_INPUT");
        }
        let at = asked.unwrap_or(self.gate.now);
        let was = |since| asked.is_none_or(|at| since <= at);
        let then = Gate { world: self.world(), now: at };
        let accesses: Vec<_> = self
            .world()
            .accesses
            .iter()
            .filter(|access| access.customer_id == customer.customer_id && was(access.created_at))
            .collect();
        let mut partners: Vec<_> = accesses.iter().map(|access| access.partner_id).collect();
        partners.sort();
        partners.dedup();
        let onlookers = |partner| {
            let mut found: Vec<(&'w seed::User, PartnerRole)> = Vec::new();
            for membership in &self.world().memberships {
                let user = self.user(membership);
                if let Membership::Partner(of, _, role) = membership
                    && *of == partner
                    && user.disabled_at.is_none()
                    && was(user.created_at)
                {
                    found.push((user, *role));
                }
            }
            found.sort_by_key(|(user, _)| (&user.name, user.id));
            let one = |(user, role): (&'w seed::User, PartnerRole)| {
                let shows = |class: &&'static str| {
                    let mut own = accesses.iter().filter(|access| access.partner_id == partner);
                    own.any(|access| {
                        then.on_access(user.id, Who::Partner(partner, role), class, access).is_none()
                    })
                };
                let classes: Vec<_> =
                    CLASSES.iter().copied().filter(|class| *class != PRICING).filter(shows).collect();
                (!classes.is_empty()).then(|| {
                    let fields = vec![
                        ("name", leaf(user.name.as_str())),
                        ("role", leaf(role.as_str())),
                        ("classes", leaf(classes)),
                    ];
                    Some(record("ExposedUser", fields))
                })
            };
            found.into_iter().filter_map(one).collect::<Vec<_>>()
        };
        let exposed = partners.into_iter().filter_map(|partner| {
            let users = onlookers(partner);
            (!users.is_empty()).then(|| {
                let of = some(Object::Partner(self.gate.partner(partner)));
                Some(record("ExposedPartner", vec![("partner", of), ("users", Answer::Many(users))]))
            })
        });
        some(record("Exposure", vec![("at", instant(at)), ("partners", Answer::Many(exposed.collect()))]))
    }
}
