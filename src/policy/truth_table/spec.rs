//! DESIGN.md 4 and 9 once more, from the text: plain words and small tables, nothing of the gate's own code.

/// One cell of the truth table, in the words of the design.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// `partner`, `other partner`, `customer`, `other customer`, `platform admin` or `scanner`.
    pub(super) who: &'static str,
    /// The role in that organisation; empty where there are no roles.
    pub(super) role: &'static str,
    /// `none`, `to the customer` or `to another customer`: the access at hand, always one of `partner`.
    pub(super) access: &'static str,
    /// Whether the access is assigned to the viewer.
    pub(super) assigned: bool,
    pub(super) status: &'static str,
    /// Whether the trial's end has passed.
    pub(super) expired: bool,
    pub(super) model: &'static str,
    pub(super) ceiling: &'static str,
    pub(super) consent: &'static str,
    pub(super) portal: &'static str,
    pub(super) class: &'static str,
}

/// NONE < SUPPORT < MANAGE.
const PRIVILEGES: [&str; 3] = ["NONE", "SUPPORT", "MANAGE"];

/// A row of "For a partner user, on an access in scope".
struct PartnerRow {
    class: &'static str,
    roles: &'static str,
    statuses: &'static str,
    models: &'static str,
    privilege: &'static str,
}

const ANY_ROLE: &str = "ADMIN OPERATOR";
const ANY_STATUS: &str = "TRIAL EXPIRED_TRIAL ACTIVE SUSPENDED ENDED";
const ANY_MODEL: &str = "CUSTOMER_MANAGED CO_MANAGED FULLY_MANAGED";

const PARTNER_USER: [PartnerRow; 5] = [
    PartnerRow {
        class: "COMMERCIAL",
        roles: ANY_ROLE,
        statuses: ANY_STATUS,
        models: ANY_MODEL,
        privilege: "NONE",
    },
    PartnerRow {
        class: "PRICING",
        roles: "ADMIN",
        statuses: ANY_STATUS,
        models: ANY_MODEL,
        privilege: "NONE",
    },
    PartnerRow {
        class: "POSTURE",
        roles: ANY_ROLE,
        statuses: "TRIAL ACTIVE",
        models: "CO_MANAGED FULLY_MANAGED",
        privilege: "SUPPORT",
    },
    PartnerRow {
        class: "ACTIVITY",
        roles: ANY_ROLE,
        statuses: "TRIAL ACTIVE",
        models: "CO_MANAGED FULLY_MANAGED",
        privilege: "SUPPORT",
    },
    PartnerRow {
        class: "SECURITY_CONFIG",
        roles: ANY_ROLE,
        statuses: "TRIAL ACTIVE",
        models: "FULLY_MANAGED",
        privilege: "MANAGE",
    },
];

/// "For a customer user, on the own customer": portal access, role, classes.
const CUSTOMER_USER: [(&str, &str, &str); 6] = [
    ("DISABLED", "READ_ONLY", ""),
    ("DISABLED", "ADMIN", ""),
    ("READ_ONLY", "READ_ONLY", "COMMERCIAL POSTURE"),
    ("READ_ONLY", "ADMIN", "COMMERCIAL POSTURE ACTIVITY"),
    ("FULL", "READ_ONLY", "COMMERCIAL POSTURE"),
    ("FULL", "ADMIN", "COMMERCIAL POSTURE ACTIVITY SECURITY_CONFIG"),
];

fn among(words: &str, word: &str) -> bool {
    words.split(' ').any(|one| one == word)
}

fn rank(privilege: &str) -> usize {
    PRIVILEGES.iter().position(|one| *one == privilege).unwrap()
}

/// The reason that hides the cell; none where it is shown.
pub(super) fn hidden(cell: &Cell) -> Option<&'static str> {
    match cell.who {
        "partner" | "other partner" => partner_user(cell),
        "customer" => {
            let shown = |portal: &str| {
                CUSTOMER_USER
                    .iter()
                    .any(|row| row.0 == portal && row.1 == cell.role && among(row.2, cell.class))
            };
            if shown(cell.portal) {
                None
            } else if ["DISABLED", "READ_ONLY", "FULL"].into_iter().any(shown) {
                Some("PORTAL_ACCESS")
            } else {
                Some("ROLE")
            }
        }
        "platform admin" => (!among("COMMERCIAL PRICING", cell.class)).then_some("ROLE"),
        "other customer" | "scanner" => Some("ROLE"),
        _ => unreachable!("{cell:?}"),
    }
}

fn partner_user(cell: &Cell) -> Option<&'static str> {
    let row = PARTNER_USER.iter().find(|row| row.class == cell.class).unwrap();
    let status = if cell.status == "TRIAL" && cell.expired { "EXPIRED_TRIAL" } else { cell.status };
    let in_scope = cell.who == "partner"
        && cell.access == "to the customer"
        && (cell.role == "ADMIN" || cell.role == "OPERATOR" && cell.assigned);
    // "When a class is hidden the reason is the first that applies, in this order".
    [
        ("ASSIGNMENT", in_scope),
        ("ROLE", among(row.roles, cell.role)),
        ("ACCESS_STATUS", among(row.statuses, status)),
        ("OPERATING_MODEL", among(row.models, cell.model)),
        ("PRIVILEGE", rank(cell.ceiling) >= rank(row.privilege)),
        ("CONSENT", rank(cell.consent) >= rank(row.privilege)),
    ]
    .into_iter()
    .find(|(_, holds)| !holds)
    .map(|(reason, _)| reason)
}

/// Every cell there is.
pub(super) fn cells() -> impl Iterator<Item = Cell> {
    let mut cells = vec![];
    let viewers = [
        ("partner", "ADMIN"),
        ("partner", "OPERATOR"),
        ("other partner", "ADMIN"),
        ("other partner", "OPERATOR"),
        ("customer", "ADMIN"),
        ("customer", "READ_ONLY"),
        ("other customer", "ADMIN"),
        ("other customer", "READ_ONLY"),
        ("platform admin", ""),
        ("scanner", ""),
    ];
    for (who, role) in viewers {
        for access in ["none", "to the customer", "to another customer"] {
            for assigned in [false, true] {
                for status in ["TRIAL", "ACTIVE", "SUSPENDED", "ENDED"] {
                    for expired in [false, true] {
                        let cell = Cell {
                            who,
                            role,
                            access,
                            assigned,
                            status,
                            expired,
                            model: "",
                            ceiling: "",
                            consent: "",
                            portal: "",
                            class: "",
                        };
                        cells.push(cell);
                    }
                }
            }
        }
    }
    let terms = ["CUSTOMER_MANAGED", "CO_MANAGED", "FULLY_MANAGED"].into_iter().flat_map(|model| {
        PRIVILEGES.into_iter().flat_map(move |ceiling| PRIVILEGES.map(|consent| (model, ceiling, consent)))
    });
    let terms: Vec<_> = terms.collect();
    cells.into_iter().flat_map(move |cell| {
        terms.clone().into_iter().flat_map(move |(model, ceiling, consent)| {
            ["DISABLED", "READ_ONLY", "FULL"].into_iter().flat_map(move |portal| {
                ["COMMERCIAL", "PRICING", "POSTURE", "ACTIVITY", "SECURITY_CONFIG"].map(|class| Cell {
                    model,
                    ceiling,
                    consent,
                    portal,
                    class,
                    ..cell
                })
            })
        })
    })
}
