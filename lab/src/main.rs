//! Parses the command line, runs the command and exits with its status.

use clap::Parser;
use indoubt_lab::{
    commands::{self, Cli},
    status::Status,
};
use std::{io::Write as _, process::ExitCode};

/// Exit status 0: all promises and expectations hold. 1: one of them does not. 2: the command could not run. After a signal: 128
/// plus the number of the signal.
fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::dispatch(cli) {
        Ok(Status::Holds) => ExitCode::SUCCESS,
        Ok(Status::DoesNotHold) => ExitCode::from(1),
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            // Where nobody can read it, the status still tells.
            _ = writeln!(anstream::stderr(), "{red}error{red:#}: {error:#}");
            ExitCode::from(2)
        }
    }
}
