//! What is kept under an `Idempotency-Key`: that something was done, never what it showed. It is told anew, and to nobody who may no
//! longer ask.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use serde_json::{Value, json};

use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona, Sold};

async fn open(client: &Client, access: &GlobalId) -> Reply {
    let document = format!(
        "mutation {{ changeOperatingModel(input: {{ accessId: \"{access}\", operatingModel: CO_MANAGED, reason: \"as agreed\" }}) {{ \
         access {{ operatingModel postureVisible customer {{ findings {{ nodes {{ title }} }} }} }} userErrors {{ code }} }} }}"
    );
    client.ask(&document).await
}

#[tokio::test]
async fn what_a_key_keeps_is_told_anew_and_to_nobody_who_may_no_longer_ask() {
    let cast = Cast::new();
    let acme = GlobalId::Access(cast.acme.customer, cast.acme.access);
    let access = cast.acme.access;
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "4711").hidden_in_extensions();
    let first = open(&admin, &acme).await;
    let told = |reply: &Reply| {
        let access = &reply.body["data"]["changeOperatingModel"]["access"];
        json!([access["postureVisible"], access["customer"]["findings"]["nodes"][0]["title"].is_string()])
    };
    assert_eq!(told(&first), json!([true, true]), "{}", first.text);
    assert_eq!(open(&admin, &acme).await.text, first.text);

    // Hidden since.
    app.as_owner(&format!("update accesses set customer_consent = 0 where id = '{access}'")).await;
    let again = open(&admin, &acme).await;
    assert_eq!(told(&again), json!([false, false]), "{}", again.text);
    assert_eq!(again.body["extensions"]["hidden"][0]["reason"], "CONSENT");

    // No longer the viewer's, as if it had never been.
    let user = UserId::from(Persona::PartnerAdmin);
    app.as_owner(&format!("update partner_users set partner_id = '{}' where user_id = '{user}'", cast.cedar))
        .await;
    let gone = open(&admin, &acme).await;
    assert_eq!(gone.body["data"]["changeOperatingModel"]["access"], Value::Null, "{}", gone.text);

    // No longer one who may call it, or anybody at all.
    app.as_owner(&format!("update partner_users set role = 'OPERATOR' where user_id = '{user}'")).await;
    assert_eq!(open(&admin, &acme).await.codes(), ["FORBIDDEN"]);
    app.as_owner(&format!("update users set disabled_at = now() where id = '{user}'")).await;
    assert_eq!(open(&admin, &acme).await.codes(), ["UNAUTHENTICATED"]);
}

/// An access that is not assigned does not exist on the wire (DESIGN.md 9), whatever an operator was told of it before.
#[tokio::test]
async fn a_refusal_that_a_key_keeps_names_nothing_to_an_operator_whose_list_it_left() {
    let cast = Cast::new();
    let operator_id = GlobalId::User(UserId::from(Persona::Operator));
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let assign = async |sold: Sold, assigned: bool| {
        let access = GlobalId::Access(sold.customer, sold.access);
        let document = format!(
            "mutation {{ assignOperator(input: {{ accessId: \"{access}\", operatorId: \"{operator_id}\", assigned: {assigned} }}) \
             {{ userErrors {{ code }} }} }}"
        );
        let reply = admin.ask(&document).await;
        assert_eq!(reply.body["data"]["assignOperator"]["userErrors"], json!([]), "{}", reply.text);
    };
    let (bolt, crown) = (GlobalId::Customer(cast.bolt.customer), GlobalId::Customer(cast.crown.customer));
    let scan = format!(
        "mutation {{ runScan(input: {{ customerId: \"{bolt}\", profile: \"full\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    // Crown is operated, Bolt is seen: the words are about Bolt alone.
    let schedule = format!(
        "mutation {{ createScanSchedules(input: {{ customerIds: [\"{crown}\", \"{bolt}\"], profile: \"full\", frequency: DAILY, \
         startTime: \"02:30\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    assign(cast.crown, true).await;
    for (field, document, telling) in
        [("runScan", scan, "CO_MANAGED"), ("createScanSchedules", schedule, "Bolt")]
    {
        let operator = app.sign_in(Persona::Operator).header("idempotency-key", field);
        let first = operator.ask(&document).await;
        let code = |reply: &Reply| reply.body["data"][field]["userErrors"][0]["code"].clone();
        assert_eq!(code(&first), "NOT_PERMITTED", "{}", first.text);
        assert!(first.text.contains(telling), "{}", first.text);
        assert_eq!(operator.ask(&document).await.text, first.text);
        assign(cast.bolt, false).await;
        let again = operator.ask(&document).await;
        assert_eq!(code(&again), "NOT_PERMITTED", "{}", again.text);
        assert_eq!(again.body["data"][field]["userErrors"][0]["field"], Value::Null, "{}", again.text);
        for word in ["MANAGED", "Bolt"] {
            assert!(!again.text.contains(word), "{}", again.text);
        }
        let anew = app.sign_in(Persona::Operator).ask(&document).await;
        assert_eq!(code(&anew), "NOT_FOUND", "{}", anew.text);
        // Back on the list, it is told as before.
        assign(cast.bolt, true).await;
        assert_eq!(operator.ask(&document).await.text, first.text);
    }
}
