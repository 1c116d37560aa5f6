//! What a signal does that asks the lab to end.

use crate::owner;
use anyhow::{Context, Result};
use std::{
    io,
    sync::mpsc::{self, Sender},
    thread,
};
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::mpsc::unbounded_channel,
};

/// The signals that end the lab: SIGINT (Ctrl-C), SIGHUP (the terminal was closed), SIGQUIT and SIGTERM.
const ENDING: [SignalKind; 4] =
    [SignalKind::interrupt(), SignalKind::hangup(), SignalKind::quit(), SignalKind::terminate()];

/// On SIGINT, SIGHUP, SIGQUIT or SIGTERM: ends every process that runs, removes the folders of all clusters, calls `clean_up`, and
/// ends this process with the status that shells expect: 128 and the signal's number. SIGHUP stays without effect if it was when
/// the lab started (`nohup`).
pub fn end_all_on_signals(clean_up: impl FnOnce() + Send + 'static) -> Result<()> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        if let Some(status) = first_signal(&tell) {
            let ended = owner::end_all();
            clean_up();
            match ended {
                0 => eprintln!("interrupted"),
                count => eprintln!("interrupted: {count} node processes ended"),
            }
            std::process::exit(status);
        }
    });
    told.recv().context("the signal handler did not start")?.context("cannot handle signals")
}

/// Waits for the first signal. Returns the exit status that belongs to it; `None` if signals cannot be handled.
fn first_signal(tell: &Sender<io::Result<()>>) -> Option<i32> {
    let (arrived, mut first) = unbounded_channel();
    let listen = || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        for kind in ENDING.into_iter().filter(|kind| *kind != SignalKind::hangup() || !ignores_hangup()) {
            let (mut signal, arrived) = (signal(kind)?, arrived.clone());
            runtime.spawn(async move {
                signal.recv().await;
                _ = arrived.send(128 + kind.as_raw_value());
            });
        }
        drop(entered);
        Ok(runtime)
    };
    match listen() {
        Ok(runtime) => {
            _ = tell.send(Ok(()));
            runtime.block_on(first.recv())
        }
        Err(error) => {
            _ = tell.send(Err(error));
            None
        }
    }
}

/// Whether whoever started this process made it ignore SIGHUP, as `nohup` does. Its children then ignore it too.
pub fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The mask has the signals from 1, and SIGHUP is 1.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
