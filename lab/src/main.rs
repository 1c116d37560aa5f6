//! The plot: read the words, do what they say, answer with a status.

use clap::Parser;
use indoubt_lab::{
    commands::{self, Cli},
    status::Status,
};
use std::process::ExitCode;

/// 0: everything holds; 1: something does not; 2: it could not be done. (A signal: 128 and its number.)
fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::dispatch(cli) {
        Ok(Status::Holds) => ExitCode::SUCCESS,
        Ok(Status::DoesNotHold) => ExitCode::from(1),
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            anstream::eprintln!("{red}error{red:#}: {error:#}");
            ExitCode::from(2)
        }
    }
}
