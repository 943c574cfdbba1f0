//! What is refused beside GraphQL, whatever is hidden: files of evidence, read and added, and uploads of scans.

use std::collections::BTreeSet;

use posture_gateway::domain::ids::CustomerId;
use posture_gateway::store::seed::{Membership, World};
use serde_json::Value;

use super::documents::evidence_of;
use super::doors::{Doors, Path, Way};
use crate::proof::difference::Difference;
use crate::proof::eyes::Eyes;
use crate::support::app::Reply;
use crate::support::dice::Dice;

/// A request that is refused.
pub(super) struct Refused {
    pub(super) path: Path,
    way: Way,
    before: Reply,
}

impl Refused {
    /// Asks for all that is hidden by a path of its own.
    pub(super) async fn ask(
        doors: &Doors,
        changes: &[Difference],
        (eyes, shown): (&Eyes<'_>, &World),
        dice: &mut Dice,
    ) -> Vec<Self> {
        let mut all = Vec::new();
        for path in paths(changes, eyes, shown) {
            // A document of no length goes by any way; a scanner has no other than its token.
            let way = if scans(eyes, None) { Way::Post } else { doors.way("", dice) };
            let before = doors.other(&path, way).await;
            all.push(Self { path, way, before });
        }
        all
    }

    /// Whether it was refused because there is no such thing, and not for who asks.
    pub(super) fn is_missing(&self) -> bool {
        self.before.status == 404
    }

    /// Asks once more; what has changed, where anything has.
    pub(super) async fn differs(&self, doors: &Doors) -> Option<String> {
        let Self { path, way, before } = self;
        let after = doors.other(path, *way).await;
        let same = before.on_the_wire() == after.on_the_wire() && before.statements == after.statements;
        (!same || !(400..500).contains(&before.status)).then(|| {
            let said = |reply: &Reply| {
                format!(
                    "{} {}, {} statements, {:?}",
                    reply.status, reply.text, reply.statements, reply.headers
                )
            };
            format!("{path:?} by {way:?}\n{}\n{}", said(before), said(&after))
        })
    }
}

/// Whether the viewer is a scanner: of a customer, or of any.
pub(super) fn scans(eyes: &Eyes<'_>, customer: Option<CustomerId>) -> bool {
    eyes.world().memberships.iter().any(|row| match *row {
        Membership::Scanner(of, user) => user == eyes.user() && customer.is_none_or(|id| id == of),
        Membership::Partner(..) | Membership::Customer(..) | Membership::Assignment(..) => false,
    })
}

/// Evidence that is hidden, is no more or not yet, and customers whose posture is hidden, of those that change and of those who exist for
/// the viewer.
fn paths(changes: &[Difference], eyes: &Eyes<'_>, shown: &World) -> Vec<Path> {
    let rows = || changes.iter().flat_map(|change| change.rows().map(|row| (change.table, row)));
    let evidence: BTreeSet<String> =
        rows().filter_map(|(table, row)| evidence_of(table, row)).map(|id| id.to_string()).collect();
    let of_row = |row: &Value| row["customer_id"].as_str()?.parse().ok().map(CustomerId);
    let touched: BTreeSet<CustomerId> = rows().filter_map(|(_, row)| of_row(row)).collect();
    let known = shown.customers.iter().map(|row| row.customer_id);
    // A scanner uploads what it is shown nothing of.
    let hidden = |id: &CustomerId| !eyes.posture(*id) && !scans(eyes, Some(*id));
    let uploads = touched.into_iter().filter(hidden).take(2).chain(known.filter(hidden).take(1));
    let files = evidence.into_iter().take(3).flat_map(|id| [Path::File(id.clone()), Path::AddFile(id)]);
    files.chain(uploads.map(Path::Upload)).collect()
}
