//! Printing for people and programs: to standard output, in colours only where they are wanted, and without a word when
//! whoever read it has gone. A pager that was closed has seen enough.

use std::{
    fmt,
    io::{ErrorKind, Write},
};

/// Prints a line to standard output.
macro_rules! say {
    () => { $crate::say::line(format_args!("")) };
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}
pub(crate) use say;

pub(crate) fn line(words: fmt::Arguments<'_>) {
    match writeln!(anstream::stdout().lock(), "{words}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // A full disk, say: whoever reads the file later must not take half of it for all.
            anstream::eprintln!("error: cannot print: {error}");
            std::process::exit(2);
        }
        _ => {}
    }
}
