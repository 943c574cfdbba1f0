//! Nothing is kept longer than a request: the moment something changes, the next request of everybody, on every
//! connection of every gateway, obeys it, when it hides and when it shows again; whether it is changed past the gateways or by a
//! mutation that one of them does.

mod cases;
mod change;
mod gateways;

use std::collections::BTreeSet;

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::UserId;
use posture_gateway::policy::Operation;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _};

use self::cases::{Case, Cast};
use self::change::{Change, Subject, can_hide};
use self::gateways::{Ask, Gateways};
use super::size::{Replay, tried};
use super::streams;
use crate::live::rename;
use crate::support::live::{Socket, quiet};

/// What the cases do by mutations is all that can hide something. A new mutation does not compile until it is told which it is.
#[test]
fn every_mutation_that_can_hide_something_has_a_case() {
    let cases = Cast::new().cases();
    let done: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| match case.change {
            Change::Mutation(_, field, ..) => Some(field),
            _ => None,
        })
        .collect();
    let due = Operation::ALL.iter().filter(|operation| can_hide(**operation));
    assert_eq!(done, due.map(|operation| operation.as_str()).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_obeys_on_every_connection_of_every_gateway() {
    let _replay = Replay::of("proof::staleness::the_next_request");
    let mut cast = Cast::new();
    let cases = cast.cases();
    let others = cast.others.clone();
    let mut gateways = Gateways::start(cast.world, &cast.programs).await;
    let (mut obeyed, mut by_mutation, mut requests, mut noticed) = (0, 0, 0, 0);
    for Case { change, of, who, ask, then } in &cases {
        // Whoever looks on has asked every gateway as well: what one keeps of them would be old afterwards.
        let lookers: Vec<UserId> = others.iter().copied().chain([of.reader, *who]).collect();
        let before = gateways.looks(&lookers, of).await;
        let warm = gateways.ask(&[*who], *ask, of).await;
        for (_, reply) in &warm {
            assert_eq!(ask.outcome(reply), "shown", "before {change:?}: {}", reply.text);
        }

        gateways.make(*change, of, true).await;
        let after = gateways.ask(&[*who], *ask, of).await;
        for (_, reply) in &after {
            assert_eq!(ask.outcome(reply), *then, "after {change:?}: {}", reply.text);
        }
        // A gateway that has never answered keeps nothing: all others have to say what it says.
        let cold = gateways.apps[0].beside(1).await;
        let everybody = gateways.looks(&lookers, of).await;
        for ((looker, reply), (_, before)) in everybody.iter().zip(&before) {
            let due = Ask::Field("posture").send(&gateways.client(&cold, *looker), of).await;
            assert_eq!(reply.on_the_wire(), due.on_the_wire(), "after {change:?}");
            noticed += usize::from(looker != who && reply.text != before.text);
        }

        gateways.make(*change, of, false).await;
        let again = gateways.ask(&[*who], *ask, of).await;
        for ((_, reply), (_, first)) in again.iter().zip(&warm) {
            assert_eq!(ask.outcome(reply), "shown", "after {change:?} was taken back: {}", reply.text);
            // A mutation has left events behind.
            if let (Ask::Field(_), false) = (ask, matches!(change, Change::Mutation(..))) {
                assert_eq!(reply.text, first.text, "after {change:?} was taken back");
            }
        }
        requests += 3 * warm.len() + 2 * everybody.len();
        obeyed += 1;
        by_mutation += usize::from(matches!(change, Change::Mutation(..)));
    }
    tried("changes that the next request obeyed", obeyed);
    tried("of them changes by a mutation", by_mutation);
    tried("connections of gateways that had to obey", gateways.known.len());
    tried("requests around changes", requests);
    tried("of those who looked on, how many a change was about", noticed);
    assert!(noticed > cases.len(), "changes were about those who looked on {noticed} times");
}

/// Somebody with every stream about a customer, and somebody of whom nothing is changed.
struct Listeners {
    who: Socket,
    control: Socket,
}

/// What opens each stream of the schema, by its field's name.
fn opened(of: &Subject) -> [(&'static str, String); 2] {
    let customer = GlobalId::Customer(of.customer);
    let gated = "posture { assets } securityConfiguration { samlIssuer } auditLog { nodes { action } }";
    [
        ("accessChanged", format!("subscription {{ accessChanged {{ version customer {{ {gated} }} }} }}")),
        (
            "findingChanged",
            format!(
                "subscription {{ findingChanged(customerId: \"{customer}\") {{ title customer {{ {gated} }} }} }}"
            ),
        ),
    ]
}

/// What is heard of one touch: whether the access was told, with this field of its customer or without; and the finding likewise.
#[derive(Debug, PartialEq)]
struct Heard {
    access: Option<bool>,
    finding: Option<bool>,
}

impl Heard {
    fn of(messages: &[String], nth: usize, field: &str) -> Self {
        let mut heard = Self { access: None, finding: None };
        for message in messages {
            let message: Value = serde_json::from_str(message).unwrap();
            let data = &message["payload"]["data"];
            let (access, finding) = (&data["accessChanged"], &data["findingChanged"]);
            let shown = |event: &Value| Some(!event["customer"][field].is_null());
            if access["version"] == nth {
                heard.access = shown(access);
            }
            if finding["title"] == title(nth) {
                heard.finding = shown(finding);
            }
        }
        heard
    }
}

fn title(nth: usize) -> String {
    format!("touch {nth}")
}

/// Changes the finding, the access and last the other partner's, on which every control is told; then everything has been told.
async fn touch(gateways: &mut Gateways, listeners: &mut [Listeners], of: &Subject, nth: usize) {
    let version = |id| format!("update accesses set version = {nth} where id = '{id}'");
    let sql = [rename(of.posture.finding, &title(nth)), version(of.access), version(of.rival)].join("; ");
    gateways.holder.execute(AssertSqlSafe(sql)).await.unwrap();
    for (listeners, app) in listeners.iter_mut().zip(&gateways.apps) {
        let (mut finding, mut access) = (false, false);
        while !(finding && access) {
            let message: Value = serde_json::from_str(&listeners.control.hears().await).unwrap();
            let data = &message["payload"]["data"];
            finding |= data["findingChanged"]["title"] == title(nth);
            access |= data["accessChanged"]["version"] == nth;
        }
        quiet(app).await;
    }
}

/// Streams obey too, on every gateway: after a change a finding and an access are told to whoever sees them still, without what is
/// hidden, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_obey_on_every_gateway() {
    let _replay = Replay::of("proof::staleness::open_streams");
    let mut cast = Cast::new();
    let cases = cast.cases();
    // Of another partner, which sees every customer all along.
    let control = cast.others[2];
    let mut gateways = Gateways::start(cast.world, &cast.programs).await;
    let (mut silent, mut closed, mut told) = (0, 0, 0);
    for (nth, Case { change, of, who, ask, then }) in cases.iter().enumerate() {
        let Ask::Field(field) = ask else { continue };
        let mut listeners = Vec::new();
        for app in &gateways.apps {
            let mut who = match gateways.keys.get(who) {
                Some(key) => Socket::with_token(app, key).await,
                None => Socket::sign_in(app, *who).await,
            };
            let mut control = Socket::sign_in(app, control).await;
            let opened = opened(of);
            assert_eq!(opened.each_ref().map(|(field, _)| *field)[..], streams::names());
            for (name, document) in &opened {
                who.subscribe(name, document).await;
                control.subscribe(name, document).await;
            }
            listeners.push(Listeners { who, control });
        }
        // Numbers that no access has by itself.
        let (before, after, back) = (1000 + 3 * nth, 1001 + 3 * nth, 1002 + 3 * nth);
        let everything = Heard { access: Some(true), finding: Some(true) };
        touch(&mut gateways, &mut listeners, of, before).await;
        for listeners in &mut listeners {
            let heard = Heard::of(&listeners.who.hears_before_pong().await, before, field);
            assert_eq!(heard, everything, "before {change:?}");
            told += 4;
        }

        gateways.make(*change, of, true).await;
        touch(&mut gateways, &mut listeners, of, after).await;
        for listeners in &mut listeners {
            told += 2;
            if *then == "UNAUTHENTICATED" {
                assert_eq!(listeners.who.closed().await.0, 4403, "after {change:?}");
                closed += 1;
                continue;
            }
            let heard = Heard::of(&listeners.who.hears_before_pong().await, after, field);
            let due = Heard {
                // Whoever does not find the access is not told of it; else the customer's field alone is hidden in its event.
                access: (*then != "nothing").then_some(false),
                finding: (*field != "posture").then_some(false),
            };
            assert_eq!(heard, due, "after {change:?}");
            told += usize::from(due.access.is_some()) + usize::from(due.finding.is_some());
            silent += usize::from(due.access.is_none()) + usize::from(due.finding.is_none());
        }

        gateways.make(*change, of, false).await;
        touch(&mut gateways, &mut listeners, of, back).await;
        for listeners in &mut listeners {
            told += 2;
            if *then != "UNAUTHENTICATED" {
                let heard = Heard::of(&listeners.who.hears_before_pong().await, back, field);
                assert_eq!(heard, everything, "after {change:?} was taken back");
                told += 2;
            }
        }
    }
    tried("streams that fell silent with a change", silent);
    tried("connections that were closed with a change", closed);
    tried("live events withheld from whom they are hidden", silent + 2 * closed);
    tried("live events told to whom they are shown", told);
    assert!(silent > 0 && closed > 0);
}
