//! A document's raw text, token by token, before it is parsed: how many there are, comments included, for the parser takes a microsecond
//! or more for each; and whether an object has a key twice, which is refused (GraphQL, section 5.6.3), because the parser keeps the last of
//! them and nobody could tell any more. One pass, after the nesting is known to be within its bound.
//!
//! Braces between parentheses are objects, all others are selections; in an object a name before a colon is a key.

use std::collections::HashSet;

use super::nesting::Scan;

/// What is open.
enum Open<'t> {
    Parenthesis,
    List,
    Selection,
    Object(HashSet<&'t [u8]>),
}

/// What a text has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens<'t> {
    pub(super) count: usize,
    /// The first key that an object has twice.
    pub(super) key_twice: Option<&'t str>,
}

/// Reads a text to its end, or to the first string that is never closed.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    let mut found = Tokens::default();
    let mut scan = Scan::new(text);
    let (mut open, mut parentheses) = (Vec::new(), 0_usize);
    while let Some((&byte, rest)) = scan.rest().split_first() {
        match byte {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                let name = scan.take_name();
                scan.skip_ignored();
                if let (Some(Open::Object(keys)), Some(b':')) = (open.last_mut(), scan.rest().first())
                    && !keys.insert(name)
                    && found.key_twice.is_none()
                {
                    found.key_twice = std::str::from_utf8(name).ok();
                }
                found.count += 1;
                continue;
            }
            // The name of a variable, or a piece of a number, is no key.
            b'$' | b'0'..=b'9' => {
                scan.advance(rest);
                scan.take_name();
                found.count += 1;
                continue;
            }
            b'"' => {
                found.count += 1;
                if !scan.skip_any_string() {
                    return found;
                }
                continue;
            }
            b'#' => scan.skip_comment(),
            b'(' => {
                parentheses += 1;
                open.push(Open::Parenthesis);
            }
            b'[' => open.push(Open::List),
            b'{' if parentheses > 0 => open.push(Open::Object(HashSet::new())),
            b'{' => open.push(Open::Selection),
            b')' | b']' | b'}' => {
                if let Some(Open::Parenthesis) = open.pop() {
                    parentheses -= 1;
                }
            }
            _ => {}
        }
        found.count += usize::from(!matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b','));
        if byte != b'#' {
            scan.advance(rest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn a_key_stands_in_an_object_once() {
        for (text, found) in [
            ("", None),
            ("{ a(b: { c: 1, d: 2 }) }", None),
            ("{ a(b: { c: 1, c: 2 }) }", Some("c")),
            ("{ a(b: { c: 1 c : 1 }) }", Some("c")),
            ("{ a(b: { c: 1 # \"\n, c # }\n : 1 }) }", Some("c")),
            ("{ a(b: [{ c: 1 }, { c: 2 }]) }", None),
            ("{ a(b: { c: { c: 1 }, d: { c: 1 } }) }", None),
            ("{ a(b: { d: { c: 1 }, d: 1 }) }", Some("d")),
            ("{ a(b: { c: c, d: c }) }", None),
            ("{ a(b: { c: $c, d: $c }) }", None),
            (r#"{ a(b: { c: "{ c: 1 }", d: """ { "c": 1, c: 2 """ }) }"#, None),
            (r#"{ a(b: { c: "\"", c: 1 }) }"#, Some("c")),
            ("query ($a: T = { x: 1, x: 2 }) { a }", Some("x")),
            ("{ a @b(c: { d: 1, d: 2 }) }", Some("d")),
            // Aliases and arguments are others' to judge.
            ("{ a: b a: c }", None),
            ("{ a(b: 1, b: 2) { c: d c: e } }", None),
            ("{ a(b: { c: 1e5, e5: 2 }) }", None),
            ("{ a(b: { ", None),
            (")}]{ a(b: {c: 1, c: 1", Some("c")),
            (r#"{ a(b: { c: "never closed"#, None),
            (r#"{ a(b: { c: """never closed"#, None),
            ("{ a(b: { \u{feff}c: é, c: 1 }) }", Some("c")),
        ] {
            assert_eq!(tokens(text).key_twice, found, "{text}");
        }
    }

    #[test]
    fn tokens_are_counted_with_comments() {
        for (text, count) in [
            ("", 0),
            (" \n,", 0),
            ("{ a }", 3),
            ("{ a(b: $c, d: 12.5) @e }", 15),
            ("# x y z\n# x\n{ a }", 5),
            (r#"{ a(b: "c d e", f: """g h""") }"#, 11),
            ("{ a(b: \"", 6),
        ] {
            assert_eq!(tokens(text).count, count, "{text}");
        }
    }
}
