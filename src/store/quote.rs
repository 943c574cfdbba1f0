//! Quotes: what a partner offers a customer, and the access and subscription that come of it.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::change::{Changes, Event};
use super::list::{Direction, KeyKind, KeyValue, List, Position, SortKey};
use super::{StoreError, Writer};
use crate::domain::access::{AccessStatus, OperatingModel, Privilege};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, PartnerId, QuoteId};
use crate::domain::money::Money;
use crate::domain::subscription::{BillingCycle, CONVERSION_WINDOW, LicenseModel, SubscriptionStatus};
use crate::policy::{Commercial, Grant};

/// An offer of a partner to a customer, with the prices of its day.
#[derive(Clone, Debug)]
pub struct Quote {
    /// Its id, unique within the customer.
    pub id: QuoteId,
    /// To whom.
    pub customer: CustomerId,
    /// Whose.
    pub partner: PartnerId,
    /// The plan's name.
    pub plan: String,
    /// What the licence counts.
    pub license_model: LicenseModel,
    /// How many are licensed.
    pub quantity: Option<i32>,
    /// How often it is billed.
    pub billing_cycle: BillingCycle,
    /// The model of the access, unless it starts with a trial.
    pub operating_model: OperatingModel,
    /// How long the trial is that it starts with, in days.
    pub trial_days: Option<i32>,
    /// What the end customer pays a billing cycle, without add-ons.
    pub price: Decimal,
    /// In which currency (ISO 4217).
    pub currency: String,
    /// What is added to the plan.
    pub add_ons: Vec<QuotedAddOn>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was accepted.
    pub accepted_at: Option<DateTime<Utc>>,
    /// What became of it.
    pub access: Option<AccessId>,
}

/// Something added to a quoted plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuotedAddOn {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What the end customer pays for it a billing cycle.
    pub price: Decimal,
}

const COLUMNS: &str = "t.customer_id, t.id, t.partner_id, t.plan, t.license_model, t.quantity, t.billing_cycle, \
                       t.operating_model, t.trial_days, t.price, t.currency, t.add_ons, t.created_at, t.accepted_at, t.access_id";

/// A partner's quotes, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartnerQuotes;

impl List for PartnerQuotes {
    type Parent = Grant<Commercial, PartnerId>;
    type Row = Quote;

    const NAME: &'static str = "Partner.quotes";
    const PARENT: &'static str = "t.partner_id";
    const ID: &'static str = "t.id";

    fn columns(&self) -> &'static str {
        COLUMNS
    }

    fn parent(grant: &Self::Parent) -> Uuid {
        grant.of().0
    }

    fn from(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push("quotes t");
    }

    fn filter(&self, _: &mut QueryBuilder<Postgres>) {}

    fn order(&self) -> Vec<SortKey> {
        let direction = Direction::Descending;
        vec![
            SortKey { expression: "t.created_at", kind: KeyKind::Time, direction },
            SortKey { expression: "t.id", kind: KeyKind::Id, direction },
        ]
    }

    fn order_name(&self) -> &'static str {
        ""
    }

    fn position(&self, row: &Quote) -> Position {
        vec![KeyValue::time(Some(row.created_at)), KeyValue::id(row.id.0)]
    }

    fn row(&self, row: &PgRow) -> Result<Quote, StoreError> {
        read(row)
    }
}

fn read(row: &PgRow) -> Result<Quote, StoreError> {
    let Json(add_ons) = row.try_get("add_ons")?;
    Ok(Quote {
        id: QuoteId(row.try_get("id")?),
        customer: CustomerId(row.try_get("customer_id")?),
        partner: PartnerId(row.try_get("partner_id")?),
        plan: row.try_get("plan")?,
        license_model: row.try_get::<&str, _>("license_model")?.parse()?,
        quantity: row.try_get("quantity")?,
        billing_cycle: row.try_get::<&str, _>("billing_cycle")?.parse()?,
        operating_model: row.try_get::<&str, _>("operating_model")?.parse()?,
        trial_days: row.try_get("trial_days")?,
        price: row.try_get("price")?,
        currency: row.try_get("currency")?,
        add_ons,
        created_at: row.try_get("created_at")?,
        accepted_at: row.try_get("accepted_at")?,
        access: row.try_get::<Option<Uuid>, _>("access_id")?.map(AccessId),
    })
}

/// A customer that nobody else changes until the transaction ends.
#[derive(Clone, Debug)]
pub struct Buyer {
    /// Who.
    pub id: CustomerId,
    /// Its name.
    pub name: String,
    /// What its own users may do.
    pub portal_access: PortalAccess,
}

/// Locks a customer that a partner may sell to, the one that created it or has an access to it; none where it does not exist for
/// them.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_buyer(
    writer: &mut Writer,
    partner: PartnerId,
    id: CustomerId,
) -> Result<Option<Buyer>, StoreError> {
    let row = sqlx::query!(
        "select c.name, c.portal_access from customers c
         where c.customer_id = $1 and (c.created_by = $2 or exists (select from accesses a
               where a.customer_id = c.customer_id and a.partner_id = $2))
         for no key update",
        id.0,
        partner.0
    )
    .fetch_optional(writer.connection()?)
    .await?;
    Ok(row.map(|row| Buyer { id, name: row.name, portal_access: PortalAccess::from_rank(row.portal_access) }))
}

/// A quote of a partner; lock its customer first, so that it is accepted once.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    writer: &mut Writer,
    partner: PartnerId,
    (customer, id): (CustomerId, QuoteId),
) -> Result<Option<Quote>, StoreError> {
    let mut sql = QueryBuilder::new(format!("select {COLUMNS} from quotes t where t.customer_id = "));
    sql.push_bind(customer.0).push(" and t.id = ").push_bind(id.0);
    sql.push(" and t.partner_id = ").push_bind(partner.0);
    sql.build().fetch_optional(writer.connection()?).await?.as_ref().map(read).transpose()
}

/// Whether the pair has a live access.
///
/// # Errors
/// When the database does not answer.
pub async fn has_live_access(
    writer: &mut Writer,
    customer: CustomerId,
    partner: PartnerId,
) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"select exists (select from accesses
                          where customer_id = $1 and partner_id = $2 and status <> 'ENDED') as "live!""#,
        customer.0,
        partner.0
    )
    .fetch_one(writer.connection()?)
    .await?;
    Ok(row.live)
}

/// How the access starts that comes of a quote: with a trial it is CUSTOMER_MANAGED whatever the quote says (DESIGN.md 6).
struct Start {
    status: AccessStatus,
    model: OperatingModel,
    subscription: SubscriptionStatus,
    trial_ends_at: Option<DateTime<Utc>>,
}

impl Start {
    fn of(quote: &Quote, now: DateTime<Utc>) -> Self {
        match quote.trial_days {
            Some(days) => Self {
                status: AccessStatus::Trial,
                model: OperatingModel::CustomerManaged,
                subscription: SubscriptionStatus::Trialing,
                trial_ends_at: Some(now + TimeDelta::days(days.into())),
            },
            None => Self {
                status: AccessStatus::Active,
                model: quote.operating_model,
                subscription: SubscriptionStatus::Active,
                trial_ends_at: None,
            },
        }
    }
}

impl Changes<'_> {
    /// Keeps a quote. It concerns the partner alone until it is accepted.
    pub fn add_quote(&mut self, quote: &Quote) -> &mut Self {
        self.change(|sql| {
            sql.push(
                "insert into quotes (customer_id, id, partner_id, plan, license_model, quantity, billing_cycle, \
                 operating_model, trial_days, price, currency, add_ons, created_at) values (",
            );
            sql.push_bind(quote.customer.0);
            sql.push(", ").push_bind(quote.id.0);
            sql.push(", ").push_bind(quote.partner.0);
            sql.push(", ").push_bind(quote.plan.clone());
            sql.push(", ").push_bind(quote.license_model.as_str());
            sql.push(", ").push_bind(quote.quantity);
            sql.push(", ").push_bind(quote.billing_cycle.as_str());
            sql.push(", ").push_bind(quote.operating_model.as_str());
            sql.push(", ").push_bind(quote.trial_days);
            sql.push(", ").push_bind(quote.price);
            sql.push(", ").push_bind(quote.currency.clone());
            sql.push(", ").push_bind(Json(quote.add_ons.clone()));
            sql.push(", ").push_bind(quote.created_at).push(")");
        });
        let price = Money::new(quote.price, quote.currency.clone());
        let said = format!("{} {} {price}", quote.plan, quote.billing_cycle);
        self.record_for_partner(
            quote.partner,
            None,
            &Event { action: "quote.created", new_value: Some(&said), ..Event::default() },
        )
    }

    /// Makes the access and the subscription of a quote, for which `Buyer` is locked, and records it on both sides. An
    /// access that starts FULLY_MANAGED lowers a FULL portal.
    pub fn accept_quote(&mut self, quote: &Quote, buyer: &Buyer, access: AccessId) -> &mut Self {
        let now = self.author().now;
        let start = Start::of(quote, now);
        let key = (quote.customer, access);
        self.insert_access(quote, buyer, access, &start);
        self.insert_subscription(quote, access, &start);
        self.change(|sql| {
            sql.push("update quotes set accepted_at = ").push_bind(now);
            sql.push(", access_id = ").push_bind(access.0);
            sql.push(" where customer_id = ").push_bind(quote.customer.0);
            sql.push(" and id = ").push_bind(quote.id.0);
        });
        let said = match start.trial_ends_at {
            Some(ends_at) => {
                let ends_at = ends_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
                format!("{} {} until {ends_at}", start.status, start.model)
            }
            None => format!("{} {}", start.status, start.model),
        };
        let created = Event { action: "access.created", new_value: Some(&said), ..Event::default() };
        self.record_for_both(quote.partner, key, &created);
        self.lower_portal(quote.partner, key, (start.model, buyer.portal_access), None)
    }

    fn insert_access(&mut self, quote: &Quote, buyer: &Buyer, access: AccessId, start: &Start) {
        let now = self.author().now;
        self.change(|sql| {
            sql.push(
                "insert into accesses (customer_id, id, partner_id, customer_name, status, operating_model, privilege_ceiling, \
                 customer_consent, trial_started_at, trial_ends_at, trial_convert_by, created_at) values (",
            );
            sql.push_bind(quote.customer.0);
            sql.push(", ").push_bind(access.0);
            sql.push(", ").push_bind(quote.partner.0);
            sql.push(", ").push_bind(buyer.name.clone());
            sql.push(", ").push_bind(start.status.as_str());
            sql.push(", ").push_bind(start.model.as_str());
            sql.push(", ").push_bind(Privilege::Support.rank());
            sql.push(", ").push_bind(Privilege::Support.rank());
            sql.push(", ").push_bind(start.trial_ends_at.map(|_| now));
            sql.push(", ").push_bind(start.trial_ends_at);
            sql.push(", ").push_bind(start.trial_ends_at.map(|ends_at| ends_at + CONVERSION_WINDOW));
            sql.push(", ").push_bind(now).push(")");
        });
    }

    fn insert_subscription(&mut self, quote: &Quote, access: AccessId, start: &Start) {
        let now = self.author().now;
        let renews = quote.billing_cycle.after(now.date_naive());
        self.change(|sql| {
            sql.push(
                "insert into subscriptions (customer_id, access_id, partner_id, plan, billing_cycle, status, started_at, \
                 renewal_date, license_model, quantity, price, currency) values (",
            );
            sql.push_bind(quote.customer.0);
            sql.push(", ").push_bind(access.0);
            sql.push(", ").push_bind(quote.partner.0);
            sql.push(", ").push_bind(quote.plan.clone());
            sql.push(", ").push_bind(quote.billing_cycle.as_str());
            sql.push(", ").push_bind(start.subscription.as_str());
            sql.push(", ").push_bind(now);
            sql.push(", ").push_bind(start.trial_ends_at.is_none().then_some(renews));
            sql.push(", ").push_bind(quote.license_model.as_str());
            sql.push(", ").push_bind(quote.quantity);
            sql.push(", ").push_bind(quote.price);
            sql.push(", ").push_bind(quote.currency.clone()).push(")");
        });
        self.change(|sql| {
            sql.push(
                "insert into subscription_add_ons (customer_id, access_id, code, partner_id, name, price, added_at) select ",
            );
            sql.push_bind(quote.customer.0);
            sql.push(", ").push_bind(access.0);
            sql.push(", o.code, ").push_bind(quote.partner.0);
            sql.push(", o.name, o.price, ").push_bind(now);
            sql.push(" from jsonb_to_recordset(").push_bind(Json(quote.add_ons.clone()));
            sql.push(") as o (code text, name text, price numeric)");
        });
    }
}
