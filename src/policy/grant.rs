//! The witness of a decision.

use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::class::Class;
use crate::domain::ids::CustomerId;

/// Proof that the gate showed the class `C` of this customer (or partner) to the viewer of this request.
///
/// Made by the gate alone: the store reads gated data only against one, so a resolver that forgets the gate does not
/// compile. It holds for the request's snapshot and is never kept longer.
///
/// ```compile_fail
/// use posture_gateway::policy::{Grant, Posture};
/// // Nobody else can make one: the constructor is private to `policy`.
/// let forged: Grant<Posture> = Grant::new(posture_gateway::domain::ids::CustomerId(uuid::Uuid::nil()));
/// ```
pub struct Grant<C: Class, Of = CustomerId> {
    of: Of,
    class: PhantomData<fn() -> C>,
}

impl<C: Class, Of: Copy> Grant<C, Of> {
    pub(super) const fn new(of: Of) -> Self {
        Self { of, class: PhantomData }
    }

    /// Whose data may be read.
    #[must_use]
    pub const fn of(&self) -> Of {
        self.of
    }
}

impl<C: Class, Of: Copy> Clone for Grant<C, Of> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Class, Of: Copy> Copy for Grant<C, Of> {}

impl<C: Class, Of: PartialEq> PartialEq for Grant<C, Of> {
    fn eq(&self, other: &Self) -> bool {
        self.of == other.of
    }
}

impl<C: Class, Of: Eq> Eq for Grant<C, Of> {}

impl<C: Class, Of: Hash> Hash for Grant<C, Of> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.hash(state);
    }
}

impl<C: Class, Of: std::fmt::Debug> std::fmt::Debug for Grant<C, Of> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grant<{}>({:?})", C::CLASS, self.of)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;
    use crate::policy::Posture;

    /// Loaders key by the grant: two customers' must never be one key.
    #[test]
    fn a_grant_is_its_customers_and_no_other() {
        let grant = |n| Grant::<Posture>::new(CustomerId(Uuid::from_u128(n)));
        assert_eq!(grant(1), grant(1));
        assert_ne!(grant(1), grant(2));
        assert_eq!(grant(7).of(), CustomerId(Uuid::from_u128(7)));
        let hash = |n| {
            let mut hasher = std::hash::DefaultHasher::new();
            grant(n).hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!((0..100).map(hash).collect::<HashSet<_>>().len(), 100);
        assert_eq!(hash(1), hash(1));
    }

    #[test]
    fn a_grant_says_of_what_it_is() {
        let grant = Grant::<Posture>::new(CustomerId(Uuid::nil()));
        assert_eq!(format!("{grant:?}"), "Grant<POSTURE>(CustomerId(00000000-0000-0000-0000-000000000000))");
    }
}
