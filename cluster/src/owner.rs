//! The one owner of everything that clusters leave outside this process: their folders among the temporary files, and the
//! processes in them. A folder and a process are made and recorded in one step, so whoever ends them (the cluster, an error, a
//! panic, a signal) finds all of them.

use anyhow::{Context, Result, bail};
use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};
use std::{
    collections::BTreeMap,
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The folders of all clusters, each with the processes that run in it and are not reaped. While a process is not reaped, no
/// other process can get its id, so a signal never reaches a foreign one.
static OWNED: Mutex<Clusters> = Mutex::new(BTreeMap::new());

type Clusters = BTreeMap<PathBuf, Vec<Pid>>;

fn owned() -> MutexGuard<'static, Clusters> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder of a cluster. With this value its processes end and the folder goes away.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates a folder among the system's temporary files. Only its owner can look into it.
    pub(crate) fn make() -> Result<Folder> {
        let mut owned = owned();
        let folder = tempfile::Builder::new()
            .prefix("indoubt-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .context("cannot create a folder for the cluster's data")?;
        let path = folder.keep();
        owned.insert(path.clone(), Vec::new());
        Ok(Folder(path))
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut owned = owned();
        if let Some(processes) = owned.remove(&self.0) {
            remove(&self.0, &processes);
        }
    }
}

/// Starts a process of the cluster in this folder. Refuses if the cluster has ended in the meantime: its folder would come back.
///
/// The process gets a group of its own, so that Ctrl-C on a terminal reaches the lab alone, which then ends all processes.
pub(crate) fn spawn(folder: &Path, command: &mut Command) -> Result<Child> {
    let mut owned = owned();
    let Some(processes) = owned.get_mut(folder) else { bail!("the cluster has ended") };
    let child = command.process_group(0).spawn()?;
    processes.push(Pid::from_child(&child));
    Ok(child)
}

/// Sends a signal to a process, unless it was reaped.
pub(crate) fn signal(folder: &Path, child: &Child, signal: Signal) -> Result<(), Errno> {
    let pid = Pid::from_child(child);
    match owned().get(folder) {
        Some(processes) if processes.contains(&pid) => kill_process(pid, signal),
        _ => Ok(()),
    }
}

/// Runs `reap`, which may reap a process. If it did, forgets the process before anyone can signal its id.
pub(crate) fn reap<T>(folder: &Path, child: &mut Child, reap: impl FnOnce(&mut Child) -> Option<T>) -> Option<T> {
    let mut owned = owned();
    let reaped = reap(child);
    if reaped.is_some()
        && let Some(processes) = owned.get_mut(folder)
    {
        let pid = Pid::from_child(child);
        processes.retain(|other| *other != pid);
    }
    reaped
}

/// Waits until a process has ended. Does not reap it.
pub(crate) fn wait(pid: Pid) {
    let end = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    // Any other error says that the process was reaped already.
    while end().is_err_and(|error| error == Errno::INTR) {}
}

/// Ends every process and removes every folder, before this process ends. Nothing can be made after this. Returns the number of
/// processes.
pub(crate) fn end_all() -> usize {
    let owned = owned();
    owned.iter().for_each(|(folder, processes)| remove(folder, processes));
    let count = owned.values().map(Vec::len).sum();
    // The lock is never released.
    std::mem::forget(owned);
    count
}

/// Kills the processes, waits until they have ended, and removes the folder. While a process still ends, it could create a file,
/// and then the folder could not be removed. Another thread of the lab could do so too, so the folder is renamed first.
fn remove(folder: &Path, processes: &[Pid]) {
    for pid in processes {
        _ = kill_process(*pid, Signal::KILL);
    }
    processes.iter().copied().for_each(wait);
    let mut removed = folder.as_os_str().to_owned();
    removed.push(".removed");
    let removed = Path::new(&removed);
    let gone = if std::fs::rename(folder, removed).is_ok() { removed } else { folder };
    _ = std::fs::remove_dir_all(gone);
}
