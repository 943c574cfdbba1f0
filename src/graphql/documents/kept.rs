//! Documents that users sent before, by their hashes (automatic persisted queries): a cache of bounded size.
//!
//! Each user finds their own alone. One cache for all would tell whoever knows a text whether somebody else has sent it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::Document;
use crate::domain::ids::UserId;

/// Documents that are kept at most.
const DOCUMENTS: usize = 1_000;

/// Bytes of their texts at most, together. Parsed, a text takes some ten times as much.
const BYTES: usize = 1024 * 1024;

/// Whose document it is, and the SHA-256 of its text.
type Key = (Option<UserId>, String);

/// The documents; the oldest goes first.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    documents: HashMap<Key, Arc<Document>>,
    oldest_first: VecDeque<Key>,
    bytes: usize,
}

impl Kept {
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Document>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).documents.get(key).cloned()
    }

    pub(super) fn insert(&self, key: Key, document: Arc<Document>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.documents.contains_key(&key) {
            return;
        }
        held.bytes += document.text.len();
        held.oldest_first.push_back(key.clone());
        held.documents.insert(key, document);
        while held.bytes > BYTES || held.documents.len() > DOCUMENTS {
            let Some(oldest) = held.oldest_first.pop_front() else { break };
            if let Some(gone) = held.documents.remove(&oldest) {
                held.bytes = held.bytes.saturating_sub(gone.text.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::super::Validity;
    use super::*;

    fn document(text: &str) -> Arc<Document> {
        let parsed = parse_query("{ a }").unwrap();
        Arc::new(Document::new(String::new(), text.to_owned(), parsed, Validity::default()))
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let kept = Kept::default();
        for n in 0..2 * DOCUMENTS {
            kept.insert((None, n.to_string()), document("{ a }"));
        }
        assert!(kept.get(&(None, "0".to_owned())).is_none());
        assert!(kept.get(&(None, (2 * DOCUMENTS - 1).to_string())).is_some());
        assert_eq!(kept.0.lock().unwrap().documents.len(), DOCUMENTS);

        for n in 0..100 {
            kept.insert((None, format!("large {n}")), document(&"x".repeat(BYTES / 10)));
        }
        let held = kept.0.lock().unwrap();
        assert!(held.bytes <= BYTES);
        assert_eq!(held.documents.len(), held.oldest_first.len());
        assert!(held.documents.len() <= 10);
    }
}
