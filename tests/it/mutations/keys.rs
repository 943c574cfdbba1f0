//! What is kept under an `Idempotency-Key`: that something was done, never what it showed. It is told anew, and to nobody who may no
//! longer ask.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use serde_json::{Value, json};

use crate::support::app::{App, Client, Reply};
use crate::support::cast::{Cast, Persona};

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
