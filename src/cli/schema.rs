//! `posture-gateway schema`: prints the SDL.

use std::io::Write as _;

/// Prints the SDL.
pub(super) fn run() -> anyhow::Result<()> {
    std::io::stdout().lock().write_all(crate::graphql::sdl().as_bytes())?;
    Ok(())
}
