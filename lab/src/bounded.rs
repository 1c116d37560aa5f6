//! Reads text files that people name, up to a limit: a wrong name such as `/dev/zero` is an error, not an endless read.

use anyhow::{Context, Result, bail};
use std::{fs::File, io::Read, path::Path};

/// The text of a file of at most `most` bytes. `what` names it in errors.
pub(crate) fn read_text(path: &Path, what: &str, most: usize) -> Result<String> {
    let place = || format!("cannot read {what} {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(place)?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).with_context(place)?;
    if bytes.len() > most {
        bail!("{what} {} is larger than {most} bytes", path.display());
    }
    String::from_utf8(bytes).with_context(place)
}
