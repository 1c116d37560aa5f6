//! Trace files: the observations of one node, over all its incarnations. They are appended with plain writes, so that they survive a
//! SIGKILL. A frame is a length (u32, little-endian) and a [`Stamped`] in postcard. `t_us` is the time of CLOCK_MONOTONIC, and `seq`
//! counts the frames of the file.

use crate::{clock, error::NodeError};
use indoubt_proto::{
    ids::NodeId,
    observation::{Observation, Stamped},
    time::Micros,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// The number of bytes of a frame's length.
const HEAD: usize = 4;

/// Appends to a trace file. Observations are collected in memory until [`Trace::flush`].
#[derive(Debug)]
pub(crate) struct Trace {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    node: NodeId,
    seq: u64,
    /// The time of the current step, if there is one.
    step: Option<Micros>,
}

impl Trace {
    /// Opens `path` to append to it. A torn last frame, which a kill in the middle of a write leaves, is cut off.
    pub(crate) fn open(path: &Path, node: NodeId) -> Result<Trace, NodeError> {
        let opened = || {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
            let (frames, end) = whole_frames(&file)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok((file, frames))
        };
        let path = path.to_owned();
        match opened() {
            Ok((file, seq)) => Ok(Trace { path, file, buffer: Vec::new(), node, seq, step: None }),
            Err(error) => Err(NodeError::Trace { path, error }),
        }
    }

    /// Begins a step. All observations of a step have one time, as in the virtual world. So a lock that is granted in the step that
    /// requests it shows no wait.
    pub(crate) fn begin_step(&mut self) {
        self.step = Some(clock::now());
    }

    /// Gives the rest of the current step, if there is one, a new time after a halt.
    pub(crate) fn renew_step(&mut self) {
        self.step = self.step.map(|_| clock::now());
    }

    /// Ends the step.
    pub(crate) fn end_step(&mut self) {
        self.step = None;
    }

    /// Adds an observation with the time of the current step, or with the current time if there is no step.
    pub(crate) fn add(&mut self, what: Observation) {
        let now = self.step.unwrap_or_else(clock::now);
        let stamped = Stamped { t_us: now.0 as i64, seq: self.seq, node: self.node, what };
        self.seq += 1;
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEAD]);
        self.buffer = postcard::to_extend(&stamped, std::mem::take(&mut self.buffer))
            .expect("observations are plain data, and a vector takes whatever comes");
        let length = (self.buffer.len() - at - HEAD) as u32;
        self.buffer[at..at + HEAD].copy_from_slice(&length.to_le_bytes());
    }

    /// Writes everything to the file with one write.
    pub(crate) fn flush(&mut self) -> Result<(), NodeError> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer).map_err(|error| NodeError::Trace { path: self.path.clone(), error })?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// The number of whole frames of a file, and the offset of their end.
fn whole_frames(file: &File) -> io::Result<(u64, u64)> {
    let size = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut frames, mut end) = (0, 0);
    while end + HEAD as u64 <= size {
        let mut head = [0; HEAD];
        reader.read_exact(&mut head)?;
        let length = u32::from_le_bytes(head);
        if end + HEAD as u64 + u64::from(length) > size {
            break;
        }
        reader.seek_relative(i64::from(length))?;
        end += HEAD as u64 + u64::from(length);
        frames += 1;
    }
    Ok((frames, end))
}

/// Reads a trace file. A torn last frame is left out: its writer was killed in the middle of a write, or is still writing.
///
/// # Errors
/// If the file cannot be read, or a whole frame is not an observation (`InvalidData`, with the offset).
pub fn read_trace(path: &Path) -> io::Result<Vec<Stamped>> {
    let bytes = std::fs::read(path)?;
    let mut trace = Vec::new();
    let mut at = 0;
    while let Some((head, rest)) = bytes[at..].split_first_chunk::<HEAD>() {
        let Some(frame) = rest.get(..u32::from_le_bytes(*head) as usize) else { break };
        let stamped = postcard::from_bytes(frame).map_err(|error| {
            let text = format!("{}: there is no valid observation at offset {at}: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        trace.push(stamped);
        at += HEAD + frame.len();
    }
    Ok(trace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::ids::Lsn;

    fn write(path: &Path, what: impl IntoIterator<Item = Observation>) {
        let mut trace = Trace::open(path, NodeId::coordinating(1)).unwrap();
        what.into_iter().for_each(|o| trace.add(o));
        trace.flush().unwrap();
    }

    fn durable(upto: u64) -> Observation {
        Observation::Durable { upto: Lsn(upto) }
    }

    #[test]
    fn what_is_written_is_read_and_seq_goes_on_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c1.trace");
        write(&path, [durable(1), durable(2)]);
        write(&path, [durable(3)]);
        let trace = read_trace(&path).unwrap();
        assert_eq!(trace.iter().map(|s| s.seq).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(trace[2].what, durable(3));
        assert!(trace.is_sorted_by_key(|s| s.t_us));
    }

    #[test]
    fn a_torn_last_frame_is_left_out_and_cut_before_more_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c1.trace");
        write(&path, [durable(1), durable(2)]);
        let whole = std::fs::read(&path).unwrap();
        for cut in whole.len() / 2 + 1..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(read_trace(&path).unwrap().len(), 1, "cut at {cut}");
            write(&path, [durable(3)]);
            let what: Vec<_> = read_trace(&path).unwrap().into_iter().map(|s| s.what).collect();
            assert_eq!(what, [durable(1), durable(3)], "cut at {cut}");
        }
    }

    #[test]
    fn nonsense_before_the_tail_is_an_error_with_its_offset() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c1.trace");
        std::fs::write(&path, [1, 0, 0, 0, 0xff, 0, 0, 0, 0]).unwrap();
        let error = read_trace(&path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("offset 0"), "{error}");
    }
}
