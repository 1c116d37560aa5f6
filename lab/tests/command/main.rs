//! Tests of the command from outside: its exit statuses, its errors, and the results that it writes.

mod answers;
mod nodes;
mod results;
mod signals;
mod studies;

use assert_cmd::Command;
use std::{fs, path::Path};

pub(crate) fn indoubt() -> Command {
    Command::new(env!("CARGO_BIN_EXE_indoubt"))
}

/// Runs the command. Returns its exit status, standard output and standard error.
pub(crate) fn said(args: &[&str], folder: &Path) -> (i32, String, String) {
    let output = indoubt().args(args).current_dir(folder).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
