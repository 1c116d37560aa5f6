//! The processes that the lab starts. The lab ends each one by its id: when the cluster ends, on an error, on a panic, and on
//! Ctrl-C. If the lab itself is killed, its nodes see that their standard input closes, and end by themselves.

use anyhow::{Context, Result, bail};
use indoubt_node::Ready;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// The ids of all running processes. An id is removed before its process is reaped, so that a signal can never reach a foreign
/// process that got the same id.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// The folders of all existing clusters, so that a signal leaves nothing behind on the disk.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The folder of a cluster. It is removed with this value, or when a signal ends the lab.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Creates a folder among the system's temporary files.
    pub(crate) fn make() -> Result<Folder> {
        let folder = tempfile::Builder::new()
            .prefix("indoubt-")
            .tempdir()
            .context("cannot create a folder for the cluster's data")?;
        FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.path().to_owned());
        Ok(Folder(folder))
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(self.0.path());
    }
}

/// How long to wait until a node is ready.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// How long to wait until a node ends after SIGTERM.
const END_WITHIN: Duration = Duration::from_secs(10);

/// One node's process.
pub(crate) struct Process {
    child: Child,
    name: String,
    /// Is held open. When it closes, the node knows that the lab has died.
    _stdin: Option<ChildStdin>,
    reaped: bool,
}

impl Process {
    /// Starts `program` and waits for its readiness line. Its standard error goes to `log`.
    pub(crate) fn start(program: &Path, args: &[String], log: &Path) -> Result<(Process, Ready)> {
        let name = args.iter().skip_while(|a| *a != "--id").nth(1).cloned().unwrap_or_else(|| "a node".into());
        let stderr = std::fs::OpenOptions::new().create(true).append(true).open(log);
        let stderr = stderr.with_context(|| format!("cannot open the log of {name}"))?;
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("cannot start the process of {name}"))?;
        running.insert(child.id() as i32);
        drop(running);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it was piped");
        let mut process = Process { child, name, _stdin: stdin, reaped: false };
        let ready = process.readiness(stdout, log)?;
        Ok((process, ready))
    }

    fn readiness(&mut self, stdout: impl Read + Send + 'static, log: &Path) -> Result<Ready> {
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
                let said = std::fs::read_to_string(log).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                bail!(
                    "{} ended before it was ready ({status}): {}",
                    self.name,
                    last.into_iter().rev().collect::<Vec<_>>().join(" | ")
                )
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

    /// Asks the process to end with SIGTERM, and kills it if it does not end in time. Returns whether it ended with status 0.
    pub(crate) fn end(&mut self) -> Result<bool> {
        self.signal(Signal::CONT)?;
        self.signal(Signal::TERM)?;
        let begin = std::time::Instant::now();
        while begin.elapsed() < END_WITHIN {
            if let Some(status) = self.child.try_wait().context("cannot wait for a process")? {
                self.forget();
                return Ok(status.success());
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.kill()?;
        Ok(false)
    }

    /// The exit status, if the process has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.reaped {
            return None;
        }
        let status = self.child.try_wait().ok().flatten();
        if status.is_some() {
            self.forget();
        }
        status
    }

    /// The current memory of the process (resident set), in bytes.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|l| l.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        if self.reaped {
            return Ok(());
        }
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    fn reap(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name));
        self.forget();
        status
    }

    fn forget(&mut self) {
        self.reaped = true;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&(self.child.id() as i32));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            _ = self.kill();
        }
    }
}

/// On SIGINT or SIGTERM: kills every process that runs, removes the folders of all clusters, calls `clean_up`, and ends this
/// process with the status that shells expect: 128 and the signal's number.
pub fn end_all_on_signals(clean_up: impl FnOnce() + Send + 'static) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        runtime.block_on(async move {
            let (mut interrupt, mut terminate) =
                match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
                    (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
                    (Err(error), _) | (_, Err(error)) => return drop(tell.send(Err(error))),
                };
            _ = tell.send(Ok(()));
            let status = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            // The lock is not released, so that no process starts while this one ends.
            let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
            for pid in running.iter().copied().filter_map(Pid::from_raw) {
                _ = kill_process(pid, Signal::KILL);
            }
            for folder in FOLDERS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                _ = std::fs::remove_dir_all(folder);
            }
            clean_up();
            match running.len() {
                0 => eprintln!("interrupted"),
                count => eprintln!("interrupted: {count} node processes ended"),
            }
            std::process::exit(status);
        });
    });
    told.recv().context("the signal handler did not start")?.context("cannot handle signals")
}
