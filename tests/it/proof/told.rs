//! What a payload tells of an object, and an event, is what a query answers of it at that moment, whoever asks: every field of it and of
//! the objects that it leads to, hidden where the query's is hidden, for the same reason. Of a query the matrix knows that it is as the
//! gate decides. What is no object (a count, a secret) is compared where its mutation is tested.

use std::collections::{BTreeMap, BTreeSet};

use posture_gateway::domain::finding::Severity;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::graphql::sdl;
use serde_json::{Value, json};

use super::routes::Api;
use super::size::tried;
use super::streams;
use crate::live::{self, findings_of, rename};
use crate::mutations::deeds::{Deed, deeds};
use crate::support::app::{App, Client, Walls};
use crate::support::cast::{Cast, Persona};
use crate::support::live::{Socket, quiet};

/// How far from an object is asked: its own fields, those of what it leads to, and of what those lead to that it is there. Where that costs
/// more than a document may, one less.
const LEVELS: [usize; 2] = [2, 1];

/// A part of an answer: an object, and what was denied in it, by the place from there on.
#[derive(Debug, PartialEq)]
struct Told {
    object: Value,
    denied: BTreeSet<String>,
}

impl Told {
    /// What an answer tells at a place.
    fn at(body: &Value, place: &[Value]) -> Self {
        let step = |value: &Value, step: &Value| match step.as_u64() {
            Some(nth) => value[usize::try_from(nth).unwrap()].clone(),
            None => value[step.as_str().unwrap()].clone(),
        };
        let object = place.iter().fold(body["data"].clone(), |value, own| step(&value, own));
        let errors = body["errors"].as_array().into_iter().flatten();
        let denied = errors.filter_map(|error| {
            let rest = error["path"].as_array()?.strip_prefix(place)?;
            Some(json!([rest, error["message"], error["extensions"]]).to_string())
        });
        Self { denied: denied.collect(), object }
    }
}

/// What was compared.
#[derive(Default)]
struct Compared {
    /// The places where objects were told, as `Payload.field`.
    shown: BTreeSet<String>,
    /// The coordinates of what was denied in them.
    denied: BTreeSet<String>,
    fields: usize,
}

impl Compared {
    /// Asks for an object that was told, and compares all that was asked of it.
    async fn with_query(
        &mut self,
        client: &Client,
        (body, place): (&Value, &[Value]),
        (name, kind, all): (&str, &str, &str),
        what: &str,
    ) {
        let told = Told::at(body, place);
        if told.object.is_null() {
            return;
        }
        let id = &told.object["id"];
        let asked = client.ask(&query(kind, id.as_str().unwrap(), all)).await;
        let at = place_of(&asked.body["data"], id);
        let at = at.unwrap_or_else(|| panic!("{what}: {name} {id} in {}", asked.text));
        assert_eq!(told, Told::at(&asked.body, &at), "{what}: {name}");
        assert!(told.object.is_object(), "{what}: {}", asked.text);
        self.shown.insert(name.to_owned());
        self.fields += count(&told.object);
        for denial in &told.denied {
            let denial: Value = serde_json::from_str(denial).unwrap();
            assert_eq!(denial[2]["code"], "HIDDEN", "{what}: {denial}");
            self.denied.insert(format!("{name} {}", denial[0]));
        }
    }
}

/// Asks for an object of a type; where a query answers none by itself, for the lists of the cast that it is in.
fn query(kind: &str, id: &str, all: &str) -> String {
    let cast = Cast::new();
    let of_customers = |list: &str| {
        let sold = [cast.acme, cast.bolt, cast.crown, cast.dune];
        let lists = sold.iter().enumerate().map(|(nth, sold)| {
            format!("c{nth}: customer(id: \"{}\") {{ {list} }} ", GlobalId::Customer(sold.customer))
        });
        format!("{{ {}}}", lists.collect::<String>())
    };
    match kind {
        "Viewer" => format!("{{ viewer {{ {all} }} }}"),
        "PartnerUser" => format!("{{ partner {{ users(first: 100) {{ nodes {{ {all} }} }} }} }}"),
        "PartnerApiKey" => format!("{{ partner {{ apiKeys(first: 100) {{ nodes {{ {all} }} }} }} }}"),
        "CustomerUser" => of_customers(&format!("users(first: 100) {{ nodes {{ {all} }} }}")),
        "ApiKey" => of_customers(&format!("securityConfiguration {{ apiKeys {{ {all} }} }}")),
        _ => format!("{{ node(id: \"{id}\") {{ ... on {kind} {{ {all} }} }} }}"),
    }
}

/// Where in an answer the object of an id stands.
fn place_of(answer: &Value, id: &Value) -> Option<Vec<Value>> {
    if answer["id"] == *id {
        return Some(Vec::new());
    }
    let below = |key: Value, value: &Value| place_of(value, id).map(|place| [vec![key], place].concat());
    match answer {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| below(json!(name), value)),
        Value::Array(all) => all.iter().enumerate().find_map(|(nth, value)| below(json!(nth), value)),
        _ => None,
    }
}

/// How many fields an object tells, those of objects in it among them.
fn count(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields.values().map(|value| 1 + count(value)).sum(),
        Value::Array(all) => all.iter().map(count).sum(),
        _ => 0,
    }
}

/// All that a payload has, and of its objects that many levels.
fn asked_of(api: &Api, payload: &str, levels: usize) -> String {
    let fields = api.types[payload].iter();
    let asked = fields.map(|field| match field.target.as_str() {
        "UserError" => "userErrors { code message field }".to_owned(),
        target if is_object(api, target) => format!("{} {{ {} }}", field.name, api.all_of(target, levels)),
        target if api.types.contains_key(target) => format!("{} {{ {} }}", field.name, api.all_of(target, 0)),
        _ => field.name.clone(),
    });
    asked.collect::<Vec<_>>().join(" ")
}

/// Whether it is a type of objects that have an id: not an amount of money.
fn is_object(api: &Api, kind: &str) -> bool {
    api.types.get(kind).is_some_and(|fields| fields.iter().any(|field| field.name == "id"))
}

/// A payload of somebody who is refused has its errors, and nothing else.
fn has_nothing_else(payload: &Value) -> bool {
    let is_nothing = |value: &Value| value.is_null() || *value == json!([]);
    payload.as_object().unwrap().iter().all(|(key, value)| key == "userErrors" || is_nothing(value))
}

/// Everybody does one thing; those for whom it is done last.
async fn everybody_does(api: &Api, cast: Cast, deed: Deed, compared: &mut Compared) {
    // Behind both walls a payload can tell no more than behind the one.
    let app = App::start_behind(Walls::GateAlone, cast.world).await;
    if !deed.before.is_empty() {
        app.as_owner(&deed.before).await;
    }
    let operation = deed.operation.as_str();
    let payload = &api.field("Mutation", operation).target;
    let mut everybody: Vec<_> = Persona::ALL.into_iter().filter(|one| !deed.done_for.contains(one)).collect();
    everybody.extend(deed.done_for);
    for persona in everybody {
        let (client, what) = (app.sign_in(persona), format!("{operation} by {persona:?}"));
        // Whoever is refused is told of no object, however much is asked.
        let mut levels = if deed.done_for.contains(&persona) { LEVELS[0] } else { 0 };
        let mut reply = client.ask(&deed.asking(persona, &asked_of(api, payload, levels))).await;
        if reply.codes() == ["QUERY_TOO_COMPLEX"] {
            levels = LEVELS[1];
            reply = client.ask(&deed.asking(persona, &asked_of(api, payload, levels))).await;
        }
        let answer = &reply.body["data"][operation];
        let is_done = answer["userErrors"] == json!([]);
        assert_eq!(is_done, deed.done_for.contains(&persona), "{what}: {}", reply.text);
        if !is_done {
            assert!(answer.is_null() || has_nothing_else(answer), "{what}: {}", reply.text);
            continue;
        }
        for error in reply.body["errors"].as_array().into_iter().flatten() {
            let field = error["path"][1].as_str().unwrap();
            assert!(is_object(api, &api.field(payload, field).target), "{what}: {error}");
        }
        for field in api.types[payload].iter().filter(|field| is_object(api, &field.target)) {
            let place = vec![json!(operation), json!(field.name)];
            let places = match answer[&field.name].as_array() {
                Some(all) => (0..all.len()).map(|nth| [&place[..], &[json!(nth)]].concat()).collect(),
                None => vec![place],
            };
            let name = format!("{payload}.{}", field.name);
            let all = api.all_of(&field.target, levels);
            for place in places {
                let about = (name.as_str(), field.target.as_str(), all.as_str());
                compared.with_query(&client, (&reply.body, &place), about, &what).await;
            }
        }
    }
}

#[tokio::test]
async fn a_payload_tells_of_an_object_what_a_query_does() {
    let api = Api::of(&sdl());
    let mut compared = Compared::default();
    for nth in 0..deeds(&Cast::new()).len() {
        let cast = Cast::new();
        let deed = deeds(&cast).swap_remove(nth);
        Box::pin(everybody_does(&api, cast, deed, &mut compared)).await;
    }
    let payloads = api.types["Mutation"].iter().map(|field| field.target.as_str()).collect::<BTreeSet<_>>();
    let objects = payloads.into_iter().flat_map(|payload| {
        let objects = api.types[payload].iter().filter(|field| is_object(&api, &field.target));
        objects.map(move |field| format!("{payload}.{}", field.name))
    });
    assert_eq!(compared.shown, objects.collect(), "objects that payloads tell");
    assert!(!compared.denied.is_empty(), "nothing was hidden in any of them");
    tried("fields of payloads compared with a query", compared.fields);
    tried("places in payloads where something was hidden", compared.denied.len());
}

#[tokio::test]
async fn an_event_tells_of_an_object_what_a_query_does() {
    let api = Api::of(&sdl());
    // A new stream has to be opened below, too.
    assert_eq!(streams::names(), ["accessChanged", "findingChanged"]);
    let all = streams::names().into_iter().map(|name| {
        let kind = api.field("SubscriptionRoot", name).target.clone();
        let all = api.all_of(&kind, LEVELS[0]);
        (name, (kind, all))
    });
    let all: BTreeMap<&str, (String, String)> = all.collect();
    let (access, finding) = (&all["accessChanged"].1, &all["findingChanged"].1);
    let mut compared = Compared::default();
    for walls in Walls::EITHER {
        let Cast { mut world, acme, bolt, crown, dune, .. } = Cast::new();
        let marker = world.finding(acme.customer, Severity::Info, "marker");
        let app = App::start_behind(walls, world).await;
        let mut last = Socket::sign_in(&app, Persona::FullPortalReader).await;
        last.subscribe("last", &findings_of(acme.customer)).await;
        let mut everybody = BTreeMap::new();
        // One after the other: what one is told another may read of in a log.
        for persona in Persona::signed_in() {
            let mut socket = Socket::sign_in(&app, persona).await;
            socket.subscribe("access", &format!("subscription {{ accessChanged {{ {access} }} }}")).await;
            for (nth, sold) in [acme, bolt, crown, dune].iter().enumerate() {
                let id = GlobalId::Customer(sold.customer);
                let stream = format!("findingChanged(customerId: \"{id}\") {{ {finding} }}");
                socket.subscribe(&nth.to_string(), &format!("subscription {{ {stream} }}")).await;
            }
            // All at one instant; and once the marker's own change is told, all of it has been heard.
            app.as_owner(&format!(
                "begin; update findings set title = 'of {persona:?}' where id <> '{marker}'; \
                 update accesses set version = version + 1; commit"
            ))
            .await;
            let title = format!("marker of {persona:?}");
            app.as_owner(&rename(marker, &title)).await;
            while last.event("last").await != live::told(&title) {}
            quiet(&app).await;
            let (client, mut heard) = (app.sign_in(persona), BTreeSet::new());
            for text in socket.hears_before_pong().await {
                let message: Value = serde_json::from_str(&text).unwrap();
                let body = &message["payload"];
                let (stream, object) = body["data"].as_object().and_then(|data| data.iter().next()).unwrap();
                let (kind, all) = &all[stream.as_str()];
                let about = (stream.as_str(), kind.as_str(), all.as_str());
                let what = format!("{persona:?}: {text}");
                compared.with_query(&client, (body, &[json!(stream)]), about, &what).await;
                heard.insert(format!("{}: {stream}", object["customer"]["name"].as_str().unwrap()));
            }
            everybody.insert(format!("{persona:?}"), Vec::from_iter(heard).join(", "));
        }
        insta::allow_duplicates! { insta::assert_debug_snapshot!(everybody, @r#"
        {
            "DisabledPortalAdmin": "Crown: accessChanged",
            "DisabledPortalReader": "",
            "DistributorAdmin": "",
            "FullPortalAdmin": "Acme: accessChanged, Acme: findingChanged",
            "FullPortalReader": "Acme: accessChanged, Acme: findingChanged",
            "Operator": "Bolt: accessChanged, Bolt: findingChanged",
            "PartnerAdmin": "Acme: accessChanged, Bolt: accessChanged, Bolt: findingChanged, Crown: accessChanged, Crown: findingChanged",
            "PlatformAdmin": "Acme: accessChanged, Bolt: accessChanged, Crown: accessChanged, Dune: accessChanged",
            "ReadOnlyPortalAdmin": "Bolt: accessChanged, Bolt: findingChanged",
            "ReadOnlyPortalReader": "Bolt: accessChanged, Bolt: findingChanged",
            "RivalAdmin": "Bolt: accessChanged, Dune: accessChanged, Dune: findingChanged",
            "Scanner": "",
            "UnassignedOperator": "",
        }
        "#) };
    }
    assert_eq!(compared.shown, streams::names().into_iter().map(str::to_owned).collect());
    assert!(!compared.denied.is_empty(), "nothing was hidden in any of them");
    tried("fields of events compared with a query", compared.fields);
    tried("places in events where something was hidden", compared.denied.len());
}
