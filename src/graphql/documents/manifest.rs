//! Reads manifests of trusted documents: Apollo's (`apollo-persisted-query-manifest`, version 1) and Relay's (an object of ids and
//! texts).
//!
//! `clients/trusted-documents` of this repository is such a folder: one folder a client, any number of manifests in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;

/// The documents of each client: ids and texts.
pub type Manifests = BTreeMap<String, Vec<(String, String)>>;

/// A manifest that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file or folder cannot be read.
    #[error("`{}` cannot be read", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// The file is no manifest.
    #[error(
        "`{}` is no manifest of trusted documents: neither Apollo's (version 1) nor an object of ids and texts", .0.display()
    )]
    Format(PathBuf, #[source] serde_json::Error),
    /// There is none.
    #[error("`{}` has no manifest: it takes a folder for each client, with .json files in it", .0.display())]
    Empty(PathBuf),
}

/// Either format.
#[derive(Deserialize)]
#[serde(untagged)]
enum Manifest {
    Apollo {
        #[serde(rename = "format")]
        _format: ApolloFormat,
        version: u32,
        operations: Vec<ApolloOperation>,
    },
    Relay(BTreeMap<String, String>),
}

#[derive(Deserialize)]
enum ApolloFormat {
    #[serde(rename = "apollo-persisted-query-manifest")]
    Only,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

/// Reads a folder with a folder for each client, or one manifest, whose client is called as the file is.
///
/// # Errors
/// The first file that cannot be read or is no manifest; a folder without any.
pub fn load(path: &Path) -> Result<Manifests, ManifestError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        |error| ManifestError::Io(path, error)
    };
    let mut manifests = Manifests::new();
    if fs::metadata(path).map_err(unreadable(path))?.is_dir() {
        for client in entries(path).map_err(unreadable(path))? {
            if !client.is_dir() {
                continue;
            }
            for file in entries(&client).map_err(unreadable(&client))? {
                if file.extension().is_some_and(|extension| extension == "json") {
                    manifests.entry(name(&client)).or_default().extend(read(&file)?);
                }
            }
        }
    } else {
        manifests.insert(name(path), read(path)?);
    }
    if manifests.is_empty() {
        return Err(ManifestError::Empty(path.to_owned()));
    }
    Ok(manifests)
}

/// What is in a folder, in the order of names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// The name of a folder, or of a file without its ending.
fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(file: &Path) -> Result<Vec<(String, String)>, ManifestError> {
    let text = fs::read_to_string(file).map_err(|error| ManifestError::Io(file.to_owned(), error))?;
    parse(&text).map_err(|error| ManifestError::Format(file.to_owned(), error))
}

fn parse(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    Ok(match serde_json::from_str(text)? {
        Manifest::Apollo { version: 1, operations, .. } => {
            operations.into_iter().map(|operation| (operation.id, operation.body)).collect()
        }
        Manifest::Apollo { version, .. } => {
            return Err(serde::de::Error::custom(format!("version {version}")));
        }
        Manifest::Relay(documents) => documents.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read_and_no_other() {
        let apollo = r#"{ "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{ "id": "a", "name": "A", "type": "query", "body": "query A { viewer { id } }" }] }"#;
        let document = |id: &str| vec![(id.to_owned(), "query A { viewer { id } }".to_owned())];
        assert_eq!(parse(apollo).unwrap(), document("a"));
        assert_eq!(parse(r#"{ "b": "query A { viewer { id } }" }"#).unwrap(), document("b"));
        for other in [
            apollo.replace("\"version\": 1", "\"version\": 2"),
            apollo.replace("apollo-", "another-"),
            "[]".to_owned(),
            r#"{ "b": { "text": "query" } }"#.to_owned(),
            "{".to_owned(),
        ] {
            assert!(parse(&other).is_err(), "{other}");
        }
    }
}
