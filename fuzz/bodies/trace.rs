//! Lines of a trace: what the reader accepts is the same observation after writing it back.

use indoubt_judge::trace::{from_json_line, to_json_line};

/// Whether this text is a line of a trace.
///
/// # Panics
/// If a line that was accepted is refused, or is another one, after writing it back.
pub(crate) fn accepts(text: &str) -> bool {
    let Ok(seen) = from_json_line(text) else { return false };
    let written = to_json_line(&seen);
    match from_json_line(&written) {
        Ok(again) => assert_eq!(again, seen, "{text} was written back as {written}"),
        Err(error) => panic!("{text} was written back as {written}, which is refused: {error}"),
    }
    true
}
