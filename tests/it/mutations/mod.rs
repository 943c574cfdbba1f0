//! Mutations over HTTP: who may, what it changes, what both logs say of it, and what it answers (DESIGN.md 6 and 9).

mod alerts;
mod commerce;
mod consent;
mod crash;
mod customer;
pub(crate) mod deeds;
mod everybody;
mod inputs;
mod evidence;
mod keys;
mod life;
mod logs;
mod operating_model;
mod pricing;
mod share;
mod quote;
mod scans;
mod schedules;
mod sla;
mod statement;
mod together;
mod triage;
mod trial;
mod partner;
mod people;
mod api_keys;
mod security;
mod operate;
mod operated;
mod portal;
mod privilege;
mod refusals;
mod users;
mod visit;

use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use crate::support::app::{App, Client, Reply};

/// Sends one mutation of an access with an input, and asks for what every test looks at.
async fn mutate(client: &Client, field: &str, input: Value) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ \
         access {{ status operatingModel privilegeCeiling customerConsent consentUntil version postureVisible }} \
         userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

/// Sends one mutation of a customer with an input.
async fn mutate_customer(client: &Client, field: &str, input: Value) -> Reply {
    let input_type = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let document = format!(
        "mutation ($input: {input_type}!) {{ {field}(input: $input) {{ \
         customer {{ name portalAccess }} userErrors {{ code message field }} }} }}"
    );
    client.query(&document, json!({ "input": input })).await
}

/// The codes of a payload's user errors, or of the top-level errors where there is no payload.
fn codes(reply: &Reply) -> Vec<String> {
    let payload = reply.body["data"].as_object().and_then(|data| data.values().next());
    match payload.and_then(|payload| payload["userErrors"].as_array()) {
        Some(errors) => errors.iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect(),
        None => reply.codes().into_iter().map(str::to_owned).collect(),
    }
}

/// Every row of every table, as text: what a refusal must not change. But for the record that a partner's user was told of it.
pub(crate) async fn everything(app: &App) -> String {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(
        "select oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' \
         and relname not like '\\_sqlx%' and relname <> 'access_records' order by 1",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let selects: Vec<String> =
        tables.iter().map(|table| format!("select '{table}' || t::text as row from {table} t")).collect();
    let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "select row from ({}) all_rows order by row",
        selects.join(" union all ")
    )))
    .fetch_all(&mut owner)
    .await
    .unwrap();
    rows.join("\n")
}

/// What a partner's own log says of what its people did to a customer's security data: that they did it, and not to what.
fn bare(actor: &str) -> Value {
    json!(["partner", actor, null, null, null])
}

/// What the logs of both sides say of one action, oldest first: `[log, actor, reason, old, new]`.
pub(crate) async fn recorded(app: &App, action: &str) -> Vec<Value> {
    let mut owner = app.test_database.as_superuser().connect().await.unwrap();
    sqlx::query_scalar(
        "select json_build_array('partner', actor, reason, old_value, new_value) from partner_audit_events where action = $1 \
         union all \
         select json_build_array('customer', actor, reason, old_value, new_value) from customer_audit_events where action = $1",
    )
    .bind(action)
    .fetch_all(&mut owner)
    .await
    .unwrap()
}
