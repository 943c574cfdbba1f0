//! `POST` and `GET /evidence/{id}/file`: the file of a record of evidence, put there once and read by whoever the gate shows POSTURE.
//!
//! Who may is decided before a byte of the body is read, and once more before anything is written down. The file is in the store
//! before the row says so; where the row is refused, the file is taken back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::auth::{self, SignInError, TokenError, Verifier};
use super::failure;
use super::graphql::request_id;
use super::ingest::in_time;
use crate::config::EvidenceLimits;
use crate::domain::clock::Clock;
use crate::domain::evidence::MediaType;
use crate::domain::global_id::GlobalId;
use crate::domain::ids::{CustomerId, EvidenceId, PartnerId, UserId};
use crate::files::{Files, Kept, Name, NotKept};
use crate::graphql::batch::Batches;
use crate::graphql::hidden::{Hidden, Placement};
use crate::graphql::loaders::AttachmentsKey;
use crate::graphql::mutation::operate::operates;
use crate::graphql::mutation::refusal;
use crate::graphql::session::Session;
use crate::graphql::shown::Showing;
use crate::policy::{DataClass, Decision, Operation, Posture, decide, grant};
use crate::store::change::{Author, Changes};
use crate::store::evidence::{EvidenceFile, FoundEvidence, NewFile, find};
use crate::store::portal::{LockedCustomer, lock_customer};
use crate::store::viewer::signed_in_to_write;
use crate::store::{Database, Snapshot, StoreError, Writer};

/// What the doors of files need.
#[derive(Clone)]
pub struct EvidenceState {
    /// Where records are.
    pub database: Database,
    /// Judges tokens.
    pub verifier: Arc<Verifier>,
    /// The instant of a request.
    pub clock: Clock,
    /// Where files are.
    pub files: Files,
    /// What a file may cost.
    pub limits: EvidenceLimits,
}

/// The routes of files.
pub fn router<S: Clone + Send + Sync + 'static>(state: EvidenceState) -> Router<S> {
    Router::new().route("/evidence/{id}/file", get(download).post(upload)).with_state(state)
}

/// Why a file is not taken or not given.
enum Refusal {
    Unauthenticated,
    Token(TokenError),
    Forbidden,
    NotFound,
    NotPermitted(String),
    Invalid(String),
    MediaType,
    TooLarge(u64),
    NotKept(NotKept),
    TooLate,
    Conflict,
    /// Whether it was recorded is not known.
    Unconfirmed,
    Internal,
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a file of evidence could not be recorded");
        Self::Internal
    }
}

type Key = (CustomerId, EvidenceId);

/// The record that a path names.
fn key(id: Result<Path<String>, PathRejection>) -> Option<Key> {
    let Ok(Path(id)) = id else { return None };
    match id.parse() {
        Ok(GlobalId::Evidence(customer, id)) => Some((customer, id)),
        Ok(_) | Err(_) => None,
    }
}

/// Whom the request's token or API key signs in.
async fn subject(state: &EvidenceState, headers: &HeaderMap) -> Result<UserId, Refusal> {
    let pass = auth::pass_of(headers, &state.verifier, state.clock.now(), &state.database).await;
    let pass = pass.map_err(|error| match error {
        SignInError::Token(error) => Refusal::Token(error),
        SignInError::Store(error) => error.into(),
    })?;
    Ok(pass.ok_or(Refusal::Unauthenticated)?.user)
}

// ---------------------------------------------------------------- putting it there

async fn upload(
    State(state): State<EvidenceState>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // What a refusal tells a partner's user.
    let showing = Arc::new(Showing::default());
    let request = request_id(&headers);
    let user = match subject(&state, &headers).await {
        Ok(user) => user,
        Err(refusal) => return refusal.into_response(),
    };
    let upload = async {
        let opened = open(&state, user, key(id), &showing).await?;
        let (customer, found) = (opened.customer.id, opened.found.id);
        opened.writer.rollback().await?;
        // That the file is read at all tells that there is a record for it, also to who hangs up then.
        tell(&state, user, &showing, request).await?;
        let declared = Declared::of(query.as_deref(), &headers, state.limits)?;
        let name = Name { customer, evidence: found, object: Uuid::new_v4() };
        let kept = keep(&state, name, declared.media, body).await?;
        // From here on it is done to its end, also where the client hangs up.
        let (state, told) = (state.clone(), Arc::clone(&showing));
        let recorded = tokio::spawn(async move {
            let author = Sender { user, request, told: &told };
            let recorded = record(&state, author, name, &declared, kept).await;
            // Where the end of the transaction was not confirmed the row may be there: rather a file too many than one too few.
            let is_refused = recorded.as_ref().is_err_and(|refusal| !matches!(refusal, Refusal::Unconfirmed));
            if is_refused && let Err(error) = state.files.discard(name).await {
                tracing::warn!(error = &error as &dyn std::error::Error, object = %name.object, "a file stays that no record names");
            }
            recorded
        });
        recorded.await.map_err(|_| Refusal::Internal)?
    };
    match upload.await {
        // The customer's log tells of it.
        Ok(response) => response,
        Err(refusal) => tell(&state, user, &showing, request).await.err().unwrap_or(refusal).into_response(),
    }
}

/// Records for the customer what is told of a record from here on, as what GraphQL shows.
async fn tell(state: &EvidenceState, user: UserId, showing: &Showing, request: Uuid) -> Result<(), Refusal> {
    let Some(reads) = showing.take(request, None) else { return Ok(()) };
    let snapshot = Snapshot::new(state.database.clone(), Some(user), state.clock.now());
    Ok(snapshot.finish_recording(reads).await?)
}

/// Who sends a file, and in which request.
#[derive(Clone, Copy)]
struct Sender<'s> {
    user: UserId,
    request: Uuid,
    told: &'s Showing,
}

/// What a request says of its file.
struct Declared {
    name: String,
    media: MediaType,
}

impl Declared {
    fn of(query: Option<&str>, headers: &HeaderMap, limits: EvidenceLimits) -> Result<Self, Refusal> {
        let mut names = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter_map(|(key, value)| (key == "name").then_some(value));
        let (Some(name), None) = (names.next(), names.next()) else {
            return Err(Refusal::Invalid("say what the file is called, once: ?name=report.pdf".to_owned()));
        };
        let name = match refusal::name("name", &name) {
            Ok(name) if !name.contains(['/', '\\']) && !matches!(name, "." | "..") => name.to_owned(),
            Ok(_) => return Err(Refusal::Invalid("`name` is a file's name without folders".to_owned())),
            Err(refused) => return Err(Refusal::Invalid(format!("`name`: {}", refused.message()))),
        };
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        let (Some(media), None) = (types.next(), types.next()) else { return Err(Refusal::MediaType) };
        let media = media.to_str().ok().and_then(|media| media.split(';').next());
        let media = media.and_then(|media| media.trim().to_ascii_lowercase().parse().ok());
        let media = media.ok_or(Refusal::MediaType)?;
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > limits.file_bytes)
        {
            return Err(Refusal::TooLarge(limits.file_bytes));
        }
        Ok(Self { name, media })
    }
}

/// Streams the body into the store.
async fn keep(state: &EvidenceState, name: Name, media: MediaType, body: Body) -> Result<Kept, Refusal> {
    let bytes = Box::pin(in_time(body, Instant::now() + state.limits.body_timeout));
    state.files.keep(name, media, state.limits.file_bytes, bytes).await.map_err(|error| match error {
        NotKept::Broken(source) if source.kind() == std::io::ErrorKind::TimedOut => Refusal::TooLate,
        NotKept::TooLarge { limit } => Refusal::TooLarge(limit),
        error => Refusal::NotKept(error),
    })
}

/// A transaction in which a file may be recorded.
struct Opened {
    writer: Writer,
    author: String,
    customer: LockedCustomer,
    found: FoundEvidence,
    by: Option<PartnerId>,
}

/// Asks in the order of DESIGN.md 9: FORBIDDEN, NOT_FOUND, NOT_PERMITTED, and that there is no file yet.
/// From where the record is found on, what is refused tells of it.
async fn open(
    state: &EvidenceState,
    user: UserId,
    key: Option<Key>,
    showing: &Showing,
) -> Result<Opened, Refusal> {
    let now = state.clock.now();
    let mut writer = state.database.begin_write(user, now).await?;
    let asked = async {
        let asker = signed_in_to_write(&mut writer, user).await?.ok_or(Refusal::Unauthenticated)?;
        if !Operation::CreateEvidence.may_ever_be_called_by(&asker.viewer) {
            return Err(Refusal::Forbidden);
        }
        let (customer, evidence) = key.ok_or(Refusal::NotFound)?;
        let customer = lock_customer(&mut writer, &asker.viewer, customer).await?;
        let customer = customer.ok_or(Refusal::NotFound)?;
        if !decide(&asker.viewer, DataClass::Posture, &customer.subject(now)).is_visible() {
            return Err(Refusal::NotFound);
        }
        let found = find(&mut writer, &customer, evidence).await?.ok_or(Refusal::NotFound)?;
        showing.note(&asker.viewer, DataClass::Posture, [customer.id], ("Evidence", "file"));
        let by = operates(&asker.viewer, &customer, now, "adding a file")
            .map_err(|refused| Refusal::NotPermitted(refused.message().to_owned()))?;
        if found.has_file {
            return Err(Refusal::Conflict);
        }
        Ok((asker.name, customer, found, by))
    };
    let asked = asked.await;
    match asked {
        Ok((author, customer, found, by)) => Ok(Opened { writer, author, customer, found, by }),
        Err(refusal) => {
            writer.rollback().await?;
            Err(refusal)
        }
    }
}

async fn record(
    state: &EvidenceState,
    Sender { user, request, told }: Sender<'_>,
    name: Name,
    declared: &Declared,
    kept: Kept,
) -> Result<Response, Refusal> {
    // Asked again: reading may have taken minutes.
    let Opened { mut writer, author, customer, found, by } =
        open(state, user, Some((name.customer, name.evidence)), told).await?;
    let author = Author::new(author, user, state.clock.now(), request);
    let file = EvidenceFile {
        object: name.object,
        name: declared.name.clone(),
        size: i64::try_from(kept.size).unwrap_or(i64::MAX),
        media_type: declared.media,
        sha256: kept.sha256.to_vec(),
    };
    let mut changes = Changes::new(&author);
    changes.add_file(&customer, by, &NewFile { evidence: &found, file: &file });
    changes.execute(&mut writer).await?;
    if let Err(error) = writer.commit().await {
        tracing::error!(error = &error as &dyn std::error::Error, object = %name.object, "a file may be recorded or not");
        return Err(Refusal::Unconfirmed);
    }
    let body = json!({
        "evidence": GlobalId::Evidence(name.customer, name.evidence).to_string(),
        "file": { "name": file.name, "size": file.size, "mediaType": file.media_type.as_str(), "sha256": file.sha256_hex() },
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

// ---------------------------------------------------------------- reading it

async fn download(
    State(state): State<EvidenceState>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let download = async {
        let user = subject(&state, &headers).await?;
        let showing = Arc::new(Showing::default());
        let session = Session::new(
            Snapshot::new(state.database.clone(), Some(user), state.clock.now()),
            Arc::new(Hidden::new(Placement::default())),
            Arc::clone(&showing),
            Batches::default(),
        );
        let found = session.batches().drive(shown(&session, key(id))).await;
        // What a partner's user is given is recorded first, as what GraphQL shows.
        match showing.take(request_id(&headers), None) {
            Some(reads) => session.snapshot().finish_recording(reads).await?,
            None => session.snapshot().finish().await?,
        }
        let (name, file) = found?;
        given(&state.files, name, &file).await
    };
    download.await.unwrap_or_else(Refusal::into_response)
}

/// The file of a record, if there is one and the gate shows it.
async fn shown(session: &Session, key: Option<Key>) -> Result<(Name, EvidenceFile), Refusal> {
    // What failed is in the log already.
    let failed = |_: async_graphql::Error| Refusal::Internal;
    let viewer = session.signed_in().await.map_err(failed)?.ok_or(Refusal::Unauthenticated)?.viewer;
    let (customer, evidence) = key.ok_or(Refusal::NotFound)?;
    let subject = session.subject(customer, None).await.map_err(failed)?;
    let Decision::Visible(grant) = grant::<Posture>(&viewer, &subject) else { return Err(Refusal::NotFound) };
    let attached = session.load(AttachmentsKey(grant, evidence)).await.map_err(failed)?;
    let file = attached.and_then(|attached| attached.file.clone()).ok_or(Refusal::NotFound)?;
    session.note_shown(DataClass::Posture, [customer], ("Evidence", "file")).await.map_err(failed)?;
    Ok((Name { customer, evidence, object: file.object }, file))
}

/// The file as it was received, to be saved and not to be shown: a browser runs nothing of it here.
async fn given(files: &Files, name: Name, file: &EvidenceFile) -> Result<Response, Refusal> {
    let bytes = files.open(name).await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a file of evidence could not be read");
        Refusal::Internal
    })?;
    let mut response = Body::from_stream(bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.media_type.as_str()));
    headers.insert(header::CONTENT_LENGTH, file.size.into());
    let disposition = format!("attachment; filename*=UTF-8''{}", percent_encoded(&file.name));
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'"),
    );
    Ok(response)
}

/// A name as RFC 8187 has it in a header.
fn percent_encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

// ---------------------------------------------------------------- refusals

impl Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Token(error) => error.into_response(),
            Self::Unauthenticated => {
                auth::unauthenticated("this takes the bearer token or the API key of an enabled user")
            }
            Self::Forbidden => failure(
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "files are added by partner admins and partner operators and customer admins alone",
            ),
            Self::NotFound => failure(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "there is no such record of evidence or no such file, or it is not yours to see",
            ),
            Self::NotPermitted(message) => failure(StatusCode::FORBIDDEN, "NOT_PERMITTED", message),
            Self::Invalid(message) => failure(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", message),
            Self::MediaType => {
                let known: Vec<&str> = MediaType::ALL.iter().map(|media| media.as_str()).collect();
                failure(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "UNSUPPORTED_MEDIA_TYPE",
                    format!("say in `content-type` what the file is: one of {}", known.join(", ")),
                )
            }
            Self::TooLarge(limit) => failure(
                StatusCode::PAYLOAD_TOO_LARGE,
                "TOO_LARGE",
                format!("a file has {limit} bytes at most; nothing of this one was kept"),
            ),
            Self::NotKept(error @ (NotKept::Empty | NotKept::NotAsDeclared(_))) => failure(
                StatusCode::UNPROCESSABLE_ENTITY,
                "INVALID",
                format!("{error}; nothing of it was kept"),
            ),
            Self::NotKept(NotKept::Broken(source)) => {
                tracing::debug!(error = &source as &dyn std::error::Error, "a file broke off");
                failure(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the file broke off; nothing of it was kept")
            }
            Self::NotKept(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a file could not be kept");
                internal()
            }
            Self::TooLate => failure(
                StatusCode::REQUEST_TIMEOUT,
                "TIMEOUT",
                "the file took too long to arrive; nothing of it was kept",
            ),
            Self::Conflict => failure(
                StatusCode::CONFLICT,
                "CONFLICT",
                "the record has a file already, which stays as it is: make another record for another file",
            ),
            Self::Unconfirmed => failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "the gateway did not hear whether the file was recorded: read the record again before you try again",
            ),
            Self::Internal => internal(),
        }
    }
}

fn internal() -> Response {
    failure(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "the gateway could not reach its files or its data; try again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_ends_its_header() {
        assert_eq!(percent_encoded("Bericht ä\"\r\n;.pdf"), "Bericht%20%C3%A4%22%0D%0A%3B.pdf");
    }
}
