//! `setSamlConfiguration` and `setCustomerUserRole`: how a customer's users sign in, and as what. By people alone.

use async_graphql::{Context, ID, InputObject, Object, Result};
use url::Url;

use super::operate::{operator, person};
use super::payload::{CustomerPayload, UserPayload};
use super::portal::{find_customer, lock_for};
use super::refusal::Refusal;
use super::writing::{Stop, Writing, written};
use crate::domain::global_id::GlobalId;
use crate::domain::ids::CustomerId;
use crate::domain::user;
use crate::graphql::enums::CustomerRole;
use crate::policy::Operation;
use crate::store::change::Changes;
use crate::store::people::{self, Belonging, Person};
use crate::store::security::{self, Saml};

/// How a customer's users sign in.
#[derive(InputObject)]
pub struct SetSamlConfigurationInput {
    /// Which customer.
    customer_id: ID,
    /// Whether its users sign in through SAML from now on.
    enabled: bool,
    /// The identity provider's entity id, a URL or a URN; required where `enabled`. Left out, none is kept.
    issuer: Option<String>,
}

/// Another role for a customer's user.
#[derive(InputObject)]
pub struct SetCustomerUserRoleInput {
    /// Whom: nobody changes their own role.
    user_id: ID,
    /// As what from now on.
    role: CustomerRole,
}

/// Mutations of a customer's security configuration.
#[derive(Default)]
pub struct SecurityMutations;

/// Mutations of a customer's security configuration.
#[Object]
impl SecurityMutations {
    /// Sets how a customer's users sign in, all of it. A customer's admins with a FULL portal, and partners that operate the
    /// customer. Audited on the side(s) it concerns, without the issuer.
    async fn set_saml_configuration(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which customer, and how.")] input: SetSamlConfigurationInput,
    ) -> Result<CustomerPayload> {
        let outcome = written!(ctx, Operation::SetSamlConfiguration, set_saml_configuration, &input);
        CustomerPayload::of(ctx, outcome).await
    }

    /// Gives a user of the own customer another role, from the next request on. A customer's admins with a FULL portal; one of
    /// them always remains. Audited.
    async fn set_customer_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, and as what.")] input: SetCustomerUserRoleInput,
    ) -> Result<UserPayload> {
        let outcome = written!(ctx, Operation::SetCustomerUserRole, set_customer_user_role, &input);
        UserPayload::of(ctx, outcome).await
    }
}

async fn set_saml_configuration(
    writing: &mut Writing<'_>,
    input: &SetSamlConfigurationInput,
) -> Result<CustomerId, Stop> {
    let customer = find_customer(writing, &input.customer_id).await?;
    let by_partner = operator(writing, &customer, "setting up SAML")?;
    person(writing, "SAML is set up")?;
    let issuer = input.issuer.as_deref().map(issuer).transpose()?;
    if input.enabled && issuer.is_none() {
        return Err(Refusal::invalid(
            "issuer",
            "SAML takes the identity provider's entity id, like `https://id.example.com/saml` or `urn:example:idp`",
        )
        .into());
    }
    let (before, saml) = (
        security::saml(&mut writing.writer, &customer).await?,
        Saml { enabled: input.enabled, issuer: issuer.map(str::to_owned) },
    );
    if before == saml {
        return Err(Refusal::no_change("enabled", "SAML is set up like this already").into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_saml(&customer, by_partner, (&before, &saml));
    changes.execute(&mut writing.writer).await?;
    Ok(customer.id)
}

/// The entity id of an identity provider, trimmed: a URL with a host, or a URN, of 1024 characters at most (SAML 2.0 Core, 8.3.6).
fn issuer(text: &str) -> std::result::Result<&str, Refusal> {
    let text = text.trim();
    let no_spaces = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let well_formed = text.chars().count() <= 1024
        && no_spaces
        && match Url::parse(text) {
            Ok(url) => match url.scheme() {
                // The parser would take the path of `https:///saml` for the host.
                "http" | "https" => url.has_host() && !text.contains(":///"),
                // RFC 8141: `urn:NID:NSS`.
                "urn" => {
                    url.path().split_once(':').is_some_and(|(nid, nss)| nid.len() > 1 && !nss.is_empty())
                }
                _ => false,
            },
            Err(_) => false,
        };
    if well_formed {
        Ok(text)
    } else {
        Err(Refusal::invalid(
            "issuer",
            "this is no entity id: it takes a URL or a URN of at most 1024 characters, like `https://id.example.com/saml` or \
             `urn:example:idp`",
        ))
    }
}

async fn set_customer_user_role(
    writing: &mut Writing<'_>,
    input: &SetCustomerUserRoleInput,
) -> Result<Person, Stop> {
    let missing = || Refusal::not_found("user", "userId");
    let Ok(GlobalId::User(user)) = input.user_id.parse() else { return Err(missing().into()) };
    let found = people::person(&mut writing.writer, user).await?.ok_or_else(missing)?;
    let Belonging::Customer(customer, _) = found.of else { return Err(missing().into()) };
    if user == writing.viewer().user() {
        return Err(Refusal::not_permitted("nobody changes their own role: ask another ADMIN").into());
    }
    let customer = lock_for(writing, customer).await?.ok_or_else(missing)?;
    // Where the security configuration is hidden, nobody else is there.
    operator(writing, &customer, "giving roles").map_err(|_| missing())?;
    let before = security::standing(&mut writing.writer, customer.id, user).await?.ok_or_else(missing)?;
    person(writing, "roles are given")?;
    let role: user::CustomerRole = input.role.into();
    // Whoever asks is an ADMIN; but of two who take each other's role at once, one asks as what they no longer are.
    if before.role == user::CustomerRole::Admin && role != before.role && !before.others_decide {
        return Err(Refusal::not_permitted("the last ADMIN who may sign in stays one").into());
    }
    if before.role == role {
        return Err(Refusal::no_change("role", format!("the user is {role} already")).into());
    }
    let mut changes = Changes::new(&writing.author);
    changes.set_customer_role(&customer, &found, (before.role, role));
    changes.execute(&mut writing.writer).await?;
    Ok(Person { of: Belonging::Customer(customer.id, role), ..found })
}
