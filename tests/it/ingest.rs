//! Uploads of real scanners' results: what they write, that they write it once, and that a bad one writes nothing.

use std::process::Stdio;
use std::time::Duration;

use chrono::TimeDelta;
use posture_gateway::config::IngestLimits;
use posture_gateway::domain::global_id::GlobalId;
use posture_gateway::domain::ids::CustomerId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::uploads::{
    BANDIT, CUSTOMER, CYCLONEDX_PY, DISABLED, FOREIGN, Ingestion, LIMITS, NOBODY, NOWHERE, NPM,
    PARTNER_ADMIN, SCANNER, SEMGREP, Upload, gzip, log,
};

const FILES: [(&str, &[u8]); 4] =
    [("sarif", BANDIT), ("sarif", SEMGREP), ("cyclonedx", NPM), ("cyclonedx", CYCLONEDX_PY)];

#[tokio::test]
async fn real_files_are_taken_and_read_back() {
    let mut gateway = Ingestion::start().await;
    let mut counts = Vec::new();
    for (format, file) in FILES {
        let answer = gateway.take(format, file).await;
        assert_eq!(answer["status"], "applied");
        let run = &answer["runs"][0];
        counts.push(format!(
            "{} {} {} {}",
            run["tool"],
            gateway.counted(&answer).await,
            run["findings"],
            run["components"]
        ));
        assert!(matches!(run["scan"].as_str().unwrap().parse(), Ok(GlobalId::Scan(CustomerId(CUSTOMER), _))));
    }
    assert_eq!(
        counts,
        [
            "\"Bandit\" (15,0) 15 0",
            "\"Semgrep OSS\" (6,0) 6 0",
            "\"npm cli\" (0,0) 0 54",
            "\"cyclonedx-py\" (0,0) 0 13"
        ]
    );
    assert_eq!(
        gateway.ask("select tool, severity, count(*) from findings group by 1, 2 order by 1, 2 desc").await,
        "(Bandit,3,4)\n(Bandit,2,7)\n(Bandit,1,4)\n(\"Semgrep OSS\",3,3)\n(\"Semgrep OSS\",2,2)\n(\"Semgrep OSS\",1,1)"
    );
    assert_eq!(
        gateway.ask("select tool, count(*) from component_sources group by 1 order by 1").await,
        "(cyclonedx-py,13)\n(\"npm cli\",54)"
    );
    assert_eq!(
        gateway.ask("select version, purl, licenses from components where name = '@hapi/hoek'").await,
        "(9.2.0,pkg:npm/%40hapi/hoek@9.2.0,{BSD-3-Clause})"
    );
    assert_eq!(
        gateway.ask("select actor, action, new_value from customer_audit_events order by new_value").await,
        "(\"nightly scan\",scan.results_ingested,\"Bandit: 15 findings, 15 new, 0 fixed\")\n\
         (\"nightly scan\",scan.results_ingested,\"Semgrep OSS: 6 findings, 6 new, 0 fixed\")\n\
         (\"nightly scan\",scan.results_ingested,\"cyclonedx-py: 0 findings, 0 new, 0 fixed, 13 components\")\n\
         (\"nightly scan\",scan.results_ingested,\"npm cli: 0 findings, 0 new, 0 fixed, 54 components\")"
    );
    assert_eq!(
        gateway
            .ask("select tool_name, new_findings, open_high, open_medium, open_low from scan_reports order by 1")
            .await,
        "(Bandit,15,4,7,4)\n(\"Semgrep OSS\",6,7,9,5)\n(cyclonedx-py,0,7,9,5)\n(\"npm cli\",0,7,9,5)"
    );
    assert_eq!(
        gateway.ask("select profile, trigger, status, count(*) from scans group by 1, 2, 3 order by 1").await,
        "(cyclonedx,API,SUCCEEDED,2)\n(sarif,API,SUCCEEDED,2)"
    );
    assert_eq!(gateway.ask("select used from usage_scans").await, "(4)");
    gateway.assert_counts().await;
}

#[tokio::test]
async fn the_same_upload_again_changes_nothing() {
    let mut gateway = Ingestion::start().await;
    let mut first = Vec::new();
    for (format, file) in FILES {
        first.push(gateway.take(format, file).await);
    }
    let before = gateway.dump().await;
    gateway.clock.advance(TimeDelta::minutes(5));
    for ((format, file), first) in FILES.into_iter().zip(first) {
        let again = gateway.take(format, file).await;
        assert_eq!(again["status"], "unchanged");
        assert_eq!(again["runs"], first["runs"]);
        let path = format!("/ingest/{format}?customer={}", GlobalId::Customer(CustomerId(CUSTOMER)));
        let upload = Upload { path: &path, user: Some(SCANNER), encoding: Some("gzip"), body: gzip(file) };
        let (status, packed) = gateway.send(upload).await;
        assert_eq!((status, serde_json::from_str::<Value>(&packed).unwrap()), (200, again));
    }
    assert_eq!(gateway.dump().await, before);
}

/// A scanner reads nothing (DESIGN.md 3): whoever found it before, and whatever became of it, the answer is about what was sent.
#[tokio::test]
async fn an_upload_is_told_nothing_of_what_was_there() {
    let known = log(&["error", "warning"]).to_string();
    let mut told = Vec::new();
    for before in ["", "OPEN", "RESOLVED", "FALSE_POSITIVE"] {
        let mut gateway = Ingestion::start().await;
        if !before.is_empty() {
            gateway.take("sarif", log(&["error", "note", "note"]).to_string().as_bytes()).await;
            let resolved = if before == "RESOLVED" { "last_seen_at" } else { "null" };
            let stands = format!("update findings set status = '{before}', resolved_at = {resolved}");
            gateway.root.execute(AssertSqlSafe(stands)).await.unwrap();
        }
        let mut answer = gateway.take("sarif", known.as_bytes()).await;
        told.push(gateway.counted(&answer).await);
        let scan = answer["runs"][0].as_object_mut().unwrap().remove("scan");
        assert!(scan.is_some());
        let run = json!({ "tool": "probe", "target": "shop", "findings": 2, "components": 0 });
        assert_eq!(answer, json!({ "status": "applied", "runs": [run] }), "{before}");
    }
    assert_eq!(told, ["(2,0)", "(0,1)", "(2,0)", "(0,0)"]);
}

#[tokio::test]
async fn what_is_gone_is_resolved_and_what_is_back_is_open_again() {
    let mut gateway = Ingestion::start().await;
    let state =
        "select rule_id, status, first_seen_at::date, last_seen_at::date, resolved_at::date, sla_due_at::date
                 from findings order by rule_id";
    let whole = log(&["error", "warning", "note", "none"]);
    gateway.take("sarif", whole.to_string().as_bytes()).await;
    assert_eq!(
        gateway.ask(state).await,
        "(R0,OPEN,2026-03-01,2026-03-01,,2026-04-01)\n(R1,OPEN,2026-03-01,2026-03-01,,2026-05-31)\n\
         (R2,OPEN,2026-03-01,2026-03-01,,2026-08-29)\n(R3,OPEN,2026-03-01,2026-03-01,,)"
    );
    assert_eq!(
        gateway.ask("select kind, value from assets order by value").await,
        "(WEB_APPLICATION,https://shop0.example.com/)\n(WEB_APPLICATION,https://shop1.example.com/)\n\
         (WEB_APPLICATION,https://shop2.example.com/)"
    );
    assert_eq!(gateway.ask("select count(*) from findings where asset_id is null").await, "(0)");
    gateway.assert_counts().await;

    // Two are gone, one of them only accepted; one is worse than it was.
    gateway.root.execute("update findings set status = 'ACCEPTED' where rule_id = 'R1'").await.unwrap();
    gateway.root.execute("update findings set status = 'TRIAGED' where rule_id = 'R2'").await.unwrap();
    gateway.clock.advance(TimeDelta::days(10));
    let mut less = log(&["error", "warning", "error"]);
    let results = less["runs"][0]["results"].as_array_mut().unwrap();
    results.drain(..2);
    let answer = gateway.take("sarif", less.to_string().as_bytes()).await;
    assert_eq!(gateway.counted(&answer).await, "(0,2)");
    assert_eq!(
        gateway.ask(state).await,
        "(R0,RESOLVED,2026-03-01,2026-03-01,2026-03-11,2026-04-01)\n(R1,ACCEPTED,2026-03-01,2026-03-01,,2026-05-31)\n\
         (R2,TRIAGED,2026-03-01,2026-03-11,,2026-04-01)\n(R3,RESOLVED,2026-03-01,2026-03-01,2026-03-11,)"
    );
    gateway.assert_counts().await;

    // All are back, one of them with the tool's user's acceptance.
    gateway.clock.advance(TimeDelta::days(10));
    let mut back = whole.clone();
    back["runs"][0]["results"][3]["suppressions"] = json!([{ "kind": "external" }]);
    let answer = gateway.take("sarif", back.to_string().as_bytes()).await;
    assert_eq!(gateway.counted(&answer).await, "(2,0)");
    assert_eq!(
        gateway.ask(state).await,
        "(R0,OPEN,2026-03-01,2026-03-21,,2026-04-21)\n(R1,ACCEPTED,2026-03-01,2026-03-21,,2026-05-31)\n\
         (R2,TRIAGED,2026-03-01,2026-03-21,,2026-08-29)\n(R3,ACCEPTED,2026-03-01,2026-03-21,,)"
    );
    gateway.assert_counts().await;
    assert_eq!(
        gateway
            .ask(
                "select h.at::date, f.rule_id, h.old_status, h.new_status, h.actor, h.actor_id, h.partner_id, h.note
                 from finding_history h join findings f on f.id = h.finding_id order by 1, 2"
            )
            .await,
        format!(
            "(2026-03-11,R0,OPEN,RESOLVED,\"nightly scan\",{SCANNER},,)\n(2026-03-11,R3,OPEN,RESOLVED,\"nightly scan\",{SCANNER},,)\n\
             (2026-03-21,R0,RESOLVED,OPEN,\"nightly scan\",{SCANNER},,)\n(2026-03-21,R3,RESOLVED,ACCEPTED,\"nightly scan\",{SCANNER},,)"
        )
    );

    // A run that broke off says nothing of what it does not report.
    let mut partial = log(&["error"]);
    partial["runs"][0]["invocations"] = json!([{ "executionSuccessful": false }]);
    let answer = gateway.take("sarif", partial.to_string().as_bytes()).await;
    assert_eq!(gateway.counted(&answer).await, "(0,0)");
    assert_eq!(gateway.ask("select count(*) from findings where status = 'RESOLVED'").await, "(0)");
}

#[tokio::test]
async fn due_dates_follow_the_customers_policy_and_count_from_the_reopening() {
    let mut gateway = Ingestion::start().await;
    let policy = format!(
        "insert into sla_policies (customer_id, critical_days, high_days, medium_days, low_days) values ('{CUSTOMER}', 1, 10, 20, null)"
    );
    gateway.root.execute(AssertSqlSafe(policy)).await.unwrap();
    let state = "select rule_id, status, reopened_at::date, sla_due_at::date from findings order by rule_id";
    gateway.take("sarif", log(&["error", "warning", "note"]).to_string().as_bytes()).await;
    assert_eq!(gateway.ask(state).await, "(R0,OPEN,,2026-03-12)\n(R1,OPEN,,2026-03-22)\n(R2,OPEN,,)");
    // One is gone, one is no finding; then all are back.
    gateway.root.execute("update findings set status = 'FALSE_POSITIVE' where rule_id = 'R1'").await.unwrap();
    gateway.clock.advance(TimeDelta::days(5));
    let mut none = log(&["error"]);
    none["runs"][0]["results"] = json!([]);
    gateway.take("sarif", none.to_string().as_bytes()).await;
    gateway.clock.advance(TimeDelta::days(5));
    gateway.take("sarif", log(&["error", "warning", "note"]).to_string().as_bytes()).await;
    assert_eq!(
        gateway.ask(state).await,
        "(R0,OPEN,2026-03-11,2026-03-22)\n(R1,FALSE_POSITIVE,,2026-03-22)\n(R2,OPEN,2026-03-11,)"
    );
    // What is worse than it was is due as if it had always been so, since it was reopened.
    gateway.clock.advance(TimeDelta::days(2));
    gateway.take("sarif", log(&["warning", "warning", "error"]).to_string().as_bytes()).await;
    assert_eq!(
        gateway.ask(state).await,
        "(R0,OPEN,2026-03-11,2026-04-01)\n(R1,FALSE_POSITIVE,,2026-03-22)\n(R2,OPEN,2026-03-11,2026-03-22)"
    );
    gateway.assert_counts().await;
}

#[tokio::test]
async fn components_go_with_the_last_document_that_names_them() {
    let mut gateway = Ingestion::start().await;
    let document = |target: &str, names: &[&str]| {
        let components: Vec<_> = names
            .iter()
            .map(|name| json!({ "type": "library", "name": name, "version": "1", "purl": format!("pkg:npm/{name}@1") }))
            .collect();
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "metadata": { "component": { "type": "application", "name": target } },
            "components": components,
        })
        .to_string()
    };
    let names = "select name from components order by name";
    gateway.take("cyclonedx", document("front", &["both", "front"]).as_bytes()).await;
    gateway.take("cyclonedx", document("back", &["both", "back"]).as_bytes()).await;
    assert_eq!(gateway.ask(names).await, "(back)\n(both)\n(front)");
    gateway.take("cyclonedx", document("front", &["new"]).as_bytes()).await;
    assert_eq!(gateway.ask(names).await, "(back)\n(both)\n(new)");
    gateway.take("cyclonedx", document("back", &[]).as_bytes()).await;
    assert_eq!(gateway.ask(names).await, "(new)");
}

#[tokio::test]
async fn a_refused_upload_says_why_and_leaves_nothing() {
    let mut gateway = Ingestion::start().await;
    gateway.take("sarif", BANDIT).await;
    let before = gateway.dump().await;
    let sarif = &format!("/ingest/sarif?customer={CUSTOMER}");
    let cyclonedx = &format!("/ingest/cyclonedx?customer={CUSTOMER}");
    let foreign = &format!("/ingest/sarif?customer={FOREIGN}");
    let user_id =
        &format!("/ingest/sarif?customer={}", GlobalId::User(posture_gateway::domain::ids::UserId(SCANNER)));
    let (scanner, partner) = (Some(SCANNER), Some(PARTNER_ADMIN));
    let log = || log(&["error"]).to_string();
    let text = |text: &str| text.as_bytes().to_vec();
    let bomb = gzip(format!("{}{}", " ".repeat(5_000_000), log()).as_bytes());
    let large = format!("{}{}", " ".repeat(600 * 1024), log());
    let broken = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"a"}},"results":[{"message":7}]}]}"#;
    for (path, user, encoding, body, answer) in [
        (sarif, scanner, None, BANDIT[..9000].to_vec(), "400 TRUNCATED line "),
        (cyclonedx, scanner, Some("gzip"), gzip(NPM)[..5000].to_vec(), "400 TRUNCATED "),
        (sarif, scanner, None, text("{\n  nonsense"), "400 MALFORMED_JSON line 2, column 3"),
        (sarif, scanner, Some("gzip"), BANDIT.to_vec(), "400 MALFORMED_GZIP "),
        (sarif, scanner, None, text(&log().replace("2.1.0", "2.0.0")), "422 WRONG_VERSION "),
        (sarif, scanner, None, NPM.to_vec(), "422 WRONG_FORMAT "),
        (sarif, scanner, None, text(broken), "422 INVALID runs[0].results[0].message"),
        (sarif, scanner, None, large.clone().into_bytes(), "413 TOO_LARGE "),
        (sarif, scanner, Some("gzip"), bomb, "413 TOO_LARGE "),
        (sarif, scanner, Some("br"), text(&log()), "415 UNSUPPORTED_ENCODING "),
        (sarif, None, None, text(&log()), "401 UNAUTHENTICATED "),
        (sarif, Some(NOBODY), None, text(&log()), "401 UNAUTHENTICATED "),
        (sarif, Some(DISABLED), None, text(&log()), "401 UNAUTHENTICATED "),
        (sarif, partner, None, text(&log()), "403 FORBIDDEN "),
        (foreign, partner, None, text(&log()), "403 FORBIDDEN "),
        (foreign, scanner, None, text(&log()), "404 NOT_FOUND "),
        (foreign, scanner, None, text("nonsense"), "404 NOT_FOUND "),
        (user_id, scanner, None, text(&log()), "400 BAD_USER_INPUT "),
        (&"/ingest/sarif".to_owned(), scanner, None, text(&log()), "400 BAD_USER_INPUT "),
        (&"/ingest/sarif?customer=".to_owned(), scanner, None, text(&log()), "400 BAD_USER_INPUT "),
        (&"/ingest/sarif?customer=%00%F0".to_owned(), scanner, None, text(&log()), "400 BAD_USER_INPUT "),
        (&format!("{sarif}&customer={CUSTOMER}"), scanner, None, text(&log()), "400 BAD_USER_INPUT "),
    ] {
        let (status, text) = gateway.send(Upload { path, user, encoding, body }).await;
        let error = &serde_json::from_str::<Value>(&text).unwrap()["errors"][0];
        let place = error["extensions"]["place"].as_str().unwrap_or_default();
        let code = error["extensions"]["code"].as_str().unwrap();
        let said = format!("{status} {code} {place}");
        assert!(said.starts_with(answer), "{path} {encoding:?}: {text} is not {answer}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert_eq!(gateway.dump().await, before, "{path}: {text}");
    }
}

#[tokio::test]
async fn a_foreign_customer_is_as_unknown_as_none() {
    let gateway = Ingestion::start().await;
    let mut answers = Vec::new();
    for customer in [FOREIGN, NOWHERE] {
        let path = format!("/ingest/sarif?customer={customer}");
        let body = BANDIT.to_vec();
        answers.push(gateway.send(Upload { path: &path, user: Some(SCANNER), encoding: None, body }).await);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 404);
}

#[tokio::test]
async fn of_two_uploads_at_once_one_is_applied() {
    let mut gateway = Ingestion::start().await;
    // Neither can write before both have come as far as they come.
    let mut holder = gateway.test.as_superuser().connect().await.unwrap();
    holder.execute("begin; lock table findings in share mode").await.unwrap();
    let mut watcher = gateway.test.as_superuser().connect().await.unwrap();
    let both_wait = async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() < 2 {
            tokio::task::yield_now().await;
        }
        holder.execute("commit").await.unwrap();
    };
    let uploads =
        async { tokio::join!(gateway.take("sarif", BANDIT), gateway.take("sarif", BANDIT), both_wait) };
    let (one, two, ()) = tokio::time::timeout(Duration::from_mins(1), uploads).await.unwrap();
    let mut statuses = [&one, &two].map(|answer| answer["status"].as_str().unwrap());
    statuses.sort_unstable();
    assert_eq!(statuses, ["applied", "unchanged"]);
    assert_eq!(one["runs"], two["runs"]);
    assert_eq!(gateway.ask("select count(*) from findings").await, "(15)");
    assert_eq!(gateway.ask("select count(*) from customer_audit_events").await, "(1)");
    gateway.assert_counts().await;
}

#[tokio::test]
async fn runs_of_one_tool_and_target_do_not_resolve_each_other() {
    let mut gateway = Ingestion::start().await;
    let mut both = log(&["error", "error"]);
    let mut second = both["runs"][0].clone();
    second["results"].as_array_mut().unwrap().remove(0);
    both["runs"][0]["results"].as_array_mut().unwrap().remove(1);
    both["runs"].as_array_mut().unwrap().push(second);
    let answer = gateway.take("sarif", both.to_string().as_bytes()).await;
    assert_eq!(answer["runs"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.counted(&answer).await, "(2,0)");
    assert_eq!(gateway.ask("select status, count(*) from findings group by 1").await, "(OPEN,2)");
}

#[tokio::test]
async fn the_number_of_statements_does_not_follow_the_number_of_results() {
    let gateway = Ingestion::start().await;
    let mut counts = Vec::new();
    for levels in [vec!["error"; 10], vec!["warning"; 1000], vec!["note"; 10]] {
        let before = gateway.database.statements();
        gateway.take("sarif", log(&levels).to_string().as_bytes()).await;
        counts.push(gateway.database.statements() - before);
    }
    // The first one finds assets: it asks whether schedules wait for them.
    assert_eq!(counts, [18, 17, 17]);
    let before = gateway.database.statements();
    gateway.take("sarif", log(&["note"; 10]).to_string().as_bytes()).await;
    assert_eq!(gateway.database.statements() - before, 9, "the same again");
}

#[tokio::test]
async fn an_upload_that_breaks_off_or_dawdles_leaves_nothing() {
    let limits = IngestLimits { body_timeout: Duration::from_millis(100), ..LIMITS };
    let mut gateway = Ingestion::start_with(limits).await;
    let before = gateway.dump().await;
    let token = gateway.token(SCANNER);
    for hangs_up in [true, false] {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!(
            "POST /ingest/sarif?customer={CUSTOMER} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            BANDIT.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&BANDIT[..BANDIT.len() - 3]).await.unwrap();
        if hangs_up {
            stream.shutdown().await.unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        if !hangs_up {
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        }
        assert_eq!(gateway.dump().await, before);
    }
}

#[tokio::test]
async fn the_database_holds_a_scanner_too() {
    let gateway = Ingestion::start().await;
    gateway.take("sarif", BANDIT).await;
    let mut connection = gateway.test.as_role("posture_gateway").connect().await.unwrap();
    let context = format!("set app.viewer = '{SCANNER}'; set app.now = '2026-03-01T12:00:00Z'");
    connection.execute(AssertSqlSafe(context)).await.unwrap();
    for table in
        ["findings", "assets", "scans", "components", "customers", "customer_audit_events", "posture_rollups"]
    {
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    connection.execute("set role posture_ingest").await.unwrap();
    let own: i64 =
        sqlx::query_scalar("select count(*) from findings").fetch_one(&mut connection).await.unwrap();
    assert_eq!(own, 15);
    for refused in [
        format!(
            "insert into assets values ('{FOREIGN}', gen_random_uuid(), 'DOMAIN', 'bank.example', now())"
        ),
        format!("update findings set customer_id = '{FOREIGN}'"),
        "delete from findings".to_owned(),
        "delete from customer_audit_events".to_owned(),
        "select * from customer_audit_events".to_owned(),
        "select email from users".to_owned(),
        "update posture_rollups set open_high = 0".to_owned(),
    ] {
        let error = connection.execute(AssertSqlSafe(refused.clone())).await.unwrap_err();
        let code = error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code, "42501", "{refused}: {error}");
    }
    let names: Vec<String> =
        sqlx::query_scalar("select name from users").fetch_all(&mut connection).await.unwrap();
    assert_eq!(names, ["nightly scan"]);
}

#[tokio::test]
async fn the_command_line_writes_as_the_customers_scanner() {
    let mut gateway = Ingestion::start().await;
    let url = gateway.test.url("posture_gateway");
    let run = async |arguments: Vec<String>, input: Vec<u8>| {
        let url = url.clone();
        let output = tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            let mut process = std::process::Command::new(env!("CARGO_BIN_EXE_posture-gateway"))
                .arg("ingest")
                .args(arguments)
                .env("DATABASE_URL", url)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // One that is refused at once does not read.
            let _ = process.stdin.take().unwrap().write_all(&input);
            process.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let arguments = |customer, more: &[&str]| {
        [
            &["--customer".to_owned(), format!("{customer}")][..],
            &more.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ]
        .concat()
    };

    let (done, said, _) = run(arguments(CUSTOMER, &["-"]), gzip(BANDIT)).await;
    assert!(done && said.starts_with("Bandit: 15 findings, 0 components, 15 new, 0 fixed (scan "), "{said}");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/npm.cdx.json");
    let (done, said, _) =
        run(arguments(CUSTOMER, &["--scanner", "nightly@example.com", file]), Vec::new()).await;
    assert!(done && said.contains("54 components"), "{said}");
    assert_eq!(gateway.ask("select distinct actor from customer_audit_events").await, "(\"nightly scan\")");

    let before = gateway.dump().await;
    let (done, said, _) = run(arguments(CUSTOMER, &["-"]), BANDIT.to_vec()).await;
    assert!(done && said.contains("unchanged"), "{said}");
    for (arguments, complaint) in [
        (arguments(NOWHERE, &["-"]), "scanner_customers"),
        (arguments(CUSTOMER, &["--scanner", "old@example.com", "-"]), "no scanner `old@example.com`"),
        (arguments(CUSTOMER, &["--scanner", "bank@example.com", "-"]), "no scanner `bank@example.com`"),
        (arguments(CUSTOMER, &["--format", "cyclonedx", "-"]), "not a CycloneDX document"),
        (arguments(CUSTOMER, &["/nowhere/at/all"]), "/nowhere/at/all: cannot be opened"),
    ] {
        let (done, said, complained) = run(arguments, SEMGREP.to_vec()).await;
        assert!(!done && said.is_empty() && complained.contains(complaint), "{said} {complained}");
    }
    assert_eq!(gateway.dump().await, before);
}
