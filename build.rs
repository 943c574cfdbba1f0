//! Rebuilds the crate when a migration is added or changed: `sqlx::migrate!` sees only the files it already knows.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
