//! How deep the brackets of a document nest, read from its raw text: one pass, no allocation, no recursion.
//!
//! The parser recurses at every bracket, so this is asked before it runs. Strings, block strings and comments
//! are skipped exactly as the parser skips them; where the text is malformed the answer errs upwards.

/// The deepest nesting of `(`, `[` and `{` outside strings and comments.
pub(super) fn deepest(text: &str) -> usize {
    let mut scan = Scan::new(text);
    while let Some((&byte, rest)) = scan.rest.split_first() {
        scan.rest = rest;
        match byte {
            b'(' | b'[' | b'{' => scan.enter(),
            b')' | b']' | b'}' => scan.open = scan.open.saturating_sub(1),
            b'#' => scan.skip_comment(),
            b'"' => match rest {
                [b'"', b'"', block @ ..] => {
                    scan.rest = block;
                    if !scan.skip_block_string() {
                        // Never closed: no valid document, and the parser may read the quotes another way.
                        scan.rest = block;
                        return scan.count_everything();
                    }
                }
                _ => scan.skip_string(),
            },
            _ => {}
        }
    }
    scan.deepest
}

/// A text, as far as it is still to be read.
pub(super) struct Scan<'a> {
    rest: &'a [u8],
    open: usize,
    deepest: usize,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), open: 0, deepest: 0 }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn advance(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    /// A name, or what is left of one.
    pub(super) fn take_name(&mut self) -> &'a [u8] {
        let end = self.rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'));
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        name
    }

    /// White space, commas and comments.
    pub(super) fn skip_ignored(&mut self) {
        while let [byte, rest @ ..] = self.rest {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' => self.rest = rest,
                b'#' => self.skip_comment(),
                _ => return,
            }
        }
    }

    /// A string of either kind; false where it is never closed.
    pub(super) fn skip_any_string(&mut self) -> bool {
        match self.rest {
            [b'"', b'"', b'"', block @ ..] => {
                self.rest = block;
                self.skip_block_string()
            }
            [b'"', string @ ..] => {
                self.rest = string;
                self.skip_string();
                true
            }
            _ => false,
        }
    }

    fn enter(&mut self) {
        self.open += 1;
        self.deepest = self.deepest.max(self.open);
    }

    /// Up to the end of the line.
    pub(super) fn skip_comment(&mut self) {
        while let [byte, rest @ ..] = self.rest {
            if matches!(byte, b'\n' | b'\r') {
                return;
            }
            self.rest = rest;
        }
    }

    /// Past the closing quote; a line's end closes too, for there the parser gives up.
    fn skip_string(&mut self) {
        loop {
            match self.rest {
                [b'"' | b'\n' | b'\r', rest @ ..] => {
                    self.rest = rest;
                    return;
                }
                [b'\\', b'"' | b'\\', rest @ ..] | [_, rest @ ..] => self.rest = rest,
                [] => return,
            }
        }
    }

    /// Past the closing `"""`; false where there is none.
    fn skip_block_string(&mut self) -> bool {
        loop {
            match self.rest {
                [b'"', b'"', b'"', rest @ ..] => {
                    self.rest = rest;
                    return true;
                }
                [b'\\', b'"', b'"', b'"', rest @ ..] | [_, rest @ ..] => self.rest = rest,
                [] => return false,
            }
        }
    }

    /// Every opening bracket of what is left, as if none were ever closed.
    fn count_everything(&self) -> usize {
        let brackets = self.rest.iter().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
        self.deepest.max(self.open + brackets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::deepest;

    #[test]
    fn strings_and_comments_hide_brackets() {
        for (text, expected) in [
            ("", 0),
            ("{ a(b: [{ c: 1 }]) { d } }", 4),
            (r#"{ a(b: "[[[[") }"#, 2),
            (r#"{ a(b: "\"[[[[") }"#, 2),
            (r#"{ a(b: "\\") { c } [[[ }"#, 4),
            (r#"{ a(b: "") [[[ }"#, 4),
            (r#"{ a(b: """[[ "" \""" [[""") [[[ }"#, 4),
            ("{ # [[[[ \" \n a }", 1),
            ("{ # [[[[ \r[[ a }", 3),
            ("{ a(b: \"[[\n[[[) }", 5),
            ("]]]{ a }", 1),
        ] {
            assert_eq!(deepest(text), expected, "{text}");
        }
    }

    #[test]
    fn a_block_string_never_closed_hides_nothing() {
        assert_eq!(deepest(r#"["""[[[" [[[[["#), 9);
    }

    /// A piece of a document with its nesting.
    fn document() -> impl Strategy<Value = (String, usize)> {
        let leaf = prop_oneof![
            "[a-z0-9:$!@ ,\n]{0,6}".prop_map(|text| (text, 0)),
            r#""([a-z(\[{}\])#]|\\"|\\\\){0,6}" "#.prop_map(|text| (text, 0)),
            r#""""([a-z(\[{}\])#\n]|\\""" |"[a-z]|\\\\x){0,6}""" "#.prop_map(|text| (text, 0)),
            "#[a-z(\\[{}\\])\"]{0,6}\n".prop_map(|text| (text, 0)),
        ];
        leaf.prop_recursive(8, 64, 5, |inner| {
            (
                prop::sample::select(vec![("(", ")"), ("[", "]"), ("{", "}")]),
                prop::collection::vec(inner, 0..5),
            )
                .prop_map(|((open, close), parts)| {
                    let below = parts.iter().map(|part| part.1).max().unwrap_or(0);
                    let text: String = parts.into_iter().map(|part| part.0).collect();
                    (format!("{open}{text}{close}"), below + 1)
                })
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in any::<String>()) {
            let brackets = text.bytes().filter(|byte| b"([{".contains(byte)).count();
            prop_assert!(deepest(&text) <= brackets);
        }

        #[test]
        fn any_sequence_of_tokens_is_read_to_its_end(text in r#"["\\#\n\r(\[{}\])a]{0,40}"#) {
            let brackets = text.bytes().filter(|byte| b"([{".contains(byte)).count();
            prop_assert!(deepest(&text) <= brackets);
        }

        #[test]
        fn balanced_documents_nest_as_they_were_built((text, expected) in document()) {
            prop_assert_eq!(deepest(&text), expected, "{}", text);
        }
    }
}
