//! What explains the gate agrees with what the wire shows, in every cell of the truth table: `visibility` on both
//! sides, `postureVisible`, `previewOperatingModel` and the command `gate`.

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt as _;
use futures_util::stream;
use posture_gateway::cli::gate::explained;
use posture_gateway::domain::access::OperatingModel;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, CustomerId, UserId};
use posture_gateway::graphql::sdl;
use posture_gateway::policy::DataClass;
use posture_gateway::store::Database;
use posture_gateway::store::scope::PoolSettings;
use serde_json::{Value, json};

use super::cells::Cells;
use super::routes::{Api, Field};
use super::size::{Replay, is_large, tried};
use crate::support::app::{App, Client};
use crate::support::world::NOW;

/// What the wire answers for a class, or an explanation says of it: shown, or hidden by a reason and a sentence.
type Answer = Result<(), (String, String)>;
type Answers = BTreeMap<DataClass, Answer>;

/// What somebody meets on the wire of one access, or of a customer without one.
struct Met {
    access: Option<GlobalId>,
    /// Whether the customer's own fields are decided by this access (or by none, for who needs none).
    decides: bool,
    /// The fields themselves: what hangs on the access, and the customer's.
    wire: Answers,
    of_access: Option<Answers>,
    of_customer: Answers,
    posture_visible: Option<bool>,
}

const VISIBILITY: &str = "visibility { class visible reason explanation }";

/// What is asked of a customer: every gated field, and what the gate says of itself.
fn of_customer(api: &Api) -> String {
    let fields = api.types["Customer"].iter().filter(|field| field.gate.is_some());
    let fields: Vec<_> = fields.map(|field| api.minimal(field)).collect();
    format!("id {VISIBILITY} {}", fields.join(" "))
}

const OF_ACCESS: &str = "__typename id postureVisible visibility { class visible reason explanation }
                         subscription { unitCost { amount } margin { amount } }";

/// The denials of an answer, by their paths.
fn denials(body: &Value) -> HashMap<String, (String, String)> {
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    errors
        .iter()
        .map(|error| {
            assert_eq!(error["extensions"]["code"], "HIDDEN", "{error}");
            (error["path"].to_string(), (text(&error["extensions"]["reason"]), text(&error["message"])))
        })
        .collect()
}

/// What `visibility` says.
fn told(visibility: &Value) -> Answers {
    let all = visibility.as_array().unwrap().iter();
    let answers: Answers = all
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().map(str::to_owned);
            let answer = match (entry["visible"] == true, text("reason"), text("explanation")) {
                (true, None, None) => Ok(()),
                (false, Some(reason), Some(explanation)) => Err((reason, explanation)),
                _ => panic!("{entry} contradicts itself"),
            };
            (text("class").unwrap().parse().unwrap(), answer)
        })
        .collect();
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), DataClass::ALL);
    answers
}

/// Reads the gated fields of an object; those of one class have to answer alike.
fn read(
    api: &Api,
    kind: &str,
    (object, path): (&Value, &Value),
    denied: &HashMap<String, (String, String)>,
    into: &mut Answers,
) {
    // Who could see a customer, and who did, is told to its own people alone, whatever partners see of its ACTIVITY.
    let told_otherwise = ["exposure", "accessRecords"];
    let of_class = |field: &&Field| field.gate.is_some() && !told_otherwise.contains(&field.name.as_str());
    for field in api.types[kind].iter().filter(of_class) {
        let mut path = path.clone();
        path.as_array_mut().unwrap().push(json!(field.name));
        let answer = match (&object[&field.name], denied.get(&path.to_string())) {
            (Value::Null, Some(denial)) => Err(denial.clone()),
            (value, None) if !value.is_null() => Ok(()),
            (value, denial) => panic!("{path} is {value}, and the errors say {denial:?}"),
        };
        let class = field.gate.unwrap();
        assert_eq!(*into.entry(class).or_insert_with(|| answer.clone()), answer, "{path} of {class}");
    }
}

/// Asks in pages for accesses by their ids; what does not exist for the client is left out.
async fn meet(api: &Api, client: &Client, ids: &[GlobalId], is_partner: bool) -> Vec<Met> {
    let customer = of_customer(api);
    let documents = ids.chunks(75).map(|ids| {
        let ids: Vec<_> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        format!(
            "{{ nodes(ids: [{}]) {{ ... on Access {{ {OF_ACCESS} customer {{ access {{ id }} {customer} }} }} }} }}",
            ids.join(", ")
        )
    });
    let mut replies = std::pin::pin!(
        stream::iter(documents).map(|document| async move { client.ask(&document).await }).buffered(4)
    );
    let mut all = Vec::new();
    while let Some(reply) = replies.next().await {
        assert_eq!(reply.status, 200, "{}", reply.text);
        let denied = denials(&reply.body);
        for (nth, access) in reply.body["data"]["nodes"].as_array().unwrap().iter().enumerate() {
            if !access.is_null() {
                all.push(met(api, access, &json!(["nodes", nth]), &denied, is_partner));
            }
        }
    }
    all
}

fn met(
    api: &Api,
    access: &Value,
    path: &Value,
    denied: &HashMap<String, (String, String)>,
    is_partner: bool,
) -> Met {
    let below = |name: &str| {
        let mut path = path.clone();
        path.as_array_mut().unwrap().push(json!(name));
        path
    };
    let mut wire = Answers::new();
    read(api, "Access", (access, path), denied, &mut wire);
    if !access["subscription"].is_null() {
        read(api, "Subscription", (&access["subscription"], &below("subscription")), denied, &mut wire);
    }
    let customer = &access["customer"];
    read(api, "Customer", (customer, &below("customer")), denied, &mut wire);
    Met {
        access: Some(access["id"].as_str().unwrap().parse().unwrap()),
        decides: !is_partner || customer["access"]["id"] == access["id"],
        wire,
        of_access: Some(told(&access["visibility"])),
        of_customer: told(&customer["visibility"]),
        posture_visible: Some(access["postureVisible"].as_bool().unwrap()),
    }
}

/// Classes that are answered on the access; the others on the customer.
fn on_access(class: DataClass) -> bool {
    match class {
        DataClass::Commercial | DataClass::Pricing => true,
        DataClass::Posture | DataClass::Activity | DataClass::SecurityConfig => false,
    }
}

/// Compares an explanation with the wire: all of what is observable there.
fn agrees(name: &str, met: &Met, said: &Answers, is_of_access: bool) -> usize {
    let mut compared = 0;
    for (class, said) in said {
        // What hangs on another access than the one that decides is explained there.
        if !met.decides && on_access(*class) != is_of_access {
            continue;
        }
        match met.wire.get(class) {
            Some(wire) => assert_eq!(said, wire, "{name}: {class} of {:?}", met.access),
            // The price of a subscription that is hidden itself cannot be asked for.
            None => assert!(
                *class == DataClass::Pricing || met.access.is_none() && on_access(*class),
                "{name}: {class} of {:?}",
                met.access
            ),
        }
        if !met.wire.contains_key(class) {
            assert!(said.is_err(), "{name}: {class} of {:?}", met.access);
        }
        compared += 1;
    }
    compared
}

/// What the command says: the decisions of each table that it prints.
fn printed(text: &str) -> Vec<Answers> {
    let mut tables: Vec<Answers> = Vec::new();
    let mut last = None;
    for line in text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match (&words[..], last) {
            (["CLASS", "DECISION", "REASON"], _) => tables.push(Answers::new()),
            ([class, "visible"], _) => {
                tables.last_mut().unwrap().insert(class.parse().unwrap(), Ok(()));
            }
            ([class, "hidden", reason], _) => {
                let class: DataClass = class.parse().unwrap();
                tables.last_mut().unwrap().insert(class, Err(((*reason).to_owned(), String::new())));
                last = Some(class);
            }
            ([], _) => last = None,
            (words, Some(class)) if line.starts_with("      ") => {
                let table = tables.last_mut().unwrap();
                let Some(Err((_, sentence))) = table.get_mut(&class) else { panic!("{text}") };
                for word in words {
                    sentence.push_str(if sentence.is_empty() { "" } else { " " });
                    sentence.push_str(word);
                }
            }
            _ => {}
        }
    }
    tables
}

/// The command's answer about one access to somebody.
async fn command(database: &Database, access: (CustomerId, AccessId), email: &str) -> Vec<Answers> {
    let text = explained(database.clone(), access, email, NOW).await.unwrap();
    let tables = printed(&text);
    assert!(tables.iter().all(|table| table.len() == DataClass::ALL.len()), "{text}");
    tables
}

fn pair(id: GlobalId) -> (CustomerId, AccessId) {
    match id {
        GlobalId::Access(customer, access) => (customer, access),
        _ => panic!("{id:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visibility_and_the_command_say_what_the_wire_shows() {
    let _replay = Replay::of("proof::explain::visibility_and_the_command_say_what_the_wire_shows");
    let cells = Cells::new();
    let api = Api::of(&sdl());
    let emails: HashMap<UserId, String> =
        cells.world.rows.users.iter().map(|user| (user.id, user.email.clone().unwrap())).collect();
    let ids = cells.accesses();
    let app = App::start_with(cells.world.clone(), 4).await;
    let superuser = Database::new(app.test_database.as_superuser(), PoolSettings::default());
    let (mut said, mut commands) = (0, 0);
    // Whether an ADMIN of the access's partner meets its posture.
    let mut posture: HashMap<GlobalId, bool> = HashMap::new();
    for (name, user) in cells.personas() {
        let is_admin = ["partner admin", "rival admin"].contains(&name);
        let is_partner = is_admin || name.contains("operator") || name.contains("distributor");
        let all = meet(&api, &app.sign_in(user), &ids, is_partner).await;
        for met in &all {
            said += agrees(name, met, met.of_access.as_ref().unwrap(), true);
            said += agrees(name, met, &met.of_customer, false);
            let id = met.access.unwrap();
            if is_admin {
                // An ended access beside a live one shows nothing by itself.
                let shown = met.decides && met.wire[&DataClass::Posture].is_ok();
                assert_eq!(posture.insert(id, shown), None);
            }
        }
        for met in &all {
            let id = met.access.unwrap();
            // The distributor sees none, and admins come before everyone who sees the others'.
            if let Some(shown) = posture.get(&id) {
                assert_eq!(met.posture_visible, Some(*shown), "{name}: {id:?}");
            }
        }
        let met: HashMap<GlobalId, &Met> = all.iter().map(|met| (met.access.unwrap(), met)).collect();
        // An ADMIN meets every row of the table; of the others the command is asked now and then, in a large run always.
        let step = if name == "partner admin" || is_large() { 1 } else { 5 };
        for id in ids.iter().step_by(step) {
            let tables = command(&superuser, pair(*id), &emails[&user]).await;
            commands += 1;
            let Some(met) = met.get(id) else {
                let reason = if is_partner { "ASSIGNMENT" } else { "ROLE" };
                let hidden = |answer: &Answer| answer.as_ref().is_err_and(|(why, _)| why == reason);
                assert!(tables[0].values().all(hidden), "{name}: {id:?}: {:?}", tables[0]);
                continue;
            };
            agrees(name, met, &tables[0], true);
            agrees(name, met, tables.last().unwrap(), false);
            assert_eq!(tables.len(), if met.decides { 1 } else { 2 }, "{name}: {id:?}");
        }
    }
    assert_eq!(posture.len(), ids.len());

    let customer = of_customer(&api);
    let document = format!(
        "{{ customer {{ {customer} accesses {{ nodes {{ {OF_ACCESS} customer {{ access {{ id }} {customer} }} }} }} }} }}"
    );
    for cell in &cells.all {
        for user in [cell.admin, cell.reader] {
            let reply = app.sign_in(user).ask(&document).await;
            let (denied, own) = (denials(&reply.body), &reply.body["data"]["customer"]);
            let mut wire = Answers::new();
            read(&api, "Customer", (own, &json!(["customer"])), &denied, &mut wire);
            let of_customer = told(&own["visibility"]);
            let mut bare = Met {
                access: None,
                decides: true,
                wire,
                of_access: None,
                of_customer: of_customer.clone(),
                posture_visible: None,
            };
            for (nth, access) in own["accesses"]["nodes"].as_array().into_iter().flatten().enumerate() {
                let path = json!(["customer", "accesses", "nodes", nth]);
                let met = met(&api, access, &path, &denied, false);
                said += agrees("a customer's user", &met, met.of_access.as_ref().unwrap(), true);
                said += agrees("a customer's user", &met, &of_customer, false);
                assert_eq!(met.posture_visible, posture.get(&met.access.unwrap()).copied());
                bare.wire = met.wire;
            }
            if own["accesses"].is_null() {
                said += agrees("a customer's user", &bare, &bare.of_customer, false);
            }
            let table = command(&superuser, (cell.customer, cell.access), &emails[&user]).await;
            commands += 1;
            agrees("a customer's user", &bare, &table[0], true);
        }
    }
    tried("decisions of `visibility` compared with the wire", said);
    tried("calls of the command `gate` compared with the wire", commands);
}

/// What a preview promises, and what the wire shows once the model is another.
fn difference(before: &Answers, after: &Answers) -> Value {
    let classes = |from: &Answers, to: &Answers| -> Vec<&str> {
        let gained = DataClass::ALL.iter().filter(|class| from[class].is_err() && to[class].is_ok());
        gained.map(|class| class.as_str()).collect()
    };
    let mut blocked_by = Vec::new();
    for class in [DataClass::Posture, DataClass::SecurityConfig] {
        if let Err((reason, _)) = &after[&class]
            && !blocked_by.contains(&reason)
        {
            blocked_by.push(reason);
        }
    }
    json!({ "gained": classes(before, after), "lost": classes(after, before), "blockedBy": blocked_by })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_promises_what_the_change_brings() {
    let _replay = Replay::of("proof::explain::a_preview_promises_what_the_change_brings");
    let cells = Cells::new();
    let api = Api::of(&sdl());
    let ids: Vec<_> = cells.all.iter().map(|cell| GlobalId::Access(cell.customer, cell.access)).collect();
    let app = App::start_with(cells.world.clone(), 4).await;
    let admin = app.sign_in(cells.admin);
    let before = meet(&api, &admin, &ids, true).await;
    assert_eq!(before.len(), ids.len());
    let mut promised = Vec::new();
    for model in OperatingModel::ALL {
        for chunk in ids.chunks(20) {
            let fields = chunk.iter().enumerate().map(|(nth, id)| {
                format!("p{nth}: previewOperatingModel(accessId: \"{id}\", operatingModel: {model}) {{ gained lost blockedBy }} ")
            });
            let document = format!("{{ {}}}", fields.collect::<String>());
            let data = admin.data(&document).await;
            // It is about an ADMIN, whoever asks.
            for other in [cells.operator, cells.platform] {
                assert_eq!(app.sign_in(other).data(&document).await, data);
            }
            promised.extend((0..chunk.len()).map(|nth| data[format!("p{nth}")].clone()));
        }
    }
    let (mut promised, mut compared) = (promised.into_iter(), 0);
    for model in OperatingModel::ALL {
        app.as_owner(&format!("update accesses set operating_model = '{model}'")).await;
        let after = meet(&api, &admin, &ids, true).await;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.access, after.access);
            let due = difference(&before.wire, &after.wire);
            assert_eq!(promised.next(), Some(due), "{model} for {:?}", after.access);
            compared += 1;
        }
    }
    assert_eq!(promised.next(), None, "previews of what was not changed");
    tried("previews compared with the change itself", compared);
}
