//! The gateway as a process of its own, which a test can kill.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use super::app::App;

/// A gateway in a process of its own.
pub(crate) struct Gateway {
    process: Mutex<Child>,
    pub(crate) url: String,
}

impl Gateway {
    /// One that looks for work every so many seconds; with 0 it does none.
    pub(crate) fn start(app: &App, worker_interval: u32) -> Self {
        Self::start_with(app, worker_interval, &[])
    }

    /// The same with more variables in its environment.
    pub(crate) fn start_with(app: &App, worker_interval: u32, variables: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_posture-gateway"))
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .arg("--token-keys")
            .arg(app.public_key())
            .args(["--worker-interval", &worker_interval.to_string()])
            .env("DATABASE_URL", app.test_database.url("posture_gateway"))
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("GraphQL is at ").unwrap().to_owned();
        Self { process: Mutex::new(process), url }
    }

    /// Whether it runs, and the memory that it holds, in kilobytes.
    pub(crate) fn memory(&self) -> Option<u64> {
        let mut process = self.process.lock().unwrap();
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().ok()
    }

    /// SIGKILL, at any point of its way.
    pub(crate) fn kill(&self) {
        let mut process = self.process.lock().unwrap();
        // It may be dead already.
        let _ = process.kill();
        process.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}
