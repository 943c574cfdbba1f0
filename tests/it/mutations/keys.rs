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

/// Puts an access on the operator's list, or takes it off.
async fn assign(app: &App, sold: Sold, assigned: bool) {
    let access = GlobalId::Access(sold.customer, sold.access);
    let operator = GlobalId::User(UserId::from(Persona::Operator));
    let document = format!(
        "mutation {{ assignOperator(input: {{ accessId: \"{access}\", operatorId: \"{operator}\", assigned: {assigned} }}) \
         {{ userErrors {{ code }} }} }}"
    );
    let reply = app.sign_in(Persona::PartnerAdmin).ask(&document).await;
    assert_eq!(reply.body["data"]["assignOperator"]["userErrors"], json!([]), "{}", reply.text);
}

/// An access that is not assigned does not exist on the wire (DESIGN.md 9), whatever an operator was told of it before.
#[tokio::test]
async fn a_refusal_that_a_key_keeps_names_nothing_to_an_operator_whose_list_it_left() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let (bolt, crown) = (GlobalId::Customer(cast.bolt.customer), GlobalId::Customer(cast.crown.customer));
    let scan = format!(
        "mutation {{ runScan(input: {{ customerId: \"{bolt}\", profile: \"full\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    // Crown is operated, Bolt is seen: the words are about Bolt alone.
    let schedule = format!(
        "mutation {{ createScanSchedules(input: {{ customerIds: [\"{crown}\", \"{bolt}\"], profile: \"full\", frequency: DAILY, \
         startTime: \"02:30\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    assign(&app, cast.crown, true).await;
    for (field, document, telling) in
        [("runScan", scan, "CO_MANAGED"), ("createScanSchedules", schedule, "Bolt")]
    {
        let operator = app.sign_in(Persona::Operator).header("idempotency-key", field);
        let first = operator.ask(&document).await;
        let code = |reply: &Reply| reply.body["data"][field]["userErrors"][0]["code"].clone();
        assert_eq!(code(&first), "NOT_PERMITTED", "{}", first.text);
        assert!(first.text.contains(telling), "{}", first.text);
        assert_eq!(operator.ask(&document).await.text, first.text);
        assign(&app, cast.bolt, false).await;
        let again = operator.ask(&document).await;
        assert_eq!(code(&again), "NOT_PERMITTED", "{}", again.text);
        assert_eq!(again.body["data"][field]["userErrors"][0]["field"], Value::Null, "{}", again.text);
        for word in ["MANAGED", "Bolt"] {
            assert!(!again.text.contains(word), "{}", again.text);
        }
        let anew = app.sign_in(Persona::Operator).ask(&document).await;
        assert_eq!(code(&anew), "NOT_FOUND", "{}", anew.text);
        // Back on the list, it is told as before.
        assign(&app, cast.bolt, true).await;
        assert_eq!(operator.ask(&document).await.text, first.text);
    }
}

/// What was not found stays so, and which others were found beside it is no longer told.
#[tokio::test]
async fn what_was_not_found_under_a_key_is_not_found_again() {
    let cast = Cast::new();
    let (crown, dune) = (GlobalId::Customer(cast.crown.customer), GlobalId::Customer(cast.dune.customer));
    let scan = GlobalId::Scan(cast.crown.customer, cast.dune.posture.scan);
    let app = App::start(cast.world).await;
    let schedule = format!(
        "mutation {{ createScanSchedules(input: {{ customerIds: [\"{crown}\", \"{dune}\"], profile: \"full\", frequency: DAILY, \
         startTime: \"02:30\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    let cancel = format!(
        "mutation {{ cancelScan(input: {{ scanId: \"{scan}\" }}) {{ userErrors {{ code message field }} }} }}"
    );
    for (field, document, told, left) in [
        (
            "createScanSchedules",
            schedule,
            json!(["input", "customerIds", "1"]),
            json!(["input", "customerIds"]),
        ),
        ("cancelScan", cancel, json!(["input", "scanId"]), json!(["input", "scanId"])),
    ] {
        let operator = app.sign_in(Persona::Operator).header("idempotency-key", field);
        let error = |reply: &Reply| {
            let error = &reply.body["data"][field]["userErrors"][0];
            (error["code"].clone(), error["field"].clone())
        };
        for (assigned, field) in [(true, told), (false, left)] {
            assign(&app, cast.crown, assigned).await;
            let reply = operator.ask(&document).await;
            assert_eq!(error(&reply), (json!("NOT_FOUND"), field), "{}", reply.text);
        }
        let anew = app.sign_in(Persona::Operator).ask(&document).await;
        assert_eq!(error(&anew).0, "NOT_FOUND", "{}", anew.text);
    }
}

/// Under one key each field of a request has its own answer, however long its name is.
#[tokio::test]
async fn fields_with_names_that_no_index_holds_are_kept_apart() {
    let cast = Cast::new();
    let app = App::start(cast.world).await;
    let client = app.sign_in(Persona::PartnerAdmin).header("idempotency-key", "long");
    let name = |nth: u32| format!("{}{nth}", "a".repeat(300));
    let call = |nth: u32, sold: Sold| {
        let id = GlobalId::Access(sold.customer, sold.access);
        format!(
            "{}: suspendAccess(input: {{ accessId: \"{id}\", reason: \"as agreed\" }}) {{ access {{ id }} userErrors {{ code }} }} ",
            name(nth)
        )
    };
    let document = format!("mutation {{ {} {} }}", call(1, cast.acme), call(2, cast.bolt));
    let done = |reply: &Reply| {
        [(1, cast.acme), (2, cast.bolt)].map(|(nth, sold)| {
            let answer = &reply.body["data"][name(nth)];
            (
                answer["access"]["id"] == GlobalId::Access(sold.customer, sold.access).to_string(),
                answer["userErrors"].clone(),
            )
        })
    };
    for _ in 0..2 {
        let reply = client.ask(&document).await;
        assert_eq!(done(&reply), [(true, json!([])), (true, json!([]))], "{}", reply.text);
    }
    let mut owner = app.owner().await;
    let kept: Vec<i64> =
        sqlx::query_scalar("select count(distinct field) from idempotency_keys where length(field) = 64")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert_eq!(kept, [2]);
}
