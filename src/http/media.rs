//! How a GraphQL answer is wrapped: which of the media types a client takes, and the status that goes with it (GraphQL over
//! HTTP, section 5).
//!
//! Where its draft and the audits of `graphql-http` differ, the audits hold, for clients were tested against them: an answer
//! without `Accept` is `application/json`, and a request that cannot be executed is 400.

use std::cmp::Reverse;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status tells what became of the request.
    GraphQl,
    /// `application/json`: 200 for whatever was well-formed.
    Json,
    /// `text/event-stream`: events, for as long as there are any (`http::live`).
    Events,
}

/// What became of a well-formed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was executed, and the answer has no errors.
    Whole,
    /// It was executed, and the answer has data and errors.
    Partial,
    /// It was not executed: the answer has no data.
    Refused,
    /// It was not executed, since whoever asks may not send such a document.
    Forbidden,
}

impl Media {
    /// What the client takes, the best of them; `application/json` where it does not say, none where it takes neither.
    pub(super) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::ACCEPT).iter();
        let texts: Vec<&str> = values
            .map(|value| value.to_str().unwrap_or("?"))
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|range| !range.is_empty())
            .collect();
        if texts.is_empty() {
            return Some(Self::Json);
        }
        let ranges: Vec<Range> =
            texts.iter().enumerate().filter_map(|(place, text)| Range::parse(text, place)).collect();
        // The last of equals wins: where one range takes both, an old client may be behind it.
        [Self::Events, Self::GraphQl, Self::Json]
            .into_iter()
            .filter_map(|media| {
                let range =
                    ranges.iter().filter(|range| range.takes(media)).max_by_key(|range| range.precision)?;
                (range.weight > 0).then_some((media, (range.weight, range.precision, Reverse(range.place))))
            })
            .max_by_key(|(_, priority)| *priority)
            .map(|(media, _)| media)
    }

    const fn essence(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json",
            Self::Json => "application/json",
            Self::Events => "text/event-stream",
        }
    }

    /// The header `content-type` of an answer that is no stream.
    pub(super) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json | Self::Events => "application/json; charset=utf-8",
        })
    }

    /// The status of an answer to a well-formed request.
    pub(super) fn status(self, outcome: Outcome) -> StatusCode {
        match (self, outcome) {
            // "Partial success": no registered status, and as good as 200 to whoever does not know it (RFC 9110, 15).
            (Self::GraphQl, Outcome::Partial) => StatusCode::from_u16(294).unwrap_or(StatusCode::OK),
            (Self::GraphQl, Outcome::Refused) => StatusCode::BAD_REQUEST,
            (Self::GraphQl, Outcome::Forbidden) => StatusCode::FORBIDDEN,
            (Self::GraphQl, Outcome::Whole) | (Self::Json | Self::Events, _) => StatusCode::OK,
        }
    }

    /// A refusal in the shape of `failure`, which is a GraphQL response as well, as the client takes it.
    pub(super) fn wrap(self, mut refusal: Response) -> Response {
        refusal.headers_mut().insert(header::CONTENT_TYPE, self.content_type());
        refusal
    }
}

/// One media range of `Accept`.
#[derive(Debug)]
struct Range {
    essence: String,
    /// How exactly it names what it takes: 2 a type, 1 `application/*`, 0 everything.
    precision: u8,
    /// Its `q`, in thousandths.
    weight: u16,
    /// Where it stands.
    place: usize,
}

impl Range {
    /// None for what is no range, and for another encoding than the one that there is.
    fn parse(text: &str, place: usize) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next()?.to_ascii_lowercase();
        let mut weight = 1000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=')?;
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = thousandths(value.trim())?,
                "charset" if !is_utf8(value) => return None,
                _ => {}
            }
        }
        let precision = match essence.as_str() {
            "*/*" => 0,
            "application/*" => 1,
            _ => 2,
        };
        Some(Self { essence, precision, weight, place })
    }

    fn takes(&self, media: Media) -> bool {
        match self.precision {
            0 => true,
            1 => media != Media::Events,
            _ => self.essence == media.essence(),
        }
    }
}

/// A weight from 0 to 1 with three decimals at most.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1000),
        _ => None,
    }
}

/// Whether a parameter `charset` names UTF-8.
fn is_utf8(value: &str) -> bool {
    let value = value.trim().trim_matches('"');
    value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
}

/// Whether a body is JSON in UTF-8, by its header. No other type is taken, and so none that a browser sends to another site
/// without asking it first: neither forms nor `text/plain`.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next().and_then(|value| value.to_str().ok()), values.next()) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) => !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value),
            None => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &[&'static str]) -> Option<Media> {
        let values = accept.iter().map(|value| (header::ACCEPT, HeaderValue::from_static(value)));
        Media::accepted(&values.collect())
    }

    #[test]
    fn the_better_of_what_a_client_takes() {
        use Media::{Events, GraphQl, Json};
        for (accept, media) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("application/graphql-response+json", Some(GraphQl)),
            ("Application/GraphQL-Response+JSON; charset=UTF-8", Some(GraphQl)),
            ("application/graphql-response+json, application/json;q=0.9", Some(GraphQl)),
            ("application/json;q=0.9, application/graphql-response+json", Some(GraphQl)),
            ("application/json, application/graphql-response+json", Some(Json)),
            ("application/json, text/plain, */*", Some(Json)),
            ("application/graphql-response+json, */*;q=0.1", Some(GraphQl)),
            ("application/graphql-response+json;q=0, application/json", Some(Json)),
            ("application/graphql-response+json;q=0, */*", Some(Json)),
            ("application/json;q=0, */*", Some(GraphQl)),
            ("application/json;q=0, application/graphql-response+json;q=0", None),
            ("application/json; charset=utf-16", None),
            ("application/json; charset=\"utf-8\"", Some(Json)),
            ("application/json;q=1.5", None),
            ("application/json;q=high", None),
            ("text/html", None),
            ("text/html, */*;q=0.001", Some(Json)),
            ("text/event-stream", Some(Events)),
            ("text/event-stream, application/json", Some(Events)),
            ("application/json, text/event-stream", Some(Json)),
            ("text/event-stream;q=0, */*", Some(Json)),
            ("text/*", None),
        ] {
            assert_eq!(accepted(&[accept]), media, "{accept}");
        }
        assert_eq!(accepted(&[]), Some(Json));
        assert_eq!(accepted(&["text/html", "application/graphql-response+json"]), Some(GraphQl));
    }

    #[test]
    fn a_body_is_json_in_utf_8_or_not_read() {
        for (content_type, json) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("APPLICATION/JSON;charset=\"UTF-8\"", true),
            ("application/json; profile=x", true),
            ("application/json; charset=utf-16", false),
            ("application/json; charset=latin1", false),
            ("application/graphql", false),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=application/json", false),
            ("", false),
        ] {
            let headers =
                HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
            assert_eq!(is_json(&headers), json, "{content_type}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
