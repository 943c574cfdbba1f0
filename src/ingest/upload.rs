//! The bytes of an upload: decompressed, limited and digested on their way to a reader.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::error::Measured;

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    #[default]
    Plain,
    /// gzip, one member or several.
    Gzip,
}

/// The unpacked bytes, at most `limit` of them; one more is an error that the readers report as `TOO_LARGE`.
///
/// The limit counts what comes out, so that a small file cannot unfold into a large one.
pub fn decoded<'a>(reader: impl Read + 'a, encoding: Encoding, limit: u64) -> impl Read + 'a {
    let source: Box<dyn Read + 'a> = match encoding {
        Encoding::Plain => Box::new(reader),
        Encoding::Gzip => Box::new(Gunzip(MultiGzDecoder::new(reader))),
    };
    Limited { source, limit, left: limit, measured: Measured::Decoded }
}

/// The bytes as they were sent, at most `limit` of them; one more is an error that the readers report as `TOO_LARGE`.
pub fn limited(reader: impl Read, limit: u64) -> impl Read {
    Limited { source: reader, limit, left: limit, measured: Measured::Sent }
}

/// Marks an I/O error: more bytes than allowed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more than {limit} bytes {measured}")]
pub(super) struct TooLarge {
    pub(super) limit: u64,
    pub(super) measured: Measured,
}

/// Marks an I/O error: the packed bytes make no sense.
#[derive(Debug, thiserror::Error)]
#[error("the bytes are not gzip")]
pub(super) struct BadGzip(#[source] io::Error);

struct Gunzip<R>(MultiGzDecoder<R>);

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => io::Error::other(BadGzip(error)),
            _ => error,
        })
    }
}

struct Limited<R> {
    source: R,
    limit: u64,
    left: u64,
    measured: Measured,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte past the limit is asked for, to tell a document that just fits from one that does not.
        let room = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX);
        let length = buffer.len().min(room);
        let read = self.source.read(buffer.get_mut(..length).unwrap_or_default())?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooLarge { limit: self.limit, measured: self.measured })),
        }
        Ok(read)
    }
}

/// Computes the SHA-256 of the bytes that pass through.
pub struct DigestReader<R> {
    source: R,
    digest: Sha256,
}

impl<R: Read> DigestReader<R> {
    /// Digests what is read from `source`.
    pub fn new(source: R) -> Self {
        Self { source, digest: Sha256::new() }
    }

    /// The digest of all that was read. The readers of this module read to the end, or fail.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::ingest::{IngestError, sarif};

    const LOG: &[u8] = br#"{"version":"2.1.0","runs":[]}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn code(bytes: &[u8], encoding: Encoding, limit: u64) -> &'static str {
        sarif::read(decoded(bytes, encoding, limit)).map_or_else(|error| error.code(), |_| "OK")
    }

    #[test]
    fn plain_and_packed_are_the_same_bytes() {
        let mut digests = Vec::new();
        for (bytes, encoding) in [
            (LOG.to_vec(), Encoding::Plain),
            (gzip(LOG), Encoding::Gzip),
            ([gzip(&LOG[..9]), gzip(&LOG[9..])].concat(), Encoding::Gzip),
        ] {
            let mut reader = DigestReader::new(decoded(bytes.as_slice(), encoding, 1000));
            assert_eq!(sarif::read(&mut reader).unwrap().runs, []);
            digests.push(reader.finish());
        }
        let expected: [u8; 32] = Sha256::digest(LOG).into();
        assert_eq!(digests, [expected; 3]);
    }

    #[test]
    fn the_digest_counts_what_follows_the_document() {
        let mut reader = DigestReader::new(&b"{\"version\":\"2.1.0\",\"runs\":[]}\n \n"[..]);
        sarif::read(&mut reader).unwrap();
        let expected: [u8; 32] = Sha256::digest(b"{\"version\":\"2.1.0\",\"runs\":[]}\n \n").into();
        assert_eq!(reader.finish(), expected);
    }

    #[test]
    fn the_limit_counts_decoded_bytes() {
        let size = LOG.len() as u64;
        assert_eq!(code(LOG, Encoding::Plain, size), "OK");
        assert_eq!(code(LOG, Encoding::Plain, size - 1), "TOO_LARGE");
        assert_eq!(code(&gzip(LOG), Encoding::Gzip, size), "OK");
        assert_eq!(code(&gzip(LOG), Encoding::Gzip, size - 1), "TOO_LARGE");
        let bomb = gzip(&vec![b' '; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(code(&bomb, Encoding::Gzip, 1_000_000), "TOO_LARGE");
    }

    #[test]
    fn a_broken_stream_says_so() {
        let packed = gzip(LOG);
        assert_eq!(code(LOG, Encoding::Gzip, 1000), "MALFORMED_GZIP");
        assert_eq!(code(&packed[..packed.len() - 9], Encoding::Gzip, 1000), "TRUNCATED");
        assert_eq!(code(&packed[..packed.len() - 2], Encoding::Gzip, 1000), "TRUNCATED");
        assert_eq!(code(&[], Encoding::Gzip, 1000), "TRUNCATED");
        let mut flipped = packed.clone();
        let checksum = flipped.len() - 6;
        flipped[checksum] ^= 1;
        assert_eq!(code(&flipped, Encoding::Gzip, 1000), "MALFORMED_GZIP");
        assert_eq!(
            code(&[packed.as_slice(), b"something else"].concat(), Encoding::Gzip, 1000),
            "MALFORMED_GZIP"
        );
        assert_eq!(code(&gzip(b"").repeat(100_000), Encoding::Gzip, 1000), "TRUNCATED");
    }

    #[test]
    fn a_failing_source_is_neither_the_documents_fault_nor_hidden() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone"))
            }
        }
        let error = sarif::read(Broken).unwrap_err();
        assert!(
            matches!(&error, IngestError::Unreadable { source } if source.to_string() == "gone"),
            "{error:?}"
        );
    }
}
