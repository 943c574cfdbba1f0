//! What a private server is for, as settings of `PostgreSQL`.

use std::{ffi::OsStr, path::Path};

/// What becomes of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Kept between runs, and whole after a crash of the machine.
    Durable,
    /// Never forced to disk, and removed with the folder when the server stops.
    ThrownAway,
}

/// How a private server is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What becomes of the data.
    pub data: Data,
    /// How many connections the server takes.
    pub max_connections: u16,
}

impl Options {
    /// For `demo`: the data stays.
    pub const DEMO: Self = Self { data: Data::Durable, max_connections: 100 };

    /// For tests: many connections, nothing that waits for the disk, nothing left behind.
    pub const TESTS: Self = Self { data: Data::ThrownAway, max_connections: 200 };

    pub(super) fn settings(self) -> Vec<String> {
        let mut settings = vec![
            format!("port={}", super::folders::PORT),
            format!("max_connections={}", self.max_connections),
            "listen_addresses=".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
        ];
        if self.data == Data::ThrownAway {
            settings.extend(
                ["fsync", "full_page_writes", "synchronous_commit"].map(|name| format!("{name}=off")),
            );
        }
        settings
    }

    pub(super) fn initdb_arguments(self) -> &'static [&'static str] {
        match self.data {
            Data::Durable => &[],
            Data::ThrownAway => &["--no-sync"],
        }
    }

    /// The folder that the watchdog removes at the end; empty for none.
    pub(super) fn folder_to_remove(self, home: &Path) -> &OsStr {
        match self.data {
            Data::Durable => OsStr::new(""),
            Data::ThrownAway => home.as_os_str(),
        }
    }
}
