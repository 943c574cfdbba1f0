//! What a refusal tells of a customer is recorded as every other read, and of what it tells nothing there is no record.

use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::ScanId;

use super::codes;
use crate::support::app::{App, Walls};
use crate::support::cast::{Cast, Persona};
use crate::transparency::{record, recorded};

#[tokio::test]
async fn what_a_refusal_tells_is_recorded_and_nothing_else() {
    for walls in Walls::EITHER {
        let Cast { world, acme, bolt, crown, .. } = Cast::new();
        let app = App::start_behind(walls, world).await;
        let client = app.sign_in(Persona::PartnerAdmin);
        let days = |id| {
            format!("setSlaPolicy(input: {{ customerId: \"{}\", criticalDays: 3 }})", GlobalId::Customer(id))
        };
        let pause = format!(
            "pauseScanSchedule(input: {{ scanScheduleId: \"{}\" }})",
            GlobalId::ScanSchedule(bolt.customer, bolt.posture.schedule)
        );
        let evidence = format!(
            "createEvidence(input: {{ customerId: \"{}\", framework: \"F\", control: \"C\", title: \"T\", scanIds: [\"{}\"] }})",
            GlobalId::Customer(crown.customer),
            GlobalId::Scan(crown.customer, ScanId(uuid::Uuid::nil()))
        );
        for (call, code, shown) in [
            // Acme is seen and its posture is hidden: it is not so much as asked.
            (days(acme.customer), "NOT_PERMITTED", None),
            // That the schedule is there is posture, which Birch is shown of Bolt.
            (
                pause,
                "NOT_PERMITTED",
                Some(record("Bolt", "PartnerAdmin", "POSTURE", &["Mutation.pauseScanSchedule"])),
            ),
            // To who operates Crown it tells that there is no such scan.
            (
                evidence,
                "NOT_FOUND",
                Some(record("Crown", "PartnerAdmin", "POSTURE", &["Mutation.createEvidence"])),
            ),
        ] {
            app.forget_what_was_shown().await;
            let reply = client.ask(&format!("mutation {{ {call} {{ userErrors {{ code }} }} }}")).await;
            assert_eq!(codes(&reply), [code], "{walls:?} {}", reply.text);
            assert_eq!(recorded(&app).await, Vec::from_iter(shown), "{walls:?} {call}");
        }
    }
}
