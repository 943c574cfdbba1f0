//! Limits on a document before it runs.
