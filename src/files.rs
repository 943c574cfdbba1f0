//! Files of evidence in an object store: a local folder, or a bucket of S3 and whatever speaks as it does.
//!
//! A file is written once, under a name that nothing else ever gets; which record it belongs to, the database says.

use std::io;
use std::path::Path as FolderPath;
use std::sync::Arc;

use axum::body::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart, parse_url_opts};
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use crate::domain::evidence::{Check, MediaType, NotAsDeclared};
use crate::domain::ids::{CustomerId, EvidenceId};

/// Pieces of a file that are on their way into the store at once: a piece has 5 MiB.
const PIECES_AT_ONCE: usize = 2;

/// Where files are kept.
#[derive(Clone, Debug)]
pub struct Files(Arc<dyn ObjectStore>);

/// A place where no file can be kept.
#[derive(Debug, thiserror::Error)]
#[error("files cannot be kept at `{at}`: it takes a folder, `file:///folder` or `s3://bucket/prefix`")]
pub struct NoStore {
    at: String,
    #[source]
    source: Option<object_store::Error>,
}

/// The name of a file in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Whose.
    pub customer: CustomerId,
    /// Of which record.
    pub evidence: EvidenceId,
    /// Which upload.
    pub object: Uuid,
}

/// What was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many bytes.
    pub size: u64,
    /// SHA-256 of them.
    pub sha256: [u8; 32],
}

/// Why a file was not kept; nothing of it stays.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// It has more bytes than are taken.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// Bytes at most.
        limit: u64,
    },
    /// It has none.
    #[error("the file is empty")]
    Empty,
    /// It is something else.
    #[error(transparent)]
    NotAsDeclared(#[from] NotAsDeclared),
    /// It did not arrive.
    #[error("the file did not arrive")]
    Broken(#[source] io::Error),
    /// The store did not take it.
    #[error("the store did not take the file")]
    Store(#[from] object_store::Error),
}

impl Name {
    fn path(self) -> Path {
        Path::from(format!("{}/{}/{}", self.customer, self.evidence, self.object))
    }
}

impl Files {
    /// The store at a place: a folder by its path or its `file:` URL, a bucket by its `s3:` URL, with the variables that AWS's own
    /// tools read. A folder is made with the first file.
    ///
    /// # Errors
    /// Where nothing can be kept there.
    pub fn at(place: &str) -> Result<Self, NoStore> {
        let refused = |source| NoStore { at: place.to_owned(), source };
        match Url::parse(place) {
            Ok(url) if url.scheme() == "file" => {
                let folder = url.to_file_path().map_err(|()| refused(None))?;
                Self::in_folder(&folder)
            }
            Ok(url) if url.scheme() == "s3" => {
                // Without the prefix the library takes a name as common as `TOKEN` or `REGION` for its own.
                let settings = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
                Self::in_bucket(&url, settings).map_err(|source| refused(Some(source)))
            }
            Ok(_) => Err(refused(None)),
            Err(_) if place.is_empty() => Err(refused(None)),
            Err(_) => Self::in_folder(FolderPath::new(place)),
        }
    }

    /// The store in a bucket, which is there already, with settings as the variables of AWS's own tools name them.
    fn in_bucket(
        url: &Url,
        settings: impl IntoIterator<Item = (impl AsRef<str>, impl Into<String>)>,
    ) -> Result<Self, object_store::Error> {
        let (store, prefix) = parse_url_opts(url, settings)?;
        Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
    }

    /// The store in a folder, which need not be there yet.
    ///
    /// # Errors
    /// Where its path is no text.
    pub fn in_folder(folder: &FolderPath) -> Result<Self, NoStore> {
        let refused = |source| NoStore { at: folder.display().to_string(), source };
        let absolute = std::path::absolute(folder).map_err(|_| refused(None))?;
        let prefix = Path::from_absolute_path(&absolute).map_err(|source| refused(Some(source.into())))?;
        // What was answered is on the disk.
        let store = LocalFileSystem::new().with_fsync(true);
        Ok(Self(Arc::new(PrefixStore::new(store, prefix))))
    }

    /// Keeps a file as it arrives, if it is what it says that it is.
    ///
    /// # Errors
    /// Where it is not kept; then nothing of it stays.
    pub async fn keep(
        &self,
        name: Name,
        media: MediaType,
        limit: u64,
        mut pieces: impl Stream<Item = io::Result<Bytes>> + Unpin,
    ) -> Result<Kept, NotKept> {
        let (mut check, mut hash, mut size) = (Check::new(media), Sha256::new(), 0_u64);
        let mut upload = WriteMultipart::new(self.0.put_multipart(&name.path()).await?);
        let outcome: Result<(), NotKept> = async {
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(NotKept::Broken)?;
                size += piece.len() as u64;
                if size > limit {
                    return Err(NotKept::TooLarge { limit });
                }
                check.push(&piece)?;
                hash.update(&piece);
                upload.wait_for_capacity(PIECES_AT_ONCE).await?;
                upload.put(piece);
            }
            Ok(())
        }
        .await;
        let outcome = match outcome {
            Ok(()) if size == 0 => Err(NotKept::Empty),
            Ok(()) => check.finish().map_err(NotKept::from),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            if let Err(aborted) = upload.abort().await {
                tracing::warn!(
                    error = &aborted as &dyn std::error::Error,
                    "a part of a refused file may stay"
                );
            }
            return Err(error);
        }
        upload.finish().await?;
        Ok(Kept { size, sha256: hash.finalize().into() })
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// Where the store does not have it.
    pub async fn open(
        &self,
        name: Name,
    ) -> Result<BoxStream<'static, Result<Bytes, object_store::Error>>, object_store::Error> {
        Ok(self.0.get(&name.path()).await?.into_stream())
    }

    /// Takes back a file that no record names.
    ///
    /// # Errors
    /// Where the store does not do it.
    pub async fn discard(&self, name: Name) -> Result<(), object_store::Error> {
        self.0.delete(&name.path()).await
    }
}

#[cfg(test)]
mod tests;
