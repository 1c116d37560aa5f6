//! Writes files, each completely or not at all.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{fs, path::Path};

/// Writes pretty JSON with a newline at its end.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_text(path, &(serde_json::to_string_pretty(value)? + "\n"))
}

/// Writes a text file. If this is interrupted, the file stays as it was.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}
