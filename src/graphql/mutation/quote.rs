//! Quotes: made by a partner's ADMIN, and accepted by them once the customer has agreed (DESIGN.md 6).

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::payload::{AccessPayload, CreateQuotePayload};
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{AccessId, CustomerId, QuoteId};
use crate::domain::subscription::{MAX_QUANTITY, MAX_TRIAL_DAYS};
use crate::domain::{access, subscription};
use crate::graphql::enums::{BillingCycle, LicenseModel, OperatingModel};
use crate::policy::{Operation, Viewer};
use crate::store::change::Changes;
use crate::store::partner::Partner;
use crate::store::plan::{add_ons_by_code, prices};
use crate::store::quote::{Quote, QuotedAddOn, find, has_live_access, lock_buyer};

/// What is offered, and to whom.
#[derive(InputObject)]
pub struct CreateQuoteInput {
    /// To whom: a customer that the partner created, or has or had an access to.
    customer_id: ID,
    /// The name of a plan of the catalogue.
    plan: String,
    /// What the licence counts.
    license_model: LicenseModel,
    /// How many assets or scans are licensed: 1 at least; none where the licence is unlimited.
    quantity: Option<i32>,
    /// How often it is billed.
    billing_cycle: BillingCycle,
    /// The model of the access, unless it starts with a trial.
    #[graphql(default_with = "Some(OperatingModel::CustomerManaged)")]
    operating_model: Option<OperatingModel>,
    /// Codes of add-ons of the catalogue.
    add_ons: Option<Vec<String>>,
    /// How many days of trial the access starts with: 1 to 90; none without a trial.
    trial_days: Option<i32>,
}

/// A quote that the customer has agreed to.
#[derive(InputObject)]
pub struct AcceptQuoteInput {
    /// Which quote.
    quote_id: ID,
}

/// Mutations of quotes.
#[derive(Default)]
pub struct QuoteMutations;

/// Mutations of quotes.
#[Object]
impl QuoteMutations {
    /// Offers a plan to a customer, at the prices of today. Partner admins. A quote's operating model is CUSTOMER_MANAGED
    /// unless it says otherwise.
    async fn create_quote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is offered, and to whom.")] input: CreateQuoteInput,
    ) -> Result<CreateQuotePayload> {
        let outcome = written!(ctx, Operation::CreateQuote, create_quote, &input);
        CreateQuotePayload::of(ctx, outcome).await
    }

    /// Provisions the customer's access and subscription from a quote. Partner admins. With trial days the access starts as
    /// a trial and CUSTOMER_MANAGED, whatever the quote says.
    async fn accept_quote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which quote.")] input: AcceptQuoteInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::AcceptQuote, accept_quote, &input);
        AccessPayload::of(ctx, outcome).await
    }
}

/// What is sold, wherever an input says it.
pub(super) struct Terms<'i> {
    pub(super) plan: &'i str,
    pub(super) license_model: subscription::LicenseModel,
    pub(super) quantity: Option<i32>,
    pub(super) billing_cycle: subscription::BillingCycle,
    pub(super) operating_model: access::OperatingModel,
    pub(super) add_ons: &'i [String],
    pub(super) trial_days: Option<i32>,
}

/// The partner whose ADMIN asks.
pub(super) fn own_partner<'w>(writing: &'w Writing<'_>) -> Result<&'w Partner, Stop> {
    match (writing.viewer(), &writing.asker.partner) {
        (Viewer::Partner { .. }, Some(partner)) => Ok(partner),
        // Who may call it at all has one.
        (
            Viewer::Partner { .. }
            | Viewer::Customer { .. }
            | Viewer::PlatformAdmin { .. }
            | Viewer::Scanner { .. },
            _,
        ) => Err(Refusal::not_permitted("this takes a user of a partner").into()),
    }
}

/// A quote of these terms at the prices of today, not kept yet.
pub(super) async fn quoted(
    writing: &mut Writing<'_>,
    customer: CustomerId,
    terms: Terms<'_>,
) -> Result<Quote, Stop> {
    well_formed(&terms)?;
    let partner = own_partner(writing)?;
    let (partner, currency) = (partner.id, partner.currency.clone());
    let (plan, cycle) = (terms.plan.trim(), terms.billing_cycle);
    let found = if plan.contains('\0') {
        None
    } else {
        prices(&mut writing.writer, plan, terms.license_model, &currency).await?
    };
    let price = found.ok_or_else(|| {
        Refusal::invalid(
            "plan",
            format!("there is no plan of this name with a {} licence: see `plans`", terms.license_model),
        )
    })?;
    let mut add_ons = Vec::new();
    if !terms.add_ons.is_empty() {
        add_ons = add_ons_by_code(&mut writing.writer, terms.add_ons, &currency).await?;
        if add_ons.len() < terms.add_ons.len() {
            return Err(Refusal::invalid(
                "addOns",
                "there is no add-on with one of these codes: see `addOns`",
            )
            .into());
        }
    }
    let add_ons = add_ons.into_iter().map(|add_on| QuotedAddOn {
        price: add_on.prices.of(cycle),
        code: add_on.code,
        name: add_on.name,
    });
    Ok(Quote {
        id: QuoteId(writing.author.new_id()),
        customer,
        partner,
        plan: plan.to_owned(),
        license_model: terms.license_model,
        quantity: terms.quantity,
        billing_cycle: cycle,
        operating_model: terms.operating_model,
        trial_days: terms.trial_days,
        price: price.of(cycle),
        currency,
        add_ons: add_ons.collect(),
        created_at: writing.now(),
        accepted_at: None,
        access: None,
    })
}

fn well_formed(terms: &Terms<'_>) -> Result<(), Refusal> {
    let wrong = match terms.license_model {
        subscription::LicenseModel::Unlimited => {
            terms.quantity.map(|_| "an UNLIMITED licence takes no quantity".to_owned())
        }
        subscription::LicenseModel::PerAsset | subscription::LicenseModel::PerScan => {
            let fits = terms.quantity.is_some_and(|quantity| (1..=MAX_QUANTITY).contains(&quantity));
            (!fits)
                .then(|| format!("a {} licence takes a quantity of 1 to {MAX_QUANTITY}", terms.license_model))
        }
    };
    if let Some(wrong) = wrong {
        return Err(Refusal::invalid("quantity", wrong));
    }
    if let Some(days) = terms.trial_days
        && !(1..=MAX_TRIAL_DAYS).contains(&days)
    {
        return Err(Refusal::invalid("trialDays", format!("a trial lasts 1 to {MAX_TRIAL_DAYS} days")));
    }
    let mut codes: Vec<_> = terms.add_ons.iter().collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.len() < terms.add_ons.len() {
        return Err(Refusal::invalid(
            "addOns",
            "an add-on is added once: one of these codes stands here twice",
        ));
    }
    if codes.iter().any(|code| code.contains('\0')) {
        return Err(Refusal::invalid("addOns", "there is no add-on with one of these codes: see `addOns`"));
    }
    Ok(())
}

async fn create_quote(
    writing: &mut Writing<'_>,
    input: &CreateQuoteInput,
) -> Result<(CustomerId, QuoteId), Stop> {
    let missing = || Refusal::not_found("customer", "customerId");
    let Ok(GlobalId::Customer(customer)) = input.customer_id.parse() else { return Err(missing().into()) };
    let partner = writing.viewer().partner().ok_or_else(missing)?;
    lock_buyer(&mut writing.writer, partner, customer).await?.ok_or_else(missing)?;
    let terms = Terms {
        plan: &input.plan,
        license_model: input.license_model.into(),
        quantity: input.quantity,
        billing_cycle: input.billing_cycle.into(),
        operating_model: input.operating_model.unwrap_or(OperatingModel::CustomerManaged).into(),
        add_ons: input.add_ons.as_deref().unwrap_or_default(),
        trial_days: input.trial_days,
    };
    let quote = quoted(writing, customer, terms).await?;
    let mut changes = Changes::new(&writing.author);
    changes.add_quote(&quote);
    changes.execute(&mut writing.writer).await?;
    Ok((customer, quote.id))
}

async fn accept_quote(
    writing: &mut Writing<'_>,
    input: &AcceptQuoteInput,
) -> Result<(CustomerId, AccessId), Stop> {
    let missing = || Refusal::not_found("quote", "quoteId");
    let Ok(GlobalId::Quote(customer, id)) = input.quote_id.parse() else { return Err(missing().into()) };
    let partner = writing.viewer().partner().ok_or_else(missing)?;
    let buyer = lock_buyer(&mut writing.writer, partner, customer).await?.ok_or_else(missing)?;
    let quote = find(&mut writing.writer, partner, (customer, id)).await?.ok_or_else(missing)?;
    if quote.accepted_at.is_some() {
        return Err(Refusal::wrong_state("the quote was accepted before: make another one").into());
    }
    if has_live_access(&mut writing.writer, customer, quote.partner).await? {
        return Err(Refusal::wrong_state(
            "there is a live access to this customer already: end it before another one begins",
        )
        .into());
    }
    let access = AccessId(writing.author.new_id());
    let mut changes = Changes::new(&writing.author);
    changes.accept_quote(&quote, &buyer, access);
    changes.execute(&mut writing.writer).await?;
    Ok((customer, access))
}
