//! What one stream has still to be told: ids, each once, in the order in which they came.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::{Change, Topic};
use crate::domain::ids::UserId;
use crate::store::notices::Notice;

/// How many findings wait one by one. They are all of one customer, so all are hidden or all are shown: that they do not fit tells
/// nothing of what is hidden. Accesses are not counted, for some may be hidden beside others; there are no more than a partner has.
const FINDINGS: usize = 100;

/// What one stream has still to be told.
#[derive(Debug)]
pub(super) struct Inbox {
    topic: Topic,
    user: Option<UserId>,
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<Change>,
    known: HashSet<Change>,
    /// Whether what was taken out last is still being told.
    is_telling: bool,
}

impl Waiting {
    fn put(&mut self, change: Change) {
        if self.known.contains(&Change::Anything) && change != Change::User {
            return;
        }
        match change {
            Change::Finding(customer, _) if self.known.contains(&Change::Findings(customer)) => return,
            Change::Finding(customer, _) if self.order.len() >= FINDINGS => {
                self.order.retain(|waiting| !matches!(waiting, Change::Finding(..)));
                self.known.retain(|waiting| !matches!(waiting, Change::Finding(..)));
                return self.put(Change::Findings(customer));
            }
            // Whoever looks anew sees everything that waits.
            Change::Anything => {
                self.order.retain(|waiting| *waiting == Change::User);
                self.known.retain(|waiting| *waiting == Change::User);
            }
            Change::Finding(..) | Change::Findings(_) | Change::Access(..) | Change::User => {}
        }
        if self.known.insert(change) {
            self.order.push_back(change);
        }
    }

    fn take(&mut self) -> Option<Change> {
        let change = self.order.pop_front()?;
        self.known.remove(&change);
        self.is_telling = true;
        Some(change)
    }
}

impl Inbox {
    pub(super) fn new(topic: Topic, user: Option<UserId>) -> Self {
        Self { topic, user, waiting: Mutex::default(), arrived: Notify::new() }
    }

    /// Puts in what a notice says, as far as it may concern this stream.
    pub(super) fn tell(&self, notice: &Notice) {
        match (notice, self.topic) {
            (Notice::Findings(customer, findings), Topic::Findings(own)) if own == *customer => {
                for finding in findings {
                    self.put(Change::Finding(*customer, *finding));
                }
            }
            (Notice::ManyFindings(customer), Topic::Findings(own)) if own == *customer => {
                self.put(Change::Findings(*customer));
            }
            (Notice::Accesses(accesses), topic) => {
                for (customer, access, partner) in accesses {
                    let concerns = match topic {
                        Topic::AccessesOfPartner(own) => own == *partner,
                        Topic::AccessesOfCustomer(own) => own == *customer,
                        Topic::Accesses => true,
                        Topic::Findings(_) | Topic::Nothing => false,
                    };
                    if concerns {
                        self.put(Change::Access(*customer, *access));
                    }
                }
            }
            (Notice::Users(users), _) if self.user.is_some_and(|own| users.contains(&own)) => {
                self.put(Change::User);
            }
            (Notice::Findings(..) | Notice::ManyFindings(_) | Notice::Users(_), _) => {}
        }
    }

    pub(super) fn put(&self, change: Change) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).put(change);
        self.arrived.notify_one();
    }

    /// Whether there is nothing to be told, and nothing being told.
    pub(super) fn is_quiet(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.order.is_empty() && !waiting.is_telling
    }

    /// The next change. One that is given up while it waits has taken nothing.
    pub(super) async fn next(&self) -> Change {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_telling = false;
        loop {
            if let Some(change) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return change;
            }
            self.arrived.notified().await;
        }
    }

    /// The next change of its user, ahead of everything else that waits.
    pub(super) async fn user_changed(&self) {
        loop {
            let changed = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.order.retain(|change| *change != Change::User);
                waiting.known.remove(&Change::User)
            };
            if changed {
                return;
            }
            self.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{AccessId, CustomerId, FindingId, PartnerId};

    const OWN: CustomerId = CustomerId(Uuid::from_u128(1));
    const OTHER: CustomerId = CustomerId(Uuid::from_u128(2));
    const USER: UserId = UserId(Uuid::from_u128(9));

    fn all(inbox: &Inbox) -> Vec<Change> {
        std::iter::from_fn(|| inbox.waiting.lock().unwrap().take()).collect()
    }

    fn finding(n: usize) -> FindingId {
        FindingId(Uuid::from_u128(n as u128))
    }

    #[test]
    fn what_changes_twice_waits_once() {
        let inbox = Inbox::new(Topic::Findings(OWN), None);
        for n in [1, 2, 1] {
            inbox.tell(&Notice::Findings(OWN, vec![finding(n)]));
        }
        assert_eq!(all(&inbox), [Change::Finding(OWN, finding(1)), Change::Finding(OWN, finding(2))]);
    }

    #[test]
    fn what_does_not_fit_is_told_as_one() {
        let inbox = Inbox::new(Topic::Findings(OWN), None);
        for n in 0..=FINDINGS {
            inbox.tell(&Notice::Findings(OWN, vec![finding(n)]));
        }
        inbox.tell(&Notice::Findings(OWN, vec![finding(1)]));
        assert_eq!(all(&inbox), [Change::Findings(OWN)]);
        // And as one by one again afterwards.
        inbox.tell(&Notice::Findings(OWN, vec![finding(1)]));
        assert_eq!(all(&inbox), [Change::Finding(OWN, finding(1))]);
    }

    #[test]
    fn what_waits_beside_many_findings_stays() {
        let inbox = Inbox::new(Topic::Findings(OWN), Some(USER));
        inbox.tell(&Notice::Users(vec![USER]));
        for n in 0..=FINDINGS {
            inbox.tell(&Notice::Findings(OWN, vec![finding(n)]));
        }
        inbox.tell(&Notice::Users(vec![USER]));
        assert_eq!(all(&inbox), [Change::User, Change::Findings(OWN)]);
    }

    #[test]
    fn a_change_of_its_user_goes_before_the_others_and_is_taken_once() {
        let inbox = Inbox::new(Topic::Findings(OWN), Some(USER));
        assert_eq!(inbox.user_changed().now_or_never(), None);
        inbox.tell(&Notice::Findings(OWN, vec![finding(1)]));
        assert_eq!(inbox.user_changed().now_or_never(), None);
        inbox.tell(&Notice::Users(vec![USER]));
        assert_eq!(inbox.user_changed().now_or_never(), Some(()));
        assert_eq!(inbox.user_changed().now_or_never(), None);
        assert_eq!(all(&inbox), [Change::Finding(OWN, finding(1))]);
    }

    #[test]
    fn others_are_told_to_others() {
        let access = |customer, partner: u128| {
            (customer, AccessId(Uuid::from_u128(partner)), PartnerId(Uuid::from_u128(partner)))
        };
        let notices = [
            Notice::Findings(OTHER, vec![finding(1)]),
            Notice::ManyFindings(OTHER),
            Notice::Accesses(vec![access(OWN, 3), access(OTHER, 4)]),
            Notice::Users(vec![UserId(Uuid::from_u128(8))]),
        ];
        let told = |topic| {
            let inbox = Inbox::new(topic, Some(USER));
            for notice in &notices {
                inbox.tell(notice);
            }
            all(&inbox)
        };
        let of = |customer, n: u128| Change::Access(customer, AccessId(Uuid::from_u128(n)));
        assert_eq!(told(Topic::Findings(OWN)), []);
        assert_eq!(told(Topic::Nothing), []);
        assert_eq!(told(Topic::AccessesOfCustomer(OWN)), [of(OWN, 3)]);
        assert_eq!(told(Topic::AccessesOfPartner(PartnerId(Uuid::from_u128(4)))), [of(OTHER, 4)]);
        assert_eq!(told(Topic::Accesses), [of(OWN, 3), of(OTHER, 4)]);
    }

    #[test]
    fn a_loss_takes_the_place_of_everything_but_the_user() {
        let inbox = Inbox::new(Topic::Findings(OWN), Some(USER));
        inbox.tell(&Notice::Findings(OWN, vec![finding(1)]));
        inbox.tell(&Notice::Users(vec![USER]));
        inbox.put(Change::Anything);
        inbox.tell(&Notice::Findings(OWN, vec![finding(2)]));
        inbox.tell(&Notice::Users(vec![USER]));
        assert_eq!(all(&inbox), [Change::User, Change::Anything]);
        inbox.tell(&Notice::Findings(OWN, vec![finding(1)]));
        assert_eq!(all(&inbox), [Change::Finding(OWN, finding(1))]);
    }
}
