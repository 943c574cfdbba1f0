//! What the tests stand on.

pub(crate) mod app;
pub(crate) mod cast;
pub(crate) mod database;
pub(crate) mod dice;
pub(crate) mod events;
pub(crate) mod hostile;
pub(crate) mod live;
pub(crate) mod process;
pub(crate) mod size;
pub(crate) mod world;
pub(crate) mod uploads;
