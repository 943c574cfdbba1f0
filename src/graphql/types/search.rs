//! The search over many customers: which of them use a component.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};

use super::asset::Component;
use super::customer::Customer;
use crate::graphql::connection::{Counted, PageArguments, counted, page, storable};
use crate::graphql::error::{Code, bad_input, coded};
use crate::graphql::session::session;
use crate::policy::{DataClass, Grant, Viewer};
use crate::store;
use crate::store::component::ComponentSearch;

/// How many characters a search takes at least: fewer are in nearly everything.
const LEAST: usize = 3;

/// A component that a customer of a partner uses.
pub struct ComponentMatch(Arc<store::component::Component>);

/// A component that a customer of the partner uses.
#[Object]
impl ComponentMatch {
    /// Which component.
    async fn component(&self) -> Component {
        Component(Arc::clone(&self.0))
    }

    /// Who uses it.
    async fn customer(&self, ctx: &Context<'_>) -> Result<Customer> {
        let row = session(ctx)?.customer(self.0.customer).await?;
        row.map(Customer::bare).ok_or_else(|| coded(Code::Internal, "the component has no customer"))
    }
}

/// Searches the customers whose posture the gate shows the viewer as that partner: each is decided before anything is searched.
///
/// # Errors
/// BAD_USER_INPUT for a text that is too short, INTERNAL when the database does not answer.
pub async fn component_search(
    ctx: &Context<'_>,
    partner: &store::partner::Partner,
    text: String,
    arguments: &PageArguments,
) -> Result<Counted<ComponentMatch>> {
    let length = text.chars().count();
    if length < LEAST {
        return Err(bad_input(format!("`text` has {length} characters, a search takes at least {LEAST}")));
    }
    let text = storable("text", Some(text))?.unwrap_or_default();
    let session = session(ctx)?;
    // Searching is the partner's own view; nobody else sees its customers as that partner.
    let among = match session.viewer().await? {
        Viewer::Partner { partner: own, .. } if own == partner.id => {
            Arc::clone(&session.posture_visible().await?.grants)
        }
        Viewer::Partner { .. }
        | Viewer::Customer { .. }
        | Viewer::PlatformAdmin { .. }
        | Viewer::Scanner { .. } => Arc::default(),
    };
    let field = ("Partner", "componentSearch");
    session.note_shown(DataClass::Posture, among.iter().map(Grant::of), field).await?;
    let list = ComponentSearch { partner: partner.id, text, among };
    let page = page(ctx, partner.id, &list, arguments).await?;
    Ok(counted(partner.id.0, &list, &page, |row| ComponentMatch(Arc::clone(row))))
}
