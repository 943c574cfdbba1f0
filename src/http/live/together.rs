//! Streams of one user that ask for the same, such as the tabs of a browser: what has changed is read and recorded once for all that wait
//! for their turn to tell it, and told to each.
//!
//! Whoever comes first reads for all who come before it begins, never for one who comes later: each is told what is so after it was
//! notified. Nothing is shared between users, and nothing is kept.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Response;
use tokio::sync::oneshot;

use crate::domain::ids::UserId;
use crate::graphql::hidden::Placement;
use crate::graphql::live::Change;

/// Who asks for what, and how it is to be answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Same {
    /// Who listens.
    pub(super) user: UserId,
    /// What everything else that an answer depends on comes to: `Prepared::identity`.
    pub(super) asked: [u8; 32],
    /// Where denials are told.
    pub(super) placement: Placement,
    /// What has changed.
    pub(super) change: Change,
}

/// What is told, or that it is passed over.
pub(super) type Told = Option<Arc<Response>>;

type Others = Vec<oneshot::Sender<Told>>;

/// The streams that wait for their turn, by what they wait for.
#[derive(Clone, Debug, Default)]
pub(super) struct Together(Arc<Mutex<HashMap<Same, Others>>>);

/// How a stream waits.
pub(super) enum Joined {
    /// It came first, and reads for all.
    First(First),
    /// It is told what the first one reads; an error where that one has given up or failed.
    Also(oneshot::Receiver<Told>),
}

/// The one that reads. Dropped before it has begun, it sends the others to look for themselves.
pub(super) struct First {
    same: Option<Same>,
    together: Together,
}

impl Together {
    /// Waits with the others that wait for the same.
    pub(super) fn join(&self, same: Same) -> Joined {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.entry(same) {
            Entry::Vacant(place) => {
                let same = place.key().clone();
                place.insert(Vec::new());
                Joined::First(First { same: Some(same), together: self.clone() })
            }
            Entry::Occupied(mut others) => {
                let (tell, told) = oneshot::channel();
                others.get_mut().push(tell);
                Joined::Also(told)
            }
        }
    }
}

impl First {
    /// Begins to read: who comes from now on waits for another. Those who are to be told.
    pub(super) fn begin(mut self) -> Others {
        self.leave()
    }

    fn leave(&mut self) -> Others {
        let Some(same) = self.same.take() else { return Vec::new() };
        self.together.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&same).unwrap_or_default()
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn same(user: u128) -> Same {
        Same {
            user: UserId(Uuid::from_u128(user)),
            asked: [0; 32],
            placement: Placement::Errors,
            change: Change::Anything,
        }
    }

    #[test]
    fn the_first_reads_for_those_who_come_before_it_begins() {
        let together = Together::default();
        let Joined::First(first) = together.join(same(1)) else { panic!("somebody is there") };
        let Joined::Also(mut second) = together.join(same(1)) else { panic!("nobody is there") };
        let Joined::First(_) = together.join(same(2)) else { panic!("it is another's") };
        let others = first.begin();
        assert_eq!(others.len(), 1);
        let Joined::First(_) = together.join(same(1)) else { panic!("it came too late to be told") };
        for other in others {
            other.send(None).unwrap();
        }
        assert!(matches!(second.try_recv(), Ok(None)));
    }

    #[test]
    fn who_gives_up_leaves_the_others_to_themselves() {
        let together = Together::default();
        let Joined::First(first) = together.join(same(1)) else { panic!("somebody is there") };
        let Joined::Also(mut second) = together.join(same(1)) else { panic!("nobody is there") };
        drop(first);
        assert!(second.try_recv().is_err());
        assert!(matches!(together.join(same(1)), Joined::First(_)));
        assert!(together.0.lock().unwrap().is_empty());
    }
}
