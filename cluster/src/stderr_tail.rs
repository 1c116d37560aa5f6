//! The last lines that a node wrote to its standard error. The lab reads them through a pipe and keeps them in memory, so a node
//! whose disk is full can still say so.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

/// How many lines are kept.
const KEPT: usize = 5;

/// The last lines of one process.
pub(crate) struct StderrTail {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl StderrTail {
    /// Begins to read the standard error of a process, until that ends.
    pub(crate) fn read(stderr: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == KEPT {
                    kept.pop_front();
                }
                kept.push_back(String::from_utf8_lossy(&line).into_owned());
            }
        });
        StderrTail { lines, reader: Some(reader) }
    }

    /// The last lines of a process that has ended, or a remark that there are none.
    pub(crate) fn text(&mut self) -> String {
        // The pipe ends with the process. Until then the reader may not have read everything.
        if let Some(reader) = self.reader.take() {
            _ = reader.join();
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() { "it said nothing".into() } else { lines.iter().cloned().collect::<Vec<_>>().join(" | ") }
    }
}
