//! The page that a browser shows for a link: self-contained, without scripts, and forbidden to load anything.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::Summary;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#1c2430;background:#fff}\
h1{font-size:1.5rem;margin:0 0 .25rem}p{margin:.25rem 0;color:#5a6675}table{border-collapse:collapse;width:100%;margin:1.5rem 0}\
th,td{text-align:left;padding:.5rem 0;border-bottom:1px solid #e3e7ec;font-weight:400}td{text-align:right;font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){body{color:#e6eaf0;background:#14181f}p{color:#9aa6b5}th,td{border-color:#2b333e}}";

/// Nothing may be loaded or run but the page's own style, which is named by its hash.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The summary as a page.
pub(super) fn shown(summary: &Summary) -> Response {
    let posture = &summary.posture;
    let open = &posture.open_findings;
    let last_scan = posture.last_scan_at.map_or_else(|| "never".to_owned(), day_and_time);
    let rows = [
        ("Risk score, 0 to 100", format!("{:.1}", open.risk_score())),
        ("Open findings", open.total().to_string()),
        ("of these critical", open.critical.to_string()),
        ("high", open.high.to_string()),
        ("medium", open.medium.to_string()),
        ("low", open.low.to_string()),
        ("informational", open.info.to_string()),
        ("Open past their due date", posture.sla_breaches.to_string()),
        ("Monitored assets", posture.assets.to_string()),
        ("Last scan", last_scan),
    ]
    .iter()
    .fold(String::new(), |rows, (name, value)| {
        format!("{rows}<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>")
    });
    let (customer, label) = (escaped(&summary.customer), escaped(&summary.label));
    let body = format!(
        "<h1>Security posture of {customer}</h1><p>{label}</p><table>{rows}</table>\
         <p>As of {}. This link works until {}, if it is not taken back before.</p>",
        day_and_time(summary.as_of),
        day_and_time(summary.expires_at)
    );
    page(StatusCode::OK, &format!("Security posture of {customer}"), &body)
}

/// That there is nothing to see.
pub(super) fn none() -> Response {
    page(
        StatusCode::NOT_FOUND,
        "Nothing to see",
        "<h1>Nothing to see</h1><p>This link shows nothing, or nothing any more. Ask whoever gave it to you for a new one.</p>",
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    );
    (status, [(header::CONTENT_SECURITY_POLICY, POLICY.clone())], Html(page)).into_response()
}

fn day_and_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Text that HTML takes for text alone.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_is_markup() {
        assert_eq!(escaped("<b a=\"1\" c='2'>&"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
    }
}
