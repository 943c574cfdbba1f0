//! What access transparency costs: the same gateway over a copy of the database in which the recording function does nothing.
//!
//! The gateway has no switch that would turn recording off, and is to have none; so it is the database that differs.

use posture_gateway::private_postgres::{PrivatePostgres, SUPERUSER};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// The copy's name.
pub(crate) const DATABASE: &str = "unrecorded";

/// Copies the database, to which nobody may be connected, and takes the recording out of the copy.
pub(crate) async fn copy(postgres: &PrivatePostgres) -> anyhow::Result<()> {
    let mut owner = PgConnection::connect_with(&postgres.options(SUPERUSER, "postgres")).await?;
    owner.execute("create database unrecorded template template1").await?;
    owner.close().await?;
    let mut owner = PgConnection::connect_with(&postgres.options(SUPERUSER, DATABASE)).await?;
    owner
        .execute(
            "create or replace function gate.record_reads(ids uuid[], viewers uuid[], instants timestamptz[], requests uuid[],
                 operations text[], classes text[], fields text[], places int[], customers uuid[])
                 returns void language plpgsql security definer set search_path = '' as $$ begin end $$",
        )
        .await?;
    owner.close().await?;
    Ok(())
}

/// What an operation costs with recording over what it costs without.
pub(crate) struct Cost {
    /// The operation.
    pub(crate) name: &'static str,
    /// Requests a second; 1.00 is free of cost.
    pub(crate) throughput: f64,
    /// The median latency.
    pub(crate) p50: f64,
    /// The CPU of gateway and `PostgreSQL`.
    pub(crate) cpu: f64,
    /// The CPU of `PostgreSQL` alone.
    pub(crate) postgres: f64,
}

/// Prints them.
pub(crate) fn print(costs: &[Cost]) {
    println!("\nthe gateway / the same one over a database that records nothing of what is shown, medians");
    println!("operation          throughput      p50      CPU   (PostgreSQL)");
    for Cost { name, throughput, p50, cpu, postgres } in costs {
        println!("{name:18} {throughput:10.2} {p50:8.2} {cpu:8.2}   ({postgres:10.2})");
    }
}
