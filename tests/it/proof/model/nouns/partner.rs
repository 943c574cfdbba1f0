//! Partners, and their lists.

use std::cmp::Ordering;

use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::PartnerId;
use posture_gateway::domain::user::PartnerRole;
use posture_gateway::store::seed::{self, Access};
use serde_json::Value;

use super::{Answer, Arguments, Model, Object, among, contains, global, leaf, record, some};
use crate::proof::model::gate::{COMMERCIAL, POSTURE, Who};
use crate::proof::model::names;
use crate::proof::model::page::List;

impl<'w> Model<'w> {
    pub(super) fn partner(
        &self,
        row: &'w seed::Partner,
        name: &str,
        arguments: &Arguments,
    ) -> Option<Answer<'w>> {
        Some(match name {
            "id" => global(GlobalId::Partner(row.id)),
            "name" => leaf(row.name.as_str()),
            "parent" => {
                let parent = row.parent_id.filter(|parent| self.gate.knows(self.asking(), *parent));
                Answer::One(parent.map(|parent| Object::Partner(self.gate.partner(parent))))
            }
            "children" => {
                let mut rows: Vec<_> =
                    self.world().partners.iter().filter(|child| child.parent_id == Some(row.id)).collect();
                rows.retain(|child| self.gate.knows(self.asking(), child.id));
                rows.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
                let list = List {
                    name: format!("Partner.children {}", row.id),
                    rows: rows.into_iter().map(|child| (child.id.0, Object::Partner(child), true)).collect(),
                    connection: "PartnerConnection",
                    edge: "PartnerEdge",
                };
                list.page(&self.cursors, arguments)
            }
            "accesses" => self.accesses_of(row, arguments),
            "dashboard" => self.dashboard(row),
            "componentSearch" => self.component_search(row, arguments),
            "billing" => self.billing(row, arguments),
            "users" if self.reads_the_books(row.id) => self.partner_users(row, arguments),
            "users" => Answer::Hidden(COMMERCIAL, "ROLE"),
            "apiKeys" if self.reads_the_books(row.id) => self.partner_api_keys(row, arguments),
            "apiKeys" => Answer::Hidden(COMMERCIAL, "ROLE"),
            "auditLog" => {
                if self.reads_the_books(row.id) {
                    self.partner_audit_log(row, arguments)
                } else {
                    Answer::Hidden(COMMERCIAL, "ROLE")
                }
            }
            "quotes" => {
                if self.reads_the_books(row.id) {
                    self.quotes(row, arguments)
                } else {
                    Answer::Hidden(COMMERCIAL, "ROLE")
                }
            }
            "prepaidLicenses" => self.prepaid_licenses(row),
            _ => return None,
        })
    }

    /// "`Partner.auditLog` is for ADMINs."
    pub(super) fn reads_the_books(&self, partner: PartnerId) -> bool {
        self.asking() == Who::Partner(partner, PartnerRole::Admin)
    }

    /// The accesses of a partner that exist for who asks.
    pub(super) fn own_accesses(&self, partner: PartnerId) -> Vec<&'w Access> {
        let mut rows = self.gate.accesses(self.user, self.asking());
        rows.retain(|access| access.partner_id == partner);
        rows
    }

    fn accesses_of(&self, partner: &'w seed::Partner, arguments: &Arguments) -> Answer<'w> {
        let mut rows = self.own_accesses(partner.id);
        let order = arguments.get("orderBy");
        let part = |name: &str| order.and_then(|order| order[name].as_str());
        let (field, direction) =
            (part("field").unwrap_or("CUSTOMER_NAME"), part("direction").unwrap_or("ASC"));
        rows.sort_by(|a, b| self.compare_accesses(a, b, field, direction));
        let filter = arguments.get("filter").filter(|filter| !filter.is_null());
        let passes = |access: &'w Access| filter.is_none_or(|filter| self.passes(access, filter));
        let list = List {
            name: format!("Partner.accesses {} {field} {direction}", partner.id),
            rows: rows.into_iter().map(|row| (row.id.0, Object::Access(row), passes(row))).collect(),
            connection: "AccessConnection",
            edge: "AccessEdge",
        };
        list.page(&self.cursors, arguments)
    }

    /// Over the customers whose posture who asks sees as that partner.
    fn component_search(&self, partner: &'w seed::Partner, arguments: &Arguments) -> Answer<'w> {
        let text = arguments.get("text");
        if text.is_none_or(|text| text.as_str().unwrap().chars().count() < 3) {
            return Answer::Refused("BAD_USER_INPUT");
        }
        let is_own = matches!(self.asking(), Who::Partner(own, _) if own == partner.id);
        let shown =
            self.own_accesses(partner.id).into_iter().filter(|access| is_own && self.shows_posture(access));
        let shown: Vec<_> = shown.map(|access| access.customer_id).collect();
        let mut rows: Vec<_> =
            self.world().components.iter().filter(|row| shown.contains(&row.customer_id)).collect();
        rows.sort_by(|a, b| (&a.name, a.customer_id, a.id).cmp(&(&b.name, b.customer_id, b.id)));
        let entry = |row: &'w seed::Component| {
            let customer = Object::Customer(self.gate.customer(row.customer_id));
            let fields = vec![("component", some(Object::Component(row))), ("customer", some(customer))];
            let passes = contains(text, &[Some(&row.name), row.purl.as_deref()]);
            (row.id.0, record("ComponentMatch", fields), passes)
        };
        let list = List {
            name: format!("Partner.componentSearch {}", partner.id),
            rows: rows.into_iter().map(entry).collect(),
            connection: "ComponentMatchConnection",
            edge: "ComponentMatchEdge",
        };
        list.page(&self.cursors, arguments)
    }

    /// The subscription, where who asks may see it.
    fn shown_subscription(&self, access: &Access) -> Option<&'w seed::Subscription> {
        self.sold(access).filter(|_| self.on_access(COMMERCIAL, access).is_none())
    }

    fn passes(&self, access: &'w Access, filter: &Value) -> bool {
        let part = |name: &str| filter.get(name).filter(|part| !part.is_null());
        let bad_enough = part("minOpenSeverity").is_none_or(|least| {
            let least: Severity = least.as_str().unwrap().parse().unwrap();
            let mut open = self.open_findings(access.customer_id).into_iter();
            self.shows_posture(access) && open.any(|finding| finding.severity.rank() >= least.rank())
        });
        among(part("operatingModel"), Some(access.operating_model.as_str()))
            && among(part("status"), Some(access.status.as_str()))
            && among(part("plan"), self.shown_subscription(access).map(|sold| sold.plan.as_str()))
            && contains(part("customerName"), &[Some(&self.gate.customer(access.customer_id).name)])
            && bad_enough
    }

    /// Whether who asks sees posture through the access: each access by itself.
    pub(super) fn shows_posture(&self, access: &Access) -> bool {
        self.on_access(POSTURE, access).is_none()
    }

    fn compare_accesses(&self, a: &'w Access, b: &'w Access, field: &str, direction: &str) -> Ordering {
        let directed = |ordering: Ordering| if direction == "ASC" { ordering } else { ordering.reverse() };
        let name = |access: &Access| self.gate.customer(access.customer_id).name.as_str();
        let by_name = names::compare(name(a), name(b)).then(a.id.cmp(&b.id));
        let own = match field {
            "CUSTOMER_NAME" => return directed(by_name),
            "STATUS" => directed(a.status.cmp(&b.status)),
            "CREATED_AT" => directed(a.created_at.cmp(&b.created_at)),
            "PLAN" => {
                let plan = |access| self.shown_subscription(access).map(|sold| &sold.plan);
                nothing_last(plan(a), plan(b), directed)
            }
            "RENEWAL_DATE" => {
                let date = |access| self.shown_subscription(access).and_then(|sold| sold.renewal_date);
                nothing_last(date(a), date(b), directed)
            }
            "OPEN_FINDINGS" => {
                let open = |access: &Access| self.open_findings(access.customer_id).len();
                let open = |access| self.shows_posture(access).then(|| open(access));
                nothing_last(open(a), open(b), directed)
            }
            "LAST_SCAN_AT" => {
                let hidden = |access| !self.shows_posture(access);
                let scan = |access: &Access| self.last_scan(access.customer_id);
                let scan = |access| if hidden(access) { None } else { scan(access) };
                hidden(a).cmp(&hidden(b)).then_with(|| nothing_last(scan(a), scan(b), directed))
            }
            other => panic!("the model does not know the order {other}"),
        };
        own.then(by_name)
    }
}

fn nothing_last<T: Ord>(a: Option<T>, b: Option<T>, directed: impl Fn(Ordering) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => directed(a.cmp(&b)),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}
