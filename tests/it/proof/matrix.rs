//! Every field of the schema, by every route, for every persona, over HTTP: the answer is the gate's decision. And every
//! cell of the truth table: each combination of terms is a customer, asked for in every way where there is time (`size::is_large`), else
//! in one of three.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use futures_util::StreamExt as _;
use futures_util::stream;
use posture_gateway::config::HttpLimits;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{AccessId, AuditEventId, CustomerId, PartnerId, QuoteId, UserId};
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::graphql::sdl;
use posture_gateway::policy::Viewer;

use super::answers::{Seen, faults};
use super::cells::{Cells, set_everything};
use super::facts::Facts;
use super::routes::{Api, Route, Step, usual};
use super::size::{Replay, is_large, tried};
use crate::support::app::{App, Client, Extras, Reply};
use crate::support::cast::{Cast, Persona};
use crate::support::world::{NOW, Posture, World, days};

/// Requests on their way at once.
const AT_ONCE: usize = 4;

/// Whom the ids of a document name.
#[derive(Clone, Copy)]
struct Target {
    partner: PartnerId,
    customer: CustomerId,
    access: AccessId,
    posture: Posture,
    partner_event: AuditEventId,
    quote: QuoteId,
}

impl Target {
    /// The id of the target's object of a type.
    fn id_of(&self, kind: &str) -> GlobalId {
        let customer = self.customer;
        match kind {
            "Partner" => GlobalId::Partner(self.partner),
            // Any object will do.
            "Customer" | "Node" => GlobalId::Customer(customer),
            "Access" => GlobalId::Access(customer, self.access),
            "Subscription" => GlobalId::Subscription(customer, self.access),
            "PartnerAuditEvent" => GlobalId::PartnerAuditEvent(self.partner, self.partner_event),
            "Quote" => GlobalId::Quote(customer, self.quote),
            _ => match self.posture.global_ids(customer).into_iter().find(|(name, _)| *name == kind) {
                Some((_, id)) => id,
                None => panic!("an object of the type `{kind}` has an id: give the target one"),
            },
        }
    }

    /// The arguments that a route needs.
    fn value(&self, step: &Step, argument: &str) -> Option<String> {
        match argument {
            "id" => Some(format!("\"{}\"", self.id_of(&step.on))),
            "ids" => Some(format!("[\"{}\"]", self.id_of(&step.on))),
            "accessId" => Some(format!("\"{}\"", self.id_of("Access"))),
            _ => usual(argument).map(str::to_owned),
        }
    }
}

/// A document, and the name of the route at each key of its root.
struct Document {
    text: String,
    parsed: ExecutableDocument,
    routes: BTreeMap<String, String>,
}

impl Document {
    fn new(text: String, routes: BTreeMap<String, String>) -> Self {
        Self { parsed: parse_query(&text).unwrap(), text, routes }
    }
}

/// Documents that go all routes, as many in each as the gateway's limits on root fields and aliases allow.
fn documents(api: &Api, routes: &[Route], target: &Target) -> Vec<Document> {
    let values = |step: &Step, argument: &str| target.value(step, argument);
    let (mut documents, mut rest) = (Vec::new(), routes);
    while !rest.is_empty() {
        let (mut text, mut names, mut fragments) = (String::new(), BTreeMap::new(), Vec::new());
        while let Some((route, others)) = rest.split_first() {
            let key = format!("r{}", names.len());
            let (before, of_fragments) = (text.len(), fragments.len());
            text.push_str(&api.write(route, &key, &values, &mut fragments));
            text.push(' ');
            let renamed: usize =
                fragments.iter().chain([&text]).map(|text: &String| text.matches("renamed_").count()).sum();
            let fields = names.len() + route.root_fields(api);
            if !names.is_empty() && (fields > 20 || fields + renamed > 50) {
                text.truncate(before);
                fragments.truncate(of_fragments);
                break;
            }
            if route.steps.is_empty() {
                let keys = api.types[&api.root].iter().map(|field| format!("{key}_{}", field.name));
                names.extend(keys.map(|key| (key, route.name())));
            } else {
                names.insert(key, route.name());
            }
            rest = others;
        }
        documents.push(Document::new(format!("{{ {text}}} {}", fragments.join(" ")), names));
    }
    documents
}

/// Somebody without an identity sees nothing, and is told to sign in.
fn nothing_is_shown(reply: &Reply) -> Vec<String> {
    let roots = reply.body["data"].as_object();
    let shown = roots.into_iter().flatten().filter(|(_, value)| !value.is_null());
    let mut wrong: Vec<_> = shown.map(|(key, value)| format!("{key}: {value}")).collect();
    wrong.extend(reply.codes().iter().filter(|code| **code != "UNAUTHENTICATED").map(ToString::to_string));
    wrong
}

/// Two gateways over one world: behind both walls, and behind the gate alone.
struct Gateways {
    both: App,
    alone: App,
}

impl Gateways {
    async fn start(world: World) -> Self {
        let both = App::start_extra(world.clone(), patient()).await;
        let alone = App::start_extra_past_policies(world, patient()).await;
        Self { both, alone }
    }

    fn sign_in(&self, user: impl Into<UserId>, turn: usize) -> Asker {
        let user = user.into();
        Asker { both: self.both.sign_in(user), alone: self.alone.sign_in(user), turn }
    }
}

/// Somebody who asks the one that ships everything, and the gate alone every other document; in a large run all as well.
struct Asker {
    both: Client,
    alone: Client,
    /// Whether the gate alone is asked the even documents or the odd ones.
    turn: usize,
}

impl Asker {
    fn hidden_in_extensions(&self) -> Self {
        let (both, alone) = (self.both.hidden_in_extensions(), self.alone.hidden_in_extensions());
        Self { both, alone, turn: self.turn }
    }

    /// Those that are asked the document of a number.
    fn clients(&self, nth: usize) -> impl Iterator<Item = &Client> {
        let alone = is_large() || (nth + self.turn).is_multiple_of(2);
        [&self.both].into_iter().chain(alone.then_some(&self.alone))
    }
}

/// Sends documents, some at once, and compares the answers in their order.
async fn ask_all(
    (api, facts): (&Api, &Facts),
    whoever: &Asker,
    (name, viewer): (&str, Option<&Viewer>),
    documents: &[Document],
    seen: &mut Seen,
) -> Option<Reply> {
    let mut last = None;
    let requests = documents
        .iter()
        .enumerate()
        .flat_map(|(nth, document)| whoever.clients(nth).map(move |client| (document, client)));
    let replies = stream::iter(requests)
        .map(|(document, client)| async move { (document, client.ask(&document.text).await) });
    let mut replies = std::pin::pin!(replies.buffered(AT_ONCE));
    while let Some((document, reply)) = replies.next().await {
        assert_eq!(reply.status, 200, "{name}: {}\n{}", document.text, reply.text);
        let wrong = match viewer {
            Some(viewer) => {
                faults((api, facts), viewer, (&document.parsed, &document.routes), &reply.body, seen)
            }
            None => nothing_is_shown(&reply),
        };
        assert!(wrong.is_empty(), "{name} ({viewer:?}):\n{}\n{}", wrong.join("\n"), document.text);
        last = Some(reply);
    }
    last
}

/// What no query reaches: mutations and what only they answer, and the root of live events. Of their objects `told` knows that they are as
/// queries answer them.
fn is_of_no_query(name: &str) -> bool {
    ["Mutation", "SubscriptionRoot", "UserError"].contains(&name) || name.ends_with("Payload")
}

/// A gateway that waits for its machine: these documents are as large as its limits allow, and how fast they are answered is not asked here.
fn patient() -> Extras {
    let limits = HttpLimits { request_timeout: Duration::from_mins(10), ..HttpLimits::default() };
    Extras { limits, ..Extras::default() }
}

/// Fields that nobody sees, with the reason.
const SHOWN_TO_NOBODY: [&str; 2] = [
    // What stands in a world was done past the gateway, in no request.
    "CustomerAuditEvent.requestId",
    "PartnerAuditEvent.requestId",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_on_every_route_is_what_the_gate_decides() {
    let _replay = Replay::of("proof::matrix::every_field");
    let mut cast = Cast::new();
    let alder_event = cast.world.partner_event(cast.alder, "PARTNER_CREATED");
    let quotes = [
        cast.world.quote(cast.birch, cast.acme.customer),
        cast.world.quote(cast.birch, cast.bolt.customer),
        cast.world.quote(cast.birch, cast.crown.customer),
        cast.world.quote(cast.cedar, cast.dune.customer),
        cast.world.quote(cast.cedar, cast.bolt.customer),
    ];
    let gone = cast.world.customer_user(cast.acme.customer, CustomerRole::ReadOnly, "Gone");
    cast.world.rows.users.last_mut().unwrap().disabled_at = Some(days(-1));
    let keys = &mut cast.world.rows.api_keys;
    keys.iter_mut().find(|row| row.customer_id == cast.acme.customer).unwrap().user_id = Some(gone);
    set_everything(&mut cast.world.rows);
    let facts = Facts::of(&cast.world.rows, NOW);
    let api = Api::of(&sdl());
    let routes = api.routes();
    let target = |partner, sold: crate::support::cast::Sold, access, partner_event, nth: usize| Target {
        partner,
        customer: sold.customer,
        access,
        posture: sold.posture,
        partner_event,
        quote: quotes[nth],
    };
    let targets = [
        target(cast.birch, cast.acme, cast.acme.access, cast.birch_event, 0),
        target(cast.birch, cast.bolt, cast.bolt.access, cast.birch_event, 1),
        target(cast.birch, cast.crown, cast.crown.access, cast.birch_event, 2),
        // Alder is above both, and has partners below it.
        target(cast.alder, cast.dune, cast.dune.access, alder_event, 3),
        target(cast.cedar, cast.bolt, cast.rival_access, cast.cedar_event, 4),
    ];
    let gateways = Gateways::start(cast.world).await;
    let (mut seen, mut asked, mut askers) = (Seen::default(), 0, BTreeSet::new());
    for (nth, target) in targets.iter().enumerate() {
        // Where no id is given, one target is as good as all.
        let aimed = routes.iter().filter(|route| nth == 0 || route.steps.first().is_none_or(Step::has_ids));
        let documents = documents(&api, &aimed.cloned().collect::<Vec<_>>(), target);
        for (turn, persona) in Persona::signed_in().enumerate() {
            let whoever = gateways.sign_in(persona, nth + turn);
            let viewer = facts.viewer(persona.into()).unwrap();
            // Of what does not exist for somebody two are as good as all.
            if !facts.knows_customer(&viewer, target.customer) && ![0, 3].contains(&nth) && !is_large() {
                continue;
            }
            let name = format!("{persona:?}");
            ask_all((&api, &facts), &whoever, (&name, Some(&viewer)), &documents, &mut seen).await;
            asked += documents.len();
            askers.insert(name);
        }
        // Nobody sees nothing of anything: one target is as good as all.
        for persona in
            Persona::ALL.into_iter().filter(|persona| nth == 0 && facts.viewer((*persona).into()).is_none())
        {
            let whoever = gateways.sign_in(persona, 0);
            let name = format!("{persona:?}");
            ask_all((&api, &facts), &whoever, (&name, None), &documents, &mut seen).await;
            asked += documents.len();
            askers.insert(name);
        }
    }
    let (both, alone) = (gateways.both.anonymous(), gateways.alone.anonymous());
    let (nobody, documents) = (Asker { both, alone, turn: 0 }, documents(&api, &routes, &targets[1]));
    ask_all((&api, &facts), &nobody, ("anonymous", None), &documents, &mut seen).await;
    asked += documents.len();
    askers.insert("anonymous".to_owned());
    assert_eq!(askers.len(), Persona::ALL.len() + 1, "{askers:?}");

    let unreached: Vec<_> = api.unreached().into_iter().filter(|name| !is_of_no_query(name)).collect();
    assert_eq!(unreached, [] as [&str; 0], "no query reaches these");
    let all = |of: &dyn Fn(&super::routes::Field) -> bool| -> BTreeSet<String> {
        let fields = api.types.iter().filter(|(name, _)| !is_of_no_query(name));
        fields
            .flat_map(|(name, fields)| fields.iter().map(move |field| (name, field)))
            .filter(|(_, field)| of(field))
            .map(|(name, field)| format!("{name}.{}", field.name))
            .collect()
    };
    // Nothing may remain of what the schema has, once what ran is taken from it.
    let mut remains = Vec::new();
    for route in &routes {
        for field in &api.types[route.to(&api.root)] {
            let name = format!("{}.{}", route.to(&api.root), field.name);
            if !seen.resolved.get(&name).is_some_and(|ran| ran.contains(&route.name())) {
                remains.push(format!("{name} by {}", route.name()));
            }
        }
    }
    assert!(remains.is_empty(), "never resolved:\n{}", remains.join("\n"));
    let by_one_route: Vec<_> = seen.resolved.iter().filter(|(_, ran)| ran.len() < 2).collect();
    assert!(by_one_route.is_empty(), "resolved by one route alone: {by_one_route:?}");
    let unseen: Vec<_> = all(&|_| true).difference(&seen.shown).cloned().collect();
    assert_eq!(unseen, SHOWN_TO_NOBODY, "fields that nobody sees");
    let unhidden: Vec<_> = all(&|field| field.gate.is_some()).difference(&seen.hidden).cloned().collect();
    assert_eq!(unhidden, [] as [&str; 0], "gated fields that are hidden from nobody");

    tried("fields of the schema resolved", seen.resolved.len());
    tried("routes to a field resolved", seen.resolved.values().map(BTreeSet::len).sum());
    tried("personas who asked for every field", askers.len());
    tried("requests over every route", asked);
    tried("fields of answers compared with the gate", seen.comparisons);
}

/// Every gated field of a customer, and of an access what hangs on it.
fn gated(api: &Api) -> (String, String) {
    let select = |kind: &str| -> String {
        let fields = api.types[kind].iter().filter(|field| field.gate.is_some());
        fields.map(|field| api.minimal(field) + " ").collect()
    };
    let subscription = format!("subscription {{ __typename id {} }}", select("Subscription"));
    let access = select("Access");
    assert_eq!(access, "subscription { __typename } ", "what hangs on an access");
    (select("Customer"), subscription)
}

/// Every cell, asked for in every way that takes many at once.
fn of_cells(api: &Api, cells: &Cells) -> Vec<Document> {
    let (customer, subscription) = gated(api);
    let on_customer = format!("__typename id access {{ __typename id {subscription} }} {customer}");
    let on_access = format!("__typename id {subscription} customer {{ __typename id {customer} }}");
    let mut roots: Vec<Vec<String>> = vec![Vec::new(); 3];
    for (nth, cell) in cells.all.iter().enumerate() {
        let whole = GlobalId::Customer(cell.customer);
        let link = GlobalId::Access(cell.customer, cell.access);
        let ways = [
            format!("customer(id: \"{whole}\") {{ {on_customer} }}"),
            format!("access(id: \"{link}\") {{ {on_access} }}"),
            format!("node(id: \"{whole}\") {{ __typename ... on Customer {{ {on_customer} }} }}"),
        ];
        for (kind, way) in ways.into_iter().enumerate() {
            if is_large() || nth / 3 % 3 == kind {
                roots[kind].push(way);
            }
        }
    }
    let quoted = GlobalId::Customer(cells.quoted);
    roots[0].push(format!("customer(id: \"{quoted}\") {{ {on_customer} }}"));
    let mut documents: Vec<Document> = roots
        .concat()
        .chunks(20)
        .map(|roots| {
            let roots = roots.iter().enumerate().map(|(nth, root)| format!("r{nth}: {root} "));
            let text = format!("{{ {}}}", roots.collect::<String>());
            Document::new(text, BTreeMap::new())
        })
        .collect();

    let customers = cells.all.iter().map(|cell| GlobalId::Customer(cell.customer));
    let objects = cells.all.iter().enumerate().flat_map(|(nth, cell)| {
        let all = cell.posture.global_ids(cell.customer);
        let count = all.len();
        let some = all.into_iter().enumerate().filter(move |(kind, _)| is_large() || nth % count == *kind);
        some.map(|(_, (_, id))| id)
    });
    let subscriptions = cells.accesses().into_iter().filter_map(|id| match id {
        GlobalId::Access(customer, id) => Some(GlobalId::Subscription(customer, id)),
        _ => None,
    });
    let ids = customers.chain(objects).chain(cells.accesses()).chain(subscriptions);
    for ids in ids.collect::<Vec<_>>().chunks(100) {
        let ids: Vec<_> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let text = format!(
            "{{ nodes(ids: [{}]) {{ __typename id ... on Customer {{ {on_customer} }} ... on Access {{ {on_access} }} }} }}",
            ids.join(", ")
        );
        documents.push(Document::new(text, BTreeMap::new()));
    }
    documents
}

/// The pages of every partner's list of accesses, as far as it exists for the one who asks.
async fn of_lists(
    (api, facts): (&Api, &Facts),
    whoever: &Asker,
    (name, viewer): (&str, &Viewer),
    partners: [PartnerId; 2],
    seen: &mut Seen,
) -> usize {
    let (customer, subscription) = gated(api);
    let mut asked = 0;
    for partner in partners.map(GlobalId::Partner) {
        let mut after = String::new();
        loop {
            let text = format!(
                "{{ partner(id: \"{partner}\") {{ __typename id dashboard {{ commercial {{ accesses }} posture {{
                     accessesIncluded accessesExcluded assets slaBreaches }} }}
                   accesses(first: 90{after}) {{ totalCount pageInfo {{ hasNextPage endCursor }}
                     nodes {{ __typename id {subscription} customer {{ __typename id {customer} }} }} }} }} }}"
            );
            let document = [Document::new(text, BTreeMap::new())];
            let reply = ask_all((api, facts), whoever, (name, Some(viewer)), &document, seen).await;
            asked += 1;
            let page = &reply.unwrap().body["data"]["partner"]["accesses"]["pageInfo"];
            if page["hasNextPage"] != true {
                break;
            }
            after = format!(", after: {}", page["endCursor"]);
        }
    }
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cell_of_the_truth_table_is_what_the_wire_shows() {
    let _replay = Replay::of("proof::matrix::every_cell");
    let cells = Cells::new();
    let facts = Facts::of(&cells.world.rows, NOW);
    let api = Api::of(&sdl());
    let gateways = Gateways::start(cells.world.clone()).await;
    let (mut seen, mut asked) = (Seen::default(), 0);
    let documents = of_cells(&api, &cells);
    for (nth, (name, user)) in cells.personas().into_iter().enumerate() {
        let viewer = facts.viewer(user).unwrap();
        // Both ways to tell a denial; no persona's answers hang on it.
        let whoever = gateways.sign_in(user, nth);
        let whoever = if nth / 2 % 2 == 0 { whoever } else { whoever.hidden_in_extensions() };
        ask_all((&api, &facts), &whoever, (name, Some(&viewer)), &documents, &mut seen).await;
        let partners = [cells.birch, cells.cedar];
        asked +=
            of_lists((&api, &facts), &whoever, (name, &viewer), partners, &mut seen).await + documents.len();
    }
    let (customer, subscription) = gated(&api);
    let text = format!(
        "{{ customer {{ __typename id {customer} accesses {{ totalCount nodes {{ __typename id {subscription} }} }} }} }}"
    );
    let document = [Document::new(text, BTreeMap::new())];
    let mut compared = 0;
    for (nth, cell) in cells.all.iter().enumerate() {
        for (turn, user) in [cell.admin, cell.reader].into_iter().enumerate() {
            let viewer = facts.viewer(user).unwrap();
            let whoever = gateways.sign_in(user, nth + turn);
            ask_all((&api, &facts), &whoever, ("customer's user", Some(&viewer)), &document, &mut seen).await;
            asked += 1;
        }
        compared += 1;
    }
    tried("cells of the truth table", compared);
    tried("requests over the cells", asked);
    tried("fields of answers compared with the gate", seen.comparisons);
}

/// The second wall hides rows that the gate forgot, so that an answer alone cannot tell. What it costs does: behind a
/// gate that denies nothing is asked of the database, however the field or the object is reached.
#[tokio::test]
async fn what_is_hidden_is_not_even_asked_of_the_database() {
    let cast = Cast::new();
    let api = Api::of(&sdl());
    let Cast { acme, .. } = cast;
    let customer = GlobalId::Customer(acme.customer);
    let app = App::start(cast.world).await;
    let admin = app.sign_in(Persona::PartnerAdmin).hidden_in_extensions();
    // Reads who asks and what decides about the customer, and nothing else.
    let decided =
        admin.ask(&format!("{{ customer(id: \"{customer}\") {{ visibility {{ class }} }} }}")).await;

    let mut hidden: Vec<String> = acme
        .posture
        .global_ids(acme.customer)
        .into_iter()
        .flat_map(|(_, id)| {
            [format!("node(id: \"{id}\") {{ id }}"), format!("nodes(ids: [\"{id}\"]) {{ id }}")]
        })
        .collect();
    let fields = api.types["Customer"].iter().filter(|field| field.gate.is_some());
    for field in fields.map(|field| api.minimal(field)) {
        hidden.push(format!("customer(id: \"{customer}\") {{ {field} }}"));
        hidden.push(format!("node(id: \"{customer}\") {{ ... on Customer {{ {field} }} }}"));
    }
    let mut asked = 0;
    for ask in &hidden {
        let reply = admin.ask(&format!("{{ {ask} }}")).await;
        assert_eq!((reply.status, reply.codes()), (200, vec![]), "{ask}: {}", reply.text);
        assert_eq!(reply.statements, decided.statements, "{ask}: {}", reply.text);
        asked += 1;
    }
    tried("hidden fields and objects that cost no statement", asked);
}
