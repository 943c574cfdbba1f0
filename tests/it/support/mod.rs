//! What the tests stand on.

#![allow(dead_code, reason = "each theme uses its part")]

pub(crate) mod app;
pub(crate) mod cast;
pub(crate) mod database;
pub(crate) mod world;
