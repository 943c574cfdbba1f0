//! Files of evidence: which kinds are taken, and whether one is what it says that it is.

use super::text_enum::text_enum;

text_enum! {
    /// What a file of evidence may be, spelled as its media type.
    MediaType {
        /// A PDF document.
        Pdf = "application/pdf",
        /// A PNG image.
        Png = "image/png",
        /// A JPEG image.
        Jpeg = "image/jpeg",
        /// Plain text in UTF-8.
        Text = "text/plain",
        /// Comma-separated values in UTF-8.
        Csv = "text/csv",
        /// JSON, which is UTF-8.
        Json = "application/json",
    }
}

impl MediaType {
    /// What every file of the kind begins with; none for text, which is known by its encoding.
    const fn magic(self) -> Option<&'static [u8]> {
        match self {
            Self::Pdf => Some(b"%PDF-"),
            Self::Png => Some(b"\x89PNG\r\n\x1a\n"),
            Self::Jpeg => Some(b"\xff\xd8\xff"),
            Self::Text | Self::Csv | Self::Json => None,
        }
    }
}

/// A file whose bytes are not of the kind that was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsDeclared {
    /// It begins with something else.
    #[error("the file does not begin as `{0}` does")]
    Beginning(MediaType),
    /// It is no text in UTF-8.
    #[error("the file is no text in UTF-8, as `{0}` has to be")]
    Encoding(MediaType),
}

/// Checks a file as it streams by, whatever pieces it comes in.
#[derive(Clone, Debug)]
pub struct Check {
    media: MediaType,
    /// The first bytes, of a kind that is known by them.
    head: Vec<u8>,
    /// The beginning of a character whose end is in the next piece.
    open: Vec<u8>,
}

impl Check {
    /// Of a file that is declared to be this.
    #[must_use]
    pub const fn new(media: MediaType) -> Self {
        Self { media, head: Vec::new(), open: Vec::new() }
    }

    /// Looks at the next piece.
    ///
    /// # Errors
    /// As soon as it cannot be what was declared.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), NotAsDeclared> {
        match self.media.magic() {
            Some(magic) => {
                let missing = magic.len().saturating_sub(self.head.len());
                self.head.extend(piece.iter().take(missing));
                if magic.starts_with(&self.head) { Ok(()) } else { Err(NotAsDeclared::Beginning(self.media)) }
            }
            None => self.text(piece),
        }
    }

    /// At the end.
    ///
    /// # Errors
    /// Where it ended too early.
    pub fn finish(self) -> Result<(), NotAsDeclared> {
        match self.media.magic() {
            Some(magic) if self.head != magic => Err(NotAsDeclared::Beginning(self.media)),
            None if !self.open.is_empty() => Err(NotAsDeclared::Encoding(self.media)),
            Some(_) | None => Ok(()),
        }
    }

    fn text(&mut self, piece: &[u8]) -> Result<(), NotAsDeclared> {
        let refused = Err(NotAsDeclared::Encoding(self.media));
        // Text has no zero bytes, which much that is none has.
        if piece.contains(&0) {
            return refused;
        }
        let mut rest = piece;
        // A character has four bytes at most: a few from this piece end the one that is open.
        while !self.open.is_empty() {
            let Some((next, after)) = rest.split_first() else { return Ok(()) };
            self.open.push(*next);
            rest = after;
            match std::str::from_utf8(&self.open) {
                Ok(_) => self.open.clear(),
                Err(error) if error.error_len().is_some() => return refused,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => refused,
            Err(error) => {
                self.open.extend(rest.iter().skip(error.valid_up_to()));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(media: MediaType, bytes: &[u8], piece: usize) -> Result<(), NotAsDeclared> {
        let mut check = Check::new(media);
        for piece in bytes.chunks(piece) {
            check.push(piece)?;
        }
        check.finish()
    }

    #[test]
    fn a_file_is_what_it_says_whatever_pieces_it_comes_in() {
        for (media, bytes) in [
            (MediaType::Pdf, b"%PDF-1.7 and more".as_slice()),
            (MediaType::Png, b"\x89PNG\r\n\x1a\n\0\0"),
            (MediaType::Jpeg, b"\xff\xd8\xff\xe0\0"),
            (MediaType::Text, "grüße, 漢字 und 🎉 in Text".as_bytes()),
            (MediaType::Csv, b"a,b\r\n1,2\r\n"),
            (MediaType::Json, b"{\"a\": 1}"),
        ] {
            for piece in 1..=bytes.len() {
                assert_eq!(check(media, bytes, piece), Ok(()), "{media} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_file_that_is_something_else_is_refused() {
        for (media, bytes) in [
            (MediaType::Pdf, b"".as_slice()),
            (MediaType::Pdf, b"%PDF"),
            (MediaType::Pdf, b"MZ\x90\0"),
            (MediaType::Png, b"%PDF-1.7"),
            (MediaType::Jpeg, b"\x89PNG\r\n\x1a\n"),
            (MediaType::Text, b"MZ\x90\0\x03"),
            (MediaType::Text, b"nul\0"),
            (MediaType::Csv, b"latin-1: \xe4"),
            (MediaType::Json, b"{\"a\": \"\xff\xfe\"}"),
            // Cut off within a character.
            (MediaType::Text, &"🎉".as_bytes()[..3]),
            // A surrogate, and an overlong form.
            (MediaType::Text, b"\xed\xa0\x80"),
            (MediaType::Text, b"\xc0\xaf"),
        ] {
            for piece in 1..=bytes.len().max(1) {
                assert!(check(media, bytes, piece).is_err(), "{media} {bytes:?} in pieces of {piece}");
            }
        }
    }
}
