//! The schema: thin resolvers that ask the gate, load and shape.

pub mod limits;
