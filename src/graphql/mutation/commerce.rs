//! What is sold over an access beside its plan: add-ons, prepaid licences, and the usage alert that somebody takes note of.

use async_graphql::{Context, ID, InputObject, Object, Result};

use super::access::{expect_version, find};
use super::payload::{AccessPayload, PrepaidLicensesPayload};
use super::quote::own_partner;
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::ids::{AccessId, CustomerId, PartnerId};
use crate::domain::money::Money;
use crate::domain::subscription::MAX_QUANTITY;
use crate::graphql::enums::LicenseModel;
use crate::policy::Operation;
use crate::store::access::LockedAccess;
use crate::store::change::Changes;
use crate::store::plan::add_ons_by_code;
use crate::store::prepaid::{Purchase, lock_free, unit_cost};
use crate::store::subscription::{add_on, alert_acknowledged, month_of, of_access};

/// An add-on of an access.
#[derive(InputObject)]
pub struct AddOnInput {
    /// Which access.
    access_id: ID,
    /// The code of an add-on of the catalogue.
    code: String,
    /// The version that the change was decided on; another one by now is a CONFLICT.
    expected_version: Option<i32>,
}

/// Licences to buy in advance.
#[derive(InputObject)]
pub struct BuyPrepaidLicensesInput {
    /// What they count.
    license_model: LicenseModel,
    /// How many: 1 at least.
    quantity: i32,
}

/// The access that a prepaid licence covers.
#[derive(InputObject)]
pub struct PrepaidLicenseInput {
    /// Which access.
    access_id: ID,
}

/// An alert that somebody takes note of.
#[derive(InputObject)]
pub struct AcknowledgeUsageAlertInput {
    /// Which access.
    access_id: ID,
}

/// Mutations of what is sold.
#[derive(Default)]
pub struct CommerceMutations;

/// Mutations of what is sold.
#[Object]
impl CommerceMutations {
    /// Adds to the plan of a live access, at the price of today. Partner admins.
    async fn add_add_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access and which add-on.")] input: AddOnInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::AddAddOn, add_add_on, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Takes an add-on off the plan of a live access; months before are billed with it. Partner admins.
    async fn remove_add_on(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access and which add-on.")] input: AddOnInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::RemoveAddOn, remove_add_on, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Buys licences in advance, which cost less. Partner admins.
    async fn buy_prepaid_licenses(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which licences and how many.")] input: BuyPrepaidLicensesInput,
    ) -> Result<PrepaidLicensesPayload> {
        let outcome = written!(ctx, Operation::BuyPrepaidLicenses, buy_prepaid_licenses, &input);
        PrepaidLicensesPayload::of(ctx, outcome).await
    }

    /// Covers a live access by a prepaid licence that the partner has left. Partner admins.
    async fn assign_prepaid_license(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access.")] input: PrepaidLicenseInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::AssignPrepaidLicense, assign_prepaid_license, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Takes the prepaid licence from an access, for another one. Partner admins.
    async fn unassign_prepaid_license(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access.")] input: PrepaidLicenseInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::UnassignPrepaidLicense, unassign_prepaid_license, &input);
        AccessPayload::of(ctx, outcome).await
    }

    /// Takes note of this month's usage alert of an access. Partner admins.
    async fn acknowledge_usage_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which access.")] input: AcknowledgeUsageAlertInput,
    ) -> Result<AccessPayload> {
        let outcome = written!(ctx, Operation::AcknowledgeUsageAlert, acknowledge_usage_alert, &input);
        AccessPayload::of(ctx, outcome).await
    }
}

type Done = Result<(CustomerId, AccessId), Stop>;

/// What is over sells nothing any more.
fn live(access: &LockedAccess) -> Result<(), Refusal> {
    if access.terms.status.is_live() {
        Ok(())
    } else {
        Err(Refusal::wrong_state("the access has ended: nothing is sold over it any more"))
    }
}

async fn add_add_on(writing: &mut Writing<'_>, input: &AddOnInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    let subscription = of_access(&mut writing.writer, &access).await?;
    let code = input.code.trim().to_owned();
    let offered = if code.contains('\0') {
        Vec::new()
    } else {
        add_ons_by_code(&mut writing.writer, &[code], &subscription.currency).await?
    };
    let Some(offered) = offered.first() else {
        return Err(Refusal::invalid("code", "there is no add-on with this code: see `addOns`").into());
    };
    expect_version(&access, input.expected_version)?;
    live(&access)?;
    if add_on(&mut writing.writer, &access, &offered.code).await?.is_some() {
        return Err(Refusal::no_change("code", format!("{} is added already", offered.code)).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.add_add_on(&access, &subscription, offered);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn remove_add_on(writing: &mut Writing<'_>, input: &AddOnInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    expect_version(&access, input.expected_version)?;
    live(&access)?;
    let code = input.code.trim();
    let present = if code.contains('\0') { None } else { add_on(&mut writing.writer, &access, code).await? };
    let present =
        present.ok_or_else(|| Refusal::no_change("code", "the access has no add-on with this code"))?;
    let mut changes = Changes::new(&writing.author);
    changes.remove_add_on(&access, &present);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn buy_prepaid_licenses(
    writing: &mut Writing<'_>,
    input: &BuyPrepaidLicensesInput,
) -> Result<PartnerId, Stop> {
    let partner = own_partner(writing)?;
    let (partner, currency) = (partner.id, partner.currency.clone());
    if !(1..=MAX_QUANTITY).contains(&input.quantity) {
        return Err(
            Refusal::invalid("quantity", format!("1 to {MAX_QUANTITY} licences are bought at once")).into()
        );
    }
    let (license_model, now) = (input.license_model.into(), writing.now());
    let cost = unit_cost(&mut writing.writer, license_model, &currency, now).await?;
    let cost = cost.ok_or_else(|| {
        Refusal::wrong_state(format!(
            "the platform has set no price for {license_model} licences in {currency}"
        ))
    })?;
    let purchase =
        Purchase { partner, license_model, quantity: input.quantity, unit_cost: Money::new(cost, currency) };
    let mut changes = Changes::new(&writing.author);
    changes.buy_prepaid_licenses(&purchase);
    changes.execute(&mut writing.writer).await?;
    Ok(partner)
}

async fn assign_prepaid_license(writing: &mut Writing<'_>, input: &PrepaidLicenseInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    live(&access)?;
    let subscription = of_access(&mut writing.writer, &access).await?;
    if subscription.prepaid {
        return Err(Refusal::no_change("accessId", "a prepaid licence covers the access already").into());
    }
    let model = subscription.license_model;
    if lock_free(&mut writing.writer, access.terms.partner, model).await? < 1 {
        return Err(Refusal::wrong_state(format!(
            "no prepaid {model} licence is left: buy some, or take one from another access"
        ))
        .into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.assign_prepaid_license(&access, model);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn unassign_prepaid_license(writing: &mut Writing<'_>, input: &PrepaidLicenseInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    let subscription = of_access(&mut writing.writer, &access).await?;
    if !subscription.prepaid {
        return Err(Refusal::no_change("accessId", "no prepaid licence covers the access").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.unassign_prepaid_license(&access, subscription.license_model);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}

async fn acknowledge_usage_alert(writing: &mut Writing<'_>, input: &AcknowledgeUsageAlertInput) -> Done {
    let access = find(writing, &input.access_id).await?;
    let (period, _) = month_of(writing.now().date_naive());
    match alert_acknowledged(&mut writing.writer, &access, period).await? {
        None => {
            return Err(Refusal::wrong_state("no usage alert was raised for the access this month").into());
        }
        Some(true) => {
            return Err(Refusal::no_change("accessId", "this month's alert was acknowledged already").into());
        }
        Some(false) => {}
    }
    let mut changes = Changes::new(&writing.author);
    changes.acknowledge_alert(&access, period);
    changes.execute(&mut writing.writer).await?;
    Ok(access.key())
}
