//! `indoubt completions`.

use super::Verdict;
use crate::cli::Cli;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints a completion script.
pub(super) fn print(shell: Shell) -> Result<Verdict> {
    clap_complete::generate(shell, &mut Cli::command(), "indoubt", &mut std::io::stdout());
    Ok(Verdict::Holds)
}
