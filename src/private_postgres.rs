//! A private `PostgreSQL` server for `demo` and the tests.
