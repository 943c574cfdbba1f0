//! A private `PostgreSQL` server for `demo` and the tests: started in a folder of its own, reachable over a unix
//! socket alone, and gone with the process that started it, however that process ends.
//!
//! A second process that starts a server in the same folder adopts the running one.

mod folders;
mod options;
mod programs;
mod watchdog;

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use thiserror::Error;

pub use options::{Data, Options};
pub use programs::ProgramsMissing;

use folders::{Folders, State};
use programs::Programs;
use watchdog::Watchdog;

/// The role that owns the private server's cluster.
pub const SUPERUSER: &str = "postgres";

/// How long a server may take to become ready, or an earlier one to finish its stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often the server's state is looked at while waiting.
const POLL: Duration = Duration::from_millis(5);

/// A running private server. Stops with [`PrivatePostgres::stop`], when dropped, and when the process ends.
#[derive(Debug)]
pub struct PrivatePostgres {
    socket_folder: PathBuf,
    watchdog: Option<Watchdog>,
}

/// Why a private server did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The server programs are not installed.
    #[error(transparent)]
    ProgramsMissing(#[from] ProgramsMissing),
    /// `PostgreSQL` refuses to run as root, and there is no one else to run it.
    #[error("PostgreSQL does not run as root, and neither the user `postgres` nor `nobody` exists")]
    NoServerUser,
    /// The folder holds something that is not a private server.
    #[error("`{}` is not empty and holds no private PostgreSQL server: name another folder", .0.display())]
    NotOurs(PathBuf),
    /// The server's user cannot reach the folder.
    #[error(
        "the user `{user}`, who runs PostgreSQL for root, may not enter `{}`: name a folder outside of it",
        .closed.display()
    )]
    Unreachable {
        /// Who runs the server.
        user: String,
        /// The closed folder on the way.
        closed: PathBuf,
    },
    /// A folder or file of the server could not be prepared.
    #[error("cannot prepare `{}`", .path.display())]
    Prepare {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A server program could not be run at all.
    #[error("cannot run `{}`", .program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` failed.
    #[error("initdb failed: {0}")]
    Initdb(String),
    /// The server ended before it was ready.
    #[error("PostgreSQL ended before it was ready: {last_words} (the whole log: `{}`)", .log.display())]
    Ended {
        /// The log's last lines.
        last_words: String,
        /// The log.
        log: PathBuf,
    },
    /// The server did not become ready in time.
    #[error("PostgreSQL was not ready after {} s; its log is `{}`", PATIENCE.as_secs(), .log.display())]
    NotReady {
        /// The log.
        log: PathBuf,
    },
}

impl PrivatePostgres {
    /// Starts a server in `home`, or adopts the one that runs there. Blocks until it takes queries: about a second
    /// for a new folder, a tenth of that for an old one.
    ///
    /// `home` belongs to the server alone; run as root, it is given to `postgres` (else `nobody`).
    ///
    /// # Errors
    /// When the programs are missing, or the folder cannot be used, or the server does not come up.
    pub fn start(home: &Path, options: Options) -> Result<Self, StartError> {
        let programs = Programs::find()?;
        let folders = Folders::prepare(home)?;
        // Held until the server is ready: of two starters the second waits here, then adopts.
        let _lock = folders.lock()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match folders.state() {
                State::Ready => return Ok(Self { socket_folder: folders.socket, watchdog: None }),
                State::Absent => break,
                // The server of a process that has just died is on its way out, or one is on its way in.
                State::Busy => wait_a_little(deadline, &folders)?,
            }
        }
        initialise(&programs, &folders, options)?;
        let mut watchdog = launch(&programs, &folders, options)?;
        while folders.state() != State::Ready {
            if watchdog.has_ended() {
                return Err(StartError::Ended { last_words: folders.last_words(), log: folders.log });
            }
            wait_a_little(deadline, &folders)?;
        }
        Ok(Self { socket_folder: folders.socket, watchdog: Some(watchdog) })
    }

    /// How sqlx connects as `user` to `database`. There are no passwords: who reaches the socket is trusted.
    #[must_use]
    pub fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_folder)
            .port(folders::PORT)
            .ssl_mode(PgSslMode::Disable)
            .username(user)
            .database(database)
    }

    /// The same as an address, as `psql` and `DATABASE_URL` take it.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres:///{}?host={}&port={}&user={}",
            percent_encoded(database.as_bytes()),
            percent_encoded(self.socket_folder.as_os_str().as_encoded_bytes()),
            folders::PORT,
            percent_encoded(user.as_bytes()),
        )
    }

    /// Whether the server was started by another process, with which it will also end.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.watchdog.is_none()
    }

    /// Stops the server and waits until it is gone. An adopted one runs on.
    pub fn stop(self) {
        drop(self);
    }
}

fn wait_a_little(deadline: Instant, folders: &Folders) -> Result<(), StartError> {
    if Instant::now() > deadline {
        return Err(StartError::NotReady { log: folders.log.clone() });
    }
    thread::sleep(POLL);
    Ok(())
}

/// Makes the cluster where there is none yet. It gets its name only when it is whole, so that an `initdb` that was
/// cut short is made again.
fn initialise(programs: &Programs, folders: &Folders, options: Options) -> Result<(), StartError> {
    if folders.data.is_dir() {
        return Ok(());
    }
    let unfinished = folders.empty_unfinished_data()?;
    let mut initdb = folders.command(&programs.initdb);
    initdb
        .args(["--username", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"])
        .args(options.initdb_arguments())
        .arg("--pgdata")
        .arg(&unfinished);
    let output =
        initdb.output().map_err(|source| StartError::Run { program: programs.initdb.clone(), source })?;
    if !output.status.success() {
        return Err(StartError::Initdb(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    std::fs::rename(&unfinished, &folders.data)
        .map_err(|source| StartError::Prepare { path: folders.data.clone(), source })
}

fn launch(programs: &Programs, folders: &Folders, options: Options) -> Result<Watchdog, StartError> {
    let log_error = |source| StartError::Prepare { path: folders.log.clone(), source };
    let log = File::options().create(true).append(true).open(&folders.log).map_err(log_error)?;
    let mut shell = folders.command(Path::new(watchdog::SHELL));
    shell
        .args(["-c", watchdog::SCRIPT, "private-postgres"])
        .arg(options.folder_to_remove(&folders.home))
        .arg(folders.socket_folder_to_remove())
        .arg(&programs.postgres)
        .arg("-D")
        .arg(&folders.data)
        .arg("-k")
        .arg(&folders.socket)
        .args(options.settings().iter().flat_map(|setting| ["-c", setting]))
        .stdout(Stdio::from(log.try_clone().map_err(log_error)?))
        .stderr(Stdio::from(log));
    Watchdog::spawn(shell)
        .map_err(|source| StartError::Run { program: PathBuf::from(watchdog::SHELL), source })
}

/// Everything but letters, digits and `-._~` as `%XX`: `form_urlencoded` writes a space as `+`, which libpq does not read.
fn percent_encoded(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_odd_names() {
        let server = PrivatePostgres { socket_folder: PathBuf::from("/tmp/a b&c"), watchdog: None };
        assert_eq!(
            server.url("the owner", "t1"),
            "postgres:///t1?host=%2Ftmp%2Fa%20b%26c&port=5432&user=the%20owner"
        );
    }
}
