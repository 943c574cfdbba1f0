//! The tables of DESIGN.md 4, printed from the code (`posture-gateway gate`).
//!
//! Nothing here knows a rule: [`tables`] asks the gate about every combination of facts and prints which facts matter.
//! A rule is a set of values for each fact; where one does not say it all there are several, joined by "or".

use std::collections::BTreeSet;

use uuid::Uuid;

use super::class::DataClass;
use super::explain::explain;
use super::facts::{AccessFacts, Subject};
use super::gate::{Decision, HiddenReason, customer_sees_accesses, decide};
use super::viewer::Viewer;
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{CustomerId, PartnerId, UserId};
use crate::domain::user::{CustomerRole, PartnerRole};

/// The widest line, for a usual terminal.
const WIDTH: usize = 100;

const USER: UserId = UserId(Uuid::nil());
const PARTNER: PartnerId = PartnerId(Uuid::nil());
const CUSTOMER: CustomerId = CustomerId(Uuid::nil());

/// Who sees what of whom, as the gate decides it.
#[must_use]
pub fn tables() -> String {
    let mut text =
        "Every fact of a row's group has to hold; the reason is that of the first that does not.\n"
            .to_owned();

    heading(&mut text, "A partner user: the accesses in scope");
    rows(&mut text, "in scope", &answers(partner_users(&[true, false]), DataClass::Commercial));

    heading(&mut text, "A partner user, on an access in scope");
    for &class in DataClass::ALL {
        rows(&mut text, class.as_str(), &answers(partner_users(&[true]), class));
    }

    heading(&mut text, "A customer user, on the own customer");
    rows(&mut text, "the accesses", &own_accesses());
    for &class in DataClass::ALL {
        rows(&mut text, class.as_str(), &answers(customer_users(), class));
    }

    heading(&mut text, "Everyone else");
    for &class in DataClass::ALL {
        rows(&mut text, class.as_str(), &answers(others(), class));
    }
    text
}

/// The decision on each class of one subject for one viewer, with its reason and the sentence that goes with it.
#[must_use]
pub fn decision_table(viewer: &Viewer, subject: &Subject) -> String {
    let mut text = String::new();
    line(&mut text, &format!("{:17}{:10}{}", "CLASS", "DECISION", "REASON"));
    for &class in DataClass::ALL {
        match decide(viewer, class, subject) {
            Decision::Visible(()) => line(&mut text, &format!("{:17}visible", class.as_str())),
            Decision::Hidden(reason) => {
                line(&mut text, &format!("{:17}{:10}{reason}", class.as_str(), "hidden"));
                for part in wrapped(&explain(viewer, class, subject, reason), WIDTH - 17) {
                    line(&mut text, &format!("{:17}{part}", ""));
                }
            }
        }
    }
    text
}

/// A fact's name and its value.
type Fact = (&'static str, &'static str);

/// A combination of facts, in the order in which the gate looks at them, and the question they make.
struct Cell {
    facts: Vec<Fact>,
    viewer: Viewer,
    subject: Subject,
}

/// A combination of facts and the gate's answer.
type Answer = (Vec<Fact>, Decision);

/// For each fact the values it may have.
type Rule = Vec<(&'static str, Vec<&'static str>)>;

fn partner_users(assignments: &[bool]) -> Vec<Cell> {
    let statuses = [
        (AccessStatus::Trial, false, "TRIAL (not expired)"),
        (AccessStatus::Trial, true, "TRIAL (expired)"),
        (AccessStatus::Active, false, AccessStatus::Active.as_str()),
        (AccessStatus::Suspended, false, AccessStatus::Suspended.as_str()),
        (AccessStatus::Ended, false, AccessStatus::Ended.as_str()),
    ];
    let mut accesses = Vec::new();
    for &assigned in assignments {
        for (status, trial_expired, status_name) in statuses {
            for &operating_model in OperatingModel::ALL {
                for &privilege_ceiling in Privilege::ALL {
                    for &customer_consent in Privilege::ALL {
                        let access = AccessFacts {
                            partner: PARTNER,
                            customer: CUSTOMER,
                            assigned,
                            status,
                            trial_expired,
                            operating_model,
                            privilege_ceiling,
                            customer_consent,
                        };
                        accesses.push((access, status_name));
                    }
                }
            }
        }
    }
    let cell = |role: PartnerRole, access: AccessFacts, status| Cell {
        facts: vec![
            ("role", role.as_str()),
            ("assigned", if access.assigned { "yes" } else { "no" }),
            ("status", status),
            ("operating model", access.operating_model.as_str()),
            ("privilege ceiling", access.privilege_ceiling.as_str()),
            ("customer consent", access.customer_consent.as_str()),
        ],
        viewer: Viewer::Partner { user: USER, partner: PARTNER, role },
        subject: Subject { customer: CUSTOMER, access: Some(access), portal_access: PortalAccess::Disabled },
    };
    let of = |&role| accesses.iter().map(move |&(access, status)| cell(role, access, status));
    PartnerRole::ALL.iter().flat_map(of).collect()
}

fn customer_users() -> Vec<Cell> {
    let cell = |role: CustomerRole, portal_access: PortalAccess| Cell {
        facts: vec![("role", role.as_str()), ("portal access", portal_access.as_str())],
        viewer: Viewer::Customer { user: USER, customer: CUSTOMER, role },
        subject: Subject { customer: CUSTOMER, access: None, portal_access },
    };
    let of = |&role| PortalAccess::ALL.iter().map(move |&portal| cell(role, portal));
    CustomerRole::ALL.iter().flat_map(of).collect()
}

fn others() -> Vec<Cell> {
    let subject = Subject { customer: CUSTOMER, access: None, portal_access: PortalAccess::Disabled };
    [("platform admin", Viewer::PlatformAdmin { user: USER }), ("scanner", Viewer::Scanner { user: USER })]
        .map(|(name, viewer)| Cell { facts: vec![("viewer", name)], viewer, subject })
        .into()
}

fn answers(cells: Vec<Cell>, class: DataClass) -> Vec<Answer> {
    let answer = |cell: Cell| {
        let decision = decide(&cell.viewer, class, &cell.subject);
        (cell.facts, decision)
    };
    cells.into_iter().map(answer).collect()
}

/// The accesses with model, status, privileges and trial: no class of their own, yet not shown to everyone.
fn own_accesses() -> Vec<Answer> {
    let answer = |&role: &CustomerRole, &portal: &PortalAccess| {
        let facts = vec![("role", role.as_str()), ("portal access", portal.as_str())];
        let shown = customer_sees_accesses(role, portal);
        (facts, if shown { Decision::Visible(()) } else { Decision::Hidden(HiddenReason::PortalAccess) })
    };
    let of = |role| PortalAccess::ALL.iter().map(move |portal| answer(role, portal));
    CustomerRole::ALL.iter().flat_map(of).collect()
}

/// The values that each fact has among the cells.
fn values(cells: &[&[Fact]]) -> Rule {
    let mut columns = Rule::new();
    for (name, value) in cells.iter().copied().flatten() {
        match columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, values)) if values.contains(value) => {}
            Some((_, values)) => values.push(value),
            None => columns.push((name, vec![value])),
        }
    }
    columns
}

/// Rules that together say exactly these cells: one where the facts are independent, else one for each value of the
/// first fact that is not fixed.
fn rules(cells: &[&[Fact]]) -> Vec<Rule> {
    let rule = values(cells);
    if rule.iter().map(|(_, values)| values.len()).product::<usize>() == cells.len() {
        return vec![rule];
    }
    let Some((name, split)) = rule.iter().find(|(_, values)| values.len() > 1) else { return vec![rule] };
    let having = |value| {
        let part: Vec<_> = cells.iter().copied().filter(|cell| cell.contains(&(name, value))).collect();
        rules(&part)
    };
    split.iter().flat_map(|value| having(*value)).collect()
}

/// The reasons given where `fact` alone breaks the rule.
fn reasons(answers: &[Answer], rule: &Rule, fact: &str) -> BTreeSet<HiddenReason> {
    let breaks_alone = |cell: &[Fact]| {
        cell.iter().all(|(name, value)| {
            let allowed = rule.iter().any(|(column, values)| column == name && values.contains(value));
            allowed != (*name == fact)
        })
    };
    let hidden = answers.iter().filter(|(cell, _)| breaks_alone(cell));
    hidden.filter_map(|(_, decision)| decision.reason()).collect()
}

/// Prints when something is shown, a line for each fact that matters.
fn rows(text: &mut String, label: &str, answers: &[Answer]) {
    let row = |text: &mut String, label: &str, [fact, when]: [&str; 2], reasons: BTreeSet<HiddenReason>| {
        let reasons: Vec<_> = reasons.into_iter().map(HiddenReason::as_str).collect();
        line(text, &format!("  {label:17}{fact:19}{when:31}{}", reasons.join(", ")));
    };
    let all: Vec<&[Fact]> = answers.iter().map(|(facts, _)| facts.as_slice()).collect();
    let shown: Vec<&[Fact]> = answers
        .iter()
        .filter(|(_, decision)| decision.is_visible())
        .map(|(facts, _)| facts.as_slice())
        .collect();
    if shown.is_empty() {
        let reasons = answers.iter().filter_map(|(_, decision)| decision.reason()).collect();
        return row(text, label, ["never", ""], reasons);
    }
    if shown.len() == all.len() {
        return row(text, label, ["always", ""], BTreeSet::new());
    }
    let all = values(&all);
    let mut label = label;
    for (n, rule) in rules(&shown).iter().enumerate() {
        if n > 0 {
            label = "  or";
        }
        for fact @ (name, values) in rule {
            if !all.contains(fact) {
                row(text, label, [name, &values.join(" or ")], reasons(answers, rule, name));
                label = "";
            }
        }
    }
}

fn heading(text: &mut String, title: &str) {
    line(text, "");
    line(text, title);
    line(text, &format!("  {:17}{:19}{:31}{}", "", "FACT", "SHOWN WHEN IT IS", "ELSE HIDDEN, REASON"));
}

/// Adds a line, without blanks at its end.
fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

/// The text in lines of at most `width` characters, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_the_designs() {
        insta::assert_snapshot!(tables(), @"
        Every fact of a row's group has to hold; the reason is that of the first that does not.

        A partner user: the accesses in scope
                           FACT               SHOWN WHEN IT IS               ELSE HIDDEN, REASON
          in scope         role               ADMIN                          ASSIGNMENT
            or             role               OPERATOR
                           assigned           yes                            ASSIGNMENT

        A partner user, on an access in scope
                           FACT               SHOWN WHEN IT IS               ELSE HIDDEN, REASON
          COMMERCIAL       always
          PRICING          role               ADMIN                          ROLE
          POSTURE          status             TRIAL (not expired) or ACTIVE  ACCESS_STATUS
                           operating model    CO_MANAGED or FULLY_MANAGED    OPERATING_MODEL
                           privilege ceiling  SUPPORT or MANAGE              PRIVILEGE
                           customer consent   SUPPORT or MANAGE              CONSENT
          ACTIVITY         status             TRIAL (not expired) or ACTIVE  ACCESS_STATUS
                           operating model    CO_MANAGED or FULLY_MANAGED    OPERATING_MODEL
                           privilege ceiling  SUPPORT or MANAGE              PRIVILEGE
                           customer consent   SUPPORT or MANAGE              CONSENT
          SECURITY_CONFIG  status             TRIAL (not expired) or ACTIVE  ACCESS_STATUS
                           operating model    FULLY_MANAGED                  OPERATING_MODEL
                           privilege ceiling  MANAGE                         PRIVILEGE
                           customer consent   MANAGE                         CONSENT

        A customer user, on the own customer
                           FACT               SHOWN WHEN IT IS               ELSE HIDDEN, REASON
          the accesses     role               ADMIN                          PORTAL_ACCESS
            or             role               READ_ONLY
                           portal access      READ_ONLY or FULL              PORTAL_ACCESS
          COMMERCIAL       portal access      READ_ONLY or FULL              PORTAL_ACCESS
          PRICING          never                                             ROLE
          POSTURE          portal access      READ_ONLY or FULL              PORTAL_ACCESS
          ACTIVITY         role               ADMIN                          ROLE
                           portal access      READ_ONLY or FULL              PORTAL_ACCESS
          SECURITY_CONFIG  role               ADMIN                          ROLE
                           portal access      FULL                           PORTAL_ACCESS

        Everyone else
                           FACT               SHOWN WHEN IT IS               ELSE HIDDEN, REASON
          COMMERCIAL       viewer             platform admin                 ROLE
          PRICING          viewer             platform admin                 ROLE
          POSTURE          never                                             ROLE
          ACTIVITY         never                                             ROLE
          SECURITY_CONFIG  never                                             ROLE
        ");
    }

    #[test]
    fn a_line_fits_a_terminal() {
        let access = AccessFacts {
            partner: PARTNER,
            customer: CUSTOMER,
            assigned: true,
            status: AccessStatus::Trial,
            trial_expired: false,
            operating_model: OperatingModel::CustomerManaged,
            privilege_ceiling: Privilege::Support,
            customer_consent: Privilege::Support,
        };
        let viewer = Viewer::Partner { user: USER, partner: PARTNER, role: PartnerRole::Operator };
        let subject = Subject { customer: CUSTOMER, access: Some(access), portal_access: PortalAccess::Full };
        let table = decision_table(&viewer, &subject);
        insta::assert_snapshot!(table, @"
        CLASS            DECISION  REASON
        COMMERCIAL       visible
        PRICING          hidden    ROLE
                         pricing is hidden: the role is OPERATOR, it takes ADMIN, which a partner admin can
                         give
        POSTURE          hidden    OPERATING_MODEL
                         posture is hidden: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or
                         FULLY_MANAGED, which the customer's admin can elect during the trial
        ACTIVITY         hidden    OPERATING_MODEL
                         activity is hidden: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or
                         FULLY_MANAGED, which the customer's admin can elect during the trial
        SECURITY_CONFIG  hidden    OPERATING_MODEL
                         the security configuration is hidden: the operating model is CUSTOMER_MANAGED, it
                         takes FULLY_MANAGED, which the customer's admin can elect during the trial
        ");
        assert!(tables().lines().chain(table.lines()).all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(wrapped("ab cd", 5), ["ab cd"]);
        assert_eq!(wrapped("ab cd", 4), ["ab", "cd"]);
        assert_eq!(wrapped("ab cd efg", 5), ["ab cd", "efg"]);
        assert_eq!(wrapped("longer ab", 3), ["longer", "ab"]);
    }

    /// Three of the four combinations are no product: two rules say them, and nothing more. A fact that is always the same
    /// splits nothing.
    #[test]
    fn what_one_rule_cannot_say_several_do() {
        let cell = |a, b| vec![("fixed", "1"), ("a", a), ("b", b)];
        let cells = [cell("1", "1"), cell("1", "2"), cell("2", "1")];
        let slices: Vec<_> = cells.iter().map(Vec::as_slice).collect();
        let rule = |a: &[&'static str], b: &[&'static str]| {
            vec![("fixed", vec!["1"]), ("a", a.to_vec()), ("b", b.to_vec())]
        };
        assert_eq!(rules(&slices), [rule(&["1"], &["1", "2"]), rule(&["2"], &["1"])]);
    }
}
