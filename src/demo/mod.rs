//! The demo's world: deterministic, from one instant; every row of the gate's tables, and people to see it as.
//!
//! `posture-gateway demo` and the integration tests write it into an empty database.

mod cast;
mod catalogue;
mod commerce;
mod dice;
mod findings;
mod names;
mod people;
mod personas;
mod posture;
mod records;
mod transparency;
mod trend;
mod triage;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use personas::{Persona, personas, samples};

use crate::store::seed::World;

/// How many findings the world has.
pub const FINDINGS: u32 = 50_000;

/// The world as it is at `now`: the same instant gives the same rows, and ids never depend on it.
#[must_use]
pub fn world(now: DateTime<Utc>) -> World {
    let tenants = cast::tenants();
    let mut world = World::default();
    cast::fill(&mut world, &tenants, now);
    people::fill(&mut world, &tenants, now);
    posture::fill(&mut world, &tenants, now);
    trend::fill(&mut world, now);
    commerce::fill(&mut world, &tenants, now);
    records::fill(&mut world, &tenants, now);
    transparency::fill(&mut world, &tenants, now);
    world
}
