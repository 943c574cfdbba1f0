//! One request: its snapshot, its viewer, its loaders and what the gate hid from it. Every mutation field has a session of
//! its own, opened after it: nothing that was read before a change is ever answered after it (DESIGN.md 5).

use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use async_graphql::parser::types::OperationType;
use async_graphql::{Context, QueryPathSegment, Result};
use chrono::{DateTime, Utc};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::batch::{Batches, Immediately};
use super::error::{bad_input, internal, unauthenticated};
use super::hidden::Hidden;
use super::loaders::{CustomerKey, DecidingKey, Loaders, RowKey};
use super::shown::Showing;
use crate::domain::ids::{AccessId, CustomerId};
use crate::domain::user::PartnerRole;
use crate::policy::{
    DataClass, Decision, Grant, PartnerScope, Posture, Scope, Subject, Viewer, decide, grant, partner_scope,
    scope,
};
use crate::store::access::{Access, CustomerAccesses};
use crate::store::customer::Customer;
use crate::store::subscription::UnitCost;
use crate::store::transparency::Reads;
use crate::store::viewer::{SignedIn, signed_in};
use crate::store::{self, Snapshot, StoreError};

/// What the resolvers of one request share.
pub struct Session {
    snapshot: Arc<Snapshot>,
    loaders: DataLoader<Loaders, HashMapCache>,
    batches: Batches,
    signed_in: OnceCell<Option<SignedIn>>,
    posture_visible: OnceCell<Arc<PostureVisible>>,
    unit_costs: OnceCell<Vec<UnitCost>>,
    hidden: Arc<Hidden>,
    showing: Arc<Showing>,
}

/// Where the gate shows posture, of the accesses that exist for the one who asks.
#[derive(Debug, Default)]
pub struct PostureVisible {
    /// The accesses, each decided by itself.
    pub accesses: Arc<[Uuid]>,
    /// The witnesses for their customers, by the customer's id.
    pub grants: Arc<[Grant<Posture>]>,
}

/// How many mutations one document may hold.
pub const MAX_MUTATIONS: usize = 16;

/// The sessions of one request: one for a query, one for each field of a mutation.
pub struct Sessions {
    whole: Session,
    /// By the response key of the root field.
    of_fields: [OnceLock<(String, Session)>; MAX_MUTATIONS],
}

/// The session that a resolver answers from.
///
/// # Errors
/// When a request is executed without one, which the executor never does; UNAUTHENTICATED below a mutation field that has
/// none, which does not happen either.
pub fn session<'a>(ctx: &Context<'a>) -> Result<&'a Session> {
    let sessions = ctx.data::<Arc<Sessions>>()?;
    match ctx.query_env.operation.node.ty {
        OperationType::Query | OperationType::Subscription => Ok(&sessions.whole),
        OperationType::Mutation => {
            let key = root_field(ctx);
            sessions
                .opened()
                .find(|(own, _)| own == key)
                .map(|(_, session)| session)
                .ok_or_else(unauthenticated)
        }
    }
}

/// The response key of the root field that a resolver works for.
#[must_use]
pub fn root_field<'c>(ctx: &'c Context<'_>) -> &'c str {
    let Some(node) = &ctx.path_node else { return "" };
    match node.parents().last().map_or(node.segment, |root| root.segment) {
        QueryPathSegment::Name(key) => key,
        QueryPathSegment::Index(_) => "",
    }
}

impl Sessions {
    /// The sessions of a request that has not read anything yet.
    #[must_use]
    pub fn new(whole: Session) -> Self {
        Self { whole, of_fields: [const { OnceLock::new() }; MAX_MUTATIONS] }
    }

    /// What the request as a whole shares.
    #[must_use]
    pub const fn whole(&self) -> &Session {
        &self.whole
    }

    fn opened(&self) -> impl Iterator<Item = &(String, Session)> {
        self.of_fields.iter().filter_map(OnceLock::get)
    }

    /// Opens the session of a mutation field over the snapshot that was taken after it.
    ///
    /// # Errors
    /// BAD_USER_INPUT where the document holds more mutations than a request may.
    pub fn open(&self, field: &str, snapshot: Snapshot) -> Result<&Session> {
        let whole = &self.whole;
        let (hidden, showing) = (Arc::clone(&whole.hidden), Arc::clone(&whole.showing));
        let session = Session::new(snapshot, hidden, showing, whole.batches.clone());
        // Root fields of a mutation run one after the other: nobody else takes the slot meanwhile.
        let free = self.of_fields.iter().find(|slot| slot.get().is_none()).ok_or_else(too_many)?;
        Ok(&free.get_or_init(|| (field.to_owned(), session)).1)
    }

    /// Refuses one mutation more than a request may hold, before it changes anything.
    ///
    /// # Errors
    /// BAD_USER_INPUT.
    pub fn room_for_one_more(&self) -> Result<()> {
        if self.opened().count() < MAX_MUTATIONS { Ok(()) } else { Err(too_many()) }
    }

    /// Ends every snapshot that is open, and records what the request is shown.
    ///
    /// # Errors
    /// When the database does not confirm; what was read may not be shown then.
    pub async fn finish_recording(&self, reads: Reads) -> std::result::Result<(), StoreError> {
        let mut last = &self.whole;
        for (_, session) in self.opened() {
            last.snapshot.finish().await?;
            last = session;
        }
        last.snapshot.finish_recording(reads).await
    }

    /// Ends every snapshot that is open; a mutation does so before it begins, for nothing of theirs is answered any more.
    ///
    /// # Errors
    /// When the database does not confirm.
    pub async fn finish(&self) -> std::result::Result<(), StoreError> {
        self.whole.snapshot.finish().await?;
        for (_, session) in self.opened() {
            session.snapshot.finish().await?;
        }
        Ok(())
    }
}

fn too_many() -> async_graphql::Error {
    bad_input(format!("a request holds {MAX_MUTATIONS} mutations at most: send the others in another one"))
}

impl Session {
    /// A session over a snapshot, with the request's batches and its lists of what is hidden and what is shown.
    #[must_use]
    pub fn new(snapshot: Snapshot, hidden: Arc<Hidden>, showing: Arc<Showing>, batches: Batches) -> Self {
        let snapshot = Arc::new(snapshot);
        let loaders = Loaders(Arc::clone(&snapshot));
        Self {
            loaders: DataLoader::with_cache(loaders, batches.clone(), Immediately, HashMapCache::default())
                .max_batch_size(usize::MAX),
            snapshot,
            batches,
            signed_in: OnceCell::new(),
            posture_visible: OnceCell::new(),
            unit_costs: OnceCell::new(),
            hidden,
            showing,
        }
    }

    /// The request's instant: expiry, SLA and periods mean the same to the gate and to the policies.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.snapshot.now()
    }

    /// The snapshot that everything is read in.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The batches of the loaders, for the executor to drive.
    #[must_use]
    pub const fn batches(&self) -> &Batches {
        &self.batches
    }

    /// What the gate hid.
    #[must_use]
    pub fn hidden(&self) -> &Hidden {
        &self.hidden
    }

    /// Notes that a field of a type shows the one who asks a class of some customers. What a partner's user is shown is recorded
    /// before the answer is sent.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn note_shown(
        &self,
        class: DataClass,
        customers: impl IntoIterator<Item = CustomerId>,
        field: (&'static str, &str),
    ) -> Result<()> {
        self.showing.note(&self.viewer().await?, class, customers, field);
        Ok(())
    }

    /// Notes the same for somebody who was read elsewhere: by a mutation, in its own transaction.
    pub fn note_shown_to(
        &self,
        viewer: &Viewer,
        class: DataClass,
        customers: impl IntoIterator<Item = CustomerId>,
        field: (&'static str, &str),
    ) {
        self.showing.note(viewer, class, customers, field);
    }

    /// Loads one row, or none.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn load<K>(&self, key: K) -> Result<Option<<Loaders as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Loaders: Loader<K, Error = StoreError>,
    {
        // Boxed, like every read below: async-graphql moves a field's future about, and its size is that of its type's
        // largest resolver.
        Box::pin(self.loaders.load_one(key)).await.map_err(|error| internal(&error))
    }

    /// Loads many rows in one batch; what does not exist is not in the answer.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn load_many<K>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<std::collections::HashMap<K, <Loaders as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Loaders: Loader<K, Error = StoreError>,
    {
        Box::pin(self.loaders.load_many(keys)).await.map_err(|error| internal(&error))
    }

    /// A read that is no loader's: in a wave, as theirs, so that how many statements a query takes never depends on timing.
    ///
    /// # Errors
    /// What the read fails with.
    pub async fn read<T, F>(
        &self,
        read: impl FnOnce(Arc<Snapshot>) -> F,
    ) -> std::result::Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = std::result::Result<T, StoreError>> + Send + 'static,
    {
        let in_wave = self.batches.in_wave(read(Arc::clone(&self.snapshot)));
        Box::pin(in_wave).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Who asks, read once; none for an anonymous request, an unknown or a disabled user.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn signed_in(&self) -> Result<Option<&SignedIn>> {
        let Some(user) = self.snapshot.subject() else { return Ok(None) };
        if let Some(known) = self.signed_in.get() {
            return Ok(known.as_ref());
        }
        let read =
            || self.read(|snapshot| async move { signed_in(&mut *snapshot.reader().await?, user).await });
        let found = Box::pin(self.signed_in.get_or_try_init(read)).await.map_err(|error| internal(&error))?;
        Ok(found.as_ref())
    }

    /// Who asks.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn asker(&self) -> Result<&SignedIn> {
        self.signed_in().await?.ok_or_else(unauthenticated)
    }

    /// The one who asks, as decisions know them.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn viewer(&self) -> Result<Viewer> {
        Ok(self.asker().await?.viewer)
    }

    /// The accesses that exist for the one who asks.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn scope(&self) -> Result<Scope> {
        let asker = self.asker().await?;
        Ok(scope(&asker.viewer, asker.portal_access()))
    }

    /// The partners that exist for the one who asks.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn partner_scope(&self) -> Result<PartnerScope> {
        let asker = self.asker().await?;
        Ok(partner_scope(&asker.viewer, asker.portal_access()))
    }

    /// An access, if it exists for the one who asks.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn access(&self, customer: CustomerId, id: AccessId) -> Result<Option<Arc<Access>>> {
        let partner = match self.viewer().await? {
            Viewer::Partner { partner, .. } => Some(partner),
            Viewer::Customer { customer: own, .. } if own != customer => return Ok(None),
            Viewer::Scanner { .. } => return Ok(None),
            Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } => None,
        };
        let list = CustomerAccesses { scope: self.scope().await?, partner, with_partner: false };
        self.load(RowKey { parent: customer, list, id: id.0 }).await
    }

    /// The access through which a partner's user sees a customer; none for anyone else.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn deciding(&self, customer: CustomerId) -> Result<Option<Arc<Access>>> {
        match self.viewer().await? {
            Viewer::Partner { partner, .. } => {
                self.load(DecidingKey { customer, partner, scope: self.scope().await? }).await
            }
            Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. } => Ok(None),
        }
    }

    /// A customer, if it exists for the one who asks: through an access, as the own organisation, or, before the first
    /// access, for an ADMIN of the partner that created it (DESIGN.md 9).
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn customer(&self, id: CustomerId) -> Result<Option<Customer>> {
        let asker = self.asker().await?;
        match asker.viewer {
            Viewer::Partner { partner, role, .. } => match (self.deciding(id).await?, role) {
                (Some(access), _) => Ok(Some(access.customer.clone())),
                (None, PartnerRole::Admin) => self.load(CustomerKey(id, Some(partner))).await,
                (None, PartnerRole::Operator) => Ok(None),
            },
            Viewer::Customer { customer, .. } if customer == id => Ok(asker.customer.clone()),
            Viewer::Customer { .. } | Viewer::Scanner { .. } => Ok(None),
            Viewer::PlatformAdmin { .. } => self.load(CustomerKey(id, None)).await,
        }
    }

    /// What decisions about a customer rest on; `known` is the deciding access where the caller has it already.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn subject(&self, customer: CustomerId, known: Option<&Access>) -> Result<Subject> {
        let asker = self.asker().await?;
        let now = self.now();
        let access = match (&asker.viewer, known) {
            (Viewer::Partner { .. }, Some(access)) => Some(access.facts(now)),
            (Viewer::Partner { .. }, None) => self.deciding(customer).await?.map(|access| access.facts(now)),
            (Viewer::Customer { .. } | Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. }, _) => None,
        };
        Ok(Subject { customer, access, portal_access: asker.portal_access() })
    }

    /// What decisions about one access rest on, each access by itself.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn access_subject(&self, access: &Access) -> Result<Subject> {
        Ok(Subject {
            customer: access.terms.customer,
            access: Some(access.facts(self.now())),
            portal_access: self.asker().await?.portal_access(),
        })
    }

    /// Whether the gate shows COMMERCIAL of the accesses that exist for the one who asks, for filters, orders and totals
    /// that read it: only a customer's portal can hide it.
    ///
    /// # Errors
    /// UNAUTHENTICATED when nobody is signed in.
    pub async fn commercial_visible(&self) -> Result<bool> {
        let viewer = self.viewer().await?;
        match viewer {
            Viewer::Customer { customer, .. } => {
                let subject = self.subject(customer, None).await?;
                Ok(decide(&viewer, DataClass::Commercial, &subject).is_visible())
            }
            Viewer::Partner { .. } | Viewer::PlatformAdmin { .. } => Ok(true),
            Viewer::Scanner { .. } => Ok(false),
        }
    }

    /// The accesses whose posture the gate shows, for filters, orders and searches that read it: each decided by itself, before
    /// any posture is touched.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn posture_visible(&self) -> Result<Arc<PostureVisible>> {
        let asker = self.asker().await?;
        let scope = self.scope().await?;
        if matches!(asker.viewer, Viewer::PlatformAdmin { .. } | Viewer::Scanner { .. }) {
            return Ok(Arc::default());
        }
        let read = || async {
            let terms = self.read(|snapshot| async move {
                store::access::terms(&mut *snapshot.reader().await?, scope).await
            });
            let terms = terms.await?;
            let visible = terms.into_iter().filter_map(|(id, terms, assigned)| {
                let subject = Subject {
                    customer: terms.customer,
                    access: Some(terms.facts_at(self.now(), assigned)),
                    portal_access: asker.portal_access(),
                };
                match grant::<Posture>(&asker.viewer, &subject) {
                    Decision::Visible(grant) => Some((id.0, grant)),
                    Decision::Hidden(_) => None,
                }
            });
            let (accesses, mut grants): (Vec<_>, Vec<_>) = visible.unzip();
            grants.sort_by_key(Grant::of);
            grants.dedup();
            Ok(Arc::new(PostureVisible { accesses: accesses.into(), grants: grants.into() }))
        };
        let found =
            self.posture_visible.get_or_try_init(read).await.map_err(|error: StoreError| internal(&error))?;
        Ok(Arc::clone(found))
    }

    /// The price list of now, for whoever holds a witness of PRICING.
    ///
    /// # Errors
    /// INTERNAL when the database does not answer.
    pub async fn unit_costs<Of: Copy + Send + Sync + 'static>(
        &self,
        grant: &crate::policy::Grant<crate::policy::Pricing, Of>,
    ) -> Result<&[UnitCost]> {
        let (grant, now) = (*grant, self.now());
        let read = || {
            self.read(move |snapshot| async move {
                store::subscription::unit_costs(&mut *snapshot.reader().await?, &grant, now).await
            })
        };
        let found = self.unit_costs.get_or_try_init(read).await.map_err(|error| internal(&error))?;
        Ok(found)
    }
}
