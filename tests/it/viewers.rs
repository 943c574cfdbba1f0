//! Who sees what (DESIGN.md 3 and 9).

use serde_json::json;

use crate::support::app::App;
use crate::support::cast::{Cast, Persona};

#[tokio::test]
async fn whoever_signs_in_sees_who_they_are() {
    let app = App::start(Cast::new().world).await;
    let admin = app.sign_in(Persona::PartnerAdmin);
    let data = admin.data("{ viewer { kind name partnerRole partner { name } customer { name } } }").await;
    assert_eq!(
        data,
        json!({ "viewer": {
            "kind": "PARTNER_USER",
            "name": "PartnerAdmin",
            "partnerRole": "ADMIN",
            "partner": { "name": "Birch Security" },
            "customer": null,
        }})
    );
}
