//! The messages of `graphql-transport-ws`, and the codes that it closes a connection with.

use std::borrow::Cow;
use std::error::Error as _;

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stream::Ended;
use crate::http::graphql::{Envelope, Parameters};

/// The subprotocol's name.
pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// How long the id of an operation may be, in bytes.
const LONGEST_ID: usize = 255;

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    /// Who it is.
    ConnectionInit {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Ping {
        #[serde(default)]
        payload: Option<Map<String, Value>>,
    },
    Pong {},
    Subscribe {
        id: String,
        payload: Parameters,
    },
    Complete {
        id: String,
    },
}

impl Said {
    /// Reads a message.
    pub(super) fn read(text: &str) -> Result<Self, Closing> {
        let said: Self = serde_json::from_str(text).map_err(|_| Closing::INVALID)?;
        match &said {
            Self::Subscribe { id, .. } | Self::Complete { id } if id.is_empty() || id.len() > LONGEST_ID => {
                Err(Closing::INVALID)
            }
            _ => Ok(said),
        }
    }
}

/// What the gateway says.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Say<'a> {
    ConnectionAck,
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Next {
        id: &'a str,
        payload: Envelope<'a>,
    },
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
}

impl Say<'_> {
    fn message(&self) -> Message {
        Message::text(serde_json::to_string(self).unwrap_or_default())
    }
}

pub(super) fn ack() -> Message {
    Say::ConnectionAck.message()
}

pub(super) fn pong(payload: Option<Map<String, Value>>) -> Message {
    Say::Pong { payload }.message()
}

pub(super) fn complete(id: &str) -> Message {
    Say::Complete { id }.message()
}

/// An answer, or, where nothing was executed, the errors that end the operation; and whether it is ended by that.
pub(super) fn answer(id: &str, response: &async_graphql::Response) -> (Message, bool) {
    let envelope = Envelope::of(response);
    if envelope.data.is_none() {
        return (errors(id, &response.errors), true);
    }
    (Say::Next { id, payload: envelope }.message(), false)
}

/// The errors in an operation's place.
pub(super) fn errors(id: &str, errors: &[ServerError]) -> Message {
    Say::Error { id, payload: errors }.message()
}

/// Why a connection is closed: a code, and a word for whoever reads logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing(pub(super) u16, pub(super) Cow<'static, str>);

impl Closing {
    pub(super) const GOING_AWAY: Self = Self(1001, Cow::Borrowed("the gateway stops: connect again"));
    pub(super) const IDLE: Self = Self(1000, Cow::Borrowed("nothing was asked for too long"));
    pub(super) const NO_TEXT: Self = Self(1007, Cow::Borrowed("a message is not UTF-8"));
    pub(super) const TOO_LARGE: Self =
        Self(1009, Cow::Borrowed("a message is longer than the gateway takes"));
    pub(super) const FULL: Self =
        Self(1013, Cow::Borrowed("too many connections of one user: try again later"));
    pub(super) const INVALID: Self = Self(4400, Cow::Borrowed("Invalid message received"));
    pub(super) const UNAUTHORIZED: Self = Self(4401, Cow::Borrowed("Unauthorized"));
    pub(super) const SUBPROTOCOL: Self = Self(4406, Cow::Borrowed("Subprotocol not acceptable"));
    pub(super) const LATE: Self = Self(4408, Cow::Borrowed("Connection initialisation timeout"));
    pub(super) const INIT_TWICE: Self = Self(4429, Cow::Borrowed("Too many initialisation requests"));

    /// A second operation of one id.
    pub(super) fn duplicate(id: &str) -> Self {
        let reason = format!("Subscriber for {id} already exists");
        // A close frame has room for 123 bytes.
        let cut = (0..=reason.len().min(123)).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
        Self(4409, Cow::Owned(reason.get(..cut).unwrap_or_default().to_owned()))
    }

    /// The end of whoever sends what cannot be taken (RFC 6455, section 7.4.1); none where there is nobody any more.
    ///
    /// To a client that is told nothing the connection was lost: it connects again, and sends the same again.
    pub(super) fn of_error(error: &axum::Error) -> Option<Self> {
        match error.source()?.downcast_ref::<tungstenite::Error>()? {
            tungstenite::Error::Capacity(_) => Some(Self::TOO_LARGE),
            tungstenite::Error::Utf8(_) => Some(Self::NO_TEXT),
            _ => None,
        }
    }

    /// Whether what the client says after this cannot be read any more.
    pub(super) fn is_about_a_message(&self) -> bool {
        [Self::NO_TEXT, Self::TOO_LARGE].contains(self)
    }

    /// The end of whoever signed in.
    pub(super) const fn of(ended: Ended) -> Self {
        let code = match ended {
            Ended::Expired => 4401,
            Ended::Gone => 4403,
            Ended::Failing => 1011,
        };
        Self(code, Cow::Borrowed(ended.message()))
    }

    pub(super) fn message(self) -> Message {
        let Self(code, reason) = self;
        Message::Close(Some(CloseFrame { code, reason: reason.into_owned().into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spelled_as_the_protocol_has_them() {
        let text = |message: Message| message.to_text().unwrap().to_owned();
        assert_eq!(text(ack()), r#"{"type":"connection_ack"}"#);
        assert_eq!(text(pong(None)), r#"{"type":"pong"}"#);
        assert_eq!(text(complete("a")), r#"{"type":"complete","id":"a"}"#);
        let refused = async_graphql::Response::from_errors(vec![ServerError::new("no", None)]);
        let (message, is_end) = answer("a", &refused);
        assert_eq!(
            (text(message).as_str(), is_end),
            (r#"{"type":"error","id":"a","payload":[{"message":"no"}]}"#, true)
        );
        let response = async_graphql::Response::new(async_graphql::Value::from(1));
        let (message, is_end) = answer("a", &response);
        assert_eq!(
            (text(message).as_str(), is_end),
            (r#"{"type":"next","id":"a","payload":{"data":1}}"#, false)
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "[]",
            "1",
            r#"{"type":"next","id":"a"}"#,
            r#"{"type":"subscribe","payload":{"query":"{ a }"}}"#,
            r#"{"type":"subscribe","id":"a"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{ a }"}}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"connection_init","payload":"a"}"#,
        ] {
            assert_eq!(Said::read(text).err(), Some(Closing::INVALID), "{text}");
        }
        assert!(matches!(Said::read(r#"{"type":"pong","payload":{}}"#), Ok(Said::Pong {})));
    }

    #[test]
    fn a_reason_fits_its_frame() {
        let Closing(code, reason) = Closing::duplicate(&"é".repeat(120));
        assert_eq!(code, 4409);
        assert!(reason.len() <= 123 && reason.starts_with("Subscriber for éé"));
    }
}
