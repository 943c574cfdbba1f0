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
