//! Lines on standard output, with colours only where they are wanted. A reader that has gone, such as a closed pager, is no
//! error; anything else that prevents printing is.

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

/// What [`outln`] does.
pub(crate) fn print(words: fmt::Arguments<'_>) {
    match writeln!(anstream::stdout().lock(), "{words}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            // A full disk, for example: half of the output in a file must not be taken for all of it.
            anstream::eprintln!("error: cannot print: {error}");
            std::process::exit(2);
        }
        _ => {}
    }
}
