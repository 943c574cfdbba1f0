//! Canonical form of assets (DESIGN.md 7).
