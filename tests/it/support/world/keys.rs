//! What programs sign in by.

use posture_gateway::domain::ids::{ApiKeyId, PartnerId, UserId};
use posture_gateway::domain::user::{PartnerRole, ViewerKind};
use posture_gateway::store::seed::{self, Membership};

use super::{World, days};

impl World {
    /// An API key of a partner, as an OPERATOR, that signs in nobody.
    pub(crate) fn partner_key(&mut self, partner: PartnerId, label: &str) -> ApiKeyId {
        let user = UserId(self.id());
        self.user_with_id(user, ViewerKind::PartnerUser, label);
        let row = self.rows.users.last_mut().unwrap();
        (row.email, row.is_service) = (None, true);
        self.rows.memberships.push(Membership::Partner(partner, user, PartnerRole::Operator));
        let id = ApiKeyId(self.id());
        self.rows.partner_api_keys.push(seed::PartnerApiKey {
            partner_id: partner,
            id,
            user_id: user,
            label: label.to_owned(),
            last_four: "beef".to_owned(),
            created_at: days(-10),
            revoked_at: None,
        });
        id
    }
}
