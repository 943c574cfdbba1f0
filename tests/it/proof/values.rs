//! What queries ask with: ids and texts that occur in a world, others that nearly do, and some that are made up.

use std::collections::BTreeMap;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, FindingId, PartnerId};
use posture_gateway::store::seed::{World, deterministic_id};

use super::worlds::ACTIONS;
use crate::support::dice::Dice;

/// The values of a world.
pub(super) struct Values {
    /// Global ids by the name of their type.
    ids: BTreeMap<&'static str, Vec<String>>,
    /// Texts by the name of the argument that they suit.
    texts: BTreeMap<&'static str, Vec<String>>,
}

impl Values {
    /// Of several worlds: what is only in one of them is asked for too, what is in more of them more often.
    pub(super) fn of_all(worlds: &[&World]) -> Self {
        let mut all = Self { ids: BTreeMap::new(), texts: BTreeMap::new() };
        for world in worlds {
            let own = Self::of(world);
            for (kind, ids) in own.ids {
                all.ids.entry(kind).or_default().extend(ids);
            }
            for (argument, texts) in own.texts {
                all.texts.entry(argument).or_default().extend(texts);
            }
        }
        all
    }

    pub(super) fn of(world: &World) -> Self {
        let mut ids: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut add = |kind, id: GlobalId| ids.entry(kind).or_default().push(id.to_string());
        for row in &world.partners {
            add("Partner", GlobalId::Partner(row.id));
        }
        for row in &world.customers {
            add("Customer", GlobalId::Customer(row.customer_id));
        }
        for row in &world.users {
            add("User", GlobalId::User(row.id));
        }
        for row in &world.partner_audit_events {
            add("PartnerAuditEvent", GlobalId::PartnerAuditEvent(row.partner_id, row.id));
        }
        for row in &world.partner_api_keys {
            add("PartnerApiKey", GlobalId::PartnerApiKey(row.partner_id, row.id));
        }
        for row in &world.subscriptions {
            add("Subscription", GlobalId::Subscription(row.customer_id, row.access_id));
        }
        macro_rules! tenant_rows {
            ($($table:ident $kind:ident)*) => {$(
                for row in &world.$table {
                    add(stringify!($kind), GlobalId::$kind(row.customer_id, row.id));
                }
            )*};
        }
        tenant_rows! {
            accesses Access findings Finding assets Asset components Component scans Scan scan_schedules ScanSchedule
            quotes Quote evidence Evidence posture_shares PostureShare api_keys ApiKey customer_audit_events CustomerAuditEvent
        }
        let mut texts: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        texts.insert("customerName", world.customers.iter().map(|row| row.name.clone()).collect());
        texts.insert("plan", world.subscriptions.iter().map(|row| row.plan.clone()).collect());
        texts.insert("action", ACTIONS.iter().map(|&action| action.to_owned()).collect());
        let found = world.findings.iter().flat_map(|row| [Some(row.title.clone()), row.cve.clone()]);
        let found = found.flatten().chain(world.assets.iter().map(|row| row.value.clone()));
        texts.insert("text", found.chain(world.components.iter().map(|row| row.name.clone())).collect());
        // Addresses that nobody has: one that is taken is refused, whoever has it.
        for argument in ["email", "adminEmail"] {
            texts.insert(argument, (1..6).map(|nth| format!("new-{nth}@example.org")).collect());
        }
        texts.insert("startTime", vec!["02:30".to_owned(), "23:59".to_owned()]);
        texts.insert("timeZone", vec!["UTC".to_owned(), "Europe/Berlin".to_owned()]);
        texts.insert("note", vec!["as agreed".to_owned(), "not reachable from outside".to_owned()]);
        texts.insert("currency", vec!["EUR".to_owned(), "USD".to_owned()]);
        for argument in ["addOns", "code"] {
            texts.insert(argument, world.plan_add_ons.iter().map(|row| row.code.clone()).collect());
        }
        texts.retain(|_, texts| !texts.is_empty());
        Self { ids, texts }
    }

    /// Every id.
    pub(super) fn all_ids(&self) -> std::collections::BTreeSet<String> {
        self.ids.values().flatten().cloned().collect()
    }

    /// An id as a literal: mostly of the wanted type, sometimes of another, sometimes of nothing.
    pub(super) fn id(&self, dice: &mut Dice, wanted: Option<&str>) -> String {
        let kinds: Vec<_> = self.ids.keys().copied().collect();
        let kind = match wanted.and_then(|wanted| kinds.iter().find(|kind| **kind == wanted)) {
            Some(kind) if !dice.one_in(8) => *kind,
            _ => dice.one_of(&kinds),
        };
        let ids = &self.ids[kind];
        let id = ids[dice.below(ids.len())].clone();
        quoted(&match dice.below(16) {
            0 => Self::of_nothing(dice, &id),
            _ => id,
        })
    }

    /// A malformed id, one of an unknown tenant, or one of an unknown object of a known tenant.
    fn of_nothing(dice: &mut Dice, known: &str) -> String {
        let unknown = deterministic_id("nothing", dice.number());
        match dice.below(4) {
            0 => known[1..].to_owned(),
            1 => GlobalId::Customer(CustomerId(unknown)).to_string(),
            2 => GlobalId::Partner(PartnerId(unknown)).to_string(),
            _ => match known.parse() {
                Ok(GlobalId::Customer(customer) | GlobalId::Finding(customer, _)) => {
                    GlobalId::Finding(customer, FindingId(unknown)).to_string()
                }
                Ok(_) | Err(_) => String::new(),
            },
        }
    }

    /// A text as a literal: as it stands somewhere, a part of one, in another case, or a pattern that must not be one.
    pub(super) fn text(&self, dice: &mut Dice, argument: &str) -> String {
        let all: Vec<&String> = match self.texts.get(argument) {
            Some(own) => own.iter().collect(),
            None => self.texts.values().flatten().collect(),
        };
        let whole = all[dice.below(all.len())];
        quoted(&match dice.below(6) {
            0 => whole.chars().skip(1).take(2).collect(),
            1 => whole.to_uppercase(),
            2 => dice.one_of(&["", "%", "_", "\\", "'", "nowhere"]).to_owned(),
            _ => whole.clone(),
        })
    }

    /// A value of a scalar as a literal. A new scalar fails here until it is given values.
    pub(super) fn scalar(&self, dice: &mut Dice, ty: &str, argument: &str, wanted: Option<&str>) -> String {
        let one_of = |dice: &mut Dice, values: &[&str]| dice.one_of(values).to_owned();
        match ty {
            "ID" => self.id(dice, wanted),
            "String" => self.text(dice, argument),
            "Boolean" => one_of(dice, &["true", "false"]),
            "Int" => one_of(dice, &["0", "1", "2", "7", "-1"]),
            "Float" => one_of(dice, &["0.0", "0.5", "9.8"]),
            "Decimal" => quoted(dice.one_of(&["0.00", "10.00", "123.45"])),
            "Date" => quoted(dice.one_of(&["2026-03-01", "2026-05-01", "2026-06-01", "2026-07-15"])),
            // Dates of rows in `worlds`, the one instant of every world among them.
            "DateTime" => quoted(dice.one_of(&[
                "2026-04-01T00:00:00Z",
                "2026-06-01T12:00:00Z",
                "2026-06-13T12:00:00Z",
                "2026-06-15T12:00:00Z",
                "2026-07-01T00:00:00+02:00",
            ])),
            other => panic!("the scalar `{other}` has no values: give it some in `proof/values.rs`"),
        }
    }
}

/// A GraphQL string: JSON's spelling of one is one.
pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
