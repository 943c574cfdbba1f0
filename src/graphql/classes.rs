//! The data class of every type, and the proof that no route leads to a gated one past the gate.
//!
//! A field has the class that its `@gate` names, else the class of the type it stands on. A new type that is not in the
//! table, and a new field that reaches a gated type ungated, fail the tests below, which read the exported schema.

use crate::policy::DataClass;

/// Types whose values are behind the gate: whatever returns one has to be gated by the same class.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const GATED: &[(DataClass, &[&str])] = &[
    (
        DataClass::Posture,
        &[
            "Finding",
            "FindingConnection",
            "FindingEdge",
            "PostureSummary",
            "SeverityCounts",
            "Asset",
            "AssetConnection",
            "AssetEdge",
            "Component",
            "ComponentConnection",
            "ComponentEdge",
            "Scan",
            "ScanConnection",
            "ScanEdge",
            "ScanReport",
            "ScanSchedule",
            "ScanScheduleConnection",
            "ScanScheduleEdge",
            "Evidence",
            "EvidenceConnection",
            "EvidenceEdge",
            "PostureShare",
            "PostureShareConnection",
            "PostureShareEdge",
        ],
    ),
    (DataClass::Activity, &["CustomerAuditEvent", "CustomerAuditEventConnection", "CustomerAuditEventEdge"]),
    (DataClass::SecurityConfig, &["SecurityConfiguration", "RoleBinding", "ApiKey"]),
    (DataClass::Pricing, &["BillingStatement", "BillingLine"]),
    (DataClass::Commercial, &["Subscription", "Usage", "AddOn"]),
];

/// Types that stand before the gate: the organisations, the accesses with what decides about them, totals that are
/// gated field by field, the partner's own log (its resolver asks for an ADMIN), and what carries no data of its own.
#[cfg_attr(not(test), expect(dead_code, reason = "the table that the tests hold the schema against"))]
const OPEN: &[&str] = &[
    "Query",
    "Mutation",
    "AccessPayload",
    "UserError",
    "Viewer",
    "Partner",
    "PartnerConnection",
    "PartnerEdge",
    "Customer",
    "Access",
    "AccessConnection",
    "AccessEdge",
    "Trial",
    "ClassVisibility",
    "OperatingModelPreview",
    "PartnerDashboard",
    "CommercialTotals",
    "OperatingModelCount",
    "AccessStatusCount",
    "PostureTotals",
    "PartnerAuditEvent",
    "PartnerAuditEventConnection",
    "PartnerAuditEventEdge",
    "Money",
    "PageInfo",
    "Node",
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use async_graphql::parser::parse_schema;
    use async_graphql::parser::types::{BaseType, FieldDefinition, Type, TypeKind, TypeSystemDefinition};

    use super::*;
    use crate::policy::Operation;

    /// Every object and interface of the exported schema, with its fields.
    fn types() -> BTreeMap<String, Vec<FieldDefinition>> {
        let document = parse_schema(crate::graphql::sdl()).unwrap();
        let definition = |definition| match definition {
            TypeSystemDefinition::Type(positioned) => {
                let name = positioned.node.name.node.to_string();
                match positioned.node.kind {
                    TypeKind::Object(object) => Some((name, object.fields)),
                    TypeKind::Interface(interface) => Some((name, interface.fields)),
                    _ => None,
                }
            }
            _ => None,
        };
        let fields = |fields: Vec<async_graphql::Positioned<FieldDefinition>>| {
            fields.into_iter().map(|f| f.node).collect()
        };
        document
            .definitions
            .into_iter()
            .filter_map(definition)
            .map(|(name, all)| (name, fields(all)))
            .collect()
    }

    fn named(ty: &Type) -> &str {
        match &ty.base {
            BaseType::Named(name) => name,
            BaseType::List(inner) => named(inner),
        }
    }

    fn declared(field: &FieldDefinition, directive: &str) -> Option<String> {
        let found = field.directives.iter().find(|d| d.node.name.node == directive)?;
        found.node.get_argument("class").map(|class| class.node.to_string())
    }

    fn class_of(name: &str) -> Option<DataClass> {
        GATED.iter().find(|(_, types)| types.contains(&name)).map(|(class, _)| *class)
    }

    #[test]
    fn every_type_has_its_place_in_the_table_and_nothing_else_does() {
        let found: BTreeSet<String> = types().into_keys().collect();
        let known: Vec<&str> =
            GATED.iter().flat_map(|(_, types)| types.iter()).chain(OPEN).copied().collect();
        let listed: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
        assert_eq!(listed.len(), known.len(), "a type stands in the table twice");
        assert_eq!(found, listed);
    }

    /// Who may ever call a mutation stands in one table, a row each.
    #[test]
    fn every_mutation_has_its_callers() {
        let fields: BTreeSet<String> =
            types()["Mutation"].iter().map(|field| field.name.node.to_string()).collect();
        let ruled: BTreeSet<String> = Operation::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(fields, ruled);
        for operation in Operation::ALL {
            assert!(!operation.callers().is_empty(), "{operation} is for nobody");
        }
    }

    #[test]
    fn no_route_leads_to_a_gated_type_past_the_gate() {
        let mut gates = 0;
        for (parent, fields) in types() {
            for field in fields {
                let (name, gate) = (format!("{parent}.{}", field.name.node), declared(&field, "gate"));
                assert!(
                    gate.is_none() || field.ty.node.nullable,
                    "{name} is gated, so it has to be nullable"
                );
                gates += usize::from(gate.is_some());
                let Some(class) = class_of(named(&field.ty.node)) else { continue };
                let is_within = class_of(&parent) == Some(class);
                let is_gated = gate.or(declared(&field, "aggregate")).as_deref() == Some(class.as_str());
                assert!(is_within || is_gated, "{name} reaches {class} past the gate");
            }
        }
        assert_eq!(gates, 15, "the fields with @gate");
    }
}
