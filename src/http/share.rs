//! `GET /share/{secret}`: what an outsider sees of a customer by a link, without signing in. Numbers as of now, and nothing that names
//! an asset, a finding or a person.
//!
//! A link that never was, one that expired, was revoked, or whose maker no longer operates the customer: the same answer to the
//! byte, at the same cost. The transaction is lowered to a role that sees one customer at most (`migrations/0016`).

mod page;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::{App, failure};
use crate::domain::secret::Secret;
use crate::policy::grant_share;
use crate::store::posture::{Rollup, rollups};
use crate::store::share::{customer_name, linked};
use crate::store::{Database, StoreError};

/// What a link shows.
struct Summary {
    label: String,
    expires_at: DateTime<Utc>,
    customer: String,
    as_of: DateTime<Utc>,
    posture: Rollup,
}

/// The summary behind a link, or the answer that there is none.
pub(super) async fn get(
    State(app): State<App>,
    secret: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    // What is no text is no secret either.
    let secret = Secret::claimed(secret.map(|Path(secret)| secret).unwrap_or_default());
    let found = summary(app.executor.database(), &secret, app.executor.clock().now()).await;
    let html = prefers_html(&headers);
    let mut response = match found {
        Ok(Some(summary)) if html => page::shown(&summary),
        Ok(Some(summary)) => Json(summary.json()).into_response(),
        Ok(None) if html => page::none(),
        Ok(None) => failure(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "this link shows nothing, or nothing any more: ask whoever gave it to you for a new one",
        ),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a share could not be read");
            failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "the gateway could not read its data; try again",
            )
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    // The link is a secret: it is told to no other site and kept by no index.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
    response
}

async fn summary(
    database: &Database,
    secret: &Secret,
    now: DateTime<Utc>,
) -> Result<Option<Summary>, StoreError> {
    let mut reader = database.begin_shared(secret.hash(), now).await?;
    let share = linked(&mut reader, now).await?;
    let shown = share.and_then(|share| {
        let grant = grant_share(&share.maker, &share.subject, &share.terms, now)?;
        Some((share, grant))
    });
    let Some((share, grant)) = shown else {
        reader.commit().await?;
        return Ok(None);
    };
    let Some(customer) = customer_name(&mut reader, &grant).await? else {
        reader.commit().await?;
        return Ok(None);
    };
    let rollup = rollups(&mut reader, &[grant], now).await?.pop();
    reader.commit().await?;
    Ok(Some(Summary {
        label: share.label,
        expires_at: share.terms.expires_at,
        customer,
        as_of: now,
        posture: rollup.map(|(_, rollup)| rollup).unwrap_or_default(),
    }))
}

impl Summary {
    fn json(&self) -> serde_json::Value {
        let open = &self.posture.open_findings;
        json!({
            "share": { "label": self.label, "expiresAt": instant(self.expires_at) },
            "customer": { "name": self.customer },
            "asOf": instant(self.as_of),
            "posture": {
                "openFindings": {
                    "critical": open.critical,
                    "high": open.high,
                    "medium": open.medium,
                    "low": open.low,
                    "info": open.info,
                    "total": open.total(),
                },
                "slaBreaches": self.posture.sla_breaches,
                "assets": self.posture.assets,
                "riskScore": open.risk_score(),
                "lastScanAt": self.posture.last_scan_at.map(instant),
            },
        })
    }
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Whether the client says that it would rather have HTML than JSON: a browser does, a program does not.
fn prefers_html(headers: &HeaderMap) -> bool {
    let (mut html, mut json) = (0.0, 0.0);
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        match media.as_str() {
            "text/html" => html = f64::max(html, weight),
            "application/json" => json = f64::max(json, weight),
            _ => {}
        }
    }
    html > json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_a_page_and_a_program_json() {
        for (accept, html) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), false),
            (Some("text/html"), true),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), true),
            (Some("text/html, application/json"), false),
            (Some("application/json;q=0.5, text/html;q=0.9"), true),
            (Some("application/json;q=0.9, text/html;q=0.5"), false),
            (Some("text/html;q=0"), false),
            (Some("text/html;q=x"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(prefers_html(&headers), html, "{accept:?}");
        }
    }
}
