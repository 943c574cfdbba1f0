//! The gateway as it is started for real, for what takes killing it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use super::app::App;

/// A gateway in a process of its own.
pub(crate) struct Gateway {
    process: Mutex<Child>,
    /// Where it answers.
    pub(crate) url: String,
}

impl Gateway {
    pub(crate) fn start(app: &App) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_posture-gateway"))
            .arg("serve")
            .args(["--listen", "127.0.0.1:0"])
            .arg("--token-keys")
            .arg(app.public_key())
            .env("DATABASE_URL", app.test_database.url("posture_gateway"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("GraphQL is at ").unwrap().to_owned();
        Self { process: Mutex::new(process), url }
    }

    /// SIGKILL: it finishes nothing.
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
