//! `indoubt completions`: prints a completion script for a shell.

use crate::status::Status;
use anyhow::Result;
use clap_complete::Shell;

/// Prints a completion script for this command.
pub(super) fn print(shell: Shell, mut command: clap::Command) -> Result<Status> {
    clap_complete::generate(shell, &mut command, "indoubt", &mut std::io::stdout());
    Ok(Status::Holds)
}
