//! Writes files, each completely or not at all.

use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
};

/// Writes pretty JSON with a newline at its end.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_text(path, &(serde_json::to_string_pretty(value)? + "\n"))
}

/// Writes a text file. If this is interrupted, the file stays as it was.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = Path::new(&unfinished);
    let written = create_new(unfinished).and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(unfinished, path)).with_context(|| format!("cannot write {}", path.display()))
}

/// Creates a file that was not there before. What an interrupt left under its name is removed, and a symbolic link of that name is
/// not followed: it could point to any file of the user.
fn create_new(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => File::create_new(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_file_of_an_interrupt_is_replaced_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let [file, unfinished, target] = ["a", "a.unfinished", "target"].map(|name| folder.path().join(name));
        fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, &unfinished).unwrap();
        write_text(&file, "text").unwrap();
        assert_eq!(
            (fs::read_to_string(&target).unwrap(), fs::read_to_string(&file).unwrap()),
            ("mine".into(), "text".into())
        );
        fs::write(&unfinished, "torn, and longer than the text").unwrap();
        write_text(&file, "text").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        assert!(!file.is_symlink() && !unfinished.exists());
    }
}
