//! The cases: each change about a customer of its own, who looks, and what they meet after it.

use chrono::TimeDelta;
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::api_key::KeyKind;
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::ids::{CustomerId, PartnerId, UserId};
use posture_gateway::domain::user::{CustomerRole, PartnerRole, ViewerKind};
use posture_gateway::store::seed::Membership;

use super::change::{Change, On, Subject};
use super::gateways::Ask;
use crate::support::world::{NOW, Terms, World};

/// A change, who looks, and what they meet after it.
pub(super) struct Case {
    pub(super) change: Change,
    pub(super) of: Subject,
    pub(super) who: UserId,
    pub(super) ask: Ask,
    pub(super) then: &'static str,
}

/// The people and things of the world.
pub(super) struct Cast {
    pub(super) world: World,
    birch: PartnerId,
    cedar: PartnerId,
    admin: UserId,
    operator: UserId,
    scanner: UserId,
    /// Programs, of a partner and of a customer, by the keys that they sign in by.
    pub(super) programs: Vec<(UserId, KeyKind)>,
    /// Who looks on: nothing is changed about them.
    pub(super) others: Vec<UserId>,
}

impl Cast {
    pub(super) fn new() -> Self {
        let mut world = World::default();
        world.price_list();
        let (birch, cedar) = (world.partner("Birch"), world.partner("Cedar"));
        let (admin, operator) = (world.partner_admin(birch, "Ada"), world.operator(birch, "Otto"));
        let scanner = world.user(ViewerKind::Scanner, "Scan");
        let others = vec![
            world.partner_admin(birch, "Anna"),
            world.operator(birch, "Olga"),
            world.partner_admin(cedar, "Rita"),
            world.user(ViewerKind::PlatformAdmin, "Paul"),
        ];
        let mut cast = Self { world, birch, cedar, admin, operator, scanner, programs: Vec::new(), others };
        let program = cast.partners_program();
        cast.others.push(program);
        cast
    }

    /// A customer with an access on these terms, and an ADMIN of it.
    fn sell(&mut self, terms: Terms) -> (Subject, UserId) {
        let world = &mut self.world;
        let nth = world.rows.customers.len();
        let customer = world.customer(self.birch, &format!("Customer {nth:02}"), PortalAccess::Full);
        let access = world.access(self.birch, customer, terms);
        let rival = world.access(self.cedar, customer, Terms::co_managed());
        for operator in [self.operator, self.others[1]] {
            world.assign(operator, customer, access);
        }
        world.rows.memberships.push(Membership::Scanner(customer, self.scanner));
        let posture = world.posture(customer);
        let admin = world.customer_user(customer, CustomerRole::Admin, &format!("Admin {nth:02}"));
        let reader = world.customer_user(customer, CustomerRole::ReadOnly, &format!("Reader {nth:02}"));
        (Subject { customer, access, rival, posture, terms, reader }, admin)
    }

    /// An ADMIN of the partner that is a program.
    fn partners_program(&mut self) -> UserId {
        self.world.partner_key(self.birch, "Sync");
        let (rows, role) = (&mut self.world.rows, PartnerRole::Admin);
        let user = rows.users.last().unwrap().id;
        *rows.memberships.last_mut().unwrap() = Membership::Partner(self.birch, user, role);
        self.programs.push((user, KeyKind::Partner));
        user
    }

    /// An ADMIN of a customer that is a program.
    fn customers_program(&mut self, customer: CustomerId) -> UserId {
        let name = format!("Customer sync {}", self.programs.len());
        let user = self.world.customer_user(customer, CustomerRole::Admin, &name);
        let rows = &mut self.world.rows;
        rows.users.last_mut().unwrap().is_service = true;
        rows.api_keys.iter_mut().find(|row| row.customer_id == customer).unwrap().user_id = Some(user);
        self.programs.push((user, KeyKind::Customer));
        user
    }

    /// Every change, each about a customer of its own.
    pub(super) fn cases(&mut self) -> Vec<Case> {
        use Ask::{Field, Upload};
        let hour = TimeDelta::hours(1);
        let managed = Terms::fully_managed();
        let (posture, security) = (Field("posture"), Field("securityConfiguration"));
        let by_partner = [
            (managed, Change::Model(OperatingModel::CustomerManaged), posture, "OPERATING_MODEL"),
            (managed, Change::Model(OperatingModel::CoManaged), security, "OPERATING_MODEL"),
            (managed, Change::Consent(Privilege::None), posture, "CONSENT"),
            (managed, Change::Consent(Privilege::Support), security, "CONSENT"),
            (managed.consent_until(NOW + hour), Change::Time(hour), security, "CONSENT"),
            (Terms::co_managed().consent_until(NOW + hour), Change::Time(hour), posture, "CONSENT"),
            (managed, Change::Ceiling(Privilege::None), posture, "PRIVILEGE"),
            (managed, Change::Ceiling(Privilege::Support), security, "PRIVILEGE"),
            (Terms::co_managed().trial_until(NOW + hour), Change::Time(hour), posture, "ACCESS_STATUS"),
            (managed, Change::Status(AccessStatus::Suspended), posture, "ACCESS_STATUS"),
            (managed, Change::Status(AccessStatus::Ended), posture, "ACCESS_STATUS"),
        ];
        let mut cases = Vec::new();
        for (terms, change, ask, then) in by_partner {
            let (of, _) = self.sell(terms);
            cases.push(Case { change, of, who: self.admin, ask, then });
        }
        let (admin, operator, scanner) = (self.admin, self.operator, self.scanner);
        self.by_mutation(&mut cases);
        let (of, _) = self.sell(managed);
        cases.push(Case {
            change: Change::Disable(admin),
            of,
            who: admin,
            ask: posture,
            then: "UNAUTHENTICATED",
        });
        let change = Change::PartnerRole(admin, PartnerRole::Operator);
        cases.push(Case { change, of, who: admin, ask: posture, then: "nothing" });
        cases.push(Case {
            change: Change::Unassign(operator),
            of,
            who: operator,
            ask: posture,
            then: "nothing",
        });
        cases.push(Case {
            change: Change::Unregister(scanner),
            of,
            who: scanner,
            ask: Upload,
            then: "NOT_FOUND",
        });
        cases.push(Case {
            change: Change::Disable(scanner),
            of,
            who: scanner,
            ask: Upload,
            then: "UNAUTHENTICATED",
        });

        let (of, own) = self.sell(Terms::customer_managed());
        let by_customer = [
            (Change::Portal(PortalAccess::ReadOnly), security, "PORTAL_ACCESS"),
            (Change::Portal(PortalAccess::Disabled), posture, "PORTAL_ACCESS"),
            (Change::CustomerRole(own, CustomerRole::ReadOnly), Field("auditLog"), "ROLE"),
            (Change::RemoveFromCustomer(own), posture, "UNAUTHENTICATED"),
            (Change::Disable(own), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_customer.map(|(change, ask, then)| Case { change, of, who: own, ask, then }));
        // Who signs in by a key.
        let who = self.customers_program(of.customer);
        let by_key = [
            (Change::CustomerRole(who, CustomerRole::ReadOnly), Field("auditLog"), "ROLE"),
            (Change::RevokeKey("api_keys", who), posture, "UNAUTHENTICATED"),
            (Change::Disable(who), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_key.map(|(change, ask, then)| Case { change, of, who, ask, then }));
        let (of, _) = self.sell(managed);
        let who = self.partners_program();
        let by_key = [
            (Change::PartnerRole(who, PartnerRole::Operator), posture, "nothing"),
            (Change::RevokeKey("partner_api_keys", who), posture, "UNAUTHENTICATED"),
            (Change::Disable(who), posture, "UNAUTHENTICATED"),
        ];
        cases.extend(by_key.map(|(change, ask, then)| Case { change, of, who, ask, then }));
        cases
    }
}

impl Cast {
    /// Every mutation that hides something from somebody, done by a colleague or by the customer.
    fn by_mutation(&mut self, cases: &mut Vec<Case>) {
        let (posture, security) = (Ask::Field("posture"), Ask::Field("securityConfiguration"));
        let (admin, operator, colleague) = (self.admin, self.operator, self.others[0]);
        let by_colleague = [
            (
                "changeOperatingModel",
                On::Access,
                "operatingModel: CUSTOMER_MANAGED, reason: \"as agreed\"",
                admin,
                posture,
                "OPERATING_MODEL",
            ),
            (
                "setPrivilegeCeiling",
                On::Access,
                "ceiling: SUPPORT, reason: \"as agreed\"",
                admin,
                security,
                "PRIVILEGE",
            ),
            ("suspendAccess", On::Access, "reason: \"unpaid\"", admin, posture, "ACCESS_STATUS"),
            ("endAccess", On::Access, "reason: \"cancelled\"", admin, posture, "ACCESS_STATUS"),
            ("assignOperator", On::Assignment(operator), "assigned: false", operator, posture, "nothing"),
            ("disableUser", On::User(admin), "", admin, posture, "UNAUTHENTICATED"),
        ];
        for (field, on, input, who, ask, then) in by_colleague {
            let (of, _) = self.sell(Terms::fully_managed());
            cases.push(Case { change: Change::Mutation(colleague, field, on, input), of, who, ask, then });
        }
        let (of, own) = self.sell(Terms::fully_managed());
        let change = Change::Mutation(own, "setPartnerConsent", On::Access, "consent: NONE");
        cases.push(Case { change, of, who: admin, ask: posture, then: "CONSENT" });
        let (of, own) = self.sell(Terms::customer_managed());
        let change = Change::Mutation(colleague, "setPortalAccess", On::Customer, "portalAccess: DISABLED");
        cases.push(Case { change, of, who: own, ask: posture, then: "PORTAL_ACCESS" });

        // A trial: another model is elected, and it ends.
        let trial = Terms::co_managed().trial_until(NOW + TimeDelta::days(10));
        let (of, own) = self.sell(trial);
        let change =
            Change::Mutation(own, "electOperatingModel", On::Access, "operatingModel: CUSTOMER_MANAGED");
        cases.push(Case { change, of, who: admin, ask: posture, then: "OPERATING_MODEL" });
        let (of, _) = self.sell(trial);
        let change = Change::Mutation(colleague, "endAccess", On::Access, "reason: \"no interest\"");
        cases.push(Case { change, of, who: admin, ask: posture, then: "ACCESS_STATUS" });
        // FULLY_MANAGED lowers the portal, whatever brings it.
        let (of, own) = self.sell(Terms::co_managed());
        let input = "operatingModel: FULLY_MANAGED, reason: \"as agreed\"";
        let change = Change::Mutation(colleague, "changeOperatingModel", On::Access, input);
        cases.push(Case { change, of, who: own, ask: security, then: "PORTAL_ACCESS" });
        let (of, own) = self.sell(trial);
        let change =
            Change::Mutation(own, "electOperatingModel", On::Access, "operatingModel: FULLY_MANAGED");
        cases.push(Case { change, of, who: own, ask: security, then: "PORTAL_ACCESS" });
        let (of, own) = self.sell(Terms::customer_managed().status(AccessStatus::Ended));
        let quote = self.world.quote(self.birch, of.customer);
        self.world.rows.quotes.last_mut().unwrap().operating_model = OperatingModel::FullyManaged;
        let change = Change::Mutation(colleague, "acceptQuote", On::Quote(quote), "");
        cases.push(Case { change, of, who: own, ask: security, then: "PORTAL_ACCESS" });
        // Roles and keys.
        let (of, own) = self.sell(Terms::customer_managed());
        let who = self.world.customer_user(of.customer, CustomerRole::Admin, "Second admin");
        let change = Change::Mutation(own, "setCustomerUserRole", On::User(who), "role: READ_ONLY");
        cases.push(Case { change, of, who, ask: Ask::Field("auditLog"), then: "ROLE" });
        let who = self.customers_program(of.customer);
        let keys = &self.world.rows.api_keys;
        let key = keys.iter().find(|row| row.user_id == Some(who)).unwrap().id;
        let change = Change::Mutation(own, "revokeApiKey", On::CustomerKey(key, who), "");
        cases.push(Case { change, of, who, ask: posture, then: "UNAUTHENTICATED" });
        let (of, _) = self.sell(Terms::fully_managed());
        let who = self.partners_program();
        let key = self.world.rows.partner_api_keys.last().unwrap().id;
        let change =
            Change::Mutation(colleague, "revokePartnerApiKey", On::PartnerKey(self.birch, key, who), "");
        cases.push(Case { change, of, who, ask: posture, then: "UNAUTHENTICATED" });
    }
}
