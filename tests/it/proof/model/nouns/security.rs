//! Roles, SAML settings and API keys of a customer.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use posture_gateway::store::seed::Membership;
use serde_json::Value;

use super::{Answer, Model, global, instant, leaf, maybe_instant, record, some};

impl<'w> Model<'w> {
    pub(super) fn security_configuration(&self, customer: CustomerId) -> Answer<'w> {
        let world = self.world();
        let settings = world.security_settings.iter().find(|row| row.customer_id == customer);
        let mut roles = Vec::new();
        for membership in &world.memberships {
            if let Membership::Customer(of, user, role) = membership
                && *of == customer
            {
                let row = world.users.iter().find(|row| row.id == *user).unwrap();
                roles.push((row.email.as_ref().unwrap_or(&row.name), row.id, role));
            }
        }
        roles.sort();
        let role = |(user, _, role): (&'w String, _, &posture_gateway::domain::user::CustomerRole)| {
            Some(record("RoleBinding", vec![("user", leaf(user.as_str())), ("role", leaf(role.as_str()))]))
        };
        let mut keys: Vec<_> = world.api_keys.iter().filter(|row| row.customer_id == customer).collect();
        keys.sort_by_key(|row| (row.created_at, row.id));
        let key = |row: &posture_gateway::store::seed::ApiKey| {
            let acts_as = world.memberships.iter().find_map(|membership| match *membership {
                Membership::Customer(of, user, role) if of == customer && row.user_id == Some(user) => {
                    Some((user, role))
                }
                _ => None,
            });
            let fields = vec![
                ("id", global(GlobalId::ApiKey(row.customer_id, row.id))),
                ("label", leaf(row.label.as_str())),
                ("userId", acts_as.map_or(leaf(Value::Null), |(user, _)| global(GlobalId::User(user)))),
                ("role", leaf(acts_as.map(|(_, role)| role.as_str()))),
                ("lastFour", leaf(row.last_four.as_str())),
                ("createdAt", instant(row.created_at)),
                ("revokedAt", maybe_instant(row.revoked_at)),
            ];
            Some(record("ApiKey", fields))
        };
        some(record(
            "SecurityConfiguration",
            vec![
                ("roles", Answer::Many(roles.into_iter().map(role).collect())),
                ("samlEnabled", leaf(settings.is_some_and(|row| row.saml_enabled))),
                ("samlIssuer", leaf(settings.and_then(|row| row.saml_issuer.clone()))),
                ("apiKeys", Answer::Many(keys.into_iter().map(key).collect())),
            ],
        ))
    }
}
