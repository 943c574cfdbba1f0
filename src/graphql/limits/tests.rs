//! Each limit hit and just not hit, through a schema of its own; the documents that hang or end other servers.

use std::fmt::Write as _;

use async_graphql::{
    EmptyMutation, EmptySubscription, InputObject, Object, Request, Schema, Value, Variables,
};
use serde_json::json;

use super::Limits;

struct Query;

#[derive(InputObject)]
#[graphql(name = "Tree")]
struct Tree {
    children: Option<Vec<Tree>>,
}

/// Every object is the same object, so that documents of any shape are valid.
#[Object(name = "Query")]
impl Query {
    async fn name(&self) -> &str {
        "name"
    }

    async fn one(&self) -> Self {
        Self
    }

    async fn nodes(&self, ids: Option<Vec<String>>) -> Vec<Self> {
        ids.into_iter().flatten().map(|_| Self).collect()
    }

    async fn findings(&self, first: Option<i32>, last: Option<i32>) -> Vec<Self> {
        first.or(last).map(|_| Self).into_iter().collect()
    }

    async fn planted(&self, tree: Option<Tree>) -> bool {
        tree.is_some_and(|tree| tree.children.is_some())
    }
}

/// The code that refuses a document, and its message; none where it runs.
async fn refusal(limits: Limits, request: impl Into<Request>) -> Option<(String, String)> {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let mut request = request.into();
    let error = match limits.check(&mut request) {
        Ok(_) => schema.execute(request).await.errors.into_iter().next()?,
        Err(error) => error,
    };
    let code = match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => code.clone(),
        _ => String::from("(none)"),
    };
    Some((code, error.message))
}

async fn code(limits: Limits, request: impl Into<Request>) -> Option<String> {
    refusal(limits, request).await.map(|(code, _)| code)
}

/// Asserts that a bound lets `found` through and that one less refuses with exactly this code and message.
async fn assert_bound(query: &str, found: usize, set: fn(&mut Limits, usize), code: &str, what: &str) {
    let limits = |bound| {
        let mut limits = Limits::default();
        set(&mut limits, bound);
        limits
    };
    assert_eq!(refusal(limits(found), query).await, None, "{query}");
    let bound = found - 1;
    let message = format!("the document's {what} is {found}; the limit is {bound}");
    assert_eq!(refusal(limits(bound), query).await, Some((code.to_owned(), message)), "{query}");
}

#[tokio::test]
async fn each_limit_is_exact() {
    let bytes = "{ name }";
    assert_bound(bytes, bytes.len(), |l, b| l.query_bytes = b, "QUERY_TOO_LARGE", "size in bytes").await;
    let tokens = "{ a: name }";
    assert_bound(tokens, 5, |l, b| l.tokens = b, "QUERY_TOO_LARGE", "number of tokens").await;
    let brackets = "{ planted(tree: {children: [{}]}) }";
    assert_bound(brackets, 5, |l, b| l.nesting = b, "QUERY_TOO_NESTED", "nesting of brackets").await;
    let sets = "{ ...A } fragment A on Query { ...B } fragment B on Query { ... { one { name } } }";
    assert_bound(sets, 5, |l, b| l.nesting = b, "QUERY_TOO_NESTED", "nesting of selections").await;
    let depth = "{ name ...A } fragment A on Query { one { ... { one { name } } } }";
    assert_bound(depth, 3, |l, b| l.depth = b, "QUERY_TOO_DEEP", "depth").await;
    let aliases = "{ a: one { ...A } b: one { ...A } } fragment A on Query { c: name d: name }";
    assert_bound(aliases, 6, |l, b| l.aliases = b, "TOO_MANY_ALIASES", "number of aliases").await;
    let roots = "{ name ...A ... { one { name } } } fragment A on Query { one { name } }";
    assert_bound(roots, 3, |l, b| l.root_fields = b, "TOO_MANY_FIELDS", "number of root fields").await;
    let fields = "{ ...A one { ...A } } fragment A on Query { name one { name } }";
    assert_bound(fields, 7, |l, b| l.fields = b, "TOO_MANY_FIELDS", "number of fields").await;
    let directives = "query Q { one { ...A @skip(if: false) ...A } } \
                      fragment A on Query { ... @include(if: true) { name @include(if: true) } }";
    let what = "number of directives";
    assert_bound(directives, 5, |l, b| l.directives = b, "TOO_MANY_DIRECTIVES", what).await;
    let fragments = "{ ...A ...B } fragment A on Query { name } fragment B on Query { name }";
    assert_bound(fragments, 2, |l, b| l.fragments = b, "QUERY_TOO_LARGE", "number of fragments").await;
}

#[tokio::test]
async fn complexity_multiplies_by_the_page() {
    for (query, found) in [
        ("{ name }", 1),
        ("{ one { name } }", 2),
        ("{ findings(first: 7) { name } }", 8),
        ("{ findings(last: 7) { name one { name } } }", 22),
        ("{ findings { name } }", 21),
        ("{ findings(first: null) { name } }", 21),
        ("{ findings(first: 5) { findings(first: 3) { name } } }", 21),
        ("{ findings(first: 101) { name } }", 101),
        (r#"{ nodes(ids: ["a", "b", "c"]) { name } }"#, 7),
        ("query($n: Int = 7) { findings(first: $n) { name } }", 8),
        ("query($n: Int) { findings(first: $n) { name } }", 21),
        ("query($n: Int = 7) { ...A ...A } fragment A on Query { findings(first: $n) { name } }", 16),
    ] {
        let with_request = found + 50;
        assert_bound(query, with_request, |l, b| l.complexity = b, "QUERY_TOO_COMPLEX", "complexity").await;
    }
}

#[tokio::test]
async fn complexity_reads_variables() {
    let limits = Limits { complexity: 60, ..Limits::default() };
    let query = "query($n: Int = 50) { findings(first: $n) { name } }";
    let with = |value| Request::new(query).variables(Variables::from_json(json!({ "n": value })));
    assert_eq!(code(limits, with(json!(9))).await, None);
    assert_eq!(code(limits, with(json!(10))).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    assert_eq!(code(limits, with(json!(null))).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
    assert_eq!(code(limits, query).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
}

#[tokio::test]
async fn what_fields_are_given_counts_as_often_as_they_hold_it() {
    // A value has 32 bytes: the list, its items, which are variables here, and `first`.
    for (query, found) in [
        ("query($a: String!) { nodes(ids: [$a]) { name } }", 32 + 32 + 36),
        ("query($a: String!) { nodes(ids: [$a, $a]) { name } }", 32 + 2 * (32 + 36)),
        (
            r#"query($a: String!, $b: String = "xy") { nodes(ids: [$a, $b]) { name } }"#,
            32 + 32 + 36 + 32 + 34,
        ),
        ("query($a: String!) { findings(first: 10) { nodes(ids: [$a]) { name } } }", 32 + 10 * 100),
        ("query($a: String!) { findings(first: 0) { nodes(ids: [$a]) { name } } }", 32 + 100),
        ("query($a: String!) { ...A ...A } fragment A on Query { nodes(ids: [$a]) { name } }", 2 * 100),
    ] {
        let bounded = async |given: usize| {
            let variables = Variables::from_json(json!({ "a": "1234" }));
            let limits = Limits { given, ..Limits::default() };
            code(limits, Request::new(query).variables(variables)).await
        };
        assert_eq!(bounded(found).await, None, "{query}");
        assert_eq!(bounded(found - 1).await.as_deref(), Some("VARIABLES_TOO_LARGE"), "{query}");
    }
}

#[tokio::test]
async fn the_defaults_fit_a_partners_home() {
    let page = |outer: u32, inner: u32, fields: usize| {
        let fields = "name ".repeat(fields);
        format!("{{ findings(first: {outer}) {{ {fields} findings(first: {inner}) {{ {fields} }} }} }}")
    };
    assert_eq!(code(Limits::default(), page(50, 5, 12)).await, None);
    assert_eq!(code(Limits::default(), page(100, 100, 20)).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
}

#[tokio::test]
async fn nested_pages_saturate() {
    let limits = Limits { depth: 200, ..Limits::default() };
    let query = format!("{}name{}", "{findings(first:100)".repeat(30) + "{", "}".repeat(31));
    assert_eq!(code(limits, query).await.as_deref(), Some("QUERY_TOO_COMPLEX"));
}

#[tokio::test]
async fn deep_literals_are_refused_before_parsing() {
    for depth in [1_300, 16_000] {
        let query = format!("{{ planted(tree: {}{}) }}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(code(Limits::default(), query).await.as_deref(), Some("QUERY_TOO_NESTED"));
    }
}

#[tokio::test]
async fn what_the_nesting_limit_allows_the_parser_survives() {
    let lists = format!("{{ planted(tree: {}{}) }}", "[".repeat(198), "]".repeat(198));
    assert_eq!(code(Limits::default(), lists).await.as_deref(), Some("(none)"), "validation's own answer");
    let objects = format!("{{ planted(tree: {}[]{}) }}", "{children:".repeat(197), "}".repeat(197));
    assert_eq!(code(Limits::default(), objects).await, None);
    let selections = format!("{{{}name{}", "...{".repeat(199), "}".repeat(200));
    assert_eq!(
        code(Limits::default(), selections).await.as_deref(),
        Some("(none)"),
        "async-graphql's own limit"
    );
}

#[tokio::test]
async fn deep_variables_are_refused_by_the_json_parser() {
    let text = |depth: usize| {
        format!(r#"{{"query":"{{name}}","variables":{{"a":{}{}}}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert!(serde_json::from_str::<Request>(&text(100)).is_ok());
    assert!(serde_json::from_str::<Request>(&text(10_000)).is_err());
}

/// A chain of fragments, each spreading the next one twice: 2^40 fields of 2 kB of text.
fn fan_out(root: &str) -> String {
    let mut query = root.to_owned();
    for link in 0..40 {
        let _ = write!(query, " fragment F{link} on Query {{ ...F{0} one {{ ...F{0} }} }}", link + 1);
    }
    query + " fragment F40 on Query { name }"
}

#[tokio::test]
async fn fragment_fan_out_is_refused_before_validation() {
    let limits = Limits { depth: 200, ..Limits::default() };
    for root in ["{ ...F0 }", "{ name }"] {
        let (code, _) = refusal(limits, fan_out(root)).await.expect("refused");
        assert_eq!(code, "TOO_MANY_FIELDS", "{root}");
    }
    let twice = fan_out("{ ...F0 }").replace("one {", "... {");
    let (code, message) = refusal(limits, twice).await.expect("refused");
    assert_eq!(code, "TOO_MANY_FIELDS");
    assert_eq!(message, format!("the document's number of root fields is {}; the limit is 20", 1_u64 << 40));
}

/// Whoever walks through every spread would be at it for ever: here, in `once`, in `inputs` and in async-graphql.
#[tokio::test]
async fn fan_out_to_a_fragment_that_is_not_there_is_refused_before_anybody_walks_through_it() {
    for (kind, ty) in [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")] {
        let mut query = format!("{kind} {{ ...F0 }}");
        for link in 0..90 {
            let _ = write!(query, " fragment F{link} on {ty} {{ ...F{0} ...F{0} }}", link + 1);
        }
        let _ = write!(query, " fragment F90 on {ty} {{ ...Nope ...Nope }}");
        assert_eq!(code(Limits::default(), query).await.as_deref(), Some("TOO_MANY_FIELDS"), "{kind}");
    }
}

#[tokio::test]
async fn many_operations_share_one_budget() {
    let mut query = String::new();
    for number in 0..500 {
        let _ = write!(query, "query Q{number} {{ ...F }} ");
    }
    query += "fragment F on Query { name one { name one { name } } }";
    let limits = Limits { tokens: 10_000, ..Limits::default() };
    assert_eq!(code(limits, query).await.as_deref(), Some("TOO_MANY_FIELDS"));
}

#[tokio::test]
async fn a_long_chain_of_nested_fragments_does_not_recurse_beyond_the_limit() {
    let mut query = "{ ...F0 }".to_owned();
    for link in 0..90 {
        let (open, close) = ("...{".repeat(60), "}".repeat(60));
        let _ = write!(query, " fragment F{link} on Query {{ {open} ...F{} {close} }}", link + 1);
    }
    query += " fragment F90 on Query { name }";
    let limits = Limits { tokens: 100_000, ..Limits::default() };
    let code = code(limits, query).await;
    assert_eq!(code.as_deref(), Some("QUERY_TOO_NESTED"));
}

#[tokio::test]
async fn fragment_cycles_are_refused() {
    for query in [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { one { ...B } } fragment B on Query { ... { ...A } }",
        "{ name } fragment A on Query { ...B } fragment B on Query { ...A }",
    ] {
        assert_eq!(code(Limits::default(), query).await.as_deref(), Some("FRAGMENT_CYCLE"), "{query}");
    }
    let (_, message) =
        refusal(Limits::default(), "{ ...A } fragment A on Query { ...A }").await.expect("refused");
    assert_eq!(message, "the fragment `A` spreads itself");
}

#[tokio::test]
async fn a_fragment_that_nobody_spreads_has_no_root_fields() {
    let query = format!("{{ name }} fragment A on Query {{ {} }}", "name ".repeat(21));
    let (code, message) = refusal(Limits::default(), query).await.expect("refused");
    assert_eq!((code.as_str(), message.as_str()), ("(none)", "Fragment \"A\" is never used"));
}

#[tokio::test]
async fn a_syntax_error_stays_a_syntax_error() {
    let (code, message) = refusal(Limits::default(), "{ name").await.expect("refused");
    assert_eq!(code, "(none)");
    assert!(message.contains("expected"), "{message}");
}

#[tokio::test]
async fn introspection_passes() {
    let of_type =
        (0..9).fold(String::from("kind name"), |inner, _| format!("kind name ofType {{ {inner} }}"));
    let query = format!(
        "query IntrospectionQuery {{ __schema {{ description queryType {{ name kind }} mutationType {{ name kind }} \
         subscriptionType {{ name kind }} types {{ ...FullType }} directives {{ name description isRepeatable \
         locations args(includeDeprecated: true) {{ ...InputValue }} }} }} }} \
         fragment FullType on __Type {{ kind name description specifiedByURL isOneOf \
         fields(includeDeprecated: true) {{ name description args(includeDeprecated: true) {{ ...InputValue }} \
         type {{ ...TypeRef }} isDeprecated deprecationReason }} \
         inputFields(includeDeprecated: true) {{ ...InputValue }} interfaces {{ ...TypeRef }} \
         enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }} \
         possibleTypes {{ ...TypeRef }} }} \
         fragment InputValue on __InputValue {{ name description type {{ ...TypeRef }} defaultValue isDeprecated \
         deprecationReason }} fragment TypeRef on __Type {{ {of_type} }}"
    );
    assert_eq!(refusal(Limits::default(), query).await, None);
}
