//! The tables of DESIGN.md 4, printed from the code (`posture-gateway gate`).
