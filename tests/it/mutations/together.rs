//! Two who change one access at once: one of them is first, and nothing is lost.

use futures_util::future::join_all;
use posture_gateway::domain::global_id::GlobalId;
use serde_json::json;

use super::{codes, mutate, mutate_customer, recorded};
use crate::support::app::App;
use crate::support::cast::{Cast, Persona};

/// Five times, so that either may be first.
#[tokio::test]
async fn of_two_who_decided_on_the_same_version_one_is_told_of_the_conflict() {
    for _ in 0..5 {
        let cast = Cast::new();
        let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
        let app = App::start(cast.world).await;
        let clients = [app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::PartnerAdmin)];
        let ask = |nth: usize, model: &str| {
            let input = json!({ "accessId": acme, "operatingModel": model, "reason": "at once", "expectedVersion": 1 });
            let client = clients[nth].clone();
            async move { mutate(&client, "changeOperatingModel", input).await }
        };
        let (one, other) = tokio::join!(ask(0, "CO_MANAGED"), ask(1, "FULLY_MANAGED"));
        let mut outcomes = [codes(&one), codes(&other)];
        outcomes.sort();
        assert_eq!(outcomes, [vec![], vec!["CONFLICT".to_owned()]]);
        assert_eq!(recorded(&app, "access.operating_model_changed").await.len(), 2);
    }
}

#[tokio::test]
async fn changes_of_both_sides_at_once_all_count() {
    let cast = Cast::new();
    let bolt = GlobalId::Access(cast.bolt.customer, cast.bolt.access).to_string();
    let app = App::start(cast.world).await;
    let (partner, customer) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::ReadOnlyPortalAdmin));
    let rounds = (0..8).map(|round| {
        let even = round % 2 == 0;
        let model = if even { "CUSTOMER_MANAGED" } else { "CO_MANAGED" };
        let consent = if even { "NONE" } else { "MANAGE" };
        let changes = json!({ "accessId": bolt, "operatingModel": model, "reason": "at once" });
        let grants = json!({ "accessId": bolt, "consent": consent });
        let (partner, customer) = (partner.clone(), customer.clone());
        async move {
            tokio::join!(
                mutate(&partner, "changeOperatingModel", changes),
                mutate(&customer, "setPartnerConsent", grants)
            )
        }
    });
    let replies = join_all(rounds).await;
    let done = replies
        .iter()
        .flat_map(|(one, other)| [codes(one), codes(other)])
        .inspect(|codes| assert!(codes.is_empty() || codes == &["NO_CHANGE"], "{codes:?}"))
        .filter(Vec::is_empty)
        .count();
    let document = format!(r#"{{ access(id: "{bolt}") {{ version }} }}"#);
    assert_eq!(partner.data(&document).await["access"]["version"], 1 + done);
    let events = recorded(&app, "access.operating_model_changed").await.len()
        + recorded(&app, "access.consent_changed").await.len();
    assert_eq!(events, 2 * done);
}

/// The same key at the same moment: the second waits for the first and is answered alike.
#[tokio::test]
async fn two_requests_with_one_key_are_one_change() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access).to_string();
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "once");
    let ask = || {
        mutate(
            &client,
            "changeOperatingModel",
            json!({ "accessId": acme, "operatingModel": "CO_MANAGED", "reason": "at once" }),
        )
    };
    let (one, other) = tokio::join!(ask(), ask());
    assert_eq!(codes(&one), [] as [&str; 0]);
    assert_eq!(one.text, other.text);
    assert_eq!(recorded(&app, "access.operating_model_changed").await.len(), 2);
}

/// However a user comes into being: one has the address, everyone else is told that it is taken.
#[tokio::test]
async fn of_many_who_want_one_address_one_gets_it() {
    for _ in 0..3 {
        let cast = Cast::new();
        let acme = GlobalId::Customer(cast.acme.customer).to_string();
        let app = App::start_with(cast.world, 8).await;
        let (partner, customer) = (app.sign_in(Persona::PartnerAdmin), app.sign_in(Persona::FullPortalAdmin));
        let rounds = (0..4).map(|_| async {
            let founds = json!({ "name": "New", "adminEmail": "one@example.org" });
            let invites = json!({ "customerId": acme, "email": "one@example.org", "role": "READ_ONLY" });
            tokio::join!(
                mutate_customer(&partner, "createCustomer", founds),
                mutate_customer(&customer, "inviteCustomerUser", invites)
            )
        });
        let mut outcomes: Vec<_> =
            join_all(rounds).await.iter().flat_map(|(one, other)| [codes(one), codes(other)]).collect();
        outcomes.sort();
        assert_eq!(outcomes[0], [] as [&str; 0]);
        assert!(outcomes[1..].iter().all(|codes| codes == &["INVALID"]), "{outcomes:?}");
    }
}
