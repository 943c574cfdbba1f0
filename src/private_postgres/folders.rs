//! The folders of a private server, who owns them, and what they tell about its state.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User};

use super::StartError;

/// The port only names the socket: nothing listens on the network.
pub(super) const PORT: u16 = 5432;

/// The longest socket path that every system takes (macOS; Linux allows 107 bytes).
const LONGEST_SOCKET_PATH: usize = 103;

/// Where the folders of a server are and who runs it.
#[derive(Debug)]
pub(super) struct Folders {
    pub(super) home: PathBuf,
    pub(super) data: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) log: PathBuf,
    server_user: Option<User>,
}

/// What a server in these folders is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing answers at the socket.
    Absent,
    /// Something answers and is starting or stopping.
    Busy,
    /// It takes queries.
    Ready,
}

impl Folders {
    /// Makes the folders and gives them to the server's user.
    pub(super) fn prepare(home: &Path) -> Result<Self, StartError> {
        let server_user = server_user()?;

        let foreign = fs::read_dir(home).is_ok_and(|mut entries| entries.next().is_some())
            && !home.join("lock").exists();
        if foreign {
            return Err(StartError::NotOurs(home.to_owned()));
        }
        fs::create_dir_all(home).map_err(cannot_prepare(home))?;
        let home = fs::canonicalize(home).map_err(cannot_prepare(home))?;
        if let Some(user) = &server_user {
            check_reachable(&home, user)?;
        }
        own(&home, server_user.as_ref())?;
        // The first thing in the home, and its mark: what holds other things but no lock is not ours.
        open_lock(&home)?;
        let socket = socket_folder(&home)?;
        match DirBuilder::new().mode(0o700).create(&socket) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(cannot_prepare(&socket)(error));
            }
            _ => own(&socket, server_user.as_ref())?,
        }
        Ok(Self { data: home.join("data"), log: home.join("log"), socket, home, server_user })
    }

    /// Waits for, then takes the right to start a server here; it ends with the returned file.
    pub(super) fn lock(&self) -> Result<File, StartError> {
        let file = open_lock(&self.home)?;
        file.lock().map_err(cannot_prepare(&self.home))?;
        Ok(file)
    }

    /// What the socket and then the server's own record say, in this order: once a new server answers, its record has
    /// replaced whatever a killed one left.
    pub(super) fn state(&self) -> State {
        if UnixStream::connect(self.socket.join(socket_name())).is_err() {
            return State::Absent;
        }
        let record = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        // Line 8 is the state (`PostgreSQL`'s miscadmin.h, LOCK_FILE_LINE_PM_STATUS).
        if record.lines().nth(7).is_some_and(|state| state.trim() == "ready") {
            State::Ready
        } else {
            State::Busy
        }
    }

    /// An empty folder for `initdb` to fill.
    pub(super) fn empty_unfinished_data(&self) -> Result<PathBuf, StartError> {
        let path = self.home.join("data.unfinished");
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot_prepare(&path)(error)),
            _ => Ok(path),
        }
    }

    /// The log's last lines.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let mut lines: Vec<&str> = log.lines().rev().take(3).collect();
        lines.reverse();
        lines.join("; ")
    }

    /// The socket's folder where it stands outside the home; empty for none.
    pub(super) fn socket_folder_to_remove(&self) -> &Path {
        if self.socket.starts_with(&self.home) { Path::new("") } else { &self.socket }
    }

    /// A program run as the server's user in the server's home, untouched by our own settings for clients.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.home).stdin(Stdio::null()).env("LC_ALL", "C").env("HOME", &self.home);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        if let Some(user) = &self.server_user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }
}

/// Who runs the server: ourselves, or for root, whom `PostgreSQL` refuses, `postgres` where it exists, else `nobody`.
fn server_user() -> Result<Option<User>, StartError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let known = ["postgres", "nobody"].iter().find_map(|name| User::from_name(name).ok().flatten());
    known.map(Some).ok_or(StartError::NoServerUser)
}

fn own(folder: &Path, user: Option<&User>) -> Result<(), StartError> {
    let set = || {
        // A link or a folder of somebody else, laid in our way in a shared place, is refused and not followed.
        let found = fs::symlink_metadata(folder)?;
        let owner = user.map_or(Uid::effective(), |user| user.uid).as_raw();
        if !found.is_dir() || ![owner, Uid::effective().as_raw()].contains(&found.uid()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
        }
        if let Some(user) = user {
            chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        fs::set_permissions(folder, Permissions::from_mode(0o700))
    };
    set().map_err(cannot_prepare(folder))
}

/// Every folder above `home` must let the server's user through.
fn check_reachable(home: &Path, user: &User) -> Result<(), StartError> {
    for folder in home.ancestors().skip(1) {
        let found = fs::metadata(folder).map_err(cannot_prepare(folder))?;
        let enter = match () {
            () if found.uid() == user.uid.as_raw() => 0o100,
            () if found.gid() == user.gid.as_raw() => 0o010,
            () => 0o001,
        };
        if found.mode() & enter == 0 {
            return Err(StartError::Unreachable { user: user.name.clone(), closed: folder.to_owned() });
        }
    }
    Ok(())
}

/// Inside the home; where that makes the path too long, a short folder that the same home always leads to.
fn socket_folder(home: &Path) -> Result<PathBuf, StartError> {
    let inside = home.join("socket");
    if inside.as_os_str().len() + 1 + socket_name().len() <= LONGEST_SOCKET_PATH {
        return Ok(inside);
    }
    let found = fs::metadata(home).map_err(cannot_prepare(home))?;
    Ok(PathBuf::from(format!("/tmp/posture-gateway-{:x}-{:x}", found.dev(), found.ino())))
}

fn open_lock(home: &Path) -> Result<File, StartError> {
    let path = home.join("lock");
    File::options().create(true).append(true).open(&path).map_err(cannot_prepare(&path))
}

fn socket_name() -> String {
    format!(".s.PGSQL.{PORT}")
}

fn cannot_prepare(path: &Path) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::Prepare { path: path.to_owned(), source }
}
