//! Where the programs of the server are.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// The server programs were found nowhere: the message says where was looked and what can be done.
#[derive(Debug, Error)]
#[error(
    "the PostgreSQL server programs (initdb, postgres) were not found
  looked in:      {}
  Debian, Ubuntu: sudo apt-get install --no-install-recommends postgresql
  Fedora, RHEL:   sudo dnf install postgresql-server
  Arch:           sudo pacman -S postgresql
  macOS:          brew install postgresql
  or name a running server:  DATABASE_URL=postgres://user:password@host/database
  or where the programs are: PG_BIN=/path/to/bin",
    .looked_in.join(", ")
)]
pub struct ProgramsMissing {
    looked_in: Vec<String>,
}

/// The programs that a private server takes, of one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Programs {
    pub(super) initdb: PathBuf,
    pub(super) postgres: PathBuf,
}

/// A folder with one subfolder a version: `<root>/<prefix><version>/bin`.
struct Shelf {
    root: &'static str,
    prefix: &'static str,
}

/// Debian; Red Hat; Homebrew on ARM; Homebrew on Intel.
const SHELVES: [Shelf; 4] = [
    Shelf { root: "/usr/lib/postgresql", prefix: "" },
    Shelf { root: "/usr", prefix: "pgsql-" },
    Shelf { root: "/opt/homebrew/opt", prefix: "postgresql@" },
    Shelf { root: "/usr/local/opt", prefix: "postgresql@" },
];

impl Programs {
    /// `$PG_BIN` and nothing else where it is set; else the well-known folders, newest version first; else `$PATH`.
    pub(super) fn find() -> Result<Self, ProgramsMissing> {
        let wanted = env::var_os("PG_BIN").filter(|value| !value.is_empty());
        Self::find_in(wanted.as_deref(), &SHELVES, env::var_os("PATH").as_deref())
    }

    fn find_in(
        wanted: Option<&OsStr>,
        shelves: &[Shelf],
        path: Option<&OsStr>,
    ) -> Result<Self, ProgramsMissing> {
        if let Some(wanted) = wanted {
            let folder = Path::new(wanted);
            return Self::inside(folder).ok_or_else(|| ProgramsMissing {
                looked_in: vec![format!("PG_BIN=`{}`", folder.display())],
            });
        }
        // A link in a folder of $PATH leads to where all programs of that version are.
        let on_path = path.into_iter().flat_map(env::split_paths).filter_map(|folder| {
            fs::canonicalize(folder.join("postgres")).ok()?.parent().map(Path::to_owned)
        });
        shelves
            .iter()
            .flat_map(Shelf::newest_first)
            .chain(on_path)
            .find_map(|folder| Self::inside(&folder))
            .ok_or_else(|| {
                let places = shelves.iter().map(|Shelf { root, prefix }| format!("{root}/{prefix}*/bin"));
                let ends = ["$PG_BIN (not set)".to_owned(), "$PATH".to_owned()];
                ProgramsMissing { looked_in: places.chain(ends).collect() }
            })
    }

    fn inside(folder: &Path) -> Option<Self> {
        let programs = Self { initdb: folder.join("initdb"), postgres: folder.join("postgres") };
        (programs.initdb.is_file() && programs.postgres.is_file()).then_some(programs)
    }
}

impl Shelf {
    fn newest_first(&self) -> Vec<PathBuf> {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(self.root)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.strip_prefix(self.prefix)?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .collect();
        versions.sort_by(|(a, _), (b, _)| b.cmp(a));
        versions.into_iter().map(|(_, folder)| folder).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("initdb"), "").unwrap();
        fs::write(folder.join("postgres"), "").unwrap();
    }

    #[test]
    fn the_newest_version_of_a_shelf_wins() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9", "15", "17"] {
            install(&root.path().join(version).join("bin"));
        }
        fs::create_dir_all(root.path().join("18/bin")).unwrap();
        let shelf = Shelf { root: root.path().to_str().unwrap().to_owned().leak(), prefix: "" };
        let found = Programs::find_in(None, &[shelf], None).unwrap();
        assert_eq!(found.postgres, root.path().join("17/bin/postgres"));
    }

    #[test]
    fn the_path_comes_last_and_links_are_followed() {
        let root = tempfile::tempdir().unwrap();
        let (real, links) = (root.path().join("real"), root.path().join("links"));
        install(&real);
        fs::create_dir(&links).unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.join("postgres")).unwrap();
        let found = Programs::find_in(None, &[], Some(links.as_os_str())).unwrap();
        assert_eq!(found.initdb, fs::canonicalize(real).unwrap().join("initdb"));
    }

    #[test]
    fn missing_programs_say_where_was_looked_and_what_to_do() {
        let message = Programs::find_in(None, &[Shelf { root: "/nowhere", prefix: "pg-" }], None)
            .unwrap_err()
            .to_string();
        for part in [
            "/nowhere/pg-*/bin",
            "$PATH",
            "apt-get install",
            "dnf install",
            "brew install",
            "DATABASE_URL=",
            "PG_BIN=",
        ] {
            assert!(message.contains(part), "{part} is missing from: {message}");
        }
    }

    #[test]
    fn a_wrong_pg_bin_is_named_and_nothing_else_is_tried() {
        let root = tempfile::tempdir().unwrap();
        install(root.path());
        let found = Programs::find_in(Some(OsStr::new("/nowhere")), &[], Some(root.path().as_os_str()));
        assert!(found.unwrap_err().to_string().contains("PG_BIN=`/nowhere`"));
    }
}
