//! *Operate* (DESIGN.md 4), write by write: under every model, ceiling, consent and portal access those who operate a customer do each of
//! them, and nobody else does any. Each has something of its own to be done to, so that whoever may is never told that it is done already.

use posture_gateway::domain::access::{OperatingModel, Privilege};
use posture_gateway::domain::customer::PortalAccess;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::{CustomerId, EvidenceId, PostureShareId, ScanScheduleId, UserId};
use posture_gateway::domain::scan::ScanStatus;
use posture_gateway::domain::user::CustomerRole;
use posture_gateway::policy::{Caller, Operation};
use posture_gateway::store::seed::deterministic_id;

use super::{codes, everything};
use crate::support::app::{App, Client};
use crate::support::world::{Terms, World, days};

/// The writes of this test.
const HERE: &[Operation] = &[
    Operation::InviteCustomerUser,
    Operation::DisableUser,
    Operation::EnableUser,
    Operation::RevokePostureShare,
    Operation::CancelScan,
    Operation::PauseScanSchedule,
    Operation::ResumeScanSchedule,
    Operation::DeleteScanSchedule,
    Operation::AddFindingNote,
    Operation::RunScan,
    Operation::SetSlaPolicy,
    Operation::CreateScanSchedules,
];
/// Those that a test of their own tries alike.
const ELSEWHERE: &[Operation] = &[
    Operation::CreatePostureShare,
    Operation::CreateEvidence,
    Operation::TriageFinding,
    Operation::TriageFindings,
    Operation::SetSamlConfiguration,
    Operation::RevokeApiKey,
];

/// What one asker does to one customer.
struct Targets {
    customer: CustomerId,
    mark: String,
    enabled: UserId,
    disabled: UserId,
    share: PostureShareId,
    finding: GlobalId,
    waiting: GlobalId,
    /// One that is paused, one that is deleted, and one that goes on.
    schedules: [ScanScheduleId; 3],
    /// A record without a file.
    evidence: GlobalId,
}

impl Targets {
    /// Of a customer whose posture the world made last.
    fn of(world: &mut World, customer: CustomerId, mark: String) -> Self {
        let id = |what: &str| deterministic_id(&format!("{what} of {mark}"), 0);
        let [enabled, disabled] = ["in", "out"]
            .map(|what| world.customer_user(customer, CustomerRole::ReadOnly, &format!("{what} {mark}")));
        world.rows.users.iter_mut().find(|row| row.id == disabled).unwrap().disabled_at = Some(days(-1));
        let share = PostureShareId(id("share"));
        let mut row = world.rows.posture_shares.last().unwrap().clone();
        row.id = share;
        world.rows.posture_shares.push(row);
        let waiting = world.scan(customer, days(-1));
        world.rows.scan_reports.pop();
        let row = world.rows.scans.last_mut().unwrap();
        (row.status, row.started_at, row.finished_at) = (ScanStatus::Queued, None, None);
        let schedule = world.rows.scan_schedules.last().unwrap().clone();
        let schedules = ["paused", "deleted", "resting"].map(|what| ScanScheduleId(id(what)));
        for (nth, schedule_id) in schedules.into_iter().enumerate() {
            let mut row = schedule.clone();
            (row.id, row.enabled, row.next_run_at) = (schedule_id, nth < 2, (nth < 2).then(|| days(3)));
            world.rows.scan_schedules.push(row);
        }
        let evidence = EvidenceId(id("evidence"));
        let mut row = world.rows.evidence.last().unwrap().clone();
        row.id = evidence;
        world.rows.evidence.push(row);
        Self {
            customer,
            enabled,
            disabled,
            share,
            finding: GlobalId::Finding(customer, world.rows.findings.last().unwrap().id),
            waiting: GlobalId::Scan(customer, waiting),
            schedules,
            evidence: GlobalId::Evidence(customer, evidence),
            mark,
        }
    }

    fn input(&self, operation: Operation) -> String {
        let customer = GlobalId::Customer(self.customer);
        let schedule = |nth: usize| {
            format!("scanScheduleId: \"{}\"", GlobalId::ScanSchedule(self.customer, self.schedules[nth]))
        };
        match operation {
            Operation::InviteCustomerUser => {
                let address = self.mark.replace(' ', "-");
                format!("customerId: \"{customer}\", email: \"{address}@example.com\", role: READ_ONLY")
            }
            Operation::DisableUser => format!("userId: \"{}\"", GlobalId::User(self.enabled)),
            Operation::EnableUser => format!("userId: \"{}\"", GlobalId::User(self.disabled)),
            Operation::RevokePostureShare => {
                format!("postureShareId: \"{}\"", GlobalId::PostureShare(self.customer, self.share))
            }
            Operation::CancelScan => format!("scanId: \"{}\"", self.waiting),
            Operation::PauseScanSchedule => schedule(0),
            Operation::DeleteScanSchedule => schedule(1),
            Operation::ResumeScanSchedule => schedule(2),
            Operation::AddFindingNote => format!("findingId: \"{}\", note: \"{}\"", self.finding, self.mark),
            Operation::RunScan => format!("customerId: \"{customer}\", profile: \"{}\"", self.mark),
            // Days that nobody else sets.
            Operation::SetSlaPolicy => {
                let days = 1 + self.mark.len() + usize::from(self.mark.as_bytes()[0]);
                format!("customerId: \"{customer}\", infoDays: {days}")
            }
            Operation::CreateScanSchedules => format!(
                "customerIds: [\"{customer}\"], profile: \"{}\", frequency: DAILY, startTime: \"02:30\", timeZone: \"UTC\"",
                self.mark
            ),
            other => unreachable!("{other} is no write of this test"),
        }
    }

    /// The codes that each write is answered with.
    async fn tried(&self, client: &Client) -> Vec<(&'static str, Vec<String>)> {
        let mut answers = Vec::new();
        for &operation in HERE {
            let input = self.input(operation);
            let reply = client
                .ask(&format!("mutation {{ {operation}(input: {{ {input} }}) {{ userErrors {{ code }} }} }}"))
                .await;
            answers.push((operation.as_str(), codes(&reply)));
        }
        let file = client.post_to(&format!("/evidence/{}/file?name=a.txt", self.evidence));
        let reply = client.send(file.header("content-type", "text/plain").body("text")).await;
        answers.push(("a file", reply.codes().iter().map(ToString::to_string).collect()));
        answers
    }
}

#[test]
fn every_write_of_operating_is_tried_under_every_model() {
    let asked: Vec<_> = Operation::ALL
        .iter()
        .filter(|operation| **operation != Operation::RecordVisit)
        .filter(|operation| operation.callers().contains(&Caller::PartnerOperator))
        .map(|operation| operation.as_str())
        .collect();
    let mut tried: Vec<_> = HERE.iter().chain(ELSEWHERE).map(|operation| operation.as_str()).collect();
    tried.sort_by_key(|name| asked.iter().position(|asked| asked == name));
    assert_eq!(tried, asked);
}

#[tokio::test]
async fn those_who_operate_do_every_write_and_nobody_else_does_any() {
    let mut world = World::default();
    let partner = world.partner("Birch");
    let (admin, operator) = (world.partner_admin(partner, "Ada"), world.operator(partner, "Oz"));
    let mut cells = Vec::new();
    for &model in OperatingModel::ALL {
        for &ceiling in Privilege::ALL {
            for &consent in Privilege::ALL {
                for &portal in PortalAccess::ALL {
                    let nth = cells.len();
                    let customer = world.customer(partner, &format!("Customer {nth}"), portal);
                    let access =
                        world.access(partner, customer, Terms::of(model).ceiling(ceiling).consent(consent));
                    world.assign(operator, customer, access);
                    world.posture(customer);
                    let own = world.customer_user(customer, CustomerRole::Admin, &format!("Own {nth}"));
                    let manages = ceiling == Privilege::Manage && consent == Privilege::Manage;
                    let operates = model == OperatingModel::FullyManaged && manages;
                    let askers = [
                        ("c", own, portal == PortalAccess::Full),
                        ("b", operator, operates),
                        ("a", admin, operates),
                    ]
                    .map(|(mark, user, may)| {
                        (user, may, Targets::of(&mut world, customer, format!("{mark} {nth}")))
                    });
                    cells.push(((model, ceiling, consent, portal), askers));
                }
            }
        }
    }
    let app = App::start(world).await;
    let before = everything(&app).await;
    let mut done = 0;
    for those_who_may in [false, true] {
        for (cell, askers) in &cells {
            for (user, _, targets) in askers.iter().filter(|(_, may, _)| *may == those_who_may) {
                let answers = targets.tried(&app.sign_in(*user)).await;
                let is_right = |codes: &[String]| match codes {
                    [] => those_who_may,
                    // What is hidden is not there; what is seen is not theirs to do.
                    [code] => !those_who_may && ["NOT_PERMITTED", "NOT_FOUND"].contains(&code.as_str()),
                    _ => false,
                };
                let wrong: Vec<_> = answers.iter().filter(|(_, codes)| !is_right(codes)).collect();
                assert!(wrong.is_empty(), "{cell:?}, {}: {wrong:?}", targets.mark);
                done += usize::from(those_who_may) * answers.len();
            }
        }
        if !those_who_may {
            assert_eq!(everything(&app).await, before, "a refusal changes nothing");
        }
    }
    let writes = HERE.len() + 1;
    assert_eq!(done, (3 * 2 + 27) * writes);
    assert_eq!(app.files(), 3 * 2 + 27);
}
