//! Why a document is refused: a stable code, what is wrong, where, and what to do.

use std::fmt;
use std::io;

/// The two kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX JSON, 1.4 and later.
    CycloneDx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sarif => "SARIF log",
            Self::CycloneDx => "CycloneDX document",
        })
    }
}

/// Which bytes a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Those that arrive, compressed or not.
    Sent,
    /// Those that come out of the decompression.
    Decoded,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "as it was sent",
            Self::Decoded => "when decoded",
        })
    }
}

/// Why a document is refused. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The text is not JSON.
    #[error(
        "malformed JSON at line {line}, column {column}: {detail}; send the file as the tool wrote it, in UTF-8"
    )]
    MalformedJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        detail: String,
    },
    /// The bytes are not gzip.
    #[error("malformed gzip; compress the file again, or send it plain without `content-encoding`")]
    MalformedGzip {
        /// What the decoder says.
        source: io::Error,
    },
    /// The document is something else.
    #[error("not a {expected}: {detail}")]
    WrongFormat {
        /// What it should be.
        expected: Format,
        /// How it shows, and where such a document goes.
        detail: &'static str,
    },
    /// The document is of a version that is not read.
    #[error("a {format} of version `{found}` is not read; {advice}")]
    WrongVersion {
        /// Which kind of document.
        format: Format,
        /// The version it states.
        found: String,
        /// What to send instead.
        advice: &'static str,
    },
    /// More bytes than the limit.
    #[error("the document is larger than {limit} bytes {measured}; split it, for instance by target")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// Which bytes were counted.
        measured: Measured,
    },
    /// The end came in the middle.
    #[error("the document ends in the middle, at line {line}, column {column}; send it again, whole")]
    Truncated {
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The end of the compressed stream came in the middle.
    #[error("the compressed stream ends in the middle; send it again, whole")]
    TruncatedGzip,
    /// JSON, but not as the format says.
    #[error("`{place}` is invalid (line {line}, column {column}): {detail}")]
    Invalid {
        /// Where, such as `runs[0].results[17].message`.
        place: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong and what was expected.
        detail: String,
    },
    /// The bytes could not be had.
    #[error("the document could not be read")]
    Unreadable {
        /// What the system says.
        source: io::Error,
    },
}

impl IngestError {
    /// The machine's word for it; it never changes.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::MalformedJson { .. } => "MALFORMED_JSON",
            Self::MalformedGzip { .. } => "MALFORMED_GZIP",
            Self::WrongFormat { .. } => "WRONG_FORMAT",
            Self::WrongVersion { .. } => "WRONG_VERSION",
            Self::TooLarge { .. } => "TOO_LARGE",
            Self::Truncated { .. } | Self::TruncatedGzip => "TRUNCATED",
            Self::Invalid { .. } => "INVALID",
            Self::Unreadable { .. } => "UNREADABLE",
        }
    }
    /// Where in the document, as far as it is known: a path such as `runs[0].results[17].message`, or line and column.
    #[must_use]
    pub fn place(&self) -> Option<String> {
        match self {
            Self::Invalid { place, .. } => Some(place.clone()),
            Self::MalformedJson { line, column, .. } | Self::Truncated { line, column } => {
                Some(format!("line {line}, column {column}"))
            }
            Self::MalformedGzip { .. }
            | Self::WrongFormat { .. }
            | Self::WrongVersion { .. }
            | Self::TooLarge { .. }
            | Self::TruncatedGzip
            | Self::Unreadable { .. } => None,
        }
    }
}
