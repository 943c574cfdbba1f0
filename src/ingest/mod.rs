//! Results of real scanners, read from SARIF and CycloneDX documents (DESIGN.md 8).
