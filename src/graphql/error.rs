//! What a client is told when a field cannot be answered: a sentence and a code, never SQL, a path or a trace.

use async_graphql::{Error, ErrorExtensions as _, Pos, ServerError};

use crate::policy::Operation;
use crate::store::StoreError;

/// The codes of `extensions.code` (DESIGN.md 4 and 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nobody is signed in.
    Unauthenticated,
    /// The viewer's role may never call the mutation.
    Forbidden,
    /// The gate hides the field.
    Hidden,
    /// An argument is not well-formed.
    BadUserInput,
    /// Something failed on our side; it is in the log.
    Internal,
    /// More has changed than is told one by one, or events were lost: what is shown has to be read anew.
    Refetch,
    /// A connection has as many operations under way as it may.
    TooManyOperations,
}

impl Code {
    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::Hidden => "HIDDEN",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::Internal => "INTERNAL",
            Self::Refetch => "REFETCH",
            Self::TooManyOperations => "TOO_MANY_OPERATIONS",
        }
    }
}

/// An error with a code.
#[must_use]
pub fn coded(code: Code, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set("code", code.as_str()))
}

/// An argument that is not well-formed: what is wrong and what would be right.
#[must_use]
pub fn bad_input(message: impl Into<String>) -> Error {
    coded(Code::BadUserInput, message)
}

/// Nobody is signed in.
#[must_use]
pub fn unauthenticated() -> Error {
    coded(Code::Unauthenticated, "sign in first: this takes a bearer token of an enabled user")
}

/// The viewer's kind and role may never call the mutation.
#[must_use]
pub fn forbidden(operation: Operation) -> Error {
    let callers: Vec<&str> = operation.callers().iter().map(|caller| caller.plural()).collect();
    coded(Code::Forbidden, format!("`{operation}` is for {} alone", callers.join(" and ")))
}

/// An API key asks for what people alone decide.
#[must_use]
pub fn for_people(operation: Operation) -> Error {
    coded(
        Code::Forbidden,
        format!("`{operation}` is decided by people, not by API keys: ask somebody who signs in as themself"),
    )
}

/// A failed statement: logs the cause and tells the client nothing of it.
#[must_use]
pub fn internal(error: &StoreError) -> Error {
    tracing::error!(error = error as &dyn std::error::Error, "a statement failed");
    coded(Code::Internal, "the gateway could not read its data; try again")
}

/// No secret could be made: logs the cause.
#[must_use]
pub fn no_randomness(error: &getrandom::Error) -> Error {
    tracing::error!(error = error as &dyn std::error::Error, "no random bytes for a secret");
    coded(Code::Internal, "the gateway could not make a secret, and nothing was done; try again")
}

/// An error that is about no place in the document: it names none, for places are counted from 1 (GraphQL, section 7.1.6).
#[must_use]
pub fn nowhere(error: Error) -> ServerError {
    let mut error = error.into_server_error(Pos::default());
    error.locations.clear();
    error
}

/// What a partner's user would have been shown could not be recorded, so nothing of the answer is sent.
#[must_use]
pub fn unrecorded(error: &StoreError) -> ServerError {
    tracing::error!(error = error as &dyn std::error::Error, "a read could not be recorded");
    let message = "the gateway could not record for its customers what it would have shown, so it shows nothing; try again, and a mutation \
                   with its Idempotency-Key, for it may have been done";
    nowhere(coded(Code::Internal, message))
}
