//! Each rule of reading CycloneDX, on a small document of its own.

use serde_json::{Value, json};

use super::*;

fn run_of(mut document: Value) -> Run {
    document["bomFormat"] = json!("CycloneDX");
    document["specVersion"] = json!("1.6");
    read(document.to_string().as_bytes()).unwrap().runs.remove(0)
}

fn components(components: &Value) -> Vec<ReportedComponent> {
    run_of(json!({ "components": components })).components.unwrap()
}

fn finding(vulnerability: &Value) -> ReportedFinding {
    run_of(json!({ "vulnerabilities": [vulnerability] })).findings.remove(0)
}

fn refusal(document: &str) -> (&'static str, String) {
    let error = read(document.as_bytes()).unwrap_err();
    (error.code(), error.to_string())
}

#[test]
fn nested_components_are_flattened_and_counted_once() {
    let found = components(&json!([
        { "name": "a", "version": "1", "components": [
            { "name": "b", "components": [{ "name": "c" }] },
            { "name": "d", "components": null },
        ] },
        { "name": "c" },
        { "name": "c", "version": "2" },
    ]));
    let names: Vec<_> = found.iter().map(|found| (found.name.as_str(), found.version.as_deref())).collect();
    assert_eq!(names, [("a", Some("1")), ("b", None), ("c", None), ("d", None), ("c", Some("2"))]);
}

#[test]
fn a_name_is_joined_to_its_group_as_the_ecosystem_does() {
    for (component, name) in [
        (json!({ "group": "@hapi", "name": "hoek", "purl": "pkg:npm/%40hapi/hoek@9" }), "@hapi/hoek"),
        (
            json!({ "group": "org.slf4j", "name": "slf4j-api", "purl": "pkg:maven/org.slf4j/slf4j-api@2" }),
            "org.slf4j:slf4j-api",
        ),
        (json!({ "group": "github.com/a", "name": "b" }), "github.com/a/b"),
        (json!({ "group": "@hapi", "name": "@hapi/hoek" }), "@hapi/hoek"),
        (json!({ "group": "", "name": "flask" }), "flask"),
    ] {
        assert_eq!(components(&json!([component]))[0].name, name);
    }
}

#[test]
fn the_package_url_identifies_else_group_name_and_version() {
    let identity = |component: Value| components(&json!([component]))[0].identity;
    let purl = identity(json!({ "name": "a", "version": "1", "purl": "pkg:npm/a@1" }));
    assert_eq!(identity(json!({ "name": "renamed", "purl": "pkg:npm/a@1" })), purl);
    assert_ne!(identity(json!({ "name": "a", "version": "1", "purl": "pkg:npm/a@2" })), purl);
    let named = identity(json!({ "group": "g", "name": "a", "version": "1" }));
    assert_eq!(identity(json!({ "group": "g", "name": "a", "version": "1", "bom-ref": "x" })), named);
    for other in [
        json!({ "name": "a", "version": "1" }),
        json!({ "group": "g", "name": "a" }),
        json!({ "name": "g/a", "version": "1" }),
    ] {
        assert_ne!(identity(other.clone()), named, "{other}");
    }
}

#[test]
fn licences_are_ids_names_or_expressions() {
    let found = components(&json!([{ "name": "a", "licenses": [
        { "license": { "id": "MIT", "text": { "content": "..." } } },
        { "license": { "name": "House licence" } },
        { "license": { "id": "MIT" } },
        { "expression": "Apache-2.0 OR MIT" },
        {},
    ] }]));
    assert_eq!(found[0].licenses, ["MIT", "House licence", "Apache-2.0 OR MIT"]);
}

#[test]
fn tool_and_target_come_from_the_metadata() {
    let about = |metadata: Value| {
        let run = run_of(json!({ "metadata": metadata }));
        (run.tool, run.tool_version, run.target)
    };
    let told = |tool: &str, version: Option<&str>, target: &str| {
        (tool.to_owned(), version.map(str::to_owned), target.to_owned())
    };
    assert_eq!(
        about(json!({ "tools": [{ "vendor": "npm", "name": "cli", "version": "10.8.2" }, { "name": "x" }],
            "component": { "name": "shop", "version": "1", "purl": "pkg:npm/%40my/shop@1.0.0?a=b#c" } })),
        told("npm cli", Some("10.8.2"), "pkg:npm/%40my/shop")
    );
    assert_eq!(
        about(
            json!({ "tools": { "components": [{ "name": "cyclonedx-py", "version": "7" }, { "name": "x" }] },
            "component": { "group": "g", "name": "shop", "version": "2" } })
        ),
        told("cyclonedx-py", Some("7"), "g/shop")
    );
    assert_eq!(
        about(
            json!({ "tools": { "services": [{ "name": "service" }] }, "component": { "name": "a", "purl": "pkg:npm/%40my/shop" } })
        ),
        told("service", None, "pkg:npm/%40my/shop")
    );
    for nothing in [json!({}), json!(null), json!({ "tools": null, "component": null })] {
        assert_eq!(about(nothing), told("CycloneDX", None, ""));
    }
}

#[test]
fn what_the_subject_is_made_of_counts_and_the_subject_does_not() {
    let run =
        run_of(json!({ "metadata": { "component": { "name": "shop", "components": [{ "name": "a" }] } } }));
    let components = run.components.unwrap();
    assert_eq!(components.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(run.full);
}

#[test]
fn a_vulnerability_becomes_a_finding() {
    let run = run_of(json!({
        "vulnerabilities": [{
            "id": "GHSA-8q59-q68h-6hv4",
            "references": [{ "id": "CVE-2020-14343", "source": { "name": "NVD" } }],
            "ratings": [
                { "score": 5.0, "severity": "medium", "method": "CVSSv2" },
                { "score": 9.8, "severity": "critical", "method": "CVSSv31" },
                { "score": 99.0, "severity": "unknown", "method": "OWASP" },
            ],
            "description": "PyYAML runs code.",
            "detail": "Long.",
            "affects": [{ "ref": "r2" }, { "ref": "r1" }, { "ref": "r1" }, { "ref": "elsewhere" }],
        }],
        "components": [
            { "bom-ref": "r1", "name": "PyYAML", "version": "5.3", "purl": "pkg:pypi/pyyaml@5.3" },
            { "bom-ref": "r2", "name": "fork", "version": "5.3" },
        ],
    }));
    let [found] = run.findings.try_into().unwrap();
    let expected = ReportedFinding {
        fingerprint: found.fingerprint,
        rule_id: Some("GHSA-8q59-q68h-6hv4".into()),
        title: "GHSA-8q59-q68h-6hv4 in elsewhere and 2 more".into(),
        description: Some("PyYAML runs code.".into()),
        severity: Severity::Critical,
        cve: Some("CVE-2020-14343".into()),
        cvss_score: Some(9.8),
        location: Some("elsewhere, pkg:pypi/pyyaml@5.3, r2".into()),
        accepted: false,
        asset: None,
    };
    assert_eq!(found, expected);
}

#[test]
fn a_finding_is_the_same_when_only_references_change() {
    let run = |reference: &str, version: &str| {
        run_of(json!({
            "components": [{ "bom-ref": reference, "name": "a", "version": version }],
            "vulnerabilities": [{ "id": "CVE-2024-0001", "affects": [{ "ref": reference }] }],
        }))
        .findings
        .remove(0)
    };
    assert_eq!(run("x", "1"), ReportedFinding { location: Some("x".into()), ..run("y", "1") });
    assert_eq!(run("x", "1").title, "CVE-2024-0001 in a 1");
    assert_ne!(run("x", "1").fingerprint, run("x", "2").fingerprint);
}

#[test]
fn severity_is_the_worst_rating() {
    for (ratings, severity, score) in [
        (json!([]), Severity::Medium, None),
        (json!(null), Severity::Medium, None),
        (json!([{ "severity": "unknown" }]), Severity::Medium, None),
        (json!([{ "severity": "low" }, { "severity": "high" }]), Severity::High, None),
        (json!([{ "severity": "none" }]), Severity::Info, None),
        (json!([{ "score": 7.5 }]), Severity::High, Some(7.5)),
        (json!([{ "score": 7.5, "severity": "low" }]), Severity::Low, Some(7.5)),
        (json!([{ "score": 75 }]), Severity::Medium, None),
        (json!([{ "score": 3, "method": "SSVC" }]), Severity::Medium, None),
    ] {
        let found = finding(&json!({ "id": "x", "ratings": ratings }));
        assert_eq!((found.severity, found.cvss_score), (severity, score), "{ratings}");
    }
}

#[test]
fn what_is_settled_is_not_seen() {
    for (state, counts) in [
        ("exploitable", 1),
        ("in_triage", 1),
        ("not_affected", 0),
        ("false_positive", 0),
        ("resolved", 0),
        ("resolved_with_pedigree", 0),
    ] {
        let run = run_of(json!({ "vulnerabilities": [{ "id": "x", "analysis": { "state": state } }] }));
        assert_eq!(run.findings.len(), counts, "{state}");
    }
}

#[test]
fn versions_are_one_point_four_and_later() {
    let code = |version: &str| {
        let document = format!(r#"{{"bomFormat":"CycloneDX","specVersion":{version}}}"#);
        read(document.as_bytes()).map_or_else(|error| error.code(), |_| "OK")
    };
    for version in ["1.4", "1.5", "1.6", "1.7", "1.10"] {
        assert_eq!(code(&format!("\"{version}\"")), "OK", "{version}");
    }
    for version in ["1.3", "1.0", "2.0", "1", "1.", "1.+5", "1.5.1", "01.5", "x", ""] {
        assert_eq!(code(&format!("\"{version}\"")), "WRONG_VERSION", "{version}");
    }
    assert_eq!(code("1.5"), "WRONG_VERSION");
}

#[test]
fn the_wrong_document_is_told_apart() {
    for (document, code, says) in [
        (r#"{"version":"2.1.0","runs":[]}"#, "WRONG_FORMAT", "SARIF"),
        (r#"{"bomFormat":"SPDX"}"#, "WRONG_FORMAT", "`bomFormat`"),
        (r#"{"specVersion":"1.5"}"#, "WRONG_FORMAT", "no `bomFormat`"),
        (r#"{"bomFormat":"CycloneDX"}"#, "WRONG_FORMAT", "no `specVersion`"),
        (r#"{"components":[],"components":[]}"#, "WRONG_FORMAT", "twice"),
        (r#"{"bomFormat":"CycloneDX","specVersion":"1.2"}"#, "WRONG_VERSION", "`1.2`"),
        (r#"{"components":[{"name":"a"},{"version":"1"}]}"#, "INVALID", "`components[1]`"),
        (
            r#"{"components":[{"name":"a","components":[{"name":1}]}]}"#,
            "INVALID",
            "`components[0].components[0].name`",
        ),
        (r#"{"vulnerabilities":[{"affects":[{}]}]}"#, "INVALID", "`vulnerabilities[0].affects[0]`"),
        (
            r#"{"metadata":{"tools":{"components":[{"name":1}]}}}"#,
            "INVALID",
            "`metadata.tools.components[0].name`",
        ),
        (r#"{"vulnerabilities":[{"ratings":[{"score":1e999}]}]}"#, "MALFORMED_JSON", "out of range"),
        ("null", "WRONG_FORMAT", "no JSON object"),
        ("<bom/>", "MALFORMED_JSON", "column 1"),
        ("{", "TRUNCATED", "line 1"),
    ] {
        let (found, message) = refusal(document);
        assert_eq!(found, code, "{document}: {message}");
        assert!(message.contains(says), "{document}: {message}");
    }
}

#[test]
fn depth_does_no_harm() {
    let deep = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{}{}]}}"#,
        r#"{"name":"a","components":["#.repeat(100_000),
        "]}".repeat(100_000)
    );
    let code = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(move || refusal(&deep).0)
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(code, "MALFORMED_JSON");
}

#[test]
fn texts_are_bounded_and_without_nul() {
    let found =
        finding(&json!({ "id": format!("\u{0}{}", "x".repeat(500)), "description": "é".repeat(9000) }));
    assert_eq!(found.rule_id.as_ref().unwrap().chars().count(), 200);
    assert!(found.title.starts_with("\u{fffd}x"));
    assert_eq!(found.description.unwrap().chars().count(), 8000);
}
