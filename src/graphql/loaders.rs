//! Request-scoped data loaders: every resolver reads through them, so a relation is one statement whatever the query's
//! shape, and each row is read once.
//!
//! A loader lives and dies with its request's snapshot, so nothing decided for one viewer can reach another.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use crate::domain::finding::SeverityCounts;
use crate::domain::ids::{
    AccessId, AssetId, CustomerId, EvidenceId, PartnerId, ScanId, ScanScheduleId, UserId,
};
use crate::domain::sla::SlaPolicy;
use crate::policy::{Activity, Commercial, Grant, PartnerScope, Posture, Scope, SecurityConfig};
use crate::store::access::Access;
use crate::store::asset::Asset;
use crate::store::customer::Customer;
use crate::store::dashboard::AccessSummary;
use crate::store::evidence::Attachments;
use crate::store::exposure::Onlooker;
use crate::store::list::{List, Page, Window, by_ids, pages};
use crate::store::partner::Partner;
use crate::store::posture::Rollup;
use crate::store::scan::ScanReport;
use crate::store::security::SecurityConfiguration;
use crate::store::subscription::Subscription;
use crate::store::trend::{PostureChanges, PosturePoint};
use crate::store::{self, Snapshot, StoreError};

/// Loads in the request's snapshot.
pub struct Loaders(pub Arc<Snapshot>);

/// A page of a list of one parent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PageKey<L: List> {
    /// Of whom.
    pub parent: L::Parent,
    /// Which list.
    pub list: L,
    /// Which part of it.
    pub window: Window,
}

/// An element of a list by its id.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RowKey<L: List> {
    /// Of whom.
    pub parent: L::Parent,
    /// Which list.
    pub list: L,
    /// The element's own id.
    pub id: Uuid,
}

/// The organisation of a customer; where a partner is given, only if that one created it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CustomerKey(pub CustomerId, pub Option<PartnerId>);

/// A partner, if it exists for the viewer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartnerKey(pub PartnerId, pub PartnerScope);

/// The access that decides what a partner's user sees of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecidingKey {
    /// Of whom.
    pub customer: CustomerId,
    /// Through whose access.
    pub partner: PartnerId,
    /// Among which.
    pub scope: Scope,
}

/// The subscription of an access.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionKey(pub Grant<Commercial>, pub AccessId);

/// What a partner's dashboard counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SummariesKey(pub PartnerId, pub Scope);

/// The counts of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RollupKey(pub Grant<Posture>);

/// The SLA policy of a customer, if it has one of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlaKey(pub Grant<Posture>);

/// The open findings of an asset.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssetFindingsKey(pub Grant<Posture>, pub AssetId);

/// The report of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReportKey(pub Grant<Posture>, pub ScanId);

/// What names targets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Targeted {
    /// A scan.
    Scan(ScanId),
    /// A schedule.
    Schedule(ScanScheduleId),
}

/// The targets of a scan or a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetsKey(pub Grant<Posture>, pub Targeted);

/// What a record of evidence is attached to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttachmentsKey(pub Grant<Posture>, pub EvidenceId);

/// Who could see a customer at an instant, or as everything stands now.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExposureKey(pub Grant<Activity>, pub Option<DateTime<Utc>>);

/// The posture of a customer on each day from one to another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrendKey(pub Grant<Posture>, pub NaiveDate, pub NaiveDate);

/// What is new at a customer since an instant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangesKey(pub Grant<Posture>, pub DateTime<Utc>);

/// When the viewer looked last.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitKey(pub UserId);

/// The security configuration of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityKey(pub Grant<SecurityConfig>);

/// Sorts keys by what has to share a statement.
fn grouped<K: Clone, G: Eq + Hash, P>(keys: &[K], split: impl Fn(&K) -> (G, P)) -> HashMap<G, Vec<P>> {
    let mut groups: HashMap<G, Vec<P>> = HashMap::new();
    for key in keys {
        let (group, part) = split(key);
        groups.entry(group).or_default().push(part);
    }
    groups
}

impl<L: List> Loader<PageKey<L>> for Loaders {
    type Value = Arc<Page<L::Row>>;
    type Error = StoreError;

    async fn load(&self, keys: &[PageKey<L>]) -> Result<HashMap<PageKey<L>, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for ((list, window), parents) in grouped(keys, |k| ((k.list.clone(), k.window.clone()), k.parent)) {
            let loaded = pages(&mut *self.0.reader().await?, &parents, &list, &window).await?;
            for (parent, page) in loaded {
                found.insert(PageKey { parent, list: list.clone(), window: window.clone() }, Arc::new(page));
            }
        }
        Ok(found)
    }
}

impl<L: List> Loader<RowKey<L>> for Loaders
where
    L::Row: Identified<L::Parent>,
{
    type Value = Arc<L::Row>;
    type Error = StoreError;

    async fn load(&self, keys: &[RowKey<L>]) -> Result<HashMap<RowKey<L>, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for (list, ids) in grouped(keys, |k| (k.list.clone(), (k.parent, k.id))) {
            let parents: HashMap<(Uuid, Uuid), L::Parent> =
                ids.iter().map(|(parent, id)| ((L::parent(parent), *id), *parent)).collect();
            for row in by_ids(&mut *self.0.reader().await?, &list, &ids).await? {
                let (tenant, id) = row.key();
                if let Some(parent) = parents.get(&(tenant, id)) {
                    found.insert(RowKey { parent: *parent, list: list.clone(), id }, Arc::new(row));
                }
            }
        }
        Ok(found)
    }
}

/// A row that knows its parent's id and its own.
pub trait Identified<Parent> {
    /// The parent's id and its own.
    fn key(&self) -> (Uuid, Uuid);
}

macro_rules! identified {
    ($($row:path, $parent:ty: |$this:ident| $key:expr;)*) => {$(
        impl Identified<$parent> for $row {
            fn key(&self) -> (Uuid, Uuid) {
                let $this = self;
                $key
            }
        }
    )*};
}

identified! {
    Access, CustomerId: |row| (row.terms.customer.0, row.id.0);
    store::finding::Finding, Grant<Posture>: |row| (row.customer.0, row.id.0);
    Asset, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::component::Component, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::scan::Scan, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::scan::ScanSchedule, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::evidence::Evidence, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::evidence::PostureShare, Grant<Posture>: |row| (row.customer.0, row.id.0);
    store::quote::Quote, Grant<Commercial, PartnerId>: |row| (row.partner.0, row.id.0);
    store::api_key::PartnerApiKey, Grant<Commercial, PartnerId>: |row| (row.partner.0, row.id.0);
    store::people::PartnerUser, Grant<Commercial, PartnerId>: |row| (row.partner.0, row.id.0);
    store::people::CustomerUser, Grant<SecurityConfig>: |row| (row.customer.0, row.id.0);
    store::audit::CustomerAuditEvent, Grant<Activity>: |row| (row.customer.0, row.event.id.0);
    store::audit::PartnerAuditEvent, Grant<Commercial, PartnerId>: |row| (row.partner.0, row.event.id.0);
}

impl Loader<CustomerKey> for Loaders {
    type Value = Customer;
    type Error = StoreError;

    async fn load(&self, keys: &[CustomerKey]) -> Result<HashMap<CustomerKey, Customer>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for (by, ids) in grouped(keys, |k| (k.1, k.0)) {
            for row in store::customer::by_ids(&mut *self.0.reader().await?, &ids, by).await? {
                found.insert(CustomerKey(row.id, by), row);
            }
        }
        Ok(found)
    }
}

impl Loader<PartnerKey> for Loaders {
    type Value = Partner;
    type Error = StoreError;

    async fn load(&self, keys: &[PartnerKey]) -> Result<HashMap<PartnerKey, Partner>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for (scope, ids) in grouped(keys, |k| (k.1, k.0)) {
            for row in store::partner::by_ids(&mut *self.0.reader().await?, scope, &ids).await? {
                found.insert(PartnerKey(row.id, scope), row);
            }
        }
        Ok(found)
    }
}

impl Loader<DecidingKey> for Loaders {
    type Value = Arc<Access>;
    type Error = StoreError;

    async fn load(&self, keys: &[DecidingKey]) -> Result<HashMap<DecidingKey, Arc<Access>>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for ((scope, partner), customers) in grouped(keys, |k| ((k.scope, k.partner), k.customer)) {
            for row in
                store::access::deciding(&mut *self.0.reader().await?, scope, partner, &customers).await?
            {
                found.insert(DecidingKey { customer: row.terms.customer, partner, scope }, Arc::new(row));
            }
        }
        Ok(found)
    }
}

impl Loader<SubscriptionKey> for Loaders {
    type Value = Arc<Subscription>;
    type Error = StoreError;

    async fn load(
        &self,
        keys: &[SubscriptionKey],
    ) -> Result<HashMap<SubscriptionKey, Self::Value>, StoreError> {
        let wanted: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let grants: HashMap<CustomerId, Grant<Commercial>> =
            keys.iter().map(|key| (key.0.of(), key.0)).collect();
        let rows =
            store::subscription::by_accesses(&mut *self.0.reader().await?, &wanted, self.0.now()).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| Some((SubscriptionKey(*grants.get(&row.customer)?, row.access), Arc::new(row))))
            .collect())
    }
}

impl Loader<SummariesKey> for Loaders {
    type Value = Arc<Vec<AccessSummary>>;
    type Error = StoreError;

    async fn load(&self, keys: &[SummariesKey]) -> Result<HashMap<SummariesKey, Self::Value>, StoreError> {
        let mut found: HashMap<SummariesKey, Vec<AccessSummary>> =
            keys.iter().map(|key| (*key, Vec::new())).collect();
        for (scope, partners) in grouped(keys, |k| (k.1, k.0)) {
            let rows =
                store::dashboard::accesses(&mut *self.0.reader().await?, scope, &partners, self.0.now())
                    .await?;
            for row in rows {
                found.entry(SummariesKey(row.terms.partner, scope)).or_default().push(row);
            }
        }
        Ok(found.into_iter().map(|(key, rows)| (key, Arc::new(rows))).collect())
    }
}

impl Loader<RollupKey> for Loaders {
    type Value = Rollup;
    type Error = StoreError;

    async fn load(&self, keys: &[RollupKey]) -> Result<HashMap<RollupKey, Rollup>, StoreError> {
        let grants: Vec<_> = keys.iter().map(|key| key.0).collect();
        let rows = store::posture::rollups(&mut *self.0.reader().await?, &grants, self.0.now()).await?;
        let rows: HashMap<CustomerId, Rollup> = rows.into_iter().collect();
        Ok(keys.iter().map(|key| (*key, rows.get(&key.0.of()).copied().unwrap_or_default())).collect())
    }
}

impl Loader<SlaKey> for Loaders {
    type Value = SlaPolicy;
    type Error = StoreError;

    async fn load(&self, keys: &[SlaKey]) -> Result<HashMap<SlaKey, SlaPolicy>, StoreError> {
        let grants: Vec<_> = keys.iter().map(|key| key.0).collect();
        let own = store::sla::policies(&mut *self.0.reader().await?, &grants).await?;
        Ok(keys.iter().filter_map(|key| Some((*key, *own.get(&key.0.of())?))).collect())
    }
}

impl Loader<AssetFindingsKey> for Loaders {
    type Value = SeverityCounts;
    type Error = StoreError;

    async fn load(
        &self,
        keys: &[AssetFindingsKey],
    ) -> Result<HashMap<AssetFindingsKey, SeverityCounts>, StoreError> {
        let wanted: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let mut counts: HashMap<(CustomerId, AssetId), SeverityCounts> = HashMap::new();
        for (key, some) in store::asset::open_findings(&mut *self.0.reader().await?, &wanted).await? {
            counts.entry(key).or_default().merge(some);
        }
        Ok(keys
            .iter()
            .map(|key| (*key, counts.get(&(key.0.of(), key.1)).copied().unwrap_or_default()))
            .collect())
    }
}

impl Loader<ReportKey> for Loaders {
    type Value = Arc<ScanReport>;
    type Error = StoreError;

    async fn load(&self, keys: &[ReportKey]) -> Result<HashMap<ReportKey, Self::Value>, StoreError> {
        let wanted: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let grants: HashMap<CustomerId, Grant<Posture>> =
            keys.iter().map(|key| (key.0.of(), key.0)).collect();
        let rows = store::scan::reports(&mut *self.0.reader().await?, &wanted).await?;
        Ok(rows
            .into_iter()
            .filter_map(|((customer, scan), report)| {
                Some((ReportKey(*grants.get(&customer)?, scan), Arc::new(report)))
            })
            .collect())
    }
}

impl Loader<TargetsKey> for Loaders {
    type Value = Arc<Vec<Asset>>;
    type Error = StoreError;

    async fn load(&self, keys: &[TargetsKey]) -> Result<HashMap<TargetsKey, Self::Value>, StoreError> {
        let (mut scans, mut schedules) = (Vec::new(), Vec::new());
        for TargetsKey(grant, of) in keys {
            match of {
                Targeted::Scan(scan) => scans.push((*grant, scan.0)),
                Targeted::Schedule(schedule) => schedules.push((*grant, schedule.0)),
            }
        }
        let mut reader = self.0.reader().await?;
        let mut rows = Vec::new();
        if !scans.is_empty() {
            rows.append(&mut store::scan::scan_targets(&mut reader, &scans).await?);
        }
        if !schedules.is_empty() {
            rows.append(&mut store::scan::schedule_targets(&mut reader, &schedules).await?);
        }
        // Ids are random: a scan and a schedule have none in common.
        let mut targets: HashMap<(CustomerId, Uuid), Vec<Asset>> = HashMap::new();
        for (key, asset) in rows {
            targets.entry(key).or_default().push(asset);
        }
        let id = |of| match of {
            Targeted::Scan(scan) => scan.0,
            Targeted::Schedule(schedule) => schedule.0,
        };
        Ok(keys
            .iter()
            .map(|key| (*key, Arc::new(targets.remove(&(key.0.of(), id(key.1))).unwrap_or_default())))
            .collect())
    }
}

impl Loader<SecurityKey> for Loaders {
    type Value = Arc<SecurityConfiguration>;
    type Error = StoreError;

    async fn load(&self, keys: &[SecurityKey]) -> Result<HashMap<SecurityKey, Self::Value>, StoreError> {
        let grants: Vec<_> = keys.iter().map(|key| key.0).collect();
        let mut found = store::security::configurations(&mut *self.0.reader().await?, &grants).await?;
        Ok(keys.iter().map(|key| (*key, Arc::new(found.remove(&key.0.of()).unwrap_or_default()))).collect())
    }
}

impl Loader<ExposureKey> for Loaders {
    type Value = Arc<Vec<Onlooker>>;
    type Error = StoreError;

    /// A statement for each instant asked about.
    async fn load(&self, keys: &[ExposureKey]) -> Result<HashMap<ExposureKey, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for key in keys {
            let onlookers = store::exposure::onlookers(&mut *self.0.reader().await?, &key.0, key.1).await?;
            found.insert(*key, Arc::new(onlookers));
        }
        Ok(found)
    }
}

impl Loader<AttachmentsKey> for Loaders {
    type Value = Arc<Attachments>;
    type Error = StoreError;

    async fn load(
        &self,
        keys: &[AttachmentsKey],
    ) -> Result<HashMap<AttachmentsKey, Self::Value>, StoreError> {
        let wanted: Vec<_> = keys.iter().map(|key| (key.0, key.1)).collect();
        let mut found = store::evidence::attachments(&mut *self.0.reader().await?, &wanted).await?;
        let of = |key: &AttachmentsKey| (key.0.of(), key.1);
        Ok(keys.iter().filter_map(|key| Some((*key, Arc::new(found.remove(&of(key))?)))).collect())
    }
}

impl Loader<TrendKey> for Loaders {
    type Value = Arc<Vec<PosturePoint>>;
    type Error = StoreError;

    async fn load(&self, keys: &[TrendKey]) -> Result<HashMap<TrendKey, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for ((since, until), grants) in grouped(keys, |k| ((k.1, k.2), k.0)) {
            let mut points =
                store::trend::points(&mut *self.0.reader().await?, &grants, since, until).await?;
            for grant in grants {
                let own = points.remove(&grant.of()).unwrap_or_default();
                found.insert(TrendKey(grant, since, until), Arc::new(own));
            }
        }
        Ok(found)
    }
}

impl Loader<ChangesKey> for Loaders {
    type Value = PostureChanges;
    type Error = StoreError;

    async fn load(&self, keys: &[ChangesKey]) -> Result<HashMap<ChangesKey, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for (since, grants) in grouped(keys, |k| (k.1, k.0)) {
            let changes = store::trend::changes(&mut *self.0.reader().await?, &grants, since).await?;
            for grant in grants {
                let own = changes.get(&grant.of()).copied().unwrap_or_default();
                found.insert(ChangesKey(grant, since), own);
            }
        }
        Ok(found)
    }
}

impl Loader<VisitKey> for Loaders {
    type Value = DateTime<Utc>;
    type Error = StoreError;

    /// A viewer has one row, and a request one viewer.
    async fn load(&self, keys: &[VisitKey]) -> Result<HashMap<VisitKey, Self::Value>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        for key in keys {
            let last = store::visit::last(&mut *self.0.reader().await?, key.0).await?;
            found.extend(last.map(|at| (*key, at)));
        }
        Ok(found)
    }
}
