//! Which document a request runs: one that it brings along, one that the gateway was told to trust, or one that its user sent before.
//!
//! Trusted documents are those that the operators' own apps send: parsed when the gateway starts, and refused there where the schema
//! does not have what they ask for. With [`AdHoc`] everybody else's documents can be refused, at every door: `Executor::prepare` says
//! which is which and `Executor::execute` asks who may. What was sent before (automatic persisted queries) is a cache and no list.

mod kept;
pub mod manifest;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{ErrorExtensionValues, ServerError};
use sha2::{Digest as _, Sha256};

use self::kept::Kept;
use self::manifest::Manifests;
use crate::domain::ids::UserId;
use crate::policy::{Caller, Viewer};

/// What a document is called by the SHA-256 of its text, in the words of GraphQL over HTTP's appendix on persisted documents.
const BY_HASH: &str = "sha256:";

/// Who may send documents of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AdHoc {
    /// Everybody, signed in or not.
    #[default]
    Everybody,
    /// Users of these kinds and roles; nobody where there are none.
    Only(Vec<Caller>),
}

/// A document, parsed.
#[derive(Debug)]
pub struct Document {
    /// What its manifest calls it; its hash, where it is of none.
    id: String,
    text: String,
    parsed: ExecutableDocument,
    validity: Validity,
}

/// Whether a document is known to be valid, for all who hold it: found out once. What its variables are given is no part of it.
#[derive(Clone, Debug, Default)]
pub struct Validity(Arc<AtomicBool>);

/// Which document a client asks for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Its text.
    pub text: Option<String>,
    /// Its id, as `documentId` names it.
    pub id: Option<String>,
    /// The SHA-256 of its text, as `extensions.persistedQuery` has it.
    pub hash: Option<String>,
    /// What the client calls itself.
    pub client: Option<String>,
    /// Who asks, where a token says so.
    pub subject: Option<UserId>,
}

/// Whether the gateway was told to trust a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is one of the apps' own.
    Trusted,
    /// It came with the request, or with an earlier one.
    AdHoc,
}

/// The document of a request.
#[derive(Debug)]
pub(super) enum Source {
    /// As text, to be parsed.
    Text(String),
    /// Parsed before.
    Parsed(Arc<Document>),
}

/// Why there is no document to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfound {
    /// Nothing is known by the hash. Clients look for this very text, and send the document next.
    #[error("PersistedQueryNotFound")]
    Hash,
    /// Nothing is known by the id.
    #[error("no document has the id `{0}`: it is none of the trusted documents of this client")]
    Id(String),
    /// It is not a trusted document, and has to be one.
    #[error(
        "this document is none of the trusted ones, and who asks may not send one of their own: send the `documentId` of a trusted document"
    )]
    Required,
    /// The hash is another text's.
    #[error("`extensions.persistedQuery.sha256Hash` is not the SHA-256 of `query`")]
    OtherHash,
}

/// The code of a document that whoever asks may not send.
pub const TRUSTED_DOCUMENT_REQUIRED: &str = "TRUSTED_DOCUMENT_REQUIRED";

impl Unfound {
    /// `extensions.code`. The first is what clients of automatic persisted queries wait for.
    const fn code(&self) -> &'static str {
        match self {
            Self::Hash | Self::Id(_) => "PERSISTED_QUERY_NOT_FOUND",
            Self::Required => TRUSTED_DOCUMENT_REQUIRED,
            Self::OtherHash => "BAD_USER_INPUT",
        }
    }
}

impl From<Unfound> for ServerError {
    fn from(unfound: Unfound) -> Self {
        let mut error = Self::new(unfound.to_string(), None);
        error.extensions.get_or_insert_with(ErrorExtensionValues::default).set("code", unfound.code());
        error
    }
}

/// A trusted document that cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("the trusted document `{id}` of `{client}` cannot be run: {message}")]
pub struct Unfit {
    client: String,
    id: String,
    message: String,
}

/// One client's documents, by the ids of its manifests and by the hashes of their texts.
type OfClient = HashMap<String, Arc<Document>>;

/// The documents that a gateway knows.
#[derive(Debug, Default)]
pub struct Documents {
    trusted: HashMap<String, OfClient>,
    ad_hoc: AdHoc,
    kept: Kept,
}

impl Documents {
    /// Those of manifests, parsed. Nothing here holds them against the schema: `Executor::trusting` does.
    ///
    /// # Errors
    /// The first that is no GraphQL, or has an id that another one has.
    pub fn trusting(manifests: Manifests, ad_hoc: AdHoc) -> Result<Self, Unfit> {
        let mut trusted: HashMap<String, OfClient> = HashMap::new();
        let mut texts: HashMap<String, String> = HashMap::new();
        for (client, entries) in manifests {
            let of_client = trusted.entry(client.clone()).or_default();
            for (id, text) in entries {
                // A client need not say which one it is.
                if texts.insert(id.clone(), text.clone()).is_some_and(|other| other != text) {
                    return Err(Unfit::new(&client, &id, "the same id names another document as well"));
                }
                let parsed = parse_query(&text).map_err(|error| Unfit {
                    client: client.clone(),
                    id: id.clone(),
                    message: error.to_string(),
                })?;
                let hash = sha256(&text);
                let document = Arc::new(Document::new(id.clone(), text, parsed, Validity::default()));
                of_client.insert(hash, Arc::clone(&document));
                of_client.insert(id, document);
            }
        }
        Ok(Self { trusted, ad_hoc, kept: Kept::default() })
    }

    /// Every trusted document, with its client and an id.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str, &Arc<Document>)> {
        self.trusted.iter().flat_map(|(client, documents)| {
            // Each is there by its hash as well.
            let named = documents.iter().filter(|(id, document)| **id == document.id);
            named.map(move |(id, document)| (client.as_str(), id.as_str(), document))
        })
    }

    /// The document that is asked for.
    pub(super) fn find(&self, asked: Asked) -> Result<(Source, Origin), Unfound> {
        let client = asked.client.as_deref();
        if let Some(id) = asked.id {
            let hash = id.strip_prefix(BY_HASH);
            if let Some(document) = self.trusted(client, hash.unwrap_or(&id)) {
                return Ok((Source::Parsed(document), Origin::Trusted));
            }
            let kept = hash.and_then(|hash| self.kept(client, asked.subject, hash));
            return kept.ok_or(Unfound::Id(id));
        }
        let Some(text) = asked.text else {
            let hash = asked.hash.unwrap_or_default();
            if let Some(document) = self.trusted(client, &hash) {
                return Ok((Source::Parsed(document), Origin::Trusted));
            }
            return self.kept(client, asked.subject, &hash).ok_or(Unfound::Hash);
        };
        if asked.hash.is_some() || !self.trusted.is_empty() {
            let own = sha256(&text);
            let is_kept = asked.hash.is_some();
            if asked.hash.is_some_and(|hash| hash != own) {
                return Err(Unfound::OtherHash);
            }
            if let Some(document) = self.trusted(client, &own) {
                return Ok((Source::Parsed(document), Origin::Trusted));
            }
            if is_kept && let Some(kept) = self.kept(client, asked.subject, &own) {
                return Ok(kept);
            }
        }
        if self.is_known(client) {
            return Err(Unfound::Required);
        }
        Ok((Source::Text(text), Origin::AdHoc))
    }

    /// Keeps a document that was sent with its hash, which is its id, for the one who sent it, and may.
    pub(super) fn keep(&self, subject: Option<UserId>, document: Document) {
        self.kept.insert((subject, document.id.clone()), Arc::new(document));
    }

    /// Whether everybody may send documents of their own.
    pub(super) fn is_open(&self) -> bool {
        self.ad_hoc == AdHoc::Everybody
    }

    /// Whether a user may send documents of their own.
    pub(super) fn may_explore(&self, viewer: &Viewer) -> bool {
        match &self.ad_hoc {
            AdHoc::Everybody => true,
            AdHoc::Only(callers) => callers.contains(&Caller::from(viewer)),
        }
    }

    /// A trusted document by its id or hash: of the client, where it is one of the known ones, else of any.
    fn trusted(&self, client: Option<&str>, key: &str) -> Option<Arc<Document>> {
        match client.and_then(|client| self.trusted.get(client)) {
            Some(own) => own.get(key).cloned(),
            None => self.trusted.values().find_map(|documents| documents.get(key)).cloned(),
        }
    }

    /// A document that its user sent before; none for a client that has trusted ones.
    fn kept(&self, client: Option<&str>, subject: Option<UserId>, hash: &str) -> Option<(Source, Origin)> {
        if self.is_known(client) {
            return None;
        }
        let document = self.kept.get(&(subject, hash.to_owned()))?;
        Some((Source::Parsed(document), Origin::AdHoc))
    }

    /// Whether a client has trusted documents, and so sends no others.
    fn is_known(&self, client: Option<&str>) -> bool {
        client.is_some_and(|client| self.trusted.contains_key(client))
    }
}

impl Source {
    /// Lays the document into a request, and says what is known of it.
    pub(super) fn lay_into(self, request: &mut async_graphql::Request) -> Validity {
        match self {
            Self::Text(text) => {
                request.query = text;
                Validity::default()
            }
            Self::Parsed(document) => {
                request.query.clone_from(&document.text);
                request.set_parsed_query(document.parsed.clone());
                document.validity.clone()
            }
        }
    }
}

impl Validity {
    /// Whether it is valid, as far as is known.
    pub(super) fn is_known(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// It is.
    pub(super) fn found(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Document {
    /// A document by its id.
    pub(super) fn new(id: String, text: String, parsed: ExecutableDocument, validity: Validity) -> Self {
        Self { id, text, parsed, validity }
    }

    /// What is known of it.
    pub(super) const fn validity(&self) -> &Validity {
        &self.validity
    }

    /// A request to validate it.
    pub(super) fn to_validate(&self) -> async_graphql::Request {
        to_validate(self.text.clone(), self.parsed.clone())
    }

    /// Its operations and fragments.
    pub(super) const fn parsed(&self) -> &ExecutableDocument {
        &self.parsed
    }
}

/// A request that asks for no operation of a document: executed, it is validated and nothing else.
pub(super) fn to_validate(text: String, parsed: ExecutableDocument) -> async_graphql::Request {
    let mut request = async_graphql::Request::new(text).operation_name("");
    request.set_parsed_query(parsed);
    request
}

impl Unfit {
    /// One of a client's documents, and what is wrong with it.
    pub(super) fn new(client: &str, id: &str, message: impl Into<String>) -> Self {
        Self { client: client.to_owned(), id: id.to_owned(), message: message.into() }
    }
}

/// The SHA-256 of a text, in lower-case hexadecimal.
fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"))
}
