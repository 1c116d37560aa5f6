//! What a node says on its standard error. The lab reads it through a pipe and keeps the last lines in memory: a node whose disk is
//! full can still say so.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

/// How many lines are kept.
const KEPT: usize = 5;

/// The last lines of one process.
pub(crate) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl LastWords {
    /// Reads the standard error of a process until it ends.
    pub(crate) fn listen(stderr: impl Read + Send + 'static) -> Self {
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
        LastWords { lines, reader: Some(reader) }
    }

    /// What a process said last that has ended.
    pub(crate) fn told(&mut self) -> String {
        // The pipe ends with the process. Until then the reader may not have read everything.
        if let Some(reader) = self.reader.take() {
            _ = reader.join();
        }
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() { "it said nothing".into() } else { lines.iter().cloned().collect::<Vec<_>>().join(" | ") }
    }
}
