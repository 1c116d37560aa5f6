//! Prints lines to standard output, with colours only on terminals that want them. If the reader has closed the pipe (a pager,
//! for example), the command ends quietly. Every other failure to print is an error.

use std::{
    fmt,
    io::{ErrorKind, Write},
};

/// Prints a line to standard output.
macro_rules! outln {
    () => { $crate::output::line::print(format_args!("")) };
    ($($words:tt)*) => { $crate::output::line::print(format_args!($($words)*)) };
}
pub(crate) use outln;

/// The function behind [`outln`].
pub(crate) fn print(words: fmt::Arguments<'_>) {
    match writeln!(anstream::stdout().lock(), "{words}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // The disk is full, for example. Half of the output must not be taken for all of it.
            anstream::eprintln!("error: cannot print: {error}");
            std::process::exit(2);
        }
        _ => {}
    }
}
