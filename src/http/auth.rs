//! Sign-in with bearer tokens.
