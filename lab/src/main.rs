//! The plot: parse the words, do the thing, answer with a status.

use clap::Parser;
use indoubt_lab::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    commands::main(Cli::parse())
}
