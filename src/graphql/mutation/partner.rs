//! `createPartner`: the partner wizard. A partner's ADMIN makes a partner under its own.

use async_graphql::{Context, InputObject, Object, Result};

use super::operate::person;
use super::payload::PartnerPayload;
use super::refusal::{self, Refusal};
use super::writing::{Begun, Stop, Writing, begin};
use crate::domain::ids::PartnerId;
use crate::graphql::enums::PartnerPrivilege;
use crate::policy::{Operation, Viewer};
use crate::store::change::Changes;
use crate::store::partner::{FirstAdmin, NewPartner};
use crate::store::people::take_email;

/// A partner to be.
#[derive(InputObject)]
pub struct CreatePartnerInput {
    /// What it is called: 1 to 200 characters.
    name: String,
    /// What it is billed in (ISO 4217); the own partner's currency where none is given.
    currency: Option<String>,
    /// The address that its first ADMIN signs in with, which nobody has yet.
    admin_email: String,
    /// What its first ADMIN is called: 1 to 200 characters.
    admin_name: String,
    /// What its contract allows it at most over any customer. It is not inherited, neither from the own partner nor by its own.
    customer_data_access: PartnerPrivilege,
}

/// Mutations of partners.
#[derive(Default)]
pub struct PartnerMutations;

/// Mutations of partners.
#[Object]
impl PartnerMutations {
    /// Makes a partner under the own one, with its first ADMIN and what its contract allows it at most. Partner admins. Nothing
    /// about customers comes along. Recorded in both partners' logs.
    async fn create_partner(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The partner to be.")] input: CreatePartnerInput,
    ) -> Result<PartnerPayload> {
        let outcome = match begin(ctx, Operation::CreatePartner).await? {
            Begun::Before(outcome) => outcome,
            Begun::Now(mut writing) => {
                let done = Box::pin(create_partner(&mut writing, &input)).await;
                writing.end(done).await?
            }
        };
        PartnerPayload::of(ctx, outcome).await
    }
}

async fn create_partner(writing: &mut Writing<'_>, input: &CreatePartnerInput) -> Result<PartnerId, Stop> {
    let (Viewer::Partner { partner: parent, .. }, Some(own)) = (*writing.viewer(), &writing.asker.partner)
    else {
        return Err(Refusal::not_permitted("a partner is made by an ADMIN of the partner above it").into());
    };
    person(writing, "partners are made")?;
    let name = refusal::name("name", &input.name)?;
    let currency = input.currency.as_deref().unwrap_or(&own.currency);
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Refusal::invalid("currency", "a currency is written as `EUR`").into());
    }
    let email = refusal::email("adminEmail", &input.admin_email)?;
    let admin_name = refusal::name("adminName", &input.admin_name)?;
    if !take_email(&mut writing.writer, &email).await? {
        return Err(refusal::email_taken("adminEmail").into());
    }
    let new = NewPartner {
        id: PartnerId(writing.author.new_id()),
        parent,
        name,
        currency,
        privilege_bound: input.customer_data_access.into(),
    };
    // One after the other: that the partner is the viewer's to fill the database reads from its row.
    let mut changes = Changes::new(&writing.author);
    changes.create_partner(&new);
    changes.execute(&mut writing.writer).await?;
    let mut changes = Changes::new(&writing.author);
    changes.found_partner(&new, &FirstAdmin { email: &email, name: admin_name });
    changes.execute(&mut writing.writer).await?;
    Ok(new.id)
}
