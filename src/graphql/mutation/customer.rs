//! Customers: made by a partner's ADMIN, with a first admin and with licences if wished.

use async_graphql::{Context, InputObject, Object, Result};

use super::operate::person;
use super::payload::CustomerPayload;
use super::quote::{Terms, own_partner, quoted};
use super::refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::customer::PortalAccess;
use crate::domain::ids::{AccessId, CustomerId, UserId};
use crate::graphql::enums::{BillingCycle, LicenseModel, OperatingModel};
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::customer::{NewCustomer, reserve_admin};
use crate::store::people::take_email;
use crate::store::quote::Buyer;

/// A customer to make.
#[derive(InputObject)]
pub struct CreateCustomerInput {
    /// Its name: 1 to 200 characters.
    name: String,
    /// The e-mail address of its first ADMIN; without it the customer has no users yet.
    admin_email: Option<String>,
    /// What it buys at once: the quote and its acceptance in the same transaction.
    licenses: Option<CustomerLicensesInput>,
}

/// What a customer buys at once.
#[derive(InputObject)]
pub struct CustomerLicensesInput {
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

/// Mutations of customers.
#[derive(Default)]
pub struct CustomerMutations;

/// Mutations of customers.
#[Object]
impl CustomerMutations {
    /// Makes a customer, its portal DISABLED. Partner admins. With licences it has an access and a subscription at once, as
    /// if a quote had been made and accepted. Its first ADMIN is named by people, not by API keys.
    async fn create_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who it is, and what it buys.")] input: CreateCustomerInput,
    ) -> Result<CustomerPayload> {
        let outcome = written!(ctx, Operation::CreateCustomer, create_customer, &input);
        CustomerPayload::of(ctx, outcome).await
    }
}

async fn create_customer(writing: &mut Writing<'_>, input: &CreateCustomerInput) -> Result<CustomerId, Stop> {
    if input.admin_email.is_some() {
        person(writing, "the ADMIN of a customer is named")?;
    }
    let name = refusal::name("name", &input.name)?.to_owned();
    let email = input.admin_email.as_deref().map(|text| refusal::email("adminEmail", text)).transpose()?;
    let id = CustomerId(writing.author.new_id());
    let partner = own_partner(writing)?.id;
    let quote = match &input.licenses {
        None => None,
        Some(licenses) => {
            let terms = Terms {
                plan: &licenses.plan,
                license_model: licenses.license_model.into(),
                quantity: licenses.quantity,
                billing_cycle: licenses.billing_cycle.into(),
                operating_model: licenses.operating_model.unwrap_or(OperatingModel::CustomerManaged).into(),
                add_ons: licenses.add_ons.as_deref().unwrap_or_default(),
                trial_days: licenses.trial_days,
            };
            let quoted = quoted(writing, id, terms).await;
            Some(quoted.map_err(|stop| match stop {
                Stop::Refused(refusal) => Stop::Refused(refusal.within("licenses")),
                stop @ (Stop::Failed(_) | Stop::NotRandom(_)) => stop,
            })?)
        }
    };
    // The last that can be refused, and the first that is written: a refusal leaves nothing behind.
    let admin = match &email {
        None => None,
        Some(email) => {
            let user = UserId(writing.author.new_id());
            // The address is held first, as by every other way to a new user: of two at once one is told that it is taken.
            if !take_email(&mut writing.writer, email).await?
                || !reserve_admin(&mut writing.writer, &writing.author, user, email).await?
            {
                return Err(refusal::email_taken("adminEmail").into());
            }
            Some((user, email.as_str()))
        }
    };
    // One after the other, for policies ask what is there already.
    let author = &writing.author;
    let mut changes = Changes::new(author);
    changes.add_customer(&NewCustomer { id, name: &name, created_by: partner });
    changes.execute(&mut writing.writer).await?;
    let mut changes = Changes::new(author);
    changes.record_new_customer(&NewCustomer { id, name: &name, created_by: partner }, admin);
    if let Some(quote) = &quote {
        changes.add_quote(quote);
    }
    changes.execute(&mut writing.writer).await?;
    if let Some(quote) = &quote {
        let buyer = Buyer { id, name, portal_access: PortalAccess::Disabled };
        let mut changes = Changes::new(author);
        changes.accept_quote(quote, &buyer, AccessId(author.new_id()));
        changes.execute(&mut writing.writer).await?;
    }
    Ok(id)
}
