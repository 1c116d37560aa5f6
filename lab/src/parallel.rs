//! Runs many jobs on several threads, and keeps their results in order.

use anyhow::Result;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Applies `work` to all items on `threads` threads. The results are in the order of the items. The first error ends all work.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<R>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while let Some((item, slot)) = {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    items.get(i).zip(results.get(i))
                } {
                    let result = work(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    *slot.lock().expect("no holder of this lock panics") = Some(result);
                }
            });
        }
    });
    let mut values = Vec::with_capacity(items.len());
    let mut missing = false;
    for slot in results {
        match slot.into_inner().expect("no holder of this lock panics") {
            Some(result) => values.push(result?),
            None => missing = true,
        }
    }
    assert!(!missing, "an item is left out only after an error, which was returned above");
    Ok(values)
}
