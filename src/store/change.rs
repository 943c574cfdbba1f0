//! A change and the events that record it, as one statement: neither is there without the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use sqlx::query_builder::Separated;
use sqlx::{Postgres, QueryBuilder};
use uuid::{Timestamp, Uuid};

use super::{StoreError, Writer};
use crate::domain::ids::{AccessId, CustomerId, PartnerId, UserId};

/// Who changes something, when, and in which request.
#[derive(Clone, Debug)]
pub struct Author {
    /// The user's name, as the log will always show it.
    pub name: String,
    /// Who that is.
    pub user: UserId,
    /// The request's instant.
    pub now: DateTime<Utc>,
    /// The request.
    pub request: Uuid,
    /// How many ids were made.
    made: Arc<AtomicU32>,
}

impl Author {
    /// An author who has made nothing yet.
    #[must_use]
    pub fn new(name: String, user: UserId, now: DateTime<Utc>, request: Uuid) -> Self {
        Self { name, user, now, request, made: Arc::default() }
    }

    /// An id in the order of time, and of one author in the order of making: what is written together lies together, and
    /// events of one instant are listed in their order.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let seconds = u64::try_from(self.now.timestamp()).unwrap_or_default();
        let nth = self.made.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v7(Timestamp::from_unix_time(seconds, self.now.timestamp_subsec_nanos(), nth.into(), 12))
    }
}

/// What an event says.
#[derive(Clone, Debug, Default)]
pub struct Event<'e> {
    /// What happened, for instance `access.operating_model_changed`.
    pub action: &'static str,
    /// Why, in the author's words.
    pub reason: Option<&'e str>,
    /// What was before.
    pub old_value: Option<&'e str>,
    /// What is now.
    pub new_value: Option<&'e str>,
}

/// An event in the log of a partner or of a customer, with whom else it names.
struct Recorded<N> {
    log: Uuid,
    names: N,
    id: Uuid,
    action: &'static str,
    said: [Option<String>; 3],
}

/// Rows to change and events to record, gathered and then sent as one statement.
pub struct Changes<'a> {
    author: &'a Author,
    sql: QueryBuilder<Postgres>,
    parts: usize,
    of_partners: Vec<Recorded<Option<(CustomerId, AccessId)>>>,
    of_customers: Vec<Recorded<Option<PartnerId>>>,
}

impl<'a> Changes<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new(author: &'a Author) -> Self {
        let sql = QueryBuilder::new("");
        Self { author, sql, parts: 0, of_partners: Vec::new(), of_customers: Vec::new() }
    }

    /// Who changes.
    #[must_use]
    pub const fn author(&self) -> &'a Author {
        self.author
    }

    /// Adds a statement that changes rows; all of them see the tables as they were before.
    pub fn change(&mut self, statement: impl FnOnce(&mut QueryBuilder<Postgres>)) -> &mut Self {
        self.sql.push(if self.parts == 0 { "with c" } else { ", c" }).push(self.parts).push(" as (");
        statement(&mut self.sql);
        self.sql.push(")");
        self.parts += 1;
        self
    }

    /// Records an event in a partner's log.
    pub fn record_for_partner(
        &mut self,
        partner: PartnerId,
        about: Option<(CustomerId, AccessId)>,
        event: &Event<'_>,
    ) -> &mut Self {
        let recorded = self.recorded(partner.0, about, event);
        self.of_partners.push(recorded);
        self
    }

    fn recorded<N>(&self, log: Uuid, names: N, event: &Event<'_>) -> Recorded<N> {
        let said = [event.reason, event.old_value, event.new_value].map(|value| value.map(str::to_owned));
        Recorded { log, names, id: self.author.new_id(), action: event.action, said }
    }

    /// Records an event in the log of every partner that is billed in a currency.
    pub fn record_for_partners_billed_in(&mut self, currency: &str, event: &Event<'_>) -> &mut Self {
        let author = self.author;
        self.change(|sql| {
            sql.push(
                "insert into partner_audit_events (partner_id, id, at, actor, actor_id, action, reason, old_value, new_value, \
                 request_id) select p.id, gen_random_uuid()",
            );
            said(sql, author, event);
            // In one order, so that two writers wait for each other and never in a circle.
            sql.push(" from partners p where p.currency = ").push_bind(currency.to_owned());
            sql.push(" order by p.id");
        })
    }

    /// Records an event in a customer's log. What is between the customer and one partner, or what that partner's people did,
    /// no other partner of the customer is told.
    pub fn record_for_customer(
        &mut self,
        customer: CustomerId,
        with: Option<PartnerId>,
        event: &Event<'_>,
    ) -> &mut Self {
        let recorded = self.recorded(customer.0, with, event);
        self.of_customers.push(recorded);
        self
    }

    /// Records an event about an access on both sides.
    pub fn record_for_both(
        &mut self,
        partner: PartnerId,
        (customer, access): (CustomerId, AccessId),
        event: &Event<'_>,
    ) -> &mut Self {
        self.record_for_partner(partner, Some((customer, access)), event).record_for_customer(
            customer,
            Some(partner),
            event,
        )
    }

    /// Sends everything. The events of one side are the rows of one insertion, and so are chained in their order: of several
    /// insertions PostgreSQL does the last one first, and promises nothing. A partner's log is written before a customer's, as
    /// everywhere, so that two writers wait for each other and never in a circle.
    ///
    /// # Errors
    /// When the database refuses any part; then nothing of it is done.
    pub async fn execute(mut self, writer: &mut Writer) -> Result<(), StoreError> {
        let author = self.author;
        let (of_partners, of_customers) =
            (std::mem::take(&mut self.of_partners), std::mem::take(&mut self.of_customers));
        if !of_customers.is_empty() {
            self.change(|sql| {
                sql.push(
                    "insert into customer_audit_events (customer_id, partner_id, id, at, actor, actor_id, action, reason, \
                     old_value, new_value, request_id) ",
                );
                sql.push_values(of_customers, |mut row, event| {
                    row.push_bind(event.log);
                    row.push_bind(event.names.map(|partner| partner.0));
                    values(&mut row, author, (event.id, event.action), event.said);
                });
            });
        }
        if !of_partners.is_empty() {
            self.change(|sql| {
                sql.push(
                    "insert into partner_audit_events (partner_id, customer_id, access_id, id, at, actor, actor_id, action, \
                     reason, old_value, new_value, request_id) ",
                );
                sql.push_values(of_partners, |mut row, event| {
                    row.push_bind(event.log);
                    row.push_bind(event.names.map(|(customer, _)| customer.0));
                    row.push_bind(event.names.map(|(_, access)| access.0));
                    values(&mut row, author, (event.id, event.action), event.said);
                });
            });
        }
        self.sql.push(" select");
        self.sql.build().execute(writer.connection()?).await?;
        Ok(())
    }
}

/// What every event says.
fn values(
    row: &mut Separated<'_, Postgres, &'static str>,
    author: &Author,
    (id, action): (Uuid, &'static str),
    said: [Option<String>; 3],
) {
    row.push_bind(id);
    row.push_bind(author.now);
    row.push_bind(author.name.clone());
    row.push_bind(author.user.0);
    row.push_bind(action);
    for value in said {
        row.push_bind(value);
    }
    row.push_bind(author.request);
}

fn said(sql: &mut QueryBuilder<Postgres>, author: &Author, event: &Event<'_>) {
    sql.push(", ").push_bind(author.now);
    sql.push(", ").push_bind(author.name.clone());
    sql.push(", ").push_bind(author.user.0);
    sql.push(", ").push_bind(event.action);
    for value in [event.reason, event.old_value, event.new_value] {
        sql.push(", ").push_bind(value.map(str::to_owned));
    }
    sql.push(", ").push_bind(author.request);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_author_ascend() {
        let at = DateTime::from_timestamp(1_781_524_800, 123_456_000).unwrap_or_default();
        let author = Author::new("Ada".to_owned(), UserId(Uuid::nil()), at, Uuid::nil());
        let ids: Vec<_> = (0..100).map(|_| author.new_id()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        assert_eq!(ids[0].get_timestamp().map(|at| at.to_unix().0), Some(1_781_524_800));
    }
}
