//! What a mutation answers instead of doing it: a value in the payload, never an error (DESIGN.md 9, "Writes").

use async_graphql::SimpleObject;
use serde::{Deserialize, Serialize};

use crate::domain::text_enum::text_enum;

text_enum! {
    /// Why a mutation was not done.
    RefusalCode {
        /// There is no such object, or the viewer may not see it.
        NotFound = "NOT_FOUND",
        /// The viewer may not do this to that object.
        NotPermitted = "NOT_PERMITTED",
        /// An input field is not well-formed.
        Invalid = "INVALID",
        /// Somebody else changed the object first.
        Conflict = "CONFLICT",
        /// It is so already.
        NoChange = "NO_CHANGE",
        /// The object is in a state in which this cannot be done.
        WrongState = "WRONG_STATE",
        /// The idempotency key belongs to another input.
        IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED",
    }
}

/// Why a mutation was not done, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    code: RefusalCode,
    message: String,
    field: Option<Vec<String>>,
}

impl Refusal {
    fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    fn at(self, field: &str) -> Self {
        Self { field: Some(vec!["input".to_owned(), field.to_owned()]), ..self }
    }

    /// What is wrong and what to do, in a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same of an input within the input.
    #[must_use]
    pub fn within(mut self, input: &str) -> Self {
        if let Some(field) = &mut self.field {
            field.insert(1.min(field.len()), input.to_owned());
        }
        self
    }

    /// The same, of one element of the list at fault.
    #[must_use]
    pub fn element(mut self, nth: usize) -> Self {
        if let Some(field) = &mut self.field {
            field.push(nth.to_string());
        }
        self
    }

    /// The same, of an element of a list that the field is about: who it is stands before the message.
    #[must_use]
    pub fn about(mut self, name: &str, field: &str) -> Self {
        self.message = format!("{name}: {}", self.message);
        self.at(field)
    }

    /// Does not exist, or may not be seen: the same to the byte. `what` is a noun, `field` where its id stands in the input.
    #[must_use]
    pub fn not_found(what: &str, field: &str) -> Self {
        Self::new(
            RefusalCode::NotFound,
            format!("there is no {what} with this id, or it is not yours to see"),
        )
        .at(field)
    }

    /// May not be done to that object, and what would allow it.
    #[must_use]
    pub fn not_permitted(message: impl Into<String>) -> Self {
        Self::new(RefusalCode::NotPermitted, message)
    }

    /// An input field is not well-formed: what is wrong and what would be right.
    #[must_use]
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::new(RefusalCode::Invalid, message).at(field)
    }

    /// Somebody else was faster.
    #[must_use]
    pub fn conflict(expected: i32, found: i32) -> Self {
        Self::new(
            RefusalCode::Conflict,
            format!(
                "version {expected} was expected, it is {found} by now: read it again, then decide again"
            ),
        )
        .at("expectedVersion")
    }

    /// It is so already.
    #[must_use]
    pub fn no_change(field: &str, message: impl Into<String>) -> Self {
        Self::new(RefusalCode::NoChange, message).at(field)
    }

    /// It cannot be done in this state, and in which it can.
    #[must_use]
    pub fn wrong_state(message: impl Into<String>) -> Self {
        Self::new(RefusalCode::WrongState, message)
    }

    /// What is left of a refusal that was kept, where the viewer may not be told any more what it was about.
    #[must_use]
    pub fn without_why(self) -> Self {
        if !self.is_told() {
            // As of what was never there; which element of a list it was tells of those before it.
            let field = self.field.map(|field| field.into_iter().take(2).collect());
            return Self { field, ..self };
        }
        Self {
            // Which refusal it was tells of the state that it met.
            code: RefusalCode::NotPermitted,
            message: "this was refused before, and why is not yours to see any more: send it again with another Idempotency-Key"
                .to_owned(),
            field: None,
        }
    }

    /// Whether it tells of something that is there: what is not found is told as what may not be seen.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.code != RefusalCode::NotFound
    }

    /// The key was used for something else.
    #[must_use]
    pub fn idempotency_key_reused() -> Self {
        Self::new(
            RefusalCode::IdempotencyKeyReused,
            "this Idempotency-Key came with another input before: take a new key for a new input",
        )
    }
}

/// Why a mutation was not done, for the one who asked for it.
#[derive(SimpleObject, Clone, Debug)]
pub struct UserError {
    /// NOT_FOUND, NOT_PERMITTED, INVALID, CONFLICT, NO_CHANGE, WRONG_STATE or IDEMPOTENCY_KEY_REUSED.
    code: String,
    /// What is wrong and what to do, in a sentence.
    message: String,
    /// Path of the input field at fault.
    field: Option<Vec<String>>,
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code.as_str().to_owned(), message: refusal.message, field: refusal.field }
    }
}

/// The reason of a change, trimmed: 3 to 500 characters (DESIGN.md 6).
///
/// # Errors
/// INVALID where it is shorter or longer.
pub fn reason(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    match text.chars().count() {
        3..=500 if !text.contains('\0') => Ok(text),
        length => Err(Refusal::invalid(
            "reason",
            format!("a reason has 3 to 500 characters, this one has {length}"),
        )),
    }
}

/// What something is called, trimmed: 1 to 200 characters on one line.
///
/// # Errors
/// INVALID where it is shorter, longer or on several lines.
pub fn name<'t>(field: &str, text: &'t str) -> Result<&'t str, Refusal> {
    let text = text.trim();
    match text.chars().count() {
        1..=200 if !text.contains(char::is_control) => Ok(text),
        length => Err(Refusal::invalid(
            field,
            format!("a name has 1 to 200 characters on one line, this one has {length}"),
        )),
    }
}

/// The address belongs to somebody; it is not said to whom.
#[must_use]
pub fn email_taken(field: &str) -> Refusal {
    Refusal::invalid(field, "this address is taken: a user has one address of their own")
}

/// An e-mail address, trimmed and in lower case. Whether somebody reads it only a letter could tell.
///
/// # Errors
/// INVALID where it cannot be one.
pub fn email(field: &str, text: &str) -> Result<String, Refusal> {
    let address = text.trim().to_lowercase();
    let well_formed = address.len() <= 254
        && !address.contains(|c: char| c.is_whitespace() || c.is_control())
        && address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.contains('@')
                && domain.contains('.')
                && domain.split('.').all(|label| !label.is_empty())
        });
    if well_formed {
        Ok(address)
    } else {
        Err(Refusal::invalid(field, "this is no e-mail address: it takes one like `name@example.com`"))
    }
}
