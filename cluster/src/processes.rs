//! The processes that the lab starts. The lab ends each one by its id: when the cluster ends, on an error, on a panic, and on a
//! signal ([`crate::owner`]). If the lab itself is killed, its nodes see that their standard input closes, and end by themselves.

use crate::{owner, stderr_tail::StderrTail};
use anyhow::{Context, Result, bail};
use indoubt_node::Ready;
use rustix::process::{Pid, Signal};
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long to wait until a node is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long to wait until a node ends after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(10);

/// One node's process.
pub(crate) struct Process {
    child: Child,
    name: String,
    /// The folder of its cluster.
    folder: PathBuf,
    /// Is held open. When it closes, the node knows that the lab has died.
    _stdin: Option<ChildStdin>,
    stderr: StderrTail,
    reaped: bool,
}

impl Process {
    /// Starts `program` in the cluster of this folder, and waits for its readiness line.
    pub(crate) fn start(folder: &Path, program: &Path, args: &[String]) -> Result<(Process, Ready)> {
        let name = args.iter().skip_while(|a| *a != "--id").nth(1).cloned().unwrap_or_else(|| "a node".into());
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            owner::spawn(folder, &mut command).with_context(|| format!("cannot start the process of {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = StderrTail::read(child.stderr.take().expect("it was piped"));
        let mut process = Process { child, name, folder: folder.to_owned(), _stdin: stdin, stderr, reaped: false };
        let ready = process.readiness(stdout)?;
        Ok((process, ready))
    }

    fn readiness(&mut self, stdout: impl Read + Send + 'static) -> Result<Ready> {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            let first = lines.by_ref().map_while(Result::ok).find_map(|line| line.parse::<Ready>().ok());
            _ = tell.send(first);
            // Later output is read and dropped, so that it cannot fill the pipe.
            lines.for_each(drop);
        });
        match told.recv_timeout(READY_WITHIN) {
            Ok(Some(ready)) => Ok(ready),
            Ok(None) => {
                let status = self.reap()?;
                bail!("{} ended before it was ready ({status}): {}", self.name, self.stderr.text())
            }
            Err(_) => bail!("{} was not ready within {} s", self.name, READY_WITHIN.as_secs()),
        }
    }

    /// Kills the process with SIGKILL, and waits until it has ended.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.reap().map(drop)
    }

    /// Freezes the process with SIGSTOP.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Resumes the process with SIGCONT.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Asks the process to end with SIGTERM, and kills it if it does not end in time. An error if it could not end well, for
    /// example because it could not write its trace.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.signal(Signal::CONT)?;
        self.signal(Signal::TERM)?;
        let begin = std::time::Instant::now();
        while begin.elapsed() < END_WITHIN {
            match self.ended() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended with an error ({status}): {}", self.name, self.stderr.text()),
                None => {}
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.kill()?;
        bail!("{} did not end within {} s", self.name, END_WITHIN.as_secs())
    }

    /// What the process said last, if it has ended by itself: its exit status, and the last lines of its standard error.
    pub(crate) fn casualty(&mut self) -> Option<String> {
        let status = self.ended()?;
        Some(format!("{} ended by itself ({status}): {}", self.name, self.stderr.text()))
    }

    /// The exit status, if the process has ended by itself.
    fn ended(&mut self) -> Option<ExitStatus> {
        if self.reaped {
            return None;
        }
        let status = owner::reap(&self.folder, &mut self.child, |child| child.try_wait().ok().flatten());
        self.reaped = status.is_some();
        status
    }

    /// The current memory of the process (resident set), in bytes.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        owner::signal(&self.folder, &self.child, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        // Others may start and signal processes while this one ends.
        owner::wait(Pid::from_child(&self.child));
        let status = owner::reap(&self.folder, &mut self.child, |child| child.wait().ok());
        self.reaped = true;
        status.with_context(|| format!("cannot wait for {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            _ = self.kill();
        }
    }
}
