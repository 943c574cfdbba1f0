//! The shell that stands between us and the server, and stops the server when we are gone.
//!
//! It holds the reading end of a pipe whose writing end only we have: the pipe closes when we close it, and also
//! when we are killed, panic or exit. No signal handler, no `unsafe`, nothing that depends on the system.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// The shell that runs [`SCRIPT`].
pub(super) const SHELL: &str = "/bin/sh";

/// Arguments: a folder to remove with all it holds at the end, an empty folder to remove at the end (each may be
/// empty for none), then the server's command line.
///
/// One process waits for the end of the pipe, one for the server; whichever comes first ends the other. SIGINT is
/// `PostgreSQL`'s fast shutdown.
pub(super) const SCRIPT: &str = r#"
data=$1 socket=$2
shift 2
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(read -r _ <&3; kill -INT "$server" 2>/dev/null) &
watcher=$!
exec 3<&-
wait "$server"
kill "$watcher" 2>/dev/null
cd /
if [ -n "$data" ]; then rm -rf -- "$data"; fi
if [ -n "$socket" ]; then rmdir -- "$socket"; fi
"#;

/// The running shell; dropping it stops the server and waits for its end.
#[derive(Debug)]
pub(super) struct Watchdog(Child);

impl Watchdog {
    /// Starts the shell in a process group of its own: a Ctrl-C in our terminal is for us to answer.
    pub(super) fn spawn(mut shell: Command) -> io::Result<Self> {
        shell.stdin(Stdio::piped()).process_group(0).spawn().map(Self)
    }

    /// Whether the server has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)) | Err(_))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // An error means that there is nothing left to wait for.
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_with_the_server_though_the_pipe_is_open() {
        let mut shell = Command::new(SHELL);
        shell.args(["-c", SCRIPT, "watchdog", "", "", "true"]);
        let mut watchdog = Watchdog::spawn(shell).unwrap();
        let pipe = watchdog.0.stdin.take();
        assert!(watchdog.0.wait().unwrap().success());
        assert!(watchdog.has_ended());
        drop(pipe);
    }
}
