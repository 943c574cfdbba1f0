//! A world with a customer for every combination of an access's terms, in a large run also with every portal access:
//! each is a cell of the gate's truth table. Two partners sell to each of them, on different terms.

use chrono::{NaiveDate, TimeDelta};
use posture_gateway::domain::access::{AccessStatus, OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, PartnerId, UserId};
use posture_gateway::domain::scan::{ScanFrequency, ScanTrigger};
use posture_gateway::domain::subscription::LicenseModel;
use posture_gateway::domain::user::{CustomerRole, ViewerKind};
use posture_gateway::store::seed::{self, AddOn, Membership, PrepaidPurchase, UsageAlert};
use rust_decimal::Decimal;

use super::size::is_large;
use crate::support::world::{NOW, Posture, Terms, World, days};

/// One customer with what hangs on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) customer: CustomerId,
    /// Birch's access: the live one, where there is one.
    pub(super) access: AccessId,
    /// Cedar's access.
    pub(super) rival: AccessId,
    pub(super) posture: Posture,
    /// Its users.
    pub(super) admin: UserId,
    pub(super) reader: UserId,
}

/// The world and its names.
pub(super) struct Cells {
    pub(super) world: World,
    pub(super) birch: PartnerId,
    pub(super) cedar: PartnerId,
    pub(super) all: Vec<Cell>,
    /// Ended accesses of Birch beside a live one.
    pub(super) ended: Vec<(CustomerId, AccessId)>,
    /// A customer that Birch created and has no access to yet.
    pub(super) quoted: CustomerId,
    pub(super) admin: UserId,
    /// Assigned to every access of Birch.
    pub(super) operator: UserId,
    /// Assigned to every second access of Birch, and of a live and an ended one to the ended one.
    pub(super) half_operator: UserId,
    pub(super) rival: UserId,
    pub(super) distributor: UserId,
    pub(super) platform: UserId,
    pub(super) scanner: UserId,
}

/// Every combination of what decides for a partner: 135.
fn terms() -> Vec<Terms> {
    let instant = TimeDelta::microseconds(1);
    let mut all = Vec::new();
    for &model in OperatingModel::ALL {
        for status in ["running", "expired", "ACTIVE", "SUSPENDED", "ENDED"] {
            for &ceiling in Privilege::ALL {
                for &consent in Privilege::ALL {
                    let terms = Terms::of(model).ceiling(ceiling);
                    let terms = match status {
                        // To the microsecond: an end that is now has passed.
                        "running" => terms.trial_until(NOW + instant),
                        "expired" => terms.trial_until(NOW),
                        status => terms.status(status.parse().unwrap()),
                    };
                    let nth: usize = all.len();
                    all.push(with_consent(terms, consent, nth / 3 + nth / 9));
                }
            }
        }
    }
    all
}

/// Consent as it counts now, given for good, for a time that lasts, or for a time that is over.
fn with_consent(terms: Terms, counts: Privilege, nth: usize) -> Terms {
    let lasts = |terms: Terms| terms.consent_until(NOW + TimeDelta::microseconds(1));
    match (nth % 3, counts) {
        (1, Privilege::Support | Privilege::Manage) => lasts(terms.consent(counts)),
        (2, Privilege::None) => terms.consent(Privilege::Support).consent_until(NOW),
        (2, Privilege::Support) => terms.consent(Privilege::Manage).consent_until(NOW),
        (_, counts) => terms.consent(counts),
    }
}

impl Cells {
    pub(super) fn new() -> Self {
        let mut world = World::default();
        world.price_list();
        let alder = world.partner("Alder");
        let (birch, cedar) = (world.reseller(alder, "Birch"), world.reseller(alder, "Cedar"));
        let (admin, operator) = (world.partner_admin(birch, "Ada"), world.operator(birch, "Otto"));
        let half_operator = world.operator(birch, "Olga");
        let rival = world.partner_admin(cedar, "Rita");
        let distributor = world.partner_admin(alder, "Dora");
        let platform = world.user(ViewerKind::PlatformAdmin, "Paul");
        let scanner = world.user(ViewerKind::Scanner, "Scan");
        let quoted = world.customer(birch, "Quoted", PortalAccess::Disabled);
        world.posture(quoted);

        let (mut cells, mut ended) = (Vec::new(), Vec::new());
        let terms = terms();
        let portals = PortalAccess::ALL;
        // A usual run spreads the portals over the terms, a large one combines them.
        let all = terms.iter().enumerate().flat_map(|(nth, terms)| {
            let these =
                (0..portals.len()).filter(move |place| is_large() || (nth + nth / 3 + nth / 9) % 3 == *place);
            these.map(move |place| (*terms, portals[place]))
        });
        // A pair that came back, on every model before and after.
        let again = OperatingModel::ALL.iter().flat_map(|&before| {
            OperatingModel::ALL.iter().map(move |&after| (before, manage(Terms::of(after))))
        });
        let again: Vec<_> =
            again.map(|(before, after)| (Some(before), after, PortalAccess::ReadOnly)).collect();
        let all: Vec<_> = all.map(|(terms, portal)| (None, terms, portal)).chain(again).collect();
        for (nth, &(before, own, portal)) in all.iter().enumerate() {
            let customer = world.customer(birch, &format!("Customer {nth:03}"), portal);
            if let Some(model) = before {
                let terms = manage(Terms::of(model)).status(AccessStatus::Ended).created_at(days(-150));
                let id = world.access(birch, customer, terms);
                world.assign(operator, customer, id);
                world.assign(half_operator, customer, id);
                ended.push((customer, id));
            }
            let access = world.access(birch, customer, own);
            world.assign(operator, customer, access);
            if nth % 2 == 1 && before.is_none() {
                world.assign(half_operator, customer, access);
            }
            // Other terms than Birch's, and over all customers every combination too.
            let rival = world.access(cedar, customer, terms[(nth * 7 + 11) % terms.len()]);
            world.rows.memberships.push(Membership::Scanner(customer, scanner));
            cells.push(Cell {
                customer,
                access,
                rival,
                posture: world.posture(customer),
                admin: world.customer_user(customer, CustomerRole::Admin, &format!("Admin {nth:03}")),
                reader: world.customer_user(customer, CustomerRole::ReadOnly, &format!("Reader {nth:03}")),
            });
        }
        set_everything(&mut world.rows);
        Self {
            world,
            birch,
            cedar,
            all: cells,
            ended,
            quoted,
            admin,
            operator,
            half_operator,
            rival,
            distributor,
            platform,
            scanner,
        }
    }

    /// Everybody whose answers are compared over all cells, by name.
    pub(super) fn personas(&self) -> [(&'static str, UserId); 7] {
        [
            ("partner admin", self.admin),
            ("operator", self.operator),
            ("operator of half", self.half_operator),
            ("rival admin", self.rival),
            ("distributor admin", self.distributor),
            ("platform admin", self.platform),
            ("scanner", self.scanner),
        ]
    }

    /// The customers and their accesses, with those beside a live one.
    pub(super) fn accesses(&self) -> Vec<GlobalId> {
        let of_cell = |cell: &Cell| [(cell.customer, cell.access), (cell.customer, cell.rival)];
        let all = self.all.iter().flat_map(of_cell).chain(self.ended.iter().copied());
        all.map(|(customer, access)| GlobalId::Access(customer, access)).collect()
    }
}

/// MANAGE on both sides.
fn manage(terms: Terms) -> Terms {
    terms.ceiling(Privilege::Manage).consent(Privilege::Manage)
}

/// Gives a value to every column that may be null: a field that nobody ever sees proves nothing.
pub(super) fn set_everything(rows: &mut seed::World) {
    let text = || Some("said".to_owned());
    for row in &mut rows.findings {
        (row.description, row.rule_id, row.location) = (text(), text(), text());
        (row.cve, row.cvss_score) = (Some("CVE-2026-0001".to_owned()), Some(7.5));
        row.sla_due_at = Some(days(-20));
    }
    for row in &mut rows.scans {
        row.failure = text();
    }
    for row in rows.scan_schedules.iter_mut().step_by(2) {
        (row.frequency, row.day_of_week, row.day_of_month) = (ScanFrequency::Monthly, None, Some(31));
        row.events = ScanTrigger::EVENTS.to_vec();
    }
    for row in &mut rows.customer_audit_events {
        (row.reason, row.old_value, row.new_value) = (text(), text(), text());
    }
    for row in &mut rows.api_keys {
        row.revoked_at = Some(days(-1));
    }
    rows.visits = rows.users.iter().map(|row| seed::Visit { user_id: row.id, at: days(-3) }).collect();
    for access in &rows.accesses {
        rows.access_records.push(seed::AccessRecord {
            customer_id: access.customer_id,
            at: days(-3),
            id: access.id.0,
            partner_id: access.partner_id,
            user_id: posture_gateway::domain::ids::UserId(access.id.0),
            user_name: "Ada".to_owned(),
            request_id: access.id.0,
            class: posture_gateway::policy::DataClass::Posture,
            operation: text(),
            fields: vec!["Customer.findings".to_owned()],
        });
    }
    for row in &mut rows.partner_api_keys {
        row.revoked_at = Some(days(-1));
    }
    for row in &mut rows.posture_shares {
        row.revoked_at = Some(days(-1));
    }
    for row in &mut rows.accesses {
        // What was agreed on stays as it is; a trial of long ago says nothing about today.
        if row.trial_ends_at.is_none() {
            row.trial_started_at = Some(days(-90));
            row.trial_ends_at = Some(days(-60));
            row.trial_convert_by = Some(days(-30));
            row.trial_converted_at = Some(days(-50));
            row.trial_elected_model = Some(OperatingModel::CoManaged);
        }
        if row.consent_until.is_none() && row.customer_consent > Privilege::None {
            row.consent_until = Some(days(10));
        }
    }
    for row in &mut rows.quotes {
        let sold = rows
            .accesses
            .iter()
            .find(|access| (access.customer_id, access.partner_id) == (row.customer_id, row.partner_id));
        (row.accepted_at, row.access_id) = sold.map(|access| (access.created_at, access.id)).unzip();
        row.trial_days = Some(14);
        row.add_ons = serde_json::json!([{ "code": "sso", "name": "Single sign-on", "price": "10.00" }]);
    }
    for partner in &rows.partners {
        rows.prepaid_purchases.push(PrepaidPurchase {
            partner_id: partner.id,
            id: partner.id.0,
            license_model: LicenseModel::PerAsset,
            quantity: 10,
            unit_cost: Decimal::new(5_000, 2),
            currency: partner.currency.clone(),
            bought_at: days(-90),
        });
    }
    for row in &mut rows.subscriptions {
        rows.usage_alerts.push(UsageAlert {
            customer_id: row.customer_id,
            access_id: row.access_id,
            period_start: NaiveDate::from_ymd_opt(2026, 6, 1).unwrap(),
            partner_id: row.partner_id,
            raised_at: days(-2),
            acknowledged_at: Some(days(-1)),
            acknowledged_by: text(),
        });
        if row.status != posture_gateway::domain::subscription::SubscriptionStatus::Canceled {
            row.renewal_date = NaiveDate::from_ymd_opt(2026, 7, 1);
        }
        rows.add_ons.push(AddOn {
            customer_id: row.customer_id,
            access_id: row.access_id,
            code: "sso".to_owned(),
            partner_id: row.partner_id,
            name: "Single sign-on".to_owned(),
            price: Decimal::new(1_000, 2),
        });
    }
    for row in &mut rows.partner_audit_events {
        let about = rows.accesses.iter().find(|access| access.partner_id == row.partner_id);
        (row.customer_id, row.access_id) = about.map(|about| (about.customer_id, about.id)).unzip();
        (row.reason, row.old_value, row.new_value) = (text(), text(), text());
    }
}
