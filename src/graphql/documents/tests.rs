//! Who is given which document.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;

const APP: &str = "query App { viewer { id } }";
const PORTAL: &str = "query Portal { viewer { name } }";
const OTHER: &str = "query Other { viewer { email } }";

fn documents(ad_hoc: AdHoc) -> Documents {
    let manifests = BTreeMap::from([
        ("app".to_owned(), vec![("app-1".to_owned(), APP.to_owned())]),
        ("portal".to_owned(), vec![(sha256(PORTAL), PORTAL.to_owned())]),
    ]);
    Documents::trusting(manifests, ad_hoc).unwrap()
}

fn found(documents: &Documents, asked: Asked) -> Result<(String, Origin), Unfound> {
    documents.find(asked).map(|(source, origin)| match source {
        Source::Text(text) => (text, origin),
        Source::Parsed(document) => (document.text.clone(), origin),
    })
}

fn by_id(id: &str, client: Option<&str>) -> Asked {
    Asked { id: Some(id.to_owned()), client: client.map(str::to_owned), ..Asked::default() }
}

fn by_text(text: &str, client: Option<&str>) -> Asked {
    Asked { text: Some(text.to_owned()), client: client.map(str::to_owned), ..Asked::default() }
}

fn by_hash(hash: &str, text: Option<&str>) -> Asked {
    Asked { hash: Some(hash.to_owned()), text: text.map(str::to_owned), ..Asked::default() }
}

#[test]
fn a_trusted_document_by_its_id_its_hash_and_its_text() {
    let documents = documents(AdHoc::Only(Vec::new()));
    let app = Ok((APP.to_owned(), Origin::Trusted));
    let hash = sha256(APP);
    assert_eq!(found(&documents, by_id("app-1", None)), app);
    assert_eq!(found(&documents, by_id("app-1", Some("app"))), app);
    assert_eq!(found(&documents, by_id(&format!("sha256:{hash}"), Some("app"))), app);
    assert_eq!(found(&documents, by_hash(&hash, None)), app);
    assert_eq!(found(&documents, by_hash(&hash, Some(APP))), app);
    assert_eq!(found(&documents, by_text(APP, None)), app);
    assert_eq!(found(&documents, by_text(APP, Some("app"))), app);
    assert_eq!(found(&documents, by_text(APP, Some("somebody"))), app);
}

#[test]
fn a_known_client_has_its_own_documents_alone() {
    let documents = documents(AdHoc::Everybody);
    assert_eq!(found(&documents, by_id("app-1", Some("portal"))), Err(Unfound::Id("app-1".to_owned())));
    assert_eq!(found(&documents, by_text(APP, Some("portal"))), Err(Unfound::Required));
    assert_eq!(found(&documents, by_text(OTHER, Some("app"))), Err(Unfound::Required));
    assert_eq!(found(&documents, by_text(OTHER, Some("App"))), Ok((OTHER.to_owned(), Origin::AdHoc)));
    assert_eq!(found(&documents, by_text(OTHER, None)), Ok((OTHER.to_owned(), Origin::AdHoc)));
}

#[test]
fn what_was_sent_before_is_found_by_whoever_sent_it_alone() {
    let documents = documents(AdHoc::Everybody);
    let hash = sha256(OTHER);
    let mine = Some(UserId(Uuid::from_u128(1)));
    let ask = |subject, client: Option<&str>| Asked {
        subject,
        client: client.map(str::to_owned),
        ..by_hash(&hash, None)
    };
    assert_eq!(found(&documents, ask(mine, None)), Err(Unfound::Hash));
    let parsed = parse_query(OTHER).unwrap();
    documents.keep(mine, Document::new(hash.clone(), OTHER.to_owned(), parsed, Validity::default()));
    assert_eq!(found(&documents, ask(mine, None)), Ok((OTHER.to_owned(), Origin::AdHoc)));
    assert_eq!(found(&documents, ask(None, None)), Err(Unfound::Hash));
    assert_eq!(found(&documents, ask(Some(UserId(Uuid::from_u128(2))), None)), Err(Unfound::Hash));
    assert_eq!(found(&documents, ask(mine, Some("app"))), Err(Unfound::Hash));
}

#[test]
fn a_hash_is_that_of_its_text() {
    let documents = Documents::default();
    assert_eq!(found(&documents, by_hash(&sha256(APP), Some(OTHER))), Err(Unfound::OtherHash));
    assert_eq!(found(&documents, by_hash(&sha256(APP).to_uppercase(), Some(APP))), Err(Unfound::OtherHash));
}
