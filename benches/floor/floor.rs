//! The floor: each operation as one hand-written SQL statement that builds the whole answer, behind the same sign-in,
//! the same transaction settings and the same row-level security.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use posture_gateway::domain::clock::Clock;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use posture_gateway::http::auth::{Verifier, bearer};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _};
use uuid::Uuid;

/// Statements of an operation: BEGIN with its settings, the data, COMMIT.
pub(crate) const STATEMENTS: f64 = 3.0;

#[derive(Clone)]
struct Floor {
    pool: PgPool,
    verifier: Arc<Verifier>,
}

/// The floor's routes: `POST /{operation}`, with the customer's global id as the body where the operation takes one.
pub(crate) fn router(options: PgConnectOptions, verifier: Arc<Verifier>) -> Router {
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .test_before_acquire(false)
        .connect_lazy_with(options.options([("TimeZone", "UTC"), ("jit", "off")]));
    Router::new().route("/{operation}", post(answer)).with_state(Floor { pool, verifier })
}

async fn answer(
    State(floor): State<Floor>,
    Path(operation): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let now = Clock::System.now();
    let claims =
        bearer(&headers).and_then(|token| token.map(|token| floor.verifier.verify(token, now)).transpose());
    let Ok(Some(claims)) = claims else { return StatusCode::UNAUTHORIZED.into_response() };
    let sql = match operation.as_str() {
        "partner-home" => include_str!("partner-home.sql"),
        "dashboard" => include_str!("dashboard.sql"),
        "customer-findings" => include_str!("customer-findings.sql"),
        "portal-home" => include_str!("portal-home.sql"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let customer = match body.parse::<GlobalId>() {
        Ok(GlobalId::Customer(CustomerId(id))) => id,
        _ => Uuid::nil(),
    };
    let opening = format!(
        "begin isolation level repeatable read read only; set local app.viewer = '{}'; set local app.now = '{}'",
        claims.subject,
        now.to_rfc3339()
    );
    let run = async {
        let mut connection = floor.pool.acquire().await?;
        connection.execute(AssertSqlSafe(opening)).await?;
        let text: String =
            sqlx::query_scalar(sql).bind(claims.subject.0).bind(customer).fetch_one(&mut *connection).await?;
        connection.execute("commit").await?;
        Ok::<_, sqlx::Error>(text)
    };
    match run.await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
