//! Every sentence that the gate can say, and what it may not say.

use std::collections::BTreeSet;

use super::spec::cells;
use super::{
    CUSTOMER, OTHER_CUSTOMER, OTHER_PARTNER, PARTNER, USER, accesses, customer_user, partner_user, question,
    subject, viewers,
};
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::user::{CustomerRole, PartnerRole};
use crate::policy::{
    AccessFacts, DataClass, HiddenReason, Subject, Viewer, decide, decide_partner, explain, explain_exposure,
    explain_partner,
};

#[test]
fn the_designs_own_example_comes_out_to_the_letter() {
    let access = AccessFacts {
        partner: PARTNER,
        customer: CUSTOMER,
        assigned: false,
        status: AccessStatus::Active,
        trial_expired: false,
        operating_model: OperatingModel::CustomerManaged,
        privilege_ceiling: Privilege::Support,
        customer_consent: Privilege::Support,
    };
    let subject = subject(access, PortalAccess::Disabled);
    let admin = partner_user(PartnerRole::Admin);
    let reason = decide(&admin, DataClass::Posture, &subject).reason().unwrap();
    assert_eq!(reason, HiddenReason::OperatingModel);
    assert_eq!(
        explain(&admin, DataClass::Posture, &subject, reason),
        "posture is hidden: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or FULLY_MANAGED, \
         which a partner admin can set"
    );
}

/// What every hidden cell says, without the class that stands in front, by reason.
#[test]
fn every_hidden_cell_names_its_rule_and_what_would_lift_it() {
    let mut sentences = BTreeSet::new();
    for cell in cells() {
        let (viewer, class, subject) = question(&cell);
        let Some(reason) = decide(&viewer, class, &subject).reason() else { continue };
        let sentence = explain(&viewer, class, &subject, reason);
        let rule = sentence.strip_prefix(class.noun()).unwrap().strip_prefix(" is hidden: ").unwrap();
        assert!(rule.contains("it takes ") || rule.ends_with("nothing lifts that"), "{sentence}");
        assert!(!rule.ends_with('.') && !rule.contains("is not running"), "{sentence}");
        sentences.insert(format!("{reason}: {rule}"));
    }
    insta::assert_snapshot!(sentences.into_iter().collect::<Vec<_>>().join("\n"), @"
    ACCESS_STATUS: the access is ENDED, it takes a new access, which a partner admin can quote
    ACCESS_STATUS: the access is SUSPENDED, it takes ACTIVE, so it has to be resumed
    ACCESS_STATUS: the trial has expired, it takes a conversion, which a partner admin can make
    ASSIGNMENT: no access to the customer is assigned to the viewer, it takes an assignment, which a partner admin can make
    ASSIGNMENT: the partner has no such access to the customer, it takes one, which a partner admin can quote
    CONSENT: the customer's consent is NONE, it takes MANAGE, which a customer admin can grant
    CONSENT: the customer's consent is NONE, it takes SUPPORT, which a customer admin can grant
    CONSENT: the customer's consent is SUPPORT, it takes MANAGE, which a customer admin can grant
    OPERATING_MODEL: the operating model is CO_MANAGED, it takes FULLY_MANAGED, which a partner admin can set
    OPERATING_MODEL: the operating model is CO_MANAGED, it takes FULLY_MANAGED, which the customer's admin can elect during the trial
    OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or FULLY_MANAGED, which a partner admin can set
    OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes CO_MANAGED or FULLY_MANAGED, which the customer's admin can elect during the trial
    OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes FULLY_MANAGED, which a partner admin can set
    OPERATING_MODEL: the operating model is CUSTOMER_MANAGED, it takes FULLY_MANAGED, which the customer's admin can elect during the trial
    PORTAL_ACCESS: the portal access is DISABLED, it takes FULL, which an admin of the managing partner can set
    PORTAL_ACCESS: the portal access is DISABLED, it takes READ_ONLY, which an admin of the managing partner can set
    PORTAL_ACCESS: the portal access is READ_ONLY, it takes FULL, which an admin of the managing partner can set
    PRIVILEGE: the contract's privilege ceiling is NONE, it takes MANAGE, which a partner admin can set
    PRIVILEGE: the contract's privilege ceiling is NONE, it takes SUPPORT, which a partner admin can set
    PRIVILEGE: the contract's privilege ceiling is SUPPORT, it takes MANAGE, which a partner admin can set
    ROLE: a customer's users see their own customer only, and nothing lifts that
    ROLE: a platform admin sees partners, pricing and commercial data only, and nothing lifts that
    ROLE: a scanner writes scan results and reads nothing, and nothing lifts that
    ROLE: the partner's cost and margin are never shown to a customer, and nothing lifts that
    ROLE: the role is OPERATOR, it takes ADMIN, which a partner admin can give
    ROLE: the role is READ_ONLY, it takes ADMIN, which a customer admin can give
    ");
}

#[test]
fn a_partners_own_books_say_why_too() {
    let mut sentences = BTreeSet::new();
    for viewer in viewers() {
        if decide_partner(&viewer, DataClass::Pricing, PARTNER).reason().is_some() {
            sentences.insert(explain_partner(&viewer, DataClass::Pricing, PARTNER));
        }
    }
    insta::assert_snapshot!(sentences.into_iter().collect::<Vec<_>>().join("\n"), @"
    pricing is hidden: it takes an ADMIN of the partner itself, for nothing is inherited along the partner tree
    pricing is hidden: the role is OPERATOR, it takes ADMIN, which a partner admin can give
    ");
}

/// The same reason takes another sentence for another reader: each goes to the one it is true of.
#[test]
fn each_reader_gets_the_sentence_that_is_true_of_them() {
    let own_only = "a customer's users see their own customer only, and nothing lifts that";
    let never = "the partner's cost and margin are never shown to a customer, and nothing lifts that";
    let reader = "the role is READ_ONLY, it takes ADMIN, which a customer admin can give";
    let nothing = Subject { customer: CUSTOMER, access: None, portal_access: PortalAccess::Full };
    for &role in CustomerRole::ALL {
        let stranger = Viewer::Customer { user: USER, customer: OTHER_CUSTOMER, role };
        for &class in DataClass::ALL {
            let said = explain(&stranger, class, &nothing, HiddenReason::Role);
            assert_eq!(said, format!("{} is hidden: {own_only}", class.noun()), "{role}");
        }
        let said = explain(&customer_user(role), DataClass::Pricing, &nothing, HiddenReason::Role);
        assert_eq!(said, format!("pricing is hidden: {never}"), "{role}");
    }
    let said =
        explain(&customer_user(CustomerRole::ReadOnly), DataClass::Activity, &nothing, HiddenReason::Role);
    assert_eq!(said, format!("activity is hidden: {reader}"));

    let books = |partner, role| {
        explain_partner(&Viewer::Partner { user: USER, partner, role }, DataClass::Pricing, PARTNER)
    };
    let (own_operator, stranger) =
        (books(PARTNER, PartnerRole::Operator), books(OTHER_PARTNER, PartnerRole::Admin));
    assert!(own_operator.ends_with("the role is OPERATOR, it takes ADMIN, which a partner admin can give"));
    assert!(stranger.ends_with("for nothing is inherited along the partner tree"));
    assert_eq!(books(OTHER_PARTNER, PartnerRole::Operator), stranger);
}

/// Who may not see an access gets the same sentence whatever its terms, and whether or not it exists; a customer's
/// sentence does not depend on any access, a partner's not on the portal.
#[test]
fn no_sentence_depends_on_what_its_reader_may_not_see() {
    let said = |viewer: &Viewer, class, subject: &Subject| {
        decide(viewer, class, subject).reason().map(|reason| explain(viewer, class, subject, reason))
    };
    let nothing = |portal_access| Subject { customer: CUSTOMER, access: None, portal_access };
    for access in accesses() {
        for &class in DataClass::ALL {
            for &portal in PortalAccess::ALL {
                let here = subject(access, portal);
                for viewer in viewers() {
                    let own_access = match viewer {
                        Viewer::Partner { partner: PARTNER, role: PartnerRole::Admin, .. } => true,
                        Viewer::Partner { partner: PARTNER, role: PartnerRole::Operator, .. } => {
                            access.assigned
                        }
                        _ => false,
                    };
                    let (without_access, without_portal) =
                        (nothing(portal), subject(access, PortalAccess::Full));
                    if !own_access {
                        assert_eq!(said(&viewer, class, &here), said(&viewer, class, &without_access));
                    }
                    if viewer != customer_user(CustomerRole::Admin)
                        && viewer != customer_user(CustomerRole::ReadOnly)
                    {
                        assert_eq!(said(&viewer, class, &here), said(&viewer, class, &without_portal));
                    }
                }
            }
        }
    }
}

#[test]
fn who_could_see_is_explained_to_the_customers_own_as_their_activity_and_to_others_in_one_sentence() {
    let open = Subject { customer: CUSTOMER, access: None, portal_access: PortalAccess::Full };
    for viewer in viewers() {
        let (own, said) = (
            explain(&viewer, DataClass::Activity, &open, HiddenReason::Role),
            explain_exposure(&viewer, &open, HiddenReason::Role),
        );
        match viewer {
            Viewer::Customer { .. } => assert_eq!(said, own),
            Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => assert_eq!(
                said,
                "activity is hidden: who could see a customer's data is told to its own ADMINs only, and nothing lifts that"
            ),
        }
    }
}
