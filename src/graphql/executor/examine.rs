//! Whether a document may be sent by the one who sends it, whether it is valid, and whether what it is given fits: asked before anything of
//! it is executed.

use std::sync::Arc;

use async_graphql::ServerError;

use super::super::documents::{Document, Documents, Origin, Unfit, Unfound, to_validate};
use super::super::error::{Code, coded, nowhere};
use super::{Executor, Run};
use crate::policy::Viewer;

impl Executor {
    /// The same, knowing documents.
    ///
    /// # Errors
    /// The first trusted document that the schema or a limit does not allow.
    pub async fn trusting(self, documents: Documents) -> Result<Self, Unfit> {
        for (client, id, document) in documents.all() {
            let unfit = |error: ServerError| Unfit::new(client, id, error.message);
            let request = self.checked(document.to_validate(), Origin::Trusted).map_err(unfit)?.request;
            if let Some(error) = self.validate(request).await.err().into_iter().flatten().next() {
                return Err(unfit(error));
            }
            self.inputs.check_document(document.parsed()).map_err(unfit)?;
            document.validity().found();
        }
        Ok(Self { documents: Arc::new(documents), ..self })
    }

    /// Whether a viewer, or where there is none anybody, may send a document of that origin.
    pub(super) fn allows(&self, origin: Origin, viewer: Option<&Viewer>) -> bool {
        origin == Origin::Trusted
            || self.documents.is_open()
            || viewer.is_some_and(|viewer| self.documents.may_explore(viewer))
    }

    /// Validates a document, unless it is known to be valid, and looks at what it is given. After that it may be executed.
    pub(super) async fn examine(&self, run: &mut Run) -> Result<(), Vec<ServerError>> {
        let graphql = &mut run.graphql;
        let (text, chosen) = (graphql.query.clone(), graphql.operation_name.take());
        let variables = std::mem::take(&mut graphql.variables);
        let document = graphql.parsed_query().map_err(|error| vec![error])?;
        if !run.validity.is_known() {
            self.validate(to_validate(text, document.clone())).await?;
            run.validity.found();
        }
        self.inputs.check(document, chosen.as_deref(), &variables).map_err(|error| vec![error])?;
        (graphql.operation_name, graphql.variables) = (chosen, variables);
        Ok(())
    }

    /// Validates the document of a request that asks for no operation of it.
    async fn validate(&self, request: async_graphql::Request) -> Result<(), Vec<ServerError>> {
        let errors = self.validator.execute(request).await.errors;
        match errors.first() {
            // All that may be said against it.
            Some(error) if error.message.starts_with("Unknown operation") => Ok(()),
            Some(_) => Err(errors),
            None => Err(vec![nowhere(coded(Code::Internal, "the document could not be validated"))]),
        }
    }

    /// Keeps the document of whoever may send it, where it was sent with its hash.
    pub(super) fn keep(&self, mut run: Run) -> Run {
        if let Some((subject, hash)) = run.keep.take() {
            let text = run.graphql.query.clone();
            if let Ok(parsed) = run.graphql.parsed_query() {
                self.documents.keep(subject, Document::new(hash, text, parsed.clone(), run.validity.clone()));
            }
        }
        run
    }

    /// Whether the one who asks may send a document of that origin, by what the request's snapshot says of them. Where they may not, the
    /// snapshot is ended: nothing was shown, so there is nothing to record.
    pub(super) async fn may_send(&self, run: &Run) -> Result<(), ServerError> {
        if self.allows(run.origin, None) {
            return Ok(());
        }
        let session = run.sessions.whole();
        let refusal = match session.batches().drive(session.signed_in()).await {
            Ok(Some(asker)) if self.allows(run.origin, Some(&asker.viewer)) => return Ok(()),
            Ok(_) => Unfound::Required.into(),
            Err(error) => nowhere(error),
        };
        let _ = run.sessions.finish().await;
        Err(refusal)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgConnectOptions;
    use uuid::Uuid;

    use super::super::{Prepared, Request};
    use super::*;
    use crate::domain::clock::Clock;
    use crate::graphql::documents::{Asked, Validity};
    use crate::graphql::hidden::Placement;
    use crate::graphql::limits::Limits;
    use crate::graphql::mutation::Stamp;
    use crate::graphql::schema;
    use crate::store::Database;
    use crate::store::scope::PoolSettings;

    /// No rule allows a variable that is not used, and execution does not mind.
    #[tokio::test]
    async fn a_document_is_validated_until_it_is_known_to_be_valid() {
        const INVALID: &str = "query ($unused: Int) { __typename }";
        let nowhere = Database::new(PgConnectOptions::new().host("/nowhere"), PoolSettings::default());
        let executor = Executor::new(schema(), nowhere, Clock::System, Limits::default());
        let run = async |text: &str, validity: &Validity| {
            let asked = Asked { text: Some(text.to_owned()), ..Asked::default() };
            let prepared = executor.prepare(asked, async_graphql::Request::new("")).await.unwrap();
            let graphql = Prepared { validity: validity.clone(), ..prepared };
            let stamp = Stamp { request: Uuid::nil(), idempotency_key: None };
            let request = Request { graphql, subject: None, placement: Placement::Errors, stamp };
            executor.execute(request).await
        };
        let validity = Validity::default();
        for _ in 0..2 {
            assert!(run(INVALID, &validity).await.is_err());
            assert!(!validity.is_known());
        }
        assert!(run("{ __typename }", &validity).await.is_ok());
        assert!(validity.is_known());
        // It is not looked at again.
        assert!(run(INVALID, &validity).await.is_ok());
    }
}
