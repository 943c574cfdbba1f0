//! Each rule of reading SARIF, on a small log of its own.

use serde_json::{Value, json};

use super::*;
use crate::domain::asset::AssetKind;

fn log(run: &Value) -> Result<Report, IngestError> {
    read(json!({ "version": "2.1.0", "runs": [run] }).to_string().as_bytes())
}

fn run_of(run: &Value) -> Run {
    log(run).unwrap().runs.remove(0)
}

/// The findings of results, with rules in the tool's driver.
fn findings(results: &Value, rules: &Value) -> Vec<ReportedFinding> {
    run_of(&json!({ "tool": { "driver": { "name": "scan", "rules": rules } }, "results": results })).findings
}

fn finding(result: &Value) -> ReportedFinding {
    findings(&json!([result]), &json!([])).remove(0)
}

fn at(uri: &str, line: u64) -> Value {
    json!([{ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": line } } }])
}

fn refusal(document: &str) -> (&'static str, String) {
    let error = read(document.as_bytes()).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn a_result_becomes_a_finding() {
    let log = r#"{ "runs": [{ "results": [{
        "ruleId": "sql", "level": "error", "message": { "text": "SQL from text.\nPass parameters." },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": "a.py" }, "region": { "startLine": 7 } } }]
      }], "tool": { "driver": { "name": "scan", "version": "1", "semanticVersion": "1.0.0" } } }],
      "version": "2.1.0" }"#;
    let run = read(log.as_bytes()).unwrap().runs.remove(0);
    assert_eq!((run.tool.as_str(), run.tool_version.as_deref(), run.full), ("scan", Some("1.0.0"), true));
    assert_eq!((run.target.as_str(), run.components), ("", None));
    let [found] = run.findings.try_into().unwrap();
    let expected = ReportedFinding {
        fingerprint: found.fingerprint,
        rule_id: Some("sql".into()),
        title: "SQL from text.".into(),
        description: Some("SQL from text.\nPass parameters.".into()),
        severity: Severity::High,
        cve: None,
        cvss_score: None,
        location: Some("a.py:7".into()),
        accepted: false,
        asset: None,
    };
    assert_eq!(found, expected);
}

#[test]
fn severity_is_the_scores_then_the_levels() {
    let rules = json!([
        { "id": "scored", "properties": { "security-severity": "9.1" }, "defaultConfiguration": { "level": "note" } },
        { "id": "number", "properties": { "security-severity": 4.0 } },
        { "id": "zero", "properties": { "security-severity": "0.0" } },
        { "id": "nonsense", "properties": { "security-severity": { "a": [1] } } },
        { "id": "beyond", "properties": { "security-severity": "11" } },
        { "id": "noted", "defaultConfiguration": { "level": "note" } },
    ]);
    let severity = |result: Value| {
        let found = findings(&json!([result]), &rules).remove(0);
        (found.severity, found.cvss_score)
    };
    let of = |rule: &str| severity(json!({ "ruleId": rule, "level": "error", "message": {} }));
    assert_eq!(of("scored"), (Severity::Critical, Some(9.1)));
    assert_eq!(of("number"), (Severity::Medium, Some(4.0)));
    assert_eq!(of("zero"), (Severity::Info, Some(0.0)));
    assert_eq!(of("nonsense"), (Severity::High, None));
    assert_eq!(of("beyond"), (Severity::High, None));
    for (level, expected) in [
        ("error", Severity::High),
        ("warning", Severity::Medium),
        ("note", Severity::Low),
        ("none", Severity::Info),
    ] {
        assert_eq!(severity(json!({ "level": level, "message": {} })).0, expected, "{level}");
    }
    assert_eq!(severity(json!({ "ruleId": "noted", "message": {} })).0, Severity::Low);
    assert_eq!(severity(json!({ "message": {} })).0, Severity::Medium);
    assert_eq!(severity(json!({ "message": {}, "kind": "review" })).0, Severity::Info);
}

#[test]
fn only_failures_and_open_questions_count() {
    for (kind, counts) in
        [("fail", 1), ("open", 1), ("review", 1), ("pass", 0), ("informational", 0), ("notApplicable", 0)]
    {
        let found = findings(&json!([{ "kind": kind, "message": { "text": "x" } }]), &json!([]));
        assert_eq!(found.len(), counts, "{kind}");
    }
    for (state, counts) in [("new", 1), ("unchanged", 1), ("updated", 1), ("absent", 0)] {
        let found = findings(&json!([{ "baselineState": state, "message": { "text": "x" } }]), &json!([]));
        assert_eq!(found.len(), counts, "{state}");
    }
}

#[test]
fn a_suppressed_result_is_accepted() {
    let accepted =
        |suppressions: Value| finding(&json!({ "message": {}, "suppressions": suppressions })).accepted;
    assert!(accepted(json!([{ "kind": "inSource" }])));
    assert!(accepted(json!([{ "kind": "external", "status": "accepted" }])));
    for open in [
        json!([]),
        json!(null),
        json!([{ "status": "underReview" }]),
        json!([{ "status": "accepted" }, { "status": "rejected" }]),
    ] {
        assert!(!accepted(open.clone()), "{open}");
    }
}

#[test]
fn a_rule_is_found_by_id_index_or_reference() {
    let run = run_of(&json!({
        "results": [
            { "message": { "text": "1" }, "ruleIndex": 1 },
            { "message": { "text": "2" }, "ruleId": "A" },
            { "message": { "text": "3" }, "rule": { "id": "B" } },
            { "message": { "text": "4" }, "rule": { "index": 0, "toolComponent": { "index": 0 } } },
            { "message": { "text": "5" }, "ruleId": "X" },
            { "message": { "text": "6" }, "ruleId": "A/2" },
            { "message": { "text": "7" }, "ruleId": "A", "ruleIndex": 1 },
            { "message": { "text": "8" }, "ruleIndex": -1 },
            { "message": { "text": "9" }, "ruleIndex": 99 },
        ],
        "tool": {
            "driver": { "name": "scan", "rules": [
                { "id": "A", "shortDescription": { "text": "rule A" } },
                { "id": "B", "shortDescription": { "text": "rule B" } },
            ] },
            "extensions": [{ "name": "more", "rules": [{ "id": "X", "shortDescription": { "text": "rule X" } }] }],
        },
    }));
    let told: Vec<_> =
        run.findings.iter().map(|found| (found.rule_id.as_deref(), found.title.as_str())).collect();
    assert_eq!(
        told,
        [
            (Some("B"), "rule B"),
            (Some("A"), "rule A"),
            (Some("B"), "rule B"),
            (Some("X"), "rule X"),
            (Some("X"), "rule X"),
            (Some("A/2"), "rule A"),
            (Some("A"), "rule A"),
            (None, "8"),
            (None, "9"),
        ]
    );
}

#[test]
fn a_message_may_be_the_rules_with_arguments() {
    let rules = json!([{ "id": "A", "name": "RuleA", "messageStrings": {
        "default": { "text": "{0} calls {1}, {x} {9}" }, "grow": { "text": "{0}".repeat(2000) } } }]);
    let text = |message: Value| findings(&json!([{ "ruleId": "A", "message": message }]), &rules).remove(0);
    let found = text(json!({ "id": "default", "arguments": ["main {1}", "eval"] }));
    assert_eq!(found.description.as_deref(), Some("main {1} calls eval, {x} {9}"));
    let grown = text(json!({ "id": "grow", "arguments": ["a".repeat(1000)] }));
    assert_eq!(grown.description.unwrap().chars().count(), 8000);
    let nothing = text(json!({ "id": "unknown" }));
    assert_eq!((nothing.title.as_str(), nothing.description), ("RuleA", None));
}

#[test]
fn fingerprints_outlive_a_move() {
    let print = |name: &str, value: &str, line: u64| {
        finding(
            &json!({ "ruleId": "r", "message": { "text": format!("line {line}") }, "locations": at("a", line),
            name: { "b/v1": "1", "a/v1": value } }),
        )
        .fingerprint
    };
    for name in ["fingerprints", "partialFingerprints"] {
        assert_eq!(print(name, "x", 1), print(name, "x", 2), "{name}");
        assert_ne!(print(name, "x", 1), print(name, "y", 1), "{name}");
    }
    assert_ne!(print("fingerprints", "x", 1), print("partialFingerprints", "x", 1));
}

#[test]
fn without_fingerprints_tool_rule_location_and_message_identify() {
    let result = |rule: &str, uri: &str, line: u64, message: &str| json!({ "ruleId": rule, "message": { "text": message }, "locations": at(uri, line) });
    let same = finding(&result("r", "a", 1, "m")).fingerprint;
    assert_eq!(finding(&result("r", "a", 1, "m")).fingerprint, same);
    for other in [
        result("s", "a", 1, "m"),
        result("r", "b", 1, "m"),
        result("r", "a", 2, "m"),
        result("r", "a", 1, "n"),
    ] {
        assert_ne!(finding(&other).fingerprint, same, "{other}");
    }
    let other_tool =
        json!({ "tool": { "driver": { "name": "other" } }, "results": [result("r", "a", 1, "m")] });
    assert_ne!(run_of(&other_tool).findings[0].fingerprint, same);
}

#[test]
fn the_same_result_twice_counts_once() {
    let result = |line: u64, prints: &Value| json!({ "ruleId": "r", "message": { "text": "m" }, "locations": at("a", line), "partialFingerprints": prints });
    for prints in [json!({}), json!({ "line": "x" })] {
        let found =
            findings(&json!([result(1, &prints), result(2, &prints), result(1, &prints)]), &json!([]));
        let lines: Vec<_> = found.iter().filter_map(|found| found.location.as_deref()).collect();
        assert_eq!(lines, ["a:1", "a:2"], "{prints}");
        assert_ne!(found[0].fingerprint, found[1].fingerprint, "{prints}");
    }
    let whole =
        |line: u64| json!({ "message": {}, "locations": at("a", line), "fingerprints": { "v": "x" } });
    assert_eq!(findings(&json!([whole(1), whole(2)]), &json!([])).len(), 1);
}

#[test]
fn a_placeholder_is_no_fingerprint() {
    let result = |line: u64| {
        json!({ "message": { "text": "m" }, "locations": at("a", line),
            "fingerprints": { "matchBasedId/v1": "requires login" }, "partialFingerprints": { "commit": " " } })
    };
    assert_eq!(findings(&json!([result(1), result(2)]), &json!([])).len(), 2);
}

#[test]
fn locations_are_files_artifacts_names_or_addresses() {
    let run = run_of(&json!({
        "tool": { "driver": { "name": "scan" } },
        "results": [
            { "message": {}, "locations": [{ "physicalLocation": { "artifactLocation": { "index": 1 } } }] },
            { "message": {}, "locations": [{ "logicalLocations": [{ "fullyQualifiedName": "shop::total" }] }] },
            { "message": {}, "locations": at("https://user:pw@Shop.example:443/cart?id=1", 1) },
            { "message": {}, "locations": at("file:///srv/a.py", 3) },
            { "message": {}, "locations": [] },
        ],
        "artifacts": [{}, { "location": { "uri": "b.py" } }],
    }));
    let told: Vec<_> = run.findings.iter().map(|found| found.location.as_deref()).collect();
    let url = "https://user:pw@Shop.example:443/cart?id=1:1";
    assert_eq!(told, [Some("b.py"), Some("shop::total"), Some(url), Some("file:///srv/a.py:3"), None]);
    let assets: Vec<_> = run.findings.iter().filter_map(|found| found.asset.as_ref()).collect();
    assert_eq!(assets.len(), 1);
    assert_eq!((assets[0].kind(), assets[0].value()), (AssetKind::WebApplication, "https://shop.example/"));
}

#[test]
fn the_target_is_the_category_or_the_repository() {
    let target = |mut run: Value| {
        run["tool"] = json!({ "driver": { "name": "scan" } });
        run_of(&run).target
    };
    let repository = json!([{ "repositoryUri": "https://token@git.example/shop.git" }]);
    assert_eq!(target(json!({ "automationDetails": { "id": "shop/main/2026-01-01" } })), "shop/main");
    assert_eq!(target(json!({ "automationDetails": { "id": "shop/" } })), "shop");
    assert_eq!(
        target(json!({ "automationDetails": { "id": "run 17" }, "versionControlProvenance": repository })),
        "https://git.example/shop.git"
    );
    assert_eq!(target(json!({})), "");
}

#[test]
fn a_run_is_full_when_it_looked_and_did_not_fail() {
    let full = |mut run: Value| {
        run["tool"] = json!({ "driver": { "name": "scan" } });
        run_of(&run).full
    };
    assert!(full(json!({ "results": [] })));
    assert!(full(json!({ "results": [], "invocations": [{ "executionSuccessful": true }, {}] })));
    assert!(!full(
        json!({ "results": [], "invocations": [{ "executionSuccessful": true }, { "executionSuccessful": false }] })
    ));
    assert!(!full(json!({ "results": null })));
    assert!(!full(json!({})));
}

#[test]
fn a_cve_comes_from_rule_tags_or_message() {
    let rules =
        json!([{ "id": "tagged", "properties": { "tags": ["security", 7, "external/cve/CVE-2021-44228"] } }]);
    let cve = |rule: &str, text: &str| {
        findings(&json!([{ "ruleId": rule, "message": { "text": text } }]), &rules).remove(0).cve
    };
    assert_eq!(cve("cve-2020-14343", "CVE-1999-0001").as_deref(), Some("CVE-2020-14343"));
    assert_eq!(cve("tagged", "CVE-1999-0001").as_deref(), Some("CVE-2021-44228"));
    assert_eq!(cve("other", "see CVE-1999-0001.").as_deref(), Some("CVE-1999-0001"));
    assert_eq!(cve("other", "nothing"), None);
}

#[test]
fn texts_are_bounded_and_without_nul() {
    let found =
        finding(&json!({ "ruleId": "r\u{0}", "message": { "text": format!("\u{0}{}", "é".repeat(9000)) } }));
    assert_eq!(found.rule_id.as_deref(), Some("r\u{fffd}"));
    assert_eq!(found.title.chars().count(), 200);
    assert!(found.title.starts_with("\u{fffd}é") && found.title.ends_with('…'));
    assert_eq!(found.description.unwrap().chars().count(), 8000);
}

#[test]
fn the_wrong_document_is_told_apart() {
    for (document, code, says) in [
        (r#"{"version":"2.0.0","runs":{"old":1}}"#, "WRONG_VERSION", "`2.0.0`"),
        (r#"{"version":1}"#, "WRONG_VERSION", "`1`"),
        (r#"{"version":["2.1.0"]}"#, "WRONG_VERSION", "2.1.0"),
        (r#"{"version":"2.1.0"}"#, "WRONG_FORMAT", "no `runs`"),
        (r#"{"runs":[]}"#, "WRONG_FORMAT", "no `version`"),
        (r#"{"runs":[],"runs":[],"version":"2.1.0"}"#, "WRONG_FORMAT", "two `runs`"),
        (r#"{"bomFormat":"CycloneDX","specVersion":"1.5"}"#, "WRONG_FORMAT", "CycloneDX"),
        ("{}", "WRONG_FORMAT", "no `version`"),
        ("[]", "WRONG_FORMAT", "no JSON object"),
        ("7", "WRONG_FORMAT", "no JSON object"),
        ("", "TRUNCATED", "line 1"),
        (r#"{"version":"2.1.0","runs":["#, "TRUNCATED", "column 27"),
        ("<sarif/>", "MALFORMED_JSON", "line 1, column 1"),
        ("{\"version\":\"2.1.0\",\n\"runs\":[]]}", "MALFORMED_JSON", "line 2, column 10"),
        (r#"{"version":"2.1.0","runs":[]} x"#, "MALFORMED_JSON", "trailing characters"),
    ] {
        let (found, message) = refusal(document);
        assert_eq!(found, code, "{document}: {message}");
        assert!(message.contains(says), "{document}: {message}");
    }
}

#[test]
fn an_invalid_part_is_named() {
    let driver = r#""tool":{"driver":{"name":"s"}}"#;
    for (run, place, says) in [
        (
            format!(r#"{{{driver},"results":[{{"message":{{}}}},{{"message":5}}]}}"#),
            "runs[0].results[1].message",
            "integer `5`",
        ),
        (format!(r#"{{{driver},"results":[{{}}]}}"#), "runs[0].results[0]", "missing field `message`"),
        (format!(r#"{{{driver},"results":{{}}}}"#), "runs[0].results", "expected an array"),
        (
            format!(r#"{{{driver},"results":[{{"message":{{"text":7}}}}]}}"#),
            "runs[0].results[0].message.text",
            "expected a string",
        ),
        (
            format!(r#"{{{driver},"results":[{{"message":{{}},"level":"critical"}}]}}"#),
            "runs[0].results[0].level",
            "unknown variant `critical`",
        ),
        (
            format!(r#"{{{driver},"results":[{{"message":{{}},"message":{{}}}}]}}"#),
            "runs[0].results[0]",
            "duplicate field `message`",
        ),
        (
            format!(
                r#"{{{driver},"results":[{{"message":{{}},"ruleIndex":123456789012345678901234567890}}]}}"#
            ),
            "runs[0].results[0].ruleIndex",
            "expected i64",
        ),
        (r#"{"results":[]}"#.to_owned(), "runs[0]", "missing field `tool`"),
        (r#"{"tool":{"driver":{}}}"#.to_owned(), "runs[0].tool.driver", "missing field `name`"),
    ] {
        let (code, message) = refusal(&format!(r#"{{"version":"2.1.0","runs":[{run}]}}"#));
        assert_eq!(code, "INVALID", "{run}: {message}");
        assert!(message.starts_with(&format!("`{place}` is invalid (line 1, column ")), "{run}: {message}");
        assert!(message.contains(says), "{run}: {message}");
    }
}

#[test]
fn an_error_quotes_little() {
    let (code, message) =
        refusal(&json!({ "version": "2.1.0", "runs": ["\u{0}".repeat(100_000)] }).to_string());
    assert_eq!(code, "INVALID");
    assert!(message.len() < 1500 && !message.contains('\0'), "{}", message.len());
}

#[test]
fn depth_and_huge_numbers_do_no_harm() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
    let run = |extra: &str| {
        format!(
            r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"s"}}}},"results":[{extra}]}}]}}"#
        )
    };
    // Skipped without recursion.
    let skipped = run(&format!(r#"{{"message":{{}},"codeFlows":{},"rank":1e999}}"#, deep("[", "]")));
    assert_eq!(read(skipped.as_bytes()).unwrap().runs[0].findings.len(), 1);
    // Read, and refused at the parser's limit.
    for document in [
        deep("[", "]"),
        deep(r#"{"a":"#, "}"),
        run(&deep("[", "]")),
        run("").replace(
            r#"{"name":"s"}"#,
            &format!(r#"{{"name":"s","rules":[{{"properties":{{"tags":{}}}}}]}}"#, deep("[", "]")),
        ),
    ] {
        assert!(read(document.as_bytes()).is_err());
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let log = "\u{feff}{\"version\":\"2.1.0\",\"runs\":[]}";
    assert_eq!(read(log.as_bytes()).unwrap(), Report::default());
}

#[test]
fn too_many_results_are_refused() {
    let results = vec![r#"{"message":{}}"#; MAX_ENTRIES + 1].join(",");
    let log = format!(
        r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"s"}}}},"results":[{results}]}}]}}"#
    );
    let (code, message) = refusal(&log);
    assert!(code == "INVALID" && message.contains("more than 250000 entries"), "{message}");
}
