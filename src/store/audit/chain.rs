//! The chains that audit logs are, recomputed from their rows: `posture-gateway audit verify` asks whether anybody changed,
//! removed, added or moved an event since the database chained it. The connection has to see past row security.
//!
//! What is hashed, and how it is written down, is the migrations' (`0005`); here it is said a second time, in Rust.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;

use futures_util::{Stream, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::ids::{AuditEventId, CustomerId, PartnerId};
use crate::store::{Reader, StoreError};

/// A log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    /// A partner's.
    Partner(PartnerId),
    /// A customer's.
    Customer(CustomerId),
}

/// What is wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there, though one after it is.
    Missing,
    /// It is not there, and it was the last one or one of the last.
    Cut,
    /// It was not there when the log was written.
    Added,
    /// It is chained to something else than the event before it.
    Relinked,
    /// It does not say what it said, or its hash was changed.
    Changed,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it is missing, though later events are there",
            Self::Cut => "it is missing: the log ends before the place that its head remembers",
            Self::Added => "it was added past the database's own chain: the head of the log does not know it",
            Self::Relinked => "its link does not lead to the event before it",
            Self::Changed => "what it says is not what its hash was made of",
        })
    }
}

/// The first event of a log that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// In which log.
    pub log: Log,
    /// At which place, counted from 1.
    pub seq: i64,
    /// Its id; none where it is missing.
    pub id: Option<AuditEventId>,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What verifying found.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// How many logs were read.
    pub logs: u64,
    /// How many events.
    pub events: u64,
    /// The first broken event of every log that has one.
    pub breaks: Vec<Break>,
    /// The last event of the last log, with its hash: worth keeping elsewhere, since whoever can rewrite a whole log and its
    /// head can make a chain that holds.
    pub last: Option<(i64, Vec<u8>)>,
}

/// One event as it is chained.
#[derive(Debug)]
struct Link {
    log: Uuid,
    seq: i64,
    id: Uuid,
    /// Microseconds since 1970; none for an instant that no clock shows.
    at: Option<i64>,
    actor_id: Option<Uuid>,
    actor: String,
    action: String,
    customer_id: Option<Uuid>,
    access_id: Option<Uuid>,
    reason: Option<String>,
    old_value: Option<String>,
    new_value: Option<String>,
    request_id: Option<Uuid>,
    /// Of a customer's event: whose it is beside the customer's.
    partner_id: Option<Uuid>,
    previous_hash: Vec<u8>,
    hash: Vec<u8>,
}

/// The end of a log as the database remembers it.
#[derive(Debug)]
struct Head {
    log: Uuid,
    seq: i64,
    hash: Vec<u8>,
}

/// Which of the two kinds of logs.
#[derive(Clone, Copy, Debug)]
enum Side {
    Partner,
    Customer,
}

impl Side {
    const fn log(self, id: Uuid) -> Log {
        match self {
            Self::Partner => Log::Partner(PartnerId(id)),
            Self::Customer => Log::Customer(CustomerId(id)),
        }
    }
}

/// Verifies one log, or all of them, reading each event once and keeping none.
///
/// # Errors
/// When the database does not answer.
pub async fn verify(reader: &mut Reader, which: Option<Log>) -> Result<Verified, StoreError> {
    // A log of years takes longer than a request may.
    sqlx::query!("set local statement_timeout = 0").execute(reader.connection()?).await?;
    let (partner, customer) = match which {
        None => (Some(None), Some(None)),
        Some(Log::Partner(id)) => (Some(Some(id.0)), None),
        Some(Log::Customer(id)) => (None, Some(Some(id.0))),
    };
    let mut verified = Verified::default();
    if let Some(only) = partner {
        let heads = sqlx::query_as!(
            Head,
            "select partner_id as log, seq, hash from partner_audit_heads where $1::uuid is null or partner_id = $1",
            only
        )
        .fetch_all(reader.connection()?)
        .await?;
        let links = sqlx::query_as!(
            Link,
            "select partner_id as log, seq, id,
                    case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint end as at,
                    actor_id, actor, action, customer_id, access_id, reason, old_value, new_value, request_id,
                    null::uuid as partner_id, previous_hash, hash
             from partner_audit_events where $1::uuid is null or partner_id = $1 order by log, seq",
            only
        )
        .fetch(reader.connection()?);
        walk(&mut verified, Side::Partner, heads, links).await?;
    }
    if let Some(only) = customer {
        let heads = sqlx::query_as!(
            Head,
            "select customer_id as log, seq, hash from customer_audit_heads where $1::uuid is null or customer_id = $1",
            only
        )
        .fetch_all(reader.connection()?)
        .await?;
        let links = sqlx::query_as!(
            Link,
            "select customer_id as log, seq, id,
                    case when isfinite(at) then (extract(epoch from at) * 1000000)::bigint end as at,
                    actor_id, actor, action, null::uuid as customer_id, null::uuid as access_id, reason, old_value,
                    new_value, request_id, partner_id, previous_hash, hash
             from customer_audit_events where $1::uuid is null or customer_id = $1 order by log, seq",
            only
        )
        .fetch(reader.connection()?);
        walk(&mut verified, Side::Customer, heads, links).await?;
    }
    Ok(verified)
}

/// A log as far as it was read.
struct Progress {
    log: Uuid,
    seq: i64,
    hash: Vec<u8>,
    broken: bool,
}

/// Follows the chains of one side. `links` come log after log, each in order.
async fn walk(
    verified: &mut Verified,
    side: Side,
    heads: Vec<Head>,
    links: impl Stream<Item = Result<Link, sqlx::Error>>,
) -> Result<(), StoreError> {
    let mut heads: HashMap<Uuid, Head> = heads.into_iter().map(|head| (head.log, head)).collect();
    let mut links = pin!(links);
    let mut at: Option<Progress> = None;
    while let Some(link) = links.try_next().await? {
        let same = at.take_if(|progress| progress.log == link.log);
        if let Some(over) = at.take() {
            end(verified, side, &over, heads.remove(&over.log));
        }
        let mut progress = same.unwrap_or_else(|| {
            verified.logs += 1;
            Progress { log: link.log, seq: 0, hash: Vec::new(), broken: false }
        });
        verified.events += 1;
        if !progress.broken {
            let fault = if link.seq != progress.seq + 1 {
                Some((progress.seq + 1, None, Fault::Missing))
            } else if link.previous_hash != progress.hash {
                Some((link.seq, Some(link.id), Fault::Relinked))
            } else if link.hash != hash(side, &link) {
                Some((link.seq, Some(link.id), Fault::Changed))
            } else if heads.get(&link.log).is_none_or(|head| head.seq < link.seq) {
                Some((link.seq, Some(link.id), Fault::Added))
            } else {
                None
            };
            if let Some((seq, id, fault)) = fault {
                let id = id.map(AuditEventId);
                verified.breaks.push(Break { log: side.log(link.log), seq, id, fault });
                progress.broken = true;
            }
        }
        progress.seq = link.seq;
        progress.hash = link.hash;
        at = Some(progress);
    }
    if let Some(over) = at {
        end(verified, side, &over, heads.remove(&over.log));
    }
    // Logs of which nothing is left but the memory of their end.
    let mut gone: Vec<Head> = heads.into_values().filter(|head| head.seq > 0).collect();
    gone.sort_by_key(|head| head.log);
    for head in gone {
        verified.logs += 1;
        verified.breaks.push(Break { log: side.log(head.log), seq: 1, id: None, fault: Fault::Cut });
    }
    Ok(())
}

/// Compares the end of a log with what its head remembers.
fn end(verified: &mut Verified, side: Side, over: &Progress, head: Option<Head>) {
    verified.last = Some((over.seq, over.hash.clone()));
    let Some(head) = head.filter(|_| !over.broken) else { return };
    if head.seq > over.seq {
        verified.breaks.push(Break {
            log: side.log(over.log),
            seq: over.seq + 1,
            id: None,
            fault: Fault::Cut,
        });
    } else if head.hash != over.hash {
        verified.breaks.push(Break {
            log: side.log(over.log),
            seq: over.seq,
            id: None,
            fault: Fault::Changed,
        });
    }
}

/// The hash that an event has to have: of the one before and of all that it says.
fn hash(side: Side, link: &Link) -> Vec<u8> {
    let mut sha = Sha256::new();
    sha.update(&link.previous_hash);
    let mut field = |value: Option<&str>| match value {
        Some(value) => {
            sha.update(value.len().to_string());
            sha.update(":");
            sha.update(value);
        }
        None => sha.update("-"),
    };
    let text = |id: Uuid| id.to_string();
    field(Some(&text(link.log)));
    field(Some(&link.seq.to_string()));
    field(Some(&text(link.id)));
    field(link.at.map(|at| at.to_string()).as_deref());
    field(link.actor_id.map(text).as_deref());
    field(Some(&link.actor));
    field(Some(&link.action));
    match side {
        Side::Partner => {
            field(link.customer_id.map(text).as_deref());
            field(link.access_id.map(text).as_deref());
        }
        Side::Customer => {}
    }
    field(link.reason.as_deref());
    field(link.old_value.as_deref());
    field(link.new_value.as_deref());
    field(link.request_id.map(text).as_deref());
    match side {
        Side::Partner => {}
        Side::Customer => field(link.partner_id.map(text).as_deref()),
    }
    sha.finalize().to_vec()
}
