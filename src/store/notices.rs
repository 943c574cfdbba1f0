//! What has changed, as the database tells every gateway when a change commits (`migrations/0022_live.sql`): ids alone. A hint and never
//! the truth: whoever is told of it reads anew, through the gate.

use sqlx::Executor as _;
use sqlx::postgres::{PgListener, PgPoolOptions};
use std::time::Duration;
use uuid::Uuid;

use super::{Database, StoreError};
use crate::domain::ids::{AccessId, CustomerId, FindingId, PartnerId, UserId};

/// The channel, named in the migration's triggers as here.
const CHANNEL: &str = "posture_live";

/// How long a connection may say nothing before it is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// How long it may take over that answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thing that has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Some findings of a customer.
    Findings(CustomerId, Vec<FindingId>),
    /// More findings of a customer than are named one by one.
    ManyFindings(CustomerId),
    /// Some accesses.
    Accesses(Vec<(CustomerId, AccessId, PartnerId)>),
    /// Who these users are, what they may, or by what they sign in.
    Users(Vec<UserId>),
}

impl Notice {
    /// Reads a payload; none for one that no trigger writes.
    fn parse(payload: &str) -> Option<Self> {
        let id = |text: &str| text.parse::<Uuid>().ok();
        let (kind, rest) = payload.split_once(' ')?;
        match kind {
            "f" => {
                let (customer, findings) = rest.split_once(' ')?;
                let findings = findings.split(',').map(|text| id(text).map(FindingId));
                Some(Self::Findings(CustomerId(id(customer)?), findings.collect::<Option<_>>()?))
            }
            "m" => Some(Self::ManyFindings(CustomerId(id(rest)?))),
            "a" => {
                let accesses = rest.split(',').map(|text| {
                    let mut parts = text.split('/').map(id);
                    let (customer, access, partner) = (parts.next()??, parts.next()??, parts.next()??);
                    Some((CustomerId(customer), AccessId(access), PartnerId(partner)))
                });
                Some(Self::Accesses(accesses.collect::<Option<_>>()?))
            }
            "u" => {
                Some(Self::Users(rest.split(',').map(|text| id(text).map(UserId)).collect::<Option<_>>()?))
            }
            _ => None,
        }
    }
}

/// A connection that listens. When it fails, what was told meanwhile is lost.
#[derive(Debug)]
pub struct Notices {
    listener: PgListener,
}

impl Database {
    /// Listens, on a connection of its own and outside of any transaction: without a viewer, every table is empty to it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen(&self) -> Result<Notices, StoreError> {
        let options = self.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        // A lost connection is told to the streams, so it must not be mended in silence.
        listener.eager_reconnect(false);
        tokio::time::timeout(PATIENCE, listener.listen(CHANNEL)).await.map_err(|_| StoreError::Closed)??;
        Ok(Notices { listener })
    }
}

impl Notices {
    /// The next notice.
    ///
    /// # Errors
    /// When the connection is lost; it is of no more use then.
    pub async fn next(&mut self) -> Result<Notice, StoreError> {
        loop {
            match tokio::time::timeout(SILENCE, self.listener.try_recv()).await {
                Ok(Ok(Some(notification))) => {
                    if let Some(notice) = Notice::parse(notification.payload()) {
                        return Ok(notice);
                    }
                    tracing::warn!(payload = notification.payload(), "a notification says nothing");
                }
                Ok(Ok(None)) => return Err(StoreError::Closed),
                Ok(Err(error)) => return Err(error.into()),
                // A connection that died without a word looks like one on which nothing happens.
                Err(_) => {
                    tokio::time::timeout(PATIENCE, self.listener.execute("select"))
                        .await
                        .map_err(|_| StoreError::Closed)??;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read() {
        let id = Uuid::from_u128;
        let text = |n: u128| id(n).to_string();
        let parsed = |payload: String| Notice::parse(&payload);
        assert_eq!(
            parsed(format!("f {} {},{}", text(1), text(2), text(3))),
            Some(Notice::Findings(CustomerId(id(1)), vec![FindingId(id(2)), FindingId(id(3))]))
        );
        assert_eq!(parsed(format!("m {}", text(1))), Some(Notice::ManyFindings(CustomerId(id(1)))));
        assert_eq!(
            parsed(format!("a {}/{}/{}", text(1), text(2), text(3))),
            Some(Notice::Accesses(vec![(CustomerId(id(1)), AccessId(id(2)), PartnerId(id(3)))]))
        );
        assert_eq!(parsed(format!("u {}", text(7))), Some(Notice::Users(vec![UserId(id(7))])));
        for nonsense in ["", "f", "f 1 2", "m", "x 1", "a 1/2", "u"] {
            assert_eq!(Notice::parse(nonsense), None, "{nonsense}");
        }
    }
}
