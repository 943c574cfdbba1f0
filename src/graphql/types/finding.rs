//! Findings.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};

use super::asset::Asset;
use super::customer::Customer;
use crate::domain::global_id::GlobalId;
use crate::graphql::connection::{PageArguments, Uncounted, nodes_want, page, storable, uncounted};
use crate::graphql::enums::{FindingOrderField, FindingStatus, OrderDirection, Severity, all_into};
use crate::graphql::error::{Code, coded};
use crate::graphql::loaders::RowKey;
use crate::graphql::session::session;
use crate::policy::{Grant, Posture};
use crate::store;
use crate::store::asset::Assets;
use crate::store::finding::Findings;
use crate::store::triage::FindingHistory;

/// A weakness that a scanner found.
pub struct Finding {
    /// What is stored of it.
    pub row: Arc<store::finding::Finding>,
    /// The witness it was read against.
    pub grant: Grant<Posture>,
}

/// Which findings; every condition given has to hold.
#[derive(InputObject, Default)]
pub struct FindingFilter {
    /// As bad as one of these.
    severity: Option<Vec<Severity>>,
    /// In one of these states.
    status: Option<Vec<FindingStatus>>,
    /// Open past the due date, or not.
    sla_breached: Option<bool>,
    /// With this text in title, description, rule or CVE, in any case.
    text: Option<String>,
}

/// In which order.
#[derive(InputObject)]
pub struct FindingOrder {
    /// By what.
    field: FindingOrderField,
    /// Which way.
    direction: OrderDirection,
}

impl FindingFilter {
    /// The findings that match, worst first.
    #[must_use]
    pub fn list(self, now: DateTime<Utc>) -> Findings {
        Findings {
            severity: all_into(self.severity),
            status: all_into(self.status),
            sla_breached: self.sla_breached,
            text: self.text,
            ..Findings::all(now)
        }
    }
}

/// The list that the arguments ask for.
///
/// # Errors
/// BAD_USER_INPUT for a text that cannot be searched.
pub fn list_of(
    ctx: &Context<'_>,
    filter: Option<FindingFilter>,
    order: Option<FindingOrder>,
) -> Result<Findings> {
    let mut list = filter.unwrap_or_default().list(session(ctx)?.now());
    list.text = storable("text", list.text)?;
    list.with_asset = nodes_want(ctx, "asset");
    if let Some(order) = order {
        list.order = order.field.into();
        list.direction = order.direction.into();
    }
    Ok(list)
}

/// A weakness that a scanner found.
#[Object]
impl Finding {
    /// The global id.
    pub async fn id(&self) -> ID {
        GlobalId::Finding(self.row.customer, self.row.id).to_string().into()
    }

    /// Whose.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Customer> {
        let row = session(ctx)?.customer(self.row.customer).await?;
        row.map(Customer::bare).ok_or_else(|| coded(Code::Internal, "the finding has no customer"))
    }

    /// Where it was found, if on an asset.
    async fn asset(&self, ctx: &Context<'_>) -> Option<Result<Asset>> {
        let found: Result<Option<Asset>> = async {
            if let Some(known) = &self.row.known_asset {
                return Ok(Some(Asset { row: Arc::clone(known), grant: self.grant }));
            }
            let Some(id) = self.row.asset else { return Ok(None) };
            let key = RowKey { parent: self.grant, list: Assets::default(), id: id.0 };
            Ok(session(ctx)?.load(key).await?.map(|row| Asset { row, grant: self.grant }))
        }
        .await;
        found.transpose()
    }

    /// What it is, in a line.
    async fn title(&self) -> &str {
        &self.row.title
    }

    /// What it is, at length.
    async fn description(&self) -> Option<&str> {
        self.row.description.as_deref()
    }

    /// How bad it is.
    async fn severity(&self) -> Severity {
        self.row.severity.into()
    }

    /// Where it stands.
    async fn status(&self) -> FindingStatus {
        self.row.status.into()
    }

    /// The tool's name of the rule.
    async fn rule_id(&self) -> Option<&str> {
        self.row.rule_id.as_deref()
    }

    /// The CVE number.
    async fn cve(&self) -> Option<&str> {
        self.row.cve.as_deref()
    }

    /// The CVSS base score, 0 to 10.
    async fn cvss_score(&self) -> Option<f64> {
        self.row.cvss_score
    }

    /// When it was first reported.
    async fn first_seen_at(&self) -> DateTime<Utc> {
        self.row.first_seen_at
    }

    /// When it was last reported.
    async fn last_seen_at(&self) -> DateTime<Utc> {
        self.row.last_seen_at
    }

    /// By when it has to be fixed.
    async fn sla_due_at(&self) -> Option<DateTime<Utc>> {
        self.row.sla_due_at
    }

    /// What became of it, newest first: every change of its status but the first one, and every note. A partner is not told
    /// what other partners' people did.
    async fn history(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Uncounted<FindingChange>> {
        let told = FindingHistory { partner: session(ctx)?.viewer().await?.partner() };
        let parent = (self.grant, self.row.id);
        let page = page(ctx, parent, &told, &PageArguments { first, after, last, before }).await?;
        Ok(uncounted(self.row.id.0, &told, &page, |row| FindingChange(row.clone())))
    }

    /// Whether it is open past its due date.
    fn sla_breached(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row.sla_breached(session(ctx)?.now()))
    }
}

/// A change of a finding's status, or a note about it.
pub struct FindingChange(pub Arc<store::triage::FindingChange>);

/// A change of a finding's status, or a note about it.
#[Object]
impl FindingChange {
    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who, as they were called then: a user or a scanner.
    async fn by(&self) -> &str {
        &self.0.actor
    }

    /// Where the finding stood before.
    async fn from(&self) -> FindingStatus {
        self.0.from.into()
    }

    /// Where it stood after; the same where only a note was added.
    async fn to(&self) -> FindingStatus {
        self.0.to.into()
    }

    /// Why.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }
}
